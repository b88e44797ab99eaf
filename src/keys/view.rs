//! From stored rows to what pages show.

use std::collections::HashMap;

use super::{
    policy,
    store::KeyRow,
    types::{KeyPlateInfo, KeySummary},
};
use crate::{
    accounts::Viewer,
    profiles::Profile,
    server::clock::{HOUR, Millis},
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
