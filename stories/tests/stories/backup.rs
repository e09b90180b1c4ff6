//! Backup and restore of an embedded installation; under load, with the real binary, in the crash tests.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use pillarbox_stories::{ManualClock, World};
use server::{
    backup::{self, BackupOptions, RestoreOptions},
    settings::Settings,
    system::SystemRandom,
    wiring,
};
use sqlx::{AssertSqlSafe, Connection as _};
use tempfile::TempDir;

const PEOPLE: &str = "phone number,name,day\n07700900987,Grace,Friday\n07700900988,Ada,Monday\n";

fn settings_of(world: &World) -> Settings {
    Settings {
        database: Some(world.database_address().into()),
        ..Settings::in_directory(world.keyring().parent().unwrap())
    }
}

/// Returns a world with messages, sent and waiting, and a spreadsheet; `None` on PostgreSQL.
async fn busy_world() -> Option<World> {
    let mut world = World::new().await;
    if !world.database_address().starts_with("sqlite") {
        return None;
    }
    world.expect_unfinished_tasks();
    let service = world.service("Riverside Council").await;
    world.job(service.id, service.sms, PEOPLE).await;
    world.run_tasks().await;
    for number in 0..5 {
        let to = format!("0770090012{number}");
        world.send_sms(&service, &service.normal, &to).await;
    }
    Some(world)
}

struct Backup {
    world: World,
    place: TempDir,
}

impl Backup {
    async fn create(options: BackupOptions) -> Option<Self> {
        let world = busy_world().await?;
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("backup");
        backup::create(&settings_of(&world), &target, options)
            .await
            .unwrap();
        Some(Self { world, place })
    }

    fn path(&self) -> PathBuf {
        self.place.path().join("backup")
    }

    fn target(&self) -> Settings {
        Settings::in_directory(self.place.path().join("restored"))
    }

    fn with_keyring(&self) -> RestoreOptions {
        RestoreOptions {
            keyring: Some(self.world.keyring()),
        }
    }

    async fn restore(&self, options: &RestoreOptions) -> Result<backup::Manifest, String> {
        let restored = backup::restore(&self.target(), &self.path(), options).await;
        restored.map_err(|error| format!("{error:#}"))
    }
}

