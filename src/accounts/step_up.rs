//! Step-up: a fresh factor for one delicate action.
//!
//! A [`Proof`] is bound to the person, the workspace, the action and its exact content, lives five minutes, and is
//! used up by the operation it serves, in that operation's own transaction. Wrong tries are counted before they are
//! judged and stand in the audit record.

use serde::{Deserialize, Serialize};

use super::{Viewer, factors, password::Typed, store, tries, tries::Allowance};
use crate::{
    audit,
    db::Tx,
    error::UiErrorKind,
    profiles::Profile,
    server::{
        clock::{DAY, MINUTE, Millis},
        error::AppError,
        page::Submission,
        state::AppState,
    },
};

/// How long a proof may wait for the operation that uses it.
const FRESH: Millis = 5 * MINUTE;

/// Wrong passwords, codes or passkeys that a signed-in person may give within a quarter of an hour, of each.
pub const TRIES: Allowance = Allowance {
    failures: 5,
    window: Some(15 * MINUTE),
};
/// Codes that may be tried in a day, whatever the pace and wherever they are asked for.
pub const CODES_PER_DAY: Allowance = Allowance {
    failures: 25,
    window: Some(DAY),
};
/// A PIN has few digits: after this many wrong ones it is locked until the password is given.
const PIN_TRIES: Allowance = Allowance {
    failures: 5,
    window: None,
};

/// The form field that carries the factor, whichever it is.
pub const FIELD: &str = "proof";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    Password,
    Pin,
    Totp,
    Passkey,
}

impl Factor {
    pub const ALL: [Self; 4] = [Self::Password, Self::Pin, Self::Totp, Self::Passkey];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Pin => "pin",
            Self::Totp => "totp",
            Self::Passkey => "passkey",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|factor| factor.as_str() == text)
    }

    /// As it stands within a sentence.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Pin => "PIN",
            Self::Totp => "code",
            Self::Passkey => "passkey",
        }
    }

    pub fn held_by(self, viewer: &Viewer) -> bool {
        match self {
            Self::Password => true,
            Self::Pin => viewer.has_pin,
            Self::Totp => viewer.has_totp,
            Self::Passkey => viewer.has_passkey,
        }
    }
}

/// What a proof can be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    CreateKey,
    RevealKey,
    RotateKey,
    WidenKey,
    EnableKey,
    RevokeAll,
    CreateWebhook,
    ChangeWebhook,
    RotateWebhook,
    Decide,
    ApproveOwn,
    SetPin,
    ChangePassword,
    ChangeAddress,
    AddFactor,
    RemoveFactor,
    RenewRecoveryCodes,
    ExportData,
    CloseAccount,
    Invite,
    ChangeMember,
    RemoveMember,
    ChangeWorkspace,
    OfferOwnership,
    AcceptOwnership,
    ActInWorkspace,
    ResetFactors,
    SuspendWorkspace,
    DecidePlan,
    CreateCliToken,
}

impl Action {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CreateKey => "key.create",
            Self::RevealKey => "key.reveal",
            Self::RotateKey => "key.rotate",
            Self::WidenKey => "key.widen",
            Self::EnableKey => "key.enable",
            Self::RevokeAll => "keys.revoke_all",
            Self::CreateWebhook => "webhook.create",
            Self::ChangeWebhook => "webhook.change",
            Self::RotateWebhook => "webhook.rotate",
            Self::Decide => "approval.decide",
            Self::ApproveOwn => "approval.own",
            Self::SetPin => "pin.set",
            Self::ChangePassword => "password.change",
            Self::ChangeAddress => "address.change",
            Self::AddFactor => "factor.add",
            Self::RemoveFactor => "factor.remove",
            Self::RenewRecoveryCodes => "recovery_codes.renew",
            Self::ExportData => "data.export",
            Self::CloseAccount => "account.close",
            Self::Invite => "member.invite",
            Self::ChangeMember => "member.change",
            Self::RemoveMember => "member.remove",
            Self::ChangeWorkspace => "workspace.change",
            Self::OfferOwnership => "ownership.offer",
            Self::AcceptOwnership => "ownership.accept",
            Self::ActInWorkspace => "workspace.act",
            Self::ResetFactors => "factors.reset",
            Self::SuspendWorkspace => "workspace.suspend",
            Self::DecidePlan => "plan.decide",
            Self::CreateCliToken => "cli_token.create",
        }
    }

    /// The factors that may serve this action, the one asked for first at the head.
    pub fn factors(self, profile: &Profile) -> &[Factor] {
        match self {
            // The password is what unlocks a PIN, and what is changed.
            Self::SetPin | Self::ChangePassword => &[Factor::Password],
            // Where no second person is there, a second factor takes their place.
            Self::ApproveOwn => &[Factor::Totp, Factor::Passkey],
            _ => profile.step_up.factors(self),
        }
    }
}

