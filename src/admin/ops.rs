//! What operators do, from the machine and from their pages: one function per operation, one transaction each.

use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{
    store::{self, PersonRow, WorkspaceRow},
    tokens,
};
use crate::{
    accounts::{
        self, Viewer, factors,
        password::Typed,
        step_up::{Action, Proof},
    },
    audit::{self, CONSOLE, PLATFORM},
    db::{Constraint, DbError, Reader, Tx},
    error::UiErrorKind,
    notices::{self, Kind, Notice},
    server::{
        clock::{DAY, MINUTE, Millis, is_id},
        error::AppError,
        state::AppState,
    },
    workspaces::{self, Grants, Role},
};

/// How long an operator may act in a workspace before they have to say again why.
pub const ACT: Millis = 30 * MINUTE;

/// Said to operators who would reset themselves; one who holds another's session could shed what protects it.
pub const OWN_FACTORS: &str = "Another operator has to do that.";

/// Makes an account at the console. Gives its id.
pub async fn create_user(
    state: &AppState,
    email: &str,
    name: &str,
    password: &Typed,
    operator: bool,
) -> Result<String, AppError> {
    let email = accounts::policy::email("email", email)?;
    let name = accounts::policy::name("name", name)?;
    let password_hash = state.hasher.hash_given("password", password).await?;
    let now = state.clock.now();
    let id = state.rng.id("usr", now);
    let mut tx = state.db.begin().await?;
    let inserted = accounts::store::insert(
        &mut tx,
        accounts::store::NewUser {
            id: &id,
            email: &email,
            name: &name,
            password_hash: &password_hash,
            operator,
        },
        now,
    )
    .await;
    match inserted {
        Err(DbError::Violates(Constraint::UserEmail)) => {
            return Err(AppError::field(
                "email",
                "There is an account with this address already.",
            ));
        }
        other => other?,
    }
    let action = if operator {
        "operator.created"
    } else {
        "user.created"
    };
    audit::record(&mut tx, &entry(PLATFORM, action, &id, json!({})), now).await?;
    tx.commit().await?;
    Ok(id)
}

/// Makes a workspace; its owner holds every role that lets one person try everything. Gives its id.
pub async fn create_workspace(
    state: &AppState,
    name: &str,
    owner_email: &str,
) -> Result<String, AppError> {
    let name = accounts::policy::name("name", name)?;
    let now = state.clock.now();
    let id = state.rng.id("wsp", now);
    let mut tx = state.db.begin().await?;
    let owner = accounts::store::by_email(&mut tx, owner_email)
        .await?
        .ok_or_else(|| {
            AppError::field(
                "owner",
                "There is no account with this address; create it first.",
            )
        })?;
    workspaces::store::insert(&mut tx, &id, &name, now).await?;
    workspaces::store::add_member(&mut tx, &id, &owner.id, &Grants::of(&[Role::Owner]), now)
        .await?;
    let detail = json!({ "name": name, "owner": owner.id });
    audit::record(&mut tx, &entry(&id, "workspace.created", &id, detail), now).await?;
    tx.commit().await?;
    Ok(id)
}

/// Makes a service token. Gives its id and the token, which is not kept.
pub async fn create_service_token(
    state: &AppState,
    name: &str,
    expires_in_days: Option<u32>,
) -> Result<(String, Zeroizing<String>), AppError> {
    let name = accounts::policy::name("name", name)?;
    let now = state.clock.now();
    let id = state.rng.id("svc", now);
    let token = tokens::generate(&state.rng);
    let hash = state.peppers.hash(token.as_bytes());
    let mut tx = state.db.begin().await?;
    let expires_at = expires_in_days.map(|days| in_days(now, days));
    store::insert_token(&mut tx, &id, &name, hash, expires_at, now).await?;
    tx.key_changed(hash, now).await?;
    let detail = json!({ "name": name, "expires_at": expires_at });
    audit::record(
        &mut tx,
        &entry(PLATFORM, "service_token.created", &id, detail),
        now,
    )
    .await?;
    tx.commit().await?;
    Ok((id, token))
}

