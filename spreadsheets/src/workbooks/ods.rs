//! Sheets of open documents, read as a stream: a cell or a row may say that it repeats a million times.

use std::collections::HashSet;

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

use super::{
    Converted, ReadError, damaged, locked,
    sheet_writer::{CellText, SheetWriter},
    too_large, unpacked, values,
    xml::{attribute, referred},
};
use crate::notes::FaultKind;

/// The most rows that any spreadsheet program has.
const MOST_ROWS: u32 = 1_048_576;
/// The most columns that any spreadsheet program has.
const MAX_COLUMNS: u32 = 16_384;
/// The longest text of a cell: a few bytes of the file can ask for any number of spaces.
const MAX_CELL_BYTES: usize = 1_000_000;

/// Converts the first sheet that is shown. Values are as the program showed them when it saved the file.
pub(super) fn convert(bytes: &[u8]) -> Result<Converted<'static>, ReadError> {
    let mut archive = unpacked::open(bytes)?;
    let manifest = unpacked::read_entry(&mut archive, "META-INF/manifest.xml")?.unwrap_or_default();
    if memchr::memmem::find(&manifest, b"encryption-data").is_some() {
        return Err(locked());
    }
    let content = unpacked::read_entry(&mut archive, "content.xml")?.ok_or_else(damaged)?;
    let content = std::str::from_utf8(&content).map_err(|_| damaged())?;
    let mut sheet = Sheet::default();
    read(content, &mut sheet)?;
    let name = std::mem::take(&mut sheet.name);
    sheet.writer.finish(&name, sheet.shown, sheet.hidden)
}

