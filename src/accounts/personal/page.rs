//! A person's own account: the page, the question before their data is downloaded, and the one before it is closed.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::{
    ops::{self, Standing},
    policy::{Fate, KeysChoice},
};
use crate::{
    accounts::{
        confirm::{Confirm, confirm},
        settings::settings,
        step_up::Action,
    },
    frame::{self, Head, Here, Span, framed, loaded},
    server::{
        error::AppError,
        page::{self, Answer},
    },
    ui::{
        badge::Tone,
        banner::{Banner, BannerView},
        button::{Button, Kind, LinkButton},
        dialog::{DialogBody, DialogPage},
        form::{Field, FieldKind, FieldState, RadioCard, RadioCards},
        key_value::{Fact, KeyValue},
        layout::{Crumb, Width},
        time::count,
    },
};

const HERE: &str = "/settings/account";

#[component]
pub fn AccountPage() -> impl IntoView {
    match frame::here() {
        Ok(here) => account(&here),
        Err(error) => frame::error_page(&error),
    }
}

fn account(here: &Here) -> AnyView {
    let answer = Answer::here();
    let done = use_query_map().get_untracked().get("done");
    let toast = (done.as_deref() == Some("name")).then(|| "Your name is changed.".to_owned());
    let failure = frame::failure(&answer);
    let (name, error) = match answer.error_at("name") {
        Some(error) => (answer.value("name"), error),
        None => (here.viewer.name.clone(), String::new()),
    };
    let address = view! {
        <span class="flex flex-wrap items-center justify-between gap-2">
            <span class="min-w-0 wrap-anywhere">{here.viewer.email.clone()}</span>
            <a class="link" href="/settings/account/address">
                "Change"
                <span class="sr-only">" the e-mail address"</span>
            </a>
        </span>
    };
    settings(
        "Account",
        "Who you are here, and what is kept about you.",
        toast,
        view! {
            <section class="card space-y-4 p-4" aria-labelledby="profile">
                <h2 id="profile" class="text-h2">
                    "Profile"
                </h2>
                {failure}
                <form method="post" action=HERE class="space-y-4">
                    <div class="max-w-96">
                        <Field
                            label="Name"
                            name="name"
                            hint="Members of your workspaces see it."
                            autocomplete="name"
                            required=true
                            maxlength=Some(100)
                            state=FieldState::new(name).error(error)
                        />
                    </div>
                    <Button kind=Kind::Solid busy="Saving\u{2026}">
                        "Save name"
                    </Button>
                </form>
                <div class="border-t border-line pt-2">
                    <KeyValue items=vec![Fact::new("E-mail address", address)] />
                </div>
            </section>
            <section class="card space-y-3 p-4" aria-labelledby="data">
                <h2 id="data" class="text-h2">
                    "Your data"
                </h2>
                <p class="max-w-[68ch] text-ink-2">
                    "One file with what is kept about you: profile, memberships, sessions, browsers, factors, notices, your keys, and what you did. No secret is in it."
                </p>
                <LinkButton href=format!("{HERE}/export")>"Download your data\u{2026}"</LinkButton>
            </section>
            <section class="card space-y-3 p-4" aria-labelledby="close">
                <h2 id="close" class="text-h2">
                    "Close account"
                </h2>
                <p class="max-w-[68ch] text-ink-2">
                    "You leave every workspace, and your name, address and factors are erased. The next page says what happens to your keys before anything is done."
                </p>
                <LinkButton href=format!("{HERE}/close") kind=Kind::Danger>
                    "Close account\u{2026}"
                </LinkButton>
            </section>
        },
    )
}

fn crumbs() -> Vec<Crumb> {
    vec![
        Crumb::new("Settings", "/settings/security"),
        Crumb::new("Account", HERE),
    ]
}

#[component]
pub fn ExportPage() -> impl IntoView {
    let answer = Answer::here();
    let failure = frame::failure(&answer);
    framed(
        Head {
            heading: "Download your data".to_owned(),
            crumbs: crumbs(),
            span: Span::None,
            width: Width::Form,
            ..Head::default()
        },
        view! {
            <DialogPage
                title="Download your data?"
                lead="You get one JSON file. Whoever has it can read where and when you signed in and what you did, so keep it somewhere safe."
            >
                <form method="post" action=format!("{HERE}/export") data-saves="">
                    <DialogBody>{failure}</DialogBody>
                    {confirm(Confirm {
                        action: Action::ExportData,
                        what: "download your personal data".to_owned(),
                        submit: "Download data",
                        busy: "",
                        cancel: HERE.to_owned(),
                        kept: "",
                        danger: false,
                        dialog: true,
                    })}
                </form>
            </DialogPage>
        },
    )
}

#[component]
pub fn ClosePage() -> impl IntoView {
    let load = async {
        let here = frame::here()?;
        let state = page::state()?;
        let standings = ops::outlook(&state, &here.viewer.user_id)
            .await
            .map_err(AppError::into_ui)?;
        Ok((here, standings))
    };
    loaded(load, |(here, standings)| close(&here, &standings))
}