/// The right to do one thing once. Only [`prove`] makes it.
#[must_use = "a proof authorises nothing until an operation consumes it"]
pub struct Proof {
    id: String,
    action: Action,
}

/// Checks the factor that a form carries in its fields `factor` and `proof`, and binds the proof to `action` and
/// `content`.
pub async fn prove_form(
    form: &Submission,
    action: Action,
    content: &impl Serialize,
) -> Result<Proof, AppError> {
    let (state, viewer) = (&form.state, form.viewer()?);
    let factor = Factor::parse(form.fields.get("factor"))
        .filter(|factor| action.factors(&state.profile).contains(factor))
        .ok_or_else(|| {
            AppError::field(FIELD, "Choose one of the ways to confirm that are offered.")
        })?;
    let typed = Typed::new(form.fields.get(FIELD));
    prove(state, viewer, action, content, factor, &typed).await
}

/// Checks the factor and binds the proof to `action` and `content`.
pub async fn prove(
    state: &AppState,
    viewer: &Viewer,
    action: Action,
    content: &impl Serialize,
    factor: Factor,
    typed: &Typed,
) -> Result<Proof, AppError> {
    let user_id = &viewer.user_id;
    let what = factor.word();
    if typed.is_empty() {
        return Err(AppError::field(
            FIELD,
            match factor {
                Factor::Password | Factor::Pin => format!("Type your {what} to confirm it's you."),
                Factor::Totp => "Type the code that your authenticator shows.".to_owned(),
                Factor::Passkey => {
                    "The passkey didn't answer. Try again, or use another way.".to_owned()
                }
            },
        ));
    }
    let user = {
        let mut reader = state.db.read().await?;
        store::by_id(&mut reader, user_id)
            .await?
            .ok_or_else(AppError::not_found)?
    };
    let subject = subject(factor, user_id);
    let pin_hash = user.pin_hash;
    if factor == Factor::Pin && pin_hash.is_none() {
        return Err(AppError::field(
            FIELD,
            "You have no PIN yet. Set one in Settings, or use your password.",
        ));
    }
    let allowance = if factor == Factor::Pin {
        PIN_TRIES
    } else {
        TRIES
    };
    let left = match tries::charge(state, &subject, allowance).await {
        Ok(left) => left,
        Err(AppError::TooMany(_)) if factor == Factor::Pin => {
            return Err(AppError::field(
                FIELD,
                "PIN locked after 5 tries. Your password unlocks it.",
            ));
        }
        Err(error) => return Err(error),
    };
    let mut charged = vec![subject.as_str()];
    let daily = daily(user_id);
    if factor == Factor::Totp {
        tries::charge_too(state, &daily, CODES_PER_DAY, &[&subject]).await?;
        charged.push(&daily);
    }
    let judging = async {
        match factor {
            Factor::Password => state.hasher.verify(typed, Some(user.password_hash)).await,
            Factor::Pin => state.hasher.verify(typed, pin_hash).await,
            Factor::Totp => factors::totp::accept(state, user_id, typed.text()).await,
            Factor::Passkey => {
                factors::passkeys::accept(state, user_id, action.as_str(), typed.text()).await
            }
        }
    };
    let fits = tries::judged(state, &charged, judging).await?;
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    if !fits {
        audit::record(
            &mut tx,
            &viewer.entry(
                "step_up.failed",
                action.as_str(),
                serde_json::json!({ "factor": factor.as_str(), "tries_left": left }),
            ),
            now,
        )
        .await?;
        tx.commit().await?;
        return Err(AppError::field(
            FIELD,
            match (left, factor) {
                (0, Factor::Pin) => {
                    "That PIN isn't right, and it is locked now. Your password unlocks it."
                        .to_owned()
                }
                (0, _) => {
                    format!("That {what} isn't right. Wait 15 minutes before the next try.")
                }
                (_, Factor::Totp) => format!(
                    "That code isn't right, or was used before. Wait for the next one. {}",
                    tries_left(left)
                ),
                _ => format!("That {what} isn't right. {}", tries_left(left)),
            },
        ));
    }
    let proof = Proof {
        id: state.rng.id("stp", now),
        action,
    };
    store::insert_step_up(
        &mut tx,
        &row(&proof, state, viewer, content)?,
        factor.as_str(),
        now,
    )
    .await?;
    store::forget_tries(&mut tx, &subject).await?;
    if factor == Factor::Totp {
        store::give_back_try(&mut tx, &daily).await?;
    }
    if factor == Factor::Password {
        store::forget_tries(&mut tx, &pin_subject(user_id)).await?;
    }
    tx.commit().await?;
    Ok(proof)
}

