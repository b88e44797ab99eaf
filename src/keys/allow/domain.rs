//! Domains: a host's name, or `*.` and a name for all hosts below it. Kept in ASCII, as they travel.

use std::{borrow::Cow, net::IpAddr};

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use ipnet::IpNet;

use super::shown as inert;
use crate::keys::policy::is_invisible;

/// Bytes of a name and of each of its labels (RFC 1035 §2.3.4), as text without the root's dot.
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;
/// The one name of a single label that a browser's origin really has.
const LOCALHOST: &str = "localhost";

/// Reads a domain as people write it.
pub fn parse(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("Write a domain, as example.com or *.example.com.".to_owned());
    }
    if text == "*" {
        return Err("That is every domain; an empty list says the same.".to_owned());
    }
    if text.chars().any(|c| c.is_whitespace() || is_invisible(c)) {
        return Err(format!(
            "Write the domain without spaces and invisible characters: \u{201c}{}\u{201d} has one.",
            inert(text)
        ));
    }
    if is_address(text) {
        return Err("That is an address; addresses have a list of their own.".to_owned());
    }
    if text.contains(['/', ':', '?', '#', '@', '\\']) {
        return Err(match host_within(text).map(parse_host) {
            Some(Ok(host)) => format!("Write only the host: {host}."),
            _ => "Write only the host, as example.com.".to_owned(),
        });
    }
    parse_host(text)
}

fn parse_host(text: &str) -> Result<String, String> {
    let (wildcard, name) = match text.strip_prefix("*.") {
        Some(name) => (true, name),
        None => (false, text),
    };
    if name.contains('*') {
        return Err(
            "A * stands alone in the first place and for whole names: *.example.com.".to_owned(),
        );
    }
    let host = ascii(name.strip_suffix('.').unwrap_or(name))?;
    if is_address(&host) {
        return Err("That is an address; addresses have a list of their own.".to_owned());
    }
    if !host.contains('.') && (wildcard || host != LOCALHOST) {
        return Err(format!(
            "\u{201c}{}\u{201d} is not a whole domain: write it as example.com.",
            inert(text)
        ));
    }
    if is_public_suffix(&host) {
        return Err(format!(
            "Anybody can have a name below {host}: name a domain of your own, as example.{host}."
        ));
    }
    Ok(if wildcard { format!("*.{host}") } else { host })
}

