//! Who may decide about what. Pure.

use serde_json::Value;

use super::{settings::Settings, store::ApprovalRow};
use crate::{
    accounts::Viewer,
    server::clock::Millis,
    workspaces::{Grants, Role, view::Member},
};

/// In which capacity somebody decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// As the second person.
    Second,
    /// Alone in the workspace, about what they asked for themselves: with a second factor and a written reason.
    Alone,
}

/// What is known of the people around a request.
#[derive(Clone, Copy, Debug)]
pub struct Around {
    /// Members of the workspace whose roles have not run out.
    pub members: usize,
}

/// Who reads every request of the workspace; others read their own.
pub const READERS_OF_ALL: &[Role] = &[Role::Checker, Role::Auditor, Role::Admin];

/// Whether the request is this person's: asked by them, about their key, or for their own roles.
pub fn is_theirs(user_id: &str, request: &ApprovalRow) -> bool {
    request.requested_by == user_id
        || request.owner_id.as_deref() == Some(user_id)
        || (request.kind == "give_role" && request.subject_id == user_id)
}

/// Who may decide about the request as the second person.
pub fn deciders<'a>(
    members: &'a [Member],
    request: &ApprovalRow,
    now: Millis,
) -> impl Iterator<Item = &'a Member> {
    members.iter().filter(move |member| {
        member.grants.at(now).include(Role::Checker) && !is_theirs(&member.id, request)
    })
}

/// Whether the viewer may know of the request.
pub fn may_read(viewer: &Viewer, request: &ApprovalRow) -> bool {
    viewer.has_any(READERS_OF_ALL) || is_theirs(&viewer.user_id, request)
}

/// Who made somebody a checker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Giver {
    Member(String),
    /// Whoever sent this invitation.
    Invitation(String),
}

/// Who made the member a checker last, by the record of their roles: action, who did it, detail.
pub fn made_checker(entries: &[(String, String, String)]) -> Option<Giver> {
    let is_checker = |detail: &Value, name: &str| {
        detail[name]
            .as_str()
            .and_then(|roles| roles.parse::<Grants>().ok())
            .is_some_and(|grants| grants.get(Role::Checker).is_some())
    };
    let mut giver = None;
    for (action, actor, detail) in entries {
        let detail: Value = serde_json::from_str(detail).unwrap_or_default();
        if action == "member.added" {
            giver = is_checker(&detail, "roles").then(|| match detail["invitation"].as_str() {
                Some(id) => Giver::Invitation(id.to_owned()),
                None => Giver::Member(actor.clone()),
            });
        } else if is_checker(&detail, "after") && !is_checker(&detail, "before") {
            giver = Some(Giver::Member(actor.clone()));
        }
    }
    giver
}

pub const NO_CHECKER: &str =
    "This needs the role checker in this workspace. An admin can give it to you.";
pub const OWN: &str = "You can\u{2019}t approve your own request. A second person has to agree.";
pub const OWN_FORBIDDEN: &str = "You can\u{2019}t approve your own request, even alone: this workspace forbids it. Invite a checker.";
pub const OWN_NEEDS_FACTOR: &str = "To approve your own request while you are alone here, set up an authenticator or a passkey first.";

/// Whether the viewer may decide, and as what; otherwise why not.
pub fn standing(
    viewer: &Viewer,
    is_checker: bool,
    request: &ApprovalRow,
    around: Around,
    settings: &Settings,
) -> Result<Standing, &'static str> {
    let theirs = is_theirs(&viewer.user_id, request);
    // An operator who acts in a workspace is no checker there, whatever else they are.
    if viewer.acting.is_some() || !is_checker {
        return Err(if theirs { OWN } else { NO_CHECKER });
    }
    if !theirs {
        return Ok(Standing::Second);
    }
    if around.members > 1 {
        Err(OWN)
    } else if !settings.own {
        Err(OWN_FORBIDDEN)
    } else if !viewer.has_second_factor() {
        Err(OWN_NEEDS_FACTOR)
    } else {
        Ok(Standing::Alone)
    }
}

/// Who decides about what is asked: checkers.
pub const DECIDERS: &[Role] = &[Role::Checker];

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(action: &str, actor: &str, detail: &str) -> (String, String, String) {
        (action.to_owned(), actor.to_owned(), detail.to_owned())
    }

    #[test]
    fn the_last_who_gave_the_role_of_checker_is_found() {
        let added = entry(
            "member.added",
            "bo",
            r#"{"roles":"developer,checker","invitation":"inv_1"}"#,
        );
        let lost = entry(
            "member.roles_changed",
            "ada",
            r#"{"before":"developer,checker","after":"developer"}"#,
        );
        let given = entry(
            "member.roles_changed",
            "chi",
            r#"{"before":"developer","after":"checker"}"#,
        );
        assert_eq!(made_checker(&[]), None);
        assert_eq!(
            made_checker(std::slice::from_ref(&added)),
            Some(Giver::Invitation("inv_1".to_owned()))
        );
        assert_eq!(
            made_checker(&[added, lost, given]),
            Some(Giver::Member("chi".to_owned()))
        );
    }
}
