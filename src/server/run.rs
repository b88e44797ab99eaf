//! Start and stop.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

use super::{
    api::{self, Api},
    batches::Batches,
    clock::{Clock, DAY, Millis, Rng},
    config::Config,
    listen,
    metrics::{self, Listener},
    portal,
    request_id::Around,
    secrets,
    state::{AppState, Shared},
};
use crate::{
    accounts::{self, factors::passkeys, password::Hasher},
    approvals,
    db::{Db, DbError, OnlyNode, follow_changes, installation},
    gateway::{
        self,
        cache::SecretCache,
        limit::{self, Limiter},
        loader::Loader,
        nonce::Nonces,
        proxy::Proxy,
        routes::Gateway,
        sandbox::Sandbox,
    },
    keys,
    mail::{
        self,
        deliver::{self, Mailer},
    },
    profiles::{
        Profile,
        changes::{self, StandingKey},
    },
    usage::{self, buffer::Buffer},
    webhooks::{self, client::Client},
};

/// Name of the mark that a demo database bears; its sign-ins are known to everybody.
pub const DEMO_MARK: &str = "demo";
/// Name of the fingerprint of the profile that was served last.
const PROFILE: &str = "profile";

/// How long requests that are being answered may take once the process was asked to stop.
const DRAIN: Duration = Duration::from_secs(4);
/// How often what has expired is removed, and what time does to keys and requests is written down.
const HOUSEKEEPING: Duration = Duration::from_mins(1);
/// How long it is known that a letter was sent, or why not.
const MAIL_KEPT: Millis = 30 * DAY;
/// How long a token of the command line is still listed once it has ended; the audit record keeps what it was.
const CLI_TOKENS_KEPT: Millis = 30 * DAY;

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{0}")]
    Refused(String),
    #[error("database {url}: {error}")]
    Database { url: String, error: DbError },
    #[error(transparent)]
    Secrets(#[from] secrets::SecretsError),
    #[error("{addr}: {error}")]
    Listen {
        addr: SocketAddr,
        error: std::io::Error,
    },
}

/// An open installation: what a server and a command on the machine both need.
pub struct Opened {
    pub state: AppState,
    /// Ends once the buffer was told to finish and all usage rows are written.
    pub usage_writer: JoinHandle<()>,
}

/// What to do about migrations that the database has not had.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Migrate {
    Always,
    /// A command may start a database, but not change one under a server that runs on it.
    IfEmpty,
    Never,
}

/// Opens database, secrets and profile.
pub async fn open(config: Config, migrate: Migrate) -> Result<Opened, StartError> {
    let profile = Arc::new(Profile::load(&config.profile).map_err(StartError::Refused)?);
    if let Some(upstreams) = &config.upstreams {
        upstreams.check(&profile).map_err(StartError::Refused)?;
    }
    let proxy = Proxy::new(config.upstreams.as_ref()).map_err(StartError::Refused)?;
    let failed = |error| StartError::Database {
        url: without_password(&config.database_url),
        error,
    };
    let db = Db::connect(&config.database_url).await.map_err(failed)?;
    let empty = db.is_empty().await.map_err(failed)?;
    if migrate == Migrate::Always || (migrate == Migrate::IfEmpty && empty) {
        db.migrate().await.map_err(failed)?;
    } else {
        let pending = db.pending_migrations().await.map_err(failed)?;
        if pending > 0 {
            return Err(StartError::Refused(format!(
                "the database lacks {pending} migrations; run `latchkey migrate` first"
            )));
        }
    }
    let clock = Clock::system();
    let rng = Rng::system();
    let (peppers, sealer) = secrets::load(&db, &config.secrets_file, &rng).await?;
    let (usage, usage_writer) = if config.without_usage_log {
        tracing::warn!("requests leave no rows in the log: start without --without-usage-log");
        Buffer::unlogged()
    } else {
        Buffer::start(db.clone())
    };
    let limits = match &config.redis_url {
        Some(url) => Limiter::shared(limit::Shared::new(url).map_err(StartError::Refused)?),
        None => Limiter::default(),
    };
    let loader = Loader::new(
        profile.clone(),
        clock.clone(),
        limits.clone(),
        sealer.clone(),
    );
    let nonces = Nonces::open(&db, clock.now()).await.map_err(failed)?;
    let state = AppState::new(Shared {
        passkeys: passkeys::relying_party(&config, &profile),
        keys: SecretCache::new(&db, loader),
        limits,
        desk: Batches::default(),
        ended: Batches::default(),
        proxy,
        nonces: Arc::new(nonces),
        tokens: SecretCache::new(&db, ()),
        hasher: Hasher::default(),
        config,
        db,
        clock,
        rng,
        peppers,
        sealer,
        profile,
        usage,
        sandbox: Sandbox::default(),
        stop: CancellationToken::new(),
    });
    Ok(Opened {
        state,
        usage_writer,
    })
}

