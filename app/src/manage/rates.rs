//! Setting the rates of letters and text messages (`docs/spec/letters.md` §11.2). A rate is never changed: a new one begins
//! at its start, and what was sent before keeps its price.

use domain::{Postage, Timestamp};
use store::rates;
pub use store::rates::{LetterRate, SmsRate};
use tracing::info;

use super::AdminError;
use crate::{App, Money, cache};

/// The most sheets that a letter has.
const MAX_SHEETS: u32 = 5;
/// A thousand pounds: more is a mistake in the unit.
const MAX_MICROPOUNDS: i64 = 1_000_000_000;

/// Returns the stored rates of text messages, newest first. While there are none, the rate of the settings holds.
pub async fn list_sms(app: &App) -> Result<Vec<SmsRate>, AdminError> {
    Ok(rates::list_sms(&mut app.read().await?).await?)
}

/// Returns the rates of letters, newest first: the default ones while none is stored.
pub async fn list_letter(app: &App) -> Result<Vec<LetterRate>, AdminError> {
    let stored = rates::list_letter(&mut app.read().await?).await?;
    Ok(cache::rates::or_default(stored))
}

/// Sets the rate of a text message fragment from a moment on, replacing one with the same start.
pub async fn set_sms(app: &App, rate: SmsRate) -> Result<(), AdminError> {
    check(rate.micropounds)?;
    let mut tx = app.write().await?;
    rates::upsert_sms(&mut tx, &rate).await?;
    tx.commit().await?;
    let money = Money {
        micropounds: rate.micropounds,
    };
    info!(
        "a text message fragment costs {money} pounds from {}",
        rate.valid_from
    );
    Ok(())
}

/// Sets rates of letters, each from its start on, replacing those of the same kind and start.
pub async fn set_letter(app: &App, new: &[LetterRate]) -> Result<(), AdminError> {
    for rate in new {
        check(rate.micropounds)?;
        if !(1..=MAX_SHEETS).contains(&rate.sheet_count) {
            return Err(AdminError::rejected(format!(
                "a letter has 1 to {MAX_SHEETS} sheets"
            )));
        }
    }
    let mut tx = app.write().await?;
    // The default rates hold only while none is stored: they are stored too, or the first rate would take them away.
    let stored = rates::list_letter(&mut tx).await?;
    let defaults = if stored.is_empty() {
        cache::rates::or_default(stored)
    } else {
        Vec::new()
    };
    for rate in defaults.iter().chain(new) {
        rates::upsert_letter(&mut tx, rate).await?;
    }
    tx.commit().await?;
    for rate in new {
        let money = Money {
            micropounds: rate.micropounds,
        };
        info!(
            "a letter of {} sheets costs {money} pounds {} from {}",
            rate.sheet_count, rate.postage, rate.start_date
        );
    }
    Ok(())
}

fn check(micropounds: i64) -> Result<(), AdminError> {
    if (0..=MAX_MICROPOUNDS).contains(&micropounds) {
        Ok(())
    } else {
        Err(AdminError::rejected(
            "a rate is in pounds, at least 0 and at most 1000".to_owned(),
        ))
    }
}

/// Parses pounds, such as `0.73`, exactly, with up to six places.
pub fn parse_pounds(text: &str) -> Option<i64> {
    let (pounds, rest) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if pounds.is_empty() || !is_number(pounds) || !is_number(rest) || rest.len() > 6 {
        return None;
    }
    let millionths: i64 = format!("{rest:0<6}").parse().ok()?;
    pounds
        .parse::<i64>()
        .ok()?
        .checked_mul(1_000_000)?
        .checked_add(millionths)
}

/// Parses the start of a rate: a date is its local midnight.
pub fn parse_start(app: &App, text: &str) -> Result<Timestamp, AdminError> {
    let start = app.settings.time_zone.parse_time(text);
    start.map_err(|error| AdminError::rejected(error.to_string()))
}

/// Returns the rates of one class for letters of one sheet, two sheets and so on, from one moment on.
pub fn letter_rates(
    start_date: Timestamp,
    postage: Postage,
    micropounds: &[i64],
) -> Vec<LetterRate> {
    (1..)
        .zip(micropounds)
        .map(|(sheet_count, micropounds)| LetterRate {
            start_date,
            postage,
            sheet_count,
            micropounds: *micropounds,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pounds_are_read_exactly() {
        for (text, micropounds) in [
            ("0.73", Some(730_000)),
            ("1", Some(1_000_000)),
            ("0.023300", Some(23_300)),
            ("1.", Some(1_000_000)),
            (".5", None),
            ("-1", None),
            ("0.1234567", None),
            ("1e3", None),
            ("", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(parse_pounds(text), micropounds, "{text}");
        }
    }
}
