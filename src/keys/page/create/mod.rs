//! The form for a new key: one page, or steps where the profile asks for more than a label and scopes.

mod fields;
mod review;

pub(super) use fields::{groups, presets};

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::secret;
use crate::{
    accounts::{
        Factor,
        step_up::{self, Action},
        viewer,
    },
    approvals::settings,
    db::Reader,
    frame::{self, Head, Here, framed, loaded},
    keys::{
        draft::{self, Draft, Start, Step},
        ops, policy, statement,
        store::{self, KeyRow},
        terms::{Expiry, Terms},
    },
    plans::{self, ReadinessItem},
    profiles::{ApprovalLevel, Tier},
    server::{
        clock::is_id,
        error::AppError,
        page::{self, Answer},
        prefs,
        state::AppState,
    },
    ui::{
        button::{Button, Kind, LinkButton},
        layout::{Crumb, Width},
        statement::StatementView,
        stepper::{self, StepState, Stepper},
    },
    workspaces::Role,
};

use review::Decides;

/// All that the form shows.
struct Form {
    here: Here,
    state: AppState,
    answer: Answer,
    id: String,
    draft: Draft,
    /// None where the form is one page.
    step: Option<Step>,
    start: Start,
    /// A kept form was asked for that is not there any more.
    gone: bool,
    closed: Option<Closed>,
    /// Environments that are locked, by id and word, and what they need.
    locked: Vec<(String, String, Vec<ReadinessItem>)>,
    tier: Option<Tier>,
    terms: Terms,
    level: ApprovalLevel,
    waits: bool,
    decides: Decides,
    usual: Vec<String>,
    pin: Option<Pin>,
}

/// Why no key can be made here now, whatever the form says.
enum Closed {
    Suspended,
    /// What happened to the plan, and what follows.
    Plan(String, String),
    /// So many keys are the most.
    Full(u32),
}

/// What is the matter with the PIN that this platform asks for.
#[derive(Clone, Copy)]
enum Pin {
    Missing,
    Locked,
}

enum Page {
    /// This form has made its key.
    Made(Box<(AppState, Here, Answer, KeyRow)>),
    Form(Box<Form>),
}

#[component]
pub fn NewKeyPage() -> impl IntoView {
    let answer = Answer::here();
    let query = use_query_map().get_untracked();
    let load = async move {
        let here = frame::here()?;
        let state = page::state()?;
        viewer::with_any_role(&[Role::Developer])?;
        if let Some(made) = answer.key() {
            let key = secret::load(&state, &here.viewer, made).await?;
            return Ok(Page::Made(Box::new((state, here, answer, key))));
        }
        let asked = |name: &str| match answer.value(name) {
            sent if sent.is_empty() => query.get(name).unwrap_or_default(),
            sent => sent,
        };
        let asked = Asked {
            draft: asked("draft"),
            step: asked("step"),
            start: Start {
                like: asked("like"),
                again: asked("again"),
                environment: page::parts().and_then(|parts| {
                    prefs::asked_environment(&parts, &state.profile).map(|e| e.id.clone())
                }),
            },
        };
        read(state, here, answer, asked)
            .await
            .map_err(AppError::into_ui)
    };
    loaded::<Page>(load, |page| match page {
        Page::Made(made) => {
            let (state, here, answer, key) = *made;
            if answer.key().is_none() && key.revealed_at.is_none() {
                sent(&key)
            } else {
                let at = key.revealed_at.unwrap_or(key.created_at);
                secret::shown(&state, &here, answer.key(), &key, at)
            }
        }
        Page::Form(form) => form_page(&form),
    })
}

/// What the address, or the form that was sent, asks for.
struct Asked {
    draft: String,
    step: String,
    start: Start,
}

