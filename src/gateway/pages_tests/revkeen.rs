use axum::http::Method;

use super::{JSON, Platform, Reply, denied, refused};
use crate::keys::ops;

const CUSTOMERS: &str = "/v2/customers";

async fn customers(platform: &Platform, key: &str) -> Reply {
    let headers = [("x-revkeen-key", key), ("content-type", JSON)];
    platform.send(Method::GET, CUSTOMERS, &headers, "").await
}

fn number(reply: &Reply, name: &str) -> i64 {
    let text = reply
        .headers
        .get(name)
        .and_then(|value| value.to_str().ok());
    text.and_then(|text| text.parse().ok())
        .unwrap_or_else(|| panic!("{name}"))
}

#[tokio::test]
async fn include_your_api_key_in_the_x_revkeen_key_or_bearer_header_of_every_request() {
    let platform = Platform::of("revkeen").await;
    let (_, key) = platform.key(&["customers:read"]).await;
    assert_eq!(customers(&platform, &key).await.status, 200);
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str())];
    let reply = platform.send(Method::GET, CUSTOMERS, &headers, "").await;
    assert_eq!(reply.status, 200);
    for rule in &platform.app.state.profile.rules {
        let path = rule.path.replace("{id}", "x");
        let reply = platform.send(rule.method.clone(), &path, &[], "").await;
        assert_eq!(refused(&reply), denied(401, "MISSING_CREDENTIAL"), "{path}");
    }
}

#[tokio::test]
async fn if_the_header_is_missing_or_invalid_the_api_responds_401_with_an_authentication_error() {
    let platform = Platform::of("revkeen").await;
    let (id, key) = platform.key(&["customers:read"]).await;
    ops::revoke_at_console(&platform.app.state, &id)
        .await
        .expect("revoked");
    let missing = platform.send(Method::GET, CUSTOMERS, &[], "").await;
    for reply in [
        missing,
        customers(&platform, "rk_live_your_api_key").await,
        customers(&platform, "stranger").await,
        customers(&platform, &key).await,
    ] {
        assert_eq!(reply.status, 401);
        let error = &reply.json()["error"];
        assert_eq!(error["type"], "authentication_error", "{error}");
        for field in ["code", "message", "request_id"] {
            assert!(error[field].is_string(), "{field}");
        }
        assert_eq!(
            reply.headers["www-authenticate"],
            "Bearer realm=\"revkeen\", ApiKey realm=\"revkeen\", header=\"x-revkeen-key\""
        );
    }
}

#[tokio::test]
async fn example_with_curl() {
    let platform = Platform::of("revkeen").await;
    let (_, key) = platform.key(&["customers:read"]).await;
    let list = customers(&platform, &key).await.json();
    assert_eq!(list["object"], "list");
    let first = &list["data"][0];
    assert!(
        first["email"]
            .as_str()
            .is_some_and(|email| email.contains('@')),
        "{first}"
    );
}

#[tokio::test]
async fn live_and_sandbox_keys_have_a_prefix_that_indicates_the_environment() {
    let platform = Platform::of("revkeen").await;
    for (environment, prefix, live) in [
        ("live", "rk_live_", true),
        ("sandbox", "rk_sandbox_", false),
    ] {
        let (_, key) = platform
            .bound(&["customers:read"], |key| {
                key.environment = environment.to_owned();
            })
            .await;
        assert!(key.starts_with(prefix));
        let list = customers(&platform, &key).await.json();
        assert_eq!(list["data"][0]["livemode"], live);
    }
}

#[tokio::test]
async fn api_keys_can_be_restricted_to_specific_scopes() {
    let platform = Platform::of("revkeen").await;
    let profile = &platform.app.state.profile;
    let scopes: Vec<&str> = profile.scopes().map(|scope| scope.id.as_str()).collect();
    assert_eq!(scopes.len(), 16);
    for scope in &scopes {
        let others: Vec<&str> = scopes.iter().copied().filter(|one| one != scope).collect();
        let (_, key) = platform.key(&[scope]).await;
        let (_, lacking) = platform.key(&others).await;
        let rules: Vec<_> = profile
            .rules
            .iter()
            .filter(|rule| rule.scope == *scope)
            .collect();
        assert!(!rules.is_empty(), "{scope} opens nothing");
        for rule in rules {
            let path = rule.path.replace("{id}", "nobody");
            let headers = |key| [("x-revkeen-key", key), ("content-type", JSON)];
            let reply = platform
                .send(rule.method.clone(), &path, &headers(&*key), "{}")
                .await;
            // What is not there or not whole is told by what stands behind the gateway: the scope let it through.
            assert!(
                matches!(reply.status.as_u16(), 200 | 400 | 404),
                "{} {path}: {}",
                rule.method,
                reply.body
            );
            let reply = platform
                .send(rule.method.clone(), &path, &headers(&*lacking), "{}")
                .await;
            assert_eq!(
                refused(&reply),
                denied(403, "INSUFFICIENT_SCOPE"),
                "{} {path}",
                rule.method
            );
            assert_eq!(reply.json()["error"]["type"], "permission_error");
        }
    }
}

