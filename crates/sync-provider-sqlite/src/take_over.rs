//! Tables made like those of another SQLite database, by that database's own statements.
//!
//! Whatever a CREATE TABLE statement says (constraints, collations, generated columns, STRICT), only the statement itself says in full, so
//! it is taken over. But it comes from a file that nobody vouches for. So it is first run in a scratch database in memory, which it can do
//! nothing in but make a table or an index; there SQLite takes columns off that are not in the scope, and gives the tables the names that they
//! have here. What the scratch database then holds is read back, one statement per object. Only that reaches the database.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use sync_metadata::{ScopeDescription, TableDescription, TableName};

use crate::catalog::{self, ForeignKey, TableInfo};
use crate::create::{from_columns, from_description};
use crate::error::{At, SqliteError, message};
use crate::ident::ident;
use crate::prune::prune;
use crate::template::{TableTemplate, Template};
use crate::tokens::without_trailing_blanks;

/// A table to be made.
#[derive(Debug)]
pub(crate) struct NewTable {
    /// What it will be.
    pub(crate) info: TableInfo,
    pub(crate) sql: String,
    /// Name and statement of its indexes.
    pub(crate) indexes: Vec<(String, String)>,
}

/// The tables of a scope as they are made where nothing is, in its order, each with what is not taken over of it.
///
/// # Errors
/// Two tables or indexes would have one name, or SQLite does not take one of the names.
pub(crate) fn take_over(
    path: &Path,
    scope: &ScopeDescription,
    template: &Template,
) -> Result<Vec<(NewTable, Vec<String>)>, SqliteError> {
    let mut scratch = Scratch::open(path)?;
    let mut losses = Vec::new();
    for table in &scope.tables {
        losses.push(match template.of(table) {
            Some(model) => scratch.table(table, model, template)?,
            None => {
                let sql = from_description(&table.local_name.sqlite_name(), table);
                let made = scratch.foreign(&sql);
                made.map_err(|error| cannot_be_made(&name_here(table), &message(&error)))?;
                Vec::new()
            }
        });
    }
    scratch.rename(&scope.tables)?;
    let mut made = Vec::new();
    for (table, losses) in scope.tables.iter().zip(losses) {
        made.push((scratch.read(table)?, losses));
    }
    Ok(made)
}

/// The name of a table of the scope in a database that is made like another.
pub(crate) fn name_here(table: &TableDescription) -> String {
    TableName::parse(&table.global_name)
        .unwrap_or_else(|_| table.local_name.clone())
        .sqlite_name()
}

struct Scratch<'p> {
    db: Connection,
    /// The database that all this is for, for messages.
    path: &'p Path,
}

