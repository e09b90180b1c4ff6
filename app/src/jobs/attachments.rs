//! The template's files that go with every row of a job (`docs/spec/workers.md` §4.8, `docs/spec/public-api.md`
//! §9.3): read once for all rows, stored for each row behind a link of its own.

use ::templates::placeholders::NameSet;
use domain::{Channel, NotificationStatus, Private};
use serde_json::Map;
use store::{
    jobs::Job, notifications::NewNotification, spreadsheets::Spreadsheet,
    template_files::TemplateFile,
};

use crate::{
    App,
    accept::files::put_link,
    cache::templates,
    documents::{self, FileError, FileRejected, PrepareError, PreparedFile, template_files},
};

/// The template's files that go with every row of a job.
pub(super) struct Attachments {
    files: Vec<(TemplateFile, Private<bytes::Bytes>)>,
    /// The job's secret, from which the link of every row and file is derived.
    secret: Vec<u8>,
}

impl Attachments {
    /// Reads the files of a job's template as they are now; only e-mail templates have any.
    pub(super) async fn read(
        app: &App,
        job: &Job,
        sheet: &Spreadsheet,
        channel: Channel,
    ) -> Result<Self, FileError> {
        let mut all = Self {
            files: Vec::new(),
            secret: sheet.link_secret.clone(),
        };
        if channel != Channel::Email {
            return Ok(all);
        }
        let mut session = app.read().await?;
        let files =
            store::template_files::list(&mut session, job.service_id, job.template_id).await?;
        drop(session);
        for file in files {
            let bytes = template_files::read(app, &file).await?;
            all.files.push((file, bytes));
        }
        Ok(all)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Returns the placeholders that the files give values to.
    pub(super) fn names(&self) -> NameSet {
        templates::file_names(self.files.iter().map(|(file, _)| file))
    }

    /// Puts a row's own links into it; the caller stores the files before the row. A row whose file the scanner or
    /// the file service rejects is not sent, and records the reason.
    pub(super) async fn attach(
        &self,
        app: &App,
        row: &mut NewNotification,
    ) -> Result<Vec<PreparedFile>, FileError> {
        let mut drafts = Vec::with_capacity(self.files.len());
        let mut values = Map::new();
        for (file, bytes) in &self.files {
            let recipient = row.contents.normalised.reveal();
            let of = (row.id, recipient.as_str());
            let bytes = bytes.reveal().clone().into();
            let request = template_files::request_for_row(app, file, bytes, &self.secret, of);
            let draft = match documents::prepare(app, row.service_id, request).await {
                Ok(draft) => draft,
                Err(PrepareError::Fault(fault)) => return Err(fault),
                Err(PrepareError::Rejected(refused)) => {
                    row.status = NotificationStatus::ValidationFailed;
                    row.problem = Some(format!(
                        "the file {} of the template was refused: {}",
                        file.file_name,
                        in_words(refused)
                    ));
                    return Ok(Vec::new());
                }
            };
            put_link(&mut values, file, draft.link.reveal().clone());
            drafts.push(draft);
        }
        let columns = std::mem::replace(&mut row.contents.personalisation, Map::new().into());
        // No column has the name of a file, so neither overwrites the other.
        let values = columns.into_inner().into_iter().chain(values).collect();
        row.contents.personalisation = Map::into(values);
        row.documents = u32::try_from(drafts.len()).unwrap_or(u32::MAX);
        Ok(drafts)
    }
}

fn in_words(refused: FileRejected) -> String {
    match refused {
        FileRejected::ExternalService(why) => why,
        // It was checked when it was added to the template, so the list of accepted types has changed since.
        _ => "it is not taken any more".to_owned(),
    }
}
