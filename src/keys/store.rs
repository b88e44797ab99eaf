//! All SQL about keys.

use serde_json::json;
use sqlx::FromRow;

use super::{
    allow::AllowEntry,
    life,
    policy::{NewKey, folded_label},
    terms::{Expiry, Limits, Terms},
    types::{KeyState, KeyTab},
};
use crate::{
    db::{Bulk, DbError, Reader, SecretHash, Tx},
    server::clock::{HOUR, Millis},
};

/// A key as it is stored.
#[derive(Clone, FromRow)]
pub struct KeyRow {
    pub id: String,
    pub workspace_id: String,
    pub environment: String,
    pub label: String,
    pub purpose: String,
    /// JSON, here and below: list of scope ids.
    pub scopes: String,
    pub limits: String,
    pub allow: String,
    pub meta: String,
    pub tier: Option<String>,
    pub owner_id: Option<String>,
    pub owner: Option<String>,
    /// Who asked for it.
    pub maker_id: Option<String>,
    /// Empty until the secret is made.
    pub secret_start: String,
    pub secret_end: String,
    pub state: String,
    pub expires_at: Option<Millis>,
    pub lifetime_days: Option<i64>,
    pub waits_until: Option<Millis>,
    pub created_at: Millis,
    pub revealed_at: Option<Millis>,
    pub ended_at: Option<Millis>,
    pub disabled_by: Option<String>,
    pub hidden_at: Option<Millis>,
    pub last_used_at: Option<Millis>,
    pub last_used_ip: Option<String>,
}

impl KeyRow {
    /// The state that was written down; [`KeyRow::state`] knows the time as well.
    pub fn stored_state(&self) -> KeyState {
        // A word that this version does not know lets nothing through.
        KeyState::parse(&self.state).unwrap_or(KeyState::Revoked)
    }

    pub fn state(&self, now: Millis) -> KeyState {
        life::at(self.stored_state(), self.expires_at, self.waits_until, now)
    }

    /// What bounds it. Parts that cannot be read grant nothing.
    pub fn terms(&self) -> Terms {
        Terms {
            scopes: serde_json::from_str(&self.scopes).unwrap_or_default(),
            limits: self.limits(),
            expiry: match (self.expires_at, self.lifetime_days) {
                (Some(at), _) => Expiry::At(at),
                (None, Some(days)) => Expiry::Days(u32::try_from(days).unwrap_or(0)),
                (None, None) => Expiry::Never,
            },
            allow: self.allow(),
        }
    }

    pub fn limits(&self) -> Limits {
        serde_json::from_str(&self.limits).unwrap_or_default()
    }

    pub fn allow(&self) -> Vec<AllowEntry> {
        serde_json::from_str(&self.allow).unwrap_or_default()
    }

    pub fn meta(&self) -> Vec<(String, String)> {
        serde_json::from_str(&self.meta).unwrap_or_default()
    }
}

macro_rules! select_key {
    ($rest:literal) => {
        concat!(
            "select k.id, k.workspace_id, k.environment, k.label, k.purpose, k.scopes, k.limits, k.allow, k.meta, k.tier,
                    k.owner_id, u.name as owner, k.maker_id, k.secret_start, k.secret_end, k.state, k.expires_at,
                    k.lifetime_days, k.waits_until, k.created_at, k.revealed_at, k.ended_at, k.disabled_by, k.hidden_at,
                    k.last_used_at, k.last_used_ip
             from api_keys k left join users u on u.id = k.owner_id ",
            $rest
        )
    };
}

/// Terms as the columns hold them.
struct Columns {
    scopes: String,
    limits: String,
    allow: String,
    expires_at: Option<Millis>,
    lifetime_days: Option<i64>,
}

impl Columns {
    fn of(terms: &Terms) -> Self {
        let (expires_at, lifetime_days) = match terms.expiry {
            Expiry::Never => (None, None),
            Expiry::Days(days) => (None, Some(i64::from(days))),
            Expiry::At(at) => (Some(at), None),
        };
        Self {
            scopes: json!(terms.scopes).to_string(),
            limits: json!(terms.limits).to_string(),
            allow: json!(terms.allow).to_string(),
            expires_at,
            lifetime_days,
        }
    }
}

