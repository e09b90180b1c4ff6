//! Despatches of letters. The printer is paid by the day of despatch (`docs/spec/letters.md` §9).

use domain::{NotificationId, ServiceId};

use crate::{Error, Session, Tx, db::args};

/// Despatch of a letter, with its date and cost class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Despatch {
    /// Letter that was despatched.
    pub notification_id: NotificationId,
    /// Service that sent it.
    pub service_id: ServiceId,
    /// Local day, counted from 1 January 1970.
    pub despatched_on: i64,
    /// `sorted` or `unsorted`.
    pub cost_threshold: String,
}

/// Records a despatch, replacing an earlier one of the same letter.
pub async fn upsert(tx: &mut Tx, despatch: &Despatch) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO letter_despatches (notification_id, service_id, despatched_on, cost_threshold) \
         VALUES ($1, $2, $3, $4) ON CONFLICT (notification_id) DO UPDATE \
         SET despatched_on = excluded.despatched_on, cost_threshold = excluded.cost_threshold",
        args![
            despatch.notification_id,
            despatch.service_id,
            despatch.despatched_on,
            &*despatch.cost_threshold,
        ],
    )
    .await?;
    Ok(())
}

/// Returns the despatch of a letter of a service.
pub async fn find(
    session: &mut Session,
    service: ServiceId,
    letter: NotificationId,
) -> Result<Option<Despatch>, Error> {
    let row = session
        .fetch_optional(
            "SELECT despatched_on, cost_threshold FROM letter_despatches \
             WHERE notification_id = $2 AND service_id = $1",
            args![service, letter],
        )
        .await?;
    row.map(|row| {
        Ok(Despatch {
            notification_id: letter,
            service_id: service,
            despatched_on: row.get("despatched_on")?,
            cost_threshold: row.get("cost_threshold")?,
        })
    })
    .transpose()
}
