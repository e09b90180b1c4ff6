//! Providers that hold state: they remember what they were given, and misbehave when they are told to.

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
    Email, EmailProvider, Finding, Handed, Letter, LetterProvider, Refusal, ScanError, Scanner,
    SendError, Sms, SmsProvider,
};
use tokio::sync::Notify;
use uuid::Uuid;

/// What a provider does with the next message.
#[derive(Debug, Clone)]
pub enum Mood {
    /// Takes it.
    Takes,
    /// Refuses its recipient for good.
    RefusesRecipient,
    /// Refuses its content for good.
    RefusesMessage,
    /// Is not there.
    IsAway,
    /// Takes it, and does not say so.
    FallsSilent,
    /// Takes it once the gate is opened, and tells when it has arrived there.
    WaitsAt(Arc<Gate>),
}

/// Where a provider waits until a story lets it go on.
#[derive(Debug, Default)]
pub struct Gate {
    /// A message has arrived.
    pub arrived: Notify,
    /// It may go on.
    pub open: Notify,
}

#[derive(Debug)]
struct State<M> {
    taken: Vec<M>,
    unanswered: Vec<M>,
    /// Whether each comes late; its sender holds it for as long as it lives and waits.
    on_their_way: Vec<Weak<AtomicBool>>,
    late: Vec<Uuid>,
    takes_its_time: bool,
    moods: VecDeque<Mood>,
    mood: Mood,
    reports: bool,
    dreaded: Vec<(String, Failing)>,
}

/// When a client of a provider makes the program fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failing {
    /// Before the provider has the message.
    Before,
    /// After it has taken it.
    After,
}

/// A message that goes to somebody.
trait Addressed {
    fn is_to(&self, recipient: &str) -> bool;
}

impl Addressed for Email {
    fn is_to(&self, recipient: &str) -> bool {
        self.to == recipient
    }
}

impl Addressed for Sms {
    fn is_to(&self, recipient: &str) -> bool {
        self.to == recipient
    }
}

impl Addressed for Letter {
    fn is_to(&self, recipient: &str) -> bool {
        self.address.first().is_some_and(|name| name == recipient)
    }
}

impl<M> Default for State<M> {
    fn default() -> Self {
        Self {
            taken: Vec::new(),
            unanswered: Vec::new(),
            on_their_way: Vec::new(),
            late: Vec::new(),
            takes_its_time: false,
            moods: VecDeque::new(),
            mood: Mood::Takes,
            reports: true,
            dreaded: Vec::new(),
        }
    }
}

