//! Letters from the operation that keeps them to a real mail server on loopback.

use std::{process::Stdio, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;

use super::{Kept, Letter, Standing, deliver, deliver::Mailer, find, post, recent, store};
use crate::{
    on_both_engines,
    server::{
        clock::{DAY, HOUR, MINUTE},
        testing::TestApp,
    },
};

const TOKEN: &str = "tok3n-that-signs-in";

/// The mail server of `.ci/smtp-sink.py`.
struct Sink {
    port: u16,
    said: mpsc::UnboundedReceiver<Value>,
    process: Child,
}

impl Sink {
    async fn start(arguments: &[&str]) -> Self {
        let python = std::env::var("LATCHKEY_TEST_PYTHON").unwrap_or_else(|_| {
            panic!(
                "LATCHKEY_TEST_PYTHON is not set: run the tests with `make test`, which installs it"
            )
        });
        let mut process = Command::new(python)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/.ci/smtp-sink.py"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("Python starts");
        let stdout = process.stdout.take().expect("piped");
        let mut lines = BufReader::new(stdout).lines();
        let (say, said) = mpsc::unbounded_channel();
        // Always read, or it would wait for room in the pipe.
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let _ = say.send(serde_json::from_str(&line).expect("JSON"));
            }
        });
        let mut sink = Self {
            port: 0,
            said,
            process,
        };
        let port = sink.next().await["port"].as_u64().expect("a port");
        sink.port = u16::try_from(port).expect("a port");
        sink
    }

    /// What it says next.
    async fn next(&mut self) -> Value {
        tokio::time::timeout(Duration::from_secs(20), self.said.recv())
            .await
            .expect("in time")
            .expect("it runs")
    }

    /// Stops it; gives what it had said and nobody had heard.
    async fn stop(mut self) -> Vec<Value> {
        drop(self.process.stdin.take());
        let mut rest = Vec::new();
        while let Some(said) = self.said.recv().await {
            rest.push(said);
        }
        self.process.wait().await.expect("it ended");
        rest
    }

    fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }
}

fn mailer(app: &TestApp, url: &str) -> Mailer {
    Mailer::new(url, &app.state.config, &app.state.profile.name).expect("a mailer")
}

fn letter(subject: &str) -> Letter {
    Letter {
        to: "ada@example.test".to_owned(),
        user_id: None,
        subject: subject.to_owned(),
        text: vec!["Somebody asked for another password.".to_owned()],
        button: Some((
            "Choose a password".to_owned(),
            format!("http://localhost:3000/reset?token={TOKEN}"),
        )),
        after: vec!["If that wasn\u{2019}t you, do nothing.".to_owned()],
    }
}

/// Keeps a letter. Gives its id.
async fn keep(app: &TestApp, subject: &str) -> String {
    let mut tx = app.state.db.begin().await.expect("a transaction");
    post(&mut tx, &app.state, &letter(subject))
        .await
        .expect("kept");
    tx.commit().await.expect("committed");
    let newest = recent(&app.state).await.expect("read");
    newest
        .into_iter()
        .find(|kept| {
            kept.letter
                .as_ref()
                .is_some_and(|letter| letter.subject == subject)
        })
        .expect("it is there")
        .id
}

async fn round(app: &TestApp, mailer: &Mailer) -> usize {
    deliver::round(&app.state, mailer).await.expect("a round")
}

async fn standing(app: &TestApp, id: &str) -> Kept {
    find(&app.state, id).await.expect("it is there")
}

fn header<'a>(message: &'a Value, name: &str) -> &'a str {
    let mut values = message["headers"]
        .as_array()
        .expect("headers")
        .iter()
        .filter(|pair| {
            pair[0]
                .as_str()
                .is_some_and(|n| n.eq_ignore_ascii_case(name))
        });
    let value = values.next().expect("the header")[1]
        .as_str()
        .expect("text");
    assert!(values.next().is_none(), "{name} stands once");
    value
}

