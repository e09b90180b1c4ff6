//! The notification that a receipt is about: stored, or already a line of history.

use std::collections::BTreeMap;

use domain::{Channel, NotificationId, NotificationStatus, ServiceId, Timestamp};
use store::{
    Session,
    history::{self, HistoryLine},
    notifications::{self, MIN_REFERENCE_LENGTH, ReportedNotification},
};

use crate::tasks::MessageKey;

/// What receipts need to know of a notification, wherever it is.
pub(super) struct Subject {
    pub(super) id: NotificationId,
    pub(super) service_id: ServiceId,
    pub(super) channel: Channel,
    pub(super) status: NotificationStatus,
    pub(super) international: bool,
    pub(super) phone_prefix: Option<String>,
    pub(super) sent_by: Option<String>,
    pub(super) updated_at: Option<Timestamp>,
    reference: Option<String>,
    /// `None` if only the line of history is left.
    pub(super) stored: Option<ReportedNotification>,
}

impl Subject {
    fn keys(&self) -> impl Iterator<Item = MessageKey> + use<> {
        let reference = self.reference.clone().map(MessageKey::Reference);
        std::iter::once(MessageKey::Id(self.id)).chain(reference)
    }
}

impl From<ReportedNotification> for Subject {
    fn from(stored: ReportedNotification) -> Self {
        Self {
            id: stored.id,
            service_id: stored.service_id,
            channel: stored.channel,
            status: stored.status,
            international: stored.international,
            phone_prefix: stored.phone_prefix.clone(),
            sent_by: stored.sent_by.clone(),
            updated_at: stored.updated_at,
            reference: stored.reference.clone(),
            stored: Some(stored),
        }
    }
}

impl From<HistoryLine> for Subject {
    fn from(line: HistoryLine) -> Self {
        Self {
            id: line.id,
            service_id: line.service_id,
            channel: line.channel,
            status: line.status,
            international: line.international,
            phone_prefix: line.phone_prefix,
            sent_by: line.sent_by,
            updated_at: line.updated_at,
            reference: line.reference,
            stored: None,
        }
    }
}

/// Notifications by each key that a receipt may name.
#[derive(Default)]
pub(super) struct Subjects {
    found: Vec<Subject>,
    by_key: BTreeMap<MessageKey, usize>,
}

impl Subjects {
    /// Reads the notifications that these keys name, first where they are stored, then in the history.
    pub(super) async fn read(
        session: &mut Session,
        keys: &[&MessageKey],
    ) -> Result<Self, store::Error> {
        let mut subjects = Self::default();
        let (ids, references) = split(keys.iter().copied());
        subjects.extend(notifications::list_reported(session, &ids).await?);
        let by_reference = notifications::list_reported_by_reference(session, &references).await?;
        subjects.extend(by_reference);
        let missing = keys.iter().copied();
        let (ids, references) = split(missing.filter(|key| subjects.find(key).is_none()));
        subjects.extend(history::list_by_id(session, &ids).await?);
        subjects.extend(history::list_emails_by_reference(session, &references).await?);
        Ok(subjects)
    }

    pub(super) fn find(&self, key: &MessageKey) -> Option<&Subject> {
        self.by_key.get(key).map(|place| &self.found[*place])
    }

    fn extend<T: Into<Subject>>(&mut self, found: Vec<T>) {
        for one in found {
            let subject: Subject = one.into();
            for key in subject.keys() {
                self.by_key.insert(key, self.found.len());
            }
            self.found.push(subject);
        }
    }
}

fn split<'a>(keys: impl Iterator<Item = &'a MessageKey>) -> (Vec<NotificationId>, Vec<&'a str>) {
    let (mut ids, mut references) = (Vec::new(), Vec::new());
    for key in keys {
        match key {
            MessageKey::Id(id) => ids.push(*id),
            MessageKey::Reference(one) if one.len() >= MIN_REFERENCE_LENGTH => {
                references.push(one.as_str());
            }
            MessageKey::Reference(_) => {}
        }
    }
    (ids, references)
}
