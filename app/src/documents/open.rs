//! Serves the public pages behind a file's link: opening, confirming the e-mail address, downloading.
//!
//! An unknown file, an expired file and a wrong key all give the same empty result, so that a link cannot be used to
//! probe which files exist.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{DocumentId, Private, Timestamp};
use files::Key;
use recipients::email_addresses::{self, EmailAddress};
use store::{Keyring, KeyringError, documents::Document};

use super::{
    file_types,
    key::LinkKey,
    prepare::{FileProperties, file_properties},
};
use crate::{App, OpenError, Tenant, cache::tenants, sealing::sealed_files};

/// Lifetime of a download pass in seconds, counted from the confirmation of the address.
pub const PASS_SECONDS: u64 = 30 * 60;

/// A file that was file with the right key.
#[derive(Debug)]
pub struct FileAccess {
    document: Document,
    /// The service that sent the file.
    pub tenant: Arc<Tenant>,
    /// The file name. Must not be shown before the address is confirmed.
    pub name: Private<String>,
    mark: Option<Vec<u8>>,
    key: LinkKey,
    vault: Keyring,
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

    /// Returns the media type to serve the file as. It comes from the table of supported types, never from the row
    /// alone: a type that is not in the table becomes `application/octet-stream`.
    pub fn mime_type(&self) -> &'static str {
        file_types::served_as(&self.document.mime_type)
            .map_or("application/octet-stream", |kind| kind.mime_type)
    }

    /// Returns whether the caller may download the file: either no address needs confirming, or `pass` is valid.
    pub fn may_download(&self, app: &App, pass: Option<&str>) -> bool {
        self.mark.is_none() || pass.is_some_and(|pass| self.is_good(app, pass))
    }

    fn is_good(&self, app: &App, pass: &str) -> bool {
        let until = URL_SAFE_NO_PAD
            .decode(pass)
            .ok()
            .and_then(|sealed| {
                app.store
                    .keyring()
                    .open(&pass_of(self.document.id), &sealed)
                    .ok()
            })
            .and_then(|until| Some(i64::from_be_bytes(until.try_into().ok()?)));
        until.is_some_and(|until| app.clock.now().unix_seconds() < until)
    }
}

/// Finds a file by the id and the key in its link.
pub async fn open(app: &App, id: &str, key: &str) -> Result<Option<FileAccess>, Arc<store::Error>> {
    let (Ok(id), Some(key)) = (id.parse::<DocumentId>(), LinkKey::parse(key)) else {
        return Ok(None);
    };
    let found = store::documents::find(&mut app.read().await?, id, app.clock.now()).await?;
    let Some(document) = found else {
        return Ok(None);
    };
    let vault = key.vault(&app.random);
    let facts = match vault.open(&file_properties(id), &document.sealed) {
        Ok(facts) => facts,
        // The key in the link is wrong.
        Err(KeyringError::Tampered) => return Ok(None),
        Err(other) => return Err(Arc::new(other.into())),
    };
    let facts: FileProperties =
        serde_json::from_slice(&facts).map_err(|error| store::Error::Corrupt {
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
        name: facts.name.into(),
        mark: facts.mark,
        key,
        vault,
    }))
}

/// The result of confirming an e-mail address.
#[derive(Debug)]
pub enum Confirmed {
    /// The address matches. The pass permits the download for [`PASS_SECONDS`].
    Pass(String),
    /// The address is not the one that the message was sent to.
    Wrong,
    /// Too many wrong addresses were given for this file recently.
    TooOften,
}

/// Compares `address` with the one that the message was sent to, and issues a download pass if they match.
pub fn confirm(app: &App, opened: &FileAccess, address: &str) -> Confirmed {
    let (id, now) = (opened.document.id, app.clock.now());
    // Count the attempt before comparing, so that concurrent guesses cannot exceed the limit.
    if !app.documents.attempts.try_acquire(id, now) {
        return Confirmed::TooOften;
    }
    let address = EmailAddress::parse(address).map_or_else(
        // Compare an invalid address as well: it gives the same answer as any wrong address.
        |_| email_addresses::formatted_only(address),
        |address| address.normalised(),
    );
    let mark = opened.mark.as_deref().unwrap_or_default();
    if !opened.key.recognises(mark, &address) {
        return Confirmed::Wrong;
    }
    // Only wrong addresses count towards the limit.
    app.documents.attempts.refund(id);
    let until = now.plus(Duration::from_secs(PASS_SECONDS)).unix_seconds();
    let pass = app.store.keyring().seal(&pass_of(id), &until.to_be_bytes());
    Confirmed::Pass(URL_SAFE_NO_PAD.encode(pass))
}

/// Returns the context that a pass is sealed for. It is sealed with the server's keyring and not with the link key:
/// anyone who has the link has that key, and could issue a pass.
fn pass_of(id: DocumentId) -> Vec<u8> {
    [b"document pass".as_slice(), id.as_uuid().as_bytes()].concat()
}

/// Reads the whole content of a file. Returns `None` if it is no longer in the file storage.
pub async fn read(app: &App, opened: &FileAccess) -> Result<Option<Vec<u8>>, OpenError> {
    let (service, id) = (opened.document.service_id, opened.document.id);
    let key = Key::document(service.as_uuid(), id.as_uuid());
    let found = sealed_files::find(&app.files, &opened.vault, &key, id.as_uuid()).await?;
    Ok(found.map(Into::into))
}
