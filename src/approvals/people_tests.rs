//! Being alone, and requests about roles, invitations and the rules themselves.

use axum::http::StatusCode;

use super::tests::{Team, named};
use crate::{
    accounts::factors::tests::{code_at, enrol},
    approvals::settings,
    keys::types::KeyState,
    on_both_engines,
    profiles::{ApprovalLevel, Profile},
    server::{
        clock::MINUTE,
        testing::{PASSWORD, Reply, Someone, TestApp},
    },
    workspaces::Role,
};

const PROOF: [(&str, &str); 2] = [("factor", "password"), ("proof", PASSWORD)];

async fn rules(team: &Team, who: &Someone, keys: &str, on: &[&str]) -> Reply {
    let mut fields = vec![("keys", keys)];
    fields.extend(on.iter().map(|name| (*name, "on")));
    fields.extend(PROOF);
    team.app
        .post("/settings/workspace/approvals", Some(who), &fields)
        .await
}

async fn in_force(team: &Team) -> settings::Settings {
    let mut reader = team.app.state.db.read().await.expect("a connection");
    settings::of(&mut reader, &team.app.state.profile, &team.workspace)
        .await
        .expect("read")
}

async fn give(team: &Team, admin: &Someone, to: &Someone, roles: &[&str]) -> Reply {
    let was = roles_of(team, to).await;
    let mut fields = vec![("was", was.as_str())];
    fields.extend(roles.iter().map(|role| ("roles", *role)));
    fields.extend(PROOF);
    let path = format!("/members/{}/roles", to.id);
    team.app.post(&path, Some(admin), &fields).await
}

async fn roles_of(team: &Team, who: &Someone) -> String {
    let mut reader = team.app.state.db.read().await.expect("a connection");
    let (roles,): (String,) = crate::fetch_one!(
        &mut reader,
        (String,),
        "select roles from members where user_id = $1",
        &who.id
    )
    .expect("read");
    roles
}

/// The request that an answer leads to.
fn led_to(reply: &Reply) -> String {
    assert_eq!(reply.status, StatusCode::SEE_OTHER, "{}", reply.body);
    let id = reply.location().strip_prefix("/approvals/");
    let id = id.and_then(|rest| rest.strip_suffix("?done=asked"));
    id.unwrap_or_else(|| panic!("{} is no request", reply.location()))
        .to_owned()
}

/// A workspace with one person in it.
async fn alone(test: crate::db::testing::TestDb) -> Team {
    let profile = Profile::load("universal-wallet").expect("it loads");
    let app = TestApp::start_as(test, profile).await;
    let workspace = app.workspace("Acme").await;
    let ada = named(&app, &workspace, "Ada", &[Role::Owner, Role::Checker]).await;
    Team {
        bo: ada.clone(),
        chi: ada.clone(),
        app,
        workspace,
        ada,
    }
}

async fn approve_own(team: &Team, id: &str, manual: &str, reason: &str) -> Reply {
    let (content, code) = (
        team.row(id).await.content(),
        code_at(manual, team.app.clock.now()),
    );
    let fields = [
        ("content", content.as_str()),
        ("decision", "approve"),
        ("reason", reason),
        ("factor", "totp"),
        ("proof", code.as_str()),
    ];
    team.app
        .post(&format!("/approvals/{id}"), Some(&team.ada), &fields)
        .await
}

