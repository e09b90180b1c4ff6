//! Phone numbers that receive text messages, and the services they are assigned to.

use domain::{InboundNumberId, ServiceId, Timestamp};

use crate::{
    Error, Session, Tx,
    db::{Row, args},
};

/// Phone number that receives text messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundNumber {
    /// Primary key.
    pub id: InboundNumberId,
    /// Number as recipients write it; unique.
    pub number: String,
    /// Provider that forwards its messages.
    pub provider: String,
    /// Service that it is assigned to; `None` if it is free.
    pub service_id: Option<ServiceId>,
    /// Whether it is active; an inactive number receives nothing and is not assigned.
    pub active: bool,
}

const COLUMNS: &str = "id, number, provider, service_id, active";

/// Inserts a number. Fails with [`Error::Exists`] if it exists.
pub async fn insert(tx: &mut Tx, number: &InboundNumber, at: Timestamp) -> Result<(), Error> {
    tx.execute(
        format!(
            "INSERT INTO inbound_numbers ({COLUMNS}, created_at) VALUES ($1, $2, $3, $4, $5, $6)"
        ),
        args![
            number.id,
            &*number.number,
            &*number.provider,
            number.service_id,
            number.active,
            at
        ],
    )
    .await?;
    Ok(())
}

/// Assigns a free number to a service. Returns false if it is no longer free.
pub async fn assign(
    tx: &mut Tx,
    service: ServiceId,
    id: InboundNumberId,
    at: Timestamp,
) -> Result<bool, Error> {
    let changed = tx
        .execute(
            // Compare-and-set: of two services that choose the same number, one gets it.
            "UPDATE inbound_numbers SET service_id = $1, updated_at = $3 \
             WHERE id = $2 AND service_id IS NULL AND active",
            args![service, id, at],
        )
        .await?;
    Ok(changed == 1)
}

/// Releases the number of a service, and sets whether it stays active.
pub async fn release(
    tx: &mut Tx,
    service: ServiceId,
    active: bool,
    at: Timestamp,
) -> Result<bool, Error> {
    let changed = tx
        .execute(
            "UPDATE inbound_numbers SET service_id = NULL, active = $2, updated_at = $3 WHERE service_id = $1",
            args![service, active, at],
        )
        .await?;
    Ok(changed == 1)
}

/// Returns the oldest free number that no other transaction is assigning.
pub async fn find_free(tx: &mut Tx) -> Result<Option<InboundNumber>, Error> {
    let skip_locked = tx.kind().skip_locked();
    let row = tx
        .fetch_optional(
            format!(
                // `SKIP LOCKED` lets two services take two numbers at once instead of waiting for the same one.
                "SELECT {COLUMNS} FROM inbound_numbers WHERE service_id IS NULL AND active \
                 ORDER BY created_at, id LIMIT 1 {skip_locked}"
            ),
            args![],
        )
        .await?;
    row.as_ref().map(parse_inbound_number).transpose()
}

/// Returns a number.
pub async fn find(
    session: &mut Session,
    id: InboundNumberId,
) -> Result<Option<InboundNumber>, Error> {
    let row = session
        .fetch_optional(
            format!("SELECT {COLUMNS} FROM inbound_numbers WHERE id = $1"),
            args![id],
        )
        .await?;
    row.as_ref().map(parse_inbound_number).transpose()
}

/// Returns the service that an active number is assigned to.
pub async fn find_service(session: &mut Session, number: &str) -> Result<Option<ServiceId>, Error> {
    let row = session
        .fetch_optional(
            "SELECT service_id FROM inbound_numbers WHERE number = $1 AND active AND service_id IS NOT NULL",
            args![number],
        )
        .await?;
    row.map(|row| row.get("service_id")).transpose()
}

/// Returns the number of a service.
pub async fn find_by_service(
    session: &mut Session,
    service: ServiceId,
) -> Result<Option<InboundNumber>, Error> {
    let row = session
        .fetch_optional(
            format!("SELECT {COLUMNS} FROM inbound_numbers WHERE service_id = $1"),
            args![service],
        )
        .await?;
    row.as_ref().map(parse_inbound_number).transpose()
}

/// Returns all numbers.
pub async fn list(session: &mut Session) -> Result<Vec<InboundNumber>, Error> {
    session
        .fetch_all(
            format!("SELECT {COLUMNS} FROM inbound_numbers ORDER BY number"),
            args![],
        )
        .await?
        .iter()
        .map(parse_inbound_number)
        .collect()
}

fn parse_inbound_number(row: &Row) -> Result<InboundNumber, Error> {
    Ok(InboundNumber {
        id: row.get("id")?,
        number: row.get("number")?,
        provider: row.get("provider")?,
        service_id: row.get("service_id")?,
        active: row.get("active")?,
    })
}
