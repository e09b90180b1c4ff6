//! `POST /notifications/letter/status` (`docs/spec/public-api.md` §22.3): what the print provider says of a letter, by
//! the URL that it was given with it.

use app::receipts::{self, LetterReceipt, LetterReceiptStatus};
use axum::{
    body::Body,
    extract::{RawQuery, State},
};
use domain::{NotificationId, Timestamp};
use http::StatusCode;
use serde_json::{Map, Value};

use crate::{Api, answer, problem::Problem, v2::shown};

pub(crate) const POSTAGE_CLASSES: [&str; 3] = ["1ST", "2ND", "INTERNATIONAL"];
pub(crate) const MAILING_PRODUCTS: [&str; 8] = [
    "UNCODED",
    "MM UNSORTED",
    "UNSORTED",
    "MM",
    "INT EU",
    "INT ROW",
    "UNSORTEDE",
    "MM ECONOMY",
];
pub(crate) const JOB_STATUSES: [&str; 2] = ["DESPATCHED", "REJECTED"];

/// `POST /notifications/letter/status?token=…`
pub(crate) async fn hear_letter(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
    body: Body,
) -> Result<StatusCode, Problem> {
    let letter = letter_of(&api, query.as_deref().unwrap_or_default())?;
    let body = answer::parse_v2(&answer::read_form(body).await?)?;
    let data = check(&body).map_err(Problem::validation)?;
    if job_id(data) != Some(letter) {
        return Err(another_letter());
    }
    let word = word(data).map_err(|message| Problem::validation(vec![message]))?;
    receipts::accept_letter_receipt(&api.app, &LetterReceipt { id: letter, word })
        .await
        .map_err(Problem::fault)?;
    Ok(StatusCode::NO_CONTENT)
}

fn invalid(status: StatusCode, message: &str) -> Problem {
    Problem::v2(status, "InvalidRequest", message)
}

fn letter_of(api: &Api, query: &str) -> Result<NotificationId, Problem> {
    let token = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "token");
    let letter = token.and_then(|(_, token)| receipts::read_letter_status_token(&api.app, &token));
    letter.ok_or_else(bad_token)
}

/// What is said to whoever has not got our link.
pub(crate) fn bad_token() -> Problem {
    invalid(
        StatusCode::FORBIDDEN,
        "A valid token must be provided in the query string",
    )
}

/// What is said where link and body are about different letters.
pub(crate) fn another_letter() -> Problem {
    invalid(
        StatusCode::BAD_REQUEST,
        "Notification ID in letter callback data does not match ID in token",
    )
}

fn job_id(data: &Map<String, Value>) -> Option<NotificationId> {
    data.get("jobId")?.as_str()?.parse().ok()
}

/// The `data` of a receipt, or everything that is wrong with it.
fn check(body: &Value) -> Result<&Map<String, Value>, Vec<String>> {
    let Value::Object(members) = body else {
        return Err(vec![format!("{} is not of type object", shown(body))]);
    };
    let mut errors = Vec::new();
    for key in ["specVersion", "type", "source", "id"] {
        errors.extend(members.get(key).and_then(|value| not_text(key, value)));
    }
    errors.extend(
        members
            .get("time")
            .and_then(|value| not_a_time("time", value)),
    );
    let kinds = ["application/json"];
    let kind = members.get("dataContentType");
    errors.extend(kind.and_then(|value| not_one_of("dataContentType", value, &kinds)));
    match members.get("data") {
        Some(Value::Object(data)) => errors.extend(check_data(data)),
        Some(other) => errors.push(format!("data {} is not of type object", shown(other))),
        None => {}
    }
    errors.extend(members.get("metadata").and_then(check_metadata));
    for key in ["id", "time", "data", "metadata"] {
        if !members.contains_key(key) {
            errors.push(format!("{key} is a required property"));
        }
    }
    match members.get("data") {
        Some(Value::Object(data)) if errors.is_empty() => Ok(data),
        _ => Err(errors),
    }
}

fn check_metadata(metadata: &Value) -> Option<String> {
    let Value::Object(members) = metadata else {
        return Some(format!(
            "metadata {} is not of type object",
            shown(metadata)
        ));
    };
    match members.get("correlationId") {
        None => Some("metadata correlationId is a required property".to_owned()),
        Some(value) => not_text("metadata", value),
    }
}

