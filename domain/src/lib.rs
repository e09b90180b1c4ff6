//! The words and rules that every other room shares: ids, times, statuses and their allowed changes, lanes.
//!
//! Pure: no I/O, no clock and no randomness of its own – both are handed in, as [`Clock`] and [`Entropy`].

mod callback;
mod clock;
mod ids;
mod job;
mod lane;
mod notification;
mod private;
mod random_source;
mod receipt;
mod service;
mod team;
mod timestamp;
mod words;

pub use callback::CallbackKind;
pub use clock::Clock;
pub use ids::{
    ApiKeyId, CallbackId, ContactListId, DocumentId, FolderId, InboundNumberId, InboundSmsId,
    InvalidId, JobId, JobOrigin, LetterContactId, NotificationId, OrganisationId, ReplyToId,
    RetentionId, ServiceId, SmsSenderId, TaskId, TemplateFileId, TemplateId, UnsubscribeRequestId,
    UserId, WorkerId, day_bounds, from_time_and_tail, generate, generated_at, parse_uuid,
};
pub use job::JobStatus;
pub use lane::Lane;
pub use notification::{Channel, KeyType, NotificationStatus, Postage};
pub use private::Private;
pub use random_source::RandomSource;
pub use receipt::SmsReceiptSource;
pub use service::{Allowance, Permission};
pub use team::{MemberPermission, UserState};
pub use timestamp::{InvalidTimestamp, Timestamp, UtcDay};
pub use words::UnknownWord;
