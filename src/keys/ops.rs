//! What can be done with keys: one function per operation, one transaction each, audit and outbox inside it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    life::{self, Step},
    policy::{self, NewKey, folded_label},
    secret::PlainKey,
    store::{self, KeyRow, SecretRow},
    terms::{self, Terms, Widening},
    types::KeyState,
};
use crate::{
    accounts::{
        Viewer,
        step_up::{Action, Proof},
        viewer,
    },
    approvals::{
        self,
        asked::Asked,
        request::{self, Request},
        risk, settings,
    },
    audit,
    db::{Constraint, DbError, Tx},
    error::UiErrorKind,
    notices::{self, Kind, Notice},
    plans,
    profiles::KeyStyle,
    server::{
        clock::{HOUR, Millis, is_id, rfc3339},
        error::AppError,
        state::AppState,
    },
    webhooks::outbox::{self, EventType},
    workspaces::{self, Role},
};

/// Who stopped a key, as it is kept: what an operator has stopped, no member turns on.
pub const OPERATOR: &str = "operator";
const MEMBER: &str = "member";

/// A key at the one moment when its secret is known.
pub struct Created {
    pub id: String,
    /// None for a pair whose secret half was never here.
    pub secret: Option<PlainKey>,
    /// Of a pair: what identifies it, which may be seen again.
    pub public_key: Option<String>,
}

impl Created {
    /// A key whose public half was handed in: there is no secret to know.
    pub fn of_public(handed_in: SecretRow) -> Self {
        Self {
            id: handed_in.key_id,
            secret: None,
            public_key: handed_in.public_key,
        }
    }
}

/// Outcome of sending a form that makes a secret.
pub enum Creation {
    Created(Created),
    /// This form made a secret before; it was shown then and is not known any more.
    AlreadyShown {
        id: String,
    },
    /// It waits for a second person; there is no secret yet.
    Waiting {
        id: String,
    },
}

/// Who a new key is for and which form it came from.
struct Origin<'a> {
    workspace_id: &'a str,
    owner_id: Option<&'a str>,
    draft_id: Option<&'a str>,
    actor: &'a str,
}

/// Makes a key for the viewer, or asks for one where a second person has to agree. The same draft never makes a second
/// one. `follows`: the rejected request that this one takes up.
pub async fn create(
    state: &AppState,
    viewer: &Viewer,
    draft_id: &str,
    key: &NewKey,
    follows: Option<&str>,
    proof: Proof,
) -> Result<Creation, AppError> {
    if viewer.workspace.as_ref().is_none_or(|w| w.suspended) {
        return Err(AppError::told(
            UiErrorKind::NotAllowed,
            "This workspace is suspended; no key can be made in it.",
        ));
    }
    if let Some(made) = made_by(state, viewer, draft_id).await? {
        return Ok(made);
    }
    let mut tx = state.db.begin().await?;
    let workspace_id = viewer.workspace_id();
    // Who was a developer when they asked may be none any more: confirming takes its time.
    still(&mut tx, state, viewer, Role::Developer).await?;
    proof
        .consume(&mut tx, state, viewer, Action::CreateKey, key)
        .await?;
    let origin = Origin {
        workspace_id,
        owner_id: Some(&viewer.user_id),
        draft_id: Some(draft_id),
        actor: &viewer.user_id,
    };
    let made = async {
        may_make(&mut tx, state, workspace_id, &key.environment).await?;
        let rules = settings::of(&mut tx, &state.profile, workspace_id).await?;
        let waits = policy::needs_checker(
            &state.profile,
            rules.keys,
            &key.environment,
            &key.terms.scopes,
        );
        let row = insert(state, &mut tx, origin, key, waits).await?;
        if waits {
            let asked = Asked::NewKey { key: key.clone() };
            let usual = usual_scopes(&mut tx, state, &row).await?;
            let context = risk::Context {
                purpose: &key.purpose,
                usual: &usual,
                made_the_checker: false,
            };
            let (risk, _) = risk::of_key(&state.profile, &key.environment, &key.terms, context);
            let request = Request {
                workspace_id,
                subject_id: &row.id,
                asked: &asked,
                basis: "",
                risk,
                follows,
            };
            request::ask(&mut tx, state, viewer, request).await?;
            // What was handed in is here already, and waits by its name.
            if let Some(verifying_key) = &key.verifying_key {
                let half = Half::HandedIn(verifying_key);
                make_secret(state, &mut tx, &row, half, Some(draft_id)).await?;
            }
            return Ok(Creation::Waiting { id: row.id });
        }
        let half = key
            .verifying_key
            .as_deref()
            .map_or(Half::Made, Half::HandedIn);
        let created = reveal_in(state, &mut tx, &row, half, Some(draft_id));
        Ok(Creation::Created(created.await?))
    }
    .await;
    match made {
        Ok(made) => {
            store::delete_draft(&mut tx, workspace_id, draft_id).await?;
            tx.commit().await?;
            Ok(made)
        }
        // The same form, sent twice at once: if the other sending won, its draft or its label is in the way.
        Err(error) => {
            drop(tx);
            match made_by(state, viewer, draft_id).await? {
                Some(made) => Ok(made),
                None => Err(error),
            }
        }
    }
}

/// Says why no key can be made here now, if so: a plan is missing, or the environment is still locked.
pub async fn may_make(
    reader: &mut crate::db::Reader,
    state: &AppState,
    workspace_id: &str,
    environment: &str,
) -> Result<(), AppError> {
    if let Err(reason) = plans::may_make_keys(reader, state, workspace_id).await? {
        return Err(AppError::told(UiErrorKind::Conflict, reason));
    }
    let Some(environment) = state.profile.environment(environment) else {
        return Ok(());
    };
    if plans::is_open(reader, state, workspace_id, environment).await? {
        Ok(())
    } else {
        Err(AppError::field(
            "environment",
            format!(
                "{} is locked until all on its list is done.",
                environment.word
            ),
        ))
    }
}

/// What this form has made, if it has.
pub async fn made_by(
    state: &AppState,
    viewer: &Viewer,
    draft_id: &str,
) -> Result<Option<Creation>, AppError> {
    let mut reader = state.db.read().await?;
    let row = store::find_by_draft(&mut reader, viewer.workspace_id(), draft_id).await?;
    Ok(row.map(|key| match key.revealed_at {
        Some(_) => Creation::AlreadyShown { id: key.id },
        None => Creation::Waiting { id: key.id },
    }))
}

