//! Megabytes of anything at any route take little of the platform's memory.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Shutdown, TcpStream},
    thread,
    time::Duration,
};

use api::{Auth, routes};

use crate::platform::{Platform, stdout};

const UNKNOWN: &str = "22222222-0000-4000-8000-000000000001";
const BODY_BYTES: usize = 60_000_000;
/// `docs/spec/public-api.md` §2.5
const MAX_RESIDENT_BYTES: u64 = 500_000_000;
/// Longer than the platform takes to answer or to close; only one that hangs reaches it.
const PATIENCE: Duration = Duration::from_mins(1);

/// Returns the most memory that the platform has had so far, in bytes.
fn peak_bytes(platform: &Platform) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", platform.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kibibytes = line.unwrap().split_whitespace().nth(1).unwrap();
    kibibytes.parse::<u64>().unwrap() * 1024
}

/// Puts ids that exist into a path, as far as they are known.
fn filled(platform: &Platform, path: &str) -> String {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or("x").to_owned();
    let (service, template) = (
        text(&platform.line["service_id"]),
        text(&platform.line["templates"]["sms"]),
    );
    // Not the service itself, which the other routes still need.
    let ends = [
        "archive",
        "suspend",
        "revoke",
        "deactivate",
        "resume",
        "erasure",
    ];
    let is_end = ends.iter().any(|end| path.contains(end));
    let part = |part: &str| match part {
        part if is_end && part.starts_with('{') => UNKNOWN.to_owned(),
        "{service}" => service.clone(),
        "{template}" | "{id}" => template.clone(),
        "{version}" => "1".to_owned(),
        part if part.starts_with('{') => UNKNOWN.to_owned(),
        part => part.to_owned(),
    };
    let path: Vec<String> = path.split('/').map(part).collect();
    format!(
        "{}?template_id={template}&template_type=sms&file_name=people",
        path.join("/")
    )
}

/// Sends a request and waits for the end of the response. The platform may answer without reading the body.
fn send(platform: &Platform, method: &str, path: &str, token: &str, body: &[u8]) -> Option<u16> {
    let host = platform.line["url"].as_str().unwrap();
    let host = host.trim_start_matches("http://");
    let mut connection = TcpStream::connect(host).unwrap();
    connection.set_write_timeout(Some(PATIENCE)).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let sent = connection
        .write_all(head.as_bytes())
        .and_then(|()| connection.write_all(body));
    if sent.is_ok() {
        let _ = connection.shutdown(Shutdown::Write);
    }
    let mut answer = Vec::new();
    // Reset if the platform closed before it had read everything.
    let _ = connection.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    answer.split(' ').nth(1)?.parse().ok()
}

/// Begins a receipt of a text message, of which the last bytes never come.
fn stalled_receipt(platform: &Platform, bytes: usize) -> TcpStream {
    let host = platform.line["url"].as_str().unwrap();
    let host = host.trim_start_matches("http://");
    let mut connection = TcpStream::connect(host).unwrap();
    connection.set_write_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "POST /notifications/sms/mmg HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}\r\n\r\n",
        bytes + 10
    );
    // Fails if the platform refuses it before its end.
    let _ = connection
        .write_all(head.as_bytes())
        .and_then(|()| connection.write_all(&vec![b'x'; bytes]));
    connection
}

/// Returns a file that counts as a workbook of old, which has to be complete before it is read.
fn workbook() -> Vec<u8> {
    let mut file = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
    file.resize(BODY_BYTES, b'x');
    file
}

fn long_text() -> Vec<u8> {
    let text = "x".repeat(BODY_BYTES - 100);
    format!(r#"{{"name": "{text}", "personalisation": {{}}}}"#).into_bytes()
}

fn many_values() -> Vec<u8> {
    format!("[{}0]", "0,".repeat(BODY_BYTES / 2 - 2)).into_bytes()
}

/// Returns a bulk request whose rows are one text.
fn bulk(platform: &Platform) -> Vec<u8> {
    let template = &platform.line["templates"]["sms"];
    let rows = "07700900123,Ada,Friday\\n".repeat((BODY_BYTES - 200) / 24);
    format!(r#"{{"name": "x", "template_id": {template}, "csv": "phone number,name,day\n{rows}"}}"#)
        .into_bytes()
}

#[test]
fn sixty_megabytes_at_any_route_take_little_memory() {
    let platform = Platform::up();
    let secret = fs::read_to_string(platform.directory.path().join("internal-secret")).unwrap();
    let bodies = [workbook(), long_text(), many_values()];
    for route in routes::all() {
        let path = filled(&platform, route.path);
        for body in &bodies {
            // Made anew, because it is valid for half a minute.
            let token = match route.auth {
                Auth::Service => stdout(&platform.run(&["token"])),
                _ => pillarbox_server::client::token("notify-admin", secret.trim()),
            };
            let method = route.method.as_str();
            send(&platform, method, &path, token.trim(), body);
            let peak = peak_bytes(&platform);
            assert!(
                peak < MAX_RESIDENT_BYTES,
                "{method} {path}: {peak} bytes in memory"
            );
        }
    }
    let (status, answer) = platform.send_text();
    assert_eq!(status, 201, "{answer}");
}

#[test]
fn several_large_files_and_lists_of_rows_at_once_take_little_memory() {
    let platform = Platform::up();
    let secret = fs::read_to_string(platform.directory.path().join("internal-secret")).unwrap();
    let upload = filled(&platform, "/service/{service}/spreadsheet");
    let list = filled(&platform, "/service/{service}/contact-list");
    let (workbook, rows) = (workbook(), bulk(&platform));
    let bulk_token = stdout(&platform.run(&["token"]));
    let internal_token = pillarbox_server::client::token("notify-admin", secret.trim());
    let requests = [
        (upload.as_str(), internal_token.as_str(), &workbook),
        (list.as_str(), internal_token.as_str(), &workbook),
        ("/v2/notifications/bulk", bulk_token.trim(), &rows),
    ];
    for (path, token, body) in requests {
        let statuses: Vec<_> = thread::scope(|scope| {
            let sent: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| send(&platform, "POST", path, token, body)))
                .collect();
            sent.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let peak = peak_bytes(&platform);
        assert!(peak < MAX_RESIDENT_BYTES, "{path}: {peak} bytes in memory");
        // Invalid, or refused for lack of memory; none is accepted.
        let expected = [400, 503];
        for status in statuses.into_iter().flatten() {
            assert!(expected.contains(&status), "{path}: {status}");
        }
    }
    assert_eq!(platform.send_text().0, 201);
}

#[test]
fn stalled_receipts_of_a_stranger_hold_up_no_service() {
    let platform = Platform::up();
    // More together than all bodies may have, and then many that are not large.
    let mut stalled: Vec<_> = (0..600)
        .map(|_| stalled_receipt(&platform, 499_980))
        .collect();
    let (status, answer) = platform.send_text();
    assert_eq!(status, 201, "{answer}");
    stalled.extend((0..300).map(|_| stalled_receipt(&platform, 132_000)));
    let (status, answer) = platform.send_text();
    assert_eq!(status, 201, "{answer}");
    let peak = peak_bytes(&platform);
    assert!(peak < MAX_RESIDENT_BYTES, "{peak} bytes in memory");
}
