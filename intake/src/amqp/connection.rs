//! Connections to a broker, opened when they are needed and again after a failure.
//!
//! Reconnecting is ours rather than lapin's: what is sent while a connection is lost has to fail at once, so that the
//! message takes the direct path.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use lapin::{Channel, Connection, ConnectionProperties, options::ConfirmSelectOptions};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    address::{Address, node_name},
    queues,
    server::Server,
    socket::{Greeting, Opener, runtime},
};
use crate::LogError;

/// How long opening a connection to a node takes at most, with the check of the queues: a caller waits for it.
const NODE_TIMEOUT: Duration = Duration::from_millis(1500);
/// The same at the start, when no caller waits and the queues may have to be made.
pub(super) const START_TIMEOUT: Duration = Duration::from_secs(20);
/// How long opening a channel takes at most.
const CHANNEL_TIMEOUT: Duration = Duration::from_secs(2);
/// Nodes that are tried before a caller is told that the broker is away; the next caller tries the next ones.
const MAX_NODES: usize = 2;
/// Wait before the first attempt after a failed one; it doubles with each.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
/// Longest wait between attempts. Short, because one attempt in it costs a broker nothing, and callers see the outage.
const MAX_BACKOFF: Duration = Duration::from_secs(2);

/// The broker of an address.
#[derive(Debug)]
pub(super) struct Broker {
    pub(super) address: Address,
    opener: OpaqueOpener,
}

struct OpaqueOpener(Opener);

impl std::fmt::Debug for OpaqueOpener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Opener")
    }
}

impl Broker {
    pub(super) fn new(address: Address) -> Result<Self, LogError> {
        let opener = OpaqueOpener(Opener::new(&address)?);
        Ok(Self { address, opener })
    }

    /// Connects to a node and declares the queues, which fails if they exist and are not durable.
    async fn connect(
        &self,
        index: usize,
        purpose: &str,
        limit: Duration,
    ) -> Result<Session, OpenError> {
        let node = &self.address.nodes[index % self.address.nodes.len()];
        let token = CancellationToken::new();
        // Also when this future is dropped: the thread of a half-open connection would wait for ever.
        let abandon_unless_opened = token.clone().drop_guard();
        let properties = ConnectionProperties::default()
            .with_connection_name(format!("pillarbox {purpose}").into());
        let (sockets, of_socket) = (self.opener.0.clone(), token.clone());
        let greeting = Greeting::default();
        let heard = greeting.clone();
        let connecting = Connection::connector(
            node.clone(),
            runtime(),
            async move |node, _| {
                let socket = sockets
                    .open(&node, of_socket.clone(), heard.clone())
                    .await?;
                Ok(lapin::AsyncTcpStream::Plain(socket))
            },
            properties,
        );
        let opening = async {
            let connection = connecting.await.map_err(OpenError::of_connection)?;
            let server = Server::of_greeting(&greeting.lock().expect("no one panics holding it"))
                .map_err(OpenError::Unfit)?;
            queues::declare_all(&connection, &self.address.prefix, &server).await?;
            Ok((connection, server))
        };
        let (connection, server) = match timeout(limit, opening).await {
            Ok(opened) => opened?,
            Err(_) => {
                return Err(OpenError::Away(LogError::new(format!(
                    "{} does not answer",
                    node_name(node)
                ))));
            }
        };
        abandon_unless_opened.disarm();
        Ok(Session {
            connection,
            server,
            token,
            idle: Mutex::default(),
            confirmed: AtomicU64::new(0),
            is_abandoned: AtomicBool::new(false),
        })
    }
}

/// Why no connection was opened.
#[derive(Debug)]
pub(super) enum OpenError {
    /// The broker does not answer now.
    Away(LogError),
    /// The broker answers, and does not do what the log needs: wrong credentials, or a queue that is not durable.
    Unfit(LogError),
}

impl OpenError {
    fn of_connection(error: lapin::Error) -> Self {
        let is_refusal = error.is_amqp_error();
        let error = LogError::caused("the broker refuses the connection", error);
        if is_refusal {
            Self::Unfit(error)
        } else {
            Self::Away(error)
        }
    }

    pub(super) fn into_log_error(self) -> LogError {
        match self {
            Self::Away(error) | Self::Unfit(error) => error,
        }
    }
}

