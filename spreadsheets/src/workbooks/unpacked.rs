//! The unpacked size of an archive, measured before anything is built from it.

use std::io::{Cursor, Read};

use zip::ZipArchive;

use super::{ReadError, damaged, too_large};

/// The most bytes that all entries together may unpack to.
const MOST_BYTES: usize = 200_000_000;

pub(super) type Archive<'file> = ZipArchive<Cursor<&'file [u8]>>;

/// Opens an archive that unpacks to no more than the limit, whatever its directory says.
pub(super) fn open(bytes: &[u8]) -> Result<Archive<'_>, ReadError> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| damaged())?;
    let mut left = MOST_BYTES;
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|_| damaged())?;
        left = left
            .checked_sub(measure(entry, left)?)
            .ok_or_else(too_large)?;
    }
    Ok(archive)
}

/// Reads the content of an entry, if there is one with this name.
pub(super) fn read_entry(
    archive: &mut Archive<'_>,
    name: &str,
) -> Result<Option<Vec<u8>>, ReadError> {
    let Ok(mut entry) = archive.by_name(name) else {
        return Ok(None);
    };
    let mut content = Vec::new();
    // At once and exactly: growing step by step would need three times the memory. The size may be a lie, but no worse
    // one than the limit.
    let size = usize::try_from(entry.size()).unwrap_or(MOST_BYTES);
    content
        .try_reserve_exact(size.min(MOST_BYTES) + 1)
        .map_err(|_| too_large())?;
    entry.read_to_end(&mut content).map_err(|_| damaged())?;
    Ok(Some(content))
}

/// Reads to the end, or a little past the limit.
fn measure(mut entry: impl Read, limit: usize) -> Result<usize, ReadError> {
    let mut buffer = [0; 16 * 1024];
    let mut bytes = 0;
    while bytes <= limit {
        match entry.read(&mut buffer).map_err(|_| damaged())? {
            0 => break,
            more => bytes += more,
        }
    }
    Ok(bytes)
}
