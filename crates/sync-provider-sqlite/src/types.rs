//! SQLite's declared types: the affinity they give a column, and the logical types they stand for.
//!
//! A declared type is hardly more than a comment to SQLite: it decides the column's *affinity*, that is, what SQLite converts a value to
//! before storing it, and nothing else. Any column holds values of any class. So the logical type of an existing column is what its
//! declaration promises, and for a table that we create the declaration is chosen so that the affinity never damages a value.

use sync_metadata::{Size, SqlKind, SqlType};

/// The most digits that pass through a floating-point number unharmed; NUMERIC affinity makes such numbers of decimals.
const EXACT_DIGITS_OF_REAL: u8 = 15;
/// The longest `nvarchar(n)` and `varbinary(n)` of SQL Server.
const MAX_CHARACTERS: u32 = 4_000;
const MAX_BYTES: u32 = 8_000;

/// What SQLite converts a value to before it stores it ("Datatypes In SQLite", section 3).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Affinity {
    /// Text that looks like a number, and reals without a fraction, become integers.
    Integer,
    /// Text that looks like a number becomes a number, integers become reals.
    Real,
    /// Numbers become text.
    Text,
    /// Everything stays as it is.
    Blob,
    /// Text that looks like a number becomes an integer or a real; one with more than 15 digits loses some.
    Numeric,
}

/// The affinity that a declared type gives its column: the first of SQLite's five rules that fits, case not told apart.
#[must_use]
pub(crate) fn affinity(declared: &str) -> Affinity {
    let declared = declared.to_ascii_uppercase();
    let says = |parts: &[&str]| parts.iter().any(|part| declared.contains(part));
    if says(&["INT"]) {
        Affinity::Integer
    } else if says(&["CHAR", "CLOB", "TEXT"]) {
        Affinity::Text
    } else if declared.is_empty() || says(&["BLOB"]) {
        Affinity::Blob
    } else if says(&["REAL", "FLOA", "DOUB"]) {
        Affinity::Real
    } else {
        Affinity::Numeric
    }
}

/// The logical type of an existing column with this declared type.
///
/// Where SQLite promises more than a type of the same name elsewhere does, the wider type is taken: every text is Unicode and nothing is
/// padded, so `CHAR(10)` is `nvarchar(10)`; a bare `DECIMAL` gets 28 digits before and 10 after the point, not SQL Server's 18 and 0. A name
/// that is not known goes by its affinity; one that only says NUMERIC, like no name at all, is `sql_variant`: each value is what it is.
#[must_use]
pub(crate) fn logical_type(declared: &str) -> SqlType {
    let (name, arguments) = split(declared);
    let first = arguments.first().copied();
    match name.as_str() {
        "INTEGER" | "BIGINT" | "INT8" | "LONG" => SqlType::new(SqlKind::BigInt),
        "INT" | "INT4" | "MEDIUMINT" => SqlType::new(SqlKind::Int),
        "SMALLINT" | "INT2" => SqlType::new(SqlKind::SmallInt),
        "TINYINT" => SqlType::new(SqlKind::TinyInt),
        "BIT" | "BOOLEAN" | "BOOL" => SqlType::new(SqlKind::Bit),

        "DECIMAL" | "NUMERIC" | "NUMBER" | "DEC" => decimal(&arguments),
        "MONEY" | "CURRENCY" => SqlType::new(SqlKind::Money),
        "SMALLMONEY" => SqlType::new(SqlKind::SmallMoney),

        "NTEXT" => SqlType::new(SqlKind::NText),
        "XML" => SqlType::new(SqlKind::Xml),

        "BINARY" | "VARBINARY" | "IMAGE" => bytes(first),

        "DATE" => SqlType::new(SqlKind::Date),
        "TIME" => seconds(SqlKind::Time, first),
        "DATETIME" => SqlType::new(SqlKind::DateTime),
        "SMALLDATETIME" => SqlType::new(SqlKind::SmallDateTime),
        // Not SQL Server's timestamp, which is no time: everyone else means a moment by it.
        "DATETIME2" | "TIMESTAMP" => seconds(SqlKind::DateTime2, first),
        "DATETIMEOFFSET" | "TIMESTAMPTZ" => seconds(SqlKind::DateTimeOffset, first),

        "UNIQUEIDENTIFIER" | "GUID" | "UUID" => SqlType::new(SqlKind::UniqueIdentifier),
        "SQL_VARIANT" | "ANY" => SqlType::new(SqlKind::SqlVariant),

        _ => match affinity(declared) {
            Affinity::Integer => SqlType::new(SqlKind::BigInt),
            Affinity::Real => SqlType::new(SqlKind::Float),
            Affinity::Text => text(first),
            Affinity::Blob if name.is_empty() => SqlType::new(SqlKind::SqlVariant),
            Affinity::Blob => bytes(first),
            Affinity::Numeric => SqlType::new(SqlKind::SqlVariant),
        },
    }
}

