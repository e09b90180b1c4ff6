//! The group commit of receipts for text messages, which arrive as fast as messages are sent.

use std::sync::Arc;

use domain::TaskId;
use queue::Enqueue as _;

use super::SmsReceipt;
use crate::{
    group_commit::{CommitFailure, GroupCommit, GroupWriter, Infrastructure},
    tasks::{self, MAX_TASK_IDS},
};

/// Why a receipt was not accepted. The provider sends it again.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// Too many receipts are waiting.
    #[error("too many receipts wait to be kept")]
    Busy,
    /// The database failed.
    #[error("the receipt could not be kept")]
    Store(#[source] Arc<store::Error>),
}

impl From<CommitFailure> for ReceiptError {
    fn from(failure: CommitFailure) -> Self {
        match failure {
            CommitFailure::Busy => Self::Busy,
            CommitFailure::Store(error) => Self::Store(error),
        }
    }
}

/// Commits the tasks that apply receipts.
#[derive(Debug, Clone)]
pub(crate) struct ReceiptWriter(Infrastructure);

impl ReceiptWriter {
    pub(super) fn start(infrastructure: &Infrastructure) -> GroupCommit<Self> {
        GroupCommit::start(&Self(infrastructure.clone()), 1)
    }
}

impl GroupWriter for ReceiptWriter {
    type Row = SmsReceipt;
    type Error = ReceiptError;
    const ROWS: &'static str = "receipts";

    fn size_bytes(row: &SmsReceipt) -> usize {
        size_of::<SmsReceipt>() + row.status.len() + row.code.as_ref().map_or(0, String::len)
    }

    async fn write(
        &self,
        receipts: Vec<SmsReceipt>,
    ) -> Result<Vec<Option<ReceiptError>>, store::Error> {
        let now = self.0.clock.now();
        let tasks = receipts
            .chunks(MAX_TASK_IDS)
            .map(|some| {
                tasks::sms_receipts(TaskId::generate(now, &*self.0.random), some.to_vec(), now)
            })
            .collect();
        let mut tx = self.0.store.write().await?;
        tx.enqueue(tasks).await?;
        tx.commit().await?;
        self.0.notifier.notify(tasks::SMS_CALLBACKS);
        Ok(receipts.iter().map(|_| None).collect())
    }
}
