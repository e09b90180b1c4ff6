use app::{LimitError, QuotaExceeded, StorageExceeded, accept::storage::StorageError};
use domain::KeyType;
use http::{HeaderName, StatusCode};

use super::Problem;

/// An exceeded limit, for the `RateLimit` headers (draft-ietf-httpapi-ratelimit-headers). They are sent with a 429 only:
/// the contract's successful responses have no such headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Limit {
    /// Its name.
    pub(super) policy: String,
    /// Requests or messages allowed in the window.
    pub(super) quota: i64,
    /// Length of the window.
    pub(super) window_seconds: u32,
    /// Requests or messages left in it.
    pub(super) remaining: i64,
    /// Seconds until a retry can succeed.
    pub(super) wait_seconds: u32,
}

impl Limit {
    /// Returns `RateLimit-Policy` and `RateLimit`.
    pub(super) fn headers(&self) -> [(HeaderName, String); 2] {
        let Self {
            policy,
            quota,
            window_seconds,
            remaining,
            wait_seconds,
        } = self;
        [
            (
                HeaderName::from_static("ratelimit-policy"),
                format!("\"{policy}\";q={quota};w={window_seconds}"),
            ),
            (
                HeaderName::from_static("ratelimit"),
                format!("\"{policy}\";r={remaining};t={wait_seconds}"),
            ),
        ]
    }
}

impl From<LimitError> for Problem {
    fn from(error: LimitError) -> Self {
        match error {
            LimitError::RateLimited {
                key_type,
                rate,
                wait_seconds,
            } => {
                let name = match key_type {
                    // Users know a `normal` key by this name (`docs/spec/public-api.md` §4).
                    KeyType::Normal => "LIVE",
                    KeyType::Team => "TEAM",
                    KeyType::Test => "TEST",
                };
                let text = format!(
                    "Exceeded rate limit for key type {name} of {rate} requests per 60 seconds"
                );
                let limit = Limit {
                    policy: "minute".to_owned(),
                    quota: rate.into(),
                    window_seconds: 60,
                    // A refused request leaves the bucket empty (`docs/spec/public-api.md` §4).
                    remaining: 0,
                    wait_seconds,
                };
                Self::limit_exceeded("RateLimitError", text, limit)
            }
            LimitError::DailyQuota(exceeded) => exceeded.into(),
            LimitError::StorageFull(exceeded) => exceeded.into(),
            LimitError::Store(error) => Self::internal(error),
            LimitError::Cached(error) => Self::internal(error),
        }
    }
}

/// `Retry-After` of a full storage, in seconds. It empties when retention removes a day, so there is no need to hurry.
const STORAGE_RETRY_SECONDS: u32 = 3600;

impl From<StorageError> for Problem {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Exceeded(exceeded) => exceeded.into(),
            StorageError::Store(error) => Self::internal(error),
        }
    }
}

impl From<StorageExceeded> for Problem {
    /// A 429 and not a 413: nothing is wrong with this request, and the same one is accepted once there is room.
    fn from(exceeded: StorageExceeded) -> Self {
        let limit = exceeded.limit;
        let text = format!(
            "Exceeded storage limit ({limit} bytes): messages and files are removed when their retention ends"
        );
        Self {
            retry_after_seconds: Some(STORAGE_RETRY_SECONDS),
            ..Self::v2(StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsError", text)
        }
    }
}

impl From<QuotaExceeded> for Problem {
    fn from(exceeded: QuotaExceeded) -> Self {
        let QuotaExceeded {
            allowance,
            limit: quota,
            remaining,
            wait_seconds,
        } = exceeded;
        let text = format!("Exceeded send limits ({allowance}: {quota}) for today");
        let limit = Limit {
            policy: format!("{allowance}-day"),
            quota,
            window_seconds: 86_400,
            remaining,
            wait_seconds,
        };
        Self::limit_exceeded("TooManyRequestsError", text, limit)
    }
}
