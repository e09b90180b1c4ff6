//! The conformance suite: what every provider must do, whatever its wire protocol.
//!
//! To add a provider, implement [`Subject`] over a fake of its wire protocol, and add one line to the table at the end.

pub(crate) mod dvla;
mod firetext;
mod http;
mod mmg;
mod ses;
mod sink;
mod sms_v2;
mod smtp;

use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;
use pillarbox_providers::{RejectReason, SendError, SendReceipt};
use tokio::{sync::Notify, time};
use uuid::Uuid;

/// What the fake does with the next message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Accept,
    /// Replies that the rate limit is exceeded.
    Throttle,
    /// Refuses the recipient for good, quoting it.
    RefuseRecipient,
    /// Refuses the content for good, quoting it.
    RefuseMessage,
    /// Receives the whole message and never replies.
    Hang,
    /// Receives the whole message and closes the connection without a reply.
    CloseAfterAccepting,
    /// Fails temporarily.
    ServerError,
    /// Receives the whole message and replies with something that is not its protocol.
    Garbage,
}

/// A provider with a fake of its wire protocol. The fake remembers what it received.
#[async_trait]
pub(crate) trait Subject: Send + Sync + 'static {
    /// Whether the provider gives each message an id of its own.
    const NAMES_MESSAGES: bool = true;

    /// What a refused recipient is reported as. Where a provider only refuses what is no address at all, it is the message.
    const REFUSED_RECIPIENT: RejectReason = RejectReason::Recipient;

    async fn start() -> Self;

    /// Sets the behaviour for the next message.
    fn next(&self, behaviour: Behaviour);

    /// Sends a message with this id to one of the recipients [`PERSONAL`], through the provider.
    async fn send(&self, id: Uuid) -> Result<SendReceipt, SendError>;

    /// Returns the references of the messages that were received completely, in order.
    fn received(&self) -> Vec<Uuid>;

    /// Notified when the fake hangs.
    fn hanging(&self) -> &Notify;
}

/// Personal data in the test messages, which fakes quote in their errors.
const PERSONAL: [&str; 3] = ["7700900123", "ada@example.com", "Friday"];

const FIRST: Uuid = Uuid::from_u128(1);
const SECOND: Uuid = Uuid::from_u128(2);

async fn accepts_a_message<S: Subject>() {
    let subject = S::start().await;
    subject.next(Behaviour::Accept);
    let receipt = subject.send(FIRST).await.unwrap();
    let is_named = receipt.reference.is_some_and(|it| !it.is_empty());
    assert_eq!(is_named, S::NAMES_MESSAGES);
    assert_eq!(subject.received(), [FIRST]);
}

async fn repeats_the_reference_of_a_message<S: Subject>() {
    let subject = S::start().await;
    for id in [FIRST, FIRST, SECOND] {
        subject.next(Behaviour::Accept);
        subject.send(id).await.unwrap();
    }
    assert_eq!(subject.received(), [FIRST, FIRST, SECOND]);
}

async fn reports_throttling<S: Subject>() {
    let error = error_of::<S>(Behaviour::Throttle).await;
    assert!(matches!(error, SendError::Throttled { .. }), "{error:?}");
}

async fn reports_a_refused_recipient<S: Subject>() {
    let error = error_of::<S>(Behaviour::RefuseRecipient).await;
    assert_eq!(reason(&error), Some(S::REFUSED_RECIPIENT), "{error:?}");
}

async fn reports_a_refused_message<S: Subject>() {
    let error = error_of::<S>(Behaviour::RefuseMessage).await;
    assert_eq!(reason(&error), Some(RejectReason::Message), "{error:?}");
}

async fn reports_a_server_error_as_unavailable<S: Subject>() {
    let error = error_of::<S>(Behaviour::ServerError).await;
    assert!(matches!(error, SendError::Unavailable { .. }), "{error:?}");
}

async fn reports_a_missing_reply_as_unknown<S: Subject>() {
    let subject = Arc::new(S::start().await);
    subject.next(Behaviour::Hang);
    let sender = Arc::clone(&subject);
    let sending = tokio::spawn(async move { sender.send(FIRST).await });
    subject.hanging().notified().await;
    // From here on only the provider's own timeout can end the exchange.
    time::pause();
    let error = sending.await.unwrap().unwrap_err();
    time::resume();
    assert!(matches!(error, SendError::Unknown { .. }), "{error:?}");
    assert_eq!(subject.received(), [FIRST]);
    recovers(&*subject).await;
}

async fn reports_a_closed_connection_as_unknown<S: Subject>() {
    let subject = S::start().await;
    subject.next(Behaviour::CloseAfterAccepting);
    let error = subject.send(FIRST).await.unwrap_err();
    assert!(matches!(error, SendError::Unknown { .. }), "{error:?}");
    assert_eq!(subject.received(), [FIRST]);
    recovers(&subject).await;
}

/// The provider may have the message, so nothing but acceptance without a reference or an unknown outcome is true.
async fn does_not_take_garbage_for_a_refusal<S: Subject>() {
    let subject = S::start().await;
    subject.next(Behaviour::Garbage);
    let outcome = subject.send(FIRST).await;
    assert!(
        matches!(
            &outcome,
            Ok(SendReceipt { reference: None }) | Err(SendError::Unknown { .. })
        ),
        "{outcome:?}"
    );
    assert_eq!(subject.received(), [FIRST]);
    recovers(&subject).await;
}

/// Returns the error of a behaviour, checked to hide personal data and to leave the provider usable.
async fn error_of<S: Subject>(behaviour: Behaviour) -> SendError {
    let subject = S::start().await;
    subject.next(behaviour);
    let error = subject.send(FIRST).await.unwrap_err();
    let shown = format!("{error} {error:?}");
    for personal in PERSONAL {
        assert!(!shown.contains(personal), "{shown}");
    }
    recovers(&subject).await;
    error
}

async fn recovers<S: Subject>(subject: &S) {
    subject.next(Behaviour::Accept);
    subject.send(SECOND).await.unwrap();
    assert_eq!(subject.received().last(), Some(&SECOND));
}

fn reason(error: &SendError) -> Option<RejectReason> {
    match error {
        SendError::Rejected { reason, .. } => Some(*reason),
        _ => None,
    }
}

macro_rules! cases {
    ($subject:ty: $($case:ident)*) => {
        use super::*;
        $(
            #[tokio::test]
            async fn $case() {
                super::$case::<$subject>().await;
            }
        )*
    };
}

macro_rules! conformance {
    ($($name:ident = $subject:ty;)*) => {
        $(
            mod $name {
                cases!($subject:
                    accepts_a_message
                    repeats_the_reference_of_a_message
                    reports_throttling
                    reports_a_refused_recipient
                    reports_a_refused_message
                    reports_a_server_error_as_unavailable
                    reports_a_missing_reply_as_unknown
                    reports_a_closed_connection_as_unknown
                    does_not_take_garbage_for_a_refusal
                );
            }
        )*
    };
}

conformance! {
    firetext_account = http::Http<firetext::FiretextDialect>;
    mmg_account = http::Http<mmg::MmgDialect>;
    twilio = http::Http<http::TwilioDialect>;
    generic_http = http::Http<http::GenericDialect>;
    amazon_ses = http::Http<ses::SesDialect>;
    aws_sms_v2 = http::Http<sms_v2::SmsV2Dialect>;
    smtp_relay = smtp::Smtp;
    dvla_print_service = dvla::PrintService;
}

// The sink has no other side that could refuse, hang or fail.
mod sink_provider {
    cases!(sink::SinkSubject: accepts_a_message repeats_the_reference_of_a_message);
}
