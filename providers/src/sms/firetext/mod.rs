//! Firetext: sending (`docs/spec/workers.md` §7.1), delivery receipts and inbound messages (`docs/spec/public-api.md` §22.1,
//! §22.2).

mod client;
mod settings;
pub(super) mod statuses;

pub use self::{client::Firetext, settings::FiretextSettings};
use super::receipts::{InboundError, InboundSms, ReceiptError, SmsReceipt, parse_time, require};

/// The user name with which Firetext authenticates when it delivers inbound messages.
pub const INBOUND_USER: &str = "notify";

/// Parses a delivery receipt: a form with `reference`, `status` and optionally `code`.
pub fn parse_receipt(body: &[u8]) -> Result<SmsReceipt, ReceiptError> {
    let form = Form::parse(body);
    require(
        ("status", form.field("status")),
        ("reference", form.field("reference")),
        form.field("code"),
    )
}

/// Parses an inbound message: a form with `destination`, `source`, `message` and optionally `time`.
pub fn parse_inbound(body: &[u8]) -> Result<InboundSms, InboundError> {
    let form = Form::parse(body);
    let required = |name: &str| form.field(name).ok_or(InboundError::Incomplete);
    Ok(InboundSms {
        dialled: required("destination")?.to_owned(),
        from: required("source")?.to_owned().into(),
        // PostgreSQL cannot store NUL.
        content: required("message")?.replace('\0', "").into(),
        provider_reference: None,
        written_at: form.field("time").and_then(parse_time),
    })
}

struct Form(Vec<(String, String)>);

impl Form {
    fn parse(body: &[u8]) -> Self {
        let fields = form_urlencoded::parse(body);
        Self(
            fields
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
        )
    }

    /// Returns a field; of a repeated one the first.
    fn field(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_a_form_and_the_first_of_a_repeated_field_counts() {
        let receipt = parse_receipt(b"reference=a%2Bb&status=0&status=1&code=").unwrap();
        assert_eq!(
            receipt,
            SmsReceipt {
                reference: "a+b".to_owned(),
                status: "0".to_owned(),
                code: None,
            }
        );
    }

    #[test]
    fn an_inbound_message_is_decoded() {
        let form = b"destination=447700900111&source=447700900222&message=Caf%C3%A9+%00&time=2026-11-24+03:06:07";
        let inbound = parse_inbound(form).unwrap();
        assert_eq!(inbound.content.reveal(), "Café ");
        assert_eq!(parse_inbound(b""), Err(InboundError::Incomplete));
    }
}
