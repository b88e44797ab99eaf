//! Requests about new keys, from the asking to the decision, through the portal's router.

use axum::http::StatusCode;
use futures_util::future::join_all;
use serde::Serialize;

use super::{
    ops,
    store::{self, ApprovalRow},
};
use crate::{
    accounts::{
        Factor, Viewer,
        step_up::{self, Action, Proof},
    },
    db::testing::TestDb,
    keys::{self, ops::Creation, policy::NewKey, store::KeyRow, types::KeyState},
    on_both_engines,
    profiles::Profile,
    server::{
        clock::{DAY, HOUR, MINUTE},
        error::AppError,
        testing::{PASSWORD, Reply, Someone, TestApp, typed},
    },
    workspaces::Role,
};

/// A workspace of a profile in which every key needs a checker: Ada makes keys, Bo and Chi decide.
pub struct Team {
    pub app: TestApp,
    pub workspace: String,
    pub ada: Someone,
    pub bo: Someone,
    pub chi: Someone,
}

impl Team {
    pub async fn start(test: TestDb) -> Self {
        let profile = Profile::load("universal-wallet").expect("it loads");
        let app = TestApp::start_as(test, profile).await;
        let workspace = app.workspace("Acme").await;
        let ada = named(&app, &workspace, "Ada", &[Role::Developer]).await;
        let bo = named(&app, &workspace, "Bo", &[Role::Checker]).await;
        let chi = named(&app, &workspace, "Chi", &[Role::Checker]).await;
        Self {
            app,
            workspace,
            ada,
            bo,
            chi,
        }
    }

    pub fn wanted(&self, label: &str, scopes: &[&str]) -> NewKey {
        self.app.wanted("live", label, scopes)
    }

    /// Asks for a key. Gives its id and the request's.
    pub async fn ask(&self, who: &Someone, label: &str) -> (String, String) {
        self.ask_for(who, &self.wanted(label, &["balance:read"]))
            .await
    }

    pub async fn ask_for(&self, who: &Someone, key: &NewKey) -> (String, String) {
        let (app, viewer) = (&self.app, self.app.viewer(who));
        let draft = app.state.rng.id("drf", app.clock.now());
        let proof = prove(app, &viewer, Action::CreateKey, key).await;
        let made = keys::ops::create(&app.state, &viewer, &draft, key, None, proof).await;
        let Ok(Creation::Waiting { id }) = made else {
            panic!("it does not wait");
        };
        let request = self.about(&id).await;
        (id, request.id)
    }

    /// A key that was asked for, agreed to and revealed.
    pub async fn active(&self, label: &str) -> String {
        let (key, request) = self.ask(&self.ada, label).await;
        assert_eq!(
            self.decide(&self.bo, &request, "approve", "").await.status,
            StatusCode::SEE_OTHER
        );
        assert!(self.reveal(&self.ada, &key).await.is_ok());
        key
    }

    pub async fn reveal(&self, who: &Someone, key: &str) -> Result<Creation, AppError> {
        let viewer = self.app.viewer(who);
        let content = keys::ops::reveal_content(key);
        let proof = prove(&self.app, &viewer, Action::RevealKey, &content).await;
        keys::ops::reveal(&self.app.state, &viewer, key, proof).await
    }

    pub async fn row(&self, id: &str) -> ApprovalRow {
        let mut reader = self.app.state.db.read().await.expect("a connection");
        let row = store::find(&mut reader, &self.workspace, id).await;
        row.expect("read").expect("it is there")
    }

    /// The last request about this key, member or workspace.
    pub async fn about(&self, subject: &str) -> ApprovalRow {
        let mut reader = self.app.state.db.read().await.expect("a connection");
        let row = store::last_about(&mut reader, &self.workspace, subject).await;
        row.expect("read").expect("it is there")
    }

    pub async fn outcome(&self, id: &str) -> Option<String> {
        self.row(id).await.outcome
    }

    pub async fn key(&self, id: &str) -> KeyRow {
        let mut reader = self.app.state.db.read().await.expect("a connection");
        let key = keys::store::find(&mut reader, &self.workspace, id).await;
        key.expect("read").expect("it is there")
    }

    pub async fn state(&self, key: &str) -> KeyState {
        self.key(key).await.state(self.app.clock.now())
    }

