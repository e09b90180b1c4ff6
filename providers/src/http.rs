//! HTTP clients, and what all requests over them have in common.

use std::time::Duration;

use reqwest::{
    Client, ClientBuilder, RequestBuilder, Response, StatusCode, Url,
    header::{HeaderMap, RETRY_AFTER},
    redirect,
};
use serde_json::Value;

use crate::{Detail, SendError, SettingsError};

/// Replies of providers have a few hundred bytes.
const MAX_REPLY_BYTES: usize = 64 * 1024;

/// Connecting takes well under a second or fails.
const MAX_CONNECT_TIME: Duration = Duration::from_secs(5);

/// Shorter than the idle timeout of most servers, which is a minute.
const MAX_IDLE: Duration = Duration::from_secs(45);

/// Builds the HTTP client of one provider. `timeout` covers the whole exchange.
pub(crate) fn client(provider: &str, timeout: Duration) -> Result<Client, SettingsError> {
    build(provider, builder(timeout))
}

/// Builds a client for services of this machine and its host, which a proxy of the environment cannot reach.
pub(crate) fn direct_client(provider: &str, timeout: Duration) -> Result<Client, SettingsError> {
    build(provider, builder(timeout).no_proxy())
}

/// Builds a client for bodies of any length. `timeout` covers the wait for a reply and for each piece of it.
pub(crate) fn streaming_client(provider: &str, timeout: Duration) -> Result<Client, SettingsError> {
    build(provider, with_limits(timeout).read_timeout(timeout))
}

fn build(provider: &str, builder: ClientBuilder) -> Result<Client, SettingsError> {
    builder.build().map_err(|error| SettingsError::Connection {
        provider: provider.to_owned(),
        source: error.into(),
    })
}

fn builder(timeout: Duration) -> ClientBuilder {
    with_limits(timeout).timeout(timeout)
}

/// All limits but that of the exchange.
fn with_limits(timeout: Duration) -> ClientBuilder {
    #[expect(
        clippy::disallowed_methods,
        reason = "the place where HTTP clients are built"
    )]
    let builder = Client::builder();
    builder
        // A provider that redirects is misconfigured, and a message must not go to an address that is not configured.
        .redirect(redirect::Policy::none())
        .referer(false)
        // Strictly less than the timeout, so that a timeout while connecting is reported as one.
        .connect_timeout(MAX_CONNECT_TIME.min(timeout / 2))
        .pool_idle_timeout(MAX_IDLE)
        .user_agent(concat!("pillarbox/", env!("CARGO_PKG_VERSION")))
}

/// A provider's reply.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
}

/// Sends a request and reads the reply, up to a limit.
///
/// # Errors
///
/// [`SendError::Unavailable`] if there was no connection, [`SendError::Unknown`] if there was one but no reply came.
pub(crate) async fn send_request(request: RequestBuilder) -> Result<Reply, SendError> {
    // The error's text contains the URL, which may contain a phone number or a key: it is not shown.
    let response = request.send().await.map_err(|error| {
        if error.is_connect() {
            SendError::unavailable("no connection to the provider")
        } else if error.is_builder() {
            SendError::unavailable("the request could not be built")
        } else if error.is_timeout() {
            SendError::unknown("the provider did not reply in time")
        } else {
            SendError::unknown("the connection to the provider broke before it answered")
        }
    })?;
    Ok(Reply {
        status: response.status(),
        headers: response.headers().clone(),
        body: read_body(response).await,
    })
}

impl Reply {
    /// Returns a header of the reply, if it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns the reply as text; `None` if it is not UTF-8, or could not be read.
    pub(crate) fn text(&self) -> Option<&str> {
        str::from_utf8(self.body.as_deref()?).ok()
    }

    /// Returns the reply as JSON; `None` if it is not JSON, or could not be read.
    pub(crate) fn json(&self) -> Option<Value> {
        // A broken character in a message for people must not hide the codes.
        serde_json::from_str(&String::from_utf8_lossy(self.body.as_deref()?)).ok()
    }

    /// Returns the reply as it came; `None` if it could not be read, or was too long.
    pub(crate) fn into_body(self) -> Option<Vec<u8>> {
        self.body
    }

    /// Creates a detail with the reply's status.
    pub(crate) fn detail(&self, words: &'static str) -> Detail {
        Detail::from(words).with_status("http", self.status.as_u16())
    }

    /// Maps a status that is not a success, where no code of the provider says more.
    pub(crate) fn error_for_status(&self, code: Option<&str>) -> SendError {
        let detail = |words| match code {
            Some(code) => self.detail(words).with_code(code),
            None => self.detail(words),
        };
        match self.status.as_u16() {
            429 => self.throttled(detail("the provider asks us to slow down")),
            300..=399 => SendError::unavailable(detail("the provider points elsewhere")),
            401 | 403 | 407 => SendError::unavailable(detail("the provider refuses our login")),
            // The gateway timed out waiting for the service behind it, which may have the message.
            504 => SendError::unknown(detail("the provider did not reply its own gateway in time")),
            500.. => SendError::unavailable(detail("the provider failed")),
            _ => SendError::unavailable(detail("the provider refuses the request")),
        }
    }

    /// Creates [`SendError::Throttled`] with the reply's `Retry-After`.
    pub(crate) fn throttled(&self, detail: Detail) -> SendError {
        SendError::Throttled {
            retry_after: self.retry_after(),
            detail,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        // Only the form in seconds: a date would need our clock to agree with the provider's.
        let seconds = self.header(RETRY_AFTER.as_str())?;
        seconds.trim().parse().ok().map(Duration::from_secs)
    }
}

/// Reads a body; `None` if the connection breaks or the body is too long.
async fn read_body(mut response: Response) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if body.len() + chunk.len() > MAX_REPLY_BYTES {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    Some(body)
}

/// Parses the URL of an HTTP service from a setting.
pub(crate) fn parse_url(
    provider: &str,
    setting: &'static str,
    url: &str,
) -> Result<Url, SettingsError> {
    let invalid = |reason: String| SettingsError::invalid(provider, setting, reason);
    let url = Url::parse(url).map_err(|error| invalid(error.to_string()))?;
    if matches!(url.scheme(), "https" | "http") {
        // The URL standard gives every URL with these schemes a host.
        Ok(url)
    } else {
        Err(invalid("it must begin with https:// or http://".to_owned()))
    }
}
