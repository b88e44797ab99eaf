//! Step-up: a fresh factor for one delicate action.
//!
//! A [`Proof`] is bound to the person, the workspace, the action and its exact content, lives five minutes, and is
//! used up by the operation it serves, in that operation's own transaction. Wrong tries are counted before they are
//! judged and stand in the audit record.

use serde::{Deserialize, Serialize};

use super::{Viewer, password::Typed, store, tries, tries::Allowance};
use crate::{
    audit,
    db::Tx,
    error::UiErrorKind,
    server::{
        clock::{MINUTE, Millis},
        error::AppError,
        state::AppState,
    },
};

/// How long a proof may wait for the operation that uses it.
const FRESH: Millis = 5 * MINUTE;

/// Wrong passwords a signed-in person may type within a quarter of an hour.
const PASSWORD_TRIES: Allowance = Allowance {
    failures: 5,
    window: Some(15 * MINUTE),
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
}

impl Factor {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Pin => "pin",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Password, Self::Pin]
            .into_iter()
            .find(|factor| factor.as_str() == text)
    }
}

/// What a proof can be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    CreateKey,
    SetPin,
}

impl Action {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CreateKey => "key.create",
            Self::SetPin => "pin.set",
        }
    }
}

/// The right to do one thing once. Only [`prove`] makes it.
#[must_use = "a proof authorises nothing until an operation consumes it"]
pub struct Proof {
    id: String,
    action: Action,
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
    if typed.is_empty() {
        return Err(AppError::field(
            FIELD,
            match factor {
                Factor::Password => "Type your password to confirm it's you.",
                Factor::Pin => "Type your PIN to confirm it's you.",
            },
        ));
    }
    let user = {
        let mut reader = state.db.read().await?;
        store::by_id(&mut reader, &viewer.user_id)
            .await?
            .ok_or_else(AppError::not_found)?
    };
    let (subject, allowance, stored) = match factor {
        Factor::Password => (
            format!("step-up:{}", user.id),
            PASSWORD_TRIES,
            user.password_hash,
        ),
        Factor::Pin => (
            pin_subject(&user.id),
            PIN_TRIES,
            user.pin_hash.ok_or_else(|| {
                AppError::field(
                    FIELD,
                    "You have no PIN yet. Set one in Settings, or use your password.",
                )
            })?,
        ),
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
    let judging = state.hasher.verify(typed, Some(stored));
    let fits = tries::judged(state, &[&subject], judging).await?;
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
        let what = match factor {
            Factor::Password => "password",
            Factor::Pin => "PIN",
        };
        return Err(AppError::field(
            FIELD,
            match (left, factor) {
                (0, Factor::Pin) => {
                    "That PIN isn't right, and it is locked now. Your password unlocks it."
                        .to_owned()
                }
                (0, Factor::Password) => {
                    "That password isn't right. Wait 15 minutes before the next try.".to_owned()
                }
                (1, _) => format!("That {what} isn't right. 1 try left."),
                _ => format!("That {what} isn't right. {left} tries left."),
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
    if factor == Factor::Password {
        store::forget_tries(&mut tx, &pin_subject(&viewer.user_id)).await?;
    }
    tx.commit().await?;
    Ok(proof)
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
