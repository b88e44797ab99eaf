//! Filters as a GET form, so that a filtered view is a link. What is set stands below as tags, each with its own way out.

use leptos::prelude::*;

use super::icon::{Icon, IconName};

/// A filter that is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActiveFilter {
    pub label: String,
    pub value: String,
    /// This view without it.
    pub without: String,
}

/// Children are controls with `hide_label`; each is made as wide as it needs.
#[component]
pub fn Filters(
    #[prop(into)] action: String,
    #[prop(optional)] active: Vec<ActiveFilter>,
    /// This view without any filter.
    #[prop(optional, into)]
    clear: String,
    /// Kept in the address, as `env`.
    #[prop(optional, into)]
    env: String,
    /// Sends what is typed in the body: it may be something that must not stand in an address.
    #[prop(optional)]
    post: bool,
    children: Children,
) -> impl IntoView {
    let several = active.len() > 1;
    let tags = active
        .into_iter()
        .map(|filter| {
            view! {
                <li class="flex min-h-7 max-w-full items-center gap-1 rounded-full border border-line bg-surface pl-2.5 text-small">
                    <span class="truncate">
                        <span class="text-ink-2">{filter.label.clone()}": "</span>
                        {filter.value.clone()}
                    </span>
                    <a
                        class="grid size-7 place-items-center rounded-full text-ink-2 hover:bg-hover hover:text-ink"
                        href=filter.without
                        aria-label=format!("Remove filter {}: {}", filter.label, filter.value)
                    >
                        <Icon name=IconName::Close class="size-3" />
                    </a>
                </li>
            }
        })
        .collect::<Vec<_>>();
    view! {
        <div class="filters mb-4">
            <form method=if post { "post" } else { "get" } action=action role="search" aria-label="Filters" class="flex flex-wrap items-center gap-2 *:max-sm:flex-1 *:max-sm:basis-36">
                {(!env.is_empty()).then(|| view! { <input type="hidden" name="env" value=env /> })}
                {children()}
                <button type="submit" class="btn btn-outline max-sm:flex-none!">
                    <Icon name=IconName::Filter />
                    "Filter"
                </button>
            </form>
            {(!tags.is_empty())
                .then(|| {
                    view! {
                        <ul class="mt-2 flex flex-wrap items-center gap-2" aria-label="Filters that are set">
                            {tags}
                            {several
                                .then(|| {
                                    view! {
                                        <li>
                                            <a class="link text-small" href=clear>
                                                "Clear filters"
                                            </a>
                                        </li>
                                    }
                                })}
                        </ul>
                    }
                })}
        </div>
    }
}
