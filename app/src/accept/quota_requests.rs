//! The daily quotas that the notifications of a commit spend.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Allowance, ServiceId, Timestamp, UtcDay};
use store::Tx;

use super::{
    limits::{QuotaExceeded, seconds_left_today},
    notification_writer::{CommitError, PendingNotification},
};

/// The counters that a commit spends, each with the indexes of its notifications.
pub(super) struct QuotaRequests(
    // Ordered by key, so that two writers lock counters in the same order.
    BTreeMap<(ServiceId, Allowance, i64), Vec<usize>>,
);

/// The result of spending.
#[derive(Default)]
pub(super) struct QuotaResult {
    pub(super) rejections: BTreeMap<usize, CommitError>,
    /// The counters as they are now.
    pub(super) counters: BTreeMap<(ServiceId, Allowance), i64>,
}

impl QuotaRequests {
    pub(super) fn of(pending: &[PendingNotification]) -> Self {
        let mut wanted: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (index, one) in pending.iter().enumerate() {
            for (allowance, limit) in &one.spends {
                let counter = (one.batch.service, *allowance, *limit);
                wanted.entry(counter).or_default().push(index);
            }
        }
        Self(wanted)
    }

    /// Spends with one statement for each counter. Notifications for which nothing is left are rejected, and what they
    /// were granted of other counters is refunded. Those in `skipped` spend nothing.
    pub(super) async fn spend(
        &self,
        tx: &mut Tx,
        now: Timestamp,
        skipped: &BTreeSet<usize>,
    ) -> Result<QuotaResult, store::Error> {
        let day = now.utc_day();
        let mut result = QuotaResult::default();
        let mut granted_to = Vec::with_capacity(self.0.len());
        for ((service, allowance, limit), indexes) in &self.0 {
            let mut wanting = indexes.clone();
            wanting.retain(|index| !skipped.contains(index));
            if wanting.is_empty() {
                continue;
            }
            let count = u32::try_from(wanting.len()).expect("a commit is far smaller");
            let (granted, spent) =
                store::counters::spend(tx, *service, *allowance, day, count, *limit).await?;
            let rejected = wanting.split_off(granted as usize);
            let exceeded = QuotaExceeded {
                allowance: *allowance,
                limit: *limit,
                wait_seconds: seconds_left_today(now),
                remaining: 0,
            };
            let rejections = rejected
                .into_iter()
                .map(|index| (index, CommitError::DailyQuota(exceeded.clone())));
            result.rejections.extend(rejections);
            result.counters.insert((*service, *allowance), spent);
            granted_to.push((*service, *allowance, wanting));
        }
        for (service, allowance, granted) in granted_to {
            result
                .refund_rejected(tx, (service, allowance, day), &granted)
                .await?;
        }
        Ok(result)
    }
}

impl QuotaResult {
    /// Refunds what was granted to notifications that another counter rejected.
    async fn refund_rejected(
        &mut self,
        tx: &mut Tx,
        (service, allowance, day): (ServiceId, Allowance, UtcDay),
        granted: &[usize],
    ) -> Result<(), store::Error> {
        let rejected = granted
            .iter()
            .filter(|index| self.rejections.contains_key(index));
        let unused = i64::try_from(rejected.count()).expect("a commit is far smaller");
        if unused > 0 {
            store::counters::refund(tx, service, allowance, day, unused).await?;
            self.counters
                .entry((service, allowance))
                .and_modify(|spent| *spent -= unused);
        }
        Ok(())
    }
}
