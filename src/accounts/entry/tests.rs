//! The ways in, by outcome.

use axum::http::StatusCode;

use crate::{
    db::testing::{self, Engine},
    on_both_engines,
    server::testing::{PASSWORD, Reply, Someone, TestApp, cookie},
    workspaces::Role,
};

const CHOSEN: &str = "zebra kiosk mandolin";

async fn app() -> TestApp {
    TestApp::start(testing::database(Engine::Sqlite).await).await
}

async fn sign_up(app: &TestApp, email: &str, password: &str) -> Reply {
    let fields = [
        ("name", "Nia Okafor"),
        ("email", email),
        ("password", password),
    ];
    app.post("/signup", None, &fields).await
}

async fn sign_in(app: &TestApp, email: &str, password: &str) -> StatusCode {
    let fields = [("email", email), ("password", password)];
    app.post("/login", None, &fields).await.status
}

on_both_engines! {
    async fn an_account_begins_with_its_address_confirmed(test: TestDb) {
        let app = TestApp::start(test).await;
        let email = "nia@example.test";
        let asked = sign_up(&app, email, CHOSEN).await;
        assert_eq!((asked.status, asked.location()), (StatusCode::SEE_OTHER, "/signup/sent"));
        assert_eq!(sign_in(&app, email, CHOSEN).await, StatusCode::UNPROCESSABLE_ENTITY, "not before");

        let token = app.mailed_token(email).await;
        let page = app.get(&format!("/signup/verify?token={token}"), None).await;
        assert_eq!(page.status, StatusCode::OK);
        let confirm = |password: &'static str| {
            let (app, token) = (&app, &token);
            async move { app.post("/signup/verify", None, &[("token", token), ("password", password)]).await }
        };
        assert_eq!(confirm("another one entirely").await.status, StatusCode::UNPROCESSABLE_ENTITY);
        let done = confirm(CHOSEN).await;
        assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
        assert!(cookie(&done).is_some(), "and signed in");
        assert_eq!(confirm(CHOSEN).await.status, StatusCode::NOT_FOUND, "once");
        assert_eq!(sign_in(&app, email, CHOSEN).await, StatusCode::SEE_OTHER);
    }

    async fn fifty_confirmations_of_one_link_make_one_account(test: TestDb) {
        let app = TestApp::start(test).await;
        sign_up(&app, "nia@example.test", CHOSEN).await;
        let token = app.mailed_token("nia@example.test").await;
        let fields = [("token", token.as_str()), ("password", CHOSEN)];
        let tries = (0..50).map(|_| app.post("/signup/verify", None, &fields));
        let replies = futures_util::future::join_all(tries).await;
        let made = replies.iter().filter(|reply| reply.status == StatusCode::SEE_OTHER).count();
        assert_eq!(made, 1);
        assert!(replies.iter().all(|reply| reply.status.as_u16() < 500 || reply.status == StatusCode::SERVICE_UNAVAILABLE));
        let mut reader = app.state.db.read().await.expect("a connection");
        let (people,): (i64,) = crate::fetch_one!(&mut reader, (i64,), "select count(*) from users").expect("counted");
        assert_eq!(people, 1);
    }

    async fn a_new_password_ends_every_session_and_its_link_works_once(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let someone = app.member(&workspace, &[Role::Developer]).await;
        let asked = app.post("/reset", None, &[("email", &someone.email)]).await;
        assert_eq!((asked.status, asked.location()), (StatusCode::SEE_OTHER, "/reset/sent"));
        let first = app.mailed_token(&someone.email).await;
        app.clock.advance(1);
        app.post("/reset", None, &[("email", &someone.email)]).await;
        let second = app.mailed_token(&someone.email).await;
        let set = |token: String, password: &'static str| {
            let app = &app;
            async move { app.post("/reset/new", None, &[("token", &token), ("new_password", password)]).await.status }
        };
        assert_eq!(set(second.clone(), "Password1").await, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(app.get("/keys", Some(&someone)).await.status, StatusCode::OK);
        assert_eq!(set(second.clone(), CHOSEN).await, StatusCode::SEE_OTHER);
        assert_eq!(app.get("/keys", Some(&someone)).await.status, StatusCode::SEE_OTHER, "signed out");
        assert_eq!(sign_in(&app, &someone.email, PASSWORD).await, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(sign_in(&app, &someone.email, CHOSEN).await, StatusCode::SEE_OTHER);
        for dead in [second.clone(), first, second[..40].to_owned(), "x".to_owned(), String::new()] {
            assert_eq!(set(dead.clone(), "another good one 7").await, StatusCode::NOT_FOUND, "{dead}");
        }
        let told = app.letters(&someone.email).await;
        assert!(told.iter().any(|letter| letter.subject == "Your password was changed"));
    }

    async fn a_link_for_a_new_password_runs_out_after_half_an_hour(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let someone = app.member(&workspace, &[Role::Developer]).await;
        app.post("/reset", None, &[("email", &someone.email)]).await;
        let token = app.mailed_token(&someone.email).await;
        app.clock.advance(30 * 60 * 1000 - 1);
        assert_eq!(app.get(&format!("/reset/new?token={token}"), None).await.status, StatusCode::OK);
        app.clock.advance(1);
        let late = app.get(&format!("/reset/new?token={token}"), None).await;
        let never = app.get("/reset/new?token=never", None).await;
        assert_eq!((late.status, never.status), (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND));
    }

    async fn an_address_changes_when_both_mailboxes_agree(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let someone = app.member(&workspace, &[Role::Developer]).await;
        // A link for a new password that lies in the old mailbox dies with the change.
        app.post("/reset", None, &[("email", &someone.email)]).await;
        let reset = app.mailed_token(&someone.email).await;
        app.clock.advance(1);
        let ask = ask_address(&app, &someone, "nia+keys@example.test", PASSWORD).await;
        assert_eq!(ask.status, StatusCode::SEE_OTHER, "{}", ask.body);
        let (old, new) = (app.mailed_token(&someone.email).await, app.mailed_token("nia+keys@example.test").await);
        let confirm = |token: String| {
            let app = &app;
            async move { app.post("/address/confirm", None, &[("token", &token), ("password", PASSWORD)]).await }
        };
        let stranger = app.post("/address/confirm", None, &[("token", &new), ("password", CHOSEN)]).await;
        assert_eq!(stranger.status, StatusCode::UNPROCESSABLE_ENTITY, "the owner of the mailbox is not the owner of the account");
        assert_eq!(confirm(new.clone()).await.location(), "/address/confirmed?done=half");
        assert_eq!(confirm(new).await.status, StatusCode::NOT_FOUND, "once");
        assert_eq!(sign_in(&app, &someone.email, PASSWORD).await, StatusCode::SEE_OTHER, "not yet");
        assert_eq!(confirm(old).await.location(), "/address/confirmed?done=all");
        assert_eq!(sign_in(&app, "nia+keys@example.test", PASSWORD).await, StatusCode::SEE_OTHER);
        assert_eq!(sign_in(&app, &someone.email, PASSWORD).await, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(app.get(&format!("/reset/new?token={reset}"), None).await.status, StatusCode::NOT_FOUND);
    }

    async fn both_mailboxes_at_once_make_one_change(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let someone = app.member(&workspace, &[Role::Developer]).await;
        ask_address(&app, &someone, "new@example.test", PASSWORD).await;
        let (old, new) = (app.mailed_token(&someone.email).await, app.mailed_token("new@example.test").await);
        let old = [("token", old.as_str()), ("password", PASSWORD)];
        let new = [("token", new.as_str()), ("password", PASSWORD)];
        let (one, other) = futures_util::join!(
            app.post("/address/confirm", None, &old),
            app.post("/address/confirm", None, &new),
        );
        let mut ends = [one.location(), other.location()];
        ends.sort_unstable();
        assert_eq!(ends, ["/address/confirmed?done=all", "/address/confirmed?done=half"]);
    }
}

async fn ask_address(app: &TestApp, who: &Someone, email: &str, password: &str) -> Reply {
    let fields = [
        ("email", email),
        ("factor", "password"),
        ("proof", password),
    ];
    app.post("/settings/account/address", Some(who), &fields)
        .await
}

#[tokio::test]
async fn an_address_that_is_taken_is_told_to_its_owner_alone() {
    let app = app().await;
    let workspace = app.workspace("Acme").await;
    let someone = app.member(&workspace, &[Role::Developer]).await;
    let other = app.member(&workspace, &[Role::Developer]).await;

    let known = sign_up(&app, &other.email, CHOSEN).await;
    let unknown = sign_up(&app, "new@example.test", CHOSEN).await;
    assert_eq!(
        (known.status, known.location()),
        (unknown.status, unknown.location())
    );
    let letters = app.letters(&other.email).await;
    assert!(
        letters[0]
            .subject
            .starts_with("You already have an account")
    );

    app.clock.advance(1);
    let known = ask_address(&app, &someone, &other.email, PASSWORD).await;
    let unknown = ask_address(&app, &someone, "free@example.test", PASSWORD).await;
    assert_eq!(
        (known.status, known.location()),
        (unknown.status, unknown.location())
    );
    let letters = app.letters(&other.email).await;
    assert!(
        letters[1]
            .subject
            .starts_with("You already have an account")
    );
    assert!(
        !letters[1]
            .button
            .as_ref()
            .expect("a button")
            .1
            .contains("token")
    );

    let known = app.post("/reset", None, &[("email", &other.email)]).await;
    let unknown = app
        .post("/reset", None, &[("email", "nobody@example.test")])
        .await;
    assert_eq!(
        (known.status, known.location()),
        (unknown.status, unknown.location())
    );
}

#[tokio::test]
async fn nobody_is_flooded_with_letters_and_nobody_learns_of_it() {
    let app = app().await;
    for number in 0..12 {
        let reply = app
            .post("/reset", None, &[("email", "victim@example.test")])
            .await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER, "{number}");
    }
    assert_eq!(app.letters("victim@example.test").await.len(), 5);
    for _ in 0..38 {
        app.post("/reset", None, &[("email", "another@example.test")])
            .await;
    }
    let throttled = app
        .post("/reset", None, &[("email", "third@example.test")])
        .await;
    assert_eq!(throttled.status, StatusCode::TOO_MANY_REQUESTS, "per place");
}

