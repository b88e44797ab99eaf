use super::*;
use crate::on_both_engines;

const NOW: Millis = 1_800_000_000_000;

fn once(nonce: &str, created: Millis) -> Use {
    Use::new("pk_test_x", nonce, created)
}

#[test]
fn a_nonce_counts_once_under_its_key_and_again_under_another() {
    let memory = Memory::new(NOW, Vec::new());
    assert_eq!(memory.take(once("a", NOW), NOW), Ok(()));
    assert_eq!(memory.take(once("a", NOW), NOW), Err(Code::NonceReplayed));
    assert_eq!(
        memory.take(once("a", NOW + 200 * SECOND), NOW),
        Err(Code::NonceReplayed),
        "signed anew it is still that nonce"
    );
    assert_eq!(memory.take(once("b", NOW), NOW), Ok(()));
    assert_eq!(memory.take(Use::new("pk_test_y", "a", NOW), NOW), Ok(()));
    assert_ne!(Use::new("ab", "c", NOW), Use::new("a", "bc", NOW));
}

#[test]
fn it_is_remembered_while_its_signature_could_be_sent_again_and_no_longer() {
    let memory = Memory::new(NOW, Vec::new());
    let first = once("a", NOW + 300 * SECOND);
    assert_eq!(memory.take(first, NOW), Ok(()));
    let last = NOW + 600 * SECOND;
    assert_eq!(memory.take(first, last), Err(Code::NonceReplayed));
    let later = NOW + 900 * SECOND;
    assert_eq!(memory.take(once("z", later), later), Ok(()));
    assert_eq!(memory.used().values().map(HashSet::len).sum::<usize>(), 1);
}

#[test]
fn what_was_signed_before_this_process_counts_as_used() {
    let memory = Memory::new(NOW, Vec::new());
    assert_eq!(
        memory.take(once("a", NOW - 1), NOW),
        Err(Code::NonceReplayed)
    );
    assert_eq!(memory.take(once("a", NOW), NOW), Ok(()));
}

#[test]
fn a_full_memory_forgets_nothing_and_takes_nothing() {
    let memory = Memory {
        most: 2,
        ..Memory::new(NOW, Vec::new())
    };
    for nonce in ["a", "b"] {
        assert_eq!(memory.take(once(nonce, NOW), NOW), Ok(()));
    }
    assert_eq!(memory.take(once("c", NOW), NOW), Err(Code::Unavailable));
    assert_eq!(memory.take(once("a", NOW), NOW), Err(Code::NonceReplayed));
    memory.give_back(once("a", NOW));
    assert_eq!(memory.take(once("c", NOW), NOW), Ok(()));
}

on_both_engines! {
    async fn a_used_nonce_stays_used_over_a_restart(test: TestDb) {
        let (db, later) = (&test.db, NOW + 60 * SECOND);
        let before = Nonces::open(db, NOW).await.expect("opened");
        // One of the present, one by a clock that is ahead of ours.
        for created in [NOW, NOW + 120 * SECOND] {
            let used = once(&created.to_string(), created);
            assert_eq!(before.take(db, used, NOW).await, Ok(()));
            assert_eq!(before.take(db, used, NOW).await, Err(Code::NonceReplayed));
        }
        let after = Nonces::open(db, later).await.expect("opened");
        for created in [NOW, NOW + 120 * SECOND] {
            let used = once(&created.to_string(), created);
            assert_eq!(after.take(db, used, later).await, Err(Code::NonceReplayed), "{created}");
        }
        assert_eq!(after.take(db, once("new", later), later).await, Ok(()));
    }

    async fn a_nonce_that_was_given_back_can_be_used(test: TestDb) {
        let nonces = Nonces::open(&test.db, NOW).await.expect("opened");
        for created in [NOW, NOW + 120 * SECOND] {
            let used = once(&created.to_string(), created);
            for _ in 0..2 {
                assert_eq!(nonces.take(&test.db, used, NOW).await, Ok(()));
                nonces.give_back(&test.db, used, NOW).await;
            }
        }
    }

    async fn of_many_at_once_one_has_the_nonce(test: TestDb) {
        let nonces = Nonces::open(&test.db, NOW).await.expect("opened");
        let tries = (0..8).map(|_| nonces.take(&test.db, once("a", NOW), NOW));
        let taken = futures_util::future::join_all(tries).await;
        assert_eq!(taken.iter().filter(|taken| taken.is_ok()).count(), 1, "{taken:?}");
    }

    async fn what_is_over_is_removed(test: TestDb) {
        let created = NOW + 10 * SECOND;
        let nonces = Nonces::open(&test.db, NOW).await.expect("opened");
        assert_eq!(nonces.take(&test.db, once("a", created), NOW).await, Ok(()));
        for (at, left) in [(NOW + 310 * SECOND, 1_i64), (NOW + 400 * SECOND, 0)] {
            let mut tx = test.db.begin().await.expect("a transaction");
            store::delete_nonces_before(&mut tx, at).await.expect("deleted");
            let (count,): (i64,) = crate::fetch_one!(
                &mut tx, (i64,), "select count(*) from signature_nonces"
            ).expect("counted");
            assert_eq!(count, left);
            tx.commit().await.expect("committed");
        }
    }
}
