//! Locks the tasks that name a letter before the letter is cancelled (`docs/spec/letters.md` §12 Build).

use domain::{JobOrigin, NotificationId, ServiceId, TaskId};
use store::{Session, Tx};

use crate::App;

/// Attempts to lock tasks that change while they are looked up.
const MAX_ATTEMPTS: u32 = 10;

/// The letters whose tasks are locked.
pub(crate) enum Letters {
    /// One letter of a service.
    One(ServiceId, NotificationId),
    /// All letters of a job.
    OfJob(JobOrigin),
}

/// Returns a transaction in which no worker can claim the tasks of these letters, or `None` if a worker has claimed
/// one.
pub(crate) async fn lock_tasks(app: &App, letters: &Letters) -> Result<Option<Tx>, store::Error> {
    for _ in 0..MAX_ATTEMPTS {
        let named = letters.tasks(&mut app.read().await?).await?;
        // A worker that has claimed one of them may be sending the letter, which would be printed although it was cancelled. A
        // letter whose sending has no known end has its provider recorded, and the store does not cancel it.
        let mut tx = app.write().await?;
        let locked = store::tasks::lock(&mut tx, &named, app.clock.now()).await?;
        // A task that was completed in between may have left its letters to a new task.
        let all_exist = locked.len() == named.len();
        if all_exist && locked.iter().all(|(_, is_claimed)| !is_claimed) {
            return Ok(Some(tx));
        }
        tx.roll_back().await?;
        if all_exist {
            return Ok(None);
        }
    }
    Ok(None)
}

impl Letters {
    async fn tasks(&self, session: &mut Session) -> Result<Vec<TaskId>, store::Error> {
        match self {
            Self::One(service, id) => {
                store::tasks::list_by_subject(session, *service, id.as_uuid()).await
            }
            Self::OfJob(origin) => store::tasks::list_by_job_rows(session, origin).await,
        }
    }
}
