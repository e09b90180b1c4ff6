//! Maps a failure at a step of the SMTP session to a [`SendError`].

use std::{error::Error as _, fmt, io};

use lettre::transport::smtp::{Error, response::Response};

use super::session::Step;
use crate::{Detail, RejectReason, SendError};

/// A failure and the step of the session at which it occurred.
pub(super) struct Failure {
    pub(super) step: Step,
    cause: Cause,
}

pub(super) enum Cause {
    /// The TCP connection or the TLS handshake failed.
    NoConnection,
    /// The relay replied with an error, or the connection failed.
    Smtp(Error),
    /// The relay did not reply in time.
    Timeout,
    /// A reply that indicates success, but not the one that the protocol prescribes.
    UnexpectedReply,
    /// The address is not ASCII, and the relay does not offer SMTPUTF8.
    NoSmtpUtf8,
    /// The relay does not offer STARTTLS.
    NoStarttls,
    /// The relay does not offer the mechanism of authentication.
    NoLogin,
    /// There is no access token to authenticate with.
    NoToken,
}

const RELAYING_DENIED: [&str; 4] = [
    "relay access denied",
    "relaying denied",
    "unable to relay",
    "relay not permitted",
];

/// An enhanced status code: class, subject and detail (RFC 3463).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct EnhancedCode(u16, u16, u16);

impl From<Error> for Cause {
    fn from(error: Error) -> Self {
        Self::Smtp(error)
    }
}

impl From<io::Error> for Cause {
    fn from(_: io::Error) -> Self {
        Self::NoConnection
    }
}

impl Failure {
    pub(super) const fn new(step: Step, cause: Cause) -> Self {
        Self { step, cause }
    }

    pub(super) const fn timed_out(&self) -> bool {
        matches!(self.cause, Cause::Timeout)
    }

    /// Returns the reply code, if the relay replied with an error.
    pub(super) fn code(&self) -> Option<u16> {
        match &self.cause {
            Cause::Smtp(error) => error.status().map(u16::from),
            Cause::NoConnection
            | Cause::Timeout
            | Cause::UnexpectedReply
            | Cause::NoSmtpUtf8
            | Cause::NoStarttls
            | Cause::NoLogin
            | Cause::NoToken => None,
        }
    }

    /// Returns the enhanced status code, if the reply begins with one.
    fn enhanced_code(&self) -> Option<EnhancedCode> {
        let Cause::Smtp(error) = &self.cause else {
            return None;
        };
        let text = error.source()?.to_string();
        EnhancedCode::parse(text.split_ascii_whitespace().next()?)
    }

    /// Returns whether the relay takes nothing from us that it must pass on: our login or network is not permitted.
    /// The code is often the one of a recipient's policy, 5.7.1, so the words of Postfix, Sendmail, Exchange and Exim
    /// decide.
    fn denies_relaying(&self) -> bool {
        let Cause::Smtp(error) = &self.cause else {
            return false;
        };
        let text = error.source().map(|text| text.to_string().to_lowercase());
        text.is_some_and(|text| RELAYING_DENIED.iter().any(|words| text.contains(words)))
    }

    fn detail(&self, words: &'static str) -> Detail {
        // Never the text of the reply: relays repeat the recipient's address in it.
        let mut detail = Detail::from(words);
        if let Some(code) = self.code() {
            detail = detail.with_status("smtp", code);
        }
        if let Some(code) = self.enhanced_code() {
            detail = detail.with_code(&code.to_string());
        }
        detail
    }
}

impl EnhancedCode {
    fn parse(word: &str) -> Option<Self> {
        let mut parts = word.split('.').map(|part| {
            let is_number =
                (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
            is_number.then(|| part.parse().ok()).flatten()
        });
        let code = Self(parts.next()??, parts.next()??, parts.next()??);
        parts.next().is_none().then_some(code)
    }

    /// Returns subject and detail, which mean the same in both classes: `4.2.2` and `5.2.2` are both a full mailbox.
    const fn meaning(self) -> (u16, u16) {
        (self.1, self.2)
    }
}

impl fmt::Display for EnhancedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// Maps a failure to what the caller can do about it. `docs/providers.md` has the table of codes with their sources.
pub(super) fn send_error(failure: &Failure) -> SendError {
    match failure.code() {
        None => without_answer(failure),
        Some(421) => too_fast(failure),
        Some(code) => match failure.step {
            Step::Connect | Step::Login if code < 500 => try_later(failure),
            Step::Connect => SendError::unavailable(failure.detail("the relay turns us away")),
            Step::Login => SendError::unavailable(failure.detail("the relay refuses our login")),
            Step::Reset => SendError::unavailable(failure.detail("the relay could not go on")),
            Step::Sender => at_sender(failure, code),
            Step::Recipient => at_recipient(failure, code),
            Step::Data | Step::Body | Step::EndOfData => at_text(failure, code),
        },
    }
}

fn without_answer(failure: &Failure) -> SendError {
    match (&failure.cause, failure.step) {
        (Cause::NoSmtpUtf8, _) => SendError::rejected(
            RejectReason::Recipient,
            "the relay takes no address outside ASCII",
        ),
        (_, Step::EndOfData) => SendError::unknown(if failure.timed_out() {
            "the relay did not answer in time after the text was sent"
        } else {
            "the connection to the relay broke after the text was sent"
        }),
        (Cause::Timeout, Step::Connect) => {
            SendError::unavailable("the relay did not greet us in time")
        }
        (Cause::NoLogin, _) => {
            SendError::unavailable("the relay offers no way to log in that we know")
        }
        (Cause::NoToken, _) => SendError::unavailable("there is no access token for the relay"),
        (Cause::Timeout, _) => SendError::unavailable("the relay did not answer in time"),
        (_, Step::Connect) => SendError::unavailable(connection_problem(failure)),
        (_, Step::Login) => SendError::unavailable("the login at the relay failed"),
        _ => SendError::unavailable("the connection to the relay broke"),
    }
}

fn connection_problem(failure: &Failure) -> &'static str {
    match &failure.cause {
        Cause::NoStarttls => "the relay offers no STARTTLS",
        Cause::Smtp(error) if error.is_response() => {
            "the relay did not greet us as SMTP servers do"
        }
        _ => "no connection to the relay, or no protected one",
    }
}

