//! Webhooks by outcome, through the pages of a workspace.

use axum::http::{StatusCode, header};
use clap::Parser;
use serde_json::{Value, json};

use super::{
    log::store::{self as log, DeliveryRow},
    ops, outbox,
    policy::{self, MAX_ENDPOINTS},
    store::{self, EndpointRow, SecretRow},
    types::{Cause, DELIVERY_ID, DeliveryState, ENDPOINT_ID, EndpointState},
};
use crate::{
    admin::commands::{self, Admin},
    audit, on_both_engines,
    server::{
        clock::{DAY, SECOND},
        testing::{PASSWORD, Reply, Someone, TestApp},
    },
    workspaces::Role,
};

const URL: &str = "https://hooks.example.com/in?token=canary-in-url";

/// An endpoint of the workspace and a delivery to it, as rows.
pub async fn endpoint_with_delivery(app: &TestApp, workspace: &str) -> (String, String) {
    let now = app.clock.now();
    let id = app.state.rng.id(ENDPOINT_ID, now);
    let place = store::headers_place(&id);
    let row = EndpointRow {
        id: id.clone(),
        workspace_id: workspace.to_owned(),
        environment: "sandbox".to_owned(),
        url: URL.to_owned(),
        events: json!(["*"]).to_string(),
        headers: app.state.sealer.seal(&app.state.rng, &place, b"{}"),
        signing: "hmac".to_owned(),
        state: EndpointState::Enabled.as_str().to_owned(),
        state_since: now,
        created_at: now,
        ..EndpointRow::default()
    };
    let mut tx = app.state.db.begin().await.expect("a transaction");
    store::insert_endpoint(&mut tx, &row)
        .await
        .expect("inserted");
    let data = json!({});
    let delivery = outbox::enqueue_to(
        &mut tx,
        &app.state.rng,
        &row,
        "webhook.test",
        &data,
        Cause::Test,
        now,
    )
    .await
    .expect("enqueued");
    tx.commit().await.expect("committed");
    (id, delivery)
}

struct Stage {
    app: TestApp,
    acme: String,
    developer: Someone,
}

async fn stage(test: crate::db::testing::TestDb) -> Stage {
    let app = TestApp::start(test).await;
    let acme = app.workspace("Acme").await;
    let developer = app.member(&acme, &[Role::Developer]).await;
    Stage {
        app,
        acme,
        developer,
    }
}

impl Stage {
    fn mark(&self) -> String {
        self.app.state.rng.id("drf", self.app.clock.now())
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        self.app.post(path, Some(&self.developer), fields).await
    }

    /// Sets an endpoint up with these fields beside the needed ones, which they replace.
    async fn sent(&self, fields: &[(&str, &str)]) -> Reply {
        let mark = self.mark();
        let mut all = vec![
            ("draft", mark.as_str()),
            ("filled", "1"),
            ("environment", "sandbox"),
            ("url", URL),
            ("events", "key.created"),
            ("factor", "password"),
            ("proof", PASSWORD),
        ];
        all.retain(|(name, _)| !fields.iter().any(|(other, _)| name == other));
        all.extend_from_slice(fields);
        self.post("/webhooks/new", &all).await
    }

    /// An endpoint that gets all events; its id and secret.
    async fn endpoint(&self) -> (String, String) {
        let reply = self.sent(&[("events", "*")]).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
        let id = reply.between("action=\"/webhooks/", "\"").to_owned();
        (id, secret_of(&reply))
    }

    async fn row(&self, id: &str) -> Option<EndpointRow> {
        let mut reader = self.app.state.db.read().await.expect("a connection");
        store::endpoint(&mut reader, &self.acme, id)
            .await
            .expect("read")
    }

    async fn delivery(&self, id: &str) -> DeliveryRow {
        let mut reader = self.app.state.db.read().await.expect("a connection");
        let row = log::find(&mut reader, &self.acme, id).await.expect("read");
        row.expect("it is there")
    }

