//! The development sink: stores messages in a directory instead of sending them.
//!
//! ```text
//! <directory>/email/2026-11-24/<id>.eml      the bytes that SMTP would have transmitted
//! <directory>/sms/2026-11-24/<id>.txt        To, From, Date, Reference, a blank line, the text
//! <directory>/letter/2026-11-24/<id>.pdf     the pages
//! ```
//!
//! The day is that of the attempt, in UTC. A second attempt to send the same message is stored beside the first, as
//! `<id>.2.eml`, which shows that it would have been sent twice. (On another day it is `<id>.eml` of that day.)
//!
//! A file appears under its name complete or not at all, even if the process is killed. It is not synced to the disk, for
//! speed: losing messages of a development sink in a power cut is acceptable.

mod file_store;
mod list;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use bytes::Bytes;
use domain::Channel;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

use self::file_store::{FileStore, SinkFile};
pub use self::list::{Counts, SinkMessage};
use crate::{
    Email, EmailProvider, Letter, LetterProvider, SendError, SendReceipt, SettingsError, Sms,
    SmsProvider,
    email::{mime, rfc2047::one_line},
    settings::ProviderSettings,
};

const NAME: &str = "sink";

/// Enough for messages to share trips to the blocking pool.
const CONCURRENCY: usize = 64;

/// Stores messages in a directory; the default provider of every channel.
///
/// Cheap to clone; clones share their writers. Several processes may use one directory.
#[derive(Debug, Clone)]
pub struct Sink {
    file_store: Arc<FileStore>,
}

const fn file_extension(channel: Channel) -> &'static str {
    match channel {
        Channel::Email => "eml",
        Channel::Sms => "txt",
        Channel::Letter => "pdf",
    }
}

impl Sink {
    /// Creates a sink in `directory`, which is created with the first message.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            file_store: Arc::new(FileStore::new(directory.into())),
        }
    }

    /// Lists the newest messages, newest first, at most `limit`; of one channel or of all.
    ///
    /// Reads the whole directory of a day, but holds at most `limit` names and opens only the files it returns. Blocks.
    pub fn list(&self, channel: Option<Channel>, limit: usize) -> io::Result<Vec<SinkMessage>> {
        list::newest(self.file_store.directory(), channel, limit)
    }

    /// Counts the stored messages of each channel. Blocks.
    pub fn count(&self) -> io::Result<Counts> {
        list::count(self.file_store.directory())
    }

    async fn store(
        &self,
        channel: Channel,
        id: Uuid,
        at: Timestamp,
        bytes: impl Into<Bytes>,
    ) -> Result<SendReceipt, SendError> {
        let file = SinkFile {
            channel,
            id,
            at,
            bytes: bytes.into(),
        };
        self.file_store
            .write(file)
            .await
            .map_err(|error| unavailable(&error))?;
        Ok(SendReceipt::with_reference(id.to_string()))
    }
}

#[async_trait]
impl EmailProvider for Sink {
    fn name(&self) -> &'static str {
        NAME
    }

    fn reports_delivery(&self) -> bool {
        false
    }

    fn concurrency(&self) -> usize {
        CONCURRENCY
    }

    async fn send(&self, email: &Email) -> Result<SendReceipt, SendError> {
        let message = mime::encode(email)?;
        self.store(Channel::Email, email.id, email.at, message.bytes)
            .await
    }
}

#[async_trait]
impl SmsProvider for Sink {
    fn name(&self) -> &'static str {
        NAME
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

    async fn send(&self, sms: &Sms) -> Result<SendReceipt, SendError> {
        let text = format!(
            "To: {}\nFrom: {}\nDate: {}\nReference: {}\n\n{}",
            one_line(&sms.to),
            one_line(&sms.sender),
            sms.at,
            sms.id,
            sms.content
        );
        self.store(Channel::Sms, sms.id, sms.at, text.into_bytes())
            .await
    }
}

#[async_trait]
impl LetterProvider for Sink {
    fn name(&self) -> &'static str {
        NAME
    }

    fn reports_delivery(&self) -> bool {
        false
    }

    fn concurrency(&self) -> usize {
        CONCURRENCY
    }

    async fn send(&self, letter: &Letter) -> Result<SendReceipt, SendError> {
        self.store(Channel::Letter, letter.id, letter.at, letter.pdf.clone())
            .await
    }
}

/// The development sink has no settings of its own: its messages are in the directory `sink` of the data directory.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SinkSettings {}

macro_rules! sink_in_channel {
    ($port:ident) => {
        impl ProviderSettings<dyn $port> for SinkSettings {
            fn name(&self) -> &str {
                NAME
            }

            fn build(&self, sink_directory: &Path) -> Result<Arc<dyn $port>, SettingsError> {
                Ok(Arc::new(Sink::new(sink_directory)))
            }
        }
    };
}
sink_in_channel!(EmailProvider);
sink_in_channel!(SmsProvider);
sink_in_channel!(LetterProvider);

fn day_of(at: Timestamp) -> Date {
    at.to_zoned_datetime(TimeZone::UTC).date()
}

/// Only the file system can fail, which is never the message's fault.
fn unavailable(error: &io::Error) -> SendError {
    SendError::unavailable(match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "the sink's disk is full"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "the sink has no permission to write to its directory"
        }
        io::ErrorKind::NotADirectory => "the sink's directory is not a directory",
        _ => "the sink could not store the message",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_reported() {
        let error = unavailable(&io::ErrorKind::StorageFull.into());
        assert_eq!(error, SendError::unavailable("the sink's disk is full"));
    }
}
