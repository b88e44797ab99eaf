//! The code that the portal shows for verifying a signature is run here, in each language that this machine has; Rust's is
//! compiled in. So is the reference library of npm. All have to agree with how events are signed.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::{
    db::testing::{self, Engine},
    server::{
        clock::{Clock, Rng},
        testing::TestApp,
    },
    webhooks::{catalogue, sign::SigningSecret, types::Signing},
    workspaces::Role,
};

#[path = "../samples/verify.rs"]
mod verify;

/// A request, and whether it is to be accepted.
struct Case {
    what: &'static str,
    /// What the receiver verifies by.
    secret: String,
    id: &'static str,
    timestamp: String,
    signatures: String,
    body: &'static str,
    good: bool,
}

const ID: &str = "evt_01kdv6w8000000000000000000";
/// Multi-byte letters, an escape and blanks: what parsing and writing again would change.
const BODY: &str =
    r#"{"type":"transaction.completed",  "data":{"note":"Zürich \u2013 ✓","amount":12.50}}"#;

fn cases(signing: Signing) -> Vec<Case> {
    let rng = Rng::system();
    let (secret, other) = (
        SigningSecret::generate(&rng, signing),
        SigningSecret::generate(&rng, signing),
    );
    let now = Clock::system().now().div_euclid(1000);
    let case = |what, good| Case {
        what,
        secret: secret.shown().to_string(),
        id: ID,
        timestamp: now.to_string(),
        signatures: secret.sign(ID, now, BODY.as_bytes()),
        body: BODY,
        good,
    };
    let at = |what, second: i64, good| Case {
        timestamp: second.to_string(),
        signatures: secret.sign(ID, second, BODY.as_bytes()),
        ..case(what, good)
    };
    let signed = |what, signatures: String, good| Case {
        signatures,
        ..case(what, good)
    };
    let right = secret.sign(ID, now, BODY.as_bytes());
    let wrong = other.sign(ID, now, BODY.as_bytes());
    let bare = right.split_once(',').map_or("", |(_, value)| value);
    vec![
        case("as it was sent", true),
        signed(
            "while the secret is rotated",
            format!("{wrong} {right}"),
            true,
        ),
        signed("with one of another version", format!("v2,x {right}"), true),
        at("a minute late", now - 60, true),
        signed("signed by another", wrong.clone(), false),
        signed("signed as another version", format!("v9,{bare}"), false),
        signed("without the version", bare.to_owned(), false),
        signed(
            "a signature that is cut",
            right[..right.len() - 8].to_owned(),
            false,
        ),
        signed("no signature", String::new(), false),
        signed(
            "no signature behind the version",
            right[..right.len() - bare.len()].to_owned(),
            false,
        ),
        at("six minutes old", now - 360, false),
        at("six minutes ahead", now + 360, false),
        Case {
            body: r#"{"type":"transaction.completed"}"#,
            ..case("another body", false)
        },
        Case {
            id: "evt_other",
            ..case("another id", false)
        },
        Case {
            timestamp: (now - 1).to_string(),
            ..case("another time", false)
        },
        Case {
            timestamp: "soon".to_owned(),
            ..case("no time", false)
        },
        Case {
            timestamp: String::new(),
            ..case("an empty time", false)
        },
        Case {
            secret: other.shown().to_string(),
            ..case("verified by another", false)
        },
    ]
}

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/webhooks/samples")
        .join(name)
}

/// Whether the program is on this machine.
fn has(program: &str, version: &str) -> bool {
    let found = Command::new(program)
        .arg(version)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        println!("{program} is not here: its sample is not run");
    }
    found
}

fn agree(language: &str, cases: &[Case], accepted: &[bool]) {
    assert_eq!(cases.len(), accepted.len(), "{language}");
    for (case, accepted) in cases.iter().zip(accepted) {
        assert_eq!(*accepted, case.good, "{language}: {}", case.what);
    }
}

/// Runs a program that reads the cases as JSON and prints a list of what it accepted.
fn run(command: &mut Command, cases: &[Case]) -> Vec<bool> {
    let cases: Vec<Value> = cases
        .iter()
        .map(|case| {
            json!({
                "secret": case.secret, "body": case.body,
                "headers": {
                    "webhook-id": case.id, "webhook-timestamp": case.timestamp,
                    "webhook-signature": case.signatures,
                },
            })
        })
        .collect();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin
        .write_all(json!(cases).to_string().as_bytes())
        .expect("written");
    drop(stdin);
    let done = child.wait_with_output().expect("it ends");
    assert!(done.status.success(), "{command:?}");
    serde_json::from_slice(&done.stdout).expect("a list")
}

