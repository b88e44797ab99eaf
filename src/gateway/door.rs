//! What the gateway, verify and forward-auth share: from the text of a key to its record, from there to a decision, and
//! the usage row of what became of it.

use std::{
    net::IpAddr,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use metrics::Counter;

use super::{
    judge::{Code, Facts, KeyRecord, VALID, Verdict, judge},
    limit::{Left, Subject},
};
use crate::{
    keys::secret::PlainKey,
    server::{request_id, state::AppState},
    usage::buffer::{Door, Place, RequestRow},
};

/// Longest value from outside that is written down; the rest says nothing that a log needs.
const MAX_KEPT: usize = 512;
/// The status that is logged where whoever asked went away before there was an answer. nginx's word for it.
const GONE: u16 = 499;

/// Finds the key that this text is. Fails closed: what cannot be looked up or could not be logged is unavailable.
pub async fn recognise(state: &AppState, text: &str) -> Result<Arc<KeyRecord>, Code> {
    if !state.usage.accepts(state.clock.now()) {
        return Err(Code::Unavailable);
    }
    let key = PlainKey::parse(text, &state.profile).map_err(|_| Code::Malformed)?;
    for hash in key.hashes(&state.peppers) {
        match state.keys.find(&state.db, hash).await {
            Ok(Some(record)) => return Ok(record),
            Ok(None) => {}
            Err(error) => {
                tracing::error!(%error, "a key cannot be looked up");
                return Err(Code::Unavailable);
            }
        }
    }
    Err(Code::NotFound)
}

/// A request of a known key, as one of the doors asks about it.
pub struct Call<'a> {
    pub door: Door,
    pub key: &'a KeyRecord,
    pub facts: &'a Facts<'a>,
    /// What the call says cannot be understood, once all else is in order.
    pub malformed: bool,
    pub seen: Seen,
    pub started: Instant,
}

/// What is logged of a request beside its verdict.
#[derive(Default)]
pub struct Seen {
    pub method: Option<String>,
    pub path: Option<String>,
    pub scope: Option<String>,
    pub ip: Option<IpAddr>,
    pub agent: Option<String>,
}

/// What becomes of a request.
pub struct Decision {
    pub verdict: Verdict,
    /// What is left of the rate that bounds the key, if one does.
    pub left: Option<Left>,
    /// After this long a refused charge may be tried again.
    pub wait: Option<Duration>,
    /// The row of a request that was let through; of one that was not it is written already.
    pub entry: Entry,
}

/// Judges, and charges what is let through. Nothing is taken of a request that is denied. What could not be logged is not
/// decided.
pub async fn decide(state: &AppState, call: Call<'_>) -> Result<Decision, Code> {
    let Call { door, key, .. } = call;
    let now = state.clock.now();
    let place = state.usage.place().await.map_err(|_| Code::Unavailable)?;
    let subject = subject(key);
    let verdict = match judge(key, call.facts, now) {
        Verdict::Allowed if call.malformed => Verdict::Denied(Code::BadRequest),
        verdict => verdict,
    };
    let (verdict, left, wait) = match verdict {
        Verdict::Allowed => match state.limits.charge(subject, now).await {
            Ok(left) => (verdict, left, None),
            Err(refused) => (
                Verdict::Denied(refused.code),
                refused.left,
                Some(refused.wait),
            ),
        },
        Verdict::Denied(_) => (verdict, state.limits.left(subject, now).await, None),
    };
    count(door, verdict);
    let mut entry = Entry {
        place: Some(place),
        started: call.started,
        row: Some(row(door, key, verdict, call.seen, now)),
    };
    if let Verdict::Denied(code) = verdict {
        entry.answered(code.status());
    }
    Ok(Decision {
        verdict,
        left,
        wait,
        entry,
    })
}

/// What a request of this key is charged to.
pub fn subject(key: &KeyRecord) -> Subject<'_> {
    Subject {
        key_id: &key.id,
        workspace_id: &key.workspace_id,
        rates: &key.rates,
    }
}

/// The row of a request, which is handed to the log once it is known how the request was answered; at the latest when
/// whoever asked has gone.
#[must_use]
pub struct Entry {
    place: Option<Place>,
    row: Option<RequestRow>,
    started: Instant,
}

impl Entry {
    /// Notes the status that the request was answered with.
    pub fn answered(&mut self, status: u16) {
        if let (Some(place), Some(mut row)) = (self.place.take(), self.row.take()) {
            row.status = status;
            row.latency_us = i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX);
            place.fill(row);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.answered(GONE);
    }
}

fn row(door: Door, key: &KeyRecord, verdict: Verdict, seen: Seen, now: i64) -> RequestRow {
    RequestRow {
        id: request_id::current(),
        workspace_id: key.workspace_id.clone(),
        environment: key.environment.clone(),
        key_id: key.id.clone(),
        secret_id: Some(key.secret_id.clone()),
        at: now,
        door,
        code: verdict.code(),
        status: GONE,
        method: seen.method.map(kept),
        path: seen.path.map(kept),
        scope: seen.scope.map(kept),
        ip: seen.ip.map(|ip| ip.to_string()),
        agent: seen.agent.map(kept),
        latency_us: 0,
    }
}

/// Counts a verdict, for metrics. Verdicts on unknown keys are only counted: strangers must not fill the log.
pub fn count(door: Door, verdict: Verdict) {
    /// A counter each, by door and the place of the code in [`Code::ALL`]; the last is that of success. They are looked up
    /// once, not with every request.
    static COUNTERS: LazyLock<Vec<Vec<Counter>>> = LazyLock::new(|| {
        crate::server::metrics::handle();
        let codes = || Code::ALL.iter().map(|code| code.as_str()).chain([VALID]);
        Door::ALL
            .iter()
            .map(|door| {
                codes()
                    .map(|code| metrics::counter!("latchkey_judged_total", "door" => door.as_str(), "code" => code))
                    .collect()
            })
            .collect()
    });
    let of_door = &COUNTERS[door as usize];
    let counter = match verdict {
        Verdict::Allowed => of_door.last(),
        Verdict::Denied(code) => of_door.get(code as usize),
    };
    if let Some(counter) = counter {
        counter.increment(1);
    }
}

/// Text from outside as it is kept: bounded, and without NUL, which Postgres cannot hold.
fn kept(text: String) -> String {
    if text.len() <= MAX_KEPT && !text.contains('\0') {
        return text;
    }
    text.chars().filter(|c| *c != '\0').take(MAX_KEPT).collect()
}
