//! Who may be made what, and by whom. Pure: values in, values out.

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::{Grant, Grants, Role, Roles};
use crate::{
    error::FieldError,
    keys::policy::is_invisible,
    server::clock::{DAY, Millis},
    ui::time,
};

/// Who may see the members: all of them.
pub const READERS: &[Role] = &[Role::Developer, Role::Checker, Role::Auditor, Role::Admin];

/// Characters of a workspace's name; as many as a key's label may have, since both stand in the same places.
pub const MAX_NAME: usize = 60;
/// Workspaces that one person may own, so that nobody fills the installation.
pub const MAX_OWNED: i64 = 10;
/// Invitations of a workspace that wait at a time, and that it may send within an hour: an invitation is mail to a
/// stranger.
pub const MAX_OPEN: i64 = 50;
pub const MAX_SENT_PER_HOUR: i64 = 50;
/// Long enough for a holiday week.
pub const INVITATION_LASTS: Millis = 7 * DAY;
pub const OFFER_LASTS: Millis = 7 * DAY;
/// The furthest end that a role may have: a year, and the rest of its last day.
const MAX_END: Millis = 366 * DAY;
/// RFC 5321 §4.5.3.1.3, without the angle brackets.
const MAX_EMAIL: usize = 254;

/// Somebody who acts on members.
#[derive(Clone, Copy)]
pub struct Actor<'a> {
    pub user_id: &'a str,
    pub roles: &'a Roles,
}

impl Role {
    /// As it begins a sentence or labels a box.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Developer => "Developer",
            Self::Checker => "Checker",
            Self::Auditor => "Auditor",
            Self::Admin => "Admin",
            Self::Owner => "Owner",
        }
    }

    /// What it lets a person do.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Developer => "Creates and manages keys of their own, reads logs and usage.",
            Self::Checker => {
                "Approves what others ask for, never their own. May stop any key of the workspace."
            }
            Self::Auditor => "Reads everything, the audit record too. Changes nothing.",
            Self::Admin => "Manages members and settings. Is a developer too, but no checker.",
            Self::Owner => "An admin whom only owners can change. Can hand the workspace over.",
        }
    }

    /// The form field that holds its end. Roles that others depend on have none.
    pub const fn until_field(self) -> Option<&'static str> {
        match self {
            Self::Checker => Some("checker_until"),
            Self::Auditor => Some("auditor_until"),
            Self::Developer | Self::Admin | Self::Owner => None,
        }
    }
}

/// A workspace's name, trimmed, or what is wrong with it.
pub fn name(text: &str) -> Result<String, String> {
    let name = text.trim();
    if name.is_empty() {
        Err("Give the workspace a name, such as that of your company.".to_owned())
    } else if name.chars().count() > MAX_NAME {
        Err(format!("Use at most {MAX_NAME} characters."))
    } else if name.chars().any(is_invisible) {
        Err(
            "Use letters, digits and punctuation; a control or invisible character is in it."
                .to_owned(),
        )
    } else {
        Ok(name.to_owned())
    }
}

/// An address that mail can be sent to, trimmed, or what is wrong with it. Letters that look alike are different
/// letters: an address in Cyrillic is another mailbox than its Latin double.
pub fn email(text: &str) -> Result<String, String> {
    let email = text.trim();
    let sound = email.len() <= MAX_EMAIL
        && !email.chars().any(|c| {
            is_invisible(c) || c.is_whitespace() || matches!(c, '<' | '>' | ',' | ';' | '"')
        })
        && email.split_once('@').is_some_and(|(local, domain)| {
            let labels = domain.split('.');
            !local.is_empty()
                && !domain.contains('@')
                && labels.into_iter().all(|label| !label.is_empty())
        });
    if email.is_empty() {
        Err("Type the e-mail address of the person.".to_owned())
    } else if sound {
        Ok(email.to_owned())
    } else {
        Err("That is not an e-mail address.".to_owned())
    }
}

