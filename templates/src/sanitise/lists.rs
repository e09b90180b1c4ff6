//! Lists for people: `‘a’, ‘b’ and ‘c’` (`docs/spec/templates.md` §11.2).

use std::borrow::Cow;

use text::html_escape::escape;

/// How a list is written. Begin with the default and change what differs.
#[derive(Debug, Clone, Copy)]
pub struct FormattedList<'text> {
    /// What stands before the last item.
    pub conjunction: &'text str,
    /// What stands before each item.
    pub before_each: &'text str,
    /// What stands after each item.
    pub after_each: &'text str,
    /// What stands between the others.
    pub separator: &'text str,
    /// What stands before a list of one.
    pub prefix: &'text str,
    /// What stands before a list of several.
    pub prefix_plural: &'text str,
    /// If there are more items than this, the last that are shown make room for a word.
    pub max_items_shown: Option<usize>,
    /// That word.
    pub word_for_items_not_shown: &'text str,
}

/// A list is to be cut short, but there is no word for what is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("word_for_items_not_shown is required when max_items_shown is given")]
pub struct NoWordForTheRest;

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
    /// The list with its items escaped for HTML; what is put around them is not.
    pub fn to_html(&self, items: &[String]) -> Result<String, NoWordForTheRest> {
        self.write(items.iter().map(|item| escape(item)).collect())
    }

    /// The list with its items as they are.
    pub fn to_text(&self, items: &[String]) -> Result<String, NoWordForTheRest> {
        self.write(items.iter().map(Cow::from).collect())
    }

    fn write(&self, items: Vec<Cow<'_, str>>) -> Result<String, NoWordForTheRest> {
        if self.max_items_shown.is_some() && self.word_for_items_not_shown.is_empty() {
            return Err(NoWordForTheRest);
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

    /// The items that are shown, and the word for the others.
    fn shown(&self, mut items: Vec<Cow<'_, str>>) -> Vec<String> {
        let hides_some = self.max_items_shown.is_some_and(|most| items.len() > most);
        if let Some(most) = self.max_items_shown.filter(|_| hides_some) {
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
        assert_eq!(list.to_text(&[]), Err(NoWordForTheRest));
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
