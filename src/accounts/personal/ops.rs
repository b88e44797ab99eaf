//! What a person can do with their own account: one function per operation, one transaction each.

use serde_json::{Value, json};

use super::{
    policy::{self, Fate, KeysChoice},
    store,
};
use crate::{
    accounts::{
        self, Factor, Viewer,
        sessions::{self, listed},
        step_up::{self, Action, Proof},
    },
    admin,
    approvals::asked::Asked,
    audit,
    db::{Reader, Tx},
    error::UiErrorKind,
    keys::{self, store::KeyRow},
    mail::{self, Letter},
    notices::{self, Kind, Notice},
    server::{clock::Millis, error::AppError, state::AppState},
    ui::time,
    workspaces::Grants,
};

/// What an erased person is called.
const NOBODY: &str = "Former member";

/// Audit entries in an export at most.
const MAX_ENTRIES: i64 = 10_000;

/// A person's place in one workspace, and what closing their account would do there.
pub struct Standing {
    pub workspace_id: String,
    pub workspace: String,
    pub grants: Grants,
    pub fate: Fate,
    /// Keys that it concerns: their own or, where the workspace is closed, all of it. None of them was ended.
    pub keys: Vec<KeyRow>,
}

impl Standing {
    /// How many of the keys work now.
    pub fn active_keys(&self, now: Millis) -> usize {
        self.keys
            .iter()
            .filter(|key| key.expires_at.is_none_or(|at| now < at))
            .count()
    }
}

/// Changes the name that others see.
pub async fn rename(state: &AppState, viewer: &Viewer, name: &str) -> Result<(), AppError> {
    let name = policy::name(name).map_err(|reason| AppError::field("name", reason))?;
    if name == viewer.name {
        return Ok(());
    }
    let mut tx = state.db.begin().await?;
    store::rename(&mut tx, &viewer.user_id, &name).await?;
    // The name itself stays out of the record, so that it can be erased.
    let entry = viewer.entry("account.renamed", &viewer.user_id, json!({}));
    audit::record(&mut tx, &entry, state.clock.now()).await?;
    tx.commit().await?;
    Ok(())
}

/// Everything that is kept about the viewer, as JSON; no secret is in it, nor the hash of one.
pub async fn export(
    state: &AppState,
    viewer: &Viewer,
    current: Option<[u8; 32]>,
    proof: Proof,
) -> Result<String, AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    proof
        .consume(&mut tx, state, viewer, Action::ExportData, &json!({}))
        .await?;
    let data = gather(&mut tx, &viewer.user_id, current, now).await?;
    let entry = viewer.entry("data.exported", &viewer.user_id, json!({}));
    audit::record(&mut tx, &entry, now).await?;
    tx.commit().await?;
    serde_json::to_string_pretty(&data)
        .map_err(|error| AppError::Internal(format!("an export: {error}")))
}

