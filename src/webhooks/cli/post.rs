//! The forms about tokens.

use axum::{extract::Path, response::Response};

use super::ops::{self, Made};
use crate::{
    accounts::step_up::{self, Action},
    error::UiErrorKind,
    server::{
        clock::is_id,
        error::AppError,
        page::{Once, Outcome, Submission},
    },
};

/// Makes a token; its answer is the one that shows it.
pub async fn create(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let (state, viewer) = (&form.state, form.viewer()?);
            let form_id = form.fields.get("form");
            if !is_id(form_id, "frm") {
                return Err(AppError::told(
                    UiErrorKind::BadRequest,
                    "The form was not whole. Open it again.",
                ));
            }
            if form.wants_another_factor() {
                return Ok(Outcome::Again);
            }
            let wanted = ops::wanted(form.fields.get("name"), form.fields.get("days"))?;
            {
                // Said before a factor is used up for nothing; the operation looks again.
                let mut reader = state.db.read().await?;
                if super::store::made_by(&mut reader, viewer.workspace_id(), form_id)
                    .await?
                    .is_some()
                {
                    return Ok(before());
                }
                ops::may_make(&mut reader, state, viewer).await?;
            }
            let proof = step_up::prove_form(form, Action::CreateCliToken, &wanted).await?;
            Ok(
                match ops::create(state, viewer, form_id, &wanted, proof).await? {
                    Made::Now { name, token } => Outcome::Show(Once::CliToken { name, token }),
                    Made::Before => before(),
                },
            )
        })
        .await
}

fn before() -> Outcome {
    Outcome::Go("/settings/cli?done=before".to_owned())
}

pub async fn revoke(Path(id): Path<String>, submission: Submission) -> Response {
    submission
        .answer(async |form| {
            ops::revoke(&form.state, form.viewer()?, &id).await?;
            Ok(Outcome::Go("/settings/cli?done=revoked".to_owned()))
        })
        .await
}
