use super::{
    CellProblem, CellValue, Layout, Notes, ReadError, Record, Records, Report, Row, RowProblems,
    Settings, header::Header, inspection::Inspection, recipient_columns,
    row_validation::RowValidator, summary::Summary,
};
use templates::placeholders::NameSet;

/// A whole file in memory, with what is wrong with each row.
///
/// For tests and small files; the [`Checker`](super::Checker) reports the same on any file in bounded memory.
#[derive(Debug)]
pub struct Sheet {
    header: Header,
    layout: Layout,
    records: Vec<Record>,
    problems_by_row: Vec<RowProblems>,
    validator: RowValidator,
    placeholders: NameSet,
    report: Report,
    max_rows: usize,
    max_errors_shown: usize,
    max_initial_rows_shown: usize,
}

/// One value of a row and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell<'row> {
    /// The column's key.
    pub key: &'row str,
    /// The value.
    pub value: &'row CellValue<'row>,
    /// Whether the template does not use it.
    pub is_ignored: bool,
    /// What is wrong with it.
    pub problem: Option<CellProblem>,
}

impl Sheet {
    /// Reads and checks a file.
    pub fn read(bytes: &[u8], settings: &Settings) -> Result<Self, ReadError> {
        let mut reader = Records::new();
        // What is wrong with the text before characters that cannot be read comes first, as it does where a file is
        // checked while it comes in.
        let read_to_its_end = reader.push(bytes).and_then(|()| reader.finish());
        let header = match reader.next_record()? {
            Some(first) => settings.read_header(first)?,
            None => Header::default(),
        };
        let mut records = Vec::new();
        while let Some(record) = reader.next_record()? {
            records.push(record.clone());
        }
        read_to_its_end?;
        let width = records.iter().map(Record::width).max().unwrap_or(0);
        let channel = settings.template.channel();
        let layout = Layout::new(
            channel,
            &header,
            width,
            records.len(),
            reader.lines_before_header(),
        );
        let mut sheet = Self::check(header, layout, records, settings);
        sheet.report = sheet.report.with_problems(reader.quote_problems());
        Ok(sheet)
    }

    fn check(header: Header, layout: Layout, records: Vec<Record>, settings: &Settings) -> Self {
        let has_duplicates = !header
            .duplicate_recipient_columns(layout.channel())
            .is_empty();
        let validator = RowValidator::new(settings, layout.columns(), has_duplicates);
        let (mut summary, mut problems_by_row) = (Summary::new(), Vec::new());
        let mut inspection = Inspection::new(&header, settings);
        for (index, record) in records.iter().enumerate() {
            inspection.add(index, record);
            if index >= settings.max_rows {
                summary.skip_row(settings);
                continue;
            }
            let row = layout.row(index, record);
            let (problems, recipient) = validator.validate(&row, settings);
            summary.add(&row, &problems, recipient, settings);
            problems_by_row.push(problems);
        }
        let lines_before_header = layout.lines_before_header();
        let report = Report::new(layout.clone(), &header, settings, summary).with_inspection(
            inspection,
            settings,
            &Notes::default(),
            lines_before_header,
        );
        Self {
            report,
            placeholders: settings.template.placeholders().clone(),
            max_rows: settings.max_rows,
            max_errors_shown: settings.max_errors_shown,
            max_initial_rows_shown: settings.max_initial_rows_shown,
            header,
            layout,
            records,
            problems_by_row,
            validator,
        }
    }

    /// Returns the report on the file.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Returns the headers without exact repeats, in order.
    pub fn column_headers(&self) -> Vec<&str> {
        self.header.distinct_names()
    }

    /// Returns the keys of the headers without repeats, in order.
    pub fn column_headers_as_column_keys(&self) -> Vec<&str> {
        self.header.distinct_keys()
    }

    /// Returns the names that the template wants, then those of the recipient columns.
    pub fn placeholders(&self) -> Vec<&str> {
        self.placeholders
            .iter()
            .chain(
                recipient_columns::names(self.layout.channel())
                    .iter()
                    .copied(),
            )
            .collect()
    }

    /// Returns the rows in order; `None` for those past the limit.
    pub fn rows(&self) -> impl Iterator<Item = Option<Row<'_>>> {
        (0..self.records.len()).map(|index| self.row(index))
    }

    /// Returns the row with this index; `None` past the limit.
    pub fn row(&self, index: usize) -> Option<Row<'_>> {
        let record = self.records.get(index).filter(|_| index < self.max_rows)?;
        Some(self.layout.row(index, record))
    }

    /// Returns what is wrong with the row with this index; `None` past the limit.
    pub fn problems(&self, index: usize) -> Option<&RowProblems> {
        self.problems_by_row.get(index)
    }

    /// Returns the values of a row of this sheet, and what is wrong with them.
    pub fn cells<'row>(&'row self, row: &'row Row<'row>) -> impl Iterator<Item = Cell<'row>> {
        let cell_problems = self
            .problems(row.index())
            .map_or(&[][..], |problems| &problems.cells);
        let slots = self.layout.columns().slots().iter().enumerate();
        slots.filter_map(move |(slot, column)| {
            Some(Cell {
                key: &column.key,
                value: row.value_in(slot)?,
                is_ignored: self.validator.ignores(slot),
                problem: cell_problems
                    .iter()
                    .find(|(bad, _)| *bad == slot)
                    .map(|(_, problem)| *problem),
            })
        })
    }

    /// Returns the indexes of the rows for which `holds` is true, in order. Blank rows under a header of empty cells
    /// are left out.
    pub fn rows_with(&self, holds: impl Fn(&RowProblems) -> bool) -> Vec<usize> {
        let is_meant = |&index: &usize| {
            holds(&self.problems_by_row[index])
                && self.row(index).is_some_and(|row| row.has_anything())
        };
        (0..self.problems_by_row.len()).filter(is_meant).collect()
    }

    /// Returns the indexes of the first rows.
    pub fn initial_rows(&self) -> impl Iterator<Item = usize> {
        0..self.records.len().min(self.max_initial_rows_shown)
    }

    /// Returns the indexes of the first rows with errors.
    pub fn initial_rows_with_errors(&self) -> Vec<usize> {
        let mut rows = self.rows_with(RowProblems::has_error);
        rows.truncate(self.max_errors_shown);
        rows
    }

    /// Returns the indexes of the rows to show: those with errors, unless there are none or whole columns are
    /// missing.
    pub fn displayed_rows(&self) -> Vec<usize> {
        let shows_errors = self.report.error_counts.rows_with_errors > 0
            && self.report.missing_column_headers.is_empty();
        if shows_errors {
            self.initial_rows_with_errors()
        } else {
            self.initial_rows().collect()
        }
    }
}
