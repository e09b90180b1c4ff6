//! A start that fails its checks changes nothing: neither what belongs to others, nor by making a data directory.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output},
};

use crate::platform::{pillarbox, stderr};

fn up(data_dir: &Path, setting: &str, value: &str) -> Output {
    pillarbox()
        .args(["up", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(data_dir)
        .env(setting, value)
        .output()
        .unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_directory_of_files_that_holds_other_things_is_refused_and_not_changed() {
    let parent = tempfile::tempdir().unwrap();
    let (shared, data) = (parent.path().join("shared"), parent.path().join("data"));
    let (folder, file) = (shared.join("letters"), shared.join("thesis.txt"));
    fs::create_dir_all(&folder).unwrap();
    fs::write(&file, "").unwrap();
    for (path, mode) in [(&file, 0o644), (&folder, 0o755), (&shared, 0o755)] {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
    let address = format!("file:{}", shared.display());
    let refused = up(&data, "PILLARBOX_FILES", &address);
    let error = stderr(&refused);
    assert_eq!(refused.status.code(), Some(1), "{error}");
    assert!(error.contains("holds other things"), "{error}");
    assert_eq!(
        (mode(&file), mode(&folder), mode(&shared)),
        (0o644, 0o755, 0o755)
    );
    assert!(!data.exists(), "no data directory is made");
}

#[test]
fn a_pipe_is_no_database_and_no_settings_file() {
    let parent = tempfile::tempdir().unwrap();
    let (pipe, data) = (parent.path().join("pipe"), parent.path().join("data"));
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    fs::set_permissions(&pipe, Permissions::from_mode(0o666)).unwrap();
    let path = pipe.display().to_string();
    for (setting, value) in [
        ("PILLARBOX_DATABASE", format!("sqlite:{path}")),
        ("PILLARBOX_CONFIG", path.clone()),
    ] {
        let refused = up(&data, setting, &value);
        let error = stderr(&refused);
        assert_eq!(refused.status.code(), Some(1), "{error}");
        assert!(error.contains("no regular file"), "{error}");
    }
    assert_eq!(mode(&pipe), 0o666);
    assert!(!data.exists(), "no data directory is made");
}

#[test]
fn a_pipe_or_directory_in_the_place_of_a_file_of_the_settings_is_refused_at_once() {
    let parent = tempfile::tempdir().unwrap();
    let (pipe, data) = (parent.path().join("pipe"), parent.path().join("data"));
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    fs::set_permissions(&pipe, Permissions::from_mode(0o600)).unwrap();
    for (path, what) in [
        (&pipe, "a pipe"),
        (&parent.path().to_owned(), "a directory"),
    ] {
        let path = path.display().to_string();
        let refused = up(&data, "PILLARBOX_KEYRING_FILE", &path);
        assert_eq!(refused.status.code(), Some(1));
        assert!(stderr(&refused).contains(what), "{}", stderr(&refused));

        let smtp = "[[providers.email]]\nkind = 'smtp'\nhost = '127.0.0.1'\ntls = 'tls'\n";
        let drop = "[[providers.letter]]\nkind = 'file-drop'\nsftp = 'sftp://ada@127.0.0.1/in'\n\
                    host_keys = ['ssh-ed25519 AAAAAAAAAAAAAAAAAAAAAAAAAAAA']\n";
        for settings in [
            format!("internal_secret = {{ file = '{path}' }}"),
            format!("{smtp}ca_file = '{path}'"),
            format!("{smtp}username = 'ada'\npassword = {{ file = '{path}' }}"),
            format!("{smtp}username = 'ada'\nauth = 'xoauth2'\ntoken_file = '{path}'"),
            format!("{drop}key_file = '{path}'"),
        ] {
            let file = parent.path().join("settings.toml");
            fs::write(&file, &settings).unwrap();
            fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
            let refused = up(&data, "PILLARBOX_CONFIG", &file.display().to_string());
            let error = stderr(&refused);
            assert_eq!(refused.status.code(), Some(1), "{settings}: {error}");
            assert!(error.contains(what), "{settings}: {error}");
        }
    }
    // Those that the platform makes for itself.
    for name in ["internal-secret", "keyring"] {
        // A start may have made the other before it found the pipe.
        let _ = fs::remove_dir_all(&data);
        fs::create_dir_all(&data).unwrap();
        let made = Command::new("mkfifo")
            .arg(data.join(name))
            .status()
            .unwrap();
        assert!(made.success());
        let refused = up(&data, "PILLARBOX_LISTEN", "127.0.0.1:0");
        assert_eq!(refused.status.code(), Some(1), "{name}");
        assert!(stderr(&refused).contains("a pipe"), "{}", stderr(&refused));
    }
}

#[test]
fn a_limit_of_the_size_of_files_ends_a_start_with_words() {
    let directory = tempfile::tempdir().unwrap();
    let mut limited = Command::new("sh");
    let output = limited
        .args(["-c", "ulimit -f 8; exec \"$@\"", "sh"])
        .arg(pillarbox().get_program())
        .args(["up", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(directory.path())
        .output()
        .unwrap();
    let error = stderr(&output);
    // Without a code if it was ended by the signal.
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("pillarbox: "), "{error}");
}
