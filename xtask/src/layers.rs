//! `cargo xtask layers`: dependencies point down only.

mod rules;
mod sources;

use std::collections::BTreeSet;

use crate::error::Error;
use crate::workspace::{self, Dependency, Kind, Member};
use rules::{Below, Outside, RULES, Rule, TEST_DRIVERS};

/// Checks the workspace against the table of layers and prints what breaks it.
///
/// # Errors
/// If a rule is broken, or cargo or a source file cannot be read.
pub(crate) fn run() -> Result<(), Error> {
    let workspace = workspace::load()?;
    let mut broken = broken_edges(&workspace.members, RULES);
    for rule in RULES.iter().filter(|rule| rule.pure) {
        for member in workspace.members.iter().filter(|m| m.name == rule.name) {
            broken.extend(sources::impurities(&member.folder.join("src"))?);
        }
    }
    if broken.is_empty() {
        println!(
            "layers: {} crates, each depends only on the layers below it",
            workspace.members.len()
        );
        return Ok(());
    }
    for line in &broken {
        eprintln!("{line}");
    }
    Err(Error::Layers {
        found: broken.len(),
    })
}

/// Every rule that a crate's dependencies break, one sentence each.
fn broken_edges(members: &[Member], rules: &[Rule]) -> Vec<String> {
    let ours: BTreeSet<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let mut broken = Vec::new();
    for rule in rules.iter().filter(|rule| !ours.contains(rule.name)) {
        broken.push(format!(
            "{}: stands in the table of layers but not in the workspace",
            rule.name
        ));
    }
    for member in members {
        match rules.iter().find(|rule| rule.name == member.name) {
            Some(rule) => broken.extend(broken_by(member, rule, &ours)),
            None => broken.push(format!(
                "{}: has no row in the table of layers; add one that says what it may know",
                member.name
            )),
        }
    }
    broken
}

fn broken_by(member: &Member, rule: &Rule, ours: &BTreeSet<&str>) -> Vec<String> {
    let mut broken = Vec::new();
    for dependency in &member.named {
        let what = if ours.contains(dependency.name.as_str()) {
            inside(dependency, rule)
        } else {
            outside(dependency, rule)
        };
        broken.extend(what.map(|what| format!("{}: {what}", member.name)));
    }
    for &unwanted in rule.unreached {
        if member.reached.contains(unwanted) {
            broken.push(format!(
                "{name}: `{unwanted}` is built into it (`cargo tree -p {name} -i {unwanted} -e normal,build --all-features` shows how)",
                name = member.name
            ));
        }
    }
    broken
}

fn inside(dependency: &Dependency, rule: &Rule) -> Option<String> {
    match rule.below {
        Below::Everything => None,
        Below::Only(below) if below.contains(&dependency.name.as_str()) => None,
        Below::Only(_)
            if dependency.kind == Kind::Dev
                && TEST_DRIVERS.contains(&(rule.name, dependency.name.as_str())) =>
        {
            None
        }
        Below::Only(_) => Some(format!(
            "depends on `{}`, which is not below it",
            dependency.name
        )),
    }
}

