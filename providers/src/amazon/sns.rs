//! SNS over HTTPS: messages are accepted from listed topics only, and only with a signature of SNS.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use async_trait::async_trait;
use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::{Client, Url};
use serde::Deserialize;
use tokio::sync::OnceCell;
use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject as _};
use tracing::{info, warn};
use webpki::EndEntityCert;

use super::{AmazonEvent, Malformed, parse_events};
use crate::http;

/// Certificates and confirmations are fetched from SNS itself, which answers fast.
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);
/// SNS changes its certificate about once a year.
const MAX_CERTIFICATES: usize = 16;
/// Certificates that are fetched at a time. A caller that knows a topic can name certificates that SNS does not have.
const MAX_FETCHES: usize = 8;

type PublicKey = Arc<[u8]>;

/// Fetches a document from SNS.
#[async_trait]
pub trait Fetch: Send + Sync {
    /// Returns the body of a successful response.
    async fn get(&self, url: &str) -> Result<Vec<u8>, FetchError>;
}

/// A document that cannot be fetched now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("SNS does not answer")]
pub struct FetchError;

/// Fetches over HTTPS. The client is built when it is first needed.
#[derive(Default)]
struct HttpFetch(OnceCell<Client>);

#[async_trait]
impl Fetch for HttpFetch {
    async fn get(&self, url: &str) -> Result<Vec<u8>, FetchError> {
        let client = self
            .0
            .get_or_try_init(async || http::client("sns", FETCH_TIMEOUT));
        let client = client.await.map_err(|_| FetchError)?;
        let reply = http::send_request(client.get(url)).await;
        let reply = reply.map_err(|_| FetchError)?;
        if !reply.status.is_success() {
            return Err(FetchError);
        }
        reply.into_body().ok_or(FetchError)
    }
}

/// What a message of SNS came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnsMessage {
    /// Events to record.
    Events(Vec<AmazonEvent>),
    /// The subscription is confirmed: events follow.
    Confirmed,
    /// The subscription has ended.
    Unsubscribed,
}

/// Why a message of SNS is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SnsError {
    /// It is no message of SNS, or its content is no event.
    #[error("the body is no message of SNS")]
    Malformed,
    /// Its topic is not in the settings.
    #[error("the topic is not in the settings")]
    UnknownTopic,
    /// SNS has not signed it.
    #[error("the signature does not verify")]
    BadSignature,
    /// The certificate cannot be fetched, or the subscription not confirmed. SNS tries again.
    #[error(transparent)]
    Unavailable(#[from] FetchError),
}

impl From<Malformed> for SnsError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// Receives the messages of SNS. Cheap to clone.
#[derive(Clone)]
pub struct Sns {
    topics: Arc<[String]>,
    fetch: Arc<dyn Fetch>,
    keys: Arc<Mutex<Keys>>,
}

/// Public keys of certificates, by URL.
#[derive(Default)]
struct Keys {
    known: BTreeMap<String, PublicKey>,
    /// What callers of the same certificate wait for, so that a flood fetches it once. It goes with the last of them.
    fetching: BTreeMap<String, Weak<Fetching>>,
}

type Fetching = OnceCell<Result<PublicKey, SnsError>>;

/// A key, or what to wait for.
enum Lookup {
    Known(PublicKey),
    Fetching(Arc<Fetching>),
}

impl fmt::Debug for Sns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sns")
            .field("topics", &self.topics)
            .finish_non_exhaustive()
    }
}

impl Default for Sns {
    /// Refuses the messages of all topics.
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope {
    #[serde(rename = "Type")]
    kind: String,
    message: String,
    message_id: String,
    subject: Option<String>,
    timestamp: String,
    topic_arn: String,
    token: Option<String>,
    #[serde(rename = "SubscribeURL")]
    subscribe_url: Option<String>,
    signature_version: String,
    signature: String,
    #[serde(rename = "SigningCertURL", alias = "SigningCertUrl")]
    signing_cert_url: String,
}

impl Sns {
    /// Receives messages of these topics.
    pub fn new(topics: Vec<String>) -> Self {
        Self::with_fetch(topics, Arc::new(HttpFetch::default()))
    }

