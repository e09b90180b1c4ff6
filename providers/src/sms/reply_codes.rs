//! Error codes in the replies of SMS providers.

use serde_json::Value;

use crate::{RejectReason, SendError, http::Reply};

/// The codes of a provider that refuse a message for good. All others are retried, because they may as well be a mistake
/// in the settings or a problem of the account.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refusals<'a, C> {
    pub(super) recipient: &'a [C],
    pub(super) message: &'a [C],
}

impl<C: AsRef<str>> Refusals<'_, C> {
    /// Returns the error of a reply that is not an acceptance.
    pub(super) fn error(&self, reply: &Reply, code: Option<&str>) -> SendError {
        let Some(code) = code else {
            return reply.error_for_status(None);
        };
        let is_in = |codes: &[C]| codes.iter().any(|one| one.as_ref() == code);
        let detail = |words| reply.detail(words).with_code(code);
        if is_in(self.recipient) {
            let detail = detail("the provider refuses the number");
            SendError::rejected(RejectReason::Recipient, detail)
        } else if is_in(self.message) {
            let detail = detail("the provider refuses the text");
            SendError::rejected(RejectReason::Message, detail)
        } else {
            reply.error_for_status(Some(code))
        }
    }
}

/// Renders a string, number or boolean as text.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
