//! Signatures by which a service knows that a callback is ours and was not changed, in the form of Standard Webhooks
//! (<https://www.standardwebhooks.com>).

use aws_lc_rs::hmac;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use domain::{CallbackKind, Private, RandomSource, Timestamp};
use uuid::Uuid;

use crate::tasks::CallbackEvent;

/// Begins every secret, as the standard says.
const PREFIX: &str = "whsec_";
/// The standard asks for 24 to 64 bytes.
const SECRET_BYTES: usize = 32;

/// Returns a new secret, in the form that its service stores.
pub(super) fn new_secret(random: &dyn RandomSource) -> Private<String> {
    let mut bytes = [0; SECRET_BYTES];
    random.fill(&mut bytes);
    format!("{PREFIX}{}", BASE64_STANDARD.encode(bytes)).into()
}

/// Returns the id of a message. It is the same for all attempts, so that a receiver recognises repeats.
pub(super) fn message_id(kind: CallbackKind, event: &CallbackEvent) -> String {
    let status = event.status.map_or("", domain::NotificationStatus::as_str);
    let name = format!("{} {} {status}", kind.as_str(), event.id);
    format!(
        "msg_{}",
        Uuid::new_v5(&Uuid::nil(), name.as_bytes()).simple()
    )
}

/// Returns the headers that sign a body: one signature for each secret.
pub(super) fn headers(
    secrets: &[Private<String>],
    message_id: String,
    now: Timestamp,
    body: &[u8],
) -> Vec<(&'static str, Private<String>)> {
    let timestamp = now.unix_seconds().to_string();
    let signed = [
        message_id.as_bytes(),
        b".",
        timestamp.as_bytes(),
        b".",
        body,
    ]
    .concat();
    let signatures: Vec<String> = secrets
        .iter()
        .filter_map(|secret| sign(secret.reveal(), &signed))
        .collect();
    let mut headers = vec![
        ("webhook-id", message_id.into()),
        ("webhook-timestamp", timestamp.into()),
    ];
    if !signatures.is_empty() {
        headers.push(("webhook-signature", signatures.join(" ").into()));
    }
    headers
}

fn sign(secret: &str, signed: &[u8]) -> Option<String> {
    let key = BASE64_STANDARD.decode(secret.strip_prefix(PREFIX)?).ok()?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let tag = BASE64_STANDARD.encode(hmac::sign(&key, signed));
    Some(format!("v1,{tag}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_signed_as_the_standard_says() {
        // The example of the standard's own libraries.
        let secret = Private::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let headers = headers(
            &[secret],
            "msg_p5jXN8AQM9LWM0D4loKWxJek".to_owned(),
            Timestamp::from_unix_seconds(1_614_265_330),
            br#"{"test": 2432232314}"#,
        );
        let signature = headers
            .iter()
            .find(|(name, _)| *name == "webhook-signature");
        assert_eq!(
            signature.unwrap().1.reveal(),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn each_live_secret_signs_and_without_one_nothing_does() {
        #[derive(Debug)]
        struct Constant(u8);
        impl RandomSource for Constant {
            fn fill(&self, bytes: &mut [u8]) {
                bytes.fill(self.0);
            }
        }
        let secrets = [new_secret(&Constant(1)), new_secret(&Constant(2))];
        let now = Timestamp::from_unix_seconds(1);
        let with = |secrets: &[_]| headers(secrets, "msg_1".to_owned(), now, b"{}");
        let signatures = with(&secrets).remove(2).1.into_inner();
        let signatures: Vec<_> = signatures.split(' ').collect();
        assert_eq!(signatures.len(), 2);
        assert_ne!(signatures[0], signatures[1]);
        assert!(signatures.iter().all(|one| one.starts_with("v1,")));
        assert_eq!(with(&[]).len(), 2);
    }

    #[test]
    fn a_message_id_is_that_of_the_event() {
        use domain::NotificationStatus::{Delivered, TechnicalFailure};
        let event = |id: u128, status| CallbackEvent {
            status: Some(status),
            ..CallbackEvent::about(Uuid::from_u128(id))
        };
        let id = |event| message_id(CallbackKind::DeliveryStatus, &event);
        assert_eq!(id(event(1, Delivered)), id(event(1, Delivered)));
        assert_ne!(id(event(1, Delivered)), id(event(1, TechnicalFailure)));
        assert_ne!(id(event(1, Delivered)), id(event(2, Delivered)));
    }
}
