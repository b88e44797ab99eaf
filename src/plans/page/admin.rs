//! What operators see of plans: the requests that wait in all workspaces, one of them, and the dialogs that decide it.

use leptos::prelude::*;

use super::{outcome, who};
use crate::{
    accounts::{
        confirm::{Confirm, confirm},
        step_up::Action,
        viewer,
    },
    admin,
    error::UiError,
    frame::{self, Head, Here, Span, framed, loaded},
    plans::{
        ops,
        policy::{self, State},
        store::{self, RequestRow},
        view,
    },
    profiles::{Profile, Tier},
    server::{
        error::AppError,
        page::{self, Answer},
        state::AppState,
    },
    ui::{
        button::{Kind, LinkButton},
        dialog::{DialogBody, DialogFoot, DialogPage},
        empty_state::EmptyState,
        key_value::{Fact, KeyValue},
        layout::{Crumb, Width},
        table::{Column, Row, Slot, Table},
        time::{AbsoluteTime, RelativeTime},
    },
};

const QUEUE: &str = "/admin/plans";
/// Requests of one view. What waits longest is decided first, so nothing is out of reach.
const ROWS: i64 = 100;

#[component]
pub fn PlanQueuePage() -> impl IntoView {
    let load = async {
        viewer::operator()?;
        let here = frame::here()?;
        let state = page::state()?;
        let read = async {
            let mut reader = state.db.read().await?;
            let waiting = store::queue(&mut reader, ROWS).await?;
            Ok::<_, AppError>((waiting, store::decisions(&mut reader, ROWS).await?))
        };
        let (waiting, decided) = read.await.map_err(AppError::into_ui)?;
        Ok((here, state, waiting, decided))
    };
    loaded(load, |(here, state, waiting, decided)| {
        queue(&here, &state.profile, &waiting, &decided)
    })
}

fn queue(
    here: &Here,
    profile: &Profile,
    waiting: &[RequestRow],
    decided: &[RequestRow],
) -> AnyView {
    let open = if waiting.is_empty() {
        view! { <EmptyState text="No request waits." /> }.into_any()
    } else {
        let columns = vec![
            Column::lead("Workspace"),
            Column::new("Asks for").slot(Slot::Badge),
            Column::new("Asked by").slot(Slot::Fact),
            Column::new("Asked").slot(Slot::FactEnd),
        ];
        let rows = waiting
            .iter()
            .map(|row| {
                listed(
                    here,
                    row,
                    vec![
                        view::name(profile, &row.tier).into_any(),
                        who(row.requester.as_deref()).into_any(),
                    ],
                    row.requested_at,
                )
            })
            .collect();
        view! { <Table caption="Requests that wait" columns=columns rows=rows /> }.into_any()
    };
    let past = (!decided.is_empty()).then(|| {
        let columns = vec![
            Column::lead("Workspace"),
            Column::new("Outcome").slot(Slot::Badge),
            Column::new("Plan").slot(Slot::Fact),
            Column::new("By").from_medium(),
            Column::new("When").slot(Slot::FactEnd),
        ];
        let rows = decided
            .iter()
            .map(|row| {
                listed(
                    here,
                    row,
                    vec![
                        outcome(row.state),
                        view::name(profile, &row.tier).into_any(),
                        who(row.decider.as_deref()).into_any(),
                    ],
                    row.decided_at.unwrap_or(row.requested_at),
                )
            })
            .collect();
        view! {
            <section class="mt-8" aria-labelledby="decided">
                <h2 id="decided" class="mb-3 text-h2">
                    "Decided"
                </h2>
                <Table caption="Decided" columns=columns rows=rows />
            </section>
        }
    });
    framed(
        Head {
            heading: "Plans".to_owned(),
            purpose: "What workspaces ask to be served at, the oldest request first.",
            span: Span::None,
            toasts: frame::done(&[
                ("approved", "Approved. The workspace was told."),
                ("declined", "Declined. The workspace was told."),
            ]),
            ..Head::default()
        },
        view! {
            {open}
            {past}
        },
    )
}

