//! Deciding, and all else that can be done with a request: one function per operation, one transaction each.

use serde_json::{Value, json};

use super::{
    asked::{Asked, content_hash},
    policy::{self, Around, Giver, Standing},
    request::{self, tell_checkers, tell_of_key},
    settings::{self, Settings},
    store::{self, ApprovalRow, End},
};
use crate::{
    accounts::{
        Viewer,
        step_up::{Action, Proof},
    },
    audit,
    db::Tx,
    error::UiErrorKind,
    keys,
    notices::{self, Kind, Notice},
    profiles::Profile,
    server::{
        clock::{DAY, Millis, is_id},
        error::AppError,
        state::AppState,
    },
    ui::time,
    webhooks::outbox::EventType,
    workspaces::{self, Role},
};

/// The longest reason that is kept.
pub const MAX_REASON: usize = 500;
/// Checkers are reminded of a request once a day at most.
const REMINDED_EVERY: Millis = DAY;

/// What the proof of a decision is bound to. `content` is the hash that was shown.
pub fn decision(id: &str, content: &str, approve: bool, reason: &str) -> Value {
    json!({ "approval": id, "content": content, "approve": approve, "reason": reason })
}

/// A request of the viewer's workspace.
pub async fn of_workspace(
    tx: &mut crate::db::Reader,
    viewer: &Viewer,
    id: &str,
) -> Result<ApprovalRow, AppError> {
    if !is_id(id, "apr") {
        return Err(AppError::not_found());
    }
    store::find(tx, viewer.workspace_id(), id)
        .await?
        .ok_or_else(AppError::not_found)
}

/// Whether the viewer may decide about the request now, and as what. The outer error is a failure, the inner a sentence.
pub async fn standing(
    reader: &mut crate::db::Reader,
    state: &AppState,
    viewer: &Viewer,
    is_checker: bool,
    row: &ApprovalRow,
) -> Result<Result<Standing, &'static str>, AppError> {
    let now = state.clock.now();
    let settings = settings::of(reader, &state.profile, &row.workspace_id).await?;
    let members = workspaces::view::members(reader, &row.workspace_id).await?;
    let around = Around {
        members: members
            .iter()
            .filter(|member| workspaces::policy::any_left(&member.grants, now))
            .count(),
    };
    Ok(policy::standing(viewer, is_checker, row, around, &settings))
}

/// Why nothing can be decided any more: who was first, or what ended it.
pub fn ended(row: &ApprovalRow, now: Millis) -> Option<AppError> {
    let maker = row.maker.as_deref().unwrap_or("Its maker");
    let decider = row.decider.as_deref().unwrap_or("Somebody");
    let ago = row.decided_at.map_or_else(String::new, |at| {
        format!(" {}", time::relative(at, now, "UTC"))
    });
    let words = match row.outcome(now)? {
        "approved" => format!("{decider} approved this{ago}. Nothing of yours was recorded."),
        "rejected" => format!("{decider} rejected this{ago}. Nothing of yours was recorded."),
        "withdrawn" => format!("{maker} withdrew this{ago}. There is nothing to decide."),
        "void" => {
            "What this stood on has changed, so it is void. There is nothing to decide.".to_owned()
        }
        _ => "Nobody decided this in time, so it lapsed. There is nothing to decide.".to_owned(),
    };
    Some(AppError::told(UiErrorKind::Conflict, words))
}

/// What a decision is prepared with, all of it read within its transaction.
struct Deciding {
    row: ApprovalRow,
    asked: Asked,
    standing: Standing,
}

async fn deciding(
    tx: &mut Tx,
    state: &AppState,
    viewer: &Viewer,
    id: &str,
    content: &str,
) -> Result<Deciding, AppError> {
    let now = state.clock.now();
    let roles =
        workspaces::ops::roles_now(tx, state, viewer.workspace_id(), &viewer.user_id).await?;
    let row = of_workspace(tx, viewer, id).await?;
    if let Some(error) = ended(&row, now) {
        return Err(error);
    }
    let standing = standing(tx, state, viewer, roles.include(Role::Checker), &row)
        .await?
        .map_err(|reason| AppError::told(UiErrorKind::NotAllowed, reason))?;
    still_that(&row, content)?;
    let asked = Asked::parse(&row.asked)?;
    Ok(Deciding {
        row,
        asked,
        standing,
    })
}

