//! The words and rules that every other room shares: ids, times, statuses and their allowed changes, lanes.
//!
//! Pure: no I/O, no clock and no randomness of its own – both are handed in, as [`Clock`] and [`Entropy`].

mod callback;
mod clock;
mod entropy;
mod ids;
mod job;
mod lane;
mod notification;
mod private;
mod receipt;
mod service;
mod team;
mod timestamp;
mod words;

pub use callback::CallbackKind;
pub use clock::Clock;
pub use entropy::Entropy;
pub use ids::{
    ApiKeyId, CallbackId, ContactListId, DocumentId, FolderId, InboundNumberId, InboundSmsId,
    JobId, JobOrigin, LetterContactId, NotAnId, NotificationId, OrganisationId, ReplyToId,
    RetentionId, ServiceId, SmsSenderId, TaskId, TemplateFileId, TemplateId, UnsubscribeRequestId,
    UserId, WorkerId, day_bounds, mint, minted_at, parse_uuid, shaped,
};
pub use job::JobStatus;
pub use lane::Lane;
pub use notification::{Channel, KeyType, NotificationStatus, Postage};
pub use private::Private;
pub use receipt::{Reporter, refined};
pub use service::{Allowance, Permission};
pub use team::{MemberPermission, UserState};
pub use timestamp::{NotATimestamp, Timestamp, UtcDay};
pub use words::UnknownWord;
