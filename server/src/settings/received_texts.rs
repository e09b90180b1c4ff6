//! Inbound SMS: who may deliver them, and which words are read in them.

use ::providers::Secret;
use schemars::JsonSchema;
use serde::Deserialize;

use super::split_list;

/// Credentials with which SMS providers deliver inbound SMS.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReceivedTexts {
    /// User names of MMG. Without one, MMG cannot deliver inbound SMS.
    #[schemars(with = "Option<String>")]
    pub mmg_users: Option<Secret>,
    /// Passwords of MMG.
    #[schemars(with = "Option<String>")]
    pub mmg_passwords: Option<Secret>,
    /// Passwords of Firetext, whose user name is `notify`. Without one, Firetext cannot deliver inbound SMS.
    #[schemars(with = "Option<String>")]
    pub firetext_passwords: Option<Secret>,
    /// Words, separated by commas, with which people ask a service to stop: a text message that consists of one of them
    /// puts its sender on the suppression list of the service. Empty to read none.
    pub stop_words: String,
    /// Words, separated by commas, that take back an earlier STOP.
    pub start_words: String,
}

impl Default for ReceivedTexts {
    fn default() -> Self {
        let app::SmsKeywords { stop, start } = app::SmsKeywords::default();
        Self {
            mmg_users: None,
            mmg_passwords: None,
            firetext_passwords: None,
            stop_words: stop.join(","),
            start_words: start.join(","),
        }
    }
}

impl ReceivedTexts {
    pub(super) fn keywords(&self) -> app::SmsKeywords {
        let words = |list: &str| {
            let all = list.split(',').map(str::trim);
            all.filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect()
        };
        app::SmsKeywords {
            stop: words(&self.stop_words),
            start: words(&self.start_words),
        }
    }

    /// Returns the credentials as `api` takes them.
    pub(crate) fn credentials(&self) -> api::InboundSmsCredentials {
        api::InboundSmsCredentials {
            mmg_users: split_list(self.mmg_users.as_ref()),
            mmg_passwords: split_list(self.mmg_passwords.as_ref()),
            firetext_passwords: split_list(self.firetext_passwords.as_ref()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_separated_by_commas() {
        let received_texts = ReceivedTexts {
            firetext_passwords: Some("old, new,".into()),
            ..ReceivedTexts::default()
        };
        let credentials = received_texts.credentials();
        let passwords: Vec<_> = credentials
            .firetext_passwords
            .iter()
            .map(|one| one.reveal().as_str())
            .collect();
        assert_eq!(passwords, ["old", "new"]);
        assert!(credentials.mmg_passwords.is_empty());
    }
}
