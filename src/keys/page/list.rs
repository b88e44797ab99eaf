//! The list of keys, by tab. What narrows and orders it stands in its address.

use std::collections::HashMap;

use leptos::prelude::*;
use leptos_router::{hooks::use_query_map, params::ParamsMap};

use super::{plate, state_badge};
use crate::{
    accounts::viewer,
    error::UiError,
    frame::{self, Head, Here, framed, loaded},
    keys::{
        policy,
        store::{self, Attention, KeyRow, Sort},
        types::{KeyState, KeySummary, KeyTab},
        view,
    },
    plans,
    profiles::Profile,
    server::{
        clock::{DAY, Millis, is_id},
        error::AppError,
        page,
    },
    ui::{
        badge::{Badge, Shape, Status, StatusBadge, Tone},
        banner::{Banner, BannerView},
        button::{Button, Kind, LinkButton, Size},
        chart::Sparkline,
        empty_state::EmptyState,
        filters::{ActiveFilter, Filters},
        form::{Choice, Field, FieldKind, FieldState, Select},
        key_plate::KeyPlate,
        layout::PrimaryAction,
        pagination::Pagination,
        table::{Bulk, Column, Direction, NoMatch, Row, RowMenu, Slot, Table},
        tabs::{Tab, Tabs},
        time::{RelativeTime, count, date, number},
        toast::Toast,
    },
    workspaces::Role,
};

/// Keys of a page.
const ROWS: usize = 50;
/// Days before its end at which a key is one that expires soon, here and in the filter.
const SOON_DAYS: i64 = 14;
/// Days of the filter's other choice.
const MONTH_DAYS: i64 = 30;
/// Days without a request after which a live key is perhaps needed no more.
const IDLE_DAYS: i64 = 90;

/// What the address asks for.
#[derive(Clone, Default)]
struct Asked {
    tab: KeyTab,
    search: Option<String>,
    scope: Option<String>,
    owner: Option<String>,
    /// Ends within so many days.
    expiry: Option<i64>,
    idle: bool,
    sort: Sort,
    /// The last key of the page before.
    before: Option<String>,
}

impl Asked {
    /// Reads it; what cannot be meant is left out.
    fn read(query: &ParamsMap, profile: &Profile) -> Self {
        let given = |name: &str| query.get(name).filter(|text| !text.is_empty());
        Self {
            tab: KeyTab::parse(query.get("tab").as_deref()),
            search: given("q")
                .filter(|text| !text.contains('\0'))
                .map(|text| text.chars().take(policy::MAX_LABEL).collect()),
            scope: given("scope").filter(|id| profile.scope(id).is_some()),
            owner: given("owner").filter(|id| is_id(id, "usr")),
            expiry: given("expiry")
                .and_then(|days| days.parse().ok())
                .filter(|days| [SOON_DAYS, MONTH_DAYS].contains(days)),
            idle: query.get("idle").is_some(),
            sort: given("sort")
                .and_then(|word| Sort::parse(&word))
                .unwrap_or_default(),
            before: given("before").filter(|id| is_id(id, "key")),
        }
    }

    /// The address of this list, from its first page.
    fn href(&self, env: &str) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("env", env);
        query.append_pair("tab", self.tab.as_str());
        let days = self.expiry.map(|days| days.to_string());
        let sort = (self.sort != Sort::default()).then_some(self.sort.as_str());
        for (name, value) in [
            ("q", self.search.as_deref()),
            ("scope", self.scope.as_deref()),
            ("owner", self.owner.as_deref()),
            ("expiry", days.as_deref()),
            ("idle", self.idle.then_some("1")),
            ("sort", sort),
        ] {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        format!("/keys?{}", query.finish())
    }

    fn sorted(&self, sort: Sort) -> Self {
        Self {
            sort,
            before: None,
            ..self.clone()
        }
    }

    /// The tab with nothing left out of it.
    fn whole(&self) -> Self {
        Self {
            tab: self.tab,
            sort: self.sort,
            ..Self::default()
        }
    }

    fn is_narrowed(&self) -> bool {
        self.search.is_some()
            || self.scope.is_some()
            || self.owner.is_some()
            || self.expiry.is_some()
            || self.idle
    }
}

/// One key of the list.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says by itself what is true of the row"
)]
struct Line {
    key: KeySummary,
    waits_until: Option<Millis>,
    /// The request about a change of it that waits.
    asked: Option<String>,
    rotating: bool,
    own: bool,
    may_manage: bool,
    may_disable: bool,
}