/// Scopes of the maker's other keys of that environment.
pub async fn usual_scopes(
    tx: &mut crate::db::Reader,
    state: &AppState,
    key: &KeyRow,
) -> Result<Vec<String>, AppError> {
    let Some(maker) = &key.maker_id else {
        return Ok(Vec::new());
    };
    let place = (key.workspace_id.as_str(), key.environment.as_str());
    usual_of(tx, state, place, maker, &key.id).await
}

/// Scopes of this maker's keys of an environment of a workspace, but for one key.
pub async fn usual_of(
    reader: &mut crate::db::Reader,
    state: &AppState,
    (workspace_id, environment): (&str, &str),
    maker: &str,
    except: &str,
) -> Result<Vec<String>, AppError> {
    let keys = store::active(reader, workspace_id, environment, state.clock.now()).await?;
    let mut usual: Vec<String> = keys
        .iter()
        .filter(|other| other.id != except && other.maker_id.as_deref() == Some(maker))
        .flat_map(|other| other.terms().scopes)
        .collect();
    usual.sort_unstable();
    usual.dedup();
    Ok(usual)
}

/// Makes a key at the console: at once, owned by nobody in particular. `verifying_key`: an Ed25519 public key, for a pair
/// whose secret half stays where it is.
pub async fn create_at_console(
    state: &AppState,
    workspace_id: &str,
    key: &NewKey,
    verifying_key: Option<&str>,
) -> Result<Created, AppError> {
    let mut tx = state.db.begin().await?;
    tx.serialise(&format!("workspace:{workspace_id}")).await?;
    let half = verifying_key.map_or(Half::Made, Half::HandedIn);
    let created = create_in(state, &mut tx, workspace_id, key, half).await?;
    tx.commit().await?;
    Ok(created)
}

/// Makes several keys at the console, all or none: to make a commit durable takes longer than to make a key.
pub async fn create_several_at_console(
    state: &AppState,
    workspace_id: &str,
    keys: &[NewKey],
) -> Result<Vec<Created>, AppError> {
    let mut tx = state.db.begin().await?;
    tx.serialise(&format!("workspace:{workspace_id}")).await?;
    let mut created = Vec::with_capacity(keys.len());
    for key in keys {
        created.push(create_in(state, &mut tx, workspace_id, key, Half::Made).await?);
    }
    tx.commit().await?;
    Ok(created)
}

async fn create_in(
    state: &AppState,
    tx: &mut Tx,
    workspace_id: &str,
    key: &NewKey,
    half: Half<'_>,
) -> Result<Created, AppError> {
    let origin = Origin {
        workspace_id,
        owner_id: None,
        draft_id: None,
        actor: audit::CONSOLE,
    };
    let row = insert(state, tx, origin, key, false).await?;
    reveal_in(state, tx, &row, half, None).await
}

/// The code that stands before the message where no more keys are allowed.
pub const LIMIT_REACHED: &str = "KEY_LIMIT_REACHED";

/// Keeps a key without a secret. The caller holds back all else that is decided in the workspace.
async fn insert(
    state: &AppState,
    tx: &mut Tx,
    origin: Origin<'_>,
    key: &NewKey,
    waits: bool,
) -> Result<KeyRow, AppError> {
    let now = state.clock.now();
    let environment = state
        .profile
        .environment(&key.environment)
        .ok_or_else(|| AppError::field("environment", "There is no such environment."))?;
    if let Some(max) = state.profile.max_active_keys
        && store::count_alive(tx, origin.workspace_id, now).await? >= i64::from(max)
    {
        return Err(AppError::told(
            UiErrorKind::Conflict,
            format!(
                "{LIMIT_REACHED}: this workspace has {max} keys, which is the most. Revoke one that is not needed."
            ),
        ));
    }
    let id = state.rng.id("key", now);
    let inserted = store::insert(
        tx,
        store::Insert {
            id: &id,
            workspace_id: origin.workspace_id,
            key,
            label_folded: &folded_label(&key.label),
            maker_id: origin.owner_id,
            draft_id: origin.draft_id,
            waits_until: waits.then_some(now + life::WAITS),
        },
        now,
    )
    .await;
    label_free(inserted, &key.label, &environment.word)?;
    let row = find(tx, origin.workspace_id, &id).await?;
    let entry = audit::Entry {
        chain: origin.workspace_id.to_owned(),
        actor: origin.actor.to_owned(),
        action: if waits {
            "key.requested"
        } else {
            "key.created"
        },
        target: id,
        detail: json!({
            "label": key.label, "environment": key.environment, "environment_word": environment.word,
            "scopes": key.terms.scopes, "terms": key.terms, "expires_at": key.terms.expiry.from(now),
            "verifying_key": key.verifying_key,
        }),
    };
    audit::record(tx, &entry, now).await?;
    Ok(row)
}

fn label_free(done: Result<(), DbError>, label: &str, environment: &str) -> Result<(), AppError> {
    match done {
        Err(DbError::Violates(Constraint::KeyLabel)) => Err(AppError::field(
            "label",
            format!(
                "There is a {environment} key \u{201c}{label}\u{201d} already. Choose another label."
            ),
        )),
        other => Ok(other?),
    }
}

/// The key of that workspace; one of another is answered like one that does not exist.
pub async fn find(
    tx: &mut crate::db::Reader,
    workspace_id: &str,
    id: &str,
) -> Result<KeyRow, AppError> {
    if !is_id(id, "key") {
        return Err(AppError::not_found());
    }
    store::find(tx, workspace_id, id)
        .await?
        .ok_or_else(AppError::not_found)
}

/// Refuses who had the role when they asked and has it no more.
async fn still(tx: &mut Tx, state: &AppState, viewer: &Viewer, role: Role) -> Result<(), AppError> {
    let roles =
        workspaces::ops::roles_now(tx, state, viewer.workspace_id(), &viewer.user_id).await?;
    if roles.include(role) {
        Ok(())
    } else {
        Err(AppError::Told(viewer::not_allowed(&[role])))
    }
}

/// Moves the key a step on, if that step can be taken from where it is now, and has every cache look at it anew.
pub async fn step(
    tx: &mut Tx,
    state: &AppState,
    key: &KeyRow,
    step: Step,
    waits_until: Option<Millis>,
) -> Result<bool, AppError> {
    let now = state.clock.now();
    // What has run out takes no step but that of its end.
    let from = match step {
        Step::Lapse | Step::Expire => key.stored_state(),
        _ => key.state(now),
    };
    let Some(to) = life::after(from, step) else {
        return Ok(false);
    };
    let moved = store::set_state(tx, key, to, waits_until, now).await?;
    if moved {
        touch(tx, state, key).await?;
    }
    Ok(moved)
}

