//! Endpoints that anyone can call, and who may call them all the same.

use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use crate::running_server::{TestServer, answer};

const MMG: &str = "/notifications/sms/mmg";

/// Sends a receipt about a text that does not exist; returns the status of the response.
async fn receipt(server: &TestServer, headers: &str) -> u16 {
    let body = json!({"CID": "not one of ours", "status": "3"}).to_string();
    let request = format!(
        "POST {MMG} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    );
    let mut connection = server.connect().await;
    connection.write_all(request.as_bytes()).await.unwrap();
    answer(connection).await.0
}

#[tokio::test]
async fn receipts_need_the_password_that_the_settings_name() {
    let server = TestServer::open_with(|settings| {
        settings.receipts.mmg_users = Some("mmg".into());
        settings.receipts.mmg_passwords = Some("old,hunter2".into());
    })
    .await;
    // mmg:hunter2
    let known = "Authorization: Basic bW1nOmh1bnRlcjI=\r\n";
    assert_eq!(receipt(&server, known).await, 200);
    assert_eq!(receipt(&server, "").await, 401);
    let unknown = "Authorization: Basic bW1nOmh1bnRlcjM=\r\n";
    assert_eq!(receipt(&server, unknown).await, 403);
    server.close().await;
}

#[tokio::test]
async fn receipts_come_from_the_networks_that_the_settings_name() {
    let server = TestServer::open_with(|settings| {
        settings.receipts.mmg_networks = Some("192.0.2.0/24".to_owned());
        settings.trust_forwarded_for = true;
    })
    .await;
    assert_eq!(receipt(&server, "").await, 403, "from this machine");
    let made_up = "X-Forwarded-For: 192.0.2.1, 198.51.100.1\r\n";
    assert_eq!(receipt(&server, made_up).await, 403);
    let known = "X-Forwarded-For: 198.51.100.1, 192.0.2.1\r\n";
    assert_eq!(receipt(&server, known).await, 200);
    server.close().await;
}

#[tokio::test]
async fn an_address_that_sends_too_many_receipts_is_told_to_wait() {
    let server = TestServer::open_with(|settings| {
        settings.receipts.per_second = 1;
        settings.trust_forwarded_for = true;
    })
    .await;
    let mut refused = 0;
    for _ in 0..20 {
        match receipt(&server, "X-Forwarded-For: 192.0.2.1\r\n").await {
            429 => refused += 1,
            status => assert_eq!(status, 200),
        }
    }
    assert!(refused > 0);
    let other = "X-Forwarded-For: 192.0.2.2\r\n";
    assert_eq!(receipt(&server, other).await, 200);
    server.close().await;
}

#[tokio::test]
async fn an_address_that_unsubscribes_too_often_is_told_to_wait() {
    let server = TestServer::open_with(|settings| settings.trust_forwarded_for = true).await;
    let unsubscribe = async |from: &str| {
        let path = format!("/unsubscribe/{}/made-up", uuid::Uuid::nil());
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Forwarded-For: {from}\r\n\
             Content-Length: 0\r\n\r\n"
        );
        let mut connection = server.connect().await;
        connection.write_all(request.as_bytes()).await.unwrap();
        answer(connection).await.0
    };
    // Fifty a second, and five times as many at once: a machine that is slower than that sends more in the same time.
    let mut sent = 0;
    while unsubscribe("192.0.2.1").await != 429 {
        sent += 1;
        assert!(sent < 5_000, "no limit was met");
    }
    assert!(sent >= 250, "only {sent} were served");
    assert_ne!(unsubscribe("192.0.2.2").await, 429);
    server.close().await;
}
