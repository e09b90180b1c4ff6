//! The task `record-daily-sorted-counts` (`docs/spec/letters.md` §8.4): one row for each response file. It is apart from the
//! statuses, so that old files can be counted again.

use std::collections::BTreeSet;

use jiff::{civil::DateTime, tz::Offset};
use store::{
    Tx,
    daily_sorted_letters::{self, DailySortedLetter},
};
use templates::letter_timings::to_london;
use uuid::Uuid;

use super::{exception::DvlaException, lines::ResponseLines};
use crate::{App, local_days};

const SORTED: &str = "sorted";
const UNSORTED: &str = "unsorted";
/// Year, month, day, hour, minute and second.
const DATE_DIGITS: usize = 14;

/// Counts the lines of a file, failed letters and unknown references like the others.
pub(super) fn count(
    key: &str,
    lines: ResponseLines<'_>,
) -> Result<DailySortedLetter, DvlaException> {
    let (mut sorted_count, mut unsorted_count) = (0, 0);
    let (mut unknown, mut first) = (BTreeSet::new(), None);
    for line in lines.iter() {
        match line.cost_threshold.to_lowercase().as_str() {
            SORTED => sorted_count += 1,
            UNSORTED => unsorted_count += 1,
            other => {
                first.get_or_insert(line.number);
                unknown.insert(other.to_owned());
            }
        }
    }
    if let Some(number) = first {
        return Err(DvlaException::UnknownSortedStatus {
            key: key.to_owned(),
            values: unknown,
            line: format!("line {number} is neither sorted nor unsorted"),
        });
    }
    let billing_day = billing_day(key).ok_or_else(|| DvlaException::NoDate {
        key: key.to_owned(),
    })?;
    Ok(DailySortedLetter {
        billing_day,
        file_name: key.to_owned(),
        sorted_count,
        unsorted_count,
        updated_at: None,
    })
}

/// Stores the counts of a file, replacing those of an earlier file of the same name.
pub(super) async fn store(
    app: &App,
    tx: &mut Tx,
    counts: &DailySortedLetter,
) -> Result<(), store::Error> {
    // The day is a function of the name, so the name alone decides which row it is.
    let id = Uuid::new_v5(&Uuid::nil(), counts.file_name.as_bytes());
    daily_sorted_letters::upsert(tx, id, counts, app.clock.now()).await
}

/// Returns the key under which the same file was counted from another folder, if it was: to count it once more would double
/// the day.
pub(super) async fn find_same_elsewhere(
    app: &App,
    counts: &DailySortedLetter,
) -> Result<Option<String>, store::Error> {
    let day = counts.billing_day;
    let counted = daily_sorted_letters::list(&mut app.read().await?, day, day).await?;
    let same = counted
        .into_iter()
        .map(|one| one.file_name)
        .find(|name| *name != counts.file_name && base_name(name) == base_name(&counts.file_name));
    Ok(same)
}

/// Returns the local day of the time in a file's name, counted from 1 January 1970: what stands between the first two
/// hyphens, in UTC.
fn billing_day(key: &str) -> Option<i64> {
    // Folders may have hyphens of their own.
    let digits = base_name(key).split('-').nth(1)?;
    if digits.len() != DATE_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // The seconds are not needed, and a file came with second 60.
    let number = |from: usize, to: usize| digits[from..to].parse::<i8>().ok();
    let at = DateTime::new(
        digits[..4].parse().ok()?,
        number(4, 6)?,
        number(6, 8)?,
        number(8, 10)?,
        number(10, 12)?,
        0,
        0,
    );
    let at = Offset::UTC.to_timestamp(at.ok()?).ok()?;
    Some(local_days::number_of(to_london(at).date()))
}

fn base_name(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> i64 {
        local_days::number_of(text.parse().unwrap())
    }

    #[test]
    fn a_file_counts_for_the_local_day_of_its_name() {
        for (key, expected) in [
            ("NOTIFY-20170820230000-RSP.TXT", Some(day("2017-08-21"))),
            ("NOTIFY-20170120230000-RSP.TXT", Some(day("2017-01-20"))),
            ("NOTIFY-20180904112360-RSP.TXT", Some(day("2018-09-04"))),
            ("notify-20180630225959-rs.txt", Some(day("2018-06-30"))),
            (
                "a-folder/NOTIFY-20180312112300-RSP.TXT",
                Some(day("2018-03-12")),
            ),
            ("NOTIFY.20180312112300.RSP.TXT", None),
            ("NOTIFY-201803121123-RSP.TXT", None),
            ("NOTIFY-2018031211230000-RSP.TXT", None),
            ("NOTIFY-20181312112300-RSP.TXT", None),
            ("NOTIFY-20180229112300-RSP.TXT", None),
            ("NOTIFY-20180312242300-RSP.TXT", None),
            ("NOTIFY-2018031211230x-RSP.TXT", None),
            ("NOTIFY-+8031211230012-RSP.TXT", None),
            ("20180312112300-NOTIFY-RSP.TXT", None),
            ("RSP.TXT", None),
        ] {
            assert_eq!(billing_day(key), expected, "{key}");
        }
    }
}