fn names_in(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_restored_platform_has_everything_and_goes_on() {
    let Some(made) = Backup::create(BackupOptions::default()).await else {
        return;
    };
    assert_eq!(names_in(made.place.path()), ["backup"]);
    assert_eq!(
        names_in(&made.path()),
        ["SHA256SUMS", "files", "manifest.json", "pillarbox.db"],
        "the keys are not there"
    );
    let manifest = made.restore(&made.with_keyring()).await.unwrap();
    assert_eq!(
        (
            manifest.rows.notifications,
            manifest.rows.notifications_created
        ),
        (7, 5)
    );
    assert_eq!((manifest.rows.jobs, manifest.files), (1, 1));

    let clock = Arc::new(ManualClock::at("2026-03-02T09:00:01Z"));
    let platform = wiring::open_with(made.target(), clock, Arc::new(SystemRandom))
        .await
        .unwrap();
    let runner = platform.app.runner(platform.queue_settings());
    assert!(
        runner.drain(app::tasks::POOLS).await > 0,
        "what waited is sent"
    );
    let counted = {
        let mut session = platform.app.store().read().await.unwrap();
        store::backup::count_rows(&mut session).await.unwrap()
    };
    assert_eq!(
        (counted.notifications, counted.notifications_created),
        (7, 0)
    );
    platform.app.store().close().await;
}

#[tokio::test]
async fn keys_are_in_a_backup_only_if_asked_for() {
    let options = BackupOptions { with_keyring: true };
    let Some(made) = Backup::create(options).await else {
        return;
    };
    made.restore(&RestoreOptions::default()).await.unwrap();
    let restored = fs::read(made.target().data_dir.join("keyring")).unwrap();
    assert_eq!(restored, fs::read(made.world.keyring()).unwrap());
}

#[tokio::test]
async fn an_empty_secret_in_a_backup_does_not_stop_the_restored_platform() {
    let Some(world) = busy_world().await else {
        return;
    };
    let settings = settings_of(&world);
    fs::write(settings.data_dir.join("internal-secret"), "\n").unwrap();
    let place = tempfile::tempdir().unwrap();
    let target = place.path().join("backup");
    let options = BackupOptions { with_keyring: true };
    backup::create(&settings, &target, options).await.unwrap();
    let restored = Settings::in_directory(place.path().join("restored"));
    let from_backup = RestoreOptions::default();
    backup::restore(&restored, &target, &from_backup)
        .await
        .unwrap();
    let secrets = server::secrets::internal_secrets(&restored).unwrap();
    assert_eq!(secrets.len(), 1, "a new one is made");
}

#[tokio::test]
async fn an_existing_directory_is_not_overwritten() {
    let Some(made) = Backup::create(BackupOptions::default()).await else {
        return;
    };
    let settings = settings_of(&made.world);
    let again = backup::create(&settings, &made.path(), BackupOptions::default()).await;
    let why = again.unwrap_err().to_string();
    assert!(why.contains("exists already"), "{why}");
    let inside = made.world.files().join("backup");
    let inside = backup::create(&settings, &inside, BackupOptions::default()).await;
    let why = inside.unwrap_err().to_string();
    assert!(why.contains("among the stored files"), "{why}");
}

#[tokio::test]
async fn a_failed_backup_leaves_nothing() {
    let Some(world) = busy_world().await else {
        return;
    };
    let place = tempfile::tempdir().unwrap();
    fs::remove_file(world.keyring()).unwrap();
    let target = place.path().join("backup");
    let failed = backup::create(&settings_of(&world), &target, BackupOptions::default()).await;
    let why = failed.unwrap_err().to_string();
    assert!(why.contains("encryption keys"), "{why}");
    assert_eq!(names_in(place.path()), Vec::<String>::new());
}

#[tokio::test]
async fn a_directory_with_data_is_not_restored_to() {
    let Some(made) = Backup::create(BackupOptions::default()).await else {
        return;
    };
    made.restore(&made.with_keyring()).await.unwrap();
    let why = made.restore(&made.with_keyring()).await.unwrap_err();
    assert!(why.contains("to an empty place"), "{why}");
}

#[tokio::test]
async fn wrong_keys_restore_nothing() {
    let Some(made) = Backup::create(BackupOptions::default()).await else {
        return;
    };
    let why = made.restore(&RestoreOptions::default()).await.unwrap_err();
    assert!(why.contains("--keyring"), "{why}");
    let wrong = made.place.path().join("wrong");
    fs::write(&wrong, store::Keyring::new_key_line(1, &SystemRandom)).unwrap();
    let options = RestoreOptions {
        keyring: Some(wrong),
    };
    let why = made.restore(&options).await.unwrap_err();
    assert!(why.contains("do not belong to this database"), "{why}");
    assert_eq!(
        names_in(&made.target().data_dir),
        ["files", "lock"],
        "nothing of it is left"
    );
    made.restore(&made.with_keyring()).await.unwrap();
}

#[tokio::test]
async fn a_changed_backup_is_refused() {
    let Some(made) = Backup::create(BackupOptions::default()).await else {
        return;
    };
    let stored = first_file(&made.path().join("files"));
    for (changed, name) in [
        (made.path().join("pillarbox.db"), "pillarbox.db"),
        (made.path().join("SHA256SUMS"), "SHA256SUMS"),
        (stored.clone(), "files/"),
    ] {
        let before = fs::read(&changed).unwrap();
        let mut bytes = before.clone();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&changed, bytes).unwrap();
        let why = made.restore(&made.with_keyring()).await.unwrap_err();
        assert!(
            why.contains(name) && why.contains("another backup"),
            "{why}"
        );
        fs::write(&changed, before).unwrap();
    }
    fs::remove_file(&stored).unwrap();
    let why = made.restore(&made.with_keyring()).await.unwrap_err();
    assert!(why.contains("is missing"), "{why}");
}

