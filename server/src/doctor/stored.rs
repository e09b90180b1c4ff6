//! What an installation stores: its data directory, keys, database and files.

use std::{io, path::Path, time::Instant};

use anyhow::{Context as _, bail};
use domain::Clock as _;
use files::Key;
use futures::TryStreamExt as _;
use store::{Keyring, Store, database_state};
use uuid::Uuid;

use super::{Finding, State};
use crate::{data_dir::DataDir, secrets, settings::Settings, system::SystemClock, wiring};

/// Less free space than this on the disk of the data directory is warned about.
const LITTLE_SPACE_BYTES: u64 = 1 << 30;
/// Tokens of clients are refused when the clocks are half a minute apart.
const MOST_CLOCK_DIFFERENCE_MILLISECONDS: u64 = 5_000;

/// Looks at the data directory and, if it exists, at what the platform stored.
pub(super) async fn examine(settings: &Settings) -> Vec<Finding> {
    let directory = &settings.data_dir;
    if !directory.exists() {
        let sentence = format!(
            "{} does not exist: the first start creates it, with the keys and an embedded database",
            directory.display()
        );
        return vec![Finding::new("data directory", State::Warning, sentence)];
    }
    let mut found = vec![
        Finding::of("data directory", writable(directory)),
        free_space(directory),
    ];
    if let Err(error) = wiring::check_stored_data(settings) {
        found.push(Finding::of("permissions", Err(error)));
        return found;
    }
    match secrets::existing_keyring(settings) {
        Ok(keyring) => {
            let sentence = format!("they can be read; key {} seals", keyring.primary_key_id());
            found.push(Finding::new("encryption keys", State::Ok, sentence));
            found.extend(database(settings, keyring).await);
        }
        Err(error) => found.push(Finding::of("encryption keys", Err(error))),
    }
    found.push(Finding::of("files", files_are_usable(settings).await));
    found
}

fn writable(directory: &Path) -> anyhow::Result<String> {
    let written = DataDir::new(directory).check_writable();
    written.with_context(|| format!("cannot write in {}", directory.display()))?;
    Ok(format!("{} can be written", directory.display()))
}

fn free_space(directory: &Path) -> Finding {
    let free = match rustix::fs::statvfs(directory) {
        Ok(found) => found.f_bavail.saturating_mul(found.f_frsize),
        Err(error) => {
            let error = anyhow::Error::new(io::Error::from(error));
            return Finding::of("disk", Err(error.context("cannot ask for the free space")));
        }
    };
    let sentence = format!("{} MiB are free", free >> 20);
    if free < LITTLE_SPACE_BYTES {
        let sentence = format!("only {sentence}: make room before requests are answered with 503");
        return Finding::new("disk", State::Warning, sentence);
    }
    Finding::new("disk", State::Ok, sentence)
}

async fn database(settings: &Settings, keyring: Keyring) -> Vec<Finding> {
    let store = match wiring::database_file(settings) {
        // Opening it would create it.
        Some(file) if !file.exists() => {
            let sentence = format!(
                "{} does not exist: the next start creates it",
                file.display()
            );
            return vec![Finding::new("database", State::Warning, sentence)];
        }
        _ => match secrets::connect(settings, keyring).await {
            Ok(store) => store,
            Err(error) => return vec![Finding::of("database", Err(error))],
        },
    };
    let found = examine_database(&store).await;
    store.close().await;
    found.unwrap_or_else(|error| vec![Finding::of("database", Err(error))])
}

async fn examine_database(store: &Store) -> anyhow::Result<Vec<Finding>> {
    let mut session = store.read().await?;
    let asked = Instant::now();
    let state = database_state::read(&mut session).await?;
    let took = asked.elapsed();
    let version = store::applied_schema_version(&mut session).await;
    let is_sealed = store::keyring_canary::exists(&mut session).await;
    drop(session);
    let answers = format!(
        "{} answers in {:.1} ms",
        state.version,
        took.as_secs_f64() * 1e3
    );
    let mut found = vec![
        Finding::new("database", State::Ok, answers),
        schema(version.ok().flatten()),
    ];
    found.extend(state.undurable.iter().map(|setting| {
        let sentence = format!(
            "it has {setting}: messages that were answered with 201 may be lost in a power failure; turn it on"
        );
        Finding::new("database", State::Problem, sentence)
    }));
    if is_sealed.unwrap_or(false) {
        let checked = store.check_keyring().await.map_err(anyhow::Error::new);
        let sentence = "they belong to the database".to_owned();
        found.push(Finding::of("encryption keys", checked.map(|()| sentence)));
    }
    found.extend(state.unix_milliseconds.map(clock));
    Ok(found)
}

fn schema(applied: Option<i64>) -> Finding {
    let known = store::schema_version();
    let (state, sentence) = match applied {
        Some(version) if version == known => {
            (State::Ok, format!("version {version} is the newest"))
        }
        Some(version) if version > known => (
            State::Problem,
            format!(
                "version {version} is of a newer program, this one knows {known}: start the newer one"
            ),
        ),
        found => (
            State::Warning,
            format!(
                "{} is older than {known}: the next start migrates it, or `pillarbox migrate`",
                found.map_or("an empty database".to_owned(), |version| format!(
                    "version {version}"
                ))
            ),
        ),
    };
    Finding::new("schema", state, sentence)
}

fn clock(of_database: i64) -> Finding {
    let difference = SystemClock
        .machine_time()
        .unix_millis()
        .abs_diff(of_database);
    let sentence = format!("it differs by {difference} ms from that of the database");
    if difference > MOST_CLOCK_DIFFERENCE_MILLISECONDS {
        let sentence = format!(
            "{sentence}: synchronise both with a time server, since tokens and days depend on it"
        );
        return Finding::new("clock", State::Problem, sentence);
    }
    Finding::new("clock", State::Ok, sentence)
}

/// Writes, reads and removes a sample.
async fn files_are_usable(settings: &Settings) -> anyhow::Result<String> {
    const SAMPLE: &[u8] = b"sample of pillarbox doctor";
    let files = settings.open_files()?;
    // Nothing that the platform stores has these ids.
    let key = Key::spreadsheet(Uuid::nil(), Uuid::nil());
    let mut upload = files.create(&key).await?;
    upload.write(SAMPLE).await?;
    upload.finish().await?;
    let read: Vec<_> = files.read(&key).await?.try_collect().await?;
    files.remove(&key).await?;
    if read.concat() != SAMPLE {
        bail!("a file that was written reads differently: the storage is broken");
    }
    Ok("a file could be written, read and removed".to_owned())
}
