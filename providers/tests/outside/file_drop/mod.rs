//! What a file drop must do, whatever its target is.
//!
//! To add a target, implement [`Place`], and add one line to the table at the end.

mod bucket;
mod directory;
mod sftp;

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use domain::Postage;
use pillarbox_providers::{
    Letter, LetterProvider, ProviderSettings as _,
    letter::{
        ResponseFiles,
        file_drop::{DropError, FileDrop, FileDropSettings, name_without_ending},
    },
};
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

/// A target whose files the test can see without it.
trait Place: Send + Sync + 'static {
    fn start() -> Self;

    /// Returns the settings that lead to a directory of the target.
    fn settings(&self, directory: &Path) -> Value;

    /// Returns the directory of this test, as the target calls it. The defaults below are for one that this machine sees too.
    fn directory(&self) -> &Path;

    /// Returns the names in the directory, hidden ones too.
    async fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory()).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// Returns the contents of a file.
    async fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.directory().join(name)).unwrap()
    }

    async fn write(&self, name: &str, contents: &[u8]) {
        fs::write(self.directory().join(name), contents).unwrap();
    }

    /// Writes a file that the print shop has been done with for a minute.
    async fn leave(&self, name: &str, contents: &str) {
        let path = self.directory().join(name);
        fs::write(&path, contents).unwrap();
        let file = fs::File::options().write(true).open(path).unwrap();
        let written = file.metadata().unwrap().modified().unwrap();
        file.set_modified(written - Duration::from_mins(1)).unwrap();
    }

    /// Returns when a file was last written to.
    async fn modified(&self, name: &str) -> SystemTime {
        let file = fs::metadata(self.directory().join(name)).unwrap();
        file.modified().unwrap()
    }

    /// Writes a file that the print shop may still be writing, if the target can show such a one.
    async fn begin(&self, name: &str) {
        self.write(name, b"may grow").await;
    }
}

const NAME: &str = "NOTIFY.2018-01-13.001.GI5lElRc8UeFHQn8Ajv4.ZIP";
const RESPONSE: &str = "NOTIFY-20180113180000-RSP.TXT";

fn provider(settings: Value) -> Arc<dyn LetterProvider> {
    let settings: FileDropSettings = serde_json::from_value(settings).unwrap();
    settings.build(Path::new("/nowhere")).unwrap()
}

fn drop_in<P: Place>(place: &P, directory: &Path) -> FileDrop {
    provider(place.settings(directory)).file_drop().unwrap()
}

fn drop_of<P: Place>(place: &P) -> FileDrop {
    drop_in(place, place.directory())
}

async fn a_file_is_there_whole<P: Place>() {
    let place = P::start();
    let contents = Bytes::from_static(b"PK\x03\x04 a zip");
    drop_of(&place).put(NAME, contents.clone()).await.unwrap();
    assert_eq!(place.names().await, [NAME]);
    assert_eq!(place.read(NAME).await, contents);
}

async fn a_file_that_is_put_twice_is_there_once<P: Place>() {
    let place = P::start();
    let drop = drop_of(&place);
    drop.put(NAME, Bytes::from_static(b"letters"))
        .await
        .unwrap();
    let first = place.modified(NAME).await;
    drop.put(NAME, Bytes::from_static(b"letters"))
        .await
        .unwrap();
    let second = place.modified(NAME).await;
    assert_eq!(place.names().await, [NAME]);
    // A print shop that watches for changes sees none.
    assert_eq!(first, second);
}

async fn a_file_that_is_cut_off_is_replaced<P: Place>() {
    let place = P::start();
    place.write(NAME, b"let").await;
    let drop = drop_of(&place);
    drop.put(NAME, Bytes::from_static(b"letters"))
        .await
        .unwrap();
    assert_eq!(place.read(NAME).await, b"letters");
    assert_eq!(place.names().await, [NAME]);
}

async fn what_a_killed_attempt_left_is_removed<P: Place>() {
    let place = P::start();
    let left = [format!(".{NAME}.0.part"), format!(".{NAME}.1.part")];
    for name in &left {
        place.write(name, b"let").await;
    }
    // Another file's attempt may be running.
    let other = ".NOTIFY.2018-01-13.002.x.ZIP.0.part".to_owned();
    place.write(&other, b"let").await;
    let drop = drop_of(&place);
    drop.put(NAME, Bytes::from_static(b"letters"))
        .await
        .unwrap();
    assert_eq!(place.names().await, [other, NAME.to_owned()]);
}

async fn an_attempt_that_ends_halfway_publishes_nothing<P: Place>() {
    let place = P::start();
    let drop = drop_of(&place);
    let contents = Bytes::from(vec![7; 64 << 20]);
    // Ended while it connects or writes, as a kill does.
    let ended = timeout(Duration::from_millis(250), drop.put(NAME, contents.clone())).await;
    if ended.is_err() {
        let found = place.names().await;
        for name in found.iter().filter(|name| !name.starts_with('.')) {
            assert_eq!(place.read(name).await.len(), 64 << 20, "{found:?}");
        }
    }
    drop.put(NAME, contents).await.unwrap();
    assert!(place.names().await.contains(&NAME.to_owned()));
}

