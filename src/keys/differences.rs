//! How two terms of a key differ, in words. Pure.

use super::{
    allow::{AllowEntry, ListKind},
    statement,
    terms::{Limits, Terms},
};
use crate::{
    profiles::Profile,
    ui::{statement::Difference, time::count},
};

/// One row for each part of the terms, changed or not.
pub fn of_terms(profile: &Profile, before: &Terms, after: &Terms, zone: &str) -> Vec<Difference> {
    let mut rows = vec![list("Scopes", &before.scopes, &after.scopes, "None")];
    let kind = |limits: &Limits| {
        let word = limits.kind.map_or("Any", |kind| kind.word());
        word.to_owned()
    };
    if before.limits.kind.is_some() || after.limits.kind.is_some() {
        rows.push(value("Currency", kind(&before.limits), kind(&after.limits)));
    }
    let amount = |terms: &Terms, amount| {
        statement::amount(profile, terms, amount).unwrap_or_else(|| "No limit".to_owned())
    };
    if !profile.currencies.is_empty() {
        rows.push(value(
            "A request",
            amount(before, before.limits.max_amount),
            amount(after, after.limits.max_amount),
        ));
        rows.push(value(
            "A UTC day",
            amount(before, before.limits.max_daily),
            amount(after, after.limits.max_daily),
        ));
    }
    for (label, kind, none) in [
        ("Addresses", ListKind::Ip, "Any address"),
        ("Domains", ListKind::Domain, "Any domain"),
    ] {
        let shown = |terms: &Terms| -> Vec<String> {
            let entries = terms.allow.iter().filter(|entry| entry.kind == kind);
            entries.map(AllowEntry::shown).collect()
        };
        let (before, after) = (shown(before), shown(after));
        if !(before.is_empty() && after.is_empty()) {
            rows.push(list(label, &before, &after, none));
        }
    }
    let end =
        |terms: &Terms| statement::end(terms.expiry, zone).unwrap_or_else(|| "Never".to_owned());
    rows.push(value("Expires", end(before), end(after)));
    rows
}

/// A single value, before and after.
pub fn value(label: &str, now: String, asked: String) -> Difference {
    Difference {
        label: label.to_owned(),
        now,
        asked,
        ..Difference::default()
    }
}

/// What comes and goes; a list that stays is said whole.
pub fn list(label: &str, before: &[String], after: &[String], none: &str) -> Difference {
    let missing = |from: &[String], of: &[String]| -> Vec<String> {
        of.iter()
            .filter(|one| !from.contains(one))
            .cloned()
            .collect()
    };
    let (added, removed) = (missing(before, after), missing(after, before));
    let said = |list: &[String]| or(list.join(", "), none);
    // Where a list begins or ends, what that means is said too: no addresses are any address.
    let (now, asked) = if added.is_empty() && removed.is_empty() {
        (said(before), said(before))
    } else if before.is_empty() {
        (none.to_owned(), count_of(after))
    } else if after.is_empty() {
        (count_of(before), none.to_owned())
    } else {
        (String::new(), String::new())
    };
    Difference {
        label: label.to_owned(),
        now,
        asked,
        added,
        removed,
    }
}

fn count_of(list: &[String]) -> String {
    count(u64::try_from(list.len()).unwrap_or(0), "entry", "entries")
}

fn or(text: String, none: &str) -> String {
    if text.is_empty() {
        none.to_owned()
    } else {
        text
    }
}
