//! The notifications of a batch that have not begun, and the record of their attempts.

use std::{time::Duration, vec};

use domain::NotificationId;
use futures::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use store::notifications::Notification;
use tracing::warn;

use super::Batch;
use crate::{send::attempts, tasks};

/// How long messages wait that another process has begun to send at the same moment.
const BEGUN_ELSEWHERE_DELAY: Duration = Duration::from_secs(30);

/// Whether the attempts of some notifications are recorded: shared by them, and completed by the first that asks.
pub(super) type BegunChunk<'a> = Shared<BoxFuture<'a, bool>>;

/// The notifications of a batch that have not begun. The attempts of a few are recorded together, so that a provider is not
/// kept waiting for the database, and few messages count as begun if the process ends.
pub(super) struct Chunks<'a> {
    waiting: vec::IntoIter<Notification>,
    size: usize,
    /// How many of the next notifications are recorded together with the last one.
    left: usize,
    begun: Option<BegunChunk<'a>>,
}

impl<'a> Chunks<'a> {
    pub(super) fn new(waiting: Vec<Notification>, size: usize) -> Self {
        Self {
            waiting: waiting.into_iter(),
            size: size.max(MIN_CHUNK),
            left: 0,
            begun: None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.len() == 0
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = Notification> {
        self.waiting.by_ref()
    }

    /// Returns the next notification, and what to wait for before its provider is called.
    pub(super) fn next(
        &mut self,
        batch: &'a Batch<'a>,
    ) -> Option<(Notification, Option<BegunChunk<'a>>)> {
        if self.left == 0 {
            let next = self.waiting.as_slice();
            let next = &next[..next.len().min(self.size)];
            self.left = next.len();
            self.begun = batch.begin_attempts(next);
        }
        let notification = self.waiting.next()?;
        self.left -= 1;
        let begun = attempts::has_attempt(batch.app, &notification)
            .then(|| self.begun.clone())
            .flatten();
        Some((notification, begun))
    }
}

/// Fewest notifications whose attempts are recorded together.
const MIN_CHUNK: usize = 16;

impl Batch<'_> {
    /// Records the attempts of these notifications before the first of them is sent.
    fn begin_attempts<'b>(&'b self, next: &[Notification]) -> Option<BegunChunk<'b>> {
        if !self.step.calls_provider() {
            return None;
        }
        let to_send = next
            .iter()
            .filter(|notification| attempts::has_attempt(self.app, notification));
        let ids: Vec<NotificationId> = to_send.map(|notification| notification.id).collect();
        if ids.is_empty() {
            return None;
        }
        let begin = async move {
            let now = self.app.clock.now();
            let begun = self
                .held
                .attempts
                .begin(self.app, self.channel, &ids, now)
                .await;
            if matches!(begun, Ok(false)) {
                self.wait_for_room(BEGUN_ELSEWHERE_DELAY);
            }
            begun.unwrap_or_else(|fault| {
                warn!(
                    error = &fault as &dyn std::error::Error,
                    "cannot record the attempts of {} messages, will try again",
                    ids.len()
                );
                self.wait_for_room(tasks::STORAGE_PAUSE);
                false
            })
        };
        Some(begin.boxed().shared())
    }
}
