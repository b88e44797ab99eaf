//! What a profile has to be beyond well-formed. The first thing that is wrong is named, with what would be right.

use std::collections::HashSet;

use axum::http::header;

use super::{
    AmountIn, AmountPlace, CurrencyKind, Environment, KeyStyle, Need, Profile, Rule, Sample, Scope,
    place::Wrong, rules::STEPS,
};
use crate::{accounts::Factor, gateway::scope::Asked, webhooks::catalogue};

/// What every platform tells of, so that a receiver can count on it.
const COMMON_EVENTS: [&str; 3] = [
    "transaction.completed",
    "transaction.failed",
    "balance.changed",
];

/// With more digits after the point an amount worth having does not fit 64 bits.
const MAX_EXPONENT: u8 = 8;

pub fn check(profile: &Profile) -> Result<(), Wrong> {
    identity(profile)?;
    credential(profile)?;
    environments(profile)?;
    step_up(profile)?;
    making(profile)?;
    currencies(profile)?;
    tiers(profile)?;
    catalogue(profile)?;
    presets(profile)?;
    rules(profile)?;
    events(profile)
}

fn identity(profile: &Profile) -> Result<(), Wrong> {
    if !is_id(&profile.id) {
        return Err(Wrong::at(
            "id",
            format!(
                "{:?} must be lower-case letters, digits, - and _",
                profile.id
            ),
        ));
    }
    not_empty("name", &profile.name)
}

fn credential(profile: &Profile) -> Result<(), Wrong> {
    let places = &profile.credential;
    if places.headers.is_empty() && !places.bearer && places.form.is_none() && !places.signature {
        return Err(Wrong::at(
            "credential",
            "names no place for a key; give headers, bearer, form or signature",
        ));
    }
    for (i, name) in places.headers.iter().enumerate() {
        if name == header::AUTHORIZATION {
            return Err(Wrong::at(
                format!("credential.headers.{i}"),
                "authorization is no header of one's own; write bearer = true",
            ));
        }
    }
    if let Some(form) = &places.form {
        not_empty("credential.form", form)?;
    }
    match (profile.key_style, places.signature) {
        (KeyStyle::Pair, false) => Err(Wrong::at(
            "credential.signature",
            "a pair signs its requests; write signature = true",
        )),
        (KeyStyle::Secret, true) => Err(Wrong::at(
            "credential.signature",
            "only a pair signs; write key_style = \"pair\" or leave the signature out",
        )),
        _ => Ok(()),
    }
}

fn environments(profile: &Profile) -> Result<(), Wrong> {
    if profile.environments.is_empty() {
        return Err(Wrong::at("environments", "at least one is needed"));
    }
    let mut ids = HashSet::new();
    // Every prefix so far, with the environment that it belongs to.
    let mut prefixes: Vec<(&str, &str)> = Vec::new();
    for (i, environment) in profile.environments.iter().enumerate() {
        let path = |field: &str| format!("environments.{i}.{field}");
        if !is_id(&environment.id) {
            return Err(Wrong::at(
                path("id"),
                format!(
                    "{:?} must be lower-case letters, digits, - and _",
                    environment.id
                ),
            ));
        }
        once(&mut ids, &environment.id, path("id"))?;
        not_empty(&path("word"), &environment.word)?;
        not_empty(&path("about"), &environment.about)?;
        if environment.needs.contains(&Need::Plan) && profile.tiers.is_empty() {
            return Err(Wrong::at(
                path("needs"),
                "a plan is needed and there is none; add [[tiers]]",
            ));
        }
        for (field, prefix) in prefixes_of(profile.key_style, environment, i)? {
            let sound = prefix.len() > 1
                && prefix.ends_with('_')
                && prefix
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !sound {
                return Err(Wrong::at(
                    path(field),
                    format!(
                        "{prefix:?} must be ASCII letters, digits and _ and end in _, as \"rk_live_\""
                    ),
                ));
            }
            let taken = prefixes
                .iter()
                .find(|(other, _)| prefix.starts_with(other) || other.starts_with(prefix));
            if let Some((other, of)) = taken {
                return Err(Wrong::at(
                    path(field),
                    format!(
                        "{prefix:?} and {other:?} of {of} begin alike, so a key could be of either; give it one of its own"
                    ),
                ));
            }
            prefixes.push((prefix, &environment.id));
        }
    }
    Ok(())
}

