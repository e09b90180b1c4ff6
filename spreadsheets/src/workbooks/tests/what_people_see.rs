//! What people hid is left out and counted; what they see is read, also where the file stores it in another way.

use super::*;

fn read(file: &[u8]) -> (String, crate::Notes) {
    let converted = convert(file, "x").unwrap();
    let csv = String::from_utf8(converted.csv.into_owned()).unwrap();
    (csv, converted.notes)
}

/// A row of these texts, in the columns from A on.
fn text_row(number: u32, texts: &[&str]) -> String {
    let cells = texts
        .iter()
        .zip('A'..)
        .map(|(text, column)| format!("<c r='{column}{number}' t='str'><v>{text}</v></c>"));
    format!("<row r='{number}'>{}</row>", cells.collect::<String>())
}

#[test]
fn hidden_columns_of_excel_are_left_out_and_the_others_close_up() {
    let columns = "<cols><col min='1' max='1' width='9'/><col min='2' max='2' width='9' hidden='1'/>\
        <col min='4' max='5' width='0' customWidth='1'/></cols>";
    let rows = [
        text_row(1, &["name", "secret", "ref", "note", "none", "day"]),
        text_row(2, &["Ana", "x", "A1", "y", "", "Friday"]),
        "<row r='3'><c r='F3' t='e'><v>#N/A</v></c></row>".to_owned(),
    ];
    let file = xlsx_with("", columns, &rows.concat(), TEXTS, &[("People", "visible")]);
    let (csv, notes) = read(&file);
    assert_eq!(csv, "name,ref,day\nAna,A1,Friday\n,,#N/A");
    assert_eq!(notes.warnings, ["3 hidden columns were left out: B, D, E"]);
    // Named as on the sheet, not as in the CSV.
    assert_eq!(notes.faults_of(2)[0].to_string(), "F3: #N/A");
}

#[test]
fn hidden_and_very_hidden_sheets_of_excel_are_passed_over_and_counted() {
    let sheets = [
        ("Lists", "hidden"),
        ("Code", "veryHidden"),
        ("People", "visible"),
        ("More", "visible"),
    ];
    let (csv, notes) = read(&xlsx(&text_row(1, &["name"]), TEXTS, &sheets));
    assert_eq!(csv, "name");
    assert_eq!(
        notes.warnings,
        [
            "2 hidden sheets were left out",
            "only the first of 2 sheets is read: People"
        ]
    );
}

#[test]
fn a_very_hidden_sheet_of_an_old_workbook_is_passed_over() {
    // The state of a sheet is 1 or 2 if it is hidden; `xls_of` writes 1.
    let mut file = xls_of(
        &[],
        &[
            (true, vec![text_cell(0, 0, "codes")]),
            (false, vec![text_cell(0, 0, "name")]),
        ],
    );
    let name = memchr::memmem::find(&file, b"Sheet0").unwrap();
    assert_eq!(file[name - 4], 1);
    file[name - 4] = 2;
    let (csv, notes) = read(&file);
    assert_eq!(csv, "name");
    assert_eq!(notes.warnings, ["1 hidden sheet was left out"]);
}

#[test]
fn a_row_without_height_is_hidden() {
    let rows = [
        text_row(1, &["name"]),
        text_row(2, &["Ana"]).replace("r='2'", "r='2' ht='0' customHeight='1'"),
        text_row(3, &["Bo"]),
    ];
    let (csv, notes) = read(&xlsx(&rows.concat(), TEXTS, &[("People", "visible")]));
    assert_eq!(csv, "name\nBo");
    assert_eq!(notes.warnings, ["1 hidden row was left out"]);
}

#[test]
fn dates_may_be_counted_from_1904() {
    let rows = "<row r='1'><c r='A1' s='1'><v>44888</v></c></row>";
    let file = xlsx_with(
        "<workbookPr date1904='1'/>",
        "",
        rows,
        TEXTS,
        &[("People", "visible")],
    );
    assert_eq!(read(&file).0, "24/11/2026");
}

fn cell_of(attributes: &str, text: &str) -> String {
    let text = if text.is_empty() {
        String::new()
    } else {
        format!("<text:p>{text}</text:p>")
    };
    format!("<table:table-cell {attributes}>{text}</table:table-cell>")
}

fn texts(texts: &[&str]) -> String {
    let cells = texts
        .iter()
        .map(|text| cell_of("office:value-type='string'", text));
    format!(
        "<table:table-row>{}</table:table-row>",
        cells.collect::<String>()
    )
}

fn table(columns: &str, rows: &[String]) -> Vec<u8> {
    ods(&format!(
        "<table:table table:name='People'>{columns}{}</table:table>",
        rows.concat()
    ))
}

