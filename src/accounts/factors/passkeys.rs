//! Passkeys (Web Authentication, level 2): for signing in, in place of password and second factor, and for confirming an action.
//!
//! A ceremony has two halves. [`begin`] gives the browser a challenge and a token, and keeps in our table what its
//! answer is judged by; whichever answer comes first with that token, within five minutes, uses the challenge up. It is
//! bound to what it was made for and, once somebody is signed in, to them.
//!
//! Passkeys are found by the authenticator, never listed before sign-in: who exists shows nowhere. Each of them
//! verifies its user, by a finger, a face or a PIN of the device, which is why one replaces both other factors.
//!
//! Challenges are drawn inside webauthn-rs, which has its own randomness; tokens and ids come from [`Rng`].
//!
//! [`Rng`]: crate::server::clock::Rng

use std::net::IpAddr;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use ulid::Ulid;
use url::Url;
use uuid::Uuid;
use webauthn_rs::prelude::{
    DiscoverableAuthentication, Passkey, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, Webauthn, WebauthnBuilder, WebauthnError,
};
use zeroize::Zeroizing;

use super::{
    ops::{begin as begin_change, first_codes, held as factors_now, may_lose_one},
    store,
};
use crate::{
    accounts::{
        self, Viewer, ops,
        step_up::{Action, Proof},
        tries::{self, Allowance},
        viewer,
    },
    audit,
    db::{Constraint, DbError, SecretHash, Tx},
    error::UiErrorKind,
    keys::policy::is_invisible,
    notices::{self, Kind, Notice},
    profiles::Profile,
    server::{
        clock::{MINUTE, Millis, is_id},
        config::Config,
        error::AppError,
        state::AppState,
    },
};

/// What a challenge for signing in is made for. For an action it is the action's own name.
pub const SIGN_IN: &str = "sign-in";
/// What a challenge for a new passkey is made for.
pub const REGISTER: &str = "register";

/// How long a challenge waits for its answer: browsers give a person as long.
pub const LASTS: Millis = 5 * MINUTE;
/// Passkeys of one person. More are not one person's devices.
pub const MOST: usize = 10;
pub const MAX_NAME: usize = 60;
/// Longest name that an action has, and then some.
const MAX_PURPOSE: usize = 40;

/// Challenges that one address, or one person, may ask for.
const CHALLENGES: Allowance = Allowance {
    failures: 60,
    window: Some(15 * MINUTE),
};
/// Sign-ins from one address that fail. A passkey cannot be guessed; this holds back who only makes work.
const SIGN_INS: Allowance = Allowance {
    failures: 60,
    window: Some(15 * MINUTE),
};

const NEEDS_A_NAME: &str =
    "Passkeys need a host name; this installation is reached by an IP address.";
/// All that a sign-in that failed is told, whatever was wrong with it.
const NOT_KNOWN: &str = "That passkey isn't known here.";

/// Who passkeys are made for: the host of the public URL. None if that is an IP address, which has no passkeys.
pub fn relying_party(config: &Config, profile: &Profile) -> Option<Webauthn> {
    let url = Url::parse(&config.public_url).ok()?;
    let host = url.domain()?;
    let origin = Url::parse(&url.origin().ascii_serialization()).ok()?;
    let party = WebauthnBuilder::new(host, &origin)
        .and_then(|builder| builder.rp_name(&profile.name).build());
    match party {
        Ok(party) => Some(party),
        Err(error) => {
            tracing::warn!(%error, host, "passkeys are off");
            None
        }
    }
}

fn party(state: &AppState) -> Result<&Webauthn, AppError> {
    state
        .passkeys
        .as_ref()
        .ok_or_else(|| AppError::told(UiErrorKind::NotFound, NEEDS_A_NAME))
}

