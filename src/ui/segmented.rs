//! A choice of two to four short words, as links or as radios of a form.

use leptos::prelude::*;

use super::form::{Choice, join_id};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    pub label: String,
    pub href: String,
    pub current: bool,
}

impl Segment {
    pub fn new(label: impl Into<String>, href: impl Into<String>, current: bool) -> Self {
        Self {
            label: label.into(),
            href: href.into(),
            current,
        }
    }
}

const TRACK: &str = "inline-flex rounded-control bg-neutral-soft p-0.5";
const SEGMENT: &str =
    "inline-flex min-h-10 items-center rounded-[4px] px-2.5 text-small md:min-h-7";

/// As links: the choice is part of the address.
#[component]
pub fn Segmented(#[prop(into)] label: String, segments: Vec<Segment>) -> impl IntoView {
    let segments = segments
        .into_iter()
        .map(|segment| {
            let class = if segment.current {
                format!("{SEGMENT} bg-surface font-medium text-ink ring-1 ring-line")
            } else {
                format!("{SEGMENT} text-ink-2 hover:text-ink")
            };
            view! {
                <a class=class href=segment.href aria-current=segment.current.then_some("true")>
                    {segment.label}
                </a>
            }
        })
        .collect_view();
    view! {
        <div class=TRACK role="group" aria-label=label>
            {segments}
        </div>
    }
}

/// As radios: the choice is sent with the form.
#[component]
pub fn SegmentedRadios(
    #[prop(into)] legend: String,
    #[prop(into)] name: String,
    options: Vec<Choice>,
    #[prop(into)] value: String,
    #[prop(optional)] hide_legend: bool,
) -> impl IntoView {
    let options = options
        .into_iter()
        .map(|choice| {
            view! {
                <label class=format!(
                    "{SEGMENT} text-ink-2 hover:text-ink has-checked:bg-surface has-checked:font-medium has-checked:text-ink has-checked:ring-1 has-checked:ring-line has-focus-visible:outline-2 has-focus-visible:outline-focus",
                )>
                    <input
                        type="radio"
                        class="sr-only"
                        id=join_id(&name, &choice.value)
                        name=name.clone()
                        checked=choice.value == value
                        value=choice.value
                        disabled=choice.disabled
                    />
                    {choice.label}
                </label>
            }
        })
        .collect_view();
    view! {
        <fieldset>
            <legend class=if hide_legend { "sr-only" } else { "mb-1.5 font-medium" }>{legend}</legend>
            <div class=TRACK>{options}</div>
        </fieldset>
    }
}
