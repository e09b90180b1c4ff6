//! Organisations that run services.

use domain::{OrganisationId, ServiceId, Timestamp};

use crate::{
    Error, Session, Tx,
    db::{Row, args},
};

/// Public body that runs one or more services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organisation {
    /// Primary key.
    pub id: OrganisationId,
    /// Name; unique.
    pub name: String,
    /// Whether services can be added to it.
    pub active: bool,
    /// When it was created.
    pub created_at: Timestamp,
}

const COLUMNS: &str = "id, name, active, created_at";

/// Inserts an organisation. Fails with [`Error::Exists`] if the name is taken.
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

/// Updates the name and whether it is active. Fails with [`Error::Exists`] if the name is taken.
pub async fn update(tx: &mut Tx, organisation: &Organisation) -> Result<(), Error> {
    tx.execute(
        "UPDATE organisations SET name = $2, active = $3 WHERE id = $1",
        args![organisation.id, &*organisation.name, organisation.active],
    )
    .await?;
    Ok(())
}

/// Returns an organisation.
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
    row.as_ref().map(parse_organisation).transpose()
}

/// Returns an organisation and locks the row until the transaction ends.
pub async fn lock(tx: &mut Tx, id: OrganisationId) -> Result<Option<Organisation>, Error> {
    let for_update = tx.kind().for_update();
    let row = tx
        .fetch_optional(
            format!("SELECT {COLUMNS} FROM organisations WHERE id = $1 {for_update}"),
            args![id],
        )
        .await?;
    row.as_ref().map(parse_organisation).transpose()
}

/// Returns all organisations by name.
pub async fn list(session: &mut Session) -> Result<Vec<Organisation>, Error> {
    session
        .fetch_all(
            format!("SELECT {COLUMNS} FROM organisations ORDER BY name, id"),
            args![],
        )
        .await?
        .iter()
        .map(parse_organisation)
        .collect()
}

/// Assigns a service to an organisation, or to none. Returns whether the service exists.
pub async fn add_service(
    tx: &mut Tx,
    service: ServiceId,
    organisation: Option<OrganisationId>,
) -> Result<bool, Error> {
    let changed = tx
        .execute(
            "UPDATE services SET organisation_id = $2 WHERE id = $1",
            args![service, organisation],
        )
        .await?;
    Ok(changed == 1)
}

fn parse_organisation(row: &Row) -> Result<Organisation, Error> {
    Ok(Organisation {
        id: row.get("id")?,
        name: row.get("name")?,
        active: row.get("active")?,
        created_at: row.get("created_at")?,
    })
}
