//! Erasing one recipient everywhere.

use std::sync::Arc;

use app::privacy::erasure::{Erasure, Recipient, Report};
use domain::{Clock as _, InboundSmsId, NotificationId, UnsubscribeRequestId};
use pillarbox_stories::{Behaviour, Gate, TestService, World};
use serde_json::{Value, json};
use store::{inbound_sms::InboundSms, unsubscribe_requests::UnsubscribeRequest};

pub(crate) async fn erase(world: &World, recipient: &str) -> Report {
    let recipient = Recipient::parse(recipient).unwrap();
    let mut erasure = Erasure::new(&world.app, recipient, None);
    assert!(erasure.run().await.unwrap(), "nothing has to wait");
    erasure.report().clone()
}

async fn shown(world: &World, service: &TestService, id: &str) -> Value {
    let path = format!("/v2/notifications/{id}");
    let answer = world.get(&service.normal, &path).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json
}

pub(crate) async fn text(world: &World, service: &TestService, to: &str) -> String {
    let answer = world.send_sms(service, &service.normal, to).await;
    answer.json["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn erasure_covers_sent_messages_and_cancels_waiting_ones() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let sent = text(&world, &service, "07700 900123").await;
    world.run_tasks().await;
    let waiting = text(&world, &service, "+447700900123").await;
    let others = text(&world, &service, "07700900124").await;

    let report = erase(&world, "07700900123").await;
    assert_eq!((report.notifications, report.cancelled), (2, 1));
    for (id, status) in [(&sent, "sending"), (&waiting, "cancelled")] {
        let message = shown(&world, &service, id).await;
        assert_eq!(message["status"], status);
        assert_eq!(message["phone_number"], "");
        assert!(
            !message["body"].as_str().unwrap().contains("Ada"),
            "{message}"
        );
    }
    let other = shown(&world, &service, &others).await;
    assert_eq!(other["phone_number"], "07700900124");
    let list = world.get(&service.normal, "/v2/notifications").await;
    assert_eq!(list.json["notifications"].as_array().unwrap().len(), 3);

    world.run_tasks().await;
    assert_eq!(
        world.sms.accepted().len(),
        2,
        "nothing is sent to an erased recipient"
    );
    let again = erase(&world, "07700900123").await;
    assert_eq!(again, Report::default(), "twice is harmless");
}

#[tokio::test]
async fn a_message_in_flight_is_erased_after_it_is_sent() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let id = text(&world, &service, "07700900123").await;
    let gate = Arc::new(Gate::default());
    world.sms.set_behaviour(Behaviour::WaitAt(gate.clone()));
    let recipient = Recipient::parse("07700900123").unwrap();
    let mut erasure = Erasure::new(&world.app, recipient, None);
    let meanwhile = async {
        gate.arrived.notified().await;
        assert!(!erasure.run().await.unwrap());
        assert_eq!(erasure.report().waiting, 1);
        gate.open.notify_one();
    };
    tokio::join!(world.run_tasks(), meanwhile);
    assert_eq!(world.status_of(&service, &id).await, "sending");
    assert!(erasure.run().await.unwrap());
    assert_eq!(
        (erasure.report().notifications, erasure.report().cancelled),
        (1, 0)
    );
    assert_eq!(shown(&world, &service, &id).await["phone_number"], "");
}

#[tokio::test]
async fn only_what_the_named_service_has_is_erased() {
    let world = World::new().await;
    let (service, other) = (
        world.service("Riverside Council").await,
        world.service("Other").await,
    );
    let (ours, theirs) = (
        text(&world, &service, "07700900123").await,
        text(&world, &other, "07700900123").await,
    );
    world.run_tasks().await;
    let recipient = Recipient::parse("07700900123").unwrap();
    let mut erasure = Erasure::new(&world.app, recipient, Some(service.id));
    assert!(erasure.run().await.unwrap());
    assert_eq!(shown(&world, &service, &ours).await["phone_number"], "");
    assert_eq!(
        shown(&world, &other, &theirs).await["phone_number"],
        "07700900123"
    );
}

