//! A value that may be seen again, in a control it can be taken from: an id, a public key, an address.

use leptos::prelude::*;

use super::copy_once::CopyButton;

/// The value, read-only, with a button that copies it.
#[component]
pub fn CopyField(
    #[prop(into)] id: String,
    #[prop(into)] label: String,
    #[prop(into)] value: String,
    #[prop(optional, into)] hint: String,
    #[prop(optional)] hide_label: bool,
) -> impl IntoView {
    view! {
        <div class="min-w-0">
            <label class=if hide_label { "sr-only" } else { "mb-1.5 block font-medium" } for=id.clone()>
                {label}
            </label>
            {(!hint.is_empty()).then(|| view! { <p class="-mt-1 mb-1.5 text-small text-ink-2">{hint}</p> })}
            <div class="flex gap-2">
                <input class="control min-w-0 flex-1 font-mono text-mono" id=id.clone() value=value readonly spellcheck="false" />
                <CopyButton target=id />
            </div>
        </div>
    }
}
