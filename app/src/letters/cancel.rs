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

use super::task_lock::{Letters, lock_tasks};
use crate::{App, callbacks};

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
    /// Its status does not allow it, a worker is sending it, or its print provider may have accepted it without a
    /// reply.
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

/// Returns the day on which the print run of a letter started, or `None` if it has not.
pub(crate) fn printing_started(created_at: Timestamp, now: Timestamp) -> Option<PrintDay> {
    let moment = |at: Timestamp| jiff::Timestamp::from_microsecond(at.unix_micros()).ok();
    let (created, now) = (moment(created_at)?, moment(now)?);
    let day = letter_timings::printing_started(created, now)?;
    let is_today = to_london(now).date() == day;
    Some(if is_today {
        PrintDay::Today
    } else {
        PrintDay::On(day)
    })
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
    // From here on no worker can start to send the letter.
    let Some(mut tx) = lock_tasks(app, &Letters::One(service, id)).await? else {
        return Err(CancelLetterError::OtherStatus(Box::new(letter)));
    };
    let outcome = StatusUpdate {
        billable_units: Some(0),
        ..StatusUpdate::new(id, NotificationStatus::Cancelled)
    };
    // Conditional on the status: a letter that the print run has taken cannot be cancelled, and a cancelled one cannot be
    // printed.
    let applied = callbacks::apply_updates(app, &mut tx, &[outcome], now).await?;
    if applied.count == 0 {
        let found = store::notifications::find(&mut tx, service, id).await?;
        return Err(match found.ok_or(CancelLetterError::NoSuch)? {
            found if found.status == NotificationStatus::Cancelled => {
                CancelLetterError::AlreadyCancelled
            }
            found => CancelLetterError::OtherStatus(Box::new(found)),
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
