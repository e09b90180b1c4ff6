//! Sources of delivery receipts of text messages.

use crate::words::string_enum;

string_enum! {
    /// A provider of text messages whose receipts are accepted. Its name is stored with receipts that wait to be processed.
    pub enum SmsReceiptSource: "receipt source" {
        /// MMG, which sends receipts as JSON.
        Mmg = "mmg",
        /// Firetext, which sends receipts as a form.
        Firetext = "firetext",
    }
}

impl SmsReceiptSource {
    /// Returns the provider's name as people write it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Mmg => "MMG",
            Self::Firetext => "Firetext",
        }
    }
}
