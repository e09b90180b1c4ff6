//! Erases one recipient everywhere: their address or number, what was sent to them, and what they wrote.
//!
//! Recipients are sealed, so they cannot be searched for: every table that may contain one is read by id, a page at a
//! time, decrypted and compared. What is found is replaced with nothing by compare-and-set. Every step looks at what
//! exists, so an erasure may stop anywhere, be repeated, and run beside a running platform.
//!
//! Not erased: team members, who are reported; letters, whose recipient is an address of several lines; what other
//! people's messages say about the recipient; files by e-mail whose notification is gone, or whose row of a job was never
//! written, which only the holder of the link can open or connect with an address (`docs/decisions/files-by-email.md`);
//! and what providers, backups and the development sink hold.

mod idempotent_responses;
mod messages;
mod related_records;
mod rows;
mod spreadsheets;

use domain::{Channel, Private, ServiceId};
use recipients::{
    email_addresses::EmailAddress, guest_lists::formatted_recipient, phone_numbers::PhoneNumber,
};
use store::{Tx, notifications::Notification, spreadsheets::Spreadsheet};
use tracing::info;

use crate::{App, OpenError, RewriteLock, RewriteLockError, jobs::PauseError};

/// Rows read at a time.
const PAGE_SIZE: u32 = 500;

/// A recipient to erase, in the form used for comparison: a phone number as digits with the country code, an e-mail
/// address in lower case.
#[derive(Debug, Clone)]
pub struct Recipient {
    normalised: Private<String>,
    channel: Channel,
}

/// The text is neither a phone number nor an e-mail address.
#[derive(Debug, thiserror::Error)]
#[error("neither an e-mail address nor a phone number: give one as messages are sent to it")]
pub struct InvalidRecipient;

impl Recipient {
    /// Parses a recipient as the API does.
    pub fn parse(text: &str) -> Result<Self, InvalidRecipient> {
        let (normalised, channel) = if let Ok(address) = EmailAddress::parse(text) {
            (address.normalised(), Channel::Email)
        } else {
            let number = PhoneNumber::parse(text).map_err(|_| InvalidRecipient)?;
            (number.normalised(), Channel::Sms)
        };
        Ok(Self {
            normalised: normalised.into(),
            channel,
        })
    }

    /// Returns whether this is the same recipient, however it is written.
    fn is(&self, text: &str) -> bool {
        text == self.normalised.reveal() || formatted_recipient(text) == *self.normalised.reveal()
    }
}

