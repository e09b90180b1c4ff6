use std::{
    io::Write as _, net::TcpStream, os::unix::fs::PermissionsExt as _, path::Path, sync::Arc,
    time::Duration,
};

use serde_json::json;

use crate::platform::{Platform, example, pillarbox, stderr, stdout};

#[test]
fn up_prints_url_keys_and_templates_as_json() {
    let platform = Platform::up();
    for member in ["url", "service_id", "api_key", "team_key", "test_key"] {
        assert!(
            platform.line[member].is_string(),
            "{member}: {}",
            platform.line
        );
    }
    for channel in ["email", "sms", "letter"] {
        assert!(
            platform.line["templates"][channel].is_string(),
            "{channel}: {}",
            platform.line
        );
    }
    let service = platform.line["service_id"].as_str().unwrap();
    assert!(platform.line["api_key"].as_str().unwrap().contains(service));
    let templates = platform.answer(&["template", "list"]);
    assert_eq!(templates.len(), 3);
}

#[test]
fn a_token_is_valid_for_the_public_api() {
    let platform = Platform::up();
    let (status, answer) = platform.send_text();
    assert_eq!(status, 201, "{answer}");
}

#[test]
fn sigterm_stops_in_time_and_loses_nothing() {
    let platform = Platform::up();
    let file = example("library-cards.csv");
    platform.send(&file, "Your library card", &[]);
    let before = platform.line.clone();
    let (status, took, rest, directory) = platform.terminate();
    assert_eq!(status.code(), Some(0));
    assert!(took <= Duration::from_secs(10), "{took:?}");
    assert_eq!(rest, "", "one line and no more");
    assert!(!directory.path().join("running.json").exists());

    let again = Platform::up_in(directory);
    for member in ["service_id", "api_key", "team_key", "test_key", "templates"] {
        assert_eq!(again.line[member], before[member], "{member}");
    }
    let jobs = again.answer(&["job", "list"]);
    assert_eq!(jobs.len(), 1);
}

/// Returns the soft and the hard limit of open files of a process.
fn file_limits(pid: u32) -> Vec<u32> {
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let numbers = line.unwrap().split_whitespace();
    numbers.filter_map(|word| word.parse().ok()).collect()
}

#[test]
fn connections_leave_files_for_the_rest_and_the_soft_limit_is_raised() {
    let platform = Platform::up_with_file_limits(64, 256);
    assert_eq!(file_limits(platform.pid()), [256, 256]);
    let url = platform.line["url"].as_str().unwrap().to_owned();
    let host = url.trim_start_matches("http://");
    // More than there are files, and none of them says anything.
    let idle: Vec<_> = (0..400)
        .filter_map(|_| std::net::TcpStream::connect(host).ok())
        .collect();
    assert!(idle.len() > 256, "{}", idle.len());
    assert_eq!(platform.send_text().0, 201);
    let open = std::fs::read_dir(format!("/proc/{}/fd", platform.pid()));
    assert!(open.unwrap().count() < 256);
}

#[test]
fn secret_files_are_readable_by_their_owner_only() {
    let parent = tempfile::tempdir().unwrap();
    let inside = tempfile::Builder::new().tempdir_in(parent.path()).unwrap();
    let platform = Platform::up_in(inside.into());
    for secret in ["keyring", "internal-secret", "demo.json", "running.json"] {
        let found = std::fs::metadata(platform.directory.path().join(secret)).unwrap();
        assert_eq!(found.permissions().mode() & 0o777, 0o600, "{secret}");
    }
}

/// Calls `check` with everything in a directory, and with the directory.
fn walk(path: &Path, check: &dyn Fn(&Path, u32)) {
    let found = std::fs::symlink_metadata(path).unwrap();
    check(path, found.permissions().mode() & 0o777);
    if found.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            walk(&entry.unwrap().path(), check);
        }
    }
}

