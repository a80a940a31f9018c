//! Where mail is handed to: the settings of a server.

use super::MailError;
use crate::secret_file::read_secret;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, Tokio1Executor};
use serde::Deserialize;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

/// Seconds that sending a mail may take, if nothing is set, and at most.
const TIMEOUT_S: u64 = 30;
const TIMEOUT_S_MAX: u64 = 50;

/// Over which server mail is sent, and from whom.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailConfig {
    /// `smtps://USER:PASSWORD@HOST:PORT` speaks TLS from the first byte (port 465 if none is said). `smtp://…` begins in the clear and
    /// changes to TLS (`STARTTLS`, RFC 3207; port 587): it has to with `?tls=required`, which is meant if nothing is said, it does if
    /// the server can with `?tls=opportunistic`, and never does with `?tls=none` (port 25). The last two take a password only for a
    /// server on this machine. Characters of user and password beyond letters and digits are written as `%XX`. With `password_file` it
    /// is `smtps://USER@HOST:PORT`.
    pub server: String,
    /// File with the password, as it is, that its owner alone may open.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// Who sends: `Tickloom <no-reply@example.com>`.
    pub from: String,
    /// Certificates in PEM of who may sign for the server, beside the public ones.
    #[serde(default)]
    pub trust: Option<String>,
    /// Seconds that sending a mail may take, from 1 to 50.
    #[serde(default = "timeout_s")]
    pub timeout_s: u64,
}

/// How a server's URL wants to be spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Secrecy {
    FromTheFirstByte,
    Required,
    Opportunistic,
    None,
}

/// What a server's URL says.
#[derive(Debug, PartialEq, Eq)]
struct Wanted<'a> {
    secrecy: Secrecy,
    /// User, password, host and port.
    authority: &'a str,
    host: &'a str,
    has_port: bool,
}

fn timeout_s() -> u64 {
    TIMEOUT_S
}

impl MailConfig {
    /// The least that has to be set: a server's URL, and who sends.
    #[must_use]
    pub fn new(server: &str, from: &str) -> MailConfig {
        MailConfig {
            server: server.to_owned(),
            from: from.to_owned(),
            password_file: None,
            trust: None,
            timeout_s: TIMEOUT_S,
        }
    }

    pub(super) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_s)
    }

    pub(super) fn transport(&self) -> Result<AsyncSmtpTransport<Tokio1Executor>, MailError> {
        if !(1..=TIMEOUT_S_MAX).contains(&self.timeout_s) {
            let why = format!("is {}, expected 1 to {TIMEOUT_S_MAX}", self.timeout_s);
            return Err(MailError::Setting {
                name: "timeout_s",
                why,
            });
        }
        let wanted = wanted(&self.server, self.password_file.is_some())?;
        let (scheme, port) = match wanted.secrecy {
            Secrecy::FromTheFirstByte => ("smtps", 465),
            Secrecy::None => ("smtp", 25),
            Secrecy::Required | Secrecy::Opportunistic => ("smtp", 587),
        };
        let mut url = format!("{scheme}://{}", self.authority(&wanted)?);
        if !wanted.has_port {
            url = format!("{url}:{port}");
        }
        // What it says of a URL may be a part of it.
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(&url);
        let transport = transport.map_err(|_| setting("is no URL of a server"))?;
        let tls = match wanted.secrecy {
            Secrecy::None => Tls::None,
            Secrecy::FromTheFirstByte => Tls::Wrapper(self.tls(wanted.host)?),
            Secrecy::Required => Tls::Required(self.tls(wanted.host)?),
            Secrecy::Opportunistic => Tls::Opportunistic(self.tls(wanted.host)?),
        };
        Ok(transport.tls(tls).timeout(Some(self.timeout())).build())
    }

    /// User, password, host and port, with the password of the file if there is one.
    fn authority(&self, wanted: &Wanted<'_>) -> Result<String, MailError> {
        let Some(path) = &self.password_file else {
            return Ok(wanted.authority.to_owned());
        };
        let password = read_secret(path).map_err(|error| MailError::Setting {
            name: "password_file",
            why: format!("cannot be used: {error}"),
        })?;
        let (user, place) = wanted.authority.rsplit_once('@').unwrap_or_default();
        let mut authority = format!("{user}:");
        for byte in password.bytes() {
            write!(authority, "%{byte:02X}").expect("a text takes all");
        }
        Ok(format!("{authority}@{place}"))
    }

    fn tls(&self, host: &str) -> Result<TlsParameters, MailError> {
        let mut tls = TlsParameters::builder(host.to_owned());
        if let Some(trust) = &self.trust {
            let wrong = || MailError::Setting {
                name: "trust",
                why: "has no certificate in PEM".to_owned(),
            };
            // Anything without a certificate in it would be taken for none.
            if !trust.contains("-----BEGIN CERTIFICATE-----") {
                return Err(wrong());
            }
            let trust = Certificate::from_pem(trust.as_bytes()).map_err(|_| wrong())?;
            tls = tls.add_root_certificate(trust);
        }
        tls.build().map_err(|error| MailError::Setting {
            name: "trust",
            why: format!("cannot be used: {error}"),
        })
    }
}

