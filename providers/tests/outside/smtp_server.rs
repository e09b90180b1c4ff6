//! A relay on a real socket that does as it is told and remembers what it heard.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::Notify,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

/// What the relay does in place of its usual answer.
#[derive(Clone, Copy)]
pub(crate) enum Act {
    /// Answers this line.
    Say(&'static str),
    /// Answers this line, and goes on as after the usual one.
    SayAsUsual(&'static str),
    /// Answers this line, in whatever encoding.
    SayBytes(&'static [u8]),
    /// Answers with four megabytes and no end of line, and then waits.
    SayWithoutEnd,
    /// Answers this line and hangs up.
    SayAndHangUp(&'static str),
    /// Hangs up.
    HangUp,
    /// Never answers; `Relay::fallen_silent` tells when.
    FallSilent,
}

/// The moments at which a relay answers. Others are named by their verb.
pub(crate) const GREETING: &str = "(greeting)";
pub(crate) const TEXT: &str = "(text)";

#[derive(Clone)]
pub(crate) struct Relay {
    pub(crate) port: u16,
    heard: Arc<Mutex<Heard>>,
    acts: Arc<Mutex<HashMap<&'static str, VecDeque<Act>>>>,
    capabilities: &'static [&'static str],
    tls: Option<TlsAcceptor>,
    tls_from_the_start: bool,
    pub(crate) fallen_silent: Arc<Notify>,
}

#[derive(Default)]
struct Heard {
    connections: usize,
    commands: Vec<String>,
    texts: Vec<Vec<u8>>,
}

impl Relay {
    pub(crate) async fn start() -> Self {
        Self::start_with(&["8BITMIME"], None, false).await
    }

    pub(crate) async fn start_with(
        capabilities: &'static [&'static str],
        tls: Option<Arc<ServerConfig>>,
        tls_from_the_start: bool,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = Self {
            port: listener.local_addr().unwrap().port(),
            heard: Arc::default(),
            acts: Arc::default(),
            capabilities,
            tls: tls.map(TlsAcceptor::from),
            tls_from_the_start,
            fallen_silent: Arc::default(),
        };
        let host = relay.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                host.heard.lock().unwrap().connections += 1;
                let guest = host.clone();
                tokio::spawn(async move { guest.welcome(socket).await });
            }
        });
        relay
    }

    /// At the next such moment the relay does this; then the one told after it, then the usual again.
    pub(crate) fn will(&self, moment: &'static str, act: Act) {
        let mut acts = self.acts.lock().unwrap();
        acts.entry(moment).or_default().push_back(act);
    }

    pub(crate) fn commands(&self) -> Vec<String> {
        self.heard.lock().unwrap().commands.clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.heard.lock().unwrap().connections
    }

    /// The texts as they were before dots were doubled.
    pub(crate) fn texts(&self) -> Vec<Vec<u8>> {
        self.heard.lock().unwrap().texts.clone()
    }

    async fn welcome(self, socket: TcpStream) {
        if self.tls_from_the_start {
            let acceptor = self.tls.clone().unwrap();
            if let Ok(socket) = acceptor.accept(socket).await {
                self.talk(BufReader::new(socket), true).await;
            }
            return;
        }
        let mut socket = BufReader::new(socket);
        if self.talk(&mut socket, true).await == Some(End::StartTls) {
            let acceptor = self.tls.clone().unwrap();
            if let Ok(socket) = acceptor.accept(socket.into_inner()).await {
                self.talk(BufReader::new(socket), false).await;
            }
        }
    }

    /// `None` if the connection ended.
    async fn talk<S>(&self, mut socket: S, greet: bool) -> Option<End>
    where
        S: AsyncBufReadExt + AsyncRead + AsyncWrite + Unpin,
    {
        if greet {
            self.answer(&mut socket, GREETING, "220 relay.example ESMTP")
                .await?;
        }
        loop {
            let mut line = String::new();
            if socket.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            let command = line.trim_end().to_owned();
            self.heard.lock().unwrap().commands.push(command.clone());
            let verb = command.split(' ').next().unwrap().to_uppercase();
            match verb.as_str() {
                "EHLO" => {
                    let usual = self.capabilities();
                    self.answer(&mut socket, "EHLO", &usual).await?;
                }
                "STARTTLS" => {
                    if self.answer(&mut socket, "STARTTLS", "220 go ahead").await? {
                        return Some(End::StartTls);
                    }
                }
                "AUTH" => drop(self.answer(&mut socket, "AUTH", "235 welcome").await?),
                "MAIL" => drop(self.answer(&mut socket, "MAIL", "250 2.1.0 Ok").await?),
                "RCPT" => drop(self.answer(&mut socket, "RCPT", "250 2.1.5 Ok").await?),
                "RSET" => drop(self.answer(&mut socket, "RSET", "250 2.0.0 Ok").await?),
                "DATA" => {
                    if self.answer(&mut socket, "DATA", "354 go ahead").await? {
                        self.take_text(&mut socket).await?;
                        self.answer(&mut socket, TEXT, "250 2.0.0 Ok: queued as 4XyZ123abc")
                            .await?;
                    }
                }
                _ => drop(self.answer(&mut socket, "?", "502 5.5.1 what?").await?),
            }
        }
    }

    async fn take_text<S: AsyncBufReadExt + Unpin>(&self, socket: &mut S) -> Option<()> {
        let mut text = Vec::new();
        loop {
            let start = text.len();
            if socket.read_until(b'\n', &mut text).await.ok()? == 0 {
                return None;
            }
            if &text[start..] == b".\r\n" {
                text.truncate(start);
                break;
            }
            if text[start] == b'.' {
                text.remove(start);
            }
        }
        self.heard.lock().unwrap().texts.push(text);
        Some(())
    }

    fn capabilities(&self) -> String {
        let mut lines = vec!["relay.example"];
        lines.extend(self.capabilities);
        let last = lines.len() - 1;
        let lines: Vec<_> = lines
            .iter()
            .enumerate()
            .map(|(number, line)| format!("250{}{line}", if number == last { ' ' } else { '-' }))
            .collect();
        lines.join("\r\n")
    }

    /// Answers as told or as usual; whether it was as usual. `None` if the connection ends.
    async fn answer<S>(&self, socket: &mut S, moment: &'static str, usual: &str) -> Option<bool>
    where
        S: AsyncWrite + Unpin,
    {
        let act = self
            .acts
            .lock()
            .unwrap()
            .get_mut(moment)
            .and_then(VecDeque::pop_front);
        match act {
            None => say(socket, usual).await.map(|()| true),
            Some(Act::Say(line)) => say(socket, line).await.map(|()| false),
            Some(Act::SayAsUsual(line)) => say(socket, line).await.map(|()| true),
            Some(Act::SayBytes(line)) => say_bytes(socket, line).await.map(|()| false),
            Some(Act::SayWithoutEnd) => {
                socket.write_all(b"250-").await.ok()?;
                for _ in 0..4096 {
                    socket.write_all(&[b'x'; 1024]).await.ok()?;
                }
                socket.flush().await.ok()?;
                std::future::pending().await
            }
            Some(Act::SayAndHangUp(line)) => {
                say(socket, line).await?;
                None
            }
            Some(Act::HangUp) => None,
            Some(Act::FallSilent) => {
                self.fallen_silent.notify_one();
                std::future::pending().await
            }
        }
    }
}

#[derive(PartialEq, Eq)]
enum End {
    StartTls,
}

async fn say<S: AsyncWrite + Unpin>(socket: &mut S, line: &str) -> Option<()> {
    say_bytes(socket, line.as_bytes()).await
}

async fn say_bytes<S: AsyncWrite + Unpin>(socket: &mut S, line: &[u8]) -> Option<()> {
    // In one write, so that all of it is received together.
    socket.write_all(&[line, b"\r\n"].concat()).await.ok()?;
    socket.flush().await.ok()
}