pub struct Insert<'a> {
    pub id: &'a str,
    pub workspace_id: &'a str,
    pub key: &'a NewKey,
    pub label_folded: &'a str,
    /// Who asks for it and owns it; nobody in particular at the console.
    pub maker_id: Option<&'a str>,
    pub draft_id: Option<&'a str>,
    pub waits_until: Option<Millis>,
}

/// Keeps a key that has no secret yet, as one that waits for a second person.
pub async fn insert(tx: &mut Tx, new: Insert<'_>, now: Millis) -> Result<(), DbError> {
    let columns = Columns::of(&new.key.terms);
    crate::execute!(
        tx,
        "insert into api_keys (id, workspace_id, environment, label, label_folded, purpose, scopes, limits, allow, meta,
                               tier, owner_id, maker_id, draft_id, secret_start, secret_end, state, expires_at,
                               lifetime_days, waits_until, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, $13, '', '', $14, $15, $16, $17, $18)",
        new.id,
        new.workspace_id,
        &new.key.environment,
        &new.key.label,
        new.label_folded,
        &new.key.purpose,
        columns.scopes,
        columns.limits,
        columns.allow,
        json!(new.key.meta).to_string(),
        new.key.tier.as_deref(),
        new.maker_id,
        new.draft_id,
        KeyState::Requested.as_str(),
        columns.expires_at,
        columns.lifetime_days,
        new.waits_until,
        now
    )?;
    Ok(())
}

/// Gives a key other terms, label and purpose.
pub async fn set_terms(
    tx: &mut Tx,
    workspace_id: &str,
    id: &str,
    (label, label_folded, purpose): (&str, &str, &str),
    terms: &Terms,
) -> Result<(), DbError> {
    let columns = Columns::of(terms);
    // A later end is reminded of anew.
    crate::execute!(
        tx,
        "update api_keys set label = $3, label_folded = $4, purpose = $5, scopes = $6, limits = $7, allow = $8,
                expires_at = $9, lifetime_days = $10,
                reminded_days = case when expires_at = $9 then reminded_days else null end
         where workspace_id = $1 and id = $2",
        workspace_id,
        id,
        label,
        label_folded,
        purpose,
        columns.scopes,
        columns.limits,
        columns.allow,
        columns.expires_at,
        columns.lifetime_days
    )?;
    Ok(())
}

pub async fn set_meta(
    tx: &mut Tx,
    workspace_id: &str,
    id: &str,
    meta: &[(String, String)],
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update api_keys set meta = $3 where workspace_id = $1 and id = $2",
        workspace_id,
        id,
        json!(meta).to_string()
    )?;
    Ok(())
}

/// Moves a key from one state to another. False if it was in another by then.
pub async fn set_state(
    tx: &mut Tx,
    key: &KeyRow,
    to: KeyState,
    waits_until: Option<Millis>,
    now: Millis,
) -> Result<bool, DbError> {
    let touched = crate::execute!(
        tx,
        "update api_keys set state = $4, waits_until = $5, ended_at = $6, disabled_by = null
         where workspace_id = $1 and id = $2 and state = $3",
        &key.workspace_id,
        &key.id,
        &key.state,
        to.as_str(),
        waits_until,
        to.has_ended().then_some(now)
    )?;
    Ok(touched == 1)
}

pub async fn set_disabled_by(
    tx: &mut Tx,
    workspace_id: &str,
    id: &str,
    by: &str,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update api_keys set disabled_by = $3 where workspace_id = $1 and id = $2",
        workspace_id,
        id,
        by
    )?;
    Ok(())
}

/// Takes a key that has ended out of the lists.
pub async fn hide(tx: &mut Tx, workspace_id: &str, id: &str, now: Millis) -> Result<bool, DbError> {
    let touched = crate::execute!(
        tx,
        "update api_keys set hidden_at = $3 where workspace_id = $1 and id = $2 and hidden_at is null",
        workspace_id,
        id,
        now
    )?;
    Ok(touched == 1)
}

