//! How risky a request is, in rules that each say a sentence. Pure; never a number.

use crate::{
    keys::{
        allow::ListKind,
        policy::{flagged, moves_money},
        terms::{Expiry, Terms},
    },
    profiles::{Profile, ScopeFlag},
    ui::statement::Risk,
};

/// What is known around a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    pub purpose: &'a str,
    /// Scopes of the maker's other keys; nothing if they have none.
    pub usual: &'a [String],
    /// The maker gave the person who looks the role of checker.
    pub made_the_checker: bool,
}

/// Said to a checker of what was asked by whoever made them one.
pub const MADE_THE_CHECKER: &str = "Who asks made you a checker.";

/// The risk of a key with these terms, and the rules that fired.
pub fn of_key(
    profile: &Profile,
    environment: &str,
    terms: &Terms,
    context: Context<'_>,
) -> (Risk, Vec<String>) {
    let mut risk = Risk::Low;
    let mut reasons = Vec::new();
    let mut fires = |grade: Risk, reason: String| {
        risk = risk.max(grade);
        reasons.push(reason);
    };
    let live = profile.environment(environment).is_none_or(|e| e.live);
    let word = profile
        .environment(environment)
        .map_or(environment, |environment| environment.word.as_str());
    if moves_money(profile, &terms.scopes) {
        let what: Vec<&str> = profile
            .scopes()
            .filter(|scope| {
                terms.scopes.contains(&scope.id) && scope.flags.contains(&ScopeFlag::MovesMoney)
            })
            .map(|scope| scope.id.as_str())
            .collect();
        if terms.limits.max_daily.is_none() {
            fires(
                Risk::High,
                format!("Moves money without a day limit: {}.", what.join(", ")),
            );
        } else {
            fires(
                Risk::High,
                format!("Moves money, up to its day limit: {}.", what.join(", ")),
            );
        }
    }
    if flagged(profile, &terms.scopes, ScopeFlag::PersonalData) && live {
        fires(
            Risk::Elevated,
            "Reaches personal data of real customers.".to_owned(),
        );
    }
    if live && !terms.allow.iter().any(|entry| entry.kind == ListKind::Ip) {
        fires(
            Risk::Elevated,
            format!("{word}, and usable from any address."),
        );
    }
    let all = profile.scopes().count();
    if all > 3 && terms.scopes.len() == all {
        fires(Risk::High, "Asks for every scope that there is.".to_owned());
    }
    if terms.expiry == Expiry::Never {
        fires(Risk::Elevated, "Never expires.".to_owned());
    }
    let unusual: Vec<&str> = terms
        .scopes
        .iter()
        .filter(|scope| !context.usual.is_empty() && !context.usual.contains(scope))
        .map(String::as_str)
        .collect();
    if !unusual.is_empty() {
        fires(
            Risk::Elevated,
            format!(
                "Goes past the scopes of the maker\u{2019}s other keys: {}.",
                unusual.join(", ")
            ),
        );
    }
    if context.made_the_checker {
        fires(Risk::High, MADE_THE_CHECKER.to_owned());
    }
    if context.purpose.is_empty() {
        fires(Risk::Low, "No purpose is given.".to_owned());
    }
    (risk, reasons)
}

/// As it is stored, so that a list can put the highest first.
pub const fn rank(risk: Risk) -> i64 {
    match risk {
        Risk::Low => 0,
        Risk::Elevated => 1,
        Risk::High => 2,
    }
}

pub const fn from_rank(rank: i64) -> Risk {
    match rank {
        0 => Risk::Low,
        1 => Risk::Elevated,
        _ => Risk::High,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn risk(scopes: &[&str], environment: &str, expiry: Expiry) -> (Risk, String) {
        let profile = Profile::load("revkeen").expect("it loads");
        let terms = Terms {
            scopes: scopes.iter().map(|id| (*id).to_owned()).collect(),
            expiry,
            ..Terms::default()
        };
        let context = Context {
            purpose: "Tills",
            ..Context::default()
        };
        let (risk, reasons) = of_key(&profile, environment, &terms, context);
        (risk, reasons.join(" "))
    }

    #[test]
    fn money_is_always_high() {
        let (risk, reasons) = risk(&["payments:write"], "sandbox", Expiry::Days(7));
        assert_eq!(risk, Risk::High);
        assert!(reasons.contains("without a day limit: payments:write"));
    }

    #[test]
    fn a_bounded_reading_key_is_low() {
        assert_eq!(
            risk(&["products:read"], "sandbox", Expiry::Days(7)),
            (Risk::Low, String::new())
        );
        let (grade, reasons) = risk(&["products:read"], "live", Expiry::Never);
        assert_eq!(grade, Risk::Elevated);
        assert!(reasons.contains("any address") && reasons.contains("Never expires"));
    }
}
