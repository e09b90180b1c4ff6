//! Providers over HTTP: one fake server, and the dialect of each provider.

use std::marker::PhantomData;

use async_trait::async_trait;
use pillarbox_providers::{
    EmailProvider, RejectReason, SendError, SendReceipt, SmsProvider,
    sms::{
        http::{HttpBody, HttpSms, HttpSmsSettings},
        twilio::{Twilio, TwilioSettings},
    },
};
use serde_json::{Value, json};
use tokio::sync::Notify;
use uuid::Uuid;

use super::{Behaviour, Subject};
use crate::{
    http_server::{Act, Request, Server},
    messages::{email, sms},
};

/// How one provider's HTTP API replies, and where its requests carry our reference.
pub(crate) trait Dialect: Send + Sync + 'static {
    const NAMES_MESSAGES: bool = true;

    const REFUSED_RECIPIENT: RejectReason = RejectReason::Recipient;

    /// The headers of replies, each with its line end.
    fn headers(_: Behaviour) -> &'static str {
        "Retry-After: 3\r\n"
    }

    fn client(url: &str) -> Client;

    /// Returns status and body of the reply with which the API accepts or refuses a message.
    fn reply(behaviour: Behaviour) -> (u16, Value);

    fn reference(request: &Request) -> Uuid;
}

/// A provider of either channel.
pub(crate) enum Client {
    Email(Box<dyn EmailProvider>),
    Sms(Box<dyn SmsProvider>),
}

impl Client {
    pub(crate) fn email(provider: impl EmailProvider + 'static) -> Self {
        Self::Email(Box::new(provider))
    }

    pub(crate) fn sms(provider: impl SmsProvider + 'static) -> Self {
        Self::Sms(Box::new(provider))
    }
}

pub(crate) struct Http<D> {
    server: Server,
    client: Client,
    dialect: PhantomData<D>,
}

#[async_trait]
impl<D: Dialect> Subject for Http<D> {
    const NAMES_MESSAGES: bool = D::NAMES_MESSAGES;

    const REFUSED_RECIPIENT: RejectReason = D::REFUSED_RECIPIENT;

    async fn start() -> Self {
        let server = Server::start().await;
        Self {
            client: D::client(&server.url),
            server,
            dialect: PhantomData,
        }
    }

    fn next(&self, behaviour: Behaviour) {
        self.server.will(match behaviour {
            Behaviour::Hang => Act::FallSilent,
            Behaviour::CloseAfterAccepting => Act::HangUp,
            Behaviour::ServerError => {
                Act::Answer(503, "", "<h1>Service unavailable</h1>".to_owned())
            }
            Behaviour::Garbage => Act::Answer(200, "", "\u{1}%PDF <html>{".to_owned()),
            other => {
                let (status, body) = D::reply(other);
                Act::Answer(status, D::headers(behaviour), body.to_string())
            }
        });
    }

    async fn send(&self, id: Uuid) -> Result<SendReceipt, SendError> {
        match &self.client {
            Client::Email(provider) => provider.send(&email(id.as_u128())).await,
            Client::Sms(provider) => provider.send(&sms(id.as_u128())).await,
        }
    }

    fn received(&self) -> Vec<Uuid> {
        self.server.requests().iter().map(D::reference).collect()
    }

    fn hanging(&self) -> &Notify {
        &self.server.fallen_silent
    }
}

/// Twilio carries our reference in the URL of the status callback.
pub(crate) struct TwilioDialect;

impl Dialect for TwilioDialect {
    fn client(url: &str) -> Client {
        let settings = TwilioSettings {
            base_url: url.to_owned(),
            status_callback: Some(
                "https://us.example/notifications/sms/twilio/{reference}".to_owned(),
            ),
            ..TwilioSettings::for_account("AC123", "hunter2")
        };
        Client::sms(Twilio::new(settings).unwrap())
    }

    fn reply(behaviour: Behaviour) -> (u16, Value) {
        let error = |status: u16, code: u32, message: &str| {
            (
                status,
                json!({"code": code, "message": message, "status": status}),
            )
        };
        match behaviour {
            Behaviour::Throttle => error(429, 20429, "Too many requests"),
            Behaviour::RefuseRecipient => error(400, 21211, "Invalid 'To' number: +447700900123"),
            Behaviour::RefuseMessage => error(400, 21617, "Too long: your bin day is Friday"),
            _ => (201, json!({"sid": "SM0123456789", "status": "queued"})),
        }
    }

    fn reference(request: &Request) -> Uuid {
        let (_, reference) = request.body.rsplit_once("%2F").unwrap();
        reference.parse().unwrap()
    }
}

pub(crate) struct GenericDialect;

impl Dialect for GenericDialect {
    fn client(url: &str) -> Client {
        let body = json!({"to": "{to_plus}", "text": "{content}", "ref": "{reference}"});
        let settings = HttpSmsSettings {
            reference: Some("/id".to_owned()),
            error_code: Some("/error".to_owned()),
            recipient_refused: vec!["unknown-number".to_owned()],
            message_refused: vec!["too-long".to_owned()],
            ..HttpSmsSettings::new("gateway", url, HttpBody::Json(body))
        };
        Client::sms(HttpSms::new(settings).unwrap())
    }

    fn reply(behaviour: Behaviour) -> (u16, Value) {
        match behaviour {
            Behaviour::Throttle => (429, json!({"error": "slow-down"})),
            Behaviour::RefuseRecipient => (
                422,
                json!({"error": "unknown-number", "number": "+447700900123"}),
            ),
            Behaviour::RefuseMessage => (422, json!({"error": "too-long", "text": "it is Friday"})),
            _ => (202, json!({"id": "8675309"})),
        }
    }

    fn reference(request: &Request) -> Uuid {
        let body: Value = serde_json::from_str(&request.body).unwrap();
        body["ref"].as_str().unwrap().parse().unwrap()
    }
}