/// The prefixes of an environment with their fields: a pair has two.
fn prefixes_of(
    style: KeyStyle,
    environment: &Environment,
    i: usize,
) -> Result<Vec<(&'static str, &str)>, Wrong> {
    let path = format!("environments.{i}.secret_prefix");
    let public = ("prefix", environment.prefix.as_str());
    match (style, &environment.secret_prefix) {
        (KeyStyle::Pair, Some(secret)) => Ok(vec![public, ("secret_prefix", secret)]),
        (KeyStyle::Secret, None) => Ok(vec![public]),
        (KeyStyle::Pair, None) => Err(Wrong::at(
            path,
            "is missing; the secret half of a pair begins with it, as \"sk_test_\"",
        )),
        (KeyStyle::Secret, Some(_)) => Err(Wrong::at(
            path,
            "only a pair has a secret half; write key_style = \"pair\" or leave it out",
        )),
    }
}

fn step_up(profile: &Profile) -> Result<(), Wrong> {
    let factors = &profile.step_up;
    if factors.otherwise.is_empty() || factors.otherwise == [Factor::Pin] {
        return Err(Wrong::at(
            "step_up.otherwise",
            "a factor that is more than a PIN is needed, as \"password\"",
        ));
    }
    for (action, accepted) in &factors.actions {
        if accepted.is_empty() {
            let name = toml::Value::try_from(action)
                .ok()
                .and_then(|name| name.as_str().map(str::to_owned))
                .unwrap_or_default();
            return Err(Wrong::at(
                format!("step_up.actions.{name}"),
                "names no factor; give one, or leave the line out",
            ));
        }
    }
    Ok(())
}

/// What is asked for a new key, who agrees to it, and how long it lives.
fn making(profile: &Profile) -> Result<(), Wrong> {
    let approval = profile.approval;
    if approval.default < approval.least {
        return Err(Wrong::at(
            "approval.default",
            format!(
                "{:?} is less than approval.least; write {:?} or more",
                approval.default.as_str(),
                approval.least.as_str()
            ),
        ));
    }
    let create = &profile.create;
    not_empty("create.next", &create.next)?;
    for (field, asked) in [("limits", create.limits), ("currency", create.currency)] {
        if asked && profile.currencies.is_empty() {
            return Err(Wrong::at(
                format!("create.{field}"),
                "there is no currency to choose; add [[currencies]] or write false",
            ));
        }
    }
    if create.addresses && !profile.allow.addresses {
        return Err(Wrong::at(
            "create.addresses",
            "asks for what no key can have; write allow.addresses = true, or false here",
        ));
    }
    let expiry = profile.expiry;
    for (field, days) in [
        ("default_days", expiry.default_days),
        ("max_days", expiry.max_days),
    ] {
        if days == Some(0) {
            return Err(Wrong::at(
                format!("expiry.{field}"),
                "must be 1 or more, or left out",
            ));
        }
    }
    if let (Some(default), Some(max)) = (expiry.default_days, expiry.max_days)
        && default > max
    {
        return Err(Wrong::at(
            "expiry.default_days",
            format!("{default} is beyond max_days; write {max} or less"),
        ));
    }
    if !expiry.never && expiry.default_days.is_none() && expiry.max_days.is_none() {
        return Err(Wrong::at(
            "expiry.never",
            "every key has to end and nothing says when; give default_days or max_days",
        ));
    }
    if profile.max_active_keys == Some(0) {
        return Err(Wrong::at(
            "max_active_keys",
            "must be 1 or more, or left out",
        ));
    }
    Ok(())
}

