//! A spreadsheet says the same wherever it is threshold, read at once or row by row (`docs/spec/recipients.md` §8).

use pillarbox_spreadsheets::{
    Checker, ReadError, Records, Report, RowProblems, Separator, Settings, Sheet, TextReader,
};

/// Reads any bytes whole and in pieces of `chunk` bytes, and compares all that is said of them.
pub(crate) fn promises_hold(csv: &[u8], settings: &Settings, chunk: usize) {
    let whole = Sheet::read(csv, settings);
    let passed = check(csv, settings, chunk);
    match &whole {
        Ok(sheet) => {
            assert_eq!(passed.as_ref(), Ok(sheet.report()));
            rows_are_the_same_one_by_one(sheet, csv, chunk);
            problems_are_counted(sheet, settings);
        }
        Err(error) => assert_eq!(passed.as_ref(), Err(error)),
    }
    decoding_is_the_same_in_pieces(csv, settings, chunk);
}

fn check(csv: &[u8], settings: &Settings, chunk: usize) -> Result<Report, ReadError> {
    let mut checker = Checker::new(settings.clone());
    for chunk in csv.chunks(chunk.max(1)) {
        checker.push(chunk)?;
    }
    checker.finish()
}

/// The second pass, which makes the messages, sees the rows of the first.
fn rows_are_the_same_one_by_one(sheet: &Sheet, csv: &[u8], chunk: usize) {
    let layout = &sheet.report().layout;
    let mut records = Records::new();
    let mut index = 0;
    let mut is_header = true;
    let mut take = |records: &mut Records| {
        while let Some(record) = records.next_record().expect("a file that was read once") {
            if std::mem::take(&mut is_header) {
                continue;
            }
            if let Some(expected) = sheet.row(index) {
                let row = layout.row(index, record);
                assert!(row.values().eq(expected.values()));
                assert_eq!(row.recipient(), expected.recipient());
                assert_eq!(row.client_reference(), expected.client_reference());
                row.address();
            }
            index += 1;
        }
    };
    for chunk in csv.chunks(chunk.max(1)) {
        records.push(chunk).expect("a file that was read once");
        take(&mut records);
    }
    records.finish().expect("a file that was read once");
    take(&mut records);
    assert_eq!(index, layout.rows());
}

fn problems_are_counted(sheet: &Sheet, settings: &Settings) {
    let report = sheet.report();
    assert_eq!(
        report.error_counts.rows_with_errors,
        sheet.rows_with(RowProblems::has_error).len()
    );
    assert_eq!(report.too_many_rows(), report.rows() > settings.max_rows);
    assert!(sheet.displayed_rows().len() <= report.rows());
    for row in sheet.rows().flatten() {
        sheet.cells(&row).count();
        row.personalisation(settings.template.placeholders());
        row.extra_cells().map(Iterator::count);
    }
}

/// Text of any encoding, with any separator, is the same wherever it is cut.
fn decoding_is_the_same_in_pieces(bytes: &[u8], settings: &Settings, chunk: usize) {
    let read = |chunk: usize| -> Result<_, ReadError> {
        let template = Some(&settings.template);
        let mut reader = TextReader::new(bytes, Separator::Comma, None, template);
        let mut csv = Vec::new();
        for chunk in bytes.chunks(chunk.max(1)) {
            csv.extend(reader.push(chunk)?);
        }
        let (rest, notes) = reader.finish()?;
        csv.extend(rest);
        Ok((
            String::from_utf8(csv).expect("what is read is UTF-8"),
            notes,
        ))
    };
    assert_eq!(read(chunk), read(bytes.len()));
}

#[cfg(test)]
mod tests {
    use pillarbox_spreadsheets::{Settings, Template};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_file_says_the_same_wherever_it_is_cut(
            csv in r"(phone number|email address|address line 1|name|07900900123|[a-c]|,|\n|\r\n|\x22| |\u{200B}|\u{A0}|é){0,60}",
            chunk in 1_usize..20,
            max_rows in 0_usize..8,
        ) {
            for template in [
                Template::text_message("((name)) ((a??b))", Some("S")),
                Template::email("((name))", "((a))"),
                Template::letter("((name))", "qr: ((b))"),
            ] {
                let settings = Settings { max_rows, ..Settings::new(template) };
                super::promises_hold(csv.as_bytes(), &settings, chunk);
            }
        }
    }
}
