//! The frames that pages stand in: the one of a signed-in person, the plain one of sign-in and errors, and the words of error pages.
//!
//! The rail is a popover below 768 px and menus are `<details>`, so everything here works without scripts.

use leptos::prelude::*;

use super::{
    badge::EnvTag,
    banner::{ActingBar, ActingBarView, Banner, Banners},
    button::{Button, Kind, LinkButton},
    icon::{Icon, IconName},
    segmented::{Segment, Segmented},
    time::number,
    toast::{Toast, Toasts},
};

/// Everything that the signed-in frame shows around a page.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The page's only `h1`.
    pub title: String,
    pub breadcrumbs: Vec<Crumb>,
    /// One line that says what the page is for.
    pub purpose: String,
    pub action: Option<PrimaryAction>,
    pub nav: Vec<NavGroup>,
    /// At the foot of the rail: Settings.
    pub nav_foot: Vec<NavItem>,
    pub workspace: String,
    /// All that the person may switch to, this one included.
    pub workspaces: Vec<Workspace>,
    pub environments: Environments,
    pub person: Person,
    pub theme: Theme,
    pub banners: Vec<Banner>,
    pub toasts: Vec<Toast>,
    pub width: Width,
    /// The operator's own frame: an ink bar with the word *Operator*.
    pub operator: bool,
    /// The person acts in a workspace as operator.
    pub acting: Option<ActingBar>,
    /// What was searched for, shown again.
    pub search: String,
    /// Where the settings of the person are.
    pub settings_href: String,
    /// The bell; absent for those who may not read notices yet.
    pub bell: Option<Bell>,
    /// Shortcuts of one letter are off (WCAG 2.1.4).
    pub single_letters_off: bool,
}

/// Leads to the person's notices and says how many are unread.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bell {
    pub href: String,
    pub unread: u64,
    pub current: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Crumb {
    pub label: String,
    pub href: String,
}

impl Crumb {
    pub fn new(label: impl Into<String>, href: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            href: href.into(),
        }
    }
}

/// `dialog` opens its address over the page; `create` makes it what the shortcut `c` follows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrimaryAction {
    pub label: String,
    pub href: String,
    pub dialog: bool,
    pub create: bool,
}

/// A group of the rail; the first has no title.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NavGroup {
    pub title: String,
    pub items: Vec<NavItem>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NavItem {
    pub label: String,
    pub href: String,
    pub icon: IconName,
    pub count: Option<u64>,
    pub current: bool,
}

impl NavItem {
    pub fn new(
        label: impl Into<String>,
        href: impl Into<String>,
        icon: IconName,
        current: bool,
    ) -> Self {
        Self {
            label: label.into(),
            href: href.into(),
            icon,
            count: None,
            current,
        }
    }

    #[must_use]
    pub fn count(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workspace {
    pub id: String,
    pub name: String,
    pub current: bool,
}

/// What the strip and the switch say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Environments {
    /// This page shows one of them; the switch leads to the same page of another.
    Of(Vec<Environment>),
    /// This page spans them all.
    #[default]
    All,
    /// The page has to do with none (settings of the person, the operator's pages).
    None,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// The address of this page there: `?env=live`, with the page's other parameters.
    pub href: String,
    /// The profile's word.
    pub word: String,
    pub live: bool,
    pub current: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    pub name: String,
    pub email: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    /// Anything but the name of a theme leaves it to the system.
    pub fn parse(text: &str) -> Self {
        match text {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::System,
        }
    }

    /// For `data-theme` on `<html>`: nothing where the system decides.
    pub const fn attribute(self) -> Option<&'static str> {
        match self {
            Self::System => None,
            Self::Light => Some("light"),
            Self::Dark => Some("dark"),
        }
    }
}

/// How wide the content may grow: 1120 px, or 680 px for a form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Width {
    #[default]
    List,
    Form,
}

