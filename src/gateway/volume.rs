//! Amounts: reserved before money moves, then committed or given back. What is reserved or committed of a key on one UTC
//! day is never more than its limit, whatever happens in between and wherever it happens.
//!
//! - What a key has spoken for on a day is one row of `volumes`, raised by one conditional update: two requests at once,
//!   on whichever nodes, cannot both have the last of it. The row is the key's: its secrets come and go.
//! - A reservation counts on the day that it was made on, and is given back to that day, however late.
//! - What is not settled stays counted. Of the gateway's own, [`upkeep`] writes after an hour that they are spent: nobody
//!   knows that they are not. Verify's lapse after [`LAPSE`] unless they are committed.
//! - Requests that repeat one another under an idempotency key share a reservation, and it is given back only when the
//!   last of them lets go.
//!
//! Rows are locked in one order everywhere: the reservation, then its volume, then those of the request's log.

use sha2::{Digest, Sha256};
use sqlx::FromRow;

use super::{
    amount::Amount,
    judge::{Code, KeyRecord},
};
use crate::{
    db::{DbError, Reader, Tx},
    keys::{
        self,
        terms::Limits,
        upkeep::{DailyLimit, Reach},
    },
    profiles::Profile,
    server::{
        clock::{DAY, HOUR, MINUTE, Millis},
        error::AppError,
        state::AppState,
    },
    usage::buffer::{self, Door, RequestRow},
};

/// How long a resource server has to say what became of what it reserved.
pub const LAPSE: Millis = 15 * MINUTE;
/// How long a call that is sent again under its idempotency key is the same call. Platforms remember one about as long.
const REPEATED: Millis = DAY;
/// Longest idempotency key, in bytes; Stripe's bound.
pub const MAX_IDEMPOTENCY_KEY: usize = 255;
/// No request is answered later than this after it was let through.
const ANSWERED: Millis = HOUR;
/// How long what is settled is kept, and with it what was moved on its day: a month and its close. Until then whoever settles
/// late or twice hears what became of it. The log needs neither; repeats and giving back need far less.
const KEPT: Millis = 35 * DAY;
/// Reservations looked at in one go; the rest follow in the next.
const BATCH: i64 = 200;

/// Why an amount may not be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The profile or the key does not know the currency, or another of its limits cannot be told.
    Currency,
    /// More than the key may move at once.
    Transaction,
    /// More than is left of the day.
    Daily,
}

impl Refused {
    /// In the order in which they are found.
    pub const ALL: [Self; 3] = [Self::Currency, Self::Transaction, Self::Daily];

    pub const fn code(self) -> Code {
        match self {
            Self::Currency => Code::CurrencyNotAllowed,
            Self::Transaction => Code::TransactionLimitExceeded,
            Self::Daily => Code::DailyVolumeExceeded,
        }
    }
}

/// Whether a call of this key has to say what it moves, since something bounds that.
pub fn bounds(limits: &Limits) -> bool {
    *limits != Limits::default()
}

/// Whether the key may move the amount at all: on a day on which it has moved nothing yet.
pub fn check(limits: &Limits, profile: &Profile, amount: &Amount) -> Result<(), Refused> {
    let Some(currency) = profile.currency(&amount.currency) else {
        return Err(Refused::Currency);
    };
    let other_kind = limits.kind.is_some_and(|kind| kind != currency.kind);
    let another = match &limits.currency {
        Some(only) => *only != currency.id,
        // A number without its unit bounds nothing that could be counted.
        None => limits.max_amount.is_some() || limits.max_daily.is_some(),
    };
    if other_kind || another {
        return Err(Refused::Currency);
    }
    if amount.value < 0 || limits.max_amount.is_some_and(|max| amount.value > max) {
        return Err(Refused::Transaction);
    }
    if limits.max_daily.is_some_and(|max| amount.value > max) {
        return Err(Refused::Daily);
    }
    Ok(())
}

/// The UTC day of a moment, counted from 1 January 1970.
pub const fn day_of(at: Millis) -> i64 {
    at.div_euclid(DAY)
}

