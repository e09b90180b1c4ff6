//! Jobs whose retention has ended, so that their files can be deleted.

use domain::{Channel, JobId, ServiceId, Timestamp};

use super::{COLUMNS, Job, parse_job};
use crate::{Error, Session, Tx, db::args};

/// Which jobs' files a retention applies to.
#[derive(Debug, Clone, Copy)]
pub enum RetentionScope {
    /// Those of a service with a retention of its own for this channel.
    Of(ServiceId, Channel),
    /// All others.
    Others,
}

/// Returns up to `count` jobs that were due before `before` and whose file still exists, oldest first.
pub async fn list_with_old_files(
    session: &mut Session,
    scope: RetentionScope,
    before: Timestamp,
    count: u32,
) -> Result<Vec<Job>, Error> {
    session.allow_long_statements();
    let mut args = args![before, count];
    let in_scope = match scope {
        RetentionScope::Of(service, channel) => {
            args.extend(args![service, channel]);
            "service_id = $3 AND (SELECT t.template_type FROM templates t WHERE t.id = jobs.template_id) = $4"
        }
        RetentionScope::Others => {
            // Services with a retention of their own are handled one by one.
            "NOT EXISTS (SELECT 1 FROM templates t JOIN data_retention r \
             ON r.service_id = t.service_id AND r.notification_type = t.template_type WHERE t.id = jobs.template_id)"
        }
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM jobs WHERE NOT archived AND due < $1 AND {in_scope} ORDER BY due LIMIT $2"
    );
    let found = session.fetch_all(sql, args).await?;
    found.iter().map(parse_job).collect()
}

/// Records that the file of a job has been deleted.
pub async fn archive(tx: &mut Tx, service: ServiceId, id: JobId) -> Result<(), Error> {
    tx.execute(
        "UPDATE jobs SET archived = $3 WHERE service_id = $1 AND id = $2",
        args![service, id, true],
    )
    .await?;
    Ok(())
}
