//! Writes down what tries came to, many in one transaction.

use std::{collections::HashMap, time::Duration};

use serde_json::json;
use tokio::sync::mpsc::Receiver;

use super::store::{self, Attempt, Claimed};
use crate::{
    audit,
    db::DbError,
    notices::{self, Kind, Notice},
    server::{
        clock::{DAY, Millis},
        error::AppError,
        state::AppState,
    },
    webhooks::{
        client::Outcome,
        outbox::{self, EventType},
        policy, retry,
        types::{Cause, EndpointState},
    },
    workspaces::{self, Role},
};

/// Most tries that are settled in one transaction.
const GROUP: usize = 256;
/// Between two tries to write when the database fails.
const AGAIN: Duration = Duration::from_millis(500);
/// An endpoint that has failed for so long without a success between is switched off.
const PATIENCE: Millis = 5 * DAY;
/// The receiver wants no more of this (RFC 9110 §15.5.11).
const GONE: u16 = 410;

/// A try that is over.
pub struct Sent {
    pub delivery: Claimed,
    pub at: Millis,
    pub latency: Duration,
    /// As they are shown.
    pub request_headers: Vec<(String, String)>,
    pub outcome: Outcome,
}

/// Settles what comes until every sender is gone. A database that fails is tried again: until it works, whoever has sent
/// something waits with the next.
pub async fn run(state: AppState, mut unsettled: Receiver<Sent>) {
    let mut group = Vec::with_capacity(GROUP);
    while unsettled.recv_many(&mut group, GROUP).await > 0 {
        let mut failing = false;
        let off = loop {
            match write(&state, &group).await {
                Ok(off) => break off,
                Err(error) => {
                    if !failing {
                        tracing::warn!(%error, "what became of webhooks can't be written; it is tried again");
                    }
                    failing = true;
                    if unsettled.is_closed() {
                        tracing::error!(
                            "what became of some webhooks was not written; they are sent again"
                        );
                        return;
                    }
                    tokio::time::sleep(AGAIN).await;
                }
            }
        };
        for sent in &group {
            count(&sent.outcome);
        }
        group.clear();
        for (endpoint_id, to) in off {
            if let Err(error) = switch_off(&state, &endpoint_id, to).await {
                tracing::warn!(%error, endpoint = endpoint_id, "an endpoint could not be switched off; the next failure does it");
            }
        }
    }
}

fn count(outcome: &Outcome) {
    let word = match (outcome.is_success(), outcome.status) {
        (true, _) => "delivered",
        (false, Some(_)) => "refused",
        (false, None) => "unreachable",
    };
    metrics::counter!("latchkey_webhook_attempts_total", "outcome" => word).increment(1);
}

/// Writes a group. Gives the endpoints that are to be switched off.
async fn write(state: &AppState, group: &[Sent]) -> Result<Vec<(String, EndpointState)>, DbError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    let mut off = Vec::new();
    // Endpoints first and in order: two nodes that write at once then wait for each other, never both.
    let mut endpoints: Vec<(&str, &Sent)> = last_of_each(group).into_iter().collect();
    endpoints.sort_unstable_by_key(|(id, _)| *id);
    for (id, last) in endpoints {
        if last.outcome.is_success() {
            store::well(&mut tx, id).await?;
        } else {
            let since = store::failing(&mut tx, id, now).await?;
            if since.is_some_and(|since| now - since >= PATIENCE) {
                off.push((id.to_owned(), EndpointState::Failed));
            }
        }
    }
    for sent in group {
        let Sent {
            delivery, outcome, ..
        } = sent;
        let status = outcome.status.map(i64::from);
        let error = outcome.error.as_deref();
        let answered = outcome.status.is_some();
        let in_json = |headers: &[(String, String)]| json!(headers).to_string();
        let response_headers = answered.then(|| in_json(&outcome.headers));
        let attempt = Attempt {
            id: &state.rng.id("att", sent.at),
            delivery,
            at: sent.at,
            latency_us: i64::try_from(sent.latency.as_micros()).unwrap_or(i64::MAX),
            status,
            error,
            request_headers: &in_json(&sent.request_headers),
            response_headers: response_headers.as_deref(),
            response_body: answered.then_some(&*outcome.body),
            response_cut: outcome.cut,
        };
        store::insert_attempt(&mut tx, &attempt).await?;
        if outcome.is_success() {
            store::delivered(&mut tx, delivery, status, now).await?;
        } else {
            let next = next_try(state, sent, now);
            store::not_delivered(&mut tx, delivery, status, error, next, now).await?;
            if outcome.status == Some(GONE) {
                off.push((delivery.endpoint_id.clone(), EndpointState::Gone));
            }
        }
    }
    tx.commit().await?;
    Ok(off)
}

