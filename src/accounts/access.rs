//! The access matrix: every page, form and server function, and who may use it.
//!
//! It is data. Routes are registered from it, each behind [`guard`], so one that is missing
//! here is not served; the tests walk the whole of it as every kind of person.

use axum::{
    extract::Request,
    http::Method,
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};

use super::{Viewer, viewer};
use crate::{
    approvals,
    error::{UiError, UiErrorKind},
    keys::policy,
    plans,
    server::page,
    webhooks,
    workspaces::{
        self,
        Role::{self, Admin, Auditor, Checker, Developer, Owner},
    },
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Signing in, and what stands before it.
    Anyone,
    /// Any person, also one who has yet to set up the second factor that their workspace asks for.
    Enrolling,
    /// Any person, of any workspace or none.
    SignedIn,
    /// Members of the workspace with one of these roles.
    Any(&'static [Role]),
    /// Who runs the installation.
    Operator,
    /// Programs with a service token. No person is one, signed in or not.
    Service,
    /// Programs with a token of the command line. No person is one, signed in or not.
    CliToken,
}

#[derive(Clone, Debug)]
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
}

const READ_KEYS: Access = Access::Any(policy::READERS);
const READ_AUDIT: Access = Access::Any(&[Auditor, Admin]);
const MAKE_KEYS: Access = Access::Any(&[Developer]);
/// Checkers may stop any key, developers their own; which key is the operation's to judge.
const STOP_KEYS: Access = Access::Any(&[Developer, Checker]);
/// Also an operator who acts in the workspace, who is an admin there and nothing else.
const HALT_KEYS: Access = Access::Any(&[Developer, Checker, Admin]);
/// Developers their own; what an operator stopped, an operator who acts here.
const ENABLE_KEYS: Access = Access::Any(&[Developer, Admin]);
const READ_WEBHOOKS: Access = Access::Any(webhooks::policy::READERS);
const MAKE_WEBHOOKS: Access = Access::Any(webhooks::policy::MAKERS);
const STOP_WEBHOOKS: Access = Access::Any(webhooks::policy::STOPPERS);
const READ_MEMBERS: Access = Access::Any(workspaces::policy::READERS);
/// Members, invitations, plans and the workspace itself.
const MANAGE: Access = Access::Any(&[Admin]);
const READ_SETTINGS: Access = Access::Any(&[Auditor, Admin]);
const READ_PLANS: Access = Access::Any(plans::policy::READERS);
/// Approving and rejecting.
const DECIDE: Access = Access::Any(approvals::policy::DECIDERS);
/// Whose requests there are: developers' about keys, admins' about people and rules.
const ASK: Access = Access::Any(&[Developer, Admin]);
/// Tokens of the command line: whoever sees them may end them.
const KEEP_TOKENS: Access = Access::Any(webhooks::cli::ops::KEEPERS);
const HAND_OVER: Access = Access::Any(&[Owner]);

const fn get(path: &'static str, access: Access) -> Route {
    Route {
        method: Method::GET,
        path,
        access,
    }
}

const fn post(path: &'static str, access: Access) -> Route {
    Route {
        method: Method::POST,
        path,
        access,
    }
}

