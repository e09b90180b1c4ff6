//! `placeholders.jsonl`, `sms.jsonl` and `sanitise.jsonl` (`docs/spec/templates.md` §13).

use pillarbox_templates::{
    links,
    placeholders::{
        self, Field, Html, Lists, Missing, NameSet, Placeholder, Target, Text, Values, is_true,
        name_key,
    },
    sanitise::{self, FormattedList},
    text_messages::{Preview, TextMessage, TextMessageTemplate, not_encodable},
    typography,
};
use serde_json::{Value, json};
use text::{self, html_escape, python_repr};

/// `email_size_limit_bytes`.
const EMAIL_SIZE_LIMIT_BYTES: usize = 2_000_000;

pub(crate) fn placeholders(input: &Value, _: &Value) -> Value {
    match text_of(&input["op"]).as_str() {
        "field" => field(input),
        "placeholder" => placeholder(&text_of(&input["text"])),
        "key" => json!({"normalised": name_key(&text_of(&input["key"]))}),
        "truthy" => json!({"shown": is_true(&input["value"])}),
        "template" => template(input),
        "insensitive_set" => insensitive_set(input),
        "insensitive_dict" => insensitive_dict(input),
        other => json!(format!("no such op: {other}")),
    }
}

fn field(input: &Value) -> Value {
    let text = Text::parse(&text_of(&input["content"]));
    let field = Field {
        html: if input["html"] == "passthrough" {
            Html::Passthrough
        } else {
            Html::Escape
        },
        lists: if is(input, "markdown_lists") {
            Lists::Markdown
        } else {
            Lists::Sentence
        },
        missing: match (is(input, "redact"), input["with_brackets"] == false) {
            (true, _) => Missing::Redacted,
            (false, true) => Missing::NamedWithoutBrackets,
            (false, false) => Missing::Named,
        },
        target: if is(input, "plain_text") {
            Target::PlainText
        } else {
            Target::Html
        },
    };
    json!({
        "placeholders": names(text.placeholders()),
        "rendered": text.fill(&values_of(&input["values"]), field),
        "unfilled": text.fill(&Values::new(), field),
    })
}

fn placeholder(text: &str) -> Value {
    let Placeholder {
        name,
        conditional_text,
    } = Placeholder::parse(text);
    json!({"name": name, "conditional": conditional_text.is_some(), "conditional_text": conditional_text})
}

fn template(input: &Value) -> Value {
    let content = Text::parse(&text_of(&input["content"]));
    let names_in = |field: &str| Text::parse(&text_of(&input[field])).placeholders().clone();
    let own = match input["type"].as_str() {
        Some("email") => names_in("subject").union(content.placeholders()),
        Some("letter") => [
            "contact_block",
            "letter_welsh_subject",
            "letter_welsh_content",
            "subject",
            "content",
        ]
        .into_iter()
        .fold(NameSet::new(), |names, field| names.union(&names_in(field))),
        _ => content.placeholders().clone(),
    };
    let values = values_of(&input["values"]);
    let effective = placeholders::effective(&own, &values);
    let mut additional = placeholders::additional(&own, &values);
    additional.sort_unstable();
    let (filled, count, is_empty, is_too_long) = if input["type"] == "sms" {
        let message = TextMessageTemplate::parse(content.source()).fill(&values, None);
        let (count, is_empty, is_too_long) = (
            message.content_count(),
            message.is_empty(),
            message.is_too_long(),
        );
        (message.into_text(), count, is_empty, is_too_long)
    } else {
        let filled = content.filled_source(&values, false);
        let (count, is_empty) = (filled.chars().count(), content.is_message_empty(&filled));
        let is_too_long = input["type"] == "email" && filled.len() > EMAIL_SIZE_LIMIT_BYTES;
        (filled, count, is_empty, is_too_long)
    };
    json!({
        "placeholders": names(&own),
        "missing_data": placeholders::missing(&own, &values),
        "additional_data": additional,
        "effective_values": effective.iter().map(|(name, value)| (name.to_owned(), value.clone()))
            .collect::<serde_json::Map<_, _>>(),
        "effective_value_order": effective.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        "content_with_placeholders_filled_in": filled,
        "content_count": count,
        "is_message_empty": is_empty,
        "is_message_too_long": is_too_long,
    })
}

