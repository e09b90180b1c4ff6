//! Notifications that the platform itself fails: each is logged once, in the words that alerts match, and what a provider
//! may have taken of a text stays counted (`docs/spec/workers.md` §1.3, §7.1).

use std::time::Duration;

use domain::Clock as _;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use pillarbox_stories::{Behaviour, TestService, World};

use crate::{captured_log::CapturedLog, storage_outages::Fault};

const RETRY: Duration = Duration::from_secs(301);

async fn send_text(world: &World, service: &TestService) -> String {
    let made = world
        .send_sms(service, &service.normal, "07700900123")
        .await;
    made.json["id"].as_str().unwrap().to_owned()
}

async fn send_email(world: &World, service: &TestService) -> String {
    let made = world
        .send_email(service, &service.normal, "ada@example.com")
        .await;
    made.json["id"].as_str().unwrap().to_owned()
}

async fn stored_units(world: &World, service: &TestService, id: &str) -> u32 {
    let mut session = world.app.read().await.unwrap();
    let found = store::notifications::find(&mut session, service.id, id.parse().unwrap()).await;
    found.unwrap().unwrap().billable_units
}

/// Asserts that the log has one error about this notification, which begins like the task layer's and says this.
fn assert_logged_once(log: &CapturedLog, id: &str, task: &str, says: &str) {
    let errors = log.errors_with(id);
    assert_eq!(errors.len(), 1, "{errors:?}");
    let start = format!("Celery task {task} failed after ");
    assert!(errors[0].starts_with(&start), "{}", errors[0]);
    assert!(errors[0].contains(says), "{}", errors[0]);
}

#[tokio::test]
async fn exhausted_retries_are_logged_once_in_the_specs_words() {
    let log = CapturedLog::start();
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    world.sms.set_behaviour(Behaviour::BeUnavailable);
    let id = send_text(&world, &service).await;
    // The first retry comes at once.
    for _ in 0..47 {
        world.run_tasks().await;
        assert_eq!(world.status_of(&service, &id).await, "created");
        world.advance(RETRY);
    }
    // The commit of the failure fails first, so that it is recorded in a later run.
    let fault = Fault::on(&world, "UPDATE", "NEW.status = 'technical-failure'").await;
    world.run_tasks().await;
    assert_eq!(log.errors_with(&id).len(), 0, "nothing has failed yet");
    fault.mend().await;
    world.advance(Duration::from_secs(6));
    world.run_tasks().await;
    assert_eq!(world.status_of(&service, &id).await, "technical-failure");
    let says = format!(
        "RETRY FAILED: Max retries reached. The task send_sms_to_provider failed for notification {id}. \
         Notification has been updated to technical-failure"
    );
    assert_logged_once(&log, &id, "deliver_sms (queue: send-sms-tasks)", &says);
}

#[tokio::test]
async fn a_message_that_its_provider_refuses_is_logged_once() {
    let log = CapturedLog::start();
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    world.email.queue_behaviours([Behaviour::RejectMessage]);
    let id = send_email(&world, &service).await;
    world.run_tasks().await;
    assert_eq!(world.status_of(&service, &id).await, "technical-failure");
    let errors =
        log.errors_with("Celery task deliver_email (queue: send-email-tasks) failed after");
    assert_eq!(errors.len(), 1, "{errors:?}");
    world.email.queue_behaviours([Behaviour::RejectRecipient]);
    send_email(&world, &service).await;
    world.run_tasks().await;
    let errors = log.errors_with("Celery task deliver_email");
    assert_eq!(
        errors.len(),
        1,
        "a recipient at fault is no technical failure"
    );
}

#[tokio::test]
async fn each_message_of_an_inactive_service_is_logged_once() {
    let log = CapturedLog::start();
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let ids = [
        send_text(&world, &service).await,
        send_text(&world, &service).await,
    ];
    app::manage::services::set_mode(&world.app, service.id, false, false)
        .await
        .unwrap();
    world.run_tasks().await;
    for id in &ids {
        let service = service.id;
        let says = format!(
            "Send sms for notification id {id} to provider is not allowed: service {service} is inactive"
        );
        assert_logged_once(&log, id, "deliver_sms (queue: send-sms-tasks)", &says);
    }
}

#[tokio::test]
async fn a_message_that_waited_for_three_days_is_logged_once() {
    let log = CapturedLog::start();
    let mut world = World::new().await;
    world.expect_unfinished_tasks();
    let service = world.service("Riverside Council").await;
    let id = send_text(&world, &service).await;
    let day = Duration::from_hours(24);
    // Five past midnight, four days later, with no worker that sends.
    world.advance(day * 3 + Duration::from_mins(15 * 60 + 5));
    let minute = app::upkeep::schedule::start_of_minute(world.clock.now());
    app::upkeep::schedule::fire(&world.app, minute)
        .await
        .unwrap();
    while world.runner().run_one("periodic-tasks").await {}
    assert_eq!(world.status_of(&service, &id).await, "technical-failure");
    let task = "timeout-sending-notifications (queue: periodic-tasks)";
    let errors = log.errors_with(&format!("Celery task {task} failed after"));
    assert_eq!(errors.len(), 1, "{errors:?}");
}

