//! Codes of an authenticator (RFC 6238): SHA-1, 6 digits, 30 seconds, one step early or late.
//!
//! A code counts once: the step of the last one accepted is kept, and a code of that step or an earlier one is
//! refused, whichever session, process or node it is sent to.

use totp_rs::{Algorithm, Builder, Secret, Totp};
use zeroize::Zeroizing;

use super::store;
use crate::{
    db::Tx,
    server::{
        clock::{HOUR, Millis, SECOND},
        error::AppError,
        state::AppState,
    },
};

/// RFC 4226 §4 asks for 128 bits and recommends 160.
const SECRET: usize = 20;
const STEP: Millis = 30 * SECOND;
/// How long a form for a new authenticator may stay open.
const SETUP: Millis = HOUR;

/// A secret that is offered to a person, before they have shown that their authenticator has it. The form carries it
/// sealed, so that nothing is kept of an enrolment that is not finished.
pub struct Setup {
    pub sealed: String,
    /// For typing: base32 in groups of four.
    pub manual: String,
    /// For the QR code: an `otpauth:` address.
    pub url: String,
}

/// Offers the secret of an earlier form again, or a new one.
pub fn setup(
    state: &AppState,
    user_id: &str,
    email: &str,
    earlier: &str,
) -> Result<Setup, AppError> {
    let secret = match offered(state, user_id, earlier) {
        Some(secret) => secret,
        None => Zeroizing::new(state.rng.bytes::<SECRET>().to_vec()),
    };
    let made_at = state.clock.now().to_be_bytes();
    let sealed = state.sealer.seal(
        &state.rng,
        &setup_place(user_id),
        &[&made_at, secret.as_slice()].concat(),
    );
    let totp = totp(&secret, &state.profile.name, email)?;
    let base32 = totp.secret().to_base32();
    let manual: Vec<String> = base32
        .as_bytes()
        .chunks(4)
        .map(|group| String::from_utf8_lossy(group).into_owned())
        .collect();
    Ok(Setup {
        sealed: hex::encode(sealed),
        manual: manual.join(" "),
        url: totp
            .to_url()
            .map_err(|error| AppError::Internal(format!("otpauth: {error}")))?,
    })
}

/// The secret that a form carries, if it was made for this person within the hour.
fn offered(state: &AppState, user_id: &str, sealed: &str) -> Option<Zeroizing<Vec<u8>>> {
    let opened = state
        .sealer
        .open(&setup_place(user_id), &hex::decode(sealed).ok()?)?;
    let (made_at, secret) = opened.split_first_chunk::<8>()?;
    let age = state.clock.now() - Millis::from_be_bytes(*made_at);
    (0..SETUP)
        .contains(&age)
        .then(|| Zeroizing::new(secret.to_vec()))
}

/// Whether the code shows that the person's authenticator has the secret of the form: the secret, and the code's step.
pub fn check(
    state: &AppState,
    user_id: &str,
    sealed: &str,
    code: &str,
) -> Result<(Zeroizing<Vec<u8>>, i64), AppError> {
    let secret = offered(state, user_id, sealed).ok_or_else(|| {
        AppError::field(
            "code",
            "This form is more than an hour old. Scan the new picture.",
        )
    })?;
    let step = fitting_step(&secret, code, state.clock.now())?.ok_or_else(|| {
        AppError::field(
            "code",
            "That code doesn't fit. Type the one that is shown now; is the clock of the device right?",
        )
    })?;
    Ok((secret, step))
}

/// Keeps the authenticator that the form was about, if the code shows that it has the secret.
pub async fn enrol(
    tx: &mut Tx,
    state: &AppState,
    user_id: &str,
    sealed: &str,
    code: &str,
) -> Result<(), AppError> {
    let (secret, step) = check(state, user_id, sealed, code)?;
    let kept = state.sealer.seal(&state.rng, &place(user_id), &secret);
    store::set_totp(tx, user_id, &kept, step, state.clock.now()).await?;
    Ok(())
}

/// Whether the code is the person's, now, and was not used before. Uses it up.
pub async fn accept(state: &AppState, user_id: &str, code: &str) -> Result<bool, AppError> {
    let mut tx = state.db.begin().await?;
    let Some(sealed) = store::totp(&mut tx, user_id).await? else {
        return Ok(false);
    };
    let secret = state.sealer.open(&place(user_id), &sealed).ok_or_else(|| {
        AppError::Internal(format!("the authenticator of {user_id} does not open"))
    })?;
    let Some(step) = fitting_step(&secret, code, state.clock.now())? else {
        return Ok(false);
    };
    let fresh = store::use_totp_step(&mut tx, user_id, step).await?;
    tx.commit().await?;
    Ok(fresh)
}

/// The step whose code this is, of the present one and its neighbours. Spaces do not count.
fn fitting_step(secret: &[u8], code: &str, now: Millis) -> Result<Option<i64>, AppError> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let totp = totp(secret, "", "")?;
    let current = now / STEP;
    // All three are compared, so that the time tells nothing.
    let mut found = None;
    for step in [current - 1, current, current + 1] {
        let at = u64::try_from(step * STEP / SECOND).unwrap_or(0);
        if totp.generate(at).to_string().as_str() == code {
            found = Some(step);
        }
    }
    Ok(found)
}

fn totp(secret: &[u8], issuer: &str, account: &str) -> Result<Totp, AppError> {
    // A colon parts issuer and account in the address.
    let issuer = issuer.replace(':', " ");
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_step_duration(30)
        .with_secret(Secret::from(secret.to_vec()))
        .with_account_name(account.replace(':', " "))
        .with_issuer((!issuer.is_empty()).then_some(issuer))
        .build()
        .map_err(|error| AppError::Internal(format!("totp: {error}")))
}

fn place(user_id: &str) -> String {
    format!("totp:{user_id}")
}

fn setup_place(user_id: &str) -> String {
    format!("totp-setup:{user_id}")
}
