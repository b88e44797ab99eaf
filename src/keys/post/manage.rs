//! Forms that change a key that is there.

use axum::{extract::Path, response::Response};

use crate::{
    keys::ops,
    server::page::{Outcome, Submission},
};

pub async fn revoke(Path(id): Path<String>, submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let label = form.fields.get("label");
            ops::revoke(&form.state, form.viewer()?, &id, label).await?;
            Ok(Outcome::Go(format!("/keys/{id}")))
        })
        .await
}
