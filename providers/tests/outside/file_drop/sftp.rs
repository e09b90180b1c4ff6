//! A real OpenSSH server on this machine, which `scripts/sftp.sh` starts.

use std::{env, fs, path::Path};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{NAME, Place, provider};

/// What the script says about its server.
#[derive(Deserialize)]
struct Server {
    port: u16,
    user: String,
    host_key: String,
    key_file: String,
    /// A directory that the user may write to.
    root: String,
}

fn server() -> Server {
    let server = env::var("PILLARBOX_TEST_SFTP")
        .expect("PILLARBOX_TEST_SFTP is set by make test-distributed");
    serde_json::from_str(&server).unwrap()
}

pub(super) struct OverSftp {
    server: Server,
    directory: TempDir,
}

impl Place for OverSftp {
    fn start() -> Self {
        let server = server();
        let directory = TempDir::new_in(&server.root).unwrap();
        Self { server, directory }
    }

    fn settings(&self, directory: &Path) -> Value {
        let Server { port, user, .. } = &self.server;
        json!({
            "sftp": format!("sftp://{user}@127.0.0.1:{port}{}", directory.display()),
            "host_keys": [self.server.host_key],
            "key_file": self.server.key_file,
        })
    }

    fn directory(&self) -> &Path {
        self.directory.path()
    }
}

async fn put_with(change: impl FnOnce(&mut Value)) -> String {
    let place = OverSftp::start();
    let mut settings = place.settings(place.directory());
    change(&mut settings);
    let drop = provider(settings).file_drop().unwrap();
    let put = drop.put(NAME, Bytes::from_static(b"letters")).await;
    assert!(fs::read_dir(place.directory()).unwrap().next().is_none());
    put.unwrap_err().to_string()
}

#[tokio::test]
#[ignore = "needs an SFTP server: make test-distributed"]
async fn a_server_with_another_host_key_is_refused() {
    let error = put_with(|settings| {
        settings["host_keys"] = json!([
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN9oKCfKU3OlgNIiyD1xhcXtMIDYzXTQGZkVFEtVTKcl"
        ]);
    })
    .await;
    assert!(error.contains("host_keys"), "{error}");
}

#[tokio::test]
#[ignore = "needs an SFTP server: make test-distributed"]
async fn a_server_that_refuses_the_key_is_retried() {
    let error = put_with(|settings| {
        settings["sftp"] = json!(
            settings["sftp"]
                .as_str()
                .unwrap()
                .replace("sftp://", "sftp://no-")
        );
    })
    .await;
    assert!(
        error.contains("refuses the user, key or password"),
        "{error}"
    );
}

#[tokio::test]
#[ignore = "needs an SFTP server: make test-distributed"]
async fn a_server_that_is_down_is_retried() {
    let error = put_with(|settings| {
        settings["sftp"] = json!("sftp://notify@127.0.0.1:1/in");
    })
    .await;
    assert!(error.contains("cannot be reached"), "{error}");
}
