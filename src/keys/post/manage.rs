//! Forms that change a key that is there. What is not there asks for nothing else: it is looked for first.

use axum::{
    extract::Path,
    http::{HeaderValue, header},
    response::Response,
};

use crate::{
    accounts::{
        Viewer,
        step_up::{self, Action},
    },
    approvals,
    error::UiErrorKind,
    keys::{
        ops::{self, Change, Changed},
        pair,
        policy::{self, Wanted},
        store::KeyRow,
        types::KeyState,
    },
    server::{
        clock::is_id,
        error::AppError,
        page::{Fields, Once, Outcome, Submission},
    },
};

/// The key of the path.
async fn subject(form: &Submission, id: &str) -> Result<KeyRow, AppError> {
    let mut reader = form.state.db.read().await?;
    ops::find(&mut reader, form.viewer()?.workspace_id(), id).await
}

/// The key of the path, which the viewer manages.
async fn managed(form: &Submission, id: &str) -> Result<KeyRow, AppError> {
    let key = subject(form, id).await?;
    if policy::may_manage(form.viewer()?, key.owner_id.as_deref()) {
        Ok(key)
    } else {
        Err(AppError::Told(policy::not_yours()))
    }
}

/// Back to the key, which says what was done.
fn done(id: &str, what: &str) -> Outcome {
    Outcome::Go(format!("/keys/{id}?done={what}"))
}

fn changed(id: &str, changed: Changed, what: &str) -> Outcome {
    match changed {
        Changed::InForce => done(id, what),
        Changed::Waits(request) => Outcome::Go(format!("/approvals/{request}?done=asked")),
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

pub async fn disable(Path(id): Path<String>, submission: Submission) -> Response {
    submission
        .answer(async |form| {
            ops::disable(&form.state, form.viewer()?, &id).await?;
            Ok(done(&id, "disabled"))
        })
        .await
}

pub async fn enable(Path(id): Path<String>, submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let (state, viewer) = (&form.state, form.viewer()?);
            let key = subject(form, &id).await?;
            ops::may_enable(viewer, &key, state.clock.now())?;
            if form.wants_another_factor() {
                return Ok(Outcome::Again);
            }
            let content = ops::enable_content(&id);
            let proof = step_up::prove_form(form, Action::EnableKey, &content).await?;
            let outcome = ops::enable(state, viewer, &id, proof).await?;
            Ok(changed(&id, outcome, "enabled"))
        })
        .await
}

/// A first sending shows what the change comes to; where it widens, a second one with a proof carries it out.
pub async fn edit(Path(id): Path<String>, submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let (state, viewer) = (&form.state, form.viewer()?);
            let (now, fields) = (state.clock.now(), &form.fields);
            let key = managed(form, &id).await?;
            ops::changeable(&key, now)?;
            let wanted = wanted(fields);
            let (label, purpose, terms) =
                policy::edited(&state.profile, &wanted, &key.terms(), now)
                    .map_err(AppError::fields)?;
            let change = Change {
                basis: fields.get("basis").to_owned(),
                label,
                purpose,
                terms,
            };
            ops::on_basis(&key, &change.basis)?;
            if form.wants_another_factor() || fields.get("step") == "back" {
                return Ok(Outcome::Again);
            }
            let widens = {
                let mut reader = state.db.read().await?;
                let outlook = ops::outlook(&mut reader, state, &key, &change.terms).await?;
                !outlook.split.widenings.is_empty()
            };
            let proof = if !widens {
                None
            } else if fields.get("factor").is_empty() {
                return Ok(Outcome::Again);
            } else {
                Some(step_up::prove_form(form, Action::WidenKey, &change).await?)
            };
            let outcome = ops::change(state, viewer, &id, &change, proof).await?;
            Ok(changed(&id, outcome, "changed"))
        })
        .await
}

pub async fn meta(Path(id): Path<String>, submission: Submission) -> Response {
    submission
        .answer(async |form| {
            managed(form, &id).await?;
            let meta = policy::meta(form.fields.get("meta"))
                .map_err(|message| AppError::field("meta", message))?;
            ops::set_meta(&form.state, form.viewer()?, &id, &meta).await?;
            Ok(done(&id, "meta"))
        })
        .await
}

