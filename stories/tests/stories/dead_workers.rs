//! The tasks of a dead worker can be claimed at once by a process that knows of its death.

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
        // The stories look at leases, not at what becomes of the tasks.
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

    async fn dead_letter(&self, id: TaskId) -> Option<tasks::DeadLetter> {
        let mut session = self.world.app.read().await.unwrap();
        tasks::find_dead_letter(&mut session, id).await.unwrap()
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
    assert!(queue.take().await.is_empty(), "another worker holds it");
    assert_eq!(queue.it_dies().await, 1);
    let taken = queue.take_one().await;
    assert_eq!(
        (taken.id, taken.attempt),
        (dead.id, 0),
        "a death is no try that failed"
    );
    // A worker that was only believed to be dead.
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

/// Longer than a task waits that may have crashed its worker.
const LONGEST_PAUSE: Duration = Duration::from_secs(16);

#[tokio::test]
async fn a_task_that_crashes_workers_waits_and_then_becomes_a_dead_letter() {
    let mut queue = Queue::with_tasks(1).await;
    queue.world.expect_dead_letters();
    queue.take_one().await;
    assert_eq!(queue.it_dies().await, 1, "the first death may be anyone's");
    for _ in 0..2 {
        queue.take_one().await;
        assert_eq!(queue.it_dies().await, 1);
        assert!(queue.take().await.is_empty(), "it waits");
        queue.world.clock.advance(LONGEST_PAUSE);
    }
    let last = queue.take_one().await;
    assert_eq!(last.crashes, 3);
    assert_eq!(queue.it_dies().await, 0);
    queue.world.clock.advance(LONGEST_PAUSE);
    assert!(queue.take().await.is_empty());
    let letter = queue
        .dead_letter(last.id)
        .await
        .expect("it is a dead letter");
    assert!(letter.why.contains("4 processes"), "{}", letter.why);
}

#[tokio::test]
async fn a_task_whose_leases_expire_becomes_a_dead_letter_too() {
    let mut queue = Queue::with_tasks(1).await;
    queue.world.expect_dead_letters();
    let first = queue.take_one().await;
    for _ in 0..8 {
        // The death of the worker is not noticed: it was on another machine.
        queue.world.clock.advance(LEASE + LONGEST_PAUSE);
        queue.take().await;
    }
    assert!(queue.dead_letter(first.id).await.is_some());
}

#[tokio::test]
async fn a_renewed_lease_is_no_progress_but_a_commit_is() {
    let queue = Queue::with_tasks(1).await;
    queue.take_one().await;
    queue.it_dies().await;
    let taken = queue.take_one().await;
    queue.world.clock.advance(LEASE / 3);
    let renewed = queue.source.renew(&taken, LEASE).await.unwrap();
    assert!(renewed.is_some(), "memory is filled slowly");
    queue.it_dies().await;
    assert!(queue.take().await.is_empty(), "it waits");

    queue.world.clock.advance(LONGEST_PAUSE);
    let taken = queue.take_one().await;
    let mut tx = queue.world.app.store().write().await.unwrap();
    let progress = tasks::record_progress(&mut tx, taken.id, taken.lease);
    progress.await.unwrap();
    tx.commit().await.unwrap();
    queue.it_dies().await;
    assert_eq!(queue.take_one().await.crashes, 1);
}

#[tokio::test]
async fn a_batch_that_crashes_workers_is_sent_message_by_message() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let sends = (0..5).map(|number| {
        let (world, service) = (&world, &service);
        async move {
            let to = format!("0770091000{number}");
            world.send_sms(service, &service.normal, &to).await
        }
    });
    futures::future::join_all(sends).await;
    for seed in 10..12 {
        let dying = worker(&world, seed);
        let limits = ClaimLimits::uniform(10);
        let taken = dying.claim("send-sms-tasks", 10, &limits, LEASE).await;
        assert!(!taken.unwrap().is_empty());
        world.app.reclaim_from_worker(dying.worker()).await.unwrap();
        world.advance(LONGEST_PAUSE);
    }
    let ran = world.run_tasks().await;
    assert!(ran > 5, "each message has a task of its own: {ran}");
    assert_eq!(world.sms.accepted().len(), 5, "each is sent once");
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
