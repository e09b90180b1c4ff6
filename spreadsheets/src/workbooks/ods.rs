//! Sheets of open documents, read as a stream: a cell or a row may say that it repeats a million times.

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};

use super::{CsvWriter, ReadError, damaged, finish, locked, too_large, unpacked, values};

/// The most rows that any spreadsheet program has.
const MOST_ROWS: u32 = 1_048_576;
/// The longest text that repeated spaces may make of a cell.
const MOST_SPACES: usize = 131_072;

/// The first sheet. Numbers are as the program showed them when it saved the file; dates are as everywhere.
pub(super) fn to_csv(bytes: &[u8]) -> Result<Vec<u8>, ReadError> {
    let mut archive = unpacked::open(bytes)?;
    let manifest = unpacked::read_entry(&mut archive, "META-INF/manifest.xml")?.unwrap_or_default();
    if memchr::memmem::find(&manifest, b"encryption-data").is_some() {
        return Err(locked());
    }
    let content = unpacked::read_entry(&mut archive, "content.xml")?.ok_or_else(damaged)?;
    let content = std::str::from_utf8(&content).map_err(|_| damaged())?;
    let mut sheet = Sheet::default();
    read(content, &mut sheet)?;
    finish(sheet.csv, sheet.tables > 1)
}

fn read(content: &str, sheet: &mut Sheet) -> Result<(), ReadError> {
    let mut reader = Reader::from_str(content);
    reader.config_mut().expand_empty_elements = true;
    loop {
        match reader.read_event().map_err(|_| damaged())? {
            Event::Start(element) => sheet.open(&element)?,
            Event::End(element) => sheet.close(element.name().as_ref())?,
            Event::Text(text) => sheet.add(&text.xml10_content()),
            Event::CData(text) => sheet.add(&text.xml10_content()),
            Event::GeneralRef(reference) => sheet.add(&referred(&reference)?),
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

fn referred(reference: &quick_xml::events::BytesRef<'_>) -> Result<String, ReadError> {
    if let Some(character) = reference.resolve_char_ref().map_err(|_| damaged())? {
        return Ok(character.to_string());
    }
    let resolved = quick_xml::escape::resolve_predefined_entity(reference);
    resolved.map(str::to_owned).ok_or_else(damaged)
}

/// Where we are in the sheet.
#[derive(Default)]
struct Sheet {
    csv: CsvWriter,
    /// How many sheets have begun.
    tables: usize,
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
    paragraphs: usize,
}

impl Sheet {
    fn open(&mut self, element: &BytesStart<'_>) -> Result<(), ReadError> {
        if element.name().as_ref() == "table:table" {
            self.tables += usize::from(self.depth == 0);
            self.depth += 1;
        }
        if self.tables != 1 || self.depth != 1 {
            return Ok(());
        }
        match element.name().as_ref() {
            "table:table-row" => {
                self.row_repeats = number(element, "table:number-rows-repeated")?.unwrap_or(1);
                self.cells.clear();
            }
            "table:table-cell" | "table:covered-table-cell" => {
                self.cell = Some(Cell::open(element)?);
            }
            "office:annotation" => self.annotations += 1,
            "text:p" => self.open_paragraph(),
            "text:s" => {
                let spaces = number(element, "text:c")?.unwrap_or(1) as usize;
                self.add(&" ".repeat(spaces.min(MOST_SPACES)));
            }
            "text:tab" => self.add("\t"),
            "text:line-break" => self.add("\n"),
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, name: &str) -> Result<(), ReadError> {
        if name == "table:table" {
            self.depth = self.depth.saturating_sub(1);
        }
        if self.tables != 1 || self.depth != 1 {
            return Ok(());
        }
        match name {
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

    fn add(&mut self, text: &str) {
        if let (Some(cell), 0, true) = (&mut self.cell, self.annotations, self.in_paragraph) {
            cell.text.push_str(text);
        }
    }

    fn close_row(&mut self) -> Result<(), ReadError> {
        let is_blank = self.cells.iter().all(|cell| cell.shown().is_empty());
        for repeat in 0..if is_blank { 0 } else { self.row_repeats } {
            let row = self.row.saturating_add(repeat);
            if row >= MOST_ROWS {
                return Err(too_large());
            }
            self.write_row(row)?;
        }
        self.row = self.row.saturating_add(self.row_repeats);
        Ok(())
    }

    fn write_row(&mut self, row: u32) -> Result<(), ReadError> {
        let mut column: u32 = 0;
        for cell in &self.cells {
            let text = cell.shown();
            for repeat in 0..if text.is_empty() { 0 } else { cell.repeats } {
                self.csv.cell(row, column.saturating_add(repeat), text)?;
            }
            column = column.saturating_add(cell.repeats);
        }
        Ok(())
    }
}

impl Cell {
    fn open(element: &BytesStart<'_>) -> Result<Self, ReadError> {
        let value = match attribute(element, "office:value-type")?.as_deref() {
            Some("date") => {
                attribute(element, "office:date-value")?.map(|date| values::iso_moment_text(&date))
            }
            Some("boolean") => attribute(element, "office:boolean-value")?
                .map(|flag| values::bool_text(flag == "true").to_owned()),
            _ => None,
        };
        let repeats = number(element, "table:number-columns-repeated")?.unwrap_or(1);
        Ok(Self {
            repeats,
            value,
            ..Self::default()
        })
    }

    fn shown(&self) -> &str {
        self.value.as_deref().unwrap_or(&self.text)
    }
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Result<Option<String>, ReadError> {
    let attribute = element.try_get_attribute(name).map_err(|_| damaged())?;
    attribute
        .map(|attribute| {
            Ok(attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|_| damaged())?
                .into_owned())
        })
        .transpose()
}

fn number(element: &BytesStart<'_>, name: &str) -> Result<Option<u32>, ReadError> {
    attribute(element, name)?
        .map(|number| number.parse().map_err(|_| damaged()))
        .transpose()
}
