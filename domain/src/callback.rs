use crate::words::string_enum;

string_enum! {
    /// Event that a service can receive at a URL of its own (`docs/spec/public-api.md` §24.1).
    pub enum CallbackKind: "kind of callback" {
        /// A notification reached a final status.
        DeliveryStatus = "delivery_status",
        /// A text message was received.
        InboundSms = "inbound_sms",
        /// A letter was returned to sender.
        ReturnedLetter = "returned_letter",
        /// A recipient complained about an e-mail.
        Complaint = "complaint",
        /// A recipient asked to be sent no more, by the link of an e-mail.
        UnsubscribeRequest = "unsubscribe_request",
    }
}

string_enum! {
    /// What an attempt to call a service back came to.
    pub enum CallbackOutcome: "outcome of a callback" {
        /// The service answered with a success.
        Delivered = "delivered",
        /// It failed, and another attempt follows.
        Retry = "retry",
        /// The service answered that it does not want it.
        Refused = "refused",
        /// It failed, and was the last attempt.
        GivenUp = "given-up",
        /// Not attempted, because the endpoint is paused.
        Held = "held",
    }
}
