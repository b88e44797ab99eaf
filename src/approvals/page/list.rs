//! What waits, what one has asked for, and what was decided.

use leptos::prelude::*;

use super::{HERE, environment, for_viewer, kind, query, status, subject};
use crate::{
    approvals::{
        asked::Asked,
        policy::{self, READERS_OF_ALL},
        risk,
        store::{self, ApprovalRow},
    },
    error::UiError,
    frame::{self, Head, Here, Span, framed, loaded},
    profiles::Profile,
    server::{error::AppError, page, state::AppState},
    ui::{
        empty_state::EmptyState,
        pagination::Pagination,
        statement::RiskBadge,
        table::{Column, Row, Slot, Table},
        tabs::{Tab, Tabs},
        time::{RelativeTime, relative},
    },
    workspaces::Role,
};

/// Decided requests of one page.
const ROWS: usize = 50;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    /// What the viewer can decide; for those who only read, all that waits.
    Open,
    Yours,
    Decided,
}

impl Which {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Yours => "yours",
            Self::Decided => "decided",
        }
    }

    fn parse(text: Option<&str>) -> Option<Self> {
        [Self::Open, Self::Yours, Self::Decided]
            .into_iter()
            .find(|which| Some(which.as_str()) == text)
    }
}

struct Requests {
    here: Here,
    state: AppState,
    which: Which,
    /// With what it asks for, parsed.
    rows: Vec<(ApprovalRow, Asked)>,
    open: usize,
    yours: usize,
    older: Option<String>,
}

async fn load(which: Option<Which>, before: Option<String>) -> Result<Requests, UiError> {
    let here = frame::here()?;
    let state = page::state()?;
    let viewer = &here.viewer;
    let sees_all = viewer.has_any(READERS_OF_ALL);
    let which = which
        .filter(|which| sees_all || *which != Which::Open)
        .unwrap_or(if sees_all { Which::Open } else { Which::Yours });
    let read = async {
        let mut reader = state.db.read().await?;
        let all = store::open(&mut reader, viewer.workspace_id(), here.now).await?;
        let open: Vec<&ApprovalRow> = if viewer.has(Role::Checker) {
            for_viewer(viewer, &all)
        } else {
            all.iter().collect()
        };
        let yours: Vec<&ApprovalRow> = all
            .iter()
            .filter(|row| policy::is_theirs(&viewer.user_id, row))
            .collect();
        let counts = (open.len(), yours.len());
        let mut older = None;
        let rows: Vec<ApprovalRow> = match which {
            Which::Open => open.into_iter().cloned().collect(),
            Which::Yours => yours.into_iter().cloned().collect(),
            Which::Decided => {
                let of = (!sees_all).then_some(viewer.user_id.as_str());
                let limit = i64::try_from(ROWS).unwrap_or(0) + 1;
                let mut rows = store::decided(
                    &mut reader,
                    viewer.workspace_id(),
                    of,
                    before.as_deref(),
                    here.now,
                    limit,
                )
                .await?;
                let more = rows.len() > ROWS;
                rows.truncate(ROWS);
                older = rows.last().filter(|_| more).map(|row| row.id.clone());
                rows
            }
        };
        let rows = rows
            .into_iter()
            .map(|row| {
                let asked = Asked::parse(&row.asked)?;
                Ok((row, asked))
            })
            .collect::<Result<Vec<_>, AppError>>()?;
        Ok::<_, AppError>((rows, counts, older))
    };
    let (rows, (open, yours), older) = read.await.map_err(AppError::into_ui)?;
    Ok(Requests {
        here,
        state: state.clone(),
        which,
        rows,
        open,
        yours,
        older,
    })
}

#[component]
pub fn ApprovalsPage() -> impl IntoView {
    let which = Which::parse(query("tab").as_deref());
    loaded(load(which, query("before")), |requests| {
        requests_page(&requests)
    })
}

fn link(which: Which) -> String {
    format!("{HERE}?tab={}", which.as_str())
}