/// Has every cache read the key anew.
async fn touch(tx: &mut Tx, state: &AppState, key: &KeyRow) -> Result<(), AppError> {
    let now = state.clock.now();
    for secret in store::secrets(tx, &key.workspace_id, &key.id).await? {
        // One that has ended before needs no second look: it is refused whatever the key is.
        if secret.ends_at.is_none_or(|at| at > now) {
            tx.key_changed(secret.hash()?, now).await?;
        }
    }
    Ok(())
}

/// Sends an event about a key.
pub async fn tell(
    tx: &mut Tx,
    state: &AppState,
    key: &KeyRow,
    event: EventType,
    more: Value,
) -> Result<(), AppError> {
    let now = state.clock.now();
    let mut data = json!({ "key_id": key.id, "label": key.label, "environment": key.environment });
    if let (Some(data), Value::Object(more)) = (data.as_object_mut(), more) {
        data.extend(more);
    }
    outbox::enqueue(
        tx,
        &state.rng,
        &key.workspace_id,
        Some(&key.environment),
        event,
        &data,
        now,
    )
    .await?;
    Ok(())
}

/// Where the secret half of a pair comes from.
#[derive(Clone, Copy)]
enum Half<'a> {
    Made,
    /// It stays where it was made; this is the Ed25519 public key that verifies its signatures.
    HandedIn(&'a str),
}

/// Makes the secret of a key that has none, and the key usable.
async fn reveal_in(
    state: &AppState,
    tx: &mut Tx,
    key: &KeyRow,
    half: Half<'_>,
    form_id: Option<&str>,
) -> Result<Created, AppError> {
    let created = make_secret(state, tx, key, half, form_id).await?;
    put_in_use(state, tx, key).await?;
    Ok(created)
}

async fn put_in_use(state: &AppState, tx: &mut Tx, key: &KeyRow) -> Result<(), AppError> {
    let now = state.clock.now();
    let expires_at = key.terms().expiry.from(now);
    store::set_revealed(tx, &key.workspace_id, &key.id, expires_at, now).await?;
    if !store::set_state(tx, key, KeyState::Active, None, now).await? {
        return Err(taken());
    }
    let scopes = key.terms().scopes;
    tell(
        tx,
        state,
        key,
        EventType::KeyCreated,
        json!({ "scopes": scopes, "expires_at": expires_at.and_then(rfc3339) }),
    )
    .await
}

/// The secret that the key has now, if it was made or handed in.
async fn present(
    reader: &mut crate::db::Reader,
    key: &KeyRow,
) -> Result<Option<SecretRow>, AppError> {
    let secrets = store::secrets(reader, &key.workspace_id, &key.id).await?;
    Ok(secrets.into_iter().next())
}

/// What stands in the place of a secret where a public key was handed in.
pub async fn handed_in(
    reader: &mut crate::db::Reader,
    key: &KeyRow,
) -> Result<Option<SecretRow>, AppError> {
    let present = present(reader, key).await?;
    Ok(present.filter(|secret| secret.verifying_key.is_some()))
}

fn taken() -> AppError {
    AppError::told(
        UiErrorKind::Conflict,
        "Somebody was first: this key is in another state by now. Open it again.",
    )
}

fn entry(key: &KeyRow, actor: &str, action: &'static str, detail: Value) -> audit::Entry {
    audit::Entry {
        chain: key.workspace_id.clone(),
        actor: actor.to_owned(),
        action,
        target: key.id.clone(),
        detail,
    }
}

/// Makes a new secret for the key.
async fn make_secret(
    state: &AppState,
    tx: &mut Tx,
    key: &KeyRow,
    half: Half<'_>,
    form_id: Option<&str>,
) -> Result<Created, AppError> {
    let now = state.clock.now();
    let environment = state
        .profile
        .environment(&key.environment)
        .ok_or_else(|| AppError::Internal(format!("the environment of {} is gone", key.id)))?;
    let id = state.rng.id("sec", now);
    // What a request carries: the secret itself, or the public half of a pair.
    let carried = PlainKey::generate(&environment.prefix, &state.rng);
    let hash = carried.hash(&state.peppers);
    let (start, end) = carried.shown(&environment.prefix);
    let (secret, public_key, sealed) = match (state.profile.key_style, half) {
        (KeyStyle::Secret, _) => (Some(carried), None, None),
        (KeyStyle::Pair, Half::HandedIn(_)) => (None, Some(carried.expose().to_owned()), None),
        (KeyStyle::Pair, Half::Made) => {
            let prefix = environment.secret_prefix.as_deref().unwrap_or_default();
            let signing = PlainKey::generate(prefix, &state.rng);
            // It must be used again to verify, so it is kept, but sealed.
            let sealed =
                state
                    .sealer
                    .seal(&state.rng, &sealed_place(&id), signing.expose().as_bytes());
            (
                Some(signing),
                Some(carried.expose().to_owned()),
                Some(sealed),
            )
        }
    };
    let verifying_key = match half {
        Half::Made => None,
        Half::HandedIn(verifying) => Some(verifying),
    };
    store::insert_secret(
        tx,
        store::NewSecret {
            id: &id,
            key_id: &key.id,
            workspace_id: &key.workspace_id,
            hash,
            shown: (&start, &end),
            public_key: public_key.as_deref(),
            sealed,
            verifying_key,
            form_id,
        },
        now,
    )
    .await?;
    tx.key_changed(hash, now).await?;
    Ok(Created {
        id: key.id.clone(),
        secret,
        public_key,
    })
}

/// What the sealed half of a pair is bound to.
pub fn sealed_place(secret_id: &str) -> String {
    format!("key-secret:{secret_id}")
}

/// What the proof of a reveal is bound to.
pub fn reveal_content(id: &str) -> Value {
    json!({ "reveal": id })
}

/// Makes the secret of an approved key, for its owner alone, once.
pub async fn reveal(
    state: &AppState,
    viewer: &Viewer,
    id: &str,
    proof: Proof,
) -> Result<Creation, AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    still(&mut tx, state, viewer, Role::Developer).await?;
    let key = find(&mut tx, viewer.workspace_id(), id).await?;
    may_reveal(&mut tx, viewer, &key, now).await?;
    if key.revealed_at.is_some() {
        return Ok(Creation::AlreadyShown { id: key.id });
    }
    proof
        .consume(
            &mut tx,
            state,
            viewer,
            Action::RevealKey,
            &reveal_content(id),
        )
        .await?;
    let created = match present(&mut tx, &key).await? {
        // Its public key was handed in with the request.
        Some(handed_in) => {
            put_in_use(state, &mut tx, &key).await?;
            touch(&mut tx, state, &key).await?;
            Created::of_public(handed_in)
        }
        None => reveal_in(state, &mut tx, &key, Half::Made, None).await?,
    };
    let detail = json!({
        "label": key.label, "environment": key.environment, "expires_at": key.terms().expiry.from(now),
    });
    audit::record(
        &mut tx,
        &entry(&key, &viewer.user_id, "key.revealed", detail),
        now,
    )
    .await?;
    tx.commit().await?;
    Ok(Creation::Created(created))
}

