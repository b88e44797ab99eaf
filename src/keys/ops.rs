//! What can be done with keys: one function per operation, one transaction each, audit and outbox inside it.

use serde_json::json;

use super::{
    policy::{self, NewKey},
    secret::PlainKey,
    store,
};
use crate::{
    accounts::{
        Viewer,
        step_up::{Action, Proof},
        viewer,
    },
    audit,
    db::{Constraint, DbError, Tx},
    error::UiErrorKind,
    server::{clock::is_id, error::AppError, state::AppState},
    webhooks::outbox::{self, EventType},
    workspaces::{self, Role},
};

/// A key at the one moment when its secret is known.
pub struct Created {
    pub id: String,
    pub secret: PlainKey,
}

/// Outcome of sending the form for a new key.
pub enum Creation {
    Created(Created),
    /// This form made a key before; its secret was shown then and is not known any more.
    AlreadyShown {
        id: String,
    },
}

/// Who a new key is for and which form it came from.
struct Origin<'a> {
    workspace_id: &'a str,
    owner_id: Option<&'a str>,
    draft_id: Option<&'a str>,
    actor: &'a str,
}

/// Makes a key for the viewer. The same draft never makes a second one.
pub async fn create(
    state: &AppState,
    viewer: &Viewer,
    draft_id: &str,
    key: &NewKey,
    proof: Proof,
) -> Result<Creation, AppError> {
    if viewer.workspace.as_ref().is_none_or(|w| w.suspended) {
        return Err(AppError::told(
            UiErrorKind::NotAllowed,
            "This workspace is suspended; no key can be made in it.",
        ));
    }
    if let Some(id) = made_by(state, viewer, draft_id).await? {
        return Ok(Creation::AlreadyShown { id });
    }
    let mut tx = state.db.begin().await?;
    // Who was a developer when they asked may be none any more: confirming takes its time.
    let maker =
        workspaces::ops::roles_now(&mut tx, state, viewer.workspace_id(), &viewer.user_id).await?;
    if !maker.include(Role::Developer) {
        return Err(AppError::Told(viewer::not_allowed(&[Role::Developer])));
    }
    proof
        .consume(&mut tx, state, viewer, Action::CreateKey, key)
        .await?;
    let origin = Origin {
        workspace_id: viewer.workspace_id(),
        owner_id: Some(&viewer.user_id),
        draft_id: Some(draft_id),
        actor: &viewer.user_id,
    };
    match insert(state, &mut tx, origin, key).await {
        Ok(created) => {
            tx.commit().await?;
            Ok(Creation::Created(created))
        }
        // The same form, sent twice at once: if the other sending won, its draft or its label is in the way.
        Err(error) => {
            drop(tx);
            match made_by(state, viewer, draft_id).await? {
                Some(id) => Ok(Creation::AlreadyShown { id }),
                None => Err(error),
            }
        }
    }
}

/// The key that this form has made, if it has.
pub async fn made_by(
    state: &AppState,
    viewer: &Viewer,
    draft_id: &str,
) -> Result<Option<String>, AppError> {
    let mut reader = state.db.read().await?;
    let row = store::find_by_draft(&mut reader, viewer.workspace_id(), draft_id).await?;
    Ok(row.map(|key| key.id))
}

/// Makes a key at the console: at once, owned by nobody in particular.
pub async fn create_at_console(
    state: &AppState,
    workspace_id: &str,
    key: &NewKey,
) -> Result<Created, AppError> {
    let mut tx = state.db.begin().await?;
    let origin = Origin {
        workspace_id,
        owner_id: None,
        draft_id: None,
        actor: audit::CONSOLE,
    };
    let created = insert(state, &mut tx, origin, key).await?;
    tx.commit().await?;
    Ok(created)
}

