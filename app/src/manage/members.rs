//! The team members of services.

use std::collections::{BTreeMap, BTreeSet};

use domain::{MemberPermission, ServiceId, UserId};
pub use store::members::Member;

use crate::{AdminError, App, manage::services};

/// Lists the team of a service, ordered by name.
pub async fn list(app: &App, service: ServiceId) -> Result<Vec<Member>, AdminError> {
    let mut session = services::read_existing(app, service).await?;
    Ok(store::members::list(&mut session, service).await?)
}

/// Lists the services that a user is a member of, with the user's permissions in each.
pub async fn list_memberships(
    app: &App,
    user: UserId,
) -> Result<BTreeMap<ServiceId, BTreeSet<MemberPermission>>, AdminError> {
    Ok(store::members::list_memberships(&mut app.read().await?, user).await?)
}

/// Adds a user to a service's team.
pub async fn add(
    app: &App,
    service: ServiceId,
    user: UserId,
    permissions: &BTreeSet<MemberPermission>,
) -> Result<(), AdminError> {
    let mut tx = services::lock(app, service).await?;
    store::users::find(&mut tx, user)
        .await?
        .ok_or(AdminError::NoSuch("user"))?;
    if !store::members::insert(&mut tx, service, user).await? {
        return Err(AdminError::rejected(format!(
            "User id: {user} already part of service id: {service}"
        )));
    }
    store::members::set_permissions(&mut tx, service, user, permissions).await?;
    services::commit_and_invalidate(app, tx, service).await
}

/// Replaces the permissions of a member.
pub async fn set_permissions(
    app: &App,
    service: ServiceId,
    user: UserId,
    permissions: &BTreeSet<MemberPermission>,
) -> Result<(), AdminError> {
    let mut tx = services::lock(app, service).await?;
    if !store::members::is_member(&mut tx, service, user).await? {
        return Err(AdminError::NoSuch("member"));
    }
    store::members::set_permissions(&mut tx, service, user, permissions).await?;
    services::commit_and_invalidate(app, tx, service).await
}

/// Removes a member from a team. The last member cannot be removed.
pub async fn remove(app: &App, service: ServiceId, user: UserId) -> Result<(), AdminError> {
    let mut tx = services::lock(app, service).await?;
    let team = store::members::list(&mut tx, service).await?;
    if !team.iter().any(|member| member.user.id == user) {
        return Err(AdminError::NoSuch("member"));
    }
    // The service would have no administrator left.
    if team.len() == 1 {
        return Err(AdminError::rejected(
            "You cannot remove the only user for a service",
        ));
    }
    store::members::delete(&mut tx, service, user).await?;
    services::commit_and_invalidate(app, tx, service).await
}
