//! A sealed row with known contents. It tells at the start whether the keyring belongs to the database; otherwise a wrong
//! one would be noticed by the first message that does not open, and seal new ones that the others cannot read.

use uuid::Uuid;

use crate::{
    Error, Keyring, Session, Store, Tx, applied_schema_version,
    db::{Row, args},
    reencryption,
};

/// The migration that creates the table.
const SINCE: i64 = 6;
const ID: Uuid = Uuid::from_u128(1);
const CONTENTS: &[u8] = b"canary";

/// Opens the canary row, which the first process of an installation inserts.
pub(crate) async fn check(store: &Store) -> Result<(), Error> {
    let keyring = store.keyring();
    {
        let mut session = store.read().await?;
        // Where `migrate_on_start` is off, an older schema may still be in use.
        if applied_schema_version(&mut session).await?.unwrap_or(0) < SINCE {
            return Ok(());
        }
        // Nearly every start ends here, without waiting for SQLite's writer.
        if let Some(row) = find(&mut session).await? {
            return open(keyring, &row);
        }
    }
    let mut tx = store.write().await?;
    check_existing_data(&mut tx, keyring).await?;
    tx.execute(
        // Of two first processes with different keyrings, one inserts it and the other finds that it does not open.
        "INSERT INTO keyring_canary (id, sealed) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
        args![ID, keyring.seal(ID.as_bytes(), CONTENTS)],
    )
    .await?;
    let row = find(&mut tx).await?.ok_or(Error::WrongKeyring)?;
    open(keyring, &row)?;
    tx.commit().await
}

/// Returns whether the database has a canary row, and so belongs to a keyring.
pub async fn exists(session: &mut Session) -> Result<bool, Error> {
    if applied_schema_version(session).await?.unwrap_or(0) < SINCE {
        return Ok(false);
    }
    Ok(find(session).await?.is_some())
}

/// Re-encrypts the canary row with the primary key, so that an older key can be removed.
pub async fn reencrypt(tx: &mut Tx, keyring: &Keyring) -> Result<(), Error> {
    reencryption::reencrypt(tx, keyring, "keyring_canary", Uuid::nil(), 1).await?;
    Ok(())
}

async fn find(session: &mut Session) -> Result<Option<Row>, Error> {
    let sql = "SELECT sealed FROM keyring_canary WHERE id = $1";
    session.fetch_optional(sql, args![ID]).await
}

fn open(keyring: &Keyring, row: &Row) -> Result<(), Error> {
    let sealed: Vec<u8> = row.get("sealed")?;
    match keyring.open(ID.as_bytes(), &sealed) {
        Ok(contents) if contents == CONTENTS => Ok(()),
        Ok(_) => Err(Error::WrongKeyring),
        Err(error) => Err(wrong_keyring(error)),
    }
}

/// Opens a sealed value that is older than the canary: a database of an earlier version has none yet, and must not get
/// one from a wrong keyring.
async fn check_existing_data(tx: &mut Tx, keyring: &Keyring) -> Result<(), Error> {
    let row = tx
        .fetch_optional("SELECT id, sealed_secret FROM api_keys LIMIT 1", args![])
        .await?;
    let Some(row) = row else { return Ok(()) };
    let (id, sealed): (Uuid, Vec<u8>) = (row.get("id")?, row.get("sealed_secret")?);
    let opened = keyring.open(id.as_bytes(), &sealed);
    opened.map_err(wrong_keyring)?;
    Ok(())
}

fn wrong_keyring(error: crate::KeyringError) -> Error {
    match error {
        crate::KeyringError::UnknownKey(_) | crate::KeyringError::Tampered => Error::WrongKeyring,
        // A key file that cannot be read is no proof of another one.
        error @ crate::KeyringError::KeyFile { .. } => Error::Keyring(error),
    }
}
