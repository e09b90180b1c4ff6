//! Callbacks: requests to a URL of a service that say what became of its notifications, which texts it received, which
//! letters came back, and which recipients complained (`docs/spec/public-api.md` §24, `docs/spec/workers.md` §11).
//!
//! A callback is enqueued in the transaction that makes it due. **Code that changes statuses calls `apply_updates`** in place
//! of [`store::notifications::apply`]: it enqueues a callback for every change to a final status. Other events have a function
//! of their own here. Each takes the transaction and returns the pools to wake after its commit.
//!
//! A task holds ids and statuses. What is personal is read and opened at each attempt, so that
//! an erasure, the end of retention and a change of keys need not look into the queue.
//!
//! A service whose endpoint hangs or fails delays no other: it has few slots (`slots`), few tasks at a time
//! (`max_tasks_of`), and is paused when nothing succeeds for long (`finishing`). Each attempt is logged, and what a
//! service missed can be sent again ([`replay`]).

mod answer;
mod body;
mod events;
mod finishing;
pub mod replay;
mod send;
mod signature;
mod slots;

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use domain::{
    CallbackKind, Channel, InboundSmsId, NotificationId, Private, RandomSource, ServiceId, TaskId,
    Timestamp, UnsubscribeRequestId,
};
use queue::{Enqueue as _, NewTask};
use store::{
    Tx,
    callbacks::SealedEndpoint,
    notifications::{FinalStatus, StatusUpdate},
};
use uuid::Uuid;

use crate::{
    App,
    group_commit::{GroupCommit, Infrastructure},
    tasks::{self, CallbackEvent, Callbacks, FixedEndpoint, MAX_TASK_IDS},
};

pub(crate) use send::send;
pub use store::tasks::ServiceBacklog;

/// What sending callbacks knows between tasks.
#[derive(Debug)]
pub(crate) struct CallbackState {
    slots: slots::ServiceSlots,
    finishing: GroupCommit<finishing::FinishingWriter>,
}

impl CallbackState {
    /// Starts the group commit of finished tasks. An endpoint without a success for as long as `pause_after` is paused.
    pub(crate) fn start(infrastructure: &Infrastructure, pause_after: std::time::Duration) -> Self {
        Self {
            slots: slots::ServiceSlots::default(),
            finishing: finishing::FinishingWriter::start(infrastructure, pause_after),
        }
    }
}

/// What became of status updates, and whom to wake once they are committed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Applied {
    /// How many updates were applied.
    pub(crate) count: u64,
    /// The pools that have new tasks, for [`App::commit_and_notify`].
    pub(crate) pools: &'static [&'static str],
}

/// Applies status updates, each only if the transition is allowed, and enqueues the callbacks to the services that want to
/// be told, in the same transaction.
pub(crate) async fn apply_updates(
    app: &App,
    tx: &mut Tx,
    updates: &[StatusUpdate],
    now: Timestamp,
) -> Result<Applied, store::Error> {
    apply_in_commit(app.random(), tx, updates, now).await
}

/// Does the same as [`apply_updates`] for a group commit, which has no handle to the platform.
pub(crate) async fn apply_in_commit(
    random: &dyn RandomSource,
    tx: &mut Tx,
    updates: &[StatusUpdate],
    now: Timestamp,
) -> Result<Applied, store::Error> {
    let applied = store::notifications::apply(tx, updates, now).await?;
    Ok(Applied {
        count: applied.count,
        pools: enqueue_statuses(random, tx, &applied.finals, now).await?,
    })
}

/// Enqueues the callbacks that tell services of final statuses, for changes that [`apply_updates`] does not make. Returns
/// the pools to wake.
pub(crate) async fn enqueue_finals(
    app: &App,
    tx: &mut Tx,
    finals: &[FinalStatus],
    now: Timestamp,
) -> Result<&'static [&'static str], store::Error> {
    enqueue_statuses(app.random(), tx, finals, now).await
}

