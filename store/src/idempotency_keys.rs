//! The keys that services put on their requests so that asking twice does once, each with what was asked and what was
//! answered. The primary key is the duplicate check: of two that claim a key at once, in whatever processes, one has it.

use std::collections::HashSet;

use domain::{ServiceId, Timestamp};

use crate::{
    Error, Session, Tx,
    db::{args, parameters},
};

/// A keyed hash.
pub type Hash = [u8; 32];

/// A key to keep, in the transaction that keeps what it is for.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Whose.
    pub service_id: ServiceId,
    /// A keyed hash of the key.
    pub key_hash: Hash,
    /// A keyed hash of what was asked.
    pub request_hash: Hash,
    /// The answer, sealed.
    pub sealed: Vec<u8>,
}

/// A key that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// What was asked.
    pub request_hash: Vec<u8>,
    /// What was answered, sealed.
    pub sealed: Vec<u8>,
}

/// Keys are claimed by powers of two, at most this many a statement: few statements to prepare.
const MOST_AT_ONCE: usize = 32;
const COLUMNS: usize = 5;

/// Keeps those of `keys` that are free – never used, or not since `used_since` – and says of each whether it was.
///
/// They must differ. Each stays claimed until the transaction ends; somebody else who wants it waits until then, so
/// they are claimed in one order by everybody.
pub async fn claim(
    tx: &mut Tx,
    keys: &[&NewKey],
    now: Timestamp,
    used_since: Timestamp,
) -> Result<Vec<bool>, Error> {
    let mut in_order: Vec<&NewKey> = keys.to_vec();
    in_order.sort_unstable_by_key(|key| (key.service_id, key.key_hash));
    let (mut rest, mut claimed) = (in_order.as_slice(), HashSet::with_capacity(keys.len()));
    while !rest.is_empty() {
        let (some, more) = rest.split_at((1 << rest.len().ilog2()).min(MOST_AT_ONCE));
        rest = more;
        let rows: Vec<String> = (0..some.len())
            .map(|row| format!("({})", parameters(2 + row * COLUMNS, COLUMNS)))
            .collect();
        let mut args = args![used_since];
        for key in some {
            args.extend(args![
                key.service_id,
                key.key_hash.to_vec(),
                key.request_hash.to_vec(),
                key.sealed.clone(),
                now,
            ]);
        }
        let sql = format!(
            "INSERT INTO idempotency_keys (service_id, key_hash, request_hash, sealed, created_at) VALUES {} \
             ON CONFLICT (service_id, key_hash) DO UPDATE SET request_hash = excluded.request_hash, \
             sealed = excluded.sealed, created_at = excluded.created_at WHERE idempotency_keys.created_at <= $1 \
             RETURNING service_id, key_hash",
            rows.join(", ")
        );
        for row in tx.fetch_all(sql, args).await? {
            claimed.insert((
                row.get::<ServiceId>("service_id")?,
                row.get::<Vec<u8>>("key_hash")?,
            ));
        }
    }
    Ok(keys
        .iter()
        .map(|key| claimed.contains(&(key.service_id, key.key_hash.to_vec())))
        .collect())
}

/// Lets a key go that this transaction has claimed: what it was for is not kept.
pub async fn release(tx: &mut Tx, key: &NewKey) -> Result<(), Error> {
    tx.execute(
        "DELETE FROM idempotency_keys WHERE service_id = $1 AND key_hash = $2",
        args![key.service_id, key.key_hash.to_vec()],
    )
    .await?;
    Ok(())
}

/// A key of a service, if it was used after `used_since`.
pub async fn find(
    session: &mut Session,
    service: ServiceId,
    key_hash: &Hash,
    used_since: Timestamp,
) -> Result<Option<StoredKey>, Error> {
    let row = session
        .fetch_optional(
            "SELECT request_hash, sealed FROM idempotency_keys \
             WHERE service_id = $1 AND key_hash = $2 AND created_at > $3",
            args![service, key_hash.to_vec(), used_since],
        )
        .await?;
    row.map(|row| {
        Ok(StoredKey {
            request_hash: row.get("request_hash")?,
            sealed: row.get("sealed")?,
        })
    })
    .transpose()
}

/// A kept answer, whosever it is.
#[derive(Debug, Clone)]
pub struct StoredResponse {
    /// Whose.
    pub service_id: ServiceId,
    /// The key it is kept for.
    pub key_hash: Vec<u8>,
    /// The answer, sealed.
    pub sealed: Vec<u8>,
}

/// Kept answers in the order of services and keys, after `after`, at most `count`; of one service or of all.
pub async fn list_responses(
    session: &mut Session,
    service: Option<ServiceId>,
    after: Option<&StoredResponse>,
    count: u32,
) -> Result<Vec<StoredResponse>, Error> {
    let nothing = (ServiceId::from(uuid::Uuid::nil()), Vec::new());
    let (after_service, after_key) =
        after.map_or(nothing, |last| (last.service_id, last.key_hash.clone()));
    let mut args = args![after_service, after_key, count];
    let of_one = service.map_or("", |service| {
        args.extend(args![service]);
        " AND service_id = $4"
    });
    let sql = format!(
        "SELECT service_id, key_hash, sealed FROM idempotency_keys WHERE (service_id, key_hash) > ($1, $2){of_one} \
         ORDER BY service_id, key_hash LIMIT $3"
    );
    session
        .fetch_all(sql, args)
        .await?
        .iter()
        .map(|row| {
            Ok(StoredResponse {
                service_id: row.get("service_id")?,
                key_hash: row.get("key_hash")?,
                sealed: row.get("sealed")?,
            })
        })
        .collect()
}

/// Replaces a kept answer, unless it has changed since it was read; whether it had not.
pub async fn replace_response(
    tx: &mut Tx,
    before: &StoredResponse,
    sealed: Vec<u8>,
) -> Result<bool, Error> {
    let touched = tx
        .execute(
            "UPDATE idempotency_keys SET sealed = $4 WHERE service_id = $1 AND key_hash = $2 AND sealed = $3",
            args![
                before.service_id,
                before.key_hash.clone(),
                before.sealed.clone(),
                sealed
            ],
        )
        .await?;
    Ok(touched == 1)
}

/// Removes the oldest of those that were last used at `until` or before, at most `count`; how many.
pub async fn delete_expired(tx: &mut Tx, until: Timestamp, count: u32) -> Result<u64, Error> {
    tx.execute(
        "DELETE FROM idempotency_keys WHERE (service_id, key_hash) IN \
         (SELECT service_id, key_hash FROM idempotency_keys WHERE created_at <= $1 ORDER BY created_at LIMIT $2)",
        args![until, count],
    )
    .await
}
