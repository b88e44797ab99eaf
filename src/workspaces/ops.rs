//! What is done with workspaces, members and invitations: one function per operation, one transaction each.
//!
//! What is decided about members of a workspace is decided one at a time, from roles that are read within the
//! transaction: who lost theirs a moment ago acts with what is left.

use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{
    Grants, Role, Roles,
    policy::{self, Actor},
    store::{self, InvitationRow, NewInvitation, Space, TransferRow},
    view::{self, Member, grants},
};
use crate::{
    accounts::{
        self, Viewer, links,
        step_up::{Action, Proof},
    },
    approvals::{
        asked::Asked,
        request::{self, Request},
        settings,
        store::ApprovalRow,
    },
    audit,
    db::Tx,
    error::UiErrorKind,
    keys,
    mail::{self, Letter},
    notices::{self, Kind, Notice},
    server::{
        clock::{HOUR, Millis, is_id},
        error::AppError,
        state::AppState,
    },
    ui::{statement::Risk, time},
    webhooks::outbox::{self, EventType},
};

/// Makes a workspace that the viewer owns. Gives its id.
pub async fn create(state: &AppState, viewer: &Viewer, name: &str) -> Result<String, AppError> {
    let name = policy::name(name).map_err(|wrong| AppError::field("name", wrong))?;
    let now = state.clock.now();
    let id = state.rng.id("wsp", now);
    let mut tx = state.db.begin().await?;
    tx.serialise(&format!("owner:{}", viewer.user_id)).await?;
    if store::owned(&mut tx, &viewer.user_id).await? >= policy::MAX_OWNED {
        return Err(AppError::field(
            "name",
            format!(
                "You own {} workspaces, which is the most. Hand one over first.",
                policy::MAX_OWNED
            ),
        ));
    }
    store::insert(&mut tx, &id, &name, now).await?;
    let grants = Grants::of(&[Role::Owner]);
    store::add_member(&mut tx, &id, &viewer.user_id, &grants, now).await?;
    let detail = json!({ "name": name, "owner": viewer.user_id });
    let entry = entry(&id, viewer, "workspace.created", &id, detail);
    audit::record(&mut tx, &entry, now).await?;
    tx.commit().await?;
    Ok(id)
}

/// What a proof for an invitation is bound to.
pub fn invite_content(email: &str, grants: &Grants) -> Value {
    json!({ "email": email, "roles": grants.to_string() })
}

/// Outcome of inviting somebody.
pub enum Invited {
    /// The link, which is not kept.
    Link(Zeroizing<String>),
    /// It would make a checker, so a checker has to agree first; this is the request.
    Waits(String),
}

/// Who invites: still somebody who may when the letter leaves.
struct Inviter<'a> {
    id: &'a str,
    name: &'a str,
    email: &'a str,
    roles: &'a Roles,
}

/// Invites the holder of an address, in place of what waited for it.
pub async fn invite(
    state: &AppState,
    viewer: &Viewer,
    email: &str,
    grants: &Grants,
    proof: Proof,
) -> Result<Invited, AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    let space = serial(&mut tx, viewer.workspace_id()).await?;
    let content = invite_content(email, grants);
    proof
        .consume(&mut tx, state, viewer, Action::Invite, &content)
        .await?;
    let folded = accounts::store::folded(email);
    if folded == accounts::store::folded(&viewer.email) {
        return Err(AppError::field("email", "That is your own address."));
    }
    let roles = acting_roles(&mut tx, state, viewer).await?;
    let inviter = Inviter {
        id: &viewer.user_id,
        name: &viewer.name,
        email: &viewer.email,
        roles: &roles,
    };
    if grants.get(Role::Checker).is_some()
        && four_eyes_on_roles(&mut tx, state, &space.id, &viewer.user_id).await?
    {
        invitable(&mut tx, &space, &inviter, email, grants).await?;
        let asked = Asked::Invite {
            email: folded.clone(),
            roles: grants.to_string(),
        };
        // Of several who are asked for at once, each address is a request of its own, by nothing but its hash.
        let subject = format!(
            "{}:{}",
            space.id,
            hex::encode(&state.peppers.hash(folded.as_bytes())[..8])
        );
        let request = ask_for_checker(&space.id, &subject, &asked, "");
        let id = request::ask(&mut tx, state, viewer, request).await?;
        tx.commit().await?;
        return Ok(Invited::Waits(id));
    }
    let replaced = store::withdraw_invitations_to(&mut tx, &space.id, &folded, now).await?;
    let (id, link) = issue(&mut tx, state, &inviter, &space, email, grants).await?;
    let detail = json!({ "roles": grants.to_string(), "replaced": replaced });
    audit::record(&mut tx, &viewer.entry("member.invited", &id, detail), now).await?;
    tx.commit().await?;
    Ok(Invited::Link(link))
}

fn ask_for_checker<'a>(
    workspace_id: &'a str,
    subject_id: &'a str,
    asked: &'a Asked,
    basis: &'a str,
) -> Request<'a> {
    Request {
        workspace_id,
        subject_id,
        asked,
        basis,
        risk: Risk::High,
        follows: None,
    }
}

