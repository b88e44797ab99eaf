//! A busy log: what its rows tell of is written once, whenever the process ends.

use super::*;
use crate::{
    db::testing::{self, Engine},
    on_both_engines,
    server::testing::TestApp,
    usage,
};

/// Rows of a key, a millisecond apart.
fn rows_of(app: &TestApp, workspace: &str, key: &str, count: i64) -> Vec<RequestRow> {
    (0..count)
        .map(|i| {
            let at = app.clock.now() + i;
            RequestRow {
                id: app.state.rng.short_id(at),
                workspace_id: workspace.into(),
                environment: "sandbox".into(),
                key_id: Id::parse(key, b"key").expect("a key's"),
                secret_id: None,
                at,
                door: Door::ForwardAuth,
                code: "VALID",
                status: 200,
                method: None,
                path: None,
                scope: Some("customers:read".into()),
                ip: Some(format!("192.0.2.{}", i % 2).into()),
                agent: None,
                latency_us: i,
                moved: None,
            }
        })
        .collect()
}

/// Requests as the hours count them, as the key's own log has them, and the moment and address of its last use.
async fn told(
    app: &TestApp,
    workspace: &str,
    key: &str,
) -> (i64, i64, Option<Millis>, Option<String>) {
    let mut reader = app.state.db.read().await.expect("a connection");
    let hours = usage::store::hours(&mut reader, workspace, "sandbox", Some(key), 0);
    let counted = hours
        .await
        .expect("read")
        .iter()
        .map(|(_, _, count)| count)
        .sum();
    let (logged, _) = usage::store::recent_use(&mut reader, workspace, key, 0)
        .await
        .expect("read");
    let (at, ip): (Option<i64>, Option<String>) = crate::fetch_one!(
        &mut reader,
        (Option<i64>, Option<String>),
        "select last_used_at, last_used_ip from api_keys where id = $1",
        key
    )
    .expect("the key");
    (counted, logged, at, ip)
}

on_both_engines! {
    async fn a_group_tells_at_once_what_it_tells(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let (key, _) = app.key(&workspace, "POS", &["customers:read"]).await;
        let rows = rows_of(&app, &workspace, &key, 112);
        store(&app.state.db, &rows).await.expect("stored");
        let last = app.clock.now() + 111;
        assert_eq!(told(&app, &workspace, &key).await, (112, 112, Some(last), Some("192.0.2.1".to_owned())));
        // What is older changes nothing about the last use.
        store(&app.state.db, &rows_of(&app, &workspace, &key, 1)).await.expect("stored");
        assert_eq!(told(&app, &workspace, &key).await, (113, 113, Some(last), Some("192.0.2.1".to_owned())));
    }
}

#[tokio::test]
async fn what_a_crowd_tells_is_written_once_by_the_sweep_or_after_a_crash() {
    let app = TestApp::start(testing::database(Engine::Sqlite).await).await;
    let workspace = app.workspace("Acme").await;
    let (key, _) = app.key(&workspace, "POS", &["customers:read"]).await;
    let db = &app.state.db;
    let mut sweep = Sweep::default();
    for _ in 0..2 {
        let rows = rows_of(&app, &workspace, &key, 600);
        sweep.append(db, &rows).await.expect("written");
    }
    app.logged(1200).await;
    assert_eq!(told(&app, &workspace, &key).await, (0, 0, None, None));
    assert!(sweep.due().is_some());
    sweep.finish(db).await.expect("swept");
    let last = app.clock.now() + 599;
    let whole = (1200, 1200, Some(last), Some("192.0.2.1".to_owned()));
    assert_eq!(told(&app, &workspace, &key).await, whole);
    assert!(sweep.due().is_none());

    let rows = rows_of(&app, &workspace, &key, 600);
    sweep.append(db, &rows).await.expect("written");
    // The process is cut off here; the next one makes up for it, and a second time there is nothing to do.
    for _ in 0..2 {
        catch_up(db).await.expect("made up for");
        let (counted, logged, ..) = told(&app, &workspace, &key).await;
        assert_eq!((counted, logged), (1800, 1800));
    }
    // One that was not cut off after all adds nothing.
    sweep.finish(db).await.expect("swept");
    let (counted, logged, ..) = told(&app, &workspace, &key).await;
    assert_eq!((counted, logged), (1800, 1800));
}

#[tokio::test]
async fn a_request_that_is_deleted_leaves_the_log_of_its_key() {
    let app = TestApp::start(testing::database(Engine::Sqlite).await).await;
    let workspace = app.workspace("Acme").await;
    let (key, _) = app.key(&workspace, "POS", &["customers:read"]).await;
    let rows = rows_of(&app, &workspace, &key, 3);
    store(&app.state.db, &rows).await.expect("stored");
    let mut tx = app.state.db.begin().await.expect("a transaction");
    crate::execute!(
        &mut tx,
        "delete from requests where id = $1",
        rows[0].id.text(b"req")
    )
    .expect("deleted");
    tx.commit().await.expect("committed");
    let mut reader = app.state.db.read().await.expect("a connection");
    let (left,): (i64,) =
        crate::fetch_one!(&mut reader, (i64,), "select count(*) from requests_by_key")
            .expect("counted");
    assert_eq!(left, 2);
}
