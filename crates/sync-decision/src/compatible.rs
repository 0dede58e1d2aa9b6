//! Whether two sides of a scope describe the same tables.

use sync_metadata::{
    ColumnDescription, ScopeDescription, TableDescription, TypeFamily, ValueRef, write_key_text,
};

use sync_provider::ProviderError;

/// Checks that both sides synchronise the same tables with the same columns under the same keys. Names are compared without regard to
/// case; tables by their global name; the order of columns does not matter. Key columns have types of one family: others may hold
/// values of another one, but a key that changes its kind (the number 1 and the text `'1'`) becomes one with another row's.
///
/// # Errors
/// [`ProviderError::Refused`] names the first table or column that differs, and on which side it is missing.
pub fn check_compatible(
    local: &ScopeDescription,
    remote: &ScopeDescription,
) -> Result<(), ProviderError> {
    let find = |scope: &ScopeDescription, name: &str| {
        scope
            .tables
            .iter()
            .position(|table| table.global_name.eq_ignore_ascii_case(name))
    };
    for table in &local.tables {
        match find(remote, &table.global_name) {
            Some(index) => check_table(table, &remote.tables[index])?,
            None => return Err(missing_table(&table.global_name, &local.name, "remote")),
        }
    }
    match remote
        .tables
        .iter()
        .find(|table| find(local, &table.global_name).is_none())
    {
        Some(table) => Err(missing_table(&table.global_name, &local.name, "local")),
        None => Ok(()),
    }
}

fn check_table(local: &TableDescription, remote: &TableDescription) -> Result<(), ProviderError> {
    for (table, other, side) in [(local, remote, "remote"), (remote, local, "local")] {
        for column in &table.columns {
            let object = || format!("column {} of table {}", column.name, table.global_name);
            let Some(twin) = twin(other, &column.name) else {
                return Err(ProviderError::refused(
                    object(),
                    format!("it is not in the scope on the {side} side"),
                    "provision both sides with the same columns",
                ));
            };
            if twin.primary_key != column.primary_key {
                return Err(ProviderError::refused(
                    object(),
                    "it is part of the primary key on one side only",
                    "give both tables the same primary key",
                ));
            }
            if column.primary_key && twin.key_equality != column.key_equality {
                return Err(ProviderError::refused(
                    object(),
                    format!(
                        "it is part of the primary key and compares as {} on the {} side and as {} on the {side} side, so that two rows \
                         of one side could be one at the other",
                        column.key_equality.name(),
                        if side == "remote" { "local" } else { "remote" },
                        twin.key_equality.name(),
                    ),
                    "declare it with the same collation on both sides",
                ));
            }
            if column.primary_key && twin.sql_type.family() != column.sql_type.family() {
                return Err(ProviderError::refused(
                    object(),
                    format!(
                        "it is part of the primary key and its type is {} on one side and {} on the other, so that two rows of one side \
                         could be one at the other",
                        column.sql_type, twin.sql_type
                    ),
                    "declare it with the same type on both sides",
                ));
            }
            if column.primary_key && !same_texts(column, twin) {
                return Err(ProviderError::refused(
                    object(),
                    format!(
                        "it is part of the primary key and its type is {} on one side and {} on the other, which write one key in two ways",
                        column.sql_type, twin.sql_type
                    ),
                    "declare it with the same type on both sides",
                ));
            }
            if !go_together(column.sql_type.family(), twin.sql_type.family()) {
                return Err(ProviderError::refused(
                    object(),
                    format!(
                        "its type is {} on one side and {} on the other",
                        column.sql_type, twin.sql_type
                    ),
                    "give both columns types that hold the same values",
                ));
            }
        }
    }
    check_key_order(local, remote)
}

/// Row ids are made of the key columns in their order, so that has to be the same on both sides.
fn check_key_order(
    local: &TableDescription,
    remote: &TableDescription,
) -> Result<(), ProviderError> {
    let mut keys = local.key_columns().zip(remote.key_columns());
    match keys.find(|(local, remote)| !local.name.eq_ignore_ascii_case(&remote.name)) {
        None => Ok(()),
        Some((here, there)) => Err(ProviderError::refused(
            format!("table {}", local.global_name),
            format!(
                "its key columns stand in a different order: {} here where the remote side has {}",
                here.name, there.name
            ),
            "provision one side with the columns in the order of the other",
        )),
    }
}

