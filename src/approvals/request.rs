//! Asking, and what ends a request without a decision.

use serde_json::json;

use super::{
    asked::{Asked, content_hash},
    risk,
    store::{self, ApprovalRow},
};
use crate::{
    accounts::Viewer,
    audit,
    db::{Constraint, DbError, Tx},
    error::UiErrorKind,
    keys::life,
    notices::{self, Kind, Notice},
    server::{error::AppError, state::AppState},
    ui::{statement::Risk, time},
    webhooks::outbox::{self, EventType},
    workspaces::{self, Role},
};

/// What is asked, about what.
pub struct Request<'a> {
    pub workspace_id: &'a str,
    /// The key, member or workspace.
    pub subject_id: &'a str,
    pub asked: &'a Asked,
    /// What stands now; if it is another when the decision falls, the request is void.
    pub basis: &'a str,
    pub risk: Risk,
    /// The rejected request that this one follows.
    pub follows: Option<&'a str>,
}

/// Puts a request before the checkers, in the caller's transaction. Gives its id.
pub async fn ask(
    tx: &mut Tx,
    state: &AppState,
    viewer: &Viewer,
    request: Request<'_>,
) -> Result<String, AppError> {
    let now = state.clock.now();
    let id = state.rng.id("apr", now);
    let json = request.asked.to_json()?;
    let hash = content_hash(&id, request.subject_id, &json);
    let kind = request.asked.kind();
    let title = request.asked.title();
    let environment = request.asked.environment();
    let lapses_at = now + life::WAITS;
    let inserted = store::insert(
        tx,
        store::Insert {
            id: &id,
            workspace_id: request.workspace_id,
            kind,
            subject_id: request.subject_id,
            environment,
            title: &title,
            asked: &json,
            content_hash: hash,
            basis: request.basis,
            risk: risk::rank(request.risk),
            requested_by: &viewer.user_id,
            lapses_at,
            follows: request.follows,
        },
        now,
    )
    .await;
    match inserted {
        Err(DbError::Violates(Constraint::OpenApproval)) => {
            return Err(AppError::told(
                UiErrorKind::Conflict,
                "A request like this waits already. Withdraw it first.",
            ));
        }
        other => other?,
    }
    let entry = audit::Entry {
        chain: request.workspace_id.to_owned(),
        actor: viewer.user_id.clone(),
        action: "approval.asked",
        target: request.subject_id.to_owned(),
        detail: json!({
            "approval": id, "kind": kind, "title": title, "environment": environment, "content": hex::encode(hash),
        }),
    };
    audit::record(tx, &entry, now).await?;
    tell_of_key(
        tx,
        state,
        &id,
        request.workspace_id,
        request.subject_id,
        request.asked,
        EventType::KeyRequested,
    )
    .await?;
    let words = words(request.asked);
    let notice = Notice {
        kind: Kind::Approvals,
        workspace_id: Some(request.workspace_id),
        subject: format!("{} asks: {words}", viewer.name),
        text: format!(
            "{} asks for your agreement: {words}. It lapses {}, if nobody decides.",
            viewer.name,
            time::absolute(lapses_at, "UTC")
        ),
        action: "See the request",
        path: format!("/approvals/{id}"),
    };
    tell_checkers(tx, state, request.workspace_id, &[&viewer.user_id], &notice).await?;
    Ok(id)
}

/// What a request asks for, within a sentence.
pub fn words(asked: &Asked) -> String {
    match asked {
        Asked::NewKey { key } => format!(
            "a new {} key \u{201c}{}\u{201d}",
            key.environment, key.label
        ),
        Asked::ChangeKey {
            label, environment, ..
        } => {
            format!("more for the {environment} key \u{201c}{label}\u{201d}")
        }
        Asked::EnableKey {
            label, environment, ..
        } => {
            format!("the {environment} key \u{201c}{label}\u{201d} to be turned on again")
        }
        Asked::GiveRole { .. } => "to make a member a checker".to_owned(),
        Asked::Invite { .. } => "to invite a checker".to_owned(),
        Asked::LoosenPolicy { .. } => "to loosen the rules for approval".to_owned(),
    }
}

/// Sends the event of a request about a key; others have none.
pub async fn tell_of_key(
    tx: &mut Tx,
    state: &AppState,
    id: &str,
    workspace_id: &str,
    subject_id: &str,
    asked: &Asked,
    event: EventType,
) -> Result<(), AppError> {
    let Some(environment) = asked.environment() else {
        return Ok(());
    };
    let data = json!({
        "approval_id": id, "key_id": subject_id, "kind": asked.kind(), "label": asked.title(), "environment": environment,
    });
    let now = state.clock.now();
    outbox::enqueue(
        tx,
        &state.rng,
        workspace_id,
        Some(environment),
        event,
        &data,
        now,
    )
    .await?;
    Ok(())
}

/// Tells every checker of the workspace but these.
pub async fn tell_checkers(
    tx: &mut Tx,
    state: &AppState,
    workspace_id: &str,
    except: &[&str],
    notice: &Notice<'_>,
) -> Result<(), AppError> {
    let now = state.clock.now();
    for member in workspaces::view::members(tx, workspace_id).await? {
        if member.grants.at(now).include(Role::Checker) && !except.contains(&member.id.as_str()) {
            notices::tell(tx, state, &member.id, notice).await?;
        }
    }
    Ok(())
}

/// Ends every open request about this because what it stood on has changed.
pub async fn void_about(
    tx: &mut Tx,
    state: &AppState,
    workspace_id: &str,
    subject_id: &str,
    actor: &str,
    reason: &str,
) -> Result<(), AppError> {
    let now = state.clock.now();
    for row in store::open_about(tx, workspace_id, subject_id, now).await? {
        void(tx, state, &row, actor, reason).await?;
    }
    Ok(())
}

/// Ends one request because what it stood on has changed.
pub async fn void(
    tx: &mut Tx,
    state: &AppState,
    row: &ApprovalRow,
    actor: &str,
    reason: &str,
) -> Result<(), AppError> {
    let now = state.clock.now();
    let end = store::End {
        outcome: "void",
        by: None,
        reason: Some(reason),
        own: false,
    };
    if !store::end(tx, &row.workspace_id, &row.id, end, now).await? {
        return Ok(());
    }
    let entry = audit::Entry {
        chain: row.workspace_id.clone(),
        actor: actor.to_owned(),
        action: "approval.void",
        target: row.subject_id.clone(),
        detail: json!({ "approval": row.id, "kind": row.kind, "title": row.title }),
    };
    audit::record(tx, &entry, now).await?;
    if row.requested_by != actor {
        let notice = Notice {
            kind: Kind::Approvals,
            workspace_id: Some(&row.workspace_id),
            subject: format!("Your request about \u{201c}{}\u{201d} is void", row.title),
            text: format!("{reason} Ask again, if it is still wanted."),
            action: "See the request",
            path: format!("/approvals/{}", row.id),
        };
        notices::tell(tx, state, &row.requested_by, &notice).await?;
    }
    Ok(())
}
