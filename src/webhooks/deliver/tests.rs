//! Deliveries from the table to a listener on loopback, and what becomes of them.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use rustls::RootCertStore;
use serde_json::{Value, json};
use sqlx::FromRow;
use standardwebhooks::Webhook;
use tokio_util::sync::CancellationToken;

use super::{replay, run_with_lease, store, upkeep};
use crate::{
    db::{
        Db,
        testing::{self, Engine, TestDb},
    },
    on_both_engines,
    server::{
        clock::{DAY, HOUR, MINUTE, Millis, SECOND},
        listen, testing as server_testing,
        testing::TestApp,
    },
    webhooks::{
        client::Client,
        outbox::{self, EventType},
        sign::SigningSecret,
        store::{
            EndpointRow, SecretRow, headers_place, insert_endpoint, insert_secret, secret_place,
        },
        target::Reach,
        types::{Cause, Signing},
    },
    workspaces::Role,
};

const PATIENCE: Duration = Duration::from_secs(2);
const LEASE: Millis = MINUTE;
const TYPE: &str = "transaction.completed";

/// A request as a receiver got it.
#[derive(Clone, Debug)]
pub struct Got {
    pub headers: HeaderMap,
    pub body: String,
}

impl Got {
    pub fn id(&self) -> &str {
        self.headers["webhook-id"].to_str().expect("text")
    }
}

