//! Limits for each service: requests a minute, and messages a day (`docs/spec/public-api.md` §4). Both are checked
//! before a body is read.
//!
//! The daily count is read from a cache that is at most a second old; the exact one is spent in the transaction that
//! stores the message (`notification_writer`).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use domain::{Allowance, KeyType, ServiceId, Timestamp, UtcDay};

use super::storage::{self, StorageError, StorageExceeded};
use crate::{App, Caller};

/// A daily quota that is used up, or has fewer messages left than are wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("too many messages today")]
pub struct QuotaExceeded {
    /// Which quota it is.
    pub allowance: Allowance,
    /// Messages allowed in a day.
    pub limit: i64,
    /// Messages left of it.
    pub remaining: i64,
    /// Seconds until it is reset.
    pub wait_seconds: u32,
}

/// Why a request is rejected before its body is read.
#[derive(Debug, thiserror::Error)]
pub enum LimitError {
    /// Too many requests in a short time.
    #[error("too many requests")]
    RateLimited {
        /// The type of the key.
        key_type: KeyType,
        /// Requests allowed in a minute.
        rate: u32,
        /// Seconds until a request is accepted again.
        wait_seconds: u32,
    },
    /// A daily quota is used up.
    #[error(transparent)]
    DailyQuota(#[from] QuotaExceeded),
    /// The storage allowance is used up.
    #[error(transparent)]
    StorageFull(#[from] StorageExceeded),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
    /// The store failed.
    #[error("the store failed")]
    Cached(#[from] Arc<store::Error>),
}

impl From<StorageError> for LimitError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Exceeded(exceeded) => Self::StorageFull(exceeded),
            StorageError::Store(error) => Self::Cached(error),
        }
    }
}

/// Fails if the service has stored as much as it may.
pub async fn check_storage(app: &App, caller: &Caller) -> Result<(), LimitError> {
    Ok(storage::check(app, &caller.tenant.service).await?)
}

/// Fails if requests to send come too fast.
pub fn check_rate(app: &App, caller: &Caller) -> Result<(), LimitError> {
    take_token(app, &app.accept.rate_limiter, caller)
}

/// Fails if requests that render without sending, such as previews, come too fast. They have the rate of requests to send
/// but are counted by themselves, so that previews do not use up the rate of sending.
pub fn check_preview_rate(app: &App, caller: &Caller) -> Result<(), LimitError> {
    take_token(app, &app.accept.preview_limiter, caller)
}

/// Fails if requests for lists and PDFs come too fast: each can cost as much as many requests to send.
pub fn check_read_rate(app: &App, caller: &Caller) -> Result<(), LimitError> {
    let rate = app.settings.reads_per_minute;
    take_token_at(app, &app.accept.read_limiter, caller, rate)
}

fn take_token(app: &App, limiter: &RateLimiter, caller: &Caller) -> Result<(), LimitError> {
    take_token_at(app, limiter, caller, caller.tenant.service.rate_limit)
}

fn take_token_at(
    app: &App,
    limiter: &RateLimiter,
    caller: &Caller,
    rate: u32,
) -> Result<(), LimitError> {
    let (service, key_type) = (caller.tenant.service.id, caller.key_type);
    limiter
        .take(service, key_type, rate, app.clock.now())
        .map_err(|wait_seconds| LimitError::RateLimited {
            key_type,
            rate,
            wait_seconds,
        })
}

/// Returns how many seconds are left of the UTC day.
pub(crate) fn seconds_left_today(now: Timestamp) -> u32 {
    seconds_left_of(now.utc_day(), now)
}

/// Returns how many seconds are left of a UTC day; at least one, even if the day has ended.
pub(super) fn seconds_left_of(day: UtcDay, now: Timestamp) -> u32 {
    let left = day.plus_days(1).start().unix_seconds() - now.unix_seconds();
    u32::try_from(left.max(1)).unwrap_or(u32::MAX)
}

/// Fails if one more message would exceed today's quota.
pub async fn check_daily_quota(
    app: &App,
    caller: &Caller,
    allowance: Allowance,
) -> Result<(), LimitError> {
    let service = &caller.tenant.service;
    // Test keys have a counter of their own, which never rises; in trial mode it has the limits of a live service.
    let (spent, limit) = match caller.key_type {
        KeyType::Test if service.restricted => (0, allowance.standard_limit()),
        KeyType::Test => (0, service.daily_limit(allowance)),
        KeyType::Normal | KeyType::Team => (
            spent_today(app, service.id, allowance).await?,
            service.daily_limit(allowance),
        ),
    };
    if spent < limit {
        Ok(())
    } else {
        Err(LimitError::DailyQuota(QuotaExceeded {
            allowance,
            limit,
            remaining: 0,
            wait_seconds: seconds_left_today(app.clock.now()),
        }))
    }
}

