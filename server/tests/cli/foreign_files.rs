//! Hostile files end the child process that reads them, and never the platform.

use std::{
    fmt::Write as _,
    io::Write as _,
    path::{Path, PathBuf},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::platform::{Platform, pillarbox, stderr, stdout};

/// Encodes base64; no crate for it is at hand here.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let encode = |three: &[u8]| {
        let number = three
            .iter()
            .fold(0, |sum, byte| (sum << 8) | u32::from(*byte));
        [18, 12, 6, 0].map(|shift| char::from(DIGITS[(number >> shift) as usize & 63]))
    };
    let full = bytes.chunks_exact(3);
    assert!(full.remainder().is_empty(), "pad the file with line ends");
    full.flat_map(encode).collect()
}

/// An address in the window of the envelope.
pub(crate) const ADDRESS: &str =
    "BT /F 10 Tf 12 TL 71 710 Td (Ada) Tj T* (1 Mill Lane) Tj T* (SW1A 1AA) Tj ET";

/// Returns a PDF with an A4 page that has an address, and these objects beside it. The first is object 5.
pub(crate) fn pdf(more: impl IntoIterator<Item = String>) -> Vec<u8> {
    pdf_with_content(ADDRESS, "", more)
}

/// Returns a PDF with an A4 page that has this content and these resources beside the font.
pub(crate) fn pdf_with_content(
    content: &str,
    resources: &str,
    more: impl IntoIterator<Item = String>,
) -> Vec<u8> {
    let mut objects = vec![
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        "<</Type/Pages/Count 1/Kids[3 0 R]/MediaBox[0 0 595 842]>>".to_owned(),
        format!(
            "<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<<\
             /Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>{resources}>>>>"
        ),
        stream("", content),
    ];
    objects.extend(more);
    let mut text = "%PDF-1.7\n".to_owned();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (number, object) in objects.iter().enumerate() {
        writeln!(table, "{:010} 00000 n ", text.len()).unwrap();
        write!(text, "{} 0 obj\n{object}\nendobj\n", number + 1).unwrap();
    }
    let (start, size) = (text.len(), objects.len() + 1);
    write!(
        text,
        "{table}trailer\n<</Size {size}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n"
    )
    .unwrap();
    while !text.len().is_multiple_of(3) {
        text.push('\n');
    }
    text.into_bytes()
}

/// Returns a stream object with these entries in its dictionary.
pub(crate) fn stream(entries: &str, content: &str) -> String {
    let length = content.len();
    format!("<<{entries}/Length {length}>>\nstream\n{content}\nendstream")
}

/// The length of each stream is the next stream: lopdf looks it up by recursion.
fn chain_of_lengths(streams: usize) -> Vec<u8> {
    pdf((0..streams).map(|number| format!("<</Length {} 0 R>>\nstream\nx\nendstream", number + 6)))
}

/// Two bytes of the file become a value of a hundred.
fn many_small_values() -> Vec<u8> {
    pdf([format!("[{}]", "1 ".repeat(8 << 20))])
}

/// Sends a PDF as a letter with this key, and returns the path of the letter.
pub(crate) fn post(platform: &Platform, key: &str, pdf: &[u8]) -> String {
    let token = stdout(&platform.run(&["token", "--key", key]));
    let body = json!({"reference": "x", "content": base64(pdf)}).to_string();
    let (status, answer) = platform.http("POST /v2/notifications/letter", token.trim(), &body);
    assert_eq!(status, 201, "{answer}");
    let answer: Value = serde_json::from_str(&answer).unwrap();
    format!("/v2/notifications/{}", answer["id"].as_str().unwrap())
}

/// Waits until a letter has this status.
pub(crate) fn wait_for(platform: &Platform, key: &str, letter: &str, wanted: &str) {
    let started = Instant::now();
    loop {
        let token = stdout(&platform.run(&["token", "--key", key]));
        let (status, answer) = platform.http(&format!("GET {letter}"), token.trim(), "");
        assert_eq!(status, 200, "{answer}");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        if answer["status"] == wanted {
            return;
        }
        assert!(started.elapsed() < Duration::from_mins(1), "{answer}");
        thread::sleep(Duration::from_millis(100));
    }
}

pub(crate) fn key(platform: &Platform, kind: &str) -> String {
    let made = platform.answer(&["key", "create", &format!("Letters, {kind}"), "--type", kind]);
    made[0]["key"].as_str().unwrap().to_owned()
}

