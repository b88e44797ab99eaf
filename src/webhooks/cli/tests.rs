//! Tokens, what listens by them and what they send: through the portal's router, and the commands over a real connection.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderValue, Request, StatusCode, header},
    response::Response,
    routing::{get, post},
};
use clap::Parser;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::{net::TcpListener, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{
    client::{self, Listen, Trigger},
    store,
};
use crate::{
    db::testing::{self, Engine},
    profiles::Profile,
    server::{
        clock::{DAY, is_id},
        listen, run,
        testing::{PASSWORD, Reply, Someone, TestApp, serve},
    },
    webhooks::outbox::{self, EventType},
    workspaces::Role,
};

const SOON: Duration = Duration::from_secs(20);

async fn app() -> TestApp {
    TestApp::start(testing::database(Engine::Sqlite).await).await
}

async fn create(app: &TestApp, who: &Someone, form: &str, proof: &str) -> Reply {
    let fields = [
        ("form", form),
        ("name", "Laptop"),
        ("days", "30"),
        ("factor", "password"),
        ("proof", proof),
    ];
    app.post("/settings/cli/new", Some(who), &fields).await
}

fn form(app: &TestApp) -> String {
    app.state.rng.id("frm", app.clock.now())
}

/// A new token of this person, as its page shows it.
async fn token(app: &TestApp, who: &Someone) -> String {
    let reply = create(app, who, &form(app), PASSWORD).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    let shown = reply.between("aria-label=\"Token\"", "</output>");
    let (_, shown) = shown.split_once('>').expect("an element");
    shown.trim().to_owned()
}

async fn developer(app: &TestApp) -> (String, Someone) {
    let workspace = app.workspace("Acme").await;
    let who = app.member(&workspace, &[Role::Developer]).await;
    (workspace, who)
}

fn listening(token: &str, last: Option<&str>) -> Request<Body> {
    let mut request =
        Request::get("/cli/listen").header(header::AUTHORIZATION, format!("Bearer {token}"));
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    request.body(Body::empty()).expect("a request")
}

/// Who listens, and what they have not looked at yet.
struct Ear {
    body: Body,
    text: String,
}

impl Ear {
    async fn open(app: &TestApp, token: &str, last: Option<&str>) -> Self {
        let response = app.open(listening(token, last)).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "text/event-stream"
        );
        Self {
            body: response.into_body(),
            text: String::new(),
        }
    }

    /// The next event: its id, or `end`, and its data. None at the end.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            let event = self.block().await?;
            let name = line(&event, "id: ").or_else(|| line(&event, "event: "));
            if let (Some(name), Some(data)) = (name, line(&event, "data: ")) {
                return Some((name, serde_json::from_str(&data).expect("JSON")));
            }
        }
    }

    /// The id that is told before any event.
    async fn began(&mut self) -> String {
        let hello = self.block().await.expect("a first word");
        assert!(line(&hello, "data: ").is_none(), "{hello}");
        line(&hello, "id: ").expect("an id")
    }

    /// What is told up to the next empty line. None at the end.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            let frame = timeout(SOON, self.body.frame()).await.expect("in time")?;
            let bytes = frame.expect("whole").into_data().expect("data");
            self.text
                .push_str(std::str::from_utf8(&bytes).expect("text"));
        }
    }
}

/// What follows `start` in one of the lines.
fn line(block: &str, start: &str) -> Option<String> {
    let mut lines = block.lines();
    lines
        .find_map(|line| line.strip_prefix(start))
        .map(str::to_owned)
}

async fn happen(app: &TestApp, workspace: &str, environment: Option<&str>, label: &str) {
    let mut tx = app.state.db.begin().await.expect("a transaction");
    outbox::enqueue_named(
        &mut tx,
        &app.state.rng,
        workspace,
        environment,
        "transaction.completed",
        &json!({ "label": label }),
        app.clock.now(),
    )
    .await
    .expect("kept");
    tx.commit().await.expect("committed");
}