    /// Receives messages of these topics, with a means of fetching for tests.
    pub fn with_fetch(topics: Vec<String>, fetch: Arc<dyn Fetch>) -> Self {
        Self {
            topics: topics.into(),
            fetch,
            keys: Arc::default(),
        }
    }

    /// Verifies a message and returns its events. A subscription is confirmed before this returns.
    pub async fn receive(&self, body: &[u8]) -> Result<SnsMessage, SnsError> {
        let envelope: Envelope = serde_json::from_slice(body).map_err(|_| SnsError::Malformed)?;
        // Before anything is fetched: a stranger must not be able to make us call out.
        if !self.topics.contains(&envelope.topic_arn) {
            return Err(SnsError::UnknownTopic);
        }
        self.verify(&envelope).await?;
        let topic = &envelope.topic_arn;
        match envelope.kind.as_str() {
            "Notification" => Ok(SnsMessage::Events(parse_events(
                envelope.message.as_bytes(),
            )?)),
            "SubscriptionConfirmation" => {
                let url = envelope.subscribe_url.as_deref().unwrap_or_default();
                // The URL is signed, but it is still only followed to SNS itself.
                sns_url(url, topic).ok_or(SnsError::BadSignature)?;
                self.fetch.get(url).await?;
                info!("confirmed the subscription to {topic}");
                Ok(SnsMessage::Confirmed)
            }
            "UnsubscribeConfirmation" => {
                warn!(
                    "the subscription to {topic} has ended: receipts through it no longer arrive. Subscribe again unless \
                     this was intended"
                );
                Ok(SnsMessage::Unsubscribed)
            }
            _ => Err(SnsError::Malformed),
        }
    }

    async fn verify(&self, envelope: &Envelope) -> Result<(), SnsError> {
        let algorithm = match envelope.signature_version.as_str() {
            "1" => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            "2" => &RSA_PKCS1_2048_8192_SHA256,
            _ => return Err(SnsError::BadSignature),
        };
        let signature = STANDARD.decode(&envelope.signature);
        let signature = signature.map_err(|_| SnsError::BadSignature)?;
        let signed = envelope.signed_text().ok_or(SnsError::Malformed)?;
        let key = self.key(envelope).await?;
        UnparsedPublicKey::new(algorithm, &*key)
            .verify(signed.as_bytes(), &signature)
            .map_err(|_| SnsError::BadSignature)
    }

    /// Returns the public key that a message names, from a certificate of SNS.
    async fn key(&self, envelope: &Envelope) -> Result<PublicKey, SnsError> {
        let address = &envelope.signing_cert_url;
        let url = sns_url(address, &envelope.topic_arn).ok_or(SnsError::BadSignature)?;
        // Exactly as Amazon writes it: another spelling is none of its certificates.
        if url.path().strip_suffix(".pem").is_none() {
            return Err(SnsError::BadSignature);
        }
        // The lock is free again while one is fetched: callers with other certificates do not wait.
        let found = self.lock_keys().look_up(address)?;
        match found {
            Lookup::Known(key) => Ok(key),
            Lookup::Fetching(fetching) => {
                let key = fetching.get_or_init(async || self.fetch_key(address).await);
                key.await.clone()
            }
        }
    }

    async fn fetch_key(&self, address: &str) -> Result<PublicKey, SnsError> {
        let pem = self.fetch.get(address).await?;
        // TLS vouches for the certificate: it comes from SNS's own host.
        let key = public_key(&pem).ok_or(SnsError::BadSignature)?;
        self.lock_keys().insert(address, &key);
        Ok(key)
    }