/// A row whose first cell is the workspace and whose last is a moment.
fn listed(here: &Here, row: &RequestRow, between: Vec<AnyView>, at: i64) -> Row {
    let mut cells =
        vec![view! { <span class="wrap-anywhere">{row.workspace.clone()}</span> }.into_any()];
    cells.extend(between);
    cells.push(view! { <RelativeTime at=at now=here.now zone=here.zone.clone() /> }.into_any());
    Row {
        href: format!("{QUEUE}/{}", row.id),
        id: row.id.clone(),
        cells,
        ..Row::default()
    }
}

struct Asked {
    here: Here,
    state: AppState,
    row: RequestRow,
    /// In force in the workspace.
    current: Option<Tier>,
}

impl Asked {
    /// The plan's name.
    fn plan(&self) -> String {
        view::name(&self.state.profile, &self.row.tier)
    }

    fn tier(&self) -> Option<&Tier> {
        self.state.profile.tier(&self.row.tier)
    }

    fn path(&self) -> String {
        format!("{QUEUE}/{}", self.row.id)
    }

    /// Said in place of what decides it, once that was done.
    fn settled(&self) -> Option<String> {
        let row = &self.row;
        let at = row.decided_at.unwrap_or(row.requested_at);
        (row.state != State::Requested)
            .then(|| policy::settled(row.state, row.decider.as_deref(), at, self.here.now))
    }
}

/// The request of the page's address.
async fn load(id: String) -> Result<Asked, UiError> {
    viewer::operator()?;
    let here = frame::here()?;
    let state = page::state()?;
    let read = async {
        let mut reader = state.db.read().await?;
        let row = ops::find(&mut reader, &id).await?;
        let current = view::current(&mut reader, &state, &row.workspace_id).await?;
        Ok((row, current))
    };
    let (row, current) = read.await.map_err(AppError::into_ui)?;
    Ok(Asked {
        here,
        state,
        row,
        current,
    })
}

#[component]
pub fn PlanRequestPage() -> impl IntoView {
    loaded(load(frame::path_id()), |asked| detail(&asked))
}

fn detail(asked: &Asked) -> AnyView {
    let path = asked.path();
    let foot = if asked.row.state == State::Requested {
        view! {
            <div class="flex flex-wrap gap-2">
                <LinkButton href=format!("{path}/approve") kind=Kind::Solid dialog=true>
                    "Approve plan\u{2026}"
                </LinkButton>
                <LinkButton href=format!("{path}/decline") dialog=true>
                    "Decline request\u{2026}"
                </LinkButton>
            </div>
        }
        .into_any()
    } else {
        ().into_any()
    };
    framed(
        Head {
            heading: "Plan request".to_owned(),
            crumbs: vec![Crumb::new("Plans", QUEUE)],
            span: Span::None,
            width: Width::Form,
            ..Head::default()
        },
        view! { <section class="card space-y-4 p-4" aria-label="Request">{facts(asked)} {foot}</section> },
    )
}

/// Who asks for what, what is in force, and what came of it.
fn facts(asked: &Asked) -> AnyView {
    let (row, zone) = (&asked.row, &asked.here.zone);
    let described = |name: String, tier: Option<&Tier>| match tier {
        Some(tier) => format!("{name}: {}, {}", policy::terms(tier), tier.price),
        None => format!("{name}, which is not offered any more"),
    };
    let now = asked.current.as_ref().map_or_else(
        || "No plan".to_owned(),
        |tier| described(tier.name.clone(), Some(tier)),
    );
    let mut items = vec![
        Fact::new(
            "Workspace",
            view! {
                {row.workspace.clone()}
                <code class="block font-mono text-mono text-ink-2">{row.workspace_id.clone()}</code>
            },
        ),
        Fact::new("Asks for", described(asked.plan(), asked.tier())),
        Fact::new("In force", now),
        Fact::new("Asked by", who(row.requester.as_deref())),
        Fact::new(
            "Asked",
            view! { <AbsoluteTime at=row.requested_at zone=zone.clone() /> },
        ),
    ];
    if let Some(note) = &row.note {
        items.push(Fact::new("Note", note.clone()));
    }
    if let Some(at) = row.decided_at {
        items.push(Fact::new("Outcome", outcome(row.state)));
        items.push(Fact::new("By", who(row.decider.as_deref())));
        items.push(Fact::new(
            "When",
            view! { <AbsoluteTime at=at zone=zone.clone() /> },
        ));
    }
    if let Some(reason) = &row.reason {
        items.push(Fact::new("Reason", reason.clone()));
    }
    view! { <KeyValue items=items /> }.into_any()
}

