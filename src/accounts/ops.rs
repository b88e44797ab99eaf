//! Signing in and setting a PIN: one function per operation.

use std::net::IpAddr;

use serde_json::json;

use super::{
    Viewer,
    password::Typed,
    step_up::{self, Action, Factor},
    store, tries,
    tries::Allowance,
};
use crate::{
    audit,
    error::UiErrorKind,
    server::{clock::MINUTE, error::AppError, state::AppState},
    workspaces,
};

/// Wrong sign-ins to one account from one address. Counted for the pair, so that a stranger elsewhere locks nobody out.
const PER_ACCOUNT_AND_ADDRESS: Allowance = Allowance {
    failures: 10,
    window: Some(15 * MINUTE),
};
/// Wrong sign-ins from one address, whatever the account; an office behind one address makes fewer.
const PER_ADDRESS: Allowance = Allowance {
    failures: 100,
    window: Some(15 * MINUTE),
};

/// Who signs in with this address and password. Whether the account exists shows neither in the words nor in the time.
pub async fn sign_in(
    state: &AppState,
    email: &str,
    password: &Typed,
    address: Option<IpAddr>,
) -> Result<String, AppError> {
    let from = address.map_or_else(|| "unknown".to_owned(), place_of);
    // The account is named by a keyed hash: the table of tries says nothing about who was tried.
    let account = hex::encode(&state.peppers.hash(store::folded(email).as_bytes())[..16]);
    let pair = format!("sign-in:{account}:{from}");
    let place = format!("sign-in:{from}");
    tries::charge(state, &place, PER_ADDRESS).await?;
    tries::charge(state, &pair, PER_ACCOUNT_AND_ADDRESS).await?;
    let user = if email.contains('\0') {
        None
    } else {
        let mut reader = state.db.read().await?;
        store::by_email(&mut reader, email).await?
    };
    let stored = user.as_ref().map(|user| user.password_hash.clone());
    let judging = state.hasher.verify(password, stored);
    let fits = tries::judged(state, &[&place, &pair], judging).await?;
    let Some(user) = user.filter(|_| fits) else {
        return Err(AppError::told(
            UiErrorKind::Invalid,
            "That e-mail address and password don't fit together.",
        ));
    };
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    store::forget_tries(&mut tx, &pair).await?;
    // Only this try: one's own account must not buy more guesses at those of others.
    store::give_back_try(&mut tx, &place).await?;
    // The password was given, which is what a locked PIN waits for.
    store::forget_tries(&mut tx, &step_up::pin_subject(&user.id)).await?;
    let chain = workspaces::store::of_user(&mut tx, &user.id)
        .await?
        .first()
        .map_or(audit::PLATFORM.to_owned(), |first| {
            first.workspace_id.clone()
        });
    let entry = audit::Entry {
        chain,
        actor: user.id.clone(),
        action: "session.started",
        target: user.id.clone(),
        detail: json!({}),
    };
    audit::record(&mut tx, &entry, now).await?;
    tx.commit().await?;
    Ok(user.id)
}

/// The address, or the network of an IPv6 host, which has more addresses than could be counted.
pub(super) fn place_of(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// Writes down that the person signed out.
pub async fn sign_out(state: &AppState, viewer: &Viewer) -> Result<(), AppError> {
    let mut tx = state.db.begin().await?;
    let entry = viewer.entry("session.ended", &viewer.user_id, json!({}));
    audit::record(&mut tx, &entry, state.clock.now()).await?;
    tx.commit().await?;
    Ok(())
}

/// Sets or replaces the viewer's PIN, behind their password.
pub async fn set_pin(
    state: &AppState,
    viewer: &Viewer,
    pin: &Typed,
    password: &Typed,
) -> Result<(), AppError> {
    if let Some(reason) = pin.refused_as_pin() {
        return Err(AppError::field("new_pin", reason));
    }
    // The PIN is no part of the content: a hash of four digits would give them away with the pepper.
    let content = json!({});
    let proof = step_up::prove(
        state,
        viewer,
        Action::SetPin,
        &content,
        Factor::Password,
        password,
    )
    .await?;
    let pin_hash = state.hasher.hash(pin).await?;
    let mut tx = state.db.begin().await?;
    proof
        .consume(&mut tx, state, viewer, Action::SetPin, &content)
        .await?;
    store::set_pin(&mut tx, &viewer.user_id, &pin_hash).await?;
    store::forget_tries(&mut tx, &step_up::pin_subject(&viewer.user_id)).await?;
    let entry = viewer.entry("pin.set", &viewer.user_id, json!({}));
    audit::record(&mut tx, &entry, state.clock.now()).await?;
    tx.commit().await?;
    Ok(())
}
