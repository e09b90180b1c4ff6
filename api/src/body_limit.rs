//! Reads request bodies within limits (`docs/spec/public-api.md` §2.5).

use std::{
    ops::Deref,
    sync::atomic::{AtomicUsize, Ordering},
};

use axum::body::{Body, Bytes};
use bytes::BytesMut;
use http_body_util::BodyExt as _;

use crate::problem::Problem;

/// The largest JSON body; files travel inside, as base64.
pub(crate) const MAX_BODY_BYTES: usize = 32 << 20;
/// The largest body that a provider may send.
const MAX_FORM_BYTES: usize = 500_000;
/// The most memory that all bodies together may use while they are read.
const MAX_BUFFERED_BYTES: usize = 256 << 20;

/// Reads the body of a provider's request.
pub(crate) async fn read_form(body: Body) -> Result<BodyBytes, Problem> {
    read_body_of(body, MAX_FORM_BYTES).await
}

/// Reads a JSON body. Answers 413 beyond [`MAX_BODY_BYTES`], and 503 while the bodies of other requests use up the memory
/// set aside for all of them.
pub(crate) async fn read_body(body: Body) -> Result<BodyBytes, Problem> {
    read_body_of(body, MAX_BODY_BYTES).await
}

/// Reads a body of at most `max_bytes`.
pub(crate) async fn read_body_of(body: Body, max_bytes: usize) -> Result<BodyBytes, Problem> {
    BODY_BUDGET.read(body, max_bytes).await
}

/// The budget of this process.
static BODY_BUDGET: Budget = Budget::new(MAX_BUFFERED_BYTES);

/// Memory for bodies, so that many slow clients cannot fill the machine's.
pub(crate) struct Budget {
    limit: usize,
    used: AtomicUsize,
}

/// A body in memory, counted against the budget until it is dropped.
pub(crate) struct BodyBytes {
    bytes: Bytes,
    share: Share,
}

impl BodyBytes {
    /// Drops the body and keeps its part of the budget, for what was made of it.
    pub(crate) fn into_share(self) -> Share {
        self.share
    }
}

/// The part of the budget that one body uses.
pub(crate) struct Share {
    budget: &'static Budget,
    bytes: usize,
}

impl Budget {
    pub(crate) const fn new(limit: usize) -> Self {
        Self {
            limit,
            used: AtomicUsize::new(0),
        }
    }

    /// Returns a share of nothing yet.
    pub(crate) const fn share(&'static self) -> Share {
        Share {
            budget: self,
            bytes: 0,
        }
    }

    async fn read(&'static self, mut body: Body, limit: usize) -> Result<BodyBytes, Problem> {
        let mut share = self.share();
        // A body of one chunk is kept as it is. Further chunks are appended as they arrive, so that no body is in memory
        // twice.
        let (mut only, mut whole) = (None::<Bytes>, BytesMut::new());
        while let Some(frame) = body.frame().await {
            let Ok(piece) = frame.map_err(|_| Problem::invalid_json())?.into_data() else {
                // Trailers, which are no part of the body.
                continue;
            };
            // Checked before the budget, so that a body that is too large gets its 413 whatever else is in memory.
            if share.bytes + piece.len() > limit {
                return Err(Problem::too_large());
            }
            // Reserved as bytes arrive, not by `Content-Length`: a client that announces much and sends nothing uses
            // none of the budget.
            if !share.grow(piece.len()) {
                return Err(Problem::too_many_bodies());
            }
            if only.is_none() && whole.is_empty() {
                only = Some(piece);
                continue;
            }
            if let Some(first) = only.take() {
                whole.extend_from_slice(&first);
            }
            whole.extend_from_slice(&piece);
        }
        let bytes = only.unwrap_or_else(|| whole.freeze());
        Ok(BodyBytes { bytes, share })
    }
}

impl Share {
    /// Reserves more of the budget. Returns false if it is used up; the reservation stands until the share is dropped.
    pub(crate) fn grow(&mut self, by: usize) -> bool {
        // Relaxed: the counter guards an amount and publishes no other memory.
        let before = self.budget.used.fetch_add(by, Ordering::Relaxed);
        self.bytes += by;
        before + by <= self.budget.limit
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Default for BodyBytes {
    fn default() -> Self {
        Self {
            bytes: Bytes::new(),
            share: BODY_BUDGET.share(),
        }
    }
}

impl Deref for BodyBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use http::StatusCode;

    use super::*;

    #[tokio::test]
    async fn bodies_share_a_budget_and_release_it() {
        static BUDGET: Budget = Budget::new(100);
        let read = async |length: usize, limit| {
            let body = Body::from("x".repeat(length));
            BUDGET
                .read(body, limit)
                .await
                .map(|body| (body.len(), body))
        };
        let status = |outcome: Result<_, Problem>| outcome.err().unwrap().into_response().status();
        let first = read(60, 100)
            .await
            .unwrap_or_else(|_| panic!("there is room"));
        assert_eq!(first.0, 60);
        assert_eq!(status(read(50, 100).await), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(status(read(30, 20).await), StatusCode::PAYLOAD_TOO_LARGE);
        assert!(
            read(40, 100).await.is_ok(),
            "a refused body reserves nothing"
        );
        drop(first);
        assert!(read(100, 100).await.is_ok());
        assert_eq!(BUDGET.used.load(Ordering::Relaxed), 0);
    }
}
