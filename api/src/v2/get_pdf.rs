use app::accept::limits;
use app::{letters, notifications::NotificationView};
use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use domain::{Channel, NotificationStatus};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tracing::error;

use super::IdInPath;
use crate::{
    Api,
    auth::ServiceKey,
    problem::{self, Problem},
};

/// `GET /v2/notifications/<id>/pdf` (`docs/spec/public-api.md` §15)
pub(crate) async fn get_pdf(
    State(api): State<Api>,
    ServiceKey(caller): ServiceKey,
    IdInPath(id): IdInPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    limits::check_read_rate(&api.app, &caller)?;
    let id = id
        .parse()
        .map_err(|_| super::invalid_id("notification_id"))?;
    let found = app::notifications::find(&api.app, caller.tenant.service.id, id)
        .await
        .map_err(Problem::internal)?;
    let shown = found.ok_or_else(Problem::not_found)?;
    check(&shown)?;
    let pages = letters::find_pages(&api.app, caller.tenant.service.id, id)
        .await
        // A storage that fails is answered like pages that are not made yet, which clients ask for again
        // (`docs/spec/public-api.md` §15).
        .unwrap_or_else(|fault| {
            error!(
                notification.id = %id, error = &fault as &dyn std::error::Error,
                "the pages of letter {id} cannot be read: its service is told to try again"
            );
            None
        });
    Ok(part_of(
        &pages.ok_or_else(problem::pdf_not_ready)?,
        &headers,
    ))
}

/// Fails if the notification cannot have a PDF.
fn check(shown: &NotificationView) -> Result<(), Problem> {
    if shown.notification.channel != Channel::Letter {
        return Err(problem::not_a_letter());
    }
    match shown.notification.status {
        NotificationStatus::VirusScanFailed => Err(problem::pdf_with_virus()),
        NotificationStatus::TechnicalFailure => Err(problem::pdf_of_failed_letter()),
        NotificationStatus::PendingVirusCheck => Err(problem::pdf_not_ready()),
        _ => Ok(()),
    }
}

/// Returns the file, or the requested range of it.
fn part_of(pages: &Bytes, headers: &HeaderMap) -> Response {
    let length = pages.len();
    let pdf = (
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/pdf"),
    );
    let bytes = (header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    match Range::asked_for(headers, length) {
        Range::All => (StatusCode::OK, [pdf, bytes], pages.clone()).into_response(),
        Range::Part { first, last } => {
            let range = content_range(&format!("bytes {first}-{last}/{length}"));
            let part = pages.slice(first..=last);
            (StatusCode::PARTIAL_CONTENT, [pdf, bytes, range], part).into_response()
        }
        Range::Nothing => {
            let mut response = problem::range_not_satisfiable().into_response();
            let (name, range) = content_range(&format!("bytes */{length}"));
            response.headers_mut().insert(name, range);
            response
        }
    }
}

fn content_range(text: &str) -> (header::HeaderName, HeaderValue) {
    let value = HeaderValue::from_str(text).expect("numbers are a header value");
    (header::CONTENT_RANGE, value)
}

/// The requested part of a file.
#[derive(Debug, PartialEq, Eq)]
enum Range {
    All,
    Part {
        first: usize,
        last: usize,
    },
    /// A range outside the file.
    Nothing,
}

impl Range {
    /// Parses `Range`. Anything but a single range of bytes means the whole file.
    fn asked_for(headers: &HeaderMap, length: usize) -> Self {
        let asked = headers
            .get(header::RANGE)
            // There are no validators that `If-Range` could match, so it gets the whole file.
            .filter(|_| !headers.contains_key(header::IF_RANGE))
            .and_then(|range| range.to_str().ok());
        asked
            .and_then(|range| Self::read(range, length))
            .unwrap_or(Self::All)
    }

    fn read(text: &str, length: usize) -> Option<Self> {
        let (first, last) = text.trim().strip_prefix("bytes=")?.split_once('-')?;
        let number = |text: &str| -> Option<usize> {
            let digits = text.trim();
            let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            // A number too large to parse is outside the file as well.
            is_number.then(|| digits.parse().unwrap_or(usize::MAX))
        };
        let (first, last) = match (first.trim(), last.trim()) {
            ("", wanted) => match number(wanted)? {
                // The last no bytes: RFC 9110 calls this unsatisfiable.
                0 => return Some(Self::Nothing),
                wanted => (length.saturating_sub(wanted), usize::MAX),
            },
            (first, "") => (number(first)?, usize::MAX),
            (first, last) => (number(first)?, number(last)?),
        };
        // Invalid by RFC 9110, and therefore ignored: the whole file is served.
        if last < first {
            return None;
        }
        if first >= length {
            return Some(Self::Nothing);
        }
        Some(Self::Part {
            first,
            last: last.min(length - 1),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_but_one_range_of_bytes_means_the_whole_file() {
        let part = |first, last| Some(Range::Part { first, last });
        for (text, read) in [
            ("bytes=0-3", part(0, 3)),
            ("bytes=2-", part(2, 9)),
            ("bytes=-3", part(7, 9)),
            ("bytes=-30", part(0, 9)),
            ("bytes=5-99999999999999999999999", part(5, 9)),
            ("bytes=9-9", part(9, 9)),
            ("bytes=10-", Some(Range::Nothing)),
            ("bytes=-0", Some(Range::Nothing)),
            ("bytes=3-2", None),
            ("bytes=0-1,3-4", None),
            ("bytes=a-b", None),
            ("bytes=-", None),
            ("lines=0-3", None),
            ("", None),
        ] {
            assert_eq!(Range::read(text, 10), read, "{text}");
        }
        assert_eq!(Range::read("bytes=0-", 0), Some(Range::Nothing));
    }
}