/// Why an erasure stopped. It can be run again.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
    /// The file storage failed.
    #[error("the file storage failed")]
    Files(#[from] files::Error),
    /// A file by e-mail cannot be removed.
    #[error("a file by e-mail cannot be removed")]
    Document(#[from] crate::documents::FileError),
    /// The lock for rewriting files is held by another run, or may be lost.
    #[error(transparent)]
    Rewriting(#[from] RewriteLockError),
    /// A job that was paused for the erasure cannot be resumed.
    #[error("a job that was paused cannot be resumed")]
    Job(#[from] PauseError),
}

/// What was erased, by table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Notifications without personal data now.
    pub notifications: u64,
    /// Those of them that were still waiting and were cancelled.
    pub cancelled: u64,
    /// Files by e-mail, rows and bytes.
    pub documents: u64,
    /// Inbound SMS, of which a line of history is left.
    pub received_texts: u64,
    /// Unsubscribe requests.
    pub unsubscribe_requests: u64,
    /// Complaints, which stay without the address.
    pub complaints: u64,
    /// Entries of suppression lists, of which the hash is left.
    pub suppressions: u64,
    /// Entries of guest lists.
    pub guests: u64,
    /// Spreadsheets of jobs and uploads that were rewritten.
    pub spreadsheets: u64,
    /// Contact lists that were rewritten.
    pub contact_lists: u64,
    /// Rows overwritten in these.
    pub rows: u64,
    /// Stored responses of idempotency keys that were emptied.
    pub answers: u64,
    /// Team members with this address or number: they are not erased.
    pub team_members: u64,
    /// Notifications that a worker is sending, and files that a worker reads: they wait.
    pub waiting: u64,
    /// Unreadable files, by their paths: whether they contain the recipient is not known.
    pub unreadable: Vec<String>,
}

/// The erasure of one recipient.
#[derive(Debug)]
pub struct Erasure<'a> {
    app: &'a App,
    recipient: Recipient,
    service: Option<ServiceId>,
    report: Report,
    files_done: bool,
    records_done: bool,
    busy_sheets: Vec<Spreadsheet>,
    in_progress: Vec<Notification>,
    /// Held from the first step on.
    lock: Option<RewriteLock>,
}

impl<'a> Erasure<'a> {
    /// Prepares the erasure of a recipient from one service, or from all.
    pub const fn new(app: &'a App, recipient: Recipient, service: Option<ServiceId>) -> Self {
        Self {
            app,
            recipient,
            service,
            report: Report {
                notifications: 0,
                cancelled: 0,
                documents: 0,
                received_texts: 0,
                unsubscribe_requests: 0,
                complaints: 0,
                suppressions: 0,
                guests: 0,
                spreadsheets: 0,
                contact_lists: 0,
                rows: 0,
                answers: 0,
                team_members: 0,
                waiting: 0,
                unreadable: Vec::new(),
            },
            files_done: false,
            records_done: false,
            busy_sheets: Vec::new(),
            in_progress: Vec::new(),
            lock: None,
        }
    }

    /// Erases what can be erased now. Returns false while something has to wait: call it again a moment later. The
    /// lock for rewriting files is held until everything is erased, or for a minute after this is dropped.
    pub async fn run(&mut self) -> Result<bool, EraseError> {
        // A re-encryption at the same time could bring back what was erased.
        match &self.lock {
            Some(lock) => lock.renew().await?,
            None => self.lock = Some(RewriteLock::acquire(self.app, "an erasure").await?),
        }
        let outcome = self.erase_what_can_be().await;
        if !matches!(outcome, Ok(false))
            && let Some(lock) = self.lock.take()
        {
            lock.release().await?;
        }
        outcome
    }

    async fn erase_what_can_be(&mut self) -> Result<bool, EraseError> {
        if self.files_done {
            let busy = std::mem::take(&mut self.busy_sheets);
            self.erase_from_sheets(busy).await?;
        } else {
            // Files first, because a job creates notifications from its file.
            self.erase_from_all_sheets().await?;
            self.erase_from_contact_lists().await?;
            self.files_done = true;
        }
        // Until the last file is rewritten, its job may create more notifications.
        if self.busy_sheets.is_empty() {
            if self.records_done {
                let in_progress = std::mem::take(&mut self.in_progress);
                self.erase_again(in_progress).await?;
            } else {
                self.erase_messages().await?;
                self.erase_related_records().await?;
                self.records_done = true;
            }
        }
        self.report.waiting = (self.busy_sheets.len() + self.in_progress.len()) as u64;
        if self.report.waiting > 0 {
            return Ok(false);
        }
        // Last, because a response is emptied if its notification is.
        self.erase_idempotent_responses().await?;
        // The log still holds the pages from before the erasure (SQLite).
        self.app.store.checkpoint_wal().await?;
        let Report {
            notifications,
            rows,
            ..
        } = self.report;
        info!("erased a recipient: {notifications} messages, {rows} rows of files");
        Ok(true)
    }

    /// Returns what was erased so far.
    pub const fn report(&self) -> &Report {
        &self.report
    }

    /// Begins a transaction that overwrites what it deletes in the database's file.
    async fn write(&self) -> Result<Tx, store::Error> {
        let mut tx = self.app.write().await?;
        tx.enable_secure_delete().await?;
        Ok(tx)
    }

    /// Records an unreadable file and continues; a failing storage stops the erasure.
    fn record_unreadable(&mut self, key: &files::Key, error: OpenError) -> Result<(), EraseError> {
        match error {
            // Retention has removed it since the page was read.
            OpenError::Files(files::Error::Missing(_)) => {}
            OpenError::Files(error) => return Err(error.into()),
            OpenError::Damaged | OpenError::Keyring(_) => {
                self.report.unreadable.push(key.as_str().to_owned());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipient_is_the_same_however_it_is_written() {
        let number = Recipient::parse("07700 900123").unwrap();
        for same in ["447700900123", "+44 7700 900 123", "07700900123"] {
            assert!(number.is(same), "{same}");
        }
        assert!(!number.is("07700900124") && !number.is(""));
        let address = Recipient::parse("Ada@Example.com").unwrap();
        assert!(address.is("ada@example.com") && address.is("ADA@EXAMPLE.COM"));
        assert!(Recipient::parse("nobody").is_err());
    }
}
