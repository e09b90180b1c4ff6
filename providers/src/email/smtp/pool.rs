//! A few connections, kept open between messages.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lettre::transport::smtp::response::Response;
use tokio::{sync::Semaphore, time::Instant};

use super::{
    dialogue::{Connection, Relay, Step},
    verdict,
};
use crate::{SendError, email::mime::Mime};

/// Most relays hang up after a minute or more of silence.
const IDLE: Duration = Duration::from_secs(45);

pub(super) struct Pool {
    relay: Relay,
    size: usize,
    seats: Semaphore,
    parked: Mutex<Vec<Parked>>,
}

struct Parked {
    connection: Connection,
    since: Instant,
}

impl Pool {
    pub(super) fn new(relay: Relay, size: usize) -> Self {
        Self {
            relay,
            size,
            seats: Semaphore::new(size.min(Semaphore::MAX_PERMITS)),
            parked: Mutex::default(),
        }
    }

    pub(super) const fn size(&self) -> usize {
        self.size
    }

    /// Sends over a parked connection, or a new one if there is none or the relay has hung up on it meanwhile.
    pub(super) async fn send(&self, message: &Mime) -> Result<Response, SendError> {
        let _seat = self
            .seats
            .acquire()
            .await
            .expect("the seats are never closed");
        if let Some(connection) = self.take() {
            match self.try_send(connection, message).await {
                Err(failure) if failure.may_be_a_stale_connection() => {
                    // Its neighbours were most likely left by the relay at the same time.
                    self.parked().clear();
                }
                outcome => return outcome.map_err(|failure| verdict::of(&failure)),
            }
        }
        let connection = self
            .relay
            .connect()
            .await
            .map_err(|failure| verdict::of(&failure))?;
        self.try_send(connection, message)
            .await
            .map_err(|failure| verdict::of(&failure))
    }

    async fn try_send(
        &self,
        mut connection: Connection,
        message: &Mime,
    ) -> Result<Response, verdict::Failure> {
        let outcome = connection.send(message).await;
        let usable = match &outcome {
            Ok(_) => true,
            // A relay that said no to this message may say yes to the next one.
            Err(failure) => {
                failure.leaves_the_connection_open() && connection.reset().await.is_ok()
            }
        };
        if usable {
            self.park(connection);
        }
        outcome
    }

    fn take(&self) -> Option<Connection> {
        let mut parked = self.parked();
        parked.retain(|parked| parked.since.elapsed() < IDLE);
        // The one used last is the least likely to be stale.
        parked.pop().map(|parked| parked.connection)
    }

    fn park(&self, connection: Connection) {
        self.parked().push(Parked {
            connection,
            since: Instant::now(),
        });
    }

    fn parked(&self) -> MutexGuard<'_, Vec<Parked>> {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl verdict::Failure {
    /// A connection that broke, or was ended by the relay, at the first command of a message: nothing has been said.
    fn may_be_a_stale_connection(&self) -> bool {
        self.step == Step::Sender && !self.timed_out() && matches!(self.code(), None | Some(421))
    }

    /// Whether the relay answered in good order, and did not announce that it hangs up.
    fn leaves_the_connection_open(&self) -> bool {
        self.code().is_some_and(|code| code != 421)
    }
}
