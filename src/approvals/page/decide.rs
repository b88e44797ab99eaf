//! The foot of a request: the decision, or why there is none to make.

use leptos::prelude::*;

use super::{HERE, detail::Detail, either};
use crate::{
    accounts::{
        confirm::{Confirm, confirm_with},
        step_up::Action,
    },
    approvals::{
        ops::MAX_REASON,
        policy::{self, Standing},
    },
    server::{clock::DAY, page::Answer},
    ui::{
        button::{Button, Kind, LinkButton},
        form::{FieldState, TextArea},
        time::{absolute, hour, relative},
    },
    workspaces::Role,
};

pub(super) fn foot(detail: &Detail) -> AnyView {
    if detail.row.outcome(detail.here.now).is_some() {
        return over(detail);
    }
    match detail.standing {
        Ok(Standing::Second) => decision(detail, false),
        Ok(Standing::Alone) => decision(detail, true),
        Err(reason) if detail.is_mine() => own(detail, reason),
        Err(reason) => {
            let words = if reason == policy::NO_CHECKER && !detail.checkers.is_empty() {
                format!("{} can decide this.", either(&detail.checkers, " or "))
            } else {
                reason.to_owned()
            };
            panel("It waits for a decision", view! { <p>{words}</p> })
        }
    }
}

fn panel(title: impl Into<String>, content: impl IntoAny) -> AnyView {
    let (title, content) = (title.into(), content.into_any());
    view! {
        <section class="card space-y-3 p-4" aria-labelledby="decision">
            <h2 id="decision" class="text-h2">
                {title}
            </h2>
            {content}
        </section>
    }
    .into_any()
}

/// One form for both decisions: they are about the same content and need the same factor, and the button says which it
/// is. A reason that was typed goes with a rejection alone, so that Enter approves nothing that was meant to be rejected.
fn decision(detail: &Detail, alone: bool) -> AnyView {
    let answer = Answer::here();
    let mut reason = FieldState::new(answer.value("reason"));
    if let Some(error) = answer.error_at("reason") {
        reason = reason.error(error);
    }
    let hint = if alone {
        "You are alone here, so you may agree to your own request. Say why; it is kept and marked as your own approval."
            .to_owned()
    } else {
        format!(
            "Needed to reject. {} sees this. Say what would make it acceptable.",
            detail.maker()
        )
    };
    let reject = (!alone).then(|| {
        view! {
            <Button name="decision" value="reject" busy="Rejecting\u{2026}">
                "Reject request"
            </Button>
        }
    });
    let buttons = view! {
        <Button kind=Kind::Solid name="decision" value="approve" busy="Approving\u{2026}">
            "Approve request"
        </Button>
        {reject}
    };
    let what = if alone {
        "the approval of your own request, exactly as it stands here"
    } else {
        "your decision about exactly what stands here"
    };
    let proof = confirm_with(
        Confirm {
            action: if alone {
                Action::ApproveOwn
            } else {
                Action::Decide
            },
            what: what.to_owned(),
            submit: "Approve request",
            busy: "Approving\u{2026}",
            cancel: HERE.to_owned(),
            kept: "Your reason is kept.",
            danger: false,
            dialog: false,
        },
        buttons.into_any(),
    );
    let withdraw = alone.then(|| view! { <div class="mt-3">{withdraw(detail)}</div> });
    view! {
        <section aria-label="Decision">
            <form method="post" action=detail.path() class="space-y-4">
                <input type="hidden" name="content" value=detail.row.content() />
                <TextArea
                    label="Reason"
                    name="reason"
                    hint=hint
                    rows=3
                    required=alone
                    maxlength=u32::try_from(MAX_REASON).ok()
                    state=reason
                />
                {proof}
            </form>
            {withdraw}
        </section>
    }
    .into_any()
}

fn withdraw(detail: &Detail) -> AnyView {
    view! {
        <form method="post" action=format!("{}/withdraw", detail.path())>
            <Button kind=Kind::Danger busy="Withdrawing\u{2026}">
                "Withdraw"
            </Button>
        </form>
    }
    .into_any()
}

