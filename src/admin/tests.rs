//! Commands by what they print and refuse.

use std::os::unix::fs::PermissionsExt;

use axum::http::StatusCode;
use clap::Parser;
use serde_json::Value;

use super::{
    commands::{self, Admin},
    demo,
};
use crate::{
    accounts::{
        self,
        page::{DEMO_PASSWORD, DEMO_PEOPLE},
    },
    approvals, audit,
    db::testing::{self, Engine, TestDb},
    gateway::judge::{Code, order},
    keys::{
        store::{self, Filter, KeyRow, Sort},
        types::{KeyState, KeyTab},
    },
    on_both_engines,
    profiles::Profile,
    server::{
        clock::{DAY, Rng},
        secrets::{self, SecretsError},
        testing::{Someone, TestApp, cookie},
    },
    workspaces::{self, Role, Roles},
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

/// The demo's checker, signed in.
async fn demo_checker(app: &TestApp) -> Someone {
    let (_, email) = DEMO_PEOPLE[1];
    let fields = [("email", email), ("password", DEMO_PASSWORD)];
    let reply = app.post("/login", None, &fields).await;
    let mut reader = app.state.db.read().await.expect("a reader");
    let user = accounts::store::by_email(&mut reader, email)
        .await
        .expect("read")
        .expect("they are there");
    let space = workspaces::store::of_user(&mut reader, &user.id)
        .await
        .expect("read")
        .remove(0);
    Someone {
        cookie: cookie(&reply).expect("a session cookie"),
        id: user.id,
        email: email.to_owned(),
        workspace_id: space.workspace_id,
        roles: Roles::of(&[Role::Checker]),
    }
}

/// Every key of the workspace.
async fn keys_of(app: &TestApp, workspace_id: &str) -> Vec<KeyRow> {
    let now = app.clock.now();
    let mut reader = app.state.db.read().await.expect("a reader");
    let mut keys = Vec::new();
    for environment in &app.state.profile.environments {
        for tab in [KeyTab::Active, KeyTab::Pending, KeyTab::Inactive] {
            let filter = Filter {
                workspace_id,
                environment: &environment.id,
                tab,
                search: None,
                owner_id: None,
                scope: None,
                ends_before: None,
                idle_since: None,
                sort: Sort::Made,
                after: None,
            };
            keys.extend(
                store::list(&mut reader, filter, now, 100)
                    .await
                    .expect("read"),
            );
        }
    }
    keys
}

/// Fills an empty database as `latchkey demo` does, and looks at what a visitor finds.
async fn demo_is_whole(test: TestDb, profile: &str) {
    let app = TestApp::start_as(test, Profile::load(profile).expect("it loads")).await;
    demo::fill(&app.state)
        .await
        .map_err(|failed| failed.0)
        .expect("filled");
    let now = app.clock.now();
    let bo = demo_checker(&app).await;
    let mut reader = app.state.db.read().await.expect("a reader");
    let ada = accounts::store::by_email(&mut reader, DEMO_PEOPLE[0].1)
        .await
        .expect("read")
        .expect("Ada");
    let workspace = bo.workspace_id.as_str();
    let keys = keys_of(&app, workspace).await;
    for state in KeyState::ALL {
        assert!(
            keys.iter().any(|key| key.state(now) == state),
            "{profile}: no key is {state:?}"
        );
    }
    assert!(
        keys.iter()
            .any(|key| key.state(now) == KeyState::Approved
                && key.owner_id.as_ref() == Some(&ada.id)),
        "{profile}: Ada has nothing to reveal"
    );
    let ends = |days: i64| now + days * DAY..now + (days + 1) * DAY;
    assert!(
        keys.iter()
            .any(|key| key.expires_at.is_some_and(|at| ends(6).contains(&at)))
    );
    let active = |key: &KeyRow| key.state(now) == KeyState::Active;
    assert_eq!(
        keys.iter()
            .any(|key| active(key) && key.expires_at.is_none()),
        app.state.profile.expiry.never
    );
    assert!(
        keys.iter().any(|key| !key.allow().is_empty())
            && keys.iter().any(|key| !key.meta().is_empty())
    );
    assert_eq!(
        keys.iter().any(|key| key.limits().max_daily.is_some()),
        app.state.profile.create.limits
    );
    if let Some(max) = app.state.profile.max_active_keys {
        let alive = keys
            .iter()
            .filter(|key| !key.state(now).has_ended())
            .count();
        assert!(
            alive + 4 <= max as usize,
            "{profile}: {alive} of {max} keys"
        );
    }

    let open = approvals::store::open(&mut reader, workspace, now)
        .await
        .expect("read");
    assert!(open.len() >= 3, "{profile}: {} requests", open.len());
    let mut asked: Vec<&str> = open.iter().map(|row| row.kind.as_str()).collect();
    asked.sort_unstable();
    assert_eq!(asked, ["change_key", "enable_key", "new_key"]);
    let viewer = app.viewer(&bo);
    for row in &open {
        let standing = approvals::ops::standing(&mut reader, &app.state, &viewer, true, row);
        assert!(
            standing.await.expect("read").is_ok(),
            "{profile}: {}",
            row.title
        );
    }
    let found = audit::verify(&mut reader).await.expect("read");
    assert!(found.ok && found.entries > 40, "{profile}: {found:?}");
    let codes = crate::fetch_all!(
        &mut reader,
        (String,),
        "select distinct code from requests where workspace_id = $1",
        workspace
    )
    .expect("read");
    let allow = app.state.profile.allow;
    for code in order() {
        let seen = match code {
            // What waits has no secret that anybody could send.
            Code::PendingApproval => false,
            Code::IpNotAllowed => allow.addresses,
            Code::OriginRequired | Code::OriginNotAllowed => allow.domains,
            _ => true,
        };
        let code = code.as_str();
        assert_eq!(
            codes.iter().any(|(logged,)| logged == code),
            seen,
            "{profile}: {code}"
        );
    }
    if app.state.profile.rotation.max_overlap_hours > 0 {
        let users = crate::fetch_all!(
            &mut reader,
            (String, i64),
            "select r.secret_id, count(*) from requests r join key_secrets s on s.key_id = r.key_id
             where s.ends_at > $1 and r.at > s.replaced_at group by r.secret_id",
            now
        )
        .expect("read");
        assert_eq!(
            users.len(),
            2,
            "{profile}: the old secret and the new one are in use"
        );
    }
    drop(reader);
    let page = app.get("/keys", Some(&bo)).await;
    assert_eq!(page.status, StatusCode::OK, "{profile}");
}

on_both_engines! {
    async fn the_demo_is_whole_under_the_profile_that_is_served_by_default(test: TestDb) {
        demo_is_whole(test, "revkeen").await;
    }
}

#[tokio::test]
async fn the_demo_is_whole_where_a_plan_comes_before_a_key() {
    demo_is_whole(testing::database(Engine::Sqlite).await, "rukkyhub").await;
}

#[tokio::test]
async fn the_demo_leaves_room_where_keys_are_few() {
    demo_is_whole(testing::database(Engine::Sqlite).await, "reseller-v2").await;
}

#[tokio::test]
async fn the_demo_is_whole_where_the_live_environment_is_locked() {
    demo_is_whole(testing::database(Engine::Sqlite).await, "dual-mode").await;
}

#[tokio::test]
async fn the_demo_is_whole_where_every_key_waits() {
    demo_is_whole(testing::database(Engine::Sqlite).await, "universal-wallet").await;
}
