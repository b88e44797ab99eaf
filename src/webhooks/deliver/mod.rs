//! Delivers events: at least once, with the same id on every try.
//!
//! A delivery is claimed for a while, durably, before it is sent; no transaction is open while the network is waited for.
//! Whoever dies with it loses it when the claim runs out, and another sends it under the same id. Several nodes share the
//! work by the same claims. Order is not promised.
//!
//! A round looks which endpoints something is due for, gives each its share of what may go on at once ([`slots`]) and
//! claims that much. Each endpoint's run then sends (`Claimed` → `Prepared` → `Sent`), and one writer settles what all runs
//! bring, many in a transaction: a database that writes one at a time would otherwise be what deliveries wait for.

#[cfg(test)]
mod crash_tests;
pub mod replay;
mod run;
mod settle;
mod slots;
pub mod store;
#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    sync::{Notify, Semaphore, mpsc},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use self::{
    settle::Sent,
    slots::{Share, Slots},
    store::{Claimed, Due},
};
use super::{client::Client, types::EndpointState};
use crate::{
    db::DbError,
    server::{
        clock::{MINUTE, Millis},
        state::AppState,
    },
};

/// How long a claim holds: longer than what one run has in hand can take.
const LEASE: Millis = MINUTE;
/// How often it is looked for what is due when nothing says that there is: retries, and what other processes left.
const EVERY: Duration = Duration::from_millis(500);
/// How long tries on their way are waited for once the process was asked to stop.
const DRAIN: Duration = Duration::from_secs(4);
/// Tries that wait to be settled; whoever has one more waits too.
const UNSETTLED: usize = 512;
/// Connections to the database that runs read by, of the few that there are.
const READERS: usize = 4;

/// What runs share.
pub struct Worker {
    state: AppState,
    client: Client,
    lease: Millis,
    slots: Mutex<Slots>,
    readers: Semaphore,
    sent: mpsc::Sender<Sent>,
    /// A run has ended: there may be more for its endpoint, or room for another.
    ended: Notify,
    stop: CancellationToken,
}

/// Delivers what is due, again and again, until `stop`.
pub async fn run(state: AppState, client: Client, stop: CancellationToken) {
    run_with_lease(state, client, LEASE, stop).await;
}

async fn run_with_lease(state: AppState, client: Client, lease: Millis, stop: CancellationToken) {
    let (sent, unsettled) = mpsc::channel(UNSETTLED);
    let settling = tokio::spawn(settle::run(state.clone(), unsettled));
    let replaying = tokio::spawn(replay::run(state.clone(), stop.clone()));
    let worker = Arc::new(Worker {
        state,
        client,
        lease,
        slots: Mutex::default(),
        readers: Semaphore::new(READERS),
        sent,
        ended: Notify::new(),
        stop,
    });
    let mut runs = JoinSet::new();
    work(&worker, &mut runs).await;
    let drained = tokio::time::timeout(DRAIN, async { while runs.join_next().await.is_some() {} });
    if drained.await.is_err() {
        tracing::warn!("some webhooks take too long and are sent again later");
    }
    // With the last run goes the last sender, and the writer ends when it has settled all.
    runs.shutdown().await;
    drop(worker);
    if let Err(error) = settling.await {
        tracing::error!(%error, "what became of webhooks was not written; they are sent again");
    }
    if let Err(error) = replaying.await {
        tracing::error!(%error, "replays ended badly");
    }
}

async fn work(worker: &Arc<Worker>, runs: &mut JoinSet<()>) {
    let mut failing = false;
    loop {
        match round(worker, runs).await {
            Ok(()) => failing = false,
            // Said once, not twice a second.
            Err(error) => {
                if !failing {
                    tracing::warn!(%error, "webhooks can't be read; they wait");
                }
                failing = true;
            }
        }
        while runs.try_join_next().is_some() {}
        if failing {
            // What woke us would do so again at once.
            tokio::select! {
                () = tokio::time::sleep(EVERY) => continue,
                () = worker.stop.cancelled() => return,
            }
        }
        tokio::select! {
            () = worker.state.db.delivery_waits() => {}
            () = worker.ended.notified() => {}
            () = tokio::time::sleep(EVERY) => {}
            () = worker.stop.cancelled() => return,
        }
    }
}