#[tokio::test]
async fn the_units_of_a_text_are_stored_whatever_came_of_its_attempts() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    for (behaviours, status) in [
        (
            vec![Behaviour::BeUnavailable, Behaviour::BeUnavailable],
            "created",
        ),
        (vec![Behaviour::AcceptSilently], "created"),
        (vec![Behaviour::RejectMessage], "technical-failure"),
        (vec![Behaviour::RejectRecipient], "permanent-failure"),
    ] {
        world.sms.queue_behaviours(behaviours.clone());
        let id = send_text(&world, &service).await;
        assert_eq!(stored_units(&world, &service, &id).await, 0);
        world.run_tasks().await;
        assert_eq!(
            world.status_of(&service, &id).await,
            status,
            "{behaviours:?}"
        );
        let units = stored_units(&world, &service, &id).await;
        assert_eq!(units, 1, "{behaviours:?}");
    }
    world.advance(Duration::from_hours(1));
    world.run_tasks().await;
}

/// Returns how many technical failures of texts and of e-mails were counted.
fn counted(handle: &PrometheusHandle) -> [u32; 2] {
    let metrics = handle.render();
    ["sms", "email"].map(|channel| {
        let name = format!("pillarbox_technical_failures_total{{channel=\"{channel}\"}} ");
        let mut lines = metrics.lines();
        let count = lines.find_map(|line| line.strip_prefix(name.as_str()));
        count.map_or(0, |count| count.parse().unwrap())
    })
}

/// Lets five past midnight come, so many days later, and the tasks of that minute run.
async fn times_out(world: &World, days: u32) {
    let hours = u64::from(days) * 24 + 15;
    world.advance(Duration::from_mins(hours * 60 + 5));
    let minute = app::upkeep::schedule::start_of_minute(world.clock.now());
    app::upkeep::schedule::fire(&world.app, minute)
        .await
        .unwrap();
    while world.runner().run_one("periodic-tasks").await {}
}

#[tokio::test]
async fn each_technical_failure_is_counted_once() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let mut world = World::new().await;
    world.expect_unfinished_tasks();
    let service = world.service("Riverside Council").await;
    world.sms.queue_behaviours([Behaviour::RejectMessage]);
    world.email.queue_behaviours([Behaviour::RejectMessage]);
    send_text(&world, &service).await;
    send_email(&world, &service).await;
    world.run_tasks().await;
    assert_eq!(counted(&handle), [1, 1]);
    world.email.queue_behaviours([Behaviour::RejectRecipient]);
    send_email(&world, &service).await;
    world.run_tasks().await;
    assert_eq!(
        counted(&handle),
        [1, 1],
        "a recipient's fault is none of ours"
    );
    // The commit of the failure fails first: counted when it is recorded.
    let fault = Fault::on(&world, "UPDATE", "NEW.status = 'technical-failure'").await;
    world.sms.queue_behaviours([Behaviour::RejectMessage]);
    let id = send_text(&world, &service).await;
    world.run_tasks().await;
    assert_eq!(counted(&handle), [1, 1]);
    fault.mend().await;
    world.advance(Duration::from_secs(6));
    world.run_tasks().await;
    assert_eq!(world.status_of(&service, &id).await, "technical-failure");
    assert_eq!(counted(&handle), [2, 1]);

    let waits = send_text(&world, &service).await;
    times_out(&world, 3).await;
    assert_eq!(world.status_of(&service, &waits).await, "technical-failure");
    assert_eq!(counted(&handle), [3, 1]);
}

#[tokio::test]
async fn the_units_of_a_text_stay_when_it_times_out() {
    let mut world = World::new().await;
    world.expect_unfinished_tasks();
    let service = world.service("Riverside Council").await;
    let sent = send_text(&world, &service).await;
    world.run_tasks().await;
    assert_eq!(world.status_of(&service, &sent).await, "sending");
    world.sms.set_behaviour(Behaviour::BeUnavailable);
    let tried = send_text(&world, &service).await;
    world.run_tasks().await;
    times_out(&world, 3).await;
    for (id, status) in [(&sent, "temporary-failure"), (&tried, "technical-failure")] {
        assert_eq!(world.status_of(&service, id).await, status);
        assert_eq!(stored_units(&world, &service, id).await, 1, "{status}");
    }
}
