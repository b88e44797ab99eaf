//! All SQL about deliveries and their tries. Whoever works them off acts for every workspace; what a person asks for takes
//! the workspace that it is in.

use sqlx::FromRow;

use super::super::{store::EndpointRow, types::EndpointState};
use crate::{
    db::{DbError, Reader, Tx},
    server::clock::Millis,
};

/// Rows that are deleted or changed in one go, so that no transaction is long.
pub const BATCH: i64 = 500;

/// A delivery that this process has in hand.
#[derive(Clone, Debug, FromRow)]
pub struct Claimed {
    pub id: String,
    pub workspace_id: String,
    pub endpoint_id: String,
    pub event_id: String,
    #[sqlx(rename = "type")]
    pub event_type: String,
    pub cause: String,
    /// Tries before this one, in all and of this schedule.
    pub attempts: i64,
    pub step: i64,
    /// What tells this claim from every other.
    pub leased_by: String,
}

/// An endpoint with something due.
#[derive(FromRow)]
pub struct Due {
    pub id: String,
    pub state: String,
}

/// Endpoints that something is due for. Those of suspended workspaces wait with all they have.
///
/// The index of what waits is walked from endpoint to endpoint, so that a million deliveries of one cost no more than one.
pub async fn due(reader: &mut Reader, now: Millis) -> Result<Vec<Due>, DbError> {
    crate::fetch_all!(
        reader,
        Due,
        "with recursive waiting (endpoint_id) as (
             select min(endpoint_id) from webhook_deliveries where state = 'waiting'
             union all
             select (select min(d.endpoint_id) from webhook_deliveries d
                     where d.state = 'waiting' and d.endpoint_id > waiting.endpoint_id)
             from waiting where waiting.endpoint_id is not null
         )
         select e.id, e.state from waiting
         join webhook_endpoints e on e.id = waiting.endpoint_id
         join workspaces w on w.id = e.workspace_id
         where w.suspended_at is null and exists (
             select 1 from webhook_deliveries d
             where d.endpoint_id = e.id and d.state = 'waiting' and d.due_at <= $1
               and (d.leased_until is null or d.leased_until <= $1)
         )",
        now
    )
}

/// The statement that claims, with what locks a row where others claim beside us.
macro_rules! claim {
    ($lock:literal) => {
        concat!(
            "with picked as materialized (
                 select id from webhook_deliveries
                 where endpoint_id = $1 and state = 'waiting' and due_at <= $2
                   and (leased_until is null or leased_until <= $2)
                   and ($3 = 'enabled' or cause = 'test')
                 order by due_at limit $6 ",
            $lock,
            ")
             update webhook_deliveries set leased_by = $4, leased_until = $5
             where id in (select id from picked)
             returning id, workspace_id, endpoint_id, event_id, type, cause, attempts, step, leased_by"
        )
    };
}

/// Takes what is due for an endpoint, longest due first: nobody else gets it before `until`. One that is not enabled gets
/// what is sent by hand as a test.
pub async fn claim(
    tx: &mut Tx,
    endpoint: &Due,
    now: Millis,
    until: Millis,
    token: &str,
    limit: i64,
) -> Result<Vec<Claimed>, DbError> {
    let sql = if tx.has_rivals() {
        claim!("for update skip locked")
    } else {
        claim!("")
    };
    crate::fetch_all!(
        tx,
        Claimed,
        sql,
        &endpoint.id,
        now,
        &endpoint.state,
        token,
        until,
        limit
    )
}

/// Gives back what was claimed and not tried.
pub async fn release(tx: &mut Tx, delivery_id: &str, token: &str) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update webhook_deliveries set leased_by = null, leased_until = null where id = $1 and leased_by = $2",
        delivery_id,
        token
    )?;
    Ok(())
}

pub async fn endpoint(reader: &mut Reader, id: &str) -> Result<Option<EndpointRow>, DbError> {
    crate::fetch_optional!(
        reader,
        EndpointRow,
        "select * from webhook_endpoints where id = $1",
        id
    )
}

/// The data of an event and when it happened.
pub async fn event(reader: &mut Reader, id: &str) -> Result<Option<(String, Millis)>, DbError> {
    crate::fetch_optional!(
        reader,
        (String, Millis),
        "select data, created_at from outbox_events where id = $1",
        id
    )
}

