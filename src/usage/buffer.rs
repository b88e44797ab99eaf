//! From judging to the database without waiting for it: a bounded channel and a group commit.
//!
//! A request's row is durable within [`WINDOW`] of its answer. If the database cannot take rows, judging goes on
//! until the oldest unwritten one is [`MAX_UNWRITTEN`] old, and then stops ([`Buffer::accepts`]): no request passes
//! that would leave no trace. A full channel slows requests down, then stops them.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::mpsc::{self, OwnedPermit, error::TrySendError},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use crate::{
    db::{Db, DbError, Tx},
    server::clock::{HOUR, Millis, SECOND},
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
const GROUP: usize = 2_000;

/// One judged request.
#[derive(Clone, Debug)]
pub struct RequestRow {
    pub id: String,
    pub workspace_id: Arc<str>,
    pub environment: Arc<str>,
    pub key_id: Arc<str>,
    /// Which of the key's secrets it carried.
    pub secret_id: Option<Arc<str>>,
    pub at: Millis,
    pub door: Door,
    pub code: &'static str,
    pub status: u16,
    pub method: Option<String>,
    /// Without its query, which may hold secrets.
    pub path: Option<String>,
    pub scope: Option<String>,
    pub ip: Option<String>,
    pub agent: Option<String>,
    pub latency_us: i64,
    /// The amount that it named, if all else was in order.
    pub moved: Option<Moved>,
}

/// An amount in minor units, and the reservation that it was moved under, if it was.
#[derive(Clone, Debug)]
pub struct Moved {
    pub amount: i64,
    pub currency: String,
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

/// The queue was full, so the request must not pass.
#[derive(Debug, PartialEq, Eq)]
pub struct Full;

impl Buffer {
    /// Starts the writer. It ends, everything written, after [`Buffer::finish`].
    pub fn start(db: Db) -> (Self, JoinHandle<()>) {
        let (rows, queue) = mpsc::channel(CAPACITY);
        let buffer = Self {
            rows,
            oldest: Arc::new(AtomicI64::new(i64::MAX)),
            finish: CancellationToken::new(),
        };
        let writer = tokio::spawn(follow(
            db,
            queue,
            buffer.oldest.clone(),
            buffer.finish.clone(),
        ));
        (buffer, writer)
    }

    /// Takes no more rows; the writer ends once those that it has are written.
    pub fn finish(&self) {
        self.finish.cancel();
    }

    /// Whether requests may be judged: what was judged before is written or young.
    pub fn accepts(&self, now: Millis) -> bool {
        now.saturating_sub(self.oldest.load(Ordering::Relaxed)) < MAX_UNWRITTEN
    }

