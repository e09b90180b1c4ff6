//! Starting a child, passing the input, receiving the answer.

use std::{
    ffi::OsString,
    io,
    os::unix::process::ExitStatusExt as _,
    path::PathBuf,
    process::{ExitStatus, Stdio},
};

use bytes::Bytes;
use rustix::process::Signal;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use crate::{Limits, UNCONFINED_EXIT_CODE};

/// Address space that the allocator reserves at a time, in KiB. Its default, a gigabyte, is more than a child may have.
const ALLOCATOR_RESERVE: (&str, &str) = ("MIMALLOC_ARENA_RESERVE", "16384");

/// The program that a child runs.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The child ended, or was ended, because of its input: it would do so again.
    #[error("the child process {0}")]
    Input(String),
    /// The child could not be started or confined, or was ended from outside.
    #[error("the child process {0}")]
    System(String),
}

impl Program {
    /// Returns the running program itself.
    ///
    /// On Linux this is the same file even if another version was installed in its place meanwhile.
    pub fn itself() -> io::Result<Self> {
        let path = if cfg!(target_os = "linux") {
            PathBuf::from("/proc/self/exe")
        } else {
            std::env::current_exe()?
        };
        Ok(Self::at(path))
    }

    /// Returns the program at `path`.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            arguments: Vec::new(),
        }
    }

    /// Adds command line arguments.
    #[must_use]
    pub fn with_arguments<A: Into<OsString>>(
        mut self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    fn start(&self) -> io::Result<Child> {
        Command::new(&self.path)
            .args(&self.arguments)
            // The environment may hold passwords and keys.
            .env_clear()
            .env(ALLOCATOR_RESERVE.0, ALLOCATOR_RESERVE.1)
            .current_dir("/")
            // Away from the terminal: an interrupt there is for the platform, and must not look like a bad file.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A parser's messages may quote the file.
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
    }
}

/// Runs the program in a child process with `input` on its standard input, and returns its standard output. If the
/// returned future is dropped, the child is killed.
pub async fn run(program: &Program, input: &[Bytes], limits: &Limits) -> Result<Vec<u8>, RunError> {
    let mut child = program
        .start()
        .map_err(|error| RunError::System(format!("could not be started: {error}")))?;
    let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        unreachable!("both are piped");
    };
    let answered = timeout(
        limits.time,
        converse(&mut child, stdin, stdout, input, limits),
    )
    .await;
    answered.unwrap_or_else(|_| {
        let seconds = limits.time.as_secs();
        Err(RunError::Input(format!(
            "took longer than {seconds} seconds"
        )))
    })
}

async fn converse(
    child: &mut Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    input: &[Bytes],
    limits: &Limits,
) -> Result<Vec<u8>, RunError> {
    // At once: a child that answers before it has read everything would otherwise wait for us, and we for it.
    let ((), answer) = tokio::join!(pass(stdin, input), receive(stdout, limits.answer_bytes));
    let answer = answer.map_err(|error| waiting_failed(&error))?;
    if answer.len() > limits.answer_bytes {
        let most = limits.answer_bytes;
        return Err(RunError::Input(format!(
            "answered with more than {most} bytes"
        )));
    }
    let status = child.wait().await.map_err(|error| waiting_failed(&error))?;
    classify(status)?;
    Ok(answer)
}

fn waiting_failed(error: &io::Error) -> RunError {
    RunError::System(format!("could not be waited for: {error}"))
}

/// Writes the input. A child that ends before it has read everything is judged by how it ended.
async fn pass(mut stdin: ChildStdin, input: &[Bytes]) {
    for part in input {
        if stdin.write_all(part).await.is_err() {
            return;
        }
    }
}

/// Reads the answer, and one byte more if it is too long.
async fn receive(stdout: impl AsyncRead + Unpin, most: usize) -> io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    stdout
        .take(most as u64 + 1)
        .read_to_end(&mut answer)
        .await?;
    Ok(answer)
}

fn classify(status: ExitStatus) -> Result<(), RunError> {
    if status.success() {
        return Ok(());
    }
    let was_ended_from_outside = status.signal().is_some_and(is_from_outside);
    let was_not_confined = status.code() == Some(i32::from(UNCONFINED_EXIT_CODE));
    let how = format!("ended with {status}");
    Err(if was_ended_from_outside || was_not_confined {
        RunError::System(how)
    } else {
        RunError::Input(how)
    })
}

/// Returns whether a signal comes from an operator, a service manager or a system that is short of memory, and not from
/// a limit or a fault of the child.
fn is_from_outside(signal: i32) -> bool {
    [
        Signal::KILL,
        Signal::TERM,
        Signal::INT,
        Signal::HUP,
        Signal::QUIT,
    ]
    .iter()
    .any(|known| known.as_raw() == signal)
}
