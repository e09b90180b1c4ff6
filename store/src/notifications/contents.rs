//! What is personal in a message: sealed as one piece, with the id of its row.

use domain::{NotificationId, Private};
use serde::{Deserialize, Serialize};

use crate::Keyring;

/// What is personal in a notification; sealed as one piece.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contents {
    /// The recipient as it was given (`docs/spec/public-api.md` §12.4).
    #[serde(rename = "to", with = "private")]
    pub recipient: Private<String>,
    /// The recipient for sending and comparing.
    #[serde(rename = "norm", with = "private")]
    pub normalised: Private<String>,
    /// The values of the placeholders, as they were given.
    #[serde(rename = "values", with = "private", default)]
    pub personalisation: Private<serde_json::Map<String, serde_json::Value>>,
    /// Where one click unsubscribes, if the service said.
    #[serde(rename = "unsub", default, skip_serializing_if = "Option::is_none")]
    pub unsubscribe_url: Option<String>,
}

impl Contents {
    /// What is left of a recipient who was erased.
    pub fn erased() -> Self {
        Self {
            recipient: String::new().into(),
            normalised: String::new().into(),
            personalisation: serde_json::Map::new().into(),
            unsubscribe_url: None,
        }
    }

    /// Whether its recipient was erased: no message is accepted to nobody.
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

pub(super) fn seal(vault: &Keyring, id: NotificationId, contents: &Contents) -> Vec<u8> {
    let plain = serde_json::to_vec(contents).expect("texts and JSON values are writable");
    vault.seal(id.as_uuid().as_bytes(), &plain)
}
