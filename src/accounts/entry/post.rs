//! The forms of this feature.

use axum::response::Response;
use serde_json::json;

use super::ops;
use crate::{
    accounts::{
        password::Typed,
        policy,
        post::local,
        session,
        sessions::post::{remember, signed_in},
        step_up::{self, Action},
    },
    error::UiErrorKind,
    server::{
        address,
        error::AppError,
        page::{Outcome, Submission},
    },
};

/// The password of a form, which has to be there.
pub fn typed(form: &Submission, field: &str, what: &str) -> Result<Typed, AppError> {
    let typed = Typed::new(form.fields.get(field));
    if typed.is_empty() {
        Err(AppError::field(field, what))
    } else {
        Ok(typed)
    }
}

pub async fn sign_up(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let password = typed(form, "password", "Choose a password.")?;
            let from = address::of(form.headers(), &form.parts().extensions, &form.state.config);
            let next = local(form.fields.get("next"), "/");
            let (name, email) = (form.fields.get("name"), form.fields.get("email"));
            ops::sign_up(&form.state, name, email, &password, &next, from).await?;
            Ok(Outcome::Go("/signup/sent".to_owned()))
        })
        .await
}

pub async fn confirm_sign_up(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let password = typed(form, "password", "Type the password that you chose.")?;
            let token = form.fields.get("token");
            let (user_id, next) = ops::confirm_sign_up(&form.state, token, &password).await?;
            signed_in(form, &user_id, 0, "password").await?;
            Ok(Outcome::Go(next))
        })
        .await
}

pub async fn ask_reset(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let from = address::of(form.headers(), &form.parts().extensions, &form.state.config);
            ops::ask_reset(&form.state, form.fields.get("email"), from).await?;
            Ok(Outcome::Go("/reset/sent".to_owned()))
        })
        .await
}

pub async fn reset(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let password = typed(form, "new_password", "Choose a new password.")?;
            let user_id = ops::reset(&form.state, form.fields.get("token"), &password).await?;
            // Whoever reads the mailbox is no stranger: tries of strangers don't keep this browser out.
            remember(form, &user_id).await?;
            Ok(Outcome::Go("/login?done=password".to_owned()))
        })
        .await
}

pub async fn confirm_address(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let password = Typed::new(form.fields.get("password"));
            let token = form.fields.get("token");
            let done = ops::confirm_address(&form.state, token, &password).await?;
            Ok(Outcome::Go(format!(
                "/address/confirmed?done={}",
                if done { "all" } else { "half" }
            )))
        })
        .await
}

pub async fn change_address(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let viewer = form.viewer()?;
            if form.wants_another_factor() {
                return Ok(Outcome::Again);
            }
            let email = policy::email("email", form.fields.get("email"))?;
            if email == viewer.email {
                return Err(AppError::field("email", "That is your address already."));
            }
            let content = json!({ "email": email });
            let proof = step_up::prove_form(form, Action::ChangeAddress, &content).await?;
            ops::ask_address(&form.state, viewer, &email, proof).await?;
            Ok(Outcome::Go("/settings/account?done=address".to_owned()))
        })
        .await
}

pub async fn change_password(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let (state, viewer) = (&form.state, form.viewer()?);
            let password = typed(form, "new_password", "Choose a new password.")?;
            // The new password is no part of the content: a quick hash of it would be kept with the proof.
            let proof = step_up::prove_form(form, Action::ChangePassword, &json!({})).await?;
            let hash = state
                .hasher
                .hash_new("new_password", &password, &[&viewer.name, &viewer.email])
                .await?;
            let epoch = ops::change_password(state, viewer, &hash, proof).await?;
            // Every session ended with it; this browser gets a new one.
            signed_in(form, &viewer.user_id, epoch, "password").await?;
            Ok(Outcome::Go("/settings/security?done=password".to_owned()))
        })
        .await
}

/// The second step of signing in.
pub async fn second_step(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let now = form.state.clock.now();
            let (held, epoch) = session::held(&form.session, now)
                .await
                .map_err(session::failed)?
                .ok_or_else(|| {
                    AppError::told(
                        UiErrorKind::Conflict,
                        "The password was given more than ten minutes ago. Start again.",
                    )
                })?;
            let second = ops::second_step(&form.state, &held, form.fields.get("code")).await?;
            signed_in(form, &held, epoch, second.as_str()).await?;
            Ok(Outcome::Go(local(form.fields.get("next"), "/")))
        })
        .await
}
