//! What is done with requests for a plan: one function per operation, one transaction each.
//!
//! Whatever concerns one workspace's plan is done one at a time: of two decisions one holds, and the other is told of it.

use serde_json::{Value, json};

use super::{
    policy::{self, State},
    store::{self, NewRequest, RequestRow, Settlement},
    view,
};
use crate::{
    accounts::{
        self, Viewer,
        step_up::{Action, Proof},
    },
    admin,
    audit::{self, CONSOLE, PLATFORM},
    db::{Reader, Tx},
    error::{FieldError, UiErrorKind},
    notices::{self, Kind, Notice},
    profiles::Tier,
    server::{clock::is_id, error::AppError, state::AppState},
    ui::time,
    webhooks::outbox::{self, EventType},
    workspaces::{self, Grants, Role},
};

/// Asks for a plan. Gives the request's id.
pub async fn request(
    state: &AppState,
    viewer: &Viewer,
    tier: &str,
    note: &str,
) -> Result<String, AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    let space = workspaces::ops::serial(&mut tx, viewer.workspace_id()).await?;
    workspaces::ops::still_admin(&mut tx, state, viewer).await?;
    if space.suspended_at.is_some() {
        return Err(AppError::told(
            UiErrorKind::NotAllowed,
            "This workspace is suspended; no plan can be requested.",
        ));
    }
    if let Some(open) = store::open(&mut tx, &space.id).await? {
        return Err(AppError::told(
            UiErrorKind::Conflict,
            format!(
                "{} was requested {} already. Withdraw that first; nothing of yours was recorded.",
                view::name(&state.profile, &open.tier),
                time::relative(open.requested_at, now, "UTC")
            ),
        ));
    }
    let current = view::current(&mut tx, state, &space.id).await?;
    let mut errors = Vec::new();
    let mut wrong = |field: &str, message| {
        errors.push(FieldError {
            field: field.to_owned(),
            message,
        });
    };
    let tier = policy::asked(&state.profile, current.as_ref(), tier)
        .map_err(|message| wrong("tier", message));
    let note = policy::note(note).map_err(|message| wrong("note", message));
    let (Ok(tier), Ok(note)) = (tier, note) else {
        return Err(AppError::fields(errors));
    };
    let id = state.rng.id("plr", now);
    let new = NewRequest {
        id: &id,
        workspace_id: &space.id,
        tier: &tier.id,
        note: note.as_deref(),
        requested_by: &viewer.user_id,
    };
    store::insert(&mut tx, new, now).await?;
    // Without the note: what people wrote can be erased, an entry cannot.
    let detail = json!({ "tier": tier.id, "name": tier.name });
    let entry = viewer.entry("plan.requested", &id, detail);
    audit::record(&mut tx, &entry, now).await?;
    tx.commit().await?;
    Ok(id)
}

/// Takes the request back that waits.
pub async fn withdraw(state: &AppState, viewer: &Viewer) -> Result<(), AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    let space = workspaces::ops::serial(&mut tx, viewer.workspace_id()).await?;
    workspaces::ops::still_admin(&mut tx, state, viewer).await?;
    let Some(open) = store::open(&mut tx, &space.id).await? else {
        let last = store::of_workspace(&mut tx, &space.id, 1).await?.pop();
        return Err(last.map_or_else(AppError::not_found, |row| lost(state, &row)));
    };
    let settlement = Settlement {
        state: State::Withdrawn,
        by: Some(&viewer.user_id),
        reason: None,
    };
    store::settle(&mut tx, &space.id, &open.id, settlement, now).await?;
    let detail = json!({ "tier": open.tier, "name": view::name(&state.profile, &open.tier) });
    let entry = viewer.entry("plan.withdrawn", &open.id, detail);
    audit::record(&mut tx, &entry, now).await?;
    tx.commit().await?;
    Ok(())
}

/// What an operator says to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    Approve,
    /// For this reason, which the workspace sees.
    Decline(String),
}

impl Decision {
    const fn state(&self) -> State {
        match self {
            Self::Approve => State::Approved,
            Self::Decline(_) => State::Declined,
        }
    }

