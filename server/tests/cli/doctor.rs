//! `pillarbox doctor`, and what packages ask the program for.

use std::{fs, net::TcpListener};

use crate::platform::{Platform, json_lines, pillarbox, stdout};

fn sentence_of(lines: &[serde_json::Value], subject: &str) -> (String, String) {
    let found = lines.iter().find(|line| line["subject"] == subject);
    let found = found.unwrap_or_else(|| panic!("{subject} was looked at: {lines:#?}"));
    let text = |member: &str| found[member].as_str().unwrap().to_owned();
    (text("state"), text("sentence"))
}

#[test]
fn a_healthy_platform_has_no_problem() {
    let platform = Platform::up();
    let examined = platform.run(&["doctor", "--json"]);
    let lines = json_lines(&examined);
    assert!(examined.status.success(), "{lines:#?}");
    for subject in [
        "data directory",
        "disk",
        "encryption keys",
        "database",
        "schema",
        "files",
        "platform",
    ] {
        assert_eq!(sentence_of(&lines, subject).0, "ok", "{subject}");
    }
    assert_eq!(sentence_of(&lines, "providers").0, "warning");
}

#[test]
fn what_is_broken_is_named_and_the_exit_code_is_1() {
    // A port at which nothing listens, because the listener is gone again.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let platform = Platform::up();
    let directory = platform.directory.path();
    let settings =
        format!("[[providers.email]]\nkind = \"smtp\"\nhost = \"127.0.0.1\"\nport = {port}\n");
    fs::write(directory.join("pillarbox.toml"), settings).unwrap();
    fs::rename(directory.join("keyring"), directory.join("keyring.away")).unwrap();
    let examined = platform.run(&["doctor", "--json"]);
    assert_eq!(examined.status.code(), Some(1));
    let lines = json_lines(&examined);
    let (state, sentence) = sentence_of(&lines, "provider smtp");
    assert_eq!(state, "problem");
    assert!(sentence.contains("cannot connect"), "{sentence}");
    assert_eq!(sentence_of(&lines, "encryption keys").0, "problem");
    // It makes nothing good by itself.
    assert!(!directory.join("keyring").exists());
}

#[test]
fn completions_and_manual_pages_cover_the_commands() {
    let completions = pillarbox().args(["completions", "bash"]).output().unwrap();
    assert!(
        stdout(&completions).contains("pillarbox__subcmd__doctor")
            || stdout(&completions).contains("doctor")
    );
    let directory = tempfile::tempdir().unwrap();
    let written = pillarbox()
        .arg("man")
        .arg(directory.path())
        .output()
        .unwrap();
    assert!(written.status.success());
    for page in ["pillarbox.1", "pillarbox-job-send.1"] {
        assert!(directory.path().join(page).exists(), "{page}");
    }
}

#[test]
fn a_generated_key_follows_those_that_exist() {
    let platform = Platform::up();
    let line = |platform: &Platform| stdout(&platform.run(&["keyring", "generate"]));
    let keys = fs::read_to_string(platform.directory.path().join("keyring")).unwrap();
    assert_eq!(keys.lines().count(), 1);
    let generated = line(&platform);
    assert!(
        generated.starts_with("2 "),
        "its id is the next one: {generated}"
    );
    assert_ne!(generated, line(&platform));
}

#[test]
fn a_check_beside_the_running_platform_names_what_is_wrong_until_it_is_repaired() {
    let platform = Platform::up();
    let checked = platform.run(&["check", "--json"]);
    let lines = json_lines(&checked);
    assert!(checked.status.success(), "{lines:#?}");
    assert_eq!(lines.len(), 6, "{lines:#?}");
    assert!(lines.iter().all(|line| line["count"] == 0), "{lines:#?}");

    let folder = platform
        .directory
        .path()
        .join("files/documents/service-00000000-0000-0000-0000-000000000007");
    fs::create_dir_all(&folder).unwrap();
    let stray = folder.join("00000000-0000-0000-0000-000000000008");
    fs::write(&stray, "nobody's").unwrap();
    let long_ago = std::time::SystemTime::UNIX_EPOCH;
    let file = fs::File::options().write(true).open(&stray).unwrap();
    file.set_modified(long_ago).unwrap();
    let checked = platform.run(&["check"]);
    assert_eq!(checked.status.code(), Some(1));
    let text = stdout(&checked);
    assert!(
        text.contains("PROBLEM  files without an owner: 1"),
        "{text}"
    );
    assert!(
        text.contains("/00000000-0000-0000-0000-000000000008"),
        "{text}"
    );
    let repaired = platform.run(&["check", "--repair"]);
    assert!(!repaired.status.success(), "{}", stdout(&repaired));
    assert!(stray.exists(), "a repair removes nothing");
    let removed = platform.run(&["check", "--remove-files"]);
    assert!(removed.status.success(), "{}", stdout(&removed));
    assert!(!stray.exists());
}