/// Returns how many messages a service has spent of a quota today, at most a second ago.
pub(crate) async fn spent_today(
    app: &App,
    service: ServiceId,
    allowance: Allowance,
) -> Result<i64, store::Error> {
    let now = app.clock.now();
    let day = now.utc_day();
    if let Some(spent) = app.accept.quota_cache.get(service, allowance, day, now) {
        return Ok(spent);
    }
    let find = async {
        let session = &mut app.store.read().await?;
        store::counters::find_spent(session, service, allowance, day).await
    };
    let cache = &app.accept.quota_cache;
    match app.database_gate.run(find).await {
        Ok(spent) => cache.put(service, allowance, day, spent, now),
        // What this process knows has to do: how far off that may be is in `docs/intake.md`.
        Err(failure) if failure.is_transient() && app.database_gate.is_in_use() => {}
        Err(failure) => return Err(failure),
    }
    Ok(cache.last_known(service, allowance, day))
}

/// Token buckets, one for each service and key type.
#[derive(Debug, Default)]
pub(crate) struct RateLimiter(Mutex<HashMap<(ServiceId, KeyType), Bucket>>);

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: i64,
    filled_at: Timestamp,
}

impl RateLimiter {
    /// Takes a token, or returns after how many seconds there is one. A rejected request leaves the count at 0.
    fn take(
        &self,
        service: ServiceId,
        key_type: KeyType,
        rate: u32,
        now: Timestamp,
    ) -> Result<(), u32> {
        let size = i64::from(rate.div_ceil(3) + 1).min(1000);
        let mut buckets = self.0.lock().expect("no one panics holding it");
        let bucket = buckets.entry((service, key_type)).or_insert(Bucket {
            tokens: size,
            filled_at: now,
        });
        bucket.refill(rate, size, now);
        // A request takes a token and must leave one, so a full bucket lets `size - 1` through
        // (`docs/spec/public-api.md` §4).
        bucket.tokens = (bucket.tokens - 1).max(0);
        if bucket.tokens >= 1 {
            Ok(())
        } else {
            Err(bucket.wait_seconds(rate, now))
        }
    }
}

const MICROS_PER_MINUTE: i64 = 60_000_000;

impl Bucket {
    /// Adds the whole tokens that were earned since the last time: `rate` a minute.
    fn refill(&mut self, rate: u32, size: i64, now: Timestamp) {
        let passed = i64::try_from(now.since(self.filled_at).as_micros()).unwrap_or(i64::MAX);
        let earned = passed.saturating_mul(i64::from(rate)) / MICROS_PER_MINUTE;
        if self.tokens.saturating_add(earned) >= size {
            // Time spent at a full bucket earns nothing.
            (self.tokens, self.filled_at) = (size, now);
        } else if earned > 0 {
            self.tokens += earned;
            // Only the time of whole tokens is used up; the rest counts towards the next one.
            let used = u64::try_from(earned * MICROS_PER_MINUTE / i64::from(rate)).unwrap_or(0);
            self.filled_at = self.filled_at.plus(Duration::from_micros(used));
        }
    }

    /// Returns after how many seconds, at least one, a request can pass: it takes one token and must leave one.
    fn wait_seconds(&self, rate: u32, now: Timestamp) -> u32 {
        let wanted = u64::try_from(2 - self.tokens).unwrap_or(0) * MICROS_PER_MINUTE.unsigned_abs();
        let until = self.filled_at.plus(Duration::from_micros(
            wanted.div_ceil(u64::from(rate.max(1))),
        ));
        let seconds = until.since(now).as_micros().div_ceil(1_000_000);
        u32::try_from(seconds).unwrap_or(u32::MAX).max(1)
    }
}

const COUNT_TTL: Duration = Duration::from_secs(1);

/// How long what was spent by the intake log counts beside the database's counter. It is saved within seconds; until then
/// the counter lacks it.
const LOGGED_TTL: Duration = Duration::from_mins(1);

/// Cache of the daily counters, and what this process has spent of them by the intake log.
#[derive(Debug, Clone, Default)]
pub(crate) struct QuotaCache(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    /// The database's counters.
    known: HashMap<(ServiceId, Allowance), Known>,
    /// The counters as they must be at least, because this process has spent of them since.
    logged: HashMap<(ServiceId, Allowance), Known>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    day: UtcDay,
    spent: i64,
    at: Timestamp,
}

impl Counts {
    fn last_known(&self, key: (ServiceId, Allowance), day: UtcDay) -> i64 {
        let of = |counts: &HashMap<_, Known>| {
            let of_day = counts.get(&key).filter(|count| count.day == day);
            of_day.map_or(0, |count| count.spent)
        };
        // Not the sum: what was spent by the log is in the database's counter once it is saved.
        of(&self.known).max(of(&self.logged))
    }
}

