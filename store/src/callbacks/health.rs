//! Whether the endpoints of callbacks answer. One that fails for long is paused.

use domain::{CallbackId, CallbackKind, ServiceId, Timestamp};

use crate::{
    Error, Session, Tx,
    db::{Arg, args, parameters},
};

/// When an endpoint is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PauseRule {
    /// No attempt has succeeded since this time, or earlier.
    pub failing_since: Timestamp,
    /// This many attempts have failed.
    pub failures: u32,
}

/// An endpoint that is paused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PausedEndpoint {
    /// The callback.
    pub id: CallbackId,
    /// Service that set it.
    pub service_id: ServiceId,
    /// Kind of event.
    pub kind: CallbackKind,
}

/// Returns since when the callback of a service for this kind of event is paused, if it is.
pub async fn find_paused_at(
    session: &mut Session,
    service: ServiceId,
    kind: CallbackKind,
) -> Result<Option<Timestamp>, Error> {
    let row = session
        .fetch_optional(
            "SELECT paused_at FROM service_callbacks WHERE service_id = $1 AND kind = $2",
            args![service, kind],
        )
        .await?;
    row.map_or(Ok(None), |row| row.get("paused_at"))
}

/// Records that endpoints have answered with a success. Returns those that were paused, and are not any longer.
pub async fn record_successes(
    tx: &mut Tx,
    callbacks: &[CallbackId],
) -> Result<Vec<PausedEndpoint>, Error> {
    if callbacks.is_empty() {
        return Ok(Vec::new());
    }
    let (list, lock) = (parameters(1, callbacks.len()), tx.kind().for_update());
    let args = || callbacks.iter().copied().map(Arg::from).collect();
    let paused = tx
        .fetch_all(
            format!(
                "SELECT id, service_id, kind FROM service_callbacks WHERE id IN ({list}) AND paused_at IS NOT NULL {lock}"
            ),
            args(),
        )
        .await?;
    tx.execute(
        // Nearly always there is nothing to change, and no row is written.
        format!(
            "UPDATE service_callbacks SET failing_since = NULL, failures = 0, paused_at = NULL \
             WHERE id IN ({list}) AND failing_since IS NOT NULL"
        ),
        args(),
    )
    .await?;
    paused.iter().map(parse_paused).collect()
}

/// Records failed attempts of an endpoint, and pauses it by the rule. Returns it if it is now paused and was not before.
pub async fn record_failures(
    tx: &mut Tx,
    callback: CallbackId,
    failures: u32,
    now: Timestamp,
    rule: PauseRule,
) -> Result<Option<PausedEndpoint>, Error> {
    tx.execute(
        "UPDATE service_callbacks SET failing_since = COALESCE(failing_since, $2), failures = failures + $3 WHERE id = $1",
        args![callback, now, failures],
    )
    .await?;
    let paused = tx
        .fetch_optional(
            "UPDATE service_callbacks SET paused_at = $2 \
             WHERE id = $1 AND paused_at IS NULL AND failing_since <= $3 AND failures >= $4 \
             RETURNING id, service_id, kind",
            args![callback, now, rule.failing_since, rule.failures],
        )
        .await?;
    paused.as_ref().map(parse_paused).transpose()
}

/// Lets calls be made again, whether the endpoint was paused or not. Returns whether there is such a callback.
pub async fn resume(tx: &mut Tx, service: ServiceId, kind: CallbackKind) -> Result<bool, Error> {
    let changed = tx
        .execute(
            "UPDATE service_callbacks SET failing_since = NULL, failures = 0, paused_at = NULL \
             WHERE service_id = $1 AND kind = $2",
            args![service, kind],
        )
        .await?;
    Ok(changed == 1)
}

/// Returns all endpoints that are paused.
pub async fn list_paused(session: &mut Session) -> Result<Vec<PausedEndpoint>, Error> {
    let rows = session
        .fetch_all(
            "SELECT id, service_id, kind FROM service_callbacks WHERE paused_at IS NOT NULL ORDER BY id",
            args![],
        )
        .await?;
    rows.iter().map(parse_paused).collect()
}

fn parse_paused(row: &crate::db::Row) -> Result<PausedEndpoint, Error> {
    Ok(PausedEndpoint {
        id: row.get("id")?,
        service_id: row.get("service_id")?,
        kind: row.parse("service_callbacks", "kind")?,
    })
}
