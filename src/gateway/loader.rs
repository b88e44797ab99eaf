//! From a key's rows to the record that it is judged by.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    cache::Cached,
    judge::{Alike, KeyRecord, NEVER, Rare},
    limit::{Limiter, Monthly, Pace, quota::month_of},
    verifier::Verifier,
    volume,
};
use crate::{
    db::{DbError, Reader, SecretHash},
    keys::{
        allow::{AllowList, Guard},
        ops::sealed_place,
        store::{self, JudgedRow},
        terms::Limits,
        types::KeyState,
    },
    plans,
    profiles::{Profile, Tier},
    server::{
        clock::{Clock, Id},
        secrets::Sealer,
    },
    usage,
};

/// What a record is made with beside its rows.
pub struct Loader {
    profile: Arc<Profile>,
    clock: Clock,
    limits: Limiter,
    sealer: Sealer,
    /// What many keys have alike: ids of workspaces, environments, sets of scopes, lists of addresses and domains; and all of
    /// these together.
    texts: Shared<Box<str>, str>,
    scopes: Shared<Box<str>, [String]>,
    guards: Shared<Box<str>, Guard>,
    alike: Shared<Parts, Alike>,
}

impl Loader {
    pub fn new(profile: Arc<Profile>, clock: Clock, limits: Limiter, sealer: Sealer) -> Self {
        Self {
            profile,
            clock,
            limits,
            sealer,
            texts: Shared::default(),
            scopes: Shared::default(),
            guards: Shared::default(),
            alike: Shared::default(),
        }
    }

    fn text(&self, text: &str) -> Arc<str> {
        self.texts.get(text.into(), || text.into())
    }

    /// The stored lists; none if they are empty. Ones that cannot be read let nobody in.
    fn guard(&self, stored: &str) -> Option<Arc<Guard>> {
        let Ok(AllowList(entries)) = AllowList::from_json(stored) else {
            return Some(Arc::new(Guard::from_json(stored)));
        };
        if entries.is_empty() {
            return None;
        }
        // When, by whom and why an entry was added judges nothing.
        let alike: Vec<&str> = entries
            .iter()
            .flat_map(|entry| [entry.kind.as_str(), &entry.value])
            .collect();
        let guard = || Arc::new(Guard::from_entries(&entries));
        Some(self.guards.get(alike.join(" ").into(), guard))
    }

    fn alike(&self, alike: Alike) -> Arc<Alike> {
        self.alike.get(Parts::of(&alike), || Arc::new(alike))
    }

    /// The quota of a workspace, counted from what its log says where nobody has counted yet.
    async fn monthly(
        &self,
        reader: &mut Reader,
        workspace_id: &str,
        tier: &Tier,
    ) -> Result<Option<Monthly>, DbError> {
        let Some(limit) = tier.monthly else {
            return Ok(None);
        };
        if let Some(known) = self.limits.monthly(workspace_id, limit) {
            return Ok(Some(known));
        }
        let now = self.clock.now();
        let used = usage::store::let_through_since(reader, workspace_id, month_of(now).0).await?;
        let used = u64::try_from(used).unwrap_or_default();
        Ok(Some(self.limits.count_from(workspace_id, limit, used, now)))
    }
}

impl Cached for KeyRecord {
    type Source = Loader;

    async fn load(
        loader: &Loader,
        reader: &mut Reader,
        secrets: &[SecretHash],
    ) -> Result<Vec<(SecretHash, Self)>, DbError> {
        let mut found = Vec::new();
        for row in store::to_judge(reader, secrets).await? {
            let secret = SecretHash::try_from(row.secret_hash.as_slice()).ok();
            if let (Some(secret), Some(record)) = (secret, loader.record(reader, row).await?) {
                found.push((secret, record));
            }
        }
        Ok(found)
    }
}

