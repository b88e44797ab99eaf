//! The key at a glance: its sentence, what it did, what is worth doing.

use leptos::prelude::*;

use super::{
    super::one::{Subject, outlives},
    Whole,
};
use crate::{
    db::Reader,
    gateway::{judge::VALID, lab},
    keys::{allow::ListKind, samples, statement, types::KeyState},
    server::{
        clock::{DAY, HOUR, Millis},
        error::AppError,
    },
    ui::{
        chart::{BarChart, Meaning, Series},
        copy_field::CopyField,
        key_value::{Fact, KeyValue},
        stat::Stat,
        statement::StatementView,
        time::{absolute, count, number, relative},
    },
    usage,
};

/// Days of the chart.
const DAYS: i64 = 7;
/// How long a scope may rest before it is worth asking whether it is needed.
const UNUSED: Millis = 90 * DAY;
/// Days over which callers' addresses are looked at.
const SEEN: Millis = 30 * DAY;
/// How near an end is when it is named.
const SOON: Millis = 14 * DAY;
/// The latest requests that the 95th percentile is taken of: enough for a stable number, quickly read.
const LATEST: i64 = 1000;

pub(super) struct Facts {
    /// Requests of each UTC day: its beginning, allowed, denied.
    days: Vec<(Millis, i64, i64)>,
    requests: i64,
    denied: i64,
    /// In microseconds.
    p95: Option<i64>,
    /// From how many addresses it was used.
    seen: i64,
    /// Scopes that it has and never used, if it is old enough to tell.
    unused: Vec<String>,
}

pub(super) async fn load(reader: &mut Reader, subject: &Subject) -> Result<Facts, AppError> {
    let (key, now) = (&subject.key, subject.here.now);
    let (workspace, id) = (key.workspace_id.as_str(), key.id.as_str());
    let today = now / DAY;
    let since = (today - DAYS + 1) * DAY;
    let hours = usage::store::hours(reader, workspace, &key.environment, Some(id), since).await?;
    let mut days: Vec<(Millis, i64, i64)> = (today - DAYS + 1..=today)
        .map(|day| (day * DAY, 0, 0))
        .collect();
    let (mut requests, mut denied) = (0, 0);
    for (hour, code, many) in &hours {
        let allowed = code == VALID;
        let place = usize::try_from(hour * HOUR / DAY - today + DAYS - 1);
        if let Some(day) = place.ok().and_then(|place| days.get_mut(place)) {
            *(if allowed { &mut day.1 } else { &mut day.2 }) += many;
        }
        if *hour > now / HOUR - 24 {
            requests += many;
            denied += if allowed { 0 } else { *many };
        }
    }
    let mut latencies = usage::store::latencies(reader, workspace, id, now - DAY, LATEST).await?;
    latencies.sort_unstable();
    let settled = key.revealed_at.is_some_and(|at| at <= now - UNUSED);
    let unused = if settled && subject.state() == KeyState::Active {
        let used = usage::store::scopes_used(reader, workspace, id, now - UNUSED).await?;
        let mut scopes = key.terms().scopes;
        scopes.retain(|scope| !used.contains(scope));
        scopes
    } else {
        Vec::new()
    };
    let (_, seen) = usage::store::recent_use(reader, workspace, id, now - SEEN).await?;
    Ok(Facts {
        days,
        requests,
        denied,
        p95: percentile(&latencies),
        seen,
        unused,
    })
}

