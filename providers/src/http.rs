//! The one place that builds HTTP clients, and what all conversations over them have in common.
//!
//! No redirects are followed: a provider that answers with one is wrongly configured, and a message must not wander.
//! Everything has a limit: connecting, the whole exchange, and how much of an answer is read.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response, StatusCode, header::RETRY_AFTER, redirect};
use serde_json::Value;

use crate::{Detail, SendError, SettingsError};

/// Answers of providers are some hundred bytes; what is beyond this is not read.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Connecting takes well under a second or does not succeed.
const MAX_CONNECT: Duration = Duration::from_secs(5);

/// Connections are kept this long between messages; most servers hang up after a minute.
const IDLE: Duration = Duration::from_secs(45);

/// Builds the client of one provider.
pub(crate) fn client(provider: &str, timeout: Duration) -> Result<Client, SettingsError> {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the place where clients are built"
    )]
    let builder = Client::builder();
    builder
        .redirect(redirect::Policy::none())
        .referer(false)
        .timeout(timeout)
        // Strictly less, so that a timeout while connecting is known to be one.
        .connect_timeout(MAX_CONNECT.min(timeout / 2))
        .pool_idle_timeout(IDLE)
        .user_agent(concat!("pillarbox/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| SettingsError::Connection {
            provider: provider.to_owned(),
            source: error.into(),
        })
}

/// What a provider answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    retry_after: Option<Duration>,
    body: Option<Vec<u8>>,
}

/// Sends a request and reads the answer, up to a limit.
///
/// # Errors
///
/// [`SendError::Unavailable`] if there was no connection, [`SendError::Unknown`] if there was one but no answer.
pub(crate) async fn exchange(request: RequestBuilder) -> Result<Answer, SendError> {
    // The error's own text holds the URL, in which there may be a number or a key; it is not shown.
    let response = request.send().await.map_err(|error| {
        if error.is_connect() {
            SendError::unavailable("no connection to the provider")
        } else if error.is_builder() {
            SendError::unavailable("the request could not be made")
        } else if error.is_timeout() {
            SendError::unknown("the provider did not answer in time")
        } else {
            SendError::unknown("the connection to the provider broke before it answered")
        }
    })?;
    Ok(Answer {
        status: response.status(),
        retry_after: retry_after(&response),
        body: read(response).await,
    })
}

impl Answer {
    /// The answer as JSON; `None` if it is not, or could not be read.
    pub(crate) fn json(&self) -> Option<Value> {
        serde_json::from_slice(self.body.as_deref()?).ok()
    }

    /// Our words about it, with its status.
    pub(crate) fn detail(&self, words: &'static str) -> Detail {
        Detail::from(words).with_status("http", self.status.as_u16())
    }

    /// The meaning of a status that is not a success, where no code of the provider says more.
    pub(crate) fn meaning(&self, code: Option<&str>) -> SendError {
        let detail = |words| match code {
            Some(code) => self.detail(words).with_code(code),
            None => self.detail(words),
        };
        match self.status.as_u16() {
            429 => self.throttled(detail("the provider asks us to slow down")),
            300..=399 => SendError::unavailable(detail("the provider points elsewhere")),
            401 | 403 | 407 => SendError::unavailable(detail("the provider refuses our login")),
            // A gateway that lost patience with what is behind it.
            504 => SendError::unknown(detail(
                "the provider did not answer its own gateway in time",
            )),
            500.. => SendError::unavailable(detail("the provider failed")),
            _ => SendError::unavailable(detail("the provider refuses the request")),
        }
    }

    /// Throttled, for as long as the provider says.
    pub(crate) fn throttled(&self, detail: Detail) -> SendError {
        SendError::Throttled {
            retry_after: self.retry_after,
            detail,
        }
    }
}

/// Seconds only; a date would need a clock that agrees with the provider's.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}

/// `None` if the connection broke or the answer is too long to be one.
async fn read(mut response: Response) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    Some(body)
}
