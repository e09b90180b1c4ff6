//! E-mails, letters and the Markdown in them, and letter timings (`templates.md` §7–§10, §12).

use content::{
    emails::{Email, EmailTemplate},
    markdown,
    placeholders::Values,
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
        Some("letter") => typography::restore_hyphens(&markdown::to_letter_html(&text)),
        other => panic!("no such renderer: {other:?}"),
    };
    json!({ "result": result })
}

fn with_email(input: &Value, answer: impl Fn(&Email<'_>) -> Value) -> Value {
    let template = EmailTemplate::parse(&text(input, "subject"), &text(input, "content"));
    let values = values(input);
    let link = text(input, "unsubscribe_link");
    let email = template
        .fill(&values)
        .redacting_if(input["redact"] == true)
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
