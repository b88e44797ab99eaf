//! SQL that writes a past down which no operation can have: deliveries that were tried long ago.

use sqlx::FromRow;

use crate::{
    db::{DbError, Reader, Tx},
    server::clock::Millis,
};

/// A delivery that nobody has tried.
#[derive(FromRow)]
pub struct Untried {
    pub id: String,
    pub event_id: String,
    pub created_at: Millis,
}

pub async fn untried(
    reader: &mut Reader,
    workspace_id: &str,
    endpoint_id: &str,
) -> Result<Vec<Untried>, DbError> {
    crate::fetch_all!(
        reader,
        Untried,
        "select id, event_id, created_at from webhook_deliveries
         where workspace_id = $1 and endpoint_id = $2 and attempts = 0 order by id",
        workspace_id,
        endpoint_id
    )
}

/// A try as it was.
pub struct PastTry<'a> {
    pub id: &'a str,
    pub workspace_id: &'a str,
    pub endpoint_id: &'a str,
    pub delivery_id: &'a str,
    pub number: i64,
    pub at: Millis,
    pub latency_us: i64,
    pub status: Option<i64>,
    pub error: Option<&'a str>,
    pub request_headers: &'a str,
    pub response_headers: Option<&'a str>,
    pub response_body: Option<&'a str>,
}

pub async fn insert_try(tx: &mut Tx, past: &PastTry<'_>) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "insert into webhook_attempts (id, delivery_id, endpoint_id, workspace_id, number, cause, at, latency_us, status, error,
                                       request_headers, response_headers, response_body, response_cut)
         values ($1, $2, $3, $4, $5, 'schedule', $6, $7, $8, $9, $10, $11, $12, false)",
        past.id,
        past.delivery_id,
        past.endpoint_id,
        past.workspace_id,
        past.number,
        past.at,
        past.latency_us,
        past.status,
        past.error,
        past.request_headers,
        past.response_headers,
        past.response_body
    )?;
    Ok(())
}

/// What a delivery has come to.
pub struct Standing<'a> {
    pub state: &'a str,
    pub attempts: i64,
    pub due_at: Option<Millis>,
    pub last: &'a PastTry<'a>,
}

pub async fn set_standing(tx: &mut Tx, standing: &Standing<'_>) -> Result<(), DbError> {
    let last = standing.last;
    let settled = standing.due_at.is_none().then_some(last.at);
    crate::execute!(
        tx,
        "update webhook_deliveries
         set state = $3, attempts = $4, step = $4, due_at = $5, last_status = $6, last_error = $7, last_at = $8, settled_at = $9
         where workspace_id = $1 and id = $2",
        last.workspace_id,
        last.delivery_id,
        standing.state,
        standing.attempts,
        standing.due_at,
        last.status,
        last.error,
        last.at,
        settled
    )?;
    Ok(())
}

pub async fn failing_since(
    tx: &mut Tx,
    workspace_id: &str,
    endpoint_id: &str,
    at: Millis,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update webhook_endpoints set failing_since = $3 where workspace_id = $1 and id = $2",
        workspace_id,
        endpoint_id,
        at
    )?;
    Ok(())
}