/// The password is not shown.
impl std::fmt::Debug for MailConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MailConfig")
            .field("from", &self.from)
            .field("timeout_s", &self.timeout_s)
            .finish_non_exhaustive()
    }
}

fn setting(why: &str) -> MailError {
    MailError::Setting {
        name: "server",
        why: why.to_owned(),
    }
}

/// What a server's URL says, of which no part is told in an error.
fn wanted(url: &str, has_file: bool) -> Result<Wanted<'_>, MailError> {
    let form = "is no URL of a server, expected smtps://HOST or smtp://HOST";
    let (scheme, rest) = url.split_once("://").ok_or_else(|| setting(form))?;
    let (authority, query) = match rest.split_once('?') {
        Some((authority, query)) => (authority, Some(query)),
        None => (rest, None),
    };
    let secrecy = match (scheme, query) {
        ("smtps", None) => Secrecy::FromTheFirstByte,
        ("smtp", None | Some("tls=required")) => Secrecy::Required,
        ("smtp", Some("tls=opportunistic")) => Secrecy::Opportunistic,
        ("smtp", Some("tls=none")) => Secrecy::None,
        ("smtp", Some(_)) => {
            let why =
                "has something after `?` that is not tls=required, tls=opportunistic or tls=none";
            return Err(setting(why));
        }
        _ => return Err(setting(form)),
    };
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    let (user, place) = match authority.rsplit_once('@') {
        Some((user, place)) => (Some(user), place),
        None => (None, authority),
    };
    let (host, has_port) = match place.rsplit_once(':') {
        Some((host, _)) if !place.ends_with(']') => (host, true),
        _ => (place, false),
    };
    if host.is_empty() || place.contains(['/', '#']) {
        return Err(setting(form));
    }
    match user {
        Some(user) if has_file && user.contains(':') => {
            return Err(setting(
                "has a password, and so has `password_file`: expected smtps://USER@HOST",
            ));
        }
        None | Some("") if has_file => {
            return Err(setting(
                "has no user, and `password_file` has a password: expected smtps://USER@HOST",
            ));
        }
        Some(user) if !has_file && !user.contains(':') => {
            return Err(setting("has a user without a password"));
        }
        _ => {}
    }
    let is_open = matches!(secrecy, Secrecy::Opportunistic | Secrecy::None);
    if user.is_some() && is_open && !is_here(host) {
        return Err(setting(
            "would send a password that others can read: it needs tls=required or smtps",
        ));
    }
    Ok(Wanted {
        secrecy,
        authority,
        host,
        has_port,
    })
}

