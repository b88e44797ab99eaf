//! Amounts through the routers: never more than a limit, whoever races, crashes or waits, and nothing lost.

use std::{
    collections::HashSet,
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use futures_util::future::join_all;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    amount::Amount,
    door::{self, Call, Moves, Seen},
    entry::Entry,
    judge::{Facts, Needs, Resource, Verdict},
    volume::{self, Outcome},
};
use crate::{
    db::{
        Db,
        testing::{self, Engine, TestDb},
    },
    keys::{
        ops, store,
        terms::{Expiry, Limits},
    },
    on_both_engines,
    profiles::Profile,
    server::{
        clock::{DAY, HOUR, MINUTE, Millis},
        request_id::{self, Routes},
        run,
        testing::{PASSWORD, Reply, TestApp},
    },
    usage::{self, buffer::Door},
    workspaces::Role,
};

pub struct Wallet {
    pub app: TestApp,
    pub workspace: String,
    token: String,
}

/// A wallet platform, whose keys are limited.
pub async fn wallet(test: TestDb) -> Wallet {
    let app = TestApp::start_as(test, Profile::load("universal-wallet").expect("it loads")).await;
    let workspace = app.workspace("Acme").await;
    let token = app.service_token().await;
    Wallet {
        app,
        workspace,
        token,
    }
}

impl Wallet {
    pub async fn key(&self, max_amount: Option<i64>, max_daily: Option<i64>) -> (String, String) {
        let label = self.app.state.rng.id("pos", self.app.clock.now());
        let mut wanted = self
            .app
            .wanted("live", &label, &["operations:write", "balance:read"]);
        wanted.terms.limits = Limits {
            kind: None,
            currency: Some("USD".to_owned()),
            max_amount,
            max_daily,
        };
        let created = ops::create_at_console(&self.app.state, &self.workspace, &wanted, None)
            .await
            .expect("made");
        (
            created.id,
            created.secret.expect("it is no pair").expose().to_owned(),
        )
    }

    pub async fn cash_in(&self, key: &str, body: &str) -> Reply {
        self.cash_in_again(key, body, None).await
    }

    async fn cash_in_again(&self, key: &str, body: &str, repeat: Option<&str>) -> Reply {
        let path = format!("/api/v1/distributors/{}/cash-in", self.workspace);
        let mut request = Request::post(path)
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", "application/json");
        if let Some(repeat) = repeat {
            request = request.header("idempotency-key", repeat);
        }
        self.app
            .gateway(
                request
                    .body(Body::from(body.to_owned()))
                    .expect("a request"),
            )
            .await
    }

    async fn ask(&self, key: &str, value: i64) -> Value {
        let question = json!({ "key": key, "amount": { "value": value, "currency": "USD" } });
        self.app.verify(&self.token, question).await.json()
    }

    async fn settle(&self, id: &str, how: &str) -> Reply {
        let request = Request::post(format!("/v1/reservations/{id}/{how}"))
            .header("authorization", format!("Bearer {}", self.token))
            .body(Body::empty())
            .expect("a request");
        self.app.api(request).await
    }

    /// What the gateway knows of a call that it lets through and has not answered yet.
    async fn let_through(&self, key: &str, value: i64) -> Entry {
        let state = &self.app.state;
        let now = state.clock.now();
        let key = door::recognise(state, key, now).await.expect("known");
        let amount = Amount {
            value,
            currency: "USD".to_owned(),
        };
        let call = Call {
            door: Door::Gateway,
            key: &key,
            facts: &Facts {
                environment: None,
                ip: None,
                origin: None,
                resource: Resource::Own,
                needs: Needs::Nothing,
            },
            malformed: false,
            moves: Moves {
                amount: Ok(Some(amount)),
                ..Moves::NOTHING
            },
            proof: None,
            seen: Seen::default(),
            started: Instant::now(),
            now,
        };
        let id = state.rng.short_id(now);
        let decision = request_id::within(id, door::decide(state, &call));
        let decision = decision.await.expect("decided");
        assert_eq!(decision.verdict, Verdict::Allowed);
        decision.entry
    }

