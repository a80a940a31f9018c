//! Who asks for passkeys: a name, and the one origin of its pages (Web Authentication Level 3, section 4; RFC 6454).

use axum::http::Uri;
use std::net::{IpAddr, Ipv4Addr};
use thiserror::Error;

const LOCALHOST: &str = "localhost";

/// The relying party.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelyingParty {
    id: String,
    origin: String,
}

/// Why there can be no passkeys under an address.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("passkeys need a name: `auth.issuer` is `{issuer}`, {why}")]
pub struct NoRelyingParty {
    /// The address.
    pub issuer: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl RelyingParty {
    /// The one of a service that is reached under this address. On this machine alone it is `localhost`, whatever the address says,
    /// as an IP address cannot be a relying party.
    ///
    /// # Errors
    /// [`NoRelyingParty`] for another IP address, and for pages that no browser lets have passkeys: those of plain `http`.
    pub fn of_issuer(issuer: &str) -> Result<RelyingParty, NoRelyingParty> {
        let no = |why| NoRelyingParty {
            issuer: issuer.to_owned(),
            why,
        };
        let uri: Uri = issuer
            .parse()
            .map_err(|_| no("which is no address of http or https"))?;
        let (scheme, host) = uri
            .scheme_str()
            .zip(uri.host())
            .ok_or_else(|| no("which is no address of http or https"))?;
        let host = host.to_ascii_lowercase();
        let id = match ip(&host) {
            Some(address) if address.is_loopback() => LOCALHOST.to_owned(),
            Some(_) => return Err(no("and an IP address cannot have passkeys")),
            None => host,
        };
        let is_local = id == LOCALHOST || id.ends_with(".localhost");
        let usual_port = match scheme {
            "https" => 443,
            "http" if is_local => 80,
            "http" => return Err(no("and browsers keep passkeys for https")),
            _ => return Err(no("which is no address of http or https")),
        };
        let origin = match uri.port_u16() {
            Some(port) if port != usual_port => format!("{scheme}://{id}:{port}"),
            _ => format!("{scheme}://{id}"),
        };
        Ok(RelyingParty { id, origin })
    }

    /// Its name, to which passkeys belong.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The origin of its pages: scheme, name, and the port if it is not the usual one.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

/// The address that a host is, if it is one. What ends in a number is an address of version 4 to a browser, or none at all.
fn ip(host: &str) -> Option<IpAddr> {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    if let Ok(address) = bare.unwrap_or(host).parse() {
        return Some(address);
    }
    let last = host.trim_end_matches('.').rsplit('.').next()?;
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
    is_number.then_some(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}
