//! `syncdb provision`

mod choices;

use std::path::{Path, PathBuf};

use serde::Serialize;
use sync_metadata::ScopeDescription;
use sync_provider_sqlite::{
    DEFAULT_BUSY_TIMEOUT, Provisioned, Provisioning, TableChoice, Tables, describe,
};

use crate::args::ProvisionArgs;
use crate::context::Context;
use crate::exit::{Code, Failure};
use crate::locator::{sqlite_path, two_paths};
use crate::output::{Align, Output, Table, line, paint, plain, plural};
use crate::progress::Progress;

#[derive(Debug, Serialize)]
struct ProvisionDocument<'a> {
    database: &'a str,
    scope: &'a str,
    replica_id: String,
    tables: Vec<TableDocument<'a>>,
    warnings: &'a [String],
}

#[derive(Debug, Serialize)]
struct TableDocument<'a> {
    /// The name that all replicas share.
    name: &'a str,
    /// The name in this database.
    local_name: String,
    columns: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
struct ScriptDocument<'a> {
    statements: &'a [String],
}

pub(crate) fn run(args: ProvisionArgs, context: &Context) -> Result<Code, Failure> {
    let print_only = args.script;
    let (path, provisioning) = request(args)?;
    if print_only {
        return script(&provisioning.script(&path)?, context);
    }
    let working = Progress::start(format!("provisioning {}", path.display()));
    let done = provisioning.apply(&path)?;
    drop(working);
    let database = path.display().to_string();
    let mut out = Output::stdout();
    if context.json {
        out.json(&document(&database, &done));
    } else {
        warn(&done.warnings);
        show(&mut out, &database, &done);
    }
    out.finish()?;
    Ok(Code::Done)
}

/// How to provision a database like another one, whose scope comes with it.
pub(crate) fn like(model: &Path, scope: &str) -> Result<(Provisioning, ScopeDescription), Failure> {
    let (description, template) = describe(model, Some(scope), DEFAULT_BUSY_TIMEOUT)?;
    let tables = Tables::Like(description.clone(), template);
    Ok((Provisioning::new(scope, tables), description))
}

/// Prints statements instead of running them, as one transaction.
pub(crate) fn script(statements: &[String], context: &Context) -> Result<Code, Failure> {
    let mut out = Output::stdout();
    if context.json {
        out.json(&ScriptDocument { statements });
    } else {
        line!(out, "BEGIN IMMEDIATE;");
        for statement in statements {
            line!(out, "{};", statement.trim_end().trim_end_matches(';'));
        }
        line!(out, "COMMIT;");
    }
    out.finish()?;
    Ok(Code::Done)
}

/// Says on standard error what the user should know.
pub(crate) fn warn(warnings: &[String]) {
    use std::io::Write as _;
    for warning in warnings {
        let _ = writeln!(
            anstream::stderr(),
            "{}: {}",
            paint::warning("warning"),
            plain(warning)
        );
    }
}

fn request(args: ProvisionArgs) -> Result<(PathBuf, Provisioning), Failure> {
    let Some(model) = &args.like else {
        let path = sqlite_path(&args.database)?;
        // clap asks for a scope where there is no model.
        let scope = args.scope.clone().unwrap_or_default();
        let columns = args.columns.clone();
        if !args.all_tables {
            let tables = Tables::Listed(choices::parse(&args.table, &columns)?);
            let provisioning = Provisioning::new(scope, tables);
            return Ok((path, with_objects(provisioning, args)?));
        }
        let mut provisioning = with_objects(Provisioning::new(scope, Tables::All), args)?;
        if !columns.is_empty() {
            let all = provisioning.planned(&path)?.description.tables;
            let all = all.into_iter().map(|table| TableChoice {
                table: table.local_name.quoted(),
                global_name: Some(table.global_name),
                columns: None,
            });
            provisioning.tables = Tables::Listed(choices::with_columns(all.collect(), &columns)?);
        }
        return Ok((path, provisioning));
    };
    let [path, model] = two_paths(&args.database, model)?;
    let (description, template) = describe(&model, args.scope.as_deref(), DEFAULT_BUSY_TIMEOUT)?;
    let scope = description.name.clone();
    let provisioning = Provisioning::new(scope, Tables::Like(description, template));
    Ok((path, with_objects(provisioning, args)?))
}

fn with_objects(
    mut provisioning: Provisioning,
    args: ProvisionArgs,
) -> Result<Provisioning, Failure> {
    if let Some(schema) = args.object_schema {
        return Err(Failure::refused(
            format!("object schema {schema}"),
            "a SQLite database has no schemas",
            "leave --object-schema out, or use --object-prefix",
        ));
    }
    if args.object_prefix.is_some() {
        provisioning.object_prefix = args.object_prefix;
    }
    Ok(provisioning)
}

fn document<'a>(database: &'a str, done: &'a Provisioned) -> ProvisionDocument<'a> {
    let tables = done.description.tables.iter().map(|table| TableDocument {
        name: &table.global_name,
        local_name: table.local_name.sqlite_name(),
        columns: table
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .collect(),
    });
    ProvisionDocument {
        database,
        scope: &done.description.name,
        replica_id: done.replica.to_string(),
        tables: tables.collect(),
        warnings: &done.warnings,
    }
}

fn show(out: &mut Output, database: &str, done: &Provisioned) {
    let tables = plural(done.description.tables.len() as u64, "table");
    let (scope, database) = (plain(&done.description.name), plain(database));
    line!(
        out,
        "{} provisioned {database} for scope {} with {tables}",
        paint::good("✓"),
        paint::name(scope)
    );
    line!(out, "  replica {}", done.replica);
    line!(out);
    let mut table = Table::new(&[
        ("table", Align::Left),
        ("here", Align::Left),
        ("columns", Align::Left),
    ]);
    for one in &done.description.tables {
        let columns: Vec<&str> = one
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .collect();
        table.row([
            one.global_name.clone(),
            one.local_name.sqlite_name(),
            shortened(&columns),
        ]);
    }
    table.write(out, 2);
}

/// Names in a line that fits beside others.
fn shortened(names: &[&str]) -> String {
    const MOST: usize = 56;
    let mut text = String::new();
    for (at, name) in names.iter().enumerate() {
        let separator = if at > 0 { ", " } else { "" };
        if at > 0 && text.chars().count() + separator.len() + name.chars().count() > MOST {
            let left = names.len() - at;
            return format!("{text} and {left} more");
        }
        text.push_str(separator);
        text.push_str(name);
    }
    text
}
