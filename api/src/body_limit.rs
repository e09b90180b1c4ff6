//! Reads request bodies within limits (`docs/spec/public-api.md` §2.5).

use std::{convert::Infallible, future::poll_fn, ops::Deref, pin::Pin, task::Poll};

use axum::{
    body::{Body, Bytes, HttpBody as _},
    extract::{FromRequest, Request},
};
use http_body::Frame;

use crate::{
    Api, SpeedMeter,
    client::Client,
    memory_budget::{Budget, Share},
    problem::Problem,
};

/// The largest JSON body; files travel inside, as base64.
pub(crate) const MAX_BODY_BYTES: usize = 32 << 20;
/// The largest body that a provider may send.
const MAX_FORM_BYTES: usize = 500_000;

/// Bodies up to this size are not counted: connections are limited, and each has a buffer of this size anyway. Nearly all
/// receipts and most messages are such, and no other body can hold them up.
const UNCOUNTED_BYTES: usize = 8 << 10;
/// Bodies up to this size have a budget of their own, which no large body uses up.
const SMALL_BYTES: usize = 64 << 10;

/// The budgets of this process.
static BUDGETS: Budgets = Budgets {
    large: Budget::new(208 << 20),
    small: Budget::new(32 << 20),
    unknown: Budget::new(16 << 20),
};

/// Memory for bodies, so that many slow clients cannot fill the machine's.
struct Budgets {
    large: Budget,
    small: Budget,
    /// For unauthenticated requests: they cannot hold up those of services.
    unknown: Budget,
}

/// A body that is still to be read.
pub(crate) struct RequestBody {
    body: Body,
    client: Client,
    least_bytes_per_second: u64,
}

impl FromRequest<Api> for RequestBody {
    type Rejection = Infallible;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Infallible> {
        Ok(Self {
            client: Client::of_request(&request, api),
            least_bytes_per_second: api.settings.least_bytes_per_second,
            body: request.into_body(),
        })
    }
}

/// Reads the body of a provider's request.
pub(crate) async fn read_form(body: RequestBody) -> Result<BodyBytes, Problem> {
    read_body_of(body, MAX_FORM_BYTES).await
}

/// Reads a JSON body. Answers 413 beyond [`MAX_BODY_BYTES`], 503 while the bodies of other requests use up the memory set
/// aside for them, and 408 if it arrives too slowly.
pub(crate) async fn read_body(body: RequestBody) -> Result<BodyBytes, Problem> {
    read_body_of(body, MAX_BODY_BYTES).await
}

/// Reads a body of at most `max_bytes`.
pub(crate) async fn read_body_of(
    body: RequestBody,
    max_bytes: usize,
) -> Result<BodyBytes, Problem> {
    BUDGETS.read(body, max_bytes).await
}

/// A body in memory, counted against its budget until it is dropped.
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

