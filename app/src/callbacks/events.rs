//! What a callback says: read for each attempt.

use std::collections::HashMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use domain::{
    CallbackId, CallbackKind, InboundSmsId, NotificationId, Private, ServiceId,
    UnsubscribeRequestId,
};
use store::{
    Session, callbacks::Endpoint, complaints::Complaint, unsubscribe_requests::UnsubscribeRequest,
};
use tracing::warn;
use uuid::Uuid;

use super::body;
use crate::{
    App,
    tasks::{CallbackEvent, FixedEndpoint},
};

/// Where callbacks go.
pub(super) struct Target {
    pub(super) callback: CallbackId,
    pub(super) endpoint: Endpoint,
}

/// Returns where callbacks go: to the URL that was fixed when they were enqueued, else to the one that the service has now.
/// `None` if it has none.
pub(super) async fn find_target(
    app: &App,
    service: ServiceId,
    kind: CallbackKind,
    fixed: Option<&FixedEndpoint>,
) -> Result<Option<Target>, store::Error> {
    if let Some(target) = fixed.and_then(|fixed| open(app, fixed)) {
        return Ok(Some(target));
    }
    let keyring = app.store.keyring();
    let found = store::callbacks::find(&mut app.read().await?, keyring, service, kind).await?;
    Ok(found.map(|callback| Target {
        callback: callback.id,
        endpoint: Endpoint {
            url: callback.url,
            bearer_token: callback.bearer_token,
            secrets: callback.secrets,
        },
    }))
}

/// Returns `None` if the key that sealed it is gone: re-encryption does not look into the queue.
fn open(app: &App, fixed: &FixedEndpoint) -> Option<Target> {
    let sealed = BASE64_STANDARD.decode(&fixed.sealed).ok()?;
    let endpoint = store::callbacks::open_endpoint(app.store.keyring(), fixed.id, &sealed).ok()?;
    Some(Target {
        callback: fixed.id,
        endpoint,
    })
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
        CallbackKind::ReturnedLetter => read_returned_letters(app, service, events).await,
        CallbackKind::Complaint => read_complaints(app, service, events).await,
        CallbackKind::UnsubscribeRequest => read_unsubscribe_requests(app, service, events).await,
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
    let ids: Vec<NotificationId> = events.iter().map(|event| event.id.into()).collect();
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
            // The other callbacks of the task are sent all the same.
            Err(fault) => warn!(
                notification.id = %id,
                error = &fault as &dyn std::error::Error,
                "the status of notification {id} cannot be told: its contents do not open"
            ),
        }
    })
    .await?;
    let gone: Vec<NotificationId> = ids
        .into_iter()
        .filter(|id| !bodies.contains_key(&id.as_uuid()))
        .collect();
    for line in store::history::list_by_id(&mut session, &gone).await? {
        let event = by_id.get(&line.id.as_uuid());
        if let Some(event) = event.filter(|_| line.service_id == service) {
            bodies.insert(event.id, body::late_status(event, &line));
        }
    }
    Ok(bodies)
}

async fn read_complaints(
    app: &App,
    service: ServiceId,
    events: &[CallbackEvent],
) -> Result<HashMap<Uuid, Private<Vec<u8>>>, store::Error> {
    let ids: Vec<Uuid> = events.iter().map(|event| event.id).collect();
    let (mut session, keyring) = (app.read().await?, app.store.keyring());
    let found = store::complaints::list_by_id(&mut session, keyring, service, &ids).await?;
    let about: Vec<NotificationId> = found.iter().map(|one| one.notification_id).collect();
    let references = find_references(&mut session, service, &about).await?;
    let body_of = |complaint: &Complaint| {
        let reference = references.get(&complaint.notification_id);
        let reference = reference.and_then(|one| one.as_deref());
        (complaint.id, body::complaint(complaint, reference))
    };
    Ok(found.iter().map(body_of).collect())
}

async fn read_unsubscribe_requests(
    app: &App,
    service: ServiceId,
    events: &[CallbackEvent],
) -> Result<HashMap<Uuid, Private<Vec<u8>>>, store::Error> {
    let ids: Vec<UnsubscribeRequestId> = events.iter().map(|event| event.id.into()).collect();
    let (mut session, keyring) = (app.read().await?, app.store.keyring());
    let found =
        store::unsubscribe_requests::list_by_id(&mut session, keyring, service, &ids).await?;
    let about: Vec<NotificationId> = found.iter().map(|one| one.notification_id).collect();
    let references = find_references(&mut session, service, &about).await?;
    let body_of = |request: &UnsubscribeRequest| {
        let reference = references.get(&request.notification_id);
        let reference = reference.and_then(|one| one.as_deref());
        let body = body::unsubscribe_request(request, reference);
        (request.id.as_uuid(), body)
    };
    Ok(found.iter().map(body_of).collect())
}

/// Returns the references that a service gave to its notifications, of those that have one or are in the history.
async fn find_references(
    session: &mut Session,
    service: ServiceId,
    ids: &[NotificationId],
) -> Result<HashMap<NotificationId, Option<String>>, store::Error> {
    let mut references = HashMap::new();
    store::notifications::visit(session, service, ids, |notification| {
        references.insert(notification.id, notification.client_reference);
    })
    .await?;
    // People complain about old e-mails too, and follow their links.
    for line in store::history::list_by_id(session, ids).await? {
        references.entry(line.id).or_insert(line.client_reference);
    }
    Ok(references)
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

async fn read_returned_letters(
    app: &App,
    service: ServiceId,
    events: &[CallbackEvent],
) -> Result<HashMap<Uuid, Private<Vec<u8>>>, store::Error> {
    let ids: Vec<NotificationId> = events.iter().map(|event| event.id.into()).collect();
    let mut session = app.read().await?;
    let found = store::returned_letters::list_details(&mut session, service, &ids).await?;
    Ok(found
        .iter()
        .map(|letter| (letter.id.as_uuid(), body::returned_letter(letter)))
        .collect())
}