#[test]
fn hidden_columns_of_libreoffice_are_left_out_and_the_others_close_up() {
    let columns = "<table:table-column/><table:table-column table:visibility='collapse'/><table:table-column/>\
        <table:table-column-group table:display='false'>\
        <table:table-column table:number-columns-repeated='2'/></table:table-column-group>\
        <table:table-column table:number-columns-repeated='1000'/>";
    let error = cell_of("table:number-columns-repeated='5'", "")
        + &cell_of(
            "office:value-type='string' calcext:value-type='error' table:formula='of:=NA()'",
            "#N/A",
        );
    let rows = [
        texts(&["name", "secret", "ref", "note", "more", "day"]),
        texts(&["Ana", "x", "A1", "y", "z", "Friday"]),
        format!("<table:table-row>{error}</table:table-row>"),
    ];
    let (csv, notes) = read(&table(columns, &rows));
    assert_eq!(csv, "name,ref,day\nAna,A1,Friday\n,,#N/A");
    assert_eq!(notes.warnings, ["3 hidden columns were left out: B, D, E"]);
    assert_eq!(notes.faults_of(2)[0].to_string(), "F3: #N/A");
}

#[test]
fn hidden_rows_of_libreoffice_are_left_out_however_they_were_hidden() {
    let one = |how| {
        let tag = format!("table-row {how}>");
        texts(&["Ana"]).replacen("table-row>", &tag, 1)
    };
    let rows = [
        texts(&["name"]),
        one("table:visibility='collapse'"),
        one("table:visibility='filter'"),
        format!(
            "<table:table-row-group table:display='false'>{}</table:table-row-group>",
            texts(&["Cy"])
        ),
        texts(&["Bo"]),
    ];
    let (csv, notes) = read(&table("", &rows));
    assert_eq!(csv, "name\nBo");
    assert_eq!(notes.warnings, ["3 hidden rows were left out"]);
}

#[test]
fn errors_and_missing_values_of_libreoffice_are_faults_of_their_cells() {
    let cells = [
        // As LibreOffice writes an error, in its own language too.
        cell_of(
            "table:formula='of:=1/0' office:value-type='string' office:string-value='' calcext:value-type='error'",
            "#DIV/0!",
        ),
        cell_of(
            "table:formula='of:=X' office:value-type='string' office:string-value='' calcext:value-type='error'",
            "#NV",
        ),
        cell_of("table:formula='of:=A1'", ""),
        // The same characters, but typed as text.
        cell_of("office:value-type='string'", "#N/A"),
        cell_of(
            "table:formula='of:=A1' office:value-type='float' office:value='5'",
            "5",
        ),
    ];
    let rows = [format!(
        "<table:table-row>{}</table:table-row>",
        cells.concat()
    )];
    let (_, notes) = read(&table("", &rows));
    let faults: Vec<String> = notes.faults_of(0).iter().map(ToString::to_string).collect();
    assert_eq!(faults.len(), 3, "{faults:?}");
    assert_eq!(faults[0], "A1: #DIV/0!");
    assert!(faults[1].starts_with("B1: "), "{faults:?}");
    assert!(
        faults[2].starts_with("C1: the formula has no value"),
        "{faults:?}"
    );
}

#[test]
fn values_of_libreoffice_without_text_are_shown() {
    let cells = [
        cell_of("office:value-type='float' office:value='1234.50'", ""),
        cell_of("office:value-type='percentage' office:value='0.2'", ""),
        cell_of(
            "office:value-type='currency' office:currency='GBP' office:value='3'",
            "",
        ),
        cell_of(
            "office:value-type='date' office:date-value='2026-11-24'",
            "",
        ),
        cell_of(
            "office:value-type='time' office:time-value='PT10H30M00S'",
            "",
        ),
        cell_of("office:value-type='time' office:time-value='PT9H5M'", ""),
        cell_of("office:value-type='time' office:time-value='PT45.5S'", ""),
        cell_of("office:value-type='time' office:time-value='soon'", ""),
        cell_of(
            "office:value-type='boolean' office:boolean-value='false'",
            "",
        ),
        cell_of("office:value-type='string' office:string-value='Ana'", ""),
    ];
    let rows = [format!(
        "<table:table-row>{}</table:table-row>",
        cells.concat()
    )];
    let shown = "1234.5,20%,3,2026-11-24,10:30:00,09:05:00,00:00:45,soon,FALSE,Ana";
    assert_eq!(read(&table("", &rows)).0, shown);
}

#[test]
fn a_merged_cell_of_libreoffice_counts_for_each_of_its_rows() {
    let merged = cell_of(
        "office:value-type='string' table:number-rows-spanned='3'",
        "North",
    );
    let covered = "<table:covered-table-cell/>";
    let row = |first: &str, name: &str| {
        let name = cell_of("office:value-type='string'", name);
        format!("<table:table-row>{first}{name}</table:table-row>")
    };
    let rows = [
        texts(&["ward", "name"]),
        // Hidden, and still the one that says what the others show.
        row(&merged, "Ana").replacen("table-row>", "table-row table:visibility='collapse'>", 1),
        row(covered, "Bo"),
        row(covered, "Cy"),
        row("<table:table-cell/>", "Di"),
    ];
    let (csv, notes) = read(&table("", &rows));
    assert_eq!(csv, "ward,name\nNorth,Bo\nNorth,Cy\n,Di");
    assert_eq!(notes.warnings, ["1 hidden row was left out"]);
}