async fn read(state: AppState, here: Here, answer: Answer, asked: Asked) -> Result<Page, AppError> {
    let (viewer, profile, now) = (&here.viewer, &state.profile, here.now);
    let workspace = viewer.workspace_id();
    let mut reader = state.db.read().await?;
    let sent = !answer.value("draft").is_empty();
    if !sent && is_id(&asked.draft, "drf") {
        // Back, after it was sent: the key is there.
        let made = store::find_by_draft(&mut reader, workspace, &asked.draft).await?;
        let own = made.filter(|key| key.maker_id.as_ref() == Some(&viewer.user_id));
        if let Some(key) = own {
            drop(reader);
            return Ok(Page::Made(Box::new((state, here, answer, key))));
        }
    }
    let kept = draft::kept(&mut reader, &state, viewer, &asked.draft).await?;
    let found = kept.is_some();
    let mut draft = match kept {
        Some(kept) => kept,
        None => draft::begun(&mut reader, &state, viewer, &asked.start).await?,
    };
    let id = if (sent || found) && is_id(&asked.draft, "drf") {
        asked.draft.clone()
    } else {
        state.rng.id("drf", now)
    };
    let step = draft::has_steps(profile).then(|| Step::parse(&asked.step));
    if sent {
        draft.take(&answer.fields, step.flatten());
    }
    let step = step.map(|step| at_step(&state, &here, &answer, &draft, step, sent, found));
    let mut locked = Vec::new();
    for environment in &profile.environments {
        let items = plans::readiness(&mut reader, &state, workspace, environment).await?;
        if items.iter().any(|item| !item.done) {
            locked.push((environment.id.clone(), environment.word.clone(), items));
        }
    }
    if draft.wanted.environment.is_empty() && !sent {
        let is_open = |id: &str| !locked.iter().any(|(other, ..)| other == id);
        let proposed = std::iter::once(&here.environment)
            .chain(&profile.environments)
            .find(|environment| is_open(&environment.id));
        draft.wanted.environment = proposed.map_or_else(String::new, |e| e.id.clone());
    }
    let terms = policy::so_far(profile, &draft.wanted, now);
    let environment = &draft.wanted.environment;
    let rules = settings::of(&mut reader, profile, workspace).await?;
    let waits = match step {
        None if !sent => rules.keys == ApprovalLevel::Everything,
        _ => policy::needs_checker(profile, rules.keys, environment, &terms.scopes),
    };
    let place = (workspace, environment.as_str());
    let usual = ops::usual_of(&mut reader, &state, place, &viewer.user_id, "").await?;
    let decides = review::decides(&mut reader, &here, &rules).await?;
    let tier = plans::current(&mut reader, &state, workspace).await?;
    let closed = closed(&mut reader, &state, &here).await?;
    drop(reader);
    let pin = pin(&state, &here).await?;
    let gone = !asked.draft.is_empty() && !sent && !found;
    Ok(Page::Form(Box::new(Form {
        level: rules.keys,
        start: asked.start,
        here,
        state,
        answer,
        id,
        draft,
        step,
        gone,
        closed,
        locked,
        tier,
        terms,
        waits,
        decides,
        usual,
        pin,
    })))
}

/// The step to show: that of the first field that is wrong, else the one asked for, but none behind one that is not done.
fn at_step(
    state: &AppState,
    here: &Here,
    answer: &Answer,
    draft: &Draft,
    asked: Option<Step>,
    sent: bool,
    found: bool,
) -> Step {
    let fields = answer.error.iter().flat_map(|error| &error.fields);
    let wrong = fields.map(|error| Step::of(&error.field)).min();
    let furthest = Step::parse(&draft.reached.to_string()).unwrap_or(Step::Basics);
    let wanted = match (wrong, asked) {
        (Some(wrong), _) => wrong,
        (None, Some(asked)) if sent || found => asked,
        (None, None) if sent => Step::Review,
        (None, None) if found => furthest,
        _ => Step::Basics,
    };
    draft
        .first_wrong(&state.profile, wanted, here.now)
        .unwrap_or(wanted)
}

async fn closed(
    reader: &mut Reader,
    state: &AppState,
    here: &Here,
) -> Result<Option<Closed>, AppError> {
    let viewer = &here.viewer;
    if viewer.workspace.as_ref().is_none_or(|w| w.suspended) {
        return Ok(Some(Closed::Suspended));
    }
    let plan = plans::state_of(reader, state, viewer.workspace_id()).await?;
    if !plan.may_make_keys() {
        let words = plan.words(here.now, &here.zone);
        return Ok(words.map(|(lead, then)| Closed::Plan(lead, then)));
    }
    let Some(max) = state.profile.max_active_keys else {
        return Ok(None);
    };
    let alive = store::count_alive(reader, viewer.workspace_id(), here.now).await?;
    Ok((alive >= i64::from(max)).then_some(Closed::Full(max)))
}

