//! Groups of accepted notifications as the intake log holds them: JSON with a version, sealed as a whole.
//!
//! What one version of the program has appended, the next one saves. So a field is only ever added, with a default, and a
//! change of meaning is a new [`VERSION`].

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use domain::{
    Allowance, ApiKeyId, Channel, KeyType, Lane, NotificationId, NotificationStatus, Postage,
    ServiceId, TemplateId, Timestamp, UserId,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use store::{
    Keyring,
    idempotency_keys::NewKey,
    notifications::{SealedContents, SealedRow},
};

use super::notification_writer::{BatchKey, PendingNotification};
use crate::tasks::Step;

const VERSION: u32 = 1;
/// A group is sealed for this place, so that nothing else that is sealed can be passed off as one.
const OWNER: &[u8] = b"intake log";
/// The most notifications of a group.
pub(crate) const MAX_GROUP_NOTIFICATIONS: usize = 500;
/// The most bytes of a group, sealed.
pub(crate) const MAX_GROUP_BYTES: usize = 512 << 10;
/// What sealing and the frame of a group add to its notifications, generously.
const FRAME_BYTES: usize = 256;

/// A group that no saver can read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnreadableGroup {
    /// It is not what one of our processes appended, or its key is missing.
    #[error("it cannot be opened")]
    Sealed(#[source] store::KeyringError),
    /// A newer program has appended it, or it is damaged.
    #[error("it does not read")]
    Json(#[source] serde_json::Error),
    /// A newer program has appended it.
    #[error("its version is {0}, and this program knows {VERSION}")]
    Version(u32),
    /// A newer program has appended it.
    #[error("this program knows no task `{0}`")]
    Step(String),
}

/// A notification as a group holds it.
#[derive(Serialize, Deserialize)]
struct LoggedNotification {
    id: NotificationId,
    service_id: ServiceId,
    template_id: TemplateId,
    template_version: u32,
    api_key_id: Option<ApiKeyId>,
    key_type: KeyType,
    channel: Channel,
    status: NotificationStatus,
    contents: Base64,
    client_reference: Option<String>,
    reply_to_text: Option<String>,
    international: bool,
    phone_prefix: Option<String>,
    rate_multiplier: Option<u32>,
    postage: Option<Postage>,
    reference: Option<String>,
    documents: u32,
    created_by: Option<UserId>,
    created_at: Timestamp,
    problem: Option<String>,
    /// The task kind that sends it.
    task: String,
    lane: Lane,
    receipt_is_simulated: bool,
    /// The quotas that it spends.
    spends: Vec<Allowance>,
    key: Option<LoggedKey>,
}

#[derive(Serialize, Deserialize)]
struct LoggedKey {
    key_hash: Base64,
    request_hash: Base64,
    response: Base64,
}

/// Bytes as text in JSON.
struct Base64(Vec<u8>);

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64.decode(text).map(Self).map_err(D::Error::custom)
    }
}

impl From<&PendingNotification> for LoggedNotification {
    fn from(pending: &PendingNotification) -> Self {
        let (row, batch) = (&pending.sealed, &pending.batch);
        Self {
            id: row.id,
            service_id: row.service_id,
            template_id: row.template_id,
            template_version: row.template_version,
            api_key_id: row.api_key_id,
            key_type: row.key_type,
            channel: row.channel,
            status: row.status,
            contents: Base64(row.contents.as_bytes().to_vec()),
            client_reference: row.client_reference.clone(),
            reply_to_text: row.reply_to_text.clone(),
            international: row.international,
            phone_prefix: row.phone_prefix.clone(),
            rate_multiplier: row.rate_multiplier,
            postage: row.postage,
            reference: row.reference.clone(),
            documents: row.documents,
            created_by: row.created_by,
            created_at: row.created_at,
            problem: row.problem.clone(),
            task: batch.step.kind().to_owned(),
            lane: batch.lane,
            receipt_is_simulated: batch.receipt_is_simulated,
            spends: pending
                .spends
                .iter()
                .map(|(allowance, _)| *allowance)
                .collect(),
            key: pending.key.as_ref().map(LoggedKey::from),
        }
    }
}

impl From<&NewKey> for LoggedKey {
    fn from(key: &NewKey) -> Self {
        Self {
            key_hash: Base64(key.key_hash.to_vec()),
            request_hash: Base64(key.request_hash.to_vec()),
            response: Base64(key.sealed.clone()),
        }
    }
}

impl LoggedKey {
    fn into_key(self, service_id: ServiceId) -> Result<NewKey, UnreadableGroup> {
        let hash = |bytes: Base64| bytes.0.try_into();
        let wrong = |_| UnreadableGroup::Json(serde_json::Error::custom("a hash has 32 bytes"));
        Ok(NewKey {
            service_id,
            key_hash: hash(self.key_hash).map_err(wrong)?,
            request_hash: hash(self.request_hash).map_err(wrong)?,
            sealed: self.response.0,
        })
    }
}

