//! Plans by outcome, through the pages of a workspace and of operators.

use axum::http::StatusCode;
use clap::Parser;

use super::{
    ops::{self, Decision},
    policy::{ReadinessItem, State},
    store, view,
};
use crate::{
    accounts::{
        Factor, factors,
        step_up::{self, Action, Proof},
    },
    admin::commands::{self, Admin},
    audit, on_both_engines,
    profiles::{Need, Profile},
    server::{
        clock::{MINUTE, SECOND},
        testing::{PASSWORD, PIN, Reply, Someone, TestApp, typed},
    },
    workspaces::Role,
};

/// The built-in profile, but that its live environment asks for everything and no plan is in force by itself.
fn strict() -> Profile {
    let text = include_str!("../profiles/revkeen.toml")
        .replace("default_tier = \"starter\"", "plan_required = true")
        .replace(
            "about = \"Real transactions, live customers\"",
            "about = \"Real transactions, live customers\"\nneeds = [\"address\", \"second_factor\", \"plan\"]",
        );
    let profile = Profile::parse(&text).expect("sound");
    assert!(
        profile.plan_required
            && profile
                .environment("live")
                .is_some_and(|live| live.needs.len() == 3)
    );
    profile
}

async fn ask(app: &TestApp, who: &Someone, tier: &str) -> Reply {
    let fields = [("tier", tier), ("note", "we grow fast")];
    app.post("/plans", Some(who), &fields).await
}

/// The workspace's request for the tier, made by its admin.
async fn asked(app: &TestApp, admin: &Someone, tier: &str) -> String {
    let reply = ask(app, admin, tier).await;
    assert_eq!(
        (reply.status, reply.location()),
        (StatusCode::SEE_OTHER, "/plans?done=requested"),
        "{}",
        reply.body
    );
    let mut reader = app.state.db.read().await.expect("a connection");
    let open = store::open(&mut reader, &admin.workspace_id).await;
    open.expect("read").expect("it waits").id
}

async fn decide(app: &TestApp, id: &str, how: &str, who: &Someone, reason: &str) -> Reply {
    let fields = [
        ("reason", reason),
        ("factor", "password"),
        ("proof", PASSWORD),
    ];
    app.post(&format!("/admin/plans/{id}/{how}"), Some(who), &fields)
        .await
}

async fn in_force(app: &TestApp, workspace: &str) -> Option<String> {
    let mut reader = app.state.db.read().await.expect("a connection");
    view::current(&mut reader, &app.state, workspace)
        .await
        .expect("read")
        .map(|tier| tier.id)
}

/// What was done about plans in a chain, oldest first.
async fn record(app: &TestApp, chain: &str) -> Vec<(String, String, String)> {
    let mut reader = app.state.db.read().await.expect("a connection");
    audit::store::after(&mut reader, chain, 0, i64::MAX)
        .await
        .expect("read")
        .into_iter()
        .filter(|entry| entry.action.starts_with("plan."))
        .map(|entry| (entry.actor, entry.action, entry.detail))
        .collect()
}

async fn actions(app: &TestApp, chain: &str) -> Vec<String> {
    let record = record(app, chain).await;
    record.into_iter().map(|(_, action, _)| action).collect()
}

async fn states(app: &TestApp, workspace: &str) -> Vec<State> {
    let mut reader = app.state.db.read().await.expect("a connection");
    let rows = store::of_workspace(&mut reader, workspace, 10).await;
    rows.expect("read")
        .into_iter()
        .map(|row| row.state)
        .collect()
}

/// The workspaces of the events that tell of approvals.
async fn events(app: &TestApp) -> Vec<String> {
    let mut reader = app.state.db.read().await.expect("a connection");
    let rows: Vec<(String,)> = crate::fetch_all!(
        &mut reader,
        (String,),
        "select workspace_id from outbox_events where type = 'plan.approved'"
    )
    .expect("read");
    rows.into_iter().map(|(id,)| id).collect()
}