/// A challenge for the browser, with the token that its answer names it by.
pub async fn begin(
    state: &AppState,
    viewer: Option<&Viewer>,
    purpose: &str,
    address: Option<IpAddr>,
) -> Result<Value, AppError> {
    let party = party(state)?;
    if purpose == SIGN_IN {
        tries::charge(state, &place("challenge", address), CHALLENGES).await?;
        let (asked, kept) = party.start_discoverable_authentication().map_err(failed)?;
        return keep(state, SIGN_IN, None, &asked.public_key, &kept).await;
    }
    if purpose.is_empty() || purpose.len() > MAX_PURPOSE || purpose.contains('\0') {
        return Err(AppError::told(
            UiErrorKind::BadRequest,
            "The request could not be read.",
        ));
    }
    let viewer = viewer.ok_or_else(|| AppError::Told(viewer::signed_out()))?;
    let user_id = viewer.user_id.as_str();
    tries::charge(state, &format!("passkey-challenge:{user_id}"), CHALLENGES).await?;
    let held = held(state, user_id).await?;
    if purpose == REGISTER {
        let (asked, kept) = party
            .start_passkey_registration(
                handle(user_id)?,
                &viewer.email,
                &viewer.name,
                Some(held.iter().map(|key| key.cred_id().clone()).collect()),
            )
            .map_err(failed)?;
        let mut asked = json!(asked.public_key);
        // One that cannot be found without a name given first would be of no use for signing in.
        asked["authenticatorSelection"]["residentKey"] = json!("required");
        asked["authenticatorSelection"]["requireResidentKey"] = json!(true);
        return keep(state, REGISTER, Some(user_id), &asked, &kept).await;
    }
    if held.is_empty() {
        return Err(AppError::told(
            UiErrorKind::Conflict,
            "You have no passkey. Use another way.",
        ));
    }
    // The answer is judged by the passkey as it stands then, not by a copy from now; of the second challenge only the
    // list of passkeys is used.
    let (mut asked, kept) = party.start_discoverable_authentication().map_err(failed)?;
    let (listed, _) = party.start_passkey_authentication(&held).map_err(failed)?;
    asked.public_key.allow_credentials = listed.public_key.allow_credentials;
    keep(state, purpose, Some(user_id), &asked.public_key, &kept).await
}

async fn keep(
    state: &AppState,
    purpose: &str,
    user_id: Option<&str>,
    asked: &impl Serialize,
    kept: &impl Serialize,
) -> Result<Value, AppError> {
    let token = hex::encode(state.rng.bytes::<32>());
    let mut tx = state.db.begin().await?;
    store::insert_ceremony(
        &mut tx,
        hash(state, &token),
        purpose,
        user_id,
        &json!(kept).to_string(),
        state.clock.now(),
    )
    .await?;
    tx.commit().await?;
    Ok(json!({ "ceremony": token, "publicKey": asked }))
}

/// What a form carries: which challenge is answered, and the browser's answer.
#[derive(Deserialize)]
struct Answer {
    ceremony: String,
    credential: Value,
}

/// Uses up the challenge that is answered. Gives what the answer is judged by, if the challenge was made for this and
/// is not too old, and the answer; nothing if either does not fit or cannot be read.
async fn take<State: DeserializeOwned, Credential: DeserializeOwned>(
    tx: &mut Tx,
    state: &AppState,
    purpose: &str,
    user_id: Option<&str>,
    answer: &str,
) -> Result<Option<(State, Credential)>, AppError> {
    let Ok(answer) = serde_json::from_str::<Answer>(answer) else {
        return Ok(None);
    };
    let hash = hash(state, &answer.ceremony);
    let Some(ceremony) = store::take_ceremony(tx, hash).await? else {
        return Ok(None);
    };
    let fits = ceremony.purpose == purpose
        && ceremony.user_id.as_deref() == user_id
        && ceremony.created_at > state.clock.now() - LASTS;
    if !fits {
        return Ok(None);
    }
    let Ok(credential) = serde_json::from_value(answer.credential) else {
        return Ok(None);
    };
    let kept = serde_json::from_str(&ceremony.state)
        .map_err(|error| AppError::Internal(format!("a stored challenge: {error}")))?;
    Ok(Some((kept, credential)))
}

/// Judges the answer to a challenge, in the caller's transaction, which is to be committed whatever comes of it. Gives
/// whose passkey has answered.
async fn judge(
    tx: &mut Tx,
    state: &AppState,
    purpose: &str,
    user_id: Option<&str>,
    answer: &str,
) -> Result<Option<String>, AppError> {
    let party = party(state)?;
    let taken = take(tx, state, purpose, user_id, answer).await?;
    let Some((challenge, answer)): Option<(DiscoverableAuthentication, PublicKeyCredential)> =
        taken
    else {
        return Ok(None);
    };
    let Some(row) = store::passkey_by_credential(tx, &answer.raw_id).await? else {
        return Ok(None);
    };
    // Who is not signed in is known by the passkey alone, which then must name its person too (§7.2, step 6).
    let whose = match (user_id, answer.get_user_unique_id()) {
        (Some(user_id), None) => user_id == row.user_id,
        (None, None) => false,
        (user_id, Some(named)) => {
            user_id.is_none_or(|user_id| user_id == row.user_id)
                && named == handle(&row.user_id)?.as_bytes()
        }
    };
    if !whose {
        return Ok(None);
    }
    let mut passkey = stored(&row.credential)?;
    match party.finish_discoverable_authentication_v2(&answer, challenge, &passkey) {
        Ok(result) => {
            passkey.update_credential(&result);
            let now = state.clock.now();
            let after = json!(passkey).to_string();
            // Of two answers at once whose counters differ, the second was judged by what no longer stands.
            let used = store::use_passkey(tx, &row.id, &row.credential, &after, now).await?;
            Ok(used.then_some(row.user_id))
        }
        Err(error) => {
            tracing::info!(%error, passkey = row.id, "the answer of a passkey was refused");
            Ok(None)
        }
    }
}

