//! What people do with endpoints: one function per operation, one transaction each.
//!
//! Whatever concerns the endpoints of one workspace is done one at a time, so that their number holds.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{
    catalogue, deliver,
    log::store::{self as log, DeliveryRow},
    outbox::{self, EventType},
    policy::{self, Change, Header, MAX_ENDPOINTS, NewEndpoint},
    sign::SigningSecret,
    store::{self, EndpointRow, ReplayRow, SecretRow, headers_place, secret_place},
    types::{
        Cause, DELIVERY_ID, DeliveryState, ENDPOINT_ID, EndpointState, REPLAY_ID, SECRET_ID,
        Signing,
    },
};
use crate::{
    accounts::{
        Viewer,
        step_up::{Action, Proof},
        viewer,
    },
    audit,
    db::{Reader, Tx},
    error::UiErrorKind,
    server::{
        clock::{HOUR, Millis, is_id},
        error::AppError,
        state::AppState,
    },
    workspaces::{self, Role},
};

/// How long an old secret signs beside the new one: a day is enough to bring the new one everywhere.
pub const OVERLAP: Millis = 24 * HOUR;

/// The code that stands before the message where no more endpoints are allowed.
pub const LIMIT_REACHED: &str = "WEBHOOK_LIMIT_REACHED";

/// What comes of a form that makes a secret.
pub enum Made {
    /// What the receiver verifies with: to be shown now, and never again.
    Shown {
        id: String,
        secret: Zeroizing<String>,
    },
    /// The receiver verifies with a public key, which the endpoint's page shows whenever it is wanted.
    Public { id: String },
    /// The same form was sent before.
    Before { id: String },
}

impl Made {
    pub fn id(&self) -> &str {
        let (Self::Shown { id, .. } | Self::Public { id } | Self::Before { id }) = self;
        id
    }
}

/// Who sets an endpoint up, and by what.
pub struct Origin<'a> {
    pub workspace_id: &'a str,
    pub created_by: Option<&'a str>,
    pub draft_id: Option<&'a str>,
    /// Who stands in the record.
    pub actor: &'a str,
}

/// The endpoint of the workspace, unless it was removed.
pub async fn find(
    reader: &mut Reader,
    workspace_id: &str,
    id: &str,
) -> Result<EndpointRow, AppError> {
    if !is_id(id, ENDPOINT_ID) {
        return Err(AppError::not_found());
    }
    store::endpoint(reader, workspace_id, id)
        .await?
        .ok_or_else(AppError::not_found)
}

/// The delivery of the workspace.
pub async fn find_delivery(
    reader: &mut Reader,
    workspace_id: &str,
    id: &str,
) -> Result<DeliveryRow, AppError> {
    if !is_id(id, DELIVERY_ID) {
        return Err(AppError::not_found());
    }
    log::find(reader, workspace_id, id)
        .await?
        .ok_or_else(AppError::not_found)
}

/// What this form has made before, if it has.
pub async fn made_by(
    state: &AppState,
    viewer: &Viewer,
    draft_id: &str,
) -> Result<Option<Made>, AppError> {
    let mut reader = state.db.read().await?;
    let row = store::endpoint_of_draft(&mut reader, viewer.workspace_id(), draft_id).await?;
    Ok(row.map(|row| Made::Before { id: row.id }))
}

/// Sets an endpoint up.
pub async fn create(
    state: &AppState,
    viewer: &Viewer,
    new: &NewEndpoint,
    draft_id: &str,
    proof: Proof,
) -> Result<Made, AppError> {
    let mut tx = state.db.begin().await?;
    still(&mut tx, state, viewer, policy::MAKERS).await?;
    let workspace_id = viewer.workspace_id();
    if let Some(row) = store::endpoint_of_draft(&mut tx, workspace_id, draft_id).await? {
        return Ok(Made::Before { id: row.id });
    }
    proof
        .consume(
            &mut tx,
            state,
            viewer,
            Action::CreateWebhook,
            &new.content(),
        )
        .await?;
    let origin = Origin {
        workspace_id,
        created_by: Some(&viewer.user_id),
        draft_id: Some(draft_id),
        actor: &viewer.user_id,
    };
    let made = insert(state, &mut tx, &origin, new).await?;
    tx.commit().await?;
    Ok(made)
}

/// Sets an endpoint up as the operator at the console.
pub async fn create_at_console(
    state: &AppState,
    workspace_id: &str,
    new: &NewEndpoint,
) -> Result<Made, AppError> {
    let mut tx = state.db.begin().await?;
    workspaces::ops::serial(&mut tx, workspace_id).await?;
    let origin = Origin {
        workspace_id,
        created_by: None,
        draft_id: None,
        actor: audit::CONSOLE,
    };
    let made = insert(state, &mut tx, &origin, new).await?;
    tx.commit().await?;
    Ok(made)
}

