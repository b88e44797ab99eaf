//! The records that a workspace begins with: the same after every start, others in another workspace.

use serde_json::{Value, json};

use super::{Call, records::DAY};

/// 1 January 2025, when the samples begin; Unix seconds. They end before 2026.
pub const FIRST: i64 = 1_735_689_600;

const GIVEN: &[&str] = &[
    "Adaeze",
    "Mateo",
    "Ingrid",
    "Kenji",
    "Priya",
    "Tom\u{e1}\u{161}",
    "Amara",
    "Lucas",
    "Fatima",
    "Noor",
    "Elif",
    "Chidi",
    "Sofia",
    "Wei",
    "Yara",
    "Oskar",
];
const FAMILY: &[&str] = &[
    "Okafor",
    "Ruiz",
    "Solberg",
    "Watanabe",
    "Raman",
    "Dvo\u{159}\u{e1}k",
    "Mensah",
    "Ferreira",
    "Haddad",
    "Bakker",
    "Demir",
    "Nwosu",
    "Conti",
    "Zhang",
    "Khoury",
    "Lindqvist",
];
/// Addresses that nobody has: the domains are reserved (RFC 2606).
const FIRMS: &[&str] = &[
    "lagoon-coffee",
    "puerto-bikes",
    "fjord-books",
    "harbor-tools",
    "monsoon-prints",
    "vltava-audio",
    "savanna-supply",
];
const COUNTRIES: &[&str] = &["NG", "ES", "NO", "JP", "IN", "CZ", "GH", "BR", "LB", "NL"];

/// Name, description, cents, and how often they are paid.
const PRODUCTS: &[(&str, &str, i64, Option<&str>)] = &[
    ("Starter plan", "For one person", 900, Some("month")),
    ("Team plan", "Up to ten people", 4_900, Some("month")),
    (
        "Business plan",
        "Everybody, with support",
        19_900,
        Some("month"),
    ),
    (
        "Team plan, yearly",
        "Ten months' price for twelve",
        49_000,
        Some("year"),
    ),
    ("Onboarding", "A day with one of us", 75_000, None),
    ("Extra seat", "One more person", 500, Some("month")),
];

const CUSTOMERS: i64 = 14;

/// A person's name, the same for the same number in a workspace.
pub fn name(call: &Call<'_>, number: usize) -> String {
    // 5 and 7 share no factor with 16, so that a workspace has no name twice.
    let (given, family) = (call.seed("given").below(16), call.seed("family").below(16));
    format!(
        "{} {}",
        GIVEN[(given + 5 * number) % GIVEN.len()],
        FAMILY[(family + 7 * number) % FAMILY.len()]
    )
}

/// The second at which the n-th of so many samples was made, spread over a year.
pub fn date(call: &Call<'_>, what: &str, number: i64, of: i64) -> i64 {
    let step = 360 * DAY / of.max(1);
    FIRST + number * step + call.seed(&format!("{what}/{number}")).small() * step / 65_536
}

/// The id of the n-th sample of a kind.
fn id(call: &Call<'_>, prefix: &str, number: i64) -> String {
    call.seed(&format!("{prefix}/{number}")).id(prefix)
}

/// So many records, the newest first.
fn newest_first(count: i64, record: impl Fn(i64) -> Value) -> Vec<Value> {
    (0..count).rev().map(record).collect()
}

pub fn customers(call: &Call<'_>) -> Vec<Value> {
    newest_first(CUSTOMERS, |i| {
        let seed = call.seed(&format!("cus/{i}"));
        let name = name(call, usize::try_from(i).unwrap_or_default());
        let firm = FIRMS[seed.below(FIRMS.len())];
        let given: String = name
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_lowercase()
            .replace('\u{e1}', "a")
            .replace('\u{161}', "s");
        json!({
            "id": id(call, "cus", i), "object": "customer", "name": name,
            "email": format!("{given}@{firm}.example"),
            "phone": format!("+1555{}", seed.digits(7)),
            "country": COUNTRIES[seed.below(COUNTRIES.len())],
            "created": date(call, "cus", i, CUSTOMERS), "livemode": call.live(),
        })
    })
}