#[tokio::test]
async fn create_update_and_delete_customers() {
    let platform = Platform::of("revkeen").await;
    let (_, key) = platform.key(&["customers:read", "customers:write"]).await;
    let headers = [("x-revkeen-key", key.as_str()), ("content-type", JSON)];
    let body = r#"{"email":"ada@example.com"}"#;
    let made = platform
        .send(Method::POST, CUSTOMERS, &headers, body)
        .await
        .json();
    let one = format!("{CUSTOMERS}/{}", made["id"].as_str().expect("an id"));
    let named = platform
        .send(Method::PATCH, &one, &headers, r#"{"name":"Ada"}"#)
        .await
        .json();
    assert_eq!(
        platform.send(Method::GET, &one, &headers, "").await.json(),
        named
    );
    assert_eq!(
        platform
            .send(Method::DELETE, &one, &headers, "")
            .await
            .status,
        200
    );
    let gone = platform.send(Method::GET, &one, &headers, "").await;
    assert_eq!(refused(&gone), denied(404, "RESOURCE_NOT_FOUND"));
}

#[tokio::test]
async fn rate_limiting_is_enforced_per_api_key_by_plan() {
    let platform = Platform::of("revkeen").await;
    for (tier, rate, burst) in [
        ("starter", 60, 10),
        ("growth", 600, 50),
        ("enterprise", 6000, 200),
    ] {
        let mut wanted = platform.app.wanted("sandbox", tier, &["customers:read"]);
        wanted.tier = Some(tier.to_owned());
        let state = &platform.app.state;
        let made = ops::create_at_console(state, &platform.workspace, &wanted, None).await;
        let key = made
            .expect("made")
            .secret
            .expect("a secret")
            .expose()
            .to_owned();
        for left in (0..burst).rev() {
            let reply = customers(&platform, &key).await;
            assert_eq!(reply.status, 200);
            assert_eq!(number(&reply, "X-RateLimit-Limit"), rate);
            assert_eq!(number(&reply, "X-RateLimit-Remaining"), left);
        }
        assert_eq!(customers(&platform, &key).await.status, 429, "{tier}");
    }
}

#[tokio::test]
async fn each_response_includes_rate_limit_headers() {
    let platform = Platform::of("revkeen").await;
    let (_, key) = platform.key(&["customers:read"]).await;
    let headers = [("x-revkeen-key", key.as_str())];
    let now = platform.app.clock.now() / 1000;
    for (method, path, status) in [
        (Method::GET, CUSTOMERS, 200),
        (Method::GET, "/v2/customers/nobody", 404),
        (Method::POST, CUSTOMERS, 403),
        (Method::GET, "/nowhere", 403),
    ] {
        let reply = platform.send(method, path, &headers, "").await;
        assert_eq!(reply.status, status, "{path}: {}", reply.body);
        assert_eq!(number(&reply, "X-RateLimit-Limit"), 60);
        assert!((0..=10).contains(&number(&reply, "X-RateLimit-Remaining")));
        let reset = number(&reply, "X-RateLimit-Reset");
        assert!(
            (now..now + 60).contains(&reset),
            "a Unix timestamp: {reset}"
        );
    }
}

#[tokio::test]
async fn when_a_limit_is_exceeded_the_api_returns_429_with_a_rate_limit_error() {
    let platform = Platform::of("revkeen").await;
    let (_, key) = platform.key(&["customers:read"]).await;
    for _ in 0..10 {
        assert_eq!(customers(&platform, &key).await.status, 200);
    }
    let reply = customers(&platform, &key).await;
    assert_eq!(refused(&reply), denied(429, "RATE_LIMITED"));
    assert_eq!(reply.json()["error"]["type"], "rate_limit_error");
    assert_eq!(number(&reply, "X-RateLimit-Remaining"), 0);
    assert!(number(&reply, "Retry-After") > 0);
}

#[tokio::test]
async fn webhooks_read_reads_configurations_and_webhooks_write_creates_updates_and_deletes() {
    let platform = Platform::of("revkeen").await;
    let (_, reads) = platform.key(&["webhooks:read"]).await;
    let (_, writes) = platform.key(&["webhooks:write"]).await;
    let send = async |method: Method, path: &str, key: &str, body: &str| {
        let headers = [("x-revkeen-key", key), ("content-type", JSON)];
        platform.send(method, path, &headers, body).await
    };
    let body = r#"{"url":"https://hooks.example/in","events":["transaction.completed"]}"#;
    let refused_to = send(Method::POST, WEBHOOKS, &reads, body).await;
    assert_eq!(refused(&refused_to), denied(403, "INSUFFICIENT_SCOPE"));
    let made = send(Method::POST, WEBHOOKS, &writes, body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let id = made.json()["id"].as_str().expect("an id").to_owned();
    let one = format!("{WEBHOOKS}/{id}");
    let refused_to = send(Method::GET, &one, &writes, "").await;
    assert_eq!(refused(&refused_to), denied(403, "INSUFFICIENT_SCOPE"));
    let listed = send(Method::GET, WEBHOOKS, &reads, "").await.json();
    assert_eq!(listed["data"][0]["id"], id);
    let changed = send(Method::PATCH, &one, &writes, r#"{"description":"Orders"}"#).await;
    assert_eq!(changed.json()["description"], "Orders");
    assert_eq!(
        send(Method::GET, &one, &reads, "").await.json(),
        changed.json()
    );
    assert_eq!(send(Method::DELETE, &one, &writes, "").await.status, 200);
    let gone = send(Method::GET, &one, &reads, "").await;
    assert_eq!(refused(&gone), denied(404, "RESOURCE_NOT_FOUND"));
}

const WEBHOOKS: &str = "/v2/webhooks";