/// Whether the browser's answer comes from a passkey of this person, to a challenge that was made for this purpose.
pub async fn accept(
    state: &AppState,
    user_id: &str,
    purpose: &str,
    answer: &str,
) -> Result<bool, AppError> {
    if state.passkeys.is_none() {
        return Ok(false);
    }
    let mut tx = state.db.begin().await?;
    let judged = judge(&mut tx, state, purpose, Some(user_id), answer).await?;
    tx.commit().await?;
    Ok(judged.is_some())
}

/// Who signs in with this answer of a passkey, and in which epoch of theirs. It replaces the password and the second factor.
pub async fn sign_in(
    state: &AppState,
    answer: &str,
    address: Option<IpAddr>,
) -> Result<(String, i64), AppError> {
    party(state)?;
    let place = place("sign-in", address);
    tries::charge(state, &place, SIGN_INS).await?;
    let mut who = None;
    let judging = async {
        who = signed_in(state, answer, &place).await?;
        Ok(who.is_some())
    };
    tries::judged(state, &[&place], judging).await?;
    who.ok_or_else(|| AppError::told(UiErrorKind::Invalid, NOT_KNOWN))
}

async fn signed_in(
    state: &AppState,
    answer: &str,
    place: &str,
) -> Result<Option<(String, i64)>, AppError> {
    let mut tx = state.db.begin().await?;
    let user = match judge(&mut tx, state, SIGN_IN, None, answer).await? {
        // Who has closed their account is nobody.
        Some(user_id) => accounts::store::by_id(&mut tx, &user_id).await?,
        None => None,
    };
    if user.is_some() {
        accounts::store::give_back_try(&mut tx, place).await?;
    }
    tx.commit().await?;
    Ok(user.map(|user| (user.id, user.epoch)))
}

/// A passkey that a browser has just made and that nobody has yet.
pub struct Made(Passkey);

/// What a passkey may be called: its person knows it again by that alone.
pub fn name(typed: &str) -> Result<String, AppError> {
    let name = typed.trim();
    let reason = if name.is_empty() {
        "Give the passkey a name, such as that of the device which holds it.".to_owned()
    } else if name.chars().count() > MAX_NAME {
        format!("Use at most {MAX_NAME} characters.")
    } else if name.chars().any(is_invisible) {
        "Use letters, digits and punctuation; a control or invisible character is in it.".to_owned()
    } else {
        return Ok(name.to_owned());
    };
    Err(AppError::field("name", reason))
}

/// The passkey that this person's browser made, by its answer to the challenge for a new one.
pub async fn made(state: &AppState, viewer: &Viewer, answer: &str) -> Result<Made, AppError> {
    let party = party(state)?;
    let mut tx = state.db.begin().await?;
    let taken = take(&mut tx, state, REGISTER, Some(&viewer.user_id), answer).await?;
    tx.commit().await?;
    let Some((challenge, answer)): Option<(PasskeyRegistration, RegisterPublicKeyCredential)> =
        taken
    else {
        return Err(AppError::told(
            UiErrorKind::Invalid,
            "No new passkey came with the form, or it came too late. Try again.",
        ));
    };
    party
        .finish_passkey_registration(&answer, &challenge)
        .map(Made)
        .map_err(|error| {
            tracing::info!(%error, "a new passkey was refused");
            AppError::told(
                UiErrorKind::Invalid,
                "That passkey can't be used here. Try again, or choose another device.",
            )
        })
}

