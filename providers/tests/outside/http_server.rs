//! An HTTP server on a real socket that gives the answers it was told and remembers the requests.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

/// What the server does with the next request.
pub(crate) enum Act {
    /// Answers with a status, more headers (each with its line end), and a body.
    Answer(u16, &'static str, String),
    /// Answers with a status and a body in whatever encoding.
    AnswerBytes(u16, &'static [u8]),
    /// Answers with headers that promise more body than comes.
    BreakOff,
    /// Hangs up.
    HangUp,
    /// Never answers; `Server::fallen_silent` tells when.
    FallSilent,
}

pub(crate) fn json(status: u16, body: &str) -> Act {
    Act::Answer(
        status,
        "Content-Type: application/json\r\n",
        body.to_owned(),
    )
}

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) headers: Vec<String>,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|header| {
            let (found, value) = header.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// Decides what the server does with a request that nothing else was told for.
type Respond = dyn Fn(&Request) -> Act + Send + Sync;

#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) url: String,
    acts: Arc<Mutex<VecDeque<Act>>>,
    requests: Arc<Mutex<Vec<Request>>>,
    pub(crate) fallen_silent: Arc<Notify>,
    respond: Arc<Respond>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| json(200, "{}")).await
    }

    /// Starts a server that has a state of its own: acts that it is told come first.
    pub(crate) async fn start_with(
        respond: impl Fn(&Request) -> Act + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            acts: Arc::default(),
            requests: Arc::default(),
            fallen_silent: Arc::default(),
            respond: Arc::new(respond),
        };
        let host = server.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let guest = host.clone();
                tokio::spawn(async move { guest.serve(BufReader::new(socket)).await });
            }
        });
        server
    }

    /// Without being told, the server answers 200 and `{}`.
    pub(crate) fn will(&self, act: Act) {
        self.acts.lock().unwrap().push_back(act);
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    async fn serve(&self, mut socket: BufReader<TcpStream>) -> Option<()> {
        loop {
            let request = read(&mut socket).await?;
            self.requests.lock().unwrap().push(request.clone());
            let act = self.acts.lock().unwrap().pop_front();
            let answer = match act.unwrap_or_else(|| (self.respond)(&request)) {
                Act::Answer(status, headers, body) => answer(status, headers, body.as_bytes()),
                Act::AnswerBytes(status, body) => answer(status, "", body),
                Act::BreakOff => b"HTTP/1.1 200 x\r\nContent-Length: 100\r\n\r\n{".to_vec(),
                Act::HangUp => return None,
                Act::FallSilent => {
                    self.fallen_silent.notify_one();
                    std::future::pending().await
                }
            };
            socket.write_all(&answer).await.ok()?;
            if answer.ends_with(b"\r\n\r\n{") {
                return None;
            }
        }
    }
}

fn answer(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} x\r\n{headers}Content-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

async fn read(socket: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if socket.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut request = Request {
        line: lines.remove(0),
        headers: lines,
        body: String::new(),
    };
    let length = request
        .header("content-length")
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    socket.read_exact(&mut body).await.ok()?;
    request.body = String::from_utf8(body).unwrap();
    Some(request)
}
