//! What a key may do, in the words of its profile: the one sentence, made of its terms.

use super::{
    allow::ListKind,
    money,
    policy::moves_money,
    terms::{Expiry, Terms},
};
use crate::{
    profiles::{Profile, Tier},
    server::clock::Millis,
    ui::{
        statement::{Grant, Statement},
        time,
    },
};

/// The sentence. `tier`: what the key is served at. `until`: its end in words, empty if it has none.
pub fn of_terms(profile: &Profile, terms: &Terms, tier: Option<&Tier>, until: String) -> Statement {
    let mut may: Vec<Grant> = Vec::new();
    for scope in profile
        .scopes()
        .filter(|scope| terms.scopes.contains(&scope.id))
    {
        match may.iter_mut().find(|grant| grant.verb == scope.verb) {
            Some(grant) => grant.objects.push(scope.noun.clone()),
            None => may.push(Grant {
                verb: scope.verb.clone(),
                objects: vec![scope.noun.clone()],
            }),
        }
    }
    let limits = &terms.limits;
    let currency = limits
        .currency
        .as_deref()
        .and_then(|id| profile.currency(id));
    let amount = |amount: Option<i64>| match (amount, currency) {
        (Some(amount), Some(currency)) => money::words(amount, currency),
        _ => String::new(),
    };
    let listed = |kind| {
        let count = terms
            .allow
            .iter()
            .filter(|entry| entry.kind == kind)
            .count();
        u64::try_from(count).unwrap_or(u64::MAX)
    };
    Statement {
        may,
        moves_money: moves_money(profile, &terms.scopes),
        per_request: amount(limits.max_amount),
        per_day: amount(limits.max_daily),
        addresses: listed(ListKind::Ip),
        domains: listed(ListKind::Domain),
        rate: tier.map_or_else(String::new, |tier| {
            let requests = time::count(u64::from(tier.rate), "request", "requests");
            format!("{requests} a minute")
        }),
        until,
    }
}

/// The end of a key whose secret is not made yet. `at_once`: it is made now, so that days can be counted.
pub fn until(expiry: Expiry, at_once: bool, now: Millis, zone: &str) -> String {
    match expiry {
        Expiry::Days(days) if !at_once => {
            let days = time::count(u64::from(days), "day", "days");
            format!("{days} after it is revealed")
        }
        _ => expiry
            .from(now)
            .map_or_else(String::new, |at| time::date(at, zone)),
    }
}
