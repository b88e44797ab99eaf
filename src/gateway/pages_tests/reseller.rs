use axum::http::Method;

use super::{Platform, Reply, denied, refused};
use crate::{
    keys::{ops, store},
    server::{clock::MINUTE, testing::PASSWORD},
    workspaces::Role,
};

const PATH: &str = "/api/v2";

async fn act(platform: &Platform, key: &str, fields: &str) -> Reply {
    platform
        .form(PATH, &[], &format!("key={key}&{fields}"))
        .await
}

#[tokio::test]
async fn every_api_call_carries_the_key_in_the_request_body() {
    let platform = Platform::of("reseller-v2").await;
    let (_, key) = platform.key(&["*"]).await;
    assert_eq!(act(&platform, &key, "action=services").await.status, 200);
    for rule in &platform.app.state.profile.rules {
        let action = rule.action.as_deref().expect("each has one");
        let reply = platform.form(PATH, &[], &format!("action={action}")).await;
        assert_eq!(
            refused(&reply),
            denied(401, "MISSING_CREDENTIAL"),
            "{action}"
        );
    }
}

#[tokio::test]
async fn the_key_identifies_the_account_applies_its_tier_and_scopes_every_action_to_its_data() {
    let mut platform = Platform::of("reseller-v2").await;
    let (_, mine) = platform.key(&["*"]).await;
    platform.workspace = platform.app.workspace("Other").await;
    let (_, others) = platform.key(&["*"]).await;
    let placed = act(&platform, &mine, "action=add&service=1&link=x&quantity=100").await;
    let order = placed.json()["order"].clone();
    let status = format!("action=status&order={order}");
    assert_eq!(act(&platform, &mine, &status).await.status, 200);
    assert_eq!(act(&platform, &others, &status).await.status, 404);
    let tier = platform
        .app
        .state
        .profile
        .tier("standard")
        .expect("the default");
    let reply = act(&platform, &mine, "action=balance").await;
    assert_eq!(reply.headers["x-ratelimit-limit"], tier.rate.to_string());
    assert_ne!(
        reply.json(),
        act(&platform, &others, "action=balance").await.json()
    );
}

#[tokio::test]
async fn pass_the_key_as_the_key_field_in_the_form_encoded_request_body() {
    let platform = Platform::of("reseller-v2").await;
    let (_, key) = platform.key(&["*"]).await;
    let page = format!("key={key}&action=services");
    let reply = platform.form(PATH, &[], &page).await;
    assert_eq!(reply.status, 200);
    let services = reply.json();
    for field in [
        "service", "name", "type", "category", "rate", "min", "max", "refill", "cancel",
    ] {
        assert!(!services[0][field].is_null(), "{field}");
    }
    let wrong = platform
        .form(PATH, &[], &format!("api_key={key}&action=services"))
        .await;
    assert_eq!(refused(&wrong), denied(401, "MISSING_CREDENTIAL"));
}

#[tokio::test]
async fn header_based_auth_is_not_supported() {
    let platform = Platform::of("reseller-v2").await;
    let (_, key) = platform.key(&["*"]).await;
    let bearer = format!("Bearer {key}");
    for header in [("authorization", bearer.as_str()), ("x-api-key", &key)] {
        let reply = platform.form(PATH, &[header], "action=services").await;
        assert_eq!(refused(&reply), denied(401, "MISSING_CREDENTIAL"));
        assert!(
            reply.json()["error"]
                .as_str()
                .is_some_and(|told| told.contains(header.0))
        );
        let challenge = reply.headers["www-authenticate"].to_str().expect("text");
        assert_eq!(challenge, "ApiKey realm=\"reseller-v2\", form=\"key\"");
    }
}

