//! Documents, names and values, as databases and users give them.

use sync_metadata::{
    ConfigForm, Date, DateTime, DateTimeOffset, Decimal, Naming, ObjectNames, ScopeConfig, SqlType,
    StoreNames, TableName, Time, quote,
};

use super::{through_text, verdict};
use crate::Verdict;

/// A configuration document.
pub(super) fn config(bytes: &[u8]) -> Verdict {
    let Ok(text) = str::from_utf8(bytes) else {
        return Verdict::Refused;
    };
    let config = match ScopeConfig::parse(text) {
        Ok(config) => config,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return Verdict::Refused;
        }
    };
    let written = config.to_xml();
    assert_eq!(ScopeConfig::parse(&written).as_ref(), Ok(&config));
    if let Ok(description) = config.description("fuzzed") {
        for form in [
            ConfigForm::SqlServer { bulk: true },
            ConfigForm::Triggers,
            ConfigForm::SqlCe,
        ] {
            let again = ScopeConfig::from_description(&description, &Naming::default(), form);
            let Ok(again) = again else {
                continue;
            };
            assert_eq!(again.description("fuzzed").unwrap(), description);
            assert_eq!(ScopeConfig::parse(&again.to_xml()).unwrap(), again);
        }
    }
    Verdict::Read
}

/// A name of a table and a type, one a line, and a prefix and a schema for the objects of the table.
pub(super) fn names(bytes: &[u8]) -> Verdict {
    let Ok(text) = str::from_utf8(bytes) else {
        return Verdict::Refused;
    };
    let mut lines = text.split('\n');
    let [table, sql_type, prefix, schema] = std::array::from_fn(|_| lines.next().unwrap_or(""));
    let sql_type = through_text::<SqlType>(sql_type);
    let naming = Naming::new(
        Some(prefix).filter(|prefix| !prefix.is_empty()),
        Some(schema).filter(|schema| !schema.is_empty()),
    );
    let Ok(name) = TableName::parse(table) else {
        return verdict(sql_type.is_some());
    };
    assert_eq!(TableName::parse(&name.quoted()).as_ref(), Ok(&name));
    assert_eq!(TableName::parse(&name.to_string()).as_ref(), Ok(&name));
    assert!(quote(&name.name).len() >= name.name.len() + 2);
    assert!(!name.sqlite_name().is_empty());
    for naming in [Ok(Naming::default()), naming].into_iter().flatten() {
        let objects = ObjectNames::for_table(&name, &naming);
        assert!(!format!("{objects:?} {:?}", StoreNames::new(&naming)).is_empty());
    }
    Verdict::Read
}

/// Each value that a text can be read as.
pub(super) fn values(bytes: &[u8]) -> Verdict {
    let Ok(text) = str::from_utf8(bytes) else {
        return Verdict::Refused;
    };
    let decimal = through_text::<Decimal>(text);
    if let Some(decimal) = decimal {
        assert_eq!(decimal.normalized(), decimal);
        let rescaled = decimal.rescaled(decimal.scale());
        assert_eq!(rescaled, Some(decimal));
        assert!(decimal.to_f64().is_finite());
        let _ = decimal.to_i64();
    }
    let read = [
        decimal.is_some(),
        through_text::<Date>(text).is_some(),
        through_text::<Time>(text).is_some(),
        through_text::<DateTime>(text).is_some(),
        through_text::<DateTimeOffset>(text).is_some(),
    ];
    verdict(read.contains(&true))
}
