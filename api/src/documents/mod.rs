//! Downloads of files that were sent by email: pages without scripts, and the file itself (`docs/spec/public-api.md` §9).
//!
//! An unknown file, an expired file and a wrong key get the same response. If the sender requires it, the name of the file
//! is shown, and the file is served, only after the recipient has confirmed the email address.

mod disposition;
mod page;

pub(crate) use page::Escaped;

use app::documents::{self, Confirmation, FileAccess, PASS_SECONDS};
use axum::{
    body::Body,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use tracing::error;

use crate::{Api, problem::TRANSIENT_RETRY_SECONDS};

const COOKIE: &str = "document_pass";
/// The largest form, which has one address.
const MAX_FORM_BYTES: usize = 16 << 10;
/// `Retry-After` of too many wrong addresses.
const WAIT_SECONDS: u32 = 600;

const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");
const DOWNLOAD_POLICY: HeaderValue = HeaderValue::from_static("sandbox; default-src 'none'");

/// `GET /d/<document>/<key>`
pub(crate) async fn show_document(
    State(api): State<Api>,
    Path((document, key)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let opened = match open(&api, &document, &key).await {
        Ok(opened) => opened,
        Err(answer) => return answer,
    };
    let link = link(&document, &key);
    if opened.may_download(&api.app, pass(&headers)) {
        html(StatusCode::OK, page::download(&opened, &link))
    } else {
        html(StatusCode::OK, page::confirm(&opened, &link, None))
    }
}

/// `POST /d/<document>/<key>`: the recipient confirms the address.
pub(crate) async fn confirm_document(
    State(api): State<Api>,
    Path((document, key)): Path<(String, String)>,
    body: Body,
) -> Response {
    let opened = match open(&api, &document, &key).await {
        Ok(opened) => opened,
        Err(answer) => return answer,
    };
    let link = link(&document, &key);
    // The sender requires no confirmation, so there is no form that this could answer.
    if opened.may_download(&api.app, None) {
        return see_other(&link);
    }
    let address = match Limited::new(body, MAX_FORM_BYTES).collect().await {
        Ok(form) => field(&form.to_bytes(), "email_address"),
        // Too long or cut off: shown to the recipient as a field that is empty.
        Err(_) => String::new(),
    };
    if address.trim().is_empty() {
        let page = page::confirm(&opened, &link, Some(page::Mistake::Nothing));
        return html(StatusCode::BAD_REQUEST, page);
    }
    match documents::confirm(&api.app, &opened, &address) {
        Confirmation::Pass(pass) => passed(&api, &document, &link, &pass),
        Confirmation::WrongAddress => html(
            StatusCode::FORBIDDEN,
            page::confirm(&opened, &link, Some(page::Mistake::Wrong)),
        ),
        Confirmation::TooManyAttempts => {
            let page = page::confirm(&opened, &link, Some(page::Mistake::TooOften));
            let mut answer = html(StatusCode::TOO_MANY_REQUESTS, page);
            answer
                .headers_mut()
                .insert(header::RETRY_AFTER, WAIT_SECONDS.into());
            answer
        }
    }
}

/// `GET /d/<document>/<key>/file`
pub(crate) async fn download_document(
    State(api): State<Api>,
    method: Method,
    Path((document, key)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let opened = match open(&api, &document, &key).await {
        Ok(opened) => opened,
        Err(answer) => return answer,
    };
    if !opened.may_download(&api.app, pass(&headers)) {
        return see_other(&link(&document, &key));
    }
    // All headers are known from the record, so the file is neither read nor decrypted.
    if method == Method::HEAD {
        return file(&opened, Body::empty());
    }
    match documents::read(&api.app, &opened).await {
        Ok(Some(bytes)) => file(&opened, Body::from(bytes)),
        Ok(None) => html(StatusCode::NOT_FOUND, page::not_found()),
        Err(fault) => failed(&fault),
    }
}

/// Returns the file of a link, or the response that there is none.
async fn open(api: &Api, document: &str, key: &str) -> Result<FileAccess, Response> {
    match documents::open(&api.app, document, key).await {
        Ok(Some(opened)) => Ok(opened),
        Ok(None) => Err(html(StatusCode::NOT_FOUND, page::not_found())),
        Err(fault) => Err(failed(&*fault)),
    }
}

fn failed(fault: &(dyn std::error::Error + 'static)) -> Response {
    error!(error = fault, "a file cannot be shown: {fault}");
    if !app::is_transient(fault) {
        return html(StatusCode::INTERNAL_SERVER_ERROR, page::failed());
    }
    let mut answer = html(StatusCode::SERVICE_UNAVAILABLE, page::failed());
    let seconds = TRANSIENT_RETRY_SECONDS.into();
    answer.headers_mut().insert(header::RETRY_AFTER, seconds);
    answer
}

/// Returns the path of a link. It needs no escaping: an id and a key that open a file have URL-safe characters only.
fn link(document: &str, key: &str) -> String {
    format!("/d/{document}/{key}")
}

fn passed(api: &Api, document: &str, link: &str, pass: &str) -> Response {
    // Browsers drop a `Secure` cookie that comes over plain HTTP, as on a developer's machine.
    let secure = if api.app.settings.files_root.starts_with("https:") {
        "; Secure"
    } else {
        ""
    };
    // For the pages of this file alone, and out of reach of scripts. `Lax`, because a `Strict` cookie is not sent when
    // the recipient follows the link in the message again.
    let cookie = format!(
        "{COOKIE}={pass}; Path=/d/{document}; Max-Age={PASS_SECONDS}; HttpOnly; SameSite=Lax{secure}"
    );
    let mut answer = see_other(link);
    let cookie = HeaderValue::from_str(&cookie).expect("an id and base64 are a header value");
    answer.headers_mut().insert(header::SET_COOKIE, cookie);
    answer
}

fn see_other(link: &str) -> Response {
    let to = HeaderValue::from_str(link).expect("an id and a key are a header value");
    // 303, so that the browser continues with GET and a reload does not send the form again.
    let mut answer = StatusCode::SEE_OTHER.into_response();
    answer.headers_mut().insert(header::LOCATION, to);
    unlisted(answer)
}

/// Returns the pass in the cookie, if there is one.
fn pass(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).into_iter();
    let mut pairs = cookies
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, pass)| pass)
}

fn field(form: &[u8], name: &str) -> String {
    form_urlencoded::parse(form)
        .find(|(found, _)| found == name)
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// Returns the file as a download that the browser does not execute.
fn file(opened: &FileAccess, body: Body) -> Response {
    let mut answer = Response::new(body);
    let headers = answer.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(opened.mime_type()),
    );
    headers.insert(header::CONTENT_LENGTH, opened.size_bytes().into());
    headers.insert(
        header::CONTENT_DISPOSITION,
        disposition::attachment(opened.name.reveal()),
    );
    // Should a browser show the file after all, it does so without scripts and without our origin.
    headers.insert(header::CONTENT_SECURITY_POLICY, DOWNLOAD_POLICY);
    unlisted(answer)
}

fn html(status: StatusCode, page: String) -> Response {
    let mut answer = (status, page).into_response();
    let headers = answer.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.insert(header::CONTENT_SECURITY_POLICY, page::policy());
    unlisted(answer)
}

/// Adds headers that keep a page out of search engines, and its link out of `Referer`.
fn unlisted(mut answer: Response) -> Response {
    let headers = answer.headers_mut();
    headers.insert(
        ROBOTS,
        HeaderValue::from_static("noindex, nofollow, noarchive"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    answer
}
