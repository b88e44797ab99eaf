use axum::http::{Method, StatusCode};

use super::{BUILT_IN, Profile, rules::Ruling};
use crate::{
    db::testing::{Engine, database},
    on_both_engines,
    server::{run, testing::TestApp},
};

fn text(name: &str) -> &'static str {
    let found = BUILT_IN.iter().find(|(built_in, _)| *built_in == name);
    found.expect("built in").1
}

/// The text with one passage changed, which has to be there.
fn changed(name: &str, from: &str, to: &str) -> String {
    let text = text(name);
    assert!(text.contains(from), "{name} has no {from:?}");
    text.replacen(from, to, 1)
}

#[test]
fn every_built_in_profile_is_sound() {
    for (name, _) in BUILT_IN {
        let profile = Profile::load(name).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(profile.id, *name);
        assert!(!profile.presets.is_empty(), "{name}");
    }
}

#[test]
fn every_profile_has_the_scopes_of_its_page() {
    let pages: &[(&str, &str)] = &[
        (
            "revkeen",
            "customers:read customers:write products:read products:write subscriptions:read subscriptions:write \
             invoices:read invoices:write webhooks:read webhooks:write checkout:write payments:read payments:write \
             finance:read settings:read settings:write",
        ),
        (
            "rukkyhub",
            "services add status balance vtu_data_plans vtu_sme_plans vtu_cable_plans vtu_electric_discos \
             vtu_cable_verify vtu_electricity_verify vtu_airtime vtu_data vtu_sme vtu_cable vtu_electricity \
             vtu_education vtu_recharge_card vtu_status giftcard_cards giftcard_trade giftcard_trades",
        ),
        ("reseller-v2", "*"),
        (
            "dual-mode",
            "transactions:read transactions:write balance:read webhooks:manage",
        ),
        (
            "universal-wallet",
            "balance:read transactions:read operations:write",
        ),
    ];
    assert_eq!(pages.len(), BUILT_IN.len());
    for (name, page) in pages {
        let profile = Profile::load(name).expect("it loads");
        let mut ids: Vec<&str> = profile.scopes().map(|scope| scope.id.as_str()).collect();
        let mut page: Vec<&str> = page.split_whitespace().collect();
        ids.sort_unstable();
        page.sort_unstable();
        assert_eq!(ids, page, "{name}");
    }
}

#[test]
fn tiers_of_revkeen_are_those_of_its_page() {
    let profile = Profile::load("revkeen").expect("it loads");
    let tiers: Vec<(&str, u32, u32)> = profile
        .tiers
        .iter()
        .map(|tier| (tier.name.as_str(), tier.rate, tier.burst))
        .collect();
    assert_eq!(
        tiers,
        [
            ("Starter", 60, 10),
            ("Growth", 600, 50),
            ("Enterprise", 6000, 200)
        ]
    );
}

#[test]
fn every_action_of_rukkyhub_needs_the_scope_of_its_name() {
    let profile = Profile::load("rukkyhub").expect("it loads");
    assert_eq!(profile.rules.len(), 21);
    for rule in &profile.rules {
        assert_eq!(rule.action.as_ref(), Some(&rule.scope));
    }
    assert!(matches!(
        profile.rule_for(&Method::POST, "/api/v1", None),
        Ruling::UnknownAction
    ));
}

/// Profile, passage, what it becomes, the line that is named by what stands in it, the field, and words of the message.
type Case = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

