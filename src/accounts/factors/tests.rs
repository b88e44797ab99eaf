//! Second factors, by outcome.

use std::process::Command;

use axum::http::StatusCode;

use super::{recovery, store, totp};
use crate::{
    on_both_engines,
    server::{
        clock::SECOND,
        testing::{PASSWORD, PIN, Reply, Someone, TestApp, cookie},
    },
    workspaces::Role,
};

/// The code that an authenticator shows at that moment, by RFC 6238 as an independent implementation has it.
pub fn code_at(manual: &str, at: i64) -> String {
    const PROGRAM: &str = "
import base64, hmac, struct, sys
key = base64.b32decode(sys.argv[1].replace(' ', ''))
mac = hmac.new(key, struct.pack('>Q', int(sys.argv[2]) // 30), 'sha1').digest()
at = mac[-1] & 15
print('%06d' % ((struct.unpack('>I', mac[at:at + 4])[0] & 0x7fffffff) % 1000000))
";
    let out = Command::new("python3")
        .args(["-c", PROGRAM, manual, &(at / SECOND).to_string()])
        .output()
        .expect("python3 runs");
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

/// Enrols an authenticator through its form. Gives its secret as typed by hand, and the recovery codes.
pub async fn enrol(app: &TestApp, someone: &Someone) -> (String, Vec<String>) {
    let page = app.get("/settings/security/totp", Some(someone)).await;
    assert_eq!(page.status, StatusCode::OK);
    let setup = page.between("name=\"setup\" value=\"", "\"").to_owned();
    let manual = page
        .between("<code id=\"manual\"", "</code>")
        .split('>')
        .nth(1)
        .expect("a secret")
        .trim()
        .to_owned();
    let code = code_at(&manual, app.clock.now());
    let fields = [
        ("setup", setup.as_str()),
        ("code", &code),
        ("factor", "password"),
        ("proof", PASSWORD),
    ];
    let done = app
        .post("/settings/security/totp", Some(someone), &fields)
        .await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    assert_eq!(done.headers["cache-control"], "no-store");
    let list = done.between("aria-label=\"Recovery codes\"", "</ol>");
    let codes: Vec<String> = list
        .split("<li>")
        .skip(1)
        .map(|item| item.split('<').next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(codes.len(), recovery::CODES);
    (manual, codes)
}

/// Gives the password. With a second factor that begins a half-open session.
async fn first_step(app: &TestApp, someone: &Someone) -> Someone {
    let fields = [("email", someone.email.as_str()), ("password", PASSWORD)];
    let reply = app.post("/login", None, &fields).await;
    assert_eq!(reply.status, StatusCode::SEE_OTHER);
    assert!(
        reply.location().starts_with("/login/code"),
        "{}",
        reply.location()
    );
    Someone {
        cookie: cookie(&reply).expect("a session"),
        ..someone.clone()
    }
}

async fn second_step(app: &TestApp, half: &Someone, code: &str) -> Reply {
    app.post("/login/code", Some(half), &[("code", code)]).await
}

on_both_engines! {
    async fn a_code_signs_in_once(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let someone = app.member(&workspace, &[Role::Developer]).await;
        let (manual, _) = enrol(&app, &someone).await;
        let half = first_step(&app, &someone).await;
        assert_eq!(app.get("/keys", Some(&half)).await.status, StatusCode::SEE_OTHER, "half-open");
        let used = code_at(&manual, app.clock.now());
        assert_eq!(second_step(&app, &half, &used).await.status, StatusCode::UNPROCESSABLE_ENTITY, "the code of the enrolment");
        app.clock.advance(30 * SECOND);
        let code = code_at(&manual, app.clock.now());
        let whole = second_step(&app, &half, &code).await;
        assert_eq!(whole.status, StatusCode::SEE_OTHER, "{}", whole.body);
        let whole = Someone { cookie: cookie(&whole).expect("a new id"), ..someone.clone() };
        assert_ne!(whole.cookie, half.cookie);
        assert_eq!(app.get("/keys", Some(&whole)).await.status, StatusCode::OK);
        let again = first_step(&app, &someone).await;
        assert_eq!(second_step(&app, &again, &code).await.status, StatusCode::UNPROCESSABLE_ENTITY, "in another session, too");
    }

    async fn the_first_second_factor_ends_sessions_that_were_begun_without_one(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let someone = app.member(&workspace, &[Role::Developer]).await;
        let other = app.post("/login", None, &[("email", &someone.email), ("password", PASSWORD)]).await;
        let other = Someone { cookie: cookie(&other).expect("a session"), ..someone.clone() };
        enrol(&app, &someone).await;
        assert_eq!(app.get("/keys", Some(&other)).await.status, StatusCode::SEE_OTHER);
        assert_eq!(app.get("/keys", Some(&someone)).await.status, StatusCode::OK, "this one goes on");
    }

    async fn of_fifty_submissions_of_a_code_one_succeeds(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let someone = app.member(&workspace, &[Role::Developer]).await;
        let (manual, codes) = enrol(&app, &someone).await;
        app.clock.advance(60 * SECOND);
        let code = code_at(&manual, app.clock.now());
        let (state, id) = (&app.state, &someone.id);
        let tries = futures_util::future::join_all((0..50).map(|_| totp::accept(state, id, &code))).await;
        assert_eq!(tries.into_iter().filter(|accepted| matches!(accepted, Ok(true))).count(), 1);
        let tries = futures_util::future::join_all((0..50).map(|_| recovery::accept(state, id, &codes[3]))).await;
        assert_eq!(tries.into_iter().filter(|accepted| matches!(accepted, Ok(true))).count(), 1);
        assert!(totp::accept(state, "usr_00000000000000000000000000", &code).await.is_ok_and(|fits| !fits));
    }

    async fn a_clock_may_be_half_a_minute_off_and_no_more(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let someone = app.member(&workspace, &[Role::Developer]).await;
        let (manual, _) = enrol(&app, &someone).await;
        app.clock.advance(600 * SECOND);
        let accept = async |offset: i64| {
            let code = code_at(&manual, app.clock.now() + offset * SECOND);
            totp::accept(&app.state, &someone.id, &code).await.expect("judged")
        };
        assert!(!accept(-60).await);
        assert!(!accept(60).await);
        assert!(accept(-30).await);
        assert!(accept(30).await);
        assert!(!accept(0).await, "an earlier step than one that was used");
    }

    async fn a_recovery_code_stands_in_once_and_its_owner_is_told(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let someone = app.member(&workspace, &[Role::Developer]).await;
        let (_, codes) = enrol(&app, &someone).await;
        let half = first_step(&app, &someone).await;
        let shouted = codes[0].to_uppercase().replace('-', " ");
        assert_eq!(second_step(&app, &half, &shouted).await.status, StatusCode::SEE_OTHER);
        let half = first_step(&app, &someone).await;
        assert_eq!(second_step(&app, &half, &codes[0]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        let letters = app.letters(&someone.email).await;
        assert!(letters.iter().any(|letter| letter.text[0].starts_with("9 of 10 are left")));
        let mut reader = app.state.db.read().await.expect("a connection");
        assert_eq!(store::recovery_codes_left(&mut reader, &someone.id).await.expect("counted"), 9);
    }

    async fn wrong_codes_are_throttled_and_their_owner_is_told(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let someone = app.member(&workspace, &[Role::Developer]).await;
        let (manual, _) = enrol(&app, &someone).await;
        let half = first_step(&app, &someone).await;
        for _ in 0..5 {
            assert_eq!(second_step(&app, &half, "000000").await.status, StatusCode::UNPROCESSABLE_ENTITY);
        }
        app.clock.advance(60 * SECOND);
        let right = code_at(&manual, app.clock.now());
        assert_eq!(second_step(&app, &half, &right).await.status, StatusCode::TOO_MANY_REQUESTS);
        let letters = app.letters(&someone.email).await;
        assert!(letters.iter().any(|letter| letter.subject.starts_with("Somebody knows your password")));
        app.clock.advance(16 * 60 * SECOND);
        assert_eq!(second_step(&app, &half, &right).await.status, StatusCode::CONFLICT, "a half-open session ends");
    }

    async fn an_authenticator_and_its_codes_are_no_texts_in_the_database(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let someone = app.member(&workspace, &[Role::Developer]).await;
        let (manual, codes) = enrol(&app, &someone).await;
        let mut reader = app.state.db.read().await.expect("a connection");
        let sealed = store::totp(&mut reader, &someone.id).await.expect("read").expect("there");
        let shown: String = manual.split(' ').collect();
        assert!(!String::from_utf8_lossy(&sealed).contains(&shown));
        let hashes: Vec<(Vec<u8>,)> = crate::fetch_all!(&mut reader, (Vec<u8>,), "select code_hash from recovery_codes").expect("read");
        assert!(hashes.iter().all(|(hash,)| hash.len() == 32 && !codes.iter().any(|code| hash.as_slice() == code.as_bytes())));
    }

    async fn a_code_confirms_an_action_and_a_pin_confirms_no_factor(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let someone = app.member(&workspace, &[Role::Developer]).await;
        let (manual, _) = enrol(&app, &someone).await;
        app.clock.advance(60 * SECOND);
        let code = code_at(&manual, app.clock.now());
        let renew = |factor: &'static str, proof: String| {
            let (app, someone) = (&app, &someone);
            async move { app.post("/settings/security/recovery", Some(someone), &[("factor", factor), ("proof", &proof)]).await }
        };
        assert_eq!(renew("pin", PIN.to_owned()).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(renew("totp", code.clone()).await.status, StatusCode::OK);
        assert_eq!(renew("totp", code).await.status, StatusCode::UNPROCESSABLE_ENTITY, "once");
        let remove = app.post("/settings/security/totp/remove", Some(&someone), &[("factor", "password"), ("proof", PASSWORD)]).await;
        assert_eq!(remove.status, StatusCode::SEE_OTHER, "{}", remove.body);
        let mut reader = app.state.db.read().await.expect("a connection");
        assert_eq!(store::recovery_codes_left(&mut reader, &someone.id).await.expect("counted"), 0);
    }
}
