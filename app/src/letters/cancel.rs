//! Cancels a letter before it is printed (`docs/spec/letters.md` §12).

use domain::{
    Allowance, Channel, KeyType, NotificationId, NotificationStatus, ServiceId, Timestamp,
};
use jiff::civil::Date;
use store::{
    Tx,
    notifications::{Notification, StatusUpdate},
};
use templates::letter_timings::{self, to_london};

use crate::{App, callbacks, compose::to_jiff};

/// Why a letter cannot be cancelled.
#[derive(Debug, thiserror::Error)]
pub enum CancelLetterError {
    /// The service has no such notification.
    #[error("there is no such notification")]
    NoSuch,
    /// The notification is not a letter.
    #[error("only letters can be cancelled")]
    NotALetter,
    /// Printing has started.
    #[error("it is too late: printing started {0} at half past five")]
    TooLate(PrintDay),
    /// It is cancelled already.
    #[error("it is cancelled already")]
    AlreadyCancelled,
    /// Its status does not allow it.
    #[error("a letter that is {} cannot be cancelled", .0.status)]
    OtherStatus(Box<Notification>),
    /// The database failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
}

/// The day on which the print run of a letter started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrintDay {
    /// The present day.
    Today,
    /// An earlier day.
    On(Date),
}

impl std::fmt::Display for PrintDay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Today => f.write_str("today"),
            Self::On(date) => write!(f, "on {}", date.strftime("%-d %B")),
        }
    }
}

impl PrintDay {
    fn of(day: Date, now: Timestamp) -> Self {
        if to_london(to_jiff(now)).date() == day {
            Self::Today
        } else {
            Self::On(day)
        }
    }
}

/// Returns the day on which the print run of a letter started, or `None` if it has not.
pub(crate) fn printing_started(created_at: Timestamp, now: Timestamp) -> Option<PrintDay> {
    let day = letter_timings::printing_started(to_jiff(created_at), to_jiff(now))?;
    Some(PrintDay::of(day, now))
}

/// Returns the day of the print run that has claimed a letter, if one has.
fn claimed_on(letter: &Notification, now: Timestamp) -> Option<PrintDay> {
    let is_waiting = letter.status == NotificationStatus::Created;
    let deadline = letter.print_deadline.filter(|_| is_waiting)?;
    Some(PrintDay::of(to_london(to_jiff(deadline)).date(), now))
}

/// Cancels a letter, and refunds it to the day whose quota it spent.
pub async fn cancel(
    app: &App,
    service: ServiceId,
    id: NotificationId,
) -> Result<Notification, CancelLetterError> {
    let now = app.clock.now();
    let found = store::notifications::find(&mut app.read().await?, service, id).await?;
    let letter = found.ok_or(CancelLetterError::NoSuch)?;
    if letter.channel != Channel::Letter {
        return Err(CancelLetterError::NotALetter);
    }
    if let Some(day) = printing_started(letter.created_at, now) {
        return Err(CancelLetterError::TooLate(day));
    }
    if letter.status == NotificationStatus::Cancelled {
        return Err(CancelLetterError::AlreadyCancelled);
    }
    let mut tx = app.write().await?;
    let outcome = StatusUpdate {
        billable_units: Some(0),
        ..StatusUpdate::new(id, NotificationStatus::Cancelled)
    };
    // Conditional on the status and the claim: a letter that the print run has claimed cannot be cancelled, and a cancelled one
    // cannot be printed. A worker that makes its pages at this moment finds it cancelled when it has them.
    let applied = callbacks::apply_updates(app, &mut tx, &[outcome], now).await?;
    if applied.count == 0 {
        let found = store::notifications::find(&mut tx, service, id).await?;
        return Err(match found.ok_or(CancelLetterError::NoSuch)? {
            found if found.status == NotificationStatus::Cancelled => {
                CancelLetterError::AlreadyCancelled
            }
            found => match claimed_on(&found, now) {
                Some(day) => CancelLetterError::TooLate(day),
                None => CancelLetterError::OtherStatus(Box::new(found)),
            },
        });
    }
    refund(&mut tx, service, &letter).await?;
    let after = store::notifications::find(&mut tx, service, id).await?;
    app.commit_and_notify(tx, applied.pools).await?;
    after.ok_or(CancelLetterError::NoSuch)
}

/// Refunds a letter to the day whose quota it spent: that of its job, or that on which it was accepted.
async fn refund(
    tx: &mut Tx,
    service: ServiceId,
    letter: &Notification,
) -> Result<(), store::Error> {
    let day = match letter.job_id {
        Some(job) => {
            let job = store::jobs::find(tx, service, job).await?;
            job.and_then(|job| job.quota_day)
        }
        // A test key spends no quota.
        None => (letter.key_type != KeyType::Test).then(|| letter.created_at.utc_day()),
    };
    if let Some(day) = day {
        store::counters::refund(tx, service, Allowance::Letter, day, 1).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_of_printing_is_named_unless_it_is_today() {
        for (created, now, day) in [
            ("2026-02-04T09:00:00Z", "2026-02-04T17:29:59.999999Z", ""),
            ("2026-02-04T09:00:00Z", "2026-02-04T17:30:00Z", "today"),
            (
                "2026-02-04T09:00:00Z",
                "2026-02-05T00:00:00Z",
                "on 4 February",
            ),
            ("2026-07-04T09:00:00Z", "2026-07-04T22:59:59Z", "today"),
            ("2026-07-04T09:00:00Z", "2026-07-04T23:00:00Z", "on 4 July"),
        ] {
            let started = printing_started(created.parse().unwrap(), now.parse().unwrap());
            let started = started.map(|day| day.to_string()).unwrap_or_default();
            assert_eq!(started, day, "{created} {now}");
        }
    }
}
