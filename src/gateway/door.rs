//! What the gateway and verify share: from the text of a key to its record, and the usage row of what became of it.

use std::{net::IpAddr, sync::Arc, time::Duration};

use super::judge::{Code, KeyRecord, Verdict};
use crate::{
    keys::secret::PlainKey,
    server::{request_id, state::AppState},
    usage::buffer::{Door, RequestRow},
};

/// Longest value from outside that is written down; the rest says nothing that a log needs.
const MAX_KEPT: usize = 512;

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

/// What is logged of a request beside its verdict.
#[derive(Default)]
pub struct Seen {
    pub method: Option<String>,
    pub path: Option<String>,
    pub scope: Option<String>,
    pub ip: Option<IpAddr>,
    pub agent: Option<String>,
}

/// Hands the request's row to the log. A verdict that cannot be logged is none.
pub fn log(
    state: &AppState,
    door: Door,
    key: &KeyRecord,
    verdict: Verdict,
    seen: Seen,
    took: Duration,
) -> Result<(), Code> {
    count(door, verdict);
    let status = match verdict {
        Verdict::Allowed => 200,
        Verdict::Denied(code) => code.status(),
    };
    let row = RequestRow {
        id: request_id::current(),
        workspace_id: key.workspace_id.clone(),
        environment: key.environment.clone(),
        key_id: key.id.clone(),
        secret_id: Some(key.secret_id.clone()),
        at: state.clock.now(),
        door,
        code: verdict.code(),
        status,
        method: seen.method.map(kept),
        path: seen.path.map(kept),
        scope: seen.scope.map(kept),
        ip: seen.ip.map(|ip| ip.to_string()),
        agent: seen.agent.map(kept),
        latency_us: i64::try_from(took.as_micros()).unwrap_or(i64::MAX),
    };
    state.usage.push(row).map_err(|_| Code::Unavailable)
}

/// Counts a verdict, for metrics. Verdicts on unknown keys are only counted: strangers must not fill the log.
pub fn count(door: Door, verdict: Verdict) {
    metrics::counter!("latchkey_judged_total", "door" => door.as_str(), "code" => verdict.code())
        .increment(1);
}

/// Text from outside as it is kept: bounded, and without NUL, which Postgres cannot hold.
fn kept(text: String) -> String {
    text.chars().filter(|c| *c != '\0').take(MAX_KEPT).collect()
}
