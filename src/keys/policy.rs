//! What a key may be and who may do what with one. Pure: values in, values out.

use jiff::{civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::{
    allow::{self, AllowEntry, ListKind},
    money, pair,
    terms::{Expiry, Limits, Terms},
};
use crate::{
    accounts::Viewer,
    error::{FieldError, UiError, UiErrorKind},
    profiles::{ApprovalLevel, CurrencyKind, KeyStyle, Profile, ScopeFlag},
    server::clock::{DAY, Millis},
    workspaces::Role,
};

/// Who may look at keys, requests and counts.
pub const READERS: &[Role] = &[Role::Developer, Role::Checker, Role::Auditor, Role::Admin];

pub const MAX_LABEL: usize = 60;
pub const MAX_PURPOSE: usize = 300;
/// Pairs of metadata, and characters of a name and a value.
const MAX_META: usize = 20;
const MAX_META_NAME: usize = 40;
const MAX_META_VALUE: usize = 200;
/// The furthest end that a key can be given where the profile sets none: what a date field of a browser still takes.
const MAX_LIFE_DAYS: u32 = 3650;
/// Days that a form offers: a trial, a month, a quarter, a year.
const LIVES: [u32; 4] = [7, 30, 90, 365];

/// What is asked for, as it was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wanted {
    pub environment: String,
    pub label: String,
    pub purpose: String,
    pub scopes: Vec<String>,
    /// Where the halves of a pair come from: [`pair::OWN`] if its public key is handed in, else Latchkey makes them.
    pub half: String,
    pub public_key: String,
    pub currency_kind: String,
    pub currency: String,
    pub max_amount: String,
    pub max_daily: String,
    /// A number of days, `days` (then `expires_in`), `date` (then `expires_on`) or `never`; the profile's default if empty.
    pub expiry: String,
    pub expires_in: String,
    pub expires_on: String,
    /// One to a line or with commas between.
    pub addresses: String,
    pub domains: String,
}

/// A key that is asked for, every part of it checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewKey {
    pub environment: String,
    pub label: String,
    pub purpose: String,
    pub terms: Terms,
    /// An Ed25519 public key that was handed in: the other half of the pair stays where it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verifying_key: Option<String>,
    /// In place of the workspace's own tier; given at the console alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub meta: Vec<(String, String)>,
}

/// Collects what is wrong, by field.
#[derive(Default)]
struct Wrong(Vec<FieldError>);

impl Wrong {
    fn say(&mut self, field: &str, message: impl Into<String>) {
        self.0.push(FieldError {
            field: field.to_owned(),
            message: message.into(),
        });
    }
}

/// Checks what is asked for against the profile; says about each field what is wrong with it. `maker`: who adds the
/// addresses.
pub fn new_key(
    profile: &Profile,
    wanted: &Wanted,
    maker: &str,
    now: Millis,
) -> Result<NewKey, Vec<FieldError>> {
    let (key, wrong) = read(profile, wanted, maker, now);
    if wrong.is_empty() {
        Ok(key)
    } else {
        Err(wrong)
    }
}

/// What a form comes to as far as it can be read, for the sentence beside it.
pub fn so_far(profile: &Profile, wanted: &Wanted, now: Millis) -> Terms {
    read(profile, wanted, "", now).0.terms
}