/// One of a key's secrets.
#[derive(Clone, FromRow)]
pub struct SecretRow {
    pub id: String,
    pub key_id: String,
    pub secret_hash: Vec<u8>,
    pub secret_start: String,
    pub secret_end: String,
    pub public_key: Option<String>,
    /// An Ed25519 public key that was handed in.
    pub verifying_key: Option<String>,
    pub created_at: Millis,
    pub replaced_at: Option<Millis>,
    pub ends_at: Option<Millis>,
}

impl SecretRow {
    pub fn hash(&self) -> Result<SecretHash, DbError> {
        self.secret_hash.as_slice().try_into().map_err(|_| {
            DbError::Other(sqlx::Error::Decode(
                format!("the fingerprint of {} is damaged", self.id).into(),
            ))
        })
    }
}

pub struct NewSecret<'a> {
    pub id: &'a str,
    pub key_id: &'a str,
    pub workspace_id: &'a str,
    pub hash: SecretHash,
    pub shown: (&'a str, &'a str),
    pub public_key: Option<&'a str>,
    pub sealed: Option<Vec<u8>>,
    pub verifying_key: Option<&'a str>,
    pub form_id: Option<&'a str>,
}

/// Makes this the secret that the key has now.
pub async fn insert_secret(tx: &mut Tx, new: NewSecret<'_>, now: Millis) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "insert into key_secrets (id, key_id, workspace_id, secret_hash, secret_start, secret_end, public_key, sealed,
                                  verifying_key, form_id, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        new.id,
        new.key_id,
        new.workspace_id,
        new.hash.to_vec(),
        new.shown.0,
        new.shown.1,
        new.public_key,
        new.sealed,
        new.verifying_key,
        new.form_id,
        now
    )?;
    crate::execute!(
        tx,
        "update api_keys set secret_start = $3, secret_end = $4 where workspace_id = $1 and id = $2",
        new.workspace_id,
        new.key_id,
        new.shown.0,
        new.shown.1
    )?;
    Ok(())
}

/// When the key became usable, and its end if that is counted from then.
pub async fn set_revealed(
    tx: &mut Tx,
    workspace_id: &str,
    id: &str,
    expires_at: Option<Millis>,
    now: Millis,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update api_keys set revealed_at = $3, expires_at = $4, lifetime_days = null
         where workspace_id = $1 and id = $2",
        workspace_id,
        id,
        now,
        expires_at
    )?;
    Ok(())
}

/// A key's secrets, the present one first, then the newest.
pub async fn secrets(
    reader: &mut Reader,
    workspace_id: &str,
    key_id: &str,
) -> Result<Vec<SecretRow>, DbError> {
    crate::fetch_all!(
        reader,
        SecretRow,
        "select id, key_id, secret_hash, secret_start, secret_end, public_key, verifying_key, created_at, replaced_at, ends_at
         from key_secrets where workspace_id = $1 and key_id = $2
         order by case when replaced_at is null then 0 else 1 end, id desc",
        workspace_id,
        key_id
    )
}

/// The key whose secret this form has made.
pub async fn find_by_form(
    reader: &mut Reader,
    workspace_id: &str,
    form_id: &str,
) -> Result<Option<String>, DbError> {
    let row: Option<(String,)> = crate::fetch_optional!(
        reader,
        (String,),
        "select key_id from key_secrets where workspace_id = $1 and form_id = $2",
        workspace_id,
        form_id
    )?;
    Ok(row.map(|(id,)| id))
}

/// Ends the key's older secrets at `ends_at`, and the present one too if a new one takes its place; none that has ended
/// before comes back.
pub async fn replace_secrets(
    tx: &mut Tx,
    workspace_id: &str,
    key_id: &str,
    ends_at: Millis,
    now: Millis,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update key_secrets set ends_at = case when ends_at is null or ends_at > $3 then $3 else ends_at end,
                replaced_at = coalesce(replaced_at, $4)
         where workspace_id = $1 and key_id = $2",
        workspace_id,
        key_id,
        ends_at,
        now
    )?;
    Ok(())
}

/// Ends what was replaced and still works. Gives how many that were.
pub async fn cut_replaced(
    tx: &mut Tx,
    workspace_id: &str,
    key_id: &str,
    now: Millis,
) -> Result<u64, DbError> {
    crate::execute!(
        tx,
        "update key_secrets set ends_at = $3
         where workspace_id = $1 and key_id = $2 and replaced_at is not null and ends_at > $3",
        workspace_id,
        key_id,
        now
    )
}

