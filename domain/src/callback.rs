use crate::words::words;

words! {
    /// What a service may want to be told at a URL of its own (`docs/spec/public-api.md` §24.1).
    CallbackKind, "kind of callback" {
        /// How a message ended.
        DeliveryStatus = "delivery_status",
        /// A text was received.
        InboundSms = "inbound_sms",
        /// The post brought a letter back.
        ReturnedLetter = "returned_letter",
        /// A recipient complained about an e-mail.
        Complaint = "complaint",
    }
}
