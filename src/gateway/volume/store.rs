//! All SQL on reservations and on what they add up to.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;
use sqlx::FromRow;

use super::day_of;
use crate::{
    db::{Bulk, DbError, Reader, Tx},
    gateway::{amount::Amount, judge::KeyRecord},
    keys::upkeep::Reach,
    server::clock::{Millis, first_id},
    usage::buffer::Door,
};

pub const RESERVED: &str = "reserved";
pub const COMMITTED: &str = "committed";

/// A reservation as its resource server sees it.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Reservation {
    pub id: String,
    pub key_id: String,
    pub amount: i64,
    pub currency: String,
    pub day: i64,
    pub state: String,
}

impl Reservation {
    /// What it counts in, as that is locked everywhere.
    pub fn volume(&self) -> (&str, &str, i64) {
        (&self.key_id, &self.currency, self.day)
    }
}

/// What is kept under an idempotency key at a door and still counts.
#[derive(FromRow)]
pub struct Standing {
    pub key_id: String,
    pub idempotency_key: String,
    pub door: String,
    pub id: String,
    pub state: String,
    pub asked: Vec<u8>,
    pub created_at: Millis,
    pub lapses_at: Option<Millis>,
}

impl Standing {
    pub fn is_of(&self, repeat: &Repeat<'_>) -> bool {
        (
            self.key_id.as_str(),
            self.idempotency_key.as_str(),
            self.door.as_str(),
        ) == (repeat.key_id, repeat.idempotency_key, repeat.door.as_str())
    }

    pub fn is_due(&self, now: Millis) -> bool {
        self.state == RESERVED && self.lapses_at.is_some_and(|at| at <= now)
    }
}

/// A call that may be one of before.
pub struct Repeat<'a> {
    pub key_id: &'a str,
    pub idempotency_key: &'a str,
    pub door: Door,
}

static FIND_REPEATED: Bulk = Bulk::new(
    "with asked (key_id, idempotency_key, door) as (values ",
    3,
    ") select r.key_id, r.idempotency_key, r.door, r.id, r.state, r.asked, r.created_at, r.lapses_at
       from asked join reservations r
         on r.key_id = asked.key_id and r.idempotency_key = asked.idempotency_key and r.door = asked.door
       where r.idempotency_key is not null and r.state in ('reserved', 'committed')",
);

/// All that these calls may repeat, of whatever age.
pub async fn find_repeated(tx: &mut Tx, repeats: &[Repeat<'_>]) -> Result<Vec<Standing>, DbError> {
    Ok(crate::fetch_bulk!(
        tx,
        Standing,
        FIND_REPEATED,
        repeats,
        |one| one.key_id,
        one.idempotency_key,
        one.door.as_str()
    ))
}

/// So many more requests under a reservation that counts. False if it does no more.
pub async fn join(tx: &mut Tx, id: &str, more: i64) -> Result<bool, DbError> {
    let joined = crate::execute!(
        tx,
        "update reservations set holders = holders + $2
         where id = $1 and state in ('reserved', 'committed')",
        id,
        more
    )?;
    Ok(joined == 1)
}

/// What a key has spoken for on a day.
#[derive(Default, Deserialize, FromRow)]
pub struct Volume {
    pub key_id: String,
    pub currency: String,
    pub spent: i64,
    /// When its people were told that its limit is near, and that it was reached.
    pub near_at: Option<Millis>,
    pub reached_at: Option<Millis>,
}

static HOLD: Bulk = Bulk::new(
    "insert into volumes (key_id, currency, day, spent) values ",
    4,
    " on conflict (key_id, currency, day) do update set spent = volumes.spent
      returning key_id, currency, spent, near_at, reached_at",
);

/// What each of these keys and currencies has on a day. Nobody else counts there until the transaction ends. They come in one
/// order everywhere, so that no two transactions wait for each other.
pub async fn hold(tx: &mut Tx, day: i64, of: &[(&str, &str)]) -> Result<Vec<Volume>, DbError> {
    if tx.has_rivals() {
        return Ok(crate::fetch_bulk!(
            tx,
            Volume,
            HOLD,
            of,
            |one| one.0,
            one.1,
            day,
            0_i64
        ));
    }
    let mut volumes = on_day(tx, day, of).await?;
    let known: HashSet<(&str, &str)> = volumes
        .iter()
        .map(|volume| (volume.key_id.as_str(), volume.currency.as_str()))
        .collect();
    let new: Vec<Volume> = of
        .iter()
        .filter(|one| !known.contains(one))
        .map(|(key_id, currency)| Volume {
            key_id: (*key_id).to_owned(),
            currency: (*currency).to_owned(),
            ..Volume::default()
        })
        .collect();
    volumes.extend(new);
    Ok(volumes)
}

/// Those that there are, in one row: on SQLite each is handed over from thread to thread.
async fn on_day(tx: &mut Tx, day: i64, of: &[(&str, &str)]) -> Result<Vec<Volume>, DbError> {
    let (found,): (String,) = crate::fetch_one!(
        tx,
        (String,),
        "select json_group_array(json_object('key_id', v.key_id, 'currency', v.currency, 'spent', v.spent,
                                             'near_at', v.near_at, 'reached_at', v.reached_at))
         from json_each($1) a cross join volumes v
           where v.key_id = a.value ->> 0 and v.currency = a.value ->> 1 and v.day = $2",
        serde_json::json!(of).to_string(),
        day
    )?;
    serde_json::from_str(&found).map_err(|error| DbError::Other(sqlx::Error::Decode(error.into())))
}