/// The declared type of a column that we create for a logical type.
///
/// The affinity leaves alone what is stored for the type: text for decimals of more than 15 digits (as numbers they would lose some), for
/// dates and times, GUIDs and XML; integers, reals and bytes as they are. Types whose name alone has the wrong affinity get `TEXT` or `BLOB` as a
/// second word.
#[must_use]
pub(crate) fn declared_type(sql_type: &SqlType) -> String {
    let decimal = |name: &str, arguments: &str| {
        let digits = sql_type.precision.unwrap_or(18);
        let word = if digits > EXACT_DIGITS_OF_REAL {
            " TEXT"
        } else {
            ""
        };
        format!("{name}{word}{arguments}")
    };
    let sized = |name: &str| match sql_type.size {
        Some(Size::Length(length)) => format!("{name}({length})"),
        // "max" is no number, and SQLite takes only numbers here.
        Some(Size::Max) | None => name.to_owned(),
    };
    let scaled = |name: &str| match sql_type.scale {
        Some(scale) => format!("{name}({scale})"),
        None => name.to_owned(),
    };
    match &sql_type.kind {
        SqlKind::Decimal | SqlKind::Numeric => {
            let (digits, scale) = (sql_type.precision.unwrap_or(18), sql_type.decimal_scale());
            decimal("DECIMAL", &format!("({digits},{scale})"))
        }
        SqlKind::Money => "MONEY TEXT".into(),
        SqlKind::SmallMoney => "SMALLMONEY".into(),
        SqlKind::Char | SqlKind::VarChar | SqlKind::NChar | SqlKind::NVarChar => {
            sized(&sql_type.kind.name().to_ascii_uppercase())
        }
        SqlKind::Text => "TEXT".into(),
        SqlKind::Xml => "XML TEXT".into(),
        SqlKind::UniqueIdentifier => "UNIQUEIDENTIFIER TEXT".into(),
        SqlKind::Binary | SqlKind::VarBinary => sized("BLOB"),
        SqlKind::Image | SqlKind::Timestamp | SqlKind::RowVersion => "BLOB".into(),
        SqlKind::SqlVariant | SqlKind::Other(_) => "SQL_VARIANT BLOB".into(),
        SqlKind::Time | SqlKind::DateTime2 | SqlKind::DateTimeOffset => {
            scaled(&sql_type.kind.name().to_ascii_uppercase())
        }
        plain => plain.name().to_ascii_uppercase(),
    }
}

/// A declared type's words in upper case, without `TEXT` or `BLOB` as a second one, and the numbers in its parentheses.
fn split(declared: &str) -> (String, Vec<u32>) {
    let (words, arguments) = declared.split_once('(').unwrap_or((declared, ""));
    let mut words: Vec<String> = words
        .split_ascii_whitespace()
        .map(str::to_ascii_uppercase)
        .collect();
    if words.len() == 2 && matches!(words[1].as_str(), "TEXT" | "BLOB") {
        words.pop();
    }
    let arguments = arguments.trim_end_matches([')', ' ']);
    let numbers = arguments
        .splitn(3, ',')
        .map_while(|number| number.trim().parse().ok())
        .collect();
    (words.join(" "), numbers)
}

fn decimal(arguments: &[u32]) -> SqlType {
    match *arguments {
        [precision @ 1..=38] => SqlType::decimal(precision as u8, 0),
        [precision @ 1..=38, scale] if scale <= precision => {
            SqlType::decimal(precision as u8, scale as u8)
        }
        _ => SqlType::decimal(38, 10),
    }
}

