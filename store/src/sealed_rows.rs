//! Sealing rows anew with the newest key, for tables whose sealed value belongs to the id of its row.

use uuid::Uuid;

use crate::{Error, Tx, Vault, db::args};

/// Seals anew up to `count` rows of `table` after `after`, those sealed with an older key; how many it was, and the
/// last row that was looked at, if there was one.
pub(crate) async fn reseal(
    tx: &mut Tx,
    vault: &Vault,
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
    let (mut done, mut last) = (0, None);
    for row in rows {
        let (id, before): (Uuid, Vec<u8>) = (row.get("id")?, row.get("sealed")?);
        last = Some(id);
        if Vault::key_of(&before) == Some(vault.newest_key()) {
            continue;
        }
        let sealed = vault.seal(id.as_bytes(), &vault.open(id.as_bytes(), &before)?);
        done += tx
            .execute(
                format!("UPDATE {table} SET sealed = $3 WHERE id = $1 AND sealed = $2"),
                args![id, before, sealed],
            )
            .await?;
    }
    Ok((done, last))
}
