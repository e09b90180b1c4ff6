//! Accepting by the log.

use std::{pin::pin, time::Duration};

use app::{IntakeMode, manage::services::NewService};
use domain::{Allowance, Clock as _, KeyType};
use futures::{future::join, poll};
use pillarbox_stories::{BlackHole, TestClient, TestResponse, TestService, World};
use serde_json::json;
use sqlx::{Connection as _, Executor as _, SqliteConnection};

use super::{accepted, assert_depth, assert_sent_once, id_of, send, world, world_with};

/// For a minute of the platform's clock the database refuses everything, or answers nothing.
async fn callers_do_not_notice_an_outage(begin: impl FnOnce(&store::Outage), patience: Duration) {
    let world = world_with(|intake| {
        intake.mode = IntakeMode::Fallback;
        intake.patience = patience;
    })
    .await;
    let service = world.service("Riverside Council").await;
    let mut ids = vec![accepted(&world, &service).await];
    let email = world
        .send_email(&service, &service.normal, "ada@example.com")
        .await;
    assert_eq!(email.status, 201);
    assert_depth(&world, 0).await;

    begin(world.outage());
    let mut emails = 1;
    for _ in 0..60 {
        world.advance(Duration::from_secs(1));
        ids.push(accepted(&world, &service).await);
        let email = world
            .send_email(&service, &service.normal, "ada@example.com")
            .await;
        assert_eq!(email.status, 201, "{}", email.json);
        emails += 1;
    }
    assert_depth(&world, 60).await;

    world.outage().end();
    world.advance(Duration::from_secs(2));
    assert_eq!(world.save_accepted().await, 120);
    world.run_tasks().await;
    assert_sent_once(&world, &ids);
    assert_eq!(world.email.accepted().len(), emails);
    for id in &ids {
        assert_eq!(world.status_of(&service, id).await, "sending");
    }
    assert_depth(&world, 0).await;
    ids.push(accepted(&world, &service).await);
    assert_depth(&world, 0).await;
    world.run_tasks().await;
    assert_sent_once(&world, &ids);
}

#[tokio::test]
async fn callers_do_not_notice_a_database_that_refuses() {
    callers_do_not_notice_an_outage(store::Outage::refuse, Duration::from_secs(2)).await;
}

#[tokio::test]
async fn callers_do_not_notice_a_database_that_does_not_answer() {
    callers_do_not_notice_an_outage(store::Outage::hang, Duration::from_millis(400)).await;
}

#[tokio::test]
async fn a_commit_that_is_given_up_is_stored_once() {
    let world = world_with(|intake| {
        intake.mode = IntakeMode::Fallback;
        // Some commits end in time, some are given up before, and some in the middle.
        intake.patience = Duration::from_millis(4);
    })
    .await;
    let service = world.service("Riverside Council").await;
    let mut ids = Vec::new();
    for _ in 0..60 {
        let answer = send(&world, &service).await;
        if answer.status == 201 {
            ids.push(id_of(&answer));
        }
        world.advance(Duration::from_secs(2));
    }
    world.save_accepted().await;
    world.run_tasks().await;
    assert_sent_once(&world, &ids);
}

#[tokio::test]
async fn a_message_that_no_one_can_keep_is_refused() {
    let world = world(IntakeMode::Fallback).await;
    let service = world.service("Riverside Council").await;
    let first = accepted(&world, &service).await;
    world.outage().refuse();
    let blocker = Blocker::of(&world).await;
    let refused = send(&world, &service).await;
    assert_eq!(refused.status, 503);
    assert_eq!(refused.headers["retry-after"], "5");

    blocker.end().await;
    world.advance(Duration::from_secs(2));
    let second = accepted(&world, &service).await;
    world.outage().end();
    world.save_accepted().await;
    world.run_tasks().await;
    assert_sent_once(&world, &[first, second]);
}

#[tokio::test]
async fn a_log_that_does_not_answer_is_done_without() {
    let world = world(IntakeMode::Always).await;
    let service = world.service("Riverside Council").await;
    let blocker = Blocker::of(&world).await;
    let id = accepted(&world, &service).await;
    blocker.end().await;
    assert_depth(&world, 0).await;
    world.run_tasks().await;
    assert_sent_once(&world, &[id]);
}

/// Keeps the log from being written.
enum Blocker<'a> {
    Spool(SqliteConnection),
    Network(&'a BlackHole),
}

