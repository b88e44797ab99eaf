//! Revoking, with its consequences named.

use leptos::prelude::*;

use super::plate;
use crate::keys::{api::revoke_consequences, types::Consequences};
use crate::{
    error::UiError,
    frame::{self, Head, Here, framed, loaded},
    server::page::Answer,
    ui::{
        badge::EnvTag,
        button::{Button, Kind, Size},
        dialog::{DialogBody, DialogFoot, DialogPage},
        form::{Field, FieldState},
        key_plate::KeyPlate,
        layout::{Crumb, Width},
        time::{count, relative},
    },
};

#[component]
pub fn RevokePage() -> impl IntoView {
    let id = frame::path_id();
    let load = async move {
        let here = frame::here()?;
        let consequences = revoke_consequences(id).await?;
        Ok::<_, UiError>((here, consequences))
    };
    loaded(load, |(here, consequences)| {
        revoke_page(&here, &consequences)
    })
}

fn revoke_page(here: &Here, consequences: &Consequences) -> AnyView {
    let answer = Answer::here();
    let info = &consequences.plate;
    let href = format!("/keys/{}", info.id);
    let requests = u64::try_from(consequences.requests_last_hour).unwrap_or(0);
    let addresses = u64::try_from(consequences.addresses_last_hour).unwrap_or(0);
    let used = match (requests, consequences.last_used_at) {
        (0, None) => "Never used.".to_owned(),
        (0, Some(at)) => format!("Last used {}.", relative(at, here.now, &here.zone)),
        _ => format!(
            "In use: {} in the last hour from {}. They get 401 from the next request on.",
            count(requests, "request", "requests"),
            count(addresses, "address", "addresses"),
        ),
    };
    let lead = format!("{used} This can't be undone.");
    let instead = consequences.may_disable.then(|| {
        view! {
            <p class="text-ink-2">
                <a class="link" href=format!("{href}/disable")>
                    "Disable"
                </a>
                " stops it just as fast and can be undone."
            </p>
        }
    });
    let failure = frame::failure(&answer);
    let shown = view! {
        <div class="flex items-center gap-3">
            <KeyPlate plate=plate(info) />
            <EnvTag word=info.environment_word.clone() live=info.live />
        </div>
    };
    let label = consequences.asks_for_label.then(|| {
        view! {
            <Field
                label="Label"
                name="label"
                hint=format!("Type {} to confirm which key you mean.", info.label)
                required=true
                autofocus=true
                state=FieldState::new(answer.value("label")).error(answer.error_at("label").unwrap_or_default())
            />
        }
    });
    framed(
        Head {
            heading: "Revoke key".to_owned(),
            crumbs: vec![
                Crumb::new("API keys", "/keys"),
                Crumb::new(info.label.clone(), href.clone()),
            ],
            span: frame::Span::Of(info.environment.clone()),
            width: Width::Form,
            ..Head::default()
        },
        view! {
            <DialogPage title=format!("Revoke \u{201c}{}\u{201d}?", info.label) lead=lead>
                <form method="post" action=format!("{href}/revoke")>
                    <DialogBody>
                        {failure}
                        {shown}
                        {instead}
                        {label}
                    </DialogBody>
                    <DialogFoot cancel=href.clone()>
                        <Button kind=Kind::DangerSolid size=Size::Normal busy="Revoking\u{2026}">
                            "Revoke key"
                        </Button>
                    </DialogFoot>
                </form>
            </DialogPage>
        },
    )
}
