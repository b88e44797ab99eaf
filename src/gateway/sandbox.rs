//! The sandbox upstream: sample data of a workspace, so that a first call works before anything stands behind the
//! gateway.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::judge::KeyRecord;

/// 1 January 2026, when the sample customers began to arrive; Unix seconds.
const FIRST_CUSTOMER: i64 = 1_767_225_600;

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

/// Answers `GET /v2/customers` with the sample customers of the key's workspace and environment: the same ones each
/// time, others in another workspace.
pub fn customers(key: &KeyRecord) -> Response {
    let data: Vec<Value> = PEOPLE
        .iter()
        .enumerate()
        .map(|(i, (name, email))| {
            let seed = Sha256::digest(format!("{}/{}/{i}", key.workspace_id, key.environment));
            let days = i64::from(seed[4]) + 40 * i64::try_from(i).unwrap_or(0);
            json!({
                "id": format!("cus_{}", hex::encode(&seed[..8])),
                "object": "customer",
                "name": name,
                "email": email,
                "created": FIRST_CUSTOMER + days * 86_400,
                "livemode": key.environment == "live",
            })
        })
        .collect();
    Json(json!({ "object": "list", "data": data, "has_more": false })).into_response()
}
