//! Reads the fields of a JSON body one by one and collects the errors of all of them.

use axum::extract::{FromRequest, Request};
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::{
    Api,
    body_limit::{self, RequestBody},
    json,
    problem::Problem,
};

/// The fields of a JSON body. Read each field, then call [`Fields::finish`] before using any of them. Unknown fields are
/// ignored.
pub(crate) struct Fields {
    members: Map<String, Value>,
    wrong: Map<String, Value>,
}

impl FromRequest<Api> for Fields {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let Ok(body) = RequestBody::from_request(request, api).await;
        Self::read(body).await
    }
}

impl Fields {
    async fn read(body: RequestBody) -> Result<Self, Problem> {
        // `body_limit` fails in the shape of v2.
        let bytes = body_limit::read_body(body)
            .await
            .map_err(Problem::into_legacy)?;
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        match json::parse_value(&json::without_nul(bytes)) {
            Ok(Value::Object(members)) => Ok(Self {
                members,
                wrong: Map::new(),
            }),
            Ok(_) => Err(Problem::legacy(
                StatusCode::BAD_REQUEST,
                // The key under which the reference implementation reports errors of the body as a whole.
                json!({"_schema": ["Invalid input type."]}),
            )),
            Err(error) => Err(Problem::from(error).into_legacy()),
        }
    }

    /// Returns a required field; if it is missing or invalid, its default until [`Fields::finish`] fails.
    pub(super) fn or_default<T: DeserializeOwned + Default>(&mut self, name: &'static str) -> T {
        self.take_required(name).unwrap_or_default()
    }

    /// Returns a required field of a type without a default. Read it last: it fails with the errors of all before.
    pub(super) fn required<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
    ) -> Result<T, Problem> {
        self.take_required(name).ok_or_else(|| self.errors())
    }

    /// Returns a field that may be missing or null.
    pub(super) fn optional<T: DeserializeOwned>(&mut self, name: &'static str) -> Option<T> {
        match self.members.remove(name) {
            None | Some(Value::Null) => None,
            Some(value) => self.read_as(name, value),
        }
    }

    /// Returns a field of a change: missing leaves the value as it is, null removes it.
    #[expect(
        clippy::option_option,
        reason = "missing and null mean different things"
    )]
    pub(super) fn patch<T: DeserializeOwned>(&mut self, name: &'static str) -> Option<Option<T>> {
        match self.members.remove(name) {
            None => None,
            Some(Value::Null) => Some(None),
            Some(value) => self.read_as(name, value).map(Some),
        }
    }

    /// Refuses the fields that were not read, with this error. Call it after all others.
    pub(super) fn refuse_others(&mut self, why: &str) {
        let others = std::mem::take(&mut self.members);
        self.wrong
            .extend(others.into_iter().map(|(name, _)| (name, json!([why]))));
    }

    /// Fails with the errors of all fields, if there are any.
    pub(super) fn finish(&mut self) -> Result<(), Problem> {
        if self.wrong.is_empty() {
            Ok(())
        } else {
            Err(self.errors())
        }
    }

    fn take_required<T: DeserializeOwned>(&mut self, name: &'static str) -> Option<T> {
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
            // Collected and not returned, so that one response names every wrong field.
            Err(error) => {
                self.wrong
                    .insert(name.to_owned(), json!([error.to_string()]));
                None
            }
        }
    }

    fn errors(&mut self) -> Problem {
        Problem::legacy(
            StatusCode::BAD_REQUEST,
            // Taken: a body that has failed is not read any further.
            Value::Object(std::mem::take(&mut self.wrong)),
        )
    }
}
