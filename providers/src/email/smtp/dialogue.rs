//! What is said to a relay, in order, each step within its time.

use std::{
    future::Future,
    iter,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use lettre::transport::smtp::{
    authentication::{Credentials, DEFAULT_MECHANISMS},
    client::AsyncSmtpConnection,
    commands::{Data, Mail, Rcpt, Rset},
    extension::{ClientId, Extension, MailBodyParameter, MailParameter},
    response::{Response, Severity},
};
use tokio::time;

use super::{
    protection::Protection,
    verdict::{Cause, Failure},
};
use crate::email::mime::Mime;

/// Bytes of a text that are written at a time.
const CHUNK: usize = 32 * 1024;

/// Where in the conversation something happened; what it means depends on this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Connecting, greeting, protecting.
    Connect,
    /// Logging in.
    Login,
    /// `MAIL FROM`.
    Sender,
    /// `RCPT TO`.
    Recipient,
    /// `DATA`.
    Data,
    /// The text, up to its last byte.
    Text,
    /// The end of the text was sent, or is being sent: from here on the relay may have the message.
    End,
    /// `RSET`, between two messages.
    Reset,
}

/// Where the relay is and how to begin with it.
pub(super) struct Relay {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) protection: Protection,
    pub(super) credentials: Option<Credentials>,
    pub(super) hello_name: ClientId,
    pub(super) patience: Duration,
}

/// A connection over which the relay takes messages.
pub(super) struct Connection {
    smtp: AsyncSmtpConnection,
    patience: Duration,
}

impl Relay {
    pub(super) async fn connect(&self) -> Result<Connection, Failure> {
        let mut smtp = within(self.patience, Step::Connect, self.open()).await?;
        if let Some(credentials) = &self.credentials {
            let login = smtp.auth(DEFAULT_MECHANISMS, credentials);
            within(self.patience, Step::Login, login).await?;
        }
        Ok(Connection {
            smtp,
            patience: self.patience,
        })
    }

    async fn open(&self) -> Result<AsyncSmtpConnection, Cause> {
        let stream = self.protection.connect(&self.host, self.port).await;
        let stream = stream.map_err(|_| Cause::NoConnection)?;
        let mut smtp =
            AsyncSmtpConnection::connect_with_transport(stream, &self.hello_name).await?;
        if let Protection::Starttls(parameters) = &self.protection {
            // An error if the relay does not offer it: there is no way back to clear text. (Known wart: lettre 0.11.23
            // keeps what was sent in the clear behind the relay's go-ahead, so a man in the middle could put words into
            // the relay's mouth, though not read ours. `tls` does not have this.)
            smtp.starttls(parameters.clone(), &self.hello_name).await?;
        }
        Ok(smtp)
    }
}

impl Connection {
    /// One message, from `MAIL FROM` to the relay's word that it has it.
    pub(super) async fn send(&mut self, message: &Mime) -> Result<Response, Failure> {
        let options = self.mail_options(message)?;
        self.say(Step::Sender, Mail::new(Some(message.from.clone()), options))
            .await?;
        self.say(Step::Recipient, Rcpt::new(message.to.clone(), Vec::new()))
            .await?;
        let go_ahead = self.say(Step::Data, Data).await?;
        if !go_ahead.has_code(354) {
            return Err(Failure::new(Step::Data, Cause::Nonsense));
        }
        self.say_text(message).await
    }

    /// Forgets a message that was refused, so that the next can be sent.
    pub(super) async fn reset(&mut self) -> Result<(), Failure> {
        self.say(Step::Reset, Rset).await.map(drop)
    }

    async fn say(
        &mut self,
        step: Step,
        command: impl std::fmt::Display,
    ) -> Result<Response, Failure> {
        within(self.patience, step, self.smtp.command(command)).await
    }

    async fn say_text(&mut self, message: &Mime) -> Result<Response, Failure> {
        // The last line end is part of the end mark, which lettre writes.
        let text = message
            .bytes
            .strip_suffix(b"\r\n")
            .unwrap_or(&message.bytes);
        let all_written = AtomicBool::new(false);
        let pieces = text.chunks(CHUNK).chain(iter::once_with(|| {
            // Lettre asks for this last, empty piece when all others are written; the end mark comes next.
            all_written.store(true, Ordering::Relaxed);
            &[][..]
        }));
        let answer = self.smtp.message_iter(pieces);
        match within(self.patience, Step::Text, answer).await {
            Ok(response) if response.code().severity == Severity::PositiveCompletion => {
                Ok(response)
            }
            Ok(_) => Err(Failure::new(Step::End, Cause::Nonsense)),
            Err(failure) if all_written.load(Ordering::Relaxed) => Err(failure.at(Step::End)),
            Err(failure) => Err(failure),
        }
    }

    /// An address or a text outside ASCII needs a relay that says it can.
    fn mail_options(&self, message: &Mime) -> Result<Vec<MailParameter>, Failure> {
        if message.bytes.is_ascii() {
            return Ok(Vec::new());
        }
        let server = self.smtp.server_info();
        if !server.supports_feature(Extension::SmtpUtfEight) {
            return Err(Failure::new(Step::Recipient, Cause::NoSmtpUtf8));
        }
        Ok(vec![
            MailParameter::SmtpUtfEight,
            MailParameter::Body(MailBodyParameter::EightBitMime),
        ])
    }
}

async fn within<T, E: Into<Cause>>(
    patience: Duration,
    step: Step,
    deed: impl Future<Output = Result<T, E>>,
) -> Result<T, Failure> {
    match time::timeout(patience, deed).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Failure::new(step, error.into())),
        Err(_) => Err(Failure::new(step, Cause::Timeout)),
    }
}
