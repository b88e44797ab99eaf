//! Giving a key a new secret: the question, and the one sight of what came of it.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::{
    one::{self, Subject},
    pair::HandIn,
    secret,
};
use crate::{
    accounts::{
        confirm::{Confirm, confirm},
        step_up::Action,
    },
    frame::{self, framed, loaded},
    keys::{ops, pair},
    server::{error::AppError, page::Answer},
    ui::{
        dialog::{DialogBody, DialogPage},
        form::{Choice, FieldState},
        segmented::SegmentedRadios,
    },
};

/// Hours that are offered, as far as the profile lets an old secret go on; with it, the longest that it allows.
const OVERLAPS: [u32; 4] = [0, 1, 6, 24];

fn offered(max: u32) -> Vec<u32> {
    let mut hours: Vec<u32> = OVERLAPS.into_iter().filter(|hours| *hours <= max).collect();
    if hours.last() != Some(&max) {
        hours.push(max);
    }
    hours
}

#[component]
pub fn RotatePage() -> impl IntoView {
    let id = frame::path_id();
    let answer = Answer::here();
    let asked = use_query_map().get_untracked().get("overlap");
    let load = async move {
        let subject = Subject::managed(&id).await?;
        let shown_at = if answer.key().is_some() {
            one::secrets(&subject).await?.first().map(|s| s.created_at)
        } else {
            // A refused form says why itself.
            if answer.error.is_none() {
                ops::rotatable(&subject.key, subject.here.now).map_err(AppError::into_ui)?;
            }
            None
        };
        let read = async {
            let mut reader = subject.state.db.read().await?;
            ops::handed_in(&mut reader, &subject.key).await
        };
        let handed_in = read.await.map_err(AppError::into_ui)?.is_some();
        Ok((subject, shown_at, handed_in, answer))
    };
    loaded(
        load,
        move |(subject, shown_at, handed_in, answer)| match answer.key() {
            Some(made) => {
                let at = shown_at.unwrap_or(subject.here.now);
                secret::shown(&subject.state, &subject.here, Some(made), &subject.key, at)
            }
            None => question(&subject, handed_in, &answer, asked.as_deref()),
        },
    )
}

fn question(subject: &Subject, handed_in: bool, answer: &Answer, asked: Option<&str>) -> AnyView {
    let href = subject.href();
    let state = &subject.state;
    let form = match answer.value("form") {
        sent if !sent.is_empty() => sent,
        _ => state.rng.id("drf", state.clock.now()),
    };
    let hours = offered(state.profile.rotation.max_overlap_hours);
    let sent = answer.value("overlap");
    let chosen = [Some(sent.as_str()), asked]
        .into_iter()
        .flatten()
        .find_map(|text| text.parse().ok().filter(|chosen| hours.contains(chosen)))
        .or_else(|| hours.iter().copied().rfind(|hours| *hours <= 24))
        .unwrap_or(0);
    let error = answer.error_at("overlap").unwrap_or_default();
    // Of a pair whose public key was handed in, that key is the one that goes.
    let (old, new, lead) = if handed_in {
        (
            "The old public key keeps working for",
            "a new public key",
            "Same key, same permissions, another pair. Both halves are new; the private one stays with you.",
        )
    } else {
        (
            "The old secret keeps working for",
            "a new secret",
            "Same key, same permissions, new secret. It is shown once: have your secret store open.",
        )
    };
    let half = handed_in.then(|| {
        let typed = pair::kept(&answer.value("public_key"));
        let state = FieldState::new(typed).error(answer.error_at("public_key").unwrap_or_default());
        view! { <HandIn state=state /> }
    });
    let overlap = if hours.len() > 1 {
        let options = hours
            .iter()
            .map(|hours| Choice::new(hours.to_string(), format!("{hours} h")))
            .collect();
        view! {
            <div id="overlap" tabindex="-1" class="space-y-2">
                <SegmentedRadios
                    legend=old
                    name="overlap"
                    options=options
                    value=chosen.to_string()
                />
                {(!error.is_empty()).then(|| view! { <p class="text-small text-danger">{error}</p> })}
                <p class="text-ink-2">
                    "Limits and today's amounts carry over. Suspect a leak? Choose " <em>"0 h"</em>
                    ": the old one stops now."
                </p>
            </div>
        }
        .into_any()
    } else {
        view! {
            <input type="hidden" name="overlap" value="0" />
            <p>"Here the old secret stops at once: what still uses it gets 401 from the next request on."</p>
            <p class="text-ink-2">"Limits and today's amounts carry over."</p>
        }
        .into_any()
    };
    let (failure, shown) = (frame::failure(answer), subject.shown());
    let proof = confirm(Confirm {
        action: Action::RotateKey,
        what: format!(
            "give the {} key \u{201c}{}\u{201d} {new}",
            subject.plate.environment_word, subject.key.label,
        ),
        submit: "Rotate key",
        busy: "Rotating\u{2026}",
        cancel: href.clone(),
        kept: "",
        danger: false,
        dialog: true,
    });
    framed(
        subject.head("Rotate key"),
        view! {
            <DialogPage
                title=format!("Rotate \u{201c}{}\u{201d}?", subject.key.label)
                lead=lead
            >
                <form method="post" action=format!("{href}/rotate")>
                    <input type="hidden" name="form" value=form />
                    <DialogBody>{failure} {shown} {half} {overlap}</DialogBody>
                    {proof}
                </form>
            </DialogPage>
        },
    )
}

#[cfg(test)]
mod tests {
    use super::offered;

    #[test]
    fn no_longer_overlap_is_offered_than_the_profile_allows() {
        assert_eq!(offered(0), [0]);
        assert_eq!(offered(6), [0, 1, 6]);
        assert_eq!(offered(12), [0, 1, 6, 12]);
        assert_eq!(offered(24), [0, 1, 6, 24]);
        assert_eq!(offered(72), [0, 1, 6, 24, 72]);
    }
}
