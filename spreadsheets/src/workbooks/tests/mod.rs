use std::io::{Cursor, Write};

use proptest::prelude::*;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::*;
use crate::Records;

mod what_people_see;

fn archive(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        let deflated = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        archive
            .start_file(
                *name,
                if *name == "mimetype" {
                    stored
                } else {
                    deflated
                },
            )
            .unwrap();
        archive.write_all(content.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// A workbook with these rows (`<row>…</row>`) on its first sheet.
fn xlsx(rows: &str, texts: &str, sheets: &[(&str, &str)]) -> Vec<u8> {
    xlsx_with("", "", rows, texts, sheets)
}

/// A workbook with these properties (`<workbookPr …/>`) and these columns (`<cols>…</cols>`) too.
fn xlsx_with(
    properties: &str,
    columns: &str,
    rows: &str,
    texts: &str,
    sheets: &[(&str, &str)],
) -> Vec<u8> {
    let relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let ids = 1..=sheets.len();
    let listed = ids.clone().zip(sheets).map(|(id, (name, state))| {
        format!("<sheet name='{name}' sheetId='{id}' state='{state}' r:id='rId{id}'/>")
    });
    let names: Vec<String> = listed.collect();
    let related = ids.map(|id| {
        format!("<Relationship Id='rId{id}' Type='{relation}/worksheet' Target='worksheets/sheet{id}.xml'/>")
    });
    let relations: Vec<String> = related.collect();
    let sheet =
        |rows: &str| format!("<worksheet>{columns}<sheetData>{rows}</sheetData></worksheet>");
    let filled = sheets
        .iter()
        .position(|(name, _)| *name == "People")
        .unwrap_or(0)
        + 1;
    let mut entries = vec![
        ("[Content_Types].xml".to_owned(), "<Types/>".to_owned()),
        (
            "_rels/.rels".to_owned(),
            format!(
                "<Relationships><Relationship Id='rId1' Type='{relation}/officeDocument' Target='xl/workbook.xml'/></Relationships>"
            ),
        ),
        (
            "xl/workbook.xml".to_owned(),
            format!(
                "<workbook xmlns:r='r'>{properties}<sheets>{}</sheets></workbook>",
                names.concat()
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels".to_owned(),
            format!("<Relationships>{}</Relationships>", relations.concat()),
        ),
        (
            "xl/styles.xml".to_owned(),
            "<styleSheet><cellXfs><xf numFmtId='0'/><xf numFmtId='14'/></cellXfs></styleSheet>"
                .to_owned(),
        ),
        ("xl/sharedStrings.xml".to_owned(), texts.to_owned()),
    ];
    for at in 1..=sheets.len() {
        entries.push((
            format!("xl/worksheets/sheet{at}.xml"),
            sheet(if at == filled { rows } else { "" }),
        ));
    }
    archive(
        &entries
            .iter()
            .map(|(name, content)| (name.as_str(), content.as_str()))
            .collect::<Vec<_>>(),
    )
}

const ROWS: &str = "<row r='1'><c r='A1' t='s'><v>0</v></c><c r='B1' t='s'><v>1</v></c></row>\
    <row r='3'><c r='A3'><v>7900900123</v></c><c r='C3' s='1'><v>46350</v></c><c r='D3' t='b'><v>1</v></c>\
    <c r='E3'><v>12.5</v></c><c r='F3' t='str'><f>A1</f><v>a, \"b\"</v></c></row>\
    <row r='1048576'><c r='XFD1048576' s='1'/></row>";
const TEXTS: &str =
    "<sst uniqueCount='2'><si><t>phone number</t></si><si><t>na</t><t>me</t></si></sst>";

fn text(csv: Result<Cow<'_, [u8]>, ReadError>) -> String {
    csv.map_or_else(
        |error| error.to_string(),
        |csv| String::from_utf8(csv.into_owned()).unwrap(),
    )
}

#[test]
fn a_workbook_of_excel_becomes_csv_as_it_looks() {
    let file = xlsx(ROWS, TEXTS, &[("People", "visible")]);
    assert_eq!(Kind::of(&file, "x.csv"), Kind::Xlsx);
    assert_eq!(
        text(to_csv(&file, "x.csv")),
        "phone number,name\n\n7900900123,,24/11/2026,TRUE,12.5,\"a, \"\"b\"\"\""
    );
}

#[test]
fn the_first_sheet_that_is_shown_is_read_and_missed_if_it_is_empty() {
    let hidden = xlsx(ROWS, TEXTS, &[("Lists", "hidden"), ("People", "visible")]);
    assert!(text(to_csv(&hidden, "x.xlsx")).starts_with("phone number,name\n"));
    let empty = xlsx(ROWS, TEXTS, &[("Cover", "visible"), ("People", "visible")]);
    assert!(text(to_csv(&empty, "x.xlsx")).starts_with("The first sheet of the workbook is empty"));
    let only = xlsx("", TEXTS, &[("People", "visible")]);
    assert_eq!(text(to_csv(&only, "x.xlsx")), "");
}

#[test]
fn the_number_of_texts_that_a_workbook_claims_is_not_believed() {
    let texts = TEXTS.replace("uniqueCount='2'", "uniqueCount='2000000000000'");
    let file = xlsx(ROWS, &texts, &[("People", "visible")]);
    assert!(text(to_csv(&file, "x.xlsx")).starts_with("phone number,name\n"));
}

#[test]
fn a_workbook_that_unpacks_to_too_much_is_refused() {
    let file = xlsx(&" ".repeat(201_000_000), TEXTS, &[("People", "visible")]);
    assert!(file.len() < 1_000_000);
    assert!(text(to_csv(&file, "x.xlsx")).starts_with("The workbook is too large"));
}

fn ods(tables: &str) -> Vec<u8> {
    archive(&[
        ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
        ("META-INF/manifest.xml", "<manifest:manifest/>"),
        (
            "content.xml",
            &format!("<office:document-content>{tables}</office:document-content>"),
        ),
    ])
}

const TABLE: &str = "<table:table table:name='People'>\
    <table:table-row><table:table-cell office:value-type='string'><text:p>phone number</text:p></table:table-cell>\
    <table:table-cell office:value-type='string'><office:annotation><text:p>a note</text:p></office:annotation>\
    <text:p>na<text:span>me</text:span> &amp;<text:s text:c='2'/>&#x263A;</text:p><text:p>two</text:p></table:table-cell></table:table-row>\
    <table:table-row table:number-rows-repeated='2'><table:table-cell/></table:table-row>\
    <table:table-row table:number-rows-repeated='2'>\
    <table:table-cell office:value-type='float' office:value='7900900123'><text:p>07900900123</text:p></table:table-cell>\
    <table:table-cell table:number-columns-repeated='2'/>\
    <table:table-cell office:value-type='date' office:date-value='2026-11-24'><text:p>24/11/26</text:p></table:table-cell>\
    <table:table-cell table:number-columns-repeated='2' office:value-type='boolean' office:boolean-value='true'><text:p>WAHR</text:p></table:table-cell>\
    </table:table-row>\
    <table:table-row table:number-rows-repeated='1048000'><table:table-cell table:number-columns-repeated='16384'/></table:table-row>\
    </table:table>";

#[test]
fn a_workbook_of_libreoffice_becomes_csv_as_it_looks() {
    let file = ods(TABLE);
    assert_eq!(Kind::of(&file, "x"), Kind::Ods);
    let row = "07900900123,,,24/11/26,TRUE,TRUE";
    assert_eq!(
        text(to_csv(&file, "x")),
        format!("phone number,\"name &  \u{263A}\ntwo\"\n\n\n{row}\n{row}")
    );
}

#[test]
fn only_the_first_table_of_a_workbook_of_libreoffice_is_read() {
    let empty = "<table:table><table:table-row><table:table-cell/></table:table-row></table:table>";
    assert!(text(to_csv(&ods(&(TABLE.to_owned() + empty)), "x")).starts_with("phone number"));
    let other_first = text(to_csv(&ods(&(empty.to_owned() + TABLE)), "x"));
    assert!(
        other_first.starts_with("The first sheet of the workbook is empty"),
        "{other_first}"
    );
    assert_eq!(text(to_csv(&ods(empty), "x")), "");
}

#[test]
fn a_sheet_that_repeats_itself_without_end_is_refused() {
    let table = TABLE.replace(
        "rows-repeated='2'><table:table-cell office",
        "rows-repeated='4000000000'><table:table-cell office",
    );
    assert!(text(to_csv(&ods(&table), "x")).starts_with("The workbook is too large"));
    let table = TABLE.replace(
        "columns-repeated='2' office",
        "columns-repeated='4000000000' office",
    );
    assert!(text(to_csv(&ods(&table), "x")).starts_with("The workbook is too large"));
}

fn record(kind: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap();
    [&kind.to_le_bytes(), &length.to_le_bytes(), data].concat()
}

fn short_text(text: &str) -> Vec<u8> {
    [
        &u16::try_from(text.len()).unwrap().to_le_bytes()[..],
        &[0],
        text.as_bytes(),
    ]
    .concat()
}

fn cell(row: u16, column: u16) -> Vec<u8> {
    [row, column, 0]
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect()
}

/// A workbook of these records before its sheets and of these sheets: hidden or not, with their records.
fn xls_of(globals: &[Vec<u8>], sheets: &[(bool, Vec<Vec<u8>>)]) -> Vec<u8> {
    let beginning = |kind: u16| {
        record(
            0x0809,
            &[&[0, 6][..], &kind.to_le_bytes(), &[0; 12]].concat(),
        )
    };
    let end = record(0x000A, &[]);
    let bodies: Vec<Vec<u8>> = sheets
        .iter()
        .map(|(_, records)| [beginning(0x10), records.concat(), end.clone()].concat())
        .collect();
    let globals = |starts: &[usize]| {
        let listed = starts
            .iter()
            .zip(sheets)
            .enumerate()
            .map(|(at, (start, (is_hidden, _)))| {
                let start = u32::try_from(*start).unwrap().to_le_bytes();
                let name = format!("Sheet{at}");
                record(
                    0x0085,
                    &[
                        &start[..],
                        &[u8::from(*is_hidden), 0, 6, 0],
                        name.as_bytes(),
                    ]
                    .concat(),
                )
            });
        let listed: Vec<u8> = listed.collect::<Vec<_>>().concat();
        [beginning(5), globals.concat(), listed, end.clone()].concat()
    };
    let mut start = globals(&vec![0; sheets.len()]).len();
    let starts: Vec<usize> = bodies
        .iter()
        .map(|body| {
            let next = start + body.len();
            std::mem::replace(&mut start, next)
        })
        .collect();
    compound_file::of_workbook(&[globals(&starts), bodies.concat()].concat())
}

fn text_cell(row: u16, column: u16, text: &str) -> Vec<u8> {
    record(0x0204, &[cell(row, column), short_text(text)].concat())
}

fn number_cell(row: u16, column: u16, format: u16, number: f64) -> Vec<u8> {
    let place = [row, column, format].map(u16::to_le_bytes).concat();
    record(0x0203, &[&place[..], &number.to_le_bytes()].concat())
}

/// A workbook with one sheet that has two texts and, further down, a number.
fn xls(number_row: u16, number_column: u16, claimed_rows: u32) -> Vec<u8> {
    let dimensions = [
        &0_u32.to_le_bytes()[..],
        &claimed_rows.to_le_bytes(),
        &[0, 0, 3, 0, 0, 0],
    ]
    .concat();
    let sheet = vec![
        record(0x0200, &dimensions),
        text_cell(0, 0, "phone number"),
        text_cell(0, 2, "name"),
        number_cell(number_row, number_column, 0, 7_900_900_123.0),
    ];
    xls_of(&[], &[(false, sheet)])
}

#[test]
fn an_old_workbook_is_read_as_people_see_it() {
    let number_format =
        |id: u16, code: &str| record(0x041E, &[&id.to_le_bytes()[..], &short_text(code)].concat());
    let cell_format = |number_format: u16| {
        record(
            0x00E0,
            &[&[0, 0][..], &number_format.to_le_bytes(), &[0; 16]].concat(),
        )
    };
    let globals = [
        number_format(164, "000000"),
        cell_format(0),
        cell_format(164),
        cell_format(14),
        cell_format(9),
    ];
    let hidden_row = record(0x0208, &[&[2, 0][..], &[0; 10], &[0x20, 0, 0, 0]].concat());
    let shown_row = record(
        0x0208,
        &[&[3, 0][..], &[0; 4], &[0xFF, 0], &[0; 8]].concat(),
    );
    let hidden_column = record(0x007D, &[1, 0, 1, 0, 0, 9, 0, 0, 1, 0, 0, 0]);
    let merged = record(0x00E5, &[1, 0, 1, 0, 3, 0, 0, 0, 0, 0]);
    let error = record(0x0205, &[&cell(3, 4)[..], &[0x2A, 1]].concat());
    let sheet = vec![
        hidden_row,
        shown_row,
        hidden_column,
        text_cell(0, 0, "name"),
        text_cell(0, 1, "secret"),
        text_cell(0, 2, "ref"),
        text_cell(0, 3, "day"),
        text_cell(0, 4, "rate"),
        text_cell(1, 0, "Ana"),
        text_cell(1, 1, "x"),
        number_cell(1, 2, 1, 1234.0),
        number_cell(1, 3, 2, 46_350.0),
        number_cell(1, 4, 3, 0.2),
        text_cell(2, 2, "hidden"),
        number_cell(3, 2, 1, 5.0),
        error,
        merged,
    ];
    let other = vec![text_cell(0, 0, "lookup")];
    let file = xls_of(
        &globals,
        &[(true, other.clone()), (false, sheet), (false, other)],
    );
    let converted = convert(&file, "x.xls").unwrap();
    assert_eq!(
        String::from_utf8(converted.csv.into_owned()).unwrap(),
        "name,ref,day,rate\nAna,001234,24/11/2026,20%\nAna,000005,,#N/A"
    );
    assert_eq!(
        converted.notes.warnings,
        [
            "1 hidden row was left out",
            "1 hidden column was left out: B",
            "1 hidden sheet was left out",
            "only the first of 2 sheets is read: Sheet1"
        ]
    );
    let faults = converted.notes.faults_of(2);
    assert_eq!(faults[0].to_string(), "E4: #N/A");
}

#[test]
fn an_old_workbook_of_excel_becomes_csv_as_it_looks() {
    let file = xls(2, 0, 3);
    assert_eq!(Kind::of(&file, "x"), Kind::Xls);
    assert_eq!(text(to_csv(&file, "x")), "phone number,,name\n\n7900900123");
}

#[test]
fn an_old_workbook_that_takes_too_much_room_is_refused() {
    assert!(text(to_csv(&xls(60_000, 250, 3), "x")).starts_with("The workbook is too large"));
    assert!(text(to_csv(&xls(2, 0, 4_000_000_000), "x")).starts_with("The workbook is damaged"));
}

#[test]
fn files_that_are_something_else_are_named() {
    let word = archive(&[("word/document.xml", "<w/>")]);
    assert_eq!(
        text(to_csv(&word, "people.xlsx")),
        "The file is a text document, which cannot be read as a spreadsheet. Send it as CSV, XLSX, ODS or XLS."
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn a_damaged_workbook_is_read_or_refused_with_a_sentence(
        which in 0_usize..3,
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        end in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let mut file = [xlsx(ROWS, TEXTS, &[("People", "visible")]), ods(TABLE), xls(2, 0, 3)][which].clone();
        for (place, byte) in damage {
            let place = place.index(file.len());
            file[place] = byte;
        }
        if cut {
            file.truncate(end.index(file.len()));
        }
        match to_csv(&file, "x") {
            // What survives the damage is CSV that the checker can read.
            Ok(csv) => {
                let mut records = Records::new();
                prop_assert!(std::str::from_utf8(&csv).is_ok());
                prop_assert!(records.push(&csv).and_then(|()| records.finish()).is_ok());
            }
            Err(error) => {
                let message = error.to_string();
                prop_assert!(message.ends_with('.'), "{message:?} is no sentence for the sender");
            }
        }
    }
}