pub async fn rotate(Path(id): Path<String>, submission: Submission) -> Response {
    let mut response = submission
        .answer(async |form| {
            let (state, viewer) = (&form.state, form.viewer()?);
            let key = managed(form, &id).await?;
            let sent = form.fields.get("form");
            if !is_id(sent, "drf") {
                return Err(AppError::told(
                    UiErrorKind::BadRequest,
                    "The form was not whole. Open it again.",
                ));
            }
            // Sent again, as reloading the answer does.
            if let Some(made) = ops::rotated_by(state, viewer, sent).await? {
                return Ok(Outcome::Show(Once::Key(made)));
            }
            ops::rotatable(&key, state.clock.now())?;
            let hours: u32 = form.fields.get("overlap").parse().map_err(|_| {
                AppError::field("overlap", "Choose how long the old secret keeps working.")
            })?;
            ops::overlap(state, hours)?;
            let before = {
                let mut reader = state.db.read().await?;
                ops::handed_in(&mut reader, &key).await?
            };
            if form.wants_another_factor() {
                return Ok(Outcome::Again);
            }
            let verifying_key = before
                .is_some()
                .then(|| pair::public_key(form.fields.get("public_key")))
                .transpose()
                .map_err(|message| AppError::field("public_key", message))?;
            let verifying_key = verifying_key.as_deref();
            ops::other_half(before.as_ref(), verifying_key)?;
            let content = ops::rotate_content(&id, hours, verifying_key);
            let proof = step_up::prove_form(form, Action::RotateKey, &content).await?;
            let made = ops::rotate(state, viewer, &id, sent, hours, verifying_key, proof).await?;
            Ok(Outcome::Show(Once::Key(made)))
        })
        .await;
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

pub async fn cut(Path(id): Path<String>, submission: Submission) -> Response {
    submission
        .answer(async |form| {
            ops::cut(&form.state, form.viewer()?, &id).await?;
            Ok(done(&id, "cut"))
        })
        .await
}

/// Whose key it is not is not told what waits for it.
fn nothing_waits(viewer: &Viewer, key: &KeyRow) -> AppError {
    if !policy::may_manage(viewer, key.owner_id.as_deref()) {
        return AppError::Told(policy::not_yours());
    }
    AppError::told(
        UiErrorKind::Conflict,
        "Nothing waits for this key any more. There is nothing to withdraw.",
    )
}

/// Withdraws a key that waits; of one in use, the change that waits.
pub async fn withdraw(Path(id): Path<String>, submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let (state, viewer) = (&form.state, form.viewer()?);
            let now = state.clock.now();
            let key = subject(form, &id).await?;
            if matches!(key.state(now), KeyState::Active | KeyState::Disabled) {
                let open = {
                    let mut reader = state.db.read().await?;
                    let about = (viewer.workspace_id(), key.id.as_str());
                    approvals::store::open_about(&mut reader, about.0, about.1, now).await?
                };
                // Where a form names one of several, that one.
                let asked = form.fields.get("request");
                let chosen = open
                    .iter()
                    .find(|row| asked.is_empty() || row.id == asked)
                    .ok_or_else(|| nothing_waits(viewer, &key))?;
                approvals::ops::withdraw(state, viewer, &chosen.id).await?;
                return Ok(done(&id, "withdrawn-change"));
            }
            ops::withdraw(state, viewer, &id).await?;
            Ok(done(&id, "withdrawn"))
        })
        .await
}

pub async fn hide(Path(id): Path<String>, submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let key = subject(form, &id).await?;
            ops::hide(&form.state, form.viewer()?, &id).await?;
            let environment = key.environment;
            Ok(Outcome::Go(format!("/keys?env={environment}&tab=inactive")))
        })
        .await
}

pub async fn give(Path(id): Path<String>, submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let viewer = form.viewer()?;
            subject(form, &id).await?;
            if !policy::may_give(viewer) {
                return Err(AppError::Told(policy::no_giver()));
            }
            ops::give(&form.state, viewer, &id, form.fields.get("to")).await?;
            Ok(done(&id, "given"))
        })
        .await
}

/// What the form of an edit asks for.
pub fn wanted(fields: &Fields) -> Wanted {
    let text = |name: &str| fields.get(name).to_owned();
    Wanted {
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
        ..Wanted::default()
    }
}
