//! Reports of returned letters for their services (`docs/spec/letters.md` §10.3), by the day on which they were reported.

use domain::{NotificationId, ServiceId, Timestamp};
use store::returned_letters::{self, ReportDay, ReturnedLetterDetails};

use crate::App;

/// Letters in one statement.
const PORTION: u32 = 1000;
/// How long a report counts as recent.
const RECENT_DAYS: i64 = 7;
/// The first row of a spreadsheet that is not its header, counting from 1. Rows are stored counting from 0.
const FIRST_DATA_ROW: u32 = 2;

/// How many letters of a service were reported in the last seven days, and when the last one was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Letters reported in the last seven days.
    pub returned_letter_count: u64,
    /// Day of the last report, however long ago.
    pub most_recent_report: Option<Timestamp>,
}

/// The letters of a service that were reported on one day.
#[derive(Debug, Clone, Default)]
pub struct DayReport {
    /// Newest first.
    pub letters: Vec<ReturnedLetter>,
    /// How many more there were, of which no table knows any more.
    pub orphaned_count: u64,
}

/// A returned letter, as its service knows it.
#[derive(Debug, Clone)]
pub struct ReturnedLetter {
    /// The letter.
    pub details: ReturnedLetterDetails,
    /// Start of the day on which it was reported.
    pub reported_at: Timestamp,
}

impl ReturnedLetter {
    /// Returns the reference given by the service, if it was sent with an API key.
    pub fn client_reference(&self) -> Option<&str> {
        let reference = self.details.client_reference.as_deref();
        reference.filter(|_| self.details.has_api_key)
    }

    /// Returns the name of a PDF that a user uploaded on the web.
    pub fn uploaded_file_name(&self) -> Option<&str> {
        let is_uploaded = self.details.is_precompiled && !self.details.has_api_key;
        // An uploaded letter has the name of its file for a reference.
        let name = self.details.client_reference.as_deref();
        name.filter(|_| is_uploaded)
    }

    /// Returns the row of the spreadsheet as people count it: the header is the first.
    pub fn row_number(&self) -> Option<u32> {
        self.details.job_row_number.map(|row| row + FIRST_DATA_ROW)
    }
}

/// Returns the statistics of a service.
pub async fn statistics(app: &App, service: ServiceId) -> Result<Statistics, store::Error> {
    let days = days(app, service).await?;
    let today = app.clock.now().utc_day().number();
    let is_recent = |day: &&ReportDay| today - day.reported_at.utc_day().number() <= RECENT_DAYS;
    Ok(Statistics {
        returned_letter_count: days.iter().filter(is_recent).map(|day| day.count).sum(),
        most_recent_report: days.first().map(|day| day.reported_at),
    })
}

/// Returns the days on which letters of a service were reported, newest first.
pub async fn days(app: &App, service: ServiceId) -> Result<Vec<ReportDay>, store::Error> {
    returned_letters::list_days(&mut app.read().await?, service).await
}

/// Returns the letters of a service that were reported on a day.
pub async fn of_day(
    app: &App,
    service: ServiceId,
    reported_at: Timestamp,
) -> Result<DayReport, store::Error> {
    let (mut report, mut last) = (DayReport::default(), None::<NotificationId>);
    loop {
        let mut session = app.read().await?;
        let ids = returned_letters::list_of_day(&mut session, service, reported_at, last, PORTION)
            .await?;
        let Some(next) = ids.last() else {
            break;
        };
        last = Some(*next);
        let found = returned_letters::list_details(&mut session, service, &ids).await?;
        report.orphaned_count += ids.len().saturating_sub(found.len()) as u64;
        report
            .letters
            .extend(found.into_iter().map(|details| ReturnedLetter {
                details,
                reported_at,
            }));
    }
    report
        .letters
        .sort_by_key(|letter| std::cmp::Reverse((letter.details.created_at, letter.details.id)));
    Ok(report)
}

/// Returns a report as CSV that no spreadsheet program takes for formulas.
pub fn to_csv(report: &DayReport) -> String {
    let header = [
        "Notification ID",
        "Reference",
        "Date sent",
        "Sent by",
        "Template name",
        "Template ID",
        "Template version",
        "Spreadsheet file name",
        "Spreadsheet row number",
        "Uploaded letter file name",
    ];
    let mut csv = String::new();
    write_row(&mut csv, header.map(str::to_owned));
    for letter in &report.letters {
        write_row(&mut csv, csv_row(letter));
    }
    csv
}

fn csv_row(letter: &ReturnedLetter) -> [String; 10] {
    let details = &letter.details;
    let template = (!details.is_precompiled).then_some(details);
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let number = |number: Option<u32>| number.map(|one| one.to_string()).unwrap_or_default();
    [
        details.id.to_string(),
        text(letter.client_reference()),
        details.created_at.to_string(),
        details.sent_by.as_deref().unwrap_or("API").to_owned(),
        text(template.map(|one| one.template_name.as_str())),
        template
            .map(|one| one.template_id.to_string())
            .unwrap_or_default(),
        number(template.map(|one| one.template_version)),
        text(details.job_file_name.as_deref()),
        number(letter.row_number()),
        text(letter.uploaded_file_name()),
    ]
}

fn write_row<const N: usize>(csv: &mut String, cells: [String; N]) {
    let cells = cells.map(|cell| {
        // A cell that begins so is taken for a formula, and services choose references and names.
        let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
        let cell = if is_formula { format!("'{cell}") } else { cell };
        if cell.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", cell.replace('"', "\"\""))
        } else {
            cell
        }
    });
    csv.push_str(&cells.join(","));
    csv.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_never_a_formula() {
        let mut csv = String::new();
        let cells = ["=1+1", "@x", "a,b", "say \"hi\"", "-1", "plain"];
        write_row(&mut csv, cells.map(str::to_owned));
        assert_eq!(csv, "'=1+1,'@x,\"a,b\",\"say \"\"hi\"\"\",'-1,plain\r\n");
    }
}
