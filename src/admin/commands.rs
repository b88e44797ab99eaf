//! `latchkey admin …`: arguments in, JSON out. Messages go to stderr.

use std::io::{BufRead, IsTerminal, Write};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::ops;
use crate::{
    accounts::password::Typed,
    keys::{self, policy},
    plans,
    server::{clock::is_id, error::AppError, state::AppState},
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
    /// Not available in this version
    #[command(hide = true)]
    CreateWebhook(Rest),
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
    /// The default, said aloud
    #[arg(long)]
    never_expires: bool,
    /// How many; beyond one, labels end in a number
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    count: u32,
    /// Not available in this version
    #[arg(long, hide = true)]
    allow_ip: Vec<String>,
    /// Not available in this version
    #[arg(long, hide = true)]
    allow_domain: Vec<String>,
    /// Not available in this version
    #[arg(long, hide = true)]
    tier: Option<String>,
    /// Not available in this version
    #[arg(long, hide = true)]
    max_amount: Option<String>,
    /// Not available in this version
    #[arg(long, hide = true)]
    currency: Option<String>,
    /// Not available in this version
    #[arg(long, hide = true)]
    max_daily_volume: Option<String>,
    /// Not available in this version
    #[arg(long, hide = true)]
    meta: Vec<String>,
    /// Not available in this version
    #[arg(long, hide = true)]
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
        Admin::CreateWebhook(_) => Err(missing("create-webhook")),
        Admin::ResetFactors { email } => {
            let id = ops::reset_factors_at_console(state, &email).await?;
            print(out, &json!({ "user_id": id }))
        }
        Admin::RotateSecrets(_) => Err(missing("rotate-secrets")),
        Admin::ImportKeys(_) => Err(missing("import-keys")),
    }
}

async fn create_key(state: &AppState, args: CreateKey, out: &mut impl Write) -> Result<(), Failed> {
    for (flag, given) in [
        ("--allow-ip", !args.allow_ip.is_empty()),
        ("--allow-domain", !args.allow_domain.is_empty()),
        ("--tier", args.tier.is_some()),
        ("--max-amount", args.max_amount.is_some()),
        ("--currency", args.currency.is_some()),
        ("--max-daily-volume", args.max_daily_volume.is_some()),
        ("--meta", !args.meta.is_empty()),
        ("--ed25519-public-key", args.ed25519_public_key.is_some()),
    ] {
        if given {
            return Err(missing(flag));
        }
    }
    {
        let mut reader = state.db.read().await.map_err(AppError::from)?;
        let exists = is_id(&args.workspace, "wsp")
            && workspaces::store::exists(&mut reader, &args.workspace)
                .await
                .map_err(AppError::from)?;
        if !exists {
            return Err(Failed(format!(
                "there is no workspace {:?}",
                args.workspace
            )));
        }
    }
    let expires_at = args
        .expires_in_days
        .map(|days| ops::in_days(state.clock.now(), days));
    for number in 1..=args.count {
        let label = if args.count == 1 {
            args.label.clone()
        } else {
            format!("{} {number}", args.label)
        };
        let key = policy::new_key(&state.profile, &args.env, &label, &args.scopes, expires_at)
            .map_err(AppError::fields)?;
        let created = keys::ops::create_at_console(state, &args.workspace, &key).await?;
        print(
            out,
            &json!({ "key_id": created.id, "secret": created.secret.expose() }),
        )?;
    }
    Ok(())
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