impl<'a> Blocker<'a> {
    async fn of(world: &'a World) -> Self {
        if let Some(network) = world.log_network() {
            network.vanish();
            return Self::Network(network);
        }
        let directory = world.keyring();
        let spool = directory.parent().unwrap().join("intake/intake.db");
        let address = format!("sqlite:{}", spool.display());
        let mut connection = SqliteConnection::connect(&address).await.unwrap();
        connection.execute("BEGIN IMMEDIATE").await.unwrap();
        Self::Spool(connection)
    }

    async fn end(self) {
        match self {
            Self::Spool(connection) => connection.close().await.unwrap(),
            Self::Network(network) => network.return_for_new_connections(),
        }
    }
}

#[tokio::test]
async fn a_message_too_large_for_a_group_takes_the_direct_path() {
    let world = world(IntakeMode::Always).await;
    let service = world.service("Riverside Council").await;
    let body = json!({
        "email_address": "ada@example.com", "template_id": service.email,
        "personalisation": {"name": "Ada", "day": "y".repeat(700_000)},
    });
    let large = world
        .post(&service.normal, "/v2/notifications/email", &body)
        .await;
    assert_eq!(large.status, 201);
    assert_eq!(world.status_of(&service, &id_of(&large)).await, "created");
    assert_eq!(
        world.intake().depth(domain::Channel::Email).await.unwrap(),
        0
    );
    world.run_tasks().await;
    assert_eq!(world.email.accepted().len(), 1);
}

#[tokio::test]
async fn chosen_services_and_templates_always_use_the_log() {
    let world = world(IntakeMode::Fallback).await;
    let (chosen, other) = (
        world.service("Riverside Council").await,
        world.service("Hillside Council").await,
    );
    let process = world.another_process_with(|settings| {
        settings.intake.mode = IntakeMode::Database;
        settings.intake.always_for = [chosen.id.as_uuid(), other.email.as_uuid()].into();
    });
    let client = World::client_of(&process);
    let mut texts = Vec::new();
    for service in [&chosen, &other] {
        let answer = send_by(&world, &client, service, None).await;
        texts.push(id_of(&answer));
    }
    assert_depth(&world, 1).await;
    world.save_accepted().await;
    world.run_tasks().await;
    assert_sent_once(&world, &texts);
}

/// Sends a text message to another process.
async fn send_by(
    world: &World,
    client: &TestClient,
    service: &TestService,
    once: Option<&str>,
) -> TestResponse {
    let key = &service.normal;
    let token = world.token(&key.service.to_string(), &key.secret);
    let mut headers = vec![("authorization", token.as_str())];
    headers.extend(once.map(|once| ("idempotency-key", once)));
    let body = json!({
        "phone_number": "07700900123", "template_id": service.sms,
        "personalisation": {"name": "Ada", "day": "Friday"},
    });
    client
        .request("POST", "/v2/notifications/sms", &headers, body.to_string())
        .await
}

#[tokio::test]
async fn a_repeated_request_is_told_the_first_id_while_the_database_is_away() {
    let world = world(IntakeMode::Fallback).await;
    let service = world.service("Riverside Council").await;
    let warm = accepted(&world, &service).await;
    let process = world.another_process();
    let elsewhere = World::client_of(&process);
    let other_warm = id_of(&send_by(&world, &elsewhere, &service, None).await);
    world.outage().refuse();
    let first = send_by(&world, world.client(), &service, Some("once")).await;
    assert_eq!(first.status, 201);
    let again = send_by(&world, world.client(), &service, Some("once")).await;
    assert_eq!(again.json, first.json);
    assert_eq!(again.headers["idempotent-replay"], "true");
    // Another process cannot know it; of the two the saver stores one.
    let second = send_by(&world, &elsewhere, &service, Some("once")).await;
    assert_eq!(second.status, 201);
    assert_ne!(second.json["id"], first.json["id"]);

    world.outage().end();
    world.advance(Duration::from_secs(2));
    world.save_accepted().await;
    world.run_tasks().await;
    assert_sent_once(&world, &[warm, other_warm, id_of(&first)]);
    let third = send_by(
        &world,
        &World::client_of(&world.another_process()),
        &service,
        Some("once"),
    )
    .await;
    assert_eq!(third.json, first.json, "the database has the first answer");
}

