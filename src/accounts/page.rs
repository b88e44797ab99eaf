//! Signing in, and a person's own security settings.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use super::{
    factors::passkey_page::{self, PasskeySignIn},
    step_up, viewer,
};
use crate::{
    frame::{self, Head, Span},
    server::{
        error::AppError,
        page::{self, Answer},
    },
    ui::{
        badge::{Badge, Shape, Tone},
        banner::{Banner, BannerView},
        button::{Button, Kind},
        form::{Field, FieldKind, FieldState},
        layout::{Plain, Width},
        toast::Toast,
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
            {demo}
        </Plain>
    }
    .into_any()
}

#[component]
pub fn SecurityPage() -> impl IntoView {
    let load = async {
        let viewer = viewer::current()?;
        let state = page::state()?;
        let locked = step_up::pin_locked(&state, &viewer.user_id)
            .await
            .map_err(AppError::into_ui)?;
        Ok((viewer.has_pin, locked))
    };
    frame::loaded(load, |(has_pin, locked)| security(has_pin, locked))
}

fn security(has_pin: bool, locked: bool) -> AnyView {
    let answer = Answer::here();
    let done = use_query_map().get_untracked().get("done");
    let (new_pin_error, password_error) = (
        answer.error_at("new_pin").unwrap_or_default(),
        answer.error_at("password").unwrap_or_default(),
    );
    let failure = frame::failure(&answer);
    let badge = match (has_pin, locked) {
        (false, _) => view! { <Badge tone=Tone::Neutral shape=Shape::Ring word="Not set" /> },
        (true, true) => view! { <Badge tone=Tone::Danger shape=Shape::Triangle word="Locked" /> },
        (true, false) => view! { <Badge tone=Tone::Success shape=Shape::Disc word="Set" /> },
    };
    let head = Head {
        heading: "Security".to_owned(),
        purpose: "What confirms that it's you.",
        span: Span::None,
        width: Width::Form,
        toasts: (done.as_deref() == Some("pin"))
            .then(|| Toast {
                text: "Your PIN is set.".to_owned(),
                action: None,
            })
            .into_iter()
            .collect(),
        ..Head::default()
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
    frame::framed(
        head,
        view! {
            <section class="card space-y-4 p-4" aria-labelledby="pin">
                <div class="flex items-center gap-3">
                    <h2 id="pin" class="text-h2">
                        "PIN"
                    </h2>
                    {badge}
                </div>
                <p class="text-ink-2">
                    "A PIN confirms single actions, such as creating a key, when you are signed in. It never signs you in."
                </p>
                {locked_note} {failure}
                <form method="post" action="/settings/security" class="space-y-4">
                    <div class="max-w-72">
                        <Field
                            label="New PIN"
                            name="new_pin"
                            kind=FieldKind::Pin
                            hint="4 to 8 digits"
                            autocomplete="off"
                            required=true
                            state=FieldState::default().error(new_pin_error)
                        />
                    </div>
                    <div class="max-w-72">
                        <Field
                            label="Password"
                            name="password"
                            kind=FieldKind::Password
                            hint="It authorises one thing: setting this PIN."
                            required=true
                            state=FieldState::default().error(password_error)
                        />
                    </div>
                    <Button kind=Kind::Solid busy="Setting\u{2026}">
                        {if has_pin { "Change PIN" } else { "Set PIN" }}
                    </Button>
                </form>
            </section>
            <div class="mt-6">{viewer::optional().map(|viewer| passkey_page::summary(&viewer))}</div>
        },
    )
}
