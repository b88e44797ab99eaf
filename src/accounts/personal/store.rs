//! All SQL about a person's data as a whole: reading it together, and erasing it.
//!
//! It is about one person in every workspace at once, so hardly any function here takes a workspace.

use sqlx::FromRow;

use crate::{
    db::{DbError, Reader, Tx},
    server::clock::Millis,
};

/// What no password fits: it is no hash.
const NO_PASSWORD: &str = "closed";

#[derive(FromRow)]
pub struct Profile {
    pub email: String,
    pub name: String,
    pub operator: bool,
    pub pin: bool,
    pub totp: bool,
    pub recovery_codes_left: i64,
    pub created_at: Millis,
}

pub async fn profile(reader: &mut Reader, user_id: &str) -> Result<Option<Profile>, DbError> {
    crate::fetch_optional!(
        reader,
        Profile,
        "select u.email, u.name, u.operator, u.pin_hash is not null as pin,
                exists (select 1 from totp_secrets t where t.user_id = u.id) as totp,
                (select count(*) from recovery_codes r where r.user_id = u.id and r.used_at is null) as recovery_codes_left,
                u.created_at
         from users u where u.id = $1 and u.closed_at is null",
        user_id
    )
}

#[derive(FromRow)]
pub struct MembershipRow {
    pub workspace_id: String,
    pub name: String,
    pub roles: String,
    pub created_at: Millis,
}

pub async fn memberships(
    reader: &mut Reader,
    user_id: &str,
) -> Result<Vec<MembershipRow>, DbError> {
    crate::fetch_all!(
        reader,
        MembershipRow,
        "select m.workspace_id, w.name, m.roles, m.created_at
         from members m join workspaces w on w.id = m.workspace_id
         where m.user_id = $1 order by m.workspace_id",
        user_id
    )
}

/// The members of a workspace with their roles, the one who joined first at the head.
pub async fn members(
    reader: &mut Reader,
    workspace_id: &str,
) -> Result<Vec<(String, String)>, DbError> {
    crate::fetch_all!(
        reader,
        (String, String),
        "select user_id, roles from members where workspace_id = $1 order by created_at, user_id",
        workspace_id
    )
}

pub async fn passkeys(
    reader: &mut Reader,
    user_id: &str,
) -> Result<Vec<(String, Millis, Option<Millis>)>, DbError> {
    crate::fetch_all!(
        reader,
        (String, Millis, Option<Millis>),
        "select name, created_at, last_used_at from passkeys where user_id = $1 order by id",
        user_id
    )
}

#[derive(FromRow)]
pub struct NoticeRow {
    pub kind: String,
    pub workspace_id: Option<String>,
    pub subject: String,
    pub body: String,
    pub created_at: Millis,
    pub read_at: Option<Millis>,
}

pub async fn notices(reader: &mut Reader, user_id: &str) -> Result<Vec<NoticeRow>, DbError> {
    crate::fetch_all!(
        reader,
        NoticeRow,
        "select kind, workspace_id, subject, body, created_at, read_at
         from notices where user_id = $1 order by id desc",
        user_id
    )
}

pub async fn notice_settings(
    reader: &mut Reader,
    user_id: &str,
) -> Result<Vec<(String, bool, bool)>, DbError> {
    crate::fetch_all!(
        reader,
        (String, bool, bool),
        "select kind, mail, portal from notice_settings where user_id = $1 order by kind",
        user_id
    )
}

/// An invitation without its address, which is somebody else's.
#[derive(FromRow)]
pub struct InvitationRow {
    pub id: String,
    pub workspace_id: String,
    pub roles: String,
    pub created_at: Millis,
    pub expires_at: Millis,
    pub accepted_at: Option<Millis>,
    pub withdrawn_at: Option<Millis>,
}

pub async fn invitations_sent(
    reader: &mut Reader,
    user_id: &str,
) -> Result<Vec<InvitationRow>, DbError> {
    crate::fetch_all!(
        reader,
        InvitationRow,
        "select id, workspace_id, roles, created_at, expires_at, accepted_at, withdrawn_at
         from invitations where invited_by = $1 order by id",
        user_id
    )
}

pub async fn invitations_received(
    reader: &mut Reader,
    email_folded: &str,
) -> Result<Vec<InvitationRow>, DbError> {
    crate::fetch_all!(
        reader,
        InvitationRow,
        "select id, workspace_id, roles, created_at, expires_at, accepted_at, withdrawn_at
         from invitations where email_folded = $1 order by id",
        email_folded
    )
}

/// A request for approval, as who asked for it takes it along.
#[derive(FromRow)]
pub struct ApprovalRow {
    pub id: String,
    pub workspace_id: String,
    pub kind: String,
    pub requested_at: Millis,
    pub outcome: Option<String>,
    pub decided_at: Option<Millis>,
}

pub async fn approvals_asked(
    reader: &mut Reader,
    user_id: &str,
) -> Result<Vec<ApprovalRow>, DbError> {
    crate::fetch_all!(
        reader,
        ApprovalRow,
        "select id, workspace_id, kind, requested_at, outcome, decided_at
         from approvals where requested_by = $1 order by id",
        user_id
    )
}

/// Requests to invite somebody whose text holds this one, with what they ask for. Gives id and content.
pub async fn approvals_naming(
    reader: &mut Reader,
    text: &str,
) -> Result<Vec<(String, String)>, DbError> {
    crate::fetch_all!(
        reader,
        (String, String),
        "select id, asked from approvals where kind = 'invite' and asked like $1 escape '\\'",
        contains(text)
    )
}

