use app::accept::idempotency::LookupError;
use http::StatusCode;

use super::Problem;

/// Returns the 400 of a malformed `Idempotency-Key`.
pub(crate) fn bad_idempotency_key() -> Problem {
    Problem::v2(
        StatusCode::BAD_REQUEST,
        "IdempotencyError",
        "Idempotency-Key must be given once, and have 1 to 255 printable ASCII characters",
    )
}

impl From<LookupError> for Problem {
    fn from(error: LookupError) -> Self {
        let class = "IdempotencyError";
        match error {
            LookupError::InFlight => Self {
                retry_after_seconds: Some(1),
                ..Self::v2(
                    StatusCode::CONFLICT,
                    class,
                    "A request with this Idempotency-Key is being worked on, try again in a moment",
                )
            },
            LookupError::OtherRequest => Self::v2(
                StatusCode::UNPROCESSABLE_ENTITY,
                class,
                "This Idempotency-Key was used for another request: use a new one for each message",
            ),
            LookupError::Store(error) => Self::internal(error),
        }
    }
}