    /// A place for the row of a request that is being answered.
    pub async fn place(&self) -> Result<Place, Full> {
        match self.rows.clone().try_reserve_owned() {
            Ok(place) => Ok(Place(place)),
            Err(TrySendError::Closed(_)) => Err(Full),
            Err(TrySendError::Full(rows)) => {
                let place = tokio::time::timeout(PATIENCE, rows.reserve_owned()).await;
                place.ok().and_then(Result::ok).map(Place).ok_or(Full)
            }
        }
    }
}

async fn follow(
    db: Db,
    mut queue: mpsc::Receiver<RequestRow>,
    oldest: Arc<AtomicI64>,
    finish: CancellationToken,
) {
    let mut group = Vec::with_capacity(GROUP);
    loop {
        if queue.is_empty() {
            oldest.store(i64::MAX, Ordering::Relaxed);
        }
        let received = tokio::select! {
            received = queue.recv_many(&mut group, GROUP) => received,
            () = finish.cancelled(), if !queue.is_closed() => {
                queue.close();
                continue;
            }
        };
        if received == 0 {
            return;
        }
        let first = group.iter().map(|row| row.at).min().unwrap_or(i64::MAX);
        oldest.store(first, Ordering::Relaxed);
        // Wait for company, unless the group is full already or no more will come.
        if group.len() < GROUP && !finish.is_cancelled() {
            tokio::time::sleep(WINDOW).await;
            while group.len() < GROUP
                && let Ok(row) = queue.try_recv()
            {
                group.push(row);
            }
        }
        let mut complained = false;
        // Until it is written, however long that takes: `accepts` has stopped the judging by then.
        while let Err(error) = store(&db, &group).await {
            if !complained {
                tracing::error!(%error, rows = group.len(), "usage rows cannot be written");
                complained = true;
            }
            metrics::counter!("latchkey_usage_write_failures_total").increment(1);
            tokio::time::sleep(WINDOW).await;
        }
        metrics::counter!("latchkey_usage_rows_total").increment(group.len() as u64);
        group.clear();
    }
}

/// Writes a group in a transaction of its own.
pub async fn store(db: &Db, rows: &[RequestRow]) -> Result<(), DbError> {
    let mut tx = db.begin().await?;
    write(&mut tx, rows).await?;
    tx.commit().await
}

/// Writes rows with what they tell of: the rows, the counts by hour, and when each key was last used. Those of requests
/// that move money are written so, in the transaction of their amount, before they are answered.
pub async fn write(tx: &mut Tx, rows: &[RequestRow]) -> Result<(), DbError> {
    let mut hours: HashMap<(&str, &str, &str, Millis, &str), i64> = HashMap::new();
    let mut last: HashMap<&str, &RequestRow> = HashMap::new();
    for row in rows {
        let inserted = crate::execute!(
            tx,
            "insert into requests (id, workspace_id, environment, key_id, at, door, code, status, method, path,
                                   scope, ip, agent, latency_us, secret_id, amount, currency, reservation_id)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
             on conflict (id) do nothing",
            &row.id,
            &*row.workspace_id,
            &*row.environment,
            &*row.key_id,
            row.at,
            row.door.as_str(),
            row.code,
            i64::from(row.status),
            row.method.as_deref(),
            row.path.as_deref(),
            row.scope.as_deref(),
            row.ip.as_deref(),
            row.agent.as_deref(),
            row.latency_us,
            row.secret_id.as_deref(),
            row.moved.as_ref().map(|moved| moved.amount),
            row.moved.as_ref().map(|moved| moved.currency.as_str()),
            row.moved
                .as_ref()
                .and_then(|moved| moved.reservation_id.as_deref())
        )?;
        // A group is tried again if its commit was not heard of; what it wrote then is not counted twice.
        if inserted == 0 {
            continue;
        }
        *hours
            .entry((
                &*row.workspace_id,
                &*row.environment,
                &*row.key_id,
                row.at / HOUR,
                row.code,
            ))
            .or_default() += 1;
        let newest = last.entry(&*row.key_id).or_insert(row);
        if newest.at <= row.at {
            *newest = row;
        }
    }
    // In one order everywhere, so that two nodes never wait for each other's rows.
    let mut hours: Vec<_> = hours.into_iter().collect();
    hours.sort_unstable();
    for ((workspace_id, environment, key_id, hour, code), count) in hours {
        crate::execute!(
            tx,
            "insert into usage_hours (workspace_id, environment, key_id, hour, code, requests)
             values ($1, $2, $3, $4, $5, $6)
             on conflict (workspace_id, environment, key_id, hour, code)
             do update set requests = usage_hours.requests + excluded.requests",
            workspace_id,
            environment,
            key_id,
            hour,
            code,
            count
        )?;
    }
    let mut last: Vec<_> = last.into_values().collect();
    last.sort_unstable_by(|a, b| a.key_id.cmp(&b.key_id));
    for row in last {
        crate::execute!(
            tx,
            "update api_keys set last_used_at = $1, last_used_ip = $2
             where id = $3 and (last_used_at is null or last_used_at <= $1)",
            row.at,
            row.ip.as_deref(),
            &*row.key_id
        )?;
    }
    Ok(())
}