/// Says why the viewer cannot have the secret made, if so.
pub async fn may_reveal(
    reader: &mut crate::db::Reader,
    viewer: &Viewer,
    key: &KeyRow,
    now: Millis,
) -> Result<(), AppError> {
    if key.owner_id.as_deref() != Some(&viewer.user_id) {
        return Err(AppError::told(
            UiErrorKind::NotAllowed,
            "Only the key\u{2019}s owner can have its secret made. An admin can hand the key to another developer.",
        ));
    }
    if key.revealed_at.is_some() {
        return Ok(());
    }
    match key.state(now) {
        KeyState::Approved => {}
        KeyState::Requested => {
            return Err(AppError::told(
                UiErrorKind::Conflict,
                "Nobody has approved this key yet. There is nothing to reveal.",
            ));
        }
        _ => {
            return Err(AppError::told(
                UiErrorKind::Conflict,
                "This key has ended without a secret. Create one like it, if it is still wanted.",
            ));
        }
    }
    not_the_second_person(reader, viewer, key).await
}

/// Refuses whoever agreed to the key, or to more for it, as the second person: they must not end up with its secret, however
/// the key came to them.
async fn not_the_second_person(
    reader: &mut crate::db::Reader,
    viewer: &Viewer,
    key: &KeyRow,
) -> Result<(), AppError> {
    let agreed =
        approvals::store::agreed(reader, &key.workspace_id, &key.id, &viewer.user_id).await?;
    if agreed {
        return Err(AppError::told(
            UiErrorKind::NotAllowed,
            "You approved this key, so its secret is for somebody else. An admin can hand it to another developer.",
        ));
    }
    Ok(())
}

/// What the proof of a new secret is bound to.
pub fn rotate_content(id: &str, overlap_hours: u32, verifying_key: Option<&str>) -> Value {
    json!({ "rotate": id, "overlap_hours": overlap_hours, "verifying_key": verifying_key })
}

/// Says why the key does not go on with this half, if so: where a public key was handed in, another one is. `before`: that one.
pub fn other_half(before: Option<&SecretRow>, after: Option<&str>) -> Result<(), AppError> {
    match (
        before.and_then(|secret| secret.verifying_key.as_deref()),
        after,
    ) {
        (None, None) => Ok(()),
        (Some(before), Some(after)) if before != after => Ok(()),
        (Some(_), Some(_)) => Err(AppError::field(
            "public_key",
            "This is the public key that it has now. Hand in another one.",
        )),
        (Some(_), None) => Err(AppError::field(
            "public_key",
            "Paste the public key of the new pair.",
        )),
        (None, Some(_)) => Err(AppError::field(
            "public_key",
            "The secret of this key is made here.",
        )),
    }
}

/// Says why the old secret cannot go on for that long, if so.
pub fn overlap(state: &AppState, hours: u32) -> Result<(), AppError> {
    let max = state.profile.rotation.max_overlap_hours;
    if hours <= max {
        return Ok(());
    }
    Err(AppError::field(
        "overlap",
        match max {
            0 => "Here the old secret stops at once.".to_owned(),
            1 => "The old secret can work for 1 hour more at most.".to_owned(),
            max => format!("The old secret can work for {max} hours more at most."),
        },
    ))
}

/// Says why the key gets no new secret, if so.
pub fn rotatable(key: &KeyRow, now: Millis) -> Result<(), AppError> {
    let reason = match key.state(now) {
        KeyState::Active => return Ok(()),
        KeyState::Disabled => "Only an active key gets a new secret. Turn it on first.",
        KeyState::Requested | KeyState::Approved => {
            "This key has no secret yet, so there is none to replace."
        }
        _ => "This key has ended and gets no new secret. Create one like it.",
    };
    Err(AppError::told(UiErrorKind::Conflict, reason))
}

/// The key that this form has given a new secret, if it has.
pub async fn rotated_by(
    state: &AppState,
    viewer: &Viewer,
    form_id: &str,
) -> Result<Option<Creation>, AppError> {
    let mut reader = state.db.read().await?;
    let id = store::find_by_form(&mut reader, viewer.workspace_id(), form_id).await?;
    Ok(id.map(|id| Creation::AlreadyShown { id }))
}

/// Gives the key a new secret, or the other public key that is handed in. The old one works for `overlap_hours` more. What is counted goes on: it is the same key.
pub async fn rotate(
    state: &AppState,
    viewer: &Viewer,
    id: &str,
    form_id: &str,
    overlap_hours: u32,
    verifying_key: Option<&str>,
    proof: Proof,
) -> Result<Creation, AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    still(&mut tx, state, viewer, Role::Developer).await?;
    let key = find(&mut tx, viewer.workspace_id(), id).await?;
    if !policy::may_manage(viewer, key.owner_id.as_deref()) {
        return Err(AppError::Told(policy::not_yours()));
    }
    // By its own id: the form may have been about another key.
    if let Some(id) = store::find_by_form(&mut tx, viewer.workspace_id(), form_id).await? {
        return Ok(Creation::AlreadyShown { id });
    }
    not_the_second_person(&mut tx, viewer, &key).await?;
    proof
        .consume(
            &mut tx,
            state,
            viewer,
            Action::RotateKey,
            &rotate_content(id, overlap_hours, verifying_key),
        )
        .await?;
    overlap(state, overlap_hours)?;
    rotatable(&key, now)?;
    let before = handed_in(&mut tx, &key).await?;
    other_half(before.as_ref(), verifying_key)?;
    let ends_at = now + i64::from(overlap_hours) * HOUR;
    touch(&mut tx, state, &key).await?;
    store::replace_secrets(&mut tx, &key.workspace_id, &key.id, ends_at, now).await?;
    let half = verifying_key.map_or(Half::Made, Half::HandedIn);
    let created = make_secret(state, &mut tx, &key, half, Some(form_id)).await?;
    let detail = json!({
        "label": key.label, "environment": key.environment, "overlap_hours": overlap_hours, "old_ends_at": ends_at,
        "verifying_key": verifying_key,
    });
    audit::record(
        &mut tx,
        &entry(&key, &viewer.user_id, "key.rotated", detail),
        now,
    )
    .await?;
    tell(
        &mut tx,
        state,
        &key,
        EventType::KeyRotated,
        json!({ "old_secret_ends_at": rfc3339(ends_at) }),
    )
    .await?;
    tx.commit().await?;
    Ok(Creation::Created(created))
}

