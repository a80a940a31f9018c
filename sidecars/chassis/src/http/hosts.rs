//! Under which names it may be asked: pages of others in a browser reach addresses of a network under names of theirs (DNS rebinding),
//! and no such request is answered.

use crate::{ChassisError, Result};
use std::net::IpAddr;
use url::Host;

/// Names under which it may be asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hosts {
    named: Vec<Host<String>>,
}

impl Hosts {
    /// Those of the machine to itself, and these. [`ChassisError::Host`] if one is no name of a host.
    pub(crate) fn new(named: &[String]) -> Result<Hosts> {
        let host =
            |name: &String| host_of(name).ok_or_else(|| ChassisError::Host { name: name.clone() });
        let named = named.iter().map(host).collect::<Result<_>>()?;
        Ok(Hosts { named })
    }

    /// Whether it is one of those that were named, with any port.
    pub(crate) fn is_named(&self, header: &str) -> bool {
        host_of(header).is_some_and(|host| self.named.contains(&host))
    }

    /// Whether a `Host` header (RFC 9110, section 7.2) has one of them, with any port: browsers and proxies say theirs.
    pub(crate) fn has(&self, header: &str) -> bool {
        let Some(host) = host_of(header) else {
            return false;
        };
        is_local(&host) || self.named.contains(&host)
    }
}

/// The host without its port and the dot at its end.
fn host_of(text: &str) -> Option<Host<String>> {
    let name = match text.rsplit_once(':') {
        // The colons of an address of version 6 are in brackets.
        Some((name, port)) if !port.contains(']') => {
            port.parse::<u16>().ok()?;
            name
        }
        _ => text,
    };
    match Host::parse(name).ok()? {
        Host::Domain(name) => Some(Host::Domain(name.trim_end_matches('.').to_owned())),
        address => Some(address),
    }
}

/// Whether it is a name of this machine to itself.
fn is_local(host: &Host<String>) -> bool {
    match host {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => IpAddr::from(*address).is_loopback(),
        Host::Ipv6(address) => IpAddr::from(*address).is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_and_named_ones_are_answered() {
        let hosts = Hosts::new(&["id.example.com".to_owned(), "10.0.0.5".to_owned()]).unwrap();
        for host in [
            "localhost",
            "LOCALHOST:80",
            "127.0.0.1:8080",
            "[::1]:80",
            "[::1]",
            "127.3.2.1",
            "id.example.com",
            "ID.Example.com:8443",
            "id.example.com.:443",
            "10.0.0.5:8443",
        ] {
            assert!(hosts.has(host), "{host}");
            let is_named = host.starts_with("10.") || host.to_lowercase().starts_with("id.");
            assert_eq!(hosts.is_named(host), is_named, "{host}");
        }
        for host in [
            "",
            ":80",
            "example.com",
            "localhost.example.com",
            "id.example.com.evil.com",
            "x.id.example.com",
            "id.example.com:port",
            "10.0.0.1",
            "[::2]",
            "0.0.0.0",
            "[::ffff:10.0.0.5]",
        ] {
            assert!(!hosts.has(host), "{host}");
        }
    }

    #[test]
    fn what_is_no_host_is_told() {
        for name in [
            "",
            "https://id.example.com",
            "a b",
            "id.example.com/auth",
            "x:y",
        ] {
            let error = Hosts::new(&[name.to_owned()]).unwrap_err().to_string();
            assert!(error.contains(&format!("`{name}`")), "{error}");
        }
    }
}
