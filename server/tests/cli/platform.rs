//! The real binary, with a data directory of its own.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Longer than any command takes on a busy machine; only a command that hangs reaches it.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Returns the command without the environment variables of the user who runs the tests.
pub(crate) fn pillarbox() -> Command {
    pillarbox_of(Command::new(env!("CARGO_BIN_EXE_pillarbox")))
}

fn pillarbox_of(mut command: Command) -> Command {
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

/// Parses the JSON lines that a command printed.
pub(crate) fn json_lines(output: &Output) -> Vec<Value> {
    stdout(output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn job_arguments<'a>(
    command: &'a str,
    file: &'a Path,
    template: &'a str,
    options: &[&'a str],
) -> Vec<&'a str> {
    let file = file.to_str().unwrap();
    [&["job", command, file, "--template", template], options].concat()
}

/// A running process; the last one to be dropped removes the data directory.
pub(crate) struct Platform {
    pub(crate) directory: Arc<TempDir>,
    pub(crate) line: Value,
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Platform {
    pub(crate) fn up() -> Self {
        Self::up_in(tempfile::tempdir().unwrap().into())
    }

    pub(crate) fn up_in(directory: Arc<TempDir>) -> Self {
        Self::start(&["up"], directory)
    }

    /// Starts a platform that may open `hard` files, of which its shell allows `soft`.
    pub(crate) fn up_with_file_limits(soft: u32, hard: u32) -> Self {
        let mut shell = pillarbox_of(Command::new("sh"));
        let limits = format!("ulimit -Sn {soft} && ulimit -Hn {hard} && exec \"$0\" \"$@\"");
        shell.args(["-c", &limits, env!("CARGO_BIN_EXE_pillarbox")]);
        Self::start_by(shell, &["up"], tempfile::tempdir().unwrap().into())
    }

    /// Starts a command that prints a line once it runs, and waits for that line.
    pub(crate) fn start(arguments: &[&str], directory: Arc<TempDir>) -> Self {
        Self::start_by(pillarbox(), arguments, directory)
    }

    fn start_by(mut command: Command, arguments: &[&str], directory: Arc<TempDir>) -> Self {
        let mut process = command
            .args(arguments)
            .args(["--json", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let line = serde_json::from_str(&line).expect("it prints one object");
        Self {
            directory,
            line,
            process,
            output,
        }
    }

    /// Returns a command for this platform.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = pillarbox();
        command
            .args(arguments)
            .arg("--data-dir")
            .arg(self.directory.path());
        command
    }

    /// Runs `job check` or `job send` on a spreadsheet.
    pub(crate) fn run_job(
        &self,
        command: &str,
        file: &Path,
        template: &str,
        options: &[&str],
    ) -> Output {
        self.run(&job_arguments(command, file, template, options))
    }

    /// Sends a spreadsheet, which must succeed, and returns the JSON lines of `job send`.
    pub(crate) fn send(&self, file: &Path, template: &str, options: &[&str]) -> Vec<Value> {
        self.answer(&job_arguments("send", file, template, options))
    }

    /// Sends a text message of the demo service over the public API.
    pub(crate) fn send_text(&self) -> (u16, String) {
        let token = stdout(&self.run(&["token"]));
        let body = json!({
            "phone_number": "07700900123", "template_id": self.line["templates"]["sms"],
            "personalisation": {"name": "Ada", "day": "Monday"},
        });
        self.http(
            "POST /v2/notifications/sms",
            token.trim(),
            &body.to_string(),
        )
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command with `--json`, which must succeed, and returns its lines.
    pub(crate) fn answer(&self, arguments: &[&str]) -> Vec<Value> {
        let output = self.command(arguments).arg("--json").output().unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            stderr(&output)
        );
        json_lines(&output)
    }

    /// Sends an HTTP request with a token and returns status and body of the response.
    pub(crate) fn http(&self, request: &str, token: &str, body: &str) -> (u16, String) {
        self.http_bytes(request, token, body.as_bytes())
    }

    /// As [`Self::http`], with any body.
    pub(crate) fn http_bytes(&self, request: &str, token: &str, body: &[u8]) -> (u16, String) {
        let host = self.line["url"]
            .as_str()
            .unwrap()
            .trim_start_matches("http://");
        let mut connection = TcpStream::connect(host).unwrap();
        write!(
            connection,
            "{request} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .unwrap();
        connection.write_all(body).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (
            head.split(' ').nth(1).unwrap().parse().unwrap(),
            body.to_owned(),
        )
    }

    /// Returns whether the process has ended.
    pub(crate) fn has_exited(&mut self) -> bool {
        self.process.try_wait().unwrap().is_some()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Sends SIGTERM and returns the exit status, the time it took, and the rest of the output.
    pub(crate) fn terminate(mut self) -> (ExitStatus, Duration, String, Arc<TempDir>) {
        let asked = Instant::now();
        // The shell's own `kill`: not every machine has a program of that name.
        let killed = Command::new("sh")
            .args(["-c", &format!("kill -TERM {}", self.pid())])
            .status()
            .unwrap();
        assert!(killed.success());
        let mut rest = String::new();
        // The pipe closes when the process exits.
        self.output.read_to_string(&mut rest).unwrap();
        let status = self.process.wait().unwrap();
        let took = asked.elapsed();
        assert!(took < TIMEOUT);
        (status, took, rest, self.directory.clone())
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        // Fails if the test has already stopped it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
