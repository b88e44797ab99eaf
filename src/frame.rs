//! What stands around each page for this viewer: the rail by their roles, the environment, the theme.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};

use crate::{
    accounts::{ROUTES, Viewer, viewer::Acting},
    error::{UiError, UiErrorKind},
    profiles::Environment,
    server::{
        page::{self, Answer},
        prefs, request_id,
    },
    ui::{
        badge::Tone,
        banner::{ActingBar, Banner},
        form::ErrorSummary,
        icon::IconName,
        layout::{
            self, Bell, Crumb, Environments, ErrorKind, ErrorPage, Frame, NavGroup, NavItem, Page,
            Person, Plain, PrimaryAction, Width, Workspace,
        },
        time::hour,
        toast::Toast,
    },
};

/// What a page says of itself; the rest of the frame follows from the viewer.
#[derive(Default)]
pub struct Head {
    /// The only `h1`. May hold what people typed.
    pub heading: String,
    /// The document's title, where the heading says too little or too much. Never what people typed.
    pub title: &'static str,
    pub purpose: &'static str,
    pub crumbs: Vec<Crumb>,
    pub action: Option<PrimaryAction>,
    pub span: Span,
    pub width: Width,
    pub toasts: Vec<Toast>,
}

/// Which environments a page is about.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Span {
    /// The one chosen.
    #[default]
    One,
    /// This one, whichever was chosen: the page is about a thing that belongs to it.
    Of(String),
    All,
    /// None: it is about the person.
    None,
}

/// The rail, in its order: group, label, path, icon.
const RAIL: &[(&str, &str, &str, IconName)] = &[
    ("", "Overview", "/dashboard", IconName::Home),
    ("Build", "API keys", "/keys", IconName::Key),
    ("Build", "Webhooks", "/webhooks", IconName::Webhook),
    ("Build", "Logs", "/logs", IconName::Logs),
    ("Build", "Docs", "/docs/webhooks", IconName::Docs),
    ("Control", "Approvals", APPROVALS, IconName::Approvals),
    ("Control", "Audit", "/audit", IconName::Audit),
    ("Control", "Members", "/members", IconName::Members),
    ("Control", "Plans", PLANS, IconName::Plans),
];

/// Shown where the profile has any.
const PLANS: &str = "/plans";
/// Counts what waits for the viewer.
const APPROVALS: &str = "/approvals";
/// Where the bell leads.
const NOTICES: &str = "/notices";
/// The rail of those who run the installation.
const ADMIN_RAIL: &[(&str, &str, &str, IconName)] = &[
    ("", "Workspaces", ADMIN, IconName::Plans),
    ("", "People", "/admin/people", IconName::Members),
    ("", "Plans", ADMIN_PLANS, IconName::Approvals),
];
const ADMIN: &str = "/admin";
const ADMIN_PLANS: &str = "/admin/plans";

/// What a page renders with: the viewer, the moment, their zone and environment.
#[derive(Clone)]
pub struct Here {
    pub viewer: Viewer,
    pub platform: String,
    pub environment: Environment,
    pub now: i64,
    pub zone: String,
}

/// The page's surroundings; an error if it has no viewer.
pub fn here() -> Result<Here, UiError> {
    let state = page::state()?;
    let parts = page::parts()
        .ok_or_else(|| UiError::new(UiErrorKind::Unavailable, "The page lost its request."))?;
    Ok(Here {
        viewer: crate::accounts::viewer::current()?,
        platform: state.profile.name.clone(),
        environment: prefs::environment(&parts, &state.profile).clone(),
        now: state.clock.now(),
        zone: prefs::zone(&parts.headers),
    })
}

/// The `{id}` of the page's path. What is no id of ours is found by nothing.
pub fn path_id() -> String {
    use_params_map()
        .get_untracked()
        .get("id")
        .unwrap_or_default()
}

/// A signed-in page.
pub fn framed(head: Head, content: impl IntoAny) -> AnyView {
    match surroundings(head) {
        Ok((title, page)) => {
            let content = content.into_any();
            view! {
                <Title text=title />
                <Frame page=page>{content}</Frame>
            }
            .into_any()
        }
        Err(error) => error_page(&error),
    }
}

/// Loads what a page shows, then shows it in its frame; or the error in its place.
pub fn loaded<T: 'static>(
    load: impl Future<Output = Result<T, UiError>> + Send + 'static,
    show: impl FnOnce(T) -> AnyView + Send + 'static,
) -> AnyView {
    let content = Suspend::new(async move {
        match load.await {
            Ok(data) => show(data),
            Err(error) => error_page(&error),
        }
    });
    view! { <Suspense>{content}</Suspense> }.into_any()
}

/// Loads what a page shows, and leaves it to the page what to show if that fails.
pub fn either<T: 'static>(
    load: impl Future<Output = Result<T, UiError>> + Send + 'static,
    show: impl FnOnce(Result<T, UiError>) -> AnyView + Send + 'static,
) -> AnyView {
    let content = Suspend::new(async move { show(load.await) });
    view! { <Suspense>{content}</Suspense> }.into_any()
}