pub async fn find(
    reader: &mut Reader,
    workspace_id: &str,
    id: &str,
) -> Result<Option<KeyRow>, DbError> {
    crate::fetch_optional!(
        reader,
        KeyRow,
        select_key!("where k.workspace_id = $1 and k.id = $2"),
        workspace_id,
        id
    )
}

/// The key that a form has already made.
pub async fn find_by_draft(
    reader: &mut Reader,
    workspace_id: &str,
    draft_id: &str,
) -> Result<Option<KeyRow>, DbError> {
    crate::fetch_optional!(
        reader,
        KeyRow,
        select_key!("where k.workspace_id = $1 and k.draft_id = $2"),
        workspace_id,
        draft_id
    )
}

/// A key by the fingerprint of its secret, within a workspace.
pub async fn find_by_secret(
    reader: &mut Reader,
    workspace_id: &str,
    secret: SecretHash,
) -> Result<Option<KeyRow>, DbError> {
    crate::fetch_optional!(
        reader,
        KeyRow,
        select_key!(
            "where k.workspace_id = $1 and k.id = (select key_id from key_secrets where secret_hash = $2)"
        ),
        workspace_id,
        secret.to_vec()
    )
}

/// What judging needs of a key and its workspace. One of the few reads across workspaces: who sends the key is not
/// known before it is found.
#[derive(FromRow)]
pub struct JudgedRow {
    pub secret_hash: Vec<u8>,
    pub id: String,
    pub workspace_id: String,
    pub environment: String,
    pub label: String,
    pub scopes: String,
    pub allow: String,
    pub meta: String,
    pub state: String,
    pub expires_at: Option<Millis>,
    pub suspended_at: Option<Millis>,
    /// In place of the workspace's own.
    pub tier: Option<String>,
    pub limits: String,
    pub secret_id: String,
    /// When this secret, which another has replaced, stops working.
    pub secret_ends_at: Option<Millis>,
    /// Of a pair: its secret half as it is kept, or the public key that was handed in.
    pub sealed: Option<Vec<u8>>,
    pub verifying_key: Option<String>,
}

static JUDGED: Bulk = Bulk::new(
    "with asked (secret_hash) as (values ",
    1,
    ") select s.secret_hash, k.id, k.workspace_id, k.environment, k.label, k.scopes, k.allow, k.meta, k.state, k.tier, k.limits,
              k.expires_at, w.suspended_at, s.id as secret_id, s.ends_at as secret_ends_at, s.sealed, s.verifying_key
       from asked cross join key_secrets s join api_keys k on k.id = s.key_id join workspaces w on w.id = k.workspace_id
       where s.secret_hash = asked.secret_hash",
);

/// Those of the keys with these secrets that there are.
pub async fn to_judge(
    reader: &mut Reader,
    secrets: &[SecretHash],
) -> Result<Vec<JudgedRow>, DbError> {
    Ok(crate::fetch_bulk!(
        reader,
        JudgedRow,
        JUDGED,
        secrets,
        |secret| secret.as_slice()
    ))
}

/// The workspace of a key, for the command line, which acts in none.
pub async fn workspace_of(reader: &mut Reader, id: &str) -> Result<Option<String>, DbError> {
    let row: Option<(String,)> = crate::fetch_optional!(
        reader,
        (String,),
        "select workspace_id from api_keys where id = $1",
        id
    )?;
    Ok(row.map(|(workspace_id,)| workspace_id))
}

/// Keys of a workspace that nobody has ended, of one owner if one is named.
pub async fn not_ended(
    reader: &mut Reader,
    workspace_id: &str,
    owner_id: Option<&str>,
) -> Result<Vec<KeyRow>, DbError> {
    crate::fetch_all!(
        reader,
        KeyRow,
        select_key!(
            "where k.workspace_id = $1 and k.ended_at is null
               and (cast($2 as text) is null or k.owner_id = $2) order by k.id"
        ),
        workspace_id,
        owner_id
    )
}

