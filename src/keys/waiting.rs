//! Below a new secret: the first call it makes, as soon as it is made.

use leptos::prelude::*;

#[cfg(feature = "hydrate")]
use super::api::first_call;
use super::types::FirstCall;

/// Asks every two seconds until there is a call. Without scripts there is nothing to wait with, and nothing is shown.
#[island]
pub fn FirstCallWatch(#[prop(into)] key_id: String) -> impl IntoView {
    let call = RwSignal::new(None::<FirstCall>);
    #[cfg(feature = "hydrate")]
    watch(key_id, call);
    #[cfg(not(feature = "hydrate"))]
    let _ = key_id;
    view! {
        <p class="needs-script mt-3 text-small text-ink-2" role="status">
            {move || match call.get() {
                None => view! { <span>"Next: waiting for your first call\u{2026}"</span> }.into_any(),
                Some(call) => {
                    view! {
                        <span class="text-success">"First call: " {call.summary}</span>
                        " "
                        <a class="link" href=format!("/logs/{}", call.request_id) target="_blank">
                            "See it in the log"
                        </a>
                    }
                        .into_any()
                }
            }}
        </p>
    }
}

#[cfg(feature = "hydrate")]
fn watch(key_id: String, call: RwSignal<Option<FirstCall>>) {
    use std::time::Duration;

    /// Often enough to feel live, seldom enough not to matter.
    const EVERY: Duration = Duration::from_secs(2);

    let ask = move || {
        if call.get_untracked().is_some() {
            return;
        }
        let key_id = key_id.clone();
        leptos::task::spawn_local(async move {
            // A question that fails is asked again with the next.
            if let Ok(Some(first)) = first_call(key_id).await {
                call.set(Some(first));
            }
        });
    };
    let _ = set_interval_with_handle(ask, EVERY);
}
