use serde_json::Value;
use text::python_repr;

/// Writes a value as error texts quote it: as Python's `repr`, without any apostrophe.
pub(crate) fn display_value(value: &Value) -> String {
    python_repr(value).replace('\'', "")
}

/// Returns the text about keys that the schema does not have, or nothing if there are none.
pub(crate) fn unexpected_keys(names: &[String]) -> Option<String> {
    let verb = match names.len() {
        0 => return None,
        1 => "was",
        _ => "were",
    };
    Some(format!(
        "Additional properties are not allowed ({} {verb} unexpected)",
        names.join(", ")
    ))
}