on_both_engines! {
    async fn who_is_alone_approves_their_own_with_a_second_factor_and_a_reason(test: TestDb) {
        let team = alone(test).await;
        let (key, request) = team.ask(&team.ada, "POS").await;
        let path = format!("/approvals/{request}");
        let page = team.app.get(&path, Some(&team.ada)).await;
        assert!(page.body.contains("You are alone here") && page.body.contains("set up an authenticator or a passkey"), "{}", page.body);
        assert_eq!(team.decide(&team.ada, &request, "approve", "Only me").await.status, StatusCode::FORBIDDEN);

        let (manual, _) = enrol(&team.app, &team.ada).await;
        team.app.clock.advance(MINUTE);
        let page = team.app.get(&path, Some(&team.ada)).await;
        assert!(page.body.contains("Approve request") && !page.body.contains("Reject request"), "{}", page.body);
        let by_password = team.decide(&team.ada, &request, "approve", "Only me").await;
        assert_eq!(by_password.status, StatusCode::UNPROCESSABLE_ENTITY, "a password is not enough");
        assert_eq!(approve_own(&team, &request, &manual, " ").await.status, StatusCode::UNPROCESSABLE_ENTITY);
        let done = approve_own(&team, &request, &manual, "Only me here").await;
        assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
        let row = team.row(&request).await;
        assert!(row.own && row.reason.as_deref() == Some("Only me here"));
        assert_eq!(team.state(&key).await, KeyState::Approved);
        assert!(team.app.get("/approvals?tab=decided", Some(&team.ada)).await.body.contains("Own approval"));
        assert!(team.app.get("/audit", Some(&team.ada)).await.body.contains("Approved their own request, being alone"));
        assert!(team.reveal(&team.ada, &key).await.is_ok());

        // Somebody joins: from then on it takes two.
        let (_, second) = team.ask(&team.ada, "POS 2").await;
        named(&team.app, &team.workspace, "Bo", &[Role::Developer]).await;
        team.app.clock.advance(MINUTE);
        let refused = approve_own(&team, &second, &manual, "Only me here").await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        let page = team.app.get(&format!("/approvals/{second}"), Some(&team.ada)).await;
        assert!(page.body.contains("Nobody here can approve this.") && page.body.contains("Invite a checker"), "{}", page.body);
    }

    async fn a_workspace_that_forbids_it_has_no_own_approvals(test: TestDb) {
        let team = alone(test).await;
        let (manual, _) = enrol(&team.app, &team.ada).await;
        let tightened = rules(&team, &team.ada, "everything", &["roles", "policy"]).await;
        assert_eq!(tightened.location(), "/settings/workspace/approvals?done=rules", "{}", tightened.body);
        let (key, request) = team.ask(&team.ada, "POS").await;
        team.app.clock.advance(MINUTE);
        let refused = approve_own(&team, &request, &manual, "Only me here").await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        assert!(refused.body.contains("this workspace forbids it"), "{}", refused.body);
        assert_eq!(team.state(&key).await, KeyState::Requested);
    }

    async fn a_new_checker_waits_for_another_one_and_is_one_once_they_agree(test: TestDb) {
        let team = Team::start(test).await;
        let dee = named(&team.app, &team.workspace, "Dee", &[Role::Owner]).await;
        let form = team.app.get(&format!("/members/{}/roles", team.ada.id), Some(&dee)).await;
        assert!(form.body.contains("Bo or Chi has to agree: making a checker needs a second person here."), "{}", form.body);
        assert!(team.app.get("/members/invite", Some(&dee)).await.body.contains("Bo or Chi has to agree"));
        let request = led_to(&give(&team, &dee, &team.ada, &["developer", "checker"]).await);
        assert_eq!(roles_of(&team, &team.ada).await, "developer");
        let page = team.app.get(&format!("/approvals/{request}"), Some(&team.bo)).await;
        for words in ["Checker role", "Ada", "Makes somebody a checker", "High risk", "Approve request"] {
            assert!(page.body.contains(words), "{words} in {}", page.body);
        }
        assert_eq!(team.decide(&dee, &request, "approve", "").await.status, StatusCode::FORBIDDEN);
        let done = team.decide(&team.bo, &request, "approve", "").await;
        assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
        assert_eq!(roles_of(&team, &team.ada).await, "developer,checker");

        // Changed meanwhile: nobody gets what was agreed to for somebody else than they are now.
        let fay = named(&team.app, &team.workspace, "Fay", &[Role::Developer]).await;
        let request = led_to(&give(&team, &dee, &fay, &["developer", "checker"]).await);
        assert_eq!(give(&team, &dee, &fay, &["auditor"]).await.location(), "/members?done=roles");
        let late = team.decide(&team.bo, &request, "approve", "").await;
        assert_eq!(late.status, StatusCode::CONFLICT);
        assert!(late.body.contains("roles were changed meanwhile"), "{}", late.body);
        assert_eq!((team.outcome(&request).await.as_deref(), roles_of(&team, &fay).await.as_str()), (Some("void"), "auditor"));
    }

    async fn an_invitation_of_a_checker_is_sent_once_one_agrees(test: TestDb) {
        let team = Team::start(test).await;
        let dee = named(&team.app, &team.workspace, "Dee", &[Role::Owner]).await;
        let mut fields = vec![("email", "new@example.test"), ("roles", "checker")];
        fields.extend(PROOF);
        let request = led_to(&team.app.post("/members/invite", Some(&dee), &fields).await);
        assert!(team.app.letters("new@example.test").await.is_empty());
        let page = team.app.get(&format!("/approvals/{request}"), Some(&team.chi)).await;
        assert!(page.body.contains("new@example.test") && page.body.contains("Invitation"), "{}", page.body);
        let done = team.decide(&team.chi, &request, "approve", "").await;
        assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
        assert_eq!(team.app.letters("new@example.test").await.len(), 1);
    }

    async fn rules_are_tightened_at_once_and_loosened_by_two(test: TestDb) {
        let team = Team::start(test).await;
        let dee = named(&team.app, &team.workspace, "Dee", &[Role::Admin]).await;
        let page = team.app.get("/settings/workspace/approvals", Some(&dee)).await;
        assert!(page.body.contains("Universal Wallet asks for more than that.") && page.body.contains("Bo or Chi has to agree"), "{}", page.body);
        assert!(team.app.get("/settings/workspace", Some(&dee)).await.body.contains("/settings/workspace/approvals"));
        let auditor = named(&team.app, &team.workspace, "Gus", &[Role::Auditor]).await;
        let page = team.app.get("/settings/workspace/approvals", Some(&auditor)).await;
        assert!(page.status == StatusCode::OK && !page.body.contains("Change rules"));
        assert_eq!(rules(&team, &auditor, "everything", &[]).await.status, StatusCode::FORBIDDEN);
        for level in ["live", "nothing", "all", ""] {
            let refused = rules(&team, &dee, level, &["own", "roles", "policy"]).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{level}");
            assert!(refused.body.contains("id=\"keys-error\""));
        }

        let tighter = rules(&team, &dee, "everything", &["roles", "policy"]).await;
        assert_eq!(tighter.location(), "/settings/workspace/approvals?done=rules", "{}", tighter.body);
        assert!(!in_force(&team).await.own);
        let request = led_to(&rules(&team, &dee, "everything", &["policy"]).await);
        assert!(in_force(&team).await.roles);
        let page = team.app.get(&format!("/approvals/{request}"), Some(&team.bo)).await;
        assert!(page.body.contains("Looser rules") && page.body.contains("Making a checker needs it"), "{}", page.body);
        let again = rules(&team, &dee, "everything", &["policy"]).await;
        assert_eq!(again.status, StatusCode::CONFLICT, "one waits already");
        let done = team.decide(&team.bo, &request, "approve", "").await;
        assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
        let now = in_force(&team).await;
        assert!(!now.roles && now.policy && now.keys == ApprovalLevel::Everything);

        // Tightened meanwhile: what waits is void.
        let request = led_to(&rules(&team, &dee, "everything", &["own", "policy"]).await);
        assert!(rules(&team, &dee, "everything", &["roles", "policy"]).await.location().ends_with("done=rules"));
        assert_eq!(team.outcome(&request).await.as_deref(), Some("void"));
        assert!(!in_force(&team).await.own);
    }

    async fn the_only_other_checker_stays_while_rules_are_loosened_by_two(test: TestDb) {
        let team = Team::start(test).await;
        let dee = named(&team.app, &team.workspace, "Dee", &[Role::Owner]).await;
        let remove = async |who: &Someone| {
            let path = format!("/members/{}/remove", who.id);
            team.app.post(&path, Some(&dee), &PROOF).await
        };
        assert_eq!(remove(&team.bo).await.status, StatusCode::SEE_OTHER, "Chi is left");
        for kept in [remove(&team.chi).await, give(&team, &dee, &team.chi, &["auditor"]).await] {
            assert!(kept.status.is_client_error() && kept.body.contains("the only other checker"), "{}", kept.body);
        }
        let request = led_to(&rules(&team, &dee, "everything", &["own", "roles"]).await);
        assert_eq!(team.decide(&team.chi, &request, "approve", "").await.status, StatusCode::SEE_OTHER);
        assert_eq!(remove(&team.chi).await.status, StatusCode::SEE_OTHER, "two agreed that one is enough");
    }
}