/// By endpoint, its last try that says how it is: one that was sent by hand as a test says nothing of its health.
fn last_of_each(group: &[Sent]) -> HashMap<&str, &Sent> {
    group
        .iter()
        .filter(|sent| sent.delivery.cause != Cause::Test.as_str())
        .map(|sent| (sent.delivery.endpoint_id.as_str(), sent))
        .collect()
}

/// When it is tried again. A test is sent once: somebody is looking.
fn next_try(state: &AppState, sent: &Sent, now: Millis) -> Option<Millis> {
    if sent.delivery.cause == Cause::Test.as_str() {
        return None;
    }
    let asked = sent.outcome.retry_after.as_deref();
    let asked = asked.and_then(|value| retry::retry_after(value, now));
    let chance = u64::from_be_bytes(state.rng.bytes());
    retry::next(sent.delivery.step + 1, now, chance, asked)
}

/// Switches an endpoint off for what it answered, and tells who can mend it. What waits for it is missed, not lost.
async fn switch_off(
    state: &AppState,
    endpoint_id: &str,
    to: EndpointState,
) -> Result<(), AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    let Some(endpoint) = store::switch_off(&mut tx, endpoint_id, to, now).await? else {
        return Ok(());
    };
    // The rest, should there be more, when it is due.
    store::miss(&mut tx, endpoint_id, now).await?;
    // No more of its URL is told: a token may stand there, and an entry stays, an event goes to other endpoints and a notice
    // is mailed.
    let origin = policy::origin(&endpoint.url);
    let entry = audit::Entry {
        chain: endpoint.workspace_id.clone(),
        actor: audit::ITSELF.to_owned(),
        action: "webhook.switched_off",
        target: endpoint.id.clone(),
        detail: json!({ "origin": origin, "environment": endpoint.environment, "reason": to.as_str() }),
    };
    audit::record(&mut tx, &entry, now).await?;
    let data = json!({
        "endpoint_id": endpoint.id, "environment": endpoint.environment, "origin": origin, "reason": to.as_str(),
    });
    outbox::enqueue(
        &mut tx,
        &state.rng,
        &endpoint.workspace_id,
        Some(&endpoint.environment),
        EventType::WebhookDisabled,
        &data,
        now,
    )
    .await?;
    let why = if to == EndpointState::Gone {
        "It answered 410 Gone, which means that it wants no more events."
    } else {
        "Every try has failed for five days."
    };
    let notice = Notice {
        kind: Kind::Webhooks,
        workspace_id: Some(&endpoint.workspace_id),
        subject: format!("A {} webhook was switched off", endpoint.environment),
        text: format!(
            "No more events are sent to {origin}. {why} Once it is mended, switch it on again on its page; what it missed can \
             be sent from there."
        ),
        action: "See the endpoint",
        path: format!("/webhooks/{}", endpoint.id),
    };
    for member in workspaces::view::members(&mut tx, &endpoint.workspace_id).await? {
        let roles = member.grants.at(now);
        if roles.include_any(&[Role::Developer, Role::Admin, Role::Owner]) {
            notices::tell(&mut tx, state, &member.id, &notice).await?;
        }
    }
    tx.commit().await?;
    tracing::info!(
        endpoint = endpoint.id,
        reason = to.as_str(),
        "an endpoint was switched off"
    );
    Ok(())
}
