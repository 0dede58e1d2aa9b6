//! `syncdb provision`

mod choices;

use std::sync::Arc;

use serde::Serialize;
use sync_relational::{Provisioned, TableChoice, Tables};

use crate::args::ProvisionArgs;
use crate::context::Context;
use crate::database::{self, Database, Order};
use crate::exit::{Code, Failure};
use crate::output::{Align, Output, Table, line, paint, plural, warn};
use crate::plain::plain;
use crate::progress::Progress;

#[derive(Debug, Serialize)]
struct ProvisionDocument<'a> {
    database: String,
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

pub(crate) fn run(args: ProvisionArgs, context: &Context) -> Result<Code, Failure> {
    let print_only = args.script;
    let (database, order) = request(args, context)?;
    if print_only {
        return super::script::print(&database.provisioning_script(&order)?, context);
    }
    let working = Progress::start(format!("provisioning {}", database.name()));
    let done = database.provision(&order)?;
    drop(working);
    let mut out = Output::stdout();
    if context.json {
        out.json(&document(&*database, &done));
    } else {
        warn(&done.warnings);
        show(&mut out, &*database, &done);
    }
    out.finish()?;
    Ok(Code::Done)
}

fn request(args: ProvisionArgs, context: &Context) -> Result<(Arc<dyn Database>, Order), Failure> {
    let Some(model) = &args.like else {
        let database = database::open(&args.database, context)?;
        // clap asks for a scope where there is no model.
        let scope = args.scope.clone().unwrap_or_default();
        let columns = args.columns.clone();
        if !args.all_tables {
            let tables = Tables::Listed(choices::parse(&args.table, &columns)?);
            return Ok((database, with_objects(Order::new(scope, tables), args)));
        }
        let mut order = with_objects(Order::new(scope, Tables::All), args);
        if !columns.is_empty() {
            let all = database.planned(&order)?.description.tables;
            let all = all.into_iter().map(|table| TableChoice {
                table: table.local_name.quoted(),
                global_name: Some(table.global_name),
                columns: None,
            });
            order.tables = Tables::Listed(choices::with_columns(all.collect(), &columns)?);
        }
        return Ok((database, order));
    };
    let [database, model] = database::open_two(&args.database, model, context)?;
    let model = model.describe(args.scope.as_deref())?;
    Ok((database, with_objects(Order::like(model), args)))
}

fn with_objects(order: Order, args: ProvisionArgs) -> Order {
    Order {
        object_prefix: args.object_prefix.or(order.object_prefix),
        object_schema: args.object_schema,
        creation: args.create,
        ..order
    }
}

fn document<'a>(database: &dyn Database, done: &'a Provisioned) -> ProvisionDocument<'a> {
    let tables = done.description.tables.iter().map(|table| TableDocument {
        name: &table.global_name,
        local_name: database.table_name(&table.local_name),
        columns: table
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .collect(),
    });
    ProvisionDocument {
        database: database.name(),
        scope: &done.description.name,
        replica_id: done.replica.to_string(),
        tables: tables.collect(),
        warnings: &done.warnings,
    }
}

fn show(out: &mut Output, database: &dyn Database, done: &Provisioned) {
    let tables = plural(done.description.tables.len() as u64, "table");
    let (scope, name) = (plain(&done.description.name), database.name());
    line!(
        out,
        "{} provisioned {} for scope {} with {tables}",
        paint::good("✓"),
        plain(&name),
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
            database.table_name(&one.local_name),
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
