//! All SQL about requests for approval.

use sqlx::FromRow;

use super::settings::Settings;
use crate::{
    db::{DbError, Reader, Tx},
    server::clock::Millis,
};

#[derive(Clone, Debug, FromRow)]
pub struct ApprovalRow {
    pub id: String,
    pub workspace_id: String,
    pub kind: String,
    pub subject_id: String,
    pub environment: Option<String>,
    pub title: String,
    /// JSON of [`super::asked::Asked`].
    pub asked: String,
    pub content_hash: Vec<u8>,
    pub basis: String,
    pub risk: i64,
    pub requested_by: String,
    pub maker: Option<String>,
    /// Of the key that it is about: who owns it now, and the ends of its secret.
    pub owner_id: Option<String>,
    pub secret_start: Option<String>,
    pub secret_end: Option<String>,
    pub requested_at: Millis,
    pub lapses_at: Millis,
    pub reminded_at: Option<Millis>,
    pub outcome: Option<String>,
    pub decided_by: Option<String>,
    pub decider: Option<String>,
    pub decided_at: Option<Millis>,
    pub reason: Option<String>,
    /// Who asked decided, being alone.
    pub own: bool,
    pub follows: Option<String>,
}

impl ApprovalRow {
    /// The content's hash in hex.
    pub fn content(&self) -> String {
        hex::encode(&self.content_hash)
    }

    pub fn is_open(&self, now: Millis) -> bool {
        self.outcome.is_none() && now < self.lapses_at
    }

    /// What became of it, with what time has done to it.
    pub fn outcome(&self, now: Millis) -> Option<&str> {
        match self.outcome.as_deref() {
            None if self.lapses_at <= now => Some("lapsed"),
            other => other,
        }
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select a.id, a.workspace_id, a.kind, a.subject_id, a.environment, a.title, a.asked, a.content_hash, a.basis,
                    a.risk, a.requested_by, m.name as maker, a.requested_at, a.lapses_at, a.reminded_at, a.outcome,
                    a.decided_by, d.name as decider, a.decided_at, a.reason, a.own, a.follows,
                    k.owner_id, k.secret_start, k.secret_end
             from approvals a left join users m on m.id = a.requested_by left join users d on d.id = a.decided_by
             left join api_keys k on k.id = a.subject_id and k.workspace_id = a.workspace_id ",
            $rest
        )
    };
}

pub struct Insert<'a> {
    pub id: &'a str,
    pub workspace_id: &'a str,
    pub kind: &'a str,
    pub subject_id: &'a str,
    pub environment: Option<&'a str>,
    pub title: &'a str,
    pub asked: &'a str,
    pub content_hash: [u8; 32],
    pub basis: &'a str,
    pub risk: i64,
    pub requested_by: &'a str,
    pub lapses_at: Millis,
    pub follows: Option<&'a str>,
}

pub async fn insert(tx: &mut Tx, new: Insert<'_>, now: Millis) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "insert into approvals (id, workspace_id, kind, subject_id, environment, title, asked, content_hash, basis, risk,
                                requested_by, requested_at, lapses_at, follows)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        new.id,
        new.workspace_id,
        new.kind,
        new.subject_id,
        new.environment,
        new.title,
        new.asked,
        new.content_hash.to_vec(),
        new.basis,
        new.risk,
        new.requested_by,
        now,
        new.lapses_at,
        new.follows
    )?;
    Ok(())
}

pub async fn find(
    reader: &mut Reader,
    workspace_id: &str,
    id: &str,
) -> Result<Option<ApprovalRow>, DbError> {
    crate::fetch_optional!(
        reader,
        ApprovalRow,
        select!("where a.workspace_id = $1 and a.id = $2"),
        workspace_id,
        id
    )
}

/// Requests about this key, member or workspace that nobody has decided.
pub async fn open_about(
    reader: &mut Reader,
    workspace_id: &str,
    subject_id: &str,
    now: Millis,
) -> Result<Vec<ApprovalRow>, DbError> {
    crate::fetch_all!(
        reader,
        ApprovalRow,
        select!(
            "where a.workspace_id = $1 and a.subject_id = $2 and a.outcome is null and a.lapses_at > $3 order by a.id"
        ),
        workspace_id,
        subject_id,
        now
    )
}

