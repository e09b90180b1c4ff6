//! Input that is too large, too deeply nested, too slow or not text is rejected with a clear error, and other callers
//! are not affected. Where the connection matters, the running server is used.

use domain::KeyType;
use pillarbox_stories::{TestService, World};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::running_server::{PATIENCE, TestServer, answer};

const SMS: &str = "/v2/notifications/sms";
const EMAIL: &str = "/v2/notifications/email";
const INVALID_JSON: &str = "Invalid JSON supplied in POST data";

fn text(service: &TestService, name: &str) -> Value {
    json!({
        "phone_number": "07700900123", "template_id": service.sms,
        "personalisation": {"name": name, "day": "Friday"},
    })
}

fn email(service: &TestService, day: &str) -> Value {
    json!({
        "email_address": "ada@example.com", "template_id": service.email,
        "personalisation": {"name": "Ada", "day": day},
    })
}

/// Returns twenty megabytes whose error is at the end.
fn huge(service: &TestService) -> Vec<u8> {
    let mut huge = text(service, &"x".repeat(20_000_000));
    huge["phone_number"] = 5.into();
    huge.to_string().into_bytes()
}

fn message(answer: &Value) -> &str {
    answer["errors"][0]["message"].as_str().unwrap_or_default()
}

/// Returns the resident memory of this process in bytes, for pages of 4,096 bytes.
fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

#[tokio::test]
async fn a_large_body_is_read_whole() {
    let server = TestServer::open().await;
    let long = email(&server.service, &"x".repeat(1_900_000));
    let (status, answer) = server.post(EMAIL, long.to_string().as_bytes()).await;
    assert_eq!(status, 201, "{}", message(&answer));

    let too_long = email(&server.service, &"x".repeat(2_000_000));
    let (status, answer) = server.post(EMAIL, too_long.to_string().as_bytes()).await;
    assert_eq!(
        (status, message(&answer)),
        (
            400,
            "Your message is too long. Emails cannot be longer than 2000000 bytes. Your message is 2000027 bytes."
        )
    );

    let (status, answer) = server.post(SMS, &huge(&server.service)).await;
    assert_eq!(
        (status, message(&answer)),
        (400, "phone_number 5 is not of type string")
    );
    server.close().await;
}

#[tokio::test]
async fn many_large_bodies_at_once_do_not_pile_up() {
    let server = TestServer::open().await;
    let huge = huge(&server.service);
    server.works().await;
    let before = resident_bytes();
    for _ in 0..3 {
        let posts = (0..4).map(|_| server.post(SMS, &huge));
        for (status, _) in futures::future::join_all(posts).await {
            assert_eq!(status, 400);
        }
    }
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 600_000_000, "the process grew by {grown} bytes");
    server.works().await;
    server.close().await;
}

