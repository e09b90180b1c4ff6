//! Idempotency keys: each key that a service put on a request, with a hash of the request and the sealed response.
//! The primary key rejects duplicates: of two transactions that claim a key at once, in whichever processes, one
//! gets it.

use std::collections::HashSet;

use domain::{ServiceId, Timestamp};

use crate::{
    Error, Session, Tx,
    db::{Row, args, parameters},
};

/// Keyed hash, see [`Keyring::fingerprint`](crate::Keyring::fingerprint).
pub type Hash = [u8; 32];

/// Key to store in the transaction that stores the result of its request.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Service that sent the key.
    pub service_id: ServiceId,
    /// Keyed hash of the key.
    pub key_hash: Hash,
    /// Keyed hash of the request.
    pub request_hash: Hash,
    /// Sealed response.
    pub sealed: Vec<u8>,
}

/// Idempotency key as stored, with the response to its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Keyed hash of the request.
    pub request_hash: Vec<u8>,
    /// Sealed response.
    pub sealed: Vec<u8>,
}

/// Keys are claimed in powers of two up to this many per statement, so that only a few statements need preparing.
const MAX_KEYS_PER_STATEMENT: usize = 32;
const COLUMNS: usize = 5;

/// Stores those of `keys` that are free, that is never used or not since `used_since`, and returns for each whether
/// it was.
///
/// The keys must differ. A claimed key stays locked until the transaction ends, and others wait for it. All callers
/// therefore claim in the same order, which rules out deadlocks.
pub async fn claim(
    tx: &mut Tx,
    keys: &[&NewKey],
    now: Timestamp,
    used_since: Timestamp,
) -> Result<Vec<bool>, Error> {
    let mut in_order: Vec<&NewKey> = keys.to_vec();
    // One order for all callers, or two transactions could wait for each other's keys.
    in_order.sort_unstable_by_key(|key| (key.service_id, key.key_hash));
    let (mut rest, mut claimed) = (in_order.as_slice(), HashSet::with_capacity(keys.len()));
    while !rest.is_empty() {
        let (some, more) = rest.split_at((1 << rest.len().ilog2()).min(MAX_KEYS_PER_STATEMENT));
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
            // An expired key is taken over in place; deleting it first would let two requests both insert it. Only
            // rows that were inserted or taken over are returned.
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
    // The answers are in the order of the caller's list, not in that of the statement.
    Ok(keys
        .iter()
        .map(|key| claimed.contains(&(key.service_id, key.key_hash.to_vec())))
        .collect())
}

/// Deletes a key that this transaction has claimed, because the result of its request is not stored after all.
pub async fn release(tx: &mut Tx, key: &NewKey) -> Result<(), Error> {
    tx.execute(
        "DELETE FROM idempotency_keys WHERE service_id = $1 AND key_hash = $2",
        args![key.service_id, key.key_hash.to_vec()],
    )
    .await?;
    Ok(())
}

/// Returns a key of a service if it was used after `used_since`.
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

/// Stored response of any service.
#[derive(Debug, Clone)]
pub struct StoredResponse {
    /// Service that sent the request.
    pub service_id: ServiceId,
    /// Keyed hash of the idempotency key.
    pub key_hash: Vec<u8>,
    /// Sealed response.
    pub sealed: Vec<u8>,
}

/// Returns up to `count` stored responses after `after` in the order of services and keys; of one service, or of
/// all.
pub async fn list_responses(
    session: &mut Session,
    service: Option<ServiceId>,
    after: Option<&StoredResponse>,
    count: u32,
) -> Result<Vec<StoredResponse>, Error> {
    // Sorts before every key.
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
    let parse = |row: &Row| {
        let response = StoredResponse {
            service_id: row.get("service_id")?,
            key_hash: row.get("key_hash")?,
            sealed: row.get("sealed")?,
        };
        let bytes = response.sealed.len();
        Ok((response, bytes))
    };
    session.fetch_page(sql, args, parse).await
}

/// Replaces a stored response unless it has changed since it was read. Returns whether it was replaced.
pub async fn replace_response(
    tx: &mut Tx,
    before: &StoredResponse,
    sealed: Vec<u8>,
) -> Result<bool, Error> {
    let changed = tx
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
    Ok(changed == 1)
}

/// Deletes up to `count` keys last used at `until` or before, oldest first, and returns how many.
pub async fn delete_expired(tx: &mut Tx, until: Timestamp, count: u32) -> Result<u64, Error> {
    tx.execute(
        "DELETE FROM idempotency_keys WHERE (service_id, key_hash) IN \
         (SELECT service_id, key_hash FROM idempotency_keys WHERE created_at <= $1 ORDER BY created_at LIMIT $2)",
        args![until, count],
    )
    .await
}