/// Refuses a decision about anything but what was shown. `content`: the hash that the page named.
fn still_that(row: &ApprovalRow, content: &str) -> Result<(), AppError> {
    let hash = content_hash(&row.id, &row.subject_id, &row.asked);
    if hash.as_slice() == row.content_hash.as_slice() && row.content() == content {
        Ok(())
    } else {
        Err(AppError::told(
            UiErrorKind::Conflict,
            "What is asked is not what this page showed. Open it again and read it once more.",
        ))
    }
}

/// Whether the viewer can decide about this now, and as what: asked before a factor is, so that none is spent on what is
/// over. The decision itself looks again.
pub async fn decidable(
    state: &AppState,
    viewer: &Viewer,
    id: &str,
    content: &str,
) -> Result<Standing, AppError> {
    let mut reader = state.db.read().await?;
    let row = of_workspace(&mut reader, viewer, id).await?;
    if let Some(error) = ended(&row, state.clock.now()) {
        return Err(error);
    }
    let standing = standing(&mut reader, state, viewer, viewer.has(Role::Checker), &row)
        .await?
        .map_err(|reason| AppError::told(UiErrorKind::NotAllowed, reason))?;
    still_that(&row, content)?;
    Ok(standing)
}

/// Whether who asked gave this viewer the role of checker.
pub async fn made_the_checker(
    reader: &mut crate::db::Reader,
    viewer: &Viewer,
    row: &ApprovalRow,
) -> Result<bool, AppError> {
    let given = store::roles_given(reader, &row.workspace_id, &viewer.user_id).await?;
    let by = match policy::made_checker(&given) {
        Some(Giver::Member(id)) => Some(id),
        Some(Giver::Invitation(id)) => store::inviter(reader, &row.workspace_id, &id).await?,
        None => None,
    };
    Ok(by.as_deref() == Some(&row.requested_by))
}

/// A reason as it is kept, or what is wrong with it.
pub fn reason(text: &str) -> Result<String, AppError> {
    let text = text.trim().replace("\r\n", "\n");
    if text.is_empty() {
        return Err(AppError::field(
            "reason",
            "Say why; it is kept with the decision.",
        ));
    }
    if text.chars().count() > MAX_REASON {
        return Err(AppError::field(
            "reason",
            format!("Use at most {MAX_REASON} characters."),
        ));
    }
    if text
        .chars()
        .any(|c| c != '\n' && keys::policy::is_invisible(c))
    {
        return Err(AppError::field(
            "reason",
            "A control or invisible character is in it.",
        ));
    }
    Ok(text)
}

