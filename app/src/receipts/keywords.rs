//! Keywords in inbound SMS: STOP and START change the suppression list of the service.

use domain::{Channel, ServiceId, SuppressionReason, Timestamp};
use store::{Tx, suppressions::HashKey};
use tracing::info;

use crate::{
    App,
    settings::SmsKeywords,
    suppression::{self, Actor, NewSuppression},
};

/// What a text message asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keyword {
    Stop,
    Start,
}

impl Keyword {
    /// Returns the keyword that the whole of a text is; people add punctuation, and phones capital letters.
    pub(super) fn find(keywords: &SmsKeywords, text: &str) -> Option<Self> {
        let word = text.trim_matches(|c: char| !c.is_alphanumeric());
        let is_one_of = |words: &[String]| words.iter().any(|one| one.eq_ignore_ascii_case(word));
        if is_one_of(&keywords.stop) {
            Some(Self::Stop)
        } else if is_one_of(&keywords.start) {
            Some(Self::Start)
        } else {
            None
        }
    }

    /// Does what the sender of a text message asks for, in the transaction that stores the message.
    pub(super) async fn apply(
        self,
        app: &App,
        tx: &mut Tx,
        key: &HashKey,
        (service, number): (ServiceId, &str),
        now: Timestamp,
    ) -> Result<(), store::Error> {
        match self {
            Self::Stop => {
                let new = NewSuppression {
                    service,
                    channel: Channel::Sms,
                    recipient: number.to_owned().into(),
                    reason: SuppressionReason::Stop,
                    notification: None,
                };
                let added = suppression::insert(app, tx, key, &new, Actor::Recipient, now).await?;
                if added.is_some() {
                    info!(service.id = %service, "a recipient asked service {service} to stop");
                }
            }
            // What the service or a bounce has added stays: the recipient can only take back their own STOP.
            Self::Start => {
                if suppression::lift_stop(app, tx, key, service, number, now).await? {
                    info!(service.id = %service, "a recipient asked service {service} to start again");
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyword_is_the_whole_text() {
        let keywords = SmsKeywords::default();
        for (text, keyword) in [
            ("STOP", Some(Keyword::Stop)),
            (" stop. ", Some(Keyword::Stop)),
            ("\"Stop\"!", Some(Keyword::Stop)),
            ("unsubscribe", Some(Keyword::Stop)),
            ("Start", Some(Keyword::Start)),
            ("Stop at the library", None),
            ("Please stop", None),
            ("", None),
            ("...", None),
        ] {
            assert_eq!(Keyword::find(&keywords, text), keyword, "{text}");
        }
    }
}
