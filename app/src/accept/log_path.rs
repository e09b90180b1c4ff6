//! Accepting by the intake log: what is appended there is accepted, and a saver writes it to the database later.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use domain::{Channel, Clock, ServiceId, Timestamp};
use futures::future::join_all;
use intake::{AppendError, SharedLog, queue_name};
use moka::sync::Cache;
use store::{
    Keyring,
    idempotency_keys::{Hash, StoredKey},
};
use tracing::{error, info};

use super::{
    idempotency::KEY_LIFETIME,
    limits::{QuotaCache, QuotaExceeded, seconds_left_of},
    log_format::{self, Encoded, MAX_GROUP_BYTES},
    notification_writer::{CommitError, PendingNotification},
};
use crate::settings::{Intake, IntakeMode};

/// After this time a log that failed is tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// Idempotency keys of appended messages that this process remembers. Beyond that the saver still finds repetitions.
const MAX_REMEMBERED_KEYS: u64 = 100_000;

/// The intake log as accepting uses it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct LogPath(Arc<Inner>);

struct Inner {
    log: SharedLog,
    settings: Intake,
    keyring: Keyring,
    clock: Arc<dyn Clock>,
    quotas: QuotaCache,
    /// Keys of messages that may not be saved yet.
    keys: Cache<(ServiceId, Hash), StoredKey>,
    away_since: Mutex<Option<Timestamp>>,
}

impl fmt::Debug for LogPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LogPath").field(&self.0.log).finish()
    }
}

/// Notifications of a commit, each with its index in it.
pub(crate) type Indexed = Vec<(usize, PendingNotification)>;
/// Why notifications of a commit were rejected, by their index.
pub(crate) type Rejections = BTreeMap<usize, CommitError>;

impl LogPath {
    /// Returns `None` if the settings do not use a log for accepting.
    pub(crate) fn new(
        log: Option<&SharedLog>,
        settings: &Intake,
        keyring: &Keyring,
        clock: &Arc<dyn Clock>,
        quotas: &QuotaCache,
    ) -> Option<Self> {
        let log = log.filter(|_| settings.uses_log())?;
        Some(Self(Arc::new(Inner {
            log: log.clone(),
            settings: settings.clone(),
            keyring: keyring.clone(),
            clock: clock.clone(),
            quotas: quotas.clone(),
            keys: Cache::builder()
                .max_capacity(MAX_REMEMBERED_KEYS)
                .time_to_live(KEY_LIFETIME)
                .build(),
            away_since: Mutex::new(None),
        })))
    }

    /// Returns whether a notification goes to the log even while the database answers.
    pub(crate) fn comes_first(&self, pending: &PendingNotification) -> bool {
        let (row, settings) = (&pending.sealed, &self.0.settings);
        settings.mode == IntakeMode::Always
            || settings.always_for.contains(&row.service_id.as_uuid())
            || settings.always_for.contains(&row.template_id.as_uuid())
    }

    /// Returns whether a notification goes to the log while the database does not answer.
    pub(crate) fn stands_in(&self) -> bool {
        self.0.settings.mode != IntakeMode::Database
    }

    /// Returns the stored key of a message that this process has appended.
    pub(crate) fn find_key(&self, service: ServiceId, key: &Hash) -> Option<StoredKey> {
        self.0.keys.get(&(service, *key))
    }

    /// Appends notifications; those that are neither returned nor rejected are durable then. What is returned is too large,
    /// or the log failed.
    pub(crate) async fn append(&self, pending: Indexed, rejections: &mut Rejections) -> Indexed {
        if pending.is_empty() || self.is_away() {
            return pending;
        }
        let (granted, mut left) = (self.reserve(pending, rejections), Vec::new());
        let max_bytes = self.0.log.max_group_bytes().min(MAX_GROUP_BYTES);
        let mut queues: BTreeMap<Channel, (Indexed, Vec<Encoded>)> = BTreeMap::new();
        for (index, one) in granted {
            let encoded = Encoded::new(&one);
            if encoded.fits(max_bytes) {
                let (rows, notifications) = queues.entry(one.sealed.channel).or_default();
                rows.push((index, one));
                notifications.push(encoded);
            } else {
                // The text is that of the specification (`docs/spec/workers.md` §6).
                info!(
                    notification.id = %one.sealed.id,
                    "Notification {} failed to save to high volume queue. Using normal flow instead",
                    one.sealed.id
                );
                self.release(&one);
                left.push((index, one));
            }
        }
        let appends = queues.into_iter().map(|(queue, (rows, notifications))| {
            self.append_to(queue, rows, notifications, max_bytes)
        });
        left.extend(join_all(appends).await.into_iter().flatten());
        left
    }