impl<'p> Scratch<'p> {
    fn open(path: &'p Path) -> Result<Self, SqliteError> {
        let db = Connection::open_in_memory().at(path)?;
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)
            .at(path)?;
        Ok(Scratch { db, path })
    }

    /// Makes a table under the name that it has at the other database, and says what of it is lost.
    fn table(
        &mut self,
        table: &TableDescription,
        model: &TableTemplate,
        template: &Template,
    ) -> Result<Vec<String>, SqliteError> {
        let name = &model.info.name;
        let mut losses: Vec<String> = (model.foreign_keys.iter())
            .filter(|key| !template.holds(&key.parent))
            .map(|key| {
                format!(
                    "foreign key ({}) of table {name} is not taken over: {} is not in the scope",
                    key.from.join(", "),
                    key.parent
                )
            })
            .collect();
        self.db.execute_batch("SAVEPOINT made").at(self.path)?;
        match self.own_statement(table, model, template) {
            Ok(lost) => losses.extend(lost),
            Err(why) => {
                self.db.execute_batch("ROLLBACK TO made").at(self.path)?;
                for sql in from_columns(table, model, template) {
                    self.foreign(&sql)
                        .map_err(|error| cannot_be_made(name, &message(&error)))?;
                }
                losses.push(format!(
                    "table {name} is made of what is known of its columns; CHECK constraints, generated columns and the like are not taken over: {why}"
                ));
            }
        }
        self.db.execute_batch("RELEASE made").at(self.path)?;
        let whole = model.info.columns.len() == table.columns.len();
        // With columns gone, a name in double quotes that meant one of them would be taken for a string.
        self.db
            .set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, whole)
            .at(self.path)?;
        for (index, sql) in &model.indexes {
            if let Err(why) = self.foreign(sql) {
                let why = message(&why);
                losses.push(format!(
                    "index {index} of table {name} is not taken over: {why}"
                ));
            }
        }
        self.db
            .set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, true)
            .at(self.path)?;
        losses.extend(model.triggers.iter().map(|trigger| {
            format!(
                "trigger {trigger} of table {name} is not taken over; make it where it is wanted"
            )
        }));
        Ok(losses)
    }

    /// Makes a table by its own statement, less the columns that are not in the scope, and says what of it is lost; or why it cannot be made
    /// like that.
    fn own_statement(
        &mut self,
        table: &TableDescription,
        model: &TableTemplate,
        template: &Template,
    ) -> Result<Vec<String>, String> {
        let name = &model.info.name;
        let known = self.collations().map_err(|error| message(&error))?;
        let pruned = prune(
            &model.sql,
            |parent| template.holds(parent),
            |collation| known.iter().any(|one| one.eq_ignore_ascii_case(collation)),
        );
        let mut losses: Vec<String> = (pruned.collations.iter())
            .map(|collation| {
                format!("collation {collation} in table {name} is not taken over: syncdb does not have it")
            })
            .collect();
        self.foreign(&pruned.sql).map_err(|why| message(&why))?;
        let outside = model.info.columns.iter();
        for column in outside.filter(|column| table.position(&column.name).is_none()) {
            losses.extend(self.drop_column(model, &column.name)?);
        }
        self.check(model, template)?;
        Ok(losses)
    }

    /// Takes a column off, and the generated column with it that is in the way, or all of them if it is more than one.
    fn drop_column(&self, model: &TableTemplate, column: &str) -> Result<Vec<String>, String> {
        let name = &model.info.name;
        let drop = |columns: &[&str]| -> Result<(), String> {
            let drops = columns.iter().map(|column| {
                let column = ident(column);
                format!("ALTER TABLE {} DROP COLUMN {column}; ", ident(name))
            });
            let drops: String = drops.collect();
            let tried = self
                .db
                .execute_batch(&format!("SAVEPOINT tried; {drops}RELEASE tried"));
            tried.map_err(|why| {
                let undone = self.db.execute_batch("ROLLBACK TO tried; RELEASE tried");
                undone.map_or_else(|error| message(&error), |()| message(&why))
            })
        };
        let Err(why) = drop(&[column]) else {
            return Ok(Vec::new());
        };
        let generated = catalog::table(&self.db, self.path, name).map_err(|why| why.to_string())?;
        let generated = generated.map_or_else(Vec::new, |info| info.generated);
        let single = generated.iter().find(|one| drop(&[one, column]).is_ok());
        let gone = match single {
            Some(one) => vec![one.as_str()],
            None => {
                let all: Vec<&str> = generated.iter().map(String::as_str).collect();
                drop(&[&all[..], &[column]].concat()).map_err(|_| why)?;
                all
            }
        };
        let losses = gone.iter().map(|one| {
            format!(
                "generated column {one} of table {name} is not taken over, for the sake of column {column}, which is not in the scope"
            )
        });
        Ok(losses.collect())
    }

    /// Whether the table has become what it should be: a statement can be damaged, or made for another effect.
    fn check(&self, model: &TableTemplate, template: &Template) -> Result<(), String> {
        let name = &model.info.name;
        let found = catalog::table(&self.db, self.path, name).map_err(|error| error.to_string())?;
        let info = found.ok_or("its statement makes another table")?;
        let keys = catalog::declared_keys(&self.db, self.path, name);
        let keys = keys.map_err(|error| error.to_string())?;
        let kept = |keys: &[ForeignKey]| {
            keys.iter()
                .filter(|key| template.holds(&key.parent))
                .count()
        };
        let strange = kept(&keys) < keys.len();
        let whole = info.columns.len() == model.info.columns.len();
        if strange
            || info.key_names() != model.info.key_names()
            || info.without_rowid != model.info.without_rowid
            || (whole && kept(&keys) < kept(&model.foreign_keys))
        {
            return Err("its statement is of an unknown form".to_owned());
        }
        Ok(())
    }

    /// Gives the tables the names that they have here. By way of a name that nothing has, so that names can change places.
    fn rename(&self, tables: &[TableDescription]) -> Result<(), SqliteError> {
        let names = tables.iter().map(|table| {
            let here = name_here(table);
            (table.local_name.sqlite_name(), here)
        });
        let renamed: Vec<(String, String)> = names.filter(|(there, here)| there != here).collect();
        let between = |at: usize| format!("syncdb is renaming {at}");
        for (at, (there, _)) in renamed.iter().enumerate() {
            self.alter_name(there, &between(at)).at(self.path)?;
        }
        for (at, (_, here)) in renamed.iter().enumerate() {
            self.alter_name(&between(at), here)
                .map_err(|error| cannot_be_made(here, &message(&error)))?;
        }
        Ok(())
    }

    fn alter_name(&self, from: &str, to: &str) -> rusqlite::Result<()> {
        let sql = format!("ALTER TABLE {} RENAME TO {}", ident(from), ident(to));
        self.db.execute_batch(&sql)
    }

    fn read(&self, table: &TableDescription) -> Result<NewTable, SqliteError> {
        let name = name_here(table);
        let info = catalog::table(&self.db, self.path, &name)?
            .ok_or_else(|| cannot_be_made(&name, "no statement makes it"))?;
        let (sql, indexes) = catalog::statements(&self.db, self.path, &name)?;
        let ended = |sql: String| without_trailing_blanks(&sql).to_owned();
        let indexes = indexes.into_iter().map(|(name, sql)| (name, ended(sql)));
        Ok(NewTable {
            info,
            sql: ended(sql),
            indexes: indexes.collect(),
        })
    }

    fn collations(&self) -> rusqlite::Result<Vec<String>> {
        let mut statement = self.db.prepare("SELECT name FROM pragma_collation_list")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        rows.collect()
    }

    /// Runs a single statement that another database brought. It can make a table or an index, and nothing else.
    fn foreign(&mut self, sql: &str) -> rusqlite::Result<()> {
        self.db.authorizer(Some(only_definitions))?;
        let done = self.db.execute(sql, []);
        self.db
            .authorizer(None::<fn(AuthContext<'_>) -> Authorization>)?;
        done.map(|_| ())
    }
}

fn cannot_be_made(table: &str, why: &str) -> SqliteError {
    SqliteError::refused(
        format!("table {table}"),
        format!("it cannot be made like the other database's: {why}"),
        "make the table yourself before you provision",
    )
}

/// SQLite makes a table by writing to its schema table.
fn only_definitions(asked: AuthContext<'_>) -> Authorization {
    let schema = |name: &str| name == "sqlite_master" || name == "sqlite_schema";
    let allowed = match asked.action {
        AuthAction::CreateTable { .. }
        | AuthAction::CreateIndex { .. }
        | AuthAction::Reindex { .. }
        | AuthAction::Function { .. }
        | AuthAction::Read { .. } => true,
        AuthAction::Insert { table_name } | AuthAction::Update { table_name, .. } => {
            schema(table_name)
        }
        _ => false,
    };
    match allowed {
        true => Authorization::Allow,
        false => Authorization::Deny,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a statement of another database is run, and what is there afterwards.
    fn check(sql: &str, taken: bool, objects: &str) {
        let path = Path::new("here.db");
        let mut scratch = Scratch::open(path).expect("memory is there");
        scratch
            .foreign("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
            .expect("a table can be made");
        assert_eq!(scratch.foreign(sql).is_ok(), taken, "{sql}");
        let all = "SELECT group_concat(name, ' ' ORDER BY name) FROM sqlite_schema";
        let found: String =
            (scratch.db.query_row(all, [], |row| row.get(0))).expect("the schema can be read");
        assert_eq!(found, objects, "{sql}");
        let rows: i64 = (scratch
            .db
            .query_row("SELECT count(*) FROM t", [], |row| row.get(0)))
        .expect("t is there");
        assert_eq!(rows, 0, "{sql}");
        assert!(scratch.db.is_autocommit(), "{sql}");
    }

    #[test]
    fn foreign_statements_define_tables_and_indexes() {
        check(
            "CREATE TABLE u (id INTEGER PRIMARY KEY AUTOINCREMENT, x CHECK (x > abs(-1)), y AS (x + 1))",
            true,
            "sqlite_sequence t u",
        );
        check(
            "CREATE UNIQUE INDEX i ON t (lower(v)) WHERE v <> 'x'",
            true,
            "i t",
        );
        check("CREATE TABLE u (x); -- no more", true, "t u");
    }

    #[test]
    fn and_do_nothing_else() {
        let elsewhere = std::env::temp_dir().join(format!("take-over-{}.db", std::process::id()));
        let attach = format!("ATTACH '{}' AS e", elsewhere.display());
        let vacuum = format!("VACUUM INTO '{}'", elsewhere.display());
        for sql in [
            "CREATE TABLE u (x); DROP TABLE t",
            "DROP TABLE t",
            "DELETE FROM t",
            "INSERT INTO t VALUES (1, 1)",
            "UPDATE sqlite_schema SET sql = ''",
            "SELECT 1",
            "CREATE TABLE u AS SELECT 1 AS x",
            "CREATE TABLE u AS WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT * FROM n",
            "CREATE TEMP TABLE u (x)",
            "CREATE TABLE temp.u (x)",
            "CREATE VIEW u AS SELECT 1",
            "CREATE TRIGGER u AFTER INSERT ON t BEGIN SELECT 1; END",
            "CREATE VIRTUAL TABLE u USING fts5 (x)",
            "ALTER TABLE t ADD COLUMN w",
            "PRAGMA user_version = 7",
            "BEGIN",
            "SAVEPOINT s",
            "ANALYZE",
            "VACUUM",
            &attach,
            &vacuum,
            "",
        ] {
            check(sql, false, "t");
        }
        assert!(!elsewhere.exists());
    }
}
