//! Keys through the portal's router, by operation and outcome.

use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::{
    accounts::{
        Factor,
        step_up::{self, Action},
    },
    audit,
    keys::ops,
    on_both_engines,
    server::testing::{PASSWORD, PIN, Someone, TestApp, typed},
    workspaces::Role,
};

async fn draft(app: &TestApp, who: &Someone) -> String {
    let page = app.get("/keys/new", Some(who)).await;
    assert_eq!(page.status, StatusCode::OK);
    page.between("name=\"draft\" value=\"", "\"").to_owned()
}

fn form<'a>(draft: &'a str, label: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("draft", draft),
        ("environment", "sandbox"),
        ("label", label),
        ("scopes", "customers:read"),
        ("scopes", "invoices:read"),
        ("factor", "password"),
        ("proof", PASSWORD),
    ]
}

async fn keys_in(app: &TestApp) -> i64 {
    let mut reader = app.state.db.read().await.expect("a connection");
    let (count,): (i64,) =
        crate::fetch_one!(&mut reader, (i64,), "select count(*) from api_keys").expect("counted");
    count
}

on_both_engines! {
    async fn a_created_key_is_shown_once_and_works_until_it_is_revoked(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        let draft = draft(&app, &maker).await;
        let shown = app.post("/keys/new", Some(&maker), &form(&draft, "POS")).await;
        assert_eq!(shown.status, StatusCode::OK);
        assert_eq!(shown.headers["cache-control"], "no-store");
        let secret = shown
            .between("aria-label=\"API key\"", "</output>")
            .split_once('>')
            .expect("text")
            .1
            .to_owned();
        assert!(secret.starts_with("rk_sandbox_"), "{secret}");

        let again = app.post("/keys/new", Some(&maker), &form(&draft, "POS")).await;
        assert_eq!(again.status, StatusCode::OK);
        assert!(again.body.contains("Already shown") && !again.body.contains(&secret));
        assert_eq!(keys_in(&app).await, 1);

        let call = app.call(Method::GET, "/v2/customers", Some(&secret)).await;
        assert_eq!(call.status, StatusCode::OK, "{}", call.body);

        let list = app.get("/keys?env=sandbox", Some(&maker)).await;
        let id = list.between("href=\"/keys/key_", "\"");
        let id = format!("key_{}", id.split('/').next().unwrap_or_default());
        let revoked = app.post(&format!("/keys/{id}/revoke"), Some(&maker), &[]).await;
        assert_eq!(revoked.status, StatusCode::SEE_OTHER, "{}", revoked.body);
        let call = app.call(Method::GET, "/v2/customers", Some(&secret)).await;
        assert_eq!(call.status, StatusCode::UNAUTHORIZED);
        assert_eq!(call.json()["error"]["code"], "REVOKED");
        let twice = app.post(&format!("/keys/{id}/revoke"), Some(&maker), &[]).await;
        assert_eq!(twice.status, StatusCode::CONFLICT);

        let mut reader = app.state.db.read().await.expect("a connection");
        assert!(audit::verify(&mut reader).await.expect("read").ok);
        let events: Vec<(String,)> = crate::fetch_all!(
            &mut reader,
            (String,),
            "select type from outbox_events order by created_at, type"
        )
        .expect("read");
        let events: Vec<&str> = events.iter().map(|(kind,)| kind.as_str()).collect();
        assert_eq!(events, ["key.created", "key.revoked"]);
    }

    async fn a_form_sent_many_times_at_once_makes_one_key(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        let draft = draft(&app, &maker).await;
        let fields = form(&draft, "POS");
        let sent = (0..5).map(|_| app.post("/keys/new", Some(&maker), &fields));
        let replies = futures_util::future::join_all(sent).await;
        let shown = replies.iter().filter(|reply| reply.body.contains("aria-label=\"API key\"")).count();
        assert_eq!(shown, 1, "one answer shows a secret");
        assert_eq!(keys_in(&app).await, 1);
    }

    async fn a_label_is_unique_among_live_keys_of_an_environment(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let (id, _) = app.key(&workspace, "Store front", &["customers:read"]).await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        let first = draft(&app, &maker).await;
        let taken = app.post("/keys/new", Some(&maker), &form(&first, "STORE  front")).await;
        assert_eq!(taken.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(taken.body.contains("already"), "{}", taken.body);
        assert!(taken.body.contains("value=\"STORE  front\""), "what was typed is kept");
        assert!(!taken.body.contains(PASSWORD), "but no secret is");
        ops::revoke_at_console(&app.state, &id).await.expect("revoked");
        let free = app.post("/keys/new", Some(&maker), &form(&first, "Store front")).await;
        assert_eq!(free.status, StatusCode::OK);
    }

    async fn another_workspaces_key_is_answered_like_one_that_does_not_exist(test: TestDb) {
        let app = TestApp::start(test).await;
        let (ours, theirs) = (app.workspace("Ours").await, app.workspace("Theirs").await);
        let (foreign, _) = app.key(&theirs, "Theirs", &["customers:read"]).await;
        let owner = app.member(&ours, &[Role::Owner, Role::Checker]).await;
        let missing = app.state.rng.id("key", app.clock.now());
        for path in ["", "/revoke"] {
            let there = app.get(&format!("/keys/{foreign}{path}"), Some(&owner)).await;
            let nowhere = app.get(&format!("/keys/{missing}{path}"), Some(&owner)).await;
            assert_eq!((there.status, nowhere.status), (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND));
            let plain = |reply: &crate::server::testing::Reply, id: &str| {
                let nonce = reply.between("nonce=\"", "\"").to_owned();
                reply.body.replace(&nonce, "").replace(id, "")
            };
            assert_eq!(plain(&there, &foreign), plain(&nowhere, &missing));
        }
        let revoke = app.post(&format!("/keys/{foreign}/revoke"), Some(&owner), &[("label", "Theirs")]).await;
        assert_eq!(revoke.status, StatusCode::NOT_FOUND);
        let malformed = app.get("/keys/%00%27", Some(&owner)).await;
        assert_eq!(malformed.status, StatusCode::NOT_FOUND);
    }

    async fn a_proof_serves_only_the_content_it_was_given_for_and_only_once(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        let viewer = app.viewer(&maker);
        let key = |scopes: &[&str]| app.wanted("sandbox", "POS", scopes);
        let (narrow, wide) = (key(&["customers:read"]), key(&["customers:read", "payments:write"]));
        let prove = || {
            let (state, viewer, narrow) = (&app.state, &viewer, &narrow);
            async move { step_up::prove(state, viewer, Action::CreateKey, narrow, Factor::Pin, &typed(PIN)).await }
        };
        let draft = || app.state.rng.id("drf", app.clock.now());

        let proof = prove().await.expect("the PIN is right");
        assert!(ops::create(&app.state, &viewer, &draft(), &wide, None, proof).await.is_err(), "other content");
        let proof = prove().await.expect("the PIN is right");
        app.clock.advance(5 * 60 * 1000 + 1);
        assert!(ops::create(&app.state, &viewer, &draft(), &narrow, None, proof).await.is_err(), "too old");
        let proof = prove().await.expect("the PIN is right");
        assert!(ops::create(&app.state, &viewer, &draft(), &narrow, None, proof).await.is_ok());
        assert_eq!(keys_in(&app).await, 1);
    }

    async fn many_wrong_pins_at_once_get_five_tries_and_the_password_unlocks(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        let viewer = app.viewer(&maker);
        let content = json!({});
        let try_with = |factor, text: &'static str| {
            let (state, viewer, content) = (&app.state, &viewer, &content);
            async move { step_up::prove(state, viewer, Action::CreateKey, content, factor, &typed(text)).await }
        };
        let wrong = futures_util::future::join_all((0..50).map(|_| try_with(Factor::Pin, "0000"))).await;
        assert!(wrong.iter().all(Result::is_err));
        let mut reader = app.state.db.read().await.expect("a connection");
        let (judged,): (i64,) = crate::fetch_one!(
            &mut reader,
            (i64,),
            "select count(*) from audit_entries where action = 'step_up.failed'"
        ).expect("counted");
        drop(reader);
        assert_eq!(judged, 5, "each wrong try that was judged stands in the record");
        assert!(try_with(Factor::Pin, PIN).await.is_err(), "locked, even for the right one");
        assert!(try_with(Factor::Password, PASSWORD).await.is_ok());
        assert!(try_with(Factor::Pin, PIN).await.is_ok(), "unlocked");
    }
}