fn insensitive_set(input: &Value) -> Value {
    let set = |field: &str| texts(&input[field]).into_iter().collect::<NameSet>();
    let (left, right) = (set("a"), set("b"));
    json!({
        "items": names(&left),
        "union": names(&left.union(&right)),
        "intersection": names(&left.intersection(&right)),
        "difference": names(&left.difference(&right)),
        "equal": left == right,
        "contains": texts(&input["probe"]).iter().map(|name| left.contains(name)).collect::<Vec<_>>(),
    })
}

fn insensitive_dict(input: &Value) -> Value {
    let pairs = input["pairs"].as_array().expect("pairs");
    let map: Values = pairs
        .iter()
        .map(|pair| (text_of(&pair[0]), pair[1].clone()))
        .collect();
    json!({
        "keys": map.entries().map(|(key, ..)| key).collect::<Vec<_>>(),
        "values": map.iter().map(|(_, value)| value).collect::<Vec<_>>(),
        "lookups": texts(&input["probe"]).iter().map(|name| map.get(name)).collect::<Vec<_>>(),
    })
}

pub(crate) fn sms(input: &Value, _: &Value) -> Value {
    let content = text_of(&input["content"]);
    let template = TextMessageTemplate::parse(&content);
    let values = values_of(&input["values"]);
    let prefix = input["prefix"]
        .as_str()
        .filter(|_| input["show_prefix"] != false);
    match text_of(&input["op"]).as_str() {
        "message" => message(&template.fill(&values, prefix), &template.missing(&values)),
        "preview" => {
            let options = Preview {
                prefix,
                redact: is(input, "redact"),
                downgrade_characters: input["downgrade_non_sms_characters"] != false,
            };
            let message = template.fill(&values, prefix);
            json!({
                "html": template.preview(&values, options),
                "content_count": message.content_count(),
                "fragment_count": message.fragment_count(),
            })
        }
        "body_preview" => json!({"html": template.body_preview(&values)}),
        "encode" => {
            let text = text_of(&input["text"]);
            json!({"encoded": text::sms(&text), "not_encodable": not_encodable(&text)})
        }
        other => json!(format!("no such op: {other}")),
    }
}

fn message(message: &TextMessage, missing: &[String]) -> Value {
    json!({
        "message": message.text(),
        "content_count": message.content_count(),
        "content_count_without_prefix": message.content_count_without_prefix(),
        "fragment_count": message.fragment_count(),
        "characters_above_previous_fragment_boundary": message.characters_above_previous_fragment_boundary(),
        "non_gsm_characters": message.non_gsm_characters(),
        "extended_gsm_count": message.extended_gsm_count(),
        "is_message_too_long": message.is_too_long(),
        "characters_above_limit": message.characters_above_limit(),
        "is_message_empty": message.is_empty(),
        "missing_data": missing,
    })
}

pub(crate) fn sanitise(input: &Value, _: &Value) -> Value {
    let function = text_of(&input["function"]);
    match function.as_str() {
        "formatted_list" | "unescaped_formatted_list" => {
            return formatted_list(input, function == "formatted_list");
        }
        "format_file_size" => {
            return json!({"result": sanitise::format_file_size(input["bytes"].as_u64().expect("a size"))});
        }
        _ => {}
    }
    if !input["text"].is_string() && !input["text"].is_object() {
        // What is no text comes back as it is.
        return json!({"result": input["text"]});
    }
    json!({"result": format_text(&function, &text_of(&input["text"]), input)})
}

