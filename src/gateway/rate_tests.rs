//! Rates and quotas through the routers: what is charged, what its holder is told, and what it depends on.

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use serde_json::json;

use crate::{
    db::{
        Db,
        testing::{self, Engine},
    },
    on_both_engines, plans,
    profiles::Profile,
    server::{
        clock::{HOUR, SECOND},
        testing::{Reply, TestApp},
    },
    usage::buffer,
};

async fn app() -> TestApp {
    TestApp::start(testing::database(Engine::Sqlite).await).await
}

fn number(reply: &Reply, name: &str) -> i64 {
    let value = reply
        .headers
        .get(name)
        .unwrap_or_else(|| panic!("no {name}"));
    value.to_str().expect("text").parse().expect("a number")
}

#[tokio::test]
async fn every_answer_to_a_known_key_says_what_is_left_of_its_rate() {
    let app = app().await;
    let workspace = app.workspace("Acme").await;
    let (_, key) = app.key(&workspace, "POS", &["customers:read"]).await;
    let now = app.clock.now() / 1000;
    let allowed = app.call(Method::GET, "/v2/customers", Some(&key)).await;
    assert_eq!(allowed.status, StatusCode::OK);
    assert_eq!(number(&allowed, "x-ratelimit-limit"), 60);
    assert_eq!(number(&allowed, "x-ratelimit-remaining"), 9);
    assert!((now + 1..=now + 2).contains(&number(&allowed, "x-ratelimit-reset")));
    assert_eq!(allowed.headers["ratelimit-policy"], "\"default\";q=60;w=60");
    assert!(
        allowed.headers["ratelimit"]
            .to_str()
            .expect("text")
            .starts_with("\"default\";r=9;t=")
    );
    let denied = app.call(Method::DELETE, "/v2/customers", Some(&key)).await;
    assert_eq!(denied.status, StatusCode::FORBIDDEN);
    assert_eq!(
        number(&denied, "x-ratelimit-remaining"),
        9,
        "what is denied takes nothing"
    );
    let stranger = app
        .call(Method::GET, "/v2/customers", Some("stranger"))
        .await;
    assert!(!stranger.headers.contains_key("x-ratelimit-limit"));
}

#[tokio::test]
async fn beyond_the_burst_a_key_waits_as_long_as_it_is_told() {
    let app = app().await;
    let workspace = app.workspace("Acme").await;
    let (_, key) = app.key(&workspace, "POS", &["customers:read"]).await;
    for _ in 0..10 {
        assert_eq!(
            app.call(Method::GET, "/v2/customers", Some(&key))
                .await
                .status,
            StatusCode::OK
        );
    }
    let refused = app.call(Method::GET, "/v2/customers", Some(&key)).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.json()["error"]["type"], "rate_limit_error");
    assert_eq!(refused.json()["error"]["code"], "RATE_LIMITED");
    assert_eq!(number(&refused, "x-ratelimit-remaining"), 0);
    let wait = number(&refused, "retry-after");
    app.clock.advance(wait * SECOND - 1);
    assert_eq!(
        app.call(Method::GET, "/v2/customers", Some(&key))
            .await
            .status,
        429
    );
    app.clock.advance(1);
    assert_eq!(
        app.call(Method::GET, "/v2/customers", Some(&key))
            .await
            .status,
        StatusCode::OK
    );
    let (_, other) = app.key(&workspace, "Till", &["customers:read"]).await;
    assert_eq!(
        app.call(Method::GET, "/v2/customers", Some(&other))
            .await
            .status,
        StatusCode::OK,
        "each key has a rate of its own"
    );
}

