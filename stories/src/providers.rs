//! Fake providers. They hold state rather than expectations: each remembers what it accepted and misbehaves when told to.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
};

use async_trait::async_trait;
use providers::{
    Email, EmailProvider, Letter, LetterProvider, RejectReason, ScanError, ScanResult, Scanner,
    SendError, SendReceipt, Sms, SmsProvider,
};
use tokio::sync::Notify;
use uuid::Uuid;

/// What a fake provider does with a message.
#[derive(Debug, Clone)]
pub enum Behaviour {
    /// Accepts it.
    Accept,
    /// Rejects its recipient for good.
    RejectRecipient,
    /// Rejects its content for good.
    RejectMessage,
    /// Fails as a provider that cannot be reached.
    BeUnavailable,
    /// Reports that the mailbox is full.
    MailboxFull,
    /// Accepts it, then fails as a provider whose response was lost.
    AcceptSilently,
    /// Accepts it once the gate is opened.
    WaitAt(Arc<Gate>),
    /// Accepts it, and answers once the gate is opened.
    AcceptAndWaitAt(Arc<Gate>),
    /// Hangs, and accepts it when the story says that it answers.
    Hang,
}

/// A point at which a provider stops until the story lets it go on.
#[derive(Debug, Default)]
pub struct Gate {
    /// Signals that a message has arrived.
    pub arrived: Notify,
    /// Lets one message pass.
    pub open: Notify,
}

#[derive(Debug)]
struct State<M> {
    accepted: Vec<M>,
    accepted_silently: Vec<M>,
    /// For each message being sent, whether it has been marked as late. Its sender holds the strong reference, so that an
    /// entry ends with a sender that dies.
    in_flight: Vec<Weak<AtomicBool>>,
    late: Vec<Uuid>,
    yields_while_sending: bool,
    queued: VecDeque<Behaviour>,
    behaviour: Behaviour,
    reports_delivery: bool,
    panics: Vec<(String, PanicPoint)>,
    refused: usize,
    answers: Arc<Notify>,
}

/// When the client of a provider panics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PanicPoint {
    /// Before the provider has the message.
    BeforeSending,
    /// After the provider has accepted it.
    AfterSending,
}

/// A message with a recipient.
trait HasRecipient {
    fn is_to(&self, recipient: &str) -> bool;
}

impl HasRecipient for Email {
    fn is_to(&self, recipient: &str) -> bool {
        self.to == recipient
    }
}

impl HasRecipient for Sms {
    fn is_to(&self, recipient: &str) -> bool {
        self.to == recipient
    }
}

impl HasRecipient for Letter {
    fn is_to(&self, recipient: &str) -> bool {
        self.address.first().is_some_and(|name| name == recipient)
    }
}

impl<M> Default for State<M> {
    fn default() -> Self {
        Self {
            accepted: Vec::new(),
            accepted_silently: Vec::new(),
            in_flight: Vec::new(),
            late: Vec::new(),
            yields_while_sending: false,
            queued: VecDeque::new(),
            behaviour: Behaviour::Accept,
            reports_delivery: true,
            panics: Vec::new(),
            refused: 0,
            answers: Arc::default(),
        }
    }
}

/// Yields to the executor once.
async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

