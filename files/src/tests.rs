use std::time::{Duration, SystemTime};

use futures::TryStreamExt as _;

use crate::{Error, Files, Key};

async fn read_all(files: &Files, key: &Key) -> Result<Vec<u8>, Error> {
    files
        .read(key)
        .await?
        .try_fold(Vec::new(), |mut all, part| async move {
            all.extend_from_slice(&part);
            Ok(all)
        })
        .await
}

/// Conformance suite of a storage.
async fn a_storage_conforms(files: Files) {
    let key = Key::spreadsheet(uuid::Uuid::from_u128(1), uuid::Uuid::from_u128(2));
    assert!(matches!(
        read_all(&files, &key).await,
        Err(Error::Missing(_))
    ));

    let mut upload = files.create(&key).await.unwrap();
    upload.write(b"phone number\n").await.unwrap();
    assert!(
        matches!(read_all(&files, &key).await, Err(Error::Missing(_))),
        "not readable before it is finished"
    );
    upload.write(b"07700900123\n").await.unwrap();
    upload.finish().await.unwrap();
    assert_eq!(
        read_all(&files, &key).await.unwrap(),
        b"phone number\n07700900123\n"
    );

    let listed = files.list().await.unwrap();
    assert_eq!(
        listed.iter().map(|entry| &entry.key).collect::<Vec<_>>(),
        [&key]
    );
    let mut again = files.create(&key).await.unwrap();
    again.write(b"07700900124\n").await.unwrap();
    assert_eq!(
        files.list().await.unwrap(),
        listed,
        "an unfinished upload is not listed"
    );
    again.finish().await.unwrap();
    assert_ne!(files.list().await.unwrap(), listed, "it has a new version");

    let mut aborted = files
        .create(&Key::spreadsheet(uuid::Uuid::nil(), uuid::Uuid::nil()))
        .await
        .unwrap();
    aborted.write(b"never").await.unwrap();
    aborted.abort().await;

    files.remove(&key).await.unwrap();
    files.remove(&key).await.unwrap();
    assert!(matches!(
        read_all(&files, &key).await,
        Err(Error::Missing(_))
    ));
}

#[tokio::test]
async fn an_exclusive_upload_discards_an_unfinished_one() {
    let directory = tempfile::tempdir().unwrap();
    let files = Files::open(&format!("file:{}", directory.path().display())).unwrap();
    let key = Key::spreadsheet(uuid::Uuid::from_u128(1), uuid::Uuid::from_u128(2));
    let mut left = files.create(&key).await.unwrap();
    left.write(b"old").await.unwrap();
    let mut exclusive = files.create_exclusive(&key).await.unwrap();
    assert!(left.finish().await.is_err());
    exclusive.write(b"new").await.unwrap();
    exclusive.finish().await.unwrap();
    assert_eq!(read_all(&files, &key).await.unwrap(), b"new");
    assert_eq!(
        files
            .partial_uploads(&key)
            .filter(|path| path.exists())
            .count(),
        0
    );
}

#[tokio::test]
async fn old_unfinished_uploads_are_removed() {
    let directory = tempfile::tempdir().unwrap();
    let files = Files::open(&format!("file:{}", directory.path().display())).unwrap();
    let begun = SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 365);
    let key = |number| Key::spreadsheet(uuid::Uuid::nil(), uuid::Uuid::from_u128(number));
    let mut whole = files.create(&key(1)).await.unwrap();
    whole.write(b"whole").await.unwrap();
    whole.finish().await.unwrap();
    for number in [2, 3] {
        // Looks as if its process had been killed.
        let left = files.create(&key(number)).await.unwrap();
        std::mem::forget(left);
    }
    for (number, age) in [(1, 48), (2, 48), (3, 1)] {
        let kept = directory.path().join(key(number).as_str());
        let partial = files.partial_uploads(&key(number)).next().unwrap();
        let file = std::fs::File::open(if partial.exists() { partial } else { kept }).unwrap();
        file.set_modified(begun - Duration::from_hours(age))
            .unwrap();
    }
    let a_day_ago = begun - Duration::from_hours(24);
    assert_eq!(files.remove_partial_uploads(a_day_ago).await.unwrap(), 1);
    assert_eq!(read_all(&files, &key(1)).await.unwrap(), b"whole");
    assert!(
        files.partial_uploads(&key(3)).next().unwrap().exists(),
        "another process may still be writing it"
    );
    assert_eq!(files.remove_partial_uploads(begun).await.unwrap(), 1);
}

#[tokio::test]
async fn a_directory_conforms() {
    let directory = tempfile::tempdir().unwrap();
    a_storage_conforms(Files::open(&format!("file:{}", directory.path().display())).unwrap()).await;
}

#[tokio::test]
async fn memory_conforms() {
    a_storage_conforms(Files::open("memory:").unwrap()).await;
}

#[test]
fn an_unknown_address_is_rejected_with_a_hint() {
    let error = Files::open("ftp://example").unwrap_err().to_string();
    assert!(error.contains("use file:<directory>"), "{error}");
}
