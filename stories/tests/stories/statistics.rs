//! Statistics: every figure is what counting the rows would give, at any moment (`docs/spec/workers.md` §15.2).

use std::{collections::BTreeMap, time::Duration};

use domain::{Clock as _, NotificationId};
use pillarbox_stories::{TestService, World};
use serde_json::{Value, json};
use sqlx::Connection as _;

use crate::{
    auditors::{found_by, lose_rows, lose_tasks},
    jobs::people,
    retention::until,
};

/// Statuses of a service's notifications by channel and key type, counted row by row, live and archived.
type Counted = BTreeMap<(String, String, String), i64>;

async fn rows(world: &World, statement: &'static str) -> Vec<(String, String, String, i64)> {
    let address = world.database_address();
    if address.starts_with("sqlite") {
        let mut connection = sqlx::SqliteConnection::connect(&address).await.unwrap();
        sqlx::query_as(statement)
            .fetch_all(&mut connection)
            .await
            .unwrap()
    } else {
        let mut connection = sqlx::PgConnection::connect(&address).await.unwrap();
        sqlx::query_as(statement)
            .fetch_all(&mut connection)
            .await
            .unwrap()
    }
}

fn summed(rows: Vec<(String, String, String, i64)>) -> Counted {
    let mut counted = Counted::new();
    for (channel, key_type, status, count) in rows {
        *counted.entry((channel, key_type, status)).or_default() += count;
    }
    counted.retain(|_, count| *count != 0);
    counted
}

/// Counts rows; those that exist twice while they are archived are one transaction away from being seen.
async fn counted(world: &World) -> Counted {
    let statement = "SELECT notification_type, key_type, status, count(*) FROM ( \
         SELECT notification_type, key_type, status FROM notifications \
         UNION ALL SELECT notification_type, key_type, status FROM notification_history) AS every_row \
         GROUP BY 1, 2, 3";
    summed(rows(world, statement).await)
}

/// Adds up facts and changes.
async fn figures(world: &World) -> Counted {
    let facts = "SELECT notification_type, key_type, status, CAST(sum(notification_count) AS bigint) \
         FROM ft_notification_status GROUP BY 1, 2, 3";
    let changes = "SELECT notification_type, key_type, status, CAST(sum(change) AS bigint) \
         FROM ft_notification_status_changes GROUP BY 1, 2, 3";
    let mut all = rows(world, facts).await;
    all.extend(rows(world, changes).await);
    summed(all)
}

async fn waiting_changes(world: &World) -> usize {
    let statement =
        "SELECT notification_type, key_type, status, change FROM ft_notification_status_changes";
    rows(world, statement).await.len()
}

async fn get(world: &World, path: &str) -> Value {
    let answer = world.internal_request("GET", path, "").await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.json
}

async fn statistics(world: &World, service: &TestService, query: &str) -> Value {
    let path = format!("/service/{}/statistics{query}", service.id);
    get(world, &path).await["data"].clone()
}

#[tokio::test]
async fn figures_are_what_counting_rows_gives_at_every_stage_of_a_notification() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    assert_eq!(
        (figures(&world).await, counted(&world).await),
        Default::default()
    );
    for to in ["07700900123", "07700900124"] {
        world.send_sms(&service, &service.normal, to).await;
    }
    world.send_sms(&service, &service.test, "07700900123").await;
    world
        .send_email(&service, &service.normal, "ada@example.com")
        .await;
    let job = world.job(service.id, service.sms, people(250)).await;
    assert_eq!(figures(&world).await, counted(&world).await);
    world.run_tasks().await;
    let after_sending = counted(&world).await;
    assert_eq!(figures(&world).await, after_sending);
    assert!(
        after_sending.values().sum::<i64>() == 254,
        "{after_sending:?} of {job}"
    );
    // Folded, and folded again, nothing changes.
    for _ in 0..2 {
        world.advance(Duration::from_mins(1));
        world.run_schedule().await;
        assert_eq!(figures(&world).await, counted(&world).await);
    }
    assert_eq!(waiting_changes(&world).await, 0, "the task has moved them");
    // Those without a receipt fail after three days; retention archives all of them, and removes what test keys sent.
    let before = figures(&world).await;
    for day in 3..=12 {
        for time in ["00:05", "03:00"] {
            until(&world, &format!("2026-03-{day:02}T{time}:00Z"));
            world.run_schedule().await;
        }
        assert_eq!(
            figures(&world).await.values().sum::<i64>(),
            before.values().sum::<i64>()
        );
    }
    assert_ne!(figures(&world).await, before, "they have failed");
    let (figures, counted) = (figures(&world).await, counted(&world).await);
    let mut live = figures.clone();
    live.retain(|(_, key_type, _), _| key_type != "test");
    assert_eq!(
        live, counted,
        "what test keys sent is not archived, and stays counted"
    );
}

