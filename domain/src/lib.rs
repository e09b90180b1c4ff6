//! Shared vocabulary and rules: ids, times, statuses with their allowed transitions, lanes and private values.
//!
//! This crate does no I/O and has neither a clock nor randomness of its own. Callers pass them in as [`Clock`] and
//! [`RandomSource`], so that every rule can be tested with fixed times and fixed bytes.

mod attempt;
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
mod suppression;
mod team;
mod timestamp;
mod words;

pub use attempt::AttemptOutcome;
pub use callback::{CallbackKind, CallbackOutcome};
pub use clock::Clock;
pub use ids::{
    ApiKeyId, CallbackAttemptId, CallbackId, ContactListId, DocumentId, FolderId, InboundNumberId,
    InboundSmsId, InvalidId, JobId, JobOrigin, LetterContactId, NotificationId, OrganisationId,
    ProviderId, ReplyToId, RetentionId, ServiceId, SmsSenderId, SuppressionId, TaskId,
    TemplateFileId, TemplateId, UnsubscribeRequestId, UserId, WorkerId, day_bounds,
    from_time_and_tail, generate, generated_at, parse_uuid,
};
pub use job::JobStatus;
pub use lane::Lane;
pub use notification::{Channel, KeyType, NotificationStatus, Postage};
pub use private::Private;
pub use random_source::RandomSource;
pub use receipt::{EmailReceiptSource, SmsReceiptSource};
pub use service::{Allowance, Permission};
pub use suppression::SuppressionReason;
pub use team::{MemberPermission, UserState};
pub use timestamp::{InvalidTimestamp, Timestamp, UtcDay};
pub use words::UnknownWord;
