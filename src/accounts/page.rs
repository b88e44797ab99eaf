//! Signing in, and a person's own security settings.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use super::{
    Viewer,
    factors::{self, passkey_page::PasskeySignIn},
    settings::settings,
    step_up, viewer,
};
use crate::{
    frame,
    server::{
        error::AppError,
        page::{self, Answer},
    },
    ui::{
        badge::{Badge, Shape, Tone},
        banner::{Banner, BannerView},
        button::{Button, Kind, LinkButton},
        form::{Field, FieldKind, FieldState},
        layout::Plain,
    },
};

/// Sign-ins of the demo: what one is there for, and its address.
pub const DEMO_PEOPLE: &[(&str, &str)] = &[
    ("Makes and manages keys", "maker@demo.test"),
    ("Approves what others ask for", "checker@demo.test"),
    ("Reads logs and the audit record", "auditor@demo.test"),
    ("Manages the workspace", "admin@demo.test"),
    ("Runs the installation", "operator@demo.test"),
];
pub const DEMO_PASSWORD: &str = "correct-horse-battery";
pub const DEMO_PIN: &str = "4831";

#[component]
pub fn LoginPage() -> impl IntoView {
    let state = match page::state() {
        Ok(state) => state,
        Err(error) => return frame::error_page(&error),
    };
    let answer = Answer::here();
    let query = use_query_map().get_untracked();
    let next = query.get("next").unwrap_or_else(|| answer.value("next"));
    let next_again = next.clone();
    let failure = frame::failure(&answer);
    let done = match query.get("done").as_deref() {
        Some("password") => "Your new password is set. Sign in with it.",
        Some("closed") => "Your account is closed. What was kept about you is erased.",
        _ => "",
    };
    let sign_up = if next.is_empty() {
        "/signup".to_owned()
    } else {
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("next", &next)
            .finish();
        format!("/signup?{query}")
    };
    let demo = state.config.demo.then(|| {
        let people = DEMO_PEOPLE
            .iter()
            .map(|(what, email)| {
                view! {
                    <tr>
                        <td class="py-1 pr-4 font-mono text-mono">{*email}</td>
                        <td class="py-1 text-ink-2">{*what}</td>
                    </tr>
                }
            })
            .collect_view();
        view! {
            <section class="mt-6 border-t border-line pt-4 text-small" aria-labelledby="demo">
                <h2 id="demo" class="font-semibold">
                    "This is the demo"
                </h2>
                <p class="mt-1 text-ink-2">
                    "Password " <code class="font-mono text-mono text-ink">{DEMO_PASSWORD}</code> ", PIN "
                    <code class="font-mono text-mono text-ink">{DEMO_PIN}</code> ", for each of:"
                </p>
                <table class="mt-2 w-full">
                    <caption class="sr-only">"Demo sign-ins"</caption>
                    <tbody>{people}</tbody>
                </table>
            </section>
        }
    });
    let email = answer.value("email");
    let error_of = move |field: &str| answer.error_at(field).unwrap_or_default();
    view! {
        <Title text=format!("Sign in \u{b7} {}", state.profile.name) />
        <Plain title="Sign in" brand=state.profile.name.clone() wide=true>
            {(!done.is_empty())
                .then(|| {
                    view! {
                        <p role="status" class="mb-4 rounded-control bg-success-soft px-3 py-2 text-success">
                            {done}
                        </p>
                    }
                })}
            {failure}
            <form method="post" action="/login" class="space-y-4">
                <input type="hidden" name="next" value=next />
                <Field
                    label="Email"
                    name="email"
                    kind=FieldKind::Email
                    required=true
                    autofocus=true
                    state=FieldState::new(email).error(error_of("email"))
                />
                <Field
                    label="Password"
                    name="password"
                    kind=FieldKind::Password
                    required=true
                    state=FieldState::default().error(error_of("password"))
                />
                <Button kind=Kind::Solid busy="Signing in\u{2026}">
                    "Sign in"
                </Button>
            </form>
            <PasskeySignIn next=next_again />
            <p class="mt-6 flex flex-wrap gap-x-4 gap-y-1 text-small">
                <a class="link" href=sign_up>
                    "Create an account"
                </a>
                <a class="link" href="/reset">
                    "Forgot your password?"
                </a>
            </p> {demo}
        </Plain>
    }
    .into_any()
}