/// Whether this is a demo's database, with passwords that everybody knows.
pub async fn is_demo(db: &Db) -> Result<bool, DbError> {
    let mut reader = db.read().await?;
    Ok(installation::value(&mut reader, DEMO_MARK).await?.is_some())
}

/// Refuses to serve keys that the profile would not allow as they are, unless whoever starts has accepted that, now or
/// when this very profile was served before.
pub async fn accept_profile(state: &AppState, accepted: bool) -> Result<(), StartError> {
    let failed = |error| StartError::Database {
        url: without_password(&state.config.database_url),
        error,
    };
    let profile = &state.profile;
    let concerned = unaccepted(state).await.map_err(failed)?;
    let Some(concerned) = concerned else {
        return Ok(());
    };
    if !concerned.is_empty() && !accepted {
        return Err(StartError::Refused(changes::refusal(profile, &concerned)));
    }
    for line in &concerned {
        tracing::warn!("the changed profile was accepted: {line}");
    }
    let mut tx = state.db.begin().await.map_err(failed)?;
    installation::set(&mut tx, PROFILE, &profile.fingerprint)
        .await
        .map_err(failed)?;
    tx.commit().await.map_err(failed)
}

/// What a profile that was not served last concerns; none if it is the same.
async fn unaccepted(state: &AppState) -> Result<Option<Vec<String>>, DbError> {
    let mut reader = state.db.read().await?;
    let served = installation::value(&mut reader, PROFILE).await?;
    if served.as_deref() == Some(&state.profile.fingerprint) {
        return Ok(None);
    }
    let keys: Vec<StandingKey> = keys::store::standing(&mut reader, state.clock.now())
        .await?
        .into_iter()
        .map(|row| StandingKey {
            scopes: serde_json::from_str(&row.scopes).unwrap_or_default(),
            id: row.id,
            label: row.label,
            workspace_id: row.workspace_id,
            environment: row.environment,
            expires_at: row.expires_at,
            created_at: row.created_at,
        })
        .collect();
    Ok(Some(changes::concerned(&state.profile, &keys)))
}

/// Serves all three listeners until the process is asked to stop. `ready` is called once they listen.
pub async fn serve(opened: Opened, ready: impl FnOnce(&Config)) -> Result<(), StartError> {
    let Opened {
        state,
        usage_writer,
    } = opened;
    metrics::handle();
    let _alone = alone(&state).await?;
    let caught_up = usage::buffer::catch_up(&state.db).await;
    caught_up.map_err(|error| StartError::Database {
        url: without_password(&state.config.database_url),
        error,
    })?;
    let stop = state.stop.clone();
    let mut servers = JoinSet::new();
    let limits = listen::Limits::default();
    let portal = bind(state.config.portal_addr).await?;
    let api = bind(state.config.api_addr).await?;
    let gateway = bind(state.config.gateway_addr).await?;
    servers.spawn(listen::serve(
        portal,
        portal::routes(&state),
        limits,
        stop.clone(),
    ));
    servers.spawn(listen::serve(
        api,
        api::routes(&state),
        limits,
        stop.clone(),
    ));
    servers.spawn(listen::serve(
        gateway,
        gateway_routes(&state),
        limits,
        stop.clone(),
    ));
    let mut workers = JoinSet::new();
    workers.spawn({
        let (state, stop) = (state.clone(), stop.clone());
        async move {
            let trust = |trusted| {
                state.keys.trust(trusted);
                state.tokens.trust(trusted);
            };
            follow_changes(state.db.clone(), trust, stop).await;
        }
    });
    workers.spawn(housekeep(state.clone(), stop.clone()));
    if let Some(url) = &state.config.smtp_url {
        let mailer =
            Mailer::new(url, &state.config, &state.profile.name).map_err(StartError::Refused)?;
        workers.spawn(deliver::run(state.clone(), mailer, stop.clone()));
    } else if !state.config.demo {
        tracing::warn!("LATCHKEY_SMTP_URL is not set: nothing is mailed");
    }
    let client = Client::system(&state.config.webhook_reach).map_err(StartError::Refused)?;
    workers.spawn(webhooks::deliver::run(state.clone(), client, stop.clone()));
    // What is signed from here on is younger than this process.
    let early = state.nonces.ready_at().saturating_sub(state.clock.now());
    if let Ok(early) = u64::try_from(early) {
        tokio::time::sleep(Duration::from_millis(early)).await;
    }
    ready(&state.config);
    asked_to_stop().await;
    tracing::info!("stopping: no new requests, those being answered are finished");
    stop.cancel();
    if tokio::time::timeout(DRAIN, async {
        while servers.join_next().await.is_some() {}
    })
    .await
    .is_err()
    {
        tracing::warn!("some requests take too long and are cut off");
    }
    while workers.join_next().await.is_some() {}
    state.usage.finish();
    if tokio::time::timeout(DRAIN, usage_writer).await.is_err() {
        tracing::error!("usage rows were left unwritten");
    }
    state.db.close().await;
    Ok(())
}

