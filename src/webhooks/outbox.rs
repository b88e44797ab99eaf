//! The outbox: an event is kept, with a delivery to every endpoint that takes it, if and only if the change that it tells
//! of is.

use serde_json::Value;
use sqlx::FromRow;

use super::{
    store::EndpointRow,
    types::{Cause, DeliveryState, EndpointState},
};
use crate::{
    db::{DbError, Tx},
    server::clock::{Millis, Rng, rfc3339},
};

/// The types of event that Latchkey itself sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    KeyRequested,
    KeyApproved,
    KeyRejected,
    KeyCreated,
    KeyUpdated,
    KeyRotated,
    KeyDisabled,
    KeyRevoked,
    KeyExpiring,
    KeyExpired,
    KeyLimitReached,
    WebhookDisabled,
    WebhookTest,
    MemberAdded,
    PlanApproved,
}

impl EventType {
    pub const ALL: [Self; 15] = [
        Self::KeyRequested,
        Self::KeyApproved,
        Self::KeyRejected,
        Self::KeyCreated,
        Self::KeyUpdated,
        Self::KeyRotated,
        Self::KeyDisabled,
        Self::KeyRevoked,
        Self::KeyExpiring,
        Self::KeyExpired,
        Self::KeyLimitReached,
        Self::WebhookDisabled,
        Self::WebhookTest,
        Self::MemberAdded,
        Self::PlanApproved,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KeyRequested => "key.requested",
            Self::KeyApproved => "key.approved",
            Self::KeyRejected => "key.rejected",
            Self::KeyCreated => "key.created",
            Self::KeyUpdated => "key.updated",
            Self::KeyRotated => "key.rotated",
            Self::KeyDisabled => "key.disabled",
            Self::KeyRevoked => "key.revoked",
            Self::KeyExpiring => "key.expiring",
            Self::KeyExpired => "key.expired",
            Self::KeyLimitReached => "key.limit_reached",
            Self::WebhookDisabled => "webhook.disabled",
            Self::WebhookTest => "webhook.test",
            Self::MemberAdded => "member.added",
            Self::PlanApproved => "plan.approved",
        }
    }
}

/// The bytes that are signed and sent. `data` is JSON and goes out as it was kept, to the byte.
pub fn body(event_type: &str, created_at: Millis, data: &str) -> String {
    let timestamp = rfc3339(created_at).unwrap_or_default();
    let event_type = Value::from(event_type);
    format!(r#"{{"type":{event_type},"timestamp":"{timestamp}","data":{data}}}"#)
}

/// Keeps an event for delivery, in the caller's transaction. `data` never holds a secret.
pub async fn enqueue(
    tx: &mut Tx,
    rng: &Rng,
    workspace_id: &str,
    environment: Option<&str>,
    event: EventType,
    data: &Value,
    now: Millis,
) -> Result<(), DbError> {
    #[cfg(test)]
    super::catalogue::assert_fits(event, data);
    enqueue_named(
        tx,
        rng,
        workspace_id,
        environment,
        event.as_str(),
        data,
        now,
    )
    .await?;
    Ok(())
}

/// The same for a type by its name. Gives the event's id.
pub async fn enqueue_named(
    tx: &mut Tx,
    rng: &Rng,
    workspace_id: &str,
    environment: Option<&str>,
    event_type: &str,
    data: &Value,
    now: Millis,
) -> Result<String, DbError> {
    let event = NewEvent {
        workspace_id,
        environment,
        event_type,
        data: &data.to_string(),
        repeat: None,
    };
    let id = insert(tx, rng, &event, now).await?;
    fan_out(tx, rng, &id, &event, now).await?;
    Ok(id)
}

/// Sends an event to one endpoint alone, whatever it takes and whether or not it is enabled. Gives the delivery's id.
pub async fn enqueue_to(
    tx: &mut Tx,
    rng: &Rng,
    endpoint: &EndpointRow,
    event_type: &str,
    data: &Value,
    cause: Cause,
    now: Millis,
) -> Result<String, DbError> {
    let event = NewEvent {
        workspace_id: &endpoint.workspace_id,
        environment: Some(&endpoint.environment),
        event_type,
        data: &data.to_string(),
        repeat: None,
    };
    let event_id = insert(tx, rng, &event, now).await?;
    insert_delivery(
        tx,
        rng,
        &event_id,
        event_type,
        endpoint,
        DeliveryState::Waiting,
        cause,
        now,
    )
    .await
}

/// What stands in an event that a program sends under an idempotency key.
pub struct Repeat<'a> {
    pub key: &'a str,
    /// SHA-256 of all that has to be the same when it is sent again.
    pub content: &'a [u8; 32],
}

