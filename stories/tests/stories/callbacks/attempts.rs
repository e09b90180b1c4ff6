use domain::CallbackKind;
use pillarbox_stories::{Answer, World};
use serde_json::json;

use super::{RETRY_DELAY, URL, delivered_sms, told_service};

/// Runs the tasks and returns how many attempts there have been.
async fn attempts_after_running(world: &World) -> usize {
    world.run_tasks().await;
    world.receiver.received(URL).len()
}

#[tokio::test]
async fn a_callback_is_attempted_six_times_five_minutes_apart() {
    for failure in [
        Answer::Break,
        Answer::Hang,
        Answer::Status(500, ""),
        Answer::Status(503, "later"),
        Answer::Status(429, ""),
        Answer::Status(302, ""),
    ] {
        let world = World::new().await;
        let service = told_service(&world, "Riverside Council", URL).await;
        world.receiver.always_answers(URL, Some(failure.clone()));
        let id = delivered_sms(&world, &service).await;
        assert_eq!(attempts_after_running(&world).await, 1);
        for attempts in 1..6 {
            world.advance(RETRY_DELAY.saturating_sub(std::time::Duration::from_secs(1)));
            assert_eq!(
                attempts_after_running(&world).await,
                attempts,
                "{failure:?}"
            );
            world.advance(std::time::Duration::from_secs(1));
            assert_eq!(attempts_after_running(&world).await, attempts + 1);
        }
        world.advance(RETRY_DELAY * 10);
        assert_eq!(attempts_after_running(&world).await, 6, "{failure:?}");
        assert_eq!(world.status_of(&service, &id).await, "delivered");
    }
}

#[tokio::test]
async fn a_refusal_is_final() {
    for status in [400, 401, 404, 410, 422] {
        let world = World::new().await;
        let service = told_service(&world, "Riverside Council", URL).await;
        world
            .receiver
            .always_answers(URL, Some(Answer::Status(status, "no")));
        delivered_sms(&world, &service).await;
        assert_eq!(attempts_after_running(&world).await, 1);
        world.advance(RETRY_DELAY);
        assert_eq!(attempts_after_running(&world).await, 1, "{status}");
    }
}

#[tokio::test]
async fn a_retry_that_succeeds_is_the_last() {
    let world = World::new().await;
    let service = told_service(&world, "Riverside Council", URL).await;
    let failures = [Answer::Break, Answer::Status(500, "")];
    world.receiver.answers(URL, failures);
    delivered_sms(&world, &service).await;
    for attempts in [1, 2, 3, 3] {
        assert_eq!(attempts_after_running(&world).await, attempts);
        world.advance(RETRY_DELAY);
    }
}

#[tokio::test]
async fn one_failure_of_many_is_retried_alone() {
    let world = World::new().await;
    let service = told_service(&world, "Riverside Council", URL).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(super::sent_sms(&world, &service).await);
    }
    world.receiver.answers(URL, [Answer::Status(500, "")]);
    futures::future::join_all(ids.iter().map(|id| super::mmg_reports(&world, id, "3"))).await;
    assert_eq!(attempts_after_running(&world).await, 5);
    let failed = world.receiver.received(URL)[0].body.clone();
    world.advance(RETRY_DELAY);
    assert_eq!(attempts_after_running(&world).await, 6);
    assert_eq!(world.receiver.received(URL)[5].body, failed);
}

#[tokio::test]
async fn a_callback_on_which_the_program_fails_leaves_the_others_alone() {
    let mut world = World::new().await;
    world.expect_dead_letters();
    let service = told_service(&world, "Riverside Council", URL).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(super::sent_sms(&world, &service).await);
    }
    world.receiver.answers(URL, [Answer::Panic]);
    futures::future::join_all(ids.iter().map(|id| super::mmg_reports(&world, id, "3"))).await;
    assert_eq!(attempts_after_running(&world).await, 3);
    let dead = app::upkeep::queue_stats::list_dead(&world.app, 10)
        .await
        .unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].kind, "send-delivery-status.v1");
}

#[tokio::test]
async fn a_worker_that_dies_halfway_leaves_the_callback_to_another() {
    let mut world = World::new().await;
    let service = told_service(&world, "Riverside Council", URL).await;
    world.receiver.answers(URL, [Answer::HangForEver]);
    let id = delivered_sms(&world, &service).await;
    let tell = world.run_tasks();
    let died = tokio::time::timeout(std::time::Duration::from_secs(2), tell).await;
    assert!(died.is_err(), "it waits for the answer");
    assert_eq!(world.receiver.received(URL).len(), 1);
    world = world.restarted().await;
    world.advance(std::time::Duration::from_secs(31));
    world.run_tasks().await;
    // The new world has a receiver of its own.
    let told = world.receiver.received(URL);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].json()["id"], json!(id));
}

#[tokio::test]
async fn a_deleted_callback_still_gets_what_was_due() {
    let world = World::new().await;
    let service = told_service(&world, "Riverside Council", URL).await;
    world.receiver.answers(URL, [Answer::Break]);
    delivered_sms(&world, &service).await;
    assert_eq!(attempts_after_running(&world).await, 1);
    app::manage::callbacks::delete(&world.app, service.id, CallbackKind::DeliveryStatus)
        .await
        .unwrap();
    world.advance(RETRY_DELAY);
    assert_eq!(
        attempts_after_running(&world).await,
        2,
        "fixed when it was due"
    );
    delivered_sms(&world, &service).await;
    assert_eq!(attempts_after_running(&world).await, 2);
}
