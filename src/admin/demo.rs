//! The demo's sample data: one workspace, its people, keys in every state, a month of requests.
//!
//! All of it is made by the same operations that people use, at moments in the past.

use serde_json::json;
use sha2::{Digest, Sha256};

use super::{commands::Failed, ops};
use crate::{
    accounts::{
        self, Factor, Viewer,
        page::{DEMO_PASSWORD, DEMO_PEOPLE, DEMO_PIN},
        password::Typed,
        step_up::{self, Action},
        viewer::ViewerWorkspace,
    },
    audit,
    db::installation,
    gateway::judge::VALID,
    keys::{
        self,
        ops::Creation,
        policy::{self, Wanted},
        terms::Expiry,
    },
    notices::{self, Notice},
    server::{
        clock::{Clock, DAY, HOUR, MINUTE, Millis},
        error::AppError,
        run::DEMO_MARK,
        state::AppState,
    },
    usage::buffer::{self, Door, RequestRow},
    workspaces::{self, Grants, Role, Roles},
};

const WORKSPACE: &str = "Harbor Coffee";
/// The mark of a demo that is complete.
const FILLED: &str = "filled";
/// Days of requests.
const DAYS: i64 = 30;

/// A key of the demo: label, environment, scopes, age in days, and its end in days from now, if it has one.
struct Sample {
    label: &'static str,
    environment: &'static str,
    scopes: &'static [&'static str],
    age: i64,
    expires_in: Option<i64>,
    revoked: bool,
    /// Requests on a busy day.
    daily: i64,
    /// Asked for now and then, and refused.
    lacks: &'static str,
}

const KEYS: &[Sample] = &[
    Sample {
        label: "Production POS",
        environment: "live",
        scopes: &[
            "customers:read",
            "customers:write",
            "checkout:write",
            "payments:read",
        ],
        age: 61,
        expires_in: None,
        revoked: false,
        daily: 46,
        lacks: "payments:write",
    },
    Sample {
        label: "Nightly reporting",
        environment: "live",
        scopes: &["invoices:read", "payments:read", "finance:read"],
        age: 84,
        expires_in: Some(6),
        revoked: false,
        daily: 9,
        lacks: "customers:read",
    },
    Sample {
        label: "Trade fair kiosk",
        environment: "live",
        scopes: &["customers:read", "checkout:write"],
        age: 20,
        expires_in: Some(-4),
        revoked: false,
        daily: 7,
        lacks: "customers:write",
    },
    Sample {
        label: "Old importer",
        environment: "live",
        scopes: &["customers:read", "customers:write", "products:write"],
        age: 58,
        expires_in: None,
        revoked: true,
        daily: 5,
        lacks: "settings:write",
    },
    Sample {
        label: "Storefront staging",
        environment: "sandbox",
        scopes: &["customers:read", "products:read", "checkout:write"],
        age: 45,
        expires_in: None,
        revoked: false,
        daily: 31,
        lacks: "settings:read",
    },
    Sample {
        label: "Ada\u{2019}s laptop",
        environment: "sandbox",
        scopes: &[
            "customers:read",
            "customers:write",
            "subscriptions:read",
            "subscriptions:write",
            "invoices:read",
        ],
        age: 12,
        expires_in: None,
        revoked: false,
        daily: 14,
        lacks: "finance:read",
    },
    Sample {
        label: "Support console",
        environment: "sandbox",
        scopes: &["customers:read"],
        age: 3,
        expires_in: None,
        revoked: false,
        daily: 0,
        lacks: "",
    },
];

/// Fills an empty database and marks it; leaves one that bears the mark as it is; refuses any other.
pub async fn fill(state: &AppState) -> Result<(), Failed> {
    let (mark, inhabited) = {
        let mut reader = state.db.read().await.map_err(AppError::from)?;
        let mark = installation::value(&mut reader, DEMO_MARK)
            .await
            .map_err(AppError::from)?;
        let anyone = accounts::store::anyone(&mut reader)
            .await
            .map_err(AppError::from)?;
        (mark, anyone)
    };
    match (mark.as_deref(), inhabited) {
        (Some(FILLED), _) => return Ok(()),
        (Some(_), _) => {
            return Err(Failed(format!(
                "the demo's data was not finished; remove {} and start again",
                state.config.database_url
            )));
        }
        (None, true) => {
            return Err(Failed(
                "the database already holds people and is no demo's; name another with LATCHKEY_DATABASE_URL"
                    .to_owned(),
            ));
        }
        (None, false) => {}
    }
    // The mark comes first: a database that was filled by half is still no place for real keys.
    let mut tx = state.db.begin().await.map_err(AppError::from)?;
    installation::set(&mut tx, DEMO_MARK, "filling")
        .await
        .map_err(AppError::from)?;
    tx.commit().await.map_err(AppError::from)?;
    Ok(sample(state).await?)
}

