//! Gift cards: which are taken and for how much, handing one in, and what became of those that were.

use serde_json::{Value, json};

use super::{
    Answer, Call, Wrong,
    account::{Account, put},
    fields::Fields,
    no_sample,
    paging::portion,
    seeds,
};
use crate::profiles::Sample;

/// Id, name, the card's own currency, least and most that it is worth in its minor unit, and how much of a hundred is paid.
const CARDS: &[(&str, &str, &str, i64, i64, i64)] = &[
    (
        "amazon-us",
        "Amazon, United States",
        "USD",
        1_000,
        50_000,
        82,
    ),
    ("apple-us", "Apple, United States", "USD", 1_000, 50_000, 85),
    (
        "google-play-us",
        "Google Play, United States",
        "USD",
        1_000,
        20_000,
        78,
    ),
    ("steam-us", "Steam, United States", "USD", 1_000, 20_000, 88),
    (
        "razer-gold-us",
        "Razer Gold, United States",
        "USD",
        500,
        50_000,
        84,
    ),
    ("visa-us", "Visa, United States", "USD", 2_500, 50_000, 74),
];
/// Trades that an account begins with.
const SAMPLES: i64 = 6;

pub fn answer(
    sample: Sample,
    call: &Call<'_>,
    mut fields: Fields,
    account: &mut Account,
) -> Answer {
    match sample {
        Sample::GiftCards => Ok(json!({
            "status": "success", "data": CARDS.iter().map(|(id, name, currency, min, max, share)| json!({
                "id": id, "name": name, "currency": currency, "min": min, "max": max,
                "rate": paid(call, 100, *share), "rate_currency": call.money().currency,
            })).collect::<Value>(),
        })),
        Sample::TradeGiftCard => trade(call, fields, account),
        Sample::GiftCardTrades => portion(
            account.shelf(Sample::GiftCardTrades, || samples(call)),
            &mut fields,
        ),
        _ => Err(no_sample()),
    }
}

/// What is paid for a card's value, in minor units of the account's currency.
fn paid(call: &Call<'_>, cents: i64, share: i64) -> i64 {
    call.money().worth_cents(cents) * share / 100
}

fn samples(call: &Call<'_>) -> Vec<Value> {
    (0..SAMPLES)
        .rev()
        .map(|i| {
            let seed = call.seed(&format!("trade/{i}"));
            let (card, _, currency, min, _, share) = CARDS[seed.below(CARDS.len())];
            let amount = min * (1 + seed.small() % 4);
            json!({
                "id": seed.id("gct"), "card": card, "amount": amount, "card_currency": currency,
                "payout": paid(call, amount, share), "currency": call.money().currency,
                "state": if i == 2 { "declined" } else { "paid" },
                "created": seeds::date(call, "trade", i, SAMPLES),
            })
        })
        .collect()
}

fn trade(call: &Call<'_>, mut fields: Fields, account: &mut Account) -> Answer {
    let card = fields.need_text("card");
    let amount = call.amount(&mut fields);
    let code = fields.need_text("code");
    // The code is worth money: it is asked for, and not kept.
    let (Some(card), Some(amount), Some(_)) = (card, amount, code) else {
        return Err(fields.told());
    };
    let known = CARDS.iter().find(|known| known.0 == card);
    let (_, _, currency, min, max, share) =
        known.ok_or_else(|| Wrong::asked(format!("There is no card {card}.")))?;
    if !(min..=max).contains(&&amount) {
        return Err(Wrong::asked(format!("amount must be from {min} to {max}.")));
    }
    let id = account.id(call, "gct");
    let mut made = json!({
        "id": id, "card": card, "amount": amount, "card_currency": currency,
        "payout": paid(call, amount, *share), "currency": call.money().currency, "state": "pending",
        "created": call.second(),
    });
    put(
        account.shelf(Sample::GiftCardTrades, || samples(call)),
        made.clone(),
    );
    made["status"] = json!("success");
    Ok(made)
}
