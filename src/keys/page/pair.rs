//! Handing in a public key: its field and, with scripts, a button that makes a pair in the browser (`pair.js`). The private
//! half stands in an element that no form sends.

use leptos::prelude::*;

use crate::{
    profiles::KeyStyle,
    server::page,
    ui::form::{FieldState, TextArea},
};

/// Whether the page being rendered may come to hold such a field; also in a dialog that is opened over it.
pub fn needs_script() -> bool {
    page::state().is_ok_and(|state| state.profile.key_style == KeyStyle::Pair)
        && page::parts().is_some_and(|parts| parts.uri.path().starts_with("/keys"))
}

#[component]
pub fn HandIn(state: FieldState) -> impl IntoView {
    view! {
        <div class="space-y-3" data-pair>
            <TextArea
                label="Public key"
                name="public_key"
                hint="Ed25519: its 32 bytes in base64, or PEM. The private key stays where it was made and is never sent."
                mono=true
                rows=3
                maxlength=Some(400)
                state=state
            />
            <button type="button" class="btn btn-outline needs-script" data-pair-make>
                <span>"Make a pair in this browser"</span>
            </button>
            <p class="text-small text-danger" role="alert" data-pair-problem hidden>
                "This browser makes no Ed25519 keys. Make the pair elsewhere, and paste its public key."
            </p>
            <section class="space-y-2 rounded-control border border-line p-3" aria-labelledby="private-title" data-pair-private hidden>
                <h3 id="private-title" class="font-medium">
                    "Private key"
                </h3>
                <p class="text-small text-ink-2">
                    "Store it before you go on: it is on this page alone, is not sent, and is gone with the page."
                </p>
                <output
                    id="private-key"
                    aria-label="Private key"
                    class="block rounded-control border border-control bg-surface px-3 py-2 font-mono text-mono break-all whitespace-pre-wrap select-all"
                    tabindex="0"
                    translate="no"
                    data-secret
                ></output>
                <div class="flex flex-wrap gap-2">
                    <button type="button" class="btn btn-outline" data-pair-copy>
                        <span>"Copy private key"</span>
                    </button>
                    <a class="btn btn-outline" download="private-key.pem" data-pair-save>
                        "Download private key"
                    </a>
                </div>
            </section>
        </div>
    }
}
