//! An SMTP session: the order of commands, each with its own timeout.

use std::{
    future::Future,
    iter,
    pin::pin,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use lettre::transport::smtp::{
    client::{AsyncSmtpConnection, AsyncTokioStream},
    commands::{Data, Mail, Rcpt, Rset, Starttls},
    extension::{ClientId, Extension, MailBodyParameter, MailParameter, RcptParameter},
    response::{Response, Severity},
};
use tokio::{
    net::TcpStream,
    time::{self, Instant},
};

use super::{
    classify::{Cause, Failure},
    login::Login,
    tls::{self, LentSocket, RelayStream, TlsMode},
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
    pub(super) login: Option<Login>,
    pub(super) hello_name: ClientId,
    pub(super) timeouts: Timeouts,
}

/// How long to wait at the steps of a session (RFC 5321 §4.5.3.2).
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeouts {
    /// For the TCP connection, with [`TlsMode::Tls`] including the handshake.
    pub(super) connect: Duration,
    /// For the greeting, for each reply, and for each chunk of a message to be written.
    pub(super) reply: Duration,
    /// For the reply to the end of data, while the relay stores, scans or delivers the message.
    pub(super) end_of_data: Duration,
    /// For the whole text of a message, however steadily the relay takes it.
    pub(super) transfer: Duration,
}

/// An open session, ready for `MAIL FROM`.
pub(super) struct Session {
    smtp: AsyncSmtpConnection,
    timeouts: Timeouts,
}

/// How far the message has been written, since when, and when it must be.
struct BodyProgress {
    all_written: bool,
    since: Instant,
    until: Instant,
}

impl RelayEndpoint {
    pub(super) async fn connect(&self) -> Result<Session, Failure> {
        let mut smtp = self.open().await?;
        if let Some(login) = &self.login {
            let login = login.authenticate(&mut smtp);
            with_timeout(self.timeouts.reply, Step::Login, login).await?;
        }
        Ok(Session {
            smtp,
            timeouts: self.timeouts,
        })
    }

    async fn open(&self) -> Result<AsyncSmtpConnection, Failure> {
        let Timeouts { connect, reply, .. } = self.timeouts;
        let opening = tls::open_socket(&self.host, self.port);
        let mut socket = with_timeout(connect, Step::Connect, opening).await?;
        if let TlsMode::Starttls(_) = &self.tls {
            socket = with_timeout(reply, Step::Connect, self.starttls(socket)).await?;
        }
        let peer = socket.peer_addr().map_err(Cause::from);
        let peer = peer.map_err(|cause| Failure::new(Step::Connect, cause))?;
        let stream: Box<dyn AsyncTokioStream> = match &self.tls {
            TlsMode::None => Box::new(RelayStream::new(socket, peer)),
            TlsMode::Tls(tls) => {
                let stream = with_timeout(connect, Step::Connect, tls.handshake(socket)).await?;
                Box::new(RelayStream::new(stream, peer))
            }
            TlsMode::Starttls(tls) => {
                let stream = with_timeout(connect, Step::Connect, tls.handshake(socket)).await?;
                Box::new(RelayStream::greeted(stream, peer))
            }
        };
        let greeting = AsyncSmtpConnection::connect_with_transport(stream, &self.hello_name);
        with_timeout(reply, Step::Connect, greeting).await
    }

    /// Asks the relay for TLS. Fails if the relay does not offer it: there is no fallback to clear text.
    async fn starttls(&self, socket: TcpStream) -> Result<TcpStream, Cause> {
        let peer = socket.peer_addr()?;
        let (lent, ours) = LentSocket::lend(socket);
        let stream = Box::new(RelayStream::new(lent, peer));
        let mut smtp =
            AsyncSmtpConnection::connect_with_transport(stream, &self.hello_name).await?;
        if !smtp.server_info().supports_feature(Extension::StartTls) {
            return Err(Cause::NoStarttls);
        }
        smtp.command(Starttls).await?;
        // Dropped with whatever it has read beyond the reply: bytes that follow in the clear may come from a man in the
        // middle (CVE-2011-0411).
        drop(smtp);
        Ok(ours.take_back())
    }
}

impl Session {
    /// Sends one message, from `MAIL FROM` to the reply to the end of data.
    pub(super) async fn send(&mut self, message: &EncodedEmail) -> Result<Response, Failure> {
        let options = self.mail_options(message)?;
        self.command(Step::Sender, Mail::new(Some(message.from.clone()), options))
            .await?;
        let reports = message.report_as.map(|_| RcptParameter::Other {
            keyword: "NOTIFY".to_owned(),
            value: Some("SUCCESS,FAILURE".to_owned()),
        });
        let recipient = Rcpt::new(message.to.clone(), reports.into_iter().collect());
        self.command(Step::Recipient, recipient).await?;
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
        with_timeout(self.timeouts.reply, step, self.smtp.command(command)).await
    }

    async fn send_body(&mut self, message: &EncodedEmail) -> Result<Response, Failure> {
        // The last CRLF is part of the end-of-data mark, which lettre writes.
        let text = message
            .bytes
            .strip_suffix(b"\r\n")
            .unwrap_or(&message.bytes);
        let progress = Mutex::new(BodyProgress::new(self.timeouts.transfer));
        // lettre asks for a chunk once the one before it is written, so each one has the time of a step.
        let chunks = text
            .chunks(CHUNK_BYTES)
            .inspect(|_| BodyProgress::advance(&progress, false))
            .chain(iter::once_with(|| {
                // It asks for this last, empty chunk once all others are written, immediately before the end-of-data mark.
                BodyProgress::advance(&progress, true);
                &[][..]
            }));
        let timeouts = self.timeouts;
        let mut answer = pin!(self.smtp.message_iter(chunks));
        loop {
            let deadline = BodyProgress::deadline(&progress, timeouts);
            match time::timeout_at(deadline, &mut answer).await {
                Ok(answer) => return answered(answer, BodyProgress::step(&progress)),
                // A chunk was written meanwhile: the next one has its own time.
                Err(_) if BodyProgress::deadline(&progress, timeouts) > Instant::now() => {}
                Err(_) => return Err(Failure::new(BodyProgress::step(&progress), Cause::Timeout)),
            }
        }
    }

    /// Returns the parameters of `MAIL FROM`. A non-ASCII address needs a relay with SMTPUTF8.
    fn mail_options(&self, message: &EncodedEmail) -> Result<Vec<MailParameter>, Failure> {
        let mut options = Vec::new();
        if let Some(id) = message.report_as {
            let other = |keyword: &str, value: String| MailParameter::Other {
                keyword: keyword.to_owned(),
                value: Some(value),
            };
            // Only the headers come back: a report needs no more, and the text is personal.
            options.push(other("RET", "HDRS".to_owned()));
            options.push(other("ENVID", id.to_string()));
        }
        if message.bytes.is_ascii() {
            return Ok(options);
        }
        let server = self.smtp.server_info();
        if !server.supports_feature(Extension::SmtpUtfEight) {
            return Err(Failure::new(Step::Recipient, Cause::NoSmtpUtf8));
        }
        options.extend([
            MailParameter::SmtpUtfEight,
            MailParameter::Body(MailBodyParameter::EightBitMime),
        ]);
        Ok(options)
    }
}

impl BodyProgress {
    fn new(limit: Duration) -> Self {
        let since = Instant::now();
        Self {
            all_written: false,
            since,
            until: since + limit,
        }
    }

    fn advance(this: &Mutex<Self>, all_written: bool) {
        let mut progress = this.lock().unwrap_or_else(PoisonError::into_inner);
        progress.all_written = all_written;
        progress.since = Instant::now();
    }

    fn deadline(this: &Mutex<Self>, timeouts: Timeouts) -> Instant {
        let progress = this.lock().unwrap_or_else(PoisonError::into_inner);
        if progress.all_written {
            // From here on the relay may have the message, and giving up early would send it twice.
            return progress.since + timeouts.end_of_data;
        }
        (progress.since + timeouts.reply).min(progress.until)
    }

    fn step(this: &Mutex<Self>) -> Step {
        let progress = this.lock().unwrap_or_else(PoisonError::into_inner);
        if progress.all_written {
            Step::EndOfData
        } else {
            Step::Body
        }
    }
}

fn answered(
    answer: Result<Response, lettre::transport::smtp::Error>,
    step: Step,
) -> Result<Response, Failure> {
    match answer {
        Ok(response) if response.code().severity == Severity::PositiveCompletion => Ok(response),
        Ok(_) => Err(Failure::new(Step::EndOfData, Cause::UnexpectedReply)),
        Err(error) => Err(Failure::new(step, error.into())),
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

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use tokio::io::{
        AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, duplex,
    };

    use super::*;

    const TIMEOUTS: Timeouts = Timeouts {
        connect: Duration::from_secs(30),
        reply: Duration::from_mins(5),
        end_of_data: Duration::from_mins(10),
        transfer: Duration::from_hours(1),
    };

    fn message(bytes: usize) -> EncodedEmail {
        EncodedEmail {
            from: "riverside@mail.example".parse().unwrap(),
            to: "ada@example.com".parse().unwrap(),
            report_as: None,
            bytes: b"x".repeat(bytes),
        }
    }

    /// Sends a message to a relay that pauses for `a_chunk` before it reads each chunk, and for `at_the_end` before it
    /// replies to the end of data. Returns the outcome and how long it took.
    async fn send(
        message: EncodedEmail,
        a_chunk: Duration,
        at_the_end: Duration,
    ) -> (Result<Response, Failure>, Duration) {
        let (ours, theirs) = duplex(CHUNK_BYTES);
        let relay = async move {
            let mut relay = BufReader::new(theirs);
            relay.write_all(b"220 relay.example ESMTP\r\n").await?;
            for reply in ["250 relay.example", "250 Ok", "250 Ok", "354 go on"] {
                relay.read_line(&mut String::new()).await?;
                relay.write_all(format!("{reply}\r\n").as_bytes()).await?;
            }
            let mut text = Vec::new();
            while !text.ends_with(b"\r\n.\r\n") {
                if relay.buffer().is_empty() {
                    time::sleep(a_chunk).await;
                }
                let mut chunk = vec![0; CHUNK_BYTES];
                let count = relay.read(&mut chunk).await?;
                text.extend_from_slice(&chunk[..count]);
            }
            time::sleep(at_the_end).await;
            relay.write_all(b"250 Ok: queued as 4XyZ123abc\r\n").await
        };
        let relay = tokio::spawn(relay);
        let hello_name = ClientId::Domain("pillarbox.example".to_owned());
        // In memory, so that only timers move the time of the test.
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 25));
        let stream = Box::new(RelayStream::new(ours, peer));
        let smtp = AsyncSmtpConnection::connect_with_transport(stream, &hello_name).await;
        let mut session = Session {
            smtp: smtp.unwrap(),
            timeouts: TIMEOUTS,
        };
        let started = Instant::now();
        let outcome = session.send(&message).await;
        relay.abort();
        (outcome, started.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_relay_has_ten_minutes_after_the_end_of_data() {
        let slow = Duration::from_secs(599);
        let (outcome, _) = send(message(10), Duration::ZERO, slow).await;
        assert!(outcome.is_ok());

        let slower = Duration::from_secs(601);
        let (outcome, took) = send(message(10), Duration::ZERO, slower).await;
        let failure = outcome.err().unwrap();
        assert_eq!((failure.step, failure.timed_out()), (Step::EndOfData, true));
        assert_eq!(took.as_secs(), 600);
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_message_may_take_long_as_long_as_it_moves() {
        let slow = Duration::from_secs(250);
        let (outcome, took) = send(message(10 * CHUNK_BYTES), slow, Duration::ZERO).await;
        assert!(outcome.is_ok());
        assert!(took > Duration::from_mins(40), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_moves_for_an_hour_ends_the_attempt() {
        let slow = Duration::from_secs(250);
        let (outcome, took) = send(message(100 * CHUNK_BYTES), slow, Duration::ZERO).await;
        let failure = outcome.err().unwrap();
        assert_eq!((failure.step, failure.timed_out()), (Step::Body, true));
        assert_eq!(took.as_secs(), 3600);
    }

    #[tokio::test(start_paused = true)]
    async fn a_chunk_that_is_not_taken_within_five_minutes_ends_the_attempt() {
        let stuck = Duration::from_hours(1);
        let (outcome, took) = send(message(10 * CHUNK_BYTES), stuck, Duration::ZERO).await;
        let failure = outcome.err().unwrap();
        // Before the end of data the relay cannot have the message.
        assert_eq!((failure.step, failure.timed_out()), (Step::Body, true));
        assert_eq!(took.as_secs(), 300);
    }
}