    fn lock_keys(&self) -> std::sync::MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keys {
    fn look_up(&mut self, address: &str) -> Result<Lookup, FetchError> {
        if let Some(key) = self.known.get(address) {
            return Ok(Lookup::Known(key.clone()));
        }
        self.fetching
            .retain(|_, fetching| fetching.strong_count() > 0);
        let same = self.fetching.get(address).and_then(Weak::upgrade);
        if let Some(fetching) = same {
            return Ok(Lookup::Fetching(fetching));
        }
        if self.fetching.len() >= MAX_FETCHES {
            return Err(FetchError);
        }
        let fetching = Arc::default();
        self.fetching
            .insert(address.to_owned(), Arc::downgrade(&fetching));
        Ok(Lookup::Fetching(fetching))
    }

    fn insert(&mut self, address: &str, key: &PublicKey) {
        if self.known.len() >= MAX_CERTIFICATES {
            self.known.clear();
        }
        self.known.insert(address.to_owned(), key.clone());
    }
}

impl Envelope {
    /// Returns the text that SNS signs; `None` if the message lacks a part of it.
    fn signed_text(&self) -> Option<String> {
        let mut fields = vec![
            ("Message", self.message.as_str()),
            ("MessageId", &self.message_id),
        ];
        if self.kind == "Notification" {
            fields.extend(self.subject.as_deref().map(|subject| ("Subject", subject)));
            fields.push(("Timestamp", &self.timestamp));
        } else {
            fields.push(("SubscribeURL", self.subscribe_url.as_deref()?));
            fields.push(("Timestamp", &self.timestamp));
            fields.push(("Token", self.token.as_deref()?));
        }
        fields.extend([
            ("TopicArn", self.topic_arn.as_str()),
            ("Type", self.kind.as_str()),
        ]);
        let lines = fields
            .iter()
            .map(|(name, value)| format!("{name}\n{value}\n"));
        Some(lines.collect())
    }
}

/// Parses a URL of SNS in the region of a topic: `https://sns.<region>.amazonaws.com/…`, or `None` if it is another.
fn sns_url(text: &str, topic: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let mut arn = topic.split(':');
    let (partition, region) = (arn.nth(1)?, arn.nth(1)?);
    let is_region = region
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let suffix = if partition == "aws-cn" { ".cn" } else { "" };
    let is_sns = url.host_str() == Some(&format!("sns.{region}.amazonaws.com{suffix}"));
    let is_plain = url.port().is_none() && url.username().is_empty() && url.password().is_none();
    (url.scheme() == "https" && is_region && is_sns && is_plain).then_some(url)
}

/// Returns whether a URL is one of SNS, in any region, by which a subscription is confirmed.
pub fn is_confirmation_url(text: &str) -> bool {
    let host = Url::parse(text)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned));
    let region = host.as_deref().and_then(|host| host.split('.').nth(1));
    let of_region = |partition| {
        let topic = format!("arn:{partition}:sns:{}:0:t", region.unwrap_or_default());
        sns_url(text, &topic).is_some()
    };
    of_region("aws") || of_region("aws-cn")
}

