//! How long providers take to deliver text messages (`docs/spec/workers.md` §8).

use std::time::Duration;

use domain::{Timestamp, from_time_and_tail};

use crate::{Error, Session, db::args};

/// Ids of rows of a job carry the time at which the job was due, which may be this much before a row was created.
const OLDER_IDS: Duration = Duration::from_mins(5);

/// Text messages of a provider by how long they took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryTimes {
    /// Name of the provider.
    pub provider: String,
    /// All that were measured.
    pub total: i64,
    /// Those that took at least as long as each of the thresholds.
    pub slower: [i64; 3],
}

/// Measures the text messages created since `since`, by provider. One that is not delivered yet has taken the time until
/// `now`.
pub async fn measure_sms(
    session: &mut Session,
    since: Timestamp,
    now: Timestamp,
    thresholds: [Duration; 3],
) -> Result<Vec<DeliveryTimes>, Error> {
    session.allow_long_statements();
    let slower = |parameter: usize| {
        let sent_at = session.kind().plus_micros("sent_at", parameter);
        // A message that is on its way is as late as it is now.
        format!(
            "CAST(sum(CASE WHEN CASE WHEN status = 'delivered' THEN updated_at ELSE $3 END >= {sent_at} \
             THEN 1 ELSE 0 END) AS BIGINT)"
        )
    };
    let sql = format!(
        // The ids are a range of the primary key and of the partitions: no index on the time of creation is needed.
        "SELECT sent_by, count(*) AS total, {} AS slower_0, {} AS slower_1, {} AS slower_2 FROM notifications \
         WHERE id >= $1 AND created_at >= $2 AND notification_type = 'sms' AND key_type <> 'test' \
         AND sent_at IS NOT NULL AND sent_by IS NOT NULL AND status IN ('delivered', 'pending', 'sending') \
         GROUP BY sent_by ORDER BY sent_by",
        slower(4),
        slower(5),
        slower(6)
    );
    let first = from_time_and_tail(since.minus(OLDER_IDS), 0);
    let [one, two, three] = thresholds.map(micros);
    let rows = session
        .fetch_all(sql, args![first, since, now, one, two, three])
        .await?;
    rows.iter()
        .map(|row| {
            Ok(DeliveryTimes {
                provider: row.get("sent_by")?,
                total: row.get("total")?,
                slower: [
                    row.get("slower_0")?,
                    row.get("slower_1")?,
                    row.get("slower_2")?,
                ],
            })
        })
        .collect()
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