async fn gather(
    reader: &mut Reader,
    user_id: &str,
    current: Option<[u8; 32]>,
    now: Millis,
) -> Result<Value, AppError> {
    let profile = store::profile(reader, user_id)
        .await?
        .ok_or_else(AppError::not_found)?;
    let folded = accounts::store::folded(&profile.email);
    let at = time::machine;
    let maybe = |moment: Option<Millis>| moment.map(time::machine);
    let memberships: Vec<Value> = store::memberships(reader, user_id)
        .await?
        .into_iter()
        .map(|row| {
            json!({
                "workspace_id": row.workspace_id, "workspace": row.name, "roles": roles(&row.roles, now),
                "since": at(row.created_at),
            })
        })
        .collect();
    let sessions: Vec<Value> = listed(reader, user_id, current, now)
        .await?
        .into_iter()
        .map(|session| {
            json!({
                "browser": session.device, "address": session.address, "signed_in_at": at(session.signed_in_at),
                "last_seen_at": at(session.last_seen_at), "this_one": session.current,
            })
        })
        .collect();
    let devices: Vec<Value> = sessions::store::devices(reader, user_id)
        .await?
        .into_iter()
        .map(|(words, first, last)| {
            json!({ "browser": words, "first_seen_at": at(first), "last_seen_at": at(last) })
        })
        .collect();
    let passkeys: Vec<Value> = store::passkeys(reader, user_id)
        .await?
        .into_iter()
        .map(|(name, created, used)| {
            json!({ "name": name, "created_at": at(created), "last_used_at": maybe(used) })
        })
        .collect();
    let notices: Vec<Value> = store::notices(reader, user_id)
        .await?
        .into_iter()
        .map(|row| {
            json!({
                "kind": row.kind, "workspace_id": row.workspace_id, "subject": row.subject, "text": row.body,
                "created_at": at(row.created_at), "read_at": maybe(row.read_at),
            })
        })
        .collect();
    let notice_settings: Vec<Value> = store::notice_settings(reader, user_id)
        .await?
        .into_iter()
        .map(|(kind, mail, portal)| json!({ "kind": kind, "mail": mail, "portal": portal }))
        .collect();
    let keys: Vec<Value> = keys::store::of_owner(reader, user_id)
        .await?
        .into_iter()
        .map(|key| {
            json!({
                "id": key.id, "workspace_id": key.workspace_id, "environment": key.environment,
                "label": key.label, "state": key.state, "created_at": at(key.created_at),
                "expires_at": maybe(key.expires_at), "ended_at": maybe(key.ended_at),
            })
        })
        .collect();
    let invitation = |row: store::InvitationRow| {
        json!({
            "id": row.id, "workspace_id": row.workspace_id, "roles": roles(&row.roles, now),
            "created_at": at(row.created_at), "expires_at": at(row.expires_at),
            "accepted_at": maybe(row.accepted_at), "withdrawn_at": maybe(row.withdrawn_at),
        })
    };
    let sent: Vec<Value> = store::invitations_sent(reader, user_id)
        .await?
        .into_iter()
        .map(invitation)
        .collect();
    let received: Vec<Value> = store::invitations_received(reader, &folded)
        .await?
        .into_iter()
        .map(invitation)
        .collect();
    let approvals: Vec<Value> = store::approvals_asked(reader, user_id)
        .await?
        .into_iter()
        .map(|row| {
            json!({
                "id": row.id, "workspace_id": row.workspace_id, "kind": row.kind,
                "asked_at": at(row.requested_at), "outcome": row.outcome, "decided_at": maybe(row.decided_at),
            })
        })
        .collect();
    let addresses: Vec<Value> = store::address_changes(reader, user_id)
        .await?
        .into_iter()
        .map(|(email, created, ended)| {
            json!({ "email": email, "asked_at": at(created), "ended_at": maybe(ended) })
        })
        .collect();
    let entries: Vec<Value> = audit::store::by_actor(reader, user_id, MAX_ENTRIES)
        .await?
        .into_iter()
        .map(|entry| {
            json!({
                "record": entry.chain_id, "number": entry.seq, "at": at(entry.at), "action": entry.action,
                "target": entry.target,
                "detail": serde_json::from_str::<Value>(&entry.detail).unwrap_or_default(),
            })
        })
        .collect();
    Ok(json!({
        "made_at": at(now),
        "notes": [
            "Passwords, PINs, codes, passkeys and API keys are kept in a form that cannot be read back, and are left out.",
            format!("audit_entries holds the newest {MAX_ENTRIES} entries of what you did; older ones are left out."),
            "Addresses of people whom you invited are theirs, and are left out.",
        ],
        "profile": {
            "id": user_id, "email": profile.email, "name": profile.name,
            "created_at": at(profile.created_at), "operator": profile.operator,
        },
        "factors": {
            "pin": profile.pin, "authenticator": profile.totp,
            "recovery_codes_left": profile.recovery_codes_left, "passkeys": passkeys,
        },
        "memberships": memberships,
        "sessions": sessions,
        "devices": devices,
        "notices": notices,
        "notice_settings": notice_settings,
        "keys": keys,
        "invitations_sent": sent,
        "invitations_received": received,
        "approvals_asked": approvals,
        "address_changes": addresses,
        "audit_entries": entries,
    }))
}