pub(crate) const PEOPLE: &str = "phone number,name,day\n07700900001,\"Ada \"\"A\"\"\",Friday\n07700900123,Grace,Friday\n\
                      07700900002,Bo,Friday\n+44 7700 900123,Grace,Monday\n";

#[tokio::test]
async fn erasure_leaves_the_counts_of_a_pending_job_consistent() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, PEOPLE).await;
    let report = erase(&world, "07700900123").await;
    assert_eq!((report.spreadsheets, report.rows), (1, 2));
    world.run_tasks().await;
    let to: Vec<_> = world
        .sms
        .accepted()
        .iter()
        .map(|one| one.content.clone())
        .collect();
    assert_eq!(to.len(), 2, "{to:?}");
    assert!(to.iter().any(|text| text.contains("Ada \"A\"")), "{to:?}");
    let status = world.job_status(service.id, &job).await;
    assert_eq!(status["job_status"], "finished", "{status}");
    let failed = json!({"status": "validation-failed", "count": 2});
    assert!(
        status["statistics"].as_array().unwrap().contains(&failed),
        "{status}"
    );
    assert_eq!(erase(&world, "07700900123").await, Report::default());
}

#[tokio::test]
async fn the_rows_of_a_finished_job_and_of_a_contact_list_are_overwritten() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let path = format!("/service/{}/contact-list?template_type=sms", service.id);
    let list = world.internal_request("POST", &path, PEOPLE).await;
    assert_eq!(list.status, 201, "{}", list.text);
    world.job(service.id, service.sms, PEOPLE).await;
    world.run_tasks().await;
    let report = erase(&world, "07700900123").await;
    let found = (
        report.spreadsheets,
        report.contact_lists,
        report.rows,
        report.notifications,
    );
    assert_eq!(found, (1, 1, 4, 2));
    assert_eq!(erase(&world, "07700900123").await, Report::default());

    let list = list.data()["id"].as_str().unwrap();
    let path = format!(
        "/service/{}/spreadsheet?template_id={}&contact_list_id={list}",
        service.id, service.sms
    );
    let copy = world.internal_request("POST", &path, "").await;
    assert_eq!(copy.data()["notification_count"], 4, "{}", copy.text);
    assert_eq!(copy.data()["valid"], false);
    assert_eq!(copy.data()["errors"][0]["spreadsheet_row_number"], 3);
}

#[tokio::test]
async fn erasure_covers_inbound_sms_unsubscribe_requests_and_guests() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let (now, vault) = (world.clock.now(), world.app.store().keyring());
    let received = |from: &str| InboundSms {
        id: InboundSmsId::generate(now, world.app.random()),
        service_id: service.id,
        notify_number: "07700900600".to_owned(),
        user_number: from.to_owned().into(),
        content: "Hello".to_owned().into(),
        provider: "mmg".to_owned(),
        provider_reference: None,
        provider_date: now,
        created_at: now,
    };
    let wish = UnsubscribeRequest {
        id: UnsubscribeRequestId::generate(now, world.app.random()),
        notification_id: NotificationId::generate(now, world.app.random()),
        service_id: service.id,
        template_id: service.email,
        template_version: 1,
        email_address: "ada@example.com".to_owned().into(),
        created_at: now,
        processed_at: None,
    };
    let mut tx = world.app.store().write().await.unwrap();
    for from in ["447700900123", "447700900124"] {
        let text = received(from);
        store::inbound_sms::insert(&mut tx, vault, &text)
            .await
            .unwrap();
    }
    store::unsubscribe_requests::insert(&mut tx, vault, &wish)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    for guest in ["07700 900123", "Ada@Example.com", "07700900124"] {
        app::manage::guests::add(&world.app, service.id, guest)
            .await
            .unwrap();
    }
    app::manage::services::add_member(&world.app, service.id, "Ada", "ada@example.com", None)
        .await
        .unwrap();

    let by_number = erase(&world, "07700900123").await;
    assert_eq!((by_number.received_texts, by_number.guests), (1, 1));
    let by_address = erase(&world, "ADA@example.com").await;
    let found = (
        by_address.unsubscribe_requests,
        by_address.guests,
        by_address.team_members,
    );
    assert_eq!(found, (1, 1, 1));
    let texts = world
        .get(&service.normal, "/v2/received-text-messages")
        .await;
    let texts = texts.json["received_text_messages"]
        .as_array()
        .unwrap()
        .clone();
    assert_eq!(texts.len(), 1);
}

