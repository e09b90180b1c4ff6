//! Numbers at which texts are received, and whose they are.

use domain::{InboundNumberId, ServiceId, Timestamp};

use crate::{
    Error, Session, Tx,
    db::{Row, args},
};

/// A number at which texts are received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundNumber {
    /// Which.
    pub id: InboundNumberId,
    /// As recipients write it; unique among all.
    pub number: String,
    /// Who brings its texts.
    pub provider: String,
    /// Whose it is; nobody's if it is free.
    pub service_id: Option<ServiceId>,
    /// An inactive number receives nothing and is given to nobody.
    pub active: bool,
}

const COLUMNS: &str = "id, number, provider, service_id, active";

/// Keeps a new number; `Exists` if it is there.
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

/// Gives a free number to a service; false if it is not free any more.
pub async fn assign(
    tx: &mut Tx,
    service: ServiceId,
    id: InboundNumberId,
    at: Timestamp,
) -> Result<bool, Error> {
    let touched = tx
        .execute(
            "UPDATE inbound_numbers SET service_id = $1, updated_at = $3 \
             WHERE id = $2 AND service_id IS NULL AND active",
            args![service, id, at],
        )
        .await?;
    Ok(touched == 1)
}

/// Takes its number from a service; it stays active or not.
pub async fn release(
    tx: &mut Tx,
    service: ServiceId,
    active: bool,
    at: Timestamp,
) -> Result<bool, Error> {
    let touched = tx
        .execute(
            "UPDATE inbound_numbers SET service_id = NULL, active = $2, updated_at = $3 WHERE service_id = $1",
            args![service, active, at],
        )
        .await?;
    Ok(touched == 1)
}

/// A number that is free and that no other transaction is taking, the oldest first.
pub async fn find_free(tx: &mut Tx) -> Result<Option<InboundNumber>, Error> {
    let skip_locked = tx.kind().skip_locked();
    let row = tx
        .fetch_optional(
            format!(
                "SELECT {COLUMNS} FROM inbound_numbers WHERE service_id IS NULL AND active \
                 ORDER BY created_at, id LIMIT 1 {skip_locked}"
            ),
            args![],
        )
        .await?;
    row.as_ref().map(number).transpose()
}

/// The number with this id.
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
    row.as_ref().map(number).transpose()
}

/// The service that receives the texts to this number, if it is an active one of ours.
pub async fn find_service(session: &mut Session, number: &str) -> Result<Option<ServiceId>, Error> {
    let row = session
        .fetch_optional(
            "SELECT service_id FROM inbound_numbers WHERE number = $1 AND active AND service_id IS NOT NULL",
            args![number],
        )
        .await?;
    row.map(|row| row.get("service_id")).transpose()
}

/// The number of a service.
pub async fn find_of_service(
    session: &mut Session,
    service: ServiceId,
) -> Result<Option<InboundNumber>, Error> {
    let row = session
        .fetch_optional(
            format!("SELECT {COLUMNS} FROM inbound_numbers WHERE service_id = $1"),
            args![service],
        )
        .await?;
    row.as_ref().map(number).transpose()
}

/// All numbers.
pub async fn list(session: &mut Session) -> Result<Vec<InboundNumber>, Error> {
    session
        .fetch_all(
            format!("SELECT {COLUMNS} FROM inbound_numbers ORDER BY number"),
            args![],
        )
        .await?
        .iter()
        .map(number)
        .collect()
}

fn number(row: &Row) -> Result<InboundNumber, Error> {
    Ok(InboundNumber {
        id: row.get("id")?,
        number: row.get("number")?,
        provider: row.get("provider")?,
        service_id: row.get("service_id")?,
        active: row.get("active")?,
    })
}
