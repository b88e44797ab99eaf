//! The document and every page of it.

use std::sync::LazyLock;

use axum::http::{HeaderValue, header};
use leptos::{config::get_config_from_str, nonce::use_nonce, prelude::*};
use leptos_axum::ResponseOptions;
use leptos_meta::{MetaTags, provide_meta_context};
use leptos_router::{
    SsrMode,
    components::{FlatRoutes, Route, Router},
    path,
};

use crate::{
    accounts::{
        entry::page::{
            AddressConfirmedPage, ChangeAddressPage, ChangePasswordPage, CodePage,
            ConfirmAddressPage, NewPasswordPage, ResetPage, ResetSentPage, SignUpPage,
            SignUpSentPage, VerifyPage,
        },
        factors::{
            page::{RecoveryPage, RemoveTotpPage, TotpPage},
            passkey_page::{self, PasskeysPage, RemovePasskeyPage},
        },
        page::{LoginPage, SecurityPage},
        personal::page::{AccountPage, ClosePage, ExportPage},
        sessions::page::SessionsPage,
        viewer,
    },
    admin::page::{
        ActPage, PeoplePage, ResetFactorsPage, RestorePage, SuspendPage, WorkspacesPage,
    },
    approvals::page::{ApprovalPage, ApprovalRulesPage, ApprovalsPage},
    audit::page::AuditPage,
    frame,
    keys::page::{
        BulkPage, CutPage, DisableKeyPage, EditKeyPage, EnableKeyPage, HideKeyPage, KeyDetailPage,
        KeySecurityPage, KeysPage, MetaPage, NewKeyPage, OwnerPage, RevealPage, RevokeAllPage,
        RevokePage, RotatePage, WithdrawKeyPage, pair,
    },
    mail::page::{MailListPage, MailPage},
    notices::page::{NoticeSettingsPage, NoticesPage},
    plans::page::{
        ApprovePlanPage, DeclinePlanPage, PlanQueuePage, PlanRequestPage, PlansPage,
        WithdrawPlanPage,
    },
    server::{
        assets,
        page::{self, Answer, IslandScripts},
        prefs,
    },
    ui::{gallery::Gallery, icon::IconSprite},
    usage::page::{LogsPage, OverviewPage, RequestPage},
    webhooks::{
        self,
        cli::page::{CliTokensPage, NewCliTokenPage, RevokeCliTokenPage},
        docs::{EventsPage, WebhookDocsPage},
        log::page::{DeliveryPage, WebhookLogsPage},
        page::{
            DisableEndpointPage, EditEndpointPage, EnableEndpointPage, EndpointPage,
            NewEndpointPage, RemoveEndpointPage, ReplayPage, RotateEndpointPage, TestEventPage,
            WebhooksPage,
        },
        receiver::ReceiverPage,
    },
    workspaces::page::{
        InvitePage, JoinPage, LeavePage, MembersPage, NewWorkspacePage, OfferPage,
        RemoveMemberPage, RenewInvitationPage, RolesPage, SecondFactorPage, TransferPage,
        WithdrawInvitationPage, WorkspacePage,
    },
};

/// Run-time settings of the framework; `LEPTOS_*` variables override them while developing.
static OPTIONS: LazyLock<LeptosOptions> = LazyLock::new(|| {
    get_config_from_str(include_str!("../Leptos.toml"))
        .unwrap_or_else(|_| LeptosOptions::builder().output_name("latchkey").build())
});