/// The last request about it, decided or not.
pub async fn last_about(
    reader: &mut Reader,
    workspace_id: &str,
    subject_id: &str,
) -> Result<Option<ApprovalRow>, DbError> {
    crate::fetch_optional!(
        reader,
        ApprovalRow,
        select!("where a.workspace_id = $1 and a.subject_id = $2 order by a.id desc limit 1"),
        workspace_id,
        subject_id
    )
}

/// Whether this person has agreed to something about it that another had asked for.
pub async fn agreed(
    reader: &mut Reader,
    workspace_id: &str,
    subject_id: &str,
    user_id: &str,
) -> Result<bool, DbError> {
    let (count,): (i64,) = crate::fetch_one!(
        reader,
        (i64,),
        "select count(*) from approvals
         where workspace_id = $1 and subject_id = $2 and decided_by = $3 and outcome = 'approved' and not own",
        workspace_id,
        subject_id,
        user_id
    )?;
    Ok(count > 0)
}

/// What waits in a workspace, the riskiest first, then the oldest.
pub async fn open(
    reader: &mut Reader,
    workspace_id: &str,
    now: Millis,
) -> Result<Vec<ApprovalRow>, DbError> {
    crate::fetch_all!(
        reader,
        ApprovalRow,
        select!(
            "where a.workspace_id = $1 and a.outcome is null and a.lapses_at > $2
             order by a.risk desc, a.id limit 500"
        ),
        workspace_id,
        now
    )
}

/// What was decided or ended, the newest first, before that id; with `of`, only what is this person's.
pub async fn decided(
    reader: &mut Reader,
    workspace_id: &str,
    of: Option<&str>,
    before: Option<&str>,
    now: Millis,
    limit: i64,
) -> Result<Vec<ApprovalRow>, DbError> {
    crate::fetch_all!(
        reader,
        ApprovalRow,
        select!(
            "where a.workspace_id = $1 and (a.outcome is not null or a.lapses_at <= $2)
               and (cast($3 as text) is null or a.id < $3)
               and (cast($5 as text) is null or a.requested_by = $5 or k.owner_id = $5) order by a.id desc limit $4"
        ),
        workspace_id,
        now,
        before,
        limit,
        of
    )
}

/// How many requests wait that are not this checker's own in any way ([`super::policy::is_theirs`]): what the rail counts.
pub async fn count_for(
    reader: &mut Reader,
    workspace_id: &str,
    user_id: &str,
    now: Millis,
) -> Result<i64, DbError> {
    let (count,): (i64,) = crate::fetch_one!(
        reader,
        (i64,),
        "select count(*) from approvals a left join api_keys k on k.id = a.subject_id and k.workspace_id = a.workspace_id
         where a.workspace_id = $1 and a.requested_by <> $2 and (k.owner_id is null or k.owner_id <> $2)
           and a.subject_id <> $2 and a.outcome is null and a.lapses_at > $3",
        workspace_id,
        user_id,
        now
    )?;
    Ok(count)
}

/// How a request ended.
pub struct End<'a> {
    pub outcome: &'a str,
    pub by: Option<&'a str>,
    pub reason: Option<&'a str>,
    pub own: bool,
}

/// Ends a request. False if another was first.
pub async fn end(
    tx: &mut Tx,
    workspace_id: &str,
    id: &str,
    end: End<'_>,
    now: Millis,
) -> Result<bool, DbError> {
    let touched = crate::execute!(
        tx,
        "update approvals set outcome = $3, decided_by = $4, decided_at = $5, reason = $6, own = $7
         where workspace_id = $1 and id = $2 and outcome is null",
        workspace_id,
        id,
        end.outcome,
        end.by,
        now,
        end.reason,
        end.own
    )?;
    Ok(touched == 1)
}