/// What the page of a person's factors shows.
struct Factors {
    viewer: Viewer,
    pin_locked: bool,
    recovery_codes: i64,
}

#[component]
pub fn SecurityPage() -> impl IntoView {
    let load = async {
        let viewer = viewer::current()?;
        let state = page::state()?;
        let load = async {
            let pin_locked = step_up::pin_locked(&state, &viewer.user_id).await?;
            let mut reader = state.db.read().await?;
            let recovery_codes =
                factors::store::recovery_codes_left(&mut reader, &viewer.user_id).await?;
            Ok::<_, AppError>(Factors {
                pin_locked,
                recovery_codes,
                viewer: viewer.clone(),
            })
        };
        load.await.map_err(AppError::into_ui)
    };
    frame::loaded(load, security)
}

fn set(is: bool) -> AnyView {
    if is {
        view! { <Badge tone=Tone::Success shape=Shape::Disc word="Set" /> }.into_any()
    } else {
        view! { <Badge tone=Tone::Neutral shape=Shape::Ring word="Not set" /> }.into_any()
    }
}

/// One factor: its name, its state, what it is for, what can be done with it.
fn factor(
    name: &'static str,
    state: impl IntoAny,
    text: &'static str,
    actions: impl IntoAny,
) -> AnyView {
    view! {
        <li class="flex flex-wrap items-center gap-x-4 gap-y-2 p-4">
            <div class="min-w-0 flex-1 basis-64">
                <div class="flex items-center gap-3">
                    <h3 class="font-medium">{name}</h3>
                    {state.into_any()}
                </div>
                <p class="mt-0.5 text-small text-ink-2">{text}</p>
            </div>
            <div class="flex flex-wrap gap-2">{actions.into_any()}</div>
        </li>
    }
    .into_any()
}

fn security(factors: Factors) -> AnyView {
    let Factors {
        viewer,
        pin_locked,
        recovery_codes,
    } = factors;
    let query = use_query_map().get_untracked();
    let toast = match query.get("done").as_deref() {
        Some("pin") => Some("Your PIN is set."),
        Some("password") => Some("Your password is changed, and every other session has ended."),
        Some("totp") => Some("Your second factor is set up."),
        Some("totp-removed") => Some("Your authenticator is removed."),
        _ => None,
    };
    let required = viewer
        .workspace
        .as_ref()
        .filter(|_| viewer.must_enrol())
        .map(|workspace| {
            view! {
                <BannerView
                    card=true
                    banner=Banner {
                        tone: Tone::Warning,
                        lead: format!("\u{201c}{}\u{201d} asks its members for a second factor.", workspace.name),
                        text: "Set up an authenticator or a passkey to go on. Nothing else is open to you there until then."
                            .to_owned(),
                        link: None,
                    }
                />
            }
        });
    let totp = if viewer.has_totp {
        view! {
            <LinkButton href="/settings/security/totp">"Replace"</LinkButton>
            <LinkButton href="/settings/security/totp/remove" kind=Kind::Danger dialog=true>
                "Remove"
            </LinkButton>
        }
        .into_any()
    } else {
        view! {
            <LinkButton href="/settings/security/totp" kind=if viewer.must_enrol() { Kind::Solid } else { Kind::Outline }>
                "Set up"
            </LinkButton>
        }
        .into_any()
    };
    let codes = viewer.has_second_factor().then(|| {
        let left = match recovery_codes {
            0 => view! { <Badge tone=Tone::Warning shape=Shape::Triangle word="None left" /> }
                .into_any(),
            left => view! { <span class="text-small text-ink-2">{format!("{left} left")}</span> }
                .into_any(),
        };
        factor(
            "Recovery codes",
            left,
            "For when the authenticator or passkey is out of reach. Each works once.",
            view! { <LinkButton href="/settings/security/recovery">"New codes"</LinkButton> },
        )
    });
    settings(
        "Security",
        "How you sign in, and what confirms that it\u{2019}s you.",
        toast.map(str::to_owned),
        view! {
            {required}
            <section aria-labelledby="factors">
                <h2 id="factors" class="text-h2">
                    "Signing in"
                </h2>
                <ul class="card mt-3 divide-y divide-line">
                    {factor(
                        "Password",
                        (),
                        "At least 8 characters, hard to guess. A change ends all sessions.",
                        view! { <LinkButton href="/settings/security/password">"Change"</LinkButton> },
                    )}
                    {factor(
                        "Authenticator",
                        set(viewer.has_totp),
                        "A code from an app on your phone, asked for after the password.",
                        totp,
                    )}
                    {factor(
                        "Passkeys",
                        set(viewer.has_passkey),
                        "Kept by your device or a security key. One signs you in without a password.",
                        view! { <LinkButton href="/settings/security/passkeys">"Manage passkeys"</LinkButton> },
                    )} {codes}
                </ul>
            </section>
            {pin(&viewer, pin_locked)}
        },
    )
}