/// The signed-in frame.
#[component]
pub fn Frame(page: Page, children: Children) -> impl IntoView {
    let strip = match &page.environments {
        Environments::Of(environments) => {
            let live = environments
                .iter()
                .any(|environment| environment.current && environment.live);
            Some(if live { "live" } else { "test" })
        }
        Environments::All => Some("all"),
        Environments::None => None,
    };
    // What sticks below the head of the page knows its height.
    let frame = if page.acting.is_some() {
        "flex min-h-dvh [--sticky-top:102px]"
    } else {
        "flex min-h-dvh [--sticky-top:57px]"
    };
    let content = match page.width {
        Width::List => "mx-auto w-full max-w-[1120px]",
        Width::Form => "mx-auto w-full max-w-[680px]",
    };
    let rail = rail(page.workspace, page.workspaces, page.nav, page.nav_foot);
    let bar = top_bar(
        page.title,
        page.breadcrumbs,
        page.environments,
        page.person,
        page.theme,
        page.search,
        page.operator,
        page.settings_href,
        page.bell,
    );
    let head = (!page.purpose.is_empty() || page.action.is_some()).then(|| {
        view! {
            <div class="mb-6 flex flex-wrap items-start justify-between gap-x-6 gap-y-3">
                <p class="max-w-[68ch] min-w-0 flex-1 basis-72 pt-1.5 text-ink-2">{page.purpose}</p>
                {page
                    .action
                    .map(|action| {
                        view! {
                            <LinkButton
                                kind=Kind::Solid
                                href=action.href
                                dialog=action.dialog
                                create=action.create
                                icon=action.create.then_some(IconName::Plus)
                            >
                                {action.label}
                            </LinkButton>
                        }
                    })}
            </div>
        }
    });
    view! {
        <a
            class="skip-link sr-only rounded-control bg-solid px-4 py-2 font-medium text-on-solid focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50"
            href="#main"
        >
            "Skip to content"
        </a>
        <div class=frame>
            {rail}
            <div class="flex min-w-0 flex-1 flex-col">
                <header class="top-bar top-0 z-30 border-b border-line bg-canvas md:sticky">
                    {strip.map(|env| view! { <div class="env-strip" data-env=env aria-hidden="true"></div> })} {bar}
                    {page.acting.map(|bar| view! { <ActingBarView bar=bar /> })}
                </header>
                <Banners banners=page.banners />
                <main id="main" tabindex="-1" class="flex-1 px-4 py-6 md:px-6">
                    <div class=content>{head} {children()}</div>
                </main>
            </div>
        </div>
        {shortcuts(!page.single_letters_off)}
        <Toasts toasts=page.toasts />
    }
}

fn rail(
    workspace: String,
    workspaces: Vec<Workspace>,
    groups: Vec<NavGroup>,
    foot: Vec<NavItem>,
) -> impl IntoView {
    let groups = groups
        .into_iter()
        .map(|group| {
            view! {
                <div>
                    {(!group.title.is_empty())
                        .then(|| view! { <p class="px-2 pb-1 text-meta text-ink-3">{group.title.clone()}</p> })}
                    <ul class="space-y-px" aria-label=(!group.title.is_empty()).then_some(group.title)>
                        {group.items.into_iter().map(nav_item).collect_view()}
                    </ul>
                </div>
            }
        })
        .collect_view();
    let foot = foot.into_iter().map(nav_item).collect::<Vec<_>>();
    view! {
        <div id="rail" class="rail" popover role="complementary" aria-label="Workspace">
            <div class="flex items-center gap-2">
                <div class="min-w-0 flex-1">{switcher(workspace, workspaces)}</div>
                <button
                    type="button"
                    class="btn btn-ghost btn-icon md:hidden"
                    popovertarget="rail"
                    popovertargetaction="hide"
                    aria-label="Close menu"
                >
                    <Icon name=IconName::Close />
                </button>
            </div>
            <nav aria-label="Main" class="flex flex-1 flex-col gap-4">
                {groups}
                {(!foot.is_empty()).then(|| view! { <ul class="mt-auto space-y-px">{foot}</ul> })}
            </nav>
        </div>
    }
}

