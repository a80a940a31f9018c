//! Sites behind a proxy that asks who is there: which there are, and which of them a request is for. No other is ever led to.

use axum::http::HeaderMap;
use thiserror::Error;

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
    /// The address of the service itself.
    #[error(
        "`auth.sites`: `{0}` is the address of auth itself: its cookie is for its own pages alone"
    )]
    Own(String),
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
        for origin in origins {
            let site = Site::new(origin).ok_or_else(|| SiteError::Origin(origin.clone()))?;
            let rest = issuer.strip_prefix(origin.as_str());
            if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
                return Err(SiteError::Own(origin.clone()));
            }
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

/// The site that a request is for, as the proxy in front of it says: plain HTTP is served on loopback alone, so that nobody but a proxy or a
/// program of this machine says so. A header that comes twice says nothing.
pub(crate) fn asked<'a>(headers: &HeaderMap, sites: &'a [Site]) -> Option<&'a Site> {
    let scheme = forwarded(headers, "x-forwarded-proto")?;
    let host = forwarded(headers, "x-forwarded-host")?;
    let origin = format!("{scheme}://{host}").to_ascii_lowercase();
    sites.iter().find(|site| site.origin == origin)
}

/// What a proxy says of the request that it got.
pub(crate) fn forwarded<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    let only = all.next()?;
    all.next().is_none().then_some(only)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let own = ["https://auth.example.com".to_owned()];
        for issuer in ["https://auth.example.com", "https://auth.example.com/base"] {
            assert!(matches!(Site::all(&own, issuer), Err(SiteError::Own(_))));
        }
        assert!(Site::all(&own, "https://auth.example.com.evil.example").is_ok());
    }

    #[test]
    fn a_request_is_for_the_site_that_the_proxy_names() {
        let sites = ["https://a.example", "https://a.example:8443"].map(str::to_owned);
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
        let port = found(&[https, (host, "a.example:8443")]);
        assert_eq!(port.as_deref(), Some("site/a.example:8443"));
        for pairs in [
            &[https][..],
            &[(host, "a.example")],
            &[https, (host, "b.example")],
            &[("x-forwarded-proto", "http"), (host, "a.example")],
            &[https, (host, "a.example"), (host, "b.example")],
            &[https, (host, "a.example, b.example")],
        ] {
            assert_eq!(found(pairs), None, "{pairs:?}");
        }
    }
}
