//! What the lists promise, over many of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::{collection::vec, prelude::*};

use super::*;

fn entry(kind: ListKind, value: &str) -> AllowEntry {
    AllowEntry {
        kind,
        value: value.to_owned(),
        note: String::new(),
        added_by: "console".to_owned(),
        added_at: 0,
    }
}

fn outcomes(kind: ListKind, text: &str, present: &[AllowEntry]) -> Vec<Line> {
    parse_many(kind, text, present).expect("read")
}

#[test]
fn a_paste_is_read_line_by_line_with_its_notes() {
    let text =
        "203.0.113.7 # office, London\r\n\n  \n# only words\n198.51.100.0/24, 2001:DB8::1,\n";
    let lines = outcomes(ListKind::Ip, text, &[]);
    let read: Vec<(usize, &str, &str)> = lines
        .iter()
        .map(|line| {
            let allowed = line.outcome.as_ref().expect("sound");
            (line.number, allowed.value.as_str(), allowed.note.as_str())
        })
        .collect();
    assert_eq!(
        read,
        [
            (1, "203.0.113.7", "office, London"),
            (5, "198.51.100.0/24", ""),
            (5, "2001:db8::1", "")
        ]
    );
}

#[test]
fn duplicates_and_wrong_lines_are_named_one_by_one() {
    let present = [entry(ListKind::Domain, "example.com")];
    let text =
        "EXAMPLE.com\nshop.example.com\nshop.example.com.\nco.uk\nok.example.com # a # b\n\u{202e}";
    let lines = outcomes(ListKind::Domain, text, &present);
    let messages: Vec<Option<&str>> = lines
        .iter()
        .map(|line| line.outcome.as_ref().err().map(String::as_str))
        .collect();
    let part = |i: usize, part: &str| {
        assert!(
            messages[i].is_some_and(|text| text.contains(part)),
            "{:?}",
            messages[i]
        );
    };
    part(0, "in the list already");
    assert_eq!(messages[1], None);
    part(2, "line 2 already");
    part(3, "Anybody");
    part(4, "line of its own");
    part(5, "invisible");
    assert_eq!(lines[5].text, "\u{fffd}");
    // An address of the same text is none of the domains' business.
    assert!(
        outcomes(ListKind::Ip, "203.0.113.7", &present)[0]
            .outcome
            .is_ok()
    );
}

#[test]
fn notes_are_short_and_visible() {
    for note in ["x".repeat(101), "a\u{200b}b".to_owned(), "a\0b".to_owned()] {
        let lines = outcomes(ListKind::Ip, &format!("203.0.113.7 # {note}"), &[]);
        assert!(lines[0].outcome.is_err(), "{note:?}");
    }
    let lines = outcomes(
        ListKind::Ip,
        &format!("203.0.113.7 # {}", "ü".repeat(100)),
        &[],
    );
    assert!(lines[0].outcome.is_ok());
}

#[test]
fn a_key_takes_a_hundred_entries_and_a_text_five_hundred() {
    let many = |count: usize| -> String {
        let addresses: Vec<String> = (0..count)
            .map(|i| format!("10.{}.{}.1", i / 250, i % 250))
            .collect();
        addresses.join("\n")
    };
    let lines = outcomes(ListKind::Ip, &many(101), &[]);
    assert_eq!(
        lines.iter().filter(|line| line.outcome.is_ok()).count(),
        100
    );
    assert!(
        lines[100]
            .outcome
            .as_ref()
            .expect_err("no room")
            .contains("at most 100")
    );
    let present: Vec<AllowEntry> = (0..99)
        .map(|i| entry(ListKind::Ip, &format!("192.0.2.{i}")))
        .collect();
    let lines = outcomes(ListKind::Ip, &many(2), &present);
    assert!(lines[0].outcome.is_ok() && lines[1].outcome.is_err());
    assert!(parse_many(ListKind::Ip, &many(500), &[]).is_ok());
    for text in [many(501), many(10_000), many(10_000).replace('\n', ",")] {
        let message = parse_many(ListKind::Ip, &text, &[]).expect_err("refused");
        assert!(message.contains("500"), "{message}");
    }
}