/// Says that no more can be set up, if so.
pub async fn room(reader: &mut Reader, workspace_id: &str) -> Result<(), AppError> {
    if store::endpoints(reader, workspace_id).await?.len() < MAX_ENDPOINTS {
        return Ok(());
    }
    Err(AppError::told(
        UiErrorKind::Conflict,
        format!(
            "{LIMIT_REACHED}: this workspace has {MAX_ENDPOINTS} endpoints, which is the most. Remove one that is not needed."
        ),
    ))
}

/// Keeps an endpoint with its first secret, and records it. The caller holds back all else that is decided in the
/// workspace.
pub async fn insert(
    state: &AppState,
    tx: &mut Tx,
    origin: &Origin<'_>,
    new: &NewEndpoint,
) -> Result<Made, AppError> {
    let now = state.clock.now();
    room(tx, origin.workspace_id).await?;
    let id = state.rng.id(ENDPOINT_ID, now);
    let headers = new
        .headers
        .iter()
        .map(|header| (header.name.clone(), header.expose().to_owned()))
        .collect();
    let row = EndpointRow {
        headers: seal_headers(state, &id, &headers),
        id,
        workspace_id: origin.workspace_id.to_owned(),
        environment: new.environment.clone(),
        url: new.url.clone(),
        description: new.description.clone(),
        events: json!(new.events).to_string(),
        signing: new.signing.as_str().to_owned(),
        state: EndpointState::Enabled.as_str().to_owned(),
        state_since: now,
        failing_since: None,
        draft_id: origin.draft_id.map(str::to_owned),
        created_by: origin.created_by.map(str::to_owned),
        created_at: now,
    };
    store::insert_endpoint(tx, &row).await?;
    let made = make_secret(state, tx, &row, None).await?;
    let names: Vec<&str> = new
        .headers
        .iter()
        .map(|header| header.name.as_str())
        .collect();
    let detail = json!({
        "environment": row.environment, "origin": policy::origin(&row.url), "events": new.events, "headers": names,
        "signing": row.signing,
    });
    record(state, tx, &row, origin.actor, "webhook.created", detail).await?;
    Ok(made)
}

/// A new secret for the endpoint.
async fn make_secret(
    state: &AppState,
    tx: &mut Tx,
    row: &EndpointRow,
    form_id: Option<&str>,
) -> Result<Made, AppError> {
    let now = state.clock.now();
    let secret = SigningSecret::generate(&state.rng, row.signing());
    let id = state.rng.id(SECRET_ID, now);
    let sealed = state
        .sealer
        .seal(&state.rng, &secret_place(&id), secret.bytes());
    store::insert_secret(
        tx,
        &SecretRow {
            id,
            endpoint_id: row.id.clone(),
            workspace_id: row.workspace_id.clone(),
            sealed,
            public_key: secret.public_key(),
            form_id: form_id.map(str::to_owned),
            created_at: now,
            ends_at: None,
        },
    )
    .await?;
    let id = row.id.clone();
    Ok(match row.signing() {
        Signing::Hmac => Made::Shown {
            id,
            secret: secret.shown(),
        },
        Signing::Ed25519 => Made::Public { id },
    })
}

type Headers = BTreeMap<String, String>;

fn seal_headers(state: &AppState, id: &str, headers: &Headers) -> Vec<u8> {
    let text = Zeroizing::new(json!(headers).to_string());
    state
        .sealer
        .seal(&state.rng, &headers_place(id), text.as_bytes())
}

fn open_headers(state: &AppState, row: &EndpointRow) -> Result<Headers, AppError> {
    state
        .sealer
        .open(&headers_place(&row.id), &row.headers)
        .and_then(|text| serde_json::from_slice(&text).ok())
        .ok_or_else(|| AppError::Internal(format!("the headers of {} do not open", row.id)))
}

/// The names of an endpoint's own headers. Their values leave Latchkey with a delivery only.
pub fn header_names(state: &AppState, row: &EndpointRow) -> Result<Vec<String>, AppError> {
    Ok(open_headers(state, row)?.into_keys().collect())
}

/// Whether the change sends events to another address, which needs a fresh factor.
pub fn redirects(row: &EndpointRow, change: &Change) -> bool {
    row.url != change.url
}

