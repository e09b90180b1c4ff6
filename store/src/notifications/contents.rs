//! Personal data of a notification, sealed as one value and bound to the id of its row.

use domain::{NotificationId, Private};
use serde::{Deserialize, Serialize};

use crate::Keyring;

/// Personal data of a notification; sealed as one value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contents {
    /// Recipient as given in the request (`docs/spec/public-api.md` §12.4).
    #[serde(rename = "to", with = "private")]
    pub recipient: Private<String>,
    /// Recipient in the form used for sending and comparing.
    #[serde(rename = "norm", with = "private")]
    pub normalised: Private<String>,
    /// Values of the placeholders as given in the request.
    #[serde(rename = "values", with = "private", default)]
    pub personalisation: Private<serde_json::Map<String, serde_json::Value>>,
    /// URL for one-click unsubscribing, if the service gave one.
    #[serde(rename = "unsub", default, skip_serializing_if = "Option::is_none")]
    pub unsubscribe_url: Option<String>,
}

impl Contents {
    /// Returns the contents of an erased notification.
    pub fn erased() -> Self {
        Self {
            recipient: String::new().into(),
            normalised: String::new().into(),
            personalisation: serde_json::Map::new().into(),
            unsubscribe_url: None,
        }
    }

    /// Returns whether the contents were erased. No notification is accepted without a recipient, so an empty one
    /// means erasure.
    pub fn is_erased(&self) -> bool {
        self.recipient.reveal().is_empty() && self.normalised.reveal().is_empty()
    }
}

mod private {
    use domain::Private;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(
        value: &Private<T>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        value.reveal().serialize(to)
    }

    pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Private<T>, D::Error> {
        T::deserialize(from).map(Private::new)
    }
}

pub(super) fn seal(keyring: &Keyring, id: NotificationId, contents: &Contents) -> Vec<u8> {
    let plain = serde_json::to_vec(contents).expect("texts and JSON values are writable");
    // Bound to the id, so that a row with exchanged contents does not open.
    keyring.seal(id.as_uuid().as_bytes(), &plain)
}
