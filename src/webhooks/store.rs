//! SQL about endpoints and their secrets.

use sqlx::FromRow;

use super::types::{EndpointState, Signing};
use crate::{
    db::{DbError, Reader, Tx},
    server::clock::Millis,
};

/// An endpoint as it is stored.
#[derive(Clone, Default, FromRow)]
pub struct EndpointRow {
    pub id: String,
    pub workspace_id: String,
    pub environment: String,
    pub url: String,
    pub description: String,
    /// JSON list of event types, or `["*"]`.
    pub events: String,
    /// Sealed JSON object, bound to [`headers_place`].
    pub headers: Vec<u8>,
    pub signing: String,
    pub state: String,
    pub state_since: Millis,
    pub failing_since: Option<Millis>,
    pub draft_id: Option<String>,
    pub created_by: Option<String>,
    pub created_at: Millis,
}

impl EndpointRow {
    pub fn state(&self) -> EndpointState {
        // A word that this version does not know gets nothing sent.
        EndpointState::parse(&self.state).unwrap_or(EndpointState::Disabled)
    }

    pub fn signing(&self) -> Signing {
        Signing::parse(&self.signing).unwrap_or(Signing::Hmac)
    }

    pub fn events(&self) -> Vec<String> {
        serde_json::from_str(&self.events).unwrap_or_default()
    }

    /// Whether it asked for events of this type.
    pub fn takes(&self, event_type: &str) -> bool {
        self.events()
            .iter()
            .any(|asked| asked == "*" || asked == event_type)
    }
}

/// A secret that signs, as it is stored.
#[derive(Clone, FromRow)]
pub struct SecretRow {
    pub id: String,
    pub endpoint_id: String,
    pub workspace_id: String,
    /// Bound to [`secret_place`].
    pub sealed: Vec<u8>,
    pub public_key: Option<String>,
    pub form_id: Option<String>,
    pub created_at: Millis,
    pub ends_at: Option<Millis>,
}

/// What the further headers of an endpoint are sealed for.
pub fn headers_place(endpoint_id: &str) -> String {
    format!("webhook-headers:{endpoint_id}")
}

/// What a secret is sealed for.
pub fn secret_place(secret_id: &str) -> String {
    format!("webhook-secret:{secret_id}")
}

pub async fn insert_endpoint(tx: &mut Tx, row: &EndpointRow) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "insert into webhook_endpoints (id, workspace_id, environment, url, description, events, headers, signing,
                                        state, state_since, failing_since, draft_id, created_by, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        &row.id,
        &row.workspace_id,
        &row.environment,
        &row.url,
        &row.description,
        &row.events,
        &row.headers,
        &row.signing,
        &row.state,
        row.state_since,
        row.failing_since,
        row.draft_id.as_deref(),
        row.created_by.as_deref(),
        row.created_at
    )?;
    Ok(())
}

pub async fn insert_secret(tx: &mut Tx, row: &SecretRow) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "insert into webhook_secrets (id, endpoint_id, workspace_id, sealed, public_key, form_id, created_at, ends_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        &row.id,
        &row.endpoint_id,
        &row.workspace_id,
        &row.sealed,
        row.public_key.as_deref(),
        row.form_id.as_deref(),
        row.created_at,
        row.ends_at
    )?;
    Ok(())
}

/// One of the workspace, unless it was removed.
pub async fn endpoint(
    reader: &mut Reader,
    workspace_id: &str,
    id: &str,
) -> Result<Option<EndpointRow>, DbError> {
    crate::fetch_optional!(
        reader,
        EndpointRow,
        "select * from webhook_endpoints where workspace_id = $1 and id = $2 and state <> 'removed'",
        workspace_id,
        id
    )
}

/// Those of the workspace that are not removed, oldest first; at most twenty.
pub async fn endpoints(
    reader: &mut Reader,
    workspace_id: &str,
) -> Result<Vec<EndpointRow>, DbError> {
    crate::fetch_all!(
        reader,
        EndpointRow,
        "select * from webhook_endpoints where workspace_id = $1 and state <> 'removed' order by id",
        workspace_id
    )
}

/// The secrets that sign at this moment, newest first.
pub async fn signing_secrets(
    reader: &mut Reader,
    workspace_id: &str,
    endpoint_id: &str,
    now: Millis,
) -> Result<Vec<SecretRow>, DbError> {
    crate::fetch_all!(
        reader,
        SecretRow,
        "select * from webhook_secrets
         where workspace_id = $1 and endpoint_id = $2 and (ends_at is null or ends_at > $3)
         order by created_at desc, id desc",
        workspace_id,
        endpoint_id,
        now
    )
}

/// What this form made, also if it was removed since.
pub async fn endpoint_of_draft(
    reader: &mut Reader,
    workspace_id: &str,
    draft_id: &str,
) -> Result<Option<EndpointRow>, DbError> {
    crate::fetch_optional!(
        reader,
        EndpointRow,
        "select * from webhook_endpoints where workspace_id = $1 and draft_id = $2",
        workspace_id,
        draft_id
    )
}

