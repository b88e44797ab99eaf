//! Toasts: what was done, with one undo or link. Never an error and never the only record. The page's script takes them away after
//! six seconds, and waits while the pointer or the focus is on them; without scripts they stay until the next page.

use leptos::prelude::*;

use super::icon::{Icon, IconName};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Toast {
    pub text: String,
    pub action: Option<ToastAction>,
}

/// `post` makes it a form with one button: an undo.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToastAction {
    pub label: String,
    pub href: String,
    pub post: bool,
}

/// The region; it is on every page, so that what is put into it later is read out.
#[component]
pub fn Toasts(#[prop(optional)] toasts: Vec<Toast>) -> impl IntoView {
    let toasts = toasts
        .into_iter()
        .map(|toast| {
            let action = toast.action.map(|action| {
                if action.post {
                    view! {
                        <form method="post" action=action.href>
                            <button type="submit" class="link min-h-6 font-medium">
                                {action.label}
                            </button>
                        </form>
                    }
                    .into_any()
                } else {
                    view! {
                        <a class="link font-medium" href=action.href>
                            {action.label}
                        </a>
                    }
                    .into_any()
                }
            });
            view! {
                <div
                    class="toast pointer-events-auto flex items-center gap-3 rounded-card border border-line bg-overlay py-2.5 pr-2 pl-3 shadow-over"
                    data-toast
                >
                    <Icon name=IconName::Check class="size-4 text-success" />
                    <p class="min-w-0 flex-1">{toast.text}</p>
                    {action}
                    <button type="button" class="btn btn-ghost btn-row btn-icon needs-script" data-toast-close aria-label="Dismiss">
                        <Icon name=IconName::Close class="size-3.5" />
                    </button>
                </div>
            }
        })
        .collect_view();
    view! {
        <div
            class="toasts pointer-events-none fixed inset-x-4 bottom-4 z-50 flex flex-col gap-2 sm:left-auto sm:w-96"
            role="status"
            aria-live="polite"
        >
            {toasts}
        </div>
    }
}