/// Whether making somebody a checker waits for one: the workspace wants it so, and one is there who could agree.
async fn four_eyes_on_roles(
    tx: &mut Tx,
    state: &AppState,
    workspace_id: &str,
    asks: &str,
) -> Result<bool, AppError> {
    let rules = settings::of(tx, &state.profile, workspace_id).await?;
    Ok(rules.roles && another_checker(tx, state, workspace_id, asks).await?)
}

/// Whether the workspace has a checker besides this person.
pub async fn another_checker(
    tx: &mut Tx,
    state: &AppState,
    workspace_id: &str,
    except: &str,
) -> Result<bool, AppError> {
    let now = state.clock.now();
    let members = view::members(tx, workspace_id).await?;
    Ok(members
        .iter()
        .any(|member| member.id != except && member.grants.at(now).include(Role::Checker)))
}

/// Whether to give the member these roles would leave nobody who could disagree when the viewer loosens the rules, though
/// the rules ask for a second person then. Who acts as operator is no member, and loosens nothing alone.
async fn keeps_the_second_person(
    tx: &mut Tx,
    state: &AppState,
    viewer: &Viewer,
    member: &Member,
    after: &Grants,
) -> Result<bool, AppError> {
    let now = state.clock.now();
    let loses = member.grants.at(now).include(Role::Checker)
        && policy::makes_checker(after, &member.grants);
    if !loses || member.id == viewer.user_id || viewer.acting.is_some() {
        return Ok(false);
    }
    let workspace_id = viewer.workspace_id();
    let rules = settings::of(tx, &state.profile, workspace_id).await?;
    let others = view::members(tx, workspace_id).await?;
    let another = others
        .iter()
        .filter(|other| other.id != viewer.user_id && other.id != member.id)
        .any(|other| other.grants.at(now).include(Role::Checker));
    Ok(rules.policy && !another)
}

/// Sends an invitation that a checker has agreed to, if who asked for it may still invite. The inner error says what has
/// changed.
pub async fn send_agreed(
    tx: &mut Tx,
    state: &AppState,
    row: &ApprovalRow,
    email: &str,
    roles: &str,
) -> Result<Result<(), &'static str>, AppError> {
    let now = state.clock.now();
    let space = serial(tx, &row.workspace_id).await?;
    let held = held_by(tx, state, &space.id, &row.requested_by).await?;
    let Some(user) = accounts::store::by_id(tx, &row.requested_by).await? else {
        return Ok(Err(NOT_THEIRS));
    };
    let grants = grants(roles)?;
    if policy::invite(
        Actor {
            user_id: &user.id,
            roles: &held,
        },
        &grants,
    )
    .is_err()
        || !policy::any_left(&grants, now)
        || space.suspended_at.is_some()
    {
        return Ok(Err(NOT_THEIRS));
    }
    let inviter = Inviter {
        id: &user.id,
        name: &user.name,
        email: &user.email,
        roles: &held,
    };
    match invitable(tx, &space, &inviter, email, &grants).await {
        Ok(()) => {}
        Err(AppError::Told(_)) => {
            return Ok(Err(
                "The person joined meanwhile; change their roles on the members page.",
            ));
        }
        Err(error) => return Err(error),
    }
    let folded = accounts::store::folded(email);
    let replaced = store::withdraw_invitations_to(tx, &space.id, &folded, now).await?;
    let (id, _) = issue(tx, state, &inviter, &space, email, &grants).await?;
    let entry = audit::Entry {
        chain: space.id,
        actor: user.id,
        action: "member.invited",
        target: id,
        detail: json!({ "roles": roles, "replaced": replaced, "approval": row.id }),
    };
    audit::record(tx, &entry, now).await?;
    Ok(Ok(()))
}

pub const NOT_THEIRS: &str = "Who asked for it may not do that any more.";

/// What a member holds at this moment; nothing if they are none.
async fn held_by(
    tx: &mut Tx,
    state: &AppState,
    workspace_id: &str,
    user_id: &str,
) -> Result<Roles, AppError> {
    match store::member(tx, workspace_id, user_id).await? {
        Some(row) => Ok(grants(&row.roles)?.at(state.clock.now())),
        None => Ok(Roles::default()),
    }
}

/// What a proof for a new link is bound to.
pub fn renew_content(id: &str) -> Value {
    json!({ "renew": id })
}