fn check_data(data: &Map<String, Value>) -> Vec<String> {
    let mut errors = Vec::new();
    if let Some(properties) = data.get("despatchProperties") {
        errors.extend(check_properties(properties));
    }
    if data.get("jobId").is_some() && job_id(data).is_none() {
        errors.push("data badly formed hexadecimal UUID string".to_owned());
    }
    let status = data.get("jobStatus");
    errors.extend(status.and_then(|value| not_one_of("data", value, &JOB_STATUSES)));
    let moment = data.get("transitionDate");
    errors.extend(moment.and_then(|value| not_a_time("data", value)));
    let mut required = vec!["jobId", "jobStatus", "transitionDate"];
    if status.is_none_or(|status| status == "DESPATCHED") {
        required.push("despatchProperties");
    }
    let missing = required.into_iter().filter(|key| !data.contains_key(*key));
    errors.extend(missing.map(|key| format!("data {key} is a required property")));
    errors
}

fn check_properties(properties: &Value) -> Vec<String> {
    let all = shown(properties);
    let Value::Array(items) = properties else {
        return vec![format!("data {all} is not of type array")];
    };
    let mut errors = Vec::new();
    if items.len() < 3 {
        errors.push(format!("data {all} is too short"));
    }
    let is_repeated = |(index, item): (usize, &Value)| items[..index].contains(item);
    if items.iter().enumerate().any(is_repeated) {
        errors.push(format!("data {all} has non-unique elements"));
    }
    let wrong = items.iter().filter(|item| !is_property(item));
    errors.extend(wrong.map(|item| {
        let item = shown(item);
        format!("data {item} is not valid under any of the given schemas")
    }));
    errors
}

fn is_property(item: &Value) -> bool {
    match (item["key"].as_str(), item["value"].as_str()) {
        (Some("postageClass"), Some(value)) => POSTAGE_CLASSES.contains(&value),
        (Some("mailingProduct"), Some(value)) => MAILING_PRODUCTS.contains(&value),
        (Some(_), Some(_)) => true,
        _ => false,
    }
}

/// What a checked receipt says; or what is missing although the reference's schema does not ask for it.
fn word(data: &Map<String, Value>) -> Result<LetterReceiptStatus, String> {
    let moment = transition(data)?;
    if data["jobStatus"] == "REJECTED" {
        return Ok(LetterReceiptStatus::Rejected);
    }
    let property = |name: &str| {
        let items = data["despatchProperties"].as_array().into_iter().flatten();
        let mut values = items.filter(|item| item["key"] == name);
        let last = values.next_back().and_then(|item| item["value"].as_str());
        last.ok_or_else(|| format!("data {name} is a required property"))
    };
    let sheets = property("totalSheets")?;
    let sheets = sheets
        .trim()
        .parse()
        .map_err(|_| format!("data totalSheets {} is not a number", shown(&sheets.into())))?;
    Ok(LetterReceiptStatus::despatched(
        sheets,
        property("postageClass")?,
        property("mailingProduct")?,
        moment,
    ))
}

/// `transitionDate`, which has whole seconds in UTC.
fn transition(data: &Map<String, Value>) -> Result<Timestamp, String> {
    let value = &data["transitionDate"];
    let text = value.as_str().unwrap_or_default();
    let moment = (text.len() == "2026-03-03T09:00:00Z".len() && text.ends_with('Z'))
        .then(|| text.parse().ok())
        .flatten();
    moment.ok_or_else(|| {
        let value = shown(value);
        format!("data transitionDate {value} is not of the form YYYY-MM-DDTHH:MM:SSZ")
    })
}

fn not_text(key: &str, value: &Value) -> Option<String> {
    (!value.is_string()).then(|| format!("{key} {} is not of type string", shown(value)))
}

fn not_one_of(key: &str, value: &Value, allowed: &[&str]) -> Option<String> {
    let fits = value.as_str().is_some_and(|text| allowed.contains(&text));
    (!fits).then(|| {
        let (value, allowed) = (shown(value), allowed.join(", "));
        format!("{key} {value} is not one of [{allowed}]")
    })
}

fn not_a_time(key: &str, value: &Value) -> Option<String> {
    match value.as_str() {
        None => not_text(key, value),
        Some(text) if is_rfc_3339(text) => None,
        Some(_) => Some(format!("{key} {} is not a date-time", shown(value))),
    }
}