#[tokio::test]
async fn every_wrong_field_is_refused_beside_it_and_nothing_is_made() {
    let app =
        TestApp::start(crate::db::testing::database(crate::db::testing::Engine::Sqlite).await)
            .await;
    let workspace = app.workspace("Acme").await;
    let maker = app.member(&workspace, &[Role::Developer]).await;
    let draft = draft(&app, &maker).await;
    let cases: &[(&str, &str, &str)] = &[
        ("label", "", "Give the key a label"),
        ("label", "nul\0", "control or invisible"),
        ("label", "dir\u{202e}ection", "control or invisible"),
        ("environment", "mars", "Choose an environment"),
        ("scopes", "customers:fly", "There is no scope"),
        ("proof", "wrong password", "isn&#x27;t right"),
        ("factor", "telepathy", "Choose one of the ways"),
    ];
    for (field, value, message) in cases {
        let mut fields = form(&draft, "POS");
        fields.retain(|(name, _)| name != field);
        fields.push((field, value));
        let reply = app.post("/keys/new", Some(&maker), &fields).await;
        assert_eq!(
            reply.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{field}={value:?}"
        );
        let body = reply.body.replace(['\u{2019}', '\''], "&#x27;");
        assert!(body.contains(message), "{field}={value:?}: {body}");
        assert!(body.contains("role=\"alert\""));
    }
    assert_eq!(keys_in(&app).await, 0);
}

#[tokio::test]
async fn no_trace_of_a_secret_is_on_disk() {
    let app =
        TestApp::start(crate::db::testing::database(crate::db::testing::Engine::Sqlite).await)
            .await;
    let workspace = app.workspace("Acme").await;
    let (_, secret) = app.key(&workspace, "Canary", &["customers:read"]).await;
    let token = app.service_token().await;
    app.call(Method::GET, "/v2/customers", Some(&secret)).await;
    app.logged(1).await;
    for entry in std::fs::read_dir(app.test.folder.path()).expect("readable") {
        let bytes = std::fs::read(entry.expect("an entry").path()).expect("readable");
        for canary in [&secret[11..], &token[7..], PASSWORD] {
            let found = bytes
                .windows(canary.len())
                .any(|window| window == canary.as_bytes());
            assert!(!found, "{canary} stands in a file of the database");
        }
    }
}