fn read(profile: &Profile, wanted: &Wanted, maker: &str, now: Millis) -> (NewKey, Vec<FieldError>) {
    let mut wrong = Wrong::default();
    if profile.environment(&wanted.environment).is_none() {
        let words: Vec<&str> = profile.environments.iter().map(|e| e.id.as_str()).collect();
        wrong.say(
            "environment",
            format!("Choose an environment: {}.", words.join(" or ")),
        );
    }
    let label = label(&wanted.label, &mut wrong);
    let purpose = purpose(&wanted.purpose, &mut wrong);
    let scopes = scopes(profile, &wanted.scopes, &mut wrong);
    let verifying_key = verifying_key(profile, wanted, &mut wrong);
    let limits = limits(profile, wanted, &mut wrong);
    let expiry = expiry(profile, wanted, now, &mut wrong);
    let mut allow = Vec::new();
    for (kind, field, text, offered) in [
        (
            ListKind::Ip,
            "addresses",
            &wanted.addresses,
            profile.allow.addresses,
        ),
        (
            ListKind::Domain,
            "domains",
            &wanted.domains,
            profile.allow.domains,
        ),
    ] {
        if !offered && !text.trim().is_empty() {
            wrong.say(field, format!("{} binds no key to these.", profile.name));
            continue;
        }
        match allow::parse_many(kind, text, &[]) {
            Err(message) => wrong.say(field, message),
            Ok(lines) => {
                for line in lines {
                    match line.outcome {
                        Ok(entry) => allow.push(AllowEntry {
                            kind,
                            value: entry.value,
                            note: entry.note,
                            added_by: maker.to_owned(),
                            added_at: now,
                        }),
                        Err(message) => {
                            wrong.say(field, format!("{}: {message}", printable(&line.text)));
                        }
                    }
                }
            }
        }
    }
    let key = NewKey {
        environment: wanted.environment.clone(),
        label,
        purpose,
        terms: Terms {
            scopes,
            limits,
            expiry,
            allow,
        },
        verifying_key,
        tier: None,
        meta: Vec::new(),
    };
    (key, wrong.0)
}

/// What an edit asks for in place of label, purpose, scopes, limits and expiry; the lists have a form of their own.
pub fn edited(
    profile: &Profile,
    wanted: &Wanted,
    before: &Terms,
    now: Millis,
) -> Result<(String, String, Terms), Vec<FieldError>> {
    let mut wrong = Wrong::default();
    let label = label(&wanted.label, &mut wrong);
    let purpose = purpose(&wanted.purpose, &mut wrong);
    let scopes = scopes(profile, &wanted.scopes, &mut wrong);
    let limits = if profile.currencies.is_empty() {
        before.limits.clone()
    } else {
        limits(profile, wanted, &mut wrong)
    };
    // Kept as it is to the millisecond, which no field shows.
    let expiry = if wanted.expiry == "keep" {
        before.expiry
    } else {
        match expiry(profile, wanted, now, &mut wrong) {
            // A key that is in use has its end on the calendar.
            Expiry::Days(days) => Expiry::At(now + i64::from(days) * DAY),
            other => other,
        }
    };
    if wrong.0.is_empty() {
        let terms = Terms {
            scopes,
            limits,
            expiry,
            allow: before.allow.clone(),
        };
        Ok((label, purpose, terms))
    } else {
        Err(wrong.0)
    }
}

fn label(text: &str, wrong: &mut Wrong) -> String {
    let label = text.trim();
    if label.is_empty() {
        wrong.say("label", "Give the key a label, so that you know it again.");
    } else if label.chars().count() > MAX_LABEL {
        wrong.say("label", format!("Use at most {MAX_LABEL} characters."));
    } else if label.chars().any(is_invisible) {
        wrong.say(
            "label",
            "Use letters, digits and punctuation; a control or invisible character is in it.",
        );
    }
    label.to_owned()
}

fn purpose(text: &str, wrong: &mut Wrong) -> String {
    let purpose = text.trim().replace("\r\n", "\n");
    if purpose.chars().count() > MAX_PURPOSE {
        wrong.say("purpose", format!("Use at most {MAX_PURPOSE} characters."));
    } else if purpose.chars().any(|c| c != '\n' && is_invisible(c)) {
        wrong.say(
            "purpose",
            "Use letters, digits and punctuation; a control or invisible character is in it.",
        );
    }
    purpose
}

/// In the catalogue's order, each once. `customers:*` is spelt out: what the catalogue gains later is not in it.
fn scopes(profile: &Profile, asked: &[String], wrong: &mut Wrong) -> Vec<String> {
    let covers = |asked: &str, id: &str| {
        asked == id
            || (asked == "*" && profile.scope("*").is_none())
            || asked
                .strip_suffix('*')
                .is_some_and(|start| start.ends_with(':') && id.starts_with(start))
    };
    let unknown = asked
        .iter()
        .find(|asked| !profile.scopes().any(|scope| covers(asked, &scope.id)));
    if asked.is_empty() {
        wrong.say(
            "scopes",
            "Choose at least one scope; a key without any can do nothing.",
        );
    } else if let Some(first) = unknown {
        wrong.say(
            "scopes",
            format!(
                "There is no scope \u{201c}{}\u{201d} here.",
                printable(first)
            ),
        );
    }
    profile
        .scopes()
        .filter(|scope| asked.iter().any(|asked| covers(asked, &scope.id)))
        .map(|scope| scope.id.clone())
        .collect()
}

