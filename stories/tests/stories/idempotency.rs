//! A request with an `Idempotency-Key` sends one message, however often and to whichever process it is repeated, and
//! each repetition gets the first response.

use std::{pin::pin, time::Duration};

use app::manage::services::NewService;
use domain::{Allowance, Clock as _};
use futures::future::{join_all, select};
use pillarbox_stories::{Key, TestClient, TestResponse, TestService, World};
use serde_json::{Value, json};

/// Sends an SMS with an idempotency key.
async fn send(
    world: &World,
    client: &TestClient,
    service: &TestService,
    key: &Key,
    to: &str,
    once: &str,
) -> TestResponse {
    let token = world.token(&key.service.to_string(), &key.secret);
    let body = json!({
        "phone_number": to,
        "template_id": service.sms,
        "personalisation": {"name": "Ada", "day": "Friday"},
    });
    let headers = [("authorization", token.as_str()), ("idempotency-key", once)];
    client
        .request("POST", "/v2/notifications/sms", &headers, body.to_string())
        .await
}

fn is_replay(answer: &TestResponse) -> bool {
    answer
        .headers
        .get("idempotent-replay")
        .is_some_and(|value| value == "true")
}

fn class(answer: &TestResponse) -> &Value {
    &answer.json["errors"][0]["error"]
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_response_and_sends_once() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let ask = async |to: &str, once: &str| {
        send(&world, world.client(), &service, &service.normal, to, once).await
    };
    let first = ask("07700900123", "a").await;
    assert_eq!((first.status.as_u16(), is_replay(&first)), (201, false));
    for _ in 0..3 {
        let again = ask("07700900123", "a").await;
        assert_eq!((again.status.as_u16(), is_replay(&again)), (201, true));
        assert_eq!(again.json, first.json);
    }
    let other = ask("07700900123", "b").await;
    assert_ne!(
        other.json["id"], first.json["id"],
        "another key, another message"
    );

    let mismatch = ask("07700900124", "a").await;
    assert_eq!(mismatch.status, 422);
    assert_eq!(class(&mismatch), "IdempotencyError");

    let email = json!({
        "email_address": "ada@example.com",
        "template_id": service.email,
        "personalisation": {"name": "Ada", "day": "Friday"},
    });
    let token = world.token(&service.id.to_string(), &service.normal.secret);
    let headers = [("authorization", token.as_str()), ("idempotency-key", "e")];
    let post = async || {
        let path = "/v2/notifications/email";
        world
            .client()
            .request("POST", path, &headers, email.to_string())
            .await
    };
    let (first, again) = (post().await, post().await);
    assert_eq!((again.status.as_u16(), is_replay(&again)), (201, true));
    assert_eq!(again.json, first.json);
    world.run_tasks().await;
    assert_eq!(
        (world.sms.accepted().len(), world.email.accepted().len()),
        (2, 1)
    );
}

#[tokio::test]
async fn concurrent_duplicates_in_two_processes_send_once() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let other = world.another_client();
    let rounds = 12;
    for round in 0..rounds {
        let once = format!("round {round}");
        let asks = [world.client(), &other].map(|client| {
            send(
                &world,
                client,
                &service,
                &service.normal,
                "07700900123",
                &once,
            )
        });
        let answers = join_all(asks).await;
        assert!(
            answers.iter().all(|answer| answer.status == 201),
            "{answers:?}"
        );
        assert_eq!(answers[0].json, answers[1].json);
        assert_eq!(answers.iter().filter(|answer| is_replay(answer)).count(), 1);
    }
    world.run_tasks().await;
    assert_eq!(world.sms.accepted().len(), rounds);
}

