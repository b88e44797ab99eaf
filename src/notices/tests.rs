//! Notices through the portal's router, by outcome.

use axum::http::StatusCode;

use super::{Kind, Notice, tell};
use crate::{
    db::testing::{self, Engine},
    mail, on_both_engines,
    server::testing::{Someone, TestApp},
    workspaces::Role,
};

async fn told(app: &TestApp, who: &Someone, kind: Kind, subject: &str) {
    let notice = Notice {
        kind,
        workspace_id: Some(&who.workspace_id),
        subject: subject.to_owned(),
        text: format!("{subject} It says more here."),
        action: "See your keys",
        path: "/keys".to_owned(),
    };
    // Ids sort by time.
    app.clock.advance(1);
    let mut tx = app.state.db.begin().await.expect("a transaction");
    tell(&mut tx, &app.state, &who.id, &notice)
        .await
        .expect("told");
    tx.commit().await.expect("committed");
}

/// Subjects of the letters, newest first.
async fn letters(app: &TestApp) -> Vec<String> {
    mail::recent(&app.state)
        .await
        .expect("read")
        .into_iter()
        .filter_map(|kept| Some(kept.letter?.subject))
        .collect()
}

async fn ids(app: &TestApp, who: &Someone) -> Vec<(String, bool)> {
    let mut reader = app.state.db.read().await.expect("a connection");
    super::store::list(&mut reader, &who.id, None, 100)
        .await
        .expect("read")
        .into_iter()
        .map(|row| (row.id, row.read_at.is_some()))
        .collect()
}

on_both_engines! {
    async fn a_notice_is_told_in_the_portal_and_by_mail_until_it_is_read(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let someone = app.member(&workspace, &[Role::Developer]).await;
        let page = app.get("/notices", Some(&someone)).await;
        assert!(page.body.contains("No notices.") && page.body.contains("aria-label=\"Notices\""), "{}", page.body);

        told(&app, &someone, Kind::Membership, "You are a checker of <Acme> now.").await;
        told(&app, &someone, Kind::Security, "Your password was changed.").await;
        let page = app.get("/notices", Some(&someone)).await;
        assert!(page.body.contains("aria-label=\"Notices, 2 unread\""), "{}", page.body);
        assert!(page.body.contains("You are a checker of &lt;Acme&gt; now."), "{}", page.body);
        assert_eq!(page.body.matches(">Unread<").count(), 2, "{}", page.body);
        assert_eq!(letters(&app).await, ["Your password was changed.", "You are a checker of <Acme> now."]);

        let newest = ids(&app, &someone).await[0].0.clone();
        let opened = app.post("/notices", Some(&someone), &[("read", &newest)]).await;
        assert_eq!((opened.status, opened.location()), (StatusCode::SEE_OTHER, "/keys"));
        let again = app.post("/notices", Some(&someone), &[("read", &newest)]).await;
        assert_eq!(again.location(), "/keys", "it can be opened again");
        let page = app.get("/notices", Some(&someone)).await;
        assert!(page.body.contains("aria-label=\"Notices, 1 unread\""));

        // What comes after the page was loaded stays unread.
        told(&app, &someone, Kind::Operator, "Operator Kim acts in Acme.").await;
        let all = app.post("/notices", Some(&someone), &[("read", "all"), ("until", &newest)]).await;
        assert_eq!(all.location(), "/notices?done=read");
        let read: Vec<bool> = ids(&app, &someone).await.into_iter().map(|(_, read)| read).collect();
        assert_eq!(read, [false, true, true]);
    }

    async fn membership_mail_can_be_turned_off_and_security_cannot(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let someone = app.member(&workspace, &[Role::Developer]).await;
        let other = app.member(&workspace, &[Role::Developer]).await;
        // A form of one's own making may name what the page does not offer.
        let reply = app
            .post("/settings/notices", Some(&someone), &[("portal_membership", "on"), ("mail_operator", "on"), ("mail_security", "")])
            .await;
        assert_eq!(reply.location(), "/settings/notices?done=chosen");
        let page = app.get("/settings/notices", Some(&someone)).await;
        let ticked = |name: &str| page.between(&format!("name=\"{name}\""), ">").contains("checked");
        assert_eq!(
            ["portal_membership", "mail_membership", "portal_operator", "mail_operator"].map(ticked),
            [true, false, false, true],
            "{}", page.body
        );
        assert!(!page.body.contains("name=\"mail_security\"") && page.body.contains("Always on"));

        told(&app, &someone, Kind::Membership, "Other roles.").await;
        assert_eq!((ids(&app, &someone).await.len(), letters(&app).await.len()), (1, 0));
        told(&app, &someone, Kind::Operator, "Operator Kim acts.").await;
        assert_eq!((ids(&app, &someone).await.len(), letters(&app).await.len()), (1, 1));
        told(&app, &someone, Kind::Security, "Another password.").await;
        assert_eq!((ids(&app, &someone).await.len(), letters(&app).await.len()), (2, 2));
        told(&app, &other, Kind::Membership, "Other roles.").await;
        assert_eq!((ids(&app, &other).await.len(), letters(&app).await.len()), (1, 3), "the choice is each one's own");
    }

    async fn another_persons_notice_is_one_that_does_not_exist(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let someone = app.member(&workspace, &[Role::Developer]).await;
        let other = app.member(&workspace, &[Role::Owner]).await;
        told(&app, &someone, Kind::Security, "Another password.").await;
        let id = ids(&app, &someone).await[0].0.clone();
        let foreign = app.post("/notices", Some(&other), &[("read", &id)]).await;
        let missing = app.post("/notices", Some(&other), &[("read", &app.state.rng.id("ntc", app.clock.now()))]).await;
        let odd = app.post("/notices", Some(&other), &[("read", "1 or 1=1")]).await;
        assert_eq!([foreign.status, missing.status, odd.status], [StatusCode::NOT_FOUND; 3]);
        app.post("/notices", Some(&other), &[("read", "all"), ("until", &id)]).await;
        assert!(!ids(&app, &someone).await[0].1, "it is still unread");
        assert!(!app.get("/notices", Some(&other)).await.body.contains("Another password."));
    }
}