#[tokio::test]
async fn maximum_10_active_keys_per_account_and_old_keys_can_be_revoked_individually() {
    let platform = Platform::of("reseller-v2").await;
    let mut keys = Vec::new();
    for _ in 0..10 {
        keys.push(platform.key(&["*"]).await);
    }
    let state = &platform.app.state;
    let wanted = platform.app.wanted("live", "Eleventh", &["*"]);
    let refused_key = ops::create_at_console(state, &platform.workspace, &wanted, None).await;
    assert!(refused_key.is_err());
    ops::revoke_at_console(state, &keys[3].0)
        .await
        .expect("revoked");
    for (at, (_, key)) in keys.iter().enumerate() {
        let status = act(&platform, key, "action=balance").await.status;
        assert_eq!(status, if at == 3 { 401 } else { 200 });
    }
    platform.key(&["*"]).await;
}

#[tokio::test]
async fn regeneration_revokes_the_old_value_immediately_and_new_requests_get_an_error() {
    let platform = Platform::of("reseller-v2").await;
    let app = &platform.app;
    let owner = app
        .member(&platform.workspace, &[Role::Owner, Role::Developer])
        .await;
    let (id, old) = platform.key(&["*"]).await;
    let mut tx = app.state.db.begin().await.expect("a transaction");
    store::set_owner(&mut tx, &platform.workspace, &id, Some(&owner.id))
        .await
        .expect("given");
    tx.commit().await.expect("committed");
    assert_eq!(act(&platform, &old, "action=balance").await.status, 200);
    let path = format!("/keys/{id}/rotate");
    let form = app.state.rng.id("drf", app.clock.now());
    let fields = [
        ("form", form.as_str()),
        ("overlap", "0"),
        ("factor", "password"),
        ("proof", PASSWORD),
    ];
    let shown = app.post(&path, Some(&owner), &fields).await;
    assert_eq!(shown.status, 200, "{}", shown.body);
    let plate = shown.between("aria-label=\"API key\"", "</output>");
    let new = plate.split_once('>').expect("text").1.trim().to_owned();
    let reply = act(&platform, &old, "action=balance").await;
    assert_eq!(refused(&reply), denied(401, "REVOKED"));
    assert_eq!(act(&platform, &new, "action=balance").await.status, 200);
}

#[tokio::test]
async fn a_key_can_place_orders_query_status_refill_cancel_and_read_balance() {
    let platform = Platform::of("reseller-v2").await;
    let (_, key) = platform.key(&["*"]).await;
    let placed = act(&platform, &key, "action=add&service=1&link=x&quantity=100").await;
    assert_eq!(placed.status, 200, "{}", placed.body);
    let order = placed.json()["order"].clone();
    let second = act(&platform, &key, "action=add&service=1&link=x&quantity=100")
        .await
        .json();
    let cancel = format!("action=cancel&orders={}", second["order"]);
    assert_eq!(act(&platform, &key, &cancel).await.json()[0]["cancel"], 1);
    platform.app.logged(3).await;
    platform.app.clock.advance(20 * MINUTE);
    let status = act(&platform, &key, &format!("action=status&order={order}")).await;
    assert_eq!(status.json()["status"], "Completed");
    let refill = act(&platform, &key, &format!("action=refill&order={order}")).await;
    assert!(refill.json()["refill"].is_i64(), "{}", refill.body);
    assert!(act(&platform, &key, "action=balance").await.json()["balance"].is_string());
}

#[tokio::test]
async fn it_cannot_withdraw_change_the_account_make_keys_or_reach_administration() {
    let platform = Platform::of("reseller-v2").await;
    let (_, key) = platform.key(&["*"]).await;
    for action in [
        "withdraw",
        "transfer",
        "change_email",
        "change_password",
        "change_2fa",
        "key_create",
        "key_rotate",
        "admin",
        "moderate",
    ] {
        let reply = act(&platform, &key, &format!("action={action}")).await;
        assert_eq!(refused(&reply), denied(400, "BAD_REQUEST"), "{action}");
    }
    for path in [
        "/admin",
        "/api/v2/admin",
        "/keys/new",
        "/api/v2/keys",
        "/settings/security",
    ] {
        for method in [Method::GET, Method::POST] {
            let headers = [("content-type", super::FORM)];
            let body = format!("key={key}");
            let reply = platform.send(method, path, &headers, &body).await;
            assert_eq!(refused(&reply), denied(403, "INSUFFICIENT_SCOPE"), "{path}");
        }
    }
}

