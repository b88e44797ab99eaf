use super::{Platform, Reply, denied, refused};
use crate::keys::ops;

const PATH: &str = "/api/v1";

async fn balance(platform: &Platform, headers: &[(&str, &str)], more: &str) -> Reply {
    platform
        .form(PATH, headers, &format!("action=balance{more}"))
        .await
}

#[tokio::test]
async fn all_api_requests_require_authentication_via_your_api_key() {
    let platform = Platform::of("rukkyhub").await;
    for rule in &platform.app.state.profile.rules {
        let action = rule.action.as_deref().expect("each has one");
        let reply = platform.form(PATH, &[], &format!("action={action}")).await;
        assert_eq!(
            refused(&reply),
            denied(401, "MISSING_CREDENTIAL"),
            "{action}"
        );
        let challenge = reply.headers["www-authenticate"].to_str().expect("text");
        assert!(challenge.contains("header=\"x-api-key\"") && challenge.contains("form=\"key\""));
        assert!(!challenge.contains("Bearer"), "{challenge}");
    }
}

#[tokio::test]
async fn include_your_api_key_in_the_x_api_key_header_or_send_it_as_a_post_body_parameter() {
    let platform = Platform::of("rukkyhub").await;
    let (_, key) = platform.key(&["balance"]).await;
    assert_eq!(
        balance(&platform, &[("X-API-KEY", &key)], "").await.status,
        200
    );
    assert_eq!(
        balance(&platform, &[], &format!("&key={key}")).await.status,
        200
    );
    let bearer = format!("Bearer {key}");
    let reply = balance(&platform, &[("authorization", &bearer)], "").await;
    assert_eq!(refused(&reply), denied(401, "MISSING_CREDENTIAL"));
}

#[tokio::test]
async fn example_with_curl_using_header() {
    let platform = Platform::of("rukkyhub").await;
    let (_, key) = platform.key(&["balance"]).await;
    let reply = balance(&platform, &[("X-API-KEY", &key)], "").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json()["currency"], "NGN");
    assert!(
        reply.json()["balance"]
            .as_str()
            .is_some_and(|text| text.contains('.'))
    );
}

#[tokio::test]
async fn a_live_key_is_prefixed_with_rk_live_and_processes_real_orders() {
    let platform = Platform::of("rukkyhub").await;
    let (_, key) = platform.key(&["add", "status"]).await;
    assert!(key.starts_with("rk_live_"));
    let header = [("X-API-KEY", key.as_str())];
    let order = "action=add&service=1&link=https%3A%2F%2Fa.example&quantity=100";
    let placed = platform.form(PATH, &header, order).await;
    assert_eq!(placed.status, 200, "{}", placed.body);
    let number = &placed.json()["order"];
    let status = format!("action=status&order={number}");
    let reply = platform.form(PATH, &header, &status).await;
    assert_eq!(reply.json()["status"], "Pending", "{}", reply.body);
}

#[tokio::test]
async fn you_can_restrict_which_actions_a_key_can_perform() {
    let platform = Platform::of("rukkyhub").await;
    let rules = &platform.app.state.profile.rules;
    let actions: Vec<&str> = rules
        .iter()
        .filter_map(|rule| rule.action.as_deref())
        .collect();
    assert_eq!(actions.len(), 21);
    for action in &actions {
        let others: Vec<&str> = actions
            .iter()
            .copied()
            .filter(|one| one != action)
            .collect();
        let form = format!("action={action}");
        let (_, key) = platform.key(&[action]).await;
        let reply = platform.form(PATH, &[("X-API-KEY", &key)], &form).await;
        // A purchase says what is missing of it; it was let through to where that is asked.
        assert!(
            matches!(reply.status.as_u16(), 200 | 400),
            "{action}: {}",
            reply.body
        );
        let (_, lacking) = platform.key(&others).await;
        let reply = platform.form(PATH, &[("X-API-KEY", &lacking)], &form).await;
        assert_eq!(
            refused(&reply),
            denied(403, "INSUFFICIENT_SCOPE"),
            "{action}"
        );
    }
}

