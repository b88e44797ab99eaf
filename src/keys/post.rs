//! The forms of this feature. The answer to `create` is the one place where a secret stands in the clear.

use axum::{
    extract::Path,
    http::{HeaderValue, header},
    response::Response,
};

use super::{
    ops::{self, Creation},
    policy::{self, Wanted},
    secret::{PlainKey, looks_like_a_key},
    store,
};
use crate::{
    accounts::step_up::{self, Action},
    error::UiErrorKind,
    server::{
        clock::is_id,
        error::AppError,
        page::{Fields, Once, Outcome, Submission},
    },
};

/// Longest name that a form can have; ours are ids.
const MAX_DRAFT: usize = 64;

pub async fn create(submission: Submission) -> Response {
    let mut response = submission
        .answer(async |form| {
            let (state, viewer) = (&form.state, form.viewer()?);
            let fields = &form.fields;
            let draft = fields.get("draft");
            if !is_id(draft, "drf") || draft.len() > MAX_DRAFT {
                return Err(AppError::told(
                    UiErrorKind::BadRequest,
                    "The form was not whole. Open it again.",
                ));
            }
            // Sent again, as reloading the answer does: the key is there, its secret is not known any more.
            if let Some(made) = ops::made_by(state, viewer, draft).await? {
                return Ok(shown(made));
            }
            let key = policy::new_key(
                &state.profile,
                &wanted(fields),
                &viewer.user_id,
                state.clock.now(),
            );
            // Another way to confirm was asked for; the form comes back with it, and nothing is wrong with it.
            if form.wants_another_factor() {
                return Ok(Outcome::Again);
            }
            let key = key.map_err(AppError::fields)?;
            let proof = step_up::prove_form(form, Action::CreateKey, &key).await?;
            let made = ops::create(state, viewer, draft, &key, None, proof).await?;
            Ok(shown(made))
        })
        .await;
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What a form asks for.
pub fn wanted(fields: &Fields) -> Wanted {
    let text = |name: &str| fields.get(name).to_owned();
    Wanted {
        environment: text("environment"),
        label: text("label"),
        purpose: text("purpose"),
        scopes: fields.all("scopes"),
        currency_kind: text("currency_kind"),
        currency: text("currency"),
        max_amount: text("max_amount"),
        max_daily: text("max_daily"),
        expiry: text("expiry"),
        expires_in: text("expires_in"),
        expires_on: text("expires_on"),
        addresses: text("addresses"),
        domains: text("domains"),
    }
}

/// A key that waits has nothing to show but its own page.
fn shown(made: Creation) -> Outcome {
    match made {
        Creation::Waiting { id } => Outcome::Go(format!("/keys/{id}")),
        other => Outcome::Show(Once::Key(other)),
    }
}

pub async fn revoke(Path(id): Path<String>, submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let label = form.fields.get("label");
            ops::revoke(&form.state, form.viewer()?, &id, label).await?;
            Ok(Outcome::Go(format!("/keys/{id}")))
        })
        .await
}

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