/// Maps a refusal of `MAIL FROM`. It concerns our domain and account, not one message, unless that is too large.
fn at_sender(failure: &Failure, code: u16) -> SendError {
    match code {
        452 | 454 => too_fast(failure),
        _ if code < 500 => try_later(failure),
        _ if is_too_large(failure, code) => too_large(failure),
        _ => SendError::unavailable(failure.detail("the relay refuses the sender")),
    }
}

/// Maps a refusal of `RCPT TO`.
fn at_recipient(failure: &Failure, code: u16) -> SendError {
    let meaning = failure.enhanced_code().map(EnhancedCode::meaning);
    match (code, meaning) {
        // A mailbox that is full (2.2) may have room tomorrow, whatever class the relay puts it in. RFC 5321 §4.2.3 has 552 for
        // storage that is used up, which before the text can only be the mailbox's, and 450 for "mailbox unavailable".
        // Temporary codes of address and mailbox (1, 2) say that the relay itself is well.
        (_, Some((2, 2))) | (552 | 450, None) | (..500, Some((1 | 2, _))) => {
            mailbox_unavailable(failure)
        }
        (452 | 454, _) => too_fast(failure),
        (..500, _) => try_later(failure),
        _ if is_too_large(failure, code) => too_large(failure),
        _ if concerns_client(code) || failure.denies_relaying() => not_from_us(failure),
        // Who may send to this recipient is the recipient's policy. The other codes of this subject are about our login,
        // our domain's DNS records or our address, and would meet every message.
        (_, Some((7, 1 | 2 | 17 | 18))) => refused_recipient(failure),
        (_, Some((7, _) | (3, 2 | 5) | (1, 7 | 8))) => not_from_us(failure),
        _ => refused_recipient(failure),
    }
}

/// Maps a refusal of the text. Relays that look up the mailbox only now speak of it here.
fn at_text(failure: &Failure, code: u16) -> SendError {
    let meaning = failure.enhanced_code().map(EnhancedCode::meaning);
    match (code, meaning) {
        (_, Some((2, 2))) | (..500, Some((1 | 2, _))) => mailbox_unavailable(failure),
        (452 | 454, _) => too_fast(failure),
        (..500, _) => try_later(failure),
        _ if is_too_large(failure, code) => too_large(failure),
        _ if concerns_client(code) => not_from_us(failure),
        (_, Some((1, 0..=6 | 10) | (2, 0 | 1))) => refused_recipient(failure),
        _ => SendError::rejected(
            RejectReason::Message,
            failure.detail("the relay refuses the text"),
        ),
    }
}

fn try_later(failure: &Failure) -> SendError {
    SendError::unavailable(failure.detail("the relay asks us to try later"))
}

/// 421, 452 and 454 mean "too fast" (SES uses 454).
fn too_fast(failure: &Failure) -> SendError {
    SendError::throttled(failure.detail("the relay has no room for us now"))
}

fn mailbox_unavailable(failure: &Failure) -> SendError {
    SendError::recipient_unavailable(failure.detail("the mailbox takes no messages now"))
}

fn refused_recipient(failure: &Failure) -> SendError {
    SendError::rejected(
        RejectReason::Recipient,
        failure.detail("the relay refuses the recipient"),
    )
}

fn not_from_us(failure: &Failure) -> SendError {
    SendError::unavailable(failure.detail("the relay does not take messages from us"))
}

/// Returns whether the message has more bytes than the relay (5.3.4) or the mailbox (5.2.3) takes. 552 says so too,
/// unless it has a code that says something else, such as Gmail's 5.7.0 for dangerous content.
fn is_too_large(failure: &Failure, code: u16) -> bool {
    match failure.enhanced_code() {
        Some(enhanced) => matches!(enhanced.meaning(), (2, 3) | (3, 4)),
        None => code == 552,
    }
}

fn too_large(failure: &Failure) -> SendError {
    SendError::rejected(
        RejectReason::Message,
        failure.detail("the message is too large for the relay"),
    )
}

/// Returns whether a reply code is about authentication or an unexpected command: the message is not to blame.
const fn concerns_client(code: u16) -> bool {
    matches!(code, 500 | 502 | 503 | 504 | 521 | 530 | 534 | 535 | 538)
}

/// Extracts the queue id from the final reply: `Ok 0102018b-…` (SES), `2.0.0 Ok: queued as 4XyZ` (Postfix).
pub(super) fn queue_id(answer: &Response) -> Option<String> {
    // The last word, unless it looks like an address or prose.
    let word = answer
        .message()
        .last()?
        .split_ascii_whitespace()
        .next_back()?;
    let looks_like_an_id = (6..=100).contains(&word.len())
        && word.bytes().any(|b| b.is_ascii_digit())
        && word
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    looks_like_an_id.then(|| word.to_owned())
}