    /// Sends the form of the request's page.
    pub async fn decide(&self, who: &Someone, id: &str, decision: &str, reason: &str) -> Reply {
        let content = self.row(id).await.content();
        let fields = [
            ("content", content.as_str()),
            ("decision", decision),
            ("reason", reason),
            ("factor", "password"),
            ("proof", PASSWORD),
        ];
        self.app
            .post(&format!("/approvals/{id}"), Some(who), &fields)
            .await
    }

    /// How many entries of the record have this action.
    pub async fn recorded(&self, action: &str) -> i64 {
        let mut reader = self.app.state.db.read().await.expect("a connection");
        let (count,): (i64,) = crate::fetch_one!(
            &mut reader,
            (i64,),
            "select count(*) from audit_entries where chain_id = $1 and action = $2",
            &self.workspace,
            action
        )
        .expect("counted");
        count
    }

    /// The subjects of the letters to somebody.
    pub async fn told(&self, who: &Someone) -> Vec<String> {
        let letters = self.app.letters(&who.email).await;
        letters.into_iter().map(|letter| letter.subject).collect()
    }
}

pub async fn named(app: &TestApp, workspace: &str, name: &str, roles: &[Role]) -> Someone {
    let someone = app.member(workspace, roles).await;
    let mut tx = app.state.db.begin().await.expect("a transaction");
    crate::execute!(
        tx,
        "update users set name = $2 where id = $1",
        &someone.id,
        name
    )
    .expect("renamed");
    tx.commit().await.expect("committed");
    someone
}

pub async fn prove(
    app: &TestApp,
    viewer: &Viewer,
    action: Action,
    content: &impl Serialize,
) -> Proof {
    let typed = typed(PASSWORD);
    step_up::prove(
        &app.state,
        viewer,
        action,
        content,
        Factor::Password,
        &typed,
    )
    .await
    .expect("proven")
}

