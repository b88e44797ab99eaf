//! A key's lists as they are judged by: decoded, and never wider than what was written.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{AllowEntry, AllowList, ListKind, address, domain};

/// Who may use a key. Of each kind: none where everybody may. An entry that cannot be read lets nobody in, and a list of
/// such entries alone is closed rather than absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    nets: Option<Vec<IpNet>>,
    domains: Option<Vec<DomainRule>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DomainRule {
    /// This host.
    Host(String),
    /// Every host below this name, at any depth, but not the name itself.
    Below(String),
}

impl DomainRule {
    /// Reads a canonical entry. Whether the name is a public suffix was asked when it was added; that list changes, and a
    /// key that is in use must not depend on it.
    fn decode(value: &str) -> Option<Self> {
        let (rule, name): (fn(String) -> Self, &str) = match value.strip_prefix("*.") {
            Some(name) => (Self::Below, name),
            None => (Self::Host, value),
        };
        domain::is_canonical(name).then(|| rule(name.to_owned()))
    }

    fn matches(&self, host: &str) -> bool {
        match self {
            Self::Host(name) => host == name,
            Self::Below(name) => is_below(host, name),
        }
    }

    /// Whether this rule lets in all that the other does.
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Host(host)) => self.matches(host),
            (Self::Below(name), Self::Below(other)) => other == name || is_below(other, name),
            (Self::Host(_), Self::Below(_)) => false,
        }
    }
}

fn is_below(host: &str, name: &str) -> bool {
    host.strip_suffix(name)
        .and_then(|rest| rest.strip_suffix('.'))
        .is_some_and(|rest| !rest.is_empty())
}

impl Guard {
    pub fn from_entries(entries: &[AllowEntry]) -> Self {
        Self {
            nets: decoded(entries, ListKind::Ip, |value| address::parse(value).ok()),
            domains: decoded(entries, ListKind::Domain, DomainRule::decode),
        }
    }

    /// Reads stored lists; what cannot be read at all lets nobody in.
    pub fn from_json(text: &str) -> Self {
        AllowList::from_json(text).map_or_else(
            |_| Self {
                nets: Some(Vec::new()),
                domains: Some(Vec::new()),
            },
            |list| Self::from_entries(&list.0),
        )
    }

    /// Whether it matters from where a request comes.
    pub fn binds(&self, kind: ListKind) -> bool {
        match kind {
            ListKind::Ip => self.nets.is_some(),
            ListKind::Domain => self.domains.is_some(),
        }
    }

    pub fn allows_ip(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.nets
            .as_ref()
            .is_none_or(|nets| nets.iter().any(|net| net.contains(&ip)))
    }

    /// `host` as [`host_of_origin`] gives it.
    pub fn allows_host(&self, host: &str) -> bool {
        self.domains
            .as_ref()
            .is_none_or(|rules| rules.iter().any(|rule| rule.matches(host)))
    }

    /// Whether this guard lets in all that the other does, by the lists of this kind.
    pub fn covers(&self, other: &Self, kind: ListKind) -> bool {
        match kind {
            ListKind::Ip => all_covered(
                self.nets.as_deref(),
                other.nets.as_deref(),
                |net: &IpNet, other| net.contains(other),
            ),
            ListKind::Domain => all_covered(
                self.domains.as_deref(),
                other.domains.as_deref(),
                DomainRule::covers,
            ),
        }
    }
}

fn decoded<T>(
    entries: &[AllowEntry],
    kind: ListKind,
    decode: impl Fn(&str) -> Option<T>,
) -> Option<Vec<T>> {
    let mut of_kind = entries.iter().filter(|entry| entry.kind == kind).peekable();
    of_kind.peek()?;
    Some(of_kind.filter_map(|entry| decode(&entry.value)).collect())
}

/// Whether each of the inner list's entries lies within one of the outer's; none is everything.
fn all_covered<T>(
    outer: Option<&[T]>,
    inner: Option<&[T]>,
    covers: impl Fn(&T, &T) -> bool,
) -> bool {
    match (outer, inner) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(outer), Some(inner)) => inner
            .iter()
            .all(|one| outer.iter().any(|other| covers(other, one))),
    }
}

