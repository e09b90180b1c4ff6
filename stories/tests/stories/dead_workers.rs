//! What dead workers had in hand is ready at once for whoever starts alone on an embedded database, and for nobody else.

use std::time::Duration;

use domain::{Clock as _, Lane, TaskId};
use queue::{DatabaseSource, Enqueue as _, NewTask, Room, TaskSource as _};
use server::worker_lock::WorkerLock;
use store::tasks::{self, Taken};
use stories::World;

const POOL: &str = "nobody-works-here";
const LEASE: Duration = Duration::from_secs(30);

/// A queue that only this story works on.
struct Queue {
    world: World,
    source: DatabaseSource,
}

impl Queue {
    async fn with_tasks(count: u32) -> Self {
        let world = World::new().await;
        let council = world.service("Riverside Council").await;
        let now = world.clock.now();
        let task = |_| NewTask {
            id: TaskId::mint(now, world.app.entropy()),
            pool: POOL,
            lane: Lane::Normal,
            service_id: council.id,
            kind: "nothing.v1",
            payload: "{}".into(),
            attempt: 0,
            ready_at: now,
            created_at: now,
        };
        let mut tx = world.app.store().write().await.unwrap();
        tx.enqueue((0..count).map(task).collect()).await.unwrap();
        tx.commit().await.unwrap();
        let source = DatabaseSource::new(
            world.app.store().clone(),
            world.clock.clone(),
            std::sync::Arc::new(stories::SeededEntropy::new(7)),
        );
        Self { world, source }
    }

    async fn take(&self) -> Vec<Taken> {
        let taken = self.source.take(POOL, 10, &Room::of(10), LEASE).await;
        taken.unwrap()
    }

    /// One worker takes the one task.
    async fn take_one(&self) -> Taken {
        let mut taken = self.take().await;
        assert_eq!(taken.len(), 1);
        taken.remove(0)
    }

    /// Every process is killed, and one starts.
    async fn all_die(&self) -> u64 {
        self.world.app.take_back_tasks().await.unwrap()
    }

    async fn end(self) {
        // What a story left in hand is nobody's.
        self.world.clock.advance(2 * LEASE);
        for task in self.take().await {
            self.source.finish(&task).await.unwrap();
        }
        self.world.end().await;
    }
}

#[tokio::test]
async fn what_dead_workers_had_in_hand_is_ready_at_once_and_their_leases_change_nothing() {
    let queue = Queue::with_tasks(1).await;
    let dead = queue.take_one().await;
    assert!(queue.take().await.is_empty(), "somebody has it");
    assert_eq!(queue.all_die().await, 1);
    let taken = queue.take_one().await;
    assert_eq!(
        (taken.id, taken.attempt),
        (dead.id, 0),
        "a death is no try that failed"
    );
    // A worker that was only believed to be dead.
    assert_eq!(queue.source.renew(&dead, LEASE).await.unwrap(), None);
    assert!(!queue.source.finish(&dead).await.unwrap());
    assert!(queue.source.finish(&taken).await.unwrap());
    queue.end().await;
}

#[tokio::test]
async fn what_waits_for_its_time_goes_on_waiting_when_workers_die() {
    let queue = Queue::with_tasks(1).await;
    let (taken, now) = (queue.take_one().await, queue.world.clock.now());
    let later = now.plus(Duration::from_mins(5));
    assert!(queue.source.put_back(&taken, later, 1).await.unwrap());
    assert_eq!(queue.all_die().await, 0);
    assert!(queue.take().await.is_empty(), "its delay is not over");
    queue.world.clock.advance(Duration::from_mins(5));
    assert_eq!(queue.take_one().await.attempt, 1);
    queue.end().await;
}

#[tokio::test]
async fn a_task_that_its_workers_may_die_of_does_not_kill_the_next_at_once_again_and_again() {
    let queue = Queue::with_tasks(1).await;
    for _ in 0..2 {
        queue.take_one().await;
        assert_eq!(queue.all_die().await, 1);
    }
    queue.take_one().await;
    assert_eq!(queue.all_die().await, 0, "the third death may be its doing");
    assert!(queue.take().await.is_empty());
    queue.world.clock.advance(LEASE);
    let taken = queue.take_one().await;

    // Work that gets on is not what its workers die of.
    queue.world.clock.advance(LEASE / 3);
    let renewed = queue.source.renew(&taken, LEASE).await.unwrap();
    assert!(renewed.is_some());
    assert_eq!(queue.all_die().await, 1);
    queue.take_one().await;
    assert_eq!(queue.all_die().await, 1);
    let taken = queue.take_one().await;
    assert_eq!(queue.all_die().await, 0);

    // Nor is it if it says so in the transaction that gets on with it.
    let mut tx = queue.world.app.store().write().await.unwrap();
    let progress = tasks::note_progress(&mut tx, taken.id, taken.lease);
    progress.await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(queue.all_die().await, 1);
    queue.end().await;
}

#[tokio::test]
async fn only_who_works_alone_on_an_embedded_database_takes_back_what_is_in_hand() {
    let queue = Queue::with_tasks(1).await;
    let app = &queue.world.app;
    let is_embedded = app.store().file().is_some();
    let take_lock = async || WorkerLock::take(app).await.unwrap();

    let first = take_lock().await;
    assert_eq!(first.is_some(), is_embedded);
    queue.take_one().await;
    let second = take_lock().await;
    assert!(queue.take().await.is_empty(), "the first lives");
    drop(first);
    let third = take_lock().await;
    assert!(queue.take().await.is_empty(), "the second lives");
    drop((second, third));
    let alone = take_lock().await;
    let left = queue.take().await.len();
    assert_eq!(left, usize::from(is_embedded), "all before it are dead");
    drop(alone);
    queue.end().await;
}
