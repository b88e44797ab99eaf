//! Where a key may be used from: its page, and what the gateway and verify make of it on the next request.

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use serde_json::json;

use super::{list_tests::given_plan, ops};
use crate::{
    db::testing::{self, Engine},
    on_both_engines,
    profiles::Profile,
    server::testing::{PASSWORD, Reply, Someone, TestApp},
    workspaces::Role,
};

/// The address that calls of tests come from.
const HERE: &str = "203.0.113.9";

/// A key and the page of its lists, as its owner has it.
struct Page<'a> {
    app: &'a TestApp,
    owner: &'a Someone,
    path: String,
}

impl<'a> Page<'a> {
    fn of(app: &'a TestApp, owner: &'a Someone, id: &str) -> Self {
        Self {
            app,
            owner,
            path: format!("/keys/{id}/security"),
        }
    }

    async fn get(&self, query: &str) -> Reply {
        let path = format!("{}{query}", self.path);
        self.app.get(&path, Some(self.owner)).await
    }

    async fn basis(&self) -> String {
        let page = self.get("").await;
        page.between("name=\"basis\" value=\"", "\"").to_owned()
    }

    /// Sends the form as the page has it now.
    async fn send(&self, what: &str, kind: &str, entries: &str, proof: Option<&str>) -> Reply {
        let basis = self.basis().await;
        let mut fields = vec![
            ("basis", basis.as_str()),
            ("do", what),
            ("kind", kind),
            ("entries", entries),
        ];
        if let Some(proof) = proof {
            fields.extend([("factor", "password"), ("proof", proof)]);
        }
        self.app.post(&self.path, Some(self.owner), &fields).await
    }

    /// What stands in the lists, as "ip 203.0.113.9".
    async fn entries(&self) -> Vec<String> {
        let id = self.path.split('/').nth(2).unwrap_or_default();
        let mut reader = self.app.state.db.read().await.expect("a connection");
        let key = ops::find(&mut reader, &self.owner.workspace_id, id).await;
        let allow = key.expect("there").allow();
        allow
            .iter()
            .map(|entry| format!("{} {}", entry.kind.as_str(), entry.value))
            .collect()
    }
}