#[tokio::test]
async fn a_body_that_is_larger_than_any_is_refused() {
    let server = TestServer::open().await;
    let mut connection = server.connect().await;
    let head = server.head(SMS, 40_000_000);
    connection.write_all(head.as_bytes()).await.unwrap();
    let (mut reading, mut writing) = connection.into_split();
    // The server stops reading at its limit: the rest cannot be written, and need not be.
    let sending = tokio::spawn(async move {
        let part = vec![b'['; 1_000_000];
        for _ in 0..40 {
            if writing.write_all(&part).await.is_err() {
                return;
            }
        }
    });
    let mut bytes = vec![0; 12];
    reading.read_exact(&mut bytes).await.unwrap();
    assert_eq!(bytes, b"HTTP/1.1 413");
    drop(reading);
    sending.await.unwrap();
    server.works().await;
    server.close().await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_in_the_words_of_v2() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let token = world.token(&service.id.to_string(), &service.normal.secret);
    for (path, limit) in [
        (SMS, 32 << 20),
        (EMAIL, 32 << 20),
        ("/v2/notifications/letter", 32 << 20),
        ("/v2/notifications/bulk", 64 << 20),
    ] {
        let body = vec![b' '; limit + 1];
        let answer = world.request("POST", path, Some(&token), body).await;
        assert_eq!(answer.status, 413, "{path}");
        assert_eq!(answer.json["status_code"], 413, "{path}");
        assert_eq!(
            answer.json["errors"][0]["error"], "RequestEntityTooLarge",
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_reference_of_a_hundred_thousand_characters_is_too_long() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let long = "é".repeat(100_000);
    for (path, mut body) in [
        (SMS, text(&service, "Ada")),
        (EMAIL, email(&service, "Friday")),
    ] {
        body["reference"] = long.clone().into();
        let answer = world.post(&service.normal, path, &body).await;
        assert_eq!(answer.status, 400);
        assert_eq!(
            answer.message(),
            format!("reference {long} is too long"),
            "the value is repeated whole"
        );
    }
}

#[tokio::test]
async fn invalid_json_is_reported() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let token = world.token(&service.id.to_string(), &service.normal.secret);
    let deep = 10_000;
    let utf_16: Vec<u8> = "\u{feff}{}"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let bodies: [(&str, Vec<u8>); 14] = [
        ("nothing", Vec::new()),
        ("a word", b"nonsense".to_vec()),
        ("two values", b"{} {}".to_vec()),
        ("half an object", br#"{"phone_number": "#.to_vec()),
        ("deep lists without an end", vec![b'['; deep]),
        (
            "deep lists",
            ["[".repeat(deep), "]".repeat(deep)].concat().into_bytes(),
        ),
        (
            "deep objects",
            [r#"{"a":"#.repeat(deep), "1".to_owned(), "}".repeat(deep)]
                .concat()
                .into_bytes(),
        ),
        (
            "what is no UTF-8",
            b"{\"reference\": \"\xff\xfe\"}".to_vec(),
        ),
        (
            "UTF-8 that ends early",
            b"{\"reference\": \"\xe2\x82\"}".to_vec(),
        ),
        (
            "half a surrogate pair",
            br#"{"reference": "\ud83e"}"#.to_vec(),
        ),
        (
            "the other half, as a key",
            br#"{"personalisation": {"\udd74": 1}}"#.to_vec(),
        ),
        ("a NUL as it is", b"{\"reference\": \"\0\"}".to_vec()),
        ("UTF-16", utf_16),
        (
            "no number",
            br#"{"personalisation": {"name": NaN}}"#.to_vec(),
        ),
    ];
    for (what, body) in bodies {
        for path in [SMS, EMAIL] {
            let answer = world
                .request("POST", path, Some(&token), body.clone())
                .await;
            assert_eq!(
                (answer.status.as_u16(), answer.message()),
                (400, INVALID_JSON),
                "{what}"
            );
            assert_eq!(answer.json["errors"][0]["error"], "BadRequestError");
        }
    }
}

#[tokio::test]
async fn a_nul_is_removed_from_every_field() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let token = world.token(&service.id.to_string(), &service.normal.secret);
    let body = format!(
        r#"{{"phone_number": "0770\u00000900123", "template_id": "{}", "reference": "bin\u0000s",
            "personalisation": {{"na\u0000me": "A\u0000da \\u0000", "day": ["\u0000Friday"]}}}}"#,
        service.sms
    );
    let answer = world.request("POST", SMS, Some(&token), body).await;
    assert_eq!(answer.status, 201, "{}", answer.json);
    assert_eq!(
        answer.json["content"]["body"],
        r"Ada \u0000, your bin day is Friday"
    );
    assert_eq!(answer.json["reference"], "bins");
    let found = world
        .get(&service.normal, "/v2/notifications?reference=bi%00ns")
        .await;
    assert_eq!(found.status, 200, "{}", found.json);
    assert_eq!(
        found.json["notifications"][0]["phone_number"],
        "07700900123"
    );

    let made = world
        .internal_request("POST", "/service", r#"{"name": "Hill\u0000side"}"#)
        .await;
    assert_eq!(made.data()["name"], "Hillside", "{}", made.json);
}

#[tokio::test]
async fn numbers_of_any_size_are_taken_and_written_as_python_writes_them() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let token = world.token(&service.id.to_string(), &service.normal.secret);
    let send = async |name: &str| {
        let body = format!(
            r#"{{"phone_number": "07700900123", "template_id": "{}",
                "personalisation": {{"name": {name}, "day": "Friday"}}}}"#,
            service.sms
        );
        world.request("POST", SMS, Some(&token), body).await
    };
    let longest = "7".repeat(800);
    for (number, written) in [
        ("100000000000000000000", "100000000000000000000"),
        ("-9223372036854775809", "-9223372036854775809"),
        (&longest, &longest),
        (
            "[-1, {\"n\": 18446744073709551616}]",
            "-1 and {'n': 18446744073709551616}",
        ),
        ("1e20", "1e+20"),
        ("1e16", "1e+16"),
        ("1e-7", "1e-07"),
        ("1.0", "1.0"),
        ("-0", "0"),
        ("-0.0", "-0.0"),
        ("0.9654801388982029", "0.9654801388982029"),
        ("350332E+25", "3.50332e+30"),
        ("1e400", "inf"),
    ] {
        let answer = send(number).await;
        assert_eq!(answer.status, 201, "{number}: {}", answer.json);
        let body = format!("{written}, your bin day is Friday");
        assert_eq!(answer.json["content"]["body"], body);
        let id = answer.json["id"].as_str().unwrap();
        let path = format!("/v2/notifications/{id}");
        let shown = world.get(&service.normal, &path).await;
        assert_eq!(shown.json["body"], body, "as it was kept");
    }
    let too_long = send(&"7".repeat(4301)).await;
    assert_eq!(
        (too_long.status.as_u16(), too_long.message()),
        (400, INVALID_JSON)
    );
    for (body, message) in [
        (
            "100000000000000000000".to_owned(),
            "100000000000000000000 is not of type object",
        ),
        (
            format!(
                r#"{{"phone_number": "07700900123", "template_id": "{}", "personalisation": -1e400}}"#,
                service.sms
            ),
            "personalisation -inf is not of type object",
        ),
    ] {
        let answer = world.request("POST", SMS, Some(&token), body).await;
        assert_eq!(answer.message(), message);
    }
    let path = format!("/v2/template/{}/preview", service.sms);
    let preview = world
        .request("POST", &path, Some(&token), "18446744073709551616")
        .await;
    assert_eq!(
        preview.message(),
        "18446744073709551616 is not of type object"
    );
}

