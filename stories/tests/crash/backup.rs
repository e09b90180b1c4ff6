//! A backup that is made while messages are accepted, stored from spreadsheets and sent.

use std::time::Duration;

use crate::{
    auditors,
    load::{self, Load},
    platform::{Platform, is_distributed},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_holds_all_that_was_accepted_before_it() {
    if is_distributed() {
        // PostgreSQL has tools of its own for this.
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let lost = Platform::new().await;
    let process = lost.start().await;
    let load = Load::begin(&lost);
    let mut backups = Vec::new();
    for number in 0..3 {
        let (before, _) = load.heard();
        while load.heard().0 < before + 40 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let accepted = load.accepted();
        let backup = place.path().join(number.to_string());
        let printed = lost.command(&["backup", backup.to_str().unwrap()]).await;
        assert!(printed.is_some(), "the backup is made");
        backups.push((backup, accepted));
    }
    let sent = load.end().await;
    process.stop().await;
    assert!(!sent.files.is_empty(), "spreadsheets were sent too");

    let keyring = lost.data_dir().join("keyring");
    for (backup, accepted) in backups {
        let restored = Platform::new().await;
        let (backup, keyring) = (backup.to_str().unwrap(), keyring.to_str().unwrap());
        let printed = restored
            .command(&["restore", backup, "--keyring", keyring])
            .await;
        let process = restored.start().await;
        restored.wait_until_nothing_waits().await;
        let unknown = load::list_unknown(&restored, &accepted).await;
        process.stop().await;
        let findings = auditors::findings(&restored).await;
        println!(
            "{} messages accepted before the backup, {} unknown after it, {findings} findings; {}",
            accepted.len(),
            unknown.len(),
            printed.unwrap_or_default().trim()
        );
        assert_eq!(unknown, Vec::<String>::new());
        assert_eq!(findings, 0);
    }
}
