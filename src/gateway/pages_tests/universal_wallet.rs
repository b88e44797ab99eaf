use axum::http::Method;

use super::{JSON, Platform, Reply, denied, refused};
use crate::{keys::ops, server::clock::DAY};

impl Platform {
    fn at(&self, step: &str) -> String {
        format!("/api/v1/distributors/{}/{step}", self.workspace)
    }

    async fn read(&self, key: &str, step: &str) -> Reply {
        let bearer = format!("Bearer {key}");
        let headers = [("authorization", bearer.as_str())];
        self.send(Method::GET, &self.at(step), &headers, "").await
    }

    async fn perform(&self, key: &str, step: &str, body: &str) -> Reply {
        let bearer = format!("Bearer {key}");
        let headers = [("authorization", bearer.as_str()), ("content-type", JSON)];
        self.send(Method::POST, &self.at(step), &headers, body)
            .await
    }
}

const ALL: &[&str] = &["balance:read", "transactions:read", "operations:write"];

#[tokio::test]
async fn get_distributor_balance_gives_the_expected_response() {
    let platform = Platform::of("universal-wallet").await;
    let (_, key) = platform.key(&["balance:read"]).await;
    let reply = platform.read(&key, "balance").await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let body = reply.json();
    assert_eq!(body["account_id"], platform.workspace.as_str());
    assert!(
        body["available"].as_i64() > Some(0) && body["currency"] == "USD",
        "{body}"
    );
}

#[tokio::test]
async fn permissions_read_balance_read_transactions_and_perform_operations() {
    let platform = Platform::of("universal-wallet").await;
    let operation = r#"{"amount":500,"currency":"USD"}"#;
    for scope in ALL {
        let (_, key) = platform.key(&[scope]).await;
        let answers = [
            ("balance:read", platform.read(&key, "balance").await),
            (
                "transactions:read",
                platform.read(&key, "transactions").await,
            ),
            (
                "operations:write",
                platform.perform(&key, "cash-in", operation).await,
            ),
            (
                "operations:write",
                platform.perform(&key, "cash-out", operation).await,
            ),
        ];
        for (needs, reply) in answers {
            if needs == *scope {
                assert_eq!(reply.status, 200, "{scope}: {}", reply.body);
            } else {
                assert_eq!(
                    refused(&reply),
                    denied(403, "INSUFFICIENT_SCOPE"),
                    "{scope} {needs}"
                );
            }
        }
    }
}

