//! The forms about plans.

use axum::{extract::Path, response::Response};

use super::ops::{self, Decision};
use crate::{
    accounts::step_up::{self, Action},
    admin,
    server::{
        error::AppError,
        page::{Outcome, Submission},
    },
};

pub async fn request(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let (tier, note) = (form.fields.get("tier"), form.fields.get("note"));
            ops::request(&form.state, form.viewer()?, tier, note).await?;
            Ok(Outcome::Go("/plans?done=requested".to_owned()))
        })
        .await
}

pub async fn withdraw(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            ops::withdraw(&form.state, form.viewer()?).await?;
            Ok(Outcome::Go("/plans?done=withdrawn".to_owned()))
        })
        .await
}

pub async fn approve(Path(id): Path<String>, submission: Submission) -> Response {
    decide(&id, submission, |_| Ok(Decision::Approve), "approved").await
}

pub async fn decline(Path(id): Path<String>, submission: Submission) -> Response {
    let decision = |form: &Submission| admin::post::reason(form).map(Decision::Decline);
    decide(&id, submission, decision, "declined").await
}

async fn decide(
    id: &str,
    submission: Submission,
    decision: fn(&Submission) -> Result<Decision, AppError>,
    done: &str,
) -> Response {
    submission
        .answer(async |form| {
            let (state, viewer) = (&form.state, form.viewer()?);
            // What can't be decided any more asks for no proof.
            ops::to_decide(&mut state.db.read().await?, state, viewer, id).await?;
            if form.wants_another_factor() {
                return Ok(Outcome::Again);
            }
            let decision = decision(form)?;
            let content = ops::decision_content(id, &decision);
            let proof = step_up::prove_form(form, Action::DecidePlan, &content).await?;
            ops::decide(state, viewer, id, &decision, proof).await?;
            Ok(Outcome::Go(format!("/admin/plans?done={done}")))
        })
        .await
}