/// Refuses a change that was made of another basis.
pub fn on_basis(row: &EndpointRow, basis: &str) -> Result<(), AppError> {
    if policy::basis(row) == basis {
        return Ok(());
    }
    Err(AppError::told(
        UiErrorKind::Conflict,
        "Someone changed this endpoint while you were editing; yours is kept below. Look at the endpoint, then send it again.",
    ))
}

/// Changes where an endpoint is and what it gets.
pub async fn change(
    state: &AppState,
    viewer: &Viewer,
    id: &str,
    change: &Change,
    proof: Option<Proof>,
) -> Result<(), AppError> {
    let mut tx = state.db.begin().await?;
    still(&mut tx, state, viewer, policy::MAKERS).await?;
    let row = find(&mut tx, viewer.workspace_id(), id).await?;
    on_basis(&row, &change.basis)?;
    if redirects(&row, change) {
        let proof = proof.ok_or_else(|| {
            AppError::told(
                UiErrorKind::Conflict,
                "Another address needs your confirmation.",
            )
        })?;
        proof
            .consume(
                &mut tx,
                state,
                viewer,
                Action::ChangeWebhook,
                &change.content(id),
            )
            .await?;
    }
    change_in(state, &mut tx, &row, change, &viewer.user_id).await?;
    tx.commit().await?;
    Ok(())
}

/// Writes a change and records it, if it is one.
pub async fn change_in(
    state: &AppState,
    tx: &mut Tx,
    row: &EndpointRow,
    change: &Change,
    actor: &str,
) -> Result<(), AppError> {
    let before = open_headers(state, row)?;
    let mut headers = before.clone();
    headers.retain(|name, _| !change.without.contains(name));
    headers.extend(
        change
            .headers
            .iter()
            .map(|header: &Header| (header.name.clone(), header.expose().to_owned())),
    );
    let events = json!(change.events).to_string();
    let mut changed = Vec::new();
    for (what, differs) in [
        ("address", row.url != change.url),
        ("description", row.description != change.description),
        ("events", row.events != events),
        ("headers", before != headers),
    ] {
        if differs {
            changed.push(what);
        }
    }
    let after = EndpointRow {
        url: change.url.clone(),
        description: change.description.clone(),
        events,
        headers: seal_headers(state, &row.id, &headers),
        ..row.clone()
    };
    store::update_endpoint(tx, &after).await?;
    let detail = json!({
        "environment": row.environment, "changed": changed, "before": policy::origin(&row.url),
        "origin": policy::origin(&after.url), "events": change.events,
    });
    record(state, tx, row, actor, "webhook.updated", detail).await
}

/// What the proof of a new secret is bound to.
pub fn rotate_content(id: &str) -> Value {
    json!({ "rotate": id })
}

/// What a form for a new secret has made before, if it has.
pub async fn rotated_by(
    state: &AppState,
    viewer: &Viewer,
    form_id: &str,
) -> Result<Option<Made>, AppError> {
    let mut reader = state.db.read().await?;
    let row = store::secret_of_form(&mut reader, viewer.workspace_id(), form_id).await?;
    Ok(row.map(|row| Made::Before {
        id: row.endpoint_id,
    }))
}

/// Gives an endpoint a new secret. The old one signs beside it for a day.
pub async fn rotate(
    state: &AppState,
    viewer: &Viewer,
    id: &str,
    form_id: &str,
    proof: Proof,
) -> Result<Made, AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    still(&mut tx, state, viewer, policy::MAKERS).await?;
    let row = find(&mut tx, viewer.workspace_id(), id).await?;
    if let Some(made) = store::secret_of_form(&mut tx, &row.workspace_id, form_id).await? {
        return Ok(Made::Before {
            id: made.endpoint_id,
        });
    }
    proof
        .consume(
            &mut tx,
            state,
            viewer,
            Action::RotateWebhook,
            &rotate_content(id),
        )
        .await?;
    store::end_secrets(&mut tx, &row.workspace_id, &row.id, now + OVERLAP).await?;
    let made = make_secret(state, &mut tx, &row, Some(form_id)).await?;
    let detail = json!({
        "environment": row.environment, "origin": policy::origin(&row.url), "old_ends_at": now + OVERLAP,
    });
    let entry = viewer.entry("webhook.secret_rotated", &row.id, detail);
    audit::record(&mut tx, &entry, now).await?;
    tx.commit().await?;
    Ok(made)
}