fn close(here: &Here, standings: &[Standing]) -> AnyView {
    let answer = Answer::here();
    let blocked = standings
        .iter()
        .find(|standing| standing.fate == Fate::Blocked);
    let rest = match blocked {
        Some(standing) => {
            let banner = Banner {
                tone: Tone::Warning,
                lead: format!("You are the last owner of \u{201c}{}\u{201d}.", standing.workspace),
                text: "Others are members, and somebody has to own it. Hand it over to one of them, then come back."
                    .to_owned(),
                link: Some((
                    "Hand the workspace over".to_owned(),
                    "/settings/workspace/transfer".to_owned(),
                )),
            };
            view! {
                <BannerView card=true banner=banner />
                <LinkButton href=HERE>"Back to account"</LinkButton>
            }
            .into_any()
        }
        None => form(here, standings, &answer),
    };
    framed(
        Head {
            heading: "Close account".to_owned(),
            purpose: "This can't be undone. Read first what happens.",
            crumbs: crumbs(),
            span: Span::None,
            width: Width::Form,
            ..Head::default()
        },
        view! {
            <div class="space-y-6">
                {consequences(here, standings)} {rest}
            </div>
        },
    )
}

fn consequences(here: &Here, standings: &[Standing]) -> AnyView {
    let mut facts: Vec<Fact> = standings
        .iter()
        .map(|standing| {
            let roles: Vec<&str> = standing
                .grants
                .list()
                .iter()
                .map(|grant| grant.role.as_str())
                .collect();
            let active = standing.active_keys(here.now);
            let keys = count(u64::try_from(active).unwrap_or(0), "active key", "active keys");
            let what = match (&standing.fate, active) {
                (Fate::Left { .. }, 0) => "You leave it. You own no active key there.".to_owned(),
                (Fate::Left { .. }, _) => {
                    format!("You leave it. What happens to your {keys} there you choose below.")
                }
                (Fate::Closed, 0) => "You are its only member: it is closed.".to_owned(),
                (Fate::Closed, _) => {
                    format!("You are its only member: it is closed, and its {keys} revoked.")
                }
                (Fate::Blocked, 0) => "It needs another owner before you can leave.".to_owned(),
                (Fate::Blocked, _) => {
                    format!("It needs another owner before you can leave. You own {keys} there.")
                }
            };
            Fact::new(
                standing.workspace.clone(),
                view! {
                    <span class="block">{what}</span>
                    <span class="block text-small text-ink-2">{format!("Your role: {}", roles.join(", "))}</span>
                },
            )
        })
        .collect();
    facts.push(Fact::new(
        "Erased",
        "Your name and address, password and factors, sessions, browsers and notices. Invitations that you sent are withdrawn.",
    ));
    facts.push(Fact::new(
        "Kept",
        "The record of what was done in your workspaces. It names you by an id that says nothing about you.",
    ));
    view! {
        <section class="card p-4" aria-labelledby="happens">
            <h2 id="happens" class="mb-1 text-h2">
                "What happens"
            </h2>
            <KeyValue items=facts />
        </section>
    }
    .into_any()
}

fn form(here: &Here, standings: &[Standing], answer: &Answer) -> AnyView {
    let error_of = |field: &str| answer.error_at(field).unwrap_or_default();
    let chooses = standings
        .iter()
        .any(|standing| matches!(standing.fate, Fate::Left { .. }) && !standing.keys.is_empty());
    let choice = chooses.then(|| {
        let card = |choice: KeysChoice, label: &str, text: &str| RadioCard {
            value: choice.as_str().to_owned(),
            label: label.to_owned(),
            text: text.to_owned(),
            ..RadioCard::default()
        };
        let cards = vec![
            card(
                KeysChoice::HandOver,
                "Keep them working",
                "Handed to an owner of the workspace, who is told.",
            ),
            card(
                KeysChoice::Revoke,
                "Revoke them now",
                "Programs that use them get 401 from the next request on.",
            ),
        ];
        view! {
            <RadioCards
                legend="Your keys"
                name="keys"
                cards=cards
                state=FieldState::new(answer.value("keys")).error(error_of("keys"))
            />
        }
    });
    let failure = frame::failure(answer);
    let email = here.viewer.email.clone();
    view! {
        <form method="post" action=format!("{HERE}/close") class="space-y-6">
            {failure} {choice}
            <div class="max-w-96">
                <Field
                    label="Your e-mail address"
                    name="email"
                    kind=FieldKind::Email
                    autocomplete="off"
                    hint=format!("Type {email} to confirm which account you mean.")
                    required=true
                    state=FieldState::new(answer.value("email")).error(error_of("email"))
                />
            </div>
            {confirm(Confirm {
                action: Action::CloseAccount,
                what: "close your account for good".to_owned(),
                submit: "Close account",
                busy: "Closing\u{2026}",
                cancel: HERE.to_owned(),
                kept: "",
                danger: true,
                dialog: false,
            })}
            <p class="text-small text-ink-2">
                "You may want to "
                <a class="link" href=format!("{HERE}/export")>
                    "download your data"
                </a> " first."
            </p>
        </form>
    }
    .into_any()
}
