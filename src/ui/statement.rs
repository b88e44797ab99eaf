//! What a key may do, as one sentence made in one place; how a change differs from what is; and what makes a request risky.

use leptos::prelude::*;

use super::{
    badge::{Badge, Shape, Tone},
    icon::{Icon, IconName},
    time::count,
};

/// All that the sentence is made of. Amounts, rates and dates come as words, so that the sentence never formats them differently
/// from the page around it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statement {
    pub may: Vec<Grant>,
    /// Whether any of it moves money: only then is a missing amount limit worth saying.
    pub moves_money: bool,
    /// "NGN 100,000.00"; empty if there is no limit.
    pub per_request: String,
    pub per_day: String,
    /// How many addresses and domains it may be used from.
    pub addresses: u64,
    pub domains: u64,
    /// "60 requests a minute"; empty if there is no limit.
    pub rate: String,
    /// "14 Mar 2027"; empty if it never expires.
    pub until: String,
}

/// A verb and what it is done to: "read", and "customers" and "invoices".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    pub verb: String,
    pub objects: Vec<String>,
}

impl Grant {
    /// Reads scope ids of the form `object:verb`. Those with the same verb are said together, in the order of first mention.
    pub fn from_scopes<'a>(ids: impl IntoIterator<Item = &'a str>) -> Vec<Self> {
        let mut grants: Vec<Self> = Vec::new();
        for id in ids {
            let (object, verb) = match id.rsplit_once(':') {
                _ if id == "*" => (
                    "everything, also what is added later".to_owned(),
                    "do".to_owned(),
                ),
                Some((object, "*")) => (spoken(object), "do everything with".to_owned()),
                Some((object, verb)) => (spoken(object), spoken(verb)),
                None => (spoken(id), "use".to_owned()),
            };
            match grants.iter_mut().find(|grant| grant.verb == verb) {
                Some(grant) if grant.objects.contains(&object) => {}
                Some(grant) => grant.objects.push(object),
                None => grants.push(Self {
                    verb,
                    objects: vec![object],
                }),
            }
        }
        grants
    }
}

/// A stretch of the sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub weight: Weight,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    Plain,
    Strong,
    /// What is missing and should perhaps not be.
    Warning,
}

impl Statement {
    /// The sentence in parts: the only place where its words are made.
    pub fn parts(&self) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut say = |weight, text: &str| {
            parts.push(Part {
                weight,
                text: text.to_owned(),
            });
        };
        let (plain, strong, warning) = (Weight::Plain, Weight::Strong, Weight::Warning);

        say(strong, "May");
        if self.may.is_empty() {
            say(plain, " do ");
            say(warning, "nothing yet");
            say(plain, ".");
        } else {
            say(plain, &format!(" {}.", grants(&self.may)));
        }

        match (self.per_request.as_str(), self.per_day.as_str()) {
            ("", "") if self.moves_money => {
                say(plain, " ");
                say(warning, "No amount limit");
                say(plain, ".");
            }
            ("", "") => {}
            (request, "") => {
                say(strong, " Up to");
                say(plain, &format!(" {request} a request. "));
                say(warning, "No day limit");
                say(plain, ".");
            }
            ("", day) => {
                say(strong, " Up to");
                say(plain, &format!(" {day} a UTC day."));
            }
            (request, day) => {
                say(strong, " Up to");
                say(plain, &format!(" {request} a request and {day} a UTC day."));
            }
        }

        say(strong, " From");
        match (self.addresses, self.domains) {
            (0, 0) => {
                say(plain, " ");
                say(warning, "any address");
                say(plain, ".");
            }
            (addresses, 0) => say(
                plain,
                &format!(" {}.", count(addresses, "address", "addresses")),
            ),
            (0, domains) => say(plain, &format!(" {}.", count(domains, "domain", "domains"))),
            (addresses, domains) => say(
                plain,
                &format!(
                    " {} and {}.",
                    count(addresses, "address", "addresses"),
                    count(domains, "domain", "domains")
                ),
            ),
        }

        if !self.rate.is_empty() {
            say(strong, " At");
            say(plain, &format!(" {}.", self.rate));
        }

