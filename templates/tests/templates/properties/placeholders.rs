//! Filling a text changes its placeholders and nothing else (`docs/spec/templates.md` §2).

use pillarbox_templates::placeholders::{
    Field, Html, Lists, Missing, Placeholder, Target, Text, Values, effective, missing, name_key,
};
use serde_json::Value;
use text::html_escape;

/// Fills any content with any values, in every way.
pub(crate) fn promises_hold(content: &str, values: &Values) {
    let text = Text::parse(content);
    assert_eq!(text.source(), content);
    for name in text.placeholders().iter() {
        assert_eq!(name_key(&name_key(name)), name_key(name));
        assert!(content.contains(Placeholder::parse(name).name));
    }
    for html in [Html::Escape, Html::Passthrough] {
        for missing in [
            Missing::Named,
            Missing::NamedWithoutBrackets,
            Missing::Redacted,
        ] {
            for (lists, target) in [
                (Lists::Sentence, Target::PlainText),
                (Lists::Markdown, Target::Html),
            ] {
                let field = Field {
                    html,
                    lists,
                    missing,
                    target,
                };
                let filled = text.fill(values, field);
                text.is_message_empty(&filled);
            }
        }
    }
    plain_text_without_values_shows_itself(&text);
    text_without_placeholders_shows_itself(&text, values);
    nothing_is_missing_once_it_is_given(&text, values);
}

fn plain_text_without_values_shows_itself(text: &Text) {
    assert_eq!(text.fill_plain(&Values::new()), text.source());
}

fn text_without_placeholders_shows_itself(text: &Text, values: &Values) {
    if text.placeholders().is_empty() {
        assert_eq!(text.fill_plain(values), text.source());
        // Escaping may bring forth parentheses, and with them placeholders.
        let escaped = html_escape::escape(text.source());
        if !escaped.contains("((") {
            assert_eq!(text.fill(values, Field::HTML), escaped);
        }
    }
}

fn nothing_is_missing_once_it_is_given(text: &Text, values: &Values) {
    let missed = missing(text.placeholders(), values);
    let mut all = effective(text.placeholders(), values);
    for name in &missed {
        all.insert(name.clone(), Value::from("x"));
    }
    assert!(missing(text.placeholders(), &all).is_empty());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            r"[-a<&;( )?]{0,8}".prop_map(Value::from),
            Just(json!("yes")),
            Just(Value::Null),
            any::<f64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            Just(json!(["a", null, " ", 1.5, ["b"], {"c": "d"}])),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn only_placeholders_change(
            content in r"([-_a-cA ?&;<]|\(\(|\)\)|[()]|\(\(a\)\)|\(\(b\?\?x\)\)|&#40;){0,20}|\PC{0,20}",
            values in proptest::collection::vec(("[-_a-cA &<]{0,3}", value()), 0..4),
        ) {
            super::promises_hold(&content, &values.into_iter().collect());
        }
    }
}
