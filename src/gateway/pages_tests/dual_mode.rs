use axum::http::Method;

use super::{JSON, Platform, denied, refused};

#[tokio::test]
async fn the_secret_key_is_used_to_sign_requests_and_never_sent() {
    let platform = Platform::of("dual-mode").await;
    let (_, secret) = platform
        .bound(&["balance:read"], |key| {
            key.currency_kind = "fiat".to_owned();
        })
        .await;
    assert!(secret.starts_with("sk_test_"));
    let bearer = format!("Bearer {secret}");
    for headers in [
        vec![],
        vec![("authorization", bearer.as_str())],
        vec![("x-api-key", &*secret)],
    ] {
        let reply = platform
            .send(Method::GET, "/v1/balance", &headers, "")
            .await;
        assert_eq!(refused(&reply), denied(401, "SIGNATURE_REQUIRED"));
        assert_eq!(reply.headers["content-type"], "application/problem+json");
        assert_eq!(
            reply.headers["www-authenticate"],
            "Signature realm=\"dual-mode\""
        );
        assert!(!reply.body.contains(&secret));
    }
}

#[tokio::test]
async fn no_transaction_is_started_by_a_request_that_is_not_signed() {
    let platform = Platform::of("dual-mode").await;
    let body = r#"{"amount":100,"currency":"NGN"}"#;
    let headers = [("content-type", JSON)];
    let reply = platform
        .send(Method::POST, "/v1/transactions", &headers, body)
        .await;
    assert_eq!(refused(&reply), denied(401, "SIGNATURE_REQUIRED"));
}
