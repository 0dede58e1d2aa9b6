//! `--create KIND=HOW`: what provisioning makes, and what it takes as it is.

use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;
use sync_provider_mssql::{CreationOption, CreationOptions};

/// One kind of object, and what is done about it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Creation {
    kind: Kind,
    how: How,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Tables,
    TrackingTables,
    Triggers,
    Procedures,
    AdditionalProcedures,
    TrackingRows,
    BulkProcedures,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq, ValueEnum)]
enum How {
    New,
    Skip,
    UseExisting,
}

impl fmt::Display for Creation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", name(&self.kind), name(&self.how))
    }
}

impl FromStr for Creation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, how) = text.split_once('=').ok_or("it has no =")?;
        Ok(Creation {
            kind: parse(kind)?,
            how: parse(how)?,
        })
    }
}

/// The options of SQL Server's provisioning.
pub(super) fn options(creations: &[Creation]) -> CreationOptions {
    let mut options = CreationOptions::default();
    for creation in creations {
        let how = match creation.how {
            How::New => CreationOption::Create,
            How::Skip => CreationOption::Skip,
            How::UseExisting => CreationOption::CreateOrUseExisting,
        };
        match creation.kind {
            Kind::Tables => options.tables = how,
            Kind::TrackingTables => options.tracking_tables = how,
            Kind::Triggers => options.triggers = how,
            Kind::Procedures => options.procedures = how,
            Kind::AdditionalProcedures => options.procedures_for_additional_scope = how,
            Kind::TrackingRows => options.populate_tracking_tables = how,
            Kind::BulkProcedures => options.use_bulk_procedures = creation.how != How::Skip,
        }
    }
    options
}

fn parse<T: ValueEnum>(text: &str) -> Result<T, String> {
    T::from_str(text, false).map_err(|_| {
        let names: Vec<String> = T::value_variants().iter().map(name).collect();
        format!("{text:?} is none of {}", names.join(", "))
    })
}

fn name<T: ValueEnum>(value: &T) -> String {
    let value = value.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, &str>) {
        let parsed = text.parse::<Creation>().map(|found| found.to_string());
        match expected {
            Ok(shown) => assert_eq!(parsed.as_deref(), Ok(shown)),
            Err(part) => assert!(
                parsed.as_ref().is_err_and(|error| error.contains(part)),
                "{parsed:?}"
            ),
        }
    }

    #[test]
    fn kinds_and_what_is_done() {
        for kind in Kind::value_variants() {
            for how in How::value_variants() {
                let text = format!("{}={}", name(kind), name(how));
                check(&text, Ok(&text));
            }
        }
        check("tables", Err("no ="));
        check("indexes=skip", Err("none of tables, tracking-tables"));
        check("tables=maybe", Err("none of new, skip, use-existing"));
    }
}