async fn suspend(app: &TestApp, workspace: &str) {
    let mut tx = app.state.db.begin().await.expect("a transaction");
    crate::execute!(
        tx,
        "update workspaces set suspended_at = $2 where id = $1",
        workspace,
        app.clock.now()
    )
    .expect("updated");
    tx.commit().await.expect("committed");
}

async fn proof(app: &TestApp, operator: &Someone, id: &str, decision: &Decision) -> Proof {
    step_up::prove(
        &app.state,
        &app.viewer(operator),
        Action::DecidePlan,
        &ops::decision_content(id, decision),
        Factor::Password,
        &typed(PASSWORD),
    )
    .await
    .expect("proven")
}

on_both_engines! {
    async fn a_plan_that_was_requested_and_approved_is_in_force(test: TestDb) {
        let app = TestApp::start(test).await;
        let (acme, globex) = (app.workspace("Acme").await, app.workspace("Globex").await);
        let owner = app.member(&acme, &[Role::Owner]).await;
        let admin = app.member(&acme, &[Role::Admin]).await;
        let developer = app.member(&acme, &[Role::Developer]).await;
        let kim = app.operator().await;
        let page = app.get("/plans", Some(&developer)).await;
        assert!(page.status == StatusCode::OK && page.between(">Starter<", "</tr>").contains("In force"), "{}", page.body);
        assert!(!page.body.contains("Request plan") && page.body.contains("href=\"/plans\""));
        assert!(app.get("/admin/plans", Some(&kim)).await.body.contains("No request waits."));
        assert!(app.get("/plans", Some(&admin)).await.body.contains("Request plan"));

        let id = asked(&app, &admin, "growth").await;
        app.clock.advance(2 * MINUTE);
        for (someone, acts) in [(&admin, true), (&developer, false)] {
            let page = app.get("/plans", Some(someone)).await;
            assert!(page.body.contains("Growth requested 2 min ago by Test Person."), "{}", page.body);
            assert!(page.body.contains("The operator decides; mail follows.") && page.body.contains("we grow fast"));
            assert!(!page.body.contains("Keys can be created once"), "a plan is in force meanwhile");
            assert!(page.between(">Growth<", "</tr>").contains("Requested"));
            assert_eq!(page.body.contains("href=\"/plans/withdraw\""), acts);
            assert!(!page.body.contains("Request plan"));
        }
        assert_eq!(in_force(&app, &acme).await.as_deref(), Some("starter"), "asking changes nothing");

        let queue = app.get("/admin/plans", Some(&kim)).await;
        assert!(queue.body.contains("Acme") && queue.between("href=\"/admin/plans/", "\"") == id, "{}", queue.body);
        let detail = app.get(&format!("/admin/plans/{id}"), Some(&kim)).await;
        for words in ["Acme", "we grow fast", "Growth: 600 requests a minute, 50 at once, $49 a month", "Starter: 60 requests", "/approve\"", "/decline\""] {
            assert!(detail.body.contains(words), "{words} in {}", detail.body);
        }
        let path = format!("/admin/plans/{id}/approve");
        let dialog = app.get(&path, Some(&kim)).await;
        assert!(dialog.body.contains("Approve Growth for \u{201c}Acme\u{201d}?") && dialog.body.contains("in place of Starter"));
        for (factor, proof) in [("password", "wrong"), ("pin", PIN), ("", "")] {
            let refused = app.post(&path, Some(&kim), &[("factor", factor), ("proof", proof)]).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{factor}");
        }
        assert_eq!(states(&app, &acme).await, [State::Requested]);
        let done = decide(&app, &id, "approve", &kim, "").await;
        assert_eq!((done.status, done.location()), (StatusCode::SEE_OTHER, "/admin/plans?done=approved"), "{}", done.body);

        assert_eq!(in_force(&app, &acme).await.as_deref(), Some("growth"));
        assert_eq!(in_force(&app, &globex).await.as_deref(), Some("starter"));
        let page = app.get("/plans", Some(&developer)).await;
        assert!(page.between(">Growth<", "</tr>").contains("In force") && page.body.contains("Earlier requests"));
        assert_eq!(actions(&app, &acme).await, ["plan.requested", "plan.approved"]);
        let platform = record(&app, audit::PLATFORM).await;
        assert!(platform.len() == 1 && platform[0].0 == kim.id && platform[0].2.contains(&acme));
        assert!(app.get("/audit", Some(&owner)).await.body.contains("Approved the plan Growth"));
        assert_eq!(events(&app).await, [acme.as_str()]);
        for (someone, letters) in [(&owner, 1), (&admin, 1), (&developer, 0)] {
            let told = app.letters(&someone.email).await;
            assert_eq!(told.len(), letters);
            assert!(told.iter().all(|letter| letter.subject == "The plan Growth was approved for Acme"));
            assert_eq!(app.get("/notices", Some(someone)).await.body.contains("The plan Growth was approved"), letters == 1);
        }

        // Once, and who comes second is told who was first.
        app.clock.advance(40 * SECOND);
        for how in ["approve", "decline"] {
            let late = decide(&app, &id, how, &kim, "too late").await;
            assert_eq!(late.status, StatusCode::CONFLICT);
            assert!(late.body.contains("Test Person approved this 40 s ago. Nothing of yours was recorded."), "{}", late.body);
        }
        let detail = app.get(&format!("/admin/plans/{id}"), Some(&kim)).await;
        assert!(!detail.body.contains("/approve\"") && detail.body.contains("Approved"));
        assert!(app.get("/admin/plans", Some(&kim)).await.body.contains("Decided"));

        // The next one takes its place.
        let next = asked(&app, &owner, "enterprise").await;
        decide(&app, &next, "approve", &kim, "").await;
        assert_eq!(states(&app, &acme).await, [State::Approved, State::Ended]);
        assert_eq!(in_force(&app, &acme).await.as_deref(), Some("enterprise"));
    }

    async fn a_request_is_declined_with_a_reason_that_the_workspace_sees(test: TestDb) {
        let app = TestApp::start(test).await;
        let acme = app.workspace("Acme").await;
        let owner = app.member(&acme, &[Role::Owner]).await;
        let admin = app.member(&acme, &[Role::Admin]).await;
        let kim = app.operator().await;
        let id = asked(&app, &admin, "growth").await;
        for reason in ["", "  x ", "turned \u{202e}around"] {
            let refused = decide(&app, &id, "decline", &kim, reason).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{reason:?}");
            assert!(refused.body.contains("href=\"#reason\""), "{}", refused.body);
        }
        let done = decide(&app, &id, "decline", &kim, "No contract yet").await;
        assert_eq!((done.status, done.location()), (StatusCode::SEE_OTHER, "/admin/plans?done=declined"));
        assert_eq!(in_force(&app, &acme).await.as_deref(), Some("starter"));
        assert_eq!(actions(&app, &acme).await, ["plan.requested", "plan.declined"]);
        assert_eq!(actions(&app, audit::PLATFORM).await, ["plan.declined"]);
        assert!(record(&app, &acme).await[1].2.contains("No contract yet"));
        assert!(events(&app).await.is_empty());
        let page = app.get("/plans", Some(&admin)).await;
        assert!(page.body.contains("Test Person declined Growth just now:") && page.body.contains("No contract yet"), "{}", page.body);
        for someone in [&owner, &admin] {
            let told = app.letters(&someone.email).await;
            assert!(told.len() == 1 && told[0].text.concat().contains("No contract yet"));
        }
        // Another can be asked for, and the old answer is history.
        app.clock.advance(SECOND);
        asked(&app, &admin, "growth").await;
        assert!(!app.get("/plans", Some(&admin)).await.body.contains("declined Growth"));
    }

    async fn a_withdrawn_request_can_not_be_decided(test: TestDb) {
        let app = TestApp::start(test).await;
        let acme = app.workspace("Acme").await;
        let (owner, admin) = (app.member(&acme, &[Role::Owner]).await, app.member(&acme, &[Role::Admin]).await);
        let kim = app.operator().await;
        let nothing = app.post("/plans/withdraw", Some(&owner), &[]).await;
        assert_eq!(nothing.status, StatusCode::NOT_FOUND);
        let id = asked(&app, &admin, "growth").await;
        assert!(app.get("/plans/withdraw", Some(&owner)).await.body.contains("Withdraw the request for Growth?"));
        let done = app.post("/plans/withdraw", Some(&owner), &[]).await;
        assert_eq!((done.status, done.location()), (StatusCode::SEE_OTHER, "/plans?done=withdrawn"));
        app.clock.advance(40 * SECOND);
        let late = decide(&app, &id, "approve", &kim, "").await;
        assert!(late.status == StatusCode::CONFLICT && late.body.contains("Test Person withdrew this 40 s ago. There is nothing to decide."), "{}", late.body);
        let again = app.post("/plans/withdraw", Some(&owner), &[]).await;
        assert_eq!(again.status, StatusCode::CONFLICT);
        assert_eq!(actions(&app, &acme).await, ["plan.requested", "plan.withdrawn"]);
        assert_eq!(in_force(&app, &acme).await.as_deref(), Some("starter"));
        asked(&app, &admin, "enterprise").await;
    }

    async fn of_two_decisions_at_once_one_holds(test: TestDb) {
        let app = TestApp::start(test).await;
        let acme = app.workspace("Acme").await;
        let owner = app.member(&acme, &[Role::Owner]).await;
        let (kim, lee) = (app.operator().await, app.operator().await);
        let id = asked(&app, &owner, "growth").await;
        let (yes, no) = (Decision::Approve, Decision::Decline("No contract yet".to_owned()));
        let (first, second) = (proof(&app, &kim, &id, &yes).await, proof(&app, &lee, &id, &no).await);
        let (kims, lees) = (app.viewer(&kim), app.viewer(&lee));
        let (approved, declined) = tokio::join!(
            ops::decide(&app.state, &kims, &id, &yes, first),
            ops::decide(&app.state, &lees, &id, &no, second)
        );
        assert!(approved.is_ok() != declined.is_ok(), "{approved:?} {declined:?}");
        let (outcome, word) = if approved.is_ok() { (declined, "approved") } else { (approved, "declined") };
        let told = outcome.expect_err("one came second").into_ui();
        assert_eq!(told.message, format!("Test Person {word} this just now. Nothing of yours was recorded."));
        assert_eq!(actions(&app, &acme).await, ["plan.requested".to_owned(), format!("plan.{word}")]);
        assert_eq!(actions(&app, audit::PLATFORM).await, [format!("plan.{word}")]);
        assert_eq!(app.letters(&owner.email).await.len(), 1);
        assert_eq!(events(&app).await.len(), usize::from(word == "approved"));
    }

    async fn a_workspace_has_one_open_request(test: TestDb) {
        let app = TestApp::start(test).await;
        let acme = app.workspace("Acme").await;
        let (owner, admin) = (app.member(&acme, &[Role::Owner]).await, app.member(&acme, &[Role::Admin]).await);
        let (one, other) = tokio::join!(ask(&app, &owner, "growth"), ask(&app, &admin, "enterprise"));
        let mut statuses = [one.status.as_u16(), other.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [303, 409]);
        let third = ask(&app, &owner, "growth").await;
        assert!(third.status == StatusCode::CONFLICT && third.body.contains("Withdraw that first"), "{}", third.body);
        assert_eq!(states(&app, &acme).await, [State::Requested]);
        assert_eq!(actions(&app, &acme).await, ["plan.requested"]);
        // Another workspace is not held up by it.
        let globex = app.workspace("Globex").await;
        asked(&app, &app.member(&globex, &[Role::Owner]).await, "growth").await;
        // Whatever the code does, the schema allows one.
        let mut tx = app.state.db.begin().await.expect("a transaction");
        let twice = store::NewRequest { id: &app.state.rng.id("plr", 0), workspace_id: &acme, tier: "growth", note: None, requested_by: &owner.id };
        store::insert(&mut tx, twice, app.clock.now()).await.expect_err("refused");
    }

    async fn only_admins_ask_and_only_for_what_is_offered(test: TestDb) {
        let app = TestApp::start(test).await;
        let acme = app.workspace("Acme").await;
        for role in [Role::Developer, Role::Checker, Role::Auditor] {
            let someone = app.member(&acme, &[role]).await;
            assert_eq!(app.get("/plans", Some(&someone)).await.status, StatusCode::OK);
            assert_eq!(ask(&app, &someone, "growth").await.status, StatusCode::FORBIDDEN);
            assert_eq!(app.post("/plans/withdraw", Some(&someone), &[]).await.status, StatusCode::FORBIDDEN);
        }
        let admin = app.member(&acme, &[Role::Admin]).await;
        for tier in ["starter", "", "platinum"] {
            let refused = ask(&app, &admin, tier).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{tier}");
            assert!(refused.body.contains("href=\"#tier\"") && refused.body.contains("value=\"we grow fast\""), "{}", refused.body);
        }
        let long = app.post("/plans", Some(&admin), &[("tier", "growth"), ("note", &"x".repeat(301))]).await;
        assert!(long.status == StatusCode::UNPROCESSABLE_ENTITY && long.body.contains("href=\"#note\""));
        assert!(states(&app, &acme).await.is_empty());

        // An operator who acts in it manages it as an admin does.
        let mut kim = app.operator().await;
        app.act(&mut kim, &acme, "ticket 812").await;
        let own = asked(&app, &kim, "growth").await;
        // What they asked for another operator decides.
        for how in ["approve", "decline"] {
            let refused = decide(&app, &own, how, &kim, "a reason").await;
            assert!(refused.status == StatusCode::FORBIDDEN && refused.body.contains("Another operator"), "{how}: {}", refused.body);
        }
        app.post("/plans/withdraw", Some(&kim), &[]).await;
        assert_eq!(states(&app, &acme).await, [State::Withdrawn]);

        suspend(&app, &acme).await;
        let refused = ask(&app, &admin, "growth").await;
        assert!(refused.status == StatusCode::FORBIDDEN && refused.body.contains("suspended"));
        assert!(!app.get("/plans", Some(&admin)).await.body.contains("Request plan"));

        // A role that was lost a moment ago asks for nothing.
        let globex = app.workspace("Globex").await;
        let viewer = app.viewer(&app.member(&globex, &[Role::Admin]).await);
        let mut tx = app.state.db.begin().await.expect("a transaction");
        crate::execute!(tx, "update members set roles = 'developer' where workspace_id = $1", &globex).expect("updated");
        tx.commit().await.expect("committed");
        let lost = ops::request(&app.state, &viewer, "growth", "").await.expect_err("refused");
        assert!(lost.into_ui().message.contains("needs the role admin"));
    }

    async fn what_operators_decide_does_not_exist_for_others_or_by_other_ids(test: TestDb) {
        let app = TestApp::start(test).await;
        let acme = app.workspace("Acme").await;
        let owner = app.member(&acme, &[Role::Owner]).await;
        let kim = app.operator().await;
        let id = asked(&app, &owner, "growth").await;
        assert_eq!(app.get("/admin/plans", Some(&owner)).await.status, StatusCode::NOT_FOUND);
        assert_eq!(decide(&app, &id, "approve", &owner, "").await.status, StatusCode::NOT_FOUND);
        let odd = [app.state.rng.id("plr", app.clock.now()), acme.clone(), "1%20or%201=1".to_owned(), "%00".to_owned()];
        for other in &odd {
            assert_eq!(app.get(&format!("/admin/plans/{other}"), Some(&kim)).await.status, StatusCode::NOT_FOUND, "{other}");
            for how in ["approve", "decline"] {
                assert_eq!(app.get(&format!("/admin/plans/{other}/{how}"), Some(&kim)).await.status, StatusCode::NOT_FOUND);
                assert_eq!(decide(&app, other, how, &kim, "a reason").await.status, StatusCode::NOT_FOUND);
            }
        }
        // A proof for one request or decision fits no other, and who is an operator no more decides nothing.
        let kims = app.viewer(&kim);
        let no = Decision::Decline("No contract yet".to_owned());
        let stale = proof(&app, &kim, &id, &no).await;
        let refused = ops::decide(&app.state, &kims, &id, &Decision::Approve, stale).await.expect_err("refused");
        assert!(refused.into_ui().message.contains("no longer fits"));
        let fitting = proof(&app, &kim, &id, &no).await;
        let mut tx = app.state.db.begin().await.expect("a transaction");
        crate::execute!(tx, "update users set operator = false where id = $1", &kim.id).expect("updated");
        tx.commit().await.expect("committed");
        ops::decide(&app.state, &kims, &id, &no, fitting).await.expect_err("an operator no more");
        // What a closed workspace asked for waits no longer.
        let lee = app.operator().await;
        let mut tx = app.state.db.begin().await.expect("a transaction");
        crate::execute!(tx, "update workspaces set closed_at = $2 where id = $1", &acme, app.clock.now()).expect("updated");
        tx.commit().await.expect("committed");
        assert!(app.get("/admin/plans", Some(&lee)).await.body.contains("No request waits."));
        assert_eq!(decide(&app, &id, "approve", &lee, "").await.status, StatusCode::NOT_FOUND);
    }

    async fn what_an_environment_needs_is_done_one_by_one(test: TestDb) {
        let app = TestApp::start_as(test, strict()).await;
        let acme = app.workspace("Acme").await;
        let needs = async || -> (Vec<Need>, bool) {
            let live = app.state.profile.environment("live").expect("it is there");
            let mut reader = app.state.db.read().await.expect("a connection");
            let items: Vec<ReadinessItem> = view::readiness(&mut reader, &app.state, &acme, live).await.expect("read");
            assert!(items.iter().all(|item| item.done == item.hint.is_empty()));
            let open = view::is_open(&mut reader, &app.state, &acme, live).await.expect("read");
            (items.into_iter().filter(|item| !item.done).map(|item| item.need).collect(), open)
        };
        let equip = async |who: &Someone| {
            let mut tx = app.state.db.begin().await.expect("a transaction");
            factors::store::set_totp(&mut tx, &who.id, b"sealed", 1, app.clock.now()).await.expect("set");
            tx.commit().await.expect("committed");
        };
        let admin = app.member(&acme, &[Role::Admin]).await;
        equip(&admin).await;
        assert_eq!(needs().await, (vec![Need::Address, Need::SecondFactor, Need::Plan], false));
        let owner = app.member(&acme, &[Role::Owner]).await;
        assert_eq!(needs().await, (vec![Need::SecondFactor, Need::Plan], false));
        let page = app.get("/plans", Some(&admin)).await;
        for words in ["Live is locked: 1 of 3 done.", "Address verified", "an owner sets up an authenticator or a passkey", "an admin requests it"] {
            assert!(page.body.contains(words), "{words} in {}", page.body);
        }
        equip(&owner).await;
        assert_eq!(needs().await, (vec![Need::Plan], false));
        asked(&app, &admin, "growth").await;
        assert_eq!(needs().await, (vec![Need::Plan], false), "asking is not enough");
        assert!(app.get("/plans", Some(&admin)).await.body.contains("Growth requested just now; the operator decides"));
        ops::approve_at_console(&app.state, &acme, "growth").await.expect("approved");
        assert_eq!(needs().await, (Vec::new(), true));
        assert!(!app.get("/plans", Some(&admin)).await.body.contains("is locked"));

        // An environment that needs nothing is open to everybody.
        let globex = app.workspace("Globex").await;
        let sandbox = app.state.profile.environment("sandbox").expect("it is there");
        let mut reader = app.state.db.read().await.expect("a connection");
        assert!(view::is_open(&mut reader, &app.state, &globex, sandbox).await.expect("read"));
    }

    async fn a_default_plan_is_one_that_is_in_force(test: TestDb) {
        let mut profile = strict();
        profile.default_tier = Some("starter".to_owned());
        let app = TestApp::start_as(test, profile).await;
        let acme = app.workspace("Acme").await;
        let live = app.state.profile.environment("live").expect("it is there");
        let mut reader = app.state.db.read().await.expect("a connection");
        let items = view::readiness(&mut reader, &app.state, &acme, live).await.expect("read");
        assert!(items.iter().any(|item| item.need == Need::Plan && item.done));
        assert_eq!(view::may_make_keys(&mut reader, &app.state, &acme).await.expect("read"), Ok(()));
    }

    async fn where_a_plan_is_required_keys_wait_for_it(test: TestDb) {
        let app = TestApp::start_as(test, strict()).await;
        let acme = app.workspace("Acme").await;
        let owner = app.member(&acme, &[Role::Owner]).await;
        let may = async || {
            let mut reader = app.state.db.read().await.expect("a connection");
            view::may_make_keys(&mut reader, &app.state, &acme).await.expect("read")
        };
        let said = async || may().await.expect_err("not yet");
        assert_eq!(said().await, "No plan is in force. An admin requests one. Keys can be created once it is approved.");
        let id = asked(&app, &owner, "starter").await;
        app.clock.advance(2 * MINUTE);
        assert_eq!(said().await, "Starter requested 2 min ago by Test Person. The operator decides; mail follows. Keys can be created once it is approved.");
        assert!(app.get("/plans", Some(&owner)).await.body.contains("Keys can be created once it is approved."));
        let kim = app.operator().await;
        decide(&app, &id, "decline", &kim, "No contract yet").await;
        assert!(said().await.starts_with("Test Person declined Starter just now: \u{201c}No contract yet\u{201d}."));
        app.clock.advance(SECOND);
        let id = asked(&app, &owner, "starter").await;
        assert!(app.get(&format!("/admin/plans/{id}/approve"), Some(&kim)).await.body.contains("where none was"));
        decide(&app, &id, "approve", &kim, "").await;
        assert_eq!(may().await, Ok(()));
    }

    async fn the_console_puts_a_plan_in_force(test: TestDb) {
        #[derive(Parser)]
        struct Line {
            #[command(subcommand)]
            command: Admin,
        }
        let app = TestApp::start(test).await;
        let (acme, globex) = (app.workspace("Acme").await, app.workspace("Globex").await);
        let owner = app.member(&acme, &[Role::Owner]).await;
        let run = async |workspace: &str, tier: &str| {
            let line = Line::try_parse_from(["admin", "approve-plan", "--workspace", workspace, "--tier", tier]).expect("parsed");
            let mut out = Vec::new();
            commands::run(&app.state, line.command, &mut out).await.map_err(|failed| failed.0)?;
            Ok::<_, String>(String::from_utf8(out).expect("UTF-8"))
        };
        assert_eq!(run(&acme, "growth").await.expect("done"), format!("{{\"workspace_id\":\"{acme}\",\"tier\":\"growth\"}}\n"));
        assert_eq!(in_force(&app, &acme).await.as_deref(), Some("growth"));
        for chain in [acme.as_str(), audit::PLATFORM] {
            let record = record(&app, chain).await;
            assert!(record.len() == 1 && record[0].0 == audit::CONSOLE && record[0].1 == "plan.approved");
        }
        assert_eq!((events(&app).await.len(), app.letters(&owner.email).await.len()), (1, 1));
        assert!(run(&acme, "growth").await.expect_err("refused").contains("in force already"));
        assert!(run(&acme, "platinum").await.expect_err("refused").contains("Choose one of the plans"));
        for nowhere in ["wsp_1", &app.state.rng.id("wsp", app.clock.now())] {
            assert!(run(nowhere, "growth").await.expect_err("refused").contains("no such workspace"));
        }
        // What waits for the same plan is approved by it; what waits for another goes on waiting.
        app.clock.advance(SECOND);
        asked(&app, &owner, "enterprise").await;
        run(&acme, "starter").await.expect("done");
        assert_eq!(states(&app, &acme).await.iter().filter(|state| **state == State::Requested).count(), 1);
        app.clock.advance(SECOND);
        run(&acme, "enterprise").await.expect("done");
        let states = states(&app, &acme).await;
        assert!(!states.contains(&State::Requested) && states.len() == 3);
        assert_eq!(in_force(&app, &acme).await.as_deref(), Some("enterprise"));
        assert_eq!(in_force(&app, &globex).await.as_deref(), Some("starter"));
    }
}
