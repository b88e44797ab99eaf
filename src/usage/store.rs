//! All SQL that reads requests and counts. Rows are written by the buffer.

use sqlx::FromRow;

use super::types::RequestFilter;
use crate::{
    db::{DbError, Reader},
    gateway::judge::VALID,
    server::clock::{HOUR, MINUTE, Millis, first_id},
};

/// A request as it was logged, with what its key is called.
#[derive(Clone, FromRow)]
pub struct LoggedRequest {
    pub id: String,
    pub environment: String,
    pub key_id: String,
    pub at: Millis,
    pub door: String,
    pub code: String,
    pub status: i64,
    pub method: Option<String>,
    pub path: Option<String>,
    pub scope: Option<String>,
    pub ip: Option<String>,
    pub agent: Option<String>,
    pub latency_us: i64,
    pub amount: Option<i64>,
    pub currency: Option<String>,
    pub reservation_id: Option<String>,
    pub label: String,
    pub secret_start: String,
    pub secret_end: String,
    pub scopes: String,
}

macro_rules! select_request {
    ($rest:literal) => {
        concat!(
            "select r.id, r.environment, r.key_id, r.at, r.door, r.code, r.status, r.method, r.path, r.scope, r.ip,
                    r.agent, r.latency_us, r.amount, r.currency, r.reservation_id, k.label, k.secret_start, k.secret_end, k.scopes
             from requests r join api_keys k on k.id = r.key_id ",
            $rest
        )
    };
}

pub async fn find(
    reader: &mut Reader,
    workspace_id: &str,
    id: &str,
) -> Result<Option<LoggedRequest>, DbError> {
    crate::fetch_optional!(
        reader,
        LoggedRequest,
        select_request!("where r.workspace_id = $1 and r.id = $2"),
        workspace_id,
        id
    )
}

/// Requests of a workspace that were let through since the beginning of an hour.
pub async fn let_through_since(
    reader: &mut Reader,
    workspace_id: &str,
    since: Millis,
) -> Result<i64, DbError> {
    let (requests,): (i64,) = crate::fetch_one!(
        reader,
        (i64,),
        "select cast(coalesce(sum(requests), 0) as bigint) from usage_hours
         where workspace_id = $1 and hour >= $2 and code = $3",
        workspace_id,
        since / HOUR,
        VALID
    )?;
    Ok(requests)
}

/// Requests of an environment, newest first; ids sort by time.
pub async fn list(
    reader: &mut Reader,
    workspace_id: &str,
    environment: &str,
    filter: &RequestFilter,
    before: Option<&str>,
    limit: i64,
) -> Result<Vec<LoggedRequest>, DbError> {
    crate::fetch_all!(
        reader,
        LoggedRequest,
        select_request!(
            "where r.workspace_id = $1 and r.environment = $2
               and (cast($3 as text) is null or r.id < $3)
               and (cast($4 as text) is null or r.key_id = $4)
               and (cast($5 as text) is null or r.code = $5)
               and (cast($6 as text) is null or ($6 = 'allowed' and r.status < 400) or ($6 = 'denied' and r.status >= 400))
               and (cast($7 as text) is null or r.ip = $7)
             order by r.id desc limit $8"
        ),
        workspace_id,
        environment,
        before,
        filter.key.as_deref(),
        filter.code.as_deref(),
        filter.outcome.as_deref(),
        filter.ip.as_deref(),
        limit
    )
}

/// Counts by hour and code since an hour, of one key if given.
pub async fn hours(
    reader: &mut Reader,
    workspace_id: &str,
    environment: &str,
    key_id: Option<&str>,
    since: Millis,
) -> Result<Vec<(i64, String, i64)>, DbError> {
    crate::fetch_all!(
        reader,
        (i64, String, i64),
        "select hour, code, cast(sum(requests) as bigint) from usage_hours
         where workspace_id = $1 and environment = $2 and hour >= $3
           and (cast($4 as text) is null or key_id = $4)
         group by hour, code order by hour",
        workspace_id,
        environment,
        since / HOUR,
        key_id
    )
}

