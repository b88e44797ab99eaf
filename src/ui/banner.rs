//! Banners: what matters on every page, below the top bar. Two at most; the others are folded behind "2 more".

use leptos::prelude::*;

use super::{
    badge::Tone,
    button::{Button, Kind, Size},
    icon::{Icon, IconName},
};

/// Build them in their order: operator acting here, workspace suspended, audit chain broken, announcement, live locked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Banner {
    pub tone: Tone,
    /// In bold.
    pub lead: String,
    pub text: String,
    pub link: Option<(String, String)>,
}

/// What somebody sees who acts as operator: where, until when, why, and the button that ends it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActingBar {
    /// In bold.
    pub lead: String,
    pub reason: String,
    /// Where the button's form is sent.
    pub end: String,
}

/// Stands in the sticky head of the page and is 44 px high there; below 768 px it wraps.
#[component]
pub fn ActingBarView(bar: ActingBar) -> impl IntoView {
    let title = bar.reason.clone();
    view! {
        <section aria-label="Acting as operator" class="border-t border-line bg-warning-soft text-ink">
            <form
                method="post"
                action=bar.end
                class="flex items-start gap-2.5 px-4 py-2 md:h-11 md:items-center md:px-6 md:py-0"
            >
                <Icon name=IconName::Operator class="mt-0.5 size-4 text-warning md:mt-0" />
                <p class="min-w-0 flex-1 wrap-anywhere md:truncate" title=title>
                    <strong class="font-semibold">{bar.lead}</strong>
                    " "
                    {bar.reason}
                </p>
                <Button kind=Kind::Outline size=Size::Row busy="Stopping\u{2026}">
                    "Stop acting"
                </Button>
            </form>
        </section>
    }
}

/// One banner; it also serves inside a page, as a card.
#[component]
pub fn BannerView(banner: Banner, #[prop(optional)] card: bool) -> impl IntoView {
    let icon = match banner.tone {
        Tone::Warning | Tone::Danger => IconName::Warning,
        Tone::Success => IconName::Check,
        Tone::Info | Tone::Neutral => IconName::Info,
    };
    let (ground, mark) = match banner.tone {
        Tone::Neutral => ("bg-neutral-soft", "text-ink-2"),
        Tone::Success => ("bg-success-soft", "text-success"),
        Tone::Info => ("bg-info-soft", "text-info"),
        Tone::Warning => ("bg-warning-soft", "text-warning"),
        Tone::Danger => ("bg-danger-soft", "text-danger"),
    };
    let shape = if card {
        "rounded-card p-4"
    } else {
        "px-4 py-2.5 md:px-6"
    };
    view! {
        <div class=format!("flex gap-2.5 text-ink {ground} {shape}")>
            <Icon name=icon class=format!("mt-0.5 size-4 {mark}") />
            <p class="min-w-0">
                <strong class="font-semibold">{banner.lead}</strong>
                " "
                {banner.text}
                {banner
                    .link
                    .map(|(label, href)| {
                        view! {
                            " "
                            <a class="font-medium underline underline-offset-3" href=href>
                                {label}
                            </a>
                        }
                    })}
            </p>
        </div>
    }
}

/// All of them, folded from the third on.
#[component]
pub fn Banners(banners: Vec<Banner>) -> impl IntoView {
    if banners.is_empty() {
        return None;
    }
    let mut shown = banners;
    let folded = shown.split_off(shown.len().min(2));
    let more = folded.len();
    Some(view! {
        <section aria-label="Notices" class="divide-y divide-line">
            {shown.into_iter().map(|banner| view! { <BannerView banner=banner /> }).collect_view()}
            {(more > 0)
                .then(|| {
                    view! {
                        <details>
                            <summary class="px-4 py-2 text-small text-ink-2 hover:text-ink md:px-6">{more}" more"</summary>
                            <div class="divide-y divide-line">
                                {folded.into_iter().map(|banner| view! { <BannerView banner=banner /> }).collect_view()}
                            </div>
                        </details>
                    }
                })}
        </section>
    })
}
