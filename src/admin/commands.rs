//! `latchkey admin …`: arguments in, JSON out. Messages go to stderr.

use std::io::{BufRead, IsTerminal, Write};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::ops;
use crate::{
    accounts::password::Typed,
    audit,
    gateway::verifier,
    keys::{
        self,
        policy::{self, Wanted},
        terms::Limits,
    },
    plans,
    profiles::{CurrencyKind, KeyStyle},
    server::{clock::is_id, config, error::AppError, run, state::AppState},
    webhooks::{self, ops::Made},
    workspaces,
};

#[derive(Subcommand, Debug)]
pub enum Admin {
    /// Make an operator of the whole installation; the password is read from stdin or asked for
    CreateOperator {
        #[arg(long)]
        email: String,
    },
    /// Make an account; the password is read from stdin or asked for
    CreateUser {
        #[arg(long)]
        email: String,
        #[arg(long)]
        name: String,
    },
    /// Make a workspace for an account that exists
    CreateWorkspace {
        #[arg(long)]
        name: String,
        /// E-mail address of the owner
        #[arg(long)]
        owner: String,
    },
    /// Put a plan in force for a workspace
    ApprovePlan {
        /// Id of the workspace
        #[arg(long)]
        workspace: String,
        /// Id of one of the profile's tiers
        #[arg(long)]
        tier: String,
    },
    /// Make keys that are active at once
    CreateKey(Box<CreateKey>),
    /// End a key; a running server refuses it within a second
    RevokeKey {
        #[arg(long)]
        key: String,
    },
    /// Make a token that a resource server verifies keys with
    CreateServiceToken {
        #[arg(long)]
        name: String,
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=3650))]
        expires_in_days: Option<u32>,
    },
    /// End a service token
    RevokeServiceToken {
        #[arg(long)]
        id: String,
    },
    /// Set an endpoint up that is sent events at once
    CreateWebhook {
        /// Id of the workspace
        #[arg(long)]
        workspace: String,
        #[arg(long)]
        url: String,
        /// Types of event, or * for all
        #[arg(long, value_delimiter = ',', required = true)]
        events: Vec<String>,
        /// Environment of the profile; the first, if absent
        #[arg(long)]
        env: Option<String>,
    },
    /// Take a person's authenticator, passkeys, recovery codes and PIN, and end their sessions; the password stays
    ResetFactors {
        #[arg(long)]
        email: String,
    },
    /// Not available in this version
    #[command(hide = true)]
    RotateSecrets(Rest),
    /// Not available in this version
    #[command(hide = true)]
    ImportKeys(Rest),
}

#[derive(Args, Debug)]
pub struct CreateKey {
    /// Id of the workspace
    #[arg(long)]
    workspace: String,
    #[arg(long)]
    label: String,
    /// Environment of the profile: sandbox, live …
    #[arg(long)]
    env: String,
    #[arg(long, value_delimiter = ',', required = true)]
    scopes: Vec<String>,
    #[arg(long, conflicts_with = "never_expires", value_parser = clap::value_parser!(u32).range(1..=3650))]
    expires_in_days: Option<u32>,
    /// Without either, what the profile proposes
    #[arg(long)]
    never_expires: bool,
    /// How many; beyond one, labels end in a number
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    count: u32,
    /// An address or CIDR range that it may be used from; may be given several times
    #[arg(long)]
    allow_ip: Vec<String>,
    /// A domain that it may be used from, `*.example.com` too; may be given several times
    #[arg(long)]
    allow_domain: Vec<String>,
    /// Tier of the profile, in place of the workspace's own
    #[arg(long)]
    tier: Option<String>,
    /// The most that one request may move, in the currency's minor unit
    #[arg(long, requires = "currency", value_parser = clap::value_parser!(i64).range(1..))]
    max_amount: Option<i64>,
    /// Currency of the limits
    #[arg(long)]
    currency: Option<String>,
    /// The most that it may move in a UTC day, in the currency's minor unit
    #[arg(long, requires = "currency", value_parser = clap::value_parser!(i64).range(1..))]
    max_daily_volume: Option<i64>,
    /// Metadata as name=value; may be given several times
    #[arg(long)]
    meta: Vec<String>,
    /// Of a pair whose secret half stays with you: its Ed25519 public key in base64
    #[arg(long, conflicts_with = "count")]
    ed25519_public_key: Option<String>,
}

/// Whatever was said to a command that is not there yet.
#[derive(Args, Debug)]
pub struct Rest {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _rest: Vec<String>,
}

/// Why a command failed, for stderr; the exit status is 1.
#[derive(Debug)]
pub struct Failed(pub String);

