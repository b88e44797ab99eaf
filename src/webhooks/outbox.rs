//! The outbox: an event is kept if and only if the change that it tells of is.

use serde_json::Value;

use crate::{
    db::{DbError, Tx},
    server::clock::{Millis, Rng},
};

/// The types of event that Latchkey itself sends so far.
#[derive(Clone, Copy, Debug)]
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
    MemberAdded,
    PlanApproved,
}

impl EventType {
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
            Self::MemberAdded => "member.added",
            Self::PlanApproved => "plan.approved",
        }
    }
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
    crate::execute!(
        tx,
        "insert into outbox_events (id, workspace_id, environment, type, data, created_at)
         values ($1, $2, $3, $4, $5, $6)",
        rng.id("evt", now),
        workspace_id,
        environment,
        event.as_str(),
        data.to_string(),
        now
    )?;
    Ok(())
}