on_both_engines! {
    async fn verify_and_the_gateway_charge_the_same_rate(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let token = app.service_token().await;
        let (_, key) = app.key(&workspace, "POS", &["customers:read"]).await;
        for _ in 0..9 {
            assert_eq!(app.call(Method::GET, "/v2/customers", Some(&key)).await.status, StatusCode::OK);
        }
        let tried = app.verify(&token, json!({ "key": key, "dry_run": true })).await.json();
        assert_eq!(tried["ratelimit"]["remaining"], 1);
        assert_eq!(tried["trace"].as_array().and_then(|trace| trace.last()), Some(&json!({ "check": "RATE_LIMITED", "ok": true })));
        let last = app.verify(&token, json!({ "key": key })).await.json();
        assert_eq!((&last["valid"], &last["ratelimit"]["remaining"]), (&json!(true), &json!(0)));
        assert_eq!(last["ratelimit"]["limit"], 60);
        let refused = app.verify(&token, json!({ "key": key })).await.json();
        assert_eq!((&refused["valid"], &refused["code"]), (&json!(false), &json!("RATE_LIMITED")));
        let tried = app.verify(&token, json!({ "key": key, "dry_run": true })).await.json();
        assert_eq!(tried["code"], "RATE_LIMITED");
        assert_eq!(app.call(Method::GET, "/v2/customers", Some(&key)).await.status, StatusCode::TOO_MANY_REQUESTS);
    }

    async fn another_plan_is_another_rate_from_the_next_request(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let (_, key) = app.key(&workspace, "POS", &["customers:read"]).await;
        let before = app.call(Method::GET, "/v2/customers", Some(&key)).await;
        assert_eq!(number(&before, "x-ratelimit-limit"), 60);
        plans::ops::approve_at_console(&app.state, &workspace, "growth").await.expect("approved");
        let after = app.call(Method::GET, "/v2/customers", Some(&key)).await;
        assert_eq!(number(&after, "x-ratelimit-limit"), 600);
    }

    async fn a_monthly_quota_counts_what_was_let_through_before_a_restart(test: TestDb) {
        let text = include_str!("../profiles/revkeen.toml").replacen("burst = 10", "burst = 10\nmonthly = 5", 1);
        let profile = Profile::parse(&text).expect("sound");
        let app = TestApp::start_as(test, profile).await;
        let workspace = app.workspace("Acme").await;
        let (id, key) = app.key(&workspace, "POS", &["customers:read"]).await;
        let now = app.clock.now();
        let row = |at, code| buffer::RequestRow {
            at,
            code,
            ..app.request_row(&workspace, &id)
        };
        let before = now - 40 * 24 * HOUR;
        let rows = [row(now, "VALID"), row(now, "VALID"), row(now, "EXPIRED"), row(before, "VALID")];
        buffer::store(&app.state.db, &rows).await.expect("stored");
        for _ in 0..3 {
            assert_eq!(app.call(Method::GET, "/v2/customers", Some(&key)).await.status, StatusCode::OK);
        }
        let refused = app.call(Method::GET, "/v2/customers", Some(&key)).await;
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refused.json()["error"]["code"], "USAGE_EXCEEDED");
        assert_eq!(number(&refused, "x-ratelimit-remaining"), 7, "a refused quota charges no rate");
        app.logged(8).await;
        app.clock.advance(number(&refused, "retry-after") * SECOND);
        assert_eq!(app.call(Method::GET, "/v2/customers", Some(&key)).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn keys_of_an_account_share_its_rate_where_the_platform_counts_accounts() {
    let test = testing::database(Engine::Sqlite).await;
    let app = TestApp::start_as(test, Profile::load("reseller-v2").expect("it loads")).await;
    let workspace = app.workspace("Acme").await;
    let (_, one) = app.key(&workspace, "One", &["*"]).await;
    let (_, other) = app.key(&workspace, "Other", &["*"]).await;
    let burst = app
        .state
        .profile
        .tier("standard")
        .expect("the default")
        .burst;
    let call = async |key: &str| {
        let form = Request::post("/api/v2")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(format!("key={key}&action=balance")))
            .expect("a request");
        app.gateway(form).await
    };
    for i in 0..burst {
        let reply = call(if i % 2 == 0 { &one } else { &other }).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    }
    for key in [&one, &other] {
        let refused = call(key).await;
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refused.json()["code"], "RATE_LIMITED");
        assert!(refused.headers.contains_key("retry-after"));
    }
}

#[tokio::test]
async fn a_second_node_on_postgres_is_not_the_only_one() {
    let test = testing::database(Engine::Postgres).await;
    let first = test
        .db
        .claim_only_node()
        .await
        .expect("asked")
        .expect("alone");
    let second = Db::connect(&test.url).await.expect("it opens");
    assert!(second.claim_only_node().await.expect("asked").is_none());
    drop(first);
    while second.claim_only_node().await.expect("asked").is_none() {
        tokio::task::yield_now().await;
    }
}
