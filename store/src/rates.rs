//! What messages cost: the rates of texts and letters, each from a moment on. Amounts are millionths of a pound.

use domain::{Postage, Timestamp};

use crate::{Error, Session, Tx, db::args};

/// What a fragment of a text costs at home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SmsRate {
    /// From when on.
    pub valid_from: Timestamp,
    /// How much.
    pub micropounds: i64,
}

/// What a letter costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LetterRate {
    /// From when on.
    pub start_date: Timestamp,
    /// How it travels.
    pub postage: Postage,
    /// How many sheets of paper it has.
    pub sheet_count: u32,
    /// How much.
    pub micropounds: i64,
}

/// The rates of texts, newest first.
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

/// The rates of letters, newest first.
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
                postage: row.word("letter_rates", "post_class")?,
                sheet_count: row.count("letter_rates", "sheet_count")?,
                micropounds: row.get("rate_micropounds")?,
            })
        })
        .collect()
}

/// Keeps a rate of texts; one that begins at the same moment gives way.
pub async fn upsert_sms(tx: &mut Tx, rate: &SmsRate) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO sms_rates (valid_from, rate_micropounds) VALUES ($1, $2) \
         ON CONFLICT (valid_from) DO UPDATE SET rate_micropounds = excluded.rate_micropounds",
        args![rate.valid_from, rate.micropounds],
    )
    .await?;
    Ok(())
}

/// Keeps a rate of letters; one of the same kind that begins at the same moment gives way.
pub async fn upsert_letter(tx: &mut Tx, rate: &LetterRate) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO letter_rates (start_date, post_class, sheet_count, rate_micropounds) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (post_class, sheet_count, start_date) DO UPDATE SET rate_micropounds = excluded.rate_micropounds",
        args![rate.start_date, rate.postage, rate.sheet_count, rate.micropounds],
    )
    .await?;
    Ok(())
}
