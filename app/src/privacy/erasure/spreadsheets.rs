//! The files of jobs, of uploads and of contact lists.

use domain::{JobStatus, ServiceId};
use store::{contact_lists::ContactList, spreadsheets::Spreadsheet};
use tracing::info;
use uuid::Uuid;

use super::{
    EraseError, Erasure, PAGE_SIZE,
    rows::{self, OverwriteError, SheetFile},
};
use crate::jobs::{self, contact_lists, spreadsheets};

impl Erasure<'_> {
    pub(super) async fn erase_from_all_sheets(&mut self) -> Result<(), EraseError> {
        let mut after = Uuid::nil();
        loop {
            let mut session = self.app.read().await?;
            let page = store::spreadsheets::list_kept(&mut session, self.service, after, PAGE_SIZE)
                .await?;
            drop(session);
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = last.id.as_uuid();
            self.erase_from_sheets(page).await?;
        }
    }

    pub(super) async fn erase_from_sheets(
        &mut self,
        sheets: Vec<Spreadsheet>,
    ) -> Result<(), EraseError> {
        for sheet in sheets {
            self.erase_from_sheet(sheet).await?;
        }
        Ok(())
    }

    async fn erase_from_sheet(&mut self, sheet: Spreadsheet) -> Result<(), EraseError> {
        let (app, service, id) = (self.app, sheet.service_id, sheet.id);
        let file = SheetFile {
            key: spreadsheets::key(service, id),
            owner: id.as_uuid(),
            layout: sheet.layout.clone(),
        };
        let found = match rows::count(app, &file, &self.recipient).await {
            Ok(found) => found,
            Err(error) => return self.record_unreadable(&file.key, error),
        };
        if found > 0 {
            if !self.is_released(&sheet).await? {
                self.busy_sheets.push(sheet);
                return Ok(());
            }
            if !self.overwrite(&file).await? {
                return Ok(());
            }
            self.report.spreadsheets += 1;
            self.report.rows += found;
            self.delete_if_archived(&sheet).await?;
            if !self.is_released(&sheet).await? {
                // The job began while the file was rewritten: its worker may still read the old one.
                self.busy_sheets.push(sheet);
                return Ok(());
            }
        } else if self.is_paused_for_rewrite(&sheet).await? && !self.is_released(&sheet).await? {
            self.busy_sheets.push(sheet);
            return Ok(());
        }
        // The pause reason is stored on the job, so that a later erasure resumes what an interrupted one has paused.
        if self.is_paused_for_rewrite(&sheet).await? {
            match jobs::resume(app, service, id).await {
                Ok(_) => info!(job.id = %id, "job {id} is resumed"),
                // The job was cancelled or has failed meanwhile.
                Err(jobs::PauseError::NotStopped(_) | jobs::PauseError::NoSuch) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Rewrites the file without the recipient. Returns false if it cannot be read.
    async fn overwrite(&mut self, file: &SheetFile) -> Result<bool, EraseError> {
        let lock = self.lock.as_ref().expect("it was begun with this");
        match rows::overwrite(self.app, file, &self.recipient, lock).await {
            Ok(()) => Ok(true),
            Err(OverwriteError::Rewriting(error)) => Err(error.into()),
            Err(OverwriteError::File(error)) => {
                self.record_unreadable(&file.key, error)?;
                Ok(false)
            }
        }
    }

    /// Returns whether its job is paused for the rewrite, by this erasure or by an interrupted one.
    async fn is_paused_for_rewrite(&self, sheet: &Spreadsheet) -> Result<bool, EraseError> {
        let mut session = self.app.read().await?;
        let job = store::jobs::find(&mut session, sheet.service_id, sheet.id).await?;
        Ok(job.is_some_and(|job| jobs::is_paused_to_rewrite(&job)))
    }

    /// Returns whether no worker reads the file. A job in progress is paused first and writes no more rows from then
    /// on.
    async fn is_released(&self, sheet: &Spreadsheet) -> Result<bool, EraseError> {
        let (app, service, id) = (self.app, sheet.service_id, sheet.id);
        let job = store::jobs::find(&mut app.read().await?, service, id).await?;
        let is_under_way = |status| matches!(status, JobStatus::Pending | JobStatus::InProgress);
        if job.is_some_and(|job| is_under_way(job.status))
            // Otherwise it ended meanwhile.
            && jobs::pause_to_rewrite(app, service, id).await?
        {
            info!(job.id = %id, "job {id} is paused while its file is rewritten");
        }
        Ok(!self.is_claimed(service, id.as_uuid()).await?)
    }

    /// Returns whether a worker has claimed a task that names this id.
    async fn is_claimed(&self, service: ServiceId, id: Uuid) -> Result<bool, EraseError> {
        let app = self.app;
        let named = store::tasks::list_by_subject(&mut app.read().await?, service, id).await?;
        let mut tx = app.write().await?;
        let locked = store::tasks::lock(&mut tx, &named, app.clock.now()).await?;
        tx.roll_back().await?;
        // A task that is gone was completed in between, and its worker may have enqueued another.
        Ok(locked.len() < named.len() || locked.iter().any(|(_, is_claimed)| *is_claimed))
    }

    /// Deletes the file again if retention archived its job while it was rewritten.
    async fn delete_if_archived(&self, sheet: &Spreadsheet) -> Result<(), EraseError> {
        let (app, service, id) = (self.app, sheet.service_id, sheet.id);
        let mut session = app.read().await?;
        let job = store::jobs::find(&mut session, service, id).await?;
        let kept = store::spreadsheets::find(&mut session, service, id).await?;
        drop(session);
        if kept.is_none() || job.is_some_and(|job| job.archived) {
            app.files.remove(&spreadsheets::key(service, id)).await?;
        }
        Ok(())
    }

    pub(super) async fn erase_from_contact_lists(&mut self) -> Result<(), EraseError> {
        let (app, mut after) = (self.app, Uuid::nil());
        loop {
            let mut session = app.read().await?;
            let page =
                store::contact_lists::list_kept(&mut session, self.service, after, PAGE_SIZE)
                    .await?;
            drop(session);
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = last.id.as_uuid();
            for list in &page {
                self.erase_from_contact_list(list).await?;
            }
        }
    }

    async fn erase_from_contact_list(&mut self, list: &ContactList) -> Result<(), EraseError> {
        let (app, service, id) = (self.app, list.service_id, list.id);
        let file = SheetFile {
            key: contact_lists::key(service, id),
            owner: id.as_uuid(),
            layout: list.layout.clone(),
        };
        let found = match rows::count(app, &file, &self.recipient).await {
            Ok(found) => found,
            Err(error) => return self.record_unreadable(&file.key, error),
        };
        if found == 0 || !self.overwrite(&file).await? {
            return Ok(());
        }
        self.report.contact_lists += 1;
        self.report.rows += found;
        let now = store::contact_lists::find(&mut app.read().await?, service, id).await?;
        // Archived while it was rewritten, which has put the file back.
        if now.is_none_or(|list| list.archived) {
            app.files.remove(&file.key).await?;
        }
        Ok(())
    }
}
