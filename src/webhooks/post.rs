//! The forms about webhooks. What is not there asks for nothing else: it is looked for first.

use axum::{
    extract::Path,
    http::{HeaderValue, header},
    response::Response,
};

use super::{
    ops::{self, Made},
    policy::{self, Wanted},
    store::EndpointRow,
};
use crate::{
    accounts::step_up::{self, Action},
    error::UiErrorKind,
    server::{
        clock::{DAY, HOUR, Millis, is_id},
        error::AppError,
        page::{Fields, Once, Outcome, Submission},
    },
};

/// The endpoint of the path.
async fn subject(form: &Submission, id: &str) -> Result<EndpointRow, AppError> {
    let mut reader = form.state.db.read().await?;
    ops::find(&mut reader, form.viewer()?.workspace_id(), id).await
}

/// Back to the endpoint, which says what was done.
fn done(id: &str, what: &str) -> Outcome {
    Outcome::Go(format!("/webhooks/{id}?done={what}"))
}

fn made(made: Made, what: &str) -> Outcome {
    match made {
        Made::Public { id } => done(&id, what),
        made => Outcome::Show(Once::Signing(made)),
    }
}

/// Nothing on the way keeps an answer that may hold a secret, or the headers that were typed.
fn not_stored(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What marks a form as one that was opened; it makes one thing at most.
fn mark<'a>(fields: &'a Fields, name: &str) -> Result<&'a str, AppError> {
    let mark = fields.get(name);
    if is_id(mark, "drf") {
        Ok(mark)
    } else {
        Err(AppError::told(
            UiErrorKind::BadRequest,
            "The form was not whole. Open it again.",
        ))
    }
}

/// What a form asks for.
pub fn wanted(fields: &Fields) -> Wanted {
    let text = |name: &str| fields.get(name).to_owned();
    Wanted {
        environment: text("environment"),
        url: text("url"),
        description: text("description"),
        events: fields.all("events"),
        headers: text("headers"),
        signing: text("signing"),
    }
}

pub async fn create(submission: Submission) -> Response {
    let answer = submission.answer(async |form| {
        let (state, viewer) = (&form.state, form.viewer()?);
        let draft = mark(&form.fields, "draft")?;
        // Sent again, as reloading the answer does: it is there, its secret is not known any more.
        if let Some(before) = ops::made_by(state, viewer, draft).await? {
            return Ok(made(before, "created"));
        }
        ops::room(&mut state.db.read().await?, viewer.workspace_id()).await?;
        let wanted = wanted(&form.fields);
        if form.wants_another_factor() {
            return Ok(Outcome::Again);
        }
        let new = policy::new_endpoint(&state.profile, &state.config.webhook_reach, &wanted)
            .map_err(AppError::fields)?;
        let proof = step_up::prove_form(form, Action::CreateWebhook, &new.content()).await?;
        let outcome = ops::create(state, viewer, &new, draft, proof).await?;
        Ok(made(outcome, "created"))
    });
    not_stored(answer.await)
}

/// Another address needs a fresh factor: a first sending is then answered with the form that asks for it.
pub async fn edit(Path(id): Path<String>, submission: Submission) -> Response {
    let answer = submission.answer(async |form| {
        let (state, viewer) = (&form.state, form.viewer()?);
        let row = subject(form, &id).await?;
        let basis = form.fields.get("basis").to_owned();
        ops::on_basis(&row, &basis)?;
        let change = policy::change(
            &state.profile,
            &state.config.webhook_reach,
            &wanted(&form.fields),
            &ops::header_names(state, &row)?,
            form.fields.all("without"),
            basis,
        )
        .map_err(AppError::fields)?;
        let proof = if !ops::redirects(&row, &change) {
            None
        } else if form.wants_another_factor() || form.fields.get("factor").is_empty() {
            return Ok(Outcome::Again);
        } else {
            let content = change.content(&id);
            Some(step_up::prove_form(form, Action::ChangeWebhook, &content).await?)
        };
        ops::change(state, viewer, &id, &change, proof).await?;
        Ok(done(&id, "changed"))
    });
    not_stored(answer.await)
}

pub async fn rotate(Path(id): Path<String>, submission: Submission) -> Response {
    let answer = submission.answer(async |form| {
        let (state, viewer) = (&form.state, form.viewer()?);
        subject(form, &id).await?;
        let sent = mark(&form.fields, "form")?;
        if let Some(before) = ops::rotated_by(state, viewer, sent).await? {
            return Ok(made(before, "rotated"));
        }
        if form.wants_another_factor() {
            return Ok(Outcome::Again);
        }
        let content = ops::rotate_content(&id);
        let proof = step_up::prove_form(form, Action::RotateWebhook, &content).await?;
        let outcome = ops::rotate(state, viewer, &id, sent, proof).await?;
        Ok(made(outcome, "rotated"))
    });
    not_stored(answer.await)
}

pub async fn enable(Path(id): Path<String>, submission: Submission) -> Response {
    submission
        .answer(async |form| {
            ops::enable(&form.state, form.viewer()?, &id).await?;
            Ok(done(&id, "enabled"))
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

pub async fn remove(Path(id): Path<String>, submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let row = subject(form, &id).await?;
            ops::remove(&form.state, form.viewer()?, &id).await?;
            let environment = row.environment;
            Ok(Outcome::Go(format!(
                "/webhooks?env={environment}&done=removed"
            )))
        })
        .await
}

/// Leads to the delivery, which shows what the receiver answered as soon as it has.
pub async fn test(Path(id): Path<String>, submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let event_type = match form.fields.get("type") {
                "" => ops::TEST,
                chosen => chosen,
            };
            let delivery = ops::send_sample(&form.state, form.viewer()?, &id, event_type).await?;
            Ok(Outcome::Go(format!("/logs/webhooks/{delivery}?done=sent")))
        })
        .await
}

pub async fn replay(Path(id): Path<String>, submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let state = &form.state;
            subject(form, &id).await?;
            let since = since(form.fields.get("since"), state.clock.now())
                .ok_or_else(|| AppError::field("since", "Choose since when."))?;
            ops::replay_since(state, form.viewer()?, &id, since).await?;
            Ok(done(&id, "replay"))
        })
        .await
}

/// Moments that the form of a replay offers, as hours before now, and what they are called; `all` stands for whatever is kept.
pub const SINCE: &[(&str, Millis, &str)] = &[
    ("1h", HOUR, "The last hour"),
    ("24h", DAY, "The last 24 hours"),
    ("7d", 7 * DAY, "The last 7 days"),
];

/// The moment that was chosen, or is named in milliseconds.
pub fn since(chosen: &str, now: Millis) -> Option<Millis> {
    if chosen == "all" {
        return Some(0);
    }
    SINCE
        .iter()
        .find(|(name, ..)| *name == chosen)
        .map(|(_, ago, _)| now - ago)
        .or_else(|| chosen.parse().ok().filter(|at| (0..=now).contains(at)))
}

pub async fn stop_replay(Path(id): Path<String>, submission: Submission) -> Response {
    submission
        .answer(async |form| {
            ops::stop_replay(&form.state, form.viewer()?, &id).await?;
            Ok(done(&id, "replay-stopped"))
        })
        .await
}

pub async fn replay_one(Path(id): Path<String>, submission: Submission) -> Response {
    submission
        .answer(async |form| {
            ops::replay_one(&form.state, form.viewer()?, &id).await?;
            Ok(Outcome::Go(format!("/logs/webhooks/{id}?done=replayed")))
        })
        .await
}
