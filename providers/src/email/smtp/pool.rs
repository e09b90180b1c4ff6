//! A pool of sessions that are kept open between messages.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lettre::transport::smtp::response::Response;
use tokio::{sync::Semaphore, time::Instant};

use super::{
    classify::{self, Failure},
    session::{RelayEndpoint, Session, Step},
};
use crate::{SendError, email::mime::EncodedEmail};

/// Shorter than the idle timeout of most relays, which is a minute or more.
const MAX_IDLE: Duration = Duration::from_secs(45);

pub(super) struct Pool {
    endpoint: RelayEndpoint,
    size: usize,
    permits: Semaphore,
    idle: Mutex<Vec<IdleSession>>,
}

struct IdleSession {
    session: Session,
    since: Instant,
}

impl Pool {
    pub(super) fn new(endpoint: RelayEndpoint, size: usize) -> Self {
        Self {
            endpoint,
            size,
            permits: Semaphore::new(size.min(Semaphore::MAX_PERMITS)),
            idle: Mutex::default(),
        }
    }

    pub(super) const fn size(&self) -> usize {
        self.size
    }

    /// Sends a message over an idle session, or a new one if there is none or the relay has closed it meanwhile.
    pub(super) async fn send(&self, message: &EncodedEmail) -> Result<Response, SendError> {
        self.try_send(message)
            .await
            .map_err(|failure| classify::send_error(&failure))
    }

    async fn try_send(&self, message: &EncodedEmail) -> Result<Response, Failure> {
        let _permit = self
            .permits
            .acquire()
            .await
            .expect("the semaphore is never closed");
        if let Some(session) = self.pop_idle() {
            match self.send_over(session, message).await {
                Err(failure) if failure.suggests_stale_session() => {
                    // The relay most likely closed the other idle sessions at the same time.
                    self.idle().clear();
                }
                outcome => return outcome,
            }
        }
        let session = self.endpoint.connect().await?;
        self.send_over(session, message).await
    }

    async fn send_over(
        &self,
        mut session: Session,
        message: &EncodedEmail,
    ) -> Result<Response, Failure> {
        let outcome = session.send(message).await;
        let usable = match &outcome {
            Ok(_) => true,
            // A relay that refuses this message may accept the next one.
            Err(failure) => failure.leaves_session_usable() && session.reset().await.is_ok(),
        };
        if usable {
            self.return_idle(session);
        }
        outcome
    }

    fn pop_idle(&self) -> Option<Session> {
        let mut idle = self.idle();
        idle.retain(|idle| idle.since.elapsed() < MAX_IDLE);
        // The most recently used one is the least likely to be stale.
        idle.pop().map(|idle| idle.session)
    }

    fn return_idle(&self, session: Session) {
        self.idle().push(IdleSession {
            session,
            since: Instant::now(),
        });
    }

    fn idle(&self) -> MutexGuard<'_, Vec<IdleSession>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Failure {
    /// Returns whether the session was closed by the relay before the first command of the message: it can safely be
    /// repeated.
    fn suggests_stale_session(&self) -> bool {
        self.step == Step::Sender && !self.timed_out() && matches!(self.code(), None | Some(421))
    }

    /// Returns whether the relay replied with an error other than 421, which announces that it closes the connection.
    fn leaves_session_usable(&self) -> bool {
        self.code().is_some_and(|code| code != 421)
    }
}