/// Claims what there is room for and begins to send it.
async fn round(worker: &Arc<Worker>, runs: &mut JoinSet<()>) -> Result<(), DbError> {
    if worker.stop.is_cancelled() {
        return Ok(());
    }
    let state = &worker.state;
    let now = state.clock.now();
    let mut reader = state.db.read().await?;
    let due = store::due(&mut reader, now).await?;
    drop(reader);
    if due.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = due.iter().map(|endpoint| endpoint.id.as_str()).collect();
    let chosen: Vec<(&Due, Share)> = worker
        .slots()
        .choose(&ids, Instant::now())
        .into_iter()
        .filter_map(|(id, share)| Some((due.iter().find(|endpoint| endpoint.id == id)?, share)))
        .collect();
    if chosen.is_empty() {
        return Ok(());
    }
    let claimed = claim(worker, &chosen, now).await;
    let mut claimed = match claimed {
        Ok(claimed) => claimed,
        Err(error) => {
            for (endpoint, _) in chosen {
                worker.slots().end(&endpoint.id, false);
            }
            return Err(error);
        }
    };
    for (endpoint, share) in chosen {
        let (its, others) = claimed
            .into_iter()
            .partition(|delivery| delivery.endpoint_id == endpoint.id);
        claimed = others;
        let mut held = Held {
            worker: worker.clone(),
            endpoint_id: endpoint.id.clone(),
            prompt: false,
        };
        runs.spawn(async move {
            let its: Vec<Claimed> = its;
            held.prompt = run::run(&held.worker, &held.endpoint_id, its, share.width).await;
        });
    }
    Ok(())
}

/// Most batches that are removed in one go of housekeeping; the rest is for the next.
const REMOVALS: usize = 100;

/// Removes what is older than it is kept, a batch at a time so that nobody waits for it, and counts what waits.
pub async fn upkeep(state: &AppState) -> Result<(), DbError> {
    let before = state.clock.now() - state.config.webhook_retention;
    for _ in 0..REMOVALS {
        let mut tx = state.db.begin().await?;
        let removed = store::delete_before(&mut tx, before).await?;
        tx.commit().await?;
        if removed == 0 {
            break;
        }
    }
    let mut reader = state.db.read().await?;
    let waiting = store::count_waiting(&mut reader).await?;
    #[expect(
        clippy::cast_precision_loss,
        reason = "a gauge is a float; it is exact far beyond what a table holds"
    )]
    metrics::gauge!("latchkey_webhook_waiting").set(waiting as f64);
    Ok(())
}

/// One short transaction for all of them.
async fn claim(
    worker: &Worker,
    chosen: &[(&Due, Share)],
    now: Millis,
) -> Result<Vec<Claimed>, DbError> {
    let state = &worker.state;
    let token = state.rng.id("lse", now);
    let mut tx = state.db.begin().await?;
    let mut claimed = Vec::new();
    for (endpoint, share) in chosen {
        if EndpointState::parse(&endpoint.state) != Some(EndpointState::Enabled) {
            // What was due when it went off, or was on its way here at that moment.
            store::miss(&mut tx, &endpoint.id, now).await?;
        }
        let limit = i64::try_from(share.batch).unwrap_or(1);
        claimed
            .extend(store::claim(&mut tx, endpoint, now, now + worker.lease, &token, limit).await?);
    }
    tx.commit().await?;
    Ok(claimed)
}

/// What a run has in hand; given back however it ends.
struct Held {
    worker: Arc<Worker>,
    endpoint_id: String,
    prompt: bool,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.worker.slots().end(&self.endpoint_id, self.prompt);
        self.worker.ended.notify_one();
    }
}

impl Worker {
    fn slots(&self) -> std::sync::MutexGuard<'_, Slots> {
        // What is counted stays right though another thread has panicked: it is changed in one step.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
