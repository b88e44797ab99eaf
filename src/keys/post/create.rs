//! Forms that make a secret. Their answers are the one place where it stands in the clear.

use axum::{
    http::{HeaderValue, header},
    response::Response,
};

use crate::{
    accounts::step_up::{self, Action},
    error::UiErrorKind,
    keys::{
        ops::{self, Creation},
        policy::{self, Wanted},
    },
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
