//! What operators do from their pages, by outcome.

use axum::http::{Method, StatusCode};
use clap::Parser;

use super::commands::{self, Admin};
use crate::{
    accounts::factors,
    audit, on_both_engines,
    server::{
        clock::MINUTE,
        testing::{PASSWORD, PIN, Reply, Someone, TestApp, cookie},
    },
    workspaces::Role,
};

const REASON: &str = "ticket 812";

/// The entries of a chain, oldest first: who, what, to whom, in which words.
async fn record(app: &TestApp, chain: &str) -> Vec<(String, String, String, String)> {
    let mut reader = app.state.db.read().await.expect("a connection");
    audit::store::after(&mut reader, chain, 0, i64::MAX)
        .await
        .expect("read")
        .into_iter()
        .map(|entry| (entry.actor, entry.action, entry.target, entry.detail))
        .collect()
}

async fn actions(app: &TestApp, chain: &str) -> Vec<String> {
    record(app, chain)
        .await
        .into_iter()
        .map(|(_, action, ..)| action)
        .collect()
}

async fn confirm(app: &TestApp, path: &str, who: &Someone, reason: &str) -> Reply {
    let fields = [
        ("reason", reason),
        ("factor", "password"),
        ("proof", PASSWORD),
    ];
    app.post(path, Some(who), &fields).await
}

/// Second factors of every kind, as rows.
async fn equip(app: &TestApp, user_id: &str) {
    let now = app.clock.now();
    let mut tx = app.state.db.begin().await.expect("a transaction");
    factors::store::set_totp(&mut tx, user_id, b"sealed", 1, now)
        .await
        .expect("set");
    factors::recovery::renew(&mut tx, &app.state, user_id)
        .await
        .expect("made");
    crate::execute!(
        tx,
        "insert into passkeys (id, user_id, credential_id, name, credential, created_at) values ($1, $2, $3, 'Laptop', '{}', $4)",
        app.state.rng.id("pky", now),
        user_id,
        user_id.as_bytes().to_vec(),
        now
    )
    .expect("inserted");
    crate::execute!(
        tx,
        "insert into tries (subject, failures, window_start) values ($1, 5, $2)",
        format!("pin:{user_id}"),
        now
    )
    .expect("inserted");
    tx.commit().await.expect("committed");
}

/// How many rows that confirm who somebody is there are.
async fn held(app: &TestApp, user_id: &str) -> i64 {
    let mut reader = app.state.db.read().await.expect("a connection");
    let (count,): (i64,) = crate::fetch_one!(
        &mut reader,
        (i64,),
        "select (select count(*) from totp_secrets where user_id = $1)
              + (select count(*) from recovery_codes where user_id = $1)
              + (select count(*) from passkeys where user_id = $1)
              + (select count(*) from users where id = $1 and pin_hash is not null)
              + (select count(*) from tries where subject like '%' || $1)
              + (select count(*) from sessions where user_id = $1)",
        user_id
    )
    .expect("counted");
    count
}