/// Whether columns of these kinds can hold each other's values: numbers of all kinds can, text also holds dates and GUIDs, and a column
/// without a type of its own holds everything.
fn go_together(a: TypeFamily, b: TypeFamily) -> bool {
    use TypeFamily::{Binary, Bit, Decimal, Float, Integer, Text, Variant};
    let number = |family| matches!(family, Integer | Bit | Decimal | Float);
    let written_as_text = |family| !number(family) && family != Binary;
    a == b
        || a == Variant
        || b == Variant
        || number(a) && number(b)
        || a == Text && written_as_text(b)
        || b == Text && written_as_text(a)
}

/// Whether both types give a key the same text, by which its row is named: decimals as many digits, padded types the same length.
fn same_texts(a: &ColumnDescription, b: &ColumnDescription) -> bool {
    let samples = [
        ValueRef::Integer(1),
        ValueRef::Text(""),
        ValueRef::Blob(b""),
    ];
    let text = |column: &ColumnDescription, value| {
        let mut text = String::new();
        write_key_text(&column.sql_type, value, &mut text);
        text
    };
    samples
        .into_iter()
        .all(|value| text(a, value) == text(b, value))
}

fn twin<'t>(table: &'t TableDescription, name: &str) -> Option<&'t ColumnDescription> {
    table
        .columns
        .iter()
        .find(|twin| twin.name.eq_ignore_ascii_case(name))
}

fn missing_table(table: &str, scope: &str, side: &str) -> ProviderError {
    ProviderError::refused(
        format!("table {table}"),
        format!("scope {scope} does not hold it on the {side} side"),
        "provision both sides with the same tables",
    )
}

#[cfg(test)]
mod tests {
    use sync_metadata::{KeyEquality, TableName};

    use super::*;

    /// A scope of one table `t` with these columns; a `*` marks a key column, a `~` one that tells no case apart.
    fn scope(columns: &str) -> ScopeDescription {
        let columns = columns.split(',').map(|column| {
            let (name, sql_type) = column.split_once(' ').unwrap();
            let sql_type = sql_type.parse().unwrap();
            let key_equality = match name.starts_with('~') {
                true => KeyEquality::NoCase,
                false => KeyEquality::Exact,
            };
            let column = match name.strip_prefix(['*', '~']) {
                Some(name) => ColumnDescription::key(name, sql_type),
                None => ColumnDescription::new(name, sql_type),
            };
            ColumnDescription {
                key_equality,
                ..column
            }
        });
        let name = TableName::parse("t").unwrap();
        let table = TableDescription::new(name, "[t]", columns.collect()).unwrap();
        ScopeDescription::new("s", vec![table]).unwrap()
    }

    fn check(local: &str, remote: &str, expected: Option<&str>) {
        for (local, remote) in [(local, remote), (remote, local)] {
            let error = check_compatible(&scope(local), &scope(remote)).err();
            let object = error.as_ref().map(ProviderError::object);
            assert_eq!(object, expected, "{local} / {remote}: {error:?}");
        }
    }

    #[test]
    fn what_differs_is_named() {
        check("*id int,a nvarchar(9)", "*ID bigint,A datetime", None);
        check("*a int,*b int,c int", "c float,*a int,*b int", None);
        check("*id int,a int", "*id int", Some("column a of table [t]"));
        check(
            "*id int,*a int",
            "*id int,a int",
            Some("column a of table [t]"),
        );
        check(
            "*id int,a int",
            "*id int,a nvarchar(9)",
            Some("column a of table [t]"),
        );
        for other in ["int", "nvarchar(9)", "bit", "varbinary(9)", "date"] {
            check(
                "*id sql_variant,a int",
                &format!("*id {other},a sql_variant"),
                Some("column id of table [t]"),
            );
        }
        check(
            "*id nvarchar(9)",
            "*id datetime",
            Some("column id of table [t]"),
        );
        check("*id int", "*id float", Some("column id of table [t]"));
        check("*id sql_variant", "*id sql_variant", None);
        check("*id money", "*id smallmoney", None);
        check("*id char(9)", "*id nchar(9)", None);
        check("*id varchar(9)", "*id nvarchar(max)", None);
        for (one, other) in [
            ("decimal(9)", "money"),
            ("char(9)", "varchar(9)"),
            ("char(9)", "char(8)"),
            ("binary(9)", "varbinary(9)"),
        ] {
            check(
                &format!("*id {one}"),
                &format!("*id {other}"),
                Some("column id of table [t]"),
            );
        }
        check("*a int,*b int", "*b int,*a int", Some("table [t]"));
        check("*a int,~b nvarchar(9)", "*a int,~b nvarchar(9)", None);
        check(
            "*a int,~b nvarchar(9)",
            "*a int,*b nvarchar(9)",
            Some("column b of table [t]"),
        );
    }
}