#[tokio::test]
async fn a_disconnected_caller_can_repeat_the_request() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let moments = 60;
    for moment in 0..moments {
        let once = format!("moment {moment}");
        let ask = || {
            send(
                &world,
                world.client(),
                &service,
                &service.normal,
                "07700900123",
                &once,
            )
        };
        {
            let mut first = pin!(ask());
            for _ in 0..moment {
                if futures::poll!(first.as_mut()).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        let again = ask().await;
        assert_eq!(again.status, 201, "moment {moment}: {}", again.json);
        assert_eq!(ask().await.json, again.json);
    }
    world.run_tasks().await;
    assert_eq!(world.sms.accepted().len(), moments);
}

#[tokio::test]
async fn a_duplicate_of_a_request_in_progress_gets_409() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    // A request that spends today's quota waits for this transaction, and so does the commit.
    let today = world.clock.now().utc_day();
    let mut tx = world.app.store().write().await.unwrap();
    store::counters::spend(&mut tx, service.id, Allowance::Sms, today, 1, 100)
        .await
        .unwrap();
    let ask = || {
        send(
            &world,
            world.client(),
            &service,
            &service.normal,
            "07700900123",
            "a",
        )
    };
    let (early, rest) = select(Box::pin(ask()), Box::pin(ask()))
        .await
        .factor_first();
    assert_eq!(
        (early.status.as_u16(), &early.headers["retry-after"]),
        (409, &"1".parse().unwrap())
    );
    assert_eq!(class(&early), "IdempotencyError");
    drop(tx);
    let done = rest.await;
    assert_eq!((done.status.as_u16(), is_replay(&done)), (201, false));
    let again = ask().await;
    assert_eq!((is_replay(&again), &again.json), (true, &done.json));
    world.run_tasks().await;
    assert_eq!(world.sms.accepted().len(), 1);
}

#[tokio::test]
async fn after_a_restart_the_first_answer_is_still_given() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let first = send(
        &world,
        world.client(),
        &service,
        &service.normal,
        "07700900123",
        "a",
    )
    .await;
    // This one is stored, and its response is never received.
    let once = "b";
    {
        let unheard = send(
            &world,
            world.client(),
            &service,
            &service.normal,
            "07700900124",
            once,
        );
        let mut unheard = pin!(unheard);
        let is_kept = async || {
            let listed = world.get(&service.normal, "/v2/notifications").await;
            listed.json["notifications"].as_array().unwrap().len() == 2
        };
        while !is_kept().await {
            // Polled until the message is in the database, and not further.
            assert!(futures::poll!(unheard.as_mut()).is_pending());
            tokio::task::yield_now().await;
        }
    }
    let world = world.restarted().await;
    let again = send(
        &world,
        world.client(),
        &service,
        &service.normal,
        "07700900123",
        "a",
    )
    .await;
    assert_eq!((is_replay(&again), &again.json), (true, &first.json));
    let heard = send(
        &world,
        world.client(),
        &service,
        &service.normal,
        "07700900124",
        once,
    )
    .await;
    assert_eq!((heard.status.as_u16(), is_replay(&heard)), (201, true));
    world.run_tasks().await;
    assert_eq!(world.sms.accepted().len(), 2);
}

#[tokio::test]
async fn an_idempotency_key_expires_after_a_day() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let ask = async |once: &str| {
        let key = &service.normal;
        send(&world, world.client(), &service, key, "07700900123", once).await
    };
    let first = ask("a").await;
    ask("b").await;
    world.advance(Duration::from_hours(24) - Duration::from_mins(1));
    world.run_schedule().await;
    assert!(is_replay(&ask("a").await), "a minute before");
    world.advance(Duration::from_mins(2));
    let anew = ask("a").await;
    assert!(!is_replay(&anew) && anew.status == 201);
    assert_ne!(anew.json["id"], first.json["id"]);
    assert_eq!(ask("a").await.json, anew.json, "and remembered anew");
    world.advance(Duration::from_mins(14));
    world.run_schedule().await;
    let mut tx = world.app.store().write().await.unwrap();
    let left = store::idempotency_keys::delete_expired(&mut tx, world.clock.now(), 1000).await;
    assert_eq!(left.unwrap(), 1, "`b` is gone, `a` is not");
    drop(tx);
    world.run_tasks().await;
    assert_eq!(world.sms.accepted().len(), 3);
}

