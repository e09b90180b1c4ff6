//! Poison messages: a message on which the program fails becomes a dead letter that names it, and the others of its
//! batch are sent. If a provider may have it, it is not sent again until an operator says so.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc, time::Duration};

use domain::{Lane, NotificationStatus, TaskId};
use pillarbox_stories::{Behaviour, FakeFileService, FakeScanner, PanicPoint, TestService, World};
use queue::Enqueue as _;
use serde_json::{Value, json};

use crate::{files, letter_delivery, storage_outages::run};

const PANIC_RECIPIENT: &str = "447700910005";

async fn world() -> World {
    let mut world = World::new().await;
    world.expect_dead_letters();
    world
}

/// Sends `count` texts at once, so that they share a task; returns their ids by recipient.
async fn sent(world: &World, service: &TestService, count: usize) -> BTreeMap<String, String> {
    let sends = (0..count).map(|number| async move {
        let to = format!("0770091{number:04}");
        let answer = world.send_sms(service, &service.normal, &to).await;
        let id = answer.json["id"].as_str().unwrap().to_owned();
        (format!("44{}", &to[1..]), id)
    });
    futures::future::join_all(sends).await.into_iter().collect()
}

/// Returns the dead letters with their details.
async fn dead(world: &World) -> Vec<Value> {
    let listed = world.internal_request("GET", "/queue/dead", "").await;
    let mut all = Vec::new();
    for one in listed.data().as_array().unwrap() {
        let path = format!("/queue/dead/{}", one["id"].as_str().unwrap());
        all.push(
            world
                .internal_request("GET", &path, "")
                .await
                .data()
                .clone(),
        );
    }
    all
}

async fn the_only_dead_letter(world: &World) -> Value {
    let mut dead = dead(world).await;
    assert_eq!(dead.len(), 1, "{dead:?}");
    dead.remove(0)
}

async fn replay(world: &World, dead: &Value) {
    let path = format!("/queue/dead/{}/replay", dead["id"].as_str().unwrap());
    assert!(
        world
            .internal_request("POST", &path, "")
            .await
            .status
            .is_success()
    );
    world.run_tasks().await;
}

/// Enqueues another task for this message, as a duplicate or late one would be.
async fn name_again(world: &World, service: &TestService, kind: &'static str, id: &str) {
    let now = domain::Clock::now(&*world.clock);
    let task = queue::NewTask {
        id: TaskId::generate(now, world.app.random()),
        pool: if kind == "deliver_sms.v1" {
            "send-sms-tasks"
        } else {
            "send-email-tasks"
        },
        lane: Lane::Normal,
        service_id: service.id,
        kind,
        payload: json!({"ids": [id]}).to_string(),
        subjects: None,
        attempt: 0,
        ready_at: now,
        created_at: now,
    };
    let mut tx = world.app.store().write().await.unwrap();
    tx.enqueue(vec![task]).await.unwrap();
    tx.commit().await.unwrap();
    world.run_tasks().await;
}

/// Longer than a text message waits for its receipt after its process has died.
const PAST_THE_RECEIPT: Duration = Duration::from_secs(301);

#[tokio::test]
async fn a_message_that_panics_leaves_its_batch() {
    let world = world().await;
    let service = world.service("Riverside Council").await;
    world
        .sms
        .panic_on(PANIC_RECIPIENT, PanicPoint::BeforeSending);
    let ids = sent(&world, &service, 30).await;
    world.run_tasks().await;
    for (to, id) in &ids {
        let expected = if to == PANIC_RECIPIENT {
            "created"
        } else {
            "sending"
        };
        assert_eq!(world.status_of(&service, id).await, expected, "{to}");
    }
    assert_eq!(world.sms.accepted().len(), 29);
    let letter = the_only_dead_letter(&world).await;
    assert_eq!(letter["payload"], json!({"ids": [ids[PANIC_RECIPIENT]]}));
    let why = letter["why"].as_str().unwrap();
    assert!(
        why.contains(&ids[PANIC_RECIPIENT]),
        "it names the message: {why}"
    );
    assert!(
        !why.contains(PANIC_RECIPIENT),
        "it does not name the recipient: {why}"
    );

    world.sms.reset_behaviour();
    replay(&world, &letter).await;
    assert_eq!(
        world.status_of(&service, &ids[PANIC_RECIPIENT]).await,
        "sending"
    );
    assert_eq!(world.sms.accepted().len(), 30, "each was handed over once");
    assert_eq!(dead(&world).await.len(), 0);
}