/// The roles that a form asks for; `end` gives the text of a date field.
pub fn grants(
    roles: &[String],
    end: impl Fn(&str) -> String,
    now: Millis,
) -> Result<Grants, Vec<FieldError>> {
    let mut errors = Vec::new();
    let mut wrong = |field: &str, message: &str| {
        errors.push(FieldError {
            field: field.to_owned(),
            message: message.to_owned(),
        });
    };
    if roles.is_empty() {
        wrong("roles", "Choose at least one role.");
    }
    let mut grants = Vec::new();
    for word in roles {
        let Ok(role) = word.parse::<Role>() else {
            wrong("roles", "Choose roles from the list.");
            continue;
        };
        let until = match role.until_field().map(|field| (field, end(field))) {
            Some((field, text)) if !text.trim().is_empty() => match end_of_day(text.trim()) {
                Some(at) if at <= now => {
                    wrong(field, "That day is over. Choose one that is to come.");
                    continue;
                }
                Some(at) if at > now + MAX_END => {
                    wrong(field, "Choose a day within a year from now.");
                    continue;
                }
                Some(at) => Some(at),
                None => {
                    wrong(field, "Write the day as year-month-day: 2027-03-14.");
                    continue;
                }
            },
            _ => None,
        };
        grants.push(Grant { role, until });
    }
    if errors.is_empty() {
        Ok(Grants::from_list(grants))
    } else {
        Err(errors)
    }
}

/// The moment at which this day is over in UTC.
fn end_of_day(text: &str) -> Option<Millis> {
    let date: Date = (text.len() == 10).then(|| text.parse().ok()).flatten()?;
    let next = date.tomorrow().ok()?.to_zoned(TimeZone::UTC).ok()?;
    Some(next.timestamp().as_millisecond())
}

/// The last day before this end, as a date field takes it.
pub fn day_before(until: Millis) -> String {
    Timestamp::from_millisecond(until - 1)
        .unwrap_or(Timestamp::UNIX_EPOCH)
        .strftime("%Y-%m-%d")
        .to_string()
}

