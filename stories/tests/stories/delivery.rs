//! Sending: once, again where that helps, and never where it does not (`docs/spec/workers.md` §7).

use std::{fmt::Write as _, sync::Arc, time::Duration};

use app::manage::services::NewService;
use domain::{Lane, TaskId};
use pillarbox_stories::{Behaviour, Gate, TestService, World};

const RETRY: Duration = Duration::from_secs(301);
const HOUR: Duration = Duration::from_secs(3601);

async fn sent_sms(world: &World, service: &TestService, to: &str) -> String {
    let answer = world.send_sms(service, &service.normal, to).await;
    answer.json["id"].as_str().unwrap().to_owned()
}

async fn sent_email(world: &World, service: &TestService, to: &str) -> String {
    let answer = world.send_email(service, &service.normal, to).await;
    answer.json["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_message_reaches_its_provider_as_it_was_written() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let sms = sent_sms(&world, &service, "+44 (7700) 900-123").await;
    let email = sent_email(&world, &service, "Ada@Example.com").await;
    world.run_tasks().await;

    let text = &world.sms.accepted()[0];
    assert_eq!(text.id.to_string(), sms);
    assert_eq!(
        (text.to.as_str(), text.sender.as_str()),
        ("447700900123", "RiversideCo")
    );
    assert_eq!(
        text.content,
        "Riverside Council: Ada, your bin day is Friday"
    );
    let mail = &world.email.accepted()[0];
    assert_eq!(mail.id.to_string(), email);
    assert_eq!(
        (mail.to.as_str(), mail.subject.as_str()),
        ("ada@example.com", "Hello Ada")
    );
    assert_eq!(mail.from_address, "riverside.council@notify.example.com");
    assert!(mail.plain_body.contains("Your bin day is Friday."));
    assert!(
        mail.html_body.contains("<!DOCTYPE html>")
            && mail.html_body.contains("Your bin day is Friday.")
    );

    let shown = world
        .get(&service.normal, &format!("/v2/notifications/{sms}"))
        .await;
    assert_eq!(shown.json["status"], "sending");
    assert_eq!(shown.json["cost_details"]["billable_sms_fragments"], 1);
    assert_eq!(shown.json["cost_in_pounds"], 0.0233);
    assert!(shown.json["sent_at"].is_string() && shown.json["completed_at"].is_null());
}

#[tokio::test]
async fn acceptance_is_delivery_for_a_provider_without_receipts() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    world.email.set_reports_delivery(false);
    let id = sent_email(&world, &service, "ada@example.com").await;
    world.run_tasks().await;
    assert_eq!(world.status_of(&service, &id).await, "delivered");
}

#[tokio::test]
async fn a_text_is_tried_again_at_once_and_then_every_five_minutes() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    world.sms.queue_behaviours([
        Behaviour::BeUnavailable,
        Behaviour::BeUnavailable,
        Behaviour::BeUnavailable,
    ]);
    let id = sent_sms(&world, &service, "07700900123").await;
    world.run_tasks().await;
    assert_eq!(
        world.status_of(&service, &id).await,
        "created",
        "tried twice, at once"
    );
    world.advance(RETRY);
    world.run_tasks().await;
    assert!(world.sms.accepted().is_empty(), "the third try failed too");
    world.run_tasks().await;
    assert!(world.sms.accepted().is_empty(), "and the fourth is not due");
    world.advance(RETRY);
    world.run_tasks().await;
    assert_eq!(world.status_of(&service, &id).await, "sending");
    assert_eq!(world.sms.accepted().len(), 1);
}

#[tokio::test]
async fn after_forty_eight_retries_a_message_fails_for_good() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    world.email.set_behaviour(Behaviour::BeUnavailable);
    let id = sent_email(&world, &service, "ada@example.com").await;
    for _ in 0..48 {
        world.run_tasks().await;
        assert_eq!(world.status_of(&service, &id).await, "created");
        world.advance(RETRY);
    }
    world.run_tasks().await;
    assert_eq!(world.status_of(&service, &id).await, "technical-failure");
    world.email.set_behaviour(Behaviour::Accept);
    world.advance(RETRY);
    world.run_tasks().await;
    assert!(world.email.accepted().is_empty(), "it is never tried again");
}

