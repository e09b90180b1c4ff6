//! Spreadsheets that are no CSV yet.

use std::{
    io::{self, Write},
    time::Duration,
};

use domain::ServiceId;
use sandbox::Limits;
use spreadsheets::{Notes, ReadError};

use super::{FileKind, ForeignFiles, IncomingFile, TooManyFiles, Unavailable, reader::Answer};

pub(super) const KIND: FileKind = FileKind {
    name: "workbook",
    limits: Limits {
        memory_bytes: 576 << 20,
        stack_bytes: 8 << 20,
        cpu_seconds: 30,
        time: Duration::from_mins(2),
        // The largest upload of CSV is 64 MB by default, and notes are a few megabytes at most.
        answer_bytes: 96 << 20,
    },
    // Each may use half a gigabyte, and takes seconds at most.
    at_once: 1,
    read,
};

/// Writes a line with the notes or the error, then the CSV.
fn read(file_name: &str, file: &[u8], answer: &mut dyn Write) -> io::Result<()> {
    let (head, csv) = match spreadsheets::convert(file, file_name) {
        Ok(converted) => (Ok(converted.notes), converted.csv),
        Err(error) => (Err(error), [].as_slice().into()),
    };
    serde_json::to_writer(&mut *answer, &head)?;
    answer.write_all(b"\n")?;
    answer.write_all(&csv)
}

/// A file as CSV.
pub(crate) struct ConvertedFile {
    /// What its reader found beside the cells.
    pub(crate) notes: Notes,
    answer: Answer,
    csv_start: usize,
}

impl ConvertedFile {
    /// Returns the rows, in UTF-8.
    pub(crate) fn csv(&self) -> &[u8] {
        &self.answer.bytes[self.csv_start..]
    }
}

/// Why a file was not converted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConvertError {
    /// The file is no spreadsheet that can be read.
    #[error(transparent)]
    File(#[from] ReadError),
    /// It could not be read now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// Too many wait to be read, of all services or of this one.
    #[error(transparent)]
    TooMany(#[from] TooManyFiles),
}

impl ForeignFiles {
    /// Returns a file of a service to which pieces are added as they arrive, within the memory for all such files.
    pub(crate) fn receive(&self, service: ServiceId) -> IncomingFile {
        self.incoming.file(service)
    }

    /// Converts a file of a service to CSV. Few are converted at once: the result counts as one while it exists.
    pub(crate) async fn convert(
        &self,
        service: ServiceId,
        file: IncomingFile,
        file_name: &str,
    ) -> Result<ConvertedFile, ConvertError> {
        let place = self.workbooks.admit(service).ok_or(TooManyFiles)?;
        // Until the child has ended, so that one service's files do not stand before those of others.
        let _turn = place.turn().await;
        // Counted until the child has read it, however long it waits for its turn.
        let (file, _share) = file.into_parts();
        let Some(answer) = self.read(&KIND, file_name, file).await? else {
            return Err(ReadError::unreadable().into());
        };
        // Without a line end the head is empty, which is no JSON: the file counts as unreadable.
        let end = memchr::memchr(b'\n', &answer.bytes).unwrap_or_default();
        let head: Result<Notes, ReadError> =
            serde_json::from_slice(&answer.bytes[..end]).map_err(|_| ReadError::unreadable())?;
        Ok(ConvertedFile {
            notes: head?,
            answer,
            csv_start: end + 1,
        })
    }
}
