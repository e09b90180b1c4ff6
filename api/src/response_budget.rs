//! Memory for large responses: a client that reads slowly keeps what was written for it, and many of them must not fill the
//! machine's memory.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    body::{Body, Bytes},
    response::{IntoResponse as _, Response},
};
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::{
    client::Client,
    memory_budget::{Budget, Share},
    problem::Problem,
};

/// Responses up to this size are not counted: connections are limited, and most responses have a kilobyte.
const UNCOUNTED_BYTES: u64 = 64 << 10;

/// The budget of this process.
static RESPONSE_BUDGET: Budget = Budget::new(128 << 20);

/// Counts a large response of a client until its last byte is sent. Answers 503 while that client has more than its share of
/// the memory for all of them, in the shape of the routes under `/v2` or in that of the others.
pub(crate) fn count(response: Response, client: Client, is_v2: bool) -> Response {
    count_within(&RESPONSE_BUDGET, response, client, is_v2)
}

/// Returns the size of a response that is counted.
pub(crate) fn counted_bytes(response: &Response) -> Option<usize> {
    // A body of unknown length is a stream, which is read as fast as it is sent.
    let bytes = response.body().size_hint().exact()?;
    (bytes > UNCOUNTED_BYTES).then(|| bytes.try_into().unwrap_or(usize::MAX))
}

fn count_within(
    budget: &'static Budget,
    response: Response,
    client: Client,
    is_v2: bool,
) -> Response {
    let Some(bytes) = counted_bytes(&response) else {
        return response;
    };
    let mut share = budget.share(client);
    if !share.grow_to(bytes) {
        metrics::counter!("pillarbox_large_responses_refused_total").increment(1);
        let problem = Problem::too_many_large_responses();
        return if is_v2 {
            problem.into_response()
        } else {
            problem.into_legacy().into_response()
        };
    }
    let share = Arc::new(share);
    response.map(|body| Body::new(CountedBody { body, share }))
}

/// A body whose bytes hold their share of the budget.
struct CountedBody {
    body: Body,
    share: Arc<Share>,
}

impl HttpBody for CountedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let share = Arc::clone(&self.share);
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        // The server drops the body before it has sent the bytes, so it is they that hold the share.
        frame.map_ok(|frame| {
            frame.map_data(|bytes| {
                Bytes::from_owner(CountedBytes {
                    bytes,
                    _share: share,
                })
            })
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

struct CountedBytes {
    bytes: Bytes,
    _share: Arc<Share>,
}

impl AsRef<[u8]> for CountedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn large_responses_are_counted_until_their_bytes_are_sent() {
        static BUDGET: Budget = Budget::new(1 << 20);
        let respond_to = |client: Client, bytes: usize| {
            let response = Body::from(vec![b'x'; bytes]).into_response();
            count_within(&BUDGET, response, client, true)
        };
        let respond = |bytes| respond_to(Client::Internal, bytes);
        let mut first = respond(400 << 10);
        let sent = first.body_mut().frame().await.unwrap().unwrap();
        let sent = sent.into_data().unwrap();
        assert_eq!(sent.len(), 400 << 10);
        drop(first);
        assert_eq!(respond(400 << 10).status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(
            respond(1 << 10).status(),
            StatusCode::OK,
            "small ones are not counted"
        );
        let other = respond_to(Client::Unknown(None), 300 << 10);
        assert_eq!(other.status(), StatusCode::OK, "others have room");
        drop((sent, other));
        assert_eq!(respond(400 << 10).status(), StatusCode::OK);
    }
}
