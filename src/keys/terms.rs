//! What a key is allowed, and which way a change of that goes.
//!
//! A change is *narrower* where it takes something away: that applies at once. It *widens* where it lets a key do, reach
//! or last more than before: that may need a second person. [`split`] takes a wanted change apart into the two.

use serde::{Deserialize, Serialize};

use super::allow::{AllowEntry, ListKind, covered};
use crate::{
    profiles::CurrencyKind,
    server::clock::{DAY, Millis},
};

/// All that bounds a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Ids of the catalogue, in its order, each once. No wildcards: those are spelt out when a key is asked for, so that
    /// nothing which the catalogue gains later is granted by it.
    pub scopes: Vec<String>,
    pub limits: Limits,
    pub expiry: Expiry,
    pub allow: Vec<AllowEntry>,
}

/// Amounts are whole numbers of the currency's minor unit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<CurrencyKind>,
    /// Set with either amount; a key with it moves no other currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_amount: Option<i64>,
    /// Over a UTC day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_daily: Option<i64>,
}

/// When a key ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expiry {
    #[default]
    Never,
    /// So long after its secret is revealed.
    Days(u32),
    At(Millis),
}

impl Expiry {
    /// The moment, for a key whose secret is revealed at `revealed`.
    pub fn from(self, revealed: Millis) -> Option<Millis> {
        match self {
            Self::Never => None,
            Self::Days(days) => Some(revealed + i64::from(days) * DAY),
            Self::At(at) => Some(at),
        }
    }
}

/// Something that a change adds to what a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Widening {
    Scopes,
    Limits,
    Addresses,
    Life,
}

impl Widening {
    /// As the kind of a request.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Scopes => "More scopes",
            Self::Limits => "Higher limit",
            Self::Addresses => "More addresses",
            Self::Life => "Longer life",
        }
    }
}

/// What of `after` goes beyond `before`; nothing if it is no wider.
pub fn widenings(before: &Terms, after: &Terms) -> Vec<Widening> {
    let mut found = Vec::new();
    if !after.scopes.iter().all(|id| before.scopes.contains(id)) {
        found.push(Widening::Scopes);
    }
    if !limits_within(&before.limits, &after.limits) {
        found.push(Widening::Limits);
    }
    let lists = [ListKind::Ip, ListKind::Domain];
    if !lists
        .iter()
        .all(|kind| covered(&before.allow, &after.allow, *kind))
    {
        found.push(Widening::Addresses);
    }
    if !life_within(before.expiry, after.expiry) {
        found.push(Widening::Life);
    }
    found
}

/// Another currency or kind is another thing, not a narrower one.
fn limits_within(before: &Limits, after: &Limits) -> bool {
    let same =
        |before: &Option<String>, after: &Option<String>| before.is_none() || before == after;
    let within = |before: Option<i64>, after: Option<i64>| match (before, after) {
        (None, _) => true,
        (Some(before), Some(after)) => after <= before,
        (Some(_), None) => false,
    };
    (before.kind.is_none() || before.kind == after.kind)
        && same(&before.currency, &after.currency)
        && within(before.max_amount, after.max_amount)
        && within(before.max_daily, after.max_daily)
}

fn life_within(before: Expiry, after: Expiry) -> bool {
    match (before, after) {
        (Expiry::Never, _) => true,
        (Expiry::Days(before), Expiry::Days(after)) => after <= before,
        (Expiry::At(before), Expiry::At(after)) => after <= before,
        _ => false,
    }
}

/// A wanted change, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// No wider than before; equal to it if the change takes nothing away.
    pub at_once: Terms,
    /// What goes beyond it.
    pub widenings: Vec<Widening>,
}

/// Takes a change apart: each part of the terms is changed at once unless that part widens. Of scopes, what is dropped is
/// dropped at once even where others are added.
pub fn split(before: &Terms, after: &Terms) -> Split {
    let widenings = widenings(before, after);
    let wider = |what| widenings.contains(&what);
    let pick = |wider: bool, kind: ListKind| -> Vec<AllowEntry> {
        let from = if wider { &before.allow } else { &after.allow };
        from.iter()
            .filter(|entry| entry.kind == kind)
            .cloned()
            .collect()
    };
    let mut allow = Vec::new();
    for kind in [ListKind::Ip, ListKind::Domain] {
        allow.extend(pick(!covered(&before.allow, &after.allow, kind), kind));
    }
    let kept: Vec<String> = before
        .scopes
        .iter()
        .filter(|id| after.scopes.contains(id))
        .cloned()
        .collect();
    Split {
        at_once: Terms {
            // A key without any scope is none; if nothing is kept, the exchange waits as a whole.
            scopes: if kept.is_empty() {
                before.scopes.clone()
            } else {
                kept
            },
            limits: if wider(Widening::Limits) {
                tighter(&before.limits, &after.limits)
            } else {
                after.limits.clone()
            },
            expiry: if wider(Widening::Life) {
                before.expiry
            } else {
                after.expiry
            },
            allow,
        },
        widenings,
    }
}

