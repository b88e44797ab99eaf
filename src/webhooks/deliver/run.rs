//! One endpoint's run: what was claimed for it is sent, a few at a time.

use std::{collections::VecDeque, sync::Mutex, time::Instant};

use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderName, HeaderValue, header},
};
use serde_json::{Map, Value};

use super::{
    Worker,
    settle::Sent,
    slots::QUICK,
    store::{self, Claimed},
};
use crate::{
    db::DbError,
    server::{clock::Millis, state::AppState},
    webhooks::{
        client::{Outcome, Outgoing},
        outbox,
        sign::SigningSecret,
        store::{EndpointRow, headers_place, secret_place, signing_secrets},
    },
};

const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("Latchkey-Webhooks/", env!("CARGO_PKG_VERSION")));
/// Headers whose values are shown in the log; the others may hold somebody's secret.
const SHOWN: [HeaderName; 4] = [
    header::CONTENT_TYPE,
    header::USER_AGENT,
    HeaderName::from_static("webhook-id"),
    HeaderName::from_static("webhook-timestamp"),
];
/// What stands for a value that is not shown.
const HIDDEN: &str = "(hidden)";
/// Headers that are ours or the connection's, whatever an endpoint was set up with.
const OURS: [HeaderName; 8] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::TE,
    header::UPGRADE,
    header::EXPECT,
    header::PROXY_AUTHORIZATION,
];

/// An endpoint with what its requests are made of.
struct Endpoint {
    row: EndpointRow,
    headers: HeaderMap,
    secrets: Vec<SigningSecret>,
}

/// A request that is ready to go out.
struct Prepared<'a> {
    url: &'a str,
    headers: HeaderMap,
    body: Bytes,
}

/// Sends what was claimed, `width` at a time. True if all was sent and answered promptly; once something is not, what has
/// not begun is given back.
pub async fn run(worker: &Worker, endpoint_id: &str, claimed: Vec<Claimed>, width: usize) -> bool {
    if claimed.is_empty() {
        return false;
    }
    let endpoint = match load(worker, endpoint_id).await {
        Ok(Some(endpoint)) => endpoint,
        // What can't be read now is claimed again when its lease has run out.
        Ok(None) => return false,
        Err(error) => {
            tracing::warn!(%error, endpoint = endpoint_id, "an endpoint can't be read; its webhooks wait");
            return false;
        }
    };
    let queue = Mutex::new((VecDeque::from(claimed), true));
    let take = || {
        let mut queue = queue
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if worker.stop.is_cancelled() {
            queue.1 = false;
        }
        if queue.1 { queue.0.pop_front() } else { None }
    };
    let lane = async || {
        while let Some(delivery) = take() {
            let prompt = attempt(worker, &endpoint, delivery).await;
            if !prompt {
                queue
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner)
                    .1 = false;
            }
        }
    };
    // As many lanes as there can be; those beyond the width have nothing to do.
    let lanes = |index: usize| {
        let lane = &lane;
        async move {
            if index < width {
                lane().await;
            }
        }
    };
    tokio::join!(lanes(0), lanes(1), lanes(2), lanes(3));
    let (left, prompt) = queue
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    if !left.is_empty()
        && let Err(error) = release(&worker.state, &left).await
    {
        tracing::debug!(%error, "what was claimed was not given back; it waits for its lease to run out");
    }
    prompt
}

async fn release(state: &AppState, left: &VecDeque<Claimed>) -> Result<(), DbError> {
    let mut tx = state.db.begin().await?;
    for delivery in left {
        store::release(&mut tx, &delivery.id, &delivery.leased_by).await?;
    }
    tx.commit().await
}

async fn load(worker: &Worker, endpoint_id: &str) -> Result<Option<Endpoint>, DbError> {
    let state = &worker.state;
    let _turn = worker.readers.acquire().await;
    let mut reader = state.db.read().await?;
    let Some(row) = store::endpoint(&mut reader, endpoint_id).await? else {
        return Ok(None);
    };
    let now = state.clock.now();
    let secrets = signing_secrets(&mut reader, &row.workspace_id, &row.id, now).await?;
    drop(reader);
    let secrets = secrets
        .iter()
        .filter_map(|secret| {
            let bytes = state
                .sealer
                .open(&secret_place(&secret.id), &secret.sealed)?;
            SigningSecret::from_bytes(row.signing(), &bytes)
        })
        .collect();
    let headers = further_headers(state, &row);
    Ok(Some(Endpoint {
        row,
        headers,
        secrets,
    }))
}

