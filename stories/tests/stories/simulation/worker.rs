//! A worker that advances from await to await on request, and dies when it is dropped.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use super::requests::{Requester, Requests};

/// A future that is advanced step by step.
pub(super) struct Worker {
    /// Its pool or purpose, for the log.
    pub(super) name: &'static str,
    /// Its process, if it runs tasks.
    pub(super) process: Option<usize>,
    /// The sender of its statements.
    pub(super) asker: Requester,
    work: Pin<Box<dyn Future<Output = ()>>>,
    woken: Arc<Woken>,
}

/// Result of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It reached its next await.
    Went,
    /// It is blocked by another worker.
    Waits,
    /// It has finished.
    Done,
}

struct Woken {
    is: AtomicBool,
    asked: Arc<Requests>,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.is.store(true, Ordering::SeqCst);
        self.asked.tell();
    }
}

impl Worker {
    pub(super) fn new(
        name: &'static str,
        asker: Requester,
        at: &Arc<Requests>,
        work: impl Future<Output = ()> + 'static,
    ) -> Self {
        Self {
            name,
            process: None,
            asker,
            // The runtime makes a task pause after so many steps, and counts those of the scheduler too, whose number depends on
            // how fast the database answers.
            work: Box::pin(tokio::task::unconstrained(work)),
            woken: Arc::new(Woken {
                is: AtomicBool::new(true),
                asked: at.clone(),
            }),
        }
    }

    /// Returns whether something that it awaits is ready.
    pub(super) fn is_woken(&self) -> bool {
        self.woken.is.load(Ordering::SeqCst)
    }

    /// Advances to the next await, if what it awaits is ready.
    pub(super) fn step(&mut self) -> Step {
        if !self.woken.is.swap(false, Ordering::SeqCst) {
            return Step::Waits;
        }
        let waker = Waker::from(self.woken.clone());
        let mut context = Context::from_waker(&waker);
        let work = self.work.as_mut();
        match self.woken.asked.by(self.asker, || work.poll(&mut context)) {
            Poll::Ready(()) => Step::Done,
            Poll::Pending => Step::Went,
        }
    }
}
