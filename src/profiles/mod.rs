//! A profile makes Latchkey one platform: its words, prefixes, scopes, error bodies and rules, as data.
//!
//! Nothing about a platform stands in code. A profile is read and checked once, at start.

pub mod changes;
mod check;
mod place;
mod rules;
mod sample;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use axum::http::{HeaderName, Method};
use serde::{Deserialize, Deserializer, de};
use sha2::{Digest, Sha256};

pub use rules::Ruling;
pub use sample::Sample;

use crate::{
    accounts::{Factor, step_up::Action},
    webhooks::catalogue::EventKind,
};

const BUILT_IN: &[(&str, &str)] = &[
    ("revkeen", include_str!("revkeen.toml")),
    ("rukkyhub", include_str!("rukkyhub.toml")),
    ("reseller-v2", include_str!("reseller-v2.toml")),
    ("dual-mode", include_str!("dual-mode.toml")),
    ("universal-wallet", include_str!("universal-wallet.toml")),
];

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    pub id: String,
    /// The platform's name, as its customers know it.
    pub name: String,
    pub error_body: ErrorBody,
    #[serde(default)]
    pub key_style: KeyStyle,
    pub credential: CredentialPlaces,
    pub environments: Vec<Environment>,
    pub step_up: StepUpFactors,
    pub approval: Approval,
    pub create: CreateForm,
    pub expiry: ExpiryRule,
    pub rotation: Rotation,
    pub allow: AllowLists,
    /// Keys of a workspace that can be used or wait to be; none if there may be any number.
    pub max_active_keys: Option<u32>,
    /// What the samples keep an account in; else the first of `currencies`, else USD.
    pub sample_currency: Option<String>,
    /// What amounts can be limited in.
    #[serde(default)]
    pub currencies: Vec<Currency>,
    #[serde(default)]
    pub tiers: Vec<Tier>,
    /// Whether a tier's rate is each key's own, or that of all keys of a workspace together.
    #[serde(default)]
    pub limit_counts: LimitCounts,
    /// In force before any was asked for; none if no plan is.
    pub default_tier: Option<String>,
    /// No key is made before a plan is in force.
    #[serde(default)]
    pub plan_required: bool,
    pub groups: Vec<ScopeGroup>,
    #[serde(default)]
    pub presets: Vec<Preset>,
    pub rules: Vec<Rule>,
    pub first_call: Rule,
    /// What the platform tells its customers of, by webhook.
    pub events: Vec<EventKind>,
    /// SHA-256 of the text that it was read from, in hex.
    #[serde(skip)]
    pub fingerprint: String,
}

/// The shape of the gateway's error bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorBody {
    /// `{"error":"…", …}`
    Flat,
    /// `{"error":{"type","code","message","request_id"}}`
    Typed,
    /// `application/problem+json` (RFC 9457) with `code` and `request_id`.
    Problem,
}

/// What a tier's rate is counted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitCounts {
    #[default]
    Key,
    Account,
}

/// What a key is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyStyle {
    /// One secret, sent with every request.
    #[default]
    Secret,
    /// A public key that is sent and a secret one that signs.
    Pair,
}

/// Which keys need the agreement of a second person. Each level asks for all that the ones before it ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalLevel {
    Nothing,
    /// Live keys that can move money.
    LiveMoney,
    Live,
    Everything,
}

impl ApprovalLevel {
    pub const ALL: [Self; 4] = [Self::Nothing, Self::LiveMoney, Self::Live, Self::Everything];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::LiveMoney => "live_money",
            Self::Live => "live",
            Self::Everything => "everything",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == text)
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Until a workspace chooses for itself.
    pub default: ApprovalLevel,
    /// What no workspace can go below.
    pub least: ApprovalLevel,
}

/// What the form for a new key asks beyond label, scopes and expiry. With neither it is one page.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateForm {
    pub limits: bool,
    pub addresses: bool,
    /// A kind of currency is chosen, even without a limit.
    #[serde(default)]
    pub currency: bool,
    /// The word of the button that leads to the next step.
    #[serde(default = "continue_word")]
    pub next: String,
}

fn continue_word() -> String {
    "Continue".to_owned()
}

/// How long a key may live.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpiryRule {
    /// What the form proposes; never if none.
    pub default_days: Option<u32>,
    pub max_days: Option<u32>,
    /// Whether a key may be made that does not expire.
    pub never: bool,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// How long an old secret may keep working beside the new one; 0 where it ends at once.
    pub max_overlap_hours: u32,
}

