//! The first start of many processes at once: one creates the keys and the tables, the others use them. A process
//! whose keyring does not fit the database does not start.

use std::{fs, path::Path, sync::Arc};

use futures::future::join_all;
use pillarbox_stories::{EmptyDatabase, ManualClock};
use server::{
    settings::{self, Flags, Settings},
    system::SystemRandom,
    wiring::{self, Platform},
};
use store::Keyring;

async fn start(database: &EmptyDatabase, directory: &Path) -> anyhow::Result<Platform> {
    let settings = Settings {
        data_dir: directory.to_owned(),
        database: Some(database.address().into()),
        database_connections: 2,
        ..Settings::default()
    };
    let clock = Arc::new(ManualClock::at("2026-03-02T09:00:00Z"));
    wiring::open_with(settings, clock, Arc::new(SystemRandom)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn many_that_start_at_once_on_one_directory_agree() {
    let database = EmptyDatabase::create().await;
    let directory = tempfile::tempdir().unwrap();
    let starts = (0..8).map(|_| start(&database, directory.path()));
    let started: Vec<Platform> = join_all(starts)
        .await
        .into_iter()
        .collect::<Result<_, _>>()
        .unwrap();
    let secrets: Vec<&str> = started
        .iter()
        .map(|platform| platform.internal_secrets[0].reveal().as_str())
        .collect();
    assert!(secrets.iter().all(|secret| *secret == secrets[0]));
    let sealed = started[0].app.store().keyring().seal(b"row", b"secret");
    for platform in &started {
        let opened = platform.app.store().keyring().open(b"row", &sealed);
        assert_eq!(opened.unwrap(), b"secret");
    }
    let keys = fs::read_to_string(directory.path().join("keyring")).unwrap();
    assert_eq!(keys.lines().count(), 1, "one key was made");
    for platform in &started {
        platform.app.store().close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_with_keys_of_their_own_on_one_database_one_starts() {
    let database = EmptyDatabase::create().await;
    if !database.address().starts_with("postgres") {
        return;
    }
    let directories: Vec<_> = (0..4).map(|_| tempfile::tempdir().unwrap()).collect();
    let starts = directories
        .iter()
        .map(|directory| start(&database, directory.path()));
    let started = join_all(starts).await;
    let running: Vec<&Platform> = started.iter().flatten().collect();
    assert_eq!(running.len(), 1, "{started:?}");
    for refused in started.iter().filter_map(|start| start.as_ref().err()) {
        let why = refused.to_string();
        let is_told = why.contains("do not belong to this database") || why.contains("in use");
        assert!(is_told, "{why}");
    }
    running[0].app.store().close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_with_one_keyring_start_at_once_on_one_empty_database() {
    let database = EmptyDatabase::create().await;
    if !database.address().starts_with("postgres") {
        return;
    }
    let key = Keyring::new_key_line(1, &SystemRandom);
    let directories: Vec<_> = (0..4).map(|_| tempfile::tempdir().unwrap()).collect();
    for directory in &directories {
        fs::write(directory.path().join("keyring"), &key).unwrap();
    }
    let starts = directories
        .iter()
        .map(|directory| start(&database, directory.path()));
    for started in join_all(starts).await {
        started.unwrap().app.store().close().await;
    }
}

#[tokio::test]
async fn a_wrong_keyring_is_found_at_the_start() {
    let database = EmptyDatabase::create().await;
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let platform = start(&database, first.path()).await.unwrap();
    platform.app.store().close().await;

    let why = start(&database, second.path()).await.unwrap_err();
    assert!(why.to_string().contains("the database is in use"), "{why}");
    let keyring = second.path().join("keyring");
    fs::write(&keyring, Keyring::new_key_line(1, &SystemRandom)).unwrap();
    let why = start(&database, second.path()).await.unwrap_err();
    assert!(
        why.to_string().contains("do not belong to this database"),
        "{why}"
    );
    fs::copy(first.path().join("keyring"), &keyring).unwrap();
    let platform = start(&database, second.path()).await.unwrap();
    platform.app.store().close().await;
}

#[tokio::test]
async fn a_platform_that_sent_for_real_does_not_fall_back_to_the_sink() {
    let database = EmptyDatabase::create().await;
    let directory = tempfile::tempdir().unwrap();
    let with = async |toml: &str| {
        let path = directory.path().join("pillarbox.toml");
        fs::write(&path, format!("# Settings\n{toml}")).unwrap();
        let flags = Flags {
            data_dir: Some(directory.path().to_owned()),
            ..Flags::default()
        };
        let (settings, _) = settings::load(&flags).unwrap();
        let mut platform = start(&database, directory.path()).await.unwrap();
        platform.settings.providers = settings.providers;
        let checked = wiring::check_providers(&platform).await;
        platform.app.store().close().await;
        checked.map_err(|error| error.to_string())
    };
    let real = "[[providers.sms]]\nkind = 'twilio'\naccount_sid = 'AC1'\nsecret = 'hunter2'";
    assert_eq!(with("").await, Ok(()), "a new platform uses the sink");
    assert_eq!(with(real).await, Ok(()));
    let refused = with("").await.unwrap_err();
    assert!(refused.contains("[[providers.sms]]"), "{refused}");
    let other = "[[providers.email]]\nkind = 'smtp'\nhost = 'relay.example'";
    assert!(with(other).await.is_err());
    assert_eq!(with("[[providers.sms]]\nkind = 'sink'").await, Ok(()));
    assert_eq!(with(real).await, Ok(()));
}
