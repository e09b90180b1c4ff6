//! Files in a bucket of a server that none of us wrote, which `scripts/s3.sh` starts.

use std::{env, sync::Arc, time::SystemTime};

use files::{Files, Key, conformance};
use http_body_util::BodyExt as _;
use object_store::{
    ClientOptions, ObjectStore, StaticCredentialProvider,
    aws::{AmazonS3Builder, AwsCredential},
    client::{HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService},
};
use pillarbox_providers::aws::S3Settings;
use serde_json::{Value, json};
use uuid::Uuid;

/// Returns the settings of the server, and the address of its bucket.
pub(crate) fn server() -> (Value, String) {
    let server =
        env::var("PILLARBOX_TEST_S3").expect("PILLARBOX_TEST_S3 is set by make test-distributed");
    let mut server: Value = serde_json::from_str(&server).unwrap();
    let bucket = server.as_object_mut().unwrap().remove("bucket").unwrap();
    (server, bucket.as_str().unwrap().to_owned())
}

fn open(change: impl FnOnce(&mut Value), address: &str) -> Files {
    let (mut settings, _) = server();
    change(&mut settings);
    let settings: S3Settings = serde_json::from_value(settings).unwrap();
    settings.files("files", address).unwrap()
}

/// Returns a name that no other test uses.
pub(crate) fn unique_name() -> String {
    let directory = tempfile::tempdir().unwrap();
    let name = directory.path().file_name().unwrap().to_str().unwrap();
    name.trim_start_matches('.').to_owned()
}

/// Returns the address of a folder of the bucket that no other test uses.
fn folder() -> String {
    format!("{}/{}", server().1, unique_name())
}

/// Returns the bucket as the other side uses it, without the adapters under test.
pub(crate) fn whole_bucket() -> Box<dyn ObjectStore> {
    let (settings, address) = server();
    let text = |name: &str| settings[name].as_str().unwrap().to_owned();
    let credentials = AwsCredential {
        key_id: text("access_key_id"),
        secret_key: text("secret_access_key"),
        token: None,
    };
    let bucket = address.strip_prefix("s3://").unwrap();
    let store = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_endpoint(text("endpoint"))
        .with_credentials(Arc::new(StaticCredentialProvider::new(credentials)))
        .with_client_options(ClientOptions::new().with_allow_http(true))
        .with_http_connector(Plain);
    Box::new(store.build().unwrap())
}

/// An HTTP client without limits.
#[derive(Debug)]
struct Plain;

impl HttpConnector for Plain {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Self))
    }
}

#[async_trait::async_trait]
impl HttpService for Plain {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        #[expect(
            clippy::disallowed_methods,
            reason = "the other side has a client of its own"
        )]
        let request = reqwest::Client::new()
            .request(parts.method, parts.uri.to_string())
            .headers(parts.headers)
            .body(reqwest::Body::wrap(body));
        let response = ::http::Response::from(request.send().await.unwrap());
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Ok(HttpResponse::from_parts(parts, body.into()))
    }
}

#[tokio::test]
#[ignore = "needs an S3 server: make test-distributed"]
async fn a_bucket_conforms() {
    conformance::run(&open(|_| (), &folder())).await;
}

#[tokio::test]
#[ignore = "needs an S3 server: make test-distributed"]
async fn a_bucket_without_checksums_conforms() {
    let off = |settings: &mut Value| settings["checksums"] = json!(false);
    conformance::run(&open(off, &folder())).await;
}

#[tokio::test]
#[ignore = "needs an S3 server: make test-distributed"]
async fn the_s3_server_refuses_a_wrong_signature() {
    let wrong = |settings: &mut Value| settings["secret_access_key"] = json!("wrong");
    let files = open(wrong, &folder());
    let key = Key::response_file(Uuid::nil());
    let mut upload = files.create(&key).await.unwrap();
    upload.write(b"letters").await.unwrap();
    let refused = upload.finish().await.unwrap_err();
    assert!(refused.to_string().ends_with("it refuses our credentials"));
    assert!(files.check().await.unwrap_err().is_for_good());
}

#[tokio::test]
#[ignore = "needs an S3 server: make test-distributed"]
async fn a_bucket_of_s3_that_does_not_exist_is_noticed() {
    let files = open(|_| (), "s3://there-is-no-such-bucket");
    let missing = files.check().await.unwrap_err();
    assert!(missing.is_for_good(), "{missing}");
}

#[tokio::test]
#[ignore = "needs an S3 server: make test-distributed"]
async fn unfinished_uploads_to_s3_are_removed_in_their_folder_only() {
    let (ours, others) = (open(|_| (), &folder()), open(|_| (), &folder()));
    let key = Key::response_file(Uuid::nil());
    for files in [&ours, &others] {
        // Looks as if its process had been killed.
        std::mem::forget(files.create_exclusive(&key).await.unwrap());
    }
    let epoch = SystemTime::UNIX_EPOCH;
    assert_eq!(ours.remove_partial_uploads(epoch).await.unwrap(), 0);
    let later = epoch + std::time::Duration::from_hours(24 * 365 * 200);
    assert_eq!(ours.remove_partial_uploads(later).await.unwrap(), 1);
    assert_eq!(ours.remove_partial_uploads(later).await.unwrap(), 0);
    assert_eq!(others.remove_partial_uploads(later).await.unwrap(), 1);
}
