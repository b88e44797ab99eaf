//! The demo's two endpoints and a week of deliveries: one that does well, and one whose host is gone.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::store::{self, PastTry, Standing, Untried};
use crate::{
    accounts::Viewer,
    db::Tx,
    server::{
        clock::{DAY, HOUR, MINUTE, Millis, SECOND},
        error::AppError,
        state::AppState,
    },
    webhooks::{
        self, catalogue, outbox,
        policy::{self, Wanted},
        receiver,
        store::EndpointRow,
    },
};

/// Days since the endpoints were set up.
pub const AGE: i64 = 8;
const GOOD: &str = "Order service";
const BAD: &str = "Bookkeeping";
/// A name that is reserved for documentation (RFC 2606), so nobody is called there.
const GONE: &str = "https://hooks.harbor-coffee.example/latchkey";
/// For how long the host of the second has been gone: some events are given up, and it is not switched off yet.
const GONE_FOR: Millis = 84 * HOUR;
/// How often the platform has something to tell.
const OFTEN: Millis = 2 * HOUR + 47 * MINUTE;
/// What the platform tells, in turn.
const TOLD: [&str; 4] = [
    "transaction.completed",
    "transaction.completed",
    "balance.changed",
    "transaction.failed",
];
/// When a delivery is tried, after it was made; as the worker does it, but for its jitter.
const SCHEDULE: [Millis; 10] = [
    0,
    5 * SECOND,
    5 * MINUTE,
    35 * MINUTE,
    155 * MINUTE,
    455 * MINUTE,
    1055 * MINUTE,
    1895 * MINUTE,
    3095 * MINUTE,
    4535 * MINUTE,
];

