//! Making a key through the portal, platform by platform: steps, kept forms, approval and the one sight of the secret.

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};

use crate::{
    accounts::{
        Factor,
        step_up::{self, Action},
    },
    approvals::{self, store::ApprovalRow},
    db::testing::{Engine, TestDb, database},
    keys::{ops, terms::Expiry, upkeep},
    on_both_engines, plans,
    profiles::Profile,
    server::{
        clock::{DAY, MINUTE},
        testing::{PASSWORD, PIN, Reply, Someone, TestApp, cookie, typed},
    },
    workspaces::Role,
};

async fn app_of(test: TestDb, profile: &str) -> TestApp {
    TestApp::start_as(test, Profile::load(profile).expect("it loads")).await
}

async fn count(app: &TestApp, table: &str) -> i64 {
    let mut reader = app.state.db.read().await.expect("a connection");
    let statement = match table {
        "api_keys" => "select count(*) from api_keys",
        "key_secrets" => "select count(*) from key_secrets",
        "key_drafts" => "select count(*) from key_drafts",
        other => panic!("{other} is not counted here"),
    };
    let (count,): (i64,) = crate::fetch_one!(&mut reader, (i64,), statement).expect("counted");
    count
}

async fn fresh(app: &TestApp, who: &Someone) -> String {
    let page = app.get("/keys/new", Some(who)).await;
    assert_eq!(page.status, StatusCode::OK);
    page.between("name=\"draft\" value=\"", "\"").to_owned()
}

async fn send(
    app: &TestApp,
    who: &Someone,
    draft: &str,
    step: &str,
    fields: &[(&str, &str)],
) -> Reply {
    let mut all = vec![("draft", draft), ("step", step)];
    all.extend(fields);
    app.post("/keys/new", Some(who), &all).await
}

/// Sends a step that is in order and leads to the next.
async fn pass(app: &TestApp, who: &Someone, draft: &str, step: u8, fields: &[(&str, &str)]) {
    let reply = send(app, who, draft, &step.to_string(), fields).await;
    assert_eq!(
        (reply.status, reply.location()),
        (
            StatusCode::SEE_OTHER,
            format!("/keys/new?draft={draft}&step={}", step + 1).as_str()
        ),
        "{}",
        reply.body
    );
}

const PROOF: &[(&str, &str)] = &[("factor", "password"), ("proof", PASSWORD)];
const TILL: &[(&str, &str)] = &[
    ("environment", "live"),
    ("label", "Till"),
    ("purpose", "Cash at the counter"),
];
const SCOPES: &[(&str, &str)] = &[("scopes", "balance:read"), ("scopes", "operations:write")];
const RAILS: &[(&str, &str)] = &[
    ("currency", "NGN"),
    ("max_amount", "100,000"),
    ("max_daily", "1,000,000.00"),
    ("expiry", "90"),
    ("addresses", "203.0.113.9, 198.51.100.0/24"),
];

/// The wallet's form, filled in up to its last step.
async fn to_review(app: &TestApp, who: &Someone) -> String {
    let draft = fresh(app, who).await;
    pass(app, who, &draft, 1, TILL).await;
    pass(app, who, &draft, 2, SCOPES).await;
    pass(
        app,
        who,
        &draft,
        3,
        &[("addresses", "203.0.113.9\n198.51.100.0/24 # shops")],
    )
    .await;
    draft
}

/// Sends the form for approval; gives the key's id.
async fn asked(app: &TestApp, who: &Someone, draft: &str) -> String {
    let reply = send(app, who, draft, "4", PROOF).await;
    assert_eq!(reply.status, StatusCode::SEE_OTHER, "{}", reply.body);
    let id = reply.location().strip_prefix("/keys/").expect("its page");
    id.to_owned()
}

async fn request_about(app: &TestApp, workspace: &str, key: &str) -> ApprovalRow {
    let mut reader = app.state.db.read().await.expect("a connection");
    let row = approvals::store::last_about(&mut reader, workspace, key).await;
    row.expect("read").expect("it was asked for")
}

