//! Sites behind a proxy that asks who is there: which there are, and which of them a request is for. No other is ever led to.

use axum::http::HeaderMap;
use thiserror::Error;
use url::{Host, Url};

/// Sites, at most.
const SITES_MAX: usize = 100;
/// Longest name of a host with its port, in bytes.
const HOST_BYTES_MAX: usize = 200;
/// Hosts that are of this machine, which are served without TLS.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// A site: `https://app.example.com`, or `http://localhost:3000` on one's own machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Site {
    origin: String,
}

/// Why a setting names no site.
#[derive(Debug, Error)]
pub(crate) enum SiteError {
    /// A text that is none.
    #[error(
        "`auth.sites`: `{0}` is no origin, expected https://app.example.com, in small letters and without a path (http for localhost, 127.0.0.1 and [::1] alone)"
    )]
    Origin(String),
    /// Its host is that of the service itself, or of another site.
    #[error(
        "`auth.sites`: `{0}` has the host of `{1}`, and browsers send cookies to a host whatever the port: each would get those of the other. Give it a name of its own (on one's own machine 127.0.0.1 beside localhost)"
    )]
    SameHost(String, String),
    /// The issuer is not where people and programs can be led to safely.
    #[error(
        "`auth.issuer`: `{0}` is no origin, expected https://tickloom.example.com, in small letters, without a path, a query or a fragment (http for localhost and addresses of loopback alone)"
    )]
    Issuer(String),
    /// There are too many.
    #[error("`auth.sites` has more than {SITES_MAX}")]
    TooMany,
}

impl Site {
    /// The sites that settings name.
    ///
    /// # Errors
    /// [`SiteError`].
    pub(crate) fn all(origins: &[String], issuer: &str) -> Result<Vec<Site>, SiteError> {
        if origins.len() > SITES_MAX {
            return Err(SiteError::TooMany);
        }
        let mut sites = Vec::new();
        let mut hosts: Vec<(Host<String>, &str)> = Vec::new();
        for origin in origins {
            let wrong = || SiteError::Origin(origin.clone());
            let site = Site::new(origin).ok_or_else(wrong)?;
            if hosts.is_empty() {
                let own = host(issuer).ok_or_else(|| SiteError::Issuer(issuer.to_owned()))?;
                hosts.push((own, issuer));
            }
            let host = host(origin).ok_or_else(wrong)?;
            if let Some((_, other)) = hosts.iter().find(|(other, _)| *other == host) {
                return Err(SiteError::SameHost(origin.clone(), (*other).to_owned()));
            }
            hosts.push((host, origin));
            sites.push(site);
        }
        Ok(sites)
    }

    fn new(origin: &str) -> Option<Site> {
        let (scheme, host) = origin.split_once("://")?;
        let is_plain = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.:[]".contains(&byte)
        };
        let uri = format!("{origin}/").parse::<axum::http::Uri>().ok()?;
        let is_host = !host.is_empty()
            && host.len() <= HOST_BYTES_MAX
            && host.bytes().all(is_plain)
            && (uri.port_u16().is_some() || uri.host() == Some(host));
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let is_loopback = LOOPBACK.contains(&name) || LOOPBACK.contains(&host);
        let is_scheme = scheme == "https" || (scheme == "http" && is_loopback);
        let origin = origin.to_owned();
        (is_host && is_scheme).then_some(Site { origin })
    }

    /// Scheme and host.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// What it is as a resource, on which `site.open` is granted.
    pub(crate) fn resource(&self) -> String {
        let host = self.origin.split_once("://").map_or("", |(_, host)| host);
        format!("site/{host}")
    }

    /// Whether its cookies are for TLS alone.
    pub(crate) fn is_secure(&self) -> bool {
        self.origin.starts_with("https://")
    }
}

/// Looks whether the address of the service is an origin, as browsers write it, of https, or of http on this machine (RFC 8414, section 2;
/// OpenID Connect Discovery 1.0, section 3; the port may be that of the scheme). There is no path, as pages, cookies and what is asked
/// below `/.well-known/` are at the root.
///
/// # Errors
/// [`SiteError::Issuer`].
pub(crate) fn check_issuer(issuer: &str) -> Result<(), SiteError> {
    let wrong = || SiteError::Issuer(issuer.to_owned());
    let url = Url::parse(issuer).map_err(|_| wrong())?;
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let is_scheme = url.scheme() == "https" || (url.scheme() == "http" && is_loopback);
    let origin = url.origin().ascii_serialization();
    let port = url.port_or_known_default().unwrap_or_default();
    let is_origin = issuer == origin || issuer == format!("{origin}:{port}");
    if is_scheme && is_origin {
        Ok(())
    } else {
        Err(wrong())
    }
}

/// The host of an address as browsers compare it for cookies: in small letters, and without the port (RFC 6265, section 8.5).
fn host(address: &str) -> Option<Host<String>> {
    let url = Url::parse(address).ok()?;
    Some(match url.host()? {
        Host::Domain(name) => Host::Domain(name.trim_end_matches('.').to_owned()),
        other => other.to_owned(),
    })
}

/// The site that a request is for, as the proxy in front of it says. A header that comes twice says nothing.
pub(crate) fn asked<'a>(headers: &HeaderMap, sites: &'a [Site]) -> Option<&'a Site> {
    let scheme = only(headers, "x-forwarded-proto")?;
    let host = only(headers, "x-forwarded-host")?;
    let origin = format!("{scheme}://{host}").to_ascii_lowercase();
    sites.iter().find(|site| site.origin == origin)
}

