//! One task: its callbacks are sent concurrently, and what must be sent again goes to other tasks.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use domain::{CallbackAttemptId, CallbackKind, CallbackOutcome, Private, TaskId, Timestamp};
use futures::{StreamExt as _, stream};
use providers::outbound::{OutboundError, OutboundReply, OutboundRequest};
use queue::{NewTask, PoisonMessage, TaskContext, TaskOutcome, catch_panic};
use store::callbacks::attempts::Attempt;
use tokio::time;
use tracing::{info, warn};
use uuid::Uuid;

use super::{
    answer,
    events::{self, Target},
    finishing::{FinishError, FinishedTask, Health},
    signature,
    slots::{MAX_OPEN_CALLS, Slots},
};
use crate::{
    App,
    tasks::{self, CallbackEvent, Callbacks},
};

/// How long a task begins calls. What is left then waits for the next turn of its service.
const MAX_TASK_TIME: Duration = Duration::from_secs(2);

#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error("the store failed")]
    Store(#[from] store::Error),
    #[error("the result could not be recorded")]
    Finish(#[from] FinishError),
}

/// Sends the callbacks of a task.
pub(crate) async fn send(
    app: &App,
    task: &TaskContext,
    kind: CallbackKind,
    callbacks: Callbacks,
) -> TaskOutcome {
    match try_send(app, task, kind, &callbacks).await {
        Ok(()) => TaskOutcome::Completed,
        // One of them cannot be read, and alone it becomes a dead letter.
        Err(SendError::Store(fault)) if fault.is_corrupt_row() => {
            split(app, task, kind, &callbacks, &fault).await
        }
        Err(fault) => {
            warn!(
                error = &fault as &dyn std::error::Error,
                "cannot send callbacks now, will try again"
            );
            TaskOutcome::Snooze(app.clock.now().plus(tasks::STORAGE_PAUSE))
        }
    }
}

async fn try_send(
    app: &App,
    task: &TaskContext,
    kind: CallbackKind,
    callbacks: &Callbacks,
) -> Result<(), SendError> {
    let service = task.leased().service_id;
    let fixed = callbacks.endpoint.as_ref();
    let Some(target) = events::find_target(app, service, kind, fixed).await? else {
        // The service has deleted its callback since.
        return Ok(());
    };
    let batch = Batch {
        app,
        task,
        kind,
        target,
        is_probe: callbacks.is_probe,
        started: app.clock.now(),
        slots: app.callbacks.slots.of(service),
    };
    let mut session = app.read().await?;
    let paused = store::callbacks::health::find_paused_at(&mut session, service, kind).await?;
    drop(session);
    let results = if paused.is_some() && !callbacks.is_probe {
        batch.hold(&callbacks.events)
    } else {
        batch.send_all(&callbacks.events).await?
    };
    let finished = batch.finish(callbacks, results).await;
    app.callbacks.slots.release(service, batch.slots);
    Ok(finished?)
}

/// What became of one callback of a task.
struct CallResult<'e> {
    event: &'e CallbackEvent,
    /// `None` if it was not attempted.
    attempt: Option<Attempt>,
    next: Next,
}

/// What follows.
enum Next {
    /// Told, refused for good, held, or given up: nothing more happens.
    Nothing,
    Retry,
    /// Not attempted, because the task has used its time, or its lease is lost.
    Later,
    Panicked,
}

struct Batch<'a> {
    app: &'a App,
    task: &'a TaskContext,
    kind: CallbackKind,
    target: Target,
    is_probe: bool,
    started: Timestamp,
    slots: Arc<Slots>,
}

/// What came back from a call, or why nothing did.
struct Answer {
    status: Option<u16>,
    failure: Option<String>,
    latency: Duration,
    shown: Option<String>,
}

