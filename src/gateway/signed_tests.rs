//! Signed requests through the routers. Another implementation signs them.

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
};

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use ed25519_dalek::SigningKey;
use httpsig::prelude::{AlgorithmName, SecretKey, SharedKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::signature::tests::{ALL, Key, Sent};
use crate::{
    db::testing::{self, Engine, TestDb},
    keys::{ops, samples, secret::PlainKey},
    on_both_engines,
    profiles::Profile,
    server::{
        clock::{Millis, SECOND},
        listen::Limits,
        testing::{Reply, TestApp},
    },
};

const SEED: [u8; 32] = [9; 32];

async fn app_on(test: TestDb) -> TestApp {
    TestApp::start_as(test, Profile::load("dual-mode").expect("it loads")).await
}

/// A key, and what its holder signs with.
pub struct Pair {
    pub id: String,
    pub public: String,
    pub key: Key,
}

impl Pair {
    /// One whose secret half Latchkey made.
    pub async fn shared(app: &TestApp, workspace: &str, label: &str) -> Self {
        Self::may(app, workspace, label, &SCOPES).await
    }

    /// The same, with other scopes.
    pub async fn may(app: &TestApp, workspace: &str, label: &str, scopes: &[&str]) -> Self {
        let wanted = app.wanted("test", label, scopes);
        let created = ops::create_at_console(&app.state, workspace, &wanted, None)
            .await
            .expect("made");
        let secret = created.secret.expect("its secret half");
        Self {
            id: created.id,
            public: created.public_key.expect("its public half"),
            key: Key::Shared(SharedKey::HmacSha256(secret.expose().as_bytes().to_vec())),
        }
    }

    /// One whose public half was handed in.
    pub async fn private(app: &TestApp, workspace: &str, label: &str) -> Self {
        let public = SigningKey::from_bytes(&SEED).verifying_key();
        let public = BASE64_STANDARD.encode(public.as_bytes());
        let wanted = app.wanted("test", label, &SCOPES);
        let created = ops::create_at_console(&app.state, workspace, &wanted, Some(&public))
            .await
            .expect("made");
        assert!(created.secret.is_none());
        let key = SecretKey::from_bytes(&AlgorithmName::Ed25519, &SEED).expect("a key");
        Self {
            id: created.id,
            public: created.public_key.expect("its name"),
            key: Key::Private(key),
        }
    }

    pub fn sign(&self, sent: Sent, nonce: &str, created: Millis) -> Sent {
        let covered = if sent.body.is_empty() {
            &ALL[..4]
        } else {
            &ALL
        };
        self.sign_over(sent, covered, nonce, created)
    }

    fn sign_over(&self, sent: Sent, covered: &[&str], nonce: &str, created: Millis) -> Sent {
        sent.signed(&self.key, covered, |parameters| {
            parameters
                .set_created(u64::try_from(created / SECOND).expect("positive"))
                .set_keyid(&self.public)
                .set_nonce(nonce);
        })
    }
}

const SCOPES: [&str; 2] = ["transactions:read", "transactions:write"];

pub fn request(sent: &Sent) -> Request<Body> {
    let uri = match &sent.query {
        Some(query) => format!("{}?{query}", sent.path),
        None => sent.path.clone(),
    };
    let mut request = Request::builder()
        .method(sent.method.as_str())
        .uri(uri)
        .header(header::HOST, &sent.authority)
        .body(Body::from(sent.body.clone()))
        .expect("a request");
    request.headers_mut().extend(sent.headers.clone());
    request
}

/// The code that it is answered with; none if it passes.
async fn refusal(app: &TestApp, sent: &Sent) -> Option<String> {
    let reply = app.gateway(request(sent)).await;
    code(&reply)
}

fn code(reply: &Reply) -> Option<String> {
    (!reply.status.is_success()).then(|| {
        let body = reply.json();
        let code = body["code"].as_str().map(str::to_owned);
        code.unwrap_or_else(|| panic!("no code: {body}"))
    })
}

async fn set_state(app: &TestApp, key_id: &str, state: &str) {
    let mut tx = app.state.db.begin().await.expect("a transaction");
    crate::execute!(
        tx,
        "update api_keys set state = $1 where id = $2",
        state,
        key_id
    )
    .expect("set");
    tx.commit().await.expect("committed");
    app.state.keys.trust(true);
}

/// The question about a request, as a resource server asks it.
fn question(pair: &Pair, sent: &Sent) -> Value {
    let headers: serde_json::Map<String, Value> = sent
        .headers
        .keys()
        .map(|name| (name.to_string(), json!(sent.header(name.as_str()))))
        .collect();
    json!({
        "key": pair.public,
        "scope": "transactions:write",
        "request": {
            "method": sent.method, "authority": sent.authority, "path": sent.path, "query": sent.query,
            "headers": headers, "body_sha256": hex::encode(Sha256::digest(&sent.body)),
        },
    })
}

on_both_engines! {
    async fn a_signed_request_passes_once_and_not_again_after_a_restart(test: TestDb) {
        let mut app = app_on(test).await;
        let workspace = app.workspace("Acme").await;
        let now = app.clock.now();
        let pairs = [
            Pair::shared(&app, &workspace, "Shared").await,
            Pair::private(&app, &workspace, "Private").await,
        ];
        let mut used = Vec::new();
        for pair in &pairs {
            for (sent, nonce) in [(Sent::get(), "a"), (Sent::post(), "b")] {
                let sent = pair.sign(sent, nonce, now);
                assert_eq!(refusal(&app, &sent).await, None);
                assert_eq!(refusal(&app, &sent).await.as_deref(), Some("NONCE_REPLAYED"));
                used.push(sent);
            }
        }
        // Within what the log may lag behind.
        app.clock.advance(700);
        app = app.restarted().await;
        for sent in &used {
            assert_eq!(refusal(&app, sent).await.as_deref(), Some("NONCE_REPLAYED"));
        }
        app.clock.advance(SECOND);
        for pair in &pairs {
            let sent = pair.sign(Sent::post(), "c", app.clock.now());
            assert_eq!(refusal(&app, &sent).await, None);
        }
    }

    async fn what_was_changed_or_not_signed_is_refused(test: TestDb) {
        let app = app_on(test).await;
        let workspace = app.workspace("Acme").await;
        let now = app.clock.now();
        for pair in [
            Pair::shared(&app, &workspace, "Shared").await,
            Pair::private(&app, &workspace, "Private").await,
        ] {
            let good = pair.sign(Sent::post(), "a", now);
            let mut tampered = good.clone();
            tampered.body = br#"{"amount":900,"currency":"NGN"}"#.to_vec();
            let mut redigested = tampered.clone();
            redigested.digest();
            let mut undigested = good.clone();
            undigested.headers.remove("content-digest");
            let mut elsewhere = good.clone();
            elsewhere.authority = "evil.example.com".to_owned();
            let mut otherwise = good.clone();
            otherwise.query = Some("a=1&b=3".to_owned());
            let uncovered = pair.sign_over(Sent::post(), &ALL[..4], "a", now);
            let mut staged = tampered.clone();
            staged.headers.insert("x-latchkey-lab", "expired".parse().expect("a value"));
            for sent in [tampered, redigested, undigested, elsewhere, otherwise, uncovered, staged] {
                assert_eq!(refusal(&app, &sent).await.as_deref(), Some("SIGNATURE_INVALID"));
            }
            assert_eq!(refusal(&app, &good).await, None, "none of them used the nonce");
        }
    }

    async fn a_key_in_another_state_is_told_to_its_holder_alone(test: TestDb) {
        let app = app_on(test).await;
        let workspace = app.workspace("Acme").await;
        let pair = Pair::private(&app, &workspace, "Private").await;
        let other = Pair::shared(&app, &workspace, "Shared").await;
        let good = pair.sign(Sent::post(), "a", app.clock.now());
        let mut bad = good.clone();
        bad.set("signature", &other.sign(Sent::post(), "a", app.clock.now()).header("signature"));
        for (state, told) in [("requested", "PENDING_APPROVAL"), ("disabled", "DISABLED")] {
            set_state(&app, &pair.id, state).await;
            assert_eq!(refusal(&app, &good).await.as_deref(), Some(told));
            assert_eq!(refusal(&app, &bad).await.as_deref(), Some("SIGNATURE_INVALID"));
        }
        set_state(&app, &pair.id, "active").await;
        assert_eq!(refusal(&app, &good).await, None, "what was denied has used nothing");
        ops::revoke_at_console(&app.state, &pair.id).await.expect("revoked");
        let good = pair.sign(Sent::post(), "b", app.clock.now());
        assert_eq!(refusal(&app, &good).await.as_deref(), Some("REVOKED"));
        assert_eq!(refusal(&app, &bad).await.as_deref(), Some("SIGNATURE_INVALID"));
    }

    async fn a_refused_charge_gives_the_nonce_back(test: TestDb) {
        let app = app_on(test).await;
        let workspace = app.workspace("Acme").await;
        let pair = Pair::shared(&app, &workspace, "Shared").await;
        let mut tx = app.state.db.begin().await.expect("a transaction");
        crate::execute!(tx, "update api_keys set tier = 'launch' where id = $1", &pair.id).expect("set");
        tx.commit().await.expect("committed");
        let burst = 20;
        for n in 0..burst {
            let sent = pair.sign(Sent::get(), &n.to_string(), app.clock.now());
            assert_eq!(refusal(&app, &sent).await, None, "{n}");
        }
        let sent = pair.sign(Sent::get(), "late", app.clock.now());
        assert_eq!(refusal(&app, &sent).await.as_deref(), Some("RATE_LIMITED"));
        app.clock.advance(SECOND);
        assert_eq!(refusal(&app, &sent).await, None);
        assert_eq!(refusal(&app, &sent).await.as_deref(), Some("NONCE_REPLAYED"));
    }

    async fn verify_judges_the_request_that_it_is_told_of(test: TestDb) {
        let app = app_on(test).await;
        let workspace = app.workspace("Acme").await;
        let token = app.service_token().await;
        let ask = async |question: &Value| app.verify(&token, question.clone()).await.json();
        for pair in [
            Pair::shared(&app, &workspace, "Shared").await,
            Pair::private(&app, &workspace, "Private").await,
        ] {
            let good = pair.sign(Sent::post(), "a", app.clock.now());
            let asked = question(&pair, &good);
            let mut alone = asked.clone();
            alone.as_object_mut().expect("an object").remove("request");
            assert_eq!(ask(&alone).await["code"], "SIGNATURE_REQUIRED", "everybody may know a public key");
            let mut tampered = asked.clone();
            tampered["request"]["body_sha256"] = json!(hex::encode(Sha256::digest(b"other")));
            assert_eq!(ask(&tampered).await["code"], "SIGNATURE_INVALID");
            let mut dry = asked.clone();
            dry["dry_run"] = json!(true);
            for _ in 0..2 {
                let outlook = ask(&dry).await;
                assert_eq!(outlook["code"], "VALID", "{outlook}");
                let steps = outlook["trace"].as_array().expect("steps");
                for check in ["SIGNATURE_INVALID", "TIMESTAMP_SKEW", "NONCE_REPLAYED"] {
                    assert!(steps.contains(&json!({ "check": check, "ok": true })), "{outlook}");
                }
            }
            // With the question mark, and a header as the list of its lines.
            let mut spelt = asked.clone();
            spelt["request"]["query"] = json!(format!("?{}", good.query.as_deref().expect("a query")));
            spelt["request"]["body_sha256"] = json!(BASE64_STANDARD.encode(Sha256::digest(&good.body)));
            spelt["request"]["headers"]["signature"] = json!([good.header("signature")]);
            assert_eq!(ask(&spelt).await["code"], "VALID");
            assert_eq!(ask(&asked).await["code"], "NONCE_REPLAYED");
            assert_eq!(refusal(&app, &good).await.as_deref(), Some("NONCE_REPLAYED"), "it counts at both doors");
            let again = ask(&dry).await;
            assert_eq!(again["code"], "NONCE_REPLAYED", "{again}");
            let mut others = question(&pair, &pair.sign(Sent::post(), "b", app.clock.now()));
            others["key"] = json!(Pair::shared(&app, &workspace, &pair.id).await.public);
            assert_eq!(ask(&others).await["code"], "SIGNATURE_INVALID");
        }
    }
}

#[tokio::test]
async fn a_signature_is_good_for_five_minutes_before_and_after() {
    let app = app_on(testing::database(Engine::Sqlite).await).await;
    let workspace = app.workspace("Acme").await;
    let pair = Pair::shared(&app, &workspace, "Shared").await;
    app.clock.advance(1000 * SECOND);
    let now = app.clock.now();
    for (seconds, told) in [
        (-301, Some("TIMESTAMP_SKEW")),
        (-300, None),
        (300, None),
        (301, Some("TIMESTAMP_SKEW")),
    ] {
        let sent = pair.sign(Sent::get(), &seconds.to_string(), now + seconds * SECOND);
        assert_eq!(refusal(&app, &sent).await.as_deref(), told, "{seconds}");
    }
}

#[tokio::test]
async fn a_nonce_that_cannot_be_written_down_is_logged_as_it_was_answered() {
    let app = app_on(testing::database(Engine::Sqlite).await).await;
    let workspace = app.workspace("Acme").await;
    let pair = Pair::shared(&app, &workspace, "Shared").await;
    let pool = sqlx::SqlitePool::connect(&app.test.url)
        .await
        .expect("opened");
    sqlx::raw_sql("drop table signature_nonces")
        .execute(&pool)
        .await
        .expect("done");
    // One that is dated ahead is written down.
    let ahead = pair.sign(Sent::get(), "a", app.clock.now() + 60 * SECOND);
    assert_eq!(refusal(&app, &ahead).await.as_deref(), Some("UNAVAILABLE"));
    app.logged(1).await;
    let mut reader = app.state.db.read().await.expect("a connection");
    let logged = crate::fetch_one!(
        &mut reader,
        (String, i64),
        "select code, status from requests"
    )
    .expect("read");
    assert_eq!(logged, ("UNAVAILABLE".to_owned(), 503));
}

#[tokio::test]
async fn a_request_that_names_no_key_by_a_signature_is_told_so() {
    let app = app_on(testing::database(Engine::Sqlite).await).await;
    let workspace = app.workspace("Acme").await;
    let pair = Pair::shared(&app, &workspace, "Shared").await;
    let mut bare = Sent::get();
    bare.set("authorization", &format!("Bearer {}", pair.public));
    let reply = app.gateway(request(&bare)).await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    assert_eq!(reply.json()["code"], "SIGNATURE_REQUIRED");
    assert!(
        reply.body.contains("authorization header"),
        "{}",
        reply.body
    );

    let named = |public: String| Pair {
        id: String::new(),
        public,
        key: Key::Shared(SharedKey::HmacSha256(b"other".to_vec())),
    };
    let unknown = PlainKey::generate("pk_test_", &app.state.rng);
    for (public, told) in [
        (unknown.expose().to_owned(), "NOT_FOUND"),
        (format!("{}x", pair.public), "MALFORMED"),
        (pair.public.clone(), "SIGNATURE_INVALID"),
    ] {
        let sent = named(public).sign(Sent::get(), "a", app.clock.now());
        assert_eq!(refusal(&app, &sent).await.as_deref(), Some(told));
    }
    let mut large = Sent::post();
    large.body = vec![b' '; 1024 * 1024 + 1];
    large.digest();
    let large = pair.sign(large, "a", app.clock.now());
    assert_eq!(refusal(&app, &large).await.as_deref(), Some("BAD_REQUEST"));
}

#[tokio::test]
async fn of_a_request_that_names_an_unknown_key_no_body_is_read() {
    let app = app_on(testing::database(Engine::Sqlite).await).await;
    let unknown = PlainKey::generate("pk_test_", &app.state.rng);
    let stranger = Pair {
        id: String::new(),
        public: unknown.expose().to_owned(),
        key: Key::Shared(SharedKey::HmacSha256(b"other".to_vec())),
    };
    let mut request = request(&stranger.sign(Sent::post(), "a", app.clock.now()));
    // It never comes to an end: whoever read it would wait.
    let read = Arc::new(AtomicBool::new(false));
    let seen = read.clone();
    let endless = futures_util::stream::poll_fn(move |_| {
        seen.store(true, Ordering::SeqCst);
        Poll::<Option<Result<Vec<u8>, std::io::Error>>>::Pending
    });
    *request.body_mut() = Body::from_stream(endless);
    let reply = app.gateway(request).await;
    assert_eq!(code(&reply).as_deref(), Some("NOT_FOUND"));
    assert!(!read.load(Ordering::SeqCst));
}

#[tokio::test]
async fn verify_refuses_a_request_that_is_told_badly() {
    let app = app_on(testing::database(Engine::Sqlite).await).await;
    let workspace = app.workspace("Acme").await;
    let token = app.service_token().await;
    let pair = Pair::shared(&app, &workspace, "Shared").await;
    let asked = question(&pair, &pair.sign(Sent::post(), "a", app.clock.now()));
    for (field, value, part) in [
        ("body_sha256", Value::Null, "body_sha256"),
        ("body_sha256", json!("abc"), "64 digits"),
        ("headers", json!({ "a b": "c" }), "a b"),
        ("headers", json!({ "a": "c\nd" }), "headers"),
        ("method", json!(1), "string"),
        ("port", json!(1), "port"),
    ] {
        let mut wrong = asked.clone();
        wrong["request"][field] = value;
        let reply = app.verify(&token, wrong).await;
        assert_eq!(
            reply.status,
            StatusCode::BAD_REQUEST,
            "{field}: {}",
            reply.body
        );
        assert!(reply.body.contains(part), "{field}: {}", reply.body);
    }
}

/// The lines that the portal shows work as pasted.
#[tokio::test]
async fn the_first_call_of_a_pair_signs_as_the_gateway_wants_it() {
    let app = app_on(testing::database(Engine::Sqlite).await).await;
    let workspace = app.workspace("Acme").await;
    let gateway = format!("http://{}", app.listen(Limits::default()).await);
    let folder = tempfile::tempdir().expect("a folder");
    let sh = async |script: String| {
        let mut command = Command::new("sh");
        command.current_dir(folder.path()).args(["-ec", &script]);
        let output = tokio::task::spawn_blocking(move || command.output())
            .await
            .expect("it ends")
            .expect("it starts");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("text")
    };
    let public = sh("openssl genpkey -algorithm ed25519 -out private-key.pem; \
                     openssl pkey -in private-key.pem -pubout -outform DER | tail -c 32 | openssl base64 -A"
        .to_owned())
    .await;
    for (label, verifying) in [("Shared", None), ("Private", Some(public.as_str()))] {
        let key = app.wanted("test", label, &["balance:read"]);
        let made = ops::create_at_console(&app.state, &workspace, &key, verifying)
            .await
            .expect("made");
        let samples = samples::first_call(
            &app.state.profile,
            &gateway,
            &workspace,
            made.public_key.as_deref().expect("a public half"),
            made.secret.as_ref().map_or("", PlainKey::expose),
        );
        let script = samples[0]
            .code
            .replace("curl ", "curl -sS --fail-with-body ");
        let answer: Value = serde_json::from_str(&sh(script).await).expect("JSON");
        assert!(answer["code"].is_null(), "{answer}");
    }
}
