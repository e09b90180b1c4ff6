//! Services whose senders seem to try out lists of numbers (`docs/spec/workers.md` §16).

use std::time::Duration;

use domain::{Allowance, Clock as _};
use pillarbox_stories::{TestService, World};
use tracing_core::Level;

use crate::{captured_log::CapturedLog, jobs::people};

/// Lets the time of the next daily check come, and returns its warnings.
async fn warnings(world: &World) -> Vec<String> {
    let log = CapturedLog::start();
    let now = world.clock.now();
    let of_today = now.utc_day().start().plus(Duration::from_mins(630));
    let next = if of_today > now {
        of_today
    } else {
        of_today.plus(Duration::from_hours(24))
    };
    world.advance(next.since(now));
    app::upkeep::schedule::fire(&world.app, next).await.unwrap();
    world.run_tasks().await;
    log.lines_with(Level::WARN, "text messages")
}

async fn to_tv_numbers(world: &World, service: &TestService) -> i64 {
    let today = world.clock.now().utc_day();
    let mut session = world.app.read().await.unwrap();
    store::counters::find_spent(&mut session, service.id, Allowance::SmsToTvNumbers, today)
        .await
        .unwrap()
}

#[tokio::test]
async fn more_than_500_texts_to_numbers_for_drama_are_noticed() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    // All of them are numbers for drama.
    world.job(service.id, service.sms, people(500)).await;
    world.run_tasks().await;
    assert_eq!(to_tv_numbers(&world, &service).await, 500);
    assert_eq!(warnings(&world).await, [""; 0]);
    let sent = world
        .send_sms(&service, &service.normal, "+44 7700 900999")
        .await;
    assert_eq!(sent.status, 201, "{}", sent.text);
    // Numbers of real people are not counted.
    let real = world
        .send_sms(&service, &service.normal, "+44 7900 900999")
        .await;
    assert_eq!(real.status, 201, "{}", real.text);
    // Those of the day before count too, because the day is that of UTC and not the last 24 hours.
    let found = warnings(&world).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("Riverside Council"), "{found:?}");
    assert!(found[0].contains("501 text messages"), "{found:?}");
}

#[tokio::test]
async fn texts_of_test_keys_to_numbers_for_drama_are_what_they_are_for() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let sent = world
        .send_sms(&service, &service.test, "+44 7700 900999")
        .await;
    assert_eq!(sent.status, 201, "{}", sent.text);
    assert_eq!(to_tv_numbers(&world, &service).await, 0);
}
