//! Files that belong to an e-mail template: each message made from it carries a link of its own to each of them
//! (`docs/spec/public-api.md` §9.3).

use domain::{Channel, DocumentId, NotificationId, Private, ServiceId, TemplateFileId, TemplateId};
use files::Key;
pub use store::template_files::TemplateFile;

use super::{
    Bytes, FileError, FileRejected, FileRequest, Identity, MAX_WEEKS,
    key::LinkKey,
    prepare::{PrepareError, kind_of, scan},
};
use crate::{App, sealing::sealed_files};

/// A file as it is added to a template.
#[derive(Debug)]
pub struct NewTemplateFile {
    /// Its name, with its ending: the placeholder that its link takes.
    pub file_name: String,
    /// What the link says; without it, the link itself is shown.
    pub link_text: Option<String>,
    /// For how many weeks each recipient may download it.
    pub retention_weeks: u32,
    /// Whether the recipient must confirm the address first.
    pub confirm_email: bool,
    /// The file itself.
    pub bytes: Private<Vec<u8>>,
}

/// Why a file cannot be added or taken away.
#[derive(Debug, thiserror::Error)]
pub enum TemplateFileError {
    /// There is no such e-mail template or file.
    #[error("there is no such {0}")]
    NoSuch(&'static str),
    /// What was given makes no sense.
    #[error("{0}")]
    Invalid(&'static str),
    /// The file is not taken.
    #[error("the file is not taken")]
    Refused(FileRejected),
    /// Ours to mend.
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
            PrepareError::Refused(refused) => Self::Refused(refused),
            PrepareError::Fault(fault) => Self::Fault(fault),
        }
    }
}

/// Adds a file to an e-mail template. It is looked at now; the messages that carry it do not look again.
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
        return Err(TemplateFileError::Refused(FileRejected::TooLarge {
            limit_bytes,
        }));
    }
    kind_of(bytes, Some(&new.file_name), false).map_err(TemplateFileError::Refused)?;
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
        created_at: now,
    };
    let found = store::templates::find(&mut app.read().await?, service, template).await?;
    found
        .filter(|found| found.template_type == Channel::Email)
        .ok_or(TemplateFileError::NoSuch("e-mail template"))?;
    let (vault, owner) = (app.store.keyring(), file.id.as_uuid());
    sealed_files::store(&app.files, vault, &key_of(&file), owner, bytes)
        .await
        .map_err(FileError::from)?;
    let mut tx = app.write().await?;
    store::template_files::insert(&mut tx, &file).await?;
    tx.commit().await?;
    app.templates.forget(service, template).await;
    Ok(file)
}

/// The files of a template of a service.
pub async fn list(
    app: &App,
    service: ServiceId,
    template: TemplateId,
) -> Result<Vec<TemplateFile>, TemplateFileError> {
    Ok(store::template_files::list(&mut app.read().await?, service, template).await?)
}

/// Takes a file from a template. Messages that carry it keep theirs.
pub async fn archive(
    app: &App,
    service: ServiceId,
    template: TemplateId,
    id: TemplateFileId,
) -> Result<(), TemplateFileError> {
    let mut tx = app.write().await?;
    let found = store::template_files::archive(&mut tx, service, template, id).await?;
    tx.commit().await?;
    app.templates.forget(service, template).await;
    if found {
        Ok(())
    } else {
        Err(TemplateFileError::NoSuch("file of this template"))
    }
}

/// A template's file, to be kept for one recipient.
pub(crate) async fn order(
    app: &App,
    file: &TemplateFile,
    recipient: &str,
) -> Result<FileRequest, FileError> {
    Ok(order_of(file, read(app, file).await?, recipient, None))
}

/// The same for a row of a job, of bytes that were read for many rows. Whoever makes the row again – another worker,
/// after a crash, the auditor – makes the same link and writes the same file, so that nothing is left over. The key is
/// made of the job's secret, which goes with the job's rows: from then on our keyring opens no file.
pub(crate) fn order_for_row(
    app: &App,
    file: &TemplateFile,
    bytes: Private<bytes::Bytes>,
    secret: &[u8],
    (row, recipient): (NotificationId, &str),
) -> FileRequest {
    let (vault, row_uuid, file_uuid) = (app.store.keyring(), row.as_uuid(), file.id.as_uuid());
    let key_parts = [
        secret,
        row_uuid.as_bytes(),
        file_uuid.as_bytes(),
        recipient.as_bytes(),
    ];
    let key = vault.fingerprint("the key in the link to a row's file", &key_parts);
    let identity = Identity {
        id: document_of_row(app, row, file.id),
        key: LinkKey::of(key),
    };
    order_of(file, bytes, recipient, Some(identity))
}

/// Which document a file is for a row. It sorts by the time of its row.
fn document_of_row(app: &App, row: NotificationId, file: TemplateFileId) -> DocumentId {
    let (row, file) = (row.as_uuid(), file.as_uuid());
    let parts = [row.as_bytes().as_slice(), file.as_bytes()];
    let hash = app.store.keyring().fingerprint("a row's file", &parts);
    let (tail, _) = hash
        .split_first_chunk::<16>()
        .expect("SHA-256 has 32 bytes");
    let due = domain::generated_at(row).unwrap_or_default();
    DocumentId::from_uuid(domain::from_time_and_tail(due, u128::from_be_bytes(*tail)))
}

fn order_of(
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

/// The bytes of a template's file.
pub(crate) async fn read(
    app: &App,
    file: &TemplateFile,
) -> Result<Private<bytes::Bytes>, FileError> {
    let (vault, owner) = (app.store.keyring(), file.id.as_uuid());
    let bytes = sealed_files::find(&app.files, vault, &key_of(file), owner)
        .await
        .map_err(FileError::Template)?
        .ok_or(FileError::Gone(file.id))?;
    Ok(bytes.into())
}

fn key_of(file: &TemplateFile) -> Key {
    Key::template_file(file.service_id.as_uuid(), file.id.as_uuid())
}
