//! The file drop: letters leave as zip files in a directory, on an SFTP server or in a bucket, where a print shop collects them
//! (`docs/spec/letters.md` §7.3).
//!
//! A print shop watches the place, so a file must never be seen half written: it is written under a hidden temporary name,
//! synced, and renamed. A file that is put twice has the same name both times and is there once.
//!
//! Every target guarantees this, and `tests/outside/file_drop` checks it for each. A target that is away, full or denied
//! fails with a [`DropError`]; all of these are retried.

mod bucket;
mod directory;
mod names;
mod responses;
mod settings;
mod sftp;
mod target;
mod zips;

use std::{collections::BTreeSet, fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::{Timestamp, tz::TimeZone};

use self::{names::acknowledged_zip, responses::DropResponses};
pub use self::{
    names::{name_without_ending, pdf_name, zip_name},
    settings::FileDropSettings,
    target::{DropError, DropTarget, DroppedFile},
    zips::{Grouping, MAX_ZIP_BYTES, MAX_ZIP_FILES, ZipError, Zipper},
};
use super::{Letter, LetterProvider, ResponseFiles};
use crate::{RejectReason, SendError, SendReceipt};

/// A letter provider that takes zip files. Cheap to clone.
#[derive(Clone)]
pub struct FileDrop {
    name: Arc<str>,
    target: Arc<dyn DropTarget>,
    /// Folder that zips are put into.
    zips: Arc<str>,
    /// Addresses that are told how many letters to expect.
    volumes_to: Arc<[String]>,
    /// Where the print shop leaves response files.
    responses: Option<Arc<DropResponses>>,
    /// Folder in which the print shop acknowledges zips.
    acknowledgements: Option<Arc<str>>,
}

impl fmt::Debug for FileDrop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileDrop")
            .field("name", &self.name)
            .field("zips", &self.zips)
            .finish_non_exhaustive()
    }
}

impl FileDrop {
    /// Creates a drop over a target of any kind, without responses and acknowledgements.
    pub fn over(name: &str, target: Arc<dyn DropTarget>) -> Self {
        Self {
            name: name.into(),
            target,
            zips: Arc::from("/"),
            volumes_to: Arc::from([]),
            responses: None,
            acknowledgements: None,
        }
    }

    /// Puts a zip. It appears under its name complete or not at all; if it is there already, nothing changes.
    pub async fn put(&self, name: &str, contents: Bytes) -> Result<(), DropError> {
        self.target.put(&self.zips, name, contents).await
    }

    /// Returns the names of the zips that the print shop has acknowledged, in upper case and without their ending; `None` if
    /// it does not acknowledge any.
    pub async fn list_acknowledged(&self) -> Result<Option<BTreeSet<String>>, DropError> {
        let Some(folder) = &self.acknowledgements else {
            return Ok(None);
        };
        let files = self.target.list(folder).await?;
        let names = files.iter().filter_map(|file| acknowledged_zip(&file.name));
        Ok(Some(names.collect()))
    }
}

#[async_trait]
impl LetterProvider for FileDrop {
    fn name(&self) -> &str {
        &self.name
    }

    fn reports_delivery(&self) -> bool {
        // By response files: a letter in a zip is not printed yet.
        true
    }

    fn concurrency(&self) -> usize {
        // A directory or server of another party: few at a time.
        2
    }

    fn response_files(&self) -> Option<Arc<dyn ResponseFiles>> {
        let responses = self.responses.clone()?;
        Some(responses)
    }

    fn file_drop(&self) -> Option<FileDrop> {
        Some(self.clone())
    }

    fn volumes_to(&self) -> Vec<String> {
        self.volumes_to.to_vec()
    }

    /// Puts a zip of this letter alone. Its name is a function of the letter, so that a repetition puts the same file.
    async fn send(&self, letter: &Letter) -> Result<SendReceipt, SendError> {
        let (name, contents) = zip_of_one(letter)?;
        // A file is there whole or not at all, and is put once however often this is called: no outcome is unknown.
        self.put(&name, contents)
            .await
            .map_err(|DropError(detail)| SendError::Unavailable { detail })?;
        Ok(SendReceipt::default())
    }
}

fn zip_of_one(letter: &Letter) -> Result<(String, Bytes), SendError> {
    // The time of the attempt would give each attempt another name; an id that was chosen by others carries no time.
    let created = domain::generated_at(letter.id)
        .and_then(|at| Timestamp::from_microsecond(at.unix_micros()).ok())
        .unwrap_or(Timestamp::UNIX_EPOCH);
    let file = pdf_name(&letter.reference, letter.postage, created);
    let mut zipper = Zipper::new();
    let contents = zipper
        .add(&file, created, &letter.pdf)
        .and_then(|()| zipper.finish())
        .map_err(|_| SendError::rejected(RejectReason::Message, "it does not fit into a zip"))?;
    let day = created.to_zoned_datetime(TimeZone::UTC).date();
    Ok((zip_name(day, 1, [&*file]), contents))
}
