//! The pages of operators: workspaces here, people, and the dialogs that act on one of either.

mod act;
mod people;
mod suspend;

pub use act::ActPage;
pub use people::{PeoplePage, ResetFactorsPage};
pub use suspend::{RestorePage, SuspendPage};

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::{
    post::MAX_REASON,
    store::{self, WorkspaceRow},
};
use crate::{
    accounts::viewer,
    frame::{self, Head, Here, Span, framed, loaded},
    server::{
        error::AppError,
        page::{self, Answer},
    },
    ui::{
        badge::{Badge, Shape, Tone},
        empty_state::EmptyState,
        filters::{ActiveFilter, Filters},
        form::{Field, FieldKind, FieldState},
        key_value::{Fact, KeyValue},
        pagination::Pagination,
        table::{Column, NoMatch, Row, RowMenu, Slot, Table},
        time::{AbsoluteTime, number},
    },
};

/// Rows of a page.
const ROWS: usize = 50;

/// A page of a list, what it was narrowed to, and where the next one begins.
struct Listed<T> {
    rows: Vec<T>,
    search: Option<String>,
    older: Option<String>,
}

impl<T> Listed<T> {
    fn new(mut rows: Vec<T>, search: Option<String>, id: impl Fn(&T) -> String) -> Self {
        let more = rows.len() > ROWS;
        rows.truncate(ROWS);
        Self {
            older: rows.last().filter(|_| more).map(id),
            rows,
            search,
        }
    }

    /// The address of the next page of the list at `path`.
    fn older(&self, path: &str) -> String {
        let Some(before) = &self.older else {
            return String::new();
        };
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        if let Some(text) = &self.search {
            query.append_pair("q", text);
        }
        query.append_pair("before", before);
        format!("{path}?{}", query.finish())
    }
}

/// What is asked for in the address: part of a name, and the row that the page before ended with.
fn asked() -> (Option<String>, Option<String>) {
    let query = use_query_map().get_untracked();
    let given = |name: &str| {
        query
            .get(name)
            .map(|text| text.trim().to_owned())
            // No row holds one, and Postgres refuses to compare it.
            .filter(|text| !text.is_empty() && !text.contains('\0'))
    };
    (given("q"), given("before"))
}

fn limit() -> i64 {
    i64::try_from(ROWS).unwrap_or(0) + 1
}

#[component]
pub fn WorkspacesPage() -> impl IntoView {
    let (search, before) = asked();
    let load = async move {
        viewer::operator()?;
        let here = frame::here()?;
        let state = page::state()?;
        let read = async {
            let mut reader = state.db.read().await?;
            let (search_for, before) = (search.as_deref(), before.as_deref());
            store::workspaces(&mut reader, search_for, before, here.now, limit())
                .await
                .map_err(AppError::from)
        };
        let rows = read.await.map_err(AppError::into_ui)?;
        Ok((here, Listed::new(rows, search, |row| row.id.clone())))
    };
    loaded(load, |(here, listed)| workspaces(&here, &listed))
}

fn workspaces(here: &Here, listed: &Listed<WorkspaceRow>) -> AnyView {
    let columns = vec![
        Column::lead("Workspace"),
        Column::new("State").slot(Slot::Badge),
        Column::new("Members").number().slot(Slot::Fact),
        Column::new("Active keys").number().slot(Slot::FactEnd),
        Column::new("Since").from_medium(),
    ];
    let rows = listed.rows.iter().map(|row| workspace(here, row)).collect();
    let content = match (&listed.search, listed.rows.is_empty()) {
        (Some(text), true) => {
            view! { <NoMatch thing="workspace" filter=format!("name: {text}") clear="/admin" /> }
                .into_any()
        }
        (None, true) => view! {
            <EmptyState text="No workspace yet. People make theirs after signing up; `latchkey admin create-workspace` makes one at the console." />
        }
        .into_any(),
        (_, false) => view! { <Table caption="Workspaces" columns=columns rows=rows /> }.into_any(),
    };
    framed(
        Head {
            heading: "Workspaces".to_owned(),
            purpose: "Everybody who uses this platform. To look into a workspace, say why; its people see that you do.",
            span: Span::None,
            toasts: frame::done(&[
                ("ended", "You no longer act in that workspace."),
                ("suspended", "Suspended. Its owners were told."),
                ("restored", "Suspension lifted. Its owners were told."),
            ]),
            ..Head::default()
        },
        view! {
            {search("/admin", "Search by name", "Name", listed.search.as_deref())}
            {content}
            <Pagination older=listed.older("/admin") />
        },
    )
}