/// Revokes a service token; a running server refuses it within a second.
pub async fn revoke_service_token(state: &AppState, id: &str) -> Result<(), AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    let (name, hash) = store::revoke_token(&mut tx, id, now)
        .await?
        .ok_or_else(|| {
            AppError::field("id", "There is no such token, or it was revoked before.")
        })?;
    let hash = hash
        .as_slice()
        .try_into()
        .map_err(|_| AppError::Internal(format!("the fingerprint of {id} is damaged")))?;
    tx.key_changed(hash, now).await?;
    let detail = json!({ "name": name });
    audit::record(
        &mut tx,
        &entry(PLATFORM, "service_token.revoked", id, detail),
        now,
    )
    .await?;
    tx.commit().await?;
    Ok(())
}

/// Begins to act in a workspace, for [`ACT`]; an act that goes on elsewhere ends. Gives the id of the act.
pub async fn act(
    state: &AppState,
    viewer: &Viewer,
    workspace_id: &str,
    reason: &str,
    proof: Proof,
) -> Result<String, AppError> {
    let now = state.clock.now();
    let id = state.rng.id("act", now);
    let ends_at = now + ACT;
    let mut tx = state.db.begin().await?;
    let content = because(workspace_id, reason);
    proof
        .consume(&mut tx, state, viewer, Action::ActInWorkspace, &content)
        .await?;
    let mut entries = ended(&mut tx, state, &viewer.user_id).await?;
    let act = store::NewAct {
        id: &id,
        operator_id: &viewer.user_id,
        workspace_id,
        reason,
        ends_at,
    };
    store::insert_act(&mut tx, act, now).await?;
    entries.push(audit::Entry {
        chain: workspace_id.to_owned(),
        actor: viewer.user_id.clone(),
        action: "operator.acting_started",
        target: id.clone(),
        detail: json!({ "reason": reason, "ends_at": ends_at }),
    });
    entries.sort_by(|a, b| a.chain.cmp(&b.chain));
    for entry in &entries {
        audit::record(&mut tx, entry, now).await?;
    }
    let name = named(&mut tx, state, workspace_id).await?.name;
    let notice = Notice {
        kind: Kind::Operator,
        workspace_id: Some(workspace_id),
        subject: format!("An operator acts in {name}"),
        text: format!(
            "{} acts in {name} for up to 30 minutes. The reason given: \u{201c}{reason}\u{201d}. Secrets and approvals stay out \
             of reach, and the audit record shows what was done.",
            viewer.name
        ),
        action: "See what was done",
        path: "/audit".to_owned(),
    };
    tell_owners(&mut tx, state, workspace_id, &notice).await?;
    tx.commit().await?;
    Ok(id)
}

/// Ends the acts of an operator that go on, within the caller's transaction.
pub async fn end_acts(tx: &mut Tx, state: &AppState, operator_id: &str) -> Result<(), AppError> {
    let mut entries = ended(tx, state, operator_id).await?;
    entries.sort_by(|a, b| a.chain.cmp(&b.chain));
    for entry in &entries {
        audit::record(tx, entry, state.clock.now()).await?;
    }
    Ok(())
}

/// Stops acting.
pub async fn stop_acting(state: &AppState, viewer: &Viewer) -> Result<(), AppError> {
    let mut tx = state.db.begin().await?;
    end_acts(&mut tx, state, &viewer.user_id).await?;
    tx.commit().await?;
    Ok(())
}

