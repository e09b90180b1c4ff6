//! The connection: the program `ssh` of OpenSSH, which carries SFTP on its standard input and output.

use std::{
    fmt, fs, io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, Join},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
    task::JoinHandle,
    time,
};

use super::{
    Address,
    client::{Client, SftpError},
};
use crate::{Secret, letter::file_drop::target::DropError};

/// How to log in, and by what the server is known.
#[derive(Debug, Clone)]
pub(in super::super) struct Login {
    pub(in super::super) host_keys: Vec<String>,
    pub(in super::super) key_file: Option<PathBuf>,
    /// The user's password, or the key's passphrase; may be empty.
    pub(in super::super) password: Secret,
    pub(in super::super) timeout: Duration,
}

/// Standard output and input of `ssh`.
type Pipes = Join<ChildStdout, ChildStdin>;

/// A session, and the process that carries it, which ends with it.
pub(super) struct Connection {
    pub(super) client: Client<Pipes>,
    _process: Child,
    /// Files that the process reads.
    _home: TempDir,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

/// Variable in which `ssh` passes the password to the program that it asks for it. Only the same user can read it.
const PASSWORD_VARIABLE: &str = "PILLARBOX_SSH_PASSWORD";

/// What `ssh` runs in place of asking a person.
const ASKPASS: &str = "#!/bin/sh\nprintf '%s\\n' \"$PILLARBOX_SSH_PASSWORD\"\n";

/// Time for `ssh` to say why it ended.
const REASON_TIMEOUT: Duration = Duration::from_secs(2);

/// Most that is read of what `ssh` says.
const MAX_REASON_BYTES: u64 = 8192;

impl Connection {
    /// Connects, logs in and begins a session.
    pub(super) async fn open(address: &Address, login: &Login) -> Result<Self, DropError> {
        let home = make_home(address, login)?;
        let mut process = command(address, login, home.path())
            .spawn()
            .map_err(|error| not_started(&error))?;
        let pipes = "it was started with pipes";
        let output = process.stdout.take().expect(pipes);
        let input = process.stdin.take().expect(pipes);
        let reason = read_reason(process.stderr.take().expect(pipes));
        let stream = tokio::io::join(output, input);
        // `ssh` has its own limit for the connection; the rest of the time is for logging in.
        match Client::start(stream, login.timeout.saturating_mul(2)).await {
            Ok(client) => Ok(Self {
                client,
                _process: process,
                _home: home,
            }),
            Err(SftpError::Stream(error)) if error.kind() != io::ErrorKind::TimedOut => {
                let said = time::timeout(REASON_TIMEOUT, reason).await;
                Err(explain(&said.ok().and_then(Result::ok).unwrap_or_default()))
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn not_started(error: &io::Error) -> DropError {
    DropError::new(match error.kind() {
        io::ErrorKind::NotFound => {
            "SFTP needs the program `ssh`, which is not installed here: install openssh-client"
        }
        _ => "the program `ssh` could not be started",
    })
}

/// Writes what `ssh` only reads from files.
fn make_home(address: &Address, login: &Login) -> Result<TempDir, DropError> {
    let make = || {
        let home = TempDir::with_prefix("pillarbox-sftp-")?;
        let host = address.known_host();
        let known = login.host_keys.iter().map(|key| format!("{host} {key}\n"));
        fs::write(home.path().join("known_hosts"), known.collect::<String>())?;
        if !login.password.expose().is_empty() {
            let mut askpass = fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o700)
                .open(home.path().join("askpass"))?;
            io::Write::write_all(&mut askpass, ASKPASS.as_bytes())?;
        }
        Ok(home)
    };
    make().map_err(|_: io::Error| {
        DropError::new("a temporary directory for the connection cannot be made")
    })
}

fn command(address: &Address, login: &Login, home: &Path) -> Command {
    let mut command = Command::new("ssh");
    command
        // Nothing of the machine's or the user's settings.
        .args(["-F", "none"])
        .args(
            options(login, home)
                .iter()
                .flat_map(|option| ["-o", option]),
        )
        .args(["-p", &address.port.to_string(), "-l", &address.user])
        .args(["-s", &address.host, "sftp"])
        .env_clear()
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    if !login.password.expose().is_empty() {
        command
            .env(PASSWORD_VARIABLE, login.password.expose())
            .env("SSH_ASKPASS", home.join("askpass"))
            // Also where there is no display.
            .env("SSH_ASKPASS_REQUIRE", "force");
    }
    command
}

fn options(login: &Login, home: &Path) -> Vec<String> {
    let yes = |is| if is { "yes" } else { "no" };
    let has_password = !login.password.expose().is_empty();
    let mut options = vec![
        format!("UserKnownHostsFile={}", home.join("known_hosts").display()),
        "GlobalKnownHostsFile=/dev/null".to_owned(),
        // The host keys of the settings and no others, and nobody is asked.
        "StrictHostKeyChecking=yes".to_owned(),
        "UpdateHostKeys=no".to_owned(),
        "CheckHostIP=no".to_owned(),
        format!("BatchMode={}", yes(!has_password)),
        "NumberOfPasswordPrompts=1".to_owned(),
        "IdentitiesOnly=yes".to_owned(),
        "IdentityAgent=none".to_owned(),
        format!("PubkeyAuthentication={}", yes(login.key_file.is_some())),
        format!("ConnectTimeout={}", login.timeout.as_secs()),
        // Notices a server that is gone while nothing is sent.
        "ServerAliveInterval=15".to_owned(),
        "ServerAliveCountMax=4".to_owned(),
        "ClearAllForwardings=yes".to_owned(),
        "LogLevel=ERROR".to_owned(),
    ];
    match &login.key_file {
        Some(file) => {
            options.push(format!("IdentityFile=\"{}\"", file.display()));
            // The password is the key's.
            options.push("PreferredAuthentications=publickey".to_owned());
        }
        None => options.push("PreferredAuthentications=password,keyboard-interactive".to_owned()),
    }
    options
}

/// Reads what `ssh` says until it ends, so that it never waits for us to.
fn read_reason(mut errors: ChildStderr) -> JoinHandle<String> {
    tokio::spawn(async move {
        let mut said = Vec::new();
        let mut first = (&mut errors).take(MAX_REASON_BYTES);
        // What cannot be read explains nothing.
        let _ = first.read_to_end(&mut said).await;
        let _ = tokio::io::copy(&mut errors, &mut tokio::io::sink()).await;
        String::from_utf8_lossy(&said).into_owned()
    })
}

/// Makes one of our own sentences of what `ssh` said, which may hold names of users and hosts.
fn explain(said: &str) -> DropError {
    let has = |words: &str| said.contains(words);
    DropError::new(
        if has("IDENTIFICATION HAS CHANGED") || has("Host key verification failed") {
            "the server has none of the host keys in `host_keys`: ask the print shop whether it changed"
        } else if has("no matching host key") {
            "the server has no host key of a kind that `host_keys` lists"
        } else if has("UNPROTECTED PRIVATE KEY") || has("bad permissions") {
            "others can read the file in `key_file`, so ssh does not use it: chmod 600"
        } else if has("not accessible") || has("no such identity") {
            "the file in `key_file` cannot be read"
        } else if has("Permission denied") {
            "the server refuses the user, key or password"
        } else if has("subsystem request failed") {
            "the server has no SFTP"
        } else if has("No user exists") {
            "ssh does not work for a user without an entry in /etc/passwd"
        } else if has("Could not resolve") {
            "the server's name is not known"
        } else if has("refused") || has("timed out") || has("unreachable") || has("No route") {
            "the server cannot be reached"
        } else {
            "ssh ended without a session"
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(key_file: Option<&str>, password: &str) -> Login {
        Login {
            host_keys: vec!["ssh-ed25519 AAAA".to_owned()],
            key_file: key_file.map(Into::into),
            password: password.into(),
            timeout: Duration::from_mins(1),
        }
    }

    #[test]
    fn a_key_without_a_passphrase_asks_nobody() {
        let options = options(&login(Some("/keys/print key"), ""), Path::new("/tmp/x"));
        assert!(options.contains(&"BatchMode=yes".to_owned()));
        assert!(options.contains(&"IdentityFile=\"/keys/print key\"".to_owned()));
        assert!(options.contains(&"StrictHostKeyChecking=yes".to_owned()));
    }

    #[test]
    fn a_password_is_on_no_command_line() {
        let (address, _) = Address::parse("sftp://n@print.example/in").unwrap();
        let command = command(&address, &login(None, "hunter2"), Path::new("/tmp/x"));
        let arguments = format!("{:?}", command.as_std().get_args());
        assert!(!arguments.contains("hunter2"), "{arguments}");
        assert!(arguments.contains("PubkeyAuthentication=no"));
    }

    #[test]
    fn what_ssh_says_is_explained_without_its_words() {
        for (said, words) in [
            ("Host key verification failed.\r\n", "host_keys"),
            (
                "notify@print.example: Permission denied (publickey).",
                "refuses the user",
            ),
            (
                "ssh: connect to host print.example port 22: Connection refused",
                "cannot be reached",
            ),
            (
                "ssh: Could not resolve hostname print.example: Name or service not known",
                "not known",
            ),
            ("", "ended without a session"),
        ] {
            let error = explain(said).to_string();
            assert!(error.contains(words), "{error}");
            assert!(!error.contains("print.example"), "{error}");
        }
    }
}
