//! Everybody with an account, and resetting the second factors of one.

use leptos::prelude::*;

use super::{Listed, asked, counted, limit, reason, search};
use crate::{
    accounts::{
        confirm::{Confirm, confirm},
        step_up::Action,
        viewer,
    },
    admin::{
        ops,
        store::{self, PersonRow},
    },
    error::{UiError, UiErrorKind},
    frame::{self, Head, Here, Span, framed, loaded},
    server::{
        error::AppError,
        page::{self, Answer},
    },
    ui::{
        badge::{Badge, Shape, Tone},
        dialog::{DialogBody, DialogPage},
        empty_state::EmptyState,
        key_value::{Fact, KeyValue},
        layout::{Crumb, Width},
        pagination::Pagination,
        table::{Column, NoMatch, Row, RowMenu, Slot, Table},
    },
};

/// The factors that somebody holds, as a list in words.
fn factors(person: &PersonRow) -> String {
    let mut held = vec!["Password".to_owned()];
    if person.pin {
        held.push("PIN".to_owned());
    }
    if person.totp > 0 {
        held.push("authenticator".to_owned());
    }
    let mut several = |count: i64, one: &str, many: &str| match count {
        0 => {}
        1 => held.push(format!("1 {one}")),
        _ => held.push(format!("{count} {many}")),
    };
    several(person.passkeys, "passkey", "passkeys");
    several(person.recovery_codes, "recovery code", "recovery codes");
    held.join(", ")
}

/// Whether there is anything to take.
fn holds_more_than_a_password(person: &PersonRow) -> bool {
    person.pin || person.totp + person.passkeys + person.recovery_codes > 0
}

#[component]
pub fn PeoplePage() -> impl IntoView {
    let (search, before) = asked();
    let load = async move {
        viewer::operator()?;
        let here = frame::here()?;
        let state = page::state()?;
        let read = async {
            let mut reader = state.db.read().await?;
            store::people(&mut reader, search.as_deref(), before.as_deref(), limit())
                .await
                .map_err(AppError::from)
        };
        let rows = read.await.map_err(AppError::into_ui)?;
        Ok((here, Listed::new(rows, search, |row| row.id.clone())))
    };
    loaded(load, |(here, listed)| people(&here, &listed))
}

fn people(here: &Here, listed: &Listed<PersonRow>) -> AnyView {
    let columns = vec![
        Column::lead("Person"),
        Column::new("State").slot(Slot::Badge),
        Column::new("Workspaces")
            .number()
            .slot(Slot::Fact)
            .from_medium(),
        Column::new("Factors").slot(Slot::Wide),
    ];
    let rows = listed.rows.iter().map(|row| person(here, row)).collect();
    let content = match (&listed.search, listed.rows.is_empty()) {
        (Some(text), true) => view! {
            <NoMatch thing="person" filter=format!("name or address: {text}") clear="/admin/people" />
        }
        .into_any(),
        (None, true) => view! { <EmptyState text="Nobody has an account yet." /> }.into_any(),
        (_, false) => view! { <Table caption="People" columns=columns rows=rows plates=true /> }.into_any(),
    };
    framed(
        Head {
            heading: "People".to_owned(),
            purpose: "Everybody with an account here. Who has lost their second factors asks you to reset them.",
            span: Span::None,
            toasts: frame::done(&[(
                "reset",
                "Second factors reset. The person and all operators were told.",
            )]),
            ..Head::default()
        },
        view! {
            {search(
                "/admin/people",
                "Search by the beginning of a name or address",
                "Name or address",
                listed.search.as_deref(),
            )}
            {content}
            <Pagination older=listed.older("/admin/people") />
        },
    )
}

fn person(here: &Here, row: &PersonRow) -> Row {
    let open = row.closed_at.is_none();
    let badge = match (open, row.operator) {
        (false, _) => view! { <Badge tone=Tone::Neutral shape=Shape::Dash word="Closed" /> },
        (true, true) => view! { <Badge tone=Tone::Info shape=Shape::Diamond word="Operator" /> },
        (true, false) => view! { <Badge tone=Tone::Success shape=Shape::Disc word="Active" /> },
    };
    let others = open && row.id != here.viewer.user_id;
    let menu = (others && holds_more_than_a_password(row)).then(|| {
        let reset = format!("/admin/people/{}/reset-factors", row.id);
        view! {
            <RowMenu label=format!("Actions for {}", row.name)>
                <a class="menu-item" href=reset data-dialog>
                    "Reset second factors\u{2026}"
                </a>
            </RowMenu>
        }
        .into_any()
    });
    let factors = if open {
        factors(row)
    } else {
        "None".to_owned()
    };
    Row {
        href: String::new(),
        id: row.id.clone(),
        select_label: String::new(),
        cells: vec![
            view! {
                <span class="block min-w-0">
                    <span class="block font-medium wrap-anywhere">{row.name.clone()}</span>
                    <span class="block text-small font-normal text-ink-2 wrap-anywhere">{row.email.clone()}</span>
                </span>
            }
            .into_any(),
            badge.into_any(),
            counted(row.workspaces, "workspace", "workspaces"),
            view! { <span class="text-ink-2">{factors}</span> }.into_any(),
        ],
        menu,
    }
}

#[component]
pub fn ResetFactorsPage() -> impl IntoView {
    let id = frame::path_id();
    let load = async move {
        let viewer = viewer::operator()?;
        let state = page::state()?;
        let read = async {
            let mut reader = state.db.read().await?;
            ops::person(&mut reader, &id).await
        };
        let row = read.await.map_err(AppError::into_ui)?;
        if row.id == viewer.user_id {
            return Err(UiError::new(UiErrorKind::NotAllowed, ops::OWN_FACTORS));
        }
        Ok(row)
    };
    loaded(load, |row| reset_page(&row))
}

fn reset_page(row: &PersonRow) -> AnyView {
    let failure = frame::failure(&Answer::here());
    let items = vec![
        Fact::new("E-mail address", row.email.clone()),
        Fact::new("Holds", factors(row)),
    ];
    let proof = confirm(Confirm {
        action: Action::ResetFactors,
        what: format!("reset the second factors of {}", row.name),
        submit: "Reset second factors",
        busy: "Resetting\u{2026}",
        cancel: "/admin/people".to_owned(),
        kept: "Your reason is kept.",
        danger: true,
        dialog: true,
    });
    let title = format!("Reset the second factors of {}?", row.name);
    let action = format!("/admin/people/{}/reset-factors", row.id);
    framed(
        Head {
            heading: "Reset second factors".to_owned(),
            title: "Reset second factors",
            crumbs: vec![Crumb::new("People", "/admin/people")],
            span: Span::None,
            width: Width::Form,
            ..Head::default()
        },
        view! {
            <DialogPage
                title=title
                lead="Authenticator, passkeys, recovery codes and PIN are removed and all sessions end. The password stays. Make sure first that it is they who ask."
            >
                <form method="post" action=action>
                    <DialogBody>
                        {failure} <KeyValue items=items />
                        {reason("The person and all operators are told this. It stays in the platform\u{2019}s audit record.")}
                    </DialogBody>
                    {proof}
                </form>
            </DialogPage>
        },
    )
}
