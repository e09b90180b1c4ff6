//! The daily quotas that the notifications of a commit spend, and the bytes that they store.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Allowance, Channel, ServiceId, Timestamp, UtcDay};
use store::{Tx, stored_bytes::Stored};

use super::{
    limits::{QuotaExceeded, seconds_left_of},
    notification_writer::{CommitError, PendingNotification},
};

/// Counter of a quota. The day is that on which a notification was accepted, which may end before its commit, so that
/// a refund finds the same counter.
type Counter = (ServiceId, Allowance, UtcDay);

/// The counters that a commit changes, each with the indexes of its notifications.
pub(super) struct QuotaRequests {
    // Ordered by key, so that two writers lock counters in the same order.
    spends: BTreeMap<(Counter, i64), Vec<usize>>,
    /// Notifications that spend no quota, because their keys are test keys.
    free: BTreeMap<(ServiceId, Channel, UtcDay), Vec<usize>>,
    /// The bytes that each notification stores.
    bytes: Vec<i64>,
}

/// The result of spending.
#[derive(Default)]
pub(super) struct QuotaResult {
    pub(super) rejections: BTreeMap<usize, CommitError>,
    /// The counters after the commit.
    pub(super) counters: BTreeMap<Counter, i64>,
}

impl QuotaRequests {
    pub(super) fn of(pending: &[PendingNotification]) -> Self {
        let mut requests = Self {
            spends: BTreeMap::new(),
            free: BTreeMap::new(),
            bytes: pending
                .iter()
                .map(|one| one.sealed.stored_bytes())
                .collect(),
        };
        for (index, one) in pending.iter().enumerate() {
            let (service, day) = (one.batch.service, one.sealed.created_at.utc_day());
            for (allowance, limit) in &one.spends {
                let counter = ((service, *allowance, day), *limit);
                requests.spends.entry(counter).or_default().push(index);
            }
            if one.spends.is_empty() {
                let key = (service, one.batch.step.channel(), day);
                requests.free.entry(key).or_default().push(index);
            }
        }
        requests
    }

    /// Spends with one statement for each counter. Notifications for which nothing is left are rejected, and what they
    /// were granted of other counters is refunded. Those in `skipped` spend nothing.
    pub(super) async fn spend(
        &self,
        tx: &mut Tx,
        now: Timestamp,
        skipped: &BTreeSet<usize>,
    ) -> Result<QuotaResult, store::Error> {
        let mut result = QuotaResult::default();
        let mut asked = Vec::with_capacity(self.spends.len());
        for (((service, allowance, day), limit), indexes) in &self.spends {
            let wanting = without(indexes, skipped);
            if wanting.is_empty() {
                continue;
            }
            let count = u32::try_from(wanting.len()).expect("a commit is far smaller");
            let bytes = self.bytes_of(*allowance, &wanting);
            let (granted, spent) = store::counters::spend_and_store(
                tx, *service, *allowance, *day, count, *limit, bytes,
            )
            .await?;
            let exceeded = QuotaExceeded {
                allowance: *allowance,
                limit: *limit,
                wait_seconds: seconds_left_of(*day, now),
                remaining: 0,
            };
            let granted = granted as usize;
            let rejections = wanting[granted..]
                .iter()
                .map(|index| (*index, CommitError::DailyQuota(exceeded.clone())));
            result.rejections.extend(rejections);
            result.counters.insert((*service, *allowance, *day), spent);
            asked.push(((*service, *allowance, *day), wanting, granted));
        }
        // After all counters, because each may reject a notification that an earlier one has granted.
        for (counter, wanting, granted) in asked {
            self.refund_rejected(tx, &mut result, counter, &wanting, granted)
                .await?;
        }
        self.store_free(tx, skipped).await?;
        Ok(result)
    }

    /// Returns how many bytes these notifications add to a counter: some texts count twice, and are stored once.
    fn bytes_of(&self, allowance: Allowance, indexes: &[usize]) -> i64 {
        match allowance {
            Allowance::InternationalSms | Allowance::SmsToTvNumbers => 0,
            Allowance::Email | Allowance::Sms | Allowance::Letter => {
                indexes.iter().map(|index| self.bytes[*index]).sum()
            }
        }
    }

    /// Refunds what was granted to notifications that another counter rejected, and the bytes of all that were rejected.
    async fn refund_rejected(
        &self,
        tx: &mut Tx,
        result: &mut QuotaResult,
        (service, allowance, day): Counter,
        wanting: &[usize],
        granted: usize,
    ) -> Result<(), store::Error> {
        let is_rejected = |index: &usize| result.rejections.contains_key(index);
        let rejected: Vec<usize> = wanting.iter().copied().filter(is_rejected).collect();
        if rejected.is_empty() {
            return Ok(());
        }
        let unused = wanting[..granted].iter().filter(|index| is_rejected(index));
        let unused = i64::try_from(unused.count()).expect("a commit is far smaller");
        let bytes = self.bytes_of(allowance, &rejected);
        store::counters::refund_and_remove(tx, service, allowance, day, unused, bytes).await?;
        result
            .counters
            .entry((service, allowance, day))
            .and_modify(|spent| *spent -= unused);
        Ok(())
    }

    async fn store_free(&self, tx: &mut Tx, skipped: &BTreeSet<usize>) -> Result<(), store::Error> {
        for ((service, channel, day), indexes) in &self.free {
            let bytes = self.bytes_of((*channel).into(), &without(indexes, skipped));
            let what = Stored::Messages(*channel, *day);
            store::stored_bytes::add(tx, *service, what, bytes).await?;
        }
        Ok(())
    }
}

fn without(indexes: &[usize], skipped: &BTreeSet<usize>) -> Vec<usize> {
    let is_wanted = |index: &usize| !skipped.contains(index);
    indexes.iter().copied().filter(is_wanted).collect()
}
