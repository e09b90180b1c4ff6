//! Numbers at which texts are received. A number belongs to one service at most.

use domain::{InboundNumberId, ServiceId, Timestamp};

use crate::{Error, Session, Tx, db::args};

/// A number at which texts are received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundNumber {
    /// Which.
    pub id: InboundNumberId,
    /// As it is dialled at home: `07700900600`.
    pub number: String,
    /// Who brings us its texts.
    pub provider: String,
    /// Whose it is; nobody's while it is free.
    pub service_id: Option<ServiceId>,
    /// Texts to it are taken.
    pub active: bool,
}

/// Keeps a new number.
pub async fn insert(tx: &mut Tx, number: &InboundNumber, at: Timestamp) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO inbound_numbers (id, number, provider, service_id, active, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
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

/// The service that receives the texts to this number, if it is an active one of ours.
pub async fn find_service(session: &mut Session, number: &str) -> Result<Option<ServiceId>, Error> {
    let row = session
        .fetch_optional(
            "SELECT service_id FROM inbound_numbers \
             WHERE number = $1 AND active AND service_id IS NOT NULL",
            args![number],
        )
        .await?;
    row.map(|row| row.get("service_id")).transpose()
}
