//! Idempotency keys. A service puts an `Idempotency-Key` on a request to send; a repetition with the same key and the
//! same body within a day gets the first response, and nothing is sent again.
//!
//! The key is stored in the transaction that stores the notification or job, and the primary key of its table detects
//! duplicates: of two requests with one key, in one commit or in two processes, one is stored and the other gets its
//! response. A crash between commit and response therefore loses nothing. Only success is stored: a rejected request may
//! be corrected and sent again.
//!
//! A key belongs to its service and to one type of API key, because a request with a test key must never stand for a
//! message that is to be delivered. It does not belong to one API key: keys may be changed between a request and its
//! repetition.
//!
//! The response is sealed. Keys and requests are hashed with a key of ours, the oldest in the key file; therefore an
//! old key stays there a day longer than the last value that it sealed.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use domain::{Private, ServiceId, Timestamp};
use queue::TaskOutcome;
use store::{
    Keyring,
    idempotency_keys::{self, Hash, NewKey},
};
use tracing::{error, info};

use crate::{App, Caller, tasks};

/// How long a key is stored.
pub(super) const KEY_LIFETIME: Duration = Duration::from_hours(24);
/// How many expired keys are deleted in one transaction.
const DELETE_BATCH: u32 = 1000;

/// An idempotency key: 1 to 255 printable ASCII characters.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a>(&'a [u8]);

impl<'a> Key<'a> {
    /// Parses a key; `None` if it is not valid.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let fits =
            (1..=255).contains(&text.len()) && text.iter().all(|byte| matches!(byte, b' '..=b'~'));
        fits.then_some(Self(text))
    }
}

/// The result of looking up a request with a key.
#[derive(Debug)]
pub enum Lookup {
    /// The key is new. Concurrent requests with it are rejected while this exists.
    New(PendingRequest),
    /// The stored response of the first request with this key.
    Answered(Private<Vec<u8>>),
}

/// Why a request with a key is neither accepted nor replayed.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// A request with the same key is in progress.
    #[error("a request with this key is being worked on")]
    InFlight,
    /// The key was used for another request.
    #[error("this key was used for another request")]
    OtherRequest,
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
}

/// A request with a new key, in progress.
#[derive(Debug)]
pub struct PendingRequest {
    service: ServiceId,
    key: Hash,
    request: Hash,
    _turn: InFlightGuard,
}

impl PendingRequest {
    /// Returns the row that stores the key and the response. The response is sealed here, before a transaction
    /// begins.
    pub(crate) fn answered(&self, vault: &Keyring, answer: &[u8]) -> NewKey {
        NewKey {
            service_id: self.service,
            key_hash: self.key,
            request_hash: self.request,
            sealed: vault.seal(&owner(self.service, &self.key), answer),
        }
    }

    /// Returns the stored response of a concurrent request that was committed first.
    pub async fn first_response(&self, app: &App) -> Result<Private<Vec<u8>>, LookupError> {
        let kept = find(app, self.service, &self.key, &self.request).await?;
        // Claimed a moment ago and not there: its message was refused in the end. Asking again is right.
        kept.ok_or(LookupError::InFlight)
    }
}

/// A request with a key, with the function that serialises the response to store.
pub struct IdempotentRequest<'a, A> {
    /// The request.
    pub asked: &'a PendingRequest,
    /// Serialises the response.
    pub write: &'a (dyn Fn(&A) -> Vec<u8> + Sync),
}

impl<A> IdempotentRequest<'_, A> {
    pub(crate) fn answered(&self, vault: &Keyring, accepted: &A) -> NewKey {
        self.asked.answered(vault, &(self.write)(accepted))
    }
}

impl<A> std::fmt::Debug for IdempotentRequest<'_, A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdempotentRequest")
            .field("asked", self.asked)
            .finish_non_exhaustive()
    }
}

/// Looks up a request. `request` is everything that must be the same in a repetition: method, path and body.
pub async fn look_up(
    app: &App,
    caller: &Caller,
    key: Key<'_>,
    request: &[&[u8]],
) -> Result<Lookup, LookupError> {
    let (vault, service) = (app.store.keyring(), caller.tenant.service.id);
    let whose = service.as_uuid();
    let key_type = caller.key_type.as_str().as_bytes();
    let asked = PendingRequest {
        service,
        key: vault.fingerprint("idempotency key", &[whose.as_bytes(), key_type, key.0]),
        request: vault.fingerprint("request", request),
        _turn: InFlightGuard::default(),
    };
    let turn = app
        .accept
        // Before the database is read: in this process the second of two concurrent requests is answered at once.
        // Between processes the primary key decides.
        .in_flight_requests
        .begin(asked.key)
        .ok_or(LookupError::InFlight)?;
    let kept = find(app, service, &asked.key, &asked.request).await?;
    Ok(match kept {
        Some(answer) => Lookup::Answered(answer),
        None => Lookup::New(PendingRequest {
            _turn: turn,
            ..asked
        }),
    })
}

