//! The kinds of files that belong to a row of the database: which rows those are, where the files are, and whether a row still
//! names its file. Files that a sweep removes by their day (uploads of letters, response files) are not among them.

use domain::{ContactListId, DocumentId, JobId, NotificationId, ServiceId};
use files::Key;
use uuid::Uuid;

use crate::{
    App,
    jobs::{contact_lists, spreadsheets},
    letters::files_of,
};

/// A kind of file. Each file belongs to a row with its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoredFile {
    Spreadsheet,
    ContactList,
    Letter,
    TemplateFile,
    LetterAttachment,
    LetterLogo,
    /// A file by e-mail, which is sealed with the key in its link and not with the keyring.
    Document,
}

impl StoredFile {
    pub(crate) const ALL: [Self; 7] = [
        Self::Spreadsheet,
        Self::ContactList,
        Self::Letter,
        Self::TemplateFile,
        Self::LetterAttachment,
        Self::LetterLogo,
        Self::Document,
    ];

    /// Lists service and id of up to `count` files, in the order of ids after `after`.
    pub(crate) async fn list(
        self,
        app: &App,
        after: Uuid,
        count: u32,
    ) -> Result<Vec<(ServiceId, Uuid)>, store::Error> {
        let mut session = app.read().await?;
        Ok(match self {
            Self::Spreadsheet => store::spreadsheets::list_kept(&mut session, None, after, count)
                .await?
                .into_iter()
                .map(|sheet| (sheet.service_id, sheet.id.as_uuid()))
                .collect(),
            Self::ContactList => store::contact_lists::list_kept(&mut session, None, after, count)
                .await?
                .into_iter()
                .map(|list| (list.service_id, list.id.as_uuid()))
                .collect(),
            Self::Letter => {
                let after = Some(NotificationId::from_uuid(after));
                store::notifications::list_letters(&mut session, after, count)
                    .await?
                    .into_iter()
                    .map(|(service, id)| (service, id.as_uuid()))
                    .collect()
            }
            Self::TemplateFile => store::template_files::list_kept(&mut session, after, count)
                .await?
                .into_iter()
                .map(|(service, id)| (service, id.as_uuid()))
                .collect(),
            Self::LetterAttachment => {
                store::letter_attachments::list_kept(&mut session, after, count).await?
            }
            Self::LetterLogo => store::letter_logos::list_kept(&mut session, after, count).await?,
            Self::Document => {
                let now = app.clock.now();
                store::documents::list_kept(&mut session, now, after, count).await?
            }
        })
    }

    /// Returns the folders in which the files are.
    pub(crate) const fn folders(self) -> &'static [&'static str] {
        match self {
            Self::Spreadsheet => &["spreadsheets"],
            Self::ContactList => &["contact-lists"],
            Self::Letter => &["letters", "letter-originals"],
            Self::TemplateFile => &["template-files"],
            Self::LetterAttachment => &["letter-attachments"],
            Self::LetterLogo => &["letter-logos"],
            Self::Document => &["documents"],
        }
    }

    /// Returns the paths of the files that a row may have: only a letter may lack some of them.
    pub(crate) fn keys(self, service: ServiceId, id: Uuid) -> Vec<Key> {
        match self {
            Self::Spreadsheet => vec![spreadsheets::key(service, JobId::from_uuid(id))],
            Self::ContactList => vec![contact_lists::key(service, ContactListId::from_uuid(id))],
            Self::Letter => files_of(service, NotificationId::from_uuid(id)).into(),
            Self::TemplateFile => vec![Key::template_file(service.as_uuid(), id)],
            Self::LetterAttachment => vec![Key::letter_attachment(service.as_uuid(), id)],
            Self::LetterLogo => vec![Key::letter_logo(service.as_uuid(), id)],
            Self::Document => vec![Key::document(service.as_uuid(), id)],
        }
    }

    /// Returns whether a row still names the file.
    pub(crate) async fn is_kept(
        self,
        app: &App,
        service: ServiceId,
        id: Uuid,
    ) -> Result<bool, store::Error> {
        let mut session = app.read().await?;
        Ok(match self {
            Self::Spreadsheet => {
                let id = JobId::from_uuid(id);
                let kept = store::spreadsheets::find(&mut session, service, id).await?;
                let job = store::jobs::find(&mut session, service, id).await?;
                kept.is_some() && job.is_none_or(|job| !job.archived)
            }
            Self::ContactList => {
                let id = ContactListId::from_uuid(id);
                let kept = store::contact_lists::find(&mut session, service, id).await?;
                kept.is_some_and(|list| !list.archived)
            }
            Self::Letter => {
                let id = NotificationId::from_uuid(id);
                let kept = store::notifications::find(&mut session, service, id).await?;
                kept.is_some()
            }
            // These are never deleted.
            Self::TemplateFile | Self::LetterAttachment => true,
            Self::LetterLogo => {
                let kept = store::letter_logos::find(&mut session, service).await?;
                kept.is_some_and(|logo| logo.id == id)
            }
            Self::Document => {
                let id = DocumentId::from_uuid(id);
                store::documents::exists(&mut session, service, id).await?
            }
        })
    }
}
