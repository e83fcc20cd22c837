//! Which addresses are the open internet's, so that nobody is led to a machine of the operator's own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4 networks that are none of the open internet's, as address and length of prefix (IANA's
/// special-purpose registry), and what answers there as a cloud's own server.
const CLOSED_V4: [([u8; 4], u32); 17] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    // Shared by carriers (RFC 6598); a cloud's metadata server answers at 100.100.100.200.
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    // The server of a cloud that tells a machine about itself, in a public range.
    ([168, 63, 129, 16], 32),
    // Link-local: 169.254.169.254 is every cloud's metadata server.
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 31, 196, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    // Multicast, then what is reserved, with the broadcast address.
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

/// The part of IPv6 that is routed in the open, and networks within it that are not, or that lead to
/// IPv4 addresses within (Teredo, 6to4).
const OPEN_V6: (u16, u32) = (0x2000, 3);
const CLOSED_V6: [([u16; 2], u32); 4] = [
    ([0x2001, 0], 23),
    ([0x2001, 0xdb8], 32),
    ([0x2002, 0], 16),
    ([0x3fff, 0], 20),
];

/// Whether an address is one of the open internet. An IPv4 address in IPv6 counts as itself.
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// Addresses that no declaration opens: who answers there tells a machine's own secrets.
pub fn is_link_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let within = |&(network, length): &([u8; 4], u32)| {
        let differing = address.to_bits() ^ Ipv4Addr::from(network).to_bits();
        differing.leading_zeros() >= length
    };
    !CLOSED_V4.iter().any(within)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let within = |[first, second]: [u16; 2], length: u32| {
        let network = (u32::from(first) << 16) | u32::from(second);
        let [high, low, ..] = address.segments();
        let differing = ((u32::from(high) << 16) | u32::from(low)) ^ network;
        differing.leading_zeros() >= length
    };
    let (open, length) = OPEN_V6;
    within([open, 0], length)
        && !CLOSED_V6
            .iter()
            .any(|&(network, length)| within(network, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_open_internet_is_public() {
        for open in [
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.0.1",
            "172.32.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:4860:4860::8888",
            "2a00::1",
            "::ffff:1.1.1.1",
        ] {
            assert!(is_public(open.parse().expect("an address")), "{open}");
        }
        for closed in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b:1::a00:1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff:1::1",
            "4000::1",
        ] {
            assert!(!is_public(closed.parse().expect("an address")), "{closed}");
        }
        let local = |text: &str| is_link_local(text.parse().expect("an address"));
        assert!(local("169.254.169.254") && local("::ffff:169.254.1.1") && local("fe80::1"));
        assert!(!local("127.0.0.1") && !local("10.0.0.1"));
    }
}
