//! Pairs whose public key is handed in, from the form to the gateway.

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use ed25519_dalek::{Signer, SigningKey};

use crate::{
    approvals::store::last_about,
    db::testing::TestDb,
    keys::ops,
    on_both_engines,
    profiles::{ApprovalLevel, Profile},
    server::{
        clock::{HOUR, SECOND},
        testing::{PASSWORD, Reply, Someone, TestApp},
    },
    workspaces::Role,
};

const PROOF: [(&str, &str); 2] = [("factor", "password"), ("proof", PASSWORD)];

fn private(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn public(seed: u8) -> String {
    BASE64_STANDARD.encode(private(seed).verifying_key().as_bytes())
}

async fn app_on(test: TestDb, approval: ApprovalLevel) -> (TestApp, Someone) {
    let mut profile = Profile::load("dual-mode").expect("it loads");
    profile.approval.default = approval;
    let app = TestApp::start_as(test, profile).await;
    let workspace = app.workspace("Acme").await;
    let maker = app.member(&workspace, &[Role::Developer]).await;
    (app, maker)
}

/// Sends the form for a key with this public key, step by step.
async fn create(app: &TestApp, who: &Someone, public_key: &str) -> Reply {
    let page = app.get("/keys/new", Some(who)).await;
    let draft = page.between("name=\"draft\" value=\"", "\"").to_owned();
    let steps: [&[(&str, &str)]; 4] = [
        &[
            ("environment", "test"),
            ("label", "Ledger"),
            ("half", "own"),
            ("public_key", public_key),
        ],
        &[("scopes", "balance:read")],
        &[("currency_kind", "fiat"), ("expiry", "never")],
        &PROOF,
    ];
    let mut last = None;
    for (step, fields) in ["1", "2", "3", "4"].into_iter().zip(steps) {
        let mut all = vec![("draft", draft.as_str()), ("step", step)];
        all.extend(fields);
        let reply = app.post("/keys/new", Some(who), &all).await;
        let goes_on = reply.status == StatusCode::SEE_OTHER;
        last = Some(reply);
        if !goes_on {
            break;
        }
    }
    last.expect("it was sent")
}

/// The public key that names the key, as the page shows it; its plate shows both ends of it alone.
fn named(page: &Reply) -> String {
    let words = page
        .body
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words
        .filter(|word| word.starts_with("pk_test_"))
        .max_by_key(|word| word.len())
        .expect("it is shown")
        .to_owned()
}

/// The code that a call signed with this half is refused with; `VALID` if it passes.
async fn call(app: &TestApp, key_id: &str, seed: u8) -> String {
    let created = app.clock.now() / SECOND;
    let nonce = app.state.rng.id("non", app.clock.now());
    let parameters = format!(
        "(\"@method\" \"@authority\" \"@path\" \"@query\");created={created};keyid=\"{key_id}\";nonce=\"{nonce}\""
    );
    let base = format!(
        "\"@method\": GET\n\"@authority\": api.example.com\n\"@path\": /v1/balance\n\"@query\": ?\n\
         \"@signature-params\": {parameters}"
    );
    let signature = BASE64_STANDARD.encode(private(seed).sign(base.as_bytes()).to_bytes());
    let request = Request::get("/v1/balance")
        .header(header::HOST, "api.example.com")
        .header("signature-input", format!("sig1={parameters}"))
        .header("signature", format!("sig1=:{signature}:"))
        .body(Body::empty())
        .expect("a request");
    let reply = app.gateway(request).await;
    if reply.status.is_success() {
        return "VALID".to_owned();
    }
    reply.json()["code"].as_str().expect("a code").to_owned()
}

async fn rotate(app: &TestApp, who: &Someone, id: &str, public_key: &str) -> Reply {
    let form = app.state.rng.id("drf", app.clock.now());
    let mut fields = vec![("form", form.as_str()), ("overlap", "24")];
    if !public_key.is_empty() {
        fields.push(("public_key", public_key));
    }
    fields.extend(PROOF);
    app.post(&format!("/keys/{id}/rotate"), Some(who), &fields)
        .await
}

on_both_engines! {
    async fn a_handed_in_public_key_verifies_what_its_other_half_signs(test: TestDb) {
        let (app, maker) = app_on(test, ApprovalLevel::Nothing).await;
        let made = create(&app, &maker, &public(1)).await;
        assert_eq!(made.status, StatusCode::OK, "{}", made.body);
        assert!(!made.body.contains("sk_test_") && !made.body.contains("aria-label=\"API key\""), "{}", made.body);
        let name = named(&made);
        assert_eq!(call(&app, &name, 1).await, "VALID");
        assert_eq!(call(&app, &name, 2).await, "SIGNATURE_INVALID");
        let id = made.between("href=\"/keys/key_", "\"");
        let id = format!("key_{}", id.split(['/', '?']).next().unwrap_or_default());
        let page = app.get(&format!("/keys/{id}"), Some(&maker)).await;
        assert!(page.body.contains(&name) && page.body.contains("Signs with Ed25519"), "{}", page.body);

        // Another public key takes its place, and the old one goes on for the overlap.
        let form = app.get(&format!("/keys/{id}/rotate"), Some(&maker)).await;
        assert!(form.body.contains("name=\"public_key\""), "{}", form.body);
        for wrong in ["", "AAAA", &public(1)] {
            let refused = rotate(&app, &maker, &id, wrong).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
            assert!(refused.body.contains("id=\"public_key-error\""), "{}", refused.body);
        }
        let rotated = rotate(&app, &maker, &id, &public(3)).await;
        assert_eq!(rotated.status, StatusCode::OK, "{}", rotated.body);
        let other = named(&rotated);
        assert_ne!(other, name);
        assert_eq!(call(&app, &other, 3).await, "VALID");
        assert_eq!(call(&app, &name, 1).await, "VALID");
        assert_eq!(call(&app, &other, 1).await, "SIGNATURE_INVALID");
        app.logged(5).await;
        app.clock.advance(24 * HOUR);
        assert_eq!(call(&app, &name, 1).await, "REVOKED");
    }

    async fn a_handed_in_key_waits_by_its_name_until_it_is_approved_and_revealed(test: TestDb) {
        let (app, maker) = app_on(test, ApprovalLevel::Everything).await;
        let checker = app.member(&maker.workspace_id, &[Role::Checker]).await;
        let asked = create(&app, &maker, &public(1)).await;
        let id = asked.location().strip_prefix("/keys/").expect("its page").to_owned();
        let page = app.get(&format!("/keys/{id}"), Some(&maker)).await;
        let name = named(&page);
        assert_eq!(call(&app, &name, 1).await, "PENDING_APPROVAL");
        assert_eq!(call(&app, &name, 2).await, "SIGNATURE_INVALID", "only its holder hears more");
        let row = {
            let mut reader = app.state.db.read().await.expect("a connection");
            last_about(&mut reader, &maker.workspace_id, &id).await.expect("read").expect("asked")
        };
        let path = format!("/approvals/{}", row.id);
        let seen = app.get(&path, Some(&checker)).await;
        assert!(seen.body.contains(&public(1)), "who agrees sees the key: {}", seen.body);
        let content = row.content();
        let mut fields = vec![("content", content.as_str()), ("decision", "approve"), ("reason", "")];
        fields.extend(PROOF);
        let done = app.post(&path, Some(&checker), &fields).await;
        assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
        assert_eq!(call(&app, &name, 1).await, "PENDING_APPROVAL");
        let before = app.get(&format!("/keys/{id}/reveal"), Some(&maker)).await;
        assert!(before.body.contains("there is no secret to show"), "{}", before.body);
        let revealed = app.post(&format!("/keys/{id}/reveal"), Some(&maker), &PROOF).await;
        assert_eq!(revealed.status, StatusCode::OK, "{}", revealed.body);
        assert!(named(&revealed) == name && !revealed.body.contains("sk_test_"), "{}", revealed.body);
        assert_eq!(call(&app, &name, 1).await, "VALID");
        let again = app.get(&format!("/keys/{id}/reveal"), Some(&maker)).await;
        assert_eq!(named(&again), name);
    }

    async fn what_is_no_public_key_is_said_at_its_field_and_a_private_one_is_not_kept(test: TestDb) {
        let (app, maker) = app_on(test, ApprovalLevel::Nothing).await;
        let private = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n-----END PRIVATE KEY-----";
        for (text, told) in [("", "Paste the public key"), ("AAAA", "no Ed25519 public key"), (private, "make another pair")] {
            let refused = create(&app, &maker, text).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{text}");
            assert!(refused.body.contains("id=\"public_key-error\"") && refused.body.contains(told), "{}", refused.body);
            assert!(!refused.body.contains("MC4CAQ"));
        }
        let mut reader = app.state.db.read().await.expect("a connection");
        let drafts = crate::fetch_all!(&mut reader, (String,), "select fields from key_drafts").expect("read");
        assert!(drafts.iter().all(|(draft,)| !draft.contains("MC4CAQ")));
    }

    async fn where_keys_are_no_pairs_none_is_handed_in(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        let page = app.get("/keys/new", Some(&maker)).await;
        assert!(!page.body.contains("public_key") && !page.body.contains("pair.js"));
        let draft = page.between("name=\"draft\" value=\"", "\"").to_owned();
        let mut fields = vec![
            ("draft", draft.as_str()), ("environment", "sandbox"), ("label", "Ledger"), ("scopes", "customers:read"),
            ("half", "own"), ("public_key", "AAAA"),
        ];
        fields.extend(PROOF);
        let refused = app.post("/keys/new", Some(&maker), &fields).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.body);
        // A secret that is made here is not replaced by somebody's public key either.
        let (id, _) = app.key(&workspace, "POS", &["customers:read"]).await;
        let mut reader = app.state.db.read().await.expect("a connection");
        let key = ops::find(&mut reader, &workspace, &id).await.expect("there");
        assert!(ops::handed_in(&mut reader, &key).await.expect("read").is_none());
        assert!(ops::other_half(None, Some(&public(1))).is_err());
    }
}
