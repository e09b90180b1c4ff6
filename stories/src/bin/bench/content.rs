//! Measures the content crates on one processor, against the rates of the Python library that the published service
//! uses.

use std::{
    fs::File,
    hint::black_box,
    io::Read as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use recipients::{
    email_addresses::EmailAddress,
    phone_numbers::{Permissions, PhoneNumber},
    postal_addresses::PostalAddress,
};
use serde::{Deserialize, Serialize};
use spreadsheets::{Checker, Settings, Template};
use templates::{
    emails::{Branding, EmailTemplate},
    placeholders::Values,
    text_messages::TextMessageTemplate,
};

use crate::{
    children::{Order, run_child},
    options::Channel,
    results::{Compared, Results, mib, per_second},
    sample_data::{self, Person},
    usage::Usage,
};

/// How long each check and each template is measured.
const TRIED_FOR: Duration = Duration::from_secs(2);
/// How many different inputs are used in turn.
const PEOPLE: u32 = 1_000;
/// Bytes of a file that are read at a time, as from an upload.
const CHUNK_BYTES: usize = 64 * 1024;

/// A measurement in a process of its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Task {
    /// Phone numbers are parsed and checked against the permissions of a service.
    Phones,
    /// E-mail addresses are parsed.
    Emails,
    /// Postal addresses in the United Kingdom are parsed.
    Addresses,
    /// A spreadsheet is read and every row validated.
    Spreadsheet {
        file: PathBuf,
        channel: Channel,
        rows: u32,
    },
    /// A template that was parsed once is rendered many times.
    TextMessages,
    /// The same as an e-mail in plain text with its subject.
    PlainEmails,
    /// The same as an e-mail in HTML.
    HtmlEmails,
}

/// The outcome of a measurement.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Went {
    count: u64,
    took: Duration,
    /// Processor time, which does not depend on the load of the machine.
    worked: Duration,
    usage: Usage,
}

pub(crate) async fn measure(results: &Results) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let spreadsheet = |channel, rows| spreadsheet(directory.path(), channel, rows);
    // The published rates were measured with that library on one core of a similar machine.
    for (what, task, published) in [
        ("phone numbers", Task::Phones, 13_000.0),
        ("e-mail addresses", Task::Emails, 237_000.0),
        ("UK postal addresses", Task::Addresses, 21_000.0),
        (
            "spreadsheet of texts, 100,000 rows",
            spreadsheet(Channel::Sms, 100_000)?,
            6_200.0,
        ),
        (
            "spreadsheet of texts, 1,000,000 rows",
            spreadsheet(Channel::Sms, 1_000_000)?,
            6_200.0,
        ),
        (
            "spreadsheet of e-mails, 100,000 rows",
            spreadsheet(Channel::Email, 100_000)?,
            30_000.0,
        ),
        ("text messages filled", Task::TextMessages, 23_500.0),
        ("e-mails filled, plain text", Task::PlainEmails, 3_440.0),
        ("e-mails filled, HTML page", Task::HtmlEmails, 1_100.0),
    ] {
        let went: Went = run_child(&Order::Content(task)).await?;
        results.compare(&Compared {
            part: "content",
            what,
            per_second: per_second(went.count, went.took),
            per_processor_second: per_second(went.count, went.worked),
            published_per_second: published,
            seconds: went.took.as_secs_f64(),
            peak_mib: mib(went.usage.peak_kib),
        });
    }
    Ok(())
}

fn spreadsheet(directory: &Path, channel: Channel, rows: u32) -> Result<Task> {
    let file = directory.join(format!("{}-{rows}.csv", channel.as_str()));
    sample_data::write_wide_spreadsheet(&file, channel, rows)?;
    Ok(Task::Spreadsheet {
        file,
        channel,
        rows,
    })
}

