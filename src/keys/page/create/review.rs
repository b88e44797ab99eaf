//! What a new key comes to, who decides about it, and the proof that asks for it.

use leptos::prelude::*;

use super::{Form, Pin, fields};
use crate::{
    accounts::{
        Factor,
        confirm::{Confirm, confirm, confirm_with},
        step_up::Action,
    },
    approvals::{risk, settings::Settings},
    db::Reader,
    frame::Here,
    keys::{
        draft::{self, Step},
        pair,
    },
    profiles::ApprovalLevel,
    server::error::AppError,
    ui::{
        button::{Button, Kind, LinkButton},
        icon::{Icon, IconName},
        key_value::{Fact, KeyValue},
        statement::RiskView,
        time::count,
    },
    workspaces::{self, Role},
};

/// Who can agree to what this person asks for.
pub enum Decides {
    /// Checkers other than them, by name.
    Others(Vec<String>),
    /// Nobody else is in the workspace, and its rules let them agree to it themselves.
    Alone,
    Nobody {
        /// They are a checker, but cannot be the second person.
        only_checker: bool,
        /// Who can invite one.
        admins: Vec<String>,
    },
}

pub async fn decides(
    reader: &mut Reader,
    here: &Here,
    rules: &Settings,
) -> Result<Decides, AppError> {
    let own_id = &here.viewer.user_id;
    let mut members = workspaces::view::members(reader, here.viewer.workspace_id()).await?;
    members.retain(|member| workspaces::policy::any_left(&member.grants, here.now));
    let named = |role: Role| -> Vec<String> {
        members
            .iter()
            .filter(|member| member.id != *own_id && member.grants.at(here.now).include(role))
            .map(|member| member.name.clone())
            .collect()
    };
    let others = named(Role::Checker);
    let only_checker = here.viewer.has(Role::Checker);
    Ok(if !others.is_empty() {
        Decides::Others(others)
    } else if members.len() == 1 && only_checker && rules.own {
        Decides::Alone
    } else {
        Decides::Nobody {
            only_checker,
            admins: named(Role::Admin),
        }
    })
}

/// "Bo", "Bo or Chi", "Bo, Chi or Dee".
fn one_of(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [only] => only.clone(),
        [head @ .., last] => format!("{} or {last}", head.join(", ")),
    }
}

/// What stands above the proof of the form without steps, which cannot know yet whether its key will wait.
pub fn rule(form: &Form) -> Option<AnyView> {
    let which = match form.level {
        ApprovalLevel::Nothing => return None,
        ApprovalLevel::LiveMoney => "Live keys that move money",
        ApprovalLevel::Live => "Live keys",
        ApprovalLevel::Everything => return Some(who_decides(form)),
    };
    let who = match &form.decides {
        Decides::Others(names) => one_of(names),
        Decides::Alone | Decides::Nobody { .. } => "a second person".to_owned(),
    };
    let words = format!("{which} need approval by {who}. Other keys are active at once.");
    Some(view! { <p class="text-ink-2">{words}</p> }.into_any())
}

/// Who decides about the key as it stands in the form.
fn who_decides(form: &Form) -> AnyView {
    let line = |strong: String, rest: String| {
        view! {
            <p class="flex gap-2">
                <Icon name=IconName::Approvals class="mt-0.5 size-4 shrink-0 text-ink-3" />
                <span class="wrap-anywhere">
                    <strong class="font-semibold">{strong}</strong>
                    " "
                    {rest}
                </span>
            </p>
        }
    };
    if !form.waits {
        return line(
            "Active at once.".to_owned(),
            "Nobody else has to agree.".to_owned(),
        )
        .into_any();
    }
    match &form.decides {
        Decides::Others(names) => line(
            format!("Needs approval by {}.", one_of(names)),
            "The secret is made when you reveal it afterwards.".to_owned(),
        )
        .into_any(),
        Decides::Alone => line(
            "Needs approval, and you are alone here.".to_owned(),
            "You can give it yourself, with a second factor and a written reason.".to_owned(),
        )
        .into_any(),
        Decides::Nobody {
            only_checker,
            admins,
        } => {
            let why = if *only_checker {
                "You are the only checker, and nobody approves their own.".to_owned()
            } else {
                "No member has the role checker.".to_owned()
            };
            let way = if form.here.viewer.has(Role::Admin) {
                view! { <LinkButton href="/members/invite">"Invite a checker"</LinkButton> }
                    .into_any()
            } else if admins.is_empty() {
                ().into_any()
            } else {
                view! { <p class="text-ink-2">{format!("Ask {} to invite one.", one_of(admins))}</p> }
                    .into_any()
            };
            view! {
                <div class="space-y-2">
                    {line("Nobody here can approve this.".to_owned(), why)}
                    {way}
                </div>
            }
            .into_any()
        }
    }
}