/// Agrees to exactly what the page showed. Alone about one's own request: with the reason.
pub async fn approve(
    state: &AppState,
    viewer: &Viewer,
    id: &str,
    content: &str,
    why: &str,
    proof: Proof,
) -> Result<(), AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    let Deciding {
        row,
        asked,
        standing,
    } = deciding(&mut tx, state, viewer, id, content).await?;
    let own = standing == Standing::Alone;
    let action = if own {
        Action::ApproveOwn
    } else {
        Action::Decide
    };
    proof
        .consume(
            &mut tx,
            state,
            viewer,
            action,
            &decision(id, content, true, why),
        )
        .await?;
    let why = if own { Some(reason(why)?) } else { None };
    if let Err(changed) = apply(&mut tx, state, viewer, &row, &asked).await? {
        request::void(&mut tx, state, &row, &viewer.user_id, changed).await?;
        tx.commit().await?;
        return Err(AppError::told(
            UiErrorKind::Conflict,
            format!("{changed} The request is void; nothing was approved."),
        ));
    }
    let end = End {
        outcome: "approved",
        by: Some(&viewer.user_id),
        reason: why.as_deref(),
        own,
    };
    if !store::end(&mut tx, &row.workspace_id, id, end, now).await? {
        return Err(AppError::told(
            UiErrorKind::Conflict,
            "Somebody decided this just now. Nothing of yours was recorded.",
        ));
    }
    let detail = json!({
        "approval": id, "kind": row.kind, "title": row.title, "content": content, "own": own, "reason": why,
    });
    audit::record(
        &mut tx,
        &viewer.entry("approval.approved", &row.subject_id, detail),
        now,
    )
    .await?;
    tell_of_key(
        &mut tx,
        state,
        id,
        &row.workspace_id,
        &row.subject_id,
        &asked,
        EventType::KeyApproved,
    )
    .await?;
    if !own {
        let (text, action, path) = match &asked {
            Asked::NewKey { .. } => (
                "The secret doesn't exist yet. It is made when you reveal it, and shown once. Have your secret store open.",
                "Reveal the key",
                format!("/keys/{}/reveal", row.subject_id),
            ),
            _ => (
                "It is in force from now on.",
                "See what was asked",
                format!("/approvals/{id}"),
            ),
        };
        let notice = Notice {
            kind: Kind::Approvals,
            workspace_id: Some(&row.workspace_id),
            subject: format!("{} approved: {}", viewer.name, request::words(&asked)),
            text: text.to_owned(),
            action,
            path,
        };
        notices::tell(&mut tx, state, &row.requested_by, &notice).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Does what was asked. The inner error says what has changed meanwhile, so that it can't be done.
async fn apply(
    tx: &mut Tx,
    state: &AppState,
    viewer: &Viewer,
    row: &ApprovalRow,
    asked: &Asked,
) -> Result<Result<(), &'static str>, AppError> {
    // The others look for themselves, or need their maker for nothing more.
    let needed = match asked {
        Asked::ChangeKey { .. } | Asked::EnableKey { .. } => Some(Role::Developer),
        Asked::LoosenPolicy { .. } => Some(Role::Admin),
        _ => None,
    };
    if let Some(role) = needed
        && !workspaces::ops::roles_now(tx, state, &row.workspace_id, &row.requested_by)
            .await?
            .include(role)
    {
        return Ok(Err(workspaces::ops::NOT_THEIRS));
    }
    match asked {
        Asked::NewKey { key } => keys::four_eyes::approved(tx, state, row, key).await,
        Asked::ChangeKey { after, .. } => {
            keys::four_eyes::widened(tx, state, viewer, row, after).await
        }
        Asked::EnableKey { .. } => keys::four_eyes::enabled(tx, state, viewer, row).await,
        Asked::GiveRole { was, roles, .. } => {
            workspaces::ops::give_role(tx, state, row, was, roles).await
        }
        Asked::Invite { email, roles } => {
            workspaces::ops::send_agreed(tx, state, row, email, roles).await
        }
        Asked::LoosenPolicy { after, .. } => {
            let settings = settings::of(tx, &state.profile, &row.workspace_id).await?;
            if basis_of(&settings) != row.basis {
                return Ok(Err("The rules were changed meanwhile."));
            }
            set_policy(
                tx,
                state,
                &row.workspace_id,
                &viewer.user_id,
                &settings,
                after,
            )
            .await?;
            Ok(Ok(()))
        }
    }
}

