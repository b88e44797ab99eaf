//! How much of a limit is used. The words say it; the bar repeats it.

use leptos::prelude::*;

/// "NGN 410,000.00 of 1,000,000.00 today", with a bar that warns from four fifths and turns red when nothing is left.
#[component]
pub fn Meter(
    #[prop(into)] label: String,
    value: f64,
    max: f64,
    /// The same in words.
    #[prop(into)]
    text: String,
    /// "Resets in 6 h 12 min (00:00 UTC)".
    #[prop(optional, into)]
    note: String,
) -> impl IntoView {
    let max = if max > 0.0 { max } else { 1.0 };
    let tone = match value / max {
        share if share >= 1.0 => "series-danger",
        share if share >= 0.8 => "series-2",
        _ => "series-1",
    };
    let share = format!("{:.2}%", (value / max).clamp(0.0, 1.0) * 100.0);
    view! {
        <div>
            <div class="mb-1.5 flex flex-wrap justify-between gap-x-4">
                <span class="font-medium">{label.clone()}</span>
                <span class="text-ink-2 tabular-nums">{text.clone()}</span>
            </div>
            <meter class="sr-only" min="0" max=max.to_string() value=value.min(max).to_string() aria-label=label>
                {text}
            </meter>
            // Engines differ in how much of a meter can be styled; this looks the same in all of them.
            <svg class=format!("gauge {tone}") width="100%" height="8" aria-hidden="true">
                <rect width=share height="8" rx="4" fill="var(--series)" />
            </svg>
            {(!note.is_empty()).then(|| view! { <p class="mt-1 text-small text-ink-2">{note}</p> })}
        </div>
    }
}
