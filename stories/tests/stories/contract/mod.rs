//! The contract of the public API, case by case: `vectors/api_contract.jsonl` (`docs/spec/public-api.md` §1.2), or the
//! files of the directory that `PILLARBOX_VECTORS` names.
//!
//! Every case runs, in the order of the file and shuffled.

mod matching;
mod platform;
mod tokens;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::Value;

use app::fixtures::Fixtures;
use platform::Platform;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};

/// A case of the file.
#[derive(Debug, Clone, Deserialize)]
struct Case {
    id: String,
    given: Given,
    request: Request,
    expect: Expected,
    #[serde(default)]
    then: Vec<Then>,
}

#[derive(Debug, Clone, Deserialize)]
struct Given {
    key: Option<String>,
    auth: Option<Value>,
    #[serde(default)]
    state: State,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct State {
    #[serde(default)]
    sent_today: BTreeMap<domain::Allowance, u32>,
    #[serde(default)]
    rate_limit_exhausted: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct Request {
    method: String,
    path: String,
    #[serde(default)]
    headers: serde_json::Map<String, Value>,
    json: Option<Value>,
    raw_body: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct Expected {
    status: u16,
    json: Option<Value>,
    raw: Option<String>,
    #[serde(default)]
    headers: serde_json::Map<String, Value>,
}

#[derive(Debug, Clone, Deserialize)]
struct Then {
    request: Request,
    expect: Expected,
}

/// The vectors of this repository.
const COPY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors");

/// Returns the path of a vector file in the directory that `PILLARBOX_VECTORS` names, or of the copy here. None if that
/// directory holds other vector files but not this one.
pub(crate) fn vector_file(name: &str) -> Option<PathBuf> {
    let Some(directory) = std::env::var_os("PILLARBOX_VECTORS").map(PathBuf::from) else {
        return Some(PathBuf::from(COPY).join(name));
    };
    let path = directory.join(name);
    if path.exists() {
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
    let is_vector_file = |path: PathBuf| path.extension().is_some_and(|end| end == "jsonl");
    fs::read_dir(directory)
        .is_ok_and(|entries| entries.flatten().any(|entry| is_vector_file(entry.path())))
}

#[expect(clippy::print_stdout, reason = "`make vectors` shows what this prints")]
fn cases() -> Vec<Case> {
    let Some(path) = vector_file("api_contract.jsonl") else {
        println!("api_contract is not among these vectors");
        return Vec::new();
    };
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let cases: Vec<Case> = lines
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    assert!(!cases.is_empty(), "{} has no case", path.display());
    cases
}

/// Number of differences that are printed.
const SHOWN: usize = 10;

/// Runs the cases against one platform in this order and prints how many pass. Panics if one fails.
#[expect(clippy::print_stdout, reason = "`make vectors` shows what this prints")]
async fn run(cases: Vec<Case>, order: &str) {
    if cases.is_empty() {
        return;
    }
    let fixtures = fixtures();
    let shared = Platform::new(&fixtures).await;
    let (total, mut wrong) = (cases.len(), Vec::new());
    for case in cases {
        // A case about counters has a world of its own, for every case begins with none spent.
        let outcome = if case.given.state.is_empty() {
            shared.try_case(&case).await
        } else {
            let own = Platform::new(&fixtures).await;
            own.try_case(&case).await
        };
        if let Err(why) = outcome {
            wrong.push(format!("{}: {why}", case.id));
        }
    }
    println!("api_contract {}/{total} {order}", total - wrong.len());
    for difference in wrong.iter().take(SHOWN) {
        println!("  {difference}");
    }
    assert!(
        wrong.is_empty(),
        "{} cases of the contract are not as they should be, {order}",
        wrong.len()
    );
}

/// Reads the fixtures beside the cases, or those of this repository.
fn fixtures() -> Fixtures {
    const NAME: &str = "api_contract_fixtures.json";
    let path = vector_file(NAME).unwrap_or_else(|| PathBuf::from(COPY).join(NAME));
    Fixtures::read(&path).unwrap()
}

#[tokio::test]
async fn every_case_of_the_public_contract_is_kept() {
    run(cases(), "in the order of the file").await;
}

/// Cases may run in any order (`docs/spec/public-api.md` §1.1); `PILLARBOX_SEED` repeats one.
#[tokio::test]
async fn the_cases_of_the_public_contract_are_kept_in_any_order() {
    let seed = std::env::var("PILLARBOX_SEED").map_or_else(
        |_| rand::rng().next_u64(),
        |text| text.parse().expect("PILLARBOX_SEED is a number"),
    );
    let mut cases = cases();
    cases.shuffle(&mut StdRng::seed_from_u64(seed));
    run(cases, &format!("shuffled with PILLARBOX_SEED={seed}")).await;
}

#[test]
fn a_directory_without_vectors_is_noticed() {
    assert!(has_vector_files(Path::new(COPY)));
    assert!(!has_vector_files(Path::new(env!("CARGO_MANIFEST_DIR"))));
    assert!(!has_vector_files(Path::new("there/is/no/such/directory")));
}

impl State {
    fn is_empty(&self) -> bool {
        self.sent_today.is_empty() && self.rate_limit_exhausted.is_empty()
    }
}
