//! A wallet: a balance in every currency of the profile, and what moved it.

use axum::http::Method;
use serde_json::{Value, json};

use super::{
    Answer, Call, Wrong,
    account::{Account, put},
    fields::Fields,
    money::Money,
    no_sample,
    paging::{find, portion},
    seeds,
};
use crate::profiles::Sample;

/// Transactions that a wallet begins with.
const SAMPLES: i64 = 24;

/// Which way money goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    In,
    Out,
}

/// What can be done, by the word for it.
const KINDS: &[(&str, Way)] = &[
    ("cash_in", Way::In),
    ("cash_out", Way::Out),
    ("payment", Way::In),
    ("payout", Way::Out),
];

pub fn answer(
    sample: Sample,
    call: &Call<'_>,
    mut fields: Fields,
    account: &mut Account,
) -> Answer {
    let id = call.rule.id_in(call.path);
    match (sample, id) {
        (Sample::WalletBalance, _) => balance(call, &mut fields, account),
        (Sample::CashIn, _) => make(call, fields, account, "cash_in"),
        (Sample::CashOut, _) => make(call, fields, account, "cash_out"),
        (Sample::WalletTransactions, None) if call.rule.method == Method::POST => {
            let kind = fields.text("type").unwrap_or_else(|| "payment".to_owned());
            make(call, fields, account, &kind)
        }
        (Sample::WalletTransactions, Some(id)) => {
            find(shelf(account, call), "transaction", id).map(|one| one.clone())
        }
        (Sample::WalletTransactions, None) => portion(shelf(account, call), &mut fields),
        _ => Err(no_sample()),
    }
}

fn shelf<'a>(account: &'a mut Account, call: &Call<'_>) -> &'a mut Vec<Value> {
    account.shelf(Sample::WalletTransactions, || samples(call))
}

fn samples(call: &Call<'_>) -> Vec<Value> {
    let money = call.money();
    (0..SAMPLES)
        .rev()
        .map(|i| {
            let seed = call.seed(&format!("transaction/{i}"));
            json!({
                "id": seed.id("txn"), "object": "transaction",
                "type": if i % 3 == 1 { "cash_out" } else { "cash_in" },
                "amount": money.worth_cents(500 + seed.small()), "currency": money.currency,
                "status": if i == 4 { "failed" } else { "completed" },
                "customer": seeds::name(call, seed.below(16)),
                "reference": format!("REF-{}", seed.digits(8)),
                "created": seeds::date(call, "transaction", i, SAMPLES),
            })
        })
        .collect()
}

/// What can be spent in a currency.
fn available(call: &Call<'_>, account: &Account, money: &Money) -> i64 {
    let seed = call.seed(&format!("balance/{}", money.currency));
    let moved = account.moved.get(&money.currency).copied();
    money.worth_cents(250_000 + 10 * seed.small()) + moved.unwrap_or_default()
}

fn balance(call: &Call<'_>, fields: &mut Fields, account: &Account) -> Answer {
    let one = |money: &Money| {
        json!({
            "currency": money.currency, "available": available(call, account, money),
            "pending": money.worth_cents(2_500),
        })
    };
    let money = call.named_money(fields)?;
    let mut body = one(&money);
    body["account_id"] = json!(call.workspace_id);
    body["environment"] = json!(call.environment);
    body["balances"] = call.monies().iter().map(one).collect();
    Ok(body)
}

fn make(call: &Call<'_>, mut fields: Fields, account: &mut Account, kind: &str) -> Answer {
    let amount = call.amount(&mut fields);
    let money = call.named_money(&mut fields)?;
    let [customer, reference, description] =
        ["customer", "reference", "description"].map(|name| fields.text(name));
    let way = KINDS.iter().find(|(word, _)| *word == kind);
    if way.is_none() {
        let words: Vec<&str> = KINDS.iter().map(|(word, _)| *word).collect();
        fields.refuse(format!("type must be one of: {}.", words.join(", ")));
    }
    let (Some(amount), Some((kind, way)), Ok(())) = (amount, way, fields.sound()) else {
        return Err(fields.told());
    };
    let before = available(call, account, &money);
    if *way == Way::Out && amount > before {
        return Err(Wrong::too_little(format!(
            "The balance is {before}, less than the amount of {amount}."
        )));
    }
    let change = if *way == Way::In { amount } else { -amount };
    *account.moved.entry(money.currency.clone()).or_default() += change;
    let id = account.id(call, "txn");
    let reference = reference.unwrap_or_else(|| format!("REF-{}", call.seed(&id).digits(8)));
    let made = json!({
        "id": id, "object": "transaction", "type": kind, "amount": amount, "currency": money.currency,
        "status": "completed", "customer": customer, "reference": reference, "description": description,
        "balance": { "before": before, "after": before + change }, "created": call.second(),
    });
    put(shelf(account, call), made.clone());
    Ok(made)
}
