//! Picking scopes. Without scripts it is a list of boxes that a form sends as `scopes=<id>`; with them it counts, searches, and
//! ticks whole groups and presets. What is ticked lives in the boxes themselves, so that whatever a person ticked before the script
//! came, or the browser put back, stays.

use leptos::{
    html,
    prelude::*,
    wasm_bindgen::JsCast,
    web_sys::{Element, HtmlInputElement},
};
use serde::{Deserialize, Serialize};

use super::icon::{Icon, IconName};

/// Scopes that belong together: "Customers".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeGroup {
    pub name: String,
    pub scopes: Vec<Scope>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// `customers:read`.
    pub id: String,
    /// One line that says what it allows.
    pub description: String,
    #[serde(default)]
    pub flags: Vec<Flag>,
    /// Changes nothing: part of "Read only".
    #[serde(default)]
    pub read: bool,
    /// Stands for others too, and for what is added later: `*`, `x:*`.
    #[serde(default)]
    pub broad: bool,
    /// Why it can't be picked; empty if it can.
    #[serde(default)]
    pub locked: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Flag {
    MovesMoney,
    PersonalData,
}

impl Flag {
    const fn word(self) -> &'static str {
        match self {
            Self::MovesMoney => "Moves money",
            Self::PersonalData => "Personal data",
        }
    }

    const fn class(self) -> &'static str {
        match self {
            Self::MovesMoney => {
                "inline-flex rounded-full bg-warning-soft px-2 py-0.5 text-meta text-warning"
            }
            Self::PersonalData => {
                "inline-flex rounded-full bg-info-soft px-2 py-0.5 text-meta text-info"
            }
        }
    }
}

/// A choice of scopes with a name: "Point of sale".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preset {
    pub name: String,
    pub scopes: Vec<String>,
}

/// The picker. It stands inside the form that it belongs to.
#[component]
pub fn ScopePicker(
    groups: Vec<ScopeGroup>,
    #[prop(optional)] presets: Vec<Preset>,
    #[prop(optional)] selected: Vec<String>,
    /// `scopes`, if absent.
    #[prop(optional, into)]
    name: String,
    /// What is said when a broad scope is ticked.
    #[prop(optional, into)]
    broad_note: String,
    /// Ties an error below the picker to its groups: the error's id.
    #[prop(optional, into)]
    error_id: String,
) -> impl IntoView {
    let name = if name.is_empty() {
        "scopes".to_owned()
    } else {
        name
    };
    let broad_note = if broad_note.is_empty() {
        "Includes what is added later: only with approval.".to_owned()
    } else {
        broad_note
    };
    view! { <ScopeIsland groups presets selected name broad_note error_id /> }
}