fn switcher(workspace: String, workspaces: Vec<Workspace>) -> impl IntoView {
    let initial = workspace
        .chars()
        .next()
        .map(|c| c.to_uppercase().to_string())
        .unwrap_or_default();
    let nowhere = workspace.is_empty();
    let face = view! {
        <span class="grid size-6 shrink-0 place-items-center rounded-[4px] bg-solid text-meta text-on-solid" aria-hidden="true">
            {initial}
        </span>
        <span class="min-w-0 flex-1 truncate font-semibold">{workspace}</span>
    };
    // An operator who acts in a workspace may belong to none.
    if workspaces.is_empty() && !nowhere {
        return view! { <p class="flex min-h-9 items-center gap-2 px-2">{face}</p> }.into_any();
    }
    if workspaces.is_empty() {
        return create_workspace().into_any();
    }
    let options = workspaces
        .into_iter()
        .map(|workspace| {
            view! {
                <button
                    type="submit"
                    class="menu-item"
                    name="workspace"
                    value=workspace.id
                    aria-current=workspace.current.then_some("true")
                >
                    <span class="min-w-0 flex-1 truncate">{workspace.name}</span>
                    {workspace.current.then(|| view! { <Icon name=IconName::Check /> })}
                </button>
            }
        })
        .collect_view();
    view! {
        <details class="menu" data-menu>
            <summary class="flex min-h-11 items-center gap-2 rounded-control px-2 hover:bg-hover md:min-h-9">
                {face} <span class="sr-only">"Switch workspace"</span>
                <Icon name=IconName::ChevronUpDown class="size-4 text-ink-3" />
            </summary>
            <div class="menu-panel top-full left-0 mt-1 w-full">
                <form method="post" action="/workspaces/switch">
                    {options}
                </form>
                <div class="mt-1 border-t border-line pt-1">{create_workspace()}</div>
            </div>
        </details>
    }
    .into_any()
}

fn create_workspace() -> impl IntoView {
    view! {
        <a class="menu-item" href="/workspaces/new">
            <Icon name=IconName::Plus />
            <span class="min-w-0 flex-1 truncate">"Create workspace"</span>
        </a>
    }
}

