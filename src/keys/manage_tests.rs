//! What is done to one key, through the portal's router and seen at the gateway, by operation and outcome.

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use serde_json::json;

use crate::{
    keys::{
        ops,
        policy::{self, Wanted},
        store, upkeep,
    },
    on_both_engines,
    profiles::Profile,
    server::{
        clock::{DAY, HOUR, Id, MINUTE, SECOND},
        testing::{PASSWORD, Reply, Someone, TestApp},
    },
    usage::buffer::{self, RequestRow},
    workspaces::Role,
};

const PROOF: [(&str, &str); 2] = [("factor", "password"), ("proof", PASSWORD)];

/// A key of this person, made at the console and given to them.
async fn own(app: &TestApp, who: &Someone, wanted: &Wanted) -> (String, String) {
    let key = policy::new_key(&app.state.profile, wanted, &who.id, app.clock.now()).expect("sound");
    let made = ops::create_at_console(&app.state, &who.workspace_id, &key, None)
        .await
        .expect("made");
    let mut tx = app.state.db.begin().await.expect("a transaction");
    store::set_owner(&mut tx, &who.workspace_id, &made.id, Some(&who.id))
        .await
        .expect("given");
    tx.commit().await.expect("committed");
    let secret = made
        .secret
        .map_or_else(String::new, |secret| secret.expose().to_owned());
    (made.id, secret)
}

fn wanted(environment: &str, label: &str, scopes: &[&str]) -> Wanted {
    Wanted {
        environment: environment.to_owned(),
        label: label.to_owned(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        ..Wanted::default()
    }
}

/// A sandbox key of the profile that tests start with.
async fn pos(app: &TestApp, who: &Someone) -> (String, String) {
    own(
        app,
        who,
        &wanted("sandbox", "POS", &["customers:read", "invoices:read"]),
    )
    .await
}

fn with<'a>(fields: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    fields.iter().chain(&PROOF).copied().collect()
}

/// The code that the gateway refuses this secret with; `VALID` if it lets it through.
async fn customers(app: &TestApp, secret: &str) -> String {
    let call = app.call(Method::GET, "/v2/customers", Some(secret)).await;
    if call.status == StatusCode::OK {
        return "VALID".to_owned();
    }
    let code = call.json()["error"]["code"].as_str().map(str::to_owned);
    code.unwrap_or_default()
}

fn secret_of(reply: &Reply) -> String {
    let shown = reply.between("aria-label=\"API key\"", "</output>");
    shown.split_once('>').expect("text").1.trim().to_owned()
}

/// The rotate form's id, from its page.
async fn form_of(app: &TestApp, who: &Someone, id: &str) -> String {
    let page = app.get(&format!("/keys/{id}/rotate"), Some(who)).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    page.between("name=\"form\" value=\"", "\"").to_owned()
}

async fn rotate(app: &TestApp, who: &Someone, id: &str, overlap: &str) -> Reply {
    let form = app.state.rng.id("drf", app.clock.now());
    let fields = with(&[("form", &form), ("overlap", overlap)]);
    app.post(&format!("/keys/{id}/rotate"), Some(who), &fields)
        .await
}

async fn count(app: &TestApp, sql: &'static str) -> i64 {
    let mut reader = app.state.db.read().await.expect("a connection");
    let (count,): (i64,) = match sql {
        "secrets" => crate::fetch_one!(&mut reader, (i64,), "select count(*) from key_secrets"),
        "requests" => crate::fetch_one!(
            &mut reader,
            (i64,),
            "select count(*) from approvals where outcome is null"
        ),
        "notices" => crate::fetch_one!(
            &mut reader,
            (i64,),
            "select count(*) from notices where kind = 'keys'"
        ),
        "reminders" => crate::fetch_one!(
            &mut reader,
            (i64,),
            "select count(*) from outbox_events where type = 'key.expiring'"
        ),
        "ends" => crate::fetch_one!(
            &mut reader,
            (i64,),
            "select count(*) from outbox_events where type = 'key.expired'"
        ),
        other => panic!("{other}: nothing to count"),
    }
    .expect("counted");
    count
}

fn basis(page: &Reply) -> String {
    page.between("name=\"basis\" value=\"", "\"").to_owned()
}

async fn key_basis(app: &TestApp, who: &Someone, id: &str) -> String {
    let page = app.get(&format!("/keys/{id}/edit"), Some(who)).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    basis(&page)
}

