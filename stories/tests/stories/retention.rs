//! Retention (`docs/spec/workers.md` §14): by local days and service, with no personal data left.

use std::time::Duration;

use domain::{Clock as _, NotificationId, Timestamp};
use pillarbox_stories::{TestService, World};
use sqlx::Connection as _;

use crate::jobs::people;

pub(crate) fn until(world: &World, time: &str) {
    let time: Timestamp = time.parse().unwrap();
    world.advance(time.since(world.clock.now()));
}

async fn count(world: &World, table: &'static str) -> i64 {
    let (statement, address) = (
        sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}")),
        world.database_address(),
    );
    if address.starts_with("sqlite") {
        let mut connection = sqlx::SqliteConnection::connect(&address).await.unwrap();
        let row: (i64,) = sqlx::query_as(statement)
            .fetch_one(&mut connection)
            .await
            .unwrap();
        row.0
    } else {
        let mut connection = sqlx::PgConnection::connect(&address).await.unwrap();
        let row: (i64,) = sqlx::query_as(statement)
            .fetch_one(&mut connection)
            .await
            .unwrap();
        row.0
    }
}

pub(crate) async fn is_there(world: &World, service: &TestService, id: &str) -> bool {
    let path = format!("/v2/notifications/{id}");
    let status = world.get(&service.normal, &path).await.status;
    assert!([200, 404].contains(&status.as_u16()), "{status}");
    status == 200
}

pub(crate) async fn sent(
    world: &World,
    service: &TestService,
    key: &pillarbox_stories::Key,
) -> String {
    let answer = world.send_sms(service, key, "07700900123").await;
    world.run_tasks().await;
    answer.json["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn messages_are_deleted_after_seven_local_days_and_leave_history() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let (old, tested) = (
        sent(&world, &service, &service.normal).await,
        sent(&world, &service, &service.test).await,
    );
    until(&world, "2026-03-02T23:59:00Z");
    let late = sent(&world, &service, &service.normal).await;
    until(&world, "2026-03-03T00:01:00Z");
    let next_day = sent(&world, &service, &service.normal).await;

    until(&world, "2026-03-09T03:00:00Z");
    world.run_schedule().await;
    assert!(
        is_there(&world, &service, &old).await,
        "seven days are not over"
    );
    until(&world, "2026-03-10T03:00:00Z");
    world.run_schedule().await;
    for gone in [&old, &tested, &late] {
        assert!(!is_there(&world, &service, gone).await);
    }
    assert!(
        is_there(&world, &service, &next_day).await,
        "the third began after midnight"
    );
    assert_eq!(
        count(&world, "notification_history").await,
        2,
        "test keys leave nothing"
    );
    world.run_schedule().await;
    assert_eq!(
        count(&world, "notification_history").await,
        2,
        "twice is harmless"
    );
}

#[tokio::test]
async fn attempts_are_deleted_with_their_message() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    sent(&world, &service, &service.normal).await;
    until(&world, "2026-03-09T03:00:00Z");
    let later = sent(&world, &service, &service.normal).await;
    assert_eq!(count(&world, "attempts").await, 2);
    until(&world, "2026-03-10T03:00:00Z");
    world.run_schedule().await;
    assert_eq!(count(&world, "attempts").await, 1);
    assert!(is_there(&world, &service, &later).await);
}

#[tokio::test]
async fn in_summer_the_day_begins_an_hour_earlier() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    until(&world, "2026-06-01T22:59:00Z");
    let monday = sent(&world, &service, &service.normal).await;
    until(&world, "2026-06-01T23:01:00Z");
    let tuesday = sent(&world, &service, &service.normal).await;
    until(&world, "2026-06-09T03:00:00Z");
    world.run_schedule().await;
    assert!(!is_there(&world, &service, &monday).await);
    assert!(is_there(&world, &service, &tuesday).await);
}

#[tokio::test]
async fn a_service_keeps_its_messages_for_as_long_as_it_said() {
    let world = World::new().await;
    let (short, long) = (world.service("Short").await, world.service("Long").await);
    keep_for(&world, &short, 3).await;
    keep_for(&world, &long, 30).await;
    let (gone, kept) = (
        sent(&world, &short, &short.normal).await,
        sent(&world, &long, &long.normal).await,
    );
    until(&world, "2026-03-06T03:00:00Z");
    world.run_schedule().await;
    assert!(!is_there(&world, &short, &gone).await);
    until(&world, "2026-03-20T03:00:00Z");
    world.run_schedule().await;
    assert!(is_there(&world, &long, &kept).await);
    until(&world, "2026-04-02T03:00:00Z");
    world.run_schedule().await;
    assert!(!is_there(&world, &long, &kept).await);
    assert_eq!(count(&world, "notification_history").await, 2);
}