/// An event of the platform, as it was sent to us.
pub struct NewEvent<'a> {
    pub workspace_id: &'a str,
    pub environment: Option<&'a str>,
    pub event_type: &'a str,
    /// JSON, as it goes out.
    pub data: &'a str,
    pub repeat: Option<Repeat<'a>>,
}

/// What became of an event that a program sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It was kept now, or had been when it was sent before.
    Event(String),
    /// The key had been used for another event.
    Conflict,
}

/// Keeps an event of the platform; sent again under its key, it is the one that was kept first.
pub async fn accept(
    tx: &mut Tx,
    rng: &Rng,
    event: &NewEvent<'_>,
    now: Millis,
) -> Result<Accepted, DbError> {
    let id = insert(tx, rng, event, now).await?;
    if let Some(repeat) = &event.repeat {
        let (kept, content): (String, Vec<u8>) = crate::fetch_one!(
            tx,
            (String, Vec<u8>),
            "select id, content_hash from outbox_events where workspace_id = $1 and idempotency_key = $2",
            event.workspace_id,
            repeat.key
        )?;
        if kept != id {
            return Ok(if content == repeat.content {
                Accepted::Event(kept)
            } else {
                Accepted::Conflict
            });
        }
    }
    fan_out(tx, rng, &id, event, now).await?;
    Ok(Accepted::Event(id))
}

async fn insert(
    tx: &mut Tx,
    rng: &Rng,
    event: &NewEvent<'_>,
    now: Millis,
) -> Result<String, DbError> {
    let id = rng.id("evt", now);
    let repeat = event.repeat.as_ref();
    crate::execute!(
        tx,
        "insert into outbox_events (id, workspace_id, environment, type, data, created_at, idempotency_key, content_hash)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (workspace_id, idempotency_key) do nothing",
        &id,
        event.workspace_id,
        event.environment,
        event.event_type,
        event.data,
        now,
        repeat.map(|repeat| repeat.key),
        repeat.map(|repeat| repeat.content.to_vec())
    )?;
    Ok(id)
}

#[derive(FromRow)]
struct Taker {
    id: String,
    environment: String,
    events: String,
    state: String,
}

/// A delivery for every endpoint that takes the event. One that is not enabled has missed it, and can be sent it later.
async fn fan_out(
    tx: &mut Tx,
    rng: &Rng,
    event_id: &str,
    event: &NewEvent<'_>,
    now: Millis,
) -> Result<(), DbError> {
    let takers: Vec<Taker> = crate::fetch_all!(
        tx,
        Taker,
        "select id, environment, events, state from webhook_endpoints
         where workspace_id = $1 and state <> 'removed' and (cast($2 as text) is null or environment = $2)
         order by id",
        event.workspace_id,
        event.environment
    )?;
    for taker in takers {
        let endpoint = EndpointRow {
            id: taker.id,
            workspace_id: event.workspace_id.to_owned(),
            environment: taker.environment,
            events: taker.events,
            state: taker.state,
            ..EndpointRow::default()
        };
        if endpoint.takes(event.event_type) {
            let state = if endpoint.state() == EndpointState::Enabled {
                DeliveryState::Waiting
            } else {
                DeliveryState::Missed
            };
            let (kind, cause) = (event.event_type, Cause::Schedule);
            insert_delivery(tx, rng, event_id, kind, &endpoint, state, cause, now).await?;
        }
    }
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "a row, written in one place")]
async fn insert_delivery(
    tx: &mut Tx,
    rng: &Rng,
    event_id: &str,
    event_type: &str,
    endpoint: &EndpointRow,
    state: DeliveryState,
    cause: Cause,
    now: Millis,
) -> Result<String, DbError> {
    let id = rng.id("dlv", now);
    let waits = state == DeliveryState::Waiting;
    crate::execute!(
        tx,
        "insert into webhook_deliveries (id, workspace_id, environment, endpoint_id, event_id, type, state, cause,
                                         attempts, step, due_at, created_at, settled_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, $9, $10, $11)",
        &id,
        &endpoint.workspace_id,
        &endpoint.environment,
        &endpoint.id,
        event_id,
        event_type,
        state.as_str(),
        cause.as_str(),
        waits.then_some(now),
        now,
        (!waits).then_some(now)
    )?;
    if waits {
        tx.wake_deliveries();
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::body;

    #[test]
    fn the_body_holds_the_data_as_it_was_kept() {
        assert_eq!(
            body("a.b", 1_700_000_000_123, r#"{"amount": 1.10}"#),
            r#"{"type":"a.b","timestamp":"2023-11-14T22:13:20.123Z","data":{"amount": 1.10}}"#
        );
    }
}
