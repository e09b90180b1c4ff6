use super::{
    CellFault, Layout, LongRows, Notes, ReadError, Record, Records, Report, Row, Settings,
    Template, columns::Columns, header::Header, inspection::Inspection, recipient_columns,
    row_validation::RowValidator, width_candidates::WidthCandidates,
};
use domain::Channel;
use text::html_escape::may_need_escaping;

/// Checks a file in one pass, as it comes in (`docs/spec/recipients.md` §8).
///
/// [`push`](Self::push) the chunks, then [`finish`](Self::finish). Memory is bounded by a chunk, the longest record and
/// the errors that will be shown.
#[derive(Debug)]
pub struct Checker {
    settings: Settings,
    records: Records,
    body: Option<Body>,
    notes: Notes,
}

impl Checker {
    /// Creates a check against these settings.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            records: Records::new(),
            body: None,
            notes: Notes::default(),
        }
    }

    /// Checks the next part of the file, cut anywhere. Fails if the file cannot be read; then there is no report.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), ReadError> {
        if self.has_enough_errors() {
            return Ok(());
        }
        let pushed = self.records.push(chunk);
        // First the records that are complete: what is wrong with them stands earlier in the file than the fault of
        // the push.
        self.check_records()?;
        pushed
    }

    /// Returns the template that the rows are to fill.
    pub fn template(&self) -> &Template {
        &self.settings.template
    }

    /// Counts lines at the front of the file that are not pushed, so that errors name the right line.
    pub fn skip_lines(&mut self, lines: usize) {
        self.records.skip_lines(lines);
    }

    /// Adds what the conversion of the file found: before its rows are pushed if it concerns single cells.
    pub fn note(&mut self, notes: Notes) {
        self.notes = notes;
    }

    /// Returns how many rows have been checked so far.
    pub fn rows(&self) -> usize {
        self.body.as_ref().map_or(0, |body| body.rows)
    }

    /// Returns whether as many rows are in error as the settings ask for. What is pushed afterwards is not read.
    pub fn has_enough_errors(&self) -> bool {
        let (Some(body), Some(enough)) = (&self.body, self.settings.max_errors) else {
            return false;
        };
        body.rows_in_error(&self.settings) >= enough
    }

    /// Ends the file and returns the report.
    pub fn finish(mut self) -> Result<Report, ReadError> {
        if !self.has_enough_errors() {
            self.records.finish()?;
            self.check_records()?;
        }
        // Also if the last row was the one too many: whether more would follow makes no difference to the sender.
        let is_complete = !self.has_enough_errors();
        let body = self
            .body
            // Without a header there are no columns, so all that the template wants are missing.
            .unwrap_or_else(|| Body::new(Header::default(), &self.settings));
        let line = self.records.lines_before_header();
        let report = body.report(&self.settings, line, &self.notes);
        let mut report = report.with_problems(self.records.quote_problems());
        report.is_complete = is_complete;
        Ok(report)
    }

    fn check_records(&mut self) -> Result<(), ReadError> {
        while !self.has_enough_errors()
            && let Some((record, lines_before_header)) = self.records.next_numbered()?
        {
            match &mut self.body {
                None => {
                    let header = self.settings.read_header(record)?;
                    self.body = Some(Body::new(header, &self.settings));
                }
                Some(body) => {
                    // The header is a record too, and blank lines before it are none.
                    let faults = self.notes.faults_of(body.rows + 1 + lines_before_header);
                    body.check(record, faults, &self.settings);
                }
            }
        }
        Ok(())
    }
}

/// What is known once the header has been read.
#[derive(Debug)]
struct Body {
    header: Header,
    columns: Columns,
    validator: RowValidator,
    width: usize,
    rows: usize,
    candidates: WidthCandidates,
    inspection: Inspection,
}