/// Others have their turn.
async fn a_moment() {
    let mut is_over = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut is_over, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

macro_rules! fake {
    ($(#[$meta:meta])* $name:ident of $message:ty) => {
        $(#[$meta])*
        #[derive(Debug, Default)]
        pub struct $name(Mutex<State<$message>>);

        impl $name {
            /// Everything it has taken, in order.
            pub fn taken(&self) -> Vec<$message> {
                self.state().taken.clone()
            }

            /// What it has taken without saying so.
            pub fn unanswered(&self) -> Vec<$message> {
                self.state().unanswered.clone()
            }

            /// From now on whoever asks it waits: on the way there, and for the answer.
            pub fn takes_its_time(&self) {
                self.state().takes_its_time = true;
            }

            /// How much is on its way to it.
            pub fn on_their_way(&self) -> usize {
                let mut state = self.state();
                state.on_their_way.retain(|one| one.strong_count() > 0);
                state.on_their_way.len()
            }

            /// What is on its way comes late, if it comes.
            pub fn is_late(&self) {
                for one in self.state().on_their_way.iter().filter_map(Weak::upgrade) {
                    one.store(true, Ordering::Relaxed);
                }
            }

            /// What it has taken and answered although it came late.
            pub fn late(&self) -> Vec<Uuid> {
                self.state().late.clone()
            }

            /// From now on it is in this mood.
            pub fn is(&self, mood: Mood) {
                self.state().mood = mood;
            }

            /// For the next messages it is in these moods, one each.
            pub fn will_be(&self, moods: impl IntoIterator<Item = Mood>) {
                self.state().moods.extend(moods);
            }

            /// From now on its client makes the program fail on messages to this recipient.
            pub fn dreads(&self, recipient: &str, when: Failing) {
                self.state().dreaded.push((recipient.to_owned(), when));
            }

            /// It does what it should from now on, whatever it was told before.
            pub fn calms_down(&self) {
                let mut state = self.state();
                state.moods.clear();
                state.dreaded.clear();
                state.mood = Mood::Takes;
            }

            /// Whether it reports what becomes of messages. It does unless it is told.
            pub fn reports(&self, reports: bool) {
                self.state().reports = reports;
            }

            fn state(&self) -> std::sync::MutexGuard<'_, State<$message>> {
                self.0.lock().expect("nobody panics holding it")
            }

            fn failing(&self, message: &$message) -> Option<Failing> {
                let state = self.state();
                let mut dreaded = state.dreaded.iter();
                dreaded.find(|(recipient, _)| message.is_to(recipient)).map(|(_, when)| *when)
            }

            async fn take(&self, message: &$message) -> Result<Handed, SendError> {
                if !self.state().takes_its_time {
                    return self.answer(message).await;
                }
                // It does not arrive if its sender dies.
                let is_late = Arc::new(AtomicBool::default());
                self.state().on_their_way.push(Arc::downgrade(&is_late));
                a_moment().await;
                a_moment().await;
                let answer = self.answer(message).await;
                if answer.is_ok() && is_late.load(Ordering::Relaxed) {
                    self.state().late.push(message.id);
                }
                drop(is_late);
                a_moment().await;
                answer
            }

            async fn answer(&self, message: &$message) -> Result<Handed, SendError> {
                let failing = self.failing(message);
                assert_ne!(failing, Some(Failing::Before), "the client of a provider fails, as the story wants");
                let mood = {
                    let mut state = self.state();
                    state.moods.pop_front().unwrap_or_else(|| state.mood.clone())
                };
                match mood {
                    Mood::Takes => {}
                    Mood::RefusesRecipient => return Err(SendError::rejected(Refusal::Recipient, "no such recipient")),
                    Mood::RefusesMessage => return Err(SendError::rejected(Refusal::Message, "forbidden content")),
                    Mood::IsAway => return Err(SendError::unavailable("nobody answers")),
                    Mood::FallsSilent => {
                        let mut state = self.state();
                        state.taken.push(message.clone());
                        state.unanswered.push(message.clone());
                        return Err(SendError::unknown("no answer came"));
                    }
                    Mood::WaitsAt(gate) => {
                        gate.arrived.notify_one();
                        gate.open.notified().await;
                    }
                }
                self.state().taken.push(message.clone());
                assert_ne!(failing, Some(Failing::After), "the client of a provider fails, as the story wants");
                Ok(Handed::default())
            }
        }
    };
}

fake!(
    /// An e-mail provider.
    FakeEmail of Email
);
fake!(
    /// A text message provider.
    FakeSms of Sms
);

fake!(
    /// Somebody who prints and posts.
    FakeLetter of Letter
);

/// A virus scanner, for which what holds [`FakeScanner::VIRUS`] is a virus.
#[derive(Debug, Default)]
pub struct FakeScanner(Mutex<(usize, bool)>);

impl FakeScanner {
    /// What it takes for a virus.
    pub const VIRUS: &str = "virus";
    /// What makes the program fail when it is to be looked at.
    pub const DREADED: &str = "dreaded";

    /// How many files it has looked at.
    pub fn scanned(&self) -> usize {
        self.0.lock().expect("nobody panics holding it").0
    }

    /// Whether it is away from now on.
    pub fn is_away(&self, is_away: bool) {
        self.0.lock().expect("nobody panics holding it").1 = is_away;
    }
}

#[async_trait]
impl Scanner for FakeScanner {
    async fn scan(&self, bytes: &[u8]) -> Result<Finding, ScanError> {
        let mut state = self.0.lock().expect("nobody panics holding it");
        if state.1 {
            return Err(ScanError::new("nobody answers"));
        }
        state.0 += 1;
        drop(state);
        let holds = |what: &str| {
            bytes
                .windows(what.len())
                .any(|window| window == what.as_bytes())
        };
        assert!(
            !holds(Self::DREADED),
            "the client of a scanner fails, as the story wants"
        );
        Ok(if holds(Self::VIRUS) {
            Finding::Virus
        } else {
            Finding::Clean
        })
    }
}

#[async_trait]
impl LetterProvider for FakeLetter {
    fn name(&self) -> &'static str {
        "fake-letter"
    }

    fn reports_delivery(&self) -> bool {
        self.state().reports
    }

    fn concurrency(&self) -> usize {
        8
    }

    async fn send(&self, letter: &Letter) -> Result<Handed, SendError> {
        self.take(letter).await
    }
}

#[async_trait]
impl EmailProvider for FakeEmail {
    fn name(&self) -> &'static str {
        "fake-email"
    }

    fn reports_delivery(&self) -> bool {
        self.state().reports
    }

    fn concurrency(&self) -> usize {
        8
    }

    async fn send(&self, email: &Email) -> Result<Handed, SendError> {
        self.take(email).await
    }
}

#[async_trait]
impl SmsProvider for FakeSms {
    fn name(&self) -> &'static str {
        "fake-sms"
    }

    fn reports_delivery(&self) -> bool {
        self.state().reports
    }

    fn supports_international(&self) -> bool {
        true
    }

    fn concurrency(&self) -> usize {
        8
    }

    async fn send(&self, sms: &Sms) -> Result<Handed, SendError> {
        self.take(sms).await
    }
}
