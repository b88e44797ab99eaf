//! One number and what it counts.

use leptos::prelude::*;

use super::icon::{Icon, IconName};

/// The number is a link if it has an address. `alert` says in red that someone must act, with a sign as well as a colour.
#[component]
pub fn Stat(
    #[prop(into)] label: String,
    /// Already formatted: "12,408".
    #[prop(into)]
    value: String,
    #[prop(optional, into)] unit: String,
    /// A line below: "12 % more than yesterday".
    #[prop(optional, into)]
    note: String,
    #[prop(optional, into)] href: String,
    #[prop(optional)] alert: bool,
    /// Usually a sparkline.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let value = view! {
        {value}
        {(!unit.is_empty()).then(|| view! { <span class="ml-1 text-body tracking-normal text-ink-2">{unit}</span> })}
    };
    let value = if href.is_empty() {
        value.into_any()
    } else {
        view! {
            <a class="decoration-control underline-offset-4 after:absolute after:inset-0 hover:underline" href=href>
                {value}
            </a>
        }
        .into_any()
    };
    view! {
        <div class="card relative min-w-0 p-4">
            <p class="text-small text-ink-2">{label}</p>
            <p class=if alert {
                "mt-1 flex items-center gap-1.5 text-stat tabular-nums text-danger"
            } else {
                "mt-1 text-stat tabular-nums"
            }>
                {alert.then(|| view! { <Icon name=IconName::Warning class="size-5" /> })} <span>{value}</span>
            </p>
            {(!note.is_empty()).then(|| view! { <p class="mt-0.5 text-small text-ink-2">{note}</p> })}
            {children.map(|children| view! { <div class="mt-2">{children()}</div> })}
        </div>
    }
}