/// The 95th of a hundred, by the nearest rank.
fn percentile(sorted: &[i64]) -> Option<i64> {
    let rank = (sorted.len() * 95).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

fn whole_number(n: i64) -> String {
    number(u64::try_from(n).unwrap_or(0))
}

pub(super) fn section(whole: &Whole, facts: &Facts) -> AnyView {
    let (subject, key) = (&whole.subject, &whole.subject.key);
    let here = &subject.here;
    let statement = statement::of_key(&subject.state.profile, &key.terms(), &here.zone);
    let logs = format!("/logs?env={}&key={}", key.environment, key.id);
    let last_used = key.last_used_at.map_or_else(
        || "Never".to_owned(),
        |at| relative(at, here.now, &here.zone),
    );
    let p95 = facts.p95.map_or_else(
        || "None yet".to_owned(),
        |us| format!("{}.{} ms", us / 1000, us % 1000 / 100),
    );
    view! {
        <div class="gap-8 wide:grid wide:grid-cols-[minmax(0,1fr)_320px]">
            <div class="space-y-8">
                <section aria-labelledby="statement">
                    <h2 id="statement" class="mb-2 text-h2">
                        "What it may do"
                    </h2>
                    <div class="card p-4">
                        <StatementView statement=statement />
                    </div>
                </section>
                {worth_doing(whole, facts)}
                <section aria-labelledby="use" class="space-y-4">
                    <h2 id="use" class="text-h2">
                        "Use"
                    </h2>
                    <div class="grid grid-cols-2 gap-4 sm:grid-cols-4">
                        <Stat label="Requests, 24 h" value=whole_number(facts.requests) href=logs.clone() />
                        <Stat
                            label="Denied, 24 h"
                            value=whole_number(facts.denied)
                            href=format!("{logs}&outcome=denied")
                        />
                        <Stat label="Judged within (p95)" value=p95 />
                        <Stat label="Last used" value=last_used />
                    </div>
                    {chart(facts)}
                    <p>
                        <a class="link" href=logs.clone()>
                            "All requests of this key"
                        </a>
                    </p>
                </section>
            </div>
            <aside class="max-wide:mt-8" aria-label="Facts">
                <div class="card px-4 py-2">
                    <KeyValue items=facts_of(whole) stacked=true />
                </div>
                <div class="mt-4">
                    <CopyField id="key-id" label="Key id" value=key.id.clone() />
                </div>
                {failing(subject)}
            </aside>
        </div>
    }
    .into_any()
}

/// How a program's handling of failures is tried, where nothing real happens.
fn failing(subject: &Subject) -> Option<AnyView> {
    let (state, key) = (&subject.state, &subject.key);
    if !lab::is_open(&state.profile, &key.environment, state.config.demo) {
        return None;
    }
    let line = samples::failing(&state.profile, &state.config.gateway_url, &key.workspace_id)?;
    let view = view! {
        <div class="mt-4">
            <CopyField
                id="lab"
                label="Try a failure"
                hint="Answered with 429 and takes nothing. Also: expired, ip-refused, over-limit, upstream-500, slow."
                value=line
            />
        </div>
    };
    Some(view.into_any())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "bars are drawn from it; beyond 2^53 requests a day a pixel may be off"
)]
fn chart(facts: &Facts) -> AnyView {
    if facts
        .days
        .iter()
        .all(|(_, allowed, denied)| allowed + denied == 0)
    {
        return view! { <p class="card p-4 text-ink-2">"No requests in the last 7 days."</p> }
            .into_any();
    }
    let labels = facts
        .days
        .iter()
        .map(|(at, ..)| {
            let day = crate::ui::time::date(*at, "UTC");
            day.rsplit_once(' ')
                .map_or(day.clone(), |(day, _)| day.to_owned())
        })
        .collect();
    let points = |of: fn(&(Millis, i64, i64)) -> i64| -> Vec<f64> {
        facts.days.iter().map(|day| of(day) as f64).collect()
    };
    let series = vec![
        Series::new("Allowed", Meaning::Allowed, points(|day| day.1)),
        Series::new("Denied", Meaning::Denied, points(|day| day.2)),
    ];
    view! {
        <div class="card p-4">
            <BarChart title="Requests by UTC day, allowed and denied" labels=labels series=series />
        </div>
    }
    .into_any()
}