/// An open connection.
pub(super) struct Session {
    connection: Connection,
    pub(super) server: Server,
    token: CancellationToken,
    /// Channels with confirms on which nothing is in flight.
    idle: Mutex<Vec<Channel>>,
    /// How many publications were confirmed.
    pub(super) confirmed: AtomicU64,
    is_abandoned: AtomicBool,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl Session {
    fn is_open(&self) -> bool {
        self.connection.status().connected() && !self.is_abandoned.load(Ordering::Relaxed)
    }

    /// Returns whether the broker takes no messages, for want of memory or disk.
    pub(super) fn is_blocked(&self) -> bool {
        self.connection.status().blocked()
    }

    /// Ends the connection without a word to the broker, so that everything in flight on it fails now.
    pub(super) fn abandon(&self) {
        self.is_abandoned.store(true, Ordering::Relaxed);
        self.token.cancel();
    }

    /// Opens a channel.
    pub(super) async fn channel(&self) -> Result<Channel, LogError> {
        self.connection
            .create_channel()
            .await
            .map_err(|error| LogError::caused("cannot open a channel of the broker", error))
    }

    /// Returns a channel with confirms on which nothing is in flight.
    pub(super) async fn confirming_channel(&self) -> Result<Channel, LogError> {
        let idle = self.idle().pop();
        if let Some(channel) = idle.filter(|channel| channel.status().connected()) {
            return Ok(channel);
        }
        let channel = self.channel().await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await
            .map_err(|error| LogError::caused("the broker does not confirm", error))?;
        Ok(channel)
    }

    /// Takes back a channel on which nothing is in flight.
    pub(super) fn give_back(&self, channel: Channel) {
        self.idle().push(channel);
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Channel>> {
        self.idle.lock().expect("no one panics holding it")
    }
}

/// A connection for one purpose that is opened when it is needed.
#[derive(Debug)]
pub(super) struct Link {
    broker: Arc<Broker>,
    purpose: &'static str,
    state: tokio::sync::Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    session: Option<Arc<Session>>,
    /// The node that is tried first.
    node: usize,
    failures: u32,
    retry_at: Option<Instant>,
}

impl Link {
    pub(super) fn new(broker: &Arc<Broker>, purpose: &'static str) -> Self {
        Self {
            broker: broker.clone(),
            purpose,
            state: tokio::sync::Mutex::default(),
        }
    }

    /// Returns the open connection, or opens one; fails at once if that failed a moment ago.
    pub(super) async fn session(&self) -> Result<Arc<Session>, LogError> {
        let opened = self.open(NODE_TIMEOUT).await;
        opened.map_err(OpenError::into_log_error)
    }

    /// Opens a channel on the open connection, or on a new one if that one is lost and does not know it yet.
    pub(super) async fn channel(&self) -> Result<(Arc<Session>, Channel), LogError> {
        let session = self.session().await?;
        if let Ok(Ok(channel)) = timeout(CHANNEL_TIMEOUT, session.channel()).await {
            return Ok((session, channel));
        }
        session.abandon();
        let session = self.session().await?;
        let channel = timeout(CHANNEL_TIMEOUT, session.channel()).await;
        let channel = channel.unwrap_or_else(|_| {
            session.abandon();
            Err(LogError::new("the broker does not answer"))
        });
        Ok((session, channel?))
    }

    /// As [`Self::session`], within this time for each node, and says why there is none.
    pub(super) async fn open(&self, limit: Duration) -> Result<Arc<Session>, OpenError> {
        let mut state = self.state.lock().await;
        if let Some(session) = state.session.as_ref().filter(|session| session.is_open()) {
            return Ok(session.clone());
        }
        state.session = None;
        if state
            .retry_at
            .is_some_and(|retry_at| Instant::now() < retry_at)
        {
            return Err(OpenError::Away(LogError::new("the broker does not answer")));
        }
        match self.open_any(&mut state, limit).await {
            Ok(session) => {
                let session = Arc::new(session);
                state.session = Some(session.clone());
                state.failures = 0;
                state.retry_at = None;
                Ok(session)
            }
            Err(error) => {
                let backoff = FIRST_BACKOFF.saturating_mul(1 << state.failures.min(10));
                state.failures += 1;
                state.retry_at = Some(Instant::now() + backoff.min(MAX_BACKOFF));
                Err(error)
            }
        }
    }

    /// Tries the nodes, at most two of them, because a caller waits.
    async fn open_any(&self, state: &mut State, limit: Duration) -> Result<Session, OpenError> {
        let mut attempts = self.broker.address.nodes.len().min(MAX_NODES);
        loop {
            attempts -= 1;
            match self.broker.connect(state.node, self.purpose, limit).await {
                Ok(session) => return Ok(session),
                Err(error) if attempts == 0 => {
                    state.node = state.node.wrapping_add(1);
                    return Err(error);
                }
                Err(_) => state.node = state.node.wrapping_add(1),
            }
        }
    }
}
