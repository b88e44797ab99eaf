//! The secret moment: the one time that a secret is on a page. It stands on a dimmed ground and cannot be closed but by Done, whose
//! form wants the box "I have stored it" ticked. The secret wraps and is never masked or cut.

use leptos::prelude::*;

use super::{
    badge::EnvTag,
    button::{Button, Kind, slug},
    copy_once::CopyButton,
    form::text_for_textarea,
    icon::{Icon, IconName},
    store_guard::StoreGuard,
};

/// What kind of secret it is.
#[derive(Clone, Copy)]
pub struct Shown {
    /// Its name, for those who hear the page too.
    pub label: &'static str,
    /// That it can't be shown again, and what to do if it is lost.
    pub about: &'static str,
}

impl Default for Shown {
    fn default() -> Self {
        Self {
            label: "API key",
            about: "This is the only time it can be shown: we keep a fingerprint, not the key. Lost it? Rotate: same permissions, new secret.",
        }
    }
}

/// The panel. Its children are what to try next, such as a code block that reads the secret from a variable.
#[component]
pub fn SecretPanel(
    /// "Copy your key now", if absent.
    #[prop(optional, into)]
    title: String,
    #[prop(optional)] shown: Shown,
    #[prop(into)] key_label: String,
    /// The environment's word.
    #[prop(into)]
    env: String,
    live: bool,
    /// Rendered as text, and nowhere else on the page unless its element carries `data-secret`.
    #[prop(into)]
    secret: String,
    /// The variable in the downloaded file: `REVKEEN_API_KEY`.
    #[prop(into)]
    variable: String,
    /// Where Done leads.
    #[prop(into)]
    action: String,
    /// For a pair: its public half, which can be seen again.
    #[prop(optional, into)]
    public_key: String,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    let title = if title.is_empty() {
        "Copy your key now".to_owned()
    } else {
        title
    };
    let file_name = format!("{}.env", slug(&key_label));
    view! {
        <div class="fixed inset-0 z-50 overflow-y-auto dim p-4 sm:py-16" data-secret-moment>
            <section
                role="dialog"
                aria-modal="true"
                aria-labelledby="secret-title"
                aria-describedby="secret-text"
                class="mx-auto max-w-[640px] rounded-card border border-line bg-overlay shadow-over"
            >
                <div class="flex flex-wrap items-center gap-x-3 gap-y-1 px-6 pt-6">
                    <h2 id="secret-title" class="flex flex-1 items-center gap-2 text-h2 whitespace-nowrap">
                        <Icon name=IconName::Diamond class="size-4 text-info" />
                        {title}
                    </h2>
                    <p class="flex min-w-0 items-center gap-2">
                        <span class="truncate text-ink-2">{key_label}</span>
                        <EnvTag word=env live=live />
                    </p>
                </div>
                <div class="space-y-4 px-6 pt-2">
                    <p id="secret-text" class="text-ink-2">
                        {shown.about}
                    </p>
                    {(!public_key.is_empty())
                        .then(|| {
                            view! {
                                <div>
                                    <label class="mb-1.5 block font-medium" for="public-key">
                                        "Public key"
                                        <span class="font-normal text-ink-2">" (you can see this again)"</span>
                                    </label>
                                    <textarea id="public-key" class="control py-1.5 font-mono text-mono" rows="2" readonly spellcheck="false">
                                        {text_for_textarea(&public_key)}
                                    </textarea>
                                </div>
                            }
                        })}
                    <div>
                        <p class="mb-1.5 font-medium" aria-hidden="true">
                            {if shown.label == "API key" { "Secret key" } else { shown.label }}
                        </p>
                        <output
                            id="secret"
                            aria-label=shown.label
                            class="block rounded-control border border-control bg-surface px-3 py-2 font-mono text-secret break-all select-all"
                            tabindex="0"
                            autofocus
                            translate="no"
                        >
                            {secret}
                        </output>
                        <div class="mt-2 flex flex-wrap gap-2">
                            <CopyButton target="secret" />
                            <StoreGuard secret_id="secret" checkbox_id="stored" file_name=file_name variable=variable />
                        </div>
                    </div>
                    {children.map(|children| view! { <div>{children()}</div> })}
                </div>
                <form method="get" action=action class="mt-4 flex flex-wrap items-center justify-between gap-3 border-t border-line px-6 py-4">
                    <label class="flex min-h-8 items-center gap-2.5 font-medium">
                        <input type="checkbox" class="check" id="stored" required autocomplete="off" />
                        "I have stored it"
                    </label>
                    <Button kind=Kind::Solid>"Done"</Button>
                </form>
            </section>
        </div>
    }
}
