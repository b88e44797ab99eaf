//! The pages of keys: list, form, the secret's one moment, detail, revoking.

use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};

use super::{
    api::{key_detail, key_form, list_keys, revoke_consequences},
    ops::Creation,
    samples,
    types::{
        Consequences, KeyDetail, KeyFormOptions, KeyPage, KeyPlateInfo, KeyState, KeySummary,
        KeyTab,
    },
    waiting::FirstCallWatch,
};
use crate::{
    error::UiError,
    frame::{self, Head, Here, framed, loaded},
    server::page::{self, Answer},
    ui::{
        badge::{EnvTag, Status, StatusBadge},
        button::{Button, Kind, LinkButton, Size},
        chart::Sparkline,
        code_block::CodeBlock,
        copy_field::CopyField,
        dialog::{DialogBody, DialogFoot, DialogPage},
        empty_state::EmptyState,
        filters::{ActiveFilter, Filters},
        form::{Field, FieldKind, FieldState, RadioCard, RadioCards},
        key_plate::{KeyPlate, Plate},
        key_value::{Fact, KeyValue},
        layout::{Crumb, PrimaryAction, Width},
        pagination::Pagination,
        proof::{Factor, Proof},
        scope_picker::{Flag, Preset, Scope, ScopeGroup, ScopePicker},
        secret_panel::SecretPanel,
        stat::Stat,
        statement::{Grant, Statement, StatementView},
        table::{Column, NoMatch, Row, RowMenu, Slot, Table},
        tabs::{Tab, Tabs},
        time::{RelativeTime, absolute, count, date, number, relative},
    },
};

/// Days before its end from which a key's expiry is shown as a warning.
const SOON: i64 = 14 * 24 * 60 * 60 * 1000;

pub fn plate(info: &KeyPlateInfo) -> Plate {
    Plate {
        id: info.id.clone(),
        label: info.label.clone(),
        prefix: info.prefix.clone(),
        first: info.start.clone(),
        last: info.end.clone(),
        live: info.live,
    }
}

fn status(key: &KeySummary, now: i64) -> Status {
    match (key.state, key.expires_at) {
        (KeyState::Revoked, _) => Status::Revoked,
        (KeyState::Expired, _) => Status::Expired,
        (KeyState::Active, Some(at)) if at - now < SOON => {
            Status::Expiring(format!("Expires {}", relative(at, now, "UTC")))
        }
        (KeyState::Active, _) => Status::Active,
    }
}

#[component]
pub fn KeysPage() -> impl IntoView {
    let query = use_query_map().get_untracked();
    let tab = KeyTab::parse(query.get("tab").as_deref());
    let search = query.get("q").filter(|text| !text.is_empty());
    let load = {
        let search = search.clone();
        async move {
            let here = frame::here()?;
            let page = list_keys(
                here.environment.id.clone(),
                tab,
                search,
                query.get("before"),
            )
            .await?;
            Ok((here, page))
        }
    };
    loaded(load, move |(here, page)| keys_list(here, tab, search, page))
}

fn keys_list(here: Here, tab: KeyTab, search: Option<String>, page: KeyPage) -> AnyView {
    let env = here.environment.id.clone();
    let may_create = here.viewer.has(crate::workspaces::Role::Developer);
    let link = |tab: KeyTab| format!("/keys?env={env}&tab={}", tab.as_str());
    let tabs = [
        ("Active", KeyTab::Active, page.active),
        ("Pending", KeyTab::Pending, page.pending),
        ("Inactive", KeyTab::Inactive, page.inactive),
    ]
    .into_iter()
    .map(|(label, one, count)| Tab {
        label: label.to_owned(),
        href: link(one),
        count: u64::try_from(count).ok(),
        current: one == tab,
        waiting: String::new(),
    })
    .collect();
    let action = may_create.then(|| PrimaryAction {
        label: "Create key".to_owned(),
        href: format!("/keys/new?env={env}"),
        dialog: false,
        create: true,
    });
    let filter = search.clone().unwrap_or_default();
    let active = search
        .iter()
        .map(|text| ActiveFilter {
            label: "Label or last four".to_owned(),
            value: text.clone(),
            without: link(tab),
        })
        .collect();
    let nothing = page.rows.is_empty();
    let content = match (nothing, &search) {
        (true, Some(text)) => {
            view! { <NoMatch thing="key" filter=format!("label: {text}") clear=link(tab) /> }
                .into_any()
        }
        (true, None) => empty(tab, &env, may_create),
        (false, _) => table(&here, &page),
    };
    let older = page
        .older
        .as_ref()
        .map(|last| format!("{}&before={last}{}", link(tab), searched(&filter)))
        .unwrap_or_default();
    let purpose = "Secrets that let your programs call the API. Each does only what it was given.";
    framed(
        Head {
            heading: "API keys".to_owned(),
            purpose,
            action,
            ..Head::default()
        },
        view! {
            <Tabs label="Keys by state" tabs=tabs />
            <Filters action="/search" post=true active=active clear=link(tab) env=env.clone()>
                <input type="hidden" name="tab" value=tab.as_str() />
                <Field
                    label="Search label or last four"
                    name="q"
                    kind=FieldKind::Search
                    placeholder="Label or last four"
                    hide_label=true
                    id="filter-q"
                    state=FieldState::new(filter)
                />
            </Filters>
            {content}
            <Pagination older=older />
        },
    )
}

