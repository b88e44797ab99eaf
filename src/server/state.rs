//! What every handler shares.

use std::{ops::Deref, sync::Arc};

use tokio_util::sync::CancellationToken;
use webauthn_rs::prelude::Webauthn;

use super::{
    batches::Batches,
    clock::{Clock, Rng},
    config::Config,
    secrets::{Peppers, Sealer},
};
use crate::{
    accounts::password::Hasher,
    admin::tokens::ServiceToken,
    db::Db,
    gateway::{
        cache::SecretCache, desk::Waiting, judge::KeyRecord, limit::Limiter, nonce::Nonces,
        proxy::Proxy, sandbox::Sandbox, volume::Ended,
    },
    profiles::Profile,
    usage::buffer::Buffer,
};

#[derive(Clone)]
pub struct AppState(Arc<Shared>);

#[derive(Clone)]
pub struct Shared {
    pub config: Config,
    pub db: Db,
    pub clock: Clock,
    pub rng: Rng,
    pub peppers: Peppers,
    pub sealer: Sealer,
    pub profile: Arc<Profile>,
    /// Who passkeys are made for; none where the portal is reached by an IP address.
    pub passkeys: Option<Webauthn>,
    pub hasher: Hasher,
    pub keys: SecretCache<KeyRecord>,
    pub limits: Limiter,
    /// Calls whose amounts are to be decided on.
    pub desk: Batches<Waiting>,
    /// Requests whose amounts are to be settled.
    pub ended: Batches<Ended>,
    pub proxy: Proxy,
    /// Where it is remembered which nonces were used.
    pub nonces: Arc<Nonces>,
    pub tokens: SecretCache<ServiceToken>,
    pub usage: Buffer,
    pub sandbox: Sandbox,
    /// Cancelled once the process is asked to stop. What is being answered is finished; an answer that has no end ends here.
    pub stop: CancellationToken,
}

impl AppState {
    pub fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }

    /// The same installation seen at another time.
    #[must_use]
    pub fn with_clock(&self, clock: Clock) -> Self {
        self.with(|shared| shared.clock = clock)
    }

    /// The same installation in front of other upstreams.
    #[cfg(test)]
    #[must_use]
    pub fn with_settings(&self, config: Config, proxy: Proxy) -> Self {
        self.with(|shared| {
            shared.config = config;
            shared.proxy = proxy;
        })
    }

    /// The same installation once its process was started anew.
    #[cfg(test)]
    #[must_use]
    pub fn with_nonces(&self, nonces: Nonces) -> Self {
        self.with(|shared| shared.nonces = Arc::new(nonces))
    }

    /// The same installation through another handle on its database, as another process has it.
    #[cfg(test)]
    #[must_use]
    pub fn with_db(&self, db: Db) -> Self {
        self.with(|shared| shared.db = db)
    }

    fn with(&self, change: impl FnOnce(&mut Shared)) -> Self {
        let mut shared = (*self.0).clone();
        // Whoever is at work there works for one of the two.
        shared.desk = Batches::default();
        shared.ended = Batches::default();
        change(&mut shared);
        Self::new(shared)
    }
}

impl Deref for AppState {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.0
    }
}
