//! Organisations and the services that belong to them.

use domain::{OrganisationId, ServiceId};
pub use store::organisations::Organisation;
use store::services::Service;

use crate::{
    AdminError, App,
    manage::{admin_error::valid_name, services},
};

/// A change to an organisation. Absent fields are left as they are.
#[derive(Debug, Clone, Default)]
pub struct OrganisationChange {
    /// The new name.
    pub name: Option<String>,
    /// Whether services can be added to the organisation.
    pub active: Option<bool>,
}

/// Creates an organisation.
pub async fn create(app: &App, name: &str) -> Result<Organisation, AdminError> {
    let now = app.clock.now();
    let organisation = Organisation {
        id: OrganisationId::generate(now, app.random()),
        name: valid_name(name)?,
        active: true,
        created_at: now,
    };
    let mut tx = app.write().await?;
    store::organisations::insert(&mut tx, &organisation)
        .await
        .map_err(AdminError::if_exists(name_exists))?;
    tx.commit().await?;
    Ok(organisation)
}

/// Changes an organisation.
pub async fn update(
    app: &App,
    id: OrganisationId,
    change: OrganisationChange,
) -> Result<Organisation, AdminError> {
    let name = change.name.as_deref().map(valid_name).transpose()?;
    let mut tx = app.write().await?;
    // Locked, so that two changes of different fields do not overwrite each other.
    let before = store::organisations::lock(&mut tx, id)
        .await?
        .ok_or(AdminError::NoSuch("organisation"))?;
    let after = Organisation {
        name: name.unwrap_or(before.name),
        active: change.active.unwrap_or(before.active),
        ..before
    };
    store::organisations::update(&mut tx, &after)
        .await
        .map_err(AdminError::if_exists(name_exists))?;
    tx.commit().await?;
    Ok(after)
}

fn name_exists() -> AdminError {
    AdminError::field("name", "Organisation name already exists")
}

/// Lists all organisations, ordered by name.
pub async fn list(app: &App) -> Result<Vec<Organisation>, AdminError> {
    Ok(store::organisations::list(&mut app.read().await?).await?)
}

/// Finds an organisation by id.
pub async fn find(app: &App, id: OrganisationId) -> Result<Organisation, AdminError> {
    store::organisations::find(&mut app.read().await?, id)
        .await?
        .ok_or(AdminError::NoSuch("organisation"))
}

/// Lists the services of an organisation, ordered by name.
pub async fn list_services(app: &App, id: OrganisationId) -> Result<Vec<Service>, AdminError> {
    // An unknown organisation is an error, and not an empty list.
    find(app, id).await?;
    let mut session = app.read().await?;
    Ok(store::services::list_by_organisation(&mut session, id).await?)
}

/// Assigns a service to an organisation.
pub async fn add_service(
    app: &App,
    id: OrganisationId,
    service: ServiceId,
) -> Result<(), AdminError> {
    let mut tx = services::lock(app, service).await?;
    if !expect_active(&mut tx, id).await? {
        return Err(AdminError::NoSuch("organisation"));
    }
    store::organisations::add_service(&mut tx, service, Some(id)).await?;
    services::commit_and_invalidate(app, tx, service).await
}

/// Returns whether the organisation exists. Fails if it exists but is inactive, because no service can be added to
/// it.
pub(crate) async fn expect_active(
    session: &mut store::Session,
    id: OrganisationId,
) -> Result<bool, AdminError> {
    match store::organisations::find(session, id).await? {
        Some(one) if !one.active => Err(AdminError::rejected(
            "The organisation is not active: make it active first",
        )),
        found => Ok(found.is_some()),
    }
}