async fn pin(state: &AppState, here: &Here) -> Result<Option<Pin>, AppError> {
    let accepted = Action::CreateKey.factors(&state.profile);
    let viewer = &here.viewer;
    if accepted.first() == Some(&Factor::Pin) && !viewer.has_pin {
        return Ok(Some(Pin::Missing));
    }
    let locked = accepted.contains(&Factor::Pin)
        && viewer.has_pin
        && step_up::pin_locked(state, &viewer.user_id).await?;
    Ok(locked.then_some(Pin::Locked))
}

impl Form {
    fn error(&self, field: &str) -> String {
        self.answer.error_at(field).unwrap_or_default()
    }

    fn back_to_list(&self) -> String {
        format!("/keys?env={}", self.draft.wanted.environment)
    }

    fn head(&self, width: Width) -> Head {
        Head {
            heading: "Create key".to_owned(),
            purpose: "A key does what its scopes allow, in one environment, and nothing else.",
            crumbs: vec![Crumb::new("API keys", self.back_to_list())],
            span: frame::Span::None,
            width,
            ..Head::default()
        }
    }

    fn statement(&self) -> AnyView {
        let at_once = !self.waits;
        // Made now, its days can be counted.
        let expiry = match self.terms.expiry {
            Expiry::Days(_) if at_once => {
                let end = self.terms.expiry.from(self.here.now);
                end.map_or(Expiry::Never, Expiry::At)
            }
            other => other,
        };
        let until = statement::end(expiry, &self.here.zone).unwrap_or_default();
        let sentence =
            statement::of_terms(&self.state.profile, &self.terms, self.tier.as_ref(), until);
        view! { <StatementView statement=sentence /> }.into_any()
    }
}

fn form_page(form: &Form) -> AnyView {
    if let Some(closed) = &form.closed {
        return closed_page(form, closed);
    }
    match form.step {
        None => one_page(form),
        Some(step) => step_page(form, step),
    }
}

/// Said in place of the form, before anybody fills it in.
fn closed_page(form: &Form, closed: &Closed) -> AnyView {
    let (lead, then, href, label) = match closed {
        Closed::Suspended => (
            "This workspace is suspended; no key can be made in it.".to_owned(),
            "The operator of this platform can lift it.".to_owned(),
            form.back_to_list(),
            "Back to keys",
        ),
        Closed::Plan(lead, then) => (
            lead.clone(),
            then.clone(),
            "/plans".to_owned(),
            "See the plans",
        ),
        Closed::Full(max) => (
            format!("This workspace has {max} keys, which is the most."),
            "Revoke one that is not needed; then another can be made.".to_owned(),
            form.back_to_list(),
            "Back to keys",
        ),
    };
    framed(
        form.head(Width::Form),
        view! {
            {frame::failure(&form.answer)}
            <section class="card space-y-3 p-4" aria-label="Why no key can be created">
                <p class="wrap-anywhere">
                    <strong class="font-semibold">{lead}</strong>
                    " "
                    {then}
                </p>
                <LinkButton href=href>{label}</LinkButton>
            </section>
        },
    )
}

/// The form was sent before, and what it asked for waits.
fn sent(key: &KeyRow) -> AnyView {
    framed(
        Head {
            heading: "Sent already".to_owned(),
            crumbs: vec![Crumb::new(
                "API keys",
                format!("/keys?env={}", key.environment),
            )],
            span: frame::Span::None,
            width: Width::Form,
            ..Head::default()
        },
        view! {
            <section class="card space-y-3 p-4">
                <p class="wrap-anywhere">
                    {format!("This form asked for the key \u{201c}{}\u{201d}. It asks once.", key.label)}
                </p>
                <LinkButton href=format!("/keys/{}", key.id) kind=Kind::Solid>
                    "Open key"
                </LinkButton>
            </section>
        },
    )
}

fn gone(form: &Form) -> AnyView {
    if !form.gone {
        return ().into_any();
    }
    view! {
        <p role="status" class="mb-4 rounded-control bg-info-soft px-3 py-2 text-info">
            "That form isn't here any more: what is typed is kept for a day. This is a new one."
        </p>
    }
    .into_any()
}

