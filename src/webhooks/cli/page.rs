//! Settings, Command line: the workspace's tokens, a new one with its one sight, and the end of one.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::{
    open,
    ops::{self, DAYS},
    store::{self, TokenRow},
};
use crate::{
    accounts::{
        confirm::{Confirm, confirm},
        settings::settings,
        step_up::Action,
        viewer,
    },
    frame::{self, Head, Here, Span, framed, loaded},
    server::{
        error::AppError,
        page::{self, Answer, Once},
        state::AppState,
    },
    ui::{
        badge::{Badge, Shape, Tone},
        button::{Button, Kind, LinkButton, Size},
        code_block::{CodeBlock, Lang, Sample},
        copy_once::CopyButton,
        dialog::{DialogBody, DialogFoot, DialogPage},
        empty_state::EmptyState,
        form::{Choice, Field, FieldState, Select},
        layout::{Crumb, Width},
        store_guard::StoreGuard,
        table::{Column, Row, Slot, Table},
        time::{AbsoluteTime, RelativeTime},
    },
    workspaces::Role,
};

const LIST: &str = "/settings/cli";
/// Where the commands look for the token.
const VARIABLE: &str = "LATCHKEY_CLI_TOKEN";

#[component]
pub fn CliTokensPage() -> impl IntoView {
    let load = async {
        let here = frame::here()?;
        let viewer = viewer::with_any_role(ops::KEEPERS)?;
        let state = page::state()?;
        let read = async {
            let mut reader = state.db.read().await?;
            Ok::<_, AppError>(store::list(&mut reader, viewer.workspace_id()).await?)
        };
        let tokens = read.await.map_err(AppError::into_ui)?;
        Ok((state, here, tokens))
    };
    loaded(load, |(state, here, tokens)| list(&state, &here, &tokens))
}

/// The two commands, with the token where they look for it.
fn commands(state: &AppState) -> String {
    let url = &state.config.public_url;
    format!(
        "export {VARIABLE}=lk_cli_\u{2026}\n\
         latchkey listen --url {url} \\\n  --forward-to http://127.0.0.1:4242/hook\n\
         latchkey trigger transaction.completed --url {url}"
    )
}

fn list(state: &AppState, here: &Here, tokens: &[TokenRow]) -> AnyView {
    let done = use_query_map().get_untracked().get("done");
    let toast = match done.as_deref() {
        Some("revoked") => Some("Revoked. What listened by it has stopped.".to_owned()),
        Some("before") => {
            Some("That form has made its token already; it was shown then.".to_owned())
        }
        _ => None,
    };
    let words: Vec<&str> = open(state).map(|open| open.word.as_str()).collect();
    let none_open = words.is_empty();
    let may_make = here.viewer.has(Role::Developer) && !none_open;
    let new = may_make.then(|| {
        view! {
            <LinkButton href=format!("{LIST}/new") kind=Kind::Solid create=true>
                "Create token"
            </LinkButton>
        }
        .into_any()
    });
    let about = if none_open {
        "This platform has no test environment, so there is nothing to listen to: every event is about something real."
            .to_owned()
    } else {
        format!(
            "A token lets the command line hear this workspace's events of {} and send samples there. It reads and changes nothing else.",
            words.join(" and ")
        )
    };
    // Where there is nothing yet, the button stands with the sentence that says so.
    let (above, inside) = if tokens.is_empty() {
        (None, new)
    } else {
        (new, None)
    };
    let body = if tokens.is_empty() {
        let text = if none_open {
            "No tokens."
        } else {
            "No tokens yet. With one, the events of a test environment come to a program on your machine."
        };
        view! {
            <EmptyState
                text=text
                action=inside
                link_label="How events are signed"
                link_href="/docs/webhooks"
            />
        }
        .into_any()
    } else {
        let columns = vec![
            Column::lead("Name"),
            Column::new("State").slot(Slot::Badge),
            Column::new("Made by").from_medium(),
            Column::new("Last used").slot(Slot::Fact),
            Column::new("Ends").slot(Slot::FactEnd),
        ];
        let rows = tokens.iter().map(|token| row(here, token)).collect();
        view! {
            <Table caption="Tokens of the command line" columns=columns rows=rows />
        }
        .into_any()
    };
    let lines = (!none_open).then(|| {
        view! {
            <section aria-labelledby="commands">
                <h2 id="commands" class="mb-3 text-h2">
                    "On your machine"
                </h2>
                <CodeBlock
                    id="cli"
                    title="Hear events, and send one"
                    samples=vec![Sample::new(Lang::Curl, commands(state))]
                />
                <p class="mt-3 text-small text-ink-2">
                    "Each event is signed anew with a secret that the command prints, so your program verifies it as it will in production. "
                    <a class="link" href="/docs/webhooks">
                        "How to verify"
                    </a>
                </p>
            </section>
        }
    });
    settings(
        "Command line",
        "Webhooks on your own machine.",
        toast,
        view! {
            <section aria-labelledby="tokens">
                <div class="mb-4 flex flex-wrap items-start justify-between gap-x-6 gap-y-3">
                    <div class="min-w-0 flex-1 basis-72">
                        <h2 id="tokens" class="text-h2">
                            "Tokens"
                        </h2>
                        <p class="mt-1 max-w-[60ch] text-ink-2">{about}</p>
                    </div>
                    {above}
                </div>
                {body}
            </section>
            {lines}
        },
    )
}

