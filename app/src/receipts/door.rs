//! Where receipts of texts come in. Those that arrive while the last commit runs share the next one, and share tasks,
//! as messages do: a provider reports as fast as we send. What was answered is durable.

use std::sync::Arc;

use domain::{Clock, Entropy, TaskId};
use queue::{Enqueue as _, Signals, caught};
use store::Store;
use tokio::sync::{mpsc, oneshot};
use tracing::error;

use super::TextReceipt;
use crate::tasks;

/// How many receipts may wait for a commit.
const WAITING_ROOM: usize = 4096;
/// How many share a commit at most.
const AT_ONCE: usize = 512;
/// How many share a task at most.
const BATCH: usize = 100;

/// Why a receipt was not kept: the provider will bring it again.
#[derive(Debug, thiserror::Error)]
pub enum HearError {
    /// So many wait already that this one would wait too long.
    #[error("too many receipts wait to be kept")]
    Busy,
    /// The store failed.
    #[error("the receipt could not be kept")]
    Store(#[source] Arc<store::Error>),
}

struct Waiting {
    receipt: TextReceipt,
    answer: oneshot::Sender<Result<(), HearError>>,
}

/// Where receipts wait for the next commit.
#[derive(Debug)]
pub(crate) struct Door(mpsc::Sender<Waiting>);

impl Door {
    /// Begins to keep.
    pub(crate) fn open(
        store: &Store,
        clock: &Arc<dyn Clock>,
        entropy: &Arc<dyn Entropy>,
        signals: &Signals,
    ) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING_ROOM);
        let writer = Writer {
            store: store.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
            signals: signals.clone(),
        };
        tokio::spawn(writer.run(receiver));
        Self(sender)
    }

    /// Keeps a receipt: when this returns, the task that records it is durable.
    pub(super) async fn keep(&self, receipt: TextReceipt) -> Result<(), HearError> {
        let (answer, answered) = oneshot::channel();
        self.0
            .try_send(Waiting { receipt, answer })
            .map_err(|_| HearError::Busy)?;
        answered.await.unwrap_or(Err(HearError::Busy))
    }
}

struct Writer {
    store: Store,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    signals: Signals,
}

impl Writer {
    async fn run(self, mut receiver: mpsc::Receiver<Waiting>) {
        loop {
            let mut waiting = Vec::with_capacity(AT_ONCE);
            if receiver.recv_many(&mut waiting, AT_ONCE).await == 0 {
                return;
            }
            let (receipts, answers): (Vec<_>, Vec<_>) = waiting
                .into_iter()
                .map(|one| (one.receipt, one.answer))
                .unzip();
            let Some(written) = caught(self.write(&receipts)).await else {
                error!(
                    "the program failed while it kept {} receipts; their providers are told to bring them again",
                    receipts.len()
                );
                continue;
            };
            let outcome = written.map_err(|fault| {
                error!(
                    error = &fault as &dyn std::error::Error,
                    "cannot keep {} receipts, their providers are told to bring them again; look at the database",
                    receipts.len()
                );
                Arc::new(fault)
            });
            for answer in answers {
                let told = outcome.clone().map_err(HearError::Store);
                // Who has gone away does not hear it.
                let _ = answer.send(told);
            }
        }
    }

    async fn write(&self, receipts: &[TextReceipt]) -> Result<(), store::Error> {
        let now = self.clock.now();
        let tasks = receipts
            .chunks(BATCH)
            .map(|some| tasks::sms_receipts(TaskId::mint(now, &*self.entropy), some.to_vec(), now))
            .collect();
        let mut tx = self.store.write().await?;
        tx.enqueue(tasks).await?;
        tx.commit().await?;
        self.signals.wake(tasks::SMS_CALLBACKS);
        Ok(())
    }
}
