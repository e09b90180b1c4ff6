//! Workbooks made after faults that people reported: the check sees what the sender sees.

use std::fs;

use pillarbox_spreadsheets::{Checker, ReadError, Report, Settings, Template, convert};

/// Returns the CSV of a case and the report of its check.
fn check(name: &str) -> Result<(String, Report), ReadError> {
    let path = format!("{}/tests/cases/{name}", env!("CARGO_MANIFEST_DIR"));
    let bytes = fs::read(path).expect("the file of the case");
    let converted = convert(&bytes, name)?;
    let template = Template::email("Hello ((name))", "Dear ((name)),\n\nYour ref is [((ref))].");
    let mut checker = Checker::new(Settings::new(template));
    checker.note(converted.notes);
    checker.push(&converted.csv)?;
    let csv = String::from_utf8(converted.csv.into_owned()).expect("UTF-8");
    Ok((csv, checker.finish()?))
}

fn errors(report: &Report) -> Vec<(usize, &str)> {
    let errors = report.errors.iter();
    errors
        .map(|error| (error.spreadsheet_row_number, error.message.as_str()))
        .collect()
}

const ONE_ROW: &str = "email address,name,ref\nana@example.com,Ana,A1";

#[test]
fn hidden_rows_are_left_out_and_counted() {
    for name in ["x15_hiddenrow.xlsx", "o07_rowgroups.ods"] {
        let (csv, report) = check(name).unwrap();
        assert_eq!(csv, ONE_ROW, "{name}");
        assert_eq!(report.warnings, ["1 hidden row was left out"], "{name}");
        assert!(report.is_valid(), "{name}");
    }
}

#[test]
fn a_hidden_first_sheet_is_passed_over() {
    let (csv, report) = check("o05_hiddenfirst.ods").unwrap();
    assert_eq!(csv, ONE_ROW);
    assert_eq!(report.warnings, ["1 hidden sheet was left out"]);
}

#[test]
fn values_are_as_people_see_them() {
    let (csv, _) = check("x01_formats.xlsx").unwrap();
    let row = "ana@example.com,Ana,001234,\"£1,250.50\",24/11/2026,20%";
    assert_eq!(csv.lines().last(), Some(row));
}

#[test]
fn cells_with_errors_are_named() {
    let (_, report) = check("x19_errors.xlsx").unwrap();
    assert_eq!(errors(&report), [(2, "B2: #N/A"), (2, "C2: #REF!")]);
    let (_, report) = check("x18_formula_nocache.xlsx").unwrap();
    assert!(
        errors(&report)[0]
            .1
            .starts_with("B2: the formula has no value")
    );
    assert!(!report.is_valid());
}

#[test]
fn a_merged_cell_counts_for_each_of_its_rows() {
    let (csv, report) = check("x17_merged.xlsx").unwrap();
    assert!(csv.ends_with("bo@example.com,Bo,A1"), "{csv}");
    assert!(report.is_valid());
}

#[test]
fn a_cell_that_refers_to_no_text_is_damage() {
    let error = check("x08b_badindex.xlsx").unwrap_err();
    assert!(error.to_string().starts_with("The workbook is damaged"));
}

#[test]
fn files_are_known_by_what_is_in_them() {
    assert_eq!(check("o03b_nomime.ods").unwrap().0, ONE_ROW);
    let error = check("c40_sml2003.xls").unwrap_err().to_string();
    assert!(
        error.contains("XML spreadsheet (SpreadsheetML 2003)"),
        "{error}"
    );
}
