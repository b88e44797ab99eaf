//! All SQL that writes requests and what they tell of.

use sqlx::FromRow;

use super::{
    RequestRow,
    tally::{Counted, Keyed, LastUse},
};
use crate::{
    db::{Bulk, Db, DbError, Reader, Tx},
    server::clock::{Id, IdText, Millis},
};

static INSERT: Bulk = Bulk::new(
    "insert into requests (id, workspace_id, environment, key_id, at, door, code, status, method, path, scope, ip, agent,
                           latency_us, secret_id, amount, currency, reservation_id) values ",
    18,
    "",
);

pub async fn insert(tx: &mut Tx, rows: &[RequestRow]) -> Result<(), DbError> {
    crate::execute_bulk!(
        tx,
        INSERT,
        rows,
        |row| row.id.text(b"req"),
        row.workspace_id.clone(),
        row.environment.clone(),
        row.key_id.text(b"key"),
        row.at,
        row.door.as_str(),
        row.code,
        i64::from(row.status),
        row.method.clone(),
        row.path.clone(),
        row.scope.clone(),
        row.ip.clone(),
        row.agent.clone(),
        row.latency_us,
        row.secret_id.map(|id| id.text(b"sec")),
        row.moved.as_ref().map(|moved| moved.amount),
        row.moved.as_ref().map(|moved| moved.currency.clone()),
        row.moved
            .as_ref()
            .and_then(|moved| moved.reservation_id.as_deref())
    );
    Ok(())
}

/// Whether this row is there. A group is written as a whole or not at all.
pub async fn is_written(db: &Db, id: Id) -> Result<bool, DbError> {
    let mut reader = db.read().await?;
    let (rows,): (i64,) = crate::fetch_one!(
        &mut reader,
        (i64,),
        "select count(*) from requests where id = $1",
        id.text(b"req")
    )?;
    Ok(rows > 0)
}

static INSERT_KEYED: Bulk = Bulk::new(
    "insert into requests_by_key (workspace_id, key_id, id) values ",
    3,
    " on conflict do nothing",
);

/// Enters rows in the order of keys, where that is a table of its own; to do it twice is to do it once.
pub async fn insert_by_key(tx: &mut Tx, keyed: &[Keyed]) -> Result<(), DbError> {
    if tx.keeps_order_of_keys() {
        crate::execute_bulk!(
            tx,
            INSERT_KEYED,
            keyed,
            |row| row.workspace_id.clone(),
            row.key_id.text(b"key"),
            row.id.text(b"req")
        );
    }
    Ok(())
}

static COUNT: Bulk = Bulk::new(
    "insert into usage_hours (workspace_id, environment, key_id, hour, code, requests) values ",
    6,
    " on conflict (workspace_id, environment, key_id, hour, code)
      do update set requests = usage_hours.requests + excluded.requests",
);

pub async fn count(tx: &mut Tx, hours: &[Counted]) -> Result<(), DbError> {
    crate::execute_bulk!(
        tx,
        COUNT,
        hours,
        |hour| hour.workspace_id.clone(),
        hour.environment.clone(),
        hour.key_id.text(b"key"),
        hour.hour,
        &*hour.code,
        hour.requests
    );
    Ok(())
}

static USED: Bulk = Bulk::new(
    "with used (key_id, at, ip) as (values ",
    3,
    ") update api_keys set last_used_at = used.at, last_used_ip = used.ip from used
       where api_keys.id = used.key_id and (api_keys.last_used_at is null or api_keys.last_used_at <= used.at)",
);

/// When each key was last used, and from where; what is known to be later stays.
pub async fn set_last_used(tx: &mut Tx, last: &[LastUse]) -> Result<(), DbError> {
    crate::execute_bulk!(
        tx,
        USED,
        last,
        |one| one.key_id.text(b"key"),
        one.at,
        one.ip.clone()
    );
    Ok(())
}

/// Notes that a sweep has still to go through these rows.
pub async fn owe(tx: &mut Tx, id: &str, rows: &[RequestRow]) -> Result<(), DbError> {
    let ids: Vec<IdText> = rows.iter().map(|row| row.id.text(b"req")).collect();
    crate::execute!(
        tx,
        "insert into requests_owed (id, rows) values ($1, $2)",
        id,
        serde_json::json!(ids).to_string()
    )?;
    Ok(())
}

/// Notes that one has; gives whether it was still owed.
pub async fn pay(tx: &mut Tx, id: &str) -> Result<bool, DbError> {
    Ok(crate::execute!(tx, "delete from requests_owed where id = $1", id)? > 0)
}

/// The groups that no sweep has been through.
pub async fn owed(reader: &mut Reader) -> Result<Vec<String>, DbError> {
    let ids: Vec<(String,)> = crate::fetch_all!(reader, (String,), "select id from requests_owed")?;
    Ok(ids.into_iter().map(|(id,)| id).collect())
}

/// What a sweep needs of a row.
#[derive(FromRow)]
pub struct OwedRow {
    pub id: String,
    pub workspace_id: String,
    pub environment: String,
    pub key_id: String,
    pub at: Millis,
    pub code: String,
    pub ip: Option<String>,
}

pub async fn owed_rows(reader: &mut Reader, id: &str) -> Result<Vec<OwedRow>, DbError> {
    crate::fetch_all!(
        reader,
        OwedRow,
        "select r.id, r.workspace_id, r.environment, r.key_id, r.at, r.code, r.ip
         from requests_owed o, json_each(o.rows) j join requests r on r.id = j.value where o.id = $1",
        id
    )
}