/// Refuses what was asked. The maker reads the reason.
pub async fn reject(
    state: &AppState,
    viewer: &Viewer,
    id: &str,
    content: &str,
    why: &str,
    proof: Proof,
) -> Result<(), AppError> {
    let now = state.clock.now();
    let why_kept = reason(why)?;
    let mut tx = state.db.begin().await?;
    let Deciding { row, asked, .. } = deciding(&mut tx, state, viewer, id, content).await?;
    proof
        .consume(
            &mut tx,
            state,
            viewer,
            Action::Decide,
            &decision(id, content, false, why),
        )
        .await?;
    let end = End {
        outcome: "rejected",
        by: Some(&viewer.user_id),
        reason: Some(&why_kept),
        own: false,
    };
    if !store::end(&mut tx, &row.workspace_id, id, end, now).await? {
        return Err(AppError::told(
            UiErrorKind::Conflict,
            "Somebody decided this just now. Nothing of yours was recorded.",
        ));
    }
    if matches!(asked, Asked::NewKey { .. }) {
        keys::four_eyes::rejected(&mut tx, state, &row).await?;
    }
    let detail = json!({ "approval": id, "kind": row.kind, "title": row.title, "content": content, "reason": why_kept });
    audit::record(
        &mut tx,
        &viewer.entry("approval.rejected", &row.subject_id, detail),
        now,
    )
    .await?;
    tell_of_key(
        &mut tx,
        state,
        id,
        &row.workspace_id,
        &row.subject_id,
        &asked,
        EventType::KeyRejected,
    )
    .await?;
    if row.requested_by != viewer.user_id {
        let notice = Notice {
            kind: Kind::Approvals,
            workspace_id: Some(&row.workspace_id),
            subject: format!("{} rejected: {}", viewer.name, request::words(&asked)),
            text: format!(
                "The reason: \u{201c}{why_kept}\u{201d}. You can change it and send it again."
            ),
            action: "See the request",
            path: format!("/approvals/{id}"),
        };
        notices::tell(&mut tx, state, &row.requested_by, &notice).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Takes a request back, as who asked or who owns the key now.
pub async fn withdraw(
    state: &AppState,
    viewer: &Viewer,
    id: &str,
) -> Result<ApprovalRow, AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    workspaces::ops::roles_now(&mut tx, state, viewer.workspace_id(), &viewer.user_id).await?;
    let row = of_workspace(&mut tx, viewer, id).await?;
    if !policy::may_read(viewer, &row) {
        return Err(AppError::not_found());
    }
    if row.requested_by != viewer.user_id && row.owner_id.as_deref() != Some(&viewer.user_id) {
        return Err(AppError::told(
            UiErrorKind::NotAllowed,
            "Only who asked can withdraw it.",
        ));
    }
    if let Some(error) = ended(&row, now) {
        return Err(error);
    }
    let end = End {
        outcome: "withdrawn",
        by: Some(&viewer.user_id),
        reason: None,
        own: false,
    };
    if !store::end(&mut tx, &row.workspace_id, id, end, now).await? {
        return Err(AppError::told(
            UiErrorKind::Conflict,
            "Somebody decided this just now. There is nothing to withdraw.",
        ));
    }
    if row.kind == "new_key" {
        keys::four_eyes::withdrawn(&mut tx, state, &row).await?;
    }
    let detail = json!({ "approval": id, "kind": row.kind, "title": row.title });
    audit::record(
        &mut tx,
        &viewer.entry("approval.withdrawn", &row.subject_id, detail),
        now,
    )
    .await?;
    tx.commit().await?;
    Ok(row)
}

/// Takes an approval back, as a checker, while the key's secret has not been made.
pub async fn take_back(state: &AppState, viewer: &Viewer, id: &str) -> Result<(), AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    let roles =
        workspaces::ops::roles_now(&mut tx, state, viewer.workspace_id(), &viewer.user_id).await?;
    let row = of_workspace(&mut tx, viewer, id).await?;
    standing(&mut tx, state, viewer, roles.include(Role::Checker), &row)
        .await?
        .map_err(|reason| AppError::told(UiErrorKind::NotAllowed, reason))?;
    let lapses_at = now + keys::life::WAITS;
    let open = row.outcome.as_deref() == Some("approved")
        && row.kind == "new_key"
        && keys::four_eyes::taken_back(&mut tx, state, &row, lapses_at).await?
        && store::reopen(&mut tx, &row.workspace_id, id, lapses_at).await?;
    if !open {
        return Err(AppError::told(
            UiErrorKind::Conflict,
            "This can't be taken back any more: the secret was made, or it was not approved.",
        ));
    }
    let detail = json!({ "approval": id, "kind": row.kind, "title": row.title });
    audit::record(
        &mut tx,
        &viewer.entry("approval.taken_back", &row.subject_id, detail),
        now,
    )
    .await?;
    let notice = Notice {
        kind: Kind::Approvals,
        workspace_id: Some(&row.workspace_id),
        subject: format!(
            "{} took the approval of \u{201c}{}\u{201d} back",
            viewer.name, row.title
        ),
        text: "It waits for a decision again. No secret was made.".to_owned(),
        action: "See the request",
        path: format!("/approvals/{id}"),
    };
    notices::tell(&mut tx, state, &row.requested_by, &notice).await?;
    tx.commit().await?;
    Ok(())
}

