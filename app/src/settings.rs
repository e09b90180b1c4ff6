use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use domain::{Clock, ServiceId, TemplateId, Timestamp};
use serde::Deserialize;
use uuid::Uuid;

use crate::database_gate::DatabaseGate;

/// An exact amount in millionths of a pound. Money is never a float until it is written as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money {
    /// Millionths of a pound.
    pub micropounds: i64,
}

impl Money {
    /// Returns `count` times this amount.
    #[must_use]
    pub const fn times(self, count: u32) -> Self {
        Self {
            micropounds: self.micropounds.saturating_mul(count as i64),
        }
    }

    /// Returns the number of pounds, as the API writes it.
    pub fn pounds(self) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "an amount on one message is far below 2^53 micropounds"
        )]
        let micropounds = self.micropounds as f64;
        micropounds / 1_000_000.0
    }
}

impl std::fmt::Display for Money {
    /// Writes pounds exactly, with at least two digits of pence: `0.68`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // By digits, because a float would not show every amount exactly.
        let sign = if self.micropounds < 0 { "-" } else { "" };
        let micropounds = self.micropounds.unsigned_abs();
        let fraction = format!("{:06}", micropounds % 1_000_000);
        let (pence, finer) = fraction.split_at(2);
        let finer = finer.trim_end_matches('0');
        write!(f, "{sign}{}.{pence}{finer}", micropounds / 1_000_000)
    }
}

/// What the use cases need of the settings. The settings file and its reference belong to the server.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The domain that e-mails come from: `<local part>@<this>`.
    pub email_domain: String,
    /// Address of the console, which some error texts name. No slash at the end.
    pub admin_base_url: String,
    /// Address with which links to files begin. No slash at the end.
    pub files_root: String,
    /// The largest file by e-mail, in bytes.
    pub max_file_bytes: u64,
    /// Address of the API, for links in messages and for print providers. No slash at the end.
    pub api_base_url: String,
    /// Domestic price of a text message fragment (`docs/spec/public-api.md` §14.2).
    pub sms_rate: Money,
    /// Whether letters with a test key wait for a simulated receipt, instead of being delivered at once.
    pub test_letters_fake_delivery: bool,
    /// Requests a minute for lists and PDFs with one type of key of a service (`docs/spec/public-api.md` §4).
    pub reads_per_minute: u32,
    /// Maximum number of rows of a spreadsheet (`docs/spec/workers.md` §4.3).
    pub max_spreadsheet_rows: u32,
    /// The largest upload, in bytes.
    pub max_upload_bytes: u64,
    /// Bytes of messages and files that a service may store, unless it has a limit of its own.
    pub storage_limit_bytes: i64,
    /// Number of letters that a print run claims in one transaction.
    pub print_portion: u32,
    /// Number of rows of a job in one transaction.
    pub job_rows_at_once: usize,
    /// How long every attempt to call a service back may fail before its callbacks are held.
    pub callback_pause_after: Duration,
    /// What tells services by e-mail that their callbacks are paused.
    pub callback_notice: Option<NoticeTemplate>,
    /// What tells print providers by e-mail how many letters to expect.
    pub letter_volumes: Option<NoticeTemplate>,
    /// How long providers may still answer when the process is about to stop; then the outcome counts as unknown.
    pub stop_grace: Duration,
    /// The words by which recipients of text messages ask a service to stop, and to start again.
    pub sms_keywords: SmsKeywords,
    /// Whether an address from which an e-mail came back for good gets nothing more from the service.
    pub suppress_hard_bounces: bool,
    /// Whether a recipient who complained about an e-mail gets nothing more from the service.
    pub suppress_complaints: bool,
    /// Time zone in which days begin and end, for retention and counting.
    pub time_zone: TimeZone,
    /// Which messages are accepted by the intake log.
    pub intake: Intake,
}

/// Which messages are accepted by the intake log, and what accepting does while the database does not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intake {
    /// Which messages go to the log.
    pub mode: IntakeMode,
    /// Services and templates whose messages go to the log whatever the mode.
    pub always_for: BTreeSet<Uuid>,
    /// How long accepting waits for an answer of the database.
    pub patience: Duration,
    /// How old services, keys and templates may be while the database does not answer.
    pub max_stale: Duration,
}

/// Which messages are accepted by the intake log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntakeMode {
    /// None: a message is accepted once the database has it.
    Database,
    /// Those for which the database does not answer in time.
    Fallback,
    /// All.
    Always,
}

impl Default for Intake {
    fn default() -> Self {
        Self {
            mode: IntakeMode::Database,
            always_for: BTreeSet::new(),
            patience: Duration::from_millis(250),
            max_stale: Duration::from_mins(30),
        }
    }
}

impl Intake {
    /// Returns whether some messages may go to the log.
    pub fn uses_log(&self) -> bool {
        self.mode != IntakeMode::Database || !self.always_for.is_empty()
    }

