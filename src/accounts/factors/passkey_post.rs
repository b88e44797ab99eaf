//! The forms about passkeys, and the challenge that a browser asks for before it can fill them in.

use axum::{
    Json,
    extract::Path,
    response::{IntoResponse, Response},
};

use super::passkeys;
use crate::{
    accounts::{post::local, sessions::post::signed_in, step_up, step_up::Action},
    server::{
        address,
        page::{Once, Outcome, Submission},
    },
};

const PAGE: &str = "/settings/security/passkeys";

/// A challenge, as JSON: no page, but sent like a form.
pub async fn options(submission: Submission) -> Response {
    let parts = submission.parts();
    let from = address::of(&parts.headers, &parts.extensions, &submission.state.config);
    let begun = passkeys::begin(
        &submission.state,
        submission.viewer.as_ref(),
        submission.fields.get("purpose"),
        from,
    )
    .await;
    match begun {
        Ok(challenge) => Json(challenge).into_response(),
        Err(error) => error.into_response(),
    }
}

pub async fn sign_in(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let from = address::of(form.headers(), &form.parts().extensions, &form.state.config);
            let answer = form.fields.get("passkey");
            let (user_id, epoch) = passkeys::sign_in(&form.state, answer, from).await?;
            signed_in(form, &user_id, epoch, "passkey").await?;
            Ok(Outcome::Go(local(form.fields.get("next"), "/")))
        })
        .await
}

pub async fn add(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let (state, viewer) = (&form.state, form.viewer()?);
            if form.wants_another_factor() {
                return Ok(Outcome::Again);
            }
            let name = passkeys::name(form.fields.get("name"))?;
            let made = passkeys::made(state, viewer, form.fields.get("passkey")).await?;
            let content = passkeys::adding(&name);
            let proof = step_up::prove_form(form, Action::AddFactor, &content).await?;
            Ok(
                match passkeys::add(state, viewer, &name, &made, proof).await? {
                    Some(codes) => Outcome::Show(Once::RecoveryCodes(codes)),
                    None => Outcome::Go(format!("{PAGE}?done=added")),
                },
            )
        })
        .await
}

pub async fn remove(Path(id): Path<String>, submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let (state, viewer) = (&form.state, form.viewer()?);
            passkeys::find(state, viewer, &id).await?;
            if form.wants_another_factor() {
                return Ok(Outcome::Again);
            }
            let content = passkeys::removing(&id);
            let proof = step_up::prove_form(form, Action::RemoveFactor, &content).await?;
            passkeys::remove(state, viewer, &id, proof).await?;
            Ok(Outcome::Go(format!("{PAGE}?done=removed")))
        })
        .await
}
