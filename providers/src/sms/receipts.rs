//! Delivery receipts and inbound messages of SMS providers, in our own terms.
//!
//! The folder of each provider parses its wire format. To add a provider that sends receipts, add its line to [`status`],
//! [`detail`] and [`refine`].

use domain::{NotificationStatus, Private, SmsReceiptSource, Timestamp};
use reqwest::header::HeaderMap;

use super::{SmsProvider, end_user_messaging, firetext, mmg, twilio};

/// A delivery receipt as it came. What its codes mean is decided when it is processed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmsReceipt {
    /// The reference of the message: our notification id, as the provider quotes it. Not checked.
    pub reference: String,
    /// The provider's status.
    pub status: String,
    /// The provider's code beside the status.
    pub code: Option<String>,
}

/// Why a receipt cannot be parsed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// The body is not in the provider's format.
    #[error("the body of the receipt cannot be parsed")]
    Malformed,
    /// Required fields are absent or empty.
    #[error("the receipt lacks {}", .0.join(", "))]
    Missing(Vec<&'static str>),
}

/// A text message that a person sent to one of our numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundSms {
    /// The number that was dialled, as the provider writes it.
    pub dialled: String,
    /// The sender's number.
    pub from: Private<String>,
    /// The text, decoded.
    pub content: Private<String>,
    /// The provider's id of the message.
    pub provider_reference: Option<String>,
    /// When the provider received it.
    pub written_at: Option<Timestamp>,
}

/// Why an inbound message cannot be parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InboundError {
    /// The body is not in the provider's format.
    #[error("the body of the inbound message cannot be parsed")]
    Malformed,
    /// A required field is absent.
    #[error("the inbound message lacks a field")]
    Incomplete,
}

/// A request of a provider to the platform.
#[derive(Debug, Clone, Copy)]
pub struct ProviderRequest<'a> {
    /// The last part of the path, where the URL carries our reference there.
    pub reference: Option<&'a str>,
    /// The query, without the question mark.
    pub query: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
}

/// Why a request of a provider is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The settings give the provider no such endpoint.
    #[error("the provider has no such endpoint in the settings")]
    Unsupported,
    /// The signature or the secret is wrong.
    #[error("the signature or the secret is wrong")]
    Unauthorized,
    /// The body cannot be parsed, or lacks a field.
    #[error("the request cannot be parsed, or lacks a field")]
    Malformed,
    /// The rule in the settings has no such status.
    #[error("the rule in the settings has no such status")]
    UnknownStatus,
}

/// Checks and parses the requests of one provider, by its settings.
pub trait SmsReceiver: Send + Sync {
    /// Returns the source of its receipts, which decides what their statuses mean.
    fn source(&self) -> SmsReceiptSource;

    /// Parses a delivery receipt. `None`: it says only how far the message is.
    fn parse_receipt(
        &self,
        request: &ProviderRequest<'_>,
    ) -> Result<Option<SmsReceipt>, RequestError>;

    /// Parses an inbound message.
    fn parse_inbound(&self, _: &ProviderRequest<'_>) -> Result<InboundSms, RequestError> {
        Err(RequestError::Unsupported)
    }
}

/// Returns the status that a receipt gives a notification, before [`refine`]. `None`: the provider has no such status.
pub fn status(
    source: SmsReceiptSource,
    status: &str,
    code: Option<&str>,
) -> Option<NotificationStatus> {
    match source {
        SmsReceiptSource::Mmg => mmg::statuses::status(status),
        SmsReceiptSource::Firetext => firetext::statuses::status(status),
        SmsReceiptSource::Twilio => twilio::statuses::status(status, code),
        SmsReceiptSource::AmazonSms => end_user_messaging::status(status),
        // The door has translated it by the rule in the settings.
        SmsReceiptSource::Http => status.parse().ok(),
    }
}

/// Returns the meaning of a code beside a status. `None`: the code is unknown.
pub fn detail(source: SmsReceiptSource, status: &str, code: &str) -> Option<&'static str> {
    match source {
        SmsReceiptSource::Mmg => mmg::statuses::detail(status, code),
        SmsReceiptSource::Firetext => firetext::statuses::detail(code),
        SmsReceiptSource::Twilio => twilio::statuses::detail(code),
        SmsReceiptSource::AmazonSms => end_user_messaging::detail(status),
        SmsReceiptSource::Http => None,
    }
}

/// Refines a status by the provider that the message was sent with, the receipt's code and the status before it
/// (`docs/spec/workers.md` §9.1).
pub fn refine(
    status: NotificationStatus,
    sent_by: &str,
    code: Option<&str>,
    before: NotificationStatus,
) -> NotificationStatus {
    // Decided by the provider that has the message, which the source of the receipt need not be.
    match sent_by.parse() {
        Ok(SmsReceiptSource::Firetext) => firetext::statuses::refine(status, code, before),
        Ok(
            SmsReceiptSource::Mmg
            | SmsReceiptSource::Twilio
            | SmsReceiptSource::AmazonSms
            | SmsReceiptSource::Http,
        )
        | Err(_) => status,
    }
}

