//! Setting up an authenticator, and the one sight of recovery codes.

use fast_qr::qr::QRBuilder;
use leptos::prelude::*;

use super::{ops::Codes, store, totp};
use crate::{
    accounts::{
        confirm::{Confirm, confirm},
        settings::settings,
        step_up::Action,
        viewer,
    },
    error::UiError,
    frame::{self, Head, Span},
    server::{
        error::AppError,
        page::{self, Answer, Once},
    },
    ui::{
        button::LinkButton,
        copy_once::CopyButton,
        dialog::{DialogBody, DialogPage},
        form::{Field, FieldKind, FieldState},
        layout::{Crumb, Width},
    },
};

/// Modules of quiet around a QR code (ISO/IEC 18004 §6.3.8).
const QUIET: usize = 4;

#[component]
pub fn TotpPage() -> impl IntoView {
    let answer = Answer::here();
    if let Some(Once::RecoveryCodes(codes)) = answer.once.as_deref() {
        return recovery_codes("Your authenticator is set up.", codes);
    }
    let load = async move {
        let viewer = viewer::current()?;
        let state = page::state()?;
        let setup = totp::setup(
            &state,
            &viewer.user_id,
            &viewer.email,
            &answer.value("setup"),
        )
        .map_err(AppError::into_ui)?;
        Ok::<_, UiError>((viewer.has_totp, setup))
    };
    frame::loaded(load, |(replaces, setup)| {
        let title = if replaces {
            "Replace authenticator"
        } else {
            "Set up authenticator"
        };
        settings(
            title,
            "An app on your phone that shows a new code every 30 seconds.",
            None,
            view! {
                <form method="post" action="/settings/security/totp" class="space-y-8" autocomplete="off">
                    {frame::failure(&Answer::here())}
                    <input type="hidden" name="setup" value=setup.sealed />
                    <section class="space-y-4" aria-labelledby="scan">
                        <h2 id="scan" class="text-h2">
                            {title}
                        </h2>
                        <ol class="space-y-4">
                            <li>
                                <p>"1. Scan this with your authenticator app."</p>
                                <div class="mt-3 flex flex-wrap items-start gap-6">
                                    {qr(&setup.url)}
                                    <div class="min-w-0 flex-1 basis-64">
                                        <p class="text-small text-ink-2">
                                            "No camera? Type this instead: time-based, six digits."
                                        </p>
                                        <div class="mt-1 flex items-center gap-2">
                                            <code id="manual" class="font-mono text-mono break-words">
                                                {setup.manual}
                                            </code>
                                            <CopyButton target="manual" label="Copy secret" icon_only=true />
                                        </div>
                                    </div>
                                </div>
                            </li>
                            <li class="max-w-72">
                                <Field
                                    label="2. Type the code that it shows"
                                    name="code"
                                    kind=FieldKind::Code
                                    required=true
                                    state=FieldState::default()
                                        .error(Answer::here().error_at("code").unwrap_or_default())
                                />
                            </li>
                        </ol>
                    </section>
                    {confirm(Confirm {
                        action: Action::AddFactor,
                        what: if replaces {
                            "replace your authenticator".to_owned()
                        } else {
                            "add this authenticator to your account".to_owned()
                        },
                        submit: title,
                        busy: "Setting up\u{2026}",
                        cancel: "/settings/security".to_owned(),
                        kept: "The picture above is still the right one.",
                        danger: false,
                        dialog: false,
                    })}
                </form>
            },
        )
    })
}

/// The code as one path, black on white in both themes: scanners want it so.
fn qr(text: &str) -> AnyView {
    let Ok(code) = QRBuilder::new(text).build() else {
        return ().into_any();
    };
    let mut path = String::new();
    for row in 0..code.size {
        for column in 0..code.size {
            if code[row][column].value() {
                use std::fmt::Write;
                let _ = write!(path, "M{} {}h1v1h-1z", column + QUIET, row + QUIET);
            }
        }
    }
    let side = code.size + 2 * QUIET;
    view! {
        <svg
            class="size-48 shrink-0 rounded-control border border-line"
            viewBox=format!("0 0 {side} {side}")
            role="img"
            aria-label="QR code for your authenticator"
            shape-rendering="crispEdges"
        >
            <rect width=side.to_string() height=side.to_string() fill="#fff" />
            <path d=path fill="#000" />
        </svg>
    }
    .into_any()
}

