//! How many calls to one service are open at the same time.
//!
//! A service that answers gets up to [`MAX_OPEN_CALLS`]. Each call that times out takes one of them away, until one is left,
//! and each that is answered gives one back: an endpoint that hangs soon holds one connection.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use domain::ServiceId;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Calls to one service that this process has open at most.
pub(super) const MAX_OPEN_CALLS: usize = 20;

/// The slots of every service that is being called, or whose endpoint hangs.
#[derive(Debug, Default)]
pub(super) struct ServiceSlots(Mutex<HashMap<ServiceId, Arc<Slots>>>);

/// The slots of one service.
#[derive(Debug)]
pub(super) struct Slots {
    free: Semaphore,
    /// How many there are now: free ones and taken ones.
    total: Mutex<usize>,
}

impl ServiceSlots {
    /// Returns the slots of a service, which all its tasks share.
    pub(super) fn of(&self, service: ServiceId) -> Arc<Slots> {
        let mut services = self.lock();
        let slots = services.entry(service).or_insert_with(|| {
            Arc::new(Slots {
                free: Semaphore::new(MAX_OPEN_CALLS),
                total: Mutex::new(MAX_OPEN_CALLS),
            })
        });
        Arc::clone(slots)
    }

    /// Returns whether the endpoint of a service has hung lately.
    pub(super) fn is_hanging(&self, service: ServiceId) -> bool {
        let services = self.lock();
        services
            .get(&service)
            .is_some_and(|slots| *slots.total() < MAX_OPEN_CALLS / 2)
    }

    /// Forgets the slots of a service if no task uses them and there is nothing to remember.
    pub(super) fn release(&self, service: ServiceId, used: Arc<Slots>) {
        drop(used);
        let mut services = self.lock();
        let is_forgettable = services
            .get(&service)
            .is_some_and(|slots| Arc::strong_count(slots) == 1 && *slots.total() == MAX_OPEN_CALLS);
        if is_forgettable {
            services.remove(&service);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ServiceId, Arc<Slots>>> {
        self.0.lock().expect("no one panics holding it")
    }
}

impl Slots {
    /// Waits for a free slot.
    pub(super) async fn acquire(&self) -> SemaphorePermit<'_> {
        let acquired = self.free.acquire().await;
        acquired.expect("the semaphore is never closed")
    }

    /// Returns the slot of a call that timed out: unless it is the last one, it is gone.
    pub(super) fn timed_out(&self, slot: SemaphorePermit<'_>) {
        let mut total = self.total();
        if *total > 1 {
            *total -= 1;
            slot.forget();
        }
    }

    /// Adds a slot, because a call was answered in time.
    pub(super) fn answered(&self) {
        let mut total = self.total();
        if *total < MAX_OPEN_CALLS {
            *total += 1;
            self.free.add_permits(1);
        }
    }

    fn total(&self) -> MutexGuard<'_, usize> {
        self.total.lock().expect("no one panics holding it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_endpoint_that_hangs_keeps_one_slot_and_gets_the_others_back() {
        let all = ServiceSlots::default();
        let service = uuid::Uuid::nil().into();
        let slots = all.of(service);
        for _ in 0..MAX_OPEN_CALLS * 2 {
            let slot = slots.acquire().await;
            slots.timed_out(slot);
        }
        assert_eq!(slots.free.available_permits(), 1);
        assert!(all.is_hanging(service));
        all.release(service, Arc::clone(&slots));
        assert!(all.is_hanging(service), "it is remembered");
        for _ in 0..MAX_OPEN_CALLS * 2 {
            slots.answered();
        }
        assert_eq!(slots.free.available_permits(), MAX_OPEN_CALLS);
        assert!(!all.is_hanging(service));
        all.release(service, slots);
        assert!(all.lock().is_empty());
    }
}
