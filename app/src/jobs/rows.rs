//! The rows of a job's file, as it streams from the storage.

use ::spreadsheets::{Layout, Records, Row};
use bytes::Bytes;
use futures::Stream;
use store::{jobs::Job, spreadsheets::Spreadsheet};

use super::{process::ProcessError, row_builder::RowBuilder};
use crate::{
    App,
    jobs::spreadsheets,
    sealing::sealed_files::{OpenError, Opener},
};

/// The rows of a job's file.
pub(super) struct Rows<S> {
    file: Opener<S>,
    records: Records,
    layout: Layout,
    header_seen: bool,
    count: u32,
    ended: bool,
}

impl Rows<()> {
    /// Opens the file of a job, to be read from its start. Of the rows there is what the press fills its
    /// template with, the recipient and the reference, and no other column.
    pub(super) async fn open(
        app: &App,
        job: &Job,
        sheet: &Spreadsheet,
        press: &RowBuilder<'_>,
    ) -> Result<
        Rows<impl Stream<Item = Result<Bytes, files::Error>> + Send + Unpin + use<>>,
        ProcessError,
    > {
        let layout: Layout = serde_json::from_str(&sheet.layout).map_err(|error| {
            ProcessError::Broken(format!("what its check learnt does not read: {error}"))
        })?;
        if let Some(name) = press.missing_column(&layout) {
            return Err(ProcessError::Broken(format!(
                "its spreadsheet has no column {name}: if a file of its template had this name, add it again, then let \
                 the job go on"
            )));
        }
        let key = spreadsheets::key(job.service_id, job.id);
        let file = app.files.read(&key).await.map_err(OpenError::from)?;
        Ok(Rows {
            file: Opener::new(file, app.store.keyring().clone(), job.id.as_uuid()),
            records: Records::new(),
            layout: layout.only_for(press.placeholders()),
            header_seen: false,
            count: 0,
            ended: false,
        })
    }
}

impl<S: Stream<Item = Result<Bytes, files::Error>> + Unpin> Rows<S> {
    /// Hands the rows of the next piece of the file to `each`, with their numbers from 0; false once there is no more.
    pub(super) async fn next_piece(
        &mut self,
        mut each: impl FnMut(u32, Row<'_>),
    ) -> Result<bool, ProcessError> {
        if self.ended {
            return Ok(false);
        }
        if let Some(piece) = self.file.next().await? {
            self.records.push(&piece)?;
        } else {
            self.records.finish()?;
            self.ended = true;
        }
        while let Some(record) = self.records.next_record()? {
            if std::mem::replace(&mut self.header_seen, true) {
                each(self.count, self.layout.row(self.count as usize, record));
                self.count += 1;
            }
        }
        Ok(true)
    }

    /// How many rows there were so far.
    pub(super) const fn count(&self) -> u32 {
        self.count
    }
}
