//! The audits (`docs/spec/workers.md` §4.9 to §4.12, §13). What they search for should never exist, so each story
//! first breaks something in the database or the file storage and sees it repaired on the ordinary path. Pausing jobs
//! is here too.

mod consistency;
mod jobs;
mod messages;

use std::{sync::Arc, time::Duration};

use domain::{Clock as _, NotificationId};
use pillarbox_stories::{TestService, World};
use serde_json::{Value, json};
use sqlx::Connection as _;

const HALF_AN_HOUR: Duration = Duration::from_mins(31);

const PERIODIC: queue::Pool = queue::Pool {
    name: "periodic-tasks",
    workers: 1,
};

/// Removes the tasks of a pool from the queue, as if they were lost.
pub(crate) async fn lose_tasks(world: &World, pool: &str) -> usize {
    let entropy = Arc::new(pillarbox_stories::SeededRandom::new(11));
    let source =
        queue::DatabaseSource::new(world.app.store().clone(), world.clock.clone(), entropy);
    let lease = Duration::from_secs(30);
    let mut lost = 0;
    loop {
        let room = queue::ClaimLimits::uniform(16);
        let taken = queue::TaskSource::claim(&source, pool, 16, &room, lease)
            .await
            .unwrap();
        if taken.is_empty() {
            return lost;
        }
        for task in taken {
            assert!(queue::TaskSource::complete(&source, &task).await.unwrap());
            lost += 1;
        }
    }
}

/// Runs what the schedule enqueues at this minute, and nothing that it enqueues in turn.
async fn run_auditors(world: &World) {
    let minute = app::upkeep::schedule::start_of_minute(world.clock.now());
    app::upkeep::schedule::fire(&world.app, minute)
        .await
        .unwrap();
    world.runner().drain(&[PERIODIC]).await;
}

/// Deletes messages directly from the database.
pub(crate) async fn lose_rows(world: &World, ids: &[NotificationId]) {
    let (statement, address) = (
        "DELETE FROM notifications WHERE id = $1",
        world.database_address(),
    );
    for id in ids {
        let removed = if address.starts_with("sqlite") {
            let mut connection = sqlx::SqliteConnection::connect(&address).await.unwrap();
            let query = sqlx::query(statement).bind(id.as_uuid());
            query
                .execute(&mut connection)
                .await
                .unwrap()
                .rows_affected()
        } else {
            let mut connection = sqlx::PgConnection::connect(&address).await.unwrap();
            let query = sqlx::query(statement).bind(id.as_uuid());
            query
                .execute(&mut connection)
                .await
                .unwrap()
                .rows_affected()
        };
        assert_eq!(removed, 1);
    }
}

async fn change(
    world: &World,
    service: &TestService,
    job: &str,
    how: &str,
) -> pillarbox_stories::TestResponse {
    let path = format!("/service/{}/job/{job}/{how}", service.id);
    world.internal_request("POST", &path, "").await
}

async fn status(world: &World, service: &TestService, job: &str) -> Value {
    world.job_status(service.id, job).await
}

/// Creates a job with a chosen sender.
pub(crate) async fn job_from_the_planner(
    world: &World,
    service: &TestService,
    file: String,
) -> String {
    let path = format!("/service/{}/sms-sender", service.id);
    let body = json!({"sms_sender": "Planner", "is_default": false}).to_string();
    let made = world.internal_request("POST", &path, body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let path = format!(
        "/service/{}/spreadsheet?template_id={}&file_name=people.csv&sender_id={}",
        service.id,
        service.sms,
        made.data()["id"].as_str().unwrap()
    );
    let uploaded = world.internal_request("POST", &path, file).await;
    let id = uploaded.data()["id"].as_str().unwrap().to_owned();
    assert_eq!(
        world
            .create_job(service.id, &json!({"id": id}))
            .await
            .status,
        201
    );
    id
}

pub(crate) async fn origin(world: &World, service: &TestService, job: &str) -> domain::JobOrigin {
    let found = status(world, service, job).await;
    domain::JobOrigin {
        job: job.parse().unwrap(),
        service: service.id,
        due: found["created_at"].as_str().unwrap().parse().unwrap(),
    }
}

/// Returns the number of findings of an audit in `/metrics`.
pub(crate) fn found_by(auditor: &str) -> u64 {
    let name = format!("pillarbox_audit_findings_total{{auditor=\"{auditor}\"}} ");
    let measures = server::metrics::render();
    let line = measures.lines().find_map(|line| line.strip_prefix(&name));
    line.map_or(0, |count| count.parse().unwrap())
}