/// Suspends a workspace or lifts that; its keys are judged anew from the next request on.
pub async fn set_suspended(
    state: &AppState,
    viewer: &Viewer,
    workspace_id: &str,
    suspend: bool,
    reason: &str,
    proof: Proof,
) -> Result<(), AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    // A secret that is being made at this moment is among those that are stopped.
    tx.serialise(&format!("workspace:{workspace_id}")).await?;
    let content = suspension(workspace_id, suspend, reason);
    proof
        .consume(&mut tx, state, viewer, Action::SuspendWorkspace, &content)
        .await?;
    if !store::set_suspended(&mut tx, workspace_id, suspend.then_some(now)).await? {
        return Err(AppError::told(
            UiErrorKind::Conflict,
            if suspend {
                "This workspace was suspended before. Nothing of yours was recorded."
            } else {
                "This workspace is not suspended any more. Nothing of yours was recorded."
            },
        ));
    }
    keys_changed(&mut tx, workspace_id, now).await?;
    let entry = audit::Entry {
        chain: workspace_id.to_owned(),
        actor: viewer.user_id.clone(),
        action: if suspend {
            "workspace.suspended"
        } else {
            "workspace.restored"
        },
        target: workspace_id.to_owned(),
        detail: json!({ "reason": reason }),
    };
    audit::record(&mut tx, &entry, now).await?;
    let name = named(&mut tx, state, workspace_id).await?.name;
    let (subject, text) = if suspend {
        (
            format!("{name} was suspended"),
            format!(
                "Its keys are refused and none can be made until an operator lifts it. The reason given: \u{201c}{reason}\u{201d}."
            ),
        )
    } else {
        (
            format!("{name} is no longer suspended"),
            format!("Its keys work again. The reason given: \u{201c}{reason}\u{201d}."),
        )
    };
    let notice = Notice {
        kind: Kind::Operator,
        workspace_id: Some(workspace_id),
        subject,
        text,
        action: "See your keys",
        path: "/keys".to_owned(),
    };
    tell_owners(&mut tx, state, workspace_id, &notice).await?;
    tx.commit().await?;
    Ok(())
}

/// Takes a person's second factors, as another person who runs the installation.
pub async fn reset_factors(
    state: &AppState,
    viewer: &Viewer,
    user_id: &str,
    reason: &str,
    proof: Proof,
) -> Result<(), AppError> {
    if user_id == viewer.user_id {
        return Err(AppError::told(UiErrorKind::NotAllowed, OWN_FACTORS));
    }
    let mut tx = state.db.begin().await?;
    let content = because(user_id, reason);
    proof
        .consume(&mut tx, state, viewer, Action::ResetFactors, &content)
        .await?;
    let user = accounts::store::by_id(&mut tx, user_id)
        .await?
        .ok_or_else(AppError::not_found)?;
    reset_and_record(
        &mut tx,
        state,
        &user,
        &viewer.user_id,
        &viewer.name,
        Some(reason),
    )
    .await?;
    tx.commit().await?;
    Ok(())
}

/// Takes a person's second factors at the console. Gives their id.
pub async fn reset_factors_at_console(state: &AppState, email: &str) -> Result<String, AppError> {
    let mut tx = state.db.begin().await?;
    let user = accounts::store::by_email(&mut tx, email)
        .await?
        .ok_or_else(|| AppError::field("email", "There is no account with this address."))?;
    reset_and_record(
        &mut tx,
        state,
        &user,
        CONSOLE,
        "The operator at the console",
        None,
    )
    .await?;
    tx.commit().await?;
    Ok(user.id)
}

/// Resets, records it for the installation and for each of the person's workspaces, and tells them and the operators.
async fn reset_and_record(
    tx: &mut Tx,
    state: &AppState,
    user: &accounts::store::User,
    actor: &str,
    by: &str,
    reason: Option<&str>,
) -> Result<(), AppError> {
    let now = state.clock.now();
    factors::ops::reset(tx, &user.id).await?;
    let mut entries = ended(tx, state, &user.id).await?;
    let entry = |chain: &str, detail| audit::Entry {
        chain: chain.to_owned(),
        actor: actor.to_owned(),
        action: "factors.reset",
        target: user.id.clone(),
        detail,
    };
    entries.push(entry(PLATFORM, json!({ "reason": reason })));
    for workspace_id in store::workspaces_of(tx, &user.id).await? {
        entries.push(entry(&workspace_id, json!({})));
    }
    entries.sort_by(|a, b| a.chain.cmp(&b.chain));
    for entry in &entries {
        audit::record(tx, entry, now).await?;
    }
    let why = reason.map_or_else(String::new, |reason| {
        format!(" The reason given: \u{201c}{reason}\u{201d}.")
    });
    let theirs = Notice {
        kind: Kind::Security,
        workspace_id: None,
        subject: "Your second factors were reset".to_owned(),
        text: format!(
            "{by} removed your authenticator, passkeys, recovery codes and PIN, and signed you out everywhere. Your \
             password stays.{why} Sign in and set them up again. If you didn't ask for this, change your password and \
             tell an operator."
        ),
        action: "Set up second factors",
        path: "/settings/security".to_owned(),
    };
    notices::tell(tx, state, &user.id, &theirs).await?;
    let others = Notice {
        kind: Kind::Security,
        workspace_id: None,
        subject: format!("Second factors of {} were reset", user.name),
        text: format!(
            "{by} reset the second factors of {} ({}).{why} If that was not to be, tell the other operators now.",
            user.name, user.email
        ),
        action: "See people",
        path: "/admin/people".to_owned(),
    };
    for operator in store::operators(tx).await? {
        if operator != user.id {
            notices::tell(tx, state, &operator, &others).await?;
        }
    }
    Ok(())
}

