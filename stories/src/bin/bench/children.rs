//! Child processes, in which everything is measured. Each gets its order as its only argument and writes a line of
//! JSON for each reply.

use std::{env, io::Write as _, process::Stdio};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::{
    baseline, callbacks, content, databases::DataLocation, deliver, everything_on, growth, job,
    letters, noisy_neighbour, responses, slow_provider,
};

/// The first argument of a child process.
const MARK: &str = "__child";

/// The work of a child process.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Serve the API until the input ends.
    Serve(DataLocation),
    /// Insert bare rows.
    Baseline(baseline::Task),
    /// Run a job.
    Job(job::Task),
    /// Send messages.
    Deliver(deliver::Task),
    /// Validate recipients or render templates.
    Content(content::Task),
    /// Work on one service's backlog while another sends.
    NoisyNeighbour(noisy_neighbour::Task),
    /// Send and accept messages with a large table.
    Growth(growth::Task),
    /// Send messages to a slow provider.
    SlowProvider(slow_provider::Task),
    /// Serve the API and send what it accepts.
    EverythingOn(everything_on::Task),
    /// Send callbacks.
    Callbacks(callbacks::Task),
    /// Apply a response file.
    Responses(responses::Task),
    /// Make the pages of letters.
    Letters(letters::Task),
    /// Answer every HTTP request at once.
    Receive,
}

/// Returns the order of this process, or `None` if it is not a child.
pub(crate) fn my_order() -> Result<Option<Order>> {
    let mut arguments = env::args().skip(1);
    match (arguments.next(), arguments.next()) {
        (Some(mark), Some(order)) if mark == MARK => Ok(Some(serde_json::from_str(&order)?)),
        _ => Ok(None),
    }
}

/// Writes a reply to the parent.
pub(crate) fn reply(answer: &impl Serialize) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(answer)?)?;
    Ok(out.flush()?)
}

/// Waits for the parent's next line; returns false at the end of the input.
pub(crate) async fn wait_for_a_line() -> Result<bool> {
    let read = || std::io::stdin().read_line(&mut String::new());
    Ok(tokio::task::spawn_blocking(read).await?? > 0)
}

/// A child process with an order. It is killed when dropped.
pub(crate) struct Worker {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Worker {
    pub(crate) fn start(order: &Order) -> Result<Self> {
        let mut child = Command::new(env::current_exe()?)
            .args([MARK, &serde_json::to_string(order)?])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start this program again")?;
        let input = child.stdin.take().expect("it is piped");
        let output = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        Ok(Self {
            child,
            input,
            output,
        })
    }

    /// Returns the process id, so that the parent can measure the process while it runs.
    pub(crate) fn process(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    pub(crate) async fn receive<T: DeserializeOwned>(&mut self) -> Result<T> {
        let line = self
            .output
            .next_line()
            .await?
            .context("a measurement ended before its answer")?;
        Ok(serde_json::from_str(&line)?)
    }

    pub(crate) async fn request<T: DeserializeOwned>(&mut self) -> Result<T> {
        self.input.write_all(b"\n").await?;
        self.receive().await
    }

    /// Closes the input and waits for the process to exit.
    pub(crate) async fn end(mut self) -> Result<()> {
        drop(self.input);
        let status = self.child.wait().await?;
        anyhow::ensure!(status.success(), "a measurement ended with {status}");
        Ok(())
    }
}

/// Runs an order that has one reply.
pub(crate) async fn run_child<T: DeserializeOwned>(order: &Order) -> Result<T> {
    let mut worker = Worker::start(order)?;
    let answer = worker.receive().await?;
    worker.end().await?;
    Ok(answer)
}

/// Returns the `Content-Length` of a request or response.
pub(crate) fn content_length(head: &[u8]) -> Option<usize> {
    let head = std::str::from_utf8(head).ok()?;
    let value = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then_some(value)
    })?;
    value.trim().parse().ok()
}