/// Sends an invitation again, with a new link and for another week; the old link works no more.
pub async fn renew(
    state: &AppState,
    viewer: &Viewer,
    id: &str,
    proof: Proof,
) -> Result<(String, Zeroizing<String>), AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    let space = serial(&mut tx, viewer.workspace_id()).await?;
    let row = store::invitation(&mut tx, &space.id, id)
        .await?
        .ok_or_else(AppError::not_found)?;
    proof
        .consume(&mut tx, state, viewer, Action::Invite, &renew_content(id))
        .await?;
    let grants = grants(&row.roles)?;
    if !policy::any_left(&grants, now) {
        return Err(AppError::told(
            UiErrorKind::Conflict,
            "The roles of this invitation have ended meanwhile. Withdraw it and invite anew.",
        ));
    }
    // What a checker agreed to was for a week, and what nobody agreed to is not made good by another letter.
    if grants.get(Role::Checker).is_some()
        && four_eyes_on_roles(&mut tx, state, &space.id, &viewer.user_id).await?
    {
        return Err(AppError::told(
            UiErrorKind::Conflict,
            "A checker has to agree to a new checker. Withdraw this invitation and invite anew.",
        ));
    }
    store::withdraw_invitation(&mut tx, &space.id, id, now).await?;
    let roles = acting_roles(&mut tx, state, viewer).await?;
    let inviter = Inviter {
        id: &viewer.user_id,
        name: &viewer.name,
        email: &viewer.email,
        roles: &roles,
    };
    let (new_id, link) = issue(&mut tx, state, &inviter, &space, &row.email, &grants).await?;
    let detail = json!({ "roles": row.roles, "before": id });
    audit::record(
        &mut tx,
        &viewer.entry("invitation.renewed", &new_id, detail),
        now,
    )
    .await?;
    tx.commit().await?;
    Ok((row.email, link))
}

/// Makes an invitation and mails it, within the bounds of its workspace. Gives its id and link.
async fn issue(
    tx: &mut Tx,
    state: &AppState,
    inviter: &Inviter<'_>,
    space: &Space,
    email: &str,
    grants: &Grants,
) -> Result<(String, Zeroizing<String>), AppError> {
    let now = state.clock.now();
    invitable(tx, space, inviter, email, grants).await?;
    let folded = accounts::store::folded(email);
    if store::open_invitations(tx, &space.id, now).await? >= policy::MAX_OPEN {
        return Err(AppError::field(
            "email",
            format!(
                "{} invitations wait, which is the most. Withdraw one first.",
                policy::MAX_OPEN
            ),
        ));
    }
    let (sent, first) = store::sent_since(tx, &space.id, now - HOUR).await?;
    if sent >= policy::MAX_SENT_PER_HOUR {
        let wait = first.unwrap_or(now) + HOUR - now;
        return Err(AppError::TooMany((wait / 1000).max(1)));
    }
    let (token, token_hash) = links::new_token(state);
    let id = state.rng.id("inv", now);
    let expires_at = now + policy::INVITATION_LASTS;
    store::insert_invitation(
        tx,
        NewInvitation {
            id: &id,
            workspace_id: &space.id,
            email,
            email_folded: &folded,
            roles: grants,
            token_hash,
            invited_by: inviter.id,
            expires_at,
        },
        now,
    )
    .await?;
    let link = Zeroizing::new(format!("{}/join?token={}", state.config.public_url, *token));
    let user = accounts::store::by_email(tx, email).await?;
    let letter = Letter {
        to: email.to_owned(),
        user_id: user.map(|user| user.id),
        subject: format!(
            "{} invited you to {} on {}",
            inviter.name, space.name, state.profile.name
        ),
        text: vec![format!(
            "{} ({}) invited you to the workspace \u{201c}{}\u{201d} on {}, as {}.",
            inviter.name,
            inviter.email,
            space.name,
            state.profile.name,
            policy::in_words(grants)
        )],
        button: Some(("See the invitation".to_owned(), link.to_string())),
        after: vec![
            format!(
                "The link works once, for this address alone, until {}.",
                time::absolute(expires_at, "UTC")
            ),
            "If you don't know them, leave it: nothing happens without you.".to_owned(),
        ],
    };
    mail::post(tx, state, &letter).await?;
    Ok((id, link))
}

/// Whether this address can be invited to these roles.
async fn invitable(
    tx: &mut Tx,
    space: &Space,
    inviter: &Inviter<'_>,
    email: &str,
    grants: &Grants,
) -> Result<(), AppError> {
    if space.suspended_at.is_some() {
        return Err(AppError::told(
            UiErrorKind::NotAllowed,
            "This workspace is suspended; nobody can be invited to it.",
        ));
    }
    let actor = Actor {
        user_id: inviter.id,
        roles: inviter.roles,
    };
    policy::invite(actor, grants).map_err(|reason| AppError::field("roles", reason))?;
    let folded = accounts::store::folded(email);
    if let Some(member) = store::member_by_email(tx, &space.id, &folded).await? {
        return Err(AppError::field(
            "email",
            format!(
                "{} is a member already. Change their roles on the members page.",
                member.name
            ),
        ));
    }
    Ok(())
}

/// Takes an invitation back.
pub async fn withdraw(state: &AppState, viewer: &Viewer, id: &str) -> Result<(), AppError> {
    if !is_id(id, "inv") {
        return Err(AppError::not_found());
    }
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    let space = serial(&mut tx, viewer.workspace_id()).await?;
    still_admin(&mut tx, state, viewer).await?;
    if !store::withdraw_invitation(&mut tx, &space.id, id, now).await? {
        return Err(AppError::not_found());
    }
    let entry = viewer.entry("invitation.withdrawn", id, json!({}));
    audit::record(&mut tx, &entry, now).await?;
    tx.commit().await?;
    Ok(())
}

/// What everybody is told whose link works no more, or never did.
pub fn unusable() -> AppError {
    AppError::told(
        UiErrorKind::NotFound,
        "This invitation can't be used: it was used, taken back or has expired. Ask for a new one.",
    )
}

