//! Making one task of several that wait.

use domain::{TaskId, Timestamp};

use super::{LeasedTask, SubjectRange};
use crate::{
    Error, Tx,
    db::{ColumnType, args},
};

/// Task that waits, with its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingTask {
    /// Id of the task.
    pub id: TaskId,
    /// Arguments as JSON.
    pub payload: String,
}

/// Returns tasks that wait for the same worker pool, in the same lane and turn, and for their first attempt, as this claimed one
/// did: at most `limit`, longest waiting first, of those that became ready between `from` and `now`. Until the transaction
/// ends nobody else claims them.
pub async fn list_like(
    tx: &mut Tx,
    task: &LeasedTask,
    from: Timestamp,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<WaitingTask>, Error> {
    let sql = format!(
        // The limit is no parameter: SQLite plans a statement anew whenever one is bound to a `LIMIT`.
        "SELECT id, payload FROM tasks WHERE pool = $1 AND lane = $2 AND service_id = $3 AND ready_at >= $4 \
         AND ready_at <= $5 AND kind = $6 AND lease IS NULL AND attempt = 0 AND deaths = 0 \
         ORDER BY ready_at LIMIT {limit} {}",
        tx.kind().skip_locked()
    );
    let args = args![
        &*task.pool,
        task.lane,
        task.service_id,
        from,
        now,
        &*task.kind
    ];
    let rows = tx.fetch_all(sql, args).await?;
    let waiting = rows.iter().map(|row| {
        Ok(WaitingTask {
            id: row.get("id")?,
            payload: row.get("payload")?,
        })
    });
    waiting.collect()
}

/// Gives a claimed task the work of others, which are deleted. They are locked by the same transaction.
pub async fn merge(
    tx: &mut Tx,
    into: &LeasedTask,
    payload: &str,
    subjects: Option<SubjectRange>,
    merged: &[TaskId],
) -> Result<(), Error> {
    let mut args = Vec::new();
    let ids = merged.iter().map(|id| [(*id).into()]);
    let ids = tx.kind().rows([ColumnType::Id], ids, &mut args);
    tx.execute(format!("DELETE FROM tasks WHERE id IN ({ids})"), args)
        .await?;
    tx.execute(
        "UPDATE tasks SET payload = $3, first_subject = $4, last_subject = $5 WHERE id = $1 AND lease = $2",
        args![
            into.id,
            into.lease,
            payload,
            subjects.map(|subjects| subjects.first),
            subjects.map(|subjects| subjects.last)
        ],
    )
    .await?;
    Ok(())
}
