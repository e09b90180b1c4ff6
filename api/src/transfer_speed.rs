//! The lowest speed of a transfer. A client that sends or takes next to nothing holds memory and a connection for as long
//! as it likes; one that is merely far away does not get this slow.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep};

/// How long a transfer is watched before it is judged.
const WINDOW: Duration = Duration::from_secs(20);

/// Measures the speed of one direction of a connection. Only the time spent waiting for the client counts.
#[derive(Debug)]
pub struct SpeedMeter {
    least_bytes: u64,
    bytes: u64,
    waited: Duration,
    waiting_since: Option<Instant>,
    window_end: Option<Pin<Box<Sleep>>>,
}

impl SpeedMeter {
    /// Returns a meter for transfers of at least this many bytes a second; with 0, even a transfer that stands still is
    /// fast enough.
    pub const fn new(least_bytes_per_second: u64) -> Self {
        Self {
            least_bytes: least_bytes_per_second.saturating_mul(WINDOW.as_secs()),
            bytes: 0,
            waited: Duration::ZERO,
            waiting_since: None,
            window_end: None,
        }
    }

    /// Counts bytes that the client sent or took.
    pub fn transferred(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        // The client's time ends here. What the handler does until it asks for more is not counted against it.
        if let Some(since) = self.waiting_since.take() {
            self.waited += since.elapsed();
        }
    }

    /// Waits for the client. Ready if the transfer is too slow.
    pub fn poll_too_slow(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let end = self.window_end();
            if end.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            if self.bytes < self.least_bytes {
                return Poll::Ready(());
            }
            // Fast enough. The next window starts from nothing, so that a quick beginning does not excuse a
            // standstill.
            (self.bytes, self.waited, self.waiting_since) = (0, Duration::ZERO, None);
        }
    }

    /// Returns the timer for the end of the window, set anew for each wait.
    fn window_end(&mut self) -> &mut Pin<Box<Sleep>> {
        let starts = self.waiting_since.is_none();
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        let end = since + WINDOW.saturating_sub(self.waited);
        let timer = self
            .window_end
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(end)));
        // Only at the start of a wait: while it lasts the end of the window does not move, and this is polled often.
        if starts {
            timer.as_mut().reset(end);
        }
        timer
    }
}

/// A body that ends with an error when its client sends too slowly.
struct MeteredBody {
    body: Body,
    meter: SpeedMeter,
    is_too_slow: Arc<AtomicBool>,
}

/// Whether a body was cut off because it arrived too slowly.
pub(crate) struct TooSlow(Arc<AtomicBool>);

impl TooSlow {
    pub(crate) fn happened(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Returns the body with a lowest speed. Handlers see an interrupted body like any other; the second value tells the
/// reason.
pub(crate) fn metered(body: Body, least_bytes_per_second: u64) -> (Body, TooSlow) {
    let is_too_slow = Arc::new(AtomicBool::new(false));
    let metered = MeteredBody {
        body,
        meter: SpeedMeter::new(least_bytes_per_second),
        is_too_slow: Arc::clone(&is_too_slow),
    };
    (Body::new(metered), TooSlow(is_too_slow))
}

impl HttpBody for MeteredBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                self.meter.transferred(bytes);
            }
            Poll::Ready(_) => {}
            // Polled only when there is no data: the body and the timer then both wake this task, whichever comes
            // first.
            Poll::Pending => {
                if self.meter.poll_too_slow(context).is_ready() {
                    self.is_too_slow.store(true, Ordering::Relaxed);
                    let error = io::Error::from(io::ErrorKind::TimedOut);
                    return Poll::Ready(Some(Err(axum::Error::new(error))));
                }
            }
        }
        polled
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt as _, stream};
    use http_body_util::BodyExt as _;

    use super::*;

    /// Returns what a body of ten chunks of this many bytes, each of them late, is read as.
    async fn read(bytes: usize, seconds: u64) -> (Option<usize>, bool) {
        let chunks = stream::iter(0..10).then(move |_| async move {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            Ok::<_, axum::Error>(Bytes::from(vec![0; bytes]))
        });
        let (body, too_slow) = metered(Body::from_stream(chunks), 1000);
        let read = body.collect().await.ok();
        let length = read.map(|body| body.to_bytes().len());
        (length, too_slow.happened())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_below_the_lowest_speed_is_cut_off() {
        assert_eq!(read(1500, 1).await, (Some(15_000), false));
        assert_eq!(read(12_000, 8).await, (Some(120_000), false));
        assert_eq!(read(10, 8).await, (None, true));
        assert_eq!(
            read(90_000, 25).await,
            (None, true),
            "it stands still for a window"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_time_that_the_client_needs_counts() {
        let mut meter = SpeedMeter::new(1000);
        for _ in 0..3 {
            let waited = tokio::time::timeout(
                Duration::from_secs(1),
                std::future::poll_fn(|context| meter.poll_too_slow(context)),
            );
            assert!(waited.await.is_err(), "not too slow yet");
            meter.transferred(1);
            // The handler works on what it has.
            tokio::time::sleep(Duration::from_mins(5)).await;
        }
    }
}