#[tokio::test]
async fn a_replay_that_fails_again_is_still_one_dead_letter() {
    let world = world().await;
    let service = world.service("Riverside Council").await;
    world
        .sms
        .panic_on(PANIC_RECIPIENT, PanicPoint::BeforeSending);
    let ids = sent(&world, &service, 10).await;
    world.run_tasks().await;
    let first = the_only_dead_letter(&world).await;
    for _ in 0..3 {
        replay(&world, &first).await;
        let again = the_only_dead_letter(&world).await;
        assert_eq!(
            (&again["id"], &again["payload"]),
            (&first["id"], &first["payload"])
        );
    }
    assert_eq!(
        world.status_of(&service, &ids[PANIC_RECIPIENT]).await,
        "created"
    );
}

#[tokio::test]
async fn a_message_the_provider_may_have_is_resent_only_by_an_operator() {
    let world = world().await;
    let service = world.service("Riverside Council").await;
    world
        .email
        .panic_on("ada@example.com", PanicPoint::AfterSending);
    let answer = world
        .send_email(&service, &service.normal, "ada@example.com")
        .await;
    let id = answer.json["id"].as_str().unwrap().to_owned();
    world.run_tasks().await;
    assert_eq!(world.status_of(&service, &id).await, "created");
    let letter = the_only_dead_letter(&world).await;
    assert!(
        letter["why"]
            .as_str()
            .unwrap()
            .contains("the provider may have it"),
        "{letter}"
    );

    // Neither by the audit of waiting notifications, nor by another task.
    world.email.reset_behaviour();
    for _ in 0..8 {
        world.advance(Duration::from_mins(30));
        world.run_schedule().await;
    }
    name_again(&world, &service, "deliver_email.v1", &id).await;
    assert_eq!(world.email.accepted().len(), 1);

    replay(&world, &letter).await;
    assert_eq!(world.email.accepted().len(), 2);
    assert_eq!(world.status_of(&service, &id).await, "sending");
}

#[tokio::test]
async fn a_replay_after_a_receipt_sends_nothing() {
    let world = world().await;
    let service = world.service("Riverside Council").await;
    world
        .sms
        .panic_on(PANIC_RECIPIENT, PanicPoint::AfterSending);
    let ids = sent(&world, &service, 6).await;
    world.run_tasks().await;
    let letter = the_only_dead_letter(&world).await;
    let receipt = format!("reference={}&status=0", ids[PANIC_RECIPIENT]);
    let heard = world
        .request("POST", "/notifications/sms/firetext", None, receipt)
        .await;
    assert_eq!(heard.status, 200);
    world.run_tasks().await;
    assert_eq!(
        world.status_of(&service, &ids[PANIC_RECIPIENT]).await,
        "delivered"
    );
    world.sms.reset_behaviour();
    replay(&world, &letter).await;
    assert_eq!(world.sms.accepted().len(), 6, "each was handed over once");
    assert_eq!(
        world.status_of(&service, &ids[PANIC_RECIPIENT]).await,
        "delivered"
    );
}

#[tokio::test]
async fn a_worker_that_dies_after_isolating_a_poison_message_sends_nothing_twice() {
    // Whichever message comes last, one of these two comes before it.
    const PANIC_RECIPIENT: [&str; 2] = ["447700910001", "447700910002"];
    let world = Arc::new(world().await);
    let service = world.service("Riverside Council").await;
    let ids = sent(&world, &service, 6).await;
    let gate = Arc::default();
    // The last one waits while all the others are accepted.
    let moods = (0..6).map(|place| match place {
        5 => Behaviour::WaitAt(Arc::clone(&gate)),
        _ => Behaviour::Accept,
    });
    world.sms.queue_behaviours(moods);
    for to in PANIC_RECIPIENT {
        world.sms.panic_on(to, PanicPoint::AfterSending);
    }
    let handed_to = |to: &str| {
        let taken = world.sms.accepted();
        taken.iter().filter(|sms| sms.to == to).count()
    };
    let slow = tokio::spawn({
        let world = world.clone();
        async move { world.run_tasks().await }
    });
    gate.arrived.notified().await;
    let early: usize = PANIC_RECIPIENT.into_iter().map(handed_to).sum();
    while dead(&world).await.len() < early {
        tokio::task::yield_now().await;
    }
    slow.abort();
    assert!(slow.await.is_err(), "the worker died");
    world.advance(Duration::from_secs(31));
    world.run_tasks().await;
    world.advance(PAST_THE_RECEIPT);
    world.run_tasks().await;
    assert_eq!(PANIC_RECIPIENT.map(handed_to), [1, 1]);
    assert_eq!(dead(&world).await.len(), 2);
    for (to, id) in &ids {
        let is_dreaded = PANIC_RECIPIENT.contains(&to.as_str());
        let expected = if is_dreaded { "created" } else { "sending" };
        assert_eq!(world.status_of(&service, id).await, expected, "{to}");
    }
    drop(Arc::into_inner(world).expect("no request holds the world any more"));
}