/// Stops the secrets that a rotation left working.
pub async fn cut(state: &AppState, viewer: &Viewer, id: &str) -> Result<(), AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    tx.serialise(&format!("workspace:{}", viewer.workspace_id()))
        .await?;
    let key = find(&mut tx, viewer.workspace_id(), id).await?;
    if !policy::may_disable(viewer, key.owner_id.as_deref()) {
        return Err(AppError::Told(policy::not_yours()));
    }
    touch(&mut tx, state, &key).await?;
    if store::cut_replaced(&mut tx, &key.workspace_id, &key.id, now).await? == 0 {
        return Err(AppError::told(
            UiErrorKind::Conflict,
            "No old secret works any more. There is nothing to stop.",
        ));
    }
    let detail = json!({ "label": key.label, "environment": key.environment });
    audit::record(
        &mut tx,
        &entry(&key, &viewer.user_id, "key.old_secret_stopped", detail),
        now,
    )
    .await?;
    tx.commit().await?;
    Ok(())
}

/// What stands of a key, in short: a change that was asked for on another basis is void.
pub fn basis(key: &KeyRow) -> String {
    let mut digest = Sha256::new();
    for part in [
        &key.label,
        &key.purpose,
        &key.scopes,
        &key.limits,
        &key.allow,
    ] {
        digest.update(part.len().to_be_bytes());
        digest.update(part);
    }
    digest.update(format!("{:?}/{:?}", key.expires_at, key.lifetime_days));
    hex::encode(&digest.finalize()[..16])
}

/// A wanted change of a key. `basis`: of the key as the form showed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    pub basis: String,
    pub label: String,
    pub purpose: String,
    pub terms: Terms,
}

/// What a change would come to.
pub struct Outlook {
    pub split: terms::Split,
    /// What widens waits for a second person; otherwise it needs a fresh factor alone.
    pub waits: bool,
}

/// Takes a change apart under the rules in force.
pub async fn outlook(
    reader: &mut crate::db::Reader,
    state: &AppState,
    key: &KeyRow,
    after: &Terms,
) -> Result<Outlook, AppError> {
    let before = key.terms();
    let split = terms::split(&before, after);
    let rules = settings::of(reader, &state.profile, &key.workspace_id).await?;
    let either: Vec<String> = before.scopes.iter().chain(&after.scopes).cloned().collect();
    let waits = !split.widenings.is_empty()
        && policy::needs_checker(&state.profile, rules.keys, &key.environment, &either);
    Ok(Outlook { split, waits })
}

/// What became of a change.
pub enum Changed {
    /// All of it is in force.
    InForce,
    /// What narrows is in force; this request is about the rest.
    Waits(String),
}

/// Changes a key: what narrows at once, what widens with a proof, and where the rules say so only once a second person
/// agrees.
pub async fn change(
    state: &AppState,
    viewer: &Viewer,
    id: &str,
    change: &Change,
    proof: Option<Proof>,
) -> Result<Changed, AppError> {
    let mut tx = state.db.begin().await?;
    still(&mut tx, state, viewer, Role::Developer).await?;
    let key = find(&mut tx, viewer.workspace_id(), id).await?;
    if !policy::may_manage(viewer, key.owner_id.as_deref()) {
        return Err(AppError::Told(policy::not_yours()));
    }
    changeable(&key, state.clock.now())?;
    on_basis(&key, &change.basis)?;
    let Outlook { split, waits } = outlook(&mut tx, state, &key, &change.terms).await?;
    if !split.widenings.is_empty() {
        let proof = proof.ok_or_else(|| {
            AppError::field(
                crate::accounts::step_up::FIELD,
                "This lets the key do more, so confirm that it\u{2019}s you.",
            )
        })?;
        proof
            .consume(&mut tx, state, viewer, Action::WidenKey, change)
            .await?;
    }
    let now_terms = if waits { &split.at_once } else { &change.terms };
    let named = (
        change.label.as_str(),
        folded_label(&change.label),
        change.purpose.as_str(),
    );
    let before = key.terms();
    if *now_terms != before || change.label != key.label || change.purpose != key.purpose {
        request::void_about(
            &mut tx,
            state,
            &key.workspace_id,
            &key.id,
            &viewer.user_id,
            "The key was changed meanwhile.",
        )
        .await?;
        put_terms(&mut tx, state, &viewer.user_id, &key, named, now_terms).await?;
    } else if !waits {
        return Err(AppError::told(
            UiErrorKind::Invalid,
            "Nothing was changed: the key is like that already.",
        ));
    }
    let changed = if waits {
        let key = find(&mut tx, &key.workspace_id, &key.id).await?;
        request::void_about(
            &mut tx,
            state,
            &key.workspace_id,
            &key.id,
            &viewer.user_id,
            "Another change was asked for in its place.",
        )
        .await?;
        Changed::Waits(ask_to_widen(&mut tx, state, viewer, &key, &change.terms).await?)
    } else {
        Changed::InForce
    };
    tx.commit().await?;
    Ok(changed)
}

/// Refuses a change of what the key was before somebody else changed it.
pub fn on_basis(key: &KeyRow, shown: &str) -> Result<(), AppError> {
    if basis(key) == shown {
        return Ok(());
    }
    Err(AppError::told(
        UiErrorKind::Conflict,
        "Someone changed this while you were editing; yours is kept below.",
    ))
}

/// Says why a key cannot be changed, if so.
pub fn changeable(key: &KeyRow, now: Millis) -> Result<(), AppError> {
    match key.state(now) {
        KeyState::Active | KeyState::Disabled => Ok(()),
        KeyState::Requested | KeyState::Approved => Err(AppError::told(
            UiErrorKind::Conflict,
            "What was asked for is frozen. Withdraw it, and send it again as you want it.",
        )),
        _ => Err(AppError::told(
            UiErrorKind::Conflict,
            "This key has ended and stays as it was. Create one like it.",
        )),
    }
}