/// A script for Node that gives each case to a function `verify`.
fn node(import: &str, call: &str) -> Command {
    let script = format!(
        "{import}
         const cases = JSON.parse(require('node:fs').readFileSync(0));
         const accepted = [];
         (async () => {{
           {call}
           console.log(JSON.stringify(accepted));
         }})();"
    );
    let mut command = Command::new("node");
    command
        .arg("-e")
        .arg(script)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

fn node_sample(name: &str) -> Command {
    let call = format!(
        "const {{ verify }} = await import({:?});
         for (const one of cases) {{
           try {{ verify(one.secret, one.headers, Buffer.from(one.body)); accepted.push(true); }}
           catch {{ accepted.push(false); }}
         }}",
        sample(name).display().to_string()
    );
    node("", &call)
}

#[test]
fn the_sample_in_javascript_accepts_what_is_signed_and_nothing_else() {
    let cases = cases(Signing::Hmac);
    agree(
        "JavaScript",
        &cases,
        &run(&mut node_sample("verify.mjs"), &cases),
    );
}

#[test]
fn the_sample_for_public_keys_accepts_what_is_signed_and_nothing_else() {
    let cases = cases(Signing::Ed25519);
    let mut command = node_sample("verify_ed25519.mjs");
    agree("JavaScript, Ed25519", &cases, &run(&mut command, &cases));
}

#[test]
fn the_reference_library_of_npm_accepts_what_is_signed_and_nothing_else() {
    let call = "for (const one of cases) {
        try { new Webhook(one.secret).verify(one.body, one.headers); accepted.push(true); }
        catch { accepted.push(false); }
    }";
    let import = "const { Webhook } = require('standardwebhooks');";
    let cases = cases(Signing::Hmac);
    agree(
        "standardwebhooks",
        &cases,
        &run(&mut node(import, call), &cases),
    );
}

#[test]
fn the_sample_in_python_accepts_what_is_signed_and_nothing_else() {
    if !has("python3", "--version") {
        return;
    }
    let script = format!(
        "import importlib.util, json, sys
spec = importlib.util.spec_from_file_location('verify', {:?})
sample = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sample)
accepted = []
for one in json.load(sys.stdin):
    try:
        sample.verify(one['secret'], one['headers'], one['body'].encode())
        accepted.append(True)
    except ValueError:
        accepted.append(False)
print(json.dumps(accepted))",
        sample("verify.py").display().to_string()
    );
    let cases = cases(Signing::Hmac);
    // Nothing is written beside the sample.
    let mut command = Command::new("python3");
    command.arg("-B").arg("-c").arg(script);
    agree("Python", &cases, &run(&mut command, &cases));
}

#[test]
fn the_sample_in_rust_accepts_what_is_signed_and_nothing_else() {
    let cases = cases(Signing::Hmac);
    let now = Clock::system().now().div_euclid(1000);
    let accepted: Vec<bool> = cases
        .iter()
        .map(|case| {
            let Case {
                secret,
                id,
                timestamp,
                signatures,
                body,
                ..
            } = case;
            verify::verify(secret, id, timestamp, signatures, body.as_bytes(), now).is_ok()
        })
        .collect();
    agree("Rust", &cases, &accepted);
}

#[test]
fn the_sample_in_php_accepts_what_is_signed_and_nothing_else() {
    if !has("php", "--version") {
        return;
    }
    let script = format!(
        "require {:?};
         $accepted = [];
         foreach (json_decode(stream_get_contents(STDIN), true) as $one) {{
             try {{ verify_webhook($one['secret'], $one['headers'], $one['body']); $accepted[] = true; }}
             catch (RuntimeException $wrong) {{ $accepted[] = false; }}
         }}
         echo json_encode($accepted);",
        sample("verify.php").display().to_string()
    );
    let cases = cases(Signing::Hmac);
    agree(
        "PHP",
        &cases,
        &run(Command::new("php").arg("-r").arg(script), &cases),
    );
}

