//! Files attached to an e-mail template. Each message made from the template gets its own link to each file
//! (`docs/spec/public-api.md` §9.3).

use domain::{Channel, DocumentId, NotificationId, Private, ServiceId, TemplateFileId, TemplateId};
use files::Key;
pub use store::template_files::TemplateFile;

use super::{
    Bytes, FileError, FileRejected, FileRequest, Identity, MAX_WEEKS,
    key::LinkKey,
    prepare::{PrepareError, detect_type, scan},
};
use crate::{App, sealing::sealed_files};

/// A file to add to a template.
#[derive(Debug)]
pub struct NewTemplateFile {
    /// The file name with its extension; also the name of the placeholder that the link replaces.
    pub file_name: String,
    /// The text of the link; the URL itself is shown if absent.
    pub link_text: Option<String>,
    /// How many weeks each recipient can download the file.
    pub retention_weeks: u32,
    /// Whether the recipient must confirm the e-mail address before downloading.
    pub confirm_email: bool,
    /// The content of the file.
    pub bytes: Private<Vec<u8>>,
}

/// An error of adding or archiving a template's file.
#[derive(Debug, thiserror::Error)]
pub enum TemplateFileError {
    /// The e-mail template or the file does not exist.
    #[error("there is no such {0}")]
    NoSuch(&'static str),
    /// A value is out of range.
    #[error("{0}")]
    Invalid(&'static str),
    /// The file was rejected.
    #[error("the file was rejected")]
    Rejected(FileRejected),
    /// A fault on our side.
    #[error(transparent)]
    Fault(#[from] FileError),
}

impl From<store::Error> for TemplateFileError {
    fn from(error: store::Error) -> Self {
        Self::Fault(error.into())
    }
}

impl From<PrepareError> for TemplateFileError {
    fn from(error: PrepareError) -> Self {
        match error {
            PrepareError::Rejected(rejected) => Self::Rejected(rejected),
            PrepareError::Fault(fault) => Self::Fault(fault),
        }
    }
}

/// Adds a file to an e-mail template. The file is checked and scanned here, once; sending a message does not repeat
/// it.
pub async fn add(
    app: &App,
    service: ServiceId,
    template: TemplateId,
    new: NewTemplateFile,
) -> Result<TemplateFile, TemplateFileError> {
    if !(1..=MAX_WEEKS).contains(&new.retention_weeks) {
        return Err(TemplateFileError::Invalid(
            "a file is kept for 1 to 78 weeks",
        ));
    }
    let bytes = new.bytes.reveal();
    let limit_bytes = app.settings.max_file_bytes;
    if bytes.len() as u64 > limit_bytes {
        return Err(TemplateFileError::Rejected(FileRejected::TooLarge {
            limit_bytes,
        }));
    }
    detect_type(bytes, Some(&new.file_name), false).map_err(TemplateFileError::Rejected)?;
    scan(app, bytes).await?;
    let now = app.clock.now();
    let file = TemplateFile {
        id: TemplateFileId::generate(now, app.random()),
        service_id: service,
        template_id: template,
        file_name: new.file_name,
        link_text: new.link_text,
        retention_weeks: new.retention_weeks,
        confirm_email: new.confirm_email,
        size_bytes: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
        created_at: now,
    };
    // Check before storing the content, so that a wrong id leaves no object behind.
    let found = store::templates::find(&mut app.read().await?, service, template).await?;
    found
        .filter(|found| found.template_type == Channel::Email)
        .ok_or(TemplateFileError::NoSuch("e-mail template"))?;
    let (keyring, owner) = (app.store.keyring(), file.id.as_uuid());
    sealed_files::store(&app.files, keyring, &key_of(&file), owner, bytes)
        .await
        .map_err(FileError::from)?;
    // Content before row: a template never refers to a file that is not there yet.
    let mut tx = app.write().await?;
    store::template_files::insert(&mut tx, &file).await?;
    tx.commit().await?;
    // The cached template lists its files.
    app.caches.templates.invalidate(service, template);
    Ok(file)
}

/// Lists the files of a service's template.
pub async fn list(
    app: &App,
    service: ServiceId,
    template: TemplateId,
) -> Result<Vec<TemplateFile>, TemplateFileError> {
    Ok(store::template_files::list(&mut app.read().await?, service, template).await?)
}

/// Removes a file from a template. Links in messages already sent continue to work.
pub async fn archive(
    app: &App,
    service: ServiceId,
    template: TemplateId,
    id: TemplateFileId,
) -> Result<(), TemplateFileError> {
    let mut tx = app.write().await?;
    let found = store::template_files::archive(&mut tx, service, template, id).await?;
    tx.commit().await?;
    app.caches.templates.invalidate(service, template);
    if found {
        Ok(())
    } else {
        Err(TemplateFileError::NoSuch("file of this template"))
    }
}

/// Returns a request to store a copy of a template's file for one recipient.
pub(crate) async fn request(
    app: &App,
    file: &TemplateFile,
    recipient: &str,
) -> Result<FileRequest, FileError> {
    Ok(request_of(file, read(app, file).await?, recipient, None))
}

/// Returns a request to store a copy of a template's file for one row of a job; `bytes` were read once for many rows.
///
/// The link is a function of the job's secret, the row, the file and the recipient.
pub(crate) fn request_for_row(
    app: &App,
    file: &TemplateFile,
    bytes: Private<bytes::Bytes>,
    secret: &[u8],
    (row, recipient): (NotificationId, &str),
) -> FileRequest {
    let (keyring, row_uuid, file_uuid) = (app.store.keyring(), row.as_uuid(), file.id.as_uuid());
    let key_parts = [
        secret,
        row_uuid.as_bytes(),
        file_uuid.as_bytes(),
        recipient.as_bytes(),
    ];
    // Building the row again, after a crash or by an audit, gives the same link and overwrites the same file. Once the
    // job's secret is deleted with its rows, the server's keyring can no longer open the file.
    let key = keyring.fingerprint("the key in the link to a row's file", &key_parts);
    let identity = Identity {
        id: document_of_row(app, row, file.id),
        key: LinkKey::from_bytes(key),
    };
    request_of(file, bytes, recipient, Some(identity))
}

/// Derives the document id of a row's file.
fn document_of_row(app: &App, row: NotificationId, file: TemplateFileId) -> DocumentId {
    let (row, file) = (row.as_uuid(), file.as_uuid());
    let parts = [row.as_bytes().as_slice(), file.as_bytes()];
    let hash = app.store.keyring().fingerprint("a row's file", &parts);
    let (tail, _) = hash
        .split_first_chunk::<16>()
        .expect("SHA-256 has 32 bytes");
    // The time part is that of the row, so that ids sort in row order and inserts stay at one end of the index.
    let due = domain::generated_at(row).unwrap_or_default();
    DocumentId::from_uuid(domain::from_time_and_tail(due, u128::from_be_bytes(*tail)))
}

fn request_of(
    file: &TemplateFile,
    bytes: Private<bytes::Bytes>,
    recipient: &str,
    identity: Option<Identity>,
) -> FileRequest {
    FileRequest {
        bytes: Bytes::Known(bytes),
        is_csv: false,
        confirm: file.confirm_email.then(|| recipient.to_owned().into()),
        weeks: file.retention_weeks,
        retention_period: Some(format!("{} weeks", file.retention_weeks)),
        file_name: Some(file.file_name.clone().into()),
        identity,
    }
}

/// Reads and decrypts a template's file.
pub(crate) async fn read(
    app: &App,
    file: &TemplateFile,
) -> Result<Private<bytes::Bytes>, FileError> {
    let (keyring, owner) = (app.store.keyring(), file.id.as_uuid());
    let bytes = sealed_files::find(&app.files, keyring, &key_of(file), owner)
        .await
        .map_err(FileError::Template)?
        .ok_or(FileError::Gone(file.id))?;
    Ok(bytes.into())
}

fn key_of(file: &TemplateFile) -> Key {
    Key::template_file(file.service_id.as_uuid(), file.id.as_uuid())
}