/// Reminds the checkers of one's own request, once a day at most.
pub async fn remind(state: &AppState, viewer: &Viewer, id: &str) -> Result<(), AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    workspaces::ops::roles_now(&mut tx, state, viewer.workspace_id(), &viewer.user_id).await?;
    let row = of_workspace(&mut tx, viewer, id).await?;
    if !policy::may_read(viewer, &row) {
        return Err(AppError::not_found());
    }
    if row.requested_by != viewer.user_id {
        return Err(AppError::told(
            UiErrorKind::NotAllowed,
            "Only who asked can remind.",
        ));
    }
    if let Some(error) = ended(&row, now) {
        return Err(error);
    }
    if !store::set_reminded(&mut tx, &row.workspace_id, id, now - REMINDED_EVERY, now).await? {
        return Err(AppError::told(
            UiErrorKind::Conflict,
            "They were reminded within a day. Wait until tomorrow.",
        ));
    }
    let detail = json!({ "approval": id, "kind": row.kind, "title": row.title });
    audit::record(
        &mut tx,
        &viewer.entry("approval.reminded", &row.subject_id, detail),
        now,
    )
    .await?;
    remind_checkers(&mut tx, state, &row).await?;
    tx.commit().await?;
    Ok(())
}

async fn remind_checkers(tx: &mut Tx, state: &AppState, row: &ApprovalRow) -> Result<(), AppError> {
    let notice = Notice {
        kind: Kind::Approvals,
        workspace_id: Some(&row.workspace_id),
        subject: format!("\u{201c}{}\u{201d} still waits for a decision", row.title),
        text: format!(
            "{} asked {}. It lapses {}.",
            row.maker.as_deref().unwrap_or("Somebody"),
            time::relative(row.requested_at, state.clock.now(), "UTC"),
            time::absolute(row.lapses_at, "UTC")
        ),
        action: "See the request",
        path: format!("/approvals/{}", row.id),
    };
    tell_checkers(tx, state, &row.workspace_id, &[&row.requested_by], &notice).await
}

/// What stands, as a request to loosen it notes.
pub fn basis_of(settings: &Settings) -> String {
    json!(settings).to_string()
}

/// Outcome of asking for other rules.
pub enum PolicyChange {
    InForce,
    /// It loosens them, so it waits; this is the request.
    Waits(String),
}

/// What the proof of other rules is bound to.
pub fn policy_content(settings: &Settings) -> Value {
    json!({ "approval": settings })
}

/// Refuses rules below what the profile asks of every workspace.
pub fn allowed(profile: &Profile, after: &Settings) -> Result<(), AppError> {
    if after.keys < profile.approval.least {
        return Err(AppError::field(
            "keys",
            format!("{} asks for more than that.", profile.name),
        ));
    }
    Ok(())
}

