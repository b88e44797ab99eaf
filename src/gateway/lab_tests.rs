//! The failure lab through the gateway's router.

use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};

use super::{judge::Code, lab};
use crate::{
    db::testing::{self, Engine},
    keys::ops,
    on_both_engines,
    profiles::Profile,
    server::testing::{Reply, TestApp},
};

async fn ask(app: &TestApp, key: &str, name: &str) -> Reply {
    let request = Request::get("/v2/customers")
        .header("x-revkeen-key", key)
        .header(lab::HEADER, name);
    app.gateway(request.body(Body::empty()).expect("a request"))
        .await
}

on_both_engines! {
    async fn each_failure_comes_on_demand_as_the_real_one_is_logged_and_takes_nothing(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let (_, key) = app.key(&workspace, "POS", &["customers:read"]).await;
        for code in Code::ALL {
            let reply = ask(&app, &key, &code.as_str().to_lowercase().replace('_', "-")).await;
            assert_eq!(reply.status.as_u16(), code.status(), "{}", reply.body);
            let error = &reply.json()["error"];
            assert_eq!((&error["code"], &error["type"]), (&code.as_str().into(), &code.error_type().into()));
            assert_eq!(reply.headers[lab::HEADER], "staged");
            assert_eq!(reply.headers.contains_key("www-authenticate"), code.status() == 401);
            assert_eq!(reply.headers.contains_key("retry-after"), code.status() == 429);
            assert!(reply.headers.contains_key("x-ratelimit-limit"));
            assert!(!reply.body.contains("is not accepted"), "nothing is misplaced: {}", reply.body);
        }
        let failed = ask(&app, &key, "upstream-500").await;
        assert_eq!(failed.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(failed.json()["error"]["type"], "api_error");
        let unknown = ask(&app, &key, "flood").await;
        assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
        assert!(unknown.body.contains("upstream-500"), "{}", unknown.body);
        // The burst is whole: this is the first of ten.
        let real = app.call(Method::GET, "/v2/customers", Some(&key)).await;
        assert_eq!((real.status, &real.headers["x-ratelimit-remaining"]), (StatusCode::OK, &"9".parse().expect("a value")));
        let rows = i64::try_from(Code::ALL.len()).expect("few") + 3;
        app.logged(rows).await;
        let mut reader = app.state.db.read().await.expect("a connection");
        let logged: Vec<(String, i64)> = crate::fetch_all!(
            &mut reader, (String, i64), "select code, cast(status as bigint) from requests order by id"
        ).expect("read");
        for code in Code::ALL {
            let row = (code.as_str().to_owned(), i64::from(code.status()));
            assert!(logged.contains(&row), "{}", code.as_str());
        }
        assert!(logged.contains(&("VALID".to_owned(), 500)), "{logged:?}");
    }
}

#[tokio::test]
async fn what_would_be_refused_anyway_is_and_a_live_key_has_no_lab() {
    let app = TestApp::start(testing::database(Engine::Sqlite).await).await;
    let workspace = app.workspace("Acme").await;
    let (id, key) = app.key(&workspace, "POS", &["customers:read"]).await;
    ops::revoke_at_console(&app.state, &id)
        .await
        .expect("revoked");
    let reply = ask(&app, &key, "expired").await;
    assert_eq!(reply.json()["error"]["code"], "REVOKED");
    assert!(!reply.headers.contains_key(lab::HEADER));

    let live = app.wanted("live", "Till", &["customers:read"]);
    let live = ops::create_at_console(&app.state, &workspace, &live, None).await;
    let live = live.expect("made").secret.expect("a secret");
    let reply = ask(&app, live.expose(), "expired").await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    assert!(!reply.headers.contains_key(lab::HEADER));
}

#[tokio::test]
async fn a_refused_origin_is_told_in_the_words_of_the_platform() {
    let profile = Profile::load("rukkyhub").expect("it loads");
    let app = TestApp::start_as(testing::database(Engine::Sqlite).await, profile).await;
    let workspace = app.workspace("Acme").await;
    let (_, key) = app.key(&workspace, "Shop", &["balance"]).await;
    let request = Request::post("/api/v1")
        .header("x-api-key", &key)
        .header("content-type", "application/x-www-form-urlencoded")
        .header(lab::HEADER, "origin-not-allowed")
        .body(Body::from("action=balance"));
    let reply = app.gateway(request.expect("a request")).await;
    assert_eq!(
        reply.body,
        r#"{"error":"API key is restricted to whitelisted domains.","detected_domain":"elsewhere.example"}"#
    );
}
