//! From judging to the database without waiting for it: a bounded channel and a group commit.
//!
//! A request's row is durable within [`WINDOW`] of its answer. If the database cannot take rows, judging goes on
//! until the oldest unwritten one is [`MAX_UNWRITTEN`] old, and then stops ([`Buffer::accepts`]): no request passes
//! that would leave no trace. A full channel stops it at once.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::mpsc, task::JoinHandle};

use crate::{
    db::{Db, DbError},
    server::clock::{Clock, HOUR, Millis, SECOND},
};

/// What a crash may lose of requests that carry no amount.
const WINDOW: Duration = Duration::from_millis(100);
/// Beyond this age of the oldest unwritten row nothing more is judged.
const MAX_UNWRITTEN: Millis = 2 * SECOND;
/// Rows that may wait. At 50 000 requests a second this is more than the window holds.
const CAPACITY: usize = 16_384;
/// Rows in one transaction at most.
const GROUP: usize = 2_000;

/// One judged request.
#[derive(Clone, Debug)]
pub struct RequestRow {
    pub id: String,
    pub workspace_id: String,
    pub environment: String,
    pub key_id: String,
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
}

/// Through which of Latchkey's doors the request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    Gateway,
    Verify,
}

impl Door {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Verify => "verify",
        }
    }
}

#[derive(Clone)]
pub struct Buffer {
    rows: mpsc::Sender<RequestRow>,
    /// When the oldest unwritten row was judged; `i64::MAX` when all are written.
    oldest: Arc<AtomicI64>,
}

/// The queue was full, so the request must not pass.
#[derive(Debug, PartialEq, Eq)]
pub struct Full;

impl Buffer {
    /// Starts the writer. It ends, everything written, once every `Buffer` is dropped or the database is gone.
    pub fn start(db: Db, clock: Clock) -> (Self, JoinHandle<()>) {
        let (rows, queue) = mpsc::channel(CAPACITY);
        let oldest = Arc::new(AtomicI64::new(i64::MAX));
        let writer = tokio::spawn(write(db, clock, queue, oldest.clone()));
        (Self { rows, oldest }, writer)
    }

    /// Whether requests may be judged: what was judged before is written or young.
    pub fn accepts(&self, now: Millis) -> bool {
        now.saturating_sub(self.oldest.load(Ordering::Relaxed)) < MAX_UNWRITTEN
    }

    /// Hands over a row without waiting.
    pub fn push(&self, row: RequestRow) -> Result<(), Full> {
        self.oldest.fetch_min(row.at, Ordering::Relaxed);
        self.rows.try_send(row).map_err(|_| Full)
    }
}

async fn write(
    db: Db,
    clock: Clock,
    mut queue: mpsc::Receiver<RequestRow>,
    oldest: Arc<AtomicI64>,
) {
    let mut group = Vec::with_capacity(GROUP);
    while queue.recv_many(&mut group, GROUP).await > 0 {
        // Wait for company, unless the group is full already or no more will come.
        if group.len() < GROUP && !queue.is_closed() {
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
        // What came meanwhile is younger than this moment less the time it took; being cautious costs nothing.
        let now = clock.now();
        oldest.store(
            if queue.is_empty() { i64::MAX } else { now },
            Ordering::Relaxed,
        );
    }
}

/// Writes a group: the rows, the counts by hour, and when each key was last used.
pub async fn store(db: &Db, rows: &[RequestRow]) -> Result<(), DbError> {
    let mut tx = db.begin().await?;
    let mut hours: HashMap<(&str, &str, &str, Millis, &str), i64> = HashMap::new();
    let mut last: HashMap<&str, &RequestRow> = HashMap::new();
    for row in rows {
        crate::execute!(
            tx,
            "insert into requests (id, workspace_id, environment, key_id, at, door, code, status, method, path,
                                   scope, ip, agent, latency_us)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
             on conflict (id) do nothing",
            &row.id,
            &row.workspace_id,
            &row.environment,
            &row.key_id,
            row.at,
            row.door.as_str(),
            row.code,
            i64::from(row.status),
            row.method.as_deref(),
            row.path.as_deref(),
            row.scope.as_deref(),
            row.ip.as_deref(),
            row.agent.as_deref(),
            row.latency_us
        )?;
        *hours
            .entry((
                &row.workspace_id,
                &row.environment,
                &row.key_id,
                row.at / HOUR,
                row.code,
            ))
            .or_default() += 1;
        let newest = last.entry(&row.key_id).or_insert(row);
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
            &row.key_id
        )?;
    }
    tx.commit().await
}
