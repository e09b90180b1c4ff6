//! Maps a failure at a step of the SMTP session to a [`SendError`].

use std::error::Error as _;

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
}

impl From<Error> for Cause {
    fn from(error: Error) -> Self {
        Self::Smtp(error)
    }
}

impl Failure {
    pub(super) const fn new(step: Step, cause: Cause) -> Self {
        Self { step, cause }
    }

    pub(super) fn at(self, step: Step) -> Self {
        Self { step, ..self }
    }

    pub(super) const fn timed_out(&self) -> bool {
        matches!(self.cause, Cause::Timeout)
    }

    /// The reply code, if the relay replied with an error.
    pub(super) fn code(&self) -> Option<u16> {
        match &self.cause {
            Cause::Smtp(error) => error.status().map(u16::from),
            Cause::NoConnection | Cause::Timeout | Cause::UnexpectedReply | Cause::NoSmtpUtf8 => {
                None
            }
        }
    }

    /// The enhanced status code of RFC 3463 (`5.1.1`), if the reply has one.
    fn enhanced_code(&self) -> Option<String> {
        let Cause::Smtp(error) = &self.cause else {
            return None;
        };
        let text = error.source()?.to_string();
        let word = text.split_ascii_whitespace().next()?;
        let mut parts = word.split('.');
        let is_code = parts
            .by_ref()
            .take(3)
            .filter(|part| is_code_part(part))
            .count()
            == 3;
        (is_code && parts.next().is_none()).then(|| word.to_owned())
    }

    fn detail(&self, words: &'static str) -> Detail {
        // Never the text of the reply: relays repeat the recipient's address in it.
        let mut detail = Detail::from(words);
        if let Some(code) = self.code() {
            detail = detail.with_status("smtp", code);
        }
        if let Some(code) = self.enhanced_code() {
            detail = detail.with_code(&code);
        }
        detail
    }
}

fn is_code_part(part: &str) -> bool {
    (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
}

/// Maps a failure to what the caller can do about it.
///
/// | | temporary (4yz) | permanent (5yz) | no answer |
/// | --- | --- | --- | --- |
/// | connecting, logging in | unavailable | unavailable: an operator must look | unavailable |
/// | the sender | unavailable | unavailable, too large: the message | unavailable |
/// | the recipient | unavailable | the recipient; 5.7 and logins: unavailable | unavailable |
/// | the text | unavailable | the message | before its end unavailable, then unknown |
///
/// 421, 452 and 454 mean "too fast" (SES uses 454), so at every step of a message they map to `Throttled`.
pub(super) fn send_error(failure: &Failure) -> SendError {
    match failure.code() {
        None => without_answer(failure),
        Some(code) if code < 500 => temporary(failure, code),
        Some(code) => permanent(failure, code),
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
        (Cause::Timeout, _) => SendError::unavailable("the relay did not answer in time"),
        (_, Step::Connect) => SendError::unavailable(connection_problem(failure)),
        (_, Step::Login) => {
            SendError::unavailable("the relay offers no way to log in that we know")
        }
        _ => SendError::unavailable("the connection to the relay broke"),
    }
}

fn connection_problem(failure: &Failure) -> &'static str {
    match &failure.cause {
        // How lettre reports a relay that does not offer STARTTLS.
        Cause::Smtp(error) if error.is_client() => "the relay offers no STARTTLS",
        Cause::Smtp(error) if error.is_response() => {
            "the relay did not greet us as SMTP servers do"
        }
        _ => "no connection to the relay, or no protected one",
    }
}

fn temporary(failure: &Failure, code: u16) -> SendError {
    let during_a_message = !matches!(failure.step, Step::Connect | Step::Login);
    if matches!(code, 452 | 454) && during_a_message || code == 421 {
        SendError::throttled(failure.detail("the relay has no room for us now"))
    } else {
        SendError::unavailable(failure.detail("the relay asks us to try later"))
    }
}

fn permanent(failure: &Failure, code: u16) -> SendError {
    let is_policy = concerns_client(code)
        || failure
            .enhanced_code()
            .is_some_and(|code| code.starts_with("5.7."));
    match failure.step {
        Step::Connect => SendError::unavailable(failure.detail("the relay turns us away")),
        Step::Login => SendError::unavailable(failure.detail("the relay refuses our login")),
        Step::Sender if code == 552 => too_large(failure),
        Step::Sender => SendError::unavailable(failure.detail("the relay refuses the sender")),
        Step::Recipient if is_policy => {
            SendError::unavailable(failure.detail("the relay does not take messages from us"))
        }
        Step::Recipient => SendError::rejected(
            RejectReason::Recipient,
            failure.detail("the relay refuses the recipient"),
        ),
        Step::Data | Step::Body | Step::EndOfData if concerns_client(code) => {
            SendError::unavailable(failure.detail("the relay does not take messages from us"))
        }
        Step::Data | Step::Body | Step::EndOfData if code == 552 => too_large(failure),
        Step::Data | Step::Body | Step::EndOfData => SendError::rejected(
            RejectReason::Message,
            failure.detail("the relay refuses the text"),
        ),
        Step::Reset => SendError::unavailable(failure.detail("the relay could not go on")),
    }
}

fn too_large(failure: &Failure) -> SendError {
    SendError::rejected(
        RejectReason::Message,
        failure.detail("the message is too large for the relay"),
    )
}

/// Whether a reply code is about authentication or an unexpected command: the message is not to blame.
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