async fn sample(state: &AppState) -> Result<(), AppError> {
    let now = state.clock.now();
    let clock = Clock::fixed(now - 90 * DAY);
    let past = state.with_clock(clock.clone());
    let password = Typed::new(DEMO_PASSWORD);
    let people = [
        ("Ada Lindqvist", &[Role::Developer][..]),
        ("Bo Marchetti", &[Role::Checker][..]),
        ("Chi Nakamura", &[Role::Auditor][..]),
        ("Dee Okonkwo", &[Role::Owner][..]),
        ("Kim Aalto", &[][..]),
    ];
    let mut ids = Vec::new();
    for ((name, roles), (_, email)) in people.into_iter().zip(DEMO_PEOPLE) {
        let operator = roles.is_empty();
        ids.push((
            ops::create_user(&past, email, name, &password, operator).await?,
            roles,
        ));
        clock.advance(7 * MINUTE);
    }
    let (owner_email, maker_email) = (DEMO_PEOPLE[3].1, DEMO_PEOPLE[0].1);
    let workspace_id = ops::create_workspace(&past, WORKSPACE, owner_email).await?;
    let pin_hash = past.hasher.hash(&Typed::new(DEMO_PIN)).await?;
    let mut tx = past.db.begin().await?;
    for (id, roles) in &ids {
        accounts::store::set_pin(&mut tx, id, &pin_hash).await?;
        let joins = !roles.is_empty() && *roles != [Role::Owner];
        if joins {
            let roles = Grants::of(roles);
            workspaces::store::add_member(&mut tx, &workspace_id, id, &roles, clock.now()).await?;
            let entry = audit::Entry {
                chain: workspace_id.clone(),
                actor: audit::CONSOLE.to_owned(),
                action: "member.added",
                target: id.clone(),
                detail: json!({ "roles": roles.to_string() }),
            };
            audit::record(&mut tx, &entry, clock.now()).await?;
            let notice = Notice {
                kind: notices::Kind::Membership,
                workspace_id: Some(&workspace_id),
                subject: format!("You were added to {WORKSPACE} as {roles}."),
                text: "What you may do there follows from your roles.".to_owned(),
                action: "See the workspace",
                path: "/dashboard".to_owned(),
            };
            notices::tell(&mut tx, &past, id, &notice).await?;
        }
    }
    tx.commit().await?;
    let maker = Viewer {
        user_id: ids[0].0.clone(),
        email: maker_email.to_owned(),
        name: people[0].0.to_owned(),
        has_pin: true,
        has_totp: false,
        has_passkey: false,
        operator: false,
        address: None,
        session: None,
        unread: 0,
        waiting: 0,
        workspace: Some(ViewerWorkspace {
            id: workspace_id.clone(),
            name: WORKSPACE.to_owned(),
            roles: Roles::of(&[Role::Developer]),
            suspended: false,
            require_second_factor: false,
        }),
        workspaces: Vec::new(),
        acting: None,
        operators: Vec::new(),
    };
    // Oldest first, as they were made.
    let mut samples: Vec<&Sample> = KEYS.iter().collect();
    samples.sort_by_key(|sample| std::cmp::Reverse(sample.age));
    // In the order in which it would have happened, since the record shows it.
    let mut ending: Vec<(Millis, String, &Sample)> = Vec::new();
    for sample in samples {
        let made_at = now - sample.age * DAY - 3 * HOUR;
        for (at, id, sample) in ending.extract_if(.., |(at, ..)| *at < made_at) {
            end(&past, &maker, at, &id, sample).await?;
        }
        clock.advance(made_at - clock.now());
        let id = create(&past, &maker, sample, now, &password).await?;
        let ended = sample.revoked.then_some(now - 9 * DAY);
        let rows = requests(&past, &workspace_id, &id, sample, ended, now);
        for group in rows.chunks(500) {
            buffer::store(&past.db, group).await?;
        }
        if let Some(at) = ended {
            ending.push((at, id, sample));
        }
    }
    for (at, id, sample) in ending {
        end(&past, &maker, at, &id, sample).await?;
    }
    let admin = Viewer {
        user_id: ids[3].0.clone(),
        email: owner_email.to_owned(),
        name: people[3].0.to_owned(),
        workspace: maker.workspace.clone().map(|workspace| ViewerWorkspace {
            roles: Roles::of(&[Role::Owner]),
            ..workspace
        }),
        ..maker.clone()
    };
    invitation(state, &admin, now, &password).await?;
    let mut tx = state.db.begin().await?;
    installation::set(&mut tx, DEMO_MARK, FILLED).await?;
    tx.commit().await?;
    Ok(())
}

