//! MMG: sending (`docs/spec/workers.md` §7.1), delivery receipts and inbound messages (`docs/spec/public-api.md` §22.1,
//! §22.2).

mod client;
mod escapes;
mod settings;
pub(super) mod statuses;

use std::borrow::Cow;

use serde_json::{Map, Value};

use self::escapes::{decode_form, unescape};
pub use self::{client::Mmg, settings::MmgSettings};
use super::receipts::{InboundError, InboundSms, ReceiptError, SmsReceipt, parse_time, require};

/// Parses a delivery receipt: JSON with `CID`, `status` and optionally `substatus`.
pub fn parse_receipt(body: &[u8]) -> Result<SmsReceipt, ReceiptError> {
    let fields = parse_object(body).ok_or(ReceiptError::Malformed)?;
    let (status, reference) = (scalar(&fields, "status"), scalar(&fields, "CID"));
    // Null counts as present for the required fields, but as absent here.
    let substatus = scalar(&fields, "substatus").filter(|_| !fields["substatus"].is_null());
    require(
        ("status", status.as_deref()),
        ("CID", reference.as_deref()),
        substatus.as_deref(),
    )
}

/// Parses an inbound message: JSON with `Number`, `MSISDN`, `Message` and optionally `ID` and `DateRecieved` (so spelt).
pub fn parse_inbound(body: &[u8]) -> Result<InboundSms, InboundError> {
    let fields = parse_object(body).ok_or(InboundError::Malformed)?;
    let text = |name: &str| match fields.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let required = |name: &str| text(name).ok_or(InboundError::Incomplete);
    let received_at = text("DateRecieved").map(|time| decode_form(&time));
    Ok(InboundSms {
        dialled: required("Number")?,
        from: required("MSISDN")?.into(),
        content: unescape(&decode_form(&required("Message")?)).into(),
        provider_reference: text("ID").filter(|id| !id.is_empty()),
        written_at: received_at.as_deref().and_then(parse_time),
    })
}

/// Parses a JSON object, whatever content type it claims to have.
fn parse_object(body: &[u8]) -> Option<Map<String, Value>> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Some(fields),
        _ => None,
    }
}

/// Returns a field of a receipt as text. Numbers are accepted, and null counts as present.
fn scalar<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<Cow<'a, str>> {
    Some(match fields.get(name)? {
        Value::String(text) => Cow::Borrowed(text),
        Value::Null => Cow::Borrowed("None"),
        other => Cow::Owned(other.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_may_hold_numbers_and_nulls() {
        let receipt = parse_receipt(br#"{"CID": null, "status": 3, "substatus": null}"#).unwrap();
        assert_eq!(
            receipt,
            SmsReceipt {
                reference: "None".to_owned(),
                status: "3".to_owned(),
                code: None,
            }
        );
        assert_eq!(parse_receipt(b"[]"), Err(ReceiptError::Malformed));
    }

    #[test]
    fn an_inbound_message_is_decoded() {
        let inbound = parse_inbound(
            br#"{"Number": 447700900111, "MSISDN": "447700900222", "Message": "Caf%C3%A9+\\u20ac5", "ID": "",
                 "DateRecieved": "2026-11-24+03%3A06%3A07"}"#,
        )
        .unwrap();
        assert_eq!(inbound.dialled, "447700900111");
        assert_eq!(inbound.content.reveal(), "Café €5");
        assert_eq!(inbound.provider_reference, None);
        assert_eq!(parse_inbound(b"{}"), Err(InboundError::Incomplete));
        assert_eq!(parse_inbound(b"{"), Err(InboundError::Malformed));
    }
}
