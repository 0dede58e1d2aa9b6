//! ADO.NET connection strings: `Server=…;Database=…;User Id=…`.

use sync_provider_mssql::Password;

use super::url::port_number;
use super::{Encrypt, SqlServer, malformed};
use crate::exit::Failure;

/// Reads a connection string. Keywords that only concern other clients (time-outs, names of applications) are let pass.
pub(super) fn parse(text: &str) -> Result<SqlServer, Failure> {
    let (mut server, mut user, mut database) = (None, None, None);
    let (mut password, mut other_login) = (None, None);
    let mut encrypt = None;
    let mut trust_server_certificate = false;
    for (keyword, value) in pairs(text)? {
        match keyword.as_str() {
            "server" | "data source" | "addr" | "address" | "network address" => {
                server = Some(value);
            }
            "database" | "initial catalog" => database = Some(value),
            "user id" | "uid" | "user" => user = Some(value),
            "password" | "pwd" => password = Some(Password::new(value)),
            "integrated security" | "trusted_connection"
                if is_true(&value) || value.eq_ignore_ascii_case("sspi") =>
            {
                other_login = Some("Integrated Security");
            }
            "authentication"
                if !value.eq_ignore_ascii_case("sql password")
                    && !value.eq_ignore_ascii_case("sqlpassword") =>
            {
                other_login = Some("Authentication");
            }
            "encrypt" => encrypt = Some(encryption(&value)?),
            "trustservercertificate" | "trust server certificate" => {
                trust_server_certificate = is_true(&value);
            }
            _ => {}
        }
    }
    if let Some(keyword) = other_login {
        return Err(malformed(format!(
            "{keyword} is not supported: syncdb logs in with User Id and Password"
        )));
    }
    let named = |part: Option<String>, name: &str| {
        part.filter(|part| !part.is_empty())
            .ok_or_else(|| malformed(format!("it names no {name}")))
    };
    let (host, instance, port) = split_server(&named(server, "host")?)?;
    Ok(SqlServer {
        user: named(user, "user")?,
        password,
        host,
        instance,
        port,
        database: named(database, "database")?,
        encrypt,
        trust_server_certificate,
    })
}

/// `[tcp:]HOST[\INSTANCE][,PORT]`
fn split_server(text: &str) -> Result<(String, Option<String>, Option<u16>), Failure> {
    let text = text.strip_prefix("tcp:").unwrap_or(text);
    let (text, port) = text
        .split_once(',')
        .map_or((text, None), |(text, port)| (text, Some(port)));
    let port = port.map(port_number).transpose()?;
    let (host, instance) = text
        .split_once('\\')
        .map_or((text, None), |(host, instance)| {
            (host, Some(instance.trim().to_owned()))
        });
    Ok((host.trim().to_owned(), instance, port))
}

fn encryption(value: &str) -> Result<Encrypt, Failure> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "yes" | "mandatory" => Ok(Encrypt::On),
        "false" | "no" | "optional" => Ok(Encrypt::Off),
        "strict" => Ok(Encrypt::Strict),
        _ => Err(malformed("encrypt is neither true nor false nor strict")),
    }
}

fn is_true(value: &str) -> bool {
    value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("yes")
}

/// Keywords in lower case with their values. A value may be in quotes of either kind, which are doubled within.
fn pairs(text: &str) -> Result<Vec<(String, String)>, Failure> {
    let mut found = Vec::new();
    let mut rest = text.trim_start_matches([';', ' ']);
    while !rest.is_empty() {
        let (keyword, after) = rest
            .split_once('=')
            .ok_or_else(|| malformed("a part of it has no ="))?;
        let after = after.trim_start();
        let (value, after) = match after.chars().next() {
            Some(quote @ ('"' | '\'')) => quoted(after, quote)?,
            _ => {
                let (value, after) = after.split_once(';').unwrap_or((after, ""));
                (value.trim().to_owned(), after)
            }
        };
        found.push((keyword.trim().to_ascii_lowercase(), value));
        rest = after.trim_start_matches([';', ' ']);
    }
    Ok(found)
}

fn quoted(text: &str, quote: char) -> Result<(String, &str), Failure> {
    let mut value = String::new();
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = characters.next() {
        if c != quote {
            value.push(c);
            continue;
        }
        if characters.next_if(|(_, next)| *next == quote).is_none() {
            return Ok((value, text.split_at(at + quote.len_utf8()).1));
        }
        value.push(quote);
    }
    Err(malformed("a quote in it is not closed"))
}