pub fn review(form: &Form) -> AnyView {
    let wanted = &form.draft.wanted;
    let word = environment_word(form);
    let change = |step: Step, what: &'static str| {
        let href = draft::address(&form.id, Some(step));
        view! {
            <a class="link" href=href>
                "Change " {what}
            </a>
        }
    };
    let mut facts = vec![
        Fact::new("Label", wanted.label.trim().to_owned()),
        Fact::new("Environment", word),
        Fact::new(
            "Purpose",
            if wanted.purpose.trim().is_empty() {
                "None given".to_owned()
            } else {
                wanted.purpose.trim().to_owned()
            },
        ),
        Fact::new("Scopes", mono(form.terms.scopes.join(", "))),
    ];
    if wanted.half == pair::OWN {
        facts.push(Fact::new("Public key", mono(wanted.public_key.clone())));
    }
    let context = risk::Context {
        purpose: wanted.purpose.trim(),
        usual: &form.usual,
        made_the_checker: false,
    };
    let (grade, reasons) = risk::of_key(
        &form.state.profile,
        &wanted.environment,
        &form.terms,
        context,
    );
    view! {
        <div class="card px-4 py-2">
            <KeyValue items=facts />
            <p class="flex flex-wrap gap-x-4 border-t border-line py-2 text-small">
                {change(Step::Basics, "basics")} {change(Step::Permissions, "permissions")}
                {change(Step::Rails, "guard rails")}
            </p>
        </div>
        <div class="card p-4">{form.statement()}</div>
        {fields::everything(form)}
        <section aria-labelledby="risk" class="space-y-2">
            <h3 id="risk" class="font-semibold">
                "Risk"
            </h3>
            <RiskView risk=grade reasons=reasons />
        </section>
        <section aria-labelledby="decides" class="space-y-2">
            <h3 id="decides" class="font-semibold">
                "Who decides"
            </h3>
            {who_decides(form)}
        </section>
        {proof(form)}
    }
    .into_any()
}

fn environment_word(form: &Form) -> String {
    let id = &form.draft.wanted.environment;
    let environment = form.state.profile.environment(id);
    environment.map_or_else(|| id.clone(), |environment| environment.word.clone())
}

/// The proof, whose button is the action; or the way to a factor that is missing.
pub fn proof(form: &Form) -> AnyView {
    let accepted = Action::CreateKey.factors(&form.state.profile);
    let held = accepted
        .iter()
        .any(|factor| factor.held_by(&form.here.viewer));
    let set_up = set_up(form, held);
    if !held {
        return set_up;
    }
    let label = form.draft.wanted.label.trim();
    let what = if label.is_empty() || form.terms.scopes.is_empty() {
        "create the key described above".to_owned()
    } else {
        let scopes = u64::try_from(form.terms.scopes.len()).unwrap_or(0);
        format!(
            "create the {} key \u{201c}{label}\u{201d} with {}",
            environment_word(form),
            count(scopes, "scope", "scopes")
        )
    };
    let asked = Confirm {
        action: Action::CreateKey,
        what,
        submit: "Create key",
        busy: "Creating\u{2026}",
        cancel: form.back_to_list(),
        kept: "Your key's details are kept.",
        danger: false,
        dialog: false,
    };
    let block = if form.waits {
        let send = view! {
            <Button kind=Kind::Solid busy="Sending\u{2026}">
                <span class="sr-only">"Create key: "</span>
                "Send for approval"
            </Button>
        };
        confirm_with(asked, send.into_any())
    } else {
        confirm(asked)
    };
    view! {
        {block}
        {set_up}
    }
    .into_any()
}

/// Leads to Settings and back. It is a button of the form, so that what was typed is kept by then.
fn set_up(form: &Form, held: bool) -> AnyView {
    let pin_alone = Action::CreateKey.factors(&form.state.profile) == [Factor::Pin];
    let (words, button) = match form.pin {
        Some(Pin::Missing) => (
            "You have no PIN yet. Set one; you'll come straight back.",
            "Set PIN",
        ),
        Some(Pin::Locked) if pin_alone => (
            "PIN locked after 5 tries. Set it anew with your password; you'll come straight back.",
            "Unlock PIN",
        ),
        Some(Pin::Locked) => (
            "PIN locked after 5 tries. Your password unlocks it.",
            "Unlock PIN",
        ),
        None if !held => (
            "You have none of the factors that this asks for yet. Set one up; you'll come straight back.",
            "Set up a factor",
        ),
        None => return ().into_any(),
    };
    view! {
        <div role="status" class="flex flex-wrap items-center gap-x-4 gap-y-2 rounded-control bg-warning-soft px-3 py-2 text-warning">
            <p class="min-w-0 flex-1">{words}</p>
            <Button kind=Kind::Outline name="leave" value="settings" no_validate=true>
                {button}
            </Button>
        </div>
    }
    .into_any()
}

/// What is read letter by letter.
fn mono(text: String) -> AnyView {
    view! { <span class="font-mono text-mono wrap-anywhere">{text}</span> }.into_any()
}
