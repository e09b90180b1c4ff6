//! Messages that came in singly and wait are sent together.

use std::{sync::Arc, time::Duration};

use pillarbox_stories::{Behaviour, SeededRandom, TestService, World};
use queue::{ClaimLimits, DatabaseSource, TaskSource as _};

const POOL: &str = "send-sms-tasks";

/// Accepts texts one after the other, each by a commit of its own.
async fn accept_texts(world: &World, service: &TestService, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..count {
        // Not the numbers that only pretend to receive (07700 900000, 900111, 900222).
        let to = format!("0770090{:04}", 300 + number);
        let accepted = world.send_sms(service, &service.normal, &to).await;
        ids.push(accepted.json["id"].as_str().unwrap().to_owned());
    }
    ids
}

fn accepted_ids(world: &World) -> Vec<String> {
    let accepted = world.sms.accepted();
    accepted.iter().map(|text| text.id.to_string()).collect()
}

#[tokio::test]
async fn texts_that_came_in_singly_and_wait_are_sent_by_one_task() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let mut ids = accept_texts(&world, &service, 25).await;
    assert!(world.runner().run_one(POOL).await);
    let mut sent = accepted_ids(&world);
    sent.sort();
    ids.sort();
    assert_eq!(sent, ids);
    assert!(!world.runner().run_one(POOL).await, "no task is left");
}

#[tokio::test]
async fn a_task_has_a_hundred_messages_at_most() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    accept_texts(&world, &service, 104).await;
    assert!(world.runner().run_one(POOL).await);
    assert_eq!(world.sms.accepted().len(), 100);
    assert!(world.runner().run_one(POOL).await);
    assert_eq!(world.sms.accepted().len(), 104);
}

#[tokio::test]
async fn services_do_not_share_a_task() {
    let world = World::new().await;
    let (one, other) = (
        world.service("Riverside Council").await,
        world.service("Hillside Council").await,
    );
    let mut ids = accept_texts(&world, &one, 3).await;
    ids.extend(accept_texts(&world, &other, 3).await);
    assert!(world.runner().run_one(POOL).await);
    assert_eq!(world.sms.accepted().len(), 3);
    assert!(world.runner().run_one(POOL).await);
    let mut sent = accepted_ids(&world);
    sent.sort();
    ids.sort();
    assert_eq!(sent, ids);
}

#[tokio::test]
async fn a_message_that_is_tried_again_keeps_its_own_count_of_attempts() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    world
        .sms
        .queue_behaviours([Behaviour::BeUnavailable, Behaviour::BeUnavailable]);
    let first = accept_texts(&world, &service, 1).await;
    world.run_tasks().await;
    assert_eq!(world.status_of(&service, &first[0]).await, "created");
    world.advance(Duration::from_secs(301));
    accept_texts(&world, &service, 2).await;
    assert!(world.runner().run_one(POOL).await);
    let together = world.sms.accepted().len();
    assert!(world.runner().run_one(POOL).await);
    assert_eq!((together.min(2), world.sms.accepted().len()), (together, 3));
}

#[tokio::test]
async fn what_a_dead_worker_had_merged_is_sent_by_the_next() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let mut ids = accept_texts(&world, &service, 12).await;
    let source = DatabaseSource::new(
        world.app.store().clone(),
        world.clock.clone(),
        Arc::new(SeededRandom::new(77)),
    )
    .merging(app::tasks::merger());
    let lease = Duration::from_secs(30);
    let limits = ClaimLimits::uniform(3);
    let claimed = source.claim(POOL, 3, &limits, lease).await.unwrap();
    assert_eq!(claimed.len(), 1);
    assert!(
        ids.iter().all(|id| claimed[0].payload.contains(id)),
        "one task has all: {}",
        claimed[0].payload
    );
    // It dies before it has sent anything.
    let dead = source.worker();
    assert_eq!(world.app.reclaim_from_worker(dead).await.unwrap(), 1);
    world.run_tasks().await;
    let mut sent = accepted_ids(&world);
    sent.sort();
    ids.sort();
    assert_eq!(sent, ids);
}

#[tokio::test]
async fn two_workers_that_claim_at_once_share_no_message() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let ids = accept_texts(&world, &service, 40).await;
    let worker = |seed| {
        let random = Arc::new(SeededRandom::new(seed));
        DatabaseSource::new(world.app.store().clone(), world.clock.clone(), random)
            .merging(app::tasks::merger())
    };
    let (one, other) = (worker(1), worker(2));
    let (limits, lease) = (ClaimLimits::uniform(2), Duration::from_secs(30));
    let (first, second) = tokio::join!(
        one.claim(POOL, 2, &limits, lease),
        other.claim(POOL, 2, &limits, lease)
    );
    let claimed = [first.unwrap(), second.unwrap()].concat();
    for id in &ids {
        let holders = claimed.iter().filter(|task| task.payload.contains(id));
        assert!(holders.count() <= 1, "{id} is in two tasks");
    }
    // Their leases run out, and nothing is lost.
    world.advance(Duration::from_mins(2));
    world.run_tasks().await;
    world.advance(Duration::from_mins(10));
    world.run_tasks().await;
    let mut sent = accepted_ids(&world);
    sent.sort();
    sent.dedup();
    assert_eq!((sent.len(), world.sms.accepted().len()), (40, 40));
}
