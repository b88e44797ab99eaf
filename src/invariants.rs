//! The shape of the source, where a rule of the architecture can be read off it.

use std::{fs, path::Path};

/// Every source file: its path below `src` and its text.
pub fn sources() -> Vec<(String, String)> {
    fn walk(folder: &Path, root: &Path, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).expect("readable") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, root, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let name = path
                    .strip_prefix(root)
                    .expect("below")
                    .to_string_lossy()
                    .into_owned();
                found.push((name, fs::read_to_string(&path).expect("text")));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &root, &mut found);
    assert!(found.len() > 50, "the source is where it is looked for");
    found
}

pub fn is_test(name: &str) -> bool {
    name.ends_with("tests.rs")
        || name.contains("_tests/")
        || name.ends_with("testing.rs")
        || name == "invariants.rs"
}

#[test]
fn the_gateway_knows_neither_pages_nor_sessions() {
    for (name, text) in sources() {
        if !name.starts_with("gateway/") || is_test(&name) {
            continue;
        }
        for word in ["leptos", "tower_sessions", "::page", "::api", "accounts::"] {
            assert!(!text.contains(word), "{name} mentions {word}");
        }
    }
}

#[test]
fn sql_stands_where_it_is_looked_for() {
    let allowed = |name: &str| {
        name.starts_with("db/")
            || ["store.rs", "outbox.rs", "deliver.rs", "buffer.rs"]
                .iter()
                .any(|file| name.ends_with(&format!("/{file}")))
    };
    for (name, text) in sources() {
        if allowed(&name) || is_test(&name) {
            continue;
        }
        for word in [
            "fetch_all!",
            "fetch_one!",
            "fetch_optional!",
            "fetch_bulk!",
            "execute!",
            "execute_bulk!",
            "sqlx::query",
        ] {
            assert!(!text.contains(word), "{name} has SQL");
        }
    }
}

#[test]
fn every_server_function_resolves_its_viewer_first() {
    for (name, text) in sources() {
        if is_test(&name) {
            continue;
        }
        for function in text.split("#[server(").skip(1) {
            let body = function.split("\n}\n").next().unwrap_or_default();
            let viewer = body
                .find("viewer::with_any_role(")
                .or_else(|| body.find("viewer::current("));
            let state = body.find("page::state()");
            assert!(
                viewer.is_some() && viewer < state,
                "{name}: {}",
                body.lines().nth(1).unwrap_or_default()
            );
        }
    }
}

#[test]
fn every_change_to_keys_people_or_tokens_is_recorded() {
    for (name, text) in sources() {
        if !name.ends_with("/ops.rs") {
            continue;
        }
        // A function that commits has recorded, itself or through the helper that it calls with its transaction.
        for function in text.split("\npub async fn ").skip(1) {
            let body = function.split("\n}\n").next().unwrap_or_default();
            // These three change nothing of anybody's: they count tries and send letters.
            let name_of = body.split('(').next().unwrap_or_default();
            if ["sign_in", "sign_up", "ask_reset"].contains(&name_of) {
                continue;
            }
            if body.contains(".commit()") {
                // Without blanks, since a call may be broken into lines.
                let body: String = body.chars().filter(|c| !c.is_whitespace()).collect();
                let recorded = [
                    "audit::record(",
                    "insert(state,&muttx",
                    "end(state,&muttx",
                    "end_acts(&muttx",
                    "reset_and_record(",
                    "put_roles(&muttx",
                    "put_terms(&muttx",
                    "set_policy(&muttx",
                    "request::ask(&muttx",
                    "hand_over(state,&muttx",
                    "disable_in(state,&muttx",
                    "change_in(state,&muttx",
                    "create_in(state,&muttx",
                ]
                .iter()
                .any(|call| body.contains(call));
                assert!(recorded, "{name}: {name_of}");
            }
        }
    }
}

#[test]
fn time_and_randomness_come_from_the_clock_and_the_rng() {
    for (name, text) in sources() {
        if is_test(&name) || name == "server/clock.rs" {
            continue;
        }
        for word in [
            "SystemTime::now",
            "Timestamp::now",
            "now_utc()",
            "OsRng",
            "rand::rng",
        ] {
            assert!(!text.contains(word), "{name} takes {word} from the air");
        }
    }
}

#[test]
fn a_secret_cannot_be_printed_compared_or_serialised() {
    let text = sources()
        .into_iter()
        .find(|(name, _)| name == "keys/secret.rs")
        .expect("it is there")
        .1;
    for forbidden in [
        "impl std::fmt::Display for PlainKey",
        "impl Serialize for PlainKey",
        "impl PartialEq for PlainKey",
    ] {
        assert!(!text.contains(forbidden));
    }
    let declaration = text.split("pub struct PlainKey").next().unwrap_or_default();
    assert!(
        !declaration
            .lines()
            .next_back()
            .unwrap_or_default()
            .contains("derive")
    );
}

/// Build keys stand in Cargo.toml, run-time keys in Leptos.toml; where both have one they agree.
#[test]
fn the_frameworks_two_files_agree() {
    let read = |file: &str| -> toml::Table {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        fs::read_to_string(path)
            .expect("readable")
            .parse()
            .expect("TOML")
    };
    let settings = |table: &toml::Table| {
        table["package"]["metadata"]["leptos"]
            .as_table()
            .expect("a table")
            .clone()
    };
    let (build, run) = (
        settings(&read("Cargo.toml")),
        settings(&read("Leptos.toml")),
    );
    assert!(!run.is_empty());
    for (name, value) in run {
        if let Some(built) = build.get(&name) {
            assert_eq!(*built, value, "{name}");
        }
    }
}
