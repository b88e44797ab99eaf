//! Beginning to act in a workspace: why, and who sees it.

use leptos::prelude::*;

use super::{facts, reason};
use crate::{
    accounts::{
        confirm::{Confirm, confirm},
        step_up::Action,
        viewer,
    },
    admin::{ops, store::WorkspaceRow},
    error::UiError,
    frame::{self, Head, Here, Span, framed, loaded},
    server::{
        error::AppError,
        page::{self, Answer},
    },
    ui::{
        dialog::{DialogBody, DialogPage},
        layout::{Crumb, Width},
    },
};

/// The workspace of the page's address.
pub async fn load(id: String) -> Result<(Here, WorkspaceRow), UiError> {
    viewer::operator()?;
    let here = frame::here()?;
    let state = page::state()?;
    let read = async {
        let mut reader = state.db.read().await?;
        ops::named(&mut reader, &state, &id).await
    };
    let row = read.await.map_err(AppError::into_ui)?;
    Ok((here, row))
}

/// The head of a dialog about a workspace.
pub fn head(heading: &str, row: &WorkspaceRow) -> Head {
    Head {
        heading: heading.to_owned(),
        crumbs: vec![
            Crumb::new("Workspaces", "/admin"),
            Crumb::new(
                row.name.clone(),
                format!("/admin/workspaces/{}/act", row.id),
            ),
        ],
        span: Span::None,
        width: Width::Form,
        ..Head::default()
    }
}

#[component]
pub fn ActPage() -> impl IntoView {
    loaded(load(frame::path_id()), |(here, row)| act_page(&here, &row))
}

fn act_page(here: &Here, row: &WorkspaceRow) -> AnyView {
    let failure = frame::failure(&Answer::here());
    let proof = confirm(Confirm {
        action: Action::ActInWorkspace,
        what: format!("act in \u{201c}{}\u{201d} for 30 minutes", row.name),
        submit: "Start acting",
        busy: "Starting\u{2026}",
        cancel: "/admin".to_owned(),
        kept: "Your reason is kept.",
        danger: false,
        dialog: true,
    });
    let elsewhere = here.viewer.acting.is_some().then(
        || view! { <p class="text-ink-2">"What you do elsewhere as operator ends with it."</p> },
    );
    let title = format!("Act in \u{201c}{}\u{201d}?", row.name);
    let action = format!("/admin/workspaces/{}/act", row.id);
    let facts = facts(here, row);
    framed(
        Head {
            title: "Act in a workspace",
            ..head("Act in a workspace", row)
        },
        view! {
            <DialogPage
                title=title
                lead="For 30 minutes you see and manage it as an admin does. Secrets and approvals stay out of reach."
            >
                <form method="post" action=action>
                    <DialogBody>
                        {failure} {facts} {elsewhere}
                        {reason("A ticket\u{2019}s number will do. Its people see this while you act, and it stays in their audit record.")}
                    </DialogBody>
                    {proof}
                </form>
            </DialogPage>
        },
    )
}
