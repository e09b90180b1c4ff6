//! Where receipts of texts come in. Those that arrive while the last commit runs share the next one, and share tasks,
//! as messages do: a provider reports as fast as we send. What was answered is durable.

use std::sync::Arc;

use domain::{Clock, RandomSource, TaskId};
use queue::{Enqueue as _, Notifier, catch_panic};
use store::Store;
use tokio::sync::{mpsc, oneshot};
use tracing::error;

use super::SmsReceipt;
use crate::tasks;

/// How many receipts may wait for a commit.
const QUEUE_CAPACITY: usize = 4096;
/// How many share a commit at most.
const MAX_COMMIT_RECEIPTS: usize = 512;
/// How many share a task at most.
const MAX_TASK_RECEIPTS: usize = 100;

/// Why a receipt was not kept: the provider will bring it again.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// So many wait already that this one would wait too long.
    #[error("too many receipts wait to be kept")]
    Busy,
    /// The store failed.
    #[error("the receipt could not be kept")]
    Store(#[source] Arc<store::Error>),
}

struct QueuedReceipt {
    receipt: SmsReceipt,
    answer: oneshot::Sender<Result<(), ReceiptError>>,
}

/// Where receipts wait for the next commit.
#[derive(Debug)]
pub(crate) struct ReceiptWriter(mpsc::Sender<QueuedReceipt>);

impl ReceiptWriter {
    /// Begins to keep.
    pub(crate) fn start(
        store: &Store,
        clock: &Arc<dyn Clock>,
        entropy: &Arc<dyn RandomSource>,
        signals: &Notifier,
    ) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE_CAPACITY);
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
    pub(super) async fn write_receipt(&self, receipt: SmsReceipt) -> Result<(), ReceiptError> {
        let (answer, answered) = oneshot::channel();
        self.0
            .try_send(QueuedReceipt { receipt, answer })
            .map_err(|_| ReceiptError::Busy)?;
        answered.await.unwrap_or(Err(ReceiptError::Busy))
    }
}

struct Writer {
    store: Store,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn RandomSource>,
    signals: Notifier,
}

impl Writer {
    async fn run(self, mut receiver: mpsc::Receiver<QueuedReceipt>) {
        loop {
            let mut waiting = Vec::with_capacity(MAX_COMMIT_RECEIPTS);
            if receiver.recv_many(&mut waiting, MAX_COMMIT_RECEIPTS).await == 0 {
                return;
            }
            let (receipts, answers): (Vec<_>, Vec<_>) = waiting
                .into_iter()
                .map(|one| (one.receipt, one.answer))
                .unzip();
            let Some(written) = catch_panic(self.write(&receipts)).await else {
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
                let told = outcome.clone().map_err(ReceiptError::Store);
                // Who has gone away does not hear it.
                let _ = answer.send(told);
            }
        }
    }

    async fn write(&self, receipts: &[SmsReceipt]) -> Result<(), store::Error> {
        let now = self.clock.now();
        let tasks = receipts
            .chunks(MAX_TASK_RECEIPTS)
            .map(|some| {
                tasks::sms_receipts(TaskId::generate(now, &*self.entropy), some.to_vec(), now)
            })
            .collect();
        let mut tx = self.store.write().await?;
        tx.enqueue(tasks).await?;
        tx.commit().await?;
        self.signals.notify(tasks::SMS_CALLBACKS);
        Ok(())
    }
}
