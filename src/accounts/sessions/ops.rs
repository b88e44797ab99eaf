//! Ending sessions: one function per operation.

use serde_json::json;

use super::{id_of, store};
use crate::{
    accounts::Viewer,
    audit,
    server::{error::AppError, state::AppState},
};

/// Ends one session of the viewer; it is over on its next request. Somebody else's is answered like one that is not.
pub async fn end(state: &AppState, viewer: &Viewer, id: &str) -> Result<(), AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    let row = store::of_user(&mut tx, &viewer.user_id, now)
        .await?
        .into_iter()
        .find(|row| id_of(&row.id_hash) == id)
        .ok_or_else(AppError::not_found)?;
    if !store::end_session(&mut tx, &viewer.user_id, &row.id_hash).await? {
        return Err(AppError::not_found());
    }
    let entry = viewer.entry("session.revoked", &viewer.user_id, json!({ "count": 1 }));
    audit::record(&mut tx, &entry, now).await?;
    tx.commit().await?;
    Ok(())
}

/// Ends all sessions of the viewer but the one that asks. Gives how many.
pub async fn end_others(
    state: &AppState,
    viewer: &Viewer,
    current: [u8; 32],
) -> Result<u64, AppError> {
    let mut tx = state.db.begin().await?;
    let count = store::end_sessions(&mut tx, &viewer.user_id, Some(current)).await?;
    if count == 0 {
        return Ok(0);
    }
    let detail = json!({ "count": count });
    let entry = viewer.entry("session.revoked", &viewer.user_id, detail);
    audit::record(&mut tx, &entry, state.clock.now()).await?;
    tx.commit().await?;
    Ok(count)
}
