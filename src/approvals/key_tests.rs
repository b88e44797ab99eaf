//! Requests about keys that are in use: doing more, being turned on again.

use axum::http::StatusCode;

use super::tests::{Team, again, prove};
use crate::{
    accounts::{Viewer, step_up::Action, viewer::Acting},
    keys::{
        self,
        allow::{AllowEntry, ListKind},
        ops::{Change, Changed},
        terms::{Expiry, Terms},
        types::KeyState,
    },
    on_both_engines,
    server::{clock::DAY, error::AppError},
    workspaces::Role,
};

/// Asks for other terms, as the key's owner.
async fn change(
    team: &Team,
    key: &str,
    edit: impl FnOnce(&mut Terms),
) -> Result<Changed, AppError> {
    let row = team.key(key).await;
    let mut terms = row.terms();
    edit(&mut terms);
    let change = Change {
        basis: keys::ops::basis(&row),
        label: row.label.clone(),
        purpose: row.purpose.clone(),
        terms,
    };
    let viewer = team.app.viewer(&team.ada);
    let proof = prove(&team.app, &viewer, Action::WidenKey, &change).await;
    keys::ops::change(&team.app.state, &viewer, key, &change, Some(proof)).await
}

async fn widened(team: &Team, key: &str, edit: impl FnOnce(&mut Terms)) -> String {
    match change(team, key, edit).await {
        Ok(Changed::Waits(id)) => id,
        _ => panic!("it does not wait"),
    }
}

fn more_scopes(terms: &mut Terms) {
    terms.scopes.push("transactions:read".to_owned());
}

fn one_address(terms: &mut Terms) {
    terms.allow.push(AllowEntry {
        kind: ListKind::Ip,
        value: "203.0.113.7".to_owned(),
        note: String::new(),
        added_by: "console".to_owned(),
        added_at: 0,
    });
}

async fn enable(team: &Team, viewer: &Viewer, key: &str) -> Result<Changed, AppError> {
    let content = keys::ops::enable_content(key);
    let proof = prove(&team.app, viewer, Action::EnableKey, &content).await;
    keys::ops::enable(&team.app.state, viewer, key, proof).await
}

