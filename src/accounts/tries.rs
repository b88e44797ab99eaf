//! Counting wrong tries. A try is counted before it is judged, so that many at once cannot outrun the count.

use super::store;
use crate::{
    db::{DbError, Reader},
    server::{clock::Millis, error::AppError, state::AppState},
};

/// How many failures a subject may have within a window; without a window, until it is forgiven.
#[derive(Clone, Copy)]
pub struct Allowance {
    pub failures: i64,
    pub window: Option<Millis>,
}

impl Allowance {
    fn since(self, now: Millis) -> Millis {
        self.window.map_or(i64::MIN, |window| now - window)
    }
}

/// Counts one try. Gives how many are left after it, or the seconds to wait if there was none.
pub async fn charge(
    state: &AppState,
    subject: &str,
    allowance: Allowance,
) -> Result<i64, AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    tx.serialise(subject).await?;
    let (failures, start) = store::tries(&mut tx, subject, allowance.since(now))
        .await?
        .unwrap_or((0, now));
    if failures >= allowance.failures {
        let wait = allowance.window.map_or(0, |window| start + window - now);
        return Err(AppError::TooMany((wait / 1000).max(1)));
    }
    store::set_tries(&mut tx, subject, failures + 1, start).await?;
    tx.commit().await?;
    Ok(allowance.failures - failures - 1)
}

/// Counts one try against another subject, too. If that one has none left, those charged before get theirs back: what is
/// not judged costs nothing.
pub async fn charge_too(
    state: &AppState,
    subject: &str,
    allowance: Allowance,
    before: &[&str],
) -> Result<i64, AppError> {
    let charged = charge(state, subject, allowance).await;
    if charged.is_err() {
        give_back(state, before).await?;
    }
    charged
}

/// Nobody is charged for this try.
pub async fn give_back(state: &AppState, subjects: &[&str]) -> Result<(), AppError> {
    let mut tx = state.db.begin().await?;
    for subject in subjects {
        store::give_back_try(&mut tx, subject).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Judges a try that was charged to these subjects. If it cannot be judged, nobody is charged for it.
pub async fn judged(
    state: &AppState,
    subjects: &[&str],
    judging: impl Future<Output = Result<bool, AppError>>,
) -> Result<bool, AppError> {
    let outcome = judging.await;
    if outcome.is_err() {
        give_back(state, subjects).await?;
    }
    outcome
}

/// Whether the subject has used up what it may.
pub async fn exhausted(
    reader: &mut Reader,
    subject: &str,
    allowance: Allowance,
    now: Millis,
) -> Result<bool, DbError> {
    let row = store::tries(reader, subject, allowance.since(now)).await?;
    Ok(row.is_some_and(|(failures, _)| failures >= allowance.failures))
}
