//! Locks the tasks that name a letter before the letter is cancelled (`docs/spec/letters.md` §12 Build).
//!
//! A worker that has claimed such a task may be sending the letter, which would then be printed although it was
//! cancelled. A letter whose sending has no known end, because its print provider did not answer or its worker died, has
//! its provider recorded, and the store does not cancel it.

use domain::{JobOrigin, NotificationId, ServiceId, TaskId};
use store::{Session, Tx};

use crate::App;

/// How often tasks are looked up anew because they changed meanwhile.
const LOOKS: u32 = 10;

/// Whose tasks are held.
pub(crate) enum Letters {
    /// Of one letter of a service.
    One(ServiceId, NotificationId),
    /// Of all letters of a job.
    OfJob(JobOrigin),
}

/// A transaction during which nobody takes these letters to hand them over; nothing if a worker has one of them.
pub(crate) async fn hold(app: &App, letters: &Letters) -> Result<Option<Tx>, store::Error> {
    for _ in 0..LOOKS {
        let named = letters.tasks(&mut app.read().await?).await?;
        let mut tx = app.write().await?;
        let held = store::tasks::lock(&mut tx, &named, app.clock.now()).await?;
        // One that came to its end may have left its letters to another.
        let are_all_there = held.len() == named.len();
        if are_all_there && held.iter().all(|(_, is_taken)| !is_taken) {
            return Ok(Some(tx));
        }
        tx.roll_back().await?;
        if are_all_there {
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
