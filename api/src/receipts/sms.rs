use app::receipts::{self, ReceiptError};
use axum::{body::Body, extract::State, response::Response};
use domain::Reporter;
use http::StatusCode;
use serde_json::{Value, json};

use super::{field, read_form, read_object, text_of};
use crate::{Api, answer, problem::Problem};

/// `POST /notifications/sms/mmg` (`docs/spec/public-api.md` §22.1)
pub(crate) async fn hear_mmg(State(api): State<Api>, body: Body) -> Result<Response, Problem> {
    let members = read_object(body).await?;
    let get = |name| text_of(&members, name);
    let (status, id) = (get("status"), get("CID"));
    let substatus = get("substatus").filter(|_| !members["substatus"].is_null());
    let receipt = Receipt {
        by: Reporter::Mmg,
        status: status.as_deref(),
        reference: id.as_deref(),
        code: substatus.as_deref(),
    };
    receipt.hear(&api, "CID").await
}

/// `POST /notifications/sms/firetext` (`docs/spec/public-api.md` §22.1)
pub(crate) async fn hear_firetext(State(api): State<Api>, body: Body) -> Result<Response, Problem> {
    let form = read_form(body).await?;
    let receipt = Receipt {
        by: Reporter::Firetext,
        status: field(&form, "status"),
        reference: field(&form, "reference"),
        code: field(&form, "code"),
    };
    receipt.hear(&api, "reference").await
}

struct Receipt<'a> {
    by: Reporter,
    status: Option<&'a str>,
    reference: Option<&'a str>,
    code: Option<&'a str>,
}

impl Receipt<'_> {
    /// Nothing is checked but that what must be there is; what it means is found out later.
    async fn hear(self, api: &Api, reference_name: &str) -> Result<Response, Problem> {
        let (status, reference) = match (there(self.status), there(self.reference)) {
            (Some(status), Some(reference)) => (status, reference),
            (status, reference) => {
                let fields = [("status", status), (reference_name, reference)];
                return Err(self.incomplete(&fields));
            }
        };
        receipts::accept_sms_receipt(&api.app, self.by, reference, status, there(self.code))
            .await
            .map_err(|error| match error {
                ReceiptError::Busy => Problem::busy_old(),
                ReceiptError::Store(_) => Problem::fault_old(error),
            })?;
        Ok(answer::json(StatusCode::OK, &json!({"result": "success"})))
    }

    fn incomplete(&self, fields: &[(&str, Option<&str>)]) -> Problem {
        let missing = fields.iter().filter(|(_, value)| value.is_none());
        let names: Vec<&str> = missing.map(|(name, _)| *name).collect();
        incomplete(self.by, &names)
    }
}

/// What is said of a receipt in which something is missing.
pub(crate) fn incomplete(by: Reporter, missing: &[&str]) -> Problem {
    let messages: Vec<Value> = missing
        .iter()
        .map(|name| format!("{} callback failed: {name} missing", by.title()).into())
        .collect();
    Problem::old(StatusCode::BAD_REQUEST, messages)
}

fn there(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}
