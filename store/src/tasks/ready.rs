//! Finding the services that have a task ready.
//!
//! On PostgreSQL every task that was claimed or completed leaves entries in the index until a vacuum removes them, and none
//! can while any transaction of the database is older than they are. A scan from the beginning of a service's tasks then
//! reads all of them, again and again. The queries that take a [`KnownService`] begin after them.

use domain::{Lane, ServiceId, Timestamp};
use uuid::Uuid;

use crate::{Error, Session, db::args};

/// A service and a time before which it has no ready task, except for what was enqueued late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownService {
    /// The service.
    pub id: ServiceId,
    /// Tasks that became ready earlier are not looked for.
    pub from: Timestamp,
}

impl KnownService {
    /// Returns a service all of whose tasks are looked for.
    pub const fn from_the_beginning(id: ServiceId) -> Self {
        Self {
            id,
            from: Timestamp::from_unix_micros(0),
        }
    }
}

/// Returns the lanes of a pool that have a task, ready or not. Most lanes of most pools have none.
pub async fn list_lanes(session: &mut Session, pool: &str) -> Result<Vec<Lane>, Error> {
    let lanes: Vec<String> = Lane::ALL
        .iter()
        .map(|lane| {
            format!(
                "SELECT '{lane}' AS lane WHERE EXISTS (SELECT 1 FROM tasks WHERE pool = $1 AND lane = '{lane}')"
            )
        })
        .collect();
    let sql = lanes.join(" UNION ALL ");
    let rows = session.fetch_all(sql, args![pool]).await?;
    rows.iter().map(|row| row.parse("tasks", "lane")).collect()
}

/// Returns up to `count` services that have a task ready in this pool and lane, in the order of their ids from
/// `from` on and then from the lowest. Each step of the walk is one index look-up, however many tasks a service has.
pub async fn list_ready_services(
    session: &mut Session,
    pool: &str,
    lane: Lane,
    from: ServiceId,
    now: Timestamp,
    count: u32,
) -> Result<Vec<ServiceId>, Error> {
    session
        .fetch_all(
            // A loose index scan: `SELECT DISTINCT` would read every task of every service. The limit is no parameter, because
            // SQLite plans a statement anew whenever one is bound to a `LIMIT`.
            format!("WITH RECURSIVE turn (service_id) AS ( \
               SELECT * FROM (SELECT service_id FROM tasks WHERE pool = $1 AND lane = $2 AND service_id >= $3 \
                              ORDER BY service_id LIMIT 1) AS first \
               UNION ALL \
               SELECT (SELECT t.service_id FROM tasks t WHERE t.pool = $1 AND t.lane = $2 \
                       AND t.service_id > turn.service_id ORDER BY t.service_id LIMIT 1) \
               FROM turn WHERE turn.service_id IS NOT NULL), \
             rest (service_id) AS ( \
               SELECT * FROM (SELECT service_id FROM tasks WHERE pool = $1 AND lane = $2 AND service_id < $3 \
                              ORDER BY service_id LIMIT 1) AS first \
               UNION ALL \
               SELECT (SELECT t.service_id FROM tasks t WHERE t.pool = $1 AND t.lane = $2 \
                       AND t.service_id > rest.service_id AND t.service_id < $3 ORDER BY t.service_id LIMIT 1) \
               FROM rest WHERE rest.service_id IS NOT NULL) \
             SELECT turn.service_id AS service_id FROM turn WHERE turn.service_id IS NOT NULL AND EXISTS \
               (SELECT 1 FROM tasks t WHERE t.pool = $1 AND t.lane = $2 AND t.service_id = turn.service_id \
                AND t.ready_at <= $4) \
             UNION ALL \
             SELECT rest.service_id AS service_id FROM rest WHERE rest.service_id IS NOT NULL AND EXISTS \
               (SELECT 1 FROM tasks t WHERE t.pool = $1 AND t.lane = $2 AND t.service_id = rest.service_id \
                AND t.ready_at <= $4) LIMIT {count}"),
            args![pool, lane, from, now],
        )
        .await?
        .iter()
        .map(|row| row.get("service_id"))
        .collect()
}

