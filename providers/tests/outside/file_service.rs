//! A file service over HTTP, against a real socket.

use std::time::Duration;

use pillarbox_providers::{
    FileService, Upload, UploadError,
    documents::{HttpFileService, HttpFileServiceSettings},
};
use serde_json::{Value, json};

use crate::http_server::{Act, Server, json};

fn settings(root: &str) -> HttpFileServiceSettings {
    HttpFileServiceSettings {
        root: root.to_owned(),
        token: "hunter2".into(),
        timeout_seconds: 30,
    }
}

fn upload() -> Upload {
    Upload {
        service_id: "22222222-0000-4000-8000-000000000001".parse().unwrap(),
        document: "YWJj".to_owned().into(),
        is_csv: false,
        confirmation_email: Some("ada@example.com".to_owned().into()),
        retention_period: Some(" 52 WEEKS ".to_owned()),
        filename: Some("report.pdf".to_owned().into()),
    }
}

#[tokio::test]
async fn a_file_is_posted_with_all_that_was_said_and_its_link_is_read() {
    let server = Server::start().await;
    server.will(json(
        201,
        r#"{"status": "ok", "document": {"id": "1", "url": "https://files.example/d/1"}}"#,
    ));
    let client = HttpFileService::new(settings(&format!("{}/", server.url))).unwrap();
    let link = client.upload(&upload()).await.unwrap();
    assert_eq!(link.reveal(), "https://files.example/d/1");
    let request = server.requests().remove(0);
    assert_eq!(
        request.line,
        "POST /services/22222222-0000-4000-8000-000000000001/documents HTTP/1.1"
    );
    assert_eq!(request.header("authorization"), Some("Bearer hunter2"));
    assert_eq!(
        serde_json::from_str::<Value>(&request.body).unwrap(),
        json!({
            "document": "YWJj", "is_csv": false, "confirmation_email": "ada@example.com",
            "retention_period": " 52 WEEKS ", "filename": "report.pdf",
        })
    );
}

#[tokio::test]
async fn what_was_not_said_is_not_posted() {
    let server = Server::start().await;
    let client = HttpFileService::new(settings(&server.url)).unwrap();
    let bare = Upload {
        confirmation_email: None,
        retention_period: None,
        filename: None,
        is_csv: true,
        ..upload()
    };
    let _ = client.upload(&bare).await;
    assert_eq!(
        serde_json::from_str::<Value>(&server.requests()[0].body).unwrap(),
        json!({"document": "YWJj", "is_csv": true})
    );
}

#[tokio::test]
async fn a_refusal_is_told_in_its_own_words_and_anything_else_is_a_failure_without_them() {
    let server = Server::start().await;
    let client = HttpFileService::new(settings(&server.url)).unwrap();
    for status in [400, 413] {
        server.will(json(
            status,
            r#"{"error": "File did not pass the virus scan"}"#,
        ));
        assert_eq!(
            client.upload(&upload()).await.unwrap_err(),
            UploadError::Refused("File did not pass the virus scan".to_owned())
        );
    }
    for act in [
        json(400, "{}"),
        json(200, "{}"),
        json(403, r#"{"error": "ada@example.com"}"#),
        json(500, r#"{"error": "ada@example.com"}"#),
        Act::Answer(
            302,
            "Location: https://elsewhere.example/\r\n",
            String::new(),
        ),
        Act::BreakOff,
        Act::HangUp,
    ] {
        server.will(act);
        let error = client.upload(&upload()).await.unwrap_err();
        assert!(matches!(error, UploadError::Failed(_)), "{error:?}");
        assert!(!error.to_string().contains("ada@"), "{error}");
    }
}

#[tokio::test]
async fn a_service_that_falls_silent_is_not_waited_for_for_ever() {
    let server = Server::start().await;
    server.will(Act::FallSilent);
    let client = HttpFileService::new(HttpFileServiceSettings {
        timeout_seconds: 1,
        ..settings(&server.url)
    })
    .unwrap();
    let answer = tokio::time::timeout(Duration::from_secs(20), client.upload(&upload())).await;
    assert!(matches!(answer.unwrap(), Err(UploadError::Failed(_))));
}

#[test]
fn settings_that_cannot_work_are_refused_in_words() {
    for (settings, what) in [
        (settings("ftp://files"), "the setting service"),
        (settings("files.internal"), "the setting service"),
        (
            HttpFileServiceSettings {
                token: String::new().into(),
                ..settings("https://files.internal")
            },
            "service_token",
        ),
    ] {
        let error = HttpFileService::new(settings).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
}
