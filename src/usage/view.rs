//! From logged rows to what pages show.

use super::{
    store::LoggedRequest,
    types::{HourCount, RequestSummary},
};
use crate::{
    gateway::judge::VALID,
    keys,
    profiles::Profile,
    server::clock::{HOUR, Millis},
};

pub fn summary(profile: &Profile, row: &LoggedRequest) -> RequestSummary {
    RequestSummary {
        id: row.id.clone(),
        at: row.at,
        code: row.code.clone(),
        allowed: row.code == VALID,
        status: row.status,
        what: what(row),
        key: keys::view::plate(
            profile,
            &row.key_id,
            &row.label,
            &row.environment,
            &row.secret_start,
            &row.secret_end,
        ),
        ip: row.ip.clone(),
        latency_us: row.latency_us,
    }
}

/// The request in a few words. All of it comes from outside: control characters are made visible.
pub fn what(row: &LoggedRequest) -> String {
    match (&row.method, &row.path, &row.scope) {
        (Some(method), Some(path), _) => inert(&format!("{method} {path}")),
        (_, _, Some(scope)) => format!("verify {}", inert(scope)),
        _ => "verify".to_owned(),
    }
}

/// The amount that the request named, if it named one.
pub fn amount(profile: &Profile, row: &LoggedRequest) -> Option<String> {
    let (amount, id) = (row.amount?, row.currency.as_deref()?);
    Some(match profile.currency(id) {
        Some(currency) => keys::money::words(amount, currency),
        None => format!("{amount} of the smallest unit of {}", inert(id)),
    })
}

/// Text from outside as it may stand in a page.
pub fn inert(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
            '\x7f' => '\u{2421}',
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
            other => other,
        })
        .collect()
}

/// The last `hours` hours, oldest first, with what the rows (hour, code, count) say of each.
pub fn by_hour(rows: &[(i64, String, i64)], hours: i64, now: Millis) -> Vec<HourCount> {
    let this_hour = now / HOUR;
    (this_hour - hours + 1..=this_hour)
        .map(|hour| {
            let mut count = HourCount {
                at: hour * HOUR,
                ..HourCount::default()
            };
            for (_, code, requests) in rows.iter().filter(|(at, ..)| *at == hour) {
                if code == VALID {
                    count.allowed += requests;
                } else {
                    count.denied += requests;
                }
            }
            count
        })
        .collect()
}
