//! Who asks: the person behind a request and the workspace they act in.

use std::net::IpAddr;

use axum::{
    extract::{Request, State},
    http::request::Parts,
    middleware::Next,
    response::{IntoResponse, Response},
};
use leptos::prelude::use_context;
use serde_json::Value;
use tower_sessions::Session;

use super::{session, store};
use crate::{
    admin, approvals, audit,
    error::{UiError, UiErrorKind},
    server::{address, clock::Millis, error::AppError, state::AppState},
    workspaces::{self, Grants, Role, Roles},
};

/// A signed-in person. Roles are read anew for every request, so that a change of them takes effect on the next.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says by itself whether the person has something"
)]
pub struct Viewer {
    pub user_id: String,
    pub email: String,
    pub name: String,
    pub has_pin: bool,
    pub has_totp: bool,
    pub has_passkey: bool,
    /// Runs the installation.
    pub operator: bool,
    pub address: Option<IpAddr>,
    /// The hash of this session's id.
    pub session: Option<[u8; 32]>,
    /// Notices not read yet.
    pub unread: i64,
    /// Requests that wait for them, as a checker.
    pub waiting: i64,
    /// The workspace in which they act; a person may belong to none.
    pub workspace: Option<ViewerWorkspace>,
    /// All of theirs, by id and name; while acting as operator, only the one acted in.
    pub workspaces: Vec<(String, String)>,
    /// They act in the workspace as operator, whatever else they are in it.
    pub acting: Option<Acting>,
    /// The other operators who act in it now.
    pub operators: Vec<Acting>,
}

/// An operator at work in a workspace.
#[derive(Clone, Debug)]
pub struct Acting {
    pub id: String,
    /// Name of the operator.
    pub operator: String,
    pub reason: String,
    pub since: Millis,
    /// When it ends by itself.
    pub until: Millis,
}

#[derive(Clone, Debug)]
pub struct ViewerWorkspace {
    pub id: String,
    pub name: String,
    pub roles: Roles,
    pub suspended: bool,
    /// Its members need a second factor.
    pub require_second_factor: bool,
}

impl Viewer {
    /// Empty for a person without a workspace: no row has it.
    pub fn workspace_id(&self) -> &str {
        self.workspace
            .as_ref()
            .map_or("", |workspace| &workspace.id)
    }

    pub fn has(&self, role: Role) -> bool {
        self.has_any(&[role])
    }

    pub fn has_any(&self, roles: &[Role]) -> bool {
        self.workspace
            .as_ref()
            .is_some_and(|workspace| workspace.roles.include_any(roles))
    }

    pub fn has_second_factor(&self) -> bool {
        self.has_totp || self.has_passkey
    }

    /// Whether the workspace asks for a second factor that they lack: until they have one they can do nothing else.
    pub fn must_enrol(&self) -> bool {
        !self.has_second_factor()
            && self
                .workspace
                .as_ref()
                .is_some_and(|workspace| workspace.require_second_factor)
    }

    /// An entry for the audit record of the workspace they act in, or of the installation if they have none.
    pub fn entry(&self, action: &'static str, target: &str, detail: Value) -> audit::Entry {
        audit::Entry {
            chain: self
                .workspace
                .as_ref()
                .map_or(audit::PLATFORM, |workspace| &workspace.id)
                .to_owned(),
            actor: self.user_id.clone(),
            action,
            target: target.to_owned(),
            detail,
        }
    }
}

/// Finds out who asks and puts them into the request's extensions, where pages, forms and server functions find them.
pub async fn load(
    State(state): State<AppState>,
    session: Session,
    mut request: Request,
    next: Next,
) -> Response {
    let address = address::of(request.headers(), request.extensions(), &state.config);
    match find(&state, &session, address).await {
        Ok(Some(viewer)) => {
            request.extensions_mut().insert(viewer);
        }
        Ok(None) => {}
        Err(error) => return error.into_response(),
    }
    next.run(request).await
}