/// Changes what the workspace asks four eyes for. Loosening it is itself subject to them, where the rules say so and
/// somebody is there who could agree.
pub async fn change_policy(
    state: &AppState,
    viewer: &Viewer,
    after: &Settings,
    proof: Proof,
) -> Result<PolicyChange, AppError> {
    let workspace_id = viewer.workspace_id();
    let mut tx = state.db.begin().await?;
    workspaces::ops::still_manages(&mut tx, state, viewer).await?;
    proof
        .consume(
            &mut tx,
            state,
            viewer,
            Action::ChangeWorkspace,
            &policy_content(after),
        )
        .await?;
    allowed(&state.profile, after)?;
    let before = settings::of(&mut tx, &state.profile, workspace_id).await?;
    if before == *after {
        return Ok(PolicyChange::InForce);
    }
    let waits = before.policy
        && before.is_loosened_by(after)
        && workspaces::ops::another_checker(&mut tx, state, workspace_id, &viewer.user_id).await?;
    let outcome = if waits {
        let asked = Asked::LoosenPolicy {
            before,
            after: *after,
        };
        let id = request::ask(
            &mut tx,
            state,
            viewer,
            request::Request {
                workspace_id,
                subject_id: workspace_id,
                asked: &asked,
                basis: &basis_of(&before),
                risk: crate::ui::statement::Risk::High,
                follows: None,
            },
        )
        .await?;
        PolicyChange::Waits(id)
    } else {
        request::void_about(
            &mut tx,
            state,
            workspace_id,
            workspace_id,
            &viewer.user_id,
            "The rules were changed meanwhile.",
        )
        .await?;
        set_policy(
            &mut tx,
            state,
            workspace_id,
            &viewer.user_id,
            &before,
            after,
        )
        .await?;
        PolicyChange::InForce
    };
    tx.commit().await?;
    Ok(outcome)
}

async fn set_policy(
    tx: &mut Tx,
    state: &AppState,
    workspace_id: &str,
    actor: &str,
    before: &Settings,
    after: &Settings,
) -> Result<(), AppError> {
    store::set_settings(tx, workspace_id, after).await?;
    let entry = audit::Entry {
        chain: workspace_id.to_owned(),
        actor: actor.to_owned(),
        action: "workspace.approval_changed",
        target: workspace_id.to_owned(),
        detail: json!({ "before": before, "after": after }),
    };
    audit::record(tx, &entry, state.clock.now()).await?;
    Ok(())
}

/// Ends what nobody decided in time, and reminds checkers of what is about to lapse. Called by the housekeeper.
pub async fn upkeep(state: &AppState) -> Result<(), AppError> {
    /// Requests looked at in one go; the rest follow in the next.
    const BATCH: i64 = 200;

    let now = state.clock.now();
    let (lapsed, soon) = {
        let mut reader = state.db.read().await?;
        (
            store::lapsed(&mut reader, now, BATCH).await?,
            store::about_to_lapse(&mut reader, now, now + DAY, now - DAY, BATCH).await?,
        )
    };
    for row in lapsed {
        let mut tx = state.db.begin().await?;
        tx.serialise(&format!("workspace:{}", row.workspace_id))
            .await?;
        let end = End {
            outcome: "lapsed",
            by: None,
            reason: None,
            own: false,
        };
        if !store::end(&mut tx, &row.workspace_id, &row.id, end, now).await? {
            continue;
        }
        if row.kind == "new_key" {
            keys::four_eyes::lapsed(&mut tx, state, &row.workspace_id, &row.subject_id).await?;
        }
        let entry = audit::Entry {
            chain: row.workspace_id.clone(),
            actor: audit::ITSELF.to_owned(),
            action: "approval.lapsed",
            target: row.subject_id.clone(),
            detail: json!({ "approval": row.id, "kind": row.kind, "title": row.title }),
        };
        audit::record(&mut tx, &entry, now).await?;
        let notice = Notice {
            kind: Kind::Approvals,
            workspace_id: Some(&row.workspace_id),
            subject: format!("Nobody decided about \u{201c}{}\u{201d}", row.title),
            text: "Your request lapsed after 7 days. You can send it again.".to_owned(),
            action: "See the request",
            path: format!("/approvals/{}", row.id),
        };
        notices::tell(&mut tx, state, &row.requested_by, &notice).await?;
        tx.commit().await?;
    }
    for row in soon {
        let mut tx = state.db.begin().await?;
        if store::set_reminded(&mut tx, &row.workspace_id, &row.id, now - DAY, now).await? {
            let entry = audit::Entry {
                chain: row.workspace_id.clone(),
                actor: audit::ITSELF.to_owned(),
                action: "approval.reminded",
                target: row.subject_id.clone(),
                detail: json!({ "approval": row.id, "kind": row.kind, "title": row.title }),
            };
            audit::record(&mut tx, &entry, now).await?;
            remind_checkers(&mut tx, state, &row).await?;
            tx.commit().await?;
        }
    }
    Ok(())
}
