//! How many calls to one service are open at the same time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use domain::ServiceId;
use tokio::sync::Semaphore;

/// Calls to one service that this process has open at most.
pub(super) const MAX_OPEN_CALLS: usize = 20;

/// The slots of every service that is being called.
#[derive(Debug, Default)]
pub(super) struct ServiceSlots(Mutex<HashMap<ServiceId, Arc<Semaphore>>>);

impl ServiceSlots {
    /// Returns the slots of a service, which all its tasks share.
    pub(super) fn of(&self, service: ServiceId) -> Arc<Semaphore> {
        let mut slots = self.0.lock().expect("no one panics holding it");
        let slots = slots.entry(service);
        slots
            .or_insert_with(|| Arc::new(Semaphore::new(MAX_OPEN_CALLS)))
            .clone()
    }

    /// Forgets the slots of services that no task calls any more.
    pub(super) fn release(&self, service: ServiceId, used: Arc<Semaphore>) {
        drop(used);
        let mut slots = self.0.lock().expect("no one panics holding it");
        if slots
            .get(&service)
            .is_some_and(|one| Arc::strong_count(one) == 1)
        {
            slots.remove(&service);
        }
    }
}
