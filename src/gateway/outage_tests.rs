//! The database goes away under load, and comes back.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::volume_tests::{Wallet, amount, wallet};
use crate::{
    db::{
        Db, follow_changes,
        testing::{self, Engine, TestDb},
    },
    keys::ops,
};

/// The way to Postgres, which can be cut.
struct Way {
    at: SocketAddr,
    server: SocketAddr,
    open: CancellationToken,
}

impl Way {
    async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let at = listener.local_addr().expect("an address");
        let mut way = Self {
            at,
            server,
            open: CancellationToken::new(),
        };
        way.serve(listener);
        way
    }

    fn serve(&mut self, listener: TcpListener) {
        self.open = CancellationToken::new();
        let (open, server) = (self.open.clone(), self.server);
        tokio::spawn(open.clone().run_until_cancelled_owned(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let relay = async move {
                    if let Ok(mut far) = TcpStream::connect(server).await {
                        let _ = copy_bidirectional(&mut near, &mut far).await;
                    }
                };
                tokio::spawn(open.clone().run_until_cancelled_owned(relay));
            }
        }));
    }

    /// Whatever goes on breaks off, and nobody is let in.
    fn cut(&self) {
        self.open.cancel();
    }

    async fn mend(&mut self) {
        let listener = TcpListener::bind(self.at).await.expect("bound again");
        self.serve(listener);
    }
}

/// What the load has seen.
#[derive(Default)]
struct Seen {
    /// Answers that let a request through.
    granted: AtomicI64,
    /// Those of them that moved 70.
    moved: AtomicI64,
    cut: AtomicBool,
    /// From here on the key that leaves has left.
    left: AtomicBool,
    stop: AtomicBool,
}

struct Keys {
    good: String,
    limited: String,
    leaving: String,
    ended: String,
}

async fn balance(wallet: &Wallet, key: &str) -> StatusCode {
    let path = format!("/api/v1/distributors/{}/balance", wallet.workspace);
    let request = Request::get(path)
        .header("authorization", format!("Bearer {key}"))
        .body(Body::empty())
        .expect("a request");
    wallet.app.gateway(request).await.status
}

