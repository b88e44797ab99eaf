//! All SQL about workspaces and their members.

use sqlx::FromRow;

use super::Grants;
use crate::{
    db::{DbError, Reader, SecretHash, Tx},
    server::clock::Millis,
};

/// A workspace as one of its members sees it.
#[derive(Clone, Debug, FromRow)]
pub struct Membership {
    pub workspace_id: String,
    pub name: String,
    pub roles: String,
    pub suspended_at: Option<Millis>,
    pub require_second_factor: bool,
}

pub async fn insert(tx: &mut Tx, id: &str, name: &str, now: Millis) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "insert into workspaces (id, name, created_at) values ($1, $2, $3)",
        id,
        name,
        now
    )?;
    Ok(())
}

pub async fn exists(reader: &mut Reader, id: &str) -> Result<bool, DbError> {
    let row: Option<(String,)> = crate::fetch_optional!(
        reader,
        (String,),
        "select id from workspaces where id = $1",
        id
    )?;
    Ok(row.is_some())
}

pub async fn add_member(
    tx: &mut Tx,
    workspace_id: &str,
    user_id: &str,
    roles: &Grants,
    now: Millis,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "insert into members (workspace_id, user_id, roles, created_at) values ($1, $2, $3, $4)",
        workspace_id,
        user_id,
        roles.to_string(),
        now
    )?;
    Ok(())
}

/// The workspaces that a person belongs to, the one joined first at the head.
pub async fn of_user(reader: &mut Reader, user_id: &str) -> Result<Vec<Membership>, DbError> {
    crate::fetch_all!(
        reader,
        Membership,
        "select w.id as workspace_id, w.name, m.roles, w.suspended_at, w.require_second_factor
         from members m join workspaces w on w.id = m.workspace_id
         where m.user_id = $1 order by m.created_at, w.id",
        user_id
    )
}

/// A workspace for those who are no members of it yet, and for its settings.
#[derive(Clone, Debug, FromRow)]
pub struct Space {
    pub id: String,
    pub name: String,
    pub suspended_at: Option<Millis>,
    pub require_second_factor: bool,
}

pub async fn find(reader: &mut Reader, id: &str) -> Result<Option<Space>, DbError> {
    crate::fetch_optional!(
        reader,
        Space,
        "select id, name, suspended_at, require_second_factor
         from workspaces where id = $1 and closed_at is null",
        id
    )
}

pub async fn rename(tx: &mut Tx, id: &str, name: &str) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update workspaces set name = $2 where id = $1",
        id,
        name
    )?;
    Ok(())
}

pub async fn set_require_second_factor(
    tx: &mut Tx,
    id: &str,
    required: bool,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update workspaces set require_second_factor = $2 where id = $1",
        id,
        required
    )?;
    Ok(())
}

/// How many workspaces a person owns. One of the few reads across workspaces: it is about the person.
pub async fn owned(reader: &mut Reader, user_id: &str) -> Result<i64, DbError> {
    let (count,): (i64,) = crate::fetch_one!(
        reader,
        (i64,),
        "select count(*) from members m join workspaces w on w.id = m.workspace_id
         where m.user_id = $1 and m.roles like '%owner%' and w.closed_at is null",
        user_id
    )?;
    Ok(count)
}

#[derive(Clone, FromRow)]
pub struct MemberRow {
    pub user_id: String,
    pub name: String,
    pub email: String,
    pub roles: String,
    pub created_at: Millis,
    /// How many authenticators and passkeys they have.
    pub factors: i64,
}

macro_rules! select_member {
    ($rest:literal) => {
        concat!(
            "select m.user_id, u.name, u.email, m.roles, m.created_at,
                    (select count(*) from totp_secrets t where t.user_id = u.id)
                    + (select count(*) from passkeys p where p.user_id = u.id) as factors
             from members m join users u on u.id = m.user_id
             where u.closed_at is null and m.workspace_id = $1 ",
            $rest
        )
    };
}

/// The members of a workspace, the one who joined first at the head.
pub async fn members(reader: &mut Reader, workspace_id: &str) -> Result<Vec<MemberRow>, DbError> {
    crate::fetch_all!(
        reader,
        MemberRow,
        select_member!("order by m.created_at, m.user_id"),
        workspace_id
    )
}

pub async fn member(
    reader: &mut Reader,
    workspace_id: &str,
    user_id: &str,
) -> Result<Option<MemberRow>, DbError> {
    crate::fetch_optional!(
        reader,
        MemberRow,
        select_member!("and m.user_id = $2"),
        workspace_id,
        user_id
    )
}

/// The member with this address, folded.
pub async fn member_by_email(
    reader: &mut Reader,
    workspace_id: &str,
    email_folded: &str,
) -> Result<Option<MemberRow>, DbError> {
    crate::fetch_optional!(
        reader,
        MemberRow,
        select_member!("and u.email_folded = $2"),
        workspace_id,
        email_folded
    )
}