#[tokio::test]
async fn you_can_restrict_an_api_key_to_specific_ip_addresses_or_domains() {
    let platform = Platform::of("rukkyhub").await;
    let (_, here) = platform
        .bound(&["balance"], |key| {
            key.addresses = "203.0.113.0/24".to_owned();
        })
        .await;
    assert_eq!(
        balance(&platform, &[("X-API-KEY", &here)], "").await.status,
        200
    );
    let (_, elsewhere) = platform
        .bound(&["balance"], |key| {
            key.addresses = "198.51.100.7".to_owned();
        })
        .await;
    let reply = balance(&platform, &[("X-API-KEY", &elsewhere)], "").await;
    assert_eq!(refused(&reply), denied(403, "IP_NOT_ALLOWED"));
}

#[tokio::test]
async fn send_the_x_api_origin_header_or_pass_origin_or_domain_in_the_request_body() {
    let platform = Platform::of("rukkyhub").await;
    let (_, key) = platform
        .bound(&["balance"], |key| {
            key.domains = "shop.example.com".to_owned();
        })
        .await;
    let key = ("X-API-KEY", key.as_str());
    let origin = ("X-API-ORIGIN", "https://shop.example.com");
    assert_eq!(balance(&platform, &[key, origin], "").await.status, 200);
    for field in ["&origin=shop.example.com", "&domain=shop.example.com"] {
        assert_eq!(
            balance(&platform, &[key], field).await.status,
            200,
            "{field}"
        );
    }
}

#[tokio::test]
async fn the_request_origin_does_not_match() {
    let platform = Platform::of("rukkyhub").await;
    let (_, key) = platform
        .bound(&["balance"], |key| {
            key.domains = "shop.example.com".to_owned();
        })
        .await;
    let headers = [
        ("X-API-KEY", key.as_str()),
        ("X-API-ORIGIN", "https://evil.example"),
    ];
    let reply = balance(&platform, &headers, "").await;
    assert_eq!(reply.status, 403);
    assert_eq!(
        reply.body,
        r#"{"error":"API key is restricted to whitelisted domains.","detected_domain":"evil.example"}"#
    );
}

#[tokio::test]
async fn server_side_calls_need_an_explicit_x_api_origin_header() {
    let platform = Platform::of("rukkyhub").await;
    let (_, key) = platform
        .bound(&["balance"], |key| {
            key.domains = "shop.example.com".to_owned();
        })
        .await;
    let reply = balance(&platform, &[("X-API-KEY", &key)], "").await;
    assert_eq!(reply.status, 403);
    assert_eq!(
        reply.body,
        r#"{"error":"This check needs an Origin (browser) or X-API-ORIGIN header"}"#
    );
}

#[tokio::test]
async fn revoked_keys_stop_working_instantly_and_you_can_then_generate_a_new_key() {
    let platform = Platform::of("rukkyhub").await;
    let (id, key) = platform.key(&["balance"]).await;
    assert_eq!(
        balance(&platform, &[("X-API-KEY", &key)], "").await.status,
        200
    );
    ops::revoke_at_console(&platform.app.state, &id)
        .await
        .expect("revoked");
    let reply = balance(&platform, &[("X-API-KEY", &key)], "").await;
    assert_eq!(refused(&reply), denied(401, "REVOKED"));
    let (_, new) = platform.key(&["balance"]).await;
    assert_eq!(
        balance(&platform, &[("X-API-KEY", &new)], "").await.status,
        200
    );
}

#[tokio::test]
async fn a_gift_card_is_worth_what_it_says_in_its_own_currency() {
    let platform = Platform::of("rukkyhub").await;
    for (currency, most, answered) in [
        ("NGN", "1000000", denied(403, "CURRENCY_NOT_ALLOWED")),
        ("USD", "49.99", denied(403, "TRANSACTION_LIMIT_EXCEEDED")),
        ("USD", "50", denied(200, "")),
    ] {
        let (_, key) = platform
            .bound(&["giftcard_trade"], |key| {
                currency.clone_into(&mut key.currency);
                most.clone_into(&mut key.max_amount);
            })
            .await;
        let fields = "action=giftcard_trade&card=amazon-us&amount=50&code=AQTX-7L";
        let reply = platform.form(PATH, &[("X-API-KEY", &key)], fields).await;
        assert_eq!(
            refused(&reply),
            answered,
            "{currency} {most}: {}",
            reply.body
        );
    }
}
