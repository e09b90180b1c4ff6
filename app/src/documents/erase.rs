//! Removes the files that were sent to one recipient. Only the links in the messages tell which files these are.

use domain::{DocumentId, ServiceId};
use files::Key;
use serde_json::{Map, Value};
use store::KeyringError;

use super::{FileError, key::LinkKey, prepare::properties_context};
use crate::App;

const ID_CHARACTERS: usize = 36;
const KEY_CHARACTERS: usize = 43;

/// Finds all file links in the given personalisation values.
pub(crate) fn find_links(app: &App, values: &Map<String, Value>) -> Vec<(DocumentId, LinkKey)> {
    let start = format!("{}/d/", app.settings.files_root);
    let texts = values.values().filter_map(Value::as_str);
    texts
        .flat_map(|text| text.split(start.as_str()).skip(1))
        .filter_map(|rest| {
            let id = rest.get(..ID_CHARACTERS)?.parse().ok()?;
            let key = rest.get(ID_CHARACTERS..)?.strip_prefix('/')?;
            Some((id, LinkKey::parse(key.get(..KEY_CHARACTERS)?)?))
        })
        .collect()
}

/// Removes a service's file if `key` opens it; returns whether it did.
pub(crate) async fn remove_linked(
    app: &App,
    service: ServiceId,
    id: DocumentId,
    key: &LinkKey,
) -> Result<bool, FileError> {
    // An expired file counts as absent: the schedule removes it.
    let found = store::documents::find(&mut app.read().await?, id, app.clock.now()).await?;
    let Some(document) = found.filter(|document| document.service_id == service) else {
        return Ok(false);
    };
    match key
        .keyring(&app.random)
        .open(&properties_context(id), &document.sealed)
    {
        Ok(_) => {}
        // The value holds a link with a wrong key, which any sender can make up; it is not proof of access to the
        // file.
        Err(KeyringError::Tampered) => return Ok(false),
        Err(fault) => return Err(store::Error::from(fault).into()),
    }
    let file = Key::document(service.as_uuid(), id.as_uuid());
    // Content first: if the second step fails, the row remains and the removal is tried again.
    app.files.remove(&file).await?;
    let mut tx = app.write().await?;
    // Erasure must overwrite the deleted row in the database file (SQLite).
    tx.enable_secure_delete().await?;
    store::documents::delete(&mut tx, service, &[id]).await?;
    tx.commit().await?;
    Ok(true)
}
