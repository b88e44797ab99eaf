//! The demo's letters, as their readers would get them. Nobody has to be signed in: some letters are how one gets in.

use leptos::prelude::*;
use leptos_meta::Title;

use super::{Kept, Standing, find, recent, render::render};
use crate::{
    error::{UiError, UiErrorKind},
    frame,
    server::{
        error::AppError,
        page::{self, parts},
        prefs,
        state::AppState,
    },
    ui::{
        badge::{Badge, Shape, Tone},
        empty_state::EmptyState,
        table::{Column, Row, Slot, Table},
        time::{ExactTime, RelativeTime, absolute},
    },
};

/// What the pages render with.
struct Desk {
    brand: String,
    home: String,
    now: i64,
    zone: String,
}

/// The state, in the demo; elsewhere these pages do not exist.
fn demo() -> Result<(AppState, Desk), UiError> {
    let state = page::state()?;
    if !state.config.demo {
        return Err(UiError::new(
            UiErrorKind::NotFound,
            "Nothing here that you can see.",
        ));
    }
    let desk = Desk {
        brand: state.profile.name.clone(),
        home: state.config.public_url.clone(),
        now: state.clock.now(),
        zone: parts().map_or_else(|| "UTC".to_owned(), |parts| prefs::zone(&parts.headers)),
    };
    Ok((state, desk))
}

#[component]
pub fn MailListPage() -> impl IntoView {
    let load = async {
        let (state, desk) = demo()?;
        let letters = recent(&state).await.map_err(AppError::into_ui)?;
        Ok((desk, letters))
    };
    frame::loaded(load, |(desk, letters)| list(&desk, letters))
}

#[component]
pub fn MailPage() -> impl IntoView {
    let id = frame::path_id();
    let load = async move {
        let (state, desk) = demo()?;
        let letter = find(&state, &id).await.map_err(AppError::into_ui)?;
        Ok((desk, letter))
    };
    frame::loaded(load, |(desk, letter)| one(&desk, letter))
}

fn around(title: &str, content: AnyView) -> AnyView {
    view! {
        <Title text=format!("{title} \u{b7} Mail of the demo") />
        <main id="main" class="mx-auto w-full max-w-[1120px] px-4 py-8 md:px-6">
            {content}
        </main>
    }
    .into_any()
}

fn badge(standing: Standing) -> AnyView {
    let (tone, shape, word) = match standing {
        Standing::Kept => (Tone::Neutral, Shape::Ring, "Kept here"),
        Standing::Waiting => (Tone::Info, Shape::Clock, "Waiting"),
        Standing::Again { .. } => (Tone::Warning, Shape::Clock, "Tried again"),
        Standing::Sent(_) => (Tone::Success, Shape::Disc, "Sent"),
        Standing::GivenUp => (Tone::Danger, Shape::Triangle, "Given up"),
    };
    view! { <Badge tone=tone shape=shape word=word /> }.into_any()
}

/// Its subject, or what is left of it.
fn subject(desk: &Desk, kept: &Kept) -> String {
    kept.letter.as_ref().map_or_else(
        || "Its text is wiped".to_owned(),
        |letter| render(letter, &desk.brand, &desk.home).subject,
    )
}

fn to(kept: &Kept) -> String {
    kept.letter
        .as_ref()
        .map_or_else(|| "\u{2013}".to_owned(), |letter| letter.to.clone())
}

fn list(desk: &Desk, letters: Vec<Kept>) -> AnyView {
    let content = if letters.is_empty() {
        view! { <EmptyState text="No letters yet. What the demo mails is kept here." /> }.into_any()
    } else {
        let columns = vec![
            Column::lead("Subject"),
            Column::new("To").slot(Slot::Fact),
            Column::new("State").slot(Slot::Badge),
            Column::new("When").slot(Slot::FactEnd),
        ];
        let rows = letters
            .into_iter()
            .map(|kept| Row {
                href: format!("/dev/mail/{}", kept.id),
                id: kept.id.clone(),
                select_label: String::new(),
                cells: vec![
                    view! { <span class="font-medium">{subject(desk, &kept)}</span> }.into_any(),
                    view! { <span class="break-all">{to(&kept)}</span> }.into_any(),
                    badge(kept.standing),
                    view! {
                        <span class="whitespace-nowrap">
                            <RelativeTime at=kept.created_at now=desk.now zone=desk.zone.clone() />
                        </span>
                    }
                    .into_any(),
                ],
                menu: None,
            })
            .collect();
        view! { <Table caption="Letters" columns=columns rows=rows /> }.into_any()
    };
    around(
        "Letters",
        view! {
            <h1 class="text-h1">"Mail of the demo"</h1>
            <p class="mt-1 mb-6 max-w-[68ch] text-ink-2">
                "The last 50 letters. Without a mail server they stay here; with one, the text of a letter is wiped once it is sent."
            </p>
            {content}
        }
        .into_any(),
    )
}

fn one(desk: &Desk, kept: Kept) -> AnyView {
    let heading = subject(desk, &kept);
    let standing = match kept.standing {
        Standing::Again { attempts, at } => format!(
            "Tried {attempts} {}, again at {}.",
            if attempts == 1 { "time" } else { "times" },
            absolute(at, &desk.zone)
        ),
        Standing::Sent(at) => format!("Sent at {}.", absolute(at, &desk.zone)),
        _ => String::new(),
    };
    let error = kept.last_error.clone().map(|error| {
        view! {
            <div>
                <dt class="text-ink-2">"Last error"</dt>
                <dd class="break-words">{error}</dd>
            </div>
        }
    });
    let both = kept.letter.as_ref().map(|letter| {
        let rendered = render(letter, &desk.brand, &desk.home);
        let link = letter.button.clone().map(|(words, link)| {
            view! {
                <p class="mt-3">
                    <a class="link" href=link>
                        {words}
                    </a>
                </p>
            }
        });
        view! {
            <div class="mt-6 grid gap-6 wide:grid-cols-2">
                <section class="min-w-0" aria-labelledby="as-html">
                    <h2 id="as-html" class="mb-2 text-h2">
                        "As HTML"
                    </h2>
                    <iframe
                        class="h-[640px] w-full rounded-card border border-line"
                        title="The letter as HTML"
                        src=format!("/dev/mail/{}/html", kept.id)
                        sandbox="allow-top-navigation-by-user-activation"
                    ></iframe>
                </section>
                <section class="min-w-0" aria-labelledby="as-text">
                    <h2 id="as-text" class="mb-2 text-h2">
                        "As plain text"
                    </h2>
                    <pre class="card p-4 font-mono text-mono break-words whitespace-pre-wrap">{rendered.text}</pre>
                    {link}
                </section>
            </div>
        }
    });
    around(
        "Letter",
        view! {
            <p class="text-small">
                <a class="link" href="/dev/mail">
                    "All letters"
                </a>
            </p>
            <h1 class="mt-2 text-h1 break-words">{heading}</h1>
            <dl class="mt-4 flex flex-wrap gap-x-8 gap-y-3">
                <div>
                    <dt class="text-ink-2">"To"</dt>
                    <dd class="break-all">{to(&kept)}</dd>
                </div>
                <div>
                    <dt class="text-ink-2">"Kept since"</dt>
                    <dd>
                        <ExactTime at=kept.created_at zone=desk.zone.clone() />
                    </dd>
                </div>
                <div>
                    <dt class="text-ink-2">"State"</dt>
                    <dd class="flex flex-wrap items-center gap-2">{badge(kept.standing)} {standing}</dd>
                </div>
                {error}
            </dl>
            {both}
        }
        .into_any(),
    )
}