async fn ask_to_widen(
    tx: &mut Tx,
    state: &AppState,
    viewer: &Viewer,
    key: &KeyRow,
    after: &Terms,
) -> Result<String, AppError> {
    let asked = Asked::ChangeKey {
        label: key.label.clone(),
        environment: key.environment.clone(),
        before: key.terms(),
        after: after.clone(),
    };
    let usual = usual_scopes(tx, state, key).await?;
    let context = risk::Context {
        purpose: &key.purpose,
        usual: &usual,
        made_the_checker: false,
    };
    let (risk, _) = risk::of_key(&state.profile, &key.environment, after, context);
    let request = Request {
        workspace_id: &key.workspace_id,
        subject_id: &key.id,
        asked: &asked,
        basis: &basis(key),
        risk,
        follows: None,
    };
    request::ask(tx, state, viewer, request).await
}

/// Puts other terms into force, with the record of what they were.
pub async fn put_terms(
    tx: &mut Tx,
    state: &AppState,
    actor: &str,
    key: &KeyRow,
    (label, label_folded, purpose): (&str, String, &str),
    after: &Terms,
) -> Result<(), AppError> {
    let word = state
        .profile
        .environment(&key.environment)
        .map_or(key.environment.as_str(), |environment| {
            environment.word.as_str()
        });
    let done = store::set_terms(
        tx,
        &key.workspace_id,
        &key.id,
        (label, &label_folded, purpose),
        after,
    )
    .await;
    label_free(done, label, word)?;
    touch(tx, state, key).await?;
    let before = key.terms();
    let mut detail = json!({ "label": label, "environment": key.environment });
    if key.label != label {
        detail["label_before"] = json!(key.label);
    }
    if before != *after {
        detail["before"] = json!(before);
        detail["after"] = json!(after);
        let widened: Vec<&str> = terms::widenings(&before, after)
            .into_iter()
            .map(Widening::words)
            .collect();
        detail["widened"] = json!(widened);
    }
    audit::record(
        tx,
        &entry(key, actor, "key.updated", detail),
        state.clock.now(),
    )
    .await?;
    tell(
        tx,
        state,
        key,
        EventType::KeyUpdated,
        json!({ "scopes": after.scopes }),
    )
    .await
}

/// Writes other metadata; it grants nothing, and applies at once.
pub async fn set_meta(
    state: &AppState,
    viewer: &Viewer,
    id: &str,
    meta: &[(String, String)],
) -> Result<(), AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    tx.serialise(&format!("workspace:{}", viewer.workspace_id()))
        .await?;
    let key = find(&mut tx, viewer.workspace_id(), id).await?;
    if !policy::may_manage(viewer, key.owner_id.as_deref()) {
        return Err(AppError::Told(policy::not_yours()));
    }
    changeable(&key, now)?;
    if key.meta() == meta {
        return Ok(());
    }
    store::set_meta(&mut tx, &key.workspace_id, &key.id, meta).await?;
    touch(&mut tx, state, &key).await?;
    let detail = json!({ "label": key.label, "environment": key.environment, "meta": meta });
    audit::record(
        &mut tx,
        &entry(&key, &viewer.user_id, "key.meta_changed", detail),
        now,
    )
    .await?;
    tell(
        &mut tx,
        state,
        &key,
        EventType::KeyUpdated,
        // As verify gives it.
        json!({ "meta": meta.iter().cloned().collect::<BTreeMap<_, _>>() }),
    )
    .await?;
    tx.commit().await?;
    Ok(())
}

/// Stops a key; it can be turned on again.
pub async fn disable(state: &AppState, viewer: &Viewer, id: &str) -> Result<(), AppError> {
    let mut tx = state.db.begin().await?;
    // One at a time in a workspace: what is found here is what is changed.
    tx.serialise(&format!("workspace:{}", viewer.workspace_id()))
        .await?;
    let key = find(&mut tx, viewer.workspace_id(), id).await?;
    if !policy::may_disable(viewer, key.owner_id.as_deref()) {
        return Err(AppError::Told(policy::not_yours()));
    }
    disable_in(state, &mut tx, viewer, &key).await?;
    tx.commit().await?;
    Ok(())
}

/// Whether the viewer acts as operator and the key's stop is a member's, so that theirs would stand above it.
pub fn overrides_stop(viewer: &Viewer, key: &KeyRow, now: Millis) -> bool {
    viewer.acting.is_some()
        && key.state(now) == KeyState::Disabled
        && key.disabled_by.as_deref() != Some(OPERATOR)
}

/// Stops a key within a larger operation.
pub async fn disable_in(
    state: &AppState,
    tx: &mut Tx,
    viewer: &Viewer,
    key: &KeyRow,
) -> Result<(), AppError> {
    let now = state.clock.now();
    // An operator's stop stands above a member's: from then on no member turns the key on.
    let overrides = overrides_stop(viewer, key, now);
    if !overrides && !step(tx, state, key, Step::Disable, None).await? {
        return Err(match key.state(now) {
            KeyState::Disabled => AppError::told(
                UiErrorKind::Conflict,
                "This key was stopped before. Nothing of yours was recorded.",
            ),
            _ => AppError::told(
                UiErrorKind::Conflict,
                "This key is not in use. There is nothing to stop.",
            ),
        });
    }
    let by = if viewer.acting.is_some() {
        OPERATOR
    } else {
        MEMBER
    };
    store::set_disabled_by(tx, &key.workspace_id, &key.id, by).await?;
    let detail = json!({ "label": key.label, "environment": key.environment, "by": by });
    audit::record(
        tx,
        &entry(key, &viewer.user_id, "key.disabled", detail),
        now,
    )
    .await?;
    tell(tx, state, key, EventType::KeyDisabled, json!({})).await
}

/// What the proof of turning a key on is bound to.
pub fn enable_content(id: &str) -> Value {
    json!({ "enable": id })
}