/// Runs in the child.
pub(crate) fn work(task: &Task) -> Result<Went> {
    let (count, took, worked) = match task {
        Task::Phones => repeat(&texts(written_number), |text| {
            let number = PhoneNumber::parse(text);
            number.is_ok_and(|number| number.check(Permissions::default()).is_ok())
        }),
        Task::Emails => repeat(&texts(|person| person.recipient(Channel::Email)), |text| {
            EmailAddress::parse(text).is_ok()
        }),
        Task::Addresses => repeat(&texts(written_address), |text| {
            let address = PostalAddress::from_text(text, false);
            black_box(address.normalised());
            address.is_valid()
        }),
        Task::Spreadsheet {
            file,
            channel,
            rows,
        } => check(file, *channel, *rows),
        Task::TextMessages => {
            let template = TextMessageTemplate::parse(sample_data::TEXT_MESSAGE);
            repeat(&values(Channel::Sms), |values| {
                template
                    .fill(values, Some("Riverside Council"))
                    .fragment_count()
                    > 0
            })
        }
        Task::PlainEmails => {
            let template = EmailTemplate::parse(sample_data::SUBJECT, sample_data::EMAIL);
            repeat(&values(Channel::Email), |values| {
                let email = template.fill(values);
                !black_box((email.subject(), email.plain_body()))
                    .1
                    .is_empty()
            })
        }
        Task::HtmlEmails => {
            let template = EmailTemplate::parse(sample_data::SUBJECT, sample_data::EMAIL);
            let branding = Branding::default();
            repeat(&values(Channel::Email), |values| {
                !black_box(template.html_page(values, &branding)).is_empty()
            })
        }
    }?;
    Ok(Went {
        count,
        took,
        worked,
        usage: Usage::mine()?,
    })
}

fn texts(of: impl Fn(Person) -> String) -> Vec<String> {
    (0..PEOPLE).map(Person).map(of).collect()
}

fn values(channel: Channel) -> Vec<Values> {
    (0..PEOPLE)
        .map(|person| Values::from_json(&Person(person).personalisation(channel)))
        .collect()
}

/// Notations of phone numbers.
fn written_number(person: Person) -> String {
    let number = person.recipient(Channel::Sms);
    let (area, local) = number.split_at(5);
    match person.0 % 4 {
        0 => number,
        1 => format!("{area} {local}"),
        2 => format!("+44 {} {local}", &area[1..]),
        _ => format!("({area}) {}-{}", &local[..3], &local[3..]),
    }
}

fn written_address(person: Person) -> String {
    let house = person.0;
    format!(
        "Ms A Example\n{house} Larkspur Way \nHexham,\nNorthumberland\nne{} {}qd\n",
        1 + house % 9,
        1 + house % 8
    )
}

/// Measures a function over the inputs in turn. Every input must be valid.
fn repeat<T>(given: &[T], does: impl Fn(&T) -> bool) -> Result<(u64, Duration, Duration)> {
    let stopwatch = Stopwatch::start()?;
    let mut count = 0;
    while stopwatch.started.elapsed() < TRIED_FOR {
        for one in given {
            assert!(does(black_box(one)), "what is measured must succeed");
        }
        count += given.len() as u64;
    }
    let (took, worked) = stopwatch.read()?;
    Ok((count, took, worked))
}

/// Elapsed time and processor time.
struct Stopwatch {
    started: Instant,
    worked: f64,
}

impl Stopwatch {
    fn start() -> Result<Self> {
        Ok(Self {
            worked: Usage::mine()?.processor_seconds,
            started: Instant::now(),
        })
    }

    fn read(&self) -> Result<(Duration, Duration)> {
        let took = self.started.elapsed();
        let worked = Usage::mine()?.processor_seconds - self.worked;
        Ok((took, Duration::from_secs_f64(worked.max(0.0))))
    }
}

/// Reads a file in pieces, as an upload is read.
fn check(path: &Path, channel: Channel, rows: u32) -> Result<(u64, Duration, Duration)> {
    let template = match channel {
        Channel::Sms => {
            Template::text_message(sample_data::TEXT_MESSAGE, Some("Riverside Council"))
        }
        Channel::Email => Template::email(sample_data::SUBJECT, sample_data::EMAIL),
    };
    let mut settings = Settings::new(template);
    let expected_rows = usize::try_from(rows)?;
    settings.max_rows = expected_rows;
    let stopwatch = Stopwatch::start()?;
    let mut checker = Checker::new(settings);
    let mut file = File::open(path)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        checker.push(&chunk[..read])?;
    }
    let report = checker.finish()?;
    let (took, worked) = stopwatch.read()?;
    ensure!(
        report.is_valid() && report.rows() == expected_rows,
        "the spreadsheet was not found valid: {:?}",
        report.errors.first()
    );
    Ok((u64::from(rows), took, worked))
}
