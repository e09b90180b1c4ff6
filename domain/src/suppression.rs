//! Why a recipient is on the suppression list.

use crate::words::string_enum;

string_enum! {
    /// Why nothing is sent to a recipient.
    pub enum SuppressionReason: "reason for a suppression" {
        /// An e-mail to the address came back for good.
        HardBounce = "hard-bounce",
        /// The recipient complained to their mail provider.
        Complaint = "complaint",
        /// The recipient answered a text message with STOP.
        Stop = "stop",
        /// A person added it.
        Manual = "manual",
    }
}