fn currencies(profile: &Profile) -> Result<(), Wrong> {
    if let Some(id) = &profile.sample_currency
        && !(id.len() == 3 && id.bytes().all(|byte| byte.is_ascii_uppercase()))
    {
        return Err(Wrong::at(
            "sample_currency",
            format!("{id:?} must be an ISO 4217 code as \"EUR\""),
        ));
    }
    let mut ids = HashSet::new();
    for (i, currency) in profile.currencies.iter().enumerate() {
        let path = |field: &str| format!("currencies.{i}.{field}");
        let id = &currency.id;
        let upper = id
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        let sound = match currency.kind {
            CurrencyKind::Fiat => id.len() == 3,
            CurrencyKind::Crypto => (2..=10).contains(&id.len()),
        };
        if !(upper && sound) {
            return Err(Wrong::at(
                path("id"),
                format!("{id:?} must be an ISO 4217 code as \"EUR\", or a symbol as \"BTC\""),
            ));
        }
        once(&mut ids, id, path("id"))?;
        if currency.exponent > MAX_EXPONENT {
            return Err(Wrong::at(
                path("exponent"),
                format!(
                    "{} digits do not fit an amount; write {MAX_EXPONENT} or less",
                    currency.exponent
                ),
            ));
        }
    }
    Ok(())
}

fn tiers(profile: &Profile) -> Result<(), Wrong> {
    let mut ids = HashSet::new();
    for (i, tier) in profile.tiers.iter().enumerate() {
        let path = |field: &str| format!("tiers.{i}.{field}");
        if !is_id(&tier.id) {
            return Err(Wrong::at(
                path("id"),
                format!("{:?} must be lower-case letters, digits, - and _", tier.id),
            ));
        }
        once(&mut ids, &tier.id, path("id"))?;
        not_empty(&path("name"), &tier.name)?;
        for (field, none) in [
            ("rate", tier.rate == 0),
            ("burst", tier.burst == 0),
            ("monthly", tier.monthly == Some(0)),
        ] {
            if none {
                return Err(Wrong::at(
                    path(field),
                    "0 lets nothing through; write 1 or more",
                ));
            }
        }
    }
    if let Some(id) = &profile.default_tier
        && profile.tier(id).is_none()
    {
        return Err(Wrong::at(
            "default_tier",
            format!(
                "there is no tier {id:?}; take one of: {}",
                listed(ids.into_iter())
            ),
        ));
    }
    if profile.plan_required && profile.tiers.is_empty() {
        return Err(Wrong::at(
            "plan_required",
            "a plan is needed and there is none; add [[tiers]] or write false",
        ));
    }
    Ok(())
}

fn catalogue(profile: &Profile) -> Result<(), Wrong> {
    if profile.scopes().next().is_none() {
        return Err(Wrong::at("groups", "at least one scope is needed"));
    }
    let mut ids = HashSet::new();
    for (g, group) in profile.groups.iter().enumerate() {
        not_empty(&format!("groups.{g}.name"), &group.name)?;
        for (s, scope) in group.scopes.iter().enumerate() {
            let path = |field: &str| format!("groups.{g}.scopes.{s}.{field}");
            if !is_scope(scope) {
                return Err(Wrong::at(
                    path("id"),
                    format!(
                        "{:?} must be letters, digits and _ - . : as \"customers:read\"; * stands alone or at the end as \"customers:*\"",
                        scope.id
                    ),
                ));
            }
            once(&mut ids, &scope.id, path("id"))?;
            for (field, text) in [
                ("about", &scope.about),
                ("verb", &scope.verb),
                ("noun", &scope.noun),
            ] {
                not_empty(&path(field), text)?;
            }
        }
    }
    Ok(())
}

