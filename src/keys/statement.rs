//! What a key may do, in the words of its profile: the one sentence, made of its terms.

use super::{
    allow::ListKind,
    money,
    policy::moves_money,
    terms::{Expiry, Terms},
};
use crate::{
    profiles::{Profile, Tier},
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
    // What the catalogue has lost is still granted, and said by its id.
    let lost = terms.scopes.iter().map(String::as_str);
    may.extend(Grant::from_scopes(
        lost.filter(|id| profile.scope(id).is_none()),
    ));
    let amount = |limit| amount(profile, terms, limit).unwrap_or_default();
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
        per_request: amount(terms.limits.max_amount),
        per_day: amount(terms.limits.max_daily),
        addresses: listed(ListKind::Ip),
        domains: listed(ListKind::Domain),
        rate: tier.map_or_else(String::new, |tier| {
            let requests = time::count(u64::from(tier.rate), "request", "requests");
            format!("{requests} a minute")
        }),
        until,
    }
}

/// The sentence of a key that is there, or was asked for.
pub fn of_key(profile: &Profile, terms: &Terms, zone: &str) -> Statement {
    let until = end(terms.expiry, zone).unwrap_or_default();
    of_terms(profile, terms, None, until)
}

/// An amount in the currency of the limits.
pub fn amount(profile: &Profile, terms: &Terms, amount: Option<i64>) -> Option<String> {
    let (amount, id) = (amount?, terms.limits.currency.as_deref().unwrap_or("?"));
    Some(match profile.currency(id) {
        Some(currency) => money::words(amount, currency),
        None => format!("{amount} of the smallest unit of {id}"),
    })
}

/// The end, as it follows "until"; none if there is none.
pub fn end(expiry: Expiry, zone: &str) -> Option<String> {
    match expiry {
        Expiry::Never => None,
        Expiry::At(at) => Some(time::date(at, zone)),
        Expiry::Days(days) => {
            let days = time::count(u64::from(days), "day", "days");
            Some(format!("{days} after its secret is made"))
        }
    }
}
