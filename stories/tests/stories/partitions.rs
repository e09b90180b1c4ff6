//! On PostgreSQL, a day without a partition stops neither messages nor a start, and gets its partition later.

use std::time::Duration;

use pillarbox_stories::World;
use sqlx::{Connection as _, Executor as _, PgConnection};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const DAY: Duration = Duration::from_hours(24);

/// Returns the name of the table that a notification is in.
async fn table_of(observer: &mut PgConnection, id: &str) -> String {
    sqlx::query_scalar("SELECT tableoid::regclass::text FROM notifications WHERE id = $1")
        .bind(id.parse::<Uuid>().unwrap())
        .fetch_one(observer)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_month_without_the_clock_role_stops_nothing() {
    let world = World::new().await;
    if !world.database_address().starts_with("postgres") {
        return;
    }
    let mut observer = PgConnection::connect(&world.database_address())
        .await
        .unwrap();
    let council = world.service("Riverside Council").await;

    // For example a backup, which reads every table in one transaction.
    observer
        .execute("BEGIN; LOCK TABLE notifications_default IN ACCESS SHARE MODE")
        .await
        .unwrap();
    world.advance(DAY * 20);
    let early = world
        .send_sms(&council, &council.normal, "07700900123")
        .await;
    assert_eq!(early.status, 201, "{}", early.text);
    let early = early.json["id"].as_str().unwrap().to_owned();
    assert_eq!(
        table_of(&mut observer, &early).await,
        "notifications_default"
    );
    observer.execute("ROLLBACK").await.unwrap();

    let world = world.restarted().await;
    assert_eq!(
        table_of(&mut observer, &early).await,
        "notifications_20260322",
        "the start moves the row into its day"
    );
    world.run_tasks().await;
    assert_eq!(world.status_of(&council, &early).await, "sending");

    world.advance(DAY * 30);
    let late = world
        .send_sms(&council, &council.normal, "07700900123")
        .await;
    let late = late.json["id"].as_str().unwrap().to_owned();
    assert_eq!(
        table_of(&mut observer, &late).await,
        "notifications_20260421",
        "a missing day is created before its first message"
    );
    world.run_tasks().await;
    let world = world.restarted().await;
    assert_eq!(world.status_of(&council, &late).await, "sending");
}

#[tokio::test]
async fn a_day_that_cannot_be_created_does_not_keep_the_others_from_it() {
    let world = World::new().await;
    if !world.database_address().starts_with("postgres") {
        return;
    }
    let mut observer = PgConnection::connect(&world.database_address())
        .await
        .unwrap();
    world.advance(DAY * 20);
    // A table that is in the way, such as a copy made by hand, and one that is no partition.
    observer
        .execute("CREATE TABLE notifications_20260323 (id uuid)")
        .await
        .unwrap();
    let process = world.another_process();
    let stop = CancellationToken::new();
    stop.cancel();
    process.keep_partitions_ahead(&stop).await;
    let days: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
         WHERE i.inhparent = 'notifications'::regclass AND c.relname BETWEEN 'notifications_20260321' AND \
         'notifications_20260405'",
    )
    .fetch_one(&mut observer)
    .await
    .unwrap();
    assert_eq!(
        days, 15,
        "all but one of yesterday, today and fourteen more"
    );
}
