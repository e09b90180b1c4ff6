//! Files that are no CSV yet: workbooks, tab-separated text, text in other encodings.
//!
//! People send what their program saves. A workbook's first sheet becomes CSV with its values as people see them; text
//! becomes UTF-8. What is neither is refused with a sentence that says what it is. Workbooks are compressed and were
//! written by anyone, so what they unpack to is measured before anything is built from it.

mod compound_file;
mod csv_writer;
mod kind;
mod number_formats;
mod ods;
mod sheet_writer;
mod streaming;
mod text_files;
mod unpacked;
mod values;
mod xls;
mod xlsx;
mod xml;

#[cfg(test)]
mod tests;

use std::{
    borrow::Cow,
    panic::{AssertUnwindSafe, catch_unwind},
};

pub use kind::Kind;
pub use streaming::Utf8Stream;

use super::{ReadError, notes::Notes};
use csv_writer::CsvWriter;

/// A file as CSV, and what its reader found beside the cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Converted<'file> {
    /// The rows, in UTF-8.
    pub csv: Cow<'file, [u8]>,
    /// Hidden rows and columns that were left out, and cells without a value.
    pub notes: Notes,
}

/// Returns the file as CSV in UTF-8: as it is if it is that already, else the first sheet that is shown, or the text
/// decoded (`docs/decisions/spreadsheet-values.md`).
///
/// Values stand as people see them; booleans as `TRUE` and `FALSE`. What is hidden is left out. Text that is not UTF-8 is
/// taken for Windows-1252, in which Excel saves CSV in western Europe. Fails with a sentence for the sender if the file is
/// something else, is damaged, is locked with a password, has only an empty first sheet among others, or unpacks to more
/// than 200 MB.
pub fn convert<'file>(bytes: &'file [u8], file_name: &str) -> Result<Converted<'file>, ReadError> {
    let without_notes = |csv: Cow<'file, [u8]>| Converted {
        csv,
        notes: Notes::default(),
    };
    match Kind::of(bytes, file_name) {
        Kind::Csv => text_files::as_utf8(bytes).map(without_notes),
        Kind::Tsv => text_files::tsv_to_csv(bytes).map(|csv| without_notes(csv.into())),
        Kind::Xlsx => guarded(|| xlsx::convert(bytes)),
        Kind::Ods => ods::convert(bytes),
        Kind::Xls => guarded(|| xls::to_csv(bytes).map(|csv| without_notes(csv.into()))),
        Kind::Other(what) => Err(ReadError::whole_file(format!(
            "The file is {what}, which cannot be read as a spreadsheet. Send it as CSV, XLSX, ODS or XLS."
        ))),
    }
}

/// Returns the CSV of [`convert`] alone.
pub fn to_csv<'file>(bytes: &'file [u8], file_name: &str) -> Result<Cow<'file, [u8]>, ReadError> {
    convert(bytes, file_name).map(|converted| converted.csv)
}

/// A library that panics over a damaged file must not end the upload of others: the file is reported as damaged.
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

/// Gives up the CSV, unless it is empty and the recipients may be on another sheet.
fn finish(csv: CsvWriter, has_more_sheets: bool) -> Result<Vec<u8>, ReadError> {
    if csv.is_empty() && has_more_sheets {
        return Err(first_sheet_is_empty());
    }
    Ok(csv.finish())
}