/// What one try came to.
pub struct Attempt<'a> {
    pub id: &'a str,
    pub delivery: &'a Claimed,
    pub at: Millis,
    pub latency_us: i64,
    pub status: Option<i64>,
    pub error: Option<&'a str>,
    pub request_headers: &'a str,
    pub response_headers: Option<&'a str>,
    pub response_body: Option<&'a str>,
    pub response_cut: bool,
}

pub async fn insert_attempt(tx: &mut Tx, attempt: &Attempt<'_>) -> Result<(), DbError> {
    let delivery = attempt.delivery;
    crate::execute!(
        tx,
        "insert into webhook_attempts (id, delivery_id, endpoint_id, workspace_id, number, cause, at, latency_us, status,
                                       error, request_headers, response_headers, response_body, response_cut)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        attempt.id,
        &delivery.id,
        &delivery.endpoint_id,
        &delivery.workspace_id,
        delivery.attempts + 1,
        &delivery.cause,
        attempt.at,
        attempt.latency_us,
        attempt.status,
        attempt.error,
        attempt.request_headers,
        attempt.response_headers,
        attempt.response_body,
        attempt.response_cut
    )?;
    Ok(())
}

/// It arrived. That is so whoever has it in hand by now, and whatever became of the endpoint meanwhile.
pub async fn delivered(
    tx: &mut Tx,
    delivery: &Claimed,
    status: Option<i64>,
    at: Millis,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update webhook_deliveries
         set state = 'delivered', attempts = attempts + 1, step = step + 1, due_at = null, leased_by = null,
             leased_until = null, last_status = $2, last_error = null, last_at = $3, settled_at = $3
         where id = $1 and state in ('waiting', 'missed', 'failed')",
        &delivery.id,
        status,
        at
    )?;
    Ok(())
}

/// It did not arrive, and is tried again at `next` or given up. Says nothing of what somebody else has taken up since.
pub async fn not_delivered(
    tx: &mut Tx,
    delivery: &Claimed,
    status: Option<i64>,
    error: Option<&str>,
    next: Option<Millis>,
    at: Millis,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update webhook_deliveries
         set state = case when cast($5 as bigint) is null then 'failed' else 'waiting' end,
             attempts = attempts + 1, step = step + 1, due_at = $5, leased_by = null, leased_until = null,
             cause = case when cause = 'replay' and cast($5 as bigint) is not null then 'schedule' else cause end,
             last_status = $3, last_error = $4, last_at = $6,
             settled_at = case when cast($5 as bigint) is null then $6 else null end
         where id = $1 and leased_by = $2 and state = 'waiting'",
        &delivery.id,
        &delivery.leased_by,
        status,
        error,
        next,
        at
    )?;
    Ok(())
}

/// A success came: whatever failed before is over.
pub async fn well(tx: &mut Tx, endpoint_id: &str) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update webhook_endpoints set failing_since = null where id = $1 and failing_since is not null",
        endpoint_id
    )?;
    Ok(())
}

/// A try failed: since when there was no success, if it is enabled.
pub async fn failing(
    tx: &mut Tx,
    endpoint_id: &str,
    now: Millis,
) -> Result<Option<Millis>, DbError> {
    let since: Option<(Millis,)> = crate::fetch_optional!(
        tx,
        (Millis,),
        "update webhook_endpoints set failing_since = coalesce(failing_since, $2)
         where id = $1 and state = 'enabled' returning failing_since",
        endpoint_id,
        now
    )?;
    Ok(since.map(|(since,)| since))
}

/// Switches an endpoint off, if it is on; gives it as it is now.
pub async fn switch_off(
    tx: &mut Tx,
    endpoint_id: &str,
    state: EndpointState,
    now: Millis,
) -> Result<Option<EndpointRow>, DbError> {
    crate::fetch_optional!(
        tx,
        EndpointRow,
        "update webhook_endpoints set state = $2, state_since = $3 where id = $1 and state = 'enabled' returning *",
        endpoint_id,
        state.as_str(),
        now
    )
}

/// Settles what waits for an endpoint that is off, a batch of it: missed, or dropped if the endpoint was removed.
pub async fn miss(tx: &mut Tx, endpoint_id: &str, now: Millis) -> Result<u64, DbError> {
    crate::execute!(
        tx,
        "update webhook_deliveries
         set state = case when (select state from webhook_endpoints where id = $1) = 'removed' then 'dropped' else 'missed' end,
             due_at = null, leased_by = null, leased_until = null, settled_at = $2
         where id in (select id from webhook_deliveries
                      where endpoint_id = $1 and state = 'waiting' and cause <> 'test' limit $3)
           and exists (select 1 from webhook_endpoints where id = $1 and state <> 'enabled')",
        endpoint_id,
        now,
        BATCH
    )
}