async fn enqueue_statuses(
    random: &dyn RandomSource,
    tx: &mut Tx,
    finals: &[FinalStatus],
    now: Timestamp,
) -> Result<&'static [&'static str], store::Error> {
    let mut events = EventsByService::new();
    let mut of_letters = EventsByService::new();
    for change in finals {
        let event = CallbackEvent {
            status: Some(change.status),
            at: Some(change.at),
            sent_at: change.sent_at,
            ..CallbackEvent::about(change.id.as_uuid())
        };
        let events = match change.channel {
            Channel::Letter => &mut of_letters,
            Channel::Email | Channel::Sms => &mut events,
        };
        events.entry(change.service_id).or_default().push(event);
    }
    let kind = CallbackKind::DeliveryStatus;
    let pools = enqueue(random, tx, kind, events, now).await?;
    let of_letters = enqueue_statuses_of_letters(random, tx, of_letters, now).await?;
    Ok(if pools.is_empty() { of_letters } else { pools })
}

/// Enqueues the callbacks about letters that are told: the template says so, and if it says nothing, the callback of the
/// service (`docs/spec/letters.md` §1).
async fn enqueue_statuses_of_letters(
    random: &dyn RandomSource,
    tx: &mut Tx,
    mut events: EventsByService,
    now: Timestamp,
) -> Result<&'static [&'static str], store::Error> {
    let kind = CallbackKind::DeliveryStatus;
    let endpoints = list_endpoints(tx, kind, &events).await?;
    // Templates are looked up only for services that could be told.
    let ids = endpoints
        .iter()
        .filter_map(|endpoint| events.get(&endpoint.service_id))
        .flatten()
        .map(|event| NotificationId::from(event.id));
    let choices = store::templates::list_letter_callbacks(tx, &ids.collect::<Vec<_>>()).await?;
    for endpoint in &endpoints {
        let is_told = |event: &CallbackEvent| {
            let choice = choices.get(&NotificationId::from(event.id));
            choice.copied().unwrap_or(endpoint.letters)
        };
        if let Some(events) = events.get_mut(&endpoint.service_id) {
            events.retain(is_told);
        }
    }
    enqueue_to(random, tx, kind, &endpoints, &events, now).await
}

/// Enqueues the callback about a received text, if the service has set one. Returns the pools to wake.
pub(crate) async fn enqueue_inbound_sms(
    app: &App,
    tx: &mut Tx,
    service: ServiceId,
    text: InboundSmsId,
    now: Timestamp,
) -> Result<&'static [&'static str], store::Error> {
    let event = CallbackEvent::about(text.as_uuid());
    let events = [(service, vec![event])].into();
    enqueue(app.random(), tx, CallbackKind::InboundSms, events, now).await
}

/// Enqueues the callbacks that tell of complaints, each with its service, to those that want to be told. Returns the pools to
/// wake.
pub(crate) async fn enqueue_complaints(
    app: &App,
    tx: &mut Tx,
    complaints: &[(ServiceId, Uuid)],
    now: Timestamp,
) -> Result<&'static [&'static str], store::Error> {
    let mut events = EventsByService::new();
    for (service, id) in complaints {
        let event = CallbackEvent::about(*id);
        events.entry(*service).or_default().push(event);
    }
    enqueue(app.random(), tx, CallbackKind::Complaint, events, now).await
}

/// Enqueues the callback about a request to be sent no more, if the service has set one. Returns the pools to wake.
pub(crate) async fn enqueue_unsubscribe_request(
    app: &App,
    tx: &mut Tx,
    service: ServiceId,
    request: UnsubscribeRequestId,
    now: Timestamp,
) -> Result<&'static [&'static str], store::Error> {
    let event = CallbackEvent::about(request.as_uuid());
    let events = [(service, vec![event])].into();
    enqueue(
        app.random(),
        tx,
        CallbackKind::UnsubscribeRequest,
        events,
        now,
    )
    .await
}

/// Enqueues the callbacks that tell of letters that the post has returned, to the services that want to be told. Returns
/// the pools to wake.
pub(crate) async fn enqueue_returned_letters(
    app: &App,
    tx: &mut Tx,
    letters: impl IntoIterator<Item = (ServiceId, NotificationId)>,
    now: Timestamp,
) -> Result<&'static [&'static str], store::Error> {
    let mut events = EventsByService::new();
    for (service, letter) in letters {
        let event = CallbackEvent::about(letter.as_uuid());
        events.entry(service).or_default().push(event);
    }
    enqueue(app.random(), tx, CallbackKind::ReturnedLetter, events, now).await
}

/// What each service is told.
type EventsByService = BTreeMap<ServiceId, Vec<CallbackEvent>>;