/// Every key that a person owns, in all workspaces: it is about the person.
pub async fn of_owner(reader: &mut Reader, owner_id: &str) -> Result<Vec<KeyRow>, DbError> {
    crate::fetch_all!(
        reader,
        KeyRow,
        select_key!("where k.owner_id = $1 order by k.id"),
        owner_id
    )
}

pub async fn set_owner(
    tx: &mut Tx,
    workspace_id: &str,
    id: &str,
    owner_id: Option<&str>,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update api_keys set owner_id = $3 where workspace_id = $1 and id = $2",
        workspace_id,
        id,
        owner_id
    )?;
    Ok(())
}

/// What a list is narrowed to and how it is ordered.
#[derive(Clone, Copy)]
pub struct Filter<'a> {
    pub workspace_id: &'a str,
    pub environment: &'a str,
    pub tab: KeyTab,
    /// Part of a label, or the last four characters.
    pub search: Option<&'a str>,
    pub owner_id: Option<&'a str>,
    pub scope: Option<&'a str>,
    /// Ends before this moment.
    pub ends_before: Option<Millis>,
    /// Usable, and not used since this moment.
    pub idle_since: Option<Millis>,
    pub sort: Sort,
    /// The last key of the page before.
    pub after: Option<&'a KeyRow>,
}

/// What a list is ordered by; keys alike in that, by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Last used first; keys that never were, by when they were made, at the end.
    #[default]
    Used,
    /// Newest first.
    Made,
    Label,
    /// The one that ends next first; those that never end last.
    Expiry,
}

impl Sort {
    pub const ALL: [Self; 4] = [Self::Used, Self::Made, Self::Label, Self::Expiry];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Used => "used",
            Self::Made => "made",
            Self::Label => "label",
            Self::Expiry => "expiry",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sort| sort.as_str() == text)
    }

    /// Where a key stands in the order: by a word, then by a number.
    fn place(self, key: &KeyRow) -> (String, i64) {
        match self {
            Self::Used => (String::new(), -key.last_used_at.unwrap_or(0)),
            Self::Made => (String::new(), 0),
            Self::Label => (folded_label(&key.label), 0),
            Self::Expiry => (String::new(), key.expires_at.unwrap_or(i64::MAX)),
        }
    }
}

/// Keys of a tab. What has run out is inactive from that second on.
pub async fn list(
    reader: &mut Reader,
    filter: Filter<'_>,
    now: Millis,
    limit: i64,
) -> Result<Vec<KeyRow>, DbError> {
    let pattern = filter.search.map(contains);
    let scope = filter.scope.map(|scope| json!(scope).to_string());
    let scope = scope.as_deref().map(contains);
    let tab = match filter.tab {
        KeyTab::Active => 0_i64,
        KeyTab::Pending => 1,
        KeyTab::Inactive => 2,
    };
    let place = filter.after.map(|key| filter.sort.place(key));
    let (word, number) = place.unzip();
    crate::fetch_all!(
        reader,
        KeyRow,
        select_key!(
            "join (select id, case when cast($9 as text) = 'label' then label_folded else '' end as word,
                          case when cast($9 as text) = 'used' then -coalesce(last_used_at, 0)
                               when cast($9 as text) = 'expiry' then coalesce(expires_at, 9223372036854775807)
                               else 0 end as number
                   from api_keys where workspace_id = $1 and environment = $2) o on o.id = k.id
             where k.hidden_at is null
               and (case when k.state in ('active', 'disabled') and (k.expires_at is null or k.expires_at > $3) then 0
                         when k.state in ('requested', 'approved') and k.waits_until > $3 then 1
                         else 2 end) = $4
               and (cast($5 as text) is null or k.label_folded like $5 escape '\\' or k.secret_end = $6 or k.id = $6)
               and (cast($7 as text) is null or k.owner_id = $7)
               and (cast($8 as text) is null or k.scopes like $8 escape '\\')
               and (cast($10 as text) is null or o.word > $10
                    or (o.word = $10 and (o.number > $11 or (o.number = $11 and k.id < $12))))
               and (cast($13 as bigint) is null or k.expires_at < $13)
               and (cast($14 as bigint) is null or
                    (k.state = 'active' and coalesce(k.last_used_at, k.revealed_at, k.created_at) < $14))
             order by o.word, o.number, k.id desc limit $15"
        ),
        filter.workspace_id,
        filter.environment,
        now,
        tab,
        pattern.as_deref(),
        filter.search,
        filter.owner_id,
        scope.as_deref(),
        filter.sort.as_str(),
        word.as_deref(),
        number,
        filter.after.map(|key| key.id.as_str()),
        filter.ends_before,
        filter.idle_since,
        limit
    )
}