/// What a proof for acting or resetting covers.
pub fn because(id: &str, reason: &str) -> Value {
    json!({ "id": id, "reason": reason })
}

/// What a proof for suspending covers, or for lifting that.
pub fn suspension(workspace_id: &str, suspend: bool, reason: &str) -> Value {
    json!({ "id": workspace_id, "suspend": suspend, "reason": reason })
}

/// The workspace, if it is one.
pub async fn named(
    reader: &mut Reader,
    state: &AppState,
    id: &str,
) -> Result<WorkspaceRow, AppError> {
    if !is_id(id, "wsp") {
        return Err(AppError::not_found());
    }
    store::workspace(reader, id, state.clock.now())
        .await?
        .ok_or_else(AppError::not_found)
}

/// The person, if there is one who has not closed their account.
pub async fn person(reader: &mut Reader, id: &str) -> Result<PersonRow, AppError> {
    if !is_id(id, "usr") {
        return Err(AppError::not_found());
    }
    store::person(reader, id)
        .await?
        .filter(|person| person.closed_at.is_none())
        .ok_or_else(AppError::not_found)
}

/// Ends the operator's acts. Gives the entries that say so, which the caller writes in the order of their chains: two
/// operations that lock several chains then wait for each other in turn.
async fn ended(
    tx: &mut Tx,
    state: &AppState,
    operator_id: &str,
) -> Result<Vec<audit::Entry>, AppError> {
    tx.serialise(&format!("operator:{operator_id}")).await?;
    let ended = store::end_acts(tx, operator_id, state.clock.now()).await?;
    Ok(ended
        .into_iter()
        .map(|(id, workspace_id)| audit::Entry {
            chain: workspace_id,
            actor: operator_id.to_owned(),
            action: "operator.acting_ended",
            target: id,
            detail: json!({}),
        })
        .collect())
}

async fn tell_owners(
    tx: &mut Tx,
    state: &AppState,
    workspace_id: &str,
    notice: &Notice<'_>,
) -> Result<(), AppError> {
    let now = state.clock.now();
    for (user_id, roles) in store::members(tx, workspace_id).await? {
        let roles: Grants = roles
            .parse()
            .map_err(|error| AppError::Internal(format!("stored roles: {error}")))?;
        if roles.at(now).include(Role::Owner) {
            notices::tell(tx, state, &user_id, notice).await?;
        }
    }
    Ok(())
}

/// So many days from now.
pub fn in_days(now: Millis, days: u32) -> Millis {
    now + i64::from(days) * DAY
}

fn entry(
    chain: &str,
    action: &'static str,
    target: &str,
    detail: serde_json::Value,
) -> audit::Entry {
    audit::Entry {
        chain: chain.to_owned(),
        actor: CONSOLE.to_owned(),
        action,
        target: target.to_owned(),
        detail,
    }
}

/// Notes that every key of a workspace may be judged otherwise from now on.
pub async fn keys_changed(tx: &mut Tx, workspace_id: &str, now: Millis) -> Result<(), AppError> {
    for hash in store::key_hashes(tx, workspace_id).await? {
        let hash = hash.as_slice().try_into().map_err(|_| {
            AppError::Internal(format!("a fingerprint of {workspace_id} is damaged"))
        })?;
        tx.key_changed(hash, now).await?;
    }
    Ok(())
}
