//! Firetext, which takes a form, replies 200 to what it refuses, and gives messages no ids of its own.

use pillarbox_providers::sms::firetext::{Firetext, FiretextSettings};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Behaviour,
    http::{Client, Dialect},
};
use crate::http_server::Request;

pub(crate) struct FiretextDialect;

impl Dialect for FiretextDialect {
    const NAMES_MESSAGES: bool = false;

    fn client(url: &str) -> Client {
        let settings = FiretextSettings {
            url: url.to_owned(),
            ..FiretextSettings::with_key("hunter2")
        };
        Client::sms(Firetext::new(settings).unwrap())
    }

    fn reply(behaviour: Behaviour) -> (u16, Value) {
        let reply = |status, code: u32, text: &str| {
            let body = json!({"code": code, "description": text, "responseData": ""});
            (status, body)
        };
        match behaviour {
            Behaviour::Throttle => reply(429, 99, "Unknown error"),
            Behaviour::RefuseRecipient => {
                reply(200, 2, "Destination number(s) error: 447700900123")
            }
            Behaviour::RefuseMessage => reply(200, 5, "Message error: it is Friday"),
            _ => reply(200, 0, "1 SMS successfully queued"),
        }
    }

    fn reference(request: &Request) -> Uuid {
        let mut fields = request.body.split('&');
        assert!(fields.any(|field| field == "apiKey=hunter2"));
        let reference = fields.find_map(|field| field.strip_prefix("reference="));
        reference.unwrap().parse().unwrap()
    }
}