/// The invitation of a token and the workspace that it leads to, without using it.
pub async fn invitation_of(
    state: &AppState,
    token: &str,
) -> Result<(InvitationRow, Space), AppError> {
    let now = state.clock.now();
    let mut reader = state.db.read().await?;
    let row = store::invitation_by_token(&mut reader, links::hash(state, token), now)
        .await?
        .ok_or_else(unusable)?;
    if !policy::any_left(&grants(&row.roles)?, now) {
        return Err(unusable());
    }
    let space = store::find(&mut reader, &row.workspace_id)
        .await?
        .ok_or_else(unusable)?;
    Ok((row, space))
}

/// Makes the viewer a member by an invitation that was sent to their address. Gives the workspace.
pub async fn join(state: &AppState, viewer: &Viewer, token: &str) -> Result<String, AppError> {
    let (row, space) = invitation_of(state, token).await?;
    if row.email_folded != accounts::store::folded(&viewer.email) {
        return Err(AppError::told(
            UiErrorKind::NotAllowed,
            "This invitation was sent to another address. Sign in with the account that has it.",
        ));
    }
    if space.suspended_at.is_some() {
        return Err(AppError::told(
            UiErrorKind::NotAllowed,
            "This workspace is suspended; nobody can join it now.",
        ));
    }
    let now = state.clock.now();
    let grants = grants(&row.roles)?;
    let mut tx = state.db.begin().await?;
    serial(&mut tx, &space.id).await?;
    if !store::take_invitation(&mut tx, &space.id, &row.id, now).await? {
        return Err(unusable());
    }
    match store::member(&mut tx, &space.id, &viewer.user_id).await? {
        Some(member) => {
            let both = policy::merged(&view::grants(&member.roles)?, &grants);
            store::set_roles(&mut tx, &space.id, &viewer.user_id, &member.roles, &both).await?;
        }
        None => store::add_member(&mut tx, &space.id, &viewer.user_id, &grants, now).await?,
    }
    let detail = json!({ "roles": row.roles, "invitation": row.id });
    let entry = entry(&space.id, viewer, "member.added", &viewer.user_id, detail);
    audit::record(&mut tx, &entry, now).await?;
    let event = json!({ "user_id": viewer.user_id, "roles": row.roles });
    outbox::enqueue(
        &mut tx,
        &state.rng,
        &space.id,
        None,
        EventType::MemberAdded,
        &event,
        now,
    )
    .await?;
    let notice = Notice {
        kind: Kind::Membership,
        workspace_id: Some(&space.id),
        subject: format!("{} joined {}", viewer.name, space.name),
        text: format!(
            "{} accepted your invitation to the workspace \u{201c}{}\u{201d}, as {}.",
            viewer.name,
            space.name,
            policy::in_words(&grants)
        ),
        action: "See the members",
        path: "/members".to_owned(),
    };
    notices::tell(&mut tx, state, &row.invited_by, &notice).await?;
    tx.commit().await?;
    Ok(space.id)
}

/// What a proof for other roles is bound to: also the roles that were shown when it was given.
pub fn change_content(id: &str, was: &str, grants: &Grants) -> Value {
    json!({ "member": id, "was": was, "roles": grants.to_string() })
}

/// Gives a member other roles, from their next request on. `was`: the stored roles that the form showed. Gives the request,
/// if it makes a checker and waits for one to agree.
pub async fn change_roles(
    state: &AppState,
    viewer: &Viewer,
    id: &str,
    was: &str,
    after: &Grants,
    proof: Proof,
) -> Result<Option<String>, AppError> {
    let mut tx = state.db.begin().await?;
    let space = serial(&mut tx, viewer.workspace_id()).await?;
    let member = view::member(&mut tx, &space.id, id).await?;
    let content = change_content(id, was, after);
    proof
        .consume(&mut tx, state, viewer, Action::ChangeMember, &content)
        .await?;
    let roles = acting_roles(&mut tx, state, viewer).await?;
    let owners = view::other_owners(&mut tx, &space.id, id).await?;
    if member.stored != was {
        return Err(changed());
    }
    policy::change(
        actor(viewer, &roles),
        id,
        &member.grants,
        after,
        !owners.is_empty(),
    )
    .map_err(|reason| AppError::field("roles", reason))?;
    if member.grants == *after {
        return Err(AppError::field(
            "roles",
            "These are the roles they have now.",
        ));
    }
    if keeps_the_second_person(&mut tx, state, viewer, &member, after).await? {
        return Err(AppError::field("roles", policy::LAST_OTHER_CHECKER));
    }
    if policy::makes_checker(&member.grants, after)
        && four_eyes_on_roles(&mut tx, state, &space.id, &viewer.user_id).await?
    {
        let asked = Asked::GiveRole {
            was: was.to_owned(),
            roles: after.to_string(),
        };
        let request = ask_for_checker(&space.id, id, &asked, was);
        let request = request::ask(&mut tx, state, viewer, request).await?;
        tx.commit().await?;
        return Ok(Some(request));
    }
    let by = (viewer.user_id.as_str(), viewer.name.as_str());
    put_roles(&mut tx, state, &space, &member, after, by).await?;
    tx.commit().await?;
    Ok(None)
}