/// Returns those of `known` that have a task ready, with the time since when the longest waiting one has been ready.
pub async fn list_oldest_ready(
    session: &mut Session,
    pool: &str,
    lane: Lane,
    known: &[KnownService],
    now: Timestamp,
) -> Result<Vec<(ServiceId, Timestamp)>, Error> {
    let Some(values) = rows_of_two(4, known.len()) else {
        return Ok(Vec::new());
    };
    let mut args = args![pool, lane, now];
    for service in repeated(known, values.rows) {
        args.extend(args![service.id, service.from]);
    }
    let sql = format!(
        "SELECT known.column1 AS service_id, \
           (SELECT t.ready_at FROM tasks t WHERE t.pool = $1 AND t.lane = $2 AND t.service_id = known.column1 \
            AND t.ready_at >= known.column2 AND t.ready_at <= $3 ORDER BY t.ready_at LIMIT 1) AS oldest \
         FROM (VALUES {}) AS known",
        values.sql
    );
    let mut found = Vec::new();
    for row in session.fetch_all(sql, args).await?.iter().take(known.len()) {
        if let Some(oldest) = row.get("oldest")? {
            found.push((row.get("service_id")?, oldest));
        }
    }
    Ok(found)
}

/// Returns services that have a task, ready or not, and are not among `known`, which is sorted: at most one between any two
/// of these. Reads no index entry of a known service.
pub async fn list_unknown_services(
    session: &mut Session,
    pool: &str,
    lane: Lane,
    known: &[ServiceId],
) -> Result<Vec<ServiceId>, Error> {
    // The platform's own tasks have the lowest id, and no service has the highest.
    let lowest = std::iter::once(Uuid::nil());
    let ends = lowest.chain(known.iter().map(|service| service.as_uuid()));
    let mut ends: Vec<Uuid> = ends.chain([Uuid::max()]).collect();
    ends.dedup();
    let gaps: Vec<(Uuid, Uuid)> = ends.windows(2).map(|ends| (ends[0], ends[1])).collect();
    let Some(values) = rows_of_two(3, gaps.len()) else {
        return Ok(Vec::new());
    };
    let mut args = args![pool, lane];
    for (after, before) in repeated(&gaps, values.rows) {
        args.extend(args![*after, *before]);
    }
    let sql = format!(
        "SELECT (SELECT t.service_id FROM tasks t WHERE t.pool = $1 AND t.lane = $2 AND t.service_id > gap.column1 \
                 AND t.service_id < gap.column2 ORDER BY t.service_id LIMIT 1) AS service_id \
         FROM (VALUES {}) AS gap",
        values.sql
    );
    let rows = session.fetch_all(sql, args).await?;
    let mut found = Vec::new();
    for row in rows.iter().take(gaps.len()) {
        found.extend(row.get::<Option<ServiceId>>("service_id")?);
    }
    Ok(found)
}

/// A list of rows of two parameters each.
struct RowsOfTwo {
    rows: usize,
    sql: String,
}

/// Returns `($first, $first+1), …` with at least `count` rows; `None` for none.
fn rows_of_two(first: usize, count: usize) -> Option<RowsOfTwo> {
    if count == 0 {
        return None;
    }
    // Few different texts, because the database plans each text anew.
    let rows = count.next_power_of_two().max(4);
    let row = |index| {
        let parameter = first + index * 2;
        format!("(${parameter}, ${})", parameter + 1)
    };
    Some(RowsOfTwo {
        rows,
        sql: (0..rows).map(row).collect::<Vec<_>>().join(", "),
    })
}

/// Repeats the last item until there are `count`.
fn repeated<T>(items: &[T], count: usize) -> impl Iterator<Item = &T> {
    let last = items.last().into_iter().cycle();
    items.iter().chain(last).take(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_padded_to_few_different_numbers() {
        assert!(rows_of_two(1, 0).is_none());
        let values = rows_of_two(4, 3).unwrap();
        assert_eq!(values.sql, "($4, $5), ($6, $7), ($8, $9), ($10, $11)");
        assert_eq!(rows_of_two(1, 9).unwrap().rows, 16);
        let padded: Vec<_> = repeated(&[1, 2], 4).collect();
        assert_eq!(padded, [&1, &2, &2, &2]);
    }
}