static ADD: Bulk = Bulk::new(
    "insert into volumes (key_id, currency, day, spent) values ",
    4,
    " on conflict (key_id, currency, day) do update set spent = volumes.spent + excluded.spent",
);

/// Counts amounts on a day where [`hold`] holds it.
pub async fn add(
    tx: &mut Tx,
    day: i64,
    amounts: &BTreeMap<(&str, &str), i64>,
) -> Result<(), DbError> {
    let amounts: Vec<_> = amounts.iter().collect();
    crate::execute_bulk!(
        tx,
        ADD,
        amounts.as_slice(),
        |one| one.0.0,
        one.0.1,
        day,
        *one.1
    );
    Ok(())
}

/// A reservation that is made.
pub struct NewReservation<'a> {
    pub id: &'a str,
    pub key: &'a KeyRecord,
    pub amount: &'a Amount,
    pub idempotency_key: Option<&'a str>,
    pub asked: &'a [u8],
    pub door: Door,
    pub request_id: &'a str,
    pub lapses_at: Option<Millis>,
}

static INSERT: Bulk = Bulk::new(
    "insert into reservations (id, workspace_id, key_id, environment, currency, amount, day, state, holders,
                               idempotency_key, asked, door, request_id, created_at, lapses_at) values ",
    15,
    "",
);

pub async fn insert(
    tx: &mut Tx,
    made: &[NewReservation<'_>],
    day: i64,
    now: Millis,
) -> Result<(), DbError> {
    crate::execute_bulk!(
        tx,
        INSERT,
        made,
        |one| one.id,
        &*one.key.workspace_id,
        one.key.id(),
        &*one.key.environment,
        one.amount.currency.as_str(),
        one.amount.value,
        day,
        RESERVED,
        1_i64,
        one.idempotency_key,
        one.asked,
        one.door.as_str(),
        one.request_id,
        now,
        one.lapses_at
    );
    Ok(())
}

static LOCK: Bulk = Bulk::new(
    "select id from reservations where id in (values ",
    1,
    ") order by id for update",
);

/// Keeps others from these reservations, which come in order, until the transaction ends.
pub async fn lock(tx: &mut Tx, ids: &[String]) -> Result<(), DbError> {
    if tx.has_rivals() {
        crate::execute_bulk!(tx, LOCK, ids, |id| id.as_str());
    }
    Ok(())
}

static COMMIT: Bulk = Bulk::new(
    "with ended (id, at) as (values ",
    2,
    ") update reservations set state = 'committed', settled_at = ended.at from ended
       where reservations.id = ended.id and reservations.state = 'reserved'",
);

pub async fn set_committed(tx: &mut Tx, ids: &[String], now: Millis) -> Result<(), DbError> {
    crate::execute_bulk!(tx, COMMIT, ids, |id| id.as_str(), now);
    Ok(())
}

/// Changes the reservation `$1` at `$2`, if it is not settled yet and more holds, and gives it.
macro_rules! change_reserved {
    ($set:literal, $and:literal) => {
        concat!(
            "update reservations set ",
            $set,
            " where id = $1 and state = 'reserved' ",
            $and,
            " returning id, key_id, amount, currency, day, state"
        )
    };
}

/// One request under it moved nothing. If it was the last, the reservation is given back, and is given.
pub async fn let_go(tx: &mut Tx, id: &str, now: Millis) -> Result<Option<Reservation>, DbError> {
    let row: Option<Reservation> = crate::fetch_optional!(
        tx,
        Reservation,
        change_reserved!(
            "holders = holders - 1,
             state = case when holders <= 1 then 'released' else state end,
             settled_at = case when holders <= 1 then $2 else settled_at end",
            ""
        ),
        id,
        now
    )?;
    Ok(row.filter(|row| row.state != RESERVED))
}

pub async fn set_released(
    tx: &mut Tx,
    id: &str,
    now: Millis,
) -> Result<Option<Reservation>, DbError> {
    crate::fetch_optional!(
        tx,
        Reservation,
        change_reserved!("state = 'released', settled_at = $2", "and door = 'verify'"),
        id,
        now
    )
}

pub async fn commit_in_time(
    tx: &mut Tx,
    id: &str,
    now: Millis,
) -> Result<Option<Reservation>, DbError> {
    crate::fetch_optional!(
        tx,
        Reservation,
        change_reserved!(
            "state = 'committed', settled_at = $2",
            "and door = 'verify' and lapses_at > $2"
        ),
        id,
        now
    )
}

pub async fn set_lapsed(
    tx: &mut Tx,
    id: &str,
    now: Millis,
) -> Result<Option<Reservation>, DbError> {
    crate::fetch_optional!(
        tx,
        Reservation,
        change_reserved!("state = 'lapsed', settled_at = $2", "and lapses_at <= $2"),
        id,
        now
    )
}

/// Takes an amount off the day that it was counted on. Called once for each reservation: by whoever ended it.
pub async fn give_back(tx: &mut Tx, row: &Reservation) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update volumes set spent = spent - $4 where key_id = $1 and currency = $2 and day = $3",
        &row.key_id,
        &row.currency,
        row.day,
        row.amount
    )?;
    Ok(())
}