struct Loaded {
    here: Here,
    asked: Asked,
    lines: Vec<Line>,
    older: Option<String>,
    /// By tab.
    counts: (i64, i64, i64),
    attention: Attention,
    owners: Vec<(String, String)>,
    scopes: Vec<String>,
    /// Why no key can be made yet, and what follows; asked only where there is none.
    no_plan: Option<(String, String)>,
}

async fn load(query: ParamsMap) -> Result<Loaded, UiError> {
    let viewer = viewer::with_any_role(policy::READERS)?;
    let here = frame::here()?;
    let state = page::state()?;
    let asked = Asked::read(&query, &state.profile);
    let find = async {
        let now = here.now;
        let (workspace, environment) = (viewer.workspace_id(), here.environment.id.as_str());
        let mut reader = state.db.read().await?;
        // A cursor that is none of this list begins it anew.
        let after = match &asked.before {
            Some(id) => store::find(&mut reader, workspace, id)
                .await?
                .filter(|key| key.environment == environment),
            None => None,
        };
        let filter = store::Filter {
            workspace_id: workspace,
            environment,
            tab: asked.tab,
            search: asked.search.as_deref(),
            owner_id: asked.owner.as_deref(),
            scope: asked.scope.as_deref(),
            ends_before: asked.expiry.map(|days| now + days * DAY),
            idle_since: asked.idle.then_some(now - IDLE_DAYS * DAY),
            sort: asked.sort,
            after: after.as_ref(),
        };
        let limit = i64::try_from(ROWS).unwrap_or(0) + 1;
        let mut rows = store::list(&mut reader, filter, now, limit).await?;
        let more = rows.len() > ROWS;
        rows.truncate(ROWS);
        let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
        let hours: view::Counts =
            store::hours(&mut reader, workspace, environment, &ids, now - DAY)
                .await?
                .into_iter()
                .map(|(key, hour, count)| ((key, hour), count))
                .collect();
        let rotating: HashMap<String, Millis> = store::rotating(&mut reader, workspace, &ids, now)
            .await?
            .into_iter()
            .collect();
        let mut requests: HashMap<String, String> =
            store::asked_about(&mut reader, workspace, &ids, now)
                .await?
                .into_iter()
                .collect();
        let line = |row: &KeyRow| Line {
            key: view::summary(&state.profile, &viewer, row, &hours, now),
            waits_until: row.waits_until,
            asked: requests.remove(&row.id),
            rotating: rotating.contains_key(&row.id),
            own: row.owner_id.as_deref() == Some(&viewer.user_id),
            may_manage: policy::may_manage(&viewer, row.owner_id.as_deref()),
            may_disable: policy::may_disable(&viewer, row.owner_id.as_deref()),
        };
        let lines: Vec<Line> = rows.iter().map(line).collect();
        let counts = store::count(&mut reader, workspace, environment, now).await?;
        let attention = store::attention(
            &mut reader,
            (workspace, environment, &viewer.user_id),
            now,
            now + SOON_DAYS * DAY,
            now - IDLE_DAYS * DAY,
        )
        .await?;
        let owners = store::owners(&mut reader, workspace, environment).await?;
        let no_plan = if lines.is_empty() && !asked.is_narrowed() {
            let plan = plans::state_of(&mut reader, &state, workspace).await?;
            plan.words(now, &here.zone)
                .filter(|_| !plan.may_make_keys())
        } else {
            None
        };
        Ok((lines, ids, more, counts, attention, owners, no_plan))
    };
    let (lines, ids, more, counts, attention, owners, no_plan) =
        find.await.map_err(AppError::into_ui)?;
    Ok(Loaded {
        older: ids.last().filter(|_| more).cloned(),
        scopes: state
            .profile
            .scopes()
            .map(|scope| scope.id.clone())
            .collect(),
        here,
        asked,
        lines,
        counts,
        attention,
        owners,
        no_plan,
    })
}

#[component]
pub fn KeysPage() -> impl IntoView {
    let query = use_query_map().get_untracked();
    loaded(load(query.clone()), move |data| keys_page(&data, &query))
}

