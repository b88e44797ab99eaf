//! Endpoints managed by key, through the gateway's router.

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use serde_json::{Value, json};
use std::time::Duration;

use crate::{
    db::testing::{self, Engine},
    on_both_engines,
    server::testing::{Reply, TestApp},
    webhooks::{
        sign::SigningSecret,
        store::{self, secret_place},
        types::{EndpointState, Signing},
    },
};

const PATH: &str = "/v2/webhooks";
const BOTH: &[&str] = &["webhooks:read", "webhooks:write"];

async fn app() -> TestApp {
    TestApp::start(testing::database(Engine::Sqlite).await).await
}

/// A key that may be used often: its id and secret.
async fn new_key(app: &TestApp, workspace: &str) -> (String, String) {
    let mut wanted = app.wanted("sandbox", "Hooks", BOTH);
    wanted.tier = Some("enterprise".to_owned());
    let made = crate::keys::ops::create_at_console(&app.state, workspace, &wanted, None).await;
    let made = made.expect("made");
    let secret = made.secret.expect("a secret").expose().to_owned();
    (made.id, secret)
}

async fn call(app: &TestApp, method: Method, path: &str, key: &str, body: Value) -> Reply {
    let body = match method {
        Method::GET | Method::DELETE => Body::empty(),
        _ => Body::from(body.to_string()),
    };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("x-revkeen-key", key)
        .header(header::CONTENT_TYPE, "application/json")
        .body(body)
        .expect("a request");
    app.gateway(request).await
}

async fn create(app: &TestApp, key: &str, url: &str) -> Reply {
    let body = json!({ "url": url, "events": ["key.created"] });
    call(app, Method::POST, PATH, key, body).await
}

fn id(reply: &Reply) -> String {
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.body);
    reply.json()["id"].as_str().expect("an id").to_owned()
}

fn code(reply: &Reply) -> (u16, String) {
    let body = reply.json();
    let code = body["error"]["code"].as_str().unwrap_or_default();
    (reply.status.as_u16(), code.to_owned())
}

/// Who did what to this thing, in order.
async fn recorded(app: &TestApp, target: &str) -> Vec<(String, String)> {
    let mut reader = app.state.db.read().await.expect("a connection");
    crate::fetch_all!(
        &mut reader,
        (String, String),
        "select actor, action from audit_entries where target = $1 order by seq",
        target
    )
    .expect("read")
}

on_both_engines! {
    async fn the_life_of_an_endpoint(test: TestDb) {
        let app = TestApp::start(test).await;
        let home = app.workspace("Acme").await;
        let (key_id, key) = new_key(&app, &home).await;
        let made = create(&app, &key, "https://hooks.example/in").await;
        let id = id(&made);
        let made = made.json();
        assert_eq!(
            (&made["url"], &made["environment"], &made["enabled"]),
            (
                &json!("https://hooks.example/in"),
                &json!("sandbox"),
                &json!(true)
            )
        );
        // The secret is that which signs, and stands in this one answer.
        let shown = made["secret"].as_str().expect("a secret");
        let mut reader = app.state.db.read().await.expect("a connection");
        let secrets = store::signing_secrets(&mut reader, &home, &id, app.clock.now())
            .await
            .expect("read");
        let sealed = &secrets[0];
        let bytes = app
            .state
            .sealer
            .open(&secret_place(&sealed.id), &sealed.sealed);
        let kept = SigningSecret::from_bytes(Signing::Hmac, &bytes.expect("it opens"));
        assert_eq!(&*kept.expect("sound").shown(), shown);
        drop(reader);
        let one = format!("{PATH}/{id}");
        let read = call(&app, Method::GET, &one, &key, Value::Null).await;
        assert_eq!(read.status, StatusCode::OK);
        assert!(!read.body.contains("whsec_"), "{}", read.body);
        let list = call(&app, Method::GET, PATH, &key, Value::Null).await;
        assert_eq!(list.json()["data"], json!([read.json()]));
        let change =
            json!({ "url": "https://hooks.example/new", "description": "Orders", "events": ["*"] });
        let changed = call(&app, Method::PATCH, &one, &key, change).await.json();
        assert_eq!(
            (&changed["url"], &changed["description"], &changed["events"]),
            (
                &json!("https://hooks.example/new"),
                &json!("Orders"),
                &json!(["*"])
            )
        );
        for enabled in [false, false, true, true] {
            let body = json!({ "enabled": enabled });
            let changed = call(&app, Method::PATCH, &one, &key, body).await;
            assert_eq!(changed.json()["enabled"], enabled, "{}", changed.body);
            assert_eq!(changed.json()["url"], "https://hooks.example/new");
        }
        let gone = call(&app, Method::DELETE, &one, &key, Value::Null).await;
        assert_eq!(gone.json(), json!({ "id": id, "deleted": true }));
        for method in [Method::GET, Method::DELETE, Method::PATCH] {
            let reply = call(&app, method, &one, &key, json!({})).await;
            assert_eq!(code(&reply), (404, "RESOURCE_NOT_FOUND".to_owned()));
        }
        let actions = [
            "webhook.created",
            "webhook.updated",
            "webhook.disabled",
            "webhook.enabled",
            "webhook.removed",
        ];
        let by_key = actions.map(|action| (key_id.clone(), action.to_owned()));
        assert_eq!(recorded(&app, &id).await, by_key);
    }
}

