//! A longer text is never cheaper, and what is counted is what is sent (`docs/spec/templates.md` §5).

use pillarbox_templates::{
    placeholders::Values,
    text_messages::{Preview, TextMessage, TextMessageTemplate, not_encodable},
};

/// Characters of the basic alphabet that neither close a placeholder nor take space before them away.
const APPENDED: &str = "aZ0!é-:Δ";

/// Fills any content with any values and prefix.
pub(crate) fn promises_hold(content: &str, values: &Values, prefix: Option<&str>) {
    let template = TextMessageTemplate::parse(content);
    let message = template.fill(values, prefix);
    counts_belong_to_the_text(&message);
    template.preview(
        values,
        Preview {
            prefix,
            ..Preview::default()
        },
    );
    template.body_preview(values);
    for more in APPENDED.chars() {
        let longer = TextMessageTemplate::parse(&format!("{content}{more}")).fill(values, prefix);
        assert!(
            longer.fragment_count() >= message.fragment_count(),
            "{content:?} has fewer fragments with {more:?} at its end"
        );
        assert!(longer.content_count() > message.content_count());
    }
}

fn counts_belong_to_the_text(message: &TextMessage) {
    assert!(not_encodable(message.text()).is_empty());
    assert_eq!(
        message.content_count(),
        message.text().encode_utf16().count()
    );
    assert_eq!(
        message.is_empty(),
        message.content_count_without_prefix() == 0
    );
    assert_eq!(message.is_too_long(), message.characters_above_limit() > 0);
    let is_wide = !message.non_gsm_characters().is_empty();
    let (alone, joined) = if is_wide { (70, 67) } else { (160, 153) };
    let size = message.content_count()
        + if is_wide {
            0
        } else {
            message.extended_gsm_count()
        };
    let fragments = if size <= alone {
        1
    } else {
        size.div_ceil(joined)
    };
    assert_eq!(usize::try_from(message.fragment_count()), Ok(fragments));
    assert!(message.characters_above_previous_fragment_boundary() <= size);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    proptest! {
        #[test]
        fn a_text_grows_with_each_character(
            content in r"([a-z .,\n€ŵ?\u{A0}\u{200B}]|\(\(a\)\)|\(\(b\?\?yes\)\)|[()]|\PC){0,40}",
            times in 0_usize..30,
            value in r"[a-zŵ€\n ]{0,20}",
            prefix in proptest::option::of("[ A-Z]{0,10}"),
        ) {
            let content = content.repeat(times);
            let values = [("a", json!(value)), ("b", json!("yes"))].into_iter().collect();
            super::promises_hold(&content, &values, prefix.as_deref());
        }
    }
}