#[tokio::test]
async fn an_erased_idempotent_response_still_prevents_a_second_send() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let body = json!({
        "phone_number": "07700900123", "template_id": service.sms,
        "personalisation": {"name": "Grace", "day": "Friday"},
    })
    .to_string();
    let ask = async || {
        let token = world.token(&service.id.to_string(), &service.normal.secret);
        let headers = [
            ("authorization", token.as_str()),
            ("idempotency-key", "k-1"),
        ];
        let path = "/v2/notifications/sms";
        world
            .request_with("POST", path, &headers, body.clone())
            .await
    };
    let first = ask().await;
    assert!(first.text.contains("Grace"), "{}", first.text);
    world.run_tasks().await;
    assert_eq!(erase(&world, "07700900123").await.answers, 1);
    let again = ask().await;
    assert_eq!(
        (again.status, &again.json["id"]),
        (first.status, &first.json["id"])
    );
    assert_eq!(again.headers["idempotent-replay"], "true");
    assert!(!again.text.contains("Grace"), "{}", again.text);
    world.run_tasks().await;
    assert_eq!(world.sms.accepted().len(), 1);
}

#[tokio::test]
async fn an_erased_guest_leaves_no_trace_in_the_sqlite_file() {
    let world = World::new().await;
    if !world.database_address().starts_with("sqlite") {
        return;
    }
    let service = world.service("Riverside Council").await;
    app::manage::guests::add(&world.app, service.id, "grace.hopper@example.com")
        .await
        .unwrap();
    let directory = world.database_file().parent().unwrap().to_owned();
    assert!(crate::encryption_at_rest::contains(
        &directory,
        "grace.hopper"
    ));
    assert_eq!(erase(&world, "grace.hopper@example.com").await.guests, 1);
    assert!(!crate::encryption_at_rest::contains(
        &directory,
        "grace.hopper"
    ));
}

#[tokio::test]
async fn an_erasure_pauses_a_running_job_and_resumes_it() {
    let world = World::with(|settings, _| settings.job_rows_at_once = 1).await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, PEOPLE).await;
    // A worker is processing the job.
    let now = world.clock.now();
    let mut tx = world.app.store().write().await.unwrap();
    let (pool, lane) = ("job-tasks", domain::Lane::Normal);
    let lease = store::tasks::Lease {
        token: service.id.as_uuid(),
        worker: service.id.as_uuid().into(),
        until: now.plus(std::time::Duration::from_mins(1)),
    };
    let whose = store::tasks::KnownService::from_the_beginning(service.id);
    let taken = store::tasks::claim(&mut tx, pool, lane, whose, &lease, now, 1)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(taken.tasks.len(), 1);

    let recipient = Recipient::parse("07700900123").unwrap();
    let mut erasure = Erasure::new(&world.app, recipient, None);
    assert!(!erasure.run().await.unwrap());
    let status = world.job_status(service.id, &job).await;
    assert_eq!(status["job_status"], "paused");
    assert!(!erasure.run().await.unwrap(), "it is still there");
    let mut tx = world.app.store().write().await.unwrap();
    assert!(
        store::tasks::complete(&mut tx, taken.tasks[0].id, lease.token)
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();
    assert!(erasure.run().await.unwrap());
    assert_eq!(
        (erasure.report().spreadsheets, erasure.report().rows),
        (1, 2)
    );
    world.run_tasks().await;
    assert_eq!(
        world.job_status(service.id, &job).await["job_status"],
        "finished"
    );
    assert_eq!(world.sms.accepted().len(), 2);
}