    async fn secrets(&self, id: &str) -> Vec<SecretRow> {
        let now = self.app.clock.now();
        let mut reader = self.app.state.db.read().await.expect("a connection");
        store::signing_secrets(&mut reader, &self.acme, id, now)
            .await
            .expect("read")
    }

    /// Sends a test event; the delivery's id.
    async fn tested(&self, id: &str) -> String {
        let reply = self.post(&format!("/webhooks/{id}/test"), &[]).await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER, "{}", reply.body);
        let place = reply.location();
        place["/logs/webhooks/".len()..]
            .split('?')
            .next()
            .expect("an id")
            .to_owned()
    }

    /// Something happens that all endpoints of the environment are told of; the last delivery of it.
    async fn happened(&self) -> String {
        let now = self.app.clock.now();
        let mut tx = self.app.state.db.begin().await.expect("a transaction");
        let (env, data) = (Some("sandbox"), json!({ "n": 1 }));
        outbox::enqueue_named(
            &mut tx,
            &self.app.state.rng,
            &self.acme,
            env,
            "transaction.completed",
            &data,
            now,
        )
        .await
        .expect("enqueued");
        tx.commit().await.expect("committed");
        let mut reader = self.app.state.db.read().await.expect("a connection");
        let (id,): (String,) = crate::fetch_one!(
            &mut reader,
            (String,),
            "select max(id) from webhook_deliveries"
        )
        .expect("read");
        id
    }

    /// As the worker does when the schedule is at its end.
    async fn give_up(&self, delivery: &str) {
        self.run(
            "update webhook_deliveries set state = 'failed', due_at = null, attempts = 10, last_status = 500 where id = $1",
            delivery,
        )
        .await;
    }

    async fn run(&self, sql: &'static str, id: &str) {
        let mut tx = self.app.state.db.begin().await.expect("a transaction");
        crate::execute!(tx, sql, id).expect("done");
        tx.commit().await.expect("committed");
    }

    /// What stands in the record about webhooks, oldest first.
    async fn record(&self) -> Vec<(String, String, String)> {
        let mut reader = self.app.state.db.read().await.expect("a connection");
        audit::store::after(&mut reader, &self.acme, 0, i64::MAX)
            .await
            .expect("read")
            .into_iter()
            .filter(|entry| entry.action.starts_with("webhook."))
            .map(|entry| (entry.actor, entry.action, entry.detail))
            .collect()
    }

    async fn actions(&self) -> Vec<String> {
        let record = self.record().await;
        record.into_iter().map(|(_, action, _)| action).collect()
    }
}

fn secret_of(reply: &Reply) -> String {
    let shown = reply.between("aria-label=\"Signing secret\"", "</output>");
    let secret = shown.split("whsec_").nth(1).expect("a secret");
    let secret: String = secret
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "+/=".contains(*c))
        .collect();
    format!("whsec_{secret}")
}