/// Gives a member the roles that a checker has agreed to, if who asked for it may still do that. The inner error says what
/// has changed.
pub async fn give_role(
    tx: &mut Tx,
    state: &AppState,
    row: &ApprovalRow,
    was: &str,
    roles: &str,
) -> Result<Result<(), &'static str>, AppError> {
    let space = serial(tx, &row.workspace_id).await?;
    let held = held_by(tx, state, &space.id, &row.requested_by).await?;
    let asker = accounts::store::by_id(tx, &row.requested_by).await?;
    let member = store::member(tx, &space.id, &row.subject_id).await?;
    let (Some(asker), Some(_)) = (asker, member) else {
        return Ok(Err(NOT_THEIRS));
    };
    let member = view::member(tx, &space.id, &row.subject_id).await?;
    let after = grants(roles)?;
    if member.stored != was {
        return Ok(Err("The member\u{2019}s roles were changed meanwhile."));
    }
    let owners = view::other_owners(tx, &space.id, &member.id).await?;
    let actor = Actor {
        user_id: &asker.id,
        roles: &held,
    };
    if policy::change(
        actor,
        &member.id,
        &member.grants,
        &after,
        !owners.is_empty(),
    )
    .is_err()
    {
        return Ok(Err(NOT_THEIRS));
    }
    put_roles(tx, state, &space, &member, &after, (&asker.id, &asker.name)).await?;
    Ok(Ok(()))
}

/// Puts a member's other roles into force. `by`: id and name of who wanted it.
async fn put_roles(
    tx: &mut Tx,
    state: &AppState,
    space: &Space,
    member: &Member,
    after: &Grants,
    by: (&str, &str),
) -> Result<(), AppError> {
    let now = state.clock.now();
    let (id, was) = (member.id.as_str(), member.stored.as_str());
    if !store::set_roles(tx, &space.id, id, was, after).await? {
        return Err(changed());
    }
    // An invitation is worth what its sender may give.
    let (held, left) = (member.grants.at(now), after.at(now));
    let lost = |role| held.include(role) && !left.include(role);
    if lost(Role::Admin) {
        store::withdraw_invitations_by(tx, &space.id, id, false, now).await?;
    }
    if lost(Role::Owner) {
        store::withdraw_invitations_by(tx, &space.id, id, true, now).await?;
        store::end_transfers_of(tx, &space.id, id, now).await?;
    }
    let detail = json!({ "before": was, "after": after.to_string() });
    let entry = audit::Entry {
        chain: space.id.clone(),
        actor: by.0.to_owned(),
        action: "member.roles_changed",
        target: id.to_owned(),
        detail,
    };
    audit::record(tx, &entry, now).await?;
    if id != by.0 {
        let notice = Notice {
            kind: Kind::Membership,
            workspace_id: Some(&space.id),
            subject: format!("Your roles in {} changed", space.name),
            text: format!(
                "{} changed your roles in the workspace \u{201c}{}\u{201d} from {} to {}.",
                by.1,
                space.name,
                policy::in_words(&member.grants),
                policy::in_words(after)
            ),
            action: "See the members",
            path: "/members".to_owned(),
        };
        notices::tell(tx, state, id, &notice).await?;
    }
    Ok(())
}

fn changed() -> AppError {
    AppError::told(
        UiErrorKind::Conflict,
        "Someone changed this while you were editing; yours is kept below.",
    )
}

/// What a proof for a removal or for leaving is bound to.
pub fn remove_content(id: &str) -> Value {
    json!({ "member": id })
}

/// Removes a member. Their keys go to the viewer and keep working.
pub async fn remove(
    state: &AppState,
    viewer: &Viewer,
    id: &str,
    proof: Proof,
) -> Result<(), AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    let space = serial(&mut tx, viewer.workspace_id()).await?;
    let member = view::member(&mut tx, &space.id, id).await?;
    proof
        .consume(
            &mut tx,
            state,
            viewer,
            Action::RemoveMember,
            &remove_content(id),
        )
        .await?;
    let roles = acting_roles(&mut tx, state, viewer).await?;
    let owners = view::other_owners(&mut tx, &space.id, id).await?;
    policy::remove(
        actor(viewer, &roles),
        id,
        &member.grants,
        !owners.is_empty(),
    )
    .map_err(|reason| AppError::told(UiErrorKind::Conflict, reason))?;
    if keeps_the_second_person(&mut tx, state, viewer, &member, &Grants::default()).await? {
        return Err(AppError::told(
            UiErrorKind::Conflict,
            policy::LAST_OTHER_CHECKER,
        ));
    }
    // An operator who acts here is no member, and holds no key.
    let heir = match store::member(&mut tx, &space.id, &viewer.user_id).await? {
        Some(_) if viewer.acting.is_none() => Some(viewer.user_id.as_str()),
        _ => owners.first().map(|owner| owner.id.as_str()),
    };
    let keys = depart(&mut tx, &space, &member, heir, now).await?;
    let detail = json!({ "roles": member.stored, "keys": keys, "keys_to": heir });
    audit::record(&mut tx, &viewer.entry("member.removed", id, detail), now).await?;
    let notice = Notice {
        kind: Kind::Membership,
        workspace_id: Some(&space.id),
        subject: format!("You were removed from {}", space.name),
        text: format!(
            "{} removed you from the workspace \u{201c}{}\u{201d}. You see nothing of it any more; your keys there \
             stay with it.",
            viewer.name, space.name
        ),
        action: "Open the portal",
        path: "/dashboard".to_owned(),
    };
    notices::tell(&mut tx, state, id, &notice).await?;
    tx.commit().await?;
    Ok(())
}