/// SHA-256 of the parts of a call that make it the same call when it is sent again.
pub fn fingerprint(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        // The length keeps ["ab", "c"] and ["a", "bc"] apart.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// What is asked for.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    pub workspace_id: &'a str,
    pub key_id: &'a str,
    pub environment: &'a str,
    pub limits: &'a Limits,
    pub amount: &'a Amount,
    pub door: Door,
    pub request_id: &'a str,
    /// Under which it may be sent again.
    pub idempotency_key: Option<&'a str>,
    /// [`fingerprint`] of the call.
    pub asked: [u8; 32],
}

/// What becomes of asking.
pub enum Answer {
    Reserved(Reserving),
    Refused(Refused),
    /// The idempotency key stands for another call.
    Conflict,
}

/// A reservation that is made once it is kept; dropped, it never was.
#[must_use]
pub struct Reserving {
    tx: Tx,
    held: Held,
    /// When it lapses, if it does.
    pub lapses_at: Option<Millis>,
}

/// A reservation that the gateway has to settle. Dropped, it counts as spent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Held(String);

/// How a request that was let through ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is certain that nothing of it reached the platform.
    NotSent,
    /// The platform answered with this status.
    Answered(u16),
    /// It was sent, or may have been, and the answer is not known.
    Lost,
}

impl Outcome {
    /// Whether the amount may have been moved.
    pub const fn is_spent(self) -> bool {
        match self {
            Self::NotSent => false,
            Self::Answered(status) => status / 100 != 4,
            Self::Lost => true,
        }
    }
}

impl Reserving {
    pub fn id(&self) -> &str {
        &self.held.0
    }

    /// Makes it durable, with the request's row where that is known already.
    pub async fn keep(mut self, row: Option<RequestRow>) -> Result<Held, DbError> {
        if let Some(row) = row {
            buffer::write(&mut self.tx, &[row]).await?;
        }
        self.tx.commit().await?;
        Ok(self.held)
    }
}

impl Held {
    pub fn id(&self) -> &str {
        &self.0
    }

    /// Settles it and writes the request's row, durably. On an error nothing is given back, and the request must not be
    /// answered as if it were written down.
    pub async fn settle(
        self,
        state: &AppState,
        outcome: Outcome,
        row: &RequestRow,
    ) -> Result<(), DbError> {
        let now = state.clock.now();
        let mut tx = state.db.begin().await?;
        if outcome.is_spent() {
            set_committed(&mut tx, &self.0, now).await?;
        } else {
            let_go(&mut tx, &self.0, now).await?;
        }
        buffer::write(&mut tx, std::slice::from_ref(row)).await?;
        tx.commit().await
    }
}

/// Reserves an amount. Nothing is written before [`Reserving::keep`], so that what comes after (a charge that is refused)
/// leaves no trace of it; only then is it given back if it is not spent.
pub async fn reserve(state: &AppState, ask: &Ask<'_>) -> Result<Answer, AppError> {
    if let Err(refused) = check(ask.limits, &state.profile, ask.amount) {
        return Ok(Answer::Refused(refused));
    }
    match attempt(state, ask).await? {
        // What has lapsed is free, whether or not anybody has written that down yet. It is written in transactions of its
        // own, since one that waits for a volume must not wait for reservations.
        Answer::Refused(Refused::Daily) if lapse_due(state, Some(ask.key_id)).await? > 0 => {
            attempt(state, ask).await
        }
        answer => Ok(answer),
    }
}

async fn attempt(state: &AppState, ask: &Ask<'_>) -> Result<Answer, AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    if let Some(repeat) = ask.idempotency_key {
        tx.serialise(&format!("repeat:{}:{repeat}", ask.key_id))
            .await?;
        if let Some(standing) = find_repeated(&mut tx, ask, repeat, now - REPEATED).await? {
            if !standing.is_due(now) {
                if standing.asked != ask.asked {
                    return Ok(Answer::Conflict);
                }
                // Unless it was settled between the two statements, which is as good for a repeat only if it was spent.
                if join(&mut tx, &standing.id).await? {
                    return Ok(Answer::Reserved(Reserving {
                        tx,
                        lapses_at: standing.lapses_at,
                        held: Held(standing.id),
                    }));
                }
            } else if let Some(row) = set_lapsed(&mut tx, &standing.id, now).await? {
                give_back(&mut tx, &row).await?;
            }
        }
    }
    let (day, value) = (day_of(now), ask.amount.value);
    let most = ask.limits.max_daily.unwrap_or(i64::MAX);
    let Some((spent, told)) = add(&mut tx, ask, day, most).await? else {
        return Ok(Answer::Refused(Refused::Daily));
    };
    let id = state.rng.id("rsv", now);
    let lapses_at = (ask.door == Door::Verify).then_some(now + LAPSE);
    insert(&mut tx, &id, ask, day, lapses_at, now).await?;
    if let Some(max) = ask.limits.max_daily
        && told.is_none()
        && is_near(spent, max)
        && !is_near(spent - value, max)
    {
        tell(&mut tx, state, ask, Reach::Near, now).await?;
    }
    Ok(Answer::Reserved(Reserving {
        tx,
        held: Held(id),
        lapses_at,
    }))
}

