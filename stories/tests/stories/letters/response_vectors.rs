//! Runs `vectors/letter_response_files.jsonl` through the real path: a file in a directory, its announcement over HTTP, both
//! tasks, to the stored statuses, the daily counts and the lines of the log (`docs/spec/letters.md` §18).

use std::{collections::BTreeMap, path::Path, sync::Arc};

use domain::{Clock as _, KeyType, Lane, NotificationId, NotificationStatus, ServiceId, TaskId};
use pillarbox_stories::World;
use providers::letter::ResponseDirectory;
use queue::{Enqueue as _, NewTask};
use regex::Regex;
use serde_json::{Value, json};
use store::daily_sorted_letters::{self, DailySortedLetter};
use uuid::Uuid;

use super::{Printed, announce, insert_printed};
use crate::{captured_log::CapturedLog, contract::vector_file};

const STATUSES: &str = "update-letter-notifications-statuses";
const COUNTS: &str = "record-daily-sorted-counts";

#[tokio::test]
async fn every_response_file_of_the_vectors_has_the_expected_outcome() {
    let Some(path) = vector_file("letter_response_files.jsonl") else {
        println!("letter_response_files is not among these vectors");
        return;
    };
    let text = std::fs::read_to_string(path).unwrap();
    let (mut tried, mut wrong) = (0, Vec::new());
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let case: Value = serde_json::from_str(line).unwrap();
        tried += 1;
        let found = try_case(&case).await;
        for (key, expected) in case["expect"].as_object().unwrap() {
            if !same(key, &found[key], expected) {
                wrong.push(format!(
                    "{}: {key} is {}, not {expected}",
                    case["id"], found[key]
                ));
            }
        }
    }
    assert!(tried > 0, "there is no case among the vectors");
    println!(
        "letter_response_files {tried} tried, {} differences",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Compares what a case came to. Errors are compared field by field, because some are given by a part of their message.
fn same(key: &str, found: &Value, expected: &Value) -> bool {
    if key != "errors" {
        return found == expected;
    }
    let (found, expected) = (found.as_array().unwrap(), expected.as_array().unwrap());
    found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, expected)| {
            let expected = expected.as_object().unwrap();
            expected.iter().all(|(key, value)| match key.as_str() {
                "message_contains" => {
                    let message = found["message"].as_str().unwrap();
                    message.contains(value.as_str().unwrap())
                }
                key => found[key] == *value,
            })
        })
}

async fn try_case(case: &Value) -> Value {
    let input = &case["input"];
    let place = tempfile::tempdir().unwrap();
    let files = ResponseDirectory::new(place.path()).without_waiting();
    let world = World::with(|_, providers| providers.response_files = vec![Arc::new(files)]).await;
    let service = world.service("Riverside Council").await;
    let mut letters = BTreeMap::new();
    for before in input["notifications"].as_array().unwrap() {
        let reference = before["reference"].as_str().unwrap();
        let id = letter(&world, (service.id, service.sms), before).await;
        letters.insert(reference, id);
    }
    let today = input["daily_counts"].as_array();
    store_counts(&world, today.map(Vec::as_slice).unwrap_or_default()).await;
    let earlier = input["earlier_files"].as_array();
    for file in earlier.map(Vec::as_slice).unwrap_or_default() {
        deliver(&world, place.path(), file, &Value::Null).await;
    }
    let deliveries = input["deliveries"].as_u64().unwrap_or(1);
    for _ in 1..deliveries {
        deliver(&world, place.path(), input, &input["tasks"]).await;
    }
    let log = CapturedLog::start();
    let is_triggered = deliver(&world, place.path(), input, &input["tasks"]).await;
    let lines = log.messages();
    drop(log);

    let mut found = outcome(&world, &letters).await;
    let errors = errors(&lines);
    let counted = is_triggered
        && runs(&input["tasks"], COUNTS)
        && errors.iter().all(|error| error["task"] != COUNTS);
    let rows = found["daily_counts"].as_array().unwrap().clone();
    let row = rows
        .iter()
        .find(|row| counted && row["file_name"] == input["filename"]);
    for key in ["billing_day", "sorted_count", "unsorted_count"] {
        found[key] = row.map_or(Value::Null, |row| row[key].clone());
    }
    found["triggered"] = json!(is_triggered);
    found["errors"] = errors.into();
    found["warnings"] = warnings(&lines, &letters).into();
    found
}

async fn letter(
    world: &World,
    of: (ServiceId, domain::TemplateId),
    before: &Value,
) -> NotificationId {
    let key_type: KeyType = before["key_type"].as_str().unwrap().parse().unwrap();
    let status: NotificationStatus = before["status"].as_str().unwrap().parse().unwrap();
    let printed = Printed {
        reference: before["reference"].as_str().unwrap(),
        status,
        sheets: u32::try_from(before["billable_units"].as_u64().unwrap()).unwrap(),
        key_type,
        is_archived: before["table"] == "history",
    };
    insert_printed(world, of, &printed).await
}

