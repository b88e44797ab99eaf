//! The worker is killed in mid-delivery, again and again; the receiver keeps the ledger.

use std::{
    collections::{HashMap, HashSet},
    env,
    process::{Command, Stdio},
    time::Duration,
};

use axum::{http::StatusCode, response::IntoResponse};
use tokio_util::sync::CancellationToken;

use super::{
    run_with_lease,
    tests::{Bench, Sink, client},
};
use crate::{
    db::{
        Db,
        testing::{self, Engine, TestDb},
    },
    server::{
        clock::{Clock, Millis},
        testing::TestApp,
    },
    webhooks::types::Signing,
};

/// Says to the child where the database is.
const DATABASE: &str = "LATCHKEY_TEST_CRASH_DATABASE";
const KILLS: usize = 100;
/// A worker that died holds its claims for so long; short, since a hundred die.
const LEASE: Millis = 250;

/// Not a test: what the test below runs in a process of its own, until it is killed.
#[tokio::test]
#[ignore = "runs until it is killed"]
async fn worker_that_is_killed() {
    let url = env::var(DATABASE).expect("only the crash test runs this");
    let db = Db::connect_existing(&url).await.expect("opened");
    let folder = tempfile::tempdir().expect("a folder");
    let app = TestApp::start(TestDb { db, url, folder }).await;
    let state = app.state.with_clock(Clock::system());
    run_with_lease(state, client(), LEASE, CancellationToken::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_kill_of_the_worker_loses_an_event() {
    let bench = Bench::start(testing::database(Engine::Sqlite).await).await;
    // A ledger for each endpoint: what is due is every event at every one of them.
    let (mut sinks, mut endpoints) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let sink = Sink::answering(|_, _| async {
            tokio::time::sleep(Duration::from_millis(2)).await;
            StatusCode::OK.into_response()
        })
        .await;
        endpoints.push(bench.endpoint(&sink.url(), Signing::Hmac).await.0);
        sinks.push(sink);
    }
    let arrived = || sinks.iter().map(|sink| sink.got().len()).sum::<usize>();
    let mut sent: HashSet<String> = HashSet::new();
    for kill in 0..KILLS {
        sent.extend(bench.events(5).await);
        let before = arrived();
        let mut child = Command::new(env::current_exe().expect("this executable"))
            .args([
                "--exact",
                "webhooks::deliver::crash_tests::worker_that_is_killed",
                "--ignored",
                "--nocapture",
            ])
            .env(DATABASE, &bench.app.test.url)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a worker");
        // Killed among its first, its fifth, its ninth … deliveries, or wherever it is after two seconds.
        for _ in 0..1000 {
            if arrived() > before + (kill * 4) % 13 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        child.kill().expect("killed");
        child.wait().expect("gone");
    }
    let stop = CancellationToken::new();
    let state = bench.app.state.with_clock(Clock::system());
    tokio::spawn(run_with_lease(state, client(), LEASE, stop.clone()));
    for endpoint in &endpoints {
        bench.until(endpoint, |row| row.state == "delivered").await;
    }
    stop.cancel();
    for sink in &sinks {
        let got = sink.got();
        let mut bodies: HashMap<&str, &str> = HashMap::new();
        for one in &got {
            let body = bodies.entry(one.id()).or_insert(&one.body);
            assert_eq!(*body, one.body, "{}", one.id());
        }
        let lost = sent.iter().filter(|id| !bodies.contains_key(id.as_str()));
        assert_eq!(lost.count(), 0);
        assert_eq!(bodies.len(), sent.len());
    }
    let due = sent.len() * endpoints.len();
    let twice = arrived() - due;
    println!("{KILLS} kills: {due} due, 0 lost, {twice} came more than once, each under its id");
}