/// Turns a key on again: with a proof, or, where the rules say so, once a checker agrees.
pub async fn enable(
    state: &AppState,
    viewer: &Viewer,
    id: &str,
    proof: Proof,
) -> Result<Changed, AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    tx.serialise(&format!("workspace:{}", viewer.workspace_id()))
        .await?;
    let operator = viewer.acting.is_some();
    if !operator {
        still(&mut tx, state, viewer, Role::Developer).await?;
    }
    let key = find(&mut tx, viewer.workspace_id(), id).await?;
    may_enable(viewer, &key, now)?;
    proof
        .consume(
            &mut tx,
            state,
            viewer,
            Action::EnableKey,
            &enable_content(id),
        )
        .await?;
    let terms = key.terms();
    let waits = enabling_waits(&mut tx, state, viewer, &key).await?;
    let changed = if waits {
        let asked = Asked::EnableKey {
            label: key.label.clone(),
            environment: key.environment.clone(),
            terms: terms.clone(),
        };
        let context = risk::Context {
            purpose: &key.purpose,
            usual: &[],
            made_the_checker: false,
        };
        let (risk, _) = risk::of_key(&state.profile, &key.environment, &terms, context);
        let request = Request {
            workspace_id: &key.workspace_id,
            subject_id: &key.id,
            asked: &asked,
            basis: &basis(&key),
            risk,
            follows: None,
        };
        Changed::Waits(request::ask(&mut tx, state, viewer, request).await?)
    } else {
        if !step(&mut tx, state, &key, Step::Enable, None).await? {
            return Err(taken());
        }
        request::void_about(
            &mut tx,
            state,
            &key.workspace_id,
            &key.id,
            &viewer.user_id,
            "The key was turned on meanwhile.",
        )
        .await?;
        let detail = json!({ "label": key.label, "environment": key.environment });
        audit::record(
            &mut tx,
            &entry(&key, &viewer.user_id, "key.enabled", detail),
            now,
        )
        .await?;
        tell(&mut tx, state, &key, EventType::KeyUpdated, json!({})).await?;
        Changed::InForce
    };
    tx.commit().await?;
    Ok(changed)
}

/// Whether a second person has to agree before the key is turned on again. Not to what an operator has stopped: that
/// is for an operator alone.
pub async fn enabling_waits(
    reader: &mut crate::db::Reader,
    state: &AppState,
    viewer: &Viewer,
    key: &KeyRow,
) -> Result<bool, AppError> {
    if viewer.acting.is_some() {
        return Ok(false);
    }
    let rules = settings::of(reader, &state.profile, &key.workspace_id).await?;
    let scopes = key.terms().scopes;
    Ok(policy::needs_checker(
        &state.profile,
        rules.keys,
        &key.environment,
        &scopes,
    ))
}

/// Says why the viewer cannot turn the key on, if so.
pub fn may_enable(viewer: &Viewer, key: &KeyRow, now: Millis) -> Result<(), AppError> {
    let operator = viewer.acting.is_some();
    let by_operator = key.disabled_by.as_deref() == Some(OPERATOR);
    if key.state(now) != KeyState::Disabled {
        return Err(AppError::told(
            UiErrorKind::Conflict,
            "This key is not stopped. There is nothing to turn on.",
        ));
    }
    if by_operator && !operator {
        return Err(AppError::told(
            UiErrorKind::NotAllowed,
            "An operator stopped this key, so only an operator turns it on. Write to them.",
        ));
    }
    if operator && !by_operator {
        return Err(AppError::told(
            UiErrorKind::NotAllowed,
            "A member stopped this key. Turning it on is theirs to decide.",
        ));
    }
    if !operator && !policy::may_manage(viewer, key.owner_id.as_deref()) {
        return Err(AppError::Told(policy::not_yours()));
    }
    Ok(())
}

/// Withdraws a key that waits, or that was approved and has no secret yet.
pub async fn withdraw(state: &AppState, viewer: &Viewer, id: &str) -> Result<(), AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    tx.serialise(&format!("workspace:{}", viewer.workspace_id()))
        .await?;
    let key = find(&mut tx, viewer.workspace_id(), id).await?;
    if !policy::may_manage(viewer, key.owner_id.as_deref()) {
        return Err(AppError::Told(policy::not_yours()));
    }
    if !step(&mut tx, state, &key, Step::Withdraw, None).await? {
        return Err(AppError::told(
            UiErrorKind::Conflict,
            "This key waits for nothing any more. There is nothing to withdraw.",
        ));
    }
    for row in approvals::store::open_about(&mut tx, &key.workspace_id, &key.id, now).await? {
        let end = approvals::store::End {
            outcome: "withdrawn",
            by: Some(&viewer.user_id),
            reason: None,
            own: false,
        };
        approvals::store::end(&mut tx, &key.workspace_id, &row.id, end, now).await?;
    }
    let detail = json!({ "label": key.label, "environment": key.environment });
    audit::record(
        &mut tx,
        &entry(&key, &viewer.user_id, "key.withdrawn", detail),
        now,
    )
    .await?;
    tx.commit().await?;
    Ok(())
}

/// Takes a key that has ended out of the lists. Its record stays.
pub async fn hide(state: &AppState, viewer: &Viewer, id: &str) -> Result<(), AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    tx.serialise(&format!("workspace:{}", viewer.workspace_id()))
        .await?;
    let key = find(&mut tx, viewer.workspace_id(), id).await?;
    if !policy::may_manage(viewer, key.owner_id.as_deref()) {
        return Err(AppError::Told(policy::not_yours()));
    }
    if !key.state(now).has_ended() {
        return Err(AppError::told(
            UiErrorKind::Conflict,
            "Only a key that has ended can be deleted from the lists. Revoke it first.",
        ));
    }
    if !store::hide(&mut tx, &key.workspace_id, &key.id, now).await? {
        return Ok(());
    }
    let detail = json!({ "label": key.label, "environment": key.environment });
    audit::record(
        &mut tx,
        &entry(&key, &viewer.user_id, "key.hidden", detail),
        now,
    )
    .await?;
    tx.commit().await?;
    Ok(())
}

/// Ends a key for good; from the next request on it is refused. `label` is what was typed to confirm, where the
/// key is live.
pub async fn revoke(
    state: &AppState,
    viewer: &Viewer,
    id: &str,
    label: &str,
) -> Result<(), AppError> {
    if !is_id(id, "key") {
        return Err(AppError::not_found());
    }
    let mut tx = state.db.begin().await?;
    tx.serialise(&format!("workspace:{}", viewer.workspace_id()))
        .await?;
    let key = store::find(&mut tx, viewer.workspace_id(), id)
        .await?
        .ok_or_else(AppError::not_found)?;
    if !policy::may_revoke(viewer, key.owner_id.as_deref()) {
        return Err(AppError::Told(policy::not_yours()));
    }
    let live = state
        .profile
        .environment(&key.environment)
        .is_none_or(|environment| environment.live);
    if live && policy::folded_label(label) != policy::folded_label(&key.label) {
        return Err(AppError::field(
            "label",
            format!(
                "Type \u{201c}{}\u{201d} to confirm which key you mean.",
                key.label
            ),
        ));
    }
    end(state, &mut tx, &key, &viewer.user_id).await?;
    tx.commit().await?;
    Ok(())
}

