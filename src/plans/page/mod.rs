//! The plans of a workspace: what is offered, what is in force, what was asked for; and for operators what waits.

mod admin;

pub use admin::{ApprovePlanPage, DeclinePlanPage, PlanQueuePage, PlanRequestPage};

use leptos::prelude::*;

use super::{
    policy::{self, PlanState, ReadinessItem, State},
    store::{self, RequestRow},
    view,
};
use crate::{
    error::UiError,
    frame::{self, Head, Here, framed, loaded},
    profiles::{Profile, Tier},
    server::{
        error::AppError,
        page::{self, Answer},
        state::AppState,
    },
    ui::{
        badge::{Badge, Shape, Tone},
        button::{Button, Kind, LinkButton},
        dialog::{DialogFoot, DialogPage},
        empty_state::EmptyState,
        form::{Choice, Field, FieldState, Select},
        icon::{Icon, IconName},
        layout::{Crumb, Width},
        table::{Column, Row, Slot, Table},
        time::{RelativeTime, number},
    },
    workspaces::Role,
};

/// Requests that are shown of the past.
const HISTORY: i64 = 50;

struct Loaded {
    here: Here,
    state: AppState,
    plan: PlanState,
    history: Vec<RequestRow>,
    /// The words of environments that are locked, and what they need.
    locked: Vec<(String, Vec<ReadinessItem>)>,
}

async fn load() -> Result<Loaded, UiError> {
    let here = frame::here()?;
    let state = page::state()?;
    let read = async {
        let workspace = here.viewer.workspace_id();
        let mut reader = state.db.read().await?;
        let plan = view::state_of(&mut reader, &state, workspace).await?;
        let mut history = store::of_workspace(&mut reader, workspace, HISTORY).await?;
        history.retain(|row| row.state != State::Requested);
        let mut locked = Vec::new();
        for environment in &state.profile.environments {
            let items = view::readiness(&mut reader, &state, workspace, environment).await?;
            if items.iter().any(|item| !item.done) {
                locked.push((environment.word.clone(), items));
            }
        }
        Ok::<_, AppError>((plan, history, locked))
    };
    let (plan, history, locked) = read.await.map_err(AppError::into_ui)?;
    Ok(Loaded {
        here,
        state,
        plan,
        history,
        locked,
    })
}

#[component]
pub fn PlansPage() -> impl IntoView {
    loaded(load(), |data| plans_page(&data))
}

fn plans_page(data: &Loaded) -> AnyView {
    let profile = &data.state.profile;
    let locked: Vec<AnyView> = data
        .locked
        .iter()
        .map(|(word, items)| readiness_list(word, items))
        .collect();
    let tiers = if profile.tiers.is_empty() {
        view! { <EmptyState text="This platform has no plans: everybody is served alike." /> }
            .into_any()
    } else {
        offered(profile, &data.plan)
    };
    framed(
        Head {
            heading: "Plans".to_owned(),
            purpose: "What this workspace is served at, and what else it can ask for.",
            span: frame::Span::All,
            toasts: frame::done(&[
                (
                    "requested",
                    "Requested. The operator decides; mail follows.",
                ),
                ("withdrawn", "The request was withdrawn."),
            ]),
            ..Head::default()
        },
        view! {
            {frame::failure(&Answer::here())}
            <div class="space-y-8">
                {standing(data)} {locked} {tiers} {request_form(data)} {past(data)}
            </div>
        },
    )
}

/// What waits, or was declined last, or that nothing is in force though something has to be.
fn standing(data: &Loaded) -> Option<AnyView> {
    let here = &data.here;
    let (lead, then) = data.plan.words(here.now, &here.zone)?;
    let open = data.plan.open.as_ref();
    let note = open.and_then(|open| open.note.clone()).map(|note| {
        view! { <p class="text-ink-2 wrap-anywhere">"\u{201c}" {note} "\u{201d}"</p> }
    });
    let withdraw = (open.is_some() && here.viewer.has(Role::Admin)).then(|| {
        view! {
            <LinkButton href="/plans/withdraw" dialog=true>
                "Withdraw request\u{2026}"
            </LinkButton>
        }
    });
    let view = view! {
        <section class="card space-y-3 p-4" aria-label="Request">
            <p class="wrap-anywhere">
                <strong class="font-semibold">{lead}</strong>
                " "
                {then}
            </p>
            {note} {withdraw}
        </section>
    };
    Some(view.into_any())
}

