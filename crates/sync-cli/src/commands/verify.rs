//! `syncdb verify`

use std::borrow::Cow;

use serde::Serialize;
use sync_relational::{Difference, DifferenceKind, TableVerification, Verification};

use crate::args::VerifyArgs;
use crate::context::Context;
use crate::database::{self, Database, common_scope};
use crate::exit::{Code, Failure};
use crate::json::typed;
use crate::output::{Align, Output, Table, count, key, line, paint, plural};
use crate::plain::plain;
use crate::progress::Progress;

#[derive(Debug, Serialize)]
struct VerifyDocument<'a> {
    scope: &'a str,
    equal: bool,
    tables: Vec<TableDocument<'a>>,
}

#[derive(Debug, Serialize)]
struct TableDocument<'a> {
    name: &'a str,
    rows_a: u64,
    rows_b: u64,
    not_compared: NotComparedDocument<'a>,
    differences: Vec<DifferenceDocument>,
}

/// Columns outside the scope, at either side.
#[derive(Debug, Serialize)]
struct NotComparedDocument<'a> {
    a: &'a [String],
    b: &'a [String],
}

#[derive(Debug, Serialize)]
struct DifferenceDocument {
    key: Vec<serde_json::Value>,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    known_to_a: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    known_to_b: Option<bool>,
    /// Why the row cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

pub(crate) fn run(args: &VerifyArgs, context: &Context) -> Result<Code, Failure> {
    let [a, b] = database::open_two(&args.a, &args.b, context)?;
    let scope = common_scope(args.scope.as_deref(), [&*a, &*b])?;
    let working = Progress::start("comparing");
    let found = compare(&*a, &*b, &scope, context)?;
    drop(working);
    let mut out = Output::stdout();
    if context.json {
        out.json(&document(&scope, &found));
    } else {
        show(&mut out, &scope, &found);
    }
    out.finish()?;
    Ok(if found.is_equal() {
        Code::Done
    } else {
        Code::Left
    })
}

/// Compares two databases in a scope.
pub(crate) fn compare(
    a: &dyn Database,
    b: &dyn Database,
    scope: &str,
    context: &Context,
) -> Result<Verification, Failure> {
    let (mut a, mut b) = (a.reader(scope)?, b.reader(scope)?);
    let comparing = sync_relational::verify(&mut *a, &mut *b);
    Ok(context.runtime.block_on(comparing)?)
}

fn document<'a>(scope: &'a str, found: &'a Verification) -> VerifyDocument<'a> {
    let tables = found.tables.iter().map(|table| TableDocument {
        name: &table.name,
        rows_a: table.rows_a,
        rows_b: table.rows_b,
        not_compared: NotComparedDocument {
            a: &table.not_compared_a,
            b: &table.not_compared_b,
        },
        differences: table.differences.iter().map(difference).collect(),
    });
    VerifyDocument {
        scope,
        equal: found.is_equal(),
        tables: tables.collect(),
    }
}

fn difference(difference: &Difference) -> DifferenceDocument {
    DifferenceDocument {
        key: difference.key.iter().map(typed).collect(),
        kind: difference.kind.name(),
        known_to_a: difference.known_to_a,
        known_to_b: difference.known_to_b,
        reason: difference.reason.clone(),
    }
}

/// Differences of one table that are shown to people; scripts get all of them.
const MOST_SHOWN: usize = 20;

fn show(out: &mut Output, scope: &str, found: &Verification) {
    let names = found.names.each_ref().map(|name| plain(name));
    let rows = names.each_ref().map(|name| format!("rows in {name}"));
    let mut table = Table::new(&[
        ("table", Align::Left),
        (&rows[0], Align::Right),
        (&rows[1], Align::Right),
        ("differences", Align::Right),
    ]);
    for one in &found.tables {
        let differences = count(one.differences.len() as u64);
        table.row([
            one.name.clone(),
            count(one.rows_a),
            count(one.rows_b),
            differences,
        ]);
    }
    table.write(out, 0);
    for one in found
        .tables
        .iter()
        .filter(|one| !one.differences.is_empty())
    {
        line!(out);
        line!(out, "{}", paint::heading(plain(&one.name)));
        for difference in one.differences.iter().take(MOST_SHOWN) {
            let row = match difference.key.as_slice() {
                [] => "a row".to_owned(),
                cells => key(cells),
            };
            line!(out, "  {row}: {}", plain(&in_words(difference, &names)));
        }
        let more = one.differences.len().saturating_sub(MOST_SHOWN);
        if more > 0 {
            line!(
                out,
                "  {}",
                paint::quiet(format!("and {} more; --json lists all", count(more as u64)))
            );
        }
    }
    let left_out: Vec<String> = found
        .tables
        .iter()
        .flat_map(|table| not_compared(table, &names))
        .collect();
    if !left_out.is_empty() {
        line!(out);
        line!(out, "not compared, since it is not in the scope:");
    }
    for column in &left_out {
        line!(out, "  {}", plain(column));
    }
    line!(out);
    let scope = plain(scope);
    if found.is_equal() {
        line!(
            out,
            "{} equal: {} and {} hold the same in scope {scope}",
            paint::good("✓"),
            names[0],
            names[1]
        );
    } else {
        let differences = found
            .tables
            .iter()
            .map(|table| table.differences.len() as u64)
            .sum();
        line!(
            out,
            "{} {} in scope {scope}",
            paint::odd("✗"),
            plural(differences, "difference")
        );
    }
}

/// Columns of a table outside the scope, and where they are.
fn not_compared(table: &TableVerification, names: &[Cow<'_, str>; 2]) -> Vec<String> {
    let [name_a, name_b] = names;
    let (a, b) = (&table.not_compared_a, &table.not_compared_b);
    let has = |names: &[String], name: &String| {
        names.iter().any(|other| other.eq_ignore_ascii_case(name))
    };
    let here = a.iter().map(|name| match has(b, name) {
        true => (name, format!("in {name_a} and {name_b}")),
        false => (name, format!("in {name_a}")),
    });
    let there = b.iter().filter(|name| !has(a, name));
    let all = here.chain(there.map(|name| (name, format!("in {name_b}"))));
    all.map(|(name, place)| format!("column {name} of {} ({place})", table.name))
        .collect()
}

fn in_words(difference: &Difference, [a, b]: &[Cow<'_, str>; 2]) -> String {
    let what = match difference.kind {
        DifferenceKind::MissingInA => format!("missing in {a}"),
        DifferenceKind::MissingInB => format!("missing in {b}"),
        DifferenceKind::Different => "different".to_owned(),
        DifferenceKind::DeletedInA => format!("deleted in {a}, a row in {b}"),
        DifferenceKind::DeletedInB => format!("deleted in {b}, a row in {a}"),
        DifferenceKind::NotKnownToA => {
            return format!("the same, but {a} does not know the version of {b}");
        }
        DifferenceKind::NotKnownToB => {
            return format!("the same, but {b} does not know the version of {a}");
        }
        DifferenceKind::UnreadableInA => return unreadable(difference, a),
        DifferenceKind::UnreadableInB => return unreadable(difference, b),
    };
    // A version that the other side knows does not travel any more.
    let travels = [difference.known_to_a, difference.known_to_b].contains(&Some(false));
    let outlook = match (travels, difference.kind) {
        (false, _) => "no session will mend it",
        (true, DifferenceKind::Different) => "the next session settles it",
        (true, _) => "the next session brings it, or says why it waits",
    };
    format!("{what} ({outlook})")
}

fn unreadable(difference: &Difference, place: &str) -> String {
    let reason = difference.reason.as_deref().unwrap_or_default();
    format!("not compared, since {place} has what cannot be read: {reason}")
}
