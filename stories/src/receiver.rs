//! The other end of callbacks.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use domain::Private;
use providers::outbound::{
    ForbiddenUrl, OutboundClient, OutboundError, OutboundReply, OutboundRequest, UrlRules,
};
use serde_json::Value;

/// What a host answers to a callback.
#[derive(Debug, Clone)]
pub enum Answer {
    /// This status, with this body.
    Status(u16, &'static str),
    /// Nothing: the connection breaks.
    Break,
    /// Nothing, for so long that the caller gives up.
    Hang,
    /// Nothing ever, and the caller's time limit does not end: it waits until its task is dropped.
    HangForEver,
    /// The program fails.
    Panic,
}

/// A callback as it was received.
#[derive(Debug, Clone)]
pub struct ReceivedCallback {
    /// The URL that was called.
    pub url: String,
    /// The headers besides `content-type`.
    pub headers: HashMap<&'static str, String>,
    /// The body, byte for byte.
    pub body: String,
}

impl ReceivedCallback {
    /// Returns the body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a callback is JSON")
    }
}

#[derive(Debug, Default)]
struct State {
    received: Vec<ReceivedCallback>,
    /// Those that were answered with a success.
    told: Vec<ReceivedCallback>,
    /// By URL: what it answers next, before it answers 200.
    answers: HashMap<String, VecDeque<Answer>>,
    /// By URL: what it answers in place of 200.
    always: HashMap<String, Answer>,
}

/// All hosts that callbacks go to. It answers 200 unless it is told otherwise, and remembers what it received, whatever it
/// answered.
#[derive(Debug, Default)]
pub struct FakeReceiver(Mutex<State>);

impl FakeReceiver {
    /// Returns every callback that a URL received, in order.
    pub fn received(&self, url: &str) -> Vec<ReceivedCallback> {
        let received = &self.state().received;
        received
            .iter()
            .filter(|one| one.url == url)
            .cloned()
            .collect()
    }

    /// Returns every callback that a URL answered with a success, in order.
    pub fn told(&self, url: &str) -> Vec<ReceivedCallback> {
        let told = &self.state().told;
        told.iter().filter(|one| one.url == url).cloned().collect()
    }

    /// Returns every callback that any URL received.
    pub fn all_received(&self) -> Vec<ReceivedCallback> {
        self.state().received.clone()
    }

    /// Lets a URL give these answers before the others.
    pub fn answers(&self, url: &str, answers: impl IntoIterator<Item = Answer>) {
        let mut state = self.state();
        state
            .answers
            .entry(url.to_owned())
            .or_default()
            .extend(answers);
    }

    /// Lets a URL give this answer from now on; `None` for 200.
    pub fn always_answers(&self, url: &str, answer: Option<Answer>) {
        let mut state = self.state();
        match answer {
            Some(answer) => state.always.insert(url.to_owned(), answer),
            None => state.always.remove(url),
        };
    }

    fn receive(&self, request: &OutboundRequest) -> Answer {
        let mut state = self.state();
        let url = request.url.reveal().clone();
        let headers = request.headers.iter();
        let body = request.body.reveal().to_vec();
        let received = ReceivedCallback {
            url: url.clone(),
            headers: headers
                .map(|(name, value)| (*name, value.reveal().clone()))
                .collect(),
            body: String::from_utf8(body).expect("a callback is text"),
        };
        state.received.push(received.clone());
        let next = state.answers.get_mut(&url).and_then(VecDeque::pop_front);
        let answer = next
            .or_else(|| state.always.get(&url).cloned())
            .unwrap_or(Answer::Status(200, ""));
        if matches!(answer, Answer::Status(200..300, _)) {
            state.told.push(received);
        }
        answer
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no one panics holding it")
    }
}

#[async_trait]
impl OutboundClient for FakeReceiver {
    async fn check(&self, url: &str) -> Result<(), ForbiddenUrl> {
        UrlRules::default().check(url).map(drop)
    }

    async fn get(&self, url: &Private<String>) -> Result<OutboundReply, OutboundError> {
        let visit = OutboundRequest {
            url: url.clone(),
            headers: Vec::new(),
            body: Bytes::new().into(),
        };
        self.post(&visit).await
    }

    async fn post(&self, request: &OutboundRequest) -> Result<OutboundReply, OutboundError> {
        match self.receive(request) {
            Answer::Status(status, body) => Ok(OutboundReply {
                status,
                excerpt: body.as_bytes().to_vec().into(),
            }),
            Answer::Break => Err(OutboundError::Broken),
            Answer::Hang => Err(OutboundError::TimedOut(Duration::from_secs(5))),
            Answer::HangForEver => std::future::pending().await,
            Answer::Panic => panic!("the receiver panics, as it was told"),
        }
    }
}
