//! What providers tell us: receipts of what we gave them, and texts that people wrote to our services
//! (`docs/spec/public-api.md` §22). What happens then is `app`'s.

mod letter;
mod mmg_text;
mod received_texts;
mod sms;

use std::borrow::Cow;

use axum::body::Body;
use serde_json::{Map, Value};

/// What the document of the API tells about these endpoints.
pub(crate) mod told {
    pub(crate) use super::{
        letter::{JOB_STATUSES, MAILING_PRODUCTS, POSTAGE_CLASSES, another_letter, bad_token},
        sms::incomplete,
    };
}

pub(crate) use letter::hear_letter;
pub(crate) use received_texts::{receive_firetext, receive_mmg};
pub(crate) use sms::{hear_firetext, hear_mmg};

use crate::{answer, problem::Problem};

/// A JSON body whose value must be an object, whatever its type says it is.
async fn read_object(body: Body) -> Result<Map<String, Value>, Problem> {
    let bytes = answer::read_form(body).await.map_err(in_old_words)?;
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(members)) => Ok(members),
        _ => Err(Problem::not_understood()),
    }
}

/// A form: of repeated keys the first counts.
async fn read_form(body: Body) -> Result<Vec<(String, String)>, Problem> {
    let bytes = answer::read_form(body).await.map_err(in_old_words)?;
    Ok(form_urlencoded::parse(&bytes)
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .collect())
}

/// A body that broke off has the text that this endpoint's callers know.
fn in_old_words(problem: Problem) -> Problem {
    if problem == Problem::too_large() {
        problem
    } else {
        Problem::not_understood()
    }
}

fn field<'a>(form: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = form.iter().find(|(key, _)| key == name);
    found.map(|(_, value)| value.as_str())
}

/// A value of a JSON receipt as text. Numbers are as good as texts, and null counts as there
/// (`docs/spec/public-api.md` §22.1).
fn text_of<'a>(members: &'a Map<String, Value>, name: &str) -> Option<Cow<'a, str>> {
    Some(match members.get(name)? {
        Value::String(text) => Cow::Borrowed(text),
        Value::Null => Cow::Borrowed("None"),
        other => Cow::Owned(other.to_string()),
    })
}
