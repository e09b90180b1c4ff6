//! Fairness: lanes are served in order, services take turns, and neither can occupy a whole pool.

use domain::{Lane, ServiceId};
use store::tasks::LeasedTask;
use uuid::Uuid;

use super::{Harness, Worker, task, tasks};
use crate::ClaimLimits;

pub(super) async fn run(harness: &dyn Harness) {
    lanes_are_served_in_order_and_none_starves(harness).await;
    services_take_turns(harness).await;
    limits_hold_for_lanes_and_services(harness).await;
}

fn service(number: u128) -> ServiceId {
    ServiceId::from_uuid(Uuid::from_u128(number))
}

async fn lanes_are_served_in_order_and_none_starves(harness: &dyn Harness) {
    let worker = Worker::on_empty_queue(harness).await;
    let mut flood = Vec::new();
    for number in 1..=40 {
        for (index, lane) in Lane::ALL.iter().rev().enumerate() {
            flood.push(task(harness, number, 10 + index as u128, *lane));
        }
    }
    harness.enqueue(flood).await;

    let mut served = Vec::new();
    for _ in 0..32 {
        served.push(worker.claim_one().await.lane);
    }
    let count = |lane| served.iter().filter(|one| **one == lane).count();
    let (priority, normal, bulk) = (
        count(Lane::Priority),
        count(Lane::Normal),
        count(Lane::Bulk),
    );
    assert!(priority > normal, "priority goes first: {served:?}");
    assert!(normal > bulk, "then normal: {served:?}");
    assert!(bulk >= 2, "and bulk does not starve: {served:?}");
}

async fn services_take_turns(harness: &dyn Harness) {
    let worker = Worker::on_empty_queue(harness).await;
    harness.enqueue(tasks(harness, 200, 5)).await;
    worker.claim(3).await;
    // One before and one after the busy service in the order of ids: the turn goes all the way round.
    harness.enqueue(tasks(harness, 1, 2)).await;
    harness.enqueue(tasks(harness, 1, 9)).await;
    let next: Vec<ServiceId> = worker
        .claim(4)
        .await
        .iter()
        .map(|task| task.service_id)
        .collect();
    for small in [2, 9] {
        assert!(
            next.contains(&service(small)),
            "a service with one task waits for a service with many: {next:?}"
        );
    }
}

async fn limits_hold_for_lanes_and_services(harness: &dyn Harness) {
    let worker = Worker::on_empty_queue(harness).await;
    harness.enqueue(tasks(harness, 10, 1)).await;
    let bulk = (1..=10).map(|number| task(harness, number, 2, Lane::Bulk));
    harness.enqueue(bulk.collect()).await;
    let limits = ClaimLimits {
        lanes: [(Lane::Priority, 8), (Lane::Normal, 8), (Lane::Bulk, 2)].into(),
        per_service: 3,
        running: [(service(1), 1)].into(),
    };
    let claimed = worker.claim_within(8, &limits).await;
    let of = |number| {
        let is_of = |task: &&LeasedTask| task.service_id == service(number);
        claimed.iter().filter(is_of).count()
    };
    assert_eq!(of(1), 2, "one runs already of three allowed");
    assert_eq!(of(2), 2, "the lane allows two");
}
