//! The tasks of a dead worker are reclaimed at once by a process that knows that it is dead.

use std::time::Duration;

use domain::{Clock as _, Lane, TaskId};
use pillarbox_stories::World;
use queue::{ClaimLimits, DatabaseSource, Enqueue as _, NewTask, TaskSource as _};
use server::{
    data_dir::DataDir,
    liveness::{self, WorkerLock},
};
use store::tasks::{self, LeasedTask};

const POOL: &str = "nobody-works-here";
const LEASE: Duration = Duration::from_secs(30);

/// A queue whose only worker is the story.
struct Queue {
    world: World,
    source: DatabaseSource,
}

impl Queue {
    async fn with_tasks(count: u32) -> Self {
        let mut world = World::new().await;
        // The stories look at leases and leave the tasks unfinished.
        world.expect_unfinished_tasks();
        let service = world.service("Riverside Council").await;
        let now = world.clock.now();
        let task = |_| NewTask {
            id: TaskId::generate(now, world.app.random()),
            pool: POOL,
            lane: Lane::Normal,
            service_id: service.id,
            kind: "nothing.v1",
            payload: "{}".into(),
            subjects: None,
            attempt: 0,
            ready_at: now,
            created_at: now,
        };
        let mut tx = world.app.store().write().await.unwrap();
        tx.enqueue((0..count).map(task).collect()).await.unwrap();
        tx.commit().await.unwrap();
        let source = worker(&world, 7);
        Self { world, source }
    }

    fn another_worker(&self) -> DatabaseSource {
        worker(&self.world, 8)
    }

    async fn take(&self) -> Vec<LeasedTask> {
        let taken = self
            .source
            .claim(POOL, 10, &ClaimLimits::uniform(10), LEASE)
            .await;
        taken.unwrap()
    }

    /// Claims the only task.
    async fn take_one(&self) -> LeasedTask {
        let mut taken = self.take().await;
        assert_eq!(taken.len(), 1);
        taken.remove(0)
    }

    /// Reclaims the worker's tasks as if it had died; returns how many are ready again.
    async fn it_dies(&self) -> u64 {
        let dead = self.source.worker();
        self.world.app.reclaim_from_worker(dead).await.unwrap()
    }
}

fn worker(world: &World, seed: u64) -> DatabaseSource {
    let entropy = std::sync::Arc::new(pillarbox_stories::SeededRandom::new(seed));
    DatabaseSource::new(world.app.store().clone(), world.clock.clone(), entropy)
}

#[tokio::test]
async fn tasks_of_dead_workers_are_ready_at_once() {
    let queue = Queue::with_tasks(1).await;
    let dead = queue.take_one().await;
    assert!(queue.take().await.is_empty(), "somebody has it");
    assert_eq!(queue.it_dies().await, 1);
    let taken = queue.take_one().await;
    assert_eq!(
        (taken.id, taken.attempt),
        (dead.id, 0),
        "a death is no try that failed"
    );
    // A worker that was wrongly regarded as dead.
    assert_eq!(queue.source.renew(&dead, LEASE).await.unwrap(), None);
    assert!(!queue.source.complete(&dead).await.unwrap());
    assert!(queue.source.complete(&taken).await.unwrap());
}

#[tokio::test]
async fn reclaiming_leaves_delayed_tasks_alone() {
    let queue = Queue::with_tasks(1).await;
    let (taken, now) = (queue.take_one().await, queue.world.clock.now());
    let later = now.plus(Duration::from_mins(5));
    assert!(queue.source.release(&taken, later, 1).await.unwrap());
    assert_eq!(queue.it_dies().await, 0);
    assert!(queue.take().await.is_empty(), "its delay is not over");
    queue.world.clock.advance(Duration::from_mins(5));
    assert_eq!(queue.take_one().await.attempt, 1);
}

#[tokio::test]
async fn a_task_that_crashes_workers_keeps_its_lease_until_it_expires() {
    let queue = Queue::with_tasks(1).await;
    for _ in 0..2 {
        queue.take_one().await;
        assert_eq!(queue.it_dies().await, 1);
    }
    queue.take_one().await;
    assert_eq!(queue.it_dies().await, 0, "the third death may be its doing");
    assert!(queue.take().await.is_empty());
    queue.world.clock.advance(LEASE);
    let taken = queue.take_one().await;

    // A task that makes progress is not what crashes its workers.
    queue.world.clock.advance(LEASE / 3);
    let renewed = queue.source.renew(&taken, LEASE).await.unwrap();
    assert!(renewed.is_some());
    assert_eq!(queue.it_dies().await, 1);
    queue.take_one().await;
    assert_eq!(queue.it_dies().await, 1);
    let taken = queue.take_one().await;
    assert_eq!(queue.it_dies().await, 0);

    // Progress counts too if it is recorded in the transaction that makes it.
    let mut tx = queue.world.app.store().write().await.unwrap();
    let progress = tasks::record_progress(&mut tx, taken.id, taken.lease);
    progress.await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(queue.it_dies().await, 1);
}

#[tokio::test]
async fn reclaiming_leaves_the_tasks_of_living_workers_alone() {
    let queue = Queue::with_tasks(2).await;
    let another = queue.another_worker();
    let theirs = another
        .claim(POOL, 1, &ClaimLimits::uniform(1), LEASE)
        .await
        .unwrap();
    let ours = queue.take_one().await;
    assert_eq!(queue.it_dies().await, 1);
    assert_eq!(queue.take_one().await.id, ours.id);
    assert!(another.complete(&theirs[0]).await.unwrap());
}

#[tokio::test]
async fn a_starting_process_reclaims_the_tasks_of_dead_workers() {
    let queue = Queue::with_tasks(1).await;
    let directory = tempfile::tempdir().unwrap();
    let data_dir = DataDir::new(directory.path());
    let look = async || liveness::reclaim_dead_workers(&queue.world.app, &data_dir).await;

    let lives = WorkerLock::acquire(&data_dir, queue.source.worker()).unwrap();
    queue.take_one().await;
    look().await;
    assert!(queue.take().await.is_empty(), "its worker lives");
    drop(lives);
    look().await;
    queue.take_one().await;
    let machine = std::fs::read_dir(data_dir.file("workers")).unwrap().next();
    let left = std::fs::read_dir(machine.unwrap().unwrap().path()).unwrap();
    assert_eq!(left.count(), 0, "it is forgotten");
}
