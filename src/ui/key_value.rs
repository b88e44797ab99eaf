//! Facts: a name and what it is, as a list of terms.

use leptos::prelude::*;

/// One fact; its value is any view.
pub struct Fact {
    pub term: String,
    pub value: AnyView,
}

impl Fact {
    pub fn new(term: impl Into<String>, value: impl IntoAny) -> Self {
        Self {
            term: term.into(),
            value: value.into_any(),
        }
    }
}

/// The list. Values stand beside their terms where there is room; `stacked` puts them below, for an aside.
#[component]
pub fn KeyValue(items: Vec<Fact>, #[prop(optional)] stacked: bool) -> impl IntoView {
    let row = if stacked {
        "py-2"
    } else {
        "gap-x-4 py-2 sm:grid sm:grid-cols-[10rem_minmax(0,1fr)]"
    };
    let items = items
        .into_iter()
        .map(|fact| {
            view! {
                <div class=row>
                    <dt class="text-small/5 text-ink-2">{fact.term}</dt>
                    <dd class="min-w-0 wrap-anywhere">{fact.value}</dd>
                </div>
            }
        })
        .collect_view();
    view! { <dl class="divide-y divide-line">{items}</dl> }
}
