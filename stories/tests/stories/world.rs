//! The world checks itself when it is dropped, so a story cannot forget to look for what it left behind.

use std::time::Duration;

use domain::{Clock as _, Lane, TaskId};
use pillarbox_stories::{Behaviour, World};
use queue::{Enqueue as _, NewTask};

/// Enqueues a task in one of the platform's pools, ready after `delay`.
async fn enqueue(world: &World, kind: &'static str, delay: Duration) {
    let service = world.service("Riverside Council").await;
    let now = world.clock.now();
    let task = NewTask {
        id: TaskId::generate(now, world.app.random()),
        pool: "periodic-tasks",
        lane: Lane::Normal,
        service_id: service.id,
        kind,
        payload: "{}".into(),
        subjects: None,
        attempt: 0,
        ready_at: now.plus(delay),
        created_at: now,
    };
    let mut tx = world.app.store().write().await.unwrap();
    tx.enqueue(vec![task]).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
#[should_panic(expected = "the story left tasks in the queue")]
async fn a_forgotten_follow_up_task_fails_the_story() {
    let world = World::new().await;
    enqueue(&world, "follow-up.v1", Duration::from_mins(5)).await;
}

#[tokio::test]
#[should_panic(expected = "the story left tasks in the queue")]
async fn a_message_that_waits_for_its_next_attempt_fails_the_story() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    world.sms.set_behaviour(Behaviour::BeUnavailable);
    let answer = world
        .send_sms(&service, &service.normal, "07700900123")
        .await;
    assert_eq!(answer.status, 201);
}

#[tokio::test]
#[should_panic(expected = "the story left dead letters")]
async fn a_dead_letter_fails_the_story() {
    let world = World::new().await;
    enqueue(&world, "from-the-future.v9", Duration::ZERO).await;
}

#[tokio::test]
async fn a_dead_letter_that_the_story_expects_does_not_fail_it() {
    let mut world = World::new().await;
    world.expect_dead_letters();
    enqueue(&world, "from-the-future.v9", Duration::ZERO).await;
}

/// The check would panic too, and a second panic would abort the test binary.
#[tokio::test]
#[should_panic(expected = "the story's own failure")]
async fn a_story_that_fails_is_not_checked() {
    let world = World::new().await;
    enqueue(&world, "follow-up.v1", Duration::from_mins(5)).await;
    panic!("the story's own failure");
}
