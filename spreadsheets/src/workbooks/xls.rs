//! Workbooks of Excel before 2007.
//!
//! The library reads all sheets at once into areas as large as their outermost cells, and makes room for what a sheet
//! claims. So it is given a file that we have put together from the workbook alone, after a walk over its records that
//! looks at nothing but where cells are.

use std::{collections::BTreeMap, io::Cursor};

use calamine::{Data, Range, Reader, SheetType, SheetVisible, Xls, XlsError};

use super::{
    Converted, ReadError, compound_file, damaged, locked,
    number_formats::NumberFormats,
    sheet_writer::{CellText, SheetWriter},
    too_large,
    values::shown,
    xls_layout::{Globals, SheetLayout},
};
use crate::notes::FaultKind;

/// The most cells that the areas of all sheets together may have, empty ones included.
const MOST_CELLS: u64 = 4_000_000;
const MOST_ROWS: u32 = 65_536;
const MOST_COLUMNS: u32 = 256;

pub(super) const EOF: u16 = 0x000A;
/// Stands in a workbook that is locked with a password, in any of the ways to encrypt it.
const FILE_PASS: u16 = 0x002F;
pub(super) const BOUND_SHEET: u16 = 0x0085;
pub(super) const BEGINNING_OF_SUBSTREAM: u16 = 0x0809;
const DIMENSIONS: u16 = 0x0200;
pub(super) const MULTIPLE_NUMBERS: u16 = 0x00BD;
/// Records that begin with the row and column of a cell.
const CELLS: &[u16] = &[0x0006, 0x00D6, 0x00FD, 0x0203, 0x0204, 0x0205, 0x027E];

/// Converts the first sheet that is shown.
pub(super) fn convert(bytes: &[u8]) -> Result<Converted<'static>, ReadError> {
    let file = compound_file::Reader::new(bytes).ok_or_else(damaged)?;
    if file.has("EncryptedPackage") {
        return Err(locked());
    }
    let stream = file
        .stream("Workbook")
        .or_else(|| file.stream("Book"))
        .ok_or_else(damaged)?;
    let mut records = Records(&stream).take_while(|(kind, _)| *kind != EOF);
    if records.any(|(kind, _)| kind == FILE_PASS) {
        return Err(locked());
    }
    check_areas(&stream)?;

    let mut workbook = Xls::new(Cursor::new(compound_file::of_workbook(&stream))).map_err(
        |error| match error {
            XlsError::Password => locked(),
            _ => damaged(),
        },
    )?;
    let sheets = workbook.sheets_metadata().iter();
    let mut shown = sheets.filter(|sheet| {
        sheet.typ == SheetType::WorkSheet && sheet.visible == SheetVisible::Visible
    });
    let name = shown.next().ok_or_else(damaged)?.name.clone();
    let range = workbook.worksheet_range(&name).map_err(|_| damaged())?;
    write(&stream, &range, &name)
}

fn write(stream: &[u8], range: &Range<Data>, name: &str) -> Result<Converted<'static>, ReadError> {
    let mut globals = Globals::read(stream);
    let start = *globals.shown.first().ok_or_else(damaged)?;
    let layout = SheetLayout::read(stream.get(start..).ok_or_else(damaged)?);
    let mut writer = SheetWriter::default();
    for &(first, last) in &layout.hidden_columns {
        writer.hide_columns(first, last)?;
    }
    for &(row, column, last_row) in &layout.merges {
        writer.merge(row, column, last_row)?;
    }
    // Hidden rows without cells count too, up to the last row that has any.
    let mut rows: BTreeMap<u32, Vec<(u32, CellText)>> = BTreeMap::new();
    let (first_row, first_column) = range.start().unwrap_or_default();
    for (row, column, value) in range.used_cells() {
        let place = |first: u32, at: usize| first + u32::try_from(at).unwrap_or(u32::MAX / 2);
        let (row, column) = (place(first_row, row), place(first_column, column));
        let format = layout.cell_format(row, column);
        let cell = text_of(value, format, &mut globals.formats);
        rows.entry(row).or_default().push((column, cell));
    }
    let last_row = rows.keys().last().copied().unwrap_or_default();
    for &row in layout.hidden_rows.iter().filter(|row| **row <= last_row) {
        rows.entry(row).or_default();
    }
    for (row, cells) in rows {
        for (column, cell) in cells {
            writer.cell(column, cell);
        }
        writer.end_row(row, layout.hidden_rows.contains(&row))?;
    }
    writer.finish(name, globals.shown.len(), globals.hidden)
}