async fn find(
    app: &App,
    service: ServiceId,
    key: &Hash,
    request: &Hash,
) -> Result<Option<Private<Vec<u8>>>, LookupError> {
    let since = oldest_valid(app.clock.now());
    let find =
        async { idempotency_keys::find(&mut app.store.read().await?, service, key, since).await };
    let kept = match app.accept.find_appended_key(service, key) {
        Some(kept) => Some(kept),
        None => match app.database_gate.run(find).await {
            Ok(kept) => kept,
            // The saver decides then: of two messages with this key it saves the first.
            Err(failure) if failure.is_transient() && app.database_gate.is_in_use() => None,
            Err(failure) => return Err(failure.into()),
        },
    };
    let Some(kept) = kept else { return Ok(None) };
    if kept.request_hash != request {
        return Err(LookupError::OtherRequest);
    }
    let answer = app.store.keyring().open(&owner(service, key), &kept.sealed);
    Ok(Some(Private::new(answer.map_err(store::Error::from)?)))
}

/// Returns the context to which a stored response is sealed.
pub(crate) fn owner(service: ServiceId, key: &[u8]) -> Vec<u8> {
    [service.as_uuid().as_bytes().as_slice(), key].concat()
}

/// Returns the time at or before which a key must have been used to be expired.
pub(crate) fn oldest_valid(now: Timestamp) -> Timestamp {
    now.minus(KEY_LIFETIME)
}

/// Stores a key without a notification. Returns whether it was free.
pub(crate) async fn store_without_notification(
    app: &App,
    key: &NewKey,
) -> Result<bool, store::Error> {
    let store = async {
        let mut tx = app.write().await?;
        let is_ours = claim(&mut tx, key, app.clock.now()).await?;
        tx.commit().await?;
        Ok(is_ours)
    };
    match app.database_gate.run(store).await {
        // A repetition gets another response; no message is sent either time.
        Err(failure) if failure.is_transient() && app.database_gate.is_in_use() => Ok(true),
        stored => stored,
    }
}

/// Stores a key in the transaction of its notification or job. Returns whether it was free.
pub(crate) async fn claim(
    tx: &mut store::Tx,
    key: &NewKey,
    now: Timestamp,
) -> Result<bool, store::Error> {
    let claimed = idempotency_keys::claim(tx, &[key], now, oldest_valid(now)).await?;
    Ok(claimed == [true])
}

/// The keys of requests that this process works on.
#[derive(Debug, Clone, Default)]
pub(crate) struct InFlightRequests(Arc<Mutex<HashSet<Hash>>>);

impl InFlightRequests {
    /// Marks a key as in progress, unless it is already.
    fn begin(&self, key: Hash) -> Option<InFlightGuard> {
        let is_free = self.0.lock().expect("no one panics holding it").insert(key);
        is_free.then(|| InFlightGuard(Some((self.clone(), key))))
    }
}

/// Ends the progress of a key when it is dropped, whether the request succeeded or not.
#[derive(Debug, Default)]
struct InFlightGuard(Option<(InFlightRequests, Hash)>);

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        if let Some((in_flight, key)) = self.0.take() {
            let mut keys = in_flight.0.lock().expect("no one panics holding it");
            keys.remove(&key);
        }
    }
}

/// Deletes expired keys in small transactions, so that no request waits long for the table.
pub(crate) async fn delete_expired(app: &App) -> TaskOutcome {
    match try_delete(app).await {
        Ok(count) => {
            info!("removed {count} idempotency keys that were more than a day old");
            TaskOutcome::Completed
        }
        Err(fault) => {
            error!(
                error = &fault as &dyn std::error::Error,
                "cannot remove old idempotency keys, will try again"
            );
            tasks::retry_periodic(tasks::REMOVE_IDEMPOTENCY_KEYS)
        }
    }
}

async fn try_delete(app: &App) -> Result<u64, store::Error> {
    let (until, mut count) = (oldest_valid(app.clock.now()), 0);
    loop {
        // A transaction for each batch: requests wait only for one of them.
        let mut tx = app.write().await?;
        let removed = idempotency_keys::delete_expired(&mut tx, until, DELETE_BATCH).await?;
        tx.commit().await?;
        count += removed;
        if removed < u64::from(DELETE_BATCH) {
            return Ok(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_short_and_printable() {
        let longest = "k".repeat(255);
        for good in ["k", "a b~!", longest.as_str()] {
            assert!(Key::parse(good.as_bytes()).is_some(), "{good}");
        }
        let too_long = "k".repeat(256);
        for bad in ["", "a\tb", "é", "\u{7f}", too_long.as_str()] {
            assert!(Key::parse(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_turn_ends_when_it_is_dropped() {
        let in_flight = InFlightRequests::default();
        let turn = in_flight.begin([1; 32]).unwrap();
        assert!(in_flight.begin([1; 32]).is_none());
        assert!(in_flight.begin([2; 32]).is_some());
        drop(turn);
        assert!(in_flight.begin([1; 32]).is_some());
    }
}
