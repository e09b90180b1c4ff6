//! The request to print one letter (`docs/spec/letters.md` §7.2).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::Postage;
use recipients::postal_addresses::PostalAddress;
use serde_json::{Map, Value, json};

use crate::Letter;

const MAX_NAME: usize = 255;
const MAX_LINE: usize = 45;
const MAX_POSTCODE: usize = 10;
const MAX_COUNTRY: usize = 256;

/// Seconds for which the service repeats a callback that we do not take.
const CALLBACK_RETRY_SECONDS: u32 = 10_800;

/// Returns the body of the request.
pub(super) fn print_job(letter: &Letter) -> Value {
    let (kind, address) = address_of(letter);
    let mut standard = json!({
        "jobType": "NOTIFY",
        "templateReference": "NOTIFY",
        "businessIdentifier": letter.reference,
        "recipientName": cut(letter.address.first().map_or("", String::as_str), MAX_NAME),
        "address": {kind: address},
    });
    if let Some(method) = despatch_method(letter.postage) {
        standard["despatchMethod"] = method.into();
    }
    json!({
        "id": letter.id,
        "standardParams": standard,
        "customParams": custom_params(letter),
        "callbackParams": {
            "target": letter.status_url,
            "retryParams": {"enabled": true, "maxRetryWindow": CALLBACK_RETRY_SECONDS},
        },
    })
}

fn custom_params(letter: &Letter) -> Value {
    let mut params = vec![json!({"key": "pdfContent", "value": STANDARD.encode(&letter.pdf)})];
    // A service without an organisation has none to bill.
    if let Some(organisation) = letter.organisation {
        params.push(json!({"key": "organisationIdentifier", "value": organisation}));
    }
    params.push(json!({"key": "serviceIdentifier", "value": letter.service}));
    params.into()
}

const fn despatch_method(postage: Postage) -> Option<&'static str> {
    match postage {
        Postage::First => Some("FIRST"),
        Postage::Second => None,
        Postage::Economy => Some("ECONOMY"),
        Postage::Europe => Some("INTERNATIONAL_EU"),
        Postage::RestOfWorld => Some("INTERNATIONAL_ROW"),
    }
}

/// Returns the kind of an address and its members. All but a forces address are without the first line, which is the
/// recipient's name.
fn address_of(letter: &Letter) -> (&'static str, Value) {
    let is_abroad = matches!(letter.postage, Postage::Europe | Postage::RestOfWorld);
    let parsed = PostalAddress::from_text(&letter.address.join("\n"), is_abroad);
    if let (Some(number), Some(lines)) = (parsed.bfpo_number(), parsed.bfpo_address_lines()) {
        let mut address = numbered(lines, 4);
        if let Some(postcode) = parsed.postcode() {
            address.insert("postcode".to_owned(), cut(postcode, MAX_POSTCODE).into());
        }
        address.insert("bfpoNumber".to_owned(), number.to_string().into());
        return ("bfpoAddress", address.into());
    }
    // Taken as it is stored: that is what is printed.
    let (last, lines) = match letter.address.as_slice() {
        [_, lines @ .., last] => (last.as_str(), lines),
        _ => ("", &[][..]),
    };
    let mut address = numbered(lines, 5);
    let (kind, key, longest) = if is_abroad {
        ("internationalAddress", "country", MAX_COUNTRY)
    } else {
        ("unstructuredAddress", "postcode", MAX_POSTCODE)
    };
    address.insert(key.to_owned(), cut(last, longest).into());
    (kind, address.into())
}

/// Returns the first lines as `line1`, `line2` ….
fn numbered(lines: &[String], most: usize) -> Map<String, Value> {
    let lines = lines.iter().take(most).enumerate();
    lines
        .map(|(index, line)| (format!("line{}", index + 1), cut(line, MAX_LINE).into()))
        .collect()
}

fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use uuid::Uuid;

    use super::*;

    fn letter(address: &str, postage: Postage) -> Letter {
        Letter {
            id: Uuid::from_u128(7),
            at: jiff::Timestamp::UNIX_EPOCH,
            reference: "ABCDEF1234567890".to_owned(),
            service: Uuid::from_u128(8),
            organisation: Some(Uuid::from_u128(9)),
            address: address.lines().map(str::to_owned).collect(),
            postage,
            status_url: "https://us.example/notifications/letter/status?token=t".to_owned(),
            pdf: Bytes::from_static(b"%PDF-1.7"),
        }
    }

    fn standard(address: &str, postage: Postage) -> Value {
        print_job(&letter(address, postage))["standardParams"].take()
    }

    #[test]
    fn a_print_job_has_everything_that_the_service_asks_for() {
        let job = print_job(&letter("Ada\n1 Mill Lane\nSW1A 1AA", Postage::First));
        assert_eq!(
            job,
            json!({
                "id": "00000000-0000-0000-0000-000000000007",
                "standardParams": {
                    "jobType": "NOTIFY", "templateReference": "NOTIFY",
                    "businessIdentifier": "ABCDEF1234567890", "recipientName": "Ada",
                    "address": {"unstructuredAddress": {"line1": "1 Mill Lane", "postcode": "SW1A 1AA"}},
                    "despatchMethod": "FIRST",
                },
                "customParams": [
                    {"key": "pdfContent", "value": "JVBERi0xLjc="},
                    {"key": "organisationIdentifier", "value": "00000000-0000-0000-0000-000000000009"},
                    {"key": "serviceIdentifier", "value": "00000000-0000-0000-0000-000000000008"},
                ],
                "callbackParams": {
                    "target": "https://us.example/notifications/letter/status?token=t",
                    "retryParams": {"enabled": true, "maxRetryWindow": 10800},
                },
            })
        );
    }

    #[test]
    fn the_class_of_postage_is_the_despatch_method() {
        for (postage, method) in [
            (Postage::Second, Value::Null),
            (Postage::Economy, json!("ECONOMY")),
            (Postage::Europe, json!("INTERNATIONAL_EU")),
            (Postage::RestOfWorld, json!("INTERNATIONAL_ROW")),
        ] {
            let job = standard("Ada\n1 Mill Lane\nSW1A 1AA", postage);
            assert_eq!(job["despatchMethod"], method, "{postage}");
        }
    }

    #[test]
    fn the_address_has_the_kind_of_its_country() {
        let of = |text: &str, postage| standard(text, postage)["address"].take();
        assert_eq!(
            of("Ada\n1\n2\n3\n4\n5\nSW1A 1AA", Postage::Second),
            json!({"unstructuredAddress": {
                "line1": "1", "line2": "2", "line3": "3", "line4": "4", "line5": "5", "postcode": "SW1A 1AA",
            }})
        );
        assert_eq!(
            of("Ada\n1 rue du Moulin\n75001 Paris\nFrance", Postage::Europe),
            json!({"internationalAddress": {
                "line1": "1 rue du Moulin", "line2": "75001 Paris", "country": "France",
            }})
        );
        assert_eq!(
            of("Sgt Ada\n1 Regiment\nBFPO 1234", Postage::Second),
            json!({"bfpoAddress": {"line1": "Sgt Ada", "line2": "1 Regiment", "bfpoNumber": "1234"}})
        );
        assert_eq!(
            of("Sgt Ada\n1 Regiment\nBFPO 2\nBF1 2AU", Postage::Second),
            json!({"bfpoAddress": {
                "line1": "Sgt Ada", "line2": "1 Regiment", "postcode": "BF1 2AU", "bfpoNumber": "2",
            }})
        );
    }

    #[test]
    fn what_is_too_long_is_cut() {
        let long = "é".repeat(300);
        let job = standard(&format!("{long}\n{long}\n{long}"), Postage::Second);
        let length = |value: &Value| value.as_str().unwrap().chars().count();
        assert_eq!(length(&job["recipientName"]), 255);
        let address = &job["address"]["unstructuredAddress"];
        assert_eq!(
            (length(&address["line1"]), length(&address["postcode"])),
            (45, 10)
        );
    }
}
