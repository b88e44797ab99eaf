//! `POST /v1/events` through the router.

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use serde_json::{Value, json};

use crate::{
    on_both_engines,
    server::testing::{Reply, TestApp},
};

async fn tell(app: &TestApp, token: &str, event: &Value) -> Reply {
    let request = Request::post("/v1/events")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(Body::from(event.to_string()))
        .expect("a request");
    app.api(request).await
}

fn changed(workspace: &str) -> Value {
    json!({
        "type": "balance.changed", "workspace_id": workspace, "environment": "sandbox",
        "data": { "account_id": "acc_1", "currency": "USD", "balance": 100, "change": -5 },
    })
}

async fn kept(app: &TestApp) -> Vec<(String, String, String)> {
    let mut reader = app.state.db.read().await.expect("a connection");
    crate::fetch_all!(
        &mut reader,
        (String, String, String),
        "select id, type, data from outbox_events order by id"
    )
    .expect("read")
}

on_both_engines! {
    async fn an_event_of_the_platform_is_kept_once_under_its_key(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let token = app.service_token().await;
        let mut event = changed(&workspace);
        event["idempotency_key"] = json!("op-1");
        let first = tell(&app, &token, &event).await;
        assert_eq!(first.status, StatusCode::ACCEPTED, "{}", first.body);
        let again = tell(&app, &token, &event).await;
        assert_eq!((again.status, again.json()), (StatusCode::ACCEPTED, first.json()));
        let kept_now = kept(&app).await;
        assert_eq!(kept_now.len(), 1);
        assert_eq!(first.json()["event_id"], json!(kept_now[0].0));
        event["data"]["balance"] = json!(101);
        let other = tell(&app, &token, &event).await;
        assert_eq!(other.status, StatusCode::CONFLICT, "{}", other.body);
        // The key is of one workspace; without one, every call is an event.
        event["workspace_id"] = json!(app.workspace("Other").await);
        assert_eq!(tell(&app, &token, &event).await.status, StatusCode::ACCEPTED);
        for _ in 0..2 {
            assert_eq!(tell(&app, &token, &changed(&workspace)).await.status, StatusCode::ACCEPTED);
        }
        assert_eq!(kept(&app).await.len(), 4);
    }

    async fn the_same_key_at_once_is_one_event(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let token = app.service_token().await;
        let mut event = changed(&workspace);
        event["idempotency_key"] = json!("op-1");
        let tell = || tell(&app, &token, &event);
        let (a, b, c, d) = tokio::join!(tell(), tell(), tell(), tell());
        for reply in [&b, &c, &d] {
            assert_eq!((reply.status, reply.json()), (StatusCode::ACCEPTED, a.json()));
        }
        assert_eq!(kept(&app).await.len(), 1);
    }
}

#[tokio::test]
async fn what_is_no_event_of_the_platform_is_refused_by_name() {
    use crate::db::testing::{Engine, database};

    let app = TestApp::start(database(Engine::Sqlite).await).await;
    let workspace = app.workspace("Acme").await;
    let token = app.service_token().await;
    let with = |field: &str, value: Value| {
        let mut event = changed(&workspace);
        event[field] = value;
        event
    };
    let nobody = app.state.rng.id("wsp", app.clock.now());
    for (event, status, said) in [
        (
            with("type", json!("order.teleported")),
            400,
            "order.teleported",
        ),
        (with("type", json!("key.created")), 400, "key.created"),
        (with("environment", json!("moon")), 400, "sandbox"),
        (with("data", json!({ "balance": "much" })), 400, "schema"),
        (with("data", json!(null)), 400, "schema"),
        (with("idempotency_key", json!("")), 400, "idempotency_key"),
        (
            with("idempotency_key", json!("k".repeat(256))),
            400,
            "idempotency_key",
        ),
        (with("surprise", json!(1)), 400, "surprise"),
        (
            with("workspace_id", json!(nobody)),
            404,
            "no such workspace",
        ),
        (
            with("workspace_id", json!("' or 1=1")),
            404,
            "no such workspace",
        ),
        (json!([]), 400, "not right"),
    ] {
        let reply = tell(&app, &token, &event).await;
        assert_eq!(reply.status.as_u16(), status, "{said}: {}", reply.body);
        assert!(reply.body.contains(said), "{said}: {}", reply.body);
    }
    let mut large = changed(&workspace);
    for length in [256 * 1024, 1024 * 1024] {
        large["data"]["note"] = json!("n".repeat(length));
        let reply = tell(&app, &token, &large).await;
        assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE, "{length}");
    }
    large["data"]["note"] = json!("n".repeat(255 * 1024));
    assert_eq!(
        tell(&app, &token, &large).await.status,
        StatusCode::ACCEPTED
    );
    let wrong = tell(&app, "lk_svc_wrong", &changed(&workspace)).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert_eq!(kept(&app).await.len(), 1);
}

#[tokio::test]
async fn data_goes_out_as_it_came_to_the_byte() {
    use crate::db::testing::{Engine, database};

    let app = TestApp::start(database(Engine::Sqlite).await).await;
    let workspace = app.workspace("Acme").await;
    let token = app.service_token().await;
    let data = r#"{ "account_id":"a", "currency" : "USD","balance":1, "change":1, "rate":1.10, "big":12345678901234567890123 }"#;
    let request = Request::post("/v1/events")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(Body::from(format!(
            r#"{{"type":"balance.changed","workspace_id":"{workspace}","data":{data}}}"#
        )))
        .expect("a request");
    let reply = app.api(request).await;
    assert_eq!(reply.status, StatusCode::ACCEPTED, "{}", reply.body);
    assert_eq!(kept(&app).await[0].2, data);
}
