//! Work of a request that takes longer than other requests should wait: previews, bulk requests, very large messages.
//! It has threads of its own, a few of them, so that the threads that serve HTTP stay free.

use std::{future::poll_fn, panic::resume_unwind, sync::Arc, task::Poll};

use app::{PlaceInQueue, ServiceTurns};
use domain::ServiceId;
use futures::future::BoxFuture;
use tokio::{runtime::Handle, sync::Semaphore, task::spawn_blocking};

use crate::problem::Problem;

/// Requests that may wait for each one that runs. Most previews take milliseconds; those that wait too long time out.
const WAITING_FOR_EACH: usize = 64;
/// A body above this size takes milliseconds to parse and render.
pub(crate) const LARGE_BODY_BYTES: usize = 64 << 10;

/// The threads for such work, and the queue in front of them.
#[derive(Debug)]
pub(crate) struct HeavyWork {
    running: Arc<Semaphore>,
    turns: ServiceTurns,
}

impl HeavyWork {
    /// Runs this many at once. The default leaves half of the processors to everything else.
    pub(crate) fn new(at_once: Option<usize>) -> Self {
        let processors = || std::thread::available_parallelism().map_or(1, usize::from);
        // Half of one processor rounds to none.
        let at_once = at_once.unwrap_or_else(|| processors() / 2).max(1);
        Self {
            running: Arc::new(Semaphore::new(at_once)),
            turns: ServiceTurns::new(at_once * (1 + WAITING_FOR_EACH)),
        }
    }

    /// Returns a queue of its own for work that shares the processors with this: one whose work waits for its client most of the
    /// time would take up the places of all others.
    pub(crate) fn with_its_own_queue(&self, places: usize) -> Self {
        Self {
            running: Arc::clone(&self.running),
            turns: ServiceTurns::new(places),
        }
    }

    /// Runs `work` of a service apart from the threads that serve HTTP. Fails with a 503 if too much waits already, of all
    /// services or of this one, which may have as much as there is room left. One service's work takes its turns one by one,
    /// so that it waits behind itself and not before all others. A caller that gives up does not interrupt work that has begun.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        service: ServiceId,
        work: BoxFuture<'static, T>,
    ) -> Result<T, Problem> {
        // Refused and not queued without end: each request that waits keeps its body in memory.
        let Some(place) = self.turns.admit(service) else {
            metrics::counter!("pillarbox_heavy_requests_refused_total").increment(1);
            return Err(Problem::too_many_bodies());
        };
        let running = Arc::clone(&self.running);
        let runtime = Handle::current();
        let done = spawn_blocking(move || {
            // The place is held here and not by the caller, who may be gone before the work is done.
            runtime.block_on(in_turns(&place, &running, work))
        });
        match done.await {
            Ok(done) => Ok(done),
            Err(failed) => match failed.try_into_panic() {
                // The layer around all handlers answers and logs it.
                Ok(panic) => resume_unwind(panic),
                Err(cancelled) => Err(Problem::internal(cancelled)),
            },
        }
    }
}

/// Runs `work`, with permits while it uses the processor and without them while it waits for the database: a database that
/// is slow must not make those wait that are still to be parsed.
async fn in_turns<T>(
    place: &PlaceInQueue,
    running: &Semaphore,
    mut work: BoxFuture<'static, T>,
) -> T {
    loop {
        // Its own turn first: of each service at most one waits for a processor, and those take turns.
        let own_turn = place.turn().await;
        // Never an error, which only a closed semaphore returns: this one stays open.
        let permit = running.acquire().await;
        let step = poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx))).await;
        drop((permit, own_turn));
        match step {
            Poll::Ready(done) => return done,
            Poll::Pending => until_woken().await,
        }
    }
}

