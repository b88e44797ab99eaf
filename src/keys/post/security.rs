//! The form that changes where a key may be used from.

use axum::{extract::Path, response::Response};

use crate::{
    accounts::step_up::{self, Action},
    error::UiErrorKind,
    keys::{
        allow::Wish,
        ops::{self, Change, Changed},
        policy,
        terms::Terms,
    },
    server::{
        error::AppError,
        page::{Once, Outcome, Submission},
    },
};

/// The field that the message about a wish stands beside: there is one for each list.
pub fn field(wish: &Wish) -> String {
    format!("entries-{}", wish.kind().as_str())
}

/// Adds entries to a list or takes one away. What narrows applies at once; what widens comes back to be confirmed.
pub async fn change(Path(id): Path<String>, submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let (state, viewer) = (&form.state, form.viewer()?);
            let now = state.clock.now();
            let key = {
                let mut reader = state.db.read().await?;
                ops::find(&mut reader, viewer.workspace_id(), &id).await?
            };
            if !policy::may_manage(viewer, key.owner_id.as_deref()) {
                return Err(AppError::Told(policy::not_yours()));
            }
            ops::changeable(&key, now)?;
            let of = |name| form.fields.get(name);
            let Some(wish) = Wish::read(of("do"), of("kind"), of("entries")) else {
                return Err(AppError::told(
                    UiErrorKind::BadRequest,
                    "The form could not be read. Nothing was changed.",
                ));
            };
            let change_of = |allow| Change {
                basis: of("basis").to_owned(),
                label: key.label.clone(),
                purpose: key.purpose.clone(),
                terms: Terms {
                    allow,
                    ..key.terms()
                },
            };
            // Before anything is said of the lines: they are judged by what stands in the list.
            ops::on_basis(&key, of("basis"))?;
            let adds = matches!(wish, Wish::Add { .. });
            if adds && !policy::offers(&state.profile, wish.kind()) {
                return Err(AppError::field(
                    &field(&wish),
                    format!("{} binds no key to these.", state.profile.name),
                ));
            }
            let wished = wish
                .on(&key.allow(), &viewer.user_id, now)
                .map_err(|message| AppError::field(&field(&wish), message))?;
            if adds && wished.lines.iter().all(|line| line.outcome.is_err()) {
                return Err(AppError::field(
                    &field(&wish),
                    "No line of this can be added; each says why.",
                ));
            }
            let change = change_of(wished.allow);
            let outlook = {
                let mut reader = state.db.read().await?;
                ops::outlook(&mut reader, state, &key, &change.terms).await?
            };
            let mut proof = None;
            if !outlook.split.widenings.is_empty() {
                if of("factor").is_empty() || form.wants_another_factor() {
                    return Ok(Outcome::Again);
                }
                proof = Some(step_up::prove_form(form, Action::WidenKey, &change).await?);
            }
            let changed = ops::change(state, viewer, &id, &change, proof).await?;
            Ok(match changed {
                Changed::Waits(request) => Outcome::Go(format!("/approvals/{request}")),
                Changed::InForce if adds => Outcome::Show(Once::Entries(wished.lines)),
                Changed::InForce => Outcome::Go(format!("/keys/{id}/security?done=removed")),
            })
        })
        .await
}
