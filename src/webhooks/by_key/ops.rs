//! What a key does with endpoints: each is one transaction with its audit entry, of which the key is the actor.

use serde_json::json;
use zeroize::Zeroizing;

use super::Said;
use crate::{
    audit,
    db::{Reader, Tx},
    gateway::judge::KeyRecord,
    server::{error::AppError, state::AppState},
    webhooks::{
        ops::{self, Made, Origin},
        policy::{self, Wanted},
        store::{self, EndpointRow},
        types::EndpointState,
    },
    workspaces,
};

/// Those of the key's environment, oldest first.
pub async fn list(state: &AppState, key: &KeyRecord) -> Result<Vec<EndpointRow>, AppError> {
    let mut reader = state.db.read().await?;
    let mut rows = store::endpoints(&mut reader, &key.workspace_id).await?;
    rows.retain(|row| *row.environment == *key.environment);
    Ok(rows)
}

pub async fn read(state: &AppState, key: &KeyRecord, id: &str) -> Result<EndpointRow, AppError> {
    let mut reader = state.db.read().await?;
    find(&mut reader, key, id).await
}

/// One of the key's environment; there are no others for it.
async fn find(reader: &mut Reader, key: &KeyRecord, id: &str) -> Result<EndpointRow, AppError> {
    let row = ops::find(reader, &key.workspace_id, id).await?;
    if *row.environment == *key.environment {
        Ok(row)
    } else {
        Err(AppError::not_found())
    }
}

/// A transaction in which all else that concerns the workspace's endpoints is held back.
async fn begin(state: &AppState, key: &KeyRecord) -> Result<Tx, AppError> {
    let mut tx = state.db.begin().await?;
    workspaces::ops::serial(&mut tx, &key.workspace_id).await?;
    Ok(tx)
}

/// Sets an endpoint up. Gives it with what its receiver verifies by: the secret, or the public key.
pub async fn create(
    state: &AppState,
    key: &KeyRecord,
    said: Said,
) -> Result<(EndpointRow, Zeroizing<String>), AppError> {
    let wanted = Wanted {
        environment: key.environment.to_string(),
        url: said.url.unwrap_or_default(),
        description: said.description.unwrap_or_default(),
        events: said.events.unwrap_or_else(|| vec![policy::ALL.to_owned()]),
        headers: String::new(),
        signing: said.signing.unwrap_or_default(),
    };
    let new = policy::new_endpoint(&state.profile, &state.config.webhook_reach, &wanted)
        .map_err(AppError::fields)?;
    let mut tx = begin(state, key).await?;
    let origin = Origin {
        workspace_id: &key.workspace_id,
        created_by: None,
        draft_id: None,
        actor: &key.id(),
    };
    let made = ops::insert(state, &mut tx, &origin, &new).await?;
    let row = find(&mut tx, key, made.id()).await?;
    if said.enabled == Some(false) {
        ops::end(state, &mut tx, &row, EndpointState::Disabled, &key.id()).await?;
    }
    let row = find(&mut tx, key, made.id()).await?;
    let shown = match made {
        Made::Shown { secret, .. } => secret,
        Made::Public { .. } | Made::Before { .. } => {
            let now = state.clock.now();
            let secrets = store::signing_secrets(&mut tx, &key.workspace_id, &row.id, now).await?;
            let public = secrets.into_iter().find_map(|secret| secret.public_key);
            Zeroizing::new(public.unwrap_or_default())
        }
    };
    tx.commit().await?;
    Ok((row, shown))
}

/// Changes what the call speaks of; what it leaves out stays.
pub async fn change(
    state: &AppState,
    key: &KeyRecord,
    id: &str,
    said: Said,
) -> Result<EndpointRow, AppError> {
    if said.signing.is_some() {
        return Err(AppError::field(
            "signing",
            "How an endpoint's events are signed is not changed: make another endpoint.",
        ));
    }
    let mut tx = begin(state, key).await?;
    let row = find(&mut tx, key, id).await?;
    if said.url.is_some() || said.description.is_some() || said.events.is_some() {
        let wanted = Wanted {
            environment: row.environment.clone(),
            url: said.url.unwrap_or_else(|| row.url.clone()),
            description: said.description.unwrap_or_else(|| row.description.clone()),
            events: said.events.unwrap_or_else(|| row.events()),
            headers: String::new(),
            signing: row.signing.clone(),
        };
        let change = policy::change(
            &state.profile,
            &state.config.webhook_reach,
            &wanted,
            &ops::header_names(state, &row)?,
            Vec::new(),
            policy::basis(&row),
        )
        .map_err(AppError::fields)?;
        ops::change_in(state, &mut tx, &row, &change, &key.id()).await?;
    }
    let on = row.state() == EndpointState::Enabled;
    match said.enabled {
        Some(true) if !on => switch_on(state, &mut tx, key, &row).await?,
        Some(false) if row.state() != EndpointState::Disabled => {
            ops::end(state, &mut tx, &row, EndpointState::Disabled, &key.id()).await?;
        }
        _ => {}
    }
    let row = find(&mut tx, key, id).await?;
    tx.commit().await?;
    Ok(row)
}

async fn switch_on(
    state: &AppState,
    tx: &mut Tx,
    key: &KeyRecord,
    row: &EndpointRow,
) -> Result<(), AppError> {
    let now = state.clock.now();
    store::switch_on(tx, &row.workspace_id, &row.id, now).await?;
    let entry = audit::Entry {
        chain: row.workspace_id.clone(),
        actor: key.id().to_string(),
        action: "webhook.enabled",
        target: row.id.clone(),
        detail: json!({
            "environment": row.environment, "origin": policy::origin(&row.url), "was": row.state,
        }),
    };
    audit::record(tx, &entry, now).await?;
    Ok(())
}

pub async fn remove(state: &AppState, key: &KeyRecord, id: &str) -> Result<(), AppError> {
    let mut tx = begin(state, key).await?;
    let row = find(&mut tx, key, id).await?;
    ops::end(state, &mut tx, &row, EndpointState::Removed, &key.id()).await?;
    tx.commit().await?;
    Ok(())
}
