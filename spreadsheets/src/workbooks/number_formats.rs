//! Number formats of Excel: what a number looks like in its cell (`docs/decisions/spreadsheet-values.md`).

use std::collections::HashMap;

use ssfmt::{DateSystem, FormatOptions, NumberFormat};

use super::values::number_text;

/// The longest format code that Excel takes.
const MAX_CODE_BYTES: usize = 1024;
/// The most cell formats that Excel takes, which is also a limit to what a file can make us hold.
const MAX_CELL_FORMATS: usize = 65_490;
const GENERAL: u32 = 0;

/// The formats of a workbook.
#[derive(Debug, Default)]
pub(super) struct NumberFormats {
    options: FormatOptions,
    codes: HashMap<u32, String>,
    /// The number format of each cell format.
    cell_formats: Vec<u32>,
    parsed: HashMap<u32, Option<NumberFormat>>,
}

impl NumberFormats {
    pub(super) fn count_from_1904(&mut self) {
        self.options.date_system = DateSystem::Date1904;
    }

    pub(super) fn add_code(&mut self, id: u32, code: &str) {
        if code.len() <= MAX_CODE_BYTES && self.codes.len() < MAX_CELL_FORMATS {
            self.codes.insert(id, code.to_owned());
        }
    }

    pub(super) fn add_cell_format(&mut self, number_format: u32) {
        if self.cell_formats.len() < MAX_CELL_FORMATS {
            self.cell_formats.push(number_format);
        }
    }

    /// Returns what a cell with this format shows of a number.
    pub(super) fn number(&mut self, cell_format: usize, number: f64) -> String {
        let id = self
            .cell_formats
            .get(cell_format)
            .copied()
            .unwrap_or(GENERAL);
        let (codes, options) = (&self.codes, &self.options);
        let format = self.parsed.entry(id).or_insert_with(|| {
            let code = code_of(id, codes).filter(|code| !code.eq_ignore_ascii_case("general"))?;
            NumberFormat::parse(code).ok()
        });
        let shown = format
            .as_ref()
            .and_then(|format| format.try_format(number, options).ok());
        // Spaces that align a column are no part of the value. What cannot be shown, such as a date before 1900, is
        // shown as its number rather than not at all.
        let shown = shown
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty());
        shown.unwrap_or_else(|| number_text(number))
    }
}

fn code_of(id: u32, codes: &HashMap<u32, String>) -> Option<&str> {
    match id {
        // The only date formats that follow the country of the reader, here the United Kingdom.
        14 | 27..=31 | 34..=36 | 50..=58 => return Some("dd/mm/yyyy"),
        22 => return Some("dd/mm/yyyy hh:mm"),
        _ => {}
    }
    let builtin = || match id {
        5 | 6 | 42 => Some("\"£\"#,##0;-\"£\"#,##0"),
        7 | 8 | 44 => Some("\"£\"#,##0.00;-\"£\"#,##0.00"),
        41 => Some("#,##0"),
        43 => Some("#,##0.00"),
        _ => ssfmt::format_code_from_id(id),
    };
    let code = codes.get(&id).map(String::as_str).or_else(builtin)?;
    // These two stand for the long date and the time of the reader's country.
    if code.contains("[$-F800]") {
        Some("dd mmmm yyyy")
    } else if code.contains("[$-F400]") {
        Some("hh:mm:ss")
    } else {
        Some(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_in_their_format() {
        for (code, number, shown) in [
            ("000000", 1234.0, "001234"),
            ("\"£\"#,##0.00", 1250.5, "£1,250.50"),
            ("_-£* #,##0.00_-;-£* #,##0.00_-", 1250.5, "£1,250.50"),
            ("dd/mm/yyyy", 46_350.0, "24/11/2026"),
            ("[$-F800]dddd, mmmm dd, yyyy", 46_350.0, "24 November 2026"),
            ("0%", 0.2, "20%"),
            ("hh:mm", 0.395_833_33, "09:30"),
            ("00000 000000", 7_900_900_123.0, "07900 900123"),
            ("\"Ref \"0", 12.0, "Ref 12"),
            ("# ?/?", 1.5, "1 1/2"),
            ("General", 447_900_900_123.0, "447900900123"),
            ("dd/mm/yyyy", -5.0, "-5"),
        ] {
            let mut formats = NumberFormats::default();
            formats.add_code(164, code);
            formats.add_cell_format(164);
            assert_eq!(formats.number(0, number), shown, "{code}");
        }
    }

    #[test]
    fn a_date_in_the_format_of_the_country_is_a_british_one() {
        let mut formats = NumberFormats::default();
        formats.add_cell_format(14);
        assert_eq!(formats.number(0, 46_350.0), "24/11/2026");
    }
}