/// Returns what a cell shows.
fn text_of(value: &Data, format: usize, formats: &mut NumberFormats) -> CellText {
    let number = match value {
        #[expect(
            clippy::cast_precision_loss,
            reason = "integers of these files have 30 bits"
        )]
        Data::Int(number) => Some(*number as f64),
        Data::Float(number) => Some(*number),
        Data::DateTime(moment) => Some(moment.as_f64()),
        _ => None,
    };
    if let Some(number) = number {
        return CellText::Text(formats.number(format, number));
    }
    let text = shown(value).into_owned();
    match value {
        Data::Error(_) => {
            CellText::Fault(FaultKind::of_text(&text).unwrap_or(FaultKind::Other), text)
        }
        _ => CellText::Text(text),
    }
}

/// Walks over the records as the library does and adds up the areas that it will make room for.
fn check_areas(stream: &[u8]) -> Result<(), ReadError> {
    let mut cells = 0_u64;
    // Sheets do not overlap, so all walks together are about as long as the stream.
    let mut steps = stream.len();
    for start in sheet_starts(stream)? {
        let mut area = Area::default();
        let mut substreams = 0_usize;
        for (kind, data) in Records(stream.get(start..).ok_or_else(damaged)?) {
            steps = steps.checked_sub(data.len() + 1).ok_or_else(damaged)?;
            match kind {
                BEGINNING_OF_SUBSTREAM => substreams += 1,
                EOF if substreams <= 1 => break,
                EOF => substreams -= 1,
                _ => area.include(kind, data)?,
            }
        }
        cells += area.cells();
        if cells > MOST_CELLS {
            return Err(too_large());
        }
    }
    Ok(())
}

fn sheet_starts(stream: &[u8]) -> Result<Vec<usize>, ReadError> {
    let globals = Records(stream).take_while(|(kind, _)| *kind != EOF);
    let sheets = globals.filter(|(kind, _)| *kind == BOUND_SHEET);
    sheets
        .map(|(_, data)| {
            u32_at(data, 0)
                .map(|start| start as usize)
                .ok_or_else(damaged)
        })
        .collect()
}

/// The smallest rectangle around all cells.
#[derive(Default)]
struct Area {
    rows: Option<(u32, u32)>,
    columns: Option<(u32, u32)>,
    claimed: u64,
}

impl Area {
    fn include(&mut self, kind: u16, data: &[u8]) -> Result<(), ReadError> {
        if kind == DIMENSIONS {
            self.claimed = self.claimed.max(claim(data)?);
        } else if kind == MULTIPLE_NUMBERS || CELLS.contains(&kind) {
            let (row, column) = u16_at(data, 0).zip(u16_at(data, 2)).ok_or_else(damaged)?;
            self.rows = Some(widened(self.rows, row.into()));
            self.columns = Some(widened(self.columns, column.into()));
            if kind == MULTIPLE_NUMBERS {
                // Each number takes six bytes; the last column comes after them and need not be believed.
                let numbers = u32::try_from(data.len() / 6).unwrap_or(u32::MAX);
                self.columns = Some(widened(self.columns, u32::from(column) + numbers));
            }
        }
        Ok(())
    }

    fn cells(&self) -> u64 {
        let length =
            |span: Option<(u32, u32)>| span.map_or(0, |(first, last)| u64::from(last - first) + 1);
        self.claimed.max(length(self.rows) * length(self.columns))
    }
}

fn widened(span: Option<(u32, u32)>, to: u32) -> (u32, u32) {
    span.map_or((to, to), |(first, last)| (first.min(to), last.max(to)))
}

/// Returns how many cells a sheet claims to have.
fn claim(data: &[u8]) -> Result<u64, ReadError> {
    let bounds = if data.len() == 10 {
        let at = |place| u16_at(data, place).map(u32::from);
        (at(0), at(2), at(4), at(6))
    } else {
        let at = |place| u16_at(data, place).map(u32::from);
        (u32_at(data, 0), u32_at(data, 4), at(8), at(10))
    };
    let (Some(first_row), Some(end_row), Some(first_column), Some(end_column)) = bounds else {
        return Err(damaged());
    };
    let is_sound = first_row <= end_row && end_row <= MOST_ROWS && end_column <= MOST_COLUMNS;
    // Nothing at all is written in more than one way.
    let is_empty = end_row == 0 || end_column == 0;
    if !is_sound || (first_row == end_row && !is_empty) || first_column > MOST_COLUMNS {
        return Err(damaged());
    }
    Ok(u64::from(end_row - first_row) * u64::from(end_column))
}

/// Kinds and contents of the records of a stream. Ends where a record is cut off.
pub(super) struct Records<'stream>(pub(super) &'stream [u8]);

impl<'stream> Iterator for Records<'stream> {
    type Item = (u16, &'stream [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (kind, length) = (u16_at(self.0, 0)?, usize::from(u16_at(self.0, 2)?));
        let data = self.0.get(4..4 + length)?;
        self.0 = &self.0[4 + length..];
        Some((kind, data))
    }
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|bytes| u16::from_le_bytes(*bytes))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|bytes| u32::from_le_bytes(*bytes))
}