on_both_engines! {
    async fn what_lets_a_key_do_more_waits_and_what_narrows_it_applies_at_once(test: TestDb) {
        let team = Team::start(test).await;
        let key = team.active("POS").await;
        assert!(matches!(change(&team, &key, one_address).await, Ok(Changed::InForce)));
        assert_eq!(team.key(&key).await.terms().allow.len(), 1);

        let request = widened(&team, &key, |terms| {
            more_scopes(terms);
            if let Expiry::At(at) = &mut terms.expiry {
                *at += DAY;
            }
        }).await;
        assert_eq!(team.key(&key).await.terms().scopes, ["balance:read"]);
        let page = team.app.get(&format!("/approvals/{request}"), Some(&team.bo)).await;
        for words in ["More scopes, longer life", "What changes", "transactions:read", "Goes past the scopes", "Approve request"] {
            // The maker has no other key, so nothing is usual.
            assert_eq!(page.body.contains(words), words != "Goes past the scopes", "{words} in {}", page.body);
        }
        assert!(team.app.get("/approvals", Some(&team.bo)).await.body.contains("More scopes, longer life"));
        let done = team.decide(&team.bo, &request, "approve", "").await;
        assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
        assert_eq!(team.key(&key).await.terms().scopes, ["balance:read", "transactions:read"]);
        assert!(team.told(&team.ada).await.contains(&"Bo approved: more for the live key \u{201c}POS\u{201d}".to_owned()));

        let request = widened(&team, &key, |terms| terms.allow.clear()).await;
        let done = team.decide(&team.chi, &request, "reject", "Keep the address.").await;
        assert_eq!(done.status, StatusCode::SEE_OTHER);
        let row = team.key(&key).await;
        assert_eq!((row.terms().allow.len(), team.state(&key).await), (1, KeyState::Active), "the key itself goes on");
    }

    async fn a_key_that_was_narrowed_meanwhile_voids_what_waits(test: TestDb) {
        let team = Team::start(test).await;
        let key = team.active("POS").await;
        let request = widened(&team, &key, more_scopes).await;
        assert!(matches!(change(&team, &key, one_address).await, Ok(Changed::InForce)));
        assert_eq!(team.outcome(&request).await.as_deref(), Some("void"));
        let late = team.decide(&team.bo, &request, "approve", "").await;
        assert_eq!(late.status, StatusCode::CONFLICT);
        assert!(late.body.contains("it is void") && late.body.contains("The key was changed meanwhile."), "{}", late.body);
        assert_eq!(team.key(&key).await.terms().scopes, ["balance:read"]);

        let request = widened(&team, &key, more_scopes).await;
        let viewer = team.app.viewer(&team.bo);
        keys::ops::revoke(&team.app.state, &viewer, &key, "POS").await.expect("revoked");
        assert_eq!(team.outcome(&request).await.as_deref(), Some("void"));
        assert_eq!(team.recorded("approval.void").await, 2);
    }

    async fn a_widening_asked_by_who_is_no_developer_any_more_is_void(test: TestDb) {
        let team = Team::start(test).await;
        let key = team.active("POS").await;
        let request = widened(&team, &key, more_scopes).await;
        let mut tx = team.app.state.db.begin().await.expect("a transaction");
        crate::execute!(tx, "update members set roles = 'auditor' where user_id = $1", &team.ada.id).expect("updated");
        tx.commit().await.expect("committed");
        let late = team.decide(&team.bo, &request, "approve", "").await;
        assert_eq!(late.status, StatusCode::CONFLICT);
        assert!(late.body.contains("may not do that any more"), "{}", late.body);
        assert_eq!(team.outcome(&request).await.as_deref(), Some("void"));
        assert_eq!(team.key(&key).await.terms().scopes, ["balance:read"]);
    }

    async fn turning_a_key_on_again_waits_and_never_undoes_an_operator(test: TestDb) {
        let team = Team::start(test).await;
        let key = team.active("POS").await;
        let (ada, bo) = (team.app.viewer(&team.ada), team.app.viewer(&team.bo));
        keys::ops::disable(&team.app.state, &bo, &key).await.expect("stopped");
        let Ok(Changed::Waits(request)) = enable(&team, &ada, &key).await else {
            panic!("it does not wait");
        };
        assert_eq!(team.state(&key).await, KeyState::Disabled);
        let twice = enable(&team, &ada, &key).await.err().expect("refused").into_ui();
        assert_eq!(twice.kind.status(), 409);
        let page = team.app.get(&format!("/approvals/{request}"), Some(&team.chi)).await;
        assert!(page.body.contains("Turn back on"), "{}", page.body);
        let done = team.decide(&team.chi, &request, "approve", "").await;
        assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
        assert_eq!(team.state(&key).await, KeyState::Active);

        let mut kim = team.app.operator().await;
        team.app.act(&mut kim, &team.workspace, "ticket 812").await;
        let mut acting = team.app.viewer(&kim);
        acting.acting = Some(Acting {
            id: "act_1".to_owned(),
            operator: "Kim".to_owned(),
            reason: "ticket 812".to_owned(),
            since: 0,
            until: i64::MAX,
        });
        keys::ops::disable(&team.app.state, &acting, &key).await.expect("stopped");
        let refused = enable(&team, &ada, &key).await.err().expect("refused").into_ui();
        assert_eq!(refused.kind.status(), 403);
        assert!(refused.message.contains("operator stopped this key"), "{}", refused.message);
        assert!(matches!(enable(&team, &acting, &key).await, Ok(Changed::InForce)));
        assert_eq!(team.state(&key).await, KeyState::Active);
    }

    async fn a_checker_hears_that_the_maker_made_them_one(test: TestDb) {
        let team = Team::start(test).await;
        let (_, request) = team.ask(&team.ada, "POS").await;
        let words = "Who asks made you a checker.";
        let path = format!("/approvals/{request}");
        assert!(!team.app.get(&path, Some(&team.bo)).await.body.contains(words));
        let mut tx = team.app.state.db.begin().await.expect("a transaction");
        let entry = crate::audit::Entry {
            chain: team.workspace.clone(),
            actor: team.ada.id.clone(),
            action: "member.roles_changed",
            target: team.bo.id.clone(),
            detail: serde_json::json!({ "before": "developer", "after": "checker" }),
        };
        crate::audit::record(&mut tx, &entry, team.app.clock.now()).await.expect("recorded");
        tx.commit().await.expect("committed");
        let page = team.app.get(&path, Some(&team.bo)).await;
        assert!(page.body.contains(words) && page.body.contains("High risk"), "{}", page.body);
        assert!(!team.app.get(&path, Some(&team.chi)).await.body.contains(words));
        let auditor = team.app.member(&team.workspace, &[Role::Auditor]).await;
        let page = team.app.get(&path, Some(&again(&team.app, &auditor).await)).await;
        assert!(page.status == StatusCode::OK && page.body.contains("Bo or Chi can decide this."), "{}", page.body);
    }
}
