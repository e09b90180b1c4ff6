//! The lock for rewriting sealed files, during an erasure or a re-encryption. Each rewrite reads a file and replaces
//! it, so of two at once the later would undo the earlier and could bring back an erased recipient.

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
// A killed process loses the lock after this time.
const LEASE: Duration = Duration::from_mins(1);
const RENEWAL_INTERVAL: Duration = Duration::from_secs(15);

/// Why files cannot be rewritten now.
#[derive(Debug, thiserror::Error)]
pub enum RewriteLockError {
    /// Another rewrite is running.
    #[error(
        "{what} has been running since {since}, and only one process can rewrite files: run this again when it has ended, \
         or after {until} if it was killed"
    )]
    Busy {
        /// What the holder does.
        what: String,
        /// When it began.
        since: Timestamp,
        /// When its lock expires unless it is renewed.
        until: Timestamp,
    },
    /// This process was suspended for so long that another may have acquired the lock.
    #[error(
        "this process was suspended for more than a minute and has lost the lock for rewriting files: run it again"
    )]
    Lost,
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
}

/// The lock. It is held until it is released, and for at most a minute after it is dropped.
#[derive(Debug)]
pub struct RewriteLock {
    app: App,
    holder: Uuid,
    /// Expiry time in microseconds; renewals change it, and 0 means that the lock is lost.
    until: Arc<AtomicI64>,
    renewals: AbortHandle,
}

impl RewriteLock {
    /// Acquires the lock to do `what`, such as "an erasure".
    pub async fn acquire(app: &App, what: &str) -> Result<Self, RewriteLockError> {
        let (now, holder) = (
            app.clock.now(),
            TaskId::generate(app.clock.now(), app.random()).as_uuid(),
        );
        let until = now.plus(LEASE);
        let mut tx = app.write().await?;
        let is_acquired = named_locks::acquire(&mut tx, NAME, holder, what, now, until).await?;
        tx.commit().await?;
        if !is_acquired {
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
        let renewals =
            tokio::spawn(renew_periodically(app.clone(), holder, until.clone())).abort_handle();
        Ok(Self {
            app: app.clone(),
            holder,
            until,
            renewals,
        })
    }

    /// Renews the lock for another minute.
    pub(crate) async fn renew(&self) -> Result<(), RewriteLockError> {
        if renew(&self.app, self.holder, &self.until).await? {
            Ok(())
        } else {
            Err(RewriteLockError::Lost)
        }
    }

    /// Returns whether the lock is still held.
    fn is_held(&self) -> bool {
        self.app.clock.now().unix_micros() < self.until.load(Ordering::Relaxed)
    }

    /// Replaces the file that was read. Returns false, and leaves the file, if the lock is lost.
    pub(crate) async fn finish(&self, sealer: Sealer) -> Result<bool, files::Error> {
        // The process may have been suspended for longer than the lease, and another may be rewriting this file.
        if !self.is_held() {
            sealer.abort().await;
            return Ok(false);
        }
        match sealer.finish().await {
            Ok(()) => Ok(true),
            // It was suspended just after the check, and the next holder has deleted its partial upload.
            Err(_) if !self.is_held() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Releases the lock.
    pub async fn release(self) -> Result<(), store::Error> {
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

async fn renew_periodically(app: App, holder: Uuid, until: Arc<AtomicI64>) {
    loop {
        tokio::time::sleep(RENEWAL_INTERVAL).await;
        match renew(&app, holder, &until).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => warn!(
                error = &error as &dyn std::error::Error,
                "cannot renew the lock for rewriting files, will try again"
            ),
        }
    }
}

async fn renew(app: &App, holder: Uuid, known: &AtomicI64) -> Result<bool, store::Error> {
    let until = app.clock.now().plus(LEASE);
    let mut tx = app.write().await?;
    let is_renewed = named_locks::renew(&mut tx, NAME, holder, until).await?;
    tx.commit().await?;
    let until = if is_renewed { until.unix_micros() } else { 0 };
    known.store(until, Ordering::Relaxed);
    Ok(is_renewed)
}
