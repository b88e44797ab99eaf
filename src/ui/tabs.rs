//! Tabs: links to the parts of one subject, each with its own address.

use leptos::prelude::*;

use super::time::number;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tab {
    pub label: String,
    pub href: String,
    pub count: Option<u64>,
    pub current: bool,
    /// Something in it waits for this person; say what, for those who can't see the dot.
    pub waiting: String,
}

impl Tab {
    pub fn new(label: impl Into<String>, href: impl Into<String>, current: bool) -> Self {
        Self {
            label: label.into(),
            href: href.into(),
            current,
            ..Self::default()
        }
    }

    #[must_use]
    pub fn count(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    #[must_use]
    pub fn waiting(mut self, what: impl Into<String>) -> Self {
        self.waiting = what.into();
        self
    }
}

/// A row of tabs. On small screens they wrap rather than scroll out of sight.
#[component]
pub fn Tabs(#[prop(into)] label: String, tabs: Vec<Tab>) -> impl IntoView {
    let tabs = tabs
        .into_iter()
        .map(|tab| {
            let class = if tab.current {
                "-mb-px flex min-h-11 items-center gap-1.5 border-b-2 border-ink font-medium text-ink md:min-h-9"
            } else {
                "-mb-px flex min-h-11 items-center gap-1.5 border-b-2 border-transparent text-ink-2 hover:text-ink md:min-h-9"
            };
            view! {
                <li>
                    <a class=class href=tab.href aria-current=tab.current.then_some("page")>
                        {tab.label}
                        {tab
                            .count
                            .map(|count| {
                                view! { <span class="text-small text-ink-3 tabular-nums">{number(count)}</span> }
                            })}
                        {(!tab.waiting.is_empty())
                            .then(|| {
                                view! {
                                    <span class="size-2 rounded-full bg-accent" aria-hidden="true"></span>
                                    <span class="sr-only">{tab.waiting}</span>
                                }
                            })}
                    </a>
                </li>
            }
        })
        .collect_view();
    view! {
        <nav aria-label=label class="mb-4 border-b border-line">
            <ul class="flex flex-wrap gap-x-5 max-sm:gap-x-3 max-sm:text-small">{tabs}</ul>
        </nav>
    }
}