/// An invitation that waits since the day before yesterday.
async fn invitation(
    state: &AppState,
    admin: &Viewer,
    now: Millis,
    password: &Typed,
) -> Result<(), AppError> {
    let past = state.with_clock(Clock::fixed(now - 2 * DAY));
    let email = "eva@harbor.example";
    let roles = Grants::of(&[Role::Developer]);
    let content = workspaces::ops::invite_content(email, &roles);
    let (action, factor) = (Action::Invite, Factor::Password);
    let proof = step_up::prove(&past, admin, action, &content, factor, password).await?;
    workspaces::ops::invite(&past, admin, email, &roles, proof).await?;
    Ok(())
}

async fn end(
    past: &AppState,
    maker: &Viewer,
    at: Millis,
    id: &str,
    sample: &Sample,
) -> Result<(), AppError> {
    keys::ops::revoke(&past.with_clock(Clock::fixed(at)), maker, id, sample.label).await
}

async fn create(
    past: &AppState,
    maker: &Viewer,
    sample: &Sample,
    now: Millis,
    password: &Typed,
) -> Result<String, AppError> {
    // A little later in the day, so that a list says "in 6 days" for six.
    let expires_at = sample.expires_in.map(|days| now + days * DAY + 2 * HOUR);
    let wanted = Wanted {
        environment: sample.environment.to_owned(),
        label: sample.label.to_owned(),
        scopes: sample
            .scopes
            .iter()
            .map(|scope| (*scope).to_owned())
            .collect(),
        ..Wanted::default()
    };
    let mut key = policy::new_key(&past.profile, &wanted, &maker.user_id, past.clock.now())
        .map_err(AppError::fields)?;
    if let Some(at) = expires_at {
        key.terms.expiry = Expiry::At(at);
    }
    let proof = step_up::prove(
        past,
        maker,
        Action::CreateKey,
        &key,
        Factor::Password,
        password,
    )
    .await?;
    let draft = past.rng.id("drf", past.clock.now());
    match keys::ops::create(past, maker, &draft, &key, None, proof).await? {
        Creation::Created(created) => Ok(created.id),
        Creation::AlreadyShown { id } | Creation::Waiting { id } => Ok(id),
    }
}

/// A month of requests, busier by day than by night. The same for the same key label, so that screenshots are alike.
fn requests(
    state: &AppState,
    workspace_id: &str,
    key_id: &str,
    sample: &Sample,
    ended: Option<Millis>,
    now: Millis,
) -> Vec<RequestRow> {
    let mut rows = Vec::new();
    let expired = sample.expires_in.map(|days| now + days * DAY);
    for day in (0..DAYS.min(sample.age)).rev() {
        for number in 0..sample.daily {
            let dice = Sha256::digest(format!("{}/{day}/{number}", sample.label));
            let hour =
                [9, 10, 10, 11, 12, 13, 14, 14, 15, 16, 17, 19, 22, 3][usize::from(dice[0]) % 14];
            let at = (now - day * DAY) / DAY * DAY
                + hour * HOUR
                + i64::from(dice[1]) * 14_000
                + i64::from(dice[2]) * 37;
            if at >= now - MINUTE {
                continue;
            }
            let after_end = ended.is_some_and(|ended| at > ended);
            let after_expiry = expired.is_some_and(|expired| at > expired);
            // Few go on calling with a dead key.
            if (after_end || after_expiry) && dice[3] > 90 {
                continue;
            }
            let verify = dice[4] > 215;
            let (code, status) = match () {
                () if after_end => ("REVOKED", 401),
                () if after_expiry => ("EXPIRED", 401),
                () if verify && dice[5] > 240 => ("ENVIRONMENT_MISMATCH", 403),
                () if dice[5] < 9 => ("INSUFFICIENT_SCOPE", 403),
                () => (VALID, 200),
            };
            let scope = if code == "INSUFFICIENT_SCOPE" {
                sample.lacks
            } else {
                sample.scopes[usize::from(dice[6]) % sample.scopes.len()]
            };
            let method = if scope.ends_with(":write") {
                "POST"
            } else {
                "GET"
            };
            let resource = scope.split(':').next().unwrap_or_default();
            rows.push(RequestRow {
                id: state.rng.id("req", at),
                workspace_id: workspace_id.to_owned(),
                environment: sample.environment.to_owned(),
                key_id: key_id.to_owned(),
                secret_id: None,
                at,
                door: if verify { Door::Verify } else { Door::Gateway },
                code,
                status,
                method: (!verify).then(|| method.to_owned()),
                path: (!verify).then(|| format!("/v2/{resource}")),
                scope: Some(scope.to_owned()),
                // Addresses that are reserved for documentation (RFC 5737).
                ip: Some(format!("203.0.113.{}", 7 + dice[7] % 2)),
                agent: Some("harbor-pos/4.2".to_owned()),
                latency_us: 180 + i64::from(dice[8]) * 3,
            });
        }
    }
    rows.sort_by_key(|row| row.at);
    rows
}
