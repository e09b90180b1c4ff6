//! The idempotency keys of a commit, claimed for its notifications.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use domain::Timestamp;
use store::{
    Tx,
    idempotency_keys::{self, NewKey},
};

use super::{
    idempotency::oldest_valid,
    notification_writer::{CommitError, PendingNotification},
};

/// Idempotency keys, each with the index of its notification in the commit. Most commits have none.
pub(super) struct IdempotencyClaims(Vec<(usize, NewKey)>);

impl IdempotencyClaims {
    pub(super) fn collect(pending: &mut [PendingNotification]) -> Self {
        let pending = pending.iter_mut().enumerate();
        Self(
            pending
                .filter_map(|(index, one)| Some((index, one.key.take()?)))
                .collect(),
        )
    }

    /// Claims each key for the first notification that has it. Returns the indexes of those whose key belongs to
    /// another notification.
    pub(super) async fn claim(
        &self,
        tx: &mut Tx,
        now: Timestamp,
    ) -> Result<BTreeSet<usize>, store::Error> {
        if self.0.is_empty() {
            return Ok(BTreeSet::new());
        }
        let (mut first, mut taken) = (BTreeMap::new(), BTreeSet::new());
        for (index, key) in &self.0 {
            match first.entry((key.service_id, key.key_hash)) {
                Entry::Vacant(entry) => {
                    entry.insert((*index, key));
                }
                // One statement claims all keys, and cannot claim one twice: duplicates within the commit are found
                // here.
                Entry::Occupied(_) => {
                    taken.insert(*index);
                }
            }
        }
        let (indexes, keys): (Vec<usize>, Vec<&NewKey>) = first.into_values().unzip();
        let claimed = idempotency_keys::claim(tx, &keys, now, oldest_valid(now)).await?;
        let others = indexes
            .into_iter()
            .zip(claimed)
            .filter(|(_, is_ours)| !is_ours);
        taken.extend(others.map(|(index, _)| index));
        Ok(taken)
    }

    /// Releases the keys of rejected notifications: a rejected request may be corrected and sent again.
    pub(super) async fn release(
        &self,
        tx: &mut Tx,
        rejected: &BTreeMap<usize, CommitError>,
    ) -> Result<(), store::Error> {
        for (index, key) in &self.0 {
            if rejected.contains_key(index) {
                idempotency_keys::release(tx, key).await?;
            }
        }
        Ok(())
    }
}
