//! Forms on lists of keys.

use axum::response::Response;

use crate::{
    error::UiErrorKind,
    keys::{
        secret::{PlainKey, looks_like_a_key},
        store,
    },
    server::{
        clock::is_id,
        error::AppError,
        page::{Outcome, Submission},
    },
};

/// Leads to what was searched for. A form that is sent, since what is typed may be a whole key, which must not stand
/// in an address.
pub async fn search(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let (state, viewer) = (&form.state, form.viewer()?);
            let text = form.fields.get("q").trim();
            if is_id(text, "key") {
                return Ok(Outcome::Go(format!("/keys/{text}")));
            }
            if is_id(text, "req") {
                return Ok(Outcome::Go(format!("/logs/{text}")));
            }
            if looks_like_a_key(text, &state.profile) {
                let missing = || {
                    AppError::told(
                        UiErrorKind::NotFound,
                        "That looks like a whole key, but no key of this workspace has its fingerprint.",
                    )
                };
                let key = PlainKey::parse(text, &state.profile).map_err(|_| missing())?;
                let mut reader = state.db.read().await?;
                for hash in key.hashes(&state.peppers) {
                    let found =
                        store::find_by_secret(&mut reader, viewer.workspace_id(), hash).await?;
                    if let Some(key) = found {
                        return Ok(Outcome::Go(format!("/keys/{}", key.id)));
                    }
                }
                return Err(missing());
            }
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            // Sent from a list, it stays in that list.
            for name in ["env", "tab"] {
                let value = form.fields.get(name);
                if !value.is_empty() {
                    query.append_pair(name, value);
                }
            }
            query.append_pair("q", text);
            Ok(Outcome::Go(format!("/keys?{}", query.finish())))
        })
        .await
}