/// The ASCII form of a name (UTS 46), or what is wrong with it.
fn ascii(name: &str) -> Result<String, String> {
    let shown = inert(name);
    if name.split('.').any(str::is_empty) {
        return Err(format!(
            "\u{201c}{shown}\u{201d} has an empty part: write one dot between two parts."
        ));
    }
    if name
        .split('.')
        .any(|label| label.starts_with('-') || label.ends_with('-'))
    {
        return Err(format!(
            "No part of a domain begins or ends with a hyphen: \u{201c}{shown}\u{201d} does."
        ));
    }
    let long_label = name
        .split('.')
        .any(|label| label.is_ascii() && label.len() > MAX_LABEL);
    if long_label {
        return Err(format!(
            "No part of a domain is longer than {MAX_LABEL} characters."
        ));
    }
    if name.is_ascii() && name.len() > MAX_NAME {
        return Err(format!("A domain has at most {MAX_NAME} characters."));
    }
    let bad = name
        .chars()
        .find(|c| c.is_ascii() && !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-'));
    if let Some(bad) = bad {
        return Err(format!(
            "A domain is made of letters, digits, dots and hyphens; there is a {bad} in it."
        ));
    }
    let punycode = name.split('.').any(|label| {
        label
            .get(..4)
            .is_some_and(|start| start.eq_ignore_ascii_case("xn--"))
    });
    canonical(name).ok_or_else(|| {
        if punycode {
            format!(
                "\u{201c}{shown}\u{201d} is not what any name is in ASCII: write the name itself."
            )
        } else {
            format!("\u{201c}{shown}\u{201d} cannot be the name of a host.")
        }
    })
}

/// The name in ASCII; none if it is no host's, or if it does not survive being shown and read again.
fn canonical(name: &str) -> Option<String> {
    let to_ascii = |name: &str| -> Option<String> {
        Uts46::new()
            .to_ascii(
                name.as_bytes(),
                AsciiDenyList::STD3,
                // YouTube's and GitHub's hosts have hyphens in the third and fourth place.
                Hyphens::CheckFirstLast,
                DnsLength::Verify,
            )
            .ok()
            .map(Cow::into_owned)
    };
    let ascii = to_ascii(name)?;
    let again = to_ascii(&unicode(&ascii)?)?;
    (again == ascii).then_some(ascii)
}

/// Whether a stored name has its one form.
pub fn is_canonical(name: &str) -> bool {
    canonical(name).is_some_and(|canonical| canonical == name)
}

fn unicode(ascii: &str) -> Option<String> {
    let (name, sound) = Uts46::new().to_unicode(
        ascii.as_bytes(),
        AsciiDenyList::STD3,
        Hyphens::CheckFirstLast,
    );
    sound.ok().map(|()| name.into_owned())
}

/// A canonical entry in its own script: `*.xn--mnchen-3ya.example` is shown as `*.münchen.example`.
pub fn shown(value: &str) -> String {
    let (star, name) = match value.strip_prefix("*.") {
        Some(name) => ("*.", name),
        None => ("", value),
    };
    match unicode(name) {
        Some(name) => format!("{star}{name}"),
        None => value.to_owned(),
    }
}

/// Whether anybody can register a name below this one, or it is such a name's end (publicsuffix.org).
fn is_public_suffix(host: &str) -> bool {
    let is_suffix = |name: &str| psl::suffix_str(name) == Some(name);
    host != LOCALHOST && (is_suffix(host) || unicode(host).is_some_and(|name| is_suffix(&name)))
}

/// Addresses, and what a browser would read as one: a name whose last part is a number (WHATWG URL, host parsing).
fn is_address(text: &str) -> bool {
    let bare = text
        .trim_start_matches('[')
        .split(']')
        .next()
        .unwrap_or(text);
    if bare.parse::<IpAddr>().is_ok() || text.parse::<IpNet>().is_ok() {
        return true;
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let last = name.rsplit('.').next().unwrap_or(name);
    let hex = last
        .strip_prefix("0x")
        .or_else(|| last.strip_prefix("0X"))
        .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    hex || (!last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The host of a text that has more than a host in it.
fn host_within(text: &str) -> Option<&str> {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let host = authority.rsplit('@').next()?;
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    (!host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_have_one_form() {
        for (text, form) in [
            ("example.com", "example.com"),
            (" Shop.Example.COM. ", "shop.example.com"),
            ("*.example.com", "*.example.com"),
            ("localhost", "localhost"),
            ("shop.localhost", "shop.localhost"),
            ("münchen.example", "xn--mnchen-3ya.example"),
            ("MÜNCHEN.example", "xn--mnchen-3ya.example"),
            ("*.xn--mnchen-3ya.example", "*.xn--mnchen-3ya.example"),
            (
                "r3---sn-4g5e6nez.example.com",
                "r3---sn-4g5e6nez.example.com",
            ),
            ("me.github.io", "me.github.io"),
            ("1.example.com", "1.example.com"),
            ("例え。jp", "xn--r8jz45g.jp"),
        ] {
            assert_eq!(parse(text), Ok(form.to_owned()), "{text}");
            assert_eq!(parse(form), Ok(form.to_owned()), "{form}");
        }
        assert_eq!(shown("*.xn--mnchen-3ya.example"), "*.münchen.example");
        assert_eq!(shown("example.com"), "example.com");
    }

    #[test]
    fn what_is_refused_says_how_to_mend_it() {
        let long_label = format!("{}.com", "a".repeat(64));
        let long_name = format!("{}com", "abcdefg.".repeat(32));
        let long_unicode = format!("{}.com", "ü".repeat(60));
        for (text, part) in [
            ("", "example.com"),
            ("*", "every domain"),
            (
                "https://shop.example.com",
                "only the host: shop.example.com.",
            ),
            (
                "https://me@shop.example.com:8443/x?y#z",
                "only the host: shop.example.com.",
            ),
            ("example.com/path", "only the host: example.com."),
            ("example.com:443", "only the host: example.com."),
            ("https://*.example.com", "only the host: *.example.com."),
            ("https://", "only the host"),
            ("co.uk", "Anybody"),
            ("*.co.uk", "Anybody"),
            ("github.io", "Anybody"),
            ("*.github.io", "Anybody"),
            ("公司.cn", "Anybody"),
            ("xn--55qx5d.cn", "Anybody"),
            ("com", "whole domain"),
            ("*.com", "whole domain"),
            ("intranet", "whole domain"),
            ("*.localhost", "whole domain"),
            ("a..b", "empty part"),
            (".example.com", "empty part"),
            ("example.com..", "empty part"),
            ("*.", "empty part"),
            ("-a.com", "hyphen"),
            ("a-.com", "hyphen"),
            ("*.*.a.com", "*"),
            ("a*.com", "*"),
            ("a.*.com", "*"),
            ("a_b.example.com", "there is a _"),
            ("a b.com", "spaces"),
            ("a\u{200b}b.com", "invisible"),
            ("a\u{ad}b.com", "invisible"),
            (long_label.as_str(), "63"),
            (long_name.as_str(), "253"),
            (long_unicode.as_str(), "cannot be"),
            ("203.0.113.7", "list of their own"),
            ("203.0.113.0/24", "list of their own"),
            ("2001:db8::1", "list of their own"),
            ("[2001:db8::1]:80", "list of their own"),
            ("0x7f.1", "list of their own"),
            ("example.0x7f", "list of their own"),
            ("xn--a.com", "in ASCII"),
            ("xn--example-.com", "hyphen"),
            ("xn--abc-.com", "hyphen"),
            ("xn--mnchen-psa.example", "in ASCII"),
        ] {
            let message = parse(text).expect_err(text);
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
