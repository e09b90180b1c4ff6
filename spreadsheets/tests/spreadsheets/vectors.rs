//! The recorded cases of recipient spreadsheets: whole answers.

use domain::Channel;
use pillarbox_spreadsheets::{
    CellProblem, CellValue, Checker, ReadError, Report, Row, RowProblems, Settings, Sheet,
    Template, Validation, recipient_columns,
};
use recipients::{
    guest_lists::GuestList, phone_numbers::Permissions, postal_addresses::PostalAddress,
};
use serde_json::{Map, Value, json};
use text::column_key;

const MOST_QR_CODE_BYTES: usize = 504;
/// Small, so that files come in many.
const CHUNK: usize = 5;

#[test]
fn recipient_spreadsheets() {
    vector_runner::check("recipient_csv", recipient_csv);
}

fn recipient_csv(input: &Value, expect: &Value) -> Value {
    let csv = input["csv"].as_str().expect("a text");
    let settings = settings(input);
    let whole = Sheet::read(csv.as_bytes(), &settings);
    let in_one_pass = check_in_one_pass(csv, &settings);
    match (whole, in_one_pass) {
        (Err(_), Err(_)) => json!({"parse_error": true}),
        (Ok(sheet), Ok(report)) if *sheet.report() == report => {
            without_unasked(about_file(&sheet, &settings), expect)
        }
        (_, in_one_pass) => json!(format!(
            "the pass over the file says otherwise: {in_one_pass:?}"
        )),
    }
}

fn check_in_one_pass(csv: &str, settings: &Settings) -> Result<Report, ReadError> {
    let mut checker = Checker::new(settings.clone());
    for chunk in csv.as_bytes().chunks(CHUNK) {
        checker.push(chunk)?;
    }
    checker.finish()
}

fn settings(input: &Value) -> Settings {
    let (template, options) = (&input["template"], &input["options"]);
    let text = |name: &str| template[name].as_str().unwrap_or_default();
    let template = match text("template_type") {
        "sms" => Template::text_message(text("content"), template["prefix"].as_str()),
        "email" => Template::email(text("subject"), text("content")),
        _ => Template::letter(text("subject"), text("content")),
    };
    let flag = |name: &str, default| options[name].as_bool().unwrap_or(default);
    let number = |name: &str| {
        options[name]
            .as_u64()
            .map(|number| usize::try_from(number).expect("a small number"))
    };
    let defaults = Settings::new(template);
    Settings {
        max_rows: number("max_rows").unwrap_or(defaults.max_rows),
        max_errors_shown: number("max_errors_shown").unwrap_or(defaults.max_errors_shown),
        max_initial_rows_shown: number("max_initial_rows_shown")
            .unwrap_or(defaults.max_initial_rows_shown),
        guest_list: GuestList::new(
            options["guestlist"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str),
        ),
        remaining_messages: options["remaining_messages"].as_i64(),
        remaining_international_sms_messages: options["remaining_international_sms_messages"]
            .as_i64(),
        phone_permissions: Permissions {
            international: flag("allow_international_sms", false),
            uk_landline: flag("allow_sms_to_uk_landline", false),
        },
        allow_international_letters: flag("allow_international_letters", false),
        validation: match (
            flag("should_validate", true),
            flag("should_validate_phone_number", true),
        ) {
            (false, _) => Validation::Nothing,
            (true, false) => Validation::AllButPhoneNumbers,
            (true, true) => Validation::Everything,
        },
        ..defaults
    }
}

fn about_file(sheet: &Sheet, settings: &Settings) -> Value {
    let report = sheet.report();
    let channel = report.layout.channel();
    let mut placeholder_keys: Vec<String> = Vec::new();
    for key in sheet.placeholders().into_iter().map(column_key) {
        if !placeholder_keys.contains(&key) {
            placeholder_keys.push(key);
        }
    }
    let mut missing = report.missing_column_headers.clone();
    missing.sort();
    json!({
        "parse_error": false,
        "column_headers": sheet.column_headers(),
        "column_headers_as_column_keys": sheet.column_headers_as_column_keys(),
        "recipient_column_headers": recipient_columns::names(channel),
        "placeholders": sheet.placeholders(),
        "placeholders_as_column_keys": placeholder_keys,
        "missing_column_headers": missing,
        "duplicate_recipient_column_headers": report.duplicate_recipient_column_headers,
        "count_of_required_recipient_columns": recipient_columns::required(channel),
        "has_recipient_columns": report.has_recipient_columns,
        "len": report.rows(),
        "too_many_rows": report.too_many_rows(),
        "more_rows_than_can_send": report.more_rows_than_can_send(),
        "allowed_to_send_to": report.allowed_to_send_to,
        "international_sms_count": report.international_sms_count,
        "more_international_sms_than_can_send": report.more_international_sms_than_can_send(),
        "has_errors": report.has_errors(),
        "rows_with_errors": sheet.rows_with(RowProblems::has_error),
        "rows_with_bad_recipients": sheet.rows_with(RowProblems::has_bad_recipient),
        "rows_with_missing_data": sheet.rows_with(RowProblems::has_missing_data),
        "rows_with_message_too_long": sheet.rows_with(RowProblems::message_too_long),
        "rows_with_empty_message": sheet.rows_with(RowProblems::message_empty),
        "rows_with_bad_qr_codes": sheet.rows_with(|problems| problems.qr_code_too_long().is_some()),
        "initial_rows": or_null_past_limit(sheet, sheet.initial_rows()),
        "initial_rows_with_errors": sheet.initial_rows_with_errors(),
        "displayed_rows": or_null_past_limit(sheet, sheet.displayed_rows()),
        "rows": sheet.rows().map(|row| row.map(|row| about_row(sheet, &row, settings))).collect::<Vec<_>>(),
    })
}