/// Returns the public key of a certificate in PEM.
fn public_key(pem: &[u8]) -> Option<PublicKey> {
    let certificate = CertificateDer::from_pem_slice(pem).ok()?;
    let parsed = EndEntityCert::try_from(&certificate).ok()?;
    Some(parsed.subject_public_key_info().as_ref().into())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const TOPIC: &str = "arn:aws:sns:eu-west-2:123456789012:receipts";

    #[test]
    fn a_subscription_is_confirmed_at_sns_and_nowhere_else() {
        for (url, is_sns) in [
            (
                "https://sns.eu-west-2.amazonaws.com/?Action=ConfirmSubscription",
                true,
            ),
            ("https://sns.cn-north-1.amazonaws.com.cn/", true),
            ("http://sns.eu-west-2.amazonaws.com/", false),
            ("https://sns.eu-west-2.amazonaws.com.evil.example/", false),
            ("https://evil.example/", false),
            ("", false),
        ] {
            assert_eq!(is_confirmation_url(url), is_sns, "{url}");
        }
    }

    #[test]
    fn only_urls_of_sns_in_the_region_of_the_topic_are_followed() {
        let path = "SimpleNotificationService-0.pem";
        assert!(
            sns_url(
                &format!("https://sns.eu-west-2.amazonaws.com/{path}"),
                TOPIC
            )
            .is_some()
        );
        for host in [
            "http://sns.eu-west-2.amazonaws.com",
            "https://sns.eu-west-2.amazonaws.com.evil.example",
            "https://evil.example/sns.eu-west-2.amazonaws.com",
            "https://sns.eu-west-2.amazonaws.com@evil.example",
            "https://ada@sns.eu-west-2.amazonaws.com",
            "https://sns.eu-west-2.amazonaws.com:8443",
            "https://sns.us-east-1.amazonaws.com",
            "https://s3.eu-west-2.amazonaws.com",
            "https://169.254.169.254",
            "sns.eu-west-2.amazonaws.com",
        ] {
            assert!(
                sns_url(&format!("{host}/{path}"), TOPIC).is_none(),
                "{host}"
            );
        }
        assert!(sns_url("https://sns.x.amazonaws.com/", "arn:aws:sns:x/../y:1:t").is_none());
        let chinese = "https://sns.cn-north-1.amazonaws.com.cn/";
        assert!(sns_url(chinese, "arn:aws-cn:sns:cn-north-1:1:t").is_some());
    }

    /// SNS that does not answer for certificates named `slow`.
    #[derive(Default)]
    struct SlowSns(AtomicUsize);

    #[async_trait]
    impl Fetch for SlowSns {
        async fn get(&self, url: &str) -> Result<Vec<u8>, FetchError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            if url.contains("slow") {
                tokio::time::sleep(FETCH_TIMEOUT).await;
                return Err(FetchError);
            }
            let key = rcgen::generate_simple_self_signed(["sns.example".to_owned()]).unwrap();
            Ok(key.cert.pem().into_bytes())
        }
    }

    fn signed_with(certificate: &str) -> Envelope {
        serde_json::from_value(serde_json::json!({
            "Type": "Notification", "Message": "", "MessageId": "", "Timestamp": "", "TopicArn": TOPIC,
            "SignatureVersion": "2", "Signature": "",
            "SigningCertURL": format!("https://sns.eu-west-2.amazonaws.com/{certificate}.pem"),
        }))
        .unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn only_callers_of_the_same_certificate_wait_for_it() {
        let fetch = Arc::new(SlowSns::default());
        let sns = Sns::with_fetch(vec![TOPIC.to_owned()], fetch.clone());
        let slow = signed_with("slow");
        let (one, another) = tokio::join!(
            async { tokio::join!(sns.key(&slow), sns.key(&slow)) },
            async {
                // After the slow ones have begun.
                tokio::task::yield_now().await;
                let started = tokio::time::Instant::now();
                let key = sns.key(&signed_with("good")).await;
                (key, started.elapsed())
            }
        );
        assert!(another.0.is_ok() && another.1 < FETCH_TIMEOUT / 10);
        assert!(one.0.is_err() && one.1.is_err());
        assert_eq!(
            fetch.0.load(Ordering::Relaxed),
            2,
            "each certificate is fetched once"
        );
        // A failure is not remembered.
        assert!(sns.key(&slow).await.is_err());
        assert_eq!(fetch.0.load(Ordering::Relaxed), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_unknown_certificates_is_fetched_a_few_at_a_time() {
        let fetch = Arc::new(SlowSns::default());
        let sns = Sns::with_fetch(vec![TOPIC.to_owned()], fetch.clone());
        sns.key(&signed_with("good")).await.unwrap();
        let mut flood = tokio::task::JoinSet::new();
        for number in 0..100 {
            let (sns, envelope) = (sns.clone(), signed_with(&format!("slow{number}")));
            flood.spawn(async move { sns.key(&envelope).await.is_err() });
        }
        assert!(flood.join_all().await.into_iter().all(|failed| failed));
        assert_eq!(fetch.0.load(Ordering::Relaxed), 1 + MAX_FETCHES);
        assert!(sns.key(&signed_with("good")).await.is_ok());
    }
}