/// A pattern for `like` that matches the text anywhere, taken literally.
fn contains(text: &str) -> String {
    let literal = text
        .to_lowercase()
        .replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_");
    format!("%{literal}%")
}

/// How many keys of an environment there are, by tab.
pub async fn count(
    reader: &mut Reader,
    workspace_id: &str,
    environment: &str,
    now: Millis,
) -> Result<(i64, i64, i64), DbError> {
    crate::fetch_one!(
        reader,
        (i64, i64, i64),
        "select coalesce(cast(sum(case when place = 0 then 1 else 0 end) as bigint), 0),
                coalesce(cast(sum(case when place = 1 then 1 else 0 end) as bigint), 0),
                coalesce(cast(sum(case when place = 2 then 1 else 0 end) as bigint), 0)
         from (select case when state in ('active', 'disabled') and (expires_at is null or expires_at > $3) then 0
                           when state in ('requested', 'approved') and waits_until > $3 then 1
                           else 2 end as place
               from api_keys where workspace_id = $1 and environment = $2 and hidden_at is null) counted",
        workspace_id,
        environment,
        now
    )
}

/// What of an environment's keys wants to be looked at, by number.
#[derive(Clone, Copy, Debug, FromRow, PartialEq, Eq)]
pub struct Attention {
    /// Approved, and waiting for this person to have the secret made.
    pub ready: i64,
    /// Ends soon.
    pub ending: i64,
    /// Usable, and not used for long.
    pub idle: i64,
}

/// `until`: the moment before which an end is soon; `since`: the one after which a use is recent.
pub async fn attention(
    reader: &mut Reader,
    (workspace_id, environment, user_id): (&str, &str, &str),
    now: Millis,
    until: Millis,
    since: Millis,
) -> Result<Attention, DbError> {
    crate::fetch_one!(
        reader,
        Attention,
        "select coalesce(cast(sum(case when state = 'approved' and waits_until > $4 and owner_id = $3
                                       then 1 else 0 end) as bigint), 0) as ready,
                coalesce(cast(sum(case when state in ('active', 'disabled') and expires_at > $4 and expires_at < $5
                                       then 1 else 0 end) as bigint), 0) as ending,
                coalesce(cast(sum(case when state = 'active' and (expires_at is null or expires_at > $4)
                                        and coalesce(last_used_at, revealed_at, created_at) < $6
                                       then 1 else 0 end) as bigint), 0) as idle
         from api_keys where workspace_id = $1 and environment = $2 and ended_at is null and hidden_at is null",
        workspace_id,
        environment,
        user_id,
        now,
        until,
        since
    )
}

/// Who owns keys of an environment, by id and name.
pub async fn owners(
    reader: &mut Reader,
    workspace_id: &str,
    environment: &str,
) -> Result<Vec<(String, String)>, DbError> {
    crate::fetch_all!(
        reader,
        (String, String),
        "select id, name from users where id in
             (select owner_id from api_keys where workspace_id = $1 and environment = $2 and hidden_at is null)
         order by name, id",
        workspace_id,
        environment
    )
}

/// The keys of a page as a table `ids`. Both engines can take a text apart, and every id is as long as any other.
macro_rules! of_page {
    ($rest:literal) => {
        concat!(
            "with recursive ids (id, rest) as (
                 select substr(cast($2 as text), 1, 30), substr(cast($2 as text), 31)
                 union all select substr(rest, 1, 30), substr(rest, 31) from ids where rest <> '') ",
            $rest
        )
    };
}