#[tokio::test]
async fn letters_about_one_thing_hold_back_none_about_another() {
    let app = app().await;
    let workspace = app.workspace("Acme").await;
    let someone = app.member(&workspace, &[Role::Developer]).await;
    for _ in 0..6 {
        sign_up(&app, &someone.email, CHOSEN).await;
    }
    app.clock.advance(1);
    app.post("/reset", None, &[("email", &someone.email)]).await;
    let letters = app.letters(&someone.email).await;
    assert_eq!(letters.len(), 6, "five of one kind and one of the other");
    assert!(letters[5].subject.starts_with("A new password"));
}

#[tokio::test]
async fn a_session_that_is_begun_while_all_are_ended_is_over_too() {
    let app = app().await;
    let workspace = app.workspace("Acme").await;
    let someone = app.member(&workspace, &[Role::Developer]).await;
    // What a sign-in comes to that was judged before the new password and is kept after it.
    let mut tx = app.state.db.begin().await.expect("a transaction");
    crate::accounts::store::next_epoch(&mut tx, &someone.id)
        .await
        .expect("counted");
    tx.commit().await.expect("committed");
    assert_eq!(
        app.get("/keys", Some(&someone)).await.status,
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn a_form_that_cannot_be_served_keeps_what_was_typed_but_no_secret() {
    let app = app().await;
    for (email, password, field) in [
        ("nia@example.test", "Password1", "password"),
        ("nia@example.test", "niaokafor2024", "password"),
        ("nia@", CHOSEN, "email"),
        ("\u{43d}ia@example.test", CHOSEN, "email"),
        ("nia@example.test\r\nBcc: eve@example.test", CHOSEN, "email"),
    ] {
        let reply = sign_up(&app, email, password).await;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{email:?}");
        assert!(
            reply.body.contains(&format!("id=\"{field}-error\"")),
            "{email:?}: {}",
            reply.body
        );
        assert!(reply.body.contains("value=\"Nia Okafor\""));
        assert!(!reply.body.contains(password));
    }
}

#[tokio::test]
async fn a_change_of_password_keeps_this_browser_and_no_other() {
    let app = app().await;
    let workspace = app.workspace("Acme").await;
    let someone = app.member(&workspace, &[Role::Developer]).await;
    let elsewhere = app
        .post(
            "/login",
            None,
            &[("email", &someone.email), ("password", PASSWORD)],
        )
        .await;
    let elsewhere = cookie(&elsewhere).expect("a second session");
    let change = |new: &'static str, proof: &'static str| {
        let (app, someone) = (&app, &someone);
        async move {
            let fields = [
                ("new_password", new),
                ("factor", "password"),
                ("proof", proof),
            ];
            app.post("/settings/security/password", Some(someone), &fields)
                .await
        }
    };
    assert_eq!(
        change(CHOSEN, "wrong").await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(
        change("Password1", PASSWORD).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let pin = app
        .post(
            "/settings/security/password",
            Some(&someone),
            &[
                ("new_password", CHOSEN),
                ("factor", "pin"),
                ("proof", crate::server::testing::PIN),
            ],
        )
        .await;
    assert_eq!(
        pin.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "a PIN is not enough"
    );
    let changed = change(CHOSEN, PASSWORD).await;
    assert_eq!(changed.status, StatusCode::SEE_OTHER, "{}", changed.body);
    let here = Someone {
        cookie: cookie(&changed).expect("a new session"),
        ..someone.clone()
    };
    assert_eq!(app.get("/keys", Some(&here)).await.status, StatusCode::OK);
    for old in [someone.cookie.clone(), elsewhere] {
        let old = Someone {
            cookie: old,
            ..someone.clone()
        };
        assert_eq!(
            app.get("/keys", Some(&old)).await.status,
            StatusCode::SEE_OTHER
        );
    }
}

#[tokio::test]
async fn many_addresses_make_no_more_guesses_than_one() {
    let app = app().await;
    let workspace = app.workspace("Acme").await;
    let someone = app.member(&workspace, &[Role::Developer]).await;
    let signed_in = app
        .post(
            "/login",
            None,
            &[("email", &someone.email), ("password", PASSWORD)],
        )
        .await;
    let browser = signed_in
        .headers
        .get_all("set-cookie")
        .iter()
        .filter_map(|value| value.to_str().ok()?.strip_prefix("latchkey-device="))
        .find_map(|rest| rest.split(';').next())
        .expect("the browser is remembered")
        .to_owned();
    let guess = |number: u32, password: &'static str| {
        let (state, email) = (&app.state, &someone.email);
        async move {
            let from = std::net::Ipv4Addr::from(0x0a00_0000 + number).into();
            let typed = crate::accounts::password::Typed::new(password);
            crate::accounts::ops::sign_in(state, email, &typed, Some(from), None).await
        }
    };
    for number in 0..100 {
        assert!(guess(number, "guess").await.is_err());
    }
    assert!(
        guess(1000, PASSWORD).await.is_err(),
        "an unknown browser has to wait"
    );
    let typed = crate::accounts::password::Typed::new(PASSWORD);
    let from = std::net::Ipv4Addr::new(192, 0, 2, 7).into();
    let known = crate::accounts::ops::sign_in(
        &app.state,
        &someone.email,
        &typed,
        Some(from),
        Some(&browser),
    )
    .await;
    assert!(known.is_ok(), "a browser that was used before does not");
}
