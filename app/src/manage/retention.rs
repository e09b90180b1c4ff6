//! How many days a service's notifications are stored, where it differs from the default (`docs/spec/workers.md`
//! §14).

use domain::{Channel, RetentionId, ServiceId};
pub use store::retention::Retention;

use crate::{AdminError, App, manage::services};

/// The shortest retention in days.
pub(crate) const MIN_DAYS: u32 = 3;
const MAX_DAYS: u32 = 90;

/// Lists the retention settings of a service, ordered by channel.
pub async fn list(app: &App, service: ServiceId) -> Result<Vec<Retention>, AdminError> {
    let mut session = services::read_existing(app, service).await?;
    Ok(store::retention::list(&mut session, service).await?)
}

/// Finds a retention setting of a service.
pub async fn find(app: &App, service: ServiceId, id: RetentionId) -> Result<Retention, AdminError> {
    store::retention::find(&mut app.read().await?, service, id)
        .await?
        .ok_or(AdminError::NoSuch("data retention"))
}

/// Adds a retention setting for a channel of a service.
pub async fn create(
    app: &App,
    service: ServiceId,
    notification_type: Channel,
    days: u32,
) -> Result<Retention, AdminError> {
    check(days)?;
    let now = app.clock.now();
    let retention = Retention {
        id: RetentionId::generate(now, app.random()),
        notification_type,
        days_of_retention: days,
        created_at: now,
        updated_at: None,
    };
    let exists = || {
        AdminError::rejected(format!(
            "Service already has data retention for {notification_type} notification type"
        ))
    };
    let mut tx = services::lock(app, service).await?;
    store::retention::insert(&mut tx, service, &retention)
        .await
        .map_err(AdminError::if_exists(exists))?;
    services::commit_and_invalidate(app, tx, service).await?;
    Ok(retention)
}

/// Changes a retention setting.
pub async fn update(
    app: &App,
    service: ServiceId,
    id: RetentionId,
    days: u32,
) -> Result<Retention, AdminError> {
    check(days)?;
    let mut tx = services::lock(app, service).await?;
    store::retention::update(&mut tx, service, id, days, app.clock.now()).await?;
    // Updating a row that does not exist changes nothing, which reading it shows.
    let after = store::retention::find(&mut tx, service, id).await?;
    let after = after.ok_or(AdminError::NoSuch("data retention"))?;
    services::commit_and_invalidate(app, tx, service).await?;
    Ok(after)
}

fn check(days: u32) -> Result<(), AdminError> {
    if (MIN_DAYS..=MAX_DAYS).contains(&days) {
        return Ok(());
    }
    Err(AdminError::field(
        "days_of_retention",
        format!("Must be between {MIN_DAYS} and {MAX_DAYS}."),
    ))
}