/// Switches an endpoint on again, whatever switched it off.
pub async fn enable(state: &AppState, viewer: &Viewer, id: &str) -> Result<(), AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    still(&mut tx, state, viewer, policy::STOPPERS).await?;
    let row = find(&mut tx, viewer.workspace_id(), id).await?;
    if !store::switch_on(&mut tx, &row.workspace_id, id, now).await? {
        return Err(AppError::told(
            UiErrorKind::Conflict,
            "This endpoint is on already. Nothing of yours was recorded.",
        ));
    }
    let detail = json!({
        "environment": row.environment, "origin": policy::origin(&row.url), "was": row.state,
    });
    let entry = viewer.entry("webhook.enabled", &row.id, detail);
    audit::record(&mut tx, &entry, now).await?;
    tx.commit().await?;
    Ok(())
}

/// Switches an endpoint off. What waits for it is kept as missed.
pub async fn disable(state: &AppState, viewer: &Viewer, id: &str) -> Result<(), AppError> {
    stop(state, viewer, id, EndpointState::Disabled).await
}

/// Removes an endpoint. What was delivered to it stays in the log.
pub async fn remove(state: &AppState, viewer: &Viewer, id: &str) -> Result<(), AppError> {
    stop(state, viewer, id, EndpointState::Removed).await
}

async fn stop(
    state: &AppState,
    viewer: &Viewer,
    id: &str,
    to: EndpointState,
) -> Result<(), AppError> {
    let mut tx = state.db.begin().await?;
    tx.serialise(&format!("workspace:{}", viewer.workspace_id()))
        .await?;
    // Stopping does no harm, so who could when they asked may: also where the workspace is suspended.
    if !viewer.has_any(policy::STOPPERS) {
        return Err(AppError::Told(viewer::not_allowed(policy::STOPPERS)));
    }
    let row = find(&mut tx, viewer.workspace_id(), id).await?;
    end(state, &mut tx, &row, to, &viewer.user_id).await?;
    tx.commit().await?;
    Ok(())
}

/// Switches off or removes within a larger operation, and records it.
pub async fn end(
    state: &AppState,
    tx: &mut Tx,
    row: &EndpointRow,
    to: EndpointState,
    actor: &str,
) -> Result<(), AppError> {
    let now = state.clock.now();
    if !store::switch_off(tx, &row.workspace_id, &row.id, to, now).await? {
        return Err(AppError::told(
            UiErrorKind::Conflict,
            "This endpoint is off already. Nothing of yours was recorded.",
        ));
    }
    // A first batch of what waits; if there is more, the worker does the rest.
    deliver::store::miss(tx, &row.id, now).await?;
    tx.wake_deliveries();
    let action = if to == EndpointState::Removed {
        "webhook.removed"
    } else {
        "webhook.disabled"
    };
    let detail = json!({ "environment": row.environment, "origin": policy::origin(&row.url) });
    record(state, tx, row, actor, action, detail).await
}

/// Sends the endpoint an event of this type with the catalogue's example in it. Gives the delivery's id.
pub async fn send_sample(
    state: &AppState,
    viewer: &Viewer,
    id: &str,
    event_type: &str,
) -> Result<String, AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    still(&mut tx, state, viewer, policy::MAKERS).await?;
    let row = find(&mut tx, viewer.workspace_id(), id).await?;
    let kind = catalogue::find(&state.profile, event_type)
        .ok_or_else(|| AppError::field("type", "Choose one of the types of event."))?;
    let delivery = outbox::enqueue_to(
        &mut tx,
        &state.rng,
        &row,
        &kind.id,
        &kind.example,
        Cause::Test,
        now,
    )
    .await?;
    let detail = json!({
        "environment": row.environment, "origin": policy::origin(&row.url), "type": kind.id, "delivery": delivery,
    });
    let entry = viewer.entry("webhook.tested", &row.id, detail);
    audit::record(&mut tx, &entry, now).await?;
    tx.commit().await?;
    Ok(delivery)
}

/// Why a delivery is not sent again, if so.
pub fn replayable(row: &DeliveryRow) -> Result<(), AppError> {
    let why = match (EndpointState::parse(&row.endpoint_state), row.state()) {
        (Some(EndpointState::Removed) | None, _) => {
            "Its endpoint was removed; there is nowhere to send it."
        }
        (Some(EndpointState::Enabled), DeliveryState::Waiting) if row.attempts == 0 => {
            "It is on its way already."
        }
        (Some(EndpointState::Enabled), _) => return Ok(()),
        _ => "Its endpoint is off. Turn it on first.",
    };
    Err(AppError::told(UiErrorKind::Conflict, why))
}