fn verifying_key(profile: &Profile, wanted: &Wanted, wrong: &mut Wrong) -> Option<String> {
    if wanted.half != pair::OWN {
        return None;
    }
    if profile.key_style != KeyStyle::Pair {
        wrong.say(
            "public_key",
            format!("Keys of {} are no pairs.", profile.name),
        );
        return None;
    }
    pair::public_key(&wanted.public_key)
        .map_err(|message| wrong.say("public_key", message))
        .ok()
}

fn limits(profile: &Profile, wanted: &Wanted, wrong: &mut Wrong) -> Limits {
    let mut limits = Limits::default();
    let typed = [&wanted.max_amount, &wanted.max_daily]
        .into_iter()
        .any(|text| !text.trim().is_empty());
    if !wanted.currency_kind.is_empty() {
        limits.kind = CurrencyKind::parse(&wanted.currency_kind);
        if limits.kind.is_none() {
            wrong.say("currency_kind", "Choose Fiat or Crypto.");
        }
    } else if profile.create.currency {
        wrong.say("currency_kind", "Choose Fiat or Crypto.");
    }
    if !typed && wanted.currency.is_empty() {
        return limits;
    }
    let currency = match wanted.currency.as_str() {
        // What the form proposes.
        "" if !profile.create.currency => profile.currencies.first(),
        id => profile.currency(id),
    };
    let Some(currency) = currency else {
        wrong.say("currency", "Choose the currency of the limits.");
        return limits;
    };
    if limits.kind.is_some_and(|kind| kind != currency.kind) {
        wrong.say(
            "currency",
            format!(
                "{} is no {} currency.",
                currency.id,
                wanted.currency_kind.to_lowercase()
            ),
        );
    }
    let mut amount = |field: &str, text: &str| {
        if text.trim().is_empty() {
            return None;
        }
        money::parse(text, currency)
            .map_err(|message| wrong.say(field, message))
            .ok()
    };
    limits.max_amount = amount("max_amount", &wanted.max_amount);
    limits.max_daily = amount("max_daily", &wanted.max_daily);
    if let (Some(one), Some(day)) = (limits.max_amount, limits.max_daily)
        && one > day
    {
        wrong.say(
            "max_amount",
            "No single request can be larger than what a day allows.",
        );
    }
    // A currency that bounds nothing is none.
    limits.currency = typed.then(|| currency.id.clone());
    limits
}

fn expiry(profile: &Profile, wanted: &Wanted, now: Millis, wrong: &mut Wrong) -> Expiry {
    let rule = profile.expiry;
    let max = rule.max_days.unwrap_or(MAX_LIFE_DAYS);
    let too_long = || format!("A key here lives {max} days at most.");
    let days = |text: &str, field: &str, wrong: &mut Wrong| match text.trim().parse::<u32>() {
        Ok(0) | Err(_) => {
            wrong.say(field, "Write a number of days, 1 or more.");
            Expiry::Never
        }
        Ok(days) if days > max => {
            wrong.say(field, too_long());
            Expiry::Never
        }
        Ok(days) => Expiry::Days(days),
    };
    match wanted.expiry.as_str() {
        "" => default_expiry(profile),
        "never" if rule.never => Expiry::Never,
        "never" => {
            wrong.say("expiry", "Every key here has an end. Choose one.");
            Expiry::Never
        }
        "days" => days(&wanted.expires_in, "expires_in", wrong),
        "date" => match end_of_day(wanted.expires_on.trim()) {
            None => {
                wrong.say("expires_on", "Write the day as year-month-day: 2027-03-14.");
                Expiry::Never
            }
            Some(at) if at <= now => {
                wrong.say(
                    "expires_on",
                    "That day is over. Choose one that is to come.",
                );
                Expiry::Never
            }
            // The rest of the last day is given.
            Some(at) if at > now + (i64::from(max) + 1) * DAY => {
                wrong.say("expires_on", too_long());
                Expiry::Never
            }
            Some(at) => Expiry::At(at),
        },
        number => days(number, "expiry", wrong),
    }
}