#[test]
fn lists_are_stored_and_read_again() {
    let list = AllowList(vec![
        entry(ListKind::Ip, "203.0.113.0/24"),
        entry(ListKind::Domain, "*.xn--mnchen-3ya.example"),
    ]);
    assert_eq!(AllowList::from_json(&list.to_json()).expect("read"), list);
    assert!(list.to_json().contains(r#""kind":"ip""#));
    assert_eq!(list.of(ListKind::Domain).count(), 1);
    assert_eq!(list.0[1].shown(), "*.münchen.example");
}

#[test]
fn a_change_that_lets_in_no_more_is_covered() {
    let ips = |values: &[&str]| -> Vec<AllowEntry> {
        values
            .iter()
            .map(|value| entry(ListKind::Ip, value))
            .collect()
    };
    let covered_ip =
        |before: &[&str], after: &[&str]| covered(&ips(before), &ips(after), ListKind::Ip);
    assert!(covered_ip(&[], &["203.0.113.7"]));
    assert!(!covered_ip(&["203.0.113.7"], &[]));
    assert!(covered_ip(&[], &[]));
    assert!(covered_ip(
        &["203.0.113.0/24"],
        &["203.0.113.7", "203.0.113.128/25"]
    ));
    assert!(!covered_ip(&["203.0.113.0/25"], &["203.0.113.0/24"]));
    assert!(!covered_ip(&["203.0.113.7"], &["2001:db8::1"]));
    let domains = |values: &[&str]| -> Vec<AllowEntry> {
        values
            .iter()
            .map(|value| entry(ListKind::Domain, value))
            .collect()
    };
    let covered_domain = |before: &[&str], after: &[&str]| {
        covered(&domains(before), &domains(after), ListKind::Domain)
    };
    assert!(covered_domain(
        &["*.example.com"],
        &["a.example.com", "*.b.example.com"]
    ));
    assert!(!covered_domain(&["*.example.com"], &["example.com"]));
    assert!(!covered_domain(&["a.example.com"], &["*.a.example.com"]));
    assert!(covered_domain(&["a.example.com"], &["a.example.com"]));
    // The lists of the other kind have no say.
    assert!(covered(
        &ips(&["203.0.113.7"]),
        &domains(&["a.example.com"]),
        ListKind::Domain
    ));
}

/// Nets close to each other, so that many lie within others.
fn net() -> impl Strategy<Value = String> {
    let v4 = (0_u32..64, 26_u8..=32).prop_map(|(host, length)| {
        let address = u32::from(Ipv4Addr::new(203, 0, 113, 0)) | host;
        let net = ipnet::Ipv4Net::new(Ipv4Addr::from(address), length).expect("a length");
        net.trunc().to_string()
    });
    let v6 = (0_u128..64, 122_u8..=128).prop_map(|(host, length)| {
        let address = u128::from(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0)) | host;
        let net = ipnet::Ipv6Net::new(Ipv6Addr::from(address), length).expect("a length");
        net.trunc().to_string()
    });
    prop_oneof![3 => v4, 1 => v6, 1 => Just("unreadable".to_owned())]
}

fn caller() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        (0_u32..64).prop_map(|host| {
            IpAddr::from(Ipv4Addr::from(
                u32::from(Ipv4Addr::new(203, 0, 113, 0)) | host,
            ))
        }),
        (0_u128..64).prop_map(|host| {
            IpAddr::from(Ipv6Addr::from(
                u128::from(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0)) | host,
            ))
        }),
    ]
}

/// Hosts of few labels, so that many lie below others.
fn host() -> impl Strategy<Value = String> {
    vec(prop_oneof![Just("a"), Just("b")], 0..4).prop_map(|labels| {
        let mut labels = labels;
        labels.push("example.com");
        labels.join(".")
    })
}

fn rule() -> impl Strategy<Value = String> {
    (any::<bool>(), host()).prop_map(
        |(wildcard, host)| {
            if wildcard { format!("*.{host}") } else { host }
        },
    )
}

fn entries(kind: ListKind, values: &[String]) -> Vec<AllowEntry> {
    values
        .iter()
        .map(|value| {
            let value = parse(kind, value).unwrap_or_else(|_| value.clone());
            entry(kind, &value)
        })
        .collect()
}

proptest! {
    #[test]
    fn what_a_covered_list_lets_in_was_let_in_before(
        before in vec(net(), 0..4), after in vec(net(), 0..4), caller in caller()
    ) {
        let (before, after) = (entries(ListKind::Ip, &before), entries(ListKind::Ip, &after));
        if covered(&before, &after, ListKind::Ip) && Guard::from_entries(&after).allows_ip(caller) {
            prop_assert!(Guard::from_entries(&before).allows_ip(caller));
        }
    }

    #[test]
    fn what_a_covered_list_of_domains_lets_in_was_let_in_before(
        before in vec(rule(), 0..4), after in vec(rule(), 0..4), host in host()
    ) {
        let (before, after) = (entries(ListKind::Domain, &before), entries(ListKind::Domain, &after));
        if covered(&before, &after, ListKind::Domain) && Guard::from_entries(&after).allows_host(&host) {
            prop_assert!(Guard::from_entries(&before).allows_host(&host));
        }
    }

    #[test]
    fn a_list_covers_itself(nets in vec(net(), 0..4), rules in vec(rule(), 0..4)) {
        let mut list = entries(ListKind::Ip, &nets);
        list.extend(entries(ListKind::Domain, &rules));
        prop_assert!(covered(&list, &list, ListKind::Ip));
        prop_assert!(covered(&list, &list, ListKind::Domain));
    }

    /// Whatever is read has one form, which is read as itself and judged by.
    #[test]
    fn any_text_is_read_without_a_panic_and_its_form_is_stable(
        text in prop_oneof![any::<String>(), "[0-9a-f:./x*-]{1,24}", "[a-zäß.*-]{1,24}"]
    ) {
        for kind in ListKind::ALL {
            if let Ok(value) = parse(kind, &text) {
                prop_assert_eq!(parse(kind, &value), Ok(value.clone()));
                let guard = Guard::from_entries(&[entry(kind, &value)]);
                prop_assert!(!guard.covers(&Guard::default(), kind));
                prop_assert_ne!(guard, Guard::from_entries(&[entry(kind, "unreadable!")]));
            }
        }
        let _ = host_of_origin(&text);
        let _ = parse_many(ListKind::Ip, &text, &[]);
    }
}