/// Four fifths of a day's limit, from where its people are told.
fn is_near(spent: i64, max: i64) -> bool {
    i128::from(spent) * 5 >= i128::from(max) * 4
}

/// Says once a key and day that its limit is reached, if that is why an amount was refused.
pub async fn refused(state: &AppState, ask: &Ask<'_>, why: Refused) -> Result<(), AppError> {
    if why == Refused::Daily {
        let mut tx = state.db.begin().await?;
        tell(&mut tx, state, ask, Reach::Reached, state.clock.now()).await?;
        tx.commit().await?;
    }
    Ok(())
}

async fn tell(
    tx: &mut Tx,
    state: &AppState,
    ask: &Ask<'_>,
    reach: Reach,
    now: Millis,
) -> Result<(), AppError> {
    let Some(max) = ask.limits.max_daily else {
        return Ok(());
    };
    let day = day_of(now);
    if !mark(tx, ask.key_id, &ask.amount.currency, day, reach, now).await? {
        return Ok(());
    }
    let limit = DailyLimit {
        currency: &ask.amount.currency,
        max,
        ends_at: (day + 1) * DAY,
    };
    keys::upkeep::limit_used(tx, state, ask.workspace_id, ask.key_id, reach, &limit).await
}

/// What [`reserve`] would say, check by check up to the first that fails. Nothing is reserved.
pub async fn would(
    reader: &mut Reader,
    profile: &Profile,
    key: &KeyRecord,
    amount: &Amount,
    now: Millis,
) -> Result<Vec<(Refused, bool)>, DbError> {
    let limits = key.limits();
    let mut found = check(limits, profile, amount);
    if let (Ok(()), Some(max)) = (found, limits.max_daily) {
        let spoken_for = spent_of(reader, &key.id, &amount.currency, day_of(now), now).await?;
        if amount.value > max.saturating_sub(spoken_for) {
            found = Err(Refused::Daily);
        }
    }
    let mut steps = Vec::new();
    for check in Refused::ALL {
        let ok = found != Err(check);
        steps.push((check, ok));
        if !ok {
            break;
        }
    }
    Ok(steps)
}

/// How a resource server settles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settle {
    Commit,
    Release,
}

/// What it is told.
#[derive(Debug, PartialEq, Eq)]
pub enum Settled {
    /// It stands so, now or since an earlier time.
    Done(Reservation),
    /// It was settled the other way, or has lapsed.
    Otherwise(Reservation),
    /// There is none that verify made.
    Unknown,
}

/// Settles a reservation that verify made. To do it twice is to do it once.
pub async fn settle(state: &AppState, id: &str, how: Settle) -> Result<Settled, AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    let settled = match how {
        Settle::Commit => commit_in_time(&mut tx, id, now).await?,
        Settle::Release => {
            let row = set_released(&mut tx, id, now).await?;
            if let Some(row) = &row {
                give_back(&mut tx, row).await?;
            }
            row
        }
    };
    if let Some(row) = settled {
        tx.commit().await?;
        return Ok(Settled::Done(row));
    }
    let Some(row) = find_of_verify(&mut tx, id).await? else {
        return Ok(Settled::Unknown);
    };
    let stands = match how {
        Settle::Commit => row.state == COMMITTED,
        Settle::Release => row.state != COMMITTED,
    };
    Ok(if stands {
        Settled::Done(row)
    } else {
        Settled::Otherwise(row)
    })
}

/// Called by the housekeeper. Several nodes may do so at once.
pub async fn upkeep(state: &AppState) -> Result<(), AppError> {
    while lapse_due(state, None).await? == BATCH {}
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    let spent = commit_unanswered(&mut tx, now - ANSWERED, now).await?;
    tx.commit().await?;
    if spent > 0 {
        tracing::warn!(
            spent,
            "requests were let through and never settled; their amounts count as spent"
        );
    }
    prune(state, now - KEPT).await?;
    Ok(())
}

