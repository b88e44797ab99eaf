//! One function per operation, one transaction each.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::store;
use crate::{
    accounts::{
        Factor, Viewer, factors,
        links::{self, Purpose},
        ops::place_of,
        password::Typed,
        policy, sessions,
        step_up::{self, Action, Proof},
        store as people,
        tries::{self, Allowance},
    },
    audit::{self, PLATFORM},
    db::{Constraint, DbError, Tx},
    error::UiErrorKind,
    mail::{self, Letter},
    notices::{self, Kind, Notice},
    server::{
        clock::{HOUR, MINUTE},
        error::AppError,
        state::AppState,
    },
};

/// Letters that strangers may have sent from one address, to whomever.
const LETTERS_PER_PLACE: Allowance = Allowance {
    failures: 50,
    window: Some(HOUR),
};
/// Letters of one kind that strangers may have sent to one address. What exceeds it is dropped without a word, since the
/// one who asks need not be the one who would be told. The window is as short as the life of a link for a new password:
/// whenever one is dropped, one that works lies in the mailbox.
const LETTERS_PER_ADDRESS: Allowance = Allowance {
    failures: 5,
    window: Some(30 * MINUTE),
};
/// Passwords that may be tried at a link.
const TRIES_PER_LINK: Allowance = Allowance {
    failures: 5,
    window: Some(15 * MINUTE),
};

const SEALED_FOR: &str = "sign-up";

/// An account that was asked for, until its address is confirmed.
#[derive(Serialize, Deserialize)]
struct Pending {
    name: String,
    email: String,
    password_hash: String,
    /// Where to go once it is confirmed.
    next: String,
}

/// Counts a letter that was asked for from this place. Gives what it is counted under.
async fn may_ask(state: &AppState, from: Option<IpAddr>) -> Result<String, AppError> {
    let place = from.map_or_else(|| "unknown".to_owned(), place_of);
    let subject = format!("letters:{place}");
    tries::charge(state, &subject, LETTERS_PER_PLACE).await?;
    Ok(subject)
}

