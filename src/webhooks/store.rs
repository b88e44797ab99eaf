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
