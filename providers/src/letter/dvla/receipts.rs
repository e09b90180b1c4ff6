//! Delivery receipts of the DVLA's print service (`docs/spec/public-api.md` §22.3).

use domain::{NotificationId, Timestamp};
use serde_json::{Map, Value};

/// Values of `postageClass`.
pub const POSTAGE_CLASSES: [&str; 3] = ["1ST", "2ND", "INTERNATIONAL"];
/// Values of `mailingProduct`.
pub const MAILING_PRODUCTS: [&str; 8] = [
    "UNCODED",
    "MM UNSORTED",
    "UNSORTED",
    "MM",
    "INT EU",
    "INT ROW",
    "UNSORTEDE",
    "MM ECONOMY",
];
/// Values of `jobStatus`.
pub const JOB_STATUSES: [&str; 2] = ["DESPATCHED", "REJECTED"];

/// A receipt that passed the check of its schema.
#[derive(Debug)]
pub struct LetterReceipt<'a> {
    data: &'a Map<String, Value>,
    show: Show,
}

/// What a receipt reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LetterEvent {
    /// The letter was handed to the post.
    Despatched {
        /// Sheets of paper.
        sheets: u32,
        /// One of [`POSTAGE_CLASSES`].
        postage_class: String,
        /// One of [`MAILING_PRODUCTS`].
        mailing_product: String,
        /// When it was despatched.
        at: Timestamp,
    },
    /// The letter was not printed.
    Rejected,
}

/// Renders an offending value in an error message, in the style of the API that reports it.
pub type Show = fn(&Value) -> String;

impl<'a> LetterReceipt<'a> {
    /// Checks the schema of a receipt's body.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, in the order of the specification.
    pub fn parse(body: &'a Value, show: Show) -> Result<Self, Vec<String>> {
        Ok(Self {
            data: Schema { show }.check(body)?,
            show,
        })
    }

    /// Returns the letter that the receipt is about.
    pub fn letter(&self) -> Option<NotificationId> {
        job_id(self.data)
    }

    /// Returns what the receipt reports.
    ///
    /// # Errors
    ///
    /// What is missing or malformed although the schema allows it.
    pub fn event(&self) -> Result<LetterEvent, String> {
        let at = self.transition_date()?;
        if self.data["jobStatus"] == "REJECTED" {
            return Ok(LetterEvent::Rejected);
        }
        let sheets = self.property("totalSheets")?;
        let sheets = sheets.trim().parse().map_err(|_| {
            let shown = (self.show)(&sheets.into());
            format!("data totalSheets {shown} is not a number")
        })?;
        Ok(LetterEvent::Despatched {
            sheets,
            postage_class: self.property("postageClass")?.to_owned(),
            mailing_product: self.property("mailingProduct")?.to_owned(),
            at,
        })
    }

    /// Returns the value of a despatch property; of a repeated one the last.
    fn property(&self, name: &str) -> Result<&'a str, String> {
        let mut items = self.data["despatchProperties"]
            .as_array()
            .into_iter()
            .flatten();
        let last = items.rfind(|item| item["key"] == name);
        last.and_then(|item| item["value"].as_str())
            .ok_or_else(|| format!("data {name} is a required property"))
    }

    /// `transitionDate`, which must have whole seconds in UTC.
    fn transition_date(&self) -> Result<Timestamp, String> {
        let value = &self.data["transitionDate"];
        let text = value.as_str().unwrap_or_default();
        let at = (text.len() == "2026-03-03T09:00:00Z".len() && text.ends_with('Z'))
            .then(|| text.parse().ok())
            .flatten();
        at.ok_or_else(|| {
            let shown = (self.show)(value);
            format!("data transitionDate {shown} is not of the form YYYY-MM-DDTHH:MM:SSZ")
        })
    }
}

/// The schema of a receipt. Errors inside `data` and `metadata` name these, not the field.
struct Schema {
    show: Show,
}