        if self.until.is_empty() {
            say(plain, " ");
            say(warning, "Never expires");
            say(plain, ".");
        } else {
            say(strong, " Until");
            say(plain, &format!(" {}.", self.until));
        }
        parts
    }

    /// The sentence as plain text: for mails, the audit trail and tests.
    pub fn text(&self) -> String {
        self.parts().into_iter().map(|part| part.text).collect()
    }
}

/// The sentence on a page.
#[component]
pub fn StatementView(statement: Statement) -> impl IntoView {
    let parts = statement
        .parts()
        .into_iter()
        .map(|part| match part.weight {
            Weight::Plain => part.text.into_any(),
            Weight::Strong => {
                view! { <strong class="font-semibold">{part.text}</strong> }.into_any()
            }
            Weight::Warning => {
                view! { <strong class="font-semibold text-warning">{part.text}</strong> }.into_any()
            }
        })
        .collect_view();
    view! { <p class="max-w-[68ch] text-pretty">{parts}</p> }
}

/// One row of a difference. A list gives what comes and goes in `added` and `removed`, a single value gives only `now` and `asked`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    pub label: String,
    pub now: String,
    pub asked: String,
    pub added: Vec<String>,
    pub removed: Vec<String>,
}

impl Difference {
    fn is_change(&self) -> bool {
        self.now != self.asked || !self.added.is_empty() || !self.removed.is_empty()
    }
}

/// What is asked beside what is; what stays the same is folded.
#[component]
pub fn Differences(
    rows: Vec<Difference>,
    /// What it is compared with, if not the key itself: "Nearest key: Checkout".
    #[prop(optional, into)]
    against: String,
) -> impl IntoView {
    let (changed, same): (Vec<_>, Vec<_>) = rows.into_iter().partition(Difference::is_change);
    let changed = changed
        .into_iter()
        .map(|row| {
            let lines = row
                .removed
                .into_iter()
                .map(|text| (false, text))
                .chain(row.added.into_iter().map(|text| (true, text)))
                .map(|(added, text)| {
                    let (class, icon, word) = if added {
                        ("flex gap-1.5 text-success", IconName::Plus, "Added: ")
                    } else {
                        ("flex gap-1.5 text-ink-2", IconName::Minus, "Removed: ")
                    };
                    view! {
                        <li class=class>
                            <Icon name=icon class="mt-1 size-3" />
                            <span class="wrap-anywhere">
                                <span class="sr-only">{word}</span>
                                {text}
                            </span>
                        </li>
                    }
                })
                .collect::<Vec<_>>();
            let values = (row.now != row.asked).then(|| {
                view! {
                    <p class="flex flex-wrap items-center gap-x-2">
                        <span class="text-ink-2">
                            <span class="sr-only">"Now: "</span>
                            {row.now}
                        </span>
                        <Icon name=IconName::ArrowRight class="size-3.5 text-ink-3" />
                        <span class="font-medium">
                            <span class="sr-only">"Asked: "</span>
                            {row.asked}
                        </span>
                    </p>
                }
            });
            view! {
                <div class="gap-x-4 px-4 py-2.5 sm:grid sm:grid-cols-[10rem_minmax(0,1fr)]">
                    <dt class="text-ink-2">{row.label}</dt>
                    <dd class="min-w-0">
                        {values} {(!lines.is_empty()).then(|| view! { <ul class="space-y-0.5">{lines}</ul> })}
                    </dd>
                </div>
            }
        })
        .collect::<Vec<_>>();
    let folded = same.len();
    let same = same
        .into_iter()
        .map(|row| {
            view! {
                <div class="gap-x-4 py-1 sm:grid sm:grid-cols-[10rem_minmax(0,1fr)]">
                    <dt class="text-ink-2">{row.label}</dt>
                    <dd>{row.now}</dd>
                </div>
            }
        })
        .collect::<Vec<_>>();
    view! {
        <div class="card">
            {(!against.is_empty())
                .then(|| view! { <p class="border-b border-line px-4 py-2 text-small text-ink-2">{against}</p> })}
            {if changed.is_empty() {
                view! { <p class="px-4 py-2.5">"Nothing changes."</p> }.into_any()
            } else {
                view! { <dl class="divide-y divide-line">{changed}</dl> }.into_any()
            }}
            {(folded > 0)
                .then(|| {
                    view! {
                        <details class="border-t border-line">
                            <summary class="px-4 py-2.5 text-small text-ink-2 hover:text-ink">{folded}" unchanged"</summary>
                            <dl class="px-4 pb-3">{same}</dl>
                        </details>
                    }
                })}
        </div>
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Risk {
    #[default]
    Low,
    Elevated,
    High,
}

/// The risk as a badge alone, for lists.
#[component]
pub fn RiskBadge(risk: Risk) -> impl IntoView {
    let (tone, shape, word) = match risk {
        Risk::Low => (Tone::Neutral, Shape::Ring, "Low risk"),
        Risk::Elevated => (Tone::Warning, Shape::HalfDisc, "Elevated risk"),
        Risk::High => (Tone::Danger, Shape::Triangle, "High risk"),
    };
    view! { <Badge tone=tone shape=shape word=word /> }
}

/// The risk and the rules that fired, each a sentence.
#[component]
pub fn RiskView(risk: Risk, reasons: Vec<String>) -> impl IntoView {
    let reasons = reasons
        .into_iter()
        .map(|reason| {
            view! {
                <li class="flex gap-2">
                    <Icon name=IconName::Dot class="mt-0.5 size-4 text-ink-3" />
                    {reason}
                </li>
            }
        })
        .collect::<Vec<_>>();
    view! {
        <div>
            <RiskBadge risk=risk />
            {(!reasons.is_empty()).then(|| view! { <ul class="mt-2 space-y-1">{reasons}</ul> })}
        </div>
    }
}

fn grants(grants: &[Grant]) -> String {
    let phrases: Vec<String> = grants
        .iter()
        .map(|grant| format!("{} {}", grant.verb, listed(&grant.objects, " and ")))
        .collect();
    listed(&phrases, ", and ")
}

/// "a", "a and b", "a, b and c".
fn listed(items: &[String], last: &str) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [head @ .., tail] => format!("{}{last}{tail}", head.join(", ")),
    }
}

