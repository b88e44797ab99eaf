//! The samples through `answer`, as values: no gateway in front, no database behind.

use axum::{
    body::{Bytes, to_bytes},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
};
use serde_json::{Value, json};

use super::{Call, Sandbox, account::KEPT};
use crate::{
    profiles::{Profile, Ruling, Sample},
    server::clock::{MINUTE, Millis},
};

/// 25 November 2026.
const NOW: Millis = 1_795_600_000_000;

/// A profile's sandbox, asked by one workspace at a time.
struct Asked {
    profile: Profile,
    sandbox: Sandbox,
    workspace: &'static str,
    environment: &'static str,
    now: Millis,
}

impl Asked {
    fn of(profile: &str) -> Self {
        let profile = Profile::load(profile).expect("it loads");
        Self {
            environment: Box::leak(profile.environments[0].id.clone().into_boxed_str()),
            profile,
            sandbox: Sandbox::default(),
            workspace: "wsp_1",
            now: NOW,
        }
    }

    async fn send(
        &self,
        method: Method,
        address: &str,
        kind: &'static str,
        body: &str,
    ) -> (StatusCode, Value) {
        let (path, query) = address
            .split_once('?')
            .map_or((address, None), |(p, q)| (p, Some(q)));
        let action = url::form_urlencoded::parse(body.as_bytes())
            .find(|(name, _)| name == "action")
            .map(|(_, value)| value.into_owned());
        let Ruling::Rule { rule, .. } = self.profile.rule_for(&method, path, action.as_deref())
        else {
            panic!("no rule for {method} {path} {action:?}");
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        let answer = self
            .sandbox
            .answer(Call {
                profile: &self.profile,
                rule,
                workspace_id: self.workspace,
                environment: self.environment,
                path,
                query,
                headers: &headers,
                body: Bytes::from(body.to_owned()),
                now: self.now,
            })
            .await;
        let status = answer.status();
        let bytes = to_bytes(answer.into_body(), usize::MAX)
            .await
            .expect("a body");
        (status, serde_json::from_slice(&bytes).expect("JSON"))
    }

    async fn json(&self, method: Method, address: &str, body: Value) -> (StatusCode, Value) {
        self.send(method, address, "application/json", &body.to_string())
            .await
    }

    async fn get(&self, address: &str) -> Value {
        let (status, body) = self.send(Method::GET, address, "text/plain", "").await;
        assert_eq!(status, StatusCode::OK, "{address}: {body}");
        body
    }

    async fn post(&self, address: &str, body: Value) -> Value {
        let (status, body) = self.json(Method::POST, address, body).await;
        assert_eq!(status, StatusCode::OK, "{address}: {body}");
        body
    }

    /// A call with an action, as panels have it.
    async fn act(&self, form: &str) -> (StatusCode, Value) {
        let path = self.profile.rules[0].path.clone();
        self.send(
            Method::POST,
            &path,
            "application/x-www-form-urlencoded",
            form,
        )
        .await
    }

    async fn acted(&self, form: &str) -> Value {
        let (status, body) = self.act(form).await;
        assert_eq!(status, StatusCode::OK, "{form}: {body}");
        body
    }
}

#[tokio::test]
async fn every_rule_that_reads_answers_and_is_alike_after_a_restart_and_other_elsewhere() {
    for name in ["revkeen", "dual-mode", "universal-wallet"] {
        let asked = Asked::of(name);
        let again = Asked::of(name);
        let mut other = Asked::of(name);
        other.workspace = "wsp_2";
        for rule in asked
            .profile
            .rules
            .iter()
            .filter(|rule| rule.method == Method::GET)
        {
            if rule.sample == Some(Sample::Webhooks) {
                continue;
            }
            let at = |workspace: &str| rule.path.replace("{workspace}", workspace);
            if rule.names_id() {
                let list = asked.get(at("wsp_1").trim_end_matches("/{id}")).await;
                let id = list["data"][0]["id"].as_str().expect("an id").to_owned();
                let one = asked.get(&at("wsp_1").replace("{id}", &id)).await;
                assert_eq!(one, list["data"][0], "{}", rule.path);
                let (status, _) = asked
                    .json(
                        Method::GET,
                        &at("wsp_1").replace("{id}", "nobody"),
                        json!({}),
                    )
                    .await;
                assert_eq!(status, StatusCode::NOT_FOUND);
                continue;
            }
            let first = asked.get(&at("wsp_1")).await;
            assert_eq!(first, again.get(&at("wsp_1")).await, "{}", rule.path);
            assert_ne!(first, other.get(&at("wsp_2")).await, "{}", rule.path);
            for made in first["data"].as_array().into_iter().flatten() {
                let created = made["created"].as_i64().expect("a second");
                assert!(created < NOW / 1000, "{made}");
                assert!(
                    made["amount"].is_null() || made["amount"].as_i64() > Some(0),
                    "{made}"
                );
            }
        }
    }
}

#[tokio::test]
async fn pages_follow_one_another_by_cursor_and_by_number() {
    let asked = Asked::of("revkeen");
    let all = asked.get("/v2/customers?limit=100").await;
    let ids = |body: &Value| -> Vec<String> {
        let data = body["data"].as_array().expect("a list");
        data.iter()
            .map(|one| one["id"].as_str().expect("an id").to_owned())
            .collect()
    };
    assert_eq!(all["has_more"], false);
    let total = ids(&all).len();
    let mut by_cursor = Vec::new();
    let mut address = "/v2/customers?limit=4".to_owned();
    loop {
        let page = asked.get(&address).await;
        by_cursor.extend(ids(&page));
        match page["next_cursor"].as_str() {
            Some(next) => address = format!("/v2/customers?limit=4&starting_after={next}"),
            None => break,
        }
    }
    assert_eq!(by_cursor, ids(&all));
    let second = asked.get("/v2/customers?limit=4&page=2").await;
    assert_eq!(ids(&second), by_cursor[4..8]);
    assert!(ids(&asked.get("/v2/customers?page=999").await).is_empty());
    assert!(total > 10, "the first page is not all");
    for bad in [
        "limit=0",
        "limit=101",
        "limit=x",
        "page=0",
        "starting_after=nobody",
    ] {
        let (status, body) = asked
            .json(Method::GET, &format!("/v2/customers?{bad}"), json!({}))
            .await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{bad}");
        assert_eq!(body["error"]["type"], "invalid_request_error");
    }
}

#[tokio::test]
async fn what_is_created_is_listed_changed_and_deleted_and_belongs_to_its_workspace() {
    let mut asked = Asked::of("revkeen");
    let made = asked
        .post(
            "/v2/customers",
            json!({ "email": "ada@example.com", "name": "Ada" }),
        )
        .await;
    let one = format!("/v2/customers/{}", made["id"].as_str().expect("an id"));
    assert_eq!(asked.get("/v2/customers").await["data"][0], made);
    assert_eq!(made["created"], NOW / 1000);
    assert_eq!(made["livemode"], false);

    let (status, changed) = asked
        .json(Method::PATCH, &one, json!({ "name": "Ada L." }))
        .await;
    assert_eq!(
        (status, &changed["name"], &changed["email"]),
        (StatusCode::OK, &json!("Ada L."), &made["email"])
    );
    assert_eq!(asked.get(&one).await, changed);
    let (status, _) = asked
        .json(Method::PATCH, &one, json!({ "nonsense": 1 }))
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);