#[test]
fn locked_workbooks_say_so() {
    let encrypted = "<manifest:manifest><manifest:encryption-data/></manifest:manifest>";
    let of_libreoffice = archive(&[
        ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
        ("META-INF/manifest.xml", encrypted),
        ("content.xml", "?"),
    ]);
    let of_excel_97 = xls_of(
        &[record(0x002F, &[0; 6])],
        &[(false, vec![text_cell(0, 0, "name")])],
    );
    for file in [of_libreoffice, of_excel_97] {
        let error = text(to_csv(&file, "x"));
        assert!(error.contains("password"), "{error}");
    }
}

#[test]
fn several_numbers_in_one_record_of_an_old_workbook_are_read_in_their_formats() {
    let cell_format = |number_format: u16| {
        let number_format = number_format.to_le_bytes();
        record(0x00E0, &[&[0, 0][..], &number_format, &[0; 16]].concat())
    };
    let code = [&164_u16.to_le_bytes()[..], &short_text("000000")].concat();
    let globals = [
        record(0x041E, &code),
        cell_format(0),
        cell_format(164),
        cell_format(14),
        cell_format(9),
    ];
    // The two lowest bits say whether it is an integer and whether it counts hundredths.
    let numbers: [(u16, u32); 4] = [
        (1, (1234 << 2) | 2),
        (2, (46_350 << 2) | 2),
        (3, (20 << 2) | 3),
        (0, u32::try_from(12.5_f64.to_bits() >> 32).unwrap()),
    ];
    let cells =
        numbers.map(|(format, number)| [&format.to_le_bytes()[..], &number.to_le_bytes()].concat());
    let place = [1_u16, 0].map(u16::to_le_bytes).concat();
    let last = 3_u16.to_le_bytes();
    let several = record(0x00BD, &[&place[..], &cells.concat(), &last].concat());
    let headers = ["ref", "day", "rate", "plain"];
    let mut sheet: Vec<_> = (0..)
        .zip(headers)
        .map(|(at, text)| text_cell(0, at, text))
        .collect();
    sheet.push(several);
    let (csv, _) = read(&xls_of(&globals, &[(false, sheet)]));
    assert_eq!(csv, "ref,day,rate,plain\n001234,24/11/2026,20%,12.5");
}

#[test]
fn a_workbook_that_is_locked_with_a_password_is_named() {
    // Excel puts a locked workbook whole into a stream of an older container.
    let name = |text: &str| {
        text.encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<u8>>()
    };
    let mut file = xls_of(&[], &[(false, vec![text_cell(0, 0, "name")])]);
    let at = memchr::memmem::find(&file, &name("Workbook")).unwrap();
    let package = name("EncryptedPackage");
    file[at..at + package.len()].copy_from_slice(&package);
    // The length counts the two bytes of the end.
    file[at + 64] = u8::try_from(package.len() + 2).unwrap();
    let said = "The workbook is locked with a password";
    assert!(text(to_csv(&file, "people.xlsx")).starts_with(said));
    let password = record(0x002F, &[0; 6]);
    let locked = xls_of(&[password], &[(false, vec![text_cell(0, 0, "name")])]);
    assert!(text(to_csv(&locked, "people.xls")).starts_with(said));
}

#[test]
fn a_workbook_whose_parts_have_other_names_is_read() {
    let relation = "http://purl.oclc.org/ooxml/officeDocument/relationships";
    for kind in [
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.template.main+xml",
        "application/vnd.ms-excel.sheet.macroEnabled.main+xml",
        "application/vnd.ms-excel.template.macroEnabled.main+xml",
    ] {
        for target in ["/book/main.xml", "book/main.xml"] {
            let types = format!(
                "<Types><Override PartName='/book/main.xml' ContentType='{kind}'/></Types>"
            );
            let root = format!(
                "<Relationships><Relationship Id='a' Type='{relation}/officeDocument' Target='{target}'/></Relationships>"
            );
            let sheets = format!(
                "<Relationships><Relationship Id='b' Type='{relation}/worksheet' Target='../pages/one.xml'/></Relationships>"
            );
            let page = format!(
                "<worksheet><sheetData>{}</sheetData></worksheet>",
                text_row(1, &["name"])
            );
            let file = archive(&[
                ("[Content_Types].xml", &types),
                ("_rels/.rels", &root),
                (
                    "book/main.xml",
                    "<workbook xmlns:r='r'><sheets><sheet name='People' sheetId='1' r:id='b'/></sheets></workbook>",
                ),
                ("book/_rels/main.xml.rels", &sheets),
                ("pages/one.xml", &page),
            ]);
            assert_eq!(Kind::of(&file, "people"), Kind::Xlsx, "{kind}");
            assert_eq!(text(to_csv(&file, "people")), "name", "{kind} {target}");
        }
    }
}