async fn find(
    state: &AppState,
    session: &Session,
    address: Option<IpAddr>,
) -> Result<Option<Viewer>, AppError> {
    let Some((user_id, epoch)) = session::user(session, state.clock.now())
        .await
        .map_err(session::failed)?
    else {
        return Ok(None);
    };
    let chosen = session::workspace(session).await.map_err(session::failed)?;
    let act = session::act(session).await.map_err(session::failed)?;
    let mut reader = state.db.read().await?;
    let Some(user) = store::by_id(&mut reader, &user_id)
        .await?
        .filter(|user| user.epoch == epoch)
    else {
        return Ok(None);
    };
    let memberships = workspaces::store::of_user(&mut reader, &user_id).await?;
    let current = chosen
        .and_then(|id| memberships.iter().find(|m| m.workspace_id == id))
        .or(memberships.first());
    let act = act.filter(|_| user.operator);
    let now = state.clock.now();
    let here = current.map(|membership| membership.workspace_id.as_str());
    let mut acts = if here.is_some() || act.is_some() {
        admin::store::acts(&mut reader, here, act.as_deref(), now).await?
    } else {
        Vec::new()
    };
    // Acting wins over being a member.
    let own = acts
        .iter()
        .position(|row| Some(&row.id) == act.as_ref() && row.operator_id == user.id)
        .map(|at| acts.swap_remove(at));
    let workspace = current
        .filter(|_| own.is_none())
        .map(|membership| {
            Ok::<_, AppError>(ViewerWorkspace {
                id: membership.workspace_id.clone(),
                name: membership.name.clone(),
                roles: membership
                    .roles
                    .parse::<Grants>()
                    .map_err(|error| AppError::Internal(format!("stored roles: {error}")))?
                    .at(now),
                suspended: membership.suspended_at.is_some(),
                require_second_factor: membership.require_second_factor,
            })
        })
        .transpose()?
        .or_else(|| own.as_ref().map(acted_in));
    let here = workspace.as_ref().map(|workspace| workspace.id.clone());
    acts.retain(|row| Some(&row.workspace_id) == here.as_ref());
    let waiting = match &workspace {
        Some(here) if own.is_none() && here.roles.include(Role::Checker) => {
            approvals::store::count_for(&mut reader, &here.id, &user.id, now).await?
        }
        _ => 0,
    };
    let workspaces = match &own {
        Some(row) => vec![(row.workspace_id.clone(), row.workspace.clone())],
        None => memberships
            .into_iter()
            .map(|m| (m.workspace_id, m.name))
            .collect(),
    };
    Ok(Some(Viewer {
        user_id: user.id,
        email: user.email,
        name: user.name,
        has_pin: user.pin_hash.is_some(),
        has_totp: user.totp > 0,
        has_passkey: user.passkeys > 0,
        operator: user.operator,
        address,
        session: session::hash_of(session),
        unread: user.unread,
        waiting,
        workspace,
        workspaces,
        acting: own.map(acting),
        operators: acts.into_iter().map(acting).collect(),
    }))
}

fn acted_in(row: &admin::store::Act) -> ViewerWorkspace {
    ViewerWorkspace {
        id: row.workspace_id.clone(),
        name: row.workspace.clone(),
        roles: Roles::of_operator(),
        suspended: row.suspended_at.is_some(),
        require_second_factor: row.require_second_factor,
    }
}

fn acting(row: admin::store::Act) -> Acting {
    Acting {
        id: row.id,
        operator: row.operator,
        reason: row.reason,
        since: row.started_at,
        until: row.ends_at,
    }
}

/// The viewer of the page or server function being answered.
pub fn current() -> Result<Viewer, UiError> {
    optional().ok_or_else(signed_out)
}

pub fn signed_out() -> UiError {
    UiError::new(UiErrorKind::SignedOut, "Sign in to go on.")
}

pub fn optional() -> Option<Viewer> {
    use_context::<Parts>()?.extensions.get::<Viewer>().cloned()
}

/// The viewer, if they hold one of these roles in the workspace they act in.
pub fn with_any_role(roles: &[Role]) -> Result<Viewer, UiError> {
    let viewer = current()?;
    if viewer.has_any(roles) {
        Ok(viewer)
    } else {
        Err(not_allowed(roles))
    }
}

/// The viewer, if they run the installation. For everybody else its pages do not exist.
pub fn operator() -> Result<Viewer, UiError> {
    let viewer = current()?;
    if viewer.operator {
        Ok(viewer)
    } else {
        Err(nothing_here())
    }
}

/// Said of what does not exist and of what this person may not know of.
pub fn nothing_here() -> UiError {
    AppError::not_found().into_ui()
}

/// Says whom to ask.
pub fn not_allowed(roles: &[Role]) -> UiError {
    let words: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
    UiError::new(
        UiErrorKind::NotAllowed,
        format!(
            "This needs the role {} in this workspace. An admin of it can give it to you.",
            words.join(" or ")
        ),
    )
}
