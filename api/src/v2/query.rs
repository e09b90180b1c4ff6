//! Query strings of lists.

use serde_json::Value;

use crate::problem::{Problem, display_value, unexpected_keys};

/// A query string: keys in the order of their first appearance, each with its values.
pub(super) struct Query(Vec<(String, Vec<String>)>);

impl Query {
    pub(super) fn parse(text: Option<&str>) -> Self {
        let mut keys: Vec<(String, Vec<String>)> = Vec::new();
        for (key, value) in form_urlencoded::parse(text.unwrap_or_default().as_bytes()) {
            match keys.iter_mut().find(|(known, _)| *known == key) {
                Some((_, values)) => values.push(value.into_owned()),
                None => keys.push((key.into_owned(), vec![value.into_owned()])),
            }
        }
        Self(keys)
    }

    /// Removes NULs from the values.
    pub(super) fn without_nul(mut self) -> Self {
        for value in self.0.iter_mut().flat_map(|(_, values)| values) {
            value.retain(|character| character != '\0');
        }
        self
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0
            .iter()
            .map(|(key, values)| (key.as_str(), values.as_slice()))
    }

    pub(super) fn values(&self, key: &str) -> &[String] {
        self.iter()
            .find(|(known, _)| *known == key)
            .map_or(&[], |(_, values)| values)
    }

    /// Returns the value of a key that can be given once; of several the first counts.
    pub(super) fn first(&self, key: &str) -> Option<&str> {
        self.values(key).first().map(String::as_str)
    }

    /// Parses the id of a key, and adds to the errors if it is none.
    pub(super) fn id<T: std::str::FromStr>(
        &self,
        key: &str,
        errors: &mut Vec<String>,
    ) -> Option<T> {
        let id = self.first(key)?.parse();
        if id.is_err() {
            errors.push(format!("{key} is not a valid UUID"));
        }
        id.ok()
    }

    /// Fails with these errors and one about keys that are not known, if there are any.
    pub(super) fn check(&self, known: &[&str], mut errors: Vec<String>) -> Result<(), Problem> {
        let mut unknown: Vec<&str> = self
            .iter()
            .map(|(key, _)| key)
            .filter(|key| !known.contains(key))
            .collect();
        // By code point, as the unknown keys of a body (`docs/spec/public-api.md` §5.3).
        unknown.sort_unstable();
        let names: Vec<String> = unknown
            .into_iter()
            .map(|key| display_value(&Value::from(key)))
            .collect();
        errors.extend(unexpected_keys(&names));
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Problem::validation(errors))
        }
    }
}

/// Returns where the page of a list begins, if `older_than` is the only key that the list knows.
pub(super) fn older_than<T: std::str::FromStr>(text: Option<&str>) -> Result<Option<T>, Problem> {
    let query = Query::parse(text);
    let mut errors = Vec::new();
    let id = query.id("older_than", &mut errors);
    query.check(&["older_than"], errors)?;
    Ok(id)
}
