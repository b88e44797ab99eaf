//! How a decision came about: every check under its code, in the order in which it was made.

use leptos::prelude::*;

use super::icon::{Icon, IconName};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    /// The one that decided. There is at most one.
    Failed,
    NotReached,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceStep {
    pub outcome: Outcome,
    /// `IP_NOT_ALLOWED`.
    pub code: String,
    /// "Address is on the list".
    pub text: String,
    /// For the one that decided: what was asked, what is allowed, and what to change.
    pub asked: String,
    pub allowed: String,
    pub change: Option<(String, String)>,
}

impl TraceStep {
    pub fn passed(code: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(Outcome::Passed, code, text)
    }

    pub fn failed(code: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(Outcome::Failed, code, text)
    }

    pub fn not_reached(code: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(Outcome::NotReached, code, text)
    }

    /// What was asked and what is allowed.
    #[must_use]
    pub fn because(mut self, asked: impl Into<String>, allowed: impl Into<String>) -> Self {
        self.asked = asked.into();
        self.allowed = allowed.into();
        self
    }

    /// The link that would change it: its words, its address.
    #[must_use]
    pub fn change(mut self, label: impl Into<String>, href: impl Into<String>) -> Self {
        self.change = Some((label.into(), href.into()));
        self
    }

    fn new(outcome: Outcome, code: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            outcome,
            code: code.into(),
            text: text.into(),
            asked: String::new(),
            allowed: String::new(),
            change: None,
        }
    }
}

/// The list on its line. What was not reached is folded.
#[component]
pub fn Trace(steps: Vec<TraceStep>) -> impl IntoView {
    let (ahead, made): (Vec<_>, Vec<_>) = steps
        .into_iter()
        .partition(|step| step.outcome == Outcome::NotReached);
    let folded = ahead.len();
    let made = made
        .into_iter()
        .map(|step| {
            if step.outcome == Outcome::Failed {
                failed(step).into_any()
            } else {
                quiet(step).into_any()
            }
        })
        .collect::<Vec<_>>();
    let ahead = ahead.into_iter().map(quiet).collect::<Vec<_>>();
    view! {
        <div class="relative before:absolute before:top-3 before:bottom-3 before:left-[11px] before:w-px before:bg-line">
            <ol class="relative">{made}</ol>
            {(folded > 0)
                .then(|| {
                    view! {
                        <details class="relative">
                            <summary class="flex min-h-8 items-center gap-3 text-small text-ink-3 hover:text-ink">
                                <Mark icon=IconName::Dot class="text-ink-3" />
                                {folded}
                                " not reached"
                            </summary>
                            <ol>{ahead}</ol>
                        </details>
                    }
                })}
        </div>
    }
}

#[component]
fn Mark(icon: IconName, class: &'static str) -> impl IntoView {
    view! {
        <span class=format!("grid size-6 shrink-0 place-items-center rounded-full bg-surface {class}")>
            <Icon name=icon class="size-3.5" />
        </span>
    }
}

fn quiet(step: TraceStep) -> impl IntoView {
    let (icon, word) = if step.outcome == Outcome::Passed {
        (IconName::Check, "Passed: ")
    } else {
        (IconName::Dot, "Not reached: ")
    };
    view! {
        <li class="flex min-h-8 items-center gap-3 text-small text-ink-3">
            <Mark icon=icon class="text-ink-3" />
            <span class="min-w-0">
                <span class="sr-only">{word}</span>
                {step.text}
                " "
                <code class="font-mono text-meta font-normal wrap-anywhere">{step.code}</code>
            </span>
        </li>
    }
}

fn failed(step: TraceStep) -> impl IntoView {
    let fact = |term: &'static str, text: String| {
        (!text.is_empty()).then(|| {
            view! {
                <div class="flex gap-2">
                    <dt class="w-16 shrink-0 text-ink-2">{term}</dt>
                    <dd class="min-w-0 wrap-anywhere">{text}</dd>
                </div>
            }
        })
    };
    view! {
        <li class="my-1 flex gap-3 rounded-control bg-danger-soft py-2 pr-3">
            <span class="grid size-6 shrink-0 place-items-center text-danger">
                <Icon name=IconName::Times class="size-4" />
            </span>
            <div class="min-w-0">
                <p class="font-medium">
                    <span class="sr-only">"Decided here: "</span>
                    {step.text}
                    " "
                    <code class="font-mono text-mono font-normal text-danger wrap-anywhere">{step.code}</code>
                </p>
                <dl class="mt-1 space-y-0.5 text-small">
                    {fact("Asked", step.asked)} {fact("Allowed", step.allowed)}
                </dl>
                {step
                    .change
                    .map(|(label, href)| {
                        view! {
                            <a class="mt-1.5 inline-flex min-h-6 items-center gap-1 font-medium underline underline-offset-3" href=href>
                                {label}
                            </a>
                        }
                    })}
            </div>
        </li>
    }
}
