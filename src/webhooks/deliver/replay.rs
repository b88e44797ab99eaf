//! Works off replays: all that an endpoint did not get since a moment is taken up again, a batch at a time.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::store::{self, BATCH, ReplayRow};
use crate::{db::DbError, server::state::AppState, webhooks::types::EndpointState};

/// Between two batches of a replay, so that stopping it stops something.
const EVERY: Duration = Duration::from_secs(1);

/// Works off what there is until `stop`.
pub async fn run(state: AppState, stop: CancellationToken) {
    let mut failing = false;
    loop {
        match round(&state).await {
            Ok(()) => failing = false,
            Err(error) => {
                if !failing {
                    tracing::warn!(%error, "replays can't go on; they wait");
                }
                failing = true;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// One batch of each replay that is running.
pub async fn round(state: &AppState) -> Result<(), DbError> {
    let mut reader = state.db.read().await?;
    let running = store::running_replays(&mut reader).await?;
    drop(reader);
    for replay in running {
        step(state, &replay).await?;
    }
    Ok(())
}

async fn step(state: &AppState, replay: &ReplayRow) -> Result<(), DbError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    let endpoint = store::endpoint(&mut tx, &replay.endpoint_id).await?;
    if endpoint.is_none_or(|endpoint| endpoint.state() != EndpointState::Enabled) {
        store::end_replay(&mut tx, &replay.id, "stopped", now).await?;
        return tx.commit().await;
    }
    let next = store::not_got(&mut tx, replay, BATCH).await?;
    let Some((last,)) = next.last() else {
        store::end_replay(&mut tx, &replay.id, "done", now).await?;
        return tx.commit().await;
    };
    // The row of the replay is taken first: of two nodes one goes on, and what it reopens it reopens alone.
    let count = i64::try_from(next.len()).unwrap_or(0);
    if !store::advance_replay(&mut tx, replay, last, count).await? {
        return Ok(());
    }
    for (id,) in &next {
        store::reopen(&mut tx, &replay.workspace_id, id, now).await?;
    }
    tx.commit().await
}