fn tries_left(left: i64) -> String {
    match left {
        1 => "1 try left.".to_owned(),
        _ => format!("{left} tries left."),
    }
}

/// What the codes that a person tries in a day are counted under.
pub fn daily(user_id: &str) -> String {
    format!("codes:{user_id}")
}

/// What the tries at a person's factor are counted under.
pub fn subject(factor: Factor, user_id: &str) -> String {
    match factor {
        Factor::Password => format!("step-up:{user_id}"),
        Factor::Pin => pin_subject(user_id),
        Factor::Totp => format!("totp:{user_id}"),
        Factor::Passkey => format!("passkey:{user_id}"),
    }
}

impl Proof {
    /// Uses the proof up, within the transaction of what it authorises.
    pub async fn consume(
        self,
        tx: &mut Tx,
        state: &AppState,
        viewer: &Viewer,
        action: Action,
        content: &impl Serialize,
    ) -> Result<(), AppError> {
        let now = state.clock.now();
        let row = row(&self, state, viewer, content)?;
        let fits =
            self.action == action && store::consume_step_up(tx, &row, now, now - FRESH).await?;
        if fits {
            Ok(())
        } else {
            Err(AppError::told(
                UiErrorKind::Conflict,
                "The confirmation no longer fits what was asked, or is older than five minutes. Confirm once more.",
            ))
        }
    }
}

/// Whether the person's PIN waits for their password.
pub async fn pin_locked(state: &AppState, user_id: &str) -> Result<bool, AppError> {
    let mut reader = state.db.read().await?;
    Ok(tries::exhausted(
        &mut reader,
        &pin_subject(user_id),
        PIN_TRIES,
        state.clock.now(),
    )
    .await?)
}

pub fn pin_subject(user_id: &str) -> String {
    format!("pin:{user_id}")
}

fn row<'a>(
    proof: &'a Proof,
    state: &AppState,
    viewer: &'a Viewer,
    content: &impl Serialize,
) -> Result<store::StepUp<'a>, AppError> {
    let content = serde_json::to_vec(content)
        .map_err(|error| AppError::Internal(format!("content of a proof: {error}")))?;
    Ok(store::StepUp {
        id: &proof.id,
        user_id: &viewer.user_id,
        workspace_id: viewer.workspace_id(),
        action: proof.action.as_str(),
        // Keyed, since content may be short enough to be guessed from a bare hash.
        content_hash: state.peppers.hash(&content),
    })
}
