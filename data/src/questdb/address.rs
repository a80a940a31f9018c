//! Where the server is and who asks: an address, or the client's configuration string.

use crate::{DataError, Result};
use questdb::ingress::SenderBuilder;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The server's HTTP port if none is named.
const PORT_DEFAULT: u16 = 9000;
/// What an address may look like.
const EXPECTED: &str =
    "HOST:PORT, or http::addr=HOST:PORT;username=…;password=…; (also token=…, and https)";

/// Address of a QuestDB server, with credentials if it wants some. It is shown without them.
#[derive(Clone, PartialEq, Eq)]
pub struct QuestDbAddress {
    is_https: bool,
    /// Host and port.
    at: String,
    credentials: Credentials,
}

#[derive(Clone, PartialEq, Eq)]
enum Credentials {
    None,
    Password { username: String, password: String },
    Token(String),
}

impl QuestDbAddress {
    /// What URLs begin with.
    pub(super) fn base(&self) -> String {
        let scheme = if self.is_https { "https" } else { "http" };
        format!("{scheme}://{}", self.at)
    }

    /// The value of the `Authorization` header, if there is one.
    pub(super) fn authorization(&self) -> Option<String> {
        match &self.credentials {
            Credentials::None => None,
            Credentials::Password { username, password } => {
                let both = format!("{username}:{password}");
                Some(format!("Basic {}", base64(both.as_bytes())))
            }
            Credentials::Token(token) => Some(format!("Bearer {token}")),
        }
    }

    /// The client's settings. It does not try again by itself: whoever sends decides about that.
    pub(super) fn client(&self) -> questdb::Result<SenderBuilder> {
        let scheme = if self.is_https { "https" } else { "http" };
        let builder = SenderBuilder::from_conf(format!("{scheme}::addr={};", self.at))?
            .retry_timeout(Duration::ZERO)?;
        match &self.credentials {
            Credentials::None => Ok(builder),
            Credentials::Password { username, password } => {
                builder.username(username)?.password(password)
            }
            Credentials::Token(token) => builder.token(token),
        }
    }
}

impl fmt::Display for QuestDbAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base())
    }
}

impl fmt::Debug for QuestDbAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for QuestDbAddress {
    type Err = DataError;

    fn from_str(text: &str) -> Result<QuestDbAddress> {
        let address = match text.split_once("::") {
            Some((scheme @ ("http" | "https"), keys)) => from_keys(scheme == "https", keys)?,
            _ => from_url(text)?,
        };
        // What the client refuses is wrong from the start, and not only once a run has begun.
        address.client().map_err(|_| wrong(&address.to_string()))?;
        Ok(address)
    }
}

/// The value shown in errors never has a password in it.
fn wrong(shown: &str) -> DataError {
    DataError::Option {
        field: "QuestDB address",
        value: shown.to_owned(),
        expected: EXPECTED,
    }
}

fn from_url(text: &str) -> Result<QuestDbAddress> {
    let (is_https, rest) = match text.split_once("://") {
        None => (false, text),
        Some(("http", rest)) => (false, rest),
        Some(("https", rest)) => (true, rest),
        Some(_) => return Err(wrong(text)),
    };
    let at = rest.strip_suffix('/').unwrap_or(rest);
    if at.contains('@') {
        return Err(wrong("an address with a name in it"));
    }
    Ok(QuestDbAddress {
        is_https,
        at: with_port(at).ok_or_else(|| wrong(text))?,
        credentials: Credentials::None,
    })
}

/// `addr=HOST:PORT;username=…;password=…;`, where `;;` stands for a semicolon in a value.
fn from_keys(is_https: bool, text: &str) -> Result<QuestDbAddress> {
    let (mut at, mut username, mut password, mut token) = (None, None, None, None);
    let parted = text.replace(";;", "\0");
    for pair in parted.split(';').filter(|pair| !pair.is_empty()) {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(wrong("a setting without a value"));
        };
        let place = match key {
            "addr" => &mut at,
            "username" => &mut username,
            "password" => &mut password,
            "token" => &mut token,
            key => return Err(wrong(&format!("a setting {key}"))),
        };
        *place = Some(value.replace('\0', ";"));
    }
    let credentials = match (username, password, token) {
        (None, None, None) => Credentials::None,
        (Some(username), Some(password), None) => Credentials::Password { username, password },
        (None, None, Some(token)) => Credentials::Token(token),
        _ => {
            return Err(wrong(
                "half of the credentials, or two kinds of them together",
            ));
        }
    };
    let at = at.ok_or_else(|| wrong("settings without addr"))?;
    Ok(QuestDbAddress {
        is_https,
        at: with_port(&at).ok_or_else(|| wrong(&at))?,
        credentials,
    })
}

/// The host with its port, if it is one.
fn with_port(text: &str) -> Option<String> {
    let (host, port) = match text.rsplit_once(':') {
        // The colons of an IPv6 address are inside of its brackets.
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
        _ => (text, PORT_DEFAULT),
    };
    let is_host = !host.is_empty()
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b".-_[]:".contains(&b));
    is_host.then(|| format!("{host}:{port}"))
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let value = group >> (18 - 6 * digit) & 63;
            let is_padding = digit > chunk.len();
            let at = usize::try_from(value).expect("six bits fit");
            text.push(if is_padding {
                '='
            } else {
                char::from(ALPHABET[at])
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<QuestDbAddress, String> {
        text.parse().map_err(|error: DataError| error.to_string())
    }

    #[test]
    fn addresses_are_understood() {
        for (text, shown) in [
            ("localhost", "http://localhost:9000"),
            ("127.0.0.1:9001", "http://127.0.0.1:9001"),
            ("https://db.example/", "https://db.example:9000"),
            ("[::1]:9001", "http://[::1]:9001"),
            ("http::addr=db:1;", "http://db:1"),
        ] {
            assert_eq!(read(text).unwrap().to_string(), shown, "{text}");
        }
        let secret = read("https::addr=db;username=me;password=a;;b;").unwrap();
        assert_eq!(format!("{secret:?}"), "https://db:9000");
        // As coreutils' base64 gives it for `me:a;b`.
        assert_eq!(secret.authorization().unwrap(), "Basic bWU6YTti");
        let token = read("http::addr=db;token=abc").unwrap();
        assert_eq!(token.authorization().unwrap(), "Bearer abc");
    }

    #[test]
    fn wrong_addresses_are_refused_without_telling_secrets() {
        for text in [
            "",
            "db:port",
            "ftp://db",
            "http://me:secret@db",
            "http::username=secret;",
            "http::addr=db;password=secret;",
            "http::addr=db;secret",
            "http::addr=db;username=me;password=secret;token=secret;",
            "http::addr=d b;",
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains("expected HOST:PORT"), "{text}: {error}");
            assert!(!error.contains("secret"), "{text}: {error}");
        }
    }

    #[test]
    fn base64_pads() {
        for (text, code) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v")] {
            assert_eq!(base64(text.as_bytes()), code);
        }
    }
}
