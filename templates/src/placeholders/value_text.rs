//! Conversion of a value to text and to a truth value (`docs/spec/templates.md` §2.5 and §2.6).

use std::borrow::Cow;

use serde_json::Value;

use text::{number_text, python_repr};

use super::Lists;
use text::{trim, unicode_15_1::lower};

/// Values that make a conditional placeholder show its text.
const TRUE_WORDS: [&str; 7] = ["yes", "y", "true", "t", "1", "include", "show"];

/// Formats a value; `None` if it is null. Escapes nothing.
pub(super) fn value_text(value: &Value, lists: Lists) -> Option<Cow<'_, str>> {
    match value {
        Value::Null => None,
        Value::Array(items) => Some(Cow::Owned(list_text(items, lists))),
        other => Some(single_text(other)),
    }
}

/// Returns about how many bytes a value has as text; exactly as many for a text, which is what can be large.
pub(super) fn value_size(value: &Value) -> usize {
    match value {
        Value::Null => 0,
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(value_size).sum::<usize>() + items.len(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| name.len() + value_size(value))
            .sum(),
        // The longest number has as many digits as the request gave it.
        Value::Bool(_) | Value::Number(_) => 8,
    }
}

fn single_text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        Value::Number(number) => Cow::Owned(number_text(number)),
        // The reference formats what is neither text nor number as Python does.
        other => Cow::Owned(python_repr(other)),
    }
}

fn list_text(items: &[Value], lists: Lists) -> String {
    let items: Vec<String> = items
        .iter()
        // Sheets have empty cells in the columns of a list.
        .filter(|item| !item.is_null())
        .map(|item| trim(&single_text(item)).into_owned())
        .filter(|item| !item.is_empty())
        .collect();
    match lists {
        Lists::Markdown if !items.is_empty() => format!("\n\n* {}", items.join("\n* ")),
        _ => sentence(&items),
    }
}

/// Joins items as a sentence: `a, b and c`.
fn sentence(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Returns whether a text makes a conditional placeholder show its text. Ignores case; does not trim.
pub(super) fn is_true_word(text: &str) -> bool {
    // Avoids lower-casing long texts: the longest word has seven characters, and a character of up to three bytes can
    // become one of one byte.
    text.len() <= 3 * 7 && TRUE_WORDS.contains(&lower(text).as_str())
}

/// Returns whether a value counts as true. Lists and objects never do.
pub fn is_true(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) | Value::Array(_) | Value::Object(_) => false,
        other => is_true_word(&single_text(other)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(value: &Value) -> String {
        value_text(value, Lists::Sentence)
            .expect("a value")
            .into_owned()
    }

    #[test]
    fn single_values_are_written_plainly() {
        assert_eq!(text(&json!(" as it is ")), " as it is ");
        assert_eq!(text(&json!(7)), "7");
        assert_eq!(text(&json!(10.0)), "10.0");
        assert_eq!(text(&json!(true)), "True");
        assert_eq!(text(&json!({"k": "v"})), "{'k': 'v'}");
        assert_eq!(value_text(&json!(null), Lists::Sentence), None);
    }

    #[test]
    fn a_list_is_a_sentence_or_bullets_without_what_is_blank() {
        let list = json!(["a", null, " \u{200B}\u{A0}", " b\u{202F}c\n", ["x"], ""]);
        assert_eq!(text(&list), "a, bc and ['x']");
        assert_eq!(
            value_text(&list, Lists::Markdown).expect("a text"),
            "\n\n* a\n* bc\n* ['x']"
        );
        assert_eq!(text(&json!(["one"])), "one");
        assert_eq!(
            value_text(&json!([null]), Lists::Markdown).expect("a text"),
            ""
        );
    }

    #[test]
    fn seven_words_are_true_in_any_case() {
        for word in TRUE_WORDS {
            assert!(
                is_true_word(word) && is_true_word(&word.to_uppercase()),
                "{word}"
            );
        }
        for word in ["", " yes", "yes ", "on", "1.0", "ｙ", "yess"] {
            assert!(!is_true_word(word), "{word}");
        }
    }

    #[test]
    fn a_bare_list_is_never_true() {
        for value in [json!(true), json!(1), json!("Show")] {
            assert!(is_true(&value), "{value}");
        }
        for value in [
            json!(null),
            json!(0),
            json!(1.0),
            json!([]),
            json!(["yes"]),
            json!({"a": 1}),
            json!(false),
        ] {
            assert!(!is_true(&value), "{value}");
        }
    }
}
