//! The development sink: takes every message, sends none, and keeps what would have been sent.
//!
//! ```text
//! <directory>/email/2026-11-24/<id>.eml      the bytes that SMTP would have carried
//! <directory>/sms/2026-11-24/<id>.txt        To, From, Date, Reference, a blank line, the text
//! <directory>/letter/2026-11-24/<id>.pdf     the pages
//! ```
//!
//! The day is that of the hand-over, in UTC. A second hand-over of the same message is kept beside the first, as
//! `<id>.2.eml`: this is how one sees that a message would have gone out twice. (On another day it is `<id>.eml` of that
//! day.)
//!
//! A file appears under its name complete or not at all, also when the process is killed. It is not forced to the disk,
//! for speed: what a power cut takes from the sink nobody will miss.

mod list;
mod shelf;

use std::{io, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use domain::Channel;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use uuid::Uuid;

pub use self::list::{Counts, Kept};
use self::shelf::{Item, Shelf};
use crate::{
    Email, EmailProvider, Handed, Letter, LetterProvider, SendError, Sms, SmsProvider,
    email::{header_text::one_line, mime},
};

/// Messages that are worth handing over at the same time: they share trips to the blocking pool.
const CONCURRENCY: usize = 64;

/// Keeps messages in a directory in place of sending them; the default provider of every channel.
///
/// Cheap to clone; all clones share their writers. Several processes may use one directory.
#[derive(Debug, Clone)]
pub struct Sink {
    shelf: Arc<Shelf>,
}

/// Returns the ending of the names of files that hold messages of a channel.
const fn extension(channel: Channel) -> &'static str {
    match channel {
        Channel::Email => "eml",
        Channel::Sms => "txt",
        Channel::Letter => "pdf",
    }
}

impl Sink {
    /// A sink in `directory`, which is made when the first message comes.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            shelf: Arc::new(Shelf::new(directory.into())),
        }
    }

    /// The newest of what was kept, newest first, `limit` at most; of one channel or of all.
    ///
    /// Reads the directory of a day from end to end but holds no more than `limit` names, and opens only the files it
    /// answers with. Blocks: call it from a command, or from the blocking pool.
    pub fn list(&self, channel: Option<Channel>, limit: usize) -> io::Result<Vec<Kept>> {
        list::newest(self.shelf.directory(), channel, limit)
    }

    /// How many hand-overs were kept of each channel. Blocks, as [`Sink::list`].
    pub fn count(&self) -> io::Result<Counts> {
        list::count(self.shelf.directory())
    }

    async fn keep(
        &self,
        channel: Channel,
        id: Uuid,
        at: Timestamp,
        bytes: impl Into<shelf::Content>,
    ) -> Result<Handed, SendError> {
        let item = Item {
            channel,
            id,
            at,
            bytes: bytes.into(),
        };
        self.shelf
            .put(item)
            .await
            .map_err(|error| unavailable(&error))?;
        Ok(Handed::with_reference(id.to_string()))
    }
}

#[async_trait]
impl EmailProvider for Sink {
    fn name(&self) -> &'static str {
        "sink"
    }

    fn reports_delivery(&self) -> bool {
        false
    }

    fn concurrency(&self) -> usize {
        CONCURRENCY
    }

    async fn send(&self, email: &Email) -> Result<Handed, SendError> {
        let message = mime::compose(email)?;
        self.keep(Channel::Email, email.id, email.at, message.bytes)
            .await
    }
}

#[async_trait]
impl SmsProvider for Sink {
    fn name(&self) -> &'static str {
        "sink"
    }

    fn reports_delivery(&self) -> bool {
        false
    }

    fn supports_international(&self) -> bool {
        true
    }

    fn concurrency(&self) -> usize {
        CONCURRENCY
    }

    async fn send(&self, sms: &Sms) -> Result<Handed, SendError> {
        let page = format!(
            "To: {}\nFrom: {}\nDate: {}\nReference: {}\n\n{}",
            one_line(&sms.to),
            one_line(&sms.sender),
            sms.at,
            sms.id,
            sms.content
        );
        self.keep(Channel::Sms, sms.id, sms.at, page.into_bytes())
            .await
    }
}

#[async_trait]
impl LetterProvider for Sink {
    fn name(&self) -> &'static str {
        "sink"
    }

    fn reports_delivery(&self) -> bool {
        false
    }

    fn concurrency(&self) -> usize {
        CONCURRENCY
    }

    async fn send(&self, letter: &Letter) -> Result<Handed, SendError> {
        self.keep(Channel::Letter, letter.id, letter.at, letter.pdf.clone())
            .await
    }
}

fn day_of(at: Timestamp) -> Date {
    at.to_zoned_datetime(TimeZone::UTC).date()
}

/// All that can go wrong is the disk, which is never the message's fault.
fn unavailable(error: &io::Error) -> SendError {
    SendError::unavailable(match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "the sink's disk is full",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "the sink may not write to its directory"
        }
        io::ErrorKind::NotADirectory => "the sink's directory is not a directory",
        _ => "the sink could not keep the message",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_says_so() {
        let error = unavailable(&io::ErrorKind::StorageFull.into());
        assert_eq!(error, SendError::unavailable("the sink's disk is full"));
    }
}