#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    let answer = Answer::here();
    if answer.refused
        && let Some(error) = answer.error
    {
        return frame::error_page(&error);
    }
    let missing = || frame::error_page(&viewer::nothing_here());
    view! {
        <Router>
            <FlatRoutes fallback=missing>
                <Route path=path!("/login") view=LoginPage ssr=SsrMode::Async />
                <Route path=path!("/login/code") view=CodePage ssr=SsrMode::Async />
                <Route path=path!("/signup") view=SignUpPage ssr=SsrMode::Async />
                <Route path=path!("/signup/sent") view=SignUpSentPage ssr=SsrMode::Async />
                <Route path=path!("/signup/verify") view=VerifyPage ssr=SsrMode::Async />
                <Route path=path!("/reset") view=ResetPage ssr=SsrMode::Async />
                <Route path=path!("/reset/sent") view=ResetSentPage ssr=SsrMode::Async />
                <Route path=path!("/reset/new") view=NewPasswordPage ssr=SsrMode::Async />
                <Route path=path!("/address/confirm") view=ConfirmAddressPage ssr=SsrMode::Async />
                <Route path=path!("/address/confirmed") view=AddressConfirmedPage ssr=SsrMode::Async />
                <Route path=path!("/dashboard") view=OverviewPage ssr=SsrMode::Async />
                <Route path=path!("/keys") view=KeysPage ssr=SsrMode::Async />
                <Route path=path!("/keys/bulk") view=BulkPage ssr=SsrMode::Async />
                <Route path=path!("/keys/:id/security") view=KeySecurityPage ssr=SsrMode::Async />
                <Route path=path!("/settings/workspace/revoke-all") view=RevokeAllPage ssr=SsrMode::Async />
                <Route path=path!("/keys/new") view=NewKeyPage ssr=SsrMode::Async />
                <Route path=path!("/keys/:id") view=KeyDetailPage ssr=SsrMode::Async />
                <Route path=path!("/keys/:id/reveal") view=RevealPage ssr=SsrMode::Async />
                <Route path=path!("/keys/:id/revoke") view=RevokePage ssr=SsrMode::Async />
                <Route path=path!("/keys/:id/edit") view=EditKeyPage ssr=SsrMode::Async />
                <Route path=path!("/keys/:id/meta") view=MetaPage ssr=SsrMode::Async />
                <Route path=path!("/keys/:id/rotate") view=RotatePage ssr=SsrMode::Async />
                <Route path=path!("/keys/:id/cut") view=CutPage ssr=SsrMode::Async />
                <Route path=path!("/keys/:id/disable") view=DisableKeyPage ssr=SsrMode::Async />
                <Route path=path!("/keys/:id/enable") view=EnableKeyPage ssr=SsrMode::Async />
                <Route path=path!("/keys/:id/withdraw") view=WithdrawKeyPage ssr=SsrMode::Async />
                <Route path=path!("/keys/:id/hide") view=HideKeyPage ssr=SsrMode::Async />
                <Route path=path!("/keys/:id/owner") view=OwnerPage ssr=SsrMode::Async />
                <Route path=path!("/webhooks") view=WebhooksPage ssr=SsrMode::Async />
                <Route path=path!("/webhooks/new") view=NewEndpointPage ssr=SsrMode::Async />
                <Route path=path!("/webhooks/events") view=EventsPage ssr=SsrMode::Async />
                <Route path=path!("/webhooks/:id") view=EndpointPage ssr=SsrMode::Async />
                <Route path=path!("/webhooks/:id/edit") view=EditEndpointPage ssr=SsrMode::Async />
                <Route path=path!("/webhooks/:id/rotate") view=RotateEndpointPage ssr=SsrMode::Async />
                <Route path=path!("/webhooks/:id/enable") view=EnableEndpointPage ssr=SsrMode::Async />
                <Route path=path!("/webhooks/:id/disable") view=DisableEndpointPage ssr=SsrMode::Async />
                <Route path=path!("/webhooks/:id/remove") view=RemoveEndpointPage ssr=SsrMode::Async />
                <Route path=path!("/webhooks/:id/test") view=TestEventPage ssr=SsrMode::Async />
                <Route path=path!("/webhooks/:id/replay") view=ReplayPage ssr=SsrMode::Async />
                // Only sent to: what can't be done is said on the page of the endpoint or delivery.
                <Route path=path!("/webhooks/:id/replay/stop") view=EndpointPage ssr=SsrMode::Async />
                <Route path=path!("/logs/webhooks") view=WebhookLogsPage ssr=SsrMode::Async />
                <Route path=path!("/logs/webhooks/:id") view=DeliveryPage ssr=SsrMode::Async />
                <Route path=path!("/logs/webhooks/:id/replay") view=DeliveryPage ssr=SsrMode::Async />
                <Route path=path!("/logs") view=LogsPage ssr=SsrMode::Async />
                <Route path=path!("/logs/:id") view=RequestPage ssr=SsrMode::Async />
                <Route path=path!("/audit") view=AuditPage ssr=SsrMode::Async />
                <Route path=path!("/settings/security") view=SecurityPage ssr=SsrMode::Async />
                <Route path=path!("/settings/security/password") view=ChangePasswordPage ssr=SsrMode::Async />
                <Route path=path!("/settings/security/totp") view=TotpPage ssr=SsrMode::Async />
                <Route path=path!("/settings/security/totp/remove") view=RemoveTotpPage ssr=SsrMode::Async />
                <Route path=path!("/settings/security/recovery") view=RecoveryPage ssr=SsrMode::Async />
                <Route path=path!("/settings/account/address") view=ChangeAddressPage ssr=SsrMode::Async />
                <Route path=path!("/notices") view=NoticesPage ssr=SsrMode::Async />
                <Route path=path!("/settings/notices") view=NoticeSettingsPage ssr=SsrMode::Async />
                <Route path=path!("/dev/mail") view=MailListPage ssr=SsrMode::Async />
                <Route path=path!("/dev/mail/:id") view=MailPage ssr=SsrMode::Async />
                <Route path=path!("/dev/receiver/:id") view=ReceiverPage ssr=SsrMode::Async />
                <Route path=path!("/settings/sessions") view=SessionsPage ssr=SsrMode::Async />
                <Route path=path!("/settings/account") view=AccountPage ssr=SsrMode::Async />
                <Route path=path!("/settings/account/export") view=ExportPage ssr=SsrMode::Async />
                <Route path=path!("/settings/account/close") view=ClosePage ssr=SsrMode::Async />
                <Route path=path!("/workspaces/new") view=NewWorkspacePage ssr=SsrMode::Async />
                <Route path=path!("/members") view=MembersPage ssr=SsrMode::Async />
                <Route path=path!("/members/invite") view=InvitePage ssr=SsrMode::Async />
                <Route path=path!("/members/invitations/:id/renew") view=RenewInvitationPage ssr=SsrMode::Async />
                <Route path=path!("/members/invitations/:id/withdraw") view=WithdrawInvitationPage ssr=SsrMode::Async />
                <Route path=path!("/members/:id/roles") view=RolesPage ssr=SsrMode::Async />
                <Route path=path!("/members/:id/remove") view=RemoveMemberPage ssr=SsrMode::Async />
                <Route path=path!("/join") view=JoinPage ssr=SsrMode::Async />
                <Route path=path!("/settings/workspace") view=WorkspacePage ssr=SsrMode::Async />
                <Route path=path!("/settings/workspace/second-factor") view=SecondFactorPage ssr=SsrMode::Async />
                <Route path=path!("/settings/workspace/transfer") view=TransferPage ssr=SsrMode::Async />
                <Route path=path!("/settings/workspace/leave") view=LeavePage ssr=SsrMode::Async />
                <Route path=path!("/ownership/:id") view=OfferPage ssr=SsrMode::Async />
                // Not to be opened, only sent to: the sign-in page is what answers if that fails.
                <Route path=path!("/login/passkey") view=LoginPage ssr=SsrMode::Async />
                <Route path=path!("/settings/security/passkeys") view=PasskeysPage ssr=SsrMode::Async />
                <Route path=path!("/settings/security/passkeys/:id/remove") view=RemovePasskeyPage ssr=SsrMode::Async />
                <Route path=path!("/approvals") view=ApprovalsPage ssr=SsrMode::Async />
                <Route path=path!("/approvals/:id") view=ApprovalPage ssr=SsrMode::Async />
                // Only sent to: what can't be done is said on the request's own page.
                <Route path=path!("/approvals/:id/remind") view=ApprovalPage ssr=SsrMode::Async />
                <Route path=path!("/approvals/:id/withdraw") view=ApprovalPage ssr=SsrMode::Async />
                <Route path=path!("/approvals/:id/take-back") view=ApprovalPage ssr=SsrMode::Async />
                <Route path=path!("/settings/workspace/approvals") view=ApprovalRulesPage ssr=SsrMode::Async />
                <Route path=path!("/docs/webhooks") view=WebhookDocsPage ssr=SsrMode::Async />
                <Route path=path!("/settings/cli") view=CliTokensPage ssr=SsrMode::Async />
                <Route path=path!("/settings/cli/new") view=NewCliTokenPage ssr=SsrMode::Async />
                <Route path=path!("/settings/cli/:id/revoke") view=RevokeCliTokenPage ssr=SsrMode::Async />
                <Route path=path!("/admin") view=WorkspacesPage ssr=SsrMode::Async />
                <Route path=path!("/admin/people") view=PeoplePage ssr=SsrMode::Async />
                <Route path=path!("/admin/people/:id/reset-factors") view=ResetFactorsPage ssr=SsrMode::Async />
                <Route path=path!("/admin/workspaces/:id/act") view=ActPage ssr=SsrMode::Async />
                <Route path=path!("/admin/workspaces/:id/suspend") view=SuspendPage ssr=SsrMode::Async />
                <Route path=path!("/admin/workspaces/:id/restore") view=RestorePage ssr=SsrMode::Async />
                <Route path=path!("/plans") view=PlansPage ssr=SsrMode::Async />
                <Route path=path!("/plans/withdraw") view=WithdrawPlanPage ssr=SsrMode::Async />
                <Route path=path!("/admin/plans") view=PlanQueuePage ssr=SsrMode::Async />
                <Route path=path!("/admin/plans/:id") view=PlanRequestPage ssr=SsrMode::Async />
                <Route path=path!("/admin/plans/:id/approve") view=ApprovePlanPage ssr=SsrMode::Async />
                <Route path=path!("/admin/plans/:id/decline") view=DeclinePlanPage ssr=SsrMode::Async />
                <Route path=path!("/dev/ui") view=GalleryPage ssr=SsrMode::Async />
            </FlatRoutes>
        </Router>
    }
    .into_any()
}

