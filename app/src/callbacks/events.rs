//! What a callback says: read for each attempt.

use std::collections::HashMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use domain::{CallbackKind, InboundSmsId, NotificationId, Private, ServiceId};
use store::callbacks::Endpoint;
use tracing::warn;
use uuid::Uuid;

use super::body;
use crate::{
    App,
    tasks::{CallbackEvent, FixedEndpoint},
};

/// Returns where callbacks go: to the URL that was fixed when they were enqueued, else to the one that the service has now.
/// `None` if it has none.
pub(super) async fn find_endpoint(
    app: &App,
    service: ServiceId,
    kind: CallbackKind,
    fixed: Option<&FixedEndpoint>,
) -> Result<Option<Endpoint>, store::Error> {
    if let Some(endpoint) = fixed.and_then(|fixed| open(app, fixed)) {
        return Ok(Some(endpoint));
    }
    let keyring = app.store.keyring();
    let found = store::callbacks::find(&mut app.read().await?, keyring, service, kind).await?;
    Ok(found.map(|callback| Endpoint {
        url: callback.url,
        bearer_token: callback.bearer_token,
    }))
}

/// Returns `None` if the key that sealed it is gone: re-encryption does not look into the queue.
fn open(app: &App, fixed: &FixedEndpoint) -> Option<Endpoint> {
    let sealed = BASE64_STANDARD.decode(&fixed.sealed).ok()?;
    store::callbacks::open_endpoint(app.store.keyring(), fixed.id, &sealed).ok()
}

/// Returns the bodies of callbacks by the id of their event. What does not exist any more has none.
pub(super) async fn read_bodies(
    app: &App,
    service: ServiceId,
    kind: CallbackKind,
    events: &[CallbackEvent],
) -> Result<HashMap<Uuid, Private<Vec<u8>>>, store::Error> {
    match kind {
        CallbackKind::DeliveryStatus => read_statuses(app, service, events).await,
        CallbackKind::InboundSms => read_inbound_sms(app, service, events).await,
        CallbackKind::ReturnedLetter | CallbackKind::Complaint => Ok(HashMap::new()),
    }
}

async fn read_statuses(
    app: &App,
    service: ServiceId,
    events: &[CallbackEvent],
) -> Result<HashMap<Uuid, Private<Vec<u8>>>, store::Error> {
    let keyring = app.store.keyring();
    let by_id: HashMap<Uuid, &CallbackEvent> =
        events.iter().map(|event| (event.id, event)).collect();
    let ids: Vec<NotificationId> = by_id.keys().copied().map(Into::into).collect();
    let mut bodies = HashMap::new();
    let mut session = app.read().await?;
    // One by one: a hundred of the largest messages need not be in memory for the sake of their recipients.
    store::notifications::visit(&mut session, service, &ids, |notification| {
        let id = notification.id.as_uuid();
        match notification.open(keyring) {
            Ok(contents) => {
                if let Some(event) = by_id.get(&id) {
                    bodies.insert(id, body::delivery_status(event, &notification, &contents));
                }
            }
            // The others of the task are told all the same.
            Err(fault) => warn!(
                notification.id = %id,
                error = &fault as &dyn std::error::Error,
                "the status of notification {id} cannot be told: its contents do not open"
            ),
        }
    })
    .await?;
    Ok(bodies)
}

async fn read_inbound_sms(
    app: &App,
    service: ServiceId,
    events: &[CallbackEvent],
) -> Result<HashMap<Uuid, Private<Vec<u8>>>, store::Error> {
    let ids: Vec<InboundSmsId> = events.iter().map(|event| event.id.into()).collect();
    let mut session = app.read().await?;
    let found =
        store::inbound_sms::list_by_id(&mut session, app.store.keyring(), service, &ids).await?;
    Ok(found
        .iter()
        .map(|text| (text.id.as_uuid(), body::inbound_sms(text)))
        .collect())
}
