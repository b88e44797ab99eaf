//! Choosing types of events: all of them, or some out of the groups of the catalogue. A search narrows the rows where scripts
//! run; what is ticked stays in sight.

use leptos::prelude::*;

use crate::{
    profiles::Profile,
    ui::form::Checkbox,
    webhooks::{
        catalogue::{self, EventKind},
        policy::ALL,
    },
};

/// The groups in the order of the catalogue, each with its types.
fn groups(profile: &Profile) -> Vec<(&str, Vec<&EventKind>)> {
    let mut groups: Vec<(&str, Vec<&EventKind>)> = Vec::new();
    for kind in catalogue::all(profile) {
        match groups.iter_mut().find(|(group, _)| *group == kind.group) {
            Some((_, kinds)) => kinds.push(kind),
            None => groups.push((&kind.group, vec![kind])),
        }
    }
    groups
}

pub(super) fn picker(profile: &Profile, chosen: &[String], error: &str) -> AnyView {
    let everything = chosen.iter().any(|id| id == ALL);
    let groups: Vec<AnyView> = groups(profile)
        .into_iter()
        .map(|(group, kinds)| {
            let rows: Vec<AnyView> = kinds
                .iter()
                .map(|kind| row(kind, group, chosen.contains(&kind.id)))
                .collect();
            view! {
                <fieldset class="border-t border-line" data-pick-group>
                    <legend class="contents">
                        <span class="flex min-h-10 items-center px-4 pt-1 font-medium">{group.to_owned()}</span>
                    </legend>
                    <div class="pb-2">{rows}</div>
                </fieldset>
            }
            .into_any()
        })
        .collect();
    let described = (!error.is_empty()).then_some("events-error");
    let error = error.to_owned();
    view! {
        <fieldset id="events" tabindex="-1" aria-describedby=described class="rounded-control" data-pick>
            <legend class="font-medium">"Events"</legend>
            <div class="mt-1.5 mb-3 flex flex-wrap items-center gap-2">
                <div class="needs-script min-w-48 flex-1 sm:max-w-64">
                    <input
                        type="search"
                        class="control"
                        placeholder="Search events"
                        aria-label="Search events"
                        autocomplete="off"
                        data-pick-search
                    />
                </div>
            </div>
            <div class="card overflow-hidden">
                <div class="px-4 py-2">
                    <Checkbox
                        label="All events"
                        name="events"
                        value=ALL
                        id="events-all"
                        hint="Also types that are added later."
                        checked=everything
                    />
                </div>
                {groups}
            </div>
            {(!error.is_empty())
                .then(|| view! { <p id="events-error" class="mt-1.5 text-small text-danger">{error}</p> })}
        </fieldset>
    }
    .into_any()
}

/// The id alone is the box's name; what it tells of describes it.
fn row(kind: &EventKind, group: &str, checked: bool) -> AnyView {
    let id = kind.id.clone();
    let html_id = format!("event-{}", id.replace(['.', '_'], "-"));
    let about_id = format!("{html_id}-about");
    let words = format!("{group} {id} {}", kind.about).to_lowercase();
    let about = kind.about.clone();
    view! {
        <div class="flex items-start gap-2.5 px-4 py-1" data-pick-row=words>
            <input
                type="checkbox"
                class="check mt-0.5"
                id=html_id.clone()
                name="events"
                value=id.clone()
                checked=checked
                aria-describedby=about_id.clone()
            />
            <div class="min-w-0 sm:flex sm:flex-1 sm:gap-4">
                <label for=html_id class="block font-mono text-mono wrap-anywhere sm:w-52 sm:shrink-0">
                    {id}
                </label>
                <span id=about_id class="block min-w-0 text-small/5 text-ink-2">
                    {about}
                </span>
            </div>
        </div>
    }
    .into_any()
}