/// Requests of these keys by key and hour, since an hour. One query for a page; it looks at no other key's counts.
pub async fn hours(
    reader: &mut Reader,
    workspace_id: &str,
    environment: &str,
    ids: &[String],
    since: Millis,
) -> Result<Vec<(String, i64, i64)>, DbError> {
    crate::fetch_all!(
        reader,
        (String, i64, i64),
        of_page!(
            "select u.key_id, u.hour, cast(sum(u.requests) as bigint) from ids cross join usage_hours u
             where u.workspace_id = $1 and u.environment = $3 and u.key_id = ids.id and u.hour >= $4
             group by u.key_id, u.hour"
        ),
        workspace_id,
        ids.concat(),
        environment,
        since / HOUR
    )
}

/// Those of these keys of which a replaced secret still works, and until when.
pub async fn rotating(
    reader: &mut Reader,
    workspace_id: &str,
    ids: &[String],
    now: Millis,
) -> Result<Vec<(String, Millis)>, DbError> {
    crate::fetch_all!(
        reader,
        (String, Millis),
        of_page!(
            "select s.key_id, max(s.ends_at) from ids cross join key_secrets s
             where s.workspace_id = $1 and s.key_id = ids.id and s.replaced_at is not null and s.ends_at > $3
             group by s.key_id"
        ),
        workspace_id,
        ids.concat(),
        now
    )
}

/// Those of these keys about which a request waits for a decision, and the request.
pub async fn asked_about(
    reader: &mut Reader,
    workspace_id: &str,
    ids: &[String],
    now: Millis,
) -> Result<Vec<(String, String)>, DbError> {
    crate::fetch_all!(
        reader,
        (String, String),
        of_page!(
            "select a.subject_id, max(a.id) from ids cross join approvals a
             where a.workspace_id = $1 and a.subject_id = ids.id and a.outcome is null and a.lapses_at > $3
             group by a.subject_id"
        ),
        workspace_id,
        ids.concat(),
        now
    )
}

/// How many keys of a workspace, over all environments, can be used or wait to be.
pub async fn count_alive(
    reader: &mut Reader,
    workspace_id: &str,
    now: Millis,
) -> Result<i64, DbError> {
    let (count,): (i64,) = crate::fetch_one!(
        reader,
        (i64,),
        "select count(*) from api_keys where workspace_id = $1 and ended_at is null
           and (expires_at is null or expires_at > $2) and (waits_until is null or waits_until > $2)",
        workspace_id,
        now
    )?;
    Ok(count)
}

/// Keys of an environment that can be used, for comparison with one that is asked for.
pub async fn active(
    reader: &mut Reader,
    workspace_id: &str,
    environment: &str,
    now: Millis,
) -> Result<Vec<KeyRow>, DbError> {
    crate::fetch_all!(
        reader,
        KeyRow,
        select_key!(
            "where k.workspace_id = $1 and k.environment = $2 and k.state in ('active', 'disabled')
               and (k.expires_at is null or k.expires_at > $3) order by k.id desc limit 500"
        ),
        workspace_id,
        environment,
        now
    )
}

/// Keys whose time ran out, of any workspace: the housekeeper's work.
pub async fn run_out(reader: &mut Reader, now: Millis, limit: i64) -> Result<Vec<KeyRow>, DbError> {
    crate::fetch_all!(
        reader,
        KeyRow,
        select_key!(
            "where k.ended_at is null and (k.expires_at <= $1 or k.waits_until <= $1) order by k.id limit $2"
        ),
        now,
        limit
    )
}

/// Keys that end before `until` and whose people were last reminded with more days to go than `days`: the housekeeper's
/// work too. Whoever makes a key for a week needs not hear at once that a week is left.
pub async fn to_remind(
    reader: &mut Reader,
    now: Millis,
    until: Millis,
    days: i64,
    limit: i64,
) -> Result<Vec<KeyRow>, DbError> {
    crate::fetch_all!(
        reader,
        KeyRow,
        select_key!(
            "where k.ended_at is null and k.state in ('active', 'disabled') and k.expires_at > $1 and k.expires_at <= $2
               and (k.reminded_days is null or k.reminded_days > $3)
               and k.expires_at - coalesce(k.revealed_at, k.created_at) > cast($2 as bigint) - cast($1 as bigint)
             order by k.id limit $4"
        ),
        now,
        until,
        days,
        limit
    )
}

