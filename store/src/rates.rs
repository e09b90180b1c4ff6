//! Rates of text messages and letters, each valid from a moment on. Amounts are in millionths of a pound.

use domain::{Postage, Timestamp};

use crate::{Error, Session, Tx, db::args};

/// Price of one fragment of a domestic text message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SmsRate {
    /// Start of validity.
    pub valid_from: Timestamp,
    /// Price in millionths of a pound.
    pub micropounds: i64,
}

/// Price of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LetterRate {
    /// Start of validity.
    pub start_date: Timestamp,
    /// Postage class.
    pub postage: Postage,
    /// Number of sheets.
    pub sheet_count: u32,
    /// Price in millionths of a pound.
    pub micropounds: i64,
}

/// Returns the rates of text messages, newest first.
pub async fn list_sms(session: &mut Session) -> Result<Vec<SmsRate>, Error> {
    session
        .fetch_all(
            "SELECT valid_from, rate_micropounds FROM sms_rates ORDER BY valid_from DESC",
            args![],
        )
        .await?
        .iter()
        .map(|row| {
            Ok(SmsRate {
                valid_from: row.get("valid_from")?,
                micropounds: row.get("rate_micropounds")?,
            })
        })
        .collect()
}

/// Returns the rates of letters, newest first.
pub async fn list_letter(session: &mut Session) -> Result<Vec<LetterRate>, Error> {
    session
        .fetch_all(
            "SELECT start_date, post_class, sheet_count, rate_micropounds FROM letter_rates \
             ORDER BY start_date DESC, post_class, sheet_count",
            args![],
        )
        .await?
        .iter()
        .map(|row| {
            Ok(LetterRate {
                start_date: row.get("start_date")?,
                postage: row.parse("letter_rates", "post_class")?,
                sheet_count: row.get_u32("letter_rates", "sheet_count")?,
                micropounds: row.get("rate_micropounds")?,
            })
        })
        .collect()
}

/// Stores a rate of text messages, replacing one with the same start.
pub async fn upsert_sms(tx: &mut Tx, rate: &SmsRate) -> Result<(), Error> {
    tx.execute(
        // A rate entered by mistake is corrected by entering it again.
        "INSERT INTO sms_rates (valid_from, rate_micropounds) VALUES ($1, $2) \
         ON CONFLICT (valid_from) DO UPDATE SET rate_micropounds = excluded.rate_micropounds",
        args![rate.valid_from, rate.micropounds],
    )
    .await?;
    Ok(())
}

/// Stores a rate of letters, replacing one of the same kind with the same start.
pub async fn upsert_letter(tx: &mut Tx, rate: &LetterRate) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO letter_rates (start_date, post_class, sheet_count, rate_micropounds) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (post_class, sheet_count, start_date) DO UPDATE SET rate_micropounds = excluded.rate_micropounds",
        args![rate.start_date, rate.postage, rate.sheet_count, rate.micropounds],
    )
    .await?;
    Ok(())
}
