//! Test suite that defines a storage: one is done when it passes.

use std::time::{Duration, SystemTime};

use futures::TryStreamExt as _;
use uuid::Uuid;

use crate::{Error, Files, Key};

/// Runs the whole suite on an empty storage, which is empty again afterwards; panics at the first promise that it breaks.
pub async fn run(files: &Files) {
    files.check().await.expect("the storage can be used");
    a_file_is_there_once_it_is_finished(files).await;
    a_file_that_is_written_again_has_a_new_version(files).await;
    a_file_that_was_given_up_is_never_there(files).await;
    files_of_all_sizes_are_read_as_they_were_written(files).await;
    a_reader_keeps_the_file_that_it_began_to_read(files).await;
    an_exclusive_upload_discards_an_unfinished_one(files).await;
    of_two_uploads_at_once_one_is_there_whole(files).await;
    a_folder_lists_what_is_in_it(files).await;
    removing_twice_is_harmless(files).await;
    assert_eq!(files.list().await.expect(ANSWERS), []);
}

const ANSWERS: &str = "the storage answers";

/// Reads a file to its end.
pub async fn read_all(files: &Files, key: &Key) -> Result<Vec<u8>, Error> {
    let read = files.read(key).await?;
    let add = |mut all: Vec<u8>, part: bytes::Bytes| async move {
        all.extend_from_slice(&part);
        Ok(all)
    };
    read.try_fold(Vec::new(), add).await
}

fn key(number: u128) -> Key {
    Key::spreadsheet(Uuid::from_u128(1), Uuid::from_u128(number))
}

async fn write(files: &Files, key: &Key, contents: &[u8]) {
    let mut upload = files.create(key).await.expect(ANSWERS);
    upload.write(contents).await.expect(ANSWERS);
    upload.finish().await.expect(ANSWERS);
}

async fn is_missing(files: &Files, key: &Key) -> bool {
    matches!(read_all(files, key).await, Err(Error::Missing(_)))
}

async fn a_file_is_there_once_it_is_finished(files: &Files) {
    let key = key(1);
    assert!(is_missing(files, &key).await);
    let mut upload = files.create(&key).await.expect(ANSWERS);
    upload.write(b"phone number\n").await.expect(ANSWERS);
    assert!(is_missing(files, &key).await, "it is not finished");
    assert_eq!(files.list().await.expect(ANSWERS), []);
    upload.write(b"07700900123\n").await.expect(ANSWERS);
    upload.finish().await.expect(ANSWERS);
    let found = read_all(files, &key).await.expect(ANSWERS);
    assert_eq!(found, b"phone number\n07700900123\n");
    let listed = files.list().await.expect(ANSWERS);
    let keys: Vec<_> = listed.iter().map(|entry| &entry.key).collect();
    assert_eq!(keys, [&key]);
    files.remove(&key).await.expect(ANSWERS);
}

async fn a_file_that_is_written_again_has_a_new_version(files: &Files) {
    let key = key(2);
    write(files, &key, b"07700900123\n").await;
    let listed = files.list().await.expect(ANSWERS);
    let mut again = files.create_exclusive(&key).await.expect(ANSWERS);
    again.write(b"07700900124\n").await.expect(ANSWERS);
    assert_eq!(
        files.list().await.expect(ANSWERS),
        listed,
        "it is not finished"
    );
    again.finish().await.expect(ANSWERS);
    let found = read_all(files, &key).await.expect(ANSWERS);
    assert_eq!(found, b"07700900124\n");
    assert_ne!(files.list().await.expect(ANSWERS), listed);
    files.remove(&key).await.expect(ANSWERS);
}

