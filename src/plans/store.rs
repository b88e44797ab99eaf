//! All SQL about plans. An operator's lists go over all workspaces.

use sqlx::FromRow;

use super::policy::State;
use crate::{
    db::{DbError, Reader, Tx},
    server::clock::Millis,
};

#[derive(Clone, Debug, FromRow)]
pub struct RequestRow {
    pub id: String,
    pub workspace_id: String,
    /// Its name.
    pub workspace: String,
    pub tier: String,
    #[sqlx(try_from = "String")]
    pub state: State,
    pub note: Option<String>,
    /// None: the console.
    pub requested_by: Option<String>,
    /// Their name.
    pub requester: Option<String>,
    pub requested_at: Millis,
    /// The name of who decided or withdrew; none: the console.
    pub decider: Option<String>,
    pub decided_at: Option<Millis>,
    pub reason: Option<String>,
}

macro_rules! select_request {
    ($rest:literal) => {
        concat!(
            "select p.id, p.workspace_id, w.name as workspace, p.tier, p.state, p.note, p.requested_by,
                    r.name as requester, p.requested_at, d.name as decider, p.decided_at, p.reason
             from plan_requests p
             join workspaces w on w.id = p.workspace_id and w.closed_at is null
             left join users r on r.id = p.requested_by
             left join users d on d.id = p.decided_by ",
            $rest
        )
    };
}

/// The tier that was approved for the workspace last, whether or not the profile still has it.
pub async fn in_force(reader: &mut Reader, workspace_id: &str) -> Result<Option<String>, DbError> {
    let row: Option<(String,)> = crate::fetch_optional!(
        reader,
        (String,),
        "select tier from plan_requests where workspace_id = $1 and state = 'approved'
         order by decided_at desc, id desc limit 1",
        workspace_id
    )?;
    Ok(row.map(|(tier,)| tier))
}

/// The workspace's requests, the newest first.
pub async fn of_workspace(
    reader: &mut Reader,
    workspace_id: &str,
    limit: i64,
) -> Result<Vec<RequestRow>, DbError> {
    crate::fetch_all!(
        reader,
        RequestRow,
        select_request!(
            "where p.workspace_id = $1 order by p.requested_at desc, p.id desc limit $2"
        ),
        workspace_id,
        limit
    )
}

/// The workspace's request that waits.
pub async fn open(reader: &mut Reader, workspace_id: &str) -> Result<Option<RequestRow>, DbError> {
    crate::fetch_optional!(
        reader,
        RequestRow,
        select_request!("where p.workspace_id = $1 and p.state = 'requested'"),
        workspace_id
    )
}

/// What waits in all workspaces, the oldest first.
pub async fn queue(reader: &mut Reader, limit: i64) -> Result<Vec<RequestRow>, DbError> {
    crate::fetch_all!(
        reader,
        RequestRow,
        select_request!("where p.state = 'requested' order by p.requested_at, p.id limit $1"),
        limit
    )
}

/// What operators decided for all workspaces, the last decision first.
pub async fn decisions(reader: &mut Reader, limit: i64) -> Result<Vec<RequestRow>, DbError> {
    crate::fetch_all!(
        reader,
        RequestRow,
        select_request!(
            "where p.state in ('approved', 'declined', 'ended') order by p.decided_at desc, p.id desc limit $1"
        ),
        limit
    )
}

/// A request of any workspace, for operators.
pub async fn find(reader: &mut Reader, id: &str) -> Result<Option<RequestRow>, DbError> {
    crate::fetch_optional!(reader, RequestRow, select_request!("where p.id = $1"), id)
}

pub struct NewRequest<'a> {
    pub id: &'a str,
    pub workspace_id: &'a str,
    pub tier: &'a str,
    pub note: Option<&'a str>,
    pub requested_by: &'a str,
}

pub async fn insert(tx: &mut Tx, request: NewRequest<'_>, now: Millis) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "insert into plan_requests (id, workspace_id, tier, state, note, requested_by, requested_at)
         values ($1, $2, $3, 'requested', $4, $5, $6)",
        request.id,
        request.workspace_id,
        request.tier,
        request.note,
        request.requested_by,
        now
    )?;
    Ok(())
}

/// A plan that the console gives without having been asked.
pub async fn insert_approved(
    tx: &mut Tx,
    id: &str,
    workspace_id: &str,
    tier: &str,
    now: Millis,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "insert into plan_requests (id, workspace_id, tier, state, requested_at, decided_at)
         values ($1, $2, $3, 'approved', $4, $4)",
        id,
        workspace_id,
        tier,
        now
    )?;
    Ok(())
}

/// How a request is settled, and by whom.
pub struct Settlement<'a> {
    pub state: State,
    pub by: Option<&'a str>,
    pub reason: Option<&'a str>,
}

/// Settles a request that waits. Of many at once one does; the others get false.
pub async fn settle(
    tx: &mut Tx,
    workspace_id: &str,
    id: &str,
    settlement: Settlement<'_>,
    now: Millis,
) -> Result<bool, DbError> {
    let touched = crate::execute!(
        tx,
        "update plan_requests set state = $3, decided_by = $4, reason = $5, decided_at = $6
         where workspace_id = $1 and id = $2 and state = 'requested'",
        workspace_id,
        id,
        settlement.state.as_str(),
        settlement.by,
        settlement.reason,
        now
    )?;
    Ok(touched == 1)
}

/// Ends what was approved before this one.
pub async fn end_others(tx: &mut Tx, workspace_id: &str, id: &str) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update plan_requests set state = 'ended' where workspace_id = $1 and id <> $2 and state = 'approved'",
        workspace_id,
        id
    )?;
    Ok(())
}
