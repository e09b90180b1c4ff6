//! As much of JSON Schema as the API document uses, and stricter: a key that an object's schema does not name is a
//! mismatch, so that every field of a response is documented.

use serde_json::Value;

/// Returns every mismatch between a value and a schema of the document.
pub(super) fn faults(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    look(document, schema, value, "", &mut faults);
    faults
}

fn look(document: &Value, schema: &Value, value: &Value, place: &str, faults: &mut Vec<String>) {
    if let Some(target) = schema["$ref"].as_str() {
        let schema = document.pointer(&target[1..]).expect("it is there");
        return look(document, schema, value, place, faults);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let of = |choice| {
            let mut faults = Vec::new();
            look(document, choice, value, place, &mut faults);
            faults
        };
        let tried: Vec<Vec<String>> = choices.iter().map(of).collect();
        if tried.iter().all(|faults| !faults.is_empty()) {
            faults.extend(tried.into_iter().flatten());
        }
        return;
    }
    let mut say = |what: &str| faults.push(format!("{place} {value} {what}"));
    if !is_of_type(&schema["type"], value) {
        return say(&format!("is not {}", schema["type"]));
    }
    if let Some(all) = schema["enum"].as_array()
        && !all.contains(value)
    {
        say("is none of the enumeration");
    }
    if let Some(one) = schema.get("const")
        && one != value
    {
        say(&format!("is not {one}"));
    }
    if let Some(text) = value.as_str() {
        for fault in text_faults(schema, text) {
            say(&fault);
        }
    }
    for key in schema["required"].as_array().into_iter().flatten() {
        if value.is_object() && value.get(key.as_str().unwrap()).is_none() {
            say(&format!("has no {key}"));
        }
    }
    look_inside(document, schema, value, place, faults);
}

fn look_inside(
    document: &Value,
    schema: &Value,
    value: &Value,
    place: &str,
    faults: &mut Vec<String>,
) {
    for (key, member) in value.as_object().into_iter().flatten() {
        let place = format!("{place}/{key}");
        let named = schema["properties"].get(key);
        match named.or(schema.get("additionalProperties")) {
            Some(schema) if schema.is_object() => look(document, schema, member, &place, faults),
            Some(Value::Bool(true)) => {}
            None if schema["properties"].is_null() => {}
            _ => faults.push(format!("{place} is not told")),
        }
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        if let Some(schema) = schema.get("items") {
            look(document, schema, item, &format!("{place}/{index}"), faults);
        }
    }
}

fn is_of_type(told: &Value, value: &Value) -> bool {
    let fits = |name: &Value| match name.as_str() {
        Some("null") => value.is_null(),
        Some("boolean") => value.is_boolean(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => false,
    };
    match told {
        Value::Null => true,
        Value::Array(several) => several.iter().any(fits),
        one => fits(one),
    }
}

fn text_faults(schema: &Value, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if let Some(pattern) = schema["pattern"].as_str()
        && !regex::Regex::new(pattern).unwrap().is_match(text)
    {
        faults.push(format!("does not match {pattern}"));
    }
    let fits = match schema["format"].as_str() {
        Some("uuid") => uuid::Uuid::parse_str(text).is_ok(),
        Some("date-time") => text.parse::<domain::Timestamp>().is_ok(),
        Some("email") => text.contains('@'),
        Some("uri") => text.contains("://"),
        _ => true,
    };
    if !fits {
        faults.push(format!("is no {}", schema["format"]));
    }
    faults
}