impl Body {
    fn new(header: Header, settings: &Settings) -> Self {
        let (channel, placeholders) = (
            settings.template.channel(),
            settings.template.placeholders(),
        );
        let is_used = |key: &str| {
            // Once escaped, a name with HTML in it can be that of a placeholder after all.
            let may_be_meant = channel == Channel::Letter && may_need_escaping(key);
            may_be_meant
                || placeholders.contains_key(key)
                || recipient_columns::keys(channel).contains(&key)
        };
        let columns = Columns::new(&header, channel, is_used);
        let has_duplicates = !header.duplicate_recipient_columns(channel).is_empty();
        Self {
            validator: RowValidator::new(settings, &columns, has_duplicates),
            candidates: WidthCandidates::new(&columns, settings.template.uses_extra_cells()),
            inspection: Inspection::new(&header, settings),
            width: 0,
            rows: 0,
            header,
            columns,
        }
    }

    fn check(&mut self, record: &Record, faults: &[CellFault], settings: &Settings) {
        let index = self.rows;
        self.rows += 1;
        self.inspection.add(index, record);
        // Before the row is read, because it is read at its own width at least.
        if record.width() > self.width {
            self.width = record.width();
            self.candidates.extend_to(self.width);
        }
        for candidate in self.candidates.iter_mut() {
            if index >= settings.max_rows {
                // A row that is not read leaves questions about all recipients without an answer
                // (`docs/spec/recipients.md` §8.7).
                candidate.summary.skip_row(settings);
                continue;
            }
            let row = Row::new_for_validation(
                &self.columns,
                settings.template.channel(),
                candidate.width,
                index,
                record,
            );
            let (mut problems, recipient) = self.validator.validate(&row, settings);
            self.validator
                .add_faults(&mut problems, &self.columns, faults, settings);
            candidate.summary.add(&row, &problems, recipient, settings);
        }
    }

    fn rows_in_error(&self, settings: &Settings) -> usize {
        let refused = match settings.long_rows {
            LongRows::Refused => self.inspection.long_rows(),
            LongRows::WarnedAbout => 0,
        };
        self.candidates.rows_with_errors().max(refused)
    }

