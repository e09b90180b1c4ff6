//! Files that are no text: workbooks.
//!
//! People send what their program saves. A workbook's first sheet becomes CSV with its values as people see them. What
//! is neither that nor text is refused with a sentence that says what it is. Workbooks are compressed and were
//! written by anyone, so what they unpack to is measured before anything is built from it.

mod compound_file;
mod csv_writer;
mod kind;
mod number_formats;
mod ods;
mod sheet_writer;
mod unpacked;
mod values;
mod xls;
mod xls_layout;
mod xlsx;
mod xml;

#[cfg(test)]
mod tests;

use std::{
    borrow::Cow,
    panic::{AssertUnwindSafe, catch_unwind},
};

pub use kind::Kind;

use super::{
    ReadError,
    notes::Notes,
    text_reader::{self, Separator},
};
use csv_writer::CsvWriter;

/// A file as CSV, and what its reader found beside the cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Converted<'file> {
    /// The rows, in UTF-8.
    pub csv: Cow<'file, [u8]>,
    /// Hidden rows and columns that were left out, and cells without a value.
    pub notes: Notes,
}

/// Returns the file as CSV in UTF-8: as it is if it is that already, else the first sheet that is shown
/// (`docs/decisions/spreadsheet-values.md`), or the text as [`TextReader`](super::TextReader) reads it.
///
/// Values stand as people see them; booleans as `TRUE` and `FALSE`. What is hidden is left out. Fails with a sentence for the sender if the file is
/// something else, is damaged, is locked with a password, has only an empty first sheet among others, or unpacks to more
/// than 200 MB.
pub fn convert<'file>(bytes: &'file [u8], file_name: &str) -> Result<Converted<'file>, ReadError> {
    match Kind::of(bytes, file_name) {
        Kind::Csv => text(bytes, Separator::Comma),
        Kind::Tsv => text(bytes, Separator::Tab),
        Kind::Xlsx => guarded(|| xlsx::convert(bytes)),
        Kind::Ods => ods::convert(bytes),
        Kind::Xls => guarded(|| xls::convert(bytes)),
        Kind::Other(what) => Err(ReadError::whole_file(format!(
            "The file is {what}, which cannot be read as a spreadsheet. Send it as CSV, XLSX, ODS or XLS."
        ))),
    }
}

/// Returns the CSV of [`convert`] alone.
pub fn to_csv<'file>(bytes: &'file [u8], file_name: &str) -> Result<Cow<'file, [u8]>, ReadError> {
    convert(bytes, file_name).map(|converted| converted.csv)
}

fn text(bytes: &[u8], separator: Separator) -> Result<Converted<'_>, ReadError> {
    let (csv, notes) = text_reader::read_whole(bytes, separator)?;
    Ok(Converted {
        csv: csv.into(),
        notes,
    })
}

/// Reports a file as damaged if a library panics over it: a panic must not end the uploads of others.
fn guarded<'file>(
    read: impl FnOnce() -> Result<Converted<'file>, ReadError>,
) -> Result<Converted<'file>, ReadError> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err(damaged()))
}

fn damaged() -> ReadError {
    ReadError::whole_file(
        "The workbook is damaged. Open it in your spreadsheet program and save it again as CSV.",
    )
}

fn locked() -> ReadError {
    ReadError::whole_file("The workbook is locked with a password. Save it again without one.")
}

fn too_large() -> ReadError {
    ReadError::whole_file("The workbook is too large to be read. Save its first sheet as CSV.")
}

fn first_sheet_is_empty() -> ReadError {
    ReadError::whole_file(
        "The first sheet of the workbook is empty, and only the first is read. Move the sheet with the recipients to the front.",
    )
}
