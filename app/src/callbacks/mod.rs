//! Callbacks: services are told at a URL of theirs what became of their notifications, which texts they received, which
//! letters came back, and who complained (`docs/spec/public-api.md` §24, `docs/spec/workers.md` §11).
//!
//! A callback is enqueued in the transaction that makes it due. **Whoever changes statuses calls [`apply_updates`]** in place
//! of [`store::notifications::apply`]: it enqueues a callback for every change to a final status. Other events have a function
//! of their own here. Each takes the transaction and returns the pools to wake after its commit.
//!
//! A task names what the service is told by ids and statuses. What is personal is read and opened at each attempt, so that
//! an erasure, the end of retention and a change of keys need not look into the queue.

mod body;
mod events;
mod finishing;
mod send;
mod slots;

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use domain::{CallbackKind, Channel, InboundSmsId, ServiceId, TaskId, Timestamp};
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

/// What sending callbacks knows between tasks.
#[derive(Debug)]
pub(crate) struct CallbackState {
    slots: slots::ServiceSlots,
    finishing: GroupCommit<finishing::FinishingWriter>,
}

impl CallbackState {
    /// Starts the group commit of finished tasks.
    pub(crate) fn start(infrastructure: &Infrastructure) -> Self {
        Self {
            slots: slots::ServiceSlots::default(),
            finishing: finishing::FinishingWriter::start(infrastructure),
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
    let applied = store::notifications::apply(tx, updates, now).await?;
    Ok(Applied {
        count: applied.count,
        pools: enqueue_finals(app, tx, &applied.finals, now).await?,
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
    let mut events: BTreeMap<ServiceId, Vec<CallbackEvent>> = BTreeMap::new();
    // Services learn of letters by what comes back (`docs/spec/letters.md` §1).
    for change in finals.iter().filter(|one| one.channel != Channel::Letter) {
        let event = CallbackEvent {
            id: change.id.as_uuid(),
            status: Some(change.status),
            at: Some(change.at),
            sent_at: change.sent_at,
        };
        events.entry(change.service_id).or_default().push(event);
    }
    enqueue(app, tx, CallbackKind::DeliveryStatus, events, now).await
}

/// Enqueues the callback that tells of a received text, if the service wants to be told. Returns the pools to wake.
pub(crate) async fn enqueue_inbound_sms(
    app: &App,
    tx: &mut Tx,
    service: ServiceId,
    text: InboundSmsId,
    now: Timestamp,
) -> Result<&'static [&'static str], store::Error> {
    let event = CallbackEvent {
        id: text.as_uuid(),
        status: None,
        at: None,
        sent_at: None,
    };
    let events = BTreeMap::from([(service, vec![event])]);
    enqueue(app, tx, CallbackKind::InboundSms, events, now).await
}

/// Enqueues the callbacks that tell of complaints, each with its service, to those that want to be told. Returns the pools to
/// wake.
pub(crate) async fn enqueue_complaints(
    app: &App,
    tx: &mut Tx,
    complaints: &[(ServiceId, Uuid)],
    now: Timestamp,
) -> Result<&'static [&'static str], store::Error> {
    let mut events: BTreeMap<ServiceId, Vec<CallbackEvent>> = BTreeMap::new();
    for (service, id) in complaints {
        let event = CallbackEvent {
            id: *id,
            status: None,
            at: None,
            sent_at: None,
        };
        events.entry(*service).or_default().push(event);
    }
    enqueue(app, tx, CallbackKind::Complaint, events, now).await
}

async fn enqueue(
    app: &App,
    tx: &mut Tx,
    kind: CallbackKind,
    events: BTreeMap<ServiceId, Vec<CallbackEvent>>,
    now: Timestamp,
) -> Result<&'static [&'static str], store::Error> {
    let services: BTreeSet<ServiceId> = events.keys().copied().collect();
    // Read in the transaction rather than from a cache: what happens after a service has set a callback is told. For the
    // others it is one look-up in a commit.
    let endpoints = store::callbacks::list_endpoints(tx, kind, &services).await?;
    let tasks: Vec<NewTask> = endpoints
        .iter()
        .flat_map(|endpoint| {
            let events = events
                .get(&endpoint.service_id)
                .map_or(&[][..], Vec::as_slice);
            tasks_of(app, kind, endpoint, events, now)
        })
        .collect();
    if tasks.is_empty() {
        return Ok(&[]);
    }
    tx.enqueue(tasks).await?;
    Ok(&[tasks::SERVICE_CALLBACKS])
}

fn tasks_of(
    app: &App,
    kind: CallbackKind,
    endpoint: &SealedEndpoint,
    events: &[CallbackEvent],
    now: Timestamp,
) -> Vec<NewTask> {
    let fixed = FixedEndpoint {
        id: endpoint.id,
        sealed: BASE64_STANDARD.encode(&endpoint.sealed),
    };
    let task = |some: &[CallbackEvent]| {
        let callbacks = Callbacks {
            endpoint: (kind != CallbackKind::InboundSms).then(|| fixed.clone()),
            events: some.to_vec(),
        };
        let id = TaskId::generate(now, app.random());
        tasks::send_callbacks(id, endpoint.service_id, kind, &callbacks, now)
    };
    events.chunks(MAX_TASK_IDS).map(task).collect()
}
