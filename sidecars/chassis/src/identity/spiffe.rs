//! Names of services and of those who trust each other, in the form of SPIFFE (SPIFFE-ID, sections 2.1 and 2.2): `spiffe://DOMAIN/NAME`.

use super::{IdentityError, IdentityResult};
use std::fmt;
use std::str::FromStr;
use x509_parser::extensions::GeneralName;

/// Longest name of a service, in characters: what a common name has room for, and a label of a host.
const NAME_MAX: usize = 63;
/// Longest trust domain, in characters (SPIFFE-ID, section 2.1).
const DOMAIN_MAX: usize = 255;
const SCHEME: &str = "spiffe://";
/// Names that no service has: their files are the authority's own.
const RESERVED: [&str; 2] = ["authority", "roots"];

/// Whose certificates are taken: all services of one authority are of one trust domain.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrustDomain(String);

/// Which service somebody is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpiffeId {
    domain: TrustDomain,
    name: String,
}

impl TrustDomain {
    /// What it is called.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id of a service in it.
    ///
    /// # Errors
    /// [`IdentityError::Name`].
    pub fn id(&self, name: &str) -> Result<SpiffeId, IdentityError> {
        let is_one = (1..=NAME_MAX).contains(&name.len())
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && !RESERVED.contains(&name)
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b));
        if !is_one {
            return Err(IdentityError::Name {
                name: name.to_owned(),
            });
        }
        Ok(SpiffeId {
            domain: self.clone(),
            name: name.to_owned(),
        })
    }

    /// The URI of the domain itself, which a root certificate has.
    pub(crate) fn uri(&self) -> String {
        format!("{SCHEME}{}", self.0)
    }

    /// The domain of which a root certificate is.
    pub(crate) fn of_root(der: &[u8]) -> IdentityResult<TrustDomain> {
        let uri = only_uri(der)?;
        let domain = uri.strip_prefix(SCHEME);
        domain
            .ok_or_else(|| IdentityError::Id { id: uri.clone() })?
            .parse()
    }
}

impl Default for TrustDomain {
    fn default() -> TrustDomain {
        TrustDomain("tickloom".to_owned())
    }
}

impl FromStr for TrustDomain {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<TrustDomain, IdentityError> {
        let is_one = (1..=DOMAIN_MAX).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-_".contains(&b));
        if !is_one {
            return Err(IdentityError::Domain {
                domain: text.to_owned(),
            });
        }
        Ok(TrustDomain(text.to_owned()))
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl SpiffeId {
    /// Name of the service.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whose services it is of.
    #[must_use]
    pub fn domain(&self) -> &TrustDomain {
        &self.domain
    }

    /// The id in a certificate: its one URI (X509-SVID, section 2).
    ///
    /// # Errors
    /// [`IdentityError::Certificate`], [`IdentityError::Ids`], [`IdentityError::Id`].
    pub fn of_certificate(der: &[u8]) -> Result<SpiffeId, IdentityError> {
        only_uri(der)?.parse()
    }
}

impl FromStr for SpiffeId {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<SpiffeId, IdentityError> {
        let parts = text
            .strip_prefix(SCHEME)
            .and_then(|rest| rest.split_once('/'));
        let id = parts.and_then(|(domain, name)| domain.parse::<TrustDomain>().ok()?.id(name).ok());
        id.ok_or_else(|| IdentityError::Id {
            id: text.to_owned(),
        })
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.domain, self.name)
    }
}

/// The one URI that a certificate has.
fn only_uri(der: &[u8]) -> IdentityResult<String> {
    let unreadable = |why: String| IdentityError::Certificate { why };
    let (_, certificate) =
        x509_parser::parse_x509_certificate(der).map_err(|error| unreadable(error.to_string()))?;
    let names = certificate
        .subject_alternative_name()
        .map_err(|error| unreadable(error.to_string()))?;
    let names = names.map_or(&[][..], |names| &names.value.general_names);
    let uris: Vec<&str> = names
        .iter()
        .filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        })
        .collect();
    match uris[..] {
        [uri] => Ok(uri.to_owned()),
        _ => Err(IdentityError::Ids { found: uris.len() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_domain_and_a_name_and_nothing_else() {
        let id: SpiffeId = "spiffe://tickloom/market_data".parse().unwrap();
        assert_eq!(
            (id.domain().as_str(), id.name()),
            ("tickloom", "market_data")
        );
        assert_eq!(id.to_string(), "spiffe://tickloom/market_data");
        for text in [
            "",
            "spiffe://tickloom",
            "spiffe://tickloom/",
            "spiffe:///billing",
            "spiffe://tickloom/billing/1",
            "spiffe://tickloom/Billing",
            "spiffe://tickloom/../billing",
            "spiffe://tickloom/billing?x",
            "spiffe://me@tickloom/billing",
            "spiffe://tickloom:1/billing",
            "SPIFFE://tickloom/billing",
            "https://tickloom/billing",
            "spiffe://tickloom/billing ",
            "spiffe://tickloom/9billing",
        ] {
            let error = text.parse::<SpiffeId>().unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("`{text}` is no id of a service, expected spiffe://DOMAIN/NAME")
            );
        }
    }

    #[test]
    fn names_and_domains_have_a_length() {
        let domain = TrustDomain::default();
        assert!(domain.id(&"a".repeat(63)).is_ok());
        assert!(domain.id(&"a".repeat(64)).is_err());
        assert!(domain.id("authority").is_err() && domain.id("roots").is_err());
        assert!("a".repeat(255).parse::<TrustDomain>().is_ok());
        assert!("a".repeat(256).parse::<TrustDomain>().is_err());
    }
}
