use axum::http::Method;

use super::{JSON, Platform, denied, refused};
use crate::gateway::signature::tests::{ALL, Key, Sent};

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

/// A signed call.
async fn signed(
    platform: &Platform,
    (public, secret): (&str, &str),
    method: Method,
    path: &str,
    body: &str,
) -> super::Reply {
    let mut sent = if body.is_empty() {
        Sent::get()
    } else {
        Sent::post()
    };
    sent.method = method.to_string();
    sent.path = path.to_owned();
    sent.query = None;
    sent.body = body.as_bytes().to_vec();
    if !body.is_empty() {
        sent.digest();
    }
    let covered = if body.is_empty() { &ALL[..4] } else { &ALL };
    let key = Key::Shared(httpsig::prelude::SharedKey::HmacSha256(
        secret.as_bytes().to_vec(),
    ));
    let now = platform.app.clock.now() / 1000;
    let nonce = platform.app.state.rng.id("non", now);
    let sent = sent.signed(&key, covered, |parameters| {
        parameters
            .set_created(u64::try_from(now).expect("positive"))
            .set_keyid(public)
            .set_nonce(&nonce);
    });
    let mut headers: Vec<(&str, &str)> = vec![("host", &sent.authority)];
    for (name, value) in &sent.headers {
        headers.push((name.as_str(), value.to_str().expect("text")));
    }
    platform.send(method, path, &headers, body).await
}

#[tokio::test]
async fn provide_the_endpoint_url_select_the_event_types_save() {
    let platform = Platform::of("dual-mode").await;
    let mut wanted = platform.app.wanted("test", "Hooks", &["webhooks:manage"]);
    "Hooks by key".clone_into(&mut wanted.label);
    let state = &platform.app.state;
    let made = crate::keys::ops::create_at_console(state, &platform.workspace, &wanted, None)
        .await
        .expect("made");
    let public = made.public_key.expect("a public key");
    let secret = made.secret.expect("a secret").expose().to_owned();
    let pair = (&*public, &*secret);
    let unsigned = platform.send(Method::GET, "/v1/webhooks", &[], "").await;
    assert_eq!(refused(&unsigned), denied(401, "SIGNATURE_REQUIRED"));
    let body = r#"{"url":"https://hooks.example/in","events":["transaction.completed","balance.changed"]}"#;
    let made = signed(&platform, pair, Method::POST, "/v1/webhooks", body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.json()["environment"], "test");
    let one = format!(
        "/v1/webhooks/{}",
        made.json()["id"].as_str().expect("an id")
    );
    let read = signed(&platform, pair, Method::GET, &one, "").await;
    assert_eq!(
        read.json()["events"],
        serde_json::json!(["transaction.completed", "balance.changed"])
    );
    let body = r#"{"url":"https://10.0.0.1/"}"#;
    let wrong = signed(&platform, pair, Method::PATCH, &one, body).await;
    assert_eq!(refused(&wrong), denied(400, "BAD_REQUEST"));
    assert_eq!(wrong.headers["content-type"], "application/problem+json");
    assert_eq!(
        signed(&platform, pair, Method::DELETE, &one, "")
            .await
            .status,
        200
    );
}
