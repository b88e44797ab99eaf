//! How two terms of a key differ, in words. Pure.

use super::{
    allow::ListKind,
    terms::{Limits, Terms},
    view,
};
use crate::{profiles::Profile, ui::statement::Difference};

/// One row for each part of the terms, changed or not.
pub fn of_terms(profile: &Profile, before: &Terms, after: &Terms, zone: &str) -> Vec<Difference> {
    let mut rows = vec![list("Scopes", before.scopes.clone(), after.scopes.clone())];
    let kind = |limits: &Limits| {
        let word = limits.kind.map_or("Any", |kind| kind.word());
        word.to_owned()
    };
    if before.limits.kind.is_some() || after.limits.kind.is_some() {
        rows.push(value("Currency", kind(&before.limits), kind(&after.limits)));
    }
    let amount = |terms: &Terms, amount| {
        view::amount(profile, terms, amount).unwrap_or_else(|| "No limit".to_owned())
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
    for (label, kind) in [("Addresses", ListKind::Ip), ("Domains", ListKind::Domain)] {
        let shown = |terms: &Terms| -> Vec<String> {
            let entries = terms.allow.iter().filter(|entry| entry.kind == kind);
            entries.map(super::allow::AllowEntry::shown).collect()
        };
        let (before, after) = (shown(before), shown(after));
        if !(before.is_empty() && after.is_empty()) {
            rows.push(list(label, before, after));
        }
    }
    let end = |terms: &Terms| view::until(terms.expiry, zone).unwrap_or_else(|| "Never".to_owned());
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

fn list(label: &str, before: Vec<String>, after: Vec<String>) -> Difference {
    let missing = |from: &[String], other: &[String]| -> Vec<String> {
        let kept = from.iter().filter(|item| !other.contains(item));
        kept.cloned().collect()
    };
    let now = if before.is_empty() {
        "None".to_owned()
    } else {
        before.join(", ")
    };
    Difference {
        label: label.to_owned(),
        asked: now.clone(),
        now,
        added: missing(&after, &before),
        removed: missing(&before, &after),
    }
}