#[tokio::test]
async fn a_hostile_backup_is_refused_at_once() {
    let Some(made) = Backup::create(BackupOptions::default()).await else {
        return;
    };
    let stored = first_file(&made.path().join("files"));
    let aside = made.place.path().join("aside");
    for path in [
        made.path().join("manifest.json"),
        made.path().join("SHA256SUMS"),
        made.path().join("pillarbox.db"),
        stored,
    ] {
        fs::rename(&path, &aside).unwrap();
        let is_made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(is_made.unwrap().success());
        made.restore(&made.with_keyring()).await.unwrap_err();
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        made.restore(&made.with_keyring()).await.unwrap_err();
        fs::remove_file(&path).unwrap();
        fs::rename(&aside, &path).unwrap();
    }
    made.restore(&made.with_keyring()).await.unwrap();
}

#[tokio::test]
async fn a_forged_database_is_refused_though_its_checksums_fit() {
    let Some(made) = Backup::create(BackupOptions::default()).await else {
        return;
    };
    let database = made.path().join("pillarbox.db");
    let aside = made.place.path().join("aside.db");
    let sums = fs::read_to_string(made.path().join("SHA256SUMS")).unwrap();
    let manifest = fs::read_to_string(made.path().join("manifest.json")).unwrap();
    fs::copy(&database, &aside).unwrap();
    for forgery in [
        "CREATE TRIGGER other AFTER INSERT ON notifications BEGIN DELETE FROM jobs; END",
        "ALTER TABLE jobs RENAME TO other; CREATE VIEW jobs AS SELECT * FROM other",
        "DROP TABLE jobs",
        "DELETE FROM services",
    ] {
        fs::copy(&aside, &database).unwrap();
        let address = format!("sqlite:{}", database.display());
        let mut session = sqlx::SqliteConnection::connect(&address).await.unwrap();
        let forgery = format!("PRAGMA foreign_keys = OFF; {forgery}");
        let forged = sqlx::raw_sql(AssertSqlSafe(forgery.clone()));
        forged.execute(&mut session).await.unwrap();
        session.close().await.unwrap();
        let sum = |bytes: &[u8]| {
            let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
            let digits = digest.as_ref().iter();
            digits.fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
        };
        let replaced = sums.replace(
            &sum(&fs::read(&aside).unwrap()),
            &sum(&fs::read(&database).unwrap()),
        );
        let manifest = manifest.replace(&sum(sums.as_bytes()), &sum(replaced.as_bytes()));
        fs::write(made.path().join("SHA256SUMS"), replaced).unwrap();
        fs::write(made.path().join("manifest.json"), manifest).unwrap();
        let why = made.restore(&made.with_keyring()).await.unwrap_err();
        assert!(
            why.contains("pillarbox.db in the backup"),
            "{forgery}: {why}"
        );
    }
}

#[tokio::test]
async fn files_in_the_way_of_a_restored_backup_are_found_before_anything_is_made() {
    let Some(made) = Backup::create(BackupOptions::default()).await else {
        return;
    };
    let files = made.place.path().join("other-files");
    fs::create_dir(&files).unwrap();
    fs::write(files.join("thesis"), "").unwrap();
    let target = Settings {
        files: Some(format!("file:{}", files.display())),
        ..made.target()
    };
    let restored = backup::restore(&target, &made.path(), &made.with_keyring()).await;
    let why = restored.unwrap_err().to_string();
    assert!(why.contains("there are files at"), "{why}");
    assert!(!target.data_dir.exists());
}

fn first_file(directory: &Path) -> PathBuf {
    let first = fs::read_dir(directory).unwrap().next().unwrap().unwrap();
    if first.path().is_dir() {
        first_file(&first.path())
    } else {
        first.path()
    }
}

#[tokio::test]
async fn on_postgresql_a_backup_says_what_to_do() {
    let world = World::new().await;
    if world.database_address().starts_with("sqlite") {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let target = place.path().join("backup");
    let refused = backup::create(&settings_of(&world), &target, BackupOptions::default()).await;
    let why = refused.unwrap_err().to_string();
    assert!(why.contains("pg_dump"), "{why}");
}