/// Sends one delivery again, now, and then by the schedule from its beginning.
pub async fn replay_one(
    state: &AppState,
    viewer: &Viewer,
    delivery_id: &str,
) -> Result<(), AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    still(&mut tx, state, viewer, policy::MAKERS).await?;
    let workspace_id = viewer.workspace_id();
    let row = find_delivery(&mut tx, workspace_id, delivery_id).await?;
    replayable(&row)?;
    if !deliver::store::reopen(&mut tx, workspace_id, delivery_id, now).await? {
        return Err(AppError::told(
            UiErrorKind::Conflict,
            "It is being sent at this moment. Look at it again in a few seconds.",
        ));
    }
    let detail = json!({
        "environment": row.environment, "origin": policy::origin(&row.url), "type": row.event_type, "event": row.event_id,
    });
    let entry = viewer.entry("webhook.replayed", delivery_id, detail);
    audit::record(&mut tx, &entry, now).await?;
    tx.commit().await?;
    Ok(())
}

/// Begins to send again all that the endpoint failed or missed since a moment. Gives how many those are.
pub async fn replay_since(
    state: &AppState,
    viewer: &Viewer,
    id: &str,
    since: Millis,
) -> Result<i64, AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    still(&mut tx, state, viewer, policy::MAKERS).await?;
    let row = find(&mut tx, viewer.workspace_id(), id).await?;
    let refused = |why: &str| Err(AppError::told(UiErrorKind::Conflict, why));
    if row.state() != EndpointState::Enabled {
        return refused("This endpoint is off. Turn it on first, then send again.");
    }
    let last = store::last_replay(&mut tx, &row.workspace_id, id).await?;
    if last.is_some_and(|replay| replay.state == "running") {
        return refused("A replay is running already. Stop it, or wait until it is done.");
    }
    let total = log::count_not_got(&mut tx, &row.workspace_id, id, since, now).await?;
    if total == 0 {
        return Err(AppError::field(
            "since",
            "Nothing failed or was missed since then.",
        ));
    }
    let replay = ReplayRow {
        id: state.rng.id(REPLAY_ID, now),
        workspace_id: row.workspace_id.clone(),
        endpoint_id: row.id.clone(),
        since,
        until: now,
        reached: String::new(),
        total,
        done: 0,
        started_by: viewer.user_id.clone(),
        started_at: now,
        state: "running".to_owned(),
        ended_at: None,
    };
    store::insert_replay(&mut tx, &replay).await?;
    tx.wake_deliveries();
    let detail = json!({
        "environment": row.environment, "origin": policy::origin(&row.url), "since": since, "deliveries": total,
    });
    let entry = viewer.entry("webhook.replay_started", id, detail);
    audit::record(&mut tx, &entry, now).await?;
    tx.commit().await?;
    Ok(total)
}

/// Stops the replay that is running. What it has taken up already is sent.
pub async fn stop_replay(state: &AppState, viewer: &Viewer, id: &str) -> Result<(), AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    still(&mut tx, state, viewer, policy::MAKERS).await?;
    let row = find(&mut tx, viewer.workspace_id(), id).await?;
    if !store::stop_replay(&mut tx, &row.workspace_id, id, now).await? {
        return Err(AppError::told(
            UiErrorKind::Conflict,
            "No replay is running any more. There is nothing to stop.",
        ));
    }
    let detail = json!({ "environment": row.environment, "origin": policy::origin(&row.url) });
    let entry = viewer.entry("webhook.replay_stopped", id, detail);
    audit::record(&mut tx, &entry, now).await?;
    tx.commit().await?;
    Ok(())
}

async fn record(
    state: &AppState,
    tx: &mut Tx,
    row: &EndpointRow,
    actor: &str,
    action: &'static str,
    detail: Value,
) -> Result<(), AppError> {
    let entry = audit::Entry {
        chain: row.workspace_id.clone(),
        actor: actor.to_owned(),
        action,
        target: row.id.clone(),
        detail,
    };
    audit::record(tx, &entry, state.clock.now()).await?;
    Ok(())
}

/// Refuses who has none of these roles at this moment, with everything else that is decided in the workspace held back.
async fn still(
    tx: &mut Tx,
    state: &AppState,
    viewer: &Viewer,
    roles: &'static [Role],
) -> Result<(), AppError> {
    let workspace_id = viewer.workspace_id();
    let acts = viewer
        .workspace
        .as_ref()
        .is_some_and(|workspace| workspace.roles.is_acting());
    let may = if acts {
        workspaces::ops::serial(tx, workspace_id).await?;
        viewer.has_any(roles)
    } else {
        workspaces::ops::roles_now(tx, state, workspace_id, &viewer.user_id)
            .await?
            .include_any(roles)
    };
    if may {
        Ok(())
    } else {
        Err(AppError::Told(viewer::not_allowed(roles)))
    }
}

/// The type that a test is sent as where none is chosen.
pub const TEST: &str = EventType::WebhookTest.as_str();