#[tokio::test]
async fn an_idempotency_key_belongs_to_one_service_and_key_type() {
    let world = World::new().await;
    let (ours, theirs) = (world.service("Ours").await, world.service("Theirs").await);
    let mut ids = Vec::new();
    for (service, key) in [
        (&ours, &ours.normal),
        (&theirs, &theirs.normal),
        (&ours, &ours.test),
    ] {
        let answer = send(&world, world.client(), service, key, "07700900123", "a").await;
        assert_eq!((answer.status.as_u16(), is_replay(&answer)), (201, false));
        ids.push(answer.json["id"].clone());
    }
    assert!(ids[0] != ids[1] && ids[0] != ids[2]);
    world.run_tasks().await;
    assert_eq!(world.sms.accepted().len(), 2, "the test key sends nothing");
}

#[tokio::test]
async fn a_refused_request_can_be_corrected_under_its_key() {
    let world = World::new().await;
    let new = NewService {
        rate_limit: 100_000,
        limits: [(Allowance::Sms, 1)].into(),
        ..NewService::named("Capped")
    };
    let service = world.service_with(new).await;
    let ask = async |to: &str, once: &str| {
        send(&world, world.client(), &service, &service.normal, to, once).await
    };
    assert_eq!(ask("0770", "a").await.status, 400);
    let good = ask("07700900123", "a").await;
    assert_eq!((good.status.as_u16(), is_replay(&good)), (201, false));
    world.advance(Duration::from_secs(2));
    let over = ask("07700900124", "b").await;
    assert_eq!(over.status, 429);
    let last = ask("07700900123", "a").await;
    assert_eq!(
        last.json, good.json,
        "the last of the day is still answered"
    );
    world.advance(Duration::from_hours(16));
    let tomorrow = ask("07700900125", "b").await;
    assert_eq!(
        (tomorrow.status.as_u16(), is_replay(&tomorrow)),
        (201, false)
    );
    world.run_tasks().await;
}

#[tokio::test]
async fn requests_refused_by_the_quota_keep_no_idempotency_key() {
    let world = World::new().await;
    let new = NewService {
        rate_limit: 100_000,
        limits: [(Allowance::Sms, 10)].into(),
        ..NewService::named("Capped")
    };
    let service = world.service_with(new).await;
    let (first, second) = (world.client(), &world.another_client());
    let all = async || {
        let asks = (0..60).map(|number| {
            let (world, service) = (&world, &service);
            async move {
                let client = if number % 2 == 0 { first } else { second };
                // Each key is used twice, from two processes.
                let once = format!("{}", number / 2);
                send(
                    world,
                    client,
                    service,
                    &service.normal,
                    "07700900123",
                    &once,
                )
                .await
            }
        });
        join_all(asks).await
    };
    let is_new = |answer: &&TestResponse| answer.status == 201 && !is_replay(answer);
    assert_eq!(all().await.iter().filter(is_new).count(), 10);
    world.advance(Duration::from_hours(16));
    assert_eq!(all().await.iter().filter(is_new).count(), 10, "tomorrow");
    world.run_tasks().await;
    assert_eq!(world.sms.accepted().len(), 20);
}

#[tokio::test]
async fn simulated_recipients_are_answered_once_too() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let ask = || {
        send(
            &world,
            world.client(),
            &service,
            &service.normal,
            "07700900000",
            "a",
        )
    };
    let (first, again) = (ask().await, ask().await);
    assert_eq!((first.status.as_u16(), is_replay(&first)), (201, false));
    assert_eq!((is_replay(&again), &again.json), (true, &first.json));
}

#[tokio::test]
async fn an_invalid_idempotency_key_is_refused() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let too_long = "k".repeat(256);
    for once in ["", "a\tb", too_long.as_str()] {
        let key = &service.normal;
        let refused = send(&world, world.client(), &service, key, "07700900123", once).await;
        assert_eq!(refused.status, 400);
        assert!(
            refused.message().starts_with("Idempotency-Key must be"),
            "{}",
            refused.json
        );
    }
    let plain = world
        .send_sms(&service, &service.normal, "07700900123")
        .await;
    assert!(plain.headers.get("idempotent-replay").is_none());
    world.run_tasks().await;
}
