//! Pages of those who are not signed in yet, or who change how they sign in.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use super::ops;
use crate::{
    accounts::{
        confirm::{Confirm, confirm},
        factors::passkey_page::PasskeySignIn,
        links::Purpose,
        settings::settings,
        step_up::Action,
        viewer,
    },
    error::UiError,
    frame::{self, Head, Span},
    server::{
        error::AppError,
        page::{self, Answer},
    },
    ui::{
        button::{Button, Kind, LinkButton},
        form::{Field, FieldKind, FieldState},
        layout::{Crumb, Plain, Width},
    },
};

/// A page without a rail. `title` is its heading and the document's.
fn plain(title: &'static str, lead: &str, content: impl IntoAny) -> AnyView {
    let brand = page::state().map_or_else(
        |_| "Latchkey".to_owned(),
        |state| state.profile.name.clone(),
    );
    let (lead, content) = (lead.to_owned(), content.into_any());
    view! {
        <Title text=format!("{title} \u{b7} {brand}") />
        <Plain title=title brand=brand lead=lead>
            {content}
        </Plain>
    }
    .into_any()
}

/// A parameter of the address; of a form that came back, its field of that name.
fn given(name: &str) -> String {
    let answer = Answer::here();
    match answer.value(name) {
        sent if !sent.is_empty() => sent,
        _ => use_query_map()
            .get_untracked()
            .get(name)
            .unwrap_or_default(),
    }
}

fn error_of(field: &str) -> String {
    Answer::here().error_at(field).unwrap_or_default()
}

/// An address with `next` in it, if there is one.
fn onward(path: &str, next: &str) -> String {
    if next.is_empty() {
        return path.to_owned();
    }
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("next", next)
        .finish();
    format!("{path}?{query}")
}

const PASSWORD_HINT: &str =
    "At least 8 characters. A few unrelated words, or what your password manager makes.";

#[component]
pub fn SignUpPage() -> impl IntoView {
    let next = given("next");
    let sign_in = onward("/login", &next);
    plain(
        "Create an account",
        "",
        view! {
            {frame::failure(&Answer::here())}
            <form method="post" action="/signup" class="space-y-4">
                <input type="hidden" name="next" value=next />
                <Field
                    label="Name"
                    name="name"
                    hint="As your colleagues know you."
                    autocomplete="name"
                    required=true
                    autofocus=true
                    maxlength=Some(100)
                    state=FieldState::new(given("name")).error(error_of("name"))
                />
                <Field
                    label="Email"
                    name="email"
                    kind=FieldKind::Email
                    hint="We send a link there to confirm it."
                    required=true
                    state=FieldState::new(given("email")).error(error_of("email"))
                />
                <Field
                    label="Password"
                    name="password"
                    kind=FieldKind::Password
                    hint=PASSWORD_HINT
                    autocomplete="new-password"
                    required=true
                    state=FieldState::default().error(error_of("password"))
                />
                <Button kind=Kind::Solid busy="Creating\u{2026}">
                    "Create account"
                </Button>
            </form>
            <p class="mt-6 text-small text-ink-2">
                "You have an account? " <a class="link" href=sign_in>
                    "Sign in"
                </a>
            </p>
        },
    )
}

#[component]
pub fn SignUpSentPage() -> impl IntoView {
    plain(
        "Check your mail",
        "",
        view! {
            <p>
                "We sent a letter to the address that you gave. Its link confirms that the address is yours; it works once, for 24 hours."
            </p>
            <p class="mt-3 text-ink-2">
                "Nothing there after a few minutes? Look among the unwanted mail, then "
                <a class="link" href="/signup">
                    "send it again"
                </a> "."
            </p>
        },
    )
}

/// A link from a letter that opens nothing, with the way to a new one.
fn dead(error: &UiError, label: &'static str, href: &'static str) -> AnyView {
    frame::set_status(error);
    let message = error.message.clone();
    plain(
        "This link doesn\u{2019}t open anything",
        "",
        view! {
            <p role="alert">{message}</p>
            <div class="mt-4">
                <LinkButton href=href>{label}</LinkButton>
            </div>
        },
    )
}