const REFUSED: &[Case] = &[
    // What the reader of TOML finds.
    (
        "revkeen",
        "id = \"revkeen\"",
        "id = \"revkeen\"\ncolour = 1",
        "colour",
        "colour",
        "unknown field",
    ),
    (
        "revkeen",
        "word = \"Sandbox\"\n",
        "",
        "[[environments]]",
        "environments.word",
        "is missing",
    ),
    (
        "revkeen",
        "max_overlap_hours = 24\n",
        "",
        "[rotation]",
        "rotation.max_overlap_hours",
        "is missing",
    ),
    (
        "revkeen",
        "name = \"RevKeen\"\n",
        "",
        "# RevKeen",
        "name",
        "is missing",
    ),
    (
        "revkeen",
        "live = false",
        "live = \"no\"",
        "live = \"no\"",
        "environments.live",
        "expected a boolean",
    ),
    (
        "revkeen",
        "rate = 600\n",
        "rate = -1\n",
        "rate = -1",
        "tiers.rate",
        "expected u32",
    ),
    (
        "revkeen",
        "verb = \"read\", noun = \"invoices\"",
        "verb = \"read\"",
        "invoices:read",
        "groups.scopes.noun",
        "is missing",
    ),
    (
        "revkeen",
        "error_body = \"typed\"",
        "error_body = \"loud\"",
        "\"loud\"",
        "error_body",
        "expected one of",
    ),
    (
        "revkeen",
        "create_key =",
        "create_kay =",
        "create_kay",
        "step_up.actions.create_kay",
        "unknown variant",
    ),
    (
        "revkeen",
        "bearer = true",
        "bearer = tru",
        "bearer = tru",
        "",
        "line",
    ),
    (
        "revkeen",
        "[\"x-revkeen-key\"]",
        "[\"x revkeen\"]",
        "x revkeen",
        "credential.headers",
        "invalid HTTP header name",
    ),
    // Who and where.
    (
        "revkeen",
        "id = \"revkeen\"",
        "id = \"Rev Keen\"",
        "Rev Keen",
        "id",
        "lower-case",
    ),
    (
        "revkeen",
        "name = \"RevKeen\"",
        "name = \" \"",
        "name = \" \"",
        "name",
        "is empty",
    ),
    (
        "universal-wallet",
        "bearer = true",
        "bearer = false",
        "[credential]",
        "credential",
        "headers, bearer, form or signature",
    ),
    (
        "revkeen",
        "x-revkeen-key",
        "authorization",
        "authorization",
        "credential.headers",
        "bearer = true",
    ),
    (
        "dual-mode",
        "signature = true",
        "bearer = true",
        "[credential]",
        "credential.signature",
        "signature = true",
    ),
    (
        "revkeen",
        "bearer = true",
        "signature = true",
        "signature = true",
        "credential.signature",
        "key_style",
    ),
    (
        "revkeen",
        "id = \"live\"",
        "id = \"sandbox\"",
        "id = \"sandbox\"\nword = \"Live\"",
        "environments.id",
        "twice",
    ),
    (
        "revkeen",
        "\"rk_live_\"",
        "\"rk_live\"",
        "\"rk_live\"",
        "environments.prefix",
        "end in _",
    ),
    (
        "revkeen",
        "\"rk_live_\"",
        "\"rk_l\u{ef}ve_\"",
        "ve_\"",
        "environments.prefix",
        "ASCII",
    ),
    (
        "revkeen",
        "\"rk_live_\"",
        "\"rk_\"",
        "\"rk_\"",
        "environments.prefix",
        "begin alike",
    ),
    (
        "dual-mode",
        "\"sk_prod_\"",
        "\"pk_test_\"",
        "secret_prefix = \"pk_test_\"",
        "environments.secret_prefix",
        "begin alike",
    ),
    (
        "dual-mode",
        "secret_prefix = \"sk_test_\"\n",
        "",
        "[[environments]]",
        "environments.secret_prefix",
        "is missing",
    ),
    (
        "reseller-v2",
        "live = true",
        "live = true\nsecret_prefix = \"ss_\"",
        "secret_prefix",
        "environments.secret_prefix",
        "only a pair",
    ),
    // Making a key.
    (
        "revkeen",
        "otherwise = [\"password\", \"totp\", \"passkey\"]",
        "otherwise = [\"pin\"]",
        "otherwise",
        "step_up.otherwise",
        "more than a PIN",
    ),
    (
        "reseller-v2",
        "create_key = [\"password\"]",
        "create_key = []",
        "create_key",
        "step_up.actions.create_key",
        "names no factor",
    ),
    (
        "universal-wallet",
        "default = \"everything\"",
        "default = \"live\"",
        "default = \"live\"",
        "approval.default",
        "less than approval.least",
    ),
    (
        "universal-wallet",
        "addresses = true\ndomains",
        "addresses = false\ndomains",
        "addresses = true",
        "create.addresses",
        "allow.addresses",
    ),
    (
        "universal-wallet",
        "default_days = 365",
        "default_days = 731",
        "default_days",
        "expiry.default_days",
        "730 or less",
    ),
    (
        "universal-wallet",
        "max_days = 730",
        "max_days = 0",
        "max_days",
        "expiry.max_days",
        "1 or more",
    ),
    (
        "revkeen",
        "never = true",
        "never = false",
        "never = false",
        "expiry.never",
        "default_days or max_days",
    ),
    (
        "reseller-v2",
        "max_active_keys = 10",
        "max_active_keys = 0",
        "max_active_keys",
        "max_active_keys",
        "1 or more",
    ),
    // Currencies and tiers.
    (
        "dual-mode",
        "exponent = 8",
        "exponent = 9",
        "exponent = 9",
        "currencies.exponent",
        "8 or less",
    ),
    (
        "dual-mode",
        "id = \"EUR\"",
        "id = \"USD\"",
        "id = \"USD\"\nkind = \"fiat\"\nexponent = 2\n\n[[currencies]]\nid = \"GBP\"",
        "currencies.id",
        "twice",
    ),
    (
        "dual-mode",
        "id = \"EUR\"",
        "id = \"Euro\"",
        "Euro",
        "currencies.id",
        "ISO 4217",
    ),
    (
        "revkeen",
        "burst = 10\n",
        "burst = 0\n",
        "burst = 0",
        "tiers.burst",
        "1 or more",
    ),
    (
        "revkeen",
        "id = \"growth\"",
        "id = \"starter\"",
        "id = \"starter\"\nname = \"Growth\"",
        "tiers.id",
        "twice",
    ),
    (
        "revkeen",
        "default_tier = \"starter\"",
        "default_tier = \"start\"",
        "\"start\"",
        "default_tier",
        "enterprise, growth, starter",
    ),
    (
        "revkeen",
        "default_tier = \"starter\"",
        "default_tier = \"gold\"",
        "\"gold\"",
        "default_tier",
        "there is no tier",
    ),
    // Scopes.
    (
        "revkeen",
        "id = \"customers:write\"",
        "id = \"customers:read\"",
        "Create, change and delete customers",
        "groups.scopes.id",
        "twice",
    ),
    (
        "revkeen",
        "id = \"customers:write\"",
        "id = \"customers write\"",
        "customers write",
        "groups.scopes.id",
        "letters, digits",
    ),
    (
        "revkeen",
        "id = \"customers:write\"",
        "id = \"AND\"",
        "\"AND\"",
        "groups.scopes.id",
        "letters, digits",
    ),
    (
        "revkeen",
        "id = \"customers:write\"",
        "id = \"cust*\"",
        "cust*",
        "groups.scopes.id",
        "stands alone",
    ),
    (
        "revkeen",
        "noun = \"invoices\"",
        "noun = \"\"",
        "noun = \"\"",
        "groups.scopes.noun",
        "is empty",
    ),
    (
        "reseller-v2",
        "scopes = [\"*\"]",
        "scopes = []",
        "scopes = []",
        "presets.scopes",
        "name a scope",
    ),
    (
        "revkeen",
        "scopes = [\"customers:read\", \"customers:write\", \"products:read\"",
        "scopes = [\"customers:raed\"",
        "customers:raed",
        "presets.scopes",
        "no scope \"customers:raed\"",
    ),
    // Amounts.
    (
        "universal-wallet",
        "amount = { field = \"amount\", currency = \"currency\",",
        "amount = { field = \"amount\", currency = \"amount\",",
        "currency = \"amount\"",
        "rules.amount.currency",
        "the one beside it",
    ),
    (
        "universal-wallet",
        "amount = { field = \"amount\", currency = \"currency\",",
        "amount = { field = \"\", currency = \"currency\",",
        "field = \"\"",
        "rules.amount.field",
        "is empty",
    ),
    (
        "universal-wallet",
        "amount = { field = \"amount\", currency = \"currency\",",
        "amount = { field = \"amount\",",
        "amount = { field = \"amount\", in",
        "rules.amount",
        "currency or default_currency",
    ),
    (
        "universal-wallet",
        "in = \"json\"",
        "in = \"path\"",
        "in = \"path\"",
        "rules.amount.in",
        "json",
    ),
    (
        "rukkyhub",
        "default_currency = \"NGN\"",
        "default_currency = \"XAU\"",
        "default_currency = \"XAU\"",
        "rules.amount.default_currency",
        "[[currencies]]",
    ),
    (
        "rukkyhub",
        "in = \"form\"",
        "in = \"json\"",
        "in = \"json\"",
        "rules.amount.in",
        "form",
    ),
    // Rules.
    (
        "revkeen",
        "scope = \"customers:read\"",
        "scope = \"customers:raed\"",
        "customers:raed",
        "rules.scope",
        "no scope \"customers:raed\"",
    ),
    (
        "dual-mode",
        "path = \"/v1/webhooks\"",
        "path = \"v1/webhooks\"",
        "\"v1/webhooks\"",
        "rules.path",
        "begin with /",
    ),
    (
        "universal-wallet",
        "{workspace}/cash-in",
        "{account}/cash-in",
        "{account}/cash-in",
        "rules.path",
        "{workspace} or {id}",
    ),
    (
        "revkeen",
        "sample = \"customers\"",
        "sample = \"refund_payment\"",
        "sample = \"refund_payment\"",
        "rules.sample",
        "a step {id}",
    ),
    (
        "revkeen",
        "sample = \"customers\"",
        "sample = \"clients\"",
        "\"clients\"",
        "rules.sample",
        "unknown variant",
    ),
    (
        "rukkyhub",
        "sample_currency = \"NGN\"",
        "sample_currency = \"naira\"",
        "sample_currency",
        "sample_currency",
        "ISO 4217",
    ),
    (
        "universal-wallet",
        "{workspace}/cash-in\"",
        "{workspace}/cash-in\"\naction = \"in\"",
        "action = \"in\"",
        "rules.action",
        "credential.form",
    ),
    (
        "rukkyhub",
        "action = \"services\"\n",
        "",
        "[[rules]]\nmethod = \"POST\"\npath = \"/api/v1\"\naction = \"add\"",
        "rules",
        "give each an action",
    ),
    (
        "rukkyhub",
        "action = \"services\"",
        "action = \"add\"",
        "[[rules]]\nmethod = \"POST\"\npath = \"/api/v1\"\naction = \"add\"\nscope = \"add\"\n",
        "rules",
        "stands in it twice",
    ),
    (
        "dual-mode",
        "[first_call]\nmethod = \"GET\"",
        "[first_call]\nmethod = \"PUT\"",
        "[first_call]",
        "first_call",
        "no rule lets PUT",
    ),
    (
        "revkeen",
        "id = \"balance.changed\"",
        "id = \"balance\"",
        "id = \"balance\"\ngroup",
        "events.id",
        "points between",
    ),
    (
        "revkeen",
        "id = \"customer.created\"",
        "id = \"key.created\"",
        "id = \"key.created\"",
        "events.id",
        "sent by Latchkey itself",
    ),
    (
        "revkeen",
        "id = \"transaction.failed\"",
        "id = \"transaction.completed\"",
        "id = \"transaction.completed\"\ngroup = \"Transactions\"\nabout = \"A transaction did not",
        "events.id",
        "stands in it twice",
    ),
    (
        "revkeen",
        "id = \"balance.changed\"",
        "id = \"balance.moved\"",
        "[[events]]",
        "events",
        "\"balance.changed\" is missing",
    ),
    (
        "revkeen",
        "\"balance\": {\"type\": \"integer\"}",
        "\"balance\": {\"type\": \"number of cents\"}",
        "schema = '''\n{\n  \"type\": \"object\",\n  \"required\": [\"account_id\"",
        "events.schema",
        "is no JSON Schema",
    ),
    (
        "revkeen",
        "\"balance\": 181300,",
        "\"balance\": \"181300\",",
        "example = '''\n{\n  \"account_id\"",
        "events.example",
        "does not fit its schema: /balance: ",
    ),
    (
        "revkeen",
        "\"required\": [\"account_id\", ",
        "\"required\": [\"account_id\" ",
        "schema = '''\n{\n  \"type\": \"object\",\n  \"required\": [\"account_id\"",
        "events.schema",
        "no JSON",
    ),
];