impl From<AppError> for Failed {
    fn from(error: AppError) -> Self {
        match error {
            // Whoever runs commands on the machine may know everything.
            AppError::Db(error) => Self(format!("database: {error}")),
            AppError::Internal(reason) => Self(reason),
            other => {
                let error = other.into_ui();
                let fields = error
                    .fields
                    .iter()
                    .map(|field| format!("\n  {}: {}", field.field, field.message))
                    .collect::<Vec<_>>();
                Self(error.message + &fields.concat())
            }
        }
    }
}

/// Runs the command, printing a line of JSON for each thing that was made.
pub async fn run(state: &AppState, command: Admin, out: &mut impl Write) -> Result<(), Failed> {
    match command {
        Admin::CreateOperator { email } => {
            let password = read_password()?;
            let id = ops::create_user(state, &email, "Operator", &password, true).await?;
            print(out, &json!({ "user_id": id }))
        }
        Admin::CreateUser { email, name } => {
            let password = read_password()?;
            let id = ops::create_user(state, &email, &name, &password, false).await?;
            print(out, &json!({ "user_id": id }))
        }
        Admin::CreateWorkspace { name, owner } => {
            let id = ops::create_workspace(state, &name, &owner).await?;
            print(out, &json!({ "workspace_id": id }))
        }
        Admin::ApprovePlan { workspace, tier } => {
            plans::ops::approve_at_console(state, &workspace, &tier).await?;
            print(out, &json!({ "workspace_id": workspace, "tier": tier }))
        }
        Admin::CreateKey(args) => create_key(state, *args, out).await,
        Admin::RevokeKey { key } => {
            if !is_id(&key, "key") {
                return Err(Failed(format!(
                    "{key:?} is not the id of a key; ids look like key_01j…"
                )));
            }
            keys::ops::revoke_at_console(state, &key).await?;
            print(out, &json!({ "key_id": key, "state": "revoked" }))
        }
        Admin::CreateServiceToken {
            name,
            expires_in_days,
        } => {
            let (id, token) = ops::create_service_token(state, &name, expires_in_days).await?;
            print(out, &json!({ "token_id": id, "token": *token }))
        }
        Admin::RevokeServiceToken { id } => {
            ops::revoke_service_token(state, &id).await?;
            print(out, &json!({ "token_id": id, "state": "revoked" }))
        }
        Admin::CreateWebhook {
            workspace,
            url,
            events,
            env,
        } => create_webhook(state, &workspace, url, events, env, out).await,
        Admin::ResetFactors { email } => {
            let id = ops::reset_factors_at_console(state, &email).await?;
            print(out, &json!({ "user_id": id }))
        }
        Admin::RotateSecrets(_) => Err(missing("rotate-secrets")),
        Admin::ImportKeys(_) => Err(missing("import-keys")),
    }
}

/// Keys that are made in one transaction.
const AT_ONCE: u32 = 500;

/// Refuses a workspace that is not there.
async fn exists(state: &AppState, workspace: &str) -> Result<(), Failed> {
    let mut reader = state.db.read().await.map_err(AppError::from)?;
    let exists = is_id(workspace, "wsp")
        && workspaces::store::exists(&mut reader, workspace)
            .await
            .map_err(AppError::from)?;
    if exists {
        Ok(())
    } else {
        Err(Failed(format!("there is no workspace {workspace:?}")))
    }
}

async fn create_webhook(
    state: &AppState,
    workspace: &str,
    url: String,
    events: Vec<String>,
    env: Option<String>,
    out: &mut impl Write,
) -> Result<(), Failed> {
    exists(state, workspace).await?;
    let first = state.profile.environments.first();
    let wanted = webhooks::policy::Wanted {
        environment: env
            .or_else(|| first.map(|environment| environment.id.clone()))
            .unwrap_or_default(),
        url,
        events,
        ..webhooks::policy::Wanted::default()
    };
    let mut reach = state.config.webhook_reach.clone();
    // The demo, which may run beside this command, sends to this machine too.
    let demo = run::is_demo(&state.db)
        .await
        .map_err(|error| Failed(format!("database: {error}")))?;
    if demo {
        reach.allow.extend(config::loopback());
    }
    let new = webhooks::policy::new_endpoint(&state.profile, &reach, &wanted)
        .map_err(AppError::fields)?;
    let made = webhooks::ops::create_at_console(state, workspace, &new).await?;
    let secret = match &made {
        Made::Shown { secret, .. } => Some(secret.as_str()),
        Made::Public { .. } | Made::Before { .. } => None,
    };
    print(out, &json!({ "endpoint_id": made.id(), "secret": secret }))
}