on_both_engines! {
    async fn a_letter_is_kept_sealed_with_its_change_and_vanishes_with_a_rollback(test: TestDb) {
        let app = TestApp::start(test).await;
        let mut tx = app.state.db.begin().await.expect("a transaction");
        post(&mut tx, &app.state, &letter("Rolled back")).await.expect("kept");
        drop(tx);
        assert!(recent(&app.state).await.expect("read").is_empty());

        let id = keep(&app, "Committed").await;
        let mut reader = app.state.db.read().await.expect("a connection");
        let row = store::by_id(&mut reader, &id).await.expect("read").expect("it is there");
        let sealed = row.sealed.expect("a text");
        for word in [TOKEN, "ada@example.test", "Committed"] {
            assert!(!sealed.windows(word.len()).any(|part| part == word.as_bytes()), "{word} can be read");
        }
        assert!(app.state.sealer.open("mail:eml_another", &sealed).is_none(), "it opens in its own row alone");
    }

    async fn a_letter_is_sent_once_in_both_bodies_and_then_wiped(test: TestDb) {
        let app = TestApp::start(test).await;
        let mut sink = Sink::start(&[]).await;
        let mailer = mailer(&app, &sink.url());
        let id = keep(&app, "Choose another password\r\nBcc: eve@example.test").await;
        assert_eq!(round(&app, &mailer).await, 1);
        let message = sink.next().await;
        assert_eq!(message["from"], "no-reply@localhost");
        assert_eq!(message["to"], serde_json::json!(["ada@example.test"]));
        assert_eq!(header(&message, "From"), "RevKeen <no-reply@localhost>");
        assert_eq!(header(&message, "To"), "ada@example.test");
        assert_eq!(header(&message, "Subject"), "Choose another password Bcc: eve@example.test");
        assert_eq!(header(&message, "Message-ID"), format!("<{id}@localhost>"));
        assert_eq!(header(&message, "Auto-Submitted"), "auto-generated");
        assert!(header(&message, "Date").ends_with("+0000"));
        assert_eq!(message["type"], "multipart/alternative");
        for body in ["text", "html"] {
            let body = message[body].as_str().expect("a body");
            for part in ["Somebody asked for another password.", TOKEN, "If that wasn\u{2019}t you"] {
                assert!(body.contains(part) || body.contains(&part.replace('\'', "&#39;")), "{part} in {body}");
            }
        }
        let kept = standing(&app, &id).await;
        assert_eq!((kept.standing, kept.letter), (Standing::Sent(app.clock.now()), None));
        app.clock.advance(DAY);
        assert_eq!(round(&app, &mailer).await, 0);
        assert!(sink.stop().await.is_empty());
    }

    async fn what_is_refused_for_now_is_tried_at_the_stated_times(test: TestDb) {
        let app = TestApp::start(test).await;
        let sink = Sink::start(&["--fail", "451", "6"]).await;
        let mailer = mailer(&app, &sink.url());
        let id = keep(&app, "Not now").await;
        let mut made = 0;
        for delay in [0, MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 6 * HOUR] {
            if delay > 0 {
                app.clock.advance(delay - 1);
                assert_eq!(round(&app, &mailer).await, 0, "not before its time");
                app.clock.advance(1);
            }
            assert_eq!(round(&app, &mailer).await, 1);
            made += 1;
            let kept = standing(&app, &id).await;
            let error = kept.last_error.expect("an error");
            assert!(error.contains("451") && error.contains("<the recipient>"), "{error}");
            assert!(!error.contains("ada@"), "{error}");
            if made < 6 {
                assert!(kept.letter.is_some());
            } else {
                assert_eq!((kept.standing, kept.letter), (Standing::GivenUp, None));
            }
        }
        app.clock.advance(DAY);
        assert_eq!(round(&app, &mailer).await, 0);
        assert_eq!(sink.stop().await.len(), 6);
    }

    async fn a_letter_is_sent_after_a_refusal_for_now(test: TestDb) {
        let app = TestApp::start(test).await;
        let mut sink = Sink::start(&["--fail", "451", "1"]).await;
        let mailer = mailer(&app, &sink.url());
        let id = keep(&app, "Soon").await;
        round(&app, &mailer).await;
        assert_eq!(sink.next().await["refused"], 451);
        let kept = standing(&app, &id).await;
        assert!(kept.letter.is_some() && kept.last_error.is_some());
        app.clock.advance(MINUTE);
        round(&app, &mailer).await;
        assert_eq!(header(&sink.next().await, "Message-ID"), format!("<{id}@localhost>"));
        let kept = standing(&app, &id).await;
        assert_eq!((kept.standing, kept.last_error), (Standing::Sent(app.clock.now()), None));
    }

    async fn two_workers_at_once_send_each_letter_once(test: TestDb) {
        let app = TestApp::start(test).await;
        let sink = Sink::start(&[]).await;
        let mailer = mailer(&app, &sink.url());
        for number in 0..20 {
            keep(&app, &format!("Letter {number}")).await;
        }
        // Another process has connections of its own.
        let other = app.state.with_db(crate::db::Db::connect(&app.test.url).await.expect("it opens"));
        for _ in 0..10 {
            let (one, two) = tokio::join!(
                deliver::round(&app.state, &mailer),
                deliver::round(&other, &mailer)
            );
            if one.expect("a round") + two.expect("a round") == 0 {
                break;
            }
        }
        let mut ids: Vec<String> = sink
            .stop()
            .await
            .iter()
            .map(|message| header(message, "Message-ID").to_owned())
            .collect();
        assert_eq!(ids.len(), 20);
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 20, "each once");
    }

    async fn a_claim_of_a_process_that_died_runs_out(test: TestDb) {
        let app = TestApp::start(test).await;
        let mut sink = Sink::start(&[]).await;
        let mailer = mailer(&app, &sink.url());
        let id = keep(&app, "Left behind").await;
        let now = app.clock.now();
        let mut tx = app.state.db.begin().await.expect("a transaction");
        let claimed = store::claim(&mut tx, now, now + 3 * MINUTE, 8).await.expect("claimed");
        tx.commit().await.expect("committed");
        assert_eq!(claimed.len(), 1);
        assert_eq!(round(&app, &mailer).await, 0, "it is somebody's");
        app.clock.advance(3 * MINUTE);
        assert_eq!(round(&app, &mailer).await, 1);
        sink.next().await;
        // The first process was only slow: what it says now changes nothing.
        let mut tx = app.state.db.begin().await.expect("a transaction");
        store::failed(&mut tx, &claimed[0], None, "late").await.expect("written");
        tx.commit().await.expect("committed");
        let kept = standing(&app, &id).await;
        assert_eq!((kept.standing, kept.last_error), (Standing::Sent(app.clock.now()), None));
    }

    async fn old_letters_are_not_sent_and_older_ones_removed(test: TestDb) {
        let app = TestApp::start(test).await;
        let sink = Sink::start(&[]).await;
        let mailer = mailer(&app, &sink.url());
        let id = keep(&app, "Old news").await;
        app.clock.advance(DAY + 1);
        assert_eq!(round(&app, &mailer).await, 1);
        let kept = standing(&app, &id).await;
        assert_eq!((kept.standing, kept.letter), (Standing::GivenUp, None));
        assert!(sink.stop().await.is_empty());
        let mut tx = app.state.db.begin().await.expect("a transaction");
        store::delete_before(&mut tx, app.clock.now() - DAY).await.expect("removed");
        tx.commit().await.expect("committed");
        assert!(recent(&app.state).await.expect("read").is_empty());
    }
}