on_both_engines! {
    async fn an_endpoint_is_set_up_and_its_secret_shown_once(test: TestDb) {
        let stage = stage(test).await;
        let mark = stage.mark();
        let fields = [("draft", mark.as_str()), ("headers", "X-Token: canary-in-header"), ("description", "Orders")];
        let reply = stage.sent(&fields).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
        assert_eq!(reply.headers[header::CACHE_CONTROL], "no-store");
        let secret = secret_of(&reply);
        assert!(secret.len() >= 40, "{secret}");
        let id = reply.between("action=\"/webhooks/", "\"").to_owned();
        let row = stage.row(&id).await.expect("it is there");
        assert_eq!((row.url.as_str(), row.events().as_slice()), (URL, &["key.created".to_owned()][..]));
        assert_eq!(row.state(), EndpointState::Enabled);

        // Sent again, as a reload does: neither another endpoint nor the secret.
        let again = stage.sent(&fields).await;
        assert_eq!(again.status, StatusCode::OK);
        assert!(again.body.contains("Already shown"), "{}", again.body);
        assert_eq!(stage.actions().await, ["webhook.created"]);

        for path in ["/webhooks?env=sandbox", &format!("/webhooks/{id}"), &format!("/webhooks/{id}/edit"), "/logs/webhooks?env=sandbox"] {
            let page = stage.app.get(path, Some(&stage.developer)).await;
            assert_eq!(page.status, StatusCode::OK, "{path}");
            assert!(!page.body.contains(&secret), "{path}");
            assert!(!page.body.contains("canary-in-header"), "{path}");
        }
        let page = stage.app.get(&format!("/webhooks/{id}"), Some(&stage.developer)).await;
        assert!(page.body.contains("x-token"), "the name of a header is shown");
        for (_, _, detail) in stage.record().await {
            for canary in ["canary", &secret] {
                assert!(!detail.contains(canary), "{detail}");
            }
        }
    }

    async fn what_is_wrong_is_said_beside_its_field_and_nothing_is_made(test: TestDb) {
        let stage = stage(test).await;
        for (field, value, words) in [
            ("url", "", "Give the address"),
            ("url", "http://example.com/in", "https://"),
            ("url", "https://169.254.169.254/latest", "public"),
            ("url", "https://0x0a000001/", "public"),
            ("url", "https://user:pass@example.com/", "user and password"),
            ("events", "key.nonsense", "There is no type of event"),
            ("events", "", "There is no type of event"),
            ("headers", "Host: example.com", "is set by Latchkey"),
            ("headers", "webhook-signature: v1,x", "is set by Latchkey"),
            ("environment", "nowhere", "Choose an environment"),
            ("signing", "rot13", "Choose one of the ways"),
        ] {
            let reply = stage.sent(&[(field, value)]).await;
            assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}={value}");
            assert!(reply.body.contains(words), "{field}={value}: {}", reply.body);
        }
        let reply = stage.sent(&[("proof", "wrong"), ("description", "kept as typed")]).await;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(reply.body.contains("kept as typed"), "nothing typed is lost");
        assert_eq!(stage.actions().await, Vec::<String>::new());
    }

    async fn no_more_than_twenty_are_set_up(test: TestDb) {
        let stage = stage(test).await;
        for _ in 0..MAX_ENDPOINTS {
            endpoint_with_delivery(&stage.app, &stage.acme).await;
        }
        let reply = stage.sent(&[]).await;
        assert_eq!(reply.status, StatusCode::CONFLICT);
        assert!(reply.body.contains("WEBHOOK_LIMIT_REACHED"));
        let page = stage.app.get("/webhooks/new", Some(&stage.developer)).await;
        assert_eq!(page.status, StatusCode::CONFLICT);
        let (id, _) = endpoint_with_delivery(&stage.app, &stage.acme).await;
        stage.post(&format!("/webhooks/{id}/remove"), &[]).await;
        assert_eq!(stage.row(&id).await.map(|row| row.id), None);
    }

    async fn a_change_of_the_address_alone_asks_for_a_fresh_factor(test: TestDb) {
        let stage = stage(test).await;
        let reply = stage.sent(&[("headers", "x-a: 1\nx-b: 2")]).await;
        let id = reply.between("action=\"/webhooks/", "\"").to_owned();
        let path = format!("/webhooks/{id}/edit");
        let basis = async || policy::basis(&stage.row(&id).await.expect("there"));
        let b = basis().await;
        let reply = stage.post(&path, &[("filled", "1"), ("basis", &b), ("url", URL), ("events", "*"), ("without", "x-a"), ("headers", "x-c: 3")]).await;
        assert_eq!(reply.location(), format!("/webhooks/{id}?done=changed"), "{}", reply.body);
        let row = stage.row(&id).await.expect("there");
        assert_eq!(row.events(), ["*"]);
        assert_eq!(ops::header_names(&stage.app.state, &row).expect("open"), ["x-b", "x-c"]);

        // Another form stood on what was there before.
        let late = stage.post(&path, &[("filled", "1"), ("basis", &b), ("url", URL), ("events", "key.revoked")]).await;
        assert_eq!(late.status, StatusCode::CONFLICT);
        assert!(late.body.contains("Someone changed this endpoint"));

        let b = basis().await;
        let elsewhere = "https://elsewhere.example.com/";
        let fields = [("filled", "1"), ("basis", b.as_str()), ("url", elsewhere), ("events", "*")];
        let asked = stage.post(&path, &fields).await;
        assert_eq!(asked.status, StatusCode::OK);
        assert!(asked.body.contains("Another address needs your confirmation"));
        assert_eq!(stage.row(&id).await.expect("there").url, URL);
        let mut proven = fields.to_vec();
        proven.extend([("factor", "password"), ("proof", PASSWORD)]);
        let moved = stage.post(&path, &proven).await;
        assert_eq!(moved.status, StatusCode::SEE_OTHER, "{}", moved.body);
        assert_eq!(stage.row(&id).await.expect("there").url, elsewhere);
        assert_eq!(stage.actions().await, ["webhook.created", "webhook.updated", "webhook.updated"]);
    }

    async fn a_rotation_leaves_the_old_secret_for_a_day(test: TestDb) {
        let stage = stage(test).await;
        let (id, first) = stage.endpoint().await;
        let path = format!("/webhooks/{id}/rotate");
        let form = stage.mark();
        let refused = stage.post(&path, &[("form", &form)]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(stage.secrets(&id).await.len(), 1);
        let fields = [("form", form.as_str()), ("factor", "password"), ("proof", PASSWORD)];
        let reply = stage.post(&path, &fields).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
        assert_eq!(reply.headers[header::CACHE_CONTROL], "no-store");
        assert_ne!(secret_of(&reply), first);
        let again = stage.post(&path, &fields).await;
        assert!(again.body.contains("Already shown"));
        assert_eq!(stage.secrets(&id).await.len(), 2, "both sign");
        let page = stage.app.get(&format!("/webhooks/{id}"), Some(&stage.developer)).await;
        assert!(page.body.contains("Two secrets sign until"), "{}", page.body);
        stage.app.clock.advance(DAY);
        assert_eq!(stage.secrets(&id).await.len(), 1);
    }

    async fn the_public_key_of_an_endpoint_may_be_seen_again(test: TestDb) {
        let stage = stage(test).await;
        let reply = stage.sent(&[("signing", "ed25519")]).await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER, "{}", reply.body);
        let page = stage.app.get(reply.location(), Some(&stage.developer)).await;
        assert!(page.body.contains("whpk_"), "{}", page.body);
        assert!(!page.body.contains("whsk_"));
    }

    async fn off_means_missed_and_on_again_means_sent(test: TestDb) {
        let stage = stage(test).await;
        let (id, _) = stage.endpoint().await;
        let delivery = stage.happened().await;
        let off = stage.post(&format!("/webhooks/{id}/disable"), &[]).await;
        assert_eq!(off.location(), format!("/webhooks/{id}?done=disabled"));
        assert_eq!(stage.delivery(&delivery).await.state(), DeliveryState::Missed);
        let again = stage.post(&format!("/webhooks/{id}/disable"), &[]).await;
        assert_eq!(again.status, StatusCode::CONFLICT);
        // Not while it is off.
        let refused = stage.post(&format!("/logs/webhooks/{delivery}/replay"), &[]).await;
        assert_eq!(refused.status, StatusCode::CONFLICT);
        let refused = stage.post(&format!("/webhooks/{id}/replay"), &[("since", "all")]).await;
        assert_eq!(refused.status, StatusCode::CONFLICT);

        stage.run("update webhook_endpoints set failing_since = 1, state = 'failed' where id = $1", &id).await;
        let page = stage.app.get(&format!("/webhooks/{id}"), Some(&stage.developer)).await;
        assert!(page.body.contains("failed for 5 days"), "{}", page.body);
        let on = stage.post(&format!("/webhooks/{id}/enable"), &[]).await;
        assert_eq!(on.location(), format!("/webhooks/{id}?done=enabled"));
        let row = stage.row(&id).await.expect("there");
        assert_eq!((row.state(), row.failing_since), (EndpointState::Enabled, None));
        let again = stage.post(&format!("/logs/webhooks/{delivery}/replay"), &[]).await;
        assert_eq!(again.status, StatusCode::SEE_OTHER, "{}", again.body);
        assert_eq!(stage.delivery(&delivery).await.state(), DeliveryState::Waiting);
        assert_eq!(
            stage.actions().await,
            ["webhook.created", "webhook.disabled", "webhook.enabled", "webhook.replayed"]
        );
    }

    async fn all_that_failed_is_sent_again_until_stopped(test: TestDb) {
        let stage = stage(test).await;
        let (id, _) = stage.endpoint().await;
        let path = format!("/webhooks/{id}/replay");
        let nothing = stage.post(&path, &[("since", "24h")]).await;
        assert_eq!(nothing.status, StatusCode::UNPROCESSABLE_ENTITY);
        let first = stage.app.clock.now();
        for _ in 0..3 {
            let delivery = stage.tested(&id).await;
            stage.give_up(&delivery).await;
            stage.app.clock.advance(SECOND);
        }
        let page = stage.app.get(&format!("/webhooks/{id}"), Some(&stage.developer)).await;
        assert!(page.body.contains("3 events failed or were missed"), "{}", page.body);
        assert!(page.body.contains(&format!("{path}?since={first}")), "{}", page.body);
        let reply = stage.post(&path, &[("since", "24h")]).await;
        assert_eq!(reply.location(), format!("/webhooks/{id}?done=replay"), "{}", reply.body);
        let twice = stage.post(&path, &[("since", "24h")]).await;
        assert_eq!(twice.status, StatusCode::CONFLICT);
        let mut reader = stage.app.state.db.read().await.expect("a connection");
        let begun = store::last_replay(&mut reader, &stage.acme, &id).await.expect("read").expect("there");
        drop(reader);
        assert_eq!((begun.total, begun.state.as_str()), (3, "running"));
        assert_eq!(begun.since, stage.app.clock.now() - DAY);
        let page = stage.app.get(&format!("/webhooks/{id}"), Some(&stage.developer)).await;
        assert!(page.body.contains("data-live"), "{}", page.body);
        let stop = stage.post(&format!("{path}/stop"), &[]).await;
        assert_eq!(stop.location(), format!("/webhooks/{id}?done=replay-stopped"));
        let stop = stage.post(&format!("{path}/stop"), &[]).await;
        assert_eq!(stop.status, StatusCode::CONFLICT);
        assert!(stop.body.contains("nothing to stop"), "{}", stop.body);
    }

    async fn a_removed_endpoint_is_gone_and_its_log_stays(test: TestDb) {
        let stage = stage(test).await;
        let (id, _) = stage.endpoint().await;
        let delivery = stage.tested(&id).await;
        let reply = stage.post(&format!("/webhooks/{id}/remove"), &[]).await;
        assert_eq!(reply.location(), "/webhooks?env=sandbox&done=removed");
        assert_eq!(stage.app.get(&format!("/webhooks/{id}"), Some(&stage.developer)).await.status, StatusCode::NOT_FOUND);
        let page = stage.app.get(&format!("/logs/webhooks/{delivery}"), Some(&stage.developer)).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.body.contains("Dropped"), "{}", page.body);
        assert_eq!(stage.delivery(&delivery).await.state(), DeliveryState::Dropped);
    }

    async fn roles_do_what_is_theirs(test: TestDb) {
        let stage = stage(test).await;
        let (id, delivery) = endpoint_with_delivery(&stage.app, &stage.acme).await;
        let page = format!("/webhooks/{id}");
        for role in [Role::Checker, Role::Auditor] {
            let who = stage.app.member(&stage.acme, &[role]).await;
            for path in [&page, "/webhooks", "/logs/webhooks", &format!("/logs/webhooks/{delivery}")] {
                let reply = stage.app.get(path, Some(&who)).await;
                assert_eq!(reply.status, StatusCode::OK, "{path} as {role:?}");
                assert!(!reply.body.contains(&format!("{page}/test")), "{path} as {role:?}");
            }
            for path in ["disable", "enable", "remove", "test", "edit", "rotate", "replay", "replay/stop"] {
                let reply = stage.app.post(&format!("{page}/{path}"), Some(&who), &[]).await;
                assert_eq!(reply.status, StatusCode::FORBIDDEN, "{path} as {role:?}");
            }
        }
        // An operator who acts in the workspace may stop it, and nothing that touches a secret or sends.
        let mut operator = stage.app.operator().await;
        stage.app.act(&mut operator, &stage.acme, "ticket 812").await;
        for path in ["test", "edit", "rotate", "replay"] {
            let reply = stage.app.post(&format!("{page}/{path}"), Some(&operator), &[]).await;
            assert_eq!(reply.status, StatusCode::FORBIDDEN, "{path}");
        }
        for (path, done) in [("disable", "disabled"), ("enable", "enabled")] {
            let reply = stage.app.post(&format!("{page}/{path}"), Some(&operator), &[]).await;
            assert_eq!(reply.location(), format!("{page}?done={done}"), "{}", reply.body);
        }
    }

    async fn another_workspaces_endpoint_is_as_good_as_none(test: TestDb) {
        let stage = stage(test).await;
        let globex = stage.app.workspace("Globex").await;
        let (id, delivery) = endpoint_with_delivery(&stage.app, &globex).await;
        for path in ["", "/edit", "/rotate", "/enable", "/disable", "/remove", "/test", "/replay"] {
            let reply = stage.app.get(&format!("/webhooks/{id}{path}"), Some(&stage.developer)).await;
            assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}");
        }
        let form = stage.mark();
        let fields = [("form", form.as_str()), ("factor", "password"), ("proof", PASSWORD), ("since", "all")];
        for path in ["edit", "rotate", "enable", "disable", "remove", "test", "replay", "replay/stop"] {
            let reply = stage.post(&format!("/webhooks/{id}/{path}"), &fields).await;
            assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}");
        }
        assert_eq!(stage.app.get(&format!("/logs/webhooks/{delivery}"), Some(&stage.developer)).await.status, StatusCode::NOT_FOUND);
        assert_eq!(stage.post(&format!("/logs/webhooks/{delivery}/replay"), &[]).await.status, StatusCode::NOT_FOUND);
        for narrowed in [String::new(), format!("&endpoint={id}")] {
            let list = format!("/logs/webhooks?env=sandbox{narrowed}");
            let list = stage.app.get(&list, Some(&stage.developer)).await;
            assert!(!list.body.contains(DELIVERY_ID), "{}", list.body);
        }
    }

    async fn the_log_is_narrowed_by_state_type_and_endpoint(test: TestDb) {
        let stage = stage(test).await;
        let (one, _) = stage.endpoint().await;
        let (other, _) = stage.endpoint().await;
        let failed = stage.tested(&one).await;
        stage.give_up(&failed).await;
        let waits = stage.tested(&other).await;
        let listed = async |query: &str| {
            let page = stage.app.get(&format!("/logs/webhooks?env=sandbox{query}"), Some(&stage.developer)).await;
            assert_eq!(page.status, StatusCode::OK, "{query}");
            (page.body.contains(&failed), page.body.contains(&waits))
        };
        assert_eq!(listed("").await, (true, true));
        assert_eq!(listed("&state=failed").await, (true, false));
        assert_eq!(listed("&state=waiting").await, (false, true));
        assert_eq!(listed(&format!("&endpoint={other}")).await, (false, true));
        assert_eq!(listed("&type=key.created").await, (false, false));
        assert_eq!(listed("&type=webhook.test").await, (true, true));
        // What can't be read narrows nothing.
        assert_eq!(listed("&state=%00&endpoint=x&type=%3Cb%3E").await, (true, true));
        for narrowed in [String::new(), format!("&endpoint={one}")] {
            let elsewhere = format!("/logs/webhooks?env=live{narrowed}");
            let elsewhere = stage.app.get(&elsewhere, Some(&stage.developer)).await;
            assert!(!elsewhere.body.contains(&failed));
        }
    }

    async fn a_delivery_shows_every_try_and_what_was_answered(test: TestDb) {
        let stage = stage(test).await;
        let (id, _) = stage.endpoint().await;
        let delivery = stage.tested(&id).await;
        let at = stage.app.clock.now();
        let mut tx = stage.app.state.db.begin().await.expect("a transaction");
        for (number, status) in [(1, Some(500)), (2, Some(200)), (3, None)] {
            crate::execute!(
                tx,
                "insert into webhook_attempts (id, delivery_id, endpoint_id, workspace_id, number, cause, at, latency_us, status, error,
                                               request_headers, response_headers, response_body, response_cut)
                 values ($1, $2, $3, $4, $5, 'schedule', $6, 1234, $7, $8, $9, $10, $11, false)",
                format!("att_{number}"),
                &delivery,
                &id,
                &stage.acme,
                i64::from(number),
                at + i64::from(number) * SECOND,
                status.map(i64::from),
                status.is_none().then_some("timeout after 15 s"),
                r#"[["webhook-id","evt_1"],["x-own","(masked)"]]"#,
                status.map(|_| r#"[["server","<b>nginx</b>"]]"#),
                status.map(|_| "<script>alert(1)</script>")
            )
            .expect("inserted");
        }
        tx.commit().await.expect("committed");
        let page = stage.app.get(&format!("/logs/webhooks/{delivery}"), Some(&stage.developer)).await;
        assert_eq!(page.status, StatusCode::OK);
        for words in ["Try 1", "Try 2", "Try 3", "500", "200", "Timeout after 15 s", "webhook-id</span>: evt_1", "&lt;script>alert(1)", "&lt;b>nginx"] {
            assert!(page.body.contains(words) || page.body.contains(&words.replace('>', "&gt;")), "{words} in {}", page.body);
        }
        assert!(!page.body.contains("<script>alert"), "what was answered is inert");
        stage.app.clock.advance(10 * SECOND);
        let page = stage.app.get(&format!("/webhooks/{id}"), Some(&stage.developer)).await;
        assert!(page.body.contains("1 of 3 tries came through in 24 h"), "{}", page.body);
    }

    async fn the_console_sets_one_up_at_once(test: TestDb) {
        let stage = stage(test).await;
        let run = async |arguments: &[&str]| -> Result<Value, String> {
            #[derive(Parser)]
            struct Line {
                #[command(subcommand)]
                admin: Admin,
            }
            let line = Line::try_parse_from(["latchkey"].iter().chain(arguments)).map_err(|error| error.to_string())?;
            let mut out = Vec::new();
            commands::run(&stage.app.state, line.admin, &mut out).await.map_err(|failed| failed.0)?;
            Ok(serde_json::from_slice(&out).expect("JSON"))
        };
        let made = run(&["create-webhook", "--workspace", &stage.acme, "--url", URL, "--events", "key.created,key.revoked"])
            .await
            .expect("made");
        assert!(made["secret"].as_str().is_some_and(|secret| secret.starts_with("whsec_")), "{made}");
        let id = made["endpoint_id"].as_str().expect("an id");
        let row = stage.row(id).await.expect("there");
        assert_eq!(row.environment, stage.app.state.profile.environments[0].id);
        assert_eq!(row.events(), ["key.created", "key.revoked"]);
        let record = stage.record().await;
        assert_eq!((record[0].0.as_str(), record[0].1.as_str()), (audit::CONSOLE, "webhook.created"));
        for wrong in [
            ["--workspace", "wsp_nowhere", "--url", URL, "--events", "*"],
            ["--workspace", &stage.acme, "--url", "http://10.0.0.1/", "--events", "*"],
            ["--workspace", &stage.acme, "--url", URL, "--events", "nonsense"],
        ] {
            let mut line = vec!["create-webhook"];
            line.extend(wrong);
            assert!(run(&line).await.is_err(), "{wrong:?}");
        }
    }
}