fn spoken(id: &str) -> String {
    id.replace(['_', '-', '.', ':'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statement_says_everything_that_is_set() {
        let statement = Statement {
            may: Grant::from_scopes(["customers:read", "invoices:read", "payments:create"]),
            moves_money: true,
            per_request: "NGN 100,000.00".into(),
            per_day: "NGN 1,000,000.00".into(),
            addresses: 2,
            rate: "60 requests a minute".into(),
            until: "14 Mar 2027".into(),
            ..Statement::default()
        };
        assert_eq!(
            statement.text(),
            "May read customers and invoices, and create payments. Up to NGN 100,000.00 a request and NGN 1,000,000.00 a UTC \
             day. From 2 addresses. At 60 requests a minute. Until 14 Mar 2027."
        );
    }

    #[test]
    fn statement_warns_of_what_is_missing() {
        let statement = Statement {
            may: Grant::from_scopes(["payments:create"]),
            moves_money: true,
            ..Statement::default()
        };
        assert_eq!(
            statement.text(),
            "May create payments. No amount limit. From any address. Never expires."
        );
        let warnings: Vec<_> = statement
            .parts()
            .into_iter()
            .filter(|part| part.weight == Weight::Warning)
            .map(|part| part.text)
            .collect();
        assert_eq!(
            warnings,
            ["No amount limit", "any address", "Never expires"]
        );
    }

    #[test]
    fn wildcards_are_said_in_full() {
        let may = Grant::from_scopes(["payments:*", "*"]);
        assert_eq!(
            grants(&may),
            "do everything with payments, and do everything, also what is added later"
        );
    }

    #[test]
    fn amounts_are_silent_where_no_money_moves() {
        let statement = Statement {
            may: Grant::from_scopes(["customers:read"]),
            ..Statement::default()
        };
        assert!(!statement.text().contains("amount"));
    }
}
