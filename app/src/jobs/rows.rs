//! The rows of a job's file, streamed from the file storage.

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

/// Reads the rows of a job's file.
pub(super) struct Rows<S> {
    file: Opener<S>,
    records: Records,
    layout: Layout,
    header_seen: bool,
    count: u32,
    ended: bool,
}

impl Rows<()> {
    /// Opens the file of a job at its start. A row carries only the columns that its template fills, the recipient
    /// and the reference.
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
    /// Passes the rows of the file's next piece to `each`, numbered from 0. Returns false at the end of the file.
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

    /// Returns how many rows were read so far.
    pub(super) const fn count(&self) -> u32 {
        self.count
    }
}