/// Takes the viewer out of the workspace that they act in. Their keys go to an owner and keep working.
pub async fn leave(state: &AppState, viewer: &Viewer, proof: Proof) -> Result<(), AppError> {
    let now = state.clock.now();
    let id = viewer.user_id.as_str();
    let mut tx = state.db.begin().await?;
    let space = serial(&mut tx, viewer.workspace_id()).await?;
    let member = view::member(&mut tx, &space.id, id).await?;
    proof
        .consume(
            &mut tx,
            state,
            viewer,
            Action::RemoveMember,
            &remove_content(id),
        )
        .await?;
    let owners = view::other_owners(&mut tx, &space.id, id).await?;
    policy::leave(&member.grants, !owners.is_empty())
        .map_err(|reason| AppError::told(UiErrorKind::Conflict, reason))?;
    let heir = owners.first().map(|owner| owner.id.as_str());
    let keys = depart(&mut tx, &space, &member, heir, now).await?;
    let detail = json!({ "roles": member.stored, "keys": keys, "keys_to": heir });
    audit::record(&mut tx, &viewer.entry("member.left", id, detail), now).await?;
    if let Some(heir) = heir {
        let notice = Notice {
            kind: Kind::Membership,
            workspace_id: Some(&space.id),
            subject: format!("{} left {}", member.name, space.name),
            text: match keys {
                0 => format!(
                    "They were {} there and had no key.",
                    policy::in_words(&member.grants)
                ),
                _ => format!(
                    "{} of theirs {} yours now. They go on working; revoke what nobody needs.",
                    time::count(keys, "key", "keys"),
                    if keys == 1 { "is" } else { "are" }
                ),
            },
            action: "See the members",
            path: "/members".to_owned(),
        };
        notices::tell(&mut tx, state, heir, &notice).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Takes a member out with all that hangs on their membership. Gives how many keys went to the heir.
async fn depart(
    tx: &mut Tx,
    space: &Space,
    member: &Member,
    heir: Option<&str>,
    now: Millis,
) -> Result<u64, AppError> {
    let keys = keys::store::hand_over(tx, &space.id, &member.id, heir, now).await?;
    store::withdraw_invitations_by(tx, &space.id, &member.id, false, now).await?;
    store::end_transfers_of(tx, &space.id, &member.id, now).await?;
    if !store::remove_member(tx, &space.id, &member.id).await? {
        return Err(AppError::not_found());
    }
    Ok(u64::try_from(keys.len()).unwrap_or(u64::MAX))
}

/// Gives the workspace another name.
pub async fn rename(state: &AppState, viewer: &Viewer, name: &str) -> Result<(), AppError> {
    let name = policy::name(name).map_err(|wrong| AppError::field("name", wrong))?;
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    let space = serial(&mut tx, viewer.workspace_id()).await?;
    still_admin(&mut tx, state, viewer).await?;
    if space.name == name {
        return Ok(());
    }
    store::rename(&mut tx, &space.id, &name).await?;
    let detail = json!({ "before": space.name, "after": name });
    audit::record(
        &mut tx,
        &viewer.entry("workspace.renamed", &space.id, detail),
        now,
    )
    .await?;
    tx.commit().await?;
    Ok(())
}

/// What a proof for the demand of a second factor is bound to.
pub fn second_factor_content(required: bool) -> Value {
    json!({ "require_second_factor": required })
}

/// Demands a second factor of every member, or no longer. Members who lack one are told and led to set one up.
pub async fn require_second_factor(
    state: &AppState,
    viewer: &Viewer,
    required: bool,
    proof: Proof,
) -> Result<(), AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    let space = serial(&mut tx, viewer.workspace_id()).await?;
    still_admin(&mut tx, state, viewer).await?;
    let content = second_factor_content(required);
    proof
        .consume(&mut tx, state, viewer, Action::ChangeWorkspace, &content)
        .await?;
    let user = accounts::store::by_id(&mut tx, &viewer.user_id)
        .await?
        .ok_or_else(AppError::not_found)?;
    if required && user.totp + user.passkeys == 0 {
        return Err(AppError::told(
            UiErrorKind::Conflict,
            "Set up a second factor of your own first; you would lock yourself out.",
        ));
    }
    if space.require_second_factor == required {
        return Ok(());
    }
    store::set_require_second_factor(&mut tx, &space.id, required).await?;
    let detail = json!({ "required": required });
    audit::record(
        &mut tx,
        &viewer.entry("workspace.second_factor", &space.id, detail),
        now,
    )
    .await?;
    let members = view::members(&mut tx, &space.id).await?;
    for member in members
        .iter()
        .filter(|member| required && !member.second_factor)
    {
        let notice = Notice {
            kind: Kind::Membership,
            workspace_id: Some(&space.id),
            subject: format!("{} asks for a second factor", space.name),
            text: format!(
                "{} made a second factor a condition for members of the workspace \u{201c}{}\u{201d}. You have none \
                 yet; until you set one up you can do nothing there.",
                viewer.name, space.name
            ),
            action: "Set up a second factor",
            path: "/settings/security?enrol=1".to_owned(),
        };
        notices::tell(&mut tx, state, &member.id, &notice).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// What a proof for an offer of ownership is bound to.
pub fn offer_content(to: &str) -> Value {
    json!({ "to": to })
}

/// Offers a member the viewer's ownership. Nothing changes until they accept. Gives the offer's id.
pub async fn offer(
    state: &AppState,
    viewer: &Viewer,
    to: &str,
    proof: Proof,
) -> Result<String, AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    let space = serial(&mut tx, viewer.workspace_id()).await?;
    proof
        .consume(
            &mut tx,
            state,
            viewer,
            Action::OfferOwnership,
            &offer_content(to),
        )
        .await?;
    let from = view::member(&mut tx, &space.id, &viewer.user_id).await?;
    if !policy::is_owner(&from.grants) {
        return Err(AppError::told(
            UiErrorKind::NotAllowed,
            "Only an owner can hand a workspace over.",
        ));
    }
    let member = view::member(&mut tx, &space.id, to).await?;
    if policy::is_owner(&member.grants) {
        return Err(AppError::field("to", "They are an owner already."));
    }
    if store::open_transfer(&mut tx, &space.id, now)
        .await?
        .is_some()
    {
        return Err(AppError::told(
            UiErrorKind::Conflict,
            "The ownership is offered to somebody already. Withdraw that offer first.",
        ));
    }
    let id = state.rng.id("own", now);
    let expires_at = now + policy::OFFER_LASTS;
    let people = (viewer.user_id.as_str(), to);
    store::insert_transfer(&mut tx, &id, &space.id, people, now, expires_at).await?;
    let detail = json!({ "offer": id });
    audit::record(&mut tx, &viewer.entry("ownership.offered", to, detail), now).await?;
    let notice = Notice {
        kind: Kind::Membership,
        workspace_id: Some(&space.id),
        subject: format!("{} offers you the workspace {}", viewer.name, space.name),
        text: format!(
            "{} wants you to own the workspace \u{201c}{}\u{201d} in their place. Nothing changes until you accept; the \
             offer ends {}.",
            viewer.name,
            space.name,
            time::absolute(expires_at, "UTC")
        ),
        action: "See the offer",
        path: format!("/ownership/{id}"),
    };
    notices::tell(&mut tx, state, to, &notice).await?;
    tx.commit().await?;
    Ok(id)
}

/// An open offer that the viewer has made or was made.
pub async fn offer_of(
    state: &AppState,
    viewer: &Viewer,
    id: &str,
) -> Result<TransferRow, AppError> {
    if !is_id(id, "own") {
        return Err(AppError::not_found());
    }
    let mut reader = state.db.read().await?;
    store::transfer_of(&mut reader, &viewer.user_id, id, state.clock.now())
        .await?
        .ok_or_else(AppError::not_found)
}

/// What a proof for accepting an offer is bound to.
pub fn accept_content(offer: &TransferRow) -> Value {
    json!({ "offer": offer.id, "workspace": offer.workspace_id, "from": offer.from_user })
}

/// Takes the ownership that was offered: the viewer becomes owner, who offered it admin.
pub async fn accept(
    state: &AppState,
    viewer: &Viewer,
    offer: &TransferRow,
    proof: Proof,
) -> Result<(), AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    let space = serial(&mut tx, &offer.workspace_id).await?;
    proof
        .consume(
            &mut tx,
            state,
            viewer,
            Action::AcceptOwnership,
            &accept_content(offer),
        )
        .await?;
    if offer.to_user != viewer.user_id
        || offer.expires_at <= now
        || !store::end_transfer(&mut tx, &space.id, &offer.id, now).await?
    {
        return Err(AppError::not_found());
    }
    // Both are members, since an offer ends with the membership of either.
    let from = view::member(&mut tx, &space.id, &offer.from_user).await?;
    let to = view::member(&mut tx, &space.id, &viewer.user_id).await?;
    if !policy::is_owner(&from.grants) {
        return Err(AppError::not_found());
    }
    let (from_after, to_after) = policy::handed_over(&from.grants, &to.grants);
    let moved = store::set_roles(&mut tx, &space.id, &from.id, &from.stored, &from_after).await?
        && store::set_roles(&mut tx, &space.id, &to.id, &to.stored, &to_after).await?;
    if !moved {
        return Err(changed());
    }
    store::withdraw_invitations_by(&mut tx, &space.id, &from.id, true, now).await?;
    let detail = json!({ "offer": offer.id, "from": from.id });
    let entry = entry(
        &space.id,
        viewer,
        "ownership.accepted",
        &viewer.user_id,
        detail,
    );
    audit::record(&mut tx, &entry, now).await?;
    let notice = Notice {
        kind: Kind::Membership,
        workspace_id: Some(&space.id),
        subject: format!("{} owns {} now", viewer.name, space.name),
        text: format!(
            "{} accepted your offer. You are {} of the workspace \u{201c}{}\u{201d} from now on.",
            viewer.name,
            policy::in_words(&from_after),
            space.name
        ),
        action: "See the members",
        path: "/members".to_owned(),
    };
    notices::tell(&mut tx, state, &from.id, &notice).await?;
    tx.commit().await?;
    Ok(())
}

/// Ends an offer without its being accepted: the one side declines it, the other takes it back.
pub async fn end_offer(
    state: &AppState,
    viewer: &Viewer,
    offer: &TransferRow,
) -> Result<(), AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    if !store::end_transfer(&mut tx, &offer.workspace_id, &offer.id, now).await? {
        return Err(AppError::not_found());
    }
    let declined = offer.to_user == viewer.user_id;
    let (action, other) = if declined {
        ("ownership.declined", &offer.from_user)
    } else {
        ("ownership.withdrawn", &offer.to_user)
    };
    let detail = json!({ "offer": offer.id });
    let entry = entry(&offer.workspace_id, viewer, action, other, detail);
    audit::record(&mut tx, &entry, now).await?;
    let did = if declined {
        "declined the ownership of"
    } else {
        "took back the offer of"
    };
    let notice = Notice {
        kind: Kind::Membership,
        workspace_id: Some(&offer.workspace_id),
        subject: format!("{} {did} {}", viewer.name, offer.workspace),
        text: "Nothing changed: everybody has the roles that they had.".to_owned(),
        action: "See the members",
        path: "/members".to_owned(),
    };
    notices::tell(&mut tx, state, other, &notice).await?;
    tx.commit().await?;
    Ok(())
}