#[tokio::test]
async fn an_id_whose_percent_signs_make_no_text_is_no_id() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    for (path, name) in [
        ("/v2/notifications/%ff", "notification_id"),
        ("/v2/notifications/%E2%82/pdf", "notification_id"),
        ("/v2/template/%ff", "id"),
        ("/v2/jobs/%ff", "job_id"),
    ] {
        let answer = world.get(&service.normal, path).await;
        let message = format!("{name} is not a valid UUID");
        assert_eq!(
            (answer.status.as_u16(), answer.message()),
            (400, message.as_str()),
            "{path}"
        );
        let stranger = world.request("GET", path, None, "").await;
        assert_eq!(stranger.status, 401, "{path}");
    }
    let preview = "/v2/template/%ff/preview";
    let answer = world.post(&service.normal, preview, &json!({})).await;
    assert_eq!(answer.message(), "id is not a valid UUID");
}

#[tokio::test]
async fn the_last_of_duplicate_json_keys_counts() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let token = world.token(&service.id.to_string(), &service.normal.secret);
    let body = format!(
        r#"{{"phone_number": 5, "phone_number": "07700900123", "template_id": "{}",
            "personalisation": {{"name": "Ada", "day": 1, "name": "Zoë", "day": 2}}}}"#,
        service.sms
    );
    let answer = world.request("POST", SMS, Some(&token), body).await;
    assert_eq!(answer.json["content"]["body"], "Zoë, your bin day is 2");
}

