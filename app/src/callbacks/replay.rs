//! Sending callbacks again: those of the log that an operator or a service chooses, and those that were held while an
//! endpoint was paused.

use std::time::Duration;

use domain::{CallbackAttemptId, CallbackKind, CallbackOutcome, ServiceId, TaskId, Timestamp};
use queue::{Enqueue as _, NewTask, TaskContext, TaskOutcome};
use serde::{Deserialize, Serialize};
use store::{
    Tx,
    callbacks::attempts::{self, Attempt, Filter},
};
use tracing::{info, warn};
use uuid::Uuid;

use crate::{
    App,
    tasks::{self, CallbackEvent},
};

/// Attempts that are read and enqueued again in one transaction.
const PAGE_SIZE: u32 = 1000;

/// Which callbacks are sent again. Stored as the payload of a task, so the names of fields never change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    /// Only this attempt's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<CallbackAttemptId>,
    /// Only those of this kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<CallbackKind>,
    /// Only those about this notification, inbound SMS or complaint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_id: Option<Uuid>,
    /// Only those with one of these outcomes.
    #[serde(default)]
    pub outcomes: Vec<CallbackOutcome>,
    /// Only those attempted at this time or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Only those attempted before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Only those after this attempt: where the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<CallbackAttemptId>,
}

impl Replay {
    /// Returns the replay of what was held while an endpoint was paused.
    pub(crate) fn of_held(kind: CallbackKind) -> Self {
        Self {
            kind: Some(kind),
            outcomes: vec![CallbackOutcome::Held],
            ..Self::default()
        }
    }

    fn filter(&self) -> Filter {
        // Without a choice, what the service has not been told. A single attempt was chosen by hand.
        let outcomes = match (&self.id, &self.outcomes[..]) {
            (None, []) => vec![
                CallbackOutcome::Refused,
                CallbackOutcome::GivenUp,
                CallbackOutcome::Held,
            ],
            _ => self.outcomes.clone(),
        };
        Filter {
            id: self.id,
            kind: self.kind,
            subject_id: self.subject_id,
            // What was replayed has an attempt of its own in the log.
            not_replayed: self.id.is_none(),
            outcomes,
            since: self.since,
            until: self.until,
        }
    }
}

/// Enqueues the replay of callbacks of a service; it is durable when this returns. Returns false if it is of one attempt
/// that the service does not have.
pub(crate) async fn request(
    app: &App,
    service: ServiceId,
    mut replay: Replay,
) -> Result<bool, store::Error> {
    let now = app.clock.now();
    if let Some(id) = replay.id {
        let only = Filter {
            id: Some(id),
            ..Filter::default()
        };
        let found = attempts::list(&mut app.read().await?, service, &only, None, 1).await?;
        if found.is_empty() {
            return Ok(false);
        }
    }
    // The attempts of the replay itself are not meant.
    let soon = now.plus(Duration::from_millis(1));
    replay.until = Some(replay.until.unwrap_or(soon).min(soon));
    let task = tasks::replay_callbacks(TaskId::generate(now, app.random()), service, &replay, now);
    let mut tx = app.write().await?;
    tx.enqueue(vec![task]).await?;
    app.commit_and_notify(tx, &[tasks::SERVICE_CALLBACKS])
        .await?;
    Ok(true)
}

/// Enqueues a page of callbacks again, together with the task for the next page.
pub(crate) async fn run(app: &App, task: &TaskContext, replay: Replay) -> TaskOutcome {
    match try_run(app, task, replay).await {
        Ok(()) => TaskOutcome::Completed,
        Err(fault) => {
            warn!(
                error = &fault as &dyn std::error::Error,
                "cannot replay callbacks now, will try again"
            );
            tasks::retry(task, app.random(), &fault)
        }
    }
}

async fn try_run(app: &App, task: &TaskContext, replay: Replay) -> Result<(), store::Error> {
    let (service, now) = (task.leased().service_id, app.clock.now());
    let mut session = app.read().await?;
    let page = attempts::list_to_replay(
        &mut session,
        service,
        &replay.filter(),
        replay.after,
        PAGE_SIZE,
    )
    .await?;
    drop(session);
    let mut tx = app.write().await?;
    // The cursor moves and the callbacks are enqueued in one transaction, so none is enqueued twice.
    if !task.complete(&mut tx).await? {
        return Ok(());
    }
    enqueue_again(app, &mut tx, service, &page, now).await?;
    if page.len() == PAGE_SIZE as usize {
        let rest = Replay {
            after: page.last().map(|last| last.id),
            ..replay
        };
        let id = TaskId::generate(now, app.random());
        tx.enqueue(vec![tasks::replay_callbacks(id, service, &rest, now)])
            .await?;
    }
    app.commit_and_notify(tx, &[tasks::SERVICE_CALLBACKS])
        .await?;
    info!(service.id = %service, "{} callbacks to service {service} are sent again", page.len());
    Ok(())
}