#[tokio::test]
async fn a_poison_message_is_isolated_once_after_a_lost_lease() {
    let world = Arc::new(world().await);
    let service = world.service("Riverside Council").await;
    world.sms.panic_on("447700910000", PanicPoint::AfterSending);
    let ids = sent(&world, &service, 1).await;
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
    world.advance(PAST_THE_RECEIPT);
    runner.drain(app::tasks::POOLS).await;
    gate.open.notify_one();
    slow.await.unwrap();
    let letter = the_only_dead_letter(&world).await;
    assert_eq!(letter["payload"], json!({"ids": [ids["447700910000"]]}));
    drop(Arc::into_inner(world).expect("no request holds the world any more"));
}

#[tokio::test]
async fn a_letter_whose_scan_panics_is_a_dead_letter_that_was_not_sent() {
    let world = world().await;
    let service = letter_delivery::service(&world).await;
    let post = async |note: &str| {
        letter_delivery::post_pdf(&world, &service.normal, &letter_delivery::pdf(1, note)).await
    };
    let good = [post("one").await, post("two").await];
    let bad = post(FakeScanner::PANIC).await;
    world.print_letters().await;
    for id in good {
        let letter = letter_delivery::kept(&world, &service, id).await;
        assert_eq!(letter.status, NotificationStatus::Sending);
    }
    let letter = letter_delivery::kept(&world, &service, bad).await;
    assert_eq!(letter.status, NotificationStatus::PendingVirusCheck);
    let dead = the_only_dead_letter(&world).await;
    assert!(
        dead["why"]
            .as_str()
            .unwrap()
            .contains("was not handed over"),
        "{dead}"
    );
}

#[tokio::test]
async fn an_unreadable_message_leaves_its_batch() {
    let world = world().await;
    let service = world.service("Riverside Council").await;
    let ids = sent(&world, &service, 12).await;
    damage(&world, "key_type", "from-the-future", &ids[PANIC_RECIPIENT]).await;
    world.run_tasks().await;
    assert_eq!(world.sms.accepted().len(), 11);
    let letter = the_only_dead_letter(&world).await;
    assert_eq!(letter["payload"], json!({"ids": [ids[PANIC_RECIPIENT]]}));
    let why = letter["why"].as_str().unwrap();
    assert!(why.contains("notifications.key_type"), "{why}");

    damage(&world, "key_type", "normal", &ids[PANIC_RECIPIENT]).await;
    replay(&world, &letter).await;
    assert_eq!(world.sms.accepted().len(), 12);
}

/// Writes data as an older or newer version might have left it.
async fn damage(world: &World, column: &str, holds: &str, id: &str) {
    let id = if world.database_address().starts_with("sqlite") {
        format!("x'{}'", id.replace('-', ""))
    } else {
        format!("'{id}'")
    };
    let change = format!("UPDATE notifications SET {column} = '{holds}' WHERE id = {id}");
    run(world, change).await;
}

