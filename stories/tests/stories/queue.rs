//! The queue in the database passes the conformance suite of task sources.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use domain::{Clock as _, Timestamp};
use pillarbox_stories::{SeededRandom, World};
use queue::{ClaimLimits, DatabaseSource, Enqueue as _, NewTask, TaskSource, conformance::Harness};

struct Database {
    world: World,
    /// The seed of the next source.
    sources: AtomicU64,
    has_rare_sweeps: bool,
}

impl Database {
    fn source(&self) -> Arc<dyn TaskSource> {
        let seed = self.sources.fetch_add(1, Ordering::Relaxed);
        let source = DatabaseSource::new(
            self.world.app.store().clone(),
            self.world.clock.clone(),
            Arc::new(SeededRandom::new(seed)),
        );
        Arc::new(if self.has_rare_sweeps {
            source.with_rare_sweeps()
        } else {
            source
        })
    }
}

#[async_trait]
impl Harness for Database {
    async fn empty(&self) -> Arc<dyn TaskSource> {
        let source = self.source();
        // Twice: a task whose lease has expired is first put aside for a while.
        for pool in ["conformance", "conformance", "elsewhere", "elsewhere"] {
            self.world.clock.advance(Duration::from_hours(1));
            loop {
                let taken = source
                    .claim(
                        pool,
                        100,
                        &ClaimLimits::uniform(100),
                        Duration::from_secs(30),
                    )
                    .await
                    .unwrap();
                if taken.is_empty() {
                    break;
                }
                for task in taken {
                    source.complete(&task).await.unwrap();
                }
            }
        }
        self.source()
    }

    async fn another(&self) -> Arc<dyn TaskSource> {
        self.source()
    }

    async fn enqueue(&self, tasks: Vec<NewTask>) {
        let mut tx = self.world.app.store().write().await.unwrap();
        tx.enqueue(tasks).await.unwrap();
        tx.commit().await.unwrap();
    }

    fn now(&self) -> Timestamp {
        self.world.clock.now()
    }

    fn advance(&self, by: Duration) {
        self.world.clock.advance(by);
    }

    async fn count_dead(&self) -> u32 {
        app::upkeep::queue_stats::read(&self.world.app)
            .await
            .unwrap()
            .dead_letters
    }
}

async fn run_suite(has_rare_sweeps: bool) {
    let mut world = World::new().await;
    // The suite leaves tasks in pools of its own.
    world.expect_unfinished_tasks();
    let database = Database {
        world,
        sources: AtomicU64::default(),
        has_rare_sweeps,
    };
    queue::conformance::run(&database).await;
}

#[tokio::test]
async fn the_database_is_a_queue() {
    run_suite(false).await;
}

#[tokio::test]
async fn it_is_one_also_where_it_seldom_looks_at_all_tasks() {
    run_suite(true).await;
}

#[tokio::test]
async fn a_task_is_there_exactly_if_its_transaction_was_committed() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let before = app::upkeep::queue_stats::read(&world.app)
        .await
        .unwrap()
        .lanes;
    let mut tx = world.app.store().write().await.unwrap();
    let now = world.clock.now();
    let task = NewTask {
        id: domain::TaskId::generate(now, world.app.random()),
        pool: "periodic-tasks",
        lane: domain::Lane::Priority,
        service_id: service.id,
        kind: "never.v1",
        payload: "{}".into(),
        subjects: None,
        attempt: 0,
        ready_at: now,
        created_at: now,
    };
    tx.enqueue(vec![task]).await.unwrap();
    drop(tx);
    assert_eq!(
        app::upkeep::queue_stats::read(&world.app)
            .await
            .unwrap()
            .lanes,
        before
    );
}

#[tokio::test]
async fn a_task_of_an_unknown_kind_becomes_a_dead_letter() {
    let mut world = World::new().await;
    world.expect_dead_letters();
    let service = world.service("Riverside Council").await;
    let now = world.clock.now();
    let mut tx = world.app.store().write().await.unwrap();
    let task = |kind, payload: &str| NewTask {
        id: domain::TaskId::generate(now, world.app.random()),
        pool: "periodic-tasks",
        lane: domain::Lane::Priority,
        service_id: service.id,
        kind,
        payload: payload.to_owned(),
        subjects: None,
        attempt: 0,
        ready_at: now,
        created_at: now,
    };
    tx.enqueue(vec![
        task("from-the-future.v9", "{}"),
        task("deliver_sms.v1", "not JSON"),
    ])
    .await
    .unwrap();
    tx.commit().await.unwrap();
    world.run_tasks().await;
    let dead = app::upkeep::queue_stats::list_dead(&world.app, 10)
        .await
        .unwrap();
    assert_eq!(dead.len(), 2);
    assert!(
        dead.iter()
            .any(|one| one.why.contains("knows no task `from-the-future.v9`")),
        "{dead:?}"
    );
}

#[tokio::test]
async fn two_clocks_that_fire_the_same_minute_enqueue_it_once() {
    let world = World::new().await;
    let minute = app::upkeep::schedule::start_of_minute(world.clock.now());
    let waiting = async || {
        app::upkeep::schedule::fire(&world.app, minute)
            .await
            .unwrap();
        let lanes = app::upkeep::queue_stats::read(&world.app)
            .await
            .unwrap()
            .lanes;
        lanes.iter().map(|lane| lane.tasks).sum::<u32>()
    };
    let (first, second) = (waiting().await, waiting().await);
    assert!(first >= 2, "something is due at nine");
    assert_eq!(first, second);
    world.run_tasks().await;
}