impl Batch<'_> {
    /// Sends callbacks, as many at a time as there are slots.
    async fn send_all<'e>(
        &self,
        events: &'e [CallbackEvent],
    ) -> Result<Vec<CallResult<'e>>, store::Error> {
        let service = self.task.leased().service_id;
        let mut bodies = events::read_bodies(self.app, service, self.kind, events).await?;
        // How many calls are open is limited by the slots: meanwhile the task occupies no worker.
        self.task.set_waiting(true);
        let calls: Vec<_> = events
            .iter()
            .map(|event| self.send_one(event, bodies.remove(&event.id)))
            .collect();
        let results = stream::iter(calls).buffer_unordered(MAX_OPEN_CALLS);
        let results = results.collect().await;
        self.task.set_waiting(false);
        Ok(results)
    }

    /// Logs callbacks in place of sending them, because the endpoint is paused.
    fn hold<'e>(&self, events: &'e [CallbackEvent]) -> Vec<CallResult<'e>> {
        let no_answer = Answer {
            status: None,
            failure: None,
            latency: Duration::ZERO,
            shown: None,
        };
        let hold = |event| CallResult {
            event,
            attempt: Some(self.attempt(event, CallbackOutcome::Held, &no_answer)),
            next: Next::Nothing,
        };
        events.iter().map(hold).collect()
    }

    async fn send_one<'e>(
        &self,
        event: &'e CallbackEvent,
        body: Option<Private<Vec<u8>>>,
    ) -> CallResult<'e> {
        let ended = |attempt, next| CallResult {
            event,
            attempt,
            next,
        };
        let Some(body) = body else {
            info!(
                "{} is not sent for id: {}, which does not exist any more",
                self.name(),
                event.id
            );
            return ended(None, Next::Nothing);
        };
        match catch_panic(self.call_in_turn(event, body)).await {
            Some(Some(answer)) => {
                let (outcome, next) = self.evaluate(event.id, &answer);
                ended(Some(self.attempt(event, outcome, &answer)), next)
            }
            Some(None) => ended(None, Next::Later),
            None => ended(None, Next::Panicked),
        }
    }

    /// Calls the service once a slot is free; `None` if the task has no time left by then, or the process stops.
    async fn call_in_turn(&self, event: &CallbackEvent, body: Private<Vec<u8>>) -> Option<Answer> {
        let slot = self.slots.acquire().await;
        let now = self.app.clock.now();
        let is_late = now.since(self.started) > MAX_TASK_TIME;
        if is_late || self.task.is_stopping() || !self.task.holds_lease(now) {
            return None;
        }
        let body = Bytes::from(body.into_inner());
        let answer = tokio::select! {
            biased;
            answer = self.call(event, body.clone(), now) => answer,
            // It may have been told: a receiver tolerates repeats.
            () = self.stopped() => return None,
        };
        match &answer {
            Err(OutboundError::TimedOut(_)) => self.slots.timed_out(slot),
            Ok(_) => self.slots.answered(),
            Err(_) => {}
        }
        let latency = self.app.clock.now().since(now);
        metrics::histogram!("pillarbox_callback_seconds", "kind" => self.kind.as_str())
            .record(latency.as_secs_f64());
        Some(to_answer(answer, latency, &body))
    }

    async fn call(
        &self,
        event: &CallbackEvent,
        body: Bytes,
        now: Timestamp,
    ) -> Result<OutboundReply, OutboundError> {
        let client = self.app.providers.outbound.as_ref();
        let client = client.ok_or(OutboundError::NoConnection)?;
        let endpoint = &self.target.endpoint;
        let token = endpoint.bearer_token.reveal();
        let message = signature::message_id(self.kind, event);
        let mut headers = signature::headers(&endpoint.secrets, message, now, &body);
        headers.push(("authorization", format!("Bearer {token}").into()));
        let request = OutboundRequest {
            url: endpoint.url.clone(),
            headers,
            body: body.into(),
        };
        client.post(&request).await
    }

    async fn stopped(&self) {
        self.task.stopping().await;
        time::sleep(self.app.settings.stop_grace).await;
    }

    /// Decides what follows from an answer, and logs it in the words of `docs/spec/workers.md` §11.
    fn evaluate(&self, id: Uuid, answer: &Answer) -> (CallbackOutcome, Next) {
        let (name, url) = (self.name(), self.shown_url());
        if let Some(status) = answer.status {
            info!("{name} sending {id} to {url}, response {status}");
        }
        let Some(failure) = &answer.failure else {
            return (CallbackOutcome::Delivered, Next::Nothing);
        };
        warn!("{name} request failed for id: {id} and url: {url}. exception: {failure}");
        if self.is_probe {
            // It stays in the log for the next probe.
            return (CallbackOutcome::Held, Next::Nothing);
        }
        if !is_retried(answer.status) {
            warn!(
                "{name} callback is not being retried for id: {id} and url: {url}. exception: {failure}"
            );
            return (CallbackOutcome::Refused, Next::Nothing);
        }
        let leased = self.task.leased();
        if tasks::retry_policy(&leased.kind).is_last(leased.attempt) {
            warn!(
                "Retry: {name} has retried the max num of times for callback url {url} and id: {id}"
            );
            return (CallbackOutcome::GivenUp, Next::Nothing);
        }
        (CallbackOutcome::Retry, Next::Retry)
    }

    fn attempt(&self, event: &CallbackEvent, outcome: CallbackOutcome, answer: &Answer) -> Attempt {
        metrics::counter!(
            "pillarbox_callbacks_total", "kind" => self.kind.as_str(), "outcome" => outcome.as_str()
        )
        .increment(1);
        let (leased, now) = (self.task.leased(), self.app.clock.now());
        Attempt {
            id: CallbackAttemptId::generate(now, self.app.random()),
            service_id: leased.service_id,
            kind: self.kind,
            subject_id: event.id,
            event: serde_json::to_string(event).expect("ids and times are writable"),
            attempt: leased.attempt + 1,
            outcome,
            status: answer.status.map(u32::from),
            latency_ms: u32::try_from(answer.latency.as_millis()).unwrap_or(u32::MAX),
            answer: answer.shown.clone(),
            created_at: now,
            replayed_at: None,
        }
    }

    /// Completes the task together with the tasks that continue it.
    async fn finish(
        &self,
        callbacks: &Callbacks,
        results: Vec<CallResult<'_>>,
    ) -> Result<(), FinishError> {
        let (mut retries, mut later, mut panicked) = (Vec::new(), Vec::new(), Vec::new());
        let mut attempts = Vec::with_capacity(results.len());
        for result in results {
            match result.next {
                Next::Nothing => {}
                Next::Retry => retries.push(result.event.clone()),
                Next::Later => later.push(result.event.clone()),
                Next::Panicked => panicked.push(result.event.clone()),
            }
            attempts.extend(result.attempt);
        }
        let leased = self.task.leased();
        let with = |events: Vec<CallbackEvent>| Callbacks {
            events,
            ..callbacks.clone()
        };
        let retry = (!retries.is_empty()).then(|| self.retry_task(&with(retries)));
        let rest =
            (!later.is_empty()).then(|| continuing(self.app, self.task, self.kind, &with(later)));
        let poisoned: Vec<PoisonMessage> = panicked
            .into_iter()
            .map(|event| self.poison_message(event.id, &with(vec![event])))
            .collect();
        let finished = FinishedTask {
            id: leased.id,
            lease: leased.lease,
            follow_ups: retry.into_iter().chain(rest).collect(),
            poisoned: poisoned.clone(),
            health: Some(self.health(&attempts)),
            attempts,
        };
        self.app.callbacks.finishing.commit(finished).await?;
        self.task.set_completed();
        poisoned.iter().for_each(PoisonMessage::log);
        Ok(())
    }

    fn health(&self, attempts: &[Attempt]) -> Health {
        let count = |is_counted: fn(&Attempt) -> bool| {
            let counted = attempts.iter().filter(|one| is_counted(one)).count();
            u32::try_from(counted).unwrap_or(u32::MAX)
        };
        Health {
            callback: self.target.callback,
            successes: count(|one| one.outcome == CallbackOutcome::Delivered),
            // What was held without a call says nothing.
            failures: count(|one| {
                !matches!(
                    one.outcome,
                    CallbackOutcome::Delivered | CallbackOutcome::Held
                )
            }),
        }
    }

    fn retry_task(&self, callbacks: &Callbacks) -> NewTask {
        let leased = self.task.leased();
        let policy = tasks::retry_policy(&leased.kind);
        let delay = policy.next(leased.attempt, self.app.random());
        NewTask {
            pool: tasks::SERVICE_CALLBACKS_RETRY,
            attempt: leased.attempt + 1,
            ready_at: self.app.clock.now().plus(delay.unwrap_or_default()),
            ..continuing(self.app, self.task, self.kind, callbacks)
        }
    }

    fn poison_message(&self, id: Uuid, callback: &Callbacks) -> PoisonMessage {
        let task = NewTask {
            // A function of the event, so that a task that runs twice leaves one dead letter.
            id: Uuid::new_v5(&id, self.name().as_bytes()).into(),
            ..continuing(self.app, self.task, self.kind, callback)
        };
        let why = format!("the program failed on the callback about {id}");
        PoisonMessage { task, why }
    }

    /// Returns the name by which operators of GOV.UK Notify know the task.
    fn name(&self) -> &'static str {
        let kind = tasks::callback_task_kind(self.kind);
        kind.split_once(".v").map_or(kind, |(name, _)| name)
    }

    /// Returns the URL for the log, without a query, which may hold a key.
    fn shown_url(&self) -> &str {
        let url = self.target.endpoint.url.reveal();
        url.split(['?', '#']).next().unwrap_or_default()
    }
}

