//! What a conversion to CSV found out about a file and the CSV cannot hold.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

/// Cells with errors that are kept; beyond that the file as a whole is in error.
const MAX_FAULTS: usize = 100_000;

/// What the reader of a file found beside its cells. Each text is a sentence for the sender, without its full stop.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notes {
    /// What the sender should know, such as hidden rows that were left out.
    pub warnings: Vec<String>,
    /// What makes the file as a whole unusable.
    pub problems: Vec<String>,
    /// Whether a row with more cells than the header makes the file unusable.
    pub refuses_long_rows: bool,
    /// Cells without a usable value, in the order of the records.
    faults: Vec<CellFault>,
    /// From this record on, so many rows of the sheet stand before it that are not in the CSV.
    left_out: Vec<(usize, usize)>,
}

/// A cell of a workbook that has no usable value. Displays as the cell's name and what is in it: `B7: #N/A`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellFault {
    pub(crate) record: usize,
    pub(crate) column: usize,
    pub(crate) sheet_row: u32,
    pub(crate) sheet_column: u32,
    pub(crate) kind: FaultKind,
}

/// Why a cell has no usable value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "FaultText")]
pub(crate) enum FaultKind {
    /// The formula failed with an error of the spreadsheet program.
    Error(&'static str),
    /// The formula failed with an error that has only a number.
    Other,
    /// The file has a formula without its value.
    NoValue,
}

/// The errors that formulas of spreadsheet programs result in.
pub(crate) const ERRORS: &[&str] = &[
    "#N/A",
    "#VALUE!",
    "#REF!",
    "#NAME?",
    "#DIV/0!",
    "#NUM!",
    "#NULL!",
    "#SPILL!",
    "#CALC!",
    "#GETTING_DATA",
    "#ERROR!",
];

impl FaultKind {
    /// Returns the fault that a cell shows with this text, if it is one.
    pub(crate) fn of_text(text: &str) -> Option<Self> {
        let known = ERRORS.iter().find(|error| **error == text.trim());
        known.map(|error| Self::Error(error))
    }
}

/// A [`FaultKind`] as it is passed between processes, which share no static texts.
#[derive(Serialize, Deserialize)]
enum FaultText {
    Error(String),
    Other,
    NoValue,
}

impl From<FaultKind> for FaultText {
    fn from(kind: FaultKind) -> Self {
        match kind {
            FaultKind::Error(error) => Self::Error(error.to_owned()),
            FaultKind::Other => Self::Other,
            FaultKind::NoValue => Self::NoValue,
        }
    }
}

// Derived, it would live only as long as the text that it is read from.
impl<'de> Deserialize<'de> for FaultKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = FaultText::deserialize(deserializer)?;
        text.try_into().map_err(D::Error::custom)
    }
}

impl TryFrom<FaultText> for FaultKind {
    type Error = String;

    fn try_from(text: FaultText) -> Result<Self, String> {
        match text {
            FaultText::Error(error) => {
                Self::of_text(&error).ok_or_else(|| format!("there is no error `{error}`"))
            }
            FaultText::Other => Ok(Self::Other),
            FaultText::NoValue => Ok(Self::NoValue),
        }
    }
}

impl fmt::Display for CellFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (column, row) = (column_letters(self.sheet_column), self.sheet_row + 1);
        match self.kind {
            FaultKind::Error(error) => write!(formatter, "{column}{row}: {error}"),
            FaultKind::Other => write!(formatter, "{column}{row}: the formula has an error"),
            FaultKind::NoValue => write!(
                formatter,
                "{column}{row}: the formula has no value. Open the file in a spreadsheet program and save it again"
            ),
        }
    }
}

impl Notes {
    pub(crate) fn add_fault(&mut self, fault: CellFault) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(fault);
            return;
        }
        let problem = format!("more than {MAX_FAULTS} cells have errors");
        // Once, however many there are.
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Records that from this record on, the sheet has `rows` rows more than the CSV.
    pub(crate) fn shift_from(&mut self, record: usize, rows: usize) {
        match self.left_out.last_mut() {
            // One entry for each change, and not for each cell.
            Some(last) if last.1 == rows => {}
            Some(last) if last.0 == record => last.1 = rows,
            _ => self.left_out.push((record, rows)),
        }
    }

    /// Returns the faults of a record, counted from 0 at the first line of the CSV.
    pub(crate) fn faults_of(&self, record: usize) -> &[CellFault] {
        // Faults are in the order of the records, so those of one stand together.
        let start = self.faults.partition_point(|fault| fault.record < record);
        let end = self.faults.partition_point(|fault| fault.record <= record);
        &self.faults[start..end]
    }

    /// Returns how many rows that are not in the CSV stand before this record on the sheet.
    pub(crate) fn left_out_before(&self, record: usize) -> usize {
        let after = self.left_out.partition_point(|(from, _)| *from <= record);
        after.checked_sub(1).map_or(0, |last| self.left_out[last].1)
    }
}

/// Returns the name of a column, counted from 0: `A` to `Z`, `AA` and so on.
pub(crate) fn column_letters(column: u32) -> String {
    let mut letters = Vec::new();
    let mut rest = column + 1;
    while rest > 0 {
        letters.push(char::from(
            b'A' + u8::try_from((rest - 1) % 26).unwrap_or(0),
        ));
        rest = (rest - 1) / 26;
    }
    letters.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_named_as_on_a_sheet() {
        let names: Vec<_> = [0, 25, 26, 701, 702, 16_383].map(column_letters).into();
        assert_eq!(names, ["A", "Z", "AA", "ZZ", "AAA", "XFD"]);
    }

    #[test]
    fn notes_survive_the_way_between_processes() {
        let mut notes = Notes::default();
        for kind in [
            FaultKind::Error("#N/A"),
            FaultKind::Other,
            FaultKind::NoValue,
        ] {
            notes.add_fault(CellFault {
                record: 1,
                column: 2,
                sheet_row: 3,
                sheet_column: 4,
                kind,
            });
        }
        notes.warnings.push("one row was left out".to_owned());
        notes.shift_from(2, 1);
        let text = serde_json::to_string(&notes).unwrap();
        assert_eq!(serde_json::from_str::<Notes>(&text).unwrap(), notes);
        let forged = text.replace("#N/A", "#PWNED");
        assert!(serde_json::from_str::<Notes>(&forged).is_err());
    }

    #[test]
    fn too_many_faults_are_one_problem() {
        let mut notes = Notes::default();
        for row in 0..2 * u32::try_from(MAX_FAULTS).unwrap() {
            notes.add_fault(CellFault {
                record: row as usize,
                column: 0,
                sheet_row: row,
                sheet_column: 0,
                kind: FaultKind::NoValue,
            });
        }
        assert_eq!((notes.faults.len(), notes.problems.len()), (MAX_FAULTS, 1));
    }

    #[test]
    fn rows_that_were_left_out_shift_the_numbers_of_the_later_ones() {
        let mut notes = Notes::default();
        notes.shift_from(2, 1);
        notes.shift_from(5, 3);
        assert_eq!(
            [0, 1, 2, 4, 5, 9].map(|at| notes.left_out_before(at)),
            [0, 0, 1, 1, 3, 3]
        );
    }
}
