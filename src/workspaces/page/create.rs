//! The form for a new workspace; also where those arrive who belong to none.

use leptos::prelude::*;

use crate::{
    accounts::viewer,
    frame::{self, Head},
    server::page::Answer,
    ui::{
        button::{Button, Kind},
        form::{Field, FieldState},
        layout::Width,
    },
    workspaces::policy,
};

#[component]
pub fn NewWorkspacePage() -> impl IntoView {
    let answer = Answer::here();
    let first = viewer::optional().is_some_and(|viewer| viewer.workspaces.is_empty());
    let purpose = if first {
        "You belong to no workspace yet. Create one, or ask an admin of one to invite you."
    } else {
        "A workspace has its own keys, members, logs and audit record."
    };
    let error = answer.error_at("name").unwrap_or_default();
    frame::framed(
        Head {
            heading: "Create workspace".to_owned(),
            purpose,
            span: frame::Span::None,
            width: Width::Form,
            ..Head::default()
        },
        view! {
            {frame::failure(&answer)}
            <form method="post" action="/workspaces/new" class="card space-y-4 p-4">
                <Field
                    label="Name"
                    name="name"
                    hint="Its members see it. It can be changed later."
                    placeholder="Harbor Coffee"
                    required=true
                    autofocus=true
                    maxlength=u32::try_from(policy::MAX_NAME).ok()
                    state=FieldState::new(answer.value("name")).error(error)
                />
                <p class="text-small text-ink-2">"You become its owner."</p>
                <Button kind=Kind::Solid busy="Creating\u{2026}">
                    "Create workspace"
                </Button>
            </form>
        },
    )
}
