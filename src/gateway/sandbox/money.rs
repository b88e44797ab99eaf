//! Amounts as samples have them: whole numbers of a currency's minor unit.

use super::{Call, Wrong, fields::Fields};
use crate::{
    gateway::amount::exact,
    profiles::{AmountUnit, CurrencyKind},
};

/// What a hundred US dollars are worth in cents of others, roughly: samples only have to look like prices.
const WORTH: &[(&str, i64)] = &[
    ("EUR", 9_200),
    ("GBP", 7_900),
    ("NGN", 15_500_000),
    ("GHS", 120_000),
    ("KES", 1_290_000),
    ("ZAR", 180_000),
    ("XOF", 6_000_000),
];

/// A currency of the profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Money {
    pub currency: String,
    exponent: u32,
    crypto: bool,
}

impl Call<'_> {
    /// What the account is kept in.
    pub fn money(&self) -> Money {
        let profile = self.profile;
        let id = profile
            .sample_currency
            .as_deref()
            .or(profile.currencies.first().map(|first| first.id.as_str()))
            .unwrap_or("USD");
        self.money_of(id).unwrap_or_else(|| Money::plain(id))
    }

    /// Every currency that the account can have.
    pub fn monies(&self) -> Vec<Money> {
        let ids = self.profile.currencies.iter().map(|currency| &*currency.id);
        let all: Vec<Money> = ids.filter_map(|id| self.money_of(id)).collect();
        if all.is_empty() {
            vec![self.money()]
        } else {
            all
        }
    }

    /// The currency with this id. A profile that names none takes whatever looks like an ISO 4217 code.
    fn money_of(&self, id: &str) -> Option<Money> {
        let id = id.to_ascii_uppercase();
        if self.profile.currencies.is_empty() {
            let code = id.len() == 3 && id.bytes().all(|byte| byte.is_ascii_uppercase());
            return code.then(|| Money::plain(&id));
        }
        let currency = self.profile.currency(&id)?;
        Some(Money {
            exponent: u32::from(currency.exponent),
            crypto: currency.kind == CurrencyKind::Crypto,
            currency: id,
        })
    }

    /// The amount that the call carries, in the minor unit: its rule says in which unit calls have it.
    pub fn amount(&self, fields: &mut Fields) -> Option<i64> {
        let place = self.rule.amount.as_ref();
        if place.is_none_or(|place| place.unit == AmountUnit::Minor) {
            return fields.need_whole("amount");
        }
        let said = fields.need_text("amount")?;
        let places = usize::try_from(self.money().exponent).unwrap_or_default();
        let amount = exact(&said, places).ok().filter(|amount| *amount > 0);
        if amount.is_none() {
            fields.refuse(format!(
                "amount must be above 0, with at most {places} digits after the point."
            ));
        }
        amount
    }

    /// The currency that the call names, or else the account's own.
    pub fn named_money(&self, fields: &mut Fields) -> Result<Money, Wrong> {
        let Some(id) = fields.text("currency") else {
            return Ok(self.money());
        };
        self.money_of(&id).ok_or_else(|| {
            let known: Vec<String> = self.monies().into_iter().map(|m| m.currency).collect();
            Wrong::asked(format!(
                "The currency must be one of {}, not {id}.",
                known.join(", ")
            ))
        })
    }
}

impl Money {
    fn plain(id: &str) -> Self {
        Self {
            currency: id.to_owned(),
            exponent: 2,
            crypto: false,
        }
    }

    /// An amount in US cents as about as much of this currency, in its minor unit.
    pub fn worth_cents(&self, cents: i64) -> i64 {
        if self.crypto {
            // Coins of about a thousand dollars: a thousandth of one for a dollar.
            return cents * 10_i64.pow(self.exponent) / 100_000;
        }
        let worth = WORTH
            .iter()
            .find(|(id, _)| *id == self.currency)
            .map_or(10_000, |(_, worth)| *worth);
        let cents = cents * worth / 10_000;
        match self.exponent {
            0 => cents / 100,
            1 => cents / 10,
            more => cents * 10_i64.pow(more - 2),
        }
    }
}