/// Requests of a key since a moment, and from how many addresses.
pub async fn recent_use(
    reader: &mut Reader,
    workspace_id: &str,
    key_id: &str,
    since: Millis,
) -> Result<(i64, i64), DbError> {
    crate::fetch_one!(
        reader,
        (i64, i64),
        "select count(*), count(distinct r.ip) from requests_by_key k join requests r on r.id = k.id
         where k.workspace_id = $1 and k.key_id = $2 and k.id >= $3 and r.at >= $4",
        workspace_id,
        key_id,
        first_id_at(since),
        since
    )
}

/// Requests of a key that were let through after a moment.
pub async fn allowed_since(
    reader: &mut Reader,
    workspace_id: &str,
    key_id: &str,
    since: Millis,
) -> Result<i64, DbError> {
    let (count,): (i64,) = crate::fetch_one!(
        reader,
        (i64,),
        "select count(*) from requests_by_key k join requests r on r.id = k.id
         where k.workspace_id = $1 and k.key_id = $2 and k.id >= $3 and r.at > $4 and r.status < 400",
        workspace_id,
        key_id,
        first_id_at(since),
        since
    )?;
    Ok(count)
}

/// The first request that a key made.
pub async fn first(
    reader: &mut Reader,
    workspace_id: &str,
    key_id: &str,
) -> Result<Option<LoggedRequest>, DbError> {
    crate::fetch_optional!(
        reader,
        LoggedRequest,
        select_request!(
            "where r.id = (select min(id) from requests_by_key where workspace_id = $1 and key_id = $2)"
        ),
        workspace_id,
        key_id
    )
}

/// Who has called with one of a key's secrets since a moment: one address with one agent.
#[derive(Clone, Debug, FromRow)]
pub struct CallerRow {
    pub ip: Option<String>,
    pub agent: Option<String>,
    pub requests: i64,
    pub last_at: Millis,
}

/// Callers of a secret since a moment, the latest first.
pub async fn callers(
    reader: &mut Reader,
    workspace_id: &str,
    key_id: &str,
    secret_id: &str,
    since: Millis,
    limit: i64,
) -> Result<Vec<CallerRow>, DbError> {
    crate::fetch_all!(
        reader,
        CallerRow,
        "select r.ip, r.agent, count(*) as requests, max(r.at) as last_at from requests_by_key k join requests r on r.id = k.id
         where k.workspace_id = $1 and k.key_id = $2 and r.secret_id = $3 and k.id >= $4 and r.at >= $5
         group by r.ip, r.agent order by max(r.at) desc, r.ip, r.agent limit $6",
        workspace_id,
        key_id,
        secret_id,
        first_id_at(since),
        since,
        limit
    )
}

/// How long the latest requests of a key took, in microseconds; so many of them at most, none from before a moment.
pub async fn latencies(
    reader: &mut Reader,
    workspace_id: &str,
    key_id: &str,
    since: Millis,
    limit: i64,
) -> Result<Vec<i64>, DbError> {
    let rows: Vec<(i64,)> = crate::fetch_all!(
        reader,
        (i64,),
        "select r.latency_us from requests_by_key k join requests r on r.id = k.id
         where k.workspace_id = $1 and k.key_id = $2 and k.id >= $3 and r.at >= $4 order by k.id desc limit $5",
        workspace_id,
        key_id,
        first_id_at(since),
        since,
        limit
    )?;
    Ok(rows.into_iter().map(|(latency,)| latency).collect())
}

/// Scopes that a key was let through with since a moment.
pub async fn scopes_used(
    reader: &mut Reader,
    workspace_id: &str,
    key_id: &str,
    since: Millis,
) -> Result<Vec<String>, DbError> {
    let rows: Vec<(String,)> = crate::fetch_all!(
        reader,
        (String,),
        "select distinct r.scope from requests_by_key k join requests r on r.id = k.id
         where k.workspace_id = $1 and k.key_id = $2 and k.id >= $3 and r.at >= $4 and r.status < 400 and r.scope is not null",
        workspace_id,
        key_id,
        first_id_at(since),
        since
    )?;
    Ok(rows.into_iter().map(|(scope,)| scope).collect())
}

/// The lowest id of a request judged at this moment, so that the index on ids serves ranges of time. An id is given when
/// a request arrives; it is judged within the minute.
fn first_id_at(at: Millis) -> String {
    first_id("req", at - MINUTE)
}