on_both_engines! {
    async fn of_fifty_approvals_at_once_one_decides_and_the_others_hear_who_was_first(test: TestDb) {
        let team = Team::start(test).await;
        let (key, request) = team.ask(&team.ada, "POS").await;
        let content = team.row(&request).await.content();
        let mut proofs = Vec::new();
        for at in 0..50 {
            let viewer = team.app.viewer(if at % 2 == 0 { &team.bo } else { &team.chi });
            let bound = ops::decision(&request, &content, true, "");
            let proof = prove(&team.app, &viewer, Action::Decide, &bound).await;
            proofs.push((viewer, proof));
        }
        let decided = join_all(proofs.into_iter().map(|(viewer, proof)| {
            let (state, request, content) = (&team.app.state, &request, &content);
            async move { ops::approve(state, &viewer, request, content, "", proof).await }
        })).await;
        let (won, lost): (Vec<_>, Vec<_>) = decided.into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (1, 49));
        let first = team.row(&request).await.decider.expect("somebody");
        for error in lost {
            let error = error.expect_err("lost").into_ui();
            assert_eq!(error.kind.status(), 409);
            assert!(error.message.starts_with(&format!("{first} approved this")), "{}", error.message);
            assert!(error.message.ends_with("Nothing of yours was recorded."), "{}", error.message);
        }
        assert_eq!(team.recorded("approval.approved").await, 1);
        assert_eq!(team.state(&key).await, KeyState::Approved);
        assert_eq!(team.told(&team.ada).await, [format!("{first} approved: a new live key \u{201c}POS\u{201d}")].map(|subject| {
            // The letters carry the name of the viewer who decided, which tests fix.
            subject.replacen(&first, "Test Person", 1)
        }));
        let late = team.decide(&team.bo, &request, "approve", "").await;
        assert_eq!(late.status, StatusCode::CONFLICT, "{}", late.body);
        assert!(late.body.contains(&format!("{first} approved this")) && late.body.contains("role=\"alert\""));
    }

    async fn what_was_asked_is_read_decided_and_revealed_by_its_maker_alone(test: TestDb) {
        let team = Team::start(test).await;
        let in_use = team.active("Till").await;
        // Letters of one moment stand in no order.
        team.app.clock.advance(MINUTE);
        let (key, request) = team.ask(&team.ada, "POS").await;
        let (page, yours) = (team.app.get("/approvals", Some(&team.bo)).await, team.app.get("/approvals", Some(&team.ada)).await);
        assert_eq!((page.status, yours.status), (StatusCode::OK, StatusCode::OK));
        assert!(page.body.contains("For you") && page.body.contains(&request) && page.body.contains("New key"), "{}", page.body);
        assert!(page.between("href=\"/approvals\"", "</a>").contains(">1<"), "the rail counts it");
        assert!(!yours.body.contains("For you") && yours.body.contains(&request));
        assert!(!yours.between("href=\"/approvals\"", "</a>").contains(">1<"));

        let path = format!("/approvals/{request}");
        let page = team.app.get(&path, Some(&team.bo)).await;
        assert_eq!(page.status, StatusCode::OK);
        for words in [
            "read the balance", "any address", "Beside \u{201c}Till\u{201d}", "You decide on exactly this", "Elevated risk",
            "Approve request", "Reject request", "developer, since", &in_use, &team.row(&request).await.content(),
        ] {
            assert!(page.body.contains(words), "{words} in {}", page.body);
        }
        let own = team.app.get(&path, Some(&team.ada)).await;
        assert!(own.body.contains("You can\u{2019}t approve your own request.") && own.body.contains("Bo or Chi can."), "{}", own.body);
        assert!(!own.body.contains("Approve request") && own.body.contains("Remind them") && own.body.contains("Withdraw"));

        let typed = team.decide(&team.bo, &request, "approve", "No day limit").await;
        assert_eq!(typed.status, StatusCode::UNPROCESSABLE_ENTITY, "a reason goes with a rejection");
        assert!(typed.body.contains("No day limit") && team.outcome(&request).await.is_none());
        let neither = team.decide(&team.bo, &request, "", "").await;
        assert_eq!(neither.status, StatusCode::UNPROCESSABLE_ENTITY);
        let done = team.decide(&team.bo, &request, "approve", "").await;
        assert_eq!((done.status, done.location()), (StatusCode::SEE_OTHER, format!("{path}?done=approved").as_str()));
        let letter = team.app.letters(&team.ada.email).await.pop().expect("a letter");
        assert_eq!(letter.subject, "Bo approved: a new live key \u{201c}POS\u{201d}");
        assert!(letter.button.is_some_and(|(_, link)| link.ends_with(&format!("/keys/{key}/reveal"))));
        let notices = team.app.get("/notices", Some(&team.ada)).await;
        assert!(notices.body.contains("Bo approved: a new live key"));

        for who in [&team.bo, &team.chi] {
            let refused = team.reveal(who, &key).await.err().expect("not theirs");
            assert_eq!(refused.into_ui().kind.status(), 403);
        }
        assert!(matches!(team.reveal(&team.ada, &key).await, Ok(Creation::Created(_))));
        assert!(matches!(team.reveal(&team.ada, &key).await, Ok(Creation::AlreadyShown { .. })));
        let decided = team.app.get("/approvals?tab=decided", Some(&team.ada)).await;
        assert!(decided.body.contains(&request) && decided.body.contains("Approved"));
    }

    async fn an_approval_is_taken_back_until_the_secret_is_made(test: TestDb) {
        let team = Team::start(test).await;
        let (key, request) = team.ask(&team.ada, "POS").await;
        let back = format!("/approvals/{request}/take-back");
        let early = team.app.post(&back, Some(&team.bo), &[]).await;
        assert_eq!(early.status, StatusCode::CONFLICT, "nothing was approved");
        team.decide(&team.bo, &request, "approve", "").await;
        let page = team.app.get(&format!("/approvals/{request}"), Some(&team.chi)).await;
        assert!(page.body.contains("Take back") && page.body.contains("Bo approved this"), "{}", page.body);
        assert_eq!(team.app.post(&back, Some(&team.ada), &[]).await.status, StatusCode::FORBIDDEN);
        let done = team.app.post(&back, Some(&team.chi), &[]).await;
        assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
        assert_eq!((team.state(&key).await, team.outcome(&request).await), (KeyState::Requested, None));
        assert!(team.reveal(&team.ada, &key).await.is_err());
        assert!(team.told(&team.ada).await.iter().any(|subject| subject.starts_with("Chi took the approval of")));
        team.decide(&team.bo, &request, "approve", "").await;
        assert!(team.reveal(&team.ada, &key).await.is_ok());
        let late = team.app.post(&back, Some(&team.chi), &[]).await;
        assert_eq!(late.status, StatusCode::CONFLICT);
        assert_eq!(team.state(&key).await, KeyState::Active);
        assert!(!team.app.get(&format!("/approvals/{request}"), Some(&team.chi)).await.body.contains("Take back"));
    }

    async fn what_is_not_yours_to_decide_stays_undecided(test: TestDb) {
        let team = Team::start(test).await;
        let (_, request) = team.ask(&team.ada, "POS").await;
        let dee = named(&team.app, &team.workspace, "Dee", &[Role::Owner]).await;
        for who in [&team.ada, &dee] {
            assert_eq!(team.decide(who, &request, "approve", "").await.status, StatusCode::FORBIDDEN, "no checker");
        }
        let eve = named(&team.app, &team.workspace, "Eve", &[Role::Developer, Role::Checker]).await;
        let (_, own) = team.ask(&eve, "Mine").await;
        let refused = team.decide(&eve, &own, "approve", "").await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        assert!(refused.body.contains("approve your own request"));

        let fields = [("content", "00ff"), ("decision", "approve"), ("factor", "password"), ("proof", PASSWORD)];
        let changed = team.app.post(&format!("/approvals/{request}"), Some(&team.bo), &fields).await;
        assert_eq!(changed.status, StatusCode::CONFLICT);
        assert!(changed.body.contains("not what this page showed"));
        let mut wrong = fields;
        let content = team.row(&request).await.content();
        wrong[0].1 = &content;
        wrong[3].1 = "wrong";
        let wrong = team.app.post(&format!("/approvals/{request}"), Some(&team.bo), &wrong).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);

        let elsewhere = team.app.workspace("Elsewhere").await;
        let stranger = team.app.member(&elsewhere, &[Role::Owner, Role::Checker]).await;
        let developer = named(&team.app, &team.workspace, "Fay", &[Role::Developer]).await;
        let missing = team.app.state.rng.id("apr", team.app.clock.now());
        for (who, id) in [(&stranger, &request), (&stranger, &missing), (&developer, &request), (&developer, &missing)] {
            assert_eq!(team.app.get(&format!("/approvals/{id}"), Some(who)).await.status, StatusCode::NOT_FOUND);
            for step in ["remind", "withdraw"] {
                let reply = team.app.post(&format!("/approvals/{id}/{step}"), Some(who), &[]).await;
                assert_eq!(reply.status, StatusCode::NOT_FOUND, "{step}");
            }
        }
        for (step, fields) in [("", &fields[..]), ("/take-back", &[][..])] {
            for id in [&request, &missing] {
                let reply = team.app.post(&format!("/approvals/{id}{step}"), Some(&stranger), fields).await;
                assert_eq!(reply.status, StatusCode::NOT_FOUND);
            }
        }
        assert!(!team.app.get("/approvals?tab=decided", Some(&developer)).await.body.contains(&request));

        let withdrawn = team.app.post(&format!("/approvals/{own}/withdraw"), Some(&eve), &[]).await;
        assert_eq!(withdrawn.status, StatusCode::SEE_OTHER, "{}", withdrawn.body);
        let late = team.decide(&team.bo, &own, "approve", "").await;
        assert_eq!(late.status, StatusCode::CONFLICT);
        assert!(late.body.contains("Eve withdrew this") && late.body.contains("There is nothing to decide."));
        assert_eq!(team.app.get(&format!("/approvals/{own}"), Some(&team.bo)).await.status, StatusCode::OK);

        team.app.clock.advance(7 * DAY);
        let bo = again(&team.app, &team.bo).await;
        let lapsed = team.decide(&bo, &request, "approve", "").await;
        assert_eq!(lapsed.status, StatusCode::CONFLICT, "{}", lapsed.body);
        assert!(lapsed.body.contains("so it lapsed"));
        assert_eq!(team.recorded("approval.approved").await, 0);
    }

    async fn a_rejection_needs_a_reason_and_ends_the_key_and_its_label_is_free(test: TestDb) {
        let team = Team::start(test).await;
        let (key, request) = team.ask(&team.ada, "POS").await;
        let path = format!("/approvals/{request}");
        for reason in ["", "  ", "hidden\u{202e}"] {
            let refused = team.decide(&team.bo, &request, "reject", reason).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{reason:?}");
            assert!(refused.body.contains("id=\"reason-error\""));
        }
        let done = team.decide(&team.bo, &request, "reject", "No day limit.").await;
        assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
        assert_eq!(team.state(&key).await, KeyState::Rejected);
        let letter = team.app.letters(&team.ada.email).await.pop().expect("a letter");
        assert!(letter.subject.starts_with("Bo rejected:") && letter.text[0].contains("No day limit."));
        let page = team.app.get(&path, Some(&team.ada)).await;
        assert!(page.body.contains("Bo rejected this") && page.body.contains("No day limit."), "{}", page.body);
        assert!(page.body.contains(&format!("/keys/new?again={request}")) && page.body.contains("Change and send again"));
        assert!(!team.app.get(&path, Some(&team.chi)).await.body.contains("Change and send again"));
        assert!(team.reveal(&team.ada, &key).await.is_err());
        let (second, _) = team.ask(&team.ada, "POS").await;
        assert_eq!(team.state(&second).await, KeyState::Requested);
    }

    async fn of_an_approval_and_a_withdrawal_at_once_one_counts(test: TestDb) {
        let team = Team::start(test).await;
        for at in 0..5 {
            let (key, request) = team.ask(&team.ada, &format!("POS {at}")).await;
            let path = format!("/approvals/{request}/withdraw");
            let (approved, withdrawn) = futures_util::join!(
                team.decide(&team.bo, &request, "approve", ""),
                team.app.post(&path, Some(&team.ada), &[])
            );
            let expected = if approved.status == StatusCode::SEE_OTHER {
                assert_eq!(withdrawn.status, StatusCode::CONFLICT, "{}", withdrawn.body);
                ("approved", KeyState::Approved)
            } else {
                assert_eq!((approved.status, withdrawn.status), (StatusCode::CONFLICT, StatusCode::SEE_OTHER));
                ("withdrawn", KeyState::Withdrawn)
            };
            assert_eq!((team.outcome(&request).await.as_deref(), team.state(&key).await), (Some(expected.0), expected.1));
        }
        assert_eq!(team.recorded("approval.approved").await + team.recorded("approval.withdrawn").await, 5);
    }

    async fn checkers_are_reminded_once_a_day_and_what_nobody_decides_lapses(test: TestDb) {
        let team = Team::start(test).await;
        let (key, request) = team.ask(&team.ada, "POS").await;
        let path = format!("/approvals/{request}/remind");
        let remind = async |who: &Someone| team.app.post(&path, Some(who), &[]).await.status;
        assert_eq!(remind(&team.bo).await, StatusCode::FORBIDDEN, "a checker reminds nobody");
        assert_eq!(remind(&team.ada).await, StatusCode::SEE_OTHER);
        assert_eq!(remind(&team.ada).await, StatusCode::CONFLICT);
        let page = team.app.get(&format!("/approvals/{request}"), Some(&team.ada)).await;
        assert!(page.body.contains("Once a day is enough."), "{}", page.body);
        team.app.clock.advance(DAY);
        let ada = again(&team.app, &team.ada).await;
        assert_eq!(remind(&ada).await, StatusCode::SEE_OTHER);
        let waits = "\u{201c}POS\u{201d} still waits for a decision";
        for checker in [&team.bo, &team.chi] {
            assert_eq!(team.told(checker).await.iter().filter(|subject| *subject == waits).count(), 2);
        }

        team.app.clock.advance(6 * DAY - HOUR);
        ops::upkeep(&team.app.state).await.expect("done");
        ops::upkeep(&team.app.state).await.expect("done");
        assert_eq!(team.told(&team.bo).await.iter().filter(|subject| *subject == waits).count(), 3, "once before the end");
        assert_eq!(team.outcome(&request).await, None);
        team.app.clock.advance(HOUR + MINUTE);
        ops::upkeep(&team.app.state).await.expect("done");
        ops::upkeep(&team.app.state).await.expect("done");
        assert_eq!(team.outcome(&request).await.as_deref(), Some("lapsed"));
        assert_eq!((team.state(&key).await, team.recorded("approval.lapsed").await), (KeyState::Lapsed, 1));
        let told = team.told(&team.ada).await;
        assert_eq!(told.iter().filter(|subject| subject.starts_with("Nobody decided about")).count(), 1);
        let ada = again(&team.app, &team.ada).await;
        let page = team.app.get(&format!("/approvals/{request}"), Some(&ada)).await;
        assert!(page.body.contains("Nobody decided this in time."));
    }
}

/// The same person after their session ended.
pub async fn again(app: &TestApp, who: &Someone) -> Someone {
    let fields = [("email", who.email.as_str()), ("password", PASSWORD)];
    let reply = app.post("/login", None, &fields).await;
    Someone {
        cookie: crate::server::testing::cookie(&reply).expect("a session cookie"),
        ..who.clone()
    }
}
