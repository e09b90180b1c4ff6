//! Accepting messages while the database is blocked: they wait in bounded memory, beyond the bound the response is an
//! immediate 503, and every accepted message is stored.
//!
//! The database is blocked by a lock of another client.

use std::collections::BTreeSet;

use futures::{StreamExt as _, stream::FuturesUnordered};
use pillarbox_stories::{TestResponse, TestService, World};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

/// A transaction of another client that blocks every insert of a message.
enum Lock {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Lock {
    async fn take(world: &World) -> Self {
        let address = world.database_address();
        if address.starts_with("sqlite") {
            let mut connection = SqliteConnection::connect(&address).await.unwrap();
            let begin = sqlx::query("BEGIN IMMEDIATE");
            begin.execute(&mut connection).await.unwrap();
            Self::Sqlite(connection)
        } else {
            let mut connection = PgConnection::connect(&address).await.unwrap();
            for statement in ["BEGIN", "LOCK TABLE notifications IN ACCESS EXCLUSIVE MODE"] {
                let query = sqlx::query(AssertSqlSafe(statement));
                query.execute(&mut connection).await.unwrap();
            }
            Self::Postgres(connection)
        }
    }

    async fn release(self) {
        match self {
            Self::Sqlite(mut connection) => {
                let commit = sqlx::query("COMMIT");
                commit.execute(&mut connection).await.unwrap();
            }
            Self::Postgres(mut connection) => {
                let commit = sqlx::query("COMMIT");
                commit.execute(&mut connection).await.unwrap();
            }
        }
    }
}

/// Requests that use up the rate limit of one service.
const EACH: usize = 850;

async fn services(world: &World, count: usize) -> Vec<TestService> {
    let mut services = Vec::new();
    for number in 0..count {
        services.push(world.service(&format!("TestService {number}")).await);
    }
    services
}

fn is_told_to_come_back(answer: &TestResponse) {
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(
        answer.message(),
        "Too many messages wait to be stored, try again in a moment"
    );
}

#[tokio::test]
async fn a_full_queue_of_writes_refuses_requests_and_loses_no_201() {
    let world = World::new().await;
    // The commit in progress and the queue behind it hold at most 4,096 and twice 512.
    let services = services(&world, 7).await;
    let lock = Lock::take(&world).await;
    let mut asked = FuturesUnordered::new();
    for service in &services {
        for number in 0..EACH {
            // Half of them of each channel.
            let ask = async move |world: &World| {
                if number % 2 == 0 {
                    world
                        .send_sms(service, &service.normal, "07700900123")
                        .await
                } else {
                    world
                        .send_email(service, &service.normal, "ada@example.com")
                        .await
                }
            };
            let world = &world;
            asked.push(async move { ask(world).await });
        }
    }
    // Nothing can be stored now, so every response is a rejection, and it comes at once.
    let mut refused = 0;
    while refused < services.len() * EACH - 4096 - 1024 {
        is_told_to_come_back(&asked.next().await.unwrap());
        refused += 1;
    }
    lock.release().await;
    let mut kept = BTreeSet::new();
    while let Some(answer) = asked.next().await {
        if answer.status == 201 {
            kept.insert(answer.json["id"].as_str().unwrap().to_owned());
        } else {
            is_told_to_come_back(&answer);
        }
    }
    drop(asked);
    assert!(
        (4096..=4096 + 1024).contains(&kept.len()),
        "{} were kept",
        kept.len()
    );

    let after = world
        .send_sms(&services[0], &services[0].test, "07700900123")
        .await;
    assert_eq!(after.status, 201, "then there is room again");
    world.run_tasks().await;
    let texts = world
        .sms
        .accepted()
        .into_iter()
        .map(|sms| sms.id.to_string());
    let mails = world
        .email
        .accepted()
        .into_iter()
        .map(|mail| mail.id.to_string());
    let reached: Vec<String> = texts.chain(mails).collect();
    assert_eq!(reached.len(), kept.len(), "each once");
    assert_eq!(reached.into_iter().collect::<BTreeSet<_>>(), kept);
}

#[tokio::test]
async fn the_queue_of_writes_is_bounded_in_bytes() {
    let world = World::new().await;
    // Two, because one alone may not have so many large requests at once.
    let services = services(&world, 2).await;
    let new = || app::manage::templates::NewTemplate {
        template_type: domain::Channel::Email,
        name: "Bins".to_owned(),
        subject: Some("Bins".to_owned()),
        content: "Your bin day is Friday. ((late??Sorry that we are late.))".to_owned(),
        lane: None,
        created_by: None,
    };
    for service in &services {
        app::manage::templates::update(&world.app, service.id, service.email, new())
            .await
            .unwrap();
    }
    let lock = Lock::take(&world).await;
    // The value is stored, although it only decides whether a sentence is shown.
    let body_of = |service: &TestService| {
        json!({
            "email_address": "ada@example.com", "template_id": service.email,
            "personalisation": {"late": "x".repeat(2_200_000)},
        })
    };
    let bodies: Vec<_> = services.iter().map(body_of).collect();
    let mut asked: FuturesUnordered<_> = (0..40)
        .map(|number| {
            let (service, body) = (&services[number % 2], &bodies[number % 2]);
            world.post(&service.normal, "/v2/notifications/email", body)
        })
        .collect();
    // Thirty of them are 64 MB.
    for _ in 0..10 {
        is_told_to_come_back(&asked.next().await.unwrap());
    }
    lock.release().await;
    let mut kept = 0;
    while let Some(answer) = asked.next().await {
        assert_eq!(answer.status, 201, "{}", answer.text);
        kept += 1;
    }
    drop(asked);
    assert_eq!(kept, 30);
    world.run_tasks().await;
    assert_eq!(world.email.accepted().len(), kept);
}