    fn report(self, settings: &Settings, lines_before_header: usize, notes: &Notes) -> Report {
        let channel = settings.template.channel();
        let layout = Layout::new(
            channel,
            &self.header,
            self.width,
            self.rows,
            lines_before_header,
        );
        Report::new(
            layout,
            &self.header,
            settings,
            self.candidates.into_summary(),
        )
        .with_notes(notes, lines_before_header)
        .with_inspection(self.inspection, settings, notes, lines_before_header)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Sheet;
    use recipients::guest_lists::GuestList;

    fn check(csv: &str, settings: &Settings, chunk: usize) -> Result<Report, ReadError> {
        let mut checker = Checker::new(settings.clone());
        for chunk in csv.as_bytes().chunks(chunk) {
            checker.push(chunk)?;
        }
        checker.finish()
    }

    fn greeting() -> Settings {
        Settings::new(Template::text_message("Dear ((name))", None))
    }

    #[test]
    fn errors_are_told_by_row_and_column() {
        let csv = "\n\nPhone number,name\n07900900123,Ada\n07900900123,\n0790090,Bea\n";
        let report = check(csv, &greeting(), 7).unwrap();
        assert!(!report.is_valid());
        assert_eq!(report.rows(), 3);
        let errors: Vec<_> = report
            .errors
            .iter()
            .map(|error| {
                (
                    error.row,
                    error.spreadsheet_row_number,
                    error.column_header.as_deref().unwrap(),
                    &*error.value,
                    &*error.message,
                )
            })
            .collect();
        assert_eq!(
            errors,
            [
                (1, 5, "name", "", "Missing"),
                (
                    2,
                    6,
                    "Phone number",
                    "0790090",
                    "Mobile number is too short"
                ),
            ]
        );
    }

    #[test]
    fn only_the_first_errors_are_kept_and_all_are_counted() {
        let settings = Settings {
            max_errors_shown: 3,
            ..greeting()
        };
        let csv = format!("phone number,name\n{}", "x,\n".repeat(1000));
        let report = check(&csv, &settings, 64).unwrap();
        // The comma that ends the file goes with its line end, but the row stays.
        assert_eq!(report.error_counts.rows_with_errors, 1000);
        assert_eq!(report.errors.len(), 6);
    }

    #[test]
    fn the_check_ends_when_it_has_enough_errors() {
        let settings = Settings {
            max_errors: Some(5),
            long_rows: LongRows::Refused,
            ..greeting()
        };
        let good = "07900900123,Ada\n";
        // Bad numbers, and rows longer than the header.
        for bad in ["x,Ada\n", "07900900123,Ada,1,2\n"] {
            let csv = format!("phone number,name\n{good}{}", bad.repeat(1000));
            for chunk in [7, csv.len()] {
                let report = check(&csv, &settings, chunk).unwrap();
                assert!(!report.is_valid() && !report.is_complete, "{bad}");
                assert_eq!(report.rows(), 6, "no row is read after the fifth bad one");
            }
        }
        let csv = format!("phone number,name\n{}{good}", "x,Ada\n".repeat(4));
        let report = check(&csv, &settings, 7).unwrap();
        assert!(report.is_complete);
        assert_eq!(
            (report.rows(), report.error_counts.rows_with_errors),
            (5, 4)
        );
    }

    #[test]
    fn a_quotation_mark_that_is_left_open_is_an_error_with_its_line() {
        let csv = "phone number,name\n07900900123,\"Ada\n07900900124,Bea\n";
        let report = check(csv, &greeting(), 5).unwrap();
        assert_eq!(
            report.file_problems,
            ["a quotation mark is left open in line 2"]
        );
        assert!(!report.is_valid() && !report.has_errors());
        let closed = csv.replace("Ada", "Ada\"");
        assert!(check(&closed, &greeting(), 5).unwrap().is_valid());
    }

    #[test]
    fn rows_longer_than_the_header_are_warned_about_or_refused() {
        let csv = "phone number,name,\n07900900123,Smith, Zo\n07900900124,Bo,,,\n07900900125,Cy\n";
        let long = "row 2 has more cells than the header".to_owned();
        let report = check(csv, &greeting(), 9).unwrap();
        assert_eq!(
            (&report.warnings, report.is_valid()),
            (&vec![long.clone()], true)
        );
        let settings = Settings {
            long_rows: LongRows::Refused,
            ..greeting()
        };
        let report = check(csv, &settings, 9).unwrap();
        assert_eq!(
            (&report.file_problems, report.is_valid()),
            (&vec![long], false)
        );
        let with_extra = Settings::new(Template::email("((none))", "Dear ((name))"));
        let csv = "email address,name,none\na@b.example,Ana,x,y\n";
        assert!(check(csv, &with_extra, 9).unwrap().warnings.is_empty());
    }

    #[test]
    fn a_quotation_mark_escaped_with_a_backslash_is_an_error() {
        let csv = "phone number,name\n07900900123,\"Ada \\\"the\\\" Countess\"\n";
        let report = check(csv, &greeting(), 5).unwrap();
        assert!(report.file_problems[0].contains("line 2 is escaped with a backslash"));
        assert!(!report.is_valid() && !report.has_errors());
    }

    #[test]
    fn a_cell_that_swallowed_other_rows_is_warned_about() {
        let csv = "phone number,name\n07900900123,\"Ada\n07900900124,Bo\"\n07900900125,Cy\n";
        let report = check(csv, &greeting(), 5).unwrap();
        assert!(report.is_valid());
        assert!(report.warnings[0].starts_with("row 2 has a cell with lines that look like rows"));
    }

    #[test]
    fn a_file_without_rows_is_not_valid_though_nothing_in_it_is_wrong() {
        let report = check("phone number,name", &greeting(), 5).unwrap();
        assert!(!report.has_errors() && !report.is_valid());
        let report = check("", &greeting(), 5).unwrap();
        assert_eq!(report.missing_column_headers, ["name", "phone number"]);
    }

    #[test]
    fn of_two_things_that_cannot_be_read_the_first_is_told_wherever_the_file_is_cut() {
        let csv = b"phone number,name\n07900900123,A\rB\xD4\xBD\x9A\n";
        let told = Sheet::read(csv, &greeting()).unwrap_err();
        assert!(told.to_string().contains("carriage return"), "{told}");
        for length in 1..csv.len() {
            let mut checker = Checker::new(greeting());
            let pushed = csv.chunks(length).try_for_each(|chunk| checker.push(chunk));
            assert_eq!(pushed, Err(told.clone()), "in pieces of {length}");
        }
    }

    #[test]
    fn a_repeat_that_a_later_row_brings_to_life_counts_for_the_rows_before() {
        let settings = Settings::new(Template::email("Hi", "((a??x))"));
        // Alone, `yes` shows the text; as the first of a list it does not.
        for (csv, rows_with_empty_message) in [
            ("email address,a,a\na@b.example,yes,\na@b.example,yes", 0),
            ("email address,a,a\na@b.example,yes,\na@b.example,yes,no", 2),
        ] {
            let report = check(csv, &settings, 9).unwrap();
            assert_eq!(
                report.error_counts.rows_with_empty_message, rows_with_empty_message,
                "{csv}"
            );
        }
    }

    fn settings() -> impl Strategy<Value = Settings> {
        let template = prop_oneof![
            Just(Template::text_message("((name))((none))", None)),
            Just(Template::text_message("((a??b)) ((-))", Some("S"))),
            Just(Template::email("((name))", "((a??b))")),
            Just(Template::email("", "((none))")),
            Just(Template::letter("Hi ((a))", "((name))")),
            Just(Template::letter(
                "",
                &format!("qr: {} ((a < b)) ((name)) ((none))", "x".repeat(495))
            )),
        ];
        (
            template,
            0_usize..6,
            0_usize..4,
            any::<bool>(),
            any::<bool>(),
        )
            .prop_map(|(template, max_rows, shown, is_closed, allow)| Settings {
                max_rows,
                max_errors_shown: shown,
                guest_list: if is_closed {
                    GuestList::new(["07900900123", ""])
                } else {
                    GuestList::default()
                },
                remaining_international_sms_messages: Some(0),
                phone_permissions: recipients::phone_numbers::Permissions {
                    international: allow,
                    uk_landline: false,
                },
                allow_international_letters: allow,
                ..Settings::new(template)
            })
    }

    fn csv() -> impl Strategy<Value = String> {
        let header = prop_oneof![
            "name",
            "Name",
            "a",
            "phone number",
            "PhoneNumber",
            "email address",
            "postcode",
            "address line 1",
            "address line 2",
            "-",
            "",
            "a &lt; b",
            "a < b",
            "none",
        ];
        let cell = prop_oneof![
            4 => Just(""), 1 => Just("\" \""), 1 => Just("yes"), 1 => Just("\u{2000}"), 1 => Just("07900900123"),
            1 => Just("+33612345678"), 1 => Just("a@b.example"), 1 => Just("SW1A 1AA"), 1 => Just("\u{200B}"),
        ];
        let header = proptest::collection::vec(header, 0..7).prop_map(|cells| cells.join(","));
        let row = proptest::collection::vec(cell, 0..8).prop_map(|cells| cells.join(","));
        (header, proptest::collection::vec(row, 0..7))
            .prop_map(|(header, rows)| format!("{header}\n{}", rows.join("\n")))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn the_pass_and_the_whole_sheet_say_the_same(csv in csv(), settings in settings(), chunk in 1_usize..40) {
            let whole = Sheet::read(csv.as_bytes(), &settings).map(|sheet| sheet.report().clone());
            prop_assert_eq!(check(&csv, &settings, chunk), whole);
        }
    }
}
