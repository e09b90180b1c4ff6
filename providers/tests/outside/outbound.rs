//! The client for URLs that services gave, against a real server of this machine.

use bytes::Bytes;
use domain::Private;
use pillarbox_providers::outbound::{
    ForbiddenUrl, GuardedClient, MAX_EXCERPT_BYTES, OutboundClient as _, OutboundError,
    OutboundRequest, UrlRules,
};

use crate::http_server::{Act, Server};

fn request(url: &str) -> OutboundRequest {
    OutboundRequest {
        url: url.to_owned().into(),
        headers: vec![("authorization", "Bearer secret".to_owned().into())],
        body: Private::new(Bytes::from_static(b"{\"a\": 1}")),
    }
}

fn development() -> GuardedClient {
    GuardedClient::new(UrlRules {
        allow_loopback: true,
        ..UrlRules::default()
    })
    .unwrap()
}

#[tokio::test]
async fn a_request_is_posted_as_it_is() {
    let server = Server::start().await;
    server.will(Act::Answer(503, "", "x".repeat(2000)));
    let reply = development()
        .post(&request(&format!("{}/told?key=5", server.url)))
        .await
        .unwrap();
    assert_eq!(reply.status, 503);
    assert_eq!(reply.excerpt.reveal().len(), MAX_EXCERPT_BYTES);
    let received = &server.requests()[0];
    assert_eq!(received.line, "POST /told?key=5 HTTP/1.1");
    assert_eq!(received.body, "{\"a\": 1}");
    assert_eq!(received.header("content-type"), Some("application/json"));
    assert_eq!(received.header("authorization"), Some("Bearer secret"));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (server, elsewhere) = (Server::start().await, Server::start().await);
    let location: &'static str = format!("Location: {}/\r\n", elsewhere.url).leak();
    for status in [301, 302, 307, 308] {
        server.will(Act::Answer(status, location, String::new()));
        let reply = development().post(&request(&server.url)).await.unwrap();
        assert_eq!(reply.status, status);
    }
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn an_answer_that_breaks_off_has_its_status_and_no_answer_is_told_from_no_connection() {
    let server = Server::start().await;
    server.will(Act::BreakOff);
    let client = development();
    let reply = client.post(&request(&server.url)).await.unwrap();
    assert_eq!(
        (reply.status, reply.excerpt.reveal().as_slice()),
        (200, &b"{"[..])
    );
    server.will(Act::HangUp);
    let error = client.post(&request(&server.url)).await.unwrap_err();
    assert_eq!(error, OutboundError::Broken);
    let nobody = client.post(&request("http://127.0.0.1:1/")).await;
    assert_eq!(nobody.unwrap_err(), OutboundError::NoConnection);
}

#[tokio::test]
async fn nothing_inside_is_called_or_saved() {
    let server = Server::start().await;
    let port = server.url.rsplit(':').next().unwrap();
    let client = GuardedClient::new(UrlRules {
        ports: vec![443, port.parse().unwrap()],
        ..UrlRules::default()
    })
    .unwrap();
    for url in [
        format!("https://127.0.0.1:{port}/"),
        format!("https://[::ffff:127.0.0.1]:{port}/"),
        format!("https://2130706433:{port}/"),
        "https://169.254.169.254/".to_owned(),
    ] {
        let forbidden = ForbiddenUrl::NotPublic;
        assert_eq!(client.check(&url).await, Err(forbidden.clone()), "{url}");
        let error = client.post(&request(&url)).await.unwrap_err();
        assert_eq!(error, OutboundError::Forbidden(forbidden), "{url}");
    }
    assert!(server.requests().is_empty());
}