/// Notes that people are told of a day's volume. False if they were before.
pub async fn mark(
    tx: &mut Tx,
    key_id: &str,
    currency: &str,
    day: i64,
    reach: Reach,
    now: Millis,
) -> Result<bool, DbError> {
    let (near, reached) = match reach {
        Reach::Near => (Some(now), None),
        Reach::Reached => (None, Some(now)),
    };
    let marked = crate::execute!(
        tx,
        "insert into volumes (key_id, currency, day, spent, near_at, reached_at) values ($1, $2, $3, 0, $4, $5)
         on conflict (key_id, currency, day) do update set
           near_at = coalesce(volumes.near_at, excluded.near_at),
           reached_at = coalesce(volumes.reached_at, excluded.reached_at)
         where (excluded.near_at is not null and volumes.near_at is null)
            or (excluded.reached_at is not null and volumes.reached_at is null)",
        key_id,
        currency,
        day,
        near,
        reached
    )?;
    Ok(marked == 1)
}

pub async fn find_of_verify(reader: &mut Reader, id: &str) -> Result<Option<Reservation>, DbError> {
    crate::fetch_optional!(
        reader,
        Reservation,
        "select id, key_id, amount, currency, day, state from reservations where id = $1 and door = 'verify'",
        id
    )
}

pub async fn due(
    reader: &mut Reader,
    key_id: Option<&str>,
    now: Millis,
    limit: i64,
) -> Result<Vec<(String,)>, DbError> {
    crate::fetch_all!(
        reader,
        (String,),
        "select id from reservations
         where state = 'reserved' and lapses_at <= $1 and (cast($2 as text) is null or key_id = $2)
         order by id limit $3",
        now,
        key_id,
        limit
    )
}

/// Requests that nobody has settled and nobody will: their process ended while they were under way.
pub async fn commit_unanswered(tx: &mut Tx, before: Millis, now: Millis) -> Result<u64, DbError> {
    crate::execute!(
        tx,
        "update reservations set state = 'committed', settled_at = $2
         where state = 'reserved' and lapses_at is null and created_at <= $1",
        before,
        now
    )
}

pub async fn delete_reservations(tx: &mut Tx, before: Millis, limit: i64) -> Result<u64, DbError> {
    crate::execute!(
        tx,
        "delete from reservations where id in (
             select id from reservations where state <> 'reserved' and id < $1 order by id limit $2)",
        first_id("rsv", before),
        limit
    )
}

pub async fn delete_volumes(tx: &mut Tx, before: i64, limit: i64) -> Result<u64, DbError> {
    crate::execute!(
        tx,
        "delete from volumes where (key_id, currency, day) in (
             select key_id, currency, day from volumes where day < $1 order by day limit $2)",
        before,
        limit
    )
}

/// What a key has spoken for on a day. What has lapsed is not, though it may not be written down yet.
pub async fn spent_of(
    reader: &mut Reader,
    key_id: &str,
    currency: &str,
    day: i64,
    now: Millis,
) -> Result<i64, DbError> {
    let spent: Option<(i64,)> = crate::fetch_optional!(
        reader,
        (i64,),
        "select v.spent - (
             select cast(coalesce(sum(r.amount), 0) as bigint) from reservations r
             where r.key_id = v.key_id and r.currency = v.currency and r.day = v.day
               and r.state = 'reserved' and r.lapses_at <= $4)
         from volumes v where v.key_id = $1 and v.currency = $2 and v.day = $3",
        key_id,
        currency,
        day,
        now
    )?;
    Ok(spent.map_or(0, |(spent,)| spent))
}

/// What a workspace's key has moved on the day of `now`, by currency.
pub async fn today(
    reader: &mut Reader,
    workspace_id: &str,
    key_id: &str,
    now: Millis,
) -> Result<Vec<(String, i64)>, DbError> {
    crate::fetch_all!(
        reader,
        (String, i64),
        "select v.currency, v.spent from volumes v join api_keys k on k.id = v.key_id
         where k.workspace_id = $1 and v.key_id = $2 and v.day = $3 and v.spent > 0 order by v.currency",
        workspace_id,
        key_id,
        day_of(now)
    )
}