on_both_engines! {
    async fn a_rotated_key_keeps_its_id_and_both_secrets_work_until_the_overlap_ends(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        let (id, old) = pos(&app, &maker).await;
        assert_eq!(customers(&app, &old).await, "VALID");
        let path = format!("/keys/{id}/rotate");
        let form = form_of(&app, &maker, &id).await;
        let fields = with(&[("form", &form), ("overlap", "1")]);
        let answer = app.post(&path, Some(&maker), &fields).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        assert_eq!(answer.headers["cache-control"], "no-store");
        let new = secret_of(&answer);
        assert_ne!(new, old);
        assert_eq!(customers(&app, &new).await, "VALID", "at once");
        assert_eq!(customers(&app, &old).await, "VALID", "during the overlap");

        // What reloading the answer sends.
        let again = app.post(&path, Some(&maker), &fields).await;
        assert_eq!(again.status, StatusCode::OK);
        assert!(again.body.contains("Already shown") && !again.body.contains(&new));
        assert!(again.body.contains("rotate?overlap=0"), "a way on is offered");
        assert_eq!(count(&app, "secrets").await, 2);

        let page = app.get(&format!("/keys/{id}"), Some(&maker)).await;
        assert!(page.body.contains("Rotating"), "{}", page.body);
        app.logged(3).await;
        app.clock.advance(HOUR - 1);
        assert_eq!(customers(&app, &old).await, "VALID", "to the last millisecond");
        app.logged(4).await;
        app.clock.advance(1);
        let call = app.call(Method::GET, "/v2/customers", Some(&old)).await;
        assert_eq!(call.status, StatusCode::UNAUTHORIZED, "{}", call.body);
        assert_eq!(customers(&app, &new).await, "VALID");
    }

    async fn an_old_secret_is_cut_at_once_and_who_used_it_is_named(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        let (id, old) = pos(&app, &maker).await;
        let new = secret_of(&rotate(&app, &maker, &id, "24").await);
        let secret = {
            let mut reader = app.state.db.read().await.expect("a connection");
            let secrets = store::secrets(&mut reader, &workspace, &id).await.expect("read");
            secrets.into_iter().find(|secret| secret.replaced_at.is_some()).expect("the old one").id
        };
        app.clock.advance(SECOND);
        let row = |ip: &str| RequestRow {
            secret_id: Id::parse(&secret, b"sec"),
            ip: Some(ip.into()),
            agent: Some("till/3.1".into()),
            ..app.request_row(&workspace, &id)
        };
        let rows = [row("198.51.100.4"), row("198.51.100.4"), row("198.51.100.5")];
        buffer::store(&app.state.db, &rows).await.expect("stored");
        let page = app.get(&format!("/keys/{id}"), Some(&maker)).await;
        for words in ["2 callers still use it", "198.51.100.4", "till/3.1", "2 requests", "Cut now"] {
            assert!(page.body.contains(words), "{words}: {}", page.body);
        }
        app.clock.advance(59 * MINUTE);
        let page = app.get(&format!("/keys/{id}"), Some(&maker)).await;
        assert!(page.body.contains("2 callers still use it"));
        app.get("/keys", Some(&maker)).await;
        app.clock.advance(MINUTE + SECOND);
        let page = app.get(&format!("/keys/{id}"), Some(&maker)).await;
        assert!(page.body.contains("Nobody has used it for 1 h: safe to cut"), "{}", page.body);

        let cut = app.post(&format!("/keys/{id}/cut"), Some(&maker), &[]).await;
        assert_eq!(cut.status, StatusCode::SEE_OTHER, "{}", cut.body);
        let call = app.call(Method::GET, "/v2/customers", Some(&old)).await;
        assert_eq!(call.status, StatusCode::UNAUTHORIZED);
        assert_eq!(customers(&app, &new).await, "VALID");
        let twice = app.post(&format!("/keys/{id}/cut"), Some(&maker), &[]).await;
        assert_eq!(twice.status, StatusCode::CONFLICT);
    }

    async fn a_rotation_that_cannot_be_makes_no_secret(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        let (id, old) = pos(&app, &maker).await;
        for overlap in ["25", "", "-1", "1e3"] {
            let refused = rotate(&app, &maker, &id, overlap).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{overlap}");
            assert!(refused.body.contains("role=\"alert\"") && !refused.body.contains(PASSWORD));
        }
        let path = format!("/keys/{id}/rotate");
        let form = app.state.rng.id("drf", app.clock.now());
        let unproven = [("form", form.as_str()), ("overlap", "1"), ("factor", "password"), ("proof", "wrong")];
        let refused = app.post(&path, Some(&maker), &unproven).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.body.contains(&form), "the form comes back");
        app.post(&format!("/keys/{id}/disable"), Some(&maker), &[]).await;
        assert_eq!(rotate(&app, &maker, &id, "0").await.status, StatusCode::CONFLICT, "stopped");
        app.post(&format!("/keys/{id}/revoke"), Some(&maker), &[]).await;
        assert_eq!(rotate(&app, &maker, &id, "0").await.status, StatusCode::CONFLICT, "revoked");
        assert_eq!(customers(&app, &old).await, "REVOKED");
        let brief = Wanted { expiry: "1".to_owned(), ..wanted("sandbox", "Brief", &["customers:read"]) };
        let (brief, _) = own(&app, &maker, &brief).await;
        app.clock.advance(DAY);
        let later = app.member(&workspace, &[Role::Developer, Role::Admin]).await;
        assert_eq!(rotate(&app, &later, &brief, "0").await.status, StatusCode::CONFLICT, "expired");
        assert_eq!(count(&app, "secrets").await, 2);
    }

    async fn a_form_of_another_key_makes_no_second_secret(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        let (one, _) = pos(&app, &maker).await;
        let (other, secret) = own(&app, &maker, &wanted("sandbox", "Other", &["customers:read"])).await;
        let form = app.state.rng.id("drf", app.clock.now());
        let fields = with(&[("form", &form), ("overlap", "0")]);
        let sent = |id: String| { let (app, maker, fields) = (&app, &maker, &fields); async move {
            app.post(&format!("/keys/{id}/rotate"), Some(maker), fields).await
        } };
        assert_eq!(sent(one).await.status, StatusCode::OK);
        assert!(sent(other).await.body.contains("Already shown"));
        assert_eq!(customers(&app, &secret).await, "VALID");
        assert_eq!(count(&app, "secrets").await, 3);
    }

    async fn the_same_rotation_sent_many_times_at_once_makes_one_secret(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        let (id, _) = pos(&app, &maker).await;
        let form = app.state.rng.id("drf", app.clock.now());
        let (path, fields) = (format!("/keys/{id}/rotate"), with(&[("form", &form), ("overlap", "1")]));
        let sent = (0..5).map(|_| app.post(&path, Some(&maker), &fields));
        let replies = futures_util::future::join_all(sent).await;
        let shown = replies.iter().filter(|reply| reply.body.contains("aria-label=\"API key\"")).count();
        assert_eq!(shown, 1);
        assert_eq!(count(&app, "secrets").await, 2);
    }

    async fn where_nothing_overlaps_the_old_secret_stops_at_once(test: TestDb) {
        let mut profile = Profile::load("revkeen").expect("it loads");
        profile.rotation.max_overlap_hours = 0;
        let app = TestApp::start_as(test, profile).await;
        let workspace = app.workspace("Acme").await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        let (id, old) = pos(&app, &maker).await;
        let page = app.get(&format!("/keys/{id}/rotate"), Some(&maker)).await;
        assert!(page.body.contains("Here the old secret stops at once"), "{}", page.body);
        assert_eq!(rotate(&app, &maker, &id, "1").await.status, StatusCode::UNPROCESSABLE_ENTITY);
        let new = secret_of(&rotate(&app, &maker, &id, "0").await);
        assert_eq!(app.call(Method::GET, "/v2/customers", Some(&old)).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(customers(&app, &new).await, "VALID");
    }

    async fn a_rotated_pair_shows_its_new_public_key(test: TestDb) {
        let app = TestApp::start_as(test, Profile::load("dual-mode").expect("it loads")).await;
        let workspace = app.workspace("Acme").await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        let pair = Wanted { currency_kind: "fiat".to_owned(), ..wanted("test", "Till", &["balance:read"]) };
        let (id, _) = own(&app, &maker, &pair).await;
        let public = |reply: &Reply| {
            let field = reply.between("id=\"public-key\"", "/>").to_owned();
            field.split("value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a value").to_owned()
        };
        let before = public(&app.get(&format!("/keys/{id}"), Some(&maker)).await);
        let answer = rotate(&app, &maker, &id, "24").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        assert!(secret_of(&answer).starts_with("sk_test_"));
        let page = app.get(&format!("/keys/{id}"), Some(&maker)).await;
        let after = public(&page);
        assert!(before.starts_with("pk_test_") && after.starts_with("pk_test_") && before != after);
        assert!(answer.body.contains(&after), "it stands beside the secret");
        assert!(!page.body.contains(&secret_of(&answer)));
    }

    async fn a_stopped_key_is_refused_on_the_next_request_and_works_once_turned_on(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        let (id, secret) = pos(&app, &maker).await;
        assert_eq!(customers(&app, &secret).await, "VALID");
        let stopped = app.post(&format!("/keys/{id}/disable"), Some(&maker), &[]).await;
        assert_eq!(stopped.status, StatusCode::SEE_OTHER, "{}", stopped.body);
        assert_eq!(customers(&app, &secret).await, "DISABLED");
        let page = app.get(stopped.location(), Some(&maker)).await;
        assert!(page.body.contains("Stopped by Test Person") && page.body.contains("Turn on again"));
        let twice = app.post(&format!("/keys/{id}/disable"), Some(&maker), &[]).await;
        assert_eq!(twice.status, StatusCode::CONFLICT);

        let enable = format!("/keys/{id}/enable");
        let unproven = app.post(&enable, Some(&maker), &[]).await;
        assert_eq!(unproven.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(customers(&app, &secret).await, "DISABLED");
        let on = app.post(&enable, Some(&maker), &PROOF).await;
        assert_eq!(on.status, StatusCode::SEE_OTHER, "{}", on.body);
        assert_eq!(customers(&app, &secret).await, "VALID");
        assert_eq!(app.post(&enable, Some(&maker), &PROOF).await.status, StatusCode::CONFLICT);
    }

    async fn a_key_is_its_owners_and_an_admins_and_a_checker_may_stop_it(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        let other = app.member(&workspace, &[Role::Developer]).await;
        let checker = app.member(&workspace, &[Role::Checker]).await;
        let admin = app.member(&workspace, &[Role::Admin]).await;
        let (id, secret) = pos(&app, &maker).await;
        let page = app.get(&format!("/keys/{id}"), Some(&other)).await;
        for button in ["/rotate", "/edit", "/disable", "/revoke", "/owner", "/hide", "/meta"] {
            assert!(!page.body.contains(&format!("/keys/{id}{button}\"")), "{button}");
        }
        for path in ["edit", "meta", "rotate", "disable", "withdraw", "hide", "revoke"] {
            let path = format!("/keys/{id}/{path}");
            assert_eq!(app.get(&path, Some(&other)).await.status, StatusCode::FORBIDDEN, "{path}");
            assert_eq!(app.post(&path, Some(&other), &PROOF).await.status, StatusCode::FORBIDDEN, "{path}");
        }
        for path in ["cut", "enable"] {
            let sent = app.post(&format!("/keys/{id}/{path}"), Some(&other), &PROOF).await;
            assert!([StatusCode::FORBIDDEN, StatusCode::CONFLICT].contains(&sent.status), "{path}");
        }
        assert_eq!(customers(&app, &secret).await, "VALID");
        let page = app.get(&format!("/keys/{id}"), Some(&checker)).await;
        assert!(page.body.contains(&format!("/keys/{id}/disable\"")) && !page.body.contains("/rotate\""));
        let stopped = app.post(&format!("/keys/{id}/disable"), Some(&checker), &[]).await;
        assert_eq!(stopped.status, StatusCode::SEE_OTHER);
        assert_eq!(customers(&app, &secret).await, "DISABLED");
        let on = app.post(&format!("/keys/{id}/enable"), Some(&checker), &PROOF).await;
        assert_eq!(on.status, StatusCode::FORBIDDEN);
        let on = app.post(&format!("/keys/{id}/enable"), Some(&admin), &PROOF).await;
        assert_eq!(on.status, StatusCode::SEE_OTHER, "{}", on.body);
        assert_eq!(rotate(&app, &admin, &id, "0").await.status, StatusCode::OK);
    }

    async fn an_operator_sees_and_stops_and_turns_on_what_an_operator_stopped(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        let mut operator = app.operator().await;
        app.act(&mut operator, &workspace, "ticket 812").await;
        let (id, secret) = pos(&app, &maker).await;
        for path in ["edit", "rotate", "meta", "owner"] {
            let sent = app.post(&format!("/keys/{id}/{path}"), Some(&operator), &PROOF).await;
            assert_eq!(sent.status, StatusCode::FORBIDDEN, "{path}");
        }
        let (disable, enable) = (format!("/keys/{id}/disable"), format!("/keys/{id}/enable"));
        app.post(&disable, Some(&maker), &[]).await;
        assert_eq!(app.post(&enable, Some(&operator), &PROOF).await.status, StatusCode::FORBIDDEN);
        // The operator's stop stands above the member's.
        let page = app.get(&format!("/keys/{id}"), Some(&operator)).await;
        assert!(page.body.contains(&format!("{disable}\"")), "{}", page.body);
        assert_eq!(app.post(&disable, Some(&operator), &[]).await.status, StatusCode::SEE_OTHER);
        assert_eq!(app.post(&disable, Some(&operator), &[]).await.status, StatusCode::CONFLICT);
        assert_eq!(app.post(&enable, Some(&maker), &PROOF).await.status, StatusCode::FORBIDDEN);
        assert_eq!(customers(&app, &secret).await, "DISABLED");
        assert_eq!(app.post(&enable, Some(&operator), &PROOF).await.status, StatusCode::SEE_OTHER);
        let page = app.get(&format!("/keys/{id}"), Some(&operator)).await;
        assert!(page.body.contains(&format!("{disable}\"")), "{}", page.body);
        let stopped = app.post(&disable, Some(&operator), &[]).await;
        assert_eq!(stopped.status, StatusCode::SEE_OTHER, "{}", stopped.body);
        assert_eq!(customers(&app, &secret).await, "DISABLED");
        let own = app.post(&enable, Some(&maker), &PROOF).await;
        assert_eq!(own.status, StatusCode::FORBIDDEN);
        assert!(own.body.contains("An operator stopped this key"));
        let on = app.post(&enable, Some(&operator), &PROOF).await;
        assert_eq!(on.status, StatusCode::SEE_OTHER, "{}", on.body);
        assert_eq!(customers(&app, &secret).await, "VALID");
    }

    async fn a_narrower_key_is_judged_so_on_the_next_request(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        let (id, secret) = pos(&app, &maker).await;
        assert_eq!(customers(&app, &secret).await, "VALID");
        let basis = key_basis(&app, &maker, &id).await;
        let fields = [
            ("basis", basis.as_str()), ("label", "POS two"), ("purpose", "Tills"), ("scopes", "invoices:read"), ("expiry", "keep"),
        ];
        let changed = app.post(&format!("/keys/{id}/edit"), Some(&maker), &fields).await;
        assert_eq!(changed.status, StatusCode::SEE_OTHER, "{}", changed.body);
        assert_eq!(changed.location(), format!("/keys/{id}?done=changed"));
        assert_eq!(customers(&app, &secret).await, "INSUFFICIENT_SCOPE");
        let history = app.get(&format!("/keys/{id}?view=history"), Some(&maker)).await;
        assert!(history.body.contains("Before and after") && history.body.contains("POS two"));
        assert!(history.body.contains("customers:read"), "what was taken away is named");
    }

    async fn a_wider_key_needs_a_proof_of_that_very_change(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        let (id, secret) = own(&app, &maker, &wanted("sandbox", "POS", &["invoices:read"])).await;
        let path = format!("/keys/{id}/edit");
        let basis = key_basis(&app, &maker, &id).await;
        let fields = [
            ("basis", basis.as_str()), ("label", "POS"), ("scopes", "customers:read"), ("scopes", "invoices:read"), ("expiry", "keep"),
        ];
        let review = app.post(&path, Some(&maker), &fields).await;
        assert_eq!(review.status, StatusCode::OK, "{}", review.body);
        assert!(review.body.contains("Lets the key do more") && review.body.contains("customers:read"));
        assert_eq!(customers(&app, &secret).await, "INSUFFICIENT_SCOPE");
        let wrong = [&fields[..], &[("factor", "password"), ("proof", "wrong")]].concat();
        let refused = app.post(&path, Some(&maker), &wrong).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.body.contains("value=\"customers:read\""), "the change is kept");
        let back = app.post(&path, Some(&maker), &[&fields[..], &[("step", "back")]].concat()).await;
        assert!(back.body.contains("name=\"label\"") && !back.body.contains("Lets the key do more"));
        let done = app.post(&path, Some(&maker), &with(&fields)).await;
        assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
        assert_eq!(customers(&app, &secret).await, "VALID");
    }

    async fn of_a_mixed_change_the_narrowing_is_in_force_and_the_rest_waits(test: TestDb) {
        let app = TestApp::start_as(test, Profile::load("universal-wallet").expect("it loads")).await;
        let workspace = app.workspace("Acme").await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        app.member(&workspace, &[Role::Checker]).await;
        let (id, secret) = own(&app, &maker, &Wanted {
            currency: "NGN".to_owned(),
            max_amount: "100".to_owned(),
            max_daily: "1,000".to_owned(),
            ..wanted("live", "Shop", &["balance:read", "transactions:read"])
        }).await;
        let call = |what: &str| {
            Request::get(format!("/api/v1/distributors/{workspace}/{what}"))
                .header(header::AUTHORIZATION, format!("Bearer {secret}"))
                .body(Body::empty())
                .expect("a request")
        };
        assert_eq!(app.gateway(call("transactions")).await.status, StatusCode::OK);
        let basis = key_basis(&app, &maker, &id).await;
        let fields = [
            ("basis", basis.as_str()), ("label", "Shop"), ("scopes", "balance:read"), ("scopes", "operations:write"),
            ("currency", "NGN"), ("max_amount", "50"), ("max_daily", "2,000"), ("expiry", "keep"),
        ];
        let path = format!("/keys/{id}/edit");
        let review = app.post(&path, Some(&maker), &fields).await;
        for words in ["Applies at once", "Goes to a checker", "NGN 50.00", "NGN 2,000.00", "operations:write", "Send for approval"] {
            assert!(review.body.contains(words), "{words}: {}", review.body);
        }
        let sent = app.post(&path, Some(&maker), &with(&fields)).await;
        assert!(sent.location().starts_with("/approvals/apr_"), "{}", sent.body);
        assert_eq!(app.gateway(call("transactions")).await.status, StatusCode::FORBIDDEN, "dropped at once");
        assert_eq!(app.gateway(call("balance")).await.status, StatusCode::OK);
        let page = app.get(&format!("/keys/{id}"), Some(&maker)).await;
        for words in ["Change waiting", "NGN 50.00 a request and NGN 1,000.00 a UTC day", "A change waits for a checker"] {
            assert!(page.body.contains(words), "{words}: {}", page.body);
        }
        assert!(!page.body.contains("perform operations"), "what waits is not granted");
        assert_eq!(count(&app, "requests").await, 1);
        let withdrawn = app.post(&format!("/keys/{id}/withdraw"), Some(&maker), &[]).await;
        assert_eq!(withdrawn.location(), format!("/keys/{id}?done=withdrawn-change"));
        assert_eq!(count(&app, "requests").await, 0);
        let twice = app.post(&format!("/keys/{id}/withdraw"), Some(&maker), &[]).await;
        assert_eq!(twice.status, StatusCode::CONFLICT);
        // Turning it on again waits as well.
        app.post(&format!("/keys/{id}/disable"), Some(&maker), &[]).await;
        let asked = app.post(&format!("/keys/{id}/enable"), Some(&maker), &PROOF).await;
        assert!(asked.location().starts_with("/approvals/apr_"), "{}", asked.body);
        assert_eq!(app.gateway(call("balance")).await.status, StatusCode::UNAUTHORIZED);
    }

    async fn a_change_of_what_the_key_was_is_refused_and_kept(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        let (id, _) = pos(&app, &maker).await;
        let path = format!("/keys/{id}/edit");
        let seen = key_basis(&app, &maker, &id).await;
        let form = |basis: &str, label: &str| vec![
            ("basis".to_owned(), basis.to_owned()), ("label".to_owned(), label.to_owned()),
            ("scopes".to_owned(), "customers:read".to_owned()), ("expiry".to_owned(), "keep".to_owned()),
        ];
        let post = async |fields: Vec<(String, String)>| {
            let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            app.post(&path, Some(&maker), &fields).await
        };
        assert_eq!(post(form(&seen, "First")).await.status, StatusCode::SEE_OTHER);
        let late = post(form(&seen, "Second")).await;
        assert_eq!(late.status, StatusCode::CONFLICT);
        assert!(late.body.contains("Someone changed this") && late.body.contains("value=\"Second\""), "{}", late.body);
        let fresh = basis(&late);
        assert_ne!(fresh, seen, "it can be sent again, on what is there now");
        assert_eq!(post(form(&fresh, "Second")).await.status, StatusCode::SEE_OTHER);
        let nothing = post(form(&key_basis(&app, &maker, &id).await, "Second")).await;
        assert_eq!(nothing.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", nothing.body);
        let wrong = post(form(&key_basis(&app, &maker, &id).await, "")).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(wrong.body.contains("Give the key a label"));
    }

    async fn metadata_is_what_verify_says(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        let (id, secret) = pos(&app, &maker).await;
        let token = app.service_token().await;
        let question = json!({ "key": secret });
        assert_eq!(app.verify(&token, question.clone()).await.json()["key"]["meta"], json!({}));
        let path = format!("/keys/{id}/meta");
        let refused = app.post(&path, Some(&maker), &[("meta", "store")]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.body.contains("Write name=value"));
        let saved = app.post(&path, Some(&maker), &[("meta", "store=12\r\nregion=eu")]).await;
        assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.body);
        assert_eq!(app.verify(&token, question).await.json()["key"]["meta"], json!({ "store": "12", "region": "eu" }));
        let page = app.get(&format!("/keys/{id}"), Some(&maker)).await;
        assert!(page.body.contains("store=12"));
    }

    async fn people_hear_of_an_end_30_14_7_and_1_days_before_and_of_the_end_once_each(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        let lasting = Wanted { expiry: "40".to_owned(), ..wanted("sandbox", "POS", &["customers:read"]) };
        let (_, secret) = own(&app, &maker, &lasting).await;
        let mut told = 0;
        let mut left = 40;
        for days in [31, 30, 20, 14, 8, 7, 2, 1] {
            app.clock.advance((left - days) * DAY);
            left = days;
            if [30, 14, 7, 1].contains(&days) {
                told += 1;
            }
            for _ in 0..2 {
                upkeep::run(&app.state).await.expect("run");
            }
            let counted = (count(&app, "reminders").await, count(&app, "notices").await);
            assert_eq!(counted, (told, told), "{days} days before");
        }
        let mailed = app.letters(&maker.email).await;
        let expires = mailed.iter().filter(|letter| letter.subject.contains("expires")).count();
        assert_eq!(expires, 4);

        app.clock.advance(DAY - 1);
        assert_eq!(customers(&app, &secret).await, "VALID", "to the last millisecond");
        app.logged(1).await;
        app.clock.advance(1);
        assert_eq!(customers(&app, &secret).await, "EXPIRED", "before anything has run");
        for _ in 0..2 {
            upkeep::run(&app.state).await.expect("run");
        }
        assert_eq!((count(&app, "ends").await, count(&app, "notices").await), (1, 5));
        assert_eq!(customers(&app, &secret).await, "EXPIRED");
        let mailed = app.letters(&maker.email).await;
        assert_eq!(mailed.iter().filter(|letter| letter.subject.contains("has expired")).count(), 1);
    }

    async fn who_makes_a_key_for_a_week_hears_of_its_end_on_the_day_before(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        let brief = Wanted { expiry: "7".to_owned(), ..wanted("sandbox", "Brief", &["customers:read"]) };
        own(&app, &maker, &brief).await;
        upkeep::run(&app.state).await.expect("run");
        assert_eq!(count(&app, "reminders").await, 0);
        app.clock.advance(6 * DAY);
        upkeep::run(&app.state).await.expect("run");
        assert_eq!(count(&app, "reminders").await, 1);
    }

    async fn only_an_ended_key_is_taken_out_of_the_lists_and_its_record_stays(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        let (id, _) = pos(&app, &maker).await;
        let (path, list) = (format!("/keys/{id}/hide"), "/keys?env=sandbox&tab=inactive");
        assert_eq!(app.post(&path, Some(&maker), &[]).await.status, StatusCode::CONFLICT);
        app.post(&format!("/keys/{id}/revoke"), Some(&maker), &[]).await;
        assert!(app.get(list, Some(&maker)).await.body.contains(&id));
        let hidden = app.post(&path, Some(&maker), &[]).await;
        assert_eq!(hidden.status, StatusCode::SEE_OTHER, "{}", hidden.body);
        assert!(!app.get(list, Some(&maker)).await.body.contains(&id));
        let page = app.get(&format!("/keys/{id}?view=history"), Some(&maker)).await;
        assert!(page.body.contains("Deleted the ended key"), "{}", page.body);
    }

    async fn a_key_is_handed_to_a_developer_of_the_workspace_alone(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let elsewhere = app.workspace("Globex").await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        let next = app.member(&workspace, &[Role::Developer]).await;
        let auditor = app.member(&workspace, &[Role::Auditor]).await;
        let stranger = app.member(&elsewhere, &[Role::Developer]).await;
        let admin = app.member(&workspace, &[Role::Admin]).await;
        let (id, secret) = pos(&app, &maker).await;
        let path = format!("/keys/{id}/owner");
        let page = app.get(&path, Some(&admin)).await;
        assert!(page.body.contains(&next.id) && !page.body.contains(&auditor.id));
        for to in [&auditor.id, &stranger.id, &maker.id, &String::new()] {
            let refused = app.post(&path, Some(&admin), &[("to", to)]).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{to}");
        }
        assert_eq!(app.post(&path, Some(&maker), &[("to", &next.id)]).await.status, StatusCode::FORBIDDEN);
        let given = app.post(&path, Some(&admin), &[("to", &next.id)]).await;
        assert_eq!(given.status, StatusCode::SEE_OTHER, "{}", given.body);
        assert_eq!(rotate(&app, &maker, &id, "0").await.status, StatusCode::FORBIDDEN);
        assert_eq!(customers(&app, &secret).await, "VALID", "the secret stays");
        assert_eq!(rotate(&app, &next, &id, "0").await.status, StatusCode::OK);
    }

    async fn another_tenants_key_is_answered_like_none_by_every_page_and_form(test: TestDb) {
        let app = TestApp::start(test).await;
        let (ours, theirs) = (app.workspace("Ours").await, app.workspace("Theirs").await);
        let (foreign, secret) = app.key(&theirs, "Theirs", &["customers:read"]).await;
        let owner = app.member(&ours, &[Role::Owner, Role::Checker]).await;
        let missing = app.state.rng.id("key", app.clock.now());
        let form = app.state.rng.id("drf", app.clock.now());
        let fields = with(&[("form", &form), ("overlap", "0"), ("to", &owner.id), ("label", "Theirs")]);
        for path in ["edit", "meta", "rotate", "cut", "disable", "enable", "withdraw", "hide", "owner", "revoke"] {
            for id in [&foreign, &missing] {
                let path = format!("/keys/{id}/{path}");
                assert_eq!(app.get(&path, Some(&owner)).await.status, StatusCode::NOT_FOUND, "{path}");
                assert_eq!(app.post(&path, Some(&owner), &fields).await.status, StatusCode::NOT_FOUND, "{path}");
            }
        }
        assert_eq!(customers(&app, &secret).await, "VALID");
    }

    async fn a_key_that_waits_says_for_whom_and_can_be_withdrawn(test: TestDb) {
        let app = TestApp::start_as(test, Profile::load("universal-wallet").expect("it loads")).await;
        let workspace = app.workspace("Acme").await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        let key = app.wanted("live", "Shop", &["balance:read"]);
        let viewer = app.viewer(&maker);
        let proof = crate::accounts::step_up::prove(
            &app.state, &viewer, crate::accounts::step_up::Action::CreateKey, &key,
            crate::accounts::Factor::Password, &crate::server::testing::typed(PASSWORD),
        ).await.expect("proven");
        let draft = app.state.rng.id("drf", app.clock.now());
        let made = ops::create(&app.state, &viewer, &draft, &key, None, proof).await.expect("asked");
        let ops::Creation::Waiting { id } = made else { panic!("it needs a second person") };
        let page = app.get(&format!("/keys/{id}"), Some(&maker)).await;
        assert!(page.body.contains("Nobody here can approve this"), "{}", page.body);
        app.member(&workspace, &[Role::Checker]).await;
        let page = app.get(&format!("/keys/{id}"), Some(&maker)).await;
        assert!(page.body.contains("Sent to Test Person.") && page.body.contains("Withdraw"), "{}", page.body);
        for path in ["edit", "meta", "rotate"] {
            let answer = app.get(&format!("/keys/{id}/{path}"), Some(&maker)).await;
            assert_eq!(answer.status, StatusCode::CONFLICT, "{path}");
        }
        let withdrawn = app.post(&format!("/keys/{id}/withdraw"), Some(&maker), &[]).await;
        assert_eq!(withdrawn.status, StatusCode::SEE_OTHER, "{}", withdrawn.body);
        let page = app.get(&format!("/keys/{id}"), Some(&maker)).await;
        assert!(page.body.contains("Withdrawn at"), "{}", page.body);
        assert_eq!(count(&app, "requests").await, 0);
    }
}

#[tokio::test]
async fn every_part_of_the_page_is_there_by_address() {
    let app =
        TestApp::start(crate::db::testing::database(crate::db::testing::Engine::Sqlite).await)
            .await;
    let workspace = app.workspace("Acme").await;
    let maker = app.member(&workspace, &[Role::Developer]).await;
    let (id, secret) = pos(&app, &maker).await;
    customers(&app, &secret).await;
    app.logged(1).await;
    for (view, words) in [
        ("overview", "May"),
        ("permissions", "customers:read"),
        ("limits", "Expires"),
        ("security", "it works from any address"),
        ("usage", "/v2/customers"),
        ("history", "Created the Sandbox key"),
        ("nonsense", "What it may do"),
    ] {
        let page = app
            .get(&format!("/keys/{id}?view={view}"), Some(&maker))
            .await;
        assert_eq!(page.status, StatusCode::OK, "{view}");
        assert!(page.body.contains(words), "{view}: {}", page.body);
        assert!(!page.body.contains(" style="), "{view}");
    }
}