/// Whether a letter for this purpose may go to this address. Each purpose is counted by itself, so that letters about
/// one don't hold back another that somebody waits for.
pub async fn may_write(state: &AppState, purpose: &str, email: &str) -> Result<bool, AppError> {
    let folded = people::folded(email);
    let address = hex::encode(&state.peppers.hash(folded.as_bytes())[..16]);
    let subject = format!("letters-to:{purpose}:{address}");
    match tries::charge(state, &subject, LETTERS_PER_ADDRESS).await {
        Ok(_) => Ok(true),
        Err(AppError::TooMany(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Asks for an account. The answer is the same whether or not the address has one: the letter tells.
pub async fn sign_up(
    state: &AppState,
    name: &str,
    email: &str,
    password: &Typed,
    next: &str,
    from: Option<IpAddr>,
) -> Result<(), AppError> {
    let name = policy::name("name", name)?;
    let email = policy::email("email", email)?;
    // Before anything that costs: hashing is what a stranger could keep us busy with.
    let asked = may_ask(state, from).await?;
    let about = [name.as_str(), &email, &state.profile.name];
    let hashing = state.hasher.hash_new("password", password, &about);
    let password_hash = match hashing.await {
        Ok(hash) => hash,
        // Nothing was sent for a password that is refused, and trying another is no offence.
        Err(error) => {
            tries::give_back(state, &[&asked]).await?;
            return Err(error);
        }
    };
    if !may_write(state, Purpose::SignUp.as_str(), &email).await? {
        return Ok(());
    }
    let platform = &state.profile.name;
    let url = &state.config.public_url;
    let mut tx = state.db.begin().await?;
    let known = people::by_email(&mut tx, &email).await?;
    let pending = Pending {
        name,
        email: email.clone(),
        password_hash,
        next: next.to_owned(),
    };
    let data = serde_json::to_vec(&pending)
        .map_err(|error| AppError::Internal(format!("a sign-up: {error}")))?;
    // Sealed, since an address may be in it that stands for its reader, too: an invitation's.
    let data = hex::encode(state.sealer.seal(&state.rng, SEALED_FOR, &data));
    let token = links::make(&mut tx, state, Purpose::SignUp, None, &data).await?;
    let letter = match known {
        None => Letter {
            to: email,
            user_id: None,
            subject: format!("Confirm your address for {platform}"),
            text: vec![format!(
                "Somebody, hopefully you, asked for an account at {platform} with this address. \
                 Confirm it with the password that you chose."
            )],
            button: Some((
                "Confirm address".to_owned(),
                format!("{url}/signup/verify?token={}", *token),
            )),
            after: vec![
                "The link works once, for 24 hours.".to_owned(),
                "If that wasn't you, do nothing: without this link there is no account.".to_owned(),
            ],
        },
        Some(user) => Letter {
            to: user.email,
            user_id: Some(user.id),
            subject: format!("You already have an account at {platform}"),
            text: vec![format!(
                "Somebody, hopefully you, asked for an account at {platform} with this address. \
                 There is one already, and it stays as it is."
            )],
            button: Some(("Sign in".to_owned(), format!("{url}/login"))),
            after: vec!["Lost the password? The sign-in page leads to a new one.".to_owned()],
        },
    };
    mail::post(&mut tx, state, &letter).await?;
    tx.commit().await?;
    Ok(())
}

/// The address that the link would confirm, without using it.
pub async fn sign_up_for(state: &AppState, token: &str) -> Result<String, AppError> {
    Ok(pending(state, token).await?.email)
}

async fn pending(state: &AppState, token: &str) -> Result<Pending, AppError> {
    let open = links::look(state, Purpose::SignUp, token)
        .await?
        .ok_or_else(dead_link)?;
    hex::decode(&open.data)
        .ok()
        .and_then(|sealed| state.sealer.open(SEALED_FOR, &sealed))
        .and_then(|data| serde_json::from_slice(&data).ok())
        .ok_or_else(|| AppError::Internal("a sign-up does not open".to_owned()))
}

/// Makes the account that the link stands for. The password shows that who confirms is who asked: otherwise a
/// stranger could have the owner of an address confirm an account whose password the stranger knows.
/// Gives the new person's id and where they wanted to go.
pub async fn confirm_sign_up(
    state: &AppState,
    token: &str,
    password: &Typed,
) -> Result<(String, String), AppError> {
    let pending = pending(state, token).await?;
    let subject = format!("link:{}", hex::encode(&links::hash(state, token)[..16]));
    tries::charge(state, &subject, TRIES_PER_LINK).await?;
    let judging = state
        .hasher
        .verify(password, Some(pending.password_hash.clone()));
    if !tries::judged(state, &[&subject], judging).await? {
        return Err(AppError::field(
            "password",
            "That isn't the password that the account was asked for with.",
        ));
    }
    let now = state.clock.now();
    let id = state.rng.id("usr", now);
    let mut tx = state.db.begin().await?;
    links::take(&mut tx, state, Purpose::SignUp, token)
        .await?
        .ok_or_else(dead_link)?;
    let inserted = people::insert(
        &mut tx,
        people::NewUser {
            id: &id,
            email: &pending.email,
            name: &pending.name,
            password_hash: &pending.password_hash,
            operator: false,
        },
        now,
    )
    .await;
    match inserted {
        Err(DbError::Violates(Constraint::UserEmail)) => {
            return Err(AppError::told(
                UiErrorKind::Conflict,
                "This address has an account by now. Sign in with it.",
            ));
        }
        other => other?,
    }
    let entry = by_themselves(&id, "user.created", json!({}));
    audit::record(&mut tx, &entry, now).await?;
    tx.commit().await?;
    Ok((id, pending.next))
}

/// Sends a link for a new password, or says in a letter that there is no account.
pub async fn ask_reset(
    state: &AppState,
    email: &str,
    from: Option<IpAddr>,
) -> Result<(), AppError> {
    let email = policy::email("email", email)?;
    may_ask(state, from).await?;
    if !may_write(state, Purpose::Reset.as_str(), &email).await? {
        return Ok(());
    }
    let platform = &state.profile.name;
    let url = &state.config.public_url;
    let mut tx = state.db.begin().await?;
    let user = people::by_email(&mut tx, &email).await?;
    let user_id = user.as_ref().map(|user| user.id.clone());
    // Also for nobody, so that both take as long; a link without a person opens nothing.
    let token = links::make(&mut tx, state, Purpose::Reset, user_id.as_deref(), "").await?;
    let subject = format!("A new password for {platform}");
    let letter = match user {
        Some(user) => Letter {
            to: user.email,
            user_id,
            subject,
            text: vec![format!(
                "Somebody, hopefully you, asked for a new password for your account at {platform}."
            )],
            button: Some((
                "Choose a new password".to_owned(),
                format!("{url}/reset/new?token={}", *token),
            )),
            after: vec![
                "The link works once, for 30 minutes. All sessions end when it is used.".to_owned(),
                "If that wasn't you, do nothing: your password stays as it is.".to_owned(),
            ],
        },
        None => Letter {
            to: email,
            user_id: None,
            subject,
            text: vec![format!(
                "Somebody, hopefully you, asked for a new password at {platform}, but no account \
                 has this address. Perhaps you signed up with another one."
            )],
            button: Some(("Create an account".to_owned(), format!("{url}/signup"))),
            after: vec!["If that wasn't you, do nothing.".to_owned()],
        },
    };
    mail::post(&mut tx, state, &letter).await?;
    tx.commit().await?;
    Ok(())
}

/// Whom the link would give a new password, without using it.
pub async fn reset_for(state: &AppState, token: &str) -> Result<people::User, AppError> {
    let open = links::look(state, Purpose::Reset, token)
        .await?
        .ok_or_else(dead_link)?;
    let mut reader = state.db.read().await?;
    people::by_id(&mut reader, &open.user_id.ok_or_else(dead_link)?)
        .await?
        .ok_or_else(dead_link)
}

/// Sets the password that the link stands for, ends all sessions. Gives whose it was.
pub async fn reset(state: &AppState, token: &str, password: &Typed) -> Result<String, AppError> {
    let user = reset_for(state, token).await?;
    let hash = state
        .hasher
        .hash_new("new_password", password, &[&user.name, &user.email])
        .await?;
    let mut tx = state.db.begin().await?;
    links::take(&mut tx, state, Purpose::Reset, token)
        .await?
        .ok_or_else(dead_link)?;
    set_password(&mut tx, state, &user.id, &hash).await?;
    let entry = by_themselves(&user.id, "password.reset", json!({}));
    audit::record(&mut tx, &entry, state.clock.now()).await?;
    tx.commit().await?;
    Ok(user.id)
}

/// Replaces the viewer's password behind the present one; all sessions end, this one too. Gives the epoch that begins.
pub async fn change_password(
    state: &AppState,
    viewer: &Viewer,
    password_hash: &str,
    proof: Proof,
) -> Result<i64, AppError> {
    let mut tx = state.db.begin().await?;
    proof
        .consume(&mut tx, state, viewer, Action::ChangePassword, &json!({}))
        .await?;
    set_password(&mut tx, state, &viewer.user_id, password_hash).await?;
    let entry = viewer.entry("password.changed", &viewer.user_id, json!({}));
    audit::record(&mut tx, &entry, state.clock.now()).await?;
    let user = people::by_id(&mut tx, &viewer.user_id)
        .await?
        .ok_or_else(AppError::not_found)?;
    tx.commit().await?;
    Ok(user.epoch)
}

/// What follows from a new password, however it came about.
async fn set_password(
    tx: &mut Tx,
    state: &AppState,
    user_id: &str,
    password_hash: &str,
) -> Result<(), AppError> {
    let now = state.clock.now();
    people::set_password(tx, user_id, password_hash).await?;
    people::next_epoch(tx, user_id).await?;
    sessions::store::end_sessions(tx, user_id, None).await?;
    links::store::withdraw(tx, user_id, Purpose::Reset, now).await?;
    for factor in [Factor::Password, Factor::Pin] {
        people::forget_tries(tx, &step_up::subject(factor, user_id)).await?;
    }
    let notice = Notice {
        kind: Kind::Security,
        workspace_id: None,
        subject: "Your password was changed".to_owned(),
        text: "Every session was ended. If that wasn't you, ask for a new password at once and \
               check your second factors."
            .to_owned(),
        action: "Security settings",
        path: "/settings/security".to_owned(),
    };
    notices::tell(tx, state, user_id, &notice).await
}

/// Starts a change of address: both mailboxes have to agree to it.
pub async fn ask_address(
    state: &AppState,
    viewer: &Viewer,
    email: &str,
    proof: Proof,
) -> Result<(), AppError> {
    may_ask(state, viewer.address).await?;
    if !may_write(state, Purpose::NewAddress.as_str(), email).await? {
        return Ok(());
    }
    let platform = &state.profile.name;
    let url = &state.config.public_url;
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    proof
        .consume(
            &mut tx,
            state,
            viewer,
            Action::ChangeAddress,
            &json!({ "email": email }),
        )
        .await?;
    let id = state.rng.id("adr", now);
    store::start_change(&mut tx, &id, &viewer.user_id, email, now).await?;
    for purpose in [Purpose::OldAddress, Purpose::NewAddress] {
        links::store::withdraw(&mut tx, &viewer.user_id, purpose, now).await?;
    }
    let user_id = Some(viewer.user_id.as_str());
    let old = links::make(&mut tx, state, Purpose::OldAddress, user_id, &id).await?;
    let new = links::make(&mut tx, state, Purpose::NewAddress, user_id, &id).await?;
    let taken = people::by_email(&mut tx, email).await?;
    let button = |token: &str| {
        Some((
            "Confirm change".to_owned(),
            format!("{url}/address/confirm?token={token}"),
        ))
    };
    let subject = format!("Your address at {platform} is to change");
    let from_old = Letter {
        to: viewer.email.clone(),
        user_id: Some(viewer.user_id.clone()),
        subject: subject.clone(),
        text: vec![format!(
            "Your account at {platform} is to move to {email}. It does once both addresses have \
             confirmed it."
        )],
        button: button(&old),
        after: vec![
            "The link works once, for 24 hours.".to_owned(),
            "If that wasn't you, don't confirm, and change your password: somebody knows it."
                .to_owned(),
        ],
    };
    let to_new = match taken {
        None => Letter {
            to: email.to_owned(),
            user_id: None,
            subject,
            text: vec![format!(
                "An account at {platform} is to move to this address. It does once both addresses \
                 have confirmed it."
            )],
            button: button(&new),
            after: vec![
                "The link works once, for 24 hours.".to_owned(),
                "If that wasn't you, do nothing.".to_owned(),
            ],
        },
        Some(user) => Letter {
            to: user.email,
            user_id: Some(user.id),
            subject: format!("You already have an account at {platform}"),
            text: vec![format!(
                "Somebody, hopefully you, wanted to move another account at {platform} to this \
                 address. It has an account already, so nothing moves. Close one of them first."
            )],
            button: Some(("Sign in".to_owned(), format!("{url}/login"))),
            after: Vec::new(),
        },
    };
    mail::post(&mut tx, state, &from_old).await?;
    mail::post(&mut tx, state, &to_new).await?;
    let entry = viewer.entry("address.change_asked", &viewer.user_id, json!({}));
    audit::record(&mut tx, &entry, now).await?;
    tx.commit().await?;
    Ok(())
}

/// What a link for a change of address would confirm: which of the two, and the new address.
pub async fn change_behind(
    state: &AppState,
    token: &str,
) -> Result<(Purpose, store::AddressChange), AppError> {
    for purpose in [Purpose::OldAddress, Purpose::NewAddress] {
        if let Some(open) = links::look(state, purpose, token).await? {
            let mut reader = state.db.read().await?;
            let change = store::change(&mut reader, &open.data)
                .await?
                .ok_or_else(dead_link)?;
            return Ok((purpose, change));
        }
    }
    Err(dead_link())
}

/// Agrees to the change from one mailbox; with the other's agreement it is done. Gives whether it was. From the new
/// mailbox it takes the account's password: otherwise a stranger could have the owner of an address agree to an account
/// that the stranger can enter.
pub async fn confirm_address(
    state: &AppState,
    token: &str,
    password: &Typed,
) -> Result<bool, AppError> {
    let (purpose, change) = change_behind(state, token).await?;
    if purpose == Purpose::NewAddress {
        let stored = {
            let mut reader = state.db.read().await?;
            people::by_id(&mut reader, &change.user_id)
                .await?
                .ok_or_else(dead_link)?
                .password_hash
        };
        let subject = format!("link:{}", hex::encode(&links::hash(state, token)[..16]));
        tries::charge(state, &subject, TRIES_PER_LINK).await?;
        let judging = state.hasher.verify(password, Some(stored));
        if !tries::judged(state, &[&subject], judging).await? {
            return Err(AppError::field(
                "password",
                "That isn't the password of the account that is to move here.",
            ));
        }
    }
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    let open = links::take(&mut tx, state, purpose, token)
        .await?
        .ok_or_else(dead_link)?;
    // Both links at once: the second sees what the first did.
    tx.serialise(&format!("address:{}", open.data)).await?;
    store::agree(&mut tx, &open.data, purpose == Purpose::NewAddress, now).await?;
    let change = store::change(&mut tx, &open.data)
        .await?
        .ok_or_else(dead_link)?;
    let done = change.old_confirmed_at.is_some() && change.new_confirmed_at.is_some();
    let user = people::by_id(&mut tx, &change.user_id)
        .await?
        .ok_or_else(dead_link)?;
    let entry = if done {
        match people::set_email(&mut tx, &user.id, &change.email).await {
            Err(DbError::Violates(Constraint::UserEmail)) => {
                return Err(AppError::told(
                    UiErrorKind::Conflict,
                    "The new address has an account of its own by now, so nothing moved.",
                ));
            }
            other => other?,
        }
        store::end_changes(&mut tx, &user.id, now).await?;
        // A link for a new password lies in the mailbox that is being left.
        links::store::withdraw(&mut tx, &user.id, Purpose::Reset, now).await?;
        let platform = &state.profile.name;
        let letter = Letter {
            to: user.email,
            user_id: Some(user.id.clone()),
            subject: format!("Your account at {platform} has another address"),
            text: vec!["Letters go to the new address from now on.".to_owned()],
            button: None,
            after: Vec::new(),
        };
        mail::post(&mut tx, state, &letter).await?;
        let notice = Notice {
            kind: Kind::Security,
            workspace_id: None,
            subject: "Your address was changed".to_owned(),
            text: "You sign in with the new one from now on.".to_owned(),
            action: "Your account",
            path: "/settings/account".to_owned(),
        };
        notices::tell(&mut tx, state, &user.id, &notice).await?;
        by_themselves(&user.id, "address.changed", json!({}))
    } else {
        by_themselves(&user.id, "address.change_confirmed", json!({}))
    };
    audit::record(&mut tx, &entry, now).await?;
    tx.commit().await?;
    Ok(done)
}

/// Which of the ways a person gave as their second factor.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Second {
    Totp,
    RecoveryCode,
}

impl Second {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::RecoveryCode => "recovery_code",
        }
    }
}

/// The second step of signing in: a code of the authenticator, or a recovery code.
pub async fn second_step(state: &AppState, user_id: &str, code: &str) -> Result<Second, AppError> {
    let code = code.trim();
    if code.is_empty() {
        return Err(AppError::field(
            "code",
            "Type the code that your authenticator shows, or a recovery code.",
        ));
    }
    let digits = code.chars().filter(|c| !c.is_whitespace());
    let second = if digits.clone().count() == 6 && digits.clone().all(|c| c.is_ascii_digit()) {
        Second::Totp
    } else {
        Second::RecoveryCode
    };
    let subject = step_up::subject(Factor::Totp, user_id);
    let daily = step_up::daily(user_id);
    let left = tries::charge(state, &subject, step_up::TRIES).await?;
    tries::charge_too(state, &daily, step_up::CODES_PER_DAY, &[&subject]).await?;
    let judging = async {
        match second {
            Second::Totp => factors::totp::accept(state, user_id, code).await,
            Second::RecoveryCode => factors::recovery::accept(state, user_id, code).await,
        }
    };
    let fits = tries::judged(state, &[&subject, &daily], judging).await?;
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    if fits {
        people::forget_tries(&mut tx, &subject).await?;
        people::give_back_try(&mut tx, &daily).await?;
        if second == Second::RecoveryCode {
            let left = factors::store::recovery_codes_left(&mut tx, user_id).await?;
            let notice = Notice {
                kind: Kind::Security,
                workspace_id: None,
                subject: "A recovery code was used to sign in".to_owned(),
                text: format!(
                    "{left} of {} are left. If that wasn't you, change your password now.",
                    factors::recovery::CODES
                ),
                action: "Security settings",
                path: "/settings/security".to_owned(),
            };
            notices::tell(&mut tx, state, user_id, &notice).await?;
        }
        tx.commit().await?;
        return Ok(second);
    }
    let entry = by_themselves(
        user_id,
        "second_factor.failed",
        json!({ "factor": second.as_str(), "tries_left": left }),
    );
    audit::record(&mut tx, &entry, now).await?;
    if left == 0 {
        let notice = Notice {
            kind: Kind::Security,
            workspace_id: None,
            subject: "Somebody knows your password but not your code".to_owned(),
            text: "Five wrong codes were given after your right password. If that wasn't you, \
                   change your password now."
                .to_owned(),
            action: "Change password",
            path: "/settings/security/password".to_owned(),
        };
        notices::tell(&mut tx, state, user_id, &notice).await?;
    }
    tx.commit().await?;
    Err(AppError::field(
        "code",
        match left {
            0 => "That code isn't right. Wait 15 minutes before the next try.",
            _ => "That code isn't right, or was used before. Wait for the next one.",
        },
    ))
}

/// One answer for every link that opens nothing.
pub fn dead_link() -> AppError {
    AppError::told(
        UiErrorKind::NotFound,
        "This link can't be used: it was used before, has run out, or was cut short.",
    )
}

fn by_themselves(user_id: &str, action: &'static str, detail: serde_json::Value) -> audit::Entry {
    audit::Entry {
        chain: PLATFORM.to_owned(),
        actor: user_id.to_owned(),
        action,
        target: user_id.to_owned(),
        detail,
    }
}
