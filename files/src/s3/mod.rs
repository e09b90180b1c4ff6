//! Files in a bucket of Amazon S3, or of a server that behaves like it.
//!
//! Requests are built and signed by `object_store`. The HTTP client and the credentials come from the caller, which has them
//! for the other APIs of Amazon too. `object_store` does not list unfinished uploads; `uploads.rs` does.

mod address;
mod uploads;

use std::{fmt, sync::Arc, time::Duration};

use object_store::{
    BackoffConfig, ClientOptions, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, AwsCredentialProvider, Checksum},
    client::{HttpClient, HttpConnector},
    prefix::PrefixStore,
};

pub use self::address::{Address, InvalidAddress};

/// How often a request is repeated that the server did not answer, or answered with an error of its own.
const MAX_RETRIES: usize = 3;
/// How long after its beginning a request is repeated. A caller of ours waits meanwhile, at most 30 seconds by default.
const RETRY_TIMEOUT: Duration = Duration::from_secs(10);

/// A bucket and how it is used.
#[derive(Debug, Clone)]
pub struct BucketSettings {
    /// The bucket, and the folder in it.
    pub address: Address,
    /// The region that requests are signed for.
    pub region: String,
    /// The root of the API, without the bucket and without a slash at the end.
    pub endpoint: String,
    /// Whether the bucket is the first part of the path, in place of the first part of the host.
    pub path_style: bool,
    /// How the server encrypts what it stores.
    pub encryption: Encryption,
    /// Whether the server checks and stores the SHA-256 of each part. The signature covers it in any case.
    pub checksums: bool,
}

/// How the server encrypts what it stores. Personal data is sealed before it is uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// As the bucket says.
    Bucket,
    /// With keys of S3 (`AES256`).
    S3,
    /// With a key of the key management service, by its id or ARN.
    Kms(String),
}

/// A bucket, or a folder in it. Cheap to clone.
#[derive(Clone)]
pub struct Bucket {
    address: Address,
    store: Arc<AmazonS3>,
    http: HttpClient,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bucket")
            .field(&self.address.to_string())
            .finish()
    }
}

impl Bucket {
    /// Prepares the use of a bucket; nothing is sent yet.
    pub fn new(
        settings: BucketSettings,
        credentials: AwsCredentialProvider,
        http: HttpClient,
    ) -> object_store::Result<Self> {
        let bucket = &settings.address.bucket;
        let endpoint = if settings.path_style {
            settings.endpoint.clone()
        } else {
            within_host(&settings.endpoint, bucket)
        };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_region(&settings.region)
            .with_endpoint(endpoint)
            .with_virtual_hosted_style_request(!settings.path_style)
            .with_credentials(credentials)
            .with_client_options(ClientOptions::new().with_allow_http(true))
            .with_http_connector(Given(http.clone()))
            // Part of the API of every server, other than the deletion of many at once; and we delete one by one.
            .with_disable_bulk_delete(true)
            .with_retry(retries());
        if settings.checksums {
            builder = builder.with_checksum_algorithm(Checksum::SHA256);
        }
        builder = match &settings.encryption {
            Encryption::Bucket => builder,
            Encryption::S3 => {
                let header: AmazonS3ConfigKey = "aws_server_side_encryption".parse()?;
                builder.with_config(header, "AES256")
            }
            Encryption::Kms(key) => builder.with_sse_kms_encryption(key),
        };
        Ok(Self {
            store: Arc::new(builder.build()?),
            address: settings.address,
            http,
        })
    }

    /// Returns the address of the bucket.
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// Widens it to the whole bucket, and returns the folder that it was.
    pub fn leave_folder(&mut self) -> String {
        std::mem::take(&mut self.address.prefix)
    }

    /// Returns the folder of the address as a storage, in which paths begin at the folder.
    pub fn storage(&self) -> PrefixStore<Arc<AmazonS3>> {
        PrefixStore::new(Arc::clone(&self.store), self.address.prefix.as_str())
    }
}

/// Returns an endpoint with the bucket in front of its host.
fn within_host(endpoint: &str, bucket: &str) -> String {
    match endpoint.split_once("://") {
        Some((scheme, host)) => format!("{scheme}://{bucket}.{host}"),
        None => format!("{bucket}.{endpoint}"),
    }
}

fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(3),
            base: 3.,
        },
        max_retries: MAX_RETRIES,
        retry_timeout: RETRY_TIMEOUT,
    }
}

/// Hands out the client of the caller.
#[derive(Debug)]
struct Given(HttpClient);

impl HttpConnector for Given {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_becomes_part_of_the_host() {
        assert_eq!(
            within_host("https://s3.eu-west-2.amazonaws.com", "letters"),
            "https://letters.s3.eu-west-2.amazonaws.com"
        );
    }
}
