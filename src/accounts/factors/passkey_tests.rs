//! Passkeys by outcome, as far as that goes without an authenticator: what is asked, by whom, how often it may be
//! answered. What an authenticator signs is tested in a browser that has one.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{passkeys, store};
use crate::{
    accounts::step_up::{self, Action, Factor},
    db::testing::{self, Engine},
    on_both_engines,
    server::{
        config::{Config, Settings},
        testing::{PASSWORD, Reply, Someone, TestApp, typed},
    },
    workspaces::Role,
};

const PAGE: &str = "/settings/security/passkeys";

async fn ask(app: &TestApp, who: Option<&Someone>, purpose: &str) -> Reply {
    app.post("/passkeys/options", who, &[("purpose", purpose)])
        .await
}

async fn challenge(app: &TestApp, who: Option<&Someone>, purpose: &str) -> Value {
    let reply = ask(app, who, purpose).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    reply.json()
}

/// An answer of the right shape that no authenticator gave.
fn forged(challenge: &Value, user_id: &str) -> String {
    let handle = ulid::Ulid::from_string(user_id.trim_start_matches("usr_")).expect("an id");
    let encode = |bytes: &[u8]| {
        use base64::Engine;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
    };
    let client = json!({
        "type": "webauthn.get",
        "challenge": challenge["publicKey"]["challenge"],
        "origin": "http://localhost:3000",
    });
    json!({
        "ceremony": challenge["ceremony"],
        "credential": {
            "id": encode(b"credential"), "rawId": encode(b"credential"), "type": "public-key",
            "response": {
                "authenticatorData": encode(&[0; 37]), "clientDataJSON": encode(client.to_string().as_bytes()),
                "signature": encode(b"signature"), "userHandle": encode(&handle.0.to_be_bytes()),
            },
        },
    })
    .to_string()
}

/// A passkey of this person, whose authenticator nobody has.
async fn passkey(app: &TestApp, someone: &Someone, credential_id: &[u8]) -> String {
    let now = app.clock.now();
    let id = app.state.rng.id("pky", now);
    let encoded = {
        use base64::Engine;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(credential_id)
    };
    let credential = json!({ "cred": {
        "cred_id": encoded,
        "cred": { "type_": "ES256", "key": { "EC_EC2": {
            "curve": "SECP256R1",
            "x": "wn5_bRL8gxcV_AbfYyz-jBvmEV4FhRxmKZBFq5WhGsg",
            "y": "j3u3nBiyFfh1n6JFqzS8_Bo7Bi9nXJITOm1n-QDbCF8",
        } } },
        "counter": 0, "transports": null, "user_verified": true, "backup_eligible": false,
        "backup_state": false, "registration_policy": "required", "extensions": {},
        "attestation": { "data": "None", "metadata": "None" }, "attestation_format": "none",
    } });
    let row = store::Passkey {
        id: id.clone(),
        user_id: someone.id.clone(),
        name: "Old phone".to_owned(),
        credential: credential.to_string(),
        created_at: now,
        last_used_at: None,
    };
    let mut tx = app.state.db.begin().await.expect("a transaction");
    store::insert_passkey(&mut tx, &row, credential_id)
        .await
        .expect("inserted");
    tx.commit().await.expect("committed");
    id
}

async fn waiting(app: &TestApp) -> i64 {
    let mut reader = app.state.db.read().await.expect("a connection");
    let (count,): (i64,) = crate::fetch_one!(
        &mut reader,
        (i64,),
        "select count(*) from passkey_ceremonies"
    )
    .expect("counted");
    count
}

async fn entries(app: &TestApp, action: &str) -> i64 {
    let mut reader = app.state.db.read().await.expect("a connection");
    let (count,): (i64,) = crate::fetch_one!(
        &mut reader,
        (i64,),
        "select count(*) from audit_entries where action = $1",
        action
    )
    .expect("counted");
    count
}

