//! The form of this feature, and what every way of signing in ends with.

use axum::{http::header, response::Response};

use super::{device, id_of, ops};
use crate::{
    accounts::{
        self,
        session::{self, Start},
    },
    server::{
        address,
        error::AppError,
        page::{Outcome, Submission},
    },
};

/// Begins the person's session in the browser that sent the form, and remembers the browser. `with` is the last thing
/// that they gave for it: a password, a code, a passkey.
pub async fn signed_in(
    form: &Submission,
    user_id: &str,
    epoch: i64,
    with: &'static str,
) -> Result<(), AppError> {
    let state = &form.state;
    accounts::ops::signed_in(state, user_id, with).await?;
    remember(form, user_id).await?;
    let start = Start {
        user_id,
        epoch,
        address: address::of(form.headers(), &form.parts().extensions, &state.config),
        agent: agent(form),
    };
    session::begin(&form.session, &start, state.clock.now())
        .await
        .map_err(session::failed)
}

/// Remembers the browser that sent the form as one that this person uses.
pub async fn remember(form: &Submission, user_id: &str) -> Result<(), AppError> {
    let state = &form.state;
    let address = address::of(form.headers(), &form.parts().extensions, &state.config);
    let cookie = device::cookie(form.headers(), &state.config);
    let mut tx = state.db.begin().await?;
    let remembered =
        device::remember(&mut tx, state, user_id, cookie, agent(form), address).await?;
    tx.commit().await?;
    if let Some(cookie) = device::set_cookie(&state.config, &remembered.cookie) {
        form.set_cookie(cookie);
    }
    Ok(())
}

fn agent(form: &Submission) -> &str {
    form.headers()
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// Ends one session, or all others.
pub async fn end(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let (state, viewer) = (&form.state, form.viewer()?);
            let current = session::hash_of(&form.session).ok_or_else(AppError::not_found)?;
            match form.fields.get("end") {
                "others" => {
                    ops::end_others(state, viewer, current).await?;
                    Ok(Outcome::Go("/settings/sessions?done=others".to_owned()))
                }
                id if id == id_of(&current) => {
                    accounts::ops::sign_out(state, viewer).await?;
                    form.session.flush().await.map_err(session::failed)?;
                    Ok(Outcome::Go("/login".to_owned()))
                }
                id => {
                    ops::end(state, viewer, id).await?;
                    Ok(Outcome::Go("/settings/sessions?done=one".to_owned()))
                }
            }
        })
        .await
}
