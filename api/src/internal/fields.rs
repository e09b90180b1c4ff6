//! The members of a JSON body, one by one, so that an answer names every field that is wrong.

use axum::body::Body;
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::{answer, problem::Problem};

/// A body that is taken apart. Ask for each member, then [`Fields::finish`] before anything is done with them. Members
/// that nobody asks for are passed over.
pub(super) struct Fields {
    members: Map<String, Value>,
    wrong: Map<String, Value>,
}

impl Fields {
    /// Reads a JSON object.
    pub(super) async fn read(body: Body) -> Result<Self, Problem> {
        let bytes = answer::read_body(body)
            .await
            .map_err(Problem::in_old_shape)?;
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        match serde_json::from_slice(&answer::without_nul(bytes)) {
            Ok(Value::Object(members)) => Ok(Self {
                members,
                wrong: Map::new(),
            }),
            Ok(_) => Err(Problem::old(
                StatusCode::BAD_REQUEST,
                json!({"_schema": ["Invalid input type."]}),
            )),
            Err(_) => Err(Problem::invalid_json().in_old_shape()),
        }
    }

    /// A member that must be there; its default stands in until [`Fields::finish`] says what is wrong.
    pub(super) fn need<T: DeserializeOwned + Default>(&mut self, name: &'static str) -> T {
        self.need_one(name).unwrap_or_default()
    }

    /// A member that must be there, of a type without a default: the last to be asked for.
    pub(super) fn must<T: DeserializeOwned>(&mut self, name: &'static str) -> Result<T, Problem> {
        self.need_one(name).ok_or_else(|| self.refusal())
    }

    /// A member that may be missing or null.
    pub(super) fn may<T: DeserializeOwned>(&mut self, name: &'static str) -> Option<T> {
        match self.members.remove(name) {
            None | Some(Value::Null) => None,
            Some(value) => self.read_as(name, value),
        }
    }

    /// A member that may be missing, and then stays as it is, or null, and then is no more.
    #[expect(
        clippy::option_option,
        reason = "missing and null are different answers"
    )]
    pub(super) fn change<T: DeserializeOwned>(&mut self, name: &'static str) -> Option<Option<T>> {
        match self.members.remove(name) {
            None => None,
            Some(Value::Null) => Some(None),
            Some(value) => self.read_as(name, value).map(Some),
        }
    }

    /// Says what is wrong, if anything is.
    pub(super) fn finish(&mut self) -> Result<(), Problem> {
        if self.wrong.is_empty() {
            Ok(())
        } else {
            Err(self.refusal())
        }
    }

    fn need_one<T: DeserializeOwned>(&mut self, name: &'static str) -> Option<T> {
        let why = match self.members.remove(name) {
            None => "Missing data for required field.",
            Some(Value::Null) => "Field may not be null.",
            Some(value) => return self.read_as(name, value),
        };
        self.wrong.insert(name.to_owned(), json!([why]));
        None
    }

    fn read_as<T: DeserializeOwned>(&mut self, name: &'static str, value: Value) -> Option<T> {
        match serde_json::from_value(value) {
            Ok(read) => Some(read),
            Err(error) => {
                self.wrong
                    .insert(name.to_owned(), json!([error.to_string()]));
                None
            }
        }
    }

    fn refusal(&mut self) -> Problem {
        Problem::old(
            StatusCode::BAD_REQUEST,
            Value::Object(std::mem::take(&mut self.wrong)),
        )
    }
}
