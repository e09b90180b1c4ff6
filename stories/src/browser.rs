//! The browser of a recipient who opens links from a message.

use std::sync::Mutex;

use axum::{
    body::{Body, Bytes, to_bytes},
    http::{HeaderMap, Request, StatusCode},
};
use tower::ServiceExt as _;

use crate::World;

/// A browser that keeps the cookies of one site.
#[derive(Debug)]
pub struct Browser<'a> {
    world: &'a World,
    cookie: Mutex<Option<String>>,
}

/// A response as the browser received it.
#[derive(Debug)]
pub struct BrowserResponse {
    /// HTTP status.
    pub status: StatusCode,
    /// HTTP headers.
    pub headers: HeaderMap,
    /// Body as bytes.
    pub body: Bytes,
}

impl BrowserResponse {
    /// Returns the body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a page is text")
    }

    /// Returns a header's value, or an empty string without that header.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("a header is text"))
    }
}

impl World {
    /// Returns a browser without cookies.
    pub const fn browser(&self) -> Browser<'_> {
        Browser {
            world: self,
            cookie: Mutex::new(None),
        }
    }
}

impl Browser<'_> {
    /// Opens a link from a message.
    pub async fn open(&self, link: &str) -> BrowserResponse {
        self.request("GET", link, String::new()).await
    }

    /// Sends a `HEAD` request for a link.
    pub async fn head(&self, link: &str) -> BrowserResponse {
        self.request("HEAD", link, String::new()).await
    }

    /// Submits an e-mail address in the form behind a link.
    pub async fn confirm(&self, link: &str, address: &str) -> BrowserResponse {
        let address = address.replace('@', "%40").replace(' ', "+");
        self.request("POST", link, format!("email_address={address}"))
            .await
    }

    /// Deletes the cookies.
    pub fn clear_cookies(&self) {
        *self.cookie.lock().expect("the lock is not poisoned") = None;
    }

    async fn request(&self, method: &str, link: &str, body: String) -> BrowserResponse {
        let path = link
            .strip_prefix(self.world.app.settings.files_root.as_str())
            .unwrap_or(link);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "files.example.org")
            .header("content-type", "application/x-www-form-urlencoded");
        let cookie = self
            .cookie
            .lock()
            .expect("the lock is not poisoned")
            .clone();
        if let Some(cookie) = cookie {
            request = request.header("cookie", format!("other=1; {cookie}"));
        }
        let request = request
            .body(Body::from(body))
            .expect("the request is well-formed");
        let answer = self.world.client().router().clone().oneshot(request).await;
        let (head, body) = answer.expect("the router is infallible").into_parts();
        if let Some(set) = head.headers.get("set-cookie") {
            let set = set.to_str().expect("a header is text");
            let pair = set.split(';').next().map(str::to_owned);
            *self.cookie.lock().expect("the lock is not poisoned") = pair;
        }
        BrowserResponse {
            status: head.status,
            headers: head.headers,
            body: to_bytes(body, 64 << 20)
                .await
                .expect("the body can be read"),
        }
    }
}