/// The status that the answer has because of this error.
pub fn set_status(error: &UiError) {
    if let Some(options) = use_context::<leptos_axum::ResponseOptions>()
        && let Ok(status) = axum::http::StatusCode::from_u16(error.kind.status())
    {
        options.set_status(status);
    }
}

/// The page of an error, in the frame if somebody is signed in. Sets the status.
pub fn error_page(error: &UiError) -> AnyView {
    set_status(error);
    let kind = match error.kind {
        UiErrorKind::NotFound => ErrorKind::NotFound,
        UiErrorKind::NotAllowed | UiErrorKind::SignedOut => ErrorKind::Forbidden,
        UiErrorKind::Conflict => ErrorKind::Conflict,
        UiErrorKind::TooMany => ErrorKind::TooMany,
        UiErrorKind::Unavailable => ErrorKind::Unavailable,
        UiErrorKind::BadRequest | UiErrorKind::TooLarge | UiErrorKind::Invalid => {
            ErrorKind::Unreadable
        }
    };
    let heading = kind.title();
    let request = if matches!(kind, ErrorKind::Unavailable) {
        request_id::text().to_string()
    } else {
        String::new()
    };
    let message = error.message.clone();
    let viewer = crate::accounts::viewer::optional();
    // Who belongs to no workspace finds nothing on the overview.
    let homeless = viewer
        .as_ref()
        .is_some_and(|viewer| viewer.workspace.is_none());
    let (href, label) = if homeless && matches!(kind, ErrorKind::Forbidden) {
        ("/workspaces/new", "Create workspace")
    } else {
        ("", "")
    };
    let body =
        view! { <ErrorPage kind=kind message=message request_id=request href=href label=label /> }
            .into_any();
    if viewer.is_some() {
        let head = Head {
            heading: heading.to_owned(),
            span: Span::None,
            width: Width::Form,
            ..Head::default()
        };
        if let Ok((title, page)) = surroundings(head) {
            return view! {
                <Title text=title />
                <Frame page=page>{body}</Frame>
            }
            .into_any();
        }
    }
    let brand = page::state().map_or_else(
        |_| "Latchkey".to_owned(),
        |state| state.profile.name.clone(),
    );
    view! {
        <Title text=heading />
        <Plain title=heading brand=brand>{body}</Plain>
    }
    .into_any()
}

