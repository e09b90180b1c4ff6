//! Sealing rows anew with the newest key, for tables whose sealed value belongs to the id of its row.

use domain::ServiceId;
use uuid::Uuid;

use crate::{
    Error, Keyring, Tx,
    db::{Row, args},
};

/// Seals anew up to `count` rows of `table` after `after`, those sealed with an older key; how many it was, and the
/// last row that was looked at, if there was one.
pub(crate) async fn reencrypt(
    tx: &mut Tx,
    vault: &Keyring,
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
    Ok((seal_anew(tx, vault, (table, "sealed"), &rows).await?, last))
}

/// Seals anew those rows of a service that were sealed with an older key; how many it was. For what a service has few of.
pub(crate) async fn reencrypt_of_service(
    tx: &mut Tx,
    vault: &Keyring,
    (table, column): (&'static str, &'static str),
    service: ServiceId,
) -> Result<u64, Error> {
    let rows = tx
        .fetch_all(
            format!("SELECT id, {column} FROM {table} WHERE service_id = $1"),
            args![service],
        )
        .await?;
    seal_anew(tx, vault, (table, column), &rows).await
}

async fn seal_anew(
    tx: &mut Tx,
    vault: &Keyring,
    (table, column): (&'static str, &'static str),
    rows: &[Row],
) -> Result<u64, Error> {
    let mut done = 0;
    for row in rows {
        let (id, before): (Uuid, Vec<u8>) = (row.get("id")?, row.get(column)?);
        if Keyring::key_id_of(&before) == Some(vault.primary_key_id()) {
            continue;
        }
        let sealed = vault.seal(id.as_bytes(), &vault.open(id.as_bytes(), &before)?);
        done += tx
            .execute(
                format!("UPDATE {table} SET {column} = $3 WHERE id = $1 AND {column} = $2"),
                args![id, before, sealed],
            )
            .await?;
    }
    Ok(done)
}
