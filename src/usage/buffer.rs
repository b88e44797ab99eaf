//! From judging to the database without waiting for it: a bounded channel and a group commit.
//!
//! A request's row is durable within [`WINDOW`] of its answer. If the database cannot take rows, judging goes on
//! until the oldest unwritten one is [`MAX_UNWRITTEN`] old, and then stops ([`Buffer::accepts`]): no request passes
//! that would leave no trace. A full channel slows requests down, then stops them.

mod store;
mod sweep;
mod tally;
#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::mpsc::{self, OwnedPermit, error::TrySendError},
    task::JoinHandle,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use self::{store as rows, sweep::Sweep, tally::Tally};
use crate::{
    db::{Db, DbError, Tx},
    server::clock::{Id, Millis, SECOND},
};

/// What a crash may lose of requests that carry no amount.
const WINDOW: Duration = Duration::from_millis(250);
/// Beyond this age of the oldest unwritten row nothing more is judged.
const MAX_UNWRITTEN: Millis = 2 * SECOND;
/// How long a request waits for its place in a full channel before it is refused.
const PATIENCE: Duration = Duration::from_secs(1);
/// Rows that may wait. At 50 000 requests a second this is more than the window holds.
const CAPACITY: usize = 16_384;
/// Rows in one transaction at most.
const GROUP: usize = 4_000;
/// From so many rows in a window on, what they tell of is written in sweeps where that is worth it.
const CROWD: usize = 500;
/// The same of those that move amounts, where every batch is a transaction.
const COMPANY: usize = 8;

/// One judged request.
#[derive(Clone, Debug)]
pub struct RequestRow {
    pub id: Id,
    pub workspace_id: Arc<str>,
    pub environment: Arc<str>,
    pub key_id: Id,
    /// Which of the key's secrets it carried.
    pub secret_id: Option<Id>,
    pub at: Millis,
    pub door: Door,
    pub code: &'static str,
    pub status: u16,
    pub method: Option<Arc<str>>,
    /// Without its query, which may hold secrets.
    pub path: Option<Arc<str>>,
    pub scope: Option<Arc<str>>,
    pub ip: Option<Arc<str>>,
    pub agent: Option<Arc<str>>,
    pub latency_us: i64,
    /// The amount that it named, if all else was in order.
    pub moved: Option<Moved>,
}

/// An amount in minor units, and the reservation that it was moved under, if it was.
#[derive(Clone, Debug)]
pub struct Moved {
    pub amount: i64,
    pub currency: Arc<str>,
    pub reservation_id: Option<String>,
}

/// Through which of Latchkey's doors the request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    Gateway,
    Verify,
    ForwardAuth,
}

impl Door {
    pub const ALL: [Self; 3] = [Self::Gateway, Self::Verify, Self::ForwardAuth];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Verify => "verify",
            Self::ForwardAuth => "forward-auth",
        }
    }
}

#[derive(Clone)]
pub struct Buffer {
    rows: mpsc::Sender<RequestRow>,
    /// To the writer: what others have written of a crowd.
    owed: mpsc::UnboundedSender<Owed>,
    /// When the oldest row of the group being written was judged; those in the queue are younger. `i64::MAX` when
    /// nothing waits. Only the writer sets it.
    oldest: Arc<AtomicI64>,
    finish: CancellationToken,
}

/// Room for one row, so that a request which was let through is never without one.
pub struct Place(OwnedPermit<RequestRow>);

impl Place {
    /// Hands over the row.
    pub fn fill(self, row: RequestRow) {
        self.0.send(row);
    }
}

/// Rows that are written, whose sweep is owed under this id.
#[must_use]
pub struct Owed {
    id: String,
    rows: Vec<RequestRow>,
}

/// The queue was full, so the request must not pass.
#[derive(Debug, PartialEq, Eq)]
pub struct Full;

impl Buffer {
    fn new() -> (Self, Queue) {
        let (rows, queue) = mpsc::channel(CAPACITY);
        let (owed, written) = mpsc::unbounded_channel();
        let buffer = Self {
            rows,
            owed,
            oldest: Arc::new(AtomicI64::new(i64::MAX)),
            finish: CancellationToken::new(),
        };
        let queue = Queue {
            rows: queue,
            owed: written,
        };
        (buffer, queue)
    }

    /// Lets go of all rows, for a measurement of what writing them costs.
    pub fn unlogged() -> (Self, JoinHandle<()>) {
        let (buffer, mut queue) = Self::new();
        let finish = buffer.finish.clone();
        let writer = tokio::spawn(async move {
            let mut group = Vec::with_capacity(GROUP);
            while tokio::select! {
                rows = queue.rows.recv_many(&mut group, GROUP) => rows > 0,
                () = finish.cancelled() => false,
            } {
                group.clear();
            }
        });
        (buffer, writer)
    }

    /// Starts the writer. It ends, everything written, after [`Buffer::finish`].
    pub fn start(db: Db) -> (Self, JoinHandle<()>) {
        let (buffer, queue) = Self::new();
        let writer = tokio::spawn(follow(
            db,
            queue,
            buffer.oldest.clone(),
            buffer.finish.clone(),
        ));
        (buffer, writer)
    }

    /// Writes rows in the transaction of what they moved. What a crowd of them tells of is owed, and [`Self::owes`] says
    /// so once the transaction is kept.
    pub async fn write(tx: &mut Tx, rows: Vec<RequestRow>) -> Result<Option<Owed>, DbError> {
        if rows.len() < COMPANY || !tx.keeps_order_of_keys() {
            write(tx, &rows).await?;
            return Ok(None);
        }
        let id = sweep::append(tx, &rows).await?;
        Ok(Some(Owed { id, rows }))
    }

