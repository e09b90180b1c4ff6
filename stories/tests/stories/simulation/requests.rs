//! Statements that were sent to the database and are not answered yet, and which worker sent each.
//!
//! The database runs on threads of its own. A worker that does not advance waits either for the database, which will
//! answer, or for another worker, which advances only when the scheduler says so. A scheduler that cannot tell the two apart
//! would have to wait a while, and its seed would not repeat. It can tell: the driver keeps the current tracing span with
//! each statement and drops it with the answer. So this is a tracing subscriber with one span for each worker, entered
//! whenever the worker advances, which counts the references to each span.

use std::{
    cell::Cell,
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::Notify;
use tracing_core::{
    Callsite, Event, Interest, Kind, Level, Metadata, Subscriber,
    callsite::Identifier,
    field::FieldSet,
    span::{Attributes, Current, Id, Record},
};

use super::threads::{self, Thread};

/// The sender of a statement: a worker by its number, or what runs beside the workers.
pub(super) type Requester = u64;

/// The group commit, connections returning to their pool, and the scheduler itself.
pub(super) const NOBODY: Requester = u64::MAX;

/// What is known of the statements that were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answers {
    /// Each is answered or waits for its sender.
    All,
    /// Each is, or soon waits for its sender, and no signal will say so.
    AboutToCome,
    /// One is not, and a signal follows.
    Missing,
}

thread_local! {
    /// Whether this is the thread of the scheduler and its workers.
    static ON_STAGE: Cell<bool> = const { Cell::new(false) };
    static WHO: Cell<Requester> = const { Cell::new(NOBODY) };
}

/// Number of open statements of each sender.
#[derive(Debug, Default)]
pub(super) struct Requests {
    open: Mutex<BTreeMap<Requester, usize>>,
    /// Number of statements so far.
    ever: AtomicU64,
    something_came: Notify,
    /// The threads that execute a statement, and the sender of each.
    executing: Mutex<BTreeMap<Thread, Requester>>,
    /// Held while a worker advances, so that the database answers nothing before the worker's next await.
    goes_on: Mutex<()>,
}

impl Requests {
    pub(super) fn new() -> Self {
        ON_STAGE.set(true);
        Self::default()
    }

    /// Runs `work` with its statements counted for `asker`.
    pub(super) fn by<T>(&self, asker: Requester, work: impl FnOnce() -> T) -> T {
        let _goes_on = self.goes_on.lock().expect("the lock is not poisoned");
        let before = WHO.replace(asker);
        let done = work();
        WHO.set(before);
        done
    }

    /// Returns which statements are without an answer.
    ///
    /// A statement with more rows than fit between the threads waits until some are received. Such a statement counts as
    /// answered when its sender is woken and its thread sleeps.
    pub(super) fn answers(&self, is_woken: impl Fn(Requester) -> bool) -> Answers {
        let executing = self.executing.lock().expect("the lock is not poisoned");
        let open = self.open.lock().expect("the lock is not poisoned");
        let mut answers = Answers::All;
        for (asker, count) in open.iter() {
            let at_work = executing.iter().filter(|(_, of)| *of == asker);
            let at_work: Vec<Thread> = at_work.map(|(thread, _)| *thread).collect();
            if at_work.len() != *count || !is_woken(*asker) {
                return Answers::Missing;
            }
            if !at_work.into_iter().all(threads::sleeps) {
                answers = Answers::AboutToCome;
            }
        }
        answers
    }

    /// Returns the number of statements so far.
    pub(super) fn ever(&self) -> u64 {
        self.ever.load(Ordering::SeqCst)
    }

    /// Signals that an answer came or a worker was woken.
    pub(super) fn tell(&self) {
        self.something_came.notify_one();
    }

    /// Waits for a signal since the last call.
    pub(super) async fn something_came(&self) {
        self.something_came.notified().await;
    }

    fn executes(&self, asker: Option<Requester>) {
        let mut executing = self.executing.lock().expect("the lock is not poisoned");
        match asker {
            Some(asker) => executing.insert(threads::this(), asker),
            None => executing.remove(&threads::this()),
        };
    }

    fn change(&self, id: &Id, change: impl FnOnce(&mut usize)) {
        let asker = id.into_u64();
        let mut open = self.open.lock().expect("the lock is not poisoned");
        let count = open.entry(asker).or_default();
        change(count);
        if *count == 0 {
            open.remove(&asker);
        }
    }
}

struct Asking;

static ASKING: Asking = Asking;
static SPAN: Metadata<'static> = Metadata::new(
    "asking",
    "storm",
    Level::ERROR,
    None,
    None,
    None,
    FieldSet::new(&[], Identifier(&ASKING)),
    Kind::SPAN,
);

impl Callsite for Asking {
    fn set_interest(&self, _: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        &SPAN
    }
}

/// The dispatcher of spans. The platform's own spans are disabled, because they would hide the sender.
#[derive(Debug)]
pub(super) struct Spans(pub(super) Arc<Requests>);

impl Subscriber for Spans {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        false
    }

    fn current_span(&self) -> Current {
        Current::new(Id::from_u64(WHO.get()), &SPAN)
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.0.ever.fetch_add(1, Ordering::SeqCst);
        self.0.change(id, |count| *count += 1);
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        self.0.change(&id, |count| *count = count.saturating_sub(1));
        self.0.tell();
        false
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(NOBODY)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}

    /// A database thread starts to execute a statement.
    fn enter(&self, id: &Id) {
        if ON_STAGE.get() {
            return;
        }
        drop(self.0.goes_on.lock().expect("the lock is not poisoned"));
        self.0.executes(Some(id.into_u64()));
    }

    fn exit(&self, _: &Id) {
        if !ON_STAGE.get() {
            self.0.executes(None);
        }
    }
}