fn requests_page(requests: &Requests) -> AnyView {
    let viewer = &requests.here.viewer;
    let checker = viewer.has(Role::Checker);
    let tab = |which: Which, label: &str, count: Option<usize>| Tab {
        label: label.to_owned(),
        href: link(which),
        count: count.and_then(|count| u64::try_from(count).ok()),
        current: which == requests.which,
        waiting: String::new(),
    };
    let mut tabs = Vec::new();
    if viewer.has_any(READERS_OF_ALL) {
        let label = if checker { "For you" } else { "Waiting" };
        tabs.push(tab(Which::Open, label, Some(requests.open)));
    }
    tabs.push(tab(Which::Yours, "Yours", Some(requests.yours)));
    tabs.push(tab(Which::Decided, "Decided", None));
    let profile = &requests.state.profile;
    let content = match (requests.rows.is_empty(), requests.which) {
        (true, which) => empty(which, checker),
        (false, Which::Decided) => decided(&requests.here, profile, &requests.rows),
        (false, _) => waiting(&requests.here, profile, &requests.rows),
    };
    let older = requests
        .older
        .as_ref()
        .map(|last| format!("{}&before={last}", link(Which::Decided)))
        .unwrap_or_default();
    framed(
        Head {
            heading: "Approvals".to_owned(),
            purpose: "What needs a second person. Nobody decides about what they asked for themselves.",
            span: Span::All,
            ..Head::default()
        },
        view! {
            <Tabs label="Requests" tabs=tabs />
            {content}
            <Pagination older=older />
        },
    )
}

fn empty(which: Which, checker: bool) -> AnyView {
    let (text, label, href) = match which {
        Which::Open if checker => (
            "Nothing waits for you. You get a mail when somebody asks.",
            "What was decided",
            link(Which::Decided),
        ),
        Which::Open => (
            "Nothing waits for a decision.",
            "What was decided",
            link(Which::Decided),
        ),
        Which::Yours => (
            "Nothing of yours waits. A key that needs a second person shows here once you have sent it.",
            "What was decided",
            link(Which::Decided),
        ),
        Which::Decided => (
            "Nothing was decided yet. Every decision stays here, with who made it.",
            "",
            String::new(),
        ),
    };
    view! { <EmptyState text=text link_label=label link_href=href /> }.into_any()
}

/// The kind of the request with the tag of its environment.
fn kind_cell(profile: &Profile, row: &ApprovalRow, asked: &Asked) -> AnyView {
    view! {
        <span class="flex flex-wrap items-center gap-x-2 gap-y-1">
            <span>{kind(asked)}</span>
            {environment(profile, row)}
        </span>
    }
    .into_any()
}

fn who(name: Option<&str>) -> String {
    name.unwrap_or("Nobody").to_owned()
}

fn waiting(here: &Here, profile: &Profile, rows: &[(ApprovalRow, Asked)]) -> AnyView {
    let columns = vec![
        Column::lead("Request"),
        Column::new("Kind").slot(Slot::Wide),
        Column::new("Asked by").slot(Slot::Fact),
        Column::new("Risk").slot(Slot::Badge),
        Column::new("Lapses").slot(Slot::FactEnd),
    ];
    let rows = rows
        .iter()
        .map(|(row, asked)| Row {
            href: format!("{HERE}/{}", row.id),
            id: row.id.clone(),
            cells: vec![
                subject(profile, row, false),
                kind_cell(profile, row, asked),
                view! {
                    <span>
                        {who(row.maker.as_deref())} ", "
                        <RelativeTime at=row.requested_at now=here.now zone=here.zone.clone() />
                    </span>
                }
                .into_any(),
                view! { <RiskBadge risk=risk::from_rank(row.risk) /> }.into_any(),
                relative(row.lapses_at, here.now, &here.zone).into_any(),
            ],
            ..Row::default()
        })
        .collect();
    view! { <Table caption="Requests that wait" columns=columns rows=rows plates=true /> }
        .into_any()
}

fn decided(here: &Here, profile: &Profile, rows: &[(ApprovalRow, Asked)]) -> AnyView {
    let columns = vec![
        Column::lead("Request"),
        Column::new("Kind").slot(Slot::Wide),
        Column::new("Asked by").slot(Slot::Fact),
        Column::new("Outcome").slot(Slot::Badge),
        Column::new("By").from_medium(),
        Column::new("When").slot(Slot::FactEnd),
    ];
    let rows = rows
        .iter()
        .map(|(row, asked)| {
            let by = match row.outcome(here.now) {
                Some("approved" | "rejected" | "withdrawn") => who(row.decider.as_deref()),
                _ => String::new(),
            };
            let at = row.decided_at.unwrap_or(row.lapses_at);
            Row {
                href: format!("{HERE}/{}", row.id),
                id: row.id.clone(),
                cells: vec![
                    subject(profile, row, false),
                    kind_cell(profile, row, asked),
                    who(row.maker.as_deref()).into_any(),
                    status(row, here.now),
                    by.into_any(),
                    view! { <RelativeTime at=at now=here.now zone=here.zone.clone() /> }.into_any(),
                ],
                ..Row::default()
            }
        })
        .collect();
    view! { <Table caption="Decided" columns=columns rows=rows plates=true /> }.into_any()
}