/// Deletes what nothing asks for any more, in batches, so that no request waits long for the database.
async fn prune(state: &AppState, before: Millis) -> Result<(), DbError> {
    let batch = u64::try_from(BATCH).unwrap_or_default();
    loop {
        let mut tx = state.db.begin().await?;
        let reservations = delete_reservations(&mut tx, before).await?;
        let volumes = delete_volumes(&mut tx, day_of(before)).await?;
        tx.commit().await?;
        if reservations < batch && volumes < batch {
            return Ok(());
        }
    }
}

/// Gives back what has lapsed, of one key if one is named. Gives how many were due.
async fn lapse_due(state: &AppState, key_id: Option<&str>) -> Result<i64, DbError> {
    let now = state.clock.now();
    let due = {
        let mut reader = state.db.read().await?;
        due(&mut reader, key_id, now).await?
    };
    for (id,) in &due {
        let mut tx = state.db.begin().await?;
        // Whoever comes first, here or on another node, gives it back.
        if let Some(row) = set_lapsed(&mut tx, id, now).await? {
            give_back(&mut tx, &row).await?;
            tx.commit().await?;
        }
    }
    Ok(i64::try_from(due.len()).unwrap_or(BATCH))
}

const RESERVED: &str = "reserved";
const COMMITTED: &str = "committed";

/// A reservation as its resource server sees it.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Reservation {
    pub id: String,
    key_id: String,
    pub amount: i64,
    pub currency: String,
    day: i64,
    pub state: String,
}

#[derive(FromRow)]
struct Standing {
    id: String,
    state: String,
    asked: Vec<u8>,
    lapses_at: Option<Millis>,
}

impl Standing {
    fn is_due(&self, now: Millis) -> bool {
        self.state == RESERVED && self.lapses_at.is_some_and(|at| at <= now)
    }
}

/// What is kept under the idempotency key at this door and still counts.
async fn find_repeated(
    tx: &mut Tx,
    ask: &Ask<'_>,
    repeat: &str,
    since: Millis,
) -> Result<Option<Standing>, DbError> {
    crate::fetch_optional!(
        tx,
        Standing,
        "select id, state, asked, lapses_at from reservations
         where key_id = $1 and idempotency_key = $2 and door = $3 and created_at > $4
           and state in ('reserved', 'committed')
         order by created_at desc, id desc limit 1",
        ask.key_id,
        repeat,
        ask.door.as_str(),
        since
    )
}

/// One more request under a reservation that counts. False if it does no more.
async fn join(tx: &mut Tx, id: &str) -> Result<bool, DbError> {
    let joined = crate::execute!(
        tx,
        "update reservations set holders = holders + 1
         where id = $1 and state in ('reserved', 'committed')",
        id
    )?;
    Ok(joined == 1)
}

/// Counts an amount on a day, if no more than `most` are counted then. Gives what is, and when its people were told that
/// this is much.
async fn add(
    tx: &mut Tx,
    ask: &Ask<'_>,
    day: i64,
    most: i64,
) -> Result<Option<(i64, Option<Millis>)>, DbError> {
    let value = ask.amount.value;
    // `check` has seen that the first of a day fits.
    crate::fetch_optional!(
        tx,
        (i64, Option<i64>),
        "insert into volumes (key_id, currency, day, spent) values ($1, $2, $3, $4)
         on conflict (key_id, currency, day) do update set spent = volumes.spent + excluded.spent
         where volumes.spent <= $5
         returning spent, near_at",
        ask.key_id,
        &ask.amount.currency,
        day,
        value,
        most.saturating_sub(value)
    )
}

async fn insert(
    tx: &mut Tx,
    id: &str,
    ask: &Ask<'_>,
    day: i64,
    lapses_at: Option<Millis>,
    now: Millis,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "insert into reservations (id, workspace_id, key_id, environment, currency, amount, day, state, holders,
                                   idempotency_key, asked, door, request_id, created_at, lapses_at)
         values ($1, $2, $3, $4, $5, $6, $7, 'reserved', 1, $8, $9, $10, $11, $12, $13)",
        id,
        ask.workspace_id,
        ask.key_id,
        ask.environment,
        &ask.amount.currency,
        ask.amount.value,
        day,
        ask.idempotency_key,
        ask.asked.to_vec(),
        ask.door.as_str(),
        ask.request_id,
        now,
        lapses_at
    )?;
    Ok(())
}