fn searched(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("q", text)
        .finish();
    format!("&{query}")
}

fn empty(tab: KeyTab, env: &str, may_create: bool) -> AnyView {
    let (text, create) = match tab {
        KeyTab::Active => (
            "No keys yet. Create a test key and make your first call in a minute.",
            may_create,
        ),
        KeyTab::Pending => ("Nothing waits for approval or to be revealed.", false),
        KeyTab::Inactive => (
            "No key has ended. Revoked and expired keys are kept here for the record.",
            false,
        ),
    };
    let action = create.then(|| {
        view! {
            <LinkButton href=format!("/keys/new?env={env}") kind=Kind::Solid create=true>
                "Create key"
            </LinkButton>
        }
        .into_any()
    });
    view! { <EmptyState text=text action=action /> }.into_any()
}

fn table(here: &Here, page: &KeyPage) -> AnyView {
    let columns = vec![
        Column::lead("Key"),
        Column::new("Scopes").slot(Slot::Fact).from_medium(),
        Column::new("State").slot(Slot::Badge),
        Column::new("Owner").from_wide(),
        Column::new("Last used").slot(Slot::FactEnd),
        Column::new("24 h").number().from_medium(),
    ];
    let rows = page.rows.iter().map(|key| row(here, key)).collect();
    view! { <Table caption="API keys" columns=columns rows=rows plates=true /> }.into_any()
}

fn row(here: &Here, key: &KeySummary) -> Row {
    let id = key.plate.id.clone();
    let (first, rest) = key
        .scopes
        .split_first()
        .map_or(("none", 0), |(first, rest)| (first.as_str(), rest.len()));
    let all = key.scopes.join(", ");
    let total: i64 = key.hours.iter().sum();
    let used = match key.last_used_at {
        Some(at) => {
            let from = key.last_used_ip.as_ref().map(|ip| format!(", {ip}"));
            view! {
                <span class="whitespace-nowrap">
                    <RelativeTime at=at now=here.now zone=here.zone.clone() />
                    <span class="text-ink-2 max-wide:hidden">{from}</span>
                </span>
            }
            .into_any()
        }
        None => view! { <span class="text-ink-2">"Never"</span> }.into_any(),
    };
    let menu = key.may_revoke.then(|| {
        let (open, revoke) = (format!("/keys/{id}"), format!("/keys/{id}/revoke"));
        view! {
            <RowMenu label=format!("Actions for {}", key.plate.label)>
                <a class="menu-item" href=open>
                    "Open"
                </a>
                <a class="menu-item" href=revoke data-dialog>
                    "Revoke\u{2026}"
                </a>
            </RowMenu>
        }
        .into_any()
    });
    Row {
        href: format!("/keys/{id}"),
        id: id.clone(),
        select_label: String::new(),
        cells: vec![
            view! { <KeyPlate plate=plate(&key.plate) /> }.into_any(),
            view! {
                <span class="font-mono text-mono whitespace-nowrap" title=all>
                    {first.to_owned()}
                    {(rest > 0).then(|| view! { <span class="text-ink-2">" +" {rest}</span> })}
                </span>
            }
            .into_any(),
            view! { <StatusBadge status=status(key, here.now) /> }.into_any(),
            view! {
                <span class="whitespace-nowrap">{key.owner.clone().unwrap_or_else(|| "Console".to_owned())}</span>
            }
            .into_any(),
            used,
            view! {
                <span class="inline-flex items-center gap-3">
                    <Sparkline title="Requests by hour, last 24 hours" points=points(&key.hours) />
                    <span class="min-w-8 text-right">{number(u64::try_from(total).unwrap_or(0))}</span>
                </span>
            }
            .into_any(),
        ],
        menu,
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "bars are drawn from it; beyond 2^53 requests an hour a pixel may be off"
)]
fn points(hours: &[i64]) -> Vec<f64> {
    hours.iter().map(|count| *count as f64).collect()
}