macro_rules! fake {
    ($(#[$meta:meta])* $name:ident of $message:ty, $default_name:literal) => {
        $(#[$meta])*
        #[derive(Debug)]
        pub struct $name {
            name: &'static str,
            state: Mutex<State<$message>>,
        }

        impl Default for $name {
            fn default() -> Self {
                Self::named($default_name)
            }
        }

        impl $name {
            /// Returns a provider of this name that accepts everything.
            pub fn named(name: &'static str) -> Self {
                Self { name, state: Mutex::default() }
            }

            /// Returns every accepted message in order.
            pub fn accepted(&self) -> Vec<$message> {
                self.state().accepted.clone()
            }

            /// Returns the messages that were accepted without a response.
            pub fn accepted_silently(&self) -> Vec<$message> {
                self.state().accepted_silently.clone()
            }

            /// Makes every later send yield to the executor before and after the provider accepts the message.
            pub fn yield_while_sending(&self) {
                self.state().yields_while_sending = true;
            }

            /// Returns how often it was called while it could not be reached.
            pub fn refused(&self) -> usize {
                self.state().refused
            }

            /// Returns how many messages are being sent.
            pub fn in_flight(&self) -> usize {
                let mut state = self.state();
                state.in_flight.retain(|one| one.strong_count() > 0);
                state.in_flight.len()
            }

            /// Marks the messages that are being sent as late.
            pub fn mark_in_flight_late(&self) {
                for one in self.state().in_flight.iter().filter_map(Weak::upgrade) {
                    one.store(true, Ordering::Relaxed);
                }
            }

            /// Returns the ids of the late messages that were accepted and answered.
            pub fn late(&self) -> Vec<Uuid> {
                self.state().late.clone()
            }

            /// Sets the behaviour from now on.
            pub fn set_behaviour(&self, behaviour: Behaviour) {
                self.state().behaviour = behaviour;
            }

            /// Queues a behaviour for each of the next messages; after those the one that is set applies again.
            pub fn queue_behaviours(&self, behaviours: impl IntoIterator<Item = Behaviour>) {
                self.state().queued.extend(behaviours);
            }

            /// Makes the client panic on every later message to `recipient`.
            pub fn panic_on(&self, recipient: &str, point: PanicPoint) {
                self.state().panics.push((recipient.to_owned(), point));
            }

            /// Lets the messages go on with which it hangs.
            pub fn answer(&self) {
                self.state().answers.notify_waiters();
            }

            /// Accepts every later message, whatever was set or queued.
            pub fn reset_behaviour(&self) {
                let mut state = self.state();
                state.queued.clear();
                state.panics.clear();
                state.behaviour = Behaviour::Accept;
            }

            /// Sets whether the provider sends delivery receipts; it does by default.
            pub fn set_reports_delivery(&self, reports_delivery: bool) {
                self.state().reports_delivery = reports_delivery;
            }

            fn state(&self) -> std::sync::MutexGuard<'_, State<$message>> {
                self.state.lock().expect("the lock is not poisoned")
            }

            fn panic_point(&self, message: &$message) -> Option<PanicPoint> {
                let state = self.state();
                let mut panics = state.panics.iter();
                panics.find(|(recipient, _)| message.is_to(recipient)).map(|(_, point)| *point)
            }

            async fn accept(&self, message: &$message) -> Result<SendReceipt, SendError> {
                if !self.state().yields_while_sending {
                    return self.respond(message).await;
                }
                // A sender that is dropped at one of these points stands for a worker that dies there.
                let is_late = Arc::new(AtomicBool::default());
                self.state().in_flight.push(Arc::downgrade(&is_late));
                yield_once().await;
                yield_once().await;
                let response = self.respond(message).await;
                if response.is_ok() && is_late.load(Ordering::Relaxed) {
                    self.state().late.push(message.id);
                }
                drop(is_late);
                yield_once().await;
                response
            }

            async fn respond(&self, message: &$message) -> Result<SendReceipt, SendError> {
                let panic_point = self.panic_point(message);
                assert_ne!(panic_point, Some(PanicPoint::BeforeSending), "the provider's client panics as told");
                let behaviour = {
                    let mut state = self.state();
                    state.queued.pop_front().unwrap_or_else(|| state.behaviour.clone())
                };
                match behaviour {
                    Behaviour::Accept => {}
                    Behaviour::RejectRecipient => return Err(SendError::rejected(RejectReason::Recipient, "no such recipient")),
                    Behaviour::RejectMessage => return Err(SendError::rejected(RejectReason::Message, "forbidden content")),
                    Behaviour::BeUnavailable => {
                        self.state().refused += 1;
                        return Err(SendError::unavailable("nobody answers"));
                    }
                    Behaviour::MailboxFull => return Err(SendError::recipient_unavailable("the mailbox is full")),
                    Behaviour::AcceptSilently => {
                        let mut state = self.state();
                        state.accepted.push(message.clone());
                        state.accepted_silently.push(message.clone());
                        return Err(SendError::unknown("no answer came"));
                    }
                    Behaviour::WaitAt(gate) => {
                        gate.arrived.notify_one();
                        gate.open.notified().await;
                    }
                    Behaviour::Hang => {
                        let answers = self.state().answers.clone();
                        answers.notified().await;
                    }
                    Behaviour::AcceptAndWaitAt(gate) => {
                        self.state().accepted.push(message.clone());
                        gate.arrived.notify_one();
                        gate.open.notified().await;
                        return Ok(SendReceipt::default());
                    }
                }
                self.state().accepted.push(message.clone());
                assert_ne!(panic_point, Some(PanicPoint::AfterSending), "the provider's client panics as told");
                Ok(SendReceipt::default())
            }
        }
    };
}

fake!(
    /// A fake e-mail provider.
    FakeEmail of Email, "fake-email"
);
fake!(
    /// A fake SMS provider.
    FakeSms of Sms, "fake-sms"
);

fake!(
    /// A fake print provider.
    FakeLetter of Letter, "fake-letter"
);

/// A virus scanner that finds a virus in every file that contains [`FakeScanner::VIRUS`].
#[derive(Debug, Default)]
pub struct FakeScanner(Mutex<ScannerState>);

#[derive(Debug, Default)]
struct ScannerState {
    scan_count: usize,
    is_unavailable: bool,
}

impl FakeScanner {
    /// Text that counts as a virus.
    pub const VIRUS: &str = "virus";
    /// Text that makes the scanner's client panic.
    pub const PANIC: &str = "dreaded";

    /// Returns how many files were scanned.
    pub fn scan_count(&self) -> usize {
        self.state().scan_count
    }

    /// Sets whether the scanner cannot be reached.
    pub fn set_unavailable(&self, is_unavailable: bool) {
        self.state().is_unavailable = is_unavailable;
    }

    fn state(&self) -> std::sync::MutexGuard<'_, ScannerState> {
        self.0.lock().expect("the lock is not poisoned")
    }
}

