//! Facts about this database as a whole, by name: the mark of a demo, the fingerprints of its secrets.

use super::{DbError, Reader, Tx};

pub async fn value(reader: &mut Reader, name: &str) -> Result<Option<String>, DbError> {
    let row: Option<(String,)> = crate::fetch_optional!(
        reader,
        (String,),
        "select value from installation where name = $1",
        name
    )?;
    Ok(row.map(|(value,)| value))
}

pub async fn set(tx: &mut Tx, name: &str, value: &str) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "insert into installation (name, value) values ($1, $2)
         on conflict (name) do update set value = excluded.value",
        name,
        value
    )?;
    Ok(())
}