#[tokio::test]
async fn a_slow_client_delays_nobody_and_gets_its_response() {
    let server = TestServer::open().await;
    let body = text(&server.service, "Ada").to_string();
    let (first, rest) = body.as_bytes().split_at(20);
    let mut slow = server.connect().await;
    slow.write_all(server.head(SMS, body.len()).as_bytes())
        .await
        .unwrap();
    slow.write_all(first).await.unwrap();
    for _ in 0..20 {
        server.works().await;
    }
    for byte in rest {
        slow.write_all(&[*byte]).await.unwrap();
    }
    let (status, answer) = answer(slow).await;
    assert_eq!(status, 201, "{answer}");
    server.close().await;
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_leaves_nothing_behind() {
    let server = TestServer::open().await;
    let body = text(&server.service, "Ada").to_string();
    for length in [0, 1, 20, body.len() - 1] {
        let mut leaving = server.connect().await;
        leaving
            .write_all(server.head(SMS, body.len()).as_bytes())
            .await
            .unwrap();
        leaving.write_all(&body.as_bytes()[..length]).await.unwrap();
        drop(leaving);
    }
    server.works().await;
    let listed = server
        .world
        .get(&server.service.normal, "/v2/notifications")
        .await;
    assert_eq!(listed.json["notifications"].as_array().unwrap().len(), 1);
    server.close().await;
}

#[tokio::test]
async fn a_thousand_idle_connections_are_no_burden() {
    let server = TestServer::open().await;
    server.works().await;
    let before = resident_bytes();
    let mut idle = Vec::new();
    for number in 0..1_000 {
        let mut connection = server.connect().await;
        if number % 2 == 0 {
            // Half of them have sent the beginning of a request.
            connection.write_all(b"POST /v2/notif").await.unwrap();
        }
        idle.push(connection);
    }
    for _ in 0..20 {
        server.works().await;
    }
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 150_000_000, "the process grew by {grown} bytes");
    drop(idle);
    server.works().await;
    server.close().await;
}

#[tokio::test]
async fn malformed_http_is_refused_or_disconnected() {
    let server = TestServer::open().await;
    let long_header = format!(
        "GET / HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n",
        "x".repeat(1_000_000)
    );
    let many_headers = format!(
        "GET / HTTP/1.1\r\nHost: x\r\n{}\r\n",
        "X-Many: x\r\n".repeat(1_000)
    );
    let long_path = format!(
        "GET /{} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "x".repeat(100_000)
    );
    for speech in [
        "\r\n\r\n",
        "nonsense\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}",
        "POST /v2/notifications/sms HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
        &long_header,
        &many_headers,
        &long_path,
    ] {
        let mut connection = server.connect().await;
        // The server may reject the request before it has read all of it.
        let _ = connection.write_all(speech.as_bytes()).await;
        let _ = connection.shutdown().await;
        let mut said = Vec::new();
        let heard = tokio::time::timeout(PATIENCE, connection.read_to_end(&mut said)).await;
        let _ = heard.expect("it says something or hangs up");
        let said = String::from_utf8_lossy(&said);
        assert!(
            said.is_empty() || said.starts_with("HTTP/1.1 4") || said.starts_with("HTTP/1.0 4"),
            "{said}"
        );
    }
    server.works().await;
    server.close().await;
}

/// Covers every row of appendix B that the contract's cases do not.
#[tokio::test]
async fn what_the_contract_does_not_ask_for_is_said_too() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    for (number, what) in [
        ("077009001234567890", "phone_number Too many digits"),
        ("+247 4012 0", "phone_number Not a valid country prefix"),
    ] {
        let mut body = text(&service, "Ada");
        body["phone_number"] = number.into();
        let answer = world.post(&service.normal, SMS, &body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.message()),
            (400, what),
            "{number}"
        );
    }
}

/// Every type of key gets the same error for an invalid request.
#[tokio::test]
async fn nonsense_is_the_same_for_every_key() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    for key_type in [KeyType::Normal, KeyType::Team, KeyType::Test] {
        let key = match key_type {
            KeyType::Normal => &service.normal,
            KeyType::Team => &service.team,
            KeyType::Test => &service.test,
        };
        let answer = world.post(key, SMS, &json!([1])).await;
        assert_eq!(answer.message(), "[1] is not of type object");
    }
}