#[test]
fn the_sample_in_go_accepts_what_is_signed_and_nothing_else() {
    if !has("go", "version") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let code = std::fs::read_to_string(sample("verify.go")).expect("readable");
    let main = r#"package main
import ("encoding/json"; "fmt"; "net/http"; "os")
func main() {
	var cases []struct { Secret, Body string; Headers map[string]string }
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil { panic(err) }
	accepted := []bool{}
	for _, one := range cases {
		header := http.Header{}
		for name, value := range one.Headers { header.Set(name, value) }
		accepted = append(accepted, Verify(one.Secret, header, []byte(one.Body)) == nil)
	}
	out, _ := json.Marshal(accepted)
	fmt.Println(string(out))
}"#;
    for (name, text) in [
        ("go.mod", "module webhooks\n\ngo 1.19\n"),
        (
            "verify.go",
            &*code.replace("package webhooks", "package main"),
        ),
        ("main.go", main),
    ] {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    let cases = cases(Signing::Hmac);
    let mut command = Command::new("go");
    command
        .args(["run", "."])
        .current_dir(folder.path())
        .env("GOFLAGS", "-mod=mod")
        .env("GOCACHE", folder.path().join("cache"));
    agree("Go", &cases, &run(&mut command, &cases));
}

#[test]
fn the_sample_in_shell_accepts_what_is_signed_and_nothing_else() {
    if !has("openssl", "version") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let cases = cases(Signing::Hmac);
    let accepted: Vec<bool> = cases
        .iter()
        .map(|case| {
            let body = folder.path().join("body");
            std::fs::write(&body, case.body).expect("written");
            Command::new("sh")
                .arg(sample("verify.sh"))
                .args([case.id, &case.timestamp, &case.signatures])
                .arg(&body)
                .env("WEBHOOK_SECRET", &case.secret)
                .stderr(Stdio::null())
                .status()
                .expect("it runs")
                .success()
        })
        .collect();
    agree("sh", &cases, &accepted);
}

/// What the sample sends is what we would send: it is caught by a program in place of curl, and verified.
#[test]
fn the_sample_that_sends_signs_as_we_do() {
    if !has("openssl", "version") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let curl = folder.path().join("curl");
    std::fs::write(
        &curl,
        "#!/bin/sh\nfor word in \"$@\"; do printf '%s\\n' \"$word\"; done\n",
    )
    .expect("written");
    let done = Command::new("chmod").arg("+x").arg(&curl).status();
    assert!(done.is_ok_and(|done| done.success()));
    let path = std::env::var("PATH").unwrap_or_default();
    let secret = SigningSecret::generate(&Rng::system(), Signing::Hmac);
    let sent = Command::new("sh")
        .arg(sample("send.sh"))
        .env("PATH", format!("{}:{path}", folder.path().display()))
        .env("WEBHOOK_SECRET", &*secret.shown())
        .env("WEBHOOK_URL", "http://127.0.0.1:9/hook")
        .output()
        .expect("it runs");
    let words = String::from_utf8(sent.stdout).expect("text");
    let header = |name: &str| {
        words
            .lines()
            .find_map(|word| word.strip_prefix(&format!("{name}: ")))
            .unwrap_or_else(|| panic!("no {name} in {words}"))
    };
    assert!(words.lines().any(|word| word == "http://127.0.0.1:9/hook"));
    let now = Clock::system().now().div_euclid(1000);
    verify::verify(
        &secret.shown(),
        header("webhook-id"),
        header("webhook-timestamp"),
        header("webhook-signature"),
        words.lines().last().expect("a body").as_bytes(),
        now,
    )
    .expect("it verifies");
}

async fn app() -> TestApp {
    TestApp::start(testing::database(Engine::Sqlite).await).await
}

#[tokio::test]
async fn the_docs_speak_of_the_viewers_own_endpoint_to_who_may_know_it() {
    let app = app().await;
    let home = app.workspace("Acme").await;
    let (_, key) = app.key(&home, "Hooks", &["webhooks:write"]).await;
    let body = r#"{"url":"https://hooks.example/in","events":["key.created"]}"#;
    let request = axum::http::Request::post("/v2/webhooks")
        .header("x-revkeen-key", &key)
        .header("content-type", "application/json")
        .body(body.into())
        .expect("a request");
    let made = app.gateway(request).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let id = made.json()["id"].as_str().expect("an id").to_owned();
    let developer = app.member(&home, &[Role::Developer]).await;
    let page = app
        .get("/docs/webhooks?env=sandbox", Some(&developer))
        .await;
    assert_eq!(page.status, StatusCode::OK);
    for text in [
        &*id,
        "https://hooks.example/in",
        "whsec_",
        "410 Gone",
        "webhook-id",
    ] {
        assert!(page.body.contains(text), "{text}");
    }
    assert!(
        !page
            .body
            .contains(made.json()["secret"].as_str().expect("a secret"))
    );
    let live = app.get("/docs/webhooks?env=live", Some(&developer)).await;
    assert!(!live.body.contains(&id) && live.body.contains("You have no endpoint in"));
    let elsewhere = app.workspace("Globex").await;
    let stranger = app.member(&elsewhere, &[Role::Developer]).await;
    for path in ["/docs/webhooks?env=sandbox", "/webhooks/events?env=sandbox"] {
        assert!(
            !app.get(path, Some(&stranger)).await.body.contains(&id),
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_catalogue_shows_every_type_with_its_shape_and_who_gets_it() {
    let app = app().await;
    let home = app.workspace("Acme").await;
    let developer = app.member(&home, &[Role::Developer]).await;
    let page = app.get("/webhooks/events", Some(&developer)).await;
    assert_eq!(page.status, StatusCode::OK);
    let kinds: Vec<_> = catalogue::all(&app.state.profile).collect();
    assert!(kinds.len() > 15);
    for kind in kinds {
        assert!(
            page.body.contains(&format!("id=\"{}\"", kind.id)),
            "{}",
            kind.id
        );
        kind.check(&kind.example)
            .expect("the example fits its schema");
    }
}