/// Enqueues the events of these attempts, for the URL that the service has now.
async fn enqueue_again(
    app: &App,
    tx: &mut Tx,
    service: ServiceId,
    page: &[Attempt],
    now: Timestamp,
) -> Result<(), store::Error> {
    for kind in CallbackKind::ALL.iter().copied() {
        let of_kind: Vec<&Attempt> = page.iter().filter(|one| one.kind == kind).collect();
        let events: Vec<CallbackEvent> = of_kind.iter().filter_map(|one| event_of(one)).collect();
        super::enqueue(app.random(), tx, kind, [(service, events)].into(), now).await?;
        let ids: Vec<CallbackAttemptId> = of_kind.iter().map(|one| one.id).collect();
        attempts::set_replayed(tx, service, &ids, now).await?;
    }
    Ok(())
}

fn event_of(attempt: &Attempt) -> Option<CallbackEvent> {
    let event = serde_json::from_str(&attempt.event);
    if event.is_err() {
        warn!("callback attempt {} does not say what it told", attempt.id);
    }
    event.ok()
}

/// Lets one held callback of each paused endpoint through: if it is answered, the endpoint is resumed.
pub(crate) async fn probe_paused(app: &App) -> TaskOutcome {
    match try_probe_paused(app).await {
        Ok(()) => TaskOutcome::Completed,
        Err(fault) => {
            warn!(
                error = &fault as &dyn std::error::Error,
                "cannot probe paused callbacks, will try again"
            );
            tasks::retry_periodic(tasks::PROBE_PAUSED_CALLBACKS)
        }
    }
}

async fn try_probe_paused(app: &App) -> Result<(), store::Error> {
    let mut session = app.read().await?;
    let paused = store::callbacks::health::list_paused(&mut session).await?;
    drop(session);
    for endpoint in paused {
        let (service, kind) = (endpoint.service_id, endpoint.kind);
        let held = Replay::of_held(kind).filter();
        let mut session = app.read().await?;
        let oldest = attempts::list_to_replay(&mut session, service, &held, None, 1).await?;
        drop(session);
        let Some((attempt, event)) = oldest.first().and_then(|one| Some((one, event_of(one)?)))
        else {
            continue;
        };
        let now = app.clock.now();
        let mut tx = app.write().await?;
        let found = store::callbacks::list_endpoints(&mut tx, kind, &[service].into()).await?;
        let probes: Vec<NewTask> = found
            .iter()
            .map(|endpoint| super::probe_task(app, kind, endpoint, event.clone(), now))
            .collect();
        tx.enqueue(probes).await?;
        attempts::set_replayed(&mut tx, service, &[attempt.id], now).await?;
        app.commit_and_notify(tx, &[tasks::SERVICE_CALLBACKS])
            .await?;
    }
    Ok(())
}

/// Deletes attempts that are older than a week.
pub(crate) async fn delete_old_attempts(app: &App, task: &TaskContext) -> TaskOutcome {
    const KEPT: Duration = Duration::from_hours(7 * 24);
    const BATCH_SIZE: u32 = 2000;
    let before = app.clock.now().minus(KEPT);
    loop {
        if task.is_stopping() {
            return TaskOutcome::Snooze(app.clock.now());
        }
        let deleted = async {
            let mut tx = app.write().await?;
            let deleted = attempts::delete_before(&mut tx, before, BATCH_SIZE).await?;
            tx.commit().await?;
            Ok::<_, store::Error>(deleted)
        };
        match deleted.await {
            Ok(deleted) if deleted < u64::from(BATCH_SIZE) => return TaskOutcome::Completed,
            Ok(_) => {}
            Err(fault) => {
                warn!(
                    error = &fault as &dyn std::error::Error,
                    "cannot delete old callback attempts, will try again"
                );
                return tasks::retry_periodic(tasks::DELETE_CALLBACK_ATTEMPTS);
            }
        }
    }
}
