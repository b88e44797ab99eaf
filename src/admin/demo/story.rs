//! How the demo's keys came to what they are: deeds in the order in which they would have happened, since the record
//! shows it.

use std::collections::HashMap;

use serde::Serialize;

use super::{
    samples::{Ends, Fate, LOYALTY, Levels, Places, SHOP, Sample},
    webhooks,
};
use crate::{
    accounts::{
        Factor, Viewer,
        page::{DEMO_PASSWORD, DEMO_PIN},
        password::Typed,
        step_up::{self, Action, Proof},
    },
    admin,
    approvals::{
        self,
        ops::PolicyChange,
        settings::{self, Settings},
    },
    keys::{
        self,
        ops::{Change, Creation},
        policy::{self, NewKey, moves_money},
        store::KeyRow,
        terms::Expiry,
    },
    profiles::{ApprovalLevel, Profile},
    server::{
        clock::{Clock, DAY, HOUR, MINUTE, Millis},
        error::AppError,
        state::AppState,
    },
    workspaces::{self, Grants, Role},
};

/// Days since the rules for approval were made stricter; keys that are older did not wait.
const STRICTER: i64 = 16;
/// How long the secret that a rotation replaced goes on working, if the profile allows as much.
const OVERLAP_HOURS: u32 = 24;
/// For how long the workspace was suspended.
pub const SUSPENDED: Millis = 50 * MINUTE;

/// What the demo's people confirm.
const CONFIRMED: [Action; 9] = [
    Action::CreateKey,
    Action::RevealKey,
    Action::RotateKey,
    Action::WidenKey,
    Action::EnableKey,
    Action::Decide,
    Action::ChangeWorkspace,
    Action::SuspendWorkspace,
    Action::Invite,
];

/// Who does what.
pub struct Cast {
    /// A developer.
    pub ada: Viewer,
    /// A checker.
    pub bo: Viewer,
    /// The owner.
    pub dee: Viewer,
    /// An operator.
    pub kim: Viewer,
}

/// Why the demo's people could not do what they do under this profile, if so.
pub fn hindrance(profile: &Profile) -> Option<String> {
    CONFIRMED
        .into_iter()
        .find(|action| factor(profile, *action).is_none())
        .map(|action| {
            format!(
                "the demo\u{2019}s people have a password and a PIN, and {} takes neither for {}",
                profile.name,
                action.as_str()
            )
        })
}

/// The first factor that serves the action, of those that the demo's people have.
fn factor(profile: &Profile, action: Action) -> Option<Factor> {
    let mut factors = action.factors(profile).iter().copied();
    factors.find(|factor| matches!(factor, Factor::Password | Factor::Pin))
}