#[tokio::test]
async fn quotas_hold_on_the_log_and_exceed_by_what_other_processes_accept() {
    let world = world(IntakeMode::Fallback).await;
    let new = NewService {
        rate_limit: 100_000,
        limits: [(Allowance::Sms, 10)].into(),
        ..NewService::named("Capped")
    };
    let service = world.service_with(new).await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(accepted(&world, &service).await);
    }
    let process = world.another_process();
    let elsewhere = World::client_of(&process);
    ids.push(id_of(&send_by(&world, &elsewhere, &service, None).await));
    world.outage().refuse();
    for _ in 0..6 {
        ids.push(accepted(&world, &service).await);
    }
    let refused = send(&world, &service).await;
    assert_eq!(
        refused.status, 429,
        "this process knew of four before, and has six more"
    );
    let mut more = 0;
    loop {
        let answer = send_by(&world, &elsewhere, &service, None).await;
        if answer.status == 429 {
            break;
        }
        ids.push(id_of(&answer));
        more += 1;
    }
    assert_eq!(
        more, 5,
        "two processes exceed by at most what was left once more"
    );

    world.outage().end();
    world.advance(Duration::from_secs(2));
    world.save_accepted().await;
    let mut session = world.app.read().await.unwrap();
    let today = world.clock.now().utc_day();
    let spent = store::counters::find_spent(&mut session, service.id, Allowance::Sms, today).await;
    assert_eq!(spent.unwrap(), 16, "all that was accepted is counted");
    drop(session);
    assert_eq!(send(&world, &service).await.status, 429);
    world.run_tasks().await;
    assert_sent_once(&world, &ids);
}

#[tokio::test]
async fn a_message_is_found_right_after_it_is_accepted() {
    let world = world(IntakeMode::Always).await;
    let service = world.service("Riverside Council").await;
    let id = accepted(&world, &service).await;
    let path = format!("/v2/notifications/{id}");
    let mut get = pin!(world.get(&service.normal, &path));
    for _ in 0..200 {
        assert!(poll!(&mut get).is_pending(), "it waits for the saver");
        tokio::task::yield_now().await;
    }
    let (found, _) = join(get, world.save_accepted()).await;
    assert_eq!(found.status, 200);
    assert_eq!(found.json["status"], "created");

    let stranger = world.service("Hillside Council").await;
    assert_eq!(world.get(&stranger.normal, &path).await.status, 404);
    let never = domain::generate(world.clock.now(), world.app.random());
    let path = format!("/v2/notifications/{never}");
    assert_eq!(world.get(&service.normal, &path).await.status, 404);
    world.run_tasks().await;
}

#[tokio::test]
async fn a_revoked_key_works_until_the_database_is_back_and_no_longer() {
    let world = world(IntakeMode::Fallback).await;
    let service = world.service("Riverside Council").await;
    let process = world.another_process();
    let elsewhere = World::client_of(&process);
    let mut ids = vec![id_of(&send_by(&world, &elsewhere, &service, None).await)];
    let keys = app::manage::services::list_keys(&world.app, service.id).await;
    let keys = keys.unwrap();
    let normal = keys.iter().find(|key| key.key_type == KeyType::Normal);
    app::manage::services::revoke_key(&world.app, service.id, normal.unwrap().id)
        .await
        .unwrap();
    // This one has not looked since.
    world.outage().refuse();
    world.advance(Duration::from_secs(10));
    let answer = send_by(&world, &elsewhere, &service, None).await;
    assert_eq!(answer.status, 201);
    ids.push(id_of(&answer));
    world.advance(Duration::from_mins(31));
    let answer = send_by(&world, &elsewhere, &service, None).await;
    assert_eq!(answer.status, 503, "what is known is too old");
    world.outage().end();
    world.advance(Duration::from_secs(2));
    let answer = send_by(&world, &elsewhere, &service, None).await;
    assert_eq!(answer.status, 403);
    world.save_accepted().await;
    world.run_tasks().await;
    assert_sent_once(&world, &ids);
}

#[tokio::test]
async fn what_this_process_does_not_know_is_refused_as_temporary() {
    let world = world(IntakeMode::Fallback).await;
    let service = world.service("Riverside Council").await;
    world.outage().refuse();
    let refused = send(&world, &service).await;
    assert_eq!(refused.status, 503);
    assert_eq!(refused.headers["retry-after"], "5");
    world.outage().end();
}