fn outside(dependency: &Dependency, rule: &Rule) -> Option<String> {
    let name = dependency.name.as_str();
    match rule.outside {
        _ if dependency.kind == Kind::Dev => None,
        Outside::Only(allowed) if allowed.contains(&name) => None,
        Outside::Only(_) => Some(format!(
            "depends on `{name}`, which is not among the crates that it may take from outside"
        )),
        Outside::AllBut(banned) if banned.contains(&name) => Some(format!(
            "depends on `{name}`, of which it must know nothing"
        )),
        Outside::AllBut(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every crate of the table, none with a dependency.
    fn bare_workspace() -> Vec<Member> {
        let member = |rule: &Rule| Member {
            name: rule.name.to_owned(),
            folder: "unused".into(),
            published: true,
            named: Vec::new(),
            reached: BTreeSet::new(),
        };
        RULES.iter().map(member).collect()
    }

    fn check(name: &str, dependency: &str, kind: Kind, expected: &[&str]) {
        let mut members = bare_workspace();
        let member = members.iter_mut().find(|m| m.name == name).unwrap();
        member.named.push(Dependency {
            name: dependency.to_owned(),
            kind,
        });
        assert_eq!(
            broken_edges(&members, RULES),
            expected,
            "{name} -> {dependency}"
        );
    }

    #[test]
    fn edges() {
        use Kind::{Build, Dev, Normal};
        check("sync-relational", "sync-provider", Normal, &[]);
        check(
            "sync-orchestrator",
            "sync-provider-sqlite",
            Normal,
            &["sync-orchestrator: depends on `sync-provider-sqlite`, which is not below it"],
        );
        check(
            "sync-orchestrator",
            "sync-provider-sqlite",
            Dev,
            &["sync-orchestrator: depends on `sync-provider-sqlite`, which is not below it"],
        );
        check(
            "sync-provider-mssql",
            "sync-provider-sqlite",
            Normal,
            &["sync-provider-mssql: depends on `sync-provider-sqlite`, which is not below it"],
        );
        check(
            "sync-knowledge",
            "sync-metadata",
            Dev,
            &["sync-knowledge: depends on `sync-metadata`, which is not below it"],
        );
        check("sync-provider-sqlite", "sync-orchestrator", Dev, &[]);
        check(
            "sync-provider-sqlite",
            "sync-orchestrator",
            Normal,
            &["sync-provider-sqlite: depends on `sync-orchestrator`, which is not below it"],
        );
        check("sync-cli", "sync-relational", Normal, &[]);
        check("sync-cli", "sync-knowledge", Normal, &[]);
        check(
            "sync-cli",
            "tiberius",
            Normal,
            &["sync-cli: depends on `tiberius`, of which it must know nothing"],
        );
        check("sync-cli", "tiberius", Dev, &[]);
        check(
            "sync-metadata",
            "tokio",
            Normal,
            &[
                "sync-metadata: depends on `tokio`, which is not among the crates that it may take from outside",
            ],
        );
        check(
            "sync-metadata",
            "cc",
            Build,
            &[
                "sync-metadata: depends on `cc`, which is not among the crates that it may take from outside",
            ],
        );
        check("sync-knowledge", "proptest", Dev, &[]);
        check("sync-tests", "sync-provider-memory", Normal, &[]);
        check("sync-orchestrator", "sync-provider-memory", Dev, &[]);
        check(
            "sync-cli",
            "sync-provider-memory",
            Normal,
            &["sync-cli: depends on `sync-provider-memory`, which is not below it"],
        );
    }

    #[test]
    fn what_is_built_in_counts_however_it_came() {
        let mut members = bare_workspace();
        for member in &mut members {
            member.reached.insert("tiberius".to_owned());
        }
        let broken = broken_edges(&members, RULES);
        let crates: Vec<&str> = broken.iter().filter_map(|l| l.split(':').next()).collect();
        assert_eq!(
            crates,
            [
                "sync-knowledge",
                "sync-metadata",
                "sync-provider",
                "sync-decision",
                "sync-relational",
                "sync-provider-memory",
                "sync-provider-commands",
                "sync-provider-sqlite",
                "sync-orchestrator",
                "sync-fuzz",
                "sync-knowledge-benches",
                "xtask"
            ]
        );
    }

    #[test]
    fn the_table_and_the_workspace_name_the_same_crates() {
        let mut members = bare_workspace();
        members.last_mut().unwrap().name = "pristine".to_owned();
        assert_eq!(
            broken_edges(&members, RULES),
            [
                "xtask: stands in the table of layers but not in the workspace",
                "pristine: has no row in the table of layers; add one that says what it may know",
            ]
        );
    }
}
