//! The attempts of a batch (`docs/spec/workers.md` §7.1 Build): recorded in the database some messages at a time, before their
//! provider is called, and completed with their results. So the next holder of a batch whose worker died knows which messages
//! a provider may have.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use domain::{AttemptOutcome, Channel, KeyType, NotificationId, Timestamp};
use providers::{RejectReason, SendError};
use store::{
    attempts::{Attempt, AttemptEnd, NewAttempt},
    notifications::Notification,
};
use tracing::info;

use super::send_writer::{Beginning, SendWrite, SendWriteError};
use crate::App;

/// How long a text message that a provider may have waits for a receipt before it is sent again.
pub(super) const RECEIPT_WAIT: Duration = Duration::from_mins(5);

/// The attempts of the notifications of a batch.
#[derive(Debug, Default)]
pub(super) struct BatchAttempts(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The highest number of each notification, recorded by anyone.
    last: BTreeMap<NotificationId, u32>,
    /// Attempts whose outcome was never recorded.
    open: BTreeMap<NotificationId, Vec<Attempt>>,
    begun: BTreeMap<NotificationId, Begun>,
}

/// An attempt of this batch.
#[derive(Debug)]
struct Begun {
    number: u32,
    /// The provider, and when it was called, once it was.
    call: Option<(String, Timestamp)>,
    /// Units of the message, if they are known and not stored yet.
    units: Option<u32>,
    end: Option<(Timestamp, AttemptOutcome, Option<String>)>,
}

/// What an attempt came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AttemptResult {
    /// The provider was called.
    Ended(AttemptEnd),
    /// The provider was not called after all; the attempt with this number is deleted.
    NotCalled(NotificationId, u32),
}

impl BatchAttempts {
    /// Takes over what earlier holders of the notifications have recorded.
    pub(super) fn new(earlier: Vec<Attempt>) -> Self {
        let mut state = State::default();
        for attempt in earlier {
            let last = state.last.entry(attempt.notification).or_default();
            *last = attempt.number.max(*last);
            if attempt.outcome.is_none() {
                state
                    .open
                    .entry(attempt.notification)
                    .or_default()
                    .push(attempt);
            }
        }
        Self(Mutex::new(state))
    }

    /// Returns for which of these text messages to wait for a receipt, because a provider that reports may have them since
    /// a short while, and how long.
    pub(super) fn await_receipts(
        &self,
        app: &App,
        notifications: &[Notification],
        now: Timestamp,
    ) -> Vec<(NotificationId, Duration)> {
        let state = self.lock();
        let wait = |notification: &Notification| {
            let open = state.open.get(&notification.id)?;
            // This process knows the answer, and only has to record it.
            if app.send.unrecorded.find(notification.id).is_some() {
                return None;
            }
            let reporting = open.iter().filter(|attempt| may_report(app, attempt));
            let began = reporting.map(|attempt| attempt.started_at).max()?;
            let left = began.plus(RECEIPT_WAIT).since(now);
            (!left.is_zero()).then_some((notification.id, left))
        };
        notifications.iter().filter_map(wait).collect()
    }

    /// Records in the database that these notifications are about to be sent. Returns false if another process has begun
    /// one of them meanwhile.
    pub(super) async fn begin(
        &self,
        app: &App,
        channel: Channel,
        ids: &[NotificationId],
        now: Timestamp,
    ) -> Result<bool, SendWriteError> {
        let (new, unfinished) = self.plan(app, channel, ids, now);
        let beginning = Arc::new(Beginning { new, unfinished });
        let begun = app.send.writer.commit(SendWrite::Begin(beginning.clone()));
        match begun.await {
            Ok(()) => {}
            Err(SendWriteError::BegunElsewhere) => return Ok(false),
            Err(error) => return Err(error),
        }
        let mut state = self.lock();
        for attempt in &beginning.new {
            state.open.remove(&attempt.notification);
            state.last.insert(attempt.notification, attempt.number);
            let begun = Begun {
                number: attempt.number,
                call: None,
                units: None,
                end: None,
            };
            state.begun.insert(attempt.notification, begun);
        }
        Ok(true)
    }

    /// Returns the attempts to insert, and the ends of earlier ones whose outcome will not be recorded any more.
    fn plan(
        &self,
        app: &App,
        channel: Channel,
        ids: &[NotificationId],
        now: Timestamp,
    ) -> (Vec<NewAttempt>, Vec<AttemptEnd>) {
        let configured = app.providers.configured(channel);
        let provider = match &configured[..] {
            [only] => Some(only.name.to_owned()),
            _ => None,
        };
        let state = self.lock();
        let new = ids.iter().map(|id| NewAttempt {
            notification: *id,
            number: state.last.get(id).copied().unwrap_or(0) + 1,
            provider: provider.clone(),
            started_at: now,
        });
        let open = ids.iter().filter_map(|id| state.open.get(id)).flatten();
        let unfinished = open.map(|attempt| AttemptEnd {
            notification: attempt.notification,
            number: attempt.number,
            provider: attempt.provider.clone(),
            started_at: attempt.started_at,
            ended_at: now,
            outcome: AttemptOutcome::Unknown,
            detail: Some("the process ended before it had recorded the answer".to_owned()),
        });
        (new.collect(), unfinished.collect())
    }

