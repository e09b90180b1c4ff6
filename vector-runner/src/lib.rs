//! Runs the vector files: recorded cases, one JSON object per line with an `input` and the whole `expect`ed answer.
//!
//! The files are read from the directory in `PILLARBOX_VECTORS`, by default from the copy in this repository. The crates
//! that implement a file's rules call [`check`] from a test of their own. Files that need a whole platform
//! (`api_contract`, `provider_receipts`, `letter_response_files`) are run by the stories.

#![expect(clippy::print_stdout, reason = "`make vectors` shows what this prints")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

/// Computes our answer to a case's `input`. The `expect` is given so that fields that it leaves open can be left out.
pub type Answer = fn(input: &Value, expect: &Value) -> Value;

/// The vectors of this repository.
const COPY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors");

/// Differences that are printed for each file.
const SHOWN_DIFFERENCES: usize = 10;

/// Runs every case of `NAME.jsonl` and prints `NAME passed/total`. Panics if a case differs, or if there is no case.
///
/// A directory named by `PILLARBOX_VECTORS` may hold only some of the files, but not none.
pub fn check(name: &str, answer: Answer) {
    let Some(path) = vector_file(name) else {
        println!("{name} is not among these vectors");
        return;
    };
    let text = fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
    let lines: Vec<&str> = text
        .split('\n')
        .filter(|line| !line.trim().is_empty())
        .collect();
    assert!(!lines.is_empty(), "{} has no case", path.display());

    let differences: Vec<String> = lines
        .iter()
        .filter_map(|line| difference(line, answer))
        .collect();
    println!("{name} {}/{}", lines.len() - differences.len(), lines.len());
    for difference in differences.iter().take(SHOWN_DIFFERENCES) {
        println!("{difference}");
    }
    assert!(
        differences.is_empty(),
        "{} of {} cases of {name} differ",
        differences.len(),
        lines.len()
    );
}

/// Finds `NAME.jsonl`. Returns `None` only if the directory was chosen by the caller and holds other vector files.
fn vector_file(name: &str) -> Option<PathBuf> {
    let chosen = std::env::var_os("PILLARBOX_VECTORS");
    let directory = PathBuf::from(chosen.as_deref().unwrap_or(COPY.as_ref()));
    let path = directory.join(format!("{name}.jsonl"));
    if chosen.is_none() || path.exists() {
        return Some(path);
    }
    // A mistyped or empty directory must not look like success.
    assert!(
        has_vector_files(&directory),
        "there are no vector files in {}",
        directory.display()
    );
    None
}

fn has_vector_files(directory: &Path) -> bool {
    fs::read_dir(directory).is_ok_and(|entries| {
        entries.flatten().any(|entry| {
            entry
                .path()
                .extension()
                .is_some_and(|extension| extension == "jsonl")
        })
    })
}

fn difference(line: &str, answer: Answer) -> Option<String> {
    let case: Value = serde_json::from_str(line).expect("a vector is JSON");
    let (input, expect) = (&case["input"], &case["expect"]);
    // A panic is one wrong answer: the remaining cases still run.
    let ours = std::panic::catch_unwind(|| answer(input, expect))
        .unwrap_or_else(|_| Value::from("panicked"));
    (!is_same(&ours, expect))
        .then(|| format!("  {}\n    expect {expect}\n    ours   {ours}", case["id"]))
}

/// Compares by value: the order of keys does not count, and `1` equals `1.0`.
fn is_same(ours: &Value, expect: &Value) -> bool {
    match (ours, expect) {
        (Value::Number(left), Value::Number(right)) => {
            left == right || left.as_f64() == right.as_f64()
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| is_same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(key, value)| right.get(key).is_some_and(|other| is_same(value, other)))
        }
        _ => ours == expect,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_wrong_answer_and_a_panic_are_differences() {
        let case = r#"{"id": "a", "input": 1, "expect": {"x": 1.0}}"#;
        assert!(difference(case, |_, _| json!({"x": 1})).is_none());
        assert!(difference(case, |_, _| json!({"x": 2})).is_some());
        assert!(difference(case, |_, _| json!({"x": 1, "y": 2})).is_some());
        assert!(difference(case, |_, _| panic!("this test wants it")).is_some());
    }

    #[test]
    fn a_directory_without_vectors_is_noticed() {
        assert!(has_vector_files(Path::new(COPY)));
        assert!(!has_vector_files(Path::new(env!("CARGO_MANIFEST_DIR"))));
        assert!(!has_vector_files(Path::new("there/is/no/such/directory")));
    }
}
