//! Contact lists: spreadsheets that a service stores to send to again (`docs/spec/workers.md` §4.1). Only the
//! recipients are checked, because the template is not known yet; the file is stored sealed until the list is
//! archived. A job copies the file, so archiving the list takes nothing from the job.

use ::spreadsheets::{Settings, Template};
use bytes::Bytes;
use domain::{Channel, ContactListId, KeyType, ServiceId, UserId};
use files::Key;
use futures::{Stream, stream};
pub use store::contact_lists::ContactList;

use crate::{
    AdminError, App, OpenError,
    cache::tenants,
    jobs::spreadsheets::{self, Report, UploadError},
    manage::services,
    sealing::sealed_files::Opener,
};

/// A contact list to upload.
#[derive(Debug, Clone)]
pub struct NewContactList {
    /// The service that owns the list.
    pub service: ServiceId,
    /// The channel that the list is for.
    pub template_type: Channel,
    /// The file's name, as the uploader called it.
    pub file_name: String,
    /// The encoding of a text, if the uploader knows it.
    pub encoding: Option<spreadsheets::TextEncoding>,
    /// The user who uploads it.
    pub created_by: Option<UserId>,
}

/// The result of an upload.
#[derive(Debug)]
pub struct Uploaded {
    /// The list; nothing if the file has errors, in which case it is not stored.
    pub list: Option<ContactList>,
    /// The errors found.
    pub report: Report,
}

impl Uploaded {
    /// Returns the errors of the file as a whole, a sentence each.
    pub fn problems(&self) -> Vec<String> {
        spreadsheets::problems(&self.report, KeyType::Normal)
    }
}

/// Why a contact list cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ContactListError {
    /// There is none with this id in this service.
    #[error("there is no such contact list")]
    NoSuch,
    /// It is archived.
    #[error("the contact list is archived: nothing can be sent to it")]
    Archived,
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
    /// Its file cannot be read.
    #[error("the contact list cannot be read")]
    File(#[from] OpenError),
}

/// Returns where a list's file is stored.
pub(crate) fn key(service: ServiceId, list: ContactListId) -> Key {
    Key::contact_list(service.as_uuid(), list.as_uuid())
}

/// Checks the recipients of a file while it streams in, and stores it if they have no errors.
pub async fn upload(
    app: &App,
    new: NewContactList,
    body: impl Stream<Item = Result<Bytes, UploadError>> + Send + Unpin,
) -> Result<Uploaded, UploadError> {
    spreadsheets::check_file_name(&new.file_name)?;
    let tenant = tenants::find(app, new.service)
        .await?
        .ok_or(UploadError::NoSuch("service"))?;
    // The checker needs a template; an empty one leaves only the recipient to be wrong.
    let template = match new.template_type {
        Channel::Sms => Template::text_message("A message", None),
        Channel::Email => Template::email("A message", "A message"),
        Channel::Letter => return Err(UploadError::NoListsOfAddresses),
    };
    let settings = Settings {
        max_rows: app.settings.max_spreadsheet_rows as usize,
        max_errors_shown: spreadsheets::ERRORS_SHOWN,
        tidies_headers: true,
        phone_permissions: spreadsheets::phone_permissions(&tenant),
        ..Settings::new(template)
    };
    let id = ContactListId::generate(app.clock.now(), app.random());
    let place = (key(new.service, id), id.as_uuid());
    let source = spreadsheets::FileSource::Sent {
        name: &new.file_name,
        encoding: new.encoding,
    };
    let taken = spreadsheets::take(app, new.service, place, settings, source, body);
    let (report, size_bytes) = taken.await?;
    if !report.is_valid() {
        return Ok(Uploaded { list: None, report });
    }
    let list = ContactList {
        id,
        service_id: new.service,
        original_file_name: new.file_name,
        template_type: new.template_type,
        layout: serde_json::to_string(&report.layout).expect("a layout is writable as JSON"),
        row_count: u32::try_from(report.rows()).unwrap_or(u32::MAX),
        created_by: new.created_by,
        size_bytes,
        created_at: app.clock.now(),
        archived: false,
    };
    let mut tx = app.write().await?;
    store::contact_lists::insert(&mut tx, &list).await?;
    tx.commit().await?;
    Ok(Uploaded {
        list: Some(list),
        report,
    })
}

/// Lists the contact lists of a service, newest first.
pub async fn list(app: &App, service: ServiceId) -> Result<Vec<ContactList>, AdminError> {
    let mut session = services::read_existing(app, service).await?;
    Ok(store::contact_lists::list(&mut session, service).await?)
}

/// Finds a contact list of a service that is not archived.
pub async fn find(
    app: &App,
    service: ServiceId,
    id: ContactListId,
) -> Result<ContactList, ContactListError> {
    let found = store::contact_lists::find(&mut app.read().await?, service, id).await?;
    match found {
        None => Err(ContactListError::NoSuch),
        Some(list) if list.archived => Err(ContactListError::Archived),
        Some(list) => Ok(list),
    }
}

/// Deletes the file of a list, then marks the list as archived. Both steps may be repeated after an interruption.
pub async fn archive(
    app: &App,
    service: ServiceId,
    id: ContactListId,
) -> Result<(), ContactListError> {
    let found = store::contact_lists::find(&mut app.read().await?, service, id).await?;
    if found.is_none() {
        return Err(ContactListError::NoSuch);
    }
    let removed = app.files.remove(&key(service, id)).await;
    removed.map_err(OpenError::from)?;
    let mut tx = app.write().await?;
    store::contact_lists::archive(&mut tx, service, id).await?;
    tx.commit().await?;
    Ok(())
}

/// Streams the file of a list as CSV, to be checked against a template and stored for a job.
pub async fn read(
    app: &App,
    list: &ContactList,
) -> Result<impl Stream<Item = Result<Bytes, UploadError>> + Send + Unpin + use<>, ContactListError>
{
    let file = app.files.read(&key(list.service_id, list.id)).await;
    let file = file.map_err(OpenError::from)?;
    let opener = Opener::new(file, app.store.keyring().clone(), list.id.as_uuid());
    Ok(Box::pin(stream::try_unfold(opener, async |mut opener| {
        let piece = opener.next().await.map_err(UploadError::Kept)?;
        Ok(piece.map(|piece| (piece.into(), opener)))
    })))
}
