//! Whether the database answers, for what can do without it for a while.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use domain::{Clock, Timestamp};

/// After this time without an answer the database is asked again, by one caller.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Limits how long callers wait for the database, and does not ask it while it is known not to answer. Without an intake
/// log nothing can do without the database, and the gate lets everything through. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct DatabaseGate(Option<Arc<Inner>>);

struct Inner {
    clock: Arc<dyn Clock>,
    patience: Duration,
    max_stale: Duration,
    /// When it was last found not to answer.
    away: Mutex<Option<Timestamp>>,
}

impl fmt::Debug for DatabaseGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DatabaseGate")
            .field(&self.0.is_some())
            .finish()
    }
}

impl DatabaseGate {
    /// Returns a gate that waits `patience` for an answer. What is cached may be `max_stale` old while there is none.
    pub(crate) fn new(clock: Arc<dyn Clock>, patience: Duration, max_stale: Duration) -> Self {
        Self(Some(Arc::new(Inner {
            clock,
            patience,
            max_stale,
            away: Mutex::new(None),
        })))
    }

    /// Returns whether anything can do without the database.
    pub(crate) const fn is_in_use(&self) -> bool {
        self.0.is_some()
    }

    /// Returns how old a cached value may be while the database does not answer.
    pub(crate) fn max_stale(&self) -> Duration {
        self.0
            .as_ref()
            .map_or(Duration::ZERO, |inner| inner.max_stale)
    }

    /// Waits for what the database is asked, or fails with a transient error: at once if it did not answer a moment ago,
    /// else when the patience ends. Work that is given up may have been committed.
    pub(crate) async fn run<T>(
        &self,
        work: impl Future<Output = Result<T, store::Error>>,
    ) -> Result<T, store::Error> {
        let Some(inner) = &self.0 else {
            return work.await;
        };
        if !inner.may_ask() {
            return Err(store::Error::no_answer());
        }
        let answered = tokio::time::timeout(inner.patience, work).await;
        let result = answered.unwrap_or_else(|_| Err(store::Error::no_answer()));
        inner.note(result.as_ref().is_err_and(store::Error::is_transient));
        result
    }
}

impl Inner {
    fn may_ask(&self) -> bool {
        let now = self.clock.now();
        let mut away = self.away.lock().expect("no one panics holding it");
        match *away {
            None => true,
            Some(since) if now < since.plus(RETRY_INTERVAL) => false,
            Some(_) => {
                // The others do not ask until this one knows more.
                *away = Some(now);
                true
            }
        }
    }

    fn note(&self, is_away: bool) {
        let mut away = self.away.lock().expect("no one panics holding it");
        match (is_away, away.is_some()) {
            (true, was_away) => {
                *away = Some(self.clock.now());
                if !was_away {
                    tracing::warn!(
                        "the database does not answer in time: messages go to the intake log"
                    );
                }
            }
            (false, true) => {
                *away = None;
                tracing::info!("the database answers again");
            }
            (false, false) => {}
        }
    }
}
