//! The attempts to send a notification, as operators see them.

use domain::{NotificationId, ServiceId};
use store::attempts::Attempt;

use crate::App;

/// Lists the attempts to send a notification of a service, in order; none if the service has no such notification.
pub async fn list(
    app: &App,
    service: ServiceId,
    id: NotificationId,
) -> Result<Option<Vec<Attempt>>, store::Error> {
    let mut session = app.read().await?;
    let found = store::notifications::find(&mut session, service, id).await?;
    match found {
        Some(notification) => Ok(Some(
            store::attempts::list(&mut session, notification.id).await?,
        )),
        None => Ok(None),
    }
}
