//! Somebody who got a message with a file, and their browser.

use std::sync::Mutex;

use axum::{
    body::{Body, Bytes, to_bytes},
    http::{HeaderMap, Request, StatusCode},
};
use tower::ServiceExt as _;

use crate::World;

/// A browser that remembers the cookies of one site.
#[derive(Debug)]
pub struct Recipient<'a> {
    world: &'a World,
    cookie: Mutex<Option<String>>,
}

/// What it was shown.
#[derive(Debug)]
pub struct Page {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Page {
    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a page is text")
    }

    /// A header as text; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("a header is text"))
    }
}

impl World {
    /// Somebody with a new browser.
    pub const fn recipient(&self) -> Recipient<'_> {
        Recipient {
            world: self,
            cookie: Mutex::new(None),
        }
    }
}

impl Recipient<'_> {
    /// Opens a link of ours.
    pub async fn open(&self, link: &str) -> Page {
        self.ask("GET", link, String::new()).await
    }

    /// Asks about a link without wanting its body.
    pub async fn head(&self, link: &str) -> Page {
        self.ask("HEAD", link, String::new()).await
    }

    /// Enters an address on the page behind a link.
    pub async fn confirm(&self, link: &str, address: &str) -> Page {
        let address = address.replace('@', "%40").replace(' ', "+");
        self.ask("POST", link, format!("email_address={address}"))
            .await
    }

    /// Forgets its cookies.
    pub fn forget(&self) {
        *self.cookie.lock().expect("nobody panics holding it") = None;
    }

    async fn ask(&self, method: &str, link: &str, body: String) -> Page {
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
            .expect("nobody panics holding it")
            .clone();
        if let Some(cookie) = cookie {
            request = request.header("cookie", format!("other=1; {cookie}"));
        }
        let request = request.body(Body::from(body)).expect("a story asks well");
        let answer = self.world.door().router().clone().oneshot(request).await;
        let (head, body) = answer.expect("the router answers everything").into_parts();
        if let Some(set) = head.headers.get("set-cookie") {
            let set = set.to_str().expect("a header is text");
            let pair = set.split(';').next().map(str::to_owned);
            *self.cookie.lock().expect("nobody panics holding it") = pair;
        }
        Page {
            status: head.status,
            headers: head.headers,
            body: to_bytes(body, 64 << 20)
                .await
                .expect("an answer has a body"),
        }
    }
}
