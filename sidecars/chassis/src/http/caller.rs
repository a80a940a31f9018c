//! From where a request comes: the other end of the connection, or whoever a proxy of ours asks for.

use crate::network::{Network, plain};
use crate::problem::Problem;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use std::net::{IpAddr, Ipv6Addr};

/// What proxies say of whom they ask for: each adds at the right from where it was asked (de facto; RFC 7239, section 4, has the same
/// as `Forwarded`, which is not read).
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// As what proxies were asked: `https` or `http`.
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Bits of an address of version 6 that one customer of a network has at least (RFC 6177, section 2): all of them are one caller.
const PREFIX_BITS: u32 = 64;

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    /// Whether it is reached over TLS.
    pub(crate) is_tls: bool,
}

/// From where a request comes: the other end of its connection, or whoever a proxy asks for that the configuration names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallerAddress {
    pub(crate) address: IpAddr,
    /// Whether it is a program on this machine that asks by itself, and not for somebody else.
    pub(crate) is_local: bool,
    /// Whether it asked over TLS, here or at a proxy of ours.
    pub(crate) is_tls: bool,
    /// Whether the other end asks for somebody else and is none of our proxies.
    pub(crate) is_unknown_proxy: bool,
}

impl CallerAddress {
    /// By the connection, and by what proxies of ours say. Names are read from the right: the first that is none of our proxies was seen
    /// by one of them, and everything to its left is what somebody wrote.
    pub(crate) fn of(peer: Peer, headers: &HeaderMap, proxies: &[Network]) -> CallerAddress {
        let is_proxy = |address| proxies.iter().any(|network| network.has(address));
        let mut address = plain(peer.address);
        let forwarded: Vec<&str> = headers
            .get_all(FORWARDED_FOR)
            .iter()
            .flat_map(|line| line.to_str().unwrap_or("").split(','))
            .collect();
        let is_ours = is_proxy(address);
        if is_ours {
            for text in forwarded.iter().rev() {
                let Some(before) = address_of(text.trim()) else {
                    break;
                };
                address = plain(before);
                if !is_proxy(address) {
                    break;
                }
            }
        }
        let proto = headers.get(FORWARDED_PROTO);
        let is_tls_there = is_ours && proto.is_some_and(|proto| proto.as_bytes() == b"https");
        CallerAddress {
            address,
            is_local: forwarded.is_empty() && address.is_loopback(),
            is_tls: peer.is_tls || is_tls_there,
            is_unknown_proxy: !forwarded.is_empty() && !is_ours,
        }
    }

    /// The address as callers are counted by: of version 6 its network, of which one customer has all addresses. `None` if it is a program on
    /// this machine that asks for itself.
    #[must_use]
    pub fn counted(&self) -> Option<IpAddr> {
        if self.is_local {
            return None;
        }
        Some(match self.address {
            IpAddr::V4(_) => self.address,
            IpAddr::V6(v6) => {
                let mask = u128::MAX << (128 - PREFIX_BITS);
                IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
            }
        })
    }

    /// Whether it may see how the process is.
    pub(crate) fn is_observer(&self, observers: &[Network]) -> bool {
        self.is_local || observers.iter().any(|network| network.has(self.address))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for CallerAddress {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<CallerAddress, Problem> {
        let caller = parts.extensions.get::<CallerAddress>().copied();
        caller.ok_or_else(|| Problem::internal("a request comes from nowhere".to_owned()))
    }
}

/// An address as proxies write it: with a port or without, of version 6 in brackets or without.
fn address_of(text: &str) -> Option<IpAddr> {
    if let Some(rest) = text.strip_prefix('[') {
        return rest.split(']').next()?.parse().ok();
    }
    let with_port = |text: &str| {
        Some(
            text.rsplit_once(':')?
                .0
                .parse::<std::net::Ipv4Addr>()
                .ok()?
                .into(),
        )
    };
    text.parse().ok().or_else(|| with_port(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn caller(peer: &str, lines: &[&str]) -> CallerAddress {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, HeaderValue::from_str(line).unwrap());
        }
        let proxies = ["127.0.0.1", "10.0.0.0/8"].map(|text| text.parse().unwrap());
        let peer = Peer {
            address: peer.parse().unwrap(),
            is_tls: false,
        };
        CallerAddress::of(peer, &headers, &proxies)
    }

    #[test]
    fn whom_a_proxy_of_ours_asks_for_is_the_caller_and_nobody_elses_word_counts() {
        for (peer, lines, address, is_local, is_unknown_proxy) in [
            ("203.0.113.9", &[][..], "203.0.113.9", false, false),
            ("127.0.0.1", &[], "127.0.0.1", true, false),
            ("::ffff:127.0.0.1", &[], "127.0.0.1", true, false),
            ("::1", &[], "::1", true, false),
            ("127.0.0.1", &["203.0.113.9"], "203.0.113.9", false, false),
            // What the caller wrote itself is to the left.
            (
                "127.0.0.1",
                &["127.0.0.1, 203.0.113.9"],
                "203.0.113.9",
                false,
                false,
            ),
            (
                "127.0.0.1",
                &["1.2.3.4", "203.0.113.9"],
                "203.0.113.9",
                false,
                false,
            ),
            // A chain of our proxies.
            (
                "127.0.0.1",
                &["203.0.113.9, 10.1.2.3"],
                "203.0.113.9",
                false,
                false,
            ),
            (
                "127.0.0.1",
                &["198.51.100.1, 203.0.113.9:4711, 10.1.2.3"],
                "203.0.113.9",
                false,
                false,
            ),
            (
                "127.0.0.1",
                &["[2001:db8::1]:80"],
                "2001:db8::1",
                false,
                false,
            ),
            ("127.0.0.1", &["2001:db8::1"], "2001:db8::1", false, false),
            // Nothing that can be read: the proxy itself, and it is not as if this machine had asked.
            ("127.0.0.1", &["unknown"], "127.0.0.1", false, false),
            ("127.0.0.1", &["203.0.113.9, "], "127.0.0.1", false, false),
            ("127.0.0.1", &["127.0.0.1"], "127.0.0.1", false, false),
            // Nobody's proxy.
            ("203.0.113.9", &["127.0.0.1"], "203.0.113.9", false, true),
            ("::1", &["203.0.113.9"], "::1", false, true),
        ] {
            let address = address.parse().unwrap();
            let expected = CallerAddress {
                address,
                is_local,
                is_tls: false,
                is_unknown_proxy,
            };
            assert_eq!(caller(peer, lines), expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn that_a_proxy_was_asked_over_tls_only_a_proxy_of_ours_says() {
        let mut headers = HeaderMap::new();
        headers.insert(FORWARDED_PROTO, HeaderValue::from_static("https"));
        let proxies = ["127.0.0.1".parse().unwrap()];
        let of = |address: &str, is_tls| {
            let address = address.parse().unwrap();
            CallerAddress::of(Peer { address, is_tls }, &headers, &proxies).is_tls
        };
        assert!(of("127.0.0.1", false));
        assert!(!of("127.0.0.2", false));
        assert!(of("127.0.0.2", true));
    }
}
