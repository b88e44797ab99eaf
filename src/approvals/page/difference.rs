//! What a request would change, in rows.

use crate::{
    approvals::settings::Settings,
    keys::differences::{list, value},
    server::{clock::Millis, error::AppError},
    ui::statement::Difference,
    workspaces::{Grants, Role, policy, view},
};

/// Rows for roles; of an invitation there were none before.
pub fn of_roles(before: &str, after: &str, now: Millis) -> Result<Vec<Difference>, AppError> {
    let (before, after) = (view::grants(before)?, view::grants(after)?);
    let words = |grants: &Grants| -> Vec<String> {
        grants
            .list()
            .iter()
            .filter(|grant| grant.until.is_none_or(|until| now < until))
            .map(|grant| policy::in_words(&Grants::from_list([*grant])))
            .collect()
    };
    Ok(vec![list("Roles", &words(&before), &words(&after), "None")])
}

/// Rows for the rules of the workspace.
pub fn of_rules(before: Settings, after: Settings) -> Vec<Difference> {
    let yes = |is: bool| if is { "Yes" } else { "No" }.to_owned();
    vec![
        value(
            "Needs approval",
            super::level_words(before.keys).to_owned(),
            super::level_words(after.keys).to_owned(),
        ),
        value("Own approval, alone", yes(before.own), yes(after.own)),
        value(
            &format!("Making a {} needs it", Role::Checker.as_str()),
            yes(before.roles),
            yes(after.roles),
        ),
        value("Loosening needs it", yes(before.policy), yes(after.policy)),
    ]
}