#[component]
pub fn NewKeyPage() -> impl IntoView {
    let answer = Answer::here();
    let load = async {
        let here = frame::here()?;
        let options = key_form().await?;
        let shown = match answer.creation.as_deref() {
            Some(Creation::Created(created)) => Some(key_detail(created.id.clone()).await?),
            Some(Creation::AlreadyShown { id }) => Some(key_detail(id.clone()).await?),
            None => None,
        };
        Ok((here, options, shown, answer))
    };
    loaded(load, |(here, options, shown, answer)| {
        match (answer.creation.as_deref(), shown) {
            (Some(Creation::Created(created)), Some(detail)) => {
                secret_moment(&here, &detail.key, created.secret.expose())
            }
            (Some(Creation::AlreadyShown { .. }), Some(detail)) => {
                already_shown(&here, &detail.key)
            }
            _ => key_form_page(&here, options, &answer),
        }
    })
}

fn key_form_page(here: &Here, options: KeyFormOptions, answer: &Answer) -> AnyView {
    let draft = match answer.value("draft") {
        sent if !sent.is_empty() => sent,
        _ => match page::state() {
            Ok(state) => state.rng.id("drf", state.clock.now()),
            Err(error) => return frame::error_page(&error),
        },
    };
    let error_of = |field: &str| answer.error_at(field).unwrap_or_default();
    let environment = match answer.value("environment") {
        sent if !sent.is_empty() => sent,
        _ => here.environment.id.clone(),
    };
    let cards = options
        .environments
        .iter()
        .map(|environment| RadioCard {
            value: environment.id.clone(),
            label: environment.word.clone(),
            text: environment.about.clone(),
            locked: false,
            live: Some(environment.live),
        })
        .collect();
    let selected = answer.fields.all("scopes");
    let scope_error = error_of("scopes");
    // Which factor: the one asked for, else the one used, else the PIN where there is one.
    let wanted = [answer.value("other_factor"), answer.value("factor")]
        .into_iter()
        .find(|factor| !factor.is_empty());
    let pin = options.pin && options.has_pin;
    let factor = match wanted.as_deref() {
        Some("pin") if options.pin => Factor::Pin,
        _ if options.password => Factor::Password,
        _ => Factor::Pin,
    };
    let others = [(options.password, Factor::Password), (pin, Factor::Pin)]
        .into_iter()
        .filter(|(offered, other)| *offered && *other != factor)
        .map(|(_, other)| other)
        .collect();
    let proof_error = match error_of("proof") {
        error if error.is_empty() => error,
        error => format!("{error} Your key's details are kept."),
    };
    let back = format!("/keys?env={environment}");
    framed(
        Head {
            heading: "Create key".to_owned(),
            purpose: "A key does what its scopes allow, in one environment, and nothing else.",
            crumbs: vec![Crumb::new("API keys", back.clone())],
            span: frame::Span::None,
            width: Width::Form,
            ..Head::default()
        },
        view! {
            {frame::failure(answer)}
            <form method="post" action="/keys/new" class="space-y-8" autocomplete="off">
                <input type="hidden" name="draft" value=draft />
                <section class="space-y-4" aria-labelledby="basics">
                    <h2 id="basics" class="text-h2">
                        "Basics"
                    </h2>
                    <RadioCards
                        legend="Environment"
                        name="environment"
                        cards=cards
                        state=FieldState::new(environment).error(error_of("environment"))
                    />
                    <Field
                        label="Label"
                        name="label"
                        hint="What uses this key? You'll know it by this name in lists, logs and mails."
                        required=true
                        maxlength=Some(60)
                        placeholder="Production POS"
                        state=FieldState::new(answer.value("label")).error(error_of("label"))
                    />
                </section>
                <section class="space-y-4" aria-labelledby="permissions">
                    <h2 id="permissions" class="text-h2">
                        "Permissions"
                    </h2>
                    <div id="scopes" tabindex="-1">
                        {(!scope_error.is_empty())
                            .then(|| {
                                view! {
                                    <p id="scopes-error" class="mb-3 text-small text-danger">
                                        {scope_error.clone()}
                                    </p>
                                }
                            })}
                        <ScopePicker
                            groups=groups(&options)
                            presets=presets(&options)
                            selected=selected
                            error_id=if scope_error.is_empty() { "" } else { "scopes-error" }
                        />
                    </div>
                </section>
                <Proof
                    action="create the key described above"
                    factor=factor
                    others=others
                    submit="Create key"
                    busy="Creating\u{2026}"
                    cancel=back
                    error=proof_error
                />
            </form>
        },
    )
}

