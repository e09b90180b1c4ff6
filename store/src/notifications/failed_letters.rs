//! Supplied letters that failed before their check was over, and may be scanned again (`docs/spec/letters.md` §5.2).

use domain::{KeyType, NotificationId, ServiceId, TemplateId, Timestamp};

use crate::{
    Error, Session, Tx,
    db::{Arg, args, parameters},
};

/// What only a letter that has not passed its check is: no print run waits for it or has claimed it, and no print provider
/// has it.
const IS_UNCHECKED: &str = "status = 'technical-failure' AND to_print_at IS NULL AND print_deadline IS NULL \
                            AND sent_by IS NULL AND sent_at IS NULL";

/// Letter that failed before its check was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailedLetter {
    /// Id of the letter.
    pub id: NotificationId,
    /// Type of the key that it was sent with.
    pub key_type: KeyType,
    /// When it was accepted.
    pub created_at: Timestamp,
}

/// Returns up to `count` letters of a template for supplied letters that failed before their check was over, of those
/// accepted between two times, oldest first. The first time may be that of a letter found before, together with its id; then
/// the list continues after it.
pub async fn list_failed_letters(
    session: &mut Session,
    (service, template): (ServiceId, TemplateId),
    ((after, last), before): ((Timestamp, NotificationId), Timestamp),
    count: u32,
) -> Result<Vec<FailedLetter>, Error> {
    session.allow_long_statements();
    session
        .fetch_all(
            format!(
                "SELECT id, key_type, created_at FROM notifications WHERE service_id = $1 AND created_at >= $3 \
                 AND (created_at, id) > ($3, $4) AND created_at < $5 AND template_id = $2 AND {IS_UNCHECKED} \
                 ORDER BY created_at, id LIMIT $6"
            ),
            args![service, template, after, last, before, count],
        )
        .await?
        .iter()
        .map(|row| {
            Ok(FailedLetter {
                id: row.get("id")?,
                key_type: row.parse("notifications", "key_type")?,
                created_at: row.get("created_at")?,
            })
        })
        .collect()
}

/// Lets such letters wait for their scan again, and returns which ones do; no other is changed. It is the only way out of
/// `technical-failure` besides a despatch.
pub async fn restart_check(
    tx: &mut Tx,
    (service, template): (ServiceId, TemplateId),
    letters: &[NotificationId],
    at: Timestamp,
) -> Result<Vec<NotificationId>, Error> {
    if letters.is_empty() {
        return Ok(Vec::new());
    }
    let mut args = args![service, template, at];
    let list = parameters(args.len() + 1, letters.len());
    args.extend(letters.iter().copied().map(Arg::from));
    let pruned = tx.kind().within("id", letters.iter().copied(), &mut args);
    let sql = format!(
        "UPDATE notifications SET status = 'pending-virus-check', problem = NULL, updated_at = $3 \
         WHERE service_id = $1 AND template_id = $2 AND id IN ({list}){pruned} AND {IS_UNCHECKED} RETURNING id"
    );
    let rows = tx.fetch_all(sql, args).await?;
    rows.iter().map(|row| row.get("id")).collect()
}
