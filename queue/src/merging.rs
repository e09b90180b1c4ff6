//! Several small tasks that wait become one.
//!
//! What arrives singly, request by request, makes a task each. While workers keep up, that is what it should be. When they do
//! not, each of these tasks costs its own statements and commits, and the backlog stays as expensive as it is long; merged as
//! they are claimed, they cost about what one task costs, and the workers catch up.

use std::fmt;

use domain::Timestamp;
use store::{
    Tx,
    tasks::{LeasedTask, SubjectRange, WaitingTask, list_like, merge},
};

use crate::SourceError;

/// Most waiting tasks that are looked at for one claim.
const MAX_LOOKED_AT: u32 = 100;

/// Knows which tasks can be merged, and how.
pub trait TaskMerger: fmt::Debug + Send + Sync {
    /// Returns whether tasks like this one may take over the work of others.
    fn is_mergeable(&self, task: &LeasedTask) -> bool;

    /// Returns the work of a task together with that of as many of `others` as fit, from the first one on; `None` if not one
    /// does.
    fn merge(&self, payload: &str, others: &[&str]) -> Option<MergedWork>;
}

/// The work of several tasks as that of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedWork {
    /// Arguments as JSON.
    pub payload: String,
    /// Range of the ids that the payload names.
    pub subjects: Option<SubjectRange>,
    /// How many of the others are in it.
    pub others: usize,
}

/// Merges tasks of one service that were claimed together, and those like them that wait if there may be `more`, in the
/// transaction that claims them. Returns the claimed tasks that are left.
pub(crate) async fn merge_claimed(
    tx: &mut Tx,
    merger: &dyn TaskMerger,
    claimed: Vec<LeasedTask>,
    (from, now): (Timestamp, Timestamp),
    more: bool,
) -> Result<Vec<LeasedTask>, SourceError> {
    let Some(like) = claimed.iter().find(|task| is_fresh(merger, task)).cloned() else {
        return Ok(claimed);
    };
    let can_be_merged = |task: &LeasedTask| is_fresh(merger, task) && task.kind == like.kind;
    let (mut small, mut left): (Vec<LeasedTask>, Vec<LeasedTask>) =
        claimed.into_iter().partition(can_be_merged);
    if small.len() == 1 && !more {
        left.append(&mut small);
        return Ok(left);
    }
    let waiting = if more {
        list_like(tx, &like, from, now, MAX_LOOKED_AT).await?
    } else {
        Vec::new()
    };
    let mut waiting = waiting.as_slice();
    let mut small = small.into_iter();
    while let Some(first) = small.next() {
        // Those that are claimed come first: the others may as well go on waiting.
        let claimed = small.as_slice();
        let all = claimed.iter().map(|task| (task.id, &*task.payload));
        let all = all.chain(
            waiting
                .iter()
                .map(|WaitingTask { id, payload }| (*id, &**payload)),
        );
        let (ids, payloads): (Vec<_>, Vec<_>) = all.unzip();
        let Some(work) = merger.merge(&first.payload, &payloads) else {
            left.push(first);
            continue;
        };
        metrics::counter!("pillarbox_tasks_merged_total").increment(work.others as u64);
        let of_claimed = work.others.min(claimed.len());
        merge(
            tx,
            &first,
            &work.payload,
            work.subjects,
            &ids[..work.others],
        )
        .await?;
        waiting = &waiting[work.others - of_claimed..];
        small.by_ref().take(of_claimed).for_each(drop);
        left.push(LeasedTask {
            payload: work.payload,
            ..first
        });
    }
    Ok(left)
}

/// Returns whether a task may take over others or be taken over: attempts and crashes are counted for a task as a whole.
fn is_fresh(merger: &dyn TaskMerger, task: &LeasedTask) -> bool {
    task.attempt == 0 && task.crashes == 0 && merger.is_mergeable(task)
}
