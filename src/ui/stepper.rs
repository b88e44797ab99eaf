//! Where a person is in a task of several steps. Steps already done are links back; later ones are not.

use leptos::prelude::*;

use super::icon::{Icon, IconName};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StepState {
    Done,
    Current,
    #[default]
    Ahead,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    pub label: String,
    /// Empty where it can't be gone to.
    pub href: String,
    pub state: StepState,
}

impl Step {
    pub fn new(label: impl Into<String>, href: impl Into<String>, state: StepState) -> Self {
        Self {
            label: label.into(),
            href: href.into(),
            state,
        }
    }
}

/// The steps in a line; on small screens only the current one keeps its words.
#[component]
pub fn Stepper(
    /// "Create a key".
    #[prop(into)]
    label: String,
    steps: Vec<Step>,
) -> impl IntoView {
    let total = steps.len();
    let steps = steps
        .into_iter()
        .enumerate()
        .map(|(index, step)| {
            let n = index + 1;
            let (dot, words) = match step.state {
                StepState::Done => ("border-control text-ink", "max-sm:sr-only text-ink-2"),
                StepState::Current => ("border-solid bg-solid text-on-solid", "font-medium text-ink"),
                StepState::Ahead => ("border-dashed border-control text-ink-3", "max-sm:sr-only text-ink-3"),
            };
            let done = step.state == StepState::Done;
            let mark = if done {
                view! { <Icon name=IconName::Check class="size-3.5" /> }.into_any()
            } else {
                n.to_string().into_any()
            };
            let inner = view! {
                <span
                    class=format!("grid size-6 shrink-0 place-items-center rounded-full border text-meta tabular-nums {dot}")
                    aria-hidden="true"
                >
                    {mark}
                </span>
                <span class=words>
                    <span class="sr-only">{format!("Step {n} of {total}{}: ", if done { ", done" } else { "" })}</span>
                    {step.label}
                </span>
            };
            let inner = if step.href.is_empty() || step.state == StepState::Current {
                view! { <span class="flex min-h-8 items-center gap-2">{inner}</span> }.into_any()
            } else {
                view! {
                    <a class="flex min-h-8 items-center gap-2 rounded-control underline-offset-4 hover:underline" href=step.href>
                        {inner}
                    </a>
                }
                .into_any()
            };
            view! {
                <li
                    class="flex items-center gap-3 not-last:after:h-px not-last:after:w-4 not-last:after:bg-control sm:not-last:after:w-6"
                    aria-current=(step.state == StepState::Current).then_some("step")
                >
                    {inner}
                </li>
            }
        })
        .collect_view();
    view! {
        <nav aria-label=label class="mb-6">
            <ol class="flex flex-wrap items-center gap-x-3 gap-y-1">{steps}</ol>
        </nav>
    }
}
