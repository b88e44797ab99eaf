//! What can be done with tokens and by them.

use serde::Serialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{
    open,
    store::{self, NewToken, TokenRow},
    token::{self, CliToken},
};
use crate::{
    accounts::{
        self, Viewer,
        step_up::{Action, Proof},
        tries::{self, Allowance},
    },
    audit,
    db::Reader,
    error::UiErrorKind,
    server::{
        clock::{DAY, MINUTE, is_id},
        error::AppError,
        state::AppState,
    },
    webhooks::{catalogue, outbox},
    workspaces::Role,
};

/// Tokens of a workspace that can be used at a time.
pub const MAX_TOKENS: i64 = 20;
/// How long a token lives, as the form offers it; the first is proposed.
pub const DAYS: &[i64] = &[30, 7, 90];
/// Events that one token may send, within a minute.
const TRIGGERS: Allowance = Allowance {
    failures: 120,
    window: Some(MINUTE),
};

/// What is asked for; also what the factor confirms.
#[derive(Serialize)]
pub struct Wanted {
    pub name: String,
    pub days: i64,
}

/// What the form says, checked.
pub fn wanted(name: &str, days: &str) -> Result<Wanted, AppError> {
    let days = days
        .parse()
        .ok()
        .filter(|days| DAYS.contains(days))
        .ok_or_else(|| AppError::field("days", "Choose one of the spans that are offered."))?;
    Ok(Wanted {
        name: accounts::policy::name("name", name)?,
        days,
    })
}

/// What became of a form for a new token.
pub enum Made {
    Now {
        name: String,
        token: Zeroizing<String>,
    },
    /// This form made one before; it was shown then.
    Before,
}

/// Makes a token for the viewer. The same form never makes a second one.
pub async fn create(
    state: &AppState,
    viewer: &Viewer,
    form_id: &str,
    wanted: &Wanted,
    proof: Proof,
) -> Result<Made, AppError> {
    let now = state.clock.now();
    let workspace_id = viewer.workspace_id();
    let mut tx = state.db.begin().await?;
    tx.serialise(&format!("workspace:{workspace_id}")).await?;
    if store::made_by(&mut tx, workspace_id, form_id)
        .await?
        .is_some()
    {
        return Ok(Made::Before);
    }
    may_make(&mut tx, state, viewer).await?;
    proof
        .consume(&mut tx, state, viewer, Action::CreateCliToken, wanted)
        .await?;
    let id = state.rng.id("clt", now);
    let token = token::generate(&state.rng);
    let expires_at = now + wanted.days * DAY;
    store::insert(
        &mut tx,
        &NewToken {
            id: &id,
            workspace_id,
            user_id: &viewer.user_id,
            name: &wanted.name,
            hash: state.peppers.hash(token.as_bytes()),
            form_id,
            created_at: now,
            expires_at,
        },
    )
    .await?;
    let detail = json!({ "name": wanted.name, "expires_at": expires_at });
    audit::record(
        &mut tx,
        &viewer.entry("cli_token.created", &id, detail),
        now,
    )
    .await?;
    tx.commit().await?;
    Ok(Made::Now {
        name: wanted.name.clone(),
        token,
    })
}

/// Says why the viewer can make none, if so.
pub async fn may_make(
    reader: &mut Reader,
    state: &AppState,
    viewer: &Viewer,
) -> Result<(), AppError> {
    if viewer.workspace.as_ref().is_none_or(|w| w.suspended) {
        return Err(AppError::told(
            UiErrorKind::NotAllowed,
            "This workspace is suspended; no token can be made in it.",
        ));
    }
    if open(state).next().is_none() {
        return Err(AppError::told(
            UiErrorKind::Conflict,
            "This platform has no test environment, so there is nothing that a token could listen to.",
        ));
    }
    let now = state.clock.now();
    if store::count_good(reader, viewer.workspace_id(), now).await? >= MAX_TOKENS {
        return Err(AppError::told(
            UiErrorKind::Conflict,
            format!(
                "This workspace has {MAX_TOKENS} tokens, which is the most. Revoke one that is not needed."
            ),
        ));
    }
    Ok(())
}

/// The token of that id in the viewer's workspace.
pub async fn find(reader: &mut Reader, workspace_id: &str, id: &str) -> Result<TokenRow, AppError> {
    if !is_id(id, "clt") {
        return Err(AppError::not_found());
    }
    store::find(reader, workspace_id, id)
        .await?
        .ok_or_else(AppError::not_found)
}

/// Ends a token: what listens by it ends within seconds. Anybody who sees tokens may end each of them.
pub async fn revoke(state: &AppState, viewer: &Viewer, id: &str) -> Result<(), AppError> {
    let now = state.clock.now();
    let workspace_id = viewer.workspace_id();
    let mut tx = state.db.begin().await?;
    let row = find(&mut tx, workspace_id, id).await?;
    if !store::revoke(&mut tx, workspace_id, id, now).await? {
        return Err(AppError::told(
            UiErrorKind::Conflict,
            "This token was revoked before.",
        ));
    }
    let detail = json!({ "name": row.name });
    audit::record(&mut tx, &viewer.entry("cli_token.revoked", id, detail), now).await?;
    tx.commit().await?;
    Ok(())
}

/// Sends an event of that type into a test environment of the token's workspace: to its endpoints and to all that listen.
/// Without `data` it is the catalogue's example. Gives the event's id.
pub async fn trigger(
    state: &AppState,
    token: &CliToken,
    event_type: &str,
    environment: Option<&str>,
    data: Option<Value>,
) -> Result<String, AppError> {
    let kind = catalogue::find(&state.profile, event_type).ok_or_else(|| {
        AppError::field(
            "type",
            format!("There is no event {event_type:?}. The portal lists them at /webhooks/events."),
        )
    })?;
    let environment = match environment {
        Some(asked) => open(state).find(|open| open.id == asked).ok_or_else(|| {
            let words: Vec<&str> = open(state).map(|open| open.id.as_str()).collect();
            AppError::field(
                "environment",
                format!("Events can be sent to: {}.", words.join(", ")),
            )
        })?,
        None => open(state).next().ok_or_else(|| {
            AppError::told(
                UiErrorKind::Conflict,
                "This platform has no test environment.",
            )
        })?,
    };
    let data = data.unwrap_or_else(|| kind.example.clone());
    if !data.is_object() {
        return Err(AppError::field("data", "It has to be a JSON object."));
    }
    kind.check(&data)
        .map_err(|why| AppError::field("data", why))?;
    tries::charge(state, &format!("cli-trigger:{}", token.id), TRIGGERS).await?;
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    store::note_use(&mut tx, &token.workspace_id, &token.id, now).await?;
    let event_id = outbox::enqueue_named(
        &mut tx,
        &state.rng,
        &token.workspace_id,
        Some(&environment.id),
        event_type,
        &data,
        now,
    )
    .await?;
    audit::record(
        &mut tx,
        &audit::Entry {
            chain: token.workspace_id.clone(),
            actor: token.user_id.clone(),
            action: "webhook.triggered",
            target: event_id.clone(),
            detail: json!({ "type": event_type, "environment": environment.id, "token": token.id }),
        },
        now,
    )
    .await?;
    tx.commit().await?;
    Ok(event_id)
}

/// Who sees and revokes them.
pub const KEEPERS: &[Role] = &[Role::Developer, Role::Admin];
