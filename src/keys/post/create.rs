//! Forms that make a secret. Their answers are the one place where it stands in the clear.

use axum::{
    extract::Path,
    http::{HeaderValue, header},
    response::Response,
};

use crate::{
    accounts::{
        confirm,
        step_up::{self, Action},
    },
    error::{FieldError, UiErrorKind},
    keys::{
        draft::{self, Draft, Start, Step},
        ops::{self, Creation},
        policy,
    },
    server::{
        clock::is_id,
        error::AppError,
        page::{Once, Outcome, Submission},
    },
};

/// Longest name that a form can have; ours are ids.
const MAX_DRAFT: usize = 64;

/// A step of the form for a new key, or all of it at once.
pub async fn create(submission: Submission) -> Response {
    not_stored(submission.answer(sent).await)
}

async fn sent(form: &Submission) -> Result<Outcome, AppError> {
    let (state, viewer) = (&form.state, form.viewer()?);
    let (fields, profile) = (&form.fields, &state.profile);
    let id = fields.get("draft");
    if !is_id(id, "drf") || id.len() > MAX_DRAFT {
        return Err(AppError::told(
            UiErrorKind::BadRequest,
            "The form was not whole. Open it again.",
        ));
    }
    // Sent again, as reloading the answer does: the key is there, its secret is not known any more.
    if let Some(made) = ops::made_by(state, viewer, id).await? {
        return Ok(shown(made));
    }
    let step = Step::parse(fields.get("step")).filter(|_| draft::has_steps(profile));
    let Some(mut draft) = found(form, id, step).await? else {
        return Ok(Outcome::Go(draft::address(id, None)));
    };
    draft.take(fields, step);
    let wrong = match step {
        Some(step) if step != Step::Review => wrong_on(form, &draft, step).await?,
        _ => return finish(form, id, &draft, step).await,
    };
    let step = step.unwrap_or(Step::Basics);
    if wrong.is_empty() {
        draft.reached = draft.reached.max(step.next().number());
    }
    if !draft::keep(state, viewer, id, &draft).await? {
        return Ok(Outcome::Go(draft::address(id, None)));
    }
    // Going back is never held up by what is wrong here.
    if let Some(back) = Step::parse(fields.get("back")) {
        return Ok(Outcome::Go(draft::address(id, Some(back))));
    }
    if wrong.is_empty() {
        Ok(Outcome::Go(draft::address(id, Some(step.next()))))
    } else {
        Err(AppError::fields(wrong))
    }
}

/// The form as it was kept, or as it began. None where a later step is sent of a form that is not there: it was left for
/// too long, or is another person's.
async fn found(form: &Submission, id: &str, step: Option<Step>) -> Result<Option<Draft>, AppError> {
    let (state, viewer) = (&form.state, form.viewer()?);
    let mut reader = state.db.read().await?;
    if let Some(kept) = draft::kept(&mut reader, state, viewer, id).await? {
        return Ok(Some(kept));
    }
    if step.is_some_and(|step| step != Step::Basics) {
        return Ok(None);
    }
    let start = Start {
        like: form.fields.get("like").to_owned(),
        again: form.fields.get("again").to_owned(),
        environment: None,
    };
    Ok(Some(
        draft::begun(&mut reader, state, viewer, &start).await?,
    ))
}

/// What is wrong with what this step asks for.
async fn wrong_on(
    form: &Submission,
    draft: &Draft,
    step: Step,
) -> Result<Vec<FieldError>, AppError> {
    let (state, viewer) = (&form.state, form.viewer()?);
    let checked = policy::new_key(
        &state.profile,
        &draft.wanted,
        &viewer.user_id,
        state.clock.now(),
    );
    let mut wrong = checked.err().unwrap_or_default();
    wrong.retain(|error| Step::of(&error.field) == step);
    if step == Step::Basics && !wrong.iter().any(|error| error.field == "environment") {
        let mut reader = state.db.read().await?;
        let environment = &draft.wanted.environment;
        match ops::may_make(&mut reader, state, viewer.workspace_id(), environment).await {
            Err(AppError::Told(error)) if error.kind == UiErrorKind::Invalid => {
                wrong.extend(error.fields);
            }
            other => other?,
        }
    }
    Ok(wrong)
}

/// The last step: all is checked, confirmed and done.
async fn finish(
    form: &Submission,
    id: &str,
    draft: &Draft,
    step: Option<Step>,
) -> Result<Outcome, AppError> {
    let (state, viewer) = (&form.state, form.viewer()?);
    // Kept before anything is judged, so that nothing is lost on the way over Settings.
    if !draft::keep(state, viewer, id, draft).await? {
        return Ok(Outcome::Go(draft::address(id, None)));
    }
    if form.fields.get("leave") == "settings" {
        let back = draft::address(id, step);
        return Ok(Outcome::Go(confirm::settings(&back)));
    }
    let key = policy::new_key(
        &state.profile,
        &draft.wanted,
        &viewer.user_id,
        state.clock.now(),
    );
    // Another way to confirm was asked for; the form comes back with it, and nothing is wrong with it.
    if form.wants_another_factor() {
        return Ok(Outcome::Again);
    }
    let key = key.map_err(AppError::fields)?;
    {
        // Said before a factor is used up for nothing; the operation looks again.
        let mut reader = state.db.read().await?;
        ops::may_make(&mut reader, state, viewer.workspace_id(), &key.environment).await?;
    }
    let proof = step_up::prove_form(form, Action::CreateKey, &key).await?;
    let follows = draft.follows.as_deref();
    let made = ops::create(state, viewer, id, &key, follows, proof).await?;
    Ok(shown(made))
}

/// Has the secret of an approved key made.
pub async fn reveal(Path(id): Path<String>, submission: Submission) -> Response {
    let answer = submission.answer(async |form| {
        let (state, viewer) = (&form.state, form.viewer()?);
        {
            let now = state.clock.now();
            let mut reader = state.db.read().await?;
            let key = ops::find(&mut reader, viewer.workspace_id(), &id).await?;
            ops::may_reveal(&mut reader, viewer, &key, now).await?;
            // Sent again: whatever factor came along with it is left alone.
            if key.revealed_at.is_some() {
                return Ok(Outcome::Show(Once::Key(Creation::AlreadyShown {
                    id: key.id,
                })));
            }
        }
        if form.wants_another_factor() {
            return Ok(Outcome::Again);
        }
        let content = ops::reveal_content(&id);
        let proof = step_up::prove_form(form, Action::RevealKey, &content).await?;
        let made = ops::reveal(state, viewer, &id, proof).await?;
        Ok(Outcome::Show(Once::Key(made)))
    });
    not_stored(answer.await)
}

/// Nothing on the way may keep what is shown once.
fn not_stored(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A key that waits has nothing to show but its own page.
fn shown(made: Creation) -> Outcome {
    match made {
        Creation::Waiting { id } => Outcome::Go(format!("/keys/{id}")),
        other => Outcome::Show(Once::Key(other)),
    }
}
