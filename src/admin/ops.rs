//! What the operator does from the machine: one function per operation, one transaction each.

use serde_json::json;
use zeroize::Zeroizing;

use super::{store, tokens};
use crate::{
    accounts::{self, password::Typed},
    audit::{self, CONSOLE, PLATFORM},
    db::{Constraint, DbError},
    server::{
        clock::{DAY, Millis},
        error::AppError,
        state::AppState,
    },
    workspaces::{self, Grants, Role},
};

/// Makes an account at the console. Gives its id.
pub async fn create_user(
    state: &AppState,
    email: &str,
    name: &str,
    password: &Typed,
    operator: bool,
) -> Result<String, AppError> {
    let email = accounts::policy::email("email", email)?;
    let name = accounts::policy::name("name", name)?;
    let password_hash = state.hasher.hash_given("password", password).await?;
    let now = state.clock.now();
    let id = state.rng.id("usr", now);
    let mut tx = state.db.begin().await?;
    let inserted = accounts::store::insert(
        &mut tx,
        accounts::store::NewUser {
            id: &id,
            email: &email,
            name: &name,
            password_hash: &password_hash,
            operator,
        },
        now,
    )
    .await;
    match inserted {
        Err(DbError::Violates(Constraint::UserEmail)) => {
            return Err(AppError::field(
                "email",
                "There is an account with this address already.",
            ));
        }
        other => other?,
    }
    let action = if operator {
        "operator.created"
    } else {
        "user.created"
    };
    audit::record(&mut tx, &entry(PLATFORM, action, &id, json!({})), now).await?;
    tx.commit().await?;
    Ok(id)
}

/// Makes a workspace; its owner holds every role that lets one person try everything. Gives its id.
pub async fn create_workspace(
    state: &AppState,
    name: &str,
    owner_email: &str,
) -> Result<String, AppError> {
    let name = accounts::policy::name("name", name)?;
    let now = state.clock.now();
    let id = state.rng.id("wsp", now);
    let mut tx = state.db.begin().await?;
    let owner = accounts::store::by_email(&mut tx, owner_email)
        .await?
        .ok_or_else(|| {
            AppError::field(
                "owner",
                "There is no account with this address; create it first.",
            )
        })?;
    workspaces::store::insert(&mut tx, &id, &name, now).await?;
    workspaces::store::add_member(&mut tx, &id, &owner.id, &Grants::of(&[Role::Owner]), now)
        .await?;
    let detail = json!({ "name": name, "owner": owner.id });
    audit::record(&mut tx, &entry(&id, "workspace.created", &id, detail), now).await?;
    tx.commit().await?;
    Ok(id)
}

/// Makes a service token. Gives its id and the token, which is not kept.
pub async fn create_service_token(
    state: &AppState,
    name: &str,
    expires_in_days: Option<u32>,
) -> Result<(String, Zeroizing<String>), AppError> {
    let name = accounts::policy::name("name", name)?;
    let now = state.clock.now();
    let id = state.rng.id("svc", now);
    let token = tokens::generate(&state.rng);
    let hash = state.peppers.hash(token.as_bytes());
    let mut tx = state.db.begin().await?;
    let expires_at = expires_in_days.map(|days| in_days(now, days));
    store::insert_token(&mut tx, &id, &name, hash, expires_at, now).await?;
    tx.key_changed(hash, now).await?;
    let detail = json!({ "name": name, "expires_at": expires_at });
    audit::record(
        &mut tx,
        &entry(PLATFORM, "service_token.created", &id, detail),
        now,
    )
    .await?;
    tx.commit().await?;
    Ok((id, token))
}

/// Revokes a service token; a running server refuses it within a second.
pub async fn revoke_service_token(state: &AppState, id: &str) -> Result<(), AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    let (name, hash) = store::revoke_token(&mut tx, id, now)
        .await?
        .ok_or_else(|| {
            AppError::field("id", "There is no such token, or it was revoked before.")
        })?;
    let hash = hash
        .as_slice()
        .try_into()
        .map_err(|_| AppError::Internal(format!("the fingerprint of {id} is damaged")))?;
    tx.key_changed(hash, now).await?;
    let detail = json!({ "name": name });
    audit::record(
        &mut tx,
        &entry(PLATFORM, "service_token.revoked", id, detail),
        now,
    )
    .await?;
    tx.commit().await?;
    Ok(())
}

/// So many days from now.
pub fn in_days(now: Millis, days: u32) -> Millis {
    now + i64::from(days) * DAY
}

fn entry(
    chain: &str,
    action: &'static str,
    target: &str,
    detail: serde_json::Value,
) -> audit::Entry {
    audit::Entry {
        chain: chain.to_owned(),
        actor: CONSOLE.to_owned(),
        action,
        target: target.to_owned(),
        detail,
    }
}