/// The lists that a key can be bound to.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllowLists {
    pub addresses: bool,
    pub domains: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CurrencyKind {
    Fiat,
    Crypto,
}

impl CurrencyKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fiat => "fiat",
            Self::Crypto => "crypto",
        }
    }

    pub const fn word(self) -> &'static str {
        match self {
            Self::Fiat => "Fiat",
            Self::Crypto => "Crypto",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Fiat, Self::Crypto]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Currency {
    /// ISO 4217, or the symbol of a crypto currency.
    pub id: String,
    pub kind: CurrencyKind,
    /// Digits after the point: amounts are whole numbers of its minor unit. At most 8, so that they fit 64 bits.
    pub exponent: u8,
}

/// What a workspace can ask to be served at.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    pub id: String,
    pub name: String,
    /// One line: whom it is for.
    pub about: String,
    /// Requests a minute, and how many at once.
    pub rate: u32,
    pub burst: u32,
    /// Requests a calendar month (UTC).
    pub monthly: Option<u64>,
    /// As it is shown: "$49 a month".
    pub price: String,
}

/// What has to be done before a locked environment opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// An owner's address is verified.
    Address,
    /// An owner has a second factor.
    SecondFactor,
    /// A plan is in force.
    Plan,
}

/// Where a key may stand in a request.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialPlaces {
    #[serde(default, deserialize_with = "header_names")]
    pub headers: Vec<HeaderName>,
    /// `Authorization: Bearer <key>` (RFC 6750 §2.1).
    #[serde(default)]
    pub bearer: bool,
    /// A field of the form in the body.
    pub form: Option<String>,
    /// A signature over the request (RFC 9421) names the public key.
    #[serde(default)]
    pub signature: bool,
}

impl CredentialPlaces {
    /// The places in words, for a message.
    pub fn in_words(&self) -> String {
        let mut places: Vec<String> = self
            .headers
            .iter()
            .map(|name| format!("the {name} header"))
            .collect();
        if self.bearer {
            places.push("Authorization: Bearer".to_owned());
        }
        if let Some(field) = &self.form {
            places.push(format!("the form field {field}"));
        }
        if self.signature {
            places.push("a signature (RFC 9421)".to_owned());
        }
        places.join(" or ")
    }

