//! Organisations: who runs services.

use domain::{OrganisationId, ServiceId, Timestamp};

use crate::{
    Error, Session, Tx,
    db::{Row, args},
};

/// An organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organisation {
    /// Which.
    pub id: OrganisationId,
    /// Unique among all.
    pub name: String,
    /// Whether it may take on services.
    pub active: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

const COLUMNS: &str = "id, name, active, created_at";

/// Keeps a new organisation; `Exists` if another has its name.
pub async fn insert(tx: &mut Tx, organisation: &Organisation) -> Result<(), Error> {
    tx.execute(
        format!("INSERT INTO organisations ({COLUMNS}) VALUES ($1, $2, $3, $4)"),
        args![
            organisation.id,
            &*organisation.name,
            organisation.active,
            organisation.created_at
        ],
    )
    .await?;
    Ok(())
}

/// Writes the name and the standing of an organisation; `Exists` if another has the name.
pub async fn update(tx: &mut Tx, organisation: &Organisation) -> Result<(), Error> {
    tx.execute(
        "UPDATE organisations SET name = $2, active = $3 WHERE id = $1",
        args![organisation.id, &*organisation.name, organisation.active],
    )
    .await?;
    Ok(())
}

/// The organisation with this id.
pub async fn find(
    session: &mut Session,
    id: OrganisationId,
) -> Result<Option<Organisation>, Error> {
    let row = session
        .fetch_optional(
            format!("SELECT {COLUMNS} FROM organisations WHERE id = $1"),
            args![id],
        )
        .await?;
    row.as_ref().map(organisation).transpose()
}

/// The organisation with this id, which nobody else changes until the transaction ends.
pub async fn lock(tx: &mut Tx, id: OrganisationId) -> Result<Option<Organisation>, Error> {
    let for_update = tx.kind().for_update();
    let row = tx
        .fetch_optional(
            format!("SELECT {COLUMNS} FROM organisations WHERE id = $1 {for_update}"),
            args![id],
        )
        .await?;
    row.as_ref().map(organisation).transpose()
}

/// All organisations, by name.
pub async fn list(session: &mut Session) -> Result<Vec<Organisation>, Error> {
    session
        .fetch_all(
            format!("SELECT {COLUMNS} FROM organisations ORDER BY name, id"),
            args![],
        )
        .await?
        .iter()
        .map(organisation)
        .collect()
}

/// Makes an organisation, or nobody, the one that runs a service. Whether there is the service.
pub async fn add_service(
    tx: &mut Tx,
    service: ServiceId,
    organisation: Option<OrganisationId>,
) -> Result<bool, Error> {
    let touched = tx
        .execute(
            "UPDATE services SET organisation_id = $2 WHERE id = $1",
            args![service, organisation],
        )
        .await?;
    Ok(touched == 1)
}

fn organisation(row: &Row) -> Result<Organisation, Error> {
    Ok(Organisation {
        id: row.get("id")?,
        name: row.get("name")?,
        active: row.get("active")?,
        created_at: row.get("created_at")?,
    })
}
