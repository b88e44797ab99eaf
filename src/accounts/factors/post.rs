//! The forms of this feature.

use axum::response::Response;
use serde_json::json;

use super::{ops, totp};
use crate::{
    accounts::step_up::{self, Action},
    server::{
        error::AppError,
        page::{Once, Outcome, Submission},
    },
};

pub async fn enrol(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let (state, viewer) = (&form.state, form.viewer()?);
            if form.wants_another_factor() {
                return Ok(Outcome::Again);
            }
            let (setup, code) = (form.fields.get("setup"), form.fields.get("code"));
            if code.trim().is_empty() {
                return Err(AppError::field(
                    "code",
                    "Type the code that your authenticator shows now.",
                ));
            }
            // Looked at before the proof, so that a mistyped code costs no try at the password.
            totp::check(state, &viewer.user_id, setup, code)?;
            let proof =
                step_up::prove_form(form, Action::AddFactor, &ops::enrolment(setup)).await?;
            match ops::enrol(state, viewer, setup, code, proof).await? {
                Some(codes) => Ok(Outcome::Show(Once::RecoveryCodes(codes))),
                None => Ok(Outcome::Go("/settings/security?done=totp".to_owned())),
            }
        })
        .await
}

pub async fn remove(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let (state, viewer) = (&form.state, form.viewer()?);
            if form.wants_another_factor() {
                return Ok(Outcome::Again);
            }
            if !viewer.has_totp {
                return Err(AppError::not_found());
            }
            ops::may_lose_one(viewer, viewer.has_passkey)?;
            let proof = step_up::prove_form(form, Action::RemoveFactor, &ops::removal()).await?;
            ops::remove_totp(state, viewer, proof).await?;
            Ok(Outcome::Go(
                "/settings/security?done=totp-removed".to_owned(),
            ))
        })
        .await
}

pub async fn renew_codes(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let (state, viewer) = (&form.state, form.viewer()?);
            if form.wants_another_factor() {
                return Ok(Outcome::Again);
            }
            if !viewer.has_second_factor() {
                return Err(AppError::not_found());
            }
            let proof = step_up::prove_form(form, Action::RenewRecoveryCodes, &json!({})).await?;
            let codes = ops::renew_codes(state, viewer, proof).await?;
            Ok(Outcome::Show(Once::RecoveryCodes(codes)))
        })
        .await
}
