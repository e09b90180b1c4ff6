//! The SMTP relay, whose messages carry our reference in `X-Pillarbox-Id`.

use async_trait::async_trait;
use pillarbox_providers::{
    EmailProvider, SendError, SendReceipt,
    email::smtp::{SmtpRelay, SmtpSettings, SmtpTls},
};
use tokio::sync::Notify;
use uuid::Uuid;

use super::{Behaviour, Subject};
use crate::{
    messages::email,
    smtp_server::{Act, Relay, TEXT},
};

pub(crate) struct Smtp {
    relay: Relay,
    client: SmtpRelay,
}

#[async_trait]
impl Subject for Smtp {
    async fn start() -> Self {
        let relay = Relay::start().await;
        let settings = SmtpSettings {
            port: Some(relay.port),
            tls: SmtpTls::None,
            ..SmtpSettings::for_host("127.0.0.1")
        };
        Self {
            client: SmtpRelay::new(&settings).unwrap(),
            relay,
        }
    }

    fn next(&self, behaviour: Behaviour) {
        let (moment, act) = match behaviour {
            Behaviour::Accept => return,
            Behaviour::Throttle => (TEXT, Act::Say("454 4.7.0 Maximum sending rate exceeded")),
            Behaviour::RefuseRecipient => (
                "RCPT",
                Act::Say("550 5.1.1 <ada@example.com>: no such mailbox"),
            ),
            Behaviour::RefuseMessage => (TEXT, Act::Say("554 5.6.0 Rejected: it is Friday")),
            Behaviour::Hang => (TEXT, Act::FallSilent),
            Behaviour::CloseAfterAccepting => (TEXT, Act::HangUp),
            Behaviour::ServerError => (TEXT, Act::Say("451 4.3.0 Queue file write error")),
            Behaviour::Garbage => (TEXT, Act::Say("%PDF <html>{")),
        };
        self.relay.will(moment, act);
    }

    async fn send(&self, id: Uuid) -> Result<SendReceipt, SendError> {
        self.client.send(&email(id.as_u128())).await
    }

    fn received(&self) -> Vec<Uuid> {
        let reference = |text: Vec<u8>| {
            let text = String::from_utf8(text).unwrap();
            let header = text
                .lines()
                .find_map(|line| line.strip_prefix("X-Pillarbox-Id: "));
            header.unwrap().parse().unwrap()
        };
        self.relay.texts().into_iter().map(reference).collect()
    }

    fn hanging(&self) -> &Notify {
        &self.relay.fallen_silent
    }
}
