//! Workbooks of Excel since 2007: the parts that say what a sheet shows.

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

use super::{
    Converted, ReadError, damaged,
    number_formats::NumberFormats,
    sheet_writer::{CellText, SheetWriter},
    too_large, unpacked,
    unpacked::Archive,
    values,
    xml::{attribute, referred},
};
use crate::notes::FaultKind;

/// The most rows and columns that Excel has.
const MAX_ROWS: u32 = 1_048_576;
const MAX_COLUMNS: u32 = 16_384;

/// Converts the first sheet that is shown.
pub(super) fn convert(bytes: &[u8]) -> Result<Converted<'static>, ReadError> {
    let mut archive = unpacked::open(bytes)?;
    let main = main_part(&mut archive)?;
    let folder = main
        .rsplit_once('/')
        .map_or("", |(folder, _)| folder)
        .to_owned();
    let name = main.rsplit('/').next().unwrap_or_default();
    let relations = relations(
        &mut archive,
        &folder,
        &format!("{folder}/_rels/{name}.rels"),
    )?;
    let workbook = Workbook::read(&part(&mut archive, &main)?.ok_or_else(damaged)?)?;

    // Some programs leave these two out of the relations and give them their usual names.
    let path_of = |kind: &str, usual: &str| {
        let listed = relations
            .iter()
            .find(|relation| relation.kind.ends_with(kind));
        listed.map_or_else(
            || resolve(&folder, usual),
            |relation| relation.target.clone(),
        )
    };
    let mut formats = NumberFormats::default();
    let styles = part(&mut archive, &path_of("/styles", "styles.xml"))?;
    read_styles(&styles.unwrap_or_default(), &mut formats)?;
    if workbook.counts_from_1904 {
        formats.count_from_1904();
    }
    let shared = part(
        &mut archive,
        &path_of("/sharedStrings", "sharedStrings.xml"),
    )?;
    let texts = read_texts(&shared.unwrap_or_default())?;
    // Charts and dialogs are listed among the sheets.
    let is_shown = |(id, _): &&(String, String)| {
        relations
            .iter()
            .any(|one| one.id == *id && one.kind.ends_with("/worksheet"))
    };
    let shown: Vec<_> = workbook.shown.iter().filter(is_shown).collect();
    let (id, name) = shown.first().ok_or_else(damaged)?;
    let sheet = relations
        .iter()
        .find(|relation| relation.id == *id)
        .ok_or_else(damaged)?;
    let xml = part(&mut archive, &sheet.target)?.ok_or_else(damaged)?;
    let mut reader = SheetReader::new(&texts, formats);
    // First, although they stand last: the writer must know of a merge when its cell comes.
    read_merges(&xml, &mut reader.writer)?;
    each_event(&xml, |event| reader.take(event))?;
    reader.writer.finish(name, shown.len(), workbook.hidden)
}

struct Relation {
    id: String,
    kind: String,
    target: String,
}

/// Returns the path of the part that lists the sheets; programs other than Excel give it other names.
fn main_part(archive: &mut Archive<'_>) -> Result<String, ReadError> {
    let found = relations(archive, "", "_rels/.rels")?;
    let main = found
        .into_iter()
        .find(|relation| relation.kind.ends_with("/officeDocument"));
    Ok(main.map_or_else(|| "xl/workbook.xml".to_owned(), |relation| relation.target))
}

fn relations(
    archive: &mut Archive<'_>,
    folder: &str,
    path: &str,
) -> Result<Vec<Relation>, ReadError> {
    let mut relations = Vec::new();
    each_event(&part(archive, path)?.unwrap_or_default(), |event| {
        if let Event::Start(element) = event
            && element.local_name().as_ref() == "Relationship"
        {
            let value = |name| Ok::<_, ReadError>(attribute(element, name)?.unwrap_or_default());
            let target = value("Target")?;
            relations.push(Relation {
                id: value("Id")?,
                kind: value("Type")?,
                target: resolve(folder, &target),
            });
        }
        Ok(())
    })?;
    Ok(relations)
}

/// Returns the path of a part that is named relative to a folder.
fn resolve(folder: &str, target: &str) -> String {
    let whole = match target.strip_prefix('/') {
        Some(absolute) => absolute.to_owned(),
        None => format!("{folder}/{target}"),
    };
    let mut path: Vec<&str> = Vec::new();
    for step in whole.split('/') {
        match step {
            "" | "." => {}
            ".." => drop(path.pop()),
            step => path.push(step),
        }
    }
    path.join("/")
}