async fn a_file_that_was_given_up_is_never_there(files: &Files) {
    let key = key(3);
    for size in [5, 6 << 20] {
        let mut aborted = files.create(&key).await.expect(ANSWERS);
        aborted.write(&vec![7; size]).await.expect(ANSWERS);
        aborted.abort().await;
        let mut dropped = files.create_exclusive(&key).await.expect(ANSWERS);
        dropped.write(&vec![7; size]).await.expect(ANSWERS);
        drop(dropped);
        assert!(is_missing(files, &key).await);
    }
    // What could not be discarded in time is discarded now.
    let end_of_time = SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 365 * 200);
    files
        .remove_partial_uploads(end_of_time)
        .await
        .expect(ANSWERS);
}

/// Around the limits of what is sent at once, and of a few parts.
async fn files_of_all_sizes_are_read_as_they_were_written(files: &Files) {
    let part = 5 << 20;
    for size in [0, 1, part - 1, part, part + 1, 3 * part + 7] {
        let key = key(4);
        let contents: Vec<u8> = (0..251).cycle().take(size).collect();
        let mut upload = files.create(&key).await.expect(ANSWERS);
        for piece in contents.chunks(700_000) {
            upload.write(piece).await.expect(ANSWERS);
        }
        upload.finish().await.expect(ANSWERS);
        let found = read_all(files, &key).await.expect(ANSWERS);
        assert!(found == contents, "{size} bytes");
        files.remove(&key).await.expect(ANSWERS);
    }
}

async fn a_reader_keeps_the_file_that_it_began_to_read(files: &Files) {
    let key = key(5);
    write(files, &key, b"old").await;
    let read = files.read(&key).await.expect(ANSWERS);
    write(files, &key, b"new").await;
    let parts: Vec<bytes::Bytes> = read.try_collect().await.expect(ANSWERS);
    assert_eq!(parts.concat(), b"old");
    files.remove(&key).await.expect(ANSWERS);
}

async fn an_exclusive_upload_discards_an_unfinished_one(files: &Files) {
    let key = key(6);
    let mut left = files.create_exclusive(&key).await.expect(ANSWERS);
    left.write(b"old").await.expect(ANSWERS);
    let mut exclusive = files.create_exclusive(&key).await.expect(ANSWERS);
    exclusive.write(b"new").await.expect(ANSWERS);
    // In memory nothing outlives its process, and so nothing need be discarded.
    if files.address() == "memory:" {
        left.abort().await;
    } else {
        let error = left.finish().await.expect_err("it was discarded");
        assert!(matches!(error, Error::Storage { .. }), "{error:?}");
    }
    exclusive.finish().await.expect(ANSWERS);
    assert_eq!(read_all(files, &key).await.expect(ANSWERS), b"new");
    files.remove(&key).await.expect(ANSWERS);
}

async fn of_two_uploads_at_once_one_is_there_whole(files: &Files) {
    let key = key(7);
    let both = [vec![1; 6 << 20], vec![2; 6 << 20]];
    futures::join!(write(files, &key, &both[0]), write(files, &key, &both[1]));
    let found = read_all(files, &key).await.expect(ANSWERS);
    assert!(both.contains(&found));
    files.remove(&key).await.expect(ANSWERS);
}

async fn a_folder_lists_what_is_in_it(files: &Files) {
    let (service, id) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let today = Key::letter_original("2026-11-30", service, id);
    let later = Key::letter_original("2026-11-301", service, id);
    for key in [&today, &later] {
        write(files, key, b"%PDF").await;
    }
    let folder = Key::letter_originals_of("2026-11-30");
    let found = files.list_under(&folder).await.expect(ANSWERS);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].key, today);
    for key in [&today, &later] {
        files.remove(key).await.expect(ANSWERS);
    }
    assert_eq!(files.list_under(&folder).await.expect(ANSWERS), []);
}

async fn removing_twice_is_harmless(files: &Files) {
    let key = key(8);
    write(files, &key, b"a").await;
    files.remove(&key).await.expect(ANSWERS);
    files.remove(&key).await.expect(ANSWERS);
    assert!(is_missing(files, &key).await);
}