/// Gives a member other roles, unless they are not those any more that stood in `was`.
pub async fn set_roles(
    tx: &mut Tx,
    workspace_id: &str,
    user_id: &str,
    was: &str,
    roles: &Grants,
) -> Result<bool, DbError> {
    let touched = crate::execute!(
        tx,
        "update members set roles = $4 where workspace_id = $1 and user_id = $2 and roles = $3",
        workspace_id,
        user_id,
        was,
        roles.to_string()
    )?;
    Ok(touched == 1)
}

pub async fn remove_member(
    tx: &mut Tx,
    workspace_id: &str,
    user_id: &str,
) -> Result<bool, DbError> {
    let touched = crate::execute!(
        tx,
        "delete from members where workspace_id = $1 and user_id = $2",
        workspace_id,
        user_id
    )?;
    Ok(touched == 1)
}

/// An invitation that was neither accepted nor withdrawn.
#[derive(Clone, FromRow)]
pub struct InvitationRow {
    pub id: String,
    pub workspace_id: String,
    pub email: String,
    pub email_folded: String,
    pub roles: String,
    pub invited_by: String,
    /// Their name.
    pub inviter: String,
    pub expires_at: Millis,
}

macro_rules! select_invitation {
    ($rest:literal) => {
        concat!(
            "select i.id, i.workspace_id, i.email, i.email_folded, i.roles, i.invited_by, u.name as inviter, i.expires_at
             from invitations i join users u on u.id = i.invited_by
             where i.accepted_at is null and i.withdrawn_at is null ",
            $rest
        )
    };
}

pub struct NewInvitation<'a> {
    pub id: &'a str,
    pub workspace_id: &'a str,
    pub email: &'a str,
    pub email_folded: &'a str,
    pub roles: &'a Grants,
    pub token_hash: SecretHash,
    pub invited_by: &'a str,
    pub expires_at: Millis,
}

pub async fn insert_invitation(
    tx: &mut Tx,
    invitation: NewInvitation<'_>,
    now: Millis,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "insert into invitations (id, workspace_id, email, email_folded, roles, token_hash, invited_by, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        invitation.id,
        invitation.workspace_id,
        invitation.email,
        invitation.email_folded,
        invitation.roles.to_string(),
        invitation.token_hash.to_vec(),
        invitation.invited_by,
        now,
        invitation.expires_at
    )?;
    Ok(())
}

/// The invitations of a workspace that wait or have expired, the newest first.
pub async fn invitations(
    reader: &mut Reader,
    workspace_id: &str,
    limit: i64,
) -> Result<Vec<InvitationRow>, DbError> {
    crate::fetch_all!(
        reader,
        InvitationRow,
        select_invitation!("and i.workspace_id = $1 order by i.id desc limit $2"),
        workspace_id,
        limit
    )
}

pub async fn invitation(
    reader: &mut Reader,
    workspace_id: &str,
    id: &str,
) -> Result<Option<InvitationRow>, DbError> {
    crate::fetch_optional!(
        reader,
        InvitationRow,
        select_invitation!("and i.workspace_id = $1 and i.id = $2"),
        workspace_id,
        id
    )
}

/// The invitation of this token, if it can be used. One of the few reads across workspaces: who holds the token is not
/// in the workspace yet.
pub async fn invitation_by_token(
    reader: &mut Reader,
    token_hash: SecretHash,
    now: Millis,
) -> Result<Option<InvitationRow>, DbError> {
    crate::fetch_optional!(
        reader,
        InvitationRow,
        select_invitation!("and i.token_hash = $1 and i.expires_at > $2"),
        token_hash.to_vec(),
        now
    )
}

/// Uses an invitation up. Of many at once one gets it.
pub async fn take_invitation(
    tx: &mut Tx,
    workspace_id: &str,
    id: &str,
    now: Millis,
) -> Result<bool, DbError> {
    let touched = crate::execute!(
        tx,
        "update invitations set accepted_at = $3
         where workspace_id = $1 and id = $2 and accepted_at is null and withdrawn_at is null and expires_at > $3",
        workspace_id,
        id,
        now
    )?;
    Ok(touched == 1)
}

pub async fn withdraw_invitation(
    tx: &mut Tx,
    workspace_id: &str,
    id: &str,
    now: Millis,
) -> Result<bool, DbError> {
    let touched = crate::execute!(
        tx,
        "update invitations set withdrawn_at = $3
         where workspace_id = $1 and id = $2 and accepted_at is null and withdrawn_at is null",
        workspace_id,
        id,
        now
    )?;
    Ok(touched == 1)
}

