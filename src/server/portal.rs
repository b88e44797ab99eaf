//! The portal's router: pages, the forms on them, server functions, files.

use any_spawner::Executor;
use axum::{
    Extension, Json, Router,
    extract::{DefaultBodyLimit, Request},
    handler::Handler,
    http::{Method, StatusCode},
    middleware::{self, Next},
    response::{IntoResponse, Redirect, Response},
    routing::{MethodFilter, MethodRouter, get, on},
};
use leptos::prelude::provide_context;
use tower_http::csrf::CsrfLayer;

use super::{assets, metrics::Listener, page, request_id::Around, state::AppState};
use crate::{
    accounts::{self, Access, ROUTES, Route, factors::passkey_post, guard, session, viewer},
    admin, approvals,
    error::{UiError, UiErrorKind},
    keys, mail, notices, plans,
    webhooks::{self, cli},
    workspaces,
};

/// Longest error of a server function read; they are a few sentences.
const MAX_ERROR: usize = 64 * 1024;

/// Answers that are not routes of the access matrix: the site's own files.
fn files() -> Router {
    Router::new()
        .route("/v/{version}/{*path}", get(assets::versioned))
        .route("/fonts/{*path}", get(assets::font))
        .route("/favicon.svg", get(assets::favicon))
}

pub fn routes(state: &AppState) -> Around<Router> {
    // Pages are rendered by futures of the framework's own; a second router in one process finds it set.
    let _ = Executor::init_tokio();
    let mut people = Router::new();
    for route in people_routes() {
        let handler = match (&route.method, route.path) {
            (&Method::GET, "/") => get(home),
            (&Method::GET, "/dashboard/api") => get(|| async { Redirect::to("/keys") }),
            (&Method::GET, _) => get(page::show),
            (_, "/login") => form(accounts::post::sign_in),
            (_, "/login/code") => form(accounts::entry::post::second_step),
            (_, "/signup") => form(accounts::entry::post::sign_up),
            (_, "/signup/verify") => form(accounts::entry::post::confirm_sign_up),
            (_, "/reset") => form(accounts::entry::post::ask_reset),
            (_, "/reset/new") => form(accounts::entry::post::reset),
            (_, "/address/confirm") => form(accounts::entry::post::confirm_address),
            (_, "/logout") => form(accounts::post::sign_out),
            (_, "/theme") => form(accounts::post::set_theme),
            (_, "/shortcuts") => form(accounts::post::set_shortcuts),
            (_, "/workspaces/switch") => form(accounts::post::switch_workspace),
            (_, "/settings/security") => form(accounts::post::set_pin),
            (_, "/settings/security/password") => form(accounts::entry::post::change_password),
            (_, "/settings/security/totp") => form(accounts::factors::post::enrol),
            (_, "/settings/security/totp/remove") => form(accounts::factors::post::remove),
            (_, "/settings/security/recovery") => form(accounts::factors::post::renew_codes),
            (_, "/settings/account/address") => form(accounts::entry::post::change_address),
            (_, "/settings/sessions") => form(accounts::sessions::post::end),
            (_, "/settings/account") => form(accounts::personal::post::rename),
            (_, "/settings/account/export") => form(accounts::personal::post::export),
            (_, "/settings/account/close") => form(accounts::personal::post::close),
            (_, "/passkeys/options") => form(passkey_post::options),
            (_, "/login/passkey") => form(passkey_post::sign_in),
            (_, "/settings/security/passkeys") => form(passkey_post::add),
            (_, "/settings/security/passkeys/{id}/remove") => form(passkey_post::remove),
            (_, "/search") => form(keys::post::list::search),
            (_, "/keys/new") => form(keys::post::create::create),
            (_, "/keys/bulk") => form(keys::post::list::bulk),
            (_, "/keys/{id}/security") => form(keys::post::security::change),
            (_, "/settings/workspace/revoke-all") => form(keys::post::list::revoke_all),
            (_, "/keys/{id}/reveal") => form(keys::post::create::reveal),
            (_, "/keys/{id}/revoke") => form(keys::post::manage::revoke),
            (_, "/keys/{id}/edit") => form(keys::post::manage::edit),
            (_, "/keys/{id}/meta") => form(keys::post::manage::meta),
            (_, "/keys/{id}/rotate") => form(keys::post::manage::rotate),
            (_, "/keys/{id}/cut") => form(keys::post::manage::cut),
            (_, "/keys/{id}/disable") => form(keys::post::manage::disable),
            (_, "/keys/{id}/enable") => form(keys::post::manage::enable),
            (_, "/keys/{id}/withdraw") => form(keys::post::manage::withdraw),
            (_, "/keys/{id}/hide") => form(keys::post::manage::hide),
            (_, "/keys/{id}/owner") => form(keys::post::manage::give),
            (_, "/webhooks/new") => form(webhooks::post::create),
            (_, "/webhooks/{id}/edit") => form(webhooks::post::edit),
            (_, "/webhooks/{id}/rotate") => form(webhooks::post::rotate),
            (_, "/webhooks/{id}/enable") => form(webhooks::post::enable),
            (_, "/webhooks/{id}/disable") => form(webhooks::post::disable),
            (_, "/webhooks/{id}/remove") => form(webhooks::post::remove),
            (_, "/webhooks/{id}/test") => form(webhooks::post::test),
            (_, "/webhooks/{id}/replay") => form(webhooks::post::replay),
            (_, "/webhooks/{id}/replay/stop") => form(webhooks::post::stop_replay),
            (_, "/logs/webhooks/{id}/replay") => form(webhooks::post::replay_one),
            (_, "/notices") => form(notices::post::read),
            (_, "/settings/notices") => form(notices::post::choose),
            (_, "/workspaces/new") => form(workspaces::post::create),
            (_, "/members/invite") => form(workspaces::post::invite),
            (_, "/members/invitations/{id}/renew") => form(workspaces::post::renew),
            (_, "/members/invitations/{id}/withdraw") => form(workspaces::post::withdraw),
            (_, "/members/{id}/roles") => form(workspaces::post::change_roles),
            (_, "/members/{id}/remove") => form(workspaces::post::remove),
            (_, "/join") => form(workspaces::post::join),
            (_, "/settings/workspace") => form(workspaces::post::rename),
            (_, "/settings/workspace/second-factor") => form(workspaces::post::second_factor),
            (_, "/settings/workspace/transfer") => form(workspaces::post::offer),
            (_, "/settings/workspace/leave") => form(workspaces::post::leave),
            (_, "/ownership/{id}") => form(workspaces::post::answer_offer),
            (_, "/approvals/{id}") => form(approvals::post::decide),
            (_, "/approvals/{id}/remind") => form(approvals::post::remind),
            (_, "/approvals/{id}/withdraw") => form(approvals::post::withdraw),
            (_, "/approvals/{id}/take-back") => form(approvals::post::take_back),
            (_, "/settings/workspace/approvals") => form(approvals::post::change_rules),
            (_, "/plans") => form(plans::post::request),
            (_, "/plans/withdraw") => form(plans::post::withdraw),
            (_, "/admin/plans/{id}/approve") => form(plans::post::approve),
            (_, "/admin/plans/{id}/decline") => form(plans::post::decline),
            (_, "/admin/people/{id}/reset-factors") => form(admin::post::reset_factors),
            (_, "/admin/workspaces/{id}/act") => form(admin::post::act),
            (_, "/admin/workspaces/{id}/suspend") => form(admin::post::suspend),
            (_, "/admin/workspaces/{id}/restore") => form(admin::post::restore),
            (_, "/settings/cli/new") => form(cli::post::create),
            (_, "/settings/cli/{id}/revoke") => form(cli::post::revoke),
            (_, "/acting/end") => form(admin::post::end_act),
            (_, path) if path.starts_with("/api/") => form(server_function),
            (method, path) => {
                unreachable!("{method} {path} is in the access matrix but has no handler")
            }
        };
        people = people.route(
            route.path,
            handler.layer(middleware::from_fn(move |request: Request, next: Next| {
                guard(route, request, next)
            })),
        );
    }
    if state.config.demo {
        people = people
            .route("/dev/ui", get(page::show))
            .route("/dev/mail", get(page::show))
            .route("/dev/mail.json", get(mail::preview::list))
            .route("/dev/mail/{id}", get(page::show))
            .route("/dev/mail/{id}/html", get(mail::preview::html))
            .route(
                "/dev/receiver/{id}",
                get(page::show).post(webhooks::receiver::receive),
            )
            .route(
                "/dev/receiver/{id}/switch",
                form(webhooks::receiver::switch),
            );
    }
    let routes = people
        .fallback(nothing_here)
        .method_not_allowed_fallback(nothing_here)
        .layer(middleware::from_fn_with_state(state.clone(), viewer::load))
        .layer(session::layer(state))
        .layer(Extension(state.clone()))
        .layer(csrf(state))
        .merge(files())
        .merge(programs(state));
    Around::new(state, Listener::Portal, routes)
}