on_both_engines! {
    async fn acting_is_seen_recorded_and_over_after_half_an_hour(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let owner = app.member(&workspace, &[Role::Owner]).await;
        let auditor = app.member(&workspace, &[Role::Auditor]).await;
        let checker = app.member(&workspace, &[Role::Checker]).await;
        let mut kim = app.operator().await;
        let before = kim.cookie.clone();
        assert_eq!(app.get("/", Some(&kim)).await.location(), "/admin");
        assert_eq!(app.get("/keys", Some(&kim)).await.status, StatusCode::FORBIDDEN);

        let path = format!("/admin/workspaces/{workspace}/act");
        let dialog = app.get(&path, Some(&kim)).await;
        assert!(dialog.status == StatusCode::OK && dialog.body.contains("Act in \u{201c}Acme\u{201d}?"));
        assert_eq!(confirm(&app, &path, &kim, "x").await.status, StatusCode::UNPROCESSABLE_ENTITY);
        let wrong = [("reason", REASON), ("factor", "password"), ("proof", "wrong")];
        let refused = app.post(&path, Some(&kim), &wrong).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.body.contains(&format!("value=\"{REASON}\"")), "the reason is kept");
        app.act(&mut kim, &workspace, REASON).await;
        assert_ne!(kim.cookie, before, "a session that may do more has another id");

        // The operator sees and manages, and touches no secret.
        let page = app.get("/keys", Some(&kim)).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.body.contains("You are acting in Acme until") && page.body.contains("action=\"/acting/end\""));
        assert!(!page.body.contains("/keys/new"));
        assert_eq!(app.get("/audit", Some(&kim)).await.status, StatusCode::OK);
        let (key, _) = app.key(&workspace, "POS", &["customers:read"]).await;
        let detail = app.get(&format!("/keys/{key}"), Some(&kim)).await;
        assert!(detail.status == StatusCode::OK && !detail.body.contains("/revoke"), "nothing is offered that is refused");
        for path in ["/keys/new".to_owned(), format!("/keys/{key}/revoke")] {
            assert_eq!(app.get(&path, Some(&kim)).await.status, StatusCode::FORBIDDEN, "{path}");
            assert_eq!(app.post(&path, Some(&kim), &[("label", "POS")]).await.status, StatusCode::FORBIDDEN, "{path}");
        }
        assert!(!kim.roles.include(Role::Owner) && !kim.roles.include(Role::Checker) && kim.roles.include(Role::Admin));

        // Its people see it; who may read the record is led there.
        for (someone, reads) in [(&owner, true), (&auditor, true), (&checker, false)] {
            let page = app.get("/keys", Some(someone)).await;
            assert!(page.body.contains("Operator Test Person is acting in this workspace"), "{}", page.body);
            assert!(page.body.contains(&format!("\u{201c}{REASON}\u{201d}. Secrets and approvals stay out of reach.")));
            assert_eq!(page.body.contains("See what was done"), reads);
        }
        let elsewhere = app.workspace("Globex").await;
        let stranger = app.member(&elsewhere, &[Role::Owner]).await;
        assert!(!app.get("/keys", Some(&stranger)).await.body.contains("is acting"));
        let letters = app.letters(&owner.email).await;
        assert!(letters.iter().any(|letter| letter.subject == "An operator acts in Acme" && letter.text.concat().contains(REASON)));
        assert!(app.letters(&checker.email).await.is_empty(), "owners are written to");
        let shown = app.get("/audit", Some(&auditor)).await;
        assert!(shown.body.contains("Began to act here as operator: \u{201c}ticket 812\u{201d}") && shown.body.contains("Test Person"));

        // What is done meanwhile stands in the workspace's record.
        app.post("/settings/security", Some(&kim), &[("new_pin", "5820"), ("password", PASSWORD)]).await;
        let entries = record(&app, &workspace).await;
        let (actor, _, act, detail) = entries.iter().find(|(_, action, ..)| action == "operator.acting_started").expect("recorded");
        assert!(*actor == kim.id && detail.contains(REASON) && act.starts_with("act_"));
        assert!(entries.iter().any(|(actor, action, ..)| *actor == kim.id && action == "pin.set"));

        app.clock.advance(29 * MINUTE);
        assert_eq!(app.get("/keys", Some(&kim)).await.status, StatusCode::OK);
        app.clock.advance(MINUTE);
        assert_eq!(app.get("/keys", Some(&kim)).await.status, StatusCode::FORBIDDEN);
        assert!(!app.get("/keys", Some(&owner)).await.body.contains("is acting"));
        let still = app.get("/admin", Some(&kim)).await;
        assert!(still.status == StatusCode::OK && !still.body.contains("You are acting"), "the session goes on");
    }

    async fn an_act_ends_by_its_button_by_another_act_by_signing_out_and_with_the_right_to_it(test: TestDb) {
        let app = TestApp::start(test).await;
        let (acme, globex) = (app.workspace("Acme").await, app.workspace("Globex").await);
        let mut kim = app.operator().await;
        app.act(&mut kim, &acme, REASON).await;
        let stolen = kim.clone();
        let done = app.post("/acting/end", Some(&kim), &[]).await;
        assert_eq!((done.status, done.location()), (StatusCode::SEE_OTHER, "/admin?done=ended"));
        assert_eq!(app.get("/keys", Some(&stolen)).await.status, StatusCode::SEE_OTHER, "the acting session's id is worth nothing");
        kim.cookie = cookie(&done).expect("a new cookie");
        assert_eq!(app.get("/keys", Some(&kim)).await.status, StatusCode::FORBIDDEN);
        assert_eq!(app.get("/admin", Some(&kim)).await.status, StatusCode::OK);
        assert_eq!(actions(&app, &acme).await, ["operator.acting_started", "operator.acting_ended"]);

        // One at a time.
        app.act(&mut kim, &acme, REASON).await;
        let first = kim.clone();
        app.act(&mut kim, &globex, "another ticket").await;
        assert!(app.get("/dashboard", Some(&kim)).await.body.contains("You are acting in Globex"));
        assert_eq!(app.get("/keys", Some(&first)).await.status, StatusCode::SEE_OTHER);
        assert_eq!(actions(&app, &acme).await.last().map(String::as_str), Some("operator.acting_ended"));

        // Another session of theirs does not act.
        let other = app.post("/login", None, &[("email", &kim.email), ("password", PASSWORD)]).await;
        let other = Someone { cookie: cookie(&other).expect("a cookie"), ..kim.clone() };
        assert_eq!(app.get("/keys", Some(&other)).await.status, StatusCode::FORBIDDEN);

        assert_eq!(app.post("/logout", Some(&kim), &[]).await.status, StatusCode::SEE_OTHER);
        assert_eq!(actions(&app, &globex).await, ["operator.acting_started", "operator.acting_ended", "session.ended"]);

        let mut kim = other;
        app.act(&mut kim, &globex, REASON).await;
        let mut tx = app.state.db.begin().await.expect("a transaction");
        crate::execute!(tx, "update users set operator = false where id = $1", &kim.id).expect("updated");
        tx.commit().await.expect("committed");
        assert_eq!(app.get("/keys", Some(&kim)).await.status, StatusCode::FORBIDDEN, "an operator no more");
        assert_eq!(app.get("/admin", Some(&kim)).await.status, StatusCode::NOT_FOUND);
    }

    async fn an_operator_who_closes_their_account_stops_acting_on_the_record(test: TestDb) {
        let app = TestApp::start(test).await;
        let globex = app.workspace("Globex").await;
        let mut kim = app.person(None, true).await;
        app.act(&mut kim, &globex, REASON).await;
        let email = kim.email.clone();
        let closed = app.post("/settings/account/close", Some(&kim), &[
            ("email", email.as_str()), ("keys", "revoke"), ("factor", "password"), ("proof", PASSWORD),
        ]).await;
        assert_eq!(closed.status, StatusCode::SEE_OTHER, "{}", closed.body);
        assert_eq!(actions(&app, &globex).await, ["operator.acting_started", "operator.acting_ended"]);
    }

    async fn an_operator_who_is_a_member_acts_as_operator_alone(test: TestDb) {
        let app = TestApp::start(test).await;
        let (acme, globex) = (app.workspace("Acme").await, app.workspace("Globex").await);
        let roles: &[Role] = &[Role::Owner, Role::Checker];
        let mut kim = app.person(Some((&acme, roles)), true).await;
        assert_eq!(app.get("/", Some(&kim)).await.location(), "/dashboard");
        assert_eq!(app.get("/keys/new", Some(&kim)).await.status, StatusCode::OK);
        app.act(&mut kim, &acme, REASON).await;
        assert_eq!(app.get("/keys/new", Some(&kim)).await.status, StatusCode::FORBIDDEN);
        let page = app.get("/keys", Some(&kim)).await;
        assert!(!page.body.contains("action=\"/workspaces/switch\""));
        assert_eq!(app.post("/workspaces/switch", Some(&kim), &[("workspace", &globex)]).await.status, StatusCode::NOT_FOUND);
        app.clock.advance(31 * MINUTE);
        assert_eq!(app.get("/keys/new", Some(&kim)).await.status, StatusCode::OK, "and is a member again");
    }

    async fn a_workspace_that_asks_for_a_second_factor_asks_operators_too(test: TestDb) {
        let app = TestApp::start(test).await;
        let acme = app.workspace("Acme").await;
        let mut tx = app.state.db.begin().await.expect("a transaction");
        crate::execute!(tx, "update workspaces set require_second_factor = true where id = $1", &acme).expect("updated");
        tx.commit().await.expect("committed");
        let kim = app.operator().await;
        let refused = confirm(&app, &format!("/admin/workspaces/{acme}/act"), &kim, REASON).await;
        assert_eq!(refused.status, StatusCode::CONFLICT);
    }

    async fn another_operator_resets_a_persons_factors_and_both_are_told(test: TestDb) {
        let app = TestApp::start(test).await;
        let acme = app.workspace("Acme").await;
        let ada = app.member(&acme, &[Role::Developer]).await;
        let (kim, lee) = (app.operator().await, app.operator().await);
        equip(&app, &ada.id).await;
        let list = app.get(&format!("/admin/people?q={}", ada.email), Some(&kim)).await;
        assert!(list.body.contains("Password, PIN, authenticator, 1 passkey, 10 recovery codes"), "{}", list.body);
        let path = format!("/admin/people/{}/reset-factors", ada.id);
        assert_eq!(confirm(&app, &path, &ada, REASON).await.status, StatusCode::NOT_FOUND);
        assert_eq!(confirm(&app, &path, &kim, "").await.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(held(&app, &ada.id).await > 10, "nothing was taken yet");
        let done = confirm(&app, &path, &kim, REASON).await;
        assert_eq!((done.status, done.location()), (StatusCode::SEE_OTHER, "/admin/people?done=reset"), "{}", done.body);
        assert_eq!(held(&app, &ada.id).await, 0, "no factor, no lock, no session is left");
        assert_eq!(app.get("/keys", Some(&ada)).await.status, StatusCode::SEE_OTHER);
        let again = app.post("/login", None, &[("email", &ada.email), ("password", PASSWORD)]).await;
        assert_eq!(again.location(), "/", "the password stays, and no code is asked for");

        let told = app.letters(&ada.email).await;
        assert_eq!(told.iter().filter(|letter| letter.subject == "Your second factors were reset" && letter.text.concat().contains(REASON)).count(), 1);
        for operator in [&kim, &lee] {
            let told = app.letters(&operator.email).await;
            assert!(told.iter().any(|letter| letter.subject.contains("were reset") && letter.text.concat().contains(&ada.email)));
        }
        let platform = record(&app, audit::PLATFORM).await;
        assert!(platform.iter().any(|(actor, action, target, detail)| *actor == kim.id && action == "factors.reset" && *target == ada.id && detail.contains(REASON)));
        let theirs = record(&app, &acme).await;
        let entry = theirs.iter().find(|(_, action, ..)| action == "factors.reset").expect("its workspace sees it");
        assert_eq!((&entry.0, &entry.2, entry.3.as_str()), (&kim.id, &ada.id, "{}"));

        // Not one's own.
        let own = format!("/admin/people/{}/reset-factors", kim.id);
        let page = app.get(&own, Some(&kim)).await;
        assert!(page.status == StatusCode::FORBIDDEN && page.body.contains("Another operator has to do that."));
        let refused = confirm(&app, &own, &kim, REASON).await;
        assert!(refused.status == StatusCode::FORBIDDEN && refused.body.contains("Another operator has to do that."));
        assert!(held(&app, &kim.id).await > 0);
    }

    async fn the_console_resets_factors_too(test: TestDb) {
        #[derive(Parser)]
        struct Line {
            #[command(subcommand)]
            command: Admin,
        }
        let app = TestApp::start(test).await;
        let acme = app.workspace("Acme").await;
        let ada = app.member(&acme, &[Role::Developer]).await;
        let kim = app.operator().await;
        equip(&app, &ada.id).await;
        let run = async |email: &str| {
            let line = Line::try_parse_from(["admin", "reset-factors", "--email", email]).expect("parsed");
            let mut out = Vec::new();
            commands::run(&app.state, line.command, &mut out).await.map_err(|failed| failed.0)?;
            Ok::<_, String>(String::from_utf8(out).expect("UTF-8"))
        };
        assert_eq!(run(&ada.email).await.expect("done"), format!("{{\"user_id\":\"{}\"}}\n", ada.id));
        assert_eq!(held(&app, &ada.id).await, 0);
        assert!(record(&app, audit::PLATFORM).await.iter().any(|(actor, action, ..)| actor == audit::CONSOLE && action == "factors.reset"));
        assert!(app.letters(&ada.email).await.iter().any(|letter| letter.text.concat().contains("The operator at the console")));
        assert!(app.letters(&kim.email).await.iter().any(|letter| letter.subject.contains("were reset")));
        assert!(run("nobody@example.test").await.expect_err("refused").contains("no account"));
    }

    async fn a_suspended_workspaces_keys_are_refused_on_the_next_request(test: TestDb) {
        let app = TestApp::start(test).await;
        let acme = app.workspace("Acme").await;
        let owner = app.member(&acme, &[Role::Owner]).await;
        let kim = app.operator().await;
        let (_, secret) = app.key(&acme, "POS", &["customers:read"]).await;
        let call = async || app.call(Method::GET, "/v2/customers", Some(&secret)).await;
        assert_eq!(call().await.status, StatusCode::OK);
        let suspend = format!("/admin/workspaces/{acme}/suspend");
        assert_eq!(confirm(&app, &suspend, &kim, "unpaid since May").await.location(), "/admin?done=suspended");
        let refused = call().await;
        assert!(refused.status == StatusCode::FORBIDDEN && refused.body.contains("WORKSPACE_SUSPENDED"));
        assert!(app.get("/keys", Some(&owner)).await.body.contains("This workspace is suspended."));
        assert_eq!(confirm(&app, &suspend, &kim, "unpaid since May").await.status, StatusCode::CONFLICT, "once");
        let restore = format!("/admin/workspaces/{acme}/restore");
        assert_eq!(confirm(&app, &restore, &kim, "paid").await.location(), "/admin?done=restored");
        assert_eq!(call().await.status, StatusCode::OK);
        assert_eq!(actions(&app, &acme).await[1..], ["key.created", "workspace.suspended", "workspace.restored"]);
        assert_eq!(app.letters(&owner.email).await.len(), 2);
    }

    async fn lists_are_searched_and_go_on_by_page(test: TestDb) {
        let app = TestApp::start(test).await;
        let kim = app.operator().await;
        for number in 0..52 {
            app.workspace(&format!("Space {number:02}")).await;
            app.clock.advance(1);
        }
        app.workspace("100% Käse_Laden").await;
        let first = app.get("/admin", Some(&kim)).await;
        assert!(first.body.contains("Space 03<") && !first.body.contains("Space 02<"));
        let older = first.between("href=\"/admin?before=", "\"").to_owned();
        let second = app.get(&format!("/admin?before={older}"), Some(&kim)).await;
        assert!(second.body.contains("Space 02<") && second.body.contains("Space 00<") && !second.body.contains("Space 03<"));
        for (query, found) in [("k%C3%A4se", true), ("K%C3%A4se", true), ("100%25", true), ("e_L", true), ("10_%25", false), ("%00", true), ("%27", false)] {
            let page = app.get(&format!("/admin?q={query}"), Some(&kim)).await;
            assert_eq!(page.status, StatusCode::OK);
            assert_eq!(page.body.contains("100% K\u{e4}se_Laden<"), found, "{query}");
        }
        let ada = app.person(None, false).await;
        for (query, found) in [(ada.email.to_uppercase(), true), (ada.email[..29].to_owned(), true), ("test%20p".to_owned(), true), ("person".to_owned(), false)] {
            let page = app.get(&format!("/admin/people?q={query}"), Some(&kim)).await;
            assert_eq!(page.body.contains(&ada.email), found, "{query}");
        }
    }
}

#[tokio::test]
async fn a_pin_serves_no_operators_action() {
    use crate::db::testing::{self, Engine};
    let app = TestApp::start(testing::database(Engine::Sqlite).await).await;
    let acme = app.workspace("Acme").await;
    let kim = app.operator().await;
    let fields = [("reason", REASON), ("factor", "pin"), ("proof", PIN)];
    for what in ["act", "suspend"] {
        let path = format!("/admin/workspaces/{acme}/{what}");
        let reply = app.post(&path, Some(&kim), &fields).await;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{what}");
    }
}