/// Puts other words into a request. If it still waited it is void: nobody decides about what was not asked.
pub async fn reword_approval(
    tx: &mut Tx,
    id: &str,
    title: &str,
    asked: &str,
    now: Millis,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update approvals set title = $2, asked = $3, outcome = coalesce(outcome, 'void'),
                decided_at = coalesce(decided_at, $4)
         where id = $1",
        id,
        title,
        asked,
        now
    )?;
    Ok(())
}

pub async fn address_changes(
    reader: &mut Reader,
    user_id: &str,
) -> Result<Vec<(String, Millis, Option<Millis>)>, DbError> {
    crate::fetch_all!(
        reader,
        (String, Millis, Option<Millis>),
        "select email, created_at, ended_at from address_changes where user_id = $1 order by id",
        user_id
    )
}

pub async fn rename(tx: &mut Tx, user_id: &str, name: &str) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update users set name = $2 where id = $1 and closed_at is null",
        user_id,
        name
    )?;
    Ok(())
}

pub async fn close_workspace(tx: &mut Tx, workspace_id: &str, now: Millis) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update workspaces set closed_at = coalesce(closed_at, $2), suspended_at = coalesce(suspended_at, $2)
         where id = $1",
        workspace_id,
        now
    )?;
    Ok(())
}

pub async fn remove_member(tx: &mut Tx, workspace_id: &str, user_id: &str) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "delete from members where workspace_id = $1 and user_id = $2",
        workspace_id,
        user_id
    )?;
    Ok(())
}

/// Withdraws the open invitations that a person sent, and those to their address. Gives the id and workspace of each.
pub async fn withdraw_invitations(
    tx: &mut Tx,
    user_id: &str,
    email_folded: &str,
    now: Millis,
) -> Result<Vec<(String, String)>, DbError> {
    crate::fetch_all!(
        tx,
        (String, String),
        "update invitations set withdrawn_at = $3
         where (invited_by = $1 or email_folded = $2) and accepted_at is null and withdrawn_at is null
         returning id, workspace_id",
        user_id,
        email_folded,
        now
    )
}

/// Ends the offers of ownership that a person made or was made.
pub async fn end_offers(tx: &mut Tx, user_id: &str, now: Millis) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update ownership_transfers set ended_at = $2
         where (from_user = $1 or to_user = $1) and ended_at is null",
        user_id,
        now
    )?;
    Ok(())
}

/// Removes every row that is only about this person.
pub async fn delete_rows(tx: &mut Tx, user_id: &str) -> Result<(), DbError> {
    for statement in [
        "delete from sessions where user_id = $1",
        "delete from devices where user_id = $1",
        "delete from totp_secrets where user_id = $1",
        "delete from recovery_codes where user_id = $1",
        "delete from passkeys where user_id = $1",
        "delete from passkey_ceremonies where user_id = $1",
        "delete from step_ups where user_id = $1",
        "delete from links where user_id = $1",
        "delete from address_changes where user_id = $1",
        "delete from notices where user_id = $1",
        "delete from notice_settings where user_id = $1",
        "delete from mails where user_id = $1",
        "delete from key_drafts where user_id = $1",
        "delete from cli_tokens where user_id = $1",
    ] {
        crate::execute!(tx, statement, user_id)?;
    }
    Ok(())
}

/// Takes the address out of rows that are not the person's own. `erased` stands in its place.
pub async fn erase_address(tx: &mut Tx, email_folded: &str, erased: &str) -> Result<(), DbError> {
    let pattern = contains(email_folded);
    crate::execute!(
        tx,
        "update invitations set email = $2, email_folded = $2 where email_folded = $1",
        email_folded,
        erased
    )?;
    crate::execute!(
        tx,
        "update mails set last_error = null where lower(last_error) like $1 escape '\\'",
        &pattern
    )?;
    Ok(())
}

/// Notices to others that may name a person: with either text in them, of a workspace where the person did anything,
/// or of none. Gives id, subject and body.
pub async fn notices_naming(
    reader: &mut Reader,
    user_id: &str,
    email: &str,
    name: &str,
) -> Result<Vec<(String, String, String)>, DbError> {
    crate::fetch_all!(
        reader,
        (String, String, String),
        "select id, subject, body from notices
         where (workspace_id is null or workspace_id in (select chain_id from audit_entries where actor = $1))
           and (subject like $2 escape '\\' or body like $2 escape '\\'
                or subject like $3 escape '\\' or body like $3 escape '\\')",
        user_id,
        contains(email),
        contains(name)
    )
}

pub async fn reword_notice(
    tx: &mut Tx,
    id: &str,
    subject: &str,
    body: &str,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update notices set subject = $2, body = $3 where id = $1",
        id,
        subject,
        body
    )?;
    Ok(())
}

/// Empties the person's own row, which stays because others point at it. False if that was done before.
pub async fn erase_user(
    tx: &mut Tx,
    user_id: &str,
    email: &str,
    name: &str,
    now: Millis,
) -> Result<bool, DbError> {
    let touched = crate::execute!(
        tx,
        "update users set email = $2, email_folded = $2, name = $3, password_hash = $4, pin_hash = null,
                          operator = false, closed_at = $5
         where id = $1 and closed_at is null",
        user_id,
        email,
        name,
        NO_PASSWORD,
        now
    )?;
    Ok(touched == 1)
}

/// A pattern for `like` that matches the text anywhere, taken literally.
fn contains(text: &str) -> String {
    let literal = text
        .replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_");
    format!("%{literal}%")
}