/// A receiver that writes down all it gets.
#[derive(Clone)]
pub struct Sink {
    pub address: SocketAddr,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Sink {
    /// One that answers as `answer` says, of the number of the request and its body.
    pub async fn answering<F>(
        answer: impl Fn(usize, String) -> F + Clone + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Response> + Send,
    {
        let got: Arc<Mutex<Vec<Got>>> = Arc::default();
        let kept = got.clone();
        let router = Router::new().route(
            "/hook",
            post(move |headers: HeaderMap, body: Bytes| {
                let body = String::from_utf8(body.to_vec()).expect("text");
                let count = {
                    let mut kept = kept.lock().expect("not poisoned");
                    kept.push(Got {
                        headers,
                        body: body.clone(),
                    });
                    kept.len()
                };
                answer(count, body)
            }),
        );
        let address = server_testing::serve(router, listen::Limits::default()).await;
        Self { address, got }
    }

    /// One that answers with these statuses in turn, the last for ever.
    pub async fn saying(statuses: &'static [u16]) -> Self {
        Self::answering(move |count, _| async move {
            let status = statuses[count.min(statuses.len()) - 1];
            StatusCode::from_u16(status)
                .expect("a status")
                .into_response()
        })
        .await
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub fn got(&self) -> Vec<Got> {
        self.got.lock().expect("not poisoned").clone()
    }
}

pub fn client() -> Client {
    let reach = Reach {
        allow: vec!["127.0.0.0/8".parse().expect("CIDR")],
    };
    Client::new(reach, None, RootCertStore::empty(), PATIENCE).expect("made")
}

/// An installation with a workspace.
pub struct Bench {
    pub app: TestApp,
    pub workspace: String,
}

#[derive(Debug, FromRow)]
pub struct Row {
    pub id: String,
    pub state: String,
    pub cause: String,
    pub attempts: i64,
    pub step: i64,
    pub due_at: Option<Millis>,
    pub last_status: Option<i64>,
    pub last_error: Option<String>,
}

/// Works until it is dropped.
pub struct Working(CancellationToken);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl Bench {
    pub async fn start(test: TestDb) -> Self {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        Self { app, workspace }
    }

    /// An endpoint that takes everything, with its secret.
    pub async fn endpoint(&self, url: &str, signing: Signing) -> (EndpointRow, SigningSecret) {
        let state = &self.app.state;
        let now = self.app.clock.now();
        let id = state.rng.id("whe", now);
        let headers = json!({ "x-token": "hunter2", "host": "evil.example" }).to_string();
        let row = EndpointRow {
            headers: state
                .sealer
                .seal(&state.rng, &headers_place(&id), headers.as_bytes()),
            id,
            workspace_id: self.workspace.clone(),
            environment: "sandbox".to_owned(),
            url: url.to_owned(),
            events: r#"["*"]"#.to_owned(),
            signing: signing.as_str().to_owned(),
            state: "enabled".to_owned(),
            state_since: now,
            created_at: now,
            ..EndpointRow::default()
        };
        let mut tx = state.db.begin().await.expect("a transaction");
        insert_endpoint(&mut tx, &row).await.expect("inserted");
        tx.commit().await.expect("committed");
        let secret = self.secret(&row, None).await;
        (row, secret)
    }

    async fn secret(&self, endpoint: &EndpointRow, ends_at: Option<Millis>) -> SigningSecret {
        let state = &self.app.state;
        let now = self.app.clock.now();
        let secret = SigningSecret::generate(&state.rng, endpoint.signing());
        let id = state.rng.id("whs", now);
        let row = SecretRow {
            sealed: state
                .sealer
                .seal(&state.rng, &secret_place(&id), secret.bytes()),
            id,
            endpoint_id: endpoint.id.clone(),
            workspace_id: endpoint.workspace_id.clone(),
            public_key: secret.public_key(),
            form_id: None,
            created_at: now,
            ends_at,
        };
        let mut tx = state.db.begin().await.expect("a transaction");
        insert_secret(&mut tx, &row).await.expect("inserted");
        tx.commit().await.expect("committed");
        secret
    }

    /// So many events of the sandbox. Gives their ids.
    pub async fn events(&self, count: usize) -> Vec<String> {
        let state = &self.app.state;
        let mut tx = state.db.begin().await.expect("a transaction");
        let mut ids = Vec::new();
        for number in 0..count {
            let data = json!({ "number": number });
            let now = self.app.clock.now();
            ids.push(
                outbox::enqueue_named(
                    &mut tx,
                    &state.rng,
                    &self.workspace,
                    Some("sandbox"),
                    TYPE,
                    &data,
                    now,
                )
                .await
                .expect("enqueued"),
            );
        }
        tx.commit().await.expect("committed");
        ids
    }

    pub fn work(&self) -> Working {
        self.work_through(self.app.state.db.clone())
    }

    /// A worker with a handle of its own on the database, as another process has it.
    pub fn work_through(&self, db: Db) -> Working {
        let stop = CancellationToken::new();
        let state = self.app.state.with_db(db);
        tokio::spawn(run_with_lease(state, client(), LEASE, stop.clone()));
        Working(stop)
    }

    pub async fn deliveries(&self, endpoint: &EndpointRow) -> Vec<Row> {
        let mut reader = self.app.state.db.read().await.expect("a connection");
        crate::fetch_all!(
            &mut reader,
            Row,
            "select id, state, cause, attempts, step, due_at, last_status, last_error from webhook_deliveries
             where endpoint_id = $1 order by id",
            &endpoint.id
        )
        .expect("read")
    }

    /// Waits until all deliveries of the endpoint are as `like` says.
    pub async fn until(&self, endpoint: &EndpointRow, like: impl Fn(&Row) -> bool) -> Vec<Row> {
        let mut rows = Vec::new();
        for _ in 0..500 {
            rows = self.deliveries(endpoint).await;
            if !rows.is_empty() && rows.iter().all(&like) {
                return rows;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!(
            "it does not come to that: {:?}",
            rows.iter().find(|row| !like(row))
        );
    }

    async fn set_state(&self, endpoint: &EndpointRow, state: &str) {
        self.change(
            "update webhook_endpoints set state = $1 where id = $2",
            state,
            &endpoint.id,
        )
        .await;
    }

    async fn change(&self, sql: &'static str, first: &str, second: &str) {
        let mut tx = self.app.state.db.begin().await.expect("a transaction");
        crate::execute!(&mut tx, sql, first, second).expect("changed");
        tx.commit().await.expect("committed");
    }

    async fn state_of(&self, endpoint: &EndpointRow) -> (String, Option<Millis>) {
        let mut reader = self.app.state.db.read().await.expect("a connection");
        let row = store::endpoint(&mut reader, &endpoint.id)
            .await
            .expect("read")
            .expect("there");
        (row.state, row.failing_since)
    }

    async fn attempts(&self, endpoint: &EndpointRow) -> i64 {
        let mut reader = self.app.state.db.read().await.expect("a connection");
        let (count,): (i64,) = crate::fetch_one!(
            &mut reader,
            (i64,),
            "select count(*) from webhook_attempts where endpoint_id = $1",
            &endpoint.id
        )
        .expect("counted");
        count
    }
}

fn is_delivered(row: &Row) -> bool {
    row.state == "delivered"
}

on_both_engines! {
    async fn an_event_arrives_signed_by_every_secret_and_is_logged_without_any(test: TestDb) {
        let bench = Bench::start(test).await;
        let sink = Sink::saying(&[204]).await;
        let (endpoint, secret) = bench.endpoint(&sink.url(), Signing::Hmac).await;
        let older = bench.secret(&endpoint, Some(bench.app.clock.now() + HOUR)).await;
        let ended = bench.secret(&endpoint, Some(bench.app.clock.now())).await;
        let _working = bench.work();
        let ids = bench.events(1).await;
        let rows = bench.until(&endpoint, is_delivered).await;
        assert_eq!((rows[0].attempts, rows[0].last_status), (1, Some(204)));
        let got = sink.got();
        assert_eq!(got.len(), 1);
        assert_eq!(got[0].id(), ids[0]);
        let body: Value = serde_json::from_str(&got[0].body).expect("JSON");
        assert_eq!((&body["type"], &body["data"]), (&json!(TYPE), &json!({ "number": 0 })));
        for (secret, good) in [(secret, true), (older, true), (ended, false)] {
            let webhook = Webhook::new(&secret.shown()).expect("a secret");
            assert_eq!(webhook.verify(got[0].body.as_bytes(), &got[0].headers).is_ok(), good);
        }
        // Its own header comes along; whose request it is stays ours.
        assert_eq!(got[0].headers["x-token"], "hunter2");
        assert_eq!(got[0].headers["host"], sink.address.to_string().as_str());
        assert_eq!(got[0].headers["content-type"], "application/json");
        let mut reader = bench.app.state.db.read().await.expect("a connection");
        let (headers, number, cause): (String, i64, String) = crate::fetch_one!(
            &mut reader,
            (String, i64, String),
            "select request_headers, number, cause from webhook_attempts"
        ).expect("read");
        assert_eq!((number, cause.as_str()), (1, "schedule"));
        assert!(headers.contains(&ids[0]) && headers.contains("x-token"));
        assert!(!headers.contains("hunter2") && !headers.contains("v1,"), "{headers}");
    }

    async fn a_failed_try_is_made_again_under_the_same_id(test: TestDb) {
        let bench = Bench::start(test).await;
        let sink = Sink::saying(&[500, 302, 200]).await;
        let (endpoint, _) = bench.endpoint(&sink.url(), Signing::Ed25519).await;
        let _working = bench.work();
        let now = bench.app.clock.now();
        bench.events(1).await;
        let rows = bench.until(&endpoint, |row| row.attempts == 1).await;
        assert_eq!((rows[0].state.as_str(), rows[0].last_status), ("waiting", Some(500)));
        assert_eq!(rows[0].last_error, None);
        let wait = rows[0].due_at.expect("another try") - now;
        assert!((4 * SECOND..=6 * SECOND).contains(&wait), "{wait}");
        assert_eq!(bench.state_of(&endpoint).await, ("enabled".to_owned(), Some(now)));
        bench.app.clock.advance(6 * SECOND);
        let rows = bench.until(&endpoint, |row| row.attempts == 2).await;
        let wait = rows[0].due_at.expect("another try") - bench.app.clock.now();
        assert!((4 * MINUTE..=6 * MINUTE).contains(&wait), "{wait}");
        bench.app.clock.advance(6 * MINUTE);
        bench.until(&endpoint, is_delivered).await;
        assert_eq!(bench.state_of(&endpoint).await, ("enabled".to_owned(), None));
        let got = sink.got();
        assert_eq!(got.len(), 3);
        assert!(got.iter().all(|one| one.id() == got[0].id() && one.body == got[0].body));
        assert!(got[2].headers["webhook-timestamp"] != got[0].headers["webhook-timestamp"]);
        assert!(got[0].headers["webhook-signature"].to_str().expect("text").starts_with("v1a,"));
        assert_eq!(bench.attempts(&endpoint).await, 3);
    }

    async fn two_workers_share_what_there_is(test: TestDb) {
        let url = test.url.clone();
        let bench = Bench::start(test).await;
        let sink = Sink::saying(&[200]).await;
        let mut endpoints = Vec::new();
        for _ in 0..4 {
            endpoints.push(bench.endpoint(&sink.url(), Signing::Hmac).await.0);
        }
        bench.events(60).await;
        let other = Db::connect_existing(&url).await.expect("another handle");
        let _working = [bench.work(), bench.work_through(other)];
        for endpoint in &endpoints {
            bench.until(endpoint, is_delivered).await;
            assert_eq!(bench.attempts(endpoint).await, 60);
        }
        assert_eq!(sink.got().len(), 240);
    }

    async fn an_endpoint_that_is_gone_is_switched_off_and_its_people_are_told(test: TestDb) {
        let bench = Bench::start(test).await;
        let developer = bench.app.member(&bench.workspace, &[Role::Developer]).await;
        let auditor = bench.app.member(&bench.workspace, &[Role::Auditor]).await;
        let sink = Sink::answering(|_, _| async { StatusCode::GONE.into_response() }).await;
        let other = Sink::saying(&[200]).await;
        let url = format!("{}?token=canary", sink.url());
        let (endpoint, _) = bench.endpoint(&url, Signing::Hmac).await;
        let (listening, _) = bench.endpoint(&other.url(), Signing::Hmac).await;
        bench.events(1).await;
        let _working = bench.work();
        let rows = bench.until(&endpoint, |row| row.state == "missed").await;
        assert!(rows.iter().any(|row| row.last_status == Some(410)));
        assert_eq!(bench.state_of(&endpoint).await.0, "gone");
        // Who else listens hears of it.
        for _ in 0..100 {
            if other.got().len() == 2 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let heard = other.got().into_iter().find(|got| got.body.contains("webhook.disabled"));
        let heard = heard.expect("told").body;
        let body: Value = serde_json::from_str(&heard).expect("JSON");
        assert_eq!((&body["data"]["endpoint_id"], &body["data"]["reason"]), (&json!(endpoint.id), &json!("gone")));
        // By its origin alone: what else is in its URL is nobody else's.
        let origin = format!("http://{}", sink.address);
        assert_eq!(body["data"]["origin"], origin);
        assert!(!heard.contains("canary"), "{heard}");
        bench.until(&listening, is_delivered).await;
        // What comes now is missed at once, and nothing is sent.
        bench.events(1).await;
        let rows = bench.until(&endpoint, |row| row.state == "missed").await;
        // Three with the word of its own end.
        assert_eq!((rows.len(), sink.got().len()), (3, 1));
        let letters = bench.app.letters(&developer.email).await;
        let [letter] = letters.as_slice() else { panic!("one letter: {letters:?}") };
        let told = letter.text.join(" ");
        assert!(told.contains(&origin) && !told.contains("canary"), "{told}");
        assert!(bench.app.letters(&auditor.email).await.is_empty());
        let mut reader = bench.app.state.db.read().await.expect("a connection");
        let (audited,): (i64,) = crate::fetch_one!(
            &mut reader, (i64,),
            "select count(*) from audit_entries where action = 'webhook.switched_off'"
        ).expect("counted");
        assert_eq!(audited, 1);
    }

    async fn an_endpoint_that_fails_for_five_days_is_switched_off(test: TestDb) {
        let bench = Bench::start(test).await;
        let sink = Sink::saying(&[503]).await;
        let (endpoint, _) = bench.endpoint(&sink.url(), Signing::Hmac).await;
        let _working = bench.work();
        bench.events(1).await;
        bench.until(&endpoint, |row| row.attempts == 1).await;
        bench.app.clock.advance(5 * DAY - MINUTE);
        bench.events(1).await;
        bench.until(&endpoint, |row| row.last_at_least(1)).await;
        assert_eq!(bench.state_of(&endpoint).await.0, "enabled");
        bench.app.clock.advance(DAY);
        bench.until(&endpoint, |row| row.state == "missed").await;
        assert_eq!(bench.state_of(&endpoint).await.0, "failed");
    }

    async fn a_test_reaches_an_endpoint_that_is_off_and_is_made_once(test: TestDb) {
        let bench = Bench::start(test).await;
        let sink = Sink::saying(&[500]).await;
        let (endpoint, _) = bench.endpoint(&sink.url(), Signing::Hmac).await;
        bench.set_state(&endpoint, "disabled").await;
        let state = &bench.app.state;
        let mut tx = state.db.begin().await.expect("a transaction");
        let data = json!({ "endpoint_id": endpoint.id, "message": "This is a test." });
        let name = EventType::WebhookTest.as_str();
        outbox::enqueue_to(&mut tx, &state.rng, &endpoint, name, &data, Cause::Test, bench.app.clock.now())
            .await
            .expect("enqueued");
        tx.commit().await.expect("committed");
        let _working = bench.work();
        let rows = bench.until(&endpoint, |row| row.state == "failed").await;
        assert_eq!((rows[0].attempts, rows[0].cause.as_str(), sink.got().len()), (1, "test", 1));
        assert_eq!(bench.state_of(&endpoint).await, ("disabled".to_owned(), None));
    }

    async fn what_was_missed_is_replayed_until_it_is_stopped(test: TestDb) {
        let bench = Bench::start(test).await;
        let sink = Sink::saying(&[200]).await;
        let (endpoint, _) = bench.endpoint(&sink.url(), Signing::Hmac).await;
        bench.set_state(&endpoint, "disabled").await;
        bench.events(5).await;
        bench.app.clock.advance(HOUR);
        let since = bench.app.clock.now();
        let ids = bench.events(600).await;
        bench.set_state(&endpoint, "enabled").await;
        let state = &bench.app.state;
        let mut tx = state.db.begin().await.expect("a transaction");
        crate::execute!(
            &mut tx,
            "insert into webhook_replays (id, workspace_id, endpoint_id, since, until, reached, total, done, started_by, started_at, state)
             values ('whr_1', $1, $2, $3, $3, '', 600, 0, 'usr_1', $3, 'running')",
            &bench.workspace, &endpoint.id, since
        ).expect("inserted");
        tx.commit().await.expect("committed");
        replay::round(state).await.expect("a batch");
        let waiting = |rows: &[Row]| rows.iter().filter(|row| row.state == "waiting").count();
        let rows = bench.deliveries(&endpoint).await;
        assert_eq!(waiting(&rows), 500);
        assert!(rows.iter().all(|row| row.state != "waiting" || (row.cause == "replay" && row.step == 0)));
        replay::round(state).await.expect("a batch");
        replay::round(state).await.expect("the end");
        assert_eq!(waiting(&bench.deliveries(&endpoint).await), 600);
        let mut reader = state.db.read().await.expect("a connection");
        let (done, ended): (i64, String) = crate::fetch_one!(
            &mut reader, (i64, String), "select done, state from webhook_replays"
        ).expect("read");
        assert_eq!((done, ended.as_str()), (600, "done"));
        drop(reader);
        let _working = bench.work();
        bench.until(&endpoint, |row| row.state != "waiting").await;
        let mut got: Vec<String> = sink.got().iter().map(|got| got.id().to_owned()).collect();
        got.sort_unstable();
        let mut ids = ids;
        ids.sort_unstable();
        assert_eq!(got, ids);
    }

    async fn one_delivery_is_taken_up_again_in_its_workspace_alone(test: TestDb) {
        let bench = Bench::start(test).await;
        let sink = Sink::saying(&[200]).await;
        let (endpoint, _) = bench.endpoint(&sink.url(), Signing::Hmac).await;
        let _working = bench.work();
        bench.events(1).await;
        let id = bench.until(&endpoint, is_delivered).await[0].id.clone();
        let elsewhere = bench.app.workspace("Other").await;
        let now = bench.app.clock.now();
        let mut tx = bench.app.state.db.begin().await.expect("a transaction");
        assert!(!store::reopen(&mut tx, &elsewhere, &id, now).await.expect("asked"));
        assert!(store::reopen(&mut tx, &bench.workspace, &id, now).await.expect("asked"));
        tx.commit().await.expect("committed");
        bench.until(&endpoint, |row| row.attempts == 2 && row.state == "delivered").await;
        let got = sink.got();
        assert_eq!(got[0].id(), got[1].id());
        bench.set_state(&endpoint, "disabled").await;
        let mut tx = bench.app.state.db.begin().await.expect("a transaction");
        assert!(!store::reopen(&mut tx, &bench.workspace, &id, now).await.expect("asked"));
    }

    async fn a_suspended_workspace_gets_nothing_until_it_is_restored(test: TestDb) {
        let bench = Bench::start(test).await;
        let sink = Sink::saying(&[200]).await;
        let (endpoint, _) = bench.endpoint(&sink.url(), Signing::Hmac).await;
        bench.change("update workspaces set suspended_at = 1 where id = $1 and $2 = ''", &bench.workspace, "").await;
        bench.events(1).await;
        let mut reader = bench.app.state.db.read().await.expect("a connection");
        let due = store::due(&mut reader, bench.app.clock.now()).await.expect("read");
        assert!(due.is_empty());
        drop(reader);
        bench.change("update workspaces set suspended_at = null where id = $1 and $2 = ''", &bench.workspace, "").await;
        let _working = bench.work();
        bench.until(&endpoint, is_delivered).await;
    }

    async fn a_claim_that_ran_out_is_taken_by_another(test: TestDb) {
        let bench = Bench::start(test).await;
        let sink = Sink::saying(&[200]).await;
        let (endpoint, _) = bench.endpoint(&sink.url(), Signing::Hmac).await;
        bench.events(1).await;
        let now = bench.app.clock.now();
        let due = store::Due { id: endpoint.id.clone(), state: "enabled".to_owned() };
        let mut tx = bench.app.state.db.begin().await.expect("a transaction");
        let claimed = store::claim(&mut tx, &due, now, now + LEASE, "dead", 10).await.expect("claimed");
        assert_eq!(claimed.len(), 1);
        assert!(store::claim(&mut tx, &due, now, now + LEASE, "second", 10).await.expect("claimed").is_empty());
        tx.commit().await.expect("committed");
        bench.app.clock.advance(LEASE);
        let _working = bench.work();
        bench.until(&endpoint, is_delivered).await;
        // What the first says after all changes nothing.
        let mut tx = bench.app.state.db.begin().await.expect("a transaction");
        store::not_delivered(&mut tx, &claimed[0], Some(500), None, Some(now), now).await.expect("settled");
        tx.commit().await.expect("committed");
        bench.until(&endpoint, is_delivered).await;
        assert_eq!(sink.got().len(), 1);
    }

    async fn what_is_old_goes_and_what_waits_stays(test: TestDb) {
        let bench = Bench::start(test).await;
        let sink = Sink::saying(&[200]).await;
        let (endpoint, _) = bench.endpoint(&sink.url(), Signing::Hmac).await;
        let working = bench.work();
        bench.events(3).await;
        bench.until(&endpoint, is_delivered).await;
        drop(working);
        bench.events(1).await;
        let count = async || {
            let mut reader = bench.app.state.db.read().await.expect("a connection");
            let counts: (i64, i64, i64) = crate::fetch_one!(
                &mut reader, (i64, i64, i64),
                "select (select count(*) from outbox_events), (select count(*) from webhook_deliveries),
                        (select count(*) from webhook_attempts)"
            ).expect("counted");
            counts
        };
        upkeep(&bench.app.state).await.expect("done");
        assert_eq!(count().await, (4, 4, 3));
        bench.app.clock.advance(bench.app.state.config.webhook_retention + 1);
        upkeep(&bench.app.state).await.expect("done");
        assert_eq!(count().await, (1, 1, 0));
    }
}

impl Row {
    fn last_at_least(&self, attempts: i64) -> bool {
        self.attempts >= attempts
    }
}

#[tokio::test]
async fn a_later_time_that_the_receiver_names_is_waited_for() {
    let bench = Bench::start(testing::database(Engine::Sqlite).await).await;
    let sink = Sink::answering(|_, _| async {
        (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "3600")]).into_response()
    })
    .await;
    let (endpoint, _) = bench.endpoint(&sink.url(), Signing::Hmac).await;
    let _working = bench.work();
    bench.events(1).await;
    let rows = bench.until(&endpoint, |row| row.attempts == 1).await;
    assert_eq!(rows[0].due_at, Some(bench.app.clock.now() + HOUR));
}

#[tokio::test]
async fn the_tenth_failure_is_the_last() {
    let bench = Bench::start(testing::database(Engine::Sqlite).await).await;
    let sink = Sink::saying(&[500]).await;
    let (endpoint, _) = bench.endpoint(&sink.url(), Signing::Hmac).await;
    let _working = bench.work();
    bench.events(1).await;
    for attempts in 1..10 {
        bench.until(&endpoint, |row| row.attempts == attempts).await;
        bench.app.clock.advance(29 * HOUR);
        // Five days of failure would switch it off before.
        bench
            .change(
                "update webhook_endpoints set failing_since = null where id = $1 and $2 = ''",
                &endpoint.id,
                "",
            )
            .await;
    }
    let rows = bench.until(&endpoint, |row| row.state == "failed").await;
    assert_eq!((rows[0].attempts, rows[0].due_at), (10, None));
    assert_eq!(sink.got().len(), 10);
}

#[tokio::test]
async fn endpoints_that_hang_delay_no_other() {
    let bench = Bench::start(testing::database(Engine::Sqlite).await).await;
    let hanging = Sink::answering(|_, _| std::future::pending()).await;
    let sink = Sink::saying(&[200]).await;
    for _ in 0..60 {
        bench.endpoint(&hanging.url(), Signing::Hmac).await;
    }
    let (endpoint, _) = bench.endpoint(&sink.url(), Signing::Hmac).await;
    bench.events(20).await;
    let _working = bench.work();
    bench.until(&endpoint, is_delivered).await;
    let got: HashMap<String, usize> = sink.got().iter().fold(HashMap::new(), |mut got, one| {
        *got.entry(one.id().to_owned()).or_default() += 1;
        got
    });
    assert_eq!(got.len(), 20);
    assert!(got.values().all(|count| *count == 1));
}
