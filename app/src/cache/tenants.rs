//! What a request needs to know of its service, looked up once and kept for two seconds – the longest a revoked key
//! may work (`docs/spec/workers.md` §6). Writes of this process drop what they change at once.

use std::{sync::Arc, time::Duration};

use domain::{ApiKeyId, KeyType, Permission, ReplyToId, ServiceId, SmsSenderId};
use moka::future::Cache;
use recipients::guest_lists::GuestList;
use store::{
    api_keys::ApiKey,
    senders::{ReplyTo, SmsSender},
    services::Service,
};

use super::loading::find_or_load;
use crate::App;

const CACHE_TTL: Duration = Duration::from_secs(2);
/// Keys revoked longer ago than this do not exist (`docs/spec/public-api.md` §3.3).
const REVOKED_KEY_GRACE: Duration = Duration::from_hours(7 * 24);

/// A service with all that belongs to it and is needed for every message.
#[derive(Debug)]
pub struct Tenant {
    /// The service itself.
    pub service: Service,
    /// Its keys that count (`docs/spec/public-api.md` §3.3).
    pub keys: Vec<ApiKey>,
    /// Its text message senders.
    pub sms_senders: Vec<SmsSender>,
    /// Its reply-to addresses.
    pub reply_tos: Vec<ReplyTo>,
    /// Whom it may always reach: its team and its guests.
    pub reachable: GuestList,
}

impl Tenant {
    /// Whether it may do this.
    pub fn may(&self, permission: Permission) -> bool {
        self.service.permissions.contains(&permission)
    }

    /// The text message sender with this id.
    pub fn sms_sender(&self, id: SmsSenderId) -> Option<&SmsSender> {
        self.sms_senders.iter().find(|sender| sender.id == id)
    }

    /// The sender of texts for which none is named.
    pub(crate) fn default_sms_sender(&self) -> Option<&SmsSender> {
        self.sms_senders.iter().find(|sender| sender.is_default)
    }

    /// The reply-to address with this id.
    pub fn reply_to(&self, id: ReplyToId) -> Option<&ReplyTo> {
        self.reply_tos.iter().find(|reply_to| reply_to.id == id)
    }

    /// The reply-to address of e-mails for which none is named.
    pub(crate) fn default_reply_to(&self) -> Option<&ReplyTo> {
        self.reply_tos.iter().find(|reply_to| reply_to.is_default)
    }

    /// What goes before its texts.
    pub(crate) fn sms_prefix(&self) -> Option<&str> {
        self.service
            .prefix_sms
            .then_some(self.service.name.as_str())
    }

    /// Whether messages of this kind may only go to the team and the guest list.
    pub(crate) fn is_restricted(&self, key_type: KeyType) -> bool {
        match key_type {
            KeyType::Test => false,
            KeyType::Team => true,
            KeyType::Normal => self.service.restricted,
        }
    }
}

/// Who asks: a service, with one of its keys.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The service.
    pub tenant: Arc<Tenant>,
    /// The key.
    pub key_id: ApiKeyId,
    /// What the key may do.
    pub key_type: KeyType,
}

/// The services that were asked for lately.
#[derive(Debug)]
pub(crate) struct TenantCache(Cache<ServiceId, Option<Arc<Tenant>>>);

impl TenantCache {
    pub(crate) fn new() -> Self {
        Self(
            Cache::builder()
                .max_capacity(10_000)
                .time_to_live(CACHE_TTL)
                .build(),
        )
    }

    pub(crate) async fn forget(&self, service: ServiceId) {
        self.0.invalidate(&service).await;
    }
}

/// The service with this id, at most two seconds old.
pub async fn find(app: &App, id: ServiceId) -> Result<Option<Arc<Tenant>>, Arc<store::Error>> {
    find_or_load(&app.caches.tenants.0, id, || load(app, id)).await
}

async fn load(app: &App, id: ServiceId) -> Result<Option<Arc<Tenant>>, store::Error> {
    let mut session = app.store.read().await?;
    let Some(service) = store::services::find(&mut session, id).await? else {
        return Ok(None);
    };
    let keys_since = app.clock.now().minus(REVOKED_KEY_GRACE);
    Ok(Some(Arc::new(Tenant {
        service,
        keys: store::api_keys::list(&mut session, app.store.keyring(), id, keys_since).await?,
        sms_senders: store::senders::list_sms_senders(&mut session, id).await?,
        reply_tos: store::senders::list_reply_tos(&mut session, id).await?,
        reachable: GuestList::new(
            store::services::list_allowed_recipients(&mut session, id).await?,
        ),
    })))
}

impl App {
    /// The service with this id, at most two seconds old.
    pub async fn tenant(&self, id: ServiceId) -> Result<Option<Arc<Tenant>>, Arc<store::Error>> {
        find(self, id).await
    }
}
