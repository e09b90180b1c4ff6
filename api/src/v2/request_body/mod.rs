//! Parses and checks the JSON bodies of the public API, in the words and the order of the contract
//! (`docs/spec/public-api.md` §5.2, §5.3).
//!
//! [`request_body!`] declares a body once: the struct that handlers get, the check that fills it, and the [`Schema`] that
//! the OpenAPI document is made from.

mod kinds;

use domain::Timestamp;
use serde_json::{Map, Value};
use text::exact_number_of;

use crate::problem::{Problem, display_value, unexpected_keys};

pub(crate) use kinds::{
    Email, Given, HttpsUrl, Id, InlandPostage, List, Object, Phone, ScheduledFor, Text, Time,
};

/// Declares the body of a request: keys in the order in which errors name them; those of type `Option` may be missing.
macro_rules! request_body {
    ($(#[$meta:meta])* $name:ident { $($key:ident: $kind:ty,)+ }) => {
        $(#[$meta])*
        pub(crate) struct $name {
            $(pub(super) $key: <$kind as $crate::v2::request_body::Member>::Value,)+
        }

        impl $name {
            pub(crate) const SCHEMA: $crate::v2::request_body::Schema = &[
                $($crate::v2::request_body::Key::of::<$kind>(stringify!($key)),)+
            ];

            /// Parses a body, or returns everything that is wrong with it.
            pub(super) fn parse(
                body: serde_json::Value,
                now: domain::Timestamp,
            ) -> Result<Self, $crate::problem::Problem> {
                let mut members = $crate::v2::request_body::Members::of(body, now)?;
                $(let $key = members.take::<$kind>(stringify!($key));)+
                members.finish(|| Some(Self { $($key: $key?,)+ }))
            }
        }
    };
}
pub(super) use request_body;

/// The keys of a body in the order in which errors name them.
pub(crate) type Schema = &'static [Key];

/// A key of a body.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) required: bool,
}

impl Key {
    pub(crate) const fn of<M: Member>(name: &'static str) -> Self {
        Self {
            name,
            shape: M::SHAPE,
            required: M::REQUIRED,
        }
    }
}

/// What a value must be, for the OpenAPI document.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// Text of at most so many characters.
    Text(usize),
    Phone,
    Email,
    Uuid,
    Object,
    /// A time at most 24 hours ahead, or null.
    ScheduledFor,
    /// A time, or null.
    Time,
    HttpsUrl,
    /// An array, or null.
    List,
    InlandPostage,
}

/// The postage classes inside the United Kingdom.
pub(crate) const INLAND_POSTAGE: [&str; 3] = ["first", "second", "economy"];

/// A type of value in a body.
pub(crate) trait Kind {
    type Value;
    const SHAPE: Shape;

    /// Parses a value; null may count as a missing one. Errors are complete sentences of the contract.
    fn parse(key: &str, value: Value, now: Timestamp) -> Result<Option<Self::Value>, String>;
}

/// A key of a body: a [`Kind`], or an `Option` of one if it may be missing.
pub(crate) trait Member {
    type Value;
    const SHAPE: Shape;
    const REQUIRED: bool;

    /// Parses the value, if there is one. Returns nothing if it is required and missing.
    fn parse(
        key: &str,
        value: Option<Value>,
        now: Timestamp,
    ) -> Result<Option<Self::Value>, String>;
}

impl<K: Kind> Member for K {
    type Value = K::Value;
    const SHAPE: Shape = K::SHAPE;
    const REQUIRED: bool = true;

    fn parse(key: &str, value: Option<Value>, now: Timestamp) -> Result<Option<K::Value>, String> {
        value.map_or(Ok(None), |value| K::parse(key, value, now))
    }
}

impl<K: Kind> Member for Option<K> {
    type Value = Option<K::Value>;
    const SHAPE: Shape = K::SHAPE;
    const REQUIRED: bool = false;

    fn parse(
        key: &str,
        value: Option<Value>,
        now: Timestamp,
    ) -> Result<Option<Self::Value>, String> {
        value
            .map_or(Ok(None), |value| K::parse(key, value, now))
            .map(Some)
    }
}

/// The keys of a body while it is parsed; collects everything that is wrong with it.
pub(super) struct Members {
    values: Map<String, Value>,
    now: Timestamp,
    invalid: Vec<String>,
    missing: Vec<String>,
}

impl Members {
    pub(super) fn of(body: Value, now: Timestamp) -> Result<Self, Problem> {
        match body {
            // A number of many digits is represented as an object, and is none.
            Value::Object(members) if exact_number_of(&members).is_none() => Ok(Self {
                values: members,
                now,
                invalid: Vec::new(),
                missing: Vec::new(),
            }),
            other => {
                let message = format!("{} is not of type object", display_value(&other));
                Err(Problem::validation(vec![message]))
            }
        }
    }

    /// Parses the value of a key. Returns nothing if it is invalid, or required and missing; [`Self::finish`] says so.
    pub(super) fn take<M: Member>(&mut self, key: &str) -> Option<M::Value> {
        // Removed, so that what is left at the end are the unknown keys.
        let value = self.values.remove(key);
        if value.is_none() && M::REQUIRED {
            self.missing.push(missing_key(key));
        }
        M::parse(key, value, self.now).unwrap_or_else(|error| {
            self.invalid.push(error);
            None
        })
    }

    /// Returns the body that `build` makes, or all errors: invalid values, then missing keys, then unknown ones.
    pub(super) fn finish<T>(self, build: impl FnOnce() -> Option<T>) -> Result<T, Problem> {
        let mut unknown: Vec<&String> = self.values.keys().collect();
        // By code point: `docs/spec/public-api.md` §5.3.
        unknown.sort();
        let names: Vec<String> = unknown
            .into_iter()
            .map(|name| display_value(&Value::from(name.as_str())))
            .collect();
        let mut errors = self.invalid;
        errors.extend(self.missing);
        errors.extend(unexpected_keys(&names));
        if errors.is_empty()
            && let Some(body) = build()
        {
            return Ok(body);
        }
        Err(Problem::validation(errors))
    }
}

/// Returns the text about a key that is required and missing.
pub(crate) fn missing_key(key: &str) -> String {
    format!("{key} is a required property")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    request_body! {
        #[expect(dead_code, reason = "only errors are looked at")]
        Example {
            reference: Option<Text<5>>,
            template_id: Id<domain::TemplateId>,
            personalisation: Option<Object>,
            when: Option<ScheduledFor>,
            url: Option<HttpsUrl>,
        }
    }

    fn messages(body: Value) -> Vec<String> {
        let now = "2026-03-02T10:00:00Z".parse().unwrap();
        let Err(problem) = Example::parse(body, now) else {
            return Vec::new();
        };
        let entries = problem.entries().iter();
        entries.map(|entry| entry.message.clone()).collect()
    }

    #[test]
    fn a_key_may_be_missing_if_its_type_is_an_option() {
        let required = Example::SCHEMA.iter().filter(|key| key.required);
        let names: Vec<&str> = required.map(|key| key.name).collect();
        assert_eq!(names, ["template_id"]);
    }

    #[test]
    fn every_error_is_listed_in_the_order_of_the_schema() {
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
    fn the_offset_of_a_time_is_ignored() {
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
