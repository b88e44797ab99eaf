//! The forms of operators.

use axum::{extract::Path, response::Response};

use super::ops;
use crate::{
    accounts::{
        session,
        step_up::{self, Action},
    },
    error::UiErrorKind,
    keys::policy,
    server::{
        error::AppError,
        page::{Outcome, Submission},
    },
};

/// Shortest reason: a ticket's number.
const MIN_REASON: usize = 3;
pub const MAX_REASON: u32 = 200;

/// Begins to act in a workspace.
pub async fn act(Path(id): Path<String>, submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let (state, viewer) = (&form.state, form.viewer()?);
            let workspace = ops::named(&mut state.db.read().await?, state, &id).await?;
            if form.wants_another_factor() {
                return Ok(Outcome::Again);
            }
            if workspace.require_second_factor && !viewer.has_second_factor() {
                return Err(AppError::told(
                    UiErrorKind::Conflict,
                    "This workspace asks for a second factor and you have none. Set one up in your security settings first.",
                ));
            }
            let reason = reason(form)?;
            let content = ops::because(&id, &reason);
            let proof = step_up::prove_form(form, Action::ActInWorkspace, &content).await?;
            let act = ops::act(state, viewer, &id, &reason, proof).await?;
            session::begin_act(&form.session, &act)
                .await
                .map_err(session::failed)?;
            Ok(Outcome::Go("/dashboard".to_owned()))
        })
        .await
}

/// Stops acting.
pub async fn end_act(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let viewer = form.viewer()?;
            ops::stop_acting(&form.state, viewer).await?;
            session::end_act(&form.session)
                .await
                .map_err(session::failed)?;
            Ok(Outcome::Go(
                if viewer.operator {
                    "/admin?done=ended"
                } else {
                    "/"
                }
                .to_owned(),
            ))
        })
        .await
}

pub async fn suspend(Path(id): Path<String>, submission: Submission) -> Response {
    set_suspended(&id, submission, true).await
}

pub async fn restore(Path(id): Path<String>, submission: Submission) -> Response {
    set_suspended(&id, submission, false).await
}

async fn set_suspended(id: &str, submission: Submission, suspend: bool) -> Response {
    submission
        .answer(async |form| {
            let (state, viewer) = (&form.state, form.viewer()?);
            ops::named(&mut state.db.read().await?, state, id).await?;
            if form.wants_another_factor() {
                return Ok(Outcome::Again);
            }
            let reason = reason(form)?;
            let content = ops::suspension(id, suspend, &reason);
            let proof = step_up::prove_form(form, Action::SuspendWorkspace, &content).await?;
            ops::set_suspended(state, viewer, id, suspend, &reason, proof).await?;
            let done = if suspend { "suspended" } else { "restored" };
            Ok(Outcome::Go(format!("/admin?done={done}")))
        })
        .await
}

/// Takes a person's second factors.
pub async fn reset_factors(Path(id): Path<String>, submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let (state, viewer) = (&form.state, form.viewer()?);
            ops::person(&mut state.db.read().await?, &id).await?;
            if id == viewer.user_id {
                return Err(AppError::told(UiErrorKind::NotAllowed, ops::OWN_FACTORS));
            }
            if form.wants_another_factor() {
                return Ok(Outcome::Again);
            }
            let reason = reason(form)?;
            let content = ops::because(&id, &reason);
            let proof = step_up::prove_form(form, Action::ResetFactors, &content).await?;
            ops::reset_factors(state, viewer, &id, &reason, proof).await?;
            Ok(Outcome::Go("/admin/people?done=reset".to_owned()))
        })
        .await
}

/// Why it is done, which others read.
pub fn reason(form: &Submission) -> Result<String, AppError> {
    let reason = form
        .fields
        .get("reason")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let length = reason.chars().count();
    if length < MIN_REASON || length > MAX_REASON as usize {
        return Err(AppError::field(
            "reason",
            format!("Give a reason of {MIN_REASON} to {MAX_REASON} characters. Others read it."),
        ));
    }
    if reason.chars().any(policy::is_invisible) {
        return Err(AppError::field(
            "reason",
            "Use letters, digits and punctuation; a control or invisible character is in it.",
        ));
    }
    Ok(reason)
}