async fn set_committed(tx: &mut Tx, id: &str, now: Millis) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update reservations set state = 'committed', settled_at = $2 where id = $1 and state = 'reserved'",
        id,
        now
    )?;
    Ok(())
}

/// One request under it moved nothing; the last one gives it back.
async fn let_go(tx: &mut Tx, id: &str, now: Millis) -> Result<(), DbError> {
    let row: Option<Reservation> = crate::fetch_optional!(
        tx,
        Reservation,
        "update reservations set holders = holders - 1,
           state = case when holders <= 1 then 'released' else state end,
           settled_at = case when holders <= 1 then $2 else settled_at end
         where id = $1 and state = 'reserved'
         returning id, key_id, amount, currency, day, state",
        id,
        now
    )?;
    match row {
        Some(row) if row.state != RESERVED => give_back(tx, &row).await,
        _ => Ok(()),
    }
}

async fn set_released(tx: &mut Tx, id: &str, now: Millis) -> Result<Option<Reservation>, DbError> {
    crate::fetch_optional!(
        tx,
        Reservation,
        "update reservations set state = 'released', settled_at = $2
         where id = $1 and state = 'reserved' and door = 'verify'
         returning id, key_id, amount, currency, day, state",
        id,
        now
    )
}

async fn commit_in_time(
    tx: &mut Tx,
    id: &str,
    now: Millis,
) -> Result<Option<Reservation>, DbError> {
    crate::fetch_optional!(
        tx,
        Reservation,
        "update reservations set state = 'committed', settled_at = $2
         where id = $1 and state = 'reserved' and door = 'verify' and lapses_at > $2
         returning id, key_id, amount, currency, day, state",
        id,
        now
    )
}

async fn set_lapsed(tx: &mut Tx, id: &str, now: Millis) -> Result<Option<Reservation>, DbError> {
    crate::fetch_optional!(
        tx,
        Reservation,
        "update reservations set state = 'lapsed', settled_at = $2
         where id = $1 and state = 'reserved' and lapses_at <= $2
         returning id, key_id, amount, currency, day, state",
        id,
        now
    )
}

/// Takes an amount off the day that it was counted on. Called once for each reservation: by whoever ended it.
async fn give_back(tx: &mut Tx, row: &Reservation) -> Result<(), DbError> {
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
async fn mark(
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

async fn find_of_verify(reader: &mut Reader, id: &str) -> Result<Option<Reservation>, DbError> {
    crate::fetch_optional!(
        reader,
        Reservation,
        "select id, key_id, amount, currency, day, state from reservations where id = $1 and door = 'verify'",
        id
    )
}

async fn due(
    reader: &mut Reader,
    key_id: Option<&str>,
    now: Millis,
) -> Result<Vec<(String,)>, DbError> {
    crate::fetch_all!(
        reader,
        (String,),
        "select id from reservations
         where state = 'reserved' and lapses_at <= $1 and (cast($2 as text) is null or key_id = $2)
         order by id limit $3",
        now,
        key_id,
        BATCH
    )
}

/// Requests that nobody has settled and nobody will: their process ended while they were under way.
async fn commit_unanswered(tx: &mut Tx, before: Millis, now: Millis) -> Result<u64, DbError> {
    crate::execute!(
        tx,
        "update reservations set state = 'committed', settled_at = $2
         where state = 'reserved' and lapses_at is null and created_at <= $1",
        before,
        now
    )
}

async fn delete_reservations(tx: &mut Tx, before: Millis) -> Result<u64, DbError> {
    crate::execute!(
        tx,
        "delete from reservations where id in (
             select id from reservations where state <> 'reserved' and created_at < $1
             order by created_at limit $2)",
        before,
        BATCH
    )
}

async fn delete_volumes(tx: &mut Tx, before: i64) -> Result<u64, DbError> {
    crate::execute!(
        tx,
        "delete from volumes where (key_id, currency, day) in (
             select key_id, currency, day from volumes where day < $1 order by day limit $2)",
        before,
        BATCH
    )
}

/// What a key has spoken for on a day. What has lapsed is not, though it may not be written down yet.
async fn spent_of(
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
