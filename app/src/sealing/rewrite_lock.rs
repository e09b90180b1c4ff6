//! Writing sealed files anew – without a recipient, with another key – is for one at a time, wherever it runs: each reads
//! the old file and puts its own in its place, so of two side by side the last would undo what the first did, and bring
//! back somebody who was erased.
//!
//! The right to it lies in the database and has to be renewed. A process that was killed loses it after a minute; one
//! that stood still for longer finds out before it puts a file in its place; and if it stood still exactly there, its draft
//! was taken away by whoever came after it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use domain::{TaskId, Timestamp};
use store::named_locks;
use tokio::task::AbortHandle;
use tracing::warn;
use uuid::Uuid;

use crate::{App, sealing::sealed_files::Sealer};

const NAME: &str = "writing files anew";
const LEASE: Duration = Duration::from_mins(1);
const BETWEEN_RENEWALS: Duration = Duration::from_secs(15);

/// Why files cannot be written anew now.
#[derive(Debug, thiserror::Error)]
pub enum RewriteLockError {
    /// Another is at it.
    #[error(
        "{what} is at work since {since}, and files can be written anew by one at a time: run this again once that has \
         ended – if it was killed, after {until}"
    )]
    Busy {
        /// What the other does.
        what: String,
        /// Since when.
        since: Timestamp,
        /// Until when, if nothing more is heard of it.
        until: Timestamp,
    },
    /// Nothing was heard of this one for so long that another may have begun.
    #[error(
        "this stood still for more than a minute, and another may write files anew by now: run it again"
    )]
    Lost,
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
}

/// The right to write files anew, until it is ended, or for a minute after it is dropped.
#[derive(Debug)]
pub struct RewriteLock {
    app: App,
    holder: Uuid,
    /// In microseconds; moved by the renewals.
    until: Arc<AtomicI64>,
    renewals: AbortHandle,
}

impl RewriteLock {
    /// Takes the right to do `what`, such as "an erasure".
    pub async fn acquire(app: &App, what: &str) -> Result<Self, RewriteLockError> {
        let (now, holder) = (
            app.clock.now(),
            TaskId::generate(app.clock.now(), app.random()).as_uuid(),
        );
        let until = now.plus(LEASE);
        let mut tx = app.write().await?;
        let is_ours = named_locks::acquire(&mut tx, NAME, holder, what, now, until).await?;
        tx.commit().await?;
        if !is_ours {
            let other = named_locks::find(&mut app.read().await?, NAME).await?;
            return Err(
                other.map_or(RewriteLockError::Lost, |other| RewriteLockError::Busy {
                    what: other.what,
                    since: other.since,
                    until: other.until,
                }),
            );
        }
        let until = Arc::new(AtomicI64::new(until.unix_micros()));
        let renewals = tokio::spawn(keep(app.clone(), holder, until.clone())).abort_handle();
        Ok(Self {
            app: app.clone(),
            holder,
            until,
            renewals,
        })
    }

    /// Keeps it for another minute.
    pub(crate) async fn renew(&self) -> Result<(), RewriteLockError> {
        if renew(&self.app, self.holder, &self.until).await? {
            Ok(())
        } else {
            Err(RewriteLockError::Lost)
        }
    }

    /// Whether it still holds.
    fn is_ours(&self) -> bool {
        self.app.clock.now().unix_micros() < self.until.load(Ordering::Relaxed)
    }

    /// Puts a file in the place of the one that was read; false if the right is lost, and the file is left as it is.
    pub(crate) async fn finish(&self, sealer: Sealer) -> Result<bool, files::Error> {
        if !self.is_ours() {
            sealer.abort().await;
            return Ok(false);
        }
        match sealer.finish().await {
            Ok(()) => Ok(true),
            Err(_) if !self.is_ours() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Lets the next begin.
    pub async fn end(self) -> Result<(), store::Error> {
        self.renewals.abort();
        let mut tx = self.app.write().await?;
        named_locks::release(&mut tx, NAME, self.holder).await?;
        tx.commit().await
    }
}

impl Drop for RewriteLock {
    fn drop(&mut self) {
        self.renewals.abort();
    }
}

async fn keep(app: App, holder: Uuid, until: Arc<AtomicI64>) {
    loop {
        tokio::time::sleep(BETWEEN_RENEWALS).await;
        match renew(&app, holder, &until).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => warn!(
                error = &error as &dyn std::error::Error,
                "the right to write files anew cannot be renewed, will try again"
            ),
        }
    }
}

async fn renew(app: &App, holder: Uuid, known: &AtomicI64) -> Result<bool, store::Error> {
    let until = app.clock.now().plus(LEASE);
    let mut tx = app.write().await?;
    let is_ours = named_locks::renew(&mut tx, NAME, holder, until).await?;
    tx.commit().await?;
    let until = if is_ours { until.unix_micros() } else { 0 };
    known.store(until, Ordering::Relaxed);
    Ok(is_ours)
}