fn row(here: &Here, token: &TokenRow) -> Row {
    let zone = &here.zone;
    let over = token.revoked_at.is_some() || token.expires_at <= here.now;
    let badge = if token.revoked_at.is_some() {
        view! { <Badge shape=Shape::Square word="Revoked" /> }.into_any()
    } else if over {
        view! { <Badge shape=Shape::Dashed word="Expired" /> }.into_any()
    } else {
        view! { <Badge tone=Tone::Success shape=Shape::Disc word="Active" /> }.into_any()
    };
    // On the card, where no head says what stands there, the cells do.
    let told = |words: &'static str| view! { <span class="hidden @max-[40rem]/table:inline">{words}</span> };
    let used = match token.last_used_at {
        Some(at) => view! { {told("Used ")} <RelativeTime at=at now=here.now zone=zone.clone() /> }
            .into_any(),
        None => view! { "never" {told(" used")} }.into_any(),
    };
    let revoke = (!over).then(|| {
        let (href, name) = (format!("{LIST}/{}/revoke", token.id), token.name.clone());
        view! {
            <LinkButton href=href size=Size::Row dialog=true>
                "Revoke" <span class="sr-only">" " {name}</span>
            </LinkButton>
        }
        .into_any()
    });
    Row {
        cells: vec![
            view! { <span class="wrap-anywhere">{token.name.clone()}</span> }.into_any(),
            badge,
            token
                .maker
                .clone()
                .unwrap_or_else(|| "somebody who left".to_owned())
                .into_any(),
            used,
            view! { {told("Ends ")} <AbsoluteTime at=token.expires_at zone=zone.clone() /> }
                .into_any(),
        ],
        menu: revoke,
        ..Row::default()
    }
}

fn below(heading: &'static str) -> Head {
    Head {
        heading: heading.to_owned(),
        crumbs: vec![Crumb::new("Command line", LIST)],
        span: Span::None,
        width: Width::Form,
        ..Head::default()
    }
}

#[component]
pub fn NewCliTokenPage() -> impl IntoView {
    let answer = Answer::here();
    let load = async move {
        viewer::with_any_role(&[Role::Developer])?;
        let state = page::state()?;
        Ok((state, answer))
    };
    loaded(load, |(state, answer)| match answer.once.as_deref() {
        Some(Once::CliToken { name, token }) => moment(&state, name, token),
        _ => form(&state, &answer),
    })
}