/// Returns the text of a part. Names differ in case, and some programs write backslashes.
fn part(archive: &mut Archive<'_>, path: &str) -> Result<Option<String>, ReadError> {
    let path = path.trim_start_matches('/');
    let mut names = archive.file_names().flatten().map(String::from);
    let name = names.find(|name| name.replace('\\', "/").eq_ignore_ascii_case(path));
    drop(names);
    let Some(name) = name else {
        return Ok(None);
    };
    let content = unpacked::read_entry(archive, &name)?.unwrap_or_default();
    String::from_utf8(content).map(Some).map_err(|_| damaged())
}

fn each_event(
    xml: &str,
    mut take: impl FnMut(&Event<'_>) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let mut reader = Reader::from_str(xml.trim_start_matches('\u{FEFF}'));
    reader.config_mut().expand_empty_elements = true;
    loop {
        match reader.read_event().map_err(|_| damaged())? {
            Event::Eof => return Ok(()),
            event => take(&event)?,
        }
    }
}

/// The list of sheets.
#[derive(Default)]
struct Workbook {
    /// The relations and names of the sheets that are shown.
    shown: Vec<(String, String)>,
    hidden: usize,
    counts_from_1904: bool,
}

impl Workbook {
    fn read(xml: &str) -> Result<Self, ReadError> {
        let mut workbook = Self::default();
        each_event(xml, |event| {
            let Event::Start(element) = event else {
                return Ok(());
            };
            match element.local_name().as_ref() {
                "workbookPr" => workbook.counts_from_1904 = flag(element, "date1904")?,
                "sheet" => {
                    let state = attribute(element, "state")?;
                    if matches!(state.as_deref(), Some("hidden" | "veryHidden")) {
                        workbook.hidden += 1;
                    } else if let Some(id) = relation_id(element)? {
                        let name = attribute(element, "name")?.unwrap_or_default();
                        workbook.shown.push((id, name));
                    }
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(workbook)
    }
}

/// Returns the attribute `id` in whatever prefix the file gives to the namespace of relations.
fn relation_id(element: &BytesStart<'_>) -> Result<Option<String>, ReadError> {
    for attribute in element.attributes().flatten() {
        let key: &str = attribute.key.as_ref();
        if key.ends_with(":id") {
            return self::attribute(element, key);
        }
    }
    Ok(None)
}

fn flag(element: &BytesStart<'_>, name: &str) -> Result<bool, ReadError> {
    Ok(matches!(
        attribute(element, name)?.as_deref(),
        Some("1" | "true" | "on")
    ))
}

fn read_styles(xml: &str, formats: &mut NumberFormats) -> Result<(), ReadError> {
    let mut in_cell_formats = false;
    each_event(xml, |event| {
        match event {
            Event::Start(element) => match element.local_name().as_ref() {
                "cellXfs" => in_cell_formats = true,
                "xf" if in_cell_formats => {
                    formats.add_cell_format(number(element, "numFmtId")?.unwrap_or(0));
                }
                "numFmt" => {
                    let code = attribute(element, "formatCode")?.unwrap_or_default();
                    formats.add_code(number(element, "numFmtId")?.unwrap_or(0), &code);
                }
                _ => {}
            },
            Event::End(element) if element.local_name().as_ref() == "cellXfs" => {
                in_cell_formats = false;
            }
            _ => {}
        }
        Ok(())
    })
}

fn number(element: &BytesStart<'_>, name: &str) -> Result<Option<u32>, ReadError> {
    Ok(attribute(element, name)?.and_then(|number| number.parse().ok()))
}

/// Reads the texts that cells refer to by number. Readings (`rPh`) of Japanese texts are no part of them.
fn read_texts(xml: &str) -> Result<Vec<String>, ReadError> {
    let mut texts: Vec<String> = Vec::new();
    let mut scope = TextScope::default();
    each_event(xml, |event| {
        if let Event::Start(element) = event
            && element.local_name().as_ref() == "si"
        {
            texts.push(String::new());
        }
        if let (Some(text), Some(last)) = (scope.take(event)?, texts.last_mut()) {
            last.push_str(&text);
        }
        Ok(())
    })?;
    Ok(texts)
}

/// Finds the text in `t` elements outside readings.
#[derive(Default)]
struct TextScope {
    in_text: bool,
    in_reading: bool,
}

impl TextScope {
    fn take(&mut self, event: &Event<'_>) -> Result<Option<String>, ReadError> {
        match event {
            Event::Start(element) => self.enter(element.local_name().as_ref(), true),
            Event::End(element) => self.enter(element.local_name().as_ref(), false),
            _ if !self.in_text || self.in_reading => {}
            event => return text_of(event),
        }
        Ok(None)
    }

    fn enter(&mut self, name: &str, is_start: bool) {
        match name {
            "t" => self.in_text = is_start,
            "rPh" => self.in_reading = is_start,
            _ => {}
        }
    }
}

fn text_of(event: &Event<'_>) -> Result<Option<String>, ReadError> {
    Ok(match event {
        Event::Text(text) => Some(text.xml10_content().into_owned()),
        Event::CData(text) => Some(text.xml10_content().into_owned()),
        Event::GeneralRef(reference) => Some(referred(reference)?),
        _ => None,
    })
}

/// Reads the merged cells, which stand after the cells of the sheet.
fn read_merges(xml: &str, writer: &mut SheetWriter) -> Result<(), ReadError> {
    // Most sheets have none, and then the part is parsed only once.
    if memchr::memmem::find(xml.as_bytes(), b"mergeCell").is_none() {
        return Ok(());
    }
    each_event(xml, |event| {
        if let Event::Start(element) = event
            && element.local_name().as_ref() == "mergeCell"
        {
            let range = attribute(element, "ref")?.unwrap_or_default();
            if let Some((first, last)) = range.split_once(':') {
                let (row, column) = place_of(first)?;
                writer.merge(row, column, place_of(last)?.0)?;
            }
        }
        Ok(())
    })
}

/// Returns the row and column, counted from 0, of a name such as `B7`.
fn place_of(name: &str) -> Result<(u32, u32), ReadError> {
    let name = name.trim_matches('$');
    let digits = name
        .find(|character: char| character.is_ascii_digit())
        .ok_or_else(damaged)?;
    let column = name[..digits]
        .bytes()
        .filter(u8::is_ascii_alphabetic)
        .try_fold(0_u32, |column, letter| {
            let column = column * 26 + u32::from(letter.to_ascii_uppercase() - b'A') + 1;
            (column <= MAX_COLUMNS).then_some(column)
        });
    let row: Option<u32> = name[digits..].parse().ok().filter(|row| *row <= MAX_ROWS);
    let place = row
        .and_then(|row| row.checked_sub(1))
        .zip(column.and_then(|column| column.checked_sub(1)));
    place.ok_or_else(damaged)
}

/// Reads the cells of a sheet.
struct SheetReader<'texts> {
    texts: &'texts [String],
    formats: NumberFormats,
    writer: SheetWriter,
    row: u32,
    row_is_hidden: bool,
    has_row: bool,
    column: u32,
    cell: Option<Cell>,
    scope: TextScope,
    in_value: bool,
}

#[derive(Default)]
struct Cell {
    column: u32,
    kind: String,
    format: usize,
    value: String,
    has_formula: bool,
}

impl<'texts> SheetReader<'texts> {
    fn new(texts: &'texts [String], formats: NumberFormats) -> Self {
        Self {
            texts,
            formats,
            writer: SheetWriter::default(),
            row: 0,
            row_is_hidden: false,
            has_row: false,
            column: 0,
            cell: None,
            scope: TextScope::default(),
            in_value: false,
        }
    }

    fn take(&mut self, event: &Event<'_>) -> Result<(), ReadError> {
        if let (Some(text), Some(cell)) = (self.scope.take(event)?, &mut self.cell) {
            cell.value.push_str(&text);
        }
        match event {
            Event::Start(element) => self.open(element),
            Event::End(element) => self.close(element.local_name().as_ref()),
            event if self.in_value => {
                if let (Some(text), Some(cell)) = (text_of(event)?, &mut self.cell) {
                    cell.value.push_str(&text);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, element: &BytesStart<'_>) -> Result<(), ReadError> {
        match element.local_name().as_ref() {
            "col" => self.hide_column(element)?,
            "row" => self.open_row(element)?,
            "c" => self.open_cell(element)?,
            "v" => self.in_value = true,
            "f" => {
                if let Some(cell) = &mut self.cell {
                    cell.has_formula = true;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn hide_column(&mut self, element: &BytesStart<'_>) -> Result<(), ReadError> {
        let has_no_width =
            attribute(element, "width")?.is_some_and(|width| width.parse() == Ok(0.0));
        if !has_no_width && !flag(element, "hidden")? {
            return Ok(());
        }
        let (first, last) = (number(element, "min")?, number(element, "max")?);
        match first.zip(last) {
            Some((first @ 1.., last)) if first <= last && last <= MAX_COLUMNS => {
                self.writer.hide_columns(first - 1, last - 1)
            }
            _ => Err(damaged()),
        }
    }

    fn open_row(&mut self, element: &BytesStart<'_>) -> Result<(), ReadError> {
        let next = self.row + u32::from(self.has_row);
        let row = number(element, "r")?.map_or(Some(next), |row| row.checked_sub(1));
        let row = row.ok_or_else(damaged)?;
        // Rows are written as they come, so none can come before another.
        if row < next {
            return Err(damaged());
        }
        if row >= MAX_ROWS {
            return Err(too_large());
        }
        let has_no_height =
            attribute(element, "ht")?.is_some_and(|height| height.parse() == Ok(0.0));
        self.row_is_hidden = has_no_height || flag(element, "hidden")?;
        (self.row, self.has_row, self.column) = (row, true, 0);
        Ok(())
    }

    fn open_cell(&mut self, element: &BytesStart<'_>) -> Result<(), ReadError> {
        let column = match attribute(element, "r")? {
            Some(name) => place_of(&name)?.1,
            None => self.column,
        };
        self.column = column + 1;
        self.cell = Some(Cell {
            column,
            kind: attribute(element, "t")?.unwrap_or_default(),
            format: number(element, "s")?.unwrap_or(0) as usize,
            ..Cell::default()
        });
        Ok(())
    }

    fn close(&mut self, name: &str) -> Result<(), ReadError> {
        match name {
            "v" => self.in_value = false,
            "c" => {
                if let Some(cell) = self.cell.take() {
                    let text = self.text_of_cell(&cell)?;
                    self.writer.cell(cell.column, text);
                }
            }
            "row" => self.writer.end_row(self.row, self.row_is_hidden)?,
            _ => {}
        }
        Ok(())
    }

    fn text_of_cell(&mut self, cell: &Cell) -> Result<CellText, ReadError> {
        let value = cell.value.as_str();
        // A formula that comes to an empty text says so by its kind; others without a value were never calculated.
        if value.is_empty() && cell.has_formula && cell.kind != "str" {
            return Ok(CellText::no_value());
        }
        Ok(CellText::Text(match cell.kind.as_str() {
            "s" if value.is_empty() => String::new(),
            // A number that no text has would otherwise put another recipient's text into the cell.
            "s" => value
                .parse()
                .ok()
                .and_then(|at: usize| self.texts.get(at))
                .ok_or_else(damaged)?
                .clone(),
            "str" | "inlineStr" => value.to_owned(),
            "b" => values::bool_text(value == "1" || value == "true").to_owned(),
            "e" => {
                let kind = FaultKind::of_text(value).unwrap_or(FaultKind::Other);
                return Ok(CellText::Fault(kind, value.to_owned()));
            }
            "d" => values::iso_moment_text(value),
            _ => match value.trim().parse::<f64>() {
                Ok(number) if number.is_finite() => self.formats.number(cell.format, number),
                _ => value.to_owned(),
            },
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_from_their_names() {
        assert_eq!(place_of("B7"), Ok((6, 1)));
        assert_eq!(place_of("XFD1048576"), Ok((1_048_575, 16_383)));
        for wrong in ["", "7", "B", "B0", "XFE1", "A1048577"] {
            assert!(place_of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn parts_are_found_relative_to_their_folder() {
        assert_eq!(
            resolve("xl", "worksheets/sheet1.xml"),
            "xl/worksheets/sheet1.xml"
        );
        assert_eq!(resolve("xl", "/xl/a.xml"), "xl/a.xml");
        assert_eq!(resolve("xl", "../b.xml"), "b.xml");
    }
}