fn to_answer(
    answer: Result<OutboundReply, OutboundError>,
    latency: Duration,
    sent_body: &[u8],
) -> Answer {
    match answer {
        Ok(reply) if reply.status < 300 => Answer {
            status: Some(reply.status),
            failure: None,
            latency,
            shown: None,
        },
        Ok(reply) => Answer {
            status: Some(reply.status),
            failure: Some(format!("status {}", reply.status)),
            latency,
            shown: answer::shown(reply.excerpt.reveal(), sent_body),
        },
        Err(error) => Answer {
            status: None,
            failure: Some(error.to_string()),
            latency,
            shown: Some(error.to_string()),
        },
    }
}

/// Returns whether a failure is worth another attempt: no answer, a server's failure or overload, or a redirect, which is
/// not followed. With another status the service has refused the callback.
const fn is_retried(status: Option<u16>) -> bool {
    matches!(status, None | Some(300..=399 | 429 | 500..))
}

/// Returns a task with the rest of another one.
fn continuing(app: &App, task: &TaskContext, kind: CallbackKind, callbacks: &Callbacks) -> NewTask {
    let (leased, now) = (task.leased(), app.clock.now());
    let id = TaskId::generate(now, app.random());
    let is_retry = leased.attempt > 0;
    NewTask {
        pool: if is_retry {
            tasks::SERVICE_CALLBACKS_RETRY
        } else {
            tasks::SERVICE_CALLBACKS
        },
        lane: leased.lane,
        attempt: leased.attempt,
        ..tasks::send_callbacks(id, leased.service_id, kind, callbacks, now)
    }
}

