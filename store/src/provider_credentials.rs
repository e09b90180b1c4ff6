//! Credentials that the platform has changed at providers, sealed.

use domain::Timestamp;
use uuid::Uuid;

use crate::{Error, Keyring, Session, Tx, db::args, reencryption};

/// Upper limit of rows that a re-encryption reads: one for each provider of the settings there ever were.
const MAX_ROWS: u32 = 1000;

/// The credentials of a provider as they are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCredentials {
    /// What `app` has written, opened.
    pub contents: domain::Private<Vec<u8>>,
    /// The revision to replace.
    pub revision: i64,
}

/// Returns the credentials of a provider, unless it still has those of the settings.
pub async fn find(
    session: &mut Session,
    keyring: &Keyring,
    provider: &str,
) -> Result<Option<StoredCredentials>, Error> {
    let id = id_of(provider);
    let row = session
        .fetch_optional(
            "SELECT sealed, revision FROM provider_credentials WHERE id = $1",
            args![id],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let sealed: Vec<u8> = row.get("sealed")?;
    Ok(Some(StoredCredentials {
        contents: keyring.open(id.as_bytes(), &sealed)?.into(),
        revision: row.get("revision")?,
    }))
}

/// Replaces the credentials of a provider whose revision is still `revision`, or inserts the first if it is `None`. Returns
/// false if another process has changed them meanwhile.
pub async fn replace(
    tx: &mut Tx,
    keyring: &Keyring,
    provider: &str,
    revision: Option<i64>,
    contents: &[u8],
    now: Timestamp,
) -> Result<bool, Error> {
    let id = id_of(provider);
    let sealed = keyring.seal(id.as_bytes(), contents);
    let changed = match revision {
        Some(revision) => {
            tx.execute(
                "UPDATE provider_credentials SET sealed = $3, revision = revision + 1, updated_at = $4 \
                 WHERE id = $1 AND revision = $2",
                args![id, revision, sealed, now],
            )
            .await?
        }
        None => {
            tx.execute(
                "INSERT INTO provider_credentials (id, provider, sealed, revision, updated_at) \
                 VALUES ($1, $2, $3, 1, $4) ON CONFLICT (id) DO NOTHING",
                args![id, provider, sealed, now],
            )
            .await?
        }
    };
    Ok(changed == 1)
}

/// Re-encrypts the credentials of all providers with the primary key.
pub async fn reencrypt(tx: &mut Tx, keyring: &Keyring) -> Result<(), Error> {
    reencryption::reencrypt(tx, keyring, "provider_credentials", Uuid::nil(), MAX_ROWS).await?;
    Ok(())
}

fn id_of(provider: &str) -> Uuid {
    Uuid::new_v5(
        &Uuid::nil(),
        format!("credentials of {provider}").as_bytes(),
    )
}