/// The lower of each amount, within the same currency.
fn tighter(before: &Limits, after: &Limits) -> Limits {
    if before.kind != after.kind || before.currency != after.currency {
        return before.clone();
    }
    let lower = |before: Option<i64>, after: Option<i64>| match (before, after) {
        (Some(before), Some(after)) => Some(before.min(after)),
        (one, other) => one.or(other),
    };
    Limits {
        max_amount: lower(before.max_amount, after.max_amount),
        max_daily: lower(before.max_daily, after.max_daily),
        ..before.clone()
    }
}

#[cfg(test)]
mod tests {
    use proptest::{option, prelude::*, sample::subsequence};

    use super::*;

    const SCOPES: &[&str] = &["a:read", "a:write", "b:read", "b:write"];
    const ADDRESSES: &[&str] = &["203.0.113.7", "203.0.113.0/24", "198.51.100.4"];
    const DOMAINS: &[&str] = &["example.com", "*.example.com"];

    fn entries(values: Vec<&'static str>, kind: ListKind) -> Vec<AllowEntry> {
        values
            .into_iter()
            .map(|value| AllowEntry {
                kind,
                value: value.to_owned(),
                note: String::new(),
                added_by: "console".to_owned(),
                added_at: 0,
            })
            .collect()
    }

    prop_compose! {
        fn limits()(
            currency in option::of(prop_oneof![Just("NGN"), Just("USD")]),
            max_amount in option::of(0_i64..4),
            max_daily in option::of(0_i64..4),
            kind in option::of(prop_oneof![Just(CurrencyKind::Fiat), Just(CurrencyKind::Crypto)]),
        ) -> Limits {
            Limits { kind, currency: currency.map(str::to_owned), max_amount, max_daily }
        }
    }

    prop_compose! {
        fn terms()(
            scopes in subsequence(SCOPES, 1..=4),
            limits in limits(),
            expiry in prop_oneof![Just(Expiry::Never), (1_u32..4).prop_map(Expiry::Days), (1_i64..4).prop_map(Expiry::At)],
            ips in subsequence(ADDRESSES, 0..=3),
            domains in subsequence(DOMAINS, 0..=2),
        ) -> Terms {
            let mut allow = entries(ips, ListKind::Ip);
            allow.extend(entries(domains, ListKind::Domain));
            Terms { scopes: scopes.into_iter().map(str::to_owned).collect(), limits, expiry, allow }
        }
    }

    proptest! {
        #[test]
        fn what_applies_at_once_is_never_wider(before in terms(), after in terms()) {
            let split = split(&before, &after);
            prop_assert_eq!(widenings(&before, &split.at_once), Vec::<Widening>::new());
        }

        #[test]
        fn a_change_that_widens_nothing_applies_whole(before in terms(), after in terms()) {
            let split = split(&before, &after);
            if split.widenings.is_empty() {
                let sorted = |terms: &Terms| {
                    let mut terms = terms.clone();
                    terms.scopes.sort();
                    terms.allow.sort_by(|one, other| one.value.cmp(&other.value));
                    terms
                };
                prop_assert_eq!(sorted(&split.at_once), sorted(&after));
            }
        }

        #[test]
        fn nothing_wider_comes_of_two_narrowings(a in terms(), b in terms(), c in terms()) {
            if widenings(&a, &b).is_empty() && widenings(&b, &c).is_empty() {
                prop_assert_eq!(widenings(&a, &c), Vec::<Widening>::new());
            }
        }

        #[test]
        fn whatever_is_added_is_named(before in terms(), after in terms()) {
            let found = widenings(&before, &after);
            let more = |what, is: bool| found.contains(&what) || !is;
            prop_assert!(more(Widening::Scopes, after.scopes.iter().any(|id| !before.scopes.contains(id))));
            prop_assert!(more(Widening::Life, before.expiry != Expiry::Never && after.expiry == Expiry::Never));
            let lost = |kind| before.allow.iter().any(|entry| entry.kind == kind) && !after.allow.iter().any(|entry| entry.kind == kind);
            prop_assert!(more(Widening::Addresses, lost(ListKind::Ip) || lost(ListKind::Domain)));
            let raised = |before: Option<i64>, after: Option<i64>| before.is_some_and(|before| after.is_none_or(|after| after > before));
            prop_assert!(more(
                Widening::Limits,
                raised(before.limits.max_amount, after.limits.max_amount) || raised(before.limits.max_daily, after.limits.max_daily)
            ));
        }
    }
}