fn people_routes() -> impl Iterator<Item = &'static Route> {
    ROUTES
        .iter()
        .filter(|route| route.access != Access::CliToken)
}

/// What programs with a token of the command line are served. A cookie is nothing to it, so no other site can make a
/// browser act by one.
fn programs(state: &AppState) -> Router {
    let mut programs = Router::new();
    for route in ROUTES
        .iter()
        .filter(|route| route.access == Access::CliToken)
    {
        let handler: MethodRouter = match (&route.method, route.path) {
            (&Method::GET, "/cli/listen") => get(cli::serve::listen),
            (&Method::POST, "/cli/trigger") => form(cli::serve::trigger),
            (method, path) => {
                unreachable!("{method} {path} is in the access matrix but has no handler")
            }
        };
        programs = programs.route(route.path, handler);
    }
    programs
        .layer(middleware::from_fn(cli::token::guard))
        .layer(DefaultBodyLimit::max(cli::serve::MAX_BODY))
        .layer(Extension(cli::feed::Listeners::default()))
        .layer(Extension(state.clone()))
}

fn form<H, T>(handler: H) -> MethodRouter
where
    H: Handler<T, ()>,
    T: 'static,
{
    on(MethodFilter::POST, handler)
}

/// Forms from other origins are refused, sign-out included. Behind a proxy that rewrites `Host`, the public URL is
/// the origin that browsers name.
fn csrf(state: &AppState) -> CsrfLayer {
    let layer = CsrfLayer::new();
    match layer.clone().add_trusted_origin(&state.config.public_url) {
        Ok(trusting) => trusting,
        Err(error) => {
            tracing::warn!(%error, "the public URL is no origin; only the Host header is compared");
            layer
        }
    }
}

