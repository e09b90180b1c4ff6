//! A text with placeholders, parsed once and filled many times (`docs/spec/templates.md` §2.3–§2.5).

use std::{borrow::Cow, collections::HashMap, ops::Range, sync::OnceLock};

use serde_json::Value;

use super::{
    Field, Html, Missing, NameSet, Placeholder, Target, Values, name_key, placeholder,
    value_text::{is_true_word, value_size, value_text},
};
use text::{
    html_escape::{escape, may_need_escaping},
    is_any_space,
};

/// A text, split into literal parts and placeholders.
#[derive(Debug, Clone)]
pub struct Text {
    raw: Pieces,
    /// The escaped text, computed on first use: escaping can create placeholders and change names. `None` if it
    /// changes nothing.
    escaped: OnceLock<Option<Pieces>>,
    placeholders: NameSet,
}

impl Text {
    /// Parses a text. Any text is valid; an incomplete placeholder is literal.
    pub fn parse(content: &str) -> Self {
        let raw = Pieces::parse(content.to_owned());
        let mut placeholders = NameSet::new();
        for slot in &raw.slots {
            placeholders.insert_with_key(slot.key.clone(), &raw.content[slot.name.clone()]);
        }
        Self {
            raw,
            escaped: OnceLock::new(),
            placeholders,
        }
    }

    /// Returns the text as given.
    pub fn source(&self) -> &str {
        &self.raw.content
    }

    /// Returns the placeholder names, conditional ones included, in order of first appearance.
    pub fn placeholders(&self) -> &NameSet {
        &self.placeholders
    }

    /// Fills without HTML escaping; missing placeholders stay as typed.
    pub fn fill_plain(&self, values: &Values) -> String {
        self.fill(values, Field::PLAIN)
    }

    /// Fills in one pass.
    ///
    /// With [`Html::Escape`](super::Html) the names of values are escaped too; templates pass values from
    /// [`super::effective_for_html`].
    pub fn fill(&self, values: &Values, field: Field) -> String {
        let mut filled = String::with_capacity(self.raw.content.len() * 2);
        self.fill_into(&mut filled, values, field);
        filled
    }

    /// Like [`Text::fill`], but appends to `out`.
    pub fn fill_into(&self, out: &mut String, values: &Values, field: Field) {
        match field.html {
            Html::Passthrough => self.raw.fill(out, &|key| values.get_by_key(key), field),
            Html::Escape => self.fill_escaped(out, values, field),
        }
    }

    /// Returns how many bytes the text has at least once it is filled, without filling it: a placeholder that stands in a
    /// template a hundred times makes a hundred copies of its value.
    pub fn filled_size(&self, values: &Values) -> usize {
        let escaped = self.escaped().map_or(0, |pieces| {
            pieces.filled_size(&|key| values.get_by_key(key))
        });
        // Escaping can create placeholders.
        escaped.max(self.raw.filled_size(&|key| values.get_by_key(key)))
    }

    /// Returns the source with its placeholders filled, trimmed: the content of an e-mail or letter in API responses,
    /// whose size is limited (`docs/spec/templates.md` §3). Missing placeholders are spans even here.
    pub fn filled_source(&self, values: &Values, redact: bool) -> String {
        let filled = self.fill(
            values,
            Field::UNESCAPED_HTML
                .with_markdown_lists()
                .with_redaction(redact),
        );
        filled.trim_matches(is_any_space).to_owned()
    }

    /// Returns whether an e-mail or letter with this content is empty, given its [`Text::filled_source`]. Only
    /// content that starts and ends with a placeholder's parentheses, or no content, can be empty; blank content is
    /// not.
    pub fn is_message_empty(&self, filled_source: &str) -> bool {
        let source = self.source();
        // Blank content is not empty, as in the reference: only what placeholders alone make up can be.
        source.is_empty()
            || (source.starts_with("((") && source.ends_with("))") && filled_source.is_empty())
    }

    fn fill_escaped(&self, out: &mut String, values: &Values, field: Field) {
        let pieces = self.escaped().unwrap_or(&self.raw);
        if !values.iter().any(|(name, _)| may_need_escaping(name)) {
            return pieces.fill(out, &|key| values.get_by_key(key), field);
        }
        let by_escaped_name: HashMap<String, &Value> = values
            .iter()
            .map(|(name, value)| (name_key(&escape(name)), value))
            .collect();
        pieces.fill(out, &|key| by_escaped_name.get(key).copied(), field);
    }

    fn escaped(&self) -> Option<&Pieces> {
        let escaped = self
            .escaped
            .get_or_init(|| match escape(&self.raw.content) {
                Cow::Borrowed(_) => None,
                Cow::Owned(content) => Some(Pieces::parse(content)),
            });
        escaped.as_ref()
    }
}

