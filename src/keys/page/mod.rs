//! The pages of keys: the list here, the form and the secret's one moment, a key's own page, and what is done to one key.

mod create;
mod detail;
mod edit;
mod one;
mod reveal;
mod revoke;
mod rotate;
mod secret;

pub use create::NewKeyPage;
pub use detail::KeyDetailPage;
pub use edit::EditKeyPage;
pub use one::{
    CutPage, DisableKeyPage, EnableKeyPage, HideKeyPage, MetaPage, OwnerPage, WithdrawKeyPage,
};
pub use reveal::RevealPage;
pub use revoke::RevokePage;
pub use rotate::RotatePage;

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use crate::keys::{
    api::list_keys,
    types::{KeyPage, KeyPlateInfo, KeyState, KeySummary, KeyTab},
};
use crate::{
    frame::{self, Head, Here, framed, loaded},
    ui::{
        badge::{Status, StatusBadge},
        button::{Kind, LinkButton},
        chart::Sparkline,
        empty_state::EmptyState,
        filters::{ActiveFilter, Filters},
        form::{Field, FieldKind, FieldState},
        key_plate::{KeyPlate, Plate},
        layout::PrimaryAction,
        pagination::Pagination,
        table::{Column, NoMatch, Row, RowMenu, Slot, Table},
        tabs::{Tab, Tabs},
        time::{RelativeTime, number, relative},
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
        (KeyState::Requested, _) => Status::Waiting,
        (KeyState::Approved, _) => Status::Ready,
        (KeyState::Disabled, _) => Status::Disabled,
        (KeyState::Revoked, _) => Status::Revoked,
        (KeyState::Rejected, _) => Status::Rejected,
        (KeyState::Withdrawn, _) => Status::Withdrawn,
        (KeyState::Lapsed, _) => Status::Lapsed,
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
