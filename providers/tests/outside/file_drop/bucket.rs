//! A bucket of the S3 server that `scripts/s3.sh` starts.

use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

use bytes::Bytes;
use object_store::{ObjectStore as _, ObjectStoreExt as _, path::Path as ObjectPath};
use serde_json::{Value, json};

use super::{NAME, Place, provider};
use crate::s3;

pub(super) struct InBucket {
    /// The folder of this test, with a slash in front.
    folder: PathBuf,
    storage: Box<dyn object_store::ObjectStore>,
}

impl InBucket {
    fn path(&self, name: &str) -> ObjectPath {
        ObjectPath::from(format!("{}/{name}", self.folder.display()))
    }
}

impl Place for InBucket {
    fn start() -> Self {
        Self {
            folder: format!("/{}", s3::unique_name()).into(),
            storage: s3::whole_bucket(),
        }
    }

    fn settings(&self, directory: &Path) -> Value {
        let (options, bucket) = s3::server();
        json!({ "s3": format!("{bucket}{}", directory.display()), "s3_options": options })
    }

    fn directory(&self) -> &Path {
        &self.folder
    }

    async fn names(&self) -> Vec<String> {
        let folder = ObjectPath::from(self.folder.to_str().unwrap());
        let listed = self.storage.list_with_delimiter(Some(&folder));
        let listed = listed.await.unwrap().objects.into_iter();
        listed
            .map(|file| file.location.filename().unwrap().to_owned())
            .collect()
    }

    async fn read(&self, name: &str) -> Vec<u8> {
        let found = self.storage.get(&self.path(name)).await.unwrap();
        found.bytes().await.unwrap().into()
    }

    async fn write(&self, name: &str, contents: &[u8]) {
        let contents = Bytes::copy_from_slice(contents);
        self.storage
            .put(&self.path(name), contents.into())
            .await
            .unwrap();
    }

    async fn leave(&self, name: &str, contents: &str) {
        self.write(name, contents.as_bytes()).await;
    }

    async fn modified(&self, name: &str) -> SystemTime {
        let found = self.storage.head(&self.path(name)).await.unwrap();
        found.last_modified.into()
    }

    /// A bucket shows no such files.
    async fn begin(&self, _: &str) {}
}

#[tokio::test]
#[ignore = "needs an S3 server: make test-distributed"]
async fn a_bucket_of_s3_that_is_missing_or_denied_is_retried() {
    let place = InBucket::start();
    let mut missing = place.settings(place.directory());
    missing["s3"] = json!("s3://there-is-no-such-bucket/in");
    let mut denied = place.settings(place.directory());
    denied["s3_options"]["secret_access_key"] = json!("wrong");
    for (settings, why) in [(missing, "does not exist"), (denied, "permission denied")] {
        let drop = provider(settings).file_drop().unwrap();
        let put = drop.put(NAME, Bytes::from_static(b"letters")).await;
        let error = put.unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}
