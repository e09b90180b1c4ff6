//! Turns for work of many services in few places: what one service asks for waits behind itself and not before all others.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use domain::ServiceId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// The queue in front of some work.
#[derive(Debug)]
pub struct ServiceTurns {
    admitted: Arc<Semaphore>,
    /// Of each service that has work here.
    services: Mutex<HashMap<ServiceId, Weak<OfService>>>,
}

/// The work of one service, running or waiting. Each piece of work holds a reference.
#[derive(Debug)]
struct OfService {
    /// The permit of the one that runs.
    turn: Semaphore,
}

/// A place in the queue, until it is dropped.
#[derive(Debug)]
pub struct PlaceInQueue {
    of_service: Arc<OfService>,
    _admitted: OwnedSemaphorePermit,
}

impl ServiceTurns {
    /// Returns a queue for this many pieces of work, those that run included.
    pub fn new(places: usize) -> Self {
        Self {
            admitted: Arc::new(Semaphore::new(places)),
            services: Mutex::default(),
        }
    }

    /// Returns how many places are free.
    pub fn free_places(&self) -> usize {
        self.admitted.available_permits()
    }

    /// Returns a place for work of a service, if there is one for it: it may have as many as there are left for others.
    pub fn admit(&self, service: ServiceId) -> Option<PlaceInQueue> {
        let mut services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock, so that no service passes its share by asking twice at once.
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().ok()?;
        if let Some(of_service) = services.get(&service).and_then(Weak::upgrade) {
            // This reference is one of them, as the new work will be.
            let with_this = Arc::strong_count(&of_service);
            // However much one service sends, the next one finds room.
            let is_in_share = with_this <= self.admitted.available_permits() + 1;
            return is_in_share.then_some(PlaceInQueue {
                of_service,
                _admitted: admitted,
            });
        }
        // As many as have work now, and those that had some since the last new one.
        services.retain(|_, of_service| of_service.strong_count() > 0);
        let of_service = Arc::new(OfService {
            turn: Semaphore::new(1),
        });
        services.insert(service, Arc::downgrade(&of_service));
        Some(PlaceInQueue {
            of_service,
            _admitted: admitted,
        })
    }
}

impl PlaceInQueue {
    /// Waits for the turn among the work of the same service. Of each service one has it, so that those that have it can
    /// wait for the work itself in the order in which they come.
    ///
    /// # Panics
    ///
    /// Never: the semaphore stays open.
    pub async fn turn(&self) -> SemaphorePermit<'_> {
        let turn = self.of_service.turn.acquire().await;
        turn.expect("the semaphore is never closed")
    }
}
