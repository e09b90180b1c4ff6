//! A message of any channel on its way to becoming a stored notification, whether the API or a job accepts it.

use domain::{
    ApiKeyId, Channel, JobId, KeyType, NotificationId, NotificationStatus, RandomSource, ServiceId,
    Timestamp, UserId,
};
use serde_json::{Map, Value};
use store::notifications::{Contents, NewNotification};

use super::{letter::print_reference, recipient::ResolvedRecipient};
use crate::cache::templates::Template;

/// Where a message comes from.
pub(crate) struct Origin {
    pub(crate) service_id: ServiceId,
    pub(crate) api_key_id: Option<ApiKeyId>,
    pub(crate) key_type: KeyType,
    /// Job and row number, if it is a row of a job.
    pub(crate) job_row: Option<(JobId, u32)>,
    pub(crate) created_by: Option<UserId>,
}

/// A checked message that is about to be stored.
pub(crate) struct MessageDraft<'a> {
    pub(crate) id: NotificationId,
    pub(crate) created_at: Timestamp,
    pub(crate) template: &'a Template,
    pub(crate) recipient: ResolvedRecipient,
    pub(crate) status: NotificationStatus,
    pub(crate) personalisation: Map<String, Value>,
    pub(crate) unsubscribe_url: Option<String>,
    /// The service's own reference.
    pub(crate) client_reference: Option<String>,
    /// Sender, reply-to address or contact block, as it is now.
    pub(crate) reply_to_text: Option<String>,
    /// Number of files.
    pub(crate) documents: u32,
    /// Why it can never be sent, if so.
    pub(crate) problem: Option<String>,
}

impl MessageDraft<'_> {
    pub(crate) fn into_notification(
        self,
        origin: &Origin,
        random: &dyn RandomSource,
    ) -> NewNotification {
        let channel = self.template.template_type;
        NewNotification {
            id: self.id,
            service_id: origin.service_id,
            job_row: origin.job_row,
            template_id: self.template.id,
            template_version: self.template.version,
            api_key_id: origin.api_key_id,
            key_type: origin.key_type,
            channel,
            status: self.status,
            contents: Contents {
                recipient: self.recipient.as_given.into(),
                normalised: self.recipient.normalised.into(),
                personalisation: self.personalisation.into(),
                unsubscribe_url: self.unsubscribe_url,
            },
            client_reference: self.client_reference,
            reply_to_text: self.reply_to_text,
            international: self.recipient.international,
            phone_prefix: self.recipient.phone_prefix,
            rate_multiplier: self.recipient.rate_multiplier,
            postage: self.recipient.postage,
            // The print provider knows a letter by this reference, and returned letters carry it.
            reference: (channel == Channel::Letter).then(|| print_reference(random)),
            documents: self.documents,
            created_by: origin.created_by,
            created_at: self.created_at,
            problem: self.problem,
        }
    }
}
