//! Who may decide about what. Pure.

use crate::{accounts::Viewer, workspaces::Role};

use super::{settings::Settings, store::ApprovalRow};

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
pub struct Around<'a> {
    /// Members of the workspace whose roles have not run out.
    pub members: usize,
    /// Who owns the key that it is about, if it is about one.
    pub owner_id: Option<&'a str>,
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
    around: Around<'_>,
    settings: &Settings,
) -> Result<Standing, &'static str> {
    let theirs = request.requested_by == viewer.user_id
        || around.owner_id == Some(viewer.user_id.as_str())
        || (request.kind == "give_role" && request.subject_id == viewer.user_id);
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