#[test]
fn what_is_wrong_is_named_with_its_line_and_field() {
    for (name, from, to, at, field, words) in REFUSED {
        let text = changed(name, from, to);
        let error = Profile::parse(&text).expect_err(to);
        let place = text.find(at).unwrap_or_else(|| panic!("no {at:?}"));
        let line = 1 + text[..place].matches('\n').count();
        let expected = if field.is_empty() {
            format!("line {line}: ")
        } else {
            format!("line {line}: {field}: ")
        };
        assert!(
            error.starts_with(&expected) && error.contains(words),
            "{to:?}: expected {expected:?} … {words:?}, got {error:?}"
        );
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn limits_are_not_asked_for_where_there_is_no_currency() {
    let (before, rest) = text("reseller-v2")
        .split_once("[[currencies]]")
        .expect("there");
    let (_, after) = rest.split_once("[[tiers]]").expect("there");
    let without = format!("{before}[[tiers]]{after}")
        .replace(", default_currency = \"USD\"", ", currency = \"currency\"");
    Profile::parse(&without).expect("sound");
    let error =
        Profile::parse(&without.replace("limits = false", "limits = true")).expect_err("refused");
    assert!(
        error.contains("create.limits: there is no currency to choose; add [[currencies]]"),
        "{error}"
    );
}

#[test]
fn sound_changes_are_taken() {
    for (name, from, to) in [
        (
            "revkeen",
            "otherwise = [\"password\", \"totp\", \"passkey\"]",
            "otherwise = [\"password\"]",
        ),
        ("revkeen", "id = \"finance:read\"", "id = \"finance:*\""),
        ("universal-wallet", "default_days = 365\n", ""),
        ("universal-wallet", "max_days = 730\n", ""),
    ] {
        let text = changed(name, from, to).replace("\"finance:read\"", "\"finance:*\"");
        assert!(Profile::parse(&text).is_ok(), "{to}");
    }
}

#[test]
fn a_path_names_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mine.toml");
    let name = path.to_str().expect("text");
    std::fs::write(&path, text("rukkyhub")).expect("written");
    let profile = Profile::load(name).expect("it loads");
    assert_eq!(profile.id, "rukkyhub");
    assert_eq!(
        profile.fingerprint,
        Profile::load("rukkyhub").expect("it loads").fingerprint
    );

    std::fs::write(&path, changed("rukkyhub", "\"rk_live_\"", "\"rk_live\"")).expect("written");
    let error = Profile::load(name).expect_err("refused");
    let expected = format!("profile {name}, line 17: environments.prefix: \"rk_live\" must be");
    assert!(error.starts_with(&expected), "{error}");
}

#[test]
fn a_profile_that_is_not_there_is_said_to_be_missing() {
    let error = Profile::load("/nowhere/mine.toml").expect_err("refused");
    assert!(
        error.starts_with("LATCHKEY_PROFILE=/nowhere/mine.toml: No such file"),
        "{error}"
    );
    assert!(Profile::load("mine.toml").is_err_and(|error| error.contains("No such file")));
    let error = Profile::load("revken").expect_err("refused");
    assert!(
        error.contains("revkeen, rukkyhub, reseller-v2, dual-mode, universal-wallet"),
        "{error}"
    );
}

/// The same database under another profile.
async fn under(app: TestApp, profile: &str) -> TestApp {
    TestApp::start_as(app.test, Profile::parse(profile).expect("sound")).await
}

on_both_engines! {
    async fn a_changed_profile_is_refused_until_it_is_accepted_and_then_remembered(test: TestDb) {
        let app = TestApp::start(test).await;
        run::accept_profile(&app.state, false).await.expect("nothing is there yet");
        let workspace = app.workspace("Acme").await;
        let (kept, _) = app.key(&workspace, "Reader", &["customers:read"]).await;
        let (lost, _) = app.key(&workspace, "Reporting", &["customers:read", "finance:read"]).await;
        run::accept_profile(&app.state, false).await.expect("it is the same profile");

        let renamed = text("revkeen").replace("finance:read", "reports:read");
        let app = under(app, &renamed).await;
        let error = run::accept_profile(&app.state, false).await.expect_err("refused").to_string();
        assert!(
            error.contains(&format!("{lost} \"Reporting\" in {workspace}: no more scope finance:read\n")),
            "{error}"
        );
        assert!(!error.contains(&kept), "{error}");
        run::accept_profile(&app.state, false).await.expect_err("a refusal accepts nothing");
        run::accept_profile(&app.state, true).await.expect("accepted");
        run::accept_profile(&app.state, false).await.expect("accepted before");

        // Another text is another question, though the keys are the same.
        let app = under(app, &format!("{renamed}\n# Later.\n")).await;
        run::accept_profile(&app.state, false).await.expect_err("refused");

        crate::keys::ops::revoke_at_console(&app.state, &lost).await.expect("revoked");
        run::accept_profile(&app.state, false).await.expect("no key in use is concerned");
    }
}

/// A key holds the ids that it was made with. A profile that knows more, or calls a thing by another name, gives it nothing.
#[tokio::test]
async fn a_key_gains_nothing_by_a_changed_profile() {
    let app = TestApp::start(database(Engine::Sqlite).await).await;
    let workspace = app.workspace("Acme").await;
    let (_, key) = app.key(&workspace, "POS", &["customers:read"]).await;
    let get = async |app: &TestApp, path: &'static str| {
        app.call(Method::GET, path, Some(&key)).await.status
    };
    assert_eq!(get(&app, "/v2/customers").await, StatusCode::OK);

    let renamed = text("revkeen").replace("customers:read", "customers:read_all");
    let app = under(app, &renamed).await;
    assert_eq!(get(&app, "/v2/customers").await, StatusCode::FORBIDDEN);

    let more = changed(
        "revkeen",
        "# A call that works",
        "[[rules]]\nmethod = \"GET\"\npath = \"/v2/ledgers\"\nscope = \"invoices:read\"\n\n# A call that works",
    );
    let app = under(app, &more).await;
    assert_eq!(get(&app, "/v2/customers").await, StatusCode::OK);
    assert_eq!(get(&app, "/v2/ledgers").await, StatusCode::FORBIDDEN);
}
