//! Moves examples that many operations have in common to the components of the document, to keep it readable.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Replaces every example of a response that has the same value wherever its name is used, and is used more than once,
/// with a reference.
pub(super) fn share(document: &mut Value) {
    let mut uses: BTreeMap<String, (Value, Option<u32>)> = BTreeMap::new();
    each_example(document, |name, example| {
        let (first, count) = uses
            .entry(name.to_owned())
            .or_insert_with(|| (example.clone(), Some(0)));
        // Two values under one name: `None` from then on, and each stays where it is.
        *count = count.filter(|_| first == example).map(|count| count + 1);
    });
    let shared: Map<String, Value> = uses
        .into_iter()
        .filter(|(_, (_, count))| count.is_some_and(|count| count > 1))
        .map(|(name, (example, _))| (name, example))
        .collect();
    each_example(document, |name, example| {
        if shared.contains_key(name) {
            *example = json!({"$ref": format!("#/components/examples/{name}")});
        }
    });
    document["components"]["examples"] = shared.into();
}

fn each_example(document: &mut Value, mut of: impl FnMut(&str, &mut Value)) {
    let items = members(document.get_mut("paths"));
    for (_, operation) in items.flat_map(|(_, item)| members(Some(item))) {
        for (_, response) in members(operation.get_mut("responses")) {
            for (_, content) in members(response.get_mut("content")) {
                for (name, example) in members(content.get_mut("examples")) {
                    of(name, example);
                }
            }
        }
    }
}

fn members(value: Option<&mut Value>) -> impl Iterator<Item = (&String, &mut Value)> {
    value.and_then(Value::as_object_mut).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_examples_are_shared() {
        let response = |examples: Value| json!({"responses": {"400": {"content": {"a": {"examples": examples}}}}});
        let mut document = json!({
            "paths": {
                "/a": {"get": response(json!({"same": {"value": 1}, "other": {"value": 1}, "only": {"value": 1}}))},
                "/b": {"get": response(json!({"same": {"value": 1}, "other": {"value": 2}}))},
            },
            "components": {},
        });
        share(&mut document);
        assert_eq!(
            document["components"]["examples"],
            json!({"same": {"value": 1}})
        );
        let shared = json!({"$ref": "#/components/examples/same"});
        let told = |path: &str, name: &str| {
            document["paths"][path]["get"]["responses"]["400"]["content"]["a"]["examples"][name]
                .clone()
        };
        assert_eq!(
            (told("/a", "same"), told("/b", "same")),
            (shared.clone(), shared)
        );
        assert_eq!(told("/b", "other"), json!({"value": 2}));
    }
}
