//! Checking the shape of a request and saying what is wrong with it, in the words and the order of the contract
//! (`docs/spec/public-api.md` §5.2, §5.3).

use domain::{Timestamp, parse_uuid};
use recipients::{
    email_addresses::EmailAddress,
    phone_numbers::{Permissions, PhoneNumber},
};
use serde_json::{Map, Value};
use text::{exact_number, exact_number_of, python_repr};

use super::{https_urls::is_https_url, iso_times::civil_time};
use crate::problem::Problem;

/// What a key's value must be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// Text of at most so many characters.
    Text(usize),
    /// A phone number, as if the service could send anywhere.
    Phone,
    /// An e-mail address.
    Email,
    /// A UUID in any accepted spelling.
    Uuid,
    /// An object.
    Object,
    /// A time at most 24 hours ahead, or null.
    ScheduledFor,
    /// A time, or null. Whether it may be that one is for others to say.
    Time,
    /// A URL that begins with https.
    HttpsUrl,
    /// An array, or null.
    List,
    /// A way for a letter inside the United Kingdom.
    Postage,
}

/// The ways for a letter inside the United Kingdom.
pub(crate) const INLAND_POSTAGE: [&str; 3] = ["first", "second", "economy"];

/// A request's keys in the order in which errors name them, and those that must be there.
pub(crate) struct Schema {
    pub(crate) keys: &'static [(&'static str, Shape)],
    pub(crate) required: &'static [&'static str],
}

impl Schema {
    /// The request as an object, or everything that is wrong with it.
    pub(crate) fn check(&self, body: Value, now: Timestamp) -> Result<Map<String, Value>, Problem> {
        let members = match body {
            Value::Object(members) if exact_number_of(&members).is_none() => members,
            other => {
                let message = format!("{} is not of type object", shown(&other));
                return Err(Problem::validation(vec![message]));
            }
        };
        let mut errors = Vec::new();
        for (key, shape) in self.keys {
            if let Some(value) = members.get(*key) {
                errors.extend(shape.fault(key, value, now));
            }
        }
        let missing = self
            .required
            .iter()
            .filter(|key| !members.contains_key(**key));
        errors.extend(missing.map(|key| format!("{key} is a required property")));
        errors.extend(self.unknown(&members));
        if errors.is_empty() {
            Ok(members)
        } else {
            Err(Problem::validation(errors))
        }
    }

    fn unknown(&self, members: &Map<String, Value>) -> Option<String> {
        let is_known = |name: &str| self.keys.iter().any(|(key, _)| *key == name);
        let mut unknown: Vec<&String> = members.keys().filter(|name| !is_known(name)).collect();
        unknown.sort();
        let names: Vec<String> = unknown
            .into_iter()
            .map(|name| shown(&Value::from(name.as_str())))
            .collect();
        unexpected(&names)
    }
}

/// The text about keys that should not be there.
pub(super) fn unexpected(names: &[String]) -> Option<String> {
    let verb = match names.len() {
        0 => return None,
        1 => "was",
        _ => "were",
    };
    Some(format!(
        "Additional properties are not allowed ({} {verb} unexpected)",
        names.join(", ")
    ))
}

/// A value as an error shows it: as Python writes it, without any apostrophe.
pub(crate) fn shown(value: &Value) -> String {
    python_repr(value).replace('\'', "")
}

impl Shape {
    /// What is wrong with the value, if anything is.
    fn fault(self, key: &str, value: &Value, now: Timestamp) -> Option<String> {
        let not_of_type =
            |expected: &str| Some(format!("{key} {} is not of type {expected}", shown(value)));
        match (self, value) {
            // Characters are counted only where the bytes leave a doubt: a letter's pages are long.
            (Self::Text(limit), Value::String(text)) => (text.len() > limit
                && text.chars().count() > limit)
                .then(|| format!("{key} {} is too long", shown(value))),
            (Self::Phone, Value::String(text)) => phone_fault(text),
            (Self::Email, Value::String(text)) => EmailAddress::parse(text)
                .err()
                .map(|_| format!("{key} Not a valid email address")),
            (Self::Postage, Value::String(text)) => {
                let fits = INLAND_POSTAGE.contains(&text.as_str());
                (!fits)
                    .then(|| format!("{key} invalid. It must be either first, second or economy."))
            }
            (Self::Text(_) | Self::Phone | Self::Email | Self::Postage, _) => not_of_type("string"),
            (Self::Uuid, value) => {
                let fits = value.as_str().is_some_and(|text| parse_uuid(text).is_ok());
                (!fits).then(|| format!("{key} is not a valid UUID"))
            }
            (Self::Object, value) => {
                if value.is_object() && exact_number(value).is_none() {
                    None
                } else {
                    not_of_type("object")
                }
            }
            (Self::HttpsUrl, value) => {
                let fits = value.as_str().is_some_and(is_https_url);
                (!fits).then(|| format!("{key} is not a valid https url"))
            }
            (Self::List, value) => {
                if value.is_array() || value.is_null() {
                    None
                } else {
                    not_of_type("array, null")
                }
            }
            (Self::Time, Value::String(text)) => text
                .parse::<Timestamp>()
                .err()
                .map(|_| format!("{key} {NOT_A_TIME}")),
            (Self::ScheduledFor | Self::Time, Value::Null) => None,
            (Self::ScheduledFor, Value::String(text)) => {
                scheduled_fault(text, now).map(|fault| format!("{key} {fault}"))
            }
            (Self::ScheduledFor | Self::Time, _) => not_of_type("string, null"),
        }
    }
}

