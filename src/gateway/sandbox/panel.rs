//! A panel of social media services, in the shapes that its customers' libraries know: services are priced by the
//! thousand, orders are paid from a balance, and everything has a number.

use serde_json::{Map, Value, json};

use super::{
    Answer, Call, Wrong,
    account::{Account, put},
    fields::Fields,
    no_sample,
    seeds::FIRST,
};
use crate::{
    profiles::Sample,
    server::clock::{MINUTE, Millis},
};

/// Parts of a unit of currency in which balances and charges are reckoned: panels show five digits after the point.
pub const UNIT: i64 = 100_000;
/// Orders that can be asked about at once.
const AT_ONCE: usize = 100;
/// An order waits so long, and is done so much later.
const WAITS: Millis = MINUTE;
const TAKES: Millis = 10 * MINUTE;
/// Orders that an account begins with; long done.
const BEFORE: i64 = 4;

struct Service {
    name: &'static str,
    category: &'static str,
    /// US cents for a thousand.
    cents: i64,
    min: i64,
    max: i64,
    refill: bool,
    cancel: bool,
}

const fn service(
    name: &'static str,
    category: &'static str,
    cents: i64,
    (min, max): (i64, i64),
    refill: bool,
) -> Service {
    Service {
        name,
        category,
        cents,
        min,
        max,
        refill,
        cancel: true,
    }
}

const SERVICES: &[Service] = &[
    service(
        "Instagram followers, 30 days' refill",
        "Instagram followers",
        90,
        (50, 10_000),
        true,
    ),
    service(
        "Instagram likes",
        "Instagram likes",
        25,
        (20, 50_000),
        false,
    ),
    service(
        "Instagram reel views",
        "Instagram views",
        4,
        (100, 1_000_000),
        false,
    ),
    service(
        "YouTube views, for ever",
        "YouTube views",
        210,
        (500, 100_000),
        true,
    ),
    service(
        "YouTube subscribers, 60 days' refill",
        "YouTube subscribers",
        1_450,
        (50, 5_000),
        true,
    ),
    service("TikTok views", "TikTok views", 2, (100, 10_000_000), false),
    service(
        "TikTok followers, 30 days' refill",
        "TikTok followers",
        175,
        (100, 20_000),
        true,
    ),
    service(
        "Telegram channel members",
        "Telegram members",
        120,
        (100, 30_000),
        true,
    ),
    service("X followers", "X followers", 320, (100, 10_000), false),
    service(
        "Facebook page likes",
        "Facebook likes",
        280,
        (100, 15_000),
        true,
    ),
    service("Spotify plays", "Spotify", 60, (1_000, 500_000), false),
    service("Podcast listeners", "Podcasts", 175, (100, 20_000), false),
];

#[derive(Clone)]
pub struct Order {
    number: i64,
    service: usize,
    quantity: i64,
    /// In parts of [`UNIT`].
    charge: i64,
    placed: Millis,
    canceled: bool,
}

pub fn answer(
    sample: Sample,
    call: &Call<'_>,
    mut fields: Fields,
    account: &mut Account,
) -> Answer {
    match sample {
        Sample::Services => Ok(services(call)),
        Sample::AccountBalance => Ok(json!({
            "balance": in_digits(balance(call, account)), "currency": call.money().currency,
        })),
        Sample::PlaceOrder => place(call, fields, account),
        Sample::OrderStatus => status(call, &mut fields, account),
        Sample::RefillOrder => refill(call, &mut fields, account),
        Sample::CancelOrders => cancel(call, &mut fields, account),
        _ => Err(no_sample()),
    }
}

/// What is left of the balance, in parts of [`UNIT`].
pub fn balance(call: &Call<'_>, account: &Account) -> i64 {
    let cents = 10_000 + call.seed("balance").small();
    in_units(call, cents) - account.spent
}

/// US cents in the account's currency, in parts of [`UNIT`].
fn in_units(call: &Call<'_>, cents: i64) -> i64 {
    // A thousand times as much, so that not even a fraction of a cent is lost.
    call.money().worth_cents(cents * 1000) * (UNIT / 100) / 1000
}

/// Takes this from the balance, if it is there.
pub fn pay(call: &Call<'_>, account: &mut Account, charge: i64) -> Result<(), Wrong> {
    if charge > balance(call, account) {
        return Err(Wrong::too_little("Not enough funds on balance"));
    }
    account.spent += charge;
    Ok(())
}

pub fn in_digits(units: i64) -> String {
    format!("{}.{:05}", units / UNIT, units % UNIT)
}

fn services(call: &Call<'_>) -> Value {
    (1..)
        .zip(SERVICES)
        .map(|(number, service)| {
            json!({
                "service": number, "name": service.name, "type": "Default", "category": service.category,
                "rate": in_digits(in_units(call, service.cents)), "min": service.min.to_string(),
                "max": service.max.to_string(), "refill": service.refill, "cancel": service.cancel,
            })
        })
        .collect()
}

fn place(call: &Call<'_>, mut fields: Fields, account: &mut Account) -> Answer {
    let number = fields.need_whole("service");
    let link = fields.need_text("link");
    let quantity = fields.need_whole("quantity");
    let (Some(number), Some(_), Some(quantity)) = (number, link, quantity) else {
        return Err(fields.told());
    };
    let at = usize::try_from(number - 1).unwrap_or(usize::MAX);
    let service = SERVICES
        .get(at)
        .ok_or_else(|| Wrong::asked("Incorrect service ID"))?;
    if !(service.min..=service.max).contains(&quantity) {
        return Err(Wrong::asked(format!(
            "Quantity must be from {} to {}",
            service.min, service.max
        )));
    }
    let charge = in_units(call, service.cents) * quantity / 1000;
    pay(call, account, charge)?;
    let number = first_number(call) + BEFORE + account.number();
    put(
        &mut account.orders,
        Order {
            number,
            service: at,
            quantity,
            charge,
            placed: call.now,
            canceled: false,
        },
    );
    Ok(json!({ "order": number }))
}