#[tokio::test]
async fn a_lost_response_is_retried_with_the_same_reference() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    world.sms.queue_behaviours([Behaviour::AcceptSilently]);
    let id = sent_sms(&world, &service, "07700900123").await;
    world.run_tasks().await;
    for _ in 0..11 {
        assert_eq!(world.sms.accepted().len(), 1, "not soon: it may have it");
        world.advance(RETRY);
        world.run_tasks().await;
    }
    world.advance(RETRY);
    world.run_tasks().await;
    let taken: Vec<String> = world
        .sms
        .accepted()
        .iter()
        .map(|sms| sms.id.to_string())
        .collect();
    assert_eq!(taken, [id.clone(), id]);
}

#[tokio::test]
async fn a_mailbox_that_stays_full_is_a_temporary_failure() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    world
        .email
        .queue_behaviours(std::iter::repeat_n(Behaviour::MailboxFull, 49 + 3));
    let id = sent_email(&world, &service, "ada@example.com").await;
    for _ in 0..48 {
        world.run_tasks().await;
        assert_eq!(world.status_of(&service, &id).await, "created");
        world.advance(RETRY);
    }
    world.run_tasks().await;
    assert_eq!(world.status_of(&service, &id).await, "temporary-failure");

    let later = sent_email(&world, &service, "ada@example.com").await;
    for _ in 0..4 {
        world.run_tasks().await;
        world.advance(RETRY);
    }
    assert_eq!(world.status_of(&service, &later).await, "sending");
}

#[tokio::test]
async fn a_message_that_may_have_been_taken_is_sent_four_times_at_most() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    world.email.set_behaviour(Behaviour::AcceptSilently);
    let id = sent_email(&world, &service, "ada@example.com").await;
    for sent in 1..=4 {
        world.run_tasks().await;
        assert_eq!(world.email.accepted().len(), sent);
        world.advance(HOUR);
    }
    assert_eq!(world.status_of(&service, &id).await, "technical-failure");
    world.advance(HOUR);
    world.run_tasks().await;
    assert_eq!(world.email.accepted().len(), 4);
}

#[tokio::test]
async fn attempts_that_certainly_failed_use_up_no_retry_of_an_unknown_outcome() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    world
        .email
        .queue_behaviours(std::iter::repeat_n(Behaviour::BeUnavailable, 10));
    let id = sent_email(&world, &service, "ada@example.com").await;
    for _ in 0..10 {
        world.run_tasks().await;
        world.advance(RETRY);
    }
    world
        .email
        .queue_behaviours([Behaviour::AcceptSilently, Behaviour::BeUnavailable]);
    world.run_tasks().await;
    assert_eq!(world.email.accepted().len(), 1);
    world.advance(HOUR);
    world.run_tasks().await;
    world.advance(RETRY);
    world.run_tasks().await;
    assert_eq!(world.email.accepted().len(), 2);
    assert_eq!(world.status_of(&service, &id).await, "sending");
}

#[tokio::test]
async fn a_refused_recipient_fails_permanently_and_a_refused_message_technically() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    world.email.queue_behaviours([Behaviour::RejectRecipient]);
    let unreachable = sent_email(&world, &service, "gone@example.com").await;
    world.run_tasks().await;
    world.email.queue_behaviours([Behaviour::RejectMessage]);
    let forbidden = sent_email(&world, &service, "ada@example.com").await;
    world.run_tasks().await;
    assert_eq!(
        world.status_of(&service, &unreachable).await,
        "permanent-failure"
    );
    assert_eq!(
        world.status_of(&service, &forbidden).await,
        "technical-failure"
    );
}

#[tokio::test]
async fn a_service_that_was_switched_off_sends_nothing_more_and_is_not_retried() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let id = sent_sms(&world, &service, "07700900123").await;
    app::manage::services::set_mode(&world.app, service.id, false, false)
        .await
        .unwrap();
    world.run_tasks().await;
    app::manage::services::set_mode(&world.app, service.id, true, false)
        .await
        .unwrap();
    assert_eq!(world.status_of(&service, &id).await, "technical-failure");
    assert!(world.sms.accepted().is_empty());
}

