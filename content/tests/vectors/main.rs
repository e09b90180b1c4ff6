//! Runs every vector file it knows from the directory in `PILLARBOX_VECTORS` (default: the copy in this repository).
//!
//! Each line of a file is a case with its whole answer. A file's check returns the answer that we give, shaped as the
//! file's `expect`; the runner compares the two as JSON, whole. It prints `NAME passed/total` for each file and its
//! first ten differences, names the files that nobody runs, and fails on any difference. What needs a whole platform
//! is run by the stories (`stories/tests/stories/contract` and `receipts.rs`).

#![expect(clippy::print_stdout, reason = "the runner's answer is what it prints")]

mod messages;
mod recipients;
mod spreadsheets;
mod templates;

use std::{collections::BTreeMap, fs, path::PathBuf, process::ExitCode};

use serde_json::Value;

/// What we answer to a case's `input`, shaped like its `expect`.
type Answer = fn(input: &Value, expect: &Value) -> Value;

/// Every file that is run, by its name without `.jsonl`.
const CHECKS: &[(&str, Answer)] = &[
    ("country", recipients::country),
    ("email", recipients::email),
    ("email_html", messages::email_html),
    ("email_plain", messages::email_plain),
    ("guestlist", recipients::guest_list),
    ("letter", messages::letter),
    ("letter_timings", messages::letter_timings),
    ("phone", recipients::phone),
    ("placeholders", templates::placeholders),
    ("postal_address", recipients::postal_address),
    ("postcode", recipients::postcode),
    ("recipient_csv", spreadsheets::recipient_csv),
    ("sanitise", templates::sanitise),
    ("sms", templates::sms),
];

/// The files that the stories run.
const RUN_BY_THE_STORIES: &[&str] = &["api_contract", "provider_receipts"];

fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == "--list") {
        // cargo-nextest asks for a list of tests: this binary is one.
        if !std::env::args().any(|argument| argument == "--ignored") {
            println!("vectors: test");
        }
        return ExitCode::SUCCESS;
    }
    let directory = std::env::var_os("PILLARBOX_VECTORS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors")),
        PathBuf::from,
    );
    let checks: BTreeMap<&str, Answer> = CHECKS.iter().copied().collect();
    let mut files: Vec<_> = fs::read_dir(&directory)
        .unwrap_or_else(|error| {
            panic!(
                "cannot read the vectors in {}: {error}",
                directory.display()
            )
        })
        .map(|entry| entry.expect("a readable directory").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "jsonl")
        })
        .collect();
    files.sort();

    let (mut passed, mut failed, mut not_run) = (0, 0, Vec::new());
    for path in files {
        let name = path
            .file_stem()
            .expect("a file name")
            .to_string_lossy()
            .into_owned();
        let Some(answer) = checks.get(name.as_str()) else {
            if !RUN_BY_THE_STORIES.contains(&name.as_str()) {
                not_run.push(name);
            }
            continue;
        };
        let (good, bad) = run_file(&name, &path, *answer);
        passed += good;
        failed += bad;
    }
    if !not_run.is_empty() {
        println!("run by nobody: {}", not_run.join(", "));
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn run_file(name: &str, path: &PathBuf, answer: Answer) -> (usize, usize) {
    let text = fs::read_to_string(path).expect("a vector file is UTF-8");
    let (mut good, mut differences) = (0, Vec::new());
    for line in text.split('\n').filter(|line| !line.trim().is_empty()) {
        let case: Value = serde_json::from_str(line).expect("a vector is JSON");
        let (input, expect) = (&case["input"], &case["expect"]);
        let ours = std::panic::catch_unwind(|| answer(input, expect))
            .unwrap_or_else(|_| Value::from("panicked"));
        if same(&ours, expect) {
            good += 1;
        } else {
            differences.push(format!(
                "  {}\n    expect {expect}\n    ours   {ours}",
                case["id"]
            ));
        }
    }
    println!("{name} {good}/{}", good + differences.len());
    for difference in differences.iter().take(10) {
        println!("{difference}");
    }
    (good, differences.len())
}

/// Equal by value: the order of keys does not count, `1` and `1.0` are one number.
fn same(ours: &Value, expect: &Value) -> bool {
    match (ours, expect) {
        (Value::Number(left), Value::Number(right)) => {
            left == right || left.as_f64() == right.as_f64()
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(key, value)| right.get(key).is_some_and(|other| same(value, other)))
        }
        _ => ours == expect,
    }
}