impl LoggedNotification {
    fn into_pending(self) -> Result<PendingNotification, UnreadableGroup> {
        let step = Step::of_kind(&self.task).ok_or(UnreadableGroup::Step(self.task))?;
        let key = self.key.map(|key| key.into_key(self.service_id));
        Ok(PendingNotification {
            batch: BatchKey {
                service: self.service_id,
                step,
                lane: self.lane,
                key_type: self.key_type,
                receipt_is_simulated: self.receipt_is_simulated,
            },
            // Its caller has been told that it is accepted: it counts, and is not held up by the limit.
            spends: self
                .spends
                .into_iter()
                .map(|allowance| (allowance, i64::MAX))
                .collect(),
            key: key.transpose()?,
            sealed: SealedRow {
                id: self.id,
                service_id: self.service_id,
                job_row: None,
                template_id: self.template_id,
                template_version: self.template_version,
                api_key_id: self.api_key_id,
                key_type: self.key_type,
                channel: self.channel,
                status: self.status,
                contents: SealedContents::from_bytes(self.contents.0),
                client_reference: self.client_reference,
                reply_to_text: self.reply_to_text,
                international: self.international,
                phone_prefix: self.phone_prefix,
                rate_multiplier: self.rate_multiplier,
                postage: self.postage,
                reference: self.reference,
                documents: self.documents,
                created_by: self.created_by,
                created_at: self.created_at,
                problem: self.problem,
            },
        })
    }
}

/// A notification on its way into a group.
pub(crate) struct Encoded(Vec<u8>);

impl Encoded {
    pub(crate) fn new(pending: &PendingNotification) -> Self {
        let logged = LoggedNotification::from(pending);
        Self(serde_json::to_vec(&logged).expect("texts and numbers can be written"))
    }

    /// Returns whether the notification fits into a group of its own.
    pub(crate) const fn fits(&self, max_group_bytes: usize) -> bool {
        self.0.len() + FRAME_BYTES <= max_group_bytes
    }
}

/// Packs notifications of one channel, each of which fits, into as few groups as their order allows. Returns each group
/// with the number of its notifications.
pub(crate) fn pack(
    keyring: &Keyring,
    notifications: &[Encoded],
    max_group_bytes: usize,
) -> Vec<(Bytes, usize)> {
    let mut groups = Vec::new();
    let mut rest = notifications;
    while !rest.is_empty() {
        let mut bytes = FRAME_BYTES;
        let fitting = rest.iter().take(MAX_GROUP_NOTIFICATIONS).take_while(|one| {
            let separator = usize::from(bytes > FRAME_BYTES);
            bytes += separator + one.0.len();
            bytes <= max_group_bytes
        });
        let count = fitting.count().max(1);
        let (some, more) = rest.split_at(count);
        groups.push((seal(keyring, some), count));
        rest = more;
    }
    groups
}

fn seal(keyring: &Keyring, notifications: &[Encoded]) -> Bytes {
    let bytes: usize = notifications.iter().map(|one| one.0.len() + 1).sum();
    let mut json = Vec::with_capacity(bytes + FRAME_BYTES);
    json.extend_from_slice(format!("{{\"version\":{VERSION},\"notifications\":[").as_bytes());
    for (index, one) in notifications.iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        json.extend_from_slice(&one.0);
    }
    json.extend_from_slice(b"]}");
    // The personal data is sealed already. The whole is too, because references are in the clear, and so that someone
    // who can write to the log cannot send messages.
    keyring.seal(OWNER, &json).into()
}

/// Reads a group.
pub(crate) fn read(
    keyring: &Keyring,
    group: &[u8],
) -> Result<Vec<PendingNotification>, UnreadableGroup> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    #[derive(Deserialize)]
    struct Group {
        notifications: Vec<LoggedNotification>,
    }
    let json = keyring
        .open(OWNER, group)
        .map_err(UnreadableGroup::Sealed)?;
    let Version { version } = serde_json::from_slice(&json).map_err(UnreadableGroup::Json)?;
    if version != VERSION {
        return Err(UnreadableGroup::Version(version));
    }
    let group: Group = serde_json::from_slice(&json).map_err(UnreadableGroup::Json)?;
    let notifications = group.notifications.into_iter();
    notifications
        .map(LoggedNotification::into_pending)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[derive(Debug)]
    struct Zeros;

    impl domain::RandomSource for Zeros {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    fn sizes(lengths: &[usize], max_group_bytes: usize) -> Vec<usize> {
        let line = Keyring::new_key_line(1, &Zeros);
        let keyring = Keyring::from_text(&line, Arc::new(Zeros)).unwrap();
        let notifications: Vec<Encoded> = lengths
            .iter()
            .map(|size| Encoded(vec![b' '; *size]))
            .collect();
        let groups = pack(&keyring, &notifications, max_group_bytes);
        assert!(
            groups
                .iter()
                .all(|(group, _)| group.len() <= max_group_bytes)
        );
        groups.into_iter().map(|(_, count)| count).collect()
    }

    #[test]
    fn groups_are_limited_in_bytes_and_in_number() {
        assert_eq!(sizes(&[], 10_000), [0_usize; 0]);
        assert_eq!(sizes(&[10; 1001], usize::MAX), [500, 500, 1]);
        assert_eq!(sizes(&[744, 1000, 255, 9_743, 1], 10_000), [3, 1, 1]);
        let largest = 10_000 - FRAME_BYTES;
        assert_eq!(sizes(&[largest, largest], 10_000), [1, 1]);
        assert!(Encoded(vec![b' '; largest]).fits(10_000));
        assert!(!Encoded(vec![b' '; largest + 1]).fits(10_000));
    }
}
