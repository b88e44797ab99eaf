//! Nothing here yet: one line, one action, one link.

use leptos::prelude::*;

/// Left-aligned and without a picture. The action is a [`LinkButton`](super::button::LinkButton); the link says where to read more.
#[component]
pub fn EmptyState(
    /// "No keys yet. Create a test key and make your first call in a minute."
    #[prop(into)]
    text: String,
    #[prop(optional_no_strip)] action: Option<AnyView>,
    #[prop(optional, into)] link_label: String,
    #[prop(optional, into)] link_href: String,
) -> impl IntoView {
    view! {
        <div class="card px-4 py-6">
            <p class="max-w-[60ch]">{text}</p>
            <div class="mt-3 flex flex-wrap items-center gap-x-4 gap-y-2 empty:hidden">
            {action}
            {(!link_href.is_empty())
                .then(|| {
                    view! {
                        <a class="link" href=link_href>
                            {link_label}
                        </a>
                    }
                })}
            </div>
        </div>
    }
}
