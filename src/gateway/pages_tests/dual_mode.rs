use axum::http::Method;
use httpsig::prelude::SharedKey;

use super::{JSON, Platform, denied, refused};
use crate::{
    gateway::{
        signature::tests::{Key, Sent},
        signed_tests::{Pair, request},
    },
    server::testing::Reply,
};

/// Sends what the pair has signed.
async fn signed(platform: &Platform, pair: &Pair, sent: Sent, nonce: &str) -> Reply {
    let sent = pair.sign(sent, nonce, platform.app.clock.now());
    platform.app.gateway(request(&sent)).await
}

#[tokio::test]
async fn the_public_key_is_included_in_requests_as_an_identifier() {
    let platform = Platform::of("dual-mode").await;
    let pair = Pair::shared(&platform.app, &platform.workspace, "Shop").await;
    assert!(pair.public.starts_with("pk_test_"));
    let reply = signed(&platform, &pair, Sent::get(), "a").await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    // Alone it opens nothing.
    let alone = [("authorization", format!("Bearer {}", pair.public))];
    let alone = alone
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let reply = platform
        .send(Method::GET, "/v1/transactions", &alone, "")
        .await;
    assert_eq!(refused(&reply), denied(401, "SIGNATURE_REQUIRED"));
}

#[tokio::test]
async fn the_secret_key_signs_requests_ensuring_authenticity() {
    let platform = Platform::of("dual-mode").await;
    let pair = Pair::shared(&platform.app, &platform.workspace, "Shop").await;
    let started = signed(&platform, &pair, Sent::post(), "a").await;
    assert!(started.status.is_success(), "{}", started.body);
    let forged = Pair {
        id: pair.id.clone(),
        public: pair.public.clone(),
        key: Key::Shared(SharedKey::HmacSha256(b"sk_test_of_another".to_vec())),
    };
    let reply = signed(&platform, &forged, Sent::post(), "b").await;
    assert_eq!(refused(&reply), denied(401, "SIGNATURE_INVALID"));
    // What was signed is what is sent, and once.
    let sent = pair.sign(Sent::post(), "c", platform.app.clock.now());
    let mut other = sent.clone();
    other.body = br#"{"amount":999,"currency":"NGN"}"#.to_vec();
    let reply = platform.app.gateway(request(&other)).await;
    assert_eq!(refused(&reply), denied(401, "SIGNATURE_INVALID"));
    let first = platform.app.gateway(request(&sent)).await;
    assert!(first.status.is_success(), "{}", first.body);
    let again = platform.app.gateway(request(&sent)).await;
    assert_eq!(refused(&again), denied(401, "NONCE_REPLAYED"));
}

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

/// A call of this kind, not signed yet.
fn call(method: Method, path: &str, body: &str) -> Sent {
    let mut sent = if body.is_empty() {
        Sent::get()
    } else {
        Sent::post()
    };
    sent.method = method.to_string();
    path.clone_into(&mut sent.path);
    sent.query = None;
    sent.body = body.as_bytes().to_vec();
    if !body.is_empty() {
        sent.digest();
    }
    sent
}

#[tokio::test]
async fn provide_the_endpoint_url_select_the_event_types_save() {
    let platform = Platform::of("dual-mode").await;
    let pair = Pair::may(
        &platform.app,
        &platform.workspace,
        "Hooks",
        &["webhooks:manage"],
    )
    .await;
    let unsigned = platform.send(Method::GET, "/v1/webhooks", &[], "").await;
    assert_eq!(refused(&unsigned), denied(401, "SIGNATURE_REQUIRED"));
    let body = r#"{"url":"https://hooks.example/in","events":["transaction.completed","balance.changed"]}"#;
    let made = signed(
        &platform,
        &pair,
        call(Method::POST, "/v1/webhooks", body),
        "1",
    )
    .await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.json()["environment"], "test");
    let one = format!(
        "/v1/webhooks/{}",
        made.json()["id"].as_str().expect("an id")
    );
    let read = signed(&platform, &pair, call(Method::GET, &one, ""), "2").await;
    assert_eq!(
        read.json()["events"],
        serde_json::json!(["transaction.completed", "balance.changed"])
    );
    let body = r#"{"url":"https://10.0.0.1/"}"#;
    let wrong = signed(&platform, &pair, call(Method::PATCH, &one, body), "3").await;
    assert_eq!(refused(&wrong), denied(400, "BAD_REQUEST"));
    assert_eq!(wrong.headers["content-type"], "application/problem+json");
    assert_eq!(
        signed(&platform, &pair, call(Method::DELETE, &one, ""), "4")
            .await
            .status,
        200
    );
}