/// Whether a host is this machine.
fn is_here(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_how_a_server_is_spoken_to() {
        let of = |url| {
            let wanted = wanted(url, false).unwrap();
            (wanted.secrecy, wanted.host, wanted.has_port)
        };
        assert_eq!(
            of("smtps://me:p%40ss@mail.example"),
            (Secrecy::FromTheFirstByte, "mail.example", false)
        );
        assert_eq!(
            of("smtp://me:secret@mail.example:2525"),
            (Secrecy::Required, "mail.example", true)
        );
        assert_eq!(
            of("smtp://mail.example/?tls=required"),
            (Secrecy::Required, "mail.example", false)
        );
        assert_eq!(
            of("smtp://mail.example?tls=opportunistic"),
            (Secrecy::Opportunistic, "mail.example", false)
        );
        assert_eq!(
            of("smtp://me:secret@127.0.0.1:25?tls=none"),
            (Secrecy::None, "127.0.0.1", true)
        );
        assert_eq!(of("smtp://[::1]?tls=none"), (Secrecy::None, "[::1]", false));
    }

    #[test]
    fn a_password_is_in_a_file_of_its_owner() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        let mut config = MailConfig::new("smtps://me@mail.example:465", "no-reply@example.com");
        config.password_file = Some(path.clone());
        let refused = |config: &MailConfig| config.transport().unwrap_err().to_string();
        let shown = path.display();
        assert_eq!(
            refused(&config),
            format!("the mail setting `password_file` cannot be used: there is no {shown}")
        );
        std::fs::write(&path, "p@ss:w%rd é\n").unwrap();
        let mode = |mode| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        mode(0o640);
        assert_eq!(
            refused(&config),
            format!(
                "the mail setting `password_file` cannot be used: {shown} has mode 640, so others can open it: chmod 600 it"
            )
        );
        mode(0o600);
        let authority = |config: &MailConfig| {
            let wanted = wanted(&config.server, true).unwrap();
            config.authority(&wanted).unwrap()
        };
        // As Python's urllib.parse.quote has it, but for letters, which need not be escaped.
        assert_eq!(
            authority(&config),
            "me:%70%40%73%73%3A%77%25%72%64%20%C3%A9@mail.example:465"
        );
        assert!(config.transport().is_ok());
        for server in ["smtps://me:hunter2@mail.example", "smtps://:@mail.example"] {
            config.server = server.to_owned();
            assert_eq!(
                refused(&config),
                "the mail setting `server` has a password, and so has `password_file`: expected smtps://USER@HOST"
            );
        }
        config.server = "smtps://mail.example".to_owned();
        assert_eq!(
            refused(&config),
            "the mail setting `server` has no user, and `password_file` has a password: expected smtps://USER@HOST"
        );
        config.server = "smtp://me@mail.example?tls=none".to_owned();
        assert!(refused(&config).contains("would send a password that others can read"));
    }

    #[test]
    fn what_cannot_be_is_refused_without_its_password() {
        for url in [
            "mail.example",
            "me:hunter2@mail.example",
            "http://me:hunter2@mail.example",
            "smtp://me:hunter2@mail.example?tls=none",
            "smtp://me:hunter2@mail.example?tls=opportunistic",
            "smtp://me:hunter2@mail.example?tls=maybe",
            "smtps://me:hunter2@mail.example?tls=none",
            "smtp://hunter2@mail.example",
            "smtp://me:hunter2@",
            "smtp://me:hunter2@mail.example:port",
            "smtp://me:hunter2@mail.example:99999",
            "smtp://me:hunter2@mail.example/path",
        ] {
            let config = MailConfig::new(url, "no-reply@example.com");
            let error = config.transport().unwrap_err();
            let words = format!("{error} {error:?} {config:?}");
            assert!(words.contains("setting"), "{words}");
            assert!(!words.contains("hunter2"), "{words}");
        }
        let mut config = MailConfig::new("smtps://mail.example", "no-reply@example.com");
        assert!(config.transport().is_ok());
        config.trust = Some("no certificate".to_owned());
        assert!(config.transport().is_err());
        config.trust = None;
        config.timeout_s = 51;
        assert!(config.transport().is_err());
    }
}
