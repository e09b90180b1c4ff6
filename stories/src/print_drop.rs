//! A file drop in memory, for simulations: it never waits for a thread.

use std::{
    collections::BTreeMap,
    io::Cursor,
    sync::{Mutex, MutexGuard},
};

use async_trait::async_trait;
use bytes::Bytes;
use providers::letter::file_drop::{DropError, DropTarget, DroppedFile};
use zip::ZipArchive;

#[derive(Debug, Default)]
struct State {
    zips: BTreeMap<String, Bytes>,
    failures: u32,
}

/// A place for zips of letters. It fails as often as it is told, before or after it has taken the file.
#[derive(Debug, Default)]
pub struct FakeDrop(Mutex<State>);

impl FakeDrop {
    /// Makes the next attempts fail, every second one after the file was taken.
    pub fn fail(&self, times: u32) {
        self.state().failures += times;
    }

    /// Makes it work from now on.
    pub fn reset(&self) {
        self.state().failures = 0;
    }

    /// Returns the references of all letters that are in zips, in the order of the zips' names; one that is in two zips is
    /// there twice.
    ///
    /// # Panics
    ///
    /// If a zip is none.
    pub fn printed(&self) -> Vec<String> {
        let zips: Vec<Bytes> = self.state().zips.values().cloned().collect();
        zips.into_iter()
            .flat_map(|zip| {
                let mut archive = ZipArchive::new(Cursor::new(zip)).expect("it is a zip");
                let count = archive.len();
                let name_at = |index| {
                    let file = archive.by_index(index).expect("it has this file");
                    file.name().expect("the name is text").into_owned()
                };
                (0..count).map(name_at).collect::<Vec<String>>()
            })
            .filter_map(|name| name.split('.').nth(1).map(str::to_owned))
            .collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no one panics holding it")
    }
}

#[async_trait]
impl DropTarget for FakeDrop {
    async fn put(&self, _: &str, name: &str, contents: Bytes) -> Result<(), DropError> {
        // A worker may die here.
        tokio::task::yield_now().await;
        let failure = {
            let mut state = self.state();
            let failure = state.failures;
            state.failures = failure.saturating_sub(1);
            failure
        };
        if failure % 2 == 1 {
            return Err(DropError::new("it is away"));
        }
        let earlier = self.state().zips.insert(name.to_owned(), contents.clone());
        assert!(
            earlier.is_none_or(|earlier| earlier == contents),
            "{name} came again with other contents"
        );
        tokio::task::yield_now().await;
        if failure > 0 {
            return Err(DropError::new("it took the file and broke off"));
        }
        Ok(())
    }

    async fn list(&self, _: &str) -> Result<Vec<DroppedFile>, DropError> {
        Ok(Vec::new())
    }

    async fn fetch(&self, _: &str, _: &str, _: u64) -> Result<Option<Bytes>, DropError> {
        Ok(None)
    }

    async fn set_aside(&self, _: &str, _: &str, _: &str) -> Result<(), DropError> {
        Ok(())
    }
}