/// Stored roles as a list of words, those that have not run out.
fn roles(stored: &str, now: Millis) -> Vec<&'static str> {
    let grants: Grants = stored.parse().unwrap_or_default();
    grants
        .list()
        .iter()
        .filter(|grant| grant.until.is_none_or(|until| now < until))
        .map(|grant| grant.role.as_str())
        .collect()
}

/// What closing the viewer's account would do, workspace by workspace.
pub async fn outlook(state: &AppState, user_id: &str) -> Result<Vec<Standing>, AppError> {
    let mut reader = state.db.read().await?;
    standings(&mut reader, user_id, state.clock.now()).await
}

async fn standings(
    reader: &mut Reader,
    user_id: &str,
    now: Millis,
) -> Result<Vec<Standing>, AppError> {
    let parse = |roles: &str| {
        roles
            .parse::<Grants>()
            .map_err(|error| AppError::Internal(format!("stored roles: {error}")))
    };
    let mut standings = Vec::new();
    for row in store::memberships(reader, user_id).await? {
        let members = store::members(reader, &row.workspace_id)
            .await?
            .into_iter()
            .map(|(id, roles)| Ok((id, parse(&roles)?)))
            .collect::<Result<Vec<_>, AppError>>()?;
        let fate = policy::fate(user_id, &members, now);
        let owner = (fate != Fate::Closed).then_some(user_id);
        let keys = keys::store::not_ended(reader, &row.workspace_id, owner).await?;
        standings.push(Standing {
            grants: parse(&row.roles)?,
            workspace_id: row.workspace_id,
            workspace: row.name,
            fate,
            keys,
        });
    }
    Ok(standings)
}

/// Says which workspace has to be handed over first, if there is one.
pub fn refuse_if_blocked(standings: &[Standing]) -> Result<(), AppError> {
    match standings
        .iter()
        .find(|standing| standing.fate == Fate::Blocked)
    {
        None => Ok(()),
        Some(standing) => Err(AppError::told(
            UiErrorKind::Conflict,
            format!(
                "You are the last owner of \u{201c}{}\u{201d}, and others are members. Transfer it to one of them first.",
                standing.workspace
            ),
        )),
    }
}

/// Closes the viewer's account for good and erases what is kept about them. The record of what they did keeps their
/// id; whatever points at them finds a row without a name.
pub async fn close(
    state: &AppState,
    viewer: &Viewer,
    choice: KeysChoice,
    proof: Proof,
) -> Result<(), AppError> {
    let now = state.clock.now();
    let user_id = viewer.user_id.as_str();
    let mut tx = state.db.begin().await?;
    tx.serialise(&format!("account:{user_id}")).await?;
    let user = accounts::store::by_id(&mut tx, user_id)
        .await?
        .ok_or_else(AppError::not_found)?;
    proof
        .consume(&mut tx, state, viewer, Action::CloseAccount, &choice)
        .await?;
    // In the order of their ids, so that two who leave at once do not wait for each other.
    for row in store::memberships(&mut tx, user_id).await? {
        tx.serialise(&format!("workspace:{}", row.workspace_id))
            .await?;
    }
    let standings = standings(&mut tx, user_id, now).await?;
    refuse_if_blocked(&standings)?;
    for standing in &standings {
        leave(state, &mut tx, user_id, standing, choice).await?;
    }
    erase(state, &mut tx, &user).await?;
    let entry = audit::Entry {
        chain: audit::PLATFORM.to_owned(),
        actor: user_id.to_owned(),
        action: "account.closed",
        target: user_id.to_owned(),
        detail: json!({ "keys": choice, "workspaces": standings.len() }),
    };
    audit::record(&mut tx, &entry, now).await?;
    tx.commit().await?;
    Ok(())
}

