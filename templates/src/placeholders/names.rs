//! Names of placeholders and the keys by which they are compared (`docs/spec/templates.md` §2.2).

use indexmap::IndexMap;

/// What a name is compared by: without spaces, `_` and `-`, in lower case. No other character is ignored.
pub use text::column_key as name_key;

/// Names in order of first appearance, each in its first spelling.
#[derive(Debug, Clone, Default)]
pub struct NameSet {
    spelling_by_key: IndexMap<Box<str>, Box<str>>,
}

impl NameSet {
    /// Creates an empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a name unless one with the same key is there already.
    pub fn insert(&mut self, name: &str) {
        self.insert_with_key(name_key(name).into_boxed_str(), name);
    }

    /// Iterates over the spellings, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.spelling_by_key.values().map(AsRef::as_ref)
    }

    /// Iterates over keys and spellings, in order.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        self.spelling_by_key
            .iter()
            .map(|(key, spelling)| (&**key, &**spelling))
    }

    /// Returns whether the set contains this name, however spelt.
    pub fn contains(&self, name: &str) -> bool {
        self.contains_key(&name_key(name))
    }

    /// Returns whether the set contains a name with this key.
    pub fn contains_key(&self, key: &str) -> bool {
        self.spelling_by_key.contains_key(key)
    }

    /// Returns the number of names.
    pub fn len(&self) -> usize {
        self.spelling_by_key.len()
    }

    /// Returns whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.spelling_by_key.is_empty()
    }

    /// Returns these names, followed by those that only `other` has.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut all = self.clone();
        for (key, name) in other.entries() {
            all.insert_with_key(key.into(), name);
        }
        all
    }

    /// Returns the names that `other` has too, in the spelling and order of `self`.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.only(|key| other.contains_key(key))
    }

    /// Returns the names that `other` does not have.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        self.only(|key| !other.contains_key(key))
    }

    fn only(&self, is_wanted: impl Fn(&str) -> bool) -> Self {
        let wanted = self
            .spelling_by_key
            .iter()
            .filter(|(key, _)| is_wanted(key));
        Self {
            spelling_by_key: wanted
                .map(|(key, spelling)| (key.clone(), spelling.clone()))
                .collect(),
        }
    }

    pub(super) fn insert_with_key(&mut self, key: Box<str>, name: &str) {
        self.spelling_by_key
            .entry(key)
            // The first spelling stays: it is the one that errors and previews show.
            .or_insert_with(|| name.into());
    }
}

impl<Name: AsRef<str>> FromIterator<Name> for NameSet {
    fn from_iter<Names: IntoIterator<Item = Name>>(names: Names) -> Self {
        let mut set = Self::new();
        for name in names {
            set.insert(name.as_ref());
        }
        set
    }
}

/// Compares keys, ignoring order and spelling.
impl PartialEq for NameSet {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self
                .spelling_by_key
                .keys()
                .all(|key| other.contains_key(key))
    }
}

impl Eq for NameSet {}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(spellings: &[&str]) -> NameSet {
        spellings.iter().collect()
    }

    fn spellings(names: &NameSet) -> Vec<&str> {
        names.iter().collect()
    }

    #[test]
    fn a_key_looks_past_case_spaces_underscores_and_hyphens_only() {
        let cases = [
            ("First_Na-me", "firstname"),
            ("-- _", ""),
            ("tab\tkey", "tab\tkey"),
            ("ΑΣ", "ας"),
            ("ΑΣ-Α", "ασα"),
            ("İ.en–dash", "i\u{307}.en–dash"),
        ];
        for (name, key) in cases {
            assert_eq!(name_key(name), key);
        }
    }

    #[test]
    fn the_first_spelling_stays() {
        let set = names(&["x Y", "a", "X-y"]);
        assert_eq!(spellings(&set), ["x Y", "a"]);
        assert!(set.contains("XY") && set.contains_key("xy") && !set.contains("b"));
    }

    #[test]
    fn sets_combine_in_the_order_of_the_left() {
        let (left, right) = (names(&["B", "a", "c"]), names(&["D", "A", "b"]));
        assert_eq!(spellings(&left.union(&right)), ["B", "a", "c", "D"]);
        assert_eq!(spellings(&left.intersection(&right)), ["B", "a"]);
        assert_eq!(spellings(&left.difference(&right)), ["c"]);
        assert_ne!(left, right);
        assert_eq!(left, names(&["C", "b", "A"]));
    }
}
