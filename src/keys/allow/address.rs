//! Addresses and nets, read strictly: what two programs could read differently is refused, with the way to write it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::{IpNet, Ipv4Net};

use super::shown;

/// The widest nets accepted: the largest blocks that one organisation was ever given.
const WIDEST_V4: u8 = 8;
const WIDEST_V6: u8 = 16;
/// The first bits of an IPv6 address that holds an IPv4 one (RFC 4291 §2.5.5.2).
const MAPPED_BITS: u8 = 96;
/// No address with its net is longer.
const MAX_LENGTH: usize = 64;

pub fn parse(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("Write an address, as 203.0.113.7, or a net, as 203.0.113.0/24.".to_owned());
    }
    let (written, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address: IpAddr = written.parse().map_err(|_| how_to_mend(text))?;
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let length = match length {
        Some(length) => prefix_length(length, bits)?,
        None => bits,
    };
    let (address, length) = unmapped(address, length)?;
    let net = IpNet::new(address, length).map_err(|_| how_to_mend(text))?;
    check_width(net)?;
    if net.trunc() != net {
        return Err(format!("Host bits set: did you mean {}?", net.trunc()));
    }
    Ok(net)
}

/// A single address stands without the length of its net.
pub fn canonical(net: IpNet) -> String {
    if net.prefix_len() == net.max_prefix_len() {
        net.addr().to_string()
    } else {
        net.to_string()
    }
}

fn prefix_length(text: &str, bits: u8) -> Result<u8, String> {
    let wrong = || {
        let shown = shown(text);
        if text.parse::<IpAddr>().is_ok() {
            format!("Write the length of the net as a number, as /24, instead of the mask {shown}.")
        } else {
            format!(
                "\u{201c}/{shown}\u{201d} is no length of a net: write a number from 1 to {bits}."
            )
        }
    };
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || (text.len() > 1 && text.starts_with('0')) {
        return Err(wrong());
    }
    text.parse()
        .ok()
        .filter(|length| *length <= bits)
        .ok_or_else(wrong)
}

/// An IPv4 address in the clothes of an IPv6 one is the IPv4 address: callers come with the plain one.
fn unmapped(address: IpAddr, length: u8) -> Result<(IpAddr, u8), String> {
    let IpAddr::V6(v6) = address else {
        return Ok((address, length));
    };
    let Some(v4) = v6.to_ipv4_mapped() else {
        return Ok((address, length));
    };
    let length = length.checked_sub(MAPPED_BITS).ok_or_else(|| {
        format!("This net is wider than all IPv4 addresses: write the IPv4 net itself, as {v4}/24.")
    })?;
    Ok((IpAddr::V4(v4), length))
}

fn check_width(net: IpNet) -> Result<(), String> {
    let (widest, family) = match net {
        IpNet::V4(_) => (WIDEST_V4, "IPv4"),
        IpNet::V6(_) => (WIDEST_V6, "IPv6"),
    };
    if net.prefix_len() == 0 {
        Err("That is every address; an empty list says the same.".to_owned())
    } else if net.prefix_len() < widest {
        Err(format!(
            "A net of {family} is /{widest} or narrower: name the nets that calls really come from."
        ))
    } else if net.addr().is_unspecified() && net.prefix_len() == net.max_prefix_len() {
        Err(format!(
            "No call comes from {}; leave the list empty to let every address in.",
            net.addr()
        ))
    } else {
        Ok(())
    }
}

/// What is wrong with a text that is no address, as exactly as can be told.
fn how_to_mend(text: &str) -> String {
    let generic = || {
        format!(
            "\u{201c}{}\u{201d} is not an address. Write it as 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32.",
            shown(text)
        )
    };
    if text.len() > MAX_LENGTH || !text.is_ascii() {
        return generic();
    }
    if text.contains("://") {
        return "Leave scheme and path out: only the address, as 203.0.113.7.".to_owned();
    }
    if text.contains(['[', ']']) {
        let inner = text
            .trim_start_matches('[')
            .split(']')
            .next()
            .and_then(|inner| inner.parse::<Ipv6Addr>().ok());
        return match inner {
            Some(address) => format!("Leave brackets and port out: {address}."),
            None => "Write the address without brackets, as 2001:db8::1.".to_owned(),
        };
    }
    if let Some((address, _)) = text.split_once('%') {
        return match address.parse::<Ipv6Addr>() {
            Ok(address) => format!("Leave the zone out: {address}."),
            Err(_) => generic(),
        };
    }
    if let Ok(SocketAddr::V4(with_port)) = text.parse() {
        return format!("Leave the port out: {}.", with_port.ip());
    }
    let (address, _) = text.split_once('/').unwrap_or((text, ""));
    if address.contains(':') {
        return generic();
    }
    if address.contains('-')
        && address
            .split('-')
            .all(|end| end.parse::<Ipv4Addr>().is_ok())
    {
        return "Write a range as one or more nets, as 203.0.113.0/24.".to_owned();
    }
    of_parts(address).unwrap_or_else(generic)
}

