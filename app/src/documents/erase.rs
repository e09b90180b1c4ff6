//! Removing the files that went to one recipient. Which these are, only the links in a message say.

use domain::{DocumentId, ServiceId};
use files::Key;
use serde_json::{Map, Value};
use store::KeyringError;

use super::{FileError, key::LinkKey, prepare::file_properties};
use crate::App;

const ID_CHARACTERS: usize = 36;
const KEY_CHARACTERS: usize = 43;

/// The files to which links lead that stand among these values.
pub(crate) fn links_in(app: &App, values: &Map<String, Value>) -> Vec<(DocumentId, LinkKey)> {
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

/// Removes a file of a service if this is the key in its link; whether it was there.
pub(crate) async fn remove_behind(
    app: &App,
    service: ServiceId,
    id: DocumentId,
    key: &LinkKey,
) -> Result<bool, FileError> {
    let found = store::documents::find(&mut app.read().await?, id, app.clock.now()).await?;
    let Some(document) = found.filter(|document| document.service_id == service) else {
        return Ok(false);
    };
    match key
        .vault(&app.random)
        .open(&file_properties(id), &document.sealed)
    {
        Ok(_) => {}
        Err(KeyringError::Tampered) => return Ok(false),
        Err(fault) => return Err(store::Error::from(fault).into()),
    }
    let file = Key::document(service.as_uuid(), id.as_uuid());
    app.files.remove(&file).await?;
    let mut tx = app.write().await?;
    tx.enable_secure_delete().await?;
    store::documents::delete(&mut tx, service, &[id]).await?;
    tx.commit().await?;
    Ok(true)
}