impl Schema {
    /// Returns the `data` of a receipt, or everything that is wrong with the body.
    fn check<'a>(&self, body: &'a Value) -> Result<&'a Map<String, Value>, Vec<String>> {
        let Value::Object(members) = body else {
            return Err(vec![format!("{} is not of type object", (self.show)(body))]);
        };
        let mut errors = Vec::new();
        for key in ["specVersion", "type", "source", "id"] {
            errors.extend(members.get(key).and_then(|value| self.not_text(key, value)));
        }
        errors.extend(
            members
                .get("time")
                .and_then(|value| self.not_a_time("time", value)),
        );
        let kinds = ["application/json"];
        let kind = members.get("dataContentType");
        errors.extend(kind.and_then(|value| self.not_one_of("dataContentType", value, &kinds)));
        match members.get("data") {
            Some(Value::Object(data)) => errors.extend(self.check_data(data)),
            Some(other) => {
                errors.push(format!("data {} is not of type object", (self.show)(other)));
            }
            None => {}
        }
        errors.extend(
            members
                .get("metadata")
                .and_then(|value| self.check_metadata(value)),
        );
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

    fn check_metadata(&self, metadata: &Value) -> Option<String> {
        let Value::Object(members) = metadata else {
            return Some(format!(
                "metadata {} is not of type object",
                (self.show)(metadata)
            ));
        };
        match members.get("correlationId") {
            None => Some("metadata correlationId is a required property".to_owned()),
            Some(value) => self.not_text("metadata", value),
        }
    }

    fn check_data(&self, data: &Map<String, Value>) -> Vec<String> {
        let mut errors = Vec::new();
        if let Some(properties) = data.get("despatchProperties") {
            errors.extend(self.check_properties(properties));
        }
        if data.get("jobId").is_some() && job_id(data).is_none() {
            errors.push("data badly formed hexadecimal UUID string".to_owned());
        }
        let status = data.get("jobStatus");
        errors.extend(status.and_then(|value| self.not_one_of("data", value, &JOB_STATUSES)));
        let moment = data.get("transitionDate");
        errors.extend(moment.and_then(|value| self.not_a_time("data", value)));
        let mut required = vec!["jobId", "jobStatus", "transitionDate"];
        if status.is_none_or(|status| status == "DESPATCHED") {
            required.push("despatchProperties");
        }
        let missing = required.into_iter().filter(|key| !data.contains_key(*key));
        errors.extend(missing.map(|key| format!("data {key} is a required property")));
        errors
    }

    fn check_properties(&self, properties: &Value) -> Vec<String> {
        let all = (self.show)(properties);
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
            let item = (self.show)(item);
            format!("data {item} is not valid under any of the given schemas")
        }));
        errors
    }

    fn not_text(&self, key: &str, value: &Value) -> Option<String> {
        (!value.is_string()).then(|| format!("{key} {} is not of type string", (self.show)(value)))
    }

    fn not_one_of(&self, key: &str, value: &Value, allowed: &[&str]) -> Option<String> {
        let fits = value.as_str().is_some_and(|text| allowed.contains(&text));
        (!fits).then(|| {
            let (value, allowed) = ((self.show)(value), allowed.join(", "));
            format!("{key} {value} is not one of [{allowed}]")
        })
    }

    fn not_a_time(&self, key: &str, value: &Value) -> Option<String> {
        match value.as_str() {
            None => self.not_text(key, value),
            Some(text) if is_rfc_3339(text) => None,
            Some(_) => Some(format!("{key} {} is not a date-time", (self.show)(value))),
        }
    }
}

fn job_id(data: &Map<String, Value>) -> Option<NotificationId> {
    data.get("jobId")?.as_str()?.parse().ok()
}

fn is_property(item: &Value) -> bool {
    match (item["key"].as_str(), item["value"].as_str()) {
        (Some("postageClass"), Some(value)) => POSTAGE_CLASSES.contains(&value),
        (Some("mailingProduct"), Some(value)) => MAILING_PRODUCTS.contains(&value),
        (Some(_), Some(_)) => true,
        _ => false,
    }
}

/// Returns whether a text has a date, a time and an offset, each in full.
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

    /// As the public API renders values.
    fn show(value: &Value) -> String {
        if let Value::String(text) = value {
            return text.clone();
        }
        value
            .to_string()
            .replace('"', "")
            .replace(':', ": ")
            .replace(',', ", ")
    }

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
        match LetterReceipt::parse(&receipt, show) {
            Err(errors) => errors,
            Ok(receipt) => receipt.event().err().into_iter().collect(),
        }
    }

    #[test]
    fn a_valid_receipt_is_accepted() {
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

    /// `docs/spec/letters.md` §9: each value that the print provider documents, in any order, with keys that are ignored.
    #[test]
    fn every_documented_despatch_is_accepted() {
        let products = [
            "UNCODED",
            "MM UNSORTED",
            "UNSORTED",
            "MM",
            "INT EU",
            "INT ROW",
            "UNSORTEDE",
            "MM ECONOMY",
        ];
        for class in ["1ST", "2ND", "INTERNATIONAL"] {
            for product in products {
                let mut receipt = receipt();
                receipt["data"]["despatchProperties"] = json!([
                    {"key": "mailingProduct", "value": product},
                    {"key": "productCode", "value": "ignored"},
                    {"key": "postageClass", "value": class},
                    {"key": "totalSheets", "value": "5"},
                ]);
                let parsed = LetterReceipt::parse(&receipt, show).unwrap();
                let event = parsed.event().unwrap();
                let LetterEvent::Despatched {
                    sheets,
                    postage_class,
                    mailing_product,
                    ..
                } = event
                else {
                    panic!("{class} {product} is a despatch");
                };
                assert_eq!(
                    (sheets, &*postage_class, &*mailing_product),
                    (5, class, product)
                );
            }
        }
    }

    #[test]
    fn errors_name_the_field_and_inside_data_they_name_data() {
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
    fn the_three_despatch_properties_are_required() {
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
    fn the_transition_date_has_whole_seconds_in_utc() {
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