#[test]
fn a_hostile_pdf_is_unreadable_and_the_platform_serves_on() {
    let platform = Platform::up();
    let (test, normal) = (key(&platform, "test"), key(&platform, "normal"));
    for hostile in [chain_of_lengths(20_000), many_small_values()] {
        let letters = [&test, &normal].map(|key| (key, post(&platform, key, &hostile)));
        for (key, letter) in letters {
            wait_for(&platform, key, &letter, "validation-failed");
        }
    }
    let good = post(&platform, &test, &pdf([]));
    wait_for(&platform, &test, &good, "received");
    assert_eq!(platform.send_text().0, 201);
    let queue = platform.answer(&["queue", "show"]);
    assert_eq!(queue[0]["dead_letters"], 0);
}

#[test]
fn letters_that_burn_time_hold_up_only_their_own_service() {
    let platform = Platform::up();
    let permissions = ["--permissions", "letter"];
    platform.answer(&[&["service", "create", "Burners"][..], &permissions].concat());
    let create = [
        "key",
        "create",
        "one",
        "--type",
        "test",
        "--service",
        "Burners",
    ];
    let burner = platform.answer(&create);
    let burner = burner[0]["key"].as_str().unwrap();
    // Dashes of a thousandth of a point: each takes its child to the limit.
    let dashes = "[0.001 0.001] 0 d 0 0 m 500 800 l S ".repeat(2_000);
    let slow = pdf_with_content(&format!("{ADDRESS} {dashes}"), "", []);
    let slow: Vec<String> = (0..12).map(|_| post(&platform, burner, &slow)).collect();
    // The first of them have both children now.
    thread::sleep(Duration::from_secs(2));
    let key = key(&platform, "test");
    let good: Vec<String> = (0..10).map(|_| post(&platform, &key, &pdf([]))).collect();
    let waiting = |key: &str, letters: &[String]| {
        let token = stdout(&platform.run(&["token", "--key", key]));
        let is_waiting = |letter: &&String| {
            let (_, answer) = platform.http(&format!("GET {letter}"), token.trim(), "");
            answer.contains("pending-virus-check")
        };
        letters.iter().filter(is_waiting).count()
    };
    let started = Instant::now();
    while waiting(&key, &good) > 0 {
        assert!(started.elapsed() < Duration::from_mins(4));
        thread::sleep(Duration::from_millis(200));
    }
    // Counted, because how fast they burn depends on the machine: the first two had both children, and then one at a time.
    assert!(waiting(burner, &slow) >= 8, "{}", waiting(burner, &slow));
}

/// Workbooks of a few kilobytes: spaces, cells and formats that are repeated millions of times, and elements in each other.
const WORKBOOKS: [&str; 4] = ["spaces.ods", "repeated.ods", "formats.xlsx", "nested.xlsx"];

fn hostile(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cli/hostile")
        .join(name)
}

#[test]
fn a_hostile_workbook_is_refused_in_words_and_the_platform_serves_on() {
    let platform = Platform::up();
    let template = platform.line["templates"]["sms"]
        .as_str()
        .unwrap()
        .to_owned();
    for name in WORKBOOKS {
        let checked = platform.run_job("check", &hostile(name), &template, &[]);
        // 0: the check says that it is good, 1: that it is not, 2: why it cannot be read.
        assert!(
            checked.status.code().is_some_and(|code| code <= 2),
            "{name}"
        );
        let said = [stdout(&checked), stderr(&checked)].concat();
        assert!(!said.contains("server error"), "{name}: {said}");
        assert!(!said.is_empty(), "{name}");
    }
    let repeated = platform.run_job("check", &hostile("repeated.ods"), &template, &[]);
    assert!(
        stderr(&repeated).contains("The file cannot be read"),
        "{}",
        stderr(&repeated)
    );
    assert_eq!(platform.send_text().0, 201);
}

/// Runs the child by hand and returns its standard output.
pub(crate) fn read_file(kind: &str, file: &[u8]) -> Option<String> {
    let mut child = pillarbox()
        .args(["read-file", kind])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"\"a.bin\"\n").unwrap();
    // The child may end before it has read everything.
    let _ = stdin.write_all(file);
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    output.status.success().then(|| stdout(&output))
}

#[test]
fn the_child_answers_on_its_standard_output() {
    assert_eq!(read_file("pdf", &pdf([])).unwrap(), r#"{"Ok":{"pages":1}}"#);
    assert_eq!(
        read_file("pdf", b"text").unwrap(),
        r#"{"Err":"Unreadable"}"#
    );
    let csv = read_file("workbook", b"a\tb\n1\t2\n").unwrap();
    assert!(csv.trim_end().ends_with("1,2"), "{csv}");
    assert_eq!(read_file("pdf", &many_small_values()), None);
    assert_eq!(read_file("picture", b""), None, "there is no such kind");
}
