//! Re-encrypts everything with the newest key after a rotation (`docs/decisions/sealed-contents.md`).

mod files;

use domain::NotificationId;
use store::{
    Keyring,
    idempotency_keys::{self, StoredResponse},
};
use uuid::Uuid;

pub use files::FilesReencrypted;

use crate::{App, RewriteLock, RewriteLockError, accept::idempotency};

const PAGE_SIZE: u32 = 500;

/// What was re-encrypted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReencryptionReport {
    /// Notifications.
    pub notifications: u64,
    /// API keys.
    pub api_keys: u64,
    /// Inbound SMS.
    pub received_texts: u64,
    /// Unsubscribe requests.
    pub unsubscribe_requests: u64,
    /// Complaints about e-mails.
    pub complaints: u64,
    /// Entries of suppression lists.
    pub suppressions: u64,
    /// Callbacks of services.
    pub callbacks: u64,
    /// Stored responses of idempotency keys.
    pub answers: u64,
    /// Files: spreadsheets, contact lists, letter pages, template files.
    pub files: FilesReencrypted,
}

/// Acquires the lock, so that neither another re-encryption nor an erasure runs at the same time.
pub async fn begin(app: &App) -> Result<RewriteLock, RewriteLockError> {
    RewriteLock::acquire(app, "a change of keys").await
}

/// Re-encrypts with the newest key what is sealed with an older one. May be stopped, repeated, and run beside a
/// running platform: each value is replaced only if it is still the one that was read.
pub async fn reencrypt(app: &App) -> Result<ReencryptionReport, RewriteLockError> {
    let lock = begin(app).await?;
    let done = reencrypt_all(app, &lock).await;
    lock.release().await?;
    done
}

/// Re-encrypts as [`reencrypt`] does, for a caller that holds the lock already.
pub async fn reencrypt_all(
    app: &App,
    lock: &RewriteLock,
) -> Result<ReencryptionReport, RewriteLockError> {
    let mut tx = app.write().await?;
    store::keyring_canary::reencrypt(&mut tx, app.store.keyring()).await?;
    store::suppressions::reencrypt_hash_key(&mut tx, app.store.keyring()).await?;
    store::provider_credentials::reencrypt(&mut tx, app.store.keyring()).await?;
    tx.commit().await?;
    let notifications = reencrypt_notifications(app).await?;
    let (api_keys, callbacks) = reencrypt_services(app).await?;
    Ok(ReencryptionReport {
        notifications,
        api_keys,
        callbacks,
        received_texts: reencrypt_inbound_sms(app).await?,
        unsubscribe_requests: reencrypt_unsubscribe_requests(app).await?,
        complaints: reencrypt_complaints(app).await?,
        suppressions: reencrypt_suppressions(app).await?,
        answers: reencrypt_idempotent_responses(app).await?,
        files: files::reencrypt(app, lock).await?,
    })
}

async fn reencrypt_notifications(app: &App) -> Result<u64, store::Error> {
    let (keyring, mut after, mut done) = (app.store.keyring(), None::<NotificationId>, 0);
    loop {
        let page =
            store::notifications::list_sealed(&mut app.read().await?, after, PAGE_SIZE).await?;
        let Some((last, _)) = page.last() else {
            return Ok(done);
        };
        after = Some(*last);
        let mut tx = app.write().await?;
        for (id, before) in page {
            if is_old(keyring, &before) {
                // Replaced only if it is still what was read: the platform goes on beside this.
                let owner = id.as_uuid();
                let plain = keyring.open(owner.as_bytes(), &before)?;
                let sealed = keyring.seal(owner.as_bytes(), &plain);
                done += u64::from(
                    store::notifications::replace_sealed(&mut tx, id, before, sealed).await?,
                );
            }
        }
        tx.commit().await?;
    }
}

/// Re-encrypts the secrets of every service: its API keys and callbacks.
async fn reencrypt_services(app: &App) -> Result<(u64, u64), store::Error> {
    let (mut keys, mut callbacks) = (0, 0);
    for service in store::services::list_ids(&mut app.read().await?).await? {
        let mut tx = app.write().await?;
        keys += store::api_keys::reencrypt(&mut tx, app.store.keyring(), service).await?;
        callbacks += store::callbacks::reencrypt(&mut tx, app.store.keyring(), service).await?;
        tx.commit().await?;
    }
    Ok((keys, callbacks))
}

async fn reencrypt_idempotent_responses(app: &App) -> Result<u64, store::Error> {
    let (keyring, mut after, mut done) = (app.store.keyring(), None::<StoredResponse>, 0);
    loop {
        let mut session = app.read().await?;
        let page =
            idempotency_keys::list_responses(&mut session, None, after.as_ref(), PAGE_SIZE).await?;
        drop(session);
        let Some(last) = page.last() else {
            return Ok(done);
        };
        after = Some(last.clone());
        let mut tx = app.write().await?;
        for before in page.iter().filter(|one| is_old(keyring, &one.sealed)) {
            let owner = idempotency::owner(before.service_id, &before.key_hash);
            let sealed = keyring.seal(&owner, &keyring.open(&owner, &before.sealed)?);
            let replaced = idempotency_keys::replace_response(&mut tx, before, sealed).await?;
            done += u64::from(replaced);
        }
        tx.commit().await?;
    }
}

async fn reencrypt_inbound_sms(app: &App) -> Result<u64, store::Error> {
    let (mut after, mut done) = (Uuid::nil(), 0);
    loop {
        let mut tx = app.write().await?;
        let keyring = app.store.keyring();
        let (count, last) =
            store::inbound_sms::reencrypt(&mut tx, keyring, after, PAGE_SIZE).await?;
        tx.commit().await?;
        done += count;
        let Some(last) = last else { return Ok(done) };
        after = last;
    }
}

async fn reencrypt_unsubscribe_requests(app: &App) -> Result<u64, store::Error> {
    let (mut after, mut done) = (Uuid::nil(), 0);
    loop {
        let mut tx = app.write().await?;
        let keyring = app.store.keyring();
        let (count, last) =
            store::unsubscribe_requests::reencrypt(&mut tx, keyring, after, PAGE_SIZE).await?;
        tx.commit().await?;
        done += count;
        let Some(last) = last else { return Ok(done) };
        after = last;
    }
}

async fn reencrypt_suppressions(app: &App) -> Result<u64, store::Error> {
    let (mut after, mut done) = (Uuid::nil(), 0);
    loop {
        let mut tx = app.write().await?;
        let keyring = app.store.keyring();
        let (count, last) =
            store::suppressions::reencrypt(&mut tx, keyring, after, PAGE_SIZE).await?;
        tx.commit().await?;
        done += count;
        let Some(last) = last else { return Ok(done) };
        after = last;
    }
}

async fn reencrypt_complaints(app: &App) -> Result<u64, store::Error> {
    let (mut after, mut done) = (Uuid::nil(), 0);
    loop {
        let mut tx = app.write().await?;
        let keyring = app.store.keyring();
        let (count, last) =
            store::complaints::reencrypt(&mut tx, keyring, after, PAGE_SIZE).await?;
        tx.commit().await?;
        done += count;
        let Some(last) = last else { return Ok(done) };
        after = last;
    }
}

fn is_old(keyring: &Keyring, sealed: &[u8]) -> bool {
    Keyring::key_id_of(sealed).is_some_and(|key| key != keyring.primary_key_id())
}
