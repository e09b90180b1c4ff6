//! Amazon SES, which names errors in a header, and refuses a recipient only if it is no address.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use pillarbox_providers::{
    RejectReason,
    email::ses::{Ses, SesSettings},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Behaviour,
    http::{Client, Dialect},
};
use crate::{
    aws_signature::{assert_signed, keys},
    http_server::Request,
};

pub(crate) struct SesDialect;

impl Dialect for SesDialect {
    const REFUSED_RECIPIENT: RejectReason = RejectReason::Message;

    fn headers(behaviour: Behaviour) -> &'static str {
        match behaviour {
            Behaviour::Throttle => {
                "x-amzn-ErrorType: TooManyRequestsException:http://internal.amazon.com/\r\n"
            }
            Behaviour::RefuseRecipient => "x-amzn-ErrorType: BadRequestException\r\n",
            Behaviour::RefuseMessage => "x-amzn-ErrorType: MessageRejected\r\n",
            _ => "",
        }
    }

    fn client(url: &str) -> Client {
        let settings = SesSettings {
            endpoint: Some(url.to_owned()),
            credentials: Some(keys()),
            ..SesSettings::in_region("eu-west-2")
        };
        Client::email(Ses::new(settings).unwrap())
    }

    fn reply(behaviour: Behaviour) -> (u16, Value) {
        match behaviour {
            Behaviour::Throttle => (429, json!({"message": "Maximum sending rate exceeded."})),
            Behaviour::RefuseRecipient => {
                (400, json!({"message": "Illegal address: ada@example.com"}))
            }
            Behaviour::RefuseMessage => (400, json!({"message": "Virus in: it is Friday"})),
            _ => (200, json!({"MessageId": "0102018b-6a2f-000000"})),
        }
    }

    fn reference(request: &Request) -> Uuid {
        assert_signed(request, "ses");
        let body: Value = serde_json::from_str(&request.body).unwrap();
        let message = body["Content"]["Raw"]["Data"].as_str().unwrap();
        let message = String::from_utf8(STANDARD.decode(message).unwrap()).unwrap();
        let mut lines = message.lines();
        let header = lines.find_map(|line| line.strip_prefix("X-Pillarbox-Id: "));
        assert_eq!(header, body["EmailTags"][0]["Value"].as_str());
        header.unwrap().parse().unwrap()
    }
}