/// About texts made of parts between points, or of one number.
fn of_parts(address: &str) -> Option<String> {
    let parts: Vec<&str> = address.split('.').collect();
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let is_hex = |part: &str| part.starts_with("0x") || part.starts_with("0X");
    if parts.iter().any(|part| is_hex(part)) {
        return Some("Write the parts as decimal numbers, as 203.0.113.7.".to_owned());
    }
    if parts.contains(&"*") {
        let fixed: Vec<&str> = parts
            .iter()
            .copied()
            .take_while(|part| is_number(part))
            .collect();
        let length = u8::try_from(fixed.len() * 8)
            .ok()
            .filter(|length| (8..32).contains(length))?;
        let mut octets = fixed;
        octets.resize(4, "0");
        let net: Ipv4Net = format!("{}/{length}", octets.join(".")).parse().ok()?;
        return Some(format!("A * is not read in addresses: write {net}."));
    }
    if !parts.iter().all(|part| is_number(part)) {
        let letters = address.bytes().any(|byte| byte.is_ascii_alphabetic());
        return (letters && parts.len() > 1)
            .then(|| "That looks like a domain; domains have a list of their own.".to_owned());
    }
    if let [number] = parts.as_slice() {
        let number = number.parse::<u32>().ok().filter(|number| *number > 255)?;
        return Some(format!(
            "Write an address in four parts: did you mean {}?",
            Ipv4Addr::from(number)
        ));
    }
    if parts.len() != 4 {
        return Some("An IPv4 address has four parts, as 203.0.113.7.".to_owned());
    }
    if parts
        .iter()
        .any(|part| part.len() > 1 && part.starts_with('0'))
    {
        let plain: Vec<&str> = parts
            .iter()
            .map(|part| match part.trim_start_matches('0') {
                "" => "0",
                rest => rest,
            })
            .collect();
        let plain = plain.join(".");
        return plain.parse::<Ipv4Addr>().ok().map(|plain| {
            format!("Leave leading zeros out, since some programs read them as octal: {plain}.")
        });
    }
    Some("Each part of an IPv4 address is a number from 0 to 255.".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        parse(text).map(canonical)
    }

    #[test]
    fn addresses_and_nets_have_one_form() {
        for (text, form) in [
            (" 203.0.113.7 ", "203.0.113.7"),
            ("203.0.113.7/32", "203.0.113.7"),
            ("203.0.113.0/24", "203.0.113.0/24"),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("2001:DB8:0:0::1", "2001:db8::1"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("2001:db8::1/128", "2001:db8::1"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("::ffff:203.0.113.0/120", "203.0.113.0/24"),
            ("::ffff:cb00:7107/128", "203.0.113.7"),
        ] {
            assert_eq!(read(text), Ok(form.to_owned()), "{text}");
            assert_eq!(read(form), Ok(form.to_owned()), "{form}");
        }
    }

    #[test]
    fn what_is_refused_says_how_to_mend_it() {
        for (text, part) in [
            ("", "203.0.113.7"),
            ("203.0.113.7/24", "did you mean 203.0.113.0/24?"),
            ("2001:db8::1/64", "did you mean 2001:db8::/64?"),
            ("0.0.0.0/0", "every address"),
            ("203.0.113.7/0", "every address"),
            ("::/0", "every address"),
            ("::ffff:0:0/96", "every address"),
            ("::ffff:203.0.113.0/95", "203.0.113.0/24"),
            ("8.0.0.0/7", "/8 or narrower"),
            ("2000::/15", "/16 or narrower"),
            ("0.0.0.0", "No call comes"),
            ("::", "No call comes"),
            ("010.0.0.1", "leading zeros"),
            ("10.0.0.01", "10.0.0.1"),
            ("0x7f.0.0.1", "decimal"),
            ("0x7f000001", "decimal"),
            ("3405803783", "203.0.113.7"),
            ("10.1", "four parts"),
            ("1.2.3.256", "0 to 255"),
            ("1.2.3.4.5", "four parts"),
            ("203.0.113.7:443", "Leave the port out: 203.0.113.7"),
            (
                "[2001:db8::1]:443",
                "Leave brackets and port out: 2001:db8::1",
            ),
            ("[2001:db8::1]", "2001:db8::1"),
            ("fe80::1%eth0", "Leave the zone out: fe80::1"),
            ("10.0.0.0/255.0.0.0", "as a number"),
            ("10.0.0.0/33", "from 1 to 32"),
            ("10.0.0.0/08", "from 1 to 32"),
            ("10.0.0.0/", "from 1 to 32"),
            ("10.0.0.0/+8", "from 1 to 32"),
            ("10.0.0.0/8/8", "from 1 to 32"),
            ("2001:db8::/129", "from 1 to 128"),
            ("203.0.113.*", "203.0.113.0/24"),
            ("203.0.113.1-203.0.113.9", "range"),
            ("shop.example.com", "list of their own"),
            ("https://203.0.113.7/", "scheme"),
            ("::1::2", "not an address"),
            ("\u{661}.2.3.4", "not an address"),
            ("garbage", "not an address"),
        ] {
            let message = read(text).expect_err(text);
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