impl Loader {
    async fn record(
        &self,
        reader: &mut Reader,
        row: JudgedRow,
    ) -> Result<Option<KeyRecord>, DbError> {
        let profile = &self.profile;
        // A word that this version does not know lets nothing through.
        let state = KeyState::parse(&row.state).unwrap_or(KeyState::Revoked);
        let account = plans::store::in_force(reader, &row.workspace_id)
            .await?
            .and_then(|id| profile.tier(&id))
            .or_else(|| profile.tier(profile.default_tier.as_deref()?));
        let own = row.tier.as_deref().and_then(|id| profile.tier(id));
        let ids = (
            Id::parse(&row.id, b"key"),
            Id::parse(&row.secret_id, b"sec"),
            Id::parse(&row.workspace_id, b"wsp"),
        );
        let (Some(id), Some(secret_id), Some(workspace_id)) = ids else {
            tracing::error!(key = %row.id, "an id is none that this program made; the key is not known");
            return Ok(None);
        };
        let mut rates = profile.limit_counts.rates(
            &self.limits,
            workspace_id,
            own.map(Pace::of),
            account.map(Pace::of),
        );
        if let Some(tier) = account {
            rates.quota = self.monthly(reader, &row.workspace_id, tier).await?;
        }
        // Limits that cannot be read let no amount through.
        let limits: Limits = serde_json::from_str(&row.limits).unwrap_or(Limits {
            max_amount: Some(-1),
            ..Limits::default()
        });
        let verifier = Verifier::from_row(
            &self.sealer,
            &sealed_place(&row.secret_id),
            row.sealed.as_deref(),
            row.verifying_key.as_deref(),
        );
        if verifier.is_none() && (row.sealed.is_some() || row.verifying_key.is_some()) {
            tracing::error!(
                key = %row.id,
                "what its signatures are held against cannot be read; they are refused"
            );
        }
        let meta: Vec<(String, String)> = serde_json::from_str(&row.meta).unwrap_or_default();
        let rare = (volume::bounds(&limits) || verifier.is_some() || !meta.is_empty()).then(|| {
            Box::new(Rare {
                meta,
                limits,
                verifier,
            })
        });
        let bucket = rates.key.map(|_| self.limits.bucket(id));
        let alike = Alike {
            workspace_suspended: row.suspended_at.is_some(),
            workspace_id: self.text(&row.workspace_id),
            environment: self.text(&row.environment),
            // Scopes that cannot be read grant nothing.
            scopes: self.scopes.get(row.scopes.as_str().into(), || {
                serde_json::from_str::<Vec<String>>(&row.scopes)
                    .unwrap_or_default()
                    .into()
            }),
            guard: self.guard(&row.allow),
            rates,
        };
        Ok(Some(KeyRecord {
            id,
            secret_id,
            secret_ends_at: row.secret_ends_at.unwrap_or(NEVER),
            expires_at: row.expires_at.unwrap_or(NEVER),
            requested: matches!(state, KeyState::Requested | KeyState::Approved),
            disabled: state == KeyState::Disabled,
            revoked: state.has_ended() && state != KeyState::Expired,
            label: row.label.into(),
            alike: self.alike(alike),
            bucket,
            rare,
        }))
    }
}

/// What [`Alike`] is made of: addresses of values that are kept once, and what is not kept so. An account's bucket and quota
/// go with the account.
#[derive(PartialEq, Eq, Hash)]
struct Parts {
    workspace_id: usize,
    workspace_suspended: bool,
    environment: usize,
    scopes: usize,
    guard: Option<usize>,
    key: Option<Pace>,
    account: Option<Pace>,
    quota: Option<u64>,
}

impl Parts {
    fn of(alike: &Alike) -> Self {
        let rates = &alike.rates;
        Self {
            workspace_id: Arc::as_ptr(&alike.workspace_id).addr(),
            workspace_suspended: alike.workspace_suspended,
            environment: Arc::as_ptr(&alike.environment).addr(),
            scopes: Arc::as_ptr(&alike.scopes).addr(),
            guard: alike.guard.as_ref().map(|guard| Arc::as_ptr(guard).addr()),
            key: rates.key,
            account: rates.account.as_ref().map(|(pace, _)| *pace),
            quota: rates.quota.as_ref().map(|monthly| monthly.limit),
        }
    }
}

/// Values that are kept once, by what they are made of.
struct Shared<K, T: ?Sized>(Mutex<HashMap<K, Arc<T>>>);

impl<K, T: ?Sized> Default for Shared<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// Beyond this many, those that no key has any more are let go.
const MANY: usize = 10_000;

impl<K: Eq + Hash, T: ?Sized> Shared<K, T> {
    fn get(&self, of: K, make: impl FnOnce() -> Arc<T>) -> Arc<T> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = kept.get(&of) {
            return value.clone();
        }
        if kept.len() >= MANY && kept.len().is_power_of_two() {
            kept.retain(|_, value| Arc::strong_count(value) > 1);
        }
        let value = make();
        kept.insert(of, value.clone());
        value
    }
}
