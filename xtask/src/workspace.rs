//! What `cargo metadata` says of the workspace, cut down to what the commands ask.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Deserialize;

use crate::cargo;
use crate::error::Error;

/// The workspace: where it is, and its member crates with what they depend on.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) members: Vec<Member>,
}

/// A crate of the workspace.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) published: bool,
    /// The dependencies that its manifest names.
    pub(crate) named: Vec<Dependency>,
    /// Everything that is built into it, directly or not, development dependencies left out.
    pub(crate) reached: BTreeSet<String>,
}

/// One line of a manifest's dependency tables.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) kind: Kind,
}

/// The table a dependency stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(from = "Option<String>")]
pub(crate) enum Kind {
    #[default]
    Normal,
    Build,
    Dev,
}

impl From<Option<String>> for Kind {
    fn from(text: Option<String>) -> Self {
        match text.as_deref() {
            Some("dev") => Self::Dev,
            Some("build") => Self::Build,
            _ => Self::Normal,
        }
    }
}

/// Asks cargo for the workspace that the current folder belongs to, all features on.
///
/// # Errors
/// If cargo cannot be run, fails, or answers in a form that we do not know.
pub(crate) fn load() -> Result<Workspace, Error> {
    let mut command = cargo::command();
    command.args(["metadata", "--format-version", "1", "--all-features"]);
    command.stderr(std::process::Stdio::inherit());
    let output = command.output().map_err(cargo::start_error(&command))?;
    cargo::ensure_success(&command, output.status)?;
    let answer: Answer = serde_json::from_slice(&output.stdout)?;
    Ok(distil(answer))
}

#[derive(Debug, Deserialize)]
struct Answer {
    packages: Vec<Package>,
    workspace_members: BTreeSet<String>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
    resolve: Resolve,
}

#[derive(Debug, Deserialize)]
struct Package {
    id: String,
    name: String,
    manifest_path: PathBuf,
    /// `None`: published anywhere; an empty list: nowhere.
    publish: Option<Vec<String>>,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<NodeDependency>,
}

#[derive(Debug, Deserialize)]
struct NodeDependency {
    pkg: String,
    dep_kinds: Vec<NodeKind>,
}

#[derive(Debug, Deserialize)]
struct NodeKind {
    #[serde(default)]
    kind: Kind,
}

fn distil(answer: Answer) -> Workspace {
    let names: BTreeMap<&str, &str> = answer
        .packages
        .iter()
        .map(|package| (package.id.as_str(), package.name.as_str()))
        .collect();
    let built_with = built_with(&answer.resolve);
    let mut members: Vec<Member> = answer
        .packages
        .iter()
        .filter(|package| answer.workspace_members.contains(&package.id))
        .map(|package| Member {
            name: package.name.clone(),
            folder: package
                .manifest_path
                .parent()
                .map_or_else(PathBuf::new, PathBuf::from),
            published: package.publish.is_none(),
            named: package.dependencies.clone(),
            reached: closure(&package.id, &built_with)
                .into_iter()
                .filter_map(|id| names.get(id))
                .map(|name| (*name).to_owned())
                .collect(),
        })
        .collect();
    members.sort_by(|a, b| a.name.cmp(&b.name));
    Workspace {
        root: answer.workspace_root,
        target: answer.target_directory,
        members,
    }
}

/// Per package id, the ids that are built into it or run to build it.
fn built_with(resolve: &Resolve) -> BTreeMap<&str, Vec<&str>> {
    let built = |dependency: &&NodeDependency| {
        dependency
            .dep_kinds
            .iter()
            .any(|kind| kind.kind != Kind::Dev)
    };
    resolve
        .nodes
        .iter()
        .map(|node| {
            let deps = node.deps.iter().filter(built);
            (node.id.as_str(), deps.map(|dep| dep.pkg.as_str()).collect())
        })
        .collect()
}

fn closure<'a>(start: &str, edges: &BTreeMap<&str, Vec<&'a str>>) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<&str> = vec![start];
    while let Some(id) = open.pop() {
        for &next in edges.get(id).into_iter().flatten() {
            if seen.insert(next) {
                open.push(next);
            }
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn development_dependencies_are_named_but_not_reached() {
        let answer = r#"{
            "packages": [
                {"id": "a", "name": "alpha", "manifest_path": "/w/alpha/Cargo.toml", "publish": null,
                 "dependencies": [{"name": "beta", "kind": null, "features": ["x"]}, {"name": "gamma", "kind": "dev"}]},
                {"id": "b", "name": "beta", "manifest_path": "/r/beta/Cargo.toml", "publish": null, "dependencies": []},
                {"id": "c", "name": "gamma", "manifest_path": "/r/gamma/Cargo.toml", "publish": null, "dependencies": []},
                {"id": "d", "name": "delta", "manifest_path": "/w/delta/Cargo.toml", "publish": [], "dependencies": []}
            ],
            "workspace_members": ["a", "d"],
            "workspace_root": "/w",
            "target_directory": "/w/target",
            "resolve": {"nodes": [
                {"id": "a", "deps": [
                    {"pkg": "b", "dep_kinds": [{"kind": null}]},
                    {"pkg": "c", "dep_kinds": [{"kind": "dev"}]}]},
                {"id": "b", "deps": [{"pkg": "d", "dep_kinds": [{"kind": "build"}]}]},
                {"id": "c", "deps": []},
                {"id": "d", "deps": []}
            ]}
        }"#;
        let workspace = distil(serde_json::from_str(answer).unwrap());
        let [alpha, delta] = &workspace.members[..] else {
            panic!("two members expected: {:?}", workspace.members);
        };
        assert_eq!(alpha.folder, PathBuf::from("/w/alpha"));
        assert_eq!(
            alpha.reached,
            BTreeSet::from(["beta".to_owned(), "delta".to_owned()])
        );
        assert_eq!(
            alpha.named.iter().map(|d| d.kind).collect::<Vec<_>>(),
            [Kind::Normal, Kind::Dev]
        );
        assert!(alpha.published && !delta.published);
    }
}