fn workspace(here: &Here, row: &WorkspaceRow) -> Row {
    let href = format!("/admin/workspaces/{}/act", row.id);
    let (turn, words) = turn(row);
    let badge = match row.suspended_at {
        Some(_) => view! { <Badge tone=Tone::Danger shape=Shape::Triangle word="Suspended" /> },
        None => view! { <Badge tone=Tone::Success shape=Shape::Disc word="Active" /> },
    };
    Row {
        href: href.clone(),
        id: row.id.clone(),
        select_label: String::new(),
        cells: vec![
            view! { <span class="wrap-anywhere">{row.name.clone()}</span> }.into_any(),
            badge.into_any(),
            counted(row.members, "member", "members"),
            counted(row.active_keys, "key", "keys"),
            view! { <AbsoluteTime at=row.created_at zone=here.zone.clone() /> }.into_any(),
        ],
        menu: Some(
            view! {
                <RowMenu label=format!("Actions for {}", row.name)>
                    <a class="menu-item" href=href data-dialog>
                        "Act in it\u{2026}"
                    </a>
                    <a class="menu-item" href=turn data-dialog>
                        {words}
                    </a>
                </RowMenu>
            }
            .into_any(),
        ),
    }
}

/// A number whose head is not there to name it when the row is a card.
fn counted(count: i64, one: &'static str, many: &'static str) -> AnyView {
    let word = if count == 1 { one } else { many };
    view! {
        {number(u64::try_from(count).unwrap_or(0))}
        <span class="sm:sr-only">" " {word}</span>
    }
    .into_any()
}

/// Where a workspace is suspended or that is lifted, and in which words.
fn turn(row: &WorkspaceRow) -> (String, &'static str) {
    match row.suspended_at {
        Some(_) => (
            format!("/admin/workspaces/{}/restore", row.id),
            "Lift suspension\u{2026}",
        ),
        None => (
            format!("/admin/workspaces/{}/suspend", row.id),
            "Suspend\u{2026}",
        ),
    }
}

/// What a dialog says of the workspace that it acts on.
fn facts(here: &Here, row: &WorkspaceRow) -> AnyView {
    let count = |count: i64| number(u64::try_from(count).unwrap_or(0));
    let mut items = vec![
        Fact::new(
            "Id",
            view! { <code class="font-mono text-mono">{row.id.clone()}</code> },
        ),
        Fact::new("Members", count(row.members)),
        Fact::new("Active keys", count(row.active_keys)),
        Fact::new(
            "Since",
            view! { <AbsoluteTime at=row.created_at zone=here.zone.clone() /> },
        ),
    ];
    if let Some(at) = row.suspended_at {
        items.push(Fact::new(
            "Suspended",
            view! { <AbsoluteTime at=at zone=here.zone.clone() /> },
        ));
    }
    view! { <KeyValue items=items /> }.into_any()
}

/// The field that asks why, which ends in the record and in what others are told.
pub fn reason(hint: &'static str) -> AnyView {
    let answer = Answer::here();
    let error = answer.error_at("reason").unwrap_or_default();
    view! {
        <Field
            label="Reason"
            name="reason"
            hint=hint
            required=true
            autofocus=true
            autocomplete="off"
            maxlength=Some(MAX_REASON)
            state=FieldState::new(answer.value("reason")).error(error)
        />
    }
    .into_any()
}

/// The search of a list, above it.
fn search(
    path: &'static str,
    label: &'static str,
    placeholder: &'static str,
    set: Option<&str>,
) -> AnyView {
    let active = set
        .map(|text| ActiveFilter {
            label: placeholder.to_owned(),
            value: text.to_owned(),
            without: path.to_owned(),
        })
        .into_iter()
        .collect();
    let state = FieldState::new(set.unwrap_or_default());
    view! {
        <Filters action=path active=active clear=path>
            <Field
                label=label
                name="q"
                kind=FieldKind::Search
                placeholder=placeholder
                hide_label=true
                id="filter-q"
                state=state
            />
        </Filters>
    }
    .into_any()
}
