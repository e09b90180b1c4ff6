//! Re-encryption of rows with the primary key after a key rotation, for tables whose sealed value is bound to the
//! row's id.

use domain::ServiceId;
use uuid::Uuid;

use crate::{
    Error, Keyring, Tx,
    db::{Row, args},
};

/// Re-encrypts those of the next `count` rows of `table` after `after` that an older key sealed. Returns how many it
/// changed, and the id of the last row it read.
pub(crate) async fn reencrypt(
    tx: &mut Tx,
    keyring: &Keyring,
    table: &'static str,
    after: Uuid,
    count: u32,
) -> Result<(u64, Option<Uuid>), Error> {
    let rows = tx
        .fetch_all(
            format!("SELECT id, sealed FROM {table} WHERE id > $1 ORDER BY id LIMIT $2"),
            args![after, count],
        )
        .await?;
    let last = rows.last().map(|row| row.get("id")).transpose()?;
    Ok((
        seal_anew(tx, keyring, (table, "sealed"), &rows).await?,
        last,
    ))
}

/// Re-encrypts all rows of a service that an older key sealed, and returns how many. For tables with few rows per
/// service.
pub(crate) async fn reencrypt_of_service(
    tx: &mut Tx,
    keyring: &Keyring,
    (table, column): (&'static str, &'static str),
    service: ServiceId,
) -> Result<u64, Error> {
    let rows = tx
        .fetch_all(
            format!("SELECT id, {column} FROM {table} WHERE service_id = $1"),
            args![service],
        )
        .await?;
    seal_anew(tx, keyring, (table, column), &rows).await
}

async fn seal_anew(
    tx: &mut Tx,
    keyring: &Keyring,
    (table, column): (&'static str, &'static str),
    rows: &[Row],
) -> Result<u64, Error> {
    let mut done = 0;
    for row in rows {
        let (id, before): (Uuid, Vec<u8>) = (row.get("id")?, row.get(column)?);
        // Erased, or sealed with the primary key already, for example by an earlier run.
        if before.is_empty() || Keyring::key_id_of(&before) == Some(keyring.primary_key_id()) {
            continue;
        }
        let sealed = keyring.seal(id.as_bytes(), &keyring.open(id.as_bytes(), &before)?);
        done += tx
            .execute(
                // Compare-and-set: a value that changed meanwhile was sealed with the primary key anyway.
                format!("UPDATE {table} SET {column} = $3 WHERE id = $1 AND {column} = $2"),
                args![id, before, sealed],
            )
            .await?;
    }
    Ok(done)
}