/// What the form carries unseen: which one it is, and what it began from.
fn hidden(form: &Form, step: Option<Step>) -> AnyView {
    let start = &form.start;
    let carried = [("like", &start.like), ("again", &start.again)]
        .into_iter()
        .filter(|(_, value)| !value.is_empty() && step.is_none_or(|step| step == Step::Basics))
        .map(|(name, value)| view! { <input type="hidden" name=name value=value.clone() /> })
        .collect_view();
    view! {
        <input type="hidden" name="draft" value=form.id.clone() />
        {step.map(|step| view! { <input type="hidden" name="step" value=step.number().to_string() /> })}
        {carried}
    }
    .into_any()
}

fn one_page(form: &Form) -> AnyView {
    framed(
        form.head(Width::Form),
        view! {
            {gone(form)}
            {frame::failure(&form.answer)}
            <form method="post" action="/keys/new" class="space-y-8" autocomplete="off">
                {hidden(form, None)}
                <section class="space-y-4" aria-labelledby="basics">
                    <h2 id="basics" class="text-h2">
                        "Basics"
                    </h2>
                    {fields::basics(form)}
                </section>
                <section class="space-y-4" aria-labelledby="permissions">
                    <h2 id="permissions" class="text-h2">
                        "Permissions"
                    </h2>
                    {fields::permissions(form)}
                    <div class="max-w-72">{fields::expiry_select(form)}</div>
                </section>
                <div class="space-y-4">{review::rule(form)} {review::proof(form)}</div>
            </form>
        },
    )
}

fn step_page(form: &Form, step: Step) -> AnyView {
    let content = match step {
        Step::Basics => fields::basics(form),
        Step::Permissions => fields::permissions(form),
        Step::Rails => fields::rails(form),
        Step::Review => review::review(form),
    };
    // The button that leads on comes first: it is what Enter presses.
    let foot = if step == Step::Review {
        ().into_any()
    } else {
        view! {
            <div class="flex flex-wrap gap-2">
                {on(form)}
                {step
                    .before()
                    .map(|before| {
                        view! {
                            <Button kind=Kind::Ghost name="back" value=before.number().to_string() no_validate=true>
                                "Back"
                            </Button>
                        }
                    })}
            </div>
        }
        .into_any()
    };
    // The last step says it itself, above the proof.
    let aside = (step != Step::Review).then(|| {
        view! {
            <aside class="max-wide:mt-8 wide:sticky wide:top-20 wide:self-start" aria-labelledby="so-far">
                <div class="card p-4">
                    <h2 id="so-far" class="mb-2 font-semibold">
                        "What it may do"
                    </h2>
                    {form.statement()}
                </div>
            </aside>
        }
    });
    framed(
        form.head(Width::List),
        view! {
            {gone(form)}
            <Stepper label="Create a key" steps=steps(form, step) />
            <div class="gap-8 wide:grid wide:grid-cols-[minmax(0,1fr)_320px]">
                <div class="min-w-0">
                    {frame::failure(&form.answer)}
                    <form method="post" action="/keys/new" class="space-y-8" autocomplete="off">
                        {hidden(form, Some(step))}
                        <section class="space-y-4" aria-labelledby="step">
                            <h2 id="step" class="text-h2">
                                {step.word()}
                            </h2>
                            {content}
                        </section>
                        {foot}
                    </form>
                </div>
                {aside}
            </div>
        },
    )
}

/// The button that leads on, in the profile's word; read out it is also "Continue", which it is everywhere else.
fn on(form: &Form) -> AnyView {
    const CONTINUE: &str = "Continue";
    let word = form.state.profile.create.next.clone();
    let after =
        (word != CONTINUE).then(|| view! { <span class="sr-only">" (" {CONTINUE} ")"</span> });
    view! {
        <Button kind=Kind::Solid>
            {word}
            {after}
        </Button>
    }
    .into_any()
}

fn steps(form: &Form, current: Step) -> Vec<stepper::Step> {
    let open = form
        .draft
        .first_wrong(&form.state.profile, Step::Review, form.here.now);
    Step::ALL
        .into_iter()
        .map(|step| {
            let reached =
                step.number() <= form.draft.reached && open.is_none_or(|open| step <= open);
            let (state, href) = if step == current {
                (StepState::Current, String::new())
            } else if step < current || reached {
                (StepState::Done, draft::address(&form.id, Some(step)))
            } else {
                (StepState::Ahead, String::new())
            };
            stepper::Step::new(step.word(), href, state)
        })
        .collect()
}