/// What the gateway says of a call with this key.
async fn said(app: &TestApp, secret: &str) -> String {
    let reply = app.call(Method::GET, "/v2/customers", Some(secret)).await;
    if reply.status == StatusCode::OK {
        return "VALID".to_owned();
    }
    reply.json()["error"]["code"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

on_both_engines! {
    async fn the_first_address_applies_at_once_and_a_further_one_asks_for_a_proof(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let owner = app.member(&workspace, &[Role::Owner]).await;
        let (id, secret) = app.key(&workspace, "POS", &["customers:read"]).await;
        let page = Page::of(&app, &owner, &id);
        assert_eq!(said(&app, &secret).await, "VALID");
        let shown = page.get("").await;
        assert!(shown.body.contains("Your address is") && shown.body.contains(HERE));
        assert!(shown.body.contains("Any address may use this key."));

        let first = page.send("add", "ip", "198.51.100.4 # the shop", None).await;
        assert_eq!(first.status, StatusCode::OK, "{}", first.body);
        assert!(first.body.contains("the shop") && first.body.contains("Test Person"));
        assert_eq!(page.entries().await, ["ip 198.51.100.4"]);
        assert_eq!(said(&app, &secret).await, "IP_NOT_ALLOWED", "on the next request");

        let asks = page.send("add", "ip", HERE, None).await;
        assert_eq!(asks.status, StatusCode::OK);
        assert!(asks.body.contains("be used from 203.0.113.9 as well?") && asks.body.contains("name=\"proof\""));
        let wrong = page.send("add", "ip", HERE, Some("not it")).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(wrong.body.contains("name=\"proof\"") && wrong.body.contains("value=\"203.0.113.9\""), "filled as it was");
        assert_eq!(page.entries().await, ["ip 198.51.100.4"]);
        assert_eq!(said(&app, &secret).await, "IP_NOT_ALLOWED");
        let added = page.send("add", "ip", HERE, Some(PASSWORD)).await;
        assert_eq!(added.status, StatusCode::OK, "{}", added.body);
        assert_eq!(page.entries().await, ["ip 198.51.100.4", "ip 203.0.113.9"]);
        assert_eq!(said(&app, &secret).await, "VALID");

        // Within a net that is there already, nothing is widened.
        assert_eq!(page.send("add", "ip", "192.0.2.0/24", Some(PASSWORD)).await.status, StatusCode::OK);
        assert_eq!(page.send("add", "ip", "192.0.2.7", None).await.status, StatusCode::OK);
        assert_eq!(page.entries().await.len(), 4);
    }

    async fn removing_one_of_several_narrows_and_removing_the_last_widens(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let owner = app.member(&workspace, &[Role::Owner]).await;
        let (id, secret) = app.key(&workspace, "POS", &["customers:read"]).await;
        let page = Page::of(&app, &owner, &id);
        page.send("add", "ip", "203.0.113.9, 198.51.100.4", None).await;
        assert_eq!(said(&app, &secret).await, "VALID");
        let one = page.send("remove", "ip", HERE, None).await;
        assert_eq!(one.location(), format!("{}?done=removed", page.path), "{}", one.body);
        assert_eq!(said(&app, &secret).await, "IP_NOT_ALLOWED");
        let twice = page.send("remove", "ip", HERE, None).await;
        assert_eq!(twice.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(twice.body.contains("not in the list any more"));
        let asks = page.send("remove", "ip", "198.51.100.4", None).await;
        assert!(asks.body.contains("be used from any address?") && asks.body.contains("Empty the list"));
        assert_eq!(page.entries().await, ["ip 198.51.100.4"]);
        let last = page.send("remove", "ip", "198.51.100.4", Some(PASSWORD)).await;
        assert_eq!(last.status, StatusCode::SEE_OTHER, "{}", last.body);
        assert_eq!(said(&app, &secret).await, "VALID");
    }

    async fn where_widening_needs_a_checker_it_leads_to_the_request(test: TestDb) {
        let app = TestApp::start_as(test, Profile::load("universal-wallet").expect("it loads")).await;
        let workspace = app.workspace("Acme").await;
        let owner = app.member(&workspace, &[Role::Owner]).await;
        given_plan(&app, &workspace).await;
        let profile = &app.state.profile;
        let scope = profile.scopes().next().map(|scope| scope.id.clone()).expect("a scope");
        let wanted = app.wanted(&profile.environments[0].id, "POS", &[&scope]);
        let key = ops::create_at_console(&app.state, &workspace, &wanted, None).await.expect("made");
        let page = Page::of(&app, &owner, &key.id);
        let shown = page.get("").await.body;
        assert!(shown.contains("goes to a checker") && !shown.contains("Domains</h3>"), "it has no domains");
        assert_eq!(page.send("add", "domain", "example.com", None).await.status, StatusCode::UNPROCESSABLE_ENTITY);

        assert_eq!(page.send("add", "ip", HERE, None).await.status, StatusCode::OK);
        assert_eq!(page.entries().await, ["ip 203.0.113.9"]);
        let asks = page.send("add", "ip", "198.51.100.4", None).await;
        assert!(asks.body.contains("goes to a checker") && asks.body.contains("Send for approval"));
        let waits = page.send("add", "ip", "198.51.100.4", Some(PASSWORD)).await;
        assert!(waits.location().starts_with("/approvals/"), "{} {}", waits.status, waits.body);
        assert_eq!(page.entries().await, ["ip 203.0.113.9"], "nothing before the decision");
        let list = app.get(&format!("/keys?env={}", profile.environments[0].id), Some(&owner)).await;
        assert!(list.body.contains("Change waiting"));
        assert!(page.get("").await.body.contains(waits.location()), "the page tells of it");
    }

    async fn many_lines_are_answered_one_by_one_and_the_good_ones_kept(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let owner = app.member(&workspace, &[Role::Owner]).await;
        let (id, _) = app.key(&workspace, "POS", &["customers:read"]).await;
        let page = Page::of(&app, &owner, &id);
        let text = "203.0.113.9 # office\n203.0.113.7/24\nnonsense <b>\n203.0.113.9\n2001:db8::/48";
        let reply = page.send("add", "ip", text, None).await;
        assert_eq!(reply.status, StatusCode::OK);
        assert_eq!(page.entries().await, ["ip 203.0.113.9", "ip 2001:db8::/48"]);
        for part in ["203.0.113.0/24?", "nonsense &lt;b&gt;", "stands in line 1 already", "office"] {
            assert!(reply.body.contains(part), "{part}: {}", reply.body);
        }
        assert_eq!(reply.body.matches("Not added: ").count(), 3);
        let none = page.send("add", "domain", "com\n*.co.uk", None).await;
        assert_eq!(none.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(none.body.matches("Not added: ").count(), 2);
        assert!(none.body.contains("*.co.uk</textarea>") || none.body.contains("*.co.uk\n"), "what was typed is kept");
        assert_eq!(page.send("add", "domain", " \n# only a note", None).await.status, StatusCode::UNPROCESSABLE_ENTITY);

        let lines = |count: usize| -> Vec<String> { (0..count).map(|i| format!("10.0.{}.{}", i / 250, i % 250)).collect() };
        let some = lines(501).join("\n");
        let refused = page.send("add", "ip", &some, None).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.body.contains("nothing of this text was taken"));
        let many = lines(10_000).join("\n");
        assert_eq!(page.send("add", "ip", &many, None).await.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(page.entries().await.len(), 2, "nothing of either");
    }

    async fn a_change_on_what_the_key_is_no_more_is_a_conflict(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let owner = app.member(&workspace, &[Role::Owner]).await;
        let (id, _) = app.key(&workspace, "POS", &["customers:read"]).await;
        let page = Page::of(&app, &owner, &id);
        let stale = page.basis().await;
        page.send("add", "ip", HERE, None).await;
        for basis in [stale.as_str(), "", "0000"] {
            let fields = [("basis", basis), ("do", "add"), ("kind", "ip"), ("entries", "198.51.100.4"), ("factor", "password"), ("proof", PASSWORD)];
            let reply = app.post(&page.path, Some(&owner), &fields).await;
            assert_eq!(reply.status, StatusCode::CONFLICT);
            assert!(reply.body.contains("yours is kept below") && reply.body.contains("198.51.100.4"));
        }
        assert_eq!(page.entries().await, ["ip 203.0.113.9"]);
        let odd = page.send("fly", "ip", HERE, None).await;
        assert_eq!(odd.status, StatusCode::BAD_REQUEST);
    }

    async fn others_look_at_the_lists_and_change_nothing(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let owner = app.member(&workspace, &[Role::Owner]).await;
        let (id, _) = app.key(&workspace, "POS", &["customers:read"]).await;
        let page = Page::of(&app, &owner, &id);
        page.send("add", "ip", HERE, None).await;
        let basis = page.basis().await;
        for (role, status) in [(Role::Auditor, StatusCode::FORBIDDEN), (Role::Developer, StatusCode::FORBIDDEN)] {
            let someone = app.member(&workspace, &[role]).await;
            let seen = app.get(&page.path, Some(&someone)).await;
            assert_eq!(seen.status, StatusCode::OK);
            assert!(seen.body.contains(HERE) && !seen.body.contains("name=\"do\""));
            let fields = [("basis", basis.as_str()), ("do", "remove"), ("kind", "ip"), ("entries", HERE)];
            assert_eq!(app.post(&page.path, Some(&someone), &fields).await.status, status);
        }
        ops::revoke_at_console(&app.state, &id).await.expect("revoked");
        assert!(page.get("").await.body.contains("has ended and stays as it was"));
    }

    async fn a_platform_of_forms_names_the_domain_in_its_own_two_bodies(test: TestDb) {
        let app = TestApp::start_as(test, Profile::load("rukkyhub").expect("it loads")).await;
        let workspace = app.workspace("Acme").await;
        let owner = app.member(&workspace, &[Role::Owner]).await;
        given_plan(&app, &workspace).await;
        let wanted = app.wanted("live", "Shop", &["balance"]);
        let key = ops::create_at_console(&app.state, &workspace, &wanted, None).await.expect("made");
        let secret = key.secret.as_ref().expect("no pair").expose().to_owned();
        let page = Page::of(&app, &owner, &key.id);
        assert_eq!(page.send("add", "domain", "shop.example.com", None).await.status, StatusCode::OK);
        assert!(page.get("").await.body.contains("Servers can send any X-API-ORIGIN."));
        let call = async |origin: Option<&str>| {
            let mut request = Request::post("/api/v1")
                .header("x-api-key", &secret)
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
            if let Some(origin) = origin {
                request = request.header("x-api-origin", origin);
            }
            app.gateway(request.body(Body::from("action=balance")).expect("a request")).await
        };
        let none = call(None).await;
        assert_eq!(none.status, StatusCode::FORBIDDEN);
        assert_eq!(none.json(), json!({ "error": "This check needs an Origin (browser) or X-API-ORIGIN header" }));
        let other = call(Some("https://evil.example")).await;
        assert_eq!(other.status, StatusCode::FORBIDDEN);
        assert_eq!(
            other.json(),
            json!({ "error": "API key is restricted to whitelisted domains.", "detected_domain": "evil.example" })
        );
        assert_eq!(call(Some("https://shop.example.com")).await.status, StatusCode::OK);

        // With both lists set, both must fit.
        assert_eq!(page.send("add", "ip", "198.51.100.4", None).await.status, StatusCode::OK);
        let refused = call(Some("https://shop.example.com")).await;
        assert_eq!(refused.json()["code"], "IP_NOT_ALLOWED");
        assert!(page.get("").await.body.contains("a call must fit both"));
        assert_eq!(page.send("add", "ip", HERE, Some(PASSWORD)).await.status, StatusCode::OK);
        assert_eq!(call(Some("https://shop.example.com")).await.status, StatusCode::OK);
        assert_eq!(call(Some("https://evil.example")).await.status, StatusCode::FORBIDDEN);
    }

    async fn verify_judges_by_the_address_and_the_origin_that_it_is_told(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let owner = app.member(&workspace, &[Role::Owner]).await;
        let (id, secret) = app.key(&workspace, "POS", &["customers:read"]).await;
        let page = Page::of(&app, &owner, &id);
        page.send("add", "ip", "203.0.113.0/24", None).await;
        page.send("add", "domain", "*.example.com", None).await;
        let token = app.service_token().await;
        for (ip, origin, code) in [
            (json!(HERE), json!("https://shop.example.com"), "VALID"),
            (json!("198.51.100.4"), json!("https://shop.example.com"), "IP_NOT_ALLOWED"),
            (json!(null), json!("https://shop.example.com"), "IP_NOT_ALLOWED"),
            (json!(HERE), json!(null), "ORIGIN_REQUIRED"),
            (json!(HERE), json!("https://example.com"), "ORIGIN_NOT_ALLOWED"),
        ] {
            let reply = app.verify(&token, json!({ "key": secret, "ip": ip, "origin": origin })).await;
            assert_eq!(reply.json()["code"], code, "{ip} {origin}: {}", reply.body);
        }
    }
}

#[tokio::test]
async fn the_tester_says_what_the_gateway_would_and_shows_its_way_there() {
    let app = TestApp::start(testing::database(Engine::Sqlite).await).await;
    let workspace = app.workspace("Acme").await;
    let owner = app.member(&workspace, &[Role::Owner]).await;
    let (id, _) = app.key(&workspace, "POS", &["customers:read"]).await;
    let page = Page::of(&app, &owner, &id);
    let tried = async |query: &str| page.get(query).await.body;
    assert!(
        tried("?address=203.0.113.9")
            .await
            .contains("Let through: \u{201c}POS\u{201d} may be used from 203.0.113.9.")
    );
    page.send("add", "ip", HERE, None).await;
    let refused = tried("?address=198.51.100.4").await;
    assert!(
        refused.contains("Refused: 198.51.100.4 is not the one address of \u{201c}POS\u{201d}.")
    );
    assert!(refused.contains("The address is not in the list") && refused.contains("not reached"));
    page.send("add", "domain", "example.com", None).await;
    for (query, words) in [
        (
            "?address=203.0.113.9&origin=https%3A%2F%2Fexample.com",
            "may be used from 203.0.113.9 with origin example.com. Both lists must fit.",
        ),
        (
            "?address=203.0.113.9&origin=evil.example",
            "Refused: evil.example is not the one domain of \u{201c}POS\u{201d}. Both lists must fit.",
        ),
        (
            "?address=203.0.113.9",
            "is bound to domains, and no origin could be read.",
        ),
        (
            "?origin=example.com",
            "is bound to addresses, and none is given. Both lists must fit.",
        ),
        ("?address=%3Cscript%3E", "Write one address, like"),
    ] {
        let body = tried(query).await;
        assert!(body.contains(words), "{query}: {body}");
        assert!(!body.contains("<script>\""), "inert");
    }
    ops::disable(&app.state, &app.viewer(&owner), &id)
        .await
        .expect("stopped");
    assert!(
        tried("?address=203.0.113.9&origin=example.com")
            .await
            .contains("Refused, from wherever it comes: \u{201c}POS\u{201d} is not in use.")
    );
}
