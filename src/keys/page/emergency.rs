//! The emergency: every key of a workspace, at once.

use leptos::prelude::*;

use crate::{
    accounts::{
        confirm::{Confirm, confirm},
        step_up::Action,
        viewer,
    },
    error::UiError,
    frame::{self, Head, Here, framed, loaded},
    keys::{policy, store},
    server::{
        error::AppError,
        page::{self, Answer},
    },
    ui::{
        dialog::{DialogBody, DialogFoot, DialogPage},
        form::{Field, FieldState},
        layout::{Crumb, Width},
        time::count,
    },
    workspaces::Role,
};

/// How many keys can be used or wait to be.
async fn load() -> Result<(Here, u64), UiError> {
    let viewer = viewer::with_any_role(&[Role::Admin])?;
    let here = frame::here()?;
    let state = page::state()?;
    let find = async {
        let mut reader = state.db.read().await?;
        let keys = store::count_alive(&mut reader, viewer.workspace_id(), here.now).await?;
        Ok(u64::try_from(keys).unwrap_or(0))
    };
    let keys = find.await.map_err(AppError::into_ui)?;
    Ok((here, keys))
}

#[component]
pub fn RevokeAllPage() -> impl IntoView {
    loaded(load(), |(here, keys)| revoke_all_page(&here, keys))
}

fn revoke_all_page(here: &Here, keys: u64) -> AnyView {
    let back = "/settings/workspace";
    let answer = Answer::here();
    let head = Head {
        heading: "Revoke every key".to_owned(),
        crumbs: vec![Crumb::new("Workspace", back)],
        span: frame::Span::All,
        width: Width::Form,
        ..Head::default()
    };
    if here.viewer.acting.is_some() {
        return framed(
            head,
            view! {
                <DialogPage title="Not an operator\u{2019}s to do" lead=policy::NOT_AN_OPERATORS>
                    <DialogFoot cancel=back cancel_label="Back to the workspace">
                        ""
                    </DialogFoot>
                </DialogPage>
            },
        );
    }
    let name = here
        .viewer
        .workspace
        .as_ref()
        .map_or_else(String::new, |workspace| workspace.name.clone());
    let lead = format!(
        "{} of all environments: refused from the next request on, and what waits is withdrawn. This can't be undone.",
        count(keys, "key", "keys")
    );
    let hint = format!("Type {name} to confirm which workspace you mean.");
    let failure = frame::failure(&answer);
    let typed = answer.value("name");
    let error = answer.error_at("name").unwrap_or_default();
    framed(
        head,
        view! {
            <DialogPage title=format!("Revoke every key of {name}?") lead=lead>
                <form method="post" action="/settings/workspace/revoke-all">
                    <DialogBody>
                        {failure}
                        <Field
                            label="Name of the workspace"
                            name="name"
                            hint=hint
                            required=true
                            autocomplete="off"
                            state=FieldState::new(typed).error(error)
                        />
                    </DialogBody>
                    {confirm(Confirm {
                        action: Action::RevokeAll,
                        what: format!("revoke every key of {name}"),
                        submit: "Revoke every key",
                        busy: "Revoking\u{2026}",
                        cancel: back.to_owned(),
                        kept: "",
                        danger: true,
                        dialog: true,
                    })}
                </form>
            </DialogPage>
        },
    )
}
