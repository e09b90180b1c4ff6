//! Limits for each service: requests a minute, and messages a day (`docs/spec/public-api.md` §4). Both are checked
//! before a body is read.
//!
//! The daily count is read from a cache that is at most a second old; the exact one is spent in the transaction that
//! stores the message (`notification_writer`).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
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

fn take_token(app: &App, limiter: &RateLimiter, caller: &Caller) -> Result<(), LimitError> {
    let service = &caller.tenant.service;
    limiter
        .take(
            service.id,
            caller.key_type,
            service.rate_limit,
            app.clock.now(),
        )
        .map_err(|wait_seconds| LimitError::RateLimited {
            key_type: caller.key_type,
            rate: service.rate_limit,
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
    let spent =
        store::counters::find_spent(&mut app.store.read().await?, service, allowance, day).await?;
    app.accept
        .quota_cache
        .put(service, allowance, day, spent, now);
    Ok(spent)
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

/// Cache of the daily counters.
#[derive(Debug, Clone, Default)]
pub(crate) struct QuotaCache(Arc<Mutex<HashMap<(ServiceId, Allowance), Known>>>);

#[derive(Debug, Clone, Copy)]
struct Known {
    day: UtcDay,
    spent: i64,
    at: Timestamp,
}

impl QuotaCache {
    fn get(
        &self,
        service: ServiceId,
        allowance: Allowance,
        day: UtcDay,
        now: Timestamp,
    ) -> Option<i64> {
        let known = *self
            .0
            .lock()
            .expect("no one panics holding it")
            .get(&(service, allowance))?;
        (known.day == day && now.since(known.at) < COUNT_TTL).then_some(known.spent)
    }

    pub(crate) fn put(
        &self,
        service: ServiceId,
        allowance: Allowance,
        day: UtcDay,
        spent: i64,
        at: Timestamp,
    ) {
        self.0
            .lock()
            .expect("no one panics holding it")
            .insert((service, allowance), Known { day, spent, at });
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
}
