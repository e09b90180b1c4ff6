//! E-mails, letters and the Markdown in them, and letter timings (`docs/spec/templates.md` §7–§10, §12).

use std::num::NonZeroI32;

use domain::{NotificationStatus, Postage};
use jiff::{
    Timestamp, ZonedDateTime,
    civil::{Date, time},
    tz::TimeZone,
};
use pillarbox_templates::{
    emails::{Email, EmailTemplate},
    letter_timings::{
        Calendar, Delivery, Division, Timings, days_in_transit, from_london, is_bank_holiday,
        printing_started, set_hour, to_london, utc_from_text,
    },
    letters::{AddressLines, Language, LetterTemplate, logo_class, long_date},
    markdown::{self, QrCodeTooLarge},
    placeholders::Values,
    qr_codes::QrCode,
    typography,
};
use serde_json::{Value, json};

pub(crate) fn email_plain(input: &Value, expect: &Value) -> Value {
    match op(input) {
        "plain_email" => with_email(input, |email| {
            json!({
                "subject": email.subject(),
                "body": email.plain_body(),
                "markdown_stage": email.plain_markdown(),
            })
        }),
        "email_size" => with_email(input, |email| {
            json!({
                "content_size_in_bytes": email.size_bytes(),
                "is_message_too_long": email.is_message_too_long(),
                "content_count": email.content().chars().count(),
            })
        }),
        _ => bare_markdown(input, expect),
    }
}

pub(crate) fn email_html(input: &Value, expect: &Value) -> Value {
    match op(input) {
        "html_email" => with_email(input, |email| {
            json!({
                "subject": email.html_subject(),
                "body_html": without_styles(&email.html_body()),
                "preheader": email.preheader(),
                "markdown_stage": without_styles(&email.html_markdown()),
            })
        }),
        _ => bare_markdown(input, expect),
    }
}

/// The bare Markdown function.
fn bare_markdown(input: &Value, _: &Value) -> Value {
    let text = text(input, "text");
    let result = match input["renderer"].as_str() {
        Some("email") => without_styles(&markdown::to_email_html(&text)),
        Some("plain_text" | "plain") => markdown::to_plain_text(&text),
        Some("preheader") => markdown::to_preheader(&text),
        Some("letter") => markdown::to_letter_html(&text),
        other => panic!("no such renderer: {other:?}"),
    };
    json!({ "result": result })
}

pub(crate) fn letter(input: &Value, expect: &Value) -> Value {
    match op(input) {
        "letter" => whole_letter(input),
        "qr" => {
            let code = QrCode::encode(&text(input, "data")).expect("a text that fits");
            let mode = format!("{:?}", code.mode()).to_lowercase();
            let modules: Vec<String> = code
                .rows()
                .map(|row| {
                    row.iter()
                        .map(|&is_dark| if is_dark { '1' } else { '0' })
                        .collect()
                })
                .collect();
            json!({
                "version": code.version(),
                "error_level": code.level().letter().to_string(),
                "mask": code.mask(),
                "mode": mode,
                "modules": modules,
                "svg": code.svg(),
            })
        }
        _ => bare_markdown(input, expect),
    }
}

fn whole_letter(input: &Value) -> Value {
    let template = LetterTemplate::parse(&text(input, "subject"), &text(input, "content"))
        .with_contact_block(&text(input, "contact_block"))
        .with_welsh(
            &text(input, "letter_welsh_subject"),
            &text(input, "letter_welsh_content"),
        );
    let language = if input["language"] == "welsh" {
        Language::Welsh
    } else {
        Language::English
    };
    let values = values(input);
    let letter = template
        .fill_in(language, &values)
        .with_redaction(input["redact"] == true);
    let date = input["date"].as_str().unwrap_or("2025-01-01T12:00:00");
    let day = to_london(utc_from_text(date).expect("a moment")).date();
    let body = letter.html_body();
    let mut answer = json!({
        "subject": letter.subject(),
        "body_html_without_qr": without_symbols(&body),
        "body_html": body,
        "markdown_stage_without_qr": without_symbols(&typography::restore_hyphens(&letter.html_markdown())),
        "contact_block": letter.contact_block(),
        "date": long_date(day, language),
        "logo_class": logo_class(&text(input, "logo_file_name")),
        "placeholders": letter.placeholders().iter().collect::<Vec<_>>(),
        "missing_data": letter.missing(),
        "qr_error": letter.qr_code_error().map(|error| json!({
            "num_bytes": error.size_bytes(),
            "max_bytes": QrCodeTooLarge::LIMIT_BYTES,
            "data": error.data,
            "message": error.to_string(),
        })),
    });
    if input["values"].is_object() {
        let (AddressLines::Address(lines) | AddressLines::Placeholders(lines)) =
            letter.address_lines();
        answer["address_lines"] = lines.into();
    }
    answer
}

