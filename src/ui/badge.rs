//! Badges: a state as shape, word and colour, so that any one of the three is enough. And the tag of an environment.

use leptos::prelude::*;

use super::icon::{Icon, IconName};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Also for what is dead: revoked, expired, rejected. Red would say that someone must act.
    #[default]
    Neutral,
    Success,
    Info,
    Warning,
    Danger,
}

impl Tone {
    /// Text and soft ground.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Neutral => "bg-neutral-soft text-ink-2",
            Self::Success => "bg-success-soft text-success",
            Self::Info => "bg-info-soft text-info",
            Self::Warning => "bg-warning-soft text-warning",
            Self::Danger => "bg-danger-soft text-danger",
        }
    }
}

/// The shape in front of a badge's word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    #[default]
    None,
    Disc,
    Clock,
    Diamond,
    HalfDisc,
    Triangle,
    Ring,
    Square,
    Times,
    Dashed,
    Dash,
    Check,
}

impl Shape {
    const fn icon(self) -> Option<IconName> {
        Some(match self {
            Self::None => return None,
            Self::Disc => IconName::Disc,
            Self::Clock => IconName::Clock,
            Self::Diamond => IconName::Diamond,
            Self::HalfDisc => IconName::HalfDisc,
            Self::Triangle => IconName::Triangle,
            Self::Ring => IconName::Ring,
            Self::Square => IconName::Square,
            Self::Times => IconName::Times,
            Self::Dashed => IconName::Dashed,
            Self::Dash => IconName::Dash,
            Self::Check => IconName::Check,
        })
    }
}

/// The states that the portal names. The word of `Expiring` is its own: "Expires in 6 days".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    Active,
    Waiting,
    Ready,
    Rotating,
    Expiring(String),
    Disabled,
    Revoked,
    Rejected,
    Expired,
    Lapsed,
    Withdrawn,
    Approved,
    Healthy,
    Failing,
}

impl Status {
    pub fn parts(&self) -> (Tone, Shape, &str) {
        match self {
            Self::Active => (Tone::Success, Shape::Disc, "Active"),
            Self::Waiting => (Tone::Info, Shape::Clock, "Waiting for approval"),
            Self::Ready => (Tone::Info, Shape::Diamond, "Ready to reveal"),
            Self::Rotating => (Tone::Info, Shape::HalfDisc, "Rotating"),
            Self::Expiring(word) => (Tone::Warning, Shape::Triangle, word),
            Self::Disabled => (Tone::Neutral, Shape::Ring, "Disabled"),
            Self::Revoked => (Tone::Neutral, Shape::Square, "Revoked"),
            Self::Rejected => (Tone::Neutral, Shape::Times, "Rejected"),
            Self::Expired => (Tone::Neutral, Shape::Dashed, "Expired"),
            Self::Lapsed => (Tone::Neutral, Shape::Dash, "Lapsed"),
            Self::Withdrawn => (Tone::Neutral, Shape::Dash, "Withdrawn"),
            Self::Approved => (Tone::Success, Shape::Check, "Approved"),
            Self::Healthy => (Tone::Success, Shape::Disc, "Healthy"),
            Self::Failing => (Tone::Danger, Shape::Triangle, "Failing"),
        }
    }
}

/// A badge with any word.
#[component]
pub fn Badge(
    #[prop(optional)] tone: Tone,
    #[prop(optional)] shape: Shape,
    #[prop(into)] word: String,
) -> impl IntoView {
    let class = format!(
        "inline-flex max-w-full items-center gap-1 rounded-full px-2 py-0.5 text-meta whitespace-nowrap {}",
        tone.class()
    );
    view! {
        <span class=class>
            {shape.icon().map(|name| view! { <Icon name=name class="-ml-0.5 size-3.5" /> })} {word}
        </span>
    }
}

/// The badge of a known state.
#[component]
pub fn StatusBadge(status: Status) -> impl IntoView {
    let (tone, shape, word) = status.parts();
    view! { <Badge tone=tone shape=shape word=word /> }
}

/// The environment's word in capitals: Live solid, Test a dashed outline.
#[component]
pub fn EnvTag(#[prop(into)] word: String, live: bool) -> impl IntoView {
    let class = if live {
        "border-solid border-transparent bg-solid text-on-solid"
    } else {
        "border-dashed border-test text-test"
    };
    view! {
        <span class=format!(
            "inline-flex items-center rounded-[4px] border px-1.5 text-tag tracking-[0.04em] uppercase whitespace-nowrap {class}",
        )>{word}</span>
    }
}
