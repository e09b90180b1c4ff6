use std::io::Cursor;

use calamine::{Reader, SheetType, SheetVisible, Xlsx, XlsxError};

use super::{CsvWriter, ReadError, damaged, finish, locked, unpacked, values::shown};

/// In this attribute a workbook says how many texts it has, and room is made for so many.
const CLAIMED_TEXTS: &[u8] = b"uniqueCount";

/// The first sheet that is shown, cell by cell: an empty million of rows costs nothing.
pub(super) fn to_csv(bytes: &[u8]) -> Result<Vec<u8>, ReadError> {
    check_claims(bytes)?;
    let mut workbook = Xlsx::new(Cursor::new(bytes)).map_err(|error| from_library(&error))?;
    let sheets: Vec<String> = workbook
        .sheets_metadata()
        .iter()
        .filter(|sheet| sheet.typ == SheetType::WorkSheet && sheet.visible == SheetVisible::Visible)
        .map(|sheet| sheet.name.clone())
        .collect();
    let first = sheets.first().ok_or_else(damaged)?;

    let mut csv = CsvWriter::new();
    let mut cells = workbook
        .worksheet_cells_reader(first)
        .map_err(|error| from_library(&error))?;
    while let Some(cell) = cells.next_cell().map_err(|error| from_library(&error))? {
        let (row, column) = cell.get_position();
        csv.cell(row, column, &shown(cell.get_value()))?;
    }
    finish(csv, sheets.len() > 1)
}

/// The library makes room for as many texts as a workbook claims to have, before it has seen one. So no claim may be
/// larger than there are bytes.
fn check_claims(bytes: &[u8]) -> Result<(), ReadError> {
    let mut archive = unpacked::open(bytes)?;
    let names: Vec<String> = archive.file_names().flatten().map(String::from).collect();
    for name in names
        .iter()
        .filter(|name| name.to_ascii_lowercase().ends_with("sharedstrings.xml"))
    {
        let content = unpacked::read_entry(&mut archive, name)?.unwrap_or_default();
        let has_other_encoding = content.contains(&0);
        if has_other_encoding || claims(&content).any(|claim| claim > content.len()) {
            return Err(damaged());
        }
    }
    Ok(())
}

/// The numbers after the attribute, wherever it stands.
fn claims(content: &[u8]) -> impl Iterator<Item = usize> {
    memchr::memmem::find_iter(content, CLAIMED_TEXTS).map(|at| {
        let after = &content[at + CLAIMED_TEXTS.len()..];
        let is_before_digits = |byte: &&u8| {
            matches!(
                byte,
                b' ' | b'\t' | b'\r' | b'\n' | b'=' | b'"' | b'\'' | b'+' | b'0'
            )
        };
        let start = after.iter().take_while(is_before_digits).count();
        let digits = after[start..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit());
        digits.fold(0_usize, |number, digit| {
            number
                .saturating_mul(10)
                .saturating_add(usize::from(digit - b'0'))
        })
    })
}

fn from_library(error: &XlsxError) -> ReadError {
    match error {
        XlsxError::Password => locked(),
        _ => damaged(),
    }
}