pub const ROUTES: &[Route] = &[
    get("/", Access::Anyone),
    get("/login", Access::Anyone),
    post("/login", Access::Anyone),
    get("/login/code", Access::Anyone),
    post("/login/code", Access::Anyone),
    get("/signup", Access::Anyone),
    post("/signup", Access::Anyone),
    get("/signup/sent", Access::Anyone),
    get("/signup/verify", Access::Anyone),
    post("/signup/verify", Access::Anyone),
    get("/reset", Access::Anyone),
    post("/reset", Access::Anyone),
    get("/reset/sent", Access::Anyone),
    get("/reset/new", Access::Anyone),
    post("/reset/new", Access::Anyone),
    get("/address/confirm", Access::Anyone),
    post("/address/confirm", Access::Anyone),
    get("/address/confirmed", Access::Anyone),
    post("/theme", Access::Anyone),
    post("/shortcuts", Access::Anyone),
    post("/logout", Access::Enrolling),
    post("/workspaces/switch", Access::Enrolling),
    post("/passkeys/options", Access::Anyone),
    post("/login/passkey", Access::Anyone),
    get("/settings/security/passkeys", Access::Enrolling),
    post("/settings/security/passkeys", Access::Enrolling),
    get("/settings/security/passkeys/{id}/remove", Access::Enrolling),
    post("/settings/security/passkeys/{id}/remove", Access::Enrolling),
    get("/settings/security", Access::Enrolling),
    post("/settings/security", Access::Enrolling),
    get("/settings/security/password", Access::SignedIn),
    post("/settings/security/password", Access::SignedIn),
    get("/settings/security/totp", Access::Enrolling),
    post("/settings/security/totp", Access::Enrolling),
    get("/settings/security/totp/remove", Access::SignedIn),
    post("/settings/security/totp/remove", Access::SignedIn),
    get("/settings/security/recovery", Access::Enrolling),
    post("/settings/security/recovery", Access::Enrolling),
    get("/settings/account/address", Access::SignedIn),
    post("/settings/account/address", Access::SignedIn),
    get("/settings/sessions", Access::SignedIn),
    post("/settings/sessions", Access::SignedIn),
    get("/settings/account", Access::SignedIn),
    post("/settings/account", Access::SignedIn),
    get("/settings/account/export", Access::SignedIn),
    post("/settings/account/export", Access::SignedIn),
    get("/settings/account/close", Access::SignedIn),
    post("/settings/account/close", Access::SignedIn),
    get("/dashboard", READ_KEYS),
    get("/dashboard/api", READ_KEYS),
    post("/search", READ_KEYS),
    get("/keys", READ_KEYS),
    get("/keys/bulk", STOP_KEYS),
    post("/keys/bulk", STOP_KEYS),
    get("/keys/{id}/security", READ_KEYS),
    post("/keys/{id}/security", MAKE_KEYS),
    get("/settings/workspace/revoke-all", MANAGE),
    post("/settings/workspace/revoke-all", MANAGE),
    get("/keys/new", MAKE_KEYS),
    post("/keys/new", MAKE_KEYS),
    get("/keys/{id}", READ_KEYS),
    get("/keys/{id}/reveal", MAKE_KEYS),
    post("/keys/{id}/reveal", MAKE_KEYS),
    get("/keys/{id}/revoke", STOP_KEYS),
    post("/keys/{id}/revoke", STOP_KEYS),
    get("/keys/{id}/edit", MAKE_KEYS),
    post("/keys/{id}/edit", MAKE_KEYS),
    get("/keys/{id}/meta", MAKE_KEYS),
    post("/keys/{id}/meta", MAKE_KEYS),
    get("/keys/{id}/rotate", MAKE_KEYS),
    post("/keys/{id}/rotate", MAKE_KEYS),
    get("/keys/{id}/cut", HALT_KEYS),
    post("/keys/{id}/cut", HALT_KEYS),
    get("/keys/{id}/disable", HALT_KEYS),
    post("/keys/{id}/disable", HALT_KEYS),
    get("/keys/{id}/enable", ENABLE_KEYS),
    post("/keys/{id}/enable", ENABLE_KEYS),
    get("/keys/{id}/withdraw", MAKE_KEYS),
    post("/keys/{id}/withdraw", MAKE_KEYS),
    get("/keys/{id}/hide", MAKE_KEYS),
    post("/keys/{id}/hide", MAKE_KEYS),
    get("/keys/{id}/owner", MANAGE),
    post("/keys/{id}/owner", MANAGE),
    get("/webhooks", READ_WEBHOOKS),
    get("/webhooks/new", MAKE_WEBHOOKS),
    post("/webhooks/new", MAKE_WEBHOOKS),
    get("/webhooks/events", READ_WEBHOOKS),
    get("/webhooks/{id}", READ_WEBHOOKS),
    get("/webhooks/{id}/edit", MAKE_WEBHOOKS),
    post("/webhooks/{id}/edit", MAKE_WEBHOOKS),
    get("/webhooks/{id}/rotate", MAKE_WEBHOOKS),
    post("/webhooks/{id}/rotate", MAKE_WEBHOOKS),
    get("/webhooks/{id}/enable", STOP_WEBHOOKS),
    post("/webhooks/{id}/enable", STOP_WEBHOOKS),
    get("/webhooks/{id}/disable", STOP_WEBHOOKS),
    post("/webhooks/{id}/disable", STOP_WEBHOOKS),
    get("/webhooks/{id}/test", MAKE_WEBHOOKS),
    post("/webhooks/{id}/test", MAKE_WEBHOOKS),
    get("/webhooks/{id}/replay", MAKE_WEBHOOKS),
    post("/webhooks/{id}/replay", MAKE_WEBHOOKS),
    post("/webhooks/{id}/replay/stop", MAKE_WEBHOOKS),
    get("/logs/webhooks", READ_WEBHOOKS),
    get("/logs/webhooks/{id}", READ_WEBHOOKS),
    post("/logs/webhooks/{id}/replay", MAKE_WEBHOOKS),
    // After all else that is asked of an endpoint, as it is gone then.
    get("/webhooks/{id}/remove", STOP_WEBHOOKS),
    post("/webhooks/{id}/remove", STOP_WEBHOOKS),
    get("/logs", READ_KEYS),
    get("/logs/{id}", READ_KEYS),
    get("/audit", READ_AUDIT),
    get("/notices", Access::SignedIn),
    post("/notices", Access::SignedIn),
    get("/settings/notices", Access::SignedIn),
    post("/settings/notices", Access::SignedIn),
    get("/workspaces/new", Access::SignedIn),
    post("/workspaces/new", Access::SignedIn),
    get("/members", READ_MEMBERS),
    get("/members/invite", MANAGE),
    post("/members/invite", MANAGE),
    get("/members/invitations/{id}/renew", MANAGE),
    post("/members/invitations/{id}/renew", MANAGE),
    get("/members/invitations/{id}/withdraw", MANAGE),
    post("/members/invitations/{id}/withdraw", MANAGE),
    get("/members/{id}/roles", MANAGE),
    post("/members/{id}/roles", MANAGE),
    get("/members/{id}/remove", MANAGE),
    post("/members/{id}/remove", MANAGE),
    get("/join", Access::Anyone),
    post("/join", Access::SignedIn),
    get("/settings/workspace", READ_SETTINGS),
    post("/settings/workspace", MANAGE),
    get("/settings/workspace/second-factor", MANAGE),
    post("/settings/workspace/second-factor", MANAGE),
    get("/settings/workspace/transfer", HAND_OVER),
    post("/settings/workspace/transfer", HAND_OVER),
    get("/settings/workspace/leave", Access::SignedIn),
    post("/settings/workspace/leave", Access::SignedIn),
    get("/ownership/{id}", Access::SignedIn),
    post("/ownership/{id}", Access::SignedIn),
    // Which of them, beyond one's own, is the page's to judge.
    get("/approvals", READ_KEYS),
    get("/approvals/{id}", READ_KEYS),
    post("/approvals/{id}", DECIDE),
    post("/approvals/{id}/remind", ASK),
    post("/approvals/{id}/withdraw", ASK),
    post("/approvals/{id}/take-back", DECIDE),
    get("/settings/workspace/approvals", READ_SETTINGS),
    post("/settings/workspace/approvals", MANAGE),
    get("/plans", READ_PLANS),
    post("/plans", MANAGE),
    get("/plans/withdraw", MANAGE),
    post("/plans/withdraw", MANAGE),
    get("/docs/webhooks", Access::SignedIn),
    get("/settings/cli", KEEP_TOKENS),
    get("/settings/cli/new", MAKE_KEYS),
    post("/settings/cli/new", MAKE_KEYS),
    get("/settings/cli/{id}/revoke", KEEP_TOKENS),
    post("/settings/cli/{id}/revoke", KEEP_TOKENS),
    get("/cli/listen", Access::CliToken),
    post("/cli/trigger", Access::CliToken),
    get("/admin", Access::Operator),
    get("/admin/people", Access::Operator),
    get("/admin/people/{id}/reset-factors", Access::Operator),
    post("/admin/people/{id}/reset-factors", Access::Operator),
    get("/admin/workspaces/{id}/act", Access::Operator),
    post("/admin/workspaces/{id}/act", Access::Operator),
    get("/admin/workspaces/{id}/suspend", Access::Operator),
    post("/admin/workspaces/{id}/suspend", Access::Operator),
    get("/admin/workspaces/{id}/restore", Access::Operator),
    post("/admin/workspaces/{id}/restore", Access::Operator),
    get("/admin/plans", Access::Operator),
    get("/admin/plans/{id}", Access::Operator),
    get("/admin/plans/{id}/approve", Access::Operator),
    post("/admin/plans/{id}/approve", Access::Operator),
    get("/admin/plans/{id}/decline", Access::Operator),
    post("/admin/plans/{id}/decline", Access::Operator),
    // Not for operators alone: it must end also when they are none any more, or lack a second factor.
    post("/acting/end", Access::Enrolling),
    // Server functions.
    post("/api/overview", READ_KEYS),
    post("/api/revoke_consequences", STOP_KEYS),
    post("/api/first_call", READ_KEYS),
    post("/api/list_requests", READ_KEYS),
    post("/api/request_detail", READ_KEYS),
    post("/api/list_audit", READ_AUDIT),
];