async fn enqueue(
    random: &dyn RandomSource,
    tx: &mut Tx,
    kind: CallbackKind,
    events: EventsByService,
    now: Timestamp,
) -> Result<&'static [&'static str], store::Error> {
    let endpoints = list_endpoints(tx, kind, &events).await?;
    enqueue_to(random, tx, kind, &endpoints, &events, now).await
}

/// Returns the endpoints of the services that have one.
async fn list_endpoints(
    tx: &mut Tx,
    kind: CallbackKind,
    events: &EventsByService,
) -> Result<Vec<SealedEndpoint>, store::Error> {
    let services: BTreeSet<ServiceId> = events.keys().copied().collect();
    // Read in the transaction rather than from a cache: what happens after a service has set a callback is told. For the
    // others it is one look-up in a commit.
    store::callbacks::list_endpoints(tx, kind, &services).await
}

async fn enqueue_to(
    random: &dyn RandomSource,
    tx: &mut Tx,
    kind: CallbackKind,
    endpoints: &[SealedEndpoint],
    events: &EventsByService,
    now: Timestamp,
) -> Result<&'static [&'static str], store::Error> {
    let tasks: Vec<NewTask> = endpoints
        .iter()
        .flat_map(|endpoint| {
            let events = events.get(&endpoint.service_id);
            let events = events.map_or(&[][..], Vec::as_slice);
            tasks_of(random, kind, endpoint, events, now)
        })
        .collect();
    if tasks.is_empty() {
        return Ok(&[]);
    }
    tx.enqueue(tasks).await?;
    Ok(&[tasks::SERVICE_CALLBACKS])
}

fn tasks_of(
    random: &dyn RandomSource,
    kind: CallbackKind,
    endpoint: &SealedEndpoint,
    events: &[CallbackEvent],
    now: Timestamp,
) -> Vec<NewTask> {
    let task = |some: &[CallbackEvent]| {
        let id = TaskId::generate(now, random);
        let callbacks = to(kind, endpoint, some.to_vec());
        tasks::send_callbacks(id, endpoint.service_id, kind, &callbacks, now)
    };
    events.chunks(MAX_TASK_IDS).map(task).collect()
}

/// Returns a task that is sent although its endpoint is paused.
fn probe_task(
    app: &App,
    kind: CallbackKind,
    endpoint: &SealedEndpoint,
    event: CallbackEvent,
    now: Timestamp,
) -> NewTask {
    let callbacks = Callbacks {
        is_probe: true,
        ..to(kind, endpoint, vec![event])
    };
    let id = TaskId::generate(now, app.random());
    tasks::send_callbacks(id, endpoint.service_id, kind, &callbacks, now)
}

fn to(kind: CallbackKind, endpoint: &SealedEndpoint, events: Vec<CallbackEvent>) -> Callbacks {
    let fixed = FixedEndpoint {
        id: endpoint.id,
        sealed: BASE64_STANDARD.encode(&endpoint.sealed),
    };
    Callbacks {
        // Looked up at each attempt for received texts (`docs/spec/public-api.md` §24.1).
        endpoint: (kind != CallbackKind::InboundSms).then_some(fixed),
        events,
        is_probe: false,
    }
}

/// Returns how many callback tasks of a service run at a time: one while its endpoint hangs, so that the service does not
/// claim all its tasks again and again only to find no slot.
pub(crate) fn max_tasks_of(app: &App, pool: &str, service: ServiceId) -> Option<u32> {
    let is_ours = [tasks::SERVICE_CALLBACKS, tasks::SERVICE_CALLBACKS_RETRY].contains(&pool);
    let most = if app.callbacks.slots.is_hanging(service) {
        1
    } else {
        slots::MAX_OPEN_CALLS
    };
    is_ours.then(|| u32::try_from(most).expect("it is small"))
}

/// Returns a new secret for signing callbacks, in the form that a service stores.
pub(crate) fn new_secret(random: &dyn RandomSource) -> Private<String> {
    signature::new_secret(random)
}

/// Returns the `count` services with the most callbacks in the queue, in tasks: first attempts, which say how far behind
/// their endpoints are.
pub async fn list_backlogs(app: &App, count: u32) -> Result<Vec<ServiceBacklog>, store::Error> {
    let (mut session, now) = (app.read().await?, app.clock.now());
    let pool = tasks::SERVICE_CALLBACKS;
    store::tasks::list_service_backlogs(&mut session, pool, now, count).await
}