/// Waits until the task is woken: by what the work, which was polled last, waits for.
async fn until_woken() {
    let mut has_waited = false;
    poll_fn(|_| {
        if std::mem::replace(&mut has_waited, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use http::StatusCode;

    use super::*;

    /// Longer than any test; reached only if the work holds up the thread that should end it.
    const PATIENCE: Duration = Duration::from_mins(1);

    fn service(number: u128) -> ServiceId {
        uuid::Uuid::from_u128(number).into()
    }

    /// Starts work of a service that blocks its thread until something is sent.
    fn start_for(
        pool: &Arc<HeavyWork>,
        service: ServiceId,
    ) -> (mpsc::Sender<()>, tokio::task::JoinHandle<bool>) {
        let (end, ended) = mpsc::channel();
        let pool = Arc::clone(pool);
        let work = async move { ended.recv_timeout(PATIENCE).is_ok() };
        let running = tokio::spawn(async move {
            pool.run(service, Box::pin(work))
                .await
                .is_ok_and(|done| done)
        });
        (end, running)
    }

    fn start(pool: &Arc<HeavyWork>) -> (mpsc::Sender<()>, tokio::task::JoinHandle<bool>) {
        start_for(pool, service(1))
    }

    #[tokio::test]
    async fn a_service_waits_behind_itself_and_not_before_others() {
        let pool = Arc::new(HeavyWork::new(Some(1)));
        let (end_first, first) = start_for(&pool, service(1));
        while pool.running.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let more: Vec<_> = (0..5).map(|_| start_for(&pool, service(1))).collect();
        let admitted_of = |pool: &HeavyWork| 1 + WAITING_FOR_EACH - pool.turns.free_places();
        while admitted_of(&pool) < 6 {
            tokio::task::yield_now().await;
        }
        let (end_other, other) = start_for(&pool, service(2));
        while admitted_of(&pool) < 7 {
            tokio::task::yield_now().await;
        }
        end_first.send(()).unwrap();
        // Ended although none of the five that were there before it can end.
        end_other.send(()).unwrap();
        assert!(first.await.unwrap());
        // At most one of the five is before it.
        more[0].0.send(()).unwrap();
        for (end, _) in &more[1..] {
            end.send(()).unwrap();
        }
        assert!(other.await.unwrap());
        for (_, running) in more {
            assert!(running.await.unwrap());
        }
    }

    #[tokio::test]
    async fn others_are_served_while_it_runs() {
        let pool = Arc::new(HeavyWork::new(Some(1)));
        let (end, running) = start(&pool);
        while pool.running.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        end.send(()).unwrap();
        assert!(running.await.unwrap(), "this thread was free to end it");
    }

    #[tokio::test]
    async fn what_does_not_fit_in_the_queue_is_refused() {
        let pool = Arc::new(HeavyWork::new(Some(1)));
        let mut started = Vec::new();
        for number in 0..=WAITING_FOR_EACH as u128 {
            started.push(start_for(&pool, service(number)));
        }
        while pool.turns.free_places() > 0 {
            tokio::task::yield_now().await;
        }
        let refused = pool.run(service(1), Box::pin(async {})).await.unwrap_err();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        // To all before any is awaited: they take their turns in any order.
        for (end, _) in &started {
            end.send(()).unwrap();
        }
        for (_, running) in started {
            assert!(running.await.unwrap());
        }
        assert_eq!(pool.run(service(1), Box::pin(async {})).await, Ok(()));
    }

    #[tokio::test]
    async fn a_service_that_floods_leaves_places_for_others() {
        let pool = Arc::new(HeavyWork::new(Some(1)));
        let mut started = Vec::new();
        for _ in 0..=WAITING_FOR_EACH / 2 {
            let before = pool.turns.free_places();
            started.push(start(&pool));
            while pool.turns.free_places() == before {
                tokio::task::yield_now().await;
            }
        }
        let refused = pool.run(service(1), Box::pin(async {})).await.unwrap_err();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        let (end_other, other) = start_for(&pool, service(2));
        end_other.send(()).unwrap();
        for (end, _) in &started {
            end.send(()).unwrap();
        }
        assert!(other.await.unwrap());
        for (_, running) in started {
            assert!(running.await.unwrap());
        }
    }
}
