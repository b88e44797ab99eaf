//! People through the portal's router, by outcome.

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use serde_json::json;

use super::{password, step_up};
use crate::{
    db::testing::{self, Engine},
    on_both_engines,
    server::testing::{PASSWORD, PIN, TestApp, cookie},
    workspaces::Role,
};

async fn app() -> TestApp {
    TestApp::start(testing::database(Engine::Sqlite).await).await
}

on_both_engines! {
    async fn a_session_ends_by_idleness_by_age_and_by_signing_out(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let someone = app.member(&workspace, &[Role::Developer]).await;
        app.clock.advance(59 * 60 * 1000);
        assert_eq!(app.get("/keys", Some(&someone)).await.status, StatusCode::OK);
        app.clock.advance(59 * 60 * 1000);
        assert_eq!(app.get("/keys", Some(&someone)).await.status, StatusCode::OK, "use keeps it alive");
        app.clock.advance(61 * 60 * 1000);
        let idle = app.get("/keys", Some(&someone)).await;
        assert_eq!((idle.status, idle.location()), (StatusCode::SEE_OTHER, "/login?next=%2Fkeys"));

        let someone = app.member(&workspace, &[Role::Developer]).await;
        for _ in 0..47 {
            app.clock.advance(30 * 60 * 1000);
            assert_eq!(app.get("/keys", Some(&someone)).await.status, StatusCode::OK);
        }
        app.clock.advance(30 * 60 * 1000);
        assert_eq!(app.get("/keys", Some(&someone)).await.status, StatusCode::SEE_OTHER, "24 h is the end");

        let someone = app.member(&workspace, &[Role::Developer]).await;
        assert_eq!(app.post("/logout", Some(&someone), &[]).await.status, StatusCode::SEE_OTHER);
        assert_eq!(app.get("/keys", Some(&someone)).await.status, StatusCode::SEE_OTHER);
    }

    async fn a_planted_session_is_worth_nothing_after_signing_in(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let victim = app.member(&workspace, &[Role::Developer]).await;
        let again = app
            .post("/login", Some(&victim), &[("email", &victim.email), ("password", PASSWORD)])
            .await;
        let fresh = cookie(&again).expect("a new cookie");
        assert_ne!(fresh, victim.cookie);
        assert_eq!(app.get("/keys", Some(&victim)).await.status, StatusCode::SEE_OTHER);
        let mut reader = app.state.db.read().await.expect("a connection");
        let rows: Vec<(Vec<u8>, String)> =
            crate::fetch_all!(&mut reader, (Vec<u8>, String), "select id_hash, record from sessions")
                .expect("read");
        let value = fresh.trim_start_matches("latchkey=");
        assert!(!rows.iter().any(|(_, record)| record.contains(value)), "only a hash of the id is stored");
    }

    async fn wrong_sign_ins_read_alike_and_are_throttled_for_the_pair_alone(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let someone = app.member(&workspace, &[Role::Developer]).await;
        let known = app.post("/login", None, &[("email", &someone.email), ("password", "wrong")]).await;
        let unknown = app.post("/login", None, &[("email", "nobody@example.test"), ("password", "wrong")]).await;
        assert_eq!((known.status, unknown.status), (StatusCode::UNPROCESSABLE_ENTITY, StatusCode::UNPROCESSABLE_ENTITY));
        for reply in [&known, &unknown] {
            assert_eq!(reply.between("role=\"alert\"", "</p>").split('>').nth(1), Some("That e-mail address and password don't fit together."));
        }
        for _ in 0..9 {
            app.post("/login", None, &[("email", &someone.email), ("password", "wrong")]).await;
        }
        let throttled = app.post("/login", None, &[("email", &someone.email), ("password", PASSWORD)]).await;
        assert_eq!(throttled.status, StatusCode::TOO_MANY_REQUESTS);
        assert!(throttled.headers.contains_key(header::RETRY_AFTER));
        let other = app.member(&workspace, &[Role::Developer]).await;
        assert!(!other.cookie.is_empty(), "others sign in from the same address");
        app.clock.advance(16 * 60 * 1000);
        let later = app.post("/login", None, &[("email", &someone.email), ("password", PASSWORD)]).await;
        assert_eq!(later.status, StatusCode::SEE_OTHER);
    }

    async fn a_pin_is_set_behind_the_password_and_replaces_the_old_one(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let someone = app.member(&workspace, &[Role::Developer]).await;
        let set = |pin: &'static str, password: &'static str| {
            let (app, someone) = (&app, &someone);
            async move { app.post("/settings/security", Some(someone), &[("new_pin", pin), ("password", password)]).await.status }
        };
        assert_eq!(set("5820", "wrong").await, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(set("1234", PASSWORD).await, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(set("5820", PASSWORD).await, StatusCode::SEE_OTHER);
        let viewer = app.viewer(&someone);
        let content = json!({});
        let prove = |pin: &'static str| {
            let (state, viewer, content) = (&app.state, &viewer, &content);
            async move { step_up::prove(state, viewer, step_up::Action::CreateKey, content, step_up::Factor::Pin, &password::Typed::new(pin)).await }
        };
        assert!(prove(PIN).await.is_err());
        assert!(prove("5820").await.is_ok());
    }

    async fn a_change_of_role_takes_effect_on_the_next_request(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let someone = app.member(&workspace, &[Role::Developer]).await;
        assert_eq!(app.get("/audit", Some(&someone)).await.status, StatusCode::FORBIDDEN);
        let mut tx = app.state.db.begin().await.expect("a transaction");
        crate::execute!(tx, "update members set roles = 'auditor' where user_id = $1", &someone.id).expect("updated");
        tx.commit().await.expect("committed");
        assert_eq!(app.get("/audit", Some(&someone)).await.status, StatusCode::OK);
        assert_eq!(app.get("/keys/new", Some(&someone)).await.status, StatusCode::FORBIDDEN);
    }
}

on_both_engines! {
    async fn a_session_that_ended_by_age_is_not_revived_by_signing_in(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let someone = app.member(&workspace, &[Role::Developer]).await;
        for _ in 0..47 {
            app.clock.advance(30 * 60 * 1000);
            app.get("/keys", Some(&someone)).await;
        }
        app.clock.advance(30 * 60 * 1000);
        let again = app
            .post("/login", Some(&someone), &[("email", &someone.email), ("password", PASSWORD)])
            .await;
        assert_eq!(again.status, StatusCode::SEE_OTHER);
        assert_ne!(cookie(&again).expect("a new cookie"), someone.cookie);
        assert_eq!(app.get("/keys", Some(&someone)).await.status, StatusCode::SEE_OTHER);
    }

    async fn odd_arguments_of_server_functions_are_answered_not_failed(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let someone = app.member(&workspace, &[Role::Owner]).await;
        let long = "x".repeat(60_000);
        for (path, fields, status) in [
            ("/api/overview", [("environment", "a\0b"), ("x", "")], StatusCode::NOT_FOUND),
            ("/api/overview", [("environment", "mars"), ("x", "")], StatusCode::NOT_FOUND),
            ("/api/revoke_consequences", [("id", "a\0b"), ("x", "")], StatusCode::NOT_FOUND),
            ("/api/list_audit", [("before", "-1"), ("x", "")], StatusCode::OK),
        ] {
            let reply = app.post(path, Some(&someone), &fields).await;
            assert_eq!(reply.status, status, "{path}: {}", reply.body);
        }
        let page = app.get("/keys?env=sandbox&tab=active&q=%00", Some(&someone)).await;
        assert_eq!(page.status, StatusCode::OK);
        let page = app.get(&format!("/keys?env=sandbox&q={long}"), Some(&someone)).await;
        assert_eq!(page.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn ones_own_account_buys_no_guesses_at_others() {
    let app = app().await;
    let workspace = app.workspace("Acme").await;
    let someone = app.member(&workspace, &[Role::Developer]).await;
    let guess = |number: usize| {
        let email = format!("victim{number}@example.test");
        let app = &app;
        async move {
            app.post("/login", None, &[("email", &email), ("password", "guess")])
                .await
                .status
        }
    };
    for number in 0..98 {
        assert_eq!(
            guess(number).await,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{number}"
        );
    }
    let own = app
        .post(
            "/login",
            None,
            &[("email", &someone.email), ("password", PASSWORD)],
        )
        .await;
    assert_eq!(own.status, StatusCode::SEE_OTHER);
    assert_eq!(guess(98).await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(guess(99).await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(guess(100).await, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_page_has_one_address() {
    let app = app().await;
    let workspace = app.workspace("Acme").await;
    let someone = app.member(&workspace, &[Role::Owner]).await;
    for path in [
        "/audit/",
        "/keys/",
        "/settings/security/",
        "/dashboard//",
        "/AUDIT",
    ] {
        assert_eq!(
            app.get(path, Some(&someone)).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
}

#[tokio::test]
async fn forms_from_elsewhere_are_refused() {
    let app = app().await;
    let workspace = app.workspace("Acme").await;
    let someone = app.member(&workspace, &[Role::Developer]).await;
    for (path, name, value) in [
        ("/logout", "origin", "https://evil.example"),
        ("/logout", "sec-fetch-site", "cross-site"),
        ("/settings/security", "origin", "null"),
        ("/theme", "sec-fetch-site", "same-site"),
    ] {
        let request = Request::post(path)
            .header(header::HOST, "localhost:3000")
            .header(header::COOKIE, &someone.cookie)
            .header(name, value)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::empty())
            .expect("a request");
        assert_eq!(
            app.portal(request).await.status,
            StatusCode::FORBIDDEN,
            "{path} {name}: {value}"
        );
    }
    assert_eq!(
        app.get("/keys", Some(&someone)).await.status,
        StatusCode::OK,
        "still signed in"
    );
}

#[tokio::test]
async fn every_page_has_its_policy_and_no_style_attribute() {
    let app = app().await;
    let workspace = app.workspace("Acme").await;
    let someone = app
        .member(&workspace, &[Role::Owner, Role::Checker, Role::Auditor])
        .await;
    let (key, _) = app.key(&workspace, "POS", &["customers:read"]).await;
    let pages = [
        "/login",
        "/dashboard",
        "/keys",
        "/keys/new",
        "/logs",
        "/audit",
        "/settings/security",
        "/settings/notices",
        "/notices",
        "/dev/mail",
        "/settings/sessions",
        "/settings/account",
        "/settings/account/export",
        "/settings/account/close",
        "/nowhere",
        "/dev/ui",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain([format!("/keys/{key}"), format!("/keys/{key}/revoke")]);
    for path in pages {
        let page = app.get(&path, Some(&someone)).await;
        let policy = page.headers[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .expect("text")
            .to_owned();
        let nonce = policy
            .split("'nonce-")
            .nth(1)
            .and_then(|rest| rest.split('\'').next())
            .expect("a nonce");
        assert!(page.body.contains(&format!("nonce=\"{nonce}\"")), "{path}");
        assert!(!policy.contains("unsafe-inline"), "{path}");
        assert!(!page.body.contains(" style=\""), "{path}");
        assert_eq!(page.headers["x-content-type-options"], "nosniff");
        assert!(page.headers.contains_key("x-request-id"));
        let islands = page.body.contains("<leptos-island");
        let scripts = page.body.contains(".wasm");
        assert_eq!(
            islands, scripts,
            "{path} loads the browser half if and only if it has an island"
        );
    }
}

#[tokio::test]
async fn a_form_that_is_no_form_is_told_so() {
    let app = app().await;
    let post = |kind: &'static str, body: Vec<u8>| {
        let request = Request::post("/login")
            .header(header::CONTENT_TYPE, kind)
            .body(Body::from(body))
            .expect("a request");
        app.portal(request)
    };
    let form = "application/x-www-form-urlencoded";
    assert_eq!(
        post(form, vec![b'a'; 1 << 20]).await.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    assert_eq!(
        post(form, b"email=%ff%fe".to_vec()).await.status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        post(form, vec![0xff, 0xfe]).await.status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        post("application/json", b"{}".to_vec()).await.status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        post(form, Vec::new()).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(
        post(form, b"email=%00&password=x".to_vec()).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
}

/// One platform wants the PIN for a new key, another the password: the profile says so, for each action.
#[tokio::test]
async fn the_profile_says_which_factor_serves_which_action() {
    let text = include_str!("../profiles/revkeen.toml").replace(
        "create_key = [\"password\", \"pin\", \"totp\", \"passkey\"]",
        "create_key = [\"pin\"]",
    );
    let profile = crate::profiles::Profile::parse(&text).expect("sound");
    let app = TestApp::start_as(testing::database(Engine::Sqlite).await, profile).await;
    let workspace = app.workspace("Acme").await;
    let someone = app.member(&workspace, &[Role::Developer]).await;
    let create = |factor: &'static str, proof: &'static str| {
        let draft = app.state.rng.id("drf", app.clock.now());
        let (app, someone) = (&app, &someone);
        async move {
            let fields = [
                ("draft", draft.as_str()),
                ("environment", "sandbox"),
                ("label", "POS"),
                ("scopes", "customers:read"),
                ("factor", factor),
                ("proof", proof),
            ];
            app.post("/keys/new", Some(someone), &fields).await
        }
    };
    let page = app.get("/keys/new", Some(&someone)).await;
    assert!(
        page.body.contains("Your PIN authorises"),
        "{}",
        page.between("data-proof", "</section>")
    );
    assert!(!page.body.contains("name=\"other_factor\""));
    let refused = create("password", PASSWORD).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(create("pin", PIN).await.status, StatusCode::OK);

    let mut tx = app.state.db.begin().await.expect("a transaction");
    crate::execute!(tx, "update users set pin_hash = null").expect("updated");
    tx.commit().await.expect("committed");
    let page = app.get("/keys/new", Some(&someone)).await;
    assert!(
        page.body
            .contains("You have no PIN yet. Set one; you'll come straight back.")
    );
    assert!(page.body.contains("name=\"leave\" value=\"settings\""));
}