async fn sqlite() -> TestApp {
    TestApp::start(crate::db::testing::database(crate::db::testing::Engine::Sqlite).await).await
}

#[tokio::test]
async fn a_recipient_who_is_refused_for_good_is_given_up_at_once() {
    let app = sqlite().await;
    let sink = Sink::start(&["--fail", "550", "1"]).await;
    let mailer = mailer(&app, &sink.url());
    let id = keep(&app, "Nobody there").await;
    round(&app, &mailer).await;
    let kept = standing(&app, &id).await;
    assert_eq!((kept.standing, kept.letter), (Standing::GivenUp, None));
    assert!(kept.last_error.is_some_and(|error| error.contains("550")));
    app.clock.advance(DAY);
    assert_eq!(round(&app, &mailer).await, 0);
    assert_eq!(sink.stop().await.len(), 1);
}

#[tokio::test]
async fn an_address_that_no_letter_can_have_is_given_up_at_once() {
    let app = sqlite().await;
    let sink = Sink::start(&[]).await;
    let mailer = mailer(&app, &sink.url());
    for to in ["nobody", "a@b.example\r\nRCPT TO:<eve@example.test>", ""] {
        let mut tx = app.state.db.begin().await.expect("a transaction");
        let letter = Letter {
            to: to.to_owned(),
            ..letter("To nobody")
        };
        post(&mut tx, &app.state, &letter).await.expect("kept");
        tx.commit().await.expect("committed");
    }
    round(&app, &mailer).await;
    for kept in recent(&app.state).await.expect("read") {
        assert_eq!(kept.standing, Standing::GivenUp);
    }
    assert!(sink.stop().await.is_empty());
}

#[tokio::test]
async fn letters_wait_while_the_mail_server_is_down() {
    let app = sqlite().await;
    let sink = Sink::start(&[]).await;
    let (port, url) = (sink.port, sink.url());
    let mailer = mailer(&app, &url);
    keep(&app, "Before").await;
    round(&app, &mailer).await;
    assert_eq!(sink.stop().await.len(), 1);
    let id = keep(&app, "Meanwhile").await;
    round(&app, &mailer).await;
    assert!(matches!(standing(&app, &id).await.standing, Standing::Kept));
    assert!(standing(&app, &id).await.last_error.is_some());
    let mut sink = Sink::start(&["--port", &port.to_string()]).await;
    app.clock.advance(MINUTE);
    round(&app, &mailer).await;
    assert_eq!(header(&sink.next().await, "Subject"), "Meanwhile");
}