/// A scope can be asked for by its id: the expression that it makes is itself.
fn is_scope(scope: &Scope) -> bool {
    let id = &scope.id;
    let whole = Asked::parse(id).is_ok_and(|asked| asked == Asked::Scope(id.clone()));
    let plain = id.strip_suffix(":*").unwrap_or(id);
    whole && (id == "*" || (!plain.is_empty() && !plain.contains('*')))
}

fn presets(profile: &Profile) -> Result<(), Wrong> {
    let mut names = HashSet::new();
    for (i, preset) in profile.presets.iter().enumerate() {
        let path = |field: &str| format!("presets.{i}.{field}");
        not_empty(&path("name"), &preset.name)?;
        once(&mut names, &preset.name, path("name"))?;
        if preset.scopes.is_empty() {
            return Err(Wrong::at(
                path("scopes"),
                "a preset chooses something; name a scope or leave it out",
            ));
        }
        for (s, scope) in preset.scopes.iter().enumerate() {
            known(profile, scope, format!("{}.{s}", path("scopes")))?;
        }
    }
    Ok(())
}

fn rules(profile: &Profile) -> Result<(), Wrong> {
    if profile.rules.is_empty() {
        return Err(Wrong::at(
            "rules",
            "without any, every call is denied; add [[rules]]",
        ));
    }
    for (i, rule) in profile.rules.iter().enumerate() {
        let at = format!("rules.{i}");
        call(profile, rule, &at)?;
        for other in &profile.rules[..i] {
            if other.method != rule.method || other.path != rule.path {
                continue;
            }
            if other.action == rule.action {
                return Err(Wrong::at(
                    at,
                    format!(
                        "{} stands in it twice; one rule says what it needs",
                        in_words(rule)
                    ),
                ));
            }
            if other.action.is_none() || rule.action.is_none() {
                return Err(Wrong::at(
                    at,
                    format!(
                        "{} {} has rules with an action and one without; give each an action",
                        rule.method, rule.path
                    ),
                ));
            }
        }
    }
    let first = &profile.first_call;
    call(profile, first, "first_call")?;
    let ruled = profile.rules.iter().any(|rule| {
        (&rule.method, &rule.path, &rule.action, &rule.scope)
            == (&first.method, &first.path, &first.action, &first.scope)
    });
    if !ruled {
        return Err(Wrong::at(
            "first_call",
            format!(
                "no rule lets {} through with {}; take a call and its scope from [[rules]]",
                in_words(first),
                first.scope
            ),
        ));
    }
    Ok(())
}

fn call(profile: &Profile, rule: &Rule, at: &str) -> Result<(), Wrong> {
    let path = |field: &str| format!("{at}.{field}");
    if !rule.path.starts_with('/') {
        return Err(Wrong::at(
            path("path"),
            format!("{:?} must begin with /", rule.path),
        ));
    }
    let odd = rule
        .path
        .split('/')
        .find(|step| step.contains(['{', '}']) && !STEPS.contains(step));
    if let Some(step) = odd {
        return Err(Wrong::at(
            path("path"),
            format!("{step:?} stands for nothing; only a whole step {{workspace}} or {{id}} does"),
        ));
    }
    if let Some(action) = &rule.action {
        not_empty(&path("action"), action)?;
        if profile.credential.form.is_none() && profile.credential.headers.is_empty() {
            return Err(Wrong::at(
                path("action"),
                "an action stands in a form, which needs credential.form or credential.headers",
            ));
        }
    }
    if rule.sample.is_some_and(Sample::is_of_one) && !rule.names_id() {
        return Err(Wrong::at(
            path("sample"),
            "does something to one thing, and the path names none; give it a step {id}",
        ));
    }
    known(profile, &rule.scope, path("scope"))?;
    match &rule.amount {
        Some(place) => amount(profile, rule, place, &path("amount")),
        None => Ok(()),
    }
}

