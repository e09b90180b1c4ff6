//! One task: its callbacks are sent concurrently, and what must be sent again goes to other tasks.

use std::{sync::Arc, time::Duration};

use domain::{CallbackKind, Private, TaskId, Timestamp};
use futures::{StreamExt as _, stream};
use providers::outbound::{OutboundError, OutboundReply, OutboundRequest};
use queue::{NewTask, PoisonMessage, TaskContext, TaskOutcome, catch_panic};
use store::callbacks::Endpoint;
use tokio::{sync::Semaphore, time};
use tracing::{info, warn};
use uuid::Uuid;

use super::{
    events,
    finishing::{FinishError, FinishedTask},
    slots::MAX_OPEN_CALLS,
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
    let Some(endpoint) = events::find_endpoint(app, service, kind, fixed).await? else {
        // The service has deleted its callback since.
        return Ok(());
    };
    let mut bodies = events::read_bodies(app, service, kind, &callbacks.events).await?;
    let batch = Batch {
        app,
        task,
        kind,
        endpoint,
        started: app.clock.now(),
        slots: app.callbacks.slots.of(service),
    };
    let calls = callbacks.events.iter().map(|event| {
        let body = bodies.remove(&event.id);
        batch.send_one(event, body)
    });
    // Collected first: the calls are made as their turn comes, and the bodies are not needed together any more.
    let calls: Vec<_> = calls.collect();
    let results: Vec<_> = stream::iter(calls)
        .buffer_unordered(MAX_OPEN_CALLS)
        .collect()
        .await;
    app.callbacks
        .slots
        .release(service, Arc::clone(&batch.slots));
    batch.finish(callbacks, results).await?;
    Ok(())
}

/// What one callback came to.
enum CallResult {
    /// Told, refused for good, or given up: nothing more happens.
    Ended,
    Retry,
    /// Not attempted, because the task has used its time, or its lease is lost.
    NotStarted,
    Panicked,
}

struct Batch<'a> {
    app: &'a App,
    task: &'a TaskContext,
    kind: CallbackKind,
    endpoint: Endpoint,
    started: Timestamp,
    slots: Arc<Semaphore>,
}

impl Batch<'_> {
    async fn send_one<'e>(
        &self,
        event: &'e CallbackEvent,
        body: Option<Private<Vec<u8>>>,
    ) -> (&'e CallbackEvent, CallResult) {
        let Some(body) = body else {
            self.count("gone");
            info!(
                "{} is not sent for id: {}, which does not exist any more",
                self.name(),
                event.id
            );
            return (event, CallResult::Ended);
        };
        let result = catch_panic(self.call_in_turn(event.id, body)).await;
        (event, result.unwrap_or(CallResult::Panicked))
    }

    async fn call_in_turn(&self, id: Uuid, body: Private<Vec<u8>>) -> CallResult {
        let _slot = self.slots.acquire().await.expect("it is never closed");
        let now = self.app.clock.now();
        let is_late = now.since(self.started) > MAX_TASK_TIME;
        if is_late || self.task.is_stopping() || !self.task.holds_lease(now) {
            return CallResult::NotStarted;
        }
        let answer = tokio::select! {
            biased;
            answer = self.call(body) => answer,
            // It may have been told: a receiver tolerates repeats.
            () = self.stopped() => return CallResult::NotStarted,
        };
        let took = self.app.clock.now().since(now);
        metrics::histogram!("pillarbox_callback_seconds", "kind" => self.kind.as_str())
            .record(took.as_secs_f64());
        self.evaluate(id, answer)
    }

    async fn call(&self, body: Private<Vec<u8>>) -> Result<OutboundReply, OutboundError> {
        let client = self.app.providers.outbound.as_ref();
        let client = client.ok_or(OutboundError::NoConnection)?;
        let token = self.endpoint.bearer_token.reveal();
        let request = OutboundRequest {
            url: self.endpoint.url.clone(),
            headers: vec![("authorization", format!("Bearer {token}").into())],
            body: Private::new(body.into_inner().into()),
        };
        client.post(&request).await
    }

    async fn stopped(&self) {
        self.task.stopping().await;
        time::sleep(self.app.settings.stop_grace).await;
    }

    /// Decides what follows from an answer, and logs it in the words of `docs/spec/workers.md` §11.
    fn evaluate(&self, id: Uuid, answer: Result<OutboundReply, OutboundError>) -> CallResult {
        let (name, url) = (self.name(), self.shown_url());
        let (status, failure) = match answer {
            Ok(reply) => {
                let status = reply.status;
                info!("{name} sending {id} to {url}, response {status}");
                if status < 300 {
                    self.count("delivered");
                    return CallResult::Ended;
                }
                (Some(status), format!("status {status}"))
            }
            Err(error) => (None, error.to_string()),
        };
        warn!("{name} request failed for id: {id} and url: {url}. exception: {failure}");
        if !is_retried(status) {
            self.count("refused");
            warn!(
                "{name} callback is not being retried for id: {id} and url: {url}. exception: {failure}"
            );
            return CallResult::Ended;
        }
        let leased = self.task.leased();
        if tasks::retry_policy(&leased.kind).is_last(leased.attempt) {
            self.count("given up");
            warn!(
                "Retry: {name} has retried the max num of times for callback url {url} and id: {id}"
            );
            return CallResult::Ended;
        }
        self.count("retry");
        CallResult::Retry
    }

    /// Completes the task together with the tasks that continue it.
    async fn finish(
        &self,
        callbacks: &Callbacks,
        results: Vec<(&CallbackEvent, CallResult)>,
    ) -> Result<(), FinishError> {
        let (mut retries, mut not_started, mut panicked) = (Vec::new(), Vec::new(), Vec::new());
        for (event, result) in results {
            match result {
                CallResult::Ended => {}
                CallResult::Retry => retries.push(event.clone()),
                CallResult::NotStarted => not_started.push(event.clone()),
                CallResult::Panicked => panicked.push(event.clone()),
            }
        }
        let leased = self.task.leased();
        let with = |events: Vec<CallbackEvent>| Callbacks {
            events,
            ..callbacks.clone()
        };
        let retry = (!retries.is_empty()).then(|| self.retry_task(&with(retries)));
        let rest = (!not_started.is_empty())
            .then(|| continuing(self.app, self.task, self.kind, &with(not_started)));
        let poisoned: Vec<PoisonMessage> = panicked
            .into_iter()
            .map(|event| self.poison_message(event.id, &with(vec![event])))
            .collect();
        let finished = FinishedTask {
            id: leased.id,
            lease: leased.lease,
            follow_ups: retry.into_iter().chain(rest).collect(),
            poisoned: poisoned.clone(),
        };
        self.app.callbacks.finishing.commit(finished).await?;
        self.task.set_completed();
        poisoned.iter().for_each(PoisonMessage::log);
        Ok(())
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
        let url = self.endpoint.url.reveal();
        url.split(['?', '#']).next().unwrap_or_default()
    }

    fn count(&self, outcome: &'static str) {
        metrics::counter!(
            "pillarbox_callbacks_total", "kind" => self.kind.as_str(), "outcome" => outcome
        )
        .increment(1);
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
