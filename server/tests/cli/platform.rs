//! The real program, at work in a directory of its own.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

/// Longer than anything here takes on a machine that is busy; reached only by what hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program to run, untouched by the settings of whoever runs the tests.
pub(crate) fn pillarbox() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pillarbox"));
    for (name, _) in
        std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PILLARBOX_"))
    {
        command.env_remove(name);
    }
    command
}

pub(crate) fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../examples")
        .join(name)
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The objects that a command printed, one a line.
pub(crate) fn lines(output: &Output) -> Vec<Value> {
    stdout(output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// `pillarbox up`, in a directory that goes when it goes.
pub(crate) struct Platform {
    pub(crate) directory: TempDir,
    pub(crate) line: Value,
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Platform {
    pub(crate) fn up() -> Self {
        Self::up_in(tempfile::tempdir().unwrap())
    }

    pub(crate) fn up_in(directory: TempDir) -> Self {
        let mut process = pillarbox()
            .args(["up", "--json", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let line = serde_json::from_str(&line).expect("up prints one object");
        Self {
            directory,
            line,
            process,
            output,
        }
    }

    /// A command about this platform.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = pillarbox();
        command
            .args(arguments)
            .arg("--data-dir")
            .arg(self.directory.path());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What a command answers, which must succeed.
    pub(crate) fn answer(&self, arguments: &[&str]) -> Vec<Value> {
        let output = self.command(arguments).arg("--json").output().unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            stderr(&output)
        );
        lines(&output)
    }

    /// An HTTP request with a token; the status and body of the answer.
    pub(crate) fn http(&self, request: &str, token: &str, body: &str) -> (u16, String) {
        let host = self.line["url"]
            .as_str()
            .unwrap()
            .trim_start_matches("http://");
        let mut connection = TcpStream::connect(host).unwrap();
        write!(
            connection,
            "{request} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (
            head.split(' ').nth(1).unwrap().parse().unwrap(),
            body.to_owned(),
        )
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Asks it to stop; how it ended, how long that took, and what more it printed.
    pub(crate) fn terminate(mut self) -> (ExitStatus, Duration, String, TempDir) {
        let asked = Instant::now();
        // The shell's own `kill`: not every machine has a program of that name.
        let killed = Command::new("sh")
            .args(["-c", &format!("kill -TERM {}", self.pid())])
            .status()
            .unwrap();
        assert!(killed.success());
        let mut rest = String::new();
        // Its output ends when it does.
        self.output.read_to_string(&mut rest).unwrap();
        let status = self.process.wait().unwrap();
        let took = asked.elapsed();
        assert!(took < PATIENCE);
        let directory = std::mem::replace(&mut self.directory, tempfile::tempdir().unwrap());
        (status, took, rest, directory)
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        // It has ended already where the test asked it to.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
