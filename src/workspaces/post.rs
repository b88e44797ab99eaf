//! The forms of this feature.

use axum::{extract::Path, response::Response};

use super::{
    Grants,
    ops::{self, Invited},
    policy, store, view,
};
use crate::{
    accounts::{
        session,
        step_up::{self, Action},
    },
    error::FieldError,
    server::{
        clock::is_id,
        error::AppError,
        page::{Once, Outcome, Submission},
    },
};

/// Goes on in another workspace.
async fn choose(form: &Submission, workspace_id: &str) -> Result<(), AppError> {
    session::choose_workspace(&form.session, workspace_id)
        .await
        .map_err(session::failed)
}

pub async fn create(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let name = form.fields.get("name");
            let id = ops::create(&form.state, form.viewer()?, name).await?;
            choose(form, &id).await?;
            Ok(Outcome::Go("/dashboard".to_owned()))
        })
        .await
}

/// The roles that a form asks for.
fn asked(form: &Submission) -> Result<Grants, Vec<FieldError>> {
    policy::grants(
        &form.fields.all("roles"),
        |field| form.fields.get(field).to_owned(),
        form.state.clock.now(),
    )
}

pub async fn invite(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            if form.wants_another_factor() {
                return Ok(Outcome::Again);
            }
            let (state, viewer) = (&form.state, form.viewer()?);
            let mut errors = Vec::new();
            let email = policy::email(form.fields.get("email")).map_err(|message| {
                errors.push(FieldError {
                    field: "email".to_owned(),
                    message,
                });
            });
            let grants = asked(form).map_err(|wrong| errors.extend(wrong));
            let (Ok(email), Ok(grants)) = (email, grants) else {
                return Err(AppError::fields(errors));
            };
            let content = ops::invite_content(&email, &grants);
            let proof = step_up::prove_form(form, Action::Invite, &content).await?;
            Ok(
                match ops::invite(state, viewer, &email, &grants, proof).await? {
                    Invited::Link(link) => Outcome::Show(Once::Invitation { email, link }),
                    Invited::Waits(id) => Outcome::Go(format!("/approvals/{id}?done=asked")),
                },
            )
        })
        .await
}

pub async fn renew(Path(id): Path<String>, submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let (state, viewer) = (&form.state, form.viewer()?);
            // What is not there asks for no proof.
            waiting(form, &id).await?;
            if form.wants_another_factor() {
                return Ok(Outcome::Again);
            }
            let content = ops::renew_content(&id);
            let proof = step_up::prove_form(form, Action::Invite, &content).await?;
            let (email, link) = ops::renew(state, viewer, &id, proof).await?;
            Ok(Outcome::Show(Once::Invitation { email, link }))
        })
        .await
}

/// Whether the invitation is one of this workspace that waits.
async fn waiting(form: &Submission, id: &str) -> Result<(), AppError> {
    let mut reader = form.state.db.read().await?;
    let found = is_id(id, "inv")
        && store::invitation(&mut reader, form.viewer()?.workspace_id(), id)
            .await?
            .is_some();
    if found {
        Ok(())
    } else {
        Err(AppError::not_found())
    }
}

pub async fn withdraw(Path(id): Path<String>, submission: Submission) -> Response {
    submission
        .answer(async |form| {
            ops::withdraw(&form.state, form.viewer()?, &id).await?;
            Ok(Outcome::Go("/members?done=withdrawn".to_owned()))
        })
        .await
}

pub async fn join(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let token = form.fields.get("token");
            let id = ops::join(&form.state, form.viewer()?, token).await?;
            choose(form, &id).await?;
            Ok(Outcome::Go("/dashboard".to_owned()))
        })
        .await
}

pub async fn change_roles(Path(id): Path<String>, submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let (state, viewer) = (&form.state, form.viewer()?);
            member(form, &id).await?;
            if form.wants_another_factor() {
                return Ok(Outcome::Again);
            }
            let was = form.fields.get("was");
            let grants = asked(form).map_err(AppError::fields)?;
            let content = ops::change_content(&id, was, &grants);
            let proof = step_up::prove_form(form, Action::ChangeMember, &content).await?;
            let waits = ops::change_roles(state, viewer, &id, was, &grants, proof).await?;
            Ok(Outcome::Go(waits.map_or_else(
                || "/members?done=roles".to_owned(),
                |id| format!("/approvals/{id}?done=asked"),
            )))
        })
        .await
}