fn groups(options: &KeyFormOptions) -> Vec<ScopeGroup> {
    options
        .groups
        .iter()
        .map(|group| ScopeGroup {
            name: group.name.clone(),
            scopes: group
                .scopes
                .iter()
                .map(|scope| Scope {
                    id: scope.id.clone(),
                    description: scope.about.clone(),
                    flags: [
                        (scope.moves_money, Flag::MovesMoney),
                        (scope.personal_data, Flag::PersonalData),
                    ]
                    .into_iter()
                    .filter_map(|(set, flag)| set.then_some(flag))
                    .collect(),
                    read: scope.reads,
                    broad: false,
                    locked: String::new(),
                })
                .collect(),
        })
        .collect()
}

fn presets(options: &KeyFormOptions) -> Vec<Preset> {
    options
        .presets
        .iter()
        .map(|preset| Preset {
            name: preset.name.clone(),
            scopes: preset.scopes.clone(),
        })
        .collect()
}

/// The one sight of the secret. Behind it lies the key's page, where Done leads.
fn secret_moment(here: &Here, key: &KeySummary, secret: &str) -> AnyView {
    let state = match page::state() {
        Ok(state) => state,
        Err(error) => return frame::error_page(&error),
    };
    let plate = &key.plate;
    let call = &state.profile.first_call;
    let allowed = key.scopes.contains(&call.scope);
    let note = if allowed {
        "Try it now: the curl line works as pasted. Programs read the key from their environment, as the file sets it."
    } else {
        "The example below needs a scope that this key lacks, so it is answered with 403 and the reason."
    };
    let samples = samples::first_call(&state.profile, &state.config.gateway_url, secret);
    let key_id = plate.id.clone();
    framed(
        Head {
            heading: "Key created".to_owned(),
            crumbs: vec![Crumb::new("API keys", "/keys")],
            span: frame::Span::Of(plate.environment.clone()),
            width: Width::Form,
            ..Head::default()
        },
        view! {
            <p class="text-ink-2">{format!("For {}.", here.viewer.name)}</p>
            <SecretPanel
                key_label=plate.label.clone()
                env=plate.environment_word.clone()
                live=plate.live
                secret=secret.to_owned()
                variable=samples::variable(&state.profile)
                action=format!("/keys/{key_id}")
            >
                <p class="mb-2 text-ink-2">{note}</p>
                <div data-secret>
                    <CodeBlock id="try" title="Make a first call" samples=samples />
                </div>
                <FirstCallWatch key_id=key_id />
            </SecretPanel>
        },
    )
}

fn already_shown(here: &Here, key: &KeySummary) -> AnyView {
    let href = format!("/keys/{}", key.plate.id);
    let at = absolute(key.created_at, &here.zone);
    framed(
        Head {
            heading: "Already shown".to_owned(),
            crumbs: vec![Crumb::new("API keys", "/keys")],
            span: frame::Span::None,
            width: Width::Form,
            ..Head::default()
        },
        view! {
            <section class="card space-y-4 p-4">
                <KeyPlate plate=plate(&key.plate) />
                <p>{format!("This secret was shown at {at} to you and can't be shown again.")}</p>
                <p class="text-ink-2">
                    "If it was not stored, revoke this key and create another; nothing can call with a secret that nobody has."
                </p>
                <LinkButton href=href kind=Kind::Solid>
                    "Back to key"
                </LinkButton>
            </section>
        },
    )
}

