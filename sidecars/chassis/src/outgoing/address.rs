//! Which addresses of the network belong to the public, by the registries of IANA for special purposes (RFC 6890 and what was added
//! since). Anything that is not known to be public is not.

use crate::network::{Network, plain};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where clouds tell a machine its credentials, and other hosts that answer to the machine alone: no network of the configuration has
/// them in it.
const METADATA: [IpAddr; 8] = [
    // AWS, Azure, Google, Oracle and others; tasks of ECS; pods of EKS.
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    // Alibaba; Oracle Classic; Azure.
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
];

/// Networks of version 4 that are not the public's, with the length of their prefix.
const SPECIAL_V4: [(Ipv4Addr, u32, &str); 18] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, "this network"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "private"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "of a carrier's NAT"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "private"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "for protocols"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "for documentation"),
    (Ipv4Addr::new(192, 31, 196, 0), 24, "of AS112"),
    (Ipv4Addr::new(192, 52, 193, 0), 24, "for multicast relays"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "a relay of 6to4"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "private"),
    (Ipv4Addr::new(192, 175, 48, 0), 24, "of AS112"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "for benchmarks"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "for documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "for documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved"),
];

/// Networks of version 6 within global unicast (2000::/3) that are not the public's.
const SPECIAL_V6: [(Ipv6Addr, u32, &str); 5] = [
    // Teredo, benchmarks, ORCHID and others.
    (v6(0x2001, 0), 23, "for protocols"),
    (v6(0x2001, 0xdb8), 32, "for documentation"),
    (v6(0x2002, 0), 16, "6to4"),
    (v6(0x2620, 0x4f), 32, "of AS112"),
    (v6(0x3fff, 0), 20, "for documentation"),
];

const fn v6(first: u16, second: u16) -> Ipv6Addr {
    Ipv6Addr::new(first, second, 0, 0, 0, 0, 0, 0)
}

/// Whether the address is one that only the machine itself may ask.
pub(super) fn is_metadata(address: IpAddr) -> bool {
    METADATA.contains(&plain(address))
}

/// Why the address is not the public's; `None` if it is.
pub(super) fn special(address: IpAddr) -> Option<&'static str> {
    if is_metadata(address) {
        return Some("for a cloud's own machines");
    }
    match plain(address) {
        IpAddr::V4(v4) => {
            let mut all = SPECIAL_V4.iter();
            let found = all.find(|(network, bits, _)| Network::new(*network, *bits).has(v4.into()));
            found.map(|(_, _, why)| *why)
        }
        IpAddr::V6(v6) => special_v6(v6),
    }
}

fn special_v6(address: Ipv6Addr) -> Option<&'static str> {
    let segments = address.segments();
    if address.is_loopback() {
        return Some("loopback");
    }
    if address.is_multicast() {
        return Some("multicast");
    }
    if segments[0] & 0xfe00 == 0xfc00 {
        return Some("private");
    }
    if segments[0] & 0xffc0 == 0xfe80 {
        return Some("link-local");
    }
    if segments[0] & 0xe000 != 0x2000 {
        return Some("not of the public network");
    }
    // ISATAP (RFC 5214, section 6.1): the last half is an address of version 4.
    if segments[4] & 0xfdff == 0 && segments[5] == 0x5efe {
        return Some("ISATAP");
    }
    let mut all = SPECIAL_V6.iter();
    let found = all.find(|(network, bits, _)| Network::new(*network, *bits).has(address.into()));
    found.map(|(_, _, why)| *why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_the_publics_is_known_in_every_form() {
        for (text, why) in [
            ("0.0.0.0", "this network"),
            ("0.255.255.255", "this network"),
            ("10.0.0.1", "private"),
            ("100.64.0.1", "of a carrier's NAT"),
            ("100.127.255.255", "of a carrier's NAT"),
            ("100.100.100.200", "for a cloud's own machines"),
            ("127.0.0.1", "loopback"),
            ("127.255.255.254", "loopback"),
            ("168.63.129.16", "for a cloud's own machines"),
            ("169.254.0.1", "link-local"),
            ("169.254.169.254", "for a cloud's own machines"),
            ("172.16.0.1", "private"),
            ("172.31.255.255", "private"),
            ("192.0.0.1", "for protocols"),
            ("192.0.2.1", "for documentation"),
            ("192.88.99.1", "a relay of 6to4"),
            ("192.168.1.1", "private"),
            ("198.18.0.1", "for benchmarks"),
            ("198.19.255.255", "for benchmarks"),
            ("198.51.100.1", "for documentation"),
            ("203.0.113.1", "for documentation"),
            ("224.0.0.1", "multicast"),
            ("239.255.255.255", "multicast"),
            ("240.0.0.1", "reserved"),
            ("255.255.255.255", "reserved"),
            ("::", "not of the public network"),
            ("::1", "loopback"),
            ("::127.0.0.1", "not of the public network"),
            ("::ffff:127.0.0.1", "loopback"),
            ("::ffff:a9fe:a9fe", "for a cloud's own machines"),
            ("64:ff9b::10.0.0.1", "private"),
            ("64:ff9b:1::1", "not of the public network"),
            ("100::1", "not of the public network"),
            ("2001::1", "for protocols"),
            ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "for protocols"),
            ("2001:db8::1", "for documentation"),
            ("2002:7f00:1::", "6to4"),
            ("2002:c0a8:101::1", "6to4"),
            ("2a00:1450::5efe:7f00:1", "ISATAP"),
            ("2a00:1450::200:5efe:7f00:1", "ISATAP"),
            ("3fff::1", "for documentation"),
            ("5f00::1", "not of the public network"),
            ("fc00::1", "private"),
            ("fd00:ec2::254", "for a cloud's own machines"),
            ("fdff::1", "private"),
            ("fe80::1", "link-local"),
            ("fec0::1", "not of the public network"),
            ("ff02::1", "multicast"),
        ] {
            assert_eq!(special(text.parse().unwrap()), Some(why), "{text}");
        }
    }

    #[test]
    fn what_is_beside_it_is_the_publics() {
        for text in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2003::1",
            "2a00:1450::1",
            "3fff:1000::1",
        ] {
            assert_eq!(special(text.parse().unwrap()), None, "{text}");
        }
    }
}
