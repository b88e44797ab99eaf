//! The command line as a whole.

use std::{
    io::{BufRead, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use super::{
    commands::{self, Admin, Failed},
    demo,
};
use crate::{
    accounts::page::{DEMO_PASSWORD, DEMO_PEOPLE, DEMO_PIN},
    audit,
    db::Db,
    server::{
        config::{Config, Settings},
        request_id::Stamp,
        run::{self, Migrate, Opened},
    },
    webhooks::cli::client,
};

/// A self-hosted developer portal: named, scoped API keys, judged on every request and logged.
#[derive(Parser, Debug)]
#[command(name = "latchkey", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Serve the portal, the api and the gateway
    Serve {
        /// Refuse to start on a database that is not up to date, rather than bring it there
        #[arg(long)]
        no_migrate: bool,
        #[command(flatten)]
        profile: ProfileChanges,
        /// Not available in this version
        #[arg(long, hide = true)]
        only: Option<String>,
    },
    /// Serve a demo with sample data and well-known passwords, on loopback only
    Demo {
        #[command(flatten)]
        profile: ProfileChanges,
    },
    /// Bring the database up to date
    Migrate,
    /// Manage people, workspaces, keys and service tokens
    #[command(subcommand)]
    Admin(Admin),
    /// The audit record
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Hear a workspace's test events on this machine, each sent on to a program here
    Listen(client::Listen),
    /// Send a test event
    Trigger(client::Trigger),
}

#[derive(Args, Debug)]
struct ProfileChanges {
    /// Go on although keys are there that the profile would not allow as they are
    #[arg(long)]
    accept_profile_changes: bool,
}

#[derive(Subcommand, Debug)]
enum AuditCommand {
    /// Check every chain of entries; exit 1 and name the first entry that breaks
    Verify {
        /// An export to check in place of the database: a JSON entry a line
        #[arg(long)]
        file: Option<PathBuf>,
    },
}

pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.to_string()),
    };
    match runtime.block_on(run(cli)) {
        Ok(code) => code,
        Err(Failed(reason)) => failed(&reason),
    }
}

fn failed(reason: &str) -> ExitCode {
    eprintln!("latchkey: {reason}");
    ExitCode::FAILURE
}

async fn run(cli: Cli) -> Result<ExitCode, Failed> {
    // These two know the portal by its URL alone: what is set for a server on this machine is none of their business.
    let command = match cli.command {
        Command::Listen(asked) => {
            let heard = client::listen(asked, &mut std::io::stdout()).await;
            return heard.map(|()| ExitCode::SUCCESS);
        }
        Command::Trigger(asked) => {
            let sent = client::trigger(asked, &mut std::io::stdout()).await;
            return sent.map(|()| ExitCode::SUCCESS);
        }
        command => command,
    };
    let demo = matches!(command, Command::Demo { .. });
    let config = Config::resolve(cli.settings, demo).map_err(Failed)?;
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::try_new(&config.log)
                .map_err(|error| Failed(format!("LATCHKEY_LOG={}: {error}", config.log)))?,
        )
        .with_timer(Stamp)
        .with_writer(std::io::stderr)
        .init();
    match command {
        Command::Serve {
            no_migrate,
            profile,
            only,
        } => {
            if only.is_some() {
                return Err(Failed("--only is not available in this version".to_owned()));
            }
            if config.upstreams.is_none() {
                return Err(Failed(
                    "LATCHKEY_UPSTREAM is not set: say what stands behind the gateway (a URL, or `sandbox` for sample data)"
                        .to_owned(),
                ));
            }
            let opened = open(
                config,
                if no_migrate {
                    Migrate::Never
                } else {
                    Migrate::Always
                },
            )
            .await?;
            let db = &opened.state.db;
            if run::is_demo(db)
                .await
                .map_err(|error| Failed(format!("database: {error}")))?
            {
                return Err(Failed(
                    "this is a demo's database, with passwords that everybody knows; name another with LATCHKEY_DATABASE_URL"
                        .to_owned(),
                ));
            }
            accept(&opened, &profile).await?;
            serve(opened, |config| {
                eprintln!(
                    "Latchkey serves the portal at {} (api {}, gateway {}).",
                    config.public_url, config.api_addr, config.gateway_url
                );
            })
            .await
        }
        Command::Demo { profile } => {
            let opened = open(config, Migrate::Always).await?;
            accept(&opened, &profile).await?;
            demo::fill(&opened.state).await?;
            serve(opened, |config| {
                let people: Vec<&str> = DEMO_PEOPLE.iter().map(|(_, email)| *email).collect();
                // The last line that is printed: where to go and who to be.
                println!(
                    "Latchkey demo: {} \u{2014} sign in as {} with password {DEMO_PASSWORD} (PIN {DEMO_PIN})",
                    config.public_url,
                    people.join(", ")
                );
            })
            .await
        }
        Command::Migrate => {
            let opened = open(config, Migrate::Always).await?;
            close(opened).await;
            eprintln!("The database is up to date.");
            Ok(ExitCode::SUCCESS)
        }
        Command::Admin(command) => {
            let opened = open(config, Migrate::IfEmpty).await?;
            let done = commands::run(&opened.state, command, &mut std::io::stdout()).await;
            close(opened).await;
            done.map(|()| ExitCode::SUCCESS)
        }
        Command::Audit(AuditCommand::Verify { file }) => verify(&config, file).await,
        Command::Listen(_) | Command::Trigger(_) => unreachable!("served above"),
    }
}

async fn open(config: Config, migrate: Migrate) -> Result<Opened, Failed> {
    run::open(config, migrate)
        .await
        .map_err(|error| Failed(error.to_string()))
}

async fn accept(opened: &Opened, profile: &ProfileChanges) -> Result<(), Failed> {
    run::accept_profile(&opened.state, profile.accept_profile_changes)
        .await
        .map_err(|error| Failed(error.to_string()))
}

async fn serve(opened: Opened, ready: impl FnOnce(&Config)) -> Result<ExitCode, Failed> {
    run::serve(opened, ready)
        .await
        .map(|()| ExitCode::SUCCESS)
        .map_err(|error| Failed(error.to_string()))
}

async fn close(opened: Opened) {
    opened.state.usage.finish();
    if opened.usage_writer.await.is_err() {
        tracing::warn!("the usage writer ended badly");
    }
    opened.state.db.close().await;
}

/// Needs neither secrets nor profile: whoever has the database can check its record.
async fn verify(config: &Config, file: Option<PathBuf>) -> Result<ExitCode, Failed> {
    let found = if let Some(path) = file {
        let file = std::fs::File::open(&path)
            .map_err(|error| Failed(format!("{}: {error}", path.display())))?;
        let lines: Result<Vec<String>, _> = std::io::BufReader::new(file).lines().collect();
        let lines = lines.map_err(|error| Failed(format!("{}: {error}", path.display())))?;
        audit::verify_export(lines.into_iter()).map_err(Failed)?
    } else {
        let failed = |error| Failed(format!("database: {error}"));
        let db = Db::connect_existing(&config.database_url)
            .await
            .map_err(failed)?;
        let mut reader = db.read().await.map_err(failed)?;
        audit::verify(&mut reader).await.map_err(failed)?
    };
    let line = serde_json::to_string(&found).map_err(|error| Failed(error.to_string()))?;
    writeln!(std::io::stdout(), "{line}").map_err(|error| Failed(error.to_string()))?;
    Ok(if found.ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