#[component]
pub fn KeyDetailPage() -> impl IntoView {
    let id = use_params_map()
        .get_untracked()
        .get("id")
        .unwrap_or_default();
    let load = async move {
        let here = frame::here()?;
        let detail = key_detail(id).await?;
        Ok((here, detail))
    };
    loaded(load, |(here, detail)| detail_page(&here, &detail))
}

fn detail_page(here: &Here, detail: &KeyDetail) -> AnyView {
    let key = &detail.key;
    let href = format!("/keys/{}", key.plate.id);
    let statement = Statement {
        may: grants(&detail.powers),
        moves_money: detail.moves_money,
        until: key
            .expires_at
            .map(|at| date(at, &here.zone))
            .unwrap_or_default(),
        ..Statement::default()
    };
    let ended = key.ended_at.map(|at| {
        let let_through = number(u64::try_from(detail.allowed_since_end).unwrap_or(0));
        view! {
            <section class="card mb-8 p-4" role="status">
                <p>
                    <strong class="font-semibold">{format!("Revoked at {}.", absolute(at, &here.zone))}</strong>
                    {format!(" {let_through} requests let through since. ")}
                    <a class="link" href=format!("/logs?env={}&key={}&outcome=denied", key.plate.environment, key.plate.id)>
                        "See what is refused"
                    </a>
                </p>
            </section>
        }
    });
    let history = detail
        .history
        .iter()
        .map(|event| {
            view! {
                <li class="flex flex-wrap justify-between gap-x-4 border-t border-line py-2 first:border-t-0">
                    <span>
                        <span class="font-medium">{event.actor.clone()}</span>
                        ": "
                        {event.summary.clone()}
                    </span>
                    <RelativeTime at=event.at now=here.now zone=here.zone.clone() />
                </li>
            }
        })
        .collect_view();
    let last_used = key.last_used_at.map_or_else(
        || "Never".to_owned(),
        |at| relative(at, here.now, &here.zone),
    );
    let scopes = key
        .scopes
        .iter()
        .map(|scope| view! { <li class="font-mono text-mono">{scope.clone()}</li> })
        .collect_view();
    let facts = vec![
        Fact::new(
            "Owner",
            key.owner
                .clone()
                .unwrap_or_else(|| "Made at the console".to_owned()),
        ),
        Fact::new("Created", absolute(key.created_at, &here.zone)),
        Fact::new(
            "Expires",
            key.expires_at
                .map_or_else(|| "Never".to_owned(), |at| absolute(at, &here.zone)),
        ),
        Fact::new(
            "Last address",
            key.last_used_ip
                .clone()
                .unwrap_or_else(|| "None yet".to_owned()),
        ),
        Fact::new("Scopes", view! { <ul class="space-y-1">{scopes}</ul> }),
    ];
    let revoke = key.may_revoke.then(|| {
        view! {
            <LinkButton href=format!("{href}/revoke") kind=Kind::Danger dialog=true>
                "Revoke"
            </LinkButton>
        }
    });
    framed(
        Head {
            heading: key.plate.label.clone(),
            title: "API key",
            crumbs: vec![Crumb::new(
                "API keys",
                format!("/keys?env={}", key.plate.environment),
            )],
            span: frame::Span::Of(key.plate.environment.clone()),
            ..Head::default()
        },
        view! {
            <div class="mb-8 flex flex-wrap items-center gap-4">
                <KeyPlate plate=plate(&key.plate) head=true />
                <EnvTag word=key.plate.environment_word.clone() live=key.plate.live />
                <StatusBadge status=status(key, here.now) />
                <div class="ml-auto">{revoke}</div>
            </div>
            {ended}
            <div class="gap-8 wide:grid wide:grid-cols-[minmax(0,1fr)_320px]">
                <div class="space-y-8">
                    <section aria-labelledby="statement">
                        <h2 id="statement" class="mb-2 text-h2">
                            "What it may do"
                        </h2>
                        <div class="card p-4">
                            <StatementView statement=statement />
                        </div>
                    </section>
                    <section aria-labelledby="use" class="space-y-4">
                        <h2 id="use" class="text-h2">
                            "Use in the last 24 hours"
                        </h2>
                        <div class="grid grid-cols-2 gap-4 sm:grid-cols-3">
                            <Stat label="Requests" value=number(u64::try_from(detail.requests_24h).unwrap_or(0)) />
                            <Stat label="Denied" value=number(u64::try_from(detail.denied_24h).unwrap_or(0)) />
                            <Stat label="Last used" value=last_used />
                        </div>
                        <p>
                            <a class="link" href=format!("/logs?env={}&key={}", key.plate.environment, key.plate.id)>
                                "All requests of this key"
                            </a>
                        </p>
                    </section>
                    <section aria-labelledby="history">
                        <h2 id="history" class="mb-2 text-h2">
                            "History"
                        </h2>
                        <ol class="card px-4 py-2">{history}</ol>
                    </section>
                </div>
                <aside class="max-wide:mt-8" aria-label="Facts">
                    <div class="card px-4 py-2">
                        <KeyValue items=facts stacked=true />
                    </div>
                    <div class="mt-4">
                        <CopyField id="key-id" label="Key id" value=key.plate.id.clone() />
                    </div>
                </aside>
            </div>
        },
    )
}

