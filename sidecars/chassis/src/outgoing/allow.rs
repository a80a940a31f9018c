//! What the configuration allows beyond the public network: named hosts, addresses and networks.

use super::OutgoingError;
use super::address::{is_metadata, special};
use crate::network::{Network, plain};
use std::net::IpAddr;
use url::Host;

/// What an entry of the list is about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    Host {
        host: Host<String>,
        port: Option<u16>,
    },
    Network(Network),
}

/// Hosts and networks that may be reached though they are not the public's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Allowed {
    entries: Vec<Entry>,
}

impl Allowed {
    /// Reads `HOST`, `HOST:PORT`, `ADDRESS`, `ADDRESS:PORT` (of version 6 in brackets) and `NETWORK/BITS`.
    pub(super) fn parse(texts: &[String]) -> Result<Allowed, OutgoingError> {
        let entry = |text: &String| {
            let found = entry(text);
            found.ok_or_else(|| OutgoingError::Setting {
                name: "allow",
                why: format!(
                    "has `{text}`, expected HOST, HOST:PORT or NETWORK/BITS, such as `id.example.com`, `127.0.0.1:9000`, `[::1]:9000` or `10.0.0.0/8`"
                ),
            })
        };
        let entries = texts.iter().map(entry).collect::<Result<_, _>>()?;
        Ok(Allowed { entries })
    }

    /// Whether a host is there as itself, at this port; a network does not have names in it.
    pub(super) fn names(&self, host: &Host<String>, port: u16) -> bool {
        let host = without_dot(host.clone());
        self.entries.iter().any(|entry| match (entry, &host) {
            (
                Entry::Host {
                    host: known,
                    port: at,
                },
                _,
            ) => *known == host && at.is_none_or(|at| at == port),
            (Entry::Network(network), Host::Ipv4(address)) => network.has((*address).into()),
            (Entry::Network(network), Host::Ipv6(address)) => network.has(plain((*address).into())),
            (Entry::Network(_), Host::Domain(_)) => false,
        })
    }

    /// Why a connection for this host must not go to this address; `None` if it may.
    pub(super) fn refusal(
        &self,
        (host, port): (&Host<String>, u16),
        address: IpAddr,
    ) -> Option<&'static str> {
        let why = special(address)?;
        let host = without_dot(host.clone());
        let is_allowed = self.entries.iter().any(|entry| match entry {
            Entry::Host {
                host: known,
                port: at,
            } => {
                let is_it = *known == host && at.is_none_or(|at| at == port);
                // A name says nothing of credentials of a cloud's machine; their address itself does.
                is_it && (!is_metadata(address) || !matches!(known, Host::Domain(_)))
            }
            Entry::Network(network) => !is_metadata(address) && network.has(plain(address)),
        });
        (!is_allowed).then_some(why)
    }
}

fn entry(text: &str) -> Option<Entry> {
    if text.contains('/') {
        return Some(Entry::Network(text.parse().ok()?));
    }
    let (host, port) = match text.rsplit_once(':') {
        // The colons of an address of version 6 are in brackets.
        Some((host, port)) if !port.contains(']') => (host, Some(port.parse().ok()?)),
        _ => (text, None),
    };
    let host = without_dot(Host::parse(host).ok()?);
    Some(Entry::Host { host, port })
}

/// `example.com.` is the same host as `example.com`.
fn without_dot(host: Host<String>) -> Host<String> {
    match host {
        Host::Domain(name) => Host::Domain(name.trim_end_matches('.').to_owned()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(texts: &[&str]) -> Allowed {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        Allowed::parse(&texts).unwrap()
    }

    fn host(text: &str) -> Host<String> {
        Host::parse(text).unwrap()
    }

    #[test]
    fn a_name_allows_what_it_leads_to_and_a_network_what_is_in_it() {
        let list = list(&["id.example.com:9000", "127.0.0.1", "[::1]:80", "10.0.0.0/8"]);
        for (asked, port, address, expected) in [
            ("id.example.com", 9000, "10.1.2.3", None),
            ("ID.Example.com.", 9000, "192.168.1.1", None),
            ("id.example.com", 9001, "192.168.1.1", Some("private")),
            ("x.example.com", 9000, "192.168.1.1", Some("private")),
            ("x.example.com", 1, "10.255.0.1", None),
            ("x.example.com", 1, "::ffff:10.0.0.1", None),
            ("x.example.com", 1, "1.1.1.1", None),
            ("127.0.0.1", 7, "127.0.0.1", None),
            ("0x7f.1", 7, "127.0.0.1", None),
            ("localhost", 7, "127.0.0.1", Some("loopback")),
            ("[::1]", 80, "::1", None),
            ("[::1]", 81, "::1", Some("loopback")),
            (
                "id.example.com",
                9000,
                "169.254.169.254",
                Some("for a cloud's own machines"),
            ),
        ] {
            let found = list.refusal((&host(asked), port), address.parse().unwrap());
            assert_eq!(found, expected, "{asked}:{port} at {address}");
        }
    }

    #[test]
    fn no_network_has_the_credentials_of_a_cloud_and_their_address_alone_does() {
        let address = "169.254.169.254".parse().unwrap();
        let asked = host("169.254.169.254");
        for (entry, expected) in [
            ("0.0.0.0/0", Some("for a cloud's own machines")),
            ("169.254.169.254/32", Some("for a cloud's own machines")),
            ("169.254.169.254", None),
        ] {
            assert_eq!(
                list(&[entry]).refusal((&asked, 80), address),
                expected,
                "{entry}"
            );
        }
    }

    #[test]
    fn names_are_those_of_hosts_and_addresses_those_of_networks_too() {
        let list = list(&["localhost", "10.0.0.0/8", "fd00::/8"]);
        for (asked, expected) in [
            ("localhost", true),
            ("10.2.3.4", true),
            ("[fd12::1]", true),
            ("[::ffff:10.0.0.1]", true),
            ("[2a00::1]", false),
            ("11.0.0.1", false),
            ("example.com", false),
        ] {
            assert_eq!(list.names(&host(asked), 80), expected, "{asked}");
        }
    }

    #[test]
    fn what_is_no_entry_is_told() {
        for text in [
            "",
            "a b",
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "host:port",
            "host:70000",
            "x/8",
            "::1",
        ] {
            let error = Allowed::parse(&[text.to_owned()]).unwrap_err();
            assert!(error.to_string().contains(&format!("`{text}`")), "{error}");
        }
    }
}
