//! What is done with one endpoint: a dialog each, with an address of its own.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::{Subject, secret};
use crate::{
    accounts::{
        confirm::{Confirm, confirm},
        step_up::Action,
    },
    error::{UiError, UiErrorKind},
    frame::{self, framed, loaded},
    server::{error::AppError, page::Answer},
    ui::{
        button::Kind,
        dialog::{DialogBody, DialogPage, Question, QuestionPage},
        form::{Choice, FieldState, Select},
        time::{absolute, count},
    },
    webhooks::{catalogue, log, ops, policy, post, types::EndpointState},
};

/// The dialog of a question about the endpoint; `body` is what is asked beside it.
fn ask(subject: &Subject, heading: &'static str, question: Question, body: AnyView) -> AnyView {
    let (failure, shown) = (frame::failure(&Answer::here()), subject.shown());
    framed(
        subject.head(heading),
        view! {
            <QuestionPage question=question about=subject.href()>
                {failure} {shown} {body}
            </QuestionPage>
        },
    )
}

fn nothing() -> AnyView {
    ().into_any()
}

#[component]
pub fn EnableEndpointPage() -> impl IntoView {
    let id = frame::path_id();
    let load = async move {
        let subject = Subject::load_for(&id, policy::STOPPERS).await?;
        let find = async {
            let mut reader = subject.state.db.read().await?;
            let row = &subject.row;
            Ok(log::store::count_not_got(
                &mut reader,
                &row.workspace_id,
                &row.id,
                0,
                subject.here.now,
            )
            .await?)
        };
        let missed = find.await.map_err(AppError::into_ui)?;
        Ok((subject, missed))
    };
    loaded(load, |(subject, missed)| {
        let missed = u64::try_from(missed).unwrap_or(0);
        let after = match missed {
            0 => String::new(),
            _ => format!(
                " {} meanwhile: they can be sent again afterwards.",
                count(
                    missed,
                    "event failed or was missed",
                    "events failed or were missed"
                )
            ),
        };
        ask(
            &subject,
            "Turn endpoint on",
            Question {
                title: format!("Turn \u{201c}{}\u{201d} on?", subject.name()),
                lead: format!("New events are sent to it from now on.{after}"),
                path: "enable",
                kind: Kind::Solid,
                submit: "Turn endpoint on",
                busy: "Turning on\u{2026}",
            },
            nothing(),
        )
    })
}

#[component]
pub fn DisableEndpointPage() -> impl IntoView {
    let id = frame::path_id();
    let load = async move { Subject::load_for(&id, policy::STOPPERS).await };
    loaded(load, |subject| {
        ask(
            &subject,
            "Disable endpoint",
            Question {
                title: format!("Disable \u{201c}{}\u{201d}?", subject.name()),
                lead: "Nothing is sent to it any more. What comes up meanwhile is kept as missed, and can be sent once it is on again.".to_owned(),
                path: "disable",
                kind: Kind::Solid,
                submit: "Disable endpoint",
                busy: "Stopping\u{2026}",
            },
            nothing(),
        )
    })
}

#[component]
pub fn RemoveEndpointPage() -> impl IntoView {
    let id = frame::path_id();
    let load = async move { Subject::load_for(&id, policy::STOPPERS).await };
    loaded(load, |subject| {
        let enabled = subject.row.state() == EndpointState::Enabled;
        let instead = if enabled {
            let href = format!("{}/disable", subject.href());
            view! {
                <p class="text-ink-2">
                    <a class="link" href=href>
                        "Disable"
                    </a>
                    " stops it just as fast and can be undone."
                </p>
            }
            .into_any()
        } else {
            nothing()
        };
        ask(
            &subject,
            "Remove endpoint",
            Question {
                title: format!("Remove \u{201c}{}\u{201d}?", subject.name()),
                lead: "Nothing is sent to it any more, and its secret is gone. What was delivered stays in the log. This can't be undone.".to_owned(),
                path: "remove",
                kind: Kind::DangerSolid,
                submit: "Remove endpoint",
                busy: "Removing\u{2026}",
            },
            instead,
        )
    })
}

/// Sending one event whose data is the catalogue's example.
#[component]
pub fn TestEventPage() -> impl IntoView {
    let id = frame::path_id();
    let load = async move { Subject::load_for(&id, policy::MAKERS).await };
    loaded(load, |subject| {
        let answer = Answer::here();
        let mut options: Vec<Choice> = catalogue::all(&subject.state.profile)
            .map(|kind| Choice::new(kind.id.clone(), kind.id.clone()))
            .collect();
        // The plainest comes first.
        options.sort_by_key(|choice| choice.value != ops::TEST);
        let state = FieldState::new(answer.value("type"))
            .error(answer.error_at("type").unwrap_or_default());
        let body = view! {
            <Select
                label="Event"
                name="type"
                hint="Signed and sent as any other, with sample data. It need not be one that the endpoint asked for."
                options=options
                state=state
            />
        };
        ask(
            &subject,
            "Send test event",
            Question {
                title: "Send a test event?".to_owned(),
                lead: "You then see what your server answers.".to_owned(),
                path: "test",
                kind: Kind::Solid,
                submit: "Send event",
                busy: "Sending\u{2026}",
            },
            body.into_any(),
        )
    })
}

