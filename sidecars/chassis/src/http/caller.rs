//! From where a request comes: the other end of the connection, or whoever a proxy of ours asks for.

use crate::network::{Network, counted};
use crate::problem::Problem;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use std::net::{IpAddr, Ipv4Addr};

/// What proxies say of whom they ask for: each adds at the right from where it was asked (de facto; RFC 7239, section 4, has the same
/// as `Forwarded`, which is not read).
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// As what proxies were asked: `https` or `http`.
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Headers by which proxies show that somebody else asks: whoever sends one is no program that asks for itself.
const FORWARDING: [HeaderName; 7] = [
    FORWARDED_FOR,
    FORWARDED_PROTO,
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-server"),
    HeaderName::from_static("x-real-ip"),
    HeaderName::from_static("forwarded"),
    HeaderName::from_static("via"),
];

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
    /// Whether it may see how the process is: it is this machine, or the configuration names it.
    pub(crate) is_observer: bool,
    /// Whether it asked over TLS, here or at a proxy of ours.
    pub(crate) is_tls: bool,
    /// Whether the other end is a proxy that the configuration names.
    pub(crate) is_proxy: bool,
    /// Whether that proxy does not say for whom it asks.
    pub(crate) is_silent: bool,
    /// Whether the other end asks for somebody else and is none of our proxies.
    pub(crate) is_unknown_proxy: bool,
}