/// Asks on and on. What must never pass never does, whatever the database does meanwhile.
async fn load(wallet: Arc<Wallet>, keys: Arc<Keys>, seen: Arc<Seen>) {
    for turn in 0.. {
        if seen.stop.load(Ordering::SeqCst) {
            return;
        }
        let (cut, left) = (
            seen.cut.load(Ordering::SeqCst),
            seen.left.load(Ordering::SeqCst),
        );
        let status = match turn % 4 {
            0 => balance(&wallet, &keys.good).await,
            1 => {
                let status = balance(&wallet, &keys.ended).await;
                assert!(!status.is_success(), "a key that had ended: {status}");
                status
            }
            2 => {
                let status = balance(&wallet, &keys.leaving).await;
                assert!(
                    !left || !status.is_success(),
                    "a key that had left: {status}"
                );
                status
            }
            _ => {
                let status = wallet.cash_in(&keys.limited, &amount(70)).await.status;
                let still_cut = cut && seen.cut.load(Ordering::SeqCst);
                assert!(
                    !still_cut || !status.is_success(),
                    "an amount that nobody wrote down"
                );
                seen.moved
                    .fetch_add(i64::from(status.is_success()), Ordering::SeqCst);
                status
            }
        };
        let known = [200, 401, 403, 429, 503];
        assert!(known.contains(&status.as_u16()), "{status}");
        seen.granted
            .fetch_add(i64::from(status.is_success()), Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn ready(wallet: &Wallet) -> StatusCode {
    let request = Request::get("/readyz").body(Body::empty());
    wallet.app.api(request.expect("a request")).await.status
}

/// Waits until this is how ready it is.
async fn until_ready_is(wallet: &Wallet, status: StatusCode) {
    let begun = Instant::now();
    while ready(wallet).await != status {
        assert!(
            begun.elapsed() < Duration::from_secs(15),
            "it is not {status}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn logged_as_valid(wallet: &Wallet) -> i64 {
    let mut reader = wallet.app.state.db.read().await.expect("a connection");
    let (rows,): (i64,) = crate::fetch_one!(
        &mut reader,
        (i64,),
        "select count(*) from requests where code = 'VALID'"
    )
    .expect("counted");
    rows
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_database_cut_off_under_load_nothing_passes_that_may_not_and_all_goes_on_afterwards()
 {
    let TestDb { url, folder, .. } = testing::database(Engine::Postgres).await;
    let direct = Db::connect(&url).await.expect("it opens");
    let server = url.split(['@', '/']).nth(3).expect("an address");
    let mut way = Way::to(server.parse().expect("an address")).await;
    let url = url.replace(server, &way.at.to_string());
    let db = Db::connect(&url).await.expect("it opens");
    let wallet = Arc::new(wallet(TestDb { db, url, folder }).await);
    // Whatever happens there happens on another node.
    let other = wallet.app.state.with_db(direct);

    let stop = CancellationToken::new();
    let state = wallet.app.state.clone();
    let trust = move |trusted| {
        state.keys.trust(trusted);
        state.tokens.trust(trusted);
    };
    tokio::spawn(follow_changes(
        wallet.app.state.db.clone(),
        trust,
        stop.clone(),
    ));
    let clock = wallet.app.clock.clone();
    tokio::spawn(stop.clone().run_until_cancelled_owned(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            clock.advance(20);
        }
    }));

    let (_, good) = wallet.key(None, None).await;
    let (budget, limited) = wallet.key(None, Some(1000)).await;
    let (leaving_id, leaving) = wallet.key(None, None).await;
    let (gone_id, ended) = wallet.key(None, None).await;
    ops::revoke_at_console(&other, &gone_id)
        .await
        .expect("revoked");
    let keys = Arc::new(Keys {
        good,
        limited,
        leaving,
        ended,
    });
    let seen = Arc::new(Seen::default());
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        tasks.spawn(load(wallet.clone(), keys.clone(), seen.clone()));
    }
    let begun = Instant::now();
    while seen.moved.load(Ordering::SeqCst) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(15), "no money moves");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(ready(&wallet).await, StatusCode::OK);

    way.cut();
    seen.cut.store(true, Ordering::SeqCst);
    ops::revoke_at_console(&other, &leaving_id)
        .await
        .expect("revoked");
    tokio::time::sleep(Duration::from_secs(1)).await;
    seen.left.store(true, Ordering::SeqCst);
    until_ready_is(&wallet, StatusCode::SERVICE_UNAVAILABLE).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(
        !balance(&wallet, &keys.good).await.is_success(),
        "what leaves no trace does not pass"
    );

    seen.cut.store(false, Ordering::SeqCst);
    way.mend().await;
    until_ready_is(&wallet, StatusCode::OK).await;
    let (_, fresh) = wallet.key(None, None).await;
    assert_eq!(balance(&wallet, &fresh).await, StatusCode::OK);
    assert_eq!(
        wallet.cash_in(&fresh, &amount(70)).await.status,
        StatusCode::OK
    );
    assert_eq!(
        balance(&wallet, &keys.leaving).await,
        StatusCode::UNAUTHORIZED
    );
    tokio::time::sleep(Duration::from_millis(300)).await;
    seen.stop.store(true, Ordering::SeqCst);
    while let Some(done) = tasks.join_next().await {
        done.expect("nothing passed that must not");
    }

    let moved = seen.moved.load(Ordering::SeqCst) * 70;
    let spent = wallet.spent(&budget).await;
    assert!(
        moved <= spent && spent <= 1000,
        "{moved} were moved, {spent} are counted"
    );
    // The two of above, and those that a caller may not have heard of.
    let granted = seen.granted.load(Ordering::SeqCst) + 2;
    let begun = Instant::now();
    while logged_as_valid(&wallet).await < granted {
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "some of {granted} are not logged"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stop.cancel();
}