#[tokio::test]
async fn one_bad_message_does_not_hold_up_the_rest_of_its_batch() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    world
        .sms
        .queue_behaviours([Behaviour::BeUnavailable, Behaviour::RejectRecipient]);
    let sends = (0..50).map(|number| {
        let (world, service) = (&world, &service);
        async move { sent_sms(world, service, &format!("0770091{number:04}")).await }
    });
    let ids = futures::future::join_all(sends).await;
    world.run_tasks().await;
    let mut statuses = std::collections::BTreeMap::<String, u32>::new();
    for id in &ids {
        *statuses
            .entry(world.status_of(&service, id).await)
            .or_default() += 1;
    }
    let expected = [
        ("permanent-failure".to_owned(), 1),
        ("sending".to_owned(), 49),
    ];
    assert_eq!(
        statuses.into_iter().collect::<Vec<_>>(),
        expected,
        "the one that failed was tried again at once"
    );
}

#[tokio::test]
async fn a_delivery_task_that_comes_twice_hands_over_once() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let id = sent_sms(&world, &service, "07700900123").await;
    let copy = {
        let mut tx = world.app.store().write().await.unwrap();
        let now = domain::Clock::now(&*world.clock);
        let payload = format!("{{\"ids\":[\"{id}\"]}}");
        let task = queue::NewTask {
            id: TaskId::generate(now, world.app.random()),
            pool: "send-sms-tasks",
            lane: Lane::Normal,
            service_id: service.id,
            kind: "deliver_sms.v1",
            payload,
            subjects: None,
            attempt: 0,
            ready_at: now,
            created_at: now,
        };
        queue::Enqueue::enqueue(&mut tx, vec![task]).await.unwrap();
        tx.commit().await
    };
    copy.unwrap();
    assert_eq!(world.run_tasks().await, 2);
    assert_eq!(world.sms.accepted().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_claiming_one_task_send_once() {
    let world = Arc::new(World::new().await);
    let service = world.service("Riverside Council").await;
    let barrier = Arc::new(tokio::sync::Barrier::new(2));
    for round in 1..=20 {
        sent_sms(&world, &service, "07700900123").await;
        let workers = [(); 2].map(|()| {
            let (world, barrier) = (world.clone(), barrier.clone());
            tokio::spawn(async move {
                barrier.wait().await;
                world.runner().run_one("send-sms-tasks").await
            })
        });
        let worked = futures::future::join_all(workers).await;
        let worked: Vec<bool> = worked.into_iter().map(Result::unwrap).collect();
        assert!(worked[0] ^ worked[1], "exactly one has it: {worked:?}");
        assert_eq!(world.sms.accepted().len(), round);
    }
    drop(Arc::into_inner(world).expect("no request holds the world any more"));
}

#[tokio::test]
async fn a_worker_without_its_lease_starts_nothing_and_commits_no_outcome() {
    let world = Arc::new(World::new().await);
    let service = world.service("Riverside Council").await;
    let id = sent_sms(&world, &service, "07700900123").await;
    let gate = Arc::default();
    world
        .sms
        .queue_behaviours([Behaviour::WaitAt(Arc::clone(&gate))]);

    let slow = tokio::spawn({
        let world = world.clone();
        async move { world.run_tasks().await }
    });
    gate.arrived.notified().await;
    world.advance(Duration::from_secs(31));
    let other = world.another_process();
    let runner = other.runner(queue::RunnerSettings::default());
    runner.drain(app::tasks::POOLS).await;
    assert_eq!(
        world.status_of(&service, &id).await,
        "created",
        "the provider may have it: its receipt is waited for"
    );
    world.advance(RETRY);
    runner.drain(app::tasks::POOLS).await;
    assert_eq!(
        world.status_of(&service, &id).await,
        "sending",
        "another process has taken over"
    );
    let before = world
        .get(&service.normal, &format!("/v2/notifications/{id}"))
        .await;
    gate.open.notify_one();
    slow.await.unwrap();
    let after = world
        .get(&service.normal, &format!("/v2/notifications/{id}"))
        .await;
    assert_eq!(before.json, after.json, "the late worker changed nothing");
    drop(Arc::into_inner(world).expect("the slow worker has ended"));
}

#[tokio::test]
async fn a_service_with_one_message_does_not_wait_for_one_with_thousands() {
    let world = World::new().await;
    let big = world.service("Big").await;
    let small = world.service("Small").await;
    let mut file = "phone number,name,day\n".to_owned();
    for row in 0..3000 {
        let _ = writeln!(file, "07700900{:03},Person {row},Friday", row % 1000);
    }
    world.job(big.id, big.sms, file).await;
    world
        .runner()
        .drain(&[queue::Pool {
            name: "job-tasks",
            workers: 1,
        }])
        .await;
    let id = sent_sms(&world, &small, "07700900999").await;
    world.run_tasks().await;
    let place = world
        .sms
        .accepted()
        .iter()
        .position(|sms| sms.id.to_string() == id)
        .unwrap();
    // Services take turns, and a turn is one batch: at most one batch of the other service comes first.
    assert!(place <= 100, "it was handed over as number {place}");
    assert_eq!(world.sms.accepted().len(), 3001);
}

#[tokio::test]
async fn an_international_text_waits_for_no_receipt() {
    let world = World::new().await;
    let mut new = NewService::named("Abroad");
    new.permissions.insert(domain::Permission::InternationalSms);
    let service = world.service_with(new).await;
    let id = sent_sms(&world, &service, "+1 202-555-0104").await;
    world.run_tasks().await;
    assert_eq!(world.status_of(&service, &id).await, "sent");
    assert!(world.sms.accepted()[0].international);
}

/// Found by the simulation: messages that were not attempted were in no task any more.
#[tokio::test]
async fn a_batch_with_an_expired_lease_is_sent_later() {
    let world = Arc::new(World::new().await);
    let service = world.service("Riverside Council").await;
    // The rows of a job share a task.
    world
        .job(service.id, service.sms, crate::jobs::people(20))
        .await;
    world.runner().drain(&[crate::jobs::JOBS]).await;
    let gate = Arc::new(Gate::default());
    world.sms.set_behaviour(Behaviour::WaitAt(gate.clone()));
    let worker = {
        let world = world.clone();
        tokio::spawn(async move { world.runner().run_one("send-sms-tasks").await })
    };
    gate.arrived.notified().await;
    world.advance(Duration::from_secs(31));
    world.sms.set_behaviour(Behaviour::Accept);
    while !worker.is_finished() {
        gate.open.notify_waiters();
        tokio::task::yield_now().await;
    }
    assert!(worker.await.unwrap());
    assert!(
        world.sms.accepted().len() < 20,
        "most of the batch was left alone"
    );

    world.run_tasks().await;
    assert_eq!(world.sms.accepted().len(), 20);
    drop(Arc::into_inner(world).expect("no request holds the world any more"));
}

#[tokio::test]
async fn a_message_named_by_two_concurrent_tasks_is_sent_once() {
    let world = Arc::new(World::new().await);
    let service = world.service("Riverside Council").await;
    let id = sent_sms(&world, &service, "07700900123").await;
    let now = domain::Clock::now(&*world.clock);
    let doubled = queue::NewTask {
        id: TaskId::generate(now, world.app.random()),
        pool: "send-sms-tasks",
        lane: Lane::Bulk,
        service_id: service.id,
        kind: "deliver_sms.v1",
        payload: serde_json::json!({"ids": [id]}).to_string(),
        subjects: None,
        attempt: 0,
        ready_at: now,
        created_at: now,
    };
    let mut tx = world.app.store().write().await.unwrap();
    queue::Enqueue::enqueue(&mut tx, vec![doubled])
        .await
        .unwrap();
    tx.commit().await.unwrap();

    let gate = Arc::new(Gate::default());
    world.sms.set_behaviour(Behaviour::WaitAt(gate.clone()));
    let first = {
        let world = world.clone();
        tokio::spawn(async move { world.runner().run_one("send-sms-tasks").await })
    };
    gate.arrived.notified().await;
    world.sms.set_behaviour(Behaviour::Accept);
    assert!(world.runner().run_one("send-sms-tasks").await);
    assert_eq!(
        world.sms.accepted().len(),
        0,
        "it is in the first one's hands"
    );
    gate.open.notify_one();
    assert!(first.await.unwrap());

    world.advance(Duration::from_secs(31));
    world.run_tasks().await;
    assert_eq!(world.sms.accepted().len(), 1);
    drop(Arc::into_inner(world).expect("no request holds the world any more"));
}