async fn two_attempts_at_once_agree<P: Place>() {
    let place = P::start();
    let drop = drop_of(&place);
    let contents = Bytes::from(vec![7; 3 << 20]);
    let (one, other) = tokio::join!(
        drop.put(NAME, contents.clone()),
        drop.put(NAME, contents.clone())
    );
    one.unwrap();
    other.unwrap();
    assert_eq!(place.names().await, [NAME]);
    assert_eq!(place.read(NAME).await, contents);
}

async fn a_big_file_arrives<P: Place>() {
    let place = P::start();
    let contents: Vec<u8> = (0..45_000_000u32).map(|n| (n % 251) as u8).collect();
    let contents = Bytes::from(contents);
    drop_of(&place).put(NAME, contents.clone()).await.unwrap();
    assert!(place.read(NAME).await == contents);
}

async fn a_target_that_is_away_is_retried<P: Place>() {
    let place = P::start();
    let missing = place.directory().join("not-mounted");
    let drop = drop_in(&place, &missing);
    let put = drop.put(NAME, Bytes::from_static(b"letters")).await;
    let error = put.unwrap_err().to_string();
    assert!(error.contains("does not exist"), "{error}");
    assert!(responses_in(&place, &missing).list().await.is_err());
    // It was not created: letters would go astray.
    assert!(!missing.exists());
    fs::create_dir(&missing).unwrap();
    drop.put(NAME, Bytes::from_static(b"letters"))
        .await
        .unwrap();
}

async fn a_target_that_denies_is_retried<P: Place>() {
    let place = P::start();
    // Nobody can create files here, not even root.
    let denied = drop_in(&place, Path::new("/sys/kernel"));
    let put = denied.put(NAME, Bytes::from_static(b"letters")).await;
    let error: DropError = put.unwrap_err();
    assert!(!error.to_string().contains("/sys"), "{error}");
}

/// Returns the response files of a directory of the target.
fn responses_in<P: Place>(place: &P, directory: &Path) -> Arc<dyn ResponseFiles> {
    let mut settings = place.settings(place.directory());
    settings["responses"] = json!(directory);
    provider(settings).response_files().unwrap()
}

async fn keys(responses: &dyn ResponseFiles) -> Vec<String> {
    let mut listed = responses.list().await.unwrap();
    listed.sort();
    listed.into_iter().map(|file| file.key).collect()
}

async fn response_files_are_listed_read_and_set_aside<P: Place>() {
    let place = P::start();
    let directory = place.directory();
    let contents = "ABCD|Sent|1|Sorted\n";
    place.leave(RESPONSE, contents).await;
    let empty = "NOTIFY-20180112180000-RSP.TXT";
    place.leave(empty, "").await;
    place
        .leave(".NOTIFY-20180114180000-RSP.TXT", "hidden")
        .await;
    place.leave("NOTIFY.ACK.TXT", "").await;
    place.begin("NOTIFY-20180115180000-RSP.TXT").await;
    let responses = responses_in(&place, directory);

    assert_eq!(keys(&*responses).await, [empty, RESPONSE]);
    let fetched = responses.fetch(RESPONSE).await.unwrap().unwrap();
    assert_eq!(fetched.contents, contents.as_bytes());
    let listed = responses.list().await.unwrap();
    let entry = listed.iter().find(|file| file.key == RESPONSE).unwrap();
    assert_eq!(entry.version, fetched.version);

    responses.put_aside(RESPONSE).await.unwrap();
    responses.put_aside(empty).await.unwrap();
    assert_eq!(keys(&*responses).await, Vec::<String>::new());
    let aside = format!("processed/{RESPONSE}");
    assert_eq!(place.read(&aside).await, contents.as_bytes());
    // Again, as after a kill.
    responses.put_aside(RESPONSE).await.unwrap();
    assert_eq!(responses.fetch(RESPONSE).await.unwrap(), None);
    // Another file of the same name comes.
    place.leave(RESPONSE, "longer than that was").await;
    let again = responses.fetch(RESPONSE).await.unwrap().unwrap();
    assert_ne!(again.version, fetched.version);
    responses.put_aside(RESPONSE).await.unwrap();
    assert_eq!(keys(&*responses).await, Vec::<String>::new());
}

async fn acknowledgements_are_listed<P: Place>() {
    let place = P::start();
    let directory = place.directory();
    assert_eq!(drop_of(&place).list_acknowledged().await.unwrap(), None);
    let acknowledgement = format!("{}.ACK.txt", &NAME[..NAME.len() - 4]);
    place.write(&acknowledgement, b"").await;
    place.write("other.txt", b"").await;
    let mut settings = place.settings(directory);
    settings["acknowledgements"] = json!(directory);
    let drop = provider(settings).file_drop().unwrap();
    let acknowledged = drop.list_acknowledged().await.unwrap().unwrap();
    assert_eq!(
        acknowledged.into_iter().collect::<Vec<_>>(),
        [name_without_ending(NAME)]
    );
}