/// Returns the source of a provider's receipts. One that sends none counts as a gateway, whose statuses are ours.
pub fn source_of(provider: &dyn SmsProvider) -> SmsReceiptSource {
    let by_name = || match provider.name() {
        // As the settings call it unless they say otherwise.
        "sms-v2" => Some(SmsReceiptSource::AmazonSms),
        name => name.parse().ok(),
    };
    let by_rule = provider.receiver().map(SmsReceiver::source);
    by_rule.or_else(by_name).unwrap_or(SmsReceiptSource::Http)
}

/// Returns what a provider would report about a message that ends like this, status and code, in the order in which it would
/// come (`docs/spec/workers.md` §10).
pub fn simulated(
    source: SmsReceiptSource,
    outcome: NotificationStatus,
) -> &'static [(&'static str, Option<&'static str>)] {
    use NotificationStatus::{Delivered, TemporaryFailure};
    match (source, outcome) {
        (SmsReceiptSource::Mmg, Delivered) => &[("3", None)],
        (SmsReceiptSource::Mmg, TemporaryFailure) => &[("4", None)],
        (SmsReceiptSource::Mmg, _) => &[("5", None)],
        (SmsReceiptSource::Firetext, Delivered) => &[("0", None)],
        // With a code, so that it does not depend on the order in which they are processed.
        (SmsReceiptSource::Firetext, TemporaryFailure) => &[("2", None), ("1", Some("102"))],
        (SmsReceiptSource::Firetext, _) => &[("1", None)],
        (SmsReceiptSource::Twilio | SmsReceiptSource::Http, Delivered) => &[("delivered", None)],
        (SmsReceiptSource::Twilio, TemporaryFailure) => &[("undelivered", Some("30003"))],
        (SmsReceiptSource::Twilio, _) => &[("undelivered", Some("30005"))],
        (SmsReceiptSource::AmazonSms, Delivered) => &[("TEXT_DELIVERED", None)],
        (SmsReceiptSource::AmazonSms, TemporaryFailure) => &[("TEXT_UNREACHABLE", None)],
        (SmsReceiptSource::AmazonSms, _) => &[("TEXT_INVALID", None)],
        (SmsReceiptSource::Http, TemporaryFailure) => &[("temporary-failure", None)],
        (SmsReceiptSource::Http, _) => &[("permanent-failure", None)],
    }
}

/// Builds a receipt, or tells which of its required fields, given with their names on the wire, are absent or empty.
pub(super) fn require(
    status: (&'static str, Option<&str>),
    reference: (&'static str, Option<&str>),
    code: Option<&str>,
) -> Result<SmsReceipt, ReceiptError> {
    let present = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let code = present(code);
    match (present(status.1), present(reference.1)) {
        (Some(status), Some(reference)) => Ok(SmsReceipt {
            reference,
            status,
            code,
        }),
        (found_status, found_reference) => {
            let fields = [(status.0, found_status), (reference.0, found_reference)];
            let missing = fields.into_iter().filter(|(_, value)| value.is_none());
            Err(ReceiptError::Missing(
                missing.map(|(name, _)| name).collect(),
            ))
        }
    }
}

/// Parses a time as the providers write it, in UTC.
pub(super) fn parse_time(text: &str) -> Option<Timestamp> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use domain::NotificationStatus as S;

    use super::*;

    #[test]
    fn what_is_simulated_means_what_it_should_for_each_provider() {
        use NotificationStatus::{Delivered, PermanentFailure, Sending, TemporaryFailure};
        for source in [
            SmsReceiptSource::Mmg,
            SmsReceiptSource::Firetext,
            SmsReceiptSource::Twilio,
            SmsReceiptSource::AmazonSms,
            SmsReceiptSource::Http,
        ] {
            for outcome in [Delivered, TemporaryFailure, PermanentFailure] {
                let mut now = Sending;
                for (word, code) in simulated(source, outcome) {
                    let reported = status(source, word, *code).unwrap();
                    now = refine(reported, source.as_str(), *code, now);
                }
                assert_eq!(now, outcome, "{source:?}");
            }
        }
    }

    #[test]
    fn only_messages_sent_by_firetext_are_refined() {
        let refined = |sent_by| refine(S::PermanentFailure, sent_by, Some("102"), S::Pending);
        assert_eq!(refined("mmg"), S::PermanentFailure);
        assert_eq!(refined("fake-sms"), S::PermanentFailure);
        assert_eq!(refined("firetext"), S::TemporaryFailure);
    }

    #[test]
    fn missing_fields_are_named_in_order() {
        let receipt = require(("status", None), ("CID", Some("")), None);
        assert_eq!(receipt, Err(ReceiptError::Missing(vec!["status", "CID"])));
    }
}
