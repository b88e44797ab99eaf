//! SQL about what was delivered, for those who look.

use sqlx::FromRow;

use crate::{
    db::{DbError, Reader},
    server::clock::{HOUR, Millis},
    webhooks::types::DeliveryState,
};

/// A delivery with the address of its endpoint, which may be removed.
#[derive(Clone, FromRow)]
pub struct DeliveryRow {
    pub id: String,
    pub environment: String,
    pub endpoint_id: String,
    pub event_id: String,
    #[sqlx(rename = "type")]
    pub event_type: String,
    pub state: String,
    pub attempts: i64,
    pub step: i64,
    pub due_at: Option<Millis>,
    pub last_status: Option<i64>,
    pub last_error: Option<String>,
    pub last_at: Option<Millis>,
    pub created_at: Millis,
    pub settled_at: Option<Millis>,
    pub url: String,
    pub endpoint_state: String,
}

impl DeliveryRow {
    pub fn state(&self) -> DeliveryState {
        DeliveryState::parse(&self.state).unwrap_or(DeliveryState::Dropped)
    }
}

/// What a list is narrowed to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub state: Option<DeliveryState>,
    pub endpoint: Option<String>,
    pub event_type: Option<String>,
}

macro_rules! select_delivery {
    ($rest:literal) => {
        concat!(
            "select d.id, d.environment, d.endpoint_id, d.event_id, d.type, d.state, d.attempts, d.step, d.due_at,
                    d.last_status, d.last_error, d.last_at, d.created_at, d.settled_at,
                    e.url, e.state as endpoint_state
             from webhook_deliveries d join webhook_endpoints e on e.id = d.endpoint_id ",
            $rest
        )
    };
}

/// Deliveries of an environment, newest first; ids sort by time.
pub async fn list(
    reader: &mut Reader,
    workspace_id: &str,
    environment: &str,
    filter: &Filter,
    before: Option<&str>,
    limit: i64,
) -> Result<Vec<DeliveryRow>, DbError> {
    let state = filter.state.map(DeliveryState::as_str);
    if let Some(endpoint) = filter.endpoint.as_deref() {
        // Whose it is, is asked of the endpoint: asked of its deliveries, all of the workspace would be read for them.
        return crate::fetch_all!(
            reader,
            DeliveryRow,
            select_delivery!(
                "where e.workspace_id = $1 and e.environment = $2 and d.endpoint_id = $3
                   and (cast($4 as text) is null or d.id < $4)
                   and (cast($5 as text) is null or d.state = $5)
                   and (cast($6 as text) is null or d.type = $6)
                 order by d.id desc limit $7"
            ),
            workspace_id,
            environment,
            endpoint,
            before,
            state,
            filter.event_type.as_deref(),
            limit
        );
    }
    crate::fetch_all!(
        reader,
        DeliveryRow,
        select_delivery!(
            "where d.workspace_id = $1 and d.environment = $2
               and (cast($3 as text) is null or d.id < $3)
               and (cast($4 as text) is null or d.state = $4)
               and (cast($5 as text) is null or d.type = $5)
             order by d.id desc limit $6"
        ),
        workspace_id,
        environment,
        before,
        state,
        filter.event_type.as_deref(),
        limit
    )
}

pub async fn find(
    reader: &mut Reader,
    workspace_id: &str,
    id: &str,
) -> Result<Option<DeliveryRow>, DbError> {
    crate::fetch_optional!(
        reader,
        DeliveryRow,
        select_delivery!("where d.workspace_id = $1 and d.id = $2"),
        workspace_id,
        id
    )
}

/// An event's data and when it happened; it is kept as long as what was delivered of it.
pub async fn event(
    reader: &mut Reader,
    workspace_id: &str,
    id: &str,
) -> Result<Option<(String, Millis)>, DbError> {
    crate::fetch_optional!(
        reader,
        (String, Millis),
        "select data, created_at from outbox_events where workspace_id = $1 and id = $2",
        workspace_id,
        id
    )
}