fn format_text(function: &str, text: &str, input: &Value) -> Value {
    match function {
        "normalise_whitespace" => json!(text::normalise_spaces(text)),
        "normalise_whitespace_and_newlines" => json!(sanitise::normalise_lines(text)),
        "get_lines_with_normalised_whitespace" => {
            json!(
                text::lines(text)
                    .map(text::normalise_spaces)
                    .collect::<Vec<_>>()
            )
        }
        "normalise_multiple_newlines" => json!(sanitise::normalise_multiple_newlines(text)),
        "nl2br" => json!(sanitise::newlines_to_breaks(text)),
        "escape_html" => json!(html_escape::escape(text)),
        "unescape_strict" => json!(html_escape::decode_strict(text)),
        "unlink_govuk_escaped" => json!(typography::unlink_govuk(text)),
        "strip_unsupported_characters" => json!(typography::strip_unsupported_characters(text)),
        "remove_whitespace_before_punctuation" => {
            json!(typography::remove_whitespace_before_punctuation(text))
        }
        "make_quotes_smart" => json!(typography::make_quotes_smart(text)),
        "remove_smart_quotes_from_email_addresses" => {
            json!(typography::straighten_quotes_in_email_addresses(text))
        }
        "replace_hyphens_with_en_dashes" => json!(typography::replace_hyphens_with_en_dashes(text)),
        "do_nice_typography" => json!(typography::apply_typography(text)),
        "replace_hyphens_with_non_breaking_hyphens" => {
            json!(typography::replace_hyphens_with_non_breaking_hyphens(text))
        }
        "replace_svg_dashes" => json!(typography::protect_hyphens(text)),
        "restore_svg_dashes" => json!(typography::restore_hyphens(text)),
        "url_encode_full_stops" => json!(links::encode_full_stops(text)),
        "add_prefix" => json!(sanitise::add_prefix(
            text.to_owned(),
            input["prefix"].as_str()
        )),
        "prepend_subject" => json!(sanitise::prepend_subject(text, &text_of(&input["subject"]))),
        "add_trailing_newline" => json!(sanitise::add_trailing_newline(text)),
        "strip_leading_whitespace" => json!(sanitise::strip_leading_whitespace(text)),
        "strip_all_whitespace" => {
            json!(sanitise::strip_all_whitespace(
                text,
                &text_of(&input["extra_trailing_characters"])
            ))
        }
        "strip_and_remove_obscure_whitespace" => json!(text::trim(text)),
        "remove_whitespace" => json!(text::remove_whitespace(text)),
        "sanitise_sms" => json!(text::sms(text)),
        "sms_not_encodable" => json!(not_encodable(text)),
        "sanitise_ascii" => json!(text::ascii(text)),
        "make_string_safe_for_email_local_part" => json!(sanitise::safe_email_local_part(text)),
        "make_string_safe_for_id" => json!(sanitise::safe_id(text)),
        "autolink_urls" => json!(links::autolink(text, &text_of(&input["classes"]))),
        "make_link_from_url" => json!(links::make_link(text, &text_of(&input["classes"]))),
        "create_sanitised_html_for_url" => json!(anchor(text, input)),
        other => json!(format!("no such function: {other}")),
    }
}

fn anchor(address: &str, input: &Value) -> String {
    let [classes, style, title, text] =
        ["classes", "style", "title", "link_text"].map(|option| text_of(&input[option]));
    links::Anchor {
        address,
        classes: &classes,
        style: &style,
        title: &title,
        text: &text,
    }
    .to_html()
}

fn formatted_list(input: &Value, escape: bool) -> Value {
    let items = texts(&input["items"]);
    let usual = FormattedList::default();
    let option = |name: &str, usual: &'static str| input[name].as_str().unwrap_or(usual);
    let list = FormattedList {
        conjunction: option("conjunction", usual.conjunction),
        before_each: option("before_each", usual.before_each),
        after_each: option("after_each", usual.after_each),
        separator: option("separator", usual.separator),
        prefix: option("prefix", usual.prefix),
        prefix_plural: option("prefix_plural", usual.prefix_plural),
        max_items_shown: input["max_items_shown"]
            .as_i64()
            .map(|most| usize::try_from(most).unwrap_or(0)),
        word_for_items_not_shown: option("word_for_items_not_shown", ""),
    };
    match if escape {
        list.to_html(&items)
    } else {
        list.to_text(&items)
    } {
        Ok(result) => json!({"result": result}),
        Err(error) => json!({"error": error.to_string()}),
    }
}

fn names(names: &NameSet) -> Vec<&str> {
    names.iter().collect()
}

fn values_of(values: &Value) -> Values {
    values
        .as_object()
        .map(Values::from_json)
        .unwrap_or_default()
}

fn is(input: &Value, option: &str) -> bool {
    input[option] == true
}

fn texts(items: &Value) -> Vec<String> {
    items
        .as_array()
        .map(|items| items.iter().map(text_of).collect())
        .unwrap_or_default()
}

/// A text, or `{"repeat", "times"}`; nothing is empty, anything else as Python shows it.
fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Object(repeated) if repeated.contains_key("repeat") => {
            let times = repeated["times"]
                .as_u64()
                .and_then(|times| usize::try_from(times).ok());
            text_of(&repeated["repeat"]).repeat(times.expect("a number of times"))
        }
        other => python_repr(other),
    }
}