    fn reason(&self) -> Option<&str> {
        match self {
            Self::Approve => None,
            Self::Decline(reason) => Some(reason),
        }
    }
}

/// What a proof for a decision covers.
pub fn decision_content(id: &str, decision: &Decision) -> Value {
    json!({ "id": id, "decision": decision.state().as_str(), "reason": decision.reason() })
}

/// Decides a request, as an operator.
pub async fn decide(
    state: &AppState,
    viewer: &Viewer,
    id: &str,
    decision: &Decision,
    proof: Proof,
) -> Result<(), AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    let row = find(&mut tx, id).await?;
    workspaces::ops::serial(&mut tx, &row.workspace_id).await?;
    accounts::store::by_id(&mut tx, &viewer.user_id)
        .await?
        .filter(|user| user.operator)
        .ok_or_else(AppError::not_found)?;
    not_their_own(viewer, &row)?;
    proof
        .consume(
            &mut tx,
            state,
            viewer,
            Action::DecidePlan,
            &decision_content(id, decision),
        )
        .await?;
    let settlement = Settlement {
        state: decision.state(),
        by: Some(&viewer.user_id),
        reason: decision.reason(),
    };
    if !store::settle(&mut tx, &row.workspace_id, id, settlement, now).await? {
        let row = find(&mut tx, id).await?;
        return Err(lost(state, &row));
    }
    let by = By {
        actor: &viewer.user_id,
        name: &viewer.name,
    };
    let entries = announce(&mut tx, state, &row, by, decision).await?;
    for entry in &entries {
        audit::record(&mut tx, entry, now).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Gives a workspace a plan at the console. What it asked for is approved by that, if it is the same.
pub async fn approve_at_console(
    state: &AppState,
    workspace_id: &str,
    tier: &str,
) -> Result<(), AppError> {
    let nowhere = || AppError::field("workspace", "There is no such workspace.");
    if !is_id(workspace_id, "wsp") {
        return Err(nowhere());
    }
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    workspaces::store::find(&mut tx, workspace_id)
        .await?
        .ok_or_else(nowhere)?;
    workspaces::ops::serial(&mut tx, workspace_id).await?;
    let current = view::current(&mut tx, state, workspace_id).await?;
    let tier = policy::asked(&state.profile, current.as_ref(), tier)
        .map_err(|message| AppError::field("tier", message))?;
    let open = store::open(&mut tx, workspace_id).await?;
    let id = if let Some(row) = open.filter(|row| row.tier == tier.id) {
        let settlement = Settlement {
            state: State::Approved,
            by: None,
            reason: None,
        };
        store::settle(&mut tx, workspace_id, &row.id, settlement, now).await?;
        row.id
    } else {
        let id = state.rng.id("plr", now);
        store::insert_approved(&mut tx, &id, workspace_id, &tier.id, now).await?;
        id
    };
    let row = find(&mut tx, &id).await?;
    let by = By {
        actor: CONSOLE,
        name: "The operator",
    };
    let entries = announce(&mut tx, state, &row, by, &Decision::Approve).await?;
    for entry in &entries {
        audit::record(&mut tx, entry, now).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// The request, if it is one of a workspace that is still there.
pub async fn find(reader: &mut Reader, id: &str) -> Result<RequestRow, AppError> {
    if !is_id(id, "plr") {
        return Err(AppError::not_found());
    }
    store::find(reader, id)
        .await?
        .ok_or_else(AppError::not_found)
}

/// Says why the viewer cannot decide about the request, if so.
pub async fn to_decide(
    reader: &mut Reader,
    state: &AppState,
    viewer: &Viewer,
    id: &str,
) -> Result<(), AppError> {
    let row = find(reader, id).await?;
    if row.state == State::Requested {
        not_their_own(viewer, &row)
    } else {
        Err(lost(state, &row))
    }
}

fn not_their_own(viewer: &Viewer, row: &RequestRow) -> Result<(), AppError> {
    if row.requested_by.as_ref() == Some(&viewer.user_id) {
        return Err(AppError::told(UiErrorKind::NotAllowed, policy::OWN));
    }
    Ok(())
}

/// Said to who comes after the request was settled.
fn lost(state: &AppState, row: &RequestRow) -> AppError {
    let at = row.decided_at.unwrap_or(row.requested_at);
    AppError::told(
        UiErrorKind::Conflict,
        policy::settled(row.state, row.decider.as_deref(), at, state.clock.now()),
    )
}

/// Who decides.
#[derive(Clone, Copy)]
struct By<'a> {
    actor: &'a str,
    name: &'a str,
}

/// What follows of a decision: an approval ends the plan before it and is an event; who asked and the owners are told. Gives
/// the entries, which the caller writes in this order: that of their chains, so that two operations which lock several wait
/// for each other in turn.
async fn announce(
    tx: &mut Tx,
    state: &AppState,
    row: &RequestRow,
    by: By<'_>,
    decision: &Decision,
) -> Result<Vec<audit::Entry>, AppError> {
    let name = view::name(&state.profile, &row.tier);
    let (action, text) = match decision {
        Decision::Approve => {
            let tier = offered(state, &row.tier)?;
            approved(tx, state, row).await?;
            let text = format!(
                "{} approved the plan {name} for {}: {}. It is in force from now on.",
                by.name,
                row.workspace,
                policy::terms(tier)
            );
            ("plan.approved", text)
        }
        Decision::Decline(reason) => {
            let text = format!(
                "{} declined the plan {name} for {}: \u{201c}{reason}\u{201d}. An admin can request again.",
                by.name, row.workspace
            );
            ("plan.declined", text)
        }
    };
    let notice = Notice {
        kind: Kind::Plans,
        workspace_id: Some(&row.workspace_id),
        subject: format!(
            "The plan {name} was {} for {}",
            decision.state().verb(),
            row.workspace
        ),
        text,
        action: "See the plans",
        path: "/plans".to_owned(),
    };
    tell(tx, state, row, &notice).await?;
    let entry = |chain: &str, detail| audit::Entry {
        chain: chain.to_owned(),
        actor: by.actor.to_owned(),
        action,
        target: row.id.clone(),
        detail,
    };
    let reason = decision.reason();
    let mut entries = vec![
        entry(
            PLATFORM,
            json!({ "workspace": row.workspace_id, "tier": row.tier, "name": name, "reason": reason }),
        ),
        entry(
            &row.workspace_id,
            json!({ "tier": row.tier, "name": name, "reason": reason }),
        ),
    ];
    entries.sort_by(|a, b| a.chain.cmp(&b.chain));
    Ok(entries)
}

/// The tier, unless the profile has lost it since it was asked for.
fn offered<'a>(state: &'a AppState, tier: &str) -> Result<&'a Tier, AppError> {
    state.profile.tier(tier).ok_or_else(|| {
        AppError::told(
            UiErrorKind::Conflict,
            "This plan is not offered any more. Decline the request.",
        )
    })
}

async fn approved(tx: &mut Tx, state: &AppState, row: &RequestRow) -> Result<(), AppError> {
    store::end_others(tx, &row.workspace_id, &row.id).await?;
    admin::ops::keys_changed(tx, &row.workspace_id, state.clock.now()).await?;
    let data = json!({ "request_id": row.id, "tier": row.tier });
    outbox::enqueue(
        tx,
        &state.rng,
        &row.workspace_id,
        None,
        EventType::PlanApproved,
        &data,
        state.clock.now(),
    )
    .await?;
    Ok(())
}

/// Tells the owners and, if they still belong to the workspace, who asked.
async fn tell(
    tx: &mut Tx,
    state: &AppState,
    row: &RequestRow,
    notice: &Notice<'_>,
) -> Result<(), AppError> {
    let now = state.clock.now();
    for (user_id, roles) in admin::store::members(tx, &row.workspace_id).await? {
        let roles: Grants = workspaces::view::grants(&roles)?;
        let asked = row.requested_by.as_ref() == Some(&user_id);
        if asked || roles.at(now).include(Role::Owner) {
            notices::tell(tx, state, &user_id, notice).await?;
        }
    }
    Ok(())
}
