//! What a request would change, in rows.

use crate::{
    approvals::settings::Settings,
    keys::{
        allow::{AllowEntry, ListKind},
        terms::{Expiry, Terms},
        view::amount,
    },
    profiles::Profile,
    server::{clock::Millis, error::AppError},
    ui::{
        statement::Difference,
        time::{self, count},
    },
    workspaces::{Grants, Role, policy, view},
};

/// Rows for a key: `before` are its own terms, or those of a key to compare with.
pub fn of_terms(profile: &Profile, before: &Terms, after: &Terms, zone: &str) -> Vec<Difference> {
    let mut rows = vec![listed("Scopes", &before.scopes, &after.scopes, "None")];
    if !profile.currencies.is_empty() {
        let limit =
            |terms: &Terms, limit: Option<i64>| or(amount(profile, terms, limit), "No limit");
        rows.push(single(
            "A request",
            limit(before, before.limits.max_amount),
            limit(after, after.limits.max_amount),
        ));
        rows.push(single(
            "A UTC day",
            limit(before, before.limits.max_daily),
            limit(after, after.limits.max_daily),
        ));
    }
    for (label, kind, offered, none) in [
        (
            "Addresses",
            ListKind::Ip,
            profile.allow.addresses,
            "Any address",
        ),
        (
            "Domains",
            ListKind::Domain,
            profile.allow.domains,
            "Any domain",
        ),
    ] {
        let (before, after) = (values(&before.allow, kind), values(&after.allow, kind));
        if offered || !before.is_empty() || !after.is_empty() {
            rows.push(listed(label, &before, &after, none));
        }
    }
    rows.push(single(
        "Ends",
        end(before.expiry, zone),
        end(after.expiry, zone),
    ));
    rows
}

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
    Ok(vec![listed(
        "Roles",
        &words(&before),
        &words(&after),
        "None",
    )])
}

/// Rows for the rules of the workspace.
pub fn of_rules(before: &Settings, after: &Settings) -> Vec<Difference> {
    let yes = |is: bool| if is { "Yes" } else { "No" }.to_owned();
    vec![
        single(
            "Needs approval",
            super::level_words(before.keys).to_owned(),
            super::level_words(after.keys).to_owned(),
        ),
        single("Own approval, alone", yes(before.own), yes(after.own)),
        single(
            &format!("Making a {} needs it", Role::Checker.as_str()),
            yes(before.roles),
            yes(after.roles),
        ),
        single("Loosening needs it", yes(before.policy), yes(after.policy)),
    ]
}

fn single(label: &str, now: String, asked: String) -> Difference {
    Difference {
        label: label.to_owned(),
        now,
        asked,
        ..Difference::default()
    }
}

/// What comes and goes; a list that stays is said whole.
fn listed(label: &str, before: &[String], after: &[String], none: &str) -> Difference {
    let missing = |from: &[String], of: &[String]| -> Vec<String> {
        of.iter()
            .filter(|one| !from.contains(one))
            .cloned()
            .collect()
    };
    let (added, removed) = (missing(before, after), missing(after, before));
    let said = |list: &[String]| or(list.join(", "), none);
    // Where a list begins or ends, what that means is said too: no addresses are any address.
    let (now, asked) = if added.is_empty() && removed.is_empty() {
        (said(before), said(before))
    } else if before.is_empty() {
        (none.to_owned(), count_of(after))
    } else if after.is_empty() {
        (count_of(before), none.to_owned())
    } else {
        (String::new(), String::new())
    };
    Difference {
        label: label.to_owned(),
        now,
        asked,
        added,
        removed,
    }
}

fn count_of(list: &[String]) -> String {
    count(u64::try_from(list.len()).unwrap_or(0), "entry", "entries")
}

fn or(text: String, none: &str) -> String {
    if text.is_empty() {
        none.to_owned()
    } else {
        text
    }
}

fn values(allow: &[AllowEntry], kind: ListKind) -> Vec<String> {
    allow
        .iter()
        .filter(|entry| entry.kind == kind)
        .map(|entry| entry.value.clone())
        .collect()
}

fn end(expiry: Expiry, zone: &str) -> String {
    match expiry {
        Expiry::Never => "Never".to_owned(),
        Expiry::Days(days) => format!(
            "{} after its secret is made",
            count(u64::from(days), "day", "days")
        ),
        Expiry::At(at) => time::absolute(at, zone),
    }
}