/// One try.
#[derive(Clone, FromRow)]
pub struct AttemptRow {
    pub number: i64,
    pub cause: String,
    pub at: Millis,
    pub latency_us: i64,
    pub status: Option<i64>,
    pub error: Option<String>,
    pub request_headers: String,
    pub response_headers: Option<String>,
    pub response_body: Option<String>,
    pub response_cut: bool,
}

impl AttemptRow {
    pub fn succeeded(&self) -> bool {
        self.status
            .is_some_and(|status| (200..300).contains(&status))
            && self.error.is_none()
    }
}

/// The tries of a delivery, the last first.
pub async fn attempts(
    reader: &mut Reader,
    workspace_id: &str,
    delivery_id: &str,
    limit: i64,
) -> Result<Vec<AttemptRow>, DbError> {
    crate::fetch_all!(
        reader,
        AttemptRow,
        "select number, cause, at, latency_us, status, error, request_headers, response_headers, response_body, response_cut
         from webhook_attempts where workspace_id = $1 and delivery_id = $2 order by number desc limit $3",
        workspace_id,
        delivery_id,
        limit
    )
}

/// Tries of an endpoint since a moment: the hour, how many came through, how many there were.
pub async fn hours(
    reader: &mut Reader,
    workspace_id: &str,
    endpoint_id: &str,
    since: Millis,
) -> Result<Vec<(i64, i64, i64)>, DbError> {
    crate::fetch_all!(
        reader,
        (i64, i64, i64),
        "select at / $4, cast(sum(case when error is null and status between 200 and 299 then 1 else 0 end) as bigint),
                count(*)
         from webhook_attempts where workspace_id = $1 and endpoint_id = $2 and at >= $3
         group by 1 order by 1",
        workspace_id,
        endpoint_id,
        since,
        HOUR
    )
}

/// The error of an endpoint's last try, and when what still waits is tried next.
pub async fn last_try(
    reader: &mut Reader,
    workspace_id: &str,
    endpoint_id: &str,
) -> Result<Option<(Option<i64>, Option<String>)>, DbError> {
    crate::fetch_optional!(
        reader,
        (Option<i64>, Option<String>),
        "select status, error from webhook_attempts where workspace_id = $1 and endpoint_id = $2
         order by at desc, id desc limit 1",
        workspace_id,
        endpoint_id
    )
}

/// When the endpoint is tried next.
pub async fn next_try(
    reader: &mut Reader,
    workspace_id: &str,
    endpoint_id: &str,
) -> Result<Option<Millis>, DbError> {
    let (due,): (Option<Millis>,) = crate::fetch_one!(
        reader,
        (Option<Millis>,),
        "select min(due_at) from webhook_deliveries
         where workspace_id = $1 and endpoint_id = $2 and state = 'waiting'",
        workspace_id,
        endpoint_id
    )?;
    Ok(due)
}

/// How many deliveries the endpoint failed or missed that were made since a moment, and up to another.
pub async fn count_not_got(
    reader: &mut Reader,
    workspace_id: &str,
    endpoint_id: &str,
    since: Millis,
    until: Millis,
) -> Result<i64, DbError> {
    let (count,): (i64,) = crate::fetch_one!(
        reader,
        (i64,),
        "select count(*) from webhook_deliveries
         where workspace_id = $1 and endpoint_id = $2 and state in ('failed', 'missed')
           and created_at >= $3 and created_at <= $4",
        workspace_id,
        endpoint_id,
        since,
        until
    )?;
    Ok(count)
}

/// When the first of them was made; ids sort by time.
pub async fn first_not_got(
    reader: &mut Reader,
    workspace_id: &str,
    endpoint_id: &str,
) -> Result<Option<Millis>, DbError> {
    let first: Option<(Millis,)> = crate::fetch_optional!(
        reader,
        (Millis,),
        "select created_at from webhook_deliveries
         where workspace_id = $1 and endpoint_id = $2 and state in ('failed', 'missed') order by id limit 1",
        workspace_id,
        endpoint_id
    )?;
    Ok(first.map(|(at,)| at))
}