    /// Has the writer go through it in its next sweep. What it does not hear of it makes up for after a start.
    pub fn owes(&self, owed: Option<Owed>) {
        if let Some(owed) = owed {
            let _ = self.owed.send(owed);
        }
    }

    /// Takes no more rows; the writer ends once those that it has are written.
    pub fn finish(&self) {
        self.finish.cancel();
    }

    /// Whether requests may be judged: what was judged before is written or young.
    pub fn accepts(&self, now: Millis) -> bool {
        now.saturating_sub(self.oldest.load(Ordering::Relaxed)) < MAX_UNWRITTEN
    }

    /// Whether nothing waits, and the writer knows it: a row can be read before its writer hears that it is written.
    #[cfg(test)]
    pub fn is_idle(&self) -> bool {
        self.rows.capacity() == CAPACITY && self.oldest.load(Ordering::Relaxed) == i64::MAX
    }

    /// A place for the row of a request that is being answered.
    pub async fn place(&self) -> Result<Place, Full> {
        match self.rows.clone().try_reserve_owned() {
            Ok(place) => Ok(Place(place)),
            Err(TrySendError::Closed(_)) => Err(Full),
            Err(TrySendError::Full(rows)) => {
                let place = Box::pin(tokio::time::timeout(PATIENCE, rows.reserve_owned())).await;
                place.ok().and_then(Result::ok).map(Place).ok_or(Full)
            }
        }
    }
}

/// What comes to the writer.
struct Queue {
    rows: mpsc::Receiver<RequestRow>,
    owed: mpsc::UnboundedReceiver<Owed>,
}

async fn follow(db: Db, mut queue: Queue, oldest: Arc<AtomicI64>, finish: CancellationToken) {
    let mut group = Vec::with_capacity(GROUP);
    let mut sweep = Sweep::default();
    loop {
        if queue.rows.is_empty() {
            oldest.store(i64::MAX, Ordering::Relaxed);
        }
        let due = sweep.due();
        let received = tokio::select! {
            biased;
            Some(owed) = queue.owed.recv() => {
                sweep.gather(owed.id, &owed.rows);
                continue;
            }
            received = queue.rows.recv_many(&mut group, GROUP) => received,
            () = finish.cancelled(), if !queue.rows.is_closed() => {
                queue.rows.close();
                continue;
            }
            () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                step(&mut sweep, &db).await;
                continue;
            }
        };
        if received == 0 {
            while let Ok(owed) = queue.owed.try_recv() {
                sweep.gather(owed.id, &owed.rows);
            }
            if let Err(error) = sweep.finish(&db).await {
                tracing::error!(%error, "counts of requests are behind until the next start");
            }
            return;
        }
        let first = group.iter().map(|row| row.at).min().unwrap_or(i64::MAX);
        oldest.store(first, Ordering::Relaxed);
        // Wait for company, unless the group is full already or no more will come.
        if group.len() < GROUP && !finish.is_cancelled() {
            tokio::time::sleep(WINDOW).await;
            while group.len() < GROUP
                && let Ok(row) = queue.rows.try_recv()
            {
                group.push(row);
            }
        }
        // As the table has them, so that each row comes right behind the one before.
        group.sort_unstable_by_key(|row| row.id);
        write_group(&db, &mut sweep, &group).await;
        metrics::counter!("latchkey_usage_rows_total").increment(group.len() as u64);
        group.clear();
        step(&mut sweep, &db).await;
    }
}

/// Until it is written, however long that takes: [`Buffer::accepts`] has stopped the judging by then.
async fn write_group(db: &Db, sweep: &mut Sweep, group: &[RequestRow]) {
    let crowd = group.len() >= CROWD && db.keeps_order_of_keys();
    let mut failures = 0;
    loop {
        let written = if crowd {
            sweep.append(db, group).await
        } else {
            store(db, group).await
        };
        let Err(error) = written else { return };
        if failures == 0 {
            tracing::error!(%error, rows = group.len(), "usage rows cannot be written");
        }
        failures += 1;
        metrics::counter!("latchkey_usage_write_failures_total").increment(1);
        tokio::time::sleep(WINDOW).await;
        // Its commit may have been done and not heard of.
        if let Some(first) = group.first()
            && let Ok(true) = rows::is_written(db, first.id).await
        {
            return;
        }
    }
}

async fn step(sweep: &mut Sweep, db: &Db) {
    if let Err(error) = sweep.step(db).await {
        tracing::error!(%error, "counts of requests are behind");
        tokio::time::sleep(WINDOW).await;
    }
}

/// Makes up for what an earlier process owed when it was cut off.
pub async fn catch_up(db: &Db) -> Result<(), DbError> {
    Sweep::recover(db).await?.finish(db).await
}

/// Writes a group in a transaction of its own.
pub async fn store(db: &Db, rows: &[RequestRow]) -> Result<(), DbError> {
    let mut tx = db.begin().await?;
    write(&mut tx, rows).await?;
    tx.commit().await
}

/// Writes rows with what they tell of: the rows, the counts by hour, and when each key was last used.
async fn write(tx: &mut Tx, rows: &[RequestRow]) -> Result<(), DbError> {
    rows::insert(tx, rows).await?;
    Tally::of(rows).sorted().write(tx).await
}
