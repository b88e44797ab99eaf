//! Copying the text of an element on the page. The island knows the element's id and never its text, so that nothing secret is
//! ever among its properties.

use leptos::prelude::*;
#[cfg(feature = "hydrate")]
use leptos::{
    __reexports::wasm_bindgen_futures::JsFuture,
    task::spawn_local,
    wasm_bindgen::{JsCast, JsValue},
    web_sys::{Element, HtmlInputElement, HtmlTextAreaElement},
};

use super::icon::IconName;

/// What the button says now.
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "hydrate"),
    expect(dead_code, reason = "only a browser gets beyond the first")
)]
enum Said {
    Nothing,
    Copied,
    /// The browser gives pages on plain http no clipboard: the text is selected instead.
    ByHand,
}

/// A button that copies the text of the element `target` and says "Copied" for two seconds, aloud too.
#[component]
pub fn CopyButton(
    /// The id of an element: the value of a control, or the text of anything else.
    #[prop(into)]
    target: String,
    /// "Copy", if absent.
    #[prop(optional, into)]
    label: String,
    /// Shows the icon alone, with the label for screen readers.
    #[prop(optional)]
    icon_only: bool,
) -> impl IntoView {
    let label = if label.is_empty() {
        "Copy".to_owned()
    } else {
        label
    };
    view! { <CopyIsland target=target label=label icon_only=icon_only /> }
}

/// The button itself. Properties of an island have no defaults, so [`CopyButton`] gives them theirs.
#[island]
pub fn CopyIsland(target: String, label: String, icon_only: bool) -> impl IntoView {
    let said = RwSignal::new(Said::Nothing);
    let words = label.clone();
    let words = move || match said.get() {
        Said::Nothing => words.clone(),
        Said::Copied => "Copied".to_owned(),
        Said::ByHand => "Press Ctrl-C".to_owned(),
    };
    let icon = move || {
        if said.get() == Said::Copied {
            IconName::Check.href()
        } else {
            IconName::Copy.href()
        }
    };
    let aloud = move || match said.get() {
        Said::Nothing => "",
        Said::Copied => "Copied",
        Said::ByHand => "Selected. Press Ctrl-C to copy.",
    };
    let class = if icon_only {
        "btn btn-ghost btn-row btn-icon needs-script"
    } else {
        "btn btn-outline needs-script min-w-24"
    };
    view! {
        <button
            type="button"
            class=class
            aria-label=icon_only.then(|| label.clone())
            title=icon_only.then_some(label)
            on:click=move |_| copy(&target, said)
        >
            <svg class="size-4 shrink-0" aria-hidden="true" width="16" height="16">
                <use href=icon />
            </svg>
            {(!icon_only).then(|| view! { <span>{words}</span> })}
        </button>
        <span class="sr-only" aria-live="polite">
            {aloud}
        </span>
    }
}

#[cfg(not(feature = "hydrate"))]
fn copy(_target: &str, _said: RwSignal<Said>) {}

#[cfg(feature = "hydrate")]
fn copy(target: &str, said: RwSignal<Said>) {
    let Some(element) = document().get_element_by_id(target) else {
        return;
    };
    let clipboard = window().navigator().clipboard();
    if AsRef::<JsValue>::as_ref(&clipboard).is_undefined() {
        select(&element);
        say(said, Said::ByHand);
        return;
    }
    let written = clipboard.write_text(&text_of(&element));
    spawn_local(async move {
        if JsFuture::from(written).await.is_ok() {
            say(said, Said::Copied);
        } else {
            select(&element);
            say(said, Said::ByHand);
        }
    });
}

#[cfg(feature = "hydrate")]
fn say(said: RwSignal<Said>, words: Said) {
    said.set(words);
    set_timeout(
        move || said.set(Said::Nothing),
        std::time::Duration::from_secs(2),
    );
}

/// The value of a control, or the text of anything else.
#[cfg(feature = "hydrate")]
pub(super) fn text_of(element: &Element) -> String {
    if let Some(input) = element.dyn_ref::<HtmlInputElement>() {
        input.value()
    } else if let Some(area) = element.dyn_ref::<HtmlTextAreaElement>() {
        area.value()
    } else {
        element.text_content().unwrap_or_default()
    }
}

/// Marks the whole text of a control.
#[cfg(feature = "hydrate")]
pub(super) fn select(element: &Element) {
    if let Some(input) = element.dyn_ref::<HtmlInputElement>() {
        input.select();
    } else if let Some(area) = element.dyn_ref::<HtmlTextAreaElement>() {
        let _ = area.focus();
        area.select();
    } else if let Ok(Some(selection)) = window().get_selection() {
        let _ = selection.select_all_children(element);
    }
}
