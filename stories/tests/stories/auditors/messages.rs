//! Messages without a task, and messages without a receipt.

use std::time::Duration;

use domain::Clock as _;
use pillarbox_stories::World;

use super::{lose_tasks, run_auditors};
use crate::jobs::{JOBS, people};

#[tokio::test]
async fn a_message_without_a_task_is_requeued_after_an_hour() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let text = world
        .send_sms(&service, &service.normal, "07700900123")
        .await;
    let mail = world
        .send_email(&service, &service.normal, "ada@example.com")
        .await;
    lose_tasks(&world, "send-sms-tasks").await;
    lose_tasks(&world, "send-email-tasks").await;
    let ids = [&text, &mail].map(|answer| answer.json["id"].as_str().unwrap().to_owned());

    world.advance(Duration::from_mins(45));
    world.run_schedule().await;
    assert_eq!(
        world.status_of(&service, &ids[0]).await,
        "created",
        "it is too young"
    );
    world.advance(Duration::from_mins(30));
    world.run_schedule().await;
    for id in &ids {
        assert_eq!(world.status_of(&service, id).await, "sending");
    }
    assert_eq!(
        (world.sms.accepted().len(), world.email.accepted().len()),
        (1, 1)
    );
}

#[tokio::test]
async fn a_message_without_a_task_is_found_for_twelve_hours_and_daily_for_a_week() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let lose_a_text = async || {
        let sent = world
            .send_sms(&service, &service.normal, "07700900123")
            .await;
        lose_tasks(&world, "send-sms-tasks").await;
        sent.json["id"].as_str().unwrap().to_owned()
    };
    let at = |text: &str| text.parse::<domain::Timestamp>().unwrap();
    let fire = async |minute: &str| {
        let minute = at(minute);
        world.advance(minute.since(world.clock.now()));
        app::upkeep::schedule::fire(&world.app, minute)
            .await
            .unwrap();
        world.run_tasks().await;
    };
    // The clock shows nine in the morning.
    let early = lose_a_text().await;
    world.advance(Duration::from_hours(1));
    let late = lose_a_text().await;
    // Twelve hours and a quarter after the first, and less than twelve after the second.
    fire("2026-03-02T21:15:00Z").await;
    assert_eq!(world.status_of(&service, &early).await, "created");
    assert_eq!(world.status_of(&service, &late).await, "sending");
    fire("2026-03-03T02:30:00Z").await;
    assert_eq!(world.status_of(&service, &early).await, "sending");
}

#[tokio::test]
async fn a_queued_message_is_not_queued_again() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    world
        .send_sms(&service, &service.normal, "07700900123")
        .await;
    world.advance(Duration::from_mins(90));
    run_auditors(&world).await;
    assert_eq!(
        lose_tasks(&world, "send-sms-tasks").await,
        1,
        "there is the one task it had"
    );
    world.advance(Duration::from_mins(15));
    world.run_schedule().await;
    assert_eq!(world.sms.accepted().len(), 1);
}

#[tokio::test]
async fn a_message_without_a_task_is_found_while_its_service_is_busy() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let send = async |number| {
        let accepted = world.send_sms(&service, &service.normal, number).await;
        accepted.json["id"].as_str().unwrap().to_owned()
    };
    let lost = send("07700900001").await;
    assert_eq!(lose_tasks(&world, "send-sms-tasks").await, 1);
    let waiting = [send("07700900002").await, send("07700900003").await];
    world.advance(Duration::from_hours(5));
    run_auditors(&world).await;
    assert_eq!(
        lose_tasks(&world, "send-sms-tasks").await,
        3,
        "the lost one has a task again, and each of the others the one it had"
    );

    world.advance(Duration::from_mins(15));
    world.run_schedule().await;
    for id in [&lost, &waiting[0], &waiting[1]] {
        assert_eq!(world.status_of(&service, id).await, "sending");
    }
    assert_eq!(world.sms.accepted().len(), 3);
}

#[tokio::test]
async fn a_message_without_a_receipt_fails_temporarily_after_three_days() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let sent = world
        .send_sms(&service, &service.normal, "07700900123")
        .await;
    world.run_tasks().await;
    let unsent = world
        .send_email(&service, &service.normal, "ada@example.com")
        .await;
    lose_tasks(&world, "send-email-tasks").await;
    let ids = [&sent, &unsent].map(|answer| answer.json["id"].as_str().unwrap().to_owned());

    let until = |time: &str| {
        let time: domain::Timestamp = time.parse().unwrap();
        world.advance(time.since(world.clock.now()));
    };
    until("2026-03-05T00:05:00Z");
    world.run_schedule().await;
    assert_eq!(
        world.status_of(&service, &ids[0]).await,
        "sending",
        "three days are not over"
    );

    let young = world
        .send_sms(&service, &service.normal, "07700900124")
        .await;
    world.run_tasks().await;
    until("2026-03-06T00:05:00Z");
    world.run_schedule().await;
    assert_eq!(
        world.status_of(&service, &ids[0]).await,
        "temporary-failure"
    );
    assert_eq!(
        world.status_of(&service, &ids[1]).await,
        "technical-failure"
    );
    let young = young.json["id"].as_str().unwrap();
    assert_eq!(world.status_of(&service, young).await, "sending");
}

#[tokio::test]
async fn more_messages_than_one_batch_are_all_requeued_and_all_failed() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    world.job(service.id, service.sms, people(2300)).await;
    world.runner().drain(&[JOBS]).await;
    let mail = world
        .send_email(&service, &service.normal, "ada@example.com")
        .await;
    assert_eq!(lose_tasks(&world, "send-sms-tasks").await, 23);
    assert_eq!(lose_tasks(&world, "send-email-tasks").await, 1);
    world.advance(Duration::from_mins(75));
    world.run_schedule().await;
    assert_eq!(world.sms.accepted().len(), 2300, "in one look");
    assert_eq!(world.email.accepted().len(), 1);
    let mail = mail.json["id"].as_str().unwrap();
    let time: domain::Timestamp = "2026-03-06T00:05:00Z".parse().unwrap();
    world.advance(time.since(world.clock.now()));
    world.run_schedule().await;
    assert_eq!(world.status_of(&service, mail).await, "temporary-failure");
}
