//! All SQL of those who run the installation: service tokens, operators' acts, the lists of workspaces and people. It
//! belongs to no workspace, and its callers let operators alone come here.

use sqlx::FromRow;

use crate::{
    db::{DbError, Reader, SecretHash, Tx},
    server::clock::Millis,
};

pub async fn insert_token(
    tx: &mut Tx,
    id: &str,
    name: &str,
    hash: SecretHash,
    expires_at: Option<Millis>,
    now: Millis,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "insert into service_tokens (id, name, token_hash, created_at, expires_at) values ($1, $2, $3, $4, $5)",
        id,
        name,
        hash.to_vec(),
        now,
        expires_at
    )?;
    Ok(())
}

/// Expiry of the token with this fingerprint, unless it was revoked.
pub async fn token(
    reader: &mut Reader,
    hash: SecretHash,
) -> Result<Option<Option<Millis>>, DbError> {
    let row: Option<(Option<Millis>,)> = crate::fetch_optional!(
        reader,
        (Option<Millis>,),
        "select expires_at from service_tokens where token_hash = $1 and revoked_at is null",
        hash.to_vec()
    )?;
    Ok(row.map(|(expires_at,)| expires_at))
}

/// Revokes a token; gives its name and fingerprint, or nothing if there was none to revoke.
pub async fn revoke_token(
    tx: &mut Tx,
    id: &str,
    now: Millis,
) -> Result<Option<(String, Vec<u8>)>, DbError> {
    crate::fetch_optional!(
        tx,
        (String, Vec<u8>),
        "update service_tokens set revoked_at = $2 where id = $1 and revoked_at is null returning name, token_hash",
        id,
        now
    )
}

/// An operator's act in a workspace that goes on.
#[derive(Clone, Debug, FromRow)]
pub struct Act {
    pub id: String,
    pub operator_id: String,
    pub operator: String,
    pub workspace_id: String,
    pub workspace: String,
    pub suspended_at: Option<Millis>,
    pub require_second_factor: bool,
    pub reason: String,
    pub started_at: Millis,
    pub ends_at: Millis,
}

/// The acts that go on in this workspace, and the one of this id wherever it does, oldest first. Who is no operator any
/// more acts nowhere.
pub async fn acts(
    reader: &mut Reader,
    workspace_id: Option<&str>,
    id: Option<&str>,
    now: Millis,
) -> Result<Vec<Act>, DbError> {
    crate::fetch_all!(
        reader,
        Act,
        "select a.id, a.operator_id, u.name as operator, a.workspace_id, w.name as workspace, w.suspended_at,
                w.require_second_factor, a.reason, a.started_at, a.ends_at
         from operator_acts a
         join users u on u.id = a.operator_id and u.operator and u.closed_at is null
         join workspaces w on w.id = a.workspace_id and w.closed_at is null
         where a.ended_at is null and a.ends_at > $3 and (a.workspace_id = $1 or a.id = $2)
         order by a.started_at, a.id",
        workspace_id,
        id,
        now
    )
}

pub struct NewAct<'a> {
    pub id: &'a str,
    pub operator_id: &'a str,
    pub workspace_id: &'a str,
    pub reason: &'a str,
    pub ends_at: Millis,
}

pub async fn insert_act(tx: &mut Tx, act: NewAct<'_>, now: Millis) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "insert into operator_acts (id, operator_id, workspace_id, reason, started_at, ends_at)
         values ($1, $2, $3, $4, $5, $6)",
        act.id,
        act.operator_id,
        act.workspace_id,
        act.reason,
        now,
        act.ends_at
    )?;
    Ok(())
}

/// Ends whatever acts of the operator go on; gives the id and workspace of each.
pub async fn end_acts(
    tx: &mut Tx,
    operator_id: &str,
    now: Millis,
) -> Result<Vec<(String, String)>, DbError> {
    crate::fetch_all!(
        tx,
        (String, String),
        "update operator_acts set ended_at = $2
         where operator_id = $1 and ended_at is null and ends_at > $2 returning id, workspace_id",
        operator_id,
        now
    )
}

/// A workspace as an operator sees it: no names of keys, nothing of what it does.
#[derive(Clone, Debug, FromRow)]
pub struct WorkspaceRow {
    pub id: String,
    pub name: String,
    pub suspended_at: Option<Millis>,
    pub require_second_factor: bool,
    pub created_at: Millis,
    pub members: i64,
    pub active_keys: i64,
}

macro_rules! select_workspace {
    ($rest:literal) => {
        concat!(
            "select w.id, w.name, w.suspended_at, w.require_second_factor, w.created_at,
                    (select count(*) from members m where m.workspace_id = w.id) as members,
                    (select count(*) from api_keys k where k.workspace_id = w.id and k.ended_at is null
                        and (k.expires_at is null or k.expires_at > $1)) as active_keys
             from workspaces w where w.closed_at is null and ",
            $rest
        )
    };
}