/// Powers by their verb: "read customers and invoices", "refund payments".
fn grants(powers: &[(String, String)]) -> Vec<Grant> {
    let mut grants: Vec<Grant> = Vec::new();
    for (verb, noun) in powers {
        match grants.iter_mut().find(|grant| grant.verb == *verb) {
            Some(grant) => grant.objects.push(noun.clone()),
            None => grants.push(Grant {
                verb: verb.clone(),
                objects: vec![noun.clone()],
            }),
        }
    }
    grants
}

#[component]
pub fn RevokePage() -> impl IntoView {
    let id = use_params_map()
        .get_untracked()
        .get("id")
        .unwrap_or_default();
    let load = async move {
        let here = frame::here()?;
        let consequences = revoke_consequences(id).await?;
        Ok::<_, UiError>((here, consequences))
    };
    loaded(load, |(here, consequences)| {
        revoke_page(&here, &consequences)
    })
}

fn revoke_page(here: &Here, consequences: &Consequences) -> AnyView {
    let answer = Answer::here();
    let info = &consequences.plate;
    let href = format!("/keys/{}", info.id);
    let requests = u64::try_from(consequences.requests_last_hour).unwrap_or(0);
    let addresses = u64::try_from(consequences.addresses_last_hour).unwrap_or(0);
    let lead = match (requests, consequences.last_used_at) {
        (0, None) => "Never used. This can't be undone.".to_owned(),
        (0, Some(at)) => format!(
            "Last used {}. This can't be undone.",
            relative(at, here.now, &here.zone)
        ),
        _ => format!(
            "In use: {} in the last hour from {}. They get 401 from the next request on. This can't be undone.",
            count(requests, "request", "requests"),
            count(addresses, "address", "addresses"),
        ),
    };
    let failure = frame::failure(&answer);
    let shown = view! {
        <div class="flex items-center gap-3">
            <KeyPlate plate=plate(info) />
            <EnvTag word=info.environment_word.clone() live=info.live />
        </div>
    };
    let label = consequences.asks_for_label.then(|| {
        view! {
            <Field
                label="Label"
                name="label"
                hint=format!("Type {} to confirm which key you mean.", info.label)
                required=true
                autofocus=true
                state=FieldState::new(answer.value("label")).error(answer.error_at("label").unwrap_or_default())
            />
        }
    });
    framed(
        Head {
            heading: "Revoke key".to_owned(),
            crumbs: vec![
                Crumb::new("API keys", "/keys"),
                Crumb::new(info.label.clone(), href.clone()),
            ],
            span: frame::Span::Of(info.environment.clone()),
            width: Width::Form,
            ..Head::default()
        },
        view! {
            <DialogPage title=format!("Revoke \u{201c}{}\u{201d}?", info.label) lead=lead>
                <form method="post" action=format!("{href}/revoke")>
                    <DialogBody>
                        {failure}
                        {shown}
                        {label}
                    </DialogBody>
                    <DialogFoot cancel=href.clone()>
                        <Button kind=Kind::DangerSolid size=Size::Normal busy="Revoking\u{2026}">
                            "Revoke key"
                        </Button>
                    </DialogFoot>
                </form>
            </DialogPage>
        },
    )
}