/// The secret that this form made.
pub async fn secret_of_form(
    reader: &mut Reader,
    workspace_id: &str,
    form_id: &str,
) -> Result<Option<SecretRow>, DbError> {
    crate::fetch_optional!(
        reader,
        SecretRow,
        "select * from webhook_secrets where workspace_id = $1 and form_id = $2",
        workspace_id,
        form_id
    )
}

/// Writes what a person can change of an endpoint.
pub async fn update_endpoint(tx: &mut Tx, row: &EndpointRow) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update webhook_endpoints set url = $3, description = $4, events = $5, headers = $6
         where workspace_id = $1 and id = $2",
        &row.workspace_id,
        &row.id,
        &row.url,
        &row.description,
        &row.events,
        &row.headers
    )?;
    Ok(())
}

/// Gives secrets that have none an end.
pub async fn end_secrets(
    tx: &mut Tx,
    workspace_id: &str,
    endpoint_id: &str,
    ends_at: Millis,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update webhook_secrets set ends_at = $3 where workspace_id = $1 and endpoint_id = $2 and ends_at is null",
        workspace_id,
        endpoint_id,
        ends_at
    )?;
    Ok(())
}

/// Switches an endpoint on, which then counts as never having failed; gives whether it was not on.
pub async fn switch_on(
    tx: &mut Tx,
    workspace_id: &str,
    id: &str,
    now: Millis,
) -> Result<bool, DbError> {
    let changed = crate::execute!(
        tx,
        "update webhook_endpoints set state = 'enabled', state_since = $3, failing_since = null
         where workspace_id = $1 and id = $2 and state in ('disabled', 'failed', 'gone')",
        workspace_id,
        id,
        now
    )?;
    Ok(changed > 0)
}

/// Switches an endpoint off or removes it; gives whether that was something new. No replay goes on.
pub async fn switch_off(
    tx: &mut Tx,
    workspace_id: &str,
    id: &str,
    to: EndpointState,
    now: Millis,
) -> Result<bool, DbError> {
    let changed = crate::execute!(
        tx,
        "update webhook_endpoints set state = $3, state_since = $4
         where workspace_id = $1 and id = $2 and state <> 'removed' and (state = 'enabled' or $3 = 'removed')",
        workspace_id,
        id,
        to.as_str(),
        now
    )?;
    if changed == 0 {
        return Ok(false);
    }
    if to == EndpointState::Removed {
        // One that is only off still gets what is sent as a test.
        crate::execute!(
            tx,
            "update webhook_deliveries set state = 'dropped', due_at = null, settled_at = $3
             where workspace_id = $1 and endpoint_id = $2 and state = 'waiting' and cause = 'test'",
            workspace_id,
            id,
            now
        )?;
    }
    crate::execute!(
        tx,
        "update webhook_replays set state = 'stopped', ended_at = $3
         where workspace_id = $1 and endpoint_id = $2 and state = 'running'",
        workspace_id,
        id,
        now
    )?;
    Ok(true)
}

/// Sending again what an endpoint did not get, as far as it has come.
#[derive(Clone, FromRow)]
pub struct ReplayRow {
    pub id: String,
    pub workspace_id: String,
    pub endpoint_id: String,
    pub since: Millis,
    pub until: Millis,
    pub reached: String,
    pub total: i64,
    pub done: i64,
    pub started_by: String,
    pub started_at: Millis,
    /// running, done, stopped
    pub state: String,
    pub ended_at: Option<Millis>,
}

pub async fn insert_replay(tx: &mut Tx, row: &ReplayRow) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "insert into webhook_replays (id, workspace_id, endpoint_id, since, until, reached, total, done, started_by,
                                      started_at, state, ended_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        &row.id,
        &row.workspace_id,
        &row.endpoint_id,
        row.since,
        row.until,
        &row.reached,
        row.total,
        row.done,
        &row.started_by,
        row.started_at,
        &row.state,
        row.ended_at
    )?;
    Ok(())
}

/// The replay that was started last.
pub async fn last_replay(
    reader: &mut Reader,
    workspace_id: &str,
    endpoint_id: &str,
) -> Result<Option<ReplayRow>, DbError> {
    crate::fetch_optional!(
        reader,
        ReplayRow,
        "select * from webhook_replays where workspace_id = $1 and endpoint_id = $2 order by id desc limit 1",
        workspace_id,
        endpoint_id
    )
}

/// Stops the replay that is running; gives whether there was one.
pub async fn stop_replay(
    tx: &mut Tx,
    workspace_id: &str,
    endpoint_id: &str,
    now: Millis,
) -> Result<bool, DbError> {
    let stopped = crate::execute!(
        tx,
        "update webhook_replays set state = 'stopped', ended_at = $3
         where workspace_id = $1 and endpoint_id = $2 and state = 'running'",
        workspace_id,
        endpoint_id,
        now
    )?;
    Ok(stopped > 0)
}