/// Sets the retention of texts directly in the database.
pub(crate) async fn keep_for(world: &World, service: &TestService, days: i64) {
    let address = world.database_address();
    let statement = "INSERT INTO data_retention (id, service_id, notification_type, days_of_retention, created_at) \
                     SELECT id, id, 'sms', $2, created_at FROM services WHERE id = $1";
    if address.starts_with("sqlite") {
        let mut connection = sqlx::SqliteConnection::connect(&address).await.unwrap();
        let query = sqlx::query(statement).bind(service.id.as_uuid()).bind(days);
        query.execute(&mut connection).await.unwrap();
    } else {
        let mut connection = sqlx::PgConnection::connect(&address).await.unwrap();
        let query = sqlx::query(statement).bind(service.id.as_uuid()).bind(days);
        query.execute(&mut connection).await.unwrap();
    }
}

#[tokio::test]
async fn more_messages_than_one_transaction_are_all_deleted() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    world.job(service.id, service.sms, people(4500)).await;
    world.run_tasks().await;
    let other = world.service("Other").await;
    let kept = sent(&world, &other, &other.normal).await;
    keep_for(&world, &other, 90).await;
    until(&world, "2026-03-10T03:00:00Z");
    world.run_schedule().await;
    assert_eq!(count(&world, "notifications").await, 1);
    assert!(is_there(&world, &other, &kept).await);
    assert_eq!(count(&world, "notification_history").await, 4500);
}

#[tokio::test]
async fn the_files_of_old_jobs_and_of_unused_uploads_are_removed() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(3)).await;
    let unused = world
        .upload(service.id, service.sms, "people.csv", people(2))
        .await;
    world.run_tasks().await;
    let folder = world
        .files()
        .join(format!("spreadsheets/service-{}-notify", service.id));
    let files = || std::fs::read_dir(&folder).unwrap().count();
    assert_eq!((unused.status.as_u16(), files()), (201, 2));
    // A process was killed while it wrote another file.
    let since_1970 = Duration::from_secs(world.clock.now().unix_seconds().unsigned_abs());
    let draft = std::fs::File::create(folder.join(format!("{}.csv#1", service.id))).unwrap();
    draft
        .set_modified(std::time::UNIX_EPOCH + since_1970)
        .unwrap();
    until(&world, "2026-03-03T04:00:00Z");
    world.run_schedule().await;
    assert_eq!(files(), 3, "the upload may still be running");
    until(&world, "2026-03-09T04:00:00Z");
    world.run_schedule().await;
    assert_eq!(files(), 2, "a week is not over for what was finished");
    until(&world, "2026-03-10T04:00:00Z");
    world.run_schedule().await;
    assert_eq!(files(), 0);
    assert_eq!(world.job_status(service.id, &job).await["archived"], true);
    world.run_schedule().await;
}

#[tokio::test]
async fn imported_ids_are_deleted_by_retention_too() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let id = sent(&world, &service, &service.normal).await;
    let foreign: NotificationId = "99999999-0000-4000-8000-000000000001".parse().unwrap();
    rename(&world, id.parse().unwrap(), foreign).await;
    until(&world, "2026-03-10T03:00:00Z");
    world.run_schedule().await;
    assert_eq!(count(&world, "notifications").await, 0);
    assert_eq!(count(&world, "notification_history").await, 1);
    world.advance(Duration::from_secs(1));
}

async fn rename(world: &World, from: NotificationId, to: NotificationId) {
    let (statement, address) = (
        "UPDATE notifications SET id = $2 WHERE id = $1",
        world.database_address(),
    );
    if address.starts_with("sqlite") {
        let mut connection = sqlx::SqliteConnection::connect(&address).await.unwrap();
        let query = sqlx::query(statement)
            .bind(from.as_uuid())
            .bind(to.as_uuid());
        query.execute(&mut connection).await.unwrap();
    } else {
        let mut connection = sqlx::PgConnection::connect(&address).await.unwrap();
        let query = sqlx::query(statement)
            .bind(from.as_uuid())
            .bind(to.as_uuid());
        query.execute(&mut connection).await.unwrap();
    }
}

#[tokio::test]
async fn inbound_sms_and_unsubscribe_requests_become_history() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let (now, vault) = (world.clock.now(), world.app.store().keyring());
    let text = store::inbound_sms::InboundSms {
        id: domain::InboundSmsId::generate(now, world.app.random()),
        service_id: service.id,
        notify_number: "07700900600".to_owned(),
        user_number: "447700900911".to_owned().into(),
        content: "Hello".to_owned().into(),
        provider: "mmg".to_owned(),
        provider_reference: Some("m-1".to_owned()),
        provider_date: now,
        created_at: now,
    };
    let wish = |notification_id| store::unsubscribe_requests::UnsubscribeRequest {
        id: domain::UnsubscribeRequestId::generate(now, world.app.random()),
        notification_id,
        service_id: service.id,
        template_id: service.email,
        template_version: 1,
        email_address: "ada@example.com".to_owned().into(),
        created_at: now,
        processed_at: None,
    };
    let [reported, open] = [0, 1].map(|_| wish(NotificationId::generate(now, world.app.random())));
    let mut tx = world.app.store().write().await.unwrap();
    store::inbound_sms::insert(&mut tx, vault, &text)
        .await
        .unwrap();
    store::unsubscribe_requests::insert(&mut tx, vault, &reported)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    app::receipts::unsubscribe::create_report(&world.app, service.id)
        .await
        .unwrap();
    let mut tx = world.app.store().write().await.unwrap();
    store::unsubscribe_requests::insert(&mut tx, vault, &open)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    keep_for(&world, &service, 30).await;

    for (time, texts, history, wishes) in [
        ("2026-03-09T00:05:00Z", 1, 0, 2),
        ("2026-03-09T01:40:00Z", 1, 0, 2),
        ("2026-03-10T00:05:00Z", 1, 0, 1),
        // Without a number the service's own retention of texts does not count.
        ("2026-03-10T01:40:00Z", 0, 1, 1),
        ("2026-05-31T00:05:00Z", 0, 1, 1),
        ("2026-06-01T00:05:00Z", 0, 1, 0),
    ] {
        until(&world, time);
        world.run_schedule().await;
        world.run_schedule().await;
        let found = (
            count(&world, "inbound_sms").await,
            count(&world, "inbound_sms_history").await,
            count(&world, "unsubscribe_requests").await,
        );
        let archived = count(&world, "unsubscribe_request_history").await;
        assert_eq!(archived, 2 - wishes, "{time}");
        assert_eq!(found, (texts, history, wishes), "{time}");
    }
}