/// The tiers of the profile.
fn offered(profile: &Profile, plan: &PlanState) -> AnyView {
    let columns = vec![
        Column::lead("Plan"),
        Column::new("State").slot(Slot::Badge),
        Column::new("Requests a minute").number().slot(Slot::Fact),
        Column::new("At once").number().from_medium(),
        Column::new("Requests a month").number().from_medium(),
        Column::new("Price").slot(Slot::FactEnd),
    ];
    let rows = profile.tiers.iter().map(|tier| row(tier, plan)).collect();
    view! { <Table caption="Plans" columns=columns rows=rows plates=true /> }.into_any()
}

fn row(tier: &Tier, plan: &PlanState) -> Row {
    let in_force = plan.current.as_ref().is_some_and(|now| now.id == tier.id);
    let asked = plan
        .open
        .as_ref()
        .is_some_and(|open| open.plan == tier.name);
    let badge = if in_force {
        view! { <Badge tone=Tone::Success shape=Shape::Disc word="In force" /> }.into_any()
    } else if asked {
        view! { <Badge tone=Tone::Info shape=Shape::Clock word="Requested" /> }.into_any()
    } else {
        ().into_any()
    };
    let monthly = tier
        .monthly
        .map_or_else(|| "No limit".to_owned(), number)
        .into_any();
    Row {
        id: tier.id.clone(),
        cells: vec![
            view! {
                <span class="block min-w-0">
                    <span class="block font-medium wrap-anywhere">{tier.name.clone()}</span>
                    <span class="block text-small text-ink-2 wrap-anywhere">{tier.about.clone()}</span>
                </span>
            }
            .into_any(),
            badge,
            view! {
                {number(u64::from(tier.rate))}
                <span class="sm:sr-only">" a minute"</span>
            }
            .into_any(),
            number(u64::from(tier.burst)).into_any(),
            monthly,
            tier.price.clone().into_any(),
        ],
        ..Row::default()
    }
}

/// For admins, while nothing waits and there is something to ask for.
fn request_form(data: &Loaded) -> Option<AnyView> {
    let viewer = &data.here.viewer;
    let suspended = viewer.workspace.as_ref().is_none_or(|w| w.suspended);
    if !viewer.has(Role::Admin) || suspended || data.plan.open.is_some() {
        return None;
    }
    let current = data.plan.current.as_ref().map(|tier| &tier.id);
    let others: Vec<&Tier> = data
        .state
        .profile
        .tiers
        .iter()
        .filter(|tier| Some(&tier.id) != current)
        .collect();
    if others.is_empty() {
        return None;
    }
    let answer = Answer::here();
    let options = others
        .into_iter()
        .map(|tier| {
            Choice::new(
                tier.id.clone(),
                format!("{} \u{b7} {}", tier.name, tier.price),
            )
        })
        .collect();
    let field = |name: &str| {
        FieldState::new(answer.value(name)).error(answer.error_at(name).unwrap_or_default())
    };
    let (tier, note) = (field("tier"), field("note"));
    let view = view! {
        <section class="card space-y-4 p-4" aria-labelledby="request">
            <h2 id="request" class="text-h2">
                "Request a plan"
            </h2>
            <form method="post" action="/plans" class="max-w-[680px] space-y-4">
                <Select label="Plan" name="tier" options=options state=tier />
                <Field
                    label="Note to the operator"
                    name="note"
                    hint="What you need it for. It helps them decide."
                    optional=true
                    autocomplete="off"
                    maxlength=u32::try_from(policy::MAX_NOTE).ok()
                    state=note
                />
                <Button kind=Kind::Solid busy="Requesting\u{2026}">
                    "Request plan"
                </Button>
            </form>
        </section>
    };
    Some(view.into_any())
}

