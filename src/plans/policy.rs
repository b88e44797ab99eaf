//! What may be asked for, what stands in the way of a locked environment, and in which words. Pure.

use crate::{
    keys::policy::is_invisible,
    profiles::{Need, Profile, Tier},
    server::clock::Millis,
    ui::time,
    workspaces::{self, Role},
};

/// Who may see the plans: every member.
pub const READERS: &[Role] = workspaces::policy::READERS;

/// Characters of what is said to the operator with a request.
pub const MAX_NOTE: usize = 300;

pub const OWN: &str = "You asked for this plan yourself. Another operator has to decide about it.";

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Requested,
    Approved,
    Declined,
    Withdrawn,
    /// It was approved, and another was approved since.
    Ended,
}

impl State {
    const ALL: [Self; 5] = [
        Self::Requested,
        Self::Approved,
        Self::Declined,
        Self::Withdrawn,
        Self::Ended,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Approved => "approved",
            Self::Declined => "declined",
            Self::Withdrawn => "withdrawn",
            Self::Ended => "ended",
        }
    }

    /// What was done when it was settled.
    pub const fn verb(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Approved | Self::Ended => "approved",
            Self::Declined => "declined",
            Self::Withdrawn => "withdrew",
        }
    }
}

impl TryFrom<String> for State {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| format!("{text:?} is no state of a request"))
    }
}

/// The tier that is asked for, or what is wrong with that.
pub fn asked<'a>(
    profile: &'a Profile,
    current: Option<&Tier>,
    id: &str,
) -> Result<&'a Tier, String> {
    let tier = profile
        .tier(id)
        .ok_or("Choose one of the plans.".to_owned())?;
    if current.is_some_and(|current| current.id == tier.id) {
        return Err(format!(
            "{} is in force already. Choose another.",
            tier.name
        ));
    }
    Ok(tier)
}

/// What is said with a request, if anything, or what is wrong with it.
pub fn note(text: &str) -> Result<Option<String>, String> {
    let note = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if note.chars().count() > MAX_NOTE {
        Err(format!("Use at most {MAX_NOTE} characters."))
    } else if note.chars().any(is_invisible) {
        Err(
            "Use letters, digits and punctuation; a control or invisible character is in it."
                .to_owned(),
        )
    } else {
        Ok((!note.is_empty()).then_some(note))
    }
}

/// Said to who comes second: "Kim approved this 40 s ago. Nothing of yours was recorded."
pub fn settled(state: State, by: Option<&str>, at: Millis, now: Millis) -> String {
    let ago = time::relative(at, now, "UTC");
    let by = by.unwrap_or("The operator");
    let verb = state.verb();
    match state {
        State::Withdrawn => format!("{by} {verb} this {ago}. There is nothing to decide."),
        _ => format!("{by} {verb} this {ago}. Nothing of yours was recorded."),
    }
}

/// A request that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// The tier's name.
    pub plan: String,
    /// Who asked.
    pub by: Option<String>,
    pub at: Millis,
    pub note: Option<String>,
}

/// The last request, if it was declined and none was made since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declined {
    pub plan: String,
    pub by: Option<String>,
    pub at: Millis,
    pub reason: String,
}

/// Where a workspace stands with its plan.
#[derive(Clone, Debug)]
pub struct PlanState {
    /// In force; none if no plan is.
    pub current: Option<Tier>,
    pub open: Option<Open>,
    pub declined: Option<Declined>,
    /// No key is made before a plan is in force.
    pub required: bool,
}

impl PlanState {
    pub fn may_make_keys(&self) -> bool {
        !self.required || self.current.is_some()
    }

    /// What there is to say of it: what happened, which stands out, and what follows. Nothing if a plan is in force or none
    /// is needed, and nothing was asked for.
    pub fn words(&self, now: Millis, zone: &str) -> Option<(String, String)> {
        let keys = |once: &str| {
            if self.may_make_keys() {
                String::new()
            } else {
                format!(" Keys can be created once {once} is approved.")
            }
        };
        if let Some(open) = &self.open {
            let lead = format!(
                "{} requested {} by {}.",
                open.plan,
                time::relative(open.at, now, zone),
                open.by.as_deref().unwrap_or("the operator")
            );
            let then = format!("The operator decides; mail follows.{}", keys("it"));
            Some((lead, then))
        } else if let Some(declined) = &self.declined {
            let lead = format!(
                "{} declined {} {}:",
                declined.by.as_deref().unwrap_or("The operator"),
                declined.plan,
                time::relative(declined.at, now, zone)
            );
            let then = format!(
                "\u{201c}{}\u{201d}. An admin can request again.{}",
                declined.reason,
                keys("a plan")
            );
            Some((lead, then))
        } else if self.may_make_keys() {
            None
        } else {
            let then = format!("An admin requests one.{}", keys("it"));
            Some(("No plan is in force.".to_owned(), then))
        }
    }
}

/// One thing that an environment needs, and whether it is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadinessItem {
    pub need: Need,
    pub done: bool,
    /// What it is: "Second factor".
    pub words: String,
    /// Who does what; empty once it is done.
    pub hint: String,
    /// The page where it is done.
    pub href: String,
}

/// What an environment's needs are judged by.
#[derive(Clone, Copy)]
pub struct Standing<'a> {
    /// The workspace has an owner. An account begins with the link that was mailed to it, or at the console, and changes its
    /// address by the same way: each address is verified.
    pub owner: bool,
    /// One of the owners has an authenticator or a passkey.
    pub owner_with_factor: bool,
    pub plan: &'a PlanState,
}