#[component]
pub fn ApprovePlanPage() -> impl IntoView {
    loaded(load(frame::path_id()), |asked| {
        let plan = asked.plan();
        let before = match &asked.current {
            Some(tier) => format!("in place of {}", tier.name),
            None => "where none was".to_owned(),
        };
        let dialog = Dialog {
            name: "approve",
            heading: "Approve plan",
            title: format!(
                "Approve {plan} for \u{201c}{}\u{201d}?",
                asked.row.workspace
            ),
            lead: format!("It is in force at once, {before}. Its owners and who asked are told."),
            what: format!("approve {plan} for \u{201c}{}\u{201d}", asked.row.workspace),
            busy: "Approving\u{2026}",
            kept: "",
            field: ().into_any(),
        };
        decision(&asked, dialog)
    })
}

#[component]
pub fn DeclinePlanPage() -> impl IntoView {
    loaded(load(frame::path_id()), |asked| {
        let plan = asked.plan();
        let dialog = Dialog {
            name: "decline",
            heading: "Decline request",
            title: format!(
                "Decline {plan} for \u{201c}{}\u{201d}?",
                asked.row.workspace
            ),
            lead: "What is in force stays. Another can be requested.".to_owned(),
            what: format!("decline {plan} for \u{201c}{}\u{201d}", asked.row.workspace),
            busy: "Declining\u{2026}",
            kept: "Your reason is kept.",
            field: admin::page::reason(
                "The workspace sees this. Say what would make it acceptable.",
            ),
        };
        decision(&asked, dialog)
    })
}

/// What differs between the two decisions.
struct Dialog {
    /// The last step of its path.
    name: &'static str,
    /// Also the words of its button.
    heading: &'static str,
    title: String,
    lead: String,
    what: String,
    busy: &'static str,
    kept: &'static str,
    field: AnyView,
}

fn decision(asked: &Asked, dialog: Dialog) -> AnyView {
    let path = asked.path();
    let head = Head {
        heading: dialog.heading.to_owned(),
        crumbs: vec![
            Crumb::new("Plans", QUEUE),
            Crumb::new(asked.row.workspace.clone(), path.clone()),
        ],
        span: Span::None,
        width: Width::Form,
        ..Head::default()
    };
    if let Some(words) = asked.settled() {
        return framed(
            head,
            view! {
                <DialogPage title="This was settled" lead=words>
                    <DialogFoot cancel=path cancel_label="See the request">
                        ""
                    </DialogFoot>
                </DialogPage>
            },
        );
    }
    let failure = frame::failure(&Answer::here());
    let proof = confirm(Confirm {
        action: Action::DecidePlan,
        what: dialog.what,
        submit: dialog.heading,
        busy: dialog.busy,
        cancel: path.clone(),
        kept: dialog.kept,
        danger: false,
        dialog: true,
    });
    let action = format!("{path}/{}", dialog.name);
    let facts = facts(asked);
    let field = dialog.field;
    framed(
        head,
        view! {
            <DialogPage title=dialog.title lead=dialog.lead>
                <form method="post" action=action>
                    <DialogBody>{failure} {facts} {field}</DialogBody>
                    {proof}
                </form>
            </DialogPage>
        },
    )
}