/// The host of an origin, with or without scheme and port, in ASCII and lower case. None for `null` (RFC 6454 §7.1, an
/// origin that a browser will not name) and for what has no host that could be told for certain.
pub fn host_of_origin(text: &str) -> Option<String> {
    let text = text.trim();
    // A parser of URLs passes over tabs and cuts off what stands before an @; an origin has neither.
    let odd = text
        .chars()
        .any(|c| c.is_whitespace() || c.is_control() || matches!(c, '@' | '\\'));
    if text.is_empty() || text.eq_ignore_ascii_case("null") || odd {
        return None;
    }
    let rest = match text.split_once("://") {
        Some((scheme, rest)) => {
            let web = ["http", "https"]
                .iter()
                .any(|known| scheme.eq_ignore_ascii_case(known));
            web.then_some(rest)?
        }
        None => text,
    };
    let authority = rest.split(['/', '?', '#']).next()?;
    let parsed = url::Url::parse(&format!("https://{authority}/")).ok()?;
    let host = parsed.host_str()?;
    let host = host.strip_suffix('.').unwrap_or(host);
    let whole = !host.split('.').any(str::is_empty);
    whole.then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origins_host_is_what_a_browser_means() {
        for (origin, host) in [
            ("https://shop.example.com", Some("shop.example.com")),
            ("HTTPS://Shop.Example.com:8443", Some("shop.example.com")),
            ("shop.example.com", Some("shop.example.com")),
            ("shop.example.com.", Some("shop.example.com")),
            ("shop.example.com:8080/path", Some("shop.example.com")),
            ("https://münchen.example", Some("xn--mnchen-3ya.example")),
            ("https://my_app.example.com", Some("my_app.example.com")),
            ("http://203.0.113.7:80", Some("203.0.113.7")),
            ("http://[2001:DB8::1]:80", Some("[2001:db8::1]")),
            ("http://localhost:3000", Some("localhost")),
            ("null", None),
            ("", None),
            ("https://", None),
            ("https://good.example@evil.example", None),
            ("https://evil.example\\.good.example", None),
            ("https://evil.example%2f.good.example", None),
            ("https://evil\t.example", None),
            ("https://a..example", None),
            ("file:///etc/passwd", None),
            ("chrome-extension://good.example", None),
            ("https://example.com:99999", None),
        ] {
            assert_eq!(host_of_origin(origin).as_deref(), host, "{origin}");
        }
    }

    #[test]
    fn stored_lists_that_cannot_be_read_let_nobody_in() {
        let address: IpAddr = "203.0.113.7".parse().expect("an address");
        for text in [
            "",
            "{}",
            "null",
            r#"[{"kind":"ip"}]"#,
            r#"[{"kind":"ip","value":"0.0.0.0/0","note":"","added_by":"console","added_at":0}]"#,
            r#"[{"kind":"ip","value":"everywhere","note":"","added_by":"console","added_at":0}]"#,
        ] {
            let guard = Guard::from_json(text);
            assert!(guard.binds(ListKind::Ip), "{text}");
            assert!(!guard.allows_ip(address), "{text}");
        }
        for value in ["*", "*.", "EXAMPLE.com", "*.*.com", ""] {
            let text = serde_json::json!([
                {"kind": "domain", "value": value, "note": "", "added_by": "console", "added_at": 0}
            ]);
            assert!(
                !Guard::from_json(&text.to_string()).allows_host("example.com"),
                "{value}"
            );
        }
        let open = Guard::from_json("[]");
        assert_eq!(open, Guard::default());
        assert!(open.allows_ip(address) && open.allows_host("example.com"));
    }

    #[test]
    fn a_wildcard_means_every_host_below_and_not_the_name_itself() {
        let guard = Guard {
            nets: None,
            domains: Some(vec![DomainRule::Below("example.com".to_owned())]),
        };
        assert!(guard.allows_host("shop.example.com"));
        assert!(guard.allows_host("a.b.example.com"));
        for host in [
            "example.com",
            "evilexample.com",
            ".example.com",
            "example.com.evil",
            "com",
        ] {
            assert!(!guard.allows_host(host), "{host}");
        }
    }

    #[test]
    fn a_mapped_caller_is_the_ipv4_caller() {
        let guard = Guard {
            nets: Some(vec!["203.0.113.0/24".parse().expect("a net")]),
            domains: None,
        };
        assert!(guard.allows_ip("::ffff:203.0.113.7".parse().expect("an address")));
        assert!(!guard.allows_ip("::ffff:203.0.114.7".parse().expect("an address")));
    }
}
