//! Cancelling a letter until it is printed (`docs/spec/letters.md` §12). The change is conditional on the letter's
//! status: a letter that the print run has taken cannot be cancelled, and a cancelled one cannot be printed.

use domain::{
    Allowance, Channel, KeyType, NotificationId, NotificationStatus, ServiceId, Timestamp,
};
use jiff::{
    ToSpan as _,
    civil::{Date, Time},
};
use store::notifications::{Notification, StatusUpdate};
use templates::letter_timings::{from_london, to_london};

use super::hold::{Letters, hold};
use crate::App;

/// From then on, local time, the day's letters are printed. A letter of this very moment is tomorrow's.
const DEADLINE: Time = Time::constant(17, 30, 0, 0);

/// Why a letter is not cancelled.
#[derive(Debug, thiserror::Error)]
pub enum CancelLetterError {
    /// There is no such message of this service.
    #[error("there is no such notification")]
    NoSuch,
    /// It is no letter.
    #[error("only letters can be cancelled")]
    NotALetter,
    /// Printing has started.
    #[error("it is too late: printing started {0} at half past five")]
    TooLate(PrintDay),
    /// It was cancelled before.
    #[error("it is cancelled already")]
    AlreadyCancelled,
    /// It is past where it could be cancelled, or a worker has it in hand, or a printer may have it without having said so.
    #[error("a letter that is {} cannot be cancelled", .0.status)]
    OtherStatus(Box<Notification>),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
}

/// The day on whose evening a letter is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrintDay {
    /// This one.
    Today,
    /// Another, by day and month.
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

/// When the printing of a letter has started, if it has.
pub(crate) fn printing_started(created_at: Timestamp, now: Timestamp) -> Option<PrintDay> {
    let moment = |at: Timestamp| jiff::Timestamp::from_microsecond(at.unix_micros()).ok();
    let (created, now) = (moment(created_at)?, moment(now)?);
    let made = to_london(created).datetime();
    let day = if made.time() < DEADLINE {
        made.date()
    } else {
        made.date().saturating_add(1.day())
    };
    if now < from_london(day.to_datetime(DEADLINE)) {
        return None;
    }
    let is_today = to_london(now).date() == day;
    Some(if is_today {
        PrintDay::Today
    } else {
        PrintDay::On(day)
    })
}

/// Cancels a letter; what it spent of today is given back.
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
    let Some(mut tx) = hold(app, &Letters::One(service, id)).await? else {
        return Err(CancelLetterError::OtherStatus(Box::new(letter)));
    };
    let outcome = StatusUpdate {
        id,
        status: NotificationStatus::Cancelled,
        sent_at: None,
        sent_by: None,
        reference: None,
        billable_units: Some(0),
        problem: None,
    };
    if store::notifications::apply(&mut tx, &[outcome], now).await? == 0 {
        let found = store::notifications::find(&mut tx, service, id).await?;
        return Err(match found.ok_or(CancelLetterError::NoSuch)? {
            found if found.status == NotificationStatus::Cancelled => {
                CancelLetterError::AlreadyCancelled
            }
            found => CancelLetterError::OtherStatus(Box::new(found)),
        });
    }
    let day = now.utc_day();
    if letter.created_at.utc_day() == day && letter.key_type != KeyType::Test {
        store::counters::refund(&mut tx, service, Allowance::Letter, day, 1).await?;
    }
    let after = store::notifications::find(&mut tx, service, id).await?;
    tx.commit().await?;
    after.ok_or(CancelLetterError::NoSuch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_printed_at_half_past_five_of_its_day_in_london() {
        for (created, now, said) in [
            ("2026-02-04T09:00:00Z", "2026-02-04T17:29:59.999999Z", ""),
            ("2026-02-04T09:00:00Z", "2026-02-04T17:30:00Z", "today"),
            (
                "2026-02-04T17:29:59Z",
                "2026-02-05T09:00:00Z",
                "on 4 February",
            ),
            ("2026-02-04T17:30:00Z", "2026-02-05T17:29:59Z", ""),
            ("2026-02-04T17:30:00Z", "2026-02-05T17:30:00Z", "today"),
            ("2026-07-04T16:29:00Z", "2026-07-04T16:30:00Z", "today"),
        ] {
            let day = printing_started(created.parse().unwrap(), now.parse().unwrap());
            let day = day.map(|day| day.to_string()).unwrap_or_default();
            assert_eq!(day, said, "{created} {now}");
        }
    }
}