#[tokio::test]
async fn polling_status_burns_through_your_rate_limit() {
    let platform = Platform::of("reseller-v2").await;
    let (_, key) = platform.key(&["*"]).await;
    let placed = act(&platform, &key, "action=add&service=1&link=x&quantity=100").await;
    let poll = format!("action=status&order={}", placed.json()["order"]);
    let burst = platform
        .app
        .state
        .profile
        .tier("standard")
        .expect("the default")
        .burst;
    for _ in 1..burst {
        assert_eq!(act(&platform, &key, &poll).await.status, 200);
    }
    let reply = act(&platform, &key, &poll).await;
    assert_eq!(refused(&reply), denied(429, "RATE_LIMITED"));
    assert!(reply.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn it_can_manage_webhooks() {
    let platform = Platform::of("reseller-v2").await;
    let (_, key) = platform.key(&["*"]).await;
    let none = act(&platform, &key, "action=webhook_list").await;
    assert_eq!(
        (none.status.as_u16(), none.json()),
        (200, serde_json::json!([]))
    );
    let add = "action=webhook_add&url=https%3A%2F%2Fhooks.example%2Fin";
    let named = format!("{add}&events=transaction.completed,balance.changed");
    let made = act(&platform, &key, &named).await.json();
    assert!(
        made["secret"]
            .as_str()
            .expect("a secret")
            .starts_with("whsec_")
    );
    assert_eq!(
        made["events"],
        serde_json::json!(["transaction.completed", "balance.changed"])
    );
    // Without a choice of events all of them come.
    let all = act(&platform, &key, add).await.json();
    assert_eq!(all["events"], serde_json::json!(["*"]));
    let list = act(&platform, &key, "action=webhook_list").await;
    let list_ids = list.json();
    let mut listed: Vec<&serde_json::Value> = list_ids
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| &one["id"])
        .collect();
    listed.sort_by_key(|id| **id != made["id"]);
    assert_eq!(listed, [&made["id"], &all["id"]]);
    assert!(!list.body.contains("whsec_"));
    let id = made["id"].as_str().expect("an id");
    let delete = format!("action=webhook_delete&id={id}");
    assert_eq!(act(&platform, &key, &delete).await.status, 200);
    let again = act(&platform, &key, &delete).await;
    assert_eq!(refused(&again), denied(404, "RESOURCE_NOT_FOUND"));
    for wrong in [
        "action=webhook_delete",
        "action=webhook_add",
        "action=webhook_add&url=http%3A%2F%2F10.0.0.1%2F",
    ] {
        let reply = act(&platform, &key, wrong).await;
        assert_eq!(refused(&reply), denied(400, "BAD_REQUEST"), "{wrong}");
        assert!(reply.json()["error"].is_string(), "{}", reply.body);
    }
}

#[tokio::test]
async fn use_webhooks_instead_of_polling() {
    let platform = Platform::of("reseller-v2").await;
    let (_, key) = platform.key(&["*"]).await;
    let add = "action=webhook_add&url=https%3A%2F%2Fhooks.example%2Fin";
    assert_eq!(act(&platform, &key, add).await.status, 200);
    let app = &platform.app;
    let mut tx = app.state.db.begin().await.expect("a transaction");
    crate::webhooks::outbox::enqueue_named(
        &mut tx,
        &app.state.rng,
        &platform.workspace,
        Some("live"),
        "transaction.completed",
        &serde_json::json!({}),
        app.clock.now(),
    )
    .await
    .expect("kept");
    let (waiting,): (i64,) = crate::fetch_one!(
        &mut tx,
        (i64,),
        "select count(*) from webhook_deliveries where state = 'waiting'"
    )
    .expect("counted");
    assert_eq!(waiting, 1, "it goes out without being asked for");
}
