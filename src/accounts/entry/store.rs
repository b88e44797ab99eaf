//! All SQL about changes of address.

use sqlx::FromRow;

use crate::{
    db::{DbError, Reader, Tx},
    server::clock::Millis,
};

/// A change of address that waits for both mailboxes.
#[derive(FromRow)]
pub struct AddressChange {
    pub id: String,
    pub user_id: String,
    pub email: String,
    pub old_confirmed_at: Option<Millis>,
    pub new_confirmed_at: Option<Millis>,
}

/// Starts a change; one that was open before is over.
pub async fn start_change(
    tx: &mut Tx,
    id: &str,
    user_id: &str,
    email: &str,
    now: Millis,
) -> Result<(), DbError> {
    end_changes(tx, user_id, now).await?;
    crate::execute!(
        tx,
        "insert into address_changes (id, user_id, email, created_at) values ($1, $2, $3, $4)",
        id,
        user_id,
        email,
        now
    )?;
    Ok(())
}

pub async fn end_changes(tx: &mut Tx, user_id: &str, now: Millis) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update address_changes set ended_at = $2 where user_id = $1 and ended_at is null",
        user_id,
        now
    )?;
    Ok(())
}

/// The change of that id, if it is still open.
pub async fn change(reader: &mut Reader, id: &str) -> Result<Option<AddressChange>, DbError> {
    crate::fetch_optional!(
        reader,
        AddressChange,
        "select id, user_id, email, old_confirmed_at, new_confirmed_at
         from address_changes where id = $1 and ended_at is null",
        id
    )
}

/// Notes that one of the two mailboxes agreed.
pub async fn agree(tx: &mut Tx, id: &str, new: bool, now: Millis) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update address_changes
         set old_confirmed_at = case when $2 then old_confirmed_at else $3 end,
             new_confirmed_at = case when $2 then $3 else new_confirmed_at end
         where id = $1 and ended_at is null",
        id,
        new,
        now
    )?;
    Ok(())
}
