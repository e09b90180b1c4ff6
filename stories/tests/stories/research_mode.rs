//! What a test key causes has a queue of its own, so that tests delay no message to people (`docs/spec/workers.md` §2, §6,
//! §10, §13.1).

use std::{collections::BTreeSet, time::Duration};

use domain::Clock as _;
use pillarbox_stories::{TestService, World};
use queue::Pool;
use serde_json::json;

use crate::{auditors::lose_tasks, jobs::JOBS};

const PERIODIC: Pool = Pool {
    name: "periodic-tasks",
    workers: 1,
};

async fn pools(world: &World) -> BTreeSet<String> {
    let stats = app::upkeep::queue_stats::read(&world.app).await.unwrap();
    stats.lanes.into_iter().map(|lane| lane.pool).collect()
}

fn only(pool: &str) -> BTreeSet<String> {
    [pool.to_owned()].into()
}

async fn send_all(world: &World, service: &TestService) {
    world.send_sms(service, &service.test, "07700900123").await;
    world
        .send_email(service, &service.test, "ada@example.com")
        .await;
    let rows = json!([
        ["phone number", "name", "day"],
        ["07700900124", "Ada", "Friday"]
    ]);
    let bulk = json!({"name": "Bins", "template_id": service.sms, "rows": rows});
    let made = world
        .post(&service.test, "/v2/notifications/bulk", &bulk)
        .await;
    assert_eq!(made.status, 201, "{}", made.text);
    world.runner().drain(&[JOBS]).await;
}

#[tokio::test]
async fn deliveries_with_a_test_key_have_a_queue_of_their_own() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    send_all(&world, &service).await;
    assert_eq!(pools(&world).await, only("research-mode-tasks"));
    world.run_tasks().await;
    for key in [&service.normal, &service.team] {
        world.send_sms(&service, key, "07700900123").await;
    }
    assert_eq!(pools(&world).await, only("send-sms-tasks"));
    world.run_tasks().await;
}

#[tokio::test]
async fn a_delivery_with_a_test_key_is_replayed_in_its_queue() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    send_all(&world, &service).await;
    assert_eq!(lose_tasks(&world, "research-mode-tasks").await, 3);
    world.advance(Duration::from_mins(75));
    let minute = app::upkeep::schedule::start_of_minute(world.clock.now());
    app::upkeep::schedule::fire(&world.app, minute)
        .await
        .unwrap();
    world.runner().drain(&[PERIODIC]).await;
    assert_eq!(pools(&world).await, only("research-mode-tasks"));
    world.run_tasks().await;
}