fn pin(viewer: &Viewer, locked: bool) -> AnyView {
    let answer = Answer::here();
    let error_of = |field: &str| answer.error_at(field).unwrap_or_default();
    let badge = if viewer.has_pin && locked {
        view! { <Badge tone=Tone::Danger shape=Shape::Triangle word="Locked" /> }.into_any()
    } else {
        set(viewer.has_pin)
    };
    let submit = if viewer.has_pin {
        "Change PIN"
    } else {
        "Set PIN"
    };
    let locked_note = locked.then(|| {
        view! {
            <BannerView
                card=true
                banner=Banner {
                    tone: Tone::Warning,
                    lead: "PIN locked after 5 tries.".to_owned(),
                    text: "Your password unlocks it: set the PIN anew below, or confirm the next action with your password."
                        .to_owned(),
                    link: None,
                }
            />
        }
    });
    view! {
        <section aria-labelledby="pin">
            <div class="flex items-center gap-3">
                <h2 id="pin" class="text-h2">
                    "PIN"
                </h2>
                {badge}
            </div>
            <p class="mt-1 text-ink-2">
                "Confirms single actions, such as creating a key, when you are signed in. It never signs you in."
            </p>
            <div class="card mt-3 space-y-4 p-4">
                {locked_note} {frame::failure(&answer)}
                <form method="post" action="/settings/security" class="space-y-4">
                    <input type="hidden" name="next" value=next() />
                    <div class="max-w-72">
                        <Field
                            label="New PIN"
                            name="new_pin"
                            kind=FieldKind::Pin
                            hint="4 to 8 digits"
                            autocomplete="off"
                            required=true
                            state=FieldState::default().error(error_of("new_pin"))
                        />
                    </div>
                    <div class="max-w-72">
                        <Field
                            label="Password"
                            name="password"
                            kind=FieldKind::Password
                            hint="It authorises one thing: setting this PIN."
                            required=true
                            state=FieldState::default().error(error_of("password"))
                        />
                    </div>
                    <Button kind=Kind::Outline busy="Setting\u{2026}">
                        {submit}
                    </Button>
                </form>
            </div>
        </section>
    }
    .into_any()
}

/// Where to go back to once what was missing is set up.
fn next() -> String {
    match Answer::here().value("next") {
        sent if !sent.is_empty() => sent,
        _ => use_query_map()
            .get_untracked()
            .get("next")
            .unwrap_or_default(),
    }
}
