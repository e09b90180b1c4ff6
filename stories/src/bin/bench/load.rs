//! A cheap load generator: prepared requests over connections that stay open, each sent as soon as the last was
//! answered. Only the status and the length of a response are read; anything but a 201 ends the measurement.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use domain::Clock as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::watch,
    task::JoinSet,
};

use crate::{
    children::content_length, options::Channel, platform::RealClock, results::Latency,
    sample_data::Person, serve::Endpoint,
};

/// Short enough that tokens are made at least once a second, as clients do.
const A_TOKEN_LASTS: Duration = Duration::from_millis(500);
/// Different requests of each connection.
const BODIES: u32 = 64;

/// Size and duration of a load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) channel: Channel,
    pub(crate) connections: usize,
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
}

/// Outcome of a load.
#[derive(Debug)]
pub(crate) struct Answered {
    /// Responses within the measured time.
    pub(crate) counted: u64,
    /// All responses, including those of the warm-up.
    pub(crate) all: u64,
    pub(crate) latency: Option<Latency>,
}

/// Runs a load against the API.
pub(crate) async fn run(endpoint: &Endpoint, load: Load) -> Result<Answered> {
    let (token, tokens) = watch::channel(token(endpoint)?);
    let from = Instant::now() + load.warm_up;
    let until = from + load.measured;
    let mut running = JoinSet::new();
    for number in 0..load.connections {
        let connection = Connection::open(endpoint, load.channel, number, tokens.clone()).await?;
        running.spawn(connection.request_until(from, until));
    }
    let (mut latencies, mut all) = (Vec::new(), 0);
    loop {
        tokio::select! {
            ended = running.join_next() => match ended {
                Some(ended) => {
                    let (its_latencies, its_all) = ended??;
                    latencies.extend(its_latencies);
                    all += its_all;
                }
                None => break,
            },
            () = tokio::time::sleep(A_TOKEN_LASTS) => {
                token.send_replace(self::token(endpoint)?);
            }
        }
    }
    Ok(Answered {
        counted: latencies.len() as u64,
        all,
        latency: Latency::of(&mut latencies),
    })
}

/// Returns a token as the official clients make it.
pub(crate) fn token(endpoint: &Endpoint) -> Result<Arc<str>> {
    let claims =
        serde_json::json!({"iss": endpoint.service, "iat": RealClock.now().unix_seconds()});
    let key = jsonwebtoken::EncodingKey::from_secret(endpoint.secret.as_bytes());
    Ok(jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key)?.into())
}

struct Connection {
    stream: TcpStream,
    tokens: watch::Receiver<Arc<str>>,
    before_token: String,
    after_token: Vec<Vec<u8>>,
    received: Vec<u8>,
}

impl Connection {
    async fn open(
        endpoint: &Endpoint,
        channel: Channel,
        number: usize,
        tokens: watch::Receiver<Arc<str>>,
    ) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", endpoint.port)).await?;
        stream.set_nodelay(true)?;
        let path = channel.as_str();
        let first = u32::try_from(number)? * BODIES;
        Ok(Self {
            stream,
            tokens,
            before_token: format!(
                "POST /v2/notifications/{path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nUser-Agent: bench\r\n\
                 Content-Type: application/json\r\nAuthorization: Bearer ",
                endpoint.port
            ),
            after_token: (first..first + BODIES)
                .map(|number| rest_of_request(endpoint, channel, Person(number)))
                .collect(),
            received: Vec::with_capacity(16 << 10),
        })
    }

    /// Returns the latency of each response within the measured time, in microseconds, and the number of all responses.
    async fn request_until(mut self, from: Instant, until: Instant) -> Result<(Vec<u32>, u64)> {
        let (mut latencies, mut all) = (Vec::with_capacity(16 << 10), 0);
        let mut request = Vec::with_capacity(4 << 10);
        for number in (0..self.after_token.len()).cycle() {
            request.clear();
            request.extend_from_slice(self.before_token.as_bytes());
            request.extend_from_slice(self.tokens.borrow().as_bytes());
            request.extend_from_slice(&self.after_token[number]);
            let asked = Instant::now();
            self.stream.write_all(&request).await?;
            self.hear_created().await?;
            let answered = Instant::now();
            all += 1;
            if answered >= until {
                break;
            }
            if answered >= from {
                latencies.push(u32::try_from((answered - asked).as_micros())?);
            }
        }
        Ok((latencies, all))
    }

    /// Reads one response, which must be a 201.
    async fn hear_created(&mut self) -> Result<()> {
        self.received.clear();
        let head = loop {
            self.read_more().await?;
            if let Some(end) = self
                .received
                .windows(4)
                .position(|four| four == b"\r\n\r\n")
            {
                break end + 4;
            }
        };
        let length = content_length(&self.received[..head])
            .context("an answer does not say how long it is")?;
        while self.received.len() < head + length {
            self.read_more().await?;
        }
        if self.received.get(9..12) != Some(b"201") {
            bail!("not accepted: {}", String::from_utf8_lossy(&self.received));
        }
        Ok(())
    }

    async fn read_more(&mut self) -> Result<()> {
        if self.stream.read_buf(&mut self.received).await? == 0 {
            bail!("the server closed a connection");
        }
        Ok(())
    }
}

/// Returns the request from the end of the token on.
fn rest_of_request(endpoint: &Endpoint, channel: Channel, person: Person) -> Vec<u8> {
    let (member, template) = match channel {
        Channel::Sms => ("phone_number", endpoint.sms),
        Channel::Email => ("email_address", endpoint.email),
    };
    let body = serde_json::json!({
        member: person.recipient(channel),
        "template_id": template,
        "personalisation": person.personalisation(channel),
    })
    .to_string();
    format!("\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}