    /// How to come back with a key, for the answer to a request that had none (RFC 9110 §11.6.1). Of these schemes only
    /// Bearer is registered, which has to carry a parameter (RFC 6750 §3); the others say in the same form where a key goes.
    pub fn challenge(&self, realm: &str) -> String {
        let bearer = self.bearer.then(|| format!("Bearer realm=\"{realm}\""));
        let headers = self
            .headers
            .iter()
            .map(|name| format!("ApiKey realm=\"{realm}\", header=\"{name}\""));
        let form = self
            .form
            .iter()
            .map(|field| format!("ApiKey realm=\"{realm}\", form=\"{field}\""));
        let signature = self
            .signature
            .then(|| format!("Signature realm=\"{realm}\""));
        let all: Vec<String> = bearer
            .into_iter()
            .chain(headers)
            .chain(form)
            .chain(signature)
            .collect();
        all.join(", ")
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    pub id: String,
    /// What the portal calls it.
    pub word: String,
    /// What its keys begin with.
    pub prefix: String,
    /// What the secret half of a pair begins with.
    pub secret_prefix: Option<String>,
    /// Whether real things happen in it.
    pub live: bool,
    pub about: String,
    /// It is locked until all of this is done.
    #[serde(default)]
    pub needs: Vec<Need>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepUpFactors {
    /// For every action that is not named below.
    otherwise: Vec<Factor>,
    #[serde(default)]
    actions: HashMap<Action, Vec<Factor>>,
}

impl StepUpFactors {
    pub fn factors(&self, action: Action) -> &[Factor] {
        self.actions.get(&action).unwrap_or(&self.otherwise)
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScopeGroup {
    pub name: String,
    pub scopes: Vec<Scope>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    pub id: String,
    /// One line: what it allows.
    pub about: String,
    /// For the sentence "May *read customers*".
    pub verb: String,
    pub noun: String,
    #[serde(default)]
    pub flags: Vec<ScopeFlag>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeFlag {
    MovesMoney,
    PersonalData,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    pub name: String,
    pub scopes: Vec<String>,
}

/// The scope that a call needs: a method on a path and, where one path serves many, the value of the form field `action`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    #[serde(deserialize_with = "method")]
    pub method: Method,
    /// `/v1/things`; a step `{workspace}` is the id of the key's workspace, a step `{id}` that of any one thing.
    pub path: String,
    pub action: Option<String>,
    pub scope: String,
    /// What the sandbox answers it with.
    pub sample: Option<Sample>,
    /// Where a call that moves money says how much. Without it the call moves none, whatever its body says.
    pub amount: Option<AmountPlace>,
}

/// Where calls under a rule carry their amount. A call that names none passes only with a key that has no limits.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AmountPlace {
    /// The field with the amount; of a JSON body, one of the object that it is.
    pub field: String,
    /// The field beside it with the currency's code; none if all amounts are in the default.
    pub currency: Option<String>,
    /// The currency of a call that names none.
    pub default_currency: Option<String>,
    #[serde(rename = "in")]
    pub within: AmountIn,
    pub unit: AmountUnit,
    /// The platform itself does a call that is repeated under one `Idempotency-Key` only once, so that a repeat is not
    /// counted again. Where it does not, every call counts.
    #[serde(default)]
    pub idempotent: bool,
}

impl AmountPlace {
    /// The field of the currency, for a message.
    pub fn currency_name(&self) -> &str {
        self.currency.as_deref().unwrap_or("currency")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AmountIn {
    Json,
    /// A form of either kind, as [`CredentialPlaces::form`].
    Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AmountUnit {
    /// Whole numbers: cents, kobo, satoshi.
    Minor,
    /// Numbers with a point, of as many digits after it as the currency has.
    Major,
}

impl Profile {
    /// Reads a built-in profile by its name, or a file by its path. The error names the profile, the line and the field.
    pub fn load(name: &str) -> Result<Self, String> {
        let built_in = BUILT_IN.iter().find(|(built_in, _)| *built_in == name);
        let read = match built_in {
            Some((_, text)) => Self::parse(text),
            None if is_path(name) => {
                let text = std::fs::read_to_string(name)
                    .map_err(|error| format!("LATCHKEY_PROFILE={name}: {error}"))?;
                Self::parse(&text)
            }
            None => {
                let names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
                return Err(format!(
                    "LATCHKEY_PROFILE={name}: there is no such profile; name {}, or give the path of a .toml file",
                    names.join(", ")
                ));
            }
        };
        read.map_err(|error| format!("profile {name}, {error}"))
    }

    /// Reads a profile's text. The error is `line N: field: what is wrong and what would be right`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut profile: Self =
            toml::from_str(text).map_err(|error| place::unreadable(text, &error))?;
        check::check(&profile).map_err(|wrong| place::wrong(text, &wrong))?;
        profile.fingerprint = hex::encode(Sha256::digest(text));
        Ok(profile)
    }

    pub fn scopes(&self) -> impl Iterator<Item = &Scope> {
        self.groups.iter().flat_map(|group| &group.scopes)
    }

    pub fn scope(&self, id: &str) -> Option<&Scope> {
        self.scopes().find(|scope| scope.id == id)
    }

    pub fn environment(&self, id: &str) -> Option<&Environment> {
        self.environments
            .iter()
            .find(|environment| environment.id == id)
    }

    pub fn tier(&self, id: &str) -> Option<&Tier> {
        self.tiers.iter().find(|tier| tier.id == id)
    }

    pub fn currency(&self, id: &str) -> Option<&Currency> {
        self.currencies.iter().find(|currency| currency.id == id)
    }
}

/// Whether a name means a file rather than a built-in profile.
fn is_path(name: &str) -> bool {
    name.contains('/')
        || std::path::Path::new(name)
            .extension()
            .is_some_and(|ending| ending == "toml")
}

fn method<'de, D: Deserializer<'de>>(from: D) -> Result<Method, D::Error> {
    String::deserialize(from)?
        .parse()
        .map_err(de::Error::custom)
}

fn header_names<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<HeaderName>, D::Error> {
    Vec::<String>::deserialize(from)?
        .into_iter()
        .map(|name| name.parse().map_err(de::Error::custom))
        .collect()
}