impl Budgets {
    /// Returns the budget for bodies of a client that take this much memory; `None` if they are not counted.
    fn budget_of(&'static self, client: Client, bytes: usize) -> Option<&'static Budget> {
        match client {
            _ if bytes <= UNCOUNTED_BYTES => None,
            Client::Unknown(_) => Some(&self.unknown),
            _ if bytes <= SMALL_BYTES => Some(&self.small),
            Client::Service(_) | Client::Internal => Some(&self.large),
        }
    }

    async fn read(
        &'static self,
        request: RequestBody,
        max_bytes: usize,
    ) -> Result<BodyBytes, Problem> {
        let RequestBody {
            mut body, client, ..
        } = request;
        let mut meter = SpeedMeter::new(request.least_bytes_per_second);
        let mut buffer = Buffer {
            bytes: Vec::new(),
            announced: body.size_hint().exact().and_then(|n| n.try_into().ok()),
            max_bytes,
            budgets: self,
            client,
            share: self.small.share(client),
        };
        while let Some(frame) = next_frame(&mut body, &mut meter).await? {
            let Ok(piece) = frame.into_data() else {
                // Trailers, which are no part of the body.
                continue;
            };
            // Checked before the budget, so that a body that is too large gets its 413 whatever else is in memory.
            if buffer.bytes.len() + piece.len() > max_bytes {
                return Err(Problem::too_large());
            }
            if buffer.bytes.is_empty() && body.is_end_stream() {
                // The usual body is of one piece, and not copied. One that is still to arrive is: its piece would
                // keep the whole buffer of the connection in memory.
                buffer.hold(piece.len())?;
                return Ok(buffer.into_body(piece));
            }
            buffer.append(&piece)?;
        }
        let bytes = std::mem::take(&mut buffer.bytes);
        Ok(buffer.into_body(bytes.into()))
    }
}

/// Waits for the next part of a body. Fails if it breaks off or arrives too slowly.
async fn next_frame(
    body: &mut Body,
    meter: &mut SpeedMeter,
) -> Result<Option<Frame<Bytes>>, Problem> {
    poll_fn(|context| match Pin::new(&mut *body).poll_frame(context) {
        Poll::Ready(Some(Ok(frame))) => {
            meter.transferred(frame.data_ref().map_or(0, Bytes::len));
            Poll::Ready(Ok(Some(frame)))
        }
        Poll::Ready(Some(Err(_))) => Poll::Ready(Err(Problem::invalid_json())),
        Poll::Ready(None) => Poll::Ready(Ok(None)),
        Poll::Pending => meter
            .poll_too_slow(context)
            .map(|()| Err(Problem::request_too_slow())),
    })
    .await
}

/// The part of a body that has arrived.
struct Buffer {
    bytes: Vec<u8>,
    /// The length that the client states.
    announced: Option<usize>,
    max_bytes: usize,
    budgets: &'static Budgets,
    client: Client,
    share: Share,
}

impl Buffer {
    fn append(&mut self, piece: &[u8]) -> Result<(), Problem> {
        let needed = self.bytes.len() + piece.len();
        if needed > self.bytes.capacity() {
            let capacity = self.next_capacity(needed);
            self.hold(capacity)?;
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    /// Returns twice the capacity, but no more than the body can have. Not what the client states at once: one that
    /// announces much and sends nothing must use none of the budget.
    fn next_capacity(&self, needed: usize) -> usize {
        let announced = self.announced.filter(|announced| *announced >= needed);
        let most = announced.unwrap_or(usize::MAX).min(self.max_bytes);
        needed.max((2 * self.bytes.capacity()).min(most))
    }

    /// Counts this much memory, all of it and not only what is filled.
    fn hold(&mut self, capacity: usize) -> Result<(), Problem> {
        let Some(budget) = self.budgets.budget_of(self.client, capacity) else {
            return Ok(());
        };
        let mut other = (!self.share.is_of(budget)).then(|| budget.share(self.client));
        if !other.as_mut().unwrap_or(&mut self.share).grow_to(capacity) {
            metrics::counter!("pillarbox_bodies_refused_total").increment(1);
            return Err(Problem::too_many_bodies());
        }
        // A body that has grown leaves the budget for small ones.
        if let Some(other) = other {
            self.share = other;
        }
        Ok(())
    }

    fn into_body(self, bytes: Bytes) -> BodyBytes {
        BodyBytes {
            bytes,
            share: self.share,
        }
    }
}

impl Default for BodyBytes {
    fn default() -> Self {
        Self {
            bytes: Bytes::new(),
            share: BUDGETS.small.share(Client::Internal),
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
    use std::time::Duration;

    use axum::response::IntoResponse as _;
    use futures::{StreamExt as _, stream};
    use http::StatusCode;

    use super::*;

    const KIB: usize = 1 << 10;

    fn service(number: u128) -> Client {
        Client::Service(uuid::Uuid::from_u128(number).into())
    }

    fn unknown(number: u32) -> Client {
        let address = std::net::Ipv4Addr::from_bits(number);
        Client::Unknown(Some(address.into()))
    }

    /// Returns budgets of their own, as small as a test needs.
    fn budgets(large: usize, small: usize, unknown: usize) -> &'static Budgets {
        Box::leak(Box::new(Budgets {
            large: Budget::new(large),
            small: Budget::new(small),
            unknown: Budget::new(unknown),
        }))
    }

    fn request(client: Client, body: impl Into<Body>) -> RequestBody {
        RequestBody {
            body: body.into(),
            client,
            least_bytes_per_second: 500,
        }
    }

    async fn read(
        budgets: &'static Budgets,
        client: Client,
        length: usize,
    ) -> Result<BodyBytes, StatusCode> {
        let body = request(client, vec![b'x'; length]);
        let read = budgets.read(body, 100 * KIB).await;
        read.map_err(|problem| problem.into_response().status())
    }

    #[tokio::test]
    async fn bodies_share_a_budget_and_release_it() {
        let budgets = budgets(200 * KIB, 0, 0);
        let first = read(budgets, service(1), 90 * KIB).await.ok().unwrap();
        assert_eq!(first.len(), 90 * KIB);
        let refused = read(budgets, service(1), 90 * KIB).await.err();
        assert_eq!(refused, Some(StatusCode::SERVICE_UNAVAILABLE));
        let too_large = read(budgets, service(1), 101 * KIB).await.err();
        assert_eq!(too_large, Some(StatusCode::PAYLOAD_TOO_LARGE));
        drop(first);
        assert!(read(budgets, service(1), 100 * KIB).await.is_ok());
    }

    #[tokio::test]
    async fn large_bodies_and_those_of_others_leave_room() {
        let budgets = budgets(200 * KIB, 64 * KIB, 64 * KIB);
        let mut kept = Vec::new();
        for (client, length, is_read) in [
            (service(1), 100 * KIB, true),
            (service(1), 65 * KIB, false),
            // The first one has left half of each.
            (service(1), 32 * KIB, true),
            (service(1), 9 * KIB, false),
            (service(2), 16 * KIB, true),
            (unknown(1), 32 * KIB, true),
            (unknown(1), 9 * KIB, false),
            (unknown(2), 16 * KIB, true),
            (unknown(3), 9 * KIB, false),
            // Nothing can keep out the smallest.
            (service(1), 8 * KIB, true),
            (unknown(3), 8 * KIB, true),
        ] {
            let read = read(budgets, client, length).await;
            assert_eq!(read.is_ok(), is_read, "{client:?} {length}");
            kept.extend(read);
        }
    }

    #[tokio::test]
    async fn the_capacity_is_counted_and_bounded() {
        let pieces = |count: usize| {
            let pieces = stream::iter((0..count).map(|_| Ok::<_, axum::Error>(vec![0; 1000])));
            Body::from_stream(pieces)
        };
        let budgets = budgets(200 * KIB, 200 * KIB, 0);
        let body = budgets.read(request(service(1), pieces(99)), 100 * KIB);
        let body = body.await.unwrap_or_else(|_| panic!("there is room"));
        assert_eq!(body.len(), 99_000);
        let capacity = 200 * KIB - 100 * KIB;
        assert!(
            !budgets.large.share(service(2)).grow_to(capacity / 2 + 1),
            "the capacity is reserved, and not only the length"
        );
        drop(body);
        let too_large = budgets.read(request(service(3), pieces(103)), 100 * KIB);
        assert!(
            too_large
                .await
                .is_err_and(|why| why == Problem::too_large())
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stalls_is_given_up() {
        let pieces = stream::iter([Ok::<_, axum::Error>(vec![0; 1000])]).chain(stream::pending());
        let body = request(unknown(1), Body::from_stream(pieces));
        let read = budgets(0, 0, 0).read(body, 100 * KIB);
        let read = tokio::time::timeout(Duration::from_secs(25), read).await;
        let problem = read.unwrap().err().unwrap();
        assert_eq!(problem.status(), StatusCode::REQUEST_TIMEOUT);
    }
}
