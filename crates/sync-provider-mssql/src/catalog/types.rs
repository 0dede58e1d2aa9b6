//! Column types as the catalogue gives them.

use sync_metadata::{Size, SqlKind, SqlType};

/// What `INFORMATION_SCHEMA.COLUMNS` says of a column's type. A type of the user's own is given as what it stands for; a CLR type by its name.
#[derive(Clone, Debug, Default)]
pub(super) struct Stated {
    pub(super) name: String,
    /// Characters of text, bytes of binary; -1 for `max`.
    pub(super) length: Option<i32>,
    pub(super) precision: Option<i32>,
    pub(super) scale: Option<i32>,
    /// Digits of the seconds.
    pub(super) seconds: Option<i32>,
}

/// The type, or the name of one that cannot be synchronised.
pub(super) fn sql_type(stated: &Stated) -> Result<SqlType, String> {
    let unsupported = || stated.name.clone();
    let kind = SqlKind::from_name(&stated.name).map_err(|_| unsupported())?;
    let plain = SqlType::new(kind.clone());
    let small = |number: Option<i32>| number.and_then(|number| u8::try_from(number).ok());
    Ok(match kind {
        SqlKind::Other(_) => return Err(unsupported()),
        SqlKind::Char
        | SqlKind::VarChar
        | SqlKind::NChar
        | SqlKind::NVarChar
        | SqlKind::Binary
        | SqlKind::VarBinary => SqlType::sized(kind, size(stated.length)),
        SqlKind::Decimal | SqlKind::Numeric => SqlType {
            precision: small(stated.precision),
            scale: small(stated.scale),
            ..plain
        },
        SqlKind::Time | SqlKind::DateTime2 | SqlKind::DateTimeOffset => SqlType {
            scale: small(stated.seconds),
            ..plain
        },
        // `float(24)` and less comes as `real`, so `float` always has 53 bits.
        _ => plain,
    })
}

fn size(length: Option<i32>) -> Size {
    match length.and_then(|length| u32::try_from(length).ok()) {
        Some(length) => Size::Length(length),
        None => Size::Max,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, numbers: [Option<i32>; 4], expected: Result<&str, &str>) {
        let [length, precision, scale, seconds] = numbers;
        let stated = Stated {
            name: name.into(),
            length,
            precision,
            scale,
            seconds,
        };
        let found = sql_type(&stated).map(|sql_type| sql_type.to_string());
        assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned));
    }

    #[test]
    fn types_are_read_as_declared() {
        check("int", [None, Some(10), Some(0), None], Ok("int"));
        check("nvarchar", [Some(20), None, None, None], Ok("nvarchar(20)"));
        check("varchar", [Some(-1), None, None, None], Ok("varchar(max)"));
        check(
            "varbinary",
            [Some(16), None, None, None],
            Ok("varbinary(16)"),
        );
        check(
            "decimal",
            [None, Some(38), Some(10), None],
            Ok("decimal(38,10)"),
        );
        check(
            "numeric",
            [None, Some(9), Some(0), None],
            Ok("numeric(9,0)"),
        );
        check("float", [None, Some(53), None, None], Ok("float"));
        check("real", [None, Some(24), None, None], Ok("real"));
        check("money", [None, Some(19), Some(4), None], Ok("money"));
        check("datetime", [None, None, None, Some(3)], Ok("datetime"));
        check("datetime2", [None, None, None, Some(7)], Ok("datetime2(7)"));
        check("time", [None, None, None, Some(0)], Ok("time(0)"));
        check("text", [Some(i32::MAX), None, None, None], Ok("text"));
        check("xml", [Some(-1), None, None, None], Ok("xml"));
        check(
            "hierarchyid",
            [Some(892), None, None, None],
            Err("hierarchyid"),
        );
        check("geography", [Some(-1), None, None, None], Err("geography"));
        check("my'type", [None; 4], Err("my'type"));
    }
}