fn text(length: Option<u32>) -> SqlType {
    SqlType::sized(SqlKind::NVarChar, size(length, MAX_CHARACTERS))
}

fn bytes(length: Option<u32>) -> SqlType {
    SqlType::sized(SqlKind::VarBinary, size(length, MAX_BYTES))
}

fn size(length: Option<u32>, most: u32) -> Size {
    match length {
        Some(length) if (1..=most).contains(&length) => Size::Length(length),
        _ => Size::Max,
    }
}

fn seconds(kind: SqlKind, digits: Option<u32>) -> SqlType {
    let scale = digits
        .filter(|digits| *digits <= 7)
        .map(|digits| digits as u8);
    SqlType {
        scale,
        ..SqlType::new(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An existing column: its declared type, the affinity SQLite gives it, the logical type we take it for.
    fn check(declared: &str, expected_affinity: Affinity, expected_type: &str) {
        assert_eq!(
            affinity(declared),
            expected_affinity,
            "affinity of {declared:?}"
        );
        assert_eq!(
            logical_type(declared).to_string(),
            expected_type,
            "type of {declared:?}"
        );
    }

    #[test]
    fn declared_types_of_existing_tables() {
        use Affinity::{Blob, Integer, Numeric, Real, Text};
        // As sample databases declare them.
        check("INTEGER", Integer, "bigint");
        check("NVARCHAR(160)", Text, "nvarchar(160)");
        check("NUMERIC(10,2)", Numeric, "decimal(10,2)");
        check("DATETIME", Numeric, "datetime");
        // Integers.
        check("int", Integer, "int");
        check("BIGINT", Integer, "bigint");
        check("SMALLINT", Integer, "smallint");
        check("TINYINT", Integer, "tinyint");
        check("UNSIGNED BIG INT", Integer, "bigint");
        check("INT2", Integer, "smallint");
        check("POINT", Integer, "bigint");
        check("BIT", Numeric, "bit");
        check("Boolean", Numeric, "bit");
        // Decimals.
        check("DECIMAL (10, 5)", Numeric, "decimal(10,5)");
        check("DECIMAL(12)", Numeric, "decimal(12,0)");
        check("DECIMAL", Numeric, "decimal(38,10)");
        check("NUMERIC(39,2)", Numeric, "decimal(38,10)");
        check("NUMERIC(2,3)", Numeric, "decimal(38,10)");
        check("NUMERIC(-2)", Numeric, "decimal(38,10)");
        check("MONEY", Numeric, "money");
        // Floating-point numbers.
        check("REAL", Real, "float");
        check("DOUBLE", Real, "float");
        check("DOUBLE PRECISION", Real, "float");
        check("FLOAT(24)", Real, "float");
        check("FLOATING POINT", Integer, "bigint");
        // Text.
        check("TEXT", Text, "nvarchar(max)");
        check("CLOB", Text, "nvarchar(max)");
        check("VARCHAR(255)", Text, "nvarchar(255)");
        check("CHARACTER VARYING(20)", Text, "nvarchar(20)");
        check("NCHAR(55)", Text, "nvarchar(55)");
        check("VARCHAR(4001)", Text, "nvarchar(max)");
        check("VARCHAR(0)", Text, "nvarchar(max)");
        check("VARCHAR(99999999999)", Text, "nvarchar(max)");
        check("CHARINT", Integer, "bigint");
        check("NTEXT", Text, "ntext");
        // Bytes.
        check("BLOB", Blob, "varbinary(max)");
        check("VARBINARY(16)", Numeric, "varbinary(16)");
        check("BLOB(9000)", Blob, "varbinary(max)");
        // Dates and times.
        check("DATE", Numeric, "date");
        check("TIME(3)", Numeric, "time(3)");
        check("TIMESTAMP", Numeric, "datetime2");
        check("DATETIME2(8)", Numeric, "datetime2");
        check("DATETIMEOFFSET(0)", Numeric, "datetimeoffset(0)");
        // The rest.
        check("GUID", Numeric, "uniqueidentifier");
        check("UNIQUEIDENTIFIER", Numeric, "uniqueidentifier");
        check("", Blob, "sql_variant");
        check("ANY", Numeric, "sql_variant");
        check("STRING", Numeric, "sql_variant");
        check("JSON", Numeric, "sql_variant");
        check("((", Numeric, "sql_variant");
        check(" ", Numeric, "sql_variant");
        check("ünicode", Numeric, "sql_variant");
    }

    /// A column that we create: its logical type, what we declare, the affinity of that, and the logical type that the declaration alone gives.
    fn check_created(sql_type: &str, declared: &str, expected_affinity: Affinity, read_back: &str) {
        let sql_type: SqlType = sql_type.parse().unwrap();
        assert_eq!(declared_type(&sql_type), declared);
        assert_eq!(
            affinity(declared),
            expected_affinity,
            "affinity of {declared}"
        );
        assert_eq!(
            logical_type(declared).to_string(),
            read_back,
            "type of {declared}"
        );
    }

    #[test]
    fn declared_types_of_created_tables() {
        use Affinity::{Blob, Integer, Numeric, Real, Text};
        for sql_type in ["bigint", "int", "smallint", "tinyint"] {
            check_created(sql_type, &sql_type.to_uppercase(), Integer, sql_type);
        }
        check_created("bit", "BIT", Numeric, "bit");
        check_created("decimal(15,2)", "DECIMAL(15,2)", Numeric, "decimal(15,2)");
        check_created("decimal(16,2)", "DECIMAL TEXT(16,2)", Text, "decimal(16,2)");
        check_created(
            "numeric(38,38)",
            "DECIMAL TEXT(38,38)",
            Text,
            "decimal(38,38)",
        );
        check_created("decimal", "DECIMAL TEXT(18,0)", Text, "decimal(18,0)");
        check_created("money", "MONEY TEXT", Text, "money");
        check_created("smallmoney", "SMALLMONEY", Numeric, "smallmoney");
        check_created("float", "FLOAT", Real, "float");
        check_created("real", "REAL", Real, "float");
        check_created("char(10)", "CHAR(10)", Text, "nvarchar(10)");
        check_created("varchar(max)", "VARCHAR", Text, "nvarchar(max)");
        check_created("nchar(10)", "NCHAR(10)", Text, "nvarchar(10)");
        check_created("nvarchar(160)", "NVARCHAR(160)", Text, "nvarchar(160)");
        check_created("text", "TEXT", Text, "nvarchar(max)");
        check_created("ntext", "NTEXT", Text, "ntext");
        check_created("xml", "XML TEXT", Text, "xml");
        check_created("binary(3)", "BLOB(3)", Blob, "varbinary(3)");
        check_created("varbinary(max)", "BLOB", Blob, "varbinary(max)");
        check_created("image", "BLOB", Blob, "varbinary(max)");
        check_created("rowversion", "BLOB", Blob, "varbinary(max)");
        check_created("date", "DATE", Numeric, "date");
        check_created("time(3)", "TIME(3)", Numeric, "time(3)");
        check_created("datetime", "DATETIME", Numeric, "datetime");
        check_created("datetime2(7)", "DATETIME2(7)", Numeric, "datetime2(7)");
        check_created("smalldatetime", "SMALLDATETIME", Numeric, "smalldatetime");
        check_created(
            "datetimeoffset",
            "DATETIMEOFFSET",
            Numeric,
            "datetimeoffset",
        );
        check_created(
            "uniqueidentifier",
            "UNIQUEIDENTIFIER TEXT",
            Text,
            "uniqueidentifier",
        );
        check_created("sql_variant", "SQL_VARIANT BLOB", Blob, "sql_variant");
        check_created("geography", "SQL_VARIANT BLOB", Blob, "sql_variant");
    }

    #[test]
    fn every_kind_has_an_affinity_that_keeps_its_values() {
        for kind in SqlKind::known() {
            let declared = declared_type(&SqlType::new(kind.clone()));
            assert_eq!(
                logical_type(&declared).family(),
                logical_type(&declared_type(&logical_type(&declared))).family()
            );
            if kind != SqlKind::RowVersion && kind != SqlKind::Timestamp {
                assert_eq!(
                    logical_type(&declared).family(),
                    kind.family(),
                    "{kind} declared as {declared}"
                );
            }
        }
    }
}
