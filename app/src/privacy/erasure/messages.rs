//! Notifications to the recipient, and the files sent with them.

use domain::{NotificationId, NotificationStatus};
use store::notifications::{Contents, Notification, StatusUpdate};

use super::{EraseError, Erasure, PAGE_SIZE};
use crate::{callbacks, documents};

/// Attempts to lock the tasks of a notification while they change.
const MAX_ATTEMPTS: u32 = 10;

impl Erasure<'_> {
    pub(super) async fn erase_messages(&mut self) -> Result<(), EraseError> {
        let (app, mut after) = (self.app, None::<NotificationId>);
        loop {
            let mut session = app.read().await?;
            let page = store::notifications::list_by_channel(
                &mut session,
                self.service,
                self.recipient.channel,
                after,
                PAGE_SIZE,
            )
            .await?;
            drop(session);
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.id);
            for message in page {
                let contents = message.open(app.store.keyring())?;
                if self.is_to(&contents) {
                    self.erase_message(message, &contents).await?;
                }
            }
        }
    }

    fn is_to(&self, contents: &Contents) -> bool {
        self.recipient.is(contents.normalised.reveal())
            || self.recipient.is(contents.recipient.reveal())
    }

    /// Erases the notifications that a worker was sending before, as they are now.
    pub(super) async fn erase_again(
        &mut self,
        in_progress: Vec<Notification>,
    ) -> Result<(), EraseError> {
        let app = self.app;
        for before in in_progress {
            let (service, id) = (before.service_id, before.id);
            let now = store::notifications::find(&mut app.read().await?, service, id).await?;
            // Retention has removed it meanwhile.
            let Some(message) = now else { continue };
            let contents = message.open(app.store.keyring())?;
            if self.is_to(&contents) {
                self.erase_message(message, &contents).await?;
            }
        }
        Ok(())
    }

    /// Erases one notification and its files.
    async fn erase_message(
        &mut self,
        message: Notification,
        contents: &Contents,
    ) -> Result<(), EraseError> {
        // Files first, because only the notification leads to them.
        let links = documents::find_links(self.app, contents.personalisation.reveal());
        for (id, key) in links {
            let service = message.service_id;
            if documents::remove_linked(self.app, service, id, &key).await? {
                self.report.documents += 1;
            }
        }
        if message.status == NotificationStatus::Created {
            return self.cancel_and_erase(message).await;
        }
        let mut tx = self.write().await?;
        let erased =
            store::notifications::erase(&mut tx, self.app.store.keyring(), &message).await?;
        tx.commit().await?;
        self.report.notifications += u64::from(erased);
        Ok(())
    }

    /// Cancels and erases a waiting notification, or puts it aside while a worker is sending it.
    async fn cancel_and_erase(&mut self, message: Notification) -> Result<(), EraseError> {
        let (app, id) = (self.app, message.id);
        for _ in 0..MAX_ATTEMPTS {
            let mut session = app.read().await?;
            let named =
                store::tasks::list_by_subject(&mut session, message.service_id, id.as_uuid())
                    .await?;
            drop(session);
            let now = app.clock.now();
            let mut tx = self.write().await?;
            // A worker that has claimed one of its tasks may be calling the provider.
            let locked = store::tasks::lock(&mut tx, &named, now).await?;
            if locked.len() < named.len() {
                // A task was completed in between; what remained of it is in another.
                tx.roll_back().await?;
                continue;
            }
            if locked.iter().any(|(_, is_claimed)| *is_claimed) {
                tx.roll_back().await?;
                break;
            }
            let update = StatusUpdate::new(id, NotificationStatus::Cancelled);
            let applied = callbacks::apply_updates(app, &mut tx, &[update], now).await?;
            let erased =
                store::notifications::erase(&mut tx, app.store.keyring(), &message).await?;
            app.commit_and_notify(tx, applied.pools).await?;
            self.report.cancelled += applied.count;
            self.report.notifications += u64::from(erased);
            return Ok(());
        }
        self.in_progress.push(message);
        Ok(())
    }
}
