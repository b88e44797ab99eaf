//! Signing in and setting a PIN: one function per operation.

use std::net::IpAddr;

use serde_json::json;

use super::{
    Viewer,
    password::Typed,
    sessions,
    step_up::{self, Action, Factor},
    store, tries,
    tries::Allowance,
};
use crate::{
    admin, audit,
    error::UiErrorKind,
    server::{
        clock::{DAY, MINUTE},
        error::AppError,
        state::AppState,
    },
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

/// Wrong sign-ins to one account from browsers that it was never used in, wherever they are: many addresses make no
/// more guesses than this. Who is kept out by it signs in with a browser of theirs, a passkey, or a new password.
const PER_ACCOUNT: Allowance = Allowance {
    failures: 100,
    window: Some(DAY),
};

/// Who signs in with this address and password. `browser` is the cookie of the one they use. Whether the account exists shows neither in the words nor in the time.
pub async fn sign_in(
    state: &AppState,
    email: &str,
    password: &Typed,
    address: Option<IpAddr>,
    browser: Option<&str>,
) -> Result<store::User, AppError> {
    let from = address.map_or_else(|| "unknown".to_owned(), place_of);
    // The account is named by a keyed hash: the table of tries says nothing about who was tried.
    let account = hex::encode(&state.peppers.hash(store::folded(email).as_bytes())[..16]);
    let pair = format!("sign-in:{account}:{from}");
    let place = format!("sign-in:{from}");
    let anywhere = format!("sign-in-to:{account}");
    tries::charge(state, &place, PER_ADDRESS).await?;
    tries::charge_too(state, &pair, PER_ACCOUNT_AND_ADDRESS, &[&place]).await?;
    let (user, known_browser) = if email.contains('\0') {
        (None, false)
    } else {
        let mut reader = state.db.read().await?;
        let user = store::by_email(&mut reader, email).await?;
        let id = user.as_ref().map_or("", |user| &user.id);
        let known = sessions::device::known(&mut reader, state, id, browser).await?;
        (user, known)
    };
    if !known_browser {
        tries::charge_too(state, &anywhere, PER_ACCOUNT, &[&place, &pair]).await?;
    }
    let stored = user.as_ref().map(|user| user.password_hash.clone());
    let judging = state.hasher.verify(password, stored);
    let charged: &[&str] = if known_browser {
        &[&place, &pair]
    } else {
        &[&place, &pair, &anywhere]
    };
    let fits = tries::judged(state, charged, judging).await?;
    let Some(user) = user.filter(|_| fits) else {
        return Err(AppError::told(
            UiErrorKind::Invalid,
            "That e-mail address and password don't fit together.",
        ));
    };
    let mut tx = state.db.begin().await?;
    store::forget_tries(&mut tx, &pair).await?;
    // Only this try: one's own account must not buy more guesses at those of others.
    store::give_back_try(&mut tx, &place).await?;
    if !known_browser {
        store::give_back_try(&mut tx, &anywhere).await?;
    }
    // The password was given, which is what a locked PIN waits for.
    store::forget_tries(&mut tx, &step_up::pin_subject(&user.id)).await?;
    tx.commit().await?;
    Ok(user)
}

/// Writes down that the person signed in. `with` is the last thing they gave: a password, a code, a passkey.
pub async fn signed_in(
    state: &AppState,
    user_id: &str,
    with: &'static str,
) -> Result<(), AppError> {
    let mut tx = state.db.begin().await?;
    let chain = workspaces::store::of_user(&mut tx, user_id)
        .await?
        .first()
        .map_or(audit::PLATFORM.to_owned(), |first| {
            first.workspace_id.clone()
        });
    let entry = audit::Entry {
        chain,
        actor: user_id.to_owned(),
        action: "session.started",
        target: user_id.to_owned(),
        detail: json!({ "with": with }),
    };
    audit::record(&mut tx, &entry, state.clock.now()).await?;
    tx.commit().await?;
    Ok(())
}

/// The address, or the network of an IPv6 host, which has more addresses than could be counted.
pub fn place_of(address: IpAddr) -> String {
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
    admin::ops::end_acts(&mut tx, state, &viewer.user_id).await?;
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
