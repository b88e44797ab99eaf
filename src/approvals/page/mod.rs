//! The pages of approvals: what waits and what was decided, one request with its decision, and the rules of a workspace.

mod decide;
mod detail;
mod difference;
mod list;
mod rules;

pub use detail::ApprovalPage;
pub use list::ApprovalsPage;
pub use rules::ApprovalRulesPage;

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::{asked::Asked, policy, store::ApprovalRow};
use crate::{
    accounts::Viewer,
    db::Reader,
    keys::{self, terms},
    profiles::{ApprovalLevel, Profile},
    server::{clock::Millis, error::AppError},
    ui::{
        badge::{Badge, EnvTag, Shape, Status, StatusBadge},
        key_plate::{KeyPlate, Plate},
    },
    workspaces::{Role, view},
};

const HERE: &str = "/approvals";
const RULES: &str = "/settings/workspace/approvals";

/// What kind of request it is, as its checkers read it.
pub fn kind(asked: &Asked) -> String {
    match asked {
        Asked::NewKey { .. } => "New key".to_owned(),
        Asked::ChangeKey { before, after, .. } => {
            let words: Vec<&str> = terms::widenings(before, after)
                .into_iter()
                .map(terms::Widening::words)
                .collect();
            match words.split_first() {
                None => "Other terms".to_owned(),
                Some((first, rest)) => rest.iter().fold((*first).to_owned(), |all, word| {
                    format!("{all}, {}", word.to_lowercase())
                }),
            }
        }
        Asked::EnableKey { .. } => "Turn back on".to_owned(),
        Asked::GiveRole { .. } => "Checker role".to_owned(),
        Asked::Invite { .. } => "Invitation".to_owned(),
        Asked::LoosenPolicy { .. } => "Looser rules".to_owned(),
    }
}

/// A level of the rules, as a choice.
const fn level_words(level: ApprovalLevel) -> &'static str {
    match level {
        ApprovalLevel::Nothing => "Nothing",
        ApprovalLevel::LiveMoney => "Live keys that move money",
        ApprovalLevel::Live => "All live keys",
        ApprovalLevel::Everything => "Every key",
    }
}

/// The plate of the request's key; none if it is about something else.
fn plate(profile: &Profile, row: &ApprovalRow) -> Option<Plate> {
    let environment = row.environment.as_deref()?;
    Some(keys::page::plate(&keys::view::plate(
        profile,
        &row.subject_id,
        &row.title,
        environment,
        row.secret_start.as_deref().unwrap_or_default(),
        row.secret_end.as_deref().unwrap_or_default(),
    )))
}

/// What stands for the request wherever one is shown: its key's plate, or a line.
fn subject(profile: &Profile, row: &ApprovalRow, head: bool) -> AnyView {
    match plate(profile, row) {
        Some(plate) => view! { <KeyPlate plate=plate head=head /> }.into_any(),
        None if head => view! { <span class="text-h2">{row.title.clone()}</span> }.into_any(),
        None => view! { <span class="font-medium">{row.title.clone()}</span> }.into_any(),
    }
}

/// The tag of the request's environment; nothing if it belongs to none.
fn environment(profile: &Profile, row: &ApprovalRow) -> Option<AnyView> {
    let id = row.environment.as_deref()?;
    let known = profile.environment(id);
    let word = known.map_or_else(|| id.to_owned(), |environment| environment.word.clone());
    let live = known.is_none_or(|environment| environment.live);
    Some(view! { <EnvTag word=word live=live /> }.into_any())
}

/// What became of the request.
fn status(row: &ApprovalRow, now: Millis) -> AnyView {
    let status = match row.outcome(now) {
        None => Status::Waiting,
        Some("approved") => Status::Approved,
        Some("rejected") => Status::Rejected,
        Some("withdrawn") => Status::Withdrawn,
        Some("lapsed") => Status::Lapsed,
        Some(_) => {
            return view! { <Badge shape=Shape::Dash word="Void" /> }.into_any();
        }
    };
    let own = row
        .own
        .then(|| view! { <Badge shape=Shape::Ring word="Own approval" /> });
    view! {
        <span class="flex flex-wrap gap-1">
            <StatusBadge status=status />
            {own}
        </span>
    }
    .into_any()
}

/// The open requests that this checker can decide, the riskiest first.
fn for_viewer<'a>(viewer: &Viewer, open: &'a [ApprovalRow]) -> Vec<&'a ApprovalRow> {
    open.iter()
        .filter(|row| !policy::is_theirs(&viewer.user_id, row))
        .collect()
}

/// The names of the workspace's checkers but for this person.
async fn other_checkers(
    reader: &mut Reader,
    workspace_id: &str,
    except: &str,
    now: Millis,
) -> Result<Vec<String>, AppError> {
    let mut names: Vec<String> = view::members(reader, workspace_id)
        .await?
        .into_iter()
        .filter(|member| member.id != except && member.grants.at(now).include(Role::Checker))
        .map(|member| member.name)
        .collect();
    names.sort();
    Ok(names)
}

/// "Bo", "Bo or Chi", "Bo, Chi or Dee".
fn either(names: &[String], last: &str) -> String {
    match names {
        [] => String::new(),
        [only] => only.clone(),
        [head @ .., tail] => format!("{}{last}{tail}", head.join(", ")),
    }
}

fn query(name: &str) -> Option<String> {
    use_query_map().get_untracked().get(name)
}