/// What the api listener serves. Keys and people are nobody there; a service token is needed or nothing is.
pub const API_ROUTES: &[Route] = &[
    post("/v1/keys/verify", Access::Service),
    post("/v1/events", Access::Service),
    post("/v1/reservations/{id}/commit", Access::Service),
    post("/v1/reservations/{id}/release", Access::Service),
    // Every method is served alike: that of the original request is what counts. The key is what lets it pass.
    get("/v1/forward-auth", Access::Anyone),
    get("/v1/forward-auth/", Access::Anyone),
    get("/v1/forward-auth/{*path}", Access::Anyone),
    get("/healthz", Access::Anyone),
    get("/readyz", Access::Anyone),
    get("/metrics", Access::Anyone),
];

impl Access {
    /// Whether this person may pass.
    pub fn admits(self, viewer: Option<&Viewer>) -> bool {
        match self {
            Self::Anyone => true,
            Self::Enrolling => viewer.is_some(),
            Self::SignedIn => viewer.is_some_and(|viewer| !viewer.must_enrol()),
            Self::Any(roles) => {
                viewer.is_some_and(|viewer| !viewer.must_enrol() && viewer.has_any(roles))
            }
            Self::Operator => viewer.is_some_and(|viewer| !viewer.must_enrol() && viewer.operator),
            Self::Service | Self::CliToken => false,
        }
    }
}

