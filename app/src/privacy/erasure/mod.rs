//! Erasing one recipient everywhere: who they are, what was sent to them, what they wrote.
//!
//! Recipients are sealed, so they cannot be looked for: whatever may hold one is walked through by id, a page at a time,
//! opened and compared. What is found is replaced by compare-and-set with nothing; rows stay, so that counts and bills
//! stay right. Everything looks at what is there: stopped anywhere it can be begun again, twice is harmless, and the
//! platform runs on beside it.
//!
//! Files go first, for a job makes messages from its file. A job at work on a file with the recipient in it is paused,
//! and its file written anew once its worker has let go; then it goes on. A message that waits is cancelled, so that it
//! is not sent to nobody – unless a worker has it in hand just now: then it is erased once the worker has said what became
//! of it. What has to wait is asked for again with [`Erasure::go_on`].
//!
//! Why a job is paused stands in the job, so that an erasure that takes up what another left halfway lets it go on; who
//! writes files anew stands in the database, so that no two do at once ([`Rewriting`]).
//!
//! Not erased: people of the teams, who are reported; letters, whose recipient is an address of several lines; what other
//! people's messages say about the recipient; files by e-mail whose message is forgotten, or whose row of a job was never
//! kept, which nobody but who has the link can open or connect with an address (`docs/decisions/files-by-email.md`); and
//! what providers, backups and the development sink have.

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

/// How many rows are looked at between two looks.
const AT_ONCE: u32 = 500;

/// Somebody to erase, in the form in which recipients are compared: of a phone number its digits with the country's, of
/// an e-mail address lower case.
#[derive(Debug, Clone)]
pub struct Recipient {
    normalised: Private<String>,
    channel: Channel,
}

/// What can be erased.
#[derive(Debug, thiserror::Error)]
#[error("neither an e-mail address nor a phone number: give one as messages are sent to it")]
pub struct InvalidRecipient;

impl Recipient {
    /// Reads a recipient as the door does.
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

    /// Whether this is the same recipient, however it is written.
    fn is(&self, text: &str) -> bool {
        text == self.normalised.reveal() || formatted_recipient(text) == *self.normalised.reveal()
    }
}

/// Why an erasure stopped. It can be begun again.
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
    /// Another writes files anew, or may by now.
    #[error(transparent)]
    Rewriting(#[from] RewriteLockError),
    /// A job that was paused for it does not go on.
    #[error("a job that was paused does not go on")]
    Job(#[from] PauseError),
}

/// What was erased, by table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Messages that hold nothing personal any more.
    pub notifications: u64,
    /// Those of them that still waited, and were cancelled.
    pub cancelled: u64,
    /// Files by e-mail that went, rows and bytes.
    pub documents: u64,
    /// Received texts of which a line of history is left.
    pub received_texts: u64,
    /// Wishes to hear no more.
    pub unsubscribe_requests: u64,
    /// Places on guest lists.
    pub guests: u64,
    /// Spreadsheets of jobs and uploads that were written anew.
    pub spreadsheets: u64,
    /// Contact lists that were written anew.
    pub contact_lists: u64,
    /// Rows of these that were overwritten.
    pub rows: u64,
    /// Kept answers of idempotency keys that say nothing any more.
    pub answers: u64,
    /// People of teams with this address or number: they are not erased.
    pub team_members: u64,
    /// Messages that a worker has in hand, and files that a worker reads: they wait.
    pub waiting: u64,
    /// Files that cannot be read, by their paths: whether the recipient is in them is not known.
    pub unreadable: Vec<String>,
}

/// The erasure of one recipient.
#[derive(Debug)]
pub struct Erasure<'a> {
    app: &'a App,
    recipient: Recipient,
    service: Option<ServiceId>,
    report: Report,
    has_begun: bool,
    has_walked: bool,
    busy_sheets: Vec<Spreadsheet>,
    in_hand: Vec<Notification>,
    /// Once it has begun.
    rewriting: Option<RewriteLock>,
}

impl<'a> Erasure<'a> {
    /// Of one service or of all.
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
                guests: 0,
                spreadsheets: 0,
                contact_lists: 0,
                rows: 0,
                answers: 0,
                team_members: 0,
                waiting: 0,
                unreadable: Vec::new(),
            },
            has_begun: false,
            has_walked: false,
            busy_sheets: Vec::new(),
            in_hand: Vec::new(),
            rewriting: None,
        }
    }

    /// Erases what can be erased now; whether that was everything. Ask again, a moment later, until it was.
    ///
    /// Nobody else writes files anew until it was, or for a minute after this is dropped.
    pub async fn go_on(&mut self) -> Result<bool, EraseError> {
        match &self.rewriting {
            Some(rewriting) => rewriting.renew().await?,
            None => self.rewriting = Some(RewriteLock::acquire(self.app, "an erasure").await?),
        }
        let outcome = self.erase_what_can_be().await;
        if !matches!(outcome, Ok(false))
            && let Some(rewriting) = self.rewriting.take()
        {
            rewriting.end().await?;
        }
        outcome
    }

    async fn erase_what_can_be(&mut self) -> Result<bool, EraseError> {
        if self.has_begun {
            let busy = std::mem::take(&mut self.busy_sheets);
            self.erase_from_sheets(busy).await?;
        } else {
            self.erase_from_all_sheets().await?;
            self.erase_from_contact_lists().await?;
            self.has_begun = true;
        }
        // Until the last file is written anew, its job may make more messages.
        if self.busy_sheets.is_empty() {
            if self.has_walked {
                let in_hand = std::mem::take(&mut self.in_hand);
                self.erase_again(in_hand).await?;
            } else {
                self.erase_messages().await?;
                self.erase_related_records().await?;
                self.has_walked = true;
            }
        }
        self.report.waiting = (self.busy_sheets.len() + self.in_hand.len()) as u64;
        if self.report.waiting > 0 {
            return Ok(false);
        }
        self.erase_idempotent_responses().await?;
        self.app.store.checkpoint_wal().await?;
        let Report {
            notifications,
            rows,
            ..
        } = self.report;
        info!("erased a recipient: {notifications} messages, {rows} rows of files");
        Ok(true)
    }

    /// What was erased so far.
    pub const fn report(&self) -> &Report {
        &self.report
    }

    /// A transaction that leaves no trace of what it removes in the database's file.
    async fn write(&self) -> Result<Tx, store::Error> {
        let mut tx = self.app.write().await?;
        tx.enable_secure_delete().await?;
        Ok(tx)
    }

    /// A file that cannot be read holds up nothing else; a storage that fails does.
    fn note_unreadable(&mut self, key: &files::Key, error: OpenError) -> Result<(), EraseError> {
        match error {
            OpenError::Files(files::Error::Missing(_)) => {}
            OpenError::Files(error) => return Err(error.into()),
            OpenError::Damaged | OpenError::Vault(_) => {
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
