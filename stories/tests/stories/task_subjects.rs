//! Tasks are found by the ids in their payloads: by the range of these ids, and without a range by the payload alone.

use std::path::Path;

use domain::{Clock as _, Lane, NotificationId, ServiceId, TaskId};
use pillarbox_stories::{EmptyDatabase, World};
use queue::{Enqueue as _, NewTask, SubjectRange};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _, SqliteConnection};
use uuid::Uuid;

const SERVICE: ServiceId = ServiceId::from_uuid(Uuid::from_u128(1));

fn notification(number: u128) -> NotificationId {
    NotificationId::from_uuid(Uuid::from_u128(number))
}

/// Returns a task that names these notifications, with a range of its own.
fn task(world: &World, service_id: ServiceId, numbers: &[u128], range: &[u128]) -> NewTask {
    let now = world.clock.now();
    let ids: Vec<NotificationId> = numbers.iter().copied().map(notification).collect();
    NewTask {
        id: TaskId::generate(now, world.app.random()),
        pool: "send-sms-tasks",
        lane: Lane::Normal,
        service_id,
        kind: "deliver_sms.v1",
        payload: serde_json::json!({ "ids": ids }).to_string(),
        subjects: SubjectRange::of(range.iter().copied().map(notification)),
        attempt: 0,
        ready_at: now,
        created_at: now,
    }
}

#[tokio::test]
async fn a_task_is_found_by_each_id_that_it_names() {
    let mut world = World::new().await;
    world.expect_unfinished_tasks();
    let tasks = vec![
        task(&world, SERVICE, &[9, 2, 5], &[9, 2, 5]),
        task(&world, SERVICE, &[20], &[20]),
        // Enqueued by an older version, which still runs beside this one and knows no ranges.
        task(&world, SERVICE, &[5, 30], &[]),
        task(&world, ServiceId::from_uuid(Uuid::from_u128(2)), &[5], &[5]),
    ];
    let ids: Vec<TaskId> = tasks.iter().map(|task| task.id).collect();
    let mut tx = world.app.store().write().await.unwrap();
    tx.enqueue(tasks).await.unwrap();
    tx.commit().await.unwrap();

    let mut session = world.app.store().read().await.unwrap();
    for (number, mut expected) in [
        (2, vec![ids[0]]),
        (9, vec![ids[0]]),
        (5, vec![ids[0], ids[2]]),
        (20, vec![ids[1]]),
        (30, vec![ids[2]]),
        // Within the range of the first task, which does not name it.
        (3, vec![]),
        (1, vec![]),
    ] {
        let subject = notification(number).as_uuid();
        let found = store::tasks::list_by_subject(&mut session, SERVICE, subject)
            .await
            .unwrap();
        expected.sort();
        assert_eq!(found, expected, "{number}");
    }
}

/// A database that migrations are applied to one by one.
enum Migrating {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Migrating {
    async fn connect(address: &str) -> Self {
        if address.starts_with("sqlite") {
            let address = format!("{address}?mode=rwc");
            Self::Sqlite(SqliteConnection::connect(&address).await.unwrap())
        } else {
            Self::Postgres(PgConnection::connect(address).await.unwrap())
        }
    }

    async fn run(&mut self, statements: String) {
        let statements = AssertSqlSafe(statements);
        match self {
            Self::Sqlite(one) => drop(sqlx::raw_sql(statements).execute(one).await.unwrap()),
            Self::Postgres(one) => drop(sqlx::raw_sql(statements).execute(one).await.unwrap()),
        }
    }

    async fn apply(&mut self, migration: &str) {
        let dialect = match self {
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgres",
        };
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../store/migrations")
            .join(dialect)
            .join(migration);
        self.run(std::fs::read_to_string(path).unwrap()).await;
    }

    /// Inserts a row of an older version with this number as its id.
    async fn insert(&mut self, table: &str, number: u128, payload: &str) {
        let id = Uuid::from_u128(number);
        let (id, at) = match self {
            Self::Sqlite(_) => (format!("x'{}'", id.simple()), "0"),
            Self::Postgres(_) => (format!("'{id}'"), "now()"),
        };
        let own = match table {
            "tasks" => ("ready_at", at),
            _ => ("why, died_at", &*format!("'it failed', {at}")),
        };
        self.run(format!(
            "INSERT INTO {table} (id, pool, lane, service_id, kind, payload, attempt, created_at, {}) \
             VALUES ({id}, 'pool', 'normal', {id}, 'kind.v1', '{payload}', 0, {at}, {})",
            own.0, own.1
        ))
        .await;
    }

    /// Returns the range of each row in the order of their ids.
    async fn ranges(&mut self, table: &str) -> Vec<Option<(u128, u128)>> {
        let sql = AssertSqlSafe(format!(
            "SELECT first_subject, last_subject FROM {table} ORDER BY id"
        ));
        let ranges: Vec<(Option<Uuid>, Option<Uuid>)> = match self {
            Self::Sqlite(one) => {
                let rows = sqlx::query(sql).fetch_all(one).await.unwrap();
                rows.iter().map(|row| (row.get(0), row.get(1))).collect()
            }
            Self::Postgres(one) => {
                let rows = sqlx::query(sql).fetch_all(one).await.unwrap();
                rows.iter().map(|row| (row.get(0), row.get(1))).collect()
            }
        };
        ranges
            .into_iter()
            .map(|(first, last)| Some((first?.as_u128(), last?.as_u128())))
            .collect()
    }
}

#[tokio::test]
async fn a_migration_gives_waiting_tasks_their_ranges() {
    let database = EmptyDatabase::create().await;
    let mut database_before = Migrating::connect(&database.address()).await;
    let migrating = &mut database_before;
    for migration in [
        "0001_foundation.sql",
        "0002_public_api.sql",
        "0003_jobs_and_retention.sql",
        "0004_tasks_of_the_dead.sql",
    ] {
        migrating.apply(migration).await;
    }
    let id = |number: u128| Uuid::from_u128(number).to_string();
    let payloads = [
        format!(r#"{{"ids":["{}","{}","{}"]}}"#, id(7), id(0xff), id(3)),
        format!(r#"{{"ids":["{}"]}}"#, id(8)),
        format!(r#"{{"job":"{}"}}"#, id(9)),
        // What names no notification and no job of the service has no range.
        r#"{"ids":[]}"#.to_owned(),
        "{}".to_owned(),
        format!(r#"{{"receipts":[{{"id":"{}"}}]}}"#, id(10)),
        format!(r#"{{"ids":["{}"#, id(11)),
    ];
    for table in ["tasks", "dead_letters"] {
        for (number, payload) in (1..).zip(&payloads) {
            migrating.insert(table, number, payload).await;
        }
    }
    migrating.apply("0005_task_subjects.sql").await;
    for table in ["tasks", "dead_letters"] {
        assert_eq!(
            migrating.ranges(table).await,
            [
                Some((3, 0xff)),
                Some((8, 8)),
                Some((9, 9)),
                None,
                None,
                None,
                None
            ],
            "{table}"
        );
    }
}