async fn decide(app: &TestApp, checker: &Someone, key: &str, approve: bool) {
    let row = request_about(app, &checker.workspace_id, key).await;
    let viewer = app.viewer(checker);
    let reason = if approve { "" } else { "No day limit." };
    let content = row.content();
    let covers = approvals::ops::decision(&row.id, &content, approve, reason);
    let typed = typed(PASSWORD);
    let proof = step_up::prove(
        &app.state,
        &viewer,
        Action::Decide,
        &covers,
        Factor::Password,
        &typed,
    )
    .await
    .expect("the password is right");
    let (state, id) = (&app.state, row.id.as_str());
    let done = if approve {
        approvals::ops::approve(state, &viewer, id, &content, "", proof).await
    } else {
        approvals::ops::reject(state, &viewer, id, &content, reason, proof).await
    };
    done.expect("decided");
}

fn secret(reply: &Reply) -> String {
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    assert_eq!(reply.headers["cache-control"], "no-store");
    let (_, secret) = reply
        .between("aria-label=\"API key\"", "</output>")
        .split_once('>')
        .expect("text");
    secret.to_owned()
}

async fn balance(app: &TestApp, workspace: &str, key: &str) -> Reply {
    let request = Request::get(format!("/api/v1/distributors/{workspace}/balance"))
        .header(header::AUTHORIZATION, format!("Bearer {key}"))
        .body(Body::empty())
        .expect("a request");
    app.gateway(request).await
}

