use std::process::Output;

use sqlx::Connection as _;

use crate::platform::{Platform, pillarbox, stderr, stdout};

/// Asserts that the command ended with code 1 and one line on standard error that contains `what`.
fn assert_error(output: &Output, what: &str) {
    let error = stderr(output);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.starts_with("pillarbox: ") && error.contains(what),
        "{error}"
    );
    assert_eq!(
        (error.lines().count(), stdout(output)),
        (1, String::new()),
        "{error}"
    );
}

fn up_in(directory: &std::path::Path, listen: &str) -> Output {
    pillarbox()
        .args(["up", "--listen", listen, "--data-dir"])
        .arg(directory)
        .output()
        .unwrap()
}

#[test]
fn a_port_in_use_is_reported() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert_error(&up_in(directory.path(), &address), "the port is in use");
}

#[test]
fn an_invalid_address_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    assert_error(
        &up_in(directory.path(), "nonsense"),
        "cannot listen on nonsense",
    );
}

#[test]
fn a_second_up_in_a_directory_is_refused() {
    let platform = Platform::up();
    let second = up_in(platform.directory.path(), "127.0.0.1:0");
    assert_error(
        &second,
        &format!(
            "another pillarbox uses the data directory {}",
            platform.directory.path().display()
        ),
    );
    assert!(stderr(&second).contains(&platform.pid().to_string()));
    assert_eq!(platform.answer(&["service", "list"]).len(), 1);
}

#[test]
fn a_restore_that_was_interrupted_is_no_new_installation() {
    let directory = tempfile::tempdir().unwrap();
    let partial = directory.path().join("pillarbox.db.restoring");
    std::fs::write(&partial, "SQLite format 3").unwrap();
    let refused = up_in(directory.path(), "127.0.0.1:0");
    assert_error(&refused, "a restore was interrupted");
    assert!(!directory.path().join("pillarbox.db").exists());
}

#[test]
fn an_invalid_key_file_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("keyring"), "1 not-a-key\n").unwrap();
    assert_error(
        &up_in(directory.path(), "127.0.0.1:0"),
        "cannot use the key file",
    );
}

#[test]
fn a_lost_key_file_is_not_replaced() {
    let (_, _, _, directory) = Platform::up().terminate();
    std::fs::remove_file(directory.path().join("keyring")).unwrap();
    assert_error(
        &up_in(directory.path(), "127.0.0.1:0"),
        "put back the key file that belongs to it",
    );
    assert!(!directory.path().join("keyring").exists());
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_reported() {
    let (_, _, _, directory) = Platform::up().terminate();
    let address = format!("sqlite:{}", directory.path().join("pillarbox.db").display());
    let mut database = sqlx::SqliteConnection::connect(&address).await.unwrap();
    let newer = "INSERT INTO _sqlx_migrations VALUES (9999, 'newer', '2030-01-01', 1, x'00', 1)";
    sqlx::query(newer).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
    assert_error(
        &up_in(directory.path(), "127.0.0.1:0"),
        "of a newer version (9999)",
    );
}

#[test]
fn a_data_directory_that_is_a_file_is_reported() {
    let file = tempfile::NamedTempFile::new().unwrap();
    assert_error(
        &up_in(file.path(), "127.0.0.1:0"),
        "cannot create the data directory",
    );
}

#[test]
fn an_unknown_setting_is_named() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("pillarbox.toml"), "lease_secnds = 3").unwrap();
    assert_error(&up_in(directory.path(), "127.0.0.1:0"), "lease_secnds");
}

#[test]
fn a_command_reports_that_nothing_runs() {
    let directory = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        pillarbox()
            .args(arguments)
            .arg("--data-dir")
            .arg(directory.path())
            .output()
            .unwrap()
    };
    assert_error(&run(&["service", "list"]), "nothing is running in");

    std::fs::write(directory.path().join("internal-secret"), "x").unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    assert_error(
        &run(&["service", "list", "--url", &url]),
        "nothing answers at",
    );
}

#[test]
fn a_wrong_secret_is_reported() {
    let platform = Platform::up();
    let output = platform
        .command(&["service", "list"])
        .env("PILLARBOX_INTERNAL_SECRET", "wrong")
        .output()
        .unwrap();
    assert_error(&output, "does not accept our secret");
}