    /// What the key has spoken for today.
    pub async fn spent(&self, key_id: &str) -> i64 {
        let mut reader = self.app.state.db.read().await.expect("a connection");
        volume::today(&mut reader, &self.workspace, key_id, self.app.clock.now())
            .await
            .expect("read")
            .first()
            .map_or(0, |(_, spent)| *spent)
    }
}

pub fn amount(value: i64) -> String {
    json!({ "amount": value, "currency": "USD" }).to_string()
}

fn code(reply: &Reply) -> String {
    reply.json()["code"].as_str().unwrap_or_default().to_owned()
}

on_both_engines! {
    async fn a_key_moves_no_more_at_once_and_a_day_than_it_may(test: TestDb) {
        let wallet = wallet(test).await;
        let (id, key) = wallet.key(Some(500), Some(1000)).await;
        let too_much = wallet.cash_in(&key, &amount(501)).await;
        assert_eq!((too_much.status, code(&too_much).as_str()), (StatusCode::FORBIDDEN, "TRANSACTION_LIMIT_EXCEEDED"));
        for _ in 0..2 {
            let reply = wallet.cash_in(&key, &amount(500)).await;
            assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
        }
        assert_eq!(wallet.spent(&id).await, 1000);
        let beyond = wallet.cash_in(&key, &amount(1)).await;
        assert_eq!((beyond.status, code(&beyond).as_str()), (StatusCode::FORBIDDEN, "DAILY_VOLUME_EXCEEDED"));
        assert_eq!(wallet.spent(&id).await, 1000, "what is denied takes nothing");
        let midnight = DAY - wallet.app.clock.now() % DAY;
        wallet.app.clock.advance(midnight - 1);
        assert_eq!(code(&wallet.cash_in(&key, &amount(1)).await), "DAILY_VOLUME_EXCEEDED");
        wallet.app.clock.advance(1);
        assert_eq!(wallet.cash_in(&key, &amount(500)).await.status, StatusCode::OK, "another day");
        assert_eq!(wallet.spent(&id).await, 500);
    }

    async fn the_row_of_a_request_that_moves_money_is_there_before_its_answer(test: TestDb) {
        let wallet = wallet(test).await;
        let (id, key) = wallet.key(Some(500), Some(1000)).await;
        wallet.cash_in(&key, &amount(400)).await;
        wallet.cash_in(&key, &amount(700)).await;
        let mut reader = wallet.app.state.db.read().await.expect("a connection");
        let rows: Vec<(String, i64, Option<i64>, Option<String>)> = crate::fetch_all!(
            &mut reader,
            (String, i64, Option<i64>, Option<String>),
            "select code, status, amount, reservation_id from requests where key_id = $1 order by amount",
            &id
        )
        .expect("read");
        let [allowed, denied] = rows.as_slice() else { panic!("two rows, not {rows:?}") };
        assert_eq!((allowed.0.as_str(), allowed.1, allowed.2), ("VALID", 200, Some(400)));
        assert!(allowed.3.as_ref().is_some_and(|id| id.starts_with("rsv_")));
        assert_eq!((denied.0.as_str(), denied.1, denied.2), ("TRANSACTION_LIMIT_EXCEEDED", 403, Some(700)));
        assert!(denied.3.is_none());
    }

    async fn amounts_that_cannot_be_told_move_nothing(test: TestDb) {
        let wallet = wallet(test).await;
        let (id, key) = wallet.key(None, Some(1000)).await;
        for body in [
            "", "{}", "[]", "amount=5", r#"{"currency":"USD"}"#,
            r#"{"amount":-1,"currency":"USD"}"#, r#"{"amount":1.5,"currency":"USD"}"#,
            r#"{"amount":1e2,"currency":"USD"}"#, r#"{"amount":"0x10","currency":"USD"}"#,
            r#"{"amount":99999999999999999999,"currency":"USD"}"#,
            r#"{"amount":1,"amount":2,"currency":"USD"}"#, r#"{"amount":1,"Amount":2,"currency":"USD"}"#,
            r#"{"amount":null,"currency":"USD"}"#, r#"{"amount":1,"currency":7}"#,
        ] {
            let reply = wallet.cash_in(&key, body).await;
            assert_eq!((reply.status, code(&reply).as_str()), (StatusCode::BAD_REQUEST, "BAD_REQUEST"), "{body}: {}", reply.body);
        }
        for body in [r#"{"amount":1,"currency":"EUR"}"#, r#"{"amount":1,"currency":"XXX"}"#] {
            let reply = wallet.cash_in(&key, body).await;
            assert_eq!((reply.status, code(&reply).as_str()), (StatusCode::FORBIDDEN, "CURRENCY_NOT_ALLOWED"), "{body}");
        }
        assert_eq!(wallet.spent(&id).await, 0);
    }

    async fn racing_requests_on_two_nodes_never_spend_more_than_the_budget(test: TestDb) {
        let wallet = wallet(test).await;
        let (id, key) = wallet.key(None, Some(1000)).await;
        let elsewhere = Db::connect(&wallet.app.test.url).await.expect("it opens");
        let nodes = [wallet.app.state.clone(), wallet.app.state.with_db(elsewhere)];
        let wallet = Arc::new(wallet);
        let tasks: Vec<_> = (0..64)
            .map(|i| {
                let gateway = run::gateway_routes(&nodes[i % 2]);
                let path = format!("/api/v1/distributors/{}/cash-in", wallet.workspace);
                let request = Request::post(path)
                    .header("authorization", format!("Bearer {key}"))
                    .header("content-type", "application/json")
                    .body(Body::from(amount(70)))
                    .expect("a request");
                tokio::spawn(async move { gateway.answer(request).await.status() })
            })
            .collect();
        let mut granted = 0;
        for task in tasks {
            let status = task.await.expect("joined");
            assert!(matches!(status, StatusCode::OK | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS), "{status}");
            granted += i64::from(status == StatusCode::OK);
        }
        assert!(granted > 0 && granted * 70 <= 1000, "{granted}");
        assert_eq!(wallet.spent(&id).await, granted * 70);
    }

    async fn a_key_that_expires_while_the_body_comes_moves_nothing(test: TestDb) {
        let wallet = wallet(test).await;
        let clock = wallet.app.clock.clone();
        let mut wanted = wallet.app.wanted("live", "POS", &["operations:write"]);
        wanted.terms.limits = Limits { currency: Some("USD".to_owned()), max_amount: Some(1000), ..Limits::default() };
        wanted.terms.expiry = Expiry::At(clock.now() + MINUTE);
        let created = ops::create_at_console(&wallet.app.state, &wallet.workspace, &wanted, None).await.expect("made");
        let key = created.secret.expect("it is no pair").expose().to_owned();
        let slow = futures_util::stream::once(async move {
            clock.advance(2 * MINUTE);
            Ok::<_, std::io::Error>(amount(70))
        });
        let request = Request::post(format!("/api/v1/distributors/{}/cash-in", wallet.workspace))
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", "application/json")
            .body(Body::from_stream(slow))
            .expect("a request");
        let reply = wallet.app.gateway(request).await;
        assert_eq!((reply.status, code(&reply).as_str()), (StatusCode::UNAUTHORIZED, "EXPIRED"));
        assert_eq!(wallet.spent(&created.id).await, 0);
    }

    async fn who_goes_away_early_leaves_a_row_at_most_and_holds_up_nobody(test: TestDb) {
        let wallet = wallet(test).await;
        let (_, key) = wallet.key(None, Some(1000)).await;
        for i in 0..80 {
            // From before anything is done to after everything is; every other amount is refused.
            let patience = Duration::from_micros(i * 75);
            let value = if i % 2 == 0 { 1 } else { 5000 };
            drop(tokio::time::timeout(patience, wallet.ask(&key, value)).await);
        }
        let last = wallet.app.verify(&wallet.token, json!({ "key": key })).await.json();
        let last = last["request_id"].as_str().expect("an id");
        for tries in 0.. {
            let mut reader = wallet.app.state.db.read().await.expect("a connection");
            if usage::store::find(&mut reader, &wallet.workspace, last).await.expect("read").is_some() {
                break;
            }
            assert!(tries < 100, "rows behind are not written");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        usage::buffer::catch_up(&wallet.app.state.db).await.expect("counted");
        let mut reader = wallet.app.state.db.read().await.expect("a connection");
        let (rows,): (i64,) = crate::fetch_one!(&mut reader, (i64,), "select count(*) from requests").expect("counted");
        let (counted,): (i64,) = crate::fetch_one!(
            &mut reader, (i64,), "select cast(sum(requests) as bigint) from usage_hours").expect("counted");
        assert_eq!(rows, counted);
    }

    async fn those_who_ask_at_once_get_what_one_after_another_would(test: TestDb) {
        let wallet = wallet(test).await;
        let (small, of_small) = wallet.key(Some(50), Some(100)).await;
        let (large, of_large) = wallet.key(None, Some(1_000_000)).await;
        let codes = join_all((0..48).map(async |i| {
            let (key, value) = match i % 3 {
                0 => (&of_small, 30),
                1 => (&of_small, 60),
                _ => (&of_large, i),
            };
            let code = wallet.ask(key, value).await["code"].as_str().expect("a code").to_owned();
            (i % 3, code)
        }))
        .await;
        let count = |asked: i64, code: &str| codes.iter().filter(|one| **one == (asked, code.to_owned())).count();
        assert_eq!((count(0, "VALID"), count(0, "DAILY_VOLUME_EXCEEDED")), (3, 13));
        assert_eq!(count(1, "TRANSACTION_LIMIT_EXCEEDED"), 16);
        assert_eq!(count(2, "VALID"), 16);
        assert_eq!(wallet.spent(&small).await, 90);
        assert_eq!(wallet.spent(&large).await, (0..48).filter(|i| i % 3 == 2).sum::<i64>());

        let mut reader = wallet.app.state.db.read().await.expect("a connection");
        let logged: Vec<(String, i64, i64)> = crate::fetch_all!(
            &mut reader,
            (String, i64, i64),
            "select code, count(*), count(reservation_id) from requests group by code order by code"
        )
        .expect("read");
        let expected = [("DAILY_VOLUME_EXCEEDED", 13, 0), ("TRANSACTION_LIMIT_EXCEEDED", 16, 0), ("VALID", 19, 19)];
        assert_eq!(logged, expected.map(|(code, rows, moved)| (code.to_owned(), rows, moved)));
        usage::buffer::catch_up(&wallet.app.state.db).await.expect("counted");
        let (counted,): (i64,) = crate::fetch_one!(
            &mut reader, (i64,), "select cast(sum(requests) as bigint) from usage_hours").expect("counted");
        assert_eq!(counted, 48);
    }

    async fn those_who_send_one_call_at_once_share_a_reservation(test: TestDb) {
        let wallet = wallet(test).await;
        let (id, key) = wallet.key(None, Some(1000)).await;
        let answers = join_all((0..24).map(async |i| {
            let (value, call) = if i % 8 == 7 { (60, "one") } else { (40, ["one", "other"][i % 2]) };
            let question = json!({ "key": key, "amount": { "value": value, "currency": "USD" }, "idempotency_key": call });
            let reply = wallet.app.verify(&wallet.token, question).await;
            (reply.status, reply.json()["reservation"]["id"].as_str().map(str::to_owned))
        }))
        .await;
        let reservations: HashSet<&String> = answers.iter().filter_map(|(_, id)| id.as_ref()).collect();
        assert_eq!(reservations.len(), 2);
        assert_eq!(answers.iter().filter(|(status, _)| *status == StatusCode::CONFLICT).count(), 3);
        assert_eq!(wallet.spent(&id).await, 80);
    }

    async fn what_the_gateway_let_through_is_settled_together_as_it_would_be_alone(test: TestDb) {
        let wallet = wallet(test).await;
        let (id, key) = wallet.key(None, Some(100_000)).await;
        let outcomes = [Outcome::NotSent, Outcome::Answered(422), Outcome::Answered(200), Outcome::Lost];
        let entries = join_all((0..16).map(|_| wallet.let_through(&key, 10))).await;
        assert_eq!(wallet.spent(&id).await, 160);
        let settled = entries.into_iter().zip(outcomes.into_iter().cycle());
        let settled = settled.map(|(entry, outcome)| entry.settle(outcome, 200));
        for settled in join_all(settled).await {
            settled.expect("settled");
        }
        assert_eq!(wallet.spent(&id).await, 80);
        let mut reader = wallet.app.state.db.read().await.expect("a connection");
        let states: Vec<(String, i64)> = crate::fetch_all!(
            &mut reader,
            (String, i64),
            "select r.state, count(*) from reservations r join requests q on q.reservation_id = r.id
             group by r.state order by r.state"
        )
        .expect("read");
        assert_eq!(states, [("committed".to_owned(), 8), ("released".to_owned(), 8)]);
    }

    async fn what_the_gateway_reserves_for_who_has_gone_is_given_back(test: TestDb) {
        let wallet = wallet(test).await;
        let (id, key) = wallet.key(None, Some(100_000)).await;
        let mut gone = 0;
        for i in 0..18 {
            let asked = tokio::time::timeout(Duration::from_micros(i * 400), wallet.let_through(&key, 10));
            match asked.await {
                Ok(entry) => entry.settle(Outcome::NotSent, 499).await.expect("settled"),
                Err(_) => gone += 1,
            }
        }
        assert!(gone > 0, "none was given up");
        for tries in 0.. {
            if wallet.spent(&id).await == 0 {
                break;
            }
            assert!(tries < 100, "it stays counted");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn what_verify_reserves_is_committed_released_or_lapses(test: TestDb) {
        let wallet = wallet(test).await;
        let (id, key) = wallet.key(Some(1000), Some(1000)).await;
        let first = wallet.ask(&key, 600).await;
        assert_eq!(first["valid"], true, "{first}");
        let reservation = first["reservation"]["id"].as_str().expect("one").to_owned();
        assert_eq!(wallet.ask(&key, 600).await["code"], "DAILY_VOLUME_EXCEEDED");
        for _ in 0..2 {
            let reply = wallet.settle(&reservation, "release").await;
            assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
        }
        assert_eq!(wallet.spent(&id).await, 0);
        assert_eq!(wallet.settle(&reservation, "commit").await.status, StatusCode::CONFLICT);

        let second = wallet.ask(&key, 600).await["reservation"]["id"].as_str().expect("one").to_owned();
        for _ in 0..2 {
            assert_eq!(wallet.settle(&second, "commit").await.status, StatusCode::OK);
        }
        assert_eq!(wallet.settle(&second, "release").await.status, StatusCode::CONFLICT);
        assert_eq!(wallet.spent(&id).await, 600);

        let third = wallet.ask(&key, 400).await["reservation"]["id"].as_str().expect("one").to_owned();
        wallet.app.clock.advance(15 * MINUTE);
        assert_eq!(wallet.settle(&third, "commit").await.status, StatusCode::CONFLICT, "it has lapsed");
        if wallet.app.clock.now() % DAY > HOUR {
            assert_eq!(wallet.ask(&key, 400).await["valid"], true, "what has lapsed is free again");
        }
        for unknown in ["rsv_00000000000000000000000000", "nonsense"] {
            assert_eq!(wallet.settle(unknown, "commit").await.status, StatusCode::NOT_FOUND);
        }
    }

    async fn a_gateways_own_reservation_is_nobody_elses_to_settle(test: TestDb) {
        let wallet = wallet(test).await;
        let (_, key) = wallet.key(None, Some(1000)).await;
        wallet.cash_in(&key, &amount(10)).await;
        let id: (String,) = {
            let mut reader = wallet.app.state.db.read().await.expect("a connection");
            crate::fetch_one!(&mut reader, (String,), "select id from reservations").expect("one")
        };
        assert_eq!(wallet.settle(&id.0, "release").await.status, StatusCode::NOT_FOUND);
    }

    async fn a_question_that_is_asked_again_reserves_once(test: TestDb) {
        let wallet = wallet(test).await;
        let (id, key) = wallet.key(None, Some(1000)).await;
        let ask = async |value: i64| {
            let question = json!({ "key": key, "amount": { "value": value, "currency": "USD" }, "idempotency_key": "once" });
            wallet.app.verify(&wallet.token, question).await
        };
        let (one, other) = (ask(400).await.json(), ask(400).await.json());
        assert_eq!(one["reservation"]["id"], other["reservation"]["id"]);
        assert_eq!(wallet.spent(&id).await, 400);
        assert_eq!(ask(401).await.status, StatusCode::CONFLICT);
        let (one, other) = (
            wallet.cash_in_again(&key, &amount(300), Some("call")).await,
            wallet.cash_in_again(&key, &amount(300), Some("call")).await,
        );
        assert_eq!((one.status, other.status), (StatusCode::OK, StatusCode::OK));
        assert_eq!(wallet.spent(&id).await, 700, "the platform does it once");
        assert_eq!(wallet.cash_in_again(&key, &amount(301), Some("call")).await.status, StatusCode::BAD_REQUEST);
    }

    async fn what_names_no_call_is_no_repeat(test: TestDb) {
        let wallet = wallet(test).await;
        let (id, key) = wallet.key(None, Some(1000)).await;
        let long = "x".repeat(256);
        for (repeat, spent) in [("", 100), ("", 200), (" ", 300), (" ", 400), (long.as_str(), 500), (long.as_str(), 600)] {
            let reply = wallet.cash_in_again(&key, &amount(100), Some(repeat)).await;
            assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
            assert_eq!(wallet.spent(&id).await, spent, "{repeat:?}");
        }
        let question = json!({ "key": key, "amount": { "value": 1, "currency": "USD" }, "idempotency_key": "" });
        assert_eq!(wallet.app.verify(&wallet.token, question).await.status, StatusCode::BAD_REQUEST);
        let odd = wallet.cash_in(&key, r#"{"amount":1,"currency":"\u0000USD"}"#).await;
        assert_eq!((odd.status, code(&odd).as_str()), (StatusCode::FORBIDDEN, "CURRENCY_NOT_ALLOWED"));
    }

    async fn what_is_released_after_midnight_is_given_back_to_the_day_before(test: TestDb) {
        let wallet = wallet(test).await;
        let (id, key) = wallet.key(None, Some(1000)).await;
        wallet.app.clock.advance(DAY - MINUTE - wallet.app.clock.now() % DAY);
        let late = wallet.ask(&key, 900).await["reservation"]["id"].as_str().expect("one").to_owned();
        wallet.app.clock.advance(2 * MINUTE);
        assert_eq!(wallet.ask(&key, 1000).await["valid"], true, "the new day has its own budget");
        assert_eq!(wallet.settle(&late, "release").await.status, StatusCode::OK);
        assert_eq!(wallet.spent(&id).await, 1000, "the new day gets nothing back");
        assert_eq!(wallet.ask(&key, 1).await["code"], "DAILY_VOLUME_EXCEEDED");
        let mut reader = wallet.app.state.db.read().await.expect("a connection");
        let yesterday = volume::today(&mut reader, &wallet.workspace, &id, wallet.app.clock.now() - DAY).await.expect("read");
        assert_eq!(yesterday, [], "nothing of it was spent");
    }

    async fn what_lapses_is_given_back_once_by_whoever_keeps_house(test: TestDb) {
        let wallet = wallet(test).await;
        let (id, key) = wallet.key(None, Some(1000)).await;
        wallet.app.clock.advance(DAY - wallet.app.clock.now() % DAY);
        wallet.ask(&key, 300).await;
        let kept = wallet.ask(&key, 200).await["reservation"]["id"].as_str().expect("one").to_owned();
        wallet.settle(&kept, "commit").await;
        wallet.app.clock.advance(15 * MINUTE - 1);
        volume::upkeep(&wallet.app.state).await.expect("done");
        assert_eq!(wallet.spent(&id).await, 500);
        wallet.app.clock.advance(1);
        let other = wallet.app.state.with_db(Db::connect(&wallet.app.test.url).await.expect("it opens"));
        let (one, two) = tokio::join!(volume::upkeep(&wallet.app.state), volume::upkeep(&other));
        one.and(two).expect("done");
        assert_eq!(wallet.spent(&id).await, 200);
    }

    async fn a_rotated_key_has_one_budget(test: TestDb) {
        let wallet = wallet(test).await;
        let (id, old) = wallet.key(None, Some(1000)).await;
        let maker = wallet.app.member(&wallet.workspace, &[Role::Developer]).await;
        let mut tx = wallet.app.state.db.begin().await.expect("a transaction");
        store::set_owner(&mut tx, &wallet.workspace, &id, Some(&maker.id)).await.expect("given");
        tx.commit().await.expect("committed");
        let form = wallet.app.state.rng.id("drf", wallet.app.clock.now());
        let fields = [("form", form.as_str()), ("overlap", "1"), ("factor", "password"), ("proof", PASSWORD)];
        let answer = wallet.app.post(&format!("/keys/{id}/rotate"), Some(&maker), &fields).await;
        let shown = answer.between("aria-label=\"API key\"", "</output>");
        let new = shown.split_once('>').expect("text").1.trim().to_owned();
        assert_eq!(wallet.cash_in(&old, &amount(600)).await.status, StatusCode::OK);
        assert_eq!(code(&wallet.cash_in(&new, &amount(600)).await), "DAILY_VOLUME_EXCEEDED");
        assert_eq!(wallet.cash_in(&new, &amount(400)).await.status, StatusCode::OK);
        assert_eq!(code(&wallet.cash_in(&old, &amount(1)).await), "DAILY_VOLUME_EXCEEDED");

        let page = wallet.app.get(&format!("/keys/{id}?view=limits"), Some(&maker)).await;
        assert!(page.body.contains("USD 10.00 of USD 10.00"), "{}", page.body);
    }

    async fn a_dry_run_says_what_the_limits_would_and_takes_nothing(test: TestDb) {
        let wallet = wallet(test).await;
        let (id, key) = wallet.key(Some(500), Some(600)).await;
        wallet.cash_in(&key, &amount(200)).await;
        let dry = async |value: i64| {
            let question = json!({ "key": key, "amount": { "value": value, "currency": "USD" }, "dry_run": true });
            wallet.app.verify(&wallet.token, question).await.json()
        };
        for (value, code) in [(400, "VALID"), (401, "DAILY_VOLUME_EXCEEDED"), (501, "TRANSACTION_LIMIT_EXCEEDED")] {
            assert_eq!(dry(value).await["code"], code, "{value}");
        }
        assert_eq!(wallet.spent(&id).await, 200);
    }

    async fn a_request_that_is_never_answered_stays_counted(test: TestDb) {
        let wallet = wallet(test).await;
        let (id, key) = wallet.key(None, Some(1000)).await;
        mem::forget(wallet.let_through(&key, 300).await);
        assert_eq!(wallet.spent(&id).await, 300, "a process that ends gives nothing back");
        wallet.app.clock.advance(2 * HOUR);
        volume::upkeep(&wallet.app.state).await.expect("done");
        let mut reader = wallet.app.state.db.read().await.expect("a connection");
        let (state,): (String,) = crate::fetch_one!(&mut reader, (String,), "select state from reservations").expect("one");
        assert_eq!(state, "committed");
    }

    async fn what_was_not_sent_or_was_refused_is_given_back_on_its_day(test: TestDb) {
        let wallet = wallet(test).await;
        let (id, key) = wallet.key(None, Some(1000)).await;
        for (outcome, spent) in [
            (Outcome::NotSent, 0), (Outcome::Answered(422), 0), (Outcome::Answered(200), 100),
            (Outcome::Answered(503), 200), (Outcome::Answered(302), 300), (Outcome::Lost, 400),
        ] {
            let entry = wallet.let_through(&key, 100).await;
            entry.settle(outcome, 200).await.expect("settled");
            assert_eq!(wallet.spent(&id).await, spent, "{outcome:?}");
        }
    }

    async fn what_is_settled_is_kept_for_five_weeks(test: TestDb) {
        let wallet = wallet(test).await;
        let (id, key) = wallet.key(None, None).await;
        let settled = wallet.ask(&key, 10).await["reservation"]["id"].as_str().expect("an id").to_owned();
        wallet.app.logged(1).await;
        assert_eq!(wallet.settle(&settled, "commit").await.status, StatusCode::OK);
        let left = async || {
            volume::upkeep(&wallet.app.state).await.expect("done");
            let mut reader = wallet.app.state.db.read().await.expect("a connection");
            crate::fetch_one!(
                &mut reader,
                (i64, i64),
                "select (select count(*) from reservations), (select count(*) from volumes)"
            )
            .expect("counted")
        };
        wallet.app.clock.advance(34 * DAY);
        assert_eq!(left().await, (1, 1));
        assert_eq!(wallet.settle(&settled, "commit").await.status, StatusCode::OK, "to do it twice is to do it once");
        // More than one batch of them, and one that is of today.
        let mut tx = wallet.app.state.db.begin().await.expect("a transaction");
        for day in 0..450_i64 {
            crate::execute!(
                tx,
                "insert into volumes (key_id, currency, day, spent) values ($1, 'USD', $2, 1)",
                &id,
                day
            )
            .expect("inserted");
        }
        tx.commit().await.expect("committed");
        wallet.ask(&key, 20).await;
        wallet.app.logged(2).await;
        wallet.app.clock.advance(2 * DAY);
        assert_eq!(left().await, (1, 1), "what was moved lately is left");
        assert_eq!(wallet.settle(&settled, "commit").await.status, StatusCode::NOT_FOUND);
    }

    async fn a_limit_that_is_reached_is_told_once_a_day(test: TestDb) {
        let wallet = wallet(test).await;
        let (_, key) = wallet.key(None, Some(1000)).await;
        for value in [900, 200, 200] {
            wallet.cash_in(&key, &amount(value)).await;
        }
        let mut reader = wallet.app.state.db.read().await.expect("a connection");
        let (events,): (i64,) = crate::fetch_one!(
            &mut reader,
            (i64,),
            "select count(*) from outbox_events where type = 'key.limit_reached'"
        )
        .expect("counted");
        assert_eq!(events, 1);
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Ask(i64),
    Commit(usize),
    Release(usize),
    Wait(Millis),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0i64..600).prop_map(Step::Ask),
        2 => (0usize..20).prop_map(Step::Commit),
        2 => (0usize..20).prop_map(Step::Release),
        1 => (0i64..20 * MINUTE).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    /// However reservations are made, settled and left alone: what is committed on a day is never above the limit.
    #[test]
    fn no_order_of_settling_spends_more_than_the_limit(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let wallet = wallet(testing::database(Engine::Sqlite).await).await;
            let (id, key) = wallet.key(Some(600), Some(1000)).await;
            let mut made: Vec<(String, i64, i64)> = Vec::new();
            let mut committed = std::collections::BTreeMap::<i64, i64>::new();
            for step in steps {
                match step {
                    Step::Ask(value) => {
                        let answer = wallet.ask(&key, value).await;
                        if let Some(id) = answer["reservation"]["id"].as_str() {
                            made.push((id.to_owned(), value, volume::day_of(wallet.app.clock.now())));
                        }
                    }
                    Step::Commit(i) if !made.is_empty() => {
                        let (id, value, day) = &made[i % made.len()];
                        if wallet.settle(id, "commit").await.status == StatusCode::OK {
                            *committed.entry(*day).or_default() += value;
                            let at = i % made.len();
                            made.remove(at);
                        }
                    }
                    Step::Release(i) if !made.is_empty() => {
                        let at = i % made.len();
                        wallet.settle(&made[at].0, "release").await;
                    }
                    Step::Commit(_) | Step::Release(_) => {}
                    Step::Wait(by) => wallet.app.clock.advance(by),
                }
                assert!(wallet.spent(&id).await <= 1000);
            }
            assert!(committed.values().all(|spent| *spent <= 1000), "{committed:?}");
        });
    }
}

#[tokio::test]
async fn what_the_database_did_not_take_is_logged_as_it_was_answered() {
    let wallet = wallet(testing::database(Engine::Sqlite).await).await;
    let (_, key) = wallet.key(None, Some(1000)).await;
    let unavailable = StatusCode::SERVICE_UNAVAILABLE;
    let pool = sqlx::SqlitePool::connect(&wallet.app.test.url)
        .await
        .expect("opened");
    // First the amount is not reserved, then it is, but not settled.
    for (rows, broken) in [
        (
            1,
            "create trigger broken before insert on reservations begin select raise(abort, 'broken'); end",
        ),
        (
            2,
            "drop trigger broken; \
             create trigger broken before update on reservations begin select raise(abort, 'broken'); end",
        ),
    ] {
        sqlx::raw_sql(broken).execute(&pool).await.expect("done");
        assert_eq!(
            wallet.cash_in(&key, &amount(100)).await.status,
            unavailable,
            "{broken}"
        );
        wallet.app.logged(rows).await;
    }
    let mut reader = wallet.app.state.db.read().await.expect("a connection");
    let logged = crate::fetch_all!(
        &mut reader,
        (String, i64),
        "select code, status from requests"
    )
    .expect("read");
    let told = ("UNAVAILABLE".to_owned(), 503);
    assert_eq!(logged, [told.clone(), told]);
}
