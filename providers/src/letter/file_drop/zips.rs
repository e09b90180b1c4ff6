//! Zips of letters: which letters share one, and its bytes (`docs/spec/letters.md` §7.3).

use std::io::{Cursor, Write as _};

use bytes::Bytes;
use jiff::{Timestamp, tz::TimeZone};
use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

/// Most files in a zip.
pub const MAX_ZIP_FILES: usize = 500;

/// Most bytes of all files of a zip together, before compression: 40 MiB.
pub const MAX_ZIP_BYTES: u64 = 41_943_040;

/// Decides where one zip ends and the next begins. Files are told to it in order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Grouping {
    files: usize,
    bytes: u64,
}

impl Grouping {
    /// Continues with a zip that has this many files and bytes.
    pub const fn resume(files: usize, bytes: u64) -> Self {
        Self { files, bytes }
    }

    /// Adds the next file and returns whether it begins a new zip, because the one before has no room for it. A file that is
    /// larger than a zip may be is alone in one.
    pub fn begins_zip(&mut self, bytes: u64) -> bool {
        let has_room = self.files > 0
            && self.files < MAX_ZIP_FILES
            && self.bytes.saturating_add(bytes) <= MAX_ZIP_BYTES;
        if !has_room {
            *self = Self::default();
        }
        self.files += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        !has_room
    }
}

/// Writes a zip file by file, in memory. The same files give the same bytes.
#[derive(Debug)]
pub struct Zipper {
    writer: ZipWriter<Cursor<Vec<u8>>>,
}

/// A zip could not be written, such as one of more than four gigabytes.
#[derive(Debug, thiserror::Error)]
#[error("a zip of letters cannot be written")]
pub struct ZipError(#[from] zip::result::ZipError);

impl Default for Zipper {
    fn default() -> Self {
        Self::new()
    }
}

impl Zipper {
    /// Begins a zip without files.
    pub fn new() -> Self {
        Self {
            writer: ZipWriter::new(Cursor::new(Vec::new())),
        }
    }

    /// Adds a file. Compresses it, so call it where that blocks nobody.
    pub fn add(
        &mut self,
        name: &str,
        created_at: Timestamp,
        contents: &[u8],
    ) -> Result<(), ZipError> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            // Not the time of writing, which would make another zip of the same letters.
            .last_modified_time(zip_time(created_at))
            .unix_permissions(0o640);
        self.writer.start_file(name, options)?;
        self.writer
            .write_all(contents)
            .map_err(zip::result::ZipError::from)?;
        Ok(())
    }

    /// Completes the zip and returns it.
    pub fn finish(self) -> Result<Bytes, ZipError> {
        Ok(self.writer.finish()?.into_inner().into())
    }
}

/// Returns a time in UTC as zips know it, or the earliest that they know.
fn zip_time(at: Timestamp) -> DateTime {
    let at = at.to_zoned_datetime(TimeZone::UTC);
    let part = |value: i8| u8::try_from(value).unwrap_or_default();
    DateTime::from_date_and_time(
        u16::try_from(at.year()).unwrap_or_default(),
        part(at.month()),
        part(at.day()),
        part(at.hour()),
        part(at.minute()),
        part(at.second()),
    )
    .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use zip::ZipArchive;

    use super::*;

    /// Returns how many files the zips of files of these sizes have.
    fn group(sizes: &[u64]) -> Vec<usize> {
        let mut grouping = Grouping::default();
        let mut zips = Vec::new();
        for &size in sizes {
            if grouping.begins_zip(size) {
                zips.push(0);
            }
            *zips.last_mut().unwrap() += 1;
        }
        zips
    }

    #[test]
    fn no_letters_make_no_zip() {
        assert_eq!(group(&[]), [0; 0]);
    }

    #[test]
    fn a_zip_has_five_hundred_files() {
        assert_eq!(group(&[1; 500]), [500]);
        assert_eq!(group(&[1; 501]), [500, 1]);
        assert_eq!(group(&[1; 1200]), [500, 500, 200]);
    }

    #[test]
    fn a_zip_has_forty_mebibytes_to_the_byte() {
        let half = MAX_ZIP_BYTES / 2;
        assert_eq!(group(&[half, half]), [2]);
        assert_eq!(group(&[half, half, 1]), [2, 1]);
        assert_eq!(group(&[half, half + 1]), [1, 1]);
    }

    #[test]
    fn a_larger_file_is_alone() {
        let large = MAX_ZIP_BYTES + 1;
        assert_eq!(group(&[1, large, 1, 1]), [1, 1, 2]);
        assert_eq!(group(&[large, large]), [1, 1]);
        assert_eq!(group(&[u64::MAX, u64::MAX, 1]), [1, 1, 1]);
    }

    fn zip(files: &[(&str, &[u8])]) -> Bytes {
        let mut zipper = Zipper::new();
        for (name, contents) in files {
            let created = "2018-01-13T12:00:01Z".parse().unwrap();
            zipper.add(name, created, contents).unwrap();
        }
        zipper.finish().unwrap()
    }

    #[test]
    fn the_same_letters_make_the_same_zip() {
        let files: &[(&str, &[u8])] = &[("B.PDF", b"%PDF-1.7 b"), ("A.PDF", b"%PDF-1.7 a")];
        let once = zip(files);
        assert_eq!(once, zip(files));
        let mut archive = ZipArchive::new(Cursor::new(once)).unwrap();
        // In the order in which they were added.
        let names: Vec<_> = archive
            .file_names()
            .map(|name| name.unwrap().into_owned())
            .collect();
        assert_eq!(names, ["B.PDF", "A.PDF"]);
        let mut file = archive.by_name("A.PDF").unwrap();
        let mut contents = Vec::new();
        file.read_to_end(&mut contents).unwrap();
        assert_eq!(contents, b"%PDF-1.7 a");
        assert_eq!(file.compression(), CompressionMethod::Deflated);
    }

    #[test]
    fn a_time_that_zips_do_not_know_is_the_earliest() {
        let ancient = "1970-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(zip_time(ancient), DateTime::default());
    }
}