    /// Appends notifications of one channel, and returns those of the groups that failed.
    async fn append_to(
        &self,
        queue: Channel,
        rows: Indexed,
        notifications: Vec<Encoded>,
        max_bytes: usize,
    ) -> Indexed {
        let groups = log_format::pack(&self.0.keyring, &notifications, max_bytes);
        let (sizes, groups): (Vec<usize>, Vec<_>) = groups
            .into_iter()
            .map(|(group, size)| (size, group))
            .unzip();
        let appends = groups
            .into_iter()
            .map(|group| self.0.log.append(queue, group));
        let outcomes = join_all(appends).await;
        let (mut rows, mut left) = (rows.into_iter(), Vec::new());
        for (outcome, size) in outcomes.into_iter().zip(sizes) {
            let of_group: Indexed = rows.by_ref().take(size).collect();
            match outcome {
                Ok(()) => self.note_appended(queue, &of_group),
                Err(failure) => {
                    self.note_failure(&failure);
                    for (_, one) in &of_group {
                        self.release(one);
                    }
                    left.extend(of_group);
                }
            }
        }
        left
    }

    fn note_appended(&self, queue: Channel, rows: &Indexed) {
        metrics::counter!("pillarbox_intake_appended_total", "queue" => queue_name(queue))
            .increment(rows.len() as u64);
        for key in rows.iter().filter_map(|(_, one)| one.key.as_ref()) {
            let stored = StoredKey {
                request_hash: key.request_hash.to_vec(),
                sealed: key.sealed.clone(),
            };
            self.0.keys.insert((key.service_id, key.key_hash), stored);
        }
        *self.away_since() = None;
    }

    fn note_failure(&self, failure: &AppendError) {
        let first = self.away_since().replace(self.0.clock.now()).is_none();
        if first {
            error!(
                error = failure as &dyn std::error::Error,
                "cannot append to the intake log: messages are saved directly or refused; look at the log's server or disk"
            );
        }
    }

    fn is_away(&self) -> bool {
        let now = self.0.clock.now();
        self.away_since()
            .is_some_and(|since| now < since.plus(RETRY_INTERVAL))
    }

    fn away_since(&self) -> std::sync::MutexGuard<'_, Option<Timestamp>> {
        self.0.away_since.lock().expect("no one panics holding it")
    }

    /// Counts what the notifications spend against what this process knows of the day's quotas, and rejects those for which
    /// nothing is left, and those whose idempotency key this process has appended before.
    fn reserve(&self, pending: Indexed, rejections: &mut Rejections) -> Indexed {
        let mut granted = Vec::with_capacity(pending.len());
        let mut keys = BTreeSet::new();
        for (index, one) in pending {
            if let Some(key) = &one.key {
                let key = (key.service_id, key.key_hash);
                if self.0.keys.contains_key(&key) || !keys.insert(key) {
                    rejections.insert(index, CommitError::KeyTaken);
                    continue;
                }
            }
            match self.spend(&one) {
                Ok(()) => granted.push((index, one)),
                Err(exceeded) => {
                    rejections.insert(index, exceeded.into());
                }
            }
        }
        granted
    }

    fn spend(&self, one: &PendingNotification) -> Result<(), QuotaExceeded> {
        let (service, day) = (one.batch.service, one.sealed.created_at.utc_day());
        let now = self.0.clock.now();
        for (position, (allowance, limit)) in one.spends.iter().enumerate() {
            if self
                .0
                .quotas
                .spend_by_log(service, *allowance, day, *limit, now)
            {
                continue;
            }
            for (granted, _) in &one.spends[..position] {
                self.0.quotas.refund_by_log(service, *granted, day);
            }
            return Err(QuotaExceeded {
                allowance: *allowance,
                limit: *limit,
                remaining: 0,
                wait_seconds: seconds_left_of(day, now),
            });
        }
        Ok(())
    }

    fn release(&self, one: &PendingNotification) {
        let day = one.sealed.created_at.utc_day();
        for (allowance, _) in &one.spends {
            self.0
                .quotas
                .refund_by_log(one.batch.service, *allowance, day);
        }
    }
}