fn nav_item(item: NavItem) -> impl IntoView {
    view! {
        <li>
            <a class="nav-link" href=item.href aria-current=item.current.then_some("page")>
                <Icon name=item.icon />
                <span class="min-w-0 flex-1 truncate">{item.label}</span>
                {item
                    .count
                    .filter(|count| *count > 0)
                    .map(|count| {
                        view! {
                            <span class="rounded-full bg-solid px-1.5 text-meta text-on-solid tabular-nums">{number(count)}</span>
                        }
                    })}
            </a>
        </li>
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "the parts of one struct, taken apart by its only caller"
)]
fn top_bar(
    title: String,
    breadcrumbs: Vec<Crumb>,
    environments: Environments,
    person: Person,
    theme: Theme,
    search: String,
    operator: bool,
    settings_href: String,
    bell: Option<Bell>,
) -> impl IntoView {
    // On ink, the greys of the page cannot be read.
    let (quiet, link) = if operator {
        (
            "max-wide:hidden",
            "rounded-[4px] underline-offset-4 hover:underline",
        )
    } else {
        (
            "text-ink-2 max-wide:hidden",
            "rounded-[4px] underline-offset-4 hover:text-ink hover:underline",
        )
    };
    let crumbs = (!breadcrumbs.is_empty()).then(|| {
        let crumbs = breadcrumbs
            .into_iter()
            .map(|crumb| {
                view! {
                    <li class="flex items-center gap-1.5 whitespace-nowrap">
                        <a class=link href=crumb.href>
                            {crumb.label}
                        </a>
                        <span aria-hidden="true">"/"</span>
                    </li>
                }
            })
            .collect_view();
        view! {
            <nav aria-label="Breadcrumb" class=quiet>
                <ol class="flex items-center gap-1.5">{crumbs}</ol>
            </nav>
        }
    });
    let environments = match environments {
        Environments::None => None,
        Environments::All => Some(
            view! { <span class="rounded-full border border-line px-2.5 py-0.5 text-small text-ink-2 whitespace-nowrap">"All environments"</span> }
                .into_any(),
        ),
        Environments::Of(only) if only.len() == 1 => {
            only.into_iter().next().map(|environment| view! { <EnvTag word=environment.word live=environment.live /> }.into_any())
        }
        Environments::Of(several) => {
            let segments = several
                .into_iter()
                .map(|environment| Segment::new(environment.word, environment.href, environment.current))
                .collect();
            Some(view! { <Segmented label="Environment" segments=segments /> }.into_any())
        }
    };
    let (ground, stacked) = if operator {
        (
            "bg-solid text-on-solid",
            "max-md:flex-col max-md:items-start max-md:gap-0.5",
        )
    } else {
        ("", "")
    };
    view! {
        <div class=format!("flex flex-wrap items-center gap-x-3 gap-y-2 px-4 py-2 md:min-h-13 md:flex-nowrap md:px-6 md:py-0 {ground}")>
            <button type="button" class="btn btn-outline btn-icon md:hidden" popovertarget="rail" aria-label="Open menu">
                <Icon name=IconName::Menu />
            </button>
            <div class=format!("flex min-w-0 flex-1 items-center gap-1.5 {stacked}")>
                {operator.then(|| view! { <span class="mr-2 rounded-[4px] border px-1.5 text-tag uppercase">"Operator"</span> })}
                {crumbs} <h1 class="min-w-0 text-h1 max-md:line-clamp-2 max-md:wrap-anywhere md:truncate">{title}</h1>
            </div>
            <div class="order-last flex w-full items-center gap-3 md:order-none md:w-auto">
                {environments}
                {(!operator).then(|| view! { <form method="post" action="/search" role="search" class="relative min-w-0 flex-1 text-ink md:w-28 lg:w-40 wide:w-56">
                    <label class="sr-only" for="search">
                        "Search keys, pages and actions"
                    </label>
                    <Icon name=IconName::Search class="pointer-events-none absolute inset-y-0 left-2.5 my-auto size-4 text-ink-3" />
                    <input
                        class="control pl-8!"
                        id="search"
                        name="q"
                        type="search"
                        value=(!search.is_empty()).then_some(search)
                        placeholder="Search"
                        autocomplete="off"
                        spellcheck="false"
                        aria-keyshortcuts="/ Control+K"
                    />
                    <kbd class="pointer-events-none absolute inset-y-0 right-2 my-auto h-5 rounded-[4px] border border-line px-1.5 font-mono text-meta leading-[18px] text-ink-3 max-md:hidden">
                        "/"
                    </kbd>
                </form> })}
            </div>
            <div class="flex items-center gap-2">
                {bell.map(bell_link)} {user_menu(person, theme, settings_href)}
            </div>
        </div>
    }
}

/// The most that the bell counts; beyond it there is no difference to a reader.
const MANY: u64 = 99;

fn bell_link(bell: Bell) -> impl IntoView {
    let name = match bell.unread {
        0 => "Notices".to_owned(),
        unread => format!("Notices, {} unread", number(unread)),
    };
    let count = match bell.unread {
        0 => None,
        unread if unread > MANY => Some(format!("{MANY}+")),
        unread => Some(unread.to_string()),
    };
    view! {
        <a
            class="relative grid size-11 place-items-center rounded-full border border-control bg-surface text-ink hover:bg-hover md:size-8"
            href=bell.href
            aria-label=name.clone()
            title=name
            aria-current=bell.current.then_some("page")
        >
            <Icon name=IconName::Bell />
            {count
                .map(|count| {
                    view! {
                        <span
                            class="absolute -top-1.5 -right-1.5 min-w-4.5 rounded-full border border-canvas bg-solid px-1 text-center text-tag text-on-solid tabular-nums"
                            aria-hidden="true"
                        >
                            {count}
                        </span>
                    }
                })}
        </a>
    }
}