on_both_engines! {
    async fn a_challenge_is_used_up_by_its_first_answer(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let someone = app.member(&workspace, &[Role::Developer]).await;
        passkey(&app, &someone, b"credential").await;
        let given = challenge(&app, None, passkeys::SIGN_IN).await;
        assert_eq!(waiting(&app).await, 1);
        let answer = forged(&given, &someone.id);
        let first = app.post("/login/passkey", None, &[("passkey", &answer), ("next", "/keys")]).await;
        assert_eq!(first.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(first.between("role=\"alert\"", "</p>").split('>').nth(1), Some("That passkey isn't known here."));
        assert_eq!(first.between("name=\"next\" value=\"", "\""), "/keys");
        assert!(!first.body.contains("signature"), "the answer does not come back");
        assert_eq!(waiting(&app).await, 0);
    }

    async fn of_many_answers_at_once_one_is_judged(test: TestDb) {
        let app = TestApp::start(test).await;
        let mut tx = app.state.db.begin().await.expect("a transaction");
        store::insert_ceremony(&mut tx, [7; 32], "sign-in", None, "{}", app.clock.now()).await.expect("inserted");
        tx.commit().await.expect("committed");
        let take = || async {
            let mut tx = app.state.db.begin().await.expect("a transaction");
            let taken = store::take_ceremony(&mut tx, [7; 32]).await.expect("asked");
            tx.commit().await.expect("committed");
            taken.is_some()
        };
        let taken = futures_util::future::join_all((0..12).map(|_| take())).await;
        assert_eq!(taken.iter().filter(|taken| **taken).count(), 1);
    }

    async fn a_challenge_serves_its_person_and_purpose_for_five_minutes(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let someone = app.member(&workspace, &[Role::Developer]).await;
        let other = app.member(&workspace, &[Role::Developer]).await;
        passkey(&app, &someone, b"credential").await;
        let accept = async |given: &Value, who: &Someone, purpose: &str| {
            passkeys::accept(&app.state, &who.id, purpose, &forged(given, &who.id)).await.expect("judged")
        };
        // None is accepted, as nobody has signed; each is used up all the same.
        for (asked, who, purpose) in [
            ("key.create", &someone, "factor.remove"),
            ("key.create", &other, "key.create"),
            ("key.create", &someone, "key.create"),
        ] {
            let given = challenge(&app, Some(&someone), asked).await;
            assert!(!accept(&given, who, purpose).await);
            assert_eq!(waiting(&app).await, 0, "{purpose}");
        }
        let given = challenge(&app, Some(&someone), "key.create").await;
        app.clock.advance(passkeys::LASTS);
        assert!(!accept(&given, &someone, "key.create").await);
        let given = challenge(&app, None, passkeys::SIGN_IN).await;
        assert!(!accept(&given, &someone, passkeys::SIGN_IN).await, "one for signing in confirms nothing");
        challenge(&app, None, passkeys::SIGN_IN).await;
        app.clock.advance(passkeys::LASTS + 1);
        let mut tx = app.state.db.begin().await.expect("a transaction");
        crate::accounts::store::delete_expired(&mut tx, app.clock.now(), 0).await.expect("cleaned");
        tx.commit().await.expect("committed");
        assert_eq!(waiting(&app).await, 0);
    }

    async fn a_passkey_is_removed_behind_a_proof_and_by_its_person_alone(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let someone = app.member(&workspace, &[Role::Developer]).await;
        let other = app.member(&workspace, &[Role::Owner]).await;
        let id = passkey(&app, &someone, b"credential").await;
        let path = format!("{PAGE}/{id}/remove");
        assert!(app.get(PAGE, Some(&someone)).await.body.contains("Old phone"));
        assert!(!app.get(PAGE, Some(&other)).await.body.contains("Old phone"));
        let proof = [("factor", "password"), ("proof", PASSWORD)];
        let unknown = format!("{PAGE}/{}/remove", app.state.rng.id("pky", app.clock.now()));
        for path in [&path, &unknown] {
            assert_eq!(app.get(path, Some(&other)).await.status, StatusCode::NOT_FOUND);
            assert_eq!(app.post(path, Some(&other), &proof).await.status, StatusCode::NOT_FOUND);
        }
        assert_eq!(app.get(&path, Some(&someone)).await.status, StatusCode::OK);
        let wrong = app.post(&path, Some(&someone), &[("factor", "password"), ("proof", "wrong")]).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
        let done = app.post(&path, Some(&someone), &proof).await;
        assert_eq!((done.status, done.location()), (StatusCode::SEE_OTHER, "/settings/security/passkeys?done=removed"));
        assert_eq!(entries(&app, "passkey.removed").await, 1);
        assert_eq!(app.post(&path, Some(&someone), &proof).await.status, StatusCode::NOT_FOUND);
        let mut reader = app.state.db.read().await.expect("a connection");
        let notices: Vec<(String, String)> =
            crate::fetch_all!(&mut reader, (String, String), "select user_id, subject from notices").expect("read");
        assert_eq!(notices, [(someone.id.clone(), "A passkey was removed from your account.".to_owned())]);
    }

    async fn the_only_second_factor_stays_where_one_is_required(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let someone = app.member(&workspace, &[Role::Developer]).await;
        let only = passkey(&app, &someone, b"one").await;
        let mut tx = app.state.db.begin().await.expect("a transaction");
        crate::execute!(tx, "update workspaces set require_second_factor = true").expect("updated");
        tx.commit().await.expect("committed");
        let path = format!("{PAGE}/{only}/remove");
        let page = app.get(&path, Some(&someone)).await;
        assert!(page.body.contains("This is your only second factor"), "{}", page.body);
        let proof = [("factor", "password"), ("proof", PASSWORD)];
        assert_eq!(app.post(&path, Some(&someone), &proof).await.status, StatusCode::CONFLICT);
        passkey(&app, &someone, b"two").await;
        assert_eq!(app.post(&path, Some(&someone), &proof).await.status, StatusCode::SEE_OTHER);
    }
}

async fn app() -> TestApp {
    TestApp::start(testing::database(Engine::Sqlite).await).await
}

#[tokio::test]
async fn everybody_is_asked_for_a_passkey_in_the_same_way() {
    let app = app().await;
    let workspace = app.workspace("Acme").await;
    let someone = app.member(&workspace, &[Role::Developer]).await;
    passkey(&app, &someone, b"credential").await;
    let mut asked = [
        challenge(&app, None, passkeys::SIGN_IN).await,
        challenge(&app, Some(&someone), passkeys::SIGN_IN).await,
    ];
    assert_ne!(asked[0]["ceremony"], asked[1]["ceremony"]);
    for one in &mut asked {
        one["ceremony"] = json!("");
        assert!(one["publicKey"]["challenge"].as_str().expect("text").len() >= 43);
        one["publicKey"]["challenge"] = json!("");
        assert_eq!(one["publicKey"]["rpId"], "localhost");
        assert_eq!(one["publicKey"]["allowCredentials"], json!([]));
        assert_eq!(one["publicKey"]["userVerification"], "required");
    }
    assert_eq!(asked[0], asked[1]);
    let page = app.get("/login", None).await;
    let form = page.between("action=\"/login/passkey\"", "</form>");
    assert!(
        form.contains("hidden"),
        "until a script finds that the browser has passkeys"
    );
    assert_eq!(
        app.get("/login/passkey", None).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_signed_in_person_is_asked_for_their_own_passkeys() {
    let app = app().await;
    let workspace = app.workspace("Acme").await;
    let someone = app.member(&workspace, &[Role::Developer]).await;
    let other = app.member(&workspace, &[Role::Developer]).await;
    passkey(&app, &someone, b"credential").await;
    for purpose in [passkeys::REGISTER, "key.create", ""] {
        let reply = ask(&app, None, purpose).await;
        let expected = if purpose.is_empty() {
            StatusCode::BAD_REQUEST
        } else {
            StatusCode::UNAUTHORIZED
        };
        assert_eq!(reply.status, expected, "{purpose:?}");
    }
    let asked = challenge(&app, Some(&someone), "key.create").await;
    assert_eq!(
        asked["publicKey"]["allowCredentials"][0]["id"],
        "Y3JlZGVudGlhbA"
    );
    assert_eq!(
        ask(&app, Some(&other), "key.create").await.status,
        StatusCode::CONFLICT
    );
    let asked = challenge(&app, Some(&someone), passkeys::REGISTER).await;
    let wanted = &asked["publicKey"]["authenticatorSelection"];
    assert_eq!(wanted["residentKey"], "required");
    assert_eq!(wanted["userVerification"], "required");
    assert_eq!(
        asked["publicKey"]["excludeCredentials"][0]["id"],
        "Y3JlZGVudGlhbA"
    );
    let asked = challenge(&app, Some(&other), passkeys::REGISTER).await;
    assert_eq!(asked["publicKey"]["excludeCredentials"], json!([]));
}

#[tokio::test]
async fn what_is_no_answer_is_refused_in_the_same_words() {
    let app = app().await;
    let workspace = app.workspace("Acme").await;
    let someone = app.member(&workspace, &[Role::Developer]).await;
    passkey(&app, &someone, b"credential").await;
    let given = challenge(&app, None, passkeys::SIGN_IN).await;
    let ceremony = json!({ "ceremony": given["ceremony"], "credential": [] }).to_string();
    for answer in [
        "",
        "null",
        "{}",
        "{\"ceremony\":\"\",\"credential\":{}}",
        "\u{0}",
        &"[".repeat(5000),
        &ceremony,
        &forged(&given, &someone.id),
    ] {
        let reply = app
            .post("/login/passkey", None, &[("passkey", answer)])
            .await;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
        assert!(reply.body.contains("That passkey isn't known here."));
        let accepted = passkeys::accept(&app.state, &someone.id, "key.create", answer).await;
        assert!(!accepted.expect("judged"), "{answer}");
    }
    let added = app
        .post(
            PAGE,
            Some(&someone),
            &[
                ("name", "Phone"),
                ("passkey", "{}"),
                ("factor", "password"),
                ("proof", PASSWORD),
            ],
        )
        .await;
    assert_eq!(added.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(added.body.contains("No new passkey came with the form"));
    assert!(added.between("name=\"name\"", ">").contains("Phone"));
    assert_eq!(entries(&app, "passkey.added").await, 0);
}

#[tokio::test]
async fn challenges_and_failed_sign_ins_are_counted_per_address() {
    let app = app().await;
    for _ in 0..60 {
        challenge(&app, None, passkeys::SIGN_IN).await;
        let reply = app.post("/login/passkey", None, &[("passkey", "{}")]).await;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let asked = ask(&app, None, passkeys::SIGN_IN).await;
    assert_eq!(asked.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(asked.headers.contains_key("retry-after"));
    let refused = app.post("/login/passkey", None, &[("passkey", "{}")]).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    app.clock.advance(16 * 60 * 1000);
    challenge(&app, None, passkeys::SIGN_IN).await;
}

#[tokio::test]
async fn wrong_passkeys_are_counted_and_stand_in_the_record() {
    let app = app().await;
    let workspace = app.workspace("Acme").await;
    let someone = app.member(&workspace, &[Role::Developer]).await;
    passkey(&app, &someone, b"credential").await;
    let (viewer, content) = (app.viewer(&someone), json!({}));
    for _ in 0..5 {
        let given = challenge(&app, Some(&someone), "factor.remove").await;
        let answer = typed(&forged(&given, &someone.id));
        let proof = step_up::prove(
            &app.state,
            &viewer,
            Action::RemoveFactor,
            &content,
            Factor::Passkey,
            &answer,
        );
        assert!(proof.await.is_err());
    }
    assert_eq!(entries(&app, "step_up.failed").await, 5);
    let path = format!(
        "{PAGE}/{}/remove",
        passkey(&app, &someone, b"another").await
    );
    let reply = app
        .post(
            &path,
            Some(&someone),
            &[("factor", "passkey"), ("proof", "{}")],
        )
        .await;
    assert_eq!(reply.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn the_page_of_a_person_with_a_passkey_loads_the_script_for_it() {
    let app = app().await;
    let workspace = app.workspace("Acme").await;
    let someone = app.member(&workspace, &[Role::Developer]).await;
    let loads = async |path: &str, who: Option<&Someone>| {
        app.get(path, who).await.body.contains("/passkey.js\"")
    };
    assert!(loads("/login", None).await);
    assert!(loads(PAGE, Some(&someone)).await);
    assert!(!loads("/keys", Some(&someone)).await);
    passkey(&app, &someone, b"credential").await;
    assert!(loads("/keys", Some(&someone)).await);
}

#[test]
fn a_name_is_needed_for_passkeys_and_an_address_is_none() {
    let profile = crate::profiles::Profile::load("revkeen").expect("it loads");
    let party = |url: &str| {
        let settings = Settings {
            public_url: Some(url.to_owned()),
            ..Settings::default()
        };
        let config = Config::resolve(settings, true).expect("resolves");
        passkeys::relying_party(&config, &profile)
    };
    for url in [
        "http://localhost:3000",
        "https://keys.example.com",
        "https://keys.example.com:8443/portal",
    ] {
        let party = party(url).expect("has passkeys");
        let origin = url::Url::parse(url).expect("a URL").origin();
        assert_eq!(party.get_allowed_origins()[0].origin(), origin);
    }
    for url in [
        "http://127.0.0.1:3000",
        "https://203.0.113.7",
        "https://[::1]:3000",
    ] {
        assert!(party(url).is_none(), "{url}");
    }
}

#[test]
fn a_name_can_be_told_from_another() {
    assert_eq!(
        passkeys::name("  MacBook ").ok().as_deref(),
        Some("MacBook")
    );
    for name in ["", "  ", "a\u{0}b", "a\u{202e}b", &"x".repeat(61)] {
        assert!(passkeys::name(name).is_err(), "{name:?}");
    }
}