/// Takes a delivery up again, as if for the first time. False if there is none such, its endpoint is off, or it is being
/// tried at this moment.
pub async fn reopen(
    tx: &mut Tx,
    workspace_id: &str,
    delivery_id: &str,
    now: Millis,
) -> Result<bool, DbError> {
    let reopened = crate::execute!(
        tx,
        "update webhook_deliveries
         set state = 'waiting', cause = 'replay', step = 0, due_at = $3, leased_by = null, leased_until = null, settled_at = null
         where workspace_id = $1 and id = $2 and state <> 'dropped' and (leased_until is null or leased_until <= $3)
           and exists (select 1 from webhook_endpoints e where e.id = endpoint_id and e.state = 'enabled')",
        workspace_id,
        delivery_id,
        now
    )?;
    if reopened > 0 {
        tx.wake_deliveries();
    }
    Ok(reopened > 0)
}

/// A replay that goes on.
#[derive(Clone, Debug, FromRow)]
pub struct ReplayRow {
    pub id: String,
    pub workspace_id: String,
    pub endpoint_id: String,
    pub since: Millis,
    pub until: Millis,
    pub reached: String,
}

pub async fn running_replays(reader: &mut Reader) -> Result<Vec<ReplayRow>, DbError> {
    crate::fetch_all!(
        reader,
        ReplayRow,
        "select id, workspace_id, endpoint_id, since, until, reached from webhook_replays where state = 'running' order by id"
    )
}

/// The next of what the endpoint did not get in that time.
pub async fn not_got(
    reader: &mut Reader,
    replay: &ReplayRow,
    limit: i64,
) -> Result<Vec<(String,)>, DbError> {
    crate::fetch_all!(
        reader,
        (String,),
        "select id from webhook_deliveries
         where endpoint_id = $1 and workspace_id = $2 and id > $3 and created_at >= $4 and created_at <= $5
           and state in ('failed', 'missed')
         order by id limit $6",
        &replay.endpoint_id,
        &replay.workspace_id,
        &replay.reached,
        replay.since,
        replay.until,
        limit
    )
}

/// Notes how far a replay has come. False if somebody stopped it, or another process was quicker.
pub async fn advance_replay(
    tx: &mut Tx,
    replay: &ReplayRow,
    reached: &str,
    done: i64,
) -> Result<bool, DbError> {
    let advanced = crate::execute!(
        tx,
        "update webhook_replays set reached = $3, done = done + $4 where id = $1 and reached = $2 and state = 'running'",
        &replay.id,
        &replay.reached,
        reached,
        done
    )?;
    Ok(advanced > 0)
}

/// Ends a replay: `done`, or `stopped` if its endpoint was switched off.
pub async fn end_replay(tx: &mut Tx, id: &str, state: &str, now: Millis) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update webhook_replays set state = $2, ended_at = $3 where id = $1 and state = 'running'",
        id,
        state,
        now
    )?;
    Ok(())
}

/// How many deliveries wait to be tried, now or later.
pub async fn count_waiting(reader: &mut Reader) -> Result<i64, DbError> {
    let (count,): (i64,) = crate::fetch_one!(
        reader,
        (i64,),
        "select count(*) from webhook_deliveries where state = 'waiting'"
    )?;
    Ok(count)
}

/// Removes a batch of what is older than `before`; what still waits, and its event, stays. Gives how many rows went.
pub async fn delete_before(tx: &mut Tx, before: Millis) -> Result<u64, DbError> {
    let attempts = crate::execute!(
        tx,
        "delete from webhook_attempts where id in (select id from webhook_attempts where at < $1 limit $2)",
        before,
        BATCH
    )?;
    let deliveries = crate::execute!(
        tx,
        "delete from webhook_deliveries
         where id in (select id from webhook_deliveries where created_at < $1 and state <> 'waiting' limit $2)",
        before,
        BATCH
    )?;
    let events = crate::execute!(
        tx,
        "delete from outbox_events where id in (
             select e.id from outbox_events e
             where e.created_at < $1 and not exists (select 1 from webhook_deliveries d where d.event_id = e.id) limit $2)",
        before,
        BATCH
    )?;
    let replays = crate::execute!(
        tx,
        "delete from webhook_replays
         where id in (select id from webhook_replays where ended_at < $1 and state <> 'running' limit $2)",
        before,
        BATCH
    )?;
    Ok(attempts + deliveries + events + replays)
}