/// Where those are led who lack a second factor that their workspace asks for.
const ENROL: &str = "/settings/security?enrol=1";

/// Stands before every route: sends the signed-out to sign in, tells the rest what they lack.
pub async fn guard(route: &'static Route, request: Request, next: Next) -> Response {
    let viewer = request.extensions().get::<Viewer>();
    let access = route.access;
    if access.admits(viewer) {
        return next.run(request).await;
    }
    let is_page = !request.uri().path().starts_with("/api/");
    match (viewer, access) {
        (None, _) if is_page => {
            // Back to the page that the form stood on, if it has one of its own.
            let page = |other: &&Route| other.method == Method::GET && other.path == route.path;
            let next = match request.uri().path_and_query() {
                Some(uri) if route.method == Method::GET => uri.as_str(),
                Some(uri) if ROUTES.iter().any(|other| page(&other)) => uri.path(),
                _ => "/",
            };
            let query: String = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("next", next)
                .finish();
            Redirect::to(&format!("/login?{query}")).into_response()
        }
        // To everybody else the installation's own pages do not exist.
        (Some(viewer), Access::Operator) if !viewer.operator => {
            page::refuse(request, viewer::nothing_here()).await
        }
        (Some(viewer), _) if viewer.must_enrol() => {
            if is_page {
                Redirect::to(ENROL).into_response()
            } else {
                page::told(UiError::new(
                    UiErrorKind::NotAllowed,
                    "This workspace asks its members for a second factor. Set one up first.",
                ))
            }
        }
        // Where signing in leads, those who have nothing to see there yet are offered a beginning.
        (Some(viewer), Access::Any(_))
            if route.path == "/dashboard" && viewer.workspace.is_none() && !viewer.operator =>
        {
            Redirect::to("/workspaces/new").into_response()
        }
        (Some(viewer), access) => {
            let error = match access {
                Access::Any(roles) if viewer.workspace.is_some() => viewer::not_allowed(roles),
                Access::Any(_) => UiError::new(
                    UiErrorKind::NotAllowed,
                    "You belong to no workspace yet. Create one, or ask an admin of one to invite you.",
                ),
                _ => viewer::nothing_here(),
            };
            if is_page {
                page::refuse(request, error).await
            } else {
                page::told(error)
            }
        }
        (None, _) => page::told(viewer::signed_out()),
    }
}