on_both_engines! {
    async fn a_key_is_asked_for_step_by_step_approved_revealed_once_and_works(test: TestDb) {
        let app = app_of(test, "universal-wallet").await;
        let workspace = app.workspace("Acme").await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        let checker = app.member(&workspace, &[Role::Checker]).await;
        let draft = fresh(&app, &maker).await;
        pass(&app, &maker, &draft, 1, TILL).await;
        pass(&app, &maker, &draft, 2, SCOPES).await;
        pass(&app, &maker, &draft, 3, &[
            ("currency", "NGN"), ("max_amount", "100,000"), ("max_daily", "1,000,000.00"), ("expiry", "90"),
            ("addresses", "203.0.113.9\n198.51.100.0/24 # shops"),
        ]).await;

        let review = app.get(&format!("/keys/new?draft={draft}&step=4"), Some(&maker)).await;
        assert_eq!(review.status, StatusCode::OK);
        for words in [
            "NGN 100,000.00 a request and NGN 1,000,000.00 a UTC day", "2 addresses", "120 requests a minute",
            "90 days after its secret is made", "High risk", "Moves money, up to its day limit: operations:write.",
            "Needs approval by Test Person.", "Create key: </span>Send for approval",
        ] {
            let plain = review.body.replace("<!>", "").replace("<!---->", "");
            assert!(plain.contains(words), "{words}: {plain}");
        }
        let key = asked(&app, &maker, &draft).await;
        assert_eq!((count(&app, "api_keys").await, count(&app, "key_secrets").await), (1, 0));
        assert_eq!(count(&app, "key_drafts").await, 0, "a form that was sent is kept no longer");

        let early = app.get(&format!("/keys/{key}/reveal"), Some(&maker)).await;
        assert_eq!(early.status, StatusCode::CONFLICT);
        assert!(early.body.contains("Nobody has approved this key yet"));
        let early = app.post(&format!("/keys/{key}/reveal"), Some(&maker), PROOF).await;
        assert_eq!(early.status, StatusCode::CONFLICT);

        decide(&app, &checker, &key, true).await;
        app.clock.advance(12 * MINUTE);
        let page = app.get(&format!("/keys/{key}/reveal"), Some(&maker)).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.body.contains("Approved by Test Person, 12 min ago.") && page.body.contains("Reveal key"));
        assert_eq!(count(&app, "key_secrets").await, 0, "looking at the page makes nothing");
        let wrong = app
            .post(&format!("/keys/{key}/reveal"), Some(&maker), &[("factor", "password"), ("proof", "not it")])
            .await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);

        let shown = app.post(&format!("/keys/{key}/reveal"), Some(&maker), PROOF).await;
        let secret = secret(&shown);
        assert!(secret.starts_with("uw_live_"), "{secret}");
        let answer = balance(&app, &workspace, &secret).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);

        for again in [
            app.post(&format!("/keys/{key}/reveal"), Some(&maker), PROOF).await,
            app.get(&format!("/keys/{key}/reveal"), Some(&maker)).await,
            app.get(&format!("/keys/new?draft={draft}&step=4"), Some(&maker)).await,
            send(&app, &maker, &draft, "4", PROOF).await,
        ] {
            assert_eq!(again.status, StatusCode::OK);
            assert!(again.body.contains("Already shown") && again.body.contains("Replace secret"), "{}", again.body);
            assert!(!again.body.contains(&secret) && !again.body.contains("aria-label=\"API key\""));
        }
        assert_eq!((count(&app, "api_keys").await, count(&app, "key_secrets").await), (1, 1));
    }

    async fn what_is_wrong_is_said_at_its_step_and_the_last_leads_back_to_it(test: TestDb) {
        let app = app_of(test, "universal-wallet").await;
        let workspace = app.workspace("Acme").await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        let draft = fresh(&app, &maker).await;
        let skipped = app.get(&format!("/keys/new?draft={draft}&step=3"), Some(&maker)).await;
        assert!(skipped.body.contains("name=\"label\""), "nobody gets past what is missing");

        let none = send(&app, &maker, &draft, "1", &[("environment", "live"), ("label", " ")]).await;
        assert_eq!(none.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(none.body.contains("Give the key a label") && !none.body.contains("Choose at least one scope"));
        pass(&app, &maker, &draft, 1, TILL).await;
        let none = send(&app, &maker, &draft, "2", &[]).await;
        assert_eq!(none.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(none.body.contains("Choose at least one scope"));
        let (on, back) = (none.body.find("Continue"), none.body.find("name=\"back\""));
        assert!(on.is_some() && on < back, "Enter presses the button that leads on");
        // Back keeps what was typed, even where it is not whole.
        let back = send(&app, &maker, &draft, "2", &[("back", "1")]).await;
        assert_eq!(back.location(), format!("/keys/new?draft={draft}&step=1"));
        let page = app.get(back.location(), Some(&maker)).await;
        assert!(page.body.contains("value=\"Till\"") && page.body.contains("Cash at the counter"));

        // Its last step, sent before the others are in order, leads to the first that is not.
        let last = send(&app, &maker, &draft, "4", PROOF).await;
        assert_eq!(last.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(last.body.contains("Choose at least one scope") && last.body.contains("name=\"step\" value=\"2\""));
        pass(&app, &maker, &draft, 2, SCOPES).await;
        pass(&app, &maker, &draft, 3, &[]).await;

        // Somebody took the label meanwhile.
        let other = app.member(&workspace, &[Role::Developer]).await;
        let first = to_review(&app, &other).await;
        asked(&app, &other, &first).await;
        let taken = send(&app, &maker, &draft, "4", PROOF).await;
        assert_eq!(taken.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(taken.body.contains("already. Choose another label") && taken.body.contains("name=\"step\" value=\"1\""));
        assert!(!taken.body.contains(PASSWORD));
        assert_eq!(count(&app, "api_keys").await, 1);
    }

    async fn a_form_is_there_again_after_signing_in_and_gone_after_a_day_or_for_others(test: TestDb) {
        let app = app_of(test, "universal-wallet").await;
        let workspace = app.workspace("Acme").await;
        let elsewhere = app.workspace("Elsewhere").await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        let colleague = app.member(&workspace, &[Role::Developer]).await;
        let stranger = app.member(&elsewhere, &[Role::Developer]).await;
        let draft = to_review(&app, &maker).await;
        let at = format!("/keys/new?draft={draft}&step=4");

        let signed_out = app.get(&at, None).await;
        assert!(signed_out.location().starts_with("/login?next=%2Fkeys%2Fnew%3Fdraft"), "{}", signed_out.location());
        assert!(app.get(&at, Some(&maker)).await.body.contains("Send for approval"));

        let unknown = app.state.rng.id("drf", app.clock.now());
        for other in [&colleague, &stranger] {
            let page = app.get(&at, Some(other)).await;
            let nowhere = app.get(&format!("/keys/new?draft={unknown}&step=4"), Some(other)).await;
            for page in [&page, &nowhere] {
                assert_eq!(page.status, StatusCode::OK);
                assert!(page.body.contains("isn't here any more") && !page.body.contains("Cash at the counter"));
                assert!(!page.body.contains(&draft) && !page.body.contains(&unknown), "it starts afresh");
            }
            for id in [&draft, &unknown] {
                let sent = send(&app, other, id, "4", PROOF).await;
                assert_eq!((sent.status, sent.location()), (StatusCode::SEE_OTHER, format!("/keys/new?draft={id}").as_str()));
            }
            let overwritten = send(&app, other, &draft, "1", &[("environment", "live"), ("label", "Mine")]).await;
            assert_eq!(overwritten.location(), format!("/keys/new?draft={draft}"));
        }
        assert_eq!(count(&app, "api_keys").await, 0);
        assert!(app.get(&at, Some(&maker)).await.body.contains("Cash at the counter"), "nobody wrote into it");

        app.clock.advance(DAY + 1);
        let signed_in = app.post("/login", None, &[("email", &maker.email), ("password", PASSWORD)]).await;
        let maker = Someone { cookie: cookie(&signed_in).expect("a session"), ..maker };
        let page = app.get(&at, Some(&maker)).await;
        assert!(page.body.contains("isn't here any more") && !page.body.contains("Cash at the counter"));
        upkeep::run(&app.state).await.expect("tidied");
        assert_eq!(count(&app, "key_drafts").await, 0);
    }

    async fn who_approved_a_key_gets_no_secret_of_it_even_as_its_owner(test: TestDb) {
        let app = app_of(test, "universal-wallet").await;
        let workspace = app.workspace("Acme").await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        let checker = app.member(&workspace, &[Role::Checker, Role::Developer]).await;
        let other = app.member(&workspace, &[Role::Developer]).await;
        let admin = app.member(&workspace, &[Role::Admin, Role::Developer]).await;
        let draft = to_review(&app, &maker).await;
        let key = asked(&app, &maker, &draft).await;
        decide(&app, &checker, &key, true).await;
        let at = format!("/keys/{key}/reveal");

        for stranger in [&other, &checker] {
            let refused = app.post(&at, Some(stranger), PROOF).await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN);
            assert!(refused.body.contains("Only the key\u{2019}s owner"), "{}", refused.body);
            assert_eq!(app.get(&at, Some(stranger)).await.status, StatusCode::FORBIDDEN);
        }
        ops::give(&app.state, &app.viewer(&admin), &key, &checker.id).await.expect("given");
        for reply in [app.get(&at, Some(&checker)).await, app.post(&at, Some(&checker), PROOF).await] {
            assert_eq!(reply.status, StatusCode::FORBIDDEN);
            assert!(reply.body.contains("You approved this key"), "{}", reply.body);
        }
        assert_eq!(count(&app, "key_secrets").await, 0);
        ops::give(&app.state, &app.viewer(&admin), &key, &other.id).await.expect("given");
        secret(&app.post(&at, Some(&other), PROOF).await);

        // Nor by giving it a new one once it is in use.
        ops::give(&app.state, &app.viewer(&admin), &key, &checker.id).await.expect("given");
        let form = app.state.rng.id("drf", app.clock.now());
        let fields = [&[("form", form.as_str()), ("overlap", "0")], PROOF].concat();
        let refused = app.post(&format!("/keys/{key}/rotate"), Some(&checker), &fields).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.body);
        assert!(refused.body.contains("You approved this key"));
        assert_eq!(count(&app, "key_secrets").await, 1);
    }

    async fn a_rejected_request_is_changed_and_sent_again(test: TestDb) {
        let app = app_of(test, "universal-wallet").await;
        let workspace = app.workspace("Acme").await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        let colleague = app.member(&workspace, &[Role::Developer]).await;
        let checker = app.member(&workspace, &[Role::Checker]).await;
        let draft = to_review(&app, &maker).await;
        let key = asked(&app, &maker, &draft).await;
        let first = request_about(&app, &workspace, &key).await;
        let at = format!("/keys/new?again={}", first.id);
        assert!(!app.get(&at, Some(&maker)).await.body.contains("value=\"Till\""), "it still waits");
        decide(&app, &checker, &key, false).await;

        assert!(!app.get(&at, Some(&colleague)).await.body.contains("value=\"Till\""), "it is not theirs");
        let page = app.get(&at, Some(&maker)).await;
        assert!(page.body.contains("value=\"Till\""));
        let draft = page.between("name=\"draft\" value=\"", "\"").to_owned();
        let mut basics = TILL.to_vec();
        basics.push(("again", &first.id));
        pass(&app, &maker, &draft, 1, &basics).await;
        let rails = app.get(&format!("/keys/new?draft={draft}&step=3"), Some(&maker)).await;
        assert!(rails.body.contains("198.51.100.0/24 # shops"), "its guard rails came along");
        let key = asked(&app, &maker, &draft).await;
        assert_eq!(request_about(&app, &workspace, &key).await.follows, Some(first.id));
    }

    async fn a_key_like_another_takes_over_all_but_its_name(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let elsewhere = app.workspace("Elsewhere").await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        let stranger = app.member(&elsewhere, &[Role::Developer]).await;
        let mut wanted = app.wanted("sandbox", "Till", &["customers:read", "payments:write"]);
        wanted.terms.expiry = Expiry::Days(45);
        wanted.terms.limits.currency = None;
        let made = ops::create_at_console(&app.state, &workspace, &wanted, None).await.expect("made");
        let at = format!("/keys/new?like={}", made.id);

        let page = app.get(&at, Some(&maker)).await;
        assert!(page.body.contains("value=\"Till (copy)\""));
        for scope in ["customers:read", "payments:write"] {
            let tag = page.between(&format!("value=\"{scope}\""), ">");
            assert!(tag.contains("checked"), "{tag}");
        }
        let live = app.get(&format!("{at}&env=live"), Some(&maker)).await;
        assert!(live.body.contains("value=\"Till\""));
        assert!(live.between("value=\"live\"", "/>").contains("checked") || live.body.contains("checked value=\"live\""));
        assert!(!app.get(&at, Some(&stranger)).await.body.contains("Till"), "it is not theirs");
    }

    async fn a_pair_shows_its_public_key_and_seals_the_secret_one(test: TestDb) {
        let app = app_of(test, "dual-mode").await;
        let workspace = app.workspace("Acme").await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        let first = app.get("/keys/new", Some(&maker)).await;
        let draft = first.between("name=\"draft\" value=\"", "\"").to_owned();
        assert!(first.body.contains("Production is locked: "), "its card keeps the list");
        assert!(first.body.contains("Continue"), "and the profile's word has the usual one behind it");
        let second = app.get(&format!("/keys/new?draft={draft}&step=1"), Some(&maker)).await;
        assert!(!second.body.contains("name=\"back\""), "nothing lies before the first step");

        let basics = |environment| [("environment", environment), ("label", "Shop")];
        let locked = send(&app, &maker, &draft, "1", &basics("production")).await;
        assert_eq!(locked.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(locked.body.contains("Production is locked until all on its list is done."));
        assert!(locked.body.contains("Production is locked: "));

        pass(&app, &maker, &draft, 1, &basics("test")).await;
        pass(&app, &maker, &draft, 2, &[("scopes", "transactions:write")]).await;
        let kindless = send(&app, &maker, &draft, "3", &[]).await;
        assert_eq!(kindless.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(kindless.body.contains("Choose Fiat or Crypto."));
        pass(&app, &maker, &draft, 3, &[("currency_kind", "crypto"), ("expiry", "never")]).await;
        let review = app.get(&format!("/keys/new?draft={draft}&step=4"), Some(&maker)).await;
        assert!(review.body.contains("Active at once.") && review.body.contains("Never expires"));

        let shown = send(&app, &maker, &draft, "4", PROOF).await;
        let secret = secret(&shown);
        assert!(secret.starts_with("sk_test_"), "{secret}");
        assert!(shown.body.contains("pk_test_") && shown.body.contains("Make a first call"));
        let mut reader = app.state.db.read().await.expect("a connection");
        let (sealed, public): (Option<Vec<u8>>, Option<String>) = crate::fetch_one!(
            &mut reader,
            (Option<Vec<u8>>, Option<String>),
            "select sealed, public_key from key_secrets"
        ).expect("read");
        drop(reader);
        let hidden = &secret.as_bytes()[8..];
        assert!(public.is_some_and(|public| shown.body.contains(&public)));
        assert!(sealed.is_some_and(|sealed| !sealed.windows(hidden.len()).any(|window| window == hidden)));
        for entry in std::fs::read_dir(app.test.folder.path()).expect("readable") {
            let bytes = std::fs::read(entry.expect("an entry").path()).expect("readable");
            assert!(!bytes.windows(hidden.len()).any(|window| window == hidden), "it stands in a file");
        }
        let again = send(&app, &maker, &draft, "4", PROOF).await;
        assert!(again.body.contains("Already shown") && !again.body.contains(&secret));
    }

    async fn no_key_is_made_before_a_plan_is_approved_and_then_with_a_pin(test: TestDb) {
        let app = app_of(test, "rukkyhub").await;
        let workspace = app.workspace("Acme").await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        let page = app.get("/keys/new", Some(&maker)).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.body.contains("href=\"/plans\"") && !page.body.contains("name=\"label\""), "{}", page.body);
        let draft = app.state.rng.id("drf", app.clock.now());
        let form = [
            ("draft", draft.as_str()), ("environment", "live"), ("label", "Shop"), ("scopes", "balance"),
            ("factor", "pin"), ("proof", PIN),
        ];
        let refused = app.post("/keys/new", Some(&maker), &form).await;
        assert_eq!(refused.status, StatusCode::CONFLICT);
        assert_eq!(count(&app, "api_keys").await, 0);

        plans::ops::approve_at_console(&app.state, &workspace, "basic").await.expect("approved");
        let page = app.get("/keys/new", Some(&maker)).await;
        assert!(page.body.contains("Your PIN authorises") && page.body.contains("name=\"label\""));
        assert!(!page.body.contains("name=\"step\""), "it is one page");
        secret(&app.post("/keys/new", Some(&maker), &form).await);
    }

    async fn a_missing_pin_leads_to_settings_and_back_with_all_that_was_typed(test: TestDb) {
        let app = app_of(test, "rukkyhub").await;
        let workspace = app.workspace("Acme").await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        plans::ops::approve_at_console(&app.state, &workspace, "basic").await.expect("approved");
        let mut tx = app.state.db.begin().await.expect("a transaction");
        crate::execute!(tx, "update users set pin_hash = null").expect("updated");
        tx.commit().await.expect("committed");
        let draft = fresh(&app, &maker).await;
        let away = app
            .post("/keys/new", Some(&maker), &[
                ("draft", draft.as_str()), ("environment", "live"), ("label", "Half done"), ("leave", "settings"),
            ])
            .await;
        assert_eq!(away.status, StatusCode::SEE_OTHER, "{}", away.body);
        let settings = app.get(away.location(), Some(&maker)).await;
        let next = settings.between("name=\"next\" value=\"", "\"").replace("&amp;", "&");
        assert_eq!(next, format!("/keys/new?draft={draft}"));
        let set = app
            .post("/settings/security", Some(&maker), &[("new_pin", "4821"), ("password", PASSWORD), ("next", &next)])
            .await;
        assert_eq!((set.status, set.location()), (StatusCode::SEE_OTHER, next.as_str()), "{}", set.body);
        let back = app.get(&next, Some(&maker)).await;
        assert!(back.body.contains("value=\"Half done\"") && back.body.contains("Your PIN authorises"));
    }

    async fn the_eleventh_key_is_refused_also_in_a_race_and_only_the_password_counts(test: TestDb) {
        let app = app_of(test, "reseller-v2").await;
        let workspace = app.workspace("Acme").await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        for n in 0..9 {
            let wanted = app.wanted("live", &format!("Key {n}"), &["*"]);
            ops::create_at_console(&app.state, &workspace, &wanted, None).await.expect("made");
        }
        let form = |draft: String, label: String, factor: &'static str, proof: &'static str| {
            let (app, maker) = (&app, &maker);
            async move {
                let fields = [
                    ("draft", draft.as_str()), ("environment", "live"), ("label", label.as_str()), ("scopes", "*"),
                    ("factor", factor), ("proof", proof),
                ];
                app.post("/keys/new", Some(maker), &fields).await
            }
        };
        let draft = || app.state.rng.id("drf", app.clock.now());
        let with_pin = form(draft(), "Tenth".to_owned(), "pin", PIN).await;
        assert_eq!(with_pin.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(with_pin.body.contains("Choose one of the ways to confirm"));

        let race = (0..5).map(|n| form(draft(), format!("Race {n}"), "password", PASSWORD));
        let replies = futures_util::future::join_all(race).await;
        let made = replies.iter().filter(|reply| reply.status == StatusCode::OK).count();
        let full = replies.iter().filter(|reply| reply.status == StatusCode::CONFLICT).count();
        let statuses: Vec<StatusCode> = replies.iter().map(|reply| reply.status).collect();
        assert_eq!((made, full), (1, 4), "{statuses:?}");
        assert_eq!(count(&app, "api_keys").await, 10);

        let page = app.get("/keys/new", Some(&maker)).await;
        assert!(page.body.contains("This workspace has 10 keys, which is the most.") && !page.body.contains("name=\"label\""));
        let eleventh = form(draft(), "Eleventh".to_owned(), "password", PASSWORD).await;
        assert_eq!(eleventh.status, StatusCode::CONFLICT);
        assert!(eleventh.body.contains(ops::LIMIT_REACHED));
        assert_eq!(count(&app, "api_keys").await, 10);
    }
}

#[tokio::test]
async fn every_wrong_guard_rail_is_refused_beside_its_field() {
    let app = app_of(database(Engine::Sqlite).await, "universal-wallet").await;
    let workspace = app.workspace("Acme").await;
    let maker = app.member(&workspace, &[Role::Developer]).await;
    let draft = fresh(&app, &maker).await;
    pass(&app, &maker, &draft, 1, TILL).await;
    pass(&app, &maker, &draft, 2, SCOPES).await;
    let cases: &[(&str, &str, &str, &str)] = &[
        ("max_amount", "-1", "max_amount", "negative"),
        ("max_amount", "0", "max_amount", "above zero"),
        ("max_amount", "1.005", "max_amount", "2 digits"),
        ("max_daily", "92233720368547758.08", "max_daily", "smaller"),
        (
            "max_amount",
            "2000000",
            "max_amount",
            "larger than what a day",
        ),
        ("currency", "BTC", "currency", "Choose the currency"),
        ("expiry", "0", "expiry", "1 or more"),
        ("expiry", "731", "expiry", "730 days at most"),
        ("expiry", "never", "expiry", "has an end"),
        ("expires_in", "731", "expires_in", "730 days at most"),
        ("expires_in", "soon", "expires_in", "1 or more"),
        ("expires_on", "2020-01-01", "expires_on", "is over"),
        ("expires_on", "9999-12-31", "expires_on", ""),
        ("expires_on", "tomorrow", "expires_on", "year-month-day"),
        ("addresses", "203.0.113.7/24", "addresses", "203.0.113.0/24"),
        ("addresses", "0.0.0.0/0", "addresses", "0.0.0.0/0"),
        ("addresses", "nowhere", "addresses", "nowhere"),
        ("domains", "shop.example", "domains", "binds no key"),
    ];
    for (field, value, at, message) in cases {
        let mut fields = RAILS.to_vec();
        match *field {
            "expires_in" => fields.push(("expiry", "days")),
            "expires_on" => fields.push(("expiry", "date")),
            _ => {}
        }
        // A later value of the same name stands in for the sound one.
        let last = fields.last().copied();
        fields.retain(|(name, _)| {
            name != field && !(*name == "expiry" && field.starts_with("expires"))
        });
        fields.extend(last.filter(|(name, _)| *name == "expiry"));
        fields.push((field, value));
        let reply = send(&app, &maker, &draft, "3", &fields).await;
        assert_eq!(
            reply.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{field}={value}: {}",
            reply.location()
        );
        assert!(
            reply.body.contains(&format!("href=\"#{at}\"")),
            "{field}={value}"
        );
        assert!(reply.body.contains(message), "{field}={value}");
    }
    assert_eq!(count(&app, "api_keys").await, 0);
    let whole = [("expiry", "date"), ("expires_on", "2027-03-14")];
    pass(&app, &maker, &draft, 3, &whole).await;
}
