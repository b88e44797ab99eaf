//! Commands by what they print and refuse.

use std::os::unix::fs::PermissionsExt;

use clap::Parser;
use serde_json::Value;

use super::commands::{self, Admin};
use crate::{
    db::testing::{self, Engine},
    server::{
        clock::Rng,
        secrets::{self, SecretsError},
        testing::TestApp,
    },
};

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    command: Admin,
}

async fn run(app: &TestApp, line: &str) -> Result<Vec<Value>, String> {
    let words = std::iter::once("admin").chain(line.split(' '));
    let command = Line::try_parse_from(words)
        .map_err(|error| error.to_string())?
        .command;
    let mut out = Vec::new();
    commands::run(&app.state, command, &mut out)
        .await
        .map_err(|failed| failed.0)?;
    let text = String::from_utf8(out).expect("UTF-8");
    Ok(text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect())
}

#[tokio::test]
async fn keys_are_made_and_ended_and_mistakes_are_named() {
    let app = TestApp::start(testing::database(Engine::Sqlite).await).await;
    let workspace = app.workspace("Acme").await;
    let base = format!(
        "create-key --workspace {workspace} --env sandbox --scopes customers:read,invoices:read"
    );
    let made = run(&app, &format!("{base} --label POS --expires-in-days 7"))
        .await
        .expect("made");
    assert!(
        made[0]["secret"]
            .as_str()
            .is_some_and(|secret| secret.starts_with("rk_sandbox_"))
    );
    let many = run(&app, &format!("{base} --label Batch --count 3"))
        .await
        .expect("made");
    assert_eq!(many.len(), 3);
    let id = made[0]["key_id"].as_str().expect("an id");
    run(&app, &format!("revoke-key --key {id}"))
        .await
        .expect("revoked");
    for (line, part) in [
        (format!("revoke-key --key {id}"), "revoked before"),
        ("revoke-key --key key_1".to_owned(), "not the id of a key"),
        (
            format!("{base} --label Batch --count 2 --never-expires"),
            "already",
        ),
        (format!("{base} --label X --tier gold"), "starter, growth"),
        (
            format!("{base} --label X --allow-ip 203.0.113.7/24"),
            "did you mean",
        ),
        (
            format!("{base} --label X --allow-domain co.uk"),
            "domains: co.uk",
        ),
        (format!("{base} --label X --meta store"), "name=value"),
        (format!("{base} --label X --currency NGN"), "no currency"),
        (
            format!("{base} --label X --max-amount 0 --currency NGN"),
            "max-amount",
        ),
        (
            format!("{base} --label X --ed25519-public-key AAAA"),
            "not pairs",
        ),
        (
            format!("{base} --label X --expires-in-days 0"),
            "0 is not in",
        ),
        (
            base.replace("customers:read", "customers:fly") + " --label X",
            "no scope",
        ),
        (
            base.replace("sandbox", "mars") + " --label X",
            "Choose an environment",
        ),
        (
            base.replace(&workspace, "wsp_1") + " --label X",
            "no workspace",
        ),
        (
            "create-workspace --name Acme --owner nobody@example.test".to_owned(),
            "no account",
        ),
        ("rotate-secrets".to_owned(), "not available in this version"),
    ] {
        let error = run(&app, &line).await.expect_err(&line);
        assert!(error.contains(part), "{line}: {error}");
    }
}

#[tokio::test]
async fn the_secrets_file_belongs_to_one_database() {
    let test = testing::database(Engine::Sqlite).await;
    let path = test.folder.path().join("secrets.toml");
    let rng = Rng::system();
    let first = secrets::load(&test.db, &path, &rng)
        .await
        .expect("made")
        .0
        .hash(b"x");
    assert_eq!(
        secrets::load(&test.db, &path, &rng)
            .await
            .expect("read")
            .0
            .hash(b"x"),
        first
    );

    let other = testing::database(Engine::Sqlite).await;
    let foreign = other.folder.path().join("secrets.toml");
    secrets::load(&other.db, &foreign, &rng)
        .await
        .expect("made");
    assert!(matches!(
        secrets::load(&test.db, &foreign, &rng).await,
        Err(SecretsError::Mismatch(_))
    ));
    let missing = test.folder.path().join("gone.toml");
    assert!(matches!(
        secrets::load(&test.db, &missing, &rng).await,
        Err(SecretsError::Missing(_))
    ));
    assert!(!missing.exists(), "no new secrets beside an old database");

    // A new pepper in front: what was hashed under the old one is still found.
    let content = std::fs::read_to_string(&path).expect("readable");
    let (rest, pepper) = content.split_once("pepper = [").expect("a list");
    std::fs::write(
        &path,
        format!("{rest}pepper = [\"{}\", {pepper}", "ab".repeat(32)),
    )
    .expect("written");
    let rotated = secrets::load(&test.db, &path, &rng)
        .await
        .expect("accepted");
    assert!(rotated.0.hash(b"x") != first && rotated.0.hashes(b"x").any(|hash| hash == first));

    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("set");
    assert!(matches!(
        secrets::load(&test.db, &path, &rng).await,
        Err(SecretsError::Permissions(_))
    ));
}
