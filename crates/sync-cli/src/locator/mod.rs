//! Which database an argument names.
//!
//! Three forms: a path (plain, or behind `sqlite:`), a URL `mssql://…`, and an ADO.NET connection string, which is what users of
//! Microsoft Sync Framework have. An argument is parsed once; a password in it goes into a type that cannot be shown.

mod connection_string;
mod sql_server;
mod url;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

use crate::exit::Failure;
use crate::plain::plain;
pub(crate) use sql_server::{Encrypt, SqlServer};

/// A database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Locator {
    Sqlite(PathBuf),
    SqlServer(SqlServer),
}

/// Shown without the password.
impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Locator::Sqlite(path) => path.display().fmt(f),
            Locator::SqlServer(server) => server.fmt(f),
        }
    }
}

impl Locator {
    pub(crate) fn parse(text: &OsStr) -> Result<Self, Failure> {
        let Some(text) = text.to_str() else {
            // Neither of the other forms holds anything but Unicode.
            return Ok(Locator::Sqlite(text.into()));
        };
        if let Some(path) = text.strip_prefix("sqlite:") {
            return sqlite(path);
        }
        if let Some((scheme, rest)) = split_url(text) {
            return match scheme.to_ascii_lowercase().as_str() {
                "mssql" => url::parse(rest).map(Locator::SqlServer),
                // Everything behind the scheme may hold a secret.
                scheme => Err(Failure::usage(
                    format!("{scheme}://"),
                    "this kind of database is not known",
                    "name a file, sqlite:PATH or mssql://USER@HOST/DATABASE",
                )),
            };
        }
        if is_connection_string(text) {
            return connection_string::parse(text).map(Locator::SqlServer);
        }
        if is_unfinished_url(text) {
            return Err(malformed("there is no // after mssql:"));
        }
        sqlite(text)
    }

    /// Whether both name one database, as far as names can tell.
    pub(crate) fn is_same_as(&self, other: &Locator) -> bool {
        match (self, other) {
            (Locator::Sqlite(a), Locator::Sqlite(b)) => is_same_file(a, b),
            (Locator::SqlServer(a), Locator::SqlServer(b)) => a.is_same_as(b),
            _ => false,
        }
    }
}

/// Whether a path that leads to no file may have been meant to name a server: it holds what locators have and file names seldom do, or
/// there is not even the folder.
pub(crate) fn may_mean_a_server(path: &Path) -> bool {
    let text = path.to_string_lossy();
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    text.contains(['@', '=', ';', ',']) || folder.is_some_and(|folder| !folder.exists())
}

fn is_same_file(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

/// A message without the passwords that arguments hold, should it quote one of them.
pub(crate) fn without_secrets(mut message: String, arguments: &[OsString]) -> String {
    for argument in arguments.iter().filter_map(|argument| argument.to_str()) {
        let text = match argument.split_once('=') {
            Some((_, value)) if argument.starts_with('-') => value,
            _ => argument,
        };
        if may_hold_secret(text) {
            let shown = Locator::parse(OsStr::new(text));
            let shown = shown.map_or_else(|_| "…".to_owned(), |locator| locator.to_string());
            message = message.replace(text, &shown);
        }
    }
    message
}

fn may_hold_secret(text: &str) -> bool {
    split_url(text).is_some() || is_connection_string(text) || is_unfinished_url(text)
}

fn sqlite(path: &str) -> Result<Locator, Failure> {
    if path.is_empty() {
        return Err(Failure::usage(
            "database",
            "its path is empty",
            "name a file",
        ));
    }
    // To SQLite these would be no paths.
    if path == ":memory:" || path.starts_with("file:") {
        return Ok(Locator::Sqlite(Path::new(".").join(path)));
    }
    Ok(Locator::Sqlite(path.into()))
}

/// Scheme and rest of a URL.
fn split_url(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    is_scheme.then_some((scheme, rest))
}

/// Whether it begins as a URL of ours and does not go on as one.
fn is_unfinished_url(text: &str) -> bool {
    let scheme = text.split_once(':').map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("mssql")) && split_url(text).is_none()
}

/// Whether there is a `=` before a `;`.
fn is_connection_string(text: &str) -> bool {
    text.split_once(';')
        .is_some_and(|(first, _)| first.contains('='))
}

