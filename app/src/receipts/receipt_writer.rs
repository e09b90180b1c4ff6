//! The group commit of receipts for text messages and e-mails, which arrive as fast as messages are sent.

use std::{collections::BTreeSet, sync::Arc};

use domain::TaskId;
use queue::Enqueue as _;

use crate::{
    group_commit::{CommitFailure, GroupCommit, GroupWriter, Infrastructure},
    tasks::{self, EmailReceipt, MAX_TASK_IDS, SmsReceipt},
};

/// A receipt that waits for a commit.
#[derive(Debug, Clone)]
pub(crate) enum ReceiptRow {
    Sms(SmsReceipt),
    Email(EmailReceipt),
}

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
    type Row = ReceiptRow;
    type Error = ReceiptError;
    const ROWS: &'static str = "receipts";

    fn size_bytes(row: &ReceiptRow) -> usize {
        // Every text in a receipt is bounded where it is parsed.
        const MAX_TEXT_BYTES: usize = 512;
        size_of::<ReceiptRow>()
            + match row {
                ReceiptRow::Sms(receipt) => {
                    receipt.status.len() + receipt.code.as_ref().map_or(0, String::len)
                }
                ReceiptRow::Email(_) => MAX_TEXT_BYTES,
            }
    }

    async fn write(
        &self,
        receipts: Vec<ReceiptRow>,
    ) -> Result<Vec<Option<ReceiptError>>, store::Error> {
        let now = self.0.clock.now();
        let count = receipts.len();
        let (mut sms, mut email) = (Vec::new(), Vec::new());
        for receipt in receipts {
            match receipt {
                ReceiptRow::Sms(receipt) => sms.push(receipt),
                ReceiptRow::Email(receipt) => email.push(receipt),
            }
        }
        let id = || TaskId::generate(now, &*self.0.random);
        let sms = sms
            .chunks(MAX_TASK_IDS)
            .map(|some| tasks::sms_receipts(id(), some.to_vec(), now));
        let email = email
            .chunks(MAX_TASK_IDS)
            .map(|some| tasks::email_receipts(id(), some.to_vec(), now));
        let tasks: Vec<_> = sms.chain(email).collect();
        let pools: BTreeSet<&'static str> = tasks.iter().map(|task| task.pool).collect();
        let mut tx = self.0.store.write().await?;
        tx.enqueue(tasks).await?;
        tx.commit().await?;
        for pool in pools {
            self.0.notifier.notify(pool);
        }
        Ok((0..count).map(|_| None).collect())
    }
}