async fn leave(
    state: &AppState,
    tx: &mut Tx,
    user_id: &str,
    standing: &Standing,
    choice: KeysChoice,
) -> Result<(), AppError> {
    let now = state.clock.now();
    let workspace_id = &standing.workspace_id;
    match (&standing.fate, choice) {
        (Fate::Left { heir }, KeysChoice::HandOver) => {
            for key in &standing.keys {
                keys::ops::hand_over(state, tx, key, heir.as_deref(), user_id).await?;
            }
            if let Some(heir) = heir.as_deref().filter(|_| !standing.keys.is_empty()) {
                notices::tell(tx, state, heir, &handed_over(standing)).await?;
            }
        }
        _ => {
            for key in &standing.keys {
                keys::ops::end(state, tx, key, user_id).await?;
            }
        }
    }
    store::remove_member(tx, workspace_id, user_id).await?;
    let mut entry = audit::Entry {
        chain: workspace_id.clone(),
        actor: user_id.to_owned(),
        action: "member.left",
        target: user_id.to_owned(),
        detail: json!({}),
    };
    audit::record(tx, &entry, now).await?;
    if standing.fate == Fate::Closed {
        store::close_workspace(tx, workspace_id, now).await?;
        entry.action = "workspace.closed";
        entry.target.clone_from(workspace_id);
        audit::record(tx, &entry, now).await?;
    }
    Ok(())
}

/// Says no name: it is about to be erased.
fn handed_over(standing: &Standing) -> Notice<'_> {
    let count = time::count(
        u64::try_from(standing.keys.len()).unwrap_or(0),
        "key",
        "keys",
    );
    Notice {
        kind: Kind::Membership,
        workspace_id: Some(&standing.workspace_id),
        subject: format!(
            "{count} in \u{201c}{}\u{201d} handed over to you",
            standing.workspace
        ),
        text: format!(
            "A member closed their account. You now own the {count} that they had in \u{201c}{}\u{201d}. They keep working; \
             look whether all of them are still needed.",
            standing.workspace
        ),
        action: "See the keys",
        path: "/keys".to_owned(),
    }
}

async fn erase(
    state: &AppState,
    tx: &mut Tx,
    user: &accounts::store::User,
) -> Result<(), AppError> {
    let now = state.clock.now();
    let folded = accounts::store::folded(&user.email);
    let erased = format!("closed-{}@erased.invalid", user.id);
    for (id, workspace_id) in store::withdraw_invitations(tx, &user.id, &folded, now).await? {
        let entry = audit::Entry {
            chain: workspace_id,
            actor: user.id.clone(),
            action: "invitation.withdrawn",
            target: id,
            detail: json!({}),
        };
        audit::record(tx, &entry, now).await?;
    }
    admin::ops::end_acts(tx, state, &user.id).await?;
    store::end_offers(tx, &user.id, now).await?;
    store::delete_rows(tx, &user.id).await?;
    for factor in Factor::ALL {
        accounts::store::forget_tries(tx, &step_up::subject(factor, &user.id)).await?;
    }
    store::erase_address(tx, &folded, &erased).await?;
    for (id, asked) in store::approvals_naming(tx, &folded).await? {
        if let Asked::Invite { email, roles } = Asked::parse(&asked)?
            && email == folded
        {
            let email = erased.clone();
            let asked = Asked::Invite { email, roles };
            store::reword_approval(tx, &id, &asked.title(), &asked.to_json()?, now).await?;
        }
    }
    for (id, subject, body) in store::notices_naming(tx, &user.id, &user.email, &user.name).await? {
        let reword = |text: &str| {
            let text = text.replace(&user.email, &erased);
            policy::without(&text, &user.name, NOBODY)
        };
        store::reword_notice(tx, &id, &reword(&subject), &reword(&body)).await?;
    }
    if !store::erase_user(tx, &user.id, &erased, NOBODY, now).await? {
        return Err(AppError::not_found());
    }
    let platform = &state.profile.name;
    let letter = Letter {
        to: user.email.clone(),
        user_id: None,
        subject: "Your account was closed".to_owned(),
        text: vec![
            format!(
                "Your {platform} account was closed at {}, as you asked.",
                time::absolute(now, "UTC")
            ),
            "Your name, address, factors, sessions and notices were erased. The record of what was done keeps an id \
             that says nothing about you."
                .to_owned(),
        ],
        button: None,
        after: vec![format!(
            "If you did not ask for this, tell whoever runs {platform} now."
        )],
    };
    mail::post(tx, state, &letter).await
}