pub fn products(call: &Call<'_>) -> Vec<Value> {
    let money = call.money();
    (0..)
        .zip(PRODUCTS)
        .map(|(i, (name, description, cents, interval))| {
            json!({
                "id": id(call, "prod", i), "object": "product", "name": name, "description": description,
                "amount": money.worth_cents(*cents), "currency": money.currency, "interval": interval,
                "active": true, "created": FIRST + i * DAY, "livemode": call.live(),
            })
        })
        .collect()
}

pub fn subscriptions(call: &Call<'_>) -> Vec<Value> {
    const COUNT: i64 = 9;
    let products = products(call);
    newest_first(COUNT, |i| {
        let seed = call.seed(&format!("sub/{i}"));
        let product = &products[seed.below(4)];
        let created = date(call, "sub", i, COUNT);
        let length = if product["interval"] == "year" {
            365
        } else {
            30
        } * DAY;
        // The period that goes on now.
        let begun = created + (call.second() - created).max(0) / length * length;
        let status = match i {
            2 => "canceled",
            4 => "past_due",
            5 => "paused",
            _ => "active",
        };
        json!({
            "id": id(call, "sub", i), "object": "subscription", "customer": id(call, "cus", i),
            "product": product["id"], "amount": product["amount"], "currency": product["currency"],
            "status": status, "current_period_start": begun, "current_period_end": begun + length,
            "created": created, "livemode": call.live(),
        })
    })
}

const INVOICES: i64 = 12;

/// What the n-th invoice is about, and so its payment, in cents.
fn cents(call: &Call<'_>, number: i64) -> i64 {
    let seed = call.seed(&format!("invoice/{number}"));
    PRODUCTS[seed.below(PRODUCTS.len())].2 * (1 + seed.small() % 3)
}

pub fn invoices(call: &Call<'_>) -> Vec<Value> {
    let money = call.money();
    newest_first(INVOICES, |i| {
        let created = date(call, "inv", i, INVOICES);
        let status = match INVOICES - i {
            1 => "draft",
            2 | 3 => "open",
            _ => "paid",
        };
        json!({
            "id": id(call, "inv", i), "object": "invoice", "number": format!("INV-{}", 981 + i),
            "customer": id(call, "cus", i % CUSTOMERS), "amount": money.worth_cents(cents(call, i)),
            "currency": money.currency, "status": status, "due": created + 14 * DAY,
            "created": created, "livemode": call.live(),
        })
    })
}

/// One payment for each invoice that is paid.
pub fn payments(call: &Call<'_>) -> Vec<Value> {
    let money = call.money();
    newest_first(INVOICES - 3, |i| {
        let seed = call.seed(&format!("pay/{i}"));
        let amount = money.worth_cents(cents(call, i));
        let refunded = if i == 1 { amount } else { 0 };
        let brand = ["visa", "mastercard"][seed.below(2)];
        json!({
            "id": id(call, "pay", i), "object": "payment", "customer": id(call, "cus", i % CUSTOMERS),
            "invoice": id(call, "inv", i), "amount": amount, "amount_refunded": refunded,
            "currency": money.currency, "status": if refunded > 0 { "refunded" } else { "succeeded" },
            "method": { "type": "card", "brand": brand, "last4": seed.digits(4) },
            "created": date(call, "inv", i, INVOICES) + 2 * DAY, "livemode": call.live(),
        })
    })
}

pub fn settings(call: &Call<'_>) -> Value {
    let firm = FIRMS[call.seed("settings").below(FIRMS.len())];
    json!({
        "object": "settings", "account_id": call.workspace_id, "business_name": firm.replace('-', " "),
        "support_email": format!("help@{firm}.example"), "support_phone": "+15550100",
        "website": format!("https://{firm}.example"), "timezone": "Africa/Lagos",
        "statement_descriptor": firm.to_uppercase(), "currency": call.money().currency,
        "livemode": call.live(),
    })
}
