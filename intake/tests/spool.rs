//! The spool passes the conformance suite.

use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use domain::Channel;
use pillarbox_intake::{
    SharedLog,
    conformance::{self, Harness},
    open,
};
use sqlx::{Connection as _, Executor as _, SqliteConnection};
use tempfile::TempDir;

#[derive(Default)]
struct Spools {
    directory: Mutex<Option<TempDir>>,
    /// Holds the file's lock for writing, so that no one else can write.
    blocker: tokio::sync::Mutex<Option<SqliteConnection>>,
}

impl Spools {
    fn directory(&self) -> MutexGuard<'_, Option<TempDir>> {
        self.directory.lock().expect("no one panics holding it")
    }

    fn address(&self) -> String {
        let directory = self.directory();
        let path = directory
            .as_ref()
            .expect("`empty` comes first")
            .path()
            .join("spool");
        format!("spool:{}", path.display())
    }
}

#[async_trait]
impl Harness for Spools {
    async fn empty(&self) -> SharedLog {
        *self.directory() = Some(tempfile::tempdir().expect("it can be created"));
        self.another().await
    }

    async fn another(&self) -> SharedLog {
        open(&self.address()).await.expect("the spool opens")
    }

    async fn break_down(&self) {
        let file = format!("sqlite:{}/intake.db", &self.address()["spool:".len()..]);
        let mut blocker = SqliteConnection::connect(&file)
            .await
            .expect("the file opens");
        blocker
            .execute("BEGIN IMMEDIATE")
            .await
            .expect("no one else writes");
        *self.blocker.lock().await = Some(blocker);
    }

    async fn repair(&self) {
        let blocker = self.blocker.lock().await.take();
        blocker
            .expect("it is broken down")
            .close()
            .await
            .expect("it closes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_spool_is_an_intake_log() {
    conformance::run(&Spools::default()).await;
}

#[tokio::test]
async fn a_spool_is_read_in_the_order_of_its_appends() {
    let spools = Spools::default();
    let log = spools.empty().await;
    for number in 0..30 {
        log.append(Channel::Letter, vec![number].into())
            .await
            .unwrap();
    }
    let mut reader = log.reader(Channel::Letter).await.unwrap();
    let read = reader.receive(30, std::time::Duration::ZERO).await.unwrap();
    let read: Vec<u8> = read.iter().map(|delivery| delivery.group[0]).collect();
    assert_eq!(read, (0..30).collect::<Vec<u8>>());
}

#[tokio::test]
async fn an_unknown_kind_of_log_is_refused_without_its_password() {
    let error = open("kafka://me:secret@broker").await.unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("`kafka:`") && !error.contains("secret"),
        "{error}"
    );
}