async fn a_name_cannot_leave_its_folder<P: Place>() {
    let place = P::start();
    let drop = drop_of(&place);
    for name in ["../x", "/etc/x", "", ".."] {
        assert!(drop.put(name, Bytes::new()).await.is_err(), "{name}");
        let responses = responses_in(&place, place.directory());
        assert_eq!(responses.fetch(name).await.unwrap(), None, "{name}");
    }
}

/// Sends a letter by itself, twice, as after an answer that was lost.
async fn a_single_letter_is_put_as_a_zip_of_its_own<P: Place>() {
    let place = P::start();
    let provider = provider(place.settings(place.directory()));
    let letter = Letter {
        id: Uuid::from_u128(7),
        at: "2018-01-13T12:00:00Z".parse().unwrap(),
        reference: "ABCDEF1234567890".to_owned(),
        service: Uuid::from_u128(8),
        organisation: None,
        address: vec!["Ada".to_owned()],
        postage: Postage::First,
        status_url: "https://us.example/notifications/letter/status?token=t".to_owned(),
        pdf: Bytes::from_static(b"%PDF-1.7"),
    };
    provider.send(&letter).await.unwrap();
    provider.send(&letter).await.unwrap();
    let found = place.names().await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("NOTIFY.") && found[0].contains(".001."),
        "{found:?}"
    );
    let contents = place.read(&found[0]).await;
    // The name of the PDF stands in the zip as it is.
    let has = |text: &[u8]| contents.windows(text.len()).any(|part| part == text);
    assert!(has(b"NOTIFY.ABCDEF1234567890.D.1.C."));
}

/// Passes the names of all tests of the suite to a macro.
macro_rules! each_test {
    ($run:ident) => {
        $run! {
            a_file_is_there_whole,
            a_file_that_is_put_twice_is_there_once,
            a_file_that_is_cut_off_is_replaced,
            what_a_killed_attempt_left_is_removed,
            an_attempt_that_ends_halfway_publishes_nothing,
            two_attempts_at_once_agree,
            a_big_file_arrives,
            a_target_that_is_away_is_retried,
            a_target_that_denies_is_retried,
            response_files_are_listed_read_and_set_aside,
            acknowledgements_are_listed,
            a_name_cannot_leave_its_folder,
            a_single_letter_is_put_as_a_zip_of_its_own,
        }
    };
}

mod in_a_directory {
    macro_rules! run {
        ($($test:ident,)+) => {$(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test::<super::directory::InDirectory>().await;
            }
        )+};
    }
    each_test!(run);
}

mod over_sftp {
    macro_rules! run {
        ($($test:ident,)+) => {$(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            #[ignore = "needs an SFTP server: make test-distributed"]
            async fn $test() {
                super::$test::<super::sftp::OverSftp>().await;
            }
        )+};
    }
    each_test!(run);
}

/// An object of a bucket is there whole or not at all, so nothing is left of attempts, and no folder can be missing or denied.
mod in_a_bucket {
    macro_rules! run {
        ($($test:ident,)+) => {$(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            #[ignore = "needs an S3 server: make test-distributed"]
            async fn $test() {
                super::$test::<super::bucket::InBucket>().await;
            }
        )+};
    }
    run! {
        a_file_is_there_whole,
        a_file_that_is_put_twice_is_there_once,
        a_file_that_is_cut_off_is_replaced,
        an_attempt_that_ends_halfway_publishes_nothing,
        two_attempts_at_once_agree,
        a_big_file_arrives,
        response_files_are_listed_read_and_set_aside,
        acknowledgements_are_listed,
        a_name_cannot_leave_its_folder,
        a_single_letter_is_put_as_a_zip_of_its_own,
    }
}

#[test]
fn incomplete_settings_are_refused() {
    for (settings, what) in [
        (json!({}), "directory"),
        (
            json!({ "directory": "/a", "sftp": "sftp://n@h/a" }),
            "either",
        ),
        (
            json!({ "directory": "/a", "s3": "s3://notify/a" }),
            "either",
        ),
        (json!({ "s3": "notify/a" }), "s3://<bucket>"),
        (json!({ "directory": "/a", "responses": "out" }), "slash"),
        (
            json!({ "sftp": "sftp://n@h/a", "key_file": "/k" }),
            "host_keys",
        ),
        (
            json!({ "sftp": "sftp://n@h/a", "host_keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA"] }),
            "key_file",
        ),
        (
            json!({ "sftp": "sftp://n@h/a", "key_file": "/k", "host_keys": ["AAAA"] }),
            "ssh-ed25519 AAAA",
        ),
        (
            json!({ "sftp": "sftp://n:pw@h/a", "key_file": "/k", "host_keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA"] }),
            "password",
        ),
    ] {
        let read: FileDropSettings = serde_json::from_value(settings.clone()).unwrap();
        let error = read.build(Path::new("/nowhere")).err().unwrap().to_string();
        assert!(error.contains(what), "{settings}: {error}");
    }
}