#[component]
pub fn RemoveTotpPage() -> impl IntoView {
    let viewer = match viewer::current() {
        Ok(viewer) if viewer.has_totp => viewer,
        Ok(_) => return frame::error_page(&AppError::not_found().into_ui()),
        Err(error) => return frame::error_page(&error),
    };
    let lead = if viewer.has_passkey {
        "You sign in with your passkeys or your password and a recovery code from then on."
    } else {
        "Your password alone signs you in from then on, and your recovery codes are gone too."
    };
    frame::framed(
        Head {
            heading: "Remove authenticator".to_owned(),
            crumbs: vec![Crumb::new("Settings", "/settings/security")],
            span: Span::None,
            width: Width::Form,
            ..Head::default()
        },
        view! {
            <DialogPage title="Remove your authenticator?" lead=lead>
                <form method="post" action="/settings/security/totp/remove">
                    <DialogBody>{frame::failure(&Answer::here())}</DialogBody>
                    {confirm(Confirm {
                        action: Action::RemoveFactor,
                        what: "remove your authenticator".to_owned(),
                        submit: "Remove authenticator",
                        busy: "Removing\u{2026}",
                        cancel: "/settings/security".to_owned(),
                        kept: "",
                        danger: true,
                        dialog: true,
                    })}
                </form>
            </DialogPage>
        },
    )
}

#[component]
pub fn RecoveryPage() -> impl IntoView {
    let answer = Answer::here();
    if let Some(Once::RecoveryCodes(codes)) = answer.once.as_deref() {
        return recovery_codes("The old codes don\u{2019}t work any more.", codes);
    }
    let load = async {
        let viewer = viewer::current()?;
        let state = page::state()?;
        if !viewer.has_second_factor() {
            return Err(AppError::not_found().into_ui());
        }
        let load = async {
            let mut reader = state.db.read().await?;
            Ok::<_, AppError>(store::recovery_codes_left(&mut reader, &viewer.user_id).await?)
        };
        load.await.map_err(AppError::into_ui)
    };
    frame::loaded(load, |left| {
        settings(
            "New recovery codes",
            "Each signs you in once, in place of your authenticator or passkey.",
            None,
            view! {
                <form method="post" action="/settings/security/recovery" class="space-y-6">
                    {frame::failure(&Answer::here())}
                    <p>
                        {match left {
                            1 => "1 code is left.".to_owned(),
                            _ => format!("{left} codes are left."),
                        }} " Ten new ones replace them."
                    </p>
                    {confirm(Confirm {
                        action: Action::RenewRecoveryCodes,
                        what: "replace your recovery codes".to_owned(),
                        submit: "Make new codes",
                        busy: "Making\u{2026}",
                        cancel: "/settings/security".to_owned(),
                        kept: "",
                        danger: false,
                        dialog: false,
                    })}
                </form>
            },
        )
    })
}

/// The codes, this once.
pub fn recovery_codes(done: &'static str, codes: &Codes) -> AnyView {
    let lines = codes
        .iter()
        .map(|code| view! { <li>{code.to_string()}</li> })
        .collect_view();
    let all: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    settings(
        "Recovery codes",
        "Each signs you in once, in place of your authenticator or passkey.",
        None,
        view! {
            <section class="card space-y-4 p-4" aria-labelledby="codes-title" data-secret-moment>
                <h2 id="codes-title" class="text-h2">
                    "Store these recovery codes now"
                </h2>
                <p class="text-ink-2">
                    {done}
                    " This is the only time the codes can be shown: we keep fingerprints of them. Keep them apart from your phone."
                </p>
                <ol class="grid max-w-96 grid-cols-2 gap-x-8 gap-y-1 font-mono text-mono" aria-label="Recovery codes">
                    {lines}
                </ol>
                <pre id="codes" class="sr-only" aria-hidden="true">
                    {all.join("\n")}
                </pre>
                <div class="flex flex-wrap gap-2">
                    <CopyButton target="codes" label="Copy all" />
                    <LinkButton href="/settings/security?done=totp">"I have stored them"</LinkButton>
                </div>
            </section>
        },
    )
}
