//! Buttons, and links that look like them. One solid button per view; its label is a verb and its object.

use leptos::prelude::*;

use super::icon::{Icon, IconName};

/// How much a button weighs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// The view's one main action.
    Solid,
    #[default]
    Outline,
    Ghost,
    /// Leads to something destructive.
    Danger,
    /// Does something destructive: only inside the dialog made for it.
    DangerSolid,
}

impl Kind {
    const fn class(self) -> &'static str {
        match self {
            Self::Solid => "btn btn-solid",
            Self::Outline => "btn btn-outline",
            Self::Ghost => "btn btn-ghost",
            Self::Danger => "btn btn-danger",
            Self::DangerSolid => "btn btn-danger-solid",
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Solid => "solid",
            Self::Outline => "outline",
            Self::Ghost => "ghost",
            Self::Danger => "danger",
            Self::DangerSolid => "danger-solid",
        }
    }
}

/// `Row` is 28 px high, for table rows and panels; both grow to 44 px on small screens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Size {
    #[default]
    Normal,
    Row,
}

/// A `<button>`. While its form is sent, the page's script shows a spinner and `busy` in its place.
#[component]
pub fn Button(
    #[prop(optional)] kind: Kind,
    #[prop(optional)] size: Size,
    #[prop(optional_no_strip)] icon: Option<IconName>,
    /// `submit` if absent.
    #[prop(optional, into)]
    button_type: String,
    #[prop(optional, into)] name: String,
    #[prop(optional, into)] value: String,
    /// The id of a form that the button stands outside of.
    #[prop(optional, into)]
    form: String,
    #[prop(optional, into)] formaction: String,
    /// What the label turns into while the form is sent: "Creating…".
    #[prop(optional, into)]
    busy: String,
    /// Why the button can't be used now. The sentence is shown beside it and tied to it.
    #[prop(optional, into)]
    disabled_because: String,
    /// Sends the form without the browser's checks: for Back, Cancel and switching a factor.
    #[prop(optional)]
    no_validate: bool,
    /// Makes it an icon button; the words go to screen readers and the tooltip.
    #[prop(optional, into)]
    label: String,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    let kind_type = if button_type.is_empty() {
        "submit".to_owned()
    } else {
        button_type
    };
    let disabled = !disabled_because.is_empty();
    let why_id = disabled.then(|| format!("why-{}", slug(&disabled_because)));
    let class = class_of(kind, size, children.is_none());
    let button = view! {
        <button
            type=if disabled { "button".to_owned() } else { kind_type }
            class=class
            data-kind=kind.word()
            name=some(name)
            value=some(value)
            form=some(form)
            formaction=some(formaction)
            formnovalidate=no_validate
            data-busy-label=some(busy)
            aria-disabled=disabled.then_some("true")
            aria-describedby=why_id.clone()
            aria-label=some(label.clone())
            title=some(label)
        >
            {icon.map(|name| view! { <Icon name=name /> })}
            {children.map(|children| view! { <span>{children()}</span> })}
        </button>
    };
    if let Some(id) = why_id {
        view! {
            <span class="inline-flex flex-wrap items-center gap-x-3 gap-y-1">
                {button} <span id=id class="text-small text-ink-2">
                    {disabled_because}
                </span>
            </span>
        }
        .into_any()
    } else {
        button.into_any()
    }
}

/// A link in a button's clothes.
#[component]
pub fn LinkButton(
    #[prop(into)] href: String,
    #[prop(optional)] kind: Kind,
    #[prop(optional)] size: Size,
    #[prop(optional_no_strip)] icon: Option<IconName>,
    /// The address renders a [`DialogPage`](super::dialog::DialogPage): with scripts it opens over this page.
    #[prop(optional)]
    dialog: bool,
    /// The page's main "create": the shortcut `c` follows it.
    #[prop(optional)]
    create: bool,
    /// Makes it an icon button; the words go to screen readers and the tooltip.
    #[prop(optional, into)]
    label: String,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    let class = class_of(kind, size, children.is_none());
    view! {
        <a
            class=class
            data-kind=kind.word()
            href=href
            data-dialog=dialog
            data-create=create
            aria-label=some(label.clone())
            title=some(label)
        >
            {icon.map(|name| view! { <Icon name=name /> })}
            {children.map(|children| view! { <span>{children()}</span> })}
        </a>
    }
}

fn class_of(kind: Kind, size: Size, icon_only: bool) -> String {
    let mut class = kind.class().to_owned();
    if size == Size::Row {
        class.push_str(" btn-row");
    }
    if icon_only {
        class.push_str(" btn-icon");
    }
    class
}

/// An attribute that is left out when its text is empty.
pub(super) fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// A piece of an id: the letters and digits of a text, in lower case, joined by hyphens.
pub(super) fn slug(text: &str) -> String {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|part| !part.is_empty())
        .map(str::to_ascii_lowercase)
        .collect::<Vec<_>>()
        .join("-")
}