fn worth_doing(whole: &Whole, facts: &Facts) -> AnyView {
    let (subject, key) = (&whole.subject, &whole.subject.key);
    if !whole.manages() || subject.state() != KeyState::Active {
        return ().into_any();
    }
    let href = subject.href();
    let mut items: Vec<(String, String, String)> = Vec::new();
    if !facts.unused.is_empty() {
        items.push((
            format!("Unused for 90 days: {}.", facts.unused.join(", ")),
            "Tighten".to_owned(),
            format!("{href}/edit"),
        ));
    }
    let bound = key.allow().iter().any(|entry| entry.kind == ListKind::Ip);
    if subject.state.profile.allow.addresses && !bound {
        let seen = u64::try_from(facts.seen).unwrap_or(0);
        let (text, label) = match seen {
            0 => (
                "Works from any address.".to_owned(),
                "Add addresses".to_owned(),
            ),
            seen => (
                format!(
                    "Works from any address; in 30 days it was used from {}.",
                    count(seen, "address", "addresses")
                ),
                format!("Add the {} seen", number(seen)),
            ),
        };
        items.push((text, label, format!("{href}/security")));
    }
    if let Some(at) = key.expires_at.filter(|at| at - subject.here.now < SOON) {
        items.push((
            format!(
                "Expires {}.",
                relative(at, subject.here.now, &subject.here.zone)
            ),
            "Give it a longer life".to_owned(),
            format!("{href}/edit"),
        ));
    }
    if items.is_empty() {
        return ().into_any();
    }
    let items = items
        .into_iter()
        .map(|(text, label, href)| {
            view! {
                <li class="flex flex-wrap justify-between gap-x-4 border-t border-line py-2 first:border-t-0">
                    <span class="wrap-anywhere">{text}</span>
                    <a class="link" href=href>
                        {label}
                    </a>
                </li>
            }
        })
        .collect_view();
    view! {
        <section aria-labelledby="worth">
            <h2 id="worth" class="mb-2 text-h2">
                "Worth doing"
            </h2>
            <ul class="card px-4 py-2">{items}</ul>
        </section>
    }
    .into_any()
}

fn facts_of(whole: &Whole) -> Vec<Fact> {
    let (subject, key) = (&whole.subject, &whole.subject.key);
    let zone = &subject.here.zone;
    let nothing = |text: &str| text.to_owned();
    let mut facts = vec![
        Fact::new(
            "Owner",
            key.owner
                .clone()
                .unwrap_or_else(|| nothing("Nobody in particular")),
        ),
        Fact::new("Created", absolute(key.created_at, zone)),
        Fact::new(
            "Expires",
            match (key.expires_at, statement::end(key.terms().expiry, zone)) {
                (Some(at), _) => absolute(at, zone),
                (None, Some(words)) => words,
                (None, None) => nothing("Never"),
            },
        ),
        Fact::new(
            "Last address",
            key.last_used_ip
                .clone()
                .unwrap_or_else(|| nothing("None yet")),
        ),
    ];
    if !key.purpose.is_empty() {
        facts.insert(0, Fact::new("Purpose", key.purpose.clone()));
    }
    // How many secrets there were says when it was last rotated.
    if let [present, _, ..] = whole.secrets.as_slice() {
        let old = whole
            .secrets
            .iter()
            .filter(|secret| outlives(secret, subject.here.now))
            .filter_map(|secret| secret.ends_at)
            .max();
        facts.push(Fact::new("Rotated", absolute(present.created_at, zone)));
        if let Some(at) = old {
            facts.push(Fact::new("Old secret until", absolute(at, zone)));
        }
    }
    let meta = key.meta();
    if !meta.is_empty() {
        let lines = meta
            .into_iter()
            .map(|(name, value)| {
                view! { <li class="font-mono text-mono wrap-anywhere">{format!("{name}={value}")}</li> }
            })
            .collect_view();
        facts.push(Fact::new(
            "Metadata",
            view! { <ul class="space-y-1">{lines}</ul> },
        ));
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn the_95th_percentile_is_one_of_the_values() {
        assert_eq!(percentile(&[]), None);
        assert_eq!(percentile(&[7]), Some(7));
        let hundred: Vec<i64> = (1..=100).collect();
        assert_eq!(percentile(&hundred), Some(95));
    }
}