/// A text and the ranges in it to be filled, from left to right.
#[derive(Debug, Clone)]
struct Pieces {
    content: String,
    slots: Vec<Slot>,
}

#[derive(Debug, Clone)]
struct Slot {
    /// Range in the text, parentheses included.
    place: Range<usize>,
    key: Box<str>,
    name: Range<usize>,
    conditional_text: Option<Range<usize>>,
}

impl Pieces {
    fn parse(content: String) -> Self {
        let slots = placeholder::find_all(&content)
            .map(|(place, found)| Slot::new(place, found))
            .collect();
        Self { content, slots }
    }

    fn fill<'values>(
        &self,
        out: &mut String,
        value_of: &dyn Fn(&str) -> Option<&'values Value>,
        field: Field,
    ) {
        let mut done = 0;
        for slot in &self.slots {
            out.push_str(&self.content[done..slot.place.start]);
            done = slot.place.end;
            // In one pass, so that a placeholder inside a value is not filled: values come from the public.
            match value_of(&slot.key).and_then(|value| value_text(value, field.lists)) {
                Some(text) => self.put(out, slot, &text, field),
                None => write_missing(out, self.placeholder(slot), field),
            }
        }
        out.push_str(&self.content[done..]);
    }

    fn filled_size<'values>(&self, value_of: &dyn Fn(&str) -> Option<&'values Value>) -> usize {
        let values = self.slots.iter().map(|slot| {
            // A conditional placeholder shows a part of the content and nothing of the value.
            if slot.conditional_text.is_some() {
                return 0;
            }
            value_of(&slot.key).map_or(0, value_size)
        });
        // Sums saturate: any value at all above the limit is as good as another.
        values.fold(self.content.len(), usize::saturating_add)
    }

    fn put(&self, out: &mut String, slot: &Slot, text: &str, field: Field) {
        let escaped = |text| match field.html {
            Html::Escape => escape(text),
            Html::Passthrough => Cow::Borrowed(text),
        };
        match &slot.conditional_text {
            None => out.push_str(&escaped(text)),
            Some(shown) if is_true_word(&decision(text, escaped)) => {
                out.push_str(&self.content[shown.clone()]);
            }
            Some(_) => {}
        }
    }

    fn placeholder(&self, slot: &Slot) -> Placeholder<'_> {
        Placeholder {
            name: &self.content[slot.name.clone()],
            conditional_text: slot
                .conditional_text
                .clone()
                .map(|place| &self.content[place]),
        }
    }
}

impl Slot {
    fn new(place: Range<usize>, found: Placeholder<'_>) -> Self {
        let name = place.start + 2..place.start + 2 + found.name.len();
        // The name is followed by `??`, the text by `))`.
        let conditional_text = found.conditional_text.map(|_| name.end + 2..place.end - 2);
        Self {
            key: name_key(found.name).into_boxed_str(),
            place,
            name,
            conditional_text,
        }
    }
}

/// Returns the value that decides about a conditional text. It is compared after escaping, as the reference does. Only a
/// character reference can become part of a true word by that, so that long values are not escaped without need.
fn decision<'text>(
    text: &'text str,
    escaped: impl Fn(&'text str) -> Cow<'text, str>,
) -> Cow<'text, str> {
    if text.as_bytes().contains(&b'&') {
        escaped(text)
    } else {
        Cow::Borrowed(text)
    }
}