/// Whether there is such a member: for one of another workspace nothing is asked, not even a proof.
async fn member(form: &Submission, id: &str) -> Result<view::Member, AppError> {
    let mut reader = form.state.db.read().await?;
    view::member(&mut reader, form.viewer()?.workspace_id(), id).await
}

pub async fn remove(Path(id): Path<String>, submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let (state, viewer) = (&form.state, form.viewer()?);
            member(form, &id).await?;
            if form.wants_another_factor() {
                return Ok(Outcome::Again);
            }
            let content = ops::remove_content(&id);
            let proof = step_up::prove_form(form, Action::RemoveMember, &content).await?;
            ops::remove(state, viewer, &id, proof).await?;
            Ok(Outcome::Go("/members?done=removed".to_owned()))
        })
        .await
}

pub async fn rename(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            ops::rename(&form.state, form.viewer()?, form.fields.get("name")).await?;
            Ok(Outcome::Go("/settings/workspace?done=name".to_owned()))
        })
        .await
}

pub async fn second_factor(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            if form.wants_another_factor() {
                return Ok(Outcome::Again);
            }
            let (state, viewer) = (&form.state, form.viewer()?);
            let required = match form.fields.get("required") {
                "yes" => true,
                "no" => false,
                _ => {
                    return Err(AppError::field(
                        "required",
                        "Choose whether it is required.",
                    ));
                }
            };
            let content = ops::second_factor_content(required);
            let proof = step_up::prove_form(form, Action::ChangeWorkspace, &content).await?;
            ops::require_second_factor(state, viewer, required, proof).await?;
            let done = if required { "required" } else { "optional" };
            Ok(Outcome::Go(format!("/settings/workspace?done={done}")))
        })
        .await
}

pub async fn leave(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let (state, viewer) = (&form.state, form.viewer()?);
            member(form, &viewer.user_id).await?;
            if form.wants_another_factor() {
                return Ok(Outcome::Again);
            }
            let content = ops::remove_content(&viewer.user_id);
            let proof = step_up::prove_form(form, Action::RemoveMember, &content).await?;
            ops::leave(state, viewer, proof).await?;
            Ok(Outcome::Go("/dashboard".to_owned()))
        })
        .await
}

pub async fn offer(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            if form.wants_another_factor() {
                return Ok(Outcome::Again);
            }
            let (state, viewer) = (&form.state, form.viewer()?);
            let to = form.fields.get("to");
            if to.is_empty() {
                return Err(AppError::field("to", "Choose a member."));
            }
            member(form, to).await?;
            let content = ops::offer_content(to);
            let proof = step_up::prove_form(form, Action::OfferOwnership, &content).await?;
            ops::offer(state, viewer, to, proof).await?;
            Ok(Outcome::Go("/settings/workspace?done=offered".to_owned()))
        })
        .await
}

pub async fn answer_offer(Path(id): Path<String>, submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let (state, viewer) = (&form.state, form.viewer()?);
            let offer = ops::offer_of(state, viewer, &id).await?;
            if form.fields.get("decision") == "end" {
                ops::end_offer(state, viewer, &offer).await?;
                return Ok(Outcome::Go("/dashboard".to_owned()));
            }
            // Only the one to whom it was made can accept it.
            if offer.to_user != viewer.user_id {
                return Err(AppError::not_found());
            }
            if form.wants_another_factor() {
                return Ok(Outcome::Again);
            }
            let content = ops::accept_content(&offer);
            let proof = step_up::prove_form(form, Action::AcceptOwnership, &content).await?;
            ops::accept(state, viewer, &offer, proof).await?;
            choose(form, &offer.workspace_id).await?;
            Ok(Outcome::Go("/members?done=owner".to_owned()))
        })
        .await
}
