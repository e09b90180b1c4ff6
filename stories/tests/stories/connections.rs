//! Connections that hold on to what they have: others are served all the same.

use std::net::SocketAddr;

use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::running_server::{PATIENCE, TestServer, answer};

/// Asks for a path and returns status and body.
async fn get(address: SocketAddr, path: &str) -> (u16, serde_json::Value) {
    let mut connection = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    answer(connection).await
}

#[tokio::test]
async fn many_stalled_connections_keep_nobody_out() {
    let server = TestServer::open_with(|settings| {
        settings.http_connections = 40;
        settings.http_header_timeout_seconds = 3600;
        settings.http_serve_timeout_seconds = 3600;
        settings.metrics_listen = Some("127.0.0.1:0".to_owned());
    })
    .await;
    let starts: [&[u8]; 3] = [
        b"",
        b"GET /_status HTTP/1.1\r\nHost: ",
        // A body that never comes.
        b"POST /notifications/sms/mmg HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{",
    ];
    let mut stalled = Vec::new();
    for start in starts.iter().cycle().take(300) {
        let mut connection = server.connect().await;
        // The connection may have made room for the next one already.
        let _ = connection.write_all(start).await;
        stalled.push(connection);
        if stalled.len() % 50 == 0 {
            assert_eq!(get(server.address, "/_status").await.0, 200);
        }
    }
    server.works().await;
    assert_eq!(get(server.monitoring.unwrap(), "/_status").await.0, 200);
    drop(stalled);
    server.close().await;
}

/// One thread serves everything here, so nothing else could be answered if it rendered.
#[tokio::test]
async fn status_is_answered_beside_large_previews() {
    let server = TestServer::open_with(|settings| settings.http_heavy_requests = Some(1)).await;
    let path = format!("/v2/template/{}/preview", server.service.email);
    let long = "# Heading\n\n* point\n\n".repeat(10_000);
    let body = json!({"personalisation": {"name": long, "day": "Friday"}}).to_string();
    let previews = (0..3).map(|_| server.post(&path, body.as_bytes()));
    let statuses = async {
        for _ in 0..10 {
            assert_eq!(get(server.address, "/_status").await.0, 200);
        }
    };
    let (previews, ()) = futures::join!(futures::future::join_all(previews), statuses);
    for (status, preview) in previews {
        assert_eq!(status, 200, "{preview}");
    }
    server.close().await;
}

#[tokio::test]
async fn metrics_and_live_counts_leave_the_public_address() {
    const LIVE_COUNTS: &str = "/_status/live-service-and-organisation-counts";
    let server = TestServer::open_with(|settings| {
        settings.metrics_listen = Some("127.0.0.1:0".to_owned());
    })
    .await;
    let monitoring = server.monitoring.unwrap();
    for path in ["/metrics", LIVE_COUNTS] {
        assert_eq!(get(server.address, path).await.0, 404, "{path}");
        assert_eq!(get(monitoring, path).await.0, 200, "{path}");
    }
    for path in ["/_status", "/_status?simple=1", "/"] {
        for address in [server.address, monitoring] {
            let (status, body) = get(address, path).await;
            assert_eq!((status, &body["status"]), (200, &json!("ok")), "{path}");
        }
    }
    assert_eq!(get(monitoring, "/v2/templates").await.0, 404);
    server.close().await;
}

#[tokio::test]
async fn one_address_serves_everything_where_only_this_machine_can_reach_it() {
    let server = TestServer::open().await;
    assert_eq!(server.monitoring, None);
    assert_eq!(get(server.address, "/metrics").await.0, 200);
    server.close().await;
}

/// Sends a request on a connection that stays open, and returns the head of the response; empty if it was closed.
async fn ask(connection: &mut TcpStream) -> String {
    let request = b"GET /_status?simple=1 HTTP/1.1\r\nHost: x\r\n\r\n";
    connection.write_all(request).await.unwrap();
    let mut bytes = vec![0; 10_000];
    let length = tokio::time::timeout(PATIENCE, connection.read(&mut bytes))
        .await
        .expect("it answers in good time")
        .unwrap();
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

#[tokio::test]
async fn a_restart_drops_no_request_of_an_open_connection() {
    let server = TestServer::open_with(|settings| {
        settings.http_drain_seconds = 3600;
        settings.stop_seconds = 3600;
    })
    .await;
    let mut open = Vec::new();
    for _ in 0..20 {
        let mut connection = server.connect().await;
        assert!(ask(&mut connection).await.starts_with("HTTP/1.1 200"));
        open.push(connection);
    }
    let stopping = tokio::spawn(server.close());
    for mut connection in open {
        let mut closes = false;
        // The first of these may still be answered before the server hears of its stop.
        while !closes {
            let response = ask(&mut connection).await;
            assert!(response.starts_with("HTTP/1.1 200"), "{response}");
            closes = response.contains("connection: close");
        }
    }
    // All connections had their last response: nothing is left to wait for.
    tokio::time::timeout(PATIENCE, stopping)
        .await
        .expect("it stops")
        .unwrap();
}
