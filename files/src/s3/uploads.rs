//! Unfinished uploads in a bucket: those of processes that were suspended or killed. The parts of one take space and cannot
//! be read.

use std::time::{Duration, SystemTime};

use http::{Method, StatusCode};
use jiff::Timestamp;
use object_store::{
    Error, Result,
    client::{HttpRequest, HttpRequestBody},
    multipart::MultipartStore as _,
    path::Path,
    signer::{SignedUrlOptions, Signer as _},
};
use serde::Deserialize;

use super::Bucket;

/// How long a signed request can be sent.
const SIGNED_FOR: Duration = Duration::from_mins(1);

/// An unfinished upload.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UnfinishedUpload {
    /// Path of the file in the bucket.
    key: String,
    upload_id: String,
    /// When it was begun.
    initiated: String,
}

/// A page of the server's list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default, rename = "Upload")]
    uploads: Vec<UnfinishedUpload>,
    #[serde(default)]
    is_truncated: bool,
    #[serde(default)]
    next_key_marker: String,
    #[serde(default)]
    next_upload_id_marker: String,
}

impl UnfinishedUpload {
    pub(crate) fn began_before(&self, time: SystemTime) -> bool {
        // One whose time cannot be read may be in use.
        let initiated = self.initiated.parse::<Timestamp>().ok();
        initiated
            .and_then(|at| SystemTime::try_from(at).ok())
            .is_some_and(|at| at < time)
    }
}

impl Bucket {
    /// Fails if the bucket does not exist, refuses us, or does not answer.
    pub(crate) async fn check(&self) -> Result<()> {
        let start = (String::new(), String::new());
        self.page_of_uploads(&self.address.prefix, &start)
            .await
            .map(drop)
    }

    /// Lists the unfinished uploads of one file.
    pub(crate) async fn unfinished_uploads_of(&self, file: &str) -> Result<Vec<UnfinishedUpload>> {
        let path = if self.address.prefix.is_empty() {
            file.to_owned()
        } else {
            format!("{}/{file}", self.address.prefix)
        };
        let mut found = self.list_uploads(&path).await?;
        found.retain(|upload| upload.key == path);
        Ok(found)
    }

    /// Lists all unfinished uploads in the folder of the address.
    pub(crate) async fn unfinished_uploads(&self) -> Result<Vec<UnfinishedUpload>> {
        if self.address.prefix.is_empty() {
            self.list_uploads("").await
        } else {
            self.list_uploads(&format!("{}/", self.address.prefix))
                .await
        }
    }

    /// Discards an unfinished upload. Returns false if it has been finished or discarded meanwhile.
    pub(crate) async fn abort_upload(&self, upload: &UnfinishedUpload) -> Result<bool> {
        let path = Path::from(upload.key.as_str());
        let aborted = self.store.abort_multipart(&path, &upload.upload_id).await;
        match aborted {
            Ok(()) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn list_uploads(&self, prefix: &str) -> Result<Vec<UnfinishedUpload>> {
        let mut found = Vec::new();
        let mut after = (String::new(), String::new());
        loop {
            let page = self.page_of_uploads(prefix, &after).await?;
            found.extend(page.uploads);
            let next = (page.next_key_marker, page.next_upload_id_marker);
            // A server that says the same again would be asked for ever.
            if !page.is_truncated || next == after {
                return Ok(found);
            }
            after = next;
        }
    }

    async fn page_of_uploads(&self, prefix: &str, after: &(String, String)) -> Result<Page> {
        let mut query = vec![("uploads", ""), ("prefix", prefix)];
        if !after.0.is_empty() {
            query.extend([("key-marker", &*after.0), ("upload-id-marker", &*after.1)]);
        }
        let options = SignedUrlOptions::default().with_query(query);
        let root = Path::default();
        let url = self
            .store
            .signed_url_opts(Method::GET, &root, SIGNED_FOR, &options)
            .await?;
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.uri_mut() = url.as_str().parse().map_err(failed)?;
        let response = self.http.execute(request).await.map_err(failed)?;
        let status = response.status();
        if !status.is_success() {
            return Err(refused(status));
        }
        let body = response.into_body().bytes().await.map_err(failed)?;
        quick_xml::de::from_reader(&body[..]).map_err(failed)
    }
}

/// Returns the error of an answer. `object_store` has no such kinds for its own lists.
fn refused(status: StatusCode) -> Error {
    let path = String::new();
    let source = format!("the list of uploads was answered with {status}").into();
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Error::PermissionDenied { path, source }
        }
        StatusCode::NOT_FOUND => Error::NotFound { path, source },
        _ => Error::Generic {
            store: "S3",
            source,
        },
    }
}

fn failed(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Generic {
        store: "S3",
        source: source.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read() {
        let page: Page = quick_xml::de::from_str(
            r#"<?xml version="1.0" encoding="UTF-8"?>
            <ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
                <Bucket>notify</Bucket><KeyMarker/><NextKeyMarker>b</NextKeyMarker><IsTruncated>true</IsTruncated>
                <Upload><Key>a</Key><UploadId>x.y_z-</UploadId><Initiated>2026-11-30T12:00:00.000Z</Initiated></Upload>
                <Upload><Key>b</Key><UploadId>2</UploadId><Initiated>2026-11-30T12:00:01Z</Initiated></Upload>
            </ListMultipartUploadsResult>"#,
        )
        .unwrap();
        assert_eq!(page.uploads.len(), 2);
        assert_eq!(page.uploads[0].upload_id, "x.y_z-");
        assert!(page.is_truncated && page.next_key_marker == "b");
        let noon: Timestamp = "2026-11-30T12:00:00Z".parse().unwrap();
        assert!(!page.uploads[0].began_before(noon.try_into().unwrap()));
    }

    #[test]
    fn a_page_may_be_empty() {
        let page: Page = quick_xml::de::from_str(
            "<ListMultipartUploadsResult><Bucket>notify</Bucket><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>",
        )
        .unwrap();
        assert!(page.uploads.is_empty() && !page.is_truncated);
    }
}