    /// Notes that a provider is called now, with a message of so many units.
    pub(super) fn call(
        &self,
        notification: &Notification,
        provider: &str,
        units: Option<u32>,
        now: Timestamp,
    ) {
        if let Some(begun) = self.lock().begun.get_mut(&notification.id) {
            begun.call = Some((provider.to_owned(), now));
            begun.units = units.filter(|_| notification.billable_units == 0);
        }
    }

    /// Returns the units of a text that was attempted, unless they were stored before (`docs/spec/workers.md` §7.1).
    pub(super) fn units_not_stored(&self, id: NotificationId) -> Option<(NotificationId, u32)> {
        let state = self.lock();
        let units = state.begun.get(&id).and_then(|begun| begun.units);
        units.map(|units| (id, units))
    }

    /// Notes a provider's answer.
    pub(super) fn end<T>(&self, id: NotificationId, sent: &Result<T, SendError>, now: Timestamp) {
        if let Some(begun) = self.lock().begun.get_mut(&id) {
            let detail = sent.as_ref().err().map(|error| error.detail().to_string());
            begun.end = Some((now, outcome_of(sent), detail));
        }
    }

    /// Returns whether a provider was called with this notification.
    pub(super) fn was_called(&self, id: NotificationId) -> bool {
        let state = self.lock();
        state
            .begun
            .get(&id)
            .is_some_and(|begun| begun.call.is_some())
    }

    /// Returns whether a provider was called with any notification.
    pub(super) fn any_called(&self) -> bool {
        self.lock().begun.values().any(|begun| begun.call.is_some())
    }

    /// Returns what the attempt of a notification came to, if it had one; the caller records it. An attempt without an
    /// answer is one in which the program failed.
    pub(super) fn result(&self, id: NotificationId, now: Timestamp) -> Option<AttemptResult> {
        let state = self.lock();
        let begun = state.begun.get(&id)?;
        let number = begun.number;
        let Some((provider, started_at)) = begun.call.clone() else {
            return Some(AttemptResult::NotCalled(id, number));
        };
        let failed = || (now, AttemptOutcome::Panicked, None);
        let (ended_at, outcome, detail) = begun.end.clone().unwrap_or_else(failed);
        Some(AttemptResult::Ended(AttemptEnd {
            notification: id,
            number,
            provider: Some(provider),
            started_at,
            ended_at,
            outcome,
            detail,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns whether a receipt can come for this attempt.
fn may_report(app: &App, attempt: &Attempt) -> bool {
    let mut providers = app.providers.sms.iter();
    providers.any(|one| {
        let is_it = attempt
            .provider
            .as_deref()
            .is_none_or(|name| name == one.provider.name());
        is_it && one.provider.reports_delivery()
    })
}

/// Returns what an answer means for the record of the attempt.
fn outcome_of<T>(sent: &Result<T, SendError>) -> AttemptOutcome {
    match sent {
        Ok(_) => AttemptOutcome::Accepted,
        Err(SendError::Throttled { .. }) => AttemptOutcome::Throttled,
        Err(SendError::Unavailable { .. }) => AttemptOutcome::Unavailable,
        Err(SendError::RecipientUnavailable { .. }) => AttemptOutcome::RecipientUnavailable,
        Err(SendError::Rejected { reason, .. }) => match reason {
            RejectReason::Recipient => AttemptOutcome::RecipientRejected,
            RejectReason::Message => AttemptOutcome::MessageRejected,
        },
        Err(SendError::Unknown { .. }) => AttemptOutcome::Unknown,
    }
}

/// Returns whether the provider will be called with this notification, so that there is an attempt to record.
pub(super) fn has_attempt(app: &App, notification: &Notification) -> bool {
    notification.key_type != KeyType::Test && app.send.unrecorded.find(notification.id).is_none()
}

/// Removes the notifications that wait for a receipt from those that are sent now.
pub(super) fn without(
    waiting: Vec<Notification>,
    awaited: &[(NotificationId, Duration)],
) -> Vec<Notification> {
    let ids: BTreeSet<NotificationId> = awaited.iter().map(|(id, _)| *id).collect();
    if !ids.is_empty() {
        info!(
            "{} text messages may have left before a process ended: they wait for their receipts",
            ids.len()
        );
    }
    let mut waiting = waiting;
    waiting.retain(|notification| !ids.contains(&notification.id));
    waiting
}