/// A header that comes once.
pub(crate) fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?;
    all.next().is_none().then_some(first)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_an_origin_of_https_or_of_this_machine() {
        for issuer in [
            "https://tickloom.example.com",
            "https://tickloom.example.com:8443",
            "https://tickloom.example.com:443",
            "https://192.0.2.1",
            "https://[2001:db8::1]:8443",
            "http://localhost:8080",
            "http://127.0.0.1:8080",
            "http://127.0.0.1:80",
            "http://127.0.0.2",
            "http://[::1]:8080",
        ] {
            check_issuer(issuer).unwrap();
        }
        for issuer in [
            "",
            "tickloom.example.com",
            "https://",
            "ftp://tickloom.example.com",
            "http://tickloom.example.com",
            "http://192.0.2.1:8080",
            "http://0.0.0.0:8080",
            "HTTPS://tickloom.example.com",
            "https://Tickloom.example.com",
            "https://tickloom.example.com/",
            "https://tickloom.example.com/base",
            "https://tickloom.example.com?a=b",
            "https://tickloom.example.com#f",
            "https://me@tickloom.example.com",
            " https://tickloom.example.com",
            "https://tickloom.example.com:80443",
            "file:///tickloom",
        ] {
            let refused = check_issuer(issuer).unwrap_err().to_string();
            let begin = format!("`auth.issuer`: `{issuer}` is no origin, ");
            assert!(refused.starts_with(&begin), "{refused}");
        }
    }

    #[test]
    fn a_site_is_an_origin_and_nothing_else() {
        for origin in [
            "https://app.example.com",
            "https://app.example.com:8443",
            "http://localhost",
            "http://localhost:3000",
            "http://127.0.0.1:3000",
            "http://[::1]:3000",
        ] {
            assert!(Site::new(origin).is_some(), "{origin}");
        }
        for origin in [
            "",
            "app.example.com",
            "https://",
            "https://app.example.com/",
            "https://app.example.com/x",
            "https://App.example.com",
            "https://user@app.example.com",
            "https://app.example.com?x",
            "https://app.example.com#x",
            "http://app.example.com",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example:80",
            "ftp://localhost",
            "https://app.example.com:99999",
        ] {
            assert!(Site::new(origin).is_none(), "{origin}");
        }
    }

    #[test]
    fn a_site_has_a_host_of_its_own_as_cookies_do_not_know_ports() {
        let all = |sites: &[&str], issuer: &str| {
            let sites: Vec<String> = sites.iter().map(|&site| site.to_owned()).collect();
            Site::all(&sites, issuer)
        };
        for (sites, issuer) in [
            (
                &["https://auth.example.com"][..],
                "https://auth.example.com",
            ),
            (
                &["https://auth.example.com"],
                "https://auth.example.com/base",
            ),
            (
                &["https://auth.example.com:8443"],
                "https://auth.example.com",
            ),
            (
                &["https://auth.example.com"],
                "https://auth.example.com:443",
            ),
            (
                &["https://auth.example.com"],
                "https://AUTH.example.com:8443/",
            ),
            (&["https://auth.example.com."], "https://auth.example.com"),
            (&["http://localhost:8090"], "http://localhost:8080"),
            (&["http://127.0.0.1:8090"], "http://127.1:8080"),
            (&["http://[::1]:8090"], "http://[0:0:0:0:0:0:0:1]:8080"),
            (
                &["https://a.example", "https://a.example:8443"],
                "https://auth.example",
            ),
            (
                &["https://a.example", "https://a.example"],
                "https://auth.example",
            ),
        ] {
            let refused = all(sites, issuer);
            assert!(matches!(refused, Err(SiteError::SameHost(..))), "{sites:?}");
        }
        for (sites, issuer) in [
            (
                &["https://auth.example.com"][..],
                "https://auth.example.com.evil.example",
            ),
            (
                &["https://a.example", "https://b.example"],
                "https://example",
            ),
            (
                &["http://127.0.0.1:8090", "http://[::1]:8090"],
                "http://localhost:8080",
            ),
        ] {
            assert_eq!(all(sites, issuer).unwrap().len(), sites.len());
        }
        let refused = all(&["https://a.example"], "nothing");
        assert!(matches!(refused, Err(SiteError::Issuer(_))));
    }

    #[test]
    fn a_request_is_for_the_site_that_the_proxy_names() {
        let sites = ["https://a.example", "https://c.example:8443"].map(str::to_owned);
        let sites = Site::all(&sites, "https://auth.example").unwrap();
        let found = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, value.parse().unwrap());
            }
            asked(&headers, &sites).map(|site| site.resource())
        };
        let (https, host) = (("x-forwarded-proto", "https"), "x-forwarded-host");
        assert_eq!(
            found(&[https, (host, "A.example")]).as_deref(),
            Some("site/a.example")
        );
        let port = found(&[https, (host, "c.example:8443")]);
        assert_eq!(port.as_deref(), Some("site/c.example:8443"));
        for pairs in [
            &[https][..],
            &[(host, "a.example")],
            &[https, (host, "b.example")],
            &[https, (host, "a.example:8443")],
            &[https, (host, "c.example")],
            &[("x-forwarded-proto", "http"), (host, "a.example")],
            &[https, (host, "a.example"), (host, "b.example")],
            &[https, (host, "a.example, b.example")],
        ] {
            assert_eq!(found(pairs), None, "{pairs:?}");
        }
    }
}