fn phone_fault(text: &str) -> Option<String> {
    let anywhere = Permissions {
        international: true,
        uk_landline: true,
    };
    let checked = PhoneNumber::parse(text).and_then(|number| number.check(anywhere));
    checked
        .err()
        .map(|error| format!("phone_number {}", error.legacy_message()))
}

const NOT_A_TIME: &str = "datetime format is invalid. It must be a valid ISO8601 date time format, \
                          https://en.wikipedia.org/wiki/ISO_8601";

/// The offset is dropped, not converted; the rest is compared with UTC (`docs/spec/public-api.md` §5.6).
fn scheduled_fault(text: &str, now: Timestamp) -> Option<&'static str> {
    let Some(time) = civil_time(text) else {
        return Some(NOT_A_TIME);
    };
    if time < now {
        return Some("datetime can not be in the past");
    }
    let day = std::time::Duration::from_hours(24);
    (time > now.plus(day)).then_some("datetime can only be 24 hours in the future")
}

/// The keys of a checked request, taken out one by one.
pub(super) struct Members(pub(super) Map<String, Value>);

impl Members {
    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        match self.0.remove(key) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn object(&mut self, key: &str) -> Map<String, Value> {
        match self.0.remove(key) {
            Some(Value::Object(members)) => members,
            _ => Map::new(),
        }
    }

    /// An id, with the text it was given as.
    pub(super) fn id<T: std::str::FromStr>(&mut self, key: &str) -> Option<(T, String)> {
        let text = self.text(key)?;
        text.parse().ok().map(|id| (id, text))
    }

    pub(super) fn items(&mut self, key: &str) -> Vec<Value> {
        match self.0.remove(key) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SCHEMA: Schema = Schema {
        keys: &[
            ("reference", Shape::Text(5)),
            ("template_id", Shape::Uuid),
            ("personalisation", Shape::Object),
            ("when", Shape::ScheduledFor),
            ("url", Shape::HttpsUrl),
        ],
        required: &["template_id"],
    };

    fn messages(body: Value) -> Vec<String> {
        let now = "2026-03-02T10:00:00Z".parse().unwrap();
        let problem = match SCHEMA.check(body, now) {
            Ok(_) => return Vec::new(),
            Err(problem) => serde_json::to_value(problem.entries()).unwrap(),
        };
        problem
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["message"].as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn everything_that_is_wrong_is_said_in_the_order_of_the_schema() {
        let body =
            json!({"oclock's": 1, "a": 2, "personalisation": [1, "it's"], "reference": "too long"});
        assert_eq!(
            messages(body),
            [
                "reference too long is too long",
                "personalisation [1, \"its\"] is not of type object",
                "template_id is a required property",
                "Additional properties are not allowed (a, \"oclocks\" were unexpected)",
            ]
        );
    }

    #[test]
    fn a_time_is_looked_at_without_its_offset() {
        let id = "22222222-0000-4000-8000-000000000001";
        let with = |when: &str| messages(json!({"template_id": id, "when": when}));
        assert!(with("2026-03-02T11:00:00+05:00").is_empty());
        assert_eq!(
            with("2026-03-02T09:00:00-05:00"),
            ["when datetime can not be in the past"]
        );
        assert_eq!(
            with("2026-03-04 09:00:00"),
            ["when datetime can only be 24 hours in the future"]
        );
        assert!(with("tomorrow")[0].contains("format is invalid"));
    }
}