#[tokio::test]
async fn a_key_sees_and_touches_endpoints_of_its_own_workspace_and_environment_alone() {
    let app = app().await;
    let (home, other) = (app.workspace("Acme").await, app.workspace("Globex").await);
    let (_, key) = new_key(&app, &home).await;
    let id = id(&create(&app, &key, "https://hooks.example/in").await);
    let (_, foreign) = new_key(&app, &other).await;
    let live = app.wanted("live", "Live", BOTH);
    let live = crate::keys::ops::create_at_console(&app.state, &home, &live, None)
        .await
        .expect("made");
    let live = live.secret.expect("a secret").expose().to_owned();
    for key in [&foreign, &live] {
        let list = call(&app, Method::GET, PATH, key, Value::Null).await;
        assert_eq!(list.json()["data"], json!([]));
        let missing = format!("{PATH}/whe_01jd3v7k2m8q5x9wz4r6t0c1ba");
        for method in [Method::GET, Method::PATCH, Method::DELETE] {
            let body = json!({ "enabled": false });
            let path = format!("{PATH}/{id}");
            let theirs = call(&app, method.clone(), &path, key, body.clone()).await;
            let none = call(&app, method, &missing, key, body).await;
            assert_eq!(code(&theirs), (404, "RESOURCE_NOT_FOUND".to_owned()));
            assert_eq!(
                theirs.json()["error"]["message"],
                none.json()["error"]["message"]
            );
        }
    }
    let mut reader = app.state.db.read().await.expect("a connection");
    let row = store::endpoint(&mut reader, &home, &id)
        .await
        .expect("read");
    assert_eq!(row.expect("there").state(), EndpointState::Enabled);
}

#[tokio::test]
async fn what_is_no_endpoint_is_refused_in_the_platforms_style_and_nothing_is_made() {
    let app = app().await;
    let home = app.workspace("Acme").await;
    let (_, key) = new_key(&app, &home).await;
    for body in [
        json!({}),
        json!({ "url": "" }),
        json!({ "url": "http://hooks.example/" }),
        json!({ "url": "https://169.254.169.254/latest/meta-data" }),
        json!({ "url": "https://0xa.0.0.8/" }),
        json!({ "url": "https://user:secret@hooks.example/" }),
        json!({ "url": "https://10.0.0.8/" }),
        json!({ "url": 5, "events": [5] }),
        json!({ "url": "https://hooks.example/", "events": [] }),
        json!({ "url": "https://hooks.example/", "events": ["no.such"] }),
        json!({ "url": "https://hooks.example/", "events": { "a": 1 } }),
        json!({ "url": "https://hooks.example/", "signing": "md5" }),
        json!({ "url": "https://hooks.example/", "enabled": "perhaps" }),
        json!({ "url": format!("https://hooks.example/{}", "x".repeat(3000)) }),
        json!([]),
    ] {
        let reply = call(&app, Method::POST, PATH, &key, body.clone()).await;
        assert_eq!(code(&reply), (400, "BAD_REQUEST".to_owned()), "{body}");
        assert_eq!(reply.json()["error"]["type"], "invalid_request_error");
    }
    let list = call(&app, Method::GET, PATH, &key, Value::Null).await;
    assert_eq!(list.json()["data"], json!([]));
    let id = id(&create(&app, &key, "https://hooks.example/in").await);
    let body = json!({ "url": "https://[::ffff:10.0.0.1]/" });
    let one = format!("{PATH}/{id}");
    let reply = call(&app, Method::PATCH, &one, &key, body).await;
    assert_eq!(code(&reply), (400, "BAD_REQUEST".to_owned()));
    let body = json!({ "signing": "ed25519" });
    let reply = call(&app, Method::PATCH, &one, &key, body).await;
    assert_eq!(code(&reply), (400, "BAD_REQUEST".to_owned()));
}

#[tokio::test]
async fn an_endpoint_may_be_signed_for_by_a_key_pair_whose_private_half_stays_here() {
    let app = app().await;
    let home = app.workspace("Acme").await;
    let (_, key) = new_key(&app, &home).await;
    let body = json!({ "url": "https://hooks.example/", "signing": "ed25519" });
    let made = call(&app, Method::POST, PATH, &key, body).await.json();
    let public = made["public_key"].as_str().expect("a public key");
    assert!(public.starts_with("whpk_"));
    assert!(made.get("secret").is_none());
}

#[tokio::test]
async fn twenty_endpoints_are_the_most_however_many_are_asked_for_at_once() {
    let app = app().await;
    let home = app.workspace("Acme").await;
    let (_, key) = new_key(&app, &home).await;
    let asked = (0..24).map(|_| create(&app, &key, "https://hooks.example/in"));
    let replies = futures_util::future::join_all(asked).await;
    let made = replies
        .iter()
        .filter(|reply| reply.status == StatusCode::CREATED)
        .count();
    assert_eq!(made, 20);
    let refused = replies
        .iter()
        .find(|reply| reply.status != StatusCode::CREATED);
    assert_eq!(code(refused.expect("one")), (409, "CONFLICT".to_owned()));
}

#[tokio::test]
async fn endpoints_are_latchkeys_own_whatever_stands_behind_the_gateway() {
    let app = app().await;
    // Nothing listens there: whatever went on to it would fail.
    let app = app.behind("http://127.0.0.1:9", Duration::from_secs(1), &[]);
    let home = app.workspace("Acme").await;
    let (_, key) = app
        .key(
            &home,
            "Hooks",
            &["webhooks:read", "webhooks:write", "customers:read"],
        )
        .await;
    let elsewhere = call(&app, Method::GET, "/v2/customers", &key, Value::Null).await;
    assert_eq!(elsewhere.status, StatusCode::BAD_GATEWAY);
    let made = create(&app, &key, "https://hooks.example/in").await;
    assert_eq!(made.status, StatusCode::CREATED);
    assert!(made.headers.contains_key("x-ratelimit-limit"));
    assert_eq!(made.headers[header::CACHE_CONTROL], "no-store");
}
