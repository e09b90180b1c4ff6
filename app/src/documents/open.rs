//! Serves the public pages behind a file's link: opening, confirming the e-mail address, downloading.
//!
//! An unknown file, an expired file and a wrong key all give the same empty result.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{DocumentId, Private, Timestamp};
use files::Key;
use recipients::email_addresses::{self, EmailAddress};
use store::{Keyring, KeyringError, documents::Document};

use super::{
    file_types,
    key::LinkKey,
    prepare::{FileProperties, properties_context},
};
use crate::{App, OpenError, Tenant, cache::tenants, sealing::sealed_files};

/// Lifetime of a download pass in seconds, counted from the confirmation of the address.
pub const PASS_SECONDS: u64 = 30 * 60;

/// A file that was opened with the right key.
#[derive(Debug)]
pub struct FileAccess {
    document: Document,
    /// The service that sent the file.
    pub tenant: Arc<Tenant>,
    /// The file name. Must not be shown before the address is confirmed.
    pub name: Private<String>,
    address_hash: Option<Vec<u8>>,
    key: LinkKey,
    keyring: Keyring,
}

impl FileAccess {
    /// Returns the size of the uploaded file in bytes.
    pub const fn size_bytes(&self) -> u64 {
        self.document.size_bytes
    }

    /// Returns the time at which the file is removed.
    pub const fn expires_at(&self) -> Timestamp {
        self.document.expires_at
    }

    /// Returns the media type to serve the file as; `application/octet-stream` for a type that is not supported.
    pub fn mime_type(&self) -> &'static str {
        // Never from the row alone: a type that is not in the table could run scripts on our domain.
        file_types::find_by_mime_type(&self.document.mime_type)
            .map_or("application/octet-stream", |file_type| file_type.mime_type)
    }

    /// Returns whether the caller may download the file: either no address needs confirming, or `pass` is valid.
    pub fn may_download(&self, app: &App, pass: Option<&str>) -> bool {
        self.address_hash.is_none() || pass.is_some_and(|pass| self.is_valid_pass(app, pass))
    }

    fn is_valid_pass(&self, app: &App, pass: &str) -> bool {
        let expires = URL_SAFE_NO_PAD
            .decode(pass)
            .ok()
            .and_then(|sealed| {
                app.store
                    .keyring()
                    .open(&pass_context(self.document.id), &sealed)
                    .ok()
            })
            .and_then(|expires| Some(i64::from_be_bytes(expires.try_into().ok()?)));
        expires.is_some_and(|expires| app.clock.now().unix_seconds() < expires)
    }
}

/// Finds a file by the id and the key in its link.
pub async fn open(app: &App, id: &str, key: &str) -> Result<Option<FileAccess>, Arc<store::Error>> {
    let (Ok(id), Some(key)) = (id.parse::<DocumentId>(), LinkKey::parse(key)) else {
        return Ok(None);
    };
    // Expired files are not found, although the schedule may remove them later.
    let found = store::documents::find(&mut app.read().await?, id, app.clock.now()).await?;
    let Some(document) = found else {
        return Ok(None);
    };
    let keyring = key.keyring(&app.random);
    let properties = match keyring.open(&properties_context(id), &document.sealed) {
        Ok(properties) => properties,
        // The key in the link is wrong. The same result as for an unknown file, so that links cannot probe which files exist.
        Err(KeyringError::Tampered) => return Ok(None),
        Err(other) => return Err(Arc::new(other.into())),
    };
    let properties: FileProperties =
        serde_json::from_slice(&properties).map_err(|error| store::Error::Corrupt {
            table: "documents",
            column: "sealed",
            what: error.to_string(),
        })?;
    let Some(tenant) = tenants::find(app, document.service_id).await? else {
        return Ok(None);
    };
    Ok(Some(FileAccess {
        document,
        tenant,
        name: properties.name.into(),
        address_hash: properties.address_hash,
        key,
        keyring,
    }))
}

/// The result of confirming an e-mail address.
#[derive(Debug)]
pub enum Confirmation {
    /// The address matches. The pass permits the download for [`PASS_SECONDS`].
    Pass(String),
    /// The address is not the one that the message was sent to.
    WrongAddress,
    /// Too many wrong addresses were given for this file recently.
    TooManyAttempts,
}

/// Compares `address` with the one that the message was sent to, and issues a download pass if they match.
pub fn confirm(app: &App, access: &FileAccess, address: &str) -> Confirmation {
    let (id, now) = (access.document.id, app.clock.now());
    // Count the attempt before comparing, so that concurrent guesses cannot exceed the limit.
    if !app.documents.attempts.try_acquire(id, now) {
        return Confirmation::TooManyAttempts;
    }
    let address = EmailAddress::parse(address).map_or_else(
        // An invalid address is compared too, so that it gives the same answer as any wrong one.
        |_| email_addresses::formatted_only(address),
        |address| address.normalised(),
    );
    let hash = access.address_hash.as_deref().unwrap_or_default();
    if !access.key.is_hash_of(hash, &address) {
        return Confirmation::WrongAddress;
    }
    // Only wrong addresses count towards the limit.
    app.documents.attempts.refund(id);
    let expires = now.plus(Duration::from_secs(PASS_SECONDS)).unix_seconds();
    let pass = app
        .store
        .keyring()
        .seal(&pass_context(id), &expires.to_be_bytes());
    Confirmation::Pass(URL_SAFE_NO_PAD.encode(pass))
}

/// Returns the context that a pass is sealed for.
fn pass_context(id: DocumentId) -> Vec<u8> {
    [b"document pass".as_slice(), id.as_uuid().as_bytes()].concat()
}

/// Reads the whole content of a file. Returns `None` if it is no longer in the file storage.
pub async fn read(app: &App, access: &FileAccess) -> Result<Option<Vec<u8>>, OpenError> {
    let (service, id) = (access.document.service_id, access.document.id);
    let key = Key::document(service.as_uuid(), id.as_uuid());
    let found = sealed_files::find(&app.files, &access.keyring, &key, id.as_uuid()).await?;
    Ok(found.map(Into::into))
}
