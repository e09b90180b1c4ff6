//! The task `update-letter-notifications-statuses` (`docs/spec/letters.md` §8.3): every line of a response file changes the
//! status of its letter, stored or archived.

use std::collections::{BTreeMap, BTreeSet};

use domain::{NotificationId, NotificationStatus};
use queue::TaskContext;
use store::printed_letters::{self, PrintedLetter};
use tracing::{error, info, warn};

use super::{
    Fault,
    exception::DvlaException,
    lines::{ResponseLine, ResponseLines},
};
use crate::{App, callbacks};

/// Lines in one transaction: others wait while it is open.
const LINES_PER_TRANSACTION: usize = 500;
/// Ours have sixteen characters. A longer one is not worth a look.
const MAX_REFERENCE_BYTES: usize = 64;
/// The reason on a letter that the print provider reports as failed.
const NOT_SENT: &str = "the print provider reports that it was not sent";

/// Applies a response file, all of it whatever its lines say. Fails at the end if letters have failed.
pub(super) async fn apply(
    app: &App,
    task: &TaskContext,
    key: &str,
    lines: ResponseLines<'_>,
) -> Result<(), Fault> {
    let (mut failed, mut changed, mut count) = (Vec::new(), 0, 0);
    let mut rest = lines.iter();
    loop {
        let portion: Vec<ResponseLine<'_>> = rest.by_ref().take(LINES_PER_TRANSACTION).collect();
        if portion.is_empty() {
            break;
        }
        if !task.holds_lease(app.clock.now()) {
            return Err(Fault::LeaseLost);
        }
        changed += apply_portion(app, key, &portion).await?;
        count += portion.len();
        let not_sent = portion.iter().filter(|line| !line.is_sent());
        failed.extend(not_sent.map(|line| line.reference.to_owned()));
    }
    info!(
        "response file {key}: {count} lines, {changed} letters updated, {} failed",
        failed.len()
    );
    if failed.is_empty() {
        return Ok(());
    }
    // Only now, so that the alert comes after every line was applied.
    Err(DvlaException::FailedLetters {
        key: key.to_owned(),
        references: failed,
    }
    .into())
}

/// Applies some lines in one transaction. Returns how many letters were updated.
async fn apply_portion(
    app: &App,
    key: &str,
    lines: &[ResponseLine<'_>],
) -> Result<u64, store::Error> {
    let references: BTreeSet<&str> = lines
        .iter()
        .map(|line| line.reference)
        .filter(|reference| reference.len() <= MAX_REFERENCE_BYTES)
        .collect();
    let references: Vec<&str> = references.into_iter().collect();
    let now = app.clock.now();
    let mut tx = app.write().await?;
    let letters = printed_letters::lock_by_reference(&mut tx, &references).await?;
    let portion = Portion::of(lines, &letters);
    let (mut changed, mut finals) = (0, Vec::new());
    for (status, letters) in &portion.updates {
        let problem = (*status == NotificationStatus::TemporaryFailure).then_some(NOT_SENT);
        let from = NotificationStatus::ALL.iter().copied();
        let from = from.filter(|one| one.can_follow_response_file());
        changed +=
            printed_letters::set_status(&mut tx, letters, *status, from, problem, now).await?;
        // A file that arrives again changes nothing that a service should be told.
        let new = letters.iter().filter(|letter| letter.status != *status);
        finals.extend(new.map(|letter| letter.final_status(*status, now)));
    }
    let pools = callbacks::enqueue_finals(app, &mut tx, &finals, now).await?;
    app.commit_and_notify(tx, pools).await?;
    // After the commit, so that a portion that is applied again is not logged twice.
    portion.notices.iter().for_each(|notice| notice.log(key));
    Ok(changed)
}

/// What some lines of a response file come to.
struct Portion<'a> {
    /// Letters by their new status.
    updates: BTreeMap<NotificationStatus, Vec<&'a PrintedLetter>>,
    /// What is to be logged, in the order of the lines.
    notices: Vec<Notice<'a>>,
}

impl<'a> Portion<'a> {
    fn of(lines: &[ResponseLine<'a>], letters: &'a [PrintedLetter]) -> Self {
        let mut by_reference: BTreeMap<&str, Vec<&'a PrintedLetter>> = BTreeMap::new();
        for letter in letters {
            let same = by_reference.entry(&letter.reference).or_default();
            same.push(letter);
        }
        let mut latest: BTreeMap<NotificationId, (&'a PrintedLetter, NotificationStatus)> =
            BTreeMap::new();
        let mut notices = Vec::new();
        for line in lines {
            let Some(letters) = by_reference.get(line.reference) else {
                notices.push(Notice::new(line, What::Unknown));
                continue;
            };
            for letter in letters {
                notices.extend(compare_sheets(line, letter).map(|what| Notice::new(line, what)));
                if letter.status.can_follow_response_file() {
                    // Of several lines about one letter the last one wins.
                    latest.insert(letter.id, (letter, status_of(line)));
                } else {
                    notices.push(Notice::new(line, What::NotMoved(letter)));
                }
            }
        }
        let mut updates: BTreeMap<NotificationStatus, Vec<&'a PrintedLetter>> = BTreeMap::new();
        for (letter, status) in latest.into_values() {
            updates.entry(status).or_default().push(letter);
        }
        Self { updates, notices }
    }
}

fn status_of(line: &ResponseLine<'_>) -> NotificationStatus {
    if line.is_sent() {
        NotificationStatus::Delivered
    } else {
        NotificationStatus::TemporaryFailure
    }
}

/// Compares the page count with ours, which is kept: theirs has been wrong and ours right.
fn compare_sheets<'a>(line: &ResponseLine<'_>, letter: &'a PrintedLetter) -> Option<What<'a>> {
    match line.pages() {
        None => Some(What::NoPageCount),
        Some(theirs) if theirs == i64::from(letter.billable_units) => None,
        Some(theirs) => Some(What::OtherPageCount { letter, theirs }),
    }
}

/// A log line about a line of a response file.
struct Notice<'a> {
    line: ResponseLine<'a>,
    what: What<'a>,
}

enum What<'a> {
    Unknown,
    NoPageCount,
    OtherPageCount {
        letter: &'a PrintedLetter,
        theirs: i64,
    },
    NotMoved(&'a PrintedLetter),
}

impl<'a> Notice<'a> {
    const fn new(line: &ResponseLine<'a>, what: What<'a>) -> Self {
        Self { line: *line, what }
    }

    fn log(&self, key: &str) {
        let ResponseLine {
            number,
            reference,
            page_count,
            ..
        } = self.line;
        // What a provider wrote may break a line of the log.
        let reference = reference.escape_debug();
        match &self.what {
            What::Unknown => warn!(
                line = number,
                "Update letter notification file {key} failed: notification either not found or already updated from \
                 delivered. Status {} for notification reference {reference}",
                status_of(&self.line)
            ),
            What::NoPageCount => warn!(
                line = number,
                "response file {key}: the page count {page_count:?} for notification reference {reference} is not a number"
            ),
            What::OtherPageCount { letter, theirs } => error!(
                notification.id = %letter.id, service.id = %letter.service_id, line = number,
                "Notification with id {} has {} billable_units but DVLA says page count is {theirs}",
                letter.id, letter.billable_units
            ),
            What::NotMoved(letter) => warn!(
                notification.id = %letter.id, service.id = %letter.service_id, line = number,
                "response file {key}: letter {} stays {}, though the file makes it {}",
                letter.id, letter.status, status_of(&self.line)
            ),
        }
    }
}