fn keys_page(data: &Loaded, query: &ParamsMap) -> AnyView {
    let (here, asked) = (&data.here, &data.asked);
    let env = here.environment.id.as_str();
    let may_create = here.viewer.has(Role::Developer);
    let action = may_create.then(|| PrimaryAction {
        label: "Create key".to_owned(),
        href: format!("/keys/new?env={env}"),
        dialog: false,
        create: true,
    });
    let content = if !data.lines.is_empty() {
        table(data)
    } else if asked.is_narrowed() {
        let words: Vec<String> = active(data)
            .into_iter()
            .map(|filter| format!("{}: {}", filter.label.to_lowercase(), filter.value))
            .collect();
        let clear = asked.whole().href(env);
        view! { <NoMatch thing="key" filter=words.join(", ") clear=clear /> }.into_any()
    } else {
        empty(data, may_create)
    };
    let older = data
        .older
        .as_ref()
        .map(|last| format!("{}&before={last}", asked.href(env)))
        .unwrap_or_default();
    let newer = asked
        .before
        .as_ref()
        .map(|_| asked.href(env))
        .unwrap_or_default();
    let notes = (asked.tab == KeyTab::Active).then(|| notes(data));
    framed(
        Head {
            heading: "API keys".to_owned(),
            purpose: "Secrets that let your programs call the API. Each does only what it was given.",
            action,
            toasts: toasts(query),
            ..Head::default()
        },
        view! {
            <Tabs label="Keys by state" tabs=tabs(data) />
            {notes}
            {filters(data)}
            {content}
            <Pagination newer=newer older=older />
            {emergency(here)}
        },
    )
}

/// What was just done here.
fn toasts(query: &ParamsMap) -> Vec<Toast> {
    let keys = query
        .get("n")
        .and_then(|n| n.parse().ok())
        .map(|n: u64| count(n, "key", "keys"));
    let text = match (query.get("done").as_deref(), keys) {
        (Some("disabled"), Some(keys)) => format!("{keys} stopped."),
        (Some("revoked"), Some(keys)) => format!("{keys} revoked."),
        (Some("all"), _) => "Every key of the workspace is revoked.".to_owned(),
        _ => return Vec::new(),
    };
    vec![Toast { text, action: None }]
}

fn tabs(data: &Loaded) -> Vec<Tab> {
    let env = data.here.environment.id.as_str();
    let (active, pending, inactive) = data.counts;
    let ready = u64::try_from(data.attention.ready).unwrap_or(0);
    [
        ("Active", KeyTab::Active, active),
        ("Pending", KeyTab::Pending, pending),
        ("Inactive", KeyTab::Inactive, inactive),
    ]
    .into_iter()
    .map(|(label, tab, keys)| {
        let href = Asked {
            tab,
            ..Asked::default()
        }
        .href(env);
        let one =
            Tab::new(label, href, tab == data.asked.tab).count(u64::try_from(keys).unwrap_or(0));
        if tab == KeyTab::Pending && ready > 0 {
            one.waiting(format!(
                "{} ready for you to reveal",
                count(ready, "key", "keys")
            ))
        } else {
            one
        }
    })
    .collect()
}

/// What is true of these keys and wants to be looked at.
fn notes(data: &Loaded) -> AnyView {
    let env = data.here.environment.id.as_str();
    let mut notes = Vec::new();
    let mut note = |keys: i64, lead: String, narrowed: Asked| {
        if keys > 0 {
            notes.push(Banner {
                tone: Tone::Warning,
                lead,
                text: String::new(),
                link: Some(("Show them".to_owned(), narrowed.href(env))),
            });
        }
    };
    let (ending, idle) = (data.attention.ending, data.attention.idle);
    let whole = |n: i64| u64::try_from(n).unwrap_or(0);
    let verb = if ending == 1 { "expires" } else { "expire" };
    note(
        ending,
        format!(
            "{} {verb} within {SOON_DAYS} days.",
            count(whole(ending), "key", "keys")
        ),
        Asked {
            expiry: Some(SOON_DAYS),
            sort: Sort::Expiry,
            ..Asked::default()
        },
    );
    if data.here.environment.live {
        note(
            idle,
            format!(
                "{} unused for {IDLE_DAYS} days.",
                count(whole(idle), "live key", "live keys")
            ),
            Asked {
                idle: true,
                ..Asked::default()
            },
        );
    }
    if notes.is_empty() {
        return ().into_any();
    }
    let notes = notes
        .into_iter()
        .map(|banner| view! { <li><BannerView banner=banner card=true /></li> })
        .collect_view();
    view! { <ul class="mb-4 space-y-2" aria-label="Worth a look">{notes}</ul> }.into_any()
}

