//! Where a webhook may go: what can be said of its URL, and of an address once its host is resolved. Pure.
//!
//! A customer chooses the URL and our own network would make the request, so only addresses that anybody reaches are
//! reached from here, and those that the installation allows by name. The URL is read once, by the same parser that the
//! request is made from, which turns every spelling of an address (octal, decimal, hexadecimal, full-width) into that address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use url::{Host, Url};

/// Longest URL, in bytes; servers read little more.
const MAX_URL: usize = 2048;

/// What this installation reaches beyond public addresses.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    pub allow: Vec<IpNet>,
}

/// Why a URL is none that events are sent to. Said beside the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("Give a whole URL, as https://example.com/webhooks.")]
    NoUrl,
    #[error("The URL is too long; 2048 characters are the most.")]
    TooLong,
    #[error("Use https://: events are not sent in the clear.")]
    NotSecure,
    #[error("Leave user and password out of the URL; a header of your own can carry a token.")]
    UserInfo,
    #[error("Leave out what follows #; it is never sent.")]
    Fragment,
    #[error("Port 0 can't be reached.")]
    Port,
    #[error(
        "That host is not reached from here: only names and addresses that are public on the internet are."
    )]
    NotPublic,
}

impl Reach {
    /// Whether this address may be connected to.
    pub fn admits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        public(address) || self.allow.iter().any(|net| net.contains(&address))
    }

    fn admits_loopback(&self) -> bool {
        self.admits(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }
}

/// Judges a URL as far as it can be before its host is resolved. Any port will do: what listens on a public address is
/// open to everybody anyway, and the first bytes that it gets from us are those of TLS.
pub fn check(url: &str, reach: &Reach) -> Result<Url, Refused> {
    let url = url.trim();
    if url.len() > MAX_URL {
        return Err(Refused::TooLong);
    }
    // The parser drops these without a word; what a person sees should be what is called.
    if url.contains(|c: char| c.is_control() || c == '\\') {
        return Err(Refused::NoUrl);
    }
    let parsed = Url::parse(url).map_err(|_| Refused::NoUrl)?;
    let Some(host) = parsed.host() else {
        return Err(Refused::NoUrl);
    };
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(Refused::UserInfo);
    }
    if parsed.fragment().is_some() {
        return Err(Refused::Fragment);
    }
    if parsed.port() == Some(0) {
        return Err(Refused::Port);
    }
    match parsed.scheme() {
        "https" => {}
        "http" if is_loopback(&host) && admits_host(&host, reach) => {}
        "http" => return Err(Refused::NotSecure),
        _ => return Err(Refused::NoUrl),
    }
    if !admits_host(&host, reach) {
        return Err(Refused::NotPublic);
    }
    Ok(parsed)
}

/// Whether the host is this machine, as it is written.
fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => IpAddr::V6(*address).to_canonical().is_loopback(),
        Host::Domain(name) => is_localhost(name),
    }
}

/// The name that means this machine and is never asked of a resolver (RFC 6761 §6.3).
pub fn is_localhost(name: &str) -> bool {
    name.trim_end_matches('.') == "localhost"
}

fn admits_host(host: &Host<&str>, reach: &Reach) -> bool {
    match host {
        Host::Ipv4(address) => reach.admits(IpAddr::V4(*address)),
        Host::Ipv6(address) => reach.admits(IpAddr::V6(*address)),
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            if name == "localhost" {
                return reach.admits_loopback();
            }
            // Names that no public resolver knows. Where private ranges are allowed there may be such names for them;
            // what they resolve to is judged all the same.
            let last = name.rsplit('.').next().unwrap_or_default();
            let inner = !name.contains('.')
                || ["localhost", "local", "internal", "lan", "home", "corp"].contains(&last)
                || name.ends_with(".home.arpa");
            !inner || (!reach.allow.is_empty() && last != "localhost")
        }
    }
}

/// Ranges of IPv4 that are not the public internet (IANA's registry of special addresses), and one address that is, but
/// answers machines of a cloud with what is theirs alone.
const SPECIAL_V4: &[(Ipv4Addr, u32)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8),
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
    (Ipv4Addr::new(192, 175, 48, 0), 24),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// Of IPv6 only 2000::/3 is handed out to the internet. That leaves out loopback, link-local and unique local addresses,