/// "developer and checker until 14 Mar 2027".
pub fn in_words(grants: &Grants) -> String {
    let words: Vec<String> = grants
        .list()
        .iter()
        .map(|grant| match grant.until {
            Some(until) => format!(
                "{} until {}",
                grant.role.as_str(),
                time::date(until - 1, "UTC")
            ),
            None => grant.role.as_str().to_owned(),
        })
        .collect();
    match words.split_last() {
        None => "nothing".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// Whether any of the roles lasts beyond this moment.
pub fn any_left(grants: &Grants, now: Millis) -> bool {
    grants
        .list()
        .iter()
        .any(|grant| grant.until.is_none_or(|until| now < until))
}

/// Both together; of a role in both, the later end.
pub fn merged(one: &Grants, other: &Grants) -> Grants {
    Grants::from_list(Role::ALL.into_iter().filter_map(|role| {
        match (one.get(role), other.get(role)) {
            (Some(one), Some(other)) => Some(Grant {
                role,
                until: one
                    .until
                    .zip(other.until)
                    .map(|(one, other)| one.max(other)),
            }),
            (one, other) => one.or(other),
        }
    }))
}

/// The roles of an owner who has handed the workspace over, and of the member who took it.
pub fn handed_over(from: &Grants, to: &Grants) -> (Grants, Grants) {
    let kept = from
        .list()
        .iter()
        .copied()
        .filter(|grant| grant.role != Role::Owner);
    (
        merged(&Grants::from_list(kept), &Grants::of(&[Role::Admin])),
        merged(to, &Grants::of(&[Role::Owner])),
    )
}

/// Whether the owner's role was given for good. A workspace always has somebody of whom this is true.
pub fn is_owner(grants: &Grants) -> bool {
    grants
        .get(Role::Owner)
        .is_some_and(|grant| grant.until.is_none())
}

/// Whether `after` lets a person do something, or for longer, that `before` did not.
fn gains(before: &Grants, after: &Grants) -> bool {
    after
        .list()
        .iter()
        .any(|grant| match (before.get(grant.role), grant.until) {
            (None, _) => true,
            (Some(had), until) => had
                .until
                .is_some_and(|had| until.is_none_or(|until| until > had)),
        })
}

/// Whether `after` makes somebody a checker, or one for longer.
pub fn makes_checker(before: &Grants, after: &Grants) -> bool {
    let checker = |grants: &Grants| Grants::from_list(grants.get(Role::Checker));
    gains(&checker(before), &checker(after))
}

/// Whether they may change or remove somebody with these roles at all.
pub fn may_touch(actor: Actor<'_>, target: &Grants) -> bool {
    actor.roles.include(Role::Admin)
        && (actor.roles.include(Role::Owner) || target.get(Role::Owner).is_none())
}

const OWNERS_ONLY: &str = "Only an owner can change or remove an owner.";
const ADMINS_ONLY: &str = "This needs the role admin in this workspace.";
pub const LAST_OWNER: &str =
    "The workspace needs an owner, and there is no other. Make somebody else an owner first.";

pub const LAST_OTHER_CHECKER: &str = "They are the only other checker, and the rules of this workspace are loosened by two. \
     Make somebody else a checker first.";

const NOT_WHILE_ACTING: &str = "An operator gives nobody a role that makes keys, approves them or manages members. An admin here has to.";

/// Whether somebody gains a role that reaches keys or approvals, themselves or by giving it on: what an operator who acts
/// in a workspace must not come by through another account.
fn lets_more_in(before: &Grants, after: &Grants) -> bool {
    let without_audit = |grants: &Grants| {
        Grants::from_list(
            grants
                .list()
                .iter()
                .filter(|grant| grant.role != Role::Auditor)
                .copied(),
        )
    };
    gains(&without_audit(before), &without_audit(after))
}

/// Whether they may invite somebody to these roles.
pub fn invite(actor: Actor<'_>, grants: &Grants) -> Result<(), &'static str> {
    if !actor.roles.include(Role::Admin) {
        Err(ADMINS_ONLY)
    } else if grants.get(Role::Owner).is_some() && !actor.roles.include(Role::Owner) {
        Err("Only an owner can invite an owner.")
    } else if actor.roles.is_acting() && lets_more_in(&Grants::default(), grants) {
        Err(NOT_WHILE_ACTING)
    } else {
        Ok(())
    }
}

/// Whether they may give the member these roles in place of those they have. `another_owner`: whether somebody else
/// owns the workspace for good.
pub fn change(
    actor: Actor<'_>,
    target_id: &str,
    before: &Grants,
    after: &Grants,
    another_owner: bool,
) -> Result<(), &'static str> {
    let owner = actor.roles.include(Role::Owner);
    if after.is_empty() {
        return Err("Choose at least one role. To take all of them, remove the member.");
    }
    if !actor.roles.include(Role::Admin) {
        return Err(ADMINS_ONLY);
    }
    if !may_touch(actor, before) {
        return Err(OWNERS_ONLY);
    }
    if after.get(Role::Owner).is_some() && !owner {
        return Err("Only an owner can make somebody an owner.");
    }
    if actor.roles.is_acting() && lets_more_in(before, after) {
        return Err(NOT_WHILE_ACTING);
    }
    if actor.user_id == target_id && !owner && gains(before, after) {
        return Err("You can't give yourself a role. Another admin has to.");
    }
    if is_owner(before) && !is_owner(after) && !another_owner {
        return Err(LAST_OWNER);
    }
    Ok(())
}

/// Whether they may remove somebody else.
pub fn remove(
    actor: Actor<'_>,
    target_id: &str,
    roles: &Grants,
    another_owner: bool,
) -> Result<(), &'static str> {
    if !actor.roles.include(Role::Admin) {
        Err(ADMINS_ONLY)
    } else if actor.user_id == target_id {
        Err("To go yourself, leave the workspace.")
    } else if !may_touch(actor, roles) {
        Err(OWNERS_ONLY)
    } else if is_owner(roles) && !another_owner {
        Err(LAST_OWNER)
    } else {
        Ok(())
    }
}

/// Whether a member with these roles may go.
pub fn leave(roles: &Grants, another_owner: bool) -> Result<(), &'static str> {
    if is_owner(roles) && !another_owner {
        Err(LAST_OWNER)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Role::{Admin, Auditor, Checker, Developer, Owner};

    /// 2027-03-14T13:02:07Z.
    const NOW: Millis = 1_805_029_327_000;

    fn actor<'a>(user_id: &'a str, roles: &'a Roles) -> Actor<'a> {
        Actor { user_id, roles }
    }

    fn until(role: Role, until: Millis) -> Grants {
        Grants::from_list([Grant {
            role,
            until: Some(until),
        }])
    }

    #[test]
    fn only_owners_make_or_change_owners() {
        let (admin, owner) = (Roles::of(&[Admin]), Roles::of(&[Owner]));
        let (plain, owning) = (Grants::of(&[Developer]), Grants::of(&[Owner]));
        assert!(change(actor("a", &admin), "b", &plain, &owning, true).is_err());
        assert!(change(actor("a", &admin), "b", &owning, &plain, true).is_err());
        assert!(change(actor("a", &owner), "b", &plain, &owning, true).is_ok());
        assert!(change(actor("a", &owner), "b", &owning, &plain, true).is_ok());
        assert!(invite(actor("a", &admin), &owning).is_err());
        assert!(invite(actor("a", &owner), &owning).is_ok());
        assert!(remove(actor("a", &admin), "b", &owning, true).is_err());
        assert!(remove(actor("a", &owner), "b", &owning, true).is_ok());
    }

    #[test]
    fn nobody_but_an_owner_gives_themselves_a_role_or_more_time() {
        let (admin, owner) = (Roles::of(&[Admin]), Roles::of(&[Owner]));
        let before = Grants::of(&[Admin]);
        let after = Grants::of(&[Admin, Checker]);
        assert!(change(actor("a", &admin), "a", &before, &after, true).is_err());
        assert!(change(actor("a", &admin), "b", &before, &after, true).is_ok());
        let owning = Grants::of(&[Owner]);
        assert!(
            change(
                actor("a", &owner),
                "a",
                &owning,
                &Grants::of(&[Owner, Checker]),
                false
            )
            .is_ok()
        );
        let short = merged(&before, &until(Checker, 5));
        for longer in [merged(&before, &until(Checker, 6)), after.clone()] {
            assert!(change(actor("a", &admin), "a", &short, &longer, true).is_err());
        }
        let shorter = merged(&before, &until(Checker, 4));
        for fewer in [shorter, before.clone()] {
            assert!(change(actor("a", &admin), "a", &short, &fewer, true).is_ok());
        }
    }

    #[test]
    fn the_last_owner_stays_and_nobody_is_left_without_a_role() {
        let owner = Roles::of(&[Owner]);
        let owning = Grants::of(&[Owner]);
        let fewer = Grants::of(&[Admin]);
        assert_eq!(
            change(actor("a", &owner), "a", &owning, &fewer, false),
            Err(LAST_OWNER)
        );
        assert!(change(actor("a", &owner), "a", &owning, &fewer, true).is_ok());
        assert_eq!(leave(&owning, false), Err(LAST_OWNER));
        assert!(leave(&owning, true).is_ok() && leave(&fewer, false).is_ok());
        assert!(change(actor("a", &owner), "b", &fewer, &Grants::default(), true).is_err());
    }

    #[test]
    fn whoever_is_no_admin_changes_nobody() {
        for role in [Developer, Checker, Auditor] {
            let roles = Roles::of(&[role]);
            let (one, other) = (Grants::of(&[Developer]), Grants::of(&[Checker]));
            assert!(change(actor("a", &roles), "b", &one, &other, true).is_err());
            assert!(remove(actor("a", &roles), "b", &one, true).is_err());
            assert!(invite(actor("a", &roles), &one).is_err());
        }
    }

    #[test]
    fn an_acting_operator_lets_nobody_in_and_changes_no_owner() {
        let acting = Roles::of_operator();
        let owning = Grants::of(&[Owner]);
        assert!(invite(actor("a", &acting), &owning).is_err());
        assert!(remove(actor("a", &acting), "b", &owning, true).is_err());
        for role in [Developer, Checker, Admin] {
            let gained = Grants::of(&[Auditor, role]);
            assert!(invite(actor("a", &acting), &gained).is_err());
            let before = Grants::of(&[Auditor]);
            assert!(change(actor("a", &acting), "b", &before, &gained, true).is_err());
            assert!(change(actor("a", &acting), "b", &gained, &before, true).is_ok());
        }
        assert!(invite(actor("a", &acting), &Grants::of(&[Auditor])).is_ok());
    }

    #[test]
    fn an_end_is_the_last_moment_of_its_day() {
        let ask = |text: &'static str| {
            grants(&["checker".to_owned()], |_| text.to_owned(), NOW).map(|grants| {
                grants
                    .get(Checker)
                    .and_then(|grant| grant.until)
                    .unwrap_or_default()
            })
        };
        let end = ask("2027-03-14").expect("today is not over");
        assert_eq!(end, 1_805_068_800_000);
        assert_eq!(day_before(end), "2027-03-14");
        assert_eq!(in_words(&until(Checker, end)), "checker until 14 Mar 2027");
        assert_eq!(ask("").expect("for good"), 0);
        for wrong in [
            "2027-03-13",
            "2028-03-20",
            "14.3.2027",
            "2027-02-30",
            "2027-3-14",
            "tomorrow",
            "2027-03-14T00:00",
            "9999-12-31",
        ] {
            assert!(ask(wrong).is_err(), "{wrong}");
        }
        assert!(ask("2028-03-13").is_ok());
    }

    #[test]
    fn roles_are_asked_for_by_their_words() {
        let ask = |roles: &[&str]| {
            let roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
            grants(&roles, |_| String::new(), NOW)
        };
        assert!(ask(&[]).is_err() && ask(&["boss"]).is_err() && ask(&["Owner"]).is_err());
        let grants = ask(&["owner", "developer", "owner"]).expect("sound");
        assert_eq!(in_words(&grants), "developer and owner");
        // A role that ends for nobody has no date field, so none is read.
        let admin = super::grants(&["admin".to_owned()], |_| "2027-04-01".to_owned(), NOW);
        assert_eq!(admin.expect("sound"), Grants::of(&[Admin]));
    }

    #[test]
    fn handing_over_keeps_the_other_roles() {
        let (from, to) = handed_over(&Grants::of(&[Owner, Checker]), &Grants::of(&[Developer]));
        assert_eq!(from, Grants::of(&[Admin, Checker]));
        assert_eq!(to, Grants::of(&[Developer, Owner]));
    }

    #[test]
    fn addresses_and_names_that_deceive_are_refused() {
        for text in [
            "",
            "a",
            "@",
            "a@",
            "@b.test",
            "a@b@c.test",
            "a b@c.test",
            "a\0@c.test",
            "a\u{200b}@c.test",
            "a@c..test",
            "a@.test",
            "A <a@c.test>",
            "a@c.test,b@c.test",
            "a@c.test\r\nBcc: x@y.test",
        ] {
            assert!(email(text).is_err(), "{text:?}");
        }
        assert!(email(&format!("{}@c.test", "a".repeat(248))).is_err());
        for text in [
            "a+b@c.test",
            "o'neil@c.test",
            "\u{430}@c.test",
            " a@c.test ",
        ] {
            assert!(email(text).is_ok(), "{text:?}");
        }
        for text in ["", "  ", "a\0b", "a\u{202e}b", "a\nb", &"x".repeat(61)] {
            assert!(name(text).is_err(), "{text:?}");
        }
        assert!(name(&"\u{6771}".repeat(60)).is_ok());
    }
}
