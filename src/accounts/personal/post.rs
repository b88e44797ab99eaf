//! The forms of this feature.

use axum::response::Response;
use serde_json::json;

use super::{
    ops,
    policy::{Fate, KeysChoice},
};
use crate::{
    accounts::{
        session,
        step_up::{self, Action},
        store,
    },
    server::{
        error::AppError,
        page::{Attachment, Outcome, Submission},
    },
};

pub async fn rename(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            ops::rename(&form.state, form.viewer()?, form.fields.get("name")).await?;
            Ok(Outcome::Go("/settings/account?done=name".to_owned()))
        })
        .await
}

pub async fn export(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            if form.wants_another_factor() {
                return Ok(Outcome::Again);
            }
            let proof = step_up::prove_form(form, Action::ExportData, &json!({})).await?;
            let current = session::hash_of(&form.session);
            let content = ops::export(&form.state, form.viewer()?, current, proof).await?;
            Ok(Outcome::File(Attachment {
                name: "latchkey-data.json",
                media_type: "application/json",
                content,
            }))
        })
        .await
}

pub async fn close(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let (state, viewer) = (&form.state, form.viewer()?);
            if form.wants_another_factor() {
                return Ok(Outcome::Again);
            }
            let standings = ops::outlook(state, &viewer.user_id).await?;
            ops::refuse_if_blocked(&standings)?;
            let choice = KeysChoice::parse(form.fields.get("keys"));
            let chooses = standings.iter().any(|standing| {
                matches!(standing.fate, Fate::Left { .. }) && !standing.keys.is_empty()
            });
            let choice = match choice {
                Some(choice) => choice,
                None if !chooses => KeysChoice::HandOver,
                None => {
                    return Err(AppError::field("keys", "Choose what happens to your keys."));
                }
            };
            if store::folded(form.fields.get("email")) != store::folded(&viewer.email) {
                return Err(AppError::field(
                    "email",
                    format!("Type {} to confirm which account you mean.", viewer.email),
                ));
            }
            let proof = step_up::prove_form(form, Action::CloseAccount, &choice).await?;
            ops::close(state, viewer, choice, proof).await?;
            form.session.flush().await.map_err(session::failed)?;
            Ok(Outcome::Go("/login?done=closed".to_owned()))
        })
        .await
}
