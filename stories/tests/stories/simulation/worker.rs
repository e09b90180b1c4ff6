//! A worker that goes from await to await when it is told to, and dies when it is dropped.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use tokio::sync::Notify;

/// Longer than the database takes for anything that a story asks of it: whoever has not been woken by then waits for
/// another worker.
const PATIENCE: Duration = Duration::from_millis(20);

/// Something that is done step by step.
pub(super) struct Worker {
    /// What it works on, for the story.
    pub(super) name: &'static str,
    work: Pin<Box<dyn Future<Output = ()>>>,
    woken: Arc<Woken>,
}

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It came to its next await.
    Went,
    /// It waits for something that another worker holds.
    Waits,
    /// It is done.
    Done,
}

#[derive(Default)]
struct Woken {
    is: AtomicBool,
    told: Notify,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.is.store(true, Ordering::SeqCst);
        self.told.notify_one();
    }
}

impl Worker {
    pub(super) fn new(name: &'static str, work: impl Future<Output = ()> + 'static) -> Self {
        let woken = Arc::new(Woken::default());
        woken.is.store(true, Ordering::SeqCst);
        Self {
            name,
            work: Box::pin(work),
            woken,
        }
    }

    /// Goes on to the next await, once what it awaits has come.
    pub(super) async fn step(&mut self) -> Step {
        if !self.woken.is.load(Ordering::SeqCst) {
            let told = tokio::time::timeout(PATIENCE, self.woken.told.notified());
            if told.await.is_err() && !self.woken.is.load(Ordering::SeqCst) {
                return Step::Waits;
            }
        }
        self.woken.is.store(false, Ordering::SeqCst);
        let waker = Waker::from(self.woken.clone());
        match self.work.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(()) => Step::Done,
            Poll::Pending => Step::Went,
        }
    }
}