/// Sending again all that an endpoint did not get.
#[component]
pub fn ReplayPage() -> impl IntoView {
    let id = frame::path_id();
    let asked = use_query_map().get_untracked().get("since");
    let load = async move {
        let subject = Subject::load_for(&id, policy::MAKERS).await?;
        if subject.row.state() != EndpointState::Enabled && Answer::here().error.is_none() {
            return Err(UiError::new(
                UiErrorKind::Conflict,
                "This endpoint is off. Turn it on first, then send again.",
            ));
        }
        let row = &subject.row;
        let counts = async {
            let now = subject.here.now;
            let mut reader = subject.state.db.read().await?;
            let mut counts = Vec::new();
            for (name, words) in choices(&subject, asked.as_deref()) {
                let since = post::since(&name, now).unwrap_or(0);
                let found =
                    log::store::count_not_got(&mut reader, &row.workspace_id, &row.id, since, now)
                        .await?;
                counts.push((name, words, u64::try_from(found).unwrap_or(0)));
            }
            Ok::<_, AppError>(counts)
        };
        let counts = counts.await.map_err(AppError::into_ui)?;
        Ok((subject, counts))
    };
    loaded(load, |(subject, counts)| {
        let answer = Answer::here();
        let options: Vec<Choice> = counts
            .iter()
            .map(|(name, words, found)| {
                Choice::new(
                    name.clone(),
                    format!("{words}: {}", count(*found, "event", "events")),
                )
            })
            .collect();
        // The shortest time that has something in it, unless one was chosen.
        let chosen = match answer.value("since") {
            sent if !sent.is_empty() => sent,
            _ => counts
                .iter()
                .find(|(.., found)| *found > 0)
                .map_or_else(String::new, |(name, ..)| name.clone()),
        };
        let state = FieldState::new(chosen).error(answer.error_at("since").unwrap_or_default());
        let body = view! { <Select label="Since" name="since" options=options state=state /> };
        ask(
            &subject,
            "Send again",
            Question {
                title: "Send again what failed or was missed?".to_owned(),
                lead: "Oldest first, with the ids that the events had. Your server may have seen some of them: it should know by the id.".to_owned(),
                path: "replay",
                kind: Kind::Solid,
                submit: "Send again",
                busy: "Starting\u{2026}",
            },
            body.into_any(),
        )
    })
}

/// Moments that are offered: the one that led here first.
fn choices(subject: &Subject, asked: Option<&str>) -> Vec<(String, String)> {
    let zone = &subject.here.zone;
    let named = asked
        .and_then(|text| text.parse::<i64>().ok())
        .filter(|at| (1..=subject.here.now).contains(at))
        .map(|at| (at.to_string(), format!("Since {}", absolute(at, zone))));
    let offered = post::SINCE
        .iter()
        .map(|(name, _, words)| ((*name).to_owned(), (*words).to_owned()));
    named
        .into_iter()
        .chain(offered)
        .chain([("all".to_owned(), "All that is kept".to_owned())])
        .collect()
}

/// A new secret beside the old one, for a day.
#[component]
pub fn RotateEndpointPage() -> impl IntoView {
    let id = frame::path_id();
    let answer = Answer::here();
    let load = async move {
        let subject = Subject::load_for(&id, policy::MAKERS).await?;
        Ok((subject, answer))
    };
    loaded(load, |(subject, answer)| match answer.signing() {
        Some(made) => secret::shown(&subject, made),
        None => rotate_page(&subject, &answer),
    })
}

fn rotate_page(subject: &Subject, answer: &Answer) -> AnyView {
    let href = subject.href();
    let form = match answer.value("form") {
        sent if !sent.is_empty() => sent,
        _ => subject.state.rng.id("drf", subject.here.now),
    };
    let (failure, shown) = (frame::failure(answer), subject.shown());
    let proof = confirm(Confirm {
        action: Action::RotateWebhook,
        what: format!(
            "give the endpoint \u{201c}{}\u{201d} a new secret",
            subject.name()
        ),
        submit: "Rotate secret",
        busy: "Rotating\u{2026}",
        cancel: href.clone(),
        kept: "",
        danger: false,
        dialog: true,
    });
    framed(
        subject.head("Rotate secret"),
        view! {
            <DialogPage
                title=format!("Rotate the secret of \u{201c}{}\u{201d}?", subject.name())
                lead="For 24 hours every event carries two signatures, of the old secret and the new: your server goes on verifying while you change it."
            >
                <form method="post" action=format!("{href}/rotate")>
                    <input type="hidden" name="form" value=form />
                    <DialogBody>{failure} {shown}</DialogBody>
                    {proof}
                </form>
            </DialogPage>
        },
    )
}