fn form(state: &AppState, answer: &Answer) -> AnyView {
    let words: Vec<&str> = open(state).map(|open| open.word.as_str()).collect();
    if words.is_empty() {
        return framed(
            below("Create token"),
            view! {
                <p class="card p-4">
                    "This platform has no test environment, so there is nothing that a token could listen to."
                </p>
            },
        );
    }
    // Sent again, the form has the id that it had.
    let form_id = match answer.value("form") {
        sent if sent.is_empty() => state.rng.id("frm", state.clock.now()),
        sent => sent,
    };
    let field = |name: &str| {
        FieldState::new(answer.value(name)).error(answer.error_at(name).unwrap_or_default())
    };
    let days = DAYS
        .iter()
        .map(|days| Choice::new(days.to_string(), format!("{days} days")))
        .collect();
    framed(
        below("Create token"),
        view! {
            {frame::failure(answer)}
            <form method="post" action=format!("{LIST}/new") class="space-y-6" autocomplete="off">
                <input type="hidden" name="form" value=form_id />
                <p class="max-w-[60ch] text-ink-2">
                    {format!(
                        "For this workspace and its events of {} alone. It is shown once. It ends by itself, and with your role as a developer.",
                        words.join(" and "),
                    )}
                </p>
                <div class="space-y-4">
                    <Field label="Name" name="name" state=field("name") hint="Where it will be: \u{201c}Office laptop\u{201d}." required=true />
                    <div class="max-w-72">
                        <Select label="Ends after" name="days" options=days state=field("days") />
                    </div>
                </div>
                {confirm(Confirm {
                    action: Action::CreateCliToken,
                    what: "create a token of the command line".to_owned(),
                    submit: "Create token",
                    busy: "Creating\u{2026}",
                    cancel: LIST.to_owned(),
                    kept: "",
                    danger: false,
                    dialog: false,
                })}
            </form>
        },
    )
}

/// The one sight of a token.
fn moment(state: &AppState, name: &str, token: &str) -> AnyView {
    framed(
        below("Token created"),
        view! {
            <section class="card space-y-4 p-4" data-secret-moment>
                <p>
                    <strong class="font-semibold wrap-anywhere">{name.to_owned()}</strong>
                    ". This is the only time it can be shown: we keep a fingerprint. Lost it? Revoke it and make another."
                </p>
                <output
                    id="token"
                    aria-label="Token"
                    class="block rounded-control border border-control bg-surface px-3 py-2 font-mono text-secret break-all select-all"
                    tabindex="0"
                    autofocus
                    translate="no"
                >
                    {token.to_owned()}
                </output>
                <div class="needs-script flex flex-wrap gap-2">
                    <CopyButton target="token" />
                    <StoreGuard secret_id="token" checkbox_id="stored" file_name="latchkey.env" variable=VARIABLE />
                </div>
                <CodeBlock
                    id="cli"
                    title="Hear events, and send one"
                    samples=vec![Sample::new(Lang::Curl, commands(state))]
                />
                <form method="get" action=LIST class="flex flex-wrap items-center justify-between gap-3 border-t border-line pt-4">
                    <label class="flex min-h-8 items-center gap-2.5 font-medium">
                        <input type="checkbox" class="check" id="stored" required autocomplete="off" />
                        "I have stored it"
                    </label>
                    <Button kind=Kind::Solid>"Done"</Button>
                </form>
            </section>
        },
    )
}

#[component]
pub fn RevokeCliTokenPage() -> impl IntoView {
    let id = frame::path_id();
    let answer = Answer::here();
    let load = async move {
        let viewer = viewer::with_any_role(ops::KEEPERS)?;
        let state = page::state()?;
        let read = async {
            let mut reader = state.db.read().await?;
            ops::find(&mut reader, viewer.workspace_id(), &id).await
        };
        let token = read.await.map_err(AppError::into_ui)?;
        Ok((answer, token))
    };
    loaded(load, |(answer, token)| {
        framed(
            below("Revoke token"),
            view! {
                <DialogPage
                    title=format!("Revoke \u{201c}{}\u{201d}?", token.name)
                    lead="What listens by it stops within seconds, and it opens nothing any more."
                >
                    <form method="post" action=format!("{LIST}/{}/revoke", token.id)>
                        <DialogBody>{frame::failure(&answer)}</DialogBody>
                        <DialogFoot cancel=LIST>
                            <Button kind=Kind::DangerSolid busy="Revoking\u{2026}">
                                "Revoke token"
                            </Button>
                        </DialogFoot>
                    </form>
                </DialogPage>
            },
        )
    })
}
