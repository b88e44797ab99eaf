//! Amounts: reserved before money moves, then committed or given back. What is reserved or committed of a key on one UTC
//! day is never more than its limit, whatever happens in between and wherever it happens.
//!
//! - What a key has spoken for on a day is one row of `volumes`, held by whoever decides about it until that is durable: two
//!   requests at once, on whichever nodes, cannot both have the last of it. The row is the key's: its secrets come and go.
//! - A reservation counts on the day that it was made on, and is given back to that day, however late.
//! - What is not settled stays counted. Of the gateway's own, [`upkeep`] writes after an hour that they are spent: nobody
//!   knows that they are not. Verify's lapse after [`LAPSE`] unless they are committed.
//! - Requests that repeat one another under an idempotency key share a reservation, and it is given back only when the
//!   last of them lets go.
//!
//! Rows are locked in one order everywhere: the reservation, then its volume, then those of the request's log.

pub mod store;

use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

pub use self::store::{Reservation, today};
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
    usage::buffer::{Buffer, RequestRow},
};

/// How long a resource server has to say what became of what it reserved.
pub const LAPSE: Millis = 15 * MINUTE;
/// How long a call that is sent again under its idempotency key is the same call. Platforms remember one about as long.
pub const REPEATED: Millis = DAY;
/// Longest idempotency key, in bytes; Stripe's bound.
pub const MAX_IDEMPOTENCY_KEY: usize = 255;
/// No request is answered later than this after it was let through.
const ANSWERED: Millis = HOUR;
/// How long what is settled is kept, and with it what was moved on its day: a month and its close. Until then whoever settles
/// late or twice hears what became of it. The log needs neither; repeats and giving back need far less.
const KEPT: Millis = 35 * DAY;
/// Requests that are settled in one transaction at most.
const ENDED: usize = 200;
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

impl Held {
    /// The reservation with this id, which nobody else holds for the same request.
    pub fn of(id: &str) -> Self {
        Self(id.to_owned())
    }

    pub fn id(&self) -> &str {
        &self.0
    }

    /// Settles it and writes the request's row, durably. On an error nothing is given back, and the request must not be
    /// answered as if it were written down.
    pub async fn settle(
        self,
        state: &AppState,
        outcome: Outcome,
        row: RequestRow,
    ) -> Result<(), DbError> {
        let (told, done) = oneshot::channel();
        let ended = Ended {
            id: self.0,
            outcome,
            row,
            told,
        };
        state.ended.add(ended, ENDED, state.clone(), settle_all);
        let lost = || sqlx::Error::Protocol("the amounts cannot be settled".to_owned());
        done.await.map_err(|_| DbError::Other(lost()))
    }
}

/// A request that moved an amount and has ended, and how it hears that this is durable.
pub struct Ended {
    id: String,
    outcome: Outcome,
    row: RequestRow,
    told: oneshot::Sender<()>,
}

async fn settle_all(state: AppState, batch: Vec<Ended>) {
    let (mut spent, mut free, mut rows, mut told) = (vec![], vec![], vec![], vec![]);
    for ended in batch {
        let ids = if ended.outcome.is_spent() {
            &mut spent
        } else {
            &mut free
        };
        ids.push(ended.id);
        rows.push(ended.row);
        told.push(ended.told);
    }
    match settle_in_one(&state, spent, free, rows).await {
        Ok(()) => told.into_iter().for_each(|told| {
            // Who does not listen has gone.
            let _ = told.send(());
        }),
        // Whoever waits hears nothing, and says so.
        Err(error) => tracing::error!(%error, "amounts cannot be settled"),
    }
}

async fn settle_in_one(
    state: &AppState,
    spent: Vec<String>,
    free: Vec<String>,
    rows: Vec<RequestRow>,
) -> Result<(), DbError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    let mut all = [spent.as_slice(), free.as_slice()].concat();
    all.sort_unstable();
    store::lock(&mut tx, &all).await?;
    store::set_committed(&mut tx, &spent, now).await?;
    let mut back = Vec::new();
    for id in &free {
        back.extend(store::let_go(&mut tx, id, now).await?);
    }
    back.sort_unstable_by(|a, b| a.volume().cmp(&b.volume()));
    for reservation in &back {
        store::give_back(&mut tx, reservation).await?;
    }
    let owed = Buffer::write(&mut tx, rows).await?;
    tx.commit().await?;
    state.usage.owes(owed);
    Ok(())
}

/// Four fifths of a day's limit, from where its people are told.
pub fn is_near(spent: i64, max: i64) -> bool {
    i128::from(spent) * 5 >= i128::from(max) * 4
}

/// Says once a key and day that so much of its limit is used.
pub async fn tell(
    tx: &mut Tx,
    state: &AppState,
    key: &KeyRecord,
    currency: &str,
    reach: Reach,
    now: Millis,
) -> Result<(), AppError> {
    let Some(max) = key.limits().max_daily else {
        return Ok(());
    };
    let day = day_of(now);
    if !store::mark(tx, &key.id(), currency, day, reach, now).await? {
        return Ok(());
    }
    let limit = DailyLimit {
        currency,
        max,
        ends_at: (day + 1) * DAY,
    };
    keys::upkeep::limit_used(tx, state, &key.workspace_id, &key.id(), reach, &limit).await
}

/// What asking would come to, check by check up to the first that fails. Nothing is reserved.
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
        let spoken_for =
            store::spent_of(reader, &key.id(), &amount.currency, day_of(now), now).await?;
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
        Settle::Commit => store::commit_in_time(&mut tx, id, now).await?,
        Settle::Release => {
            let row = store::set_released(&mut tx, id, now).await?;
            if let Some(row) = &row {
                store::give_back(&mut tx, row).await?;
            }
            row
        }
    };
    if let Some(row) = settled {
        tx.commit().await?;
        return Ok(Settled::Done(row));
    }
    let Some(row) = store::find_of_verify(&mut tx, id).await? else {
        return Ok(Settled::Unknown);
    };
    let stands = match how {
        Settle::Commit => row.state == store::COMMITTED,
        Settle::Release => row.state != store::COMMITTED,
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
    let spent = store::commit_unanswered(&mut tx, now - ANSWERED, now).await?;
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
        let reservations = store::delete_reservations(&mut tx, before, BATCH).await?;
        let volumes = store::delete_volumes(&mut tx, day_of(before), BATCH).await?;
        tx.commit().await?;
        if reservations < batch && volumes < batch {
            return Ok(());
        }
    }
}

/// Whether something of a key has lapsed and is not written down yet.
pub async fn has_lapsed(reader: &mut Reader, key_id: &str, now: Millis) -> Result<bool, DbError> {
    Ok(!store::due(reader, Some(key_id), now, 1).await?.is_empty())
}

/// Gives back what has lapsed, of one key if one is named. Gives how many were due.
pub async fn lapse_due(state: &AppState, key_id: Option<&str>) -> Result<i64, DbError> {
    let now = state.clock.now();
    let due = {
        let mut reader = state.db.read().await?;
        store::due(&mut reader, key_id, now, BATCH).await?
    };
    for (id,) in &due {
        let mut tx = state.db.begin().await?;
        // Whoever comes first, here or on another node, gives it back.
        if let Some(row) = store::set_lapsed(&mut tx, id, now).await? {
            store::give_back(&mut tx, &row).await?;
            tx.commit().await?;
        }
    }
    Ok(i64::try_from(due.len()).unwrap_or(BATCH))
}
