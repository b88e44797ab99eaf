//! The pages about passkeys, and what other pages show of them.
//!
//! A passkey is asked for by `passkey.js`, which knows a form by its mark: `data-passkey` carries what the challenge is
//! for, and the hidden field `passkey` what came of it. Such a form is hidden until the script has found that the
//! browser has passkeys.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::{ops::kept_because, page::recovery_codes, passkeys, store};
use crate::{
    accounts::{
        Viewer,
        confirm::{Confirm, confirm},
        settings::settings,
        step_up::Action,
        viewer,
    },
    error::UiError,
    frame::{self, Head, Here, Span},
    server::{
        error::AppError,
        page::{self, Answer, Once},
    },
    ui::{
        button::{Button, Kind, LinkButton, Size},
        dialog::{DialogBody, DialogPage},
        empty_state::EmptyState,
        form::{Field, FieldState},
        layout::{Crumb, Width},
        table::{Column, Row, Slot, Table},
        time::{RelativeTime, relative},
    },
};

const PAGE: &str = "/settings/security/passkeys";

/// Whether the page being rendered may hold a form that asks for a passkey: then it loads the script for it.
pub fn needs_script() -> bool {
    let (Some(parts), Ok(state)) = (page::parts(), page::state()) else {
        return false;
    };
    let path = parts.uri.path();
    state.passkeys.is_some()
        && (path == PAGE
            || path == "/login"
            || path == "/login/passkey"
            || path == "/login/code"
            || parts
                .extensions
                .get::<Viewer>()
                .is_some_and(|viewer| viewer.has_passkey))
}

/// For the sign-in page: the other way to sign in, offered to everyone alike.
#[component]
pub fn PasskeySignIn(
    /// Where the person wanted to go.
    #[prop(into)]
    next: String,
) -> impl IntoView {
    if page::state().is_ok_and(|state| state.passkeys.is_none()) {
        return ().into_any();
    }
    view! {
        <form method="post" action="/login/passkey" class="mt-4 border-t border-line pt-4" data-passkey=passkeys::SIGN_IN hidden>
            <input type="hidden" name="next" value=next />
            <input type="hidden" name="passkey" autocomplete="off" />
            <Button busy="Signing in\u{2026}">"Use a passkey"</Button>
            <p class="mt-2 text-small text-danger" role="alert" data-passkey-problem hidden></p>
        </form>
    }
    .into_any()
}

#[component]
pub fn PasskeysPage() -> impl IntoView {
    let load = async {
        let here = frame::here()?;
        let state = page::state()?;
        let read = async {
            let mut reader = state.db.read().await?;
            Ok::<_, AppError>(store::passkeys(&mut reader, &here.viewer.user_id).await?)
        };
        let held = read.await.map_err(AppError::into_ui)?;
        Ok::<_, UiError>((here, held, state.passkeys.is_some()))
    };
    frame::loaded(load, |(here, held, on)| {
        if let Some(Once::RecoveryCodes(codes)) = Answer::here().once.as_deref() {
            return recovery_codes("The passkey is added.", codes);
        }
        list(&here, held, on)
    })
}

fn list(here: &Here, held: Vec<store::Passkey>, on: bool) -> AnyView {
    let answer = Answer::here();
    let toast = match use_query_map().get_untracked().get("done").as_deref() {
        Some("added") => Some("Passkey added."),
        Some("removed") => Some("Passkey removed."),
        _ => None,
    };
    let count = held.len();
    let columns = vec![
        Column::lead("Name"),
        Column::new("Added").slot(Slot::Fact),
        Column::new("Last used").slot(Slot::FactEnd),
    ];
    let rows = held
        .into_iter()
        .map(|passkey| {
            let (now, zone) = (here.now, here.zone.clone());
            let last = match passkey.last_used_at {
                Some(at) => view! { <RelativeTime at=at now=now zone=zone.clone() /> }.into_any(),
                None => "Never used".into_any(),
            };
            Row {
                cells: vec![
                    view! { <span class="wrap-anywhere">{passkey.name.clone()}</span> }.into_any(),
                    view! { <RelativeTime at=passkey.created_at now=now zone=zone /> }.into_any(),
                    last,
                ],
                menu: Some(
                    view! {
                        <LinkButton
                            href=format!("{PAGE}/{}/remove", passkey.id)
                            kind=Kind::Ghost
                            size=Size::Row
                            dialog=true
                            label=format!("Remove {}", passkey.name)
                        >
                            "Remove"
                        </LinkButton>
                    }
                    .into_any(),
                ),
                id: passkey.id,
                ..Row::default()
            }
        })
        .collect::<Vec<_>>();
    let rows = if rows.is_empty() {
        view! { <EmptyState text="No passkeys yet. Add one for each device that you sign in with." /> }
            .into_any()
    } else {
        view! { <Table caption="Passkeys" columns=columns rows=rows /> }.into_any()
    };
    let more = match (on, count < passkeys::MOST) {
        (true, true) => add_form(&answer),
        (true, false) => view! {
            <p class="text-ink-2">
                {format!("You have {count} passkeys, which is the most. Remove one to add another.")}
            </p>
        }
        .into_any(),
        (false, _) => view! {
            <p class="text-ink-2">
                "Passkeys need a host name; this installation is reached by an IP address."
            </p>
        }
        .into_any(),
    };
    settings(
        "Passkeys",
        "They sign you in without a password, and confirm what you do.",
        toast.map(str::to_owned),
        view! {
            <section class="space-y-4" aria-labelledby="passkeys">
                <h2 id="passkeys" class="text-h2">
                    "Passkeys"
                </h2>
                {rows}
            </section>
            {more}
        },
    )
}

