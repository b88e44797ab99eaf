//! One function per operation, one transaction each.

use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{recovery, store, totp};
use crate::{
    accounts::{
        Factor, Viewer, sessions,
        step_up::{self, Action, Proof},
        store as people,
    },
    audit,
    db::Tx,
    error::UiErrorKind,
    notices::{self, Kind, Notice},
    server::{error::AppError, state::AppState},
};

/// Recovery codes that were made, to be shown once.
pub type Codes = Vec<Zeroizing<String>>;

/// What a proof for a new authenticator covers.
pub fn enrolment(setup: &str) -> Value {
    json!({ "factor": "totp", "setup": setup })
}

/// What a proof for taking the authenticator away covers.
pub fn removal() -> Value {
    json!({ "factor": "totp" })
}

/// Sets up or replaces the viewer's authenticator. Their first second factor brings recovery codes with it.
pub async fn enrol(
    state: &AppState,
    viewer: &Viewer,
    setup: &str,
    code: &str,
    proof: Proof,
) -> Result<Option<Codes>, AppError> {
    let mut tx = state.db.begin().await?;
    proof
        .consume(&mut tx, state, viewer, Action::AddFactor, &enrolment(setup))
        .await?;
    begin(&mut tx, viewer).await?;
    totp::enrol(&mut tx, state, &viewer.user_id, setup, code).await?;
    let codes = first_codes(&mut tx, state, &viewer.user_id).await?;
    let (action, subject) = if viewer.has_totp {
        ("totp.replaced", "Your authenticator was replaced")
    } else {
        ("totp.added", "An authenticator was added to your account")
    };
    let entry = viewer.entry(action, &viewer.user_id, json!({}));
    audit::record(&mut tx, &entry, state.clock.now()).await?;
    tell(&mut tx, state, viewer, subject).await?;
    tx.commit().await?;
    Ok(codes)
}

/// Before a factor is added: holds back other changes of this person's factors, and ends their other sessions if it is
/// the first, since those were begun with less than is asked for from now on.
pub async fn begin(tx: &mut Tx, viewer: &Viewer) -> Result<(), AppError> {
    if !held(tx, viewer).await?.any() {
        sessions::store::end_sessions(tx, &viewer.user_id, viewer.session).await?;
    }
    Ok(())
}

/// Which second factors a person has.
pub struct Held {
    pub totp: bool,
    /// How many.
    pub passkeys: i64,
}

impl Held {
    fn any(&self) -> bool {
        self.totp || self.passkeys > 0
    }
}

/// As they stand now; nothing else changes them before the transaction ends.
pub async fn held(tx: &mut Tx, viewer: &Viewer) -> Result<Held, AppError> {
    tx.serialise(&format!("factors:{}", viewer.user_id)).await?;
    let user = people::by_id(tx, &viewer.user_id)
        .await?
        .ok_or_else(AppError::not_found)?;
    Ok(Held {
        totp: user.totp > 0,
        passkeys: user.passkeys,
    })
}

/// Recovery codes for a person who has none left to use.
pub async fn first_codes(
    tx: &mut Tx,
    state: &AppState,
    user_id: &str,
) -> Result<Option<Codes>, AppError> {
    if store::recovery_codes_left(tx, user_id).await? > 0 {
        return Ok(None);
    }
    Ok(Some(recovery::renew(tx, state, user_id).await?))
}

/// Takes the viewer's authenticator away; with their last second factor the recovery codes go.
pub async fn remove_totp(state: &AppState, viewer: &Viewer, proof: Proof) -> Result<(), AppError> {
    let mut tx = state.db.begin().await?;
    proof
        .consume(&mut tx, state, viewer, Action::RemoveFactor, &removal())
        .await?;
    let held = held(&mut tx, viewer).await?;
    may_lose_one(viewer, held.passkeys > 0)?;
    if !store::delete_totp(&mut tx, &viewer.user_id).await? {
        return Err(AppError::not_found());
    }
    if held.passkeys == 0 {
        store::delete_recovery_codes(&mut tx, &viewer.user_id).await?;
    }
    let entry = viewer.entry("totp.removed", &viewer.user_id, json!({}));
    audit::record(&mut tx, &entry, state.clock.now()).await?;
    tell(
        &mut tx,
        state,
        viewer,
        "The authenticator was removed from your account",
    )
    .await?;
    tx.commit().await?;
    Ok(())
}

/// Refuses to take the only second factor from somebody whose workspace asks for one.
pub fn may_lose_one(viewer: &Viewer, has_another: bool) -> Result<(), AppError> {
    match kept_because(viewer, has_another) {
        Some(reason) => Err(AppError::told(UiErrorKind::Conflict, reason)),
        None => Ok(()),
    }
}

/// Why a factor can't be removed, where the person has no other second factor beside it.
pub fn kept_because(viewer: &Viewer, has_another: bool) -> Option<String> {
    let workspace = viewer.workspace.as_ref()?;
    (workspace.require_second_factor && !has_another).then(|| {
        format!(
            "This is your only second factor, and {} asks its members for one. Add another first.",
            workspace.name
        )
    })
}

/// Replaces the viewer's recovery codes.
pub async fn renew_codes(
    state: &AppState,
    viewer: &Viewer,
    proof: Proof,
) -> Result<Codes, AppError> {
    let mut tx = state.db.begin().await?;
    proof
        .consume(
            &mut tx,
            state,
            viewer,
            Action::RenewRecoveryCodes,
            &json!({}),
        )
        .await?;
    held(&mut tx, viewer).await?;
    let codes = recovery::renew(&mut tx, state, &viewer.user_id).await?;
    let entry = viewer.entry("recovery_codes.renewed", &viewer.user_id, json!({}));
    audit::record(&mut tx, &entry, state.clock.now()).await?;
    tell(&mut tx, state, viewer, "Your recovery codes were replaced").await?;
    tx.commit().await?;
    Ok(codes)
}

/// Takes all of a person's factors but the password, with the counts of wrong tries at them, and ends their sessions.
/// Whoever calls it says so in the audit record and tells them.
pub async fn reset(tx: &mut Tx, user_id: &str) -> Result<(), AppError> {
    store::delete_all(tx, user_id).await?;
    for factor in [Factor::Pin, Factor::Totp, Factor::Passkey] {
        people::forget_tries(tx, &step_up::subject(factor, user_id)).await?;
    }
    people::forget_tries(tx, &step_up::daily(user_id)).await?;
    people::next_epoch(tx, user_id).await?;
    sessions::store::end_sessions(tx, user_id, None).await?;
    Ok(())
}

/// Tells a person that their factors changed.
pub async fn tell(
    tx: &mut Tx,
    state: &AppState,
    viewer: &Viewer,
    subject: &str,
) -> Result<(), AppError> {
    let notice = Notice {
        kind: Kind::Security,
        workspace_id: None,
        subject: subject.to_owned(),
        text: "If that wasn't you, change your password and look at your second factors and sessions now."
            .to_owned(),
        action: "Security settings",
        path: "/settings/security".to_owned(),
    };
    notices::tell(tx, state, &viewer.user_id, &notice).await
}
