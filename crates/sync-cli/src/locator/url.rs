//! `mssql://USER[:PASSWORD]@HOST[\INSTANCE][:PORT]/DATABASE[?encrypt=off|on|strict][&trust_server_certificate=true]`

use sync_provider_mssql::Password;

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::{Encrypt, SqlServer, malformed};
use crate::exit::Failure;

/// Reads what follows `mssql://`.
pub(super) fn parse(rest: &str) -> Result<SqlServer, Failure> {
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let Some((login, address)) = authority.rsplit_once('@') else {
        return Err(malformed("it names no user"));
    };
    let (user, password) = login
        .split_once(':')
        .map_or((login, None), |(user, password)| (user, Some(password)));
    let (user, database) = (decode(user)?, decode(database)?);
    let password = password.map(decode).transpose()?.map(Password::new);
    let (host, instance, port) = split_address(address)?;
    for (part, missing) in [(&user, "user"), (&host, "host"), (&database, "database")] {
        if part.is_empty() {
            return Err(malformed(format!("it names no {missing}")));
        }
    }
    let mut server = SqlServer {
        user,
        password,
        host,
        instance,
        port,
        database,
        encrypt: None,
        trust_server_certificate: false,
    };
    for option in query.split('&').filter(|option| !option.is_empty()) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        match (name, value) {
            ("encrypt", "off") => server.encrypt = Some(Encrypt::Off),
            ("encrypt", "on") => server.encrypt = Some(Encrypt::On),
            ("encrypt", "strict") => server.encrypt = Some(Encrypt::Strict),
            ("encrypt", _) => return Err(malformed("encrypt is neither off nor on nor strict")),
            ("trust_server_certificate", "true") => server.trust_server_certificate = true,
            ("trust_server_certificate", "false") => server.trust_server_certificate = false,
            ("trust_server_certificate", _) => {
                return Err(malformed(
                    "trust_server_certificate is neither true nor false",
                ));
            }
            _ => {
                let reason = "syncdb does not know this option; there are encrypt and trust_server_certificate";
                return Err(malformed(reason));
            }
        }
    }
    Ok(server)
}

/// `HOST[\INSTANCE][:PORT]`, where an IPv6 address is in brackets.
fn split_address(address: &str) -> Result<(String, Option<String>, Option<u16>), Failure> {
    let (host, rest) = match address.strip_prefix('[') {
        Some(bracketed) => {
            let (host, rest) = bracketed
                .split_once(']')
                .ok_or_else(|| malformed("the bracket of its address is not closed"))?;
            (host.to_owned(), rest)
        }
        None => {
            let end = address.find(['\\', ':']).unwrap_or(address.len());
            let (host, rest) = address.split_at(end);
            (decode(host)?, rest)
        }
    };
    let (instance, port) = rest
        .split_once(':')
        .map_or((rest, None), |(instance, port)| (instance, Some(port)));
    let port = port.map(port_number).transpose()?;
    let instance = match instance.strip_prefix('\\') {
        Some(instance) => Some(decode(instance)?),
        None if instance.is_empty() => None,
        None => return Err(malformed("something follows the bracket of its address")),
    };
    Ok((host, instance.filter(|name| !name.is_empty()), port))
}

pub(super) fn port_number(text: &str) -> Result<u16, Failure> {
    let port = text.trim().parse();
    port.map_err(|_| malformed("its port is no number from 1 to 65535"))
}

/// Undoes percent-encoding. A percent sign that begins no byte is refused, and not taken for itself: most likely it was not encoded.
fn decode(text: &str) -> Result<String, Failure> {
    let wrong = || malformed("its percent-encoding is not valid");
    let is_byte = |rest: &str| rest.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    if !text.split('%').skip(1).all(is_byte) {
        return Err(wrong());
    }
    let text = percent_decode_str(text).decode_utf8();
    text.map(Cow::into_owned).map_err(|_| wrong())
}

/// All but the unreserved characters of RFC 3986, section 2.3.
const MEANINGFUL: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Percent-encodes everything that has a meaning of its own in a URL.
pub(super) fn encode(text: &str) -> String {
    utf8_percent_encode(text, MEANINGFUL).to_string()
}