#[component]
pub fn VerifyPage() -> impl IntoView {
    let token = given("token");
    let load = {
        let token = token.clone();
        async move {
            let state = page::state()?;
            ops::sign_up_for(&state, &token)
                .await
                .map_err(AppError::into_ui)
        }
    };
    frame::either(load, move |found| match found {
        Err(error) => dead(&error, "Sign up again", "/signup"),
        Ok(email) => plain(
            "Confirm your address",
            "One more time, so that nobody else confirms it for you.",
            view! {
                {frame::failure(&Answer::here())}
                <form method="post" action="/signup/verify" class="space-y-4">
                    <input type="hidden" name="token" value=token />
                    <Field
                        label="Email"
                        name="username"
                        kind=FieldKind::Email
                        disabled=true
                        state=FieldState::new(email)
                    />
                    <Field
                        label="Password"
                        name="password"
                        kind=FieldKind::Password
                        hint="The one that you chose when you signed up."
                        required=true
                        autofocus=true
                        state=FieldState::default().error(error_of("password"))
                    />
                    <Button kind=Kind::Solid busy="Confirming\u{2026}">
                        "Confirm address"
                    </Button>
                </form>
            },
        ),
    })
}

#[component]
pub fn ResetPage() -> impl IntoView {
    plain(
        "Choose a new password",
        "We send a link to your address. It works once, for 30 minutes.",
        view! {
            {frame::failure(&Answer::here())}
            <form method="post" action="/reset" class="space-y-4">
                <Field
                    label="Email"
                    name="email"
                    kind=FieldKind::Email
                    required=true
                    autofocus=true
                    state=FieldState::new(given("email")).error(error_of("email"))
                />
                <Button kind=Kind::Solid busy="Sending\u{2026}">
                    "Send link"
                </Button>
            </form>
            <p class="mt-6 text-small text-ink-2">
                <a class="link" href="/login">
                    "Back to sign in"
                </a>
            </p>
        },
    )
}

#[component]
pub fn ResetSentPage() -> impl IntoView {
    plain(
        "Check your mail",
        "",
        view! {
            <p>
                "We sent a letter to the address that you gave. If it has an account, the letter holds a link to choose a new password."
            </p>
            <p class="mt-3 text-ink-2">
                "Nothing there after a few minutes? Look among the unwanted mail, then "
                <a class="link" href="/reset">
                    "send it again"
                </a> "."
            </p>
        },
    )
}

#[component]
pub fn NewPasswordPage() -> impl IntoView {
    let token = given("token");
    let load = {
        let token = token.clone();
        async move {
            let state = page::state()?;
            ops::reset_for(&state, &token)
                .await
                .map_err(AppError::into_ui)
        }
    };
    frame::either(load, move |found| match found {
        Err(error) => dead(&error, "Ask for a new link", "/reset"),
        Ok(user) => plain(
            "Choose a new password",
            "All your sessions end, in every browser. Second factors stay as they are.",
            view! {
                {frame::failure(&Answer::here())}
                <form method="post" action="/reset/new" class="space-y-4">
                    <input type="hidden" name="token" value=token />
                    <input type="hidden" name="username" autocomplete="username" value=user.email />
                    <Field
                        label="New password"
                        name="new_password"
                        kind=FieldKind::Password
                        hint=PASSWORD_HINT
                        autocomplete="new-password"
                        required=true
                        autofocus=true
                        state=FieldState::default().error(error_of("new_password"))
                    />
                    <Button kind=Kind::Solid busy="Saving\u{2026}">
                        "Set password"
                    </Button>
                </form>
            },
        ),
    })
}

#[component]
pub fn CodePage() -> impl IntoView {
    let next = given("next");
    plain(
        "Second step",
        "Your password was right. Now the code that your authenticator shows.",
        view! {
            {frame::failure(&Answer::here())}
            <form method="post" action="/login/code" class="space-y-4">
                <input type="hidden" name="next" value=next.clone() />
                <Field
                    label="Code"
                    name="code"
                    autocomplete="one-time-code"
                    mono=true
                    hint="Six digits. Lost the device? One of your recovery codes works as well, once."
                    required=true
                    autofocus=true
                    state=FieldState::default().error(error_of("code"))
                />
                <Button kind=Kind::Solid busy="Signing in\u{2026}">
                    "Continue"
                </Button>
            </form>
            <PasskeySignIn next=next.clone() />
            <p class="mt-6 text-small text-ink-2">
                <a class="link" href=onward("/login", &next)>
                    "Start again"
                </a>
            </p>
        },
    )
}