/// The headers that the endpoint was set up with. What can't be opened is left out: the receiver will say what it lacks.
fn further_headers(state: &AppState, row: &EndpointRow) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let opened = state.sealer.open(&headers_place(&row.id), &row.headers);
    let named: Map<String, Value> = opened
        .and_then(|text| serde_json::from_slice(&text).ok())
        .unwrap_or_default();
    for (name, value) in named {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = value.as_str().map(HeaderValue::from_str);
        if let (Ok(name), Some(Ok(mut value))) = (name, value)
            && !OURS.contains(&name)
        {
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    }
    headers
}

/// One try. True if it came to an answer promptly.
async fn attempt(worker: &Worker, endpoint: &Endpoint, delivery: Claimed) -> bool {
    let state = &worker.state;
    let read = async {
        let _turn = worker.readers.acquire().await;
        let mut reader = state.db.read().await?;
        store::event(&mut reader, &delivery.event_id).await
    };
    let event = match read.await {
        Ok(event) => event,
        Err(error) => {
            tracing::warn!(%error, delivery = delivery.id, "an event can't be read; it waits");
            return false;
        }
    };
    let at = state.clock.now();
    let started = Instant::now();
    let (headers, outcome) = match prepare(endpoint, &delivery, event, at) {
        Ok(prepared) => {
            let headers = shown(&prepared.headers);
            (headers, send(worker, endpoint, prepared).await)
        }
        Err(reason) => (Vec::new(), Outcome::failed(reason)),
    };
    let latency = started.elapsed();
    let prompt = latency < QUICK;
    let sent = Sent {
        delivery,
        at,
        latency,
        request_headers: headers,
        outcome,
    };
    // The writer outlives every run.
    let _ = worker.sent.send(sent).await;
    prompt
}

fn prepare<'a>(
    endpoint: &'a Endpoint,
    delivery: &Claimed,
    event: Option<(String, Millis)>,
    now: Millis,
) -> Result<Prepared<'a>, &'static str> {
    let (data, created_at) = event.ok_or("the event is not kept any more")?;
    if endpoint.secrets.is_empty() {
        return Err(
            "nothing can sign it: its secret can't be opened with the master key of this installation",
        );
    }
    let body = outbox::body(&delivery.event_type, created_at, &data);
    let timestamp = now / 1000;
    let signatures: Vec<String> = endpoint
        .secrets
        .iter()
        .map(|secret| secret.sign(&delivery.event_id, timestamp, body.as_bytes()))
        .collect();
    let mut headers = endpoint.headers.clone();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::USER_AGENT, USER_AGENT);
    for (name, value) in [
        ("webhook-id", delivery.event_id.clone()),
        ("webhook-timestamp", timestamp.to_string()),
        ("webhook-signature", signatures.join(" ")),
    ] {
        let value = HeaderValue::from_str(&value).map_err(|_| "its headers can't be written")?;
        headers.insert(name, value);
    }
    Ok(Prepared {
        url: &endpoint.row.url,
        headers,
        body: body.into(),
    })
}

async fn send(worker: &Worker, endpoint: &Endpoint, prepared: Prepared<'_>) -> Outcome {
    let sending = worker.client.post(Outgoing {
        url: prepared.url,
        headers: prepared.headers,
        body: prepared.body,
    });
    tokio::pin!(sending);
    tokio::select! {
        outcome = &mut sending => outcome,
        () = tokio::time::sleep(QUICK) => {
            worker.slots().turned_slow(&endpoint.row.id);
            // Its place among the prompt is free.
            worker.ended.notify_one();
            sending.await
        }
    }
}

fn shown(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            let value = match value.to_str() {
                Ok(value) if SHOWN.contains(name) => value.to_owned(),
                _ => HIDDEN.to_owned(),
            };
            (name.as_str().to_owned(), value)
        })
        .collect()
}
