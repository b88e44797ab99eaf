//! The one sight of a signing secret, and what stands there once it has been seen.

use leptos::prelude::*;

use super::Subject;
use crate::{
    frame::{self, Head, framed},
    keys::samples,
    ui::{
        button::{Kind, LinkButton},
        layout::{Crumb, Width},
        secret_panel::{SecretPanel, Shown},
    },
    webhooks::ops::Made,
};

/// What was made, or that it was made and shown before.
pub(super) fn shown(subject: &Subject, made: &Made) -> AnyView {
    match made {
        Made::Shown { secret, .. } => moment(subject, secret),
        Made::Public { .. } | Made::Before { .. } => already(subject),
    }
}

fn head(subject: &Subject, heading: &'static str) -> Head {
    let environment = subject.row.environment.clone();
    Head {
        heading: heading.to_owned(),
        crumbs: vec![Crumb::new(
            "Webhooks",
            format!("/webhooks?env={environment}"),
        )],
        span: frame::Span::Of(environment),
        width: Width::Form,
        ..Head::default()
    }
}

/// Behind it lies the endpoint's page, where Done leads.
fn moment(subject: &Subject, secret: &str) -> AnyView {
    let profile = &subject.state.profile;
    let environment = profile.environment(&subject.row.environment);
    let word = environment.map_or_else(|| subject.row.environment.clone(), |e| e.word.clone());
    let variable = samples::variable(profile).replace("_API_KEY", "_WEBHOOK_SECRET");
    framed(
        head(subject, "Signing secret"),
        view! {
            <SecretPanel
                title="Copy the signing secret now"
                key_label=subject.name()
                env=word
                live=environment.is_none_or(|environment| environment.live)
                secret=secret.to_owned()
                variable=variable
                shown=Shown {
                    label: "Signing secret",
                    about: "Your server verifies with it that an event came from here. This is the only time it is shown. Lost it? Rotate: the old one goes on for a day beside the new.",
                }
                action=subject.href()
            >
                <p class="text-ink-2">
                    "Next: send a test event from the endpoint's page and see what your server answers."
                </p>
            </SecretPanel>
        },
    )
}

fn already(subject: &Subject) -> AnyView {
    let href = subject.href();
    framed(
        head(subject, "Already shown"),
        view! {
            <section class="card space-y-4 p-4">
                {subject.shown()}
                <p>"This secret was shown when the form was first sent, and can't be shown again."</p>
                <p class="text-ink-2">
                    "If it was not stored, rotate it: the old one goes on for a day beside the new."
                </p>
                <div class="flex flex-wrap gap-2">
                    <LinkButton href=format!("{href}/rotate") kind=Kind::Outline dialog=true>
                        "Rotate secret"
                    </LinkButton>
                    <LinkButton href=href kind=Kind::Solid>
                        "Back to endpoint"
                    </LinkButton>
                </div>
            </section>
        },
    )
}