/// A date, a time and an offset, each in full.
fn is_rfc_3339(text: &str) -> bool {
    let shape: String = text
        .chars()
        .map(|character| match character {
            '0'..='9' => 'd',
            't' => 'T',
            'z' => 'Z',
            '-' | '+' => '-',
            other => other,
        })
        .collect();
    let Some(rest) = shape.strip_prefix("dddd-dd-ddTdd:dd:dd") else {
        return false;
    };
    let offset = match rest.strip_prefix(".d") {
        Some(fraction) => fraction.trim_start_matches('d'),
        None => rest,
    };
    ["Z", "-dd:dd"].contains(&offset) && text.to_uppercase().parse::<Timestamp>().is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn receipt() -> Value {
        json!({
            "id": "1", "time": "2026-03-03T10:00:00.5+01:00", "metadata": {"correlationId": "c"},
            "data": {
                "jobId": "22222222-0000-4000-8000-000000000001", "jobStatus": "DESPATCHED",
                "transitionDate": "2026-03-03T09:00:00Z",
                "despatchProperties": [
                    {"key": "totalSheets", "value": "2"}, {"key": "postageClass", "value": "2ND"},
                    {"key": "mailingProduct", "value": "MM"},
                ],
            },
        })
    }

    fn wrong(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut receipt = receipt();
        change(&mut receipt);
        match check(&receipt) {
            Err(errors) => errors,
            Ok(data) => word(data).err().into_iter().collect(),
        }
    }

    #[test]
    fn a_good_receipt_reads() {
        assert_eq!(wrong(|_| {}), Vec::<String>::new());
        let rejected = wrong(|receipt| {
            receipt["data"]["jobStatus"] = json!("REJECTED");
            receipt["data"]
                .as_object_mut()
                .unwrap()
                .remove("despatchProperties");
        });
        assert_eq!(rejected, Vec::<String>::new());
    }

    #[test]
    fn what_is_wrong_is_said_and_what_is_wrong_inside_names_data() {
        let data =
            |key: &'static str, value: Value| wrong(move |receipt| receipt["data"][key] = value);
        assert_eq!(
            wrong(|receipt| receipt["time"] = json!("now")),
            ["time now is not a date-time"]
        );
        assert_eq!(
            wrong(|receipt| receipt["id"] = json!(1)),
            ["id 1 is not of type string"]
        );
        assert_eq!(
            wrong(|receipt| receipt["metadata"] = json!({})),
            ["metadata correlationId is a required property"]
        );
        assert_eq!(
            data("jobId", json!("x")),
            ["data badly formed hexadecimal UUID string"]
        );
        assert_eq!(
            data("jobStatus", json!("LOST")),
            ["data LOST is not one of [DESPATCHED, REJECTED]"]
        );
        assert_eq!(
            data("despatchProperties", json!([{"key": "a", "value": "b"}])),
            ["data [{key: a, value: b}] is too short"]
        );
    }

    #[test]
    fn the_three_properties_are_asked_for_by_name_and_value() {
        let with = |index: usize, property: Value| {
            wrong(move |receipt| receipt["data"]["despatchProperties"][index] = property)
        };
        assert_eq!(
            with(2, json!({"key": "mailingProduct", "value": "X"})),
            ["data {key: mailingProduct, value: X} is not valid under any of the given schemas"]
        );
        assert_eq!(
            with(0, json!({"key": "other", "value": "2"})),
            ["data totalSheets is a required property"]
        );
        assert_eq!(
            with(0, json!({"key": "totalSheets", "value": "two"})),
            ["data totalSheets two is not a number"]
        );
        assert!(
            with(1, json!({"key": "totalSheets", "value": "2"}))[0]
                .ends_with("has non-unique elements")
        );
    }

    #[test]
    fn a_despatch_has_whole_seconds_in_utc() {
        for time in ["2026-03-03T09:00:00.5Z", "2026-03-03T09:00:00+01:00"] {
            let errors = wrong(|receipt| receipt["data"]["transitionDate"] = json!(time));
            assert_eq!(
                errors,
                [format!(
                    "data transitionDate {time} is not of the form YYYY-MM-DDTHH:MM:SSZ"
                )]
            );
        }
    }
}
