//! Where deliveries may go: the public internet, and what the settings add. Every address a name leads to is checked,
//! and the connection is made to the checked address, so that a name cannot change its mind in between.
//!
//! Deliberately not here: redirects (never followed) and proxies (never used).

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::Config;

/// IPv4 that is not the public internet (IANA special-purpose registry), and one cloud's address for its machines.
const CLOSED_V4: [(Ipv4Addr, u8); 18] = [
    (Ipv4Addr::UNSPECIFIED, 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(168, 63, 129, 16), 32),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 31, 196, 0), 24),
    (Ipv4Addr::new(192, 52, 193, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// The only IPv6 that is public, so that everything else need not be listed.
const OPEN_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// What is not public inside it: protocol assignments with Teredo, documentation, and 6to4, which hides an IPv4.
const CLOSED_V6: [(Ipv6Addr, u8); 5] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// A gateway between the two (RFC 6052) holds an IPv4 in its last four bytes.
const NAT64: (Ipv6Addr, u8) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// Which addresses deliveries may reach.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    allow: Arc<[IpNet]>,
    allow_loopback: bool,
}

impl Policy {
    /// The policy these settings ask for.
    pub(super) fn new(config: &Config) -> Self {
        Self {
            allow: config.allow.clone().into(),
            allow_loopback: config.allow_loopback,
        }
    }

    /// Whether deliveries may go to `address`.
    pub(super) fn permits(&self, address: IpAddr) -> bool {
        // ::ffff:127.0.0.1 is 127.0.0.1 for the system, so it is for us.
        let address = address.to_canonical();
        if self.allow.iter().any(|net| net.contains(&address)) || (self.allow_loopback && address.is_loopback()) {
            return true;
        }
        match address {
            IpAddr::V4(v4) => is_public_v4(v4),
            IpAddr::V6(v6) => is_public_v6(v6),
        }
    }

    /// Whether deliveries may go to the host of `url`, as far as its text says; names are checked when they are
    /// looked up.
    pub(super) fn permits_host(&self, url: &Url) -> bool {
        match url.host() {
            Some(Host::Ipv4(address)) => self.permits(address.into()),
            Some(Host::Ipv6(address)) => self.permits(address.into()),
            Some(Host::Domain(_)) => true,
            None => false,
        }
    }

    fn permits_all(&self, addresses: &[SocketAddr]) -> bool {
        addresses.iter().all(|address| self.permits(address.ip()))
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !CLOSED_V4
        .iter()
        .any(|&(net, length)| Ipv4Net::new_assert(net, length).contains(&address))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let within = |&(net, length): &(Ipv6Addr, u8)| Ipv6Net::new_assert(net, length).contains(&address);
    if within(&NAT64) {
        let [.., a, b, c, d] = address.octets();
        return is_public_v4(Ipv4Addr::new(a, b, c, d));
    }
    within(&OPEN_V6) && !CLOSED_V6.iter().any(within)
}

/// A name that leads to an address we do not visit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct BlockedAddress;

impl fmt::Display for BlockedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name leads to an address that is not allowed")
    }
}

impl std::error::Error for BlockedAddress {}

/// Looks names up and gives the client only addresses it may connect to.
#[derive(Clone, Debug)]
pub(super) struct Resolver(pub(super) Policy);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.0.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            checked(&policy, found)
        })
    }
}

