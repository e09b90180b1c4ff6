//! What arrives by HTTP: requests of clients, receipts and inbound texts of providers.

use pillarbox_api::fuzzing;
use pillarbox_providers::{
    letter::dvla::LetterReceipt,
    sms::{firetext, mmg},
};
use serde_json::Value;

/// Any bytes as the body of a request. The first byte chooses the request.
pub fn request_body(bytes: &[u8]) {
    if let [choice, body @ ..] = bytes {
        fuzzing::request_body(*choice, body);
    }
}

/// Any bytes as a token: the first byte says whether they are the header, or claims to be signed.
pub fn authorization(bytes: &[u8]) {
    match bytes {
        [choice, claims @ ..] if choice & 1 == 1 => fuzzing::signed_claims(claims),
        [_, header @ ..] => fuzzing::authorization(header),
        [] => {}
    }
}

/// Any bytes as a receipt or an inbound text. The first byte chooses who sends it.
pub fn receipt(bytes: &[u8]) {
    let [choice, body @ ..] = bytes else {
        return;
    };
    match choice % 5 {
        0 => drop(mmg::parse_receipt(body)),
        1 => drop(mmg::parse_inbound(body)),
        2 => drop(firetext::parse_receipt(body)),
        3 => drop(firetext::parse_inbound(body)),
        _ => letter_receipt(body),
    }
}

fn letter_receipt(body: &[u8]) {
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return;
    };
    match LetterReceipt::parse(&body, Value::to_string) {
        Ok(receipt) => {
            let _ = receipt.letter();
            if let Err(message) = receipt.event() {
                assert!(!message.is_empty());
            }
        }
        Err(messages) => assert!(!messages.is_empty(), "a receipt is refused without a reason"),
    }
}