/// The end that a form proposes.
pub fn default_expiry(profile: &Profile) -> Expiry {
    let rule = profile.expiry;
    match rule.default_days {
        Some(days) => Expiry::Days(days),
        None if rule.never => Expiry::Never,
        None => Expiry::Days(rule.max_days.unwrap_or(MAX_LIFE_DAYS)),
    }
}

/// The lives in days that a form offers at a click, as far as the profile allows them.
pub fn lives(profile: &Profile) -> Vec<u32> {
    let max = profile.expiry.max_days.unwrap_or(MAX_LIFE_DAYS);
    let mut days: Vec<u32> = LIVES.into_iter().filter(|days| *days <= max).collect();
    if let Expiry::Days(default) = default_expiry(profile) {
        days.push(default);
    }
    days.sort_unstable();
    days.dedup();
    days
}

/// The moment at which this day is over in UTC.
fn end_of_day(text: &str) -> Option<Millis> {
    let date: Date = (text.len() == 10).then(|| text.parse().ok()).flatten()?;
    let next = date.tomorrow().ok()?.to_zoned(TimeZone::UTC).ok()?;
    Some(next.timestamp().as_millisecond())
}

/// Metadata as it is typed: a line `name=value` for each.
pub fn meta(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let Some((name, value)) = line.split_once('=') else {
            return Err(format!(
                "Write name=value, not \u{201c}{}\u{201d}.",
                printable(line)
            ));
        };
        let (name, value) = (name.trim(), value.trim());
        let named = !name.is_empty()
            && name.len() <= MAX_META_NAME
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
        if !named {
            return Err(format!(
                "A name has 1 to {MAX_META_NAME} letters, digits, \u{201c}_\u{201d}, \u{201c}-\u{201d} or \u{201c}.\u{201d}, unlike \u{201c}{}\u{201d}.",
                printable(name)
            ));
        }
        if value.chars().count() > MAX_META_VALUE || value.chars().any(is_invisible) {
            return Err(format!(
                "The value of {name} has at most {MAX_META_VALUE} visible characters."
            ));
        }
        if pairs.iter().any(|(other, _)| other == name) {
            return Err(format!("{name} stands there twice."));
        }
        pairs.push((name.to_owned(), value.to_owned()));
    }
    if pairs.len() > MAX_META {
        return Err(format!("Keep at most {MAX_META} lines."));
    }
    Ok(pairs)
}

/// Whether keys of this platform can be bound to a list of that kind.
pub const fn offers(profile: &Profile, kind: ListKind) -> bool {
    match kind {
        ListKind::Ip => profile.allow.addresses,
        ListKind::Domain => profile.allow.domains,
    }
}

/// Whether any of these scopes moves money.
pub fn moves_money(profile: &Profile, scopes: &[String]) -> bool {
    flagged(profile, scopes, ScopeFlag::MovesMoney)
}

pub fn flagged(profile: &Profile, scopes: &[String], flag: ScopeFlag) -> bool {
    profile
        .scopes()
        .any(|scope| scopes.contains(&scope.id) && scope.flags.contains(&flag))
}

/// Whether a key with these scopes in this environment is one that a second person has to agree to.
pub fn needs_checker(
    profile: &Profile,
    level: ApprovalLevel,
    environment: &str,
    scopes: &[String],
) -> bool {
    let live = profile.environment(environment).is_none_or(|e| e.live);
    match level {
        ApprovalLevel::Nothing => false,
        ApprovalLevel::LiveMoney => live && moves_money(profile, scopes),
        ApprovalLevel::Live => live,
        ApprovalLevel::Everything => true,
    }
}

/// Two labels that differ only in case or spacing would be taken for each other.
pub fn folded_label(label: &str) -> String {
    label
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase()
}

/// Characters that could make one label pass for another: controls, and marks that turn or hide text.
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

fn printable(text: &str) -> String {
    text.chars()
        .take(40)
        .map(|c| if is_invisible(c) { '\u{fffd}' } else { c })
        .collect()
}

