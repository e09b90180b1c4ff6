//! Delivery receipts of an HTTP gateway, by a rule in the settings.

use std::{collections::BTreeMap, fmt};

use aws_lc_rs::{constant_time, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{NotificationStatus, SmsReceiptSource};
use reqwest::header::{AUTHORIZATION, HeaderMap};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::scalar;
use crate::{
    Secret,
    sms::receipts::{ProviderRequest, RequestError, SmsReceipt, SmsReceiver},
};

/// The value in `statuses` of a status that says only how far a message is.
const IGNORE: &str = "ignore";

/// How to read the delivery receipts of an HTTP gateway.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiptRule {
    /// Where our reference stands: a JSON pointer (`/message/reference`), or the name of a field of a form or of the query.
    pub reference: String,
    /// Where the status stands.
    pub status: String,
    /// Where a more detailed code stands, if there is one.
    #[serde(default)]
    pub code: Option<String>,
    /// What the gateway's statuses mean: `delivered`, `permanent-failure`, `temporary-failure`, `technical-failure`, or
    /// `ignore` for one that says only how far a message is.
    pub statuses: BTreeMap<String, String>,
    /// The secret with which the gateway authenticates: as a bearer token, as the password of Basic authentication, or as
    /// the field `secret` of the query.
    pub secret: Secret,
}

impl fmt::Debug for ReceiptRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiptRule")
            .field("statuses", &self.statuses)
            .finish_non_exhaustive()
    }
}

impl ReceiptRule {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.secret.expose().len() < 10 {
            return Err(
                "secret must have at least ten characters, because anyone can send a receipt"
                    .to_owned(),
            );
        }
        for meaning in self.statuses.values() {
            let known: Option<NotificationStatus> = meaning.parse().ok();
            let is_final = matches!(
                known,
                Some(
                    NotificationStatus::Delivered
                        | NotificationStatus::PermanentFailure
                        | NotificationStatus::TemporaryFailure
                        | NotificationStatus::TechnicalFailure
                )
            );
            if !is_final && meaning != IGNORE {
                return Err(format!(
                    "statuses must mean delivered, permanent-failure, temporary-failure, technical-failure or ignore, not \
                     {meaning:?}"
                ));
            }
        }
        Ok(())
    }

    fn authorize(&self, request: &ProviderRequest<'_>) -> Result<(), RequestError> {
        let in_header = secret_of(request.headers);
        let given = in_header.or_else(|| field(request.query.as_bytes(), "secret"));
        let of = |text: &str| digest::digest(&digest::SHA256, text.as_bytes());
        // Digests have one length, so the time does not reveal the length of the secret.
        let is_equal = given.is_some_and(|given| {
            let (given, known) = (of(&given), of(self.secret.expose()));
            constant_time::verify_slices_are_equal(given.as_ref(), known.as_ref()).is_ok()
        });
        is_equal.then_some(()).ok_or(RequestError::Unauthorized)
    }
}

impl SmsReceiver for ReceiptRule {
    fn source(&self) -> SmsReceiptSource {
        SmsReceiptSource::Http
    }

    fn parse_receipt(
        &self,
        request: &ProviderRequest<'_>,
    ) -> Result<Option<SmsReceipt>, RequestError> {
        self.authorize(request)?;
        let json: Option<Value> = serde_json::from_slice(request.body).ok();
        let find = |place: &str| -> Option<String> {
            let found = if place.starts_with('/') {
                json.as_ref()?.pointer(place).and_then(scalar)
            } else {
                field(request.body, place).or_else(|| field(request.query.as_bytes(), place))
            };
            found.filter(|text| !text.is_empty())
        };
        let status = find(&self.status).ok_or(RequestError::Malformed)?;
        let meaning = self
            .statuses
            .get(&status)
            .ok_or(RequestError::UnknownStatus)?;
        if meaning == IGNORE {
            return Ok(None);
        }
        Ok(Some(SmsReceipt {
            reference: find(&self.reference).ok_or(RequestError::Malformed)?,
            status: meaning.clone(),
            code: self.code.as_deref().and_then(find),
        }))
    }
}

/// Returns the secret in `Authorization`: a bearer token, or a password.
fn secret_of(headers: &HeaderMap) -> Option<String> {
    let (scheme, value) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(value.trim().to_owned());
    }
    let pair = STANDARD.decode(value.trim()).ok()?;
    let (_, password) = std::str::from_utf8(&pair).ok()?.split_once(':')?;
    Some(password.to_owned())
}

fn field(form: &[u8], name: &str) -> Option<String> {
    let mut fields = form_urlencoded::parse(form);
    fields
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(reference: &str, status: &str) -> ReceiptRule {
        ReceiptRule {
            reference: reference.to_owned(),
            status: status.to_owned(),
            code: Some("err".to_owned()),
            statuses: [
                ("DELIVRD", "delivered"),
                ("EXPIRED", "temporary-failure"),
                ("ENROUTE", "ignore"),
            ]
            .map(|(theirs, ours)| (theirs.to_owned(), ours.to_owned()))
            .into(),
            secret: Secret::from("a long secret"),
        }
    }

    fn parse(
        rule: &ReceiptRule,
        authorization: &str,
        query: &str,
        body: &str,
    ) -> Result<Option<SmsReceipt>, RequestError> {
        let mut headers = HeaderMap::new();
        if !authorization.is_empty() {
            headers.insert(AUTHORIZATION, authorization.parse().unwrap());
        }
        rule.parse_receipt(&ProviderRequest {
            reference: None,
            query,
            headers: &headers,
            body: body.as_bytes(),
        })
    }

    #[test]
    fn forms_json_and_queries_are_read() {
        let receipt = |status: &str, code: Option<&str>| {
            Ok(Some(SmsReceipt {
                reference: "r1".to_owned(),
                status: status.to_owned(),
                code: code.map(str::to_owned),
            }))
        };
        let bearer = "Bearer a long secret";
        let form = rule("ref", "stat");
        assert_eq!(
            parse(&form, bearer, "", "ref=r1&stat=EXPIRED&err=27"),
            receipt("temporary-failure", Some("27"))
        );
        assert_eq!(
            parse(&form, "", "secret=a+long+secret&ref=r1&stat=DELIVRD", ""),
            receipt("delivered", None)
        );
        let basic = format!("Basic {}", STANDARD.encode("gateway:a long secret"));
        let json = rule("/message/ref", "/message/0");
        assert_eq!(parse(&json, &basic, "", "[]"), Err(RequestError::Malformed));
        let json = rule("/message/ref", "/message/state");
        let body = r#"{"message": {"ref": "r1", "state": "DELIVRD"}}"#;
        assert_eq!(parse(&json, &basic, "", body), receipt("delivered", None));
    }

    #[test]
    fn strangers_unknown_statuses_and_steps_on_the_way_change_nothing() {
        let rule = rule("ref", "stat");
        let good = "ref=r1&stat=DELIVRD";
        for authorization in ["", "Bearer another secret", "Basic %", "Bearer"] {
            assert_eq!(
                parse(&rule, authorization, "", good),
                Err(RequestError::Unauthorized),
                "{authorization}"
            );
        }
        let bearer = "bearer a long secret";
        assert_eq!(parse(&rule, bearer, "", "ref=r1&stat=ENROUTE"), Ok(None));
        assert_eq!(
            parse(&rule, bearer, "", "ref=r1&stat=WHAT"),
            Err(RequestError::UnknownStatus)
        );
        assert_eq!(
            parse(&rule, bearer, "", "stat=DELIVRD"),
            Err(RequestError::Malformed)
        );
    }
}
