//! The contract of the public API, case by case: `vectors/api_contract.jsonl` (public-api §1.2), or the files of the
//! directory that `PILLARBOX_VECTORS` names.
//!
//! Every case runs. What waits for a later part of the roadmap is listed in [`WAITING`] with what it waits for; a case
//! that is kept although it is listed fails the test, so that the list can only shrink.

mod fixtures;
mod matching;
mod platform;
mod tokens;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use serde::Deserialize;
use serde_json::Value;

use fixtures::Fixtures;
use platform::Platform;

/// Beginnings of the ids of cases that wait, and for what.
const WAITING: &[(&str, &str)] = &[
    ("file-001", "part 3: files by e-mail"),
    ("file-002", "part 3: files by e-mail"),
    ("file-003", "part 3: files by e-mail"),
    ("file-004", "part 3: files by e-mail"),
    ("file-005", "part 3: files by e-mail"),
    ("file-006", "part 3: files by e-mail"),
    ("file-007", "part 3: files by e-mail"),
    ("file-008", "part 3: files by e-mail"),
    ("file-009", "part 3: files by e-mail"),
    ("recv-", "part 3: received texts"),
    ("cb-", "part 5: receipts of text providers"),
    ("in-", "part 5: received texts from providers"),
    ("dvla-", "part 5: receipts of print providers"),
    ("unsub-", "part 3: one-click unsubscribe"),
    ("status-001", "part 3: counts of live services"),
];

/// A case as the file has it.
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

fn vectors() -> PathBuf {
    std::env::var_os("PILLARBOX_VECTORS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors")),
        PathBuf::from,
    )
}

fn cases() -> Vec<Case> {
    let path = vectors().join("api_contract.jsonl");
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

fn waits_for(case: &Case) -> Option<&'static str> {
    WAITING
        .iter()
        .find(|(beginning, _)| case.id.starts_with(beginning))
        .map(|(_, what)| *what)
}

#[tokio::test]
async fn every_case_of_the_public_contract_is_kept_or_waits_for_a_named_part() {
    let fixtures = Fixtures::read(&vectors().join("api_contract_fixtures.json"));
    let shared = Platform::new(&fixtures).await;
    let (mut kept, mut waiting, mut wrong) = (0, 0, Vec::new());
    for case in cases() {
        // A case about counters has a world of its own, for every case begins with none spent.
        let outcome = if case.given.state.is_empty() {
            shared.try_case(&case).await
        } else {
            let own = Platform::new(&fixtures).await;
            let outcome = own.try_case(&case).await;
            own.end().await;
            outcome
        };
        match (outcome, waits_for(&case)) {
            (Ok(()), None) => kept += 1,
            (Err(_), Some(_)) => waiting += 1,
            (Ok(()), Some(what)) => wrong.push(format!(
                "{}: kept, and listed as waiting for {what}",
                case.id
            )),
            (Err(why), None) => wrong.push(format!("{}: {why}", case.id)),
        }
    }
    println!("the public contract: {kept} cases kept, {waiting} wait");
    assert!(
        wrong.is_empty(),
        "{} cases are not as they should be:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    shared.end().await;
}

#[test]
fn nothing_waits_that_is_not_in_the_contract() {
    let ids: BTreeSet<String> = cases().into_iter().map(|case| case.id).collect();
    for (beginning, what) in WAITING {
        assert!(
            ids.iter().any(|id| id.starts_with(beginning)),
            "no case {beginning}… waits for {what}"
        );
    }
}

impl State {
    fn is_empty(&self) -> bool {
        self.sent_today.is_empty() && self.rate_limit_exhausted.is_empty()
    }
}