fn or_null_past_limit(
    sheet: &Sheet,
    indexes: impl IntoIterator<Item = usize>,
) -> Vec<Option<usize>> {
    indexes
        .into_iter()
        .map(|index| sheet.row(index).map(|row| row.index()))
        .collect()
}

fn about_row(sheet: &Sheet, row: &Row<'_>, settings: &Settings) -> Value {
    let problems = sheet
        .problems(row.index())
        .expect("rows within the limit are judged");
    let json_or_null =
        |value: Option<&CellValue<'_>>| value.map_or(Value::Null, CellValue::to_json);
    let mut recipient = row.values_of_recipient().map(json_or_null);
    let recipient = match settings.template.channel() {
        Channel::Letter => recipient.collect(),
        Channel::Sms | Channel::Email => recipient.next().expect("one recipient column"),
    };
    let values: Map<String, Value> = row
        .values()
        .map(|(key, value)| (key.to_owned(), value.to_json()))
        .collect();
    let personalisation = row.personalisation(settings.template.placeholders());
    let personalisation: Map<String, Value> = personalisation
        .iter()
        .map(|(key, value)| (key.to_owned(), value.clone()))
        .collect();
    let mut about = json!({
        "index": row.index(),
        "recipient": recipient,
        "personalisation": personalisation,
        "recipient_and_personalisation": values,
        "extra_columns": row.extra_cells().map(Iterator::collect::<Vec<_>>),
        "cells": about_cells(sheet, row),
        "has_missing_data": problems.has_missing_data(),
        "has_error": problems.has_error(),
        "has_bad_recipient": problems.has_bad_recipient(),
        "has_error_spanning_multiple_cells": problems.has_error_spanning_multiple_cells(),
        "message_too_long": problems.message_too_long(),
        "message_empty": problems.message_empty(),
        "qr_code_too_long": problems.qr_code_too_long().map(|bytes| json!({"num_bytes": bytes, "max_bytes": MOST_QR_CODE_BYTES})),
    });
    if settings.template.channel() == Channel::Letter {
        let address = PostalAddress::from_personalisation(
            &row.address(),
            settings.allow_international_letters,
        );
        about["postal_address"] = json!({
            "normalised_lines": address.normalised_lines(),
            "postage": address.postage().as_str(),
            "valid": address.is_valid(),
        });
    }
    about
}

fn about_cells(sheet: &Sheet, row: &Row<'_>) -> Map<String, Value> {
    let about = |cell: pillarbox_spreadsheets::Cell<'_>| {
        json!({
            "data": cell.value.to_json(),
            "ignore": cell.is_ignored,
            "error": cell.problem.map(|problem| problem.to_string()),
            "recipient_error": cell.problem.is_some_and(CellProblem::is_recipient_error),
        })
    };
    sheet
        .cells(row)
        .map(|cell| (cell.key.to_owned(), about(cell)))
        .collect()
}

/// Takes out what the published behaviour has no answer about: there the file has null where it otherwise has a number, a
/// boolean or an array. Where null can be an answer, or both sides are more than that, it stays to be compared.
fn without_unasked(ours: Value, expect: &Value) -> Value {
    match (ours, expect) {
        (Value::Bool(_) | Value::Number(_) | Value::Array(_), Value::Null) => Value::Null,
        (Value::Object(ours), Value::Object(expect)) => {
            let answer = |(name, value): (String, Value)| {
                let is_answer = matches!(
                    name.as_str(),
                    "cells" | "extra_columns" | "qr_code_too_long" | "recipient"
                ) || name.contains("personalisation");
                let expect = expect.get(&name).filter(|_| !is_answer);
                let value = expect.map_or(value.clone(), |expect| without_unasked(value, expect));
                (name, value)
            };
            Value::Object(ours.into_iter().map(answer).collect())
        }
        (Value::Array(ours), Value::Array(expect)) if ours.len() == expect.len() => ours
            .into_iter()
            .zip(expect)
            .map(|(ours, expect)| {
                if expect.is_null() {
                    ours
                } else {
                    without_unasked(ours, expect)
                }
            })
            .collect(),
        (ours, _) => ours,
    }
}