/// The workspace, with everything else that is decided about its members held back.
pub async fn serial(tx: &mut Tx, workspace_id: &str) -> Result<Space, AppError> {
    tx.serialise(&format!("workspace:{workspace_id}")).await?;
    store::find(tx, workspace_id)
        .await?
        .ok_or_else(AppError::not_found)
}

/// What a member may do at this moment, with everything that is decided about members held back; nothing if they are
/// none, or the workspace is suspended.
pub async fn roles_now(
    tx: &mut Tx,
    state: &AppState,
    workspace_id: &str,
    user_id: &str,
) -> Result<Roles, AppError> {
    let space = serial(tx, workspace_id).await?;
    match store::member(tx, workspace_id, user_id).await? {
        Some(row) if space.suspended_at.is_none() => Ok(grants(&row.roles)?.at(state.clock.now())),
        _ => Ok(Roles::default()),
    }
}

/// The roles with which the viewer acts, as they are at this moment.
async fn acting_roles(tx: &mut Tx, state: &AppState, viewer: &Viewer) -> Result<Roles, AppError> {
    let held = viewer.workspace.as_ref().map(|workspace| &workspace.roles);
    // An operator who acts in the workspace is no member of it, or acts with less than what they are as one.
    if let Some(roles) = held.filter(|roles| **roles == Roles::of_operator()) {
        return Ok(roles.clone());
    }
    match store::member(tx, viewer.workspace_id(), &viewer.user_id).await? {
        Some(row) => Ok(grants(&row.roles)?.at(state.clock.now())),
        None => Err(AppError::not_found()),
    }
}

