//! A database that tests can take away.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use crate::Error;

const NONE: u8 = 0;
const REFUSES: u8 = 1;
const HANGS: u8 = 2;

/// Switches off the database of a [`Store`](crate::Store) and its clones, for tests. Connections in use are not affected.
#[derive(Debug, Clone, Default)]
pub struct Outage(Arc<AtomicU8>);

impl Outage {
    /// Makes every use fail at once.
    pub fn refuse(&self) {
        self.0.store(REFUSES, Ordering::SeqCst);
    }

    /// Leaves every use without an answer.
    pub fn hang(&self) {
        self.0.store(HANGS, Ordering::SeqCst);
    }

    /// Lets the database answer again.
    pub fn end(&self) {
        self.0.store(NONE, Ordering::SeqCst);
    }

    pub(crate) async fn pass(&self) -> Result<(), Error> {
        match self.0.load(Ordering::SeqCst) {
            NONE => Ok(()),
            REFUSES => Err(Error::no_answer()),
            _ => std::future::pending().await,
        }
    }
}