/// Developers manage their own keys, admins any of the workspace. An operator who acts in it is an admin and no developer,
/// and manages none.
pub fn may_manage(viewer: &Viewer, owner_id: Option<&str>) -> bool {
    viewer.has(Role::Developer) && (viewer.has(Role::Admin) || owner_id == Some(&viewer.user_id))
}

/// Who may end a key: also any checker.
pub fn may_revoke(viewer: &Viewer, owner_id: Option<&str>) -> bool {
    viewer.has(Role::Checker) || may_manage(viewer, owner_id)
}

/// Who may stop a key: also an operator who acts in the workspace.
pub fn may_disable(viewer: &Viewer, owner_id: Option<&str>) -> bool {
    viewer.acting.is_some() || may_revoke(viewer, owner_id)
}

/// Who hands keys to others: an admin who is a member. An operator who acts here decides about nobody's keys.
pub fn may_give(viewer: &Viewer) -> bool {
    viewer.has(Role::Admin) && viewer.acting.is_none()
}

/// What somebody is told who may not hand keys over.
pub fn no_giver() -> UiError {
    UiError::new(
        UiErrorKind::NotAllowed,
        "An admin of the workspace hands keys over. An operator who acts in it can stop them.",
    )
}

/// What an operator is told who acts in a workspace and would end all its keys.
pub const NOT_AN_OPERATORS: &str =
    "Its own admins alone can end every key of a workspace. As an operator you can suspend it.";

/// What somebody is told who may not do that with this key.
pub fn not_yours() -> UiError {
    UiError::new(
        UiErrorKind::NotAllowed,
        "You can manage keys of your own. Its owner or an admin can change this one; a checker can stop it.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(label: &str, scopes: &[&str]) -> Result<NewKey, Vec<FieldError>> {
        let profile = Profile::load("revkeen").expect("it loads");
        let wanted = Wanted {
            environment: "sandbox".to_owned(),
            label: label.to_owned(),
            scopes: scopes.iter().map(|s| (*s).to_owned()).collect(),
            ..Wanted::default()
        };
        new_key(&profile, &wanted, "console", 0)
    }

    #[test]
    fn scopes_are_kept_once_and_in_the_catalogues_order() {
        let key = check(
            " POS ",
            &["products:read", "customers:read", "products:read"],
        )
        .expect("sound");
        assert_eq!(key.label, "POS");
        assert_eq!(key.terms.scopes, ["customers:read", "products:read"]);
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let profile = Profile::load("revkeen").expect("it loads");
        let errors = new_key(
            &profile,
            &Wanted {
                environment: "mars".to_owned(),
                ..Wanted::default()
            },
            "console",
            0,
        )
        .expect_err("refused");
        let fields: Vec<&str> = errors.iter().map(|e| e.field.as_str()).collect();
        assert_eq!(fields, ["environment", "label", "scopes"]);
    }

    #[test]
    fn labels_that_deceive_are_refused() {
        for label in ["a\0b", "a\u{202e}b", "a\u{200b}b", "a\nb", &"x".repeat(61)] {
            assert!(check(label, &["customers:read"]).is_err(), "{label:?}");
        }
        assert!(check("Käse & Söhne – 東京 🗝", &["customers:read"]).is_ok());
    }

    #[test]
    fn a_wildcard_is_spelt_out() {
        let key = check("POS", &["customers:*"]).expect("sound");
        assert_eq!(key.terms.scopes, ["customers:read", "customers:write"]);
        assert_eq!(check("POS", &["*"]).expect("sound").terms.scopes.len(), 16);
        assert!(check("POS", &["cust*"]).is_err() && check("POS", &["mail:*"]).is_err());
    }

    #[test]
    fn metadata_is_read_line_by_line() {
        assert_eq!(
            meta("store = 12\n\nregion=eu\n"),
            Ok(vec![
                ("store".to_owned(), "12".to_owned()),
                ("region".to_owned(), "eu".to_owned())
            ])
        );
        for text in ["store", "=1", "a b=1", "a=1\na=2", "a=\u{202e}"] {
            assert!(meta(text).is_err(), "{text:?}");
        }
    }
}