async fn send(app: &TestApp, token: &str, body: Value) -> Reply {
    let request = Request::post("/cli/trigger")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .expect("a request");
    app.portal(request).await
}

#[tokio::test]
async fn a_token_is_made_by_a_fresh_factor_and_shown_once() {
    let app = app().await;
    let (workspace, who) = developer(&app).await;
    let form = form(&app);
    assert_eq!(
        create(&app, &who, &form, "wrong").await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let reply = create(&app, &who, &form, PASSWORD).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    assert_eq!(reply.headers[header::CACHE_CONTROL], "no-store");
    assert!(reply.body.contains(">lk_cli_"), "{}", reply.body);
    // The same form makes no second one, and what it made is shown no more.
    let again = create(&app, &who, &form, PASSWORD).await;
    assert_eq!(again.location(), "/settings/cli?done=before");
    let list = app.get("/settings/cli", Some(&who)).await;
    assert!(list.body.contains("Laptop"));
    assert!(!list.body.contains("lk_cli_0") && !list.body.contains(">lk_cli_"));
    let mut reader = app.state.db.read().await.expect("a connection");
    let (tokens,): (i64,) =
        crate::fetch_one!(&mut reader, (i64,), "select count(*) from cli_tokens").expect("counted");
    assert_eq!(tokens, 1);
    let (entries,): (i64,) = crate::fetch_one!(
        &mut reader,
        (i64,),
        "select count(*) from audit_entries where chain_id = $1 and action = 'cli_token.created'",
        &workspace
    )
    .expect("counted");
    assert_eq!(entries, 1);
}

#[tokio::test]
async fn no_more_tokens_are_made_than_twenty_and_only_by_developers() {
    let app = app().await;
    let (workspace, who) = developer(&app).await;
    let auditor = app.member(&workspace, &[Role::Auditor]).await;
    assert_eq!(
        create(&app, &auditor, &form(&app), PASSWORD).await.status,
        StatusCode::FORBIDDEN
    );
    for _ in 0..super::ops::MAX_TOKENS {
        token(&app, &who).await;
    }
    let reply = create(&app, &who, &form(&app), PASSWORD).await;
    assert_eq!(reply.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn listening_hears_what_happens_in_test_environments_and_in_none_from_then_on() {
    let app = app().await;
    let (workspace, who) = developer(&app).await;
    let token = token(&app, &who).await;
    happen(&app, &workspace, Some("sandbox"), "before").await;
    let mut ear = Ear::open(&app, &token, None).await;
    happen(&app, &workspace, Some("live"), "in earnest").await;
    happen(&app, &workspace, Some("sandbox"), "a test").await;
    let other = app.workspace("Globex").await;
    happen(&app, &other, Some("sandbox"), "somebody else's").await;
    let (id, body) = ear.next().await.expect("an event");
    assert!(is_id(&id, "evt"));
    assert_eq!(
        (&body["type"], &body["data"]["label"]),
        (&json!("transaction.completed"), &json!("a test"))
    );
    assert!(body["timestamp"].is_string());
    happen(&app, &workspace, None, "of none").await;
    let (_, body) = ear.next().await.expect("an event");
    assert_eq!(body["data"]["label"], "of none");
}

#[tokio::test]
async fn listening_takes_up_after_the_last_event_that_was_heard() {
    let app = app().await;
    let (workspace, who) = developer(&app).await;
    let token = token(&app, &who).await;
    let mut ear = Ear::open(&app, &token, None).await;
    happen(&app, &workspace, Some("sandbox"), "one").await;
    let (first, _) = ear.next().await.expect("an event");
    drop(ear);
    app.clock.advance(1000);
    for label in 0..45 {
        happen(&app, &workspace, Some("sandbox"), &format!("{label:02}")).await;
        app.clock.advance(1);
    }
    let mut ear = Ear::open(&app, &token, Some(&first)).await;
    for label in 0..45 {
        let (_, body) = ear.next().await.expect("an event");
        assert_eq!(body["data"]["label"], format!("{label:02}"));
    }
    for wrong in ["evt_1", "key_01jd3v7k2m8q5x9wz4r6t0c1ba", "\u{7f}"] {
        let request = Request::get("/cli/listen")
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header("last-event-id", wrong.as_bytes());
        if let Ok(request) = request.body(Body::empty()) {
            assert_eq!(app.open(request).await.status(), StatusCode::BAD_REQUEST);
        }
    }
}

#[tokio::test]
async fn listening_takes_up_from_where_it_began_if_it_heard_nothing() {
    let app = app().await;
    let (workspace, who) = developer(&app).await;
    let token = token(&app, &who).await;
    happen(&app, &workspace, Some("sandbox"), "before").await;
    app.clock.advance(1);
    let mut ear = Ear::open(&app, &token, None).await;
    let began = ear.began().await;
    drop(ear);
    happen(&app, &workspace, Some("sandbox"), "meanwhile").await;
    let mut ear = Ear::open(&app, &token, Some(&began)).await;
    assert_eq!(ear.began().await, began);
    assert_eq!(
        ear.next().await.expect("one").1["data"]["label"],
        "meanwhile"
    );
}

#[tokio::test]
async fn an_event_that_is_kept_late_is_heard_all_the_same() {
    let app = app().await;
    let (workspace, who) = developer(&app).await;
    let token = token(&app, &who).await;
    let mut ear = Ear::open(&app, &token, None).await;
    // Its id is older than that of an event that was heard already.
    let begun = app.clock.now();
    app.clock.advance(1500);
    happen(&app, &workspace, Some("sandbox"), "later").await;
    assert_eq!(ear.next().await.expect("one").1["data"]["label"], "later");
    let mut tx = app.state.db.begin().await.expect("a transaction");
    let data = json!({ "label": "earlier" });
    outbox::enqueue_named(
        &mut tx,
        &app.state.rng,
        &workspace,
        Some("sandbox"),
        "transaction.completed",
        &data,
        begun,
    )
    .await
    .expect("kept");
    tx.commit().await.expect("committed");
    assert_eq!(ear.next().await.expect("one").1["data"]["label"], "earlier");
    happen(&app, &workspace, Some("sandbox"), "last").await;
    assert_eq!(ear.next().await.expect("one").1["data"]["label"], "last");
}

/// The id of the only token there is.
async fn only_token(app: &TestApp) -> String {
    let mut reader = app.state.db.read().await.expect("a connection");
    let (id,): (String,) =
        crate::fetch_one!(&mut reader, (String,), "select id from cli_tokens").expect("one");
    id
}

#[tokio::test]
async fn a_revoked_token_ends_what_listens_by_it_and_opens_nothing() {
    let app = app().await;
    let (workspace, who) = developer(&app).await;
    let admin = app.member(&workspace, &[Role::Admin]).await;
    let token = token(&app, &who).await;
    let mut ear = Ear::open(&app, &token, None).await;
    let page = format!("/settings/cli/{}/revoke", only_token(&app).await);
    assert_eq!(app.get(&page, Some(&admin)).await.status, StatusCode::OK);
    let reply = app.post(&page, Some(&admin), &[]).await;
    assert_eq!(reply.location(), "/settings/cli?done=revoked");
    assert_eq!(
        app.post(&page, Some(&admin), &[]).await.status,
        StatusCode::CONFLICT
    );
    let (name, why) = ear.next().await.expect("a last word");
    assert_eq!(name, "end");
    assert!(why["reason"].as_str().is_some_and(|why| !why.is_empty()));
    assert!(ear.next().await.is_none());
    let refused = app.open(listening(&token, None)).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let reply = send(&app, &token, json!({ "type": "webhook.test" })).await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_ends_by_its_date_and_with_its_makers_role() {
    let app = app().await;
    let (workspace, who) = developer(&app).await;
    let token = token(&app, &who).await;
    let status = async |app: &TestApp| app.open(listening(&token, None)).await.status();
    assert_eq!(status(&app).await, StatusCode::OK);
    let roles = async |roles: &str| {
        let mut tx = app.state.db.begin().await.expect("a transaction");
        crate::execute!(
            tx,
            "update members set roles = $2 where workspace_id = $1",
            &workspace,
            roles
        )
        .expect("changed");
        tx.commit().await.expect("committed");
    };
    roles("auditor").await;
    assert_eq!(status(&app).await, StatusCode::UNAUTHORIZED);
    roles("developer").await;
    assert_eq!(status(&app).await, StatusCode::OK);
    app.clock.advance(30 * DAY);
    assert_eq!(status(&app).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_that_has_ended_is_listed_for_thirty_days_more() {
    let app = app().await;
    let (workspace, who) = developer(&app).await;
    token(&app, &who).await;
    let page = format!("/settings/cli/{}/revoke", only_token(&app).await);
    app.post(&page, Some(&who), &[]).await;
    // It ends by its date, when the other is about to go.
    token(&app, &who).await;
    let listed = async || {
        run::clean(&app.state).await.expect("done");
        let mut reader = app.state.db.read().await.expect("a connection");
        let tokens = store::list(&mut reader, &workspace).await.expect("read");
        tokens.len()
    };
    app.clock.advance(30 * DAY);
    assert_eq!(listed().await, 2);
    app.clock.advance(1);
    assert_eq!(listed().await, 1);
    app.clock.advance(30 * DAY - 1);
    assert_eq!(listed().await, 1);
    app.clock.advance(1);
    assert_eq!(listed().await, 0);
}

#[tokio::test]
async fn four_may_listen_by_a_token_and_a_fifth_when_one_has_gone() {
    let app = app().await;
    let (_, who) = developer(&app).await;
    let token = token(&app, &who).await;
    let mut ears: Vec<Response> = Vec::new();
    for _ in 0..4 {
        ears.push(app.open(listening(&token, None)).await);
    }
    let refused = app.open(listening(&token, None)).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    ears.pop();
    let freed = async {
        while app.open(listening(&token, None)).await.status() != StatusCode::OK {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, freed).await.expect("a place is free again");
}

#[tokio::test]
async fn a_token_is_nobody_elsewhere_and_nobody_else_is_one() {
    let app = app().await;
    let (workspace, who) = developer(&app).await;
    let token = token(&app, &who).await;
    let bearing = |path: &str| {
        Request::get(path)
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .body(Body::empty())
            .expect("a request")
    };
    let page = app.portal(bearing("/dashboard")).await;
    assert!(page.location().starts_with("/login"), "{}", page.location());
    let question = json!({ "key": "rk_sandbox_x" });
    assert_eq!(
        app.verify(&token, question).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        app.gateway(bearing("/v2/customers")).await.status,
        StatusCode::UNAUTHORIZED
    );
    let (_, key) = app.key(&workspace, "POS", &["customers:read"]).await;
    for other in [app.service_token().await, key, format!("{token}0")] {
        let refused = app.open(listening(&other, None)).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    }
    let signed_in = app.get("/cli/listen", Some(&who)).await;
    assert_eq!(signed_in.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_trigger_is_an_event_like_any_other_and_recorded() {
    let app = app().await;
    let (workspace, who) = developer(&app).await;
    let token = token(&app, &who).await;
    let mut ear = Ear::open(&app, &token, None).await;
    let reply = send(&app, &token, json!({ "type": "transaction.completed" })).await;
    assert_eq!(reply.status, StatusCode::ACCEPTED, "{}", reply.body);
    let (id, body) = ear.next().await.expect("an event");
    assert_eq!(reply.json()["event_id"], id);
    let kind = crate::webhooks::catalogue::find(&app.state.profile, "transaction.completed");
    assert_eq!(body["data"], kind.expect("listed").example);
    let mut reader = app.state.db.read().await.expect("a connection");
    let (actor,): (String,) = crate::fetch_one!(
        &mut reader,
        (String,),
        "select actor from audit_entries where chain_id = $1 and action = 'webhook.triggered' and target = $2",
        &workspace,
        &id
    )
    .expect("recorded");
    assert_eq!(actor, who.id);
}

#[tokio::test]
async fn a_trigger_of_what_is_unknown_malformed_or_in_earnest_is_refused() {
    let app = app().await;
    let (workspace, who) = developer(&app).await;
    let token = token(&app, &who).await;
    for (body, status) in [
        (json!({ "type": "no.such" }), 422),
        (
            json!({ "type": "webhook.test", "environment": "live" }),
            422,
        ),
        (json!({ "type": "webhook.test", "data": [1] }), 422),
        (
            json!({ "type": "transaction.completed", "data": { "amount": "much" } }),
            422,
        ),
        (json!({ "type": 1 }), 400),
        (json!({ "type": "webhook.test", "more": 1 }), 400),
        (json!([]), 400),
        (
            json!({ "type": "webhook.test", "data": { "text": "x".repeat(70_000) } }),
            413,
        ),
    ] {
        let reply = send(&app, &token, body).await;
        assert_eq!(reply.status.as_u16(), status, "{}", reply.body);
    }
    let mut reader = app.state.db.read().await.expect("a connection");
    let (events,): (i64,) = crate::fetch_one!(
        &mut reader,
        (i64,),
        "select count(*) from outbox_events where workspace_id = $1",
        &workspace
    )
    .expect("counted");
    assert_eq!(events, 0);
}

#[tokio::test]
async fn a_token_sends_a_hundred_and_twenty_events_a_minute_at_most() {
    let app = app().await;
    let (_, who) = developer(&app).await;
    let token = token(&app, &who).await;
    for _ in 0..120 {
        let reply = send(&app, &token, json!({ "type": "webhook.test" })).await;
        assert_eq!(reply.status, StatusCode::ACCEPTED, "{}", reply.body);
    }
    let reply = send(&app, &token, json!({ "type": "webhook.test" })).await;
    assert_eq!(reply.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(reply.headers.contains_key(header::RETRY_AFTER));
}

#[tokio::test]
async fn a_platform_without_a_test_environment_says_so() {
    let profile = Profile::load("rukkyhub").expect("it loads");
    let demo = TestApp::start_as(testing::database(Engine::Sqlite).await, profile).await;
    let (_, who) = developer(&demo).await;
    // In a demo nothing real happens, so its only environment counts as one.
    let token = token(&demo, &who).await;
    assert_eq!(
        demo.open(listening(&token, None)).await.status(),
        StatusCode::OK
    );
    let app = demo.in_earnest();
    for path in ["/settings/cli", "/settings/cli/new"] {
        let page = app.get(path, Some(&who)).await;
        assert!(page.body.contains("has no test environment"), "{path}");
    }
    let reply = create(&app, &who, &form(&app), PASSWORD).await;
    assert_eq!(reply.status, StatusCode::CONFLICT);
    assert_eq!(
        app.open(listening(&token, None)).await.status(),
        StatusCode::CONFLICT
    );
}

#[derive(Parser)]
struct Listening {
    #[command(flatten)]
    listen: Listen,
}

#[derive(Parser)]
struct Triggering {
    #[command(flatten)]
    trigger: Trigger,
}

/// What a command prints, readable while it runs.
#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);

impl io::Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("whole").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Screen {
    /// The first line with this text, once it is there.
    async fn line(&self, with: &str) -> String {
        let found = async {
            loop {
                let text = String::from_utf8(self.0.lock().expect("whole").clone());
                let text = text.expect("text");
                if let Some(line) = text.lines().find(|line| line.contains(with)) {
                    return line.to_owned();
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(SOON, found).await.expect("in time")
    }
}

/// A program on the developer's machine: answers 200, or 500 to what fails.
type Got = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

async fn hook(State(got): State<Got>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let failing = String::from_utf8_lossy(&body).contains("transaction.failed");
    got.lock().expect("whole").push((headers, body));
    if failing {
        StatusCode::INTERNAL_SERVER_ERROR
    } else {
        StatusCode::OK
    }
}

/// Waits until the portal has noted that a program listens by the only token there is.
async fn listened(app: &TestApp) {
    let noted = async {
        loop {
            let mut reader = app.state.db.read().await.expect("a connection");
            let (used,): (Option<i64>,) = crate::fetch_one!(
                &mut reader,
                (Option<i64>,),
                "select last_used_at from cli_tokens"
            )
            .expect("read");
            if used.is_some() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(SOON, noted).await.expect("in time");
}

/// Where no program takes anything.
const NOBODY: &str = "http://127.0.0.1:9/";

/// `latchkey listen` as it is typed.
fn typed(token: &str, portal: &str, to: &str, more: &[&str]) -> Listen {
    let words = [
        "listen",
        "--token",
        token,
        "--url",
        portal,
        "--forward-to",
        to,
    ];
    Listening::parse_from(words.iter().chain(more)).listen
}

#[tokio::test]
async fn the_commands_bring_an_event_to_a_program_that_can_verify_it() {
    let app = app().await;
    let (_, who) = developer(&app).await;
    let token = token(&app, &who).await;
    let portal = format!("http://{}", app.listen_portal().await);
    let got = Got::default();
    let program = Router::new()
        .route("/hook", post(hook))
        .with_state(got.clone());
    let program = serve(program, listen::Limits::default()).await;
    let to = format!("http://{program}/hook");
    let screen = Screen::default();
    let events = "transaction.completed,transaction.failed";
    let asked = typed(&token, &portal, &to, &["--events", events]);
    let running = tokio::spawn({
        let mut screen = screen.clone();
        async move { client::listen(asked, &mut screen).await }
    });
    let line = screen.line("whsec_").await;
    let secret = line.split_whitespace().last().expect("a word").to_owned();
    listened(&app).await;
    let trigger = async |event_type: &str| {
        let asked =
            Triggering::parse_from(["trigger", event_type, "--token", &token, "--url", &portal]);
        let mut out = Vec::new();
        client::trigger(asked.trigger, &mut out)
            .await
            .map(|()| serde_json::from_slice::<Value>(&out).expect("JSON"))
    };
    let skipped = trigger("balance.changed").await.expect("sent");
    let sent = trigger("transaction.completed").await.expect("sent");
    let id = sent["event_id"].as_str().expect("an id").to_owned();
    let line = screen.line(&id).await;
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[1..], ["transaction.completed", &id, "200"], "{line}");
    let (headers, body) = got.lock().expect("whole").remove(0);
    assert_eq!(headers["webhook-id"], id);
    let webhook = standardwebhooks::Webhook::new(&secret).expect("a secret");
    webhook.verify(&body, &headers).expect("it verifies");
    let failed = trigger("transaction.failed").await.expect("sent");
    let id = failed["event_id"].as_str().expect("an id").to_owned();
    assert!(screen.line(&id).await.ends_with("  500"));
    let printed = String::from_utf8(screen.0.lock().expect("whole").clone()).expect("text");
    assert!(!printed.contains(skipped["event_id"].as_str().expect("an id")));
    let wrong = trigger("no.such").await.expect_err("refused");
    assert!(wrong.0.contains("no.such"), "{}", wrong.0);
    // Its end is the command's, with the reason.
    let viewer = app.viewer(&who);
    super::ops::revoke(&app.state, &viewer, &only_token(&app).await)
        .await
        .expect("revoked");
    let ended = timeout(SOON, running).await.expect("in time").expect("ran");
    let why = ended.expect_err("it ended").0;
    assert!(why.contains("revoked"), "{why}");
}

#[tokio::test]
async fn a_stop_waits_for_nobody_who_listens_and_they_come_back() {
    let app = app().await;
    let (_, who) = developer(&app).await;
    let token = token(&app, &who).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("an address");
    let portal = format!("http://{address}");
    let asked = typed(&token, &portal, NOBODY, &[]);
    let running = tokio::spawn(async move { client::listen(asked, &mut Vec::new()).await });
    let stop = app.state.stop.clone();
    let served = async {
        tokio::join!(app.serve_portal(listener, stop.clone()), async {
            listened(&app).await;
            stop.cancel();
        })
    };
    timeout(SOON, served).await.expect("it has stopped");
    assert!(!running.is_finished());
    // That the token is good no more it hears only from who is served next.
    let viewer = app.viewer(&who);
    super::ops::revoke(&app.state, &viewer, &only_token(&app).await)
        .await
        .expect("revoked");
    let listener = TcpListener::bind(address).await.expect("free again");
    let ended = tokio::select! {
        () = app.serve_portal(listener, CancellationToken::new()) => unreachable!("nobody stops it"),
        ended = timeout(SOON, running) => ended.expect("in time").expect("ran"),
    };
    let why = ended.expect_err("it ended").0;
    assert!(why.contains("neither revoked nor expired"), "{why}");
}

#[tokio::test]
async fn a_command_that_has_heard_nothing_takes_up_from_where_it_began() {
    let asked: Arc<Mutex<Vec<Option<HeaderValue>>>> = Arc::default();
    let portal = get({
        let asked = asked.clone();
        async move |headers: HeaderMap| {
            let mut asked = asked.lock().expect("whole");
            asked.push(headers.get("last-event-id").cloned());
            let again = asked.len() > 1;
            let status = if again {
                StatusCode::UNAUTHORIZED
            } else {
                StatusCode::OK
            };
            (status, "id: evt_1\n\n")
        }
    });
    let portal = Router::new().route("/cli/listen", portal);
    let portal = serve(portal, listen::Limits::default()).await;
    let portal = format!("http://{portal}");
    let mut out = Vec::new();
    client::listen(typed("lk_cli_x", &portal, NOBODY, &[]), &mut out)
        .await
        .expect_err("it is refused the second time");
    let asked = asked.lock().expect("whole").clone();
    assert_eq!(asked, [None, Some(HeaderValue::from_static("evt_1"))]);
    // Nothing was sent on.
    assert_eq!(String::from_utf8(out).expect("text").lines().count(), 1);
}

#[tokio::test]
async fn a_command_that_cannot_go_on_says_why() {
    let app = app().await;
    let portal = format!("http://{}", app.listen_portal().await);
    let asked = Listening::parse_from([
        "listen",
        "--token",
        "lk_cli_wrong",
        "--url",
        &portal,
        "--forward-to",
        "http://127.0.0.1:9/",
    ]);
    let why = client::listen(asked.listen, &mut Vec::new())
        .await
        .expect_err("refused");
    assert!(why.0.contains("Bearer lk_cli_"), "{}", why.0);
    for wrong in ["ftp://127.0.0.1/", "127.0.0.1:4242", "nowhere"] {
        let parsed = Listening::try_parse_from(["listen", "--token", "x", "--forward-to", wrong]);
        assert!(parsed.is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn what_the_portal_itself_does_is_heard() {
    let app = app().await;
    let (workspace, who) = developer(&app).await;
    let token = token(&app, &who).await;
    let mut ear = Ear::open(&app, &token, None).await;
    let (key, _) = app.key(&workspace, "POS", &["customers:read"]).await;
    let (_, body) = ear.next().await.expect("an event");
    assert_eq!(body["type"], EventType::KeyCreated.as_str());
    assert_eq!(body["data"]["key_id"], key);
}
