//! Cached reads on the path of every message: services with their keys and senders, parsed templates, rates.
//!
//! An entry is at most a few seconds old. Writes of this process invalidate the entries that they change.

mod loading;
pub mod rates;
pub mod templates;
pub mod tenants;

use crate::database_gate::DatabaseGate;

/// The caches of a process.
#[derive(Debug)]
pub(crate) struct Caches {
    pub(crate) tenants: tenants::TenantCache,
    pub(crate) templates: templates::TemplateCache,
    pub(crate) rates: rates::RateCache,
}

impl Caches {
    pub(crate) fn new(gate: &DatabaseGate) -> Self {
        Self {
            tenants: tenants::TenantCache::new(gate),
            templates: templates::TemplateCache::new(gate),
            rates: rates::RateCache::new(gate),
        }
    }
}