fn add_form(answer: &Answer) -> AnyView {
    view! {
        <section class="space-y-4" aria-labelledby="add">
            <h2 id="add" class="text-h2">
                "Add a passkey"
            </h2>
            {frame::failure(answer)}
            <noscript>
                <p class="text-ink-2">"Adding a passkey needs scripts, and they are off in this browser."</p>
            </noscript>
            <p class="text-ink-2" data-passkey-missing hidden>
                "This browser offers no passkeys on this page. They need a recent browser and a secure connection."
            </p>
            <form method="post" action=PAGE class="space-y-6" data-passkey=passkeys::REGISTER hidden>
                <input type="hidden" name="passkey" autocomplete="off" />
                <Field
                    label="Name"
                    name="name"
                    hint="You'll know the passkey by it: the device, or where the security key is kept."
                    placeholder="MacBook"
                    required=true
                    maxlength=Some(60)
                    state=FieldState::new(answer.value("name")).error(answer.error_at("name").unwrap_or_default())
                />
                <p class="text-small text-danger" role="alert" data-passkey-problem hidden></p>
                {confirm(Confirm {
                    action: Action::AddFactor,
                    what: "add a passkey to your account".to_owned(),
                    submit: "Add passkey",
                    busy: "Adding\u{2026}",
                    cancel: "/settings/security".to_owned(),
                    kept: "",
                    danger: false,
                    dialog: false,
                })}
            </form>
        </section>
    }
    .into_any()
}

#[component]
pub fn RemovePasskeyPage() -> impl IntoView {
    let id = frame::path_id();
    let load = async move {
        let here = frame::here()?;
        let state = page::state()?;
        let viewer = viewer::current()?;
        let read = async {
            let passkey = passkeys::find(&state, &viewer, &id).await?;
            let mut reader = state.db.read().await?;
            let held = store::passkeys(&mut reader, &viewer.user_id).await?;
            Ok::<_, AppError>((passkey, held.len()))
        };
        let (passkey, held) = read.await.map_err(AppError::into_ui)?;
        Ok::<_, UiError>((here, passkey, held))
    };
    frame::loaded(load, |(here, passkey, held)| {
        remove_page(&here, &passkey, held > 1)
    })
}

fn remove_page(here: &Here, passkey: &store::Passkey, others: bool) -> AnyView {
    let failure = frame::failure(&Answer::here());
    let viewer = &here.viewer;
    let action = format!("{PAGE}/{}/remove", passkey.id);
    let last = match passkey.last_used_at {
        Some(at) => format!("Last used {}.", relative(at, here.now, &here.zone)),
        None => "Never used.".to_owned(),
    };
    let lead = format!(
        "{last} It signs you in no more, here or anywhere. Your device may go on showing it; delete it there too."
    );
    let kept = kept_because(viewer, others || viewer.has_totp);
    let end = if let Some(reason) = kept {
        view! {
            <DialogBody>
                <p class="text-danger">{reason}</p>
            </DialogBody>
            <footer class="flex flex-wrap justify-end gap-2 p-6">
                <a class="btn btn-outline" href=PAGE data-dialog-close>
                    "Close"
                </a>
            </footer>
        }
        .into_any()
    } else {
        confirm(Confirm {
            action: Action::RemoveFactor,
            what: format!("remove the passkey \u{201c}{}\u{201d}", passkey.name),
            submit: "Remove passkey",
            busy: "Removing\u{2026}",
            cancel: PAGE.to_owned(),
            kept: "",
            danger: true,
            dialog: true,
        })
    };
    frame::framed(
        Head {
            heading: "Remove passkey".to_owned(),
            crumbs: vec![
                Crumb::new("Security", "/settings/security"),
                Crumb::new("Passkeys", PAGE),
            ],
            span: Span::None,
            width: Width::Form,
            ..Head::default()
        },
        view! {
            <DialogPage title=format!("Remove \u{201c}{}\u{201d}?", passkey.name) lead=lead>
                <form method="post" action=action>
                    <div class="px-6 pt-4 empty:hidden">{failure}</div>
                    {end}
                </form>
            </DialogPage>
        },
    )
}
