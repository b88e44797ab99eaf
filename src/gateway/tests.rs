//! The gateway and verify through their routers, by what is sent and what comes back.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    admin,
    db::{
        Db, follow_changes,
        testing::{self, Engine},
    },
    keys::{ops, terms::Expiry},
    on_both_engines,
    server::testing::TestApp,
    workspaces::Role,
};

async fn app() -> TestApp {
    TestApp::start(testing::database(Engine::Sqlite).await).await
}

on_both_engines! {
    async fn verify_answers_every_question_by_its_code(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let token = app.service_token().await;
        let (id, key) = app.key(&workspace, "POS", &["customers:read", "invoices:read"]).await;
        let mut typo = key.clone().into_bytes();
        typo[20] = if typo[20] == b'a' { b'b' } else { b'a' };
        let typo = String::from_utf8(typo).expect("ASCII");
        let cases = [
            (json!({ "key": key }), "VALID"),
            (json!({ "key": key, "scope": "customers:read AND (payments:read OR invoices:read)" }), "VALID"),
            (json!({ "key": key, "scope": "customers:*" }), "VALID"),
            (json!({ "key": key, "scope": "customers:write" }), "INSUFFICIENT_SCOPE"),
            (json!({ "key": key, "environment": "sandbox", "ip": "203.0.113.9", "origin": "https://a.example", "resource": workspace }), "VALID"),
            (json!({ "key": key, "resource": "wsp_of_somebody_else" }), "RESOURCE_MISMATCH"),
            (json!({ "key": key, "environment": "live" }), "ENVIRONMENT_MISMATCH"),
            (json!({ "key": typo }), "MALFORMED"),
            (json!({ "key": "" }), "MALFORMED"),
            (json!({ "key": "imported-from-elsewhere" }), "NOT_FOUND"),
        ];
        for (question, code) in cases {
            let reply = app.verify(&token, question.clone()).await;
            assert_eq!(reply.status, StatusCode::OK, "{question}: {}", reply.body);
            assert_eq!(reply.json()["code"], code, "{question}");
            assert_eq!(reply.json()["valid"], code == "VALID", "{question}");
            assert!(reply.json()["request_id"].as_str().is_some_and(|id| id.starts_with("req_")));
        }
        let known = app.verify(&token, json!({ "key": key })).await.json();
        assert_eq!(known["key"]["id"], id);
        assert_eq!(known["key"]["workspace_id"], workspace);
        assert_eq!(known["key"]["scopes"], json!(["customers:read", "invoices:read"]));
        assert!(known.get("detected_ip").is_none() && known.get("detected_domain").is_none());
        let told = json!({ "key": key, "ip": "::ffff:203.0.113.9", "origin": "https://Shop.Example.com:8443" });
        let known = app.verify(&token, told).await.json();
        assert_eq!(known["detected_ip"], "203.0.113.9");
        assert_eq!(known["detected_domain"], "shop.example.com");

        ops::revoke_at_console(&app.state, &id).await.expect("revoked");
        let after = app.verify(&token, json!({ "key": key })).await.json();
        assert_eq!(after["code"], "REVOKED");
    }

    async fn a_request_is_logged_once_and_counted(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let (id, key) = app.key(&workspace, "POS", &["customers:read"]).await;
        for _ in 0..3 {
            assert_eq!(app.call(Method::GET, "/v2/customers", Some(&key)).await.status, StatusCode::OK);
        }
        assert_eq!(app.call(Method::DELETE, "/v2/customers", Some(&key)).await.status, StatusCode::FORBIDDEN);
        app.logged(4).await;
        let mut reader = app.state.db.read().await.expect("a connection");
        let hours: Vec<(String, i64)> = crate::fetch_all!(
            &mut reader, (String, i64),
            "select code, cast(sum(requests) as bigint) from usage_hours group by code order by code"
        ).expect("read");
        assert_eq!(hours, [("INSUFFICIENT_SCOPE".to_owned(), 1), ("VALID".to_owned(), 3)]);
        let (used, ip): (Option<i64>, Option<String>) = crate::fetch_one!(
            &mut reader, (Option<i64>, Option<String>),
            "select last_used_at, last_used_ip from api_keys where id = $1", &id
        ).expect("read");
        assert_eq!((used, ip.as_deref()), (Some(app.clock.now()), Some("203.0.113.9")));
    }

    async fn a_key_revoked_by_another_process_is_refused_within_a_second(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let (id, key) = app.key(&workspace, "POS", &["customers:read"]).await;
        let stop = CancellationToken::new();
        let following = tokio::spawn({
            let (state, stop) = (app.state.clone(), stop.clone());
            async move { follow_changes(state.db.clone(), |trusted| state.keys.trust(trusted), stop).await }
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(app.call(Method::GET, "/v2/customers", Some(&key)).await.status, StatusCode::OK);
        // A second handle on the database stands for the second process: it has no part in the first one's cache.
        let elsewhere = Db::connect(&app.test.url).await.expect("it opens");
        let other = app.state.with_db(elsewhere);
        ops::revoke_at_console(&other, &id).await.expect("revoked");
        let mut refused = false;
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            refused = app.call(Method::GET, "/v2/customers", Some(&key)).await.status == StatusCode::UNAUTHORIZED;
            if refused {
                break;
            }
        }
        assert!(refused, "within a second");
        stop.cancel();
        following.await.expect("it ends");
    }

    async fn a_key_made_after_it_was_asked_for_is_found(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let (_, key) = app.key(&workspace, "POS", &["customers:read"]).await;
        let mut tx = app.state.db.begin().await.expect("a transaction");
        crate::execute!(tx, "delete from key_secrets").expect("deleted");
        tx.commit().await.expect("committed");
        app.state.keys.trust(true);
        for _ in 0..2 {
            assert_eq!(app.call(Method::GET, "/v2/customers", Some(&key)).await.json()["error"]["code"], "NOT_FOUND");
        }
        let secret = crate::keys::secret::PlainKey::parse(&key, &app.state.profile).expect("sound");
        let mut tx = app.state.db.begin().await.expect("a transaction");
        tx.key_changed(secret.hash(&app.state.peppers), app.clock.now()).await.expect("noted");
        tx.commit().await.expect("committed");
        let found = app.state.keys.find(&app.state.db, secret.hash(&app.state.peppers)).await.expect("asked");
        assert!(found.is_none(), "the negative entry went, the database was asked");
    }

    async fn a_revoked_service_token_is_refused_at_once(test: TestDb) {
        let app = TestApp::start(test).await;
        let (id, token) = admin::ops::create_service_token(&app.state, "shop", Some(1)).await.expect("made");
        let ask = || app.verify(&token, json!({ "key": "x" }));
        assert_eq!(ask().await.status, StatusCode::OK);
        admin::ops::revoke_service_token(&app.state, &id).await.expect("revoked");
        assert_eq!(ask().await.status, StatusCode::UNAUTHORIZED);
        let (_, token) = admin::ops::create_service_token(&app.state, "shop", Some(1)).await.expect("made");
        app.clock.advance(24 * 60 * 60 * 1000);
        assert_eq!(app.verify(&token, json!({ "key": "x" })).await.status, StatusCode::UNAUTHORIZED, "expired");
    }
}

#[tokio::test]
async fn verify_refuses_what_it_cannot_read_and_what_it_does_not_have() {
    let app = app().await;
    let token = app.service_token().await;
    let send = |body: String, kind: &'static str| {
        let request = Request::post("/v1/keys/verify")
            .header(header::CONTENT_TYPE, kind)
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .body(Body::from(body))
            .expect("a request");
        app.api(request)
    };
    let json_type = "application/json";
    for (body, part) in [
        ("", "EOF"),
        ("{", "EOF"),
        ("[]", "invalid"),
        ("{}", "key"),
        (r#"{"key":1}"#, "string"),
        (r#"{"key":"k","scoop":"x"}"#, "scoop"),
        (r#"{"key":"k","scope":"a:x AND"}"#, "scope"),
        (r#"{"key":"k","ip":"nowhere"}"#, "IP"),
        (
            r#"{"key":"k","amount":{"value":-1,"currency":"EUR"}}"#,
            "amount",
        ),
    ] {
        let reply = send(body.to_owned(), json_type).await;
        assert_eq!(
            reply.status,
            StatusCode::BAD_REQUEST,
            "{body}: {}",
            reply.body
        );
        assert_eq!(reply.json()["error"]["type"], "invalid_request_error");
        let message = reply.json()["error"]["message"].to_string();
        assert!(message.contains(part), "{body}: {message}");
    }
    assert_eq!(
        send(r#"{"key":"k"}"#.to_owned(), "text/plain").await.status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        send("x".repeat(100_000), json_type).await.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    for token in [
        "",
        "lk_svc_",
        "rk_live_x",
        &format!("lk_svc_{}", "0".repeat(64)),
    ] {
        let reply = app.verify(token, json!({ "key": "k" })).await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{token:?}");
        assert_eq!(reply.json()["error"]["type"], "authentication_error");
    }
}

#[tokio::test]
async fn the_gateway_answers_as_the_platforms_page_says() {
    let app = app().await;
    let workspace = app.workspace("Acme").await;
    let (_, key) = app.key(&workspace, "POS", &["customers:read"]).await;
    let (_, poor) = app.key(&workspace, "Poor", &["invoices:read"]).await;
    let call = |path: &'static str, headers: Vec<(&'static str, String)>| {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        app.gateway(request.body(Body::empty()).expect("a request"))
    };
    for good in [
        vec![("x-revkeen-key", key.clone())],
        vec![("authorization", format!("Bearer {key}"))],
    ] {
        let reply = call("/v2/customers", good).await;
        assert_eq!(reply.status, StatusCode::OK);
        assert!(
            reply.json()["data"]
                .as_array()
                .is_some_and(|customers| !customers.is_empty())
        );
        assert!(reply.headers.contains_key("x-request-id"));
    }
    let cases = [
        (
            "/v2/customers",
            vec![],
            401,
            "authentication_error",
            "MISSING_CREDENTIAL",
        ),
        (
            "/v2/customers",
            vec![("x-api-key", key.clone())],
            401,
            "authentication_error",
            "MISSING_CREDENTIAL",
        ),
        (
            "/v2/customers",
            vec![("x-revkeen-key", "rk_live_your_api_key".to_owned())],
            401,
            "authentication_error",
            "MALFORMED",
        ),
        (
            "/v2/customers",
            vec![("x-revkeen-key", "unknown".to_owned())],
            401,
            "authentication_error",
            "NOT_FOUND",
        ),
        (
            "/v2/customers",
            vec![
                ("x-revkeen-key", key.clone()),
                ("authorization", format!("Bearer {key}")),
            ],
            400,
            "invalid_request_error",
            "AMBIGUOUS_CREDENTIAL",
        ),
        (
            "/v2/customers",
            vec![("x-revkeen-key", poor)],
            403,
            "permission_error",
            "INSUFFICIENT_SCOPE",
        ),
        (
            "/v2/customers/",
            vec![("x-revkeen-key", key.clone())],
            403,
            "permission_error",
            "INSUFFICIENT_SCOPE",
        ),
        (
            "/v2/%63ustomers",
            vec![("x-revkeen-key", key.clone())],
            403,
            "permission_error",
            "INSUFFICIENT_SCOPE",
        ),
    ];
    for (path, headers, status, kind, code) in cases {
        let reply = call(path, headers).await;
        assert_eq!(
            reply.status.as_u16(),
            status,
            "{path} {code}: {}",
            reply.body
        );
        let error = &reply.json()["error"];
        assert_eq!(
            (error["type"].as_str(), error["code"].as_str()),
            (Some(kind), Some(code))
        );
        assert_eq!(
            error["request_id"].as_str(),
            reply.headers["x-request-id"].to_str().ok()
        );
    }
}

#[tokio::test]
async fn an_expired_key_stops_at_the_second_and_a_suspended_workspace_at_once() {
    let app = app().await;
    let workspace = app.workspace("Acme").await;
    let maker = app.member(&workspace, &[Role::Developer]).await;
    assert!(!maker.cookie.is_empty());
    let mut key = app.wanted("live", "Soon", &["customers:read"]);
    key.terms.expiry = Expiry::At(app.clock.now() + 10_000);
    let created = ops::create_at_console(&app.state, &workspace, &key, None)
        .await
        .expect("made");
    let secret = created.secret.expect("it is no pair");
    let call = || app.call(Method::GET, "/v2/customers", Some(secret.expose()));
    app.clock.advance(9_999);
    assert_eq!(call().await.status, StatusCode::OK);
    app.clock.advance(1);
    assert_eq!(call().await.json()["error"]["code"], "EXPIRED");

    let (_, key) = app.key(&workspace, "POS", &["customers:read"]).await;
    let mut tx = app.state.db.begin().await.expect("a transaction");
    crate::execute!(tx, "update workspaces set suspended_at = 1").expect("updated");
    tx.commit().await.expect("committed");
    let reply = app.call(Method::GET, "/v2/customers", Some(&key)).await;
    assert_eq!(reply.json()["error"]["code"], "WORKSPACE_SUSPENDED");
}

#[tokio::test]
async fn with_the_database_gone_known_keys_serve_two_seconds_and_then_nothing_does() {
    let app = app().await;
    let workspace = app.workspace("Acme").await;
    let (_, warm) = app.key(&workspace, "Warm", &["customers:read"]).await;
    let (_, cold) = app.key(&workspace, "Cold", &["customers:read"]).await;
    assert_eq!(
        app.call(Method::GET, "/v2/customers", Some(&warm))
            .await
            .status,
        StatusCode::OK
    );
    app.logged(1).await;
    app.state.db.close().await;
    assert_eq!(
        app.call(Method::GET, "/v2/customers", Some(&warm))
            .await
            .status,
        StatusCode::OK
    );
    let refused = app.call(Method::GET, "/v2/customers", Some(&cold)).await;
    assert_eq!(
        refused.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "what cannot be looked up is not let through"
    );
    // The writer has the row in hand and cannot put it down.
    tokio::time::sleep(Duration::from_millis(50)).await;
    app.clock.advance(2_000);
    let late = app.call(Method::GET, "/v2/customers", Some(&warm)).await;
    assert_eq!(
        late.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "nor what could not be logged"
    );
    assert_eq!(late.json()["error"]["code"], "UNAVAILABLE");
    let ready = app
        .api(
            Request::get("/readyz")
                .body(Body::empty())
                .expect("a request"),
        )
        .await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_fill_that_began_before_a_change_is_not_kept() {
    use super::{
        cache::{Cached, SecretCache},
        judge::KeyRecord,
        loader::Loader,
    };
    use crate::db::{DbError, Reader, SecretHash};

    /// Reads a key, and is overtaken by a change while it does.
    struct Slow(KeyRecord);

    static CACHE: std::sync::OnceLock<SecretCache<Slow>> = std::sync::OnceLock::new();

    impl Cached for Slow {
        type Source = Loader;

        async fn load(
            loader: &Loader,
            reader: &mut Reader,
            secrets: &[SecretHash],
        ) -> Result<Vec<(SecretHash, Self)>, DbError> {
            let records = KeyRecord::load(loader, reader, secrets).await?;
            CACHE.get().expect("set").evict(secrets);
            Ok(records
                .into_iter()
                .map(|(secret, record)| (secret, Slow(record)))
                .collect())
        }
    }

    let app = app().await;
    let workspace = app.workspace("Acme").await;
    let (_, key) = app.key(&workspace, "POS", &["customers:read"]).await;
    let cache = CACHE.get_or_init(|| {
        let state = &app.state;
        let loader = Loader::new(
            state.profile.clone(),
            state.clock.clone(),
            state.limits.clone(),
            state.sealer.clone(),
        );
        SecretCache::new(&state.db, loader)
    });
    let hash = crate::keys::secret::PlainKey::parse(&key, &app.state.profile)
        .expect("sound")
        .hash(&app.state.peppers);
    let first = cache
        .find(&app.state.db, hash)
        .await
        .expect("asked")
        .expect("there");
    let second = cache
        .find(&app.state.db, hash)
        .await
        .expect("asked")
        .expect("there");
    assert!(
        !Arc::ptr_eq(&first, &second),
        "the first answer was not kept"
    );
    assert_eq!(first.0.id, second.0.id);
}

#[tokio::test]
async fn strangers_keys_are_remembered_as_unknown_and_not_logged() {
    let app = app().await;
    for _ in 0..3 {
        let reply = app
            .call(Method::GET, "/v2/customers", Some("stranger"))
            .await;
        assert_eq!(reply.json()["error"]["code"], "NOT_FOUND");
    }
    tokio::time::sleep(Duration::from_millis(150)).await;
    let mut reader = app.state.db.read().await.expect("a connection");
    let (rows,): (i64,) =
        crate::fetch_one!(&mut reader, (i64,), "select count(*) from requests").expect("counted");
    assert_eq!(rows, 0);
}

/// A platform whose keys stand where `credential` says, with further rules.
pub async fn platform(credential: &str, body_style: &str, rules: &str) -> TestApp {
    let text = include_str!("../profiles/revkeen.toml")
        .replace("headers = [\"x-revkeen-key\"]\nbearer = true", credential)
        .replace(
            "error_body = \"typed\"",
            &format!("error_body = {body_style:?}"),
        )
        .replace("[first_call]", &format!("{rules}\n[first_call]"));
    let profile = crate::profiles::Profile::parse(&text).expect("sound");
    TestApp::start_as(testing::database(Engine::Sqlite).await, profile).await
}

/// One path for all, as panels have it.
pub const PANEL: &str = r#"
[[rules]]
method = "POST"
path = "/api/v1"
action = "balance"
scope = "finance:read"
sample = "account_balance"

[[rules]]
method = "POST"
path = "/api/v1"
action = "add"
scope = "checkout:write"
"#;

fn form(path: &str) -> axum::http::request::Builder {
    Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
}

fn encoded(fields: &[(&str, &str)]) -> Body {
    let text: String = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    Body::from(text)
}

#[tokio::test]
async fn a_panels_key_stands_in_its_form_and_nowhere_else() {
    let app = platform("form = \"key\"", "flat", PANEL).await;
    let workspace = app.workspace("Acme").await;
    let other = app.workspace("Other").await;
    let (_, key) = app.key(&workspace, "Panel", &["finance:read"]).await;
    let (_, others) = app.key(&other, "Panel", &["finance:read"]).await;
    let send = |fields: Vec<(&'static str, String)>, headers: Vec<(&'static str, String)>| {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let mut request = form("/api/v1");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        app.gateway(request.body(encoded(&fields)).expect("a request"))
    };
    let ask = |key: &str, action: &str| {
        send(
            vec![("key", key.to_owned()), ("action", action.to_owned())],
            vec![],
        )
    };
    let mine = ask(&key, "balance").await;
    assert_eq!(mine.status, StatusCode::OK, "{}", mine.body);
    assert_eq!(mine.json()["currency"], "USD");
    assert_eq!(
        mine.json(),
        ask(&key, "balance").await.json(),
        "the same each time"
    );
    assert_ne!(
        mine.json(),
        ask(&others, "balance").await.json(),
        "another account's is another"
    );
    assert!(!mine.body.contains(&key));

    let lacking = ask(&key, "add").await;
    assert_eq!(
        (lacking.status, lacking.json()["code"].as_str()),
        (StatusCode::FORBIDDEN, Some("INSUFFICIENT_SCOPE"))
    );
    for reply in [
        ask(&key, "nonsense").await,
        send(vec![("key", key.clone())], vec![]).await,
        send(
            vec![
                ("key", key.clone()),
                ("action", "balance".to_owned()),
                ("action", "add".to_owned()),
            ],
            vec![],
        )
        .await,
    ] {
        assert_eq!(
            (reply.status, reply.json()["code"].as_str()),
            (StatusCode::BAD_REQUEST, Some("BAD_REQUEST"))
        );
    }
    for headers in [
        vec![("x-api-key", key.clone())],
        vec![("authorization", format!("Bearer {key}"))],
    ] {
        let place = headers[0].0;
        let elsewhere = send(vec![("action", "balance".to_owned())], headers.clone()).await;
        assert_eq!(
            (elsewhere.status, elsewhere.json()["code"].as_str()),
            (StatusCode::UNAUTHORIZED, Some("MISSING_CREDENTIAL"))
        );
        let error = elsewhere.json()["error"].to_string();
        assert!(
            error.contains(place) && error.contains("the form field key"),
            "{error}"
        );
        let both = send(
            vec![("key", key.clone()), ("action", "balance".to_owned())],
            headers,
        )
        .await;
        assert_eq!(both.status, StatusCode::OK, "only accepted places count");
    }
    let twice = send(
        vec![
            ("key", key.clone()),
            ("key", key.clone()),
            ("action", "balance".to_owned()),
        ],
        vec![],
    )
    .await;
    assert_eq!(
        (twice.status, twice.json()["code"].as_str()),
        (StatusCode::BAD_REQUEST, Some("AMBIGUOUS_CREDENTIAL"))
    );

    let multipart = format!(
        "--x\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\n{key}\r\n--x\r\nContent-Disposition: form-data; name=\"action\"\r\n\r\nbalance\r\n--x--\r\n"
    );
    let parts = |body: String| {
        let request = Request::post("/api/v1")
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=x")
            .body(Body::from(body))
            .expect("a request");
        app.gateway(request)
    };
    assert_eq!(parts(multipart.clone()).await.json(), mine.json());
    assert_eq!(
        parts(multipart.replace("--x--", "")).await.json()["code"],
        "BAD_REQUEST"
    );
    let large = ask(&key, &"x".repeat(1024 * 1024)).await;
    assert_eq!(
        (large.status, large.json()["code"].as_str()),
        (StatusCode::BAD_REQUEST, Some("BAD_REQUEST"))
    );
}

#[tokio::test]
async fn a_key_in_header_or_form_is_one_credential_and_its_origin_is_heeded_only_where_bound() {
    let app = platform("headers = [\"x-api-key\"]\nform = \"key\"", "flat", PANEL).await;
    let workspace = app.workspace("Acme").await;
    let (_, key) = app.key(&workspace, "Panel", &["finance:read"]).await;
    let send = |header: bool, field: bool| {
        let mut request = form("/api/v1").header("origin", "https://anywhere.example");
        if header {
            request = request.header("x-api-key", &key);
        }
        let mut fields = vec![("action", "balance")];
        if field {
            fields.push(("key", &key));
        }
        app.gateway(request.body(encoded(&fields)).expect("a request"))
    };
    assert_eq!(send(true, false).await.status, StatusCode::OK);
    assert_eq!(send(false, true).await.status, StatusCode::OK);
    assert_eq!(
        send(true, true).await.json()["code"],
        "AMBIGUOUS_CREDENTIAL"
    );
    assert_eq!(
        send(false, false).await.json()["code"],
        "MISSING_CREDENTIAL"
    );
}

#[tokio::test]
async fn a_path_that_names_another_workspace_is_refused() {
    let rules = r#"
[[rules]]
method = "GET"
path = "/api/v1/distributors/{workspace}/balance"
scope = "finance:read"
sample = "wallet_balance"
"#;
    let app = platform("bearer = true", "problem", rules).await;
    let token = app.service_token().await;
    let workspace = app.workspace("Acme").await;
    let other = app.workspace("Other").await;
    let (_, key) = app
        .key(&workspace, "POS", &["finance:read", "customers:read"])
        .await;
    let balance = |workspace: &str| {
        let request = Request::get(format!("/api/v1/distributors/{workspace}/balance"))
            .header(header::AUTHORIZATION, format!("Bearer {key}"))
            .body(Body::empty())
            .expect("a request");
        app.gateway(request)
    };
    let mine = balance(&workspace).await;
    assert_eq!(mine.status, StatusCode::OK);
    assert_eq!(mine.json()["account_id"], workspace.as_str());
    for stranger in [other.as_str(), "wsp_of_nobody"] {
        let reply = balance(stranger).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN);
        assert_eq!(reply.json()["code"], "RESOURCE_MISMATCH");
        assert_eq!(
            reply.headers[header::CONTENT_TYPE],
            "application/problem+json"
        );
    }
    for (question, code) in [
        (
            json!({ "key": key, "scope": "finance:read", "resource": workspace }),
            "VALID",
        ),
        (
            json!({ "key": key, "scope": "finance:read", "resource": other }),
            "RESOURCE_MISMATCH",
        ),
        (
            json!({ "key": key, "scope": "finance:read" }),
            "RESOURCE_MISMATCH",
        ),
        (json!({ "key": key, "scope": "customers:read" }), "VALID"),
        (json!({ "key": key }), "VALID"),
    ] {
        assert_eq!(
            app.verify(&token, question.clone()).await.json()["code"],
            code,
            "{question}"
        );
    }
}

#[tokio::test]
async fn a_platform_of_signed_requests_refuses_every_unsigned_one() {
    let profile = crate::profiles::Profile::load("dual-mode").expect("it loads");
    let app = TestApp::start_as(testing::database(Engine::Sqlite).await, profile).await;
    let workspace = app.workspace("Acme").await;
    let wanted = app.wanted("test", "POS", &["balance:read"]);
    let created = ops::create_at_console(&app.state, &workspace, &wanted, None)
        .await
        .expect("made");
    let key = created.public_key.expect("it is a pair");
    let send = |name: &'static str, value: String| {
        let request = Request::get("/v1/balance")
            .header(name, value)
            .body(Body::empty())
            .expect("a request");
        app.gateway(request)
    };
    for (name, value, part) in [
        ("accept", "*/*".to_owned(), "signature"),
        (
            "authorization",
            format!("Bearer {key}"),
            "the authorization header is not accepted",
        ),
    ] {
        let reply = send(name, value).await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
        assert_eq!(reply.json()["code"], "SIGNATURE_REQUIRED");
        assert!(reply.body.contains(part), "{}", reply.body);
    }
}
