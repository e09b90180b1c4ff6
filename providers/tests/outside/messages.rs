//! Messages to hand over.

use bytes::Bytes;
use domain::Postage;
use pillarbox_providers::{Email, Letter, Sms};
use uuid::Uuid;

pub(crate) fn email(number: u128) -> Email {
    Email {
        id: Uuid::from_u128(number),
        at: "2026-11-24T03:06:07.25Z".parse().unwrap(),
        from_name: "Riverside Council".to_owned(),
        from_address: "riverside@mail.example".to_owned(),
        to: "ada@example.com".to_owned(),
        reply_to: None,
        subject: "Your bin day".to_owned(),
        plain_body: "Dear Ada,\n\nit is Friday.\n".to_owned(),
        html_body: "<p>Dear Ada,</p><p>it is Friday.</p>\n".to_owned(),
        unsubscribe_url: None,
    }
}

pub(crate) fn sms(number: u128) -> Sms {
    Sms {
        id: Uuid::from_u128(number),
        at: "2026-11-24T03:06:07.25Z".parse().unwrap(),
        to: "447700900123".to_owned(),
        content: "Riverside: Ada, your bin day is Friday".to_owned(),
        sender: "RIVERSIDE".to_owned(),
        international: false,
    }
}

pub(crate) fn letter(number: u128) -> Letter {
    Letter {
        id: Uuid::from_u128(number),
        at: "2026-11-24T03:06:07.25Z".parse().unwrap(),
        reference: "ABCDEFGHIJ012345".to_owned(),
        service: Uuid::from_u128(1),
        organisation: None,
        address: vec!["Ada Lovelace".to_owned(), "SW1A 2AA".to_owned()],
        postage: Postage::Second,
        status_url: "https://us.example/notifications/letter/status?token=t".to_owned(),
        pdf: Bytes::from_static(b"%PDF-1.7 pages"),
    }
}