/// Opens a request again whose approval was taken back.
pub async fn reopen(
    tx: &mut Tx,
    workspace_id: &str,
    id: &str,
    lapses_at: Millis,
) -> Result<bool, DbError> {
    let touched = crate::execute!(
        tx,
        "update approvals set outcome = null, decided_by = null, decided_at = null, reason = null, own = false,
                lapses_at = $3, reminded_at = null
         where workspace_id = $1 and id = $2 and outcome = 'approved'",
        workspace_id,
        id,
        lapses_at
    )?;
    Ok(touched == 1)
}

/// Notes that the checkers were reminded, if they were not since `since`.
pub async fn set_reminded(
    tx: &mut Tx,
    workspace_id: &str,
    id: &str,
    since: Millis,
    now: Millis,
) -> Result<bool, DbError> {
    let touched = crate::execute!(
        tx,
        "update approvals set reminded_at = $4
         where workspace_id = $1 and id = $2 and outcome is null and (reminded_at is null or reminded_at <= $3)",
        workspace_id,
        id,
        since,
        now
    )?;
    Ok(touched == 1)
}

/// Requests of any workspace that nobody decided in time: the housekeeper's work.
pub async fn lapsed(
    reader: &mut Reader,
    now: Millis,
    limit: i64,
) -> Result<Vec<ApprovalRow>, DbError> {
    crate::fetch_all!(
        reader,
        ApprovalRow,
        select!("where a.outcome is null and a.lapses_at <= $1 order by a.id limit $2"),
        now,
        limit
    )
}

/// Requests that lapse before `until` and of which nobody was reminded since `since`: the housekeeper's work too.
pub async fn about_to_lapse(
    reader: &mut Reader,
    now: Millis,
    until: Millis,
    since: Millis,
    limit: i64,
) -> Result<Vec<ApprovalRow>, DbError> {
    crate::fetch_all!(
        reader,
        ApprovalRow,
        select!(
            "where a.outcome is null and a.lapses_at > $1 and a.lapses_at <= $2
               and (a.reminded_at is null or a.reminded_at <= $3) order by a.id limit $4"
        ),
        now,
        until,
        since,
        limit
    )
}

/// What the record holds of how this member came to their roles, oldest first: action, who did it, and the detail.
pub async fn roles_given(
    reader: &mut Reader,
    workspace_id: &str,
    user_id: &str,
) -> Result<Vec<(String, String, String)>, DbError> {
    crate::fetch_all!(
        reader,
        (String, String, String),
        "select action, actor, detail from audit_entries
         where chain_id = $1 and target = $2 and action in ('member.added', 'member.roles_changed') order by seq",
        workspace_id,
        user_id
    )
}

/// Who sent an invitation.
pub async fn inviter(
    reader: &mut Reader,
    workspace_id: &str,
    invitation_id: &str,
) -> Result<Option<String>, DbError> {
    let row: Option<(String,)> = crate::fetch_optional!(
        reader,
        (String,),
        "select invited_by from invitations where workspace_id = $1 and id = $2",
        workspace_id,
        invitation_id
    )?;
    Ok(row.map(|(id,)| id))
}

#[derive(Clone, Debug, FromRow)]
pub struct SettingsRow {
    pub approval_level: Option<String>,
    pub own_approval: bool,
    pub four_eyes_roles: bool,
    pub four_eyes_policy: bool,
}

pub async fn settings(
    reader: &mut Reader,
    workspace_id: &str,
) -> Result<Option<SettingsRow>, DbError> {
    crate::fetch_optional!(
        reader,
        SettingsRow,
        "select approval_level, own_approval, four_eyes_roles, four_eyes_policy from workspaces where id = $1",
        workspace_id
    )
}

pub async fn set_settings(
    tx: &mut Tx,
    workspace_id: &str,
    settings: &Settings,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update workspaces set approval_level = $2, own_approval = $3, four_eyes_roles = $4, four_eyes_policy = $5
         where id = $1",
        workspace_id,
        settings.keys.as_str(),
        settings.own,
        settings.roles,
        settings.policy
    )?;
    Ok(())
}