async fn store_counts(world: &World, rows: &[Value]) {
    let mut tx = world.app.store().write().await.unwrap();
    for row in rows {
        let number = |key: &str| u32::try_from(row[key].as_u64().unwrap()).unwrap();
        let day: jiff::civil::Date = row["billing_day"].as_str().unwrap().parse().unwrap();
        let counts = DailySortedLetter {
            billing_day: day_number(day),
            file_name: row["file_name"].as_str().unwrap().to_owned(),
            sorted_count: number("sorted_count"),
            unsorted_count: number("unsorted_count"),
            updated_at: None,
        };
        let id = TaskId::generate(world.clock.now(), world.app.random()).as_uuid();
        daily_sorted_letters::upsert(&mut tx, id, &counts, world.clock.now())
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
}

/// Puts a file into its place, announces it, and runs its tasks; or only those tasks that the case names. Returns whether the
/// announcement led to any.
async fn deliver(world: &World, place: &Path, file: &Value, only: &Value) -> bool {
    let key = file["filename"].as_str().unwrap();
    let path = place.join(key);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, file["content"].as_str().unwrap()).unwrap();
    if only.is_null() {
        announce(world, key).await;
        return world.run_tasks().await > 0;
    }
    let kinds = [
        (STATUSES, "update-letter-notifications-statuses.v1"),
        (COUNTS, "record-daily-sorted-counts.v1"),
    ];
    let chosen = kinds.into_iter().filter(|(task, _)| runs(only, task));
    let now = world.clock.now();
    let task = |(_, kind)| NewTask {
        id: TaskId::generate(now, world.app.random()),
        pool: "notify-internal-tasks",
        lane: Lane::Normal,
        service_id: Uuid::nil().into(),
        kind,
        payload: json!({"file": key}).to_string(),
        subjects: None,
        attempt: 0,
        ready_at: now,
        created_at: now,
    };
    let mut tx = world.app.store().write().await.unwrap();
    tx.enqueue(chosen.map(task).collect()).await.unwrap();
    tx.commit().await.unwrap();
    world.run_tasks().await > 0
}

fn runs(only: &Value, task: &str) -> bool {
    let only = only.as_array();
    only.is_none_or(|only| only.iter().any(|one| one == task))
}

/// Reads the letters and counts from the database.
async fn outcome(world: &World, letters: &BTreeMap<&str, NotificationId>) -> Value {
    let (mut statuses, mut units) = (json!({}), json!({}));
    for (reference, id) in letters {
        let mut tx = world.app.store().write().await.unwrap();
        let letter = store::printed_letters::lock_by_id(&mut tx, *id).await;
        let letter = letter.unwrap().unwrap();
        statuses[reference] = json!(letter.status.as_str());
        units[reference] = json!(letter.billable_units);
    }
    let mut session = world.app.read().await.unwrap();
    let counts = daily_sorted_letters::list(&mut session, i64::MIN, i64::MAX).await;
    let counts: Vec<Value> = counts
        .unwrap()
        .iter()
        .map(|row| {
            json!({
                "file_name": row.file_name,
                "billing_day": (DAY_ZERO + jiff::Span::new().days(row.billing_day)).to_string(),
                "sorted_count": row.sorted_count,
                "unsorted_count": row.unsorted_count,
            })
        })
        .collect();
    json!({"statuses": statuses, "billable_units": units, "daily_counts": counts})
}

const DAY_ZERO: jiff::civil::Date = jiff::civil::Date::constant(1970, 1, 1);

fn day_number(day: jiff::civil::Date) -> i64 {
    DAY_ZERO.until(day).unwrap().get_days().into()
}

/// Reads the failures of tasks from the log.
fn errors(lines: &[String]) -> Vec<Value> {
    let failure = Regex::new(r"^Celery task (\S+) \(queue: notify-internal-tasks\) failed after [0-9.]+: (DVLA response file: .*)$")
        .unwrap();
    let mut errors: Vec<Value> = lines
        .iter()
        .filter_map(|line| failure.captures(line))
        .map(|found| error(&found[1], &found[2]))
        .collect();
    // In the order of the specification, whichever task ran first.
    errors.sort_by_key(|error| error["task"] == COUNTS);
    errors
}

fn error(task: &str, message: &str) -> Value {
    let (kind, list, name) = if let Some((_, list)) =
        message.split_once(" has failed letters with notification.reference ")
    {
        ("failed_letters", list.to_owned(), "references")
    } else if let Some((_, list)) = message.split_once(" contains unknown Sorted status ") {
        let list = list.trim_start_matches('{').trim_end_matches('}');
        ("unknown_sorted_status", format!("[{list}]"), "values")
    } else if message.ends_with(" has an invalid format") {
        ("invalid_format", "null".to_owned(), "none")
    } else {
        ("bad_filename", "null".to_owned(), "none")
    };
    let list: Value = serde_json::from_str(&list).unwrap();
    json!({"task": task, "kind": kind, "message": message, name: list})
}

/// Reads what was logged about single lines.
fn warnings(lines: &[String], letters: &BTreeMap<&str, NotificationId>) -> Vec<Value> {
    let sheets = Regex::new(
        r"^Notification with id (\S+) has (\d+) billable_units but DVLA says page count is (-?\d+)$",
    )
    .unwrap();
    let unknown = Regex::new(
        r"^Update letter notification file .* failed: notification either not found or already updated from delivered\. Status \S+ for notification reference (.*)$",
    )
    .unwrap();
    let count =
        Regex::new(r#"the page count (".*") for notification reference (.*) is not a number$"#)
            .unwrap();
    let number = |text: &str| text.parse::<i64>().unwrap();
    let warning = |line: &String| {
        if let Some(found) = sheets.captures(line) {
            let id: NotificationId = found[1].parse().unwrap();
            let reference = letters.iter().find(|(_, letter)| **letter == id).unwrap().0;
            return Some(json!({
                "kind": "billable_units_mismatch", "reference": reference,
                "ours": number(&found[2]), "theirs": number(&found[3]),
            }));
        }
        if let Some(found) = unknown.captures(line) {
            return Some(json!({"kind": "unknown_reference", "reference": &found[1]}));
        }
        let found = count.captures(line)?;
        let value: Value = serde_json::from_str(&found[1]).unwrap();
        Some(json!({"kind": "invalid_page_count", "reference": &found[2], "value": value}))
    };
    lines.iter().filter_map(warning).collect()
}