#[tokio::test]
async fn access_operation_history() {
    let platform = Platform::of("universal-wallet").await;
    let (_, key) = platform.key(ALL).await;
    let made = platform
        .perform(&key, "cash-in", r#"{"amount":500,"currency":"USD"}"#)
        .await
        .json();
    let list = platform.read(&key, "transactions?limit=3").await.json();
    assert_eq!(list["data"][0], made);
    assert_eq!(list["data"].as_array().map(Vec::len), Some(3));
    let one = format!("transactions/{}", made["id"].as_str().expect("an id"));
    assert_eq!(platform.read(&key, &one).await.json(), made);
}

#[tokio::test]
async fn maximum_amount_per_operation_and_total_daily_transaction_limit() {
    let platform = Platform::of("universal-wallet").await;
    let (_, key) = platform
        .bound(ALL, |key| {
            key.max_amount = "100,000".to_owned();
            key.max_daily = "150,000".to_owned();
            key.currency = "USD".to_owned();
        })
        .await;
    // Amounts are cents.
    let cash_in = async |amount: i64| {
        let body = format!(r#"{{"amount":{amount},"currency":"USD"}}"#);
        platform.perform(&key, "cash-in", &body).await
    };
    assert_eq!(
        refused(&cash_in(10_000_001).await),
        denied(403, "TRANSACTION_LIMIT_EXCEEDED")
    );
    assert_eq!(cash_in(10_000_000).await.status, 200);
    assert_eq!(
        refused(&cash_in(5_000_001).await),
        denied(403, "DAILY_VOLUME_EXCEEDED")
    );
    assert_eq!(cash_in(5_000_000).await.status, 200);
}

#[tokio::test]
async fn number_of_days_until_the_key_expires() {
    let platform = Platform::of("universal-wallet").await;
    let (_, key) = platform.key(&["balance:read"]).await;
    platform.app.clock.advance(365 * DAY - 1);
    assert_eq!(platform.read(&key, "balance").await.status, 200);
    platform.app.clock.advance(1);
    assert_eq!(
        refused(&platform.read(&key, "balance").await),
        denied(401, "EXPIRED")
    );
}

#[tokio::test]
async fn verify_the_api_key_is_correct_and_has_not_been_revoked() {
    let platform = Platform::of("universal-wallet").await;
    let (id, key) = platform.key(&["balance:read"]).await;
    assert_eq!(
        refused(&platform.read("uw_live_x", "balance").await),
        denied(401, "MALFORMED")
    );
    ops::revoke_at_console(&platform.app.state, &id)
        .await
        .expect("revoked");
    let reply = platform.read(&key, "balance").await;
    assert_eq!(refused(&reply), denied(401, "REVOKED"));
    assert_eq!(
        reply.headers["www-authenticate"],
        "Bearer realm=\"universal-wallet\""
    );
}

#[tokio::test]
async fn ensure_you_are_using_the_bearer_prefix_in_the_authorization_header() {
    let platform = Platform::of("universal-wallet").await;
    let (_, key) = platform.key(&["balance:read"]).await;
    for value in [key.clone(), format!("Token {key}"), format!("Bearer{key}")] {
        let headers = [("authorization", value.as_str())];
        let reply = platform
            .send(Method::GET, &platform.at("balance"), &headers, "")
            .await;
        assert_eq!(
            refused(&reply),
            denied(401, "MISSING_CREDENTIAL"),
            "{value}"
        );
        assert!(
            reply.body.contains("Authorization: Bearer"),
            "{}",
            reply.body
        );
    }
    let headers = [("x-api-key", key.as_str())];
    let reply = platform
        .send(Method::GET, &platform.at("balance"), &headers, "")
        .await;
    assert_eq!(refused(&reply), denied(401, "MISSING_CREDENTIAL"));
}

#[tokio::test]
async fn verify_the_distributor_id_in_the_url_matches_the_one_of_the_key() {
    let mut platform = Platform::of("universal-wallet").await;
    let (_, key) = platform.key(ALL).await;
    platform.workspace = platform.app.workspace("Other").await;
    for step in ["balance", "transactions"] {
        assert_eq!(
            refused(&platform.read(&key, step).await),
            denied(403, "RESOURCE_MISMATCH")
        );
    }
    let reply = platform
        .perform(&key, "cash-out", r#"{"amount":1,"currency":"USD"}"#)
        .await;
    assert_eq!(refused(&reply), denied(403, "RESOURCE_MISMATCH"));
}

#[tokio::test]
async fn if_using_ip_whitelisting_ensure_your_request_originates_from_an_allowed_ip() {
    let platform = Platform::of("universal-wallet").await;
    for (addresses, status) in [("203.0.113.9, 198.51.100.5", 200), ("198.51.100.5", 403)] {
        let (_, key) = platform
            .bound(&["balance:read"], |key| {
                key.addresses = addresses.to_owned();
            })
            .await;
        let reply = platform.read(&key, "balance").await;
        assert_eq!(reply.status, status, "{}", reply.body);
    }
}

#[tokio::test]
async fn verify_request_payload_format_and_that_required_parameters_are_included() {
    let platform = Platform::of("universal-wallet").await;
    let (_, key) = platform.key(&["operations:write"]).await;
    for (body, part) in [
        ("", "amount"),
        ("{}", "amount"),
        (r#"{"currency":"USD"}"#, "amount"),
        (r#"{"amount":"ten","currency":"USD"}"#, "amount"),
        ("{", ""),
        ("[1]", ""),
    ] {
        let reply = platform.perform(&key, "cash-in", body).await;
        assert_eq!(refused(&reply), denied(400, "BAD_REQUEST"), "{body}");
        assert!(reply.body.contains(part), "{body}: {}", reply.body);
        assert_eq!(reply.headers["content-type"], "application/problem+json");
    }
}

#[tokio::test]
async fn check_that_you_are_using_the_correct_endpoint_url() {
    let platform = Platform::of("universal-wallet").await;
    let (_, key) = platform.key(ALL).await;
    for step in ["balances", "balance/", "cash-in", ""] {
        let reply = platform.read(&key, step).await;
        assert_eq!(refused(&reply), denied(403, "INSUFFICIENT_SCOPE"), "{step}");
    }
}