#[test]
fn a_data_directory_is_for_its_owner_only_and_one_that_was_not_becomes_so() {
    let platform = Platform::up();
    platform.send_text();
    platform.send(&example("library-cards.csv"), "Your library card", &[]);
    let tight = |path: &Path, mode: u32| {
        assert_eq!(mode & 0o077, 0, "{} has {mode:o}", path.display());
    };
    walk(platform.directory.path(), &tight);

    let (_, _, _, directory) = platform.terminate();
    // As an earlier version left it under the usual umask.
    walk(directory.path(), &|path, mode| {
        let permissions =
            std::fs::Permissions::from_mode(mode | (mode & 0o500) >> 3 | (mode & 0o500) >> 6);
        std::fs::set_permissions(path, permissions).unwrap();
    });
    let again = Platform::up_in(directory);
    walk(again.directory.path(), &tight);
}

#[test]
fn a_backup_of_a_running_platform_becomes_another_one() {
    let platform = Platform::up();
    let (_, answer) = platform.send_text();
    let accepted: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let id = accepted["id"].as_str().unwrap();
    let place = tempfile::tempdir().unwrap();
    let backup = place.path().join("backup");
    let backup = backup.to_str().unwrap();
    let manifest = platform.answer(&["backup", backup, "--with-keyring"]);
    assert_eq!(manifest[0]["rows"]["notifications"], 1);
    walk(place.path().join("backup").as_path(), &|path, mode| {
        let wanted = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode, wanted, "{} has {mode:o}", path.display());
    });

    let refused = platform.run(&["restore", backup]);
    assert!(stderr(&refused).contains("to an empty place"));
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let restored = pillarbox()
        .args(["restore", backup, "--data-dir"])
        .arg(directory.path())
        .output()
        .unwrap();
    assert!(restored.status.success(), "{}", stderr(&restored));
    let restored = Platform::up_in(directory);
    let token = stdout(&restored.run(&["token"]));
    let found = restored.http(&format!("GET /v2/notifications/{id}"), token.trim(), "");
    assert_eq!(found.0, 200, "{}", found.1);
}

#[test]
fn services_keys_and_templates_are_managed_by_commands() {
    let platform = Platform::up();
    platform.answer(&[
        "service",
        "create",
        "Parks & Gardens",
        "--sms-sender",
        "Parks",
    ]);
    let key = platform.answer(&[
        "key",
        "create",
        "for the map",
        "--type",
        "team",
        "--service",
        "parks & gardens",
    ]);
    assert!(key[0]["key"].as_str().unwrap().starts_with("for the map-"));
    let keys = platform.answer(&["key", "list", "--service", "Parks & Gardens"]);
    assert_eq!((keys.len(), &keys[0]["key_type"]), (1, &json!("team")));
    let id = keys[0]["id"].as_str().unwrap();
    platform.answer(&["key", "revoke", id, "--service", "Parks & Gardens"]);

    let service = ["--service", "Parks & Gardens"];
    let with = |arguments: &[&str]| platform.answer(&[arguments, &service].concat());
    with(&[
        "template",
        "create",
        "Gate",
        "--type",
        "sms",
        "--content",
        "The gate closes at ((hour))",
    ]);
    with(&[
        "template",
        "update",
        "gate",
        "--content",
        "The gate shuts at ((hour))",
    ]);
    let template = with(&["template", "show", "Gate"]);
    assert_eq!(
        (&template[0]["version"], &template[0]["content"]),
        (&json!(2), &json!("The gate shuts at ((hour))"))
    );
    with(&["sender", "create", "Gardens"]);
    with(&["reply-to", "create", "parks@example.org", "--default"]);
    with(&["guest", "add", "guest@example.org"]);
    with(&["service", "update", "--restricted", "true"]);
    let services = platform.answer(&["service", "list"]);
    let parks = services
        .iter()
        .find(|one| one["name"] == "Parks & Gardens")
        .unwrap();
    assert_eq!(parks["restricted"], true);
}

#[test]
fn a_new_key_reencrypts_everything_while_the_platform_runs() {
    let platform = Platform::up();
    let file = example("bin-days.xlsx");
    let job = platform.send(&file, "Bin day", &["--follow"]);
    let rotated = platform.answer(&["keyring", "rotate"]);
    assert_eq!(
        rotated[0],
        json!({
            "key": 2, "notifications": 200, "api_keys": 3, "received_texts": 0, "unsubscribe_requests": 0, "suppressions": 0,
            "callbacks": 0, "idempotency_keys": 0, "spreadsheets": 1, "contact_lists": 0, "letters": 0,
            "template_files": 0, "unreadable": [],
        })
    );
    let again = platform.answer(&["keyring", "reseal"]).remove(0);
    assert_eq!(
        (&again["key"], &again["notifications"]),
        (&json!(2), &json!(0))
    );
    // The platform can open what the new key has sealed, such as API keys.
    assert_token_is_accepted(&platform);
    let id = job.last().unwrap()["id"].as_str().unwrap();
    assert_eq!(
        platform.answer(&["job", "status", id])[0]["statistics"],
        json!({"delivered": 200})
    );
}