/// Withdraws what waits for this address. Gives how many that were.
pub async fn withdraw_invitations_to(
    tx: &mut Tx,
    workspace_id: &str,
    email_folded: &str,
    now: Millis,
) -> Result<u64, DbError> {
    crate::execute!(
        tx,
        "update invitations set withdrawn_at = $3
         where workspace_id = $1 and email_folded = $2 and accepted_at is null and withdrawn_at is null",
        workspace_id,
        email_folded,
        now
    )
}

/// Withdraws what this person has sent and waits; with `owners_only`, only what makes an owner. Gives how many.
pub async fn withdraw_invitations_by(
    tx: &mut Tx,
    workspace_id: &str,
    user_id: &str,
    owners_only: bool,
    now: Millis,
) -> Result<u64, DbError> {
    crate::execute!(
        tx,
        "update invitations set withdrawn_at = $4
         where workspace_id = $1 and invited_by = $2 and roles like $3 and accepted_at is null and withdrawn_at is null",
        workspace_id,
        user_id,
        if owners_only { "%owner%" } else { "%" },
        now
    )
}

/// How many invitations wait.
pub async fn open_invitations(
    reader: &mut Reader,
    workspace_id: &str,
    now: Millis,
) -> Result<i64, DbError> {
    let (count,): (i64,) = crate::fetch_one!(
        reader,
        (i64,),
        "select count(*) from invitations
         where workspace_id = $1 and accepted_at is null and withdrawn_at is null and expires_at > $2",
        workspace_id,
        now
    )?;
    Ok(count)
}

/// How many invitations were sent since a moment, and when the first of them was.
pub async fn sent_since(
    reader: &mut Reader,
    workspace_id: &str,
    since: Millis,
) -> Result<(i64, Option<Millis>), DbError> {
    crate::fetch_one!(
        reader,
        (i64, Option<i64>),
        "select count(*), min(created_at) from invitations where workspace_id = $1 and created_at > $2",
        workspace_id,
        since
    )
}

/// An offer of ownership that was neither answered nor withdrawn, and has not expired.
#[derive(Clone, FromRow)]
pub struct TransferRow {
    pub id: String,
    pub workspace_id: String,
    /// Its name.
    pub workspace: String,
    pub from_user: String,
    pub from_name: String,
    pub to_user: String,
    pub to_name: String,
    pub expires_at: Millis,
}

macro_rules! select_transfer {
    ($rest:literal) => {
        concat!(
            "select t.id, t.workspace_id, w.name as workspace, t.from_user, f.name as from_name, t.to_user,
                    o.name as to_name, t.expires_at
             from ownership_transfers t
             join workspaces w on w.id = t.workspace_id
             join users f on f.id = t.from_user
             join users o on o.id = t.to_user
             where t.ended_at is null and t.expires_at > $1 and w.closed_at is null ",
            $rest
        )
    };
}

pub async fn insert_transfer(
    tx: &mut Tx,
    id: &str,
    workspace_id: &str,
    (from, to): (&str, &str),
    now: Millis,
    expires_at: Millis,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "insert into ownership_transfers (id, workspace_id, from_user, to_user, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6)",
        id,
        workspace_id,
        from,
        to,
        now,
        expires_at
    )?;
    Ok(())
}

/// The offer that is open in a workspace.
pub async fn open_transfer(
    reader: &mut Reader,
    workspace_id: &str,
    now: Millis,
) -> Result<Option<TransferRow>, DbError> {
    crate::fetch_optional!(
        reader,
        TransferRow,
        select_transfer!("and t.workspace_id = $2"),
        now,
        workspace_id
    )
}

/// An open offer, for the two people that it is between; they may act in another workspace while they answer it.
pub async fn transfer_of(
    reader: &mut Reader,
    user_id: &str,
    id: &str,
    now: Millis,
) -> Result<Option<TransferRow>, DbError> {
    crate::fetch_optional!(
        reader,
        TransferRow,
        select_transfer!("and t.id = $2 and (t.from_user = $3 or t.to_user = $3)"),
        now,
        id,
        user_id
    )
}

pub async fn end_transfer(
    tx: &mut Tx,
    workspace_id: &str,
    id: &str,
    now: Millis,
) -> Result<bool, DbError> {
    let touched = crate::execute!(
        tx,
        "update ownership_transfers set ended_at = $3
         where workspace_id = $1 and id = $2 and ended_at is null",
        workspace_id,
        id,
        now
    )?;
    Ok(touched == 1)
}

/// Ends what this person has offered or was offered.
pub async fn end_transfers_of(
    tx: &mut Tx,
    workspace_id: &str,
    user_id: &str,
    now: Millis,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update ownership_transfers set ended_at = $3
         where workspace_id = $1 and (from_user = $2 or to_user = $2) and ended_at is null",
        workspace_id,
        user_id,
        now
    )?;
    Ok(())
}
