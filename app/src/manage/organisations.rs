//! Organisations, and which services they run.

use domain::{OrganisationId, ServiceId};
pub use store::organisations::Organisation;
use store::services::Service;

use crate::{
    AdminError, App,
    manage::{admin_error::name_of, services},
};

/// What is changed about an organisation; nothing stays as it is.
#[derive(Debug, Clone, Default)]
pub struct OrganisationChange {
    /// Another name.
    pub name: Option<String>,
    /// Whether it may take on services.
    pub active: Option<bool>,
}

/// Makes an organisation.
pub async fn create(app: &App, name: &str) -> Result<Organisation, AdminError> {
    let now = app.clock.now();
    let organisation = Organisation {
        id: OrganisationId::generate(now, app.random()),
        name: name_of(name)?,
        active: true,
        created_at: now,
    };
    let mut tx = app.write().await?;
    store::organisations::insert(&mut tx, &organisation)
        .await
        .map_err(AdminError::if_taken(name_exists))?;
    tx.commit().await?;
    Ok(organisation)
}

/// Changes an organisation.
pub async fn update(
    app: &App,
    id: OrganisationId,
    change: OrganisationChange,
) -> Result<Organisation, AdminError> {
    let name = change.name.as_deref().map(name_of).transpose()?;
    let mut tx = app.write().await?;
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
        .map_err(AdminError::if_taken(name_exists))?;
    tx.commit().await?;
    Ok(after)
}

fn name_exists() -> AdminError {
    AdminError::field("name", "Organisation name already exists")
}

/// All organisations, by name.
pub async fn list(app: &App) -> Result<Vec<Organisation>, AdminError> {
    Ok(store::organisations::list(&mut app.read().await?).await?)
}

/// The organisation with this id.
pub async fn find(app: &App, id: OrganisationId) -> Result<Organisation, AdminError> {
    store::organisations::find(&mut app.read().await?, id)
        .await?
        .ok_or(AdminError::NoSuch("organisation"))
}

/// The services that an organisation runs, by name.
pub async fn list_services(app: &App, id: OrganisationId) -> Result<Vec<Service>, AdminError> {
    find(app, id).await?;
    let mut session = app.read().await?;
    Ok(store::services::list_by_organisation(&mut session, id).await?)
}

/// Makes an organisation the one that runs a service.
pub async fn adopt(app: &App, id: OrganisationId, service: ServiceId) -> Result<(), AdminError> {
    let mut tx = services::lock(app, service).await?;
    if !expect_active(&mut tx, id).await? {
        return Err(AdminError::NoSuch("organisation"));
    }
    store::organisations::add_service(&mut tx, service, Some(id)).await?;
    services::commit_and_invalidate(app, tx, service).await
}

/// Whether there is such an organisation; one that is not active takes nothing on.
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
