//! What every request needs to know about its service, cached for two seconds.

use std::{sync::Arc, time::Duration};

use domain::{ApiKeyId, KeyType, Permission, ReplyToId, ServiceId, SmsSenderId};
use recipients::guest_lists::GuestList;
use store::{
    api_keys::ApiKey,
    senders::{ReplyTo, SmsSender},
    services::Service,
};

use super::loading::LoadingCache;
use crate::{App, database_gate::DatabaseGate};

const MAX_ENTRIES: u64 = 10_000;
// The longest that a revoked key may work (`docs/spec/workers.md` §6).
const CACHE_TTL: Duration = Duration::from_secs(2);
/// A key that was revoked longer ago counts as unknown (`docs/spec/public-api.md` §3.3).
const REVOKED_KEY_GRACE: Duration = Duration::from_hours(7 * 24);

/// A service with everything that each message needs.
#[derive(Debug)]
pub struct Tenant {
    /// The service.
    pub service: Service,
    /// The keys, without those revoked long ago (`docs/spec/public-api.md` §3.3).
    pub keys: Vec<ApiKey>,
    /// The text message senders.
    pub sms_senders: Vec<SmsSender>,
    /// The reply-to addresses.
    pub reply_tos: Vec<ReplyTo>,
    /// The recipients that are always allowed: the team and the guest list.
    pub allowed_recipients: GuestList,
}

impl Tenant {
    /// Returns whether the service has a permission.
    pub fn has_permission(&self, permission: Permission) -> bool {
        self.service.permissions.contains(&permission)
    }

    /// Finds a text message sender by id.
    pub fn sms_sender(&self, id: SmsSenderId) -> Option<&SmsSender> {
        self.sms_senders.iter().find(|sender| sender.id == id)
    }

    /// Returns the text message sender for requests that name none.
    pub(crate) fn default_sms_sender(&self) -> Option<&SmsSender> {
        self.sms_senders.iter().find(|sender| sender.is_default)
    }

    /// Finds a reply-to address by id.
    pub fn reply_to(&self, id: ReplyToId) -> Option<&ReplyTo> {
        self.reply_tos.iter().find(|reply_to| reply_to.id == id)
    }

    /// Returns the reply-to address for requests that name none.
    pub(crate) fn default_reply_to(&self) -> Option<&ReplyTo> {
        self.reply_tos.iter().find(|reply_to| reply_to.is_default)
    }

    /// Returns the prefix of the service's text messages, if it has one.
    pub(crate) fn sms_prefix(&self) -> Option<&str> {
        self.service
            .prefix_sms
            .then_some(self.service.name.as_str())
    }

    /// Returns whether a key of this type can send only to the team and the guest list.
    pub(crate) fn is_restricted(&self, key_type: KeyType) -> bool {
        match key_type {
            // A test key sends nothing, so any recipient is harmless.
            KeyType::Test => false,
            KeyType::Team => true,
            KeyType::Normal => self.service.restricted,
        }
    }
}

/// An authenticated caller: a service and the key that it used.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The service.
    pub tenant: Arc<Tenant>,
    /// The id of the key.
    pub key_id: ApiKeyId,
    /// The type of the key.
    pub key_type: KeyType,
}

/// Cache of services, including the ids that do not exist.
#[derive(Debug)]
pub(crate) struct TenantCache(LoadingCache<ServiceId, Option<Arc<Tenant>>>);

impl TenantCache {
    pub(crate) fn new(gate: &DatabaseGate) -> Self {
        Self(LoadingCache::new(MAX_ENTRIES, CACHE_TTL, gate))
    }

    pub(crate) fn invalidate(&self, service: ServiceId) {
        self.0.invalidate(&service);
    }
}

/// Finds a service, at most two seconds old.
pub async fn find(app: &App, id: ServiceId) -> Result<Option<Arc<Tenant>>, Arc<store::Error>> {
    let cache = &app.caches.tenants.0;
    cache
        .get_or_load(id, app.clock.now(), || load(app, id))
        .await
}

async fn load(app: &App, id: ServiceId) -> Result<Option<Arc<Tenant>>, store::Error> {
    let mut session = app.store.read().await?;
    let Some(service) = store::services::find(&mut session, id).await? else {
        // Cached too, so that invented ids cost one read in two seconds.
        return Ok(None);
    };
    let keys_since = app.clock.now().minus(REVOKED_KEY_GRACE);
    Ok(Some(Arc::new(Tenant {
        service,
        keys: store::api_keys::list(&mut session, app.store.keyring(), id, keys_since).await?,
        sms_senders: store::senders::list_sms_senders(&mut session, id).await?,
        reply_tos: store::senders::list_reply_tos(&mut session, id).await?,
        allowed_recipients: GuestList::new(
            store::services::list_allowed_recipients(&mut session, id).await?,
        ),
    })))
}

impl App {
    /// Finds a service, at most two seconds old.
    pub async fn tenant(&self, id: ServiceId) -> Result<Option<Arc<Tenant>>, Arc<store::Error>> {
        find(self, id).await
    }
}
