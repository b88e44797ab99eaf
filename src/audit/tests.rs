//! The chain holds, and shows where it was touched.

use serde_json::json;

use super::{Entry, Verification, chain::Broken, record, store, verify, verify_export};
use crate::{
    db::{Tx, testing::TestDb},
    on_both_engines,
};

fn entry(chain: &str, target: &str) -> Entry {
    Entry {
        chain: chain.to_owned(),
        actor: "usr_1".to_owned(),
        action: "key.created",
        target: target.to_owned(),
        detail: json!({ "label": target }),
    }
}

async fn fill(test: &TestDb, chain: &str, entries: usize) {
    for i in 0..entries {
        let mut tx = test.db.begin().await.expect("a transaction");
        record(
            &mut tx,
            &entry(chain, &format!("key_{i}")),
            1_000 + i64::try_from(i).expect("small"),
        )
        .await
        .expect("recorded");
        tx.commit().await.expect("committed");
    }
}

async fn check(test: &TestDb) -> Verification {
    let mut reader = test.db.read().await.expect("a connection");
    verify(&mut reader).await.expect("read")
}

/// What an intruder with the database's own password could do.
async fn tamper(test: &TestDb, change: &str) {
    let mut tx: Tx = test.db.begin().await.expect("a transaction");
    match tx.arm() {
        crate::db::Arm::Sqlite(connection) => {
            for trigger in ["audit_entries_kept", "audit_entries_unchanged"] {
                sqlx::query(sqlx::AssertSqlSafe(format!("drop trigger {trigger}")))
                    .execute(&mut *connection)
                    .await
                    .expect("dropped");
            }
        }
        crate::db::Arm::Postgres(connection) => {
            sqlx::query("drop trigger audit_entries_kept on audit_entries")
                .execute(&mut *connection)
                .await
                .expect("dropped");
        }
    }
    crate::execute!(tx, sqlx::AssertSqlSafe(change.to_owned())).expect("changed");
    tx.commit().await.expect("committed");
}

fn broken_at(found: Verification) -> (i64, &'static str) {
    let Broken { entry, reason, .. } = found.broken.expect("it is broken");
    assert!(!found.ok);
    (entry, reason)
}

on_both_engines! {
    async fn untouched_chains_hold(test: TestDb) {
        fill(&test, "wsp_a", 3).await;
        fill(&test, "wsp_b", 2).await;
        assert_eq!(check(&test).await, Verification { entries: 5, ok: true, broken: None });
    }

    async fn entries_written_at_once_form_one_chain(test: TestDb) {
        let writes = (0..20).map(|_| fill(&test, "wsp_a", 1));
        futures_util::future::join_all(writes).await;
        assert_eq!(check(&test).await, Verification { entries: 20, ok: true, broken: None });
    }

    async fn the_database_itself_refuses_changes(test: TestDb) {
        fill(&test, "wsp_a", 1).await;
        for change in ["update audit_entries set actor = 'usr_2'", "delete from audit_entries"] {
            let mut tx = test.db.begin().await.expect("a transaction");
            assert!(crate::execute!(tx, change).is_err(), "{change}");
        }
    }

    async fn a_changed_entry_is_found(test: TestDb) {
        fill(&test, "wsp_a", 5).await;
        tamper(&test, "update audit_entries set actor = 'usr_2' where seq = 3").await;
        assert_eq!(broken_at(check(&test).await), (3, "its content was changed"));
    }

    async fn a_removed_entry_is_found(test: TestDb) {
        fill(&test, "wsp_a", 5).await;
        tamper(&test, "delete from audit_entries where seq = 2").await;
        assert_eq!(broken_at(check(&test).await), (3, "an entry before it is missing"));
    }

    async fn a_cut_end_is_found(test: TestDb) {
        fill(&test, "wsp_a", 5).await;
        tamper(&test, "delete from audit_entries where seq >= 4").await;
        assert_eq!(broken_at(check(&test).await), (4, "the end of the chain is missing"));
    }

    async fn an_export_is_checked_like_the_database(test: TestDb) {
        fill(&test, "wsp_a", 3).await;
        let mut reader = test.db.read().await.expect("a connection");
        let kept = store::after(&mut reader, "wsp_a", 0, 3).await.expect("read");
        let lines: Vec<String> = kept.iter().map(|entry| serde_json::to_string(entry).expect("JSON")).collect();
        assert!(verify_export(lines.clone().into_iter()).expect("readable").ok);
        let mut forged = lines.clone();
        forged[1] = forged[1].replace("usr_1", "usr_2");
        assert_eq!(broken_at(verify_export(forged.into_iter()).expect("readable")).0, 2);
        assert!(verify_export(["not JSON".to_owned()].into_iter()).is_err());
    }

    async fn what_is_not_committed_leaves_no_entry(test: TestDb) {
        let mut tx = test.db.begin().await.expect("a transaction");
        record(&mut tx, &entry("wsp_a", "key_1"), 1).await.expect("recorded");
        drop(tx);
        assert_eq!(check(&test).await.entries, 0);
    }
}
