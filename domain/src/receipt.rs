//! Sources of delivery receipts.

use crate::words::string_enum;

string_enum! {
    /// A provider of text messages whose receipts are accepted. Its name is stored with receipts that wait to be processed.
    pub enum SmsReceiptSource: "receipt source" {
        /// MMG, which sends receipts as JSON.
        Mmg = "mmg",
        /// Firetext, which sends receipts as a form.
        Firetext = "firetext",
        /// Twilio, which sends receipts as a signed form.
        Twilio = "twilio",
        /// AWS End User Messaging SMS, which sends events through SNS or EventBridge.
        AmazonSms = "amazon-sms",
        /// An HTTP gateway whose receipts the settings describe. Its statuses are ours.
        Http = "http",
    }
}

impl SmsReceiptSource {
    /// Returns the provider's name as people write it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Mmg => "MMG",
            Self::Firetext => "Firetext",
            Self::Twilio => "Twilio",
            Self::AmazonSms => "Amazon SMS",
            Self::Http => "SMS gateway",
        }
    }
}

string_enum! {
    /// A source of receipts of e-mails. Its name is stored with receipts that wait to be processed.
    pub enum EmailReceiptSource: "receipt source" {
        /// Amazon SES, which sends events through SNS.
        Ses = "ses",
        /// Delivery status notifications (RFC 3464), which mail servers send.
        Dsn = "dsn",
    }
}

impl EmailReceiptSource {
    /// Returns the name of the source as people write it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Ses => "SES",
            Self::Dsn => "DSN",
        }
    }
}
