//! Checks signatures of AWS requests (version 4) as AWS does.

use std::fmt::Write as _;

use aws_lc_rs::{digest, hmac};
use pillarbox_providers::aws::AwsKeys;

use crate::http_server::Request;

/// The keys of the tests.
pub(crate) fn keys() -> AwsKeys {
    AwsKeys {
        access_key_id: "AKID".to_owned(),
        secret_access_key: "hunter2".into(),
        session_token: Some("a session".into()),
    }
}

/// Asserts that a request to a service in the region `eu-west-2` is signed with [`keys`], at the time of the message.
pub(crate) fn assert_signed(request: &Request, service: &str) {
    let authorization = request.header("authorization").unwrap();
    let fields = authorization.strip_prefix("AWS4-HMAC-SHA256 ").unwrap();
    let field = |name: &str| {
        let mut fields = fields.split(", ");
        fields.find_map(|field| field.strip_prefix(name)).unwrap()
    };
    let scope = format!("20261124/eu-west-2/{service}/aws4_request");
    assert_eq!(field("Credential="), format!("AKID/{scope}"));
    let names = field("SignedHeaders=");
    for name in ["content-type", "host", "x-amz-date", "x-amz-security-token"] {
        assert!(names.split(';').any(|signed| signed == name), "{names}");
    }

    let mut canonical = request.line.replacen(' ', "\n", 1);
    canonical.truncate(canonical.len() - " HTTP/1.1".len());
    canonical.push_str("\n\n");
    for name in names.split(';') {
        let value = request.header(name).unwrap();
        let _ = writeln!(canonical, "{name}:{value}");
    }
    let _ = write!(canonical, "\n{names}\n{}", sha256(&request.body));
    let time = request.header("x-amz-date").unwrap();
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", sha256(&canonical));
    let key = scope
        .split('/')
        .fold(b"AWS4hunter2".to_vec(), |key, part| sign(&key, part));
    assert_eq!(field("Signature="), hex(&sign(&key, &text)));
}

fn sign(key: &[u8], text: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
}

fn sha256(text: &str) -> String {
    hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