impl QuotaCache {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().expect("no one panics holding it")
    }

    fn get(
        &self,
        service: ServiceId,
        allowance: Allowance,
        day: UtcDay,
        now: Timestamp,
    ) -> Option<i64> {
        let counts = self.lock();
        let known = counts.known.get(&(service, allowance))?;
        let is_fresh = known.day == day && now.since(known.at) < COUNT_TTL;
        is_fresh.then(|| counts.last_known((service, allowance), day))
    }

    fn last_known(&self, service: ServiceId, allowance: Allowance, day: UtcDay) -> i64 {
        self.lock().last_known((service, allowance), day)
    }

    pub(crate) fn put(
        &self,
        service: ServiceId,
        allowance: Allowance,
        day: UtcDay,
        spent: i64,
        at: Timestamp,
    ) {
        let (mut counts, key) = (self.lock(), (service, allowance));
        counts.known.insert(key, Known { day, spent, at });
        if let Some(logged) = counts.logged.get(&key)
            && at >= logged.at.plus(LOGGED_TTL)
        {
            // The counter has it by now, and may have fallen since, by what a cancelled job did not send.
            counts.logged.remove(&key);
        }
    }

    /// Spends one of a quota for a message that goes to the intake log. Returns false if nothing is left, as far as this
    /// process knows.
    pub(super) fn spend_by_log(
        &self,
        service: ServiceId,
        allowance: Allowance,
        day: UtcDay,
        limit: i64,
        at: Timestamp,
    ) -> bool {
        let (mut counts, key) = (self.lock(), (service, allowance));
        let spent = counts.last_known(key, day) + 1;
        if spent <= limit {
            counts.logged.insert(key, Known { day, spent, at });
        }
        spent <= limit
    }

    /// Takes back what a message has spent that did not get into the log.
    pub(super) fn refund_by_log(&self, service: ServiceId, allowance: Allowance, day: UtcDay) {
        let mut counts = self.lock();
        if let Some(logged) = counts.logged.get_mut(&(service, allowance))
            && logged.day == day
        {
            logged.spent -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes_at_once(rate: u32) -> u32 {
        let (buckets, now) = (RateLimiter::default(), Timestamp::from_unix_seconds(1_000));
        let service = uuid::Uuid::nil().into();
        (0..5000)
            .take_while(|_| buckets.take(service, KeyType::Normal, rate, now).is_ok())
            .count()
            .try_into()
            .unwrap()
    }

    #[test]
    fn a_full_bucket_lets_one_less_than_its_size_through() {
        assert_eq!(passes_at_once(3000), 999);
        assert_eq!(passes_at_once(60), 20);
    }

    #[test]
    fn an_empty_bucket_fills_at_the_rate() {
        let buckets = RateLimiter::default();
        let service = uuid::Uuid::nil().into();
        let start = Timestamp::from_unix_seconds(1_000);
        let take = |millis| {
            let now = start.plus(Duration::from_millis(millis));
            buckets.take(service, KeyType::Team, 60, now)
        };
        while take(0).is_ok() {}
        assert_eq!(take(1500), Err(2), "one token is there, two are needed");
        assert_eq!(take(4000), Ok(()));
    }

    #[test]
    fn who_waits_as_long_as_was_said_may_pass() {
        for rate in [1, 7, 60, 3000, 100_000] {
            let (buckets, service) = (RateLimiter::default(), uuid::Uuid::nil().into());
            let take = |now| buckets.take(service, KeyType::Normal, rate, now);
            let start = Timestamp::from_unix_seconds(1_000);
            let wait = loop {
                if let Err(wait) = take(start) {
                    break wait;
                }
            };
            let later = start.plus(Duration::from_secs(wait.into()));
            assert_eq!(take(later), Ok(()), "{rate} a minute, {wait} s");
        }
    }

    #[test]
    fn key_types_have_buckets_of_their_own() {
        let buckets = RateLimiter::default();
        let (service, now) = (
            uuid::Uuid::nil().into(),
            Timestamp::from_unix_seconds(1_000),
        );
        while buckets.take(service, KeyType::Team, 60, now).is_ok() {}
        assert!(buckets.take(service, KeyType::Normal, 60, now).is_ok());
    }

    #[test]
    fn what_is_spent_by_the_log_counts_until_the_counter_has_it() {
        let (cache, service) = (QuotaCache::default(), uuid::Uuid::nil().into());
        let start = Timestamp::from_unix_seconds(1_000);
        let (day, sms) = (start.utc_day(), Allowance::Sms);
        let spend = |at| cache.spend_by_log(service, sms, day, 10, at);
        cache.put(service, sms, day, 8, start);
        assert!(spend(start) && spend(start) && !spend(start));
        cache.refund_by_log(service, sms, day);
        assert!(spend(start));
        // A counter that was read before the two are saved does not make room for more.
        cache.put(service, sms, day, 8, start.plus(Duration::from_secs(59)));
        assert!(!spend(start));
        cache.put(service, sms, day, 9, start.plus(Duration::from_mins(1)));
        assert_eq!(cache.last_known(service, sms, day), 9);
        let tomorrow = day.plus_days(1);
        assert_eq!(cache.last_known(service, sms, tomorrow), 0);
        assert!(cache.spend_by_log(service, sms, tomorrow, 1, start));
    }
}
