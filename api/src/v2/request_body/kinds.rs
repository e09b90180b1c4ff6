use domain::{Postage, Timestamp};
use recipients::{
    email_addresses::EmailAddress,
    phone_numbers::{Permissions, PhoneNumber},
};
use serde_json::{Map, Value};
use text::exact_number;

use super::{INLAND_POSTAGE, Kind, Shape};
use crate::{
    problem::display_value,
    v2::{https_urls::is_https_url, iso_times::civil_time},
};

fn not_of_type(key: &str, value: &Value, expected: &str) -> String {
    format!("{key} {} is not of type {expected}", display_value(value))
}

fn text(key: &str, value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(not_of_type(key, &other, "string")),
    }
}

/// Text of at most `MAX` characters.
pub(crate) struct Text<const MAX: usize>;

impl<const MAX: usize> Kind for Text<MAX> {
    type Value = String;
    const SHAPE: Shape = Shape::Text(MAX);

    fn parse(key: &str, value: Value, _: Timestamp) -> Result<Option<String>, String> {
        let text = text(key, value)?;
        // Count characters only if the bytes leave a doubt: the pages of a letter are megabytes of base64.
        if text.len() > MAX && text.chars().count() > MAX {
            return Err(format!("{key} {} is too long", display_value(&text.into())));
        }
        Ok(Some(text))
    }
}

/// A value beside the text that the request gave for it.
pub(crate) struct Given<T> {
    pub(in crate::v2) value: T,
    pub(in crate::v2) as_given: String,
}

impl<T> Given<T> {
    pub(in crate::v2) fn into_pair(self) -> (T, String) {
        (self.value, self.as_given)
    }
}

/// A phone number, checked as if the service could send anywhere.
pub(crate) struct Phone;

impl Kind for Phone {
    type Value = Given<PhoneNumber>;
    const SHAPE: Shape = Shape::Phone;

    fn parse(key: &str, value: Value, _: Timestamp) -> Result<Option<Self::Value>, String> {
        let as_given = text(key, value)?;
        // What this service may send to is checked later, after template and sender (`docs/spec/public-api.md` §5.5,
        // §12.2).
        let anywhere = Permissions {
            international: true,
            uk_landline: true,
        };
        let parsed = PhoneNumber::parse_recipient(&as_given)
            .and_then(|number| number.check(anywhere).map(|()| number));
        match parsed {
            Ok(value) => Ok(Some(Given { value, as_given })),
            Err(error) => Err(format!("phone_number {}", error.legacy_message())),
        }
    }
}

/// An e-mail address.
pub(crate) struct Email;

impl Kind for Email {
    type Value = Given<EmailAddress>;
    const SHAPE: Shape = Shape::Email;

    fn parse(key: &str, value: Value, _: Timestamp) -> Result<Option<Self::Value>, String> {
        let as_given = text(key, value)?;
        match EmailAddress::parse(&as_given) {
            Ok(value) => Ok(Some(Given { value, as_given })),
            Err(_) => Err(format!("{key} Not a valid email address")),
        }
    }
}

/// An id, a UUID in any accepted spelling.
pub(crate) struct Id<T>(std::marker::PhantomData<T>);

impl<T: std::str::FromStr> Kind for Id<T> {
    type Value = Given<T>;
    const SHAPE: Shape = Shape::Uuid;

    fn parse(key: &str, value: Value, _: Timestamp) -> Result<Option<Self::Value>, String> {
        match value {
            Value::String(as_given) => match as_given.parse() {
                Ok(value) => Ok(Some(Given { value, as_given })),
                Err(_) => Err(format!("{key} is not a valid UUID")),
            },
            _ => Err(format!("{key} is not a valid UUID")),
        }
    }
}

/// An object.
pub(crate) struct Object;

impl Kind for Object {
    type Value = Map<String, Value>;
    const SHAPE: Shape = Shape::Object;

    fn parse(key: &str, value: Value, _: Timestamp) -> Result<Option<Self::Value>, String> {
        // A number of many digits is represented as an object.
        if exact_number(&value).is_some() {
            return Err(not_of_type(key, &value, "object"));
        }
        match value {
            Value::Object(members) => Ok(Some(members)),
            other => Err(not_of_type(key, &other, "object")),
        }
    }
}

/// A URL that begins with `https:`.
pub(crate) struct HttpsUrl;

impl Kind for HttpsUrl {
    type Value = String;
    const SHAPE: Shape = Shape::HttpsUrl;

    fn parse(key: &str, value: Value, _: Timestamp) -> Result<Option<String>, String> {
        match value {
            Value::String(url) if is_https_url(&url) => Ok(Some(url)),
            _ => Err(format!("{key} is not a valid https url")),
        }
    }
}

/// An array, or null.
pub(crate) struct List;

impl Kind for List {
    type Value = Vec<Value>;
    const SHAPE: Shape = Shape::List;

    fn parse(key: &str, value: Value, _: Timestamp) -> Result<Option<Self::Value>, String> {
        match value {
            Value::Array(items) => Ok(Some(items)),
            Value::Null => Ok(None),
            other => Err(not_of_type(key, &other, "array, null")),
        }
    }
}

/// The postage of a letter inside the United Kingdom.
pub(crate) struct InlandPostage;

impl Kind for InlandPostage {
    type Value = Postage;
    const SHAPE: Shape = Shape::InlandPostage;

    fn parse(key: &str, value: Value, _: Timestamp) -> Result<Option<Postage>, String> {
        let text = text(key, value)?;
        let inland = INLAND_POSTAGE.contains(&text.as_str());
        // `europe` and `rest-of-world` parse too, but follow from the address and cannot be asked for.
        let postage = text.parse().ok().filter(|_| inland);
        postage
            .map(Some)
            .ok_or_else(|| format!("{key} invalid. It must be either first, second or economy."))
    }
}

/// A time, or null.
pub(crate) struct Time;

impl Kind for Time {
    type Value = Timestamp;
    const SHAPE: Shape = Shape::Time;

    fn parse(key: &str, value: Value, _: Timestamp) -> Result<Option<Timestamp>, String> {
        match value {
            Value::Null => Ok(None),
            Value::String(text) => {
                let time = text.parse().map_err(|_| format!("{key} {NOT_A_TIME}"))?;
                Ok(Some(time))
            }
            other => Err(not_of_type(key, &other, "string, null")),
        }
    }
}

/// A time at most 24 hours ahead, or null. It is checked for the sake of old clients, and has no effect.
pub(crate) struct ScheduledFor;

impl Kind for ScheduledFor {
    type Value = ();
    const SHAPE: Shape = Shape::ScheduledFor;

    fn parse(key: &str, value: Value, now: Timestamp) -> Result<Option<()>, String> {
        match value {
            Value::Null => Ok(None),
            Value::String(text) => match scheduled_fault(&text, now) {
                Some(fault) => Err(format!("{key} {fault}")),
                // The value itself is not kept: nothing is scheduled (`docs/spec/public-api.md` §5.6).
                None => Ok(Some(())),
            },
            other => Err(not_of_type(key, &other, "string, null")),
        }
    }
}

const NOT_A_TIME: &str = "datetime format is invalid. It must be a valid ISO8601 date time format, \
                          https://en.wikipedia.org/wiki/ISO_8601";

/// Returns what is wrong with a time. Its offset is dropped, not converted (`docs/spec/public-api.md` §5.6).
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