fn past(data: &Loaded) -> Option<AnyView> {
    if data.history.is_empty() {
        return None;
    }
    let here = &data.here;
    let columns = vec![
        Column::lead("Plan"),
        Column::new("Outcome").slot(Slot::Badge),
        Column::new("By").slot(Slot::Fact),
        Column::new("When").slot(Slot::FactEnd),
        Column::new("Reason").slot(Slot::Wide),
    ];
    let rows = data
        .history
        .iter()
        .map(|request| {
            let at = request.decided_at.unwrap_or(request.requested_at);
            let reason = request.reason.clone().unwrap_or_default();
            Row {
                id: request.id.clone(),
                cells: vec![
                    view::name(&data.state.profile, &request.tier).into_any(),
                    outcome(request.state),
                    who(request.decider.as_deref()).into_any(),
                    view! { <RelativeTime at=at now=here.now zone=here.zone.clone() /> }.into_any(),
                    view! { <span class="wrap-anywhere">{reason}</span> }.into_any(),
                ],
                ..Row::default()
            }
        })
        .collect();
    let view = view! {
        <section aria-labelledby="past">
            <h2 id="past" class="mb-3 text-h2">
                "Earlier requests"
            </h2>
            <Table caption="Earlier requests" columns=columns rows=rows />
        </section>
    };
    Some(view.into_any())
}

/// What came of a request.
fn outcome(state: State) -> AnyView {
    let (tone, shape, word) = match state {
        State::Requested => (Tone::Info, Shape::Clock, "Requested"),
        State::Approved => (Tone::Success, Shape::Check, "Approved"),
        State::Declined => (Tone::Neutral, Shape::Times, "Declined"),
        State::Withdrawn => (Tone::Neutral, Shape::Dash, "Withdrawn"),
        State::Ended => (Tone::Neutral, Shape::Dash, "Ended"),
    };
    view! { <Badge tone=tone shape=shape word=word /> }.into_any()
}

/// A person's name, or what stands where it was the console.
fn who(name: Option<&str>) -> String {
    name.unwrap_or("The operator").to_owned()
}

#[component]
pub fn WithdrawPlanPage() -> impl IntoView {
    loaded(load(), |data| {
        let head = Head {
            heading: "Withdraw request".to_owned(),
            crumbs: vec![Crumb::new("Plans", "/plans")],
            span: frame::Span::All,
            width: Width::Form,
            ..Head::default()
        };
        let failure = frame::failure(&Answer::here());
        let Some(open) = &data.plan.open else {
            return framed(
                head,
                view! {
                    {failure}
                    <DialogPage title="Nothing waits" lead="There is no request to withdraw.">
                        <DialogFoot cancel="/plans" cancel_label="Back to plans">
                            ""
                        </DialogFoot>
                    </DialogPage>
                },
            );
        };
        framed(
            head,
            view! {
                {failure}
                <DialogPage
                    title=format!("Withdraw the request for {}?", open.plan)
                    lead="The operator is not asked any more. Another can be requested."
                >
                    <form method="post" action="/plans/withdraw">
                        <DialogFoot cancel="/plans">
                            <Button kind=Kind::DangerSolid busy="Withdrawing\u{2026}">
                                "Withdraw request"
                            </Button>
                        </DialogFoot>
                    </form>
                </DialogPage>
            },
        )
    })
}

/// What an environment of this word needs, as a list with what is done ticked: "Live is locked: 2 of 4 done."
pub fn readiness_list(environment: &str, items: &[ReadinessItem]) -> AnyView {
    let done = items.iter().filter(|item| item.done).count();
    let lead = if done == items.len() {
        format!("{environment} is open.")
    } else {
        format!("{environment} is locked: {done} of {} done.", items.len())
    };
    let rows: Vec<AnyView> = items
        .iter()
        .map(|item| {
            let words = item.words.clone();
            if item.done {
                return view! {
                    <li class="flex items-start gap-2">
                        <Icon name=IconName::Check class="mt-0.5 size-4 shrink-0 text-success" />
                        <span>{words} <span class="sr-only">" (done)"</span></span>
                    </li>
                }
                .into_any();
            }
            let hint = item.hint.clone();
            view! {
                <li class="flex items-start gap-2">
                    <Icon name=IconName::Ring class="mt-0.5 size-4 shrink-0 text-ink-3" />
                    <span class="min-w-0">
                        <a class="link" href=item.href.clone()>
                            {words}
                        </a>
                        ": "
                        {hint}
                        <span class="sr-only">" (to do)"</span>
                    </span>
                </li>
            }
            .into_any()
        })
        .collect();
    let label = format!("What {environment} needs");
    view! {
        <section class="card space-y-2 p-4" aria-label=label>
            <p class="font-semibold">{lead}</p>
            <ul class="space-y-1">{rows}</ul>
        </section>
    }
    .into_any()
}
