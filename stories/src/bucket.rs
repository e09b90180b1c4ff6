//! Buckets of the S3 server that `scripts/s3.sh` starts.

use files::Files;
use providers::aws::S3Settings;
use serde_json::{Value, json};

/// Returns the folder `name` of the bucket as a file storage, reached through `port` of this machine if there is one. An answer
/// is waited for one second then.
pub fn files_in_bucket(name: &str, port: Option<u16>) -> Files {
    let (mut settings, bucket) = server();
    if let Some(port) = port {
        settings["endpoint"] = json!(format!("http://127.0.0.1:{port}"));
        settings["timeout_seconds"] = json!(1);
    }
    let settings: S3Settings = serde_json::from_value(settings).expect("the script knows them");
    settings
        .files("files_s3", &format!("{bucket}/{name}"))
        .expect("the settings are good")
}

/// Returns the host and port of the S3 server.
pub fn s3_server() -> String {
    let endpoint = server().0["endpoint"].to_string();
    let (_, host) = endpoint.split_once("://").expect("a URL");
    host.trim_matches('"').to_owned()
}

/// Returns the settings of the server, and the address of its bucket.
fn server() -> (Value, String) {
    let server = std::env::var("PILLARBOX_TEST_S3");
    let server = server.expect("PILLARBOX_TEST_S3 is set by make test-distributed");
    let mut server: Value = serde_json::from_str(&server).expect("the script writes JSON");
    let bucket = server["bucket"].take();
    server.as_object_mut().expect("an object").remove("bucket");
    (server, bucket.as_str().expect("it names one").to_owned())
}