fn user_menu(person: Person, theme: Theme, settings_href: String) -> impl IntoView {
    let initials: String = person
        .name
        .split_whitespace()
        .filter_map(|part| part.chars().next())
        .take(2)
        .flat_map(char::to_uppercase)
        .collect();
    let themes = [("system", "System", Theme::System), ("light", "Light", Theme::Light), ("dark", "Dark", Theme::Dark)]
        .into_iter()
        .map(|(value, word, this)| {
            let class = if this == theme {
                "min-h-10 flex-1 rounded-[4px] bg-surface px-2 text-small font-medium ring-1 ring-line md:min-h-7"
            } else {
                "min-h-10 flex-1 rounded-[4px] px-2 text-small text-ink-2 hover:text-ink md:min-h-7"
            };
            view! {
                <button type="submit" name="theme" value=value class=class aria-pressed=if this == theme { "true" } else { "false" }>
                    {word}
                </button>
            }
        })
        .collect_view();
    view! {
        <details class="menu" data-menu>
            <summary
                class="grid size-11 place-items-center rounded-full border border-control bg-surface text-meta text-ink hover:bg-hover md:size-8"
                aria-label=format!("Your menu, {}", person.name)
            >
                {initials}
            </summary>
            <div class="menu-panel top-full right-0 mt-2 w-64 text-ink">
                <div class="px-2 py-1.5">
                    <p class="truncate font-medium">{person.name}</p>
                    <p class="truncate text-small text-ink-2">{person.email}</p>
                </div>
                <form method="post" action="/theme" class="my-1 border-y border-line px-2 py-2">
                    <p id="theme-label" class="mb-1 text-small text-ink-2">
                        "Theme"
                    </p>
                    <div class="flex rounded-control bg-neutral-soft p-0.5" role="group" aria-labelledby="theme-label">
                        {themes}
                    </div>
                </form>
                <a class="menu-item" href=if settings_href.is_empty() { "/settings".to_owned() } else { settings_href }>
                    <Icon name=IconName::Settings class="size-4 text-ink-3" />
                    "Settings"
                </a>
                <button type="button" class="menu-item max-md:hidden" popovertarget="shortcut-help">
                    <kbd class="w-4 text-center font-mono text-ink-3">"?"</kbd>
                    "Keyboard shortcuts"
                </button>
                <form method="post" action="/logout">
                    <button type="submit" class="menu-item">
                        <Icon name=IconName::SignOut class="size-4 text-ink-3" />
                        "Sign out"
                    </button>
                </form>
            </div>
        </details>
    }
}

fn shortcuts(single_letters: bool) -> impl IntoView {
    let (turn, said) = if single_letters {
        ("off", "Turn single letters off")
    } else {
        ("on", "Turn single letters on")
    };
    let rows = [
        ("/", "Search"),
        ("Ctrl K", "Search, from a field too"),
        ("g k", "API keys"),
        ("g l", "Logs"),
        ("g a", "Approvals"),
        ("g o", "Overview"),
        ("c", "Create, where a page can"),
        ("j  k", "Next and last row"),
        ("Enter", "Open the row"),
        ("?", "These shortcuts"),
    ]
    .into_iter()
    .map(|(keys, what)| {
        view! {
            <div class="flex items-center justify-between gap-4 py-1.5">
                <dt class="text-ink-2">{what}</dt>
                <dd>
                    <kbd class="rounded-[4px] border border-line bg-sunken px-1.5 py-0.5 font-mono text-meta whitespace-pre">{keys}</kbd>
                </dd>
            </div>
        }
    })
    .collect_view();
    view! {
        <div
            id="shortcut-help"
            popover
            role="dialog"
            aria-labelledby="shortcuts-title"
            class="m-auto w-[min(420px,calc(100vw-32px))] rounded-card border border-line bg-overlay p-6 text-ink shadow-over"
        >
            <h2 id="shortcuts-title" class="text-h2">
                "Keyboard shortcuts"
            </h2>
            <dl class="mt-3 divide-y divide-line">{rows}</dl>
            <form method="post" action="/shortcuts" class="mt-4">
                <Button name="shortcuts" value=turn>
                    {said}
                </Button>
            </form>
        </div>
    }
}