fn surroundings(head: Head) -> Result<(String, Page), UiError> {
    let here = here()?;
    let state = page::state()?;
    let parts = page::parts()
        .ok_or_else(|| UiError::new(UiErrorKind::Unavailable, "The page lost its request."))?;
    let path = parts.uri.path();
    let viewer = &here.viewer;
    let admin = viewer.operator && (path == ADMIN || path.starts_with("/admin/"));
    let mut nav: Vec<NavGroup> = Vec::new();
    for (group, label, target, icon) in if admin { ADMIN_RAIL } else { RAIL } {
        // What a role may not use is not shown.
        let open = ROUTES
            .iter()
            .any(|route| route.path == *target && route.access.admits(Some(viewer)));
        let none = [PLANS, ADMIN_PLANS].contains(target) && state.profile.tiers.is_empty();
        if !open || none {
            continue;
        }
        let current = path == *target
            || path.starts_with(&format!("{target}/")) && *target != ADMIN
            || *target == ADMIN && path.starts_with("/admin/workspaces/");
        let mut item = NavItem::new(*label, *target, *icon, current);
        if *target == APPROVALS {
            item = item.count(u64::try_from(viewer.waiting).unwrap_or(0));
        }
        match nav.last_mut() {
            Some(last) if last.title == *group => last.items.push(item),
            _ => nav.push(NavGroup {
                title: (*group).to_owned(),
                items: vec![item],
            }),
        }
    }
    let switch = |environment: &Environment| layout::Environment {
        href: format!("?{}", with_environment(parts.uri.query(), &environment.id)),
        word: environment.word.clone(),
        live: environment.live,
        current: environment.id == here.environment.id,
    };
    let environments = match head.span {
        Span::One => Environments::Of(state.profile.environments.iter().map(switch).collect()),
        Span::Of(id) => Environments::Of(
            state
                .profile
                .environment(&id)
                .map(|environment| layout::Environment {
                    current: true,
                    ..switch(environment)
                })
                .into_iter()
                .collect(),
        ),
        Span::All => Environments::All,
        Span::None => Environments::None,
    };
    let mut banners: Vec<Banner> = viewer
        .operators
        .iter()
        .map(|act| acting_here(viewer, act, &here.zone))
        .collect();
    if viewer.workspace.as_ref().is_some_and(|w| w.suspended) {
        banners.push(Banner {
            tone: Tone::Danger,
            lead: "This workspace is suspended.".to_owned(),
            text: "Its keys are refused and none can be made. The operator of this platform can lift it.".to_owned(),
            link: None,
        });
    }
    if admin {
        // They tell of a workspace, and these pages are in none.
        banners.clear();
    }
    let acting = viewer.acting.as_ref().map(|act| ActingBar {
        lead: format!(
            "You are acting in {} until {}:",
            viewer.workspace.as_ref().map_or("", |w| w.name.as_str()),
            hour(act.until, &here.zone)
        ),
        reason: act.reason.clone(),
        end: "/acting/end".to_owned(),
    });
    let mut nav_foot = vec![NavItem::new(
        "Settings",
        "/settings/security",
        IconName::Settings,
        path.starts_with("/settings"),
    )];
    if viewer.operator && !viewer.must_enrol() {
        let way = if admin && viewer.workspace.is_some() {
            Some(("Back to the portal", "/dashboard", IconName::ChevronLeft))
        } else if admin {
            None
        } else {
            Some(("Admin", ADMIN, IconName::Operator))
        };
        nav_foot.splice(
            0..0,
            way.map(|(label, target, icon)| NavItem::new(label, target, icon, false)),
        );
    }
    let words = if head.title.is_empty() {
        &head.heading
    } else {
        head.title
    };
    let title = format!("{words} \u{b7} {}", here.platform);
    let page = Page {
        title: head.heading,
        breadcrumbs: head.crumbs,
        purpose: head.purpose.to_owned(),
        action: head.action,
        nav,
        nav_foot,
        workspace: viewer
            .workspace
            .as_ref()
            .filter(|_| !admin)
            .map_or_else(|| here.platform.clone(), |workspace| workspace.name.clone()),
        workspaces: viewer
            .workspaces
            .iter()
            .filter(|_| !admin && viewer.acting.is_none())
            .map(|(id, name)| Workspace {
                id: id.clone(),
                name: name.clone(),
                current: viewer.workspace_id() == id,
            })
            .collect(),
        environments: if admin {
            Environments::None
        } else {
            environments
        },
        person: Person {
            name: viewer.name.clone(),
            email: viewer.email.clone(),
        },
        theme: prefs::theme(&parts.headers),
        banners,
        toasts: head.toasts,
        width: head.width,
        operator: admin,
        acting,
        search: Answer::here().value("q"),
        settings_href: "/settings/security".to_owned(),
        bell: ROUTES
            .iter()
            .any(|route| route.path == NOTICES && route.access.admits(Some(viewer)))
            .then(|| Bell {
                href: NOTICES.to_owned(),
                unread: u64::try_from(viewer.unread).unwrap_or(0),
                current: path == NOTICES,
            }),
        single_letters_off: prefs::single_letters_off(&parts.headers),
    };
    Ok((title, page))
}

/// What the people of a workspace see while an operator acts in it.
fn acting_here(viewer: &Viewer, act: &Acting, zone: &str) -> Banner {
    let reads_record = ROUTES
        .iter()
        .any(|route| route.path == "/audit" && route.access.admits(Some(viewer)));
    Banner {
        tone: Tone::Warning,
        lead: format!("Operator {} is acting in this workspace", act.operator),
        text: format!(
            "since {}: \u{201c}{}\u{201d}. Secrets and approvals stay out of reach.",
            hour(act.since, zone),
            act.reason
        ),
        link: reads_record.then(|| ("See what was done".to_owned(), "/audit".to_owned())),
    }
}

/// The page's query with another environment. A cursor belongs to the list it was taken from and is left behind.
fn with_environment(query: Option<&str>, environment: &str) -> String {
    let mut out = url::form_urlencoded::Serializer::new(String::new());
    out.append_pair("env", environment);
    for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        if name != "env" && name != "before" {
            out.append_pair(&name, &value);
        }
    }
    out.finish()
}

/// The toast of what was just done, by the `done` of the address.
pub fn done(words: &[(&str, &str)]) -> Vec<Toast> {
    let done = use_query_map().get_untracked().get("done");
    words
        .iter()
        .filter(|(name, _)| Some(*name) == done.as_deref())
        .map(|(_, text)| Toast {
            text: (*text).to_owned(),
            action: None,
        })
        .collect()
}

/// Why a form could not be served: an error of its own, or a summary of those beside the fields.
pub fn failure(answer: &Answer) -> AnyView {
    let Some(error) = &answer.error else {
        return ().into_any();
    };
    if error.fields.is_empty() {
        return view! {
            <p role="alert" class="mb-4 rounded-control bg-danger-soft px-3 py-2 text-danger">
                {error.message.clone()}
            </p>
        }
        .into_any();
    }
    let errors = error
        .fields
        .iter()
        .map(|error| (error.field.clone(), error.message.clone()))
        .collect();
    view! {
        <div class="mb-6">
            <ErrorSummary errors=errors />
        </div>
    }
    .into_any()
}
