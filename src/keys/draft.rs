//! A new key as far as its form is filled in. It is kept on the server for a day, so that Back, reloading and signing out
//! lose nothing; no secret is in it.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::{
    allow::{AllowEntry, ListKind},
    money, pair,
    policy::{self, MAX_LABEL, Wanted},
    store::{self, KeyRow},
    terms::{Expiry, Terms},
    upkeep::DRAFTS_KEPT,
};
use crate::{
    accounts::Viewer,
    approvals::{self, asked::Asked},
    db::Reader,
    profiles::Profile,
    server::{
        clock::{Millis, is_id},
        error::AppError,
        page::Fields,
        state::AppState,
    },
};

/// A step of the form, where it has several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Basics,
    Permissions,
    Rails,
    Review,
}

impl Step {
    pub const ALL: [Self; 4] = [Self::Basics, Self::Permissions, Self::Rails, Self::Review];

    /// As it stands in an address.
    pub const fn number(self) -> u8 {
        match self {
            Self::Basics => 1,
            Self::Permissions => 2,
            Self::Rails => 3,
            Self::Review => 4,
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        let number: u8 = text.parse().ok()?;
        Self::ALL.into_iter().find(|step| step.number() == number)
    }

    pub const fn word(self) -> &'static str {
        match self {
            Self::Basics => "Basics",
            Self::Permissions => "Permissions",
            Self::Rails => "Guard rails",
            Self::Review => "Review",
        }
    }

    /// The step that a field stands on.
    pub fn of(field: &str) -> Self {
        match field {
            "environment" | "label" | "purpose" | "half" | "public_key" => Self::Basics,
            "scopes" => Self::Permissions,
            "currency_kind" | "currency" | "max_amount" | "max_daily" | "expiry" | "expires_in"
            | "expires_on" | "addresses" | "domains" => Self::Rails,
            _ => Self::Review,
        }
    }

    /// The one after it; the last leads nowhere.
    #[must_use]
    pub fn next(self) -> Self {
        let after = Self::ALL.into_iter().find(|step| *step > self);
        after.unwrap_or(self)
    }

    pub fn before(self) -> Option<Self> {
        Self::ALL.into_iter().rev().find(|step| *step < self)
    }
}

/// Whether the profile's form has steps; otherwise it is one page.
pub fn has_steps(profile: &Profile) -> bool {
    let form = &profile.create;
    form.limits || form.addresses || form.currency
}

