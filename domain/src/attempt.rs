use crate::words::string_enum;

string_enum! {
    /// What became of an attempt to send a message through a provider.
    pub enum AttemptOutcome: "outcome of an attempt" {
        /// The provider has the message.
        Accepted = "accepted",
        /// The provider limits our rate.
        Throttled = "throttled",
        /// The provider cannot be reached, fails, or refuses our credentials.
        Unavailable = "unavailable",
        /// The recipient takes no messages now.
        RecipientUnavailable = "recipient-unavailable",
        /// The provider refuses the recipient for good.
        RecipientRejected = "recipient-rejected",
        /// The provider refuses the content for good.
        MessageRejected = "message-rejected",
        /// The provider may have the message: no answer came, or none was recorded.
        Unknown = "unknown",
        /// The program failed while it called the provider.
        Panicked = "panicked",
    }
}