fn read(content: &str, sheet: &mut Sheet) -> Result<(), ReadError> {
    let mut reader = Reader::from_str(content);
    // So that an empty cell is opened and closed like any other.
    reader.config_mut().expand_empty_elements = true;
    loop {
        match reader.read_event().map_err(|_| damaged())? {
            Event::Start(element) => sheet.open(&element)?,
            Event::End(element) => sheet.close(element.name().as_ref())?,
            Event::Text(text) => sheet.add(&text.xml10_content())?,
            Event::CData(text) => sheet.add(&text.xml10_content())?,
            Event::GeneralRef(reference) => sheet.add(&referred(&reference)?)?,
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

/// Where we are in the sheet.
#[derive(Default)]
struct Sheet {
    writer: SheetWriter,
    /// Table styles that hide their sheets.
    hiding_styles: HashSet<String>,
    /// The style whose properties are being read.
    style: String,
    /// Whether the sheet being read is the one that counts.
    is_read: bool,
    /// The name of the sheet that counts.
    name: String,
    shown: usize,
    hidden: usize,
    column: u32,
    /// Groups of rows or columns around this place that are folded away.
    hidden_groups: Vec<bool>,
    row_is_hidden: bool,
    /// Tables can stand in cells of tables.
    depth: usize,
    row: u32,
    row_repeats: u32,
    cells: Vec<Cell>,
    cell: Option<Cell>,
    /// Comments on a cell are not its text.
    annotations: usize,
    in_paragraph: bool,
}

#[derive(Default)]
struct Cell {
    repeats: u32,
    /// What the program showed, or would have if there is a value instead.
    text: String,
    /// A value that we show in our own way.
    value: Option<String>,
    /// What the cell holds, for one that shows no text.
    stored: String,
    is_error: bool,
    has_formula: bool,
    has_type: bool,
    rows_spanned: u32,
    paragraphs: usize,
}

impl Sheet {
    fn open(&mut self, element: &BytesStart<'_>) -> Result<(), ReadError> {
        if element.name().as_ref() == "table:table" {
            if self.depth == 0 {
                self.open_table(element)?;
            }
            self.depth += 1;
        }
        if self.depth == 0 {
            return self.open_style(element);
        }
        if !self.is_read || self.depth != 1 {
            return Ok(());
        }
        match element.name().as_ref() {
            "table:table-row-group" | "table:table-column-group" => {
                let is_folded = attribute(element, "table:display")?.as_deref() == Some("false");
                self.hidden_groups.push(is_folded);
            }
            "table:table-column" => self.open_column(element)?,
            "table:table-row" => {
                self.row_repeats = number(element, "table:number-rows-repeated")?.unwrap_or(1);
                self.row_is_hidden = self.is_hidden(element)?;
                self.cells.clear();
            }
            "table:table-cell" | "table:covered-table-cell" => {
                self.cell = Some(Cell::open(element)?);
            }
            "office:annotation" => self.annotations += 1,
            "text:p" => self.open_paragraph(),
            "text:s" => {
                let spaces = number(element, "text:c")?.unwrap_or(1) as usize;
                // Limited before it is built, because the file can ask for four billion.
                self.add(&" ".repeat(spaces.min(MAX_CELL_BYTES)))?;
            }
            "text:tab" => self.add("\t")?,
            "text:line-break" => self.add("\n")?,
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, name: &str) -> Result<(), ReadError> {
        if name == "table:table" {
            self.depth = self.depth.saturating_sub(1);
            self.is_read &= self.depth > 0;
        }
        if !self.is_read || self.depth != 1 {
            return Ok(());
        }
        match name {
            "table:table-row-group" | "table:table-column-group" => drop(self.hidden_groups.pop()),
            "text:p" => self.in_paragraph = false,
            "office:annotation" => self.annotations = self.annotations.saturating_sub(1),
            "table:table-cell" | "table:covered-table-cell" => self.cells.extend(self.cell.take()),
            "table:table-row" => self.close_row()?,
            _ => {}
        }
        Ok(())
    }

    fn open_paragraph(&mut self) {
        if let (Some(cell), 0) = (&mut self.cell, self.annotations) {
            if cell.paragraphs > 0 {
                cell.text.push('\n');
            }
            cell.paragraphs += 1;
            self.in_paragraph = true;
        }
    }

    /// Notes table styles that hide a sheet.
    fn open_style(&mut self, element: &BytesStart<'_>) -> Result<(), ReadError> {
        match element.name().as_ref() {
            "style:style" => self.style = attribute(element, "style:name")?.unwrap_or_default(),
            "style:table-properties"
                if attribute(element, "table:display")?.as_deref() == Some("false") =>
            {
                self.hiding_styles.insert(std::mem::take(&mut self.style));
            }
            _ => {}
        }
        Ok(())
    }

    fn open_table(&mut self, element: &BytesStart<'_>) -> Result<(), ReadError> {
        let style = attribute(element, "table:style-name")?.unwrap_or_default();
        let is_hidden = self.hiding_styles.contains(&style)
            || attribute(element, "table:display")?.as_deref() == Some("false");
        self.hidden += usize::from(is_hidden);
        self.shown += usize::from(!is_hidden);
        self.is_read = !is_hidden && self.shown == 1;
        if self.is_read {
            self.name = attribute(element, "table:name")?.unwrap_or_default();
        }
        Ok(())
    }

    fn open_column(&mut self, element: &BytesStart<'_>) -> Result<(), ReadError> {
        let columns = number(element, "table:number-columns-repeated")?.unwrap_or(1);
        let first = self.column;
        self.column = first.saturating_add(columns);
        if columns > 0 && self.is_hidden(element)? {
            self.writer.hide_columns(first, self.column - 1)?;
        }
        Ok(())
    }

    /// Checks whether a row or column is hidden, by itself, by a filter or by a group that is folded away.
    fn is_hidden(&self, element: &BytesStart<'_>) -> Result<bool, ReadError> {
        let visibility = attribute(element, "table:visibility")?;
        Ok(matches!(visibility.as_deref(), Some("collapse" | "filter"))
            || self.hidden_groups.contains(&true))
    }

    fn add(&mut self, text: &str) -> Result<(), ReadError> {
        if let (Some(cell), 0, true) = (&mut self.cell, self.annotations, self.in_paragraph) {
            cell.text.push_str(text);
            if cell.text.len() > MAX_CELL_BYTES {
                return Err(too_large());
            }
        }
        Ok(())
    }

    fn close_row(&mut self) -> Result<(), ReadError> {
        // Blank rows are passed over at once: a sheet may end with a million of them.
        let is_blank = self.cells.iter().all(|cell| cell.shown().is_none());
        for repeat in 0..if is_blank { 0 } else { self.row_repeats } {
            let row = self.row.saturating_add(repeat);
            if row >= MOST_ROWS {
                return Err(too_large());
            }
            self.write_row(row)?;
        }
        if is_blank && self.row_is_hidden {
            // Their place closes up, as that of other hidden rows does.
            self.writer.hide_blank_rows(self.row_repeats);
        }
        self.row = self.row.saturating_add(self.row_repeats);
        Ok(())
    }

    fn write_row(&mut self, row: u32) -> Result<(), ReadError> {
        let mut column: u32 = 0;
        for cell in &self.cells {
            let shown = cell.shown();
            for repeat in 0..if shown.is_none() { 0 } else { cell.repeats } {
                let place = column.saturating_add(repeat);
                if place >= MAX_COLUMNS {
                    return Err(too_large());
                }
                self.writer
                    .cell(place, shown.clone().unwrap_or_else(CellText::no_value));
            }
            if cell.rows_spanned > 1 && self.row_repeats == 1 {
                self.writer
                    .merge(row, column, row.saturating_add(cell.rows_spanned - 1))?;
            }
            column = column.saturating_add(cell.repeats);
        }
        self.writer.end_row(row, self.row_is_hidden)
    }
}

impl Cell {
    fn open(element: &BytesStart<'_>) -> Result<Self, ReadError> {
        let value = |name| Ok::<_, ReadError>(attribute(element, name)?.unwrap_or_default());
        let kind = attribute(element, "office:value-type")?;
        let stored = match kind.as_deref() {
            Some("date") => values::iso_moment_text(&value("office:date-value")?),
            Some("boolean") => {
                values::bool_text(value("office:boolean-value")? == "true").to_owned()
            }
            Some("time") => time_text(&value("office:time-value")?),
            Some("string") => value("office:string-value")?,
            Some(kind) => number_shown(kind, &value("office:value")?),
            None => String::new(),
        };
        let is_error = attribute(element, "calcext:value-type")?.as_deref() == Some("error");
        Ok(Self {
            repeats: number(element, "table:number-columns-repeated")?.unwrap_or(1),
            // Conditions in templates know `TRUE`, and no other language's word for it.
            value: (kind.as_deref() == Some("boolean")).then(|| stored.clone()),
            stored,
            is_error,
            has_formula: attribute(element, "table:formula")?.is_some(),
            has_type: kind.is_some(),
            rows_spanned: number(element, "table:number-rows-spanned")?.unwrap_or(1),
            ..Self::default()
        })
    }

    fn shown(&self) -> Option<CellText> {
        let text = self.value.as_ref().unwrap_or(&self.text);
        let text = if text.is_empty() { &self.stored } else { text };
        let fault = FaultKind::of_text(text).filter(|_| self.is_error || self.has_formula);
        match fault.or(self.is_error.then_some(FaultKind::Other)) {
            Some(kind) => Some(CellText::Fault(kind, text.clone())),
            None if text.is_empty() && self.has_formula && !self.has_type => {
                Some(CellText::no_value())
            }
            None => (!text.is_empty()).then(|| CellText::Text(text.clone())),
        }
    }
}

fn number_shown(kind: &str, value: &str) -> String {
    match value.parse::<f64>() {
        Ok(number) if kind == "percentage" => format!("{}%", values::number_text(number * 100.0)),
        Ok(number) => values::number_text(number),
        Err(_) => value.to_owned(),
    }
}

/// Returns `10:30:00` of `PT10H30M00S` or `PT10H30M`, and what is not written so as it is.
fn time_text(value: &str) -> String {
    let Some(mut rest) = value.strip_prefix("PT") else {
        return value.to_owned();
    };
    let mut part = |unit| match rest.split_once(unit) {
        Some((number, after)) => {
            rest = after;
            // Fractions of a second are not shown by the usual format either.
            number.split('.').next().unwrap_or_default().parse().ok()
        }
        None => Some(0_u32),
    };
    match (part('H'), part('M'), part('S'), rest) {
        (Some(hours), Some(minutes), Some(seconds), "") => {
            format!("{hours:02}:{minutes:02}:{seconds:02}")
        }
        _ => value.to_owned(),
    }
}

fn number(element: &BytesStart<'_>, name: &str) -> Result<Option<u32>, ReadError> {
    attribute(element, name)?
        .map(|number| number.parse().map_err(|_| damaged()))
        .transpose()
}