/// The page of a kept form, at a step if it has any.
pub fn address(id: &str, step: Option<Step>) -> String {
    let step = step.map_or_else(String::new, |step| format!("&step={}", step.number()));
    format!("/keys/new?draft={id}{step}")
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Draft {
    pub wanted: Wanted,
    /// The ended request that this one takes up.
    pub follows: Option<String>,
    /// The number of the furthest step that was led to.
    pub reached: u8,
}

impl Draft {
    /// Takes over what a step sent, or all that a form without steps did. What such a form does not show stays as it was,
    /// unless it is sent all the same.
    pub fn take(&mut self, fields: &Fields, step: Option<Step>) {
        let sends = |one| step.is_none() || step == Some(one);
        let text = |name: &str| fields.get(name).to_owned();
        let wanted = &mut self.wanted;
        if sends(Step::Basics) {
            wanted.environment = text("environment");
            wanted.label = text("label");
            wanted.purpose = text("purpose");
            wanted.half = text("half");
            wanted.public_key = pair::kept(fields.get("public_key"));
        }
        if sends(Step::Permissions) {
            wanted.scopes = fields.all("scopes");
        }
        if sends(Step::Rails) {
            wanted.expiry = text("expiry");
            wanted.expires_in = text("expires_in");
            wanted.expires_on = text("expires_on");
            for (name, value) in [
                ("currency_kind", &mut wanted.currency_kind),
                ("currency", &mut wanted.currency),
                ("max_amount", &mut wanted.max_amount),
                ("max_daily", &mut wanted.max_daily),
                ("addresses", &mut wanted.addresses),
                ("domains", &mut wanted.domains),
            ] {
                let sent = fields.all(name).into_iter().next();
                if step.is_some() || sent.is_some() {
                    *value = sent.unwrap_or_default();
                }
            }
        }
    }

    /// The first step before this one that something is missing on: nobody gets past it.
    pub fn first_wrong(&self, profile: &Profile, before: Step, now: Millis) -> Option<Step> {
        let wrong = policy::new_key(profile, &self.wanted, "", now).err()?;
        wrong
            .iter()
            .map(|error| Step::of(&error.field))
            .filter(|step| *step < before)
            .min()
    }
}

/// What was kept under this id, if it is this person's in this workspace and no older than a day.
pub async fn kept(
    reader: &mut Reader,
    state: &AppState,
    viewer: &Viewer,
    id: &str,
) -> Result<Option<Draft>, AppError> {
    if !is_id(id, "drf") {
        return Ok(None);
    }
    let whose = (id, viewer.workspace_id(), viewer.user_id.as_str());
    let since = state.clock.now() - DRAFTS_KEPT;
    let text = store::draft(reader, whose, since).await?;
    // What another version wrote and this one cannot read is as good as gone.
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

/// Keeps it; false if the id is another person's or another workspace's.
pub async fn keep(
    state: &AppState,
    viewer: &Viewer,
    id: &str,
    draft: &Draft,
) -> Result<bool, AppError> {
    let text = serde_json::to_string(draft)
        .map_err(|error| AppError::Internal(format!("a draft: {error}")))?;
    let whose = (id, viewer.workspace_id(), viewer.user_id.as_str());
    let mut tx = state.db.begin().await?;
    let ours = store::save_draft(&mut tx, whose, &text, state.clock.now()).await?;
    tx.commit().await?;
    Ok(ours)
}

/// What a form begins with.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// The key that the new one is to be like.
    pub like: String,
    /// The ended request that is to be changed and sent again.
    pub again: String,
    /// An environment that was asked for by name.
    pub environment: Option<String>,
}

/// The form as it begins. What is no key of the workspace, or no request of this person that ended without a key, fills
/// in nothing.
pub async fn begun(
    reader: &mut Reader,
    state: &AppState,
    viewer: &Viewer,
    start: &Start,
) -> Result<Draft, AppError> {
    let (profile, now) = (&state.profile, state.clock.now());
    let workspace_id = viewer.workspace_id();
    if is_id(&start.again, "apr")
        && let Some(row) = approvals::store::find(reader, workspace_id, &start.again).await?
        && row.requested_by == viewer.user_id
        && row
            .outcome(now)
            .is_some_and(|outcome| outcome != "approved")
        && let Asked::NewKey { key } = Asked::parse(&row.asked)?
    {
        let mut wanted = wanted_of(profile, &key.terms, now);
        wanted.environment = key.environment;
        wanted.label = key.label;
        wanted.purpose = key.purpose;
        if let Some(public_key) = key.verifying_key {
            pair::OWN.clone_into(&mut wanted.half);
            wanted.public_key = public_key;
        }
        return Ok(Draft {
            wanted,
            follows: Some(row.id),
            reached: 0,
        });
    }
    if is_id(&start.like, "key")
        && let Some(row) = store::find(reader, workspace_id, &start.like).await?
    {
        return Ok(Draft {
            wanted: like(profile, &row, start.environment.as_deref(), now),
            ..Draft::default()
        });
    }
    Ok(Draft::default())
}

/// What asks for a key like this one, in this environment or in its own.
fn like(profile: &Profile, row: &KeyRow, environment: Option<&str>, now: Millis) -> Wanted {
    let mut wanted = wanted_of(profile, &row.terms(), now);
    let environment = environment.unwrap_or(&row.environment);
    environment.clone_into(&mut wanted.environment);
    wanted.purpose.clone_from(&row.purpose);
    wanted.label = if environment == row.environment {
        const COPY: &str = " (copy)";
        let kept = MAX_LABEL - COPY.len();
        format!(
            "{}{COPY}",
            row.label.chars().take(kept).collect::<String>().trim_end()
        )
    } else {
        row.label.clone()
    };
    wanted
}

/// Terms as they would be typed. What the profile has no more is left out.
fn wanted_of(profile: &Profile, terms: &Terms, now: Millis) -> Wanted {
    let limits = &terms.limits;
    let currency = limits
        .currency
        .as_deref()
        .and_then(|id| profile.currency(id));
    let amount = |amount: Option<i64>| match (amount, currency) {
        (Some(amount), Some(currency)) => money::plain(amount, currency),
        _ => String::new(),
    };
    let list = |kind: ListKind, offered: bool| {
        let lines: Vec<String> = terms
            .allow
            .iter()
            .filter(|entry| offered && entry.kind == kind)
            .map(line)
            .collect();
        lines.join("\n")
    };
    let mut wanted = Wanted {
        scopes: terms
            .scopes
            .iter()
            .filter(|id| profile.scope(id).is_some())
            .cloned()
            .collect(),
        currency_kind: limits.kind.map_or("", |kind| kind.as_str()).to_owned(),
        currency: currency.map_or_else(String::new, |currency| currency.id.clone()),
        max_amount: amount(limits.max_amount),
        max_daily: amount(limits.max_daily),
        addresses: list(ListKind::Ip, profile.allow.addresses),
        domains: list(ListKind::Domain, profile.allow.domains),
        ..Wanted::default()
    };
    match terms.expiry {
        Expiry::Never => "never".clone_into(&mut wanted.expiry),
        Expiry::Days(days) if policy::lives(profile).contains(&days) => {
            wanted.expiry = days.to_string();
        }
        Expiry::Days(days) => {
            "days".clone_into(&mut wanted.expiry);
            wanted.expires_in = days.to_string();
        }
        Expiry::At(at) => {
            "date".clone_into(&mut wanted.expiry);
            wanted.expires_on = last_day(at);
        }
    }
    // An end that is over, or that the profile has come to forbid, gives way to the one that it proposes.
    let complete = Wanted {
        environment: profile.environments[0].id.clone(),
        label: "Label".to_owned(),
        ..wanted.clone()
    };
    let refused = policy::new_key(profile, &complete, "", now).err();
    let names = ["expiry", "expires_in", "expires_on"];
    if refused.is_some_and(|wrong| {
        wrong
            .iter()
            .any(|error| names.contains(&error.field.as_str()))
    }) {
        wanted.expiry.clear();
        wanted.expires_in.clear();
        wanted.expires_on.clear();
    }
    wanted
}

fn line(entry: &AllowEntry) -> String {
    if entry.note.is_empty() {
        entry.value.clone()
    } else {
        format!("{} # {}", entry.value, entry.note)
    }
}

/// The last day (UTC) of a life that ends at this moment, as a date field takes it.
fn last_day(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at - 1).map_or_else(
        |_| String::new(),
        |last| {
            last.to_zoned(TimeZone::UTC)
                .strftime("%Y-%m-%d")
                .to_string()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{keys::terms::Limits, profiles::CurrencyKind, server::clock::DAY};

    #[test]
    fn terms_that_are_typed_again_come_to_the_same() {
        let profile = Profile::load("dual-mode").expect("it loads");
        let day = 20_000 * DAY;
        let entry = |kind, value: &str| AllowEntry {
            kind,
            value: value.to_owned(),
            note: "the till".to_owned(),
            added_by: String::new(),
            added_at: day,
        };
        for expiry in [
            Expiry::Never,
            Expiry::Days(7),
            Expiry::Days(45),
            Expiry::At(day + 12 * DAY),
        ] {
            let terms = Terms {
                scopes: vec!["transactions:write".to_owned()],
                limits: Limits {
                    kind: Some(CurrencyKind::Fiat),
                    currency: Some("NGN".to_owned()),
                    max_amount: Some(150),
                    max_daily: Some(10_000_000),
                },
                expiry,
                allow: vec![
                    entry(ListKind::Ip, "203.0.113.0/24"),
                    entry(ListKind::Domain, "shop.example"),
                ],
            };
            let wanted = wanted_of(&profile, &terms, day);
            assert_eq!(policy::so_far(&profile, &wanted, day), terms);
        }
    }

    #[test]
    fn an_end_that_is_over_gives_way_to_the_proposed_one() {
        let profile = Profile::load("universal-wallet").expect("it loads");
        for expiry in [Expiry::Never, Expiry::At(DAY), Expiry::Days(9999)] {
            let terms = Terms {
                expiry,
                ..Terms::default()
            };
            let wanted = wanted_of(&profile, &terms, 20_000 * DAY);
            assert_eq!(
                (wanted.expiry, wanted.expires_on),
                (String::new(), String::new())
            );
        }
    }
}