/// Each need in the profile's order.
pub fn readiness(
    needs: &[Need],
    standing: Standing<'_>,
    now: Millis,
    zone: &str,
) -> Vec<ReadinessItem> {
    needs
        .iter()
        .map(|need| {
            let (done, words, hint, href) = match need {
                Need::Address => (
                    standing.owner,
                    "Address verified",
                    "an owner with a verified address joins".to_owned(),
                    "/members",
                ),
                Need::SecondFactor => (
                    standing.owner_with_factor,
                    "Second factor",
                    "an owner sets up an authenticator or a passkey".to_owned(),
                    "/settings/security",
                ),
                Need::Plan => (
                    standing.plan.current.is_some(),
                    "Plan",
                    match &standing.plan.open {
                        Some(open) => format!(
                            "{} requested {}; the operator decides",
                            open.plan,
                            time::relative(open.at, now, zone)
                        ),
                        None => "an admin requests it".to_owned(),
                    },
                    "/plans",
                ),
            };
            ReadinessItem {
                need: *need,
                done,
                words: words.to_owned(),
                hint: if done { String::new() } else { hint },
                href: href.to_owned(),
            }
        })
        .collect()
}

/// "600 requests a minute, 50 at once, 1,000,000 a month".
pub fn terms(tier: &Tier) -> String {
    let monthly = tier
        .monthly
        .map(|monthly| format!(", {} a month", time::number(monthly)))
        .unwrap_or_default();
    format!(
        "{} requests a minute, {} at once{monthly}",
        time::number(u64::from(tier.rate)),
        time::number(u64::from(tier.burst))
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::clock::{HOUR, SECOND};

    /// 2027-03-14T13:02:07Z.
    const NOW: Millis = 1_805_029_327_000;

    fn nothing(required: bool) -> PlanState {
        PlanState {
            current: None,
            open: None,
            declined: None,
            required,
        }
    }

    fn revkeen() -> Profile {
        Profile::load("revkeen").expect("it loads")
    }

    #[test]
    fn only_a_plan_of_the_profile_that_is_not_in_force_can_be_asked_for() {
        let profile = revkeen();
        let starter = profile.tier("starter");
        assert!(asked(&profile, starter, "growth").is_ok());
        assert!(asked(&profile, None, "starter").is_ok());
        for id in ["starter", "", "Growth", "platinum"] {
            assert!(asked(&profile, starter, id).is_err(), "{id}");
        }
    }

    #[test]
    fn a_note_is_one_line_of_visible_characters() {
        assert_eq!(note("  "), Ok(None));
        assert_eq!(
            note(" we grow\r\n fast "),
            Ok(Some("we grow fast".to_owned()))
        );
        assert!(note("turned \u{202e}around").is_err());
        assert!(note(&"x".repeat(MAX_NOTE)).is_ok() && note(&"x".repeat(MAX_NOTE + 1)).is_err());
    }

    #[test]
    fn who_comes_second_is_told_who_was_first() {
        let at = NOW - 40 * SECOND;
        assert_eq!(
            settled(State::Approved, Some("Kim"), at, NOW),
            "Kim approved this 40 s ago. Nothing of yours was recorded."
        );
        assert_eq!(
            settled(State::Ended, None, at, NOW),
            "The operator approved this 40 s ago. Nothing of yours was recorded."
        );
        assert_eq!(
            settled(State::Withdrawn, Some("Ada"), at, NOW),
            "Ada withdrew this 40 s ago. There is nothing to decide."
        );
    }

    #[test]
    fn a_required_plan_is_spoken_of_until_it_is_in_force() {
        let mut plan = nothing(true);
        let words = |plan: &PlanState| {
            plan.words(NOW, "UTC")
                .map(|(lead, then)| format!("{lead} {then}"))
        };
        assert_eq!(
            words(&plan).as_deref(),
            Some(
                "No plan is in force. An admin requests one. Keys can be created once it is approved."
            )
        );
        plan.declined = Some(Declined {
            plan: "Growth".to_owned(),
            by: Some("Kim".to_owned()),
            at: NOW - HOUR,
            reason: "Too soon".to_owned(),
        });
        assert_eq!(
            words(&plan).as_deref(),
            Some(
                "Kim declined Growth 1 h ago: \u{201c}Too soon\u{201d}. An admin can request again. Keys can be created once a plan is approved."
            )
        );
        plan.open = Some(Open {
            plan: "Growth".to_owned(),
            by: Some("Dee".to_owned()),
            at: NOW - 2 * HOUR,
            note: None,
        });
        assert_eq!(
            words(&plan).as_deref(),
            Some(
                "Growth requested 2 h ago by Dee. The operator decides; mail follows. Keys can be created once it is approved."
            )
        );
        plan.current = revkeen().tier("starter").cloned();
        assert!(plan.may_make_keys());
        assert_eq!(
            words(&plan).as_deref(),
            Some("Growth requested 2 h ago by Dee. The operator decides; mail follows.")
        );
        assert_eq!(words(&nothing(false)), None);
    }

    #[test]
    fn each_need_is_judged_by_itself_and_in_its_order() {
        let needs = [Need::Plan, Need::Address, Need::SecondFactor];
        let mut plan = nothing(false);
        let done = |owner, owner_with_factor, plan: &PlanState| -> Vec<bool> {
            let standing = Standing {
                owner,
                owner_with_factor,
                plan,
            };
            readiness(&needs, standing, NOW, "UTC")
                .iter()
                .map(|item| item.done)
                .collect()
        };
        assert_eq!(done(false, false, &plan), [false, false, false]);
        assert_eq!(done(true, false, &plan), [false, true, false]);
        assert_eq!(done(true, true, &plan), [false, true, true]);
        plan.current = revkeen().tier("starter").cloned();
        assert_eq!(done(false, false, &plan), [true, false, false]);
    }
}