/// An error in a locator that may hold a secret, so that nothing of it is quoted.
fn malformed(reason: impl Into<String>) -> Failure {
    let reason = reason.into();
    Failure::usage(
        "SQL Server locator",
        plain(&reason).into_owned(),
        "write mssql://USER@HOST/DATABASE, or Server=…;Database=…;User Id=…",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An argument and how its database is shown, or what of the error is expected.
    fn check(argument: &str, expected: Result<&str, &str>) {
        let locator = Locator::parse(OsStr::new(argument));
        match (&locator, expected) {
            (Ok(locator), Ok(shown)) => assert_eq!(locator.to_string(), shown, "{argument}"),
            (Err(failure), Err(part)) => assert!(
                failure.line().contains(part),
                "{argument}: {}",
                failure.line()
            ),
            _ => panic!("{argument}: {locator:?}"),
        }
        let debug = format!("{locator:?}");
        assert!(
            !debug.contains("s3cret") && !debug.contains("s3%63ret"),
            "{debug}"
        );
    }

    #[test]
    fn paths() {
        check("notebook.db", Ok("notebook.db"));
        check("sqlite:notebook.db", Ok("notebook.db"));
        check("sqlite:/srv/a b.db", Ok("/srv/a b.db"));
        check("C:\\data\\a.db", Ok("C:\\data\\a.db"));
        check("odd=name.db", Ok("odd=name.db"));
        check("semi;colon=.db", Ok("semi;colon=.db"));
        check("sqlite:a=b;c", Ok("a=b;c"));
        check(":memory:", Ok("./:memory:"));
        check("", Err("its path is empty"));
        check("sqlite:", Err("its path is empty"));
    }

    #[test]
    fn urls() {
        check(
            "mssql://sa@db.example/Sales",
            Ok("mssql://sa@db.example/Sales"),
        );
        check("mssql://sa:s3cret@db/Sales", Ok("mssql://sa@db/Sales"));
        check("MSSQL://sa:s3%63ret@db/Sales", Ok("mssql://sa@db/Sales"));
        check(
            "mssql://sa:s3cret@db\\SQLEXPRESS:14330/Sales%20Data?encrypt=strict&trust_server_certificate=true",
            Ok(
                "mssql://sa@db\\SQLEXPRESS:14330/Sales%20Data?encrypt=strict&trust_server_certificate=true",
            ),
        );
        check(
            "mssql://sa:s3cret@[::1]:1433/Sales",
            Ok("mssql://sa@[::1]:1433/Sales"),
        );
        check(
            "mssql://d%40m%3Aain:s3cret@db/Sales",
            Ok("mssql://d%40m%3Aain@db/Sales"),
        );
        check("mssql:db/Sales", Err("no // after mssql:"));
        check("mssql://db/Sales", Err("names no user"));
        check("mssql://sa:s3cret@/Sales", Err("names no host"));
        check("mssql://sa:s3cret@db", Err("names no database"));
        check("mssql://sa:s3cret@db/", Err("names no database"));
        check("mssql://sa:s3cret@db:port/Sales", Err("port"));
        check("mssql://sa:s3cret@db:70000/Sales", Err("port"));
        check("mssql://sa:s3%zzcret@db/Sales", Err("percent"));
        check("mssql://sa@db/Sales?encrypt=maybe", Err("encrypt"));
        check(
            "mssql://sa@db/Sales?password=s3cret",
            Err("does not know this option"),
        );
        check(
            "postgres://me:s3cret@db/x",
            Err("postgres://: this kind of database is not known"),
        );
    }

    #[test]
    fn connection_strings() {
        check(
            "Server=db;Database=Sales;User Id=sa;Password=s3cret",
            Ok("mssql://sa@db/Sales"),
        );
        check(
            "Data Source=tcp:db\\SQLEXPRESS,14330;Initial Catalog=Sales;UID=sa;PWD='s3;cret';Encrypt=true;TrustServerCertificate=yes;",
            Ok("mssql://sa@db\\SQLEXPRESS:14330/Sales?encrypt=on&trust_server_certificate=true"),
        );
        check(
            "server = \"db\" ; database = 'it''s' ; user id = sa ; Application Name = x",
            Ok("mssql://sa@db/it%27s"),
        );
        check("Server=db;User Id=sa", Err("names no database"));
        check(
            "Server=db;Database=Sales;Integrated Security=SSPI",
            Err("Integrated Security is not supported"),
        );
        check(
            "Server=db;Database=Sales;Authentication=ActiveDirectoryDefault",
            Err("Authentication is not supported"),
        );
        check("Server=db;Database=Sales;Pwd=s3cret", Err("names no user"));
        check("Server=db;Database", Err("no ="));
        check("Server=db;Password='s3cret", Err("quote"));
        check(
            "Server=db;Database=x;User Id=sa;Encrypt=maybe",
            Err("encrypt"),
        );
    }

    #[test]
    fn one_database_under_two_names() {
        let check = |a: &str, b: &str, same: bool| {
            let parse = |text: &str| Locator::parse(OsStr::new(text)).unwrap();
            assert_eq!(parse(a).is_same_as(&parse(b)), same, "{a} {b}");
        };
        check("mssql://sa:x@db/Sales", "mssql://me@DB:1433/Sales", true);
        check(
            "mssql://sa@db/Sales",
            "Server=db;Database=Sales;User Id=x",
            true,
        );
        check("mssql://sa@db\\A/Sales", "mssql://sa@db\\a/Sales", true);
        check("mssql://sa@db\\A/Sales", "mssql://sa@db\\B/Sales", false);
        check("mssql://sa@db/Sales", "mssql://sa@db/Sales2", false);
        check("mssql://sa@db/Sales", "mssql://sa@db:1434/Sales", false);
        check("mssql://sa@db/a.db", "a.db", false);
        check("a.db", "sqlite:a.db", true);
    }

    #[test]
    fn messages_lose_passwords() {
        let arguments = [
            "syncdb",
            "mssql://sa:s3cret@db/Sales",
            "--like=Server=db;Database=Sales;User Id=sa;Password=s3cret",
            "ftp://u:s3cret@x",
        ];
        let arguments = arguments.map(OsString::from);
        let message = arguments.map(|argument| argument.into_string().unwrap());
        let message = without_secrets(message.join(" "), &message.map(OsString::from));
        assert_eq!(
            message,
            "syncdb mssql://sa@db/Sales --like=mssql://sa@db/Sales …"
        );
    }
}
