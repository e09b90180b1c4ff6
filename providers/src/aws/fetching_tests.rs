//! Credentials are fetched from small servers that answer as Amazon's services do.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::{credentials::CredentialCache, sources::Source};
use crate::SendError;

const KEYS: &str = r#"{"Code": "Success", "AccessKeyId": "AKID", "SecretAccessKey": "hunter2", "Token": "session",
    "Expiration": "2026-11-30T12:00:00Z"}"#;

/// A server with a fixed answer for each path. It remembers its requests.
#[derive(Clone)]
struct Server {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(answers: &'static [(&'static str, &'static str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            requests: Arc::default(),
        };
        let requests = server.requests.clone();
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut buffer = vec![0; 16 * 1024];
                let mut length = socket.read(&mut buffer).await.unwrap();
                // A form may come in a packet of its own.
                if buffer.starts_with(b"POST") && buffer[..length].ends_with(b"\r\n\r\n") {
                    length += socket.read(&mut buffer[length..]).await.unwrap();
                }
                let request = String::from_utf8_lossy(&buffer[..length]).into_owned();
                let path = request.split(' ').nth(1).unwrap();
                let answer = answers.iter().find(|(known, _)| *known == path);
                let (status, body) = answer.map_or((404, ""), |(_, body)| (200, *body));
                let size = body.len();
                let answer = format!(
                    "HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Length: {size}\r\n\r\n{body}"
                );
                requests.lock().unwrap().push(request);
                socket.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        server
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn cache(variables: &[(&str, &str)]) -> CredentialCache {
    let variable = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let source = Source::find(None, "eu-west-2", &variable).unwrap();
    CredentialCache::new("ses", source).unwrap()
}

fn at(seconds_before_expiry: u64) -> SystemTime {
    let expiry = SystemTime::UNIX_EPOCH + Duration::from_hours(498_900);
    expiry - Duration::from_secs(seconds_before_expiry)
}

#[tokio::test]
async fn a_machine_gives_the_keys_of_its_role() {
    let server = Server::start(&[
        ("/latest/api/token", "a token"),
        ("/latest/meta-data/iam/security-credentials/", "notify\n"),
        ("/latest/meta-data/iam/security-credentials/notify", KEYS),
    ])
    .await;
    let cache = cache(&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &server.url)]);
    let found = cache.get(at(3600)).await.unwrap();
    assert_eq!(found.access_key_id(), "AKID");
    assert_eq!(found.session_token(), Some("session"));
    let requests = server.requests();
    assert!(requests[0].starts_with("PUT "), "{requests:?}");
    assert!(requests[2].contains("x-aws-ec2-metadata-token: a token"));
}

#[tokio::test]
async fn keys_are_fetched_again_shortly_before_they_expire() {
    let server = Server::start(&[("/keys", KEYS)]).await;
    let url = format!("{}/keys", server.url);
    let cache = cache(&[
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "let me in"),
    ]);
    for seconds_before in [3600, 300, 200] {
        cache.get(at(seconds_before)).await.unwrap();
    }
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests[0].contains("authorization: let me in"));
    cache.forget().await;
    cache.get(at(3600)).await.unwrap();
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_web_identity_assumes_its_role() {
    let server = Server::start(&[(
        "/",
        r#"{"AssumeRoleWithWebIdentityResponse": {"AssumeRoleWithWebIdentityResult": {"Credentials":
            {"AccessKeyId": "AKID", "SecretAccessKey": "hunter2", "SessionToken": "session", "Expiration": 1.79604E9}}}}"#,
    )])
    .await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "a+token\n").unwrap();
    let cache = cache(&[
        ("AWS_WEB_IDENTITY_TOKEN_FILE", file.path().to_str().unwrap()),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/notify"),
        ("AWS_ENDPOINT_URL_STS", &server.url),
    ]);
    let found = cache.get(at(3600)).await.unwrap();
    assert_eq!(found.expiry(), Some(at(0)));
    let request = server.requests().remove(0);
    assert!(request.contains("accept: application/json"), "{request}");
    let form = "&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fnotify&RoleSessionName=pillarbox&WebIdentityToken=a%2Btoken";
    assert!(request.ends_with(form), "{request}");
}

#[tokio::test]
async fn what_cannot_be_fetched_sends_nothing() {
    let server = Server::start(&[("/garbage", "<html>")]).await;
    for path in ["/garbage", "/nothing"] {
        let url = format!("{}{path}", server.url);
        let cache = cache(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url)]);
        let error = cache.get(at(3600)).await.unwrap_err();
        assert!(matches!(error, SendError::Unavailable { .. }), "{error:?}");
    }
    let nowhere = cache(&[("AWS_EC2_METADATA_DISABLED", "true")]);
    assert!(nowhere.get(at(3600)).await.is_err());
}
