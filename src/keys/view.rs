//! From stored rows to what pages show.

use std::collections::HashMap;

use super::{
    allow::ListKind,
    money, policy,
    store::KeyRow,
    terms::{Expiry, Terms},
    types::{KeyPlateInfo, KeySummary},
};
use crate::{
    accounts::Viewer,
    profiles::Profile,
    server::clock::{HOUR, Millis},
    ui::{
        statement::{Grant, Statement},
        time,
    },
};

/// Bars of a sparkline.
pub const HOURS: usize = 24;

/// Requests by key and hour.
pub type Counts = HashMap<(String, i64), i64>;

/// The plate of a key, from the parts that every table of keys or requests has.
pub fn plate(
    profile: &Profile,
    id: &str,
    label: &str,
    environment: &str,
    secret_start: &str,
    secret_end: &str,
) -> KeyPlateInfo {
    let known = profile.environment(environment);
    let prefix = known.map_or("", |environment| environment.prefix.as_str());
    KeyPlateInfo {
        id: id.to_owned(),
        label: label.to_owned(),
        prefix: prefix.to_owned(),
        start: secret_start
            .strip_prefix(prefix)
            .unwrap_or(secret_start)
            .to_owned(),
        end: secret_end.to_owned(),
        environment: environment.to_owned(),
        environment_word: known.map_or_else(|| environment.to_owned(), |e| e.word.clone()),
        live: known.is_none_or(|environment| environment.live),
    }
}

/// A key with its requests by hour, which `counts` holds for all keys of the list.
pub fn summary(
    profile: &Profile,
    viewer: &Viewer,
    row: &KeyRow,
    counts: &Counts,
    now: Millis,
) -> KeySummary {
    let this_hour = now / HOUR;
    KeySummary {
        plate: plate(
            profile,
            &row.id,
            &row.label,
            &row.environment,
            &row.secret_start,
            &row.secret_end,
        ),
        scopes: row.terms().scopes,
        state: row.state(now),
        owner: row.owner.clone(),
        created_at: row.created_at,
        expires_at: row.expires_at,
        ended_at: row.ended_at,
        last_used_at: row.last_used_at,
        last_used_ip: row.last_used_ip.clone(),
        hours: (0..HOURS)
            .map(|i| this_hour - i64::try_from(HOURS - 1 - i).unwrap_or(0))
            .map(|hour| counts.get(&(row.id.clone(), hour)).copied().unwrap_or(0))
            .collect(),
        may_revoke: !row.state(now).has_ended()
            && policy::may_revoke(viewer, row.owner_id.as_deref()),
    }
}

/// What a key with these terms may do: the one sentence, wherever it is said.
pub fn statement(profile: &Profile, terms: &Terms, zone: &str) -> Statement {
    let mut may: Vec<Grant> = Vec::new();
    for scope in profile.scopes().filter(|s| terms.scopes.contains(&s.id)) {
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
    let listed = |kind| {
        let entries = terms.allow.iter().filter(|entry| entry.kind == kind);
        u64::try_from(entries.count()).unwrap_or(u64::MAX)
    };
    Statement {
        may,
        moves_money: policy::moves_money(profile, &terms.scopes),
        per_request: amount(profile, terms, terms.limits.max_amount).unwrap_or_default(),
        per_day: amount(profile, terms, terms.limits.max_daily).unwrap_or_default(),
        addresses: listed(ListKind::Ip),
        domains: listed(ListKind::Domain),
        rate: String::new(),
        until: until(terms.expiry, zone).unwrap_or_default(),
    }
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
pub fn until(expiry: Expiry, zone: &str) -> Option<String> {
    match expiry {
        Expiry::Never => None,
        Expiry::At(at) => Some(time::date(at, zone)),
        Expiry::Days(1) => Some("a day after its secret is made".to_owned()),
        Expiry::Days(days) => Some(format!("{days} days after its secret is made")),
    }
}