#[component]
pub fn ConfirmAddressPage() -> impl IntoView {
    let token = given("token");
    let load = {
        let token = token.clone();
        async move {
            let state = page::state()?;
            ops::change_behind(&state, &token)
                .await
                .map_err(AppError::into_ui)
        }
    };
    frame::either(load, move |found| match found {
        Err(error) => dead(&error, "Sign in", "/login"),
        Ok((purpose, change)) => {
            let password = (purpose == Purpose::NewAddress).then(|| {
                view! {
                    <Field
                        label="Password"
                        name="password"
                        kind=FieldKind::Password
                        hint="Of the account that is to move here. If you have none, this letter is not for you."
                        required=true
                        state=FieldState::default().error(error_of("password"))
                    />
                }
            });
            let what = match purpose {
                Purpose::NewAddress => "An account is to use this address:",
                _ => "Your account is to move to another address:",
            };
            plain(
                "Confirm the change of address",
                "It is done once both addresses have confirmed it.",
                view! {
                    {frame::failure(&Answer::here())}
                    <form method="post" action="/address/confirm" class="space-y-4">
                        <input type="hidden" name="token" value=token />
                        <p>
                            {what} " " <strong class="font-medium break-all">{change.email}</strong>
                        </p>
                        {password}
                        <Button kind=Kind::Solid busy="Confirming\u{2026}">
                            "Confirm change"
                        </Button>
                    </form>
                },
            )
        }
    })
}

#[component]
pub fn AddressConfirmedPage() -> impl IntoView {
    let all = given("done") == "all";
    plain(
        if all {
            "The address was changed"
        } else {
            "Confirmed"
        },
        "",
        view! {
            <p>
                {if all {
                    "You sign in with the new address from now on."
                } else {
                    "Now the other address has to confirm it, too. Its letter is on the way."
                }}
            </p>
            <div class="mt-4">
                <LinkButton href="/">"Go on"</LinkButton>
            </div>
        },
    )
}

#[component]
pub fn ChangeAddressPage() -> impl IntoView {
    let viewer = match viewer::current() {
        Ok(viewer) => viewer,
        Err(error) => return frame::error_page(&error),
    };
    frame::framed(
        Head {
            heading: "Change address".to_owned(),
            purpose: "You sign in with it, and letters go there.",
            crumbs: vec![
                Crumb::new("Settings", "/settings/security"),
                Crumb::new("Account", "/settings/account"),
            ],
            span: Span::None,
            width: Width::Form,
            ..Head::default()
        },
        view! {
            {frame::failure(&Answer::here())}
            <form method="post" action="/settings/account/address" class="space-y-6">
                <p>
                    "Now: " <strong class="font-medium">{viewer.email}</strong>
                    ". Both addresses get a letter; the change is done when both have confirmed it."
                </p>
                <div class="max-w-96">
                    <Field
                        label="New address"
                        name="email"
                        kind=FieldKind::Email
                        required=true
                        autocomplete="email"
                        state=FieldState::new(given("email")).error(error_of("email"))
                    />
                </div>
                {confirm(Confirm {
                    action: Action::ChangeAddress,
                    what: "move this account to the address above".to_owned(),
                    submit: "Send both letters",
                    busy: "Sending\u{2026}",
                    cancel: "/settings/account".to_owned(),
                    kept: "",
                    danger: false,
                    dialog: false,
                })}
            </form>
        },
    )
}

#[component]
pub fn ChangePasswordPage() -> impl IntoView {
    settings(
        "Change password",
        "All your sessions end, in every browser; in this one you stay signed in.",
        None,
        view! {
            {frame::failure(&Answer::here())}
            <form method="post" action="/settings/security/password" class="space-y-6">
                <div class="max-w-96">
                    <Field
                        label="New password"
                        name="new_password"
                        kind=FieldKind::Password
                        hint=PASSWORD_HINT
                        autocomplete="new-password"
                        required=true
                        state=FieldState::default().error(error_of("new_password"))
                    />
                </div>
                {confirm(Confirm {
                    action: Action::ChangePassword,
                    what: "replace your password".to_owned(),
                    submit: "Change password",
                    busy: "Changing\u{2026}",
                    cancel: "/settings/security".to_owned(),
                    kept: "",
                    danger: false,
                    dialog: false,
                })}
            </form>
        },
    )
}