#[tokio::test]
async fn notices_come_in_pages_newest_first() {
    let app = TestApp::start(testing::database(Engine::Sqlite).await).await;
    let workspace = app.workspace("Acme").await;
    let someone = app.member(&workspace, &[Role::Developer]).await;
    for number in 0..30 {
        told(&app, &someone, Kind::Security, &format!("Number {number}.")).await;
    }
    let first = app.get("/notices", Some(&someone)).await;
    assert!(first.body.contains("Number 29.") && first.body.contains("Number 5."));
    assert!(!first.body.contains("Number 4."));
    let older = first.between("href=\"/notices?before=", "\"").to_owned();
    let second = app
        .get(&format!("/notices?before={older}"), Some(&someone))
        .await;
    assert!(second.body.contains("Number 4.") && second.body.contains("Number 0."));
    assert!(!second.body.contains("Number 5."));
    assert!(!second.body.contains("Mark all as read"));
}

#[tokio::test]
async fn a_notice_leads_into_its_own_workspace() {
    let app = TestApp::start(testing::database(Engine::Sqlite).await).await;
    let first = app.workspace("Acme").await;
    let someone = app.member(&first, &[Role::Developer]).await;
    app.clock.advance(1);
    let second = app.workspace("Borealis").await;
    let now = app.clock.now();
    let mut tx = app.state.db.begin().await.expect("a transaction");
    crate::workspaces::store::add_member(
        &mut tx,
        &second,
        &someone.id,
        &crate::workspaces::Grants::of(&[Role::Developer]),
        now,
    )
    .await
    .expect("added");
    tx.commit().await.expect("committed");
    for workspace in [&first, &second] {
        let there = Someone {
            workspace_id: workspace.clone(),
            ..someone.clone()
        };
        told(&app, &there, Kind::Membership, "You are a developer now.").await;
        let id = ids(&app, &someone).await[0].0.clone();
        app.post("/notices", Some(&someone), &[("read", &id)]).await;
        let page = app.get("/keys", Some(&someone)).await;
        let name = if workspace == &first {
            "Acme"
        } else {
            "Borealis"
        };
        assert!(
            page.body.contains(&format!(
                "<span class=\"min-w-0 flex-1 truncate font-semibold\">{name}</span>"
            )),
            "{name}"
        );
    }
}