#[tokio::test]
async fn a_receipt_for_an_unreadable_message_does_not_block_others() {
    let world = world().await;
    let service = world.service("Riverside Council").await;
    let ids = sent(&world, &service, 8).await;
    world.run_tasks().await;
    damage(&world, "key_type", "from-the-future", &ids[PANIC_RECIPIENT]).await;
    let hear = ids.values().map(|id| {
        let receipt = format!("reference={id}&status=0");
        world.request("POST", "/notifications/sms/firetext", None, receipt)
    });
    futures::future::join_all(hear).await;
    world.run_tasks().await;
    for id in ids.values().filter(|id| **id != ids[PANIC_RECIPIENT]) {
        assert_eq!(world.status_of(&service, id).await, "delivered");
    }
    let letter = the_only_dead_letter(&world).await;
    assert_eq!(letter["kind"], "process-sms-client-response.v1");
    assert!(
        letter["why"]
            .as_str()
            .unwrap()
            .contains(&ids[PANIC_RECIPIENT]),
        "{letter}"
    );

    damage(&world, "key_type", "normal", &ids[PANIC_RECIPIENT]).await;
    replay(&world, &letter).await;
    assert_eq!(
        world.status_of(&service, &ids[PANIC_RECIPIENT]).await,
        "delivered"
    );
}

#[tokio::test]
async fn a_simulated_receipt_for_an_unreadable_message_does_not_block_others() {
    let world = world().await;
    let service = world.service("Riverside Council").await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let answer = world.send_sms(&service, &service.test, "07700900123").await;
        ids.push(answer.json["id"].as_str().unwrap().to_owned());
    }
    damage(&world, "key_type", "from-the-future", &ids[1]).await;
    world.run_tasks().await;
    for id in [&ids[0], &ids[2]] {
        assert_eq!(world.status_of(&service, id).await, "delivered");
    }
    let dead = dead(&world).await;
    assert!(!dead.is_empty());
    for letter in dead {
        assert!(
            letter["why"].as_str().unwrap().contains(&ids[1]),
            "{letter}"
        );
    }
}

#[tokio::test]
async fn a_job_that_panics_stops_until_the_fault_is_fixed() {
    let elsewhere = Arc::new(FakeFileService::with_link("https://files.example/d/1"));
    let file_service = elsewhere.clone();
    let mut world = World::with(|_, providers| providers.file_service = Some(file_service)).await;
    world.expect_dead_letters();
    let mut service = files::service(&world).await;
    service.email = files::template(&world, &service, "((name)): ((Guide.pdf))").await;
    let path = format!("/service/{}/template/{}/file", service.id, service.email);
    let guide = format!("{path}?confirm_email=false&file_name=Guide.pdf&retention_weeks=2");
    let added = world
        .internal_request("POST", &guide, files::PDF.to_vec())
        .await;
    assert_eq!(added.status, 201, "{}", added.text);
    let mut people = "email address,name\n".to_owned();
    for row in 0..5 {
        writeln!(people, "person-{row}@example.com,Person {row}").unwrap();
    }

    elsewhere.set_panics(true);
    let job = world.job(service.id, service.email, people).await;
    world.run_tasks().await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(status["job_status"], "error");
    assert!(
        status["problem"]
            .as_str()
            .unwrap()
            .contains("the program failed"),
        "{status}"
    );
    let letter = the_only_dead_letter(&world).await;
    assert!(letter["why"].as_str().unwrap().contains(&job), "{letter}");

    elsewhere.set_panics(false);
    replay(&world, &letter).await;
    let status = world.job_status(service.id, &job).await;
    assert_eq!(status["job_status"], "finished", "{status}");
    assert_eq!(world.email.accepted().len(), 5);
}

#[tokio::test]
async fn a_nul_in_a_spreadsheet_or_query_is_removed() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let file = "phone number,name,day,reference\n07700900123,A\0da,Friday,a\0b\n";
    let job = world.job(service.id, service.sms, file.to_owned()).await;
    world.run_tasks().await;
    assert_eq!(
        world.job_status(service.id, &job).await["job_status"],
        "finished"
    );
    for query in ["ab", "a%00b"] {
        let path = format!("/v2/notifications?include_jobs=true&reference={query}");
        let found = world.get(&service.normal, &path).await;
        assert_eq!(
            found.json["notifications"][0]["reference"], "ab",
            "{}",
            found.text
        );
    }
    let name = format!(
        "/service/{}/contact-list?template_type=sms&file_name=a%00b.csv",
        service.id
    );
    let kept = world
        .internal_request("POST", &name, "phone number\n07700900123\n")
        .await;
    assert!(kept.status.is_success(), "{}", kept.text);
}
