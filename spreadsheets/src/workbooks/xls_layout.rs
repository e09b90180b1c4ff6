//! What the library does not tell of an old workbook: number formats, hidden rows and columns, merged cells.

use std::collections::{HashMap, HashSet};

use super::{
    number_formats::NumberFormats,
    xls::{BEGINNING_OF_SUBSTREAM, BOUND_SHEET, EOF, MULTIPLE_NUMBERS, Records, u16_at, u32_at},
};

const FORMAT: u16 = 0x041E;
const CELL_FORMAT: u16 = 0x00E0;
const DATE_MODE: u16 = 0x0022;
const ROW: u16 = 0x0208;
const COLUMN_INFO: u16 = 0x007D;
const MERGED_CELLS: u16 = 0x00E5;
/// Records of one cell with a number, or with a formula that may come to one.
const NUMBERS: &[u16] = &[0x0203, 0x027E, 0x0006];
/// The version of Excel 97 and later, whose texts are in Unicode.
const BIFF8: u16 = 0x0600;
const WORKSHEET: u8 = 0;

/// The records before the sheets.
#[derive(Debug, Default)]
pub(super) struct Globals {
    pub(super) formats: NumberFormats,
    /// Where the worksheets that are shown begin.
    pub(super) shown: Vec<usize>,
    pub(super) hidden: usize,
}

impl Globals {
    pub(super) fn read(stream: &[u8]) -> Self {
        let mut globals = Self::default();
        let mut is_unicode = true;
        for (kind, data) in Records(stream).take_while(|(kind, _)| *kind != EOF) {
            match kind {
                BEGINNING_OF_SUBSTREAM => is_unicode = u16_at(data, 0) == Some(BIFF8),
                BOUND_SHEET => globals.add_sheet(data),
                DATE_MODE if u16_at(data, 0) == Some(1) => globals.formats.count_from_1904(),
                CELL_FORMAT => {
                    let number_format = u16_at(data, 2).unwrap_or_default();
                    globals.formats.add_cell_format(number_format.into());
                }
                FORMAT => {
                    let id = u16_at(data, 0).unwrap_or_default();
                    if let Some(code) = format_code(data, is_unicode) {
                        globals.formats.add_code(id.into(), &code);
                    }
                }
                _ => {}
            }
        }
        globals
    }

    fn add_sheet(&mut self, data: &[u8]) {
        let (Some(start), Some(&state), Some(&kind)) = (u32_at(data, 0), data.get(4), data.get(5))
        else {
            return;
        };
        // Charts and macros are listed among the sheets.
        if kind != WORKSHEET {
            return;
        }
        match state & 0b11 {
            0 => self.shown.push(start as usize),
            _ => self.hidden += 1,
        }
    }
}

/// Returns the code of a number format: two bytes for each character, or one.
fn format_code(data: &[u8], is_unicode: bool) -> Option<String> {
    if !is_unicode {
        let length = usize::from(*data.get(2)?);
        return Some(latin_1(data.get(3..3 + length)?));
    }
    let length = usize::from(u16_at(data, 2)?);
    let is_wide = data.get(4)? & 1 == 1;
    if !is_wide {
        return Some(latin_1(data.get(5..5 + length)?));
    }
    let (units, _) = data.get(5..5 + 2 * length)?.as_chunks::<2>();
    let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
    Some(String::from_utf16_lossy(&units))
}

fn latin_1(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

/// The records of a sheet other than its values.
#[derive(Debug, Default)]
pub(super) struct SheetLayout {
    pub(super) hidden_rows: HashSet<u32>,
    /// First and last of each range.
    pub(super) hidden_columns: Vec<(u32, u32)>,
    /// Row, column and last row of each merged cell.
    pub(super) merges: Vec<(u32, u32, u32)>,
    cell_formats: HashMap<(u32, u32), u16>,
}

impl SheetLayout {
    /// Reads the sheet that begins the stream.
    pub(super) fn read(stream: &[u8]) -> Self {
        let mut layout = Self::default();
        let mut substreams = 0_usize;
        for (kind, data) in Records(stream) {
            match kind {
                BEGINNING_OF_SUBSTREAM => substreams += 1,
                EOF if substreams <= 1 => break,
                EOF => substreams -= 1,
                // A chart inside the sheet has cells of its own.
                _ if substreams > 1 => {}
                _ => drop(layout.add(kind, data)),
            }
        }
        layout
    }

    /// Returns the number of the cell's format.
    pub(super) fn cell_format(&self, row: u32, column: u32) -> usize {
        self.cell_formats
            .get(&(row, column))
            .copied()
            .unwrap_or_default()
            .into()
    }

    /// Adds a record. Nothing is known of one that is cut short.
    fn add(&mut self, kind: u16, data: &[u8]) -> Option<()> {
        let at = |place| u16_at(data, place).map(u32::from);
        match kind {
            ROW => {
                // The height without its highest bit, which is a flag.
                let (height, flags) = (u16_at(data, 6)?, u16_at(data, 12)?);
                let is_hidden = flags & 0x20 != 0 || height.trailing_zeros() >= 15;
                if is_hidden {
                    self.hidden_rows.insert(at(0)?);
                }
            }
            COLUMN_INFO => {
                // The first bit of the options, or a width of 0.
                let is_hidden = at(8)? & 1 == 1 || at(4)? == 0;
                let (first, last) = (at(0)?, at(2)?);
                if is_hidden && first <= last {
                    self.hidden_columns.push((first, last));
                }
            }
            MERGED_CELLS => {
                // After their number, which is not needed: first and last row, first and last column.
                let ranges = data.get(2..)?.chunks_exact(8);
                self.merges.extend(ranges.filter_map(|range| {
                    let at = |place| u16_at(range, place).map(u32::from);
                    Some((at(0)?, at(4)?, at(2)?))
                }));
            }
            MULTIPLE_NUMBERS => {
                let (row, first) = (at(0)?, at(2)?);
                // Two bytes for the format of each cell, and four for its number.
                for (column, number) in (first..).zip(data.get(4..)?.chunks_exact(6)) {
                    self.cell_formats.insert((row, column), u16_at(number, 0)?);
                }
            }
            kind if NUMBERS.contains(&kind) => {
                let place = (at(0)?, at(2)?);
                self.cell_formats.insert(place, u16_at(data, 4)?);
            }
            _ => {}
        }
        Some(())
    }
}
