//! An SMTP session: the order of commands, each with its own timeout.

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
    classify::{Cause, Failure},
    tls::TlsMode,
};
use crate::email::mime::EncodedEmail;

/// Bytes of a message that are written at a time.
const CHUNK_BYTES: usize = 32 * 1024;

/// A step of the session. The meaning of a failure depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Connection, greeting, TLS.
    Connect,
    /// `AUTH`.
    Login,
    /// `MAIL FROM`.
    Sender,
    /// `RCPT TO`.
    Recipient,
    /// `DATA`.
    Data,
    /// The message, up to its last byte.
    Body,
    /// The end-of-data mark is being sent or was sent: from here on the relay may have the message.
    EndOfData,
    /// `RSET`, between two messages.
    Reset,
}

/// The address of a relay and all that opening a session takes.
pub(super) struct RelayEndpoint {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: TlsMode,
    pub(super) credentials: Option<Credentials>,
    pub(super) hello_name: ClientId,
    pub(super) timeout: Duration,
}

/// An open session, ready for `MAIL FROM`.
pub(super) struct Session {
    smtp: AsyncSmtpConnection,
    timeout: Duration,
}

impl RelayEndpoint {
    pub(super) async fn connect(&self) -> Result<Session, Failure> {
        let mut smtp = with_timeout(self.timeout, Step::Connect, self.open()).await?;
        if let Some(credentials) = &self.credentials {
            let login = smtp.auth(DEFAULT_MECHANISMS, credentials);
            with_timeout(self.timeout, Step::Login, login).await?;
        }
        Ok(Session {
            smtp,
            timeout: self.timeout,
        })
    }

    async fn open(&self) -> Result<AsyncSmtpConnection, Cause> {
        let stream = self.tls.connect(&self.host, self.port).await;
        let stream = stream.map_err(|_| Cause::NoConnection)?;
        let mut smtp =
            AsyncSmtpConnection::connect_with_transport(stream, &self.hello_name).await?;
        if let TlsMode::Starttls(parameters) = &self.tls {
            // Fails if the relay does not offer it: there is no fallback to clear text. Known weakness: lettre 0.11.23 keeps
            // bytes that follow the reply to STARTTLS in the clear, so a man in the middle could inject replies, though
            // not read commands (CVE-2011-0411 class). `tls = "tls"` does not have it.
            smtp.starttls(parameters.clone(), &self.hello_name).await?;
        }
        Ok(smtp)
    }
}

impl Session {
    /// Sends one message, from `MAIL FROM` to the reply to the end of data.
    pub(super) async fn send(&mut self, message: &EncodedEmail) -> Result<Response, Failure> {
        let options = self.mail_options(message)?;
        self.command(Step::Sender, Mail::new(Some(message.from.clone()), options))
            .await?;
        self.command(Step::Recipient, Rcpt::new(message.to.clone(), Vec::new()))
            .await?;
        let reply = self.command(Step::Data, Data).await?;
        if !reply.has_code(354) {
            return Err(Failure::new(Step::Data, Cause::UnexpectedReply));
        }
        self.send_body(message).await
    }

    /// Abandons a refused message, so that the session can be used for the next one.
    pub(super) async fn reset(&mut self) -> Result<(), Failure> {
        self.command(Step::Reset, Rset).await.map(drop)
    }

    async fn command(
        &mut self,
        step: Step,
        command: impl std::fmt::Display,
    ) -> Result<Response, Failure> {
        with_timeout(self.timeout, step, self.smtp.command(command)).await
    }

    async fn send_body(&mut self, message: &EncodedEmail) -> Result<Response, Failure> {
        // The last CRLF is part of the end-of-data mark, which lettre writes.
        let text = message
            .bytes
            .strip_suffix(b"\r\n")
            .unwrap_or(&message.bytes);
        let all_written = AtomicBool::new(false);
        let chunks = text.chunks(CHUNK_BYTES).chain(iter::once_with(|| {
            // lettre asks for this last, empty chunk once all others are written, immediately before the end-of-data mark.
            all_written.store(true, Ordering::Relaxed);
            &[][..]
        }));
        let answer = self.smtp.message_iter(chunks);
        match with_timeout(self.timeout, Step::Body, answer).await {
            Ok(response) if response.code().severity == Severity::PositiveCompletion => {
                Ok(response)
            }
            Ok(_) => Err(Failure::new(Step::EndOfData, Cause::UnexpectedReply)),
            Err(failure) if all_written.load(Ordering::Relaxed) => Err(failure.at(Step::EndOfData)),
            Err(failure) => Err(failure),
        }
    }

    /// Returns the parameters of `MAIL FROM`. A non-ASCII address needs a relay with SMTPUTF8.
    fn mail_options(&self, message: &EncodedEmail) -> Result<Vec<MailParameter>, Failure> {
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

async fn with_timeout<T, E: Into<Cause>>(
    timeout: Duration,
    step: Step,
    operation: impl Future<Output = Result<T, E>>,
) -> Result<T, Failure> {
    match time::timeout(timeout, operation).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Failure::new(step, error.into())),
        Err(_) => Err(Failure::new(step, Cause::Timeout)),
    }
}
