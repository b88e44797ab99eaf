//! Reading notices. That somebody did is nobody else's business, so it leaves no audit entry.

use super::store;
use crate::{
    accounts::Viewer,
    server::{clock::is_id, error::AppError, state::AppState},
};

/// Where a notice led.
pub struct Opened {
    pub path: String,
    pub workspace_id: Option<String>,
}

/// Marks one of the viewer's notices as read.
pub async fn open(state: &AppState, viewer: &Viewer, id: &str) -> Result<Opened, AppError> {
    if !is_id(id, "ntc") {
        return Err(AppError::not_found());
    }
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    let (path, workspace_id) = store::open(&mut tx, &viewer.user_id, id, now)
        .await?
        .ok_or_else(AppError::not_found)?;
    tx.commit().await?;
    Ok(Opened { path, workspace_id })
}

/// Marks the viewer's notices up to that one, the newest they saw, as read.
pub async fn read_until(state: &AppState, viewer: &Viewer, last: &str) -> Result<(), AppError> {
    if !is_id(last, "ntc") {
        return Err(AppError::not_found());
    }
    let mut tx = state.db.begin().await?;
    store::read_until(&mut tx, &viewer.user_id, last, state.clock.now()).await?;
    tx.commit().await?;
    Ok(())
}
