//! Leases: a task belongs to one worker until its lease expires, and to another afterwards.

use super::{Harness, LEASE, Worker, tasks};

pub(super) async fn run(harness: &dyn Harness) {
    an_expired_lease_passes_the_task_to_another_worker(harness).await;
    a_renewed_lease_keeps_the_task(harness).await;
    a_lost_lease_changes_nothing(harness).await;
}

async fn an_expired_lease_passes_the_task_to_another_worker(harness: &dyn Harness) {
    let worker = Worker::on_empty_queue(harness).await;
    harness.enqueue(tasks(harness, 1, 1)).await;
    let first = worker.claim_one().await;
    let other = Worker::another(harness).await;
    harness.advance(LEASE / 2);
    assert!(other.finds_nothing().await, "the lease holds");

    harness.advance(LEASE);
    let second = other.claim_one().await;
    assert_eq!(first.id, second.id);
    assert_ne!(first.lease, second.lease, "each lease has its own token");
}

async fn a_renewed_lease_keeps_the_task(harness: &dyn Harness) {
    let worker = Worker::on_empty_queue(harness).await;
    let other = Worker::another(harness).await;
    harness.enqueue(tasks(harness, 1, 1)).await;
    let task = worker.claim_one().await;
    for _ in 0..4 {
        harness.advance(LEASE * 2 / 3);
        let until = worker.renew(&task).await;
        assert!(until.is_some_and(|until| until > harness.now()));
        assert!(other.finds_nothing().await, "no other worker gets the task");
    }
}

async fn a_lost_lease_changes_nothing(harness: &dyn Harness) {
    let late = Worker::on_empty_queue(harness).await;
    // An empty queue may still have the dead letters of earlier promises.
    let dead_letters = harness.count_dead().await;
    let holder = Worker::another(harness).await;
    harness.enqueue(tasks(harness, 1, 1)).await;
    let lost = late.claim_one().await;
    harness.advance(LEASE * 2);
    let held = holder.claim_one().await;

    assert_eq!(late.renew(&lost).await, None);
    assert!(!late.complete(&lost).await);
    assert!(!late.release(&lost, harness.now(), 9).await);
    assert!(!late.dead_letter(&lost, "no").await);
    assert_eq!(harness.count_dead().await, dead_letters);

    assert!(holder.renew(&held).await.is_some(), "the holder goes on");
    assert!(holder.complete(&held).await);
}