    pub(crate) fn gate(&self, clock: &Arc<dyn Clock>) -> DatabaseGate {
        DatabaseGate::new(clock.clone(), self.patience, self.max_stale)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            email_domain: "notify.example.com".to_owned(),
            admin_base_url: "http://127.0.0.1:6011".to_owned(),
            files_root: "http://127.0.0.1:6011".to_owned(),
            max_file_bytes: 2 << 20,
            api_base_url: "http://127.0.0.1:6011".to_owned(),
            sms_rate: Money {
                // 2.33 pence.
                micropounds: 23_300,
            },
            test_letters_fake_delivery: false,
            reads_per_minute: 6_000,
            max_spreadsheet_rows: 100_000,
            max_upload_bytes: 64 << 20,
            storage_limit_bytes: 100 << 30,
            print_portion: 1000,
            job_rows_at_once: 1000,
            callback_pause_after: Duration::from_hours(1),
            callback_notice: None,
            letter_volumes: None,
            stop_grace: Duration::from_secs(5),
            sms_keywords: SmsKeywords::default(),
            suppress_hard_bounces: true,
            suppress_complaints: true,
            time_zone: TimeZone::default(),
            intake: Intake::default(),
        }
    }
}

/// Words with which people answer text messages, as the whole text in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmsKeywords {
    /// The sender gets no more text messages from the service.
    pub stop: Vec<String>,
    /// The sender gets text messages again.
    pub start: Vec<String>,
}

impl Default for SmsKeywords {
    fn default() -> Self {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        Self {
            // Not CANCEL and END, which carriers elsewhere add: people answer reminders of appointments with them.
            stop: words(&["STOP", "STOPALL", "UNSUBSCRIBE"]),
            start: words(&["START", "UNSTOP"]),
        }
    }
}

/// The template of notices, and the platform's own service that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoticeTemplate {
    /// The service that sends notices.
    pub service: ServiceId,
    /// An e-mail template of it, with the placeholders that the setting names.
    pub template: TemplateId,
}

/// The time zone in which days are counted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct TimeZone(jiff::tz::TimeZone);

/// A text that names no time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no time zone `{0}`: give a name of the tz database, such as Europe/London")]
pub struct NoTimeZone(String);

/// Why a text is no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTime {
    /// It is none in any form.
    #[error(
        "`{0}` is no time: write it as in 2026-03-02T10:00, or with an offset as in 2026-03-02T10:00Z"
    )]
    Unreadable(String),
    /// The clocks change at that time.
    #[error(
        "in {1} the clocks skip {0} or show it twice: give it with an offset, as in 2026-03-02T10:00Z"
    )]
    Ambiguous(String, String),
}

impl TimeZone {
    /// Parses a time: with an offset from UTC as it says, without one in this zone. A date alone is its midnight.
    ///
    /// Fails for a local time that the clocks skip or show twice, too.
    pub fn parse_time(&self, text: &str) -> Result<Timestamp, InvalidTime> {
        let moment = if let Ok(moment) = text.parse::<jiff::Timestamp>() {
            moment
        } else {
            let local: jiff::civil::DateTime = text
                .parse()
                .map_err(|_| InvalidTime::Unreadable(text.to_owned()))?;
            let ambiguous = self.0.to_ambiguous_timestamp(local);
            ambiguous
                .unambiguous()
                .map_err(|_| InvalidTime::Ambiguous(text.to_owned(), self.to_string()))?
        };
        Ok(Timestamp::from_unix_micros(moment.as_microsecond()))
    }

    /// Returns the rules of the zone.
    pub const fn rules(&self) -> &jiff::tz::TimeZone {
        &self.0
    }
}

impl TryFrom<String> for TimeZone {
    type Error = NoTimeZone;

    /// Finds a zone by its name in the bundled tables.
    fn try_from(name: String) -> Result<Self, NoTimeZone> {
        let found = jiff::tz::TimeZoneDatabase::bundled().get(&name);
        found.map(Self).map_err(|_| NoTimeZone(name))
    }
}

impl Default for TimeZone {
    fn default() -> Self {
        Self::try_from("Europe/London".to_owned()).expect("the bundled tables have London")
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.iana_name().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_without_an_offset_is_local() {
        let london = TimeZone::default();
        for (text, moment) in [
            ("2026-07-01T10:00:00", "2026-07-01T09:00:00Z"),
            ("2026-12-01T10:00", "2026-12-01T10:00:00Z"),
            ("2026-07-01 10:00", "2026-07-01T09:00:00Z"),
            ("2026-07-01", "2026-06-30T23:00:00Z"),
            ("2026-07-01T10:00:00Z", "2026-07-01T10:00:00Z"),
            ("2026-07-01T10:00:00+02:00", "2026-07-01T08:00:00Z"),
        ] {
            assert_eq!(
                london.parse_time(text),
                Ok(moment.parse().unwrap()),
                "{text}"
            );
        }
        for text in ["2026-03-29T01:30", "2026-10-25T01:30"] {
            let error = london.parse_time(text).unwrap_err().to_string();
            assert!(error.contains("Europe/London"), "{error}");
        }
        assert!(london.parse_time("tomorrow").is_err());
    }

    #[test]
    fn money_is_written_exactly() {
        for (micropounds, written) in [
            (680_000, "0.68"),
            (1_200_000, "1.20"),
            (23_300, "0.0233"),
            (0, "0.00"),
            (-1, "-0.000001"),
        ] {
            assert_eq!(Money { micropounds }.to_string(), written);
        }
    }
}
