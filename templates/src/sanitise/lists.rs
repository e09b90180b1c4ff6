//! Lists in running text: `‘a’, ‘b’ and ‘c’` (`docs/spec/templates.md` §11.2).

use std::borrow::Cow;

use text::html_escape::escape;

/// Options for formatting a list. Start from the default and change what differs.
#[derive(Debug, Clone, Copy)]
pub struct FormattedList<'text> {
    /// Word before the last item.
    pub conjunction: &'text str,
    /// Text before each item.
    pub before_each: &'text str,
    /// Text after each item.
    pub after_each: &'text str,
    /// Text between the other items.
    pub separator: &'text str,
    /// Text before a list of one item.
    pub prefix: &'text str,
    /// Text before a list of several items.
    pub prefix_plural: &'text str,
    /// Maximum number of items; further ones are replaced by `word_for_items_not_shown`.
    pub max_items_shown: Option<usize>,
    /// Replaces the items beyond `max_items_shown`.
    pub word_for_items_not_shown: &'text str,
}

/// The list exceeds `max_items_shown`, but there is no word to replace the other items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("word_for_items_not_shown is required when max_items_shown is given")]
pub struct MissingOverflowWord;

impl Default for FormattedList<'_> {
    fn default() -> Self {
        Self {
            conjunction: "and",
            before_each: "‘",
            after_each: "’",
            separator: ", ",
            prefix: "",
            prefix_plural: "",
            max_items_shown: None,
            word_for_items_not_shown: "",
        }
    }
}

impl FormattedList<'_> {
    /// Formats the list with its items escaped for HTML; the texts around them are not.
    pub fn to_html(&self, items: &[String]) -> Result<String, MissingOverflowWord> {
        self.write(items.iter().map(|item| escape(item)).collect())
    }

    /// Formats the list without escaping.
    pub fn to_text(&self, items: &[String]) -> Result<String, MissingOverflowWord> {
        self.write(items.iter().map(Cow::from).collect())
    }

    fn write(&self, items: Vec<Cow<'_, str>>) -> Result<String, MissingOverflowWord> {
        if self.max_items_shown.is_some() && self.word_for_items_not_shown.is_empty() {
            return Err(MissingOverflowWord);
        }
        let is_single = items.len() == 1;
        let shown = self.shown(items);
        Ok(match shown.as_slice() {
            [] => String::new(),
            [first, ..] if is_single => format!("{}{first}", spaced(self.prefix)),
            [only] => format!("{}{only}", spaced(self.prefix_plural)),
            [first @ .., last] => {
                let (prefix, first) = (spaced(self.prefix_plural), first.join(self.separator));
                format!("{prefix}{first} {} {last}", self.conjunction)
            }
        })
    }

    /// Returns the items to show, the overflow word included.
    fn shown(&self, mut items: Vec<Cow<'_, str>>) -> Vec<String> {
        let hides_some = self.max_items_shown.is_some_and(|most| items.len() > most);
        if let Some(most) = self.max_items_shown.filter(|_| hides_some) {
            // The word for the others takes the place of the last one that would fit.
            items.truncate(most.saturating_sub(1).max(1));
        }
        let shown = items
            .into_iter()
            .map(|item| format!("{}{item}{}", self.before_each, self.after_each));
        shown
            .chain(hides_some.then(|| self.word_for_items_not_shown.to_owned()))
            .collect()
    }
}

fn spaced(prefix: &str) -> String {
    if prefix.is_empty() {
        String::new()
    } else {
        format!("{prefix} ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(list: FormattedList<'_>, items: &[&str]) -> String {
        let items: Vec<String> = items.iter().map(ToString::to_string).collect();
        list.to_text(&items).expect("a list")
    }

    #[test]
    fn a_list_names_its_items_and_joins_the_last() {
        let list = FormattedList {
            prefix: "item",
            prefix_plural: "items",
            ..FormattedList::default()
        };
        assert_eq!(text(list, &[]), "");
        assert_eq!(text(list, &["a"]), "item ‘a’");
        assert_eq!(text(list, &["a", "b", "c"]), "items ‘a’, ‘b’ and ‘c’");
    }

    #[test]
    fn a_long_list_ends_in_a_word_for_the_rest() {
        let list = |most| FormattedList {
            max_items_shown: Some(most),
            word_for_items_not_shown: "more",
            ..FormattedList::default()
        };
        assert_eq!(text(list(3), &["a", "b", "c"]), "‘a’, ‘b’ and ‘c’");
        assert_eq!(text(list(3), &["a", "b", "c", "d"]), "‘a’, ‘b’ and more");
        assert_eq!(text(list(0), &["a", "b"]), "‘a’ and more");
        assert_eq!(text(list(0), &["a"]), "‘a’");
    }

    #[test]
    fn a_list_that_is_cut_short_needs_the_word() {
        let list = FormattedList {
            max_items_shown: Some(3),
            ..FormattedList::default()
        };
        assert_eq!(list.to_text(&[]), Err(MissingOverflowWord));
    }

    #[test]
    fn only_items_are_escaped() {
        let list = FormattedList {
            before_each: "<b>",
            after_each: "</b>",
            ..FormattedList::default()
        };
        assert_eq!(
            list.to_html(&["<".to_owned()]),
            Ok("<b>&lt;</b>".to_owned())
        );
    }
}