/// The picker itself. Properties of an island have no defaults, so [`ScopePicker`] gives them theirs.
#[island]
pub fn ScopeIsland(
    groups: Vec<ScopeGroup>,
    presets: Vec<Preset>,
    selected: Vec<String>,
    name: String,
    broad_note: String,
    error_id: String,
) -> impl IntoView {
    let root = NodeRef::<html::Div>::new();
    let ticked = RwSignal::new(selected.clone());
    let query = RwSignal::new(String::new());

    Effect::new(move || {
        if let Some(root) = root.get() {
            ticked.set(read_boxes(&root));
        }
    });

    let apply = move |ids: &[String], on: &[String]| {
        if let Some(root) = root.get_untracked() {
            write_boxes(&root, ids, on);
            ticked.set(read_boxes(&root));
        }
    };

    let everything: Vec<String> = groups
        .iter()
        .flat_map(|group| group.scopes.iter().map(|scope| scope.id.clone()))
        .collect();
    let total = everything.len();
    let broad: Vec<String> = groups
        .iter()
        .flat_map(|group| {
            group
                .scopes
                .iter()
                .filter(|scope| scope.broad)
                .map(|scope| scope.id.clone())
        })
        .collect();

    let presets = presets
        .into_iter()
        .map(|preset| {
            let everything = everything.clone();
            let scopes = preset.scopes.clone();
            let pressed = move || {
                ticked.with(|ticked| {
                    ticked.len() == preset.scopes.len()
                        && preset.scopes.iter().all(|id| ticked.contains(id))
                })
            };
            view! {
                <button
                    type="button"
                    class="btn btn-outline btn-row aria-pressed:bg-selected"
                    aria-pressed=move || if pressed() { "true" } else { "false" }
                    on:click=move |_| apply(&everything, &scopes)
                >
                    {preset.name}
                </button>
            }
        })
        .collect::<Vec<_>>();

    let groups = groups
        .into_iter()
        .map(|group| {
            let ids: Vec<String> = group.scopes.iter().map(|scope| scope.id.clone()).collect();
            let open: Vec<String> =
                group.scopes.iter().filter(|scope| scope.locked.is_empty() && !scope.broad).map(|scope| scope.id.clone()).collect();
            let read: Vec<String> = group
                .scopes
                .iter()
                .filter(|scope| scope.read && !scope.broad && scope.locked.is_empty())
                .map(|scope| scope.id.clone())
                .collect();
            let count = {
                let ids = ids.clone();
                move || ticked.with(|ticked| format!("{} of {}", ids.iter().filter(|id| ticked.contains(id)).count(), ids.len()))
            };
            let rows_match: Vec<(String, String)> =
                group.scopes.iter().map(|scope| (scope.id.clone(), haystack(scope, &group.name))).collect();
            let group_hidden = move || {
                let query = query.get();
                !query.is_empty()
                    && !rows_match
                        .iter()
                        .any(|(id, text)| text.contains(&query) || ticked.with(|ticked| ticked.contains(id)))
            };
            let shortcuts = [("All", open.clone()), ("Read only", read), ("None", Vec::new())]
                .into_iter()
                .filter(|(word, on)| *word != "Read only" || (!on.is_empty() && on.len() < open.len()))
                .map(|(word, on)| {
                    let ids = ids.clone();
                    view! {
                        <button
                            type="button"
                            class="link needs-script min-h-6 text-small"
                            aria-label=format!("{word}: {}", group.name)
                            on:click=move |_| apply(&ids, &on)
                        >
                            {word}
                        </button>
                    }
                })
                .collect::<Vec<_>>();
            let rows = group
                .scopes
                .iter()
                .map(|scope| row(scope, &group.name, &name, &selected, ticked, query, root))
                .collect::<Vec<_>>();
            view! {
                <fieldset class="border-b border-line last:border-b-0" hidden=group_hidden>
                    <legend class="contents">
                        <span class="float-left flex min-h-10 items-center gap-2 pl-4 font-medium">
                            {group.name.clone()} <span class="text-small font-normal text-ink-2 tabular-nums">{count}</span>
                        </span>
                    </legend>
                    <div class="ml-auto flex min-h-10 w-max items-center gap-3 pr-4 pl-4 whitespace-nowrap">{shortcuts}</div>
                    <div class="clear-both pb-2">{rows}</div>
                </fieldset>
            }
        })
        .collect::<Vec<_>>();

    let has_broad = move || ticked.with(|ticked| broad.iter().any(|id| ticked.contains(id)));
    let summary = move || format!("{} of {total} picked", ticked.with(Vec::len));
    let has_presets = !presets.is_empty();

    view! {
        <div node_ref=root aria-describedby=(!error_id.is_empty()).then_some(error_id)>
            <div class="mb-3 flex flex-wrap items-center gap-2">
                {has_presets
                    .then(|| {
                        view! {
                            <div class="needs-script flex flex-wrap items-center gap-2" role="group" aria-label="Presets">
                                {presets}
                            </div>
                        }
                    })}
                <div class="needs-script min-w-48 flex-1 sm:ml-auto sm:max-w-64">
                    <input
                        type="search"
                        class="control"
                        placeholder="Search scopes"
                        aria-label="Search scopes"
                        autocomplete="off"
                        on:input=move |event| query.set(event_target_value(&event).trim().to_lowercase())
                        on:keydown=move |event| {
                            if event.key() == "Enter" {
                                event.prevent_default();
                            }
                        }
                    />
                </div>
            </div>
            <div class="card overflow-hidden">{groups}</div>
            <p class="mt-2 flex min-h-5 flex-wrap gap-x-4 text-small text-ink-2" role="status">
                <span class="tabular-nums">{summary}</span>
                <span class="flex gap-1.5 text-warning" hidden=move || !has_broad()>
                    <Icon name=IconName::Warning class="mt-px size-4" />
                    {broad_note}
                </span>
            </p>
        </div>
    }
}

