//! Twilio's requests to the platform: delivery receipts and inbound messages, signed with the account's auth token.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{Private, SmsReceiptSource};
use reqwest::header::HeaderMap;

use super::{Twilio, statuses};
use crate::sms::receipts::{InboundSms, ProviderRequest, RequestError, SmsReceipt, SmsReceiver};

const SIGNATURE: &str = "x-twilio-signature";

type Fields = Vec<(String, String)>;

impl SmsReceiver for Twilio {
    fn source(&self) -> SmsReceiptSource {
        SmsReceiptSource::Twilio
    }

    fn parse_receipt(
        &self,
        request: &ProviderRequest<'_>,
    ) -> Result<Option<SmsReceipt>, RequestError> {
        let template = self.status_callback.as_ref();
        let template = template.ok_or(RequestError::Unsupported)?;
        let in_query = || query_field(request.query, "reference");
        let reference = request.reference.map(str::to_owned).or_else(in_query);
        let reference = reference.ok_or(RequestError::Malformed)?;
        let id = uuid::Uuid::try_parse(&reference).map_err(|_| RequestError::Malformed)?;
        // What Twilio signs is the URL that we gave it, whatever a proxy has made of it since.
        let url = template.fill_reference(id).ok_or(RequestError::Malformed)?;
        let fields = self.verified(&url, request)?;
        let status = field(&fields, "MessageStatus").ok_or(RequestError::Malformed)?;
        if statuses::is_progress(status) {
            return Ok(None);
        }
        let code = field(&fields, "ErrorCode").filter(|code| *code != "0");
        Ok(Some(SmsReceipt {
            reference,
            status: status.to_owned(),
            code: code.map(str::to_owned),
        }))
    }

    fn parse_inbound(&self, request: &ProviderRequest<'_>) -> Result<InboundSms, RequestError> {
        let url = self.settings.inbound_url.as_deref();
        let fields = self.verified(url.ok_or(RequestError::Unsupported)?, request)?;
        let required = |name| field(&fields, name).ok_or(RequestError::Malformed);
        Ok(InboundSms {
            dialled: required("To")?.trim_start_matches('+').to_owned(),
            from: Private::new(required("From")?.to_owned()),
            // PostgreSQL cannot store NUL. A picture message may have no text.
            content: field(&fields, "Body")
                .unwrap_or_default()
                .replace('\0', "")
                .into(),
            provider_reference: field(&fields, "MessageSid").map(str::to_owned),
            written_at: None,
        })
    }
}

impl Twilio {
    /// Returns the fields of a request that Twilio has signed for this URL.
    fn verified(&self, url: &str, request: &ProviderRequest<'_>) -> Result<Fields, RequestError> {
        let token = self.auth_token.as_ref().ok_or(RequestError::Unsupported)?;
        let fields: Fields = form_urlencoded::parse(request.body)
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        let key = hmac::Key::new(
            hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            token.expose().as_bytes(),
        );
        let given = signature(request.headers).ok_or(RequestError::Unauthorized)?;
        hmac::verify(&key, signed_text(url, &fields).as_bytes(), &given)
            .map_err(|_| RequestError::Unauthorized)?;
        Ok(fields)
    }
}

/// Returns what Twilio signs: the URL, then every field with its value, in the order of the names.
fn signed_text(url: &str, fields: &Fields) -> String {
    let mut sorted: Vec<_> = fields.iter().collect();
    sorted.sort_unstable();
    sorted.dedup();
    let mut text = url.to_owned();
    for (name, value) in sorted {
        text.push_str(name);
        text.push_str(value);
    }
    text
}

fn signature(headers: &HeaderMap) -> Option<Vec<u8>> {
    STANDARD.decode(headers.get(SIGNATURE)?.as_bytes()).ok()
}

fn field<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    let found = fields
        .iter()
        .find(|(key, value)| key == name && !value.is_empty());
    found.map(|(_, value)| value.as_str())
}

fn query_field(query: &str, name: &str) -> Option<String> {
    let mut fields = form_urlencoded::parse(query.as_bytes());
    fields
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sms::twilio::TwilioSettings;

    const ID: &str = "9d1f1f4e-3b4c-4c1e-8c1e-1f1f1f1f1f1f";

    fn twilio() -> Twilio {
        Twilio::new(TwilioSettings {
            status_callback: Some(
                "https://notify.example/notifications/sms/twilio/{reference}".to_owned(),
            ),
            inbound_url: Some("https://notify.example/notifications/sms/receive/twilio".to_owned()),
            ..TwilioSettings::for_account("AC1", "a token")
        })
        .unwrap()
    }

    fn signed(url: &str, body: &str) -> HeaderMap {
        let fields = form_urlencoded::parse(body.as_bytes())
            .into_owned()
            .collect();
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"a token");
        let tag = hmac::sign(&key, signed_text(url, &fields).as_bytes());
        let value = STANDARD.encode(tag).parse().unwrap();
        HeaderMap::from_iter([(SIGNATURE.parse().unwrap(), value)])
    }

    fn receipt(body: &str, signed_body: &str) -> Result<Option<SmsReceipt>, RequestError> {
        let url = format!("https://notify.example/notifications/sms/twilio/{ID}");
        twilio().parse_receipt(&ProviderRequest {
            reference: Some(ID),
            query: "",
            headers: &signed(&url, signed_body),
            body: body.as_bytes(),
        })
    }

    #[test]
    fn the_example_of_the_documentation_verifies() {
        // From Twilio's page "Webhooks security".
        let body = "CallSid=CA1234567890ABCDE&Caller=%2B12349013030&Digits=1234&From=%2B12349013030&To=%2B18005551212";
        let fields = form_urlencoded::parse(body.as_bytes())
            .into_owned()
            .collect();
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"12345");
        let text = signed_text("https://mycompany.com/myapp.php?foo=1&bar=2", &fields);
        assert_eq!(
            STANDARD.encode(hmac::sign(&key, text.as_bytes())),
            "0/KCTR6DLpKmkAf8muzZqo1nDgQ="
        );
    }

    #[test]
    fn a_signed_receipt_is_parsed() {
        let body = "MessageSid=SM1&MessageStatus=undelivered&ErrorCode=30005";
        let parsed = receipt(body, body).unwrap().unwrap();
        assert_eq!((&*parsed.reference, &*parsed.status), (ID, "undelivered"));
        assert_eq!(parsed.code.as_deref(), Some("30005"));
        assert_eq!(
            receipt("MessageStatus=sent", "MessageStatus=sent"),
            Ok(None)
        );
        assert_eq!(
            receipt("MessageStatus=delivered", body),
            Err(RequestError::Unauthorized)
        );
        assert_eq!(
            receipt("MessageStatus=", "MessageStatus="),
            Err(RequestError::Malformed)
        );
    }

    #[test]
    fn an_inbound_message_is_signed_for_its_own_url() {
        let body = "MessageSid=SM1&From=%2B447700900222&To=%2B447700900111&Body=Hello+there";
        let parse = |url: &str| {
            twilio().parse_inbound(&ProviderRequest {
                reference: None,
                query: "",
                headers: &signed(url, body),
                body: body.as_bytes(),
            })
        };
        let inbound = parse("https://notify.example/notifications/sms/receive/twilio").unwrap();
        assert_eq!(
            (&*inbound.dialled, &**inbound.content.reveal()),
            ("447700900111", "Hello there")
        );
        assert_eq!(
            parse("https://notify.example/other"),
            Err(RequestError::Unauthorized)
        );
    }
}
