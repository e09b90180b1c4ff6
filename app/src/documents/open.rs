//! Whoever comes with a link: what they are shown, how they confirm their address, what they download.
//!
//! An unknown file, an expired one and a wrong key are one and the same here: there is nothing.

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

/// For how long a confirmed address opens its file.
pub const PASS_SECONDS: u64 = 30 * 60;

/// A file whose link was right.
#[derive(Debug)]
pub struct FileAccess {
    document: Document,
    /// Whose file it is.
    pub tenant: Arc<Tenant>,
    /// What it is called; not to be shown before the address is confirmed.
    pub name: Private<String>,
    mark: Option<Vec<u8>>,
    key: LinkKey,
    vault: Keyring,
}

impl FileAccess {
    /// How large it is.
    pub const fn size_bytes(&self) -> u64 {
        self.document.size_bytes
    }

    /// The last moment at which it is there.
    pub const fn expires_at(&self) -> Timestamp {
        self.document.expires_at
    }

    /// What it may be served as: from the table of what we take, whatever the row says.
    pub fn mime_type(&self) -> &'static str {
        file_types::served_as(&self.document.mime_type)
            .map_or("application/octet-stream", |kind| kind.mime_type)
    }

    /// Whether this caller may have it: nothing need be confirmed, or the pass says that it was.
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

/// The file behind a link.
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

/// What came of confirming an address.
#[derive(Debug)]
pub enum Confirmed {
    /// It was right: with this the file can be downloaded for [`PASS_SECONDS`].
    Pass(String),
    /// It is not the address that the message went to.
    Wrong,
    /// Too many were wrong lately.
    TooOften,
}

/// Compares an address with the one that the message went to.
pub fn confirm(app: &App, opened: &FileAccess, address: &str) -> Confirmed {
    let (id, now) = (opened.document.id, app.clock.now());
    if !app.document_attempts.try_acquire(id, now) {
        return Confirmed::TooOften;
    }
    let address = EmailAddress::parse(address).map_or_else(
        |_| email_addresses::formatted_only(address),
        |address| address.normalised(),
    );
    let mark = opened.mark.as_deref().unwrap_or_default();
    if !opened.key.recognises(mark, &address) {
        return Confirmed::Wrong;
    }
    app.document_attempts.refund(id);
    let until = now.plus(Duration::from_secs(PASS_SECONDS)).unix_seconds();
    let pass = app.store.keyring().seal(&pass_of(id), &until.to_be_bytes());
    Confirmed::Pass(URL_SAFE_NO_PAD.encode(pass))
}

/// What a pass is sealed for. It is sealed with our keyring: whoever has the link can read the file's facts, and must
/// not be able to write a pass.
fn pass_of(id: DocumentId) -> Vec<u8> {
    [b"document pass".as_slice(), id.as_uuid().as_bytes()].concat()
}

/// The bytes of a file, whole and as they were uploaded; nothing if they are gone.
pub async fn read(app: &App, opened: &FileAccess) -> Result<Option<Vec<u8>>, OpenError> {
    let (service, id) = (opened.document.service_id, opened.document.id);
    let key = Key::document(service.as_uuid(), id.as_uuid());
    let found = sealed_files::find(&app.files, &opened.vault, &key, id.as_uuid()).await?;
    Ok(found.map(Into::into))
}