    asked.workspace = "wsp_2";
    assert_eq!(
        asked
            .json(Method::PATCH, &one, json!({ "name": "X" }))
            .await
            .0,
        StatusCode::NOT_FOUND
    );
    asked.workspace = "wsp_1";
    asked.environment = "live";
    assert_eq!(
        asked.json(Method::DELETE, &one, json!({})).await.0,
        StatusCode::NOT_FOUND
    );
    asked.environment = "sandbox";
    assert_eq!(
        asked.json(Method::DELETE, &one, json!({})).await.0,
        StatusCode::OK
    );
    assert_eq!(
        asked.json(Method::DELETE, &one, json!({})).await.0,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn all_that_is_missing_or_wrong_is_said_at_once() {
    let asked = Asked::of("revkeen");
    let message = async |address: &str, body: Value| {
        let (status, body) = asked.json(Method::POST, address, body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        body["error"]["message"]
            .as_str()
            .expect("a message")
            .to_owned()
    };
    assert_eq!(message("/v2/customers", json!({})).await, "Missing: email.");
    assert_eq!(
        message("/v2/products", json!({ "name": null })).await,
        "Missing: name, amount, currency."
    );
    let said = message(
        "/v2/checkout",
        json!({ "amount": -5, "currency": "EUR", "success_url": "javascript:1", "customer": "cus_x" }),
    )
    .await;
    for part in [
        "amount must be a whole number",
        "success_url must be an http",
        "There is no customer cus_x",
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert!(
        message("/v2/customers", json!({ "email": "x".repeat(2000) }))
            .await
            .contains("longer than")
    );
    let (status, body) = asked
        .send(Method::POST, "/v2/customers", "application/json", "[1]")
        .await;
    assert_eq!(
        (status, &body["error"]["code"]),
        (StatusCode::BAD_REQUEST, &json!("BAD_REQUEST"))
    );
}

#[tokio::test]
async fn a_subscription_is_paused_resumed_and_canceled_an_invoice_sent_and_a_payment_refunded() {
    let asked = Asked::of("revkeen");
    let customer = asked.get("/v2/customers").await["data"][0]["id"].clone();
    let product = asked.get("/v2/products").await["data"][0].clone();
    let made = asked
        .post(
            "/v2/subscriptions",
            json!({ "customer": customer, "product": product["id"] }),
        )
        .await;
    assert_eq!(
        (&made["amount"], &made["status"]),
        (&product["amount"], &json!("active"))
    );
    let one = format!("/v2/subscriptions/{}", made["id"].as_str().expect("an id"));
    for (what, status) in [
        ("pause", "paused"),
        ("resume", "active"),
        ("cancel", "canceled"),
    ] {
        assert_eq!(
            asked.post(&format!("{one}/{what}"), json!({})).await["status"],
            status
        );
    }
    assert_eq!(
        asked
            .json(Method::POST, &format!("{one}/pause"), json!({}))
            .await
            .0,
        StatusCode::CONFLICT
    );

    let invoice = asked
        .post(
            "/v2/invoices",
            json!({ "customer": customer, "amount": 900, "currency": "usd" }),
        )
        .await;
    assert_eq!(
        (&invoice["status"], &invoice["currency"]),
        (&json!("draft"), &json!("USD"))
    );
    let one = format!("/v2/invoices/{}", invoice["id"].as_str().expect("an id"));
    assert_eq!(
        asked
            .json(Method::PATCH, &one, json!({ "amount": 950 }))
            .await
            .1["amount"],
        950
    );
    assert_eq!(
        asked.post(&format!("{one}/send"), json!({})).await["status"],
        "open"
    );
    assert_eq!(
        asked
            .json(Method::PATCH, &one, json!({ "amount": 1 }))
            .await
            .0,
        StatusCode::CONFLICT
    );

    let before = asked.get("/v2/finance").await;
    let payment = asked.get("/v2/payments").await["data"][0].clone();
    let whole = payment["amount"].as_i64().expect("an amount");
    let refund = format!(
        "/v2/payments/{}/refund",
        payment["id"].as_str().expect("an id")
    );
    assert_eq!(
        asked.post(&refund, json!({ "amount": 1 })).await["amount"],
        1
    );
    let (status, _) = asked
        .json(Method::POST, &refund, json!({ "amount": whole }))
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "more than is left");
    assert_eq!(
        asked
            .post("/v2/payments", json!({ "payment": payment["id"] }))
            .await["amount"],
        whole - 1
    );
    assert_eq!(
        asked.json(Method::POST, &refund, json!({})).await.0,
        StatusCode::CONFLICT
    );
    let after = asked.get("/v2/finance").await;
    assert_eq!(
        after["refunds"].as_i64().expect("a sum") - before["refunds"].as_i64().expect("a sum"),
        whole
    );
    let (_, settings) = asked
        .json(
            Method::PATCH,
            "/v2/settings",
            json!({ "timezone": "Europe/Oslo" }),
        )
        .await;
    assert_eq!(asked.get("/v2/settings").await, settings);
    assert_eq!(settings["timezone"], "Europe/Oslo");
}

#[tokio::test]
async fn an_order_is_paid_followed_canceled_and_refilled() {
    let mut asked = Asked::of("reseller-v2");
    let cents = |body: &Value| -> i64 {
        let text = body["balance"].as_str().expect("text").replace('.', "");
        text.parse().expect("a number")
    };
    let services = asked.acted("action=services").await;
    let service = &services[3];
    assert_eq!(
        (&service["service"], &service["refill"]),
        (&json!(4), &json!(true))
    );
    let before = cents(&asked.acted("action=balance").await);
    let order = asked
        .acted("action=add&service=4&link=https%3A%2F%2Fa.example&quantity=1000")
        .await["order"]
        .clone();
    assert_eq!(
        before - cents(&asked.acted("action=balance").await),
        210_000,
        "the rate of a thousand"
    );
    let status = async |asked: &Asked| asked.acted(&format!("action=status&order={order}")).await;
    assert_eq!(status(&asked).await["status"], "Pending");
    assert_eq!(status(&asked).await["charge"], "2.10000");
    let (refused, body) = asked.act(&format!("action=refill&order={order}")).await;
    assert_eq!(refused, StatusCode::BAD_REQUEST, "{body}");
    asked.now += 6 * MINUTE;
    let under_way = status(&asked).await;
    assert_eq!(
        (&under_way["status"], &under_way["remains"]),
        (&json!("In progress"), &json!("500"))
    );
    asked.now += 6 * MINUTE;
    assert_eq!(status(&asked).await["status"], "Completed");
    assert!(asked.acted(&format!("action=refill&order={order}")).await["refill"].is_i64());

    let second = asked.acted("action=add&service=2&link=x&quantity=20").await["order"].clone();
    let canceled = asked
        .acted(&format!("action=cancel&orders={second},{order},7"))
        .await;
    assert_eq!(canceled[0], json!({ "order": second, "cancel": 1 }));
    assert_eq!(canceled[1]["cancel"]["error"], "Incorrect order ID");
    assert_eq!(canceled[2]["cancel"]["error"], "Incorrect order ID");
    assert_eq!(
        before - cents(&asked.acted("action=balance").await),
        210_000,
        "given back"
    );
    let many = asked
        .acted(&format!("action=status&orders={order},{second},7"))
        .await;
    assert_eq!(many[order.to_string()]["status"], "Completed");
    assert_eq!(many[second.to_string()]["status"], "Canceled");
    assert_eq!(many["7"]["error"], "Incorrect order ID");

    for (form, words) in [
        ("action=add", "Missing: service, link, quantity."),
        (
            "action=add&service=99&link=x&quantity=100",
            "Incorrect service ID",
        ),
        (
            "action=add&service=1&link=x&quantity=1",
            "Quantity must be from 50 to 10000",
        ),
        (
            "action=add&service=3&link=x&quantity=1000000000",
            "Quantity",
        ),
        ("action=status", "Missing: order."),
        ("action=cancel", "Missing: order."),
    ] {
        let (status, body) = asked.act(form).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{form}");
        assert!(
            body["error"]
                .as_str()
                .is_some_and(|error| error.contains(words)),
            "{form}: {body}"
        );
    }
    assert_eq!(
        asked.act("action=status&order=7").await.0,
        StatusCode::NOT_FOUND
    );
    asked.workspace = "wsp_2";
    assert_eq!(
        asked.act(&format!("action=status&order={order}")).await.0,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn every_action_of_a_panel_with_bills_and_gift_cards_answers() {
    let asked = Asked::of("rukkyhub");
    let plan = |body: Value| body["data"][0]["id"].as_str().expect("an id").to_owned();
    let data = plan(asked.acted("action=vtu_data_plans&network=airtel").await);
    assert!(data.starts_with("airtel-"), "{data}");
    let sme = plan(asked.acted("action=vtu_sme_plans").await);
    let cable = plan(asked.acted("action=vtu_cable_plans").await);
    let company = plan(asked.acted("action=vtu_electric_discos").await);
    let whose = asked
        .acted("action=vtu_cable_verify&provider=DSTV&smartcard=7023456789")
        .await;
    assert!(
        whose["name"]
            .as_str()
            .is_some_and(|name| name.contains(' ')),
        "{whose}"
    );
    asked
        .acted(&format!(
            "action=vtu_electricity_verify&disco={company}&meter=45067198233"
        ))
        .await;
    for (form, amount) in [
        (
            "action=vtu_airtime&network=MTN&phone=08030000000&amount=100".to_owned(),
            10_000,
        ),
        (
            format!("action=vtu_data&plan={data}&phone=%2B2348030000000"),
            29_000,
        ),
        (
            format!("action=vtu_sme&plan={sme}&phone=08030000000"),
            25_500,
        ),
        (
            format!("action=vtu_cable&plan={cable}&smartcard=7023456789"),
            440_000,
        ),
        (
            format!("action=vtu_electricity&disco={company}&meter=45067198233&amount=2250.00"),
            225_000,
        ),
        (
            "action=vtu_education&exam=waec&quantity=2".to_owned(),
            690_000,
        ),
        (
            "action=vtu_recharge_card&network=Glo&value=10000&quantity=3".to_owned(),
            30_000,
        ),
    ] {
        let bought = asked.acted(&form).await;
        assert_eq!(
            (&bought["amount"], &bought["currency"]),
            (&json!(amount), &json!("NGN")),
            "{form}"
        );
        let reference = bought["reference"].as_str().expect("a reference");
        assert_eq!(
            asked
                .acted(&format!("action=vtu_status&reference={reference}"))
                .await,
            bought
        );
    }
    let card = plan(asked.acted("action=giftcard_cards").await);
    let traded = asked
        .acted(&format!(
            "action=giftcard_trade&card={card}&amount=50&code=AQTX-7L"
        ))
        .await;
    assert!(!traded.to_string().contains("AQTX"), "a code is not kept");
    let history = asked.acted("action=giftcard_trades").await;
    assert_eq!(history["data"][0]["id"], traded["id"]);
    assert!(history["data"].as_array().is_some_and(|all| all.len() > 3));

    for form in [
        "action=vtu_airtime",
        "action=vtu_airtime&network=Orange&phone=08030000000&amount=1",
        "action=vtu_airtime&network=MTN&phone=abc&amount=1",
        "action=vtu_data&plan=x&phone=08030000000",
        "action=vtu_sme",
        "action=vtu_cable",
        "action=vtu_electricity",
        "action=vtu_education",
        "action=vtu_recharge_card&network=MTN&value=7",
        "action=vtu_education&exam=WAEC&quantity=11",
        "action=vtu_status",
        "action=vtu_cable_verify",
        "action=vtu_electricity_verify",
        "action=giftcard_trade",
        "action=giftcard_trade&card=amazon-us&amount=1&code=x",
        "action=vtu_airtime&network=MTN&phone=08030000000&amount=9999999999",
    ] {
        let (status, body) = asked.act(form).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{form}: {body}");
    }
    assert_eq!(
        asked.act("action=vtu_status&reference=vtu_none").await.0,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn cash_moves_the_balance_and_no_more_goes_out_than_is_there() {
    let asked = Asked::of("universal-wallet");
    let at = |step: &str| format!("/api/v1/distributors/wsp_1/{step}");
    let before = asked.get(&at("balance")).await;
    assert_eq!(
        (&before["account_id"], &before["currency"]),
        (&json!("wsp_1"), &json!("USD"))
    );
    let available = before["available"].as_i64().expect("an amount");
    let made = asked
        .post(
            &at("cash-in"),
            json!({ "amount": 500, "currency": "USD", "customer": "Ada" }),
        )
        .await;
    assert_eq!(
        made["balance"],
        json!({ "before": available, "after": available + 500 })
    );
    asked.post(&at("cash-out"), json!({ "amount": 200 })).await;
    assert_eq!(
        asked.get(&at("balance")).await["available"],
        available + 300
    );
    let list = asked.get(&at("transactions")).await;
    assert_eq!(
        (&list["data"][0]["type"], &list["data"][1]),
        (&json!("cash_out"), &made)
    );
    for (body, code) in [
        (json!({ "amount": available + 301 }), "INSUFFICIENT_FUNDS"),
        (json!({ "amount": 0 }), "BAD_REQUEST"),
        (json!({ "amount": 1.5 }), "BAD_REQUEST"),
        (json!({ "amount": 10, "currency": "BTC" }), "BAD_REQUEST"),
        (json!({}), "BAD_REQUEST"),
    ] {
        let (status, answer) = asked
            .json(Method::POST, &at("cash-out"), body.clone())
            .await;
        assert_eq!(
            (status, &answer["code"]),
            (StatusCode::BAD_REQUEST, &json!(code)),
            "{body}"
        );
        assert_eq!(answer["status"], 400);
    }
    assert_eq!(
        asked.get(&at("balance")).await["available"],
        available + 300
    );
}

#[tokio::test]
async fn every_currency_has_a_balance_and_transactions_say_their_kind() {
    let asked = Asked::of("dual-mode");
    let balance = asked.get("/v1/balance?currency=btc").await;
    assert_eq!(balance["currency"], "BTC");
    let currencies = balance["balances"].as_array().expect("a list");
    assert_eq!(currencies.len(), asked.profile.currencies.len());
    assert!(
        currencies
            .iter()
            .all(|one| one["available"].as_i64() > Some(0)),
        "{balance}"
    );
    let made = asked
        .post(
            "/v1/transactions",
            json!({ "amount": 5, "currency": "BTC", "type": "payout" }),
        )
        .await;
    assert_eq!(
        asked
            .get(&format!(
                "/v1/transactions/{}",
                made["id"].as_str().expect("an id")
            ))
            .await,
        made
    );
    let (status, body) = asked
        .json(
            Method::POST,
            "/v1/transactions",
            json!({ "amount": 5, "type": "gift" }),
        )
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
}

#[tokio::test]
async fn what_is_kept_of_a_workspace_is_bounded() {
    let asked = Asked::of("revkeen");
    for number in 0..KEPT + 5 {
        asked
            .post(
                "/v2/customers",
                json!({ "email": format!("{number}@example.com") }),
            )
            .await;
    }
    let all = asked.get("/v2/customers?limit=100").await;
    assert_eq!(all["total_count"], KEPT);
    assert_eq!(all["data"][0]["email"], format!("{}@example.com", KEPT + 4));
}