impl CallerAddress {
    /// By the connection, and by what proxies of ours say. Names are read from the right: the first that is none of our proxies was seen
    /// by one of them, and everything to its left is what somebody wrote. A proxy of ours that does not say for whom it asks may ask for
    /// anybody: it is one caller with no rights, wherever it is.
    pub(crate) fn of(
        peer: Peer,
        headers: &HeaderMap,
        (proxies, observers): (&[Network], &[Network]),
    ) -> CallerAddress {
        let is_in =
            |networks: &[Network], address| networks.iter().any(|network| network.has(address));
        let peer_address = peer.address.to_canonical();
        let is_ours = is_in(proxies, peer_address);
        let is_forwarded = FORWARDING.iter().any(|name| headers.contains_key(name));
        let (mut address, mut is_known) = (peer_address, true);
        let is_silent = is_ours && !headers.contains_key(FORWARDED_FOR);
        if is_ours {
            // Bytes: what cannot be read to the left says nothing of what a proxy wrote at the right.
            let lines = headers.get_all(FORWARDED_FOR).iter().rev();
            for part in lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b',')) {
                let Some(before) = address_of(part.trim_ascii()) else {
                    is_known = false;
                    break;
                };
                address = before.to_canonical();
                if !is_in(proxies, address) {
                    break;
                }
            }
        }
        let proto = headers.get(FORWARDED_PROTO);
        let is_tls_there = is_ours && proto.is_some_and(|proto| proto.as_bytes() == b"https");
        let is_local = !is_forwarded && !is_ours && address.is_loopback();
        CallerAddress {
            address,
            is_local,
            is_observer: is_local || (is_known && !is_silent && is_in(observers, address)),
            is_tls: peer.is_tls || is_tls_there,
            is_proxy: is_ours,
            is_silent,
            is_unknown_proxy: is_forwarded && !is_ours,
        }
    }

    /// Whether the other end of the connection is a proxy that the configuration names: what it says of the request for which it asks is
    /// believed, and nobody else's word.
    #[must_use]
    pub fn is_named_proxy(&self) -> bool {
        self.is_proxy
    }

    /// The address, unless it is a program on this machine that asks for itself.
    #[must_use]
    pub fn elsewhere(&self) -> Option<IpAddr> {
        (!self.is_local).then_some(self.address)
    }

    /// The address as callers are counted by: of version 6 its network, of which one customer has all addresses. `None` if it is a program on
    /// this machine that asks for itself.
    #[must_use]
    pub fn counted(&self) -> Option<IpAddr> {
        (!self.is_local).then(|| counted(self.address))
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
fn address_of(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    if let Some(rest) = text.strip_prefix('[') {
        return rest.split(']').next()?.parse().ok();
    }
    let with_port = || text.rsplit_once(':')?.0.parse::<Ipv4Addr>().ok();
    text.parse().ok().or_else(|| with_port().map(IpAddr::from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn caller(peer: &str, lines: &[&[u8]]) -> CallerAddress {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, HeaderValue::from_bytes(line).unwrap());
        }
        let proxies = ["127.0.0.1", "10.0.0.0/8"].map(|text| text.parse().unwrap());
        // A network in which a proxy of ours is too.
        let observers = ["10.0.0.0/8".parse().unwrap()];
        let peer = Peer {
            address: peer.parse().unwrap(),
            is_tls: false,
        };
        CallerAddress::of(peer, &headers, (&proxies, &observers))
    }

    #[test]
    fn whom_a_proxy_of_ours_asks_for_is_the_caller_and_nobody_elses_word_counts() {
        for (peer, lines, address, rights) in [
            ("203.0.113.9", &[][..], "203.0.113.9", ""),
            ("127.0.0.2", &[], "127.0.0.2", "local observer"),
            ("::ffff:127.0.0.2", &[], "127.0.0.2", "local observer"),
            ("::1", &[], "::1", "local observer"),
            // A proxy that says nothing of whom it asks for asks for nobody who has rights.
            ("127.0.0.1", &[], "127.0.0.1", ""),
            ("::ffff:127.0.0.1", &[], "127.0.0.1", ""),
            ("10.0.0.5", &[], "10.0.0.5", ""),
            ("64:ff9b::7f00:1", &[], "64:ff9b::7f00:1", ""),
            ("127.0.0.1", &[&b"203.0.113.9"[..]], "203.0.113.9", ""),
            // What the caller wrote itself is to the left, whatever bytes it has.
            ("127.0.0.1", &[b"127.0.0.1, 203.0.113.9"], "203.0.113.9", ""),
            (
                "127.0.0.1",
                &[b"1.2.3.4", b"203.0.113.9"],
                "203.0.113.9",
                "",
            ),
            ("10.0.0.5", &[b"\x80, 203.0.113.9"], "203.0.113.9", ""),
            ("10.0.0.5", &[b"\xff", b"203.0.113.9"], "203.0.113.9", ""),
            // A chain of our proxies.
            ("127.0.0.1", &[b"203.0.113.9, 10.1.2.3"], "203.0.113.9", ""),
            (
                "127.0.0.1",
                &[b"198.51.100.1, 203.0.113.9:4711, 10.1.2.3"],
                "203.0.113.9",
                "",
            ),
            ("127.0.0.1", &[b"[2001:db8::1]:80"], "2001:db8::1", ""),
            ("127.0.0.1", &[b"2001:db8::1"], "2001:db8::1", ""),
            ("127.0.0.1", &[b"10.9.9.9"], "10.9.9.9", "observer"),
            // Nothing that can be read: the proxy itself, with none of its rights.
            ("10.0.0.5", &[b"unknown"], "10.0.0.5", ""),
            ("10.0.0.5", &[b"\x80"], "10.0.0.5", ""),
            ("127.0.0.1", &[b"203.0.113.9, "], "127.0.0.1", ""),
            ("127.0.0.1", &[b"127.0.0.1"], "127.0.0.1", ""),
            // Nobody's proxy.
            ("203.0.113.9", &[b"127.0.0.1"], "203.0.113.9", "unknown"),
            ("::1", &[b"203.0.113.9"], "::1", "unknown"),
        ] {
            let is_proxy = ["127.0.0.1", "::ffff:127.0.0.1", "10.0.0.5"].contains(&peer);
            let expected = CallerAddress {
                address: address.parse().unwrap(),
                is_local: rights.contains("local"),
                is_observer: rights.contains("observer"),
                is_tls: false,
                is_proxy,
                is_silent: is_proxy && lines.is_empty(),
                is_unknown_proxy: rights == "unknown",
            };
            assert_eq!(caller(peer, lines), expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn whoever_says_that_it_asks_for_somebody_is_not_this_machine() {
        let peer = Peer {
            address: "127.0.0.1".parse().unwrap(),
            is_tls: false,
        };
        for name in FORWARDING {
            let mut headers = HeaderMap::new();
            headers.insert(&name, HeaderValue::from_static("x"));
            let caller = CallerAddress::of(peer, &headers, (&[], &[]));
            assert!(!caller.is_local && !caller.is_observer, "{name}");
            assert!(!caller.is_named_proxy(), "{name}");
        }
    }

    #[test]
    fn that_a_proxy_was_asked_over_tls_only_a_proxy_of_ours_says() {
        let mut headers = HeaderMap::new();
        headers.insert(FORWARDED_PROTO, HeaderValue::from_static("https"));
        let proxies = ["127.0.0.1".parse().unwrap()];
        let of = |address: &str, is_tls| {
            let address = address.parse().unwrap();
            CallerAddress::of(Peer { address, is_tls }, &headers, (&proxies, &[])).is_tls
        };
        assert!(of("127.0.0.1", false));
        assert!(!of("127.0.0.2", false));
        assert!(of("127.0.0.2", true));
    }
}
