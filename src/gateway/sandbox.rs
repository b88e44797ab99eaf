//! The sandbox upstream: sample data of a workspace, so that a first call works before anything stands behind the
//! gateway. It goes by what a rule is about, the last step of its path or its action, and knows no platform.

use axum::{
    Json,
    http::{Method, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::judge::KeyRecord;
use crate::profiles::Rule;

/// 1 January 2026, when the samples begin; Unix seconds.
const FIRST: i64 = 1_767_225_600;
const DAY: i64 = 86_400;

const PEOPLE: &[(&str, &str)] = &[
    ("Adaeze Okafor", "adaeze@lagoon-coffee.example"),
    ("Mateo Ruiz", "mateo@puerto-bikes.example"),
    ("Ingrid Solberg", "ingrid@fjord-books.example"),
    ("Kenji Watanabe", "kenji@harbor-tools.example"),
    ("Priya Raman", "priya@monsoon-prints.example"),
    (
        "Tom\u{e1}\u{161} Dvo\u{159}\u{e1}k",
        "tomas@vltava-audio.example",
    ),
];

/// What a panel for resellers sells: name, category, price of a thousand.
const SERVICES: &[(&str, &str, &str)] = &[
    ("Newsletter readers", "Mail", "0.90"),
    ("Podcast listeners", "Audio", "1.75"),
    ("Video views", "Video", "2.10"),
];

/// Answers a call under this rule with the samples of the key's workspace and environment: the same ones each time,
/// others in another workspace.
pub fn answer(key: &KeyRecord, rule: &Rule) -> Response {
    let subject = rule.path.rsplit('/').next().unwrap_or_default();
    if subject == "webhooks"
        || rule
            .action
            .as_deref()
            .is_some_and(|a| a.starts_with("webhook_"))
    {
        // These would act on endpoints that are really there; a sample would pretend that they did.
        let body = json!({ "error": "Managing webhooks by key is not available in this version." });
        return (StatusCode::NOT_IMPLEMENTED, Json(body)).into_response();
    }
    let body = match &rule.action {
        Some(action) => to_action(key, action),
        None if rule.method == Method::GET => match subject {
            "customers" => customers(key),
            "balance" => balance(key),
            "transactions" => transactions(key),
            _ => json!({ "object": "list", "data": [], "has_more": false }),
        },
        None => made(key, subject),
    };
    Json(body).into_response()
}

/// Bytes that are always the same for this key's workspace, its environment and a name.
fn seed(key: &KeyRecord, name: &str) -> [u8; 32] {
    Sha256::digest(format!("{}/{}/{name}", key.workspace_id, key.environment)).into()
}

fn id(prefix: &str, seed: [u8; 32]) -> String {
    format!("{prefix}_{}", hex::encode(&seed[..8]))
}

/// Between 0 and 65 535.
fn small(seed: [u8; 32]) -> i64 {
    i64::from(u16::from_be_bytes([seed[8], seed[9]]))
}

fn customers(key: &KeyRecord) -> Value {
    let data: Vec<Value> = (0..)
        .zip(PEOPLE)
        .map(|(i, (name, email))| {
            let seed = seed(key, &i.to_string());
            json!({
                "id": id("cus", seed),
                "object": "customer",
                "name": name,
                "email": email,
                "created": FIRST + (i64::from(seed[4]) + 40 * i) * DAY,
                "livemode": &*key.environment == "live",
            })
        })
        .collect();
    json!({ "object": "list", "data": data, "has_more": false })
}

fn balance(key: &KeyRecord) -> Value {
    let minor = 100_000 + 10 * small(seed(key, "balance"));
    json!({
        "account_id": &*key.workspace_id,
        "currency": "USD",
        "available": minor,
        "pending": 2_500,
        "environment": &*key.environment,
    })
}

fn transactions(key: &KeyRecord) -> Value {
    let data: Vec<Value> = (0..5_i64)
        .map(|i| {
            let seed = seed(key, &format!("transaction/{i}"));
            json!({
                "id": id("txn", seed),
                "type": if i % 2 == 0 { "cash_in" } else { "cash_out" },
                "amount": 500 + small(seed),
                "currency": "USD",
                "status": "completed",
                "created": FIRST + (3 * i + i64::from(seed[4] % 3)) * DAY,
            })
        })
        .collect();
    json!({ "object": "list", "data": data, "has_more": false })
}

/// What a call that makes something is answered; nothing is kept.
fn made(key: &KeyRecord, subject: &str) -> Value {
    json!({
        "id": id("smp", seed(key, subject)),
        "object": subject.trim_end_matches('s'),
        "status": "accepted",
        "sandbox": true,
    })
}

/// Panels for resellers serve everything on one path.
fn to_action(key: &KeyRecord, action: &str) -> Value {
    let order = 10_000 + small(seed(key, "order"));
    match action {
        "balance" => {
            let cents = 10_000 + small(seed(key, "balance"));
            json!({ "balance": format!("{}.{:02}", cents / 100, cents % 100), "currency": "USD" })
        }
        "services" => (1..)
            .zip(SERVICES)
            .map(|(number, (name, category, rate))| {
                json!({
                    "service": number, "name": name, "type": "Default", "category": category, "rate": rate,
                    "min": "50", "max": "10000", "refill": true, "cancel": true,
                })
            })
            .collect(),
        "status" => json!({
            "charge": "0.90", "start_count": "120", "status": "In progress", "remains": "310", "currency": "USD",
        }),
        "add" => json!({ "order": order }),
        "refill" => json!({ "refill": order + 1 }),
        "cancel" => json!([{ "order": order, "cancel": 1 }]),
        _ => json!({
            "status": "success", "reference": id("ref", seed(key, action)), "data": [], "sandbox": true,
        }),
    }
}