/// Notes with how many days to go people were reminded. False if somebody else did so first.
pub async fn set_reminded(
    tx: &mut Tx,
    workspace_id: &str,
    id: &str,
    days: i64,
) -> Result<bool, DbError> {
    let touched = crate::execute!(
        tx,
        "update api_keys set reminded_days = $3
         where workspace_id = $1 and id = $2 and (reminded_days is null or reminded_days > $3)",
        workspace_id,
        id,
        days
    )?;
    Ok(touched == 1)
}

/// A form as far as it was filled in.
pub async fn save_draft(
    tx: &mut Tx,
    (id, workspace_id, user_id): (&str, &str, &str),
    fields: &str,
    now: Millis,
) -> Result<bool, DbError> {
    let touched = crate::execute!(
        tx,
        "insert into key_drafts (id, workspace_id, user_id, fields, updated_at) values ($1, $2, $3, $4, $5)
         on conflict (id) do update set fields = excluded.fields, updated_at = excluded.updated_at
         where key_drafts.workspace_id = excluded.workspace_id and key_drafts.user_id = excluded.user_id",
        id,
        workspace_id,
        user_id,
        fields,
        now
    )?;
    Ok(touched == 1)
}

/// What was typed into a form that is this person's and no older than `since`.
pub async fn draft(
    reader: &mut Reader,
    (id, workspace_id, user_id): (&str, &str, &str),
    since: Millis,
) -> Result<Option<String>, DbError> {
    let row: Option<(String,)> = crate::fetch_optional!(
        reader,
        (String,),
        "select fields from key_drafts where id = $1 and workspace_id = $2 and user_id = $3 and updated_at > $4",
        id,
        workspace_id,
        user_id,
        since
    )?;
    Ok(row.map(|(fields,)| fields))
}

pub async fn delete_draft(tx: &mut Tx, workspace_id: &str, id: &str) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "delete from key_drafts where workspace_id = $1 and id = $2",
        workspace_id,
        id
    )?;
    Ok(())
}

pub async fn delete_drafts_before(tx: &mut Tx, since: Millis) -> Result<(), DbError> {
    crate::execute!(tx, "delete from key_drafts where updated_at <= $1", since)?;
    Ok(())
}

/// How many keys of this owner can be used.
pub async fn count_of_owner(
    reader: &mut Reader,
    workspace_id: &str,
    owner_id: &str,
    now: Millis,
) -> Result<i64, DbError> {
    let (count,): (i64,) = crate::fetch_one!(
        reader,
        (i64,),
        "select count(*) from api_keys
         where workspace_id = $1 and owner_id = $2 and ended_at is null and (expires_at is null or expires_at > $3)",
        workspace_id,
        owner_id,
        now
    )?;
    Ok(count)
}

/// Gives the keys of this owner that can be used to another, or to nobody in particular. Gives their ids.
pub async fn hand_over(
    tx: &mut Tx,
    workspace_id: &str,
    from: &str,
    to: Option<&str>,
    now: Millis,
) -> Result<Vec<String>, DbError> {
    let rows: Vec<(String,)> = crate::fetch_all!(
        tx,
        (String,),
        "update api_keys set owner_id = $3
         where workspace_id = $1 and owner_id = $2 and ended_at is null and (expires_at is null or expires_at > $4)
         returning id",
        workspace_id,
        from,
        to,
        now
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// A key that can be used, as far as a profile has a say in it.
#[derive(FromRow)]
pub struct StandingRow {
    pub id: String,
    pub label: String,
    pub workspace_id: String,
    pub environment: String,
    pub scopes: String,
    pub expires_at: Option<Millis>,
    pub created_at: Millis,
}

/// Every key that can be used, in all workspaces: a changed profile concerns them all.
pub async fn standing(reader: &mut Reader, now: Millis) -> Result<Vec<StandingRow>, DbError> {
    crate::fetch_all!(
        reader,
        StandingRow,
        "select id, label, workspace_id, environment, scopes, expires_at, created_at from api_keys
         where ended_at is null and (expires_at is null or expires_at > $1) order by workspace_id, id",
        now
    )
}