/// Gives each callback a task of its own, because one of them cannot be read and it is not known which.
async fn split(
    app: &App,
    task: &TaskContext,
    kind: CallbackKind,
    callbacks: &Callbacks,
    why: &store::Error,
) -> TaskOutcome {
    if callbacks.events.len() <= 1 {
        return TaskOutcome::Discard(format!("what it tells cannot be read: {why}"));
    }
    let single = |event: &CallbackEvent| {
        let alone = Callbacks {
            events: vec![event.clone()],
            ..callbacks.clone()
        };
        continuing(app, task, kind, &alone)
    };
    let finished = FinishedTask {
        id: task.leased().id,
        lease: task.leased().lease,
        follow_ups: callbacks.events.iter().map(single).collect(),
        poisoned: Vec::new(),
        attempts: Vec::new(),
        health: None,
    };
    match app.callbacks.finishing.commit(finished).await {
        Ok(()) => {
            task.set_completed();
            TaskOutcome::Completed
        }
        Err(_) => TaskOutcome::Snooze(app.clock.now().plus(tasks::STORAGE_PAUSE)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_succeed_later_is_retried() {
        for status in [None, Some(302), Some(429), Some(500), Some(503), Some(599)] {
            assert!(is_retried(status), "{status:?}");
        }
        for status in [400, 401, 403, 404, 405, 410, 422] {
            assert!(!is_retried(Some(status)), "{status}");
        }
    }
}