#[async_trait]
impl Scanner for FakeScanner {
    async fn scan(&self, bytes: &[u8]) -> Result<ScanResult, ScanError> {
        let mut state = self.state();
        if state.is_unavailable {
            return Err(ScanError::new("nobody answers"));
        }
        state.scan_count += 1;
        // Released first: the panic below would poison it.
        drop(state);
        let contains = |text: &str| {
            bytes
                .windows(text.len())
                .any(|window| window == text.as_bytes())
        };
        assert!(
            !contains(Self::PANIC),
            "the scanner's client panics as told"
        );
        Ok(if contains(Self::VIRUS) {
            ScanResult::Virus
        } else {
            ScanResult::Clean
        })
    }
}

#[async_trait]
impl LetterProvider for FakeLetter {
    fn name(&self) -> &'static str {
        self.name
    }

    fn reports_delivery(&self) -> bool {
        self.state().reports_delivery
    }

    fn concurrency(&self) -> usize {
        8
    }

    async fn send(&self, letter: &Letter) -> Result<SendReceipt, SendError> {
        self.accept(letter).await
    }
}

#[async_trait]
impl EmailProvider for FakeEmail {
    fn name(&self) -> &'static str {
        self.name
    }

    fn reports_delivery(&self) -> bool {
        self.state().reports_delivery
    }

    fn concurrency(&self) -> usize {
        8
    }

    async fn send(&self, email: &Email) -> Result<SendReceipt, SendError> {
        self.accept(email).await?;
        // As long as the ids of SES, so that receipts that name it find the e-mail.
        Ok(SendReceipt::with_reference(format!("fake-{}", email.id)))
    }
}

#[async_trait]
impl SmsProvider for FakeSms {
    fn name(&self) -> &'static str {
        self.name
    }

    fn reports_delivery(&self) -> bool {
        self.state().reports_delivery
    }

    fn supports_international(&self) -> bool {
        true
    }

    fn concurrency(&self) -> usize {
        8
    }

    async fn send(&self, sms: &Sms) -> Result<SendReceipt, SendError> {
        self.accept(sms).await
    }
}