async fn insert(
    state: &AppState,
    tx: &mut Tx,
    origin: Origin<'_>,
    key: &NewKey,
) -> Result<Created, AppError> {
    let now = state.clock.now();
    let environment = state
        .profile
        .environment(&key.environment)
        .ok_or_else(|| AppError::field("environment", "There is no such environment."))?;
    let secret = PlainKey::generate(&environment.prefix, &state.rng);
    let hash = secret.hash(&state.peppers);
    let (secret_start, secret_end) = secret.shown(&environment.prefix);
    let id = state.rng.id("key", now);
    let scopes = json!(key.scopes);
    let inserted = store::insert(
        tx,
        store::Insert {
            id: &id,
            workspace_id: origin.workspace_id,
            environment: &key.environment,
            label: &key.label,
            label_folded: &policy::folded_label(&key.label),
            scopes: &scopes.to_string(),
            owner_id: origin.owner_id,
            draft_id: origin.draft_id,
            secret_hash: hash,
            secret_start: &secret_start,
            secret_end: &secret_end,
            expires_at: key.expires_at,
        },
        now,
    )
    .await;
    match inserted {
        Err(DbError::Violates(Constraint::KeyLabel)) => {
            return Err(AppError::field(
                "label",
                format!(
                    "There is a {} key \u{201c}{}\u{201d} already. Choose another label.",
                    environment.word, key.label
                ),
            ));
        }
        other => other?,
    }
    tx.key_changed(hash, now).await?;
    audit::record(
        tx,
        &audit::Entry {
            chain: origin.workspace_id.to_owned(),
            actor: origin.actor.to_owned(),
            action: "key.created",
            target: id.clone(),
            detail: json!({
                "label": key.label, "environment": key.environment, "environment_word": environment.word,
                "scopes": scopes, "expires_at": key.expires_at,
            }),
        },
        now,
    )
    .await?;
    let event = json!({ "key_id": id, "label": key.label, "environment": key.environment, "scopes": scopes });
    outbox::enqueue(
        tx,
        &state.rng,
        origin.workspace_id,
        Some(&key.environment),
        EventType::KeyCreated,
        &event,
        now,
    )
    .await?;
    Ok(Created { id, secret })
}

/// Ends a key for good; from the next request on it is refused. `label` is what was typed to confirm, where the
/// key is live.
pub async fn revoke(
    state: &AppState,
    viewer: &Viewer,
    id: &str,
    label: &str,
) -> Result<(), AppError> {
    if !is_id(id, "key") {
        return Err(AppError::not_found());
    }
    let mut tx = state.db.begin().await?;
    let key = store::find(&mut tx, viewer.workspace_id(), id)
        .await?
        .ok_or_else(AppError::not_found)?;
    if !policy::may_revoke(viewer, key.owner_id.as_deref()) {
        return Err(AppError::Told(policy::not_yours()));
    }
    let live = state
        .profile
        .environment(&key.environment)
        .is_none_or(|environment| environment.live);
    if live && policy::folded_label(label) != policy::folded_label(&key.label) {
        return Err(AppError::field(
            "label",
            format!(
                "Type \u{201c}{}\u{201d} to confirm which key you mean.",
                key.label
            ),
        ));
    }
    end(state, &mut tx, &key, &viewer.user_id).await?;
    tx.commit().await?;
    Ok(())
}

/// Ends a key at the console.
pub async fn revoke_at_console(state: &AppState, id: &str) -> Result<(), AppError> {
    let mut tx = state.db.begin().await?;
    let workspace_id = store::workspace_of(&mut tx, id)
        .await?
        .ok_or_else(AppError::not_found)?;
    let key = store::find(&mut tx, &workspace_id, id)
        .await?
        .ok_or_else(AppError::not_found)?;
    end(state, &mut tx, &key, audit::CONSOLE).await?;
    tx.commit().await?;
    Ok(())
}

/// Ends a key within a larger operation, whoever may do that.
pub async fn end(
    state: &AppState,
    tx: &mut Tx,
    key: &store::KeyRow,
    actor: &str,
) -> Result<(), AppError> {
    let now = state.clock.now();
    if !store::end(tx, &key.workspace_id, &key.id, now).await? {
        return Err(AppError::told(
            UiErrorKind::Conflict,
            "This key was revoked before. Nothing of yours was recorded.",
        ));
    }
    let hash = key
        .secret_hash
        .as_slice()
        .try_into()
        .map_err(|_| AppError::Internal(format!("the fingerprint of {} is damaged", key.id)))?;
    tx.key_changed(hash, now).await?;
    audit::record(
        tx,
        &audit::Entry {
            chain: key.workspace_id.clone(),
            actor: actor.to_owned(),
            action: "key.revoked",
            target: key.id.clone(),
            detail: json!({ "label": key.label, "environment": key.environment }),
        },
        now,
    )
    .await?;
    outbox::enqueue(
        tx,
        &state.rng,
        &key.workspace_id,
        Some(&key.environment),
        EventType::KeyRevoked,
        &json!({ "key_id": key.id, "label": key.label, "environment": key.environment }),
        now,
    )
    .await?;
    Ok(())
}

/// Gives a key to another member within a larger operation; to nobody in particular if there is none to give it to.
pub async fn hand_over(
    state: &AppState,
    tx: &mut Tx,
    key: &store::KeyRow,
    to: Option<&str>,
    actor: &str,
) -> Result<(), AppError> {
    store::set_owner(tx, &key.workspace_id, &key.id, to).await?;
    audit::record(
        tx,
        &audit::Entry {
            chain: key.workspace_id.clone(),
            actor: actor.to_owned(),
            action: "key.handed_over",
            target: key.id.clone(),
            detail: json!({ "label": key.label, "environment": key.environment, "from": key.owner_id, "to": to }),
        },
        state.clock.now(),
    )
    .await?;
    Ok(())
}