#[test]
fn a_recipient_is_erased_while_the_platform_runs() {
    let platform = Platform::up();
    let (status, answer) = platform.send_text();
    assert_eq!(status, 201, "{answer}");
    let refused = platform.run(&["erase", "07700 900123"]);
    assert!(
        stderr(&refused).contains("confirm with --yes"),
        "{}",
        stderr(&refused)
    );
    let erased = platform
        .answer(&["erase", "07700 900123", "--yes"])
        .remove(0);
    assert_eq!(
        (&erased["notifications"], &erased["waiting"]),
        (&json!(1), &json!(0))
    );
    let nobody = platform.run(&["erase", "nobody", "--yes"]);
    assert!(stderr(&nobody).contains("neither an e-mail address nor a phone number"));
}

fn assert_token_is_accepted(platform: &Platform) {
    let token = stdout(&platform.run(&["token"]));
    let (status, answer) = platform.http("GET /v2/notifications", token.trim(), "");
    assert_eq!(status, 200, "{answer}");
}

#[test]
fn queue_and_metrics_are_readable() {
    let platform = Platform::up();
    let queue = platform.answer(&["queue", "show"]);
    assert_eq!(queue[0]["dead_letters"], 0);
    assert_eq!(platform.answer(&["queue", "dead"]).len(), 0);
    let (_, text) = platform.http("GET /metrics", "", "");
    for name in [
        "pillarbox_tasks{",
        "pillarbox_oldest_task_seconds{",
        "pillarbox_dead_letters 0",
    ] {
        assert!(text.contains(name), "{name} is missing in\n{text}");
    }
}

#[test]
fn roles_run_in_separate_processes() {
    let directory: Arc<_> = tempfile::tempdir().unwrap().into();
    let migrate = ["migrate", "--data-dir", directory.path().to_str().unwrap()];
    let migrated = pillarbox().args(migrate).output().unwrap();
    assert!(migrated.status.success(), "{}", stderr(&migrated));

    let api = Platform::start(&["serve", "--roles", "api"], directory.clone());
    let worker = Platform::start(&["serve", "--roles", "worker,clock"], directory.clone());
    assert_eq!(api.line["roles"], json!(["api"]));
    assert_eq!(
        worker.line,
        json!({"roles": ["worker", "clock"], "url": null})
    );
    api.answer(&["service", "create", "Parks"]);
    api.answer(&[
        "template",
        "create",
        "Gate",
        "--type",
        "sms",
        "--content",
        "((name)): open on ((day))",
    ]);
    let file = example("bin-days.xlsx");
    let lines = api.send(&file, "Gate", &["--follow"]);
    assert_eq!(
        lines.last().unwrap()["statistics"],
        json!({"delivered": 200})
    );
    for process in [worker, api] {
        assert_eq!(process.terminate().0.code(), Some(0));
    }
    assert!(!directory.path().join("running.json").exists());
}

#[test]
fn shutdown_waits_stop_seconds_for_a_silent_client() {
    let directory: Arc<_> = tempfile::tempdir().unwrap().into();
    std::fs::write(directory.path().join("pillarbox.toml"), "stop_seconds = 1").unwrap();
    let platform = Platform::up_in(directory);
    let host = platform.line["url"]
        .as_str()
        .unwrap()
        .trim_start_matches("http://");
    let mut silent = TcpStream::connect(host).unwrap();
    silent.write_all(b"GET / HT").unwrap();
    // The server has read its bytes once it answers a later connection.
    assert_eq!(platform.http("GET /_status", "", "").0, 200);
    let (status, took, _, _) = platform.terminate();
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(8), "{took:?}");
    drop(silent);
}
