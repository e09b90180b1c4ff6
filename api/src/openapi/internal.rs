use serde_json::json;

use super::{
    INTERNAL_TAG,
    operation::Operation,
    requests::{id, reference},
};

/// Returns the documentation of an internal endpoint: a title, the parameters of the path, and the general shape of
/// responses. Their bodies are not described.
pub(crate) fn internal_operation(
    path: &str,
    operation_id: String,
    title: &'static str,
) -> Operation {
    let mut operation = Operation::new(INTERNAL_TAG, title).id(operation_id);
    let parameters = path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    for name in parameters {
        let schema = match name {
            // All other parameters of internal paths are ids.
            "version" | "row" => json!({"type": "integer", "minimum": 0}),
            _ => id(),
        };
        operation = operation.parameter(json!({
            "name": name, "in": "path", "required": true, "schema": schema,
        }));
    }
    operation
        .class_of_responses("2XX", "Success", json!({}))
        .class_of_responses(
            "4XX",
            "The request is invalid or not allowed",
            reference("LegacyError"),
        )
        .class_of_responses(
            "5XX",
            "Internal error or overload",
            reference("LegacyError"),
        )
}