/// multicast, and NAT64 (64:ff9b::/96), which would lead to any address of IPv4. Within it, these are not public either:
/// protocol assignments with Teredo, documentation, and 6to4, which holds an address of IPv4 too.
const SPECIAL_V6: &[(Ipv6Addr, u32)] = &[
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Whether anybody on the internet reaches the host at this address.
pub fn public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let bits = address.to_bits();
            !SPECIAL_V4
                .iter()
                .any(|(net, length)| (bits ^ net.to_bits()) >> (32 - length) == 0)
        }
        IpAddr::V6(address) => {
            let bits = address.to_bits();
            bits >> 125 == 0b001
                && !SPECIAL_V6
                    .iter()
                    .any(|(net, length)| (bits ^ net.to_bits()) >> (128 - length) == 0)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nothing() -> Reach {
        Reach::default()
    }

    fn reaching(nets: &[&str]) -> Reach {
        Reach {
            allow: nets.iter().map(|net| net.parse().expect("CIDR")).collect(),
        }
    }

    #[test]
    fn every_spelling_of_an_inner_address_is_refused() {
        for url in [
            // Metadata services of clouds.
            "https://169.254.169.254/latest/meta-data/",
            "https://0xa9fea9fe/",
            "https://2852039166/",
            "https://0251.0376.0251.0376/",
            "https://169.254.43518/",
            "https://0xA9.0xFE.0xa9.0376/",
            "https://[::ffff:169.254.169.254]/",
            "https://[::ffff:a9fe:a9fe]/",
            "https://[0:0:0:0:0:ffff:a9fe:a9fe]/",
            "https://[64:ff9b::a9fe:a9fe]/",
            "https://[64:ff9b::169.254.169.254]/",
            "https://[2002:a9fe:a9fe::1]/",
            "https://[2001:0:4136:e378:8000:63bf:5601:5601]/",
            "https://[::169.254.169.254]/",
            "https://[fd00:ec2::254]/",
            "https://[fe80::1]/",
            "https://100.100.100.200/",
            "https://192.0.0.192/",
            "https://168.63.129.16/",
            "https://metadata.google.internal/",
            "https://metadata.google.internal./",
            "https://METADATA/",
            // This machine.
            "https://127.0.0.1/",
            "https://127.1/",
            "https://127.0.1/",
            "https://0177.0.0.1/",
            "https://2130706433/",
            "https://017700000001/",
            "https://0x7f.1/",
            "https://0x7f000001/",
            "https://127.0.0.1./",
            "https://\u{ff11}\u{ff12}\u{ff17}.0.0.1/",
            "https://127\u{3002}0\u{3002}0\u{3002}1/",
            "https://\u{2460}\u{2461}\u{2466}.\u{24ea}.\u{24ea}.\u{2460}/",
            "https://%31%32%37.0.0.1/",
            "https://[::1]/",
            "https://[0000::0001]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::]/",
            "https://0.0.0.0/",
            "https://0/",
            "https://localhost/",
            "https://LOCALHOST./",
            "https://a.localhost/",
            "https://\u{ff4c}\u{ff4f}\u{ff43}\u{ff41}\u{ff4c}\u{ff48}\u{ff4f}\u{ff53}\u{ff54}/",
            // Private networks, carriers, documentation, multicast, reserved.
            "https://10.0.0.1/",
            "https://172.16.0.1/",
            "https://172.31.255.255/",
            "https://192.168.1.1/",
            "https://100.64.0.1/",
            "https://192.0.2.1/",
            "https://198.18.0.1/",
            "https://198.51.100.7/",
            "https://203.0.113.7/",
            "https://224.0.0.1/",
            "https://239.255.255.255/",
            "https://240.0.0.1/",
            "https://255.255.255.255/",
            "https://[fc00::1]/",
            "https://[fdff::1]/",
            "https://[ff02::1]/",
            "https://[2001:db8::1]/",
            "https://[3fff::1]/",
            "https://[100::1]/",
            "https://[5f00::1]/",
            "https://[fec0::1]/",
            "https://printer.local/",
            "https://router.home.arpa/",
            "https://intranet/",
        ] {
            assert_eq!(check(url, &nothing()), Err(Refused::NotPublic), "{url}");
        }
    }

    #[test]
    fn what_is_no_plain_https_url_is_refused_in_its_own_words() {
        for (url, refused) in [
            ("", Refused::NoUrl),
            ("example.com/hook", Refused::NoUrl),
            ("https://", Refused::NoUrl),
            ("https:///x", Refused::NotPublic),
            ("https://exa mple.com/", Refused::NoUrl),
            ("https://exam\tple.com/", Refused::NoUrl),
            ("https://example.com\\@127.0.0.1/", Refused::NoUrl),
            ("https://256.256.256.256/", Refused::NoUrl),
            ("https://1.2.3.4.5/", Refused::NoUrl),
            ("https://[::1/", Refused::NoUrl),
            ("https://[fe80::1%25eth0]/", Refused::NoUrl),
            ("https://example.com:65536/", Refused::NoUrl),
            ("https://example.com:0/", Refused::Port),
            ("ftp://example.com/", Refused::NoUrl),
            ("file:///etc/passwd", Refused::NoUrl),
            ("gopher://example.com/", Refused::NoUrl),
            ("javascript:alert(1)", Refused::NoUrl),
            ("data:text/plain,x", Refused::NoUrl),
            ("http://example.com/hook", Refused::NotSecure),
            ("http://127.0.0.1:4242/hook", Refused::NotSecure),
            ("https://user@example.com/", Refused::UserInfo),
            ("https://user:secret@example.com/", Refused::UserInfo),
            ("https://:secret@example.com/", Refused::UserInfo),
            ("https://example.com@127.0.0.1/", Refused::UserInfo),
            ("https://example.com#@127.0.0.1/", Refused::Fragment),
        ] {
            assert_eq!(check(url, &nothing()), Err(refused), "{url}");
        }
        let long = format!("https://example.com/{}", "a".repeat(2048));
        assert_eq!(check(&long, &nothing()), Err(Refused::TooLong));
    }

    #[test]
    fn public_hosts_pass_at_any_port() {
        for url in [
            "https://example.com/webhooks?tenant=1",
            "https://example.com:8443/",
            "https://example.com.:22/",
            "https://m\u{fc}nchen.example/",
            "https://93.184.216.34/",
            "https://[2606:2800:220:1:248:1893:25c8:1946]/",
            "https://172.15.0.1/",
            "https://172.32.0.1/",
            "https://100.63.255.255/",
            "https://100.128.0.1/",
            " https://example.com/ ",
        ] {
            assert!(check(url, &nothing()).is_ok(), "{url}");
        }
    }

    #[test]
    fn what_the_installation_allows_is_reached_and_nothing_beside_it() {
        let demo = reaching(&["127.0.0.0/8", "::1/128"]);
        for url in [
            "http://127.0.0.1:4242/hook",
            "http://localhost:4242/hook",
            "http://[::1]:4242/",
            "http://2130706433/",
            "https://localhost/",
        ] {
            assert!(check(url, &demo).is_ok(), "{url}");
        }
        assert_eq!(
            check("http://127.0.0.1.nip.example/", &demo),
            Err(Refused::NotSecure)
        );
        assert_eq!(check("http://10.0.0.1/", &demo), Err(Refused::NotSecure));
        assert_eq!(check("https://10.0.0.1/", &demo), Err(Refused::NotPublic));
        let inner = reaching(&["10.2.0.0/16"]);
        assert!(check("https://10.2.3.4/", &inner).is_ok());
        assert!(check("https://[::ffff:10.2.3.4]/", &inner).is_ok());
        assert!(check("https://hooks.corp.internal/", &inner).is_ok());
        for (url, refused) in [
            ("http://10.2.3.4/", Refused::NotSecure),
            ("https://10.3.0.1/", Refused::NotPublic),
            ("https://127.0.0.1/", Refused::NotPublic),
            ("https://localhost/", Refused::NotPublic),
            ("https://a.localhost/", Refused::NotPublic),
        ] {
            assert_eq!(check(url, &inner), Err(refused), "{url}");
        }
    }

    proptest! {
        /// However an address of IPv4 is wrapped in one of IPv6, it is not reached unless it is itself.
        #[test]
        fn wrapping_an_address_opens_nothing(bits: u32) {
            let v4 = Ipv4Addr::from_bits(bits);
            let [high, low, rest @ ..] = v4.octets();
            let (a, b) = (u16::from_be_bytes([high, low]), u16::from_be_bytes(rest));
            prop_assert_eq!(public(IpAddr::V6(v4.to_ipv6_mapped())), public(IpAddr::V4(v4)));
            for wrapped in [
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, a, b),
                Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, a, b),
                Ipv6Addr::new(0x2002, a, b, 0, 0, 0, 0, 1),
                Ipv6Addr::new(0x2001, 0, a, b, 0, 0, !a, !b),
                Ipv6Addr::new(0, 0, 0, 0, 0, 0, a, b),
                Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0x5efe, a, b),
            ] {
                prop_assert!(!public(IpAddr::V6(wrapped)), "{wrapped}");
            }
        }

        /// Spelt as a number, in octal or in hexadecimal, it is judged as the same address.
        #[test]
        fn a_spelling_changes_nothing(bits: u32) {
            let address = Ipv4Addr::from_bits(bits);
            let [a, b, c, d] = address.octets();
            let plain = check(&format!("https://{address}/"), &nothing());
            for spelt in [
                format!("https://{bits}/"),
                format!("https://0x{bits:x}/"),
                format!("https://0{bits:o}/"),
                format!("https://0{a:o}.0x{b:X}.{c}.{d}/"),
                format!("https://{a}.{b}.{}/", (u32::from(c) << 8) | u32::from(d)),
                format!("https://[::ffff:{address}]/"),
            ] {
                let judged = check(&spelt, &nothing());
                prop_assert_eq!(judged.is_ok(), plain.is_ok(), "{}", spelt);
            }
        }

        #[test]
        fn whatever_is_typed_is_answered(url in "\\PC{0,80}") {
            let _ = check(&url, &nothing());
            let _ = check(&format!("https://{url}"), &nothing());
        }
    }
}