/// The filters that are set, each with the list without it.
fn active(data: &Loaded) -> Vec<ActiveFilter> {
    let asked = &data.asked;
    let env = data.here.environment.id.as_str();
    let mut set = Vec::new();
    let mut add = |label: &str, value: Option<String>, without: Asked| {
        if let Some(value) = value {
            set.push(ActiveFilter {
                label: label.to_owned(),
                value,
                without: without.href(env),
            });
        }
    };
    add(
        "Label or last four",
        asked.search.clone(),
        Asked {
            search: None,
            ..asked.clone()
        },
    );
    add(
        "Scope",
        asked.scope.clone(),
        Asked {
            scope: None,
            ..asked.clone()
        },
    );
    let owner = asked.owner.as_ref().map(|id| {
        data.owners
            .iter()
            .find(|(other, _)| other == id)
            .map_or_else(|| id.clone(), |(_, name)| name.clone())
    });
    add(
        "Owner",
        owner,
        Asked {
            owner: None,
            ..asked.clone()
        },
    );
    add(
        "Expires",
        asked.expiry.map(|days| format!("within {days} days")),
        Asked {
            expiry: None,
            ..asked.clone()
        },
    );
    add(
        "Unused",
        asked.idle.then(|| format!("for {IDLE_DAYS} days")),
        Asked {
            idle: false,
            ..asked.clone()
        },
    );
    set
}

/// One form, sent rather than put into the address, as what is searched for may be a whole key; where it leads, all else
/// stands in the address.
fn filters(data: &Loaded) -> AnyView {
    let asked = &data.asked;
    let env = data.here.environment.id.clone();
    let any = |label: &str| Choice::new("", label);
    let mut scopes = vec![any("Any scope")];
    scopes.extend(data.scopes.iter().map(|id| Choice::new(id, id)));
    let mut owners = vec![any("Any owner")];
    owners.extend(data.owners.iter().map(|(id, name)| Choice::new(id, name)));
    let within = |days: i64| Choice::new(days.to_string(), format!("Expires within {days} days"));
    let expiry = vec![any("Any expiry"), within(SOON_DAYS), within(MONTH_DAYS)];
    let sorts = Sort::ALL
        .into_iter()
        .map(|sort| Choice::new(sort.as_str(), words(sort)))
        .collect();
    let state = |value: &Option<String>| FieldState::new(value.clone().unwrap_or_default());
    let days = asked.expiry.map(|days| days.to_string());
    let clear = asked.whole().href(&env);
    let (tab, idle) = (asked.tab.as_str(), asked.idle);
    let [search, scope, owner] = [&asked.search, &asked.scope, &asked.owner].map(state);
    let (days, sort) = (state(&days), FieldState::new(asked.sort.as_str()));
    view! {
        <Filters action="/search" post=true active=active(data) clear=clear env=env>
            <input type="hidden" name="tab" value=tab />
            {idle.then(|| view! { <input type="hidden" name="idle" value="1" /> })}
            <Field
                label="Search label or last four"
                name="q"
                kind=FieldKind::Search
                placeholder="Label or last four"
                hide_label=true
                id="filter-q"
                state=search
            />
            <Select label="Scope" name="scope" options=scopes state=scope hide_label=true />
            <Select label="Owner" name="owner" options=owners state=owner hide_label=true />
            <Select label="Expiry" name="expiry" options=expiry state=days hide_label=true />
            <Select
                label="Order"
                name="sort"
                options=sorts
                state=sort
                hide_label=true
            />
        </Filters>
    }
    .into_any()
}

const fn words(sort: Sort) -> &'static str {
    match sort {
        Sort::Used => "Last used first",
        Sort::Made => "Newest first",
        Sort::Label => "By label",
        Sort::Expiry => "Next to expire first",
    }
}

