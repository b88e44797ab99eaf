//! The forms of this feature.

use axum::{extract::Path, response::Response};

use super::{
    ops::{self, PolicyChange},
    policy::Standing,
    settings::Settings,
};
use crate::{
    accounts::step_up::{self, Action},
    profiles::ApprovalLevel,
    server::{
        error::AppError,
        page::{Fields, Outcome, Submission},
    },
};

/// Approves or rejects, by the button that was pressed.
pub async fn decide(Path(id): Path<String>, submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let (state, viewer) = (&form.state, form.viewer()?);
            let content = form.fields.get("content");
            let standing = ops::decidable(state, viewer, &id, content).await?;
            if form.wants_another_factor() {
                return Ok(Outcome::Again);
            }
            let why = form.fields.get("reason");
            match form.fields.get("decision") {
                "approve" if standing == Standing::Alone => {
                    ops::reason(why)?;
                    let bound = ops::decision(&id, content, true, why);
                    let proof = step_up::prove_form(form, Action::ApproveOwn, &bound).await?;
                    ops::approve(state, viewer, &id, content, why, proof).await?;
                    Ok(done(&id, "approved"))
                }
                // Enter presses the first button: whoever wrote a reason meant the other.
                "approve" if !why.trim().is_empty() => Err(AppError::field(
                    "reason",
                    "A reason goes with a rejection. Empty it to approve, or press Reject request.",
                )),
                "approve" => {
                    let bound = ops::decision(&id, content, true, "");
                    let proof = step_up::prove_form(form, Action::Decide, &bound).await?;
                    ops::approve(state, viewer, &id, content, "", proof).await?;
                    Ok(done(&id, "approved"))
                }
                "reject" => {
                    ops::reason(why)?;
                    let bound = ops::decision(&id, content, false, why);
                    let proof = step_up::prove_form(form, Action::Decide, &bound).await?;
                    ops::reject(state, viewer, &id, content, why, proof).await?;
                    Ok(done(&id, "rejected"))
                }
                _ => Err(AppError::field(
                    "decision",
                    "Press Approve request or Reject request.",
                )),
            }
        })
        .await
}

fn done(id: &str, what: &str) -> Outcome {
    Outcome::Go(format!("/approvals/{id}?done={what}"))
}

pub async fn withdraw(Path(id): Path<String>, submission: Submission) -> Response {
    submission
        .answer(async |form| {
            ops::withdraw(&form.state, form.viewer()?, &id).await?;
            Ok(done(&id, "withdrawn"))
        })
        .await
}

pub async fn remind(Path(id): Path<String>, submission: Submission) -> Response {
    submission
        .answer(async |form| {
            ops::remind(&form.state, form.viewer()?, &id).await?;
            Ok(done(&id, "reminded"))
        })
        .await
}

pub async fn take_back(Path(id): Path<String>, submission: Submission) -> Response {
    submission
        .answer(async |form| {
            ops::take_back(&form.state, form.viewer()?, &id).await?;
            Ok(done(&id, "taken_back"))
        })
        .await
}

/// The rules that a form asks for.
fn rules(fields: &Fields) -> Result<Settings, AppError> {
    let keys = ApprovalLevel::parse(fields.get("keys"))
        .ok_or_else(|| AppError::field("keys", "Choose what needs approval."))?;
    let on = |name: &str| fields.get(name) == "on";
    Ok(Settings {
        keys,
        own: on("own"),
        roles: on("roles"),
        policy: on("policy"),
    })
}

pub async fn change_rules(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            if form.wants_another_factor() {
                return Ok(Outcome::Again);
            }
            let (state, viewer) = (&form.state, form.viewer()?);
            let wanted = rules(&form.fields)?;
            ops::allowed(&state.profile, &wanted)?;
            let content = ops::policy_content(&wanted);
            let proof = step_up::prove_form(form, Action::ChangeWorkspace, &content).await?;
            Ok(
                match ops::change_policy(state, viewer, &wanted, proof).await? {
                    PolicyChange::InForce => {
                        Outcome::Go("/settings/workspace/approvals?done=rules".to_owned())
                    }
                    PolicyChange::Waits(id) => done(&id, "asked"),
                },
            )
        })
        .await
}
