//! MMG, which takes JSON, names messages by numbers, and has codes that the settings explain.

use pillarbox_providers::sms::mmg::{Mmg, MmgSettings};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Behaviour,
    http::{Client, Dialect},
};
use crate::http_server::Request;

pub(crate) struct MmgDialect;

impl Dialect for MmgDialect {
    fn client(url: &str) -> Client {
        let settings = MmgSettings {
            url: url.to_owned(),
            recipient_refused: vec!["52".to_owned()],
            message_refused: vec!["25".to_owned()],
            ..MmgSettings::with_key("hunter2")
        };
        Client::sms(Mmg::new(settings).unwrap())
    }

    fn reply(behaviour: Behaviour) -> (u16, Value) {
        let error =
            |status, code: u32, text: &str| (status, json!({"Error": code, "Description": text}));
        match behaviour {
            Behaviour::Throttle => error(429, 20, "Rejected by anti-flooding mechanism"),
            Behaviour::RefuseRecipient => error(400, 52, "Invalid destination 447700900123"),
            Behaviour::RefuseMessage => error(400, 25, "Message too long: it is Friday"),
            _ => (200, json!({"Reference": 12_345_678})),
        }
    }

    fn reference(request: &Request) -> Uuid {
        assert_eq!(request.header("authorization"), Some("Basic hunter2"));
        let body: Value = serde_json::from_str(&request.body).unwrap();
        body["cid"].as_str().unwrap().parse().unwrap()
    }
}