#[tokio::test]
async fn the_sign_in_at_the_mail_server_is_used_and_a_wrong_one_loses_no_letter() {
    let app = sqlite().await;
    let mut sink = Sink::start(&["--login", "portal:p@ss"]).await;
    let id = keep(&app, "With a password").await;
    let wrong = mailer(
        &app,
        &format!("smtp://portal:other@127.0.0.1:{}", sink.port),
    );
    round(&app, &wrong).await;
    let kept = standing(&app, &id).await;
    assert!(kept.letter.is_some() && kept.last_error.is_some_and(|error| error.contains("535")));
    let right = mailer(
        &app,
        &format!("smtp://portal:p%40ss@127.0.0.1:{}", sink.port),
    );
    app.clock.advance(MINUTE);
    round(&app, &right).await;
    assert_eq!(header(&sink.next().await, "Subject"), "With a password");
}

#[tokio::test]
async fn the_worker_sends_what_is_kept_and_ends_when_asked() {
    let app = sqlite().await;
    let mut sink = Sink::start(&[]).await;
    let stop = CancellationToken::new();
    let worker = tokio::spawn(deliver::run(
        app.state.clone(),
        mailer(&app, &sink.url()),
        stop.clone(),
    ));
    keep(&app, "By the worker").await;
    assert_eq!(header(&sink.next().await, "Subject"), "By the worker");
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(10), worker)
        .await
        .expect("in time")
        .expect("it ended");
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .lock()
            .expect("not poisoned")
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_holds_neither_links_nor_addresses_nor_the_password() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let app = sqlite().await;
    for (arguments, at) in [
        (["--fail", "451", "1"], "p4ssw0rd"),
        (["--fail", "550", "1"], "p4ssw0rd"),
        (["--fail", "0", "0"], "p4ssw0rd"),
    ] {
        let sink = Sink::start(&arguments).await;
        let mailer = mailer(&app, &sink.url());
        keep(&app, "In the log").await;
        round(&app, &mailer).await;
        let wrong = Mailer::new(
            &format!("smtp://portal:{at}@127.0.0.1:{}", sink.port),
            &app.state.config,
            "RevKeen",
        )
        .expect("a mailer");
        keep(&app, "In the log, too").await;
        round(&app, &wrong).await;
        sink.stop().await;
    }
    let text = String::from_utf8(log.0.lock().expect("not poisoned").clone()).expect("text");
    assert!(
        text.contains("is given up") && text.contains("is tried again"),
        "{text}"
    );
    for word in [TOKEN, "ada@example.test", "p4ssw0rd", "In the log"] {
        assert!(!text.contains(word), "{word} in {text}");
    }
}

/// The demo shows its letters, without anybody signed in.
#[tokio::test]
async fn the_demo_shows_its_letters_and_the_frame_may_do_nothing() {
    let app = sqlite().await;
    let id = keep(&app, "Choose <another> password").await;
    let list = app.get("/dev/mail", None).await;
    assert_eq!(list.status, 200);
    assert!(
        list.body.contains("Choose &lt;another&gt; password"),
        "{}",
        list.body
    );
    let page = app.get(&format!("/dev/mail/{id}"), None).await;
    assert!(
        page.body.contains(&format!("src=\"/dev/mail/{id}/html\"")),
        "{}",
        page.body
    );
    assert!(page.body.contains(TOKEN), "{}", page.body);
    let policy = |reply: &crate::server::testing::Reply| {
        reply.headers["content-security-policy"]
            .to_str()
            .expect("text")
            .to_owned()
    };
    assert!(policy(&page).contains("frame-src 'self'"));
    assert!(!policy(&list).contains("frame-src"));
    let html = app.get(&format!("/dev/mail/{id}/html"), None).await;
    assert!(
        policy(&html)
            .starts_with("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'")
    );
    assert!(html.body.contains("<base target=\"_top\">"));
    let letters = app.get("/dev/mail.json", None).await.json();
    assert_eq!(letters[0]["id"], id.as_str());
    assert_eq!(letters[0]["to"], "ada@example.test");
    assert_eq!(
        letters[0]["links"],
        serde_json::json!([format!("http://localhost:3000/reset?token={TOKEN}")])
    );
    for path in [
        "/dev/mail/eml_x",
        "/dev/mail/eml_x/html",
        "/dev/mail/eml_00000000000000000000000000",
    ] {
        assert_eq!(app.get(path, None).await.status, 404, "{path}");
    }
}