fn empty(data: &Loaded, may_create: bool) -> AnyView {
    let env = &data.here.environment.id;
    if let Some((lead, then)) = data
        .no_plan
        .as_ref()
        .filter(|_| data.asked.tab == KeyTab::Active)
    {
        let text = format!("{lead} {then}");
        return view! { <EmptyState text=text link_label="See plans" link_href="/plans" /> }
            .into_any();
    }
    let (text, create) = match data.asked.tab {
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

fn table(data: &Loaded) -> AnyView {
    let (here, asked) = (&data.here, &data.asked);
    let env = here.environment.id.as_str();
    let by = |column: Column, sort: Sort| {
        let now = (asked.sort == sort).then_some(match sort {
            Sort::Used | Sort::Made => Direction::Descending,
            Sort::Label | Sort::Expiry => Direction::Ascending,
        });
        column.sort(asked.sorted(sort).href(env), now)
    };
    let mut columns = vec![
        by(Column::lead("Key"), Sort::Label),
        Column::new("Scopes").slot(Slot::Fact).from_medium(),
        Column::new("State").slot(Slot::Badge),
        Column::new("Owner").from_wide(),
    ];
    match asked.tab {
        KeyTab::Active => columns.extend([
            by(Column::new("Expires").from_full(), Sort::Expiry),
            by(Column::new("Last used").slot(Slot::FactEnd), Sort::Used),
            Column::new("24 h").number().from_medium(),
        ]),
        KeyTab::Pending => columns.extend([
            by(Column::new("Asked"), Sort::Made),
            Column::new("Lapses").slot(Slot::FactEnd),
        ]),
        KeyTab::Inactive => columns.extend([
            by(Column::new("Made").from_wide(), Sort::Made),
            Column::new("Ended").slot(Slot::FactEnd),
            by(Column::new("Last used").from_wide(), Sort::Used),
        ]),
    }
    // The tick box stands before those that the viewer may stop.
    let stoppable =
        asked.tab == KeyTab::Active && data.lines.iter().any(|line| line.key.may_revoke);
    let bulk = stoppable.then(|| Bulk {
        form: "bulk".to_owned(),
        action: format!("/keys/bulk?env={env}"),
        buttons: view! {
            <Button size=Size::Row name="action" value="disable">
                "Disable\u{2026}"
            </Button>
            <Button size=Size::Row kind=Kind::Danger name="action" value="revoke">
                "Revoke\u{2026}"
            </Button>
        }
        .into_any(),
    });
    let rows = data.lines.iter().map(|line| row(data, line)).collect();
    view! { <Table caption="API keys" columns=columns rows=rows plates=true bulk=bulk /> }
        .into_any()
}

fn row(data: &Loaded, line: &Line) -> Row {
    let key = &line.key;
    let mut cells = vec![
        view! { <KeyPlate plate=plate(&key.plate) /> }.into_any(),
        scopes(&key.scopes),
        state(data, line),
        view! {
            <span class="whitespace-nowrap">
                {key.owner.clone().unwrap_or_else(|| "Console".to_owned())}
            </span>
        }
        .into_any(),
    ];
    let here = &data.here;
    let ago = |at: Option<i64>| match at {
        Some(at) => view! { <RelativeTime at=at now=here.now zone=here.zone.clone() /> }.into_any(),
        None => view! { <span class="text-ink-2">"\u{2013}"</span> }.into_any(),
    };
    match data.asked.tab {
        KeyTab::Active => {
            let ends = key
                .expires_at
                .map_or_else(|| "Never".to_owned(), |at| date(at, &here.zone));
            cells.extend([
                view! { <span class="whitespace-nowrap">{ends}</span> }.into_any(),
                last_used(here, key),
                requests(key),
            ]);
        }
        KeyTab::Pending => cells.extend([ago(Some(key.created_at)), ago(line.waits_until)]),
        KeyTab::Inactive => cells.extend([
            ago(Some(key.created_at)),
            ago(key.ended_at.or(key.expires_at.filter(|at| *at <= here.now))),
            last_used(here, key),
        ]),
    }
    let may_select = data.asked.tab == KeyTab::Active && key.may_revoke;
    Row {
        href: format!("/keys/{}", key.plate.id),
        id: if may_select {
            key.plate.id.clone()
        } else {
            String::new()
        },
        select_label: format!("Select {}", key.plate.label),
        cells,
        menu: Some(menu(data, line)),
    }
}

/// The first, and how many more there are, which are listed on focus and hover.
fn scopes(ids: &[String]) -> AnyView {
    let Some((first, rest)) = ids.split_first() else {
        return view! { <span class="text-ink-2">"none"</span> }.into_any();
    };
    let first =
        view! { <span class="font-mono text-mono whitespace-nowrap">{first.clone()}</span> };
    if rest.is_empty() {
        return first.into_any();
    }
    let all = rest.join(", ");
    view! {
        {first}
        " "
        <span class="text-small text-ink-2" tabindex="0" data-over title=all>
            "+"
            {rest.len()}
            <span class="sr-only">" more: " {all.clone()}</span>
        </span>
    }
    .into_any()
}

/// The badge of its state, and what else is true of it now.
fn state(data: &Loaded, line: &Line) -> AnyView {
    let key = &line.key;
    let status = state_badge(key.state, key.expires_at, data.here.now);
    let status = if line.rotating && status == Status::Active {
        Status::Rotating
    } else {
        status
    };
    let changes =
        matches!(key.state, KeyState::Active | KeyState::Disabled) && line.asked.is_some();
    let reveals = key.state == KeyState::Approved && line.own && line.may_manage;
    view! {
        <span class="inline-flex flex-wrap items-center gap-1.5">
            <StatusBadge status=status />
            {changes
                .then(|| view! { <Badge tone=Tone::Info shape=Shape::Clock word="Change waiting" /> })}
            {reveals
                .then(|| {
                    view! {
                        <LinkButton href=format!("/keys/{}/reveal", key.plate.id) size=Size::Row>
                            "Reveal key"
                        </LinkButton>
                    }
                })}
        </span>
    }
    .into_any()
}

fn last_used(here: &Here, key: &KeySummary) -> AnyView {
    let Some(at) = key.last_used_at else {
        return view! { <span class="text-ink-2">"Never"</span> }.into_any();
    };
    view! {
        <span class="block whitespace-nowrap">
            <RelativeTime at=at now=here.now zone=here.zone.clone() />
        </span>
        {key
            .last_used_ip
            .clone()
            .map(|ip| view! { <span class="block text-small whitespace-nowrap text-ink-2 max-wide:hidden">{ip}</span> })}
    }
    .into_any()
}

fn requests(key: &KeySummary) -> AnyView {
    let total: i64 = key.hours.iter().sum();
    view! {
        <span class="inline-flex items-center gap-3">
            <Sparkline title="Requests by hour, last 24 hours" points=points(&key.hours) />
            <span class="min-w-8 text-right">{number(u64::try_from(total).unwrap_or(0))}</span>
        </span>
    }
    .into_any()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "bars are drawn from it; beyond 2^53 requests an hour a pixel may be off"
)]
fn points(hours: &[i64]) -> Vec<f64> {
    hours.iter().map(|count| *count as f64).collect()
}

/// What this person may do with the key, as far as its state lets anybody.
fn menu(data: &Loaded, line: &Line) -> AnyView {
    let key = &line.key;
    let id = &key.plate.id;
    let item = |path: &str, words: &'static str, dialog: bool| {
        view! {
            <a class="menu-item" href=format!("/keys/{id}{path}") data-dialog=dialog>
                {words}
            </a>
        }
        .into_any()
    };
    let mut entries = vec![item("", "Open", false)];
    let usable = matches!(key.state, KeyState::Active | KeyState::Disabled);
    if key.state == KeyState::Active && line.may_manage {
        entries.push(item("/rotate", "Rotate\u{2026}", false));
    }
    if usable {
        entries.push(item("/security", "Addresses and domains", true));
    }
    if key.state == KeyState::Active && line.may_disable {
        entries.push(
            view! {
                <form method="post" action=format!("/keys/{id}/disable")>
                    <button type="submit" class="menu-item">
                        "Disable"
                    </button>
                </form>
            }
            .into_any(),
        );
    }
    if usable && key.may_revoke {
        entries.push(item("/revoke", "Revoke\u{2026}", true));
    }
    if key.state.tab() == KeyTab::Pending && line.may_manage {
        entries.push(item("/withdraw", "Withdraw\u{2026}", true));
    }
    if key.state.has_ended() && line.may_manage {
        entries.push(item("/hide", "Delete\u{2026}", true));
    }
    if data.here.viewer.has(Role::Developer) {
        entries.push(
            view! {
                <a class="menu-item" href=format!("/keys/new?like={id}")>
                    "Create one like it"
                </a>
            }
            .into_any(),
        );
    }
    let copied = id.clone();
    view! {
        <RowMenu label=format!("Actions for {}", key.plate.label)>
            {entries}
            // To be copied from here; one press selects it.
            <p class="mt-1 border-t border-line px-2 pt-2 pb-1 text-small text-ink-2">
                "Id "
                <code class="font-mono text-mono select-all">{copied}</code>
            </p>
        </RowMenu>
    }
    .into_any()
}

/// For admins, the way to end all keys at once.
fn emergency(here: &Here) -> Option<AnyView> {
    let may = here.viewer.has(Role::Admin) && here.viewer.acting.is_none();
    may.then(|| {
        view! {
            <p class="mt-8 text-small text-ink-2">
                "A leak of several keys? "
                <a class="link" href="/settings/workspace/revoke-all">
                    "Revoke every key\u{2026}"
                </a>
            </p>
        }
        .into_any()
    })
}
