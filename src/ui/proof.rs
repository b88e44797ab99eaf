//! Proof that it is really the person, for one action that the block names. Its button is the action: proof and action are one
//! POST, and what comes back after a failure is the filled form without its secret.
//!
//! It stands inside the action's own form and sends `factor` (the way) and `proof` (what was typed). "Use another way" sends the
//! form with `other_factor=<way>` instead, so that nothing typed is lost and no script is needed.

use leptos::prelude::*;

use super::{
    button::{Button, Kind},
    form::{Field, FieldKind, FieldState},
};

/// A way to prove it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factor {
    Password,
    Pin,
    Code,
    /// Handed to the browser by a script of the page; the block only holds its button.
    Passkey,
}

impl Factor {
    /// What is sent as `factor` and `other_factor`.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Pin => "pin",
            Self::Code => "totp",
            Self::Passkey => "passkey",
        }
    }

    pub const fn word(self) -> &'static str {
        match self {
            Self::Password => "Password",
            Self::Pin => "PIN",
            Self::Code => "Code",
            Self::Passkey => "Passkey",
        }
    }

    const fn subject(self) -> &'static str {
        match self {
            Self::Password => "Your password authorises",
            Self::Pin => "Your PIN authorises",
            Self::Code => "Your code authorises",
            Self::Passkey => "Your passkey authorises",
        }
    }
}

/// The block.
#[component]
pub fn Proof(
    /// The one thing, as it follows "authorises one thing:": `create the Live key "Production POS" with 3 scopes`.
    #[prop(into)]
    action: String,
    factor: Factor,
    /// The other ways that the profile allows this person.
    #[prop(optional)]
    others: Vec<Factor>,
    /// "Create key".
    #[prop(into)]
    submit: String,
    /// "Creating…".
    #[prop(optional, into)]
    busy: String,
    /// Where Cancel leads. Without it there is none.
    #[prop(optional, into)]
    cancel: String,
    /// "That password isn't right. 3 tries left. Your key's details are kept."
    #[prop(optional, into)]
    error: String,
    /// The action destroys something.
    #[prop(optional)]
    danger: bool,
    /// The block ends a dialog: its foot is aligned right.
    #[prop(optional)]
    dialog: bool,
    /// What a passkey is asked for, as its challenge names it.
    #[prop(optional, into)]
    purpose: String,
    /// In place of the one button.
    #[prop(optional_no_strip)]
    buttons: Option<AnyView>,
) -> impl IntoView {
    let field = match factor {
        Factor::Password => Some(("Password", FieldKind::Password)),
        Factor::Pin => Some(("PIN", FieldKind::Pin)),
        Factor::Code => Some(("Code from your authenticator", FieldKind::Code)),
        Factor::Passkey => None,
    };
    let had_error = !error.is_empty();
    let field = match field {
        Some((label, kind)) => view! {
            <div class="max-w-72">
                <Field
                    label=label
                    name="proof"
                    kind=kind
                    required=true
                    autofocus=had_error
                    state=FieldState::default().error(error)
                />
            </div>
        }
        .into_any(),
        // The script of pages with a passkey fills the field before the form is sent.
        None => view! {
            <input type="hidden" name="proof" autocomplete="off" />
            <noscript>
                <p class="text-ink-2">"A passkey needs scripts. Use another way below."</p>
            </noscript>
            {had_error
                .then(|| view! { <p id="proof" tabindex="-1" class="text-small text-danger" role="alert">{error}</p> })}
            <p class="text-small text-danger" role="alert" data-passkey-problem hidden></p>
        }
        .into_any(),
    };
    let others = others
        .into_iter()
        .filter(|other| *other != factor)
        .map(|other| {
            view! {
                <button
                    type="submit"
                    class="link min-h-6"
                    name="other_factor"
                    value=other.id()
                    formnovalidate
                    data-dialog-stay
                >
                    {other.word()}
                </button>
            }
        })
        .collect::<Vec<_>>();
    let foot = if dialog {
        "mt-5 flex flex-wrap justify-end gap-2"
    } else {
        "mt-4 flex flex-wrap gap-2"
    };
    // Below a dialog's own title, or a section of its page like the others.
    let title = if dialog {
        view! {
            <h3 id="proof-title" class="font-semibold">
                "Confirm it\u{2019}s you."
            </h3>
        }
        .into_any()
    } else {
        view! {
            <h2 id="proof-title" class="font-semibold">
                "Confirm it\u{2019}s you."
            </h2>
        }
        .into_any()
    };
    let kind = if danger {
        Kind::DangerSolid
    } else {
        Kind::Solid
    };
    view! {
        <section data-proof data-purpose=purpose aria-labelledby="proof-title" class=if dialog { "px-6 pt-4 pb-6" } else { "card p-4" }>
            {title}
            <p class="mt-0.5 mb-4 text-ink-2">
                {factor.subject()} " one thing: " <em class="font-medium text-ink not-italic">{action}</em> "."
            </p>
            <input type="hidden" name="factor" value=factor.id() />
            {field}
            <div class=foot>
                {(!cancel.is_empty() && dialog)
                    .then(|| view! { <a class="btn btn-outline" href=cancel.clone() data-dialog-close>"Cancel"</a> })}
                {buttons.unwrap_or_else(|| view! { <Button kind=kind busy=busy>{submit}</Button> }.into_any())}
                {(!cancel.is_empty() && !dialog).then(|| view! { <a class="btn btn-ghost" href=cancel.clone()>"Cancel"</a> })}
            </div>
            {(!others.is_empty())
                .then(|| {
                    view! {
                        <p class="mt-3 flex flex-wrap items-center gap-x-3 text-small text-ink-2">
                            "Use another way:" {others}
                        </p>
                    }
                })}
        </section>
    }
}