/// The frame without a rail: signing in, accepting an invitation, an error for someone unknown.
#[component]
pub fn Plain(
    #[prop(into)] title: String,
    /// The portal's name.
    #[prop(into)]
    brand: String,
    #[prop(optional, into)] lead: String,
    /// 560 px rather than 400: for pages with more than a few fields.
    #[prop(optional)]
    wide: bool,
    #[prop(optional)] toasts: Vec<Toast>,
    children: Children,
) -> impl IntoView {
    let width = if wide {
        "w-full max-w-[560px]"
    } else {
        "w-full max-w-[400px]"
    };
    view! {
        <main id="main" class="flex min-h-dvh flex-col items-center px-4 py-12 sm:py-[12vh]">
            <div class=width>
                <p class="mb-4 flex items-center gap-2 font-semibold">
                    <span class="grid size-7 place-items-center rounded-control bg-solid text-on-solid" aria-hidden="true">
                        <Icon name=IconName::Key />
                    </span>
                    {brand}
                </p>
                <div class="card p-6">
                    <h1 class="text-h1">{title}</h1>
                    {(!lead.is_empty()).then(|| view! { <p class="mt-1 text-ink-2">{lead}</p> })}
                    <div class="mt-5">{children()}</div>
                </div>
            </div>
        </main>
        <Toasts toasts=toasts />
    }
}

/// The errors that have a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    NotFound,
    Forbidden,
    Conflict,
    TooMany,
    Unavailable,
    /// What was sent could not be read.
    Unreadable,
    /// Something of ours broke.
    Internal,
}

impl ErrorKind {
    /// The page's heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::NotFound => "Not found",
            Self::Forbidden => "Not yours to open",
            Self::Conflict => "Changed in the meantime",
            Self::TooMany => "Too many tries",
            Self::Unavailable => "Not available now",
            Self::Unreadable => "That did not arrive whole",
            Self::Internal => "Something broke here",
        }
    }

    /// What happened and what to do. `wait` is a span in words, for `TooMany`.
    pub fn text(self, wait: &str) -> String {
        match self {
            Self::NotFound => "Nothing here that you can see.".to_owned(),
            Self::Forbidden => {
                "Your role does not include this. An admin of the workspace can change that."
                    .to_owned()
            }
            Self::Conflict => {
                "Someone changed this while you were editing; yours is kept below.".to_owned()
            }
            Self::TooMany if wait.is_empty() => "Too many tries; again in a minute.".to_owned(),
            Self::TooMany => format!("Too many tries; again in {wait}."),
            Self::Unavailable => "We can’t check permissions now, so nothing was done.".to_owned(),
            Self::Unreadable => "What was sent could not be read. Nothing was changed.".to_owned(),
            Self::Internal => {
                "Nothing was done. The details are in our log under the request below.".to_owned()
            }
        }
    }
}

/// The content of an error page; its frame is titled [`ErrorKind::title`].
#[component]
pub fn ErrorPage(
    kind: ErrorKind,
    /// In place of the kind's own words, where more can be said.
    #[prop(optional, into)]
    message: String,
    #[prop(optional, into)] request_id: String,
    /// "40 s", for `TooMany`.
    #[prop(optional, into)]
    wait: String,
    /// The way out; "/" and "Go to the overview", if absent.
    #[prop(optional, into)]
    href: String,
    #[prop(optional, into)] label: String,
) -> impl IntoView {
    let href = if href.is_empty() {
        "/".to_owned()
    } else {
        href
    };
    let label = if label.is_empty() {
        "Go to the overview".to_owned()
    } else {
        label
    };
    view! {
        <div>
            <p>{if message.is_empty() { kind.text(&wait) } else { message }}</p>
            {(!request_id.is_empty())
                .then(|| {
                    view! {
                        <p class="mt-2 text-small text-ink-2">
                            "Request "<code class="font-mono text-mono wrap-anywhere">{request_id}</code>
                        </p>
                    }
                })}
            <p class="mt-5">
                <LinkButton href=href>{label}</LinkButton>
            </p>
        </div>
    }
}