/// Refuses who was an admin when they asked and is none any more.
pub async fn still_admin(tx: &mut Tx, state: &AppState, viewer: &Viewer) -> Result<(), AppError> {
    if acting_roles(tx, state, viewer).await?.include(Role::Admin) {
        Ok(())
    } else {
        Err(AppError::Told(accounts::viewer::not_allowed(&[
            Role::Admin,
        ])))
    }
}

/// Refuses who does not manage the workspace any more, and operators who act in it: what needs approval is not theirs to
/// say. Holds back all else that is decided in it.
pub async fn still_manages(tx: &mut Tx, state: &AppState, viewer: &Viewer) -> Result<(), AppError> {
    serial(tx, viewer.workspace_id()).await?;
    let roles = acting_roles(tx, state, viewer).await?;
    if roles.include(Role::Admin) && !roles.is_acting() {
        Ok(())
    } else {
        Err(AppError::Told(accounts::viewer::not_allowed(&[
            Role::Admin,
        ])))
    }
}

fn actor<'a>(viewer: &'a Viewer, roles: &'a Roles) -> Actor<'a> {
    Actor {
        user_id: &viewer.user_id,
        roles,
    }
}

/// An entry in the record of a workspace that the viewer does not act in, or not yet.
fn entry(
    chain: &str,
    viewer: &Viewer,
    action: &'static str,
    target: &str,
    detail: Value,
) -> audit::Entry {
    audit::Entry {
        chain: chain.to_owned(),
        actor: viewer.user_id.clone(),
        action,
        target: target.to_owned(),
        detail,
    }
}
