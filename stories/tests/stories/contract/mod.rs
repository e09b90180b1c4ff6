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
use serde_json::{Value, json};

use fixtures::Fixtures;
use platform::Platform;

/// Beginnings of the ids of cases that wait, and for what.
const WAITING: &[(&str, &str)] = &[
    ("auth-019", "part 3: letter rates"),
    (
        "route-004",
        "part 3: a sending path that is asked for as if it were a message",
    ),
    ("file-001", "part 3: files by e-mail"),
    ("file-002", "part 3: files by e-mail"),
    ("file-003", "part 3: files by e-mail"),
    ("file-004", "part 3: files by e-mail"),
    ("file-005", "part 3: files by e-mail"),
    ("file-006", "part 3: files by e-mail"),
    ("file-007", "part 3: files by e-mail"),
    ("file-008", "part 3: files by e-mail"),
    ("file-009", "part 3: files by e-mail"),
    ("letter-", "part 3: letters from a template"),
    ("pdf-", "part 3: letters as PDF"),
    ("tmpl-", "part 3: templates"),
    ("prev-", "part 3: previews"),
    ("get-004", "part 3: how a letter is shown"),
    ("get-005", "part 3: how a letter is shown"),
    ("ret-", "part 6: returned letters"),
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

/// The list of templates comes with part 3; until then the cases about tokens and methods ask for the list of messages,
/// which the same keys may see.
fn with_a_route_that_exists(mut case: Case) -> Case {
    let is_about_callers = case.id.starts_with("auth-") || case.id.starts_with("route-");
    if is_about_callers && case.request.path == "/v2/templates" {
        "/v2/notifications".clone_into(&mut case.request.path);
        if case.expect.status == 200 {
            case.expect.json = Some(json!({"notifications": "$any", "links": "$any"}));
        }
    }
    case
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
    for case in cases().into_iter().map(with_a_route_that_exists) {
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