/// Keeps a passkey that was made. Gives recovery codes, to be shown once, if the person has none left.
pub async fn add(
    state: &AppState,
    viewer: &Viewer,
    name: &str,
    made: &Made,
    proof: Proof,
) -> Result<Option<Vec<Zeroizing<String>>>, AppError> {
    let (now, user_id) = (state.clock.now(), viewer.user_id.as_str());
    let mut tx = state.db.begin().await?;
    proof
        .consume(&mut tx, state, viewer, Action::AddFactor, &adding(name))
        .await?;
    begin_change(&mut tx, viewer).await?;
    if store::passkeys(&mut tx, user_id).await?.len() >= MOST {
        return Err(AppError::told(
            UiErrorKind::Conflict,
            format!("You have {MOST} passkeys, which is the most. Remove one first."),
        ));
    }
    let row = store::Passkey {
        id: state.rng.id("pky", now),
        user_id: user_id.to_owned(),
        name: name.to_owned(),
        credential: json!(made.0).to_string(),
        created_at: now,
        last_used_at: None,
    };
    match store::insert_passkey(&mut tx, &row, made.0.cred_id()).await {
        Err(DbError::Violates(Constraint::PasskeyCredential)) => {
            return Err(AppError::told(
                UiErrorKind::Conflict,
                "That passkey is registered already.",
            ));
        }
        other => other?,
    }
    let codes = first_codes(&mut tx, state, user_id).await?;
    let entry = viewer.entry(
        "passkey.added",
        &row.id,
        json!({ "recovery_codes": codes.is_some() }),
    );
    audit::record(&mut tx, &entry, now).await?;
    let notice = notice(
        "A passkey was added to your account.",
        format!(
            "The passkey \u{201c}{name}\u{201d} can now sign you in and confirm what you do. \
             If you did not add it, remove it and change your password."
        ),
    );
    notices::tell(&mut tx, state, user_id, &notice).await?;
    tx.commit().await?;
    Ok(codes)
}

/// The viewer's passkey of that id. Another person's is answered like one that does not exist.
pub async fn find(state: &AppState, viewer: &Viewer, id: &str) -> Result<store::Passkey, AppError> {
    if !is_id(id, "pky") {
        return Err(AppError::not_found());
    }
    let mut reader = state.db.read().await?;
    store::passkeys(&mut reader, &viewer.user_id)
        .await?
        .into_iter()
        .find(|passkey| passkey.id == id)
        .ok_or_else(AppError::not_found)
}

/// Takes the passkey off the account: it signs nobody in any more.
pub async fn remove(
    state: &AppState,
    viewer: &Viewer,
    id: &str,
    proof: Proof,
) -> Result<(), AppError> {
    let passkey = find(state, viewer, id).await?;
    let (now, user_id) = (state.clock.now(), viewer.user_id.as_str());
    let mut tx = state.db.begin().await?;
    proof
        .consume(&mut tx, state, viewer, Action::RemoveFactor, &removing(id))
        .await?;
    let held = factors_now(&mut tx, viewer).await?;
    let others = held.totp || held.passkeys > 1;
    may_lose_one(viewer, others)?;
    if !store::delete_passkey(&mut tx, user_id, id).await? {
        return Err(AppError::not_found());
    }
    if !others {
        // They stand in for a second factor, and there is none any more.
        store::delete_recovery_codes(&mut tx, user_id).await?;
    }
    let entry = viewer.entry("passkey.removed", id, json!({}));
    audit::record(&mut tx, &entry, now).await?;
    let notice = notice(
        "A passkey was removed from your account.",
        format!(
            "The passkey \u{201c}{}\u{201d} no longer signs you in. If you did not remove it, change your password.",
            passkey.name
        ),
    );
    notices::tell(&mut tx, state, user_id, &notice).await?;
    tx.commit().await?;
    Ok(())
}

/// What the proof for adding a passkey is bound to.
pub fn adding(name: &str) -> Value {
    json!({ "passkey": name })
}

/// What the proof for removing a passkey is bound to.
pub fn removing(id: &str) -> Value {
    json!({ "passkey": id })
}

fn notice(subject: &str, text: String) -> Notice<'static> {
    Notice {
        kind: Kind::Security,
        workspace_id: None,
        subject: subject.to_owned(),
        text,
        action: "See your passkeys",
        path: "/settings/security/passkeys".to_owned(),
    }
}

async fn held(state: &AppState, user_id: &str) -> Result<Vec<Passkey>, AppError> {
    let mut reader = state.db.read().await?;
    store::passkeys(&mut reader, user_id)
        .await?
        .iter()
        .map(|row| stored(&row.credential))
        .collect()
}

fn stored(credential: &str) -> Result<Passkey, AppError> {
    serde_json::from_str(credential)
        .map_err(|error| AppError::Internal(format!("a stored passkey: {error}")))
}

/// What an authenticator knows the person by: the 128 bits of their id, which say nothing about them.
fn handle(user_id: &str) -> Result<Uuid, AppError> {
    user_id
        .strip_prefix("usr_")
        .and_then(|text| Ulid::from_string(text).ok())
        .map(|id| Uuid::from_u128(id.0))
        .ok_or_else(|| AppError::Internal(format!("{user_id} is no id of a person")))
}

fn hash(state: &AppState, token: &str) -> SecretHash {
    state.peppers.hash(format!("passkey:{token}").as_bytes())
}

fn place(what: &str, address: Option<IpAddr>) -> String {
    let from = address.map_or_else(|| "unknown".to_owned(), ops::place_of);
    format!("passkey-{what}:{from}")
}

fn failed(error: WebauthnError) -> AppError {
    AppError::Internal(format!("webauthn: {error}"))
}