/// The document around a page.
pub fn shell() -> impl IntoView {
    let parts = page::parts();
    let theme = parts
        .as_ref()
        .and_then(|parts| prefs::theme(&parts.headers).attribute());
    let shortcuts = parts
        .as_ref()
        .is_some_and(|parts| prefs::single_letters_off(&parts.headers))
        .then_some("off");
    let root = assets::root();
    let letter = parts
        .as_ref()
        .is_some_and(|parts| parts.uri.path().starts_with("/dev/mail/"));
    if let (Some(options), Some(nonce)) = (use_context::<ResponseOptions>(), use_nonce())
        && let Ok(policy) = HeaderValue::from_str(&policy(&nonce, letter))
    {
        options.insert_header(header::CONTENT_SECURITY_POLICY, policy);
    }
    // Only a page with an island loads the browser half; whether it has one is known when it is rendered.
    if let Some(wake) = use_context::<IslandScripts>() {
        let root = root.clone();
        wake.set(
            view! { <HydrationScripts options=OPTIONS.clone() islands=true root=root /> }.to_html(),
        );
    }
    view! {
        <!DOCTYPE html>
        <html lang="en" data-theme=theme data-shortcuts=shortcuts>
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
                <link rel="preload" href="/fonts/inter.woff2" r#as="font" r#type="font/woff2" crossorigin="anonymous" />
                <link rel="stylesheet" href=format!("{root}/pkg/latchkey.css") />
                <script src=format!("{root}/portal.js") defer nonce=use_nonce()></script>
                {passkey_page::needs_script()
                    .then(|| view! { <script src=format!("{root}/passkey.js") defer nonce=use_nonce()></script> })}
                {pair::needs_script()
                    .then(|| view! { <script src=format!("{root}/pair.js") defer nonce=use_nonce()></script> })}
                {webhooks::page::needs_script()
                    .then(|| view! { <script src=format!("{root}/webhooks.js") defer nonce=use_nonce()></script> })}
                <AutoReload options=OPTIONS.clone() />
                <MetaTags />
            </head>
            <body>
                <IconSprite />
                <App />
            </body>
        </html>
    }
}

/// What a page may load and where its forms may go. WebAssembly needs its own permission; nothing inline runs without
/// this answer's nonce. The demo's page of a `letter` shows its HTML in a frame.
fn policy(nonce: &str, letter: bool) -> String {
    let frames = if letter { " frame-src 'self';" } else { "" };
    // The reloading of pages while developing comes from another port.
    let connect = if cfg!(debug_assertions) {
        "'self' ws:"
    } else {
        "'self'"
    };
    format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; \
         font-src 'self';{frames} connect-src {connect}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
}

#[component]
fn GalleryPage() -> impl IntoView {
    let demo = page::state().is_ok_and(|state| state.config.demo);
    if demo {
        view! {
            <leptos_meta::Title text="Pieces" />
            <Gallery />
        }
        .into_any()
    } else {
        frame::error_page(&viewer::nothing_here())
    }
}
