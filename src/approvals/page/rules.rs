//! What the workspace asks four eyes for.

use leptos::prelude::*;

use super::{RULES, difference, either, level_words, other_checkers, query};
use crate::{
    accounts::{
        confirm::{Confirm, confirm},
        settings::settings,
        step_up::Action,
    },
    approvals::{
        settings::{self as approval_settings, Settings},
        store,
    },
    error::UiError,
    frame::{self, Here, loaded},
    profiles::{ApprovalLevel, Profile},
    server::{
        error::AppError,
        page::{self, Answer},
        state::AppState,
    },
    ui::{
        form::{Checkbox, FieldState, RadioCard, RadioCards},
        key_value::{Fact, KeyValue},
    },
    workspaces::Role,
};

struct Rules {
    here: Here,
    state: AppState,
    now: Settings,
    /// Names of those who would have to agree.
    checkers: Vec<String>,
    /// A request to loosen them that waits.
    waits: Option<String>,
}

async fn load() -> Result<Rules, UiError> {
    let here = frame::here()?;
    let state = page::state()?;
    let read = async {
        let viewer = &here.viewer;
        let id = viewer.workspace_id();
        let mut reader = state.db.read().await?;
        let now = approval_settings::of(&mut reader, &state.profile, id).await?;
        let checkers = other_checkers(&mut reader, id, &viewer.user_id, here.now).await?;
        let open = store::open_about(&mut reader, id, id, here.now).await?;
        Ok::<_, AppError>((now, checkers, open.into_iter().next().map(|row| row.id)))
    };
    let (now, checkers, waits) = read.await.map_err(AppError::into_ui)?;
    Ok(Rules {
        here,
        state: state.clone(),
        now,
        checkers,
        waits,
    })
}

#[component]
pub fn ApprovalRulesPage() -> impl IntoView {
    loaded(load(), |rules| rules_page(&rules))
}

fn rules_page(rules: &Rules) -> AnyView {
    let viewer = &rules.here.viewer;
    let toast =
        (query("done").as_deref() == Some("rules")).then(|| "The rules are in force.".to_owned());
    let waits = rules.waits.as_ref().map(|id| {
        view! {
            <p class="rounded-control bg-info-soft px-3 py-2 text-info">
                "Looser rules wait for a second person. " <a class="underline" href=format!("/approvals/{id}")>
                    "See the request"
                </a>
            </p>
        }
    });
    // What needs approval is not an operator's to say.
    let content = if viewer.has(Role::Admin) && viewer.acting.is_none() {
        form(rules)
    } else {
        let facts = difference::of_rules(rules.now, rules.now)
            .into_iter()
            .map(|row| Fact::new(row.label, row.now))
            .collect();
        view! {
            <section class="card p-4" aria-label="Rules">
                <KeyValue items=facts />
            </section>
        }
        .into_any()
    };
    settings(
        "Approvals",
        "What needs the agreement of a second person in this workspace.",
        toast,
        view! {
            {waits}
            {content}
        },
    )
}

/// The levels; those that the profile does not allow are shown with why.
fn levels(profile: &Profile) -> Vec<RadioCard> {
    ApprovalLevel::ALL
        .into_iter()
        .map(|level| {
            let locked = level < profile.approval.least;
            let text = match level {
                _ if locked => format!("{} asks for more than that.", profile.name),
                ApprovalLevel::Nothing => "Keys are active at once.".to_owned(),
                ApprovalLevel::LiveMoney => "New ones, and whatever lets one do more.".to_owned(),
                ApprovalLevel::Live => "Whatever they may do.".to_owned(),
                ApprovalLevel::Everything => "In every environment.".to_owned(),
            };
            RadioCard {
                value: level.as_str().to_owned(),
                label: level_words(level).to_owned(),
                text,
                locked,
                live: None,
            }
        })
        .collect()
}

fn form(rules: &Rules) -> AnyView {
    let answer = Answer::here();
    let sent = !answer.value("factor").is_empty();
    let level = if sent {
        answer.value("keys")
    } else {
        rules.now.keys.as_str().to_owned()
    };
    let on = |name: &str, now: bool| {
        if sent {
            answer.value(name) == "on"
        } else {
            now
        }
    };
    let agree = if rules.now.policy && !rules.checkers.is_empty() {
        format!(
            "Tightening applies at once. To loosen them, {} has to agree.",
            either(&rules.checkers, " or ")
        )
    } else {
        "A change applies at once.".to_owned()
    };
    view! {
        <div>
            {frame::failure(&answer)} <form method="post" action=RULES class="space-y-6">
                <RadioCards
                    legend="Needs approval"
                    name="keys"
                    cards=levels(&rules.state.profile)
                    state=FieldState::new(level).error(answer.error_at("keys").unwrap_or_default())
                />
                <fieldset class="space-y-2">
                    <legend class="mb-1.5 font-medium">"People"</legend>
                    <Checkbox
                        label="Who is alone here may approve their own requests"
                        name="own"
                        hint="With an authenticator or a passkey and a written reason. It is marked in the record."
                        checked=on("own", rules.now.own)
                    />
                    <Checkbox
                        label="Making somebody a checker needs approval"
                        name="roles"
                        hint="Once another checker is there who could agree."
                        checked=on("roles", rules.now.roles)
                    />
                    <Checkbox
                        label="Loosening these rules needs approval"
                        name="policy"
                        hint="Once another checker is there who could agree."
                        checked=on("policy", rules.now.policy)
                    />
                </fieldset>
                <p class="text-ink-2">{agree}</p>
                {confirm(Confirm {
                    action: Action::ChangeWorkspace,
                    what: "put these rules for approval into force".to_owned(),
                    submit: "Change rules",
                    busy: "Changing\u{2026}",
                    cancel: "/settings/workspace".to_owned(),
                    kept: "Your choice is kept.",
                    danger: false,
                    dialog: false,
                })}
            </form>
        </div>
    }
    .into_any()
}
