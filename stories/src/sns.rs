//! A fake of SNS, which signs messages as SNS does and serves its certificate.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use aws_lc_rs::{rand::SystemRandom, rsa::KeyPair, signature};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use providers::amazon::sns::{Fetch, FetchError, Sns};
use serde_json::{Value, json};

/// The topic that the platform of the stories accepts.
pub const SNS_TOPIC: &str = "arn:aws:sns:eu-west-2:123456789012:receipts";

const CERTIFICATE_URL: &str = "https://sns.eu-west-2.amazonaws.com/SimpleNotificationService-0.pem";
const CERTIFICATE: &[u8] = include_bytes!("sns/certificate.pem");
const KEY: &[u8] = include_bytes!("sns/key.der");

/// A fake of SNS.
#[derive(Debug, Default)]
pub struct FakeSns {
    fetched: Mutex<Vec<String>>,
    is_down: AtomicBool,
}

impl FakeSns {
    /// Returns the receiver of a platform that this SNS delivers to.
    pub fn receiver(self: &Arc<Self>) -> Sns {
        Sns::with_fetch(vec![SNS_TOPIC.to_owned()], self.clone())
    }

    /// Returns the URLs that the platform has fetched.
    pub fn fetched(&self) -> Vec<String> {
        let fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        fetched.clone()
    }

    /// Makes it answer nothing, or answer again.
    pub fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::Relaxed);
    }

    /// Returns a message with a signature of version 1, which only OpenSSL could still make.
    pub fn message_of_version_1() -> Value {
        serde_json::from_slice(include_bytes!("sns/version_1.json")).expect("it is JSON")
    }

    /// Returns a signed message of this type.
    pub fn message(kind: &str, message: &str) -> Value {
        let mut envelope = json!({
            "Type": kind,
            "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": SNS_TOPIC,
            "Message": message,
            "Timestamp": "2026-03-02T09:00:00.000Z",
            "SignatureVersion": "2",
            "SigningCertURL": CERTIFICATE_URL,
        });
        let names: &[&str] = if kind == "Notification" {
            envelope["Subject"] = "Amazon SES Email Event Notification".into();
            &[
                "Message",
                "MessageId",
                "Subject",
                "Timestamp",
                "TopicArn",
                "Type",
            ]
        } else {
            envelope["Token"] = "a-token".into();
            envelope["SubscribeURL"] =
                "https://sns.eu-west-2.amazonaws.com/?Action=ConfirmSubscription&Token=a-token"
                    .into();
            &[
                "Message",
                "MessageId",
                "SubscribeURL",
                "Timestamp",
                "Token",
                "TopicArn",
                "Type",
            ]
        };
        let lines = names.iter().map(|name| {
            let value = envelope[*name].as_str().unwrap_or_default();
            format!("{name}\n{value}\n")
        });
        let text: String = lines.collect();
        envelope["Signature"] = sign(&text).into();
        envelope
    }
}

fn sign(text: &str) -> String {
    let key = KeyPair::from_pkcs8(KEY).expect("the key is good");
    let mut signed = vec![0; key.public_modulus_len()];
    let encoding = &signature::RSA_PKCS1_SHA256;
    key.sign(encoding, &SystemRandom::new(), text.as_bytes(), &mut signed)
        .expect("the key can sign");
    STANDARD.encode(signed)
}

#[async_trait]
impl Fetch for FakeSns {
    async fn get(&self, url: &str) -> Result<Vec<u8>, FetchError> {
        if self.is_down.load(Ordering::Relaxed) {
            return Err(FetchError);
        }
        let mut fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        fetched.push(url.to_owned());
        Ok(CERTIFICATE.to_vec())
    }
}