/// Where the account's numbers begin.
fn first_number(call: &Call<'_>) -> i64 {
    1_000_000 + 100 * call.seed("orders").small()
}

/// The order with this number: one that was placed, or one that the account began with.
fn order(call: &Call<'_>, account: &Account, number: i64) -> Result<Order, Wrong> {
    if let Some(placed) = account.orders.iter().find(|order| order.number == number) {
        return Ok(placed.clone());
    }
    let before = number - first_number(call);
    if !(1..=BEFORE).contains(&before) {
        return Err(Wrong::absent("Incorrect order ID"));
    }
    let seed = call.seed(&format!("order/{before}"));
    let service = seed.below(SERVICES.len());
    let quantity = 10 * SERVICES[service].min;
    Ok(Order {
        number,
        service,
        quantity,
        charge: in_units(call, SERVICES[service].cents) * quantity / 1000,
        placed: FIRST * 1000,
        canceled: false,
    })
}

impl Order {
    /// How far it is, and how much of it is still to come.
    fn progress(&self, now: Millis) -> (&'static str, i64) {
        let age = now - self.placed;
        if self.canceled {
            return ("Canceled", self.quantity);
        }
        if age < WAITS {
            return ("Pending", self.quantity);
        }
        let left = WAITS + TAKES - age;
        if left <= 0 {
            return ("Completed", 0);
        }
        ("In progress", self.quantity * left / TAKES)
    }

    fn in_json(&self, call: &Call<'_>) -> Value {
        let (status, remains) = self.progress(call.now);
        let charge = if self.canceled { 0 } else { self.charge };
        let start = call.seed(&format!("start/{}", self.number)).small() % 5_000;
        json!({
            "charge": in_digits(charge), "start_count": start.to_string(), "status": status,
            "remains": remains.to_string(), "currency": call.money().currency,
        })
    }
}

/// The numbers in `orders`, which are divided by commas, or the one in `order`. Text that is no number is no order's.
fn numbers(fields: &mut Fields) -> Result<(Vec<(String, i64)>, bool), Wrong> {
    let many = fields.has("orders");
    let text = if many {
        fields.text("orders")
    } else {
        fields.need_text("order")
    };
    let text = text.ok_or_else(|| fields.told())?;
    let numbers: Vec<(String, i64)> = text
        .split(',')
        .map(|part| (part.trim().to_owned(), part.trim().parse().unwrap_or(0)))
        .collect();
    if numbers.len() > AT_ONCE || (!many && numbers.len() > 1) {
        return Err(Wrong::asked(format!(
            "Name one order in order, or up to {AT_ONCE} in orders, divided by commas"
        )));
    }
    Ok((numbers, many))
}

fn failed(wrong: &Wrong) -> Value {
    json!({ "error": wrong.message })
}

fn status(call: &Call<'_>, fields: &mut Fields, account: &Account) -> Answer {
    let (numbers, many) = numbers(fields)?;
    let one = |number: i64| order(call, account, number).map(|order| order.in_json(call));
    if let ([(_, number)], false) = (numbers.as_slice(), many) {
        one(*number)
    } else {
        let each = numbers.iter().map(|(name, number)| {
            let status = one(*number).unwrap_or_else(|wrong| failed(&wrong));
            (name.clone(), status)
        });
        Ok(Value::Object(each.collect::<Map<_, _>>()))
    }
}

fn refill(call: &Call<'_>, fields: &mut Fields, account: &mut Account) -> Answer {
    let (numbers, many) = numbers(fields)?;
    let mut one = |number: i64| -> Answer {
        let order = order(call, account, number)?;
        let done = order.progress(call.now).0 == "Completed";
        if !(done && SERVICES[order.service].refill) {
            return Err(Wrong::asked("Refill is not available for this order"));
        }
        Ok(json!(first_number(call) + account.number()))
    };
    match (numbers.as_slice(), many) {
        ([(_, number)], false) => one(*number).map(|refill| json!({ "refill": refill })),
        _ => Ok(numbers
            .iter()
            .map(|(_, number)| {
                let refill = one(*number).unwrap_or_else(|wrong| failed(&wrong));
                json!({ "order": number, "refill": refill })
            })
            .collect()),
    }
}

/// Answers one by one: what is under way or done is no more to be stopped.
fn cancel(call: &Call<'_>, fields: &mut Fields, account: &mut Account) -> Answer {
    let (numbers, _) = numbers(fields)?;
    let mut one = |number: i64| -> Answer {
        let found = order(call, account, number)?;
        if found.canceled || found.progress(call.now).0 == "Completed" {
            return Err(Wrong::asked("Incorrect order ID"));
        }
        for order in &mut account.orders {
            if order.number == number {
                order.canceled = true;
            }
        }
        account.spent -= found.charge;
        Ok(json!(1))
    };
    Ok(numbers
        .iter()
        .map(|(_, number)| {
            let cancel = one(*number).unwrap_or_else(|wrong| failed(&wrong));
            json!({ "order": number, "cancel": cancel })
        })
        .collect())
}
