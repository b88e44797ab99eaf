//! Pages by cursor: there is a newer and an older one, and no count of pages.

use leptos::prelude::*;

use super::icon::{Icon, IconName};

/// Links to the pages beside this one. An empty link is not offered; nothing at all is rendered when both are empty.
#[component]
pub fn Pagination(
    #[prop(optional, into)] newer: String,
    #[prop(optional, into)] older: String,
    /// "50 of 12,408".
    #[prop(optional, into)]
    summary: String,
) -> impl IntoView {
    if newer.is_empty() && older.is_empty() && summary.is_empty() {
        return None;
    }
    Some(view! {
        <nav class="mt-4 flex min-h-8 items-center justify-between gap-4" aria-label="Pages">
            <p class="text-small text-ink-2">{summary}</p>
            <div class="flex gap-2">
                {(!newer.is_empty())
                    .then(|| {
                        view! {
                            <a class="btn btn-outline" href=newer rel="prev">
                                <Icon name=IconName::ChevronLeft />
                                "Newer"
                            </a>
                        }
                    })}
                {(!older.is_empty())
                    .then(|| {
                        view! {
                            <a class="btn btn-outline" href=older rel="next">
                                "Older"
                                <Icon name=IconName::ChevronRight />
                            </a>
                        }
                    })}
            </div>
        </nav>
    })
}