#[tokio::test]
async fn a_service_sees_its_figures_at_once_and_only_its_own() {
    let world = World::new().await;
    let (service, other) = (
        world.service("Riverside Council").await,
        world.service("Hillside Council").await,
    );
    world
        .send_sms(&service, &service.normal, "07700900123")
        .await;
    world.send_sms(&service, &service.test, "07700900123").await;
    world
        .send_email(&service, &service.normal, "ada@example.com")
        .await;
    world
        .send_email(&other, &other.normal, "ada@example.com")
        .await;
    let none = json!({"requested": 0, "delivered": 0, "failed": 0});
    let one = json!({"requested": 1, "delivered": 0, "failed": 0});
    let expected = json!({"sms": one, "email": one, "letter": none});
    assert_eq!(statistics(&world, &service, "").await, expected);
    assert_eq!(
        statistics(&world, &service, "?today_only=true").await,
        expected
    );
    assert_eq!(
        statistics(&world, &other, "?limit_days=7").await["sms"],
        none
    );

    let path = format!("/service/{}/template-statistics?whole_days=1", service.id);
    let found = get(&world, &path).await["data"].clone();
    let found: Vec<_> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["template_type"].as_str().unwrap(),
                row["status"].as_str().unwrap(),
                row["count"].as_i64().unwrap(),
            )
        })
        .collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found.contains(&("sms", "created", 1)) && found.contains(&("email", "created", 1)),
        "{found:?}"
    );

    let platform = get(&world, "/platform-stats").await;
    assert_eq!(
        (
            &platform["email"]["total"],
            &platform["sms"]["total"],
            &platform["sms"]["test-key"]
        ),
        (&json!(2), &json!(1), &json!(1))
    );
    // Tomorrow it is yesterday's.
    world.advance(Duration::from_hours(24));
    world.run_schedule().await;
    assert_eq!(
        statistics(&world, &service, "?today_only=true").await["sms"],
        none
    );
    assert_eq!(
        statistics(&world, &service, "?limit_days=1").await["sms"]["requested"],
        json!(1)
    );
}

#[tokio::test]
async fn a_local_day_begins_at_local_midnight_on_both_sides_of_a_change_of_the_clocks() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let at = |text: &str| text.parse::<domain::Timestamp>().unwrap();
    // The clocks go forward on 29 March 2026: midnight of the 30th is 23:00 UTC of the 29th.
    for minute in [
        "2026-03-28T23:59:00Z",
        "2026-03-29T00:00:00Z",
        "2026-03-29T22:59:00Z",
        "2026-03-29T23:00:00Z",
    ] {
        world.advance(at(minute).since(world.clock.now()));
        world
            .send_sms(&service, &service.normal, "07700900123")
            .await;
    }
    let total = async |day: &str| {
        let path = format!("/platform-stats?start_date={day}&end_date={day}");
        get(&world, &path).await["sms"]["total"].as_i64().unwrap()
    };
    let days = ["2026-03-28", "2026-03-29", "2026-03-30"];
    // Before it is folded, and after.
    for _ in 0..2 {
        for (day, expected) in days.iter().zip([1, 2, 1]) {
            assert_eq!(total(day).await, expected, "{day}");
        }
        world.advance(Duration::from_mins(1));
        world.run_periodic_tasks().await;
        app::upkeep::schedule::fire(&world.app, world.clock.now())
            .await
            .unwrap();
        world.run_periodic_tasks().await;
    }
    assert_eq!(waiting_changes(&world).await, 0);
    let path = format!("/service/{}/notifications/monthly?year=2025", service.id);
    let months = get(&world, &path).await["data"].clone();
    assert_eq!(months.as_object().unwrap().len(), 12);
    assert_eq!(
        months["2026-03"],
        json!({"sms": {"created": 4}, "email": {}, "letter": {}})
    );
    let path = format!(
        "/service/{}/notifications/templates_usage/monthly?year=2025",
        service.id
    );
    let usage = get(&world, &path).await["stats"].clone();
    assert_eq!(
        (
            usage.as_array().unwrap().len(),
            &usage[0]["count"],
            &usage[0]["month"]
        ),
        (1, &json!(4), &json!(3))
    );
    world.run_tasks().await;
}

#[tokio::test]
async fn the_nightly_audit_finds_and_corrects_what_was_changed_behind_the_triggers() {
    const AUDITOR: &str = "create-nightly-notification-status";
    server::metrics::start();
    let before = found_by(AUDITOR);
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let sent = world
        .send_sms(&service, &service.normal, "07700900123")
        .await;
    world
        .send_sms(&service, &service.normal, "07700900124")
        .await;
    lose_tasks(&world, "send-sms-tasks").await;
    let id: NotificationId = sent.json["id"].as_str().unwrap().parse().unwrap();
    // A row that vanishes is what no trigger sees.
    lose_rows(&world, &[id]).await;
    assert_ne!(figures(&world).await, counted(&world).await);
    world.advance(Duration::from_hours(24));
    let night = "2026-03-04T00:30:00Z".parse::<domain::Timestamp>().unwrap();
    world.advance(night.since(world.clock.now()));
    app::upkeep::schedule::fire(&world.app, night)
        .await
        .unwrap();
    world.run_tasks().await;
    assert_eq!(figures(&world).await, counted(&world).await);
    assert_eq!(found_by(AUDITOR) - before, 1);
}

#[tokio::test]
async fn unreadable_questions_get_an_answer_that_says_what_to_do() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    for (path, message) in [
        (
            "statistics?limit_days=x",
            json!({"limit_days": ["x is not an integer"]}),
        ),
        (
            "template-statistics",
            json!({"whole_days": [" is not an integer"]}),
        ),
        (
            "template-statistics?whole_days=8",
            json!({"whole_days": ["whole_days must be between 0 and 7"]}),
        ),
        ("notifications/monthly", json!("Year must be a number")),
        (
            "notifications/templates_usage/monthly?year=soon",
            json!("Year must be a number"),
        ),
    ] {
        let answer = world
            .internal_request("GET", &format!("/service/{}/{path}", service.id), "")
            .await;
        assert_eq!(answer.status, 400, "{path}: {}", answer.text);
        assert_eq!(answer.json["message"], message, "{path}");
    }
    for query in [
        "start_date=2026-03-02",
        "start_date=2026-03-02&end_date=2026-03-01",
        "start_date=soon&end_date=2026-03-01",
    ] {
        let answer = world
            .internal_request("GET", &format!("/platform-stats?{query}"), "")
            .await;
        assert_eq!(answer.status, 400, "{query}: {}", answer.text);
    }
}