/// Ends a key at the console.
pub async fn revoke_at_console(state: &AppState, id: &str) -> Result<(), AppError> {
    let mut tx = state.db.begin().await?;
    let workspace_id = store::workspace_of(&mut tx, id)
        .await?
        .ok_or_else(AppError::not_found)?;
    tx.serialise(&format!("workspace:{workspace_id}")).await?;
    let key = store::find(&mut tx, &workspace_id, id)
        .await?
        .ok_or_else(AppError::not_found)?;
    end(state, &mut tx, &key, audit::CONSOLE).await?;
    tx.commit().await?;
    Ok(())
}

/// Ends a key within a larger operation, whoever may do that; one that still waits is withdrawn.
pub async fn end(
    state: &AppState,
    tx: &mut Tx,
    key: &store::KeyRow,
    actor: &str,
) -> Result<(), AppError> {
    let now = state.clock.now();
    let waits = matches!(key.state(now), KeyState::Requested | KeyState::Approved);
    let by = if waits { Step::Withdraw } else { Step::Revoke };
    if !step(tx, state, key, by, None).await? {
        return Err(AppError::told(
            UiErrorKind::Conflict,
            match key.state(now) {
                KeyState::Revoked => "This key was revoked before. Nothing of yours was recorded.",
                _ => "This key has ended before. Nothing of yours was recorded.",
            },
        ));
    }
    let reason = "The key has ended.";
    request::void_about(tx, state, &key.workspace_id, &key.id, actor, reason).await?;
    let action = if waits {
        "key.withdrawn"
    } else {
        "key.revoked"
    };
    let detail = json!({ "label": key.label, "environment": key.environment });
    audit::record(tx, &entry(key, actor, action, detail), now).await?;
    if waits {
        return Ok(());
    }
    tell(tx, state, key, EventType::KeyRevoked, json!({})).await
}

/// What is done with several keys at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bulk {
    Disable,
    Revoke,
}

impl Bulk {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Revoke => "revoke",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Disable, Self::Revoke]
            .into_iter()
            .find(|bulk| bulk.as_str() == text)
    }
}

/// Keys that are touched at once, at most: what a page of the list holds.
pub const MAX_BULK: usize = 50;

/// Stops or ends several keys: all of them, or none if one of them can't be. Those that are in that state already are
/// left as they are. Gives how many were touched.
pub async fn bulk(
    state: &AppState,
    viewer: &Viewer,
    ids: &[String],
    what: Bulk,
) -> Result<usize, AppError> {
    let now = state.clock.now();
    if ids.is_empty() || ids.len() > MAX_BULK {
        return Err(AppError::told(
            UiErrorKind::Invalid,
            format!("Choose 1 to {MAX_BULK} keys."),
        ));
    }
    let mut tx = state.db.begin().await?;
    tx.serialise(&format!("workspace:{}", viewer.workspace_id()))
        .await?;
    let mut touched = 0;
    for id in ids {
        let key = find(&mut tx, viewer.workspace_id(), id).await?;
        if !policy::may_revoke(viewer, key.owner_id.as_deref()) {
            return Err(AppError::Told(policy::not_yours()));
        }
        match (what, key.state(now)) {
            (Bulk::Disable, KeyState::Active) => disable_in(state, &mut tx, viewer, &key).await?,
            (Bulk::Revoke, KeyState::Active | KeyState::Disabled) => {
                end(state, &mut tx, &key, &viewer.user_id).await?;
            }
            _ => continue,
        }
        touched += 1;
    }
    tx.commit().await?;
    Ok(touched)
}

/// What the proof of revoking everything is bound to.
pub fn revoke_all_content(workspace_id: &str) -> Value {
    json!({ "revoke_all": workspace_id })
}

/// The emergency: ends every key of the workspace, of all environments, and withdraws what waits. Gives how many.
pub async fn revoke_all(
    state: &AppState,
    viewer: &Viewer,
    proof: Proof,
) -> Result<usize, AppError> {
    let now = state.clock.now();
    let workspace_id = viewer.workspace_id();
    let mut tx = state.db.begin().await?;
    still(&mut tx, state, viewer, Role::Admin).await?;
    proof
        .consume(
            &mut tx,
            state,
            viewer,
            Action::RevokeAll,
            &revoke_all_content(workspace_id),
        )
        .await?;
    let mut ended = 0;
    for key in store::not_ended(&mut tx, workspace_id, None).await? {
        if !key.state(now).has_ended() {
            end(state, &mut tx, &key, &viewer.user_id).await?;
            ended += 1;
        }
    }
    let detail = json!({ "keys": ended });
    audit::record(
        &mut tx,
        &viewer.entry("keys.all_revoked", workspace_id, detail),
        now,
    )
    .await?;
    tx.commit().await?;
    Ok(ended)
}

/// Hands a key to another developer of the workspace, as an admin: whoever had it may be gone.
pub async fn give(state: &AppState, viewer: &Viewer, id: &str, to: &str) -> Result<(), AppError> {
    let mut tx = state.db.begin().await?;
    still(&mut tx, state, viewer, Role::Admin).await?;
    let key = find(&mut tx, viewer.workspace_id(), id).await?;
    let roles = workspaces::ops::roles_now(&mut tx, state, viewer.workspace_id(), to).await?;
    if !roles.include(Role::Developer) {
        return Err(AppError::field(
            "to",
            "Choose a developer of this workspace.",
        ));
    }
    if key.owner_id.as_deref() == Some(to) {
        return Err(AppError::field("to", "The key is theirs already."));
    }
    hand_over(state, &mut tx, &key, Some(to), &viewer.user_id).await?;
    let notice = Notice {
        kind: Kind::Keys,
        workspace_id: Some(viewer.workspace_id()),
        subject: format!("The key \u{201c}{}\u{201d} is yours now", key.label),
        text: format!("{} handed it to you.", viewer.name),
        action: "See the key",
        path: format!("/keys/{id}"),
    };
    notices::tell(&mut tx, state, to, &notice).await?;
    tx.commit().await?;
    Ok(())
}

/// Gives a key to another member within a larger operation; to nobody in particular if there is none to give it to.
pub async fn hand_over(
    state: &AppState,
    tx: &mut Tx,
    key: &store::KeyRow,
    to: Option<&str>,
    actor: &str,
) -> Result<(), AppError> {
    store::set_owner(tx, &key.workspace_id, &key.id, to).await?;
    audit::record(
        tx,
        &audit::Entry {
            chain: key.workspace_id.clone(),
            actor: actor.to_owned(),
            action: "key.handed_over",
            target: key.id.clone(),
            detail: json!({ "label": key.label, "environment": key.environment, "from": key.owner_id, "to": to }),
        },
        state.clock.now(),
    )
    .await?;
    Ok(())
}
