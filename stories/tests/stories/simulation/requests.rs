//! What was asked of the database and is not answered yet, and who asked.
//!
//! The database works on threads of its own. A worker that does not go on waits either for its answer, which comes, or for
//! another worker, which goes on when the storm says so; a storm that cannot tell the two must wait for a while to find
//! out, and then its seed does not repeat. It can be told: the driver takes the tracing span in which something is asked
//! along with the question, and lets go of it when the answer is out. So this is a tracing subscriber with one span for
//! each worker, in which the worker is whenever it goes on, and it counts who holds them.

use std::{
    cell::Cell,
    collections::BTreeMap,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, ThreadId},
};

use tokio::sync::Notify;
use tracing_core::{
    Callsite, Event, Interest, Kind, Level, Metadata, Subscriber,
    callsite::Identifier,
    field::FieldSet,
    span::{Attributes, Current, Id, Record},
};

/// Who asks: a worker by its number, or what runs beside the workers.
pub(super) type Requester = u64;

/// The group commit, connections on their way back, the storm itself.
pub(super) const NOBODY: Requester = u64::MAX;

thread_local! {
    /// Whether this is the thread that the storm and its workers are on.
    static ON_STAGE: Cell<bool> = const { Cell::new(false) };
    static WHO: Cell<Requester> = const { Cell::new(NOBODY) };
}

/// How many questions of each asker are open.
#[derive(Debug, Default)]
pub(super) struct Requests {
    open: Mutex<BTreeMap<Requester, usize>>,
    /// How many there ever were.
    ever: AtomicU64,
    something_came: Notify,
    /// The thread of the connection that writes: the first that was opened.
    writer: OnceLock<ThreadId>,
    /// Whose question the writer is at.
    at_writer: AtomicU64,
    /// Held while a worker goes on, so that the database answers nothing before it has come to its next await.
    goes_on: Mutex<()>,
}

impl Requests {
    pub(super) fn new() -> Self {
        ON_STAGE.set(true);
        Self::default()
    }

    /// What `work` asks for is asked by this one.
    pub(super) fn by<T>(&self, asker: Requester, work: impl FnOnce() -> T) -> T {
        let _goes_on = self.goes_on.lock().expect("nobody panics holding it");
        let before = WHO.replace(asker);
        let done = work();
        WHO.set(before);
        done
    }

    /// Whether all is answered that was asked, but for what the writer has for one of these and cannot end until it is taken.
    pub(super) fn is_answered(&self, can_take: impl Fn(Requester) -> bool) -> bool {
        let at_writer = self.at_writer.load(Ordering::SeqCst);
        let open = self.open.lock().expect("nobody panics holding it");
        open.keys()
            .all(|asker| *asker == at_writer && can_take(*asker))
    }

    /// How many questions there ever were.
    pub(super) fn ever(&self) -> u64 {
        self.ever.load(Ordering::SeqCst)
    }

    /// An answer came, or a worker was woken.
    pub(super) fn tell(&self) {
        self.something_came.notify_one();
    }

    /// Waits until something has come since the last time.
    pub(super) async fn something_came(&self) {
        self.something_came.notified().await;
    }

    fn is_at(&self, question: &Id) {
        let this = thread::current().id();
        if *self.writer.get_or_init(|| this) == this {
            self.at_writer.store(question.into_u64(), Ordering::SeqCst);
        }
    }

    fn change(&self, id: &Id, change: impl FnOnce(&mut usize)) {
        let asker = id.into_u64();
        let mut open = self.open.lock().expect("nobody panics holding it");
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

/// Hands the spans out. Those of the platform itself do not exist in a storm: they would hide who asks.
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

    /// A thread of the database begins with what it was asked.
    fn enter(&self, id: &Id) {
        if ON_STAGE.get() {
            return;
        }
        drop(self.0.goes_on.lock().expect("nobody panics holding it"));
        self.0.is_at(id);
    }

    fn exit(&self, _: &Id) {
        if !ON_STAGE.get() {
            self.0.is_at(&Id::from_u64(NOBODY));
        }
    }
}