/// Workspaces, the newest first. `search` is part of a name, `before` the id that the page before ended with.
pub async fn workspaces(
    reader: &mut Reader,
    search: Option<&str>,
    before: Option<&str>,
    now: Millis,
    limit: i64,
) -> Result<Vec<WorkspaceRow>, DbError> {
    // As typed too: neither engine folds letters beyond ASCII.
    let typed = search.map(|text| format!("%{}%", literal(text)));
    let folded = typed.as_deref().map(str::to_lowercase);
    crate::fetch_all!(
        reader,
        WorkspaceRow,
        select_workspace!(
            "(cast($2 as text) is null or w.name like $2 escape '\\' or lower(w.name) like $3 escape '\\')
             and (cast($4 as text) is null or w.id < $4)
             order by w.id desc limit $5"
        ),
        now,
        typed.as_deref(),
        folded.as_deref(),
        before,
        limit
    )
}

pub async fn workspace(
    reader: &mut Reader,
    id: &str,
    now: Millis,
) -> Result<Option<WorkspaceRow>, DbError> {
    crate::fetch_optional!(
        reader,
        WorkspaceRow,
        select_workspace!("w.id = $2"),
        now,
        id
    )
}

/// Sets or lifts the suspension. Gives false if that was so before.
pub async fn set_suspended(
    tx: &mut Tx,
    id: &str,
    suspended_at: Option<Millis>,
) -> Result<bool, DbError> {
    let touched = crate::execute!(
        tx,
        "update workspaces set suspended_at = $2
         where id = $1 and (suspended_at is null) <> (cast($2 as bigint) is null)",
        id,
        suspended_at
    )?;
    Ok(touched == 1)
}

/// The fingerprints of the workspace's keys that are judged by anything but their end.
pub async fn key_hashes(reader: &mut Reader, workspace_id: &str) -> Result<Vec<Vec<u8>>, DbError> {
    let rows: Vec<(Vec<u8>,)> = crate::fetch_all!(
        reader,
        (Vec<u8>,),
        "select s.secret_hash from key_secrets s join api_keys k on k.id = s.key_id
         where k.workspace_id = $1 and k.ended_at is null",
        workspace_id
    )?;
    Ok(rows.into_iter().map(|(hash,)| hash).collect())
}

/// The members of a workspace with the roles as they are written.
pub async fn members(
    reader: &mut Reader,
    workspace_id: &str,
) -> Result<Vec<(String, String)>, DbError> {
    crate::fetch_all!(
        reader,
        (String, String),
        "select m.user_id, m.roles from members m join users u on u.id = m.user_id
         where m.workspace_id = $1 and u.closed_at is null order by m.created_at, m.user_id",
        workspace_id
    )
}

/// Everybody who runs the installation.
pub async fn operators(reader: &mut Reader) -> Result<Vec<String>, DbError> {
    let rows: Vec<(String,)> = crate::fetch_all!(
        reader,
        (String,),
        "select id from users where operator and closed_at is null order by id"
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// The workspaces that a person belongs to, closed ones too: their record tells of them.
pub async fn workspaces_of(reader: &mut Reader, user_id: &str) -> Result<Vec<String>, DbError> {
    let rows: Vec<(String,)> = crate::fetch_all!(
        reader,
        (String,),
        "select workspace_id from members where user_id = $1 order by workspace_id",
        user_id
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// A person as an operator sees them: which factors they hold, never what those are.
#[derive(Clone, Debug, FromRow)]
pub struct PersonRow {
    pub id: String,
    pub email: String,
    pub name: String,
    pub operator: bool,
    pub closed_at: Option<Millis>,
    pub created_at: Millis,
    pub workspaces: i64,
    pub pin: bool,
    pub totp: i64,
    pub passkeys: i64,
    pub recovery_codes: i64,
}

macro_rules! select_person {
    ($rest:literal) => {
        concat!(
            "select u.id, u.email, u.name, u.operator, u.closed_at, u.created_at, u.pin_hash is not null as pin,
                    (select count(*) from members m where m.user_id = u.id) as workspaces,
                    (select count(*) from totp_secrets t where t.user_id = u.id) as totp,
                    (select count(*) from passkeys p where p.user_id = u.id) as passkeys,
                    (select count(*) from recovery_codes r where r.user_id = u.id and r.used_at is null) as recovery_codes
             from users u where ",
            $rest
        )
    };
}

/// People, the newest first. `search` is the beginning of an address or a name.
pub async fn people(
    reader: &mut Reader,
    search: Option<&str>,
    before: Option<&str>,
    limit: i64,
) -> Result<Vec<PersonRow>, DbError> {
    let typed = search.map(|text| format!("{}%", literal(text)));
    let folded = typed.as_deref().map(str::to_lowercase);
    crate::fetch_all!(
        reader,
        PersonRow,
        select_person!(
            "(cast($1 as text) is null or u.name like $1 escape '\\' or lower(u.name) like $2 escape '\\'
                 or u.email_folded like $2 escape '\\')
             and (cast($3 as text) is null or u.id < $3)
             order by u.id desc limit $4"
        ),
        typed.as_deref(),
        folded.as_deref(),
        before,
        limit
    )
}

pub async fn person(reader: &mut Reader, id: &str) -> Result<Option<PersonRow>, DbError> {
    crate::fetch_optional!(reader, PersonRow, select_person!("u.id = $1"), id)
}

/// The text as a pattern for `like` that matches nothing else.
fn literal(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_")
}
