//! The parent's side.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use sandbox::{Program, RunError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::warn;

use super::{
    FileKind, KINDS, child,
    incoming::IncomingBudget,
    slow_services::{CheckTurns, Effort},
};
use crate::service_turns::ServiceTurns;

/// Callers that may wait for children of a kind. Those that wait too long time out.
const MAX_WAITING: usize = 64;

/// Stack of the thread that replaces a child.
const THREAD_STACK_BYTES: usize = 64 << 20;

/// Reads foreign files. Cheap to clone; all clones share the number of children that may run.
#[derive(Debug, Clone)]
pub struct ForeignFiles {
    isolation: Isolation,
    /// For each kind, a permit for each child that may run.
    permits: Arc<[Arc<Semaphore>]>,
    /// Memory for files that arrive.
    pub(super) incoming: IncomingBudget,
    /// The queues in front of the children that convert workbooks and draw pages, for which callers wait.
    pub(super) workbooks: Arc<ServiceTurns>,
    pub(super) pictures: Arc<ServiceTurns>,
    pub(crate) turns: CheckTurns,
}

/// Where the parsers run.
#[derive(Debug, Clone)]
enum Isolation {
    Children(Program),
    Threads,
}

/// The platform could not read a file for a reason other than the file: a retry may help.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the process that reads files is not available: {0}")]
pub struct Unavailable(String);

/// The answer of a parser about a file.
pub(super) struct Answer {
    pub(super) bytes: Vec<u8>,
    /// Held while the answer is in use, so that few large ones are in memory at once.
    _permit: OwnedSemaphorePermit,
}

impl ForeignFiles {
    /// Reads files in children that run `program`, which must call [`super::serve_as_child`] with its last argument.
    pub fn in_children(program: Program) -> Self {
        Self::with(Isolation::Children(program))
    }

    /// Reads files in children of the running program, by its command `read-file`.
    pub fn in_children_of_this_program() -> io::Result<Self> {
        Ok(Self::in_children(
            Program::itself()?.with_arguments(["read-file"]),
        ))
    }

    /// Reads files on a thread of this process, with no protection: for tests whose program has no such command.
    pub fn in_this_process() -> Self {
        Self::with(Isolation::Threads)
    }

    fn with(isolation: Isolation) -> Self {
        let permits = KINDS
            .iter()
            .map(|kind| Arc::new(Semaphore::new(kind.at_once)));
        Self {
            isolation,
            permits: permits.collect(),
            incoming: IncomingBudget::default(),
            workbooks: Arc::new(ServiceTurns::new(MAX_WAITING)),
            pictures: Arc::new(ServiceTurns::new(MAX_WAITING)),
            turns: CheckTurns::default(),
        }
    }

    /// Runs work that keeps a processor busy for milliseconds, which requests on the same thread would wait for; `None` if it
    /// panics. Where files are read in this process, it runs at once: a simulation must take the same course each time.
    pub(crate) async fn run_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        match &self.isolation {
            Isolation::Children(_) => tokio::task::spawn_blocking(work).await.ok(),
            Isolation::Threads => catch_unwind(AssertUnwindSafe(work)).ok(),
        }
    }

    /// Returns the parser's answer about a file; `None` if the file ended the parser, took it too long or made its
    /// answer too large.
    pub(super) async fn read(
        &self,
        kind: &'static FileKind,
        file_name: &str,
        file: Bytes,
    ) -> Result<Option<Answer>, Unavailable> {
        self.read_counting(kind, file_name, file, &mut Effort::default())
            .await
    }

    /// As [`ForeignFiles::read`], and adds what it took.
    pub(super) async fn read_counting(
        &self,
        kind: &'static FileKind,
        file_name: &str,
        file: Bytes,
        effort: &mut Effort,
    ) -> Result<Option<Answer>, Unavailable> {
        // Before a child is started: each may use hundreds of megabytes.
        let permit = self.acquire_permit(kind).await;
        let size = file.len();
        let (answered, took) = match &self.isolation {
            Isolation::Children(program) => {
                let began = Instant::now();
                let answered = in_child(program, kind, file_name, file).await;
                (answered, began.elapsed())
            }
            // Not measured: a simulation must take the same course each time.
            Isolation::Threads => (on_thread(kind, file_name.to_owned(), file), Duration::ZERO),
        };
        effort.add(took, matches!(answered, Err(RunError::Input(_))));
        match answered {
            Ok(bytes) => Ok(Some(Answer {
                bytes,
                _permit: permit,
            })),
            Err(RunError::Input(why)) => {
                warn!(
                    "a foreign {} of {size} bytes is unreadable: the child process {why}",
                    kind.name
                );
                Ok(None)
            }
            Err(error @ RunError::System(_)) => Err(Unavailable(error.to_string())),
        }
    }

    async fn acquire_permit(&self, kind: &'static FileKind) -> OwnedSemaphorePermit {
        let at = KINDS.iter().position(|known| known.name == kind.name);
        let permits = &self.permits[at.expect("every kind is in the list")];
        let permit = permits.clone().acquire_owned().await;
        permit.expect("the semaphore is never closed")
    }
}

async fn in_child(
    program: &Program,
    kind: &FileKind,
    file_name: &str,
    file: Bytes,
) -> Result<Vec<u8>, RunError> {
    let program = program.clone().with_arguments([kind.name]);
    let input = [child::head(file_name).into(), file];
    sandbox::run(&program, &input, &kind.limits).await
}

/// Blocks until the thread ends: a simulation must take the same course each time, however fast the machine is.
fn on_thread(kind: &'static FileKind, file_name: String, file: Bytes) -> Result<Vec<u8>, RunError> {
    let thread = thread::Builder::new()
        .stack_size(THREAD_STACK_BYTES)
        .spawn(move || {
            let mut answer = Vec::new();
            (kind.read)(&file_name, &file, &mut answer).map(|()| answer)
        })
        .map_err(|error| RunError::System(error.to_string()))?;
    match thread.join() {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) | Err(_) => Err(RunError::Input("failed".to_owned())),
    }
}
