use std::time::{Duration, SystemTime};

use crate::{
    Files, Key,
    conformance::{self, read_all},
};

#[tokio::test]
async fn an_exclusive_upload_leaves_nothing_of_an_unfinished_one() {
    let directory = tempfile::tempdir().unwrap();
    let files = Files::open(&format!("file:{}", directory.path().display())).unwrap();
    let key = Key::spreadsheet(uuid::Uuid::from_u128(1), uuid::Uuid::from_u128(2));
    let left = files.create(&key).await.unwrap();
    let exclusive = files.create_exclusive(&key).await.unwrap();
    assert!(left.finish().await.is_err());
    exclusive.finish().await.unwrap();
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
    let files = Files::open(&format!("file:{}", directory.path().display())).unwrap();
    conformance::run(&files).await;
}

#[tokio::test]
async fn memory_conforms() {
    conformance::run(&Files::open("memory:").unwrap()).await;
}

#[test]
fn an_unknown_address_is_rejected_with_a_hint() {
    let error = Files::open("ftp://example").unwrap_err().to_string();
    assert!(error.contains("use file:<directory>"), "{error}");
}
