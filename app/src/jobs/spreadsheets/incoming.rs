//! Receiving a spreadsheet: each piece is checked, and sealed and stored, as it arrives.

use bytes::Bytes;
use domain::ServiceId;
use files::Key;
use futures::{Stream, StreamExt as _};
use spreadsheets::{
    Checker, Kind, Report, Separator, Settings, Template, TextEncoding, TextReader,
};
use tokio::task::yield_now;
use uuid::Uuid;

use super::UploadError;
use crate::{App, sealing::sealed_files::Sealer};

/// Bytes examined to recognise the type of a file.
const BEGINNING_BYTES: usize = 256 << 10;
/// Piece size when the file is already complete in memory.
pub(super) const PIECE_BYTES: usize = 64 << 10;

/// Where the bytes of a file come from, which decides how they are read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum FileSource<'a> {
    /// People sent it: it may be a workbook, or text in any encoding, with any separator.
    Sent {
        name: &'a str,
        encoding: Option<TextEncoding>,
    },
    /// A program sent rows, or we stored them: it is CSV.
    Csv,
}

impl FileSource<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Sent { name, .. } => name,
            Self::Csv => "rows.csv",
        }
    }

    /// Returns the reader of a file that begins like this, if it is text, which is read as a stream.
    fn text_reader(&self, beginning: &[u8], template: &Template) -> Option<TextReader> {
        // An archive is opened in a child process only, even to see what is in it.
        if Kind::is_container(beginning) {
            return None;
        }
        let usual = match Kind::of(beginning, self.name()) {
            Kind::Csv => Separator::Comma,
            Kind::Tsv => Separator::Tab,
            _ => return None,
        };
        let (encoding, template) = match self {
            Self::Sent { encoding, .. } => (*encoding, Some(template)),
            Self::Csv => (None, None),
        };
        Some(TextReader::new(beginning, usual, encoding, template))
    }
}

/// A file that is being received: each piece is checked and, if the file is stored, sealed and written.
pub(super) struct IncomingSpreadsheet {
    service: ServiceId,
    checker: Checker,
    sealed: Option<Sealer>,
    /// Bytes that were received, and bytes that were stored: a workbook is stored as CSV.
    bytes: u64,
    stored_bytes: i64,
}

impl IncomingSpreadsheet {
    pub(super) async fn new(
        app: &App,
        service: ServiceId,
        place: Option<(Key, Uuid)>,
        settings: Settings,
    ) -> Result<Self, UploadError> {
        let sealed = match place {
            Some((key, owner)) => {
                let upload = app.files.create(&key).await?;
                Some(Sealer::new(upload, app.store.keyring().clone(), owner))
            }
            None => None,
        };
        Ok(Self {
            service,
            checker: Checker::new(settings),
            sealed,
            bytes: 0,
            stored_bytes: 0,
        })
    }

    /// Receives the whole body. Text is streamed; workbooks have to be complete before they can be read.
    pub(super) async fn take(
        &mut self,
        app: &App,
        source: FileSource<'_>,
        mut body: impl Stream<Item = Result<Bytes, UploadError>> + Send + Unpin,
    ) -> Result<(), UploadError> {
        let limit = app.settings.max_upload_bytes;
        let mut beginning = Vec::new();
        while beginning.len() < BEGINNING_BYTES
            && let Some(piece) = body.next().await.transpose()?
        {
            self.count(piece.len(), limit)?;
            beginning.extend_from_slice(&piece);
        }
        if let Some(mut text) = source.text_reader(&beginning, self.checker.template()) {
            self.checker.skip_lines(text.skipped_lines());
            self.keep(&text.push(&beginning)?).await?;
            while !self.checker.has_enough_errors()
                && let Some(piece) = body.next().await.transpose()?
            {
                self.count(piece.len(), limit)?;
                self.keep(&text.push(&piece)?).await?;
            }
            if self.checker.has_enough_errors() {
                return Ok(());
            }
            let (rest, notes) = text.finish()?;
            self.checker.note(notes);
            return self.keep(&rest).await;
        }
        let file_name = source.name();
        let mut whole = app.foreign_files.receive(self.service);
        whole.push(&beginning)?;
        drop(beginning);
        while let Some(piece) = body.next().await.transpose()? {
            self.count(piece.len(), limit)?;
            whole.push(&piece)?;
        }
        let converted = app.foreign_files.convert(self.service, whole, file_name);
        let mut converted = converted.await?;
        self.checker.note(std::mem::take(&mut converted.notes));
        for piece in converted.csv().chunks(PIECE_BYTES) {
            self.keep(piece).await?;
        }
        Ok(())
    }

    fn count(&mut self, more: usize, limit: u64) -> Result<(), UploadError> {
        self.bytes += more as u64;
        if self.bytes > limit {
            Err(UploadError::TooLarge(limit))
        } else {
            Ok(())
        }
    }

    async fn keep(&mut self, piece: &[u8]) -> Result<(), UploadError> {
        self.checker.push(piece)?;
        if let Some(sealed) = &mut self.sealed {
            sealed.write(piece).await?;
            self.stored_bytes += i64::try_from(piece.len()).unwrap_or(i64::MAX);
        }
        // A file that is only checked waits for nothing, and the other requests of this thread would wait for all of it.
        yield_now().await;
        Ok(())
    }

    /// Completes the file, and returns its size. One with errors is stored only if its owner may want to look at it.
    pub(super) async fn finish(self, keep_bad: bool) -> Result<(Report, i64), UploadError> {
        let report = match self.checker.finish() {
            Ok(report) => report,
            Err(error) => {
                if let Some(sealed) = self.sealed {
                    sealed.abort().await;
                }
                return Err(error.into());
            }
        };
        match self.sealed {
            Some(sealed) if keep_bad || report.is_valid() => sealed.finish().await?,
            Some(sealed) => sealed.abort().await,
            None => {}
        }
        Ok((report, self.stored_bytes))
    }

    pub(super) async fn give_up(self) {
        if let Some(sealed) = self.sealed {
            sealed.abort().await;
        }
    }
}