/// One's own request, about which somebody else decides.
fn own(detail: &Detail, reason: &'static str) -> AnyView {
    let (row, here) = (&detail.row, &detail.here);
    let withdraw = withdraw(detail);
    if reason != policy::OWN {
        let set_up = (reason == policy::OWN_NEEDS_FACTOR).then(|| {
            view! {
                <LinkButton href=format!("/settings/security?next={}", detail.path()) kind=Kind::Solid>
                    "Security settings"
                </LinkButton>
            }
        });
        let invite = (reason == policy::OWN_FORBIDDEN).then(invite);
        return panel(
            "You are alone here",
            view! {
                <p>{reason}</p>
                <div class="flex flex-wrap gap-2">{set_up} {invite} {withdraw}</div>
            },
        );
    }
    if detail.checkers.is_empty() {
        let words = if here.viewer.has(Role::Checker) {
            "You are the only checker, and nobody approves their own."
        } else {
            "No member is a checker yet."
        };
        let help = if here.viewer.has(Role::Admin) {
            invite()
        } else {
            view! { <LinkButton href="/members">"Ask an admin"</LinkButton> }.into_any()
        };
        return panel(
            "Nobody here can approve this.",
            view! {
                <p>{words}</p>
                <div class="flex flex-wrap gap-2">{help} {withdraw}</div>
            },
        );
    }
    let reminded = row
        .reminded_at
        .filter(|at| here.now - at < DAY)
        .map(|at| {
            format!(
                "They were reminded {}. Once a day is enough.",
                relative(at, here.now, &here.zone)
            )
        })
        .unwrap_or_default();
    let remind = (row.requested_by == here.viewer.user_id).then(|| {
        view! {
            <form method="post" action=format!("{}/remind", detail.path())>
                <Button busy="Reminding\u{2026}" disabled_because=reminded>
                    "Remind them"
                </Button>
            </form>
        }
    });
    let words = format!(
        "You asked for it at {}; a second person has to agree. {} can. It lapses on {}.",
        hour(row.requested_at, &here.zone),
        either(&detail.checkers, " or "),
        absolute(row.lapses_at, &here.zone)
    );
    panel(
        "You can\u{2019}t approve your own request.",
        view! {
            <p>{words}</p>
            <div class="flex flex-wrap items-start gap-2">{remind} {withdraw}</div>
        },
    )
}

fn invite() -> AnyView {
    view! { <LinkButton href="/members/invite">"Invite a checker"</LinkButton> }.into_any()
}

/// What became of it, and what can be done about that.
fn over(detail: &Detail) -> AnyView {
    let (row, here) = (&detail.row, &detail.here);
    let (maker, decider) = (detail.maker(), row.decider.as_deref().unwrap_or("Somebody"));
    let at = row.decided_at.unwrap_or(row.lapses_at);
    let ago = relative(at, here.now, &here.zone);
    let (title, words) = match row.outcome(here.now) {
        Some("approved") => {
            let mut words = if row.own {
                format!("{decider} was alone here and approved their own request.")
            } else {
                format!("{maker} was told.")
            };
            if detail.is_unrevealed() {
                words.push_str(
                    " The secret is made when it is revealed; until then the approval can be taken back.",
                );
            }
            (format!("{decider} approved this {ago}."), words)
        }
        Some("rejected") => (
            format!("{decider} rejected this {ago}."),
            format!("{maker} was told why."),
        ),
        Some("withdrawn") => (
            format!("{maker} withdrew this at {}.", hour(at, &here.zone)),
            "There is nothing to decide.".to_owned(),
        ),
        Some("lapsed") => (
            "Nobody decided this in time.".to_owned(),
            format!("It lapsed {ago}. There is nothing to decide."),
        ),
        _ => (
            "This is void.".to_owned(),
            "What it stood on has changed. There is nothing to decide.".to_owned(),
        ),
    };
    let reason = row.reason.as_ref().map(|reason| {
        view! { <p class="whitespace-pre-line wrap-anywhere">{format!("\u{201c}{reason}\u{201d}")}</p> }
    });
    let again = (row.kind == "new_key"
        && row.requested_by == here.viewer.user_id
        && matches!(
            row.outcome(here.now),
            Some("rejected" | "lapsed" | "withdrawn")
        ))
    .then(|| {
        view! {
            <LinkButton href=format!("/keys/new?again={}", row.id) kind=Kind::Solid>
                "Change and send again"
            </LinkButton>
        }
    });
    let reveal = (row.outcome.as_deref() == Some("approved")
        && detail.is_unrevealed()
        && detail.key.as_ref().and_then(|key| key.owner_id.as_deref())
            == Some(&here.viewer.user_id))
    .then(|| {
        view! {
            <LinkButton href=format!("/keys/{}/reveal", row.subject_id) kind=Kind::Solid>
                "Reveal the key"
            </LinkButton>
        }
    });
    let take_back = (row.outcome.as_deref() == Some("approved")
        && detail.is_unrevealed()
        && detail.standing.is_ok())
    .then(|| {
        view! {
            <form method="post" action=format!("{}/take-back", detail.path())>
                <Button busy="Taking back\u{2026}">"Take back"</Button>
            </form>
        }
    });
    let next = detail.next.first().map(|first| {
        view! {
            <p>
                <a class="link" href=format!("{HERE}/{first}")>
                    {format!("Next: {} more", detail.next.len())}
                </a>
            </p>
        }
    });
    let key = (row.environment.is_some() && detail.key.is_some()).then(|| {
        view! { <LinkButton href=format!("/keys/{}", row.subject_id)>"See the key"</LinkButton> }
    });
    panel(
        title,
        view! {
            <p>{words}</p>
            {reason}
            <div class="flex flex-wrap gap-2">{again} {reveal} {take_back} {key}</div>
            {next}
        },
    )
}