/// One thing that happens.
enum Deed<'a> {
    Rules(ApprovalLevel),
    Make(&'a Sample),
    Approve(&'static str),
    Reject(&'static str),
    Withdraw(&'static str),
    Disable(&'static str),
    Revoke(&'static str),
    Suspend(bool),
    Annotate(&'static str),
    Rotate(&'static str),
    Widen(&'static str),
    AskToEnable(&'static str),
    Invite,
    Webhooks,
    /// What the housekeeper does every minute.
    Housekeep,
}

/// The workspace while its past happens.
pub struct Story<'a> {
    pub past: AppState,
    pub clock: Clock,
    pub now: Millis,
    pub cast: &'a Cast,
    pub places: &'a Places<'a>,
    /// Ids of the keys, by their labels.
    pub made: HashMap<&'static str, String>,
}

impl Story<'_> {
    /// Has all of it happen.
    pub async fn tell(&mut self, samples: &[&Sample]) -> Result<(), AppError> {
        for (at, deed) in self.deeds(samples) {
            self.wait_until(at);
            self.happen(deed).await?;
        }
        Ok(())
    }

    /// When the old secret of the key that has a new one stops working, and how long ago it was replaced.
    fn overlap(&self) -> Option<(u32, Millis)> {
        let hours = self
            .past
            .profile
            .rotation
            .max_overlap_hours
            .min(OVERLAP_HOURS);
        (hours > 0).then_some((hours, i64::from(hours) * HOUR / 8))
    }

    fn deeds<'s>(&self, samples: &[&'s Sample]) -> Vec<(Millis, Deed<'s>)> {
        let now = self.now;
        let profile = &self.past.profile;
        let levels = Levels::of(profile, self.places);
        let mut deeds = vec![
            (now - STRICTER * DAY, Deed::Rules(levels.asking)),
            (now - 2 * DAY, Deed::Invite),
            (now - 20 * HOUR, Deed::Housekeep),
            (now - webhooks::AGE * DAY, Deed::Webhooks),
            (now - 20 * DAY, Deed::Annotate(SHOP)),
            (now - 5 * HOUR, Deed::Widen(SHOP)),
            (now - 7 * HOUR, Deed::AskToEnable(LOYALTY)),
        ];
        if levels.resting != levels.asking {
            deeds.push((now - 50 * MINUTE, Deed::Rules(levels.resting)));
        }
        let suspended = suspension(now);
        deeds.push((suspended, Deed::Suspend(true)));
        deeds.push((suspended + SUSPENDED, Deed::Suspend(false)));
        if let Some((_, ago)) = self.overlap() {
            deeds.push((now - ago, Deed::Rotate(SHOP)));
        }
        for sample in samples {
            let made = now - sample.days_old(profile) * DAY - 3 * HOUR;
            let label = sample.label;
            deeds.push((made, Deed::Make(sample)));
            match sample.fate {
                Fate::InUse | Fate::Requested => {}
                Fate::Disabled(days) => deeds.push((now - days * DAY, Deed::Disable(label))),
                Fate::Revoked(days) => deeds.push((now - days * DAY, Deed::Revoke(label))),
                Fate::Approved => deeds.push((made + 7 * HOUR, Deed::Approve(label))),
                Fate::Rejected => deeds.push((made + 5 * HOUR, Deed::Reject(label))),
                Fate::Withdrawn => deeds.push((made + 2 * HOUR, Deed::Withdraw(label))),
                Fate::Lapsed => {
                    deeds.push((made + keys::life::WAITS + MINUTE, Deed::Housekeep));
                }
            }
            if let Ends::In(days) = sample.ends
                && days < 0
            {
                deeds.push((ending(now, days) + MINUTE, Deed::Housekeep));
            }
        }
        deeds.sort_by_key(|(at, _)| *at);
        deeds
    }

    /// Time goes on until then; what took longer is not undone.
    fn wait_until(&self, at: Millis) {
        self.clock.advance((at - self.clock.now()).max(0));
    }

    async fn happen(&mut self, deed: Deed<'_>) -> Result<(), AppError> {
        let (past, cast) = (&self.past, self.cast);
        match deed {
            Deed::Rules(level) => self.change_rules(level).await,
            Deed::Make(sample) => {
                if let Some(id) = self.make(sample).await? {
                    self.made.insert(sample.label, id);
                }
                Ok(())
            }
            Deed::Approve(label) => match self.key(label).await? {
                Some(key) => self.decide(&key.id, None).await,
                None => Ok(()),
            },
            Deed::Reject(label) => {
                let reason =
                    "It only reads orders. Ask for that alone, and bind it to their addresses.";
                match self.key(label).await? {
                    Some(key) => self.decide(&key.id, Some(reason)).await,
                    None => Ok(()),
                }
            }
            Deed::Withdraw(label) => match self.key(label).await? {
                Some(key) => keys::ops::withdraw(past, &cast.ada, &key.id).await,
                None => Ok(()),
            },
            Deed::Disable(label) => match self.key(label).await? {
                Some(key) => keys::ops::disable(past, self.keeper(&key), &key.id).await,
                None => Ok(()),
            },
            Deed::Revoke(label) => match self.key(label).await? {
                Some(key) => keys::ops::revoke(past, self.keeper(&key), &key.id, label).await,
                None => Ok(()),
            },
            Deed::Suspend(suspend) => self.suspend(suspend).await,
            Deed::Annotate(label) => match self.owned(label).await? {
                Some(key) => {
                    let meta = [("service", "storefront"), ("team", "web")]
                        .map(|(name, value)| (name.to_owned(), value.to_owned()));
                    keys::ops::set_meta(past, &cast.ada, &key.id, &meta).await
                }
                None => Ok(()),
            },
            Deed::Rotate(label) => self.rotate(label).await,
            Deed::Widen(label) => self.widen(label).await,
            Deed::AskToEnable(label) => self.ask_to_enable(label).await,
            Deed::Invite => self.invite().await,
            Deed::Webhooks => webhooks::set_up(past, &cast.ada).await,
            Deed::Housekeep => {
                approvals::ops::upkeep(past).await?;
                keys::upkeep::run(past).await
            }
        }
    }

    async fn prove(
        &self,
        who: &Viewer,
        action: Action,
        content: &impl Serialize,
    ) -> Result<Proof, AppError> {
        let profile = &self.past.profile;
        let factor = factor(profile, action)
            .ok_or_else(|| AppError::Internal(hindrance(profile).unwrap_or_default()))?;
        let typed = Typed::new(match factor {
            Factor::Pin => DEMO_PIN,
            _ => DEMO_PASSWORD,
        });
        step_up::prove(&self.past, who, action, content, factor, &typed).await
    }

    /// The key of that label, if there was room for it.
    async fn key(&self, label: &str) -> Result<Option<KeyRow>, AppError> {
        let Some(id) = self.made.get(label) else {
            return Ok(None);
        };
        let mut reader = self.past.db.read().await?;
        let workspace_id = self.cast.ada.workspace_id();
        Ok(Some(keys::ops::find(&mut reader, workspace_id, id).await?))
    }

    /// The key of that label, if it is Ada's.
    async fn owned(&self, label: &str) -> Result<Option<KeyRow>, AppError> {
        let key = self.key(label).await?;
        Ok(key.filter(|key| key.owner_id.as_deref() == Some(&self.cast.ada.user_id)))
    }

    /// Who stops or ends the key: its owner, or the checker if it belongs to nobody in particular.
    fn keeper(&self, key: &KeyRow) -> &Viewer {
        if key.owner_id.is_some() {
            &self.cast.ada
        } else {
            &self.cast.bo
        }
    }

    async fn change_rules(&self, level: ApprovalLevel) -> Result<(), AppError> {
        let (past, dee) = (&self.past, &self.cast.dee);
        let workspace_id = dee.workspace_id();
        let before = {
            let mut reader = past.db.read().await?;
            settings::of(&mut reader, &past.profile, workspace_id).await?
        };
        let after = Settings {
            keys: level,
            ..before
        };
        let content = approvals::ops::policy_content(&after);
        let proof = self.prove(dee, Action::ChangeWorkspace, &content).await?;
        match approvals::ops::change_policy(past, dee, &after, proof).await? {
            PolicyChange::InForce => Ok(()),
            PolicyChange::Waits(_) => self.decide(workspace_id, None).await,
        }
    }

    /// Makes a key, or asks for it. None if there is no room for one more, or nobody can ask for one there.
    async fn make(&self, sample: &Sample) -> Result<Option<String>, AppError> {
        let (past, ada) = (&self.past, &self.cast.ada);
        let workspace_id = ada.workspace_id();
        let made_at = past.clock.now();
        let wanted = sample.wanted(&past.profile, self.places);
        let mut key = policy::new_key(&past.profile, &wanted, &ada.user_id, made_at)
            .map_err(AppError::fields)?;
        if let Ends::In(days) = sample.ends {
            key.terms.expiry = Expiry::At(ending(self.now, days));
        }
        if let Some(max) = past.profile.max_active_keys {
            let mut reader = past.db.read().await?;
            let alive = keys::store::count_alive(&mut reader, workspace_id, made_at).await?;
            if alive >= i64::from(max) {
                return Ok(None);
            }
        }
        let usable = matches!(
            sample.fate,
            Fate::InUse | Fate::Disabled(_) | Fate::Revoked(_)
        );
        if Places::is_locked(sample.environment(self.places)) {
            if !usable {
                return Ok(None);
            }
            let made = keys::ops::create_at_console(past, workspace_id, &key, None).await?;
            return Ok(Some(made.id));
        }
        match self.ask(&key).await? {
            Creation::Waiting { id } if usable => {
                self.clock.advance(35 * MINUTE);
                self.decide(&id, None).await?;
                self.clock.advance(15 * MINUTE);
                let content = keys::ops::reveal_content(&id);
                let proof = self.prove(ada, Action::RevealKey, &content).await?;
                keys::ops::reveal(past, ada, &id, proof).await?;
                Ok(Some(id))
            }
            Creation::Created(created) => Ok(Some(created.id)),
            Creation::Waiting { id } | Creation::AlreadyShown { id } => Ok(Some(id)),
        }
    }

    async fn ask(&self, key: &NewKey) -> Result<Creation, AppError> {
        let (past, ada) = (&self.past, &self.cast.ada);
        let proof = self.prove(ada, Action::CreateKey, key).await?;
        let draft = past.rng.id("drf", past.clock.now());
        keys::ops::create(past, ada, &draft, key, None, proof).await
    }

    /// Bo decides what waits about this: agrees, or refuses for a reason.
    async fn decide(&self, subject_id: &str, refused: Option<&str>) -> Result<(), AppError> {
        let (past, bo) = (&self.past, &self.cast.bo);
        let row = {
            let mut reader = past.db.read().await?;
            approvals::store::last_about(&mut reader, bo.workspace_id(), subject_id)
                .await?
                .ok_or_else(AppError::not_found)?
        };
        let (id, content, reason) = (&row.id, row.content(), refused.unwrap_or_default());
        let decision = approvals::ops::decision(id, &content, refused.is_none(), reason);
        let proof = self.prove(bo, Action::Decide, &decision).await?;
        if refused.is_some() {
            approvals::ops::reject(past, bo, id, &content, reason, proof).await
        } else {
            approvals::ops::approve(past, bo, id, &content, reason, proof).await
        }
    }

    async fn suspend(&self, suspend: bool) -> Result<(), AppError> {
        let (past, kim) = (&self.past, &self.cast.kim);
        let workspace_id = self.cast.ada.workspace_id();
        let reason = if suspend {
            "One of your keys was reported in a public repository. We are looking into it."
        } else {
            "The key was one that had been revoked long before."
        };
        let content = admin::ops::suspension(workspace_id, suspend, reason);
        let proof = self.prove(kim, Action::SuspendWorkspace, &content).await?;
        admin::ops::set_suspended(past, kim, workspace_id, suspend, reason, proof).await
    }

    async fn rotate(&self, label: &str) -> Result<(), AppError> {
        let (past, ada) = (&self.past, &self.cast.ada);
        let (Some(key), Some((hours, _))) = (self.owned(label).await?, self.overlap()) else {
            return Ok(());
        };
        let content = keys::ops::rotate_content(&key.id, hours, None);
        let proof = self.prove(ada, Action::RotateKey, &content).await?;
        let form = past.rng.id("drf", past.clock.now());
        keys::ops::rotate(past, ada, &key.id, &form, hours, None, proof).await?;
        Ok(())
    }

    /// Ada asks that the key may do more: move money if it does not, else live longer.
    async fn widen(&self, label: &str) -> Result<(), AppError> {
        let (past, ada) = (&self.past, &self.cast.ada);
        let Some(key) = self.owned(label).await? else {
            return Ok(());
        };
        let mut terms = key.terms();
        let scopes: Vec<String> = past
            .profile
            .scopes()
            .map(|scope| scope.id.clone())
            .collect();
        let more = scopes
            .iter()
            .filter(|id| !terms.scopes.contains(id))
            .find(|id| moves_money(&past.profile, std::slice::from_ref(id)));
        if let Some(more) = more.cloned() {
            terms.scopes = scopes
                .into_iter()
                .filter(|id| *id == more || terms.scopes.contains(id))
                .collect();
        } else if let Expiry::At(at) = terms.expiry {
            terms.expiry = Expiry::At(at + 60 * DAY);
        }
        let change = Change {
            basis: keys::ops::basis(&key),
            label: key.label.clone(),
            purpose: key.purpose.clone(),
            terms,
        };
        let proof = self.prove(ada, Action::WidenKey, &change).await?;
        keys::ops::change(past, ada, &key.id, &change, Some(proof)).await?;
        Ok(())
    }

    async fn ask_to_enable(&self, label: &str) -> Result<(), AppError> {
        let (past, dee) = (&self.past, &self.cast.dee);
        let Some(key) = self.owned(label).await? else {
            return Ok(());
        };
        let content = keys::ops::enable_content(&key.id);
        let proof = self.prove(dee, Action::EnableKey, &content).await?;
        keys::ops::enable(past, dee, &key.id, proof).await?;
        Ok(())
    }

    async fn invite(&self) -> Result<(), AppError> {
        let (past, dee) = (&self.past, &self.cast.dee);
        let email = "eva@harbor.example";
        let roles = Grants::of(&[Role::Developer]);
        let content = workspaces::ops::invite_content(email, &roles);
        let proof = self.prove(dee, Action::Invite, &content).await?;
        workspaces::ops::invite(past, dee, email, &roles, proof).await?;
        Ok(())
    }
}

/// So many days from now, a little later in the day, so that a list says "in 6 days" for six.
fn ending(now: Millis, days: i64) -> Millis {
    now + days * DAY + 2 * HOUR
}

/// When the workspace was suspended: on a busy morning.
pub fn suspension(now: Millis) -> Millis {
    (now - 23 * DAY) / DAY * DAY + 10 * HOUR
}