/// Refuses to be a second node whose limits the first knows nothing of.
async fn alone(state: &AppState) -> Result<Option<OnlyNode>, StartError> {
    let config = &state.config;
    if config.redis_url.is_some() || config.limits_per_node || !state.db.takes_several_nodes() {
        return Ok(None);
    }
    let claimed = state.db.claim_only_node().await;
    let claimed = claimed.map_err(|error| StartError::Database {
        url: without_password(&config.database_url),
        error,
    })?;
    if claimed.is_none() {
        return Err(StartError::Refused(
            "another process serves from this database, and each would limit requests by itself: set \
             LATCHKEY_REDIS_URL on both, so that they share their limits, or start with --limits-per-node"
                .to_owned(),
        ));
    }
    Ok(claimed)
}

pub fn gateway_routes(state: &AppState) -> Around<Gateway> {
    Around::new(state, Listener::Gateway, Gateway(state.clone()))
}

pub fn api_routes(state: &AppState) -> Around<Api> {
    api::routes(state)
}

async fn bind(addr: SocketAddr) -> Result<TcpListener, StartError> {
    let listener = TcpListener::bind(addr).await;
    listener.map_err(|error| StartError::Listen { addr, error })
}

/// Does every minute what time asks for.
async fn housekeep(state: AppState, stop: CancellationToken) {
    loop {
        if let Err(error) = clean(&state).await {
            tracing::warn!(%error, "what has expired could not be removed");
        }
        let upkeep = async {
            approvals::ops::upkeep(&state).await?;
            keys::upkeep::run(&state).await?;
            gateway::volume::upkeep(&state).await
        };
        if let Err(error) = upkeep.await {
            tracing::warn!(%error, "what time does to keys and requests could not be written down");
        }
        if let Err(error) = webhooks::deliver::upkeep(&state).await {
            tracing::warn!(%error, "old events could not be removed");
        }
        state.limits.tidy(state.clock.now());
        metrics::handle().run_upkeep();
        tokio::select! {
            () = tokio::time::sleep(HOUSEKEEPING) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Removes what has run out.
pub async fn clean(state: &AppState) -> Result<(), DbError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    accounts::store::delete_expired(&mut tx, now, now - DAY).await?;
    accounts::links::store::delete_expired(&mut tx, now).await?;
    mail::store::delete_before(&mut tx, now - MAIL_KEPT).await?;
    gateway::store::delete_nonces_before(&mut tx, now).await?;
    webhooks::cli::store::delete_ended_before(&mut tx, now - CLI_TOKENS_KEPT).await?;
    tx.commit().await?;
    state.db.prune_changes(now).await
}

async fn asked_to_stop() {
    let wait = async || -> std::io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        Ok(())
    };
    if let Err(error) = wait().await {
        tracing::error!(%error, "signals cannot be heard; stop the process by force");
        std::future::pending::<()>().await;
    }
}

/// As much of the URL as may be logged: a password may stand before the host or in the query.
fn without_password(url: &str) -> String {
    if url.starts_with("sqlite:") {
        return url.to_owned();
    }
    match url::Url::parse(url) {
        Ok(parsed) => format!(
            "{}://{}{}",
            parsed.scheme(),
            parsed.host_str().unwrap_or_default(),
            parsed.path()
        ),
        Err(_) => "postgres://…".to_owned(),
    }
}
