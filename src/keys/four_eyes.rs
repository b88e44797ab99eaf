//! What the decision about a request does to its key, within the transaction of that decision.

use serde_json::json;

use super::{
    life::{self, Step},
    ops::{self, basis},
    policy::{NewKey, folded_label},
    store::{self, KeyRow},
    terms::Terms,
};
use crate::{
    accounts::Viewer,
    approvals::store::ApprovalRow,
    audit,
    db::Tx,
    server::{clock::Millis, error::AppError, state::AppState},
    webhooks::outbox::EventType,
};

const GONE: &str = "The key has changed or ended meanwhile.";

async fn subject(tx: &mut Tx, row: &ApprovalRow) -> Result<KeyRow, AppError> {
    store::find(tx, &row.workspace_id, &row.subject_id)
        .await?
        .ok_or_else(AppError::not_found)
}

/// A new key was agreed to: its maker can have the secret made.
pub async fn approved(
    tx: &mut Tx,
    state: &AppState,
    row: &ApprovalRow,
    asked: &NewKey,
) -> Result<Result<(), &'static str>, AppError> {
    let now = state.clock.now();
    let key = subject(tx, row).await?;
    let same = key.label == asked.label
        && key.environment == asked.environment
        && key.purpose == asked.purpose
        && key.terms() == asked.terms;
    if !same || !ops::step(tx, state, &key, Step::Approve, Some(now + life::WAITS)).await? {
        return Ok(Err(GONE));
    }
    Ok(Ok(()))
}

pub async fn rejected(tx: &mut Tx, state: &AppState, row: &ApprovalRow) -> Result<(), AppError> {
    let key = subject(tx, row).await?;
    ops::step(tx, state, &key, Step::Reject, None).await?;
    Ok(())
}

pub async fn withdrawn(tx: &mut Tx, state: &AppState, row: &ApprovalRow) -> Result<(), AppError> {
    let key = subject(tx, row).await?;
    ops::step(tx, state, &key, Step::Withdraw, None).await?;
    Ok(())
}

pub async fn lapsed(
    tx: &mut Tx,
    state: &AppState,
    workspace_id: &str,
    key_id: &str,
) -> Result<(), AppError> {
    if let Some(key) = store::find(tx, workspace_id, key_id).await? {
        ops::step(tx, state, &key, Step::Lapse, None).await?;
    }
    Ok(())
}

/// Whether the key, whose secret has not been made, waits for a decision again.
pub async fn taken_back(
    tx: &mut Tx,
    state: &AppState,
    row: &ApprovalRow,
    waits_until: Millis,
) -> Result<bool, AppError> {
    let key = subject(tx, row).await?;
    ops::step(tx, state, &key, Step::TakeBack, Some(waits_until)).await
}

/// A widening was agreed to, of the very key that it was asked for.
pub async fn widened(
    tx: &mut Tx,
    state: &AppState,
    viewer: &Viewer,
    row: &ApprovalRow,
    after: &Terms,
) -> Result<Result<(), &'static str>, AppError> {
    let key = subject(tx, row).await?;
    if key.state(state.clock.now()).has_ended() || basis(&key) != row.basis {
        return Ok(Err(GONE));
    }
    let named = (
        key.label.as_str(),
        folded_label(&key.label),
        key.purpose.as_str(),
    );
    ops::put_terms(tx, state, &viewer.user_id, &key, named, after).await?;
    Ok(Ok(()))
}

/// Turning a key on again was agreed to.
pub async fn enabled(
    tx: &mut Tx,
    state: &AppState,
    viewer: &Viewer,
    row: &ApprovalRow,
) -> Result<Result<(), &'static str>, AppError> {
    let key = subject(tx, row).await?;
    let stopped_by_operator = key.disabled_by.as_deref() == Some(ops::OPERATOR);
    if stopped_by_operator
        || basis(&key) != row.basis
        || !ops::step(tx, state, &key, Step::Enable, None).await?
    {
        return Ok(Err(GONE));
    }
    let detail = json!({ "label": key.label, "environment": key.environment });
    let entry = audit::Entry {
        chain: key.workspace_id.clone(),
        actor: viewer.user_id.clone(),
        action: "key.enabled",
        target: key.id.clone(),
        detail,
    };
    audit::record(tx, &entry, state.clock.now()).await?;
    ops::tell(tx, state, &key, EventType::KeyUpdated, json!({})).await?;
    Ok(Ok(()))
}