#[tokio::test]
async fn the_file_of_a_job_goes_when_its_messages_do() {
    let world = World::new().await;
    let (short, long) = (world.service("Short").await, world.service("Long").await);
    keep_for(&world, &short, 3).await;
    keep_for(&world, &long, 30).await;
    let mails = "email address,name,day\nada@example.com,Ada,Friday\n";
    let jobs = [
        (short.id, world.job(short.id, short.sms, people(2)).await),
        (short.id, world.job(short.id, short.email, mails).await),
        (long.id, world.job(long.id, long.sms, people(2)).await),
    ];
    world.run_tasks().await;
    for (time, archived) in [
        ("2026-03-05T04:00:00Z", [false, false, false]),
        ("2026-03-06T04:00:00Z", [true, false, false]),
        ("2026-03-09T04:00:00Z", [true, false, false]),
        ("2026-03-10T04:00:00Z", [true, true, false]),
        ("2026-04-01T04:00:00Z", [true, true, false]),
        ("2026-04-02T04:00:00Z", [true, true, true]),
    ] {
        until(&world, time);
        world.run_schedule().await;
        for ((service, job), is_archived) in jobs.iter().zip(archived) {
            let folder = format!("spreadsheets/service-{service}-notify/{job}.csv");
            assert_eq!(world.files().join(folder).exists(), !is_archived, "{time}");
            assert_eq!(
                world.job_status(*service, job).await["archived"],
                is_archived
            );
        }
    }
}

#[tokio::test]
async fn a_job_keeps_its_statistics_after_retention() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let job = world.job(service.id, service.sms, people(30)).await;
    world.run_tasks().await;
    let before = world.job_status(service.id, &job).await["statistics"].clone();
    assert_eq!(
        before,
        serde_json::json!([{"status": "sending", "count": 30}])
    );
    until(&world, "2026-03-10T03:00:00Z");
    world.run_schedule().await;
    assert_eq!(count(&world, "notifications").await, 0);
    assert_eq!(
        world.job_status(service.id, &job).await["statistics"],
        before
    );
    let listed = world
        .internal_request("GET", &format!("/service/{}/job", service.id), "")
        .await;
    assert_eq!(listed.data()[0]["statistics"], before);
}

/// A day's partition must not be dropped before the pages of its letters are deleted.
#[tokio::test]
async fn the_pages_of_a_test_letter_go_with_it() {
    let world = World::new().await;
    let new = app::manage::services::NewService {
        permissions: [domain::Permission::Letter].into(),
        ..app::manage::services::NewService::named("Riverside Council")
    };
    let service = world.service_with(new).await;
    let template = app::manage::templates::NewTemplate {
        template_type: domain::Channel::Letter,
        name: "A letter".to_owned(),
        subject: Some("Your bins".to_owned()),
        content: "Dear ((name))".to_owned(),
        lane: None,
        created_by: None,
    };
    let template = app::manage::templates::create(&world.app, service.id, template)
        .await
        .unwrap()
        .id;
    let body = serde_json::json!({"template_id": template, "personalisation": {
        "address_line_1": "Ada", "address_line_2": "1 Mill Lane", "postcode": "sw1a1aa", "name": "Ada",
    }});
    let posted = world
        .post(&service.test, "/v2/notifications/letter", &body)
        .await;
    assert_eq!(posted.status, 201, "{}", posted.text);
    world.run_tasks().await;
    let id: NotificationId = posted.json["id"].as_str().unwrap().parse().unwrap();
    let key = files::Key::letter_pdf(service.id.as_uuid(), id.as_uuid());
    let pages = world.files().join(key.as_str());
    assert!(pages.exists(), "{}", pages.display());
    until(&world, "2026-03-10T03:00:00Z");
    world.run_schedule().await;
    assert!(!pages.exists());
    assert_eq!(count(&world, "notifications").await, 0);
}