/// With a mark for each QR symbol.
fn without_symbols(html: &str) -> String {
    let mut bare = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(place) = rest.find("<svg") {
        bare.push_str(&rest[..place]);
        bare.push_str("{QR}");
        let end = rest[place..].find("</svg>").expect("the end of a symbol");
        rest = &rest[place + end + "</svg>".len()..];
    }
    bare + rest
}

fn with_email(input: &Value, answer: impl Fn(&Email<'_>) -> Value) -> Value {
    let template = EmailTemplate::parse(&text(input, "subject"), &text(input, "content"));
    let values = values(input);
    let link = text(input, "unsubscribe_link");
    let email = template
        .fill(&values)
        .with_redaction(input["redact"] == true)
        .with_unsubscribe_link(&link);
    answer(&email)
}

fn op(input: &Value) -> &str {
    input["op"].as_str().expect("an op")
}

/// A text, or a text so many times; nothing where it is left out.
fn text(input: &Value, name: &str) -> String {
    match &input[name] {
        Value::String(text) => text.clone(),
        Value::Object(repeated) => {
            let times = repeated["times"].as_u64().expect("a number of times");
            let text = repeated["repeat"].as_str().expect("a text to repeat");
            text.repeat(usize::try_from(times).expect("a small number"))
        }
        _ => String::new(),
    }
}

fn values(input: &Value) -> Values {
    input["values"]
        .as_object()
        .map(Values::from_json)
        .unwrap_or_default()
}

/// Inline styles are ours; what is compared is the structure.
fn without_styles(html: &str) -> String {
    let mut bare = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(place) = rest.find(" style=\"") {
        bare.push_str(&rest[..place]);
        let value = &rest[place + " style=\"".len()..];
        rest = &value[value.find('"').expect("the end of a style") + 1..];
    }
    bare + rest
}

pub(crate) fn letter_timings(input: &Value, expect: &Value) -> Value {
    answer_timings(input, expect).unwrap_or_else(|refusal| json!({ "error": refusal }))
}

/// Returns whether the reference regards a letter as handed to the print provider (`docs/spec/templates.md` §12.3).
fn is_too_late_to_cancel(created_at: Timestamp, now: Timestamp) -> bool {
    let (created, local_now) = (to_london(created_at).datetime(), to_london(now).datetime());
    if (created.hour(), created.minute()) != (17, 30) {
        return printing_started(created_at, now).is_some();
    }
    // The one difference from our rule: the reference counts the whole minute to the run of its day, and compares with
    // the seconds of `now`.
    let deadline = local_now.with().hour(17).minute(30).build();
    let deadline = deadline.expect("17:30 is a time of every day");
    created.date() < local_now.date()
        || (local_now.time() >= time(17, 30, 0, 0) && created <= deadline)
}

fn answer_timings(input: &Value, expect: &Value) -> Result<Value, String> {
    let answer = match op(input) {
        "timings" => timings(input)?,
        "can_be_cancelled" => {
            let (created, now) = (moment(input, "created_at")?, moment(input, "now")?);
            let may_become_cancelled = text(input, "status")
                .parse::<NotificationStatus>()
                .is_ok_and(|status| status.can_transition_to(NotificationStatus::Cancelled));
            let too_late = is_too_late_to_cancel(created, now);
            json!({
                "can_be_cancelled": may_become_cancelled && !too_late,
                "too_late": too_late,
            })
        }
        "working_days" => working_days(date(input, "date")?),
        "offset" => {
            let days = input["days"]
                .as_i64()
                .and_then(|days| i32::try_from(days).ok());
            let days = days.and_then(NonZeroI32::new).ok_or("days must not be 0")?;
            let calendar = if input["calendar"] == "dvla" {
                Calendar::Dvla
            } else {
                Calendar::RoyalMail(postage(input)?)
            };
            json!({ "date": calendar.offset(date(input, "date")?, days).to_string() })
        }
        "delivery" => {
            let postage = postage(input)?;
            let delivery = Delivery::of(date(input, "print_day")?, postage);
            json!({
                "days_in_transit": days_in_transit(postage),
                "earliest": delivery.earliest.to_string(),
                "latest": delivery.latest.to_string(),
            })
        }
        "utc_to_london" => {
            let london = to_london(moment(input, "utc")?);
            let mut answer = json!({ "london_aware": with_offset(&london) });
            if expect.get("london_naive").is_some() {
                answer["london_naive"] = without_offset(&london).into();
            }
            answer
        }
        "london_to_utc" => {
            let shown = text(input, "london").parse().map_err(|_| "no time")?;
            json!({ "utc": without_offset(&from_london(shown).to_zoned_datetime(TimeZone::UTC)) })
        }
        "set_hour" => {
            let hour = input["hour"]
                .as_i64()
                .and_then(|hour| i8::try_from(hour).ok());
            let given = text(input, "datetime").parse().map_err(|_| "no moment")?;
            let set =
                set_hour(given, hour.ok_or("no hour")?).map_err(|refusal| refusal.to_string())?;
            json!({ "utc": with_offset(&set.to_zoned_datetime(TimeZone::UTC)) })
        }
        other => panic!("no such op: {other}"),
    };
    Ok(answer)
}

fn timings(input: &Value) -> Result<Value, String> {
    let upload = moment(input, "upload_time")?;
    let now = match input.get("now") {
        Some(_) => moment(input, "now")?,
        None => upload,
    };
    let timings = Timings::of(upload, postage(input)?);
    let utc = |moment: Timestamp| with_offset(&moment.to_zoned_datetime(TimeZone::UTC));
    Ok(json!({
        "printed_by": utc(timings.printed_by),
        "is_printed": timings.is_printed(now),
        "earliest_delivery": utc(timings.earliest_delivery),
        "latest_delivery": utc(timings.latest_delivery),
    }))
}

fn working_days(day: Date) -> Value {
    let (dvla, first, other) = (
        Calendar::Dvla,
        Calendar::RoyalMail(Postage::First),
        Calendar::RoyalMail(Postage::Second),
    );
    json!({
        "dvla": dvla.is_working_day(day),
        "royal_mail_first_class": first.is_working_day(day),
        "royal_mail_default": other.is_working_day(day),
        "bank_holiday": {
            "england-and-wales": is_bank_holiday(Division::EnglandAndWales, day),
            "scotland": is_bank_holiday(Division::Scotland, day),
            "northern-ireland": is_bank_holiday(Division::NorthernIreland, day),
        },
        "next_dvla": dvla.next_working_day(day).to_string(),
        "previous_dvla": dvla.previous_working_day(day).to_string(),
        "next_royal_mail_first": first.next_working_day(day).to_string(),
        "next_royal_mail_second": other.next_working_day(day).to_string(),
        "previous_royal_mail_first": first.previous_working_day(day).to_string(),
        "previous_royal_mail_second": other.previous_working_day(day).to_string(),
    })
}

fn moment(input: &Value, name: &str) -> Result<Timestamp, String> {
    utc_from_text(&text(input, name)).map_err(|refusal| refusal.to_string())
}

fn date(input: &Value, name: &str) -> Result<Date, String> {
    text(input, name).parse().map_err(|_| "no date".to_owned())
}

fn postage(input: &Value) -> Result<Postage, String> {
    text(input, "postage")
        .parse()
        .map_err(|_| "no postage".to_owned())
}

fn with_offset(time: &ZonedDateTime) -> String {
    without_offset(time) + &time.strftime("%:z").to_string()
}

/// Fractions of a second have six digits in the files, or there is none.
fn without_offset(time: &ZonedDateTime) -> String {
    let format = if time.subsec_nanosecond() == 0 {
        "%Y-%m-%dT%H:%M:%S"
    } else {
        "%Y-%m-%dT%H:%M:%S%.6f"
    };
    time.strftime(format).to_string()
}