fn amount(profile: &Profile, rule: &Rule, place: &AmountPlace, at: &str) -> Result<(), Wrong> {
    let path = |field: &str| format!("{at}.{field}");
    not_empty(&path("field"), &place.field)?;
    if let Some(field) = &place.currency {
        not_empty(&path("currency"), field)?;
        if *field == place.field {
            return Err(Wrong::at(
                path("currency"),
                "is the field of the amount itself; name the one beside it",
            ));
        }
    }
    match &place.default_currency {
        Some(id) if profile.currency(id).is_none() => {
            return Err(Wrong::at(
                path("default_currency"),
                format!("there is no {id:?} in [[currencies]]; add it, or name one that is there"),
            ));
        }
        None if place.currency.is_none() => {
            return Err(Wrong::at(
                at,
                "no call could say its currency; give currency or default_currency",
            ));
        }
        _ => {}
    }
    if rule.action.is_some() && place.within == AmountIn::Json {
        return Err(Wrong::at(
            path("in"),
            "the action stands in a form, and so does what belongs to it; write \"form\"",
        ));
    }
    Ok(())
}

fn events(profile: &Profile) -> Result<(), Wrong> {
    let mut ids = HashSet::new();
    for (i, event) in profile.events.iter().enumerate() {
        let path = |field: &str| format!("events.{i}.{field}");
        if !catalogue::is_name(&event.id) {
            return Err(Wrong::at(
                path("id"),
                format!(
                    "{:?} must be words of lower-case letters with points between, as \"order.completed\"",
                    event.id
                ),
            ));
        }
        if catalogue::is_own(&event.id) {
            return Err(Wrong::at(
                path("id"),
                format!(
                    "{:?} is sent by Latchkey itself; name it otherwise",
                    event.id
                ),
            ));
        }
        once(&mut ids, &event.id, path("id"))?;
        not_empty(&path("about"), &event.about)?;
        not_empty(&path("group"), &event.group)?;
        event
            .check_schema()
            .map_err(|wrong| Wrong::at(path("schema"), format!("is no JSON Schema: {wrong}")))?;
        event.check(&event.example).map_err(|wrong| {
            Wrong::at(path("example"), format!("does not fit its schema: {wrong}"))
        })?;
    }
    for id in COMMON_EVENTS {
        if !ids.contains(id) {
            return Err(Wrong::at(
                "events",
                format!("{id:?} is missing; every platform has it"),
            ));
        }
    }
    Ok(())
}

fn in_words(rule: &Rule) -> String {
    match &rule.action {
        Some(action) => format!("{} {} with action {action}", rule.method, rule.path),
        None => format!("{} {}", rule.method, rule.path),
    }
}

fn known(profile: &Profile, id: &str, path: String) -> Result<(), Wrong> {
    if profile.scope(id).is_some() {
        return Ok(());
    }
    let ids = profile.scopes().map(|scope| scope.id.as_str());
    Err(Wrong::at(
        path,
        format!(
            "there is no scope {id:?} in the catalogue; take one of: {}",
            listed(ids)
        ),
    ))
}

fn listed<'a>(ids: impl Iterator<Item = &'a str>) -> String {
    let mut ids: Vec<&str> = ids.collect();
    ids.sort_unstable();
    ids.join(", ")
}

fn once<'a>(seen: &mut HashSet<&'a str>, id: &'a str, path: String) -> Result<(), Wrong> {
    if seen.insert(id) {
        return Ok(());
    }
    Err(Wrong::at(
        path,
        format!("{id:?} stands in it twice; each is named once"),
    ))
}

fn not_empty(path: &str, text: &str) -> Result<(), Wrong> {
    if text.trim().is_empty() {
        return Err(Wrong::at(path, "is empty; write at least a word"));
    }
    Ok(())
}

/// Ids stand in addresses, columns and commands.
fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte))
}