async fn create_key(state: &AppState, args: CreateKey, out: &mut impl Write) -> Result<(), Failed> {
    exists(state, &args.workspace).await?;
    let profile = &state.profile;
    if let Some(tier) = args
        .tier
        .as_deref()
        .filter(|tier| profile.tier(tier).is_none())
    {
        let known: Vec<&str> = profile.tiers.iter().map(|tier| tier.id.as_str()).collect();
        return Err(Failed(format!(
            "there is no tier {tier:?}; {} has {}",
            profile.id,
            known.join(", ")
        )));
    }
    let verifying_key = args
        .ed25519_public_key
        .as_deref()
        .map(|text| ed25519(state, text))
        .transpose()?;
    let meta = policy::meta(&args.meta.join("\n")).map_err(Failed)?;
    let limits = limits(state, &args)?;
    let new_key = |number: u32| {
        let wanted = Wanted {
            environment: args.env.clone(),
            label: if args.count == 1 {
                args.label.clone()
            } else {
                format!("{} {number}", args.label)
            },
            scopes: args.scopes.clone(),
            expiry: match (args.expires_in_days, args.never_expires) {
                (Some(days), _) => days.to_string(),
                (None, true) => "never".to_owned(),
                (None, false) => String::new(),
            },
            addresses: args.allow_ip.join("\n"),
            domains: args.allow_domain.join("\n"),
            currency_kind: limits.kind.map_or("", CurrencyKind::as_str).to_owned(),
            ..Wanted::default()
        };
        let mut key = policy::new_key(profile, &wanted, audit::CONSOLE, state.clock.now())
            .map_err(AppError::fields)?;
        key.terms.limits = limits.clone();
        key.tier.clone_from(&args.tier);
        key.meta.clone_from(&meta);
        Ok::<_, AppError>(key)
    };
    let (workspace, mut made) = (&args.workspace, 0);
    while made < args.count {
        let group = made + 1..=args.count.min(made + AT_ONCE);
        made = *group.end();
        let keys = group.map(new_key).collect::<Result<Vec<_>, _>>()?;
        let created = match keys.as_slice() {
            [key] => {
                let public = verifying_key.as_deref();
                vec![keys::ops::create_at_console(state, workspace, key, public).await?]
            }
            keys => keys::ops::create_several_at_console(state, workspace, keys).await?,
        };
        for created in created {
            let mut line = json!({ "key_id": created.id });
            if let Some(public) = &created.public_key {
                line["public_key"] = json!(public);
            }
            if let Some(secret) = &created.secret {
                line["secret"] = json!(secret.expose());
            }
            print(out, &line)?;
        }
    }
    Ok(())
}

/// The limits that were asked for, in minor units.
fn limits(state: &AppState, args: &CreateKey) -> Result<Limits, Failed> {
    let Some(id) = args.currency.as_deref() else {
        // Where a key is always of one kind, the console need not say which.
        let kind = state
            .profile
            .currencies
            .first()
            .map(|currency| currency.kind);
        return Ok(Limits {
            kind: kind.filter(|_| state.profile.create.currency),
            ..Limits::default()
        });
    };
    let Some(currency) = state.profile.currency(id) else {
        let known: Vec<&str> = state
            .profile
            .currencies
            .iter()
            .map(|one| one.id.as_str())
            .collect();
        return Err(Failed(format!(
            "there is no currency {id:?}; {} has {}",
            state.profile.id,
            known.join(", ")
        )));
    };
    if let (Some(one), Some(day)) = (args.max_amount, args.max_daily_volume)
        && one > day
    {
        return Err(Failed(
            "--max-amount is above --max-daily-volume".to_owned(),
        ));
    }
    Ok(Limits {
        kind: Some(currency.kind),
        currency: Some(currency.id.clone()),
        max_amount: args.max_amount,
        max_daily: args.max_daily_volume,
    })
}

/// An Ed25519 public key (RFC 8032 §5.1.5): 32 bytes in base64.
fn ed25519(state: &AppState, text: &str) -> Result<String, Failed> {
    if state.profile.key_style != KeyStyle::Pair {
        return Err(Failed(format!(
            "--ed25519-public-key: keys of {} are single secrets, not pairs",
            state.profile.id
        )));
    }
    if verifier::ed25519(text).is_none() {
        return Err(Failed(
            "--ed25519-public-key takes the 32 bytes of an Ed25519 public key in base64".to_owned(),
        ));
    }
    Ok(text.to_owned())
}

fn missing(what: &str) -> Failed {
    Failed(format!("{what} is not available in this version"))
}

/// One line of stdin, or a prompt where a person sits.
fn read_password() -> Result<Typed, Failed> {
    let stdin = std::io::stdin();
    let text = if stdin.is_terminal() {
        rpassword::prompt_password("Password: ")
            .map_err(|error| Failed(format!("the password could not be read: {error}")))?
    } else {
        let mut line = String::new();
        stdin
            .lock()
            .read_line(&mut line)
            .map_err(|error| Failed(format!("the password could not be read: {error}")))?;
        line.trim_end_matches(['\n', '\r']).to_owned()
    };
    Ok(Typed::new(&text))
}

fn print(out: &mut impl Write, value: &Value) -> Result<(), Failed> {
    writeln!(out, "{value}").map_err(|error| Failed(format!("stdout: {error}")))
}