async fn home(viewer: Option<Extension<accounts::Viewer>>) -> Redirect {
    Redirect::to(match viewer {
        None => "/login",
        // Operators need belong to no workspace.
        Some(Extension(viewer)) if viewer.operator && viewer.workspace.is_none() => "/admin",
        Some(_) => "/dashboard",
    })
}

/// Runs the server function; the framework answers every error with 500, the error itself knows better.
async fn server_function(Extension(state): Extension<AppState>, request: Request) -> Response {
    let response = leptos_axum::handle_server_fns_with_context(
        move || provide_context(state.clone()),
        request,
    )
    .await
    .into_response();
    if response.status() != StatusCode::INTERNAL_SERVER_ERROR {
        return response;
    }
    let (parts, body) = response.into_parts();
    let error = axum::body::to_bytes(body, MAX_ERROR)
        .await
        .ok()
        .and_then(|bytes| serde_json::from_slice::<UiError>(&bytes).ok())
        .unwrap_or_else(|| UiError::new(UiErrorKind::Unavailable, "Nothing was done."));
    let status = StatusCode::from_u16(error.kind.status()).unwrap_or(parts.status);
    (status, Json(error)).into_response()
}

/// Also where the method is another one: the page of a form that is only sent does not exist.
async fn nothing_here(request: Request) -> Response {
    page::refuse(request, viewer::nothing_here()).await
}
