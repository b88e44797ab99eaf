//! Suspending a workspace, and lifting that.

use leptos::prelude::*;

use super::{
    act::{head, load},
    facts, reason,
};
use crate::{
    accounts::{
        confirm::{Confirm, confirm},
        step_up::Action,
    },
    admin::store::WorkspaceRow,
    frame::{self, Head, Here, framed, loaded},
    server::page::Answer,
    ui::{
        dialog::{DialogBody, DialogFoot, DialogPage},
        time::count,
    },
};

#[component]
pub fn SuspendPage() -> impl IntoView {
    loaded(load(frame::path_id()), |(here, row)| {
        dialog(&here, &row, true)
    })
}

#[component]
pub fn RestorePage() -> impl IntoView {
    loaded(load(frame::path_id()), |(here, row)| {
        dialog(&here, &row, false)
    })
}

fn dialog(here: &Here, row: &WorkspaceRow, suspend: bool) -> AnyView {
    let keys = count(
        u64::try_from(row.active_keys).unwrap_or(0),
        "active key",
        "active keys",
    );
    let (path, title, lead) = if suspend {
        (
            "suspend",
            format!("Suspend \u{201c}{}\u{201d}?", row.name),
            format!(
                "Its {keys} get 403 from the next request on, and none can be made. It can be lifted."
            ),
        )
    } else {
        (
            "restore",
            format!("Lift the suspension of \u{201c}{}\u{201d}?", row.name),
            format!("Its {keys} work again from the next request on."),
        )
    };
    let head = Head {
        title: if suspend {
            "Suspend a workspace"
        } else {
            "Lift a suspension"
        },
        ..head(
            if suspend {
                "Suspend workspace"
            } else {
                "Lift suspension"
            },
            row,
        )
    };
    if suspend == row.suspended_at.is_some() {
        let words = if suspend {
            "It is suspended already."
        } else {
            "It is not suspended."
        };
        return framed(
            head,
            view! {
                <DialogPage title=title>
                    <DialogBody>
                        <p>{words}</p>
                    </DialogBody>
                    <DialogFoot cancel="/admin" cancel_label="Back">
                        ""
                    </DialogFoot>
                </DialogPage>
            },
        );
    }
    let failure = frame::failure(&Answer::here());
    let proof = confirm(Confirm {
        action: Action::SuspendWorkspace,
        what: if suspend {
            format!("suspend \u{201c}{}\u{201d}", row.name)
        } else {
            format!("lift the suspension of \u{201c}{}\u{201d}", row.name)
        },
        submit: if suspend {
            "Suspend workspace"
        } else {
            "Lift suspension"
        },
        busy: if suspend {
            "Suspending\u{2026}"
        } else {
            "Lifting\u{2026}"
        },
        cancel: "/admin".to_owned(),
        kept: "Your reason is kept.",
        danger: suspend,
        dialog: true,
    });
    let action = format!("/admin/workspaces/{}/{path}", row.id);
    let facts = facts(here, row);
    framed(
        head,
        view! {
            <DialogPage title=title lead=lead>
                <form method="post" action=action>
                    <DialogBody>
                        {failure} {facts}
                        {reason("Its owners are told this, and it stays in the workspace\u{2019}s audit record.")}
                    </DialogBody>
                    {proof}
                </form>
            </DialogPage>
        },
    )
}
