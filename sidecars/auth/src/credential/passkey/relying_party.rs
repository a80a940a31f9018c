//! Who asks for passkeys: a name, and the one origin of its pages (Web Authentication Level 3, section 4; RFC 6454).

use thiserror::Error;
use url::{Host, Url};

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
        let none = "which is no address of http or https";
        let mut url = Url::parse(issuer).map_err(|_| no(none))?;
        let id = match url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(address)) if address.is_loopback() => LOCALHOST.to_owned(),
            Some(Host::Ipv6(address)) if address.is_loopback() => LOCALHOST.to_owned(),
            Some(Host::Ipv4(_) | Host::Ipv6(_)) => {
                return Err(no("and an IP address cannot have passkeys"));
            }
            None => return Err(no(none)),
        };
        let is_local = id == LOCALHOST || id.ends_with(".localhost");
        match url.scheme() {
            "https" => {}
            "http" if is_local => {}
            "http" => return Err(no("and browsers keep passkeys for https")),
            _ => return Err(no(none)),
        }
        url.set_host(Some(&id)).map_err(|_| no(none))?;
        let origin = url.origin().ascii_serialization();
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