/// One scope: box, id, what it allows, its flags. The id alone is the box's name, the rest describes it.
fn row(
    scope: &Scope,
    group: &str,
    name: &str,
    selected: &[String],
    ticked: RwSignal<Vec<String>>,
    query: RwSignal<String>,
    root: NodeRef<html::Div>,
) -> impl IntoView + use<> {
    let html_id: String = scope
        .id
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let html_id = if scope.broad {
        format!("scope-all-{html_id}")
    } else {
        format!("scope-{html_id}")
    };
    let label_id = format!("{html_id}-label");
    let text_id = format!("{html_id}-text");
    let text = haystack(scope, group);
    let locked = !scope.locked.is_empty();
    let id = scope.id.clone();
    let hidden = move || {
        let query = query.get();
        !query.is_empty() && !text.contains(&query) && !ticked.with(|ticked| ticked.contains(&id))
    };
    let flags = scope
        .flags
        .iter()
        .map(|flag| view! { <span class=flag.class()>{flag.word()}</span> })
        .collect::<Vec<_>>();
    let description = if locked {
        format!("{} {}", scope.description, scope.locked)
    } else {
        scope.description.clone()
    };
    view! {
        <label class="flex min-h-10 items-start gap-2.5 px-4 py-2 hover:bg-hover" hidden=hidden>
            <input
                type="checkbox"
                class="check mt-0.5"
                id=html_id
                name=name.to_owned()
                value=scope.id.clone()
                checked=selected.contains(&scope.id)
                disabled=locked
                aria-labelledby=label_id.clone()
                aria-describedby=text_id.clone()
                on:change=move |_| {
                    if let Some(root) = root.get_untracked() {
                        ticked.set(read_boxes(&root));
                    }
                }
            />
            <span class="flex min-w-0 flex-1 flex-wrap items-baseline gap-x-3 gap-y-0.5">
                <span id=label_id class="font-mono text-mono break-all sm:w-48">
                    {scope.id.clone()}
                </span>
                <span id=text_id class="flex min-w-48 flex-1 flex-wrap items-center gap-x-2 gap-y-1 text-small text-ink-2">
                    <span class="min-w-0">{description}</span>
                    {flags}
                </span>
            </span>
        </label>
    }
}

/// What a search looks through.
fn haystack(scope: &Scope, group: &str) -> String {
    let flags: String = scope
        .flags
        .iter()
        .map(|flag| flag.word())
        .collect::<Vec<_>>()
        .join(" ");
    format!("{} {} {flags} {group}", scope.id, scope.description).to_lowercase()
}

fn read_boxes(root: &Element) -> Vec<String> {
    boxes(root)
        .filter(HtmlInputElement::checked)
        .map(|input| input.value())
        .collect()
}

/// Ticks those of `ids` that are in `on` and clears the others; boxes outside `ids` and locked ones stay as they are.
fn write_boxes(root: &Element, ids: &[String], on: &[String]) {
    for input in boxes(root) {
        let id = input.value();
        if ids.contains(&id) && !input.disabled() {
            input.set_checked(on.contains(&id));
        }
    }
}

fn boxes(root: &Element) -> impl Iterator<Item = HtmlInputElement> + use<> {
    let inputs = root.get_elements_by_tag_name("input");
    (0..inputs.length())
        .filter_map(move |index| inputs.item(index))
        .filter_map(|element| element.dyn_into::<HtmlInputElement>().ok())
        .filter(|input| input.type_() == "checkbox")
}
