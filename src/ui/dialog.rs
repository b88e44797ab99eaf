//! A dialog with an address: a page of 560 px, which a link marked `dialog` opens over the current page when scripts are on.
//!
//! The form in it names its `action`, as it may be sent from any page.
//!
//! A panel with islands in it is not opened over a page, as nothing would wake them there: the link is then simply followed.

use leptos::prelude::*;

use super::button::{Button, Kind};

/// The page. Its children are a form (or nothing but text) made of a [`DialogBody`] and a [`DialogFoot`].
#[component]
pub fn DialogPage(
    /// The question: "Revoke “Production POS”?"
    #[prop(into)]
    title: String,
    /// A sentence below it.
    #[prop(optional, into)]
    lead: String,
    children: Children,
) -> impl IntoView {
    view! {
        <section
            data-dialog-panel
            aria-labelledby="dialog-title"
            class="mx-auto w-full max-w-[560px] rounded-card border border-line bg-surface"
        >
            <header class="px-6 pt-6">
                <h2 id="dialog-title" tabindex="-1" class="text-h2 outline-none!">
                    {title}
                </h2>
                {(!lead.is_empty()).then(|| view! { <p class="mt-1 text-ink-2">{lead}</p> })}
            </header>
            {children()}
        </section>
    }
}

/// What stands between title and foot; fields are set apart by themselves.
#[component]
pub fn DialogBody(children: Children) -> impl IntoView {
    view! { <div class="space-y-4 px-6 pt-4 empty:hidden">{children()}</div> }
}

/// Cancel, then the action, at the right.
#[component]
pub fn DialogFoot(
    /// Where Cancel leads; with scripts it closes the dialog.
    #[prop(into)]
    cancel: String,
    /// "Cancel", if absent.
    #[prop(optional, into)]
    cancel_label: String,
    children: Children,
) -> impl IntoView {
    let label = if cancel_label.is_empty() {
        "Cancel".to_owned()
    } else {
        cancel_label
    };
    view! {
        <footer class="flex flex-wrap justify-end gap-2 p-6 *:max-sm:flex-1">
            <a class="btn btn-outline" href=cancel data-dialog-close>
                {label}
            </a>
            {children()}
        </footer>
    }
}

/// What one button answers.
pub struct Question {
    /// "Disable “Production POS”?"
    pub title: String,
    /// A sentence below it.
    pub lead: String,
    /// Where the form is sent, below the address of what is asked about.
    pub path: &'static str,
    pub kind: Kind,
    /// "Disable key".
    pub submit: &'static str,
    /// "Stopping…".
    pub busy: &'static str,
}

/// A dialog of nothing but a question; its children stand between title and foot.
#[component]
pub fn QuestionPage(
    question: Question,
    /// The page of what is asked about, where Cancel leads.
    #[prop(into)]
    about: String,
    children: Children,
) -> impl IntoView {
    let action = format!("{about}/{}", question.path);
    view! {
        <DialogPage title=question.title lead=question.lead>
            <form method="post" action=action>
                <DialogBody>{children()}</DialogBody>
                <DialogFoot cancel=about>
                    <Button kind=question.kind busy=question.busy>
                        {question.submit}
                    </Button>
                </DialogFoot>
            </form>
        </DialogPage>
    }
}