/// One bad address among good ones refuses them all: nobody honest has such a name.
fn checked(policy: &Policy, found: Vec<SocketAddr>) -> Result<Addrs, Box<dyn std::error::Error + Send + Sync>> {
    if policy.permits_all(&found) {
        Ok(Box::new(found.into_iter()))
    } else {
        Err(Box::new(BlockedAddress))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::webhook::check_url;

    fn strict() -> Policy {
        Policy::new(&Config::default())
    }

    fn config(allow: &[&str], allow_loopback: bool) -> Config {
        Config {
            allow: allow.iter().map(|net| net.parse().unwrap()).collect(),
            allow_loopback,
            ..Config::default()
        }
    }

    /// Ways to write addresses that are not the public internet.
    const CORPUS: &[&str] = &[
        // IPv4 as it is usually written: this machine, neighbours, carriers, metadata services, nowhere.
        "http://127.0.0.1/",
        "http://127.0.0.1:22/",
        "http://127.1.2.3/",
        "http://127.255.255.255/",
        "http://0.0.0.0/",
        "http://0.1.2.3/",
        "http://10.0.0.1/",
        "http://10.255.255.255/",
        "http://100.64.0.1/",
        "http://100.100.100.200/",
        "http://100.127.255.255/",
        "http://169.254.169.254/latest/meta-data/",
        "http://169.254.0.1/",
        "http://169.254.170.2/",
        "http://172.16.0.1/",
        "http://172.17.0.1/",
        "http://172.31.255.255/",
        "http://192.168.0.1/",
        "http://192.168.255.255/",
        "http://192.0.0.192/",
        "http://192.0.0.8/",
        "http://192.0.2.1/",
        "http://192.88.99.1/",
        "http://198.18.0.1/",
        "http://198.19.255.255/",
        "http://198.51.100.7/",
        "http://203.0.113.9/",
        "http://224.0.0.1/",
        "http://239.255.255.250:1900/",
        "http://240.0.0.1/",
        "http://255.255.255.255/",
        "http://168.63.129.16/",
        // Other ways to write IPv4: short, decimal, octal, hexadecimal, mixed.
        "http://127.1/",
        "http://127.0.1/",
        "http://10.1/",
        "http://0/",
        "http://0x0/",
        "http://2130706433/",
        "http://017700000001/",
        "http://0x7f000001/",
        "http://0x7F.0.0.1/",
        "http://0177.0.0.1/",
        "http://0177.0.0.01/",
        "http://127.0.0x1/",
        "http://0x7f.1/",
        "http://0xa9.0xfe.0xa9.0xfe/",
        "http://0xa9fea9fe/",
        "http://2852039166/",
        "http://0251.0376.0251.0376/",
        "http://3232235521/",
        "http://0xc0.168.0.1/",
        // Dots at the end, percent signs, full-width digits, other dots: what a browser makes of them.
        "http://127.0.0.1./",
        "http://10.0.0.1.:80/",
        "http://%31%32%37.0.0.1/",
        "http://127.0.0.%31/",
        "http://１２７.０.０.１/",
        "http://127。0。0。1/",
        "http://①②⑦.0.0.1/",
        // Somebody in front of the @, or behind it.
        "http://example.org@127.0.0.1/",
        "http://user:password@10.0.0.1/",
        "http://127.0.0.1#@example.org/",
        "http://127.0.0.1?@example.org/",
        "https://example.org:443@169.254.169.254/",
        // IPv6: this machine, nowhere, neighbours, groups, documentation, retired ranges.
        "http://[::1]/",
        "http://[0:0:0:0:0:0:0:1]/",
        "http://[0000::0001]:8080/",
        "http://[::]/",
        "http://[fe80::1]/",
        "http://[febf::1]/",
        "http://[fec0::1]/",
        "http://[fc00::1]/",
        "http://[fd00::1]/",
        "http://[fd00:ec2::254]/",
        "http://[ff02::1]/",
        "http://[ff0e::1]/",
        "http://[2001:db8::1]/",
        "http://[3fff::1]/",
        "http://[100::1]/",
        "http://[5f00::1]/",
        "http://[4000::1]/",
        // IPv4 inside IPv6: mapped, compatible, translated, NAT64, local NAT64, 6to4, Teredo, ISATAP.
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[0:0:0:0:0:ffff:10.0.0.1]/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://[::127.0.0.1]/",
        "http://[::7f00:1]/",
        "http://[::ffff:0:127.0.0.1]/",
        "http://[64:ff9b::127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://[64:ff9b::10.0.0.1]/",
        "http://[64:ff9b:1::127.0.0.1]/",
        "http://[2002:7f00:1::]/",
        "http://[2002:a9fe:a9fe::1]/",
        "http://[2002:c0a8:1::1]/",
        "http://[2001:0:53aa:64c::80ff:fffe]/",
        "http://[2001::1]/",
        "http://[fe80::5efe:127.0.0.1]/",
    ];

    /// W6: whatever the address is dressed as, it is refused before a connection is made.
    #[test]
    fn w12_addresses_that_are_not_the_public_internet_are_refused_in_every_dress() {
        assert!(CORPUS.len() >= 60, "{}", CORPUS.len());
        for &text in CORPUS {
            let refused = check_url(text).map_or(true, |url| !strict().permits_host(&url));
            assert!(refused, "{text} was let through");
        }
    }

    #[test]
    fn the_public_internet_is_open() {
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.1",
            "100.63.255.255",
            "100.128.0.1",
            "126.0.0.1",
            "128.0.0.1",
            "169.253.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.167.0.1",
            "192.169.0.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450::1",
            "2001:4860:4860::8888",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ] {
            assert!(strict().permits(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn settings_open_exactly_what_they_name() {
        let loopback = Policy::new(&config(&[], true));
        for (text, allowed) in [
            ("127.0.0.1", true),
            ("127.9.9.9", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("10.0.0.1", false),
            ("0.0.0.0", false),
            ("169.254.169.254", false),
        ] {
            assert_eq!(loopback.permits(text.parse().unwrap()), allowed, "{text}");
        }
        let office = Policy::new(&config(&["10.1.0.0/16", "fd00:1::/32"], false));
        for (text, allowed) in [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("fd00:1::9", true),
            ("10.2.0.1", false),
            ("127.0.0.1", false),
            ("fd00:2::9", false),
            ("8.8.8.8", true),
        ] {
            assert_eq!(office.permits(text.parse().unwrap()), allowed, "{text}");
        }
    }

    #[test]
    fn one_bad_address_of_a_name_refuses_it_whole() {
        let of = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| SocketAddr::new(text.parse().unwrap(), 0))
                .collect()
        };
        assert!(checked(&strict(), of(&["8.8.8.8", "2606:4700::1111"])).is_ok());
        assert!(checked(&strict(), of(&["8.8.8.8", "10.0.0.1"])).is_err());
        assert!(checked(&strict(), of(&["8.8.8.8", "::ffff:127.0.0.1"])).is_err());
    }

    proptest! {
        #[test]
        fn an_ipv4_is_judged_alike_however_ipv6_carries_it(bits in any::<u32>()) {
            let v4 = Ipv4Addr::from(bits);
            let plain = strict().permits(v4.into());
            prop_assert_eq!(strict().permits(v4.to_ipv6_mapped().into()), plain);
            let [a, b, c, d] = v4.octets();
            let mut nat64 = NAT64.0.octets();
            nat64[12..].copy_from_slice(&[a, b, c, d]);
            prop_assert_eq!(strict().permits(Ipv6Addr::from(nat64).into()), plain);
            prop_assert!(!strict().permits(v4.to_ipv6_compatible().into()));
        }
    }
}