/// Writes the representation of a placeholder without a value.
fn write_missing(
    out: &mut String,
    Placeholder {
        name,
        conditional_text,
    }: Placeholder<'_>,
    field: Field,
) {
    let parts: &[&str] = match (field.target, field.missing, conditional_text) {
        (Target::Html, Missing::Redacted, _) => {
            &["<span class='placeholder-redacted'>hidden</span>"]
        }
        (Target::PlainText, Missing::Redacted, _) => &["[hidden]"],
        (Target::Html, _, Some(text)) => &[
            "<span class='placeholder-conditional'>&#40;&#40;",
            name,
            "??</span>",
            text,
            "&#41;&#41;",
        ],
        (Target::PlainText, _, Some(text)) => &["((", name, "??", text, "))"],
        (Target::Html, Missing::NamedWithoutBrackets, None) => {
            &["<span class='placeholder-no-brackets'>", name, "</span>"]
        }
        (Target::PlainText, Missing::NamedWithoutBrackets, None) => &[name],
        (Target::Html, Missing::Named, None) => &[
            "<span class='placeholder'>&#40;&#40;",
            name,
            "&#41;&#41;</span>",
        ],
        (Target::PlainText, Missing::Named, None) => &["((", name, "))"],
    };
    out.extend(parts.iter().copied());
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn values(pairs: &[(&str, Value)]) -> Values {
        pairs
            .iter()
            .map(|(name, value)| (*name, value.clone()))
            .collect()
    }

    #[test]
    fn what_is_put_in_is_not_scanned_again() {
        let text = Text::parse("((a)) (((b))) ((c??((d))))");
        let filled = text.fill_plain(&values(&[("A", json!("((b))")), ("b", json!("(("))]));
        assert_eq!(filled, "((b)) ((() ((c??((d))))");
        assert_eq!(
            text.placeholders().iter().collect::<Vec<_>>(),
            ["a", "b", "d"]
        );
    }

    #[test]
    fn a_conditional_text_is_shown_for_true_words_only() {
        let text = Text::parse("x((on??, y ?? z))((off?? hidden))");
        let given = values(&[("on", json!("Yes")), ("off", json!(2))]);
        assert_eq!(text.fill_plain(&given), "x, y ?? z");
        assert_eq!(
            text.fill_plain(&values(&[("on", json!(["yes"])), ("off", json!("no"))])),
            "x, y ?? z"
        );
    }

    #[test]
    fn each_field_shows_a_missing_placeholder_in_its_own_way() {
        let text = Text::parse("((n)) ((c??t & u))");
        let none = Values::new();
        for (field, shown) in [
            (
                Field::HTML,
                "<span class='placeholder'>&#40;&#40;n&#41;&#41;</span> \
                 <span class='placeholder-conditional'>&#40;&#40;c??</span>t &amp; u&#41;&#41;",
            ),
            (
                Field::UNESCAPED_HTML.without_brackets(),
                "<span class='placeholder-no-brackets'>n</span> \
                 <span class='placeholder-conditional'>&#40;&#40;c??</span>t & u&#41;&#41;",
            ),
            (
                Field::HTML.redacting(),
                "<span class='placeholder-redacted'>hidden</span> <span class='placeholder-redacted'>hidden</span>",
            ),
            (Field::PLAIN, "((n)) ((c??t & u))"),
            (Field::PLAIN.without_brackets(), "n ((c??t & u))"),
            (Field::PLAIN.with_redaction(true), "[hidden] [hidden]"),
        ] {
            assert_eq!(text.fill(&none, field), shown);
        }
    }

    #[test]
    fn escaping_reaches_the_text_the_names_and_the_values() {
        let text = Text::parse("<b> ((a < b)) ((list)) &#40;&#40;v&#41;&#41;");
        let given = values(&[
            ("a &lt; b", json!("x & y")),
            ("list", json!(["<i>", "&copy;"])),
            ("v", json!("found")),
        ]);
        assert_eq!(
            text.fill(&given, Field::HTML),
            "&lt;b&gt; x &amp; y &lt;i&gt; and © found"
        );
        assert_eq!(
            text.placeholders().iter().collect::<Vec<_>>(),
            ["a < b", "list"]
        );
    }

    #[test]
    fn an_email_is_empty_if_its_placeholders_are_all_and_leave_nothing() {
        for (content, is_empty) in [
            ("", true),
            ("((a))((b))", true),
            ("((a)) ", false),
            ("  ", false),
            ("((c))", false),
        ] {
            let text = Text::parse(content);
            let given = values(&[("a", json!(" ")), ("b", json!([])), ("c", json!("x"))]);
            let filled = text.filled_source(&given, false);
            assert_eq!(text.is_message_empty(&filled), is_empty, "{content}");
        }
    }

    #[test]
    fn the_size_of_a_filled_text_is_known_before_it_is_filled() {
        let text = Text::parse("((a))((a)) ((list)) ((a??shown)) &#40;&#40;a&#41;&#41;");
        let given = values(&[
            ("a", json!("x".repeat(1000))),
            ("list", json!(["y".repeat(500), null, 12])),
        ]);
        let size = text.filled_size(&given);
        let filled = text.fill(&given, Field::HTML).len();
        assert_eq!(filled, 3_000 + 500 + "  and 12  ".len());
        assert!((filled..filled + 200).contains(&size), "{size}");
        assert_eq!(Text::parse("abc").filled_size(&Values::new()), 3);
    }

    #[test]
    fn lists_become_bullets_where_asked() {
        let text = Text::parse("Bring: ((things))");
        let given = values(&[("things", json!(["<b>", "c"]))]);
        assert_eq!(
            text.fill(&given, Field::HTML.with_markdown_lists()),
            "Bring: \n\n* &lt;b&gt;\n* c"
        );
        assert_eq!(text.fill_plain(&given), "Bring: <b> and c");
    }
}
