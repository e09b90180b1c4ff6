//! Values for the placeholders of a template (`docs/spec/templates.md` §2.2, "name map").

use indexmap::{IndexMap, map::Entry};
use serde_json::{Map, Value};

use super::name_key;

/// Values by name. A repeated name, however spelt, keeps its first position and spelling and its last value.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Values {
    by_key: IndexMap<Box<str>, Given>,
}

#[derive(Debug, Clone, PartialEq)]
struct Given {
    name: String,
    value: Value,
}

impl Values {
    /// Creates an empty set: every placeholder is missing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates values from the members of a JSON object, in its order.
    pub fn from_json(object: &Map<String, Value>) -> Self {
        object
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// Sets the value of a name.
    pub fn insert(&mut self, name: impl Into<String>, value: Value) {
        let name = name.into();
        match self.by_key.entry(name_key(&name).into_boxed_str()) {
            Entry::Occupied(mut there) => there.get_mut().value = value,
            Entry::Vacant(free) => {
                free.insert(Given { name, value });
            }
        }
    }

    /// Returns the value of this name, however spelt.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.get_by_key(&name_key(name))
    }

    /// Returns the value of the name with this key (see [`name_key`]).
    pub fn get_by_key(&self, key: &str) -> Option<&Value> {
        self.by_key.get(key).map(|given| &given.value)
    }

    /// Iterates over names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.by_key
            .values()
            .map(|given| (given.name.as_str(), &given.value))
    }

    /// Iterates over keys, names and values, in order.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str, &Value)> {
        self.by_key
            .iter()
            .map(|(key, given)| (&**key, given.name.as_str(), &given.value))
    }

    /// Returns the number of names.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Returns whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }
}

impl<Name: Into<String>> FromIterator<(Name, Value)> for Values {
    fn from_iter<Pairs: IntoIterator<Item = (Name, Value)>>(pairs: Pairs) -> Self {
        let mut values = Self::new();
        for (name, value) in pairs {
            values.insert(name, value);
        }
        values
    }
}

impl From<Map<String, Value>> for Values {
    fn from(object: Map<String, Value>) -> Self {
        object.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_keeps_its_first_place_and_its_last_value() {
        let values: Values = [("B", json!(1)), ("a", json!(2)), ("b", json!(3))]
            .into_iter()
            .collect();
        let pairs: Vec<_> = values.iter().collect();
        assert_eq!(pairs, [("B", &json!(3)), ("a", &json!(2))]);
        assert_eq!(values.get("_b"), Some(&json!(3)));
        assert_eq!(values.get_by_key("a"), Some(&json!(2)));
        assert_eq!(values.get("c"), None);
    }
}