/// Sets both up.
pub async fn set_up(past: &AppState, ada: &Viewer) -> Result<(), AppError> {
    let Some(environment) = past.profile.environments.first() else {
        return Ok(());
    };
    let told = TOLD
        .iter()
        .filter(|id| catalogue::find(&past.profile, id).is_some());
    let mut platform: Vec<String> = told.map(|id| (*id).to_owned()).collect();
    platform.dedup();
    let endpoints = [
        (
            GOOD,
            format!("{}/demo", receiver::address(&past.config)),
            vec![policy::ALL.to_owned()],
            "X-Tenant: harbor",
        ),
        (BAD, GONE.to_owned(), platform, ""),
    ];
    for (description, url, events, headers) in endpoints {
        let wanted = Wanted {
            environment: environment.id.clone(),
            url,
            description: description.to_owned(),
            events,
            headers: headers.to_owned(),
            signing: String::new(),
        };
        // Where the installation does not reach loopback, the first is left out.
        let Ok(new) = policy::new_endpoint(&past.profile, &past.config.webhook_reach, &wanted)
        else {
            continue;
        };
        let mut tx = past.db.begin().await?;
        let origin = webhooks::ops::Origin {
            workspace_id: ada.workspace_id(),
            created_by: Some(&ada.user_id),
            draft_id: None,
            actor: &ada.user_id,
        };
        webhooks::ops::insert(past, &mut tx, &origin, &new).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// A week of events of the platform, and what became of all that was to be delivered.
pub async fn history(state: &AppState, workspace_id: &str, now: Millis) -> Result<(), AppError> {
    let Some(environment) = state.profile.environments.first() else {
        return Ok(());
    };
    let mut tx = state.db.begin().await?;
    let mut at = now - AGE * DAY + HOUR;
    for id in TOLD.iter().cycle() {
        if at >= now - 2 * MINUTE {
            break;
        }
        if let Some(kind) = catalogue::find(&state.profile, id) {
            let env = Some(environment.id.as_str());
            outbox::enqueue_named(
                &mut tx,
                &state.rng,
                workspace_id,
                env,
                id,
                &kind.example,
                at,
            )
            .await?;
        }
        at += OFTEN;
    }
    for row in webhooks::store::endpoints(&mut tx, workspace_id).await? {
        let gone_at = (row.url == GONE).then_some(now - GONE_FOR);
        let mut first_failure = None;
        for delivery in store::untried(&mut tx, workspace_id, &row.id).await? {
            let failed = tell(&mut tx, state, &row, &delivery, gone_at, now).await?;
            first_failure = first_failure.or(failed);
        }
        if let (Some(_), Some(at)) = (gone_at, first_failure) {
            store::failing_since(&mut tx, workspace_id, &row.id, at).await?;
        }
    }
    tx.commit().await?;
    Ok(())
}

/// How a try came out.
struct Answer {
    after: Millis,
    status: Option<i64>,
    error: Option<&'static str>,
    body: Option<&'static str>,
}

const TAKEN: Answer = Answer {
    after: 0,
    status: Some(200),
    error: None,
    body: Some("taken\n"),
};

/// Writes the tries of a delivery down. Gives when it failed first, if no success came after.
async fn tell(
    tx: &mut Tx,
    state: &AppState,
    row: &EndpointRow,
    delivery: &Untried,
    gone_at: Option<Millis>,
    now: Millis,
) -> Result<Option<Millis>, AppError> {
    let dice = Sha256::digest(delivery.created_at.to_string());
    let made = delivery.created_at;
    let gone = gone_at.is_some_and(|gone_at| made >= gone_at);
    let answers: Vec<Answer> = if gone {
        SCHEDULE
            .iter()
            .filter(|after| made + **after <= now)
            .map(|after| Answer {
                after: *after,
                status: None,
                error: Some("the host's name could not be resolved"),
                body: None,
            })
            .collect()
    } else if dice[0] < 16 {
        let busy = Answer {
            status: Some(503),
            body: Some("{\"error\":\"deploying, back in a moment\"}"),
            ..TAKEN
        };
        vec![
            busy,
            Answer {
                after: SCHEDULE[1],
                ..TAKEN
            },
        ]
    } else {
        vec![TAKEN]
    };
    let sent = sent_headers(row, delivery);
    let answered = json!([
        ["content-type", "text/plain; charset=utf-8"],
        ["server", "harbor"]
    ])
    .to_string();
    let tries = i64::try_from(answers.len()).unwrap_or(0);
    for (number, answer) in (1..).zip(&answers) {
        let at = made + answer.after + 300;
        let id = state.rng.id("att", at);
        let past = PastTry {
            id: &id,
            workspace_id: &row.workspace_id,
            endpoint_id: &row.id,
            delivery_id: &delivery.id,
            number,
            at,
            latency_us: 38_000 + i64::from(dice[1]) * 517,
            status: answer.status,
            error: answer.error,
            request_headers: &sent,
            response_headers: answer.status.map(|_| answered.as_str()),
            response_body: answer.body,
        };
        store::insert_try(tx, &past).await?;
        if number == tries {
            let next = SCHEDULE.get(answers.len()).filter(|_| gone);
            let standing = Standing {
                state: match (gone, next) {
                    (false, _) => "delivered",
                    (true, Some(_)) => "waiting",
                    (true, None) => "failed",
                },
                attempts: tries,
                due_at: next.map(|after| made + after),
                last: &past,
            };
            store::set_standing(tx, &standing).await?;
        }
    }
    Ok(gone.then_some(made + 300))
}

/// As the log keeps them: what holds a secret is masked.
fn sent_headers(row: &EndpointRow, delivery: &Untried) -> String {
    let mut headers: Vec<[Value; 2]> = vec![
        ["content-type".into(), "application/json".into()],
        ["webhook-id".into(), delivery.event_id.as_str().into()],
        [
            "webhook-timestamp".into(),
            (delivery.created_at / SECOND).to_string().into(),
        ],
        ["webhook-signature".into(), "v1,\u{2026}".into()],
    ];
    if row.url != GONE {
        headers.push(["x-tenant".into(), "\u{2026}".into()]);
    }
    json!(headers).to_string()
}
