//! Looking up tasks by what they are about.
//!
//! A payload names a job, or up to a few hundred notifications. A table row for each name would cost every notification
//! a write, so a task stores only the lowest and the highest id that it names. An index on the range finds the few tasks
//! that can name an id; the payloads of those few decide.

use std::collections::BTreeSet;

use domain::{JobOrigin, ServiceId, TaskId};
use uuid::Uuid;

use crate::{
    Error, Session,
    db::{Row, args},
};

/// Lowest and highest of the ids that a task's payload names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubjectRange {
    /// Lowest id.
    pub first: Uuid,
    /// Highest id.
    pub last: Uuid,
}

impl SubjectRange {
    /// Returns the range of `ids`, or `None` if there are none.
    pub fn of(ids: impl IntoIterator<Item = impl Into<Uuid>>) -> Option<Self> {
        ids.into_iter().map(Into::into).fold(None, |range, id| {
            Some(range.map_or(
                Self {
                    first: id,
                    last: id,
                },
                |Self { first, last }| Self {
                    first: first.min(id),
                    last: last.max(id),
                },
            ))
        })
    }
}

/// Returns the tasks of a service whose payload names this id: a job or a notification.
pub async fn list_by_subject(
    session: &mut Session,
    service: ServiceId,
    id: Uuid,
) -> Result<Vec<TaskId>, Error> {
    let range = SubjectRange {
        first: id,
        last: id,
    };
    list_naming(session, service, range, &id.to_string()).await
}

/// Returns the tasks of a service whose payload names a row of this job.
pub async fn list_by_job_rows(
    session: &mut Session,
    origin: &JobOrigin,
) -> Result<Vec<TaskId>, Error> {
    let rows = origin.rows();
    let (first, last) = (rows.start().to_string(), rows.end().to_string());
    // The ids of all rows begin with the same digits, and no other id does.
    let digits = first.bytes().zip(last.bytes());
    let shared = digits.take_while(|(one, other)| one == other).count();
    let range = SubjectRange {
        first: rows.start().as_uuid(),
        last: rows.end().as_uuid(),
    };
    list_naming(session, origin.service, range, &first[..shared]).await
}

/// Returns the ids that are named by the tasks of a service whose range overlaps `range`; some may lie outside of it.
pub async fn list_named_between(
    session: &mut Session,
    service: ServiceId,
    range: SubjectRange,
) -> Result<BTreeSet<Uuid>, Error> {
    let mut named = BTreeSet::new();
    for row in list_overlapping(session, service, range).await? {
        let payload: String = row.get("payload")?;
        named.extend(ids_in(&payload));
    }
    Ok(named)
}

/// Returns all ids in a payload, whatever its kind.
fn ids_in(payload: &str) -> impl Iterator<Item = Uuid> {
    let words = payload.split(|c: char| !c.is_ascii_hexdigit() && c != '-');
    words.filter_map(|word| Uuid::parse_str(word).ok())
}

/// Returns the tasks whose range overlaps `range` and whose payload contains `text`.
async fn list_naming(
    session: &mut Session,
    service: ServiceId,
    range: SubjectRange,
    text: &str,
) -> Result<Vec<TaskId>, Error> {
    let mut tasks = Vec::new();
    for row in list_overlapping(session, service, range).await? {
        let payload: String = row.get("payload")?;
        if payload.contains(text) {
            tasks.push(row.get("id")?);
        }
    }
    Ok(tasks)
}

/// Returns the tasks that can name an id in `range`, in the order of their ids.
async fn list_overlapping(
    session: &mut Session,
    service: ServiceId,
    range: SubjectRange,
) -> Result<Vec<Row>, Error> {
    session
        .fetch_all(
            // Two queries, because with `OR` SQLite would use the index for the service alone. The second finds
            // tasks without a range: they name nothing, or were enqueued by an older version that still runs beside
            // this one.
            "SELECT id, payload FROM tasks WHERE service_id = $1 AND last_subject >= $2 AND first_subject <= $3 \
             UNION ALL SELECT id, payload FROM tasks WHERE service_id = $1 AND last_subject IS NULL ORDER BY id",
            args![service, range.first, range.last],
        )
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_spans_all_ids_in_whatever_order() {
        let ids = [5, 2, 9].map(Uuid::from_u128);
        let range = SubjectRange::of(ids).unwrap();
        assert_eq!((range.first, range.last), (ids[1], ids[2]));
        assert_eq!(SubjectRange::of([] as [Uuid; 0]), None);
    }

    #[test]
    fn the_ids_in_a_payload_are_found_wherever_they_stand() {
        let [first, second] = [5, 9].map(Uuid::from_u128);
        let payload = format!(r#"{{"ids":["{first}"],"job":"{second}","n":12,"name":"ab-cd"}}"#);
        assert_eq!(ids_in(&payload).collect::<Vec<_>>(), [first, second]);
    }
}
