//! Inbound SMS, unsubscribe requests, guest lists and team members with the recipient's address or number.

use std::collections::BTreeSet;

use domain::Channel;
use uuid::Uuid;

use super::{EraseError, Erasure, PAGE_SIZE};
use crate::suppression;

impl Erasure<'_> {
    pub(super) async fn erase_related_records(&mut self) -> Result<(), EraseError> {
        if self.recipient.channel == Channel::Sms {
            self.erase_inbound_sms().await?;
        } else {
            self.erase_unsubscribe_requests().await?;
            self.erase_complaints().await?;
        }
        self.erase_suppressions().await?;
        self.erase_guests().await?;
        self.count_team_members().await
    }

    async fn erase_inbound_sms(&mut self) -> Result<(), EraseError> {
        let (app, mut after) = (self.app, Uuid::nil());
        loop {
            let mut session = app.read().await?;
            let keyring = app.store.keyring();
            let page = store::inbound_sms::list_senders(
                &mut session,
                keyring,
                self.service,
                after,
                PAGE_SIZE,
            )
            .await?;
            drop(session);
            let Some((_, last, _)) = page.last() else {
                return Ok(());
            };
            after = last.as_uuid();
            for (service, id, from) in page {
                if self.recipient.is(from.reveal()) {
                    let mut tx = self.write().await?;
                    let moved =
                        store::inbound_sms::move_to_history(&mut tx, service, &[id]).await?;
                    tx.commit().await?;
                    self.report.received_texts += moved;
                }
            }
        }
    }

    async fn erase_unsubscribe_requests(&mut self) -> Result<(), EraseError> {
        let (app, mut after) = (self.app, Uuid::nil());
        loop {
            let mut session = app.read().await?;
            let keyring = app.store.keyring();
            let page = store::unsubscribe_requests::list_addresses(
                &mut session,
                keyring,
                self.service,
                after,
                PAGE_SIZE,
            )
            .await?;
            drop(session);
            let Some((_, last, _)) = page.last() else {
                return Ok(());
            };
            after = last.as_uuid();
            for (service, id, address) in page {
                if self.recipient.is(address.reveal()) {
                    let mut tx = self.write().await?;
                    let removed = store::unsubscribe_requests::delete(&mut tx, service, id).await?;
                    tx.commit().await?;
                    self.report.unsubscribe_requests += u64::from(removed);
                }
            }
        }
    }

    async fn erase_complaints(&mut self) -> Result<(), EraseError> {
        let (app, mut after) = (self.app, Uuid::nil());
        loop {
            let mut session = app.read().await?;
            let keyring = app.store.keyring();
            let page = store::complaints::list_addresses(
                &mut session,
                keyring,
                self.service,
                after,
                PAGE_SIZE,
            )
            .await?;
            drop(session);
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = last.id;
            for complaint in page {
                let is_theirs = complaint
                    .to
                    .as_ref()
                    .is_some_and(|to| self.recipient.is(to.reveal()));
                if is_theirs {
                    let mut tx = self.write().await?;
                    let erased = store::complaints::erase(&mut tx, complaint.id).await?;
                    tx.commit().await?;
                    self.report.complaints += u64::from(erased);
                }
            }
        }
    }

    /// Removes the address from the suppression lists. Its hash stays: a person who wants to be forgotten wants no messages
    /// either.
    async fn erase_suppressions(&mut self) -> Result<(), EraseError> {
        let channel = self.recipient.channel;
        let key = suppression::hash_key(self.app).await?;
        let hash = key.hash(channel, self.recipient.normalised.reveal());
        let mut tx = self.write().await?;
        let erased = store::suppressions::erase(&mut tx, self.service, channel, &hash).await?;
        tx.commit().await?;
        self.report.suppressions += erased;
        Ok(())
    }

    async fn erase_guests(&mut self) -> Result<(), EraseError> {
        let app = self.app;
        let guests = store::guests::list_all(&mut app.read().await?, self.service).await?;
        let mut touched = BTreeSet::new();
        for (service, kind, guest) in guests {
            if self.recipient.is(&guest) {
                let mut tx = self.write().await?;
                let removed = store::guests::delete(&mut tx, service, &kind, &guest).await?;
                tx.commit().await?;
                self.report.guests += u64::from(removed);
                touched.insert(service);
            }
        }
        // Their cached lists still allow the recipient.
        for service in touched {
            app.caches.tenants.invalidate(service);
        }
        Ok(())
    }

    /// Counts team members with the recipient's address or number.
    async fn count_team_members(&mut self) -> Result<(), EraseError> {
        let users = store::users::list(&mut self.app.read().await?).await?;
        // Not erased: they are users of the platform, and an administrator has to decide about them.
        let is_theirs = |user: &&store::users::User| {
            let number = user.mobile_number.as_deref();
            self.recipient.is(&user.email_address)
                || number.is_some_and(|number| self.recipient.is(number))
        };
        self.report.team_members = users.iter().filter(is_theirs).count() as u64;
        Ok(())
    }
}
