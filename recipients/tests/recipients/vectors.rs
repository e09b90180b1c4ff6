//! The recorded cases of recipients, one test for each vector file.

use pillarbox_recipients::{
    countries,
    email_addresses::{self, EmailAddress},
    guest_lists::{GuestList, formatted_recipient},
    phone_numbers::{Permissions, PhoneError, PhoneNumber},
    postal_addresses::PostalAddress,
    postcodes,
};
use serde_json::{Value, json};
use vector_runner::check;

#[test]
fn countries() {
    check("country", country);
}

#[test]
fn email_addresses() {
    check("email", email);
}

#[test]
fn guest_lists() {
    check("guestlist", guest_list);
}

#[test]
fn phone_numbers() {
    check("phone", phone);
}

#[test]
fn postal_addresses() {
    check("postal_address", postal_address);
}

#[test]
fn postcodes() {
    check("postcode", postcode);
}

fn text<'a>(input: &'a Value, key: &str) -> &'a str {
    input[key].as_str().unwrap_or_default()
}

fn flag(input: &Value, key: &str) -> bool {
    input[key].as_bool().unwrap_or_default()
}

/// What `expect` leaves open is null there: then our answer is not compared.
fn unless_left_open(ours: impl Into<Value>, expected: &Value) -> Value {
    if expected.is_null() {
        Value::Null
    } else {
        ours.into()
    }
}

fn phone(input: &Value, expect: &Value) -> Value {
    let number = text(input, "number");
    let parsed = if flag(input, "is_service_contact_number") {
        PhoneNumber::parse_service_contact(number)
    } else {
        PhoneNumber::parse(number)
    };
    let permissions = Permissions {
        international: flag(input, "allow_international_number"),
        uk_landline: flag(input, "allow_uk_landline"),
    };
    match parsed {
        Err(error) => json!({ "ok": false, "error": phone_error("parse", error), "parsed": null }),
        Ok(number) => {
            let error = number.check(permissions).err();
            json!({
                "ok": error.is_none(),
                "error": error.map(|error| phone_error("validate", error)),
                "parsed": phone_facts(number, &expect["parsed"]),
            })
        }
    }
}

fn phone_error(stage: &str, error: PhoneError) -> Value {
    json!({
        "stage": stage,
        "code": error.code(),
        "message": error.message(),
        "legacy_v2_api_message": error.legacy_message(),
    })
}

fn phone_facts(number: PhoneNumber, expected: &Value) -> Value {
    json!({
        "normalised": number.normalised(),
        "human_readable": number.human_readable(),
        "country_code": number.country_code(),
        "national_number": number.national_number(),
        "number_type": number.number_type().as_str(),
        "is_uk_phone_number": number.is_uk(),
        "country_prefix": number.country_prefix(),
        "international": number.is_international(),
        "crown_dependency": number.is_crown_dependency(),
        "tv_number": number.is_tv_number(),
        "rate_multiplier": unless_left_open(number.rate_multiplier(), &expected["rate_multiplier"]),
        "should_use_numeric_sender":
            unless_left_open(number.should_use_numeric_sender(), &expected["should_use_numeric_sender"]),
    })
}

fn email(input: &Value, _: &Value) -> Value {
    let written = text(input, "email_address");
    let address = EmailAddress::parse(written);
    json!({
        "ok": address.is_ok(),
        "error": address.as_ref().err().map(ToString::to_string),
        "validated": address.as_ref().ok().map(EmailAddress::validated),
        "normalised": address.as_ref().ok().map(EmailAddress::normalised),
        "formatted_only": email_addresses::formatted_only(written),
    })
}

fn postcode(input: &Value, _: &Value) -> Value {
    let postcode = text(input, "postcode");
    json!({
        "is_a_real_uk_postcode": postcodes::is_real(postcode),
        "normalised": postcodes::normalised(postcode),
        "formatted_for_printing": postcodes::formatted_for_printing(postcode),
        "formatted_or_none": postcodes::formatted_or_none(postcode),
    })
}

fn country(input: &Value, _: &Value) -> Value {
    let country = countries::find(text(input, "name"));
    json!({
        "found": country.is_some(),
        "canonical_name": country,
        "postage_zone": country.map(|country| countries::postage_zone(country).as_str()),
    })
}

fn postal_address(input: &Value, expect: &Value) -> Value {
    let raw = input["personalisation"].as_object().map_or_else(
        || text(input, "raw_address").to_owned(),
        PostalAddress::text_of_personalisation,
    );
    let address = PostalAddress::from_text(&raw, flag(input, "allow_international_letters"));
    // Written out, a number may be longer than those that JSON is read into.
    let bfpo_number: Option<Value> = address
        .bfpo_number()
        .map(|number| serde_json::from_str(&number.to_string()).expect("a number"));
    json!({
        "raw_address": raw,
        "normalised": address.normalised(),
        "normalised_lines": address.normalised_lines(),
        "as_single_line": address.as_single_line(),
        "as_personalisation": unless_left_open(address.as_personalisation(), &expect["as_personalisation"]),
        "line_count": address.line_count(),
        "is_empty": address.is_empty(),
        "country": address.country(),
        "postage": address.postage().as_str(),
        "international": address.is_international(),
        "postcode": address.postcode(),
        "is_bfpo_address": address.is_bfpo_address(),
        "bfpo_number": bfpo_number,
        "bfpo_address_lines": address.bfpo_address_lines(),
        "has_enough_lines": address.has_enough_lines(),
        "has_too_many_lines": address.has_too_many_lines(),
        "has_valid_postcode": address.has_valid_postcode(),
        "has_valid_last_line": address.has_valid_last_line(),
        "has_invalid_characters": address.has_invalid_characters(),
        "has_no_fixed_abode_address": address.has_no_fixed_abode_address(),
        "has_invalid_country_for_bfpo_address": address.has_invalid_country_for_bfpo_address(),
        "has_alphanumeric_character_in_address_lines_1_and_2":
            address.has_alphanumeric_character_in_address_lines_1_and_2(),
        "valid": address.is_valid(),
    })
}

fn guest_list(input: &Value, _: &Value) -> Value {
    let recipient = text(input, "recipient");
    let members: Vec<&str> = input["allowlist"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|member| member.as_str().unwrap_or_default())
        .collect();
    json!({
        "allowed": GuestList::new(&members).allows(recipient),
        "formatted_recipient": formatted_recipient(recipient),
        "formatted_allowlist": members.iter().map(|member| formatted_recipient(member)).collect::<Vec<_>>(),
    })
}
