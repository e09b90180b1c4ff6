//! Sources of delivery receipts of text messages.

use crate::words::words;

words! {
    /// A provider of text messages whose receipts are accepted. Its name is stored with receipts that wait to be processed.
    SmsReceiptSource, "receipt source" {
        /// MMG.
        Mmg = "mmg",
        /// Firetext.
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
