use app::AdminError;
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::Problem;

impl From<AdminError> for Problem {
    /// Errors of the use cases behind internal endpoints, in the legacy shape.
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::NoSuch(_) => Self::legacy_not_found(),
            AdminError::Fields(fields) => {
                let mut message = Map::new();
                for (name, why) in fields {
                    let texts = message.entry(name).or_insert_with(|| json!([]));
                    if let Value::Array(texts) = texts {
                        texts.push(why.into());
                    }
                }
                Self::legacy(StatusCode::BAD_REQUEST, message)
            }
            AdminError::Rejected(why) => Self::legacy(StatusCode::BAD_REQUEST, why),
            AdminError::Conflict(why) => Self::legacy(StatusCode::CONFLICT, why),
            AdminError::Store(error) => Self::legacy_internal(error),
        }
    }
}
